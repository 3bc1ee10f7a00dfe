"""Textures: a value at every place, the same from everywhere, soft in the distance."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thermoscope.core.errors import ConfigError, ShapeError, UnknownNameError
from thermoscope.synthetic.materials import MATERIALS, TEXTURE_VARIANTS
from thermoscope.synthetic.texture import TextureSet, smooth_noise, texture, texture_names
from thermoscope.synthetic.texture_tiles import FEATURES, TILE, pattern_of, tile

UP = np.array([[0, 0, 1]], np.float32)


def ground_points(side=64, step_m=0.05, origin=(0.0, 0.0)):
    y, x = np.mgrid[0:side, 0:side].astype(np.float32) * step_m
    flat = np.zeros(side * side, np.float32)
    return np.stack([x.ravel() + origin[0], y.ravel() + origin[1], flat], axis=-1)


def wall_points(yaw_deg, side=64, step_m=0.02):
    """Points (N, 3) on an upright wall, its normals, and coordinates along and up it."""
    up, along = np.mgrid[0:side, 0:side].reshape(2, -1).astype(np.float32) * step_m
    yaw = np.radians(yaw_deg)
    points = np.stack([along * np.cos(yaw), along * np.sin(yaw), up], axis=-1)
    normal = np.array([[np.sin(yaw), -np.cos(yaw), 0.0]])
    return points.astype(np.float32), np.repeat(normal, len(up), 0).astype(np.float32)


# -- tiles ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", texture_names())
def test_a_tile_is_balanced_uses_its_range_and_repeats_without_a_seam(name):
    drawn = tile(name)
    assert drawn.shape == (TILE, TILE)
    assert drawn.dtype == np.float32
    assert abs(float(drawn.mean())) < 0.1
    assert 0.2 < float(drawn.std()) < 0.65
    assert float(np.abs(drawn).max()) <= 1.0
    inside = np.abs(np.diff(drawn, axis=1)).mean()
    across_the_seam = np.abs(drawn[:, 0] - drawn[:, -1]).mean()
    assert across_the_seam < 4 * inside + 0.6 * (name in {"books", "planks", "panels", "tiles"})


@pytest.mark.parametrize("name", texture_names())
def test_variants_are_other_drawings(name):
    first, second, third = (tile(f"{name}.{v}") for v in "abc")
    for one, other in ((first, second), (first, third), (second, third)):
        assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.6


def test_every_material_of_every_family_has_its_texture():
    for variant in TEXTURE_VARIANTS.values():
        for material in MATERIALS:
            pattern_of(f"{material.texture}.{variant}")


def test_unknown_names_are_refused():
    with pytest.raises(UnknownNameError, match=r"unknown texture 'brik'. Did you mean 'brick'"):
        tile("brik")
    with pytest.raises(UnknownNameError, match="texture variant 'z'"):
        tile("brick.z")


# -- on surfaces ---------------------------------------------------------------------------------


def test_one_place_has_one_value_whatever_else_is_asked():
    points = ground_points()
    whole = texture("asphalt", points, seed=3, scale_m=1.0)
    alone = texture("asphalt", points[100:101], seed=3, scale_m=1.0)
    assert whole.shape == (len(points),)
    assert alone[0] == whole[100]


def test_seeds_shift_and_scales_stretch():
    points = ground_points()
    one = texture("rock", points, seed=1, scale_m=1.0)
    assert abs(np.corrcoef(one, texture("rock", points, seed=2, scale_m=1.0))[0, 1]) < 0.5
    twice = texture("rock", 2 * points, seed=1, scale_m=2.0)
    np.testing.assert_allclose(one, twice, atol=2e-3)


@given(st.integers(-40, 40), st.integers(-40, 40))
def test_a_texture_repeats_after_eight_features(across, along):
    here = ground_points(side=8)
    there = ground_points(side=8, origin=(across * FEATURES * 0.5, along * FEATURES * 0.5))
    np.testing.assert_allclose(
        texture("grass", here, seed=5, scale_m=0.5),
        texture("grass", there, seed=5, scale_m=0.5),
        atol=0.05,
    )


@pytest.mark.parametrize("yaw_deg", [0, 30, 90, 217])
def test_courses_of_bricks_lie_level_on_walls_of_any_direction(yaw_deg):
    points, normals = wall_points(yaw_deg)
    value = texture("tiles", points, seed=0, scale_m=0.25, normals=normals).reshape(64, 64)
    joints = np.flatnonzero(value.mean(axis=1) < -0.4)  # a level joint is dark all along its row
    courses = np.diff(joints)[np.diff(joints) > 1]
    assert set(courses.tolist()) <= {11, 12, 13}  # 0.25 m at 2 cm a row
    assert len(courses) >= 3


def test_detail_fades_with_the_footprint():
    points = ground_points(side=128, step_m=0.02)
    near = texture("grass", points, seed=1, scale_m=0.5)
    far = texture(
        "grass", points, seed=1, scale_m=0.5, footprint_m=np.full(len(points), 0.5, np.float32)
    )
    assert far.std() < 0.35 * near.std()
    assert near.std() > 0.2


def test_a_round_surface_has_no_jumps():
    angle = np.linspace(0, 2 * np.pi, 4001, dtype=np.float32)
    normals = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=-1)
    value = texture("stain", normals * 2, seed=1, scale_m=4.0, normals=normals)
    assert np.abs(np.diff(value)).max() < 0.06
    assert value.std() > 0.1


def test_rows_of_a_set_do_not_mix():
    points = ground_points(side=32)
    lines = tuple(np.ascontiguousarray(points.T))
    normal = tuple(np.ascontiguousarray(np.repeat(UP, len(points), 0).T))
    rows = (np.arange(len(points)) % 2).astype(np.intp)
    both = TextureSet(["soil", "water"], [1.0, 2.0], [4, 9])
    value = both.sample(rows, lines, normal, np.zeros(len(points), np.float32))
    soil = texture("soil", points, seed=4, scale_m=1.0)
    water = texture("water", points, seed=9, scale_m=2.0)
    np.testing.assert_array_equal(value, np.where(rows == 0, soil, water))


def test_bad_input_is_refused():
    with pytest.raises(ShapeError, match="positions_m must be"):
        texture("rock", np.zeros((4, 2), np.float32), seed=0, scale_m=1.0)
    with pytest.raises(ConfigError, match="scale_m must be positive"):
        texture("rock", np.zeros((4, 3), np.float32), seed=0, scale_m=0.0)


# -- noise in space ------------------------------------------------------------------------------


def test_smooth_noise_is_soft_bounded_and_the_same_everywhere_it_is_asked():
    x = np.linspace(-100, 100, 20_001, dtype=np.float32)
    line = (x, np.zeros_like(x), np.full_like(x, 1.7))
    value = smooth_noise(line, 5.0, seed=3)
    assert 0.2 < value.std() < 0.7
    assert np.abs(value).max() < 1.5
    assert np.abs(np.diff(value)).max() < 0.01  # 1 cm apart, features of 5 m
    few = smooth_noise(tuple(part[7:9] for part in line), 5.0, seed=3)
    np.testing.assert_array_equal(few, value[7:9])
    assert not np.allclose(value, smooth_noise(line, 5.0, seed=4))
