"""Ray casting: depths by hand, a slow reference, exact identities between two views, shadows."""

import gc
import weakref
from dataclasses import replace

import numpy as np
import pytest
from tests.synthetic.box_world import FAR_WALL, NEAR_BOX, box_world

from thermoscope.core.errors import CalibrationError, ShapeError
from thermoscope.geometry.camera import Camera
from thermoscope.geometry.pose import look_at, transform
from thermoscope.synthetic.raycast import _CASTERS, SceneCaster, cast
from thermoscope.synthetic.rgb import shade_rgb
from thermoscope.synthetic.thermal import shade_thermal

EYE = np.array([0.0, 0.0, 1.5])
CAMERA = Camera.from_fov(65, 49, 95.0)
AHEAD = look_at(EYE, EYE + np.array([1.0, 0.0, 0.0]))


@pytest.fixture(scope="module")
def caster():
    return SceneCaster(box_world())


@pytest.fixture(scope="module")
def view(caster):
    return caster.cast(CAMERA, AHEAD)


def test_the_middle_pixel_sees_the_box_at_four_metres(view):
    middle = 24 * 65 + 32
    assert view.depth_m[middle] == 4.0
    assert view.distance_m[middle] == 4.0
    assert view.part[middle] == 1
    np.testing.assert_allclose(view.position_m[middle], (4.0, 0.0, 1.5), atol=1e-6)
    np.testing.assert_allclose(view.normal[middle], (-1.0, 0.0, 0.0), atol=1e-6)


def test_sky_is_infinitely_far_and_has_no_part(view):
    sky = ~view.hit
    assert sky[:65].all()
    assert np.isinf(view.depth_m[sky]).all()
    assert np.isinf(view.distance_m[sky]).all()
    assert (view.part[sky] == -1).all()
    assert (view.face[sky] == -1).all()
    assert not view.position_m[sky].any()
    assert not view.normal[sky].any()


def test_every_plane_of_the_gbuffer_tells_the_same_story(view):
    hit = view.hit
    np.testing.assert_allclose(np.linalg.norm(view.direction, axis=1), 1.0, atol=1e-6)
    along = EYE + view.direction[hit].astype(float) * view.distance_m[hit, None]
    np.testing.assert_allclose(along, view.position_m[hit], atol=2e-5)
    np.testing.assert_allclose(view.position_m[hit, 0], view.depth_m[hit], atol=1e-5)
    assert (np.einsum("ij,ij->i", view.normal[hit], view.direction[hit]) < 0).all()
    ground = view.part == 0
    np.testing.assert_allclose(view.position_m[ground, 2], 0.0, atol=1e-5)


def reference(scene, origin, direction):
    """First hit by testing every triangle, in float64 (Moeller and Trumbore, 1997)."""
    a, b, c = (scene.vertices[scene.faces[:, k]].astype(float) for k in range(3))
    best, face = np.inf, -1
    p = np.cross(direction, c - a)
    determinant = ((b - a) * p).sum(1)
    with np.errstate(divide="ignore", invalid="ignore"):
        u = ((origin - a) * p).sum(1) / determinant
        q = np.cross(origin - a, b - a)
        v = q @ direction / determinant
        t = (q * (c - a)).sum(1) / determinant
    inside = (u >= 0) & (v >= 0) & (u + v <= 1) & (t > 0)
    if inside.any():
        face = int(np.argmin(np.where(inside, t, np.inf)))
        best = t[face]
    return best, face


def test_a_slow_reference_finds_the_same_faces_and_distances():
    rng = np.random.default_rng(2)
    base = box_world()
    soup = rng.uniform(-6, 6, (90, 3)).astype(np.float32)
    faces = np.arange(90, dtype=np.int32).reshape(-1, 3)
    scene = replace(base, vertices=soup, faces=faces, face_part=np.zeros(30, np.int32))
    directions = rng.normal(size=(300, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    origin = np.array([0.3, -9.0, 0.2])
    face, distance = SceneCaster(scene).first_hits(origin, directions)
    expected = [reference(scene, origin, d) for d in directions]
    assert (face >= 0).sum() > 30
    np.testing.assert_array_equal(face, [f for _, f in expected])
    np.testing.assert_allclose(distance, [t for t, _ in expected], rtol=1e-9)


def test_disparity_of_a_rectified_pair_follows_from_depth(caster):
    """A point seen in both views moves by focal x baseline / depth, to float precision."""
    baseline = 0.3
    left = caster.cast(CAMERA, AHEAD)
    right = AHEAD.copy()
    right[:3, 3] += AHEAD[:3, 0] * baseline
    pixels, valid = CAMERA.project(transform(np.linalg.inv(right), left.position_m[left.hit]))
    columns = np.broadcast_to(np.arange(65.0), (49, 65)).reshape(-1)[left.hit]
    rows = np.repeat(np.arange(49.0), 65)[left.hit]
    assert valid.all()
    disparity = columns - pixels[:, 0]
    np.testing.assert_allclose(disparity, CAMERA.fx * baseline / left.depth_m[left.hit], atol=1e-4)
    np.testing.assert_allclose(pixels[:, 1], rows, atol=1e-4)


def test_a_fisheye_sees_the_same_world_along_the_same_rays(caster):
    fisheye = Camera.from_fov(64, 48, 140.0, model="fisheye", distortion=(0.05, -0.01, 0, 0))
    wide = caster.cast(fisheye, AHEAD)
    face, distance = caster.first_hits(EYE, wide.direction)
    np.testing.assert_array_equal(face, wide.face)
    np.testing.assert_allclose(distance[wide.hit], wide.distance_m[wide.hit], rtol=1e-4)


def test_pixels_that_the_lens_does_not_reach_are_sky():
    bent = Camera(30.0, 30.0, 31.5, 23.5, 64, 48, "radtan", (-0.3, 0.0, 0.0, 0.0))
    _, reached = bent.unproject(bent.pixel_grid().reshape(-1, 2))
    view = SceneCaster(box_world(indoor=True)).cast(bent, AHEAD)
    assert not reached.all()
    assert not view.hit[~reached].any()


# -- light and sight ------------------------------------------------------------------------------


def test_the_box_throws_its_shadow_away_from_the_sun(caster):
    """The sun stands at (0.3, 0.2, 0.9): a 3 m box shades the ground 1 m to the west."""
    above = look_at((3.5, -0.3, 9.0), (3.5, -0.3, 0.0), up=(1.0, 0.0, 0.0))
    plan = caster.cast(Camera.from_fov(201, 201, 60.0), above)
    shaded = (plan.part == 0) & (plan.sunlit == 0)
    beside = np.abs(plan.position_m[:, 1]) < 0.9  # the shadow leans to the south as well
    x = plan.position_m[shaded & beside, 0]
    assert 2.9 < x.min() < 3.1  # 3 m high x 0.3 / 0.9 = 1 m
    assert x.max() <= 4.01
    assert plan.sunlit[(plan.part == 1) & (plan.normal[:, 2] > 0.9)].min() == 1.0


def test_no_sun_at_night_inside_or_when_not_asked_for(caster):
    night = replace(
        box_world(), conditions=replace(box_world().conditions, sun_direction=(0.3, 0.2, -0.9))
    )
    assert not SceneCaster(night).cast(CAMERA, AHEAD).sunlit.any()
    assert not SceneCaster(box_world(indoor=True)).cast(CAMERA, AHEAD).sunlit.any()
    assert not caster.cast(CAMERA, AHEAD, shadows=False).sunlit.any()
    assert caster.cast(CAMERA, AHEAD).sunlit.any()


def test_what_stands_before_a_point_hides_it(caster):
    points = np.array([[4.0, 0.0, 1.0], [10.0, 0.0, 0.0], [10.0, 8.0, 0.0], [20.0, 0.0, 11.0]])
    seen = caster.visible_from(points, EYE)
    assert seen.tolist() == [True, False, True, True]  # the second is behind the box
    assert caster.visible_from(points, (10.0, 0.0, 30.0)).tolist() == [False, True, True, True]


def test_a_view_sees_all_its_own_points_and_no_others(caster, view):
    points, faces = view.position_m[view.hit], view.face[view.hit]
    assert caster.visible_from(points, EYE, faces=faces).all()
    behind = points + 0.5 * view.direction[view.hit]
    assert not caster.visible_from(behind, EYE).any()


def test_smooth_normals_are_shown_where_the_scene_has_them():
    scene = box_world()
    leaning = np.tile(np.float32([0.6, 0.0, 0.8]), (len(scene.faces), 3, 1))
    shown = SceneCaster(replace(scene, corner_normals=leaning)).cast(CAMERA, AHEAD)
    ground = shown.part == 0
    np.testing.assert_allclose(
        shown.normal[ground], np.broadcast_to((0.6, 0, 0.8), (ground.sum(), 3)), atol=1e-6
    )
    np.testing.assert_array_equal(shown.depth_m, cast(scene, CAMERA, AHEAD).depth_m)


def test_a_scene_is_made_ready_once():
    scene = box_world()
    cast(scene, CAMERA, AHEAD)
    caster = _CASTERS[scene]
    again = cast(scene, CAMERA, AHEAD)
    assert _CASTERS[scene] is caster
    np.testing.assert_array_equal(again.depth_m, caster.cast(CAMERA, AHEAD).depth_m)
    assert again.depth_m.dtype == again.position_m.dtype == again.sunlit.dtype == np.float32


def test_scenes_are_freed_though_their_rays_heat_and_light_are_kept_for_them():
    """A cache keyed weakly by the scene must not hold the scene in its values."""
    alive, before = [], len(_CASTERS)
    for hour in (2.0, 9.0, 12.0, 15.0):
        scene = box_world(hour=hour)
        view = cast(scene, CAMERA, AHEAD)
        shade_thermal(scene, view)
        shade_rgb(scene, view)
        alive.append(weakref.ref(scene))
        assert len(_CASTERS) <= before + 1
        del scene
        gc.collect()
    assert [ref() for ref in alive] == [None] * 4


def test_a_caster_outlives_its_scene():
    caster = SceneCaster(box_world())
    gc.collect()
    assert caster.cast(CAMERA, AHEAD).part[24 * 65 + 32] == 1


def test_normals_look_back_along_the_rays(caster, view):
    hit = np.flatnonzero(view.hit)
    rays = tuple(np.ascontiguousarray(line) for line in view.direction[hit].T)
    normals = np.stack(caster.normals_towards(view.face[hit], rays), 1)
    np.testing.assert_allclose(normals, view.normal[hit], atol=1e-6)  # flat: no smooth normals
    turned = np.stack(caster.normals_towards(view.face[hit], tuple(-line for line in rays)), 1)
    np.testing.assert_array_equal(turned, -normals)


def test_corner_cases_of_the_box_are_where_the_world_says(view):
    near = view.part == 1
    low, high = np.array(NEAR_BOX)
    assert (view.position_m[near] > low - 1e-4).all()
    assert (view.position_m[near] < high + 1e-4).all()
    assert view.depth_m[view.part == 2].min() == FAR_WALL[0][0]


# -- bad input ------------------------------------------------------------------------------------


def test_bad_poses_and_points_are_named(caster):
    far = AHEAD.copy()
    far[0, 3] = 2e6
    with pytest.raises(CalibrationError, match="over 1e\\+06 m from the origin"):
        caster.cast(CAMERA, far)
    with pytest.raises(CalibrationError, match="T_world_camera"):
        caster.cast(CAMERA, 2 * AHEAD)
    with pytest.raises(ShapeError, match="T_world_camera"):
        caster.cast(CAMERA, np.eye(3))
    with pytest.raises(ShapeError, match="directions must be"):
        caster.first_hits(EYE, np.zeros(3))
    with pytest.raises(ShapeError, match="points_m must be"):
        caster.visible_from(np.zeros((2, 2)), EYE)
