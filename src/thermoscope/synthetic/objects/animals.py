"""Four-legged animals, standing, walking or grazing. x runs forward, hooves at z = 0."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from thermoscope.synthetic.meshes import ellipsoid, loft, tube
from thermoscope.synthetic.objects.kit import RGB, Kit, Model, rng_of
from thermoscope.synthetic.scene import Role

__all__ = ["ANIMAL_KINDS", "AnimalShape", "animal"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class AnimalShape:
    """Proportions, m.

    Attributes:
        shoulder: Height of the back.
        length: Chest to rump.
        depth: Height of the trunk.
        width: Of the trunk.
        neck: Length, and angle over the horizontal in degrees.
        head: Length.
        leg: Radius at the top and at the foot.
        tail: Length, and angle under the horizontal in degrees.
        horns: Length; 0 = none.
        ears: Length.
        tint: Of the fur.
    """

    shoulder: float
    length: float
    depth: float
    width: float
    neck: tuple[float, float]
    head: float
    leg: tuple[float, float]
    tail: tuple[float, float]
    horns: float
    ears: float
    tint: RGB


ANIMAL_KINDS: dict[str, AnimalShape] = {
    "dog": AnimalShape(
        0.55, 0.62, 0.22, 0.17, (0.24, 50), 0.22, (0.045, 0.02), (0.3, -30), 0, 0.1, (1, 0.9, 0.8)
    ),
    "deer": AnimalShape(
        1.05, 1.15, 0.40, 0.30, (0.5, 58), 0.30, (0.075, 0.022), (0.15, 60), 0.5, 0.17,
        (1.3, 1.0, 0.7),
    ),
    "cow": AnimalShape(
        1.35, 1.75, 0.72, 0.62, (0.5, 20), 0.48, (0.12, 0.05), (0.8, 85), 0.2, 0.18, (0.9, 0.7, 0.6)
    ),
    "horse": AnimalShape(
        1.55, 1.65, 0.62, 0.50, (0.8, 52), 0.56, (0.13, 0.045), (0.8, 75), 0, 0.16, (0.8, 0.5, 0.35)
    ),
    "sheep": AnimalShape(
        0.72, 0.95, 0.48, 0.46, (0.25, 40), 0.25, (0.05, 0.028), (0.15, 80), 0, 0.1, (2.4, 3, 4)
    ),
    "goat": AnimalShape(
        0.75, 0.85, 0.36, 0.28, (0.32, 55), 0.25, (0.05, 0.025), (0.12, -40), 0.22, 0.14,
        (2.0, 2.2, 2.4),
    ),
    "boar": AnimalShape(
        0.80, 1.15, 0.50, 0.38, (0.28, -2), 0.42, (0.06, 0.03), (0.25, 50), 0, 0.12, (0.4, 0.4, 0.4)
    ),
}  # fmt: skip


@lru_cache(maxsize=64)
def animal(kind: str, variant: int) -> Model:
    """An animal of a kind in `ANIMAL_KINDS`; a third of the variants graze."""
    rng, shape = rng_of("animal", kind, variant), ANIMAL_KINDS[kind]
    kit = Kit(kind, "animal")
    fur = kit.slot("fur", "fur", Role.FUR, tint=shape.tint)
    bare = kit.slot("muzzle", "skin", Role.SKIN, tint=(0.35, 0.35, 0.38))
    _trunk(kit, shape, fur)
    stride = rng.uniform(0, 2 * np.pi)
    swing = 0.0 if rng.uniform() < 0.4 else 16.0
    for k, (x, y) in enumerate(((0.42, 1), (0.42, -1), (-0.42, 1), (-0.42, -1))):
        angle = swing * np.sin(stride + np.pi * (k in (1, 2)))
        _leg(kit, shape, (x * shape.length, y * shape.width * 0.32), angle, back=x < 0, slot=fur)
    lower = 85.0 if variant % 3 == 0 and shape.neck[0] > 0.2 else 0.0
    _head(kit, shape, shape.neck[1] - lower, fur, bare)
    angle = np.radians(shape.tail[1])
    root = np.array([-shape.length / 2, 0.0, shape.shoulder - shape.depth * 0.15])
    end = root + shape.tail[0] * np.array([-np.cos(angle), 0, -np.sin(angle)])
    kit.add(tube([root, (root + end) / 2, end], [0.035, 0.025, 0.015], segments=6), fur)
    return kit.model()


def _trunk(kit: Kit, shape: AnimalShape, fur: int) -> None:
    share = np.array([-0.52, -0.48, -0.36, -0.15, 0.1, 0.3, 0.44, 0.5])
    size = np.array([0.25, 0.62, 0.9, 0.96, 1.0, 1.0, 0.78, 0.45])
    sag = np.array([0.0, 0.0, 0.0, -0.03, -0.05, -0.02, 0.02, 0.05])
    turn = np.arange(12) * 2 * np.pi / 12
    middle = shape.shoulder - shape.depth / 2 + sag * shape.depth
    rings = np.stack([
        np.broadcast_to(share[:, None] * shape.length, (8, 12)),
        size[:, None] * shape.width / 2 * np.cos(turn),
        middle[:, None] + size[:, None] * shape.depth / 2 * np.sin(turn),
    ], axis=-1)  # fmt: skip
    kit.add(loft(rings, crease_deg=80), fur)


def _leg(
    kit: Kit,
    shape: AnimalShape,
    place: tuple[float, float],
    angle_deg: float,
    *,
    back: bool,
    slot: int,
) -> None:
    top = np.array([*place, shape.shoulder - shape.depth * 0.55])
    a = np.radians(angle_deg)
    length = float(top[2])
    foot = np.array([top[0] + length * np.sin(a), top[1], 0.02])
    bend = 0.06 * length * (-1 if back else 0.4)
    knee = top * 0.5 + foot * 0.5 + (bend, 0, 0)
    ankle = top * 0.15 + foot * 0.85 + (bend * 0.3, 0, 0)
    r0, r1 = shape.leg
    kit.add(tube([top, knee, ankle, foot], [r0, (r0 + r1) * 0.42, r1, r1 * 1.25], segments=7), slot)


def _head(kit: Kit, shape: AnimalShape, angle_deg: float, fur: int, bare: int) -> None:
    a = np.radians(angle_deg)
    root = np.array([shape.length * 0.44, 0.0, shape.shoulder - shape.depth * 0.28])
    end = root + shape.neck[0] * np.array([np.cos(a), 0, np.sin(a)])
    thick = shape.depth * 0.30
    path = [root - (0.1 * shape.length, 0, 0), (root + end) / 2, end]
    kit.add(tube(path, [thick * 1.1, thick * 0.75, thick * 0.5], segments=8), fur)
    tilt = 35.0 if angle_deg > 0 else 60.0
    h = shape.head
    skull = ellipsoid((h * 0.48, h * 0.22, h * 0.26), rings=6, segments=10).moved(h * 0.22)
    kit.add(skull.turned(tilt, "y").moved(*end), fur)
    snout = ellipsoid((h * 0.28, h * 0.15, h * 0.15), rings=6, segments=8).moved(
        h * 0.62, 0, -h * 0.05
    )
    kit.add(snout.turned(tilt, "y").moved(*end), bare)
    for side in (1, -1):
        ear = ellipsoid((shape.ears * 0.2, shape.ears * 0.5, shape.ears * 0.3), rings=5, segments=6)
        ear = ear.moved(-h * 0.05, side * (h * 0.2 + shape.ears * 0.3), h * 0.22)
        kit.add(ear.turned(tilt * 0.4, "y").moved(*end), fur)
        if shape.horns > 0:
            base = end + np.array([0.0, side * h * 0.12, h * 0.22])
            tip = base + shape.horns * np.array([-0.35, side * 0.55, 0.75])
            middle = (base + tip) / 2 + (0, side * 0.15 * shape.horns, 0)
            horn = kit.slot("horn", "leather")
            kit.add(tube([base, middle, tip], [0.022, 0.017, 0.006], segments=5), horn)
