"""Generated worlds: the same for a seed everywhere, families apart, routes free, views full."""

import subprocess
import sys
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from thermoscope.core.errors import ConfigError, UnknownNameError
from thermoscope.geometry.camera import Camera
from thermoscope.geometry.pose import look_at
from thermoscope.synthetic.kinds import KINDS, kind_names
from thermoscope.synthetic.labels import FINE_CLASSES, labels_of
from thermoscope.synthetic.raycast import SceneCaster
from thermoscope.synthetic.scene import Role, scene_hash
from thermoscope.synthetic.scenes import ENVIRONMENTS, build

FAMILIES = ("train", "val", "test")
OUTDOOR = ("aerial", "offroad", "urban")
CAMERA = Camera.from_fov(80, 64, 95.0)


@cache
def world(environment, seed=0, family="train", hour=13.0, weather="clear", visit=0):
    return build(environment, seed, family=family, hour=hour, weather=weather, visit=visit)


@cache
def caster(environment, seed=0, family="train"):
    return SceneCaster(world(environment, seed, family))


def eye_and_target(environment, share):
    """A camera on the route as its carrier holds it: at eye height, or from above."""
    scene = world(environment)
    here = int(share * (len(scene.route) - 8))
    x, y = scene.route[here]
    step = scene.route[here + 6] - scene.route[here]
    step = step / np.hypot(*step)
    z = scene.ground_z[here]
    if environment == "aerial":
        return np.array([x, y, z + 45.0]), np.array([x + 30 * step[0], y + 30 * step[1], z])
    return np.array([x, y, z + 1.6]), np.array([x + step[0], y + step[1], z + 1.55])


def view(environment, share):
    eye, target = eye_and_target(environment, share)
    return caster(environment).cast(CAMERA, look_at(eye, target))


# -- the same again -------------------------------------------------------------------------------


def test_another_process_builds_the_same_worlds():
    code = (
        "from thermoscope.synthetic.scene import scene_hash\n"
        "from thermoscope.synthetic.scenes import build\n"
        "print(scene_hash(build('indoor', 3)), scene_hash(build('urban', 3, family='val')))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    here = [build("indoor", 3), build("urban", 3, family="val")]
    assert run.stdout.split() == [scene_hash(scene) for scene in here]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_hash_does_not_see_the_last_bit_but_everything_else(environment):
    scene = world(environment)
    shaken = replace(scene, route=scene.route * (1 + 1e-15))
    assert scene_hash(shaken) == scene_hash(scene)
    assert scene_hash(replace(scene, lamps=())) != scene_hash(scene) or not scene.lamps
    moved = scene.vertices.copy()
    moved[7, 0] += 2.0**-12
    assert scene_hash(replace(scene, vertices=moved)) != scene_hash(scene)
    np.testing.assert_array_equal(scene.vertices * 2**14 % 1, 0)  # on the common grid


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_seed_and_family_change_the_place(environment):
    first = world(environment)
    for other in (world(environment, 1), world(environment, 0, "val")):
        assert not np.array_equal(first.route, other.route)
    assert world(environment).name == f"{environment}-train-0"


@pytest.mark.parametrize("environment", OUTDOOR)
def test_hour_and_weather_leave_the_place_and_what_moves_alone(environment):
    day, night = world(environment), world(environment, hour=23.0, weather="rain")
    np.testing.assert_array_equal(day.route, night.route)
    np.testing.assert_array_equal(day.ground_z, night.ground_z)

    def moving(scene):
        classes = ("car", "truck", "bus", "motorcycle", "bicycle", "person", "animal")
        return [(p.name, p.object_id) for p in scene.parts if p.class_name in classes]

    assert moving(day) == moving(night)
    assert night.conditions.night
    assert not day.lamps
    assert night.lamps or environment == "offroad"


@pytest.mark.parametrize("environment", OUTDOOR)
def test_another_visit_finds_the_same_place_with_other_traffic(environment):
    first, later = world(environment), world(environment, visit=1)
    np.testing.assert_array_equal(first.route, later.route)

    def still(scene):
        classes = {"building", "tree", "road", "rock", "pole", "kerb"}
        leafless = [p for p in scene.parts if not p.name.endswith(".leaf")]  # seasons differ
        return [p.name for p in leafless if p.class_name in classes]

    assert still(first) == still(later)
    assert scene_hash(first) != scene_hash(later)


# -- families -------------------------------------------------------------------------------------


def test_no_kind_of_thing_is_in_two_families():
    for family in FAMILIES:
        for other in set(FAMILIES) - {family}:
            assert not kind_names(family) & kind_names(other)
            assert all(getattr(KINDS[family], f) for f in KINDS[family].__dataclass_fields__)


@pytest.mark.parametrize("environment", ["urban", "offroad"])
def test_scenes_show_only_the_kinds_of_their_family(environment):
    every = set().union(*(kind_names(family) for family in FAMILIES))
    for family in FAMILIES:
        shown = {p.name.split(".")[0] for p in world(environment, 0, family).parts} & every
        assert shown
        assert shown <= kind_names(family)


# -- what a scene is made of ----------------------------------------------------------------------


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_scene_is_sound(environment):
    scene = world(environment)
    assert np.isfinite(scene.vertices).all()
    assert scene.vertices.dtype == np.float32
    assert scene.faces.dtype == scene.face_part.dtype == np.int32
    assert scene.faces.min() == 0
    assert scene.faces.max() < len(scene.vertices)
    assert scene.face_part.max() < len(scene.parts)
    assert len(scene.faces) == len(scene.face_part) == len(scene.corner_normals)
    lengths = np.linalg.norm(scene.corner_normals, axis=-1)
    np.testing.assert_allclose(lengths, 1.0, atol=1e-4)
    assert {part.class_name for part in scene.parts} <= set(FINE_CLASSES)
    assert 5_000 < len(scene.faces) < 520_000
    assert scene.indoor == (environment == "indoor")
    np.testing.assert_allclose(scene.route[0], scene.route[-1], atol=1e-6)
    assert len(scene.ground_z) == len(scene.route)


def test_streets_have_all_that_the_street_data_sets_label():
    wanted = {"car", "truck", "bus", "person", "bicycle", "motorcycle", "kerb", "bump"}
    wanted |= {"guardrail", "car_stop", "color_cone", "building", "traffic_sign", "traffic_light"}
    wanted |= {"pole", "tree", "sidewalk", "road"}
    seen = {p.class_name for s in range(5) for p in world("urban", s).parts}
    assert wanted <= seen


def test_land_from_above_has_water_woods_crops_and_herds():
    seen = {p.class_name for s in range(4) for p in world("aerial", s).parts}
    assert {"water", "tree", "crop", "bare_ground", "grass", "road", "building"} <= seen
    assert {"car", "person", "animal", "rock", "shrub", "far_hill"} <= seen


def test_things_that_run_are_warm_and_things_at_rest_are_not():
    scene = world("urban")
    running = [p for p in scene.parts if p.class_name == "car" and p.activity == 1.0]
    cold = [p for p in scene.parts if p.class_name == "car" and p.activity == 0.0]
    assert {p.role for p in running} >= {Role.WHEEL, Role.ENGINE, Role.EXHAUST}
    assert any(p.role is Role.ENGINE for p in cold)
    assert all(p.activity == 0.0 for p in scene.parts if p.role is Role.PASSIVE)
    assert all(0 <= p.activity <= 1 for p in scene.parts)
    assert all(h.radius_m > 0 for h in scene.heat)


def test_lamps_burn_at_night_and_their_surfaces_glow():
    day, night = world("urban"), world("urban", hour=23.0)
    assert not day.lamps
    assert len(night.lamps) > 5
    glow = {p.name for p in night.parts if p.glow > 0} - {p.name for p in day.parts if p.glow > 0}
    assert any("lamp" in name for name in glow)
    assert any("window_lit" in name for name in glow)
    for lamp in night.lamps:
        assert lamp.intensity > 0
        assert np.linalg.norm(lamp.direction) == pytest.approx(1.0, abs=1e-6)


# -- the route ------------------------------------------------------------------------------------


def clearance_m(environment, height_m, *, seed=0):
    """Nearest upright surface around each point of the route."""
    scene = world(environment, seed)
    turn = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    spokes = np.column_stack([np.cos(turn), np.sin(turn), 0 * turn])
    starts = np.column_stack([scene.route, scene.ground_z + height_m])[::2]
    directions = np.tile(spokes, (len(starts), 1))
    _, distance = caster(environment, seed).first_hits(np.repeat(starts, 16, axis=0), directions)
    return distance.min()


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
@pytest.mark.parametrize("height_m", [0.7, 1.1, 1.6, 2.0])
def test_a_car_can_follow_the_route_through_the_street(seed, height_m):
    assert clearance_m("urban", height_m, seed=seed) > 0.95


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
@pytest.mark.parametrize("height_m", [1.0, 1.4, 1.8])
def test_a_person_can_follow_the_trail(seed, height_m):
    assert clearance_m("offroad", height_m, seed=seed) > 0.45


def test_nothing_flies_where_the_drone_does():
    assert clearance_m("aerial", 30.0) > 3.0


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_ground_lies_under_the_route_where_the_scene_says(environment):
    scene = world(environment)
    starts = np.column_stack([scene.route, scene.ground_z + 0.45])[::3]
    down = np.tile([0.0, 0.0, -1.0], (len(starts), 1))
    face, distance = caster(environment).first_hits(starts, down)
    assert (face >= 0).all()
    parts = [scene.parts[p] for p in scene.face_part[face]]
    ground = np.array([part.object_id == 0 for part in parts])
    assert np.abs(distance[ground] - 0.45).max() < 0.12
    allowed = {"urban": {"road", "bump"}, "indoor": {"floor"}, "offroad": {"bare_ground"}}
    if environment in allowed:  # a drone flies over whatever stands there
        assert {part.class_name for part in parts} <= allowed[environment]
    assert ground.mean() > 0.7


# -- views ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("environment", OUTDOOR)
def test_there_is_no_hole_below_the_horizon(environment):
    for share in (0.0, 0.35, 0.7):
        seen = view(environment, share)
        down = seen.direction[:, 2] < -0.01
        assert seen.hit[down].all()
        assert seen.hit.mean() > 0.5


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_view_shows_several_classes_near_and_far(environment):
    classes, nearest, farthest = set(), np.inf, 0.0
    for share in (0.0, 0.35, 0.7):
        seen = view(environment, share)
        classes |= set(np.unique(labels_of(world(environment), seen, "fine")).tolist())
        nearest = min(nearest, float(seen.depth_m[seen.hit].min()))
        farthest = max(farthest, float(seen.depth_m[seen.hit].max()))
    assert len(classes) >= 7
    assert nearest < (45 if environment == "aerial" else 4)
    assert farthest > (6 if environment == "indoor" else 120)


# -- bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_bad_arguments_are_named(environment):
    with pytest.raises(UnknownNameError, match="unknown family 'holdout'"):
        build(environment, 0, family="holdout")
    with pytest.raises(UnknownNameError, match="unknown weather 'hail'"):
        build(environment, 0, weather="hail")
    with pytest.raises(ConfigError, match="seed must lie in"):
        build(environment, -1)
    with pytest.raises(ConfigError, match="visit must lie in"):
        build(environment, 0, visit=-1)
    with pytest.raises(ConfigError, match=r"hour must lie in \[0, 24\]"):
        build(environment, 0, hour=25.0)


def test_an_unknown_environment_is_named():
    with pytest.raises(UnknownNameError, match="unknown environment 'urbn'. Did you mean 'urban'"):
        build("urbn", 0)
