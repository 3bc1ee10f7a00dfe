"""Truth of a view and of a pair, against numbers from the geometry of a world of boxes."""

import numpy as np
import pytest
from tests.synthetic.box_world import box_world

from thermoscope.core.errors import ShapeError
from thermoscope.geometry.camera import Camera
from thermoscope.geometry.pose import look_at
from thermoscope.geometry.stereo import depth_from_disparity, points_from_depth, warp_right_to_left
from thermoscope.synthetic.raycast import SceneCaster
from thermoscope.synthetic.truth import depth_of, occlusion, stereo_truth

CAMERA = Camera(100.0, 100.0, 79.5, 59.5, 160, 120)
BASELINE_M = 0.5
LEFT = look_at((0.0, 0.25, 1.5), (10.0, 0.25, 1.5))


@pytest.fixture(scope="module")
def caster():
    return SceneCaster(box_world())


def right_pose(baseline_m=BASELINE_M):
    shift = np.eye(4)
    shift[0, 3] = baseline_m
    return LEFT @ shift


@pytest.fixture(scope="module")
def truth(caster):
    left, right = caster.cast(CAMERA, LEFT), caster.cast(CAMERA, right_pose())
    return stereo_truth(
        caster, left, right, right_camera=CAMERA, T_world_right=right_pose(), baseline_m=BASELINE_M
    )


def test_depth_of_box_wall_ground_and_sky(truth):
    assert truth.depth[59, 80] == pytest.approx(4.0, rel=1e-6)  # the box faces the camera at 4 m
    assert truth.depth[40, 50] == pytest.approx(20.0, rel=1e-6)  # beside it the wall at 20 m
    # row 119 looks 59.5 px down: the ground under 1.5 m is 1.5 * 100 / 59.5 m away
    assert truth.depth[119, 5] == pytest.approx(150 / 59.5, rel=1e-6)
    assert np.isinf(truth.depth[0, 80])


def test_disparity_is_focal_times_baseline_over_depth(truth):
    assert truth.disparity[59, 80] == pytest.approx(100 * 0.5 / 4.0)
    assert truth.disparity[0, 80] == 0.0  # the sky has a true disparity
    assert truth.valid.all()
    depth, known = depth_from_disparity(
        truth.disparity, focal_px=100.0, baseline_m=BASELINE_M, valid=truth.valid
    )
    np.testing.assert_array_equal(known, np.isfinite(truth.depth))
    np.testing.assert_allclose(depth[known], truth.depth[known], rtol=3e-7)


def test_occlusion_is_the_strip_left_of_the_box_that_the_right_camera_cannot_see(truth):
    # The box ends at y = 1 (0.75 m left of the left camera): column 79.5 - 100 * 0.75 / 4 = 60.75.
    # From the right camera that edge hides the wall up to column 79.5 - 100 * 1.25 / 4 + 50 / 20.
    row = truth.occluded[40]
    first_hidden, box = 79.5 - 31.25 + 2.5, 60.75
    hidden = np.arange(160)[row & (np.arange(160) > 45)]
    np.testing.assert_array_equal(hidden, np.arange(np.ceil(first_hidden), np.ceil(box)))
    # What lies left of the right picture is not seen either: wall disparity 2.5 px.


def test_sky_has_no_parallax_and_hides_behind_the_wall(caster, truth):
    # The wall ends at y = 8: column 79.5 - 100 * 7.75 / 20 = 40.75 on the left picture and
    # 79.5 - 100 * 8.25 / 20 = 38.25 on the right one, so sky columns 39 and 40 are hidden.
    np.testing.assert_array_equal(np.flatnonzero(truth.occluded[40, :45]), [39, 40])
    assert not truth.occluded[0].any()  # above the wall the sky fills both pictures


def test_behind_the_other_camera_is_occluded(caster):
    view = caster.cast(CAMERA, LEFT)
    backwards = look_at((0.0, 0.25, 1.5), (-10.0, 0.25, 1.5))
    assert occlusion(caster, view, CAMERA, backwards).all()


def test_occlusion_agrees_with_comparing_depths_in_the_right_view(caster, truth):
    right = depth_of(caster.cast(CAMERA, right_pose()))
    columns = np.arange(160)[None] - truth.disparity
    nearest = np.clip(np.rint(columns).astype(int), 0, 159)
    rows = np.repeat(np.arange(120)[:, None], 160, axis=1)
    with np.errstate(invalid="ignore"):
        hidden = right[rows, nearest] < truth.depth * 0.98
    inside = (columns > -0.5) & (columns < 159.5)
    steps = np.zeros_like(inside)
    for shift in (-1, 0, 1):  # a depth map cannot say on which side of its pixel an edge lies
        jump = np.abs(np.diff(np.where(np.isinf(right), 1e4, right), axis=1, prepend=right[:, :1]))
        steps |= np.roll(jump > 0.1, shift, axis=1)[rows, nearest]
    clear = inside & ~steps
    np.testing.assert_array_equal(hidden[clear], truth.occluded[clear])
    assert (hidden & clear).sum() > 100


def test_warping_right_positions_by_disparity_gives_left_positions(caster, truth):
    left, right = caster.cast(CAMERA, LEFT), caster.cast(CAMERA, right_pose())
    # World height is linear in the picture on every plane: bilinear sampling keeps it.
    height_right = right.position_m[:, 2].reshape(right.shape).astype(np.float64)
    warped, inside = warp_right_to_left(height_right, truth.disparity)
    wall = inside & ~truth.occluded & (truth.depth > 19.9) & (truth.depth < 20.1)
    wall &= np.roll(wall, 2, axis=1) & np.roll(wall, -2, axis=1)
    height_left = left.position_m[:, 2].reshape(left.shape)
    assert wall.sum() > 1000
    np.testing.assert_allclose(warped[wall], height_left[wall], atol=2e-5)


def test_points_from_depth_are_the_hit_positions(caster):
    view = caster.cast(CAMERA, LEFT)
    points, known = points_from_depth(depth_of(view), CAMERA)
    world = points[known] @ LEFT[:3, :3].T + LEFT[:3, 3]
    np.testing.assert_allclose(world, view.position_m.reshape(*view.shape, 3)[known], atol=1e-4)


def test_infinity_shifts_every_disparity(caster, truth):
    shifted_camera = Camera(100.0, 100.0, 79.5 + 7.0, 59.5, 160, 120)
    left, right = caster.cast(CAMERA, LEFT), caster.cast(shifted_camera, right_pose())
    shifted = stereo_truth(
        caster,
        left,
        right,
        right_camera=shifted_camera,
        T_world_right=right_pose(),
        baseline_m=BASELINE_M,
        infinity_px=-7.0,
    )
    np.testing.assert_allclose(shifted.disparity, truth.disparity - 7.0, atol=1e-5)
    assert shifted.disparity[0, 80] == -7.0


def test_views_of_two_sizes_are_refused(caster):
    small = caster.cast(CAMERA.scaled(80, 60), LEFT)
    with pytest.raises(ShapeError, match="one size"):
        stereo_truth(
            caster,
            caster.cast(CAMERA, LEFT),
            small,
            right_camera=CAMERA,
            T_world_right=right_pose(),
            baseline_m=BASELINE_M,
        )
