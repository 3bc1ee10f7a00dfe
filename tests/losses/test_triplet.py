"""Relations, mining and loss on batches small enough to work out by hand."""

import math

import pytest
import torch

from thermoscope.core.errors import ConfigError, ShapeError
from thermoscope.losses.triplet import (
    PlaceRadii,
    Relation,
    mine_triplets,
    relation_by_distance,
    relation_by_pair,
    triplet_margin_loss,
)


def circle(*degrees):
    angles = torch.tensor(degrees, dtype=torch.float64).deg2rad()
    return torch.stack((angles.cos(), angles.sin()), dim=1).float()


def chord(degrees):
    return 2 * math.sin(math.radians(degrees) / 2)


def pairs_of(matrix):
    return {tuple(pair) for pair in matrix.nonzero().tolist()}


def test_metres_give_positives_a_gap_and_negatives():
    positions = torch.tensor([[0.0, 0], [15, 0], [0, 20], [0, 60]])
    relation = relation_by_distance(positions, PlaceRadii(15, 25))
    assert pairs_of(relation.positive) == {(0, 1), (1, 0)}
    # 0-2 and 1-2 (25 m exactly) lie between the radii: neither
    assert pairs_of(relation.negative) == {(0, 3), (3, 0), (1, 3), (3, 1), (2, 3), (3, 2)}


def test_the_ring_bounds_negatives():
    positions = torch.tensor([0.0, 1, 4, 9])
    relation = relation_by_distance(positions, PlaceRadii(1, 2, 5))
    assert pairs_of(relation.positive) == {(0, 1), (1, 0)}
    assert pairs_of(relation.negative) == {(0, 2), (2, 0), (1, 2), (2, 1), (2, 3), (3, 2)}


def test_two_recordings_show_two_places_at_the_same_frame_number():
    frames, recording = torch.tensor([7, 8, 7]), torch.tensor([0, 0, 1])
    relation = relation_by_distance(frames, PlaceRadii(1, 2), world=recording)
    assert pairs_of(relation.positive) == {(0, 1), (1, 0)}
    assert pairs_of(relation.negative) == {(0, 2), (2, 0), (1, 2), (2, 1)}
    ringed = relation_by_distance(frames, PlaceRadii(1, 2, 5), world=recording)
    assert not ringed.negative.any()


def test_large_coordinates_keep_their_centimetres():
    utm = torch.tensor([[352000.0, 4025000.0], [352000.0, 4025015.5]], dtype=torch.float64)
    assert not relation_by_distance(utm, PlaceRadii(15, 25)).positive.any()


def test_pair_identity():
    relation = relation_by_pair(torch.tensor([4, 9, 4]))
    assert pairs_of(relation.positive) == {(0, 2), (2, 0)}
    assert pairs_of(relation.negative) == {(0, 1), (1, 0), (1, 2), (2, 1)}


def test_loss_by_hand():
    # anchors 0 and 1 are 20 degrees apart; 2 stands 10 degrees from 1, 30 from 0
    descriptors = circle(0, 20, 30)
    relation = relation_by_pair(torch.tensor([0, 0, 1]))
    found = triplet_margin_loss(descriptors, relation, margin=0.1, hard_share=1.0)
    from_1 = chord(20) - chord(10) + 0.1  # active; from 0: 20 - 30 degrees + 0.1 is below 0
    assert (found.mined, found.active) == (2, 1)
    assert float(found.loss) == pytest.approx(from_1, abs=1e-5)


def test_a_batch_that_keeps_the_margin_gives_zero_and_no_gradient():
    descriptors = circle(0, 1, 170).requires_grad_()
    relation = relation_by_pair(torch.tensor([0, 0, 1]))
    found = triplet_margin_loss(descriptors, relation, margin=0.1)
    found.loss.backward()
    assert found.active == 0
    assert found.loss.item() == 0
    assert not descriptors.grad.any()


def test_a_batch_of_equal_descriptors_has_finite_gradients():
    descriptors = circle(0, 0, 0).requires_grad_()
    found = triplet_margin_loss(descriptors, relation_by_pair(torch.tensor([0, 0, 1])))
    found.loss.backward()
    assert found.loss.item() == pytest.approx(0.15, abs=1e-4)
    assert torch.isfinite(descriptors.grad).all()


def test_without_any_positive_there_is_nothing_to_mine():
    relation = relation_by_pair(torch.tensor([0, 1, 2]))
    assert mine_triplets(torch.ones(3, 3), relation, margin=0.1).shape == (0, 3)
    assert float(triplet_margin_loss(circle(0, 1, 2), relation).loss) == 0


def line_of_negatives(count=40):
    """Anchor 0, positive 1 at distance 1; negatives 2.. at 0.5, 0.6, 0.7 ..."""
    size = count + 2
    distances = torch.full((size, size), 9.0)
    distances[0, 1] = 1.0
    distances[0, 2:] = 0.5 + 0.1 * torch.arange(count)
    positive = torch.zeros(size, size, dtype=torch.bool)
    positive[0, 1] = True
    negative = torch.zeros(size, size, dtype=torch.bool)
    negative[0, 2:] = True
    return distances, Relation(positive, negative)


def test_the_hardest_are_the_nearest_and_the_rest_is_semi_hard():
    distances, relation = line_of_negatives()
    generator = torch.Generator().manual_seed(1)
    found = mine_triplets(
        distances, relation, margin=2.05, per_pair=10, hard_share=0.7, generator=generator
    )
    assert found[:, :2].tolist() == [[0, 1]] * 10
    negatives = found[:, 2].tolist()
    assert negatives[:7] == list(range(2, 9))
    drawn = distances[0, negatives[7:]]
    assert ((drawn > 1) & (drawn < 3.05)).all()  # farther than the positive, within the margin
    assert len(set(negatives)) == 10


def test_fewer_negatives_than_asked_for_are_all_taken_once():
    distances, relation = line_of_negatives(3)
    found = mine_triplets(distances, relation, margin=0.1, per_pair=10, hard_share=1.0)
    assert found[:, 2].tolist() == [2, 3, 4]


def test_the_draw_prefers_larger_losses_and_repeats_with_its_seed():
    distances, relation = line_of_negatives()
    settings = {"margin": 3.0, "per_pair": 1, "hard_share": 0.0}

    def mean_distance(temperature):
        found = []
        for seed in range(200):
            generator = torch.Generator().manual_seed(seed)
            mined = mine_triplets(
                distances, relation, temperature=temperature, generator=generator, **settings
            )
            found.append(float(distances[0, mined[0, 2]]))
        return sum(found) / len(found)

    assert mean_distance(0.0) == pytest.approx(2.5, abs=0.2)  # the middle of 1.1 ... 3.9
    assert mean_distance(10.0) == pytest.approx(1.16, abs=0.1)  # 1.1 + 0.1 / (e - 1)
    twice = [
        mine_triplets(distances, relation, generator=torch.Generator().manual_seed(3), **settings)
        for _ in range(2)
    ]
    assert torch.equal(*twice)


def test_gradient_pulls_the_positive_and_pushes_the_negative():
    descriptors = circle(0, 40, 30).requires_grad_()
    relation = relation_by_pair(torch.tensor([0, 0, 1]))
    before = triplet_margin_loss(descriptors, relation, margin=0.3)
    before.loss.backward()
    moved = torch.nn.functional.normalize((descriptors - 0.05 * descriptors.grad).detach(), dim=1)
    assert triplet_margin_loss(moved, relation, margin=0.3).loss < before.loss


def test_bad_input():
    with pytest.raises(ConfigError, match="radii must rise from 0.*got 25, 15 and None"):
        PlaceRadii(25, 15)
    with pytest.raises(ConfigError, match="radii must rise"):
        PlaceRadii(1, 2, 2)
    with pytest.raises(ConfigError, match="neither its own positive nor its own negative"):
        Relation(torch.eye(2).bool(), torch.zeros(2, 2).bool())
    with pytest.raises(ShapeError, match=r"world must be \(3,\), got \(2,\)"):
        relation_by_distance(torch.zeros(3), PlaceRadii(1, 2), world=torch.zeros(2))
    relation = relation_by_pair(torch.arange(3))
    with pytest.raises(ShapeError, match="must be of one batch"):
        mine_triplets(torch.zeros(2, 2), relation, margin=0.1)
    with pytest.raises(ConfigError, match="hard_share must lie in"):
        mine_triplets(torch.zeros(3, 3), relation, margin=0.1, hard_share=2)
    with pytest.raises(ConfigError, match="margin must be positive"):
        triplet_margin_loss(circle(0, 1, 2), relation, margin=0)
    with pytest.raises(ShapeError, match="descriptors must be"):
        triplet_margin_loss(torch.zeros(3), relation)
