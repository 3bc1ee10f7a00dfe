"""Cameras, their places on the rig and the poses of a board, all refined together.

Levenberg-Marquardt on the normal equations with Huber weights. Derivatives are OpenCV's own
(`projectPoints`, `fisheye.projectPoints`, `composeRT`), so a camera of either model and any number
of cameras go through one loop. What is NOT here: starting values (`calibrate`).

Source: Triggs et al., Bundle adjustment: a modern synthesis, 1999; Huber, Robust statistics, 1981.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from thermoscope.geometry.camera import Camera
from thermoscope.geometry.pose import from_rotation

__all__ = ["Bundle", "Sight", "adjust", "camera_parameters", "residuals"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

HUBER_PX = 1.0
STOP = 1e-10  # relative fall of the cost
COEFFICIENTS = {"pinhole": 0, "radtan": 5, "fisheye": 4}
FAR_PX = 1e4  # residual of a point that the model cannot show


@dataclass(frozen=True)
class Sight:
    """One camera sees the board once.

    Attributes:
        camera: Number of the camera.
        view: Number of the board's pose.
        points: (N, 3) of the board, m.
        pixels: (N, 2) found, px.
    """

    camera: int
    view: int
    points: Floats
    pixels: Floats


@dataclass(frozen=True)
class Bundle:
    """What is refined.

    Attributes:
        cameras: Intrinsics; radtan with five coefficients.
        T_camera_rig: (4, 4) of each camera; the first one is the rig and stays.
        T_rig_board: (4, 4) of each view.
    """

    cameras: tuple[Camera, ...]
    T_camera_rig: tuple[Floats, ...]
    T_rig_board: tuple[Floats, ...]


def camera_parameters(camera: Camera) -> int:
    """How many numbers describe a camera of this model."""
    return 4 + COEFFICIENTS[camera.model]


def residuals(bundle: Bundle, sight: Sight) -> Floats:
    """(N, 2) found minus projected, px; 10,000 where the model shows nothing."""
    return _project(bundle, sight)[0]


def adjust(
    bundle: Bundle,
    sights: Sequence[Sight],
    *,
    steps: int = 60,
    fixed_rig: bool = False,
) -> tuple[Bundle, Floats]:
    """The bundle with the least robust reprojection error.

    Args:
        bundle: Where to start.
        sights: What was seen; every view and camera at least once.
        steps: At most.
        fixed_rig: Refine only the poses of the board (for held-out views).

    Returns:
        The refined bundle, and the covariance of its parameters (P, P) in px² of unit residual:
        cameras first, each followed by its place on the rig; zero for what is fixed.
    """
    layout = _Layout.of(bundle, fixed_rig=fixed_rig)
    damping = 1e-3
    cost, normal, slope = _equations(bundle, sights, layout)
    for _ in range(steps):
        scaled = normal + damping * np.diag(np.diag(normal) + 1e-12)
        step: Floats = np.asarray(np.linalg.lstsq(scaled, slope, rcond=None)[0], np.float64)
        moved = _moved(bundle, step, layout)
        tried = _equations(moved, sights, layout) if moved is not None else None
        if tried is None or not tried[0] < cost:
            damping *= 8
            if damping > 1e9:
                break
            continue
        fall = (cost - tried[0]) / max(cost, 1e-12)
        bundle, damping = moved if moved is not None else bundle, max(damping / 6, 1e-12)
        cost, normal, slope = tried
        if fall < STOP:
            break
    return bundle, np.asarray(np.linalg.pinv(normal), np.float64)


@dataclass(frozen=True)
class _Layout:
    """First parameter of every block; -1 for what is fixed."""

    intrinsics: tuple[int, ...]
    places: tuple[int, ...]
    poses: tuple[int, ...]
    size: int

    @classmethod
    def of(cls, bundle: Bundle, *, fixed_rig: bool) -> _Layout:
        at, intrinsics, places = 0, [], []
        for index, camera in enumerate(bundle.cameras):
            intrinsics.append(-1 if fixed_rig else at)
            at += 0 if fixed_rig else camera_parameters(camera)
            free = index > 0 and not fixed_rig
            places.append(at if free else -1)
            at += 6 if free else 0
        poses = tuple(at + 6 * i for i in range(len(bundle.T_rig_board)))
        return cls(tuple(intrinsics), tuple(places), poses, at + 6 * len(poses))


def _equations(
    bundle: Bundle, sights: Sequence[Sight], layout: _Layout
) -> tuple[float, Floats, Floats]:
    """Robust cost, normal matrix and right-hand side."""
    normal = np.zeros((layout.size, layout.size))
    slope = np.zeros(layout.size)
    cost = 0.0
    for sight in sights:
        error, blocks = _project(bundle, sight)
        size = np.linalg.norm(error, axis=1)
        weight = np.minimum(1.0, HUBER_PX / np.maximum(size, 1e-12))
        cost += float(np.where(size <= HUBER_PX, size**2, HUBER_PX * (2 * size - HUBER_PX)).sum())
        columns, jacobian = _assembled(blocks, sight, bundle, layout)
        rows = np.repeat(weight, 2)[:, None] * jacobian
        normal[np.ix_(columns, columns)] += jacobian.T @ rows
        slope[columns] += rows.T @ error.ravel()
    return cost, normal, slope


def _assembled(
    blocks: dict[str, Floats], sight: Sight, bundle: Bundle, layout: _Layout
) -> tuple[Ints, Floats]:
    """Numbers of the parameters that move a sight's pixels, and the derivatives by them."""
    starts = {
        "intrinsics": layout.intrinsics[sight.camera],
        "place": layout.places[sight.camera],
        "pose": layout.poses[sight.view],
    }
    free = [name for name, start in starts.items() if start >= 0]
    columns = [np.arange(blocks[name].shape[1]) + starts[name] for name in free]
    return np.concatenate(columns), np.concatenate([blocks[name] for name in free], axis=1)


def _project(bundle: Bundle, sight: Sight) -> tuple[Floats, dict[str, Floats]]:
    """Residuals (N, 2) and the derivatives of the pixels (2 N, ...) by each block."""
    camera = bundle.cameras[sight.camera]
    pose, place = bundle.T_rig_board[sight.view], bundle.T_camera_rig[sight.camera]
    r1, t1, r2, t2 = (*_vectors(pose), *_vectors(place))
    parts: Any = cv2.composeRT(r1, t1, r2, t2)
    r3, t3, r_r1, _, r_r2, _, t_r1, t_t1, t_r2, t_t2 = parts
    pixels, by_camera, by_r, by_t = _image(camera, sight.points, r3, t3)
    depth = sight.points @ (place @ pose)[2, :3] + (place @ pose)[2, 3]
    shown = (depth > 0) & np.isfinite(pixels).all(axis=1)
    error = np.where(shown[:, None], sight.pixels - pixels, FAR_PX)
    rows = np.repeat(shown, 2)[:, None]
    blocks = {
        "intrinsics": by_camera,
        "place": np.concatenate([by_r @ r_r2 + by_t @ t_r2, by_t @ t_t2], axis=1),
        "pose": np.concatenate([by_r @ r_r1 + by_t @ t_r1, by_t @ t_t1], axis=1),
    }
    return error, {name: np.where(rows, block, 0.0) for name, block in blocks.items()}


def _image(
    camera: Camera, points: Floats, r: Floats, t: Floats
) -> tuple[Floats, Floats, Floats, Floats]:
    """Pixels, and their derivatives by intrinsics, rotation vector and translation."""
    if camera.model == "fisheye":
        k = np.array(camera.distortion)
        pixels, jacobian = cv2.fisheye.projectPoints(points[None], r, t, camera.K, k)
        j = np.asarray(jacobian, np.float64)
        return np.asarray(pixels, np.float64).reshape(-1, 2), j[:, :8], j[:, 8:11], j[:, 11:14]
    k = np.zeros(5)
    k[: len(camera.distortion)] = camera.distortion[:5]
    pixels, jacobian = cv2.projectPoints(points, r, t, camera.K, k)
    j = np.asarray(jacobian, np.float64)
    own = j[:, 6 : 6 + camera_parameters(camera)]
    return np.asarray(pixels, np.float64).reshape(-1, 2), own, j[:, :3], j[:, 3:6]


def _vectors(pose: Floats) -> tuple[Floats, Floats]:
    rotation: Any = cv2.Rodrigues(pose[:3, :3])[0]
    return np.asarray(rotation), pose[:3, 3].reshape(3, 1).copy()


def _moved(bundle: Bundle, step: Floats, layout: _Layout) -> Bundle | None:
    """The bundle after a step; None where a focal length would leave the positive numbers."""
    if not np.isfinite(step).all():
        return None
    cameras, places = list(bundle.cameras), list(bundle.T_camera_rig)
    for i, camera in enumerate(bundle.cameras):
        start = layout.intrinsics[i]
        if start >= 0:
            change = step[start : start + camera_parameters(camera)]
            fx, fy = camera.fx + change[0], camera.fy + change[1]
            if min(fx, fy) <= 1:
                return None
            k = tuple(float(v) for v in np.add(camera.distortion, change[4:]))
            cx, cy = camera.cx + change[2], camera.cy + change[3]
            cameras[i] = replace(
                camera, fx=float(fx), fy=float(fy), cx=float(cx), cy=float(cy), distortion=k
            )
        if layout.places[i] >= 0:
            places[i] = _turned(places[i], step[layout.places[i] :][:6])
    poses = tuple(
        _turned(pose, step[start:][:6])
        for pose, start in zip(bundle.T_rig_board, layout.poses, strict=True)
    )
    return Bundle(tuple(cameras), tuple(places), poses)


def _turned(pose: Floats, change: Floats) -> Floats:
    r, t = _vectors(pose)
    rotation: Any = cv2.Rodrigues(r + change[:3, None])[0]
    return from_rotation(rotation, t.ravel() + change[3:])
