import math

import pytest
import torch

from thermoscope.core.errors import ConfigError, ShapeError
from thermoscope.losses.cross_modal import (
    Branch,
    best_branch,
    cross_modal_losses,
    feature_distance,
    score_divergence,
)


def branch(*scores, seen=None):
    """A branch with the score of class 0 over class 1 in each picture of one pixel."""
    logits = torch.tensor([[s, 0.0] for s in scores]).view(-1, 2, 1, 1).requires_grad_()
    features = torch.tensor([[s, 1.0] for s in scores]).view(-1, 2, 1, 1).requires_grad_()
    return Branch(logits, features, None if seen is None else torch.tensor(seen))


def labels(*ids):
    return torch.tensor(ids).view(-1, 1, 1)


def test_divergence_by_hand():
    """Of (1/2, 1/2) from (1/4, 3/4), which logits 0 and ln 3 are."""
    student = torch.tensor([0.0, math.log(3)]).view(1, 2, 1, 1)
    expected = 0.5 * math.log(2) + 0.5 * math.log(2 / 3)
    found = score_divergence(student, torch.zeros(1, 2, 1, 1), temperature=1.0)
    assert found.item() == pytest.approx(expected, rel=1e-5)
    assert score_divergence(student, student).item() == pytest.approx(0, abs=1e-6)


def test_distance_is_one_minus_the_cosine():
    one, other = torch.tensor([1.0, 0.0]), torch.tensor([3.0, 4.0])
    found = feature_distance(one.view(1, 2, 1, 1), other.view(1, 2, 1, 1))
    assert found.item() == pytest.approx(0.4, abs=1e-6)


def test_the_best_branch_is_the_one_that_is_right_not_the_one_that_is_sure():
    both = {"sure": branch(5.0, 5.0), "right": branch(-1.0, 1.0)}
    assert best_branch(both, labels(1, 0)).tolist() == [1, 0]
    assert best_branch(both, None).tolist() == [0, 0]
    assert best_branch(both, labels(255, 255)).tolist() == [0, 0]


def test_only_the_worse_branch_learns():
    good, bad = branch(4.0), branch(-1.0)
    losses = cross_modal_losses({"rgb": bad, "thermal": good}, labels(0))
    assert set(losses) == {"cross_scores", "cross_features"}
    sum(losses.values()).backward()
    assert good.logits.grad is None or good.logits.grad.abs().sum() == 0
    assert good.features.grad is None or good.features.grad.abs().sum() == 0
    assert bad.logits.grad[0, 0].item() < 0  # descent raises the score of the right class
    assert bad.features.grad.abs().sum() > 0


def test_a_branch_without_its_picture_neither_teaches_nor_learns():
    blind, fused = branch(9.0, 9.0, seen=[False, False]), branch(1.0, 1.0)
    found = {"rgb": blind, "fused": fused}
    assert best_branch(found, labels(0, 0)).tolist() == [1, 1]
    assert [loss.item() for loss in cross_modal_losses(found, labels(0, 0)).values()] == [0, 0]


def test_each_picture_has_its_own_teacher():
    day, night = branch(3.0, -3.0), branch(-3.0, 3.0)
    losses = cross_modal_losses({"rgb": day, "thermal": night}, labels(0, 0))
    sum(losses.values()).backward()
    assert day.logits.grad[0].abs().sum() == 0
    assert day.logits.grad[1].abs().sum() > 0
    assert night.logits.grad[0].abs().sum() > 0
    assert night.logits.grad[1].abs().sum() == 0


def test_errors():
    with pytest.raises(ConfigError, match="got 1, two are needed"):
        cross_modal_losses({"rgb": branch(1.0)})
    with pytest.raises(ConfigError, match="there is none"):
        best_branch({}, None)
    with pytest.raises(ShapeError, match="student logits of"):
        score_divergence(torch.zeros(1, 2, 1, 1), torch.zeros(1, 3, 1, 1))
    with pytest.raises(ShapeError, match="student features must be"):
        feature_distance(torch.zeros(2), torch.zeros(2))
    with pytest.raises(ConfigError, match="temperature must be positive"):
        score_divergence(torch.zeros(1, 2, 1, 1), torch.zeros(1, 2, 1, 1), temperature=0)
