import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thermoscope.core.errors import CalibrationError, ShapeError, ThermoscopeWarning
from thermoscope.geometry.camera import Camera
from thermoscope.geometry.pose import from_rotation, invert, rotation_about, transform
from thermoscope.geometry.stereo import depth_from_disparity, rectify, remap

LEFT = Camera(80, 81, 39.0, 30.5, 80, 64, "radtan", (-0.3, 0.1, 0.001, -0.0005))
RIGHT = Camera(82, 80, 40.5, 31.0, 80, 64, "radtan", (-0.28, 0.08, -0.0004, 0.001))
WIDE = Camera(40, 40, 39.5, 31.5, 80, 64, "fisheye", (-0.02, 0.003, 0, 0))


def rig_pose(yaw=2.0, pitch=-1.5, roll=1.0, translation=(0.25, 0.01, -0.008)):
    turn = rotation_about("y", yaw) @ rotation_about("x", pitch) @ rotation_about("z", roll)
    return from_rotation(turn[:3, :3], translation)


def rectified_pixels(pair, points):
    """Places of points (N, 3), in left camera coordinates, in the two rectified views."""
    in_left = transform(invert(pair.T_left_rectified), points)
    in_right = in_left - (pair.baseline_m, 0, 0)
    return pair.camera.project(in_left)[0], pair.camera.project(in_right)[0]


angle = st.floats(-8, 8)
cameras = st.sampled_from([LEFT, RIGHT, WIDE, Camera(90, 90, 39.5, 31.5, 80, 64)])


@settings(deadline=None, max_examples=60)
@given(cameras, cameras, angle, angle, angle, st.floats(-0.05, 0.05), st.integers(0, 2**32 - 1))
def test_rows_agree_and_disparity_is_depth(left, right, yaw, pitch, roll, dy, seed):
    pose = rig_pose(yaw, pitch, roll, (0.3, dy, -dy / 2))
    pair = rectify(left, right, pose)
    points = np.random.default_rng(seed).uniform((-2, -2, 3), (2, 2, 30), (50, 3))
    # The right view by the other way round: through the right camera's own coordinates.
    in_right = transform(invert(pair.T_right_rectified), transform(invert(pose), points))
    left_pixels, _ = pair.camera.project(transform(invert(pair.T_left_rectified), points))
    right_pixels, _ = pair.camera.project(in_right)
    assert np.abs(left_pixels[:, 1] - right_pixels[:, 1]).max() < 1e-6
    depth, valid = depth_from_disparity(
        left_pixels[:, 0] - right_pixels[:, 0], focal_px=pair.camera.fx, baseline_m=pair.baseline_m
    )
    assert valid.all()
    expected = transform(invert(pair.T_left_rectified), points)[:, 2]
    assert np.abs(depth / expected - 1).max() < 1e-9


@pytest.mark.parametrize(("left", "right"), [(LEFT, RIGHT), (WIDE, LEFT)])
def test_maps_lead_to_the_pixel_that_sees_the_point(left, right, rng):
    pose = rig_pose()
    pair = rectify(left, right, pose)
    points = rng.uniform((-1, -1, 4), (1, 1, 9), (40, 3))
    for pixels, image_map, camera, seen in zip(
        rectified_pixels(pair, points),
        (pair.left_map, pair.right_map),
        (left, right),
        (points, transform(invert(pose), points)),
        strict=True,
    ):
        expected, _ = camera.project(seen)
        columns = cv2.remap(image_map.columns, *np.float32(pixels.T[:, None]), cv2.INTER_LINEAR)
        rows = cv2.remap(image_map.rows, *np.float32(pixels.T[:, None]), cv2.INTER_LINEAR)
        found = np.column_stack([columns.ravel(), rows.ravel()])
        assert np.abs(found - expected).max() < 0.05  # OpenCV rounds the place to 1/32 px


def test_rotation_agrees_with_opencv():
    pose = rig_pose()
    pair = rectify(LEFT, RIGHT, pose)
    T_right_left = invert(pose)
    R_left, R_right, *_ = cv2.stereoRectify(
        LEFT.K, np.array(LEFT.distortion), RIGHT.K, np.array(RIGHT.distortion),
        (80, 64), T_right_left[:3, :3], T_right_left[:3, 3],
    )  # fmt: skip
    # OpenCV halves the turn, ours bisects the axes: at a 2.7 degree turn both are the same
    # to second order, and the rotation between the views is equal in any case.
    assert np.abs(pair.T_left_rectified[:3, :3].T - R_left).max() < 1e-3
    assert np.abs(pair.T_right_rectified[:3, :3].T - R_right).max() < 1e-3


@pytest.mark.parametrize(("left", "right"), [(LEFT, RIGHT), (WIDE, WIDE), (LEFT, WIDE)])
def test_keep_valid_fills_the_picture_and_keep_all_loses_nothing(left, right):
    pose = rig_pose()
    filled = rectify(left, right, pose)
    assert filled.left_map.valid.all()
    assert filled.right_map.valid.all()
    whole = rectify(left, right, pose, keep="all", size=(120, 100))
    assert whole.camera.fx < filled.camera.fx * 1.5
    assert not whole.left_map.valid.all()
    if left is LEFT:
        edge = left.pixel_grid()[:, [0, -1]].reshape(-1, 2)
        rays, _ = left.unproject(edge)
        pixels, _ = whole.camera.project(transform(invert(whole.T_left_rectified), rays))
        assert (whole.camera.contains(pixels)).all()


def test_fisheye_wider_than_flat_is_cut_at_120_degrees():
    wide = Camera.from_fov(80, 64, 200, model="fisheye", distortion=(0, 0, 0, 0))
    pair = rectify(wide, wide, rig_pose(0, 0, 0, (0.1, 0, 0)), keep="all")
    half_width = (pair.camera.width - 1) / 2 / pair.camera.fx
    assert half_width == pytest.approx(np.tan(np.radians(60)), rel=1e-9)


def test_aligned_identical_pinholes_stay_as_they_are(rng):
    camera = Camera(90, 90, 39.5, 31.5, 80, 64)
    pair = rectify(camera, camera, from_rotation(np.eye(3), (0.1, 0, 0)))
    assert pair.camera.fx == pytest.approx(90)
    assert (pair.camera.cx, pair.camera.cy) == pytest.approx((39.5, 31.5))
    image = rng.integers(0, 65536, (64, 80), dtype=np.uint16)
    view, valid = remap(image, pair.left_map)
    assert valid.all()
    assert (view == image).all()
    assert pair.baseline_m == pytest.approx(0.1)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_a_plane_stays_a_plane_in_its_own_type(dtype):
    pair = rectify(LEFT, RIGHT, rig_pose(), keep="all")
    view, valid = remap(np.full((64, 80), 213, dtype), pair.left_map)
    assert view.dtype == dtype
    assert (view[valid] == 213).all()
    assert (view[~valid] == 0).all()
    assert (valid == pair.left_map.valid).all()
    assert 0.4 < valid.mean() < 1


def test_16_bit_counts_are_never_quantised():
    pair = rectify(LEFT, RIGHT, rig_pose())
    rows, columns = np.indices((64, 80))
    image = (30000 + 7 * columns + 3 * rows).astype(np.uint16)
    view, _ = remap(image, pair.left_map)
    exact = 30000 + 7 * pair.left_map.columns + 3 * pair.left_map.rows
    assert np.abs(view - exact).max() <= 0.5 + 1e-6


def test_q_matrix_gives_the_points():
    pair = rectify(LEFT, RIGHT, rig_pose())
    points = np.array([[0.5, -0.3, 4.0], [-1.0, 0.6, 9.0]])
    left, right = rectified_pixels(pair, points)
    homogeneous = np.column_stack([left, left[:, 0] - right[:, 0], np.ones(2)]) @ pair.Q.T
    expected = transform(invert(pair.T_left_rectified), points)
    assert homogeneous[:, :3] / homogeneous[:, 3:] == pytest.approx(expected)


# -- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pose", "message"),
    [
        (np.eye(4), "share one centre"),
        (from_rotation(np.eye(3), (-0.2, 0, 0)), "the views are swapped"),
        (from_rotation(np.eye(3), (0, 0.2, 0)), "not side by side: baseline .* mostly along x"),
        (from_rotation(np.eye(3), (0.01, 0, 0.2)), "not side by side"),
        (rotation_about("y", 180) @ from_rotation(np.eye(3), (0.2, 0, 0)), "not side by side"),
        (rotation_about("x", 180) @ from_rotation(np.eye(3), (0.2, 0, 0)), "not side by side"),
    ],
)
def test_impossible_pairs(pose, message):
    with pytest.raises(CalibrationError, match=message):
        rectify(LEFT, RIGHT, pose)


def test_millimetres_are_noticed():
    with pytest.warns(ThermoscopeWarning, match="baseline of 250 m.*in millimetres"):
        rectify(LEFT, RIGHT, rig_pose(translation=(250.0, 0, 0)))


def test_views_apart_do_not_overlap():
    narrow = Camera.from_fov(80, 64, 10)
    with pytest.raises(CalibrationError, match="do not overlap after rectification"):
        rectify(narrow, narrow, rig_pose(yaw=40, translation=(0.3, 0, 0)))


def test_other_misuse():
    with pytest.raises(CalibrationError, match="must be pinhole, got 'fisheye'"):
        rectify(LEFT, RIGHT, rig_pose(), camera=WIDE)
    pair = rectify(LEFT, RIGHT, rig_pose())
    with pytest.raises(ShapeError, match=r"image must be \(64, 80\) as the camera of the map"):
        remap(np.zeros((128, 160), np.uint16), pair.left_map)
