"""Country from above: regions, water that lies low, roads that are free, flight lines, visits."""

from functools import cache

import numpy as np
import pytest

from thermoscope.core.errors import ConfigError, UnknownNameError
from thermoscope.synthetic.scenes.aerial import REGIONS, build

SEEDS = range(4)


@cache
def world(seed, visit=0, hour=12.0):
    return build(seed, hour=hour, visit=visit)


def vertices_of(scene, *classes):
    """(N, 3) vertices of the faces of all parts of some classes."""
    wanted = np.array([part.class_name in classes for part in scene.parts])
    return scene.vertices[scene.faces[wanted[scene.face_part]]].reshape(-1, 3)


def names(scene):
    return [part.class_name for part in scene.parts]


def test_regions_differ_in_what_there_is_most_of():
    assert REGIONS["village"].houses == max(r.houses for r in REGIONS.values())
    assert REGIONS["wild"].wood == max(r.wood for r in REGIONS.values())
    assert REGIONS["depot"].vehicles == max(r.vehicles for r in REGIONS.values())
    for region in REGIONS.values():
        assert 0 <= region.wood <= 1
        assert 0 <= region.crops <= 1
        assert region.water in {"river", "lake", "none"}


def test_the_land_is_outdoors_and_seen_along_a_closed_line():
    for seed in SEEDS:
        scene = world(seed)
        assert scene.environment == "aerial"
        assert not scene.indoor
        np.testing.assert_allclose(scene.route[0], scene.route[-1], atol=1e-6)
        step = np.linalg.norm(np.diff(scene.route, axis=0), axis=1)
        assert step.max() < 10.0  # no jumps
        assert step.sum() > 100.0


def test_the_ground_below_the_line_is_the_scenes_own():
    scene = world(0)
    ground = scene.ground_z
    assert len(ground) == len(scene.route)
    assert np.isfinite(ground).all()
    assert np.abs(np.diff(ground)).max() < 3.0  # hills, no cliffs


def test_water_is_level_and_lies_below_the_land_beside_it():
    wet = [scene for scene in map(world, range(6)) if "water" in names(scene)]
    assert wet
    for scene in wet:
        water = vertices_of(scene, "water")
        assert np.ptp(water[:, 2]) < 0.5
        land = vertices_of(scene, "grass", "bare_ground", "crop")
        assert np.median(land[:, 2]) > water[:, 2].max()


def test_houses_and_trees_stand_up_from_the_ground():
    scene = world(1)
    for class_name, least_m in (("building", 2.5), ("tree", 2.0)):
        points = vertices_of(scene, class_name)
        assert len(points), class_name
        assert np.percentile(points[:, 2], 99) - scene.ground_z.min() > least_m


def test_another_visit_moves_the_living_and_leaves_the_land():
    first, later = world(0), world(0, visit=1)
    np.testing.assert_array_equal(first.route, later.route)
    kept = ("building", "road")
    np.testing.assert_array_equal(vertices_of(first, *kept), vertices_of(later, *kept))
    moving = ("person", "animal")
    one, other = vertices_of(first, *moving), vertices_of(later, *moving)
    assert one.shape != other.shape or not np.array_equal(one, other)


def test_the_hour_changes_the_light_and_not_the_place():
    noon, night = world(0), world(0, hour=0.5)
    assert night.conditions.night
    assert not noon.conditions.night
    kept = ("building", "road")
    np.testing.assert_array_equal(vertices_of(noon, *kept), vertices_of(night, *kept))


def test_bad_arguments():
    with pytest.raises(UnknownNameError, match="'trian'"):
        build(0, family="trian")
    with pytest.raises(ConfigError, match="seed"):
        build(-1)
    with pytest.raises(ConfigError, match="visit"):
        build(0, visit=-1)
