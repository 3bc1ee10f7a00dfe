"""SARTM's answers on rendered scenes it has not seen, as one picture: typical ones and the worst.

    python -m benchmarks.sartm_overlays OUT.jpg [--model sartm_small] [--weights FOLDER]
        [--cache FOLDER] [--count 8] [--worst 2] [--pairs FOLDER]

A line shows colour, thermal, the answer from both, and the truth in the classes that the model
knows, with its mean IoU. The frames are the `val` worlds of ``benchmarks/sartm_scenes.py``: the
worst by mean IoU, the others at even steps of the rest from best to worst. With --pairs also the
answers on real pairs of THERMOSCOPE_DATA (both, colour alone, thermal alone) are written there, to
be looked at; they are not ours to show.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from thermoscope.core.files import data_folder
from thermoscope.core.sample import IGNORE_INDEX, Sample
from thermoscope.data.real_pairs import real_frames
from thermoscope.engine.dense_pictures import class_colours
from thermoscope.engine.evaluate_segmentation import pair_of
from thermoscope.engine.labelled_frames import open_frames
from thermoscope.engine.segmenters import INPUTS, Segmenter, segmenter_of
from thermoscope.metrics.segmentation import ConfusionMatrix
from thermoscope.models.load import load_model
from thermoscope.recipes.sartm import PRESETS
from thermoscope.sensor.tone import tone_map
from thermoscope.synthetic.labels import TAXONOMIES

Picture = NDArray[np.uint8]
OPACITY = 0.55
A_ROW = 9  # names


def colour_and_grey(sample: Sample) -> tuple[Picture, Picture]:
    """(H, W, 3) uint8 each."""
    pair = pair_of(sample)
    rgb = np.rint(255 * np.asarray(pair.rgb).transpose(1, 2, 0)).astype(np.uint8)
    grey = tone_map(np.asarray(pair.thermal), "percentile")
    return rgb, np.repeat(np.asarray(grey)[:, :, None], 3, axis=2)


def tinted(picture: Picture, labels: NDArray[Any], classes: Sequence[str]) -> Picture:
    """By class; what has no label stays."""
    known = labels < len(classes)
    colours = class_colours(classes)[np.where(known, labels, 0)]
    mixed = (1 - OPACITY) * picture + OPACITY * colours
    return np.where(known[:, :, None], np.rint(mixed), picture).astype(np.uint8)


def chosen(scores: Sequence[float], count: int, worst: int) -> list[int]:
    """Indices: at even steps from best to worst, and the worst last.

    Example:
        >>> chosen([0.5, 0.1, 0.9, 0.7, 0.2], 3, 1)
        [2, 4, 1]
    """
    order = sorted(range(len(scores)), key=lambda i: -scores[i])
    tail = order[len(order) - worst :]
    rest = order[: len(order) - worst]
    steps = np.linspace(0, len(rest) - 1, max(count - worst, 0)).round().astype(int)
    return [rest[int(i)] for i in steps] + tail


def line(sample: Sample, labels: NDArray[Any], classes: Sequence[str], miou: float) -> Picture:
    """Colour, thermal, answer, truth."""
    rgb, grey = colour_and_grey(sample)
    truth = np.asarray(sample["labels"]).reshape(labels.shape)
    shown = [rgb, grey, tinted(grey, labels, classes), tinted(grey, truth, classes)]
    cells = [np.ascontiguousarray(cell) for cell in shown]
    words = ("colour", "thermal", f"answer, mean IoU {100 * miou:.0f} %", "truth")
    for cell, text in zip(cells, words, strict=True):
        cv2.putText(cell, text, (6, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 3, cv2.LINE_AA)
        cv2.putText(
            cell, text, (6, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (255, 255, 255), 1, cv2.LINE_AA
        )
    return np.concatenate(cells, axis=1)


def legend(classes: Sequence[str], width: int, seen: Sequence[int] | None = None) -> Picture:
    """Names of the classes seen (all if None) on their colours, in rows."""
    ids = list(range(len(classes))) if seen is None else list(seen)
    strip = np.zeros((24 * -(-len(ids) // A_ROW), width, 3), np.uint8)
    step, colours = width // min(A_ROW, len(ids)), class_colours(classes)
    for place, index in enumerate(ids):
        row, column = divmod(place, A_ROW)
        strip[24 * row : 24 * row + 24, column * step : (column + 1) * step] = colours[index]
        name, where = classes[index], (column * step + 4, 24 * row + 16)
        cv2.putText(strip, name, where, cv2.FONT_HERSHEY_SIMPLEX, 0.38, (0, 0, 0), 3, cv2.LINE_AA)
        cv2.putText(
            strip, name, where, cv2.FONT_HERSHEY_SIMPLEX, 0.38, (255, 255, 255), 1, cv2.LINE_AA
        )
    return strip


def scenes_picture(segmenter: Segmenter, cache: Path | None, count: int, worst: int) -> Picture:
    """All lines and the legend."""
    held_out = frames_of(segmenter.classes, cache)
    answers = [segmenter.labels(pair_of(sample)) for sample in held_out]
    scores = []
    for sample, labels in zip(held_out, answers, strict=True):
        matrix = ConfusionMatrix(segmenter.classes)
        matrix.update(labels, np.asarray(sample["labels"]).reshape(labels.shape))
        scores.append(float(matrix.scores("present").miou))
    places = chosen(scores, count, worst)
    lines = [line(held_out[i], answers[i], segmenter.classes, scores[i]) for i in places]
    seen = ids_in([answers[i] for i in places] + [held_out[i]["labels"] for i in places])
    return np.concatenate([*lines, legend(segmenter.classes, lines[0].shape[1], seen)])


def frames_of(classes: Sequence[str], cache: Path | None) -> list[Sample]:
    """The held-out frames with the labels that the model knows; with MFNet's if with none."""
    taxonomy = next((t.name for t in TAXONOMIES.values() if t.classes == tuple(classes)), "mfnet")
    choice = replace(PRESETS["small"].val, root=cache, taxonomy=taxonomy)
    return list(open_frames(choice, truth="labels"))


def ids_in(maps: Sequence[Any]) -> list[int]:
    """Classes that any of these label maps has, rising; 255 is none."""
    found = np.unique(np.concatenate([np.unique(labels) for labels in maps]))
    return [int(i) for i in found if i != IGNORE_INDEX]


def real_pictures(segmenter: Segmenter, root: Path, out: Path, count: int) -> None:
    """Colour, thermal, and the answers from both and from either, a file a pair."""
    out.mkdir(parents=True, exist_ok=True)
    for source in ("msrs", "roadscene"):
        data = real_frames(root, source, split="val")
        for index in np.linspace(0, len(data) - 1, count).astype(int):
            sample = data[int(index)]
            rgb, grey = colour_and_grey(sample)
            answers = {name: segmenter.labels(pair_of(sample).only(name)) for name in INPUTS}
            cells = [
                tinted(rgb if name == "rgb" else grey, labels, segmenter.classes)
                for name, labels in answers.items()
            ]
            whole = np.concatenate([rgb, grey, *cells], axis=1)
            below = legend(segmenter.classes, whole.shape[1], ids_in(list(answers.values())))
            cv2.imwrite(
                str(out / f"{source}_{index:03d}.png"), np.concatenate([whole, below])[..., ::-1]
            )


def main(words: Sequence[str] | None = None) -> int:
    """Write the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--model", default="sartm_small")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--cache", type=Path, help="folder for rendered frames")
    parser.add_argument("--count", type=int, default=8)
    parser.add_argument("--worst", type=int, default=2)
    parser.add_argument("--pairs", type=Path, help="folder for pictures of real pairs")
    given = parser.parse_args(words)
    segmenter = segmenter_of(load_model(given.model, folder=given.weights), name=given.model)
    if given.pairs is not None:
        root = data_folder()
        if root is None:
            parser.error("the real pairs are under THERMOSCOPE_DATA, which is not set")
        real_pictures(segmenter, root, given.pairs, given.count)
    picture = scenes_picture(segmenter, given.cache, given.count, given.worst)
    cv2.imwrite(str(given.out), picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])
    return 0


if __name__ == "__main__":
    sys.exit(main())
