"""Faults of one frame that pixels show: dead pixels, dead lines, tears, telemetry, byte order.

Every detector takes a plane of unsigned integers and the noise of the frame, and answers with
positions or a yes. They look for what optics cannot make: a lens blurs every real edge over more
than one pixel, so a step of one pixel width is the sensor's or the file's. What is NOT here: the
verdict (`thermoscope.sensor.quality`) and defect maps of a sensor (`thermoscope.sensor.defects`).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "TELEMETRY_ROWS",
    "IsolatedPixels",
    "Lines",
    "byte_swapped",
    "dead_lines",
    "filled_rows",
    "isolated_pixels",
    "noise_of",
    "periodic_pattern",
    "tear_rows",
    "telemetry_rows",
]

Plane = NDArray[Any]  # (H, W) uint8 or uint16, contiguous

TELEMETRY_ROWS = 4  # cameras append one to four rows (Boson 1, Lepton 2 to 4)
BLOCK = 16
TEAR_MARGIN = 8  # rows at top and bottom where a tear is not told from an overlay
SHARE_RATIO, SPREAD_RATIO = 1.4, 3.0
GAP_NOISE, GAP_SPREAD = 20.0, 2.5  # lowest that is silent on sharp real edges and point sources
LAPLACE_MEAN = math.sqrt(6) * math.sqrt(2 / math.pi)  # of |a - 2b + c| per sigma of white noise


def noise_of(plane: Plane) -> float:
    """Standard deviation of pixel noise, in counts, from the quietest quarter of the frame.

    Second differences along rows at a distance of two pixels, so that a pattern of period two
    does not count as noise. Areas of one value (saturated, masked) say nothing and are left out,
    unless they are three quarters of the frame. At least 0.3, the noise of rounding.
    """
    rows = plane[:: max(plane.shape[0] // 128, 1)].astype(np.float32)
    bend = np.abs(rows[:, :-4] - 2 * rows[:, 2:-2] + rows[:, 4:])
    width = min(BLOCK, bend.shape[1])
    blocks = bend[:, : bend.shape[1] // width * width].reshape(len(rows), -1, width).mean(axis=2)
    live = blocks[blocks > 0]
    quiet = float(np.percentile(live, 25)) if live.size > blocks.size / 4 else 0.0
    return max(quiet / LAPLACE_MEAN, 0.3)


# -- pixels --------------------------------------------------------------------------------------


class IsolatedPixels(NamedTuple):
    """Positions of N pixels: (N,) rows and columns, and whether each is above its neighbours."""

    y: NDArray[np.intp]
    x: NDArray[np.intp]
    high: NDArray[np.bool_]


def isolated_pixels(
    plane: Plane, *, noise: float, gap_noise: float = GAP_NOISE, most: int = 20_000
) -> IsolatedPixels:
    """Pixels that stand alone above or below all their neighbours.

    A pixel counts when its gap to the nearest of its eight neighbours exceeds `gap_noise` sigmas
    of the noise and 2.5 times the spread of those neighbours among themselves (twice as much at
    the border, where neighbours are missing). Two touching pixels count when each would count
    without the other.

    Args:
        plane: The frame.
        noise: From `noise_of`.
        gap_noise: Least gap, in sigmas of `noise`.
        most: Find nothing if there are more candidates than this: the frame is no picture then.
    """
    import cv2

    middle = np.asarray(cv2.medianBlur(plane, 3))
    off = np.asarray(cv2.absdiff(plane, middle))
    candidates = np.flatnonzero(off > gap_noise * noise)
    if candidates.size == 0 or candidates.size > most:
        none = np.empty(0, np.intp)
        return IsolatedPixels(none, none, none.astype(np.bool_))
    height, width = plane.shape
    y, x = np.divmod(candidates, width)
    ring = np.sort(_neighbours(plane, y, x), axis=1)
    sign = np.where(plane[y, x] > middle[y, x], 1, -1)
    value = sign * plane[y, x].astype(np.int32)
    ring = np.where(sign[:, None] > 0, ring, -ring[:, ::-1])  # ascending again: all look hot now
    border = (y == 0) | (x == 0) | (y == height - 1) | (x == width - 1)
    needed = gap_noise * noise * np.where(border, 2, 1)
    ratio = GAP_SPREAD * np.where(border, 2, 1)
    alone = _stands_out(value, ring, needed, ratio)
    paired = _stands_out(value, ring[:, :-1], needed, ratio)  # the largest neighbour forgiven
    keep = alone | (paired & _touching(y, x, paired, plane.shape))
    return IsolatedPixels(y[keep], x[keep], sign[keep] > 0)


def _stands_out(
    value: NDArray[np.int32],
    ring: NDArray[np.int32],
    needed: NDArray[np.float64],
    ratio: NDArray[np.float64],
) -> NDArray[np.bool_]:
    gap, spread = value - ring[:, -1], ring[:, -1] - ring[:, 0]
    return np.asarray((gap > needed) & (gap > ratio * spread))


def _touching(
    y: NDArray[np.intp], x: NDArray[np.intp], marked: NDArray[np.bool_], shape: tuple[int, ...]
) -> NDArray[np.bool_]:
    """Which positions have a marked one among their eight neighbours."""
    if not marked.any():
        return marked
    image = np.zeros(shape, np.uint16)
    image[y[marked], x[marked]] = 1
    return np.asarray(_neighbours(image, y, x).any(axis=1))


def _neighbours(plane: Plane, y: NDArray[np.intp], x: NDArray[np.intp]) -> NDArray[np.int32]:
    """(N, 8) values around each position, mirrored at the border."""
    height, width = plane.shape
    around = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if (dy, dx) != (0, 0)]
    values = np.empty((len(y), 8), np.int32)
    for i, (dy, dx) in enumerate(around):
        rows = np.where((y + dy < 0) | (y + dy >= height), y - dy, y + dy)
        columns = np.where((x + dx < 0) | (x + dx >= width), x - dx, x + dx)
        values[:, i] = plane[rows, columns]
    return values


# -- lines ---------------------------------------------------------------------------------------


class Lines(NamedTuple):
    """Rows and columns by index, with True for those above their neighbours."""

    rows: dict[int, bool]
    columns: dict[int, bool]


def dead_lines(plane: Plane, *, noise: float) -> Lines:
    """Rows and columns that jump away from both sides, the same way in most of their pixels.

    One or two lines wide, inside the frame; the jump exceeds 6 sigma of the noise in 80 % of the
    pixels.
    """
    return Lines(
        rows=_lines(plane[:, :: max(plane.shape[1] // 160, 1)], 6 * noise),
        columns=_lines(plane[:: max(plane.shape[0] // 128, 1)].T, 6 * noise),
    )


def _lines(plane: Plane, jump: float) -> dict[int, bool]:
    values = np.ascontiguousarray(plane, np.float32)
    step = values[1:] - values[:-1]
    up, down = step > jump, step < -jump
    found: dict[int, bool] = {}
    if float(max(up.mean(axis=1).max(), down.mean(axis=1).max())) < 0.8:
        return found
    for wide in (1, 2):
        n = len(step) - wide
        for start, end, bright in ((up, down, True), (down, up, False)):
            both = (start[:n] & end[wide:]).mean(axis=1) > 0.8
            for first in np.flatnonzero(both):
                found.update(dict.fromkeys(range(int(first) + 1, int(first) + 1 + wide), bright))
    return found


def periodic_pattern(plane: Plane, *, noise: float) -> bool:
    """Whether every second row, column or square of a checkerboard is off the rest.

    The offset of the odd lines from the mean of their even neighbours, at its median over the
    frame, exceeds 4 sigma of the noise. Gradients cancel, edges are too few to matter.
    """
    height, width = plane.shape
    lattice = plane[: height - 2, : width - 2]
    window = [
        [
            plane[i : i + len(lattice) : 6, j : j + lattice.shape[1] : 2].astype(np.int32)
            for j in range(3)
        ]
        for i in range(3)
    ]
    across = [row[0] - 2 * row[1] + row[2] for row in window]  # columns, in each of three rows
    down = window[0][0] - 2 * window[1][0] + window[2][0]
    checker = (across[0] - 2 * across[1] + across[2]) / 2
    offsets = (abs(float(np.median(o))) / 2 for o in (across[0], down, checker))
    return max(offsets) > 4 * noise


# -- whole parts ---------------------------------------------------------------------------------


def filled_rows(plane: Plane) -> tuple[int, int]:
    """(top, bottom): rows at the edges that hold one value each instead of the picture.

    Rows at one edge only count when the next row leaves their value in nine tenths of its pixels:
    a sky or a furnace beyond the sensor's range ends along an outline, a missing part along a row.
    """
    constant = plane.min(axis=1) == plane.max(axis=1)
    if constant.all():
        return 0, 0
    top, bottom = int(np.argmin(constant)), int(np.argmin(constant[::-1]))
    if top and not bottom and float((plane[top] == plane[top - 1, 0]).mean()) > 0.1:
        top = 0
    if bottom and not top and float((plane[-bottom - 1] == plane[-bottom, 0]).mean()) > 0.1:
        bottom = 0
    return top, bottom


def tear_rows(plane: Plane, *, noise: float) -> tuple[int, ...]:
    """Rows at which the picture goes on as another one: the first row of each new part.

    Across a tear many pixels jump, by amounts that differ along the row (a plain step would
    differ by one amount), while the rows just above and below agree with their neighbours.
    """
    sparse = plane[:, :: max(plane.shape[1] // 213, 1)]
    step = sparse[1:].astype(np.int32) - sparse[:-1]
    share = (np.abs(step) > max(4 * noise, 3 * float(np.abs(step).mean()))).mean(axis=1)
    calm = np.pad(share, 2)
    calm = np.max([calm[:-4], calm[1:-3], calm[3:-1], calm[4:]], axis=0)  # two rows on each side
    sharp = (share > 0.25) & (share > SHARE_RATIO * calm)
    sharp[:TEAR_MARGIN] = sharp[-TEAR_MARGIN:] = False  # overlays sit at the borders
    found = []
    for row in np.flatnonzero(sharp):
        quiet = max(noise, *(_spread(step[r]) for r in (row - 2, row - 1, row + 1, row + 2)))
        constant = int(np.ptp(sparse[row : row + 2], axis=1).min()) == 0  # a bar, no picture
        if _spread(step[row]) > SPREAD_RATIO * quiet and not constant:
            found.append(int(row) + 1)
    return tuple(found)


def _spread(step: NDArray[np.int32]) -> float:
    """Deviation from the common jump that a fifth of the row exceeds."""
    off = np.abs(step - np.median(step))
    return float(np.partition(off, len(off) * 8 // 10)[len(off) * 8 // 10])


def telemetry_rows(plane: Plane) -> tuple[int, int]:
    """(top, bottom): rows at either edge that hold data instead of image.

    Such a row is not constant, and a sixth of its pixels lies beyond anything in the image by
    more than the image's own range.
    """
    edge = TELEMETRY_ROWS
    if plane.shape[0] < 4 * edge:
        return 0, 0
    inside = plane[edge:-edge:3, ::5]  # odd strides: a pattern of period two must not hide
    low, high = (float(v) for v in np.percentile(inside, (0.5, 99.5)))
    margin = max(high - low, 16.0)
    outside = [
        [_is_data(plane[row], low - margin, high + margin) for row in rows]
        for rows in (range(edge), range(plane.shape[0] - 1, plane.shape[0] - 1 - edge, -1))
    ]
    top, bottom = (next((i for i, is_data in enumerate(o) if not is_data), edge) for o in outside)
    return top, bottom


def _is_data(row: NDArray[Any], low: float, high: float) -> bool:
    beyond = float(((row < low) | (row > high)).mean())
    return beyond > 1 / 6 and int(row.max()) > int(row.min())


def byte_swapped(plane: NDArray[np.uint16]) -> bool:
    """Whether the two bytes of each pixel look exchanged.

    From pixel to pixel the high byte changes rarely and the low byte often. Here it is the other
    way round, and the low byte is not simply 0 (8-bit content shifted up); or the frame is all
    noise, and a picture once the bytes are exchanged.
    """
    rows = plane[:: max(plane.shape[0] // 64, 1)]
    high, low = rows >> 8, rows & 0xFF
    high_changes = float((high[:, 1:] != high[:, :-1]).mean())
    low_changes = float((low[:, 1:] != low[:, :-1]).mean())
    if high_changes > 2 * low_changes + 0.05 and bool(low.any()):
        return True
    noise = noise_of(rows)
    return noise > 2000 and noise_of(rows.byteswap()) < noise / 5
