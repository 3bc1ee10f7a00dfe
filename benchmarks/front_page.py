"""The README's picture: three rendered places that no weights have seen, and what is found there.

    python -m benchmarks.front_page [--out docs/images/overview.jpg] [--seed 0]

A line is a frame of the `val` worlds, rig of MS2: colour as the left thermal camera would take it,
thermal, classes from both (`sartm_small.fine`), and disparity of the two thermal views
(`thermostereort_base`, near is bright). Frames are taken by number, not by how well they do.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks.contact_sheet import write
from benchmarks.sartm_overlays import ids_in, legend, tinted

from thermoscope.engine.stereo_pictures import PALETTE, disparity_range_px
from thermoscope.models.load import load_model
from thermoscope.sensor.palette import apply_palette
from thermoscope.sensor.tone import tone_map
from thermoscope.synthetic.dataset import Scenes

Picture = NDArray[np.uint8]
CELL = (400, 160)
GAP, HEAD, EDGE = 3, 22, 74
COLUMNS = ("colour", "thermal", "classes from both", "disparity of two thermal views")
PLACES = {  # line to environment, hour and frame
    "street, day": ("urban", 13.0, 3),
    "street, night": ("urban", 23.0, 3),
    "track, day": ("offroad", 13.0, 1),
}
SEGMENTER, MATCHER = "sartm_small.fine", "thermostereort_base"


def cells(rgb: Picture, left: Picture, right: Picture) -> tuple[list[Picture], NDArray[np.int64]]:
    """The four pictures of a place, and its class ids.

    Args:
        rgb: (H, W, 3) uint8, in the grid of `left`.
        left: (H, W) counts.
        right: (H, W) counts, rectified with `left`.
    """
    grey = apply_palette(tone_map(left, "percentile"), "white_hot")
    classes = load_model(SEGMENTER).predict(rgb, left)
    found = load_model(MATCHER).predict(left, right).disparity
    low, high = disparity_range_px(found)
    share = np.sqrt(
        np.clip((found - low) / (high - low), 0, 1)
    )  # one near car must not dim the rest
    level = np.rint(255 * share).astype(np.uint8)
    shown = [
        rgb,
        grey,
        tinted(grey, classes.labels, classes.classes),
        apply_palette(level, PALETTE),
    ]
    return shown, classes.labels


def overview(seed: int) -> Picture:
    """All lines with their words, and the legend below."""
    width, height = CELL
    sheet = np.full(
        (HEAD + len(PLACES) * (height + GAP), EDGE + len(COLUMNS) * (width + GAP), 3), 24, np.uint8
    )
    answers = []
    for row, (name, (environment, hour, frame)) in enumerate(PLACES.items()):
        scenes = Scenes(
            split="val",
            environment=environment,
            seed=seed,
            preset="ms2",
            hour=hour,
            weather="clear",
            lens="rectified",
            count=frame + 1,
        )
        seen = scenes.observe(frame)
        rgb = np.rint(255 * seen.rgb_in_thermal.transpose(1, 2, 0)).astype(np.uint8)
        pictures, labels = cells(rgb, seen.counts[0], seen.counts_right[0])
        answers.append(labels)
        top = HEAD + row * (height + GAP)
        for line, word in enumerate(name.split(", ")):
            write(sheet, word, (6, top + height // 2 + 18 * line))
        for column, picture in enumerate(pictures):
            left = EDGE + column * (width + GAP)
            small = cv2.resize(picture, CELL, interpolation=cv2.INTER_AREA)
            sheet[top : top + height, left : left + width] = small
            if row == 0:
                write(sheet, COLUMNS[column], (left + 4, 15))
    classes = load_model(SEGMENTER).classes
    return np.concatenate([sheet, legend(classes, sheet.shape[1], ids_in(answers))])


def main(words: Sequence[str] | None = None) -> int:
    """Render, ask, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("docs/images/overview.jpg"))
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(words)
    picture = overview(given.seed)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(given.out), picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])
    return 0


if __name__ == "__main__":
    sys.exit(main())
