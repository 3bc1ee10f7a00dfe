"""Sunlight now and over the last two days, and how much of it a surface still holds.

A surface is a half-space of some thermal inertia that trades heat with air and sky. Its answer to
a step of heat flux has a closed form, so the warmth of this hour is a weighted sum of the light
of past hours: a thin sheet forgets in minutes, a road remembers the afternoon at midnight. What is
NOT here: shadows of the past (only today's are cast), and layers under the surface.

Source: Carslaw and Jaeger, Conduction of Heat in Solids, 1959, section 2.7 (half-space with
radiation at its surface); direct light through the air mass by Meinel, 1976.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from thermoscope.synthetic.conditions import DAY_OF_YEAR
from thermoscope.synthetic.scene import Conditions

__all__ = ["Sunshine", "past_sunshine", "step_response", "sun_strength"]

Floats = NDArray[np.float64]

SOLAR_CONSTANT = 1361.0  # W/m^2
EDGES_H = (0.0, 0.3, 1.0, 2.0, 3.5, 5.5, 8.0, 11.0, 15.0, 20.0, 24.0, 48.0)
LATEST = len(EDGES_H) - 2  # index of the last bin: the day before, as its mean
SECONDS = 3600.0


class Sunshine(NamedTuple):
    """Light in bins of the past; bin 0 is now, the last one the day before.

    Attributes:
        direction: (J, 3) unit vectors towards the sun at the middle of each bin.
        direct: (J,) W/m^2 across the ray.
        diffuse: (J,) W/m^2 on a level surface.
    """

    direction: Floats
    direct: Floats
    diffuse: Floats


def past_sunshine(conditions: Conditions) -> Sunshine:
    """Sunlight of the last two days, the weather taken as unchanged; bins are `EDGES_H`."""
    hours = np.array([(a + b) / 2 for a, b in pairwise(EDGES_H)])
    hours[0] = 0.0
    direction = _sun_path(conditions, hours)
    direct, diffuse = _irradiance(direction[:, 2], conditions.cloud, conditions.fog)
    day = _sun_path(conditions, np.arange(0.0, 24.0, 0.5))
    day_direct, day_diffuse = _irradiance(day[:, 2], conditions.cloud, conditions.fog)
    direct[LATEST], diffuse[LATEST] = day_direct.mean(), day_diffuse.mean()
    mean = (day * day_direct[:, None]).sum(0)
    direction[LATEST] = mean / max(float(np.linalg.norm(mean)), 1e-9)
    return Sunshine(direction, direct, diffuse)


def step_response(inertia: Floats, exchange: Floats, hours: float) -> Floats:
    """Warming, K per W/m^2, after `hours` of constant flux.

    ``(1 - exp(z^2) erfc(z)) / h`` with ``z = h sqrt(t) / I``; it tends to ``1 / h``.

    Args:
        inertia: Thermal inertia I, J m^-2 K^-1 s^-1/2, > 0.
        exchange: Heat exchange with the surroundings h, W m^-2 K^-1, > 0.
        hours: Since the step, >= 0.
    """
    z = exchange * math.sqrt(hours * SECONDS) / inertia
    return np.asarray((1 - _erfcx(z)) / exchange)


def sun_strength(conditions: Conditions) -> float:
    """Direct light on a surface that faces the sun over the solar constant, [0, 0.8]."""
    height = np.array([conditions.sun_direction[2]])
    direct, _ = _irradiance(height, conditions.cloud, conditions.fog)
    return float(direct[0]) / SOLAR_CONSTANT


def _erfcx(z: Floats) -> Floats:
    """exp(z^2) erfc(z) for z >= 0, within 1.5e-7 (Abramowitz and Stegun 7.1.26)."""
    t = 1 / (1 + 0.3275911 * z)
    series = 1.061405429
    out = np.full_like(t, series)
    for factor in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        out = out * t + factor
    return np.asarray(out * t)


def _sun_path(conditions: Conditions, hours_ago: Floats) -> Floats:
    """(K, 3) where the sun stood: the sky turns 15 degrees an hour about the pole."""
    sun = np.asarray(conditions.sun_direction, np.float64)
    pole = _pole(conditions)
    turn = np.radians(15.0 * hours_ago)[:, None]
    along = pole * (sun @ pole)
    # hour angles grow clockwise seen from the pole: going back is anticlockwise
    return np.asarray(along + np.cos(turn) * (sun - along) + np.sin(turn) * np.cross(pole, sun))


def _pole(conditions: Conditions) -> Floats:
    """Unit vector to the celestial pole, from the sun's place and the season's declination."""
    _, north, up = conditions.sun_direction
    day = DAY_OF_YEAR[conditions.season]
    declination = math.radians(23.45) * math.sin(2 * math.pi * (284 + day) / 365)
    radius = math.hypot(north, up)
    latitude = math.radians(45.0)
    if radius > abs(math.sin(declination)):
        middle, half = math.atan2(up, north), math.acos(math.sin(declination) / radius)
        candidates = [a for a in (middle - half, middle + half) if 0 < a < math.radians(75)]
        latitude = min(candidates, key=lambda a: abs(a - latitude), default=latitude)
    return np.array([0.0, math.cos(latitude), math.sin(latitude)])


def _irradiance(height: Floats, cloud: float, fog: float) -> tuple[Floats, Floats]:
    """Direct (across the ray) and diffuse (level) light, W/m^2, at a sine of sun elevation."""
    up = np.maximum(height, 0.0)
    mass = 1 / (up + 0.05 * (1 - up) ** 8)
    clear = SOLAR_CONSTANT * 0.7 ** (mass**0.678) * (height > 0)
    gap = max(1 - 0.97 * cloud**1.3, 0.0) * math.exp(-4 * fog)
    direct = clear * gap
    diffuse = (0.10 + 0.12 * cloud) * SOLAR_CONSTANT * up
    return direct, diffuse
