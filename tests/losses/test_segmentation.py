"""Segmentation losses against numbers worked out by hand."""

import math

import pytest
import torch
from torch.autograd import gradcheck

from thermoscope.core.errors import ConfigError, ShapeError, UnitError
from thermoscope.losses.segmentation import (
    cross_entropy_loss,
    dice_loss,
    rare_class_weights,
    segmentation_losses,
)


def pixels(*probabilities):
    """(1, K, 1, N) logits with the given class probabilities at each pixel."""
    return torch.tensor(probabilities, dtype=torch.float64).log().T[None, :, None]


def labels(*ids):
    return torch.tensor([[list(ids)]])


def test_dice_is_that_of_the_closed_form():
    logits = pixels([0.8, 0.2], [0.4, 0.6])
    # class 0: 2 * 0.8 / (1.2 + 1), class 1: 2 * 0.6 / (0.8 + 1)
    expected = 1 - (1.6 / 2.2 + 1.2 / 1.8) / 2
    assert dice_loss(logits, labels(0, 1)).item() == pytest.approx(expected, abs=1e-5)


def test_dice_averages_only_classes_that_are_there():
    logits = pixels([0.8, 0.1, 0.1], [0.4, 0.3, 0.3])
    expected = 1 - 2 * 1.2 / (1.2 + 2)  # class 0 alone; 1 and 2 have no pixel
    assert dice_loss(logits, labels(0, 0)).item() == pytest.approx(expected, abs=1e-5)


def test_an_ignored_pixel_changes_nothing():
    two, three = pixels([0.8, 0.2], [0.4, 0.6]), pixels([0.8, 0.2], [0.4, 0.6], [0.01, 0.99])
    for loss in (dice_loss, cross_entropy_loss):
        assert loss(three, labels(0, 1, 255)).item() == pytest.approx(
            loss(two, labels(0, 1)).item(), abs=1e-12
        )


@pytest.mark.parametrize("loss", [dice_loss, cross_entropy_loss])
def test_nothing_labelled_costs_nothing_and_has_a_gradient_of_zero(loss):
    logits = torch.randn(2, 3, 4, 4, requires_grad=True)
    found = loss(logits, torch.full((2, 4, 4), 255))
    found.backward()
    assert found.item() == 0
    assert torch.equal(logits.grad, torch.zeros_like(logits))


def test_cross_entropy_is_the_mean_negative_logarithm():
    found = cross_entropy_loss(pixels([0.8, 0.2], [0.5, 0.5]), labels(0, 1))
    assert found.item() == pytest.approx(-(math.log(0.8) + math.log(0.5)) / 2)


def test_class_weights_make_a_weighted_mean():
    found = cross_entropy_loss(
        pixels([0.8, 0.2], [0.5, 0.5]), labels(0, 1), class_weights=torch.tensor([1.0, 3.0])
    )
    assert found.item() == pytest.approx(-(math.log(0.8) + 3 * math.log(0.5)) / 4)


def test_rare_classes_weigh_more_up_to_a_bound():
    common, rare, absent = rare_class_weights([99, 1, 0]).tolist()
    assert common == pytest.approx(1 / math.log(1.02 + 0.99))
    assert common < rare < absent == pytest.approx(50.5, abs=0.01)


def test_the_sum_holds_its_terms():
    logits, truth = pixels([0.8, 0.2], [0.4, 0.6]), labels(0, 1)
    found = segmentation_losses(
        logits,
        truth,
        terms=("dice", "cross_entropy", "weighted_cross_entropy"),
        class_weights=torch.ones(2),
    )
    assert found["cross_entropy"].item() == pytest.approx(found["weighted_cross_entropy"].item())
    parts = found["dice"] + found["cross_entropy"] + found["weighted_cross_entropy"]
    assert found["loss"].item() == pytest.approx(parts.item())


@pytest.mark.parametrize("loss", [dice_loss, cross_entropy_loss])
def test_gradients(loss):
    torch.manual_seed(0)
    logits = torch.randn(2, 3, 2, 2, dtype=torch.float64, requires_grad=True)
    truth = torch.tensor([[[0, 1], [255, 2]], [[2, 2], [0, 255]]])
    assert gradcheck(lambda x: loss(x, truth), logits)


def test_what_does_not_fit_is_refused():
    logits = torch.zeros(1, 2, 2, 2)
    with pytest.raises(ShapeError, match="one resolution"):
        dice_loss(logits, torch.zeros(1, 4, 4, dtype=torch.int64))
    with pytest.raises(UnitError, match="int64 class ids, got torch.float32"):
        dice_loss(logits, torch.zeros(1, 2, 2))
    with pytest.raises(UnitError, match="from 0 to 7, the logits have 2 classes"):
        cross_entropy_loss(logits, torch.tensor([[[0, 7], [0, 0]]]))
    with pytest.raises(ShapeError, match="class_weights"):
        cross_entropy_loss(
            logits, torch.zeros(1, 2, 2, dtype=torch.int64), class_weights=torch.ones(3)
        )
    with pytest.raises(ConfigError, match="at least one labelled pixel"):
        rare_class_weights([0, 0])


def test_terms_that_do_not_exist_are_refused():
    logits, truth = torch.zeros(1, 2, 1, 1), torch.zeros(1, 1, 1, dtype=torch.int64)
    with pytest.raises(ConfigError, match="unknown loss term 'focal'"):
        segmentation_losses(logits, truth, terms=("focal",))
    with pytest.raises(ConfigError, match="needs a term"):
        segmentation_losses(logits, truth, terms=())
    with pytest.raises(ConfigError, match="needs class_weights"):
        segmentation_losses(logits, truth, terms=("weighted_cross_entropy",))
