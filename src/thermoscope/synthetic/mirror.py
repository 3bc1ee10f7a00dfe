"""One bounce: what a mirror-like pixel shows, of the scene and of the sky.

With a caster the mirrored rays are traced; without one the surroundings up to a typical horizon
stand for the scene. What is NOT here: how bright the mirrored things are (`thermal`, `rgb`),
second bounces, rough reflection.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from thermoscope.synthetic.raycast import SceneCaster
from thermoscope.synthetic.surface import XYZ, Surface, dot

__all__ = ["HORIZON", "Bounce", "bounce", "mirrored"]

Floats = NDArray[np.float32]
Indices = NDArray[np.intp]

HORIZON = {"urban": 0.28, "indoor": 2.0, "offroad": 0.18, "aerial": 0.04}
"""Sine of the elevation up to which things stand in the way of the sky, by environment."""
LIFT_M = 3e-3
BLUR = 6.0  # a reflection is read with a footprint this much larger: panes are never flat


class Bounce(NamedTuple):
    """Where mirrored rays go.

    Attributes:
        ray: Three lines (K,), unit.
        seen: Surfaces that they meet, `pixel` counting 0 to K - 1; None if nothing was traced.
    """

    ray: XYZ
    seen: Surface | None


def mirrored(surface: Surface, chosen: Indices) -> XYZ:
    """Directions (K,) of the view rays after reflection at the `chosen` pixels."""
    turn = 2 * surface.cosine.take(chosen)
    x, y, z = (
        ray.take(chosen) + turn * normal.take(chosen)
        for ray, normal in zip(surface.ray, surface.normal, strict=True)
    )
    return x, y, z


def bounce(surface: Surface, chosen: Indices, caster: SceneCaster | None) -> Bounce:
    """Mirrored rays of the `chosen` pixels and, with a caster, what they meet."""
    ray = mirrored(surface, chosen)
    if caster is None or not len(chosen):
        return Bounce(ray, None)
    start = [
        p.take(chosen) + np.float32(LIFT_M) * n.take(chosen)
        for p, n in zip(surface.position, surface.normal, strict=True)
    ]
    face, distance = caster.first_hits(np.stack(start, 1), np.stack(ray, 1))
    hit = np.flatnonzero(face >= 0)
    way = distance[hit].astype(np.float32)
    rows = [line.take(hit) for line in ray]
    position = [p.take(hit) + r * way for p, r in zip(start, rows, strict=True)]
    lines = caster.normals_towards(face[hit], (rows[0], rows[1], rows[2]))
    total = surface.distance_m.take(chosen).take(hit) + way
    near = np.maximum(surface.distance_m.take(chosen).take(hit), np.float32(0.1))
    seen = Surface(
        pixel=hit,
        part=caster.face_part[face[hit]].astype(np.intp),
        position=(position[0], position[1], position[2]),
        normal=lines,
        ray=(rows[0], rows[1], rows[2]),
        cosine=np.clip(-dot(lines, (rows[0], rows[1], rows[2])), 0, 1),
        distance_m=total,
        sunlit=np.full(len(hit), 0.5, np.float32),
        footprint_m=surface.footprint_m.take(chosen).take(hit) * total / near * np.float32(BLUR),
    )
    return Bounce(ray, seen)
