"""Objectives of semantic segmentation: Dice over the classes present, cross-entropy, their sum.

Pixels labelled 255 (`IGNORE_INDEX`) count for nothing. A batch without any labelled pixel has the
loss 0 and the gradient 0, so one empty frame never poisons a run. What is NOT here: scores
(`thermoscope.metrics.segmentation`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from thermoscope.core.checks import check_shape
from thermoscope.core.errors import ConfigError, ShapeError, UnitError
from thermoscope.core.sample import IGNORE_INDEX

__all__ = [
    "SegmentationTerm",
    "cross_entropy_loss",
    "dice_loss",
    "rare_class_weights",
    "segmentation_losses",
]

SegmentationTerm = Literal["dice", "cross_entropy", "weighted_cross_entropy"]
EPSILON = 1e-6  # of the Dice ratio, as in AnyThermal's segmentation
RARE_OFFSET = 1.02  # bounds the weight of the rarest class at 1 / ln 1.02 = 50


def dice_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """One minus the mean Dice overlap of the classes that the batch contains.

    Overlaps are taken over all labelled pixels of the batch at once. Classes without a labelled
    pixel have no term: predicting them is punished through the classes that are there.

    Args:
        logits: (B, K, H, W).
        labels: (B, H, W) int64, 0 to K - 1, or 255 = ignore.

    Returns:
        Scalar in [0, 1]; 0 where no pixel is labelled.

    Raises:
        ShapeError: Shapes that do not fit.
        UnitError: `labels` are not int64, or name a class that `logits` do not have.

    Example:
        >>> sure = torch.tensor([[[[50.0]], [[-50.0]]]])
        >>> round(dice_loss(sure, torch.zeros(1, 1, 1, dtype=torch.int64)).item(), 6)
        0.0

    Source: Milletari, Navab, Ahmadi, V-Net, 3DV 2016 (with plain sums below the line).
    """
    kept, wanted = _labelled(logits, labels)
    if not len(wanted):
        return logits[:0].sum()
    probability = kept.softmax(dim=1)
    truth = functional.one_hot(wanted, logits.shape[1]).to(probability.dtype)
    overlap = 2 * (probability * truth).sum(dim=0)
    total = (probability + truth).sum(dim=0)
    present = truth.sum(dim=0) > 0
    return 1 - ((overlap + EPSILON) / (total + EPSILON))[present].mean()


def cross_entropy_loss(
    logits: Tensor, labels: Tensor, *, class_weights: Tensor | None = None
) -> Tensor:
    """Mean over the labelled pixels of minus the log-probability of their class.

    Args:
        logits: (B, K, H, W).
        labels: (B, H, W) int64, 0 to K - 1, or 255 = ignore.
        class_weights: (K,), > 0: a pixel counts as much as its class; the mean is divided by the
            sum of these weights.

    Returns:
        Scalar >= 0; 0 where no pixel is labelled.

    Raises:
        ShapeError: Shapes that do not fit.
        UnitError: `labels` are not int64, or name a class that `logits` do not have.
    """
    kept, wanted = _labelled(logits, labels)
    if class_weights is not None:
        check_shape(class_weights, str(logits.shape[1]), name="class_weights")
        class_weights = class_weights.to(kept)
    if not len(wanted):
        return logits[:0].sum()
    return functional.cross_entropy(kept, wanted, weight=class_weights)


def rare_class_weights(pixels: Sequence[int]) -> Tensor:
    """(K,) float32 weights that grow as a class gets rarer, bounded: ``1 / ln(1.02 + share)``.

    Args:
        pixels: Labelled pixels of each class in the training data; 0 is allowed.

    Raises:
        ConfigError: No class, a negative number, or not one pixel at all.

    Source: Paszke et al., ENet, arXiv 1606.02147, section 5.2.
    """
    counts = torch.as_tensor(list(pixels), dtype=torch.float64)
    if not len(counts) or bool((counts < 0).any()) or not counts.sum() > 0:
        raise ConfigError(
            f"class weights need at least one labelled pixel, got {list(pixels)} pixels a class."
        )
    return (1 / torch.log(RARE_OFFSET + counts / counts.sum())).float()


def segmentation_losses(
    logits: Tensor,
    labels: Tensor,
    *,
    terms: Sequence[SegmentationTerm] = ("dice",),
    class_weights: Tensor | None = None,
) -> dict[str, Tensor]:
    """Each of `terms` by name, and under ``"loss"`` their sum.

    Raises:
        ConfigError: No term, an unknown one, or ``"weighted_cross_entropy"`` without weights.
        ShapeError: Shapes that do not fit.
        UnitError: `labels` are not int64, or name a class that `logits` do not have.
    """
    if not terms:
        raise ConfigError("a loss needs a term. Choose dice, cross_entropy or both.")
    found: dict[str, Tensor] = {}
    for term in terms:
        if term == "dice":
            found[term] = dice_loss(logits, labels)
        elif term == "cross_entropy":
            found[term] = cross_entropy_loss(logits, labels)
        elif term == "weighted_cross_entropy" and class_weights is not None:
            found[term] = cross_entropy_loss(logits, labels, class_weights=class_weights)
        elif term == "weighted_cross_entropy":
            raise ConfigError(
                "weighted_cross_entropy needs class_weights. Make them with rare_class_weights."
            )
        else:
            raise ConfigError(
                f"unknown loss term {term!r}. Known: dice, cross_entropy, weighted_cross_entropy."
            )
    return {**found, "loss": torch.stack(list(found.values())).sum()}


def _labelled(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """(N, K) logits and (N,) classes of the labelled pixels."""
    size = check_shape(logits, "B K H W", name="logits")
    check_shape(labels, "B H W", name="labels")
    if tuple(labels.shape) != (size["B"], size["H"], size["W"]):
        raise ShapeError(
            f"labels of {tuple(labels.shape)} do not fit logits of {tuple(logits.shape)}. "
            "Bring both to one resolution.",
            actual_shape=tuple(labels.shape),
        )
    if labels.dtype != torch.int64:
        raise UnitError(f"labels must be int64 class ids, got {labels.dtype}.")
    valid = labels != IGNORE_INDEX
    wanted = labels[valid]
    if len(wanted) and not 0 <= int(wanted.min()) <= int(wanted.max()) < size["K"]:
        raise UnitError(
            f"labels reach from {int(wanted.min())} to {int(wanted.max())}, the logits have "
            f"{size['K']} classes. Mark other pixels as {IGNORE_INDEX}."
        )
    return logits.permute(0, 2, 3, 1)[valid], wanted
