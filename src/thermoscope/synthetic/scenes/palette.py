"""Colours of paint, clothes, skin, leaves and walls, drawn with realistic shares.

All are linear RGB factors on the albedo of their material (`thermoscope.synthetic.materials`).
"""

from __future__ import annotations

import numpy as np

from thermoscope.synthetic.objects.kit import RGB
from thermoscope.synthetic.scene import Conditions

__all__ = ["blade", "clothes", "has_leaves", "leaf", "meadow", "paint", "snow_lies", "walls"]

# shares of car colours: about three quarters are white, grey, silver or black
# (Axalta, Global automotive color popularity report, 2022)
_PAINTS: tuple[tuple[float, RGB], ...] = (
    (0.32, (1.25, 1.25, 1.22)),
    (0.18, (0.05, 0.05, 0.055)),
    (0.18, (0.33, 0.34, 0.36)),
    (0.10, (0.75, 0.76, 0.78)),
    (0.08, (0.07, 0.13, 0.38)),
    (0.06, (0.55, 0.04, 0.04)),
    (0.03, (0.07, 0.20, 0.10)),
    (0.03, (0.48, 0.38, 0.24)),
    (0.02, (0.85, 0.50, 0.05)),
)
_FABRICS: tuple[RGB, ...] = (
    (0.07, 0.07, 0.08), (0.25, 0.26, 0.28), (0.10, 0.14, 0.30), (0.45, 0.06, 0.06),
    (0.75, 0.74, 0.70), (0.12, 0.24, 0.14), (0.55, 0.42, 0.26), (0.80, 0.60, 0.12),
    (0.30, 0.16, 0.32), (0.16, 0.34, 0.50),
)  # fmt: skip
_TROUSERS: tuple[RGB, ...] = (
    (1.0, 1.0, 1.0), (0.5, 0.45, 0.4), (2.2, 1.8, 1.3), (0.35, 0.3, 0.25), (3.2, 2.6, 1.5),
)  # fmt: skip
_SKINS: tuple[RGB, ...] = (
    (1.15, 1.2, 1.25), (1.0, 1.0, 1.0), (0.75, 0.70, 0.65), (0.45, 0.40, 0.37), (0.25, 0.22, 0.20),
)  # fmt: skip
_HAIRS: tuple[RGB, ...] = (
    (0.5, 0.5, 0.5), (1.5, 1.4, 1.2), (4.0, 3.2, 2.0), (7.0, 6.0, 3.5), (8.0, 8.5, 9.0),
)  # fmt: skip


def _one(rng: np.random.Generator, colours: tuple[RGB, ...], spread: float = 0.12) -> RGB:
    """One colour, varied; always four draws, so that seasons do not shift what comes after."""
    u = rng.uniform(size=4)
    r, g, b = np.array(colours[int(u[0] * len(colours))]) * (1 + spread * (2 * u[1:] - 1))
    return float(r), float(g), float(b)


def paint(rng: np.random.Generator) -> dict[str, RGB]:
    """Colours of a vehicle: "paint" and, for a truck, "load"."""
    shares = np.cumsum([share for share, _ in _PAINTS])
    chosen = _PAINTS[int(np.searchsorted(shares / shares[-1], rng.uniform()))][1]
    loads: tuple[RGB, ...] = ((1.4, 1.4, 1.4), (1.0, 0.8, 0.3), (0.3, 0.4, 0.9), (0.9, 0.9, 0.85))
    return {"paint": _one(rng, (chosen,), 0.1), "load": _one(rng, loads)}


def clothes(rng: np.random.Generator) -> dict[str, RGB]:
    """Colours of somebody: "top", "bottom", "shoes", "skin", "hair"."""
    top, bottom = _one(rng, _FABRICS), _one(rng, _TROUSERS)
    shoes = _one(rng, ((0.7, 0.7, 0.7), (1.5, 1.3, 1.0), (9.0, 12.0, 16.0)))
    double = (2 * top[0], 2 * top[1], 2 * top[2])  # factors on the fabric's 0.5
    skin, hair = _one(rng, _SKINS), _one(rng, _HAIRS)
    return {"top": double, "bottom": bottom, "shoes": shoes, "skin": skin, "hair": hair}


def walls(rng: np.random.Generator) -> dict[str, RGB]:
    """Colours of a building: "wall", "roof", "door"."""
    wall = _one(
        rng,
        ((1.0, 1.0, 1.0), (1.15, 1.05, 0.85), (0.8, 0.8, 0.82), (1.1, 0.9, 0.75), (0.7, 0.6, 0.5)),
    )  # fmt: skip
    door = _one(
        rng, ((1.0, 1.0, 1.0), (0.3, 0.5, 1.2), (1.5, 0.4, 0.4), (0.4, 1.0, 0.5), (2.5, 3.5, 6.0))
    )
    return {"wall": wall, "roof": _one(rng, ((1.0, 1.0, 1.0), (0.8, 0.85, 0.9))), "door": door}


def has_leaves(conditions: Conditions) -> bool:
    """Whether deciduous plants carry leaves."""
    return conditions.season != "winter"


def leaf(
    rng: np.random.Generator, conditions: Conditions, *, evergreen: bool = False
) -> dict[str, RGB]:
    """Colour of one plant's leaves in its season."""
    seasons: dict[str, tuple[RGB, ...]] = {
        "spring": ((1.3, 1.25, 0.9), (1.6, 1.4, 1.0)),
        "summer": ((1.0, 1.0, 1.0), (0.8, 0.85, 0.8), (1.2, 1.05, 0.8)),
        "autumn": ((4.2, 1.5, 0.6), (5.0, 2.0, 0.7), (3.2, 0.8, 0.5), (2.2, 1.2, 0.8)),
        "winter": ((0.9, 0.9, 0.9),),
    }
    return {"leaf": _one(rng, seasons["summer" if evergreen else conditions.season])}


def blade(rng: np.random.Generator, conditions: Conditions) -> dict[str, RGB]:
    """Colour of one tuft of grass in its season."""
    green: tuple[RGB, ...] = ((1.0, 1.0, 1.0), (1.3, 1.1, 0.8), (0.8, 0.85, 0.8))
    dry: tuple[RGB, ...] = ((3.4, 1.5, 2.5), (2.6, 1.3, 1.8))
    fresh = conditions.season in ("spring", "summer")
    return {"leaf": _one(rng, green if fresh else dry)}


def snow_lies(conditions: Conditions) -> bool:
    """Whether the ground is white: winter and a frosty mean."""
    return conditions.season == "winter" and conditions.air_k < 272.5 and conditions.rain == 0


def meadow(conditions: Conditions) -> str:
    """Material of open green ground in this season."""
    if snow_lies(conditions):
        return "snow"
    dry = conditions.season == "summer" and conditions.air_k > 300 and conditions.rain == 0
    return "dry_grass" if dry or conditions.season == "winter" else "grass"
