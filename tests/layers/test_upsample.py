"""Learned upsampling: weights decide, borders repeat."""

from __future__ import annotations

import pytest
import torch

from thermoscope.core.errors import ShapeError
from thermoscope.layers.upsample import NEIGHBOURS, upsample_by_weights


def test_all_weight_on_the_middle_repeats_each_pixel() -> None:
    coarse = torch.tensor([[1.0, 2.0], [3.0, 4.0]])[None, None]
    logits = torch.zeros(1, NEIGHBOURS * 4, 2, 2)
    logits[:, 4 * 4 : 5 * 4] = 100.0
    fine = upsample_by_weights(coarse, logits, factor=2)
    assert fine[0, 0].tolist() == [[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]]


def test_weight_on_the_left_neighbour_takes_it_and_repeats_the_border() -> None:
    coarse = torch.tensor([[1.0, 2.0, 5.0]])[None, None]
    logits = torch.zeros(1, NEIGHBOURS, 1, 3)
    logits[:, 3] = 100.0  # second row, first column of the neighbourhood
    assert upsample_by_weights(coarse, logits, factor=1)[0, 0].tolist() == [[1.0, 1.0, 2.0]]


def test_equal_weights_keep_a_constant_and_stay_within_the_neighbours() -> None:
    torch.manual_seed(0)
    constant = upsample_by_weights(
        torch.full((2, 1, 3, 4), 7.0), torch.randn(2, 9 * 16, 3, 4), factor=4
    )
    assert constant.shape == (2, 1, 12, 16)
    assert torch.allclose(constant, torch.tensor(7.0))
    coarse = torch.rand(1, 1, 3, 4)
    fine = upsample_by_weights(coarse, 5 * torch.randn(1, 9 * 16, 3, 4), factor=4)
    assert coarse.min() - 1e-6 <= fine.min() <= fine.max() <= coarse.max() + 1e-6


def test_half_precision_is_computed_in_single() -> None:
    fine = upsample_by_weights(
        torch.full((1, 1, 2, 2), 33.3, dtype=torch.bfloat16),
        torch.zeros(1, 9, 2, 2, dtype=torch.bfloat16),
        factor=1,
    )
    assert fine.dtype == torch.float32


def test_wrong_number_of_weights_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"logits \(B, 36, h, w\) for a factor of 2"):
        upsample_by_weights(torch.zeros(1, 1, 2, 2), torch.zeros(1, 9, 2, 2), factor=2)
