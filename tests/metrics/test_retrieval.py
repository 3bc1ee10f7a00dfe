"""Retrieval scores on galleries small enough to rank by eye, and against brute force."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thermoscope.core.errors import ConfigError, ShapeError, UnitError
from thermoscope.metrics.retrieval import (
    bootstrap_interval,
    merged,
    precision_recall,
    recall_at_k,
    same_item,
    weighted_recall,
    within_frames,
    within_radius,
)

SIMILARITY = np.array(
    [
        [0.9, 0.8, 0.1, 0.0],  # right: 1 -> rank 2
        [0.2, 0.7, 0.3, 0.6],  # right: 1, 3 -> rank 1
        [0.5, 0.4, 0.3, 0.2],  # right: 3 -> rank 4
        [0.1, 0.2, 0.3, 0.4],  # none
    ]
)
POSITIVES = np.array([[0, 1, 0, 0], [0, 1, 0, 1], [0, 0, 0, 1], [0, 0, 0, 0]], dtype=bool)


def test_recall_by_hand():
    found = recall_at_k(SIMILARITY, POSITIVES, ks=(1, 2, 4))
    assert found.ranks.tolist() == [2, 1, 4]
    assert found.queries.tolist() == [0, 1, 2]
    assert found.at == pytest.approx({1: 1 / 3, 2: 2 / 3, 4: 1})
    assert (found.counted, found.left_out) == (3, 1)


def test_the_own_picture_goes_by_id_and_takes_its_query_out_if_it_was_the_only_positive():
    names = ["a", "b", "c"]
    gallery = ["c", "a", "b"]  # another order than the queries
    similarity = np.array([[0.5, 1.0, 0.6], [0.7, 0.2, 1.0], [1.0, 0.1, 0.3]])
    positives = np.array([[0, 1, 1], [0, 1, 1], [1, 0, 0]], dtype=bool)
    found = recall_at_k(similarity, positives, ks=(1, 2), excluded=same_item(names, gallery))
    assert found.ranks.tolist() == [1, 2]  # a finds b; b finds c before a
    assert found.left_out == 1  # c has no other picture
    assert found.at == {1: 0.5, 2: 1.0}


def test_ties_are_no_success():
    found = recall_at_k(np.ones((1, 5)), np.eye(1, 5, dtype=bool), ks=(1, 5))
    assert found.ranks.tolist() == [5]


def test_no_counted_query_is_nan_not_perfect():
    found = recall_at_k(np.ones((2, 3)), np.zeros((2, 3), dtype=bool))
    assert math.isnan(found.at[1])
    assert found.left_out == 2
    assert math.isnan(weighted_recall([found], 1))


@given(st.integers(0, 10_000))
def test_recall_is_that_of_sorting(seed):
    rng = np.random.default_rng(seed)
    similarity = rng.permutation(6 * 9).reshape(6, 9) / 54.0
    positives, excluded = rng.random((6, 9)) < 0.2, rng.random((6, 9)) < 0.1
    hits = {k: [] for k in (1, 3, 9)}
    for row, right, out in zip(similarity, positives, excluded, strict=True):
        order = [i for i in np.argsort(-row) if not out[i]]
        if right[order].any():
            for k, found in hits.items():
                found.append(right[order[:k]].any())
    found = recall_at_k(similarity, positives, ks=(1, 3, 9), excluded=excluded)
    for k, expected in hits.items():
        assert found.at[k] == pytest.approx(np.mean(expected) if expected else np.nan, nan_ok=True)


def test_weighted_recall_weighs_with_counted_queries():
    long = recall_at_k(np.eye(3), np.eye(3, dtype=bool), ks=(1,))
    short = recall_at_k(np.ones((1, 2)), np.eye(1, 2, dtype=bool), ks=(1,))
    assert weighted_recall([long, short], 1) == pytest.approx(0.75)
    with pytest.raises(ConfigError, match="recall at 5 was not computed"):
        weighted_recall([long], 5)


def test_radius_includes_its_edge_and_unknown_positions_are_near_nothing():
    queries = [[0, 0], [np.nan, 0]]
    gallery = [[3, 4], [3, 4.01], [0, 0]]
    found = within_radius(queries, gallery, 5)
    assert found.tolist() == [[True, False, True], [False, False, False]]


def test_frames_of_two_recordings_are_never_near():
    near = within_frames(
        [10, 10], [9, 12], 1, query_recordings=["a", "b"], gallery_recordings=["a", "b"]
    )
    assert near.tolist() == [[True, False], [False, False]]
    assert within_frames([10], [9, 12], 2).tolist() == [[True, True]]
    unsigned = np.array([0], dtype=np.uint8), np.array([255], dtype=np.uint8)
    assert not within_frames(*unsigned, 2).any()


def test_merged_galleries_hold_no_positive_across_sources():
    joined = merged([np.ones((1, 2), dtype=bool), np.ones((2, 1), dtype=bool)])
    assert joined.astype(int).tolist() == [[1, 1, 0], [0, 0, 1], [0, 0, 1]]


def test_precision_and_recall_by_hand():
    # first matches: 0.9 wrong, 0.7 right, 0.5 wrong, 0.4 of a query without a positive
    found = precision_recall(SIMILARITY, POSITIVES)
    np.testing.assert_allclose(found.threshold, [0.9, 0.7, 0.5, 0.4])
    np.testing.assert_allclose(found.precision, [0, 1 / 2, 1 / 3, 1 / 4])
    np.testing.assert_allclose(found.recall, [0, 1 / 3, 1 / 3, 1 / 3])
    assert found.average_precision == pytest.approx(1 / 6)
    assert found.recall_at_full_precision == 0


def test_a_perfect_ranking_has_average_precision_1_and_a_blind_one_0():
    perfect = precision_recall(np.eye(4), np.eye(4, dtype=bool))
    assert (perfect.average_precision, perfect.recall_at_full_precision) == (1, 1)
    blind = precision_recall(np.ones((4, 4)), np.eye(4, dtype=bool))
    assert blind.average_precision == 0
    assert len(blind.threshold) == 1  # equal similarities cannot be told apart by a threshold
    none = precision_recall(np.eye(2), np.zeros((2, 2), dtype=bool))
    assert math.isnan(none.average_precision)


def test_bootstrap_has_the_width_of_the_normal_approximation():
    hits = np.repeat([1, 0], [40, 60])
    low, high = bootstrap_interval(hits)
    half = 1.96 * math.sqrt(0.4 * 0.6 / 100)  # 0.096
    assert (low, high) == pytest.approx((0.4 - half, 0.4 + half), abs=0.02)
    assert bootstrap_interval(hits) == (low, high)
    assert bootstrap_interval(np.ones(5)) == (1, 1)
    assert all(math.isnan(end) for end in bootstrap_interval([]))


def test_bad_input():
    with pytest.raises(ShapeError, match=r"positives must be bool \(4, 4\) like similarity"):
        recall_at_k(SIMILARITY, POSITIVES[:3])
    with pytest.raises(ShapeError, match="excluded must be bool"):
        recall_at_k(SIMILARITY, POSITIVES, excluded=POSITIVES.astype(int))
    with pytest.raises(UnitError, match="similarity holds nan"):
        recall_at_k(np.full((1, 1), np.nan), np.ones((1, 1), dtype=bool))
    with pytest.raises(ConfigError, match="k must be positive"):
        recall_at_k(SIMILARITY, POSITIVES, ks=(0,))
    with pytest.raises(ConfigError, match="radius_m must be positive"):
        within_radius([[0, 0]], [[0, 0]], 0)
    with pytest.raises(ShapeError, match="queries have 2 coordinates and the gallery 3"):
        within_radius([[0, 0]], [[0, 0, 0]], 1)
    with pytest.raises(ConfigError, match="recordings of both"):
        within_frames([1], [1], 1, query_recordings=["a"])
    with pytest.raises(ConfigError, match="frames must be 0 or more"):
        within_frames([1], [1], -1)
    with pytest.raises(ConfigError, match="level must lie in"):
        bootstrap_interval([1], level=2)
    with pytest.raises(ShapeError, match="gallery is empty"):
        precision_recall(np.zeros((1, 0)), np.zeros((1, 0), dtype=bool))
