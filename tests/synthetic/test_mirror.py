"""One bounce: where mirrored rays go, and what they meet."""

import gc

import numpy as np
import pytest
from tests.synthetic.box_world import box_world

from thermoscope.geometry.camera import Camera
from thermoscope.geometry.pose import look_at
from thermoscope.synthetic.mirror import HORIZON, bounce, mirrored
from thermoscope.synthetic.raycast import SceneCaster
from thermoscope.synthetic.scenes import ENVIRONMENTS
from thermoscope.synthetic.surface import surfaces_of

EYE = np.array([0.0, 0.0, 1.5])
CAMERA = Camera.from_fov(65, 49, 95.0)


@pytest.fixture(scope="module")
def caster():
    return SceneCaster(box_world())


@pytest.fixture(scope="module")
def surface(caster):
    (only,) = surfaces_of(caster.cast(CAMERA, look_at(EYE, EYE + np.array([1.0, 0.0, 0.0]))))
    return only


def rows(lines):
    return np.stack(lines, axis=1)


def test_angle_in_is_angle_out(surface):
    everything = np.arange(len(surface.pixel))
    ray, normal = rows(surface.ray), rows(surface.normal)
    out = rows(mirrored(surface, everything))
    np.testing.assert_allclose(np.linalg.norm(out, axis=1), 1.0, atol=1e-5)
    np.testing.assert_allclose(
        np.einsum("ij,ij->i", out, normal), -np.einsum("ij,ij->i", ray, normal), atol=1e-6
    )
    ground = surface.part == 0
    np.testing.assert_allclose(out[ground], ray[ground] * (1, 1, -1), atol=1e-6)  # z turns round


def test_the_ground_before_the_box_mirrors_the_box(surface, caster):
    """A ray that meets the ground 1 m before the box rises to below its top."""
    x, y, _ = surface.position
    before = np.flatnonzero((surface.part == 0) & (x > 2.5) & (x < 3.5) & (np.abs(y) < 0.5))
    assert len(before) > 5
    ray, seen = bounce(surface, before, caster)
    assert len(seen.pixel) == len(before)
    assert (seen.part == 1).all()
    np.testing.assert_allclose(seen.position[0], 4.0, atol=1e-3)  # the face of the box
    np.testing.assert_allclose(rows(seen.normal), [(-1.0, 0.0, 0.0)] * len(before), atol=1e-6)
    way = (4.0 - x[before]) / ray[0]
    np.testing.assert_allclose(seen.distance_m, surface.distance_m[before] + way, rtol=2e-3)
    # all lines of a mirrored surface lie in front of the ray
    assert (seen.cosine > 0).all()
    assert (seen.footprint_m > surface.footprint_m[before]).all()


def test_level_ground_far_from_things_mirrors_the_sky(surface, caster):
    x, y, _ = surface.position
    aside = np.flatnonzero((surface.part == 0) & (np.abs(y) > 10) & (x < 15))
    assert len(aside) > 5
    ray, seen = bounce(surface, aside, caster)
    assert not len(seen.pixel)
    assert (ray[2] > 0).all()


def test_nothing_is_traced_without_a_caster_or_without_pixels(surface, caster):
    chosen = np.arange(3)
    assert bounce(surface, chosen, None).seen is None
    assert bounce(surface, chosen[:0], caster).seen is None


def test_mirrors_need_the_caster_only_not_its_scene(surface):
    alone = SceneCaster(box_world())
    gc.collect()
    before = np.flatnonzero(surface.part == 0)
    assert len(bounce(surface, before, alone).seen.pixel)


def test_every_environment_has_a_horizon():
    assert set(HORIZON) == set(ENVIRONMENTS)
