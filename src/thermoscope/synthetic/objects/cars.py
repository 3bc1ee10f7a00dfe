"""Passenger cars: a lofted body with wheel arches, a glazed cabin, wheels, lights, exhaust.

x runs forward from the middle of the car. Dimensions are those of production cars of each kind.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from thermoscope.synthetic.meshes import (
    Mesh,
    box,
    ellipsoid,
    grid,
    loft,
    outward,
    tube,
)
from thermoscope.synthetic.objects.kit import Kit, Model, rng_of
from thermoscope.synthetic.objects.running_gear import (
    ARCH_M,
    TAIL,
    add_wheels,
    arched,
    headlights,
)
from thermoscope.synthetic.scene import Role

__all__ = ["CAR_KINDS", "CarShape", "car"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class CarShape:
    """Side view of a car, m; x from the front bumper backwards as shares of the length.

    Attributes:
        length: Over all.
        width: Over the body.
        height: Of the roof.
        wheel_radius: Of the tyre.
        front_axle: Share.
        rear_axle: Share.
        nose: Height of the bonnet's front edge.
        cowl: Share and height where bonnet and windscreen meet.
        roof: Shares where the roof begins and ends.
        tail: Share and height where rear window and boot meet.
        deck: Height of the boot's rear edge.
        clearance: Under the sills.
        pillars: Shares along the cabin's side (front to rear) of (start, end) of each window.
        tumble: Cabin's width at the roof over that at the belt.
    """

    length: float
    width: float
    height: float
    wheel_radius: float
    front_axle: float
    rear_axle: float
    nose: float
    cowl: tuple[float, float]
    roof: tuple[float, float]
    tail: tuple[float, float]
    deck: float
    clearance: float = 0.2
    pillars: tuple[tuple[float, float], ...] = ((0.05, 0.44), (0.50, 0.86))
    tumble: float = 0.80


CAR_KINDS: dict[str, CarShape] = {
    "sedan": CarShape(
        4.65, 1.82, 1.45, 0.325, 0.19, 0.78, 0.68, (0.29, 0.93), (0.44, 0.68), (0.86, 1.0), 0.95
    ),
    "hatchback": CarShape(
        4.1, 1.76, 1.49, 0.315, 0.19, 0.82, 0.70, (0.26, 0.95), (0.41, 0.86), (0.975, 0.98), 0.90
    ),
    "suv": CarShape(
        4.6, 1.9, 1.70, 0.37, 0.19, 0.79, 0.85, (0.27, 1.08), (0.40, 0.88), (0.97, 1.10), 1.02,
        clearance=0.26, tumble=0.84, pillars=((0.05, 0.36), (0.40, 0.68), (0.73, 0.93)),
    ),
    "van": CarShape(
        5.2, 1.96, 2.05, 0.34, 0.17, 0.80, 0.95, (0.16, 1.18), (0.27, 0.97), (0.992, 1.18), 1.05,
        tumble=0.88, pillars=((0.04, 0.25),),
    ),
    "wagon": CarShape(
        4.75, 1.83, 1.48, 0.33, 0.19, 0.78, 0.69, (0.28, 0.94), (0.42, 0.90), (0.97, 0.99), 0.93,
        pillars=((0.04, 0.34), (0.38, 0.64), (0.69, 0.92)),
    ),
    "minivan": CarShape(
        4.8, 1.86, 1.78, 0.33, 0.18, 0.80, 0.80, (0.20, 1.05), (0.37, 0.91), (0.985, 1.06), 0.98,
        tumble=0.84, pillars=((0.06, 0.32), (0.36, 0.62), (0.66, 0.92)),
    ),
    "pickup": CarShape(
        5.4, 1.95, 1.82, 0.39, 0.18, 0.80, 0.98, (0.27, 1.12), (0.36, 0.56), (0.60, 1.13), 1.10,
        clearance=0.33, tumble=0.86, pillars=((0.06, 0.46), (0.52, 0.90)),
    ),
    "coupe": CarShape(
        4.4, 1.84, 1.30, 0.34, 0.20, 0.80, 0.62, (0.33, 0.86), (0.48, 0.64), (0.90, 0.95), 0.92,
        clearance=0.15, pillars=((0.06, 0.66),), tumble=0.78,
    ),
}  # fmt: skip


@lru_cache(maxsize=96)
def car(kind: str, variant: int, *, detail: bool = True) -> Model:
    """A car; variants differ in size and trim.

    Args:
        kind: Key of `CAR_KINDS`.
        variant: Any number; the same number is the same car.
        detail: False makes wheels and arches coarser: for far away.
    """
    rng = rng_of("car", kind, variant)
    shape = CAR_KINDS[kind]
    k = rng.uniform(0.96, 1.04, 3)
    shape = replace(
        shape, length=shape.length * k[0], width=shape.width * k[1], height=shape.height * k[2]
    )
    kit = Kit(kind, "car")
    _body(kit, shape, arch_points=9 if detail else 5)
    _cabin(kit, shape)
    if kind == "pickup":
        _bed(kit, shape)
    x = [shape.length * (0.5 - s) for s in (shape.front_axle, shape.rear_axle)]
    spokes = int(rng.integers(5, 8)) if detail else 0
    add_wheels(kit, x, shape.width / 2, shape.wheel_radius, spokes=spokes)
    _trim(kit, shape)
    return kit.model()


def _body(kit: Kit, shape: CarShape, *, arch_points: int) -> None:
    paint = kit.slot("body", "car_paint", tint="paint")
    hood = kit.slot("hood", "car_paint", Role.ENGINE, tint="paint")
    sill = kit.slot("sill", "trim")
    share = _stations(shape, arch_points)
    top = _top_height(shape, share)
    bottom = _bottom_height(shape, share)
    half = shape.width / 2 * _plan(share)
    crown = np.interp(share, [0, 0.1, 0.9, 1], [0.0, 0.04, 0.04, 0.0])
    rise = top - bottom
    # half cross-section from the middle of the floor to the middle of the bonnet: y share, height
    y = np.array([0.0, 0.86, 0.97, 1.0, 0.985, 0.93, 0.0])
    z = np.stack([
        bottom, bottom, bottom + 0.12 * rise, bottom + 0.5 * rise, top - 0.16 * rise, top - 0.01,
        top + crown,
    ], axis=1)  # fmt: skip
    ring_y = half[:, None] * np.concatenate([y, -y[-2:0:-1]])
    ring_z = np.concatenate([z, z[:, -2:0:-1]], axis=1)
    ring_x = np.broadcast_to(shape.length * (0.5 - share)[:, None], ring_y.shape)
    cells = np.full((len(share) - 1, ring_y.shape[1]), paint)
    cells[:, [0, 1, 10, 11]] = sill
    front = (share[:-1] > 0.03) & (share[:-1] < shape.cowl[0] - 0.01)
    cells[np.ix_(front, np.array([5, 6]))] = hood
    cells[:1, 1:11] = paint
    kit.add_sorted(loft(np.stack([ring_x, ring_y, ring_z], -1), crease_deg=32, slots=cells))
    kit.warm((shape.length * (0.5 - shape.front_axle), 0.0, shape.cowl[1]), 0.55, 9.0)


def _stations(shape: CarShape, arch_points: int) -> Floats:
    bow = np.cos(np.linspace(0, np.pi, arch_points))
    ends = np.array([0.0, 0.006, 0.02, 0.05, 0.09])
    arches = [
        axle + (shape.wheel_radius + ARCH_M) / shape.length * bow
        for axle in (shape.front_axle, shape.rear_axle)
    ]
    wanted = np.concatenate([ends, 1 - ends, *arches, [shape.cowl[0], shape.tail[0], 0.5]])
    wanted = np.sort(np.clip(wanted, 0, 1))
    return np.asarray(wanted[np.concatenate([[True], np.diff(wanted) > 1e-4])])


def _top_height(shape: CarShape, share: Floats) -> Floats:
    cowl_s, cowl_z = shape.cowl
    tail_s, tail_z = shape.tail
    knots = [0.0, 0.015, 0.06, cowl_s, (cowl_s + tail_s) / 2, min(tail_s, 0.98), 0.99, 1.0]
    nose, deck = shape.nose, shape.deck
    heights = [
        nose - 0.20,
        nose - 0.06,
        nose + 0.04,
        cowl_z,
        cowl_z + 0.01,
        tail_z,
        deck,
        deck - 0.3,
    ]
    return np.interp(share, knots, heights)


def _bottom_height(shape: CarShape, share: Floats) -> Floats:
    floor = np.interp(share, [0, 0.06, 0.93, 1], [0.12, 0.0, 0.02, 0.16]) + shape.clearance
    axles = [shape.front_axle * shape.length, shape.rear_axle * shape.length]
    return arched(floor, share * shape.length, axles, shape.wheel_radius)


def _plan(share: Floats) -> Floats:
    front = np.clip(1 - share / 0.14, 0, 1)
    rear = np.clip((share - 0.88) / 0.12, 0, 1)
    return np.asarray(1.0 - 0.20 * front**2.2 - 0.14 * rear**2.2)


def _cabin(kit: Kit, shape: CarShape) -> None:
    """Layers from belt to roof, each an outline from the left front corner round to the right."""
    paint = kit.slot("roof", "car_paint", tint="paint")
    pillar = kit.slot("pillar", "trim")
    glass = kit.slot("window", "glass", Role.GLASS)
    marks = sorted({0.0, 1.0, *(m for window in shape.pillars for m in window)})
    side = np.array(marks)
    across = np.linspace(1, -1, 6)
    columns_y = np.concatenate(
        [np.ones(len(side) - 1), across[:-1], -np.ones(len(side) - 1), -across[:-1]]
    )
    back = np.concatenate([side[:-1], np.ones(5), side[:0:-1], np.zeros(5)])
    height = shape.height
    belt = np.interp(back, [0, 1], [shape.cowl[1], shape.tail[1]]) - 0.03
    layers = []
    for rise, inset in ((0.0, 0.0), (0.08, 0.0), (0.80, 0.0), (0.93, 0.02), (1.0, 0.13)):
        z = belt + (height - belt) * rise
        begin = (shape.cowl[0] - 0.012) * (1 - rise) + shape.roof[0] * rise
        end = shape.tail[0] * (1 - rise) + shape.roof[1] * rise
        round_end = (1 - np.abs(columns_y) ** 2) * 0.10
        x = shape.length * (0.5 - (begin + (end - begin) * back))
        x = x + np.where(back == 0, round_end, np.where(back == 1, -round_end * 0.6, 0))
        half = shape.width / 2 * (0.93 + (shape.tumble - 0.93) * rise) - inset
        x = x + np.where(back == 0, -inset, np.where(back == 1, inset, 0)) * 1.2
        layers.append(np.stack([x, columns_y * half, z], -1))
    window = _is_window(shape, side)
    flat = len(side) - 1
    glazed = np.concatenate([window, np.ones(5, bool), window[::-1], np.ones(5, bool)])
    cells = np.full((4, 2 * flat + 10), paint)
    cells[0] = pillar
    cells[1] = np.where(glazed, glass, pillar if flat > 1 else paint)
    if shape.pillars[-1][1] < 0.8:
        cells[1] = np.where(glazed, glass, paint)
    mesh = loft(np.array(layers), crease_deg=28, slots=cells, caps=False)
    kit.add_sorted(mesh)
    kit.add(_roof_lid(layers[-1], height), paint)


def _is_window(shape: CarShape, side: Floats) -> NDArray[np.bool_]:
    middle = (side[:-1] + side[1:]) / 2
    return np.array([any(a < m < b for a, b in shape.pillars) for m in middle])


def _roof_lid(outline: Floats, height: float) -> Mesh:
    middle = outline.mean(0)
    rings = [
        np.column_stack([middle[:2] + (outline[:, :2] - middle[:2]) * k, np.full(len(outline), z)])
        for k, z in ((1.0, height), (0.6, height + 0.03), (0.0, height + 0.035))
    ]
    return outward(grid(np.array(rings), wrap=True, crease_deg=60))


def _bed(kit: Kit, shape: CarShape) -> None:
    """The open box of a pickup: walls and a dark floor sunk into the deck."""
    dark = kit.slot("bed", "rubber")
    paint = kit.slot("body", "car_paint", tint="paint")
    front = shape.length * (0.5 - shape.tail[0]) - 0.15
    rear, half, deck = -shape.length / 2 + 0.04, shape.width / 2 * 0.88, shape.deck + 0.02
    kit.add(box((rear + 0.1, -half + 0.1, deck), (front, half - 0.1, deck + 0.055)), dark)
    for low, high in (
        ((rear, -half, deck - 0.1), (front, -half + 0.1, deck + 0.18)),
        ((rear, half - 0.1, deck - 0.1), (front, half, deck + 0.18)),
        ((rear, -half, deck - 0.1), (rear + 0.08, half, deck + 0.18)),
    ):
        kit.add(box(low, high), paint)


def _trim(kit: Kit, shape: CarShape) -> None:
    """Lights, grille, plates, mirrors, exhaust."""
    front, half = shape.length / 2, shape.width / 2
    headlights(kit, front - 0.05, half, shape.nose - 0.08)
    tail = kit.slot("tail_light", "lens", tint=TAIL, glow=0.05, lit="active")
    dark, plate = kit.slot("grille", "trim"), kit.slot("plate", "plate")
    paint = kit.slot("body", "car_paint", tint="paint")
    for side in (1, -1):
        lamp = ellipsoid((0.07, 0.17, 0.09), rings=4, segments=8)
        kit.add(lamp.moved(-front + 0.07, side * half * 0.70, shape.deck - 0.14), tail)
        mirror = ellipsoid((0.07, 0.11, 0.075), rings=4, segments=6)
        x = front - shape.length * (shape.cowl[0] + 0.055)
        kit.add(mirror.moved(x, side * (half + 0.03), shape.cowl[1] + 0.05), paint)
    kit.add(
        box(
            (front - 0.06, -half * 0.5, shape.nose - 0.33),
            (front + 0.012, half * 0.5, shape.nose - 0.17),
        ),
        dark,
    )
    kit.add(
        box(
            (front - 0.05, -half * 0.62, 0.26 + shape.clearance * 0.3),
            (front + 0.008, half * 0.62, 0.40 + shape.clearance * 0.3),
        ),
        dark,
    )
    kit.add(box((front, -0.26, shape.nose - 0.36), (front + 0.02, 0.26, shape.nose - 0.25)), plate)
    kit.add(
        box((-front - 0.02, -0.26, shape.deck - 0.30), (-front + 0.03, 0.26, shape.deck - 0.19)),
        plate,
    )
    kit.add(box((-front - 0.02, -half * 0.72, 0.32), (-front + 0.3, half * 0.72, 0.52)), dark)
    pipe = kit.slot("exhaust", "steel", Role.EXHAUST)
    y, z = -half * 0.55, shape.clearance + 0.02
    kit.add(tube([(-front + 0.9, y, z), (-front - 0.05, y, z)], 0.04, segments=8), pipe)
    kit.add(ellipsoid((0.3, 0.16, 0.08), rings=4, segments=6).moved(-front + 0.55, y, z), pipe)
    kit.warm((-front, y, z + 0.05), 0.22, 14.0)
