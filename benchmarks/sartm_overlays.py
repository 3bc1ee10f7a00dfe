"""SARTM's answers on rendered scenes it has not seen, as one picture: typical ones and the worst.

    python -m benchmarks.sartm_overlays OUT.jpg [--model sartm_small] [--weights FOLDER]
        [--cache FOLDER] [--count 8] [--worst 2] [--pairs FOLDER]

A line shows colour, thermal, the answer from both, and the truth, with its mean IoU. The frames are
the `val` worlds of ``benchmarks/sartm_scenes.py``: the worst by mean IoU, the others at even steps
of the rest from best to worst. With --pairs also the answers on real pairs of THERMOSCOPE_DATA
(both, colour alone, thermal alone) are written there, to be looked at; they are not ours to show.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks.sartm_scenes import frames

from thermoscope.core.files import data_folder
from thermoscope.core.sample import Sample
from thermoscope.data.real_pairs import real_frames
from thermoscope.engine.dense_pictures import class_colours
from thermoscope.engine.evaluate_segmentation import pair_of
from thermoscope.engine.segmenters import INPUTS, Segmenter, segmenter_of
from thermoscope.metrics.segmentation import ConfusionMatrix
from thermoscope.models.load import load_model
from thermoscope.sensor.tone import tone_map

Picture = NDArray[np.uint8]
OPACITY = 0.55


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


def legend(classes: Sequence[str], width: int) -> Picture:
    """Names on their colours."""
    strip = np.zeros((24, width, 3), np.uint8)
    step = width // len(classes)
    for index, (name, colour) in enumerate(zip(classes, class_colours(classes), strict=True)):
        strip[:, index * step : (index + 1) * step] = colour
        where = (index * step + 4, 16)
        cv2.putText(strip, name, where, cv2.FONT_HERSHEY_SIMPLEX, 0.38, (0, 0, 0), 3, cv2.LINE_AA)
        cv2.putText(
            strip, name, where, cv2.FONT_HERSHEY_SIMPLEX, 0.38, (255, 255, 255), 1, cv2.LINE_AA
        )
    return strip


def scenes_picture(segmenter: Segmenter, cache: Path | None, count: int, worst: int) -> Picture:
    """All lines and the legend."""
    held_out = list(frames(cache)[1])
    answers = [segmenter.labels(pair_of(sample)) for sample in held_out]
    scores = []
    for sample, labels in zip(held_out, answers, strict=True):
        matrix = ConfusionMatrix(segmenter.classes)
        matrix.update(labels, np.asarray(sample["labels"]).reshape(labels.shape))
        scores.append(float(matrix.scores("present").miou))
    lines = [
        line(held_out[i], answers[i], segmenter.classes, scores[i])
        for i in chosen(scores, count, worst)
    ]
    return np.concatenate([*lines, legend(segmenter.classes, lines[0].shape[1])])


def real_pictures(segmenter: Segmenter, root: Path, out: Path, count: int) -> None:
    """Colour, thermal, and the answers from both and from either, a file a pair."""
    out.mkdir(parents=True, exist_ok=True)
    for source in ("msrs", "roadscene"):
        data = real_frames(root, source, split="val")
        for index in np.linspace(0, len(data) - 1, count).astype(int):
            sample = data[int(index)]
            rgb, grey = colour_and_grey(sample)
            cells = [rgb, grey]
            for inputs in INPUTS:
                labels = segmenter.labels(pair_of(sample).only(inputs))
                cells.append(tinted(rgb if inputs == "rgb" else grey, labels, segmenter.classes))
            whole = np.concatenate(cells, axis=1)
            below = legend(segmenter.classes, whole.shape[1])
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
