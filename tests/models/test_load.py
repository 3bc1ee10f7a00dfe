import pytest
import torch
from tests.fakes.tiny_weights import write_tiny_backbone
from tests.reference.dinov2_plain import random_state

from thermoscope.core.errors import (
    ConfigError,
    ReadError,
    UnknownNameError,
    WeightsMismatchError,
    WriteError,
)
from thermoscope.models.anythermal import AnyThermal
from thermoscope.models.load import BUILDERS, list_models, load_model


def test_what_was_written_is_loaded(tmp_path):
    card = write_tiny_backbone(tmp_path)
    model = load_model("anythermal_tiny", folder=tmp_path)
    assert model.card == card
    assert not model.training
    x = torch.randn(1, 3, 28, 28)
    with torch.no_grad():
        torch.testing.assert_close(model(x).cls, AnyThermal.tiny()(x).cls, atol=0.02, rtol=0.02)


def test_names(tmp_path):
    write_tiny_backbone(tmp_path)
    assert list_models(tmp_path) == ["anythermal_base", "anythermal_tiny"]
    with pytest.raises(UnknownNameError, match="Did you mean 'anythermal_tiny'"):
        load_model("anythermal_tini", folder=tmp_path)


@pytest.mark.parametrize("folder", ["absent", "unfinished"])
def test_a_folder_without_weights_is_named(tmp_path, folder):
    (tmp_path / "unfinished").mkdir()
    (tmp_path / "unfinished" / "config.yaml").write_text("loop: {steps: 3}")
    with pytest.raises(ReadError, match=f"no weights in .*{folder}"):
        load_model("anythermal_tiny", folder=tmp_path / folder)


def test_models_with_weights_of_others(tmp_path):
    torch.save(random_state(32, 4, 16, seed=1), tmp_path / "a.pth")
    assert load_model("anythermal_base", source=tmp_path / "a.pth").width == 32
    with pytest.raises(ConfigError, match="needs a source"):
        load_model("anythermal_base")
    write_tiny_backbone(tmp_path)
    with pytest.raises(ConfigError, match="has its own weights"):
        load_model("anythermal_tiny", source="x", folder=tmp_path)


def test_tampered_weights_are_refused(tmp_path):
    write_tiny_backbone(tmp_path)
    tensors = tmp_path / "anythermal_tiny.safetensors"
    data = bytearray(tensors.read_bytes())
    data[-1] ^= 1
    tensors.write_bytes(data)
    with pytest.raises(WeightsMismatchError, match="SHA-256"):
        load_model("anythermal_tiny", folder=tmp_path)


def test_card_of_an_unknown_network(tmp_path):
    write_tiny_backbone(tmp_path)
    card = tmp_path / "anythermal_tiny.yaml"
    card.write_text(card.read_text().replace("model: anythermal", "model: nothing"))
    with pytest.raises(UnknownNameError, match="unknown network 'nothing'"):
        load_model("anythermal_tiny", folder=tmp_path)


def test_unwritable_folder(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(WriteError, match="cannot make the folder"):
        write_tiny_backbone(tmp_path / "file" / "x")


@pytest.mark.parametrize("place", sorted(BUILDERS.values()))
def test_every_builder_exists(place):
    from importlib import import_module

    module, entry = place.split(":")
    assert callable(getattr(import_module(module), entry))
