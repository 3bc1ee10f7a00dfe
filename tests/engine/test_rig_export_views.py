"""Geometry of a rig whose cameras are known: rectified, joined, and what depth does at its ends."""

import numpy as np
import pytest
from tests.fakes.rendered_recording import pictures, rig_cameras, scene

from thermoscope.core.errors import CalibrationError
from thermoscope.engine.rig_export_views import (
    ExportGeometry,
    as_coarse_as,
    as_colour,
    check_sizes,
    depth_of_pair,
    raw_views,
    rectified_views,
    registered_views,
)
from thermoscope.geometry.camera import Camera
from thermoscope.geometry.pose import invert, transform
from thermoscope.geometry.registration import HOLE
from thermoscope.models.stereo_result import StereoResult
from thermoscope.rig.recording_format import CameraRecord

ROLES = {
    "thermal": "thermal_left", "thermal_right": "thermal_right",
    "rgb": "rgb_left", "rgb_right": "rgb_right",
}  # fmt: skip


@pytest.fixture(scope="module")
def geometry():
    return ExportGeometry.of(rig_cameras("tiny"), ROLES)


@pytest.fixture(scope="module")
def frames():
    return {role: pictures("tiny")[name] for role, name in ROLES.items()}


def matched(disparity, valid):
    plane = np.full((64, 80), disparity, np.float32)
    return StereoResult(plane, np.ones_like(plane), np.asarray(valid))


def test_a_point_is_the_same_in_every_rectified_view(geometry):
    rig = rig_cameras("tiny")
    point = np.array([0.4, -0.1, 3.0])  # in the left thermal camera
    left = transform(invert(geometry.thermal.T_left_rectified), point)
    colour = transform(geometry.T_colour_thermal, left)
    T_colour_left = rig.T_camera_rig["rgb_left"]
    np.testing.assert_allclose(colour, transform(T_colour_left, point), atol=1e-12)
    view = transform(invert(geometry.T_thermal_colour_view), left)
    turned = transform(geometry.colour_pair.T_left_rectified, view)
    np.testing.assert_allclose(turned, colour, atol=1e-12)
    assert geometry.thermal.baseline_m == pytest.approx(0.335)
    assert geometry.colour_pair.baseline_m == pytest.approx(0.12)


def test_one_colour_camera_is_undistorted_alone():
    roles = {role: name for role, name in ROLES.items() if role != "rgb_right"}
    alone = ExportGeometry.of(rig_cameras("tiny"), roles)
    assert alone.colour_pair is None
    assert alone.colour_view.model == "pinhole"
    # This colour camera has no distortion: every pixel stays where it is.
    columns, _ = np.meshgrid(np.arange(80), np.arange(50))
    np.testing.assert_allclose(alone.colour_map.columns, columns, atol=1e-9)
    np.testing.assert_allclose(alone.T_thermal_colour_view, invert(alone.T_colour_thermal))
    views = rectified_views({r: pictures("tiny")[n] for r, n in roles.items()}, alone)
    np.testing.assert_array_equal(views.rgb, pictures("tiny")["rgb_left"])
    assert views.rgb_right is None


def test_thermal_keeps_16_bits(geometry, frames):
    views = rectified_views(frames, geometry)
    assert views.thermal.dtype == views.thermal_right.dtype == np.uint16
    assert len(np.unique(views.thermal)) > 256
    assert views.rgb_right.shape == views.rgb.shape == (50, 80, 3)


def test_disparity_0_is_the_sky_and_no_match_is_a_hole(geometry, frames):
    reach = geometry.thermal.camera.fx * geometry.thermal.baseline_m
    valid = np.ones((64, 80), bool)
    valid[:10] = False
    depth, known = depth_of_pair(matched(reach / 4.0, valid), geometry.thermal)
    np.testing.assert_allclose(depth[10:], 4.0, rtol=1e-6)
    np.testing.assert_array_equal(known, valid)
    depth, known = depth_of_pair(matched(-0.5, valid), geometry.thermal)
    assert np.isinf(depth[10:]).all()
    np.testing.assert_array_equal(known, valid)
    views = registered_views(frames, geometry, lambda left, right: matched(0.0, valid))
    assert (views.registration.mask[:10] == HOLE).all()
    assert not views.registration.hole[10:].any()
    assert not views.rgb[:10].any()


def test_a_colour_picture_that_is_much_finer_is_averaged_first():
    thermal, fine = Camera(100, 100, 39.5, 31.5, 80, 64), Camera(300, 300, 119.5, 95.5, 240, 192)
    stripes = np.zeros((192, 240, 3), np.uint8)
    stripes[:, ::3] = 90
    averaged, camera = as_coarse_as(thermal, stripes, fine)
    assert (averaged == 30).all()
    assert camera == thermal
    same, camera = as_coarse_as(thermal, stripes, Camera(140, 140, 119.5, 95.5, 240, 192))
    assert same is stripes
    assert camera.fx == 140


def test_raw_views_are_what_came(frames):
    views = raw_views(frames)
    assert views.thermal is frames["thermal"]
    np.testing.assert_array_equal(views.rgb, frames["rgb"])
    assert views.registration is None
    assert raw_views({role: frames[role] for role in ("thermal", "rgb")}).rgb_right is None
    grey = np.arange(6, dtype=np.uint8).reshape(2, 3)
    assert as_colour(grey)[1, 2].tolist() == [5, 5, 5]


def test_a_rig_that_lacks_a_camera_or_has_another_size_is_named():
    rig = rig_cameras("tiny")
    with pytest.raises(CalibrationError, match="is not enough for thermal_right: it has thermal_l"):
        ExportGeometry.of(rig, {"thermal": "thermal_left", "rgb": "rgb_left"})
    with pytest.raises(CalibrationError, match="no camera 'zed' for rgb"):
        ExportGeometry.of(rig, {**ROLES, "rgb": "zed"})
    record = CameraRecord("rgb_left", "", "rgb", "raw", 80, 48, 30.0)
    with pytest.raises(CalibrationError, match="rgb_left was calibrated at 80x50 and recorded at"):
        check_sizes(rig, (record,))
    assert scene("tiny").rig.rgb.rectified.height == 50
