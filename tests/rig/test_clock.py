"""The line under all arrivals: exact on paper, half a millisecond on a jittery, ticking clock."""

import numpy as np
import pytest

from thermoscope.core.errors import RigError, ShapeError
from thermoscope.rig.clock import EnvelopeClock, clock_spans, fit_clock, tick_ns_of

MS = 1_000_000


def arrivals(seed, *, seconds=120, drift_ppm=35.0, tick_ms=True):
    """A 30 Hz camera: true instants, its clock, and when frames arrive."""
    rng = np.random.default_rng(seed)
    count = seconds * 30
    true = np.arange(count) * 1e9 / 30 + 5e12
    device = (true - 4e12 + rng.uniform(0, 1e6)) * (1 + drift_ppm * 1e-6)
    late = rng.gamma(2.0, 0.6e6, count) + (rng.random(count) < 0.02) * rng.exponential(20e6, count)
    device = np.floor(device / MS) * MS if tick_ms else device
    return true, device.astype(np.int64), (true + late).astype(np.int64)


def test_a_line_is_found_exactly_whatever_is_late():
    device = np.arange(10) * 1000
    host = 7_000 + 2 * device
    host[[1, 4, 5]] += (900, 30_000, 17)
    fit = fit_clock(device, host)
    assert fit.rate == 2.0
    assert fit.host_zero_ns == 7_000
    assert fit.late_ns == (0.0, pytest.approx(30_000 * 0.55 + 900 * 0.45), 30_000)


@pytest.mark.parametrize("seed", range(5))
def test_drift_within_2_ppm_and_times_within_a_millisecond(seed):
    true, device, host = arrivals(seed)
    fit = fit_clock(device, host)
    assert fit.drift_ppm == pytest.approx(35, abs=2)
    assert fit.tick_ns == MS
    error_ms = (fit.host_ns(device) - true) / 1e6
    assert abs(error_ms.mean()) < 0.25  # arrivals themselves are 1.6 ms late
    assert error_ms.std() == pytest.approx(0.29, abs=0.05)  # a tick of 1 ms, uniformly
    assert np.abs(error_ms).max() < 0.9


def test_frame_by_frame_is_the_same_as_all_at_once():
    _, device, host = arrivals(1, seconds=20)
    clock = EnvelopeClock()
    for x, y in zip(device.tolist(), host.tolist(), strict=True):
        clock.add(x, y)
    rate, zero = clock.line()
    assert (rate, zero) == (fit_clock(device, host).rate, fit_clock(device, host).host_zero_ns)
    x = device - device[0]
    lower = np.polynomial.polynomial.polyval(x, (zero, rate))
    assert (host - lower).min() > -1.0  # never above an arrival


def test_the_line_is_the_lowest_sum_under_the_points():
    rng = np.random.default_rng(3)
    device = np.arange(40) * 10
    host = (device * 3 + rng.integers(0, 50, 40)).astype(np.int64)
    fit = fit_clock(device, host)
    best = np.inf
    for i in range(40):
        for j in range(i + 1, 40):
            rate = (host[j] - host[i]) / (device[j] - device[i])
            rest = host - host[i] - rate * (device - device[i])
            if rest.min() > -1e-6:
                best = min(best, rest.sum())
    mine = host - fit.host_zero_ns - fit.rate * device
    assert mine.sum() == pytest.approx(best)


def test_a_device_time_that_repeats_keeps_the_earlier_arrival():
    clock = EnvelopeClock()
    for device, host in ((0, 100), (10, 130), (10, 110), (10, 150)):
        clock.add(device, host)
    assert clock.line() == (1.0, 100.0)


def test_tick_and_spans():
    assert tick_ns_of([3, 9, 21]) == 6
    assert tick_ns_of([5, 5]) == 0
    assert clock_spans([]) == []
    assert clock_spans([1, 2, 3]) == [slice(0, 3)]
    assert clock_spans([5, 9, 2, 3]) == [slice(0, 2), slice(2, 4)]
    assert clock_spans([1, 2, 3], [8, 0, 1]) == [slice(0, 1), slice(1, 3)]


def test_bad_input():
    with pytest.raises(RigError, match="needs two device times, got 1"):
        fit_clock([5], [6])
    with pytest.raises(RigError, match="needs two device times, got 0"):
        EnvelopeClock().line()
    with pytest.raises(RigError, match="went back from 4 to 3 ns"):
        fit_clock([1, 5, 4], [1, 2, 3])
    with pytest.raises(ShapeError, match=r"one length, got \(2,\), \(3,\)"):
        fit_clock([1, 2], [1, 2, 3])
