import math

import pytest
import torch

from thermoscope.core.errors import ConfigError, ShapeError
from thermoscope.losses.language import (
    pixel_text_logits,
    prototype_loss,
    relation_loss,
    relations,
)

ALL = torch.ones(2, dtype=torch.bool)


def test_relations_are_cosines():
    found = relations(torch.tensor([[2.0, 0.0], [3.0, 3.0]]))
    expected = [[1.0, math.sqrt(0.5)], [math.sqrt(0.5), 1.0]]
    torch.testing.assert_close(found, torch.tensor(expected))


def test_the_relation_loss_is_the_divergence_of_two_rows_worked_out_by_hand():
    """Words at cosine 0, prototypes at cosine 1, temperature 1: KL((e,1)/(e+1) || (1,1)/2)."""
    share = math.e / (math.e + 1)
    expected = share * math.log(2 * share) + (1 - share) * math.log(2 * (1 - share))
    loss = relation_loss(torch.ones(2, 3), ALL, torch.eye(2), temperature=1.0)
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_without_a_temperature_the_words_say_next_to_nothing():
    names = torch.tensor([[1.0, 0.0], [0.75, math.sqrt(1 - 0.75**2)]])  # a cosine of 0.75
    flat, sharp = (
        relation_loss(torch.eye(2, 4), ALL, names, temperature=t).item() for t in (1.0, 0.1)
    )
    assert 0 < flat < 0.2 * sharp


def test_absent_classes_take_no_part():
    text = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    present = torch.tensor([True, True, False])
    prototypes = torch.tensor([[1.0, 0.0], [0.0, 2.0], [9.0, 9.0]], requires_grad=True)
    loss = relation_loss(prototypes, present, text)
    assert loss.item() == pytest.approx(0, abs=1e-6)
    for kept in (torch.tensor([True, False, False]), torch.zeros(3, dtype=torch.bool)):
        nothing = relation_loss(prototypes, kept, text)
        nothing.backward()
        assert nothing.item() == 0
        assert prototypes.grad.abs().sum() == 0


def test_descent_brings_prototypes_to_the_relations_of_the_words():
    text = torch.tensor([[1.0, 0.0], [0.8, 0.6]])  # a cosine of 0.8
    prototypes = torch.tensor([[1.0, 0.0, 0.2], [0.0, 1.0, 0.1]], requires_grad=True)
    optimizer = torch.optim.Adam([prototypes], lr=0.05)
    for _ in range(120):
        optimizer.zero_grad()
        relation_loss(prototypes, ALL, text).backward()
        optimizer.step()
    assert relations(prototypes.detach())[0, 1].item() == pytest.approx(0.8, abs=0.02)


def test_the_prototype_loss_pulls_to_the_memory_of_present_classes_only():
    memory = torch.tensor([[0.0, 4.0], [5.0, 0.0]], requires_grad=True)
    prototypes = torch.tensor([[0.0, 2.0], [0.0, 1.0]], requires_grad=True)
    first = torch.tensor([True, False])
    assert prototype_loss(prototypes, first, memory).item() == pytest.approx(0, abs=1e-6)
    loss = prototype_loss(prototypes, ALL, memory, temperature=1.0)
    # unit vectors (1, 0) and (0, 1): KL of (e, 1)/(e+1) from its mirror image, over two classes
    assert loss.item() == pytest.approx((math.e - 1) / (math.e + 1) / 2, rel=1e-5)
    loss.backward()
    assert memory.grad is None
    assert prototypes.grad[1].abs().sum() > 0
    assert prototype_loss(prototypes, ~ALL, memory).item() == 0


def test_pixels_score_names_by_their_cosine():
    pixels = torch.tensor([[3.0, 4.0], [0.0, 9.0]]).T.reshape(1, 2, 1, 2)
    found = pixel_text_logits(pixels, torch.tensor([[0.0, 7.0]]), temperature=0.5)
    torch.testing.assert_close(found, torch.tensor([[[[1.6, 2.0]]]]))


def test_errors():
    with pytest.raises(ConfigError, match="temperature must be positive"):
        relation_loss(torch.eye(2), ALL, torch.eye(2), temperature=0)
    with pytest.raises(ShapeError, match="2 prototypes need as many names and flags, got 3 and 2"):
        relation_loss(torch.eye(2), ALL, torch.eye(3))
    with pytest.raises(ShapeError, match="text must be"):
        pixel_text_logits(torch.zeros(1, 2, 1, 1), torch.zeros(2))
    with pytest.raises(ShapeError, match="a space of 2 axes, names in one of 3"):
        pixel_text_logits(torch.zeros(1, 2, 1, 1), torch.eye(3))
