"""Gates of the volume and of the refinement."""

from __future__ import annotations

import pytest
import torch

from thermoscope.core.errors import ConfigError
from thermoscope.layers.strip_attention import ChannelSpatialGate, StripAttention


def test_strips_reach_as_far_as_their_length_along_rows_and_columns_alone() -> None:
    torch.manual_seed(0)
    gate = StripAttention(1, 1, strips=(5,))
    guide = torch.zeros(1, 1, 11, 11)
    volume = torch.ones(1, 1, 11, 11)
    before = gate(volume, guide)
    guide[..., 5, 5] = 1.0
    changed = (gate(volume, guide) - before).abs() > 1e-7
    assert changed[0, 0, 3:8, 3:8].all()
    assert int(changed.sum()) == 25  # 1x5 after 5x1


def test_a_gate_multiplies_the_volume() -> None:
    gate = StripAttention(3, 4)
    guide = torch.randn(2, 3, 8, 9)
    assert gate(torch.zeros(2, 4, 8, 9), guide).abs().sum() == 0
    assert torch.allclose(
        gate(torch.full((2, 4, 8, 9), 2.0), guide), 2 * gate(torch.ones(2, 4, 8, 9), guide)
    )


def test_even_strips_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"strips must be odd lengths in px, got \(7, 10\)"):
        StripAttention(3, 4, strips=(7, 10))


def test_channel_and_spatial_gates_only_weaken() -> None:
    torch.manual_seed(0)
    gate = ChannelSpatialGate(8)
    x = torch.randn(2, 8, 6, 7)
    out = gate(x)
    assert out.shape == x.shape
    assert (out.abs() <= x.abs()).all()
    assert (out.abs().sum() > 0).item()
    with pytest.raises(ConfigError, match="reduction must be positive"):
        ChannelSpatialGate(8, reduction=0)
