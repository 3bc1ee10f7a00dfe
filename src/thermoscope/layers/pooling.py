"""From the tokens of a picture to one descriptor of unit length: class token, mean, GeM, SALAD.

All take the class token (B, C) and the patch grid (B, C, h, w) of a backbone and give (B, `dims`).
What is NOT here: backbones, and the losses that train these (`thermoscope.losses.triplet`).

Sources: Radenovic et al., Fine-tuning CNN Image Retrieval with No Human Annotation (GeM), TPAMI
2019; Izquierdo and Civera, Optimal Transport Aggregation for Visual Place Recognition (SALAD),
CVPR 2024; Cuturi, Sinkhorn Distances, NeurIPS 2013.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from thermoscope.core.checks import check_in_range, check_positive, check_shape
from thermoscope.core.errors import ConfigError

__all__ = [
    "ClsMeanPooling",
    "ClsPooling",
    "GeM",
    "MeanPooling",
    "Pooling",
    "PoolingKind",
    "Salad",
    "log_sinkhorn",
    "make_pooling",
]

PoolingKind = Literal["cls", "mean", "cls_mean", "gem", "salad"]
SMALLEST = 1e-6  # of a value that GeM raises to a power


class Pooling(nn.Module, ABC):
    """What all poolings are.

    Attributes:
        dims: Numbers in a descriptor.
    """

    dims: int

    @abstractmethod
    def forward(self, cls: Tensor, grid: Tensor) -> Tensor:
        """(B, dims) descriptors of unit length.

        Args:
            cls: (B, C).
            grid: (B, C, h, w).
        """


class ClsPooling(Pooling):
    """The class token.

    Args:
        width: Numbers in a token.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.dims = width

    def forward(self, cls: Tensor, grid: Tensor) -> Tensor:
        """See `Pooling`."""
        return functional.normalize(cls, dim=1)


class MeanPooling(ClsPooling):
    """The mean of all patch tokens."""

    def forward(self, cls: Tensor, grid: Tensor) -> Tensor:
        """See `Pooling`."""
        return functional.normalize(grid.mean(dim=(2, 3)), dim=1)


class ClsMeanPooling(Pooling):
    """Class token and mean of the patches side by side, each of the same length.

    Args:
        width: Numbers in a token.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.dims = 2 * width

    def forward(self, cls: Tensor, grid: Tensor) -> Tensor:
        """See `Pooling`."""
        halves = functional.normalize(cls, dim=1), functional.normalize(grid.mean((2, 3)), dim=1)
        return torch.cat(halves, dim=1) / math.sqrt(2)


class GeM(Pooling):
    """Generalised mean of each channel, from mean (power 1) to maximum; below 0 counts as 0.

    Args:
        width: Numbers in a token.
        power: Where the learned power starts, > 0.

    Raises:
        ConfigError: `power` is not positive.
    """

    def __init__(self, width: int, *, power: float = 3.0) -> None:
        super().__init__()
        self.dims = width
        self.power = nn.Parameter(torch.tensor(check_positive(power, name="power")))

    def forward(self, cls: Tensor, grid: Tensor) -> Tensor:
        """See `Pooling`."""
        raised = grid.float().clamp(min=SMALLEST).pow(self.power).mean(dim=(2, 3))
        return functional.normalize(raised.pow(1 / self.power), dim=1)


def log_sinkhorn(scores: Tensor, log_rows: Tensor, log_columns: Tensor, steps: int) -> Tensor:
    """Logarithm of the transport plan of entropy-regularised optimal transport.

    The plan is ``exp(u_i + scores_ij + v_j)``; each step makes first its row sums, then its column
    sums right. Column sums are therefore exact after any number of steps, row sums in the limit.

    Args:
        scores: (B, m, n), divided by the regularisation.
        log_rows: (m) logarithm of the row sums.
        log_columns: (n) logarithm of the column sums; both sums are equal in total.
        steps: At least 1.

    Returns:
        (B, m, n).
    """
    u = scores.new_zeros(scores.shape[:2])
    v = scores.new_zeros(scores.shape[0], scores.shape[2])
    for _ in range(steps):
        u = log_rows - torch.logsumexp(scores + v[:, None, :], dim=2)
        v = log_columns - torch.logsumexp(scores + u[:, :, None], dim=1)
    return scores + u[:, :, None] + v[:, None, :]


class Salad(Pooling):
    """Patches assigned to clusters by optimal transport, with a bin for what says nothing.

    Each patch has mass 1. Each cluster takes 1 and the dustbin the rest, n - m of n patches and m
    clusters; where a picture has no more patches than clusters, the dustbin takes 1 and the
    clusters share the rest. The descriptor is m sums of reduced patches, each of unit length,
    beside the reduced class token of unit length.

    Args:
        width: Numbers in a token.
        clusters: m.
        dims: Numbers of a cluster.
        global_dims: Numbers of the class token, 0 for none of it.
        hidden: Width of the three small networks inside.
        steps: Of Sinkhorn's iteration.
        dropout: Share of hidden values dropped while training.

    Raises:
        ConfigError: A number out of range.
    """

    def __init__(
        self,
        width: int,
        *,
        clusters: int = 64,
        dims: int = 128,
        global_dims: int = 256,
        hidden: int = 512,
        steps: int = 3,
        dropout: float = 0.3,
    ) -> None:
        super().__init__()
        for name, value in (("clusters", clusters), ("dims", dims), ("steps", steps)):
            check_positive(value, name=name)
        check_positive(hidden, name="hidden")
        check_in_range(dropout, 0, 1, name="dropout")
        check_in_range(global_dims, 0, 1 << 16, name="global_dims")
        self.clusters, self.steps = clusters, steps
        self.dims = clusters * dims + global_dims
        self.assign = _two_convolutions(width, hidden, clusters, dropout)
        self.reduce = _two_convolutions(width, hidden, dims, dropout)
        self.scene = (
            nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, global_dims))
            if global_dims
            else None
        )
        self.dustbin = nn.Parameter(torch.tensor(1.0))

    def assignment(self, grid: Tensor) -> Tensor:
        """(B, m, n) share of each patch that each cluster takes; the dustbin takes what is left."""
        scores = self.assign(grid).flatten(2).float()
        batch, clusters, patches = scores.shape
        bins = self.dustbin.float().expand(batch, 1, patches)
        dustbin_mass = max(patches - clusters, 1) if patches > 1 else 0.5
        log_rows = scores.new_full((clusters + 1,), math.log((patches - dustbin_mass) / clusters))
        log_rows[-1] = math.log(dustbin_mass)
        log_columns = scores.new_zeros(patches)
        plan = log_sinkhorn(torch.cat((scores, bins), dim=1), log_rows, log_columns, self.steps)
        return plan[:, :-1].exp()

    def forward(self, cls: Tensor, grid: Tensor) -> Tensor:
        """See `Pooling`.

        Raises:
            ShapeError: Other shapes.
        """
        check_shape(cls, "B C", name="cls")
        check_shape(grid, "B C h w", name="grid")
        reduced = self.reduce(grid).flatten(2).float()
        sums = torch.einsum("bmn,bdn->bmd", self.assignment(grid), reduced)
        parts = [functional.normalize(sums, dim=2).flatten(1)]
        if self.scene is not None:
            parts.insert(0, functional.normalize(self.scene(cls).float(), dim=1))
        return functional.normalize(torch.cat(parts, dim=1), dim=1)


def _two_convolutions(width: int, hidden: int, out: int, dropout: float) -> nn.Sequential:
    first, last = nn.Conv2d(width, hidden, 1), nn.Conv2d(hidden, out, 1)
    return nn.Sequential(first, nn.Dropout(dropout), nn.ReLU(), last)


def make_pooling(
    kind: PoolingKind,
    width: int,
    *,
    clusters: int = 64,
    dims: int = 128,
    global_dims: int = 256,
    hidden: int = 512,
) -> Pooling:
    """A pooling by name; the last four numbers are SALAD's.

    Raises:
        ConfigError: Unknown `kind`, or a number out of range.
    """
    simple = {"cls": ClsPooling, "mean": MeanPooling, "cls_mean": ClsMeanPooling, "gem": GeM}
    if kind in simple:
        made: Pooling = simple[kind](width)
        return made
    if kind == "salad":
        return Salad(width, clusters=clusters, dims=dims, global_dims=global_dims, hidden=hidden)
    known = ", ".join(get_args(PoolingKind))
    raise ConfigError(f"pooling must be one of {known}, got {kind!r}.")
