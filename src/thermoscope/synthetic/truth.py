"""Ground truth of a view and of a rectified pair, exact to the pixel.

Depth, disparity, validity, occlusion and kelvin follow from what the rays hit, so labels, depth
and their edges share every pixel. Occlusion is decided by a ray from the right camera to the very
point that the left pixel sees, not by comparing depth maps. What is NOT here: colours of any band.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.errors import ShapeError
from thermoscope.geometry.camera import Camera
from thermoscope.geometry.pose import check_pose, invert
from thermoscope.synthetic.raycast import SceneCaster
from thermoscope.synthetic.scene import GBuffer

__all__ = ["StereoTruth", "depth_of", "disparity_of", "occlusion", "stereo_truth"]

Plane = NDArray[np.float32]
Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]
BLOCK = 16384  # points at a time: their intermediates stay in the processor's cache
SKY_AT_M = 1e5  # rays towards the sky are followed this far


@dataclass(frozen=True, eq=False)
class StereoTruth:
    """Truth of a rectified pair; all planes (H, W).

    Attributes:
        depth: m along the optical axis of the left view, inf at the sky.
        disparity: px, ``x_left - x_right`` of the left view; `infinity_px` at the sky.
        disparity_right: The same, of the right view.
        valid: True where depth and disparity are known; the sky is known.
        occluded: True where the right camera does not see what the left pixel shows: something
            stands before it, or it lies outside the right picture.
    """

    depth: Plane
    disparity: Plane
    disparity_right: Plane
    valid: Mask
    occluded: Mask


def depth_of(buffer: GBuffer) -> Plane:
    """(H, W) float32 m along the optical axis, inf where the ray leaves the world."""
    return buffer.depth_m.reshape(buffer.shape)


def disparity_of(depth: Plane, *, focal_px: float, baseline_m: float, infinity_px: float) -> Plane:
    """(H, W) float32 px of a depth map: ``focal_px * baseline_m / depth + infinity_px``."""
    shift = focal_px * baseline_m / depth.astype(np.float64) + infinity_px
    return np.asarray(shift.astype(np.float32))


def stereo_truth(
    caster: SceneCaster,
    left: GBuffer,
    right: GBuffer,
    *,
    right_camera: Camera,
    T_world_right: Floats,
    baseline_m: float,
    infinity_px: float = 0.0,
) -> StereoTruth:
    """Truth of a pair of parallel pinhole views.

    Args:
        caster: The scene that both were cast in.
        left: Left view.
        right: Right view.
        right_camera: Pinhole camera of the right view; the left one has the same focal length.
        T_world_right: (4, 4) pose of the right view.
        baseline_m: Distance between the centres, m.
        infinity_px: Disparity of an infinitely far point, px.

    Raises:
        ShapeError: The two views differ in size.
    """
    if left.shape != right.shape:
        raise ShapeError(
            f"left and right view must have one size, got {left.shape}, {right.shape}."
        )
    scale = {"focal_px": right_camera.fx, "baseline_m": baseline_m, "infinity_px": infinity_px}
    depth = depth_of(left)
    return StereoTruth(
        depth,
        disparity_of(depth, **scale),
        disparity_of(depth_of(right), **scale),
        np.ones(left.shape, bool),
        occlusion(caster, left, right_camera, T_world_right),
    )


def occlusion(caster: SceneCaster, view: GBuffer, other: Camera, T_world_other: Floats) -> Mask:
    """(H, W) True where another camera does not see what a pixel of `view` shows.

    Args:
        caster: The scene.
        view: The view whose pixels are asked.
        other: The other camera, any lens.
        T_world_other: (4, 4) its pose.

    Returns:
        True where the point is hidden, behind the other camera, or outside its picture. The sky
        is a point infinitely far along the ray.
    """
    pose = check_pose(T_world_other, name="T_world_other")
    to_other, centre = invert(pose), pose[:3, 3]
    seen = np.zeros(len(view.hit), bool)
    for start in range(0, len(seen), BLOCK):
        block = slice(start, start + BLOCK)
        # The sky's point stands so far off that its parallax is far below a pixel.
        points = np.where(
            view.hit[block, None],
            view.position_m[block],
            centre + SKY_AT_M * view.direction[block].astype(np.float64),
        )
        pixels, in_front = other.project(points @ to_other[:3, :3].T + to_other[:3, 3])
        inside = in_front & other.contains(np.where(in_front[:, None], pixels, -9.0))
        seen[block][inside] = caster.visible_from(
            points[inside], centre, faces=view.face[block][inside]
        )
    return np.asarray(~seen.reshape(view.shape))
