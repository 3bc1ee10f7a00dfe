"""Stamps of frames and fixes: nearest in time, and speed along a track.

A stamp is an integer number of nanoseconds: seconds since 1970 as a float are off by up to 0.2 us.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thermoscope.core.checks import check_positive
from thermoscope.core.errors import ConfigError, ShapeError, UnitError

__all__ = ["NS", "Indices", "checked_stamps", "nearest_in_time", "speed_mps"]

Indices = NDArray[np.int64]
NS = 1_000_000_000


def checked_stamps(values: ArrayLike, name: str) -> Indices:
    """(N,) int64 of integer stamps.

    Raises:
        UnitError: Stamps are not integers.
        ShapeError: Stamps are not one row of numbers.
    """
    stamps = np.asarray(values)
    if stamps.ndim != 1:
        raise ShapeError(f"{name} must be (N,), got {stamps.shape}. Give one stamp a frame.")
    if stamps.size and not np.issubdtype(stamps.dtype, np.integer):
        raise UnitError(
            f"{name} must be integer nanoseconds, got {stamps.dtype}: float seconds since 1970 are "
            "good to 0.2 us only. Convert with round(t * 1e9)."
        )
    return stamps.astype(np.int64)


def nearest_in_time(stamps_ns: ArrayLike, at_ns: ArrayLike, *, max_gap_s: float) -> Indices:
    """Position of the stamp nearest to each moment, -1 where none is within `max_gap_s`.

    Args:
        stamps_ns: (N,) integer, any order.
        at_ns: (M,) integer.
        max_gap_s: Largest distance, s, inclusive; ties take the earlier stamp.

    Returns:
        (M,) positions in `stamps_ns`.

    Raises:
        UnitError: Stamps are not integers.
        ShapeError: Stamps are not one row of numbers.
        ConfigError: `max_gap_s` is not positive.

    Example:
        >>> nearest_in_time([0, 1_000_000_000], [900_000_000, 500_000_000], max_gap_s=0.2).tolist()
        [1, -1]
    """
    check_positive(max_gap_s, name="max_gap_s")
    stamps, at = checked_stamps(stamps_ns, "stamps_ns"), checked_stamps(at_ns, "at_ns")
    if not len(stamps):
        return np.full(len(at), -1, np.int64)
    order = np.argsort(stamps, kind="stable")
    ordered = stamps[order]
    after = np.clip(np.searchsorted(ordered, at), 0, len(ordered) - 1)
    before = np.maximum(after - 1, 0)
    closer = np.abs(ordered[before] - at) <= np.abs(ordered[after] - at)
    chosen = np.where(closer, before, after)
    inside = np.abs(ordered[chosen] - at) <= round(max_gap_s * NS)
    return np.where(inside, order[chosen], -1)


def speed_mps(position_m: ArrayLike, t_ns: ArrayLike) -> NDArray[np.float64]:
    """(N,) speed along a track, m/s, by differences to the neighbours; nan for a single fix.

    Args:
        position_m: (N, D) metres, in the order of time.
        t_ns: (N,) strictly increasing.

    Raises:
        ShapeError: Lengths differ, or `position_m` is not (N, D).
        UnitError: Stamps are not integers.
        ConfigError: Stamps do not increase.
    """
    position = np.asarray(position_m, dtype=np.float64)
    t = checked_stamps(t_ns, "t_ns")
    if position.ndim != 2 or len(position) != len(t):
        raise ShapeError(f"position_m must be ({len(t)}, D), got {position.shape}.")
    if len(t) < 2:
        return np.full(len(t), np.nan)
    if np.any(np.diff(t) <= 0):
        raise ConfigError("t_ns must increase from fix to fix. Sort the track and drop repeats.")
    velocity = np.gradient(position, (t - t[0]) / NS, axis=0)
    return np.asarray(np.linalg.norm(velocity, axis=1), dtype=np.float64)
