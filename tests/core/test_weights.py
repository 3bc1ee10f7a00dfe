from __future__ import annotations

import dataclasses

import pytest
import torch
from safetensors.torch import save_file

from thermoscope.core.config import write_config
from thermoscope.core.errors import (
    ConfigError,
    ReadError,
    UnknownNameError,
    WeightsMismatchError,
)
from thermoscope.core.files import sha256_of
from thermoscope.core.weights import (
    InputSpec,
    TrainingSource,
    WeightsCard,
    find_weights,
    list_weights,
    load_state,
    load_weights,
)


def network() -> torch.nn.Module:
    return torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Linear(2, 1))


@pytest.fixture
def shipped(tmp_path):
    """A folder with one card and its tensors, and the network they came from."""
    torch.manual_seed(0)
    module = network()
    tensors = {k: v.half() for k, v in module.state_dict().items()}
    save_file(tensors, tmp_path / "tiny.safetensors")
    card = WeightsCard(
        name="tiny",
        model="tiny",
        text="For tests.",
        licence="Apache-2.0",
        sha256=sha256_of(tmp_path / "tiny.safetensors"),
        input_spec=InputSpec(kind="counts", tone={"method": "percentile"}),
        sources=(TrainingSource("scenes", "Apache-2.0", "training"),),
        command="thermoscope train tiny",
        seed=1,
        scores={"miou": 0.5},
        protocol="scenes val",
    )
    write_config(card, tmp_path / "tiny.yaml")
    return tmp_path, module, card


def test_half_precision_file_fills_a_float_network(shipped):
    folder, module, card = shipped
    other = network()
    assert load_weights(other, "tiny", folder=folder) == card
    for key, value in other.state_dict().items():
        assert value.dtype == torch.float32
        torch.testing.assert_close(value, module.state_dict()[key], atol=1e-3, rtol=0)


def test_listing_and_unknown_name(shipped):
    folder, _, _ = shipped
    assert list_weights(folder) == ["tiny"]
    with pytest.raises(UnknownNameError, match="unknown weights 'tyny'. Did you mean 'tiny'"):
        find_weights("tyny", folder=folder)


def test_variable_adds_a_folder(shipped, monkeypatch):
    folder, _, _ = shipped
    monkeypatch.setenv("THERMOSCOPE_WEIGHTS", str(folder))
    assert "tiny" in list_weights()


def test_a_path_is_not_a_name(shipped):
    folder, _, _ = shipped
    with pytest.raises(UnknownNameError):
        find_weights("../" + folder.name + "/tiny", folder=folder)


def test_changed_tensors_are_noticed_and_nothing_is_loaded(shipped):
    folder, _, _ = shipped
    file = folder / "tiny.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    module = network()
    before = [p.clone() for p in module.parameters()]
    with pytest.raises(WeightsMismatchError, match=r"has SHA-256 .*its card says"):
        load_weights(module, "tiny", folder=folder)
    assert all(torch.equal(a, b) for a, b in zip(before, module.parameters(), strict=True))


def test_mismatch_lists_every_name(shipped):
    folder, _, _ = shipped
    module = torch.nn.Sequential(torch.nn.Linear(4, 2), torch.nn.ReLU(), torch.nn.Linear(2, 1))
    with pytest.raises(WeightsMismatchError) as caught:
        load_weights(module, "tiny", folder=folder)
    assert caught.value.missing == ("2.bias", "2.weight")
    assert caught.value.unexpected == ("1.bias", "1.weight")
    assert caught.value.wrong_shape == ("0.weight (2, 3) instead of (2, 4)",)
    assert "missing: 2.bias, 2.weight; unexpected: 1.bias" in str(caught.value)


def test_card_without_tensors(shipped):
    folder, _, _ = shipped
    (folder / "tiny.safetensors").unlink()
    with pytest.raises(ReadError, match="make it again with: thermoscope train tiny"):
        find_weights("tiny", folder=folder)


@pytest.mark.parametrize("content", [b"", b"\xff" * 8, b"\x08\0\0\0\0\0\0\0{broken}"])
def test_damaged_safetensors(tmp_path, content):
    (tmp_path / "x.safetensors").write_bytes(content)
    with pytest.raises(ReadError, match="not a valid safetensors file"):
        load_state(tmp_path / "x.safetensors")


def test_pickle_is_never_executed(tmp_path):
    torch.save({"a": torch.zeros(1)}, tmp_path / "x.safetensors")
    with pytest.raises(ReadError, match="not a valid safetensors file"):
        load_state(tmp_path / "x.safetensors")


def test_renamed_card(shipped):
    folder, _, _ = shipped
    (folder / "tiny.yaml").rename(folder / "other.yaml")
    with pytest.raises(ConfigError, match="is the card of 'tiny'"):
        find_weights("other", folder=folder)


def test_cards_and_specs_are_checked(shipped):
    _, _, card = shipped
    with pytest.raises(ConfigError, match="sha256 must be 64 hex digits"):
        dataclasses.replace(card, sha256="abc")
    with pytest.raises(ConfigError, match="one mean and one std per channel"):
        InputSpec(kind="rgb", mean=(0.5, 0.5))
    with pytest.raises(ConfigError, match="std must be positive"):
        InputSpec(kind="rgb", std=(0.0,))
