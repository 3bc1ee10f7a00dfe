"""The land of an aerial scene: relief, parcels, roads, water, as one closed surface.

Parcels are Voronoi cells, so their borders are straight; roads follow smooth lines.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from thermoscope.synthetic.meshes import Mesh, quads
from thermoscope.synthetic.objects.kit import RGB, Kit
from thermoscope.synthetic.placement import Pose, SceneBuilder
from thermoscope.synthetic.scene import Role
from thermoscope.synthetic.scenes.palette import meadow, snow_lies
from thermoscope.synthetic.surfaces import (
    FractalHeight,
    GridGround,
    Path,
    carve,
    subdivide,
    terrain,
)

__all__ = ["Land", "draw_land", "lay_land"]

Floats = NDArray[np.float64]
REACH_M = 230.0
STEP_M = 5.0


@dataclass(frozen=True, eq=False)
class Land:
    """Relief, roads and parcels.

    Attributes:
        ground: Height of the land, m.
        reach_m: Half the side of the square that it covers.
        roads: Centre lines; the first is paved.
        road_half_m: Half the width of a road.
        parcels: (N, 2) seeds of the Voronoi cells, m.
        water_m: Level of the water; far below everything if there is none.
    """

    ground: GridGround
    reach_m: float
    roads: tuple[Path, ...]
    road_half_m: float
    parcels: Floats
    water_m: float

    def to_border(self, points: Floats) -> Floats:
        """Rough distance of places (N, 2) to the border of their parcel, m."""
        gap = np.sqrt(((points[:, None] - self.parcels) ** 2).sum(-1))
        two = np.partition(gap, 1, axis=1)
        return np.asarray((two[:, 1] - two[:, 0]) / 2)


def draw_land(rng: np.random.Generator, *, water: str, hill_m: float) -> Land:
    """Relief with a valley for the water, two or three roads, parcels."""
    steps = np.arange(-REACH_M, REACH_M + 1e-6, STEP_M)
    x, y = np.meshgrid(steps, steps)
    hills = FractalHeight(rng, size_m=260, height_m=hill_m, octaves=3)
    z = hills(x, y)
    roads = [_line(rng, float(rng.uniform(0, np.pi))) for _ in range(int(rng.integers(2, 4)))]
    water_m = -1e3
    stream = _line(rng, float(rng.uniform(0, np.pi)), wander=45.0)
    if water != "none":
        away = stream.distance(np.stack([x, y], -1))
        width = float(rng.uniform(7, 15))
        if water == "lake":
            centre = rng.uniform(-70, 70, 2)
            away = np.hypot(x - centre[0], 1.5 * (y - centre[1]))
            away = away + 18 * np.sin(np.arctan2(y - centre[1], x - centre[0]) * 3 + 1.0)
            width = float(rng.uniform(38, 70))
        bank = np.clip((away - width) / 22, 0, 1)
        level = float(np.quantile(z, 0.35))
        z = (level - 2.2) * (1 - bank) + z * bank
        water_m = level - 1.3
        dam = np.min([road.distance(np.stack([x, y], -1)) for road in roads], axis=0)
        slope = np.clip((dam - 7) / 9, 0, None)  # gentle: the grid is 5 m wide
        z = np.maximum(z, water_m + 1.1 - slope)  # roads cross on a dam
    ground = GridGround(steps, z)
    seeds = rng.uniform(-REACH_M, REACH_M, (int(rng.integers(14, 26)), 2))
    half = float(rng.uniform(2.6, 3.6))
    return Land(ground, REACH_M, tuple(roads), half, seeds, water_m)


def _line(rng: np.random.Generator, angle: float, *, wander: float = 16.0) -> Path:
    """A gently winding line across the land, near its middle."""
    along = np.linspace(-1.4 * REACH_M, 1.4 * REACH_M, 160)
    waves = rng.uniform(0, 2 * np.pi, 2), rng.uniform(170, 420, 2)
    across = sum(
        wander / (k + 1) * np.sin(2 * np.pi * along / waves[1][k] + waves[0][k]) for k in range(2)
    ) + float(rng.uniform(-70, 70))
    c, s = np.cos(angle), np.sin(angle)
    line = np.stack([along * c - across * s, along * s + across * c], 1)
    inside = np.abs(line).max(1) < REACH_M + 12
    first, last = np.flatnonzero(inside)[[0, -1]]
    return Path(line[first : last + 1])


def lay_land(builder: SceneBuilder, rng: np.random.Generator, land: Land, *, crops: float) -> None:
    """The surface: parcels, shores, roads with markings, water."""
    kit = Kit("land", "grass")
    base = meadow(builder.conditions)
    mesh = terrain(
        land.ground.steps, land.ground.steps, land.ground.z, slot=kit.slot("meadow", base)
    )
    mesh = _parcels(kit, rng, land, mesh, crops=crops, snow=snow_lies(builder.conditions))
    if land.water_m > -100:
        shore = kit.slot("shore", "sand", class_name="bare_ground")
        mesh = carve(mesh, land.water_m + 0.45 - mesh.vertices[:, 2], shore)
        edge = land.reach_m - 1
        z = land.water_m
        sheet = [(-edge, -edge, z), (edge, -edge, z), (edge, edge, z), (-edge, edge, z)]
        kit.add(quads([sheet]), kit.slot("water", "water", Role.WATER, class_name="water"))
    kit.add_sorted(_roads(kit, land, mesh))
    builder.place(kit.model(), Pose(0, 0, 0), object_id=0)


def _parcels(
    kit: Kit, rng: np.random.Generator, land: Land, mesh: Mesh, *, crops: float, snow: bool
) -> Mesh:
    """Crops, ploughed land, pasture and bare ground, cell by cell."""
    kinds = (
        ("crop", "crop", (1.0, 1.0, 1.0)), ("crop", "crop", (1.5, 1.35, 0.9)),
        ("crop", "dry_grass", (1.2, 1.15, 0.9)), ("bare_ground", "ploughed", (1.0, 1.0, 1.0)),
        ("bare_ground", "soil", (1.2, 1.1, 1.0)), ("grass", "grass", (0.85, 0.95, 0.8)),
    )  # fmt: skip
    for number in range(len(land.parcels)):
        u = rng.uniform(size=3)
        bare = u[0] > crops
        if bare and u[1] < 0.55:
            continue
        name, material, tint = kinds[int(u[2] * 5)] if not bare else kinds[3 + int(u[2] * 3)]
        shade: RGB = (float(tint[0]), float(tint[1]), float(tint[2]))
        slot = kit.slot(
            f"parcel_{number}", "snow" if snow else material, class_name=name, tint=shade
        )
        nearest = _into_cell(mesh.vertices[:, :2], land.parcels, number)
        mesh = carve(mesh, nearest - 0.8, slot)
    return mesh


def _roads(kit: Kit, land: Land, mesh: Mesh) -> Mesh:
    for number, road in enumerate(land.roads):
        middle = mesh.vertices[mesh.faces].mean(1)[:, :2]
        mesh = subdivide(mesh, road.distance(middle) < land.road_half_m + 4.5)
        material = ("asphalt", "gravel", "concrete")[number % 3]
        verge = kit.slot("verge", "gravel", class_name="bare_ground")
        slot = kit.slot(f"road_{number}", material, class_name="road")
        away = road.distance(mesh.vertices[:, :2])
        mesh = carve(mesh, land.road_half_m + 0.8 - away, verge)
        away = road.distance(mesh.vertices[:, :2])
        mesh = carve(mesh, land.road_half_m - away, slot)
    return mesh


def _into_cell(points: Floats, seeds: Floats, number: int) -> Floats:
    """Distance of places (V, 2) to the nearest border of a Voronoi cell, m, positive inside.

    The difference of squared distances is linear, so borders come out straight.
    """
    seed, others = seeds[number], np.delete(seeds, number, axis=0)
    span = others - seed
    length = np.hypot(span[:, 0], span[:, 1])
    towards = points @ (span / length[:, None]).T
    middle = ((others**2).sum(1) - (seed**2).sum()) / (2 * length)
    return np.asarray((middle - towards).min(1))
