"""Matching cost of a rectified pair, made of products of matrices, pads and slices.

Pads and slices alone give the same volume; one product a row keeps processors busy that are built
for matrices (a third of the time of the whole network was in shifted sums). What is NOT here:
warping of volumes, in-place writes, ``topk`` and ``unfold``: each of them is refused or slow in
some exporter or runtime. Disparities may be negative.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from thermoscope.core.checks import check_positive
from thermoscope.core.errors import ConfigError, ShapeError

__all__ = ["correlation_volume", "expected_bin", "peak_share", "sample_volume", "unit_channels"]


def unit_channels(features: Tensor) -> Tensor:
    """(B, C, H, W) with channels of length 1, so that correlation is a cosine."""
    squared = features.float().square().sum(dim=1, keepdim=True)
    return features * torch.rsqrt(squared + 1e-6).to(features.dtype)


def correlation_volume(
    left: Tensor, right: Tensor, *, bins: int, first_bin: int = 0, groups: int = 1
) -> Tensor:
    """How well ``left(x)`` agrees with ``right(x - bin)``, for each bin and group of channels.

    Args:
        left: (B, C, H, W) features.
        right: (B, C, H, W) features of the other view.
        bins: Number of disparities, in px of the features.
        first_bin: Smallest disparity, px of the features, any sign.
        groups: The channels are split into this many, each with its own sum of products.

    Returns:
        (B, groups * bins, H, W), group by group; 0 where ``x - bin`` is outside the right view.

    Raises:
        ShapeError: Views of different shapes, or not four axes.
        ConfigError: `bins` or `groups` not positive, or channels that cannot be split.

    Example:
        >>> row = torch.arange(1.0, 5.0).view(1, 1, 1, 4)
        >>> correlation_volume(row, row, bins=2)[0, :, 0].tolist()
        [[1.0, 4.0, 9.0, 16.0], [0.0, 2.0, 6.0, 12.0]]
    """
    if left.shape != right.shape or left.ndim != 4:
        raise ShapeError(
            f"left and right must both be (B, C, H, W), got {tuple(left.shape)} and "
            f"{tuple(right.shape)}. Compute both with the same network."
        )
    for name, value in (("bins", bins), ("groups", groups)):
        check_positive(value, name=name)
    channels, width = left.shape[1], left.shape[3]
    if channels % groups:
        raise ConfigError(f"{channels} channels cannot be split into {groups} groups.")
    # One product of matrices a row gives every pair of columns. With the right row reversed, and
    # rows read as if one entry shorter than they are, the wanted band stands upright.
    height, part = left.shape[2], channels // groups
    before, after = max(first_bin + bins, 1), max(-first_bin, 0)
    padded = functional.pad(right, (before, after))
    length = width + before + after
    backwards = torch.arange(length - 1, -1, -1, device=right.device)
    mirrored = padded.index_select(3, backwards).reshape(-1, groups, part, height, length)
    shorter = length - 1
    # As many rows of zeros as make the shorter rows come out even: no big slice is copied.
    filled = functional.pad(left, (0, shorter - width))
    rows = filled.reshape(-1, groups, part, height, shorter).permute(0, 1, 3, 4, 2)
    pairs = torch.matmul(rows, mirrored.permute(0, 1, 3, 2, 4))  # (B, groups, H, shorter, length)
    upright = pairs.reshape(-1, groups, height, length, shorter)
    first = shorter - before + first_bin
    band = upright[:, :, :, :width, first : first + bins]
    return band.permute(0, 1, 4, 2, 3).flatten(1, 2)


def expected_bin(probability: Tensor) -> Tensor:
    """Mean bin of a distribution (soft-argmin), in float32.

    Args:
        probability: (B, bins, H, W), sums to 1 over the bins.

    Returns:
        (B, 1, H, W) float32 in [0, bins - 1].

    Source: Kendall et al., End-to-End Learning of Geometry and Context, ICCV 2017.
    """
    values = probability.float()
    index = torch.arange(values.shape[1], device=values.device, dtype=values.dtype)
    return (values * index.view(1, -1, 1, 1)).sum(dim=1, keepdim=True)


def _tent(bins: int, place: Tensor, half_width: float) -> Tensor:
    """(B, bins, H, W) weights falling from 1 at `place` to 0 at `half_width` bins from it."""
    index = torch.arange(bins, device=place.device, dtype=place.dtype).view(1, -1, 1, 1)
    return (1 - (index - place).abs() / half_width).clamp(min=0)


def sample_volume(volume: Tensor, place: Tensor, *, radius: int) -> Tensor:
    """Values of volumes around a fractional bin, by linear interpolation without a gather.

    Args:
        volume: (B, N, bins, H, W): N volumes.
        place: (B, 1, H, W) bin, float.
        radius: Whole bins to each side.

    Returns:
        (B, N * (2 * radius + 1), H, W), from ``place - radius`` on, for each the N volumes; 0
        outside the bins.
    """
    bins = volume.shape[2]
    planes = [
        (volume * _tent(bins, place + step, 1.0).to(volume.dtype)[:, None]).sum(dim=2)
        for step in range(-radius, radius + 1)
    ]
    return torch.cat(planes, dim=1)


def peak_share(probability: Tensor, place: Tensor, *, half_width: float = 2.0) -> Tensor:
    """Share of a distribution that lies near a bin: 1 = one sharp peak there, 0 = elsewhere.

    Args:
        probability: (B, bins, H, W), sums to 1 over the bins.
        place: (B, 1, H, W) bin.
        half_width: Bins at which a share counts nothing any more.

    Returns:
        (B, 1, H, W) float32 in [0, 1].
    """
    weights = _tent(probability.shape[1], place.float(), half_width)
    # A peak between two bins gives each of them half: the tent is scaled so that this counts fully.
    near = (probability.float() * weights).sum(dim=1, keepdim=True)
    return (near / (1 - 0.5 / half_width)).clamp(max=1.0)
