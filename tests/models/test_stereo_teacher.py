"""What a teacher says and where it is believed."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from thermoscope.core.errors import ConfigError, ShapeError
from thermoscope.models.stereo_teacher import StereoTeacher, away_from_edges
from thermoscope.models.thermostereort import thermostereort_tiny


@pytest.fixture
def pair(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    left = rng.normal(3500, 100, (32, 48)).astype(np.float32)
    return left, np.roll(left, -4, axis=1)


def test_labels_of_both_views(pair: tuple) -> None:
    teacher = StereoTeacher(thermostereort_tiny(), tolerance_px=4, spread_px=4, jump_px=8)
    labels = teacher.labels(*pair)
    assert labels.disparity.shape == labels.disparity_right.shape == (32, 48)
    assert labels.valid.any()
    assert labels.valid_right.any()
    columns = np.arange(48)[None] - labels.disparity
    assert (columns[labels.valid] >= 0).all()
    again = teacher.labels(*pair)
    assert np.array_equal(labels.disparity, again.disparity)


def test_mirroring_the_pair_mirrors_the_labels(pair: tuple) -> None:
    teacher = StereoTeacher(thermostereort_tiny(), scales=(1.0,), flip=False)
    straight = teacher.labels(*pair)
    mirrored = teacher.labels(pair[1][:, ::-1].copy(), pair[0][:, ::-1].copy())
    assert np.allclose(mirrored.disparity[:, ::-1], straight.disparity_right, atol=1e-4)
    assert np.array_equal(mirrored.valid[:, ::-1], straight.valid_right)


def test_the_network_is_neither_trained_nor_changed(pair: tuple) -> None:
    network = thermostereort_tiny().train()
    before = {k: v.clone() for k, v in network.state_dict().items()}
    StereoTeacher(network).labels(*pair)
    assert not network.training
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items())
    assert all(p.grad is None for p in network.parameters())


def test_contradicting_scales_are_not_believed(pair: tuple) -> None:
    lenient = StereoTeacher(thermostereort_tiny(), tolerance_px=40, jump_px=99)
    strict = StereoTeacher(thermostereort_tiny(), tolerance_px=40, jump_px=99, spread_px=1e-6)
    assert lenient.labels(*pair).valid.sum() > strict.labels(*pair).valid.sum()


def test_jumps_and_their_neighbours_are_left_out() -> None:
    disparity = np.zeros((3, 8), np.float32)
    disparity[:, 4:] = 10
    kept = [True, True, True, False, False, True, True, True]
    assert away_from_edges(disparity, distance_px=0)[1].tolist() == kept
    wider = away_from_edges(disparity, distance_px=1)[1].tolist()
    assert wider == [True, True, False, False, False, False, True, True]
    assert away_from_edges(disparity, jump_px=11).all()


def test_bad_arguments(pair: tuple) -> None:
    with pytest.raises(ConfigError, match="scales is empty"):
        StereoTeacher(thermostereort_tiny(), scales=())
    with pytest.raises(ConfigError, match="spread_px must be positive"):
        StereoTeacher(thermostereort_tiny(), spread_px=0)
    with pytest.raises(ShapeError, match=r"right must be \(32, 48\) as left"):
        StereoTeacher(thermostereort_tiny()).labels(pair[0], pair[1][1:])
