"""Bilinear values at exact sub-pixel places, in the element type of the image.

OpenCV's remap rounds places to 1/32 px, which moves a 16-bit pixel beside a step of 2000 counts by
up to 50 counts: half a kelvin on a common camera. Here the weights are exact.
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.errors import ShapeError, UnitError

__all__ = ["bilinear"]

Element = TypeVar("Element", bound=np.generic)


def bilinear(
    image: NDArray[Element], columns: NDArray[np.float64], rows: NDArray[np.float64]
) -> tuple[NDArray[Element], NDArray[np.bool_]]:
    """Values of `image` at (column, row) places, whole numbers rounded to nearest.

    Args:
        image: (H, W) or (H, W, C); uint8, uint16 or floating. nan spreads to every value that
            has a share of it.
        columns: Any shape, px, pixel centres at whole numbers; nan = nowhere.
        rows: The same shape, px.

    Returns:
        Values (..., ) or (..., C) of the image's type, 0 where not valid; valid (...), False
        where a place lies outside the outermost pixel centres.

    Raises:
        ShapeError: `image` is not (H, W) or (H, W, C), or the places differ in shape.
        UnitError: Another element type.

    Example:
        >>> values, valid = bilinear(np.array([[0, 10]], np.uint8), np.array([0.25, 1.5]),
        ...                          np.zeros(2))
        >>> values.tolist(), valid.tolist()
        ([2, 0], [True, False])
    """
    plane = np.asarray(image)
    _check(plane, columns, rows)
    height, width = plane.shape[:2]
    left, right, along, valid_x = _neighbours(columns, width)
    upper, lower, down, valid_y = _neighbours(rows, height)
    if plane.ndim == 3:
        along, down = along[..., None], down[..., None]
    top = _between(plane[upper, left], plane[upper, right], along)
    bottom = _between(plane[lower, left], plane[lower, right], along)
    values = _between(top, bottom, down)
    valid = valid_x & valid_y
    values = np.where(valid if plane.ndim == 2 else valid[..., None], values, 0.0)
    if plane.dtype.kind == "u":
        values = np.rint(values)
    return values.astype(plane.dtype), valid


def _between(first: NDArray[Any], second: NDArray[Any], share: NDArray[np.float64]) -> NDArray[Any]:
    return first * (1.0 - share) + second * share


def _neighbours(
    places: NDArray[np.float64], length: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64], NDArray[np.bool_]]:
    """Pixel before and after, share of the one after, and which places have both."""
    valid = (places >= 0) & (places <= length - 1)
    inside = np.where(valid, places, 0.0)
    before = np.floor(inside)
    share = inside - before
    first = before.astype(np.intp)
    # A pixel of share 0 must not lend its nan, nor lie outside.
    return first, first + (share > 0), share, np.asarray(valid)


def _check(image: NDArray[Any], columns: NDArray[Any], rows: NDArray[Any]) -> None:
    if image.ndim not in (2, 3) or 0 in image.shape:
        raise ShapeError(
            f"image must be (H, W) or (H, W, C), got {image.shape} {image.dtype}.",
            actual_shape=image.shape,
            expected_shape="H W [C]",
        )
    if columns.shape != rows.shape:
        raise ShapeError(f"columns {columns.shape} and rows {rows.shape} must have one shape.")
    if image.dtype not in (np.uint8, np.uint16, np.float32, np.float64):
        raise UnitError(f"image must be uint8, uint16, float32 or float64, got {image.dtype}.")
