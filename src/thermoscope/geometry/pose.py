"""Rigid motions as 4x4 float64 matrices: ``T_a_b`` takes coordinates of b to coordinates of a.

Compose with ``@`` (``T_a_c = T_a_b @ T_b_c``). Quaternions are (x, y, z, w), the order of ROS and
of TartanRGBT's pose files. What is NOT here: optimisation over poses.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thermoscope.core.errors import CalibrationError, ShapeError

__all__ = [
    "check_pose",
    "from_quaternion",
    "from_rotation",
    "interpolate",
    "invert",
    "look_at",
    "quaternion_of",
    "rotation_about",
    "transform",
]

Floats = NDArray[np.float64]
Axis = Literal["x", "y", "z"]
RIGID_TOLERANCE = 1e-6  # of R^T R - I: ten times what single-precision files leave


def check_pose(pose: ArrayLike, *, name: str = "pose") -> Floats:
    """`pose` as (4, 4) float64, if it is a rigid motion.

    Raises:
        ShapeError: Not (4, 4).
        CalibrationError: Not finite, last row not 0 0 0 1, or the rotation not orthonormal and
            right-handed within 1e-6.
    """
    matrix = np.asarray(pose, np.float64)
    if matrix.shape != (4, 4):
        raise ShapeError(
            f"{name} must be (4, 4), got {matrix.shape}.",
            actual_shape=matrix.shape,
            expected_shape="4 4",
        )
    if not np.isfinite(matrix).all():
        raise CalibrationError(f"{name} must be finite, got {matrix.tolist()}.")
    if not np.array_equal(matrix[3], [0, 0, 0, 1]):
        raise CalibrationError(
            f"{name} must end in the row 0 0 0 1, got {matrix[3].tolist()}. "
            "A transposed matrix has its translation there."
        )
    _check_rotation(matrix[:3, :3], name)
    return matrix


def _check_rotation(rotation: Floats, name: str) -> None:
    error = float(np.abs(rotation.T @ rotation - np.eye(3)).max())
    handed = float(np.linalg.det(rotation))
    if error > RIGID_TOLERANCE or handed < 0:
        raise CalibrationError(
            f"{name} has no rotation: |R^T R - I| = {error:.2g}, det R = {handed:.3g}. "
            f"Expected below {RIGID_TOLERANCE:g} and 1. Scale and mirroring are not rigid."
        )


def from_rotation(rotation: ArrayLike, translation: ArrayLike = (0.0, 0.0, 0.0)) -> Floats:
    """(4, 4) pose of a (3, 3) rotation and a translation, m.

    Raises:
        ShapeError: Not (3, 3) or not (3,).
        CalibrationError: Not finite or not a rotation.
    """
    matrix, vector = np.asarray(rotation, np.float64), np.asarray(translation, np.float64)
    if matrix.shape != (3, 3) or vector.shape != (3,):
        raise ShapeError(
            f"rotation must be (3, 3) and translation (3,), got {matrix.shape} and {vector.shape}."
        )
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = matrix, vector
    return check_pose(pose)


def invert(T_a_b: ArrayLike) -> Floats:
    """``T_b_a``, by transposing the rotation.

    Raises:
        ShapeError: Not (4, 4).
        CalibrationError: Not a rigid motion.

    Example:
        >>> invert(from_rotation(np.eye(3), (1.0, 2.0, 3.0)))[:3, 3].tolist()
        [-1.0, -2.0, -3.0]
    """
    pose = check_pose(T_a_b)
    inverse = np.eye(4)
    inverse[:3, :3] = pose[:3, :3].T
    inverse[:3, 3] = -pose[:3, :3].T @ pose[:3, 3]
    return inverse


def transform(T_a_b: ArrayLike, points: ArrayLike) -> Floats:
    """Points (..., 3) of b in the coordinates of a.

    Raises:
        ShapeError: `points` is not (..., 3), or the pose not (4, 4).
        CalibrationError: Not a rigid motion.
    """
    pose, xyz = check_pose(T_a_b), np.asarray(points, np.float64)
    if xyz.ndim < 1 or xyz.shape[-1] != 3:
        raise ShapeError(f"points must be (..., 3), got {xyz.shape}.", actual_shape=xyz.shape)
    return np.asarray(xyz @ pose[:3, :3].T + pose[:3, 3])


def from_quaternion(quaternion: ArrayLike, translation: ArrayLike = (0.0, 0.0, 0.0)) -> Floats:
    """(4, 4) pose of a quaternion (x, y, z, w) and a translation, m.

    The quaternion is normalised; q and -q are the same rotation.

    Raises:
        ShapeError: Not (4,) or not (3,).
        CalibrationError: Not finite, or a quaternion of length below 1e-6.
    """
    q = np.asarray(quaternion, np.float64)
    if q.shape != (4,):
        raise ShapeError(f"quaternion must be (4,) as x y z w, got {q.shape}.")
    length = float(np.linalg.norm(q))
    if not math.isfinite(length) or length < 1e-6:
        raise CalibrationError(f"quaternion must be finite and not zero, got {q.tolist()}.")
    x, y, z, w = (float(c) for c in q / length)
    rotation = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return from_rotation(rotation, translation)


def quaternion_of(pose: ArrayLike) -> Floats:
    """(4,) unit quaternion (x, y, z, w) of the rotation, with w >= 0.

    Raises:
        ShapeError: Not (4, 4).
        CalibrationError: Not a rigid motion.

    Source: Bar-Itzhack, New method for extracting the quaternion from a rotation matrix, 2000
    (largest eigenvector: no branch loses precision).
    """
    r = check_pose(pose)[:3, :3]
    (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = r
    symmetric = np.array(
        [
            [xx - yy - zz, 0, 0, 0],
            [yx + xy, yy - xx - zz, 0, 0],
            [zx + xz, zy + yz, zz - xx - yy, 0],
            [zy - yz, xz - zx, yx - xy, xx + yy + zz],
        ]
    )
    _, vectors = np.linalg.eigh(symmetric)  # reads the lower triangle
    q = vectors[:, -1]
    return np.asarray(-q if q[3] < 0 else q)


def rotation_about(axis: Axis | ArrayLike, angle_deg: float) -> Floats:
    """(4, 4) pose that turns by `angle_deg` about an axis, right-handed.

    Args:
        axis: ``"x"``, ``"y"``, ``"z"``, or a direction (3,).
        angle_deg: Degrees.

    Raises:
        CalibrationError: An axis without direction, or an angle that is not finite.

    Example:
        >>> np.round(transform(rotation_about("z", 90), (1.0, 0.0, 0.0)), 12).tolist()
        [0.0, 1.0, 0.0]
    """
    named = {"x": (1.0, 0.0, 0.0), "y": (0.0, 1.0, 0.0), "z": (0.0, 0.0, 1.0)}
    known = named.get(axis) if isinstance(axis, str) else axis
    direction = np.asarray(known if known is not None else (), np.float64)
    length = float(np.linalg.norm(direction)) if direction.shape == (3,) else 0.0
    if not (math.isfinite(length) and length > 0 and math.isfinite(angle_deg)):
        raise CalibrationError(
            f"axis must be 'x', 'y', 'z' or a direction (3,) and angle_deg finite, "
            f"got {axis!r} and {angle_deg!r}."
        )
    half = math.radians(angle_deg) / 2
    return from_quaternion([*(math.sin(half) * direction / length), math.cos(half)])


def look_at(position: ArrayLike, target: ArrayLike, up: ArrayLike = (0.0, 0.0, 1.0)) -> Floats:
    """``T_world_camera`` of a camera at `position` whose z axis points to `target`.

    The camera's y axis points down: away from `up` as far as the view direction lets it.

    Args:
        position: (3,), m, world.
        target: (3,), m, world.
        up: (3,), world.

    Raises:
        CalibrationError: `target` is at `position`, or the view is along `up`.
    """
    origin = np.asarray(position, np.float64)
    forward = np.asarray(target, np.float64) - origin
    right = np.cross(forward, np.asarray(up, np.float64))
    scale = float(np.linalg.norm(forward)) * float(np.linalg.norm(up))
    if not np.linalg.norm(right) > 1e-9 * scale:
        raise CalibrationError(
            f"no view from {origin.tolist()} to {np.asarray(target).tolist()} with up "
            f"{np.asarray(up).tolist()}. Target and position must differ, and not along up."
        )
    z = forward / np.linalg.norm(forward)
    x = right / np.linalg.norm(right)
    return from_rotation(np.column_stack([x, np.cross(z, x), z]), origin)


def interpolate(T0: ArrayLike, T1: ArrayLike, s: float) -> Floats:
    """The pose at fraction `s` from `T0` (0) to `T1` (1): straight line and shortest turn.

    `s` outside [0, 1] extrapolates. For a half turn either sense is shortest; one is taken.

    Raises:
        ShapeError: Not (4, 4).
        CalibrationError: Not rigid motions, or `s` not finite.

    Source: Shoemake, Animating rotation with quaternion curves, 1985.
    """
    if not math.isfinite(s):
        raise CalibrationError(f"s must be finite, got {s!r}.")
    start, end = check_pose(T0, name="T0"), check_pose(T1, name="T1")
    q0, q1 = quaternion_of(start), quaternion_of(end)
    if q0 @ q1 < 0:
        q1 = -q1
    angle = 2 * math.atan2(float(np.linalg.norm(q1 - q0)), float(np.linalg.norm(q1 + q0)))
    if angle < 1e-9:
        q = (1 - s) * q0 + s * q1
    else:
        q = (math.sin((1 - s) * angle) * q0 + math.sin(s * angle) * q1) / math.sin(angle)
    return from_quaternion(q, (1 - s) * start[:3, 3] + s * end[:3, 3])
