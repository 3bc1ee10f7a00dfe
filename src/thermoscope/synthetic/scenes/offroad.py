"""A trail through open country or forest: terrain, water, rocks, plants, people, animals, hills.

The route follows a closed trail. The place depends on the seed, people and animals on the visit
too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from thermoscope.synthetic.kinds import KINDS, Kinds
from thermoscope.synthetic.meshes import quads
from thermoscope.synthetic.objects import nature
from thermoscope.synthetic.objects import street as things
from thermoscope.synthetic.objects.animals import animal
from thermoscope.synthetic.objects.barriers import fence
from thermoscope.synthetic.objects.buildings import building
from thermoscope.synthetic.objects.cars import car
from thermoscope.synthetic.objects.kit import Kit
from thermoscope.synthetic.objects.vegetation import grove, tuft
from thermoscope.synthetic.placement import Pose, SceneBuilder
from thermoscope.synthetic.scene import Role, Scene
from thermoscope.synthetic.scenes.backdrop import far_forest, hills
from thermoscope.synthetic.scenes.draws import draws_of
from thermoscope.synthetic.scenes.lots import plant_bush, plant_tree
from thermoscope.synthetic.scenes.palette import (
    blade,
    has_leaves,
    leaf,
    meadow,
    snow_lies,
    walls,
)
from thermoscope.synthetic.scenes.traffic import place_person, place_vehicle
from thermoscope.synthetic.surfaces import (
    FractalHeight,
    GridGround,
    Path,
    carve,
    smooth_loop,
    subdivide,
    terrain,
)

__all__ = ["COUNTRIES", "Country", "build"]

Floats = NDArray[np.float64]
REACH_M = 84.0
STEP_M = 1.5


@dataclass(frozen=True)
class Country:
    """A kind of landscape.

    Attributes:
        hill_m: Range of the hills' height.
        trees: Number of trees.
        bushes: Number of bushes.
        tufts: Number of tufts.
        rocks: Number of rocks.
        rocky: Share of bare rock.
        wood: Share of the horizon that is wooded.
        far_m: Range of the far hills' height.
        ground: Material, "" = meadow of the season.
        trail: Material of the trail.
        bare: Material of bare patches.
        groves: Number of dense patches of trees further off.
    """

    hill_m: tuple[float, float]
    trees: int
    bushes: int
    tufts: int
    rocks: int
    rocky: float
    wood: float
    far_m: tuple[float, float]
    ground: str
    trail: str
    bare: str
    groves: int = 0


COUNTRIES: dict[str, Country] = {
    "forest": Country(
        (1, 3), 80, 55, 220, 30, 0.02, 1.0, (30, 110), "forest_floor", "soil", "soil", groves=46
    ),
    "meadow": Country(
        (0.8, 2.5), 40, 45, 330, 20, 0.03, 0.75, (30, 140), "", "gravel", "soil", groves=16
    ),
    "rocky": Country(
        (3, 6), 26, 55, 160, 130, 0.30, 0.3, (120, 320), "dry_grass", "gravel", "sand", groves=6
    ),
    "park": Country(
        (0.4, 1.2), 55, 55, 60, 6, 0.0, 0.85, (15, 60), "", "gravel", "sand", groves=14
    ),
}


def _ground(rng: np.random.Generator, country: Country, trail: Path) -> GridGround:
    """Rough hills, smooth along the trail."""
    height = float(rng.uniform(*country.hill_m))
    low = FractalHeight(rng, size_m=95, height_m=height, octaves=2, roughness=0.35)
    fine = FractalHeight(rng, size_m=22, height_m=0.09 * height + 0.1, octaves=3)
    steps = np.arange(-REACH_M, REACH_M + 1e-6, STEP_M)
    x, y = np.meshgrid(steps, steps)
    away = trail.distance(np.stack([x, y], -1))
    rough = 0.25 + 0.75 * np.clip((away - 1.5) / 6, 0, 1)
    return GridGround(steps, low(x, y) + rough * fine(x, y))


def build(
    seed: int,
    *,
    family: str = "train",
    hour: float | None = None,
    weather: str | None = None,
    visit: int = 0,
) -> Scene:
    """The trail of a seed; arguments and errors as in `thermoscope.synthetic.scenes.build`."""
    drawn = draws_of("offroad", seed, family=family, hour=hour, weather=weather, visit=visit)
    place, moving, conditions = drawn.place, drawn.moving, drawn.conditions
    name = tuple(COUNTRIES)[int(np.searchsorted([0.35, 0.6, 0.8], place.uniform()))]
    country, kinds = COUNTRIES[name], KINDS[drawn.family]
    trail = _trail(place)
    ground = _ground(place, country, trail)
    builder = SceneBuilder(
        "offroad", seed, family=drawn.family, conditions=conditions, ground=ground
    )
    level = _terrain(builder, place, ground, country, trail)
    for x, y in trail.points[::2]:
        builder.claim(float(x), float(y), 1.3)
    _landmarks(builder, place, kinds, trail, level=level, country=name)
    _plants(builder, place, kinds, country, trail, level=level)
    far_forest(builder, place, radius_m=REACH_M + 2, share=country.wood)
    height = float(place.uniform(*country.far_m))
    hills(builder, place, inner_m=REACH_M, height_m=height)
    _living(builder, moving, kinds, trail, level)
    return builder.finish(trail.points)


def _trail(rng: np.random.Generator) -> Path:
    turn = np.arange(9) * 2 * np.pi / 9
    radius = rng.uniform(26, 56, 9)
    corners = np.stack([radius * np.cos(turn), radius * np.sin(turn)], 1)
    return smooth_loop(corners, radius_m=18, step_m=1.0)


def _terrain(
    builder: SceneBuilder,
    rng: np.random.Generator,
    ground: GridGround,
    country: Country,
    trail: Path,
) -> float:
    """The ground with trail, bare patches, rock and shore; returns the level of the water."""
    kit = Kit("terrain", "bare_ground")
    snow = snow_lies(builder.conditions)
    material = "snow" if snow else country.ground or meadow(builder.conditions)
    grassy = material in ("grass", "dry_grass")
    base = kit.slot("ground", material, class_name="grass" if grassy else "bare_ground")
    trail_slot = kit.slot("trail", country.trail)
    bare, rock = kit.slot("bare", country.bare), kit.slot("rock", "rock", class_name="rock")
    shore = kit.slot("shore", "mud")
    wave = FractalHeight(rng, size_m=26, height_m=1.0, octaves=3)
    patch = FractalHeight(rng, size_m=18, height_m=1.0, octaves=3)
    wobble = FractalHeight(rng, size_m=11, height_m=0.3, octaves=2)
    level = _water_level(builder, trail, ground.z)
    mesh = terrain(ground.steps, ground.steps, ground.z, slot=base)
    mesh = carve(mesh, patch(*mesh.vertices[:, :2].T) - 1.0, bare)
    if country.rocky > 0:
        mesh = carve(mesh, wave(*mesh.vertices[:, :2].T) - 1.4 + 4 * country.rocky, rock)
    mesh = carve(mesh, level + 0.22 - mesh.vertices[:, 2], shore)
    middle = mesh.vertices[mesh.faces].mean(1)[:, :2]
    mesh = subdivide(mesh, trail.distance(middle) < 2.6)
    east, north = mesh.vertices[:, :2].T
    near = trail.distance(mesh.vertices[:, :2])
    width = 1.15 + wobble(east, north)
    mesh = carve(mesh, width - near, trail_slot)
    kit.add_sorted(mesh)
    size = REACH_M - 1
    sheet = [(-size, -size, level), (size, -size, level), (size, size, level), (-size, size, level)]
    kit.add(quads([sheet]), kit.slot("water", "water", Role.WATER, class_name="water"))
    builder.place(kit.model(), Pose(0, 0, 0), object_id=0)
    return level


def _water_level(builder: SceneBuilder, trail: Path, z: Floats) -> float:
    """Ponds fill the lowest tenth, never the trail."""
    lowest = float(builder.ground(trail.points[:, 0], trail.points[:, 1]).min())
    return min(float(np.quantile(z, 0.09)), lowest - 0.35)


def _spots(
    rng: np.random.Generator, trail: Path, count: int, near: float, far: float
) -> list[tuple[float, float]]:
    """Random places beside the trail, denser near it."""
    s = rng.uniform(0, trail.length_m, count)
    off = (near + (far - near) * rng.uniform(0, 1, count) ** 1.6) * np.sign(rng.normal(0, 1, count))
    points, _ = trail.at(s, off)
    inside = np.abs(points).max(1) < REACH_M - 3
    return [(float(x), float(y)) for x, y in points[inside]]


def _plants(
    builder: SceneBuilder,
    rng: np.random.Generator,
    kinds: Kinds,
    country: Country,
    trail: Path,
    *,
    level: float,
) -> None:
    _trees(builder, rng, kinds, country, trail, level=level)
    for x, y in _spots(rng, trail, country.bushes, 1.8, 22.0):
        if builder.ground(x, y) > level and builder.take(x, y, 0.6):
            plant_bush(builder, rng, x, y, rise_m=0.0)
    for x, y in _spots(rng, trail, country.rocks, 1.7, 24.0):
        u = rng.uniform(size=4)
        size = 0.25 + 1.6 * u[0] ** 2.5
        shade = 0.8 + 0.5 * u[3]
        tints = {"rock": (shade, shade, shade)}
        if builder.is_free(x, y, size * 0.5):
            model = nature.rock(int(u[1] * 24), mossy=u[2] < 0.3)
            z = float(builder.ground(x, y)) - 0.12 * size
            builder.place(model, Pose(x, y, z, 360 * u[2], size), tints=tints)
    for x, y in _spots(rng, trail, 40 + country.rocks, 0.9, 9.0):
        u = rng.uniform(size=3)
        shade = 0.8 + 0.5 * u[0]
        tints = {"rock": (shade, shade, shade)}
        builder.place(nature.pebbles(int(12 * u[1])), Pose(x, y, yaw_deg=360 * u[2]), tints=tints)
    for x, y in _spots(rng, trail, country.tufts, 1.3, 11.0):
        u = rng.uniform(size=3)
        z = float(builder.ground(x, y)) - 0.03
        tints = blade(rng, builder.conditions)
        if z > level - 0.15:
            tall = 1.0 if z < level + 0.3 else 0.38
            pose = Pose(x, y, z, 360 * u[1], 0.7 + 0.6 * u[2])
            builder.place(tuft(int(u[0] * 8), height_m=tall, blades=26), pose, tints=tints)


def _trees(
    builder: SceneBuilder,
    rng: np.random.Generator,
    kinds: Kinds,
    country: Country,
    trail: Path,
    *,
    level: float,
) -> None:
    """Single trees by the trail, dense patches behind them."""
    for x, y in _spots(rng, trail, int(country.trees * 1.4), 5.0, 30.0):
        far = float(trail.distance((x, y))) > 13
        if builder.ground(x, y) > level + 0.1 and builder.take(x, y, 1.3):
            plant_tree(builder, rng, kinds.trees, x, y, leaf_count=420 if far else 1300, rise_m=0.0)
    leaves = has_leaves(builder.conditions)
    for x, y in _spots(rng, trail, country.groves, 22.0, 52.0):
        u = rng.uniform(size=3)
        tints = leaf(rng, builder.conditions)
        clear = float(trail.distance((x, y))) > 19 and builder.ground(x, y) > level + 0.1
        if clear and builder.take(x, y, 5.5):
            model = grove(int(4 * u[0]), leaves=leaves, needle=bool(u[0] > 0.6))
            builder.place(model, Pose(x, y, None, 360 * u[1], 0.75 + 0.4 * u[2]), tints=tints)


def _landmarks(
    builder: SceneBuilder,
    rng: np.random.Generator,
    kinds: Kinds,
    trail: Path,
    *,
    level: float,
    country: str,
) -> None:
    """Logs, stumps, fences, benches, a hut, a parked car."""
    if rng.uniform() < 0.55:
        (x, y), yaw = trail.at(
            float(rng.uniform(0, trail.length_m)), float(rng.choice([-15.0, 15.0]))
        )
        names = kinds.houses if country != "meadow" else (*kinds.houses, *kinds.sheds)
        model = building(names[int(rng.uniform() * len(names))], int(rng.integers(4)))
        reach = max(model.size_m[:2]) * 0.6
        clear = float(trail.distance((x, y))) > reach + 1.5 and builder.ground(x, y) > level + 0.3
        tints = walls(rng)
        if clear and builder.take(float(x), float(y), reach):
            pose = Pose(float(x), float(y), float(builder.ground(x, y)) + 0.3, float(yaw))
            builder.place(model, pose, tints=tints, activity=0.5)
    for x, y in _spots(rng, trail, 14, 2.2, 16):
        u = rng.uniform(size=3)
        if builder.ground(x, y) < level + 0.1 or not builder.take(x, y, 0.9):
            continue
        pose = Pose(x, y, float(builder.ground(x, y)) - 0.05, 360 * u[0])
        if country == "meadow" and u[1] < 0.5:
            builder.place(nature.hay_bale(), pose)
        elif country == "park":
            model = things.bench(int(u[2] * 2)) if u[1] < 0.7 else things.bin_(0)
            builder.place(model, pose)
        else:
            builder.place(
                nature.log(int(u[2] * 6)) if u[1] < 0.6 else nature.stump(int(u[2] * 4)), pose
            )
    if country in ("meadow", "park"):
        start, side = float(rng.uniform(0, trail.length_m)), float(rng.choice([-3.2, 3.2]))
        for k in range(9):
            (x, y), yaw = trail.at(start + 4 * k, side)
            if builder.is_free(float(x), float(y), 1.0):
                z = float(builder.ground(x, y)) - 0.05
                builder.place(fence("rail"), Pose(float(x), float(y), z, float(yaw)))


def _living(
    builder: SceneBuilder, rng: np.random.Generator, kinds: Kinds, trail: Path, level: float
) -> None:
    """People beside the trail, animals in small groups, sometimes a vehicle."""
    if rng.uniform() < 0.4:
        (x, y), yaw = trail.at(float(rng.uniform(0, trail.length_m)), 3.4)
        model = car(kinds.cars[int(rng.uniform() * len(kinds.cars))], int(rng.integers(6)))
        if builder.take(float(x), float(y), 2.0):
            warm = float(rng.uniform()) ** 2
            place_vehicle(builder, rng, model, (float(x), float(y), float(yaw)), activity=warm)
    for x, y in _spots(rng, trail, int(rng.integers(5, 13)), 1.75, 9.0):
        if builder.is_free(x, y, 0.4):
            posture = ("walk", "walk", "stand", "talk", "sit", "crouch")[int(rng.uniform() * 6)]
            z = float(builder.ground(x, y)) - 0.02
            spot = (x, y, z, 360 * float(rng.uniform()))
            place_person(builder, rng, kinds.outfits, spot, posture=posture)
            builder.claim(x, y, 0.5)
    for x, y in _spots(rng, trail, int(rng.integers(2, 5)), 4.0, 16.0):
        kind = kinds.animals[int(rng.uniform() * len(kinds.animals))]
        for _ in range(int(rng.integers(1, 5))):
            u = rng.uniform(size=4)
            px, py = x + 6 * (u[0] - 0.5), y + 6 * (u[1] - 0.5)
            dry = builder.ground(px, py) > level
            if dry and float(trail.distance((px, py))) > 1.8 and builder.take(px, py, 0.7):
                pose = Pose(
                    px, py, float(builder.ground(px, py)) - 0.02, 360 * u[2], 0.9 + 0.2 * u[3]
                )
                offset = float(rng.normal(0, 0.6))
                builder.place(animal(kind, int(u[3] * 9)), pose, activity=1.0, offset_k=offset)
