"""The light segmentation head: a pyramid summed from coarse to fine, and a score for each class.

What is NOT here: the class-token decoder (`thermoscope.layers.mask_decoder`).

Source: Kirillov et al., Panoptic Feature Pyramid Networks, CVPR 2019, with the plain top-down sum
of Lin et al., Feature Pyramid Networks, CVPR 2017.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional

from thermoscope.core.checks import check_in_range, check_positive
from thermoscope.core.errors import ConfigError

__all__ = ["SemanticFpn"]


class SemanticFpn(nn.Module):
    """Levels from fine to coarse to one map at the finest stride, and class scores of it.

    Args:
        widths: Channels of the levels.
        classes: Number of classes.
        hidden: Channels of the map.
        dropout: Share of the map's channels dropped before the scores while training.

    Raises:
        ConfigError: No level, or a number out of range.

    Example:
        >>> import torch
        >>> head = SemanticFpn((4, 8), classes=3, hidden=6)
        >>> head([torch.zeros(1, 4, 8, 8), torch.zeros(1, 8, 4, 4)]).shape
        torch.Size([1, 3, 8, 8])
    """

    def __init__(
        self, widths: Sequence[int], *, classes: int, hidden: int = 256, dropout: float = 0.0
    ) -> None:
        super().__init__()
        check_positive(classes, name="classes")
        check_positive(hidden, name="hidden")
        check_in_range(dropout, 0, 1, name="dropout")
        if not widths:
            raise ConfigError("a pyramid head needs a level at least.")
        self.lateral = nn.ModuleList(nn.Conv2d(width, hidden, 1) for width in widths)
        self.smooth = nn.Sequential(
            nn.Conv2d(hidden, hidden, 3, padding=1), nn.GroupNorm(1, hidden), nn.ReLU()
        )
        self.drop = nn.Dropout2d(dropout)
        self.classify = nn.Conv2d(hidden, classes, 1)

    def features(self, pyramid: Sequence[Tensor]) -> Tensor:
        """(B, hidden, H, W) at the stride of the first level.

        Args:
            pyramid: (B, `widths[i]`, H_i, W_i) from fine to coarse.
        """
        levels = [lateral(x) for lateral, x in zip(self.lateral, pyramid, strict=True)]
        path = levels[-1]
        for level in reversed(levels[:-1]):
            size = level.shape[2:]
            path = level + functional.interpolate(
                path, size=size, mode="bilinear", align_corners=False
            )
        found: Tensor = self.smooth(path)
        return found

    def scores(self, features: Tensor) -> Tensor:
        """(B, K, H, W) logits of `features`."""
        found: Tensor = self.classify(self.drop(features))
        return found

    def forward(self, pyramid: Sequence[Tensor]) -> Tensor:
        """(B, K, H, W) logits at the stride of the first level."""
        return self.scores(self.features(pyramid))
