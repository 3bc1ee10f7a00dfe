"""What vehicles share: wheels with brakes, wheel arches, headlights."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from thermoscope.synthetic.meshes import box, ellipsoid, lathe, merge
from thermoscope.synthetic.objects.kit import Kit, LampSpot
from thermoscope.synthetic.scene import Role

__all__ = ["ARCH_M", "TAIL", "add_wheels", "arched", "headlights"]

Floats = NDArray[np.float64]
ARCH_M = 0.055  # gap between tyre and wheel arch
DRL = (1.0, 0.96, 0.88)
TAIL = (1.0, 0.04, 0.02)


def add_wheels(
    kit: Kit, axles_m: list[float], half_m: float, radius_m: float, *, spokes: int = 6
) -> None:
    """Tyres, brakes behind spokes, and the dark of the wheel houses; 0 spokes = a coarse disc."""
    dark = kit.slot("wheel_house", "trim")
    width, r, segments = radius_m * 0.66, radius_m, 3 * spokes or 9
    tread = [(r, 0.05), (r, 0.85), (0.97 * r, 0.94), (0.66 * r, 1.0)]  # its inside is not seen
    rubber = lathe([(p, width * z) for p, z in tread], segments=14 if spokes else 9, crease_deg=50)
    face = [(0.67 * r, 0.97), (0.2 * r, 0.84), (0.0, 0.9)]
    for number, (x, side) in enumerate((x, side) for x in axles_m for side in (1, -1)):
        tyre = kit.slot(f"tyre.{number}", "tyre", Role.WHEEL)  # a part each: each has its own hub
        rim = kit.slot(f"rim.{number}", "painted_metal", Role.BRAKE, tint=(1.0, 1.0, 1.05))
        cells = np.full((2, segments), rim)
        if spokes:
            cells[0] = np.where(np.arange(segments) % 3 < 2, dark, rim)
        hub = lathe(
            [(p, width * z) for p, z in face], segments=segments, crease_deg=20, slots=cells
        )
        wheel = (
            merge([rubber.painted(tyre), hub]).turned(-90, "x").moved(x, half_m - width * 1.02, r)
        )
        kit.add_sorted(wheel if side > 0 else wheel.mirrored())
    for x in axles_m:
        kit.add(box((x - r, -half_m * 0.55, r * 0.6), (x + r, half_m * 0.55, 1.9 * r)), dark)


def headlights(kit: Kit, x: float, half_m: float, z: float, *, beam: float = 0.12) -> None:
    """Two white lamps with beams ahead, lit in the dark when the vehicle runs."""
    lens = kit.slot("headlight", "lens", Role.MACHINE, tint=DRL, glow=1.2, lit="active")
    for side in (1, -1):
        lamp = ellipsoid((0.12, 0.19, 0.075), rings=4, segments=8).turned(-20 * side)
        kit.add(lamp.moved(x - 0.09, side * half_m * 0.72, z), lens)
        kit.lamp(
            LampSpot(
                (x + 0.1, side * half_m * 0.72, z),
                beam,
                (1.0, 0.95, 0.85),
                (0.998, 0.0, -0.06),
                24.0,
                "active",
            )
        )


def arched(floor: Floats, x: Floats, axles: list[float], wheel_radius: float) -> Floats:
    """The height `floor` (S,) of a body's underside at `x` (S,), raised over its wheels."""
    reach = wheel_radius + ARCH_M
    for axle in axles:
        arch = wheel_radius + np.sqrt(np.maximum(reach**2 - (x - axle) ** 2, 0.0))
        floor = np.where(np.abs(x - axle) < reach - 1e-6, np.maximum(floor, arch), floor)
    return floor
