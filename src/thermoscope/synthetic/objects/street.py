"""Things along a street: poles, lamps, lights, signs, rails, cones, stops, bumps, benches, fences.

Each stands at the origin; what has a front looks along +x.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from thermoscope.synthetic.meshes import box, ellipsoid, extrude, lathe, loft, tube
from thermoscope.synthetic.objects.kit import Kit, LampSpot, Model, rng_of
from thermoscope.synthetic.scene import Role

__all__ = [
    "bench",
    "bin_",
    "bollard",
    "bump",
    "bus_shelter",
    "cabinet",
    "car_stop",
    "cone",
    "hydrant",
    "street_lamp",
    "traffic_light",
    "traffic_sign",
    "utility_pole",
]

Floats = NDArray[np.float64]
SIGNS = ("stop", "limit", "yield", "warning", "info", "parking")


def _post(height: float, radius: float) -> list[tuple[float, float]]:
    return [(radius * 1.6, 0), (radius * 1.6, 0.12), (radius, 0.16), (radius, height), (0, height)]


@lru_cache(maxsize=16)
def street_lamp(variant: int) -> Model:
    """A lamp post whose arm reaches over the road (+x); the light shines down."""
    rng, kit = rng_of("street_lamp", variant), Kit("street_lamp", "street_lamp")
    height, reach = float(rng.uniform(5.5, 9.0)), float(rng.uniform(0.9, 2.2))
    metal = kit.slot("post", "galvanised")
    kit.add(lathe(_post(height - 0.5, 0.075), segments=10), metal)
    arc = np.linspace(0, np.pi / 2, 6)
    arm = np.stack([reach * np.sin(arc) ** 1.5, 0 * arc, height - 0.5 + 0.5 * np.sin(arc)], 1)
    kit.add(tube(arm, 0.045, segments=6), metal)
    kit.add(
        ellipsoid((0.36, 0.15, 0.09), rings=6, segments=10).moved(reach + 0.2, 0, height), metal
    )
    head = box((reach - 0.05, -0.1, height - 0.09), (reach + 0.45, 0.1, height - 0.06))
    kit.add(head, kit.slot("lamp", "lens", Role.MACHINE, tint=(1, 0.85, 0.6), glow=0.7, lit="dark"))
    # 9 klm into a cone of 70 degrees: 2.2 kcd against the 100 klx of the noon sun
    kit.lamp(LampSpot((reach + 0.2, 0, height - 0.15), 0.022, (1.0, 0.8, 0.5), (0, 0, -1), 72.0))
    return kit.model()


@lru_cache(maxsize=8)
def utility_pole(variant: int) -> Model:
    """A wooden pole with a cross arm and insulators; some carry a transformer."""
    rng, kit = rng_of("utility_pole", variant), Kit("utility_pole", "pole")
    wood = kit.slot("pole", "wood", tint=(0.7, 0.7, 0.7))
    height = float(rng.uniform(8, 10.5))
    kit.add(lathe([(0.15, 0), (0.10, height), (0, height)], segments=9), wood)
    for z in (height - 0.5, height - 1.3):
        kit.add(box((-0.05, -1.0, z - 0.06), (0.05, 1.0, z + 0.06)), wood)
        for y in (-0.9, -0.4, 0.4, 0.9):
            insulator = lathe([(0.05, 0), (0.07, 0.06), (0.04, 0.16), (0, 0.16)], segments=6)
            kit.add(insulator.moved(0, y, z + 0.06), kit.slot("insulator", "ceramic"))
    if variant % 2 == 0:
        can = lathe([(0, 0), (0.25, 0.02), (0.25, 0.75), (0, 0.8)], segments=12)
        kit.add(
            can.moved(0.38, 0, height - 2.6), kit.slot("transformer", "painted_metal", Role.MACHINE)
        )
    return kit.model()


@lru_cache(maxsize=8)
def traffic_light(variant: int) -> Model:
    """Signals on a post, looking along +x, and one more on an arm for wide streets."""
    kit = Kit("traffic_light", "traffic_light")
    metal = kit.slot("post", "galvanised", class_name="pole")
    housing = kit.slot("housing", "plastic", tint=(0.1, 0.1, 0.1))
    kit.add(lathe(_post(3.5, 0.07), segments=9), metal)
    places = [(0.1, 0.0, 3.05)]
    if variant % 2:
        kit.add(
            tube([(0, 0, 3.3), (0, 0, 5.3), (0, 0.4, 5.6), (0, 3.4, 5.7)], 0.06, segments=7), metal
        )
        places.append((0.1, 3.2, 5.35))
    burning = variant % 3
    for x, y, z in places:
        kit.add(box((x - 0.1, y - 0.17, z - 0.5), (x + 0.1, y + 0.17, z + 0.5)), housing)
        kit.add(box((x - 0.11, y - 0.3, z - 0.62), (x - 0.09, y + 0.3, z + 0.62)), housing)
        for k, colour in enumerate(((1.0, 0.05, 0.03), (1.0, 0.6, 0.05), (0.1, 0.9, 0.5))):
            on = k == burning
            lens = kit.slot(
                f"lens_{k}", "lens", Role.MACHINE, tint=colour, glow=0.12 if on else 0.0
            )
            disc = ellipsoid((0.03, 0.1, 0.1), rings=6, segments=10)
            kit.add(disc.moved(x + 0.1, y, z + 0.3 - 0.3 * k), lens)
            visor = tube(
                [(x + 0.08, y, z + 0.41 - 0.3 * k), (x + 0.26, y, z + 0.40 - 0.3 * k)], 0.02
            )
            kit.add(visor.scaled(1, 1, 1), housing)
    return kit.model()


def _plate(sides: int, radius: float, turn_deg: float = 0.0) -> Floats:
    angle = np.arange(sides) * 2 * np.pi / sides + np.radians(turn_deg)
    return radius * np.stack([np.cos(angle), np.sin(angle)], 1)


def _rectangle(a: float, b: float) -> Floats:
    return np.array([[-a, -b], [a, -b], [a, b], [-a, b]])


@lru_cache(maxsize=16)
def traffic_sign(kind: str) -> Model:
    """A sign of a kind in `SIGNS` on a post, looking along +x."""
    kit = Kit(f"sign_{kind}", "traffic_sign")
    kit.add(
        lathe(_post(2.75, 0.035), segments=8), kit.slot("post", "galvanised", class_name="pole")
    )
    red, white, blue = (0.65, 0.03, 0.03), (1.0, 1.0, 1.0), (0.03, 0.12, 0.5)
    shape, rim, field = {
        "stop": (_plate(8, 0.38, 22.5), red, red),
        "limit": (_plate(20, 0.34), red, white),
        "yield": (_plate(3, 0.46, 30), red, white),
        "warning": (_plate(4, 0.45), (0.1, 0.1, 0.1), (0.95, 0.7, 0.05)),
        "info": (_rectangle(0.55, 0.35), white, blue),
        "parking": (_rectangle(0.3, 0.3), blue, blue),
    }[kind]  # fmt: skip
    for scale, tint, name, x in ((1.0, rim, "rim", 0.0), (0.80, field, "field", 0.012)):
        plate = extrude(shape * scale, 0.02).turned(90, "x").turned(90)
        kit.add(plate.moved(0.04 + x, 0, 2.4), kit.slot(name, "painted_metal", tint=tint))
    marks = kit.slot(
        "mark", "painted_metal", tint=(1, 1, 1) if field != white else (0.05, 0.05, 0.05)
    )
    for k, (half, z) in enumerate(((0.16, 2.44), (0.12, 2.34))):
        if kind != "yield":
            kit.add(box((0.07, -half, z - 0.03), (0.08, half, z + 0.03 + 0.02 * k)), marks)
    return kit.model()


@lru_cache(maxsize=8)
def cone(variant: int) -> Model:
    """A traffic cone with a white band."""
    kit = Kit("cone", "color_cone")
    scale = (0.55, 0.75, 0.95)[variant % 3]
    orange = kit.slot("cone", "plastic", tint=(1.9, 0.35, 0.06))
    white = kit.slot("band", "reflective")
    profile = [(0.17, 0.04), (0.13, 0.25), (0.085, 0.5), (0.065, 0.7), (0.025, 1.0), (0, 1.0)]
    cells = np.full((5, 14), orange)
    cells[[1, 3]] = white
    kit.add_sorted(lathe(np.array(profile) * (1, scale), segments=14, slots=cells))
    kit.add(box((-0.2, -0.2, 0), (0.2, 0.2, 0.045)), kit.slot("base", "rubber"))
    return kit.model()


@lru_cache(maxsize=4)
def car_stop(variant: int) -> Model:
    """A wheel stop along y."""
    kit = Kit("car_stop", "car_stop")
    profile = np.array([[-0.09, 0], [0.09, 0], [0.05, 0.12], [-0.05, 0.12]])
    ends = [np.column_stack([profile[:, 0], np.full(4, y), profile[:, 1]]) for y in (-0.9, 0.9)]
    slot = kit.slot("stop", "concrete" if variant % 2 else "rubber")
    kit.add(loft(np.array(ends), crease_deg=20), slot)
    if variant % 2 == 0:
        for y in (-0.6, 0.0, 0.6):
            kit.add(
                box((-0.07, y - 0.12, 0.05), (0.07, y + 0.12, 0.125)),
                kit.slot("mark", "road_paint", tint=(1.4, 1.1, 0.2)),
            )
    return kit.model()


@lru_cache(maxsize=8)
def bump(width_m: float) -> Model:
    """A speed bump across the road (along y), black and yellow."""
    kit = Kit("bump", "bump")
    dark = kit.slot("rubber", "rubber")
    light = kit.slot("mark", "road_paint", tint=(1.4, 1.1, 0.2))
    x = np.linspace(-0.3, 0.3, 9)
    z = 0.07 * np.cos(x / 0.3 * np.pi / 2) - 0.02
    y = np.arange(-width_m / 2, width_m / 2 + 0.01, 0.5)
    profile = np.column_stack([x, z])
    rings = np.stack([np.insert(profile, 1, k, axis=1) for k in y])
    cells = np.full((len(y) - 1, len(x)), dark)
    cells[::2] = light
    kit.add_sorted(loft(rings, crease_deg=50, slots=cells))
    return kit.model()


@lru_cache(maxsize=4)
def bench(variant: int) -> Model:
    """A bench, its back at -x."""
    kit = Kit("bench", "street_furniture")
    wood, iron = kit.slot("slats", "wood"), kit.slot("legs", "cast_iron")
    for x in (0.05, 0.2, 0.35):
        kit.add(box((x - 0.055, -0.85, 0.43), (x + 0.055, 0.85, 0.465)), wood)
    if variant % 2 == 0:
        for z in (0.58, 0.73, 0.86):
            kit.add(box((-0.08, -0.85, z - 0.05), (-0.05, 0.85, z + 0.05)), wood)
    for y in (-0.7, 0.7):
        kit.add(box((-0.02, y - 0.03, 0), (0.04, y + 0.03, 0.43)), iron)
        kit.add(box((0.33, y - 0.03, 0), (0.39, y + 0.03, 0.43)), iron)
        kit.add(box((-0.05, y - 0.03, 0.4), (0.39, y + 0.03, 0.43)), iron)
        kit.add(box((-0.06, y - 0.03, 0.4), (-0.02, y + 0.03, 0.9)), iron)
    return kit.model()


@lru_cache(maxsize=4)
def bin_(variant: int) -> Model:
    """A litter bin, or a wheeled dustbin."""
    kit = Kit("bin", "street_furniture")
    if variant % 2:
        body = kit.slot(
            "body", "plastic", tint=((0.1, 0.25, 0.12), (0.12, 0.12, 0.13))[variant % 4 // 2]
        )
        kit.add(
            loft(
                [
                    [
                        [-0.2 * s, -0.22 * s, z],
                        [0.22 * s, -0.22 * s, z],
                        [0.22 * s, 0.22 * s, z],
                        [-0.2 * s, 0.22 * s, z],
                    ]
                    for s, z in ((1.0, 0.06), (1.25, 0.95))
                ],
                crease_deg=10,
            ),
            body,
        )
        kit.add(box((-0.32, -0.3, 0.95), (0.32, 0.3, 1.03)), body)
    else:
        kit.add(
            lathe([(0.2, 0), (0.24, 0.8), (0.27, 0.82), (0.2, 0.9), (0, 0.92)], segments=14),
            kit.slot("body", "painted_metal", tint=(0.2, 0.3, 0.22)),
        )
    return kit.model()


@lru_cache(maxsize=4)
def bollard(variant: int) -> Model:
    """A bollard."""
    kit = Kit("bollard", "pole")
    tall = 0.85 + 0.1 * (variant % 3)
    kit.add(
        lathe([(0.075, 0), (0.075, tall - 0.1), (0.05, tall), (0, tall)], segments=10),
        kit.slot("post", "cast_iron"),
    )
    kit.add(
        lathe([(0.078, tall - 0.28), (0.078, tall - 0.18)], segments=10),
        kit.slot("band", "reflective"),
    )
    return kit.model()


@lru_cache(maxsize=4)
def hydrant(variant: int) -> Model:
    """A fire hydrant: cold water inside."""
    kit = Kit("hydrant", "street_furniture")
    red = kit.slot(
        "body", "painted_metal", Role.COLD, tint=((0.8, 0.06, 0.05), (1.0, 0.8, 0.1))[variant % 2]
    )
    kit.add(
        lathe(
            [
                (0.15, 0),
                (0.15, 0.06),
                (0.1, 0.1),
                (0.1, 0.5),
                (0.13, 0.53),
                (0.12, 0.62),
                (0.05, 0.72),
                (0, 0.73),
            ],
            segments=12,
        ),
        red,
    )
    kit.add(tube([(0, -0.2, 0.4), (0, 0.2, 0.4)], 0.055, segments=8), red)
    return kit.model()


@lru_cache(maxsize=4)
def cabinet(variant: int) -> Model:
    """A switch cabinet that is warm inside."""
    kit = Kit("cabinet", "street_furniture")
    tall, wide = 1.1 + 0.15 * (variant % 3), 0.6 + 0.2 * (variant % 2)
    kit.add(
        box((-0.22, -wide, 0.1), (0.22, wide, tall)),
        kit.slot("body", "painted_metal", Role.MACHINE, tint=(0.55, 0.6, 0.52)),
    )
    kit.add(box((-0.25, -wide - 0.03, 0), (0.25, wide + 0.03, 0.1)), kit.slot("foot", "concrete"))
    kit.add(
        box((-0.26, -wide - 0.04, tall), (0.26, wide + 0.04, tall + 0.05)),
        kit.slot("cap", "painted_metal", tint=(0.5, 0.55, 0.5)),
    )
    return kit.model()


@lru_cache(maxsize=4)
def bus_shelter(variant: int) -> Model:
    """A glazed shelter open towards +x."""
    kit = Kit("bus_shelter", "building")
    frame, glass = (
        kit.slot("frame", "painted_metal", tint=(0.25, 0.27, 0.3)),
        kit.slot("pane", "glass", Role.GLASS),
    )
    for x, y in ((-0.6, -1.9), (-0.6, 0), (-0.6, 1.9), (0.5, -1.9), (0.5, 1.9)):
        kit.add(box((x - 0.04, y - 0.04, 0), (x + 0.04, y + 0.04, 2.4)), frame)
    kit.add(box((-0.8, -2.1, 2.4), (0.9, 2.1, 2.5)), frame)
    kit.add(box((-0.62, -1.86, 0.25), (-0.6, 1.86, 2.1)), glass)
    kit.add(box((-0.56, -1.92, 0.25), (0.46, -1.9, 2.1)), glass)
    kit.add(box((-0.55, -1.2, 0.42), (-0.15, 1.2, 0.48)), kit.slot("seat", "wood"))
    poster = kit.slot("poster", "plastic", tint=(1.2, 1.1, 0.9), glow=0.008, lit="dark")
    kit.add(box((-0.5, 1.86, 0.4), (0.4, 1.94, 2.1)), poster)
    return kit.model()
