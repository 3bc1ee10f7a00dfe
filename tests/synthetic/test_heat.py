"""Surface temperatures: what sun, sky, air and engines make of a yard, in kelvin a person knows."""

import gc
import weakref
from dataclasses import replace

import numpy as np
import pytest
from tests.synthetic.shading_world import CAMERA, NAMES, POSE, of_part, view, weather, yard

from thermoscope.core.errors import UnknownNameError
from thermoscope.geometry.pose import look_at
from thermoscope.synthetic.heat import SurfaceHeat, heat_of, surface_kelvin
from thermoscope.synthetic.heat_table import HEAT_TEXTURE
from thermoscope.synthetic.scene import HeatSource, Material
from thermoscope.synthetic.texture import texture_names

AIR_K = 290.0


def medians(conditions, **changes):
    """Median temperature of each part above the air, K."""
    scene = yard(conditions, **changes)
    gbuffer = view(scene)
    kelvin = surface_kelvin(scene, gbuffer)
    seen = [n for n in NAMES if (gbuffer.part == NAMES.index(n)).any()]
    return {n: float(np.median(of_part(kelvin, gbuffer, n))) - conditions.air_k for n in seen}


@pytest.fixture(scope="module")
def noon():
    return medians(weather(13.0, air_k=AIR_K))


@pytest.fixture(scope="module")
def night():
    return medians(weather(23.0, air_k=AIR_K))


# -- sun and sky ---------------------------------------------------------------------------------


def test_the_noon_sun_heats_dark_dry_surfaces_most(noon):
    assert 15 < noon["road"] < 38
    assert noon["road"] > noon["lawn"] > 3
    assert -1 < noon["crown"] < 6  # leaves evaporate


def test_a_clear_night_cools_grass_below_the_air_and_leaves_asphalt_above(night):
    assert -9 < night["lawn"] < -1.5
    assert -2 < night["road"] < 6
    assert night["road"] > night["lawn"] + 3
    assert -4 < night["crown"] < 1


def test_the_road_stays_warmer_after_a_sunny_day_than_after_a_dull_one():
    after_sun = medians(weather(22.0, air_k=AIR_K))["road"]
    after_cloud = medians(weather(22.0, air_k=AIR_K, cloud=0.95))["road"]
    assert after_sun - after_cloud > -2.5  # it lost more to the clear sky, and held more sun
    sunny_noon = medians(weather(13.0, air_k=AIR_K))["road"]
    cloudy_noon = medians(weather(13.0, air_k=AIR_K, cloud=0.95))["road"]
    assert sunny_noon > cloudy_noon + 8


def test_painted_thin_metal_under_a_clear_night_sky_is_colder_than_the_air():
    thin = {"roof": {"material": yard().parts[NAMES.index("hood")].material}}
    assert medians(weather(23.0, air_k=AIR_K), **thin)["roof"] < -1.5


def test_wind_pulls_surfaces_towards_the_air():
    calm = medians(weather(13.0, air_k=AIR_K, wind=0.0))
    windy = medians(weather(13.0, air_k=AIR_K, wind=1.0))
    assert windy["road"] < 0.75 * calm["road"]


def test_shadow_is_cooler_than_sun_beside_it():
    scene = yard(weather(13.0, air_k=AIR_K))
    gbuffer = view(scene, pose=look_at((12.0, 4.0, 9.0), (9.0, 17.0, 0.0)))
    kelvin = surface_kelvin(scene, gbuffer)
    lawn = gbuffer.part == NAMES.index("lawn")
    lit, shaded = lawn & (gbuffer.sunlit > 0), lawn & (gbuffer.sunlit == 0)
    assert shaded.sum() > 200
    assert np.median(kelvin[lit]) - np.median(kelvin[shaded]) > 4


def test_a_shadow_that_came_this_minute_has_not_yet_cooled_the_ground():
    """Only 0.4 of the last 18 minutes' warming is of their last three: sqrt(3 / 18)."""
    scene = yard(weather(13.0, air_k=AIR_K))
    gbuffer = view(scene)
    lit, shaded = (
        surface_kelvin(scene, replace(gbuffer, sunlit=np.full_like(gbuffer.sunlit, share)))
        for share in (1.0, 0.0)
    )
    drop = of_part(lit - shaded, gbuffer, "road")
    first_k = heat_of(scene)._table.direct_k[NAMES.index("road"), 0]
    up = scene.conditions.sun_direction[2]
    assert np.median(drop) == pytest.approx(0.4 * first_k * up, rel=0.05)
    assert np.median(of_part(lit - shaded, gbuffer, "cold_hood")) > 8  # thin metal has


def test_the_wall_that_faces_the_sun_is_the_warm_one():
    scene = yard(weather(13.0, air_k=AIR_K))
    south = view(scene)
    north = view(scene, pose=look_at((0.0, 38.0, 2.0), (0.0, 24.0, 3.0)))
    sunny = np.median(of_part(surface_kelvin(scene, south), south, "wall"))
    shady = np.median(of_part(surface_kelvin(scene, north), north, "wall"))
    assert sunny - shady > 3


# -- roles ---------------------------------------------------------------------------------------


def test_running_things_are_hot_and_cold_ones_are_not(night):
    assert night["hood"] - night["cold_hood"] > 4
    assert night["wheel"] > 8
    assert night["heater"] > 18


def test_bodies_lie_between_air_and_blood(night):
    assert 8 < night["face"] < 17
    assert 0 < night["coat"] < night["face"]
    frost = medians(weather(23.0, air_k=266.0, day=15))
    assert 293 < frost["face"] + 266.0 < 304


def test_a_heated_house_shows_from_outside_in_winter():
    cold = weather(23.0, air_k=263.0, day=15)
    heated = medians(cold)
    empty = medians(cold, wall={"activity": 0.0}, window={"activity": 0.0})
    assert heated["wall"] - empty["wall"] > 1
    assert heated["window"] - empty["window"] > heated["wall"] - empty["wall"]


def test_offsets_of_a_part_are_added():
    plain = medians(weather(23.0))
    warmer = medians(weather(23.0), heater={"offset_k": 7.0})
    assert warmer["heater"] - plain["heater"] == pytest.approx(7.0, abs=0.01)
    assert warmer["wall"] == plain["wall"]


def test_a_warm_spot_warms_its_object_only():
    centre = (0.0, 20.0, 6.5)
    spot = HeatSource(NAMES.index("wall"), centre, radius_m=1.0, delta_k=30.0)
    with_spot, without = yard(heat=(spot,)), yard()
    gbuffer = view(without)
    excess = surface_kelvin(with_spot, gbuffer) - surface_kelvin(without, gbuffer)
    away = np.linalg.norm(gbuffer.position_m - centre, axis=1)
    wall = gbuffer.part == NAMES.index("wall")
    expected = 30 * np.exp(-0.5 * away**2) * (away < 3.5) * wall
    np.testing.assert_allclose(np.nan_to_num(excess), expected, atol=0.01)
    assert excess[wall].max() > 25


def test_a_spot_of_no_object_warms_whatever_is_near():
    spot = HeatSource(-1, (0.0, 0.0, 0.0), radius_m=2.0, delta_k=10.0)
    gbuffer = view(yard())
    excess = surface_kelvin(yard(heat=(spot,)), gbuffer) - surface_kelvin(yard(), gbuffer)
    assert np.nanmax(of_part(excess, gbuffer, "road")) > 8


# -- indoors -------------------------------------------------------------------------------------


def test_indoors_there_is_no_sun_and_warm_air_rises():
    conditions = weather(13.0, air_k=294.0)
    inside = medians(conditions, indoor=True)
    assert abs(inside["road"]) < 3
    scene = yard(conditions, indoor=True)
    gbuffer = view(scene)
    kelvin, wall = surface_kelvin(scene, gbuffer), gbuffer.part == NAMES.index("wall")
    slope = np.polyfit(gbuffer.position_m[wall, 2], kelvin[wall], 1)[0]
    assert 0.4 < slope < 1.0


# -- the field -----------------------------------------------------------------------------------


def test_two_views_see_one_temperature():
    scene = yard(weather(10.0))
    left = view(scene)
    right = view(scene, pose=look_at((0.4, -4.0, 1.7), (0.4, 10.0, 1.4)))
    heat = heat_of(scene)
    one, other = heat.kelvin(left), heat.kelvin(right)
    # the same spots: the road's points seen from the right, looked up among those from the left
    road = NAMES.index("road")
    here = np.flatnonzero((left.part == road) & (left.distance_m < 12))
    there = np.flatnonzero((right.part == road) & (right.distance_m < 12))
    from_left, from_right = left.position_m[here], right.position_m[there]
    gap = np.linalg.norm(from_left[:, None] - from_right[None], axis=2)
    nearest = gap.argmin(1)
    close = gap[np.arange(len(here)), nearest] < 0.004
    assert close.sum() > 20
    apart = one[here][close] - other[there[nearest[close]]]
    assert np.abs(apart).max() < 0.25


def test_no_surface_is_flat_shaded(night):
    scene = yard(weather(23.0))
    gbuffer = view(scene)
    kelvin = surface_kelvin(scene, gbuffer)
    for name in ("road", "lawn", "wall", "coat"):
        assert 0.05 < of_part(kelvin, gbuffer, name).std() < 3


def test_sky_has_no_temperature_and_everything_else_has():
    scene = yard()
    gbuffer = view(scene)
    kelvin = surface_kelvin(scene, gbuffer)
    np.testing.assert_array_equal(np.isnan(kelvin), ~gbuffer.hit)
    assert kelvin.dtype == np.float32
    assert (~gbuffer.hit).any()


def test_the_temperature_is_no_copy_of_the_albedo():
    """Every texture of the visible band has another drawing, or other courses, in the thermal."""
    for kind in texture_names():
        if kind in ("books", "brick", "cloud", "corrugated", "gravel", "panels", "planks", "rows"):
            continue
        if kind in ("tiles", "water"):
            continue
        assert HEAT_TEXTURE[kind][0] != kind


def test_the_same_scene_gives_the_same_field():
    gbuffer = view(yard())
    np.testing.assert_array_equal(surface_kelvin(yard(), gbuffer), surface_kelvin(yard(), gbuffer))


def test_unknown_textures_are_refused_when_the_scene_is_made_ready():
    scene = yard()
    object.__setattr__(scene, "materials", (Material("odd", texture="velvet"),) * 80)
    with pytest.raises(UnknownNameError, match="unknown texture 'velvet'"):
        SurfaceHeat(scene)


def test_a_scene_is_freed_with_its_heat():
    scene = yard()
    heat_of(scene).kelvin(view(scene, camera=CAMERA.scaled(16, 12), pose=POSE))
    alive = weakref.ref(scene)
    del scene
    gc.collect()
    assert alive() is None
