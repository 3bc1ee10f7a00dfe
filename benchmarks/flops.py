"""How much one answer of a network takes, in floating-point operations."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode


def gflop_of(network: nn.Module, inputs: Sequence[Tensor]) -> float:
    """Of one answer; attention as plain products, because its fused kernel is not counted."""
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        network(*inputs)
    return counter.get_total_flops() / 1e9
