"""LoRA: a frozen linear layer plus a trained update of low rank, mergeable afterwards.

``y = W x + b + (alpha / rank) * B A x`` with A of shape (rank, inputs) and B of (outputs, rank);
B starts at zero, so the network starts unchanged. A layer may carry several updates, one for each
kind of input, of which `select_lora` makes one the active. `FusedLora` is for the layer that
computes queries, keys and values at once: it updates queries and values, at their true width.

Source: Hu et al., LoRA: Low-Rank Adaptation of Large Language Models, arXiv 2106.09685.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

from thermoscope.core.checks import check_positive
from thermoscope.core.errors import ConfigError

__all__ = [
    "FusedLora",
    "LoraLinear",
    "LowRank",
    "add_fused_lora",
    "add_lora",
    "lora_updates",
    "merge_lora",
    "select_lora",
]


class LowRank(nn.Module):
    """The update itself, apart from the layer that it changes.

    Args:
        inputs: Of the layer.
        outputs: Of the layer, or of the part of it that changes.
        rank: Of the update, > 0.
        alpha: Strength of the update is ``alpha / rank``.

    Raises:
        ConfigError: `rank` is not positive or exceeds the layer.
    """

    def __init__(self, inputs: int, outputs: int, *, rank: int, alpha: float) -> None:
        super().__init__()
        check_positive(rank, name="rank")
        if rank > min(inputs, outputs):
            raise ConfigError(f"rank {rank} exceeds the layer of {inputs} x {outputs}.")
        self.scale = alpha / rank
        self.down = nn.Parameter(torch.empty(rank, inputs))
        self.up = nn.Parameter(torch.zeros(outputs, rank))
        nn.init.kaiming_uniform_(self.down, a=math.sqrt(5))

    def forward(self, x: Tensor) -> Tensor:
        """(..., inputs) to (..., outputs), to be added."""
        return functional.linear(functional.linear(x, self.down), self.up) * self.scale

    def matrix(self) -> Tensor:
        """(outputs, inputs), what it adds to the weight."""
        return self.up @ self.down * self.scale


def _several(
    sets: int, inputs: int, outputs: int, *, rank: int, alpha: float | None
) -> nn.ModuleList:
    check_positive(sets, name="sets")
    strength = rank if alpha is None else alpha
    return nn.ModuleList(LowRank(inputs, outputs, rank=rank, alpha=strength) for _ in range(sets))


class LoraLinear(nn.Module):
    """A linear layer with a low-rank update.

    Args:
        base: The layer; frozen here.
        rank: Of the update, > 0.
        alpha: Strength of the update is ``alpha / rank``; `rank` if None, which is a factor of 1.
        sets: Updates to choose from.

    Attributes:
        active: Index of the update that counts.

    Raises:
        ConfigError: `rank` is not positive or exceeds the layer, or no set.
    """

    def __init__(
        self, base: nn.Linear, *, rank: int, alpha: float | None = None, sets: int = 1
    ) -> None:
        super().__init__()
        inputs, outputs = base.in_features, base.out_features
        self.updates = _several(sets, inputs, outputs, rank=rank, alpha=alpha)
        self.base = base.requires_grad_(False)
        self.active = 0

    def forward(self, x: Tensor) -> Tensor:
        """(..., inputs) to (..., outputs)."""
        found: Tensor = self.base(x) + self.updates[self.active](x)
        return found

    def change(self) -> Tensor:
        """(outputs, inputs) that the active update adds to the weight."""
        update = self.updates[self.active]
        return update.matrix()  # type: ignore[operator, no-any-return]


class FusedLora(nn.Module):
    """The layer of queries, keys and values with an update of the queries and one of the values.

    Each is as wide as the queries are, which is a third of the layer's outputs, also where a stage
    changes and outputs are wider than inputs.

    Args:
        base: Its outputs are queries, keys, values, in this order; frozen here.
        rank: See `LoraLinear`, as the rest.
        alpha: Strength.
        sets: Updates to choose from.

    Attributes:
        active: Index of the update that counts.

    Raises:
        ConfigError: The outputs are not three equal parts, or as `LoraLinear`.
    """

    def __init__(
        self, base: nn.Linear, *, rank: int, alpha: float | None = None, sets: int = 1
    ) -> None:
        super().__init__()
        width, rest = divmod(base.out_features, 3)
        if rest:
            raise ConfigError(
                f"queries, keys and values need a layer of 3 n outputs, got {base.out_features}."
            )
        self.queries = _several(sets, base.in_features, width, rank=rank, alpha=alpha)
        self.values = _several(sets, base.in_features, width, rank=rank, alpha=alpha)
        self.base = base.requires_grad_(False)
        self.active = 0

    def forward(self, x: Tensor) -> Tensor:
        """(..., inputs) to (..., 3 widths)."""
        queries, keys, values = self.base(x).chunk(3, dim=-1)
        queries = queries + self.queries[self.active](x)
        return torch.cat((queries, keys, values + self.values[self.active](x)), dim=-1)

    def change(self) -> Tensor:
        """(3 widths, inputs) that the active updates add to the weight."""
        queries, values = (
            updates[self.active].matrix()  # type: ignore[operator]
            for updates in (self.queries, self.values)
        )
        return torch.cat((queries, torch.zeros_like(queries), values))


def _linear_layers(
    network: nn.Module, names: Collection[str]
) -> list[tuple[nn.Module, str, nn.Linear]]:
    """Linear layers by their last name, with their parents."""
    found = [
        (parent, name, child)
        for parent in network.modules()
        for name, child in parent.named_children()
        if name in names and isinstance(child, nn.Linear)
    ]
    if not found:
        raise ConfigError(f"no linear layer is called {' or '.join(sorted(names))}.")
    return found


def add_lora(
    network: nn.Module,
    names: Collection[str],
    *,
    rank: int,
    alpha: float | None = None,
    sets: int = 1,
) -> int:
    """Put an update on every linear layer whose last name is in `names`; nothing else trains.

    Args:
        network: Changed in place; all its other parameters are frozen.
        names: Such as ``("q_proj", "v_proj")``.
        rank: Of the updates.
        alpha: Strength; `rank` if None, which is a factor of 1.
        sets: Updates of each layer, see `select_lora`.

    Returns:
        Number of layers changed.

    Raises:
        ConfigError: No layer has such a name, or `rank` does not fit.
    """
    network.requires_grad_(False)
    found = _linear_layers(network, names)
    for parent, name, child in found:
        setattr(parent, name, LoraLinear(child, rank=rank, alpha=alpha, sets=sets))
    return len(found)


def add_fused_lora(
    network: nn.Module, name: str, *, rank: int, alpha: float | None = None, sets: int = 1
) -> int:
    """Update queries and values of every linear layer called `name`; nothing else trains.

    Args:
        network: Changed in place; all its other parameters are frozen.
        name: Such as ``"qkv"``.
        rank: Of the updates.
        alpha: Strength; `rank` if None, which is a factor of 1.
        sets: Updates of each layer, see `select_lora`.

    Returns:
        Number of layers changed.

    Raises:
        ConfigError: No layer has that name, `rank` does not fit, or one is no fused layer.
    """
    network.requires_grad_(False)
    found = _linear_layers(network, (name,))
    for parent, last, child in found:
        setattr(parent, last, FusedLora(child, rank=rank, alpha=alpha, sets=sets))
    return len(found)


def _adapted(network: nn.Module) -> Iterator[LoraLinear | FusedLora]:
    return (m for m in network.modules() if isinstance(m, LoraLinear | FusedLora))


def select_lora(network: nn.Module, index: int) -> None:
    """Make update `index` of every layer the active one; layers with a single one keep it."""
    for layer in _adapted(network):
        updates = layer.updates if isinstance(layer, LoraLinear) else layer.queries
        layer.active = index if len(updates) > 1 else 0


def lora_updates(network: nn.Module) -> list[LowRank]:
    """All updates, in the order of the layers."""
    return [module for module in network.modules() if isinstance(module, LowRank)]


def merge_lora(network: nn.Module) -> int:
    """Fold every active update into its layer, in place; the others are dropped.

    Returns:
        Number of layers merged.
    """
    found = [
        (parent, name, child)
        for parent in network.modules()
        for name, child in parent.named_children()
        if isinstance(child, LoraLinear | FusedLora)
    ]
    for parent, name, child in found:
        with torch.no_grad():
            child.base.weight += child.change()
        setattr(parent, name, child.base)
    return len(found)
