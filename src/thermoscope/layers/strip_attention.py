"""Gates: strips of the left view steer the matching, channels and places steer the refinement.

Source: Guo et al., LightStereo, ICRA 2025 (multi-scale strip attention on the left features); Woo
et al., CBAM, ECCV 2018 (channel, then spatial gate).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from thermoscope.core.checks import check_positive
from thermoscope.core.errors import ConfigError

__all__ = ["ChannelSpatialGate", "StripAttention"]


class StripAttention(nn.Module):
    """Multiplies a volume by what long thin windows of the left features say.

    Args:
        guide_channels: Of the left features.
        volume_channels: Of the volume.
        strips: Odd lengths of the windows, px; at most 7 for processors without longer ones.

    Raises:
        ConfigError: A length that is not odd and positive, or no length.
    """

    def __init__(
        self, guide_channels: int, volume_channels: int, *, strips: Sequence[int] = (7, 11)
    ) -> None:
        super().__init__()
        if not strips or any(n < 1 or n % 2 == 0 for n in strips):
            raise ConfigError(f"strips must be odd lengths in px, got {tuple(strips)}.")
        self.enter = nn.Conv2d(guide_channels, volume_channels, 1)
        self.strips = nn.ModuleList(
            nn.Sequential(
                _depthwise(volume_channels, (1, length)), _depthwise(volume_channels, (length, 1))
            )
            for length in strips
        )
        self.leave = nn.Conv2d(volume_channels, volume_channels, 1)

    def forward(self, volume: Tensor, guide: Tensor) -> Tensor:
        """(B, volume_channels, H, W), gated by `guide` (B, guide_channels, H, W)."""
        seen: Tensor = self.enter(guide)
        summed = seen
        for strip in self.strips:
            summed = summed + strip(seen)
        gate: Tensor = self.leave(summed)
        return volume * gate


def _depthwise(channels: int, kernel: tuple[int, int]) -> nn.Conv2d:
    padding = (kernel[0] // 2, kernel[1] // 2)
    return nn.Conv2d(channels, channels, kernel, padding=padding, groups=channels)


class ChannelSpatialGate(nn.Module):
    """Channels are weighed by their mean and maximum, then places by those over channels.

    Args:
        channels: Of the input.
        reduction: The hidden layer of the channel gate is this many times narrower.
        window_px: Side of the window of the spatial gate, odd.

    Raises:
        ConfigError: A number that is not positive.
    """

    def __init__(self, channels: int, *, reduction: int = 4, window_px: int = 7) -> None:
        super().__init__()
        for name, value in (("reduction", reduction), ("window_px", window_px)):
            check_positive(value, name=name)
        hidden = max(4, channels // reduction)
        self.weigh = nn.Sequential(
            nn.Conv2d(channels, hidden, 1), nn.ReLU(), nn.Conv2d(hidden, channels, 1)
        )
        self.place = nn.Conv2d(2, 1, window_px, padding=window_px // 2)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, H, W), gated."""
        mean = x.mean(dim=(2, 3), keepdim=True)
        peak = x.amax(dim=(2, 3), keepdim=True)
        x = x * torch.sigmoid(self.weigh(mean) + self.weigh(peak))
        summary = torch.cat([x.mean(dim=1, keepdim=True), x.amax(dim=1, keepdim=True)], dim=1)
        return x * torch.sigmoid(self.place(summary))
