"""What stereo matching takes and gives: planes of frames in, disparity, depth and points out.

What is NOT here: the network (`thermoscope.models.thermostereort`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.checks import check_shape
from thermoscope.core.errors import ShapeError, UnitError
from thermoscope.geometry.camera import Camera
from thermoscope.geometry.stereo import depth_from_disparity, points_from_depth
from thermoscope.io.thermal_image import ThermalImage

__all__ = [
    "StereoCalibration",
    "StereoResult",
    "centred_view",
    "in_metres",
    "leads_inside",
    "left_right_agree",
    "view_values",
]

LARGEST = 1e15  # of a view: the square of a contrast must still be a float32
LEAST_OFFSET_PX = 0.1  # of a disparity from infinity's: no matcher tells less from the sky


@dataclass(frozen=True)
class StereoCalibration:
    """What turns disparity into metres.

    Attributes:
        camera: Rectified left camera, pinhole, of the size of the images.
        baseline_m: Distance between the two centres, m.
        infinity_px: Disparity of an infinitely far point, px; 0 where both share ``cx``.
    """

    camera: Camera
    baseline_m: float
    infinity_px: float = 0.0


@dataclass(frozen=True)
class StereoResult:
    """What matching gives, at the resolution of the images.

    Attributes:
        disparity: (H, W) float32, px, ``x_left - x_right``, dense.
        confidence: (H, W) float32 in [0, 1]: share of the matching distribution near the answer.
        valid: (H, W) bool, False where the match lies outside the right view, where the left
            pixel had no value, and where the left-right check, if asked for, disagrees.
        depth: (H, W) float32, m, 0 where unknown, so where the disparity is less than 0.1 px above
            infinity's: it ends at 10 focal_px * baseline_m. None without calibration.
        points: (H, W, 3) float32, m, left camera, 0 where unknown; None without calibration.
    """

    disparity: NDArray[np.float32]
    confidence: NDArray[np.float32]
    valid: NDArray[np.bool_]
    depth: NDArray[np.float32] | None = None
    points: NDArray[np.float32] | None = None


def view_values(image: ThermalImage | NDArray[Any]) -> NDArray[Any]:
    """(H, W) plane of a frame: counts, else kelvin, else grey levels.

    Raises:
        ShapeError: The frame has other axes than (H, W), or no pixel.
        UnitError: Values that are no numbers, or larger than any camera's: a marker for no value.
    """
    if isinstance(image, ThermalImage):
        for plane in (image.counts, image.stored_kelvin, image.agc):
            if plane is not None:
                return view_values(plane)
    values = np.asarray(image)
    if values.ndim == 3 and values.shape[0] == 1:
        values = values[0]
    if values.ndim == 3 and values.shape[2] == 3 and values.dtype == np.uint8:
        values = values.mean(axis=2, dtype=np.float32)
    if values.ndim != 2 or 0 in values.shape:
        raise ShapeError(
            f"a view must be (H, W), got {values.shape} {values.dtype}. Give one channel.",
            actual_shape=values.shape,
        )
    if values.dtype.kind not in "uif":
        raise UnitError(f"a view must hold numbers, got {values.dtype}. Give counts or kelvin.")
    if values.dtype.kind == "f" and (largest := _largest(values)) > LARGEST:
        raise UnitError(
            f"a view holds {largest:g}, which no camera gives: a marker for no value? Make it NaN."
        )
    return values


def _largest(values: NDArray[Any]) -> float:
    return float(np.abs(values).max(initial=0, where=np.isfinite(values)))


def centred_view(values: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Float plane around 0 (half precision has 8 bits for it), and which pixels had a value.

    Args:
        values: (H, W); those that are not finite become 0.

    Raises:
        UnitError: Not one value is finite.
    """
    known = np.isfinite(values)
    if not known.any():
        raise UnitError("a view has no finite value. Skip the frame, or repair it first.")
    middle = float(np.median(values[known]))
    # Subtracted in float64: float32 has no room for the contrast of numbers far from 0.
    return np.where(known, values.astype(np.float64) - middle, 0).astype(np.float32), known


def leads_inside(disparity: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(H, W) True where the match of a left pixel lies in the right view."""
    check_shape(disparity, "H W", name="disparity")
    places = np.arange(disparity.shape[1], dtype=np.float32)[None] - disparity
    return np.asarray((places >= 0) & (places <= disparity.shape[1] - 1))


def left_right_agree(
    disparity: NDArray[np.float32],
    disparity_right: NDArray[np.float32],
    *,
    tolerance_px: float = 1.0,
) -> NDArray[np.bool_]:
    """Where both views tell the same disparity: False at occlusions and mismatches.

    Args:
        disparity: (H, W) px, of the left view.
        disparity_right: (H, W) px, of the right view, same sign: ``x_left - x_right``.
        tolerance_px: Largest difference, px.

    Returns:
        (H, W) of the left view, False where the match is outside the right one.

    Raises:
        ShapeError: Sizes that differ.
    """
    check_shape(disparity, "H W", name="disparity")
    if disparity.shape != disparity_right.shape:
        raise ShapeError(
            f"disparity is {disparity.shape} and disparity_right {disparity_right.shape}: "
            "both views have one size."
        )
    width = disparity.shape[1]
    places = np.arange(width, dtype=np.float32)[None] - disparity
    nearest = np.clip(np.rint(places), 0, width - 1).astype(np.intp)
    other = np.take_along_axis(disparity_right, nearest, axis=1)
    return np.asarray(leads_inside(disparity) & (np.abs(other - disparity) <= tolerance_px))


def in_metres(result: StereoResult, calibration: StereoCalibration) -> StereoResult:
    """The result with depth and points, up to 10 focal_px * baseline_m.

    A disparity less than `LEAST_OFFSET_PX` above infinity's is as good as the sky's: unknown.

    Raises:
        ShapeError: The calibrated camera is of another size.
        CalibrationError: A baseline or focal length that is not positive.
    """
    camera = calibration.camera
    far = result.disparity - np.float32(calibration.infinity_px) < LEAST_OFFSET_PX
    depth, known = depth_from_disparity(
        result.disparity,
        focal_px=camera.fx,
        baseline_m=calibration.baseline_m,
        infinity_px=calibration.infinity_px,
        valid=result.valid & ~far,
    )
    points, _ = points_from_depth(depth, camera, valid=known)
    return StereoResult(
        result.disparity,
        result.confidence,
        result.valid,
        depth.astype(np.float32),
        points.astype(np.float32),
    )
