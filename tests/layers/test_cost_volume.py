"""Correlation volumes against a triple loop, and what is read from them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from thermoscope.core.errors import ConfigError, ShapeError
from thermoscope.layers.cost_volume import (
    correlation_volume,
    expected_bin,
    peak_share,
    sample_volume,
    unit_channels,
)


def by_loops(left: Tensor, right: Tensor, bins: int, first: int, groups: int) -> Tensor:
    batch, channels, height, width = left.shape
    volume = torch.zeros(batch, groups, bins, height, width)
    for group in range(groups):
        part = slice(group * channels // groups, (group + 1) * channels // groups)
        for k in range(bins):
            for x in range(width):
                if 0 <= x - first - k < width:
                    product = left[:, part, :, x] * right[:, part, :, x - first - k]
                    volume[:, group, k, :, x] = product.sum(dim=1)
    return volume.flatten(1, 2)


@pytest.mark.parametrize(
    ("bins", "first", "groups"), [(5, 0, 1), (6, -3, 2), (4, 2, 2), (3, -6, 4), (12, 0, 1)]
)
def test_volume_equals_a_loop_over_every_pixel(bins: int, first: int, groups: int) -> None:
    torch.manual_seed(0)
    left, right = torch.randn(2, 4, 3, 9), torch.randn(2, 4, 3, 9)
    volume = correlation_volume(left, right, bins=bins, first_bin=first, groups=groups)
    assert torch.allclose(volume, by_loops(left, right, bins, first, groups), atol=1e-5)


def test_volume_peaks_at_the_true_disparity_and_has_a_gradient() -> None:
    torch.manual_seed(0)
    right = unit_channels(torch.randn(1, 8, 4, 20)).requires_grad_()
    left = torch.nn.functional.pad(right, (3, 0))[..., :20]  # moved right by 3
    volume = correlation_volume(left.detach(), right, bins=6)
    assert (volume.argmax(dim=1)[:, :, 6:] == 3).all()
    volume.sum().backward()
    assert right.grad is not None
    assert right.grad.abs().sum() > 0


def test_bad_views_are_refused() -> None:
    view = torch.zeros(1, 4, 3, 9)
    with pytest.raises(ShapeError, match=r"left and right must both be \(B, C, H, W\)"):
        correlation_volume(view, view[..., :8], bins=2)
    with pytest.raises(ConfigError, match="4 channels cannot be split into 3 groups"):
        correlation_volume(view, view, bins=2, groups=3)
    with pytest.raises(ConfigError, match="bins must be positive"):
        correlation_volume(view, view, bins=0)


def test_expected_bin_of_two_equal_peaks_lies_between() -> None:
    probability = torch.tensor([0.0, 0.5, 0.0, 0.5]).view(1, 4, 1, 1)
    assert expected_bin(probability).item() == 2.0
    assert expected_bin(probability.to(torch.bfloat16)).dtype == torch.float32


def test_sampling_interpolates_and_is_zero_outside() -> None:
    volume = torch.tensor([10.0, 20.0, 40.0]).view(1, 1, 3, 1, 1)
    near = sample_volume(volume, torch.full((1, 1, 1, 1), 0.5), radius=1)
    assert near.flatten().tolist() == [5.0, 15.0, 30.0]  # places -0.5, 0.5, 1.5
    assert sample_volume(volume, torch.full((1, 1, 1, 1), 7.0), radius=0).item() == 0.0


def test_peak_share_is_one_for_a_peak_and_low_for_a_flat_distribution() -> None:
    sharp = torch.tensor([0.0, 0.5, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0]).view(1, 8, 1, 1)
    flat = torch.full((1, 8, 1, 1), 1 / 8)
    place = torch.full((1, 1, 1, 1), 1.5)
    assert peak_share(sharp, place).item() == pytest.approx(1.0)
    assert peak_share(flat, place).item() == pytest.approx(2 / 8 / 0.75)
    assert peak_share(sharp, torch.full((1, 1, 1, 1), 6.0)).item() == 0.0
