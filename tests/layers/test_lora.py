import pytest
import torch
from torch import nn

from thermoscope.core.errors import ConfigError
from thermoscope.layers.lora import LoraLinear, add_lora, merge_lora
from thermoscope.models.anythermal import AnyThermal


def test_starts_as_the_layer_itself_and_computes_the_formula():
    layer = nn.Linear(6, 4)
    x = torch.randn(3, 6)
    lora = LoraLinear(layer, rank=2, alpha=4)
    assert torch.equal(lora(x), layer(x))
    with torch.no_grad():
        lora.up.normal_()
    expected = layer(x) + 2 * (x @ lora.down.T @ lora.up.T)
    torch.testing.assert_close(lora(x), expected)
    torch.testing.assert_close(lora.merged()(x), expected)


def test_on_a_backbone_only_the_updates_train_and_merging_changes_nothing():
    model = AnyThermal.tiny()
    names = list(model.state_dict())
    assert add_lora(model, ("q_proj", "v_proj"), rank=2) == 8
    trained = [n for n, p in model.named_parameters() if p.requires_grad]
    assert len(trained) == 16
    assert all(n.endswith((".down", ".up")) for n in trained)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith(".up"):
                parameter.normal_(std=0.1)
        x = torch.randn(1, 3, 28, 28)
        before = model(x).cls
        assert merge_lora(model) == 8
        torch.testing.assert_close(model(x).cls, before, atol=1e-5, rtol=1e-4)
    assert list(model.state_dict()) == names


def test_errors():
    with pytest.raises(ConfigError, match="exceeds the layer of 6 x 4"):
        LoraLinear(nn.Linear(6, 4), rank=5, alpha=1)
    with pytest.raises(ConfigError, match="rank"):
        LoraLinear(nn.Linear(6, 4), rank=0, alpha=1)
    with pytest.raises(ConfigError, match="no linear layer is called key"):
        add_lora(nn.Linear(3, 3), ("key",), rank=1)
