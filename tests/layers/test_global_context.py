"""Attention over all places: nothing at first, everything reaches everything later."""

from __future__ import annotations

import pytest
import torch

from thermoscope.core.errors import ConfigError
from thermoscope.layers.global_context import GlobalContext


def _awake() -> GlobalContext:
    torch.manual_seed(0)
    block = GlobalContext(8, heads=2)
    for parameter in block.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return block.eval()


def test_a_fresh_block_changes_nothing() -> None:
    x = torch.randn(2, 8, 3, 5)
    assert torch.equal(GlobalContext(8, heads=2)(x), x)


def test_every_place_hears_of_every_other() -> None:
    block, x = _awake(), torch.randn(1, 8, 6, 9)
    changed = x.clone()
    changed[..., 0, 0] += 3
    moved = (block(changed) - block(x)).abs().amax(dim=1)
    assert (moved > 1e-4).all()


def test_attention_equals_the_sum_written_out() -> None:
    block, x = _awake(), torch.randn(1, 8, 2, 3)
    rows = (x + block.position(x)).flatten(2)[0].T
    query, key, value = block.ask(block.before(rows)).chunk(3, dim=1)
    seen = torch.zeros_like(rows)
    for head in range(2):
        part = slice(4 * head, 4 * head + 4)
        for i in range(6):
            weights = torch.softmax(key[:, part] @ query[i, part] / 2, dim=0)  # 2 = sqrt(4)
            seen[i, part] = weights @ value[:, part]
    rows = rows + block.told(seen)
    hidden = torch.nn.functional.gelu(block.widen(block.after(rows)))
    rows = rows + block.narrow(hidden)
    torch.testing.assert_close(block(x)[0].flatten(1).T, rows, atol=1e-5, rtol=1e-5)


def test_all_its_weights_learn_after_one_step() -> None:
    block, x = GlobalContext(8, heads=2), torch.randn(1, 8, 4, 4)
    optimiser = torch.optim.SGD(block.parameters(), lr=0.1)
    for _ in range(3):
        optimiser.zero_grad()
        (block(x) - torch.randn(1, 8, 4, 4)).square().sum().backward()
        optimiser.step()
    grads = [p.grad for p in block.parameters()]
    assert all(g is not None and g.abs().sum() > 0 for g in grads)


@pytest.mark.parametrize("wrong", [{"channels": 9}, {"channels": 0}, {"heads": 0}])
def test_sizes_that_cannot_be(wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigError):
        GlobalContext(**{"channels": 8, "heads": 2, **wrong})
