"""Warm and cold things of a building: radiators, screens, kitchens, machines, pipes, lamps, tools.

What stands at a wall has its back at x = 0 and looks along +x.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from thermoscope.synthetic.meshes import box, ellipsoid, lathe, tube
from thermoscope.synthetic.objects.furniture import add_boxes
from thermoscope.synthetic.objects.kit import Kit, LampSpot, Model, rng_of
from thermoscope.synthetic.scene import Role

__all__ = [
    "MACHINE_KINDS",
    "RADIATOR_KINDS",
    "backpack",
    "ceiling_lamp",
    "computer",
    "fire_extinguisher",
    "hand_drill",
    "kitchen",
    "machine",
    "pipe_run",
    "radiator",
]

RADIATOR_KINDS = ("panel_radiator", "column_radiator", "convector")
MACHINE_KINDS = ("lathe", "rack", "pump", "boiler", "switchboard", "generator")


@lru_cache(maxsize=12)
def radiator(kind: str, variant: int) -> Model:
    """A radiator of a kind in `RADIATOR_KINDS`."""
    half = 0.35 + 0.15 * (variant % 4)
    kit = Kit(kind, "heater")
    hot = kit.slot("body", "painted_metal", Role.HEATER, tint=(1.5, 1.5, 1.48))
    if kind == "panel_radiator":
        add_boxes(kit, hot, [(0.04, -half, 0.14, 0.11, half, 0.68)])
        add_boxes(
            kit,
            hot,
            [
                (0.11, y, 0.17, 0.12, y + 0.03, 0.65)
                for y in np.arange(-half + 0.03, half - 0.04, 0.08)
            ],
        )
    elif kind == "column_radiator":
        for y in np.arange(-half, half, 0.075):
            add_boxes(kit, hot, [(0.04, y, 0.12, 0.16, y + 0.05, 0.7)])
    else:
        add_boxes(kit, hot, [(0.02, -half * 1.6, 0.06, 0.14, half * 1.6, 0.3)])
    pipe = [(0.08, half, 0.18), (0.08, half + 0.1, 0.18), (0.08, half + 0.1, 0.0)]
    kit.add(tube(pipe, 0.011, segments=6), kit.slot("pipe", "painted_metal", Role.HEATER))
    return kit.model()


@lru_cache(maxsize=8)
def computer(variant: int) -> Model:
    """Screen, keyboard and computer for a desk: the desk's top at z = 0, its back edge at x = 0."""
    kit = Kit("computer", "appliance")
    case = kit.slot("case", "plastic", Role.MACHINE, tint=(0.12, 0.12, 0.13))
    screen = kit.slot("screen", "screen", Role.MACHINE, tint=(3, 4, 6), glow=0.007)
    wide = 0.26 + 0.05 * (variant % 3)
    kit.add(box((0.2, -wide, 0.12), (0.24, wide, 0.46)), case)
    kit.add(box((0.24, -wide + 0.012, 0.132), (0.243, wide - 0.012, 0.448)), screen)
    add_boxes(kit, case, [(0.2, -0.03, 0.0, 0.23, 0.03, 0.15), (0.12, -0.12, 0, 0.32, 0.12, 0.012)])
    add_boxes(
        kit, kit.slot("keys", "plastic", tint=(0.2, 0.2, 0.2)), [(0.42, -0.22, 0, 0.56, 0.22, 0.02)]
    )
    if variant % 2:
        add_boxes(kit, case, [(0.05, wide + 0.1, -0.71, 0.45, wide + 0.28, -0.3)])
    return kit.model()


@lru_cache(maxsize=4)
def kitchen(variant: int) -> Model:
    """A kitchen row: fridge, counter, sink, hob with a warm pot, oven."""
    kit = Kit("kitchen", "appliance")
    front = kit.slot("front", "wood", tint=(1.8, 1.8, 1.8), class_name="furniture")
    top = kit.slot("top", "ceramic", class_name="furniture", tint=(0.5, 0.5, 0.5))
    fridge = kit.slot("fridge", "painted_metal", Role.COLD, tint=(1.5, 1.5, 1.5))
    steel, oven = kit.slot("sink", "steel"), kit.slot("oven", "glass", Role.HEATER)
    add_boxes(kit, fridge, [(0, -1.6, 0.02, 0.62, -1.0, 1.8)])
    add_boxes(
        kit, kit.slot("grille", "trim", Role.MACHINE), [(0.56, -1.58, 0.02, 0.63, -1.02, 0.1)]
    )
    for y in (-1.0, -0.4, 0.8):
        add_boxes(kit, front, [(0, y, 0.1, 0.58, y + 0.6, 0.86), (0, y, 1.4, 0.34, y + 0.6, 2.05)])
    add_boxes(kit, oven, [(0, 0.2, 0.1, 0.59, 0.8, 0.86)])
    add_boxes(kit, top, [(0, -1.0, 0.86, 0.62, 1.4, 0.9)])
    hob = kit.slot("hob", "screen", Role.HEATER)
    add_boxes(kit, hob, [(0.06, 0.22, 0.9, 0.56, 0.78, 0.906)])
    if variant % 2 == 0:
        pot = lathe([(0.11, 0), (0.11, 0.14), (0.09, 0.15), (0, 0.16)], segments=14)
        kit.add(pot.moved(0.32, 0.42, 0.906), kit.slot("pot", "steel", Role.HEATER))
        kettle = lathe([(0.09, 0), (0.06, 0.2), (0, 0.22)], segments=12)
        kit.add(kettle.moved(0.25, -0.85, 0.9), kit.slot("kettle", "plastic", Role.HEATER))
    add_boxes(kit, steel, [(0.1, -0.6, 0.88, 0.5, -0.1, 0.905)])
    kit.add(
        tube([(0.08, -0.35, 0.9), (0.08, -0.35, 1.15), (0.22, -0.35, 1.15)], 0.014, segments=6),
        steel,
    )
    return kit.model()


def _workshop_machine(kit: Kit, kind: str, body: int, dark: int, steel: int) -> None:
    if kind == "lathe":
        add_boxes(
            kit,
            body,
            [
                (0.1, -0.9, 0, 0.7, -0.5, 0.9),
                (0.1, 0.5, 0, 0.7, 0.9, 0.9),
                (0.05, -1.0, 0.85, 0.75, 1.0, 1.0),
                (0.1, -1.0, 1.0, 0.7, -0.4, 1.5),
            ],
        )
        kit.add(tube([(0.4, -0.4, 1.25), (0.4, 0.6, 1.25)], [0.1, 0.05], segments=14), steel)
        kit.add(tube([(0.4, -1.35, 0.6), (0.4, -0.95, 0.6)], 0.2, segments=14), dark)
    elif kind == "rack":
        add_boxes(
            kit,
            kit.slot("case", "painted_metal", tint=(0.12, 0.12, 0.13)),
            [(0, -0.3, 0, 0.9, 0.3, 2.0)],
        )
        for k, z in enumerate(np.arange(0.1, 1.85, 0.14)):
            warm = kit.slot("unit", "painted_metal", Role.MACHINE, tint=(0.3, 0.3, 0.32))
            add_boxes(kit, warm, [(0.9, -0.26, z, 0.915, 0.26, z + 0.11)])
            led = kit.slot("led", "lens", tint=(0.1, 1, 0.3), glow=0.1)
            add_boxes(
                kit,
                led,
                [(0.915, 0.2 - 0.03 * (k % 3), z + 0.04, 0.918, 0.21 - 0.03 * (k % 3), z + 0.05)],
            )
    elif kind == "pump":
        kit.add(tube([(0.45, -0.5, 0.42), (0.45, 0.1, 0.42)], 0.21, segments=16), dark)
        kit.add(ellipsoid((0.28, 0.2, 0.28), rings=8, segments=14).moved(0.45, 0.3, 0.42), body)
        kit.add(
            tube([(0.45, 0.35, 0.42), (0.45, 0.35, 1.7), (0.05, 0.35, 1.7)], 0.07, segments=10),
            steel,
        )
        add_boxes(kit, body, [(0.15, -0.55, 0, 0.75, 0.5, 0.2)])


def _plant_machine(kit: Kit, kind: str, body: int, dark: int, steel: int) -> None:
    if kind == "boiler":
        kit.add(
            lathe([(0.42, 0.1), (0.42, 1.7), (0.25, 1.85), (0, 1.88)], segments=20).moved(0.5),
            kit.slot("jacket", "painted_metal", Role.HEATER, tint=(1, 1, 1)),
        )
        kit.add(
            tube([(0.5, 0, 1.8), (0.5, 0, 2.5)], 0.09, segments=10),
            kit.slot("flue", "steel", Role.HEATER),
        )
        add_boxes(kit, dark, [(0.85, -0.15, 0.35, 1.0, 0.15, 0.65)])
    elif kind == "switchboard":
        add_boxes(kit, body, [(0, y, 0, 0.4, y + 0.58, 1.95) for y in (-0.9, -0.3, 0.3)])
        add_boxes(
            kit,
            kit.slot("gauge", "plastic", tint=(0.1, 0.1, 0.1)),
            [(0.4, y + 0.2, 1.4, 0.41, y + 0.4, 1.6) for y in (-0.9, -0.3, 0.3)],
        )
    else:
        add_boxes(kit, body, [(0.1, -0.8, 0.15, 0.9, 0.9, 1.2)])
        add_boxes(kit, dark, [(0.9, -0.5, 0.3, 0.93, 0.5, 1.0)])
        kit.add(
            tube([(0.5, 0.7, 1.2), (0.5, 0.7, 1.9)], 0.07, segments=10),
            kit.slot("exhaust", "rust", Role.EXHAUST),
        )
        add_boxes(kit, steel, [(0.05, -0.85, 0, 0.95, 0.95, 0.15)])


@lru_cache(maxsize=24)
def machine(kind: str, variant: int) -> Model:
    """A machine of a kind in `MACHINE_KINDS`; warm by its activity."""
    kit = Kit(kind, "machine")
    rng = rng_of("machine", kind, variant)
    paints = ((0.45, 0.6, 0.5), (0.25, 0.4, 0.7), (0.9, 0.9, 0.88), (1.3, 0.75, 0.2))
    body = kit.slot("body", "painted_metal", Role.MACHINE, tint=paints[int(rng.integers(4))])
    dark = kit.slot("motor", "cast_iron", Role.ENGINE)
    steel = kit.slot("steel", "steel")
    if kind in ("lathe", "rack", "pump"):
        _workshop_machine(kit, kind, body, dark, steel)
    else:
        _plant_machine(kit, kind, body, dark, steel)
    kit.warm((0.5, 0.0, 0.8), 0.35, 6.0)
    return kit.model()


@lru_cache(maxsize=32)
def pipe_run(length_m: float, *, hot: bool, radius_m: float = 0.05) -> Model:
    """A pipe along y from 0 to its length, at x = 0.12, with clamps; "hot" ones are heaters."""
    kit = Kit("hot_pipe" if hot else "cold_pipe", "pipe")
    role = Role.HEATER if hot else Role.COLD
    skin = kit.slot("pipe", "painted_metal" if hot else "galvanised", role, tint=(0.9, 0.85, 0.8))
    kit.add(tube([(0.12, 0, 0), (0.12, length_m, 0)], radius_m, segments=10), skin)
    clamp = kit.slot("clamp", "steel")
    for y in np.arange(0.4, length_m, 1.6):
        kit.add(
            box((0, y - 0.02, -radius_m - 0.01), (0.13 + radius_m, y + 0.02, radius_m + 0.01)),
            clamp,
        )
    if hot:
        foil = kit.slot("insulation", "foil")
        low, high = length_m * 0.25, length_m * 0.6
        kit.add(tube([(0.12, low, 0), (0.12, high, 0)], radius_m + 0.03, segments=10), foil)
    return kit.model()


@lru_cache(maxsize=4)
def ceiling_lamp(variant: int) -> Model:
    """A lamp under the ceiling (z = 0): panel, tube or shade."""
    kit = Kit("ceiling_lamp", "lamp")
    lit = kit.slot("light", "lens", Role.MACHINE, glow=0.12)
    body = kit.slot("body", "painted_metal", tint=(1.4, 1.4, 1.4))
    if variant % 3 == 0:
        add_boxes(kit, body, [(-0.31, -0.31, -0.04, 0.31, 0.31, 0.0)])
        add_boxes(kit, lit, [(-0.29, -0.29, -0.045, 0.29, 0.29, -0.04)])
    elif variant % 3 == 1:
        add_boxes(kit, body, [(-0.6, -0.07, -0.06, 0.6, 0.07, 0.0)])
        add_boxes(kit, lit, [(-0.58, -0.05, -0.085, 0.58, 0.05, -0.06)])
    else:
        kit.add(tube([(0, 0, 0), (0, 0, -0.5)], 0.008, segments=4), body)
        kit.add(lathe([(0.2, -0.7), (0.06, -0.5), (0, -0.5)], segments=14), body)
        kit.add(ellipsoid((0.06, 0.06, 0.07), rings=6, segments=10).moved(z=-0.62), lit)
    # 3 klm downward: about 0.6 kcd against the 100 klx of the noon sun
    kit.lamp(
        LampSpot(
            (0, 0, -0.12 - 0.6 * (variant % 3 == 2)),
            0.006,
            (1, 0.95, 0.85),
            (0, 0, -1),
            85.0,
            "always",
        )
    )
    return kit.model()


@lru_cache(maxsize=2)
def fire_extinguisher() -> Model:
    """A red extinguisher standing on the floor."""
    kit = Kit("fire_extinguisher", "fire_extinguisher")
    red, black = (
        kit.slot("body", "painted_metal", tint=(1.1, 0.04, 0.03)),
        kit.slot("hose", "rubber"),
    )
    kit.add(
        lathe(
            [(0.08, 0), (0.085, 0.03), (0.085, 0.42), (0.05, 0.49), (0.025, 0.5), (0, 0.5)],
            segments=14,
        ),
        red,
    )
    kit.add(
        tube([(0, 0, 0.5), (0, 0.02, 0.56), (0, 0.1, 0.5), (0, 0.12, 0.25)], 0.014, segments=6),
        black,
    )
    add_boxes(kit, black, [(-0.02, -0.09, 0.54, 0.02, 0.04, 0.57)])
    add_boxes(
        kit,
        kit.slot("label", "paper", tint=(1.2, 1.2, 1.1)),
        [(0.07, -0.05, 0.18, 0.088, 0.05, 0.34)],
    )
    return kit.model()


@lru_cache(maxsize=4)
def backpack(variant: int) -> Model:
    """A backpack standing on the floor."""
    kit = Kit("backpack", "backpack")
    tint = ((0.1, 0.12, 0.3), (0.5, 0.08, 0.06), (0.12, 0.2, 0.1), (0.15, 0.15, 0.16))[variant % 4]
    cloth = kit.slot("cloth", "fabric", tint=(2 * tint[0], 2 * tint[1], 2 * tint[2]))
    kit.add(ellipsoid((0.13, 0.17, 0.25), rings=9, segments=14).moved(0, 0, 0.24), cloth)
    kit.add(ellipsoid((0.07, 0.13, 0.12), rings=7, segments=10).moved(0.12, 0, 0.15), cloth)
    strap = kit.slot("strap", "fabric", tint=(0.2, 0.2, 0.2))
    for y in (-0.09, 0.09):
        kit.add(tube([(-0.11, y, 0.42), (-0.2, y, 0.3), (-0.12, y, 0.08)], 0.02, segments=5), strap)
    return kit.model()


@lru_cache(maxsize=2)
def hand_drill() -> Model:
    """A cordless drill lying on its side."""
    kit = Kit("hand_drill", "hand_drill")
    body = kit.slot("body", "plastic", Role.MACHINE, tint=(1.6, 1.0, 0.1))
    dark = kit.slot("grip", "rubber")
    kit.add(tube([(-0.1, 0, 0.04), (0.08, 0, 0.04)], 0.036, segments=10), body)
    kit.add(
        tube(
            [(0.08, 0, 0.04), (0.13, 0, 0.04), (0.22, 0, 0.04)], [0.025, 0.015, 0.004], segments=8
        ),
        kit.slot("chuck", "steel"),
    )
    kit.add(tube([(-0.04, 0, 0.04), (-0.07, 0.14, 0.035)], 0.024, segments=8), dark)
    add_boxes(kit, body, [(-0.13, 0.13, 0.0, -0.01, 0.19, 0.07)])
    return kit.model()
