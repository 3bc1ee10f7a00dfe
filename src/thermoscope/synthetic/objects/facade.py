"""Facades: a wall cut into bays and floors, each with a recessed window, frame, sill, balcony.

A facade stands in the plane y = 0 with x to the right and z up as seen from outside, so it looks
towards -y; `on_sides` turns it onto the four sides of a rectangle.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from thermoscope.synthetic.meshes import Mesh, box, merge, quads
from thermoscope.synthetic.objects.kit import Kit
from thermoscope.synthetic.scene import Role

__all__ = ["Windows", "facade", "on_side"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Windows:
    """A regular field of windows.

    Attributes:
        bays: Across.
        floors: Up.
        width: Share of the bay.
        sill: Share of the floor's height under the window.
        head: Share of the floor's height at its top.
        depth_m: Of the recess.
        bars: Upright bars in each window.
        transom: Whether a level bar divides it.
        sills: Whether slabs stick out under the windows.
    """

    bays: int
    floors: int
    width: float = 0.45
    sill: float = 0.3
    head: float = 0.82
    depth_m: float = 0.14
    bars: int = 1
    transom: bool = False
    sills: bool = True


def _rectangles(x0: Floats, x1: Floats, z0: Floats, z1: Floats, y: float) -> Floats:
    """(N, 4, 3) upright rectangles looking towards -y."""
    depth = np.full_like(x0, y)
    return np.stack([
        np.stack([x0, depth, z0], 1), np.stack([x1, depth, z0], 1),
        np.stack([x1, depth, z1], 1), np.stack([x0, depth, z1], 1),
    ], axis=1)  # fmt: skip


def _band(outer: Floats, inner: Floats) -> Floats:
    """(4N, 4, 3) quads between two nested sets of rectangles."""
    n = np.roll(np.arange(4), -1)
    sides = np.stack([outer, outer[:, n], inner[:, n], inner], axis=2)
    return sides.reshape(-1, 4, 3)


def facade(
    kit: Kit,
    width_m: float,
    base_m: float,
    floor_m: float,
    windows: Windows,
    *,
    wall: int,
    glass: NDArray[np.int64],
    frame: int,
    detail: bool = True,
) -> Mesh:
    """A wall of `windows.floors` storeys above `base_m`.

    Args:
        kit: Knows the slots; the mesh is returned, not added.
        width_m: Of the wall.
        base_m: Height where the first storey begins.
        floor_m: Height of a storey.
        windows: Their layout.
        wall: Slot of the wall.
        glass: (floors * bays,) slot of each window, row by row from the bottom left.
        frame: Slot of frames and sills.
        detail: False leaves out bars, sills and recesses.
    """
    bay = width_m / windows.bays
    column, row = np.meshgrid(np.arange(windows.bays), np.arange(windows.floors))
    x0: Floats = np.asarray(column.ravel() * bay, np.float64)
    z0: Floats = np.asarray(base_m + row.ravel() * floor_m, np.float64)
    wx0, wx1 = x0 + bay * (0.5 - windows.width / 2), x0 + bay * (0.5 + windows.width / 2)
    wz0, wz1 = z0 + floor_m * windows.sill, z0 + floor_m * windows.head
    if not detail:
        top = base_m + windows.floors * floor_m
        plain = [[0, 0, base_m], [width_m, 0, base_m], [width_m, 0, top], [0, 0, top]]
        panes = _panes(_rectangles(wx0, wx1, wz0, wz1, -0.02), glass)
        return merge([quads([plain]).painted(wall), panes])
    outer = _rectangles(x0, x0 + bay, z0, z0 + floor_m, 0.0)
    edge = _rectangles(wx0, wx1, wz0, wz1, 0.0)
    pane = _rectangles(wx0, wx1, wz0, wz1, windows.depth_m)
    return merge([
        quads(np.concatenate([_band(outer, edge), _band(edge, pane)])).painted(wall),
        _panes(pane, glass),
        _frames(windows, (wx0, wx1, wz0, wz1)).painted(frame),
    ])  # fmt: skip


def _panes(pane: Floats, glass: NDArray[np.int64]) -> Mesh:
    mesh = quads(pane)
    return Mesh(mesh.vertices, mesh.faces, mesh.normals, np.repeat(glass, 2))


def _frames(windows: Windows, edges: tuple[Floats, Floats, Floats, Floats]) -> Mesh:
    x0, x1, z0, z1 = edges
    y, t = windows.depth_m - 0.025, 0.055
    bars = [
        _rectangles(x0, x0 + t, z0, z1, y), _rectangles(x1 - t, x1, z0, z1, y),
        _rectangles(x0, x1, z0, z0 + t, y), _rectangles(x0, x1, z1 - t, z1, y),
    ]  # fmt: skip
    for k in range(windows.bars):
        middle = x0 + (x1 - x0) * (k + 1) / (windows.bars + 1)
        bars.append(_rectangles(middle - t / 2, middle + t / 2, z0, z1, y))
    if windows.transom:
        level = z0 + 0.68 * (z1 - z0)
        bars.append(_rectangles(x0, x1, level - t / 2, level + t / 2, y))
    if windows.sills:
        low = _rectangles(x0 - 0.06, x1 + 0.06, z0 - 0.07, z0, -0.07)
        top = low[:, [3, 2, 2, 3]].copy()
        top[:, 2:, 1] = windows.depth_m
        under = low[:, [0, 1, 1, 0]][:, ::-1].copy()
        under[:, :2, 1] = 0.0
        bars += [low, top, under]
    return quads(np.concatenate(bars))


def on_side(mesh: Mesh, side: int, length_m: float, depth_m: float) -> Mesh:
    """A facade that starts at x = 0 moved onto a side of a rectangle centred on the origin.

    Sides: 0 = -y (front, `length_m` wide), 1 = +x, 2 = +y, 3 = -x.
    """
    wide, away = (length_m, depth_m) if side % 2 == 0 else (depth_m, length_m)
    return mesh.moved(-wide / 2, -away / 2).turned(90 * side)


def balcony(kit: Kit, x: float, z: float, width_m: float, *, rail: int, slab: int) -> None:
    """A slab with a parapet in front of the facade's plane, added to the kit."""
    out = 1.1
    kit.add(box((x - width_m / 2, -out, z - 0.16), (x + width_m / 2, 0, z)), slab)
    for low, high in (
        ((x - width_m / 2, -out, z), (x + width_m / 2, -out + 0.05, z + 1.0)),
        ((x - width_m / 2, -out, z), (x - width_m / 2 + 0.05, 0, z + 1.0)),
        ((x + width_m / 2 - 0.05, -out, z), (x + width_m / 2, 0, z + 1.0)),
    ):
        kit.add(box(low, high), rail)


def glass_slots(kit: Kit) -> tuple[int, int, int]:
    """Slots of dark, shaded and lit windows."""
    return (
        kit.slot("window", "glass", Role.GLASS),
        kit.slot("window_shade", "glass", Role.GLASS, tint=(3.4, 3.2, 2.9)),
        kit.slot("window_lit", "glass", Role.GLASS, tint=(1.6, 1.3, 0.9), glow=0.003, lit="dark"),
    )
