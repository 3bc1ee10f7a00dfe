"""Pairs by pulse survive drops that pairs by time would hide; pairs by time never cross."""

import numpy as np
import pytest

from thermoscope.core.errors import ConfigError, RigError, ShapeError
from thermoscope.rig.pairing import pair_by_pulse, pair_nearest, pulse_numbers

MS = 1_000_000
PERIOD_NS = 1e9 / 30


def test_nearest_takes_each_frame_once_and_says_dt():
    pairs = pair_nearest([0, 33, 66, 100], [2, 50, 67, 98, 140], max_dt_ns=5)
    assert pairs.first.tolist() == [0, 2, 3]
    assert pairs.second.tolist() == [0, 2, 3]
    assert pairs.dt_ns.tolist() == [2, 1, -2]
    assert pairs.pulse is None


def test_nearest_with_a_known_offset():
    times = np.arange(10) * 33
    pairs = pair_nearest(times, times + 20, max_dt_ns=1, offset_ns=20)
    assert len(pairs) == 10
    assert set(pairs.dt_ns.tolist()) == {20}


@pytest.mark.parametrize(("first", "second", "count"), [([], [1], 0), ([1], [], 0), ([1], [2], 1)])
def test_nearest_of_few(first, second, count):
    assert len(pair_nearest(first, second, max_dt_ns=5)) == count


def test_nearest_is_one_to_one_and_in_order_on_random_times():
    rng = np.random.default_rng(0)
    for _ in range(50):
        a = np.sort(rng.integers(0, 1000, rng.integers(1, 60)))
        b = np.sort(rng.integers(0, 1000, rng.integers(1, 60)))
        pairs = pair_nearest(np.unique(a), np.unique(b), max_dt_ns=20)
        assert (np.diff(pairs.first) > 0).all()
        assert (np.diff(pairs.second) > 0).all()
        assert (np.abs(pairs.dt_ns) <= 20).all()


def test_pulse_numbers_bridge_drops_and_different_boots():
    pulses = np.arange(300)
    rng = np.random.default_rng(1)
    left, right = pulses[rng.random(300) > 0.1], pulses[rng.random(300) > 0.1]
    t_left = (left * PERIOD_NS + 35 * MS + rng.gamma(2, 0.6 * MS, left.size)).astype(np.int64)
    t_right = (right * PERIOD_NS + 22 * MS + rng.gamma(2, 0.6 * MS, right.size)).astype(np.int64)
    numbers_left = pulse_numbers(
        left + 126, t_left, period_ns=PERIOD_NS, zero_ns=0, latency_ns=35 * MS
    )
    numbers_right = pulse_numbers(
        right + 9, t_right, period_ns=PERIOD_NS, zero_ns=0, latency_ns=22 * MS
    )
    assert (numbers_left == left).all()
    assert (numbers_right == right).all()
    pairs = pair_by_pulse(numbers_left, numbers_right, t_left, t_right)
    assert pairs.pulse.tolist() == sorted(set(left.tolist()) & set(right.tolist()))
    assert (left[pairs.first] == right[pairs.second]).all()
    assert np.median(pairs.dt_ns) / MS == pytest.approx(-13, abs=0.5)


def test_of_a_pulse_that_came_twice_the_first_frame_counts():
    pairs = pair_by_pulse([4, 4, 5], [4, 5, 5], [10, 11, 20], [13, 22, 23])
    assert pairs.first.tolist() == [0, 2]
    assert pairs.second.tolist() == [0, 1]
    assert pairs.dt_ns.tolist() == [3, 2]


def test_a_camera_that_runs_freely_is_refused():
    counter = np.arange(600)
    times = (counter * PERIOD_NS * 1.004).astype(np.int64)
    with pytest.raises(RigError, match="does not follow a trigger of 30 Hz"):
        pulse_numbers(counter, times, period_ns=PERIOD_NS, zero_ns=0)
    assert pulse_numbers([], [], period_ns=1, zero_ns=0).size == 0


def test_bad_input():
    with pytest.raises(ConfigError, match="max_dt_ns must be positive, got 0"):
        pair_nearest([1], [1], max_dt_ns=0)
    with pytest.raises(RigError, match="t_second_ns must not decrease"):
        pair_nearest([1], [2, 1], max_dt_ns=1)
    with pytest.raises(ShapeError, match=r"t_first_ns must be \(N,\)"):
        pair_nearest([[1]], [1], max_dt_ns=1)
    with pytest.raises(ShapeError, match=r"one length, got \(1,\), \(2,\)"):
        pair_by_pulse([1], [1], [1, 2], [1])
