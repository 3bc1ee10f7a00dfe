"""Rooms: a plan of rows and columns, walls with doors and windows, floors, ceilings.

The rooms are linked by open doorways into a ring, which the route follows. The lower row may be a
corridor instead: one long room with a door to each room of the upper row.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from thermoscope.synthetic.meshes import box
from thermoscope.synthetic.objects.furniture import Span, add_boxes
from thermoscope.synthetic.objects.kit import RGB, Kit, LampSpot, Model
from thermoscope.synthetic.scene import Role
from thermoscope.synthetic.surfaces import Path, smooth_loop

__all__ = ["Door", "Finish", "Plan", "Window", "draw_plan", "route_of", "shell"]

Floats = NDArray[np.float64]
WALL_M = 0.14
DOOR_M = (1.15, 2.15)
CORRIDOR_M = (2.1, 2.8)


@dataclass(frozen=True)
class Door:
    """An open doorway: its middle, and the axis that its wall runs along (0 = x, 1 = y)."""

    x: float
    y: float
    axis: int


@dataclass(frozen=True)
class Window:
    """A window in an outer wall: its middle, the wall's axis, the way inside, its half width."""

    x: float
    y: float
    axis: int
    inward: tuple[int, int]
    half_m: float


@dataclass(frozen=True, eq=False)
class Plan:
    """Where the walls are.

    Attributes:
        xs: (columns + 1,) east ends of the columns, m.
        ys: (rows + 1,), m.
        height_m: Of the rooms.
        doors: Between neighbours on the ring.
        windows: In the outer walls.
        corridor: The lower row is one long room.
    """

    xs: Floats
    ys: Floats
    height_m: float
    doors: tuple[Door, ...]
    windows: tuple[Window, ...]
    corridor: bool = False

    def rooms(self) -> list[tuple[float, float, float, float]]:
        """x0, y0, x1, y1 of every room, row by row."""
        found = []
        for row, (y0, y1) in enumerate(pairwise(self.ys.tolist())):
            xs = self.xs[[0, -1]] if self.corridor and row == 0 else self.xs
            found += [(x0, y0, x1, y1) for x0, x1 in pairwise(xs.tolist())]
        return found


@dataclass(frozen=True)
class Finish:
    """Materials of the shell.

    Attributes:
        wall: Of the walls, with a tint.
        tint: Of the walls.
        floor: Of each room.
        ceiling: Of all.
    """

    wall: str
    tint: RGB
    floor: tuple[str, ...]
    ceiling: str


def draw_plan(
    rng: np.random.Generator, *, columns: int, height_m: float, corridor: bool = False
) -> Plan:
    """Two rows of rooms of random sizes, or one and a corridor; neighbours are linked into a ring.

    Args:
        rng: Source of all draws.
        columns: Rooms a row, at least 2.
        height_m: Of the rooms.
        corridor: The lower row is a corridor.
    """
    xs = np.concatenate([[0.0], np.cumsum(rng.uniform(4.6, 7.6, columns))])
    depths = rng.uniform(4.6, 7.2, 2)
    if corridor:
        depths[0] = rng.uniform(*CORRIDOR_M)
    ys = np.concatenate([[0.0], np.cumsum(depths)])
    xs, ys = xs - xs[-1] / 2, ys - ys[-1] / 2
    doors = []
    for row in (1,) if corridor else (0, 1):
        for k in range(1, columns):
            y = float(ys[row] + (ys[row + 1] - ys[row]) * rng.uniform(0.35, 0.65))
            doors.append(Door(float(xs[k]), y, 1))
    for k in range(columns) if corridor else (0, columns - 1):
        x = float(xs[k] + (xs[k + 1] - xs[k]) * rng.uniform(0.35, 0.65))
        doors.append(Door(x, float(ys[1]), 0))
    windows = []
    for k in range(columns):
        for y, inward in ((ys[0], 1), (ys[-1], -1)):
            u = rng.uniform(size=3)
            x = float(xs[k] + (xs[k + 1] - xs[k]) * (0.35 + 0.3 * u[0]))
            if u[1] < 0.75:
                windows.append(Window(x, float(y), 0, (0, inward), 0.6 + 0.5 * float(u[2])))
    return Plan(xs, ys, height_m, tuple(doors), tuple(windows), corridor)


def route_of(plan: Plan) -> Path:
    """A closed walk through all rooms: door after door, round the middle of each room."""
    count = len(plan.xs) - 1
    lower = [d for d in plan.doors if d.axis == 1 and d.y < plan.ys[1]]
    upper = [d for d in plan.doors if d.axis == 1 and d.y > plan.ys[1]]
    across = [d for d in plan.doors if d.axis == 0]
    west, east = across[0], across[-1]
    lower_rooms, upper_rooms = plan.rooms()[:-count], plan.rooms()[-count:]
    points: list[tuple[float, float]] = []

    def middle(room: tuple[float, float, float, float], near: Door) -> None:
        """Past the middle of a corner room, on the side of its doors."""
        x = 0.45 * (room[0] + room[2]) + 0.1 * near.x
        points.append((x, 0.45 * (room[1] + room[3]) + 0.1 * near.y))

    if plan.corridor:
        along = float(plan.ys[:2].mean())
        points += [(west.x, along), (east.x, along)]
    else:
        middle(lower_rooms[0], west)
        points += [(door.x, door.y) for door in lower]
        middle(lower_rooms[-1], east)
    points.append((east.x, east.y))
    middle(upper_rooms[-1], east)
    for door in reversed(upper):
        points.append((door.x, door.y))
    middle(upper_rooms[0], west)
    points.append((west.x, west.y))
    return smooth_loop(_straight_doors(points, plan), radius_m=1.3, step_m=0.25)


def _straight_doors(points: list[tuple[float, float]], plan: Plan) -> Floats:
    """Points before and behind each doorway, so that the route goes through it at a right angle."""
    at = {(d.x, d.y): d.axis for d in plan.doors}
    line: list[tuple[float, float]] = []
    for k, (x, y) in enumerate(points):
        axis = at.get((x, y))
        if axis is None:
            line.append((x, y))
            continue
        px, py = points[k - 1]
        step = 0.75
        if axis == 1:
            sign = np.sign(x - px) * step
            line += [(x - sign, y), (x + sign, y)]
        else:
            sign = np.sign(y - py) * step
            line += [(x, y - sign), (x, y + sign)]
    return np.array(line)


def shell(plan: Plan, finish: Finish, *, daylight: float, outside_k: float) -> Model:
    """Walls, floors, ceiling, door frames, windows; daylight enters as lamps.

    Args:
        plan: Where.
        finish: Of what.
        daylight: 0 at night to 1 at noon: glow of the panes.
        outside_k: Outside minus inside, K: decides how the panes are named ("cold" below -4 K).
    """
    kit = Kit("room", "room_wall")
    wall = kit.slot("wall", finish.wall, tint=finish.tint)
    outer = kit.slot("outer_wall", finish.wall, Role.HEATED_INTERIOR, tint=finish.tint)
    wood = kit.slot("door_frame", "wood", class_name="door", tint=(1.3, 1.2, 1.1))
    cold = Role.COLD if outside_k < -4 else Role.GLASS
    pane = kit.slot(
        "pane", "glass", cold, class_name="window", tint=(9, 10, 11), glow=0.25 * daylight
    )
    white = kit.slot("window_frame", "window_frame", class_name="window")
    for k, x in enumerate(plan.xs):
        rim = k in (0, len(plan.xs) - 1)
        holes = [
            (d.y, DOOR_M[0] / 2, 0.0, DOOR_M[1]) for d in plan.doors if d.axis == 1 and d.x == x
        ]
        first = 1 if plan.corridor and not rim else 0
        span = (float(plan.ys[first]), float(plan.ys[-1]))
        add_boxes(kit, outer if rim else wall, _wall(1, span, float(x), plan.height_m, holes))
    for k, y in enumerate(plan.ys):
        rim = k in (0, len(plan.ys) - 1)
        holes = [
            (d.x, DOOR_M[0] / 2, 0.0, DOOR_M[1]) for d in plan.doors if d.axis == 0 and d.y == y
        ]
        holes += [(w.x, w.half_m, 0.9, 2.15) for w in plan.windows if w.y == y]
        span = (float(plan.xs[0]), float(plan.xs[-1]))
        add_boxes(kit, outer if rim else wall, _wall(0, span, float(y), plan.height_m, holes))
    for number, (x0, y0, x1, y1) in enumerate(plan.rooms()):
        floor = finish.floor[number % len(finish.floor)]
        kit.add(
            box((x0, y0, -0.1), (x1, y1, 0.0)),
            kit.slot(f"floor_{floor}", floor, class_name="floor"),
        )
    low, high = (
        (plan.xs[0], plan.ys[0], plan.height_m),
        (plan.xs[-1], plan.ys[-1], plan.height_m + 0.1),
    )
    kit.add(box(low, high), kit.slot("ceiling", finish.ceiling, class_name="ceiling"))
    for door in plan.doors:
        add_boxes(kit, wood, _door_frame(door))
    for window in plan.windows:
        _glaze(kit, window, pane, white, daylight)
    return kit.model()


def _wall(
    axis: int,
    span: tuple[float, float],
    at: float,
    top: float,
    holes: list[tuple[float, float, float, float]],
) -> list[Span]:
    """Boxes of a wall along an axis with holes given as middle, half width, bottom, top."""
    start, stop = span[0] - WALL_M / 2, span[1] + WALL_M / 2
    pieces = []
    for middle, half, low, high in sorted(holes):
        pieces.append((start, middle - half, 0.0, top))
        if low > 0:
            pieces.append((middle - half, middle + half, 0.0, low))
        pieces.append((middle - half, middle + half, high, top))
        start = middle + half
    pieces.append((start, stop, 0.0, top))
    t = WALL_M / 2
    if axis == 0:
        return [(a, at - t, z0, b, at + t, z1) for a, b, z0, z1 in pieces]
    return [(at - t, a, z0, at + t, b, z1) for a, b, z0, z1 in pieces]


def _door_frame(door: Door) -> list[Span]:
    half, top, t = DOOR_M[0] / 2, DOOR_M[1], WALL_M / 2 + 0.02
    local = [
        (-half - 0.05, -half + 0.03, 0.0, top + 0.05),
        (half - 0.03, half + 0.05, 0.0, top + 0.05),
    ]
    local.append((-half, half, top - 0.03, top + 0.05))
    if door.axis == 0:
        return [(door.x + a, door.y - t, z0, door.x + b, door.y + t, z1) for a, b, z0, z1 in local]
    return [(door.x - t, door.y + a, z0, door.x + t, door.y + b, z1) for a, b, z0, z1 in local]


def _glaze(kit: Kit, window: Window, pane: int, frame: int, daylight: float) -> None:
    x, y, half = window.x, window.y, window.half_m
    add_boxes(kit, pane, [(x - half, y - 0.012, 0.9, x + half, y + 0.012, 2.15)])
    bars = [
        (-half, -half + 0.06, 0.9, 2.15),
        (half - 0.06, half, 0.9, 2.15),
        (-0.03, 0.03, 0.9, 2.15),
    ]
    bars += [(-half, half, 0.9, 0.96), (-half, half, 2.09, 2.15)]
    add_boxes(kit, frame, [(x + a, y - 0.035, z0, x + b, y + 0.035, z1) for a, b, z0, z1 in bars])
    inward = window.inward[1]
    low, high = sorted((y, y + inward * 0.22))
    add_boxes(kit, frame, [(x - half - 0.05, low, 0.86, x + half + 0.05, high, 0.9)])
    if daylight > 0:
        kit.lamp(
            LampSpot(
                (x, y + 0.25 * inward, 1.55), 0.05 * daylight * half, (0.95, 0.98, 1.0),
                (0.0, 0.97 * inward, -0.24), 80.0, "always",
            )
        )  # fmt: skip
