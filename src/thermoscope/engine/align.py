"""An RGB and a thermal picture of one scene brought onto each other, with no calibration.

    alignment = align(rgb, thermal)
    picture = alignment.warp(rgb)          # RGB as the thermal camera would see it

Right for a flat or distant scene, or cameras that stand side by side and far from it: near things
need depth. What is NOT here: files and pictures of the result (`align_pictures`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from thermoscope.core.errors import ConfigError, ShapeError, ThermoscopeError
from thermoscope.engine.align_search import (
    BlockMatches,
    Guess,
    coarse_guesses,
    mapped,
    match_blocks,
    unscaled,
)
from thermoscope.engine.align_structure import grey_of
from thermoscope.engine.thin_plate import ThinPlate

__all__ = ["Alignment", "AlignmentRefusedError", "Bend", "align"]

Floats = NDArray[np.float64]
Planes = NDArray[np.float32]
Picture = NDArray[np.uint8]
Bend = Literal["homography", "thin_plate"]

REPORT_WIDTH = 640  # residuals are stated at this width
WIDEST_PX = 640
LEAST_PX = 48
INLIER_PX = 3.0  # at REPORT_WIDTH
LEAST_MATCHES = 12
LEAST_BLOCK_PX = 16
# Set by hand, then checked on 16 pairs of the train lists: weights of a logistic function of the
# inlier share and of the mean margin of the inliers.
CONFIDENCE = (-4.5, 9.0, 8.0)


class AlignmentRefusedError(ThermoscopeError, ValueError):
    """Two pictures could not be registered with the confidence asked for.

    Attributes:
        confidence: What was reached, 0 to 1.
    """

    def __init__(self, message: str, *, confidence: float) -> None:
        super().__init__(message)
        self.confidence = confidence


@dataclass(frozen=True)
class Alignment:
    """How the pictures lie on each other.

    Attributes:
        matrix: (3, 3) homography from thermal pixels to RGB pixels.
        residual_px: Median distance of the inliers from it, px at 640 px thermal width.
        confidence: 0 to 1: how sure it is that the registration is within a few pixels.
        inlier_share: Share of the matched blocks that agree.
        blocks: How many blocks were matched.
        thermal_size: (width, height) of the thermal picture, px.
        bend: What lies on top of the homography.
        plate: Thin plate from thermal pixels to RGB pixels, if asked for.
    """

    matrix: Floats
    residual_px: float
    confidence: float
    inlier_share: float
    blocks: int
    thermal_size: tuple[int, int]
    bend: Bend = "homography"
    plate: ThinPlate | None = field(default=None, repr=False)

    def rgb_points(self, thermal_points: Floats) -> Floats:
        """(N, 2) RGB pixels of (N, 2) thermal pixels."""
        if self.plate is not None:
            return self.plate(np.asarray(thermal_points, np.float64))
        return mapped(self.matrix, np.asarray(thermal_points, np.float64))

    def warp(self, rgb: Picture) -> Picture:
        """(H, W[, 3]) RGB picture in the thermal frame; black where RGB does not reach."""
        columns, rows = self._maps()
        return np.asarray(cv2.remap(rgb, columns, rows, cv2.INTER_LINEAR), np.uint8)

    def covered(self, rgb_shape: tuple[int, ...]) -> NDArray[np.bool_]:
        """(H, W) True where the thermal pixel lies in the RGB picture."""
        columns, rows = self._maps()
        height, width = rgb_shape[:2]
        inside = (columns >= 0) & (rows >= 0) & (columns <= width - 1) & (rows <= height - 1)
        return np.asarray(inside)

    def _maps(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        width, height = self.thermal_size
        columns, rows = np.meshgrid(np.arange(width), np.arange(height))
        points = np.stack([columns.ravel(), rows.ravel()], axis=1).astype(np.float64)
        places = self.rgb_points(points).reshape(height, width, 2).astype(np.float32)
        return np.ascontiguousarray(places[..., 0]), np.ascontiguousarray(places[..., 1])


def align(
    rgb: Picture, thermal: Picture, *, bend: Bend = "homography", least_confidence: float = 0.5
) -> Alignment:
    """The registration of two pictures of one scene.

    Turns up to about 27 degrees, sizes from 0.6 to 1.6 (of the RGB picture scaled to the thermal
    one's width) and any shift with half of the thermal picture covered are searched.

    Args:
        rgb: (h, w, 3) or (h, w) uint8.
        thermal: (H, W) uint8, tone-mapped; (H, W, 3) is taken for grey.
        bend: ``"thin_plate"`` lets the picture bend on top of the homography.
        least_confidence: What is below is refused; 0 refuses nothing but pictures without
            structure.

    Raises:
        ShapeError: Not uint8, not one of these shapes, or a side below 48 px.
        ConfigError: `least_confidence` outside [0, 1], or no such `bend`.
        AlignmentRefusedError: Too little confidence.
    """
    _check(rgb, "rgb")
    _check(thermal, "thermal")
    if not 0 <= least_confidence <= 1 or bend not in ("homography", "thin_plate"):
        raise ConfigError(
            f"least_confidence must lie in [0, 1] and bend be homography or thin_plate, got "
            f"{least_confidence!r} and {bend!r}."
        )
    grey_t, grey_r = grey_of(thermal), grey_of(rgb)
    fitted = [_refined(grey_t, grey_r, g) for g in coarse_guesses(grey_t, grey_r)]
    best = max((f for f in fitted if f is not None), key=lambda f: f.support, default=None)
    if best is not None:
        best = _finished(grey_t, grey_r, best)
    height, width = grey_t.shape
    confidence = best.confidence if best is not None else 0.0
    if best is None or confidence < least_confidence:
        raise AlignmentRefusedError(
            f"the pictures could not be registered: confidence {confidence:.2f}, expected at "
            f"least {least_confidence:g}. Use pictures of the same scene with edges in both, or "
            "lower the threshold and look at the result.",
            confidence=confidence,
        )
    plate = None
    if bend == "thin_plate":
        inner = best.inliers
        plate = ThinPlate.fit(best.matches.thermal[inner], best.matches.rgb[inner], smooth=0.05)
    return Alignment(
        best.matrix,
        best.residual_px,
        confidence,
        float(best.inliers.mean()),
        len(best.inliers),
        (width, height),
        bend,
        plate,
    )


@dataclass(frozen=True)
class _Fit:
    """A homography in full-size pixels, and the blocks behind it."""

    matrix: Floats
    matches: BlockMatches
    inliers: NDArray[np.bool_]
    residual_px: float
    support: float

    @property
    def confidence(self) -> float:
        share = float(self.inliers.mean())
        margin = float(self.matches.margin[self.inliers].mean())
        offset, by_share, by_margin = CONFIDENCE
        enough = min(1.0, float(self.inliers.sum()) / 40)
        return enough / (1 + math.exp(-(offset + by_share * share + by_margin * margin)))


def _refined(thermal: Planes, rgb: Planes, guess: Guess) -> _Fit | None:
    """A guess followed by blocks on pictures 160 px wide."""
    fit: _Fit | None = None
    matrix = guess.matrix
    for block, reach in ((44, 12), (36, 8)):
        step = _step(thermal, rgb, matrix, width=160, block=block, reach=reach)
        if step is None:
            return fit
        fit, matrix = step, step.matrix
    return fit


def _finished(thermal: Planes, rgb: Planes, fit: _Fit) -> _Fit:
    """The same on finer pictures, as long as they exist."""
    for width, block, reach in ((320, 48, 9), (320, 48, 6), (WIDEST_PX, 64, 7)):
        step = _step(thermal, rgb, fit.matrix, width=width, block=block, reach=reach)
        if step is None:
            return fit
        fit = step
    return fit


def _step(
    thermal: Any, rgb: Any, matrix: Floats, *, width: int, block: int, reach: int
) -> _Fit | None:
    """Blocks at one width and the homography through them; None if too few agree."""
    scale_t = width / thermal.shape[1]
    stretch = _stretch(matrix, thermal.shape)
    scale_r = scale_t / stretch
    kind = cv2.INTER_AREA if min(scale_t, scale_r) < 1 else cv2.INTER_LINEAR
    small_t = cv2.resize(thermal, None, fx=scale_t, fy=scale_t, interpolation=kind)
    small_r = cv2.resize(rgb, None, fx=scale_r, fy=scale_r, interpolation=kind)
    if min(small_r.shape) < 16:
        return None
    to_full_t, to_full_r = unscaled(scale_t), unscaled(scale_r)
    local = np.linalg.inv(to_full_r) @ matrix @ to_full_t
    fits = min(block, small_t.shape[0] // 2 - reach)
    if fits < LEAST_BLOCK_PX:
        return None
    step = max(4, min(width // 26, (small_t.shape[0] - fits - 2 * reach) // 8))
    found = match_blocks(small_t, small_r, local, block_px=fits, reach_px=reach, step_px=step)
    if len(found.thermal) < LEAST_MATCHES:
        return None
    limit = INLIER_PX * width / REPORT_WIDTH + 0.5
    fitted, inliers = _homography(found, limit)
    if fitted is None or inliers.sum() < LEAST_MATCHES:
        return None
    errors = np.linalg.norm(mapped(fitted, found.thermal) - found.rgb, axis=1)
    full = (mapped(to_full_t, found.thermal), mapped(to_full_r, found.rgb))
    matches = BlockMatches(*full, found.score, found.margin)
    return _Fit(
        to_full_r @ fitted @ np.linalg.inv(to_full_t),
        matches,
        inliers,
        float(np.median(errors[inliers]) * REPORT_WIDTH / width),
        float(found.margin[inliers].sum()),
    )


def _homography(found: BlockMatches, limit: float) -> tuple[Floats | None, NDArray[np.bool_]]:
    """Robust homography; an affine map where the blocks that agree are few."""
    nothing = np.zeros(len(found.thermal), np.bool_)
    matrix, mask = cv2.findHomography(
        found.thermal, found.rgb, cv2.USAC_MAGSAC, limit, maxIters=2000, confidence=0.999
    )
    inliers = mask.ravel() > 0 if mask is not None else nothing
    if matrix is not None and inliers.sum() >= 3 * LEAST_MATCHES:
        return np.asarray(matrix), inliers
    affine: Any
    affine, mask = cv2.estimateAffine2D(
        found.thermal, found.rgb, method=cv2.USAC_MAGSAC, ransacReprojThreshold=limit
    )
    if affine is None:
        return None, nothing
    return np.vstack([affine, [0.0, 0.0, 1.0]]), mask.ravel() > 0


def _stretch(matrix: Floats, shape: tuple[int, ...]) -> float:
    """RGB pixels a thermal pixel, in the middle of the thermal picture."""
    x, y = shape[1] / 2, shape[0] / 2
    ends = mapped(matrix, np.array([[x, y], [x + 1, y], [x, y + 1]]))
    area = abs(float(np.linalg.det(ends[1:] - ends[0])))
    return float(np.clip(math.sqrt(max(area, 1e-6)), 0.05, 20.0))


def _check(picture: Any, name: str) -> None:
    values = np.asarray(picture)
    colour = values.ndim == 3 and values.shape[2] == 3
    if values.dtype != np.uint8 or not (values.ndim == 2 or colour):
        raise ShapeError(
            f"{name} must be (H, W) or (H, W, 3) uint8, got {values.shape} {values.dtype}. "
            "Tone-map thermal counts first: thermoscope.sensor.tone.tone_map.",
            actual_shape=values.shape,
        )
    if min(values.shape[:2]) < LEAST_PX:
        raise ShapeError(
            f"{name} is {values.shape[1]}x{values.shape[0]}, expected at least {LEAST_PX} px a "
            "side. Align the pictures at their full size.",
            actual_shape=values.shape,
        )
