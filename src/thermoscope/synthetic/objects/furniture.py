"""Furniture: desks, chairs, shelves, cupboards, sofas, beds, tables, plants.

Things that stand at a wall have their back at x = 0 and look along +x; chairs look along +x too.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from thermoscope.synthetic.meshes import box, ellipsoid, lathe, tube, tubes
from thermoscope.synthetic.objects.foliage import scatter
from thermoscope.synthetic.objects.kit import Kit, Model, rng_of
from thermoscope.synthetic.scene import Role

__all__ = [
    "CHAIR_KINDS",
    "DESK_KINDS",
    "SHELF_KINDS",
    "add_boxes",
    "bed",
    "boxes",
    "chair",
    "desk",
    "pot_plant",
    "shelf",
    "sofa",
    "wall_thing",
    "whiteboard",
]

CHAIR_KINDS = ("plain_chair", "swivel_chair", "armchair", "stool")
DESK_KINDS = ("panel_desk", "trestle_desk", "round_table", "workbench")
SHELF_KINDS = ("bookcase", "metal_shelf", "cupboard", "locker")
Span = tuple[float, float, float, float, float, float]


def add_boxes(kit: Kit, slot: int, spans: Sequence[Span]) -> None:
    """Boxes given as x0 y0 z0 x1 y1 z1, m."""
    for x0, y0, z0, x1, y1, z1 in spans:
        kit.add(box((x0, y0, z0), (x1, y1, z1)), slot)


@lru_cache(maxsize=24)
def chair(kind: str, variant: int) -> Model:
    """A seat of a kind in `CHAIR_KINDS`; tint key "cloth"."""
    _ = variant
    kit = Kit(kind, "furniture")
    wood, cloth = kit.slot("frame", "wood"), kit.slot("seat", "fabric", tint="cloth")
    if kind == "plain_chair":
        legs: list[Span] = [
            (x, y, 0, x + 0.04, y + 0.04, 0.44) for x in (-0.2, 0.17) for y in (-0.21, 0.17)
        ]
        back: list[Span] = [(-0.22, y, 0.44, -0.18, y + 0.04, 0.9) for y in (-0.21, 0.17)]
        rails: list[Span] = [(-0.22, -0.2, z, -0.19, 0.2, z + 0.09) for z in (0.62, 0.8)]
        add_boxes(kit, wood, [*legs, *back, *rails])
        add_boxes(kit, cloth, [(-0.21, -0.22, 0.44, 0.22, 0.22, 0.48)])
    elif kind == "swivel_chair":
        dark = kit.slot("base", "plastic", tint=(0.15, 0.15, 0.16))
        turn = np.arange(5) * 2 * np.pi / 5
        feet = np.stack([0.3 * np.cos(turn), 0.3 * np.sin(turn), 0 * turn + 0.05], 1)
        hub = np.broadcast_to((0.0, 0.0, 0.1), feet.shape)
        kit.add(tubes(hub, feet, np.full(5, 0.025), np.full(5, 0.02)), dark)
        kit.add(lathe([(0.03, 0.08), (0.03, 0.42), (0, 0.42)], segments=8), dark)
        kit.add(ellipsoid((0.25, 0.25, 0.06), rings=6, segments=12).moved(z=0.47), cloth)
        kit.add(ellipsoid((0.05, 0.22, 0.32), rings=7, segments=12).moved(-0.24, 0, 0.85), cloth)
        for side in (0.27, -0.27):
            arm: list[Span] = [(-0.05, side - 0.02, 0.62, 0.2, side + 0.02, 0.66)]
            add_boxes(kit, dark, [*arm, (0.05, side - 0.02, 0.45, 0.09, side + 0.02, 0.62)])
    elif kind == "armchair":
        add_boxes(kit, cloth, [
            (-0.4, -0.38, 0.12, 0.35, 0.38, 0.42), (-0.42, -0.4, 0.4, -0.22, 0.4, 0.95),
            (-0.3, -0.48, 0.12, 0.35, -0.32, 0.6), (-0.3, 0.32, 0.12, 0.35, 0.48, 0.6),
        ])  # fmt: skip
    else:
        kit.add(lathe([(0.17, 0.6), (0.17, 0.65), (0, 0.66)], segments=14), cloth)
        ends = np.array([(s, t, 0.0) for s in (-0.18, 0.18) for t in (-0.18, 0.18)])
        kit.add(
            tubes(ends * 0.6 + (0, 0, 0.6), ends, np.full(4, 0.015), np.full(4, 0.015)),
            kit.slot("leg", "steel"),
        )
    return kit.model()


@lru_cache(maxsize=24)
def desk(kind: str, variant: int) -> Model:
    """A table of a kind in `DESK_KINDS`."""
    rng, kit = rng_of("desk", kind, variant), Kit(kind, "furniture")
    half, depth = float(rng.uniform(0.6, 0.9)), float(rng.uniform(0.65, 0.8))
    wood = kit.slot("top", "wood", tint=(1.4, 1.4, 1.4) if variant % 2 else (1, 1, 1))
    steel = kit.slot("legs", "painted_metal", tint=(0.3, 0.3, 0.32))
    if kind == "panel_desk":
        add_boxes(kit, wood, [
            (0.02, -half, 0.71, depth, half, 0.74),
            (0.06, -half, 0, depth - 0.05, -half + 0.03, 0.71),
            (0.06, half - 0.03, 0, depth - 0.05, half, 0.71), (0.08, -half, 0.3, 0.1, half, 0.7),
            (0.12, half - 0.45, 0.08, depth - 0.06, half - 0.04, 0.68),
        ])  # fmt: skip
    elif kind == "trestle_desk":
        add_boxes(kit, wood, [(0.02, -half, 0.71, depth, half, 0.745)])
        for y in (-half + 0.15, half - 0.15):
            ends = np.array([(0.1, y, 0.0), (depth - 0.1, y, 0.0)])
            tops = np.array([(0.25, y, 0.71), (depth - 0.25, y, 0.71)])
            kit.add(tubes(ends, tops, np.full(2, 0.022), np.full(2, 0.022)), steel)
    elif kind == "round_table":
        kit.add(lathe([(0.55, 0.72), (0.55, 0.75), (0, 0.75)], segments=22).moved(0.6), wood)
        kit.add(
            lathe([(0.3, 0), (0.28, 0.03), (0.05, 0.06), (0.05, 0.72)], segments=12).moved(0.6),
            steel,
        )
    else:
        add_boxes(kit, wood, [(0, -half, 0.82, depth, half, 0.9)])
        add_boxes(kit, steel, [
            (x, y, 0, x + 0.06, y + 0.06, 0.82)
            for x in (0.05, depth - 0.1) for y in (-half, half - 0.06)
        ])  # fmt: skip
        add_boxes(kit, steel, [(0.05, -half, 0.2, depth - 0.05, half, 0.23)])
        tools = kit.slot("tool_box", "painted_metal", tint=(0.9, 0.1, 0.08))
        add_boxes(kit, tools, [(0.1, -half + 0.1, 0.9, 0.4, -half + 0.55, 1.15)])
    return kit.model()


@lru_cache(maxsize=24)
def shelf(kind: str, variant: int) -> Model:
    """A shelf of a kind in `SHELF_KINDS`, filled."""
    rng, kit = rng_of("shelf", kind, variant), Kit(kind, "furniture")
    half, depth, tall = float(rng.uniform(0.4, 0.6)), 0.36, float(rng.uniform(1.6, 2.1))
    metal = kind in ("metal_shelf", "locker")
    tint = (0.45, 0.5, 0.55) if metal else (1.2, 1.2, 1.2)
    frame = kit.slot("frame", "painted_metal" if metal else "wood", tint=tint)
    if kind in ("cupboard", "locker"):
        add_boxes(kit, frame, [(0, -half, 0.05, depth, half, tall)])
        door = kit.slot("front", "painted_metal" if metal else "wood", tint=tint)
        count = 2 if kind == "cupboard" else 4
        wide = 2 * half / count
        for k in range(count):
            y = -half + k * wide
            add_boxes(
                kit, door, [(depth, y + 0.01, 0.08, depth + 0.02, y + wide - 0.01, tall - 0.03)]
            )
            add_boxes(
                kit,
                kit.slot("handle", "steel"),
                [(depth + 0.02, y + wide - 0.07, 0.9, depth + 0.05, y + wide - 0.05, 1.1)],
            )
        return kit.model()
    levels = np.arange(0.08, tall, 0.38)
    add_boxes(kit, frame, [(0, -half, z, depth, half, z + 0.025) for z in levels])
    add_boxes(kit, frame, [(0, y, 0, depth, y + 0.025, tall) for y in (-half, half - 0.025)])
    if not metal:
        add_boxes(kit, frame, [(0, -half, 0, 0.015, half, tall)])
    for z in levels[:-1]:
        y = -half + 0.04
        while y < half - 0.15:
            wide, high = float(rng.uniform(0.1, 0.35)), float(rng.uniform(0.15, 0.3))
            end = min(y + wide, half - 0.04)
            slot = kit.slot("boxes", "cardboard") if metal else kit.slot("books", "paper")
            if rng.uniform() < 0.8:
                add_boxes(kit, slot, [(0.04, y, z + 0.025, depth - 0.06, end, z + high)])
            y = end + float(rng.uniform(0.01, 0.1))
    return kit.model()


@lru_cache(maxsize=4)
def sofa(variant: int) -> Model:
    """A sofa, its back at x = 0; tint key "cloth"."""
    kit = Kit("sofa", "furniture")
    cloth, half = kit.slot("cloth", "fabric", tint="cloth"), 0.9 + 0.15 * (variant % 3)
    add_boxes(kit, cloth, [
        (0.05, -half, 0.1, 0.85, half, 0.4), (0.0, -half, 0.1, 0.22, half, 0.85),
        (0.0, -half - 0.15, 0.1, 0.85, -half, 0.6), (0.0, half, 0.1, 0.85, half + 0.15, 0.6),
    ])  # fmt: skip
    for y in (-half / 2, half / 2):
        kit.add(
            ellipsoid((0.34, half / 2 - 0.02, 0.1), rings=6, segments=12).moved(0.55, y, 0.4), cloth
        )
        kit.add(
            ellipsoid((0.1, half / 2 - 0.04, 0.24), rings=6, segments=12).moved(0.24, y, 0.65),
            cloth,
        )
    return kit.model()


@lru_cache(maxsize=4)
def bed(variant: int) -> Model:
    """A bed, its head at x = 0; tint key "cloth"."""
    kit = Kit("bed", "furniture")
    half = 0.5 + 0.25 * (variant % 2)
    wood, cloth = (
        kit.slot("frame", "wood"),
        kit.slot("blanket", "fabric", Role.PASSIVE, tint="cloth"),
    )
    add_boxes(
        kit,
        wood,
        [
            (0, -half, 0, 0.05, half, 0.95),
            (0.05, -half, 0.15, 2.05, half, 0.32),
            (2.0, -half, 0, 2.06, half, 0.5),
        ],
    )
    white = kit.slot("linen", "fabric", tint=(1.5, 1.5, 1.5))
    add_boxes(kit, white, [(0.06, -half + 0.02, 0.32, 2.0, half - 0.02, 0.5)])
    kit.add(ellipsoid((0.75, half + 0.03, 0.12), rings=8, segments=16).moved(1.3, 0, 0.48), cloth)
    kit.add(ellipsoid((0.2, half * 0.7, 0.09), rings=6, segments=12).moved(0.32, 0, 0.55), white)
    return kit.model()


@lru_cache(maxsize=8)
def boxes(variant: int) -> Model:
    """A stack of cardboard boxes, perhaps on a pallet."""
    rng, kit = rng_of("boxes", variant), Kit("boxes", "furniture")
    card, wood = kit.slot("card", "cardboard"), kit.slot("pallet", "wood")
    base = 0.0
    if variant % 2:
        add_boxes(kit, wood, [(-0.5, y, 0.1, 0.5, y + 0.16, 0.14) for y in (-0.5, -0.25, 0.0, 0.3)])
        add_boxes(kit, wood, [(x, -0.5, 0, x + 0.1, 0.46, 0.1) for x in (-0.5, -0.05, 0.4)])
        base = 0.14
    for _ in range(int(rng.integers(2, 6))):
        x, y = rng.uniform(-0.3, 0.1, 2)
        a, b, c = rng.uniform(0.3, 0.55, 3)
        add_boxes(kit, card, [(x, y, base, x + a, y + b, base + c)])
        base += c if rng.uniform() < 0.7 else 0.0
    return kit.model()


@lru_cache(maxsize=4)
def pot_plant(variant: int) -> Model:
    """A plant in a pot."""
    rng, kit = rng_of("pot_plant", variant), Kit("pot_plant", "shrub")
    pot = lathe([(0.13, 0), (0.17, 0.3), (0.15, 0.31), (0, 0.27)], segments=12)
    kit.add(pot, kit.slot("pot", "ceramic", class_name="furniture", tint=(0.7, 0.4, 0.3)))
    tall = float(rng.uniform(0.5, 1.1))
    kit.add(
        tube([(0, 0, 0.25), (0.03, 0, 0.3 + tall * 0.6)], [0.025, 0.012], segments=6),
        kit.slot("stem", "bark"),
    )
    aim = rng.normal(0, 1, (160, 3)) + np.array([0, 0, 0.4])
    aim /= np.linalg.norm(aim, axis=1, keepdims=True)
    at = aim * rng.uniform(0.1, 0.32, (160, 1)) + (0, 0, 0.35 + tall * 0.7)
    leaves = scatter(rng, at, aim - (0, 0, 0.5), aim, np.array([0.035, 0.10]))
    kit.add(leaves, kit.slot("leaf", "leaf", Role.LEAF))
    return kit.model()


@lru_cache(maxsize=16)
def wall_thing(variant: int) -> Model:
    """Something small on a wall, its back at x = 0, its middle at z = 0; tint key "cloth"."""
    rng, kit = rng_of("wall_thing", variant), Kit("wall_thing", "furniture")
    kind = variant % 5
    if kind in (0, 1):
        half, tall = float(rng.uniform(0.2, 0.5)), float(rng.uniform(0.2, 0.4))
        frame = kit.slot("frame", "wood", tint=(0.5, 0.5, 0.5))
        add_boxes(kit, frame, [(0, -half, -tall, 0.02, half, tall)])
        canvas = kit.slot("picture", "paper", tint="cloth")
        add_boxes(kit, canvas, [(0.02, 0.04 - half, 0.04 - tall, 0.025, half - 0.04, tall - 0.04)])
    elif kind == 2:
        rim = lathe([(0.16, 0), (0.16, 0.04), (0.14, 0.045), (0, 0.045)], segments=18).turned(
            90, "y"
        )
        kit.add(rim, kit.slot("clock", "plastic", tint=(1.4, 1.4, 1.4)))
        hands: list[Span] = [
            (0.045, -0.008, 0, 0.05, 0.008, 0.11),
            (0.045, -0.07, -0.01, 0.05, 0, 0.01),
        ]
        add_boxes(kit, kit.slot("hands", "plastic", tint=(0.1, 0.1, 0.1)), hands)
    elif kind == 3:
        warm = kit.slot(
            "box", "plastic", Role.MACHINE, class_name="appliance", tint=(1.2, 1.2, 1.2)
        )
        add_boxes(kit, warm, [(0, -0.16, -0.22, 0.1, 0.16, 0.22)])
        add_boxes(kit, warm, [(0, -0.02, 0.22, 0.025, 0.02, 1.0)])
    else:
        wood = kit.slot("board", "wood")
        add_boxes(kit, wood, [(0, -0.5, 0, 0.22, 0.5, 0.03)])
        books = kit.slot("books", "paper")
        y = -0.45
        while y < 0.35:
            wide, high = float(rng.uniform(0.04, 0.2)), float(rng.uniform(0.14, 0.26))
            add_boxes(kit, books, [(0.02, y, 0.03, 0.18, y + wide, high)])
            y += wide + float(rng.uniform(0, 0.12))
    return kit.model()


@lru_cache(maxsize=2)
def whiteboard() -> Model:
    """A board on a wall; its back at x = 0, 0.9 m above the floor."""
    kit = Kit("whiteboard", "furniture")
    add_boxes(kit, kit.slot("frame", "alloy"), [(0, -0.93, 0.87, 0.02, 0.93, 2.03)])
    board = kit.slot("board", "ceramic", tint=(1.3, 1.3, 1.3))
    add_boxes(kit, board, [(0.02, -0.9, 0.9, 0.03, 0.9, 2.0)])
    return kit.model()
