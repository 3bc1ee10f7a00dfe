"""Defective pixels of a sensor: find them, keep them in a map, repair frames in 16 bit.

Three kinds: ``dead`` (no response, or far below the neighbours), ``hot`` (far above them),
``flickering`` (far more restless than them). Whole rows and columns are found too. What is NOT
here: the flag on a single frame (`thermoscope.sensor.quality`), non-uniformity correction, and
clusters of more than two pixels that still respond: beside each other they look like an object.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.checks import check_shape
from thermoscope.core.errors import CalibrationError, ReadError, ShapeError, UnitError, WriteError
from thermoscope.core.files import atomic_write
from thermoscope.sensor.counts import checked_counts
from thermoscope.sensor.frame_faults import dead_lines, isolated_pixels, noise_of

__all__ = ["DefectMap", "find_defects", "load_defects", "repair", "save_defects"]

Mask = NDArray[np.bool_]
Element = TypeVar("Element", bound=np.generic)

BITS = {"dead": 0x20, "hot": 0x40, "flickering": 0x80}  # high bits: visible in an image viewer
SINGLE_GAP, MEAN_GAP = 20.0, 10.0  # sigmas; the mean of a sequence carries less noise and scene
TYPICAL_DEVIATION = 256.0  # counts of the plane in which deviations are compared
SMALLEST_SIDE = 8
MOST_PIXELS = 1 << 26
LEAST_GOOD = 3  # neighbours for a median
FARTHEST = 7  # px


@dataclass(frozen=True, eq=False)
class DefectMap:
    """Which pixels of a sensor are not to be trusted.

    Attributes:
        dead: (H, W) bool, no response or far too low.
        hot: (H, W) bool, far too high.
        flickering: (H, W) bool, far too restless.

    Raises:
        ShapeError: The three are not (H, W) of one size.
        UnitError: One of them is not bool.
    """

    dead: Mask
    hot: Mask
    flickering: Mask

    def __post_init__(self) -> None:
        for name in BITS:
            mask = getattr(self, name)
            if mask.dtype != np.bool_:
                raise UnitError(f"{name} must be bool, got {mask.dtype}. Compare it: mask != 0.")
            check_shape(mask, f"{self.dead.shape[0]} {self.dead.shape[-1]}", name=name)

    @classmethod
    def empty(cls, height: int, width: int) -> DefectMap:
        """The map of a perfect sensor."""
        return cls(*(np.zeros((height, width), np.bool_) for _ in BITS))

    @property
    def bad(self) -> Mask:
        """(H, W) bool, True where a pixel has any defect."""
        return self.dead | self.hot | self.flickering

    @property
    def count(self) -> int:
        """Number of defective pixels."""
        return int(np.count_nonzero(self.bad))

    @property
    def rows(self) -> tuple[int, ...]:
        """Rows that are defective from end to end."""
        return tuple(int(i) for i in np.flatnonzero(self.bad.all(axis=1)))

    @property
    def columns(self) -> tuple[int, ...]:
        """Columns that are defective from end to end."""
        return tuple(int(i) for i in np.flatnonzero(self.bad.all(axis=0)))

    def union(self, other: DefectMap) -> DefectMap:
        """Pixels that are defective in either map (a maker's list and a found one, say).

        Raises:
            ShapeError: The maps differ in size.
        """
        check_shape(other.dead, "{} {}".format(*self.dead.shape), name="other")
        return DefectMap(*(getattr(self, name) | getattr(other, name) for name in BITS))

    def __repr__(self) -> str:
        height, width = self.dead.shape
        kinds = ", ".join(f"{int(getattr(self, name).sum())} {name}" for name in BITS)
        return f"DefectMap({width}x{height}: {kinds})"


# -- find ----------------------------------------------------------------------------------------


def find_defects(frames: NDArray[np.uint16] | Iterable[NDArray[np.uint16]]) -> DefectMap:
    """Defective pixels, from one frame or better from a sequence.

    One frame shows pixels alone far off all their neighbours (gap over 20 sigma of the noise) and
    whole rows and columns. A sequence is averaged first (10 sigma), which lets a moving scene
    fade; it also shows pixels that never change where their neighbours do (dead), and pixels
    that change far more (flickering). Uncorrected frames of a uniform scene, or of a scene that
    moves, give the fullest map; a static scene with real points of one pixel may add to it.

    A pixel that never changes is called dead only if chance alone would freeze fewer than one
    pixel in a hundred such sequences: with noise of 1 count that takes some 14 frames.

    Args:
        frames: (H, W), (N, H, W), or any iterable of (H, W) frames, uint16. An iterable is read
            once, in constant memory.

    Returns:
        Map of the size of a frame.

    Raises:
        ShapeError: No frame, frames of different size, or smaller than 8x8.
        UnitError: Not uint16: 8-bit pictures and temperatures hide the sensor's own values.

    Example:
        >>> frame = np.full((16, 16), 3000, np.uint16)
        >>> frame[5, 7] = 0
        >>> find_defects(frame)
        DefectMap(16x16: 1 dead, 0 hot, 0 flickering)
    """
    mean, deviation, count = _moments(_each(frames))
    height, width = mean.shape
    found = {name: np.zeros((height, width), np.bool_) for name in BITS}
    plane = np.rint(mean).astype(np.uint16)
    low, high = _outliers(plane, gap_noise=SINGLE_GAP if count == 1 else MEAN_GAP)
    if count > 1:
        _, restless = _outliers(_as_plane(deviation), gap_noise=SINGLE_GAP)
        found["flickering"] = restless
        low |= _frozen(deviation, count)
    found["dead"] = low & ~found["flickering"]
    found["hot"] = high & ~found["flickering"] & ~found["dead"]
    return DefectMap(**found)


def _each(frames: NDArray[np.uint16] | Iterable[NDArray[np.uint16]]) -> Iterator[NDArray[Any]]:
    if isinstance(frames, np.ndarray):
        if frames.ndim == 2:
            frames = frames[None]
        check_shape(frames, "N H W", name="frames")
    size: tuple[int, ...] | None = None
    for index, frame in enumerate(frames):
        plane = checked_counts(frame, name=f"frame {index}")
        if size is None:
            size = plane.shape
            if min(size) < SMALLEST_SIDE:
                raise ShapeError(
                    f"frames must be at least 8x8 px, got {size}. Smaller ones have no neighbours.",
                    actual_shape=size,
                )
        if plane.shape != size:
            raise ShapeError(
                f"frame {index} is {plane.shape}, the first one {size}. Pass frames of one camera.",
                actual_shape=plane.shape,
                expected_shape=str(size),
            )
        yield plane


def _moments(
    frames: Iterator[NDArray[Any]],
) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    """Mean and standard deviation of each pixel over time, and the number of frames."""
    first: NDArray[np.float64] | None = None
    count = 0
    for frame in frames:
        if first is None:
            first = frame.astype(np.float64)
            total, squares = np.zeros_like(first), np.zeros_like(first)
        change = frame - first  # small numbers: sums of squares stay exact
        total += change
        squares += change * change
        count += 1
    if first is None:
        raise ShapeError("find_defects needs at least one frame, got none.", actual_shape=(0,))
    mean = total / count
    variance = np.maximum(squares / count - mean * mean, 0.0)
    return first + mean, np.sqrt(variance), count


def _as_plane(values: NDArray[np.float64]) -> NDArray[np.uint16]:
    """Scaled so that the typical value has fine steps below and room above."""
    typical = float(np.median(values))
    scale = TYPICAL_DEVIATION / typical if typical > 0 else TYPICAL_DEVIATION
    return np.minimum(np.rint(values * scale), 65535).astype(np.uint16)


def _outliers(plane: NDArray[np.uint16], *, gap_noise: float) -> tuple[Mask, Mask]:
    """(low, high): isolated pixels and whole lines off their neighbours."""
    low, high = np.zeros(plane.shape, np.bool_), np.zeros(plane.shape, np.bool_)
    noise = noise_of(plane)
    y, x, is_high = isolated_pixels(plane, noise=noise, gap_noise=gap_noise)
    high[y[is_high], x[is_high]] = True
    low[y[~is_high], x[~is_high]] = True
    rows, columns = dead_lines(plane, noise=noise)
    for row, is_bright in rows.items():
        (high if is_bright else low)[row] = True
    for column, is_bright in columns.items():
        (high if is_bright else low)[:, column] = True
    return low, high


def _frozen(deviation: NDArray[np.float64], count: int) -> Mask:
    """Pixels that never change among neighbours that do."""
    import cv2

    typical = float(np.median(deviation))
    repeats = min(1 / (2 * math.sqrt(math.pi) * max(typical, 1e-9)), 1.0)  # P(same count twice)
    if deviation.size * repeats ** (count - 1) > 0.01:
        return np.zeros(deviation.shape, np.bool_)
    around = np.asarray(cv2.medianBlur(deviation.astype(np.float32), 5))
    return np.asarray((deviation == 0) & (around > 0.25 * typical))


# -- repair --------------------------------------------------------------------------------------


def repair(values: NDArray[Element], defects: DefectMap) -> NDArray[Element]:
    """The frame with each defective pixel replaced by the median of good ones around it.

    The smallest square around the pixel with three good pixels decides, up to 15x15; beyond
    that, the median of all good pixels. Whole numbers stay whole (rounded half to even). Good
    pixels are not touched: they keep their bits. A good pixel that is nan does not take part.

    Args:
        values: (H, W) or (N, H, W), uint8, uint16 or float; of the sensor's own size.
        defects: Map of the sensor.

    Returns:
        A copy, same shape and element type, native byte order.

    Raises:
        ShapeError: The frame is not as large as the map.
        UnitError: Another element type.
        CalibrationError: No good pixel is left.

    Example:
        >>> frame = np.full((8, 8), 3000, np.uint16)
        >>> frame[4, 4] = 0
        >>> defects = find_defects(frame)
        >>> int(repair(frame, defects)[4, 4])
        3000
    """
    array = np.asarray(values)
    height, width = defects.dead.shape
    if array.ndim not in (2, 3) or array.shape[-2:] != (height, width):
        raise ShapeError(
            f"values must be ({height}, {width}) like the defect map, got {array.shape}. "
            "Repair before cropping or resizing.",
            actual_shape=array.shape,
            expected_shape=f"{height} {width}",
        )
    if not (array.dtype.kind == "f" or (array.dtype.kind == "u" and array.dtype.itemsize <= 2)):
        raise UnitError(f"repair takes uint8, uint16 or float, got {array.dtype}. Convert first.")
    bad = defects.bad
    if bad.all():
        raise CalibrationError(
            f"all {bad.size} pixels are marked defective: nothing to repair from. "
            "Find the map again from a longer sequence."
        )
    repaired = np.array(array, dtype=array.dtype.newbyteorder("="), order="C")
    for frame in repaired.reshape(-1, height, width):
        _repair_frame(frame, bad)
    return repaired


def _repair_frame(frame: NDArray[Any], bad: Mask) -> None:
    good = ~bad & np.isfinite(frame)
    padded = np.pad(frame.astype(np.float64), FARTHEST)
    usable = np.pad(good, FARTHEST)
    y, x = np.nonzero(bad)
    for radius in range(1, FARTHEST + 1):
        if not y.size:
            return
        offsets = range(FARTHEST - radius, FARTHEST + radius + 1)
        square = [(dy, dx) for dy in offsets for dx in offsets]
        around = np.stack([padded[y + dy, x + dx] for dy, dx in square])
        around[~np.stack([usable[y + dy, x + dx] for dy, dx in square])] = np.nan
        enough = np.isfinite(around).sum(axis=0) >= LEAST_GOOD
        if enough.any():
            _put(frame, y[enough], x[enough], np.nanmedian(around[:, enough], axis=0))
        y, x = y[~enough], x[~enough]
    if y.size and good.any():
        _put(frame, y, x, np.median(frame[good]))


def _put(frame: NDArray[Any], y: NDArray[np.intp], x: NDArray[np.intp], value: Any) -> None:
    frame[y, x] = np.rint(value) if frame.dtype.kind == "u" else value


# -- keep ----------------------------------------------------------------------------------------


def save_defects(path: str | Path, defects: DefectMap) -> None:
    """Write the map: an 8-bit grey PNG (``.png``) or a NumPy array (``.npy``), by suffix.

    Each pixel is a sum of 32 (dead), 64 (hot) and 128 (flickering); 0 is good. The PNG opens in
    any image viewer.

    Raises:
        WriteError: Another suffix, no space, or no permission.
    """
    target = Path(path)
    coded = sum(getattr(defects, name) * np.uint8(bit) for name, bit in BITS.items())
    stream = io.BytesIO()
    if target.suffix.lower() == ".png":
        from PIL import Image

        Image.fromarray(np.asarray(coded, np.uint8)).save(stream, format="PNG")
    elif target.suffix.lower() == ".npy":
        np.save(stream, np.asarray(coded, np.uint8), allow_pickle=False)
    else:
        raise WriteError(
            f"a defect map is written as .png or .npy, got {target.name!r}. Change the suffix."
        )
    with atomic_write(target) as file:
        file.write(stream.getvalue())


def load_defects(path: str | Path) -> DefectMap:
    """The map that `save_defects` wrote.

    Raises:
        ReadError: Absent, damaged, over 64 megapixels, or not a defect map.
    """
    source = Path(path)
    try:
        coded = _read_png(source) if source.suffix.lower() == ".png" else _read_npy(source)
    except FileNotFoundError as err:
        raise ReadError(f"no defect map at {source}. Make one: find_defects.", path=source) from err
    except (OSError, ValueError, SyntaxError, EOFError, OverflowError) as err:
        raise ReadError(
            f"{source.name} cannot be read as a defect map: {err}. Save it again.", path=source
        ) from err
    if coded.dtype != np.uint8 or coded.ndim != 2 or coded.size == 0:
        raise ReadError(
            f"{source.name} is not a defect map: {coded.shape} {coded.dtype}, expected (H, W) "
            "uint8. Make one: find_defects.",
            path=source,
        )
    strange = coded & np.uint8(255 - sum(BITS.values()))
    if strange.any():
        raise ReadError(
            f"{source.name} is not a defect map: pixels other than sums of 32, 64 and 128. "
            "Make one: find_defects.",
            path=source,
        )
    return DefectMap(*((coded & np.uint8(bit)) != 0 for bit in BITS.values()))


def _read_png(source: Path) -> NDArray[Any]:
    from PIL import Image

    with source.open("rb") as stream, Image.open(stream, formats=["PNG"]) as image:
        if image.width * image.height > MOST_PIXELS:
            raise ValueError(f"{image.width}x{image.height} is over 64 megapixels")
        if image.mode != "L":
            raise ValueError(f"pixel format {image.mode}, expected 8-bit grey")
        return np.asarray(image)


def _read_npy(source: Path) -> NDArray[Any]:
    mapped = np.load(source, mmap_mode="r", allow_pickle=False)
    if mapped.size > MOST_PIXELS:
        raise ValueError(f"{mapped.size} pixels are over 64 megapixels")
    return np.array(mapped)
