"""Branches that teach each other: colour alone, thermal alone, and both fused.

In every picture the branch that is best there teaches the others, by its scores and its features;
no gradient reaches the teacher. So one modality alone degrades gracefully when the other is
missing. What is NOT here: the branches (`thermoscope.models.sartm`).

The released SARTM calls its language losses cross-modal distillation and has no such term; this is
what the name says.

Source: Hinton et al., Distilling the Knowledge in a Neural Network, arXiv 1503.02531, for the
scores.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from thermoscope.core.checks import check_positive, check_shape
from thermoscope.core.errors import ConfigError, ShapeError
from thermoscope.core.sample import IGNORE_INDEX

__all__ = ["Branch", "best_branch", "cross_modal_losses", "feature_distance", "score_divergence"]

SCORE_TEMPERATURE = 2.0


@dataclass(frozen=True)
class Branch:
    """What one branch says of a batch.

    Attributes:
        logits: (B, K, H, W).
        features: (B, C, h, w), of the same layer in every branch.
        seen: (B,) bool: which pictures this branch had; all if None.
    """

    logits: Tensor
    features: Tensor
    seen: Tensor | None = None

    def present(self) -> Tensor:
        """(B,) bool."""
        if self.seen is None:
            return torch.ones(len(self.logits), dtype=torch.bool, device=self.logits.device)
        return self.seen


def score_divergence(
    student: Tensor, teacher: Tensor, *, temperature: float = SCORE_TEMPERATURE
) -> Tensor:
    """(B,) mean over pixels of KL(teacher || student), of scores softened by a temperature.

    Args:
        student: (B, K, H, W) logits.
        teacher: The same shape; no gradient reaches it.
        temperature: > 0; the result is multiplied by its square, as gradients shrink with it.

    Raises:
        ShapeError: Shapes that differ.
        ConfigError: `temperature` is not positive.
    """
    check_positive(temperature, name="temperature")
    _same(student, teacher, "logits")
    wanted = (teacher.detach().float() / temperature).log_softmax(dim=1)
    found = (student.float() / temperature).log_softmax(dim=1)
    divergence = (wanted.exp() * (wanted - found)).sum(dim=1)
    return divergence.mean(dim=(1, 2)) * temperature**2


def feature_distance(student: Tensor, teacher: Tensor) -> Tensor:
    """(B,) mean over places of one minus the cosine of features.

    Args:
        student: (B, C, h, w).
        teacher: The same shape; no gradient reaches it.

    Raises:
        ShapeError: Shapes that differ.
    """
    _same(student, teacher, "features")
    cosine = functional.cosine_similarity(student.float(), teacher.detach().float(), dim=1)
    return (1 - cosine).mean(dim=(1, 2))


def _same(student: Tensor, teacher: Tensor, name: str) -> None:
    check_shape(student, "B C H W", name=f"student {name}")
    if student.shape != teacher.shape:
        raise ShapeError(
            f"student {name} of {tuple(student.shape)} do not fit a teacher's of "
            f"{tuple(teacher.shape)}."
        )


def best_branch(branches: Mapping[str, Branch], labels: Tensor | None) -> Tensor:
    """(B,) index of the branch that teaches in each picture.

    With labels it is the one of the lowest cross-entropy, without (or in a picture without one
    labelled pixel) the one of the lowest entropy. Branches that had no picture never teach.

    Args:
        branches: At least one.
        labels: (B, H, W) int64, 255 = ignore; or None.

    Raises:
        ConfigError: No branch.
    """
    if not branches:
        raise ConfigError("branches that teach each other: there is none.")
    costs = [_cost(branch, labels) for branch in branches.values()]
    return torch.stack(costs).argmin(dim=0)


@torch.no_grad()
def _cost(branch: Branch, labels: Tensor | None) -> Tensor:
    """(B,), infinite where the branch had no picture."""
    logits = branch.logits.float()
    log_shares = logits.log_softmax(dim=1)
    doubt = -(log_shares.exp() * log_shares).sum(dim=1).mean(dim=(1, 2))
    if labels is not None:
        wrong = functional.cross_entropy(
            logits, labels, ignore_index=IGNORE_INDEX, reduction="none"
        ).sum(dim=(1, 2))
        pixels = (labels != IGNORE_INDEX).sum(dim=(1, 2))
        doubt = torch.where(pixels > 0, wrong / pixels.clamp(min=1), doubt)
    return doubt.masked_fill(~branch.present(), torch.inf)


def cross_modal_losses(
    branches: Mapping[str, Branch], labels: Tensor | None = None
) -> dict[str, Tensor]:
    """Every branch learns from the best one, picture by picture.

    Args:
        branches: At least two, of one batch.
        labels: To find the best by; see `best_branch`.

    Returns:
        ``cross_scores`` and ``cross_features``: means over pictures and the branches that learn
        there; 0 where none does.

    Raises:
        ConfigError: Fewer than two branches.
        ShapeError: Branches of different shapes.
    """
    if len(branches) < 2:
        raise ConfigError(f"branches that teach each other: got {len(branches)}, two are needed.")
    found = list(branches.values())
    best = best_branch(branches, labels)
    rows = torch.arange(len(best), device=best.device)
    scores = torch.stack([b.logits.detach() for b in found])[best, rows]
    features = torch.stack([b.features.detach() for b in found])[best, rows]
    learns = torch.stack([b.present() & (best != i) for i, b in enumerate(found)]).float()
    by_scores = torch.stack([score_divergence(b.logits, scores) for b in found])
    by_features = torch.stack([feature_distance(b.features, features) for b in found])
    count = learns.sum().clamp(min=1)
    return {
        "cross_scores": (by_scores * learns).sum() / count,
        "cross_features": (by_features * learns).sum() / count,
    }
