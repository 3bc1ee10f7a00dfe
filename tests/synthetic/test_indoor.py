"""Rooms: the same for a seed, walkable, labelled, warm where something is warm."""

import time
from functools import cache

import numpy as np
import pytest

from thermoscope.core.errors import ConfigError, UnknownNameError
from thermoscope.geometry.camera import Camera
from thermoscope.geometry.pose import look_at
from thermoscope.synthetic.kinds import KINDS, kind_names
from thermoscope.synthetic.labels import FINE_CLASSES, labels_of
from thermoscope.synthetic.raycast import SceneCaster
from thermoscope.synthetic.scene import Role
from thermoscope.synthetic.scenes import build
from thermoscope.synthetic.scenes.rooms import DOOR_M, draw_plan, route_of
from thermoscope.synthetic.thermal import ThermalShader

FAMILIES = ("train", "val", "test")
WORLDS = [(family, seed) for family in FAMILIES for seed in range(4)]
FURNITURE = ("chairs", "desks", "shelves", "radiators", "machines")


@cache
def rooms(family="train", seed=0, visit=0, hour=13.0):
    return build("indoor", seed, family=family, hour=hour, visit=visit)


def classes(scene):
    return {part.class_name for part in scene.parts}


def clearance_m(scene, height_m):
    """Nearest surface at a height around every point of the route."""
    turn = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    spokes = np.column_stack([np.cos(turn), np.sin(turn), 0 * turn])
    starts = np.column_stack([scene.route, scene.ground_z + height_m])
    directions = np.tile(spokes, (len(starts), 1))
    return SceneCaster(scene).first_hits(np.repeat(starts, 24, axis=0), directions)[1].min()


def view_along_route(scene, share, *, width=96, height=80):
    count = len(scene.route)
    here = int(share * count)
    ahead = scene.route[(here + 4) % count]
    pose = look_at(np.array([*scene.route[here], 1.5]), np.array([*ahead, 1.45]))
    camera = Camera.from_fov(width, height, 95.0)
    return SceneCaster(scene).cast(camera, pose)


# -- the same again, or different on purpose ------------------------------------------------------


def test_a_seed_gives_the_same_rooms_to_the_bit():
    first, second = (build("indoor", 5, family="val", hour=9.0) for _ in range(2))
    np.testing.assert_array_equal(first.vertices, second.vertices)
    np.testing.assert_array_equal(first.face_part, second.face_part)
    assert first.parts == second.parts
    assert first.lamps == second.lamps
    assert first.heat == second.heat
    assert first.conditions == second.conditions


def test_seeds_and_families_give_other_rooms():
    sizes = {rooms(family, seed).vertices.shape[0] for family, seed in WORLDS}
    assert len(sizes) == len(WORLDS)


def test_a_second_visit_keeps_walls_and_furniture_and_moves_people():
    first, later = rooms("train", 0), rooms("train", 0, visit=1)
    np.testing.assert_array_equal(first.route, later.route)

    def standing(scene):
        keep = {"furniture", "appliance", "heater", "machine", "floor", "ceiling", "door"}
        return [part.name for part in scene.parts if part.class_name in keep]

    assert standing(first) == standing(later)
    assert not np.array_equal(first.vertices, later.vertices)


def test_the_hour_does_not_move_anything():
    noon, night = rooms("train", 1), rooms("train", 1, hour=1.0)
    np.testing.assert_array_equal(noon.route, night.route)
    np.testing.assert_array_equal(noon.vertices, night.vertices)
    assert night.conditions.night
    assert not noon.conditions.night


def test_families_share_no_furniture():
    kinds = {f: {n for part in FURNITURE for n in getattr(KINDS[f], part)} for f in FAMILIES}
    for family in FAMILIES:
        shown = {
            p.name.split(".")[0] for s in range(4) for p in rooms(family, s).parts
        }  # fmt: skip
        assert shown & kinds[family]
        for other in set(FAMILIES) - {family}:
            assert not shown & kinds[other]
            assert not kind_names(family) & kind_names(other)


# -- a walk through it ----------------------------------------------------------------------------


@pytest.mark.parametrize(("family", "seed"), WORLDS)
@pytest.mark.parametrize("height_m", [0.5, 1.0, 1.5])
def test_nothing_stands_within_forty_centimetres_of_the_route(family, seed, height_m):
    assert clearance_m(rooms(family, seed), height_m) > 0.4


@pytest.mark.parametrize(("family", "seed"), WORLDS)
def test_the_route_is_a_closed_walk_on_the_floor_inside_the_walls(family, seed):
    scene = rooms(family, seed)
    steps = np.hypot(*np.diff(np.vstack([scene.route, scene.route[:1]]), axis=0).T)
    assert steps.max() < 0.5
    assert 12 < steps.sum() < 80
    np.testing.assert_array_equal(scene.ground_z, np.zeros(len(scene.route)))
    low, high = scene.vertices.min(0), scene.vertices.max(0)
    assert (scene.route > low[:2] + 0.5).all()
    assert (scene.route < high[:2] - 0.5).all()


@pytest.mark.parametrize("columns", [2, 3])
def test_the_route_goes_through_every_doorway_near_its_middle(columns):
    plan = draw_plan(np.random.default_rng(3), columns=columns, height_m=2.7)
    assert len(plan.doors) == 2 * (columns - 1) + 2
    points = route_of(plan).points
    for door in plan.doors:
        assert np.hypot(points[:, 0] - door.x, points[:, 1] - door.y).min() < DOOR_M[0] / 4


@pytest.mark.parametrize("columns", [2, 3])
def test_a_corridor_leads_straight_past_a_door_of_each_room(columns):
    plan = draw_plan(np.random.default_rng(4), columns=columns, height_m=2.7, corridor=True)
    corridor, *rooms_above = plan.rooms()
    assert len(rooms_above) == columns
    assert 2.1 <= corridor[3] - corridor[1] <= 2.8
    assert corridor[2] - corridor[0] == pytest.approx(plan.xs[-1] - plan.xs[0])
    leading_off = [door for door in plan.doors if door.axis == 0]
    assert len(leading_off) == columns
    for door, (x0, y0, x1, _) in zip(leading_off, rooms_above, strict=True):
        assert x0 + 1 < door.x < x1 - 1
        assert door.y == y0 == corridor[3]
    points = route_of(plan).points
    inside = points[points[:, 1] < corridor[3] - 0.8]
    assert len(inside) > 8
    np.testing.assert_allclose(inside[:, 1], (corridor[1] + corridor[3]) / 2, atol=0.65)


def test_some_places_have_corridors_and_some_do_not():
    long = [
        np.ptp(s.vertices[:, 0]) > 2 * np.ptp(s.vertices[:, 1]) - 3
        for s in (rooms(family, seed) for family, seed in WORLDS)
    ]
    assert 1 <= sum(long) < len(long)


def test_a_room_is_closed():
    for share in (0.0, 0.3, 0.7):
        view = view_along_route(rooms("val", 1), share)
        assert view.hit.all()
        assert view.distance_m.max() < 40


# -- what is in it --------------------------------------------------------------------------------


@pytest.mark.parametrize(("family", "seed"), WORLDS)
def test_every_part_has_a_known_class_and_the_rooms_have_what_rooms_have(family, seed):
    scene = rooms(family, seed)
    assert classes(scene) <= set(FINE_CLASSES)
    assert {"floor", "ceiling", "room_wall", "door", "furniture", "lamp"} <= classes(scene)
    assert scene.indoor
    assert scene.environment == "indoor"
    assert scene.lamps
    assert 4_000 < len(scene.faces) < 120_000
    assert scene.faces.max() < len(scene.vertices)
    assert set(np.unique(scene.face_part)) <= set(range(len(scene.parts)))


def test_heaters_machines_people_and_lost_things_turn_up():
    seen = set().union(*(classes(rooms(family, seed)) for family, seed in WORLDS))
    assert {"heater", "machine", "pipe", "window", "appliance", "person"} <= seen
    assert {"fire_extinguisher", "backpack", "hand_drill"} <= seen


def test_labels_name_the_floor_below_and_the_ceiling_above():
    scene = rooms("train", 0)
    labels = labels_of(scene, view_along_route(scene, 0.1), "fine")
    assert np.mean(labels[-4:] == FINE_CLASSES.index("floor")) > 0.3
    assert not np.any(labels[-4:] == FINE_CLASSES.index("ceiling"))
    assert not np.any(labels[:4] == FINE_CLASSES.index("floor"))


def test_people_and_radiators_are_warmer_than_the_walls():
    found = set()
    for family, seed in WORLDS[::2]:
        scene = rooms(family, seed)
        roles = np.array([part.role for part in scene.parts])
        active = np.array([part.activity for part in scene.parts])
        shader = ThermalShader(scene)
        for share in (0.1, 0.6):
            view = view_along_route(scene, share)
            kelvin = shader.shade(view).kelvin.reshape(-1)
            names = np.array([part.class_name for part in scene.parts])[view.part]
            wall = np.median(kelvin[names == "room_wall"])
            skin = kelvin[roles[view.part] == Role.SKIN]
            hot = kelvin[(names == "heater") & (active[view.part] > 0.5)]
            if len(skin) > 5:
                assert np.median(skin) > wall + 3
                found.add("skin")
            if len(hot) > 5:
                assert np.median(hot) > wall + 8
                found.add("heater")
    assert found == {"skin", "heater"}


def test_building_takes_well_under_two_seconds():
    rooms("train", 2)  # models are made once
    start = time.process_time()  # others share the machine
    build("indoor", 2, hour=13.0)
    assert time.process_time() - start < 2.0


# -- bad input ------------------------------------------------------------------------------------


def test_bad_arguments_are_named():
    with pytest.raises(UnknownNameError, match="family"):
        build("indoor", 0, family="holdout")
    with pytest.raises(UnknownNameError, match="weather"):
        build("indoor", 0, weather="hail")
    with pytest.raises(ConfigError, match="seed"):
        build("indoor", -1)
    with pytest.raises(ConfigError, match="visit"):
        build("indoor", 0, visit=-1)
    with pytest.raises(ConfigError, match="hour"):
        build("indoor", 0, hour=25.0)
