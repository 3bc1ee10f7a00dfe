"""Checks of a pair find what is wrong, and nothing in a good pair."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from thermoscope.core.errors import CalibrationError, ShapeError, ThermoscopeWarning
from thermoscope.models.stereo_checks import (
    check_baseline,
    check_pair,
    check_range,
    estimate_row_offset,
    matching_side,
    warn_of,
)

REACH = 24


@pytest.fixture
def pair(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A textured wall whose disparity grows from 6 to 14 px towards the bottom."""
    scene = rng.normal(0, 1, (128, 320)).astype(np.float32)
    scene = 3500 + 400 * cv2.GaussianBlur(scene, (0, 0), 1.5)
    left, right = np.empty((2, 128, 256), np.uint16)
    for row in range(128):
        shift = 6 + 8 * row // 127
        left[row], right[row] = scene[row, 16:272], scene[row, 16 + shift : 272 + shift]
    return left, right


def topics(left: np.ndarray, right: np.ndarray, **options: int) -> list[str]:
    return [f.topic for f in check_pair(left, right, max_disparity_px=REACH, **options)]


def test_a_good_pair_has_no_finding(pair: tuple) -> None:
    assert topics(*pair) == []
    assert matching_side(*pair, max_disparity_px=REACH) > 0.9


def test_an_offset_between_the_cameras_is_no_finding(pair: tuple) -> None:
    assert topics(pair[0], pair[1] + np.uint16(120)) == []


@pytest.mark.parametrize("shape", [(7, 60), (60, 7), (1, 1)])
def test_views_smaller_than_a_block_have_no_side(pair: tuple, shape: tuple[int, int]) -> None:
    height, width = shape
    left, right = (view[:height, :width] for view in pair)
    assert matching_side(left, right, max_disparity_px=REACH) == 0
    assert "swapped" not in topics(left, right)


def test_contrast_far_from_0_is_seen(pair: tuple) -> None:
    far = [view.astype(np.int64) + 10**12 for view in pair]
    assert matching_side(*far, max_disparity_px=REACH) > 0.9


def test_swapped_views(pair: tuple) -> None:
    left, right = pair
    found = check_pair(right, left, max_disparity_px=REACH)
    assert [f.topic for f in found] == ["swapped"]
    assert "left and right seem to be swapped. Swap them" in found[0].text
    assert topics(right, left, min_disparity_px=-REACH) == []  # may be meant


@pytest.mark.parametrize("rows", [3, -4])
def test_row_offset_is_measured_and_reported(pair: tuple, rows: int) -> None:
    left, right = pair
    moved = np.roll(right, rows, axis=0)
    assert estimate_row_offset(left, moved, max_disparity_px=REACH) == pytest.approx(rows, abs=0.6)
    found = check_pair(left, moved, max_disparity_px=REACH)
    assert [f.topic for f in found] == ["rows"]
    assert ("lower" if rows > 0 else "higher") in found[0].text


def test_views_of_different_scale(pair: tuple) -> None:
    left, right = pair
    eight_bit = cv2.normalize(right, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
    found = check_pair(left, eight_bit, max_disparity_px=REACH)
    assert found[0].topic == "scale"
    assert "left is uint16 and right uint8" in found[0].text
    stretched = (right.astype(np.float64) - 3000) * 4
    assert topics(left, stretched.clip(0, 65535).astype(np.uint16)) == ["scale"]
    both = cv2.normalize(left, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
    assert "both views are 8 bit" in check_pair(both, eight_bit, max_disparity_px=REACH)[0].text


def test_a_blank_pair_says_nothing_about_sides() -> None:
    flat = np.full((64, 96), 3000, np.uint16)
    assert matching_side(flat, flat, max_disparity_px=REACH) == 0


def test_baselines() -> None:
    assert check_baseline(0.3) == 0.3
    with pytest.raises(CalibrationError, match=r"baseline_m is 300 m.*millimetres\. Give 0\.3"):
        check_baseline(300)
    with pytest.raises(CalibrationError, match="must be a positive number of metres"):
        check_baseline(0)
    with pytest.warns(ThermoscopeWarning, match="baseline_m is 1 mm"):
        check_baseline(0.001)


def test_range_saturation() -> None:
    disparity = np.full((10, 10), 20, np.float32)
    assert check_range(disparity, min_disparity_px=0, max_disparity_px=96) is None
    disparity[:2] = 95.5
    found = check_range(disparity, min_disparity_px=0, max_disparity_px=96)
    assert found is not None
    assert found.value == pytest.approx(0.2)
    assert "20% of the pixels lie at the upper end of the range of 96 px" in found.text
    with pytest.warns(ThermoscopeWarning, match="larger max_disparity_px"):
        warn_of([found])


def test_sizes_must_agree(pair: tuple) -> None:
    with pytest.raises(ShapeError, match=r"left is \(128, 256\) and right \(128, 255\) px"):
        check_pair(pair[0], pair[1][:, 1:])
    with pytest.raises(ShapeError, match=r"right must be \(128, 256\) as left"):
        matching_side(pair[0], pair[1][1:])
