import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thermoscope.core.errors import CalibrationError, ShapeError
from thermoscope.geometry.camera import Camera
from thermoscope.geometry.stereo import (
    depth_from_disparity,
    disparity_from_depth,
    points_from_depth,
    warp_right_to_left,
)

PAIR = {"focal_px": 400.0, "baseline_m": 0.3}


def test_depth_by_hand():
    disparity = np.array([[8.0, 0.0, -2.0, np.nan, np.inf]])
    depth, valid = depth_from_disparity(disparity, **PAIR)
    assert depth.tolist() == [[15.0, 0.0, 0.0, 0.0, 0.0]]
    assert valid.tolist() == [[True, False, False, False, False]]


def test_disparity_by_hand():
    depth = np.array([15.0, np.inf, 0.0, -3.0, np.nan], np.float32)
    disparity, valid = disparity_from_depth(depth, **PAIR)
    assert disparity.tolist() == [8.0, 0.0, 0.0, 0.0, 0.0]
    assert valid.tolist() == [True, True, False, False, False]  # the sky has a known disparity
    assert disparity.dtype == np.float32


def test_different_principal_points_make_disparities_of_any_sign():
    far, near = depth_from_disparity(np.array([-9.0, 2.0]), **PAIR, infinity_px=-10.0)[0]
    assert far == pytest.approx(120.0)
    assert near == pytest.approx(10.0)
    disparity, _ = disparity_from_depth(np.array([120.0, np.inf]), **PAIR, infinity_px=-10.0)
    assert disparity.tolist() == [-9.0, -10.0]


def test_unknown_stays_unknown_even_with_a_plausible_number():
    values, known = np.array([8.0, 8.0]), np.array([True, False])
    for function in (depth_from_disparity, disparity_from_depth):
        result, valid = function(values, **PAIR, valid=known)
        assert valid.tolist() == [True, False]
        assert result[1] == 0


def test_an_offset_too_small_for_its_depth_is_not_valid():
    depth, valid = depth_from_disparity(np.array([1e-45], np.float32), **PAIR)
    assert depth.tolist() == [0.0]
    assert valid.tolist() == [False]


@settings(deadline=None)
@given(
    st.lists(st.floats(1e-3, 1e4), min_size=1, max_size=20),
    st.floats(10, 5000),
    st.floats(1e-3, 5),
    st.floats(-50, 50),
)
def test_disparity_of_depth_of_disparity(depths, focal_px, baseline_m, infinity_px):
    pair = {"focal_px": focal_px, "baseline_m": baseline_m, "infinity_px": infinity_px}
    disparity, valid = disparity_from_depth(np.array(depths), **pair)
    assert valid.all()
    back, valid = depth_from_disparity(disparity, **pair)
    # far points lose digits beside a large infinity_px
    loss = 1e-14 * np.maximum(1, np.abs(disparity)) * np.array(depths) / (focal_px * baseline_m)
    assert valid.all()
    assert (np.abs(back / depths - 1) < 1e-12 + loss).all()


def test_points_by_hand():
    camera = Camera(2, 4, 1, 0, 3, 2)
    depth = np.array([[4.0, 4.0, 0.0], [8.0, np.nan, 2.0]], np.float32)
    points, valid = points_from_depth(depth, camera)
    assert valid.tolist() == [[True, True, False], [True, False, True]]
    assert points[valid] == pytest.approx(
        np.array([[-2, 0, 4], [0, 0, 4], [-4, 2, 8], [1, 0.5, 2]])
    )
    assert not points[~valid].any()


@pytest.mark.parametrize("model", ["pinhole", "radtan", "fisheye"])
def test_points_project_back_to_their_pixels(model, rng):
    distortion = {"pinhole": (), "radtan": (-0.3, 0.1, 0.001, 0), "fisheye": (0.01, 0, 0, 0)}
    camera = Camera(60, 61, 31, 25, 64, 48, model, distortion[model])
    depth = rng.uniform(1, 50, (2, 48, 64))
    points, valid = points_from_depth(depth, camera)
    assert valid.all()
    assert np.abs(points[..., 2] - depth).max() < 1e-9
    assert np.abs(camera.project(points)[0] - camera.pixel_grid()).max() < 1e-9


def test_fisheye_pixels_beside_the_camera_have_no_depth():
    camera = Camera(10, 10, 31.5, 0, 64, 1, "fisheye", (0, 0, 0, 0))
    _, valid = points_from_depth(np.ones((1, 64)), camera)
    assert valid[0].tolist() == [abs(x - 31.5) < 10 * np.pi / 2 for x in range(64)]


# -- warping -------------------------------------------------------------------------------------


def test_warp_by_hand():
    right = np.array([[100, 200, 400, 800]], np.uint16)
    warped, valid = warp_right_to_left(right, np.array([[0.0, 0.25, 1.0, -0.5]]))
    assert warped.tolist() == [[100, 175, 200, 0]]
    assert valid.tolist() == [[True, True, True, False]]


@settings(deadline=None, max_examples=50)
@given(st.floats(-3, 3), st.floats(-20, 20), st.floats(-20, 20))
def test_warp_of_a_ramp_is_exact(shift, across, down):
    rows, columns = np.indices((9, 12)).astype(float)
    right = across * columns + down * rows
    warped, valid = warp_right_to_left(right, np.full((9, 12), shift))
    expected = across * (columns - shift) + down * rows
    assert np.abs(warped - expected)[valid].max() < 1e-9
    assert valid[:, 4:8].all()


def test_mirroring_and_swapping_gives_the_other_view(rng):
    # Mirror both images and exchange them: what was the right view becomes a left view.
    left = rng.integers(0, 65536, (6, 20), dtype=np.uint16)
    shift = 3
    right = np.roll(left, -shift, axis=1)
    plane = np.full((6, 20), float(shift))
    made_left, valid = warp_right_to_left(right, plane)
    assert (made_left == left)[valid].all()
    made_right, valid = warp_right_to_left(left[:, ::-1], plane)
    assert (made_right[:, ::-1] == right)[valid[:, ::-1]].all()
    assert valid.sum() == 6 * (20 - shift)


def test_sub_pixel_step_is_exact_where_opencv_rounds_to_a_32nd():
    right = np.array([[0, 0, 2000, 2000]] * 2, np.uint16)
    disparity = np.full((2, 4), 0.017)
    warped, _ = warp_right_to_left(right, disparity)
    assert warped[0, 2] == round(2000 * (1 - 0.017)) == 1966
    rows, columns = np.indices((2, 4)).astype(np.float32)
    rounded = cv2.remap(right, columns - np.float32(0.017), rows, cv2.INTER_LINEAR)
    assert abs(int(rounded[0, 2]) - 1966) > 25


def test_unknown_kelvin_spreads_only_where_it_has_a_share():
    right = np.array([[290.0, np.nan, 300.0, 310.0]], np.float32)
    warped, valid = warp_right_to_left(right, np.array([[0.0, 0.0, 0.0, 0.5]]))
    assert valid.all()
    assert np.isnan(warped[0]).tolist() == [False, True, False, False]
    assert warped[0, 3] == 305.0


def test_colour_images_and_invalid_disparity():
    right = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    disparity = np.zeros((2, 4))
    disparity[0, 1] = np.nan
    known = np.ones((2, 4), bool)
    known[1, 2] = False
    warped, valid = warp_right_to_left(right, disparity, valid=known)
    assert (~valid).nonzero()[0].tolist() == [0, 1]
    assert (warped[valid] == right[valid]).all()
    assert not warped[~valid].any()


# -- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["focal_px", "baseline_m"])
@pytest.mark.parametrize("value", [0.0, -0.3, float("nan")])
def test_impossible_pairs(name, value):
    with pytest.raises(CalibrationError, match=f"{name} must be a positive number, got {value}"):
        depth_from_disparity(np.ones(3), **{**PAIR, name: value})


def test_wrong_shapes_and_types():
    with pytest.raises(CalibrationError, match="infinity_px must be finite"):
        disparity_from_depth(np.ones(3), **PAIR, infinity_px=np.inf)
    with pytest.raises(ShapeError, match=r"valid must have the shape \(3,\), got \(2,\)"):
        depth_from_disparity(np.ones(3), **PAIR, valid=np.ones(2, bool))
    with pytest.raises(ShapeError, match=r"depth must be \(..., 48, 64\) as the camera"):
        points_from_depth(np.ones((24, 32)), Camera(60, 60, 31, 25, 64, 48))
    with pytest.raises(ShapeError, match=r"disparity must be \(H, W\) as the right image"):
        warp_right_to_left(np.zeros((4, 5), np.uint16), np.zeros((1, 4, 5)))
    with pytest.raises(ValueError, match="image must be uint8, uint16, float32 or float64"):
        warp_right_to_left(np.zeros((4, 5), np.int64), np.zeros((4, 5)))
