"""People: jointed bodies in clothes, walking, standing, sitting, riding, lying.

x runs forward, the soles are at z = 0. Proportions follow Drillis and Contini, Body segment
parameters, 1966, for a person of 1.75 m.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from thermoscope.synthetic.meshes import Mesh, box, ellipsoid, loft, tube
from thermoscope.synthetic.objects.kit import Kit, Model, rng_of
from thermoscope.synthetic.scene import Role

__all__ = ["OUTFITS", "POSTURES", "person"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Outfit:
    """What somebody wears.

    Attributes:
        sleeves: Share of the arm that is covered.
        legs: Share of the leg that trousers cover; 0 = skirt or coat only.
        hem: Height of a skirt's or coat's hem, m; 0 = none.
        bulk: Thickness of the upper clothes, m.
        head: "hair", "hood", "hat" or "helmet".
        stripes: Reflective bands.
        pack: Carries a backpack.
        material: Of the upper clothes.
    """

    sleeves: float = 1.0
    legs: float = 1.0
    hem: float = 0.0
    bulk: float = 0.012
    head: str = "hair"
    stripes: bool = False
    pack: bool = False
    material: str = "fabric"


OUTFITS: dict[str, Outfit] = {
    "jacket": Outfit(bulk=0.025),
    "shirt": Outfit(sleeves=0.45),
    "coat": Outfit(bulk=0.03, hem=0.62, head="hat"),
    "hiker": Outfit(bulk=0.02, pack=True, head="hat"),
    "hoodie": Outfit(bulk=0.03, head="hood"),
    "dress": Outfit(sleeves=0.3, legs=0.0, hem=0.45),
    "shorts": Outfit(sleeves=0.3, legs=0.42),
    "worker": Outfit(bulk=0.028, head="helmet", stripes=True),
}
"""Names of outfits; each family of scenes shows its own."""

POSTURES = ("walk", "stand", "talk", "sit", "ride", "lie", "crouch")

# joints of one side (left; y mirrored for the right), sagittal angles in degrees, forward positive:
# hip, knee (back), shoulder, elbow (forward)
_STILL: dict[str, tuple[tuple[float, float, float, float], tuple[float, float, float, float]]] = {
    "stand": ((3, 3, 4, 12), (-3, 2, -3, 10)),
    "talk": ((4, 4, 25, 75), (-4, 4, 5, 20)),
    "sit": ((84, 86, 28, 62), (80, 82, 24, 66)),
    "ride": ((68, 72, 62, 22), (38, 88, 62, 22)),
    "lie": ((8, 12, 18, 20), (20, 42, -6, 35)),
    "crouch": ((112, 128, 55, 40), (88, 118, 50, 48)),
}
_LEAN = {
    "walk": 3.0,
    "stand": 0.0,
    "talk": 1.0,
    "sit": -4.0,
    "ride": 32.0,
    "lie": 0.0,
    "crouch": 24.0,
}


@lru_cache(maxsize=160)
def person(outfit: str, posture: str, variant: int) -> Model:
    """Somebody.

    Tint keys: "top", "bottom", "skin", "hair", "shoes".

    Args:
        outfit: Key of `OUTFITS`.
        posture: One of `POSTURES`; "lie" lies on the back along x.
        variant: Build and phase of the step.
    """
    rng = rng_of("person", outfit, posture, variant)
    wear, kit = OUTFITS[outfit], Kit(outfit, "person")
    if posture == "walk":
        left, right = _stride(rng.uniform(0, 2 * np.pi), rng.uniform(20, 30))
    else:
        still = _STILL[posture]
        left, right = still if rng.uniform() < 0.5 else still[::-1]
    stout = float(rng.uniform(0.9, 1.18))
    lean = _LEAN[posture] + float(rng.normal(0, 1.5))
    low = [_leg(kit, wear, angles, side, stout) for angles, side in ((left, 1), (right, -1))]
    _trunk(kit, wear, lean, stout)
    for angles, side in ((left, 1), (right, -1)):
        _arm(kit, wear, angles, side, lean)
    _head(kit, wear, lean, float(rng.uniform(-25, 25)))
    if wear.hem > 0:
        _skirt(kit, wear, (left, right), posture)
    if wear.pack:
        pack = ellipsoid((0.13, 0.17, 0.24), rings=8, segments=10)
        kit.add(
            _leaned(pack.moved(-0.21, 0, 1.22), lean),
            kit.slot("pack", "fabric", Role.CLOTHING, tint=(0.15, 0.2, 0.12)),
        )
    model = kit.model()
    return _grounded(model, posture, min(low), float(rng.uniform(0.93, 1.06)))


def _stride(
    phase: float, swing: float
) -> tuple[tuple[float, float, float, float], tuple[float, float, float, float]]:
    def half(angle: float) -> tuple[float, float, float, float]:
        knee = 6 + 42 * max(0.0, -np.sin(angle - 0.9)) * (np.cos(angle) > -0.9)
        return (
            swing * np.sin(angle),
            knee,
            -0.8 * swing * np.sin(angle),
            14 + 10 * max(0, -np.sin(angle)),
        )

    return half(phase), half(phase + np.pi)


def _grounded(model: Model, posture: str, low: float, scale: float) -> Model:
    mesh: Mesh = model.mesh
    if posture == "lie":
        mesh = mesh.moved(z=-1.0).turned(-90, "y").moved(z=0.14)
    else:
        mesh = mesh.moved(z=-low)
    mesh = mesh.scaled(scale)
    size = np.ptp(mesh.vertices, axis=0)
    return Model(model.name, mesh, model.slots, (float(size[0]), float(size[1]), float(size[2])))


def _swing(start: Floats, angle_deg: float, length: float, splay: float = 0.0) -> Floats:
    a = np.radians(angle_deg)
    return start + length * np.array([np.sin(a), splay, -np.cos(a)])


def _leg(kit: Kit, wear: Outfit, angles: tuple[float, ...], side: int, stout: float) -> float:
    """Adds a leg; returns the height of the sole."""
    hip = np.array([0.0, side * 0.095, 0.90])
    knee = _swing(hip, angles[0], 0.43, side * 0.02)
    ankle = _swing(knee, angles[0] - angles[1], 0.41)
    cloth = kit.slot("trousers", "denim", Role.CLOTHING, tint="bottom")
    skin = kit.slot("skin", "skin", Role.SKIN, tint="skin")
    shoe = kit.slot("shoe", "leather", Role.CLOTHING, tint="shoes")
    middle = (hip + knee) / 2
    top = middle if wear.hem > 0 else hip + np.array([0, 0, 0.05])
    path = [top, middle * 0.98 + knee * 0.02, knee, (knee * 0.55 + ankle * 0.45), ankle]
    loose = 0.014 if wear.legs > 0 else 0.0
    radii = np.array([0.092, 0.082, 0.058, 0.056, 0.043]) * stout + loose
    full = tube(path, radii, segments=7)
    if wear.legs >= 1:
        kit.add(full, cloth)
    else:
        kit.add(tube(path, radii - loose, segments=7), skin)
        if wear.legs > 0:
            kit.add(tube([path[0], middle, knee], [0.11, 0.10, 0.095], segments=7), cloth)
    pitch = angles[0] - angles[1]
    foot = ellipsoid((0.135, 0.05, 0.05), rings=4, segments=8).moved(0.075, 0, -0.045)
    foot = foot.turned(-0.45 * pitch, "y").moved(*ankle)
    kit.add(foot, shoe)
    return float(foot.vertices[:, 2].min())


def _leaned(mesh: Mesh, lean_deg: float) -> Mesh:
    return mesh.moved(z=-0.92).turned(lean_deg, "y").moved(z=0.92)


def _trunk(kit: Kit, wear: Outfit, lean: float, stout: float) -> None:
    top = kit.slot("top", wear.material, Role.CLOTHING, tint="top")
    bottom = kit.slot("trousers", "denim", Role.CLOTHING, tint="bottom")
    band = kit.slot("band", "reflective", Role.CLOTHING)
    # height, half depth, half width
    rings = np.array([
        [0.80, 0.085, 0.13], [0.86, 0.115, 0.165], [0.95, 0.115, 0.165], [1.06, 0.10, 0.148],
        [1.12, 0.105, 0.152], [1.24, 0.122, 0.172], [1.29, 0.124, 0.178], [1.37, 0.112, 0.188],
        [1.43, 0.085, 0.165], [1.47, 0.06, 0.09], [1.50, 0.05, 0.055],
    ])  # fmt: skip
    rings[:9, 1:] = (rings[:9, 1:] + wear.bulk) * (1 + (stout - 1) * 0.8)
    turn = np.arange(12) * 2 * np.pi / 12
    sections = np.stack([
        rings[:, 1:2] * np.cos(turn), rings[:, 2:] * np.sin(turn),
        np.broadcast_to(rings[:, :1], (len(rings), 12)),
    ], -1)  # fmt: skip
    cells = np.full((len(rings) - 1, 12), top)
    cells[:2] = top if wear.hem > 0 or wear.legs == 0 else bottom
    if wear.stripes:
        cells[[3, 5]] = band
    kit.add_sorted(_leaned(loft(sections, crease_deg=70, slots=cells), lean))


def _arm(kit: Kit, wear: Outfit, angles: tuple[float, ...], side: int, lean: float) -> None:
    tilt = np.radians(lean)
    shoulder = np.array(
        [0.51 * np.sin(tilt), side * (0.185 + wear.bulk * 0.6), 0.92 + 0.48 * np.cos(tilt)]
    )
    elbow = _swing(shoulder, angles[2], 0.29, side * 0.16)
    wrist = _swing(elbow, angles[2] + angles[3], 0.25, side * 0.0)
    cloth = kit.slot("top", wear.material, Role.CLOTHING, tint="top")
    skin = kit.slot("skin", "skin", Role.SKIN, tint="skin")
    path = np.array([shoulder, (shoulder + elbow) / 2, elbow, (elbow + wrist) / 2, wrist])
    bare = np.array([0.048, 0.044, 0.038, 0.036, 0.027])
    covered = max(2, round(wear.sleeves * 4) + 1)
    if covered < 5:
        kit.add(tube(path[covered - 2 :], bare[covered - 2 :], segments=7), skin)
    kit.add(tube(path[:covered], bare[:covered] + 0.012 + wear.bulk * 0.4, segments=7), cloth)
    ball = 0.058 + wear.bulk * 0.4
    kit.add(ellipsoid((ball, ball, ball), rings=4, segments=8).moved(*shoulder), cloth)
    hand = ellipsoid((0.03, 0.022, 0.075), rings=4, segments=6).turned(
        -(angles[2] + angles[3]), "y"
    )
    kit.add(hand.moved(*(wrist + 0.055 * _swing(np.zeros(3), angles[2] + angles[3], 1.0))), skin)


def _head(kit: Kit, wear: Outfit, lean: float, look_deg: float) -> None:
    skin = kit.slot("skin", "skin", Role.SKIN, tint="skin")
    tilt = np.radians(lean)
    neck = np.array([0.58 * np.sin(tilt), 0.0, 0.92 + 0.57 * np.cos(tilt)])
    kit.add(tube([neck - (0, 0, 0.04), neck + np.array([0.012, 0, 0.09])], 0.055, segments=8), skin)
    at = neck + np.array([0.022, 0.0, 0.165])
    parts = [(ellipsoid((0.098, 0.077, 0.125), rings=8, segments=10), skin)]
    parts.append(
        (ellipsoid((0.022, 0.014, 0.02), rings=4, segments=6).moved(0.098, 0, -0.01), skin)
    )
    if wear.head == "hood":
        hood = ellipsoid((0.118, 0.105, 0.142), rings=9, segments=12).moved(-0.032, 0, 0.008)
        parts.append((hood, kit.slot("hood", wear.material, Role.CLOTHING, tint="top")))
    elif wear.head == "helmet":
        shell = ellipsoid((0.135, 0.115, 0.10), rings=8, segments=14).moved(-0.005, 0, 0.075)
        parts.append((shell, kit.slot("helmet", "plastic", Role.CLOTHING, tint=(0.9, 0.75, 0.1))))
    else:
        hair = ellipsoid((0.103, 0.085, 0.118), rings=6, segments=10).moved(-0.02, 0, 0.028)
        parts.append((hair, kit.slot("hair", "hair", Role.CLOTHING, tint="hair")))
    if wear.head == "hat":
        cap = ellipsoid((0.112, 0.094, 0.085), rings=7, segments=12).moved(-0.008, 0, 0.068)
        parts.append((cap, kit.slot("hat", "fabric", Role.CLOTHING, tint="bottom")))
    for mesh, slot in parts:
        kit.add(mesh.turned(look_deg).turned(0.4 * lean, "y").moved(*at), slot)


def _skirt(kit: Kit, wear: Outfit, angles: tuple[tuple[float, ...], ...], posture: str) -> None:
    """A coat's or dress's lower part, wide enough for the step."""
    slot = kit.slot("top", wear.material, Role.CLOTHING, tint="top")
    if posture in ("sit", "ride", "crouch"):
        kit.add(box((-0.1, -0.19, 0.82), (0.42, 0.19, 0.98)), slot)
        return
    reach = 0.42 * np.sin(np.radians(max(abs(a[0]) for a in angles)))
    share = np.linspace(0, 1, 5)
    turn = np.arange(14) * 2 * np.pi / 14
    depth = 0.125 + wear.bulk + (reach * 0.75 + 0.03) * share
    width = 0.172 + wear.bulk + 0.04 * share
    z = 0.98 + (wear.hem - 0.98) * share
    sections = np.stack([
        depth[:, None] * np.cos(turn), width[:, None] * np.sin(turn),
        np.broadcast_to(z[:, None], (5, 14)),
    ], -1)  # fmt: skip
    kit.add(loft(sections, crease_deg=70), slot)
