"""LoRA: a frozen linear layer plus a trained update of low rank, mergeable afterwards.

``y = W x + b + (alpha / rank) * B A x`` with A of shape (rank, inputs) and B of (outputs, rank);
B starts at zero, so the network starts unchanged.

Source: Hu et al., LoRA: Low-Rank Adaptation of Large Language Models, arXiv 2106.09685.
"""

from __future__ import annotations

import math
from collections.abc import Collection

import torch
from torch import Tensor, nn
from torch.nn import functional

from thermoscope.core.checks import check_positive
from thermoscope.core.errors import ConfigError

__all__ = ["LoraLinear", "add_lora", "merge_lora"]


class LoraLinear(nn.Module):
    """A linear layer with a low-rank update.

    Args:
        base: The layer; frozen here.
        rank: Of the update, > 0.
        alpha: Strength of the update is ``alpha / rank``.

    Raises:
        ConfigError: `rank` is not positive or exceeds the layer.
    """

    def __init__(self, base: nn.Linear, *, rank: int, alpha: float) -> None:
        super().__init__()
        check_positive(rank, name="rank")
        if rank > min(base.in_features, base.out_features):
            raise ConfigError(
                f"rank {rank} exceeds the layer of {base.in_features} x {base.out_features}."
            )
        self.base = base.requires_grad_(False)
        self.scale = alpha / rank
        self.down = nn.Parameter(torch.empty(rank, base.in_features))
        self.up = nn.Parameter(torch.zeros(base.out_features, rank))
        nn.init.kaiming_uniform_(self.down, a=math.sqrt(5))

    def forward(self, x: Tensor) -> Tensor:
        """(..., inputs) to (..., outputs)."""
        base: Tensor = self.base(x)
        return base + functional.linear(functional.linear(x, self.down), self.up) * self.scale

    def merged(self) -> nn.Linear:
        """One plain linear layer that computes the same."""
        layer = nn.Linear(
            self.base.in_features, self.base.out_features, bias=self.base.bias is not None
        )
        with torch.no_grad():
            layer.weight.copy_(self.base.weight + self.up @ self.down * self.scale)
            if self.base.bias is not None:
                layer.bias.copy_(self.base.bias)
        return layer


def add_lora(
    network: nn.Module, names: Collection[str], *, rank: int, alpha: float | None = None
) -> int:
    """Put an update on every linear layer whose last name is in `names`; nothing else trains.

    Args:
        network: Changed in place; all its other parameters are frozen.
        names: Such as ``("q_proj", "v_proj")``.
        rank: Of the updates.
        alpha: Strength; `rank` if None, which is a factor of 1.

    Returns:
        Number of layers changed.

    Raises:
        ConfigError: No layer has such a name, or `rank` does not fit.
    """
    network.requires_grad_(False)
    found = [
        (parent, name, child)
        for parent in network.modules()
        for name, child in parent.named_children()
        if name in names and isinstance(child, nn.Linear)
    ]
    if not found:
        raise ConfigError(f"no linear layer is called {' or '.join(sorted(names))}.")
    for parent, name, child in found:
        setattr(parent, name, LoraLinear(child, rank=rank, alpha=rank if alpha is None else alpha))
    return len(found)


def merge_lora(network: nn.Module) -> int:
    """Fold every update into its layer, in place.

    Returns:
        Number of layers merged.
    """
    found = [
        (parent, name, child)
        for parent in network.modules()
        for name, child in parent.named_children()
        if isinstance(child, LoraLinear)
    ]
    for parent, name, child in found:
        setattr(parent, name, child.merged())
    return len(found)
