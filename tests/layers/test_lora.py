import copy

import pytest
import torch
from torch import nn

from thermoscope.core.errors import ConfigError
from thermoscope.layers.lora import (
    FusedLora,
    LoraLinear,
    add_fused_lora,
    add_lora,
    lora_updates,
    merge_lora,
    select_lora,
)
from thermoscope.models.anythermal import AnyThermal


def stirred(network):
    """Every update away from its start at zero."""
    with torch.no_grad():
        for update in lora_updates(network):
            update.up.normal_(std=0.1)
    return network


def test_starts_as_the_layer_itself_and_computes_the_formula():
    layer = nn.Linear(6, 4)
    x = torch.randn(3, 6)
    lora = LoraLinear(layer, rank=2, alpha=4)
    assert torch.equal(lora(x), layer(x))
    update = stirred(lora).updates[0]
    expected = layer(x) + 2 * (x @ update.down.T @ update.up.T)
    torch.testing.assert_close(lora(x), expected)
    torch.testing.assert_close(lora.change(), 2 * update.up @ update.down)


def test_on_a_backbone_only_the_updates_train_and_merging_changes_nothing():
    model = AnyThermal.tiny()
    names = list(model.state_dict())
    assert add_lora(model, ("q_proj", "v_proj"), rank=2) == 8
    trained = [n for n, p in model.named_parameters() if p.requires_grad]
    assert len(trained) == 16
    assert all(n.endswith((".down", ".up")) for n in trained)
    stirred(model)
    with torch.no_grad():
        x = torch.randn(1, 3, 28, 28)
        before = model(x).cls
        assert merge_lora(model) == 8
        torch.testing.assert_close(model(x).cls, before, atol=1e-5, rtol=1e-4)
    assert list(model.state_dict()) == names


def test_a_fused_layer_changes_all_of_q_and_v_and_nothing_of_k():
    """Where a stage changes, 4 inputs become 8 queries: the update must be 8 wide, not 4."""
    layer = nn.Linear(4, 24)
    x = torch.randn(5, 4)
    lora = FusedLora(layer, rank=2, alpha=2)
    assert torch.equal(lora(x), layer(x))
    moved = (stirred(lora)(x) - layer(x)).abs().amin(dim=0) > 0
    assert moved.tolist() == [True] * 8 + [False] * 8 + [True] * 8


def test_a_merged_fused_layer_computes_the_same():
    network = nn.ModuleDict({"qkv": nn.Linear(4, 12)})
    assert add_fused_lora(network, "qkv", rank=3, alpha=6) == 1
    x = torch.randn(2, 4)
    with torch.no_grad():
        before = stirred(network)["qkv"](x)
        assert merge_lora(network) == 1
        assert isinstance(network["qkv"], nn.Linear)
        torch.testing.assert_close(network["qkv"](x), before)


def test_each_input_may_have_an_update_of_its_own():
    network = nn.ModuleDict({"q_proj": nn.Linear(4, 4), "qkv": nn.Linear(4, 6)})
    add_fused_lora(network, "qkv", rank=2, sets=2)
    add_lora(network, ("q_proj",), rank=2, sets=2)
    assert len(lora_updates(network)) == 6
    stirred(network)
    x = torch.randn(3, 4)
    with torch.no_grad():
        first = [network[name](x) for name in network]
        select_lora(network, 1)
        second = [network[name](x) for name in network]
        merged = copy.deepcopy(network)
        merge_lora(merged)
        again = [merged[name](x) for name in merged]
    for one, two, three in zip(first, second, again, strict=True):
        assert not torch.allclose(one, two, atol=1e-3)
        torch.testing.assert_close(two, three)


def test_a_shared_update_stays_whatever_is_selected():
    network = nn.ModuleDict({"q_proj": nn.Linear(4, 4)})
    add_lora(network, ("q_proj",), rank=2)
    select_lora(network, 1)
    assert network["q_proj"].active == 0


def test_errors():
    with pytest.raises(ConfigError, match="exceeds the layer of 6 x 4"):
        LoraLinear(nn.Linear(6, 4), rank=5, alpha=1)
    with pytest.raises(ConfigError, match="rank"):
        LoraLinear(nn.Linear(6, 4), rank=0, alpha=1)
    with pytest.raises(ConfigError, match="sets must be positive"):
        LoraLinear(nn.Linear(6, 4), rank=1, sets=0)
    with pytest.raises(ConfigError, match="no linear layer is called key"):
        add_lora(nn.Linear(3, 3), ("key",), rank=1)
    with pytest.raises(ConfigError, match="3 n outputs, got 4"):
        FusedLora(nn.Linear(6, 4), rank=1)
