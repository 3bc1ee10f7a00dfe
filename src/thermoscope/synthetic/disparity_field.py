"""Random disparity maps with the shapes that matching must cope with.

A smooth, slanted background (often nearer towards the bottom, as ground is; sometimes with a sky of
disparity 0), and in front of it slanted plates, discs and thin posts and wires, with sharp edges.
What is NOT here: any likeness to a scene; rendered fields have that.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.checks import check_positive
from thermoscope.core.errors import ConfigError

__all__ = ["DisparityField", "random_disparity"]

Floats = NDArray[np.float64]
STEEPEST = 0.4  # px of disparity a px: beyond, a surface is hardly seen by the right camera


@dataclass(frozen=True, eq=False)
class DisparityField:
    """A disparity map and what it is made of; planes (H, W).

    Attributes:
        disparity: px, 0 and up.
        surface: Ids: 0 background, 1 sky, 2 and up the things in front.
    """

    disparity: Floats
    surface: NDArray[np.int32]


def random_disparity(
    width: int, height: int, rng: np.random.Generator, *, max_disparity_px: float
) -> DisparityField:
    """A field of disparities from 0 to `max_disparity_px`.

    Args:
        width: px, >= 16.
        height: px, >= 16.
        rng: Source of all draws.
        max_disparity_px: Largest disparity, > 0; half of the width at most.

    Raises:
        ConfigError: A size or limit out of range.
    """
    check_positive(max_disparity_px, name="max_disparity_px")
    if min(width, height) < 16 or max_disparity_px > width / 2:
        raise ConfigError(
            f"a field of {width}x{height} px cannot hold {max_disparity_px:g} px of disparity. "
            "Expected sides of 16 px or more, and at most half of the width."
        )
    field = _background(width, height, rng, max_disparity_px)
    count = int(rng.integers(3, 10))
    levels = np.sort(rng.uniform(0.15, 1.0, count)) * max_disparity_px  # far ones first
    for number, level in enumerate(levels, start=2):
        inside = _outline(width, height, rng)
        plate = _plane(width, height, rng, steepest=0.12, centre=_middle(inside)) + level
        plate = np.clip(plate, 0.0, max_disparity_px)
        # A plate stands in front of what it covers, wherever its tilt would sink it.
        inside &= plate > field.disparity + 0.5
        field.disparity[inside] = plate[inside]
        field.surface[inside] = number
    return field


def _background(width: int, height: int, rng: np.random.Generator, most: float) -> DisparityField:
    y = np.linspace(0.0, 1.0, height)[:, None]
    horizon = float(rng.uniform(0.2, 0.6))
    ground = np.clip((y - horizon) / (1 - horizon), 0.0, 1.0) * rng.uniform(0.2, 0.7)
    flat = rng.uniform(0.02, 0.25)
    waves = _smooth(width, height, rng, cells=int(rng.integers(2, 6))) * rng.uniform(0.01, 0.05)
    slant = _plane(width, height, rng, steepest=0.05, centre=(width / 2, height / 2)) / most
    disparity = np.clip((ground + flat + waves + slant) * most, 0.0, 0.8 * most)
    surface = np.zeros((height, width), np.int32)
    if rng.uniform() < 0.4:  # outdoors: sky above a bumpy skyline
        skyline = horizon * (0.7 + 0.3 * _smooth(width, 4, rng, cells=5)[0])
        sky = y < skyline[None]
        disparity[sky], surface[sky] = 0.0, 1
    return DisparityField(disparity, surface)


def _plane(
    width: int,
    height: int,
    rng: np.random.Generator,
    *,
    steepest: float,
    centre: tuple[float, float],
) -> Floats:
    gx, gy = rng.uniform(-1, 1, 2) * min(steepest, STEEPEST)
    return np.asarray(
        gx * (np.arange(width)[None] - centre[0]) + gy * (np.arange(height)[:, None] - centre[1])
    )


def _smooth(width: int, height: int, rng: np.random.Generator, *, cells: int) -> Floats:
    """Smooth noise of about unit size: a coarse random grid, enlarged."""
    import cv2

    coarse = rng.standard_normal((cells + 3, cells + 3)).astype(np.float32)
    wide = cv2.resize(coarse, (width * 2, height * 2), interpolation=cv2.INTER_CUBIC)
    top, left = height // 2, width // 2
    return np.asarray(wide[top : top + height, left : left + width], np.float64)


def _outline(width: int, height: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Filled polygon, ellipse, post or wire somewhere in the picture."""
    import cv2

    canvas = np.zeros((height, width), np.uint8)
    cx, cy = rng.uniform(0, width), rng.uniform(0.1 * height, height)
    size = rng.uniform(0.04, 0.22) * height
    kind = rng.choice(["polygon", "ellipse", "post", "wire"], p=[0.4, 0.25, 0.2, 0.15])
    if kind == "ellipse":
        axes = (max(1, int(size * rng.uniform(0.4, 1.0))), max(1, int(size)))
        cv2.ellipse(canvas, (int(cx), int(cy)), axes, float(rng.uniform(0, 180)), 0, 360, 1, -1)
    elif kind == "polygon":
        turn = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(3, 8))))
        reach = size * rng.uniform(0.6, 1.4, len(turn))
        corners = np.column_stack([cx + reach * np.cos(turn), cy + reach * np.sin(turn)])
        cv2.fillPoly(canvas, [np.rint(corners).astype(np.int32)], 1)
    else:
        length = size * rng.uniform(2, 6)
        lean = rng.normal(np.pi / 2, 0.05) if kind == "post" else rng.uniform(0, np.pi)
        half = length / 2 * np.array([np.cos(lean), np.sin(lean)])
        ends = np.rint([[cx - half[0], cy - half[1]], [cx + half[0], cy + half[1]]]).astype(int)
        thick = int(rng.integers(1, 3 if kind == "wire" else 5))
        cv2.line(canvas, ends[0].tolist(), ends[1].tolist(), 1, thick)
    return np.asarray(canvas > 0)


def _middle(inside: NDArray[np.bool_]) -> tuple[float, float]:
    rows, columns = np.nonzero(inside)
    return (float(columns.mean()), float(rows.mean())) if len(rows) else (0.0, 0.0)
