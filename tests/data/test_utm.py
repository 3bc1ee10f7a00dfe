"""Degrees to metres: published points, symmetry, distances, and swapped coordinates."""

from __future__ import annotations

import numpy as np
import pytest

from thermoscope.core.errors import ConfigError, ShapeError, UnitError
from thermoscope.data.utm import utm_from_degrees, utm_zone


def test_a_published_point() -> None:
    """The CN Tower is at 630084 m E 4833438 m N in zone 17."""
    found = utm_from_degrees(43 + 38 / 60 + 33.24 / 3600, -(79 + 23 / 60 + 13.7 / 3600))
    assert np.allclose(found, [630084, 4833438], atol=1.0)


def test_the_length_of_the_meridian() -> None:
    """On the central meridian northing is 0.9996 times the arc: 4984944.378 m at 45 degrees."""
    assert utm_from_degrees(45.0, 9.0).tolist() == pytest.approx(
        [500000.0, 0.9996 * 4984944.378], abs=1e-3
    )


def test_east_and_west_are_mirrored() -> None:
    east, west = utm_from_degrees([36.37, 36.37], [129.0 + 1.2, 129.0 - 1.2], zone=52)
    assert east[0] - 500000 == pytest.approx(500000 - west[0])
    assert east[1] == pytest.approx(west[1])


def test_the_south_has_its_own_origin() -> None:
    north, south = utm_from_degrees(10.0, 3.0), utm_from_degrees(-10.0, 3.0)
    assert north[1] + south[1] == pytest.approx(10_000_000)


def test_a_track_across_zones_stays_together() -> None:
    """126 degrees east is the border of zones 51 and 52; 0.002 degrees there are about 180 m."""
    track = utm_from_degrees([36.0, 36.0], [125.999, 126.001])
    assert np.linalg.norm(track[1] - track[0]) == pytest.approx(180.2, abs=0.5)


@pytest.mark.parametrize(("longitude", "zone"), [(-180, 1), (-79.4, 17), (3, 31), (127.4, 52)])
def test_zones(longitude: float, zone: int) -> None:
    assert utm_zone(longitude) == zone


def test_unknown_stays_unknown() -> None:
    found = utm_from_degrees([np.nan, 36.0], [127.0, 127.0])
    assert np.isnan(found[0]).all()
    assert np.isfinite(found[1]).all()
    assert np.isnan(utm_from_degrees([np.nan], [np.nan])).all()


def test_swapped_coordinates_are_refused() -> None:
    with pytest.raises(UnitError, match=r"up to 127.4 and 36.4. Check whether the two are swapped"):
        utm_from_degrees(127.4, 36.4)


def test_other_refusals() -> None:
    with pytest.raises(ShapeError, match=r"one shape, got \(2,\) and \(3,\)"):
        utm_from_degrees([1.0, 2.0], [1.0, 2.0, 3.0])
    with pytest.raises(ConfigError, match="1 to 60, got 61"):
        utm_from_degrees(36.0, 127.0, zone=61)
    with pytest.raises(ConfigError, match="meridian of UTM zone 10"):
        utm_from_degrees(36.0, 127.0, zone=10)
    with pytest.raises(UnitError, match=r"\[-180, 180\] degrees, got 181"):
        utm_zone(181.0)
