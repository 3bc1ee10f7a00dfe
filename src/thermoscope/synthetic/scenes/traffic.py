"""What moves or may have moved: vehicles driving and parked, people, riders. Differs by visit.

Driving vehicles keep to the right and leave the lane of the route free.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from thermoscope.synthetic.kinds import Kinds
from thermoscope.synthetic.objects.cars import car
from thermoscope.synthetic.objects.cycles import SADDLE_M, bicycle, motorcycle
from thermoscope.synthetic.objects.heavy import bus, truck
from thermoscope.synthetic.objects.kit import Model
from thermoscope.synthetic.objects.people import person
from thermoscope.synthetic.placement import Pose, SceneBuilder
from thermoscope.synthetic.scene import HeatSource
from thermoscope.synthetic.scenes.lots import Bay
from thermoscope.synthetic.scenes.palette import clothes, paint
from thermoscope.synthetic.scenes.street import KERB_M, Street

__all__ = [
    "drive",
    "fill_bays",
    "park_along",
    "pick_vehicle",
    "place_person",
    "place_vehicle",
    "ride",
    "walk",
]


def _pick(rng: np.random.Generator, names: Sequence[str]) -> str:
    return names[int(rng.integers(len(names)))]


def pick_vehicle(
    rng: np.random.Generator, kinds: Kinds, *, heavy: float, detail: bool = True
) -> Model:
    """A car, or with the share `heavy` a truck or bus."""
    if rng.uniform() < heavy:
        if rng.uniform() < 0.5:
            return truck(_pick(rng, kinds.trucks), int(rng.integers(4)))
        return bus(_pick(rng, kinds.buses), int(rng.integers(3)))
    return car(_pick(rng, kinds.cars), int(rng.integers(8)), detail=detail)


def place_vehicle(
    builder: SceneBuilder,
    rng: np.random.Generator,
    model: Model,
    place: tuple[float, float, float],
    *,
    activity: float,
    rise_m: float = 0.0,
) -> int:
    """A vehicle on the ground, tilted with the slope under its length.

    Args:
        builder: The scene.
        rng: Source of its colours.
        model: Which.
        place: x, y, m, and yaw, degrees.
        activity: 1 drives or has just stopped, 0 is cold.
        rise_m: Of its wheels over `builder.ground`.
    """
    x, y, yaw = place
    reach = 0.3 * model.size_m[0]
    dx, dy = reach * np.cos(np.radians(yaw)), reach * np.sin(np.radians(yaw))
    ahead, behind = builder.ground([x + dx, x - dx], [y + dy, y - dy])
    pitch = float(np.degrees(np.arctan2(ahead - behind, 2 * reach)))
    z = float(ahead + behind) / 2 + rise_m
    offset = float(rng.normal(0, 0.7))
    pose = Pose(x, y, z, yaw, pitch_deg=pitch)
    return builder.place(model, pose, tints=paint(rng), activity=activity, offset_k=offset)


def _cooled(rng: np.random.Generator) -> float:
    """Activity of a parked vehicle: many are long cold, some have just come."""
    u = rng.uniform(size=2)
    return float(0.0 if u[0] < 0.55 else 0.85 * u[1] ** 1.5)


def park_along(
    builder: SceneBuilder,
    rng: np.random.Generator,
    street: Street,
    kinds: Kinds,
    *,
    density: float,
) -> None:
    """Parked cars along the kerbs, some trucks, motorcycles."""
    for side in (1, -1):
        if street.parking_m[0 if side > 0 else 1] < 1.8:
            continue
        s = float(rng.uniform(2, 8))
        while s < street.path.length_m - 4:
            if rng.uniform() > density:
                s += float(rng.uniform(4, 9))
                continue
            if rng.uniform() < 0.07:
                model = motorcycle(_pick(rng, kinds.motorcycles), int(rng.integers(3)))
            elif rng.uniform() < 0.07:
                model = truck(_pick(rng, kinds.trucks), int(rng.integers(4)))
            else:
                model = car(_pick(rng, kinds.cars), int(rng.integers(8)))
            length = model.size_m[0]
            middle = s + length / 2
            off = street.kerb_m(side) - 0.25 - min(model.size_m[1], 2.5) / 2
            (x, y), yaw = street.path.at(middle, side * (off + float(rng.normal(0, 0.06))))
            turn = float(yaw) + (180 if side > 0 else 0) + float(rng.normal(0, 1.2))
            if not _at_crossing(street, middle, length / 2) and builder.take(x, y, length * 0.42):
                place = (float(x), float(y), turn)
                rise = -0.018 * off
                place_vehicle(builder, rng, model, place, activity=_cooled(rng), rise_m=rise)
            s += length + float(rng.uniform(0.7, 2.5))


def _at_crossing(street: Street, s: float, reach: float) -> bool:
    half = street.path.length_m / 2
    gaps = [abs((s - c.s_m + half) % (2 * half) - half) - c.half_m for c in street.crossings]
    return bool(gaps and min(gaps) < reach + 3.0)


def fill_bays(
    builder: SceneBuilder, rng: np.random.Generator, kinds: Kinds, bays: Sequence[Bay]
) -> None:
    """Cars in the bays of parking lots."""
    for bay in bays:
        if rng.uniform() < 0.6:
            model = pick_vehicle(rng, kinds, heavy=0.0, detail=False)
            back = 180.0 if rng.uniform() < 0.3 else 0.0
            place = (bay.x, bay.y, bay.yaw_deg + back)
            rise = KERB_M - 0.01
            place_vehicle(builder, rng, model, place, activity=_cooled(rng), rise_m=rise)


def drive(
    builder: SceneBuilder,
    rng: np.random.Generator,
    street: Street,
    kinds: Kinds,
    *,
    gap_m: float,
) -> None:
    """Traffic coming the other way, with warm tracks behind the wheels."""
    s = float(rng.uniform(5, 25))
    while s < street.path.length_m - 8:
        kind = rng.uniform()
        if kind < 0.10:
            ride(builder, rng, street, kinds, s)
            s += 6.0
        else:
            model = pick_vehicle(rng, kinds, heavy=0.16)
            (x, y), yaw = street.path.at(s, street.lane_m / 2 + float(rng.normal(0, 0.12)))
            if builder.take(float(x), float(y), 0.3 * model.size_m[0]):
                place = (float(x), float(y), float(yaw) + 180)
                number = place_vehicle(builder, rng, model, place, activity=1.0, rise_m=-0.03)
                _under(builder, number, place)
            s += model.size_m[0]
        s += gap_m * float(rng.uniform(0.4, 1.8))


def _under(builder: SceneBuilder, number: int, place: tuple[float, float, float]) -> None:
    """Warm road under the engine."""
    _ = number
    if len(builder.heat) < 90:
        x, y, yaw = place
        ahead = 1.2
        at = (
            x + ahead * float(np.cos(np.radians(yaw))),
            y + ahead * float(np.sin(np.radians(yaw))),
        )
        ground = float(builder.ground(*at))
        builder.heat.append(HeatSource(0, (*at, ground), 0.7, 3.0))


def ride(
    builder: SceneBuilder, rng: np.random.Generator, street: Street, kinds: Kinds, s: float
) -> None:
    """A cyclist or motorcyclist on the other side of the road."""
    off = street.lane_m - (0.7 if rng.uniform() < 0.7 else 1.8)
    (x, y), yaw = street.path.at(s, off)
    cycle = rng.uniform() < 0.65
    names = kinds.bicycles if cycle else kinds.motorcycles
    model = (bicycle if cycle else motorcycle)(_pick(rng, names), int(rng.integers(3)))
    seat = SADDLE_M["bicycle" if cycle else model.name]
    turn = float(yaw) + 180
    z = float(builder.ground(x, y)) - 0.04
    builder.place(model, Pose(x, y, z, turn), tints=paint(rng), activity=1.0)
    rider = person(_pick(rng, kinds.outfits), "ride", int(rng.integers(4)))
    c, sn = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    hips = rider.size_m[2] * 0.36
    up = z + seat[1] - hips + 0.05
    pose = Pose(x + seat[0] * c, y + seat[0] * sn, up, turn)
    builder.place(
        rider, pose, tints=clothes(rng), activity=1.0, offset_k=float(rng.normal(0.8, 0.6))
    )


def place_person(
    builder: SceneBuilder,
    rng: np.random.Generator,
    outfits: Sequence[str],
    place: tuple[float, float, float, float],
    *,
    posture: str = "walk",
) -> int:
    """Somebody at x, y, z with a yaw in degrees."""
    model = person(_pick(rng, outfits), posture, int(rng.integers(8)))
    x, y, z, yaw = place
    scale = float(rng.uniform(0.94, 1.04)) if rng.uniform() > 0.1 else float(rng.uniform(0.62, 0.8))
    offset = float(rng.normal(0, 0.8))
    return builder.place(
        model, Pose(x, y, z, yaw, scale), tints=clothes(rng), activity=1.0, offset_k=offset
    )


def walk(
    builder: SceneBuilder,
    rng: np.random.Generator,
    street: Street,
    kinds: Kinds,
    *,
    gap_m: float,
) -> None:
    """People on the sidewalks: alone, in pairs, in talking groups; bicycles leaning about."""
    for side in (1, -1):
        s = float(rng.uniform(0, gap_m))
        inner = street.kerb_m(side) + 0.15 + street.verge_m
        width = street.edge_m(side) - inner
        while s < street.path.length_m:
            off = inner + width * float(rng.uniform(0.25, 0.85))
            kind = rng.uniform()
            (x, y), yaw = street.path.at(s, side * off)
            z = float(builder.ground(x, y)) + KERB_M - 0.018 * street.kerb_m(side) + 0.015
            if not builder.is_free(float(x), float(y), 0.35):
                s += 2.0
                continue
            if kind < 0.12:
                model = bicycle(_pick(rng, kinds.bicycles), int(rng.integers(3)))
                builder.place(model, Pose(float(x), float(y), z, float(yaw) + 15), tints=paint(rng))
            elif kind < 0.32:
                for turn in (0.0, 130.0, 245.0)[: int(rng.integers(2, 4))]:
                    a = np.radians(turn)
                    spot = (float(x + 0.5 * np.cos(a)), float(y + 0.5 * np.sin(a)), z, turn + 180)
                    place_person(builder, rng, kinds.outfits, spot, posture="talk")
            else:
                turn = float(yaw) + (180 if rng.uniform() < 0.5 else 0) + float(rng.normal(0, 8))
                posture = "walk" if rng.uniform() < 0.85 else "stand"
                spot = (float(x), float(y), z, turn)
                place_person(builder, rng, kinds.outfits, spot, posture=posture)
            builder.claim(float(x), float(y), 0.6)
            s += gap_m * float(rng.uniform(0.2, 1.8))
