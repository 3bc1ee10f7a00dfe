"""Smooth camera paths along a scene's route, with exact derivatives.

The route becomes a cubic spline; the camera follows it at a steady pace, looks along it (or down
from it) and sways as its carrier does: a vehicle, a person, a drone, a small robot. Position,
velocity, acceleration, attitude and turn rate are functions of time, none is a difference of
samples. What is NOT here: the inertial sensor (`thermoscope.synthetic.imu`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thermoscope.core.checks import check_positive
from thermoscope.core.errors import ConfigError, ShapeError
from thermoscope.geometry.pose import from_rotation

__all__ = ["CARRIERS", "Carrier", "Motion", "Spline", "Trajectory"]

Floats = NDArray[np.float64]

# Camera axes (x right, y down, z forward) in body axes (x forward, y left, z up).
_BODY_CAMERA = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])


@dataclass(frozen=True)
class Carrier:
    """Who carries the rig.

    Attributes:
        speed_mps: Pace, m/s, > 0.
        height_m: Of the camera over the ground of the route, (lowest, highest), m.
        look_down_deg: Pitch below the horizon, (least, most), degrees.
        knot_m: Distance of the spline's knots: how tightly the path can turn.
        sway_m: Amplitude of side-to-side and up-and-down motion, m.
        sway_deg: Amplitude of attitude motion, degrees.
        sway_hz: Its main frequency.

    Raises:
        ConfigError: A pace, knot distance or frequency that is not positive.
    """

    speed_mps: float
    height_m: tuple[float, float]
    look_down_deg: tuple[float, float]
    knot_m: float
    sway_m: float
    sway_deg: float
    sway_hz: float

    def __post_init__(self) -> None:
        for name in ("speed_mps", "knot_m", "sway_hz"):
            check_positive(getattr(self, name), name=name)


CARRIERS: dict[str, Carrier] = {
    "vehicle": Carrier(8.0, (1.3, 2.0), (-1.0, 6.0), 10.0, 0.015, 0.5, 1.3),
    "handheld": Carrier(1.4, (1.25, 1.7), (-3.0, 12.0), 2.0, 0.025, 1.5, 1.8),
    "robot": Carrier(1.8, (0.5, 1.1), (-4.0, 8.0), 3.0, 0.01, 0.8, 3.0),
    "drone": Carrier(6.0, (25.0, 70.0), (35.0, 88.0), 15.0, 0.20, 1.2, 0.4),
}


class Spline:
    """Natural or periodic cubic spline through points, twice continuously differentiable.

    Args:
        knots: (N,) increasing parameter values, N >= 2.
        points: (N, D) values there; the first equals the last if `periodic`.
        periodic: Closed curve.

    Raises:
        ShapeError: Fewer than two knots, or another number of points.

    Source: de Boor, A Practical Guide to Splines, ch. IV.
    """

    def __init__(self, knots: Floats, points: Floats, *, periodic: bool) -> None:
        if len(knots) < 2 or len(points) != len(knots):
            raise ShapeError(f"a spline needs 2 or more points, got {len(points)}.")
        self.knots, self.points, self.periodic = knots, points, periodic
        self._bend = _second_derivatives(knots, points, periodic=periodic)

    @property
    def length(self) -> float:
        """Last parameter minus first."""
        return float(self.knots[-1] - self.knots[0])

    def __call__(self, u: ArrayLike, derivative: int = 0) -> Floats:
        """(..., D) values, or first or second derivatives; beyond the ends closed curves wrap."""
        places = np.asarray(u, np.float64)
        first, last = self.knots[0], self.knots[-1]
        if self.periodic:
            places = first + (places - first) % self.length
        places = np.clip(places, first, last)
        i = np.searchsorted(self.knots, places, side="right") - 1
        i = np.clip(i, 0, len(self.knots) - 2)
        h = (self.knots[i + 1] - self.knots[i])[..., None]
        b = (places - self.knots[i])[..., None] / h
        a = 1.0 - b
        p0, p1, m0, m1 = self.points[i], self.points[i + 1], self._bend[i], self._bend[i + 1]
        if derivative == 0:
            return np.asarray(a * p0 + b * p1 + ((a**3 - a) * m0 + (b**3 - b) * m1) * h * h / 6)
        if derivative == 1:
            return np.asarray((p1 - p0) / h + ((3 * b * b - 1) * m1 - (3 * a * a - 1) * m0) * h / 6)
        return np.asarray(a * m0 + b * m1)


def _second_derivatives(knots: Floats, points: Floats, *, periodic: bool) -> Floats:
    n = len(knots)
    h = np.diff(knots)
    slope = np.diff(points, axis=0) / h[:, None]
    matrix, right = np.eye(n), np.zeros_like(points)
    for i in range(1, n - 1):
        matrix[i, i - 1 : i + 2] = h[i - 1] / 6, (h[i - 1] + h[i]) / 3, h[i] / 6
        right[i] = slope[i] - slope[i - 1]
    if periodic:
        matrix[0] = 0.0
        matrix[0, [0, 1]] = (h[-1] + h[0]) / 3, h[0] / 6
        matrix[0, n - 2] += h[-1] / 6
        right[0] = slope[0] - slope[-1]
        matrix[-1, 0] = -1.0  # the last bend is the first
    return np.asarray(np.linalg.solve(matrix, right))


@dataclass(frozen=True)
class Motion:
    """Where the camera is and how it moves, at one instant or at many (leading axes).

    Attributes:
        R_world_camera: (..., 3, 3) rotation.
        position: (..., 3) m, world.
        velocity: (..., 3) m/s, world.
        acceleration: (..., 3) m/s^2, world, without gravity.
        angular_velocity: (..., 3) rad/s, camera axes.
    """

    R_world_camera: Floats
    position: Floats
    velocity: Floats
    acceleration: Floats
    angular_velocity: Floats


class Trajectory:
    """A path of the rig over time.

    Args:
        route: (N, 2) m, centre line; closed if its first point equals its last.
        ground_z: (N,) m, ground under it.
        carrier: A name of `CARRIERS`, or your own.
        seed: Of height, pitch and sway.
        visit: Further passes over the same route sway differently and keep up to `offset_m` aside.
        offset_m: Largest sideways distance between visits, m.
        lasting_s: Open routes are taken more slowly, if needed, to last this long.

    Raises:
        ShapeError: `route` is not (N, 2) with N >= 2, or `ground_z` not (N,).
        ConfigError: A route of less than 1 m, or an unknown carrier.
    """

    def __init__(
        self,
        route: ArrayLike,
        ground_z: ArrayLike,
        carrier: str | Carrier,
        *,
        seed: int,
        visit: int = 0,
        offset_m: float = 0.5,
        lasting_s: float = 0.0,
    ) -> None:
        line, ground = np.asarray(route, np.float64), np.asarray(ground_z, np.float64)
        if line.ndim != 2 or line.shape[1] != 2 or len(line) < 2 or ground.shape != (len(line),):
            raise ShapeError(
                f"route must be (N, 2) with N >= 2 and ground_z (N,), got {line.shape} and "
                f"{ground.shape}.",
                actual_shape=line.shape,
                expected_shape="N 2",
            )
        if isinstance(carrier, str):
            if carrier not in CARRIERS:
                raise ConfigError(f"unknown carrier {carrier!r}. Known: {', '.join(CARRIERS)}.")
            carrier = CARRIERS[carrier]
        self.carrier = carrier
        place = np.random.default_rng([seed, 0x7261])
        self._height = float(place.uniform(*carrier.height_m))
        self._look_down = math.radians(float(place.uniform(*carrier.look_down_deg)))
        self.closed = bool(np.array_equal(line[0], line[-1]))
        own = np.random.default_rng([seed, visit, 0x7261])
        aside = 0.0 if visit == 0 else float(own.uniform(-offset_m, offset_m))
        self._spline = _spline(line, ground, carrier.knot_m, closed=self.closed, aside=aside)
        pace = carrier.speed_mps
        if not self.closed and lasting_s > 0:
            pace = min(pace, self._spline.length / lasting_s)
        self.speed_mps = pace
        # Five channels: sideways, up, yaw, pitch, roll; three tones each.
        self._frequency = carrier.sway_hz * own.uniform(0.6, 1.4, (5, 3)) * (1.0, 0.45, 0.17)
        self._phase = own.uniform(0, 2 * np.pi, (5, 3))
        scale = np.array([carrier.sway_m] * 2 + [math.radians(carrier.sway_deg)] * 3)
        self._amplitude = scale[:, None] * (0.4, 0.6, 1.0) / 1.5

    @property
    def duration_s(self) -> float:
        """Time from the first point to the last (one lap of a closed route), s."""
        return self._spline.length / self.speed_mps

    def motion(self, t_s: ArrayLike) -> Motion:
        """Pose and derivatives at times `t_s`; closed routes go round, open ones end."""
        times = np.asarray(t_s, np.float64)
        speed = self.speed_mps
        u = speed * times
        heading = self._spline(u, 1)
        moving = np.ones_like(u) if self.closed else ((u >= 0) & (u <= self._spline.length)) * 1.0
        along = heading * speed * moving[..., None]
        bend = self._spline(u, 2) * speed * speed * moving[..., None]
        value, rate, second = self._sway(times)
        yaw = np.arctan2(heading[..., 1], heading[..., 0]) + value[..., 2]
        squared = np.maximum((along[..., :2] ** 2).sum(-1), 1e-12)
        yaw_rate = (along[..., 0] * bend[..., 1] - along[..., 1] * bend[..., 0]) / squared
        pitch, roll = self._look_down + value[..., 3], value[..., 4]
        turn = _body_rates(pitch, roll, yaw_rate + rate[..., 2], rate[..., 3], rate[..., 4])
        return Motion(
            _rotation(yaw, pitch, roll) @ _BODY_CAMERA,
            self._spline(u) + _sway_shift(value) + (0.0, 0.0, self._height),
            along + _sway_shift(rate),
            bend + _sway_shift(second),
            turn @ _BODY_CAMERA,
        )

    def pose(self, t_s: float) -> Floats:
        """(4, 4) ``T_world_camera`` at time `t_s`."""
        motion = self.motion(t_s)
        return from_rotation(motion.R_world_camera, motion.position)

    def _sway(self, times: Floats) -> tuple[Floats, Floats, Floats]:
        """Value and two derivatives (..., 5) of the sway channels."""
        turn = 2 * np.pi * self._frequency
        angle = turn * times[..., None, None] + self._phase
        value = self._amplitude * np.sin(angle)
        rate = self._amplitude * turn * np.cos(angle)
        return value.sum(-1), rate.sum(-1), (-value * turn * turn).sum(-1)


def _sway_shift(channels: Floats) -> Floats:
    """(..., 3) along fixed world axes, so that its derivative needs no frame."""
    return np.asarray(channels[..., [0, 0, 1]] * (0.7, -0.7, 1.0))


def _spline(line: Floats, ground: Floats, knot_m: float, *, closed: bool, aside: float) -> Spline:
    """Knots about every `knot_m` metres along the route, moved sideways by `aside`."""
    step = np.hypot(*np.diff(line, axis=0).T)
    along = np.concatenate([[0.0], np.cumsum(step)])
    length = float(along[-1])
    if length < 1.0:
        raise ConfigError(f"the route is {length:.2g} m long. Expected 1 m or more.")
    count = max(4 if closed else 2, round(length / knot_m) + 1)
    places = np.linspace(0.0, length, count)
    points = np.column_stack(
        [np.interp(places, along, column) for column in (line[:, 0], line[:, 1], ground)]
    )
    if closed:
        neighbours = np.roll(points[:-1, :2], -1, axis=0) - np.roll(points[:-1, :2], 1, axis=0)
        tangent = np.concatenate([neighbours, neighbours[:1]])
    else:
        tangent = np.gradient(points[:, :2], axis=0)
    tangent /= np.maximum(np.hypot(*tangent.T), 1e-9)[:, None]
    points[:, 0] -= aside * tangent[:, 1]
    points[:, 1] += aside * tangent[:, 0]
    if closed:
        points[-1] = points[0]
    return Spline(places, points, periodic=closed)


def _rotation(yaw: Floats, pitch: Floats, roll: Floats) -> Floats:
    """(..., 3, 3) body to world: yaw about up, then pitch (nose down) about left, then roll."""
    cy, sy, cp, sp, cr, sr = (f(a) for a in (yaw, pitch, roll) for f in (np.cos, np.sin))
    rows = (
        (cy * cp, cy * sp * sr - sy * cr, cy * sp * cr + sy * sr),
        (sy * cp, sy * sp * sr + cy * cr, sy * sp * cr - cy * sr),
        (-sp, cp * sr, cp * cr),
    )
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def _body_rates(
    pitch: Floats, roll: Floats, yaw_rate: Floats, pitch_rate: Floats, roll_rate: Floats
) -> Floats:
    """(..., 3) turn rate in body axes of Euler rates (yaw-pitch-roll order)."""
    cp, sp, cr, sr = np.cos(pitch), np.sin(pitch), np.cos(roll), np.sin(roll)
    lines = (
        roll_rate - yaw_rate * sp,
        pitch_rate * cr + yaw_rate * cp * sr,
        -pitch_rate * sr + yaw_rate * cp * cr,
    )
    return np.stack(lines, axis=-1)
