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

BLOCK = 64  # samples that share a random stream
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
    motion = trajectory.motion(np.arange(first, last + 1) / rate_hz)
    samples = np.empty((last + 1 - first, 7))
    samples[:, 0] = np.arange(first, last + 1) / rate_hz
    force = motion.acceleration - np.array(GRAVITY)
    samples[:, 1:4] = np.einsum("nji,nj->ni", motion.R_world_camera, force)
    samples[:, 4:] = motion.angular_velocity
    if noise is not None:
        bias = np.random.default_rng([seed, 0x62]).standard_normal(6)
        samples[:, 1:4] += noise.accelerometer_bias * bias[:3]
        samples[:, 4:] += noise.gyroscope_bias * bias[3:]
        scale = np.repeat((noise.accelerometer, noise.gyroscope), 3) * np.sqrt(rate_hz)
        samples[:, 1:] += scale * _white(first, last, seed)
    return samples


def _white(first: int, last: int, seed: int) -> NDArray[np.float64]:
    """(last - first + 1, 6) standard normal rows, each a function of its number and the seed."""
    blocks = range(first // BLOCK, last // BLOCK + 1)
    drawn = [
        np.random.default_rng([seed, number % (1 << 63)]).standard_normal((BLOCK, 6))
        for number in blocks
    ]
    start = first - blocks[0] * BLOCK if blocks else 0
    return np.concatenate([*drawn, np.empty((0, 6))])[start : start + last - first + 1]
