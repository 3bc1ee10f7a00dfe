"""Country from above: fields, roads, a river or lake, houses, woods, vehicles, people, animals.

The route is a closed flight line; its height over the ground is the carrier's. The place depends on
the seed, what moves on the visit too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from thermoscope.synthetic.kinds import KINDS, Kinds
from thermoscope.synthetic.objects import nature
from thermoscope.synthetic.objects import street as things
from thermoscope.synthetic.objects.animals import animal
from thermoscope.synthetic.objects.buildings import building
from thermoscope.synthetic.objects.vegetation import grove
from thermoscope.synthetic.placement import Pose, SceneBuilder
from thermoscope.synthetic.scene import Scene
from thermoscope.synthetic.scenes.backdrop import far_forest, hills
from thermoscope.synthetic.scenes.draws import draws_of
from thermoscope.synthetic.scenes.land import Land, draw_land, lay_land
from thermoscope.synthetic.scenes.lots import parking_ground, plant_bush, plant_tree
from thermoscope.synthetic.scenes.palette import has_leaves, leaf, walls
from thermoscope.synthetic.scenes.traffic import pick_vehicle, place_person, place_vehicle
from thermoscope.synthetic.surfaces import FractalHeight, smooth_loop

__all__ = ["REGIONS", "Region", "build"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Region:
    """A kind of country.

    Attributes:
        houses: Number of detached houses along the roads.
        rows: Number of larger buildings.
        trees: Number of single trees and trees in woods.
        wood: Share of the land under woods.
        vehicles: Number on roads and yards.
        people: Number.
        herds: Number of groups of animals.
        lots: Number of parking lots.
        crops: Share of parcels with crops.
        water: "river", "lake" or "none".
        hill_m: Height of the hills.
    """

    houses: int
    rows: int
    trees: int
    wood: float
    vehicles: int
    people: int
    herds: int
    lots: int
    crops: float
    water: str
    hill_m: float


REGIONS: dict[str, Region] = {
    "farmland": Region(14, 4, 120, 0.16, 14, 18, 3, 1, 0.75, "river", 3.0),
    "village": Region(52, 8, 130, 0.10, 34, 34, 1, 2, 0.35, "none", 2.0),
    "lakeside": Region(14, 3, 120, 0.30, 12, 22, 2, 1, 0.2, "lake", 4.0),
    "depot": Region(6, 26, 80, 0.08, 40, 26, 0, 4, 0.2, "none", 1.0),
    "wild": Region(3, 1, 130, 0.42, 5, 14, 4, 0, 0.0, "river", 9.0),
}


def build(
    seed: int,
    *,
    family: str = "train",
    hour: float | None = None,
    weather: str | None = None,
    visit: int = 0,
) -> Scene:
    """The country of a seed; arguments and errors as in `thermoscope.synthetic.scenes.build`."""
    drawn = draws_of("aerial", seed, family=family, hour=hour, weather=weather, visit=visit)
    place, moving, conditions = drawn.place, drawn.moving, drawn.conditions
    region = REGIONS[tuple(REGIONS)[int(place.uniform() * len(REGIONS))]]
    kinds = KINDS[drawn.family]
    land = draw_land(place, water=region.water, hill_m=region.hill_m)
    builder = SceneBuilder(
        "aerial", seed, family=drawn.family, conditions=conditions, ground=land.ground
    )
    lay_land(builder, place, land, crops=region.crops)
    for road in land.roads:
        for x, y in road.points[::2]:
            builder.claim(float(x), float(y), land.road_half_m + 0.8)
    yards = _settle(builder, place, kinds, region, land)
    bays = _lots(builder, place, land, region.lots)
    _plant(builder, place, kinds, region, land)
    far_forest(builder, place, radius_m=land.reach_m + 2, share=0.6)
    hills(
        builder, place, inner_m=land.reach_m, height_m=float(place.uniform(30, 120)), outer_m=2200.0
    )
    _traffic(builder, moving, kinds, region, land, yards=yards)
    for x, y, yaw in bays:
        if moving.uniform() < 0.6:
            warm = float(moving.uniform()) ** 3
            model = pick_vehicle(moving, kinds, heavy=0.0, detail=False)
            place_vehicle(builder, moving, model, (x, y, yaw), activity=warm, rise_m=0.3)
    _living(builder, moving, kinds, region, land)
    return builder.finish(_route(place), lowest_m=land.water_m)


def _route(rng: np.random.Generator) -> Floats:
    turn = np.arange(6) * 2 * np.pi / 6
    radius = rng.uniform(45, 95, 6)
    corners = np.stack([radius * np.cos(turn), radius * np.sin(turn)], 1)
    return smooth_loop(corners, radius_m=35, step_m=2.0).points


def _settle(
    builder: SceneBuilder,
    rng: np.random.Generator,
    kinds: Kinds,
    region: Region,
    land: Land,
) -> list[tuple[float, float, float]]:
    """Buildings along the roads, sheds and rows further off; returns yards: x, y, yaw."""
    yards = []
    plan = ["house"] * region.houses + ["row"] * region.rows
    for name in plan:
        u = rng.uniform(size=6)
        road = land.roads[int(u[0] * len(land.roads))]
        side = 1 if u[1] < 0.5 else -1
        names = kinds.houses if name == "house" else (*kinds.rows, *kinds.sheds)
        model = building(names[int(u[2] * len(names))], int(u[3] * 6), detail=False)
        depth = model.size_m[1]
        s = float(u[4]) * road.length_m
        (x, y), yaw = road.at(s, side * (land.road_half_m + 4 + 8 * u[5] + depth / 2))
        turn = float(yaw) + (0 if side > 0 else 180)
        reach = 0.58 * max(model.size_m[:2])
        tints, warm = walls(rng), float(rng.uniform(0.2, 1))
        dry = bool(land.ground(x, y) > land.water_m + 0.6)
        if not dry or abs(x) > land.reach_m - 25 or abs(y) > land.reach_m - 25:
            continue
        if builder.take(float(x), float(y), reach):
            pose = Pose(float(x), float(y), float(land.ground(x, y)) + 0.1, turn)
            builder.place(model, pose, tints=tints, activity=warm)
            front = depth / 2 + 3.2
            a = np.radians(turn - 90)
            yards.append((float(x + front * np.cos(a)), float(y + front * np.sin(a)), turn))
    return yards


def _plant(
    builder: SceneBuilder,
    rng: np.random.Generator,
    kinds: Kinds,
    region: Region,
    land: Land,
) -> None:
    """Trees in woods, along parcels' edges and alone; bushes, rocks, bales, poles."""
    wood = FractalHeight(rng, size_m=110, height_m=1.0, octaves=2)
    spots = rng.uniform(-land.reach_m + 6, land.reach_m - 6, (region.trees * 5, 2))
    dense = wood(spots[:, 0], spots[:, 1]) > 1.1 - 2.2 * region.wood
    border = land.to_border(spots) < 2.5
    draw = rng.uniform(size=len(spots))
    count = 0
    _groves(builder, rng, land, wood, share=region.wood)
    for (x, y), woody, edge, u in zip(spots.tolist(), dense, border, draw, strict=True):
        if count >= region.trees or not (woody or (edge and u < 0.6) or u < 0.04):
            continue
        if land.ground(x, y) > land.water_m + 0.3 and builder.take(x, y, 1.8):
            plant_tree(builder, rng, kinds.trees, x, y, leaf_count=240, rise_m=0.0)
            count += 1
    for x, y in rng.uniform(-land.reach_m + 6, land.reach_m - 6, (60, 2)).tolist():
        u = rng.uniform(size=3)
        if land.ground(x, y) < land.water_m + 0.1 or not builder.take(x, y, 1.0):
            continue
        if u[0] < 0.6:
            plant_bush(builder, rng, x, y, rise_m=0.0)
        elif u[0] < 0.75:
            builder.place(nature.hay_bale(), Pose(x, y, yaw_deg=360 * float(u[1])))
        else:
            tints = {"rock": (1.0, 1.0, 1.0)}
            builder.place(
                nature.rock(int(u[1] * 24)), Pose(x, y, scale=0.5 + 2 * u[2]), tints=tints
            )
    for road in land.roads[:1]:
        for s in np.arange(5, road.length_m - 5, 38.0):
            (x, y), yaw = road.at(float(s), land.road_half_m + 2.2)
            if land.ground(x, y) > land.water_m + 0.2:
                builder.place(
                    things.utility_pole(int(s) % 8), Pose(float(x), float(y), yaw_deg=float(yaw))
                )


def _groves(
    builder: SceneBuilder,
    rng: np.random.Generator,
    land: Land,
    wood: FractalHeight,
    *,
    share: float,
) -> None:
    """Dense patches of trees that fill the woods."""
    steps = np.arange(-land.reach_m + 12, land.reach_m - 11, 15.0)
    leaves = has_leaves(builder.conditions)
    for x0 in steps:
        for y0 in steps:
            u = rng.uniform(size=5)
            x, y = float(x0 + 5 * u[0]), float(y0 + 5 * u[1])
            inside = wood(x, y) > 1.25 - 2.2 * share and land.ground(x, y) > land.water_m + 0.5
            tints = leaf(rng, builder.conditions)
            if inside and builder.take(x, y, 7.0):
                model = grove(int(4 * u[2]), leaves=leaves, needle=bool(u[2] > 0.7))
                pose = Pose(x, y, None, 360 * u[3], 0.8 + 0.4 * u[4])
                builder.place(model, pose, tints=tints)


def _lots(
    builder: SceneBuilder, rng: np.random.Generator, land: Land, count: int
) -> list[tuple[float, float, float]]:
    """Parking lots beside the roads; returns their bays: x, y, yaw."""
    bays = []
    for _ in range(count):
        u = rng.uniform(size=4)
        road = land.roads[int(u[0] * len(land.roads))]
        side = 1 if u[1] < 0.5 else -1
        width = 2.5 * int(6 + 6 * u[2])
        (x, y), yaw = road.at(float(u[3]) * road.length_m, side * (land.road_half_m + 10.5))
        near = max(abs(x), abs(y)) < 0.75 * land.reach_m
        heights = land.ground(x + np.array([-9, 9, 0, 0, 0]), y + np.array([0, 0, -9, 9, 0]))
        level = float(heights.max())
        if not near or heights.min() < land.water_m + 0.6 or np.ptp(heights) > 0.45:
            continue
        if not builder.take(float(x), float(y), max(width / 2, 8.5)):
            continue
        builder.place(
            parking_ground(width), Pose(float(x), float(y), level, float(yaw)), object_id=0
        )
        a = np.radians(yaw)
        for row, facing in ((5.2, 90.0), (-5.2, -90.0)):
            for k in np.arange(-width / 2 + 1.25, width / 2, 2.5):
                px, py = x + k * np.cos(a) - row * np.sin(a), y + k * np.sin(a) + row * np.cos(a)
                bays.append((float(px), float(py), float(yaw) + facing))
    return bays


def _traffic(
    builder: SceneBuilder,
    rng: np.random.Generator,
    kinds: Kinds,
    region: Region,
    land: Land,
    *,
    yards: list[tuple[float, float, float]],
) -> None:
    parked: list[tuple[float, float, float]] = []
    for _ in range(region.vehicles):
        u = rng.uniform(size=5)
        model = pick_vehicle(rng, kinds, heavy=0.2, detail=False)
        if u[0] < 0.5 and yards:
            x, y, yaw = yards[int(u[1] * len(yards))]
            x, y = x + 9 * (u[2] - 0.5), y + 9 * (u[3] - 0.5)
            place, activity = (x, y, yaw + 90 * int(4 * u[4])), float(u[4]) ** 2
        else:
            road = land.roads[int(u[1] * len(land.roads))]
            side = 1 if u[2] < 0.5 else -1
            spot, along = road.at(float(u[3]) * road.length_m, -side * land.road_half_m / 2)
            place, activity = (
                (float(spot[0]), float(spot[1]), float(along) + (0 if side > 0 else 180)),
                1.0,
            )
        inside = max(abs(place[0]), abs(place[1])) < land.reach_m - 8
        reach = 0.45 * model.size_m[0]
        if activity == 1.0:  # roads are claimed against everything but vehicles
            free = all(np.hypot(place[0] - x, place[1] - y) > r + reach for x, y, r in parked)
        else:
            free = builder.is_free(place[0], place[1], reach)
        if inside and free and land.ground(place[0], place[1]) > land.water_m + 0.15:
            place_vehicle(builder, rng, model, place, activity=activity, rise_m=0.02)
            builder.claim(place[0], place[1], reach)
            parked.append((place[0], place[1], reach))


def _living(
    builder: SceneBuilder,
    rng: np.random.Generator,
    kinds: Kinds,
    region: Region,
    land: Land,
) -> None:
    """People on roads, paths and fields; herds in meadows."""
    for _ in range(region.people):
        u = rng.uniform(size=5)
        road = land.roads[int(u[0] * len(land.roads))]
        off = (land.road_half_m + 0.8 + 9 * u[2] ** 2) * (1 if u[1] < 0.5 else -1)
        (x, y), _ = road.at(float(u[3]) * road.length_m, float(off))
        inside = max(abs(x), abs(y)) < land.reach_m - 5
        if (
            inside
            and land.ground(x, y) > land.water_m + 0.1
            and builder.is_free(float(x), float(y), 0.3)
        ):
            posture = ("walk", "walk", "stand", "talk", "sit", "lie")[int(u[4] * 6)]
            z = float(land.ground(x, y))
            spot = (float(x), float(y), z, 360 * float(rng.uniform()))
            place_person(builder, rng, kinds.outfits, spot, posture=posture)
    for _ in range(region.herds):
        x, y = rng.uniform(-110, 110, 2)
        kind = kinds.animals[int(rng.uniform() * len(kinds.animals))]
        for _ in range(int(rng.integers(3, 10))):
            u = rng.uniform(size=4)
            px, py = float(x + 26 * (u[0] - 0.5)), float(y + 26 * (u[1] - 0.5))
            if land.ground(px, py) > land.water_m + 0.1 and builder.take(px, py, 0.8):
                pose = Pose(px, py, None, 360 * u[2], 0.9 + 0.2 * u[3])
                offset = float(rng.normal(0, 0.6))
                builder.place(animal(kind, int(u[3] * 9)), pose, activity=1.0, offset_k=offset)
