"""The skew is found to a tenth of a frame's hundredth, and its interval holds the truth."""

import numpy as np
import pytest

from thermoscope.core.errors import ConfigError, RigError, ShapeError
from thermoscope.rig.pairing import pulse_numbers
from thermoscope.rig.simulated_plan import RigPlan, default_cameras
from thermoscope.rig.simulated_rig import SimulatedOpener, Truth
from thermoscope.rig.skew import estimate_skew, image_motion_px

PERIOD_NS = 1e9 / 30


def shaken(seed, *, skew_ms, seconds=20, noise_px=0.1):
    """Stamps and motions of two cameras on one shaken rig; b sees `skew_ms` later."""
    rng = np.random.default_rng(seed)
    count = seconds * 30
    phase, f_hz, size = rng.uniform(0, 6.3, 6), rng.uniform(0.3, 4, 6), rng.uniform(5, 20, 6)

    def motion(t_ns, focal):
        turn = (size / f_hz * np.sin(6.2832 * f_hz * t_ns[:, None] / 1e9 + phase)).sum(1) * focal
        return np.diff(turn, prepend=turn[0]) + noise_px * rng.normal(size=count)

    t_a = np.arange(count) * PERIOD_NS
    t_b = np.arange(count) * PERIOD_NS + rng.uniform(0, 10e6)
    return t_a, motion(t_a, 1.0), t_b, motion(t_b + skew_ms * 1e6, 1.5)


@pytest.mark.parametrize("skew_ms", [-31.7, 0.0, 4.5])
def test_the_skew_is_found_with_its_sign(skew_ms):
    report = estimate_skew(*shaken(1, skew_ms=skew_ms), max_skew_ms=60)
    assert report.skew_ms == pytest.approx(skew_ms, abs=0.2)
    assert report.low_ms < skew_ms < report.high_ms
    assert report.agreement > 0.98
    assert report.duration_s == 19.5
    assert "skew" in str(report)


def test_the_interval_holds_the_truth():
    """Ten here; benchmarks/rig_skew.py has a hundred, from pictures."""
    for seed in range(10):
        report = estimate_skew(*shaken(seed, skew_ms=7.3, noise_px=0.3), max_skew_ms=30)
        assert report.low_ms <= 7.3 <= report.high_ms
        assert abs(report.skew_ms - 7.3) < 0.7
        assert 0.2 <= report.high_ms - report.low_ms < 4.0


def test_unknown_motion_and_lost_frames_do_not_count():
    t_a, a, t_b, b = shaken(2, skew_ms=5)
    valid = np.ones(len(a), bool)
    a[200:212], valid[200:212] = 0, False  # the shutter
    b = b.copy()
    b[400] += b[399]  # a frame is lost: the next motion is over two periods
    t_b, b = np.delete(t_b, 399), np.delete(b, 399)
    report = estimate_skew(t_a, a, t_b, b, valid_a=valid, max_skew_ms=30)
    assert report.skew_ms == pytest.approx(5, abs=0.2)


def test_a_gyro_and_a_camera_may_differ_in_rate_and_unit():
    t_a, a, _, _ = shaken(3, skew_ms=0, noise_px=0)
    gyro_t = np.arange(200, 19_800, 5) * 1e6  # 200 Hz
    turn = np.interp(gyro_t - 2.5e6, t_a - PERIOD_NS / 2, a)  # a rate between two samples
    report = estimate_skew(gyro_t, 3.0 * turn, t_a, a, max_skew_ms=30)
    assert report.skew_ms == pytest.approx(0, abs=0.3)


def test_the_motion_of_pictures():
    rng = np.random.default_rng(0)
    x = np.linspace(0, 40, 400)
    wide = np.outer(np.sin(x[:300]) + 2, np.sin(1.7 * x) + np.sin(0.4 * x + 1)) * 100 + 1000
    wide += rng.normal(0, 1, wide.shape)
    moved = [wide[10 + dy : 210 + dy, 20 + dx : 300 + dx] for dx, dy in ((0, 0), (-3, 2), (1, 2))]
    motion = image_motion_px(picture.astype(np.uint16) for picture in moved)
    assert motion[0].tolist() == [0, 0]
    np.testing.assert_allclose(motion[1:], [[3, -2], [-4, 0]], atol=0.25)
    colour = image_motion_px([np.repeat(m[..., None], 3, 2) for m in moved])
    np.testing.assert_allclose(colour, image_motion_px(moved))


def test_the_skew_of_simulated_cameras():
    """From their pictures alone, over the pulse numbers: 4.0 - 8.5 = -4.5 ms were put in."""
    cameras = default_cameras(1, 1, thermal_size=(160, 64), rgb_size=(240, 60))
    plan = RigPlan(cameras, seed=5, duration_s=14, pace="fast")
    series = []
    for camera in cameras:
        with SimulatedOpener(plan, camera.name)() as opened:
            frames = list(opened.frames())
        counter = np.array([frame.counter for frame in frames])
        t_ns = np.array([frame.host_ns for frame in frames])
        pulse = pulse_numbers(
            counter, t_ns, period_ns=PERIOD_NS, zero_ns=plan.start_ns,
            latency_ns=camera.output_delay_ms * 1e6,
        )  # fmt: skip
        series += [pulse * PERIOD_NS, image_motion_px(frame.image for frame in frames)]
    report = estimate_skew(*series, max_skew_ms=50)
    truth_ms = Truth(plan).skew_ms("thermal", "rgb")
    assert truth_ms == -4.5
    assert report.skew_ms == pytest.approx(truth_ms, abs=0.7)
    assert report.low_ms <= truth_ms <= report.high_ms


def test_bad_input():
    t_a, a, t_b, b = shaken(0, skew_ms=0)
    with pytest.raises(RigError, match=r"saw 3\.\d s together, expected 10 s or more"):
        estimate_skew(t_a[:100], a[:100], t_b[:100], b[:100], max_skew_ms=1)
    with pytest.raises(RigError, match="camera b shows no motion"):
        estimate_skew(t_a, a, t_b, np.zeros(len(b)))
    with pytest.raises(RigError, match="agree by .* at best"):
        estimate_skew(t_a, a, t_b, np.random.default_rng(0).normal(size=len(b)))
    with pytest.raises(ShapeError, match=r"camera a: stamps \(N,\) and motion \(N, D\) must fit"):
        estimate_skew(t_a[:-1], a, t_b, b)
    with pytest.raises(ConfigError, match="max_skew_ms must be positive"):
        estimate_skew(t_a, a, t_b, b, max_skew_ms=0)
