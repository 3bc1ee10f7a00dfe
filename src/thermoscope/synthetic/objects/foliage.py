"""Leaves by the thousand: scattered triangles, and the dense lumps behind them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from thermoscope.synthetic.meshes import Mesh, merge

__all__ = ["cloud", "lumps", "scatter"]

Floats = NDArray[np.float64]


_G = (1 + 5**0.5) / 2
_BALL = np.array(
    [[-1, _G, 0], [1, _G, 0], [-1, -_G, 0], [1, -_G, 0], [0, -1, _G], [0, 1, _G],
     [0, -1, -_G], [0, 1, -_G], [_G, 0, -1], [_G, 0, 1], [-_G, 0, -1], [-_G, 0, 1]]
) / np.hypot(1, _G)  # fmt: skip
_BALL_FACES = np.array(
    [[0, 11, 5], [0, 5, 1], [0, 1, 7], [0, 7, 10], [0, 10, 11], [1, 5, 9], [5, 11, 4],
     [11, 10, 2], [10, 7, 6], [7, 1, 8], [3, 9, 4], [3, 4, 2], [3, 2, 6], [3, 6, 8],
     [3, 8, 9], [4, 9, 5], [2, 4, 11], [6, 2, 10], [8, 6, 7], [9, 8, 1]]
)  # fmt: skip


def lumps(
    rng: np.random.Generator, centres: Floats, radii: Floats, middle: Floats | None = None
) -> Mesh:
    """Dented balls: crowns, bushes, boulders of leaves.

    Args:
        rng: Source of the dents.
        centres: (N, 3), m.
        radii: (N,) or (N, 3), m.
        middle: (3,) of the whole crown: the light sees the lumps as parts of it.
    """
    count = len(centres)
    size = np.broadcast_to(radii if radii.ndim == 2 else radii[:, None], (count, 3))
    dent = rng.uniform(0.75, 1.2, (count, len(_BALL), 1))
    points = centres[:, None] + _BALL * dent * size[:, None]
    normal = np.broadcast_to(_BALL, points.shape) * 0.6 + dent - 0.9
    if middle is not None:
        normal = normal + 0.25 * (points - middle)
    normal = normal / np.linalg.norm(normal, axis=-1, keepdims=True)
    faces = (_BALL_FACES + (np.arange(count) * len(_BALL))[:, None, None]).reshape(-1, 3)
    flat = normal.reshape(-1, 3)
    return Mesh(points.reshape(-1, 3), faces, flat[faces], np.zeros(len(faces), np.int64))


def scatter(
    rng: np.random.Generator, at: Floats, lie: Floats, outward: Floats, half_m: Floats
) -> Mesh:
    """One triangle for each leaf, turned at random about the way it lies.

    Args:
        rng: Source of the turns.
        at: (N, 3) places, m.
        lie: (N, 3) which way the leaves point.
        outward: (N, 3) away from the middle of the plant: most of what the light sees.
        half_m: (2,) half width and half length, m.
    """
    count = len(at)
    normal = rng.normal(0, 1, (count, 3))
    right = _unit(np.cross(lie, normal))
    up = _unit(lie)
    facing = np.cross(right, up)
    grow = rng.uniform(0.7, 1.35, (count, 1))
    right, up = right * half_m[0] * grow, up * half_m[1] * grow
    corners = np.stack([at - up - right, at - up + right, at + 1.1 * up], axis=1)
    sign = np.sign((facing * outward).sum(1, keepdims=True))
    seen = _unit(_unit(outward) + 0.45 * facing * sign + (0, 0, 0.2))
    faces = np.arange(3 * count).reshape(-1, 3)
    shown = np.repeat(seen[:, None], 3, axis=1)
    return Mesh(corners.reshape(-1, 3), faces, shown, np.zeros(count, np.int64))


def cloud(
    rng: np.random.Generator,
    radii_m: tuple[float, float, float],
    count: int,
    leaf_m: float,
    *,
    cone: bool = False,
) -> Mesh:
    """A leafy heap on the ground: leaves on the shell of half an ellipsoid or of a cone."""
    aim = rng.normal(0, 1, (count, 3))
    aim[:, 2] = np.abs(aim[:, 2])
    aim = _unit(aim)
    wave = np.sin(aim @ rng.normal(0, 4, (3, 3)) + rng.uniform(0, 6, 3)).mean(1)
    at = aim * (rng.uniform(0.3, 1, count) ** 0.4 * (1 + 0.3 * wave))[:, None]
    if cone:
        at[:, :2] *= np.clip(1.15 - at[:, 2:], 0.05, 1)
    leaves = scatter(rng, at * radii_m, rng.normal(0, 1, (count, 3)), aim, np.full(2, leaf_m))
    z = np.array([0.25, 0.55]) if cone else np.array([0.35])
    wide = (
        np.stack([0.68 - z * 0.8, 0.68 - z * 0.8, 0 * z + 0.28], 1)
        if cone
        else np.array([[0.68, 0.68, 0.45]])
    )
    core = lumps(rng, np.outer(z, (0, 0, radii_m[2])), wide * radii_m)
    return merge([leaves, core])


def _unit(vectors: Floats) -> Floats:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, 1e-9))
