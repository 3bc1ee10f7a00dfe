"""What stands beside a street: rows and houses, gardens, parking lots, parks, yards."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from thermoscope.synthetic.kinds import Kinds
from thermoscope.synthetic.meshes import box
from thermoscope.synthetic.objects import street as things
from thermoscope.synthetic.objects.barriers import fence
from thermoscope.synthetic.objects.buildings import building
from thermoscope.synthetic.objects.kit import Kit, Model
from thermoscope.synthetic.objects.vegetation import TREE_KINDS, bush, hedge, tree
from thermoscope.synthetic.placement import Pose, SceneBuilder
from thermoscope.synthetic.scenes.palette import has_leaves, leaf, walls
from thermoscope.synthetic.scenes.street import KERB_M, Street

__all__ = ["Bay", "LotMix", "fill_lots", "parking_ground", "plant_bush", "plant_tree"]

LOT_RISE_M = KERB_M - 0.06


@dataclass(frozen=True)
class LotMix:
    """Shares of what stands along a street.

    Attributes:
        rows: Closed fronts.
        houses: Detached, with gardens.
        sheds: Industrial.
        parking: Lots for cars.
        parks: Trees, bushes and benches.
        setback_m: Of rows from the sidewalk.
    """

    rows: float
    houses: float
    sheds: float
    parking: float
    parks: float
    setback_m: float = 0.5


@dataclass(frozen=True)
class Bay:
    """A place for a parked car: position and direction."""

    x: float
    y: float
    yaw_deg: float


def plant_tree(
    builder: SceneBuilder,
    rng: np.random.Generator,
    kinds: tuple[str, ...],
    x: float,
    y: float,
    *,
    leaf_count: int = 1500,
    rise_m: float = LOT_RISE_M,
) -> None:
    """A tree of one of the kinds, in the colours of the season."""
    u = rng.uniform(size=4)
    kind = kinds[int(u[0] * len(kinds))]
    model = tree(
        kind,
        int(u[1] * 5),
        leaves=has_leaves(builder.conditions),
        leaf_count=leaf_count,
    )
    z = float(builder.ground(x, y)) + rise_m - 0.05
    pose = Pose(x, y, z, 360 * u[2], 0.75 + 0.4 * u[3])
    tints = leaf(rng, builder.conditions, evergreen=TREE_KINDS[kind].evergreen)
    builder.place(model, pose, tints=tints)


def plant_bush(
    builder: SceneBuilder,
    rng: np.random.Generator,
    x: float,
    y: float,
    *,
    rise_m: float = LOT_RISE_M,
) -> None:
    """A bush in the colours of the season."""
    u = rng.uniform(size=3)
    model = bush(int(u[0] * 8), leaves=has_leaves(builder.conditions))
    z = float(builder.ground(x, y)) + rise_m - 0.03
    builder.place(
        model, Pose(x, y, z, 360 * u[1], 0.6 + 0.6 * u[2]), tints=leaf(rng, builder.conditions)
    )


def fill_lots(
    builder: SceneBuilder,
    rng: np.random.Generator,
    street: Street,
    kinds: Kinds,
    mix: LotMix,
) -> list[Bay]:
    """Fill both sides of a street; returns the bays of parking lots."""
    bays: list[Bay] = []
    names = ("rows", "houses", "sheds", "parking", "parks")
    shares = np.cumsum([getattr(mix, name) for name in names])
    for side in (1, -1):
        s = 5.0
        while s < street.path.length_m - 6:
            u = float(rng.uniform())
            name = names[int(np.searchsorted(shares / shares[-1], u))]
            lot = _Lot(builder, rng, street, kinds, side=side, s=s)
            s += {
                "rows": lot.row, "houses": lot.house, "sheds": lot.shed, "parks": lot.park,
            }[name](mix) if name != "parking" else lot.parking(bays)  # fmt: skip
    return bays


class _Lot:
    """One lot: each method builds it and returns the length of street that it took."""

    def __init__(
        self,
        builder: SceneBuilder,
        rng: np.random.Generator,
        street: Street,
        kinds: Kinds,
        *,
        side: int,
        s: float,
    ) -> None:
        self.builder, self.rng, self.street, self.kinds = builder, rng, street, kinds
        self.side, self.s = side, s

    def _spot(self, along: float, out: float) -> tuple[float, float, float]:
        """World position and street yaw, `out` metres beyond the sidewalk's edge."""
        offset = self.side * (self.street.edge_m(self.side) + out)
        (x, y), yaw = self.street.path.at(self.s + along, offset)
        return float(x), float(y), float(yaw)

    def _blocked(self, x: float, y: float, half: tuple[float, float], yaw_deg: float) -> bool:
        """Whether a rectangle would reach the sidewalk, a side street or a claimed place."""
        c, s = np.cos(np.radians(yaw_deg)), np.sin(np.radians(yaw_deg))
        u = np.array([-1, -0.5, 0, 0.5, 1])
        across, along = np.meshgrid(u * half[0], u * half[1])
        spots = np.stack([x + across * c - along * s, y + across * s + along * c], -1).reshape(
            -1, 2
        )
        if self.street.path.distance(spots).min() < min(map(self.street.edge_m, (1, -1))) + 0.15:
            return True
        return any(not self.builder.is_free(float(a), float(b), 0.4) for a, b in spots)

    def _claim(self, x: float, y: float, half: tuple[float, float], yaw_deg: float) -> None:
        c, s = np.cos(np.radians(yaw_deg)), np.sin(np.radians(yaw_deg))
        radius = min(half)
        for k in np.linspace(-1, 1, max(2, int(np.ceil(max(half) / radius)) + 1)):
            a, b = (
                (k * (half[0] - radius), 0.0)
                if half[0] > half[1]
                else (0.0, k * (half[1] - radius))
            )
            self.builder.claim(x + a * c - b * s, y + a * s + b * c, radius)

    def _building(self, model: Model, setback: float) -> float | None:
        """The building with its front to the street; its length, or None if it does not fit."""
        length, depth = model.size_m[0], model.size_m[1]
        x, y, yaw = self._spot(length / 2, setback + depth / 2 + 0.4)
        turn = yaw if self.side > 0 else yaw + 180
        if self._blocked(x, y, (length / 2 - 0.5, depth / 2 - 0.5), turn):
            return None
        self._claim(x, y, (length / 2, depth / 2), turn)
        z = float(self.builder.ground(x, y)) + LOT_RISE_M
        activity = float(self.rng.uniform(0.25, 1.0))
        tints = walls(self.rng)
        self.builder.place(model, Pose(x, y, z, turn), tints=tints, activity=activity)
        return length

    def _draw(self, names: tuple[str, ...]) -> Model:
        u = self.rng.uniform(size=2)
        return building(names[int(u[0] * len(names))], int(u[1] * 6))

    def row(self, mix: LotMix) -> float:
        """Part of a closed front."""
        length = self._building(self._draw(self.kinds.rows), mix.setback_m)
        gap = float(self.rng.choice([0.0, 0.0, 0.3, 4.0]))
        if length is None:
            return self.park(mix, length=6.0)
        return length + gap

    def house(self, mix: LotMix) -> float:
        """A house behind a garden, with a hedge, fence or wall, a driveway, trees."""
        model, setback = self._draw(self.kinds.houses), float(self.rng.uniform(3.5, 7.5))
        length = self._building(model, setback)
        if length is None:
            return self.park(mix, length=8.0)
        u = self.rng.uniform(size=4)
        width = length + 5.0
        border = ("hedge", "picket", "wall", "rail", "none")[int(u[0] * 5)]
        for along in np.arange(2.0, width - 5.0, 4.0):
            x, y, yaw = self._spot(along + 0.2, 0.35)
            z = float(self.builder.ground(x, y)) + LOT_RISE_M
            if border == "hedge":
                tints = leaf(self.rng, self.builder.conditions)
                self.builder.place(hedge(int(u[1] * 3)), Pose(x, y, z, yaw), tints=tints)
            elif border != "none":
                tints = {"paint": (2.6, 2.8, 3.0)}
                self.builder.place(fence(border), Pose(x, y, z, yaw), tints=tints)
        for along, out in (
            (1.5, 2.0),
            (width - 4.2, 1.6),
            (0.5, setback + 6),
            (width - 3, setback + 9),
        ):
            spot = self._spot(along + float(self.rng.normal(0, 0.5)), out)[:2]
            if self.rng.uniform() < 0.65 and self.builder.take(*spot, 0.8):
                if self.rng.uniform() < 0.45:
                    plant_tree(self.builder, self.rng, self.kinds.trees, *spot, leaf_count=1100)
                else:
                    plant_bush(self.builder, self.rng, *spot)
        return width

    def shed(self, mix: LotMix) -> float:
        """An industrial building behind a mesh fence."""
        length = self._building(self._draw(self.kinds.sheds), float(self.rng.uniform(5, 9)))
        if length is None:
            return self.park(mix, length=9.0)
        for along in np.arange(2.0, length - 6.0, 4.0):
            x, y, yaw = self._spot(along, 0.4)
            z = float(self.builder.ground(x, y)) + LOT_RISE_M
            self.builder.place(fence("mesh"), Pose(x, y, z, yaw))
        return length + 4.0

    def park(self, mix: LotMix, *, length: float = 16.0) -> float:
        """Trees, bushes, a bench."""
        _ = mix
        for _k in range(max(1, int(length / 3.5))):
            along, out = self.rng.uniform(0, length), self.rng.uniform(1.5, 13)
            spot = self._spot(float(along), float(out))[:2]
            big = self.rng.uniform() < 0.55
            near = float(self.street.path.distance(spot))
            if near < self.street.edge_m(self.side) + 1 or not self.builder.take(*spot, 1.4):
                continue
            if big:
                plant_tree(self.builder, self.rng, self.kinds.trees, *spot)
            else:
                plant_bush(self.builder, self.rng, *spot)
        if length > 12:
            x, y, yaw = self._spot(length / 2, 0.9)
            z = float(self.builder.ground(x, y)) + LOT_RISE_M
            turn = yaw - 90 * self.side
            self.builder.place(things.bench(int(self.rng.integers(2))), Pose(x, y, z, turn))
            self.builder.claim(x, y, 1.0)
        return length

    def parking(self, bays: list[Bay]) -> float:
        """An asphalt lot: lines, wheel stops, two rows of bays facing away from the street."""
        width = 2.5 * int(self.rng.integers(5, 9))
        x, y, yaw = self._spot(width / 2, 9.0)
        turn = yaw if self.side > 0 else yaw + 180
        if self._blocked(x, y, (width / 2, 8.0), turn):
            return self.park(LotMix(0, 0, 0, 0, 1), length=10.0)
        self._claim(x, y, (width / 2, 8.5), turn)
        z = float(self.builder.ground(x, y)) + LOT_RISE_M
        self.builder.place(parking_ground(width), Pose(x, y, z, turn), object_id=0)
        c, s = np.cos(np.radians(turn)), np.sin(np.radians(turn))
        for row, facing in ((5.2, 90.0), (-5.2, -90.0)):
            for k in np.arange(-width / 2 + 1.25, width / 2, 2.5):
                px, py = x + k * c - row * s, y + k * s + row * c
                front = row + np.sign(row) * 2.3
                stop = Pose(x + k * c - front * s, y + k * s + front * c, z + 0.06, turn + facing)
                self.builder.place(things.car_stop(int(width) % 4), stop)
                bays.append(Bay(px, py, turn + facing))
        return width + 2.0


@lru_cache(maxsize=16)
def parking_ground(width_m: float) -> Model:
    """Asphalt with lines for two rows of bays that face away from its middle line (x)."""
    kit = Kit("parking", "road")
    kit.add(
        box((-width_m / 2, -8.3, -0.5), (width_m / 2, 8.3, 0.05)), kit.slot("ground", "asphalt")
    )
    line = kit.slot("line", "road_paint")
    for x in np.arange(-width_m / 2, width_m / 2 + 0.1, 2.5):
        for a, b in ((2.8, 7.9), (-7.9, -2.8)):
            kit.add(box((x - 0.05, a, 0), (x + 0.05, b, 0.055)), line)
    return kit.model()
