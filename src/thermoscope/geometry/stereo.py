"""Stereo geometry: disparity, depth and points, and views warped from one camera to the other.

Disparity is ``x_left - x_right`` of the left view unless said otherwise; depth is along the
optical axis. A separate `valid` alone says that a value is known. Rectification is in
`thermoscope.geometry.rectify` and re-exported here. What is NOT here: matching.
"""

from __future__ import annotations

import math
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.errors import CalibrationError, ShapeError
from thermoscope.geometry.camera import Camera
from thermoscope.geometry.rectify import PixelMap, RectifiedPair, rectify, remap
from thermoscope.geometry.sampling import bilinear

__all__ = [
    "PixelMap",
    "RectifiedPair",
    "depth_from_disparity",
    "disparity_from_depth",
    "points_from_depth",
    "rectify",
    "remap",
    "warp_right_to_left",
]

Floats = NDArray[np.floating[Any]]
Bools = NDArray[np.bool_]
Element = TypeVar("Element", bound=np.generic)


def depth_from_disparity(
    disparity: Floats,
    *,
    focal_px: float,
    baseline_m: float,
    infinity_px: float = 0.0,
    valid: Bools | None = None,
) -> tuple[Floats, Bools]:
    """Metric depth of rectified stereo: ``focal_px * baseline_m / (disparity - infinity_px)``.

    Args:
        disparity: Any shape, floating, px at the resolution of `focal_px`.
        focal_px: Horizontal focal length of the rectified pair, px.
        baseline_m: Distance between the two centres, m.
        infinity_px: Disparity of an infinitely far point: ``cx_left - cx_right``, 0 where the
            two views share one principal point.
        valid: Which disparities are known; None = all.

    Returns:
        Depth of the same shape and type, m, 0 where not valid; valid, False where the disparity is
        not known or not finite, or not above `infinity_px`: an infinitely far point has a known
        disparity and no finite depth.

    Raises:
        CalibrationError: `focal_px` or `baseline_m` is not positive, or `infinity_px` not finite.
        ShapeError: `valid` has another shape.

    Example:
        >>> depth, valid = depth_from_disparity(np.array([8.0, 0.0]), focal_px=400, baseline_m=0.3)
        >>> depth.tolist(), valid.tolist()
        ([15.0, 0.0], [True, False])

    Source: Szeliski, Computer Vision: Algorithms and Applications, 2nd ed., ch. 12.
    """
    values = _floating(disparity)
    reach = _reach(focal_px, baseline_m, infinity_px)
    offset = values.astype(np.float64) - infinity_px
    known = _known(values, valid) & (offset > 0)
    # The smallest offsets overflow: a depth that no number holds is not known.
    with np.errstate(over="ignore"):
        depth = (reach / np.where(known, offset, 1.0)).astype(values.dtype)
    known &= np.isfinite(depth)
    return np.where(known, depth, depth.dtype.type(0)), known


def disparity_from_depth(
    depth: Floats,
    *,
    focal_px: float,
    baseline_m: float,
    infinity_px: float = 0.0,
    valid: Bools | None = None,
) -> tuple[Floats, Bools]:
    """Disparity of rectified stereo, the inverse of `depth_from_disparity`.

    Args:
        depth: Any shape, floating, m along the optical axis; infinite = the sky.
        focal_px: Horizontal focal length of the rectified pair, px.
        baseline_m: Distance between the two centres, m.
        infinity_px: Disparity of an infinitely far point, px.
        valid: Which depths are known; None = all.

    Returns:
        Disparity of the same shape and type, px, 0 where not valid, `infinity_px` where the depth
        is infinite; valid, False where the depth is not known, nan or not positive.

    Raises:
        CalibrationError: `focal_px` or `baseline_m` is not positive, or `infinity_px` not finite.
        ShapeError: `valid` has another shape.
    """
    values = _floating(depth)
    reach = _reach(focal_px, baseline_m, infinity_px)
    known = _known(np.where(np.isposinf(values), 1.0, values), valid) & (values > 0)
    with np.errstate(over="ignore"):
        disparity = (reach / np.where(known, values, 1.0) + infinity_px).astype(values.dtype)
    known &= np.isfinite(disparity)
    return np.where(known, disparity, disparity.dtype.type(0)), known


def points_from_depth(
    depth: Floats, camera: Camera, *, valid: Bools | None = None
) -> tuple[NDArray[np.float64], Bools]:
    """3-D points, camera coordinates, of a depth map.

    Args:
        depth: (..., H, W), m along the optical axis, of the camera's size.
        camera: Any model.
        valid: Which depths are known; None = all.

    Returns:
        Points (..., H, W, 3), m, 0 where not valid; valid (..., H, W), False where the depth is
        not known, not finite or not positive, or the pixel has no ray in front of the camera.
        ``points[valid]`` is the cloud (N, 3).

    Raises:
        ShapeError: The last axes are not the camera's H and W, or `valid` has another shape.
    """
    values = _floating(depth)
    if values.shape[-2:] != (camera.height, camera.width):
        raise ShapeError(
            f"depth must be (..., {camera.height}, {camera.width}) as the camera, "
            f"got {values.shape}. Use camera.scaled for another resolution.",
            actual_shape=values.shape,
            expected_shape=f"... {camera.height} {camera.width}",
        )
    rays, seen = camera.unproject(camera.pixel_grid())
    in_front = seen & (rays[..., 2] > 0)
    known = _known(values, valid) & (values > 0) & in_front
    at_unit_depth = rays / np.where(in_front, rays[..., 2], 1.0)[..., None]
    return at_unit_depth * np.where(known, values, 0.0)[..., None], known


def warp_right_to_left(
    right: NDArray[Element], disparity: Floats, *, valid: Bools | None = None
) -> tuple[NDArray[Element], Bools]:
    """The left view made of the right image: ``left(x, y) = right(x - disparity(x, y), y)``.

    Where the left view sees what the right does not (occlusion), the wrong surface appears.

    Args:
        right: (H, W) or (H, W, C); uint8, uint16 or floating.
        disparity: (H, W), px, of the left view, any sign.
        valid: Which disparities are known; None = all.

    Returns:
        The image, of the type of `right`, 0 where not valid; valid (H, W), False where the
        disparity is not known or leads outside the right image.

    Raises:
        ShapeError: Sizes that do not fit.
        UnitError: An element type that has no bilinear value.
    """
    shift = _floating(disparity)
    if shift.ndim != 2 or shift.shape != right.shape[:2]:
        raise ShapeError(
            f"disparity must be (H, W) as the right image {right.shape[:2]}, got {shift.shape}."
        )
    columns = np.arange(shift.shape[1], dtype=np.float64)[None]
    rows = np.repeat(np.arange(shift.shape[0], dtype=np.float64)[:, None], shift.shape[1], axis=1)
    return bilinear(right, np.where(_known(shift, valid), columns - shift, np.nan), rows)


def _floating(values: Any) -> Floats:
    array = np.asarray(values)
    return array if array.dtype.kind == "f" else array.astype(np.float64)


def _known(values: Floats, valid: Bools | None) -> Bools:
    finite = np.asarray(np.isfinite(values))
    if valid is None:
        return finite
    if np.shape(valid) != values.shape:
        raise ShapeError(f"valid must have the shape {values.shape}, got {np.shape(valid)}.")
    return np.asarray(finite & np.asarray(valid, bool))


def _reach(focal_px: float, baseline_m: float, infinity_px: float) -> float:
    for name, value in (("focal_px", focal_px), ("baseline_m", baseline_m)):
        if not (math.isfinite(value) and value > 0):
            raise CalibrationError(
                f"{name} must be a positive number, got {value!r}. For a pair whose right camera "
                "stands on the left, swap the views."
            )
    if not math.isfinite(infinity_px):
        raise CalibrationError(f"infinity_px must be finite, got {infinity_px!r}.")
    return float(focal_px) * float(baseline_m)
