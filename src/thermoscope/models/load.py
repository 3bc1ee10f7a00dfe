"""`load_model`: a name to a network ready to use.

The name is that of a weights card (``anythermal_small``), or a model whose weights come from
elsewhere (``anythermal_base`` with `source`). What is NOT here: the networks themselves, each of
which is registered below under the name that its cards give as ``model``.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from torch import nn

from thermoscope.core.errors import ConfigError, ReadError, UnknownNameError
from thermoscope.core.weights import WeightsCard, find_weights, list_weights, load_weights

__all__ = ["BUILDERS", "list_models", "load_model"]

BUILDERS: dict[str, str] = {  # model of a card -> where its builder is
    "anythermal": "thermoscope.models.anythermal:AnyThermal",
    "anythermal_place": "thermoscope.models.place:build",
    "anythermal_depth": "thermoscope.models.dense_heads:build_depth",
    "anythermal_segmentation": "thermoscope.models.dense_heads:build_segmentation",
    "sartm": "thermoscope.models.sartm:build_sartm",
    "thermostereort": "thermoscope.models.thermostereort:ThermoStereoRT",
}
OUTSIDE = {  # models that ship without weights -> what to fetch
    "anythermal_base": "the AnyThermal backbone of its authors (86 M parameters)",
}


def list_models(folder: str | Path | None = None) -> list[str]:
    """Names that `load_model` takes, sorted: all weights, and models whose weights you bring.

    Args:
        folder: Where to look for cards; the bundled weights and `THERMOSCOPE_WEIGHTS` if None.
    """
    return sorted({*list_weights(folder), *OUTSIDE})


def load_model(
    name: str, *, source: str | Path | None = None, folder: str | Path | None = None
) -> Any:
    """The network called `name`, in eval mode on the CPU, its weights checked.

    Args:
        name: One of `list_models`.
        source: For ``anythermal_base``: the authors' ``.pth`` checkpoint, a folder with DINOv2, or
            DINOv2's name on the hub (``facebook/dinov2-base``).
        folder: Where to look for cards; the bundled weights and `THERMOSCOPE_WEIGHTS` if None.

    Returns:
        The network; ``.card`` is its `WeightsCard` (None with `source`).

    Raises:
        UnknownNameError: No such model.
        ConfigError: `source` is missing where it is needed, or given where it is not.
        ReadError: No weights in `folder`, or a weights file is absent or damaged.
        WeightsMismatchError: Weights that do not fit the network or their card.
    """
    if name in OUTSIDE:
        return _from_source(name, source)
    if folder is not None and not list_weights(folder):
        raise ReadError(
            f"there are no weights in {folder}. Name the folder that a finished run wrote into.",
            path=Path(folder),
        )
    if name not in list_weights(folder):
        raise UnknownNameError("model", name, list_models(folder), listing="thermoscope models")
    if source is not None:
        raise ConfigError(f"{name!r} has its own weights; source is for {', '.join(OUTSIDE)}.")
    card, _ = find_weights(name, folder=folder)
    network = _builder(card)(**card.arguments)
    load_weights(network, name, folder=folder)
    network.eval().card = card  # type: ignore[assignment]  # every model has the attribute
    return network


def _builder(card: WeightsCard) -> Callable[..., nn.Module]:
    if card.model not in BUILDERS:
        raise UnknownNameError("network", card.model, BUILDERS)
    module, entry = BUILDERS[card.model].split(":")
    builder: Callable[..., nn.Module] = getattr(import_module(module), entry)
    return builder


def _from_source(name: str, source: str | Path | None) -> nn.Module:
    from thermoscope.models.anythermal import (
        ANYTHERMAL_URL,
        read_dinov2,
        read_released_checkpoint,
    )

    if source is None:
        raise ConfigError(
            f"{name!r} needs a source: {OUTSIDE[name]}. Fetch the .pth file from {ANYTHERMAL_URL} "
            "and give its path, or give a folder or hub name of DINOv2, "
            "such as facebook/dinov2-base."
        )
    is_file = Path(source).is_file() or Path(source).suffix in (".pth", ".pt")
    return read_released_checkpoint(source) if is_file else read_dinov2(source)
