"""Pictures of disparity (near bright, far dark, with a scale in px) and of point clouds.

What is NOT here: pictures of depth (`thermoscope.engine.dense_pictures`) and of single thermal
frames (`thermoscope.engine.render`).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.checks import check_shape
from thermoscope.core.errors import ShapeError
from thermoscope.engine.colour_bar import INK, PAPER
from thermoscope.sensor.palette import apply_palette, palette_table

__all__ = ["cloud_picture", "disparity_picture", "disparity_range_px"]

Picture = NDArray[np.uint8]
PALETTE = "inferno"
DOUBTFUL = 0.35  # brightness of pixels that are not valid
READABLE_PX = 480  # a small picture is enlarged to at least this


def disparity_range_px(
    disparity: NDArray[np.float32], valid: NDArray[np.bool_] | None = None
) -> tuple[float, float]:
    """Ends of a scale: the 1st and 98th percentile of what is valid, at least 1 px apart."""
    known = disparity if valid is None or not valid.any() else disparity[valid]
    low, high = (float(p) for p in np.percentile(known, (1, 98)))
    return low, max(high, low + 1.0)


def disparity_picture(
    disparity: NDArray[np.float32],
    *,
    valid: NDArray[np.bool_] | None = None,
    range_px: tuple[float, float] | None = None,
) -> Picture:
    """(H', W', 3) uint8 RGB with a scale; pixels that are not valid are darkened.

    Args:
        disparity: (H, W) px, finite.
        valid: (H, W); None = all.
        range_px: Ends of the scale, px: the same colours in several pictures; None = its own.

    Raises:
        ShapeError: Not (H, W), or `valid` of another shape.
    """
    check_shape(disparity, "H W", name="disparity")
    if valid is not None and valid.shape != disparity.shape:
        raise ShapeError(f"valid must be {disparity.shape}, got {valid.shape}.")
    low, high = range_px or disparity_range_px(disparity, valid)
    share = np.clip((disparity - low) / max(high - low, 1e-6), 0, 1)
    colours = apply_palette(np.rint(255 * share).astype(np.uint8), PALETTE)
    if valid is not None:
        colours = np.where(valid[..., None], colours, (colours * DOUBTFUL).astype(np.uint8))
    factor = max(1, math.ceil(READABLE_PX / max(colours.shape[:2])))
    large = np.repeat(np.repeat(colours, factor, axis=0), factor, axis=1)
    return np.hstack([large, _bar(low, high, large.shape[0])])


def _bar(low: float, high: float, height: int) -> Picture:
    """The scale: high on top."""
    from PIL import Image, ImageDraw, ImageFont

    font: Any = ImageFont.load_default(size=min(max(round(height / 30), 12), 30))
    line = math.ceil(font.getbbox("Ag0")[3] * 1.5)
    panel = Image.new("RGB", (5 * line, height), PAPER)
    draw = ImageDraw.Draw(panel)
    draw.text((line // 2, line // 3), "px", INK, font=font)
    top, bottom = 2 * line, height - line
    table = palette_table(PALETTE)
    for row in range(top, bottom):
        level = 255 - round(255 * (row - top) / max(bottom - top - 1, 1))
        draw.line([(line // 2, row), (line * 3 // 2, row)], tuple(table[level].tolist()))
    for value in _round_numbers(low, high):
        y = bottom - (value - low) / max(high - low, 1e-6) * (bottom - top)
        draw.line([(line * 3 // 2, y), (line * 7 // 4, y)], INK)
        draw.text((2 * line, y), f"{value:g}", INK, font=font, anchor="lm")
    return np.asarray(panel, np.uint8)


def _round_numbers(low: float, high: float) -> list[float]:
    power = 10.0 ** math.floor(math.log10((high - low) / 6))
    step = next(power * m for m in (1, 2, 5, 10, 20) if (high - low) / (power * m) <= 6)
    return [step * n for n in range(math.ceil(low / step), math.floor(high / step) + 1)]


def cloud_picture(
    points: NDArray[np.float32],
    colours: NDArray[np.uint8],
    *,
    size_px: tuple[int, int] = (360, 640),
    raised_deg: float = 25.0,
) -> Picture:
    """(H, W, 3) uint8 RGB: a point cloud seen from behind and above the camera.

    Args:
        points: (N, 3) m, camera coordinates: x right, y down, z forward.
        colours: (N, 3) RGB.
        size_px: Height and width.
        raised_deg: How far the view looks down, degrees.

    Raises:
        ShapeError: Not (N, 3), or another number of colours.
    """
    check_shape(points, "N 3", name="points")
    if colours.shape != points.shape:
        raise ShapeError(f"colours must be {points.shape} as points, got {colours.shape}.")
    picture = np.full((*size_px, 3), PAPER, np.uint8)
    near = points[:, 2] > 0
    if not near.any():
        return picture
    reach = float(np.percentile(points[near, 2], 80))
    shown = near & (points[:, 2] < 2 * reach)  # the far rest would make everything else small
    # The view turns around the point that it looks at, in the middle of the cloud.
    centre = np.array([0.0, float(np.median(points[shown, 1])), 0.6 * reach])
    angle = math.radians(raised_deg)
    turn = np.array(
        [
            [1, 0, 0],
            [0, math.cos(angle), -math.sin(angle)],
            [0, math.sin(angle), math.cos(angle)],
        ]
    )
    seen = (points[shown] - centre) @ turn.T + np.array([0, 0, 0.9 * reach])
    tints = colours[shown]
    in_front = seen[:, 2] > 0.05 * reach
    seen, tints = seen[in_front], tints[in_front]
    height, width = size_px
    column = np.rint(width / 2 + 0.8 * width * seen[:, 0] / seen[:, 2]).astype(int)
    row = np.rint(height / 2 + 0.8 * width * seen[:, 1] / seen[:, 2]).astype(int)
    far_first = np.argsort(-seen[:, 2], kind="stable")  # near points paint over far ones
    for dy, dx in ((0, 0), (0, 1), (1, 0), (1, 1)):
        y, x = row[far_first] + dy, column[far_first] + dx
        inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
        picture[y[inside], x[inside]] = tints[far_first][inside]
    return picture
