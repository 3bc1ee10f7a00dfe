"""What can be wrong or special about a thermal frame, as named flags, and how pixels show it.

`assess` looks at one frame and knows nothing else. What is NOT here: what only a file can say
(FFC, OUT_OF_RANGE, TRUNCATED, ROTATED: `thermoscope.io` adds them), what only a sequence shows
(freezes, flicker: see `thermoscope.sensor.ffc` and `.defects`), and the search itself
(`thermoscope.sensor.frame_faults`).
``docs/quality.md`` lists triggers and thresholds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.errors import ConfigError, ShapeError, UnitError
from thermoscope.sensor import frame_faults as faults

__all__ = ["Quality", "assess"]

Kind = Literal["counts", "kelvin", "agc"]
Counts = NDArray[np.uint16]

PLAUSIBLE_K = (173.15, 3273.15)
SMALLEST_SIDE = 8
UNKNOWN_SHARE = 0.005
FLAT_NOISE = 7.0  # noise alone spreads 4.7 sigma from 1 to 99 %; the flattest real scene met, 37
FLAT_LEVELS = 2
FLAT_KELVIN = 0.02  # uncooled sensors resolve 20 to 50 mK
LEAST_NOISE_K = 0.005  # no camera does better; what is finer is arithmetic
COLOUR_LEVELS, COLOUR_SHARE = 24, 0.2  # above JPEG's chroma error; below it, an overlay
RAILS = (1023, 4095, 16383, 65535)
CLIPPED_AGC = 1 / 3  # AGC clips a few per cent on purpose
AGC_NOISE = 2.0  # block borders of JPEG step by a few grey levels
LEVELS_8_BIT = 256
ROUND_STEPS = (5, 10, 20, 50, 100)  # decimal steps are the resolution of a temperature, not 8 bit


class Quality(str, Enum):
    """One finding about a frame. The value is the name in files and tables."""

    AGC = "agc"  # 8 bit after AGC: no temperature, contrast not comparable between frames
    FALSE_COLOUR = "false_colour"  # a palette was burnt in
    CONSTANT = "constant"  # every pixel equal: shutter closed, dead sensor or empty file
    LOW_CONTRAST = "low_contrast"  # spread not above the noise
    SATURATED_HIGH = "saturated_high"  # pixels at the top of the range
    SATURATED_LOW = "saturated_low"  # pixels at the bottom of the range
    NON_FINITE = "non_finite"  # nan or infinity among the temperatures
    IMPLAUSIBLE = "implausible"  # temperatures no thermal camera reports (below -100, over 3000 C)
    OUT_OF_RANGE = "out_of_range"  # temperatures beyond the range that the camera was set to
    DEAD_PIXELS = "dead_pixels"  # isolated pixels far off their neighbours
    DEAD_LINES = "dead_lines"  # whole rows or columns far off, or a regular pattern
    BYTE_SWAPPED = "byte_swapped"  # the two bytes of each pixel look exchanged
    EIGHT_BIT_CONTENT = "eight_bit_content"  # 16-bit container with at most 256 spread levels
    TELEMETRY_ROW = "telemetry_row"  # first or last rows carry data, not image
    TORN = "torn"  # part of the frame is missing or belongs to another frame
    TRUNCATED = "truncated"  # the file ended early; the rest is filled
    TINY = "tiny"  # smaller than 8x8: no statistics possible
    FFC = "ffc"  # the shutter was closed (said by the camera)
    CONVERTED = "converted"  # stored as another element type; converted without loss
    QUANTISED = "quantised"  # stored as another element type; precision was lost
    ROTATED = "rotated"  # the file says the picture is to be turned; pixels are as stored


MOST_PIXELS = 1 << 22  # judged in one piece; the largest thermal sensors have 3 million
_ANYWHERE = frozenset(
    {Quality.NON_FINITE, Quality.IMPLAUSIBLE, Quality.CONVERTED, Quality.QUANTISED}
)


def assess(values: NDArray[Any], *, kind: Kind, bit_depth: int = 16) -> frozenset[Quality]:
    """What the pixels alone say is wrong or special about a frame.

    Conservative: a flag says that the finding is there, no flag that it was not seen. Invisible in
    one frame are: upside down or mirrored, a wrong temperature scale, frozen (repeated) frames.

    Below 8x8 pixels there is no statistics: the answer is TINY and what single values show (an
    array without pixels is TINY). Where more than 0.5 % of the pixels are nan, lines, tears and
    dead pixels are not judged; nor are they in pictures with a burnt-in palette. Dead pixels and
    telemetry are not judged in AGC, where overlays look alike. Swapped bytes are reported alone:
    nothing else means anything then.

    A picture of more than 4 million pixels, larger than any sensor, is judged by its middle, and
    everywhere for impossible values: memory stays bounded.

    Args:
        values: (H, W), or (H, W, 3) for AGC; any real element type, byte order and layout. An
            element type other than the kind's own (uint16, float32, uint8) is CONVERTED or, where
            values do not fit in it, QUANTISED.
        kind: Unit of `values`.
        bit_depth: Bits per pixel that the file claims; its end counts as an end of the range.

    Returns:
        The flags; empty for a frame without findings.

    Raises:
        ShapeError: Not (H, W) or, for AGC, (H, W, 3).
        UnitError: `kind` is unknown, or the values are not real numbers.
        ConfigError: `bit_depth` is not a whole number from 1 to 16.

    Example:
        >>> assess(np.full((64, 64), 3000, np.uint16), kind="counts")
        frozenset({<Quality.CONSTANT: 'constant'>})
    """
    array = _checked(values, kind, bit_depth)
    parts = math.ceil(array.shape[0] * array.shape[1] / MOST_PIXELS)
    if parts > 1:
        split = np.array_split(array, parts, axis=int(array.shape[1] > array.shape[0]))
        found = [_assessed(part, kind, bit_depth) for part in split]
        everywhere: frozenset[Quality] = frozenset().union(*found)
        middle: frozenset[Quality] = found[len(found) // 2]
        return middle | (everywhere & _ANYWHERE)
    return _assessed(array, kind, bit_depth)


def _assessed(array: NDArray[Any], kind: Kind, bit_depth: int) -> frozenset[Quality]:
    """The flags of a frame that is small enough to be judged in one piece."""
    flags = {Quality.AGC} if kind == "agc" else set()
    if array.size == 0:
        return frozenset(flags | {Quality.TINY})
    plane, coloured = _one_channel(array)
    if coloured:
        flags.add(Quality.FALSE_COLOUR)
    plane, unknown = _finite(plane)
    flags |= _stored_flags(plane, kind) | ({Quality.NON_FINITE} if unknown else set())
    if unknown == plane.size:
        return frozenset(flags)
    if kind == "kelvin" and not PLAUSIBLE_K[0] <= plane.min() <= plane.max() <= PLAUSIBLE_K[1]:
        flags.add(Quality.IMPLAUSIBLE)
    if min(plane.shape) < SMALLEST_SIDE:
        return frozenset(flags | {Quality.TINY})
    structured = not coloured and unknown <= UNKNOWN_SHARE * plane.size
    counts, per_unit = _as_counts(plane, kind)
    frame = _Frame(plane, counts, kind, per_unit=per_unit, bit_depth=bit_depth)
    return frozenset(flags | _content_flags(frame, structured=structured))


def _checked(values: NDArray[Any], kind: str, bit_depth: int) -> NDArray[Any]:
    array = np.asarray(values)
    if kind not in ("counts", "kelvin", "agc"):
        raise UnitError(f"kind must be 'counts', 'kelvin' or 'agc', got {kind!r}.")
    if isinstance(bit_depth, bool) or not isinstance(bit_depth, int) or not 1 <= bit_depth <= 16:
        raise ConfigError(f"bit_depth must be a whole number from 1 to 16, got {bit_depth!r}.")
    if array.dtype.kind not in "buif":
        raise UnitError(f"values must be real numbers, got {array.dtype}. Pass one numeric plane.")
    colour = kind == "agc" and array.ndim == 3 and array.shape[2] == 3
    if array.ndim != 2 and not colour:
        raise ShapeError(
            f"values must be (H, W){' or (H, W, 3)' if kind == 'agc' else ''}, "
            f"got {array.shape} {array.dtype}. Pass one frame.",
            actual_shape=array.shape,
            expected_shape="H W",
        )
    return array


def _one_channel(array: NDArray[Any]) -> tuple[NDArray[Any], bool]:
    """One plane, and whether the picture is coloured."""
    if array.ndim == 2:
        return array, False
    sparse = array[::4, ::4].astype(np.float32)
    coloured = float((sparse.max(axis=2) - sparse.min(axis=2) > COLOUR_LEVELS).mean())
    return array[..., 1], coloured > COLOUR_SHARE


def _finite(plane: NDArray[Any]) -> tuple[NDArray[Any], int]:
    """The plane with its unknown pixels at the median of the known ones, and their number."""
    if plane.dtype.kind != "f":
        return plane, 0
    finite = np.isfinite(plane)
    unknown = plane.size - int(np.count_nonzero(finite))
    if unknown == 0:
        return plane, 0
    known = plane[finite]
    middle = np.partition(known, known.size // 2)[known.size // 2] if known.size else 0
    return np.where(finite, plane, middle).astype(plane.dtype), unknown


def _stored_flags(plane: NDArray[Any], kind: Kind) -> set[Quality]:
    own = {"counts": np.uint16, "kelvin": np.float32, "agc": np.uint8}[kind]
    stored = plane.dtype.newbyteorder("=")
    if stored == own:
        return set()
    if kind == "kelvin":
        fits = stored.itemsize > 2 or stored.kind != "f"  # float16 has steps of 0.25 K at 300 K
    else:
        fits = 0 <= float(plane.min()) <= float(plane.max()) <= (255 if kind == "agc" else 65535)
        fits = fits and (stored.kind != "f" or bool((plane == np.rint(plane)).all()))
    return {Quality.CONVERTED if fits else Quality.QUANTISED}


def _as_counts(plane: NDArray[Any], kind: Kind) -> tuple[Counts, float]:
    """The plane as uint16 for the search, and how many of its counts make one unit.

    Temperatures are scaled so that the middle 98 % fill a ninth of the range: fine against any
    noise; what lies further out is clipped there and still stands out.
    """
    import cv2

    if plane.dtype.newbyteorder("=") == np.uint16:
        return np.ascontiguousarray(plane, np.uint16), 1.0
    if plane.dtype == np.uint8:
        return plane.astype(np.uint16, order="C"), 1.0
    if kind != "kelvin":
        return np.clip(np.rint(plane.astype(np.float64)), 0, 65535).astype(np.uint16), 1.0
    wide = plane if plane.dtype.kind == "f" and plane.itemsize > 2 else plane.astype(np.float64)
    work = np.clip(wide, -1e6, 1e6).astype(np.float32, order="C", copy=False)
    low, high = (float(v) for v in np.percentile(work[::3, ::5], (1, 99)))
    spread = max(high - low, 1e-5 * max(abs(high), 1.0))  # float32 resolves no less
    per_unit = 65535 / (9 * spread)
    start = low - 4 * spread
    work -= np.float32(start)
    scaled = cv2.addWeighted(work, per_unit, work, 0.0, 0.0, dtype=cv2.CV_16U)
    return np.asarray(scaled, np.uint16), per_unit


# -- content -------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Frame:
    """A plane as it came (nan filled), and as counts for the search."""

    plane: NDArray[Any]
    counts: Counts
    kind: Kind
    per_unit: float
    bit_depth: int

    def rows(self, top: int, bottom: int) -> _Frame:
        """The frame without `top` first and `bottom` last rows."""
        kept = slice(top, self.counts.shape[0] - bottom)
        return _Frame(self.plane[kept], self.counts[kept], self.kind, self.per_unit, self.bit_depth)


def _content_flags(frame: _Frame, *, structured: bool) -> set[Quality]:
    low, high = frame.plane.min(), frame.plane.max()
    if low == high:
        return {Quality.CONSTANT} | _rail_flags(frame, low, high)
    if frame.kind == "counts" and faults.byte_swapped(frame.counts):
        return {Quality.BYTE_SWAPPED}
    flags: set[Quality] = set()
    if structured:
        frame, flags = _without_edges(frame)
    noise = max(faults.noise_of(frame.counts), _least_noise(frame))
    if structured and faults.periodic_pattern(frame.counts, noise=noise):
        return flags | {Quality.DEAD_LINES}  # half of the pixels are no picture
    flags |= _level_flags(frame, noise)
    flags |= _saturation_flags(frame, picture=Quality.EIGHT_BIT_CONTENT in flags)
    return flags | (_structure_flags(frame, noise) if structured else set())


def _least_noise(frame: _Frame) -> float:
    return {"counts": 0.0, "kelvin": LEAST_NOISE_K * frame.per_unit, "agc": AGC_NOISE}[frame.kind]


def _without_edges(frame: _Frame) -> tuple[_Frame, set[Quality]]:
    """The frame without the rows at its edges that are no image, and what they were."""
    flags: set[Quality] = set()
    if frame.kind != "agc":
        top, bottom = faults.telemetry_rows(frame.counts)
        if top or bottom:
            flags.add(Quality.TELEMETRY_ROW)
            frame = frame.rows(top, bottom)
    top, bottom = faults.filled_rows(frame.counts)
    if top == 0 or bottom == 0:  # bars on both sides are a format, not a fault
        if top + bottom > 1:
            flags.add(Quality.TORN)
        elif top + bottom == 1 and frame.kind != "agc":
            flags.add(Quality.DEAD_LINES)
    if frame.counts.shape[0] - top - bottom >= SMALLEST_SIDE:
        frame = frame.rows(top, bottom)
    return frame, flags


def _level_flags(frame: _Frame, noise: float) -> set[Quality]:
    """Contrast, and the number of levels."""
    counted = _histogram(frame.counts)
    total = np.cumsum(counted)
    ranks = np.array([0.01, 0.1, 0.9, 0.99]) * total[-1]
    low, inner_low, inner_high, high = (int(v) for v in np.searchsorted(total, ranks))
    spread = high - low
    flags: set[Quality] = set()
    least = FLAT_KELVIN * frame.per_unit if frame.kind == "kelvin" else FLAT_LEVELS
    if spread <= least or spread < FLAT_NOISE * noise:
        flags.add(Quality.LOW_CONTRAST)
    if frame.kind == "counts" and _eight_bit(counted, inner_low, inner_high):
        flags.add(Quality.EIGHT_BIT_CONTENT)
    return flags


def _histogram(counts: Counts) -> NDArray[np.int64]:
    """(largest + 1,) number of pixels of each value; four times as fast as numpy's."""
    import cv2

    size = int(counts.max()) + 1
    found = cv2.calcHist([np.ascontiguousarray(counts)], [0], None, [size], [0, size])
    return np.asarray(found).ravel().astype(np.int64)  # float32 is exact below 2^24 pixels


def _eight_bit(counted: NDArray[np.int64], low: int, high: int) -> bool:
    """At most 256 levels, all below 256, or with wide gaps between them."""
    levels = np.flatnonzero(counted)
    if len(levels) > LEVELS_8_BIT or counted.sum() < 16 * LEVELS_8_BIT:
        return False
    if levels[-1] < LEVELS_8_BIT:
        return True
    used = int(((levels >= low) & (levels <= high)).sum())
    step = int(np.gcd.reduce(np.diff(levels)))
    return used < 0.25 * (high - low) and step not in ROUND_STEPS


def _saturation_flags(frame: _Frame, *, picture: bool) -> set[Quality]:
    """Clipped areas. A `picture` (AGC, also in a 16-bit file) clips some on purpose."""
    plane = frame.plane
    low, high = plane.min(), plane.max()
    flags: set[Quality] = set()
    if picture or frame.kind == "agc":
        if low == 0 and float((plane == low).mean()) > CLIPPED_AGC:
            flags.add(Quality.SATURATED_LOW)
        if high >= 255 and float((plane == high).mean()) > CLIPPED_AGC:
            flags.add(Quality.SATURATED_HIGH)
        return flags
    flags = _rail_flags(frame, low, high)
    band = (float(high) - float(low)) / 256
    if band >= (1 if frame.kind == "counts" else LEAST_NOISE_K):
        if _plateau(plane, high, high - band, high):
            flags.add(Quality.SATURATED_HIGH)
        if _plateau(plane, low, low, low + band):
            flags.add(Quality.SATURATED_LOW)
    return flags


def _rail_flags(frame: _Frame, low: Any, high: Any) -> set[Quality]:
    """Areas of counts at the very ends of a number range."""
    flags: set[Quality] = set()
    if frame.kind != "counts":
        return flags
    if int(high) in (*RAILS, (1 << frame.bit_depth) - 1) and _has_square(frame.plane == high):
        flags.add(Quality.SATURATED_HIGH)
    if low == 0 and _has_square(frame.plane == 0):
        flags.add(Quality.SATURATED_LOW)
    return flags


def _plateau(plane: NDArray[Any], level: Any, start: Any, stop: Any) -> bool:
    """Whether many pixels share one extreme value and few come near it."""
    at = plane == level
    count = int(np.count_nonzero(at))
    if count < max(64, plane.size // 1000):
        return False
    near = int(np.count_nonzero((plane >= start) & (plane <= stop))) - count
    return count > 8 * near and _has_square(at)


def _has_square(mask: NDArray[np.bool_]) -> bool:
    """Whether 3x3 pixels are set somewhere: an area, not dead pixels or lines."""
    rows = mask[2:] & mask[1:-1] & mask[:-2]
    return bool((rows[:, 2:] & rows[:, 1:-1] & rows[:, :-2]).any())


def _structure_flags(frame: _Frame, noise: float) -> set[Quality]:
    counts = frame.counts
    flags: set[Quality] = set()
    lines = faults.dead_lines(counts, noise=noise)
    if lines.rows or lines.columns:
        flags.add(Quality.DEAD_LINES)
    if faults.tear_rows(counts, noise=noise):
        flags.add(Quality.TORN)
    if frame.kind != "agc" and faults.isolated_pixels(counts, noise=noise).y.size:
        flags.add(Quality.DEAD_PIXELS)
    return flags
