"""A trained network inside a deeper one: the same answers, and every new weight can learn."""

from __future__ import annotations

import pytest
import torch

from thermoscope.core.errors import ConfigError
from thermoscope.models.growth import grow_into
from thermoscope.models.load import load_model
from thermoscope.models.thermostereort import (
    ThermoStereoRT,
    thermostereort_base,
    thermostereort_tiny,
)

SMALL = {
    "max_disparity_px": 32,
    "widths": (16, 16, 24),
    "volume_widths": (16, 16, 24),
    "expansion": 2,
    "match_width": 16,
    "strips": (5,),
    "refine_width": 16,
}


def _network(depth: int, *, context_blocks: int = 0, **changes: object) -> ThermoStereoRT:
    settings = {**SMALL, "blocks": (depth,) * 3, "volume_blocks": (depth,) * 3, **changes}
    return ThermoStereoRT(context_blocks=context_blocks, **settings)


@pytest.fixture
def views() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    left, right = torch.randn(2, 1, 1, 48, 64)
    return left, right


def test_the_larger_one_answers_the_same(views: tuple) -> None:
    small, large = thermostereort_tiny(seed=3), _network(3, context_blocks=2)
    for norm in small.modules():
        if isinstance(norm, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(norm.running_mean)
            torch.nn.init.normal_(norm.weight)
    grow_into(large, small)
    with torch.inference_mode():
        expected, found = small.eval()(*views), large.eval()(*views)
    assert sum(p.numel() for p in large.parameters()) > sum(p.numel() for p in small.parameters())
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_the_shipped_network_fits_into_the_base_one(views: tuple) -> None:
    small, large = load_model("thermostereort_fast"), thermostereort_base()
    grow_into(large, small)
    with torch.inference_mode():
        assert torch.allclose(large.eval()(*views)[0], small(*views)[0], atol=1e-4)


def test_new_blocks_learn(views: tuple) -> None:
    large = _network(2, context_blocks=1)
    grow_into(large, thermostereort_tiny())
    large.train()
    optimiser = torch.optim.Adam(large.parameters(), lr=1e-2)
    before = {name: p.detach().clone() for name, p in large.named_parameters()}
    for _ in range(3):
        optimiser.zero_grad()
        (large.compute(*views).disparity - 7).square().mean().backward()
        optimiser.step()
    new = [
        name
        for name, p in large.named_parameters()
        if (".1.body" in name or ".context." in name) and torch.equal(p, before[name])
    ]
    assert not new


def test_a_network_that_does_not_fit_is_told() -> None:
    with pytest.raises(ConfigError, match="does not fit"):
        grow_into(_network(2, widths=(16, 24, 24)), thermostereort_tiny())
    with pytest.raises(ConfigError, match="nowhere deeper"):
        grow_into(thermostereort_tiny(), _network(2))
