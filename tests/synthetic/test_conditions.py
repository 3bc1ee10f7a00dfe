"""Weather: the sun where the almanac has it, families apart, everything inside its ranges."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thermoscope.core.errors import ConfigError, UnknownNameError
from thermoscope.synthetic.conditions import (
    DAY_OF_YEAR,
    REGIMES,
    check_family,
    sample_conditions,
    sky_kelvin,
    sun_direction,
)
from thermoscope.synthetic.materials import MATERIALS, material_index, materials_of

FAMILIES = ("train", "val", "test")


def elevation_deg(hour, day, latitude):
    return np.degrees(np.arcsin(sun_direction(hour, day_of_year=day, latitude_deg=latitude)[2]))


@pytest.mark.parametrize(
    ("day", "latitude", "expected"),
    [(81, 45.0, 45.0), (172, 45.0, 68.45), (355, 45.0, 21.55), (172, 23.45, 90.0)],
)
def test_the_noon_sun_stands_where_the_almanac_has_it(day, latitude, expected):
    assert elevation_deg(12.0, day, latitude) == pytest.approx(expected, abs=0.1)


def test_the_sun_rises_in_the_east_and_is_highest_at_noon():
    east, north, up = sun_direction(6.0, day_of_year=81, latitude_deg=50.0)
    assert (east, up) == (pytest.approx(1.0, abs=1e-3), pytest.approx(0.0, abs=1e-3))
    assert sun_direction(18.0, day_of_year=81, latitude_deg=50.0)[0] == pytest.approx(-1, abs=1e-3)
    noon = sun_direction(12.0, day_of_year=200, latitude_deg=50.0)
    assert noon[1] < 0  # in the south
    heights = [sun_direction(h, day_of_year=200, latitude_deg=50.0)[2] for h in range(24)]
    assert int(np.argmax(heights)) == 12
    assert abs(north) < 1e-6


@given(st.floats(0, 23.99), st.sampled_from(sorted(DAY_OF_YEAR.values())), st.floats(-60, 60))
def test_the_direction_to_the_sun_is_a_unit_vector(hour, day, latitude):
    direction = sun_direction(hour, day_of_year=day, latitude_deg=latitude)
    assert np.linalg.norm(direction) == pytest.approx(1.0)


def test_the_clear_sky_is_far_colder_than_the_air_and_fog_closes_it():
    clear = sky_kelvin(290.0, cloud=0.0, fog=0.0, humidity=0.3)
    moist = sky_kelvin(290.0, cloud=0.0, fog=0.0, humidity=0.9)
    overcast = sky_kelvin(290.0, cloud=1.0, fog=0.0, humidity=0.3)
    fog = sky_kelvin(290.0, cloud=0.5, fog=0.5, humidity=0.95)
    assert 290.0 - clear == pytest.approx(52.0)
    assert clear < moist < overcast < fog < 290.0


@given(st.integers(0, 10_000), st.sampled_from(FAMILIES))
def test_what_is_drawn_lies_in_the_regime_of_its_family(seed, family):
    drawn = sample_conditions(np.random.default_rng(seed), family=family)
    regime = {r.name: r for r in REGIMES[family]}[drawn.regime]
    assert regime.weather == drawn.weather
    assert drawn.season in regime.seasons
    for name in ("cloud", "rain", "fog", "wind", "humidity"):
        low, high = getattr(regime, name)
        assert low <= getattr(drawn, name) <= high
    assert drawn.sky_k < drawn.air_k
    assert 245 < drawn.air_k < 318
    assert drawn.night == (drawn.sun_direction[2] < 0)


def test_no_two_families_share_a_regime_and_each_has_every_weather():
    names = {family: {r.name for r in REGIMES[family]} for family in FAMILIES}
    for family in FAMILIES:
        assert {r.weather for r in REGIMES[family]} == {"clear", "cloudy", "rain", "fog"}
        for other in set(FAMILIES) - {family}:
            assert not names[family] & names[other]


def test_rain_and_fog_of_the_families_do_not_overlap():
    for weather, amount in (("rain", "rain"), ("fog", "fog")):
        ranges = sorted(
            getattr(r, amount) for f in FAMILIES for r in REGIMES[f] if r.weather == weather
        )
        assert all(a[1] < b[0] for a, b in itertools.pairwise(ranges))


def test_every_weather_turns_up_and_fair_ones_most():
    seen = [sample_conditions(np.random.default_rng(k), family="train").weather for k in range(400)]
    share = {w: seen.count(w) / 400 for w in set(seen)}
    assert set(share) == {"clear", "cloudy", "rain", "fog"}
    assert share["clear"] == pytest.approx(3 / 8, abs=0.08)
    assert share["fog"] == pytest.approx(1 / 8, abs=0.05)


def test_a_fixed_hour_or_weather_is_kept_and_leaves_the_rest_alone():
    free = sample_conditions(np.random.default_rng(5), family="val", weather="rain")
    fixed = sample_conditions(np.random.default_rng(5), family="val", weather="rain", hour=23.5)
    assert fixed.hour == 23.5
    assert fixed.night
    assert (fixed.season, fixed.rain, fixed.humidity) == (free.season, free.rain, free.humidity)
    assert sample_conditions(np.random.default_rng(5), family="val", hour=24.0).hour == 0.0


def test_the_air_is_warmest_in_the_afternoon_and_room_air_is_room_air():
    air = {
        h: sample_conditions(
            np.random.default_rng(1), family="train", weather="clear", hour=h
        ).air_k
        for h in (3.0, 15.0)
    }
    assert air[15.0] - air[3.0] > 8
    room = sample_conditions(np.random.default_rng(1), family="train", indoor=True)
    assert 290 < room.air_k < 298
    assert (room.rain, room.fog, room.wind) == (0.0, 0.0, 0.0)


def test_bad_settings_are_named():
    rng = np.random.default_rng(0)
    with pytest.raises(UnknownNameError, match="unknown family 'valid'"):
        check_family("valid")
    with pytest.raises(UnknownNameError, match="unknown weather 'hail'"):
        sample_conditions(rng, family="train", weather="hail")
    with pytest.raises(ConfigError, match=r"hour must lie in \[0, 24\], got 25"):
        sample_conditions(rng, family="train", hour=25.0)


# -- materials ------------------------------------------------------------------------------------


def test_materials_are_physical_and_named_once():
    assert len({m.name for m in MATERIALS}) == len(MATERIALS)
    for material in MATERIALS:
        assert 0 < material.emissivity <= 1
        for share in (material.specular, material.solar_absorption, material.gloss):
            assert 0 <= share <= 1
        assert all(0 <= c <= 1 for c in material.albedo)
        assert material.thermal_inertia > 50
        assert material.texture_scale_m > 0


def test_polished_metal_mirrors_and_skin_and_snow_do_not():
    emissivity = {m.name: m.emissivity for m in MATERIALS}
    assert emissivity["chrome"] < 0.2 < emissivity["galvanised"] < 0.6 < emissivity["glass"]
    assert min(emissivity["skin"], emissivity["snow"], emissivity["water"]) > 0.97
    lag = {m.name: m.thermal_inertia for m in MATERIALS}
    assert lag["leaf"] < lag["car_paint"] < lag["asphalt"] < lag["concrete"] < lag["water"]


def test_no_two_families_share_a_texture_and_indices_do_not_change():
    shown = {family: {m.texture for m in materials_of(family)} for family in FAMILIES}
    assert not shown["train"] & shown["val"]
    assert not shown["train"] & shown["test"]
    assert not shown["val"] & shown["test"]
    for family in FAMILIES:
        assert [m.name for m in materials_of(family)] == [m.name for m in MATERIALS]
    assert materials_of("test")[material_index("bark")].texture == "bark.c"
