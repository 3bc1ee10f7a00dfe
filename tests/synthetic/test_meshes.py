"""Meshes: volumes and areas by hand, outward faces, unit normals, exact carving."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thermoscope.synthetic import meshes as m
from thermoscope.synthetic.objects.roofs import prism_roof
from thermoscope.synthetic.surfaces import (
    FractalHeight,
    GridGround,
    Path,
    carve,
    distance_to_line,
    smooth_loop,
    subdivide,
    sweep,
    terrain,
)


def corners(mesh):
    return tuple(mesh.vertices[mesh.faces[:, k]] for k in range(3))


def volume(mesh):
    a, b, c = corners(mesh)
    return float((np.cross(a, b) * c).sum() / 6)


def areas(mesh):
    a, b, c = corners(mesh)
    return np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2


SOLIDS = {
    "box": (lambda: m.box((0, 0, 0), (1, 2, 3)), 6.0, 1e-9),
    "ellipsoid": (
        lambda: m.ellipsoid((1, 2, 3), rings=24, segments=32), 4 / 3 * np.pi * 6, 0.02,
    ),
    "cylinder": (
        lambda: m.lathe([(0, 0), (1, 0), (1, 2), (0, 2)], segments=64), 2 * np.pi, 0.01,
    ),
    "tube": (lambda: m.tube([(0, 0, 0), (0, 0, 2)], 1.0, segments=64), 2 * np.pi, 0.01),
    "cone": (lambda: m.tube([(1, 0, 0), (1, 3, 0)], [1, 0], segments=64), np.pi, 0.01),
    "extruded": (lambda: m.extrude([(0, 0), (2, 0), (2, 1), (0, 1)], 3.0), 6.0, 1e-9),
    "loft": (
        lambda: m.loft([[[0, y, z] for y, z in ((0, 0), (1, 0), (1, 1), (0, 1))],
                        [[2, y, z] for y, z in ((0, 0), (1, 0), (1, 1), (0, 1))]]), 2.0, 1e-9,
    ),
    "reversed loft": (
        lambda: m.loft([[[2, y, z] for y, z in ((0, 0), (1, 0), (1, 1), (0, 1))],
                        [[0, y, z] for y, z in ((0, 0), (1, 0), (1, 1), (0, 1))]]), 2.0, 1e-9,
    ),
    "hip roof": (lambda: prism_roof(4, 2, 1, hip=1.0, eave=0.0), 4 * 2 / 2 - 2 / 3, 1e-9),
    "saddle roof": (lambda: prism_roof(4, 2, 1, eave=0.1), 4 * 2 * 0.1, 1e-9),
    "moved": (lambda: m.box((0, 0, 0), (1, 1, 1)).moved(5, -3, 2), 1.0, 1e-9),
    "turned": (lambda: m.box((0, 0, 0), (1, 2, 3)).turned(37, "x").turned(-80, "y"), 6.0, 1e-9),
    "stretched": (lambda: m.box((0, 0, 0), (1, 1, 1)).scaled(2, 3, 4), 24.0, 1e-9),
    "mirrored": (lambda: m.extrude([(0, 0), (2, 0), (0, 1)], 3.0).mirrored(), 3.0, 1e-9),
}  # fmt: skip


@pytest.mark.parametrize("name", SOLIDS)
def test_a_solid_has_its_volume_and_faces_outward(name):
    build, expected, tolerance = SOLIDS[name]
    mesh = build()
    assert volume(mesh) == pytest.approx(expected, rel=tolerance)
    a, b, c = corners(mesh)
    true = np.cross(b - a, c - a)
    np.testing.assert_allclose(np.linalg.norm(mesh.normals, axis=-1), 1.0, atol=1e-9)
    assert (np.einsum("fi,fki->fk", true, mesh.normals) > 0).all()
    assert len(mesh.slot) == len(mesh.faces) == len(mesh.normals)


@pytest.mark.parametrize("name", ["box", "extruded", "hip roof", "saddle roof"])
def test_a_solid_is_closed(name):
    mesh = SOLIDS[name][0]()
    place = np.unique(np.round(mesh.vertices, 6), axis=0, return_inverse=True)[1].reshape(-1)
    faces = place[mesh.faces]
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    there, back = ({tuple(e) for e in edges}, {tuple(e[::-1]) for e in edges})
    assert there == back


def test_creases_stay_sharp_and_round_things_look_round():
    box = m.crease(m.box((0, 0, 0), (1, 1, 1)), 60)
    assert np.allclose(np.abs(box.normals).max(-1), 1.0)  # every corner normal is along an axis
    ball = m.ellipsoid((1, 1, 1), rings=12, segments=16)
    outward = ball.vertices[ball.faces]
    assert (np.einsum("fki,fki->fk", ball.normals, outward) > 0.97).all()
    flat = m.make(ball.vertices, ball.faces)
    assert np.abs(flat.normals - flat.normals[:, :1]).max() == 0


def test_merging_keeps_slots_and_faces():
    one, two = m.box((0, 0, 0), (1, 1, 1)).painted(3), m.box((2, 0, 0), (3, 1, 1)).painted(7)
    both = m.merge([one, two])
    assert volume(both) == pytest.approx(2.0)
    assert both.slot.tolist() == [3] * 12 + [7] * 12
    assert both.faces[12:].min() == 8


def test_faces_without_area_are_dropped():
    mesh = m.make([(0, 0, 0), (1, 0, 0), (0, 1, 0), (2, 0, 0)], [(0, 1, 2), (0, 1, 3)])
    assert len(mesh.faces) == 1
    assert len(m.quads([[(0, 0, 0)] * 4, [(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)]]).faces) == 2


def test_branches_and_cards_come_in_bulk():
    starts, ends = np.zeros((5, 3)), np.tile([0.0, 0.0, 2.0], (5, 1)) + np.arange(5)[:, None]
    mesh = m.tubes(starts, ends, np.full(5, 0.1), np.full(5, 0.05), segments=6)
    assert len(mesh.faces) == 5 * 12
    leaves = m.cards(starts, np.tile([0.5, 0, 0], (5, 1)), np.tile([0, 0.5, 0], (5, 1)))
    np.testing.assert_allclose(areas(leaves), 0.25)
    np.testing.assert_allclose(leaves.normals, np.broadcast_to([0, 0, 1.0], (10, 3, 3)))


# -- ground ---------------------------------------------------------------------------------------


def rolling(step=2.0):
    steps = np.arange(-20, 20.1, step)
    x, y = np.meshgrid(steps, steps)
    return steps, FractalHeight(np.random.default_rng(4), size_m=25, height_m=2.0)(x, y)


@given(st.floats(0, 6.28), st.floats(-15, 15))
def test_carving_along_a_line_keeps_the_surface_and_cuts_it_exactly(angle, offset):
    steps, z = rolling()
    whole = terrain(steps, steps, z, slot=1)
    level = whole.vertices[:, :2] @ (np.cos(angle), np.sin(angle)) - offset
    cut = carve(whole, level, 2)
    assert areas(cut).sum() == pytest.approx(areas(whole).sum(), rel=1e-6)
    middle = cut.vertices[cut.faces].mean(1)[:, :2] @ (np.cos(angle), np.sin(angle)) - offset
    solid = areas(cut) > 1e-4  # a vertex on the line leaves slivers
    np.testing.assert_array_equal(cut.slot[solid] == 2, middle[solid] > 0)
    a, b, c = corners(cut)
    assert (np.cross(b - a, c - a)[:, 2] > -1e-9).all()


def test_carving_into_one_slot_leaves_the_others():
    steps, z = rolling()
    mesh = carve(terrain(steps, steps, z, slot=0), terrain(steps, steps, z).vertices[:, 0], 1)
    again = carve(mesh, mesh.vertices[:, 1], 2, into=1)
    assert areas(again)[again.slot == 0].sum() == pytest.approx(areas(mesh)[mesh.slot == 0].sum())
    assert set(np.unique(again.slot)) == {0, 1, 2}


def test_subdividing_moves_nothing_and_opens_no_gap():
    steps, z = rolling()
    mesh = terrain(steps, steps, z)
    chosen = np.arange(len(mesh.faces)) % 7 == 0
    fine = subdivide(mesh, chosen)
    added = len(fine.vertices) - len(mesh.vertices)
    border = 4 * (len(steps) - 1)
    edge = np.sort(fine.faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    _, times = np.unique(edge, axis=0, return_counts=True)
    split_border = (times == 1).sum() - border  # a gap would leave more edges with one face
    assert 0 <= split_border < border / 3
    assert len(fine.faces) == len(mesh.faces) + 2 * added - split_border  # Euler's count
    np.testing.assert_array_equal(fine.vertices[: len(mesh.vertices)], mesh.vertices)
    assert areas(fine).sum() == pytest.approx(areas(mesh).sum())
    assert (areas(fine) > 0).all()
    np.testing.assert_allclose(np.linalg.norm(fine.normals, axis=-1), 1.0)


def test_subdividing_nothing_gives_the_same_mesh():
    steps, z = rolling()
    mesh = terrain(steps, steps, z)
    fine = subdivide(mesh, np.zeros(len(mesh.faces), bool))
    np.testing.assert_array_equal(fine.faces, mesh.faces)
    np.testing.assert_array_equal(fine.vertices, mesh.vertices)


def test_things_stand_on_the_triangles_of_the_terrain():
    steps, z = rolling()
    mesh, ground = terrain(steps, steps, z), GridGround(steps, z)
    middle = mesh.vertices[mesh.faces].mean(1)
    np.testing.assert_allclose(ground(middle[:, 0], middle[:, 1]), middle[:, 2], atol=1e-9)
    assert ground(999.0, 0.0) == pytest.approx(ground(20.0, 0.0))


@given(st.floats(-30, 30), st.floats(-30, 30))
def test_distance_to_a_path_is_that_to_its_nearest_piece(x, y):
    path = smooth_loop([(-20, -15), (20, -15), (20, 15), (-20, 15)], radius_m=6, step_m=1.0)
    place = np.array([[x, y]])
    pieces = zip(path.points[:-1], path.points[1:], strict=True)
    exact = min(float(distance_to_line(place, a, b)[0]) for a, b in pieces)
    found = float(path.distance(place)[0])
    assert found == pytest.approx(exact, abs=1e-9) if exact < 11 else found >= exact - 1e-9


def test_a_path_knows_its_left_and_its_length():
    path = Path([(0, 0), (10, 0), (20, 0)])
    point, yaw = path.at(5.0, 2.0)
    np.testing.assert_allclose(point, (5, 2))
    assert (float(yaw), path.length_m, path.closed) == (0.0, 20.0, False)
    loop = smooth_loop([(0, 0), (30, 0), (30, 20), (0, 20)], radius_m=5, step_m=0.5)
    assert loop.closed
    assert loop.length_m == pytest.approx(100 - 4 * (10 - 1.623 * 5), abs=0.3)
    np.testing.assert_allclose(loop.at(0.0)[0], loop.at(loop.length_m)[0], atol=1e-9)


def test_a_road_is_as_wide_as_its_cross_section():
    path = Path(np.column_stack([np.linspace(0, 10, 11), np.zeros(11)]))
    road = sweep(path, [3.0, 0.0, -2.0], [0.0, 0.1, 0.0], [5, 6])
    assert road.vertices[:, 1].tolist()[:3] == [3.0, 0.0, -2.0]
    assert areas(road)[road.slot == 6].sum() == pytest.approx(10 * np.hypot(2, 0.1))
    assert (road.normals[:, :, 2] > 0.9).all()
    gap = sweep(path, [1.0, 0.0, -1.0], [0.0, 0.0, 0.0], np.where(np.eye(10, 2) > 0, -1, 0))
    assert len(gap.faces) == 2 * (20 - 2)
