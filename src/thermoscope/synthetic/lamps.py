"""Pools of light: what street lamps, headlights and ceiling lights add to surfaces.

Each lamp falls off with the square of distance, the angle of incidence and the edge of its cone.
Only the lamps that matter to a view are added up. What is NOT here: shadows of lamps, and the
glow of the lamp's own body (`Part.glow`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from thermoscope.synthetic.scene import Lamp
from thermoscope.synthetic.surface import Surface, dot, take

__all__ = ["LampLight"]

Floats = NDArray[np.float32]
Colours = tuple[Floats, Floats, Floats]

MOST_LAMPS = 10
ENOUGH = 0.97  # share of all lamps' light after which the others are left out
PROBES = 512
NEAREST_M = 0.3  # nearer surfaces count as this far
EDGE = 0.55  # of a cone: share of its cosine range over which it fades
WRAP = 0.12  # light that reaches surfaces turned away, scattered from nearby ones


class LampLight:
    """The lamps of one view.

    Args:
        lamps: All of the scene.
        probes: (K, 3) points that the view sees: lamps that light them most are kept.
        most: How many.
    """

    def __init__(
        self, lamps: tuple[Lamp, ...], probes: NDArray[np.floating], *, most: int = MOST_LAMPS
    ) -> None:
        self.mean = 0.0
        self._lamps: list[Lamp] = []
        if not lamps or not len(probes):
            return
        points = np.asarray(probes[:: max(len(probes) // PROBES, 1)], np.float32)
        x, y, z = np.ascontiguousarray(points.T)
        light = np.stack([_arriving(lamp, (x, y, z))[0] for lamp in lamps])
        order = np.argsort(-light.mean(1), kind="stable")[:most]
        share = np.cumsum(light[order].mean(1)) / max(float(light.mean(1).sum()), 1e-20)
        needed = int(np.searchsorted(share, ENOUGH)) + 1
        self._lamps = [lamps[i] for i in order[:needed] if light[i].max() > 0]
        self.mean = float(np.median(light[order].sum(0)))

    def add(self, light: Colours, surface: Surface) -> None:
        """Add the lamps' light on surfaces (M,) to `light`, in place."""
        for lamp in self._lamps:
            amount, way = _arriving(lamp, surface.position)
            at = np.flatnonzero(amount > 1e-7)
            if not len(at):
                continue
            facing = dot(take(way, at), take(surface.normal, at))
            facing *= np.float32(1 - WRAP)
            facing += np.float32(WRAP)
            np.maximum(facing, 0, out=facing)
            facing *= amount.take(at)
            for line, share in zip(light, lamp.colour, strict=True):
                line[at] += np.float32(share) * facing


def _arriving(lamp: Lamp, position: Colours) -> tuple[Floats, Colours]:
    """Light (M,) across the ray, and unit vectors towards the lamp."""
    x, y, z = (np.float32(c) - line for c, line in zip(lamp.position_m, position, strict=True))
    squared = dot((x, y, z), (x, y, z))
    np.maximum(squared, np.float32(NEAREST_M**2), out=squared)
    inverse = 1 / np.sqrt(squared)
    lines = (x * inverse, y * inverse, z * inverse)
    amount = np.float32(lamp.intensity) / squared
    if any(lamp.direction) and lamp.cone_deg < 180:
        least = float(np.cos(np.radians(lamp.cone_deg)))
        within = -dot(lines, lamp.direction)
        within -= np.float32(least)
        within *= np.float32(1 / (EDGE * (1 - least)))
        amount *= np.clip(within, 0, 1, out=within)
    return amount, lines
