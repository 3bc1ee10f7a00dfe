"""Lines through a similarity matrix, by hand."""

import numpy as np
import pytest

from thermoscope.core.errors import ConfigError, ShapeError
from thermoscope.engine.place_sequence import rerank_sequence


def diagonal(noise):
    """Every query is most like its own place, but query 2 is most like place 4."""
    matrix = np.eye(6) + noise
    matrix[2] = [0, 0, 0.5, 0, 0.9, 0]
    return matrix


def test_neighbours_outvote_a_wrong_first_match():
    found = rerank_sequence(diagonal(0), length=3, speeds=(1.0,))
    assert found.argmax(axis=1).tolist() == [0, 1, 2, 3, 4, 5]
    assert found[2, 2] == pytest.approx((1 + 0.5 + 1) / 3)
    assert found[2, 4] == pytest.approx((0 + 0.9 + 0) / 3)
    assert found[0, 0] == pytest.approx(1)  # only two frames of the line exist


def test_a_line_that_leaves_the_map_wins_nothing():
    matrix = np.eye(4)
    matrix[3] = [0.8, 0.1, 0.2, 0.7]  # alone most like place 0, the edge of the map
    found = rerank_sequence(matrix, length=3, speeds=(1.0,))
    assert found[3, 3] == pytest.approx((1 + 0.7) / 2)
    assert found[3, 0] == pytest.approx((0.25 + 0.8) / 2)  # query 2 has a mean of 0.25


def test_length_one_changes_nothing(rng):
    matrix = rng.normal(size=(4, 5))
    np.testing.assert_allclose(rerank_sequence(matrix, length=1), matrix)


@pytest.mark.parametrize(("speed", "places"), [(2.0, [0, 2, 4, 6]), (-1.0, [6, 5, 4, 3])])
def test_other_speeds_and_directions(speed, places):
    matrix = np.zeros((4, 7))
    matrix[range(4), places] = 1
    found = rerank_sequence(matrix, length=3, speeds=(speed,))
    assert found[range(4), places].tolist() == pytest.approx([1, 1, 1, 1])
    other = rerank_sequence(matrix, length=3, speeds=(-speed,))
    assert other[1, places[1]] == pytest.approx(1 / 3)


def test_another_recording_is_no_neighbour():
    matrix = diagonal(0)
    alone = rerank_sequence(
        matrix,
        length=3,
        speeds=(1.0,),
        query_recordings=["a", "a", "b", "c", "c", "c"],
        gallery_recordings=[0] * 6,
    )
    np.testing.assert_allclose(alone[2], matrix[2])  # its neighbours are of other drives


def test_a_robot_looks_back_only():
    matrix = np.eye(4)
    matrix[3] = 0
    found = rerank_sequence(matrix, length=3, speeds=(1.0,), causal=True)
    assert found[2, 2] == pytest.approx(1)
    assert found[3, 3] == pytest.approx(2 / 3)
    later = np.eye(4)
    later[3] = 5  # what comes later changes nothing earlier
    np.testing.assert_allclose(
        rerank_sequence(later, length=3, speeds=(1.0,), causal=True)[:3], found[:3]
    )


def test_a_window_longer_than_the_drive_is_no_problem():
    assert np.isfinite(rerank_sequence(np.eye(2), length=9)).all()


def test_bad_settings():
    with pytest.raises(ConfigError, match="length must be positive"):
        rerank_sequence(np.eye(2), length=0)
    with pytest.raises(ConfigError, match="speeds must hold"):
        rerank_sequence(np.eye(2), speeds=())
    with pytest.raises(ShapeError, match="gallery_recordings must name 2 recordings, got 1"):
        rerank_sequence(np.eye(2), gallery_recordings=["a"])
    with pytest.raises(ShapeError, match="similarity must be"):
        rerank_sequence(np.ones(3))
