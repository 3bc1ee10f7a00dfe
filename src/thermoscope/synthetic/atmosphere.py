"""Air, rain, fog and sky: what lies between the camera and a surface, and above both.

The sky of the thermal band is a slab of air that emits the more the longer the way through it:
cold overhead, near air temperature at the horizon, with clouds that close the window. What is
NOT here: scattering of thermal light, spectral lines, refraction; the sky's colours (`sky`).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from thermoscope.synthetic.band import band_radiance
from thermoscope.synthetic.scene import Conditions
from thermoscope.synthetic.surface import XYZ, dot, faded
from thermoscope.synthetic.texture import TextureSet

__all__ = [
    "cloud_cover",
    "sky_radiance",
    "thermal_extinction_per_m",
    "transmission",
    "visible_extinction_per_m",
    "water_vapour_g_m3",
]

Floats = NDArray[np.float32]

HEAVY_RAIN_MM_H = 25.0
THICK_FOG_M = 50.0  # visibility
CLEAR_AIR_M = 40e3
KOSCHMIEDER = 3.912  # extinction times visibility, at 2 % contrast
FOG_SHARE_LWIR = 0.4  # small drops weaken 10 um less than 0.55 um
CLOUD_COOLER_K = 7.0  # than the air below
CLOUD_BASE_M = 900.0  # rain falls from there
FOG_TOP_M = 200.0
CLOUD_SCALE = 0.9  # size of a cloud over its height above ground
CLOUD_VARIANTS = "abc"
SUN_RADIUS = math.cos(math.radians(0.27))


# -- between the camera and a surface ------------------------------------------------------------


def water_vapour_g_m3(conditions: Conditions) -> float:
    """Absolute humidity, g/m^3, by Magnus' formula for saturated vapour."""
    celsius = conditions.air_k - 273.15
    saturated_hpa = 6.112 * math.exp(17.62 * celsius / (243.12 + celsius))
    return 216.7 * conditions.humidity * saturated_hpa / conditions.air_k


def thermal_extinction_per_m(conditions: Conditions) -> float:
    """Beer-Lambert coefficient of the air in 7.5-13.5 um, 1/m.

    Water vapour (line and self-continuum, fitted to 0.12/km at 10 g/m^3 and 0.30/km at 20, the
    order of mid-latitude and tropical summer air), rain by Atlas (0.365 R^0.63 per km) and fog
    as a share of its visible extinction.
    """
    vapour = water_vapour_g_m3(conditions)
    clear = 1e-3 * (0.02 + 0.006 * vapour + 0.0004 * vapour**2)
    return clear + _rain_per_m(conditions.rain) + FOG_SHARE_LWIR * _fog_per_m(conditions.fog)


def visible_extinction_per_m(conditions: Conditions) -> float:
    """Beer-Lambert coefficient of the air in the visible band, 1/m."""
    haze = KOSCHMIEDER / CLEAR_AIR_M * (1 + 3 * conditions.humidity**4)
    return haze + _rain_per_m(conditions.rain) + _fog_per_m(conditions.fog)


def _rain_per_m(rain: float) -> float:
    return float(1e-3 * 0.365 * (HEAVY_RAIN_MM_H * rain) ** 0.63)


def _fog_per_m(fog: float) -> float:
    return float(KOSCHMIEDER / THICK_FOG_M * fog**1.5)


def transmission(distance_m: Floats, extinction_per_m: float) -> Floats:
    """Share of radiation left after `distance_m`, (0, 1]; infinite distance gives 0."""
    return np.asarray(np.exp(distance_m * np.float32(-extinction_per_m)), np.float32)


# -- above ---------------------------------------------------------------------------------------


def cloud_cover(ray: XYZ, conditions: Conditions, *, pixel_angle: float = 0.002) -> Floats:
    """Cover by clouds along rays (M,), 0 = open sky, 1 = thick cloud; the same in both bands.

    Args:
        ray: Three lines (M,), unit vectors; those below the horizon count as on it.
        conditions: Weather; `cloud` is the mean cover.
        pixel_angle: Angle over which the cover is averaged, rad.
    """
    if conditions.cloud <= 0:
        return np.zeros(len(ray[2]), np.float32)
    height = np.maximum(ray[2], 0) + np.float32(0.07)
    plane = (ray[0] / height, ray[1] / height, np.zeros_like(height))
    up = (plane[2], plane[2], np.ones_like(height))
    seed = round(conditions.hour * 100 + conditions.air_k * 10)
    name = f"cloud.{CLOUD_VARIANTS[seed % 3]}"
    table = TextureSet([name], [CLOUD_SCALE], [seed])
    size = np.float32(pixel_angle) / (height * height)
    value = table.sample(np.zeros(len(height), np.intp), plane, up, size)
    value += np.float32(2.4 * conditions.cloud - 1.2)
    value *= np.float32(1.6)
    value += np.float32(0.5)
    return np.clip(value, 0, 1, out=value)


def sky_radiance(ray: XYZ, conditions: Conditions, *, pixel_angle: float = 0.002) -> Floats:
    """Radiance of the sky in 7.5-13.5 um along rays (M,), W m^-2 sr^-1.

    The zenith of a clear sky looks as warm as `conditions.sky_k`; towards the horizon the way
    through the air grows and with it the emission. Clouds are as warm as the air at their height.
    """
    cover = cloud_cover(ray, conditions, pixel_angle=pixel_angle)
    air, zenith, warm_cloud = (
        float(band_radiance(kelvin))
        for kelvin in (conditions.air_k, conditions.sky_k, conditions.air_k - CLOUD_COOLER_K)
    )
    open_window = min(max(1 - zenith / air, 0.02), 0.95)
    mass = 1 / (np.maximum(ray[2], 0) + np.float32(0.025))
    clear = np.exp(mass * np.float32(math.log(open_window)))
    shade = 1 - np.float32(1 - min(warm_cloud / air, 1)) * cover
    clear *= 1 - np.float32(0.92) * cover
    out = np.float32(air) * (1 - clear) * shade
    drops = _rain_per_m(conditions.rain) * CLOUD_BASE_M
    drops += FOG_SHARE_LWIR * _fog_per_m(conditions.fog) * FOG_TOP_M
    out = faded(out, air, np.exp(np.float32(-drops) * mass))
    if not conditions.night and conditions.cloud < 1:
        disc = dot(ray, conditions.sun_direction) > SUN_RADIUS
        out[disc] += np.float32(2000 * (1 - conditions.cloud))
    return np.asarray(out, np.float32)
