"""How much of the sky a point sees: under trees, beside walls, below cars.

The scene is looked at from above: maps at three reaches say how much of the neighbourhood of a
place is built up. A point loses the share that stands about it and is not below it. It is soft,
cheap and the same from every view. What is NOT here: exact visibility (the sun's shadows are
ray-cast), nor anything that depends on direction.
"""

from __future__ import annotations

from weakref import WeakKeyDictionary

import cv2
import numpy as np
from numpy.typing import NDArray

from thermoscope.synthetic.scene import Scene
from thermoscope.synthetic.surface import XYZ
from thermoscope.synthetic.texture import remap_line

__all__ = ["Shelter", "shelter_of"]

Floats = NDArray[np.float32]
Points = NDArray[np.floating]

REACHES_M = (0.5, 2.0, 7.0)
INDOOR_REACHES_M = (0.2, 0.6, 1.1)  # twice the last stays below a ceiling
WEIGHTS = (0.45, 0.35, 0.45)  # of each reach; together at most 1 counts
LEAST_STANDING_M = 0.04  # lower things are ground
MOST_HIDDEN = 0.95
MARGIN_M = 70.0  # around the route; what is farther counts as open
MOST_CELLS = 700  # a side
FINEST_CELL_M = 0.2
MOST_SAMPLES = 250_000
GROUND_CELL_M = 4.0


class Shelter:
    """Maps of what stands about each place of a scene.

    Args:
        scene: The world; parts with `object_id` 0 are its ground.

    Attributes:
        cell_m: Side of a cell of the maps, m.
        low_m: (2,) corner of the first cell, m.
        heights: (rows, columns, 2) lowest and highest thing over the ground in each cell, m;
            (inf, 0) where nothing stands.
    """

    def __init__(self, scene: Scene) -> None:
        self._reaches = INDOOR_REACHES_M if scene.indoor else REACHES_M
        low, high = _extent(scene)
        side = float(max(high[0] - low[0], high[1] - low[1], 1.0))
        self.cell_m = max(side / MOST_CELLS, FINEST_CELL_M)
        self.low_m = low
        width, height = (int(np.ceil((high[i] - low[i]) / self.cell_m)) + 1 for i in range(2))
        points, ground = _samples(scene, self.cell_m, low, high)
        floor = _floor(points[ground], low, high)
        columns, rows = _cells(points, low, self.cell_m)
        inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height) & ~ground
        points, columns, rows = points[inside], columns[inside], rows[inside]
        over = points[:, 2] - _read_floor(floor, points, low)
        self.heights = _heights(over, rows, columns, (height, width))
        self._maps = np.zeros((height, width, 4), np.float32)
        for layer, reach in enumerate(self._reaches):
            near = (over > LEAST_STANDING_M) & (over < 2.0 * reach)
            built = np.zeros((height, width), np.float32)
            built[rows[near], columns[near]] = 1
            sigma = max(0.5 * reach / self.cell_m, 0.5)
            self._maps[..., layer] = cv2.GaussianBlur(built, (0, 0), sigma)
        grid = np.indices((height, width), np.float64).reshape(2, -1)[::-1].T
        centres = low + (grid + 0.5) * self.cell_m
        self._maps[..., 3] = _read_floor(floor, centres, low).reshape(height, width)
        self._floor = np.ascontiguousarray(self._maps[..., 3])

    def cells(self, position: XYZ) -> tuple[Floats, Floats]:
        """Column and row of points (three lines, m) in the maps; whole numbers are centres."""
        x, y = (
            (position[i] - np.float32(self.low_m[i])) * np.float32(1 / self.cell_m) for i in (0, 1)
        )
        x -= 0.5
        y -= 0.5
        return x, y

    def over_ground(self, position: XYZ) -> Floats:
        """(M,) float32 height of points over the ground, m."""
        return position[2] - _look_up(self._floor, *self.cells(position))

    def hidden(self, position: XYZ) -> Floats:
        """(M,) float32 share of the sky that points (three lines, m) do not see, [0, 0.95]."""
        maps = _look_up(self._maps, *self.cells(position))
        over = position[2] - maps[:, 3]
        out = np.zeros(len(over), np.float32)
        for layer, (reach, weight) in enumerate(zip(self._reaches, WEIGHTS, strict=True)):
            share = 1 - over * np.float32(1 / (1.6 * reach))
            np.clip(share, 0, 1, out=share)
            share *= maps[:, layer]
            share *= np.float32(weight)
            out += share
        np.minimum(out, np.float32(MOST_HIDDEN), out=out)
        return out


_SHELTERS: WeakKeyDictionary[Scene, Shelter] = WeakKeyDictionary()


def shelter_of(scene: Scene) -> Shelter:
    """The scene's shelter, made once and kept for as long as the scene lives."""
    found = _SHELTERS.get(scene)
    if found is None:
        found = _SHELTERS[scene] = Shelter(scene)
    return found


def _extent(scene: Scene) -> tuple[Points, Points]:
    """Corners (2,) of the mapped rectangle, m: the route and a margin, within the scene."""
    low, high = (f(scene.vertices[:, :2].astype(np.float64), axis=0) for f in (np.min, np.max))
    if len(scene.route):
        low = np.maximum(low, scene.route.min(0) - MARGIN_M)
        high = np.minimum(high, scene.route.max(0) + MARGIN_M)
    return low, np.maximum(high, low + FINEST_CELL_M)


def _samples(
    scene: Scene, cell: float, low: Points, high: Points
) -> tuple[Points, NDArray[np.bool_]]:
    """Points (S, 3) spread over the faces in a rectangle, and which of them are ground.

    About 1.5 points a cell; faces smaller than that share them by chance, always the same one.
    """
    corner = scene.vertices[scene.faces[:, 0]]
    inside = ((corner[:, :2] >= low) & (corner[:, :2] <= high)).all(1)
    first = scene.vertices[scene.faces[:, 1]] - corner
    second = scene.vertices[scene.faces[:, 2]] - corner
    big = np.abs(first).max(1) + np.abs(second).max(1) > 2 * GROUND_CELL_M
    face = np.flatnonzero(inside | big)
    corner, first, second = (line[face] for line in (corner, first, second))
    area = _area(first, second)
    ground_part = np.array([part.object_id == 0 for part in scene.parts])
    is_ground = ground_part[scene.face_part[face]]
    rng = np.random.default_rng(0)
    # the ground's height is smooth: a point on each face and a few in each coarse cell will do
    wanted = np.where(is_ground, 1 + 6 * area / GROUND_CELL_M**2, 1.5 * area / cell**2)
    wanted *= min(1.0, MOST_SAMPLES / max(float(wanted.sum()), 1.0))
    row = np.repeat(np.arange(len(face)), (wanted + rng.random(len(face))).astype(np.int64))
    s, t = rng.random((2, len(row)), np.float32)
    flip = s + t > 1
    s[flip], t[flip] = 1 - s[flip], 1 - t[flip]
    points = corner[row]
    points += s[:, None] * first[row]
    points += t[:, None] * second[row]
    return points, is_ground[row]


def _area(first: Points, second: Points) -> Points:
    x = first[:, 1] * second[:, 2] - first[:, 2] * second[:, 1]
    y = first[:, 2] * second[:, 0] - first[:, 0] * second[:, 2]
    z = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
    return np.asarray(np.sqrt(x * x + y * y + z * z) / 2)


def _heights(
    over: Points,
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    shape: tuple[int, int],
) -> Floats:
    out = np.zeros((*shape, 2), np.float32)
    out[..., 0] = np.inf
    stands = over > LEAST_STANDING_M
    cell = rows[stands] * shape[1] + columns[stands]
    flat = out.reshape(-1, 2)
    np.minimum.at(flat[:, 0], cell, over[stands])
    np.maximum.at(flat[:, 1], cell, over[stands])
    return out


def _cells(points: Points, low: Points, cell: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    place = np.floor((points[:, :2] - low) / cell).astype(np.int64)
    return place[:, 0], place[:, 1]


def _floor(ground: Points, low: Points, high: Points) -> Floats:
    """Mean height of the ground on a coarse grid, m; holes take their neighbours' height."""
    width, height = (int(np.ceil((high[i] - low[i]) / GROUND_CELL_M)) + 1 for i in range(2))
    columns, rows = _cells(ground, low, GROUND_CELL_M)
    inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    index = rows[inside] * width + columns[inside]
    count = np.bincount(index, minlength=width * height).reshape(height, width).astype(np.float32)
    total = np.bincount(index, ground[inside, 2], width * height).reshape(height, width)
    sums = total.astype(np.float32)
    sigma = 1.0
    known = count > 0
    while not known.all() and sigma < 4 * max(width, height):
        sigma *= 2
        wide_count = cv2.GaussianBlur(count, (0, 0), sigma)
        wide = cv2.GaussianBlur(sums, (0, 0), sigma)
        fill = ~known & (wide_count > 1e-6)
        count[fill], sums[fill] = 1.0, wide[fill] / wide_count[fill]
        known |= fill
    return np.asarray(sums / np.maximum(count, 1e-6), np.float32)


def _read_floor(floor: Floats, points: Points, low: Points) -> Floats:
    place = ((points[:, :2] - low) / GROUND_CELL_M - 0.5).astype(np.float32)
    return _look_up(floor, place[:, 0], place[:, 1])


def _look_up(maps: Floats, column: Floats, row: Floats) -> Floats:
    """Bilinear values at (column, row) of any number of points; the border goes on outside."""
    return np.asarray(remap_line(maps, column, row), np.float32)
