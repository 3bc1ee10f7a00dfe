"""Rectification: two views turned so that a point lies on the same row in both.

One common rotation, own code: OpenCV has one function for radtan and another for fisheye, no way
to mix them (RGB beside thermal), and rounds its maps to float32; with `Camera` handling the
models, the rotation is all that is left. Images pass in their own bit depth, never through 8 bit.
What is NOT here: vertical pairs, estimating the pose.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thermoscope.core.errors import CalibrationError, ShapeError, ThermoscopeWarning
from thermoscope.geometry.camera import Camera
from thermoscope.geometry.pose import check_pose, from_rotation, invert, transform
from thermoscope.geometry.sampling import bilinear

__all__ = ["PixelMap", "RectifiedPair", "rectify", "remap"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Element = TypeVar("Element", bound=np.generic)

WIDEST = math.tan(math.radians(60))  # half of 120 degrees: a flat picture wider than that smears
BASELINE_SUSPICIOUS_M = 10.0
EDGE_PX = 0.005  # the image border is followed at its pixels: between two it may bend this far


@dataclass(frozen=True)
class PixelMap:
    """Where each pixel of a new view lies in an image.

    Attributes:
        columns: (H, W) float64, px of the image, nan where nowhere.
        rows: (H, W) float64, px of the image, nan where nowhere.
        width: Of the image that the places belong to, px.
        height: Of that image, px.
    """

    columns: Floats
    rows: Floats
    width: int
    height: int

    @classmethod
    def of(cls, pixels: Floats, camera: Camera) -> PixelMap:
        """The map to (H, W, 2) places in a camera's image; rounding does not cut its border off."""
        on_edge = np.clip(pixels, 0.0, (camera.width - 1.0, camera.height - 1.0))
        places = np.where(np.abs(pixels - on_edge) < EDGE_PX, on_edge, pixels)
        return cls(places[..., 0], places[..., 1], camera.width, camera.height)

    @property
    def valid(self) -> Bools:
        """(H, W) True where the image has a value for the pixel."""
        places = ((self.columns, self.width), (self.rows, self.height))
        inside = [(p >= 0) & (p <= length - 1) for p, length in places]
        return np.asarray(inside[0] & inside[1])


@dataclass(frozen=True)
class RectifiedPair:
    """Two views with parallel axes, equal rows and one camera.

    Attributes:
        left_map: From the rectified left view to the left image.
        right_map: From the rectified right view to the right image.
        camera: Pinhole camera of both rectified views; disparity 0 is infinitely far.
        baseline_m: Distance between the two centres, m.
        T_left_rectified: (4, 4) pose taking rectified left to left camera coordinates.
        T_right_rectified: (4, 4) pose taking rectified right to right camera coordinates.
    """

    left_map: PixelMap
    right_map: PixelMap
    camera: Camera
    baseline_m: float
    T_left_rectified: Floats
    T_right_rectified: Floats

    @property
    def Q(self) -> Floats:
        """(4, 4) matrix of OpenCV's reprojectImageTo3D: (x, y, disparity, 1) to (X, Y, Z, W)."""
        c = self.camera
        return np.array(
            [
                [1, 0, 0, -c.cx],
                [0, c.fx / c.fy, 0, -c.cy * c.fx / c.fy],
                [0, 0, 0, c.fx],
                [0, 0, 1 / self.baseline_m, 0],
            ]
        )


def rectify(
    left: Camera,
    right: Camera,
    T_left_right: ArrayLike,
    *,
    size: tuple[int, int] | None = None,
    keep: Literal["valid", "all"] = "valid",
    camera: Camera | None = None,
) -> RectifiedPair:
    """The rotation and the maps that rectify a pair.

    The rows follow the baseline; the view direction is the mean of the two. Both views get one
    pinhole camera, so disparity is ``x_left - x_right = fx * baseline_m / depth``.

    Args:
        left: Left camera, any model.
        right: Right camera, any model and size.
        T_left_right: (4, 4) pose taking right to left camera coordinates, m.
        size: (width, height) of the rectified views, px; None = as the left image.
        keep: ``"valid"``: the widest picture that both images fill; ``"all"``: as wide as needed
            to lose no pixel of either. Never above 120 degrees.
        camera: The rectified camera itself, pinhole, instead of `size` and `keep`.

    Raises:
        ShapeError: The pose is not (4, 4).
        CalibrationError: Not a rigid motion, no baseline, left and right swapped, a pair that is
            not side by side, views that do not overlap, or a `camera` that is not pinhole.

    Warns:
        ThermoscopeWarning: A baseline above 10 m, most often millimetres taken for metres.

    Source: Fusiello, Trucco and Verri, A compact algorithm for rectification of stereo pairs,
    2000.
    """
    pose = check_pose(T_left_right, name="T_left_right")
    T_left_rectified = from_rotation(_common_rotation(pose))
    T_right_rectified = from_rotation(pose[:3, :3].T @ T_left_rectified[:3, :3])
    views = ((left, T_left_rectified), (right, T_right_rectified))
    common = camera or _common_camera(views, size or (left.width, left.height), keep)
    if common.model != "pinhole":
        raise CalibrationError(
            f"the rectified camera must be pinhole, got {common.model!r}. "
            "Rows are straight in a flat picture only."
        )
    left_map, right_map = (_map_to(view, turn, common) for view, turn in views)
    baseline_m = float(np.linalg.norm(pose[:3, 3]))
    return RectifiedPair(
        left_map, right_map, common, baseline_m, T_left_rectified, T_right_rectified
    )


def remap(image: NDArray[Element], pixel_map: PixelMap) -> tuple[NDArray[Element], Bools]:
    """The image seen through a map, in its own element type, with exact bilinear weights.

    Args:
        image: (H, W) or (H, W, C) of the map's image size; uint8, uint16 or floating.
        pixel_map: From `rectify`.

    Returns:
        The view, 0 where not valid; valid, True where the image has a value.

    Raises:
        ShapeError: The image is of another size than the map was made for.
        UnitError: An element type that has no bilinear value.
    """
    if image.shape[:2] != (pixel_map.height, pixel_map.width):
        raise ShapeError(
            f"image must be ({pixel_map.height}, {pixel_map.width}) as the camera of the map, "
            f"got {image.shape}. Scale the camera, not the picture: camera.scaled(width, height)."
        )
    return bilinear(image, pixel_map.columns, pixel_map.rows)


def _common_rotation(pose: Floats) -> Floats:
    """(3, 3) rotation taking rectified to left camera coordinates."""
    translation = pose[:3, 3]
    baseline_m = float(np.linalg.norm(translation))
    if baseline_m < 1e-9:
        raise CalibrationError(
            "T_left_right has no translation: the two cameras share one centre. "
            "Stereo needs a baseline."
        )
    if baseline_m > BASELINE_SUSPICIOUS_M:
        warnings.warn(
            f"baseline of {baseline_m:.4g} m. Poses are in metres: is this one in millimetres?",
            ThermoscopeWarning,
            stacklevel=3,
        )
    x = translation / baseline_m
    sideways = x @ _bisector(pose, 0)
    if sideways < -math.sqrt(0.5):
        raise CalibrationError(
            "the right camera stands on the left of the left one: the views are swapped. "
            "Call rectify(right, left, invert(T_left_right))."
        )
    forward = _bisector(pose, 2)
    z = forward - (forward @ x) * x
    if sideways < math.sqrt(0.5) or np.linalg.norm(z) < math.sqrt(0.5):
        raise CalibrationError(
            f"the cameras are not side by side: baseline {np.round(translation, 4).tolist()} m in "
            "left camera axes (x right, y down, z forward). Expected mostly along x."
        )
    z = z / np.linalg.norm(z)
    return np.column_stack([x, np.cross(z, x), z])


def _bisector(pose: Floats, axis: int) -> Floats:
    """Mean direction of one axis of the two cameras; zero if they are opposite."""
    mean = np.eye(3)[axis] + pose[:3, axis]
    length = float(np.linalg.norm(mean))
    return np.asarray(mean / length if length > 1e-9 else np.zeros(3))


def _map_to(view: Camera, turn: Floats, common: Camera) -> PixelMap:
    rays, _ = common.unproject(common.pixel_grid())
    pixels, _ = view.project(transform(turn, rays))
    return PixelMap.of(pixels, view)


def _common_camera(
    views: tuple[tuple[Camera, Floats], ...], size: tuple[int, int], keep: str
) -> Camera:
    """Pinhole camera of `size` whose picture both images fill, or that holds both."""
    rectangles = np.array([_rectangle(view, turn, keep) for view, turn in views])
    inner, outer = rectangles.max(axis=0), rectangles.min(axis=0)
    low, high = (inner[:2], outer[2:]) if keep == "valid" else (outer[:2], inner[2:])
    span = high - low
    if not (span > 0).all():
        raise CalibrationError(
            "the two views do not overlap after rectification. "
            "Check the pose T_left_right, and that it takes right to left coordinates."
        )
    steps = np.maximum(np.subtract(size, 1), 1)
    focal = float((steps / span).max() if keep == "valid" else (steps / span).min())
    focal = max(focal, float(steps.max()) / (2 * WIDEST))
    cx, cy = (np.subtract(size, 1) / 2 - focal * (low + high) / 2).tolist()
    return Camera(focal, focal, cx, cy, size[0], size[1])


def _rectangle(view: Camera, turn: Floats, keep: str) -> tuple[float, float, float, float]:
    """(x0, y0, x1, y1) at depth 1 of the rectified view: filled by the image, or holding it."""
    grid = view.pixel_grid()
    sides = (grid[:, 0], grid[0], grid[:, -1], grid[-1])  # left, top, right, bottom
    axes, signs = (0, 1, 0, 1), (-1, -1, 1, 1)
    found = []
    for pixels, axis, sign in zip(sides, axes, signs, strict=True):
        rays, seen = view.unproject(pixels)
        rays = transform(invert(turn), rays)
        flat = seen & (rays[:, 2] > 1e-9)
        # A pixel that no flat picture shows lies beyond any limit of it.
        places = np.full(len(pixels), sign * np.inf)
        places[flat] = rays[flat, axis] / rays[flat, 2]
        nearest = (places * sign).min() if keep == "valid" else (places * sign).max()
        found.append(sign * min(float(nearest), WIDEST))
    return found[0], found[1], found[2], found[3]
