"""Bicycles and motorcycles, standing or with a rider."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from thermoscope.synthetic.meshes import Mesh, box, ellipsoid, lathe, tube, tubes
from thermoscope.synthetic.objects.kit import Kit, LampSpot, Model, rng_of
from thermoscope.synthetic.scene import Role

__all__ = ["BICYCLE_KINDS", "MOTORCYCLE_KINDS", "SADDLE_M", "bicycle", "motorcycle"]

Floats = NDArray[np.float64]
BICYCLE_KINDS = ("city_bike", "mountain_bike", "racing_bike", "cargo_bike")
MOTORCYCLE_KINDS = ("roadster", "scooter", "cruiser")
SADDLE_M = {
    "bicycle": (-0.18, 0.93),
    "roadster": (-0.15, 0.80),
    "scooter": (-0.2, 0.76),
    "cruiser": (-0.25, 0.70),
}
"""Where a rider's hips go: x and z, m."""


def _ring(radius: float, thick: float, *, segments: int = 26, sides: int = 6) -> Mesh:
    """A tyre in the xz plane around the origin."""
    turn = np.linspace(0, -2 * np.pi, sides + 1)
    profile = np.stack([radius - thick + thick * np.cos(turn), thick * np.sin(turn)], 1)
    return lathe(profile[::-1], segments=segments, crease_deg=80).turned(90, "x")


def _rods(
    pairs: Sequence[tuple[tuple[float, ...], tuple[float, ...]]], radius: float, segments: int = 6
) -> Mesh:
    ends = np.array(pairs, float)
    width = np.full(len(pairs), radius)
    return tubes(ends[:, 0], ends[:, 1], width, width, segments=segments)


def _bicycle_wheels(
    kit: Kit, ends: tuple[float, float], r: float, thick: float, phase: float
) -> None:
    for x in ends:
        kit.add(
            _ring(r, thick).moved(x, 0, r), kit.slot(f"tyre.{int(x > 0)}", "rubber", Role.WHEEL)
        )
        kit.add(_ring(r - 2 * thick, 0.008, sides=4).moved(x, 0, r), kit.slot("rim", "steel"))
        turn = np.arange(12) * np.pi / 6 + phase
        rim = np.stack([x + (r - 0.04) * np.cos(turn), 0 * turn, r + (r - 0.04) * np.sin(turn)], 1)
        hub = np.broadcast_to([x, 0.0, r], rim.shape)
        kit.add(
            tubes(hub, rim, np.full(12, 0.0025), np.full(12, 0.0025), segments=3),
            kit.slot("rim", "steel"),
        )


def _bicycle_extras(
    kit: Kit, kind: str, ends: tuple[float, float], r: float, seat_x: float
) -> None:
    paint, steel = kit.slot("frame", "car_paint", tint="paint"), kit.slot("rim", "steel")
    if kind == "cargo_bike":
        kit.add(box((0.15, -0.3, 0.28), (0.78, 0.3, 0.72)), kit.slot("crate", "wood"))
    if kind == "city_bike":
        guard = _ring(r + 0.035, 0.012, sides=4, segments=26)
        upper = guard.vertices[guard.faces].mean(1)[:, 2] > 0.05
        half = Mesh(guard.vertices, guard.faces[upper], guard.normals[upper], guard.slot[upper])
        for x in ends:
            kit.add(half.moved(x, 0, r), paint)
        kit.add(_rods([((ends[0] - 0.2, 0, 0.75), (seat_x, 0, 0.75))], 0.02), steel)


@lru_cache(maxsize=48)
def bicycle(kind: str, variant: int) -> Model:
    """A bicycle of a kind in `BICYCLE_KINDS`; tint key "paint"."""
    rng = rng_of("bicycle", kind, variant)
    kit = Kit(kind, "bicycle")
    r = 0.345
    thick = {"mountain_bike": 0.028, "racing_bike": 0.013}.get(kind, 0.019)
    rear, front = -0.52, {"cargo_bike": 1.05}.get(kind, 0.53)
    steel = kit.slot("rim", "steel")
    paint = kit.slot("frame", "car_paint", tint="paint")
    dark = kit.slot("saddle", "rubber", tint=(1.5, 1.5, 1.5))
    _bicycle_wheels(kit, (rear, front), r, thick, float(rng.uniform(0, 1)))
    head = (front - 0.19, 0, 0.82)
    crank, seat = (-0.09, 0, 0.29), (-0.24, 0, 0.83)
    low = {"city_bike": (front - 0.15, 0, 0.62), "cargo_bike": (-0.02, 0, 0.5)}.get(kind, head)
    tube_m = 0.021 if kind in ("mountain_bike", "cargo_bike") else 0.017
    frame: list[tuple[tuple[float, ...], tuple[float, ...]]] = [
        (crank, low),
        (crank, seat),
        (low, seat),
        (low, head),
        (crank, (rear, 0.05, r)),
        (seat, (rear, 0.05, r)),
    ]
    frame += [((rear, -0.05, r), crank), ((rear, -0.05, r), seat)]
    kit.add(_rods(frame, tube_m), paint)
    bar = (front - 0.23, 0, 1.0)
    fork = [
        ((front, 0.05, r), (front - 0.17, 0.03, 0.70)),
        ((front, -0.05, r), (front - 0.17, -0.03, 0.70)),
    ]
    kit.add(_rods([*fork, ((front - 0.17, 0, 0.70), bar)], tube_m), paint)
    back = -0.16 if kind == "city_bike" else 0.10 if kind == "racing_bike" else 0.0
    grips: list[tuple[tuple[float, ...], tuple[float, ...]]] = [
        (bar, (bar[0], 0.26, bar[2])),
        (bar, (bar[0], -0.26, bar[2])),
    ]
    grips += [
        ((bar[0], s * 0.26, bar[2]), (bar[0] + back, s * 0.28, bar[2] - 0.06 * (back > 0)))
        for s in (1, -1)
    ]
    kit.add(_rods([*grips, (seat, (-0.27, 0, 0.93))], 0.013), kit.slot("bar", "steel"))
    kit.add(ellipsoid((0.14, 0.08, 0.04), rings=6, segments=10).moved(-0.26, 0, 0.95), dark)
    kit.add(
        lathe([(0, 0), (0.09, 0), (0.09, 0.012), (0, 0.012)], segments=14)
        .turned(90, "x")
        .moved(crank[0], 0.0, crank[2]),
        steel,
    )
    pedals = [
        ((-0.09, 0.07, 0.29), (0.06, 0.08, 0.22)),
        ((-0.09, -0.07, 0.29), (-0.24, -0.08, 0.36)),
    ]
    kit.add(_rods(pedals, 0.01), steel)
    _bicycle_extras(kit, kind, (rear, front), r, seat[0])
    return kit.model()


@lru_cache(maxsize=48)
def motorcycle(kind: str, variant: int) -> Model:
    """A motorcycle of a kind in `MOTORCYCLE_KINDS`; tint key "paint"."""
    kit = Kit(kind, "motorcycle")
    long = {"roadster": 0.70, "scooter": 0.64, "cruiser": 0.82}[kind] * float(
        rng_of("motorcycle", kind, variant).uniform(0.97, 1.05)
    )
    r = 0.24 if kind == "scooter" else 0.31
    rim = kit.slot("rim", "painted_metal", Role.BRAKE, tint=(0.5, 0.5, 0.5))
    paint, dark = kit.slot("body", "car_paint", tint="paint"), kit.slot("seat", "leather")
    engine = kit.slot("engine", "cast_iron", Role.ENGINE)
    pipe = kit.slot("exhaust", "chrome", Role.EXHAUST)
    steel = kit.slot("fork", "steel")
    for x in (-long, long):
        kit.add(
            _ring(r, 0.06, sides=8).moved(x, 0, r),
            kit.slot(f"tyre.{int(x > 0)}", "tyre", Role.WHEEL),
        )
        kit.add(
            lathe([(0, -0.02), (r - 0.11, -0.02), (r - 0.11, 0.02), (0, 0.02)], segments=16)
            .turned(90, "x")
            .moved(x, 0, r),
            rim,
        )
    _motorcycle_front(kit, long, r, dark, steel)
    kit.add(
        box((-long - 0.2, -0.07, 0.66), (-long - 0.12, 0.07, 0.74)),
        kit.slot("tail_light", "lens", tint=(1, 0.04, 0.02), glow=0.05, lit="active"),
    )
    if kind == "scooter":
        _scooter_body(kit, long, paint, dark, engine)
    else:
        _roadster_body(kit, long, r, (paint, dark, engine, pipe, steel))
    kit.warm((0.05, 0.0, 0.45), 0.25, 25.0)
    kit.warm((-long * 0.6, -0.18, 0.28), 0.2, 30.0)
    return kit.model()


def _motorcycle_front(kit: Kit, long: float, r: float, dark: int, steel: int) -> None:
    head = (long - 0.24, 0.0, 0.86)
    kit.add(
        _rods([((long, s * 0.09, r), (long - 0.26, s * 0.08, 0.92)) for s in (1, -1)], 0.026), steel
    )
    grips = [((head[0], 0, 0.95), (head[0] - 0.12, s * 0.37, 1.05)) for s in (1, -1)]
    kit.add(_rods(grips, 0.016), dark)
    mirrors = [((head[0] - 0.1, s * 0.3, 1.04), (head[0] - 0.05, s * 0.36, 1.2)) for s in (1, -1)]
    kit.add(_rods(mirrors, 0.008, 4), steel)
    for s in (1, -1):
        kit.add(
            ellipsoid((0.02, 0.06, 0.04), rings=5, segments=8).moved(
                head[0] - 0.05, s * 0.37, 1.22
            ),
            dark,
        )
    kit.add(
        ellipsoid((0.09, 0.09, 0.09), rings=6, segments=10).moved(head[0] + 0.12, 0, 0.86),
        kit.slot("headlight", "lens", Role.MACHINE, glow=1.0, lit="active"),
    )
    kit.lamp(
        LampSpot(
            (head[0] + 0.25, 0, 0.86), 0.08, (1, 0.95, 0.85), (0.998, 0, -0.06), 24.0, "active"
        )
    )


def _roadster_body(kit: Kit, long: float, r: float, slots: tuple[int, int, int, int, int]) -> None:
    paint, dark, engine, pipe, steel = slots
    kit.add(
        _rods(
            [
                ((long - 0.2, 0, 0.85), (-0.1, 0, 0.62)),
                ((long - 0.2, 0, 0.8), (0.1, 0, 0.32)),
                ((0.1, 0, 0.32), (-long, 0, r)),
                ((-0.1, 0, 0.62), (-long, 0, r)),
            ],
            0.035,
        ),
        steel,
    )
    kit.add(ellipsoid((0.28, 0.15, 0.14), rings=8, segments=12).moved(0.18, 0, 0.84), paint)
    kit.add(ellipsoid((0.36, 0.14, 0.08), rings=8, segments=12).moved(-0.3, 0, 0.76), dark)
    kit.add(
        ellipsoid((0.24, 0.09, 0.08), rings=8, segments=10)
        .turned(14, "y")
        .moved(-long + 0.1, 0, 0.72),
        paint,
    )
    kit.add(box((-0.12, -0.16, 0.28), (0.26, 0.16, 0.58)), engine)
    kit.add(
        lathe([(0.13, 0), (0.13, 0.2), (0.09, 0.24)], segments=14)
        .turned(25, "y")
        .moved(0.12, 0, 0.5),
        engine,
    )
    kit.add(ellipsoid((0.2, 0.06, 0.03), rings=5, segments=8).moved(long, 0, 2 * r + 0.05), paint)
    kit.add(
        tube(
            [
                (0.25, -0.14, 0.45),
                (0.2, -0.17, 0.24),
                (-0.2, -0.18, 0.22),
                (-long - 0.05, -0.2, 0.32),
            ],
            [0.03, 0.03, 0.035, 0.06],
        ),
        pipe,
    )


def _scooter_body(kit: Kit, long: float, paint: int, dark: int, engine: int) -> None:
    kit.add(box((-0.25, -0.16, 0.26), (0.35, 0.16, 0.33)), paint)
    kit.add(ellipsoid((0.36, 0.2, 0.22), rings=8, segments=12).moved(-0.42, 0, 0.52), paint)
    kit.add(ellipsoid((0.34, 0.15, 0.07), rings=6, segments=12).moved(-0.35, 0, 0.75), dark)
    kit.add(
        ellipsoid((0.06, 0.22, 0.36), rings=8, segments=12).turned(-15, "y").moved(0.38, 0, 0.62),
        paint,
    )
    kit.add(ellipsoid((0.2, 0.08, 0.08), rings=6, segments=10).moved(long, 0, 0.42), paint)
    kit.add(box((-0.6, -0.14, 0.2), (-0.3, 0.08, 0.42)), engine)
    pipe = kit.slot("exhaust", "chrome", Role.EXHAUST)
    kit.add(tube([(-0.35, -0.15, 0.3), (-long - 0.1, -0.2, 0.33)], [0.04, 0.055]), pipe)
