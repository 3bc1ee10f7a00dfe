"""What lies on a street: zebra crossings, speed bumps, patches, manholes, road works."""

from __future__ import annotations

import numpy as np

from thermoscope.synthetic.meshes import lathe
from thermoscope.synthetic.objects import street as things
from thermoscope.synthetic.objects.kit import Kit, Model
from thermoscope.synthetic.placement import Pose, SceneBuilder
from thermoscope.synthetic.scenes.street import Street
from thermoscope.synthetic.surfaces import Path, sweep

__all__ = ["street_marks"]

FALL = -0.018
LIFT_M = 0.006  # marks float this far over the asphalt


def street_marks(builder: SceneBuilder, rng: np.random.Generator, street: Street) -> None:
    """Zebra crossings by the side streets, bumps, patches, manholes, a works site."""
    kit = Kit("marks", "road")
    zebra = [c.s_m - c.half_m - 5.0 for c in street.crossings][:3]
    for s in zebra:
        _zebra(kit, street, s)
    for _ in range(14):
        s, off = rng.uniform(0, street.path.length_m), rng.uniform(-1, 1) * (street.lane_m - 0.9)
        length, half = rng.uniform(1, 9), rng.uniform(0.3, 0.9)
        patch = kit.slot("patch", "asphalt_patch")
        _strip(
            kit,
            street,
            (float(s), float(s + length)),
            (float(off + half), float(off - half)),
            slot=patch,
            lift=LIFT_M / 2,
        )
    builder.place(kit.model(), Pose(0, 0, 0), object_id=0)
    for _ in range(8):
        s, off = rng.uniform(0, street.path.length_m), rng.uniform(-1, 1) * (street.lane_m - 1)
        (x, y), yaw = street.path.at(float(s), float(off))
        z = float(builder.ground(x, y)) + FALL * abs(off) + 0.004
        builder.place(_manhole(), Pose(float(x), float(y), z, float(yaw)), object_id=0)
    for s in rng.uniform(0.1, 0.95, int(rng.integers(0, 3))) * street.path.length_m:
        (x, y), yaw = street.path.at(float(s))
        z = float(builder.ground(x, y)) - 0.02
        pose = Pose(float(x), float(y), z, float(yaw))
        builder.place(things.bump(2 * street.lane_m - 0.6), pose)
    if rng.uniform() < 0.7:
        _works(builder, rng, street)


def _strip(
    kit: Kit,
    street: Street,
    span: tuple[float, float],
    offsets: tuple[float, float],
    *,
    slot: int,
    lift: float,
) -> None:
    steps = np.linspace(*span, max(2, int((span[1] - span[0]) / 1.0) + 1))
    points, _ = street.path.at(steps)
    path = Path(points)
    across = np.array(
        sorted({offsets[0], offsets[1], *([0.0] if offsets[0] * offsets[1] < 0 else [])})
    )[::-1]
    base = street.ground(points[:, 0], points[:, 1])
    heights = base[:, None] + FALL * np.abs(across) + lift
    kit.add_sorted(sweep(path, across, heights, np.full(len(across) - 1, slot)))


def _zebra(kit: Kit, street: Street, s: float) -> None:
    slot = kit.slot("zebra", "road_paint")
    for off in np.arange(-street.lane_m + 0.4, street.lane_m - 0.3, 1.0):
        if off < 0 < off + 0.5:
            continue
        _strip(
            kit, street, (s - 1.5, s + 1.5), (float(off + 0.5), float(off)), slot=slot, lift=LIFT_M
        )


def _manhole() -> Model:
    kit = Kit("manhole", "road")
    cover = lathe([(0.33, -0.02), (0.33, 0.008), (0.28, 0.004), (0, 0.006)], segments=20)
    kit.add(cover, kit.slot("cover", "cast_iron"))
    return kit.model()


def _works(builder: SceneBuilder, rng: np.random.Generator, street: Street) -> None:
    """A row of cones and a barrier on the other side of the road."""
    start = float(rng.uniform(0.1, 0.9)) * street.path.length_m
    off = street.lane_m - 0.3
    size = int(rng.integers(3))
    for k in range(int(rng.integers(5, 11))):
        lateral = off - 1.2 * min(1.0, k / 4)
        (x, y), yaw = street.path.at(start + 2.2 * k, lateral)
        z = float(builder.ground(x, y)) + FALL * lateral
        turn = float(yaw) + float(rng.uniform(-40, 40))
        builder.place(things.cone(size), Pose(float(x), float(y), z, turn))
        builder.claim(float(x), float(y), 0.8)
