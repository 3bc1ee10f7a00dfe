"""What is read from a disparity map, and what a view may be."""

from __future__ import annotations

import numpy as np
import pytest

from thermoscope.core.errors import CalibrationError, ShapeError, UnitError
from thermoscope.geometry.camera import Camera
from thermoscope.models.stereo_result import (
    StereoCalibration,
    StereoResult,
    centred_view,
    in_metres,
    leads_inside,
    left_right_agree,
    view_values,
)


def test_left_right_agreement_by_hand() -> None:
    disparity = np.array([[0, 1, 2, 2]], np.float32)
    right = np.array([[2, 2, 0, 0]], np.float32)
    # x - d = 0, 0, 0, 1: the right view says 2, 2, 2, 2
    assert left_right_agree(disparity, right).tolist() == [[False, True, True, True]]
    assert leads_inside(np.array([[1, 0, -2, 0]], np.float32)).tolist() == [
        [False, True, False, True]
    ]


def test_agreement_needs_one_size() -> None:
    with pytest.raises(ShapeError, match=r"disparity is \(1, 4\) and disparity_right \(1, 3\)"):
        left_right_agree(np.zeros((1, 4), np.float32), np.zeros((1, 3), np.float32))


def test_a_view_is_centred_and_its_gaps_are_told() -> None:
    view, known = centred_view(np.array([[3000.0, np.nan, 3010.0, 3004.0]]))
    assert view.tolist() == [[-4.0, 0.0, 6.0, 0.0]]
    assert known.tolist() == [[True, False, True, True]]


def test_contrast_of_numbers_far_from_0_is_kept() -> None:
    counts = np.array([[0, 3, 1, 9]], np.int64) + 10**12
    assert centred_view(counts)[0].tolist() == [[-2.0, 1.0, -1.0, 7.0]]


def test_a_marker_for_no_value_is_no_value_of_a_view() -> None:
    with pytest.raises(UnitError, match=r"holds 3e\+38, which no camera gives"):
        view_values(np.array([[1.0, -3e38, np.inf]], np.float32))


def test_a_view_may_have_a_leading_axis_or_be_a_grey_picture() -> None:
    plane = np.arange(6, dtype=np.uint16).reshape(1, 2, 3)
    assert np.array_equal(view_values(plane), plane[0])
    grey = np.repeat(np.full((2, 3, 1), 7, np.uint8), 3, axis=2)
    assert view_values(grey).tolist() == [[7.0] * 3] * 2


def test_depth_ends_at_ten_times_focal_length_and_baseline() -> None:
    disparity = np.array([[2.0 + 1e-6, 2.09, 2.125, 3.0]], np.float32)
    ones = np.ones_like(disparity)
    found = in_metres(
        StereoResult(disparity, ones, ones > 0),
        StereoCalibration(Camera(100.0, 100.0, 1.5, 0.0, 4, 1), baseline_m=0.5, infinity_px=2.0),
    )
    assert found.depth is not None
    assert found.points is not None
    assert found.depth.tolist() == [[0.0, 0.0, 400.0, 50.0]]
    assert found.points[0, :2].tolist() == [[0.0] * 3] * 2


def test_metres_at_infinity_and_where_not_valid() -> None:
    disparity = np.array([[10.0, 12.0, 2.0, 20.0]], np.float32)
    valid = np.array([[True, True, True, False]])
    camera = Camera(100.0, 100.0, 1.5, 0.0, 4, 1)
    found = in_metres(
        StereoResult(disparity, np.ones_like(disparity), valid),
        StereoCalibration(camera, baseline_m=0.2, infinity_px=2.0),
    )
    assert found.depth is not None
    assert found.depth.tolist() == [[2.5, 2.0, 0.0, 0.0]]  # 20 / (10 - 2), 20 / (12 - 2)
    wrong = StereoCalibration(camera, baseline_m=0.0)
    with pytest.raises(CalibrationError, match="baseline_m must be a positive number"):
        in_metres(StereoResult(disparity, disparity, valid), wrong)
