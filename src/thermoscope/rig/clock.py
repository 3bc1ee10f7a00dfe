"""A camera's clock against the host's: the line under all arrivals, drift, resets.

A frame is never early, only late, so the earliest arrivals carry the clock: the fit is the lower
convex hull of (device time, arrival), which a burst of delays cannot pull up. What is NOT here: a
constant latency, which no clock can show (`thermoscope.rig.skew` measures it).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thermoscope.core.errors import RigError, ShapeError

__all__ = ["ClockFit", "EnvelopeClock", "clock_spans", "fit_clock", "tick_ns_of"]

PPM = 1e-6
FEWEST = 2


@dataclass(frozen=True)
class ClockFit:
    """``host = host_zero + rate * (device + tick / 2 - device_zero)``.

    A device clock that counts whole milliseconds is on average half of one behind; `tick_ns` puts
    that back.
    """

    device_zero_ns: int
    """A device time, ns."""
    host_zero_ns: float
    """The host's monotonic clock at that time, ns."""
    rate: float
    """Host nanoseconds in a device nanosecond."""
    tick_ns: int
    """Resolution of the device clock, ns."""
    frames: int
    """How many frames the fit rests on."""
    late_ns: tuple[float, float, float]
    """How late frames arrive after the line: median, 95th percentile, latest, ns."""

    @property
    def drift_ppm(self) -> float:
        """By how much the device clock runs faster than the host's, parts per million."""
        return (1.0 / self.rate - 1.0) / PPM

    def host_ns(self, device_ns: ArrayLike) -> NDArray[np.int64]:
        """Host time of device times, ns: without the jitter of the arrivals."""
        since = np.asarray(device_ns, np.int64) - self.device_zero_ns
        host = self.host_zero_ns + self.rate * (since + self.tick_ns / 2)
        return np.asarray(np.rint(host), np.int64)


class EnvelopeClock:
    """The line under all arrivals so far, frame by frame; holds only the corners of the hull.

    Example:
        >>> clock = EnvelopeClock()
        >>> for device, late in ((0, 5), (100, 0), (200, 9), (300, 0)):
        ...     clock.add(device, 1000 + 2 * device + late)
        >>> clock.line()
        (2.0, 1000.0)

    Source: Moon, Skelly, Towsley, Estimation and removal of clock skew from network delay
    measurements, 1999: the best line under the points touches the hull at their mean abscissa.
    """

    def __init__(self) -> None:
        self._zero: tuple[int, int] | None = None
        self._hull: list[tuple[int, int]] = []
        self._sum = 0
        self.frames = 0

    def add(self, device_ns: int, host_ns: int) -> None:
        """One more frame.

        Raises:
            RigError: The device clock did not advance; a restarted clock needs a new object.
        """
        self._zero = self._zero or (device_ns, host_ns)
        x, y = device_ns - self._zero[0], host_ns - self._zero[1]
        if self._hull and x < self._hull[-1][0]:
            raise RigError(
                f"device clock went back from {self._hull[-1][0]} to {x} ns after its start. "
                "Begin a new fit after a restart of the camera."
            )
        self._sum += x
        self.frames += 1
        if self._hull and x == self._hull[-1][0]:
            if y >= self._hull[-1][1]:
                return
            self._hull.pop()
        while len(self._hull) > 1 and not _turns_left(self._hull[-2], self._hull[-1], (x, y)):
            self._hull.pop()
        self._hull.append((x, y))

    def line(self) -> tuple[float, float]:
        """Host nanoseconds in a device nanosecond, and host time at device time 0 of the start.

        Raises:
            RigError: Fewer than two different device times.
        """
        if self._zero is None or len(self._hull) < FEWEST:
            raise RigError(
                f"a clock fit needs two device times, got {len(self._hull)}. Record for longer."
            )
        middle = self._sum / self.frames
        after = next((i for i, (x, _) in enumerate(self._hull) if x > middle), len(self._hull) - 1)
        (x0, y0), (x1, y1) = self._hull[max(after - 1, 0)], self._hull[max(after, 1)]
        rate = (y1 - y0) / (x1 - x0)
        return rate, self._zero[1] + y0 - rate * x0


def _turns_left(a: tuple[int, int], b: tuple[int, int], c: tuple[int, int]) -> bool:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]) > 0


def fit_clock(device_ns: Sequence[int] | NDArray[np.int64], host_ns: ArrayLike) -> ClockFit:
    """The clock of one camera from a stretch of frames without a restart.

    Args:
        device_ns: (N,) device clock, ns, never decreasing.
        host_ns: (N,) monotonic clock of the host at arrival, ns.

    Raises:
        ShapeError: Unequal lengths.
        RigError: Fewer than two different device times, or the clock goes back.
    """
    device, host = np.asarray(device_ns, np.int64), np.asarray(host_ns, np.int64)
    if device.shape != host.shape or device.ndim != 1:
        raise ShapeError(
            f"device_ns and host_ns must be (N,) of one length, got {device.shape}, {host.shape}.",
            actual_shape=device.shape,
            expected_shape="N",
        )
    clock = EnvelopeClock()
    for x, y in zip(device.tolist(), host.tolist(), strict=True):
        clock.add(x, y)
    rate, host_zero = clock.line()
    late = host - host_zero - rate * (device - device[0])
    middle, high, latest = (float(v) for v in np.percentile(late, (50, 95, 100)))
    return ClockFit(
        device_zero_ns=int(device[0]),
        host_zero_ns=host_zero,
        rate=rate,
        tick_ns=tick_ns_of(device),
        frames=len(device),
        late_ns=(middle, high, latest),
    )


def tick_ns_of(device_ns: ArrayLike) -> int:
    """Resolution of a clock: the largest step that divides all differences, ns; 0 if they are 0."""
    steps = np.diff(np.asarray(device_ns, np.int64))
    return int(np.gcd.reduce(steps)) if steps.size and steps.any() else 0


def clock_spans(device_ns: ArrayLike, counter: ArrayLike | None = None) -> list[slice]:
    """Stretches of frames between restarts of the camera: clock or counter goes back.

    Args:
        device_ns: (N,) device clock, ns.
        counter: (N,) the device's count of frames, if it tells.

    Returns:
        Slices that cover all N frames in order; none if N is 0.
    """
    device = np.asarray(device_ns, np.int64)
    if not device.size:
        return []
    back = np.diff(device) < 0
    if counter is not None:
        back |= np.diff(np.asarray(counter, np.int64)) < 0
    edges = [0, *(np.flatnonzero(back) + 1).tolist(), device.size]
    return [slice(a, b) for a, b in pairwise(edges)]
