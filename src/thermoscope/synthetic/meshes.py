"""Triangle meshes: the type, the primitives, and moving, merging and smoothing them.

Object axes: x forward, y left, z up, metres, origin on the ground. Each face knows its slot (which
material and role of its model it belongs to) and three corner normals, so that a coarse mesh looks
round and a crease stays sharp. Winding is counter-clockwise seen from outside. What is NOT here:
ground and roads (`thermoscope.synthetic.surfaces`), things (`thermoscope.synthetic.objects`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "Mesh",
    "box",
    "cards",
    "crease",
    "ellipsoid",
    "extrude",
    "grid",
    "lathe",
    "loft",
    "make",
    "merge",
    "outward",
    "quads",
    "tube",
    "tubes",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Mesh:
    """A triangle soup with slots.

    Attributes:
        vertices: (V, 3) float64, m.
        faces: (F, 3) int64, counter-clockwise from outside.
        normals: (F, 3, 3) float64 unit normals at the corners.
        slot: (F,) int64.
    """

    vertices: Floats
    faces: Ints
    normals: Floats
    slot: Ints

    def painted(self, slot: int) -> Mesh:
        """The same faces, all in one slot."""
        return replace(self, slot=np.full(len(self.faces), slot, np.int64))

    def moved(self, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> Mesh:
        """Shifted, m."""
        return replace(self, vertices=self.vertices + np.array([x, y, z]))

    def turned(self, angle_deg: float, axis: str = "z") -> Mesh:
        """Turned about an axis through the origin, right-handed."""
        c, s = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
        i, j = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
        turn = np.eye(3)
        turn[[i, j, i, j], [i, j, j, i]] = c, c, -s, s
        return replace(self, vertices=self.vertices @ turn.T, normals=self.normals @ turn.T)

    def scaled(self, x: float, y: float | None = None, z: float | None = None) -> Mesh:
        """Stretched along the axes by positive factors, alike along all if only `x` is given."""
        factors = np.array([x, x if y is None else y, x if z is None else z])
        return replace(
            self, vertices=self.vertices * factors, normals=_unit(self.normals / factors)
        )

    def mirrored(self) -> Mesh:
        """Left and right exchanged (y negated), winding kept."""
        flip = (1.0, -1.0, 1.0)
        return replace(
            self,
            vertices=self.vertices * flip,
            faces=self.faces[:, ::-1],
            normals=self.normals[:, ::-1] * flip,
        )


_QUAD = np.array([[0, 1, 2], [0, 2, 3]])  # two triangles of four corners


def _unit(vectors: Floats) -> Floats:
    length = np.sqrt((vectors * vectors).sum(-1, keepdims=True))
    return np.asarray(vectors / np.maximum(length, 1e-12))


def make(vertices: ArrayLike, faces: ArrayLike, *, crease_deg: float = 0.0) -> Mesh:
    """A mesh of vertices and faces; neighbours that meet under less than `crease_deg` look round.

    Faces without area are dropped.
    """
    points, corners = np.asarray(vertices, np.float64), np.asarray(faces, np.int64)
    a, b, c = points[corners[:, 0]], points[corners[:, 1]], points[corners[:, 2]]
    area = np.cross(b - a, c - a)
    solid = (area * area).sum(1) > 1e-20
    corners, area = corners[solid], area[solid]
    normals = np.repeat(_unit(area)[:, None], 3, axis=1)
    mesh = Mesh(points, corners, normals, np.zeros(len(corners), np.int64))
    return crease(mesh, crease_deg) if crease_deg > 0 else mesh


def crease(mesh: Mesh, crease_deg: float) -> Mesh:
    """Corner normals averaged by area over neighbours under `crease_deg` away from the face.

    Vertices within a tenth of a millimetre count as one, so seams of a wrapped grid vanish.
    """
    a, b, c = (mesh.vertices[mesh.faces[:, i]] for i in range(3))
    area = np.cross(b - a, c - a)
    unit = _unit(area)
    keys = np.round(mesh.vertices * 1e4).astype(np.int64)
    weld = np.unique(keys, axis=0, return_inverse=True)[1].reshape(-1)
    corner = weld[mesh.faces].reshape(-1)
    order = np.argsort(corner, kind="stable")
    count = np.bincount(corner)
    start = np.cumsum(count) - count
    around = count[corner[order]]
    mine = np.repeat(order, around)
    step = np.arange(around.sum()) - np.repeat(np.cumsum(around) - around, around)
    other = order[np.repeat(start[corner[order]], around) + step]
    near = (unit[mine // 3] * unit[other // 3]).sum(1) >= np.cos(np.radians(crease_deg))
    weight = area[other // 3] * near[:, None]
    total: Floats = np.stack(
        [np.bincount(mine, weight[:, k], minlength=corner.size) for k in range(3)], axis=1
    )
    return replace(mesh, normals=_unit(total).reshape(-1, 3, 3))


def merge(meshes: Sequence[Mesh]) -> Mesh:
    """All meshes as one; slots are kept."""
    sizes = np.cumsum([0] + [len(m.vertices) for m in meshes])
    return Mesh(
        np.concatenate([m.vertices for m in meshes]),
        np.concatenate([m.faces + n for m, n in zip(meshes, sizes, strict=False)]),
        np.concatenate([m.normals for m in meshes]),
        np.concatenate([m.slot for m in meshes]),
    )


def grid(
    points: ArrayLike,
    *,
    wrap: bool = False,
    crease_deg: float = 35.0,
    slots: ArrayLike | None = None,
) -> Mesh:
    """A surface through rows of points.

    Args:
        points: (R, C, 3), m. From outside, columns run to the right when rows run up.
        wrap: Join the last column to the first.
        crease_deg: See `make`.
        slots: (R - 1, C - 1) slot of each cell ((R - 1, C) if wrapped).
    """
    p = np.asarray(points, np.float64)
    rows, columns = p.shape[:2]
    index = np.arange(rows * columns).reshape(rows, columns)
    if wrap:
        index = np.concatenate([index, index[:, :1]], axis=1)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]
    faces = np.stack([a, b, c, a, c, d], axis=-1).reshape(-1, 3)
    flat = Mesh(p.reshape(-1, 3), faces, np.zeros((len(faces), 3, 3)), np.zeros(len(faces), int))
    if slots is not None:
        flat = replace(flat, slot=np.repeat(np.asarray(slots, np.int64).reshape(-1), 2))
    kept = _without_slivers(flat)
    return crease(kept, crease_deg)


def _without_slivers(mesh: Mesh) -> Mesh:
    a, b, c = (mesh.vertices[mesh.faces[:, i]] for i in range(3))
    solid = (np.cross(b - a, c - a) ** 2).sum(1) > 1e-20
    return replace(
        mesh, faces=mesh.faces[solid], normals=mesh.normals[solid], slot=mesh.slot[solid]
    )


_BOX_CORNERS = np.array([[x, y, z] for z in (0, 1) for y in (0, 1) for x in (0, 1)], float)
_BOX_QUADS = np.array(
    [[0, 2, 3, 1], [4, 5, 7, 6], [0, 1, 5, 4], [2, 6, 7, 3], [0, 4, 6, 2], [1, 3, 7, 5]]
)
_BOX_FACES = np.concatenate([_BOX_QUADS[:, [0, 1, 2]], _BOX_QUADS[:, [0, 2, 3]]])


def box(low: ArrayLike, high: ArrayLike) -> Mesh:
    """A box between two corners, m."""
    a, b = np.asarray(low, float), np.asarray(high, float)
    return make(a + _BOX_CORNERS * (b - a), _BOX_FACES)


def ellipsoid(radii: ArrayLike, *, rings: int = 8, segments: int = 12) -> Mesh:
    """A round body about the origin."""
    latitude = np.linspace(-np.pi / 2, np.pi / 2, rings + 1)[:, None]
    turn = np.arange(segments) * 2 * np.pi / segments
    z = np.broadcast_to(np.sin(latitude), (rings + 1, segments))
    unit = np.stack([np.cos(latitude) * np.cos(turn), np.cos(latitude) * np.sin(turn), z], -1)
    return grid(unit * np.asarray(radii, float), wrap=True, crease_deg=180.0)


def lathe(
    profile: ArrayLike,
    *,
    segments: int = 16,
    crease_deg: float = 40.0,
    slots: ArrayLike | None = None,
) -> Mesh:
    """A profile (P, 2) of radius and height, from the bottom up, turned about z.

    `slots` (P - 1, segments) names the slot of each cell.
    """
    outline = np.asarray(profile, float)
    turn = np.arange(segments) * 2 * np.pi / segments
    ring = np.stack([np.cos(turn), np.sin(turn), np.zeros(segments)], -1)
    points = outline[:, None, :1] * ring + outline[:, None, 1:] * (0.0, 0.0, 1.0)
    return grid(points, wrap=True, crease_deg=crease_deg, slots=slots)


def loft(
    sections: ArrayLike,
    *,
    crease_deg: float = 40.0,
    slots: ArrayLike | None = None,
    caps: bool = True,
) -> Mesh:
    """A closed body through rings of points, its ends closed, its faces turned outward.

    Args:
        sections: (S, P, 3) rings from one end to the other, m.
        crease_deg: See `make`.
        slots: (S - 1, P) slot of each cell; the ends take that of the first cell next to them.
        caps: Close the two ends.
    """
    rings = np.asarray(sections, float)
    cells = np.zeros((len(rings) - 1, rings.shape[1]), np.int64)
    cells = cells if slots is None else np.asarray(slots, np.int64)
    if caps:
        ends = [np.broadcast_to(rings[k].mean(0), rings[k].shape)[None] for k in (0, -1)]
        rings = np.concatenate([ends[0], rings, ends[1]])
        edge = [np.broadcast_to(cells[k, :1], cells[k].shape)[None] for k in (0, -1)]
        cells = np.concatenate([edge[0], cells, edge[1]])
    return outward(grid(rings, wrap=True, crease_deg=crease_deg, slots=cells))


def outward(mesh: Mesh) -> Mesh:
    """The same body with its faces turned outward, if they were not."""
    middle = mesh.vertices.mean(0)
    a, b, c = (mesh.vertices[mesh.faces[:, i]] - middle for i in range(3))
    if (np.cross(a, b) * c).sum() >= 0:
        return mesh
    return replace(mesh, faces=mesh.faces[:, ::-1], normals=-mesh.normals[:, ::-1])


def tube(path: ArrayLike, radii: ArrayLike, *, segments: int = 8, crease_deg: float = 60.0) -> Mesh:
    """A round, capped tube along a path (K, 3) with a radius for each point, m."""
    points = np.asarray(path, float)
    radius = np.broadcast_to(np.asarray(radii, float), len(points))
    tangent = _unit(np.gradient(points, axis=0))
    side = np.cross(tangent, np.eye(3)[np.argmin(np.abs(tangent[0]))])
    for i in range(1, len(points)):  # carried along, so that the tube does not twist
        side[i] = side[i - 1] - (side[i - 1] @ tangent[i]) * tangent[i]
    side = _unit(side)
    up = np.cross(tangent, side)
    turn = np.arange(segments) * 2 * np.pi / segments
    ring = np.cos(turn)[:, None] * side[:, None] + np.sin(turn)[:, None] * up[:, None]
    body = points[:, None] + ring * radius[:, None, None]
    ends = [np.repeat(points[[k]], segments, axis=0)[None] for k in (0, -1)]
    return grid(np.concatenate([ends[0], body, ends[1]]), wrap=True, crease_deg=crease_deg)


def tubes(
    starts: Floats, ends: Floats, start_radii: Floats, end_radii: Floats, *, segments: int = 5
) -> Mesh:
    """N straight open tubes at once: branches, wires; zero lengths are dropped."""
    long = ((ends - starts) ** 2).sum(1) > 1e-12
    starts, ends, start_radii, end_radii = (
        values[long] for values in (starts, ends, start_radii, end_radii)
    )
    axis = _unit(ends - starts)
    helper = np.where(np.abs(axis[:, 2:]) < 0.9, (0.0, 0.0, 1.0), (1.0, 0.0, 0.0))
    side = _unit(np.cross(axis, helper))
    up = np.cross(axis, side)
    turn = np.arange(segments) * 2 * np.pi / segments
    ring = np.cos(turn)[:, None] * side[:, None] + np.sin(turn)[:, None] * up[:, None]
    low = starts[:, None] + ring * start_radii[:, None, None]
    high = ends[:, None] + ring * end_radii[:, None, None]
    count = len(starts)
    vertices = np.concatenate([low, high], axis=1).reshape(-1, 3)
    k, n = np.arange(segments), (np.arange(segments) + 1) % segments
    one = np.concatenate(
        [np.stack([k, n, n + segments], 1), np.stack([k, n + segments, k + segments], 1)]
    )
    faces = (one + (np.arange(count) * 2 * segments)[:, None, None]).reshape(-1, 3)
    around = np.concatenate([ring, ring], axis=1).reshape(-1, 3)
    return Mesh(vertices, faces, around[faces], np.zeros(len(faces), np.int64))


def cards(centres: Floats, right: Floats, up: Floats, *, normals: Floats | None = None) -> Mesh:
    """N rhombi at once: leaves, needles, grass.

    Args:
        centres: (N, 3), m.
        right: (N, 3) half diagonal, m.
        up: (N, 3) the other half diagonal, m.
        normals: (N, 3) unit, what the light sees; the true ones if None.
    """
    corners = np.stack([centres - up, centres + right, centres + up, centres - right], axis=1)
    first = np.arange(len(centres))[:, None] * 4
    faces = np.concatenate([first + _QUAD[0], first + _QUAD[1]], axis=1).reshape(-1, 3)
    shown = _unit(np.cross(right, up)) if normals is None else normals
    return Mesh(
        corners.reshape(-1, 3),
        faces,
        np.repeat(np.repeat(shown, 2, axis=0)[:, None], 3, axis=1),
        np.zeros(len(faces), np.int64),
    )


def quads(corners: ArrayLike) -> Mesh:
    """N flat quads (N, 4, 3), counter-clockwise from outside; those without area are dropped."""
    points = np.asarray(corners, float).reshape(-1, 4, 3)
    area: Floats = np.cross(points[:, 2] - points[:, 0], points[:, 3] - points[:, 1])
    points, area = points[(area**2).sum(1) > 1e-14], area[(area**2).sum(1) > 1e-14]
    first = np.arange(len(points))[:, None] * 4
    faces = np.concatenate([first + _QUAD[0], first + _QUAD[1]], axis=1).reshape(-1, 3)
    normals = np.repeat(np.repeat(_unit(area), 2, axis=0)[:, None], 3, axis=1)
    return Mesh(points.reshape(-1, 3), faces, normals, np.zeros(len(faces), np.int64))


def extrude(outline: ArrayLike, height: float, *, crease_deg: float = 20.0) -> Mesh:
    """A counter-clockwise outline (P, 2), seen whole from its mean point, raised from z = 0."""
    ring = np.asarray(outline, float)
    count = len(ring)
    flat = np.column_stack([ring, np.zeros(count)])
    rise = np.array([0.0, 0.0, height])
    top = flat + rise
    k, n = np.arange(count), (np.arange(count) + 1) % count
    sides = make(
        np.concatenate([flat, top]),
        np.concatenate([np.stack([k, n, n + count], 1), np.stack([k, n + count, k + count], 1)]),
        crease_deg=crease_deg,
    )
    middle = np.array([[*ring.mean(0), 0.0]])
    hub = np.full(count, count)
    lid = make(np.concatenate([top, middle + rise]), np.stack([k, n, hub], 1))
    floor = make(np.concatenate([flat, middle]), np.stack([n, k, hub], 1))
    return merge([sides, lid, floor])
