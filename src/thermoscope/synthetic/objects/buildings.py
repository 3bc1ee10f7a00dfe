"""Buildings: facades on four sides, roofs, doors, shops, balconies, chimneys, plant on the roof.

The front looks towards -y; x runs along the street. Walls are heated from inside by the activity of
the placement. Tint keys: "wall", "roof", "door".
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from thermoscope.synthetic.meshes import box, lathe, quads
from thermoscope.synthetic.objects.facade import Windows, balcony, facade, glass_slots, on_side
from thermoscope.synthetic.objects.kit import Kit, Model, rng_of
from thermoscope.synthetic.objects.roofs import prism_roof
from thermoscope.synthetic.scene import Role

__all__ = ["BUILDING_KINDS", "Style", "building"]


@dataclass(frozen=True)
class Style:
    """How a kind of building looks.

    Attributes:
        wall: Material.
        length_m: Range along the street.
        depth_m: Range.
        floors: Range.
        floor_m: Height of a storey.
        bay_m: Distance of windows.
        window: (width, sill, head) shares.
        roof: "flat", "gable", "hip" or "shed".
        roof_material: Of pitched roofs.
        shop: Large panes on the ground floor.
        balconies: Share of bays with one.
        plinth_m: Height of the base.
        trim: Tint of frames.
    """

    wall: str
    length_m: tuple[float, float]
    depth_m: tuple[float, float]
    floors: tuple[int, int]
    floor_m: float = 2.9
    bay_m: float = 2.8
    window: tuple[float, float, float] = (0.42, 0.30, 0.82)
    roof: str = "flat"
    roof_material: str = "roof_tile"
    shop: bool = False
    balconies: float = 0.0
    plinth_m: float = 0.5
    trim: tuple[float, float, float] = (1.0, 1.0, 1.0)


BUILDING_KINDS: dict[str, Style] = {
    "townhouse": Style("brick", (9, 15), (10, 12), (3, 5), roof="gable", shop=True, bay_m=2.4),
    "apartment": Style("stucco", (16, 26), (11, 13), (4, 6), balconies=0.4, bay_m=3.2),
    "house": Style("stucco", (9, 13), (8, 10), (1, 2), roof="gable", bay_m=2.9),
    "shed": Style(
        "panel_concrete", (16, 30), (14, 20), (1, 1), floor_m=4.5, bay_m=4.5,
        window=(0.5, 0.55, 0.8),
    ),
    "office": Style(
        "panel_concrete", (18, 28), (12, 15), (4, 7), floor_m=3.3, bay_m=3.0,
        window=(0.86, 0.28, 0.86), plinth_m=0.8, trim=(0.25, 0.25, 0.27),
    ),
    "cottage": Style(
        "stone_wall", (8, 12), (7, 9), (1, 2), roof="hip", roof_material="slate", bay_m=3.1,
        window=(0.34, 0.30, 0.74), trim=(0.55, 0.4, 0.3),
    ),
    "barn": Style(
        "wood", (14, 24), (10, 14), (1, 1), floor_m=4.2, roof="gable", roof_material="slate",
        bay_m=4.5, window=(0.22, 0.5, 0.72),
    ),
    "glass_tower": Style(
        "painted_metal", (18, 26), (16, 20), (6, 9), floor_m=3.4, bay_m=1.8,
        window=(0.92, 0.06, 0.94), plinth_m=0.3, trim=(0.35, 0.36, 0.4),
    ),
    "timber_house": Style(
        "wood", (9, 12), (8, 10), (1, 2), roof="gable", roof_material="slate", bay_m=2.6,
        window=(0.4, 0.26, 0.8), trim=(0.95, 0.95, 0.92),
    ),
    "terrace": Style(
        "plaster", (10, 16), (10, 12), (3, 5), roof="hip", roof_material="slate", shop=True,
        bay_m=2.2, window=(0.46, 0.2, 0.86), balconies=0.2,
    ),
    "warehouse": Style(
        "sheet_metal", (20, 34), (16, 22), (1, 1), floor_m=5.5, roof="shed", bay_m=5.0,
        roof_material="sheet_metal", window=(0.6, 0.7, 0.86),
    ),
}  # fmt: skip


@lru_cache(maxsize=96)
def building(kind: str, variant: int, *, detail: bool = True) -> Model:
    """A building of a kind in `BUILDING_KINDS`.

    Args:
        kind: Style.
        variant: Any number.
        detail: False leaves out bars, sills and balconies: for far away.
    """
    rng, style = rng_of("building", kind, variant), BUILDING_KINDS[kind]
    kit = Kit(kind, "building")
    length, depth = float(rng.uniform(*style.length_m)), float(rng.uniform(*style.depth_m))
    floors = int(rng.integers(style.floors[0], style.floors[1] + 1))
    base = style.plinth_m
    top = base + floors * style.floor_m
    wall = kit.slot("wall", style.wall, Role.HEATED_INTERIOR, tint="wall")
    frame = kit.slot("frame", "window_frame", tint=style.trim)
    panes = np.array(glass_slots(kit))
    plinth = kit.slot("plinth", "concrete", Role.HEATED_INTERIOR)
    kit.add(box((-length / 2, -depth / 2, -2.5), (length / 2, depth / 2, base)), plinth)
    for side in range(4):
        width = length if side % 2 == 0 else depth
        bays = max(2, round(width / style.bay_m))
        shop = style.shop and side == 0
        layout = Windows(bays, floors, *style.window, bars=_bars(style), transom=bool(variant % 2))
        glass = panes[rng.choice(3, bays * floors, p=(0.55, 0.25, 0.20))]
        mesh = facade(
            kit, width, base, style.floor_m, layout,
            wall=wall, glass=glass, frame=frame, detail=detail and side == 0,
        )  # fmt: skip
        kit.add_sorted(on_side(mesh, side, length, depth))
        if side == 0:
            _ground_floor(kit, style, rng, (length, depth, bays), shop=shop)
    if detail and style.balconies > 0:
        _balconies(kit, style, rng, (length, depth), floors)
    _roof(kit, style, rng, (length, depth, top))
    leak = rng.uniform(-0.4, 0.4, 2)
    kit.warm((length * leak[0], -depth / 2, base + style.floor_m * 0.9), 0.6, 3.0)
    return kit.model()


def _bars(style: Style) -> int:
    return 2 if style.window[0] > 0.7 and style.bay_m > 2.5 else 1 if style.window[0] < 0.7 else 0


def _ground_floor(
    kit: Kit, style: Style, rng: np.random.Generator, size: tuple[float, float, int], *, shop: bool
) -> None:
    """Door with step and canopy; shop windows with an awning."""
    length, depth, bays = size
    front, bay = -depth / 2, length / bays
    door_bay = int(rng.integers(0, bays))
    x = -length / 2 + (door_bay + 0.5) * bay
    tall, half = (2.9, 1.6) if style.floor_m > 4 else (2.15, 0.52)
    door = kit.slot("door", "wood", Role.HEATED_INTERIOR, tint="door")
    frame = kit.slot("frame", "window_frame", tint=style.trim)
    z = 0.16 if style.floor_m < 4 else 0.0
    kit.add(
        box((x - half - 0.1, front - 0.05, z), (x + half + 0.1, front + 0.1, z + tall + 0.1)), frame
    )
    kit.add(box((x - half, front - 0.09, z), (x + half, front, z + tall)), door)
    kit.add(
        box((x - half - 0.3, front - 0.7, -0.3), (x + half + 0.3, front, 0.16)),
        kit.slot("step", "concrete"),
    )
    kit.add(
        box(
            (x - half - 0.4, front - 0.9, z + tall + 0.25), (x + half + 0.4, front, z + tall + 0.33)
        ),
        frame,
    )
    if not shop:
        return
    glass = kit.slot(
        "shop_window", "glass", Role.GLASS, tint=(2.2, 2.0, 1.7), glow=0.005, lit="dark"
    )
    sign = kit.slot("sign", "plastic", tint="door", glow=0.004, lit="dark")
    awning = kit.slot("awning", "fabric", tint="door")
    for k in range(bays):
        if k == door_bay:
            continue
        a, b = -length / 2 + (k + 0.1) * bay, -length / 2 + (k + 0.9) * bay
        kit.add(box((a - 0.06, front - 0.04, 0.35), (b + 0.06, front + 0.1, 2.66)), frame)
        kit.add(box((a, front - 0.05, 0.45), (b, front + 0.1, 2.6)), glass)
    kit.add(box((-length / 2, front - 0.12, 2.72), (length / 2, front, 3.2)), sign)
    slope = [
        (-length / 2, front - 1.2, 2.5),
        (length / 2, front - 1.2, 2.5),
        (length / 2, front, 2.95),
        (-length / 2, front, 2.95),
    ]
    if rng.uniform() < 0.6:
        kit.add(quads([slope]), awning)


def _balconies(
    kit: Kit, style: Style, rng: np.random.Generator, size: tuple[float, float], floors: int
) -> None:
    length, depth = size
    bays = max(2, round(length / style.bay_m))
    bay = length / bays
    inner = Kit("balconies", "building")
    rail = kit.slot("railing", "painted_metal", tint=(0.6, 0.6, 0.62))
    slab = kit.slot("slab", "concrete", Role.HEATED_INTERIOR)
    chosen = np.flatnonzero(rng.uniform(size=bays) < style.balconies)
    for k in chosen:
        for floor in range(1, floors):
            z = style.plinth_m + floor * style.floor_m + 0.1
            balcony(inner, (k + 0.5) * bay, z, bay * 0.86, rail=rail, slab=slab)
    if len(chosen):
        kit.add_sorted(on_side(inner.model().mesh, 0, length, depth))


def _roof(
    kit: Kit, style: Style, rng: np.random.Generator, size: tuple[float, float, float]
) -> None:
    length, depth, top = size
    if style.roof == "flat":
        _flat_roof(kit, rng, size)
        return
    cover = kit.slot("roof", style.roof_material, Role.HEATED_INTERIOR, tint="roof")
    pitch = 0.28 if style.roof == "shed" else float(rng.uniform(0.6, 0.95))
    rise = depth / 2 * pitch
    eaves = 0.45
    hip = depth / 2 if style.roof == "hip" else 0.0
    slope = rise / (depth / 2)
    roof = prism_roof(
        length + 2 * eaves, depth + 2 * eaves, rise + eaves * slope, hip=hip, eave=0.14
    )
    kit.add(roof.moved(z=top - eaves * slope + 0.02), cover)
    if style.roof != "hip":
        wall = kit.slot("wall", style.wall, Role.HEATED_INTERIOR, tint="wall")
        gable = prism_roof(length, depth, rise - 0.03, eave=0.0)
        kit.add(gable.moved(z=top), wall)
    if style.roof != "shed":
        x = float(rng.uniform(-0.3, 0.3)) * length
        z = top + rise * 0.6
        stack = kit.slot("chimney", "brick", Role.HEATER)
        kit.add(box((x - 0.35, -0.35, z), (x + 0.35, 0.35, top + rise + 0.9)), stack)
        kit.warm((x, 0.0, top + rise + 0.9), 0.4, 10.0)
        gutter = kit.slot("gutter", "galvanised")
        for y in (-depth / 2 - eaves - 0.08, depth / 2 + eaves - 0.02):
            z = top - eaves * slope
            kit.add(
                box((-length / 2 - eaves, y, z), (length / 2 + eaves, y + 0.1, z + 0.1)), gutter
            )


def _flat_roof(kit: Kit, rng: np.random.Generator, size: tuple[float, float, float]) -> None:
    length, depth, top = size
    cover = kit.slot("roof", "bitumen", Role.HEATED_INTERIOR)
    kit.add(box((-length / 2, -depth / 2, top - 0.05), (length / 2, depth / 2, top + 0.02)), cover)
    rim = kit.slot("parapet", "concrete")
    for side in range(4):
        width = length if side % 2 == 0 else depth
        kit.add(
            on_side(
                box((-0.08, -0.08, top - 0.25), (width + 0.08, 0.22, top + 0.5)),
                side,
                length,
                depth,
            ),
            rim,
        )
    plant = kit.slot("plant", "painted_metal", Role.MACHINE)
    for _ in range(int(rng.integers(1, 4))):
        x, y = rng.uniform(-0.32, 0.32, 2) * (length, depth)
        a, b, c = rng.uniform(0.8, 1.8, 3)
        kit.add(box((x - a, y - b, top), (x + a, y + b, top + c)), plant)
    pipe = lathe([(0.15, 0), (0.15, 1.4), (0.22, 1.4), (0.22, 1.55), (0, 1.6)], segments=8)
    vent = kit.slot("vent", "galvanised", Role.HEATER)
    kit.add(pipe.moved(length * 0.2, depth * 0.25, top), vent)
