"""Which frames of two cameras belong together: by trigger pulse, or by time with a limit.

Every pair carries its dt, so that nobody has to trust the pairing. What is NOT here: clocks
(`thermoscope.rig.clock` brings device stamps to host time), constant latencies (`.skew`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thermoscope.core.checks import check_positive
from thermoscope.core.errors import RigError, ShapeError

__all__ = ["Pairs", "pair_by_pulse", "pair_nearest", "pulse_numbers"]

AGREEMENT = 0.9  # share of frames whose counter must tell the same offset


@dataclass(frozen=True)
class Pairs:
    """Frames that belong together, in the order of time; each frame is in one pair at most."""

    first: NDArray[np.int64]
    """(P,) indices into the frames of the first camera."""
    second: NDArray[np.int64]
    """(P,) indices into the frames of the second camera."""
    dt_ns: NDArray[np.int64]
    """(P,) time of the second minus time of the first, ns."""
    pulse: NDArray[np.int64] | None = None
    """(P,) number of the trigger pulse; None where pairs were made by time."""

    def __len__(self) -> int:
        return len(self.first)


def pulse_numbers(
    counter: ArrayLike, t_ns: ArrayLike, *, period_ns: float, zero_ns: float, latency_ns: float = 0
) -> NDArray[np.int64]:
    """The trigger pulse of each frame: the device's count, shifted to the common numbering.

    A slave counts every pulse, also of frames that got lost, so its numbers differ from those of
    the pulses by one integer; times only choose that integer, by majority.

    Args:
        counter: (N,) the device's count between two restarts.
        t_ns: (N,) host time, ns.
        period_ns: Between pulses, ns.
        zero_ns: Host time of pulse 0, ns.
        latency_ns: From pulse to `t_ns` of this camera, ns; known to half a period.

    Returns:
        (N,) pulse numbers.

    Raises:
        RigError: Counter and time do not tell one offset: the camera does not follow the trigger.
    """
    counts, times = np.asarray(counter, np.int64), np.asarray(t_ns, np.int64)
    check_positive(period_ns, name="period_ns")
    _same_length(counts, times)
    if not counts.size:
        return counts
    by_time = np.rint((times - zero_ns - latency_ns) / period_ns).astype(np.int64)
    offsets, votes = np.unique(by_time - counts, return_counts=True)
    share = votes.max() / counts.size
    if share < AGREEMENT:
        raise RigError(
            f"counter and time of the camera agree for {share:.0%} of the frames, expected "
            f"{AGREEMENT:.0%} or more: it does not follow a trigger of {1e9 / period_ns:g} Hz. "
            "Check its sync mode, the period, or pair by time."
        )
    return np.asarray(counts + offsets[votes.argmax()])


def pair_by_pulse(
    pulse_first: ArrayLike, pulse_second: ArrayLike, t_first_ns: ArrayLike, t_second_ns: ArrayLike
) -> Pairs:
    """Frames of the same pulse; of a pulse that came twice, the first frame.

    Args:
        pulse_first: (N,) pulse numbers of the first camera.
        pulse_second: (M,) of the second.
        t_first_ns: (N,) times, ns: for dt only.
        t_second_ns: (M,) times, ns.

    Raises:
        ShapeError: Pulses and times of a camera differ in length.
    """
    a, b = np.asarray(pulse_first, np.int64), np.asarray(pulse_second, np.int64)
    ta, tb = np.asarray(t_first_ns, np.int64), np.asarray(t_second_ns, np.int64)
    _same_length(a, ta)
    _same_length(b, tb)
    pulse, i, j = np.intersect1d(a, b, return_indices=True)
    return Pairs(i.astype(np.int64), j.astype(np.int64), tb[j] - ta[i], pulse)


def pair_nearest(
    t_first_ns: ArrayLike, t_second_ns: ArrayLike, *, max_dt_ns: float, offset_ns: float = 0
) -> Pairs:
    """Frames that are each other's nearest in time and not further apart than the limit.

    Both must choose the other, so pairs are one to one and never cross.

    Args:
        t_first_ns: (N,) times in order, ns.
        t_second_ns: (M,) times in order, ns.
        max_dt_ns: Largest ``|dt - offset|``, ns; half a period or 5 ms, whichever is less.
        offset_ns: dt of frames of the same instant, ns.

    Raises:
        ShapeError: Times are not (N,).
        RigError: Times are not in order.
    """
    ta, tb = np.asarray(t_first_ns, np.int64), np.asarray(t_second_ns, np.int64)
    check_positive(max_dt_ns, name="max_dt_ns")
    for name, times in (("t_first_ns", ta), ("t_second_ns", tb)):
        if times.ndim != 1:
            raise ShapeError(f"{name} must be (N,), got {times.shape}.", actual_shape=times.shape)
        if (np.diff(times) < 0).any():
            raise RigError(f"{name} must not decrease. Sort the frames by time.")
    shifted = tb - round(offset_ns)
    if not ta.size or not tb.size:
        none = np.zeros(0, np.int64)
        return Pairs(none, none, none)
    forth, back = _nearest(ta, shifted), _nearest(shifted, ta)
    mutual = back[forth] == np.arange(ta.size)
    mutual &= np.abs(shifted[forth] - ta) <= max_dt_ns
    first = np.flatnonzero(mutual)
    second = forth[first]
    return Pairs(first, second, tb[second] - ta[first])


def _nearest(wanted: NDArray[np.int64], given: NDArray[np.int64]) -> NDArray[np.int64]:
    """Index of the nearest `given` for each wanted one; the earlier of two equally near."""
    right = np.clip(np.searchsorted(given, wanted), 1, max(given.size - 1, 1))
    right = np.minimum(right, given.size - 1)
    left = np.maximum(right - 1, 0)
    nearer_left = np.abs(wanted - given[left]) <= np.abs(given[right] - wanted)
    return np.where(nearer_left, left, right).astype(np.int64)


def _same_length(numbers: NDArray[np.int64], times: NDArray[np.int64]) -> None:
    if numbers.shape != times.shape or numbers.ndim != 1:
        raise ShapeError(
            f"counts and times must be (N,) of one length, got {numbers.shape}, {times.shape}.",
            actual_shape=times.shape,
        )
