"""Semi-global matching of OpenCV for views of any bit depth.

OpenCV's matcher takes 8 bits. Both views are stretched by one common window (percentiles of the
pair after each view's own offset is removed), so that 14-bit counts keep their contrast and equal
things stay equal. What is NOT here: settings that suit a data set
(`thermoscope.engine.stereo_baselines`).

Source: Hirschmueller, Stereo processing by semiglobal matching and mutual information, TPAMI 2008;
OpenCV's StereoSGBM.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from thermoscope.core.checks import check_in_range, check_positive, check_shape
from thermoscope.core.errors import ConfigError, ShapeError

__all__ = ["SemiGlobalMatcher", "eight_bit_pair"]

SUBPIXEL = 16.0  # OpenCV's disparity is in 1/16 px
MATCHER_STEP = 16  # its range must be a multiple


@dataclass(frozen=True)
class SemiGlobalMatcher:
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
        directions: 8 or 3 ways in which costs are gathered; 3 are faster.

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
    directions: int = 8

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
        if self.directions not in (3, 8):
            raise ConfigError(f"directions must be 3 or 8, got {self.directions}.")
        check_in_range(self.percentile, 0, 40, name="percentile")
        check_positive(self.clip, name="clip")

    def match(
        self, left: NDArray[Any], right: NDArray[Any]
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Disparity of the left view, and where there is one.

        Args:
            left: (H, W) counts, kelvin or grey levels.
            right: (H, W), rectified with `left`.

        Returns:
            (H, W) px, below `min_disparity_px` where the matcher has no answer; (H, W) bool.

        Raises:
            ShapeError: Not (H, W), or sizes that differ.
        """
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
        return disparity, disparity >= low

    def _matcher(self, count: int) -> Any:
        area = self.block_px**2
        ways = cv2.STEREO_SGBM_MODE_HH if self.directions == 8 else cv2.STEREO_SGBM_MODE_SGBM_3WAY
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
            mode=ways,
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
