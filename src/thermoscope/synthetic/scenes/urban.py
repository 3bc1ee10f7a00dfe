"""A street around a block: buildings and gardens, furniture, vehicles, people, trees, far hills.

The route follows the right-hand lane of a closed street; that lane is free of vehicles. The place
depends on the seed, what moves on the visit too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from thermoscope.synthetic.kinds import KINDS, Kinds
from thermoscope.synthetic.objects import street as things
from thermoscope.synthetic.objects.barriers import guardrail
from thermoscope.synthetic.objects.kit import Model
from thermoscope.synthetic.objects.vegetation import TREE_KINDS
from thermoscope.synthetic.placement import Pose, SceneBuilder
from thermoscope.synthetic.scene import Scene
from thermoscope.synthetic.scenes.backdrop import far_buildings, far_forest, hills
from thermoscope.synthetic.scenes.draws import draws_of
from thermoscope.synthetic.scenes.lots import LotMix, fill_lots, plant_tree
from thermoscope.synthetic.scenes.palette import meadow
from thermoscope.synthetic.scenes.street import KERB_M, Crossing, Street, street_ground
from thermoscope.synthetic.scenes.street_marks import street_marks
from thermoscope.synthetic.scenes.traffic import drive, fill_bays, park_along, walk
from thermoscope.synthetic.surfaces import FractalHeight, smooth_loop

__all__ = ["DISTRICTS", "District", "build"]

REACH_M = 116.0


@dataclass(frozen=True)
class District:
    """A kind of neighbourhood.

    Attributes:
        lots: What stands along the street.
        parking: Chance of a parking lane on each side.
        parked: Density of parked cars, 0 to 1.
        traffic_gap_m: Between oncoming vehicles.
        people_gap_m: Between people on a sidewalk.
        tree_gap_m: Between street trees; 0 = none.
        verge: Chance of a grass verge.
        rails: Chance of guard rails where the street bends.
        lot: Material of the open ground.
    """

    lots: LotMix
    parking: float
    parked: float
    traffic_gap_m: float
    people_gap_m: float
    tree_gap_m: float
    verge: float
    rails: float
    lot: str = "grass"


DISTRICTS: dict[str, District] = {
    "city": District(
        LotMix(8, 0, 0, 0.7, 0.8), 0.8, 0.6, 26, 10, 15, 0.2, 0.15, lot="paving"
    ),
    "suburb": District(LotMix(0.4, 6, 0, 0.5, 1.5), 0.7, 0.5, 34, 15, 13, 0.8, 0.15),
    "industry": District(
        LotMix(0.3, 0, 4, 3, 1.5), 0.4, 0.6, 24, 20, 24, 0.5, 0.6, lot="concrete"
    ),
    "edge_of_town": District(LotMix(1.5, 2, 1, 1, 4), 0.4, 0.5, 26, 18, 12, 0.8, 0.9),
}  # fmt: skip


def build(
    seed: int,
    *,
    family: str = "train",
    hour: float | None = None,
    weather: str | None = None,
    visit: int = 0,
) -> Scene:
    """The street of a seed; arguments and errors as in `thermoscope.synthetic.scenes.build`."""
    drawn = draws_of("urban", seed, family=family, hour=hour, weather=weather, visit=visit)
    place, moving, conditions = drawn.place, drawn.moving, drawn.conditions
    name = tuple(DISTRICTS)[int(np.searchsorted([0.4, 0.7, 0.83], place.uniform()))]
    district, kinds = DISTRICTS[name], KINDS[drawn.family]
    height = float(place.uniform(0.2, 1.0))
    ground = FractalHeight(place, size_m=170, height_m=height, octaves=1)
    street = _street(place, district, ground)
    builder = SceneBuilder(
        "urban", seed, family=drawn.family, conditions=conditions, ground=street.ground
    )
    lot = meadow(conditions) if street.lot == "grass" else street.lot
    builder.place(
        street_ground(replace(street, lot=lot), reach_m=REACH_M), Pose(0, 0, 0), object_id=0
    )
    _claim_side_streets(builder, street)
    bays = fill_lots(builder, place, street, kinds, district.lots)
    _furnish(builder, place, street, kinds, district)
    street_marks(builder, place, street)
    _horizon(builder, place, kinds, name)
    park_along(builder, moving, street, kinds, density=district.parked)
    fill_bays(builder, moving, kinds, bays)
    drive(builder, moving, street, kinds, gap_m=district.traffic_gap_m)
    walk(builder, moving, street, kinds, gap_m=district.people_gap_m)
    return builder.finish(street.path.shifted(-street.lane_m / 2))


def _street(rng: np.random.Generator, district: District, ground: FractalHeight) -> Street:
    a, b = rng.uniform(32, 48), rng.uniform(26, 38)
    corners = np.array([(-a, -b), (a, -b), (a, b), (-a, b)])
    corners = corners * (1 + rng.normal(0, 0.07, (4, 1))) + rng.normal(0, 5, (4, 2))
    path = smooth_loop(corners, radius_m=float(rng.uniform(15, 28)), step_m=1.0)
    u = rng.uniform(size=8)
    parking = tuple(2.1 if u[k] < district.parking else 0.0 for k in range(2))
    verge = 1.3 if u[2] < district.verge else 0.0
    crossings = []
    for k in range(4):
        away = path.distance(corners[k])  # corners are cut: the loop is nearest at its bend
        nearest = int(np.argmin(((path.points - corners[k]) ** 2).sum(1)))
        s = float(path.along[nearest]) + float(rng.uniform(24, 34))
        if rng.uniform() < 0.6 and away < 40:
            half = float(rng.uniform(2.8, 3.4))
            crossings.append(Crossing(s % path.length_m, -1, half, float(rng.uniform(40, 55))))
    return Street(
        path=path,
        ground=ground,
        lane_m=float(rng.uniform(3.1, 3.7)),
        parking_m=(parking[0], parking[1]),
        walk_m=(1.6 + 1.8 * u[3], 1.6 + 1.8 * u[4]),
        verge_m=verge,
        crossings=tuple(crossings),
        dashed=bool(u[5] < 0.75),
        lot=district.lot,
        walk=("paving", "concrete", "asphalt")[int(u[6] * 3)],
    )


def _claim_side_streets(builder: SceneBuilder, street: Street) -> None:
    for crossing in street.crossings:
        for x, y in street.side_path(crossing).points:
            builder.claim(float(x), float(y), crossing.half_m + 2.3)


def _furnish(
    builder: SceneBuilder,
    rng: np.random.Generator,
    street: Street,
    kinds: Kinds,
    district: District,
) -> None:
    """Lamps, trees, signs, and small things between kerb and sidewalk."""
    path = street.path
    lamp = int(rng.integers(16))
    for number, s in enumerate(np.arange(8, path.length_m - 8, float(rng.uniform(22, 30)))):
        side = 1 if number % 2 else -1
        _at_kerb(builder, street, things.street_lamp(lamp), float(s), side, inward=True)
    # a broad crown down to the ground would stand in the road
    tall = [k for k in kinds.trees if TREE_KINDS[k].base > 0.1 or TREE_KINDS[k].spread < 0.2]
    if district.tree_gap_m > 0:
        for side in (1, -1):
            for s in np.arange(4, path.length_m - 4, district.tree_gap_m * rng.uniform(0.8, 1.5)):
                out = street.kerb_m(side) + 0.15 + (0.65 if street.verge_m else 0.55)
                (x, y), _ = path.at(float(s), side * out)
                if (
                    rng.uniform() < 0.75
                    and _off_crossing(street, float(s), 4)
                    and builder.take(x, y, 0.6)
                ):
                    plant_tree(builder, rng, tuple(tall), float(x), float(y), rise_m=KERB_M - 0.04)
    small = (
        things.bin_(0), things.bin_(1), things.hydrant(0), things.bollard(1), things.cabinet(0),
        things.cabinet(1), things.utility_pole(0), things.utility_pole(1),
        *(things.traffic_sign(kind) for kind in ("limit", "info", "parking", "warning")),
    )  # fmt: skip
    for s in np.arange(6, path.length_m - 6, 9.0):
        side = 1 if rng.uniform() < 0.5 else -1
        model = small[int(rng.integers(len(small)))]
        _at_kerb(builder, street, model, float(s + rng.uniform(0, 5)), side, inward=False)
    for crossing in street.crossings:
        before = crossing.s_m - crossing.half_m - 3.2
        signals = things.traffic_light(int(rng.integers(6)))
        model = signals if rng.uniform() < 0.55 else things.traffic_sign("yield")
        _at_kerb(builder, street, model, before, -1, inward=False, crossing=True)
    if rng.uniform() < 0.5:
        _at_kerb(
            builder, street, things.bus_shelter(0), path.length_m * 0.37, -1, inward=True, out=1.5
        )
    _rails(builder, rng, street, district)


def _off_crossing(street: Street, s: float, margin: float) -> bool:
    half = street.path.length_m / 2
    return all(
        abs((s - c.s_m + half) % (2 * half) - half) > c.half_m + margin for c in street.crossings
    )


def _at_kerb(
    builder: SceneBuilder,
    street: Street,
    model: Model,
    s: float,
    side: int,
    *,
    inward: bool,
    crossing: bool = False,
    out: float = 0.45,
) -> None:
    """Stand a thing behind the kerb, looking over the road or against the traffic of its side."""
    if not crossing and not _off_crossing(street, s, 2.5):
        return
    (x, y), yaw = street.path.at(s, side * (street.kerb_m(side) + 0.15 + out))
    if not builder.take(float(x), float(y), 0.45):
        return
    against = float(yaw) + (180 if side < 0 else 0)
    turn = float(yaw) - 90 * side if inward else against
    z = float(builder.ground(x, y)) + KERB_M - 0.018 * street.kerb_m(side)
    builder.place(model, Pose(float(x), float(y), z, turn), activity=0.8)


def _rails(
    builder: SceneBuilder, rng: np.random.Generator, street: Street, district: District
) -> None:
    """Guard rails outside the bends."""
    path = street.path
    turning = np.abs(
        path.tangent[:-1, 0] * path.tangent[1:, 1] - path.tangent[:-1, 1] * path.tangent[1:, 0]
    )
    for s in np.arange(2.0, path.length_m - 2, 4.0):
        bend = turning[int(s) % len(turning)] > 0.012
        if not bend:
            chance = rng.uniform()
            continue
        chance = rng.uniform()
        if chance > district.rails or not _off_crossing(street, float(s), 5):
            continue
        (x, y), yaw = path.at(float(s), -(street.kerb_m(-1) + 0.32))
        z = float(builder.ground(x, y)) + KERB_M - 0.02 * street.kerb_m(-1)
        builder.place(guardrail(4.1), Pose(float(x), float(y), z, float(yaw)))


def _horizon(builder: SceneBuilder, rng: np.random.Generator, kinds: Kinds, district: str) -> None:
    dense = district in ("city", "industry")
    names = kinds.rows if dense else (*kinds.rows, *kinds.houses)
    far_buildings(builder, rng, names, radius_m=(88, 112), count=22 if dense else 10)
    far_forest(builder, rng, radius_m=118, share=0.35 if dense else 0.8)
    hills(builder, rng, inner_m=REACH_M, height_m=float(rng.uniform(25, 90)))
