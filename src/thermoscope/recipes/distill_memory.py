"""What distillation remembers of earlier steps: negatives, and what patches of a place look like.

Both are modules without weights, so that a checkpoint holds them and a resumed run goes on exactly.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["NegativeQueue", "PositionMean"]


class NegativeQueue(nn.Module):
    """The last descriptors, as negatives.

    Args:
        size: Rows kept.
        width: Numbers of a descriptor.
    """

    rows: Tensor
    count: Tensor

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        self.register_buffer("rows", torch.zeros(size, width))
        self.register_buffer("count", torch.zeros((), dtype=torch.long))

    def filled(self) -> Tensor:
        """(Q, width), newest first."""
        return self.rows[: min(int(self.count), len(self.rows))].clone()

    def push(self, rows: Tensor) -> None:
        """Put (B, width) in front; the oldest fall out."""
        kept = torch.cat((rows.to(self.rows), self.rows))[: len(self.rows)]
        self.rows.copy_(kept)
        self.count += len(rows)


class PositionMean(nn.Module):
    """What a patch looks like because of where in the picture it lies.

    Patches of a vision transformer know their place: the mean over many pictures differs from
    place to place of the grid. That part tells nothing of what is seen, and a student that learns
    it finds the right patch of an aligned picture without looking.

    Args:
        width: Channels of a grid.
        size: Rows and columns of a grid.
    """

    total: Tensor
    count: Tensor

    def __init__(self, width: int, size: tuple[int, int]) -> None:
        super().__init__()
        self.register_buffer("total", torch.zeros(width, *size))
        self.register_buffer("count", torch.zeros(()))

    def add(self, grids: Tensor) -> None:
        """Count (B, width, *size) in."""
        self.total += grids.float().sum(dim=0)
        self.count += len(grids)

    def removed(self, grids: Tensor) -> Tensor:
        """(B, width, *size) without the part that depends on the place; the overall mean stays."""
        mean = self.total / self.count.clamp(min=1)
        return grids - (mean - mean.mean(dim=(1, 2), keepdim=True)).to(grids)
