"""The visible band: sun and shadow by day, pools of light by night, haze, and the colour camera."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.synthetic.shading_world import NAMES, of_part, view, weather, yard

from thermoscope.core.errors import ConfigError, ShapeError, UnknownNameError
from thermoscope.geometry.pose import look_at
from thermoscope.synthetic.daylight import daylight, sky_colour
from thermoscope.synthetic.lamps import LampLight
from thermoscope.synthetic.materials import material_index
from thermoscope.synthetic.raycast import SceneCaster
from thermoscope.synthetic.rgb import RgbShader, shade_rgb
from thermoscope.synthetic.rgb_camera import RGB_CAMERAS, RgbCameraModel
from thermoscope.synthetic.scene import Lamp
from thermoscope.synthetic.surface import surfaces_of

IDEAL = RGB_CAMERAS.get("ideal")
TYPICAL = RGB_CAMERAS.get("typical")


def seen(conditions, *, pose=None, **more):
    """G-buffer and the colour (N, 3) that each pixel shows, without a camera."""
    scene = yard(conditions, **more)
    gbuffer = view(scene) if pose is None else view(scene, pose=pose)
    return gbuffer, RgbShader(scene).shade(gbuffer).linear.reshape(-1, 3)


# -- daylight ------------------------------------------------------------------------------------


def test_noon_gives_about_the_unit_and_night_a_hundred_thousandth():
    noon, night = (daylight(weather(h), "urban") for h in (13.0, 0.0))
    assert 0.7 < np.mean(noon.sun) + np.mean(noon.sky) < 1.3
    assert noon.night < 0.01
    assert np.mean(night.sun) == 0
    assert 1e-6 < np.mean(night.sky) < 2e-4
    assert night.night > 0.8


def test_clouds_take_the_sun_and_whiten_the_sky():
    clear, dull = (daylight(weather(13.0, cloud=c), "urban") for c in (0.0, 1.0))
    assert np.mean(dull.sun) < 0.05 * np.mean(clear.sun)
    assert dull.sky[2] / dull.sky[0] < clear.sky[2] / clear.sky[0]


def test_the_low_sun_is_red():
    evening = daylight(weather(18.8), "urban").sun
    assert evening[0] > 1.2 * evening[2] > 0


def test_the_clear_sky_is_blue_overhead_whiter_at_the_horizon_and_bright_at_the_sun():
    conditions = weather(13.0)
    light = daylight(conditions, "urban")
    rays = np.array([[0, 0, 1], [0, 1, 0.02], conditions.sun_direction], np.float32).T
    red, _, blue = sky_colour(tuple(np.ascontiguousarray(rays)), conditions, light)
    assert blue[0] > 1.6 * red[0]
    assert red[1] > red[0]
    assert red[2] > 5


# -- surfaces by day -----------------------------------------------------------------------------


def test_sunlit_ground_is_brighter_than_its_shadow():
    gbuffer, colour = seen(weather(13.0), pose=look_at((12.0, 4.0, 9.0), (9.0, 17.0, 0.0)))
    lawn = gbuffer.part == NAMES.index("lawn")
    lit, shaded = (np.median(colour[lawn & (gbuffer.sunlit == s)], 0).mean() for s in (1.0, 0.0))
    assert 2 < lit / shaded < 12


def test_things_have_their_colours():
    gbuffer, colour = seen(weather(13.0, cloud=1.0))
    wall, lawn = (
        np.median(colour[gbuffer.part == NAMES.index(n)], axis=0) for n in ("wall", "lawn")
    )
    assert wall[0] > 1.5 * wall[2]  # brick
    assert lawn[1] > 1.3 * max(lawn[0], lawn[2])  # grass


def test_tint_multiplies_and_glow_adds():
    plain_view, plain = seen(weather(13.0, cloud=1.0))
    _, tinted = seen(weather(13.0, cloud=1.0), coat={"tint": (0.5, 1.0, 1.0)})
    _, glowing = seen(weather(13.0, cloud=1.0), coat={"glow": 0.4})
    coat = plain_view.part == NAMES.index("coat")
    np.testing.assert_allclose(tinted[coat, 1], plain[coat, 1], rtol=1e-5)
    assert np.median(tinted[coat, 0] / plain[coat, 0]) == pytest.approx(0.5, abs=0.03)
    assert np.median(glowing[coat] - plain[coat]) == pytest.approx(0.4, abs=0.01)


def test_nothing_is_flat_shaded():
    gbuffer, colour = seen(weather(13.0, cloud=1.0))
    for name in ("road", "lawn", "wall"):
        values = of_part(colour[:, 1], gbuffer, name)
        assert values.std() / values.mean() > 0.05


def test_windows_show_the_sky_when_seen_and_the_scene_when_traced():
    scene = yard(weather(13.0), hood={"tint": (3.0, 0.0, 0.0)})
    gbuffer = view(scene, pose=look_at((-3.0, 10.0, 3.0), (-0.4, 19.9, 2.6)))
    pane = gbuffer.part == NAMES.index("window")
    plain = RgbShader(scene).shade(gbuffer, view_dependent=False).linear.reshape(-1, 3)[pane]
    sky = RgbShader(scene).shade(gbuffer).linear.reshape(-1, 3)[pane]
    traced = RgbShader(scene, caster=SceneCaster(scene)).shade(gbuffer).linear
    assert sky.mean() > plain.mean()
    assert np.abs(traced.reshape(-1, 3)[pane] - sky).max() > 0.02


def test_haze_whitens_the_distance_and_nothing_when_switched_off():
    scene = yard(weather(13.0, fog=0.5, cloud=1.0))
    gbuffer = view(scene)
    shader = RgbShader(scene)
    hazy, plain = (
        shader.shade(gbuffer, view_dependent=v).linear.reshape(-1, 3) for v in (True, False)
    )
    wall = gbuffer.part == NAMES.index("wall")
    assert np.ptp(hazy[wall].mean(0)) < 0.35 * np.ptp(plain[wall].mean(0))
    assert hazy[wall].std() < plain[wall].std()


def test_rain_darkens_the_road():
    _, dry = seen(weather(13.0, cloud=0.95))
    gbuffer, wet = seen(weather(13.0, cloud=0.95, rain=0.8))
    near = (gbuffer.part == NAMES.index("road")) & (gbuffer.distance_m < 6)
    assert np.median(wet[near]) < 0.88 * np.median(dry[near])


# -- lamps ---------------------------------------------------------------------------------------


def light_of(lamp, points):
    """Light that one lamp throws on level ground at points (N, 3)."""
    scene = yard(lamps=(lamp,))
    gbuffer = view(scene)
    surface = next(iter(surfaces_of(gbuffer)))
    lines = tuple(np.ascontiguousarray(np.array(points, np.float32).T))
    up = tuple(np.full(len(points), v, np.float32) for v in (0.0, 0.0, 1.0))
    surface = replace(surface, position=lines, normal=up)
    out = tuple(np.zeros(len(points), np.float32) for _ in range(3))
    LampLight((lamp,), np.array(points)).add(out, surface)
    return out


def test_light_falls_with_the_square_of_distance():
    lamp = Lamp((0.0, 0.0, 3.0), intensity=9.0, colour=(1.0, 0.5, 0.0))
    red, green, blue = light_of(lamp, [(0.0, 0.0, 0.0), (0.0, 0.0, -3.0)])
    np.testing.assert_allclose(red, [1.0, 0.25], rtol=1e-5)
    np.testing.assert_allclose(green, red / 2, rtol=1e-5)
    assert blue.max() == 0


def test_a_cone_lights_what_lies_in_it():
    lamp = Lamp((0.0, 0.0, 5.0), 25.0, direction=(0.0, 0.0, -1.0), cone_deg=30.0)
    red, _, _ = light_of(lamp, [(0.0, 0.0, 0.0), (8.0, 0.0, 0.0)])
    assert red[0] == pytest.approx(1.0, rel=1e-4)
    assert red[1] == 0


def test_only_lamps_that_matter_are_kept():
    near = Lamp((0.0, 0.0, 4.0), 1.0)
    far = tuple(Lamp((500.0 + k, 0.0, 4.0), 1.0) for k in range(30))
    kept = LampLight((*far, near), np.zeros((10, 3)))
    assert kept._lamps == [near]
    assert LampLight((), np.zeros((10, 3))).mean == 0.0


def test_night_is_dark_but_for_the_pools_of_light():
    lamp = Lamp((2.0, 8.0, 5.0), 0.05, direction=(0.0, 0.0, -1.0), cone_deg=70.0)
    gbuffer, colour = seen(weather(0.0), lamps=(lamp,))
    lawn = gbuffer.part == NAMES.index("lawn")
    away = np.hypot(gbuffer.position_m[:, 0] - 2, gbuffer.position_m[:, 1] - 8)
    pool, outside = (np.median(colour[lawn & part]) for part in (away < 2, away > 15))
    assert pool > 10 * outside
    picture = shade_rgb(yard(weather(0.0)), gbuffer)
    assert picture.mean() < 0.15


def test_indoors_lamps_are_all_the_light_there_is():
    lamp = Lamp((0.0, 6.0, 2.6), 0.02)
    _, lit = seen(weather(13.0), lamps=(lamp,), indoor=True)
    gbuffer, dark = seen(weather(13.0), indoor=True)
    assert dark.max() == 0
    assert lit[gbuffer.hit].mean() > 1e-5


def test_floors_indoors_are_more_even_than_streets():
    concrete = {"road": {"material": material_index("concrete")}}
    shades = []
    for indoor in (False, True):
        lamp = Lamp((0.0, -10.0, 60.0), 1.0)  # so high that it lights the floor evenly
        gbuffer, colour = seen(weather(0.0), lamps=(lamp,), indoor=indoor, **concrete)
        near = (gbuffer.part == NAMES.index("road")) & (gbuffer.distance_m < 6)
        shades.append(colour[near, 1].std() / colour[near, 1].mean())
    street, floor = shades
    assert 0.02 < floor < 0.5 * street


# -- the camera ----------------------------------------------------------------------------------


@given(st.floats(0, 3.9), st.floats(0.01, 0.5))
def test_the_curve_rises_from_black_to_white(light, more):
    values = np.full((2, 2, 3), light, np.float32)
    values[1] += np.float32(more)
    picture = IDEAL.expose(values, exposure=1.0)
    assert 0 <= picture.min() <= picture.max() <= 1
    assert picture[1].min() > picture[0].max() or light + more > 4


def test_black_grey_and_white():
    steps = np.array([0.0, 0.18, 1.0, 4.0, 100.0], np.float32)[:, None, None] * np.ones((1, 1, 3))
    picture = IDEAL.expose(steps.astype(np.float32), exposure=1.0)[:, 0, 0]
    assert picture[0] == 0
    assert 0.3 < picture[1] < 0.5
    assert picture[3] == picture[4] == 1


def test_exposure_multiplies_up_to_the_limit():
    light = np.full((4, 4, 3), 0.001, np.float32)
    np.testing.assert_array_equal(
        IDEAL.expose(light, exposure=100.0), IDEAL.expose(light * 100, exposure=1.0)
    )
    limited = replace(IDEAL, gain_limit=10.0)
    np.testing.assert_array_equal(
        limited.expose(light, exposure=1e6), limited.expose(light, exposure=10.0)
    )


def test_night_pictures_are_grainier_than_day_pictures():
    grey = np.full((64, 64, 3), 0.2, np.float32)
    day = TYPICAL.expose(grey, exposure=1.0, frame_seed=1)[16:48, 16:48]
    night = TYPICAL.expose(grey / 2000, exposure=2000.0, frame_seed=1)[16:48, 16:48]
    assert night.std() > 1.5 * day.std()


def test_one_frame_number_is_one_picture():
    light = np.full((32, 32, 3), 0.2, np.float32)
    one, same, other = (TYPICAL.expose(light, exposure=1.0, frame_seed=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()
    assert one[16, 16].mean() > one[0, 0].mean()  # vignetting


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"blur_px": -1.0}, "blur_px must not be negative"),
        ({"vignetting": 1.0}, "vignetting is a share below 1"),
        ({"gain_limit": 0.0}, "gain_limit must be positive"),
    ],
)
def test_impossible_cameras_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        RgbCameraModel(**changes)


def test_bad_exposures_are_refused():
    with pytest.raises(ShapeError, match="linear must be"):
        IDEAL.expose(np.zeros((4, 4), np.float32), exposure=1.0)
    with pytest.raises(ConfigError, match="exposure must be positive"):
        IDEAL.expose(np.zeros((4, 4, 3), np.float32), exposure=0.0)
    with pytest.raises(UnknownNameError, match="unknown colour camera"):
        RGB_CAMERAS.get("typicla")


# -- the whole way -------------------------------------------------------------------------------


@pytest.mark.parametrize("hour", [13.0, 0.0])
def test_pictures_are_in_range_and_the_meter_puts_day_in_the_middle(hour):
    scene = yard(weather(hour))
    gbuffer = view(scene)
    picture = shade_rgb(scene, gbuffer, frame_seed=3)
    assert picture.shape == (*gbuffer.shape, 3)
    assert picture.dtype == np.float32
    assert 0 <= picture.min() <= picture.max() <= 1
    if hour == 13.0:
        assert 0.25 < picture.mean() < 0.7
        brighter = shade_rgb(scene, gbuffer, frame_seed=3, exposure=10.0)
        assert brighter.mean() > picture.mean()


def test_unknown_textures_are_refused():
    scene = yard()
    odd = tuple(replace(m, texture="velvet") for m in scene.materials)
    with pytest.raises(UnknownNameError, match="unknown texture 'velvet'"):
        RgbShader(replace(scene, materials=odd))
