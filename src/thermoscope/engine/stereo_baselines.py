"""Semi-global matching of OpenCV as a baseline that gets every chance: its best parameters.

OpenCV's matcher takes 8 bits. Both views are stretched by one common window (percentiles of the
pair after each view's own offset is removed), so that 14-bit counts keep their contrast and equal
things stay equal. What is NOT here: scores (`thermoscope.engine.evaluate_stereo`).

Source: Hirschmueller, TPAMI 2008; OpenCV's StereoSGBM.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.checks import check_in_range, check_positive, check_shape
from thermoscope.core.errors import ConfigError, ShapeError
from thermoscope.data.stereo_augment import StereoPairViews
from thermoscope.metrics.stereo import mean_stereo_scores, stereo_scores
from thermoscope.models.stereo_result import StereoResult

__all__ = ["Sgbm", "eight_bit_pair", "fill_from_left", "tune_sgbm"]

SUBPIXEL = 16.0  # OpenCV's disparity is in 1/16 px
MATCHER_STEP = 16  # its range must be a multiple


@dataclass(frozen=True)
class Sgbm:
    """Settings of the matcher; the defaults are the best ones on rendered training pairs.

    Attributes:
        min_disparity_px: px.
        max_disparity_px: Excluded, px.
        block_px: Side of the compared window, odd.
        smooth: Penalty of a change by 1 px, times the window's area.
        jump: Penalty of a larger change, times the window's area.
        unique: Percentage by which the best must beat the second best.
        agree_px: Largest left-right difference, px; negative = not checked.
        speckle_px: Patches smaller than this are holes, px.
        clip: Of the horizontal gradient that is added to the cost.
        percentile: Cut off at either end before the stretch to 8 bit.

    Raises:
        ConfigError: A number out of range.
    """

    min_disparity_px: int = 0
    max_disparity_px: int = 96
    block_px: int = 9
    smooth: int = 2
    jump: int = 96
    unique: int = 15
    agree_px: int = 1
    speckle_px: int = 400
    clip: int = 63
    percentile: float = 2.0

    @property
    def leaves_holes(self) -> bool:
        """True: `StereoResult.valid` is what the matcher itself answered."""
        return True

    def __post_init__(self) -> None:
        if self.block_px < 1 or self.block_px % 2 == 0:
            raise ConfigError(f"block_px must be odd and positive, got {self.block_px}.")
        if self.max_disparity_px <= self.min_disparity_px:
            raise ConfigError(
                f"disparities from {self.min_disparity_px} to {self.max_disparity_px} px: the "
                "first must be the smaller one."
            )
        if self.jump <= self.smooth:
            raise ConfigError(f"jump {self.jump} must exceed smooth {self.smooth}.")
        check_in_range(self.percentile, 0, 40, name="percentile")
        check_positive(self.clip, name="clip")

    def predict(self, left: NDArray[Any], right: NDArray[Any]) -> StereoResult:
        """Disparity with holes filled from the left; `valid` is what the matcher itself answered.

        Args:
            left: (H, W) counts, kelvin or grey levels.
            right: (H, W), rectified with `left`.

        Raises:
            ShapeError: Not (H, W), or sizes that differ.
        """
        import cv2

        first, second = eight_bit_pair(left, right, percentile=self.percentile)
        low = self.min_disparity_px
        count = -(-(self.max_disparity_px - low) // MATCHER_STEP) * MATCHER_STEP
        # Columns whose match may lie outside would get no answer at all: both views are widened.
        before, after = max(low + count, 0), max(-low, 0)
        wide = [
            cv2.copyMakeBorder(v, 0, 0, before, after, cv2.BORDER_REPLICATE)
            for v in (first, second)
        ]
        found = self._matcher(count).compute(*wide).astype(np.float32) / SUBPIXEL
        disparity = found[:, before : before + first.shape[1]]
        answered = disparity >= low
        filled = fill_from_left(disparity, answered)
        return StereoResult(filled, answered.astype(np.float32), answered)

    def _matcher(self, count: int) -> Any:
        import cv2

        area = self.block_px**2
        return cv2.StereoSGBM_create(  # type: ignore[attr-defined]
            minDisparity=self.min_disparity_px,
            numDisparities=count,
            blockSize=self.block_px,
            P1=self.smooth * area,
            P2=self.jump * area,
            disp12MaxDiff=self.agree_px,
            preFilterCap=self.clip,
            uniquenessRatio=self.unique,
            speckleWindowSize=self.speckle_px,
            speckleRange=2,
            mode=cv2.STEREO_SGBM_MODE_HH,
        )


def eight_bit_pair(
    left: NDArray[Any], right: NDArray[Any], *, percentile: float = 0.5
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Both views through one window to 8 bit, each freed of its own offset first.

    Pixels without a value get the middle of their view.

    Raises:
        ShapeError: Not (H, W), or sizes that differ.
        ConfigError: `percentile` is not in 0 to 40.
    """
    check_shape(left, "H W", name="left")
    if left.shape != right.shape:
        raise ShapeError(f"right must be {left.shape} as left, got {right.shape}.")
    check_in_range(percentile, 0, 40, name="percentile")
    centred = []
    for view in (left, right):
        values = np.asarray(view, np.float32)
        known = np.isfinite(values)
        middle = np.float32(np.median(values[known])) if known.any() else np.float32(0)
        centred.append(np.where(known, values, middle) - middle)
    low, high = np.percentile(np.stack(centred), (percentile, 100 - percentile))
    scale = 255.0 / max(float(high - low), 1e-6)
    first, second = (np.clip(np.rint((c - low) * scale), 0, 255).astype(np.uint8) for c in centred)
    return first, second


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
