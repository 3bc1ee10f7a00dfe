"""Plants: branching trees with leaf cards, conifers, bushes, tufts, hedges, forest edges.

A tree is a trunk, two orders of branches and many small leaves around their tips, so that its
outline is ragged and the sky shows through; the light sees leaves as parts of a round crown.
Placements give the colour of the leaves under the tint key "leaf".
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from thermoscope.synthetic.meshes import Mesh, box, cards, merge, tube, tubes
from thermoscope.synthetic.objects.foliage import cloud, lumps, scatter
from thermoscope.synthetic.objects.kit import Kit, Model, rng_of
from thermoscope.synthetic.scene import Role

__all__ = ["TREE_KINDS", "bush", "forest_edge", "grove", "hedge", "tree", "tuft"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class TreeShape:
    """How a species grows.

    Attributes:
        height_m: Range of full height.
        base: Share of the height where the crown begins.
        spread: Crown's radius over its height.
        profile: Crown's relative radius at five shares of its height, bottom to top.
        rise_deg: Angle of the main branches over the horizontal, at the bottom and the top.
        branches: Number of main branches.
        leaf_m: Half diagonals of a leaf card.
        droop: How far leaves and twigs hang, 0 to 1.
        trunk: Trunk's radius over the height.
        bark: Material.
        leaf: Material.
        evergreen: Keeps its leaves in winter.
        density: Size of the opaque lumps within the crown.
    """

    height_m: tuple[float, float]
    base: float
    spread: float
    profile: tuple[float, ...]
    rise_deg: tuple[float, float]
    branches: int
    leaf_m: tuple[float, float]
    droop: float = 0.0
    trunk: float = 0.022
    bark: str = "bark"
    leaf: str = "leaf"
    evergreen: bool = False
    density: float = 0.55


TREE_KINDS: dict[str, TreeShape] = {
    "maple": TreeShape((7, 12), 0.26, 0.52, (0.6, 1.0, 1.0, 0.8, 0.35), (20, 75), 19, (0.17, 0.17)),
    "poplar": TreeShape(
        (11, 17), 0.14, 0.17, (0.7, 1.0, 1.0, 0.8, 0.3), (62, 78), 20, (0.15, 0.16)
    ),
    "spruce": TreeShape(
        (8, 17), 0.08, 0.25, (1.0, 0.85, 0.62, 0.38, 0.08), (-12, 25), 34, (0.085, 0.25),
        droop=0.45, trunk=0.016, leaf="needle", evergreen=True,
    ),
    "birch": TreeShape(
        (9, 15), 0.28, 0.28, (0.7, 1.0, 0.95, 0.7, 0.3), (40, 70), 18, (0.13, 0.15),
        droop=0.35, trunk=0.013, bark="birch_bark",
    ),
    "pine": TreeShape(
        (10, 16), 0.52, 0.48, (0.6, 0.9, 1.0, 0.9, 0.6), (5, 50), 14, (0.10, 0.23),
        trunk=0.02, leaf="needle", evergreen=True,
    ),
    "willow": TreeShape(
        (7, 11), 0.22, 0.58, (0.9, 1.0, 1.0, 0.85, 0.5), (30, 60), 15, (0.10, 0.42), droop=0.95,
        trunk=0.032, density=0.0,
    ),
    "cypress": TreeShape(
        (7, 13), 0.04, 0.11, (0.8, 1.0, 0.95, 0.7, 0.2), (70, 82), 22, (0.10, 0.19),
        leaf="needle", evergreen=True,
    ),
}  # fmt: skip


@lru_cache(maxsize=128)
def tree(kind: str, variant: int, *, leaves: bool = True, leaf_count: int = 2000) -> Model:
    """A tree of a kind in `TREE_KINDS`.

    Args:
        kind: Species.
        variant: Any number.
        leaves: False = bare; evergreens keep theirs.
        leaf_count: About how many leaves: fewer, larger ones far away.
    """
    rng, shape = rng_of("tree", kind, variant), TREE_KINDS[kind]
    kit = Kit(kind, "tree")
    wood = kit.slot("trunk", shape.bark)
    height = float(rng.uniform(*shape.height_m))
    trunk, radii = _trunk(rng, shape, height)
    near = leaf_count >= 600
    kit.add(tube(trunk, radii, segments=9 if near else 5), wood)
    first = _limbs(rng, shape, trunk, radii, height)
    second = _twigs(rng, shape, first)
    kit.add(_sticks(first, 5 if near else 3), wood)
    if leaves or shape.evergreen:
        if near:
            kit.add(_sticks(second.every(3), 3), wood)
        slot = kit.slot("leaf", shape.leaf, Role.LEAF, tint="leaf")
        kit.add(_foliage(rng, shape, second, height, leaf_count), slot)
    else:
        kit.add(_sticks(second, 3), wood)
        third = _twigs(rng, shape, second, count=4, share=0.7)
        kit.add(_blades(rng, third), wood)
        if leaf_count >= 1000:
            kit.add(_blades(rng, _twigs(rng, shape, third, count=3, share=0.6)), wood)
    return kit.model()


@dataclass(frozen=True)
class _Limbs:
    """Branches: start and end (N, 3), radius at the start (N,), m."""

    start: Floats
    end: Floats
    radius: Floats

    def every(self, step: int) -> _Limbs:
        """One of `step`."""
        return _Limbs(self.start[::step], self.end[::step], self.radius[::step])


def _trunk(rng: np.random.Generator, shape: TreeShape, height: float) -> tuple[Floats, Floats]:
    share = np.array([-0.02, 0.03, 0.15, 0.35, 0.55, 0.75, 0.92])
    bend = np.cumsum(rng.normal(0, 0.012 * height, (len(share), 2)), axis=0)
    bend[:2] = 0
    path = np.column_stack([bend, share * height])
    radius = shape.trunk * height * np.array([1.7, 1.15, 1.0, 0.85, 0.6, 0.35, 0.12])
    return path, radius


def _limbs(
    rng: np.random.Generator, shape: TreeShape, trunk: Floats, radii: Floats, height: float
) -> _Limbs:
    n = shape.branches
    at = (np.arange(n) + rng.uniform(0.1, 0.9, n)) / n  # share of the crown's height
    z = height * (shape.base + (0.90 - shape.base) * at)
    start = np.stack([np.interp(z, trunk[:, 2], trunk[:, k]) for k in range(3)], 1)
    reach = shape.spread * height * np.interp(at, np.linspace(0, 1, 5), shape.profile)
    rise = np.radians(shape.rise_deg[0] + np.diff(shape.rise_deg)[0] * at + rng.normal(0, 8, n))
    turn = np.arange(n) * 2.4 + rng.normal(0, 0.35, n)  # golden angle
    out = np.stack([np.cos(turn), np.sin(turn)], 1)
    length = reach / np.maximum(np.cos(rise), 0.45) * rng.uniform(0.75, 1.1, n)
    room = (0.97 * height - z) / np.maximum(np.sin(rise), 0.05)
    length = np.where(rise > 0, np.minimum(length, room), length)
    end = start + np.column_stack([
        out * (length * np.cos(rise))[:, None], length * np.sin(rise)
    ])  # fmt: skip
    end[:, 2] = np.maximum(end[:, 2], 0.35)  # low branches lie on the ground
    thick = np.interp(z, trunk[:, 2], radii) * 0.5
    return _Limbs(start, end, thick)


def _twigs(
    rng: np.random.Generator, shape: TreeShape, limbs: _Limbs, *, count: int = 5, share: float = 0.5
) -> _Limbs:
    n = len(limbs.start) * count
    which = np.repeat(np.arange(len(limbs.start)), count)
    along = rng.uniform(0.35, 1.0, n)
    axis = limbs.end - limbs.start
    start = limbs.start[which] + axis[which] * along[:, None]
    length = np.linalg.norm(axis, axis=1)[which]
    wild = rng.normal(0, 1, (n, 3)) + np.array([0, 0, 0.25 - 1.2 * shape.droop])
    wild /= np.linalg.norm(wild, axis=1, keepdims=True)
    aim = axis[which] / length[:, None] * 0.7 + wild
    aim /= np.linalg.norm(aim, axis=1, keepdims=True)
    size = length * share * rng.uniform(0.5, 1.0, n) * (1.15 - 0.45 * along)
    thick = np.maximum(limbs.radius[which] * 0.45, 0.006)
    end = start + aim * size[:, None]
    end[:, 2] = np.maximum(end[:, 2], 0.1)
    return _Limbs(start, end, thick)


def _sticks(limbs: _Limbs, segments: int) -> Mesh:
    return tubes(limbs.start, limbs.end, limbs.radius, limbs.radius * 0.35, segments=segments)


def _blades(rng: np.random.Generator, limbs: _Limbs) -> Mesh:
    """Thin twigs, one triangle each."""
    axis = limbs.end - limbs.start
    side = np.cross(axis, rng.normal(0, 1, axis.shape))
    side *= (np.maximum(limbs.radius, 0.009) / np.linalg.norm(side, axis=1))[:, None]
    corners = np.stack([limbs.start - side, limbs.start + side, limbs.end], axis=1)
    normal = np.cross(side, axis)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    count = len(axis)
    faces = np.arange(3 * count).reshape(-1, 3)
    shown = np.repeat(normal[:, None], 3, axis=1)
    return Mesh(corners.reshape(-1, 3), faces, shown, np.zeros(count, np.int64))


def _foliage(
    rng: np.random.Generator, shape: TreeShape, limbs: _Limbs, height: float, count: int
) -> Mesh:
    """Leaves scattered along the twigs, round dense lumps that no sky shows through."""
    length = np.linalg.norm(limbs.end - limbs.start, axis=1)
    pick = rng.choice(len(length), count, p=length / length.sum())
    size = np.sqrt(1500 / count) * (height / 10) ** 0.6
    axis = (limbs.end - limbs.start)[pick]
    at = limbs.start[pick] + axis * rng.uniform(0.15, 1.08, count)[:, None]
    at = at + rng.normal(0, 0.20 * size + 0.06, (count, 3))
    at[:, 2] -= shape.droop * rng.uniform(0, 0.8, count) * shape.leaf_m[1] * 2
    at[:, 2] = np.maximum(at[:, 2], 0.25)
    lie = axis / length[pick, None] + rng.normal(0, 0.5, (count, 3)) - (0, 0, 2.0 * shape.droop)
    middle = np.array([0.0, 0.0, height * (shape.base + 0.45 * (1 - shape.base))])
    outward = (at - middle) / (height * np.array([shape.spread, shape.spread, 0.5]))
    half = np.array(shape.leaf_m) * size
    leaves = scatter(rng, at, lie, outward, half)
    if shape.density <= 0:
        return leaves
    tips = rng.permutation(len(limbs.end))[:14]
    radius = np.minimum(shape.density * (0.22 + 0.42 * length[tips]), 0.085 * height)
    radius = radius * rng.uniform(0.7, 1.1, len(tips))
    core = lumps(rng, (limbs.start[tips] + limbs.end[tips]) / 2, radius, middle)
    return merge([leaves, core])


@lru_cache(maxsize=64)
def bush(variant: int, *, leaves: bool = True) -> Model:
    """A bush, 0.6-2 m; bare twigs without leaves."""
    rng, kit = rng_of("bush", variant), Kit("bush", "shrub")
    height = float(rng.uniform(0.6, 1.9))
    wide = height * float(rng.uniform(0.5, 0.85))
    n = 26
    aim = rng.normal(0, 1, (n, 3)) * (0.7, 0.7, 0.3) + (0, 0, 0.8)
    aim *= (height * 0.75 / np.linalg.norm(aim, axis=1))[:, None]
    root = rng.normal(0, 0.06 * wide, (n, 3)) * (1, 1, 0)
    stems = tubes(root, root + aim, np.full(n, 0.014), np.full(n, 0.005), segments=3)
    wood = kit.slot("stem", "bark")
    kit.add(stems, wood)
    if not leaves:
        limbs = _Limbs(root, root + aim, np.full(n, 0.014))
        twigs = _twigs(rng, TREE_KINDS["maple"], limbs, count=5, share=0.6)
        kit.add(_blades(rng, twigs), wood)
        kit.add(_blades(rng, _twigs(rng, TREE_KINDS["maple"], twigs, count=3, share=0.6)), wood)
    else:
        slot = kit.slot("leaf", "leaf", Role.LEAF, tint="leaf")
        kit.add(cloud(rng, (wide, wide * 0.9, height), 560, 0.075 * height + 0.03), slot)
    return kit.model()


@lru_cache(maxsize=32)
def tuft(variant: int, *, height_m: float = 0.35, blades: int = 40) -> Model:
    """A tuft of tall grass or reeds; tint key "leaf"."""
    rng, kit = rng_of("tuft", variant), Kit("tuft", "grass")
    turn = rng.uniform(0, 2 * np.pi, blades)
    out = np.stack([np.cos(turn), np.sin(turn), np.zeros(blades)], 1)
    lean = rng.uniform(0.1, 0.6, blades)[:, None]
    half = height_m / 2 * rng.uniform(0.5, 1.1, blades)[:, None]
    up = half * (out * lean + (0, 0, 1)) / np.sqrt(1 + lean**2)
    root = out * rng.uniform(0, 0.4 * height_m + 0.05, blades)[:, None]
    side = np.cross(out, (0, 0, 1)) * (0.012 + 0.012 * height_m)
    seen = out * 0.5 + (0, 0, 0.9)
    seen /= np.linalg.norm(seen, axis=1, keepdims=True)
    mesh = cards(root + up, side, up, normals=seen)
    kit.add(mesh, kit.slot("blade", "grass", Role.LEAF, tint="leaf"))
    return kit.model()


@lru_cache(maxsize=32)
def hedge(variant: int, *, length_m: float = 4.0) -> Model:
    """A clipped hedge along x."""
    rng, kit = rng_of("hedge", variant), Kit("hedge", "shrub")
    height, depth, count = float(rng.uniform(0.8, 1.6)), 0.35, int(260 * length_m)
    face = rng.integers(0, 3, count)
    u = rng.uniform(-1, 1, (count, 2))
    side = np.sign(rng.uniform(-1, 1, count))
    x = u[:, 0] * length_m / 2
    y = np.where(face == 0, u[:, 1], side) * depth
    z = np.where(face == 0, height, (u[:, 1] + 1) / 2 * height)
    at = np.stack([x, y, z], 1) + rng.normal(0, 0.03, (count, 3))
    facing = np.where((face == 0)[:, None], (0, 0, 1.0), np.stack([0 * x, side, 0 * x + 0.2], 1))
    slot = kit.slot("leaf", "leaf", Role.LEAF, tint="leaf")
    kit.add(scatter(rng, at, rng.normal(0, 1, (count, 3)), facing, np.array([0.09, 0.09])), slot)
    inside = box(
        (0.08 - length_m / 2, 0.05 - depth, 0), (length_m / 2 - 0.08, depth - 0.05, height - 0.04)
    )
    kit.add(inside, slot)
    return kit.model()


@lru_cache(maxsize=16)
def forest_edge(variant: int, *, leaves: bool = True, needle: bool = False) -> Model:
    """A ragged row of far trees along x, 40 m long: a few large leaves each."""
    rng = rng_of("forest_edge", variant)
    places = np.column_stack([rng.uniform(-21, 21, 15), rng.uniform(-9, 9, 15)])
    return _far_trees("forest_edge", rng, places, leaves=leaves, needle=needle)


@lru_cache(maxsize=16)
def grove(variant: int, *, leaves: bool = True, needle: bool = False) -> Model:
    """A dense patch of trees 18 m across, for views from far above."""
    rng = rng_of("grove", variant)
    places = rng.uniform(-8, 8, (11, 2))
    return _far_trees("grove", rng, places, leaves=leaves, needle=needle)


def _far_trees(
    name: str, rng: np.random.Generator, places: Floats, *, leaves: bool, needle: bool
) -> Model:
    kit = Kit(name, "tree")
    leaf = kit.slot("leaf", "needle" if needle else "leaf", Role.LEAF, tint="leaf")
    wood = kit.slot("trunk", "bark")
    for x, y in places.tolist():
        height = float(rng.uniform(5, 14))
        foot, top = np.array([[x, y, -0.5]]), np.array([[x, y, height * 0.7]])
        kit.add(tubes(foot, top, np.array([0.22]), np.array([0.08]), segments=4), wood)
        if not (leaves or needle):
            kit.add(_bare_crown(rng, (x, y), height), wood)
            continue
        wide = height * (0.2 if needle else 0.3)
        radii, leaf_m = (wide, wide, height * 0.82), 0.55 if needle else 0.66
        crown = cloud(rng, radii, 52, leaf_m, cone=needle)
        kit.add(crown.moved(x, y, height * 0.16), leaf)
    return kit.model()


def _bare_crown(rng: np.random.Generator, at: tuple[float, float], height: float) -> Mesh:
    count = 26
    root = np.column_stack([np.tile(at, (count, 1)), rng.uniform(0.3, 0.7, count) * height])
    tip = root + rng.normal(0, 1, (count, 3)) * (1.3, 1.3, 0.6) + (0, 0, 0.22 * height)
    return tubes(root, tip, np.full(count, 0.06), np.full(count, 0.02), segments=3)
