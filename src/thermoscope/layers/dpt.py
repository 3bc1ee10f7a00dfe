"""The dense prediction decoder of vision transformers: four token grids to one fine feature map.

Each grid is projected and brought to a resolution of its own (4, 2, 1 and 1/2 of the grid's), then
they are joined from coarse to fine by residual convolutions. What is NOT here: the read-out that
makes classes or metres of the map (`thermoscope.models.dense_heads`).

Source: Ranftl, Bochkovskiy, Koltun, Vision Transformers for Dense Prediction, ICCV 2021; the fusion
is RefineNet's (Lin et al., CVPR 2017).
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional

from thermoscope.core.errors import ConfigError, ShapeError

__all__ = ["DPT", "LIGHT_WIDTHS", "PAPER_WIDTHS"]

PAPER_WIDTHS = (96, 192, 384, 768)
LIGHT_WIDTHS = (48, 96, 192, 192)


class DPT(nn.Module):
    """Four token grids, shallow to deep, to one map at eight times their resolution.

    The class token is not used. Differs from the source in: 1x1 convolutions stand before the
    enlargement, which is the same function at a quarter of the work; pixel centres, not corners,
    are aligned, so that a grid of any size works.

    Args:
        width: Channels of the grids.
        widths: Channels after projection, shallow to deep.
        fusion: Channels of the map.

    Raises:
        ConfigError: Not four widths, or a number of channels that is not positive.

    Example:
        >>> import torch
        >>> decoder = DPT(32, widths=(4, 8, 8, 8), fusion=6)
        >>> decoder([torch.zeros(1, 32, 3, 5)] * 4).shape
        torch.Size([1, 6, 24, 40])
    """

    def __init__(
        self, width: int, *, widths: Sequence[int] = PAPER_WIDTHS, fusion: int = 256
    ) -> None:
        super().__init__()
        if len(widths) != 4 or min(width, fusion, *widths) < 1:
            raise ConfigError(
                "a DPT decoder needs four positive widths, a positive fusion width and input "
                f"width, got {tuple(widths)}, {fusion} and {width}."
            )
        self.width = width
        self.project = nn.ModuleList(nn.Conv2d(width, w, 1) for w in widths)
        self.rescale = nn.ModuleList(
            [
                nn.ConvTranspose2d(widths[0], widths[0], 4, stride=4),
                nn.ConvTranspose2d(widths[1], widths[1], 2, stride=2),
                nn.Identity(),
                nn.Conv2d(widths[3], widths[3], 3, stride=2, padding=1),
            ]
        )
        self.narrow = nn.ModuleList(nn.Conv2d(w, fusion, 3, padding=1, bias=False) for w in widths)
        self.fuse = nn.ModuleList(Fusion(fusion, joins=level < 3) for level in range(4))

    def forward(self, grids: Sequence[Tensor]) -> Tensor:
        """The map.

        Args:
            grids: Four of (B, width, h, w), shallow to deep.

        Returns:
            (B, fusion, 8 h, 8 w).

        Raises:
            ShapeError: Not four grids, or one of another width or size.
        """
        self._check(grids)
        parts = zip(grids, self.project, self.rescale, self.narrow, strict=True)
        levels = [narrow(rescale(project(grid))) for grid, project, rescale, narrow in parts]
        path: Tensor = levels[3]
        for level in (3, 2, 1, 0):
            finer = levels[level - 1].shape[2:] if level else [2 * n for n in path.shape[2:]]
            skip = levels[level] if level < 3 else None
            path = self.fuse[level](path, skip, size=tuple(finer))
        return path

    def _check(self, grids: Sequence[Tensor]) -> None:
        shapes = [tuple(grid.shape) for grid in grids]
        # Compared one by one: a set would hash the batch, which is free while a graph is traced.
        equal = all(shape == shapes[0] for shape in shapes)
        fits = len(shapes) == 4 and equal and len(shapes[0]) == 4
        if not fits or shapes[0][1] != self.width:
            raise ShapeError(
                f"a DPT decoder takes four grids of (B, {self.width}, h, w), got {shapes}. "
                "Ask the backbone for four layers.",
                actual_shape=shapes[0] if shapes else (),
            )


class Fusion(nn.Module):
    """Joins the coarser path with a level, refines, enlarges."""

    def __init__(self, width: int, *, joins: bool) -> None:
        super().__init__()
        self.skip = ResidualUnit(width) if joins else None
        self.refine = ResidualUnit(width)
        self.mix = nn.Conv2d(width, width, 1)

    def forward(self, path: Tensor, level: Tensor | None, *, size: tuple[int, int]) -> Tensor:
        """(B, C, *size) from the path and, unless it is the deepest, a level of the same size."""
        if self.skip is not None and level is not None:
            path = path + self.skip(level)
        mixed = self.mix(self.refine(path))
        return functional.interpolate(mixed, size=size, mode="bilinear", align_corners=False)


class ResidualUnit(nn.Module):
    """Two 3x3 convolutions, each after a ReLU, added to the input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, H, W) from the same shape."""
        inner = self.first(functional.relu(features))
        update: Tensor = self.second(functional.relu(inner))
        return features + update
