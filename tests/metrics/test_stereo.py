"""Stereo scores by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from thermoscope.core.errors import ConfigError, ShapeError, UnitError
from thermoscope.metrics.stereo import StereoScores, mean_stereo_scores, stereo_scores

TRUTH = np.array([[10.0, 10.0, 100.0, 10.0]])
ALL = np.ones((1, 4), bool)


def test_limits_are_strict() -> None:
    found = stereo_scores(TRUTH + np.array([[1, 2, 3, 3.1]]), TRUTH, ALL)
    assert found.epe_px == pytest.approx(9.1 / 4)
    assert (found.bad_1, found.bad_2, found.bad_3) == (0.75, 0.5, 0.25)


def test_d1_needs_three_pixels_and_five_per_cent() -> None:
    # 4 px of 100 is under 5 %; 4 px of 10 is over; 2 px of 10 is over 5 % and under 3 px.
    found = stereo_scores(TRUTH + np.array([[0, 2, 4, 4]]), TRUTH, ALL)
    assert found.d1_all == 0.25


def test_negative_disparities_count_like_others() -> None:
    found = stereo_scores(-TRUTH + 4, -TRUTH, ALL)
    assert found.d1_all == 0.75
    assert found.epe_px == 4


def test_no_truth_gives_nan() -> None:
    found = stereo_scores(TRUTH, TRUTH, ~ALL)
    assert math.isnan(found.epe_px)
    assert math.isnan(found.bad_3)
    assert (found.pixels, found.images, found.images_empty) == (0, 0, 1)


def test_holes_are_wrong_at_every_limit_but_not_in_the_mean_error() -> None:
    answered = np.array([[True, True, True, False]])
    found = stereo_scores(TRUTH + 1.5, TRUTH, ALL, answered=answered)
    assert found.epe_px == 1.5
    assert (found.bad_1, found.bad_2, found.answered) == (1.0, 0.25, 0.75)
    with_nan = stereo_scores(np.where(answered, TRUTH + 1.5, np.nan), TRUTH, ALL)
    assert with_nan == found


def test_nothing_answered_has_no_mean_error() -> None:
    found = stereo_scores(TRUTH, TRUTH, ALL, answered=~ALL)
    assert math.isnan(found.epe_px)
    assert found.bad_3 == 1.0


def test_cats_limits() -> None:
    found = stereo_scores(TRUTH + 6, TRUTH, ALL, limits_px=(3, 5, 10, 20))
    assert found.bad == {3.0: 1.0, 5.0: 1.0, 10.0: 0.0, 20.0: 0.0}
    assert math.isnan(found.bad_1)


def test_mean_is_over_images_and_leaves_empty_ones_out() -> None:
    one = stereo_scores(TRUTH + 1, TRUTH, ALL)
    few = np.array([[True, False, False, False]])
    other = stereo_scores(TRUTH + 3, TRUTH, few)
    mean = mean_stereo_scores([one, other, StereoScores.empty()])
    assert mean.epe_px == 2.0  # not 1.4, the mean over pixels
    assert (mean.images, mean.images_empty, mean.pixels) == (2, 1, 5)
    nothing = mean_stereo_scores([StereoScores.empty()])
    assert math.isnan(nothing.epe_px)
    assert nothing.images_empty == 1


def test_flipping_everything_changes_nothing(rng: np.random.Generator) -> None:
    found, truth = rng.uniform(0, 40, (2, 8, 9))
    valid = rng.random((8, 9)) < 0.5
    straight = stereo_scores(found, truth, valid)
    turned = stereo_scores(found[:, ::-1], truth[:, ::-1], valid[:, ::-1])
    assert turned.epe_px == pytest.approx(straight.epe_px)
    assert turned.bad == straight.bad


def test_bad_arguments() -> None:
    with pytest.raises(ShapeError, match=r"truth must be \(1, 4\), got \(1, 3\)"):
        stereo_scores(TRUTH, TRUTH[:, :3], ALL)
    with pytest.raises(UnitError, match="valid must be bool, got float64"):
        stereo_scores(TRUTH, TRUTH, TRUTH)
    with pytest.raises(ConfigError, match="limits_px must be positive"):
        stereo_scores(TRUTH, TRUTH, ALL, limits_px=(0,))
