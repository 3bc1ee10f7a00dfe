"""Radiance: Planck's band, the air, the sky, mirrors, and what two views share."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.synthetic.shading_world import NAMES, of_part, view, weather, yard

from thermoscope.geometry.pose import look_at
from thermoscope.synthetic.atmosphere import (
    cloud_cover,
    sky_radiance,
    thermal_extinction_per_m,
    transmission,
    visible_extinction_per_m,
    water_vapour_g_m3,
)
from thermoscope.synthetic.band import band_radiance, kelvin_of_radiance, radiance_of_kelvin
from thermoscope.synthetic.raycast import SceneCaster
from thermoscope.synthetic.thermal import ThermalShader, shade_thermal


def towards(elevation_deg, azimuth_deg=0.0):
    up, turn = np.radians(np.atleast_1d(elevation_deg)), np.radians(azimuth_deg)
    lines = (np.cos(up) * np.cos(turn), np.cos(up) * np.sin(turn), np.sin(up))
    return tuple(np.asarray(line, np.float32) for line in lines)


# -- the band ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kelvin", [200.0, 250.0, 300.0, 373.15, 900.0])
def test_band_radiance_equals_an_independent_quadrature(kelvin):
    """Against the series of the incomplete Planck integral, in closed form."""

    def below(wavelength_um):
        x = 1.438776877e4 / (wavelength_um * kelvin)
        n = np.arange(1, 60)
        terms = np.exp(-n * x) * (x**3 / n + 3 * x**2 / n**2 + 6 * x / n**3 + 6 / n**4)
        return 15 / np.pi**4 * terms.sum()

    share = below(13.5) - below(7.5)
    total = 5.670374419e-8 * kelvin**4 / np.pi
    assert float(band_radiance(kelvin)) == pytest.approx(share * total, rel=2e-6)


@given(st.floats(170, 1200))
def test_tables_follow_the_integral_and_invert_each_other(kelvin):
    radiance = radiance_of_kelvin(np.array([kelvin], np.float32))
    assert radiance[0] == pytest.approx(float(band_radiance(kelvin)), rel=2e-5)
    assert kelvin_of_radiance(radiance)[0] == pytest.approx(kelvin, abs=0.004)


@given(st.floats(200, 500), st.floats(0.1, 50))
def test_warmer_is_brighter(kelvin, more):
    cold, warm = radiance_of_kelvin(np.array([kelvin, kelvin + more], np.float32))
    assert warm > cold


def test_what_is_beyond_the_tables_counts_as_their_limit():
    ends = radiance_of_kelvin(np.array([np.nan, 10.0, 150.0, 1400.0, 9000.0], np.float32))
    assert ends[0] == ends[1] == ends[2]
    assert ends[3] == ends[4]


# -- the air -------------------------------------------------------------------------------------


def test_water_vapour_at_twenty_degrees_and_half_humidity():
    assert water_vapour_g_m3(weather(air_k=293.15, humidity=0.5)) == pytest.approx(8.65, abs=0.1)


def test_clear_air_takes_about_a_tenth_a_kilometre_fog_most_and_moist_air_more():
    through = {
        name: float(transmission(np.float32([1000.0]), thermal_extinction_per_m(conditions))[0])
        for name, conditions in {
            "dry": weather(air_k=283.0, humidity=0.3),
            "moist": weather(air_k=303.0, humidity=0.8),
            "rain": weather(rain=0.5, cloud=1.0),
            "fog": weather(fog=0.5, cloud=1.0),
        }.items()
    }
    assert 0.9 < through["dry"] < 0.98
    assert 0.55 < through["moist"] < 0.85
    assert 0.1 < through["rain"] < 0.5
    assert through["fog"] < 1e-3


def test_fog_hides_less_in_the_thermal_band():
    fog = weather(fog=0.4, cloud=1.0)
    assert thermal_extinction_per_m(fog) < 0.6 * visible_extinction_per_m(fog)
    assert transmission(np.float32([0, np.inf]), 0.1).tolist() == [1.0, 0.0]


# -- the sky -------------------------------------------------------------------------------------


def test_the_clear_sky_is_cold_overhead_and_as_warm_as_the_air_at_the_horizon():
    conditions = weather(23.0, air_k=290.0)
    kelvin = kelvin_of_radiance(sky_radiance(towards([90, 40, 15, 5, 0]), conditions))
    assert kelvin[0] == pytest.approx(conditions.sky_k, abs=1.5)
    assert (np.diff(kelvin) > 0).all()
    assert kelvin[-1] == pytest.approx(290.0, abs=0.5)


def test_clouds_close_the_window():
    clear, dull = weather(23.0, air_k=290.0), weather(23.0, air_k=290.0, cloud=1.0)
    up = towards(70)
    warmer = kelvin_of_radiance(sky_radiance(up, dull)) - kelvin_of_radiance(
        sky_radiance(up, clear)
    )
    assert warmer[0] > 25


def test_cover_follows_the_weather_and_varies_over_the_sky():
    rng = np.random.default_rng(3)
    rays = towards(rng.uniform(10, 80, 4000), rng.uniform(0, 360, 4000))
    assert cloud_cover(rays, weather()).max() == 0
    some, most = (cloud_cover(rays, weather(cloud=c)) for c in (0.5, 0.95))
    assert 0.25 < some.mean() < 0.75
    assert some.std() > 0.2
    assert most.mean() > 0.85


def test_the_sun_shows_in_the_clear_sky_only_where_it_is():
    conditions = weather(13.0)
    sun = tuple(np.float32([v]) for v in conditions.sun_direction)
    beside = towards(np.degrees(np.arcsin(conditions.sun_direction[2])), 30.0)
    assert sky_radiance(sun, conditions)[0] > 500
    assert sky_radiance(beside, conditions)[0] < 60


# -- surfaces ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def night():
    scene = yard(weather(23.0))
    gbuffer = view(scene)
    return scene, gbuffer, ThermalShader(scene).shade(gbuffer)


def test_a_view_has_kelvin_radiance_and_apparent_kelvin_of_its_shape(night):
    _, gbuffer, shown = night
    for plane in (shown.kelvin, shown.radiance, shown.apparent_kelvin):
        assert plane.shape == gbuffer.shape
        assert plane.dtype == np.float32
    assert np.isfinite(shown.radiance).all()
    np.testing.assert_array_equal(np.isnan(shown.kelvin).ravel(), ~gbuffer.hit)


def test_good_emitters_look_nearly_as_warm_as_they_are(night):
    _, gbuffer, shown = night
    for name in ("face", "wall", "crown"):
        true, seen = (of_part(p, gbuffer, name) for p in (shown.kelvin, shown.apparent_kelvin))
        assert abs(np.median(true - seen)) < 2.5


def test_bare_metal_shows_the_cold_sky_and_hides_its_own_warmth(night):
    _, gbuffer, shown = night
    hot = yard(weather(23.0), foil={"offset_k": 40.0})
    other = ThermalShader(hot).shade(gbuffer)
    rise = of_part(other.apparent_kelvin, gbuffer, "foil") - of_part(
        shown.apparent_kelvin, gbuffer, "foil"
    )
    assert 1 < np.median(rise) < 8  # of 40: emissivity 0.06
    skin = of_part(shown.apparent_kelvin, gbuffer, "face")
    assert np.median(skin) > np.median(of_part(shown.apparent_kelvin, gbuffer, "foil")) + 5


def test_grazing_asphalt_mirrors_the_sky_and_looks_colder():
    scene = yard(weather(23.0))
    low = view(scene, pose=look_at((0.0, -30.0, 1.2), (0.0, 1.0, 0.0)))
    shown = ThermalShader(scene).shade(low)
    road = low.part == NAMES.index("road")
    loss = (shown.kelvin - shown.apparent_kelvin).ravel()
    near, far = road & (low.distance_m < 4), road & (low.distance_m > 20)
    assert np.median(loss[far]) > np.median(loss[near]) + 1


def test_traced_glass_shows_the_warm_thing_before_it():
    conditions = weather(23.0)
    scene = yard(conditions, hood={"offset_k": 60.0})
    # the hood's image in the window pane: the mirrored way from the camera over y = 19.9
    gbuffer = view(scene, pose=look_at((-3.0, 10.0, 3.0), (-0.4, 19.9, 2.6)))
    traced = ThermalShader(scene, caster=SceneCaster(scene)).shade(gbuffer)
    cold = yard(conditions)
    without = ThermalShader(cold, caster=SceneCaster(cold)).shade(gbuffer)
    pane = (gbuffer.part == NAMES.index("window")).reshape(gbuffer.shape)
    brighter = (traced.apparent_kelvin - without.apparent_kelvin)[pane]
    assert brighter.max() > 2
    assert np.median(brighter) < 0.5


def test_fog_pulls_what_is_far_towards_the_air():
    fog = weather(13.0, fog=0.8, cloud=1.0)
    scene = yard(fog)
    gbuffer = view(scene)
    shader = ThermalShader(scene)
    apart = {
        seen: (shader.shade(gbuffer, view_dependent=seen).apparent_kelvin - fog.air_k).ravel()
        for seen in (True, False)
    }
    wall = gbuffer.part == NAMES.index("wall")  # 24 m away: e^(-0.54) is left
    share = np.median(apart[True][wall]) / np.median(apart[False][wall])
    through = np.exp(-thermal_extinction_per_m(fog) * np.median(gbuffer.distance_m[wall]))
    assert share == pytest.approx(through, abs=0.08)
    assert through < 0.7


def test_without_view_dependence_distance_and_mirrors_make_no_difference():
    scene = yard(weather(23.0, humidity=0.95))
    near = view(scene)
    far = replace(near, distance_m=near.distance_m * 20)
    plain = [ThermalShader(scene).shade(g, view_dependent=False).radiance for g in (near, far)]
    hazy = [ThermalShader(scene).shade(g).radiance for g in (near, far)]
    np.testing.assert_array_equal(*plain)
    assert np.abs(hazy[0] - hazy[1]).max() > 0.5
    traced = ThermalShader(scene, caster=SceneCaster(scene)).shade(near, view_dependent=False)
    np.testing.assert_array_equal(traced.radiance, plain[0])


def test_switching_it_off_leaves_temperature_and_sky_alone(night):
    scene, gbuffer, shown = night
    plain = ThermalShader(scene).shade(gbuffer, view_dependent=False)
    np.testing.assert_array_equal(plain.kelvin, shown.kelvin)
    sky = ~gbuffer.hit
    np.testing.assert_array_equal(plain.radiance.ravel()[sky], shown.radiance.ravel()[sky])


def test_indoors_the_room_stands_for_the_sky():
    scene = yard(weather(23.0, air_k=294.0), indoor=True)
    gbuffer = view(scene)
    shown = shade_thermal(scene, gbuffer)
    np.testing.assert_allclose(shown.apparent_kelvin.ravel()[~gbuffer.hit], 294.0, atol=0.05)


def test_the_convenience_function_equals_the_shader(night):
    scene, gbuffer, shown = night
    np.testing.assert_array_equal(shade_thermal(scene, gbuffer).radiance, shown.radiance)


def test_temperature_does_not_name_the_class():
    """The best table from temperature to part, over weather and hours, is a poor classifier."""
    counts = np.zeros((len(NAMES), 400))
    for conditions in (
        weather(9.0), weather(13.0), weather(21.0), weather(2.0, cloud=0.6),
        weather(13.0, air_k=275.0, day=15), weather(13.0, cloud=0.9, air_k=282.0),
        weather(23.0, air_k=268.0, day=15), weather(15.0, air_k=303.0),
    ):  # fmt: skip
        scene = yard(conditions)
        gbuffer = view(scene)
        shown = shade_thermal(scene, gbuffer).apparent_kelvin.ravel()
        level = np.clip(((shown - 230) / 0.5).astype(int), 0, 399)
        np.add.at(counts, (gbuffer.part[gbuffer.hit], level[gbuffer.hit]), 1)
    best = counts.argmax(0)
    ious = []
    for number in np.flatnonzero(counts.sum(1)):
        right = counts[number, best == number].sum()
        ious.append(right / (counts[number].sum() + counts[:, best == number].sum() - right))
    assert np.mean(ious) < 0.30
