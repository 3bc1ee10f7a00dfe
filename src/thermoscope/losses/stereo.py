"""Objectives of disparity: ground truth where it exists, a teacher where it does not.

All maps are (B, 1, H, W) in px of the full resolution. Means are per image first, then over the
images that have a pixel; a batch without any has the loss 0 and the gradient 0. What is NOT here:
scores (`thermoscope.metrics.stereo`), and where a teacher can be believed
(`thermoscope.models.stereo_teacher`).

Source: smooth L1 at full resolution and on the first answer with weights 1 and 0.3 as in
LightStereo and CoEx; teacher's error clamped at 10 px as in LiteAnyStereo.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from thermoscope.core.checks import check_in_range, check_positive, check_shape
from thermoscope.core.errors import ConfigError, ShapeError, UnitError

__all__ = [
    "StereoLosses",
    "bin_cross_entropy",
    "bin_targets",
    "distillation_masks",
    "smooth_l1_px",
    "stereo_losses",
]

TEACHER_CLAMP_PX = 10.0


@dataclass(frozen=True)
class StereoLosses:
    """Parts of the objective; `total` is minimised.

    Attributes:
        total: Weighted sum.
        truth: Against ground truth, final answer, px.
        teacher: Against the teacher, final answer, px; 0 without one.
        earlier: Of the answers before the final one, both kinds.
    """

    total: Tensor
    truth: Tensor
    teacher: Tensor
    earlier: Tensor


def smooth_l1_px(
    prediction: Tensor, target: Tensor, valid: Tensor, *, clamp_px: float | None = None
) -> Tensor:
    """Mean smooth L1 (quadratic below 1 px) over the valid pixels.

    Args:
        prediction: (B, 1, H, W) px.
        target: (B, 1, H, W) px; any value, also nan, where not valid.
        valid: (B, 1, H, W) bool.
        clamp_px: Errors above this count as much as this, and pull no more; None = no limit.

    Returns:
        Scalar with gradient.

    Raises:
        ShapeError: Shapes that do not fit.
        UnitError: `valid` is not bool.
        ConfigError: `clamp_px` is not positive.
    """
    check_shape(prediction, "B 1 H W", name="prediction")
    _check_same(prediction, target, "target")
    _check_same(prediction, valid, "valid")
    if valid.dtype != torch.bool:
        raise UnitError(f"valid must be bool, got {valid.dtype}. Compare with > 0.")
    safe = torch.where(valid, target.float(), prediction.detach().float())
    error = functional.smooth_l1_loss(prediction.float(), safe, reduction="none")
    if clamp_px is not None:
        check_positive(clamp_px, name="clamp_px")
        error = error.clamp(max=clamp_px - 0.5)  # smooth L1 of an error e > 1 is e - 0.5
    pixels = valid.flatten(1).sum(dim=1)
    per_image = (error * valid).flatten(1).sum(dim=1) / pixels.clamp(min=1)
    return per_image.sum() / (pixels > 0).sum().clamp(min=1)


def distillation_masks(
    valid: Tensor, taught: Tensor, *, reach_px: int = 1
) -> tuple[Tensor, Tensor]:
    """Which pixels learn from the truth and which from the teacher: never both.

    Args:
        valid: (B, 1, H, W) bool, where ground truth is known.
        taught: (B, 1, H, W) bool, where the teacher is believed.
        reach_px: Ground truth also silences the teacher this far around, px.

    Returns:
        Masks of truth and teacher, (B, 1, H, W) bool each.

    Raises:
        ShapeError: Shapes that do not fit.
        ConfigError: `reach_px` is not in 0 to 8.
    """
    check_shape(valid, "B 1 H W", name="valid")
    _check_same(valid, taught, "taught")
    check_in_range(reach_px, 0, 8, name="reach_px")
    near = valid
    if reach_px:
        side = 2 * reach_px + 1
        near = functional.max_pool2d(valid.float(), side, stride=1, padding=reach_px) > 0
    return valid, taught & ~near


def stereo_losses(
    disparity: Tensor,
    earlier: Sequence[Tensor],
    *,
    truth: Tensor,
    valid: Tensor,
    teacher: Tensor | None = None,
    taught: Tensor | None = None,
    teacher_weight: float = 0.5,
    earlier_weight: float = 0.3,
    decay: float = 0.9,
) -> StereoLosses:
    """Loss of the final answer plus a share of those before it.

    Args:
        disparity: (B, 1, H, W) px, final.
        earlier: The same of the stages before, first one first; each stage weighs `decay` of the
            next, and together they weigh `earlier_weight`.
        truth: (B, 1, H, W) px.
        valid: (B, 1, H, W) bool, where `truth` is known.
        teacher: (B, 1, H, W) px, or None.
        taught: (B, 1, H, W) bool, where the teacher is believed; needed with `teacher`.
        teacher_weight: Of the teacher against the truth.
        earlier_weight: Of the stages before.
        decay: From stage to stage, in (0, 1].

    Raises:
        ShapeError: Shapes that do not fit, or `teacher` without `taught`.
        UnitError: A mask that is not bool.
        ConfigError: A weight out of range.
    """
    check_in_range(teacher_weight, 0, 100, name="teacher_weight")
    check_in_range(earlier_weight, 0, 100, name="earlier_weight")
    check_in_range(decay, 0.01, 1, name="decay")
    if teacher is not None and taught is None:
        raise ShapeError("teacher without taught: give the mask of pixels where it is believed.")

    def both(answer: Tensor) -> tuple[Tensor, Tensor]:
        if teacher is None or taught is None:
            return smooth_l1_px(answer, truth, valid), answer.new_zeros(())
        known, rest = distillation_masks(valid, taught)
        told = smooth_l1_px(answer, teacher, rest, clamp_px=TEACHER_CLAMP_PX)
        return smooth_l1_px(answer, truth, known), told

    from_truth, from_teacher = both(disparity)
    total = from_truth + teacher_weight * from_teacher
    before = disparity.new_zeros(())
    shares = [decay ** (len(earlier) - 1 - i) for i in range(len(earlier))]
    for share, answer in zip(shares, earlier, strict=True):
        known_part, told_part = both(answer)
        before = before + share / sum(shares) * (known_part + teacher_weight * told_part)
    return StereoLosses(total + earlier_weight * before, from_truth, from_teacher, before)


def bin_targets(
    disparity: Tensor,
    valid: Tensor,
    *,
    bins: int,
    stride: int,
    first_bin: int = 0,
    every_px: int = 1,
) -> tuple[Tensor, Tensor]:
    """Which bins a coarse pixel should answer: the mean over the disparities in it.

    Each disparity is shared by the two bins next to it; a coarse pixel on an edge has two peaks.

    Args:
        disparity: (B, 1, H, W) px, sides multiples of `stride`; any value where not valid.
        valid: (B, 1, H, W) bool.
        bins: Number of bins, each `stride` px wide.
        stride: Fine pixels in a coarse one, along each side.
        first_bin: The smallest bin, of any sign.
        every_px: Only so many-th rows and columns are read; for dense disparities 2 says as much
            in a quarter of the time. Divides `stride`.

    Returns:
        (B, bins, H / stride, W / stride) float32 that sum to 1 over the bins where a pixel is
        known, to 0 elsewhere, and (B, 1, H / stride, W / stride) bool, where one is known.

    Raises:
        ShapeError: Shapes that do not fit.
        ConfigError: A number is not positive, or `every_px` does not divide `stride`.
    """
    check_shape(disparity, "B 1 H W", name="disparity")
    _check_same(disparity, valid, "valid")
    for name, value in (("bins", bins), ("stride", stride), ("every_px", every_px)):
        check_positive(value, name=name)
    if stride % every_px:
        raise ConfigError(f"every_px {every_px} must divide the stride {stride}.")
    place = torch.where(valid, disparity / stride - first_bin, -2.0).clamp(max=bins - 1)
    index = torch.arange(bins, device=place.device, dtype=place.dtype).view(1, -1, 1, 1)
    near = (1 - (place[:, :, ::every_px, ::every_px] - index).abs()).clamp(min=0)
    share = functional.avg_pool2d(near, stride // every_px)
    known = share.sum(dim=1, keepdim=True)
    return share / known.clamp(min=1e-6), known > 0


def bin_cross_entropy(logits: Tensor, targets: Tensor, known: Tensor) -> Tensor:
    """Mean cross-entropy of distributions over bins, where the target is known.

    A mean over bins (`soft-argmin`) is right for many wrong distributions; this is not, and it
    teaches to match long before the mean is sharp.

    Args:
        logits: (B, bins, h, w).
        targets: (B, bins, h, w) from `bin_targets`.
        known: (B, 1, h, w) bool.

    Returns:
        Scalar with gradient, nats; 0 where nothing is known.

    Raises:
        ShapeError: Shapes that do not fit.

    Source: cross-entropy on the cost volume as in Chen et al., On the over-smoothing problem of
    CNN based disparity estimation, ICCV 2019.
    """
    check_shape(logits, "B K h w", name="logits")
    _check_same(logits, targets, "targets")
    surprise = -(targets * functional.log_softmax(logits.float(), dim=1)).sum(dim=1, keepdim=True)
    pixels = known.flatten(1).sum(dim=1)
    per_image = (surprise * known).flatten(1).sum(dim=1) / pixels.clamp(min=1)
    return per_image.sum() / (pixels > 0).sum().clamp(min=1)


def _check_same(reference: Tensor, other: Tensor, name: str) -> None:
    if other.shape != reference.shape:
        raise ShapeError(
            f"{name} must be {tuple(reference.shape)}, got {tuple(other.shape)}.",
            actual_shape=other.shape,
        )
