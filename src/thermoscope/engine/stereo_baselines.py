"""Semi-global matching of OpenCV as a baseline that gets every chance: its best parameters.

What is NOT here: the matcher itself (`thermoscope.geometry.semi_global`), scores
(`thermoscope.engine.evaluate_stereo`).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.checks import check_shape
from thermoscope.core.errors import ConfigError, ShapeError
from thermoscope.data.stereo_augment import StereoPairViews
from thermoscope.geometry.semi_global import SemiGlobalMatcher
from thermoscope.metrics.stereo import mean_stereo_scores, stereo_scores
from thermoscope.models.stereo_result import StereoResult

__all__ = ["Sgbm", "fill_from_left", "tune_sgbm"]


@dataclass(frozen=True)
class Sgbm(SemiGlobalMatcher):
    """The matcher as a method that answers everywhere; see `SemiGlobalMatcher` for its settings."""

    @property
    def leaves_holes(self) -> bool:
        """True: `StereoResult.valid` is what the matcher itself answered."""
        return True

    def predict(self, left: NDArray[Any], right: NDArray[Any]) -> StereoResult:
        """Disparity with holes filled from the left; `valid` is what the matcher itself answered.

        Args:
            left: (H, W) counts, kelvin or grey levels.
            right: (H, W), rectified with `left`.

        Raises:
            ShapeError: Not (H, W), or sizes that differ.
        """
        disparity, answered = self.match(left, right)
        filled = fill_from_left(disparity, answered)
        return StereoResult(filled, answered.astype(np.float32), answered)


def fill_from_left(
    disparity: NDArray[np.float32], answered: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Holes take the value of the nearest answered pixel to their left, else to their right.

    A row without any answer takes the median of the picture, or 0 if there is none at all.

    Args:
        disparity: (H, W) px.
        answered: (H, W) bool.

    Raises:
        ShapeError: Shapes that do not fit.
    """
    check_shape(disparity, "H W", name="disparity")
    if answered.shape != disparity.shape:
        raise ShapeError(f"answered must be {disparity.shape}, got {answered.shape}.")
    columns = np.arange(disparity.shape[1])[None]
    last = np.maximum.accumulate(np.where(answered, columns, -1), axis=1)
    first = np.argmax(answered, axis=1)[:, None]
    filled = np.take_along_axis(disparity, np.where(last >= 0, last, first), axis=1)
    middle = np.float32(np.median(disparity[answered])) if answered.any() else np.float32(0)
    return np.where(answered.any(axis=1, keepdims=True), filled, middle).astype(np.float32)


def tune_sgbm(
    pairs: Iterable[StereoPairViews],
    *,
    start: Sgbm | None = None,
    choices: dict[str, tuple[Any, ...]] | None = None,
    by: Literal["epe_px", "bad_3"] = "epe_px",
) -> tuple[Sgbm, float]:
    """The settings with the least error, holes filled, one group of settings at a time.

    Args:
        pairs: Training pairs with dense truth; never those that are scored later.
        start: Where to begin, and the range of disparities.
        choices: Name to values tried; block size and smoothness together, then the others.
        by: The error: end-point error in px, or the share of pixels off by more than 3 px.

    Returns:
        Settings, and their error on the pairs.

    Raises:
        ConfigError: No pair.
    """
    every = list(pairs)
    if not every:
        raise ConfigError("no pair to tune on. Give training pairs.")
    best = start or Sgbm()
    tried = choices or {
        "block_px": (3, 5, 7, 9),
        "smooth": (2, 4, 8, 16),
        "jump": (24, 32, 64, 96),
        "unique": (0, 5, 10, 15),
        "agree_px": (-1, 1, 2),
        "speckle_px": (0, 100, 400),
        "clip": (15, 31, 63),
        "percentile": (0.1, 0.5, 2.0),
    }
    together = tuple(n for n in ("block_px", "smooth", "jump") if n in tried)
    groups: list[tuple[str, ...]] = [together] if together else []
    groups += [(n,) for n in tried if n not in together]
    error = _error(best, every, by)
    for names in groups:
        for values in itertools.product(*(tried[n] for n in names)):
            changed = dict(zip(names, values, strict=True))
            if changed.get("jump", best.jump) <= changed.get("smooth", best.smooth):
                continue
            candidate = replace(best, **changed)
            found = _error(candidate, every, by)
            if found < error:
                best, error = candidate, found
    return best, error


def _error(settings: Sgbm, pairs: list[StereoPairViews], by: str) -> float:
    scores = []
    for pair in pairs:
        low, high = settings.min_disparity_px, settings.max_disparity_px
        inside = pair.valid & (pair.disparity >= low) & (pair.disparity < high)
        answer = settings.predict(pair.left, pair.right).disparity
        scores.append(stereo_scores(answer, pair.disparity, inside))
    mean = mean_stereo_scores(scores)
    return mean.bad[3] if by == "bad_3" else mean.epe_px
