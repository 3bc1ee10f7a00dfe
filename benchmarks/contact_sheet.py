"""The picture of ``docs/scenes.md``: four environments by day and by night, in four kinds of plane.

    python benchmarks/contact_sheet.py [--out docs/images/scenes.jpg] [--seed 4] [--split train]

Colour as the left thermal camera would take it, thermal with a colour scale of each frame's own
1-99 % range, depth (near is bright), and fine classes.
"""

from __future__ import annotations

import argparse
import colorsys
import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2
import numpy as np

from thermoscope.sensor.palette import apply_palette
from thermoscope.sensor.tone import tone_map
from thermoscope.synthetic.dataset import Scenes
from thermoscope.synthetic.labels import FINE_CLASSES
from thermoscope.synthetic.observe import Observation

CELL = (256, 205)
HEAD, EDGE, GAP = 22, 74, 3
ENVIRONMENTS = ("urban", "indoor", "offroad", "aerial")
HOURS = {"day": 13.0, "night": 23.0}
PLANES = ("RGB", "thermal", "depth", "classes")
SHOTS = {  # frame of each environment that shows most of what it has
    "urban": 16,
    "indoor": 0,
    "offroad": 0,
    "aerial": 16,
}
LARGEST_BYTES = 700_000


def class_colours() -> np.ndarray:
    """(256, 3) uint8: a colour for each fine class, black for none."""
    table = np.zeros((256, 3), np.uint8)
    for i in range(len(FINE_CLASSES)):
        hue, light = (i * 0.381966) % 1.0, (0.95, 0.75, 0.55)[i % 3]
        table[i] = [round(255 * c) for c in colorsys.hsv_to_rgb(hue, 0.55, light)]
    return table


def depth_picture(depth: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 of a depth in m: logarithmic, near is bright, the sky black."""
    share = 1.0 - np.log(np.clip(depth, 0.8, 150.0) / 0.8) / np.log(150.0 / 0.8)
    level = np.where(np.isfinite(depth), 20 + 235 * share, 0)
    return apply_palette(level.astype(np.uint8), "arctic")


def planes(seen: Observation) -> list[np.ndarray]:
    """The four pictures of an instant, (H, W, 3) uint8."""
    colour = np.rint(seen.rgb_in_thermal * 255).astype(np.uint8).transpose(1, 2, 0)
    thermal = apply_palette(tone_map(seen.counts[0]), "inferno")
    labels = class_colours()[seen.labels[0]]
    return [colour, thermal, depth_picture(seen.truth.depth), labels]


def write(sheet: np.ndarray, text: str, place: tuple[int, int]) -> None:
    """Small white words."""
    font, size = cv2.FONT_HERSHEY_SIMPLEX, 0.45
    cv2.putText(sheet, text, place, font, size, (235, 235, 235), 1, cv2.LINE_AA)


def contact_sheet(*, seed: int, split: str, preset: str = "tartanrgbt") -> np.ndarray:
    """The sheet, RGB."""
    width, height = CELL
    columns = len(PLANES) * len(HOURS)
    shape = (
        HEAD + len(ENVIRONMENTS) * (height + GAP),
        EDGE + columns * (width + GAP) + (len(HOURS) - 1) * 4 * GAP,
        3,
    )
    sheet = np.full(shape, 24, np.uint8)
    for row, environment in enumerate(ENVIRONMENTS):
        top = HEAD + row * (height + GAP)
        write(sheet, environment, (6, top + height // 2))
        for group, (name, hour) in enumerate(HOURS.items()):
            data = Scenes(
                split=split,
                environment=environment,
                seed=seed,
                preset=preset,
                hour=hour,
                weather="clear" if environment != "offroad" else "cloudy",
                taxonomy="fine",
            )
            for column, picture in enumerate(planes(data.observe(SHOTS[environment]))):
                left = EDGE + (group * len(PLANES) + column) * (width + GAP) + group * 4 * GAP
                small = cv2.resize(picture, CELL, interpolation=cv2.INTER_AREA)
                sheet[top : top + height, left : left + width] = small
                if row == 0:
                    write(sheet, f"{PLANES[column]}, {name}", (left + 4, 15))
            print(environment, name, data.observe(SHOTS[environment]).conditions.regime)
    return sheet


def main() -> None:
    """Render and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("docs/images/scenes.jpg"))
    parser.add_argument("--seed", type=int, default=4)
    parser.add_argument("--split", default="train")
    parser.add_argument("--preset", default="tartanrgbt")
    arguments = parser.parse_args()
    sheet = contact_sheet(seed=arguments.seed, split=arguments.split, preset=arguments.preset)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    for quality in range(92, 40, -4):
        _, data = cv2.imencode(".jpg", sheet[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
        if len(data) <= LARGEST_BYTES:
            break
    arguments.out.write_bytes(data.tobytes())
    print(arguments.out, f"{sheet.shape[1]}x{sheet.shape[0]}", f"{len(data) / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
