"""The seven components: what one simulates the other measures, whatever the scene."""

from __future__ import annotations

import math
from dataclasses import astuple, fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.sensor import odd_frames as odd

from thermoscope.core.errors import ConfigError, ShapeError, UnitError
from thermoscope.sensor.noise import (
    NoiseModel,
    NoiseSimulator,
    measure_noise,
    simulate_noise,
)
from thermoscope.sensor.planck import LinearScale, Planck, PlanckCurve

NAMES = [field.name for field in fields(NoiseModel)]
T, H, W = 96, 128, 144


def tolerance(name: str, frames: int = T, height: int = H, width: int = W) -> float:
    """10 %, or what a sample of this size allows (3.5 sigma of a standard deviation)."""
    samples = {"t": frames, "v": height, "h": width}
    size = math.prod(samples[axis] for axis in name.removeprefix("sigma_"))
    return max(0.10, 3.5 / math.sqrt(2 * size))


def assert_close(found: NoiseModel, model: NoiseModel, *, slack: float = 1.0) -> None:
    for name in NAMES:
        true, measured = getattr(model, name), getattr(found, name)
        assert measured == pytest.approx(true, rel=slack * tolerance(name)), name


def uniform_frames(model: NoiseModel, seed: int, frames: int = T) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return simulate_noise(np.full((frames, H, W), 3000.0), model, rng)


MODELS = st.builds(
    NoiseModel,
    sigma_tvh=st.floats(1, 5),
    sigma_vh=st.floats(1, 5),
    sigma_v=st.floats(0.8, 4),
    sigma_h=st.floats(0.8, 4),
    sigma_tv=st.floats(0.5, 4),
    sigma_th=st.floats(0.5, 4),
    sigma_t=st.floats(0.8, 5),
)


@given(MODELS, st.integers(0, 2**32 - 1))
@settings(max_examples=12, deadline=None, derandomize=True)
def test_measured_is_what_was_simulated(model, seed):
    report = measure_noise(uniform_frames(model, seed), content="uniform")
    assert_close(report.model, model)


@given(MODELS, st.integers(0, 2**32 - 1))
@settings(max_examples=6, deadline=None, derandomize=True)
def test_the_robust_way_agrees_on_a_uniform_scene(model, seed):
    report = measure_noise(uniform_frames(model, seed, frames=48))
    for name in NAMES:
        limit = 1.4 * tolerance(name, frames=48)  # fewer pixels and a filter: wider
        assert getattr(report.model, name) == pytest.approx(getattr(model, name), rel=limit), name


@pytest.mark.parametrize("name", NAMES)
def test_one_component_does_not_leak_into_the_others(name):
    report = measure_noise(uniform_frames(NoiseModel(**{name: 3.0}), 3, frames=64))
    for other in NAMES:
        found = getattr(report.model, other)
        if other == name:
            assert found == pytest.approx(3.0, rel=1.4 * tolerance(name, frames=64))
        else:
            assert found < 0.35, other


MODEL = NoiseModel(3.0, 2.0, 1.0, 1.5, 0.8, 0.6, 2.0)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_static_scene_does_not_count_as_noise(seed):
    scene = odd.scene(seed, height=H, width=W, noise=0)  # 800 counts of contrast, edges
    frames = simulate_noise(np.broadcast_to(scene, (T, H, W)), MODEL, np.random.default_rng(seed))
    found = measure_noise(frames).model
    for name in ("sigma_tvh", "sigma_tv", "sigma_th"):
        assert getattr(found, name) == pytest.approx(getattr(MODEL, name), rel=0.10), name
    assert 0.95 * MODEL.sigma_vh < found.sigma_vh < 1.3 * MODEL.sigma_vh  # an upper bound
    for name in ("sigma_v", "sigma_h"):  # few lines, and edges along them
        assert 0.6 * getattr(MODEL, name) < getattr(found, name) < 3, name
    assert found.sigma_t == pytest.approx(MODEL.sigma_t, rel=0.3)
    # what the classic analysis would say of the same frames
    assert measure_noise(frames, content="uniform").model.sigma_vh > 30


def test_a_moving_scene_does_not_count_as_noise():
    world = odd.scene(4, height=H, width=W + 2 * T, noise=0)
    frames = np.stack([world[:, 2 * t : 2 * t + W] for t in range(T)])
    noisy = simulate_noise(frames, MODEL, np.random.default_rng(4))
    found = measure_noise(noisy).model
    assert found.sigma_tvh == pytest.approx(3.0, rel=0.10)
    assert found.sigma_vh == pytest.approx(2.0, rel=0.10)
    assert measure_noise(noisy, content="uniform").model.sigma_tvh > 6


def test_slow_drift_does_not_count_as_noise():
    drift = np.linspace(0, 200, T)[:, None, None]
    frames = uniform_frames(NoiseModel(sigma_tvh=2.0), 5) + drift
    found = measure_noise(frames, content="uniform").model
    assert found.sigma_tvh == pytest.approx(2.0, rel=0.02)
    assert found.sigma_t < 0.2


def test_frames_sent_twice_say_nothing():
    frames = uniform_frames(NoiseModel(sigma_tvh=2.0), 6, frames=20)
    doubled = np.repeat(frames, 2, axis=0)
    assert measure_noise(doubled).model.sigma_tvh == pytest.approx(2.0, rel=0.03)


def test_rounding_to_counts_is_taken_off():
    frames = np.rint(uniform_frames(NoiseModel(sigma_tvh=0.6), 7)).astype(np.uint16)
    assert measure_noise(frames, content="uniform").model.sigma_tvh == pytest.approx(0.6, rel=0.03)
    assert frames.std(axis=0).mean() > 0.65


def test_a_silent_sequence_has_no_noise():
    report = measure_noise(np.full((4, 40, 40), 3000, np.uint16))
    assert astuple(report.model) == (0,) * 7


def test_unknown_pixels_are_left_out():
    frames = uniform_frames(NoiseModel(sigma_tvh=2.0), 8, frames=16)
    frames[:, 40:60, 50:80] = np.nan
    frames[3, 5, 5] = np.inf
    for content in ("any", "uniform"):
        found = measure_noise(frames, content=content)
        assert found.model.sigma_tvh == pytest.approx(2.0, rel=0.03)
        assert found.mean_counts == pytest.approx(3000, abs=1)


def test_layout_and_way_of_passing_change_nothing():
    frames = np.rint(uniform_frames(MODEL, 9, frames=8)).astype(np.uint16)
    expected = measure_noise(frames)
    frozen = frames.copy()
    frozen.flags.writeable = False
    for same in (iter(frames), frames.astype(">u2"), np.asfortranarray(frames), frozen):
        assert measure_noise(same) == expected


# -- units ---------------------------------------------------------------------------------------


def test_counts_become_millikelvin():
    frames = uniform_frames(NoiseModel(sigma_tvh=2.0, sigma_vh=3.0), 10, frames=24)
    report = measure_noise(frames, 0.02, content="uniform")
    assert report.netd_mk == pytest.approx(40, rel=0.02)
    assert report.fpn_mk == pytest.approx(60, rel=0.05)
    assert measure_noise(frames[:4]).netd_mk is None


def test_a_radiometry_gives_its_slope():
    frames = np.rint(uniform_frames(NoiseModel(sigma_tvh=5.0), 11, frames=8)).astype(np.uint16)
    linear = measure_noise(frames, radiometry=LinearScale(0.04))
    assert linear.kelvin_per_count == pytest.approx(0.04, rel=1e-4)
    curve = PlanckCurve(R=400_000, B=1430, F=1)
    planck = measure_noise(frames, radiometry=Planck(curve))
    kelvin = float(curve.kelvin(3000.0))
    by_hand = kelvin**2 / (1430 * 3000 * (1 + 3000 / 400_000))  # dT/dS of the curve
    assert planck.kelvin_per_count == pytest.approx(by_hand, rel=1e-3)


def test_sums_are_in_quadrature():
    model = NoiseModel(3.0, 4.0, 0.0, 0.0, 4.0, 0.0, 12.0)
    assert model.temporal == 13
    assert model.fpn == 4
    assert model.total == pytest.approx(math.sqrt(185))
    assert model.scaled(2).sigma_t == 24


# -- simulate ------------------------------------------------------------------------------------


def test_the_fixed_pattern_stays_and_the_rest_changes():
    model = NoiseModel(sigma_tvh=1.0, sigma_vh=5.0, sigma_v=2.0)
    simulator = NoiseSimulator(model, height=60, width=80, rng=np.random.default_rng(0))
    blank = np.zeros((60, 80))
    first, second = simulator.add(blank), simulator.add(blank)
    assert float(np.std(first - second)) == pytest.approx(math.sqrt(2), rel=0.05)
    assert np.corrcoef(first.ravel(), second.ravel())[0, 1] > 0.9
    np.testing.assert_allclose((first + second) / 2, simulator.pattern, atol=4)


def test_the_same_seed_gives_the_same_noise():
    blank = np.zeros((3, 10, 12))
    one, two = (simulate_noise(blank, MODEL, np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    assert one.dtype == np.float32


def test_no_noise_changes_nothing():
    frame = odd.scene()
    result = simulate_noise(frame, NoiseModel(), np.random.default_rng(0))
    np.testing.assert_array_equal(result, frame)


# -- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frames", "error", "match"),
    [
        (np.zeros((1, 40, 40)), ShapeError, "at least 2 frames, got 1"),
        (np.zeros((0, 40, 40)), ShapeError, "at least 2 frames, got 0"),
        (np.zeros((40, 40)), ShapeError, "frames must be"),
        (np.zeros((3, 31, 40)), ShapeError, "at least 32x32 px"),
        ([np.zeros((40, 40)), np.zeros((40, 41))], ShapeError, "frame 1 is"),
        (np.zeros((3, 40, 40), complex), UnitError, "must be numbers"),
        (np.full((3, 40, 40), np.nan), UnitError, "no pixel is known"),
    ],
)
def test_measure_refuses(frames, error, match):
    with pytest.raises(error, match=match):
        measure_noise(frames)


def test_measure_refuses_frames_without_a_flat_part():
    frames = np.random.default_rng(0).normal(size=(3, 40, 40))
    frames[:, ::6, ::6] = np.nan  # no pixel is further than 6 px from an unknown one
    with pytest.raises(UnitError, match="flat enough"):
        measure_noise(frames)


def test_measure_refuses_settings():
    frames = np.zeros((2, 40, 40))
    with pytest.raises(ConfigError, match="content must be 'any' or 'uniform', got 'flat'"):
        measure_noise(frames, content="flat")
    with pytest.raises(ConfigError, match="kelvin_per_count must be positive"):
        measure_noise(frames, 0.0)
    with pytest.raises(ConfigError, match="exclude each other"):
        measure_noise(frames, 0.01, radiometry=LinearScale(0.01))
    below_the_curve = Planck(PlanckCurve(R=1e5, B=1400, O=3000))
    with pytest.raises(UnitError, match="no temperature at 0 counts"):
        measure_noise(frames, radiometry=below_the_curve)


def test_models_and_simulators_refuse():
    with pytest.raises(ConfigError, match="sigma_tv must not be negative"):
        NoiseModel(sigma_tv=-1.0)
    with pytest.raises(ConfigError, match="sigma_h must be a finite number"):
        NoiseModel(sigma_h=math.nan)
    with pytest.raises(ConfigError, match="factor must be positive"):
        NoiseModel().scaled(0)
    with pytest.raises(ShapeError, match="at least 1x1 px, got 0x4"):
        NoiseSimulator(NoiseModel(), height=4, width=0, rng=np.random.default_rng(0))
    with pytest.raises(ShapeError, match="frame must be"):
        NoiseSimulator(NoiseModel(), height=4, width=4, rng=np.random.default_rng(0)).add(
            np.zeros((4, 5))
        )
    with pytest.raises(ShapeError, match="at least one pixel"):
        simulate_noise(np.zeros((0, 4)), NoiseModel(), np.random.default_rng(0))


# -- real ----------------------------------------------------------------------------------------


@pytest.mark.real
def test_a_real_camera_has_a_plausible_netd(real_data):
    import cv2

    paths = sorted(real_data.glob("sequence/optris16/*.png"))
    frames = [cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in paths]
    report = measure_noise(frames, 0.01)  # counts of 0.01 degrees
    assert report.frames == 30
    assert 35 < report.netd_mk < 75  # 40 mK is what makers of such cameras state
    assert report.model.sigma_tvh > report.model.sigma_tv > 0
