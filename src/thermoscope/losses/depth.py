"""Objectives of monocular depth: invariant to scale and shift, to scale, or to neither.

All take depth (or inverse depth) of (B, 1, H, W) and a bool `valid` of the same shape; an image
without a valid pixel has no say, and a batch without any has the loss 0 and the gradient 0. Means
are per image first, then over images, as the scores are. What is NOT here: scores
(`thermoscope.metrics.depth`), losses of stereo.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from thermoscope.core.checks import check_in_range, check_shape
from thermoscope.core.errors import ConfigError, ShapeError, UnitError

__all__ = [
    "gradient_matching_loss",
    "least_squares_alignment",
    "scale_shift_invariant_loss",
    "silog_loss",
]

LEAST_VARIANCE = 1e-8  # of a prediction that still has a slope to fit, in its own unit squared
LEAST_SILOG = 1e-8  # under the root, whose slope at 0 is infinite


def least_squares_alignment(
    prediction: Tensor, target: Tensor, valid: Tensor
) -> tuple[Tensor, Tensor]:
    """Scale and shift of each image that bring `prediction` closest to `target` in the mean square.

    A prediction without contrast, or a single valid pixel, gets the scale 0 and the mean of the
    target as the shift. The scale may be negative: then the prediction runs the other way.

    Args:
        prediction: (B, 1, H, W).
        target: (B, 1, H, W).
        valid: (B, 1, H, W) bool.

    Returns:
        Scale and shift, (B, 1, 1, 1) each, with gradient; 0 and 0 for an image without a pixel.

    Raises:
        ShapeError: Shapes that do not fit.
        UnitError: `valid` is not bool.

    Source: closed form of linear regression; Ranftl et al., MiDaS, TPAMI 2022, eq. 4.
    """
    _check(prediction, target, valid)
    prediction, target = _silenced(prediction, valid), _silenced(target, valid)
    mean_p, mean_t = _image_mean(prediction, valid), _image_mean(target, valid)
    away = _silenced(prediction - mean_p, valid)
    variance = _image_mean(away.square(), valid)
    covariance = _image_mean(away * (target - mean_t), valid)
    sloped = variance > LEAST_VARIANCE
    scale = torch.where(sloped, covariance / torch.where(sloped, variance, 1.0), 0.0 * covariance)
    return scale, mean_t - scale * mean_p


def scale_shift_invariant_loss(
    prediction: Tensor,
    target: Tensor,
    valid: Tensor,
    *,
    alignment: Literal["least_squares", "median"] = "least_squares",
    trim: float = 0.0,
) -> Tensor:
    """Distance of two depth maps after the best scale and shift of each image.

    ``"least_squares"`` aligns the prediction to the target and takes half the mean square, in the
    target's unit squared; a falling prediction can have a loss of 0. ``"median"`` brings both to
    median 0 and mean absolute deviation 1 and takes half the mean absolute difference, which
    outliers hardly move, and which a falling prediction cannot win.

    Args:
        prediction: (B, 1, H, W), any unit.
        target: (B, 1, H, W).
        valid: (B, 1, H, W) bool.
        alignment: As above.
        trim: Share of the largest differences of each image to leave out, [0, 1).

    Returns:
        Scalar >= 0; 0 where nothing is valid.

    Raises:
        ShapeError: Shapes that do not fit.
        UnitError: `valid` is not bool.
        ConfigError: Unknown `alignment`, or `trim` out of range.

    Source: Ranftl et al., Towards Robust Monocular Depth Estimation, TPAMI 2022, section 5.
    """
    _check(prediction, target, valid)
    if not 0 <= trim < 1:
        raise ConfigError(f"trim must lie in [0, 1), got {trim!r}.")
    if alignment == "least_squares":
        scale, shift = least_squares_alignment(prediction, target, valid)
        aligned = scale * _silenced(prediction, valid) + shift
        differences = (aligned - _silenced(target, valid)).square() / 2
    elif alignment == "median":
        differences = (_centred(prediction, valid) - _centred(target, valid)).abs() / 2
    else:
        raise ConfigError(f"alignment must be 'least_squares' or 'median', got {alignment!r}.")
    kept = valid if trim == 0 else _trimmed(differences, valid, trim)
    return _batch_mean(_image_mean(_silenced(differences, kept), kept), kept, prediction)


def silog_loss(
    prediction: Tensor, target: Tensor, valid: Tensor, *, variance_focus: float = 0.85
) -> Tensor:
    """Root of the scale-invariant mean square of the log ratio: ``sqrt(mean(g^2) - f mean(g)^2)``.

    Args:
        prediction: (B, 1, H, W), m, > 0 where valid.
        target: (B, 1, H, W), m, > 0 where valid.
        valid: (B, 1, H, W) bool.
        variance_focus: f: 0 judges the scale in full, 1 not at all.

    Returns:
        Scalar >= 0 (1e-4 at the best, for a finite slope); 0 where nothing is valid.

    Raises:
        ShapeError: Shapes that do not fit.
        UnitError: `valid` is not bool, or a valid depth is not above 0.
        ConfigError: `variance_focus` outside [0, 1].

    Source: Eigen et al., NeurIPS 2014; the root and 0.85 are of Lee et al., BTS, 2019.
    """
    _check(prediction, target, valid)
    check_in_range(variance_focus, 0, 1, name="variance_focus")
    if bool((valid & ((prediction <= 0) | (target <= 0))).any()):
        raise UnitError("a logarithm needs depths above 0. Bound the prediction, mark the rest.")
    ones = torch.ones_like(prediction)
    ratio = torch.where(valid, prediction, ones).log() - torch.where(valid, target, ones).log()
    spread = _image_mean(ratio.square(), valid) - variance_focus * _image_mean(ratio, valid) ** 2
    return _batch_mean((spread.clamp(min=0) + LEAST_SILOG).sqrt(), valid, prediction)


def gradient_matching_loss(
    prediction: Tensor, target: Tensor, valid: Tensor, *, scales: int = 4
) -> Tensor:
    """Mean absolute step of the difference between neighbours, summed over halved resolutions.

    Edges of the prediction must lie where those of the target lie; a constant difference costs
    nothing. A step counts where both its pixels are valid. Resolutions are halved by leaving out
    pixels, so that nothing is mixed across an edge.

    Args:
        prediction: (B, 1, H, W), in the unit of `target` (align it first).
        target: (B, 1, H, W).
        valid: (B, 1, H, W) bool.
        scales: Number of resolutions, >= 1.

    Returns:
        Scalar >= 0; 0 where nothing is valid.

    Raises:
        ShapeError: Shapes that do not fit.
        UnitError: `valid` is not bool.
        ConfigError: `scales` below 1.

    Source: Ranftl et al., TPAMI 2022, eq. 11; after Li and Snavely, MegaDepth, CVPR 2018.
    """
    _check(prediction, target, valid)
    if scales < 1:
        raise ConfigError(f"scales must be at least 1, got {scales!r}.")
    difference = _silenced(prediction - target, valid)
    total = prediction[:0].sum()
    for scale in range(scales):
        step = 2**scale
        residual, known = difference[..., ::step, ::step], valid[..., ::step, ::step]
        across, down = known[..., 1:] & known[..., :-1], known[..., 1:, :] & known[..., :-1, :]
        steps = ((residual[..., 1:] - residual[..., :-1]).abs() * across).sum(dim=(1, 2, 3))
        steps = steps + ((residual[..., 1:, :] - residual[..., :-1, :]).abs() * down).sum(
            dim=(1, 2, 3)
        )
        pixels = known.sum(dim=(1, 2, 3)).clamp(min=1)
        total = total + _batch_mean((steps / pixels).view(-1, 1, 1, 1), known, prediction)
    return total


def _check(prediction: Tensor, target: Tensor, valid: Tensor) -> None:
    check_shape(prediction, "B 1 H W", name="prediction")
    for name, other in (("target", target), ("valid", valid)):
        if other.shape != prediction.shape:
            raise ShapeError(
                f"{name} of {tuple(other.shape)} does not fit a prediction of "
                f"{tuple(prediction.shape)}. Bring both to one resolution.",
                actual_shape=tuple(other.shape),
            )
    if valid.dtype != torch.bool:
        raise UnitError(f"valid must be bool, got {valid.dtype}.")


def _silenced(values: Tensor, valid: Tensor) -> Tensor:
    """0 where not valid, so that neither nan nor infinity there reaches value or gradient."""
    return torch.where(valid, values, torch.zeros_like(values))


def _image_mean(values: Tensor, valid: Tensor) -> Tensor:
    count = valid.sum(dim=(1, 2, 3), keepdim=True).clamp(min=1)
    return _silenced(values, valid).sum(dim=(1, 2, 3), keepdim=True) / count


def _batch_mean(per_image: Tensor, valid: Tensor, prediction: Tensor) -> Tensor:
    """Mean over the images that have a valid pixel."""
    known = valid.flatten(1).any(dim=1)
    if not bool(known.any()):
        return prediction[:0].sum()
    return per_image.flatten()[known].mean()


def _centred(values: Tensor, valid: Tensor) -> Tensor:
    """Each image with median 0 and mean absolute deviation 1 over its valid pixels."""
    hidden = torch.where(valid, values, torch.full_like(values, torch.nan))
    median = hidden.flatten(1).nanmedian(dim=1).values.view(-1, 1, 1, 1)
    away = _silenced(values - torch.nan_to_num(median), valid)
    deviation = _image_mean(away.abs(), valid)
    return away / deviation.clamp(min=LEAST_VARIANCE)


def _trimmed(differences: Tensor, valid: Tensor, trim: float) -> Tensor:
    """`valid` without the `trim` share of the largest differences of each image."""
    ordered = torch.where(valid, differences.detach(), torch.inf).flatten(1)
    count = valid.flatten(1).sum(dim=1)
    kept = torch.ceil(count * (1 - trim)).long()
    rank = ordered.argsort(dim=1, stable=True).argsort(dim=1)
    return (rank < kept[:, None]).view_as(valid) & valid
