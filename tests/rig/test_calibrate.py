from dataclasses import replace

import numpy as np
import pytest
from tests.rig.board_views import COLOUR, PLACES, WIDE, seen_by

from thermoscope.core.errors import CalibrationError
from thermoscope.geometry.pose import from_rotation, invert, rotation_about, transform
from thermoscope.rig.board_frames import BoardFrames
from thermoscope.rig.bundle import Bundle, Sight, adjust, residuals
from thermoscope.rig.calibrate import calibrate, vertical_disparity
from thermoscope.rig.calibration_target import parse_target
from thermoscope.rig.target_detectors import detect

MODELS = {"rgb_left": "radtan", "rgb_right": "radtan"}


@pytest.fixture(scope="module")
def rig():
    seen = seen_by(("thermal_left", "thermal_right", "rgb_left", "rgb_right"))
    return seen, calibrate(seen.views, seen.target, seen.sizes, models=MODELS)


def test_a_wide_lens_is_found_over_the_whole_picture(rig):
    _, found = rig
    result = found.cameras["thermal_left"]
    grid = WIDE.pixel_grid()[16:-16:32, 16:-16:32]
    rays, _ = WIDE.unproject(grid)
    apart = np.linalg.norm(result.camera.project(rays)[0] - grid, axis=-1)
    assert np.percentile(apart, 95) < 0.3
    assert result.camera.fx == pytest.approx(WIDE.fx, rel=0.002)
    assert result.camera.cx == pytest.approx(WIDE.cx, abs=0.5)


def test_errors_are_those_of_the_noise(rig):
    _, found = rig
    assert found.rms_px == pytest.approx(0.1 * 2**0.5, rel=0.1)  # both coordinates
    for result in found.cameras.values():
        assert result.rms_px < 0.16
        assert result.hold_out_px < 1.3 * result.rms_px
        assert 0.3 < result.coverage <= 1
    assert found.rejected == ()


def test_baselines_are_within_a_millimetre(rig):
    _, found = rig
    for name, place in PLACES.items():
        pose = found.T("thermal_left", name)
        assert pose[:3, 3] == pytest.approx(place[:3, 3], abs=0.001)
        assert pose[:3, :3] == pytest.approx(place[:3, :3], abs=0.001)
    assert found.baseline_m("thermal_left", "thermal_right") == pytest.approx(0.1201, abs=0.0005)
    assert found.baseline_m("rgb_left", "rgb_right") == pytest.approx(0.12, abs=0.001)


def test_a_narrow_lens_keeps_its_own_model(rig):
    _, found = rig
    camera = found.cameras["rgb_left"].camera
    assert camera.model == "radtan"
    assert camera.fx == pytest.approx(COLOUR.fx, rel=0.003)
    assert camera.distortion[0] == pytest.approx(COLOUR.distortion[0], abs=0.01)


def test_deviations_say_how_far_off_a_focal_length_is(rig):
    _, found = rig
    for name in ("thermal_left", "thermal_right"):
        result = found.cameras[name]
        assert abs(result.camera.fx - WIDE.fx) < 5 * result.deviation[0]
        assert result.deviation[0] < 0.5


def test_rows_agree_after_rectification(rig):
    seen, found = rig
    median, p95 = vertical_disparity(found, seen.views, "thermal_left", "thermal_right")
    assert median < 0.2
    assert p95 < 0.6


def test_a_view_that_does_not_belong_is_left_out():
    seen = seen_by(("thermal_left",))
    view, found = next(iter(seen.views["thermal_left"].items()))
    rng = np.random.default_rng(5)
    wild = replace(found, points=found.points + rng.uniform(-40, 40, found.points.shape))
    seen.views["thermal_left"][view] = wild
    result = calibrate(seen.views, seen.target, seen.sizes)
    assert result.rejected == (f"thermal_left/{view}",)
    assert result.rms_px < 0.16


def test_centroids_of_disks_are_not_their_centres():
    """Rendered disks, large in the picture: found centroids, after the correction, fit."""
    target = parse_target("circles:3x4:0.09:0.06")
    frames, rng = BoardFrames(target), np.random.default_rng(1)
    camera = WIDE.scaled(480, 384)
    middle = target.points.mean(axis=0)
    views = {}
    for number, (x, y) in enumerate([(0, 0), (30, 0), (-30, 10), (0, -30), (20, 30), (-25, -25)]):
        R = (rotation_about("y", x) @ rotation_about("x", y))[:3, :3]
        pose = from_rotation(R, np.array([0.002 * x, 0.001 * y, 0.3]) - R @ middle)
        assert camera.project(transform(pose, target.points))[1].all()
        found = detect(frames.counts(camera, pose, rng=rng), target, tones=("percentile",))
        if found is not None:
            views[str(number)] = found
    assert len(views) >= 5
    result = calibrate({"c": views}, target, {"c": (480, 384)})
    assert result.rms_px < 0.12
    assert result.cameras["c"].camera.fx == pytest.approx(camera.fx, rel=0.01)


def test_exact_points_are_fitted_exactly():
    seen = seen_by(("thermal_left",), noise_px=0.0)
    result = calibrate(seen.views, seen.target, seen.sizes)
    assert result.rms_px < 1e-4
    assert result.cameras["thermal_left"].camera.fx == pytest.approx(WIDE.fx, abs=0.01)


def test_a_fixed_rig_moves_only_the_board():
    target = parse_target("checkerboard:4x5:0.04")
    pose = from_rotation(np.eye(3), (-0.05, -0.05, 0.4))
    pixels = WIDE.project(transform(pose, target.points))[0]
    sight = Sight(0, 0, target.points, pixels)
    near = from_rotation(rotation_about("x", 5)[:3, :3], (-0.04, -0.06, 0.45))
    start = Bundle((WIDE,), (np.eye(4),), (near,))
    found, covariance = adjust(start, [sight], fixed_rig=True)
    assert found.cameras == (WIDE,)
    assert found.T_rig_board[0] == pytest.approx(pose, abs=1e-6)
    assert covariance.shape == (6, 6)
    assert np.abs(residuals(found, sight)).max() < 1e-4


def test_bad_input_is_named(rig):
    seen, found = rig
    few = {"c": dict(list(seen.views["thermal_left"].items())[:2])}
    with pytest.raises(CalibrationError, match="c: 2 usable views of the board, expected at least"):
        calibrate(few, seen.target, {"c": (640, 512)})
    halves = list(seen.views["thermal_left"].items())
    apart = {"a": dict(halves[:5]), "b": dict(halves[5:11])}
    with pytest.raises(CalibrationError, match="b: no view of the board in common with a"):
        calibrate(apart, seen.target, {"a": (640, 512), "b": (640, 512)})
    with pytest.raises(CalibrationError, match="no camera 'x' in the calibration"):
        found.T("thermal_left", "x")
    rng = np.random.default_rng(0)
    noise = {view: replace(d, points=rng.uniform(0, 500, d.points.shape)) for view, d in halves[:4]}
    with pytest.raises(CalibrationError, match="c: "):
        calibrate({"c": noise}, seen.target, {"c": (640, 512)})
    split = {"thermal_left": dict(halves[:1]), "thermal_right": dict(halves[1:2])}
    with pytest.raises(CalibrationError, match="share no point of the board"):
        vertical_disparity(found, split, "thermal_left", "thermal_right")


def test_poses_go_both_ways(rig):
    _, found = rig
    there, back = found.T("rgb_left", "thermal_right"), found.T("thermal_right", "rgb_left")
    assert there == pytest.approx(invert(back), abs=1e-9)
