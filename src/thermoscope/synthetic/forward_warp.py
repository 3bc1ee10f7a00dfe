"""The right view of a left picture and its disparity: forward, nearest surface in front.

A left picture with a disparity map is a sheet of surface strips between neighbouring pixels. Each
right pixel asks which strips lie over it and takes the nearest: no holes from rounding, no cracks
in slanted surfaces, and the disparity of the right view comes out exactly. What is NOT here:
inventing disparity (`.disparity_field`), sensors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.errors import ConfigError, ShapeError

__all__ = ["WarpedView", "forward_warp", "sample_rows"]

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
CONNECTED_PX = 0.75  # neighbours that differ by less belong to one surface
NEARER_PX = 1e-3  # a surface hides another if it is nearer by more than this
WIDEST_RANGE_PX = 512


@dataclass(frozen=True, eq=False)
class WarpedView:
    """Where the right view takes its pixels from; all planes (H, W).

    Attributes:
        source: Column of the left picture that a right pixel shows, px; nan where `hole`.
        disparity_right: ``x_left - x_right`` of the right view, px; 0 where `hole`.
        hole: True where the right view sees what the left does not.
        occluded: Of the left view: True where the right view does not see it.
    """

    source: Floats
    disparity_right: Floats
    hole: Mask
    occluded: Mask


def forward_warp(
    disparity: NDArray[np.floating], *, surface: NDArray[Any] | None = None
) -> WarpedView:
    """Right view of a left disparity map.

    Args:
        disparity: (H, W), px, ``x_left - x_right``, any sign, finite.
        surface: (H, W) ids: neighbours with two ids are not connected. If not given, neighbours
            that differ by less than 0.75 px are.

    Returns:
        The view. A strip that the right camera sees from behind shows nothing. A pixel at the end
        of a surface reaches half a pixel further.

    Raises:
        ShapeError: `disparity` is not (H, W) with W >= 2, or `surface` has another shape.
        ConfigError: A disparity is not finite, or they span more than 512 px.
    """
    d = np.asarray(disparity, np.float64)
    if d.ndim != 2 or d.shape[1] < 2 or (surface is not None and surface.shape != d.shape):
        raise ShapeError(
            f"disparity must be (H, W) with W >= 2, and surface like it, got {d.shape}."
        )
    if not np.isfinite(d).all() or np.ptp(d) > WIDEST_RANGE_PX:
        raise ConfigError(f"disparities must be finite and span at most {WIDEST_RANGE_PX} px.")
    joined = (
        np.abs(np.diff(d, axis=1)) < CONNECTED_PX
        if surface is None
        else surface[:, 1:] == surface[:, :-1]
    )
    columns = np.arange(d.shape[1], dtype=np.float64)[None]
    grid = np.broadcast_to(columns, d.shape)
    source, nearest = _nearest_strip(d, joined, grid)
    hole = np.isnan(source)
    _, over = _nearest_strip(d, joined, grid - d)
    landed = grid - d
    outside = (landed < -0.5) | (landed >= d.shape[1] - 0.5)
    return WarpedView(
        source,
        np.where(hole, 0.0, nearest),
        hole,
        np.asarray(outside | (over > d + NEARER_PX)),
    )


def _nearest_strip(d: Floats, joined: Mask, places: Floats) -> tuple[Floats, Floats]:
    """Left column and disparity of the nearest strip over each right-view place; nan, -inf if none.

    The strip from pixel x to x + 1 lies between x - d(x) and x + 1 - d(x + 1): a place p can only
    be under strips with x between p + min(d) - 1 and p + max(d).
    """
    height, width = d.shape
    # One column of padding on either side carries the half pixels beyond the picture.
    padded = np.pad(d, ((0, 0), (1, 1)), mode="edge")
    linked = np.pad(joined, ((0, 0), (1, 1)), constant_values=False)
    rows = np.arange(height)[:, None]
    best = np.full(places.shape, -np.inf)
    source = np.full(places.shape, np.nan)
    base = np.floor(places).astype(np.int64)
    for step in range(int(np.floor(d.min())) - 1, int(np.ceil(d.max())) + 2):
        x = base + step
        usable = (x >= -1) & (x <= width - 1)
        i = np.clip(x, -1, width - 1) + 1
        d0, d1, one = padded[rows, i], padded[rows, i + 1], linked[rows, i]
        start, stop = x - d0, x + 1 - d1
        span = stop - start
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.where(one, (places - start) / span, 0.0)
        inside = usable & one & (span > 0) & (share >= 0) & (share <= 1)
        value = d0 + share * (d1 - d0)
        _keep_nearest(best, source, inside, value, x + share)
        apart = usable & ~one
        first = apart & (x >= 0) & (places >= start) & (places <= start + 0.5)
        second = apart & (x < width - 1) & (places >= stop - 0.5) & (places <= stop)
        _keep_nearest(best, source, first, d0, x)
        _keep_nearest(best, source, second, d1, x + 1)
    return source, best


def _keep_nearest(
    best: Floats, source: Floats, inside: Mask, value: Floats, x: NDArray[Any]
) -> None:
    better = inside & (value > best)
    best[better] = value[better]
    source[better] = x[better]


def sample_rows(picture: NDArray[np.floating], columns: Floats) -> Floats:
    """(H, W') values of each row at fractional columns, by Catmull-Rom; edges repeat, nan gives 0.

    Args:
        picture: (H, W).
        columns: (H, W') px.

    Source: Keys, Cubic convolution interpolation for digital image processing, 1981 (a = -1/2).
    """
    values = np.asarray(picture, np.float64)
    known = np.isfinite(columns)
    places = np.where(known, columns, 0.0)
    whole = np.floor(places)
    t = places - whole
    rows = np.arange(values.shape[0])[:, None]
    taps = [
        values[rows, np.clip(whole.astype(np.int64) + offset, 0, values.shape[1] - 1)]
        for offset in (-1, 0, 1, 2)
    ]
    weights = (
        ((2 - t) * t - 1) * t / 2,
        ((3 * t - 5) * t * t + 2) / 2,
        ((4 - 3 * t) * t + 1) * t / 2,
        (t - 1) * t * t / 2,
    )
    total = sum(tap * weight for tap, weight in zip(taps, weights, strict=True))
    return np.where(known, total, 0.0)
