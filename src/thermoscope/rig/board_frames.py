"""Frames of a board as a camera would see them, with the exact projection: for tests and proofs.

A pixel is the mean of rays to the board's plane; the board is warmer or colder where it is dark,
the optics blur, the detector adds noise. What is NOT here: whole scenes (`thermoscope.synthetic`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from thermoscope.geometry.camera import Camera
from thermoscope.geometry.pose import check_pose, from_rotation, rotation_about, transform
from thermoscope.rig.board_drawing import MARGIN_M, board_picture, bounds
from thermoscope.rig.calibration_target import Target

__all__ = ["BoardFrames", "BoardLook", "board_poses"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
SUBPIXELS = 3  # samples along each side of a pixel
FAR_PX = 1e5  # pattern coordinates of pixels that look past the plane


@dataclass(frozen=True)
class BoardLook:
    """What the board looks like, in counts.

    Attributes:
        light_counts: Of the board where nothing is dark.
        dark_counts: Of the dark shapes; above `light_counts` for a hot pattern.
        background_counts: Around the board.
        gradient_counts: How much warmer the middle of the board is than its rim.
        noise_counts: Standard deviation of each pixel.
        blur_px: Standard deviation of the optical blur.
    """

    light_counts: float = 22200.0
    dark_counts: float = 22000.0
    background_counts: float = 21900.0
    gradient_counts: float = 0.0
    noise_counts: float = 4.0
    blur_px: float = 0.7


class BoardFrames:
    """Renders one board; its picture is made once.

    Args:
        target: The board.
        px_per_m: Resolution of the pattern; half a millimetre by default.
    """

    def __init__(self, target: Target, *, px_per_m: float = 2000.0) -> None:
        self.target, self.px_per_m = target, px_per_m
        self.picture = board_picture(target, px_per_m=px_per_m).astype(np.float32)
        left, top, _, _ = bounds(target)
        self.corner = np.array([left - MARGIN_M, top - MARGIN_M])

    def counts(
        self,
        camera: Camera,
        T_camera_board: Floats,
        look: BoardLook | None = None,
        *,
        rng: np.random.Generator | None = None,
    ) -> NDArray[np.uint16]:
        """(H, W) uint16 frame; without `rng` there is no noise.

        Raises:
            ShapeError: The pose is not (4, 4).
            CalibrationError: The pose is not a rigid motion.
        """
        style = look if look is not None else BoardLook()
        frame = self._irradiance(camera, check_pose(T_camera_board), style)
        if style.blur_px > 0:
            frame = np.asarray(cv2.GaussianBlur(frame, (0, 0), style.blur_px))
        if rng is not None:
            frame = frame + rng.normal(0.0, style.noise_counts, frame.shape)
        return np.clip(np.rint(frame), 0, 65535).astype(np.uint16)

    def _irradiance(self, camera: Camera, pose: Floats, look: BoardLook) -> Floats:
        rays, valid = _rays(camera)
        with np.errstate(divide="ignore", invalid="ignore"):
            distance = (pose[:3, 3] @ pose[:3, 2]) / (rays @ pose[:3, 2])
            points = (rays * distance[..., None] - pose[:3, 3]) @ pose[:3, :2]
        places = (points - self.corner) * self.px_per_m - 0.5
        places[~(valid & (distance > 0))] = FAR_PX
        reach = max(self.picture.shape)
        near = ((places > -reach) & (places < 2 * reach)).all(axis=-1)
        frame = np.full(near.shape, look.background_counts)
        if not near.any():
            return frame
        box = tuple(slice(n.min(), n.max() + 1) for n in np.nonzero(near))
        frame[box] = self._board(np.clip(places[box], -FAR_PX, FAR_PX).astype(np.float32), look)
        return frame

    def _board(self, places: NDArray[np.float32], look: BoardLook) -> Floats:
        """Counts of a part of the frame, from the pattern's pixels at its pixel centres."""
        height, width = self.picture.shape
        size = (places.shape[1] * SUBPIXELS, places.shape[0] * SUBPIXELS)
        x, y = (cv2.resize(places[..., i], size, interpolation=cv2.INTER_LINEAR) for i in (0, 1))
        dark = cv2.remap(self.picture, x, y, cv2.INTER_LINEAR)
        board = look.light_counts + (look.dark_counts - look.light_counts) * dark
        if look.gradient_counts:
            radius = np.hypot((x / width - 0.5) * 2, (y / height - 0.5) * 2)
            board += look.gradient_counts * np.clip(1 - radius, 0, 1)
        on = (x >= -0.5) & (x < width - 0.5) & (y >= -0.5) & (y < height - 0.5)
        board[~on] = look.background_counts
        half = (places.shape[1], places.shape[0])
        return np.asarray(cv2.resize(board, half, interpolation=cv2.INTER_AREA))


@lru_cache(maxsize=8)
def _rays(camera: Camera) -> tuple[Floats, Bools]:
    return camera.unproject(camera.pixel_grid())


def board_poses(
    target: Target,
    camera: Camera,
    count: int,
    *,
    rng: np.random.Generator,
    fill: tuple[float, float] = (0.35, 0.8),
    tilt_deg: float = 35.0,
    roll_deg: float = 20.0,
) -> list[Floats]:
    """Poses ``T_camera_board`` with every point of the board in the picture.

    Directions are drawn so that the views cover the picture to its corners; a pose is kept if all
    points project at least 4 px inside.

    Args:
        target: The board.
        camera: The camera that must see it.
        count: How many.
        rng: Where the draws come from.
        fill: Least and largest share of the picture's width that the board spans.
        tilt_deg: Largest turn about x and about y.
        roll_deg: Largest turn about the board's normal.
    """
    points = target.points
    middle = (points.max(axis=0) + points.min(axis=0)) / 2
    span = float(np.ptp(points[:, 0]))
    poses: list[Floats] = []
    for _ in range(count * 400):
        if len(poses) == count:
            break
        pixel = rng.uniform((0, 0), (camera.width, camera.height))
        ray, valid = camera.unproject(pixel)
        if not valid or ray[2] <= math.cos(math.radians(75)):
            continue
        distance = span * camera.fx / (camera.width * rng.uniform(*fill))
        turns = rng.uniform(-1, 1, 3) * (tilt_deg, tilt_deg, roll_deg)
        R = np.linalg.multi_dot(
            [
                rotation_about(axis, float(turn))[:3, :3]
                for axis, turn in zip("xyz", turns, strict=True)
            ]
        )
        pose = from_rotation(R, ray * distance - R @ middle)
        pixels, shown = camera.project(transform(pose, points))
        size = (camera.width - 5, camera.height - 5)
        if shown.all() and ((pixels > 4) & (pixels < size)).all():
            poses.append(pose)
    return poses
