"""Weights as users meet them: a safetensors file, a card beside it, and strict loading.

A card (``<name>.yaml``) states what goes in (`InputSpec`), what the weights were trained on and
under which licence, the command that made them, their scores and the SHA-256 of the tensors.
Nothing is ever unpickled. What is NOT here: the networks, and tone mapping itself (the spec is
data; `thermoscope.sensor.tone` applies it).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from thermoscope.core.config import read_config, write_config
from thermoscope.core.errors import (
    ConfigError,
    ReadError,
    UnknownNameError,
    WeightsMismatchError,
)
from thermoscope.core.files import atomic_write, make_folder, sha256_of

if TYPE_CHECKING:
    import torch

__all__ = [
    "InputSpec",
    "TrainingSource",
    "WeightsCard",
    "check_state",
    "find_weights",
    "list_weights",
    "load_state",
    "load_weights",
    "write_weights",
]

BUNDLED = Path(__file__).resolve().parent.parent / "weights"
SHA256_LENGTH = 64
UNWRITTEN = "unwritten"
RUN_SETTINGS = "config"  # config.yaml: what a training run was asked for lies beside its weights


@dataclass(frozen=True)
class InputSpec:
    """What a network takes: preprocessing belongs to the weights.

    Attributes:
        kind: ``"counts"`` (linear, uint16), ``"kelvin"``, ``"agc"`` (8 bit) or ``"rgb"``.
        tone: Tone mapping as the plain dict of a `ToneSpec`; empty for none.
        mean: Subtracted after tone mapping to [0, 1], one per channel.
        std: Divided by after that, one per channel.
        size_multiple_px: Height and width must be multiples of this.
    """

    kind: Literal["counts", "kelvin", "agc", "rgb"]
    tone: Mapping[str, Any] = field(default_factory=dict)
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    size_multiple_px: int = 1

    def __post_init__(self) -> None:
        if len(self.mean) != len(self.std) or not self.mean:
            raise ConfigError(
                f"input spec needs one mean and one std per channel, got {len(self.mean)} "
                f"and {len(self.std)}."
            )
        if min(self.std) <= 0 or self.size_multiple_px < 1:
            raise ConfigError("input spec: std must be positive and size_multiple_px at least 1.")


@dataclass(frozen=True)
class TrainingSource:
    """A data set or teacher that went into weights.

    Attributes:
        name: As in `list_datasets`, or of the teacher.
        licence: SPDX id, or ``"unstated"``.
        use: What for: "distillation", "pre-training" ...
    """

    name: str
    licence: str
    use: str


@dataclass(frozen=True)
class WeightsCard:
    """What a user must know before trusting weights.

    Attributes:
        name: ``<model>`` or ``<model>.<tag>``.
        model: Name of the network's entry function.
        text: What it does, in a sentence.
        licence: Of the weights, SPDX id.
        sha256: Of the safetensors file; ``"unwritten"`` before `write_weights`.
        input_spec: Preprocessing.
        sources: Data sets and teachers with their licences.
        command: The one command that makes these weights again.
        seed: Of that command.
        scores: Metric to value, on the split named in `protocol`.
        protocol: Data, split and rules behind `scores`.
        arguments: Keyword arguments of the model's entry function.
    """

    name: str
    model: str
    text: str
    licence: str
    sha256: str
    input_spec: InputSpec
    sources: tuple[TrainingSource, ...]
    command: str
    seed: int
    scores: dict[str, float]
    protocol: str
    arguments: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.sha256 == UNWRITTEN:
            return
        if len(self.sha256) != SHA256_LENGTH or not set(self.sha256) <= set("0123456789abcdef"):
            raise ConfigError(f"card {self.name!r}: sha256 must be 64 hex digits.")


def list_weights(folder: str | Path | None = None) -> list[str]:
    """Names of the weights at hand, sorted.

    Args:
        folder: Where to look; the bundled weights and `THERMOSCOPE_WEIGHTS` if None.
    """
    cards = {card.stem for root in _roots(folder) for card in root.glob("*.yaml")}
    return sorted(cards - {RUN_SETTINGS})


def _roots(folder: str | Path | None) -> list[Path]:
    if folder is not None:
        return [Path(folder)]
    named = os.environ.get("THERMOSCOPE_WEIGHTS")
    return [*([Path(named)] if named else []), BUNDLED]


def find_weights(name: str, *, folder: str | Path | None = None) -> tuple[WeightsCard, Path]:
    """Card and tensor file of the weights called `name`, hash not yet checked.

    Raises:
        UnknownNameError: No card of that name.
        ReadError: The card is there and its safetensors file is not.
        ConfigError: The card is not a valid card, or of another name.
    """
    for root in _roots(folder):
        path = root / f"{name}.yaml"
        if Path(name).name != name or not path.is_file():
            continue
        card = read_config(WeightsCard, path)
        if card.name != name:
            raise ConfigError(f"{path} is the card of {card.name!r}. Rename the file or the card.")
        tensors = path.with_suffix(".safetensors")
        if not tensors.is_file():
            raise ReadError(
                f"{tensors} is missing beside its card. Copy it there, or make it again with: "
                f"{card.command}",
                path=tensors,
            )
        return card, tensors
    raise UnknownNameError(
        "weights", name, list_weights(folder), listing="thermoscope.list_weights()"
    )


def load_state(path: str | Path, *, sha256: str | None = None) -> dict[str, torch.Tensor]:
    """Tensors of a safetensors file by name, on the CPU.

    Args:
        path: The file.
        sha256: Expected hash; not checked if None.

    Raises:
        ReadError: No such file, or not a valid safetensors file.
        WeightsMismatchError: The hash differs: the file is not the one that the card describes.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    file = Path(path)
    if not file.is_file():
        raise ReadError(f"no weights file at {file}.", path=file)
    if sha256 is not None and (actual := sha256_of(file)) != sha256:
        raise WeightsMismatchError(
            f"{file.name} has SHA-256 {actual[:12]}..., its card says {sha256[:12]}.... "
            "The file is damaged or of another version: fetch it again."
        )
    try:
        return dict(load_file(file))
    except (SafetensorError, OSError, ValueError, KeyError) as err:
        raise ReadError(f"{file} is not a valid safetensors file: {err}.", path=file) from err


def check_state(module: torch.nn.Module, state: Mapping[str, torch.Tensor], *, name: str) -> None:
    """Compare names and shapes of `state` with those of `module`.

    Raises:
        WeightsMismatchError: Missing, unexpected or differently shaped tensors, all listed.
    """
    wanted = {k: tuple(v.shape) for k, v in module.state_dict().items()}
    missing = sorted(wanted.keys() - state.keys())
    unexpected = sorted(state.keys() - wanted.keys())
    wrong = [
        f"{key} {tuple(state[key].shape)} instead of {shape}"
        for key, shape in sorted(wanted.items())
        if key in state and tuple(state[key].shape) != shape
    ]
    if not missing and not unexpected and not wrong:
        return
    parts = [
        f"{label}: {_shorten(keys)}"
        for label, keys in (("missing", missing), ("unexpected", unexpected), ("shape", wrong))
        if keys
    ]
    raise WeightsMismatchError(
        f"weights {name!r} do not fit {type(module).__name__}; {'; '.join(parts)}. "
        "Use the model that the card names.",
        missing=missing,
        unexpected=unexpected,
        wrong_shape=wrong,
    )


def _shorten(keys: list[str], most: int = 8) -> str:
    rest = f" and {len(keys) - most} more" if len(keys) > most else ""
    return ", ".join(keys[:most]) + rest


def load_weights(
    module: torch.nn.Module, name: str, *, folder: str | Path | None = None
) -> WeightsCard:
    """Fill `module` with the weights called `name`: hash, names and shapes are all checked first.

    Half-precision files fill single-precision networks. `module` is untouched on any error.

    Returns:
        The card.

    Raises:
        UnknownNameError: No such weights.
        ReadError: A file is absent or not safetensors.
        WeightsMismatchError: Wrong hash, names or shapes.
    """
    card, path = find_weights(name, folder=folder)
    state = load_state(path, sha256=card.sha256)
    check_state(module, state, name=name)
    module.load_state_dict(state, strict=True)
    return card


def write_weights(
    module: torch.nn.Module, card: WeightsCard, folder: str | Path
) -> tuple[WeightsCard, Path]:
    """Write ``<name>.safetensors`` in half precision, and the card beside it with its hash.

    Args:
        module: Whose state is written, on any device.
        card: Everything but the hash, which is filled in here.
        folder: Made if absent.

    Returns:
        The card as written, and the path of the tensors.

    Raises:
        WriteError: The folder cannot be written.
    """
    from safetensors.torch import save

    target = make_folder(folder) / f"{card.name}.safetensors"
    state = {
        name: (value.half() if value.is_floating_point() else value).detach().cpu().contiguous()
        for name, value in module.state_dict().items()
    }
    with atomic_write(target) as stream:
        stream.write(save(state))
    written = replace(card, sha256=sha256_of(target))
    write_config(written, target.with_suffix(".yaml"))
    return written, target
