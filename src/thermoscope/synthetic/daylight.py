"""Light of the visible band from above: sun, sky, clouds, and the glow of a town at night.

The unit of light is a white surface facing the sun at noon. Colours are linear RGB. What is NOT
here: lamps (`lamps`), shadows, what surfaces make of the light (`rgb`).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from thermoscope.synthetic.atmosphere import cloud_cover
from thermoscope.synthetic.scene import Conditions, Environment
from thermoscope.synthetic.surface import XYZ, dot

__all__ = ["Colour", "Daylight", "daylight", "sky_colour"]

Floats = NDArray[np.float32]
Colour = tuple[float, float, float]

TOWN_GLOW = {"urban": 3e-5, "aerial": 8e-6, "offroad": 3e-6, "indoor": 0.0}
"""Light of the night sky over a level surface, brighter than life: the camera has no minutes."""
OPTICAL_DEPTH = (0.10, 0.16, 0.30)  # of clear air at the zenith, red green blue
BLUE = (0.40, 0.66, 1.15)  # tint of the clear sky, mean luminance 1 with the horizon's white
TWILIGHT_E_FOLD = 0.035  # sine of the sun's depth in which twilight falls to 1/e
NIGHT_TINT = (1.0, 0.82, 0.62)  # sodium and warm LEDs


class Daylight(NamedTuple):
    """Light over a level, open place.

    Attributes:
        sun: Direct, across the ray.
        sky: Of the whole sky on a level surface; a white surface under it is as bright.
        night: Share of it that is night glow, 0 by day, 1 by night.
    """

    sun: Colour
    sky: Colour
    night: float


def daylight(conditions: Conditions, environment: Environment) -> Daylight:
    """Sun and sky of this weather and hour."""
    up = conditions.sun_direction[2]
    mass = 1 / (max(up, 0.0) + 0.06)
    direct = [math.exp(-depth * (mass - 1)) for depth in OPTICAL_DEPTH]
    gap = max(1 - 0.98 * conditions.cloud**1.3, 0.0) * math.exp(-5 * conditions.fog)
    gap *= min(max(up, 0.0) / 0.03, 1.0)
    sun = _colour([gap * share for share in direct])
    level = max(up, 0.0) ** 0.8 if up > 0 else 0.0
    twilight = 0.035 * math.exp(-abs(up) / TWILIGHT_E_FOLD) if up < 0 else 0.035
    clear, grey = 0.17 * level + twilight, (0.30 * level + twilight) * (1 - 0.5 * conditions.rain)
    tint = _sky_tint(up)
    closed = min(conditions.cloud + conditions.fog, 1.0)
    day = [clear * (1 - closed) * t + grey * closed * (0.75 + 0.25 * t) for t in tint]
    moon = 4e-5 * (conditions.ground_k * 7.0 % 1.0) ** 3 * (1 - 0.9 * closed)
    glow = TOWN_GLOW[environment] * (1 + 2.5 * closed) + moon  # clouds throw light back
    sky = _colour([d + glow * t for d, t in zip(day, NIGHT_TINT, strict=True)])
    return Daylight(sun, sky, glow / (glow + float(np.mean(day))))


def sky_colour(
    ray: XYZ, conditions: Conditions, light: Daylight, *, pixel_angle: float = 0.002
) -> tuple[Floats, Floats, Floats]:
    """Colour of the sky along rays (M,), three lines; below the horizon as on it."""
    up = np.maximum(ray[2], 0)
    haze = np.exp(up * np.float32(-5.0))
    cover = cloud_cover(ray, conditions, pixel_angle=pixel_angle)
    near_sun = np.maximum(dot(ray, conditions.sun_direction), 0)
    glow = near_sun**12
    disc = np.float32(30.0) * np.clip((near_sun - np.float32(0.99985)) * 1.2e4, 0, 1)
    lines = []
    for channel in range(3):
        sky, sun = light.sky[channel], light.sun[channel]
        tint = BLUE[channel] * (1 - light.night) + light.night * NIGHT_TINT[channel]
        clear = np.float32(sky) * (
            np.float32(0.95 * tint * (1 - 0.7 * light.night)) + np.float32(1.3) * haze
        )
        clear += np.float32(0.25 * sun) * glow
        clear += np.float32(sun) * disc
        cloud = np.float32(1.15 * sky + 0.45 * sun) * (np.float32(1.05) - np.float32(0.35) * cover)
        lines.append(clear + cover * (cloud - clear))
    return lines[0], lines[1], lines[2]


def _sky_tint(up: float) -> Colour:
    """Mean colour of the clear sky: blue by day, warm around sunset."""
    low = math.exp(-max(up, 0.0) / 0.12)
    warm = (1.25, 0.95, 0.85)
    cool = (0.84, 0.97, 1.19)
    return _colour([w * low + c * (1 - low) for w, c in zip(warm, cool, strict=True)])


def _colour(values: list[float]) -> Colour:
    red, green, blue = values
    return red, green, blue
