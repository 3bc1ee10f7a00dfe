"""Radiance of black bodies in the camera's band, 7.5 to 13.5 um, and back to temperature.

Planck's law is integrated once; tables then serve whole pictures. What is NOT here: the spectral
response within the band (taken as flat) and the camera's counts (`camera`).
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["BAND_UM", "KELVIN_RANGE", "band_radiance", "kelvin_of_radiance", "radiance_of_kelvin"]

Floats = NDArray[np.float32]

BAND_UM = (7.5, 13.5)  # Boson and most uncooled cores
KELVIN_RANGE = (150.0, 1400.0)  # the tables' limits; what is beyond counts as the limit
STEP_K = 0.25
ROOT_STEPS = 8192
C1 = 1.191042972e8  # 2 h c^2, W um^4 m^-2 sr^-1 (CODATA 2018)
C2 = 1.438776877e4  # h c / k, um K


def band_radiance(kelvin: ArrayLike) -> NDArray[np.float64]:
    """In-band radiance of a black body, W m^-2 sr^-1, by Gauss-Legendre quadrature.

    Exact to 1e-9, and slow: pictures use `radiance_of_kelvin`. 0 K and below give 0.

    Example:
        >>> round(float(band_radiance(300.0)), 2)
        55.49
    """
    nodes, weights = _quadrature()
    low, high = BAND_UM
    wavelength = (high - low) / 2 * nodes + (high + low) / 2
    temperature = np.maximum(np.asarray(kelvin, np.float64), 1e-3)[..., None]
    exponent = np.minimum(C2 / (wavelength * temperature), 700.0)
    spectral = C1 / wavelength**5 / np.expm1(exponent)
    return np.asarray((spectral * weights).sum(-1) * (high - low) / 2)


@lru_cache(maxsize=1)
def _quadrature() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    nodes, weights = np.polynomial.legendre.leggauss(40)
    return nodes, weights


class _Tables(NamedTuple):
    radiance: Floats  # at each STEP_K
    rise: Floats  # to the next entry
    kelvin: Floats  # at each step of the fourth root of radiance
    warming: Floats


@lru_cache(maxsize=1)
def _tables() -> _Tables:
    low, high = KELVIN_RANGE
    kelvin = np.arange(low, high + STEP_K / 2, STEP_K)
    radiance = band_radiance(kelvin)
    root = np.sqrt(np.sqrt(radiance))
    back = np.interp(np.linspace(root[0], root[-1], ROOT_STEPS), root, kelvin)
    lines = (radiance, np.append(np.diff(radiance), 0), back, np.append(np.diff(back), 0))
    return _Tables(*(line.astype(np.float32) for line in lines))


@lru_cache(maxsize=1)
def _root_range() -> tuple[float, float]:
    radiance = _tables().radiance
    return float(radiance[0]) ** 0.25, float(radiance[-1]) ** 0.25


def radiance_of_kelvin(kelvin: Floats) -> Floats:
    """In-band radiance, W m^-2 sr^-1, float32 of the same shape; nan counts as the lower limit."""
    place = (kelvin - np.float32(KELVIN_RANGE[0])) * np.float32(1 / STEP_K)
    return _interpolated(_tables().radiance, _tables().rise, place)


def kelvin_of_radiance(radiance: Floats) -> Floats:
    """Temperature, K, of the black body with such an in-band radiance; float32, same shape."""
    low, high = _root_range()
    root = np.sqrt(np.sqrt(np.maximum(radiance, np.float32(0))))
    place = (root - np.float32(low)) * np.float32((ROOT_STEPS - 1) / (high - low))
    return _interpolated(_tables().kelvin, _tables().warming, place)


def _interpolated(table: Floats, rise: Floats, place: Floats) -> Floats:
    place = np.fmax(place, np.float32(0))  # nan too
    np.minimum(place, np.float32(len(table) - 1), out=place)
    index = place.astype(np.intp)
    place -= index
    place *= rise.take(index)
    place += table.take(index)
    return place
