"""Heat from within: rolling wheels, engines, exhausts, radiators, machines, cold stores.

Each role is a pattern over the box of its part, times the part's activity. What is NOT here: warm
spots that a scene places itself (`HeatSource`, in `heat`) and bodies (`heat_table`).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from thermoscope.synthetic.scene import Role, Scene
from thermoscope.synthetic.surface import XYZ

__all__ = ["RoleHeat"]

Floats = NDArray[np.float32]
Indices = NDArray[np.intp]

COLD_STORE_K = 278.0


def _radius(box: XYZ) -> Floats:
    return np.sqrt((box[0] ** 2 + box[1] ** 2 + box[2] ** 2) / 2)


def _wheel(box: XYZ) -> Floats:
    """Tread and sidewall flex, the hub takes the brake's heat."""
    r = _radius(box)
    return np.asarray(9 + 7 * np.clip(r, 0, 1.2) ** 2 + 9 * np.exp(-((r / 0.35) ** 2)), np.float32)


def _engine(box: XYZ) -> Floats:
    """A hood is warmest over the block."""
    return np.asarray(20 * np.exp(-1.1 * (box[0] ** 2 + box[1] ** 2)) + 3, np.float32)


def _exhaust(box: XYZ) -> Floats:
    return np.asarray(75 * np.exp(-0.3 * _radius(box) ** 2), np.float32)


def _brake(box: XYZ) -> Floats:
    return np.asarray(34 - 8 * np.clip(_radius(box), 0, 1.5), np.float32)


def _heater(box: XYZ) -> Floats:
    """Hot water enters at the top."""
    return np.asarray(27 + 7 * box[2], np.float32)


def _machine(box: XYZ) -> Floats:
    """Warm air rises inside a housing, and its middle is warmer than its edges."""
    return np.asarray(11 + 5 * box[2] - 4 * np.clip(_radius(box), 0, 1.5), np.float32)


EXCESS_K: dict[Role, Callable[[XYZ], Floats]] = {
    Role.WHEEL: _wheel,
    Role.ENGINE: _engine,
    Role.EXHAUST: _exhaust,
    Role.BRAKE: _brake,
    Role.HEATER: _heater,
    Role.MACHINE: _machine,
}
"""Excess over the passive surface at full activity, K, over the part's box (-1 to 1 an axis)."""


class RoleHeat:
    """The heat of a scene's active parts.

    Args:
        scene: The world.
    """

    def __init__(self, scene: Scene) -> None:
        active = {*EXCESS_K, Role.COLD}
        self._activity = np.array(
            [p.activity if p.role in active else 0.0 for p in scene.parts], np.float32
        )
        self._role = np.array([part.role for part in scene.parts], np.int64)
        self._centre, self._half = _boxes(scene, np.flatnonzero(self._activity))

    def add(self, kelvin: Floats, part: Indices, position: XYZ) -> None:
        """Warm or cool `kelvin` (M,) in place, at points of parts (M,)."""
        at = np.flatnonzero(self._activity.take(part))
        if not len(at):
            return
        rows = part.take(at)
        role = self._role.take(rows)
        centre, half = self._centre.take(rows, 0), self._half.take(rows, 0)
        for kind in np.unique(role):
            some = role == kind
            where, row = at[some], rows[some]
            share = self._activity.take(row)
            if kind == Role.COLD:
                kelvin[where] += share * np.minimum(np.float32(COLD_STORE_K) - kelvin[where], 0)
                continue
            x, y, z = (
                (position[i].take(where) - centre[some, i]) / half[some, i] for i in range(3)
            )
            kelvin[where] += share * EXCESS_K[Role(int(kind))]((x, y, z))


def _boxes(scene: Scene, parts: Indices) -> tuple[Floats, Floats]:
    """Centre and half size (P, 3), m, of the boxes of the chosen parts; others (0, 1)."""
    centre = np.zeros((len(scene.parts), 3), np.float32)
    half = np.ones((len(scene.parts), 3), np.float32)
    if not len(parts):
        return centre, half
    chosen = np.zeros(len(scene.parts), np.bool_)
    chosen[parts] = True
    faces = np.flatnonzero(chosen[scene.face_part])
    if not len(faces):
        return centre, half
    faces = faces[np.argsort(scene.face_part[faces], kind="stable")]
    owner, first = np.unique(scene.face_part[faces], return_index=True)
    corner = scene.vertices[scene.faces[faces]]
    low = np.minimum.reduceat(corner.min(1), first, axis=0)
    high = np.maximum.reduceat(corner.max(1), first, axis=0)
    centre[owner] = (low + high) / 2
    half[owner] = np.maximum((high - low) / 2, 0.02)
    return centre, half
