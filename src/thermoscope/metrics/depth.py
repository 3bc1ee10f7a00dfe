"""Scores of a depth map, with the alignment that was allowed named in the result.

Alignment is found per image and in depth space. Fitting in another space changes the scores a lot,
so a depth score without its alignment means nothing. What is NOT here: losses
(`thermoscope.losses.depth`), disparity scores.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.checks import check_positive
from thermoscope.core.errors import ConfigError, ShapeError, UnitError

__all__ = ["Alignment", "DepthScores", "align_depth", "depth_scores", "mean_depth_scores"]

Alignment = Literal["none", "median", "scale_shift"]
SCORES = ("abs_rel", "sq_rel", "rmse_m", "rmse_log", "delta_1", "delta_2", "delta_3")
RATIO = 1.25  # of delta_1; delta_2 and delta_3 take its square and cube


@dataclass(frozen=True)
class DepthScores:
    """Scores of an image, or their plain mean over images; nan where there is nothing to score.

    Attributes:
        alignment: What was fitted to the truth before scoring.
        abs_rel: Mean of the absolute error over the true depth.
        sq_rel: Mean of the squared error over the true depth, m.
        rmse_m: Root mean square error, m.
        rmse_log: Root mean square of the natural log ratio.
        delta_1: Share of pixels within a factor of 1.25, either way.
        delta_2: Share within 1.25 squared.
        delta_3: Share within 1.25 cubed.
        pixels: Pixels scored.
        images: Images scored.
        images_empty: Images left out because not one pixel could be scored.
    """

    alignment: Alignment
    abs_rel: float
    sq_rel: float
    rmse_m: float
    rmse_log: float
    delta_1: float
    delta_2: float
    delta_3: float
    pixels: int
    images: int = 1
    images_empty: int = 0

    @classmethod
    def empty(cls, alignment: Alignment) -> DepthScores:
        """Scores of nothing: all nan, no pixel, no image."""
        nan = float("nan")
        return cls(alignment, nan, nan, nan, nan, nan, nan, nan, pixels=0, images=0)


def align_depth(
    prediction: NDArray[Any], truth: NDArray[Any], alignment: Alignment
) -> tuple[float, float]:
    """Scale and shift that bring `prediction` to `truth`.

    Args:
        prediction: (N,), any unit.
        truth: (N,), m.
        alignment: ``"none"``; ``"median"``: scale = ratio of the medians; ``"scale_shift"``: least
            squares of both. A prediction without contrast gets scale 0 and the mean of `truth`.

    Returns:
        Scale and shift (m); both nan for no pixel, or for a median of 0 or below.

    Raises:
        ConfigError: Unknown `alignment`.
    """
    if alignment == "none":
        return 1.0, 0.0
    if alignment not in ("median", "scale_shift"):
        raise ConfigError(
            f"alignment must be 'none', 'median' or 'scale_shift', got {alignment!r}."
        )
    if not len(truth):
        return np.nan, np.nan
    if alignment == "median":
        middle = float(np.median(prediction))
        return (float(np.median(truth)) / middle, 0.0) if middle > 0 else (np.nan, np.nan)
    away = prediction - prediction.mean()
    contrast = float((away**2).sum())
    # below the rounding of the mean the contrast is noise, not a slope
    flat = contrast <= len(away) * (1e-12 * float(np.abs(prediction).max())) ** 2
    scale = 0.0 if flat else float((away * (truth - truth.mean())).sum()) / contrast
    return scale, float(truth.mean() - scale * prediction.mean())


def depth_scores(
    prediction: NDArray[Any],
    truth: NDArray[Any],
    valid: NDArray[np.bool_],
    *,
    alignment: Alignment = "none",
    min_depth_m: float = 1e-3,
    max_depth_m: float = 80.0,
) -> DepthScores:
    """Scores of one image.

    Pixels count where `valid` and where the truth lies strictly between the two limits. The
    prediction is aligned on these pixels, then held to the limits.

    Args:
        prediction: Any shape; m, or any unit with an `alignment`.
        truth: The same shape, m.
        valid: The same shape, bool.
        alignment: See `align_depth`.
        min_depth_m: > 0.
        max_depth_m: > `min_depth_m`.

    Returns:
        Scores; all nan, 0 pixels and 0 images where no pixel can be scored.

    Raises:
        ShapeError: Shapes that differ.
        UnitError: `valid` is not bool, the prediction is not finite at a pixel that counts, or its
            median there is 0 or below and `alignment` is ``"median"``.
        ConfigError: Unknown `alignment`, or limits that are not positive or in the wrong order.

    Example:
        >>> everywhere = np.ones((2, 2), bool)
        >>> truth = np.array([[1.0, 2.0], [4.0, 8.0]])
        >>> depth_scores(truth * 1.25, truth, everywhere).abs_rel
        0.25
        >>> depth_scores(truth * 1.25, truth, everywhere, alignment="median").abs_rel
        0.0

    Source: Eigen, Puhrsch, Fergus, NeurIPS 2014; alignment as in MiDaS and AnyThermal's protocol.
    """
    if check_positive(max_depth_m, name="max_depth_m") <= check_positive(
        min_depth_m, name="min_depth_m"
    ):
        raise ConfigError(f"max_depth_m must exceed min_depth_m, got {max_depth_m}, {min_depth_m}.")
    scored = _scored(prediction, truth, valid) & (truth > min_depth_m) & (truth < max_depth_m)
    found, true = prediction[scored].astype(np.float64), truth[scored].astype(np.float64)
    if not np.isfinite(found).all():
        raise UnitError(
            f"the prediction is not finite at {int((~np.isfinite(found)).sum())} of {found.size} "
            "pixels with truth. Depth must be a number wherever it is scored."
        )
    if not len(true):
        return DepthScores.empty(alignment)
    scale, shift = align_depth(found, true, alignment)
    if not np.isfinite(scale):
        raise UnitError(
            "the median of the prediction is 0 or below where there is truth: no scale brings it "
            "to metres. The frame counts as failed."
        )
    return _scores(np.clip(scale * found + shift, min_depth_m, max_depth_m), true, alignment)


def _scored(
    prediction: NDArray[Any], truth: NDArray[Any], valid: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    for name, other in (("truth", truth), ("valid", valid)):
        if other.shape != prediction.shape:
            raise ShapeError(
                f"{name} of {other.shape} does not fit a prediction of {prediction.shape}. "
                "Predict at the resolution of the truth.",
                actual_shape=other.shape,
            )
    if valid.dtype != np.bool_:
        raise UnitError(f"valid must be bool, got {valid.dtype}.")
    return valid


def _scores(
    found: NDArray[np.float64], true: NDArray[np.float64], alignment: Alignment
) -> DepthScores:
    error = found - true
    ratio = np.maximum(found / true, true / found)
    return DepthScores(
        alignment=alignment,
        abs_rel=float((np.abs(error) / true).mean()),
        sq_rel=float((error**2 / true).mean()),
        rmse_m=float(np.sqrt((error**2).mean())),
        rmse_log=float(np.sqrt((np.log(found / true) ** 2).mean())),
        delta_1=float((ratio < RATIO).mean()),
        delta_2=float((ratio < RATIO**2).mean()),
        delta_3=float((ratio < RATIO**3).mean()),
        pixels=len(true),
    )


def mean_depth_scores(images: Iterable[DepthScores]) -> DepthScores:
    """Plain mean over images: each counts the same, whatever the number of its pixels.

    Images without a scored pixel are left out and counted in `images_empty`.

    Raises:
        ConfigError: No image, or images of different alignments.
    """
    every = list(images)
    alignments = {scores.alignment for scores in every}
    if len(alignments) != 1:
        raise ConfigError(
            f"a mean needs images of one alignment, got {sorted(alignments) or 'no image'}."
        )
    kept = [scores for scores in every if scores.images]
    means = {
        name: float(np.mean([getattr(scores, name) for scores in kept])) if kept else np.nan
        for name in SCORES
    }
    return DepthScores(
        alignment=alignments.pop(),
        **means,
        pixels=sum(scores.pixels for scores in kept),
        images=len(kept),
        images_empty=len(every) - len(kept),
    )
