"""Colour in the thermal frame, on scenes whose truth fits on paper."""

import numpy as np
import pytest

from thermoscope.core.errors import CalibrationError, ConfigError, ShapeError
from thermoscope.geometry.camera import Camera
from thermoscope.geometry.pose import from_rotation, invert, rotation_about
from thermoscope.geometry.registration import (
    HOLE,
    OCCLUDED,
    OUTSIDE,
    VALID,
    register_view,
    warp_to_thermal,
)

CAMERA = Camera(100.0, 100.0, 49.5, 39.5, 100, 80)
RIGHT_BY_10_CM = from_rotation(np.eye(3), (-0.1, 0.0, 0.0))  # the colour camera stands on the right


def ramp(camera=CAMERA):
    """A picture whose value is its column."""
    columns = np.arange(camera.width, dtype=np.float32)
    return np.repeat(columns[None], camera.height, axis=0)


def wall_with_post():
    """A wall 5 m away, and a post 1 m away in columns 40 to 49."""
    depth = np.full((80, 100), 5.0)
    depth[:, 40:50] = 1.0
    return depth


def test_a_wall_moves_by_its_disparity():
    found = register_view(np.full((80, 100), 5.0), CAMERA, CAMERA, RIGHT_BY_10_CM)
    # 100 px * 0.1 m / 5 m = 2 px to the left in the camera on the right
    np.testing.assert_allclose(found.colour_map.columns, ramp() - 2, atol=1e-9)
    np.testing.assert_allclose(found.colour_map.rows[:, 0], np.arange(80), atol=1e-9)
    assert found.outside[:, :2].all()
    assert found.valid[:, 2:].all()
    assert found.shares == pytest.approx({"valid": 0.98, "hole": 0, "occluded": 0, "outside": 0.02})


def test_a_post_hides_the_wall_behind_it_to_the_pixel():
    found = register_view(wall_with_post(), CAMERA, CAMERA, RIGHT_BY_10_CM)
    # The post shifts by 10 px to columns 30 to 39, the wall by 2: hidden are 32 to 39 of the wall.
    expected = np.full((80, 100), VALID)
    expected[:, :2] = OUTSIDE
    expected[:, 32:40] = OCCLUDED
    np.testing.assert_array_equal(found.mask, expected)


def test_the_other_side_hides_when_the_camera_stands_on_the_left():
    found = register_view(wall_with_post(), CAMERA, CAMERA, invert(RIGHT_BY_10_CM))
    assert np.flatnonzero(found.occluded[40]).tolist() == list(range(50, 58))
    assert np.flatnonzero(found.outside[40]).tolist() == [98, 99]


def test_a_finer_colour_camera_gives_the_same_mask():
    fine = CAMERA.scaled(300, 240)
    coarse = register_view(wall_with_post(), CAMERA, CAMERA, RIGHT_BY_10_CM)
    found = register_view(wall_with_post(), CAMERA, fine, RIGHT_BY_10_CM)
    np.testing.assert_array_equal(found.occluded, coarse.occluded)


def test_unknown_depth_is_a_hole_and_hides_nothing():
    depth = wall_with_post()
    depth[:, 40:50] = np.nan
    depth[0, 0], depth[1, 0] = 0.0, -1.0
    known = np.ones(depth.shape, bool)
    known[5, 90] = False
    found = register_view(depth, CAMERA, CAMERA, RIGHT_BY_10_CM, valid=known)
    assert found.hole[:, 40:50].all()
    assert found.hole.sum() == 800 + 3
    assert not found.occluded.any()
    assert np.isnan(found.colour_map.columns[5, 90])


def test_the_sky_is_seen_along_its_direction_and_hides_nothing():
    turn = rotation_about("y", 3.0)
    turn[:3, 3] = (-0.1, 0.0, 0.0)
    found = register_view(np.full((80, 100), np.inf), CAMERA, CAMERA, turn)
    rays = CAMERA.unproject(CAMERA.pixel_grid())[0]
    pixels = CAMERA.project(rays @ turn[:3, :3].T)[0]
    np.testing.assert_allclose(found.colour_map.columns, pixels[..., 0], atol=1e-9)
    assert not found.occluded.any()
    assert found.valid.mean() > 0.9


def test_slanted_ground_does_not_hide_itself():
    rows = np.arange(80)[:, None] - 39.5
    ground = np.where(rows > 0.5, 100 * 1.5 / np.maximum(rows, 0.5), np.inf) * np.ones((1, 100))
    down = from_rotation(np.eye(3), (-0.1, 0.2, 0.0))
    found = register_view(ground, CAMERA, CAMERA, down)
    assert not found.occluded.any()


def test_points_behind_the_colour_camera_are_outside():
    backwards = rotation_about("y", 180.0)
    found = register_view(np.full((80, 100), 5.0), CAMERA, CAMERA, backwards)
    assert found.outside.all()


def test_a_fisheye_camera_looks_along_the_same_rays():
    wide = Camera.from_fov(200, 160, 110.0, model="fisheye", distortion=(0.01, 0.0, 0.0, 0.0))
    found = register_view(np.full((80, 100), 2.0), CAMERA, wide, np.eye(4))
    rays = wide.unproject(np.stack([found.colour_map.columns, found.colour_map.rows], -1))[0]
    np.testing.assert_allclose(rays, CAMERA.unproject(CAMERA.pixel_grid())[0], atol=1e-9)
    assert found.valid.all()


def test_colour_is_warped_where_valid_and_0_elsewhere():
    found = register_view(wall_with_post(), CAMERA, CAMERA, RIGHT_BY_10_CM)
    rgb = np.repeat(ramp().astype(np.uint8)[..., None], 3, axis=2)
    warped = warp_to_thermal(rgb, found)
    assert warped.dtype == np.uint8
    assert warped[40, [20, 45, 60]].tolist() == [[18] * 3, [35] * 3, [58] * 3]
    assert not warped[~found.valid].any()
    assert (HOLE, OUTSIDE, OCCLUDED, VALID) == (0, 64, 128, 255)


def test_wrong_input_is_named():
    flat = np.ones((80, 100))
    with pytest.raises(ShapeError, match=r"depth must be \(80, 100\) as the thermal camera"):
        register_view(np.ones((80, 99)), CAMERA, CAMERA, np.eye(4))
    with pytest.raises(ShapeError, match=r"valid must be \(80, 100\)"):
        register_view(flat, CAMERA, CAMERA, np.eye(4), valid=np.ones((2, 2), bool))
    with pytest.raises(ConfigError, match="tolerance must be"):
        register_view(flat, CAMERA, CAMERA, np.eye(4), tolerance=0.0)
    with pytest.raises(CalibrationError, match="T_colour_thermal"):
        register_view(flat, CAMERA, CAMERA, np.diag([2.0, 1.0, 1.0, 1.0]))
    found = register_view(flat, CAMERA, CAMERA, np.eye(4))
    with pytest.raises(ShapeError, match=r"image must be \(80, 100\)"):
        warp_to_thermal(np.zeros((8, 8), np.uint8), found)
