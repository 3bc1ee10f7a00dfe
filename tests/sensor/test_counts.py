"""Resampling, ranges, saturation and byte order of a plane."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from thermoscope.core.errors import ConfigError, ShapeError, UnitError
from thermoscope.sensor.counts import (
    bits_used,
    checked_counts,
    histogram,
    resample,
    saturated,
    saturation_range,
    swap_bytes,
    used_range,
)

PLANES = hnp.arrays(np.uint16, hnp.array_shapes(min_dims=2, max_dims=2, max_side=24))
SIDES = st.integers(1, 40)


# -- resample ------------------------------------------------------------------------------------


def test_halving_is_the_mean_of_squares():
    plane = np.array([[0, 10, 100, 101], [20, 30, 100, 102]], np.uint16)
    assert resample(plane, width=2, height=1).tolist() == [[15, 101]]  # 100.75


def test_doubling_is_linear_between_centres():
    plane = np.array([[0, 100]], np.uint16)
    assert resample(plane, width=4, height=1).tolist() == [[0, 25, 75, 100]]


def test_one_side_shrinks_the_other_grows():
    plane = np.array([[0, 100], [200, 300], [0, 100], [200, 300]], np.uint16)
    assert resample(plane, width=4, height=1).tolist() == [[100, 125, 175, 200]]


@given(PLANES, SIDES, SIDES)
@settings(deadline=None, max_examples=150)
def test_any_size_keeps_type_and_range(plane, width, height):
    result = resample(plane, width=width, height=height)
    assert result.shape == (height, width)
    assert result.dtype == np.uint16
    assert plane.min() <= result.min() <= result.max() <= plane.max()


@given(PLANES, SIDES, SIDES)
@settings(deadline=None, max_examples=100)
def test_whole_numbers_and_floats_agree_but_for_rounding(plane, width, height):
    whole = resample(plane, width=width, height=height)
    floats = resample(plane.astype(np.float64), width=width, height=height)
    assert np.abs(whole - floats).max() <= 0.51


def test_a_whole_divisor_keeps_the_mean():
    plane = np.random.default_rng(0).normal(300, 5, (60, 80)).astype(np.float32)
    small = resample(plane, width=20, height=15)
    assert float(small.mean()) == pytest.approx(float(plane.mean()), abs=1e-4)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float16, np.float32, np.float64, ">u2"])
def test_element_type_stays_in_native_order(dtype):
    plane = np.arange(48).reshape(6, 8).astype(dtype)
    for size in ((8, 6), (4, 3), (16, 12), (16, 3)):
        result = resample(plane, width=size[0], height=size[1])
        assert result.dtype == np.dtype(dtype).newbyteorder("=")
        assert result.shape == (size[1], size[0])


def test_odd_memory_gives_the_same_and_is_left_alone():
    plane = np.random.default_rng(0).integers(0, 60000, (12, 16)).astype(np.uint16)
    expected = resample(plane, width=5, height=7)
    frozen = plane.copy()
    frozen.flags.writeable = False
    wide = np.repeat(plane, 2, axis=1)[:, ::2]
    for odd in (frozen, wide, plane.astype(">u2"), np.asfortranarray(plane)):
        np.testing.assert_array_equal(resample(odd, width=5, height=7), expected)


def test_same_size_is_a_copy():
    plane = np.zeros((4, 4), np.uint16)
    result = resample(plane, width=4, height=4)
    result[0, 0] = 9
    assert plane[0, 0] == 0


def test_pictures_keep_their_channels():
    picture = np.zeros((4, 6, 3), np.uint8)
    picture[..., 2] = 80
    result = resample(picture, width=3, height=2)
    assert result.shape == (2, 3, 3)
    assert result[..., 2].tolist() == [[80] * 3] * 2


def test_one_nan_is_left_out_of_the_means_it_would_have_joined():
    plane = np.full((8, 8), 300, np.float32)
    plane[2, 2] = np.nan
    small = resample(plane, width=4, height=4)
    np.testing.assert_array_equal(small, np.full((4, 4), 300, np.float32))


def test_nan_does_not_spread_when_growing():
    plane = np.arange(25, dtype=np.float32).reshape(5, 5) + 280
    plane[2, 2] = np.nan
    large = resample(plane, width=20, height=20)
    unknown = np.isnan(large)
    assert unknown.any()
    y, x = np.nonzero(unknown)
    assert [y.min(), y.max(), x.min(), x.max()] == [8, 11, 8, 11]  # its own square
    assert np.nanmin(large) == 280
    assert np.nanmax(large) == pytest.approx(304)


def test_mostly_unknown_footprint_is_unknown():
    plane = np.full((4, 4), np.nan, np.float32)
    plane[0, 0] = 300  # a quarter of its square
    plane[2:, 2:] = [[300, 302], [np.nan, np.nan]]  # half of it
    result = resample(plane, width=2, height=2)
    assert np.isnan(result[0, 0])
    assert result[1, 1] == pytest.approx(301)


def test_infinity_counts_as_unknown():
    plane = np.full((4, 4), 300, np.float32)
    plane[0, 0] = np.inf
    assert np.isfinite(resample(plane, width=2, height=2)).all()
    assert np.isnan(resample(np.full((3, 3), np.inf), width=2, height=2)).all()


@pytest.mark.parametrize(
    ("plane", "error", "match"),
    [
        (np.zeros((0, 4), np.uint16), ShapeError, "at least one pixel"),
        (np.zeros(4, np.uint16), ShapeError, r"must be \(H, W\)"),
        (np.zeros((2, 2), np.int32), UnitError, "takes uint8, uint16 or float, got int32"),
        (np.zeros((2, 2), bool), UnitError, "got bool"),
    ],
)
def test_resample_refuses(plane, error, match):
    with pytest.raises(error, match=match):
        resample(plane, width=2, height=2)


def test_resample_refuses_an_empty_result():
    with pytest.raises(ShapeError, match="at least 1x1 px, got 0x3"):
        resample(np.zeros((2, 2), np.uint16), width=0, height=3)


# -- values --------------------------------------------------------------------------------------


@given(PLANES)
@settings(deadline=None, max_examples=50)
def test_histogram_counts_each_pixel_once(plane):
    counted = histogram(plane)
    assert counted.shape == (65536,)
    np.testing.assert_array_equal(counted, np.bincount(plane.ravel(), minlength=65536))
    np.testing.assert_array_equal(histogram(plane.astype(">u2")), counted)


def test_used_range_leaves_the_tails_out():
    plane = np.concatenate([np.arange(1000), [0, 65535]]).astype(np.uint16)[None]
    low, high = used_range(plane)
    assert (low, high) == (9, 990)
    assert used_range(plane, low_percent=0, high_percent=100) == (0, 65535)


def test_used_range_of_floats_leaves_nan_out():
    plane = np.array([[300.0, np.nan, 310.0]], np.float32)
    assert used_range(plane, low_percent=0, high_percent=100) == (300, 310)
    assert np.isnan(used_range(np.full((2, 2), np.nan, np.float32))).all()


@pytest.mark.parametrize(
    ("low", "high", "match"),
    [(-1, 99, "low_percent"), (1, 101, "high_percent"), (60, 40, "must not exceed")],
)
def test_used_range_refuses(low, high, match):
    with pytest.raises(ConfigError, match=match):
        used_range(np.zeros((2, 2), np.uint16), low_percent=low, high_percent=high)


@pytest.mark.parametrize(("most", "bits"), [(0, 0), (1, 1), (255, 8), (8192, 14), (65535, 16)])
def test_bits_used(most, bits):
    assert bits_used(np.array([[0, most]], np.uint16)) == bits


@pytest.mark.parametrize(
    ("most", "bit_depth", "high"),
    [(200, 16, 255), (9000, 16, 16383), (16384, 16, 65535), (9000, 12, 4095), (0, 16, 255)],
)
def test_saturation_range_is_that_of_the_smallest_converter(most, bit_depth, high):
    assert saturation_range(np.array([[0, most]], np.uint16), bit_depth) == (0, high)


def test_saturated_marks_both_ends():
    counts = np.array([[0, 1, 16382, 16383]], np.uint16)
    assert saturated(counts).tolist() == [[True, False, False, True]]


@pytest.mark.parametrize("depth", [0, 17, 8.0, True])
def test_saturation_refuses_a_depth(depth):
    with pytest.raises(ConfigError, match="bit_depth must be a whole number from 1 to 16"):
        saturated(np.zeros((2, 2), np.uint16), depth)


@given(PLANES)
@settings(deadline=None, max_examples=50)
def test_swapping_twice_gives_the_frame_back(plane):
    np.testing.assert_array_equal(swap_bytes(swap_bytes(plane)), plane)


def test_swapping_moves_the_bytes():
    assert swap_bytes(np.array([[0x0102, 0x00FF]], ">u2")).tolist() == [[0x0201, 0xFF00]]


def test_checked_counts_does_not_copy_what_is_fine():
    plane = np.zeros((3, 4), np.uint16)
    assert checked_counts(plane) is plane or np.shares_memory(checked_counts(plane), plane)


@pytest.mark.parametrize("use", [histogram, bits_used, saturation_range, swap_bytes])
def test_only_counts_have_counts(use):
    with pytest.raises(UnitError, match="counts must be uint16, got float32"):
        use(np.zeros((2, 2), np.float32))
    with pytest.raises(ShapeError):
        use(np.zeros((2, 2, 2), np.uint16))
    with pytest.raises(ShapeError):
        use(np.zeros((0, 2), np.uint16))
