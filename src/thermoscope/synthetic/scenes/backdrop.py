"""What closes the horizon: far ground that rises to hills, rows of far trees, far buildings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from thermoscope.synthetic.meshes import Mesh
from thermoscope.synthetic.objects.buildings import building
from thermoscope.synthetic.objects.kit import Kit
from thermoscope.synthetic.objects.vegetation import forest_edge
from thermoscope.synthetic.placement import Pose, SceneBuilder
from thermoscope.synthetic.scenes.palette import has_leaves, leaf, meadow, walls

__all__ = ["far_buildings", "far_forest", "hills"]

Floats = NDArray[np.float64]


def hills(
    builder: SceneBuilder,
    rng: np.random.Generator,
    *,
    inner_m: float,
    height_m: float,
    base_m: float = 0.0,
    outer_m: float = 900.0,
) -> None:
    """A ring of ground from a square of half side `inner_m` out to rolling wooded hills.

    The inner edge lies along the square, a little under the ground it continues.
    """
    turns, rings = 180, 12
    angle = np.linspace(0, 2 * np.pi, turns + 1)
    square = inner_m / np.maximum(np.abs(np.cos(angle)), np.abs(np.sin(angle)))
    share = np.linspace(0, 1, rings)[:, None] ** 1.7
    radius = square * 0.985 * (1 - share) + outer_m * share
    phase, size = rng.uniform(0, 2 * np.pi, (4, 2)), rng.uniform(0.5, 1, 4)
    wave = sum(
        s * np.sin(k * angle + p + q * share)
        for k, s, (p, q) in zip((2, 3, 7, 13), size * (1, 0.8, 0.35, 0.15), phase, strict=True)
    )
    rise = np.clip((share - 0.12) / 0.5, 0, 1) ** 1.5
    ragged = np.concatenate([np.zeros((rings - 1, turns + 1)), rng.normal(0, 0.02, (1, turns + 1))])
    z = base_m + height_m * rise * (0.62 + 0.38 * wave + ragged)
    x, y = radius * np.cos(angle), radius * np.sin(angle)
    edge = builder.ground(x[0], y[0])
    z[0] = edge - 0.9
    z[1] = np.maximum(z[1] * 0.3, z[1] * 0.3 + 0.7 * edge - 0.5)
    points = np.stack([x, y, np.asarray(z)], axis=-1)
    kit = Kit("horizon", "far_hill")
    near = kit.slot("plain", meadow(builder.conditions), class_name="grass")
    far = kit.slot("hill", "far_hill")
    cells = np.full((rings - 1, turns), far)
    cells[:4] = near
    kit.add_sorted(_ring(points[:, ::-1], cells))
    builder.place(kit.model(), Pose(0, 0, 0), object_id=0)


def _ring(points: Floats, cells: NDArray[np.int64]) -> Mesh:
    """A smooth grid whose first and last columns coincide, facing up."""
    rows, columns = points.shape[:2]
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]
    faces = np.stack([a, b, c, a, c, d], axis=-1).reshape(-1, 3)
    along = np.gradient(points, axis=0)
    across = np.gradient(points, axis=1)
    across[:, [0, -1]] = (points[:, 1] - points[:, -2])[:, None] / 2
    normal = np.cross(across, along).reshape(-1, 3)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    return Mesh(points.reshape(-1, 3), faces, normal[faces], np.repeat(cells.reshape(-1), 2))


def far_forest(
    builder: SceneBuilder,
    rng: np.random.Generator,
    *,
    radius_m: float,
    share: float,
    base_m: float = 0.0,
) -> None:
    """Rows of trees around a circle, `share` of it."""
    count = int(2 * np.pi * radius_m / 38)
    leaves = has_leaves(builder.conditions)
    for k in range(count):
        draw = rng.uniform(size=4)
        if draw[0] > share:
            continue
        angle = 2 * np.pi * (k + 0.5 * draw[1]) / count
        r = radius_m * (1 + 0.15 * (draw[2] - 0.5))
        model = forest_edge(int(draw[3] * 4), leaves=leaves, needle=draw[3] > 0.7)
        pose = Pose(
            r * np.cos(angle),
            r * np.sin(angle),
            base_m,
            np.degrees(angle) + 90,
            0.8 + 0.7 * draw[1],
        )
        builder.place(model, pose, tints=leaf(rng, builder.conditions))


def far_buildings(
    builder: SceneBuilder,
    rng: np.random.Generator,
    kinds: Sequence[str],
    *,
    radius_m: tuple[float, float],
    count: int,
    base_m: float = 0.0,
) -> None:
    """Buildings without detail, between two radii."""
    for k in range(count):
        angle = 2 * np.pi * (k + rng.uniform(0, 0.7)) / count
        r = float(rng.uniform(*radius_m))
        model = building(str(rng.choice(list(kinds))), int(rng.integers(6)), detail=False)
        x, y = r * np.cos(angle), r * np.sin(angle)
        if builder.take(x, y, 0.6 * max(model.size_m[:2])):
            yaw = np.degrees(angle) + 90 + float(rng.choice([0, 0, 25, -20]))
            builder.place(
                model,
                Pose(x, y, base_m, yaw),
                tints=walls(rng),
                activity=float(rng.uniform(0.3, 1)),
            )
