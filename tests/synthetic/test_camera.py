"""The thermal camera: counts that mean kelvin, and faults that are measured as they were stated."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thermoscope.core.errors import ConfigError, ShapeError, UnitError, UnknownNameError
from thermoscope.sensor.noise import measure_noise
from thermoscope.synthetic.band import band_radiance, radiance_of_kelvin
from thermoscope.synthetic.camera import THERMAL_CAMERAS, FfcSchedule, ThermalCameraModel

IDEAL = THERMAL_CAMERAS.get("ideal")
BOSON = THERMAL_CAMERAS.get("boson")
PRESETS = THERMAL_CAMERAS.names()


def scene(kelvin=300.0, size=(128, 160)):
    return radiance_of_kelvin(np.full(size, kelvin, np.float32))


# -- counts and kelvin ---------------------------------------------------------------------------


@given(st.floats(235, 420))
def test_kelvin_to_counts_and_back_within_rounding(kelvin):
    counts = IDEAL.counts_from_kelvin(np.array([kelvin]))
    back = IDEAL.kelvin_from_counts(counts)[0]
    slope = IDEAL.gain * float(np.diff(band_radiance([kelvin - 0.5, kelvin + 0.5]))[0])
    assert abs(back - kelvin) <= 0.5 / slope + 0.005


@pytest.mark.parametrize("name", PRESETS)
def test_an_exposure_without_faults_is_the_curve(name):
    camera = THERMAL_CAMERAS.get(name).without_sensor()
    kelvin = np.linspace(240, 400, 81, dtype=np.float32).reshape(9, 9)
    counts = camera.expose(radiance_of_kelvin(kelvin), frame_seed=1)
    np.testing.assert_array_equal(counts, camera.counts_from_kelvin(kelvin))
    np.testing.assert_allclose(camera.curve.kelvin(counts), kelvin, atol=0.2)


def test_counts_are_linear_in_radiance():
    radiance = np.array([[20.0, 40.0, 80.0]], np.float32)
    counts = IDEAL.expose(radiance, frame_seed=0).astype(float)
    assert counts.tolist() == [[2300.0, 3100.0, 4700.0]]  # 1500 + 40 counts each


def test_the_converter_clips_at_its_ends():
    ends = np.array([[0.0, 1e5]], np.float32)
    assert IDEAL.expose(ends, frame_seed=0).tolist() == [[1500, 16383]]
    assert replace(IDEAL, offset_counts=-200.0).expose(ends, frame_seed=0)[0, 0] == 0
    assert IDEAL.expose(ends, frame_seed=0).dtype == np.uint16


def test_ms2_reads_like_its_calibration():
    """R 380747, B 1428, F 1, O -88.5: MS2's own curve between 290 and 320 K."""
    camera = THERMAL_CAMERAS.get("ms2").without_sensor()
    kelvin = np.array([290.0, 300.0, 310.0, 320.0])
    expected = 380747 / (np.exp(1428 / kelvin) - 1) - 88.539
    np.testing.assert_allclose(camera.counts_from_kelvin(kelvin), expected, atol=25)


def test_kelvin_outside_the_curve():
    assert np.isnan(IDEAL.kelvin_from_counts(np.array([100], np.uint16))[0])
    with pytest.raises(UnitError, match="kelvin must be finite"):
        IDEAL.counts_from_kelvin(np.array([np.nan]))


# -- noise: what is stated is what sensor.noise measures -----------------------------------------


@pytest.mark.parametrize(
    ("field", "component"),
    [
        ("netd_mk", "sigma_tvh"),
        ("row_jitter_mk", "sigma_tv"),
        ("column_jitter_mk", "sigma_th"),
        ("pixel_fpn_mk", "sigma_vh"),
        ("row_fpn_mk", "sigma_v"),
        ("column_fpn_mk", "sigma_h"),
    ],
)
def test_each_fault_has_its_size(field, component):
    camera = replace(IDEAL, seed=4, **{field: 200.0})
    frames = np.stack([camera.expose(scene(), frame_seed=k) for k in range(12)])
    measured = measure_noise(frames, content="uniform").model
    stated = 0.2 * camera.counts_per_kelvin
    assert getattr(measured, component) == pytest.approx(stated, rel=0.12)
    others = {"sigma_tvh", "sigma_tv", "sigma_th", "sigma_vh", "sigma_v", "sigma_h"} - {component}
    assert max(getattr(measured, other) for other in others) < 0.25 * stated


def test_a_boson_is_within_its_data_sheet():
    frames = np.stack([BOSON.expose(scene(), frame_seed=k) for k in range(16)])
    report = measure_noise(frames, 1 / BOSON.counts_per_kelvin, content="uniform")
    assert report.netd_mk == pytest.approx(20.0, abs=2.0)


def test_noise_belongs_to_the_frame_and_pattern_to_the_camera():
    frame = BOSON.expose(scene(), frame_seed=7)
    np.testing.assert_array_equal(frame, BOSON.expose(scene(), frame_seed=7))
    assert (frame != BOSON.expose(scene(), frame_seed=8)).mean() > 0.3
    still = replace(BOSON, netd_mk=0.0, row_jitter_mk=0.0, column_jitter_mk=0.0)
    np.testing.assert_array_equal(
        still.expose(scene(), frame_seed=1), still.expose(scene(), frame_seed=2)
    )
    other = replace(still, seed=99)
    assert (still.expose(scene(), frame_seed=1) != other.expose(scene(), frame_seed=1)).any()


def test_drift_grows_with_the_root_of_time_since_the_shutter():
    camera = replace(IDEAL, drift_mk=500.0, seed=2)
    spread = [
        camera.expose(scene(), frame_seed=0, since_ffc_s=t).std() / camera.counts_per_kelvin
        for t in (0.0, 60.0, 240.0)
    ]
    assert spread[0] == 0
    assert spread[1] == pytest.approx(0.5, rel=0.1)
    assert spread[2] == pytest.approx(1.0, rel=0.1)


def test_dead_and_hot_pixels_stay_where_they_are():
    camera = replace(IDEAL, dead_share=2e-3, hot_share=2e-3, seed=3)
    warm, cool = (camera.expose(scene(k), frame_seed=1).astype(int) for k in (300.0, 290.0))
    odd = warm != IDEAL.counts_from_kelvin(np.array([300.0]))[0]
    assert 20 < odd.sum() < 160
    dead = odd & (warm == cool)
    hot = odd & ~dead
    assert (warm[hot] > warm[~odd].max()).all()
    assert 5 < dead.sum() < 80


# -- optics --------------------------------------------------------------------------------------


def test_blur_has_its_width():
    point = np.zeros((65, 65), np.float32)
    point[32, 32] = 5000.0
    image = replace(IDEAL, blur_px=1.5, offset_counts=0.0, bit_depth=16).expose(point, frame_seed=0)
    weight = image / image.sum()
    y, x = np.mgrid[-32:33, -32:33]
    assert np.sqrt((weight * x**2).sum()) == pytest.approx(1.5, rel=0.05)
    assert np.sqrt((weight * y**2).sum()) == pytest.approx(1.5, rel=0.05)


def test_vignetting_takes_contrast_in_the_corners_and_nothing_at_shutter_temperature():
    camera = replace(IDEAL, vignetting=0.2)
    cold, level = (camera.expose(scene(k), frame_seed=0).astype(int) for k in (280.0, 305.0))
    assert np.ptp(level) <= 1
    full = IDEAL.counts_from_kelvin(np.array([305.0, 280.0])).astype(int)
    assert cold[64, 80] == pytest.approx(full[1], abs=2)
    assert full[0] - cold[0, 0] == pytest.approx(0.8 * (full[0] - full[1]), abs=3)


# -- pairs ---------------------------------------------------------------------------------------


@given(st.integers(0, 10_000))
def test_units_of_a_pair_differ_by_what_real_ones_do(seed):
    left, right = BOSON.pair(seed)
    at_shutter = band_radiance(305.0)
    counts = [c.offset_counts + c.gain * at_shutter for c in (left, right)]
    assert 70 <= abs(counts[0] - counts[1]) <= 150
    assert abs(right.gain / left.gain - 1) <= 0.015
    assert left.seed != right.seed
    assert (left, right) == BOSON.pair(seed)


# -- bad values ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"gain": 0.0}, "gain must be positive"),
        ({"offset_counts": float("nan")}, "offset_counts must be a finite number"),
        ({"bit_depth": 20}, r"bit_depth must lie in \[8, 16\]"),
        ({"netd_mk": -1.0}, "netd_mk must not be negative"),
        ({"vignetting": 1.0}, "vignetting is a share below 1"),
        ({"dead_share": 1.5}, "dead_share is a share below 1"),
    ],
)
def test_impossible_cameras_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        ThermalCameraModel(**changes)


def test_a_frame_must_be_a_plane():
    with pytest.raises(ShapeError, match="radiance must be"):
        IDEAL.expose(np.zeros((1, 4, 4), np.float32), frame_seed=0)
    with pytest.raises(UnknownNameError, match="unknown thermal camera 'bosun'"):
        THERMAL_CAMERAS.get("bosun")


# -- the shutter ---------------------------------------------------------------------------------


def test_the_shutter_freezes_the_frame_before_it():
    schedule = FfcSchedule(period_s=100.0, freeze_s=0.5, first_s=10.0)
    assert [schedule.frozen(t) for t in (9.99, 10.0, 10.49, 10.5, 110.2)] == [
        False, True, True, False, True,
    ]  # fmt: skip
    assert schedule.shown_s(9.99) == 9.99
    assert schedule.shown_s(110.2) == pytest.approx(110.0)


@given(st.floats(0, 1000), st.floats(20, 300), st.floats(0, 2))
def test_time_since_the_last_correction_stays_within_a_period(t, period, freeze):
    schedule = FfcSchedule(period, freeze, first_s=3.0)
    since = schedule.since_s(t)
    assert 0 <= since <= period
    assert schedule.shown_s(t) <= t


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"period_s": 0.0}, "period_s must be positive"),
        ({"freeze_s": 200.0}, "freeze_s must lie in"),
        ({"first_s": float("inf")}, "first_s must be a finite number"),
    ],
)
def test_impossible_schedules_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        FfcSchedule(**changes)
