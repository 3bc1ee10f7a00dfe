"""Trucks and buses: shells with window bands and wheel arches, cabs, loads."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from thermoscope.synthetic.meshes import Mesh, box, grid, lathe, loft, tube
from thermoscope.synthetic.objects.kit import Kit, Model, rng_of
from thermoscope.synthetic.objects.running_gear import TAIL, add_wheels, arched, headlights
from thermoscope.synthetic.scene import Role

__all__ = ["BUS_KINDS", "TRUCK_KINDS", "bus", "truck"]

Floats = NDArray[np.float64]
BUS_KINDS = ("city_bus", "minibus", "coach", "double_decker")
TRUCK_KINDS = ("box_truck", "flatbed", "tanker", "tipper")


def _shell(
    kit: Kit,
    span: tuple[float, float],
    half: float,
    levels: tuple[float, ...],
    *,
    panes: Floats,
    axles: tuple[list[float], float] | None = None,
    glazed: tuple[int, ...] = (2,),
    names: tuple[str, str] = ("body", "car_paint"),
) -> None:
    """A long body with bands of windows.

    Args:
        kit: Receives it.
        span: Rear and front end, m.
        half: Half its width, m.
        levels: Heights of floor, then of the bands' edges, then of the roof, m.
        panes: Pillars' positions along x, m; windows lie between pillar 2k and 2k + 1.
        axles: Positions and wheel radius, m, for the arches.
        glazed: Which bands between `levels` have windows.
        names: Slot and material of the body.
    """
    body = kit.slot(*names, tint="paint")
    glass = kit.slot("window", "glass", Role.GLASS)
    skirt = kit.slot("skirt", "trim")
    ends = np.array([0, 0.04, 0.15])
    x = [span[0] + ends, span[1] - ends, panes]
    if axles:
        x += [a + (axles[1] + 0.055) * np.cos(np.linspace(0, np.pi, 11)) for a in axles[0]]
    stations: Floats = np.unique(np.round(np.concatenate(x), 4))
    stations = stations[(stations >= span[0]) & (stations <= span[1])]
    floor: Floats = np.full(len(stations), levels[0])
    if axles:
        floor = arched(floor, stations, axles[0], axles[1])
    end = np.minimum(stations - span[0], span[1] - stations)
    width = half * (1 - 0.10 * np.clip(1 - end / 0.15, 0, 1) ** 2)
    top = levels[-1] - 0.12 * np.clip(1 - end / 0.15, 0, 1) ** 2
    z = [floor, floor] + [np.maximum(floor, level) for level in levels[1:-1]]
    z += [top - 0.14, top, top + 0.02]
    share = [0.0, 1.0] + [1.0] * (len(levels) - 2) + [0.985, 0.88, 0.0]
    ring_z = np.stack(z + z[-2:0:-1], axis=1)
    ring_y = width[:, None] * np.array(share + [-s for s in share[-2:0:-1]])
    ring_x = np.broadcast_to(stations[:, None], ring_y.shape)
    middle = (stations[:-1] + stations[1:]) / 2
    pane = np.array(
        [any(a < m < b for a, b in zip(panes[::2], panes[1::2], strict=True)) for m in middle]
    )
    cells = np.full((len(middle), ring_y.shape[1]), body)
    cells[1:-1, [0, -1]] = skirt
    for band in glazed:
        cells[np.ix_(pane, np.array([band, ring_y.shape[1] - 1 - band]))] = glass
    kit.add_sorted(loft(np.stack([ring_x, ring_y, ring_z], -1), crease_deg=38, slots=cells))


def _screen(x: float, half: float, low: float, high: float, *, bulge: float = 0.08) -> Mesh:
    """A curved front or rear window just outside the shell."""
    y = np.linspace(-1, 1, 7)
    rows = [
        np.stack([x + bulge * (1 - y**2) * np.sign(x + 1e-9), half * y, np.full(7, z)], -1)
        for z in (low, high)
    ]
    return grid(np.array(rows), crease_deg=60)


def _rear_lights(kit: Kit, x: float, half: float, z: float) -> None:
    tail = kit.slot("tail_light", "lens", tint=TAIL, glow=0.05, lit="active")
    for side in (1, -1):
        kit.add(
            box(
                (x - 0.02, side * half * 0.85 - 0.12, z),
                (x + 0.05, side * half * 0.85 + 0.12, z + 0.3),
            ),
            tail,
        )


@lru_cache(maxsize=32)
def bus(kind: str, variant: int) -> Model:
    """A bus of a kind in `BUS_KINDS`."""
    rng = rng_of("bus", kind, variant)
    length, height, half, radius = {
        "city_bus": (11.8, 3.05, 1.26, 0.48),
        "minibus": (7.2, 2.75, 1.1, 0.40),
        "coach": (12.4, 3.65, 1.26, 0.50),
        "double_decker": (10.6, 4.35, 1.26, 0.48),
    }[kind]
    length *= float(rng.uniform(0.95, 1.05))
    kit = Kit(kind, "bus")
    front, rear = length / 2, -length / 2
    axles = [front - 2.4, rear + 3.1] + ([rear + 1.75] if kind == "coach" else [])
    if kind == "minibus":
        axles = [front - 1.2, rear + 1.6]
    count = int(length / 1.5)
    edges = np.linspace(rear + 0.5, front - 0.5, count + 1)
    panes = np.column_stack([edges[:-1] + 0.05, edges[1:] - 0.05]).ravel()
    belt = {"coach": 1.75, "minibus": 1.25}.get(kind, 1.2)
    levels: tuple[float, ...] = (0.32, belt, height - 0.45, height)
    glazed: tuple[int, ...] = (2,)
    if kind == "double_decker":
        levels, glazed = (0.32, 1.2, 2.15, 2.75, 3.85, height), (2, 4)
    _shell(kit, (rear, front), half, levels, panes=panes, axles=(axles, radius), glazed=glazed)
    glass = kit.slot("window", "glass", Role.GLASS)
    engine = kit.slot("engine_grille", "trim", Role.ENGINE)
    sign = kit.slot("destination", "screen", tint=(1.0, 0.6, 0.1), glow=0.012)
    kit.add(_screen(front + 0.005, half * 0.88, belt - 0.25, height - 0.55), glass)
    if kind == "double_decker":
        kit.add(_screen(front + 0.01, half * 0.88, 2.8, 3.8), glass)
    kit.add(_screen(rear - 0.005, half * 0.8, height - 1.15, height - 0.5), glass)
    kit.add(
        box((front - 0.02, -half * 0.6, height - 0.45), (front + 0.05, half * 0.6, height - 0.2)),
        sign,
    )
    kit.add(box((rear - 0.02, -half * 0.75, 0.55), (rear + 0.1, half * 0.75, 1.15)), engine)
    door = kit.slot("door", "glass", Role.GLASS)
    for x in (front - 0.9, front - length * 0.5):
        kit.add(box((x - 0.55, -half - 0.012, 0.38), (x + 0.55, -half + 0.03, belt + 0.9)), door)
    kit.add(
        box((rear + 1, -half * 0.6, height), (rear + 3, half * 0.6, height + 0.22)),
        kit.slot("air_unit", "plastic", Role.MACHINE),
    )
    add_wheels(kit, axles, half - 0.02, radius, spokes=8)
    headlights(kit, front + 0.03, half * 1.05, 0.72)
    _rear_lights(kit, rear, half, 0.9)
    kit.add(
        tube([(rear + 0.6, half * 0.6, 0.36), (rear - 0.05, half * 0.6, 0.36)], 0.06),
        kit.slot("exhaust", "steel", Role.EXHAUST),
    )
    kit.warm((rear, 0.0, 0.9), 0.7, 14.0)
    return kit.model()


@lru_cache(maxsize=32)
def truck(kind: str, variant: int) -> Model:
    """A truck of a kind in `TRUCK_KINDS`."""
    rng = rng_of("truck", kind, variant)
    length = float(rng.uniform(7.2, 8.6))
    half, radius, front = 1.22, 0.48, length / 2
    rear, cab = -front, front - 2.0
    kit = Kit(kind, "truck")
    axles = [front - 1.15, rear + 1.5] + ([rear + 2.6] if kind in ("tipper", "tanker") else [])
    panes = np.array([cab + 0.55, front - 0.35])
    _shell(
        kit,
        (cab, front),
        half * 0.96,
        (0.45, 1.45, 2.25, 2.75),
        panes=panes,
        axles=(axles[:1], radius),
    )
    glass = kit.slot("window", "glass", Role.GLASS)
    kit.add(_screen(front + 0.005, half * 0.86, 1.5, 2.35), glass)
    kit.add(
        box((front - 0.02, -half * 0.6, 0.75), (front + 0.03, half * 0.6, 1.3)),
        kit.slot("grille", "trim", Role.ENGINE),
    )
    kit.add(
        box((front - 0.1, -half * 0.95, 0.4), (front + 0.08, half * 0.95, 0.68)),
        kit.slot("bumper", "plastic", tint=(0.2, 0.2, 0.22)),
    )
    frame = kit.slot("frame", "rust", tint=(0.3, 0.3, 0.3))
    kit.add(box((rear, -0.45, 0.75), (cab + 0.3, 0.45, 1.0)), frame)
    kit.add(
        box((rear + 3.0, half - 0.55, 0.5), (rear + 3.9, half - 0.05, 0.95)),
        kit.slot("fuel_tank", "steel"),
    )
    mirrors = kit.slot("mirror", "trim")
    for side in (1, -1):
        kit.add(
            box(
                (front - 0.25, side * (half + 0.12) - 0.1, 1.6),
                (front - 0.15, side * (half + 0.12) + 0.1, 2.2),
            ),
            mirrors,
        )
    _LOADS[kind](kit, rear, cab - 0.12, half)
    add_wheels(kit, axles, half - 0.03, radius, spokes=8)
    headlights(kit, front + 0.06, half, 0.85)
    kit.add(box((rear - 0.03, -half, 0.7), (rear + 0.06, half, 0.88)), frame)
    _rear_lights(kit, rear - 0.03, half, 0.7)
    pipe = kit.slot("exhaust", "steel", Role.EXHAUST)
    kit.add(tube([(cab - 0.05, -half * 0.9, 0.9), (cab - 0.05, -half * 0.9, 2.9)], 0.07), pipe)
    kit.add(box((rear + 3.2, -half * 0.95, 0.45), (rear + 4.0, -half * 0.55, 0.85)), pipe)
    kit.warm((front - 0.1, 0.0, 1.0), 0.7, 9.0)
    return kit.model()


def _box_load(kit: Kit, rear: float, front: float, half: float) -> None:
    wall = kit.slot("box", "painted_metal", tint="load")
    edge = kit.slot("edge", "galvanised")
    kit.add(box((rear, -half, 1.05), (front, half, 3.5)), wall)
    for y in (-half, half):
        for z in (1.05, 3.44):
            kit.add(box((rear - 0.02, y - 0.03, z), (front + 0.02, y + 0.03, z + 0.08)), edge)
    for y in (-0.03, half * 0.6, -half * 0.6):
        kit.add(box((rear - 0.04, y, 1.1), (rear, y + 0.05, 3.4)), edge)


def _flat_load(kit: Kit, rear: float, front: float, half: float) -> None:
    kit.add(box((rear, -half, 1.05), (front, half, 1.2)), kit.slot("deck", "wood"))
    side = kit.slot("side", "painted_metal", tint="load")
    for y in (-half, half - 0.04):
        kit.add(box((rear, y, 1.2), (front, y + 0.04, 1.7)), side)
    kit.add(box((rear, -half, 1.2), (rear + 0.04, half, 1.7)), side)
    cargo = kit.slot("cargo", "cardboard")
    for i, x in enumerate(np.arange(rear + 0.3, front - 1.2, 1.3)):
        kit.add(box((x, -0.9, 1.2), (x + 1.15, 0.9, 1.6 + 0.35 * (i * 7 % 3))), cargo)


def _tank_load(kit: Kit, rear: float, front: float, half: float) -> None:
    body = lathe(
        [
            (0, 0),
            (0.75, 0.02),
            (1.1, 0.25),
            (1.1, front - rear - 0.25),
            (0.75, front - rear - 0.02),
            (0, front - rear),
        ],
        segments=24,
    )
    kit.add(
        body.turned(90, "y").scaled(1, 1, 0.9).moved(rear, 0, 2.1),
        kit.slot("tank", "painted_metal", tint="load"),
    )
    kit.add(
        box((rear + 0.4, -0.25, 3.05), (front - 0.4, 0.25, 3.15)), kit.slot("walk", "galvanised")
    )


def _tipper_load(kit: Kit, rear: float, front: float, half: float) -> None:
    wall = kit.slot("tub", "painted_metal", tint="load")
    kit.add(box((rear, -half, 1.05), (front, half, 1.25)), wall)
    for y in (-half, half - 0.08):
        kit.add(box((rear, y, 1.25), (front, y + 0.08, 2.5)), wall)
        for x in np.linspace(rear, front - 0.1, 5):
            kit.add(box((x, y - 0.03, 1.2), (x + 0.1, y + 0.11, 2.52)), wall)
    kit.add(box((front - 0.08, -half, 1.25), (front, half, 2.9)), wall)
    kit.add(box((rear, -half, 1.25), (rear + 0.06, half, 2.35)), wall)
    bed_x, bed_y = np.meshgrid(
        np.linspace(rear + 0.06, front - 0.08, 9), np.linspace(-half + 0.08, half - 0.08, 7)
    )
    heap = 2.0 + 0.7 * np.cos((bed_x - bed_x.mean()) / 1.9) * np.cos(bed_y * 1.2)
    kit.add(grid(np.stack([bed_x, bed_y, heap], -1), crease_deg=60), kit.slot("gravel", "gravel"))


_LOADS = {
    "box_truck": _box_load,
    "flatbed": _flat_load,
    "tanker": _tank_load,
    "tipper": _tipper_load,
}
