"""Latitude and longitude as metres on the ground: the transverse Mercator projection of UTM.

Source: C. F. F. Karney, Transverse Mercator with an accuracy of a few nanometers, J. Geodesy 85
(2011), the series of Krueger in the third flattening; ellipsoid WGS 84; UTM after NGA.SIG.0012.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thermoscope.core.errors import ConfigError, ShapeError, UnitError

__all__ = ["utm_from_degrees", "utm_zone"]

SEMI_MAJOR_M = 6378137.0  # WGS 84
FLATTENING = 1 / 298.257223563  # WGS 84
SCALE = 0.9996
FALSE_EASTING_M = 500_000.0
FALSE_NORTHING_M = 10_000_000.0  # southern hemisphere
N3 = FLATTENING / (2 - FLATTENING)  # third flattening
RADIUS_M = SEMI_MAJOR_M / (1 + N3) * (1 + N3**2 / 4 + N3**4 / 64)  # of the rectifying sphere
ALPHA = (  # Karney (2011), eq. 35, to the fourth order: below 1 um within 3,000 km of the meridian
    N3 / 2 - 2 * N3**2 / 3 + 5 * N3**3 / 16 + 41 * N3**4 / 180,
    13 * N3**2 / 48 - 3 * N3**3 / 5 + 557 * N3**4 / 1440,
    61 * N3**3 / 240 - 103 * N3**4 / 140,
    49561 * N3**4 / 161280,
)


def utm_zone(longitude_deg: float) -> int:
    """Number of the zone, 1 to 60, that holds a longitude in [-180, 180].

    The exceptions of Norway and Svalbard are not applied.

    Raises:
        UnitError: Outside [-180, 180] or not finite.

    Example:
        >>> utm_zone(127.4), utm_zone(180.0)
        (52, 60)
    """
    if not -180 <= longitude_deg <= 180:
        raise UnitError(f"longitude must lie in [-180, 180] degrees, got {longitude_deg}.")
    return min(int((longitude_deg + 180) // 6) + 1, 60)


def utm_from_degrees(
    latitude_deg: ArrayLike, longitude_deg: ArrayLike, *, zone: int | None = None
) -> NDArray[np.float64]:
    """East and north in metres of points given in degrees.

    All points of one call share one zone, so distances near a border of zones stay true.

    Args:
        latitude_deg: (N,) or a number, in [-84, 84]; nan stays nan.
        longitude_deg: Same shape, in [-180, 180].
        zone: 1 to 60; that of the first known longitude if None.

    Returns:
        (N, 2) or (2,) metres: easting, northing. South of the equator (by the first known latitude)
        10,000 km are added to all northings.

    Raises:
        ShapeError: The shapes differ.
        UnitError: A latitude or longitude out of range: often the two are swapped.
        ConfigError: No zone of that number, or a point more than 30 degrees from its meridian.

    Example:
        >>> utm_from_degrees(0.0, 3.0).tolist()
        [500000.0, 0.0]
    """
    latitude = np.asarray(latitude_deg, dtype=np.float64)
    longitude = np.asarray(longitude_deg, dtype=np.float64)
    if latitude.shape != longitude.shape:
        raise ShapeError(
            f"latitude and longitude must have one shape, got {latitude.shape} and "
            f"{longitude.shape}."
        )
    known = np.isfinite(latitude) & np.isfinite(longitude)
    _check_range(latitude[known], longitude[known])
    if not known.any():
        return np.full((*latitude.shape, 2), np.nan)
    number = utm_zone(float(longitude[known].flat[0])) if zone is None else zone
    if not 1 <= number <= 60:
        raise ConfigError(f"UTM zone must be 1 to 60, got {number}.")
    from_meridian = (longitude - (6 * number - 183) + 180) % 360 - 180
    if np.any(np.abs(from_meridian[known]) > 30):
        far = float(np.abs(from_meridian[known]).max())
        raise ConfigError(
            f"a point lies {far:.1f} degrees from the meridian of UTM zone {number}, at most 30. "
            "Check the zone, or whether latitude and longitude are swapped."
        )
    south = float(latitude[known].flat[0]) < 0
    return _projected(np.radians(latitude), np.radians(from_meridian), south=south)


def _check_range(latitude: NDArray[np.float64], longitude: NDArray[np.float64]) -> None:
    if np.any(np.abs(latitude) > 84) or np.any(np.abs(longitude) > 180):
        worst = (float(np.abs(latitude).max()), float(np.abs(longitude).max()))
        raise UnitError(
            f"latitude must lie in [-84, 84] and longitude in [-180, 180] degrees, got up to "
            f"{worst[0]:g} and {worst[1]:g}. Check whether the two are swapped."
        )


def _projected(
    latitude: NDArray[np.float64], longitude: NDArray[np.float64], *, south: bool
) -> NDArray[np.float64]:
    eccentricity = 2 * np.sqrt(N3) / (1 + N3)
    sine = np.sin(latitude)
    tangent = np.sinh(np.arctanh(sine) - eccentricity * np.arctanh(eccentricity * sine))
    xi = np.arctan2(tangent, np.cos(longitude))
    eta = np.arcsinh(np.sin(longitude) / np.hypot(tangent, np.cos(longitude)))
    north, east = xi.copy(), eta.copy()
    for order, factor in enumerate(ALPHA, start=1):
        north = north + factor * np.sin(2 * order * xi) * np.cosh(2 * order * eta)
        east = east + factor * np.cos(2 * order * xi) * np.sinh(2 * order * eta)
    easting = FALSE_EASTING_M + SCALE * RADIUS_M * east
    northing = SCALE * RADIUS_M * north + (FALSE_NORTHING_M if south else 0.0)
    return np.stack([easting, northing], axis=-1)
