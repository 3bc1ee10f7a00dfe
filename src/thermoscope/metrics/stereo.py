"""Scores of a disparity map on the pixels whose truth is known.

Per image first, then the plain mean over the images that have a pixel. Rates lie in [0, 1]; "more
than n px" is strict. What is NOT here: scores of the depth that follows
(`thermoscope.metrics.depth`), losses.

Source: Scharstein and Szeliski, IJCV 2002 (bad-n); Menze and Geiger, CVPR 2015 (D1).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.checks import check_positive
from thermoscope.core.errors import ShapeError, UnitError

__all__ = ["CATS_LIMITS_PX", "LIMITS_PX", "StereoScores", "mean_stereo_scores", "stereo_scores"]

LIMITS_PX = (1.0, 2.0, 3.0)
CATS_LIMITS_PX = (3.0, 5.0, 10.0, 20.0)
D1_PX, D1_SHARE = 3.0, 0.05


@dataclass(frozen=True)
class StereoScores:
    """Scores of an image, or their plain mean over images; nan where there is nothing to score.

    Attributes:
        epe_px: Mean absolute error, px.
        d1_all: Share of pixels wrong by more than 3 px and by more than 5 % of the truth.
        bad: Limit in px to share of pixels wrong by more than it.
        answered: Share of the known pixels that the method gave an answer for; those without one
            count as wrong at every limit in `bad` and `d1_all`, and not at all in `epe_px`.
        pixels: Pixels whose truth is known.
        images: Images scored.
        images_empty: Images left out because no truth is known.
    """

    epe_px: float
    d1_all: float
    bad: dict[float, float] = field(default_factory=dict)
    answered: float = float("nan")
    pixels: int = 0
    images: int = 1
    images_empty: int = 0

    @property
    def bad_1(self) -> float:
        """Share wrong by more than 1 px; nan if not asked for."""
        return self.bad.get(1.0, float("nan"))

    @property
    def bad_2(self) -> float:
        """Share wrong by more than 2 px; nan if not asked for."""
        return self.bad.get(2.0, float("nan"))

    @property
    def bad_3(self) -> float:
        """Share wrong by more than 3 px; nan if not asked for."""
        return self.bad.get(3.0, float("nan"))

    @classmethod
    def empty(cls, limits_px: Sequence[float] = LIMITS_PX) -> StereoScores:
        """Scores of nothing: all nan, no pixel, no image."""
        nan = float("nan")
        return cls(nan, nan, dict.fromkeys(map(float, limits_px), nan), nan, 0, 0, 1)


def stereo_scores(
    disparity: NDArray[Any],
    truth: NDArray[Any],
    valid: NDArray[Any],
    *,
    answered: NDArray[Any] | None = None,
    limits_px: Sequence[float] = LIMITS_PX,
) -> StereoScores:
    """Scores of one image.

    Args:
        disparity: (H, W) or (1, H, W) px; not finite = no answer.
        truth: The same shape, px, any sign.
        valid: The same shape, bool: where the truth is known and counts.
        answered: The same shape, bool: where the method gives an answer; None = everywhere finite.
        limits_px: Of `StereoScores.bad`.

    Returns:
        The scores; all nan if `valid` selects no pixel, `epe_px` also if none of them is answered.

    Raises:
        ShapeError: Shapes that differ.
        UnitError: A mask that is not bool.
        ConfigError: A limit that is not positive.

    Example:
        >>> truth = np.array([[10.0, 10.0, 10.0, 10.0]])
        >>> found = np.array([[10.0, 11.0, 13.0, 16.0]])
        >>> scores = stereo_scores(found, truth, np.ones((1, 4), bool))
        >>> scores.epe_px, scores.bad_1, scores.bad_3, scores.d1_all
        (2.5, 0.5, 0.25, 0.25)
    """
    for name, other in (("truth", truth), ("valid", valid), ("answered", answered)):
        if other is not None and other.shape != disparity.shape:
            raise ShapeError(f"{name} must be {disparity.shape}, got {other.shape}.")
    for name, mask in (("valid", valid), ("answered", answered)):
        if mask is not None and mask.dtype != np.bool_:
            raise UnitError(f"{name} must be bool, got {mask.dtype}. Compare with > 0.")
    for limit in limits_px:
        check_positive(limit, name="limits_px")
    pixels = int(valid.sum())
    if not pixels:
        return StereoScores.empty(limits_px)
    found = np.asarray(disparity[valid], np.float64)
    known = np.asarray(truth[valid], np.float64)
    has = np.isfinite(found) if answered is None else np.isfinite(found) & answered[valid]
    error = np.where(has, np.abs(np.where(has, found, known) - known), np.inf)
    return StereoScores(
        epe_px=float(error[has].mean()) if has.any() else float("nan"),
        d1_all=float(((error > D1_PX) & (error > D1_SHARE * np.abs(known))).mean()),
        bad={float(limit): float((error > limit).mean()) for limit in limits_px},
        answered=float(has.mean()),
        pixels=pixels,
    )


def mean_stereo_scores(scores: Iterable[StereoScores]) -> StereoScores:
    """Plain mean over images; images without a known pixel are left out and counted.

    Returns:
        All nan if there is no image with a known pixel.
    """
    every = list(scores)
    used = [s for s in every if s.images]
    empty = sum(s.images_empty for s in every)
    if not used:
        limits = tuple(every[0].bad) if every else LIMITS_PX
        nothing = StereoScores.empty(limits)
        return StereoScores(
            nothing.epe_px, nothing.d1_all, nothing.bad, images=0, images_empty=empty
        )
    images = np.array([s.images for s in used], np.float64)

    def mean(values: list[float]) -> float:
        array = np.array(values)
        known = np.isfinite(array)
        return float((array * images)[known].sum() / images[known].sum()) if known.any() else np.nan

    return StereoScores(
        epe_px=mean([s.epe_px for s in used]),
        d1_all=mean([s.d1_all for s in used]),
        bad={limit: mean([s.bad[limit] for s in used]) for limit in used[0].bad},
        answered=mean([s.answered for s in used]),
        pixels=sum(s.pixels for s in used),
        images=int(images.sum()),
        images_empty=empty,
    )
