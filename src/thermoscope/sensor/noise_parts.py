"""Variance of one noise field, split into its mean, rows, columns and pixels.

The field is a mean frame (fixed pattern) or the difference of two frames (temporal noise); see
`thermoscope.sensor.noise` for what is made of it. What is NOT here: the third axis, time.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Content", "Parts", "variance_parts"]

Content = Literal["any", "uniform"]
Field2 = NDArray[np.float64]
Mask = NDArray[np.bool_]

BLUR_PX = 2.0  # what is smoother than this is scene
BORDER = 6  # px that the blur reaches
TILE = 16
GENTLE = 3.0  # slope of flat areas, in units of the 20th percentile
LEAST_IN_LINE = 4
CLIP = 3.5  # sigmas; takes 0.05 % off Gaussian noise


class Parts(NamedTuple):
    """Variances of a field: its rows, columns and pixels (below 0 by chance), and its mean."""

    mean: float
    rows: float
    columns: float
    pixels: float
    flat_share: float


def variance_parts(field: Field2, scene: Field2, content: Content) -> Parts:
    """Two-way analysis of variance of a field over its rows and columns.

    ``"uniform"`` takes the field as it is. ``"any"`` takes off what is smoother than 2 px, looks
    only where the scene is flat, takes the median over tiles, and corrects for the noise that the
    filter took with it.

    Args:
        field: (H, W), nan = unknown.
        scene: (H, W), the picture in which flat areas are looked for, nan = unknown.
        content: What the camera saw.

    Returns:
        The parts; all 0 with a `flat_share` of 0 where too little is flat.
    """
    known = np.isfinite(field) & np.isfinite(scene)
    if content == "uniform":
        return _two_way(field, known)
    smooth, inside = _smooth(np.where(known, scene, 0.0), known)
    if not inside.any():
        return Parts(0.0, 0.0, 0.0, 0.0, 0.0)
    slope = np.hypot(*np.gradient(smooth))
    flat = inside & (slope <= GENTLE * np.percentile(slope[inside], 20))
    rough = field - _smooth(np.where(known, field, 0.0), known)[0]
    parts = _two_way_filtered(rough, flat)
    return parts._replace(mean=float(np.median(field[flat])) if flat.any() else 0.0)


def _smooth(field: Field2, known: Mask) -> tuple[Field2, Mask]:
    """The field blurred, and where the blur has seen known pixels only."""
    import cv2

    size = (2 * BORDER + 1, 2 * BORDER + 1)
    blurred = np.asarray(cv2.GaussianBlur(field, size, BLUR_PX), np.float64)
    inside = np.zeros_like(known)
    inside[BORDER:-BORDER, BORDER:-BORDER] = True
    if not known.all():
        inside &= np.asarray(cv2.erode(known.astype(np.uint8), np.ones(size, np.uint8))) > 0
    return blurred, inside


def _filter_gains() -> tuple[float, float]:
    """Share of variance that the high pass leaves of row noise, and of pixel noise."""
    import cv2

    kernel = np.asarray(cv2.getGaussianKernel(2 * BORDER + 1, BLUR_PX)).ravel()
    middle, energy = float(kernel[BORDER]), float((kernel**2).sum())
    return 1 - 2 * middle + energy, 1 - 2 * middle**2 + energy**2


class _Effects(NamedTuple):
    """Deviation of each row and column, what remains, and which lines were usable."""

    by_row: Field2
    by_column: Field2
    rest: Field2
    in_rows: NDArray[np.intp]
    in_columns: NDArray[np.intp]


def _effects(field: Field2, used: Mask) -> _Effects | None:
    """Row and column effects of the used pixels; None where too few lines hold enough."""
    in_rows, in_columns = used.sum(axis=1), used.sum(axis=0)
    used = used & (in_rows >= LEAST_IN_LINE)[:, None] & (in_columns >= LEAST_IN_LINE)
    in_rows, in_columns = used.sum(axis=1), used.sum(axis=0)
    if min(np.count_nonzero(in_rows), np.count_nonzero(in_columns)) < 2:
        return None
    values = np.where(used, field, 0.0)
    values = np.where(used, values - values.sum() / used.sum(), 0.0)
    by_row = values.sum(axis=1) / np.maximum(in_rows, 1)
    values = np.where(used, values - by_row[:, None], 0.0)
    by_column = values.sum(axis=0) / np.maximum(in_columns, 1)
    rest = np.where(used, values - by_column, 0.0)
    return _Effects(by_row, by_column, rest, in_rows, in_columns)


def _line_variance(effect: Field2, members: NDArray[np.intp], pixels: float, gain: float) -> float:
    """Variance of the lines, less what the pixels in them contribute by chance."""
    lines = members > 0
    return float(effect[lines].var(ddof=1)) / gain - pixels * float((1 / members[lines]).mean())


def _two_way(field: Field2, used: Mask) -> Parts:
    found = _effects(field, used)
    if found is None:
        return Parts(0.0, 0.0, 0.0, 0.0, 0.0)
    count = int(found.in_rows.sum())
    lines = np.count_nonzero(found.in_rows) + np.count_nonzero(found.in_columns)
    pixels = float((found.rest**2).sum()) / max(count - lines + 1, 1)
    return Parts(
        mean=float(field[used].mean()),
        rows=_line_variance(found.by_row, found.in_rows, pixels, 1.0),
        columns=_line_variance(found.by_column, found.in_columns, pixels, 1.0),
        pixels=pixels,
        flat_share=count / used.size,
    )


def _two_way_filtered(field: Field2, used: Mask) -> Parts:
    """The same on a high-passed field, deaf to what is left of the scene."""
    line_gain, pixel_gain = _filter_gains()
    found = _effects(field, used)
    if found is not None:  # once more without what sticks out: edges that the slope has missed
        limit = CLIP * math.sqrt(_tile_median(found.rest, used))
        used = used & (np.abs(found.rest) <= limit)
        found = _effects(field, used)
    if found is None:
        return Parts(0.0, 0.0, 0.0, 0.0, 0.0)
    pixels = _tile_median(found.rest, used) / pixel_gain
    return Parts(
        mean=0.0,
        rows=_line_variance(found.by_row, found.in_rows, pixels, line_gain),
        columns=_line_variance(found.by_column, found.in_columns, pixels, line_gain),
        pixels=pixels,
        flat_share=int(found.in_rows.sum()) / used.size,
    )


def _tile_median(rest: Field2, used: Mask) -> float:
    """Median over tiles of the mean square: deaf to the tiles that still hold scene."""
    height, width = (n // TILE * TILE for n in rest.shape)
    tiles = (height // TILE, TILE, width // TILE, TILE)
    inside = used[:height, :width].reshape(tiles).sum(axis=(1, 3))
    squares = (rest[:height, :width] ** 2).reshape(tiles).sum(axis=(1, 3))
    enough = inside >= TILE * TILE // 4
    if not enough.any():
        return float((rest**2).sum()) / max(int(np.count_nonzero(used)), 1)
    return float(np.median(squares[enough] / inside[enough]))
