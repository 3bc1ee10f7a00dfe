"""Kappa on tables worked out by hand."""

import numpy as np
import pytest

from thermoscope.core.errors import ConfigError, ShapeError
from thermoscope.metrics.agreement import cohens_kappa


def test_the_textbook_table():
    # 50 answers, 35 agreed: 0.7; by chance 0.5 * 0.6 + 0.5 * 0.4 = 0.5; (0.7 - 0.5) / 0.5
    assert cohens_kappa(np.array([[20, 5], [10, 15]])) == pytest.approx(0.4)


def test_ends_of_the_scale():
    assert cohens_kappa(np.diag([5, 7, 1])) == 1
    assert cohens_kappa(np.array([[0, 5], [5, 0]])) == -1
    assert cohens_kappa(np.outer([3, 7], [6, 4])) == pytest.approx(0, abs=1e-12)


def test_background_that_both_see_does_not_count():
    matrix = np.array([[1000, 0, 0], [0, 30, 0], [0, 10, 20]])
    # Without the 1000: agreed 50 of 60; rows 30, 30 and columns 40, 20: chance (30*40+30*20)/3600
    assert cohens_kappa(matrix, background=0) == pytest.approx((50 / 60 - 0.5) / 0.5)
    assert cohens_kappa(matrix) > 0.8


def test_nothing_to_compare():
    assert np.isnan(cohens_kappa(np.zeros((2, 2), np.int64)))
    assert np.isnan(cohens_kappa(np.array([[9, 0], [0, 0]]), background=0))
    assert np.isnan(cohens_kappa(np.array([[9, 0], [0, 0]])))


def test_wrong_tables():
    with pytest.raises(ShapeError, match=r"matrix must be \(K, K\)"):
        cohens_kappa(np.zeros((2, 3), np.int64))
    with pytest.raises(ConfigError, match="negative number"):
        cohens_kappa(np.array([[-1]]))
    with pytest.raises(ConfigError, match="background must be 0 to 1, got 2"):
        cohens_kappa(np.eye(2, dtype=np.int64), background=2)
