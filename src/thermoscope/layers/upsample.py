"""Learned upsampling of a map: each fine pixel is a weighted mean of 3 x 3 coarse ones.

Nine shifted slices and a pixel shuffle instead of ``unfold``: both export everywhere.

Source: Teed and Deng, RAFT, ECCV 2020 (convex upsampling).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from thermoscope.core.errors import ShapeError

__all__ = ["NEIGHBOURS", "upsample_by_weights"]

NEIGHBOURS = 9


def upsample_by_weights(coarse: Tensor, logits: Tensor, *, factor: int) -> Tensor:
    """A map at `factor` times the resolution, in float32.

    The values themselves are kept: a disparity is not multiplied by `factor`. At the border the
    outermost pixels are repeated.

    Args:
        coarse: (B, 1, h, w).
        logits: (B, 9 * factor ** 2, h, w): for each of the nine neighbours, row by row, one plane
            per fine pixel of the cell; a softmax over the neighbours makes weights of them.
        factor: Whole number, >= 1.

    Returns:
        (B, 1, h * factor, w * factor) float32.

    Raises:
        ShapeError: `coarse` is not (B, 1, h, w), or the planes of `logits` do not fit.
    """
    cell = factor * factor
    fits = coarse.ndim == 4 and coarse.shape[1] == 1
    if not fits or logits.ndim != 4 or logits.shape[1] != NEIGHBOURS * cell:
        raise ShapeError(
            f"coarse must be (B, 1, h, w) and logits (B, {NEIGHBOURS * cell}, h, w) for a factor "
            f"of {factor}, got {tuple(coarse.shape)} and {tuple(logits.shape)}."
        )
    height, width = coarse.shape[2], coarse.shape[3]
    padded = functional.pad(coarse.float(), (1, 1, 1, 1), mode="replicate")
    around = torch.cat(
        [
            padded[:, :, row : row + height, column : column + width]
            for row in range(3)
            for column in range(3)
        ],
        dim=1,
    )
    weights = torch.softmax(logits.float().reshape(-1, NEIGHBOURS, cell, height, width), dim=1)
    fine = (weights * around[:, :, None]).sum(dim=1)
    return functional.pixel_shuffle(fine, factor)
