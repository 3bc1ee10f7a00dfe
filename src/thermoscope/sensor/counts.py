"""Planes of counts: resampling, histogram, used range, saturation, byte order.

Everything here works on one (H, W) plane as the camera gave it. What is NOT here: counts to
kelvin (`thermoscope.sensor.planck`) and the verdict on a frame (`thermoscope.sensor.quality`).
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.checks import check_in_range, check_shape
from thermoscope.core.errors import ConfigError, ShapeError, UnitError
from thermoscope.sensor.window import checked_plane, percentiles, valid_pixels

__all__ = [
    "bits_used",
    "checked_counts",
    "histogram",
    "resample",
    "saturated",
    "saturation_range",
    "swap_bytes",
    "used_range",
]

Element = TypeVar("Element", bound=np.generic)

LEVELS = 1 << 16
SENSOR_DEPTHS = (8, 10, 12, 14, 16)  # converters in use; a smaller one often sits in 16-bit files
HISTOGRAM_EXACT_PIXELS = 1 << 24  # OpenCV counts in float32: whole numbers up to 2^24


def checked_counts(counts: NDArray[Any], *, name: str = "counts") -> NDArray[np.uint16]:
    """(H, W) uint16 in native byte order, contiguous; copied only if it has to be.

    Raises:
        ShapeError: Not (H, W), or no pixel.
        UnitError: Not uint16 (of either byte order).
    """
    array = np.asarray(counts)
    if array.dtype.kind != "u" or array.dtype.itemsize != 2:
        raise UnitError(
            f"{name} must be uint16, got {array.dtype}. "
            "Pass the sensor's counts, not temperatures and not an 8-bit picture."
        )
    return checked_plane(array, name=name)


# -- size ----------------------------------------------------------------------------------------


def resample(plane: NDArray[Element], *, width: int, height: int) -> NDArray[Element]:
    """The plane at another size: area average where it shrinks, bilinear where it grows.

    Pixel centres keep their place (a pixel is a square around its integer position). Whole
    numbers are rounded to nearest, ties either way. nan and infinity count as unknown: a result
    pixel is the mean of the known part of its footprint, and nan where less than half of it is
    known, so that one nan does not spread.

    Args:
        plane: (H, W), or (H, W, C) for pictures; uint8, uint16 or float.
        width: Columns of the result, px, >= 1.
        height: Rows of the result, px, >= 1.

    Returns:
        (`height`, `width`) or (`height`, `width`, C), of the element type of `plane` in native
        byte order; a copy.

    Raises:
        ShapeError: `plane` has another number of axes or no pixel, or a side is below 1.
        UnitError: Another element type.

    Example:
        >>> resample(np.array([[0, 10], [20, 30]], np.uint16), width=1, height=1).tolist()
        [[15]]
    """
    array = np.asarray(plane)
    if array.ndim not in (2, 3) or array.size == 0:
        raise ShapeError(
            f"plane must be (H, W) or (H, W, C) with at least one pixel, got {array.shape}.",
            actual_shape=array.shape,
            expected_shape="H W",
        )
    if width < 1 or height < 1:
        raise ShapeError(f"resample needs at least 1x1 px, got {width}x{height}.")
    if array.dtype.kind not in "uf" or (array.dtype.kind == "u" and array.dtype.itemsize > 2):
        raise UnitError(
            f"resample takes uint8, uint16 or float, got {array.dtype}. Convert it first."
        )
    native: NDArray[Element] = np.ascontiguousarray(array, array.dtype.newbyteorder("="))
    if (height, width) == native.shape[:2]:
        return np.array(native)
    if native.dtype.kind == "u":
        resized = _resized(native, width, height)
    else:
        work = native.astype(np.float64 if native.dtype.itemsize > 4 else np.float32, copy=False)
        resized = _resized_known(work, width, height)
    result: NDArray[Element] = resized.astype(native.dtype, copy=False)
    return result


def _resized(plane: NDArray[Any], width: int, height: int) -> NDArray[Any]:
    import cv2

    rows, columns = plane.shape[:2]
    shrinks, grows = height <= rows and width <= columns, height >= rows and width >= columns
    if shrinks or grows:
        method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        resized = np.asarray(cv2.resize(plane, (width, height), interpolation=method))
        return np.asarray(resized.reshape(height, width, *plane.shape[2:]))
    work: NDArray[Any] = plane.astype(np.float32) if plane.dtype.kind == "u" else plane
    larger = _resized(_resized(work, min(width, columns), min(height, rows)), width, height)
    return np.asarray(np.rint(larger) if plane.dtype.kind == "u" else larger, plane.dtype)


def _resized_known(plane: NDArray[Any], width: int, height: int) -> NDArray[Any]:
    known = np.isfinite(plane)
    if known.all():
        return _resized(plane, width, height)
    if not known.any():
        return np.full((height, width, *plane.shape[2:]), np.nan, plane.dtype)
    middle = plane[known].mean(dtype=np.float64).astype(plane.dtype)  # keeps sums small and exact
    filled = np.subtract(plane, middle, out=np.zeros_like(plane), where=known)
    share = _resized(known.astype(plane.dtype), width, height)
    total = _resized(filled, width, height)
    mean = np.divide(total, share, out=np.full_like(total, np.nan), where=share > 0.499)
    return np.asarray(mean + middle)


# -- values --------------------------------------------------------------------------------------


def histogram(counts: NDArray[np.uint16]) -> NDArray[np.int64]:
    """(65536,) int64, number of pixels at each count.

    Raises:
        ShapeError: Not (H, W), or no pixel.
        UnitError: Not uint16.
    """
    plane = checked_counts(counts)
    if plane.size >= HISTOGRAM_EXACT_PIXELS:
        return np.bincount(plane.ravel(), minlength=LEVELS).astype(np.int64, copy=False)
    import cv2

    counted = cv2.calcHist([plane], [0], None, [LEVELS], [0, LEVELS])
    return np.asarray(counted).ravel().astype(np.int64)


def used_range(
    values: NDArray[Any], *, low_percent: float = 1.0, high_percent: float = 99.0
) -> tuple[float, float]:
    """Values at two percentiles of a frame, each a value that occurs; nan is left out.

    Args:
        values: (H, W) uint8, uint16 or float.
        low_percent: In [0, 100].
        high_percent: In [0, 100], >= `low_percent`.

    Returns:
        (low, high) in the unit of `values`; (nan, nan) where no pixel is finite.

    Raises:
        ShapeError: Not (H, W), or no pixel.
        UnitError: Another element type.
        ConfigError: A percent out of range, or the two in the wrong order.

    Example:
        >>> used_range(np.arange(101, dtype=np.uint16)[None])
        (1.0, 99.0)
    """
    check_in_range(low_percent, 0.0, 100.0, name="low_percent")
    check_in_range(high_percent, 0.0, 100.0, name="high_percent")
    if high_percent < low_percent:
        raise ConfigError(
            f"low_percent must not exceed high_percent, got {low_percent:g} and {high_percent:g}."
        )
    plane = checked_plane(values)
    found = percentiles(plane, (low_percent, high_percent), valid=valid_pixels(plane))
    return (float("nan"), float("nan")) if found is None else (found[0], found[1])


def bits_used(counts: NDArray[np.uint16]) -> int:
    """Bits that hold the largest count: 14 for a maximum of 8192 to 16383, 0 for all zero.

    Raises:
        ShapeError: Not (H, W), or no pixel.
        UnitError: Not uint16.
    """
    return int(checked_counts(counts).max()).bit_length()


def saturation_range(counts: NDArray[np.uint16], bit_depth: int = 16) -> tuple[int, int]:
    """The two counts at which this frame's sensor is at its end: (0, 2^n - 1).

    n is the smallest depth of a converter (8, 10, 12, 14, 16 bit) that holds the frame, at most
    `bit_depth`: a 14-bit sensor in a 16-bit file saturates at 16383, and no pixel says more.

    Raises:
        ShapeError: Not (H, W), or no pixel.
        UnitError: Not uint16.
        ConfigError: `bit_depth` is not a whole number from 1 to 16.

    Example:
        >>> saturation_range(np.array([[7000, 16383]], np.uint16))
        (0, 16383)
    """
    if isinstance(bit_depth, bool) or not isinstance(bit_depth, int) or not 1 <= bit_depth <= 16:
        raise ConfigError(f"bit_depth must be a whole number from 1 to 16, got {bit_depth!r}.")
    used = bits_used(counts)
    depth = next(d for d in SENSOR_DEPTHS if d >= used)
    return 0, (1 << min(depth, bit_depth)) - 1


def saturated(counts: NDArray[np.uint16], bit_depth: int = 16) -> NDArray[np.bool_]:
    """(H, W) bool, True where a count stands at either end of `saturation_range` or beyond.

    Raises:
        ShapeError: Not (H, W), or no pixel.
        UnitError: Not uint16.
        ConfigError: `bit_depth` is not a whole number from 1 to 16.
    """
    low, high = saturation_range(counts, bit_depth)
    plane = checked_counts(counts)
    return (plane <= low) | (plane >= high)


def swap_bytes(counts: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """The same plane with the two bytes of each pixel exchanged, native order, a copy.

    Raises:
        ShapeError: Not (H, W), or no pixel.
        UnitError: Not uint16.

    Example:
        >>> swap_bytes(np.array([[0x0102]], np.uint16)) == 0x0201
        array([[ True]])
    """
    check_shape(np.asarray(counts), "H W", name="counts")
    return np.asarray(checked_counts(counts).byteswap())
