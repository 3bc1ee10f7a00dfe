"""Fusion of two dense maps of one view: each corrects the other, then both become one.

CMX's two modules, level by level: `Rectification` adds to each map what the other knows, channel by
channel and place by place; `Fusion` lets each attend to the other's context and joins the two.

Differs from CMX in: the attention is normalised over places, so that its strength does not grow
with the size of the picture; norms do not depend on the batch; the mean of both maps is carried
around the last layers, so that what reads one modality alone can read the fusion as well.

Source: Zhang et al., CMX: Cross-Modal Fusion for RGB-X Semantic Segmentation with Transformers,
arXiv 2203.04838.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from thermoscope.core.checks import check_shape
from thermoscope.core.errors import ConfigError, ShapeError

__all__ = ["CrossModalFusion", "Fusion", "PyramidFusion", "Rectification"]

SHARE_OF_CHANNELS = SHARE_OF_PLACES = 0.5  # CMX's lambdas
CARRIED = 0.5  # first gain of the joined part, beside the mean


class Rectification(nn.Module):
    """Each map plus a weighted share of the other (CMX's FRM).

    Args:
        width: Channels.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.channels = nn.Sequential(
            nn.Linear(4 * width, 4 * width), nn.ReLU(), nn.Linear(4 * width, 2 * width)
        )
        self.places = nn.Sequential(
            nn.Conv2d(2 * width, width, 1), nn.ReLU(), nn.Conv2d(width, 2, 1)
        )

    def forward(self, rgb: Tensor, thermal: Tensor) -> tuple[Tensor, Tensor]:
        """Two (B, C, H, W) to the same two, corrected."""
        both = torch.cat((rgb, thermal), dim=1)
        pooled = torch.cat((both.mean(dim=(2, 3)), both.amax(dim=(2, 3))), dim=1)
        of_channels = self.channels(pooled).sigmoid()[:, :, None, None].chunk(2, dim=1)
        of_places = self.places(both).sigmoid().chunk(2, dim=1)
        for_thermal, for_rgb = (
            SHARE_OF_CHANNELS * channels + SHARE_OF_PLACES * places
            for channels, places in zip(of_channels, of_places, strict=True)
        )
        return rgb + for_rgb * thermal, thermal + for_thermal * rgb


class _Stream(nn.Module):
    """One side of the exchange: its context, and what it makes of the other's."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.split = nn.Linear(width, 2 * width)
        self.keys_values = nn.Linear(width, 2 * width, bias=False)
        self.join = nn.Linear(2 * width, width)
        self.norm = nn.LayerNorm(width)

    def halves(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        kept, asking = self.split(tokens).relu().chunk(2, dim=-1)
        return kept, asking

    def context(self, asking: Tensor) -> Tensor:
        """(B, heads, d, d): what the places hold together; weights over places sum to 1."""
        keys, values = (self._by_head(part) for part in self.keys_values(asking).chunk(2, dim=-1))
        found: Tensor = keys.softmax(dim=2).transpose(2, 3) @ values
        return found

    def forward(self, tokens: Tensor, kept: Tensor, asking: Tensor, context: Tensor) -> Tensor:
        answer = (self._by_head(asking) @ context).transpose(1, 2).flatten(2)
        found: Tensor = self.norm(tokens + self.join(torch.cat((kept, answer), dim=-1)))
        return found

    def _by_head(self, tokens: Tensor) -> Tensor:
        """(B, N, C) to (B, heads, N, d)."""
        batch, places, _ = tokens.shape
        return tokens.reshape(batch, places, self.heads, -1).transpose(1, 2)


class Fusion(nn.Module):
    """Two maps to one, each having attended to the other's context (CMX's FFM).

    Args:
        width: Channels of each and of the result.
        heads: Of the attention; divides `width`.

    Raises:
        ConfigError: It does not.
    """

    def __init__(self, width: int, *, heads: int) -> None:
        super().__init__()
        if width < 1 or heads < 1 or width % heads:
            raise ConfigError(f"a fusion of {width} channels cannot have {heads} heads.")
        self.rgb, self.thermal = _Stream(width, heads), _Stream(width, heads)
        self.shortcut = nn.Conv2d(2 * width, width, 1, bias=False)
        self.embed = nn.Sequential(
            nn.Conv2d(2 * width, width, 1),
            nn.Conv2d(width, width, 3, padding=1, groups=width),
            nn.ReLU(),
            nn.Conv2d(width, width, 1),
            nn.GroupNorm(1, width),
        )
        self.norm = nn.GroupNorm(1, width)
        nn.init.constant_(self.norm.weight, CARRIED)

    def forward(self, rgb: Tensor, thermal: Tensor) -> Tensor:
        """Two (B, C, H, W) to one."""
        height, width = rgb.shape[2:]
        first, second = (x.flatten(2).transpose(1, 2) for x in (rgb, thermal))
        kept, asking = self.rgb.halves(first)
        other_kept, other_asking = self.thermal.halves(second)
        of_rgb, of_thermal = self.rgb.context(asking), self.thermal.context(other_asking)
        seen = torch.cat(
            (
                self.rgb(first, kept, asking, of_thermal),
                self.thermal(second, other_kept, other_asking, of_rgb),
            ),
            dim=-1,
        )
        joined = seen.transpose(1, 2).reshape(rgb.shape[0], -1, height, width)
        found: Tensor = self.norm(self.shortcut(joined) + self.embed(joined))
        return found + (rgb + thermal) / 2


class CrossModalFusion(nn.Module):
    """Rectification and fusion of one level.

    Args:
        width: Channels.
        heads: Of the attention.

    Raises:
        ConfigError: `heads` does not divide `width`.

    Example:
        >>> level = CrossModalFusion(8, heads=2)
        >>> level(torch.zeros(1, 8, 3, 5), torch.ones(1, 8, 3, 5)).shape
        torch.Size([1, 8, 3, 5])
    """

    def __init__(self, width: int, *, heads: int) -> None:
        super().__init__()
        self.rectify = Rectification(width)
        self.fuse = Fusion(width, heads=heads)

    def forward(self, rgb: Tensor, thermal: Tensor) -> Tensor:
        """One map of both.

        Args:
            rgb: (B, C, H, W).
            thermal: The same shape.

        Raises:
            ShapeError: Another shape.
        """
        check_shape(rgb, "B C H W", name="rgb")
        if rgb.shape != thermal.shape:
            raise ShapeError(
                f"rgb features of {tuple(rgb.shape)} and thermal ones of {tuple(thermal.shape)} "
                "cannot be fused. Give both pictures at one size.",
                actual_shape=tuple(thermal.shape),
            )
        found: Tensor = self.fuse(*self.rectify(rgb, thermal))
        return found


class PyramidFusion(nn.Module):
    """Fusion at every level of two pyramids.

    Args:
        widths: Channels of the levels.
        heads: Of each level's attention.

    Raises:
        ConfigError: As many heads as levels are needed, and each must divide its width.
    """

    def __init__(self, widths: Sequence[int], *, heads: Sequence[int] = (1, 2, 4)) -> None:
        super().__init__()
        if len(widths) != len(heads):
            raise ConfigError(f"{len(widths)} levels need as many heads, got {list(heads)}.")
        self.levels = nn.ModuleList(
            CrossModalFusion(width, heads=n) for width, n in zip(widths, heads, strict=True)
        )

    def forward(self, rgb: Sequence[Tensor], thermal: Sequence[Tensor]) -> list[Tensor]:
        """Two pyramids to one.

        Raises:
            ShapeError: Pyramids of different shapes.
        """
        pairs = zip(self.levels, rgb, thermal, strict=True)
        return [level(one, other) for level, one, other in pairs]
