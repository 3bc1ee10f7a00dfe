"""A window of values and its linear mapping to grey; exact percentiles of a frame, fast.

What is here: checks of a plane, order statistics by histogram, `Window`. What is NOT here: the
choice of a method (`thermoscope.sensor.tone`), anything that bends the scale.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.checks import check_finite_number, check_shape
from thermoscope.core.errors import ConfigError, ShapeError, UnitError

__all__ = ["Unit", "Window", "checked_plane", "percentiles", "unit_of", "valid_pixels"]

Unit = Literal["kelvin", "counts", "agc"]
Plane = NDArray[Any]
Mask = NDArray[np.bool_]

FLOAT_BINS = 4096
LEAST_SPAN, MOST_SPAN = 1e-30, 1e30  # beyond, a scale factor leaves float32
MID_GREY = 128
HISTOGRAM_EXACT_PIXELS = 1 << 24  # OpenCV counts in float32: whole numbers up to 2^24


def checked_plane(values: Plane, *, name: str = "values") -> Plane:
    """`values` as a contiguous (H, W) plane in native byte order: uint8, uint16 or float32.

    float16 and float64 become float32 (a float64 beyond float32's range becomes infinite, that
    is: not valid). Nothing is copied when nothing has to change.

    Raises:
        ShapeError: Not (H, W), or no pixel.
        UnitError: Another element type.
    """
    plane = np.asarray(values)
    check_shape(plane, "H W", name=name)
    if plane.size == 0:
        raise ShapeError(f"{name} must have at least one pixel, got {plane.shape}.")
    if plane.dtype.kind == "f":
        with np.errstate(over="ignore"):
            return np.ascontiguousarray(plane, np.float32)
    if plane.dtype in (np.dtype(np.uint8), np.dtype(np.uint16), np.dtype(">u2")):
        return np.ascontiguousarray(plane, plane.dtype.newbyteorder("="))
    raise UnitError(
        f"{name} must be uint16 counts, float kelvin or uint8 AGC, got {plane.dtype}. "
        "Convert it and thereby say which unit it is."
    )


def unit_of(plane: Plane) -> Unit:
    """``"kelvin"`` for float, ``"counts"`` for uint16, ``"agc"`` for uint8."""
    if plane.dtype.kind == "f":
        return "kelvin"
    return "counts" if plane.dtype == np.uint16 else "agc"


def valid_pixels(plane: Plane, valid: Mask | None = None) -> Mask | None:
    """(H, W) bool of the finite pixels that `valid` keeps; None where that is all of them.

    Raises:
        ShapeError: `valid` is not as large as `plane`.
    """
    if valid is not None and valid.shape != plane.shape:
        raise ShapeError(
            f"valid must be {plane.shape} like the values, got {valid.shape}.",
            actual_shape=valid.shape,
            expected_shape=str(plane.shape),
        )
    kept = None if valid is None else np.asarray(valid, np.bool_)
    if plane.dtype.kind == "f":
        finite = np.isfinite(plane)
        kept = finite if kept is None else kept & finite
    return None if kept is None or bool(kept.all()) else kept


@dataclass(frozen=True)
class Window:
    """The values `low` to `high`, shown from black to white.

    A window of no width shows its one value as mid grey, all below black, all above white.

    Attributes:
        low: Value of black, unit of the frame.
        high: Value of white, >= `low`.

    Raises:
        ConfigError: A limit is not finite, or they are in the wrong order.

    Example:
        >>> Window(100, 300).levels(np.array([[50, 100, 200, 300]], np.uint16)).tolist()
        [[0, 0, 128, 255]]
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        check_finite_number(self.low, name="low")
        check_finite_number(self.high, name="high")
        if self.high < self.low:
            raise ConfigError(f"low must not exceed high, got {self.low:g} and {self.high:g}.")

    @property
    def span(self) -> float:
        """Width, in the unit of the frame."""
        return self.high - self.low

    @property
    def flat(self) -> bool:
        """Whether the window has no width (or one below what float32 can scale)."""
        return self.span < LEAST_SPAN

    def levels(self, plane: Plane, *, black: int = 0, white: int = 255) -> NDArray[np.uint8]:
        """(H, W) uint8: `low` becomes level `black`, `high` becomes `white`, rounded and clipped.

        Levels outside [`black`, `white`] continue the line, down to 0 and up to 255. Never falls
        as the value rises. nan gives any level: mask it.

        Args:
            plane: From `checked_plane`.
            black: Level of `low`.
            white: Level of `high`, > `black`.
        """
        if self.flat:
            return self._step(plane)
        gain = (white - black) / self.span
        if plane.dtype.kind == "f" or gain > 256:
            return _scaled(self._offset(plane, 256 / gain), gain, black)
        reach = self.low - 2 * black / gain  # from here on levels are below 0
        start = min(max(math.floor(reach), 0), int(np.iinfo(plane.dtype).max))
        return _scaled(_above(plane, start), gain, min(black - gain * (self.low - start), 512))

    def _offset(self, plane: Plane, limit: float) -> Plane:
        """Values above `low`, clipped to +-`limit`: far outside, rounding would overflow."""
        dtype = np.float64 if self.span > MOST_SPAN else np.float32
        with np.errstate(over="ignore"):
            offset = np.subtract(plane, dtype(self.low), dtype=dtype)
        return np.asarray(np.clip(offset, -limit, limit, out=offset))

    def _step(self, plane: Plane) -> NDArray[np.uint8]:
        above, at = plane > self.low, plane == np.asarray(self.low).astype(plane.dtype)
        return np.where(above, 255, np.where(at, MID_GREY, 0)).astype(np.uint8)

    def fraction(self, plane: Plane) -> NDArray[np.float32]:
        """(H, W) float32: 0 at `low`, 1 at `high`, clipped, not rounded to levels; nan stays nan.

        Args:
            plane: From `checked_plane`.
        """
        if self.flat:
            return np.multiply(self._step(plane), 1 / 255, dtype=np.float32)
        part = self._offset(plane, self.span)
        part *= 1 / self.span
        clipped: NDArray[np.float32] = np.clip(part, 0, 1, out=part).astype(np.float32, copy=False)
        return clipped


def _above(plane: Plane, start: int) -> Plane:
    """How far integers lie above `start`, 0 where below."""
    import cv2

    if plane.size <= 4:  # OpenCV reads a number beside a 4x1 array as another 4x1 array
        return np.asarray(np.maximum(plane, plane.dtype.type(start)) - plane.dtype.type(start))
    return np.asarray(cv2.subtract(plane, np.float64(start)))


def _scaled(offset: Plane, gain: float, beta: float) -> NDArray[np.uint8]:
    import cv2

    if beta == 0 and offset.dtype.kind == "u":
        scaled = cv2.convertScaleAbs(offset, alpha=gain)
    else:
        scaled = cv2.addWeighted(offset, gain, offset, 0.0, beta, dtype=cv2.CV_8U)
    return np.asarray(scaled, np.uint8).reshape(offset.shape)


def percentiles(
    plane: Plane, percents: Sequence[float], *, valid: Mask | None = None
) -> tuple[float, ...] | None:
    """Values at given percents of a frame, each a value that occurs: exact order statistics.

    The value at percent ``p`` is number ``floor(p / 100 * (n - 1) + 0.5)`` of the n sorted valid
    values. Found by histogram, so several times faster than sorting; integers need one pass,
    float32 a second one over the few values of the bins in question.

    Args:
        plane: From `checked_plane`.
        percents: Each in [0, 100].
        valid: From `valid_pixels`; None = all.

    Returns:
        One value per percent; None where no pixel is valid.

    Example:
        >>> percentiles(np.arange(101, dtype=np.uint16)[None], (1, 50, 99))
        (1.0, 50.0, 99.0)
    """
    pixels = plane if valid is None else plane[valid][None]
    if pixels.size == 0:
        return None
    ranks = [math.floor(p / 100 * (pixels.size - 1) + 0.5) for p in percents]
    if plane.dtype.kind == "f":
        return _float_ranks(pixels, ranks)
    low, high = _extremes(pixels)
    cumulated = np.cumsum(_histogram(pixels, int(low), int(high)))
    return tuple(float(low + np.searchsorted(cumulated, rank, side="right")) for rank in ranks)


def _extremes(pixels: Plane) -> tuple[float, float]:
    return float(pixels.min()), float(pixels.max())


def _histogram(pixels: Plane, low: int, high: int) -> NDArray[np.int64]:
    """Number of pixels at each whole value from `low` to `high`."""
    if pixels.size >= HISTOGRAM_EXACT_PIXELS:
        return np.bincount(pixels.ravel() - pixels.dtype.type(low), minlength=high - low + 1)
    import cv2

    counted = cv2.calcHist([pixels], [0], None, [high - low + 1], [low, high + 1])
    return np.asarray(counted).ravel().astype(np.int64)


def _float_ranks(pixels: Plane, ranks: Sequence[int]) -> tuple[float, ...]:
    """Order statistics: a histogram of scaled values finds the bin, a partition the value."""
    low, high = _extremes(pixels)
    if not LEAST_SPAN < high - low < MOST_SPAN:
        ordered = np.partition(pixels.ravel(), list(ranks))
        return tuple(float(ordered[rank]) for rank in ranks)
    import cv2

    scale = (FLOAT_BINS - 1) / (high - low)
    shifted = np.subtract(pixels, np.float32(low))
    bins = cv2.addWeighted(shifted, scale, shifted, 0.0, 0.0, dtype=cv2.CV_16U)
    cumulated = np.cumsum(_histogram(bins, 0, FLOAT_BINS - 1))
    return tuple(_value_in_bin(pixels, bins, cumulated, rank) for rank in ranks)


def _value_in_bin(pixels: Plane, bins: Plane, cumulated: NDArray[np.int64], rank: int) -> float:
    found = int(np.searchsorted(cumulated, rank, side="right"))
    members = pixels[bins == found]
    position = rank - (int(cumulated[found - 1]) if found else 0)
    return float(np.partition(members, position)[position])
