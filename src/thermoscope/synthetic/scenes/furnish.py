"""Furnishing a room: things along its walls, on its walls, in its middle, under its ceiling."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from thermoscope.synthetic.kinds import Kinds
from thermoscope.synthetic.objects import appliances, furniture
from thermoscope.synthetic.objects import street as things
from thermoscope.synthetic.objects.kit import Model
from thermoscope.synthetic.placement import Pose, SceneBuilder
from thermoscope.synthetic.scenes.rooms import DOOR_M, WALL_M, Plan

__all__ = ["PREMISES", "Furnisher", "Premises"]

SMALL = ("chair", "plant", "boxes", "bin", "chair")
Room = tuple[float, float, float, float]
LEAST_MIDDLE_M = 3.2  # narrower rooms have nothing in their middle


@dataclass(frozen=True)
class Premises:
    """A kind of interior.

    Attributes:
        height_m: Range of the rooms' height.
        items: What stands along the walls: names that `Furnisher` knows.
        middle: What stands in the middle of a room.
        floors: Materials.
        walls: Materials.
        ceiling: Material.
        pipes: Runs of pipe for each room.
    """

    height_m: tuple[float, float]
    items: tuple[str, ...]
    middle: tuple[str, ...]
    floors: tuple[str, ...]
    walls: tuple[str, ...]
    ceiling: str
    pipes: int = 0


PREMISES: dict[str, Premises] = {
    "office": Premises(
        (2.6, 3.0), ("desk", "desk", "desk", "shelf", "shelf", "board", "desk", "machine"),
        ("table", "", ""), ("carpet", "linoleum"), ("plaster",), "ceiling_tile",
    ),
    "home": Premises(
        (2.5, 2.8), ("sofa", "bed", "shelf", "shelf", "desk", "kitchen", "plant", "chair"),
        ("table", ""), ("parquet", "carpet", "ceramic"), ("wallpaper", "plaster"), "plaster",
    ),
    "workshop": Premises(
        (3.4, 4.4), ("machine", "machine", "desk", "shelf", "boxes", "shelf", "bench"),
        ("machine", "boxes", ""), ("concrete",), ("brick", "panel_concrete"), "panel_concrete",
        pipes=3,
    ),
    "basement": Premises(
        (2.5, 3.0), ("boxes", "machine", "shelf", "boxes", "chair"), ("", "boxes"),
        ("concrete",), ("panel_concrete", "brick", "stone_wall"), "concrete", pipes=4,
    ),
}  # fmt: skip


class Furnisher:
    """Puts things along the walls of a room and into its middle.

    Attributes:
        seats: x, y, seat height and yaw of chairs that somebody may sit on.
    """

    def __init__(
        self,
        builder: SceneBuilder,
        rng: np.random.Generator,
        moving: np.random.Generator,
        *,
        kinds: Kinds,
        premises: Premises,
        plan: Plan,
    ) -> None:
        self.builder, self.rng = builder, rng
        self.kinds, self.premises, self.plan = kinds, premises, plan
        self.seats: list[tuple[float, float, float, float]] = []

    def room(self, room: Room) -> None:
        """Lamps, radiators, pipes, then furniture."""
        x0, y0, x1, y1 = room
        lamp = appliances.ceiling_lamp(int(self.rng.integers(3)))
        count = 2 if x1 - x0 > 6 else 1
        if x1 - x0 > 3 * (y1 - y0):  # a corridor
            count = round((x1 - x0) / 3.5)
        for k in range(count):
            x = x0 + (x1 - x0) * (k + 0.5) / count
            pose = Pose(x, (y0 + y1) / 2, self.plan.height_m, 90.0 * float(self.rng.integers(2)))
            self.builder.place(lamp, pose, activity=0.7)
        heat = float(self.rng.uniform(0.2, 1.0))
        kind = self.kinds.radiators[0]
        for window in self.plan.windows:
            if x0 < window.x < x1 and window.y in (y0, y1):
                model = appliances.radiator(kind, int(self.rng.integers(4)))
                self._at_wall(model, (window.x, window.y), window.inward, activity=heat)
        self._pipes(room)
        for axis, at, inward, (start, stop) in (
            (0, y0, (0, 1), (x0, x1)), (0, y1, (0, -1), (x0, x1)),
            (1, x0, (1, 0), (y0, y1)), (1, x1, (-1, 0), (y0, y1)),
        ):  # fmt: skip
            self._wall(axis, at, inward, (start, stop))
        self._middle(room)

    def _wall(
        self, axis: int, at: float, inward: tuple[int, int], span: tuple[float, float]
    ) -> None:
        along = span[0] + 0.15 + float(self.rng.uniform(0, 0.3))
        while along < span[1] - 0.35:
            u = self.rng.uniform(size=5)
            items = self.premises.items if u[0] < 0.75 else SMALL
            name = items[int(u[1] * len(items))]
            model = self._model(name, int(u[2] * 8))
            half = model.size_m[1] / 2
            middle = along + half
            spot = (middle, at) if axis == 0 else (at, middle)
            fits = middle + half < span[1] - 0.12
            if fits and u[3] < 0.93 and self._at_wall(model, spot, inward, name=name):
                along += 2 * half + 0.04 + 0.5 * float(u[4]) ** 3
            else:
                along += 0.2
        for along in np.arange(span[0] + 0.7, span[1] - 0.6, 1.15):
            u = self.rng.uniform(size=4)
            spot = (along + 0.3 * u[0], at) if axis == 0 else (at, along + 0.3 * u[0])
            self._hang(furniture.wall_thing(int(16 * u[1])), spot, inward, 1.35 + 0.4 * u[2])

    def _hang(
        self, model: Model, spot: tuple[float, float], inward: tuple[int, int], z: float
    ) -> None:
        """Something small on a wall, clear of doors and windows."""
        doors = [np.hypot(d.x - spot[0], d.y - spot[1]) for d in self.plan.doors]
        colour = self.rng.uniform(0.3, 1.0) * self.rng.uniform(0.7, 1.1, 3)
        if min(doors) < 0.95 or self._at_window([spot]) or self.rng.uniform() < 0.35:
            return
        gap = WALL_M / 2
        yaw = float(np.degrees(np.arctan2(inward[1], inward[0])))
        pose = Pose(spot[0] + gap * inward[0], spot[1] + gap * inward[1], z, yaw)
        tints = {"cloth": (float(colour[0]), float(colour[1]), float(colour[2]))}
        self.builder.place(model, pose, tints=tints, activity=0.6)

    def _model(self, name: str, variant: int) -> Model:
        kinds = self.kinds
        if name in ("desk", "bench"):
            return furniture.desk(kinds.desks[variant % len(kinds.desks)], variant)
        if name == "shelf":
            return furniture.shelf(kinds.shelves[variant % len(kinds.shelves)], variant)
        if name == "machine":
            return appliances.machine(kinds.machines[variant % len(kinds.machines)], variant)
        if name == "chair":
            return furniture.chair(kinds.chairs[variant % len(kinds.chairs)], variant)
        if name == "board":
            return furniture.whiteboard()
        made = {
            "sofa": furniture.sofa, "bed": furniture.bed, "plant": furniture.pot_plant,
            "boxes": furniture.boxes, "kitchen": appliances.kitchen, "bin": things.bin_,
        }  # fmt: skip
        return made[name](variant % 4)

    def _at_wall(
        self,
        model: Model,
        spot: tuple[float, float],
        inward: tuple[int, int],
        *,
        name: str = "",
        activity: float | None = None,
    ) -> bool:
        """Stand a thing with its back to a wall, if there is room."""
        low = float(model.mesh.vertices[:, 0].min())
        depth, half = float(model.mesh.vertices[:, 0].max()) - low, model.size_m[1] / 2
        gap = WALL_M / 2 + 0.01 - low
        x, y = spot[0] + gap * inward[0], spot[1] + gap * inward[1]
        yaw = float(np.degrees(np.arctan2(inward[1], inward[0])))
        u = np.linspace(0.08, 1, 3) * depth
        v = np.linspace(-0.92, 0.92, 5) * half
        deep, wide = np.meshgrid(u + low, v)
        px = x + deep * inward[0] - wide * inward[1]
        py = y + deep * inward[1] + wide * inward[0]
        spots = list(zip(px.ravel().tolist(), py.ravel().tolist(), strict=True))
        if name != "board" and not all(self.builder.is_free(a, b, 0.12) for a, b in spots):
            return False
        if any(np.hypot(d.x - a, d.y - b) < 0.78 for d in self.plan.doors for a, b in spots):
            return False
        if name in ("shelf", "board", "kitchen", "machine", "bed") and self._at_window(spots):
            return False
        warm = float(self.rng.uniform(0.2, 1.0)) if activity is None else activity
        colour = self.rng.uniform(0.2, 1.3) * self.rng.uniform(0.5, 1.2, 3)
        tints = {"cloth": (float(colour[0]), float(colour[1]), float(colour[2]))}
        self.builder.place(model, Pose(x, y, 0.0, yaw), tints=tints, activity=warm)
        for a, b in spots:
            self.builder.claim(a, b, 0.16)
        if name in ("desk", "bench"):
            self._around_desk(model, (x, y, yaw), depth)
        if name in ("chair", "sofa"):
            seat = 0.40 if name == "sofa" else 0.46
            self.seats.append((x + 0.35 * inward[0], y + 0.35 * inward[1], seat, yaw))
        return True

    def _at_window(self, spots: list[tuple[float, float]]) -> bool:
        return any(
            abs(w.x - a) < w.half_m + 0.15 and abs(w.y - b) < 0.6
            for w in self.plan.windows
            for a, b in spots
        )

    def _around_desk(self, model: Model, at: tuple[float, float, float], depth: float) -> None:
        x, y, yaw = at
        c, s = np.cos(np.radians(yaw)), np.sin(np.radians(yaw))
        top = 0.9 if model.name == "workbench" else 0.745
        u = self.rng.uniform(size=4)
        if u[0] < 0.75 and model.name != "workbench":
            machine = appliances.computer(int(u[1] * 4))
            self.builder.place(machine, Pose(x, y, top, yaw), activity=0.9)
        elif u[0] > 0.6:
            drill = Pose(x + 0.35 * c - 0.3 * s, y + 0.35 * s + 0.3 * c, top, 360 * u[1])
            self.builder.place(appliances.hand_drill(), drill, activity=float(u[2]))
        out = depth + 0.28
        spot = (float(x + out * c), float(y + out * s))
        if self.builder.is_free(*spot, 0.15):
            kind = self.kinds.chairs[int(u[2] * len(self.kinds.chairs))]
            turn = yaw + 180 + 40 * (u[3] - 0.5)
            colour = (0.3 + float(u[3]), 0.5, 0.4 + float(u[1]))
            self.builder.place(
                furniture.chair(kind, 0), Pose(*spot, 0.0, turn), tints={"cloth": colour}
            )
            self.builder.claim(*spot, 0.3)
            self.seats.append((*spot, 0.65 if kind == "stool" else 0.47, turn))

    def _pipes(self, room: Room) -> None:
        x0, y0, x1, y1 = room
        for k in range(self.premises.pipes):
            u = self.rng.uniform(size=3)
            z = self.plan.height_m - 0.25 - 0.3 * k
            length = round((y1 - y0 if k % 2 else x1 - x0) - WALL_M, 2)
            model = appliances.pipe_run(
                length, hot=bool(u[0] < 0.6), radius_m=(0.03, 0.05, 0.08)[int(u[1] * 3)]
            )
            # pipes run along y from 0 and hang 12 cm from x = 0
            pose = (
                Pose(x0 + WALL_M / 2, y0 + WALL_M / 2, z)
                if k % 2
                else Pose(x1 - WALL_M / 2, y0 + WALL_M / 2, z, 90.0)
            )
            if z > DOOR_M[1] + 0.1:
                self.builder.place(model, pose, activity=float(u[2]))

    def _middle(self, room: Room) -> None:
        x0, y0, x1, y1 = room
        u = self.rng.uniform(size=6)
        name = self.premises.middle[int(u[0] * len(self.premises.middle))]
        if not name or min(x1 - x0, y1 - y0) < LEAST_MIDDLE_M:
            return
        if name == "table":
            kind = self.kinds.desks[int(u[3] * len(self.kinds.desks))]
            model, yaw = furniture.desk(kind, int(u[4] * 4)), 0.0
        else:
            model, yaw = self._model(name, int(u[4] * 8)), 90.0 * int(4 * u[5])
        low, high = model.mesh.vertices.min(0)[:2], model.mesh.vertices.max(0)[:2]
        reach = float(np.hypot(*(high - low))) / 2
        shift = Pose(0.0, 0.0, 0.0, yaw).turn()[:2, :2] @ (low + high) / 2
        for k in range(12):
            x = x0 + 1.4 + (x1 - x0 - 2.8) * ((u[1] + 0.37 * k) % 1.0)
            y = y0 + 1.4 + (y1 - y0 - 2.8) * ((u[2] + 0.61 * k) % 1.0)
            if self.builder.take(float(x), float(y), reach):
                pose = Pose(float(x - shift[0]), float(y - shift[1]), 0.0, yaw)
                self.builder.place(model, pose, activity=float(u[3]))
                return
