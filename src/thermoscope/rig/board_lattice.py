"""Points that form a bent grid: which is the neighbour of which, and which cell each one is.

A grid is grown from a seed: the step to the next point is the last step in that direction, so a
strongly distorting lens bends the grid and every single step is still nearly the one before.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

__all__ = ["grow_lattice", "match_cells"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

STEP_TOLERANCE = 0.36  # of a step: where the next point may lie
SEEDS = 12
ROUGHNESS = 0.06  # of a step: the widest lens at hand leaves 0.02
QUARTER_TURNS = (
    ((1, 0), (0, 1)),
    ((0, -1), (1, 0)),
    ((-1, 0), (0, -1)),
    ((0, 1), (-1, 0)),
)


def grow_lattice(points: Floats, *, count: int) -> tuple[Ints, Ints] | None:
    """Rows of `points` that form a grid, and the grid cell of each.

    Args:
        points: (M, 2) px, some of which are no part of the grid.
        count: How many must belong to it at least.

    Returns:
        Rows (N,) and cells (N, 2) with axes as the picture's (right-handed); None if no seed grows
        to `count` points.
    """
    middle = np.median(points, axis=0)
    seeds = np.argsort(np.linalg.norm(points - middle, axis=1))[:SEEDS]
    best: tuple[Ints, Ints] | None = None
    for seed in seeds:
        for first, second in _axes(points, int(seed)):
            cells = _grown(points, int(seed), first, second)
            if len(cells) >= count and (best is None or len(cells) > len(best[0])):
                rows = np.array(list(cells.values()), np.int64)
                best = rows, np.array(list(cells), np.int64)
        if best is not None:
            return best
    return best


def _axes(points: Floats, seed: int) -> list[tuple[Floats, Floats]]:
    """Pairs of steps to near points, as unlike in direction as the axes of a grid."""
    steps = points - points[seed]
    lengths = np.linalg.norm(steps, axis=1)
    near = [steps[i] for i in np.argsort(lengths)[1:7]]
    pairs = []
    for i, a in enumerate(near):
        for b in near[i + 1 :]:
            turn = float(a[0] * b[1] - a[1] * b[0])
            sine = turn / (np.linalg.norm(a) * np.linalg.norm(b) + 1e-9)
            ratio = float(np.linalg.norm(a) / (np.linalg.norm(b) + 1e-9))
            if abs(sine) > 0.5 and 0.4 < ratio < 2.5:
                pairs.append((a, b) if turn > 0 else (b, a))
    return pairs[:6]


def _grown(points: Floats, seed: int, first: Floats, second: Floats) -> dict[tuple[int, int], int]:
    """Row of each cell reached from the seed."""
    cells = {(0, 0): seed}
    used = {seed}
    queue = deque([((0, 0), first, second)])
    while queue:
        cell, right, down = queue.popleft()
        here = points[cells[cell]]
        for (du, dv), step in (
            ((1, 0), right),
            ((-1, 0), -right),
            ((0, 1), down),
            ((0, -1), -down),
        ):
            beside = (cell[0] + du, cell[1] + dv)
            if beside in cells:
                continue
            away = np.linalg.norm(points - (here + step), axis=1)
            row = int(np.argmin(away))
            if away[row] > STEP_TOLERANCE * np.linalg.norm(step) or row in used:
                continue
            cells[beside] = row
            used.add(row)
            taken = points[row] - here
            steps = (taken * du, down) if du else (right, taken * dv)
            queue.append((beside, *steps))
    return cells


def match_cells(points: Floats, cells: Ints, wanted: Ints) -> tuple[Floats, Ints] | None:
    """The points of the `wanted` cells, in whichever turn and place the whole board fits.

    Args:
        points: (N, 2) px.
        cells: (N, 2) grid cell of each, right-handed as in the picture.
        wanted: (K, 2) cells of the board.

    The points must lie on a smoothly bent grid: what noise puts near a grid does not.

    Returns:
        Points (K, 2) in the order of `wanted` and their numbers (K,); of several turns the one
        with the board's x axis most to the right. None if the board does not fit, or if the grid
        goes on beyond the board so that its place is open.
    """
    by_cell = {(int(u), int(v)): i for i, (u, v) in enumerate(cells)}
    best: tuple[float, Floats] | None = None
    low, high = cells.min(axis=0), cells.max(axis=0)
    for turn in QUARTER_TURNS:
        turned = wanted @ np.array(turn).T
        turned = turned - turned.min(axis=0)
        extent = turned.max(axis=0)
        if (extent > high - low).any():
            continue
        places = []
        for u in range(int(low[0]), int(high[0] - extent[0]) + 1):
            for v in range(int(low[1]), int(high[1] - extent[1]) + 1):
                rows = [by_cell.get((int(a) + u, int(b) + v)) for a, b in turned]
                if all(row is not None for row in rows):
                    places.append(rows)
        if len(places) != 1:
            continue
        chosen = points[np.array(places[0], np.int64)]
        if _roughness(chosen, wanted) > ROUGHNESS:
            continue
        right = _rightward(chosen, wanted)
        if best is None or right > best[0]:
            best = right, chosen
    return None if best is None else (best[1], np.arange(len(wanted)))


def _roughness(points: Floats, wanted: Ints) -> float:
    """How far points lie from a grid bent to second order, rms, in steps of the grid."""
    u, v = (wanted - wanted.mean(axis=0)).T.astype(np.float64)
    terms = np.stack([np.ones_like(u), u, v, u * v, u * u, v * v], axis=1)
    bent = np.linalg.lstsq(terms, points, rcond=None)[0]
    step = float(np.sqrt(abs(np.linalg.det(bent[1:3])))) + 1e-9
    return float(np.sqrt(((points - terms @ bent) ** 2).sum(axis=1).mean())) / step


def _rightward(points: Floats, wanted: Ints) -> float:
    """Cosine of the angle between the board's x axis and the picture's."""
    x = wanted[:, 0] - wanted[:, 1] if (wanted < 0).any() else wanted[:, 0]
    weights = x - x.mean()
    axis = weights @ (points - points.mean(axis=0))
    return float(axis[0] / (np.linalg.norm(axis) + 1e-12))
