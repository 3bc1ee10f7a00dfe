"""Guard rails and fences, along x."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from thermoscope.synthetic.meshes import box, loft, tubes
from thermoscope.synthetic.objects.kit import Kit, Model

__all__ = ["fence", "guardrail"]


@lru_cache(maxsize=8)
def guardrail(length_m: float = 4.0) -> Model:
    """A W-beam along x, its face towards +y."""
    kit = Kit("guardrail", "guardrail")
    steel = kit.slot("beam", "galvanised")
    z = np.array([0.44, 0.48, 0.52, 0.56, 0.60, 0.64, 0.68, 0.72, 0.75])
    y = np.array([0.0, 0.07, 0.08, 0.03, 0.0, 0.03, 0.08, 0.07, 0.0])
    ring = np.concatenate([np.stack([y, z], 1), np.stack([y - 0.012, z], 1)[::-1]])
    ends = [np.column_stack([np.full(len(ring), x), ring]) for x in (-length_m / 2, length_m / 2)]
    kit.add(loft(np.array(ends), crease_deg=50), steel)
    for x in np.arange(-length_m / 2 + 0.5, length_m / 2, 2.0):
        kit.add(box((x - 0.06, -0.14, 0), (x + 0.06, 0.0, 0.72)), steel)
    return kit.model()


@lru_cache(maxsize=16)
def fence(kind: str, length_m: float = 4.0) -> Model:
    """A fence along x: "picket", "mesh", "rail" or "wall"."""
    kit = Kit(f"fence_{kind}", "wall" if kind == "wall" else "fence")
    half = length_m / 2
    if kind == "wall":
        kit.add(box((-half, -0.12, -0.6), (half, 0.12, 1.1)), kit.slot("wall", "stone_wall"))
        kit.add(box((-half, -0.16, 1.1), (half, 0.16, 1.18)), kit.slot("cap", "concrete"))
        return kit.model()
    posts = np.arange(-half, half + 0.01, 2.0)
    material = "galvanised" if kind == "mesh" else "wood"
    slot = kit.slot("post", material)
    for x in posts:
        kit.add(box((x - 0.05, -0.05, -0.3), (x + 0.05, 0.05, 1.25)), slot)
    for z in (0.35, 0.75, 1.1) if kind == "rail" else (0.3, 1.0):
        kit.add(box((-half, -0.03, z - 0.05), (half, 0.03, z + 0.05)), slot)
    if kind == "picket":
        board = kit.slot("picket", "wood", tint="paint")
        for x in np.arange(-half + 0.08, half, 0.16):
            kit.add(box((x - 0.045, 0.03, 0.1), (x + 0.045, 0.055, 1.15)), board)
    if kind == "mesh":
        level = np.arange(-half - 1.2, half, 0.14)
        low = np.stack([np.clip(level, -half, half), 0 * level, 0.05 + 0 * level], 1)
        high = np.stack([np.clip(level + 1.1, -half, half), 0 * level, 1.2 + 0 * level], 1)
        width = np.full(len(level), 0.004)
        for flip in (1, -1):
            kit.add(tubes(low * (flip, 1, 1), high * (flip, 1, 1), width, width, segments=3), slot)
    return kit.model()
