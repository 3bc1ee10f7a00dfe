"""The ground of a street: carriageway, markings, kerbs, sidewalks, side streets, lots around it.

What is NOT here: what stands along it (`thermoscope.synthetic.scenes.urban`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thermoscope.synthetic.meshes import Mesh, merge
from thermoscope.synthetic.objects.kit import Kit, Model
from thermoscope.synthetic.surfaces import (
    Path,
    carve,
    distance_to_line,
    sweep,
    terrain,
)

__all__ = ["Crossing", "Street", "street_ground"]

Floats = NDArray[np.float64]
Ground = Callable[[ArrayLike, ArrayLike], Floats]
KERB_M = 0.13
LINE_M = 0.13


@dataclass(frozen=True)
class Crossing:
    """A side street that leaves the loop.

    Attributes:
        s_m: Where along the loop.
        side: +1 left, -1 right.
        half_m: Half its carriageway.
        length_m: Of the part beyond the sidewalk.
    """

    s_m: float
    side: int
    half_m: float
    length_m: float


@dataclass(frozen=True, eq=False)
class Street:
    """A closed street.

    Attributes:
        path: Its centre line.
        ground: Height of the carriageway's centre, m.
        lane_m: Width of a lane; one each way.
        parking_m: Width of the parking lanes (left, right); 0 = none.
        walk_m: Width of the sidewalks (left, right).
        verge_m: Grass between kerb and sidewalk.
        crossings: Side streets.
        dashed: Whether the centre line is dashed.
        lot: Material around the street.
        walk: Material of the sidewalk.
        road: Material of the carriageway.
    """

    path: Path
    ground: Ground
    lane_m: float
    parking_m: tuple[float, float]
    walk_m: tuple[float, float]
    verge_m: float = 0.0
    crossings: tuple[Crossing, ...] = ()
    dashed: bool = True
    lot: str = "grass"
    walk: str = "paving"
    road: str = "asphalt"

    def kerb_m(self, side: int) -> float:
        """Distance of the kerb from the centre line on a side (+1 left, -1 right)."""
        return self.lane_m + self.parking_m[0 if side > 0 else 1]

    def edge_m(self, side: int) -> float:
        """Distance of the sidewalk's outer edge from the centre line."""
        return self.kerb_m(side) + 0.15 + self.verge_m + self.walk_m[0 if side > 0 else 1]

    def side_path(self, crossing: Crossing) -> Path:
        """Centre line of a side street, from the edge of the loop outward."""
        start, yaw = self.path.at(crossing.s_m, crossing.side * (self.edge_m(crossing.side) - 0.05))
        angle = np.radians(yaw + 90 * crossing.side)
        steps = np.linspace(0, crossing.length_m, max(int(crossing.length_m / 3), 4))
        return Path(start + np.outer(steps, (np.cos(angle), np.sin(angle))))


def street_ground(street: Street, *, reach_m: float) -> Model:
    """All the ground within `reach_m` of the origin as one model with world coordinates."""
    kit = Kit("street", "road")
    slots = _Slots(kit, street)
    kit.add_sorted(_carriageway(street, slots))
    for crossing in street.crossings:
        kit.add_sorted(_side_street(street, crossing, slots))
    kit.add_sorted(_lots(street, slots, reach_m))
    return kit.model()


class _Slots:
    def __init__(self, kit: Kit, street: Street) -> None:
        self.road = kit.slot("road", street.road)
        self.line = kit.slot("marking", "road_paint")
        self.kerb = kit.slot("kerb", "concrete", class_name="kerb", tint=(1.1, 1.1, 1.08))
        self.walk = kit.slot("sidewalk", street.walk, class_name="sidewalk")
        self.verge = kit.slot("verge", "grass", class_name="grass")
        hard = street.lot in ("paving", "concrete", "asphalt")
        self.lot = kit.slot("lot", street.lot, class_name="sidewalk" if hard else "grass")


def _half_profile(street: Street, side: int, slots: _Slots) -> tuple[Floats, Floats, list[int]]:
    """Offsets (outward), heights over the centre, and slot of each cell, of one side."""
    lane, kerb, edge = street.lane_m, street.kerb_m(side), street.edge_m(side)
    inner = kerb + 0.15
    fall = -0.018  # camber of the carriageway
    offsets = [LINE_M / 2, lane - 0.25, lane - 0.25 + LINE_M, kerb, kerb, inner]
    heights = [fall * o for o in offsets[:4]] + [fall * kerb + KERB_M] * 2
    cells = [slots.road, slots.line, slots.road, slots.kerb, slots.kerb]
    if street.verge_m > 0:
        offsets += [inner + street.verge_m]
        heights += [heights[-1] + 0.01]
        cells += [slots.verge]
    offsets += [edge, edge]
    heights += [heights[-1] + 0.02, heights[-1] - 0.6]
    cells += [slots.walk, slots.walk]
    return np.array(offsets), np.array(heights), cells


def _carriageway(street: Street, slots: _Slots) -> Mesh:
    left_o, left_h, left_c = _half_profile(street, 1, slots)
    right_o, right_h, right_c = _half_profile(street, -1, slots)
    path = street.path
    base = street.ground(path.points[:, 0], path.points[:, 1])
    count = len(path.points)
    heights = np.tile(np.concatenate([left_h[::-1], right_h]), (count, 1)) + base[:, None]
    cells = np.tile([*left_c[::-1], slots.line, *right_c], (count - 1, 1))
    dash = (path.along[:-1] % 9.0) > 4.0
    if street.dashed:
        cells[dash, len(left_c)] = slots.road
    for crossing in street.crossings:
        _lower_kerb(street, crossing, heights, cells, slots)
    return sweep(path, np.concatenate([left_o[::-1], -right_o]), heights, cells)


def _lower_kerb(
    street: Street, crossing: Crossing, heights: Floats, cells: NDArray[np.int64], slots: _Slots
) -> None:
    """Let the side street through kerb and sidewalk: no step, and carriageway instead of slabs."""
    path = street.path
    gap = np.abs(
        (path.along - crossing.s_m + path.length_m / 2) % path.length_m - path.length_m / 2
    )
    wide = crossing.half_m + 1.5
    low = gap < wide + 0.6
    outer = len(_half_profile(street, 1, slots)[2]) if crossing.side > 0 else 0
    columns = (
        slice(0, outer)
        if crossing.side > 0
        else slice(-len(_half_profile(street, -1, slots)[2]), None)
    )
    flat = heights[:, outer if crossing.side > 0 else -len(_half_profile(street, -1, slots)[2]) - 1]
    part = heights[:, columns]
    part[low] = np.minimum(part[low], flat[low, None])
    inside = (gap[:-1] < wide) & (gap[1:] < wide)
    cells[np.flatnonzero(inside)[:, None], np.arange(cells.shape[1])[columns]] = slots.road


def _side_street(street: Street, crossing: Crossing, slots: _Slots) -> Mesh:
    path = street.side_path(crossing)
    base = street.ground(path.points[:, 0], path.points[:, 1])
    half, walk = crossing.half_m, 2.0
    offsets = np.array([half + walk, half + walk, half + 0.15, half, half, LINE_M / 2])
    rise = np.array([-0.6, KERB_M, KERB_M, KERB_M, -0.05, -0.02])
    cells = [slots.walk, slots.walk, slots.kerb, slots.kerb, slots.road]
    heights = np.concatenate([rise, rise[::-1]]) + base[:, None]
    heights = heights - 0.02
    return sweep(
        path, np.concatenate([offsets, -offsets[::-1]]), heights, [*cells, slots.line, *cells[::-1]]
    )


def _lots(street: Street, slots: _Slots, reach_m: float) -> Mesh:
    """The ground around, with the street cut out of it a little narrower than it is."""
    steps = np.arange(-reach_m, reach_m + 1e-6, 4.0)
    x, y = np.meshgrid(steps, steps)
    z = street.ground(x, y) + KERB_M - 0.06
    mesh = terrain(steps, steps, z, slot=slots.lot)
    edge = (street.edge_m(1) + street.edge_m(-1)) / 2
    middle = Path(street.path.shifted((street.edge_m(1) - street.edge_m(-1)) / 2))
    gone = edge - 0.25 - middle.distance(mesh.vertices[:, :2])
    mesh = carve(mesh, gone, -1)
    for crossing in street.crossings:
        line = street.side_path(crossing).points[[0, -1]]
        gone = crossing.half_m + 1.75 - distance_to_line(mesh.vertices[:, :2], *line)
        mesh = carve(mesh, gone, -1)
    kept = mesh.slot >= 0
    return merge([Mesh(mesh.vertices, mesh.faces[kept], mesh.normals[kept], mesh.slot[kept])])
