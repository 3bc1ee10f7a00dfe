"""Depth scores worked out by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thermoscope.core.errors import ConfigError, ShapeError, UnitError
from thermoscope.metrics.depth import align_depth, depth_scores, mean_depth_scores

TRUTH = np.array([[1.0, 2.0], [4.0, 10.0]])
EVERYWHERE = np.ones((2, 2), bool)


def test_scores_by_hand():
    found = depth_scores(np.array([[1.0, 3.0], [4.0, 5.0]]), TRUTH, EVERYWHERE)
    # errors 0, 1, 0, -5; ratios 1, 1.5, 1, 2
    assert found.abs_rel == pytest.approx((0.5 + 0.5) / 4)
    assert found.sq_rel == pytest.approx((1 / 2 + 25 / 10) / 4)
    assert found.rmse_m == pytest.approx(math.sqrt(26 / 4))
    assert found.rmse_log == pytest.approx(math.sqrt((math.log(1.5) ** 2 + math.log(2) ** 2) / 4))
    assert (found.delta_1, found.delta_2, found.delta_3) == (0.5, 0.75, 0.75)
    assert (found.alignment, found.pixels, found.images) == ("none", 4, 1)


def test_the_limit_of_delta_is_not_within():
    assert depth_scores(TRUTH * 1.25, TRUTH, EVERYWHERE).delta_1 == 0
    assert depth_scores(TRUTH * 1.249, TRUTH, EVERYWHERE).delta_1 == 1


@given(st.floats(0.1, 10), st.floats(-5, 5))
def test_scale_and_shift_are_recovered_in_depth_space(scale, shift):
    prediction = (TRUTH - shift) / scale
    found = depth_scores(prediction, TRUTH, EVERYWHERE, alignment="scale_shift")
    assert found.abs_rel == pytest.approx(0, abs=1e-6)
    assert found.alignment == "scale_shift"


def test_median_takes_the_ratio_of_medians():
    scale, shift = align_depth(np.array([1.0, 2.0, 9.0]), np.array([4.0, 6.0, 7.0]), "median")
    assert (scale, shift) == (3.0, 0.0)


def test_least_squares_by_hand():
    scale, shift = align_depth(np.array([0.0, 1.0, 2.0]), np.array([1.0, 4.0, 4.0]), "scale_shift")
    assert (scale, shift) == pytest.approx((1.5, 1.5))


def test_a_flat_prediction_becomes_the_mean_depth():
    flat = np.full((2, 2), 3.3)
    scale, shift = align_depth(flat.ravel(), TRUTH.ravel(), "scale_shift")
    assert (scale, shift) == (0.0, 4.25)


def test_pixels_outside_the_limits_are_not_scored_and_predictions_held_to_them():
    truth = np.array([0.0, 5.0, 80.0, 100.0])
    found = depth_scores(np.array([9.0, 500.0, 1.0, 1.0]), truth, np.ones(4, bool))
    assert found.pixels == 1
    assert found.rmse_m == 75.0


@pytest.mark.parametrize("alignment", ["none", "median", "scale_shift"])
def test_nothing_valid_has_no_score(alignment):
    nothing = np.full((2, 2), np.nan)
    found = depth_scores(nothing, nothing, np.zeros((2, 2), bool), alignment=alignment)
    assert math.isnan(found.abs_rel)
    assert math.isnan(found.delta_1)
    assert (found.pixels, found.images) == (0, 0)


def test_a_median_of_zero_cannot_be_scaled():
    """Left out in silence, the worst frames would raise the mean."""
    with pytest.raises(UnitError, match="median of the prediction is 0 or below"):
        depth_scores(np.zeros((2, 2)), TRUTH, EVERYWHERE, alignment="median")


def test_the_mean_counts_images_not_pixels_and_names_empty_ones():
    one = depth_scores(TRUTH * 1.5, TRUTH, EVERYWHERE)
    other = depth_scores(TRUTH, TRUTH, np.array([[True, False], [False, False]]))
    empty = depth_scores(TRUTH, TRUTH, ~EVERYWHERE)
    found = mean_depth_scores([one, other, empty])
    assert found.abs_rel == pytest.approx(0.25)
    assert (found.images, found.images_empty, found.pixels) == (2, 1, 5)
    assert math.isnan(mean_depth_scores([empty]).abs_rel)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ShapeError, match="resolution of the truth"):
        depth_scores(TRUTH[:1], TRUTH, EVERYWHERE)
    with pytest.raises(UnitError, match="valid must be bool"):
        depth_scores(TRUTH, TRUTH, EVERYWHERE.astype(int))
    with pytest.raises(UnitError, match="not finite at 1 of 4 pixels"):
        depth_scores(np.where(TRUTH > 4, np.nan, TRUTH), TRUTH, EVERYWHERE)
    with pytest.raises(ConfigError, match="max_depth_m must exceed"):
        depth_scores(TRUTH, TRUTH, EVERYWHERE, min_depth_m=5, max_depth_m=5)
    with pytest.raises(ConfigError, match="'none', 'median' or 'scale_shift', got 'mean'"):
        depth_scores(TRUTH, TRUTH, EVERYWHERE, alignment="mean")
    with pytest.raises(ConfigError, match="one alignment, got no image"):
        mean_depth_scores([])
