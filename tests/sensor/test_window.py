"""Windows and percentiles against sorting, over element types and odd frames."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from thermoscope.core.errors import ConfigError, ShapeError, UnitError
from thermoscope.sensor.window import Window, checked_plane, percentiles, unit_of, valid_pixels

SHAPES = hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12)
COUNTS = hnp.arrays(np.uint16, SHAPES)
KELVIN = hnp.arrays(
    np.float32, SHAPES, elements=st.floats(-1e6, 1e6, width=32, allow_subnormal=False)
)
PERCENTS = (0, 1, 37.5, 50, 99, 100)


def by_sorting(values: np.ndarray, percents: tuple[float, ...]) -> list[float]:
    ordered = np.sort(values.ravel())
    return [float(ordered[int(p / 100 * (ordered.size - 1) + 0.5)]) for p in percents]


@settings(deadline=None)
@given(st.one_of(COUNTS, KELVIN, hnp.arrays(np.uint8, SHAPES)))
def test_percentiles_are_the_sorted_values(values: np.ndarray) -> None:
    assert list(percentiles(values, PERCENTS)) == by_sorting(values, PERCENTS)


def test_percentiles_of_a_large_frame_with_a_hot_pixel(rng: np.random.Generator) -> None:
    kelvin = rng.normal(300, 5, (120, 160)).astype(np.float32)
    kelvin[3, 4] = 3300
    assert list(percentiles(kelvin, PERCENTS)) == by_sorting(kelvin, PERCENTS)


@settings(deadline=None)
@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1))
def test_percentiles_over_the_whole_of_float32(values: list[float]) -> None:
    plane = np.array([values], np.float32)
    assert list(percentiles(plane, PERCENTS)) == by_sorting(plane, PERCENTS)


def test_percentiles_of_more_pixels_than_float32_can_count() -> None:
    values = np.zeros((4097, 4096), np.uint8)  # over 2^24
    values[-1, -1] = 9
    assert percentiles(values, (0, 50, 100)) == (0, 0, 9)


def test_percentiles_leave_out_what_is_not_valid() -> None:
    counts = np.array([[5, 6, 7, 60000]], np.uint16)
    valid = np.array([[True, True, True, False]])
    assert percentiles(counts, (0, 100), valid=valid) == (5, 7)
    assert percentiles(counts, (0, 100), valid=np.zeros((1, 4), bool)) is None


@settings(deadline=None)
@given(COUNTS, st.integers(-70000, 140000), st.floats(1e-3, 2e5))
def test_counts_levels_are_the_rounded_line(values: np.ndarray, low: int, span: float) -> None:
    window = Window(low, low + span)
    exact = np.clip((values.astype(np.float64) - low) / window.span * 255, 0, 255)
    off = np.abs(window.levels(values) - exact)
    assert off.max() <= 0.51  # half a level, and float32 on an exact tie


@settings(deadline=None)
@given(COUNTS, st.floats(-1e5, 1e5), st.floats(1e-6, 1e6))
def test_levels_never_fall_as_counts_rise(values: np.ndarray, low: float, span: float) -> None:
    rising = np.sort(values.ravel())[None]
    assert (np.diff(Window(low, low + span).levels(rising).astype(int)) >= 0).all()


@settings(deadline=None)
@given(KELVIN, st.floats(-1e3, 1e3), st.floats(1e-3, 1e6))
def test_levels_never_fall_as_kelvin_rises(values: np.ndarray, low: float, span: float) -> None:
    rising = np.sort(values.ravel())[None]
    assert (np.diff(Window(low, low + span).levels(rising).astype(int)) >= 0).all()


@settings(deadline=None, max_examples=50)
@given(KELVIN, st.floats(-1e3, 1e3), st.floats(1e-2, 1e4))
def test_fraction_agrees_with_levels(values: np.ndarray, low: float, span: float) -> None:
    window = Window(low, low + span)
    fraction = window.fraction(values)
    assert fraction.dtype == np.float32
    assert fraction.min() >= 0
    assert fraction.max() <= 1
    assert np.abs(fraction * 255 - window.levels(values)).max() <= 0.51


def test_extreme_floats_stay_in_order() -> None:
    values = np.array([[-3e38, -1, 0, 1, 3e38]], np.float32)
    low, *middle, high = Window(-3e38, 3e38).levels(values)[0].tolist()
    assert (low, high) == (0, 255)
    assert set(middle) <= {127, 128}
    assert Window(0, 1).levels(values).tolist() == [[0, 0, 0, 255, 255]]


@pytest.mark.parametrize("shape", [(1, 1), (4, 1), (1, 4), (2, 2), (1, 3)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_tiny_planes_keep_their_shape(shape: tuple[int, int], dtype: type) -> None:
    values = np.full(shape, 60, dtype)
    assert (Window(50, 70).levels(values) == 128).all()
    assert Window(50, 70).levels(values).shape == shape


def test_a_window_without_width_shows_its_value_as_mid_grey() -> None:
    counts = np.array([[6, 7, 8]], np.uint16)
    assert Window(7, 7).levels(counts).tolist() == [[0, 128, 255]]
    assert np.allclose(Window(7, 7).fraction(counts), [[0, 128 / 255, 1]])


def test_levels_between_other_limits_continue_the_line_outside() -> None:
    counts = np.array([[0, 99, 100, 352, 353, 354, 999]], np.uint16)
    levels = Window(100, 353).levels(counts, black=1, white=254)
    assert levels.tolist() == [[0, 0, 1, 253, 254, 255, 255]]
    kelvin = counts.astype(np.float32)
    assert np.array_equal(Window(100, 353).levels(kelvin, black=1, white=254), levels)


@pytest.mark.parametrize(
    ("low", "high", "message"),
    [
        (2, 1, "low must not exceed high, got 2 and 1"),
        (float("nan"), 1, "low must be a finite number"),
        (0, float("inf"), "high must be a finite number"),
    ],
)
def test_impossible_windows_are_refused(low: float, high: float, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Window(low, high)


def test_planes_of_other_types_are_converted_or_refused() -> None:
    big_endian = np.array([[1, 2]], ">u2")[:, ::-1]
    plane = checked_plane(big_endian)
    assert plane.tolist() == [[2, 1]]
    assert plane.dtype == np.uint16
    assert plane.flags.c_contiguous
    assert plane.dtype.isnative
    assert checked_plane(np.array([[1e300]])).tolist() == [[np.inf]]
    assert unit_of(checked_plane(np.zeros((1, 1), np.float16))) == "kelvin"
    with pytest.raises(UnitError, match="must be uint16 counts, float kelvin or uint8 AGC"):
        checked_plane(np.zeros((2, 2), np.int32))
    with pytest.raises(ShapeError, match=r"frame must be \(H, W\), got \(2, 2, 3\)"):
        checked_plane(np.zeros((2, 2, 3), np.uint8), name="frame")
    with pytest.raises(ShapeError, match="at least one pixel"):
        checked_plane(np.zeros((0, 4), np.uint8))


def test_valid_pixels_are_finite_and_wanted() -> None:
    kelvin = np.array([[300, np.nan, np.inf, 310]], np.float32)
    wanted = np.array([[True, True, True, False]])
    assert valid_pixels(kelvin, wanted).tolist() == [[True, False, False, False]]
    assert valid_pixels(np.ones((2, 2), np.uint16), np.ones((2, 2), bool)) is None
    with pytest.raises(ShapeError, match=r"valid must be \(1, 4\) like the values"):
        valid_pixels(kelvin, np.ones((2, 2), bool))
