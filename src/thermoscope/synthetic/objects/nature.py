"""Rocks, logs, stumps, hay: what lies about outdoors."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from thermoscope.synthetic.meshes import crease, ellipsoid, lathe, tube
from thermoscope.synthetic.objects.foliage import lumps
from thermoscope.synthetic.objects.kit import Kit, Model, rng_of

__all__ = ["hay_bale", "log", "pebbles", "rock", "stump"]


@lru_cache(maxsize=48)
def rock(variant: int, *, mossy: bool = False) -> Model:
    """A boulder about 1 m across: a ball cut by random planes; scale it as needed."""
    rng, kit = rng_of("rock", variant), Kit("rock", "rock")
    radii = rng.uniform(0.38, 0.62, 3) * (1, 1, 0.75)
    mesh = ellipsoid((1.0, 1.0, 1.0), rings=9, segments=14)
    points = mesh.vertices.copy()
    for _ in range(11):
        normal = rng.normal(0, 1, 3)
        normal /= np.linalg.norm(normal)
        over = np.maximum(points @ normal - rng.uniform(0.55, 0.88), 0)
        points -= over[:, None] * normal
    shaped = type(mesh)(points * radii, mesh.faces, mesh.normals, mesh.slot)
    material = "moss_rock" if mossy else "rock"
    kit.add(crease(shaped, 25).moved(z=radii[2] * 0.45), kit.slot("rock", material, tint="rock"))
    return kit.model()


@lru_cache(maxsize=12)
def pebbles(variant: int) -> Model:
    """A handful of stones within half a metre; tint key "rock"."""
    rng, kit = rng_of("pebbles", variant), Kit("pebbles", "rock")
    places = rng.normal(0, 0.28, (7, 3)) * (1, 1, 0)
    radii = rng.uniform(0.03, 0.13, (7, 1)) * rng.uniform(0.7, 1.3, (7, 3)) * (1, 1, 0.6)
    kit.add(lumps(rng, places, radii), kit.slot("rock", "rock", tint="rock"))
    return kit.model()


@lru_cache(maxsize=8)
def log(variant: int) -> Model:
    """A fallen trunk along x with stubs of branches."""
    rng, kit = rng_of("log", variant), Kit("log", "tree")
    length, radius = float(rng.uniform(2, 6)), float(rng.uniform(0.12, 0.3))
    x = np.linspace(-length / 2, length / 2, 6)
    path = np.stack([x, rng.normal(0, 0.06, 6), radius * 0.75 + rng.normal(0, 0.03, 6)], 1)
    bark = kit.slot("bark", "bark")
    kit.add(tube(path, np.linspace(radius, radius * 0.6, 6), segments=10), bark)
    for _ in range(4):
        start = path[int(rng.integers(1, 5))]
        end = start + rng.normal(0, 0.35, 3) + (0, 0, 0.4)
        kit.add(tube([start, end], [0.05, 0.02], segments=5), bark)
    return kit.model()


@lru_cache(maxsize=4)
def stump(variant: int) -> Model:
    """A tree stump."""
    kit = Kit("stump", "tree")
    tall = 0.3 + 0.12 * (variant % 4)
    body = lathe([(0.34, -0.1), (0.26, 0.1), (0.22, tall)], segments=11)
    kit.add(body, kit.slot("bark", "bark"))
    top = lathe([(0.22, tall), (0, tall + 0.01)], segments=11)
    kit.add(top, kit.slot("cut", "wood"))
    return kit.model()


@lru_cache(maxsize=2)
def hay_bale() -> Model:
    """A round bale of hay, 1.3 m across, its axis along y."""
    kit = Kit("hay_bale", "crop")
    body = lathe(
        [(0, -0.6), (0.62, -0.6), (0.65, -0.5), (0.65, 0.5), (0.62, 0.6), (0, 0.6)], segments=20
    )
    kit.add(body.turned(90, "x").moved(z=0.63), kit.slot("hay", "dry_grass"))
    return kit.model()
