"""Semi-global matching of two views, in either number of directions."""

from __future__ import annotations

import numpy as np
import pytest
from tests.geometry.test_disparity_refinement import INSIDE, SIZE, pair

from thermoscope.core.errors import ConfigError, ShapeError
from thermoscope.geometry.semi_global import SemiGlobalMatcher, eight_bit_pair


@pytest.mark.parametrize("directions", [3, 8])
@pytest.mark.parametrize("moved_px", [5, -7])
def test_a_moved_view_is_found(directions, moved_px):
    left, right = pair(np.full(SIZE, moved_px, np.float32))
    found, answered = SemiGlobalMatcher(-16, 16, directions=directions).match(left, right)
    assert answered[INSIDE].mean() > 0.95
    np.testing.assert_allclose(found[INSIDE][answered[INSIDE]], moved_px, atol=0.3)


def test_where_there_is_no_match_there_is_no_answer():
    noise = np.random.default_rng(0).normal(size=(2, *SIZE))
    found, answered = SemiGlobalMatcher().match(*noise)
    assert answered.mean() < 0.1
    assert (found[~answered] < 0).all()


def test_both_views_pass_through_one_window() -> None:
    left = np.linspace(3000, 4000, 256).reshape(16, 16)
    first, second = eight_bit_pair(left, left / 2, percentile=0)
    assert (first.min(), first.max()) == (0, 255)
    assert (int(second.max()) - int(second.min())) == pytest.approx(127, abs=1)  # half the contrast
    same, moved = eight_bit_pair(left, left + 70)
    assert np.array_equal(same, moved)


def test_wrong_settings_and_views_are_named():
    with pytest.raises(ConfigError, match="directions must be 3 or 8, got 5"):
        SemiGlobalMatcher(directions=5)
    with pytest.raises(ConfigError, match="block_px must be odd"):
        SemiGlobalMatcher(block_px=4)
    with pytest.raises(ConfigError, match="the first must be the smaller one"):
        SemiGlobalMatcher(8, 8)
    with pytest.raises(ShapeError, match="right must be"):
        eight_bit_pair(np.zeros((4, 4)), np.zeros((4, 5)))
    with pytest.raises(ShapeError, match="right must be"):
        SemiGlobalMatcher().match(np.zeros((4, 4)), np.zeros((4, 5)))
