"""Inertial samples that belong to a trajectory: what accelerometer and gyroscope would read.

The sensor sits in the rectified left thermal camera and has its axes (x right, y down, z forward).
At rest and level it reads ``(0, -9.81, 0)``: the specific force that holds it up. What is NOT here:
temperature drift, scale and axis errors, clipping.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.checks import check_positive
from thermoscope.core.errors import ConfigError
from thermoscope.synthetic.trajectory import Trajectory

__all__ = ["GRAVITY", "ImuNoise", "imu_samples"]

GRAVITY = (0.0, 0.0, -9.80665)  # standard gravity, world axes (z up), m/s^2


@dataclass(frozen=True)
class ImuNoise:
    """White noise and constant bias of a consumer sensor, at one standard deviation.

    Attributes:
        accelerometer: m/s^2 / sqrt(Hz).
        gyroscope: rad/s / sqrt(Hz).
        accelerometer_bias: m/s^2.
        gyroscope_bias: rad/s.

    Raises:
        ConfigError: A negative value.
    """

    accelerometer: float = 1.6e-3  # the order of the BMI085 that such stereo cameras carry
    gyroscope: float = 2.4e-4
    accelerometer_bias: float = 0.03
    gyroscope_bias: float = 2e-3

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not value >= 0:
                raise ConfigError(f"{name} must be 0 or more, got {value!r}.")


def imu_samples(
    trajectory: Trajectory,
    start_s: float,
    stop_s: float,
    *,
    rate_hz: float = 200.0,
    noise: ImuNoise | None = None,
    seed: int = 0,
) -> NDArray[np.float64]:
    """Samples after `start_s` up to and including `stop_s`, at whole multiples of the period.

    A sample has the same noise in whichever interval it is asked for: its seed is its number.

    Args:
        trajectory: The path.
        start_s: Trajectory time of the last frame, s.
        stop_s: Trajectory time of this frame, s.
        rate_hz: Samples a second, > 0.
        noise: None = exact.
        seed: Of bias and noise.

    Returns:
        (N, 7) float64: trajectory time s, specific force m/s^2 (3), turn rate rad/s (3), in camera
        axes; N = 0 if no sample falls into the interval.

    Raises:
        ConfigError: `rate_hz` is not positive, or `stop_s` lies before `start_s`.
    """
    check_positive(rate_hz, name="rate_hz")
    if stop_s < start_s:
        raise ConfigError(f"stop_s {stop_s:g} lies before start_s {start_s:g}.")
    first = int(np.floor(start_s * rate_hz + 1e-6)) + 1
    last = int(np.floor(stop_s * rate_hz + 1e-6))
    rows = [_exact(trajectory, number / rate_hz) for number in range(first, last + 1)]
    samples = np.array(rows, np.float64).reshape(-1, 7)
    if noise is not None:
        bias = np.random.default_rng([seed, 0x62]).standard_normal(6)
        samples[:, 1:4] += noise.accelerometer_bias * bias[:3]
        samples[:, 4:] += noise.gyroscope_bias * bias[3:]
        scale = np.repeat((noise.accelerometer, noise.gyroscope), 3) * np.sqrt(rate_hz)
        for row, number in zip(samples, range(first, last + 1), strict=True):
            draw = np.random.default_rng([seed, number % (1 << 63)]).standard_normal(6)
            row[1:] += scale * draw
    return samples


def _exact(trajectory: Trajectory, t_s: float) -> list[float]:
    motion = trajectory.motion(t_s)
    world_camera = motion.T_world_camera[:3, :3]
    force = world_camera.T @ (motion.acceleration - np.array(GRAVITY))
    return [t_s, *force, *motion.angular_velocity]
