"""Surfaces by name: thermal and optical constants, and which texture each family of scenes shows.

Emissivities (band 7.5-13.5 um) follow the MODIS UCSB library (natural surfaces, building materials)
and the tables of Incropera, Fundamentals of Heat and Mass Transfer, app. A.11 (metals, paints);
thermal inertia is sqrt(conductivity x density x heat capacity) of app. A.3 there, but that of a
thin sheet (car body, glass pane, leaf, cloth) is lowered to what its heat capacity per area lets it
lag. What is NOT here: temperatures (`thermoscope.synthetic.thermal`).
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from thermoscope.synthetic.scene import Material

__all__ = ["MATERIALS", "TEXTURE_VARIANTS", "material_index", "materials_of"]

TEXTURE_VARIANTS = {"train": "a", "val": "b", "test": "c"}
"""A material's texture is named "kind.variant": scenes of one family show one variant only."""

RGB = tuple[float, float, float]


def _row(
    name: str,
    heat: tuple[float, float, float, float],
    albedo: RGB,
    texture: tuple[str, float, float],
    gloss: float = 0.0,
) -> Material:
    """`heat`: emissivity, specular, inertia, absorption. `texture`: kind, scale m, contrast."""
    return Material(
        name=name,
        emissivity=heat[0],
        specular=heat[1],
        thermal_inertia=heat[2],
        solar_absorption=heat[3],
        albedo=albedo,
        texture=texture[0],
        texture_scale_m=texture[1],
        texture_contrast=texture[2],
        gloss=gloss,
    )


MATERIALS: tuple[Material, ...] = (
    # ground
    _row("asphalt", (0.955, 0.1, 1250, 0.88), (0.075, 0.075, 0.078), ("asphalt", 1.2, 0.35)),
    _row("asphalt_patch", (0.96, 0.1, 1200, 0.93), (0.045, 0.045, 0.048), ("asphalt", 0.8, 0.3)),
    _row("concrete", (0.945, 0.1, 1850, 0.62), (0.33, 0.32, 0.30), ("concrete", 1.5, 0.22)),
    _row("paving", (0.94, 0.1, 1750, 0.66), (0.29, 0.27, 0.25), ("tiles", 0.4, 0.25)),
    _row("road_paint", (0.945, 0.15, 1250, 0.73), (0.62, 0.62, 0.60), ("stain", 0.5, 0.3)),
    _row("gravel", (0.95, 0.05, 1300, 0.7), (0.26, 0.24, 0.21), ("gravel", 0.25, 0.45)),
    _row("soil", (0.95, 0.05, 950, 0.75), (0.20, 0.14, 0.09), ("soil", 1.0, 0.4)),
    _row("sand", (0.91, 0.05, 650, 0.6), (0.46, 0.37, 0.26), ("soil", 2.0, 0.2)),
    _row("mud", (0.96, 0.1, 1800, 0.8), (0.12, 0.085, 0.055), ("soil", 0.7, 0.35)),
    _row("grass", (0.975, 0.02, 420, 0.75), (0.085, 0.16, 0.04), ("grass", 0.6, 0.45)),
    _row("dry_grass", (0.955, 0.02, 350, 0.68), (0.31, 0.25, 0.11), ("grass", 0.6, 0.4)),
    _row("crop", (0.975, 0.02, 450, 0.72), (0.13, 0.19, 0.05), ("rows", 1.5, 0.45)),
    _row("ploughed", (0.95, 0.03, 900, 0.8), (0.16, 0.11, 0.075), ("rows", 1.2, 0.4)),
    _row("forest_floor", (0.965, 0.02, 500, 0.78), (0.10, 0.075, 0.045), ("soil", 0.8, 0.5)),
    _row("snow", (0.985, 0.02, 450, 0.2), (0.82, 0.84, 0.88), ("snow", 1.5, 0.08)),
    _row("rock", (0.94, 0.05, 2200, 0.7), (0.27, 0.255, 0.24), ("rock", 1.5, 0.45)),
    _row("moss_rock", (0.955, 0.05, 1900, 0.75), (0.16, 0.18, 0.10), ("rock", 0.8, 0.5)),
    _row("water", (0.985, 0.95, 6000, 0.9), (0.03, 0.05, 0.055), ("water", 2.0, 0.15), 0.5),
    _row("far_hill", (0.97, 0.02, 700, 0.75), (0.10, 0.14, 0.10), ("forest", 25.0, 0.35)),
    # plants
    _row("leaf", (0.975, 0.02, 120, 0.55), (0.075, 0.155, 0.035), ("leaf", 0.5, 0.4)),
    _row("needle", (0.98, 0.02, 140, 0.7), (0.035, 0.085, 0.035), ("leaf", 0.4, 0.4)),
    _row("bark", (0.955, 0.03, 420, 0.78), (0.15, 0.11, 0.08), ("bark", 0.35, 0.45)),
    _row("birch_bark", (0.95, 0.03, 420, 0.45), (0.55, 0.53, 0.49), ("bark", 0.3, 0.4)),
    # buildings
    _row("brick", (0.935, 0.05, 1050, 0.68), (0.30, 0.12, 0.075), ("brick", 0.25, 0.35)),
    _row("stucco", (0.935, 0.05, 950, 0.45), (0.58, 0.54, 0.46), ("stain", 2.5, 0.18)),
    _row("panel_concrete", (0.94, 0.08, 1800, 0.58), (0.40, 0.39, 0.37), ("panels", 3.0, 0.2)),
    _row("stone_wall", (0.94, 0.05, 2000, 0.6), (0.37, 0.33, 0.27), ("brick", 0.55, 0.3)),
    _row("plaster", (0.92, 0.05, 600, 0.4), (0.66, 0.64, 0.59), ("stain", 2.0, 0.07)),
    _row("wallpaper", (0.90, 0.05, 350, 0.45), (0.55, 0.52, 0.45), ("fabric", 0.4, 0.12)),
    _row("wood", (0.90, 0.08, 360, 0.62), (0.27, 0.165, 0.085), ("wood", 0.35, 0.4), 0.05),
    _row("roof_tile", (0.93, 0.05, 900, 0.72), (0.30, 0.125, 0.075), ("tiles", 0.35, 0.35)),
    _row("slate", (0.93, 0.08, 1100, 0.86), (0.10, 0.105, 0.115), ("tiles", 0.3, 0.3)),
    _row("bitumen", (0.94, 0.05, 600, 0.92), (0.07, 0.07, 0.075), ("stain", 1.5, 0.3)),
    _row("sheet_metal", (0.32, 0.7, 420, 0.5), (0.42, 0.43, 0.45), ("corrugated", 0.3, 0.2), 0.2),
    _row("galvanised", (0.42, 0.65, 500, 0.5), (0.42, 0.43, 0.44), ("brushed", 0.3, 0.18), 0.25),
    _row("glass", (0.88, 0.95, 480, 0.25), (0.045, 0.055, 0.06), ("plain", 1.0, 0.05), 0.85),
    _row("window_frame", (0.92, 0.1, 400, 0.35), (0.66, 0.66, 0.64), ("plain", 1.0, 0.05), 0.05),
    _row("curtain", (0.92, 0.02, 150, 0.4), (0.55, 0.52, 0.46), ("fabric", 0.2, 0.25)),
    # vehicles
    _row("car_paint", (0.92, 0.55, 330, 0.7), (0.60, 0.60, 0.60), ("dust", 1.5, 0.06), 0.3),
    _row("trim", (0.93, 0.1, 380, 0.93), (0.025, 0.025, 0.027), ("plain", 1.0, 0.1), 0.05),
    _row("tyre", (0.955, 0.03, 750, 0.94), (0.03, 0.03, 0.032), ("stain", 0.2, 0.25)),
    _row("alloy", (0.28, 0.7, 700, 0.4), (0.45, 0.45, 0.47), ("brushed", 0.2, 0.15), 0.45),
    _row("chrome", (0.12, 0.95, 500, 0.4), (0.60, 0.60, 0.62), ("plain", 1.0, 0.02), 0.8),
    _row("lens", (0.90, 0.8, 400, 0.3), (0.62, 0.62, 0.62), ("plain", 1.0, 0.05), 0.6),
    _row("plate", (0.90, 0.2, 300, 0.3), (0.75, 0.75, 0.70), ("plain", 1.0, 0.2), 0.1),
    _row("rust", (0.80, 0.1, 600, 0.8), (0.19, 0.09, 0.05), ("stain", 0.4, 0.5)),
    _row("painted_metal", (0.92, 0.2, 500, 0.65), (0.50, 0.50, 0.50), ("stain", 1.0, 0.1), 0.1),
    _row("steel", (0.30, 0.7, 800, 0.55), (0.40, 0.41, 0.42), ("brushed", 0.3, 0.2), 0.35),
    _row("cast_iron", (0.90, 0.1, 1500, 0.85), (0.07, 0.07, 0.075), ("stain", 0.3, 0.25)),
    # people and animals
    _row("skin", (0.98, 0.0, 1100, 0.62), (0.48, 0.29, 0.205), ("plain", 0.1, 0.08)),
    _row("hair", (0.96, 0.0, 150, 0.9), (0.05, 0.035, 0.025), ("fur", 0.05, 0.3)),
    _row("fabric", (0.94, 0.0, 150, 0.65), (0.50, 0.50, 0.50), ("fabric", 0.15, 0.25)),
    _row("denim", (0.94, 0.0, 160, 0.75), (0.07, 0.10, 0.19), ("fabric", 0.12, 0.3)),
    _row("leather", (0.95, 0.05, 250, 0.85), (0.07, 0.045, 0.03), ("stain", 0.2, 0.2), 0.05),
    _row("fur", (0.97, 0.0, 110, 0.75), (0.22, 0.15, 0.09), ("fur", 0.15, 0.35)),
    # things
    _row("plastic", (0.93, 0.12, 450, 0.6), (0.50, 0.50, 0.50), ("plain", 0.5, 0.06), 0.08),
    _row("rubber", (0.95, 0.03, 700, 0.93), (0.035, 0.035, 0.035), ("stain", 0.3, 0.15)),
    _row("reflective", (0.90, 0.2, 350, 0.3), (0.80, 0.80, 0.80), ("plain", 0.3, 0.05), 0.1),
    _row("screen", (0.89, 0.7, 450, 0.9), (0.02, 0.02, 0.025), ("plain", 1.0, 0.02), 0.4),
    _row("ceramic", (0.93, 0.3, 1400, 0.35), (0.62, 0.62, 0.60), ("tiles", 0.3, 0.08), 0.3),
    _row("linoleum", (0.93, 0.2, 650, 0.6), (0.30, 0.29, 0.27), ("stain", 0.8, 0.15), 0.12),
    _row("parquet", (0.90, 0.15, 400, 0.62), (0.30, 0.18, 0.09), ("planks", 0.15, 0.35), 0.12),
    _row("carpet", (0.93, 0.0, 180, 0.7), (0.20, 0.19, 0.20), ("fabric", 0.3, 0.25)),
    _row("ceiling_tile", (0.92, 0.0, 300, 0.3), (0.70, 0.70, 0.68), ("panels", 0.6, 0.06)),
    _row("cardboard", (0.91, 0.0, 180, 0.6), (0.36, 0.24, 0.13), ("stain", 0.5, 0.15)),
    _row("paper", (0.92, 0.0, 120, 0.3), (0.72, 0.71, 0.68), ("books", 0.06, 0.5)),
    _row("insulation", (0.92, 0.0, 120, 0.5), (0.60, 0.59, 0.55), ("fabric", 0.2, 0.12)),
    _row("foil", (0.06, 0.9, 200, 0.2), (0.68, 0.68, 0.68), ("stain", 0.2, 0.2), 0.6),
)

_INDEX = {material.name: i for i, material in enumerate(MATERIALS)}


def material_index(name: str) -> int:
    """Index of a material: the same in every scene of every family.

    Raises:
        KeyError: No such material.
    """
    return _INDEX[name]


@lru_cache(maxsize=8)
def materials_of(family: str) -> tuple[Material, ...]:
    """The table with the family's texture variants: "brick" becomes "brick.a" in train scenes.

    Raises:
        KeyError: Unknown family.

    Example:
        >>> materials_of("val")[material_index("brick")].texture
        'brick.b'
    """
    variant = TEXTURE_VARIANTS[family]
    return tuple(replace(m, texture=f"{m.texture}.{variant}") for m in MATERIALS)
