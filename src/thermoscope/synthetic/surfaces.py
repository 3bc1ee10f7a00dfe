"""Ground: terrain grids, regions cut into them along exact lines, roads swept along a path.

What is NOT here: what stands on it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thermoscope.synthetic.meshes import Mesh

__all__ = [
    "FractalHeight",
    "GridGround",
    "Path",
    "carve",
    "distance_to_line",
    "smooth_loop",
    "subdivide",
    "sweep",
    "terrain",
]

Floats = NDArray[np.float64]


_STRIDE = 8  # points of a path from one coarse point to the next


class Path:
    """A line on the ground with a side and a length.

    Args:
        points: (N, 2), m; the first repeated at the end if closed.
    """

    def __init__(self, points: ArrayLike) -> None:
        self.points = np.asarray(points, np.float64)
        step = np.diff(self.points, axis=0)
        self.closed = bool(np.allclose(self.points[0], self.points[-1]))
        self.along = np.concatenate([[0.0], np.cumsum(np.hypot(step[:, 0], step[:, 1]))])
        self.length_m = float(self.along[-1])
        tangent = np.gradient(self.points, axis=0)
        if self.closed:
            tangent[0] = tangent[-1] = self.points[1] - self.points[-2]
        self.tangent = tangent / np.linalg.norm(tangent, axis=1, keepdims=True)
        self.left = np.column_stack([-self.tangent[:, 1], self.tangent[:, 0]])

    def at(self, s: ArrayLike, offset: ArrayLike = 0.0) -> tuple[Floats, Floats]:
        """Points (..., 2) `offset` metres left of the line at length `s`, and yaw in degrees."""
        way = np.asarray(s, np.float64)
        way = way % self.length_m if self.closed else np.clip(way, 0.0, self.length_m)
        point, left = self._mix(self.points, way), self._mix(self.left, way)
        left = left / np.linalg.norm(left, axis=-1, keepdims=True)
        yaw = np.degrees(np.arctan2(-left[..., 0], left[..., 1]))
        return point + left * np.asarray(offset, np.float64)[..., None], yaw

    def distance(self, places: ArrayLike) -> Floats:
        """Distance of places (..., 2) to the line, m: exact within 12 m, a little long beyond."""
        place = np.asarray(places, np.float64)
        flat = place.reshape(-1, 2)
        coarse = self.points[::_STRIDE]
        squares = (coarse * coarse).sum(1) - 2 * flat @ coarse.T
        nearest = squares.argmin(1)
        rest = squares[np.arange(len(flat)), nearest] + (flat * flat).sum(1)
        away = np.sqrt(np.maximum(rest, 0))
        pace = self.length_m / (len(self.points) - 1)
        close = np.flatnonzero(away < 12 + _STRIDE * pace)
        last = len(self.points) - 1
        first = nearest[close, None] * _STRIDE + np.arange(-_STRIDE, _STRIDE)
        first = first % last if self.closed else np.clip(first, 0, last - 1)
        step = np.diff(self.points, axis=0)[first]
        gap = flat[close, None] - self.points[first]
        t = np.clip((gap * step).sum(-1) / (step * step).sum(-1), 0, 1)
        gap -= step * t[..., None]
        away[close] = np.sqrt((gap * gap).sum(-1).min(1))
        return np.asarray(away.reshape(place.shape[:-1]))

    def _mix(self, values: Floats, way: Floats) -> Floats:
        return np.stack([np.interp(way, self.along, values[:, k]) for k in range(2)], axis=-1)

    def shifted(self, offset: float) -> Floats:
        """(N, 2) the line `offset` metres to the left."""
        return np.asarray(self.points + self.left * offset)


def smooth_loop(corners: ArrayLike, *, radius_m: float, step_m: float) -> Path:
    """A closed path along a polygon (K, 2) whose corners are rounded, counter-clockwise or not.

    Corners too tight for the radius get a smaller one.
    """
    knots = np.asarray(corners, np.float64)
    pieces = []
    for i in range(len(knots)):
        before, here, after = knots[i - 1], knots[i], knots[(i + 1) % len(knots)]
        back, on = before - here, after - here
        reach = min(radius_m, 0.45 * float(np.hypot(*back)), 0.45 * float(np.hypot(*on)))
        start = here + back / np.hypot(*back) * reach
        end = here + on / np.hypot(*on) * reach
        t = np.linspace(0, 1, 12)[:, None]
        pieces.append((1 - t) ** 2 * start + 2 * t * (1 - t) * here + t**2 * end)
    line = np.concatenate([*pieces, pieces[0][:1]])
    along = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
    even = np.linspace(0, along[-1], max(int(along[-1] / step_m), 12) + 1)
    return Path(np.column_stack([np.interp(even, along, line[:, k]) for k in range(2)]))


def sweep(path: Path, offsets: ArrayLike, heights: ArrayLike, slots: ArrayLike) -> Mesh:
    """A surface with a cross section drawn along a path: road, kerb, sidewalk.

    Args:
        path: N points.
        offsets: (P,) or (N, P), m to the left, descending (from left to right).
        heights: (P,) or (N, P), m, world.
        slots: (P - 1,) or (N - 1, P - 1) slot of each cell; negative = no face.
    """
    count = len(path.points)
    off = np.broadcast_to(np.asarray(offsets, float), (count, np.shape(offsets)[-1]))
    up = np.broadcast_to(np.asarray(heights, float), off.shape)
    flat = path.points[:, None] + path.left[:, None] * off[..., None]
    points = np.concatenate([flat, up[..., None]], axis=-1)
    cells = np.broadcast_to(np.asarray(slots, np.int64), (count - 1, off.shape[1] - 1))
    index = np.arange(count * off.shape[1]).reshape(count, -1)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]
    faces = np.stack([a, b, c, a, c, d], axis=-1)[cells >= 0].reshape(-1, 3)
    slot = np.repeat(cells[cells >= 0], 2)
    return _flat(points.reshape(-1, 3), faces, slot)


def _flat(vertices: Floats, faces: NDArray[np.int64], slot: NDArray[np.int64]) -> Mesh:
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    area = np.cross(b - a, c - a)
    length = np.linalg.norm(area, axis=1)
    solid = length > 1e-10
    unit = area[solid] / length[solid, None]
    return Mesh(vertices, faces[solid], np.repeat(unit[:, None], 3, axis=1), slot[solid])


def terrain(xs: ArrayLike, ys: ArrayLike, z: ArrayLike, *, slot: int = 0) -> Mesh:
    """A height field over a grid, smooth to the light.

    Args:
        xs: (C,) ascending, m.
        ys: (R,) ascending, m.
        z: (R, C), m.
        slot: Of every face.
    """
    east, north = np.asarray(xs, float), np.asarray(ys, float)
    height = np.asarray(z, float)
    dy, dx = np.gradient(height, north, east)
    normal = np.stack([-dx, -dy, np.ones_like(dx)], -1).reshape(-1, 3)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    x, y = np.meshgrid(east, north)
    index = np.arange(height.size).reshape(height.shape)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]
    faces = np.stack([a, b, c, a, c, d], axis=-1).reshape(-1, 3)
    vertices = np.stack([x, y, height], -1).reshape(-1, 3)
    return Mesh(vertices, faces, normal[faces], np.full(len(faces), slot, np.int64))


def carve(mesh: Mesh, level: Floats, slot: int, *, into: int | None = None) -> Mesh:
    """The same surface, its faces split where `level` crosses zero; positive faces take `slot`.

    The boundary is a straight line within each face, so a road's edge is no staircase.

    Args:
        mesh: Any mesh.
        level: (V,) value at each vertex: a signed distance, for instance.
        slot: Of the faces with `level` > 0.
        into: Only faces of this slot are changed; None = all.
    """
    level = np.where(np.abs(level) < 1e-6, -1e-6, level)  # no vertex lies on the line
    inside = (level > 0)[mesh.faces]
    number = inside.sum(1)
    if into is not None:
        number = np.where(mesh.slot == into, number, 0)
    slots = np.where(number == 3, slot, mesh.slot)
    mixed = (number == 1) | (number == 2)
    if not mixed.any():
        return replace(mesh, slot=slots)
    faces, normals, base = mesh.faces[mixed], mesh.normals[mixed], mesh.slot[mixed]
    odd = inside[mixed] == (number[mixed] == 1)[:, None]  # the corner alone on its side
    turn = (np.argmax(odd, axis=1)[:, None] + np.arange(3)) % 3
    faces = np.take_along_axis(faces, turn, axis=1)
    normals = np.take_along_axis(normals, turn[..., None], axis=1)
    value = level[faces]
    t = value[:, [0]] / (value[:, [0]] - value[:, 1:])
    corner = mesh.vertices[faces]
    cut = corner[:, [0]] + (corner[:, 1:] - corner[:, [0]]) * t[..., None]
    bend = normals[:, [0]] + (normals[:, 1:] - normals[:, [0]]) * t[..., None]
    bend /= np.linalg.norm(bend, axis=-1, keepdims=True)
    p = len(mesh.vertices) + 2 * np.arange(len(faces))
    q = p + 1
    alone, one, two = faces.T
    tip_slot = np.where(number[mixed] == 1, slot, base)
    rest_slot = np.where(number[mixed] == 1, base, slot)
    n0, n1, n2, np_, nq = normals[:, 0], normals[:, 1], normals[:, 2], bend[:, 0], bend[:, 1]
    return Mesh(
        np.concatenate([mesh.vertices, cut.reshape(-1, 3)]),
        np.concatenate([
            mesh.faces[~mixed], np.stack([alone, p, q], 1),
            np.stack([p, one, two], 1), np.stack([p, two, q], 1),
        ]),
        np.concatenate([
            mesh.normals[~mixed], np.stack([n0, np_, nq], 1),
            np.stack([np_, n1, n2], 1), np.stack([np_, n2, nq], 1),
        ]),
        np.concatenate([slots[~mixed], tip_slot, rest_slot, rest_slot]),
    )  # fmt: skip


def subdivide(mesh: Mesh, chosen: NDArray[np.bool_]) -> Mesh:
    """The same surface with the chosen faces (F,) split into four: for finer carving.

    Their neighbours are split in two or three along the same edges, so no gap opens; no vertex
    moves.
    """
    edge = np.sort(mesh.faces[:, _EDGES], axis=2)  # (F, 3, 2)
    code = edge[..., 0] * len(mesh.vertices) + edge[..., 1]
    marked = np.unique(code[chosen])
    place = np.searchsorted(marked, code)
    split = marked[np.minimum(place, len(marked) - 1)] == code if len(marked) else code < 0
    low, high = np.divmod(marked, len(mesh.vertices))
    vertices = np.concatenate([mesh.vertices, (mesh.vertices[low] + mesh.vertices[high]) / 2])
    middle = len(mesh.vertices) + place
    bent = _unit(mesh.normals[:, _EDGES[:, 0]] + mesh.normals[:, _EDGES[:, 1]])
    faces, normals, slots = [], [], []
    number = split.sum(1)
    for count, pieces in _PIECES.items():
        rows = np.flatnonzero(number == count)
        # turned so that the first edges are the split ones
        first = np.argmax(split[rows] if count == 1 else ~split[rows], axis=1)
        start = first if count < 2 else (first + 1) % 3 if count == 2 else np.zeros_like(first)
        turn = (start[:, None] + np.arange(3)) % 3
        corner = np.concatenate([
            np.take_along_axis(mesh.faces[rows], turn, 1), np.take_along_axis(middle[rows], turn, 1)
        ], axis=1)  # fmt: skip
        shown = np.concatenate([
            np.take_along_axis(mesh.normals[rows], turn[..., None], 1),
            np.take_along_axis(bent[rows], turn[..., None], 1),
        ], axis=1)  # fmt: skip
        for piece in pieces:
            faces.append(corner[:, piece])
            normals.append(shown[:, piece])
            slots.append(mesh.slot[rows])
    return Mesh(vertices, np.concatenate(faces), np.concatenate(normals), np.concatenate(slots))


_EDGES = np.array([[0, 1], [1, 2], [2, 0]])
# corners 0 1 2 and the middles 3 4 5 of the edges 01 12 20, by the number of split edges
_PIECES = {
    0: ([0, 1, 2],),
    1: ([0, 3, 2], [3, 1, 2]),
    2: ([0, 3, 4], [3, 1, 4], [0, 4, 2]),
    3: ([0, 3, 5], [3, 1, 4], [5, 4, 2], [3, 4, 5]),
}


def _unit(vectors: Floats) -> Floats:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))


class GridGround:
    """Heights of a terrain grid between its points: where things stand on `terrain`.

    Args:
        steps: (N,) ascending and even, m; the grid is square.
        z: (N, N) heights, m; rows run north.
    """

    def __init__(self, steps: Floats, z: Floats) -> None:
        self.steps, self.z = steps, z

    def __call__(self, x: ArrayLike, y: ArrayLike) -> Floats:
        """Height on the same two triangles per cell that `terrain` makes; the edge's outside."""
        pace = self.steps[1] - self.steps[0]
        last = len(self.steps) - 1
        u = np.clip((np.asarray(x, float) - self.steps[0]) / pace, 0, last - 1e-9)
        v = np.clip((np.asarray(y, float) - self.steps[0]) / pace, 0, last - 1e-9)
        i, j = v.astype(np.int64), u.astype(np.int64)
        fu, fv = u - j, v - i
        a, b, c, d = (self.z[i + p, j + q] for p, q in ((0, 0), (0, 1), (1, 1), (1, 0)))
        lower = a + fu * (b - a) + fv * (c - b)
        upper = a + fv * (d - a) + fu * (c - d)
        return np.asarray(np.where(fu >= fv, lower, upper))


def distance_to_line(places: Floats, start: Floats, end: Floats) -> Floats:
    """Distance of places (N, 2) to a straight piece of line, m."""
    step = end - start
    t = np.clip((places - start) @ step / max(float(step @ step), 1e-12), 0, 1)
    return np.asarray(np.linalg.norm(places - start - t[:, None] * step, axis=1))


class FractalHeight:
    """A smooth random height field: a sum of octaves of plane waves, the same everywhere.

    Args:
        rng: Source of directions and phases.
        size_m: Wavelength of the largest hills.
        height_m: Amplitude of the largest hills.
        octaves: Each half as long.
        roughness: Amplitude of an octave against the one before.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        *,
        size_m: float,
        height_m: float,
        octaves: int = 4,
        roughness: float = 0.45,
    ) -> None:
        waves = 4
        level = np.repeat(np.arange(octaves), waves)
        angle = rng.uniform(0, 2 * np.pi, octaves * waves)
        number = 2 * np.pi / size_m * 2.0**level * rng.uniform(0.7, 1.4, octaves * waves)
        self._kx, self._ky = number * np.cos(angle), number * np.sin(angle)
        self._phase = rng.uniform(0, 2 * np.pi, octaves * waves)
        self._amplitude = height_m * roughness**level / np.sqrt(waves / 2)

    def __call__(self, x: ArrayLike, y: ArrayLike) -> Floats:
        """Height, m, in the shape of `x` and `y` together."""
        px, py = np.asarray(x, float), np.asarray(y, float)
        total = np.zeros(np.broadcast(px, py).shape)
        for kx, ky, phase, amplitude in zip(
            self._kx, self._ky, self._phase, self._amplitude, strict=True
        ):
            total = total + amplitude * np.sin(kx * px + ky * py + phase)
        return total
