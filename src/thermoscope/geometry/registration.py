"""The colour picture as the thermal camera would see it: through depth, with a z-buffer.

    found = register_view(depth, thermal, colour, T_colour_thermal)
    rgb_in_thermal = warp_to_thermal(rgb, found)

Every thermal pixel with a depth is a point; the point has a place in the colour picture. Where a
nearer point has the same place, the colour there belongs to that one: the pixel is occluded, and
no colour is invented for it. What hides a point and is itself not in the thermal view cannot be
known from one depth map. What is NOT here: the depth (`thermoscope.models`), and pictures without
a calibration (`thermoscope.engine.align`).
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thermoscope.core.checks import check_in_range, check_positive
from thermoscope.core.errors import ShapeError
from thermoscope.geometry.camera import Camera
from thermoscope.geometry.pose import check_pose
from thermoscope.geometry.rectify import PixelMap, remap

__all__ = [
    "HOLE",
    "OCCLUDED",
    "OUTSIDE",
    "VALID",
    "Registration",
    "register_view",
    "warp_to_thermal",
]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Element = TypeVar("Element", bound=np.generic)

HOLE, OUTSIDE, OCCLUDED, VALID = 0, 64, 128, 255
"""Codes of a mask, far enough apart to be seen: no depth, beyond the colour picture, hidden from
the colour camera, and a colour that is right."""
OFFSETS = (-0.375, -0.125, 0.125, 0.375)  # parts of a pixel drawn into the z-buffer, each axis
CELLS_PER_PX = 2.0  # of the z-buffer, in pixels of the thermal camera
STEP = 0.375  # of a pixel, over which places in the colour picture are taken as linear


@dataclass(frozen=True)
class Registration:
    """Where each thermal pixel lies in the colour picture, and whether it is seen there.

    Attributes:
        colour_map: From the thermal view to the colour picture; nowhere without a depth.
        mask: (H, W) uint8, `HOLE`, `OUTSIDE`, `OCCLUDED` or `VALID`.
    """

    colour_map: PixelMap
    mask: NDArray[np.uint8]

    @property
    def valid(self) -> Bools:
        """(H, W) True where the colour camera sees what the thermal pixel shows."""
        return np.asarray(self.mask == VALID)

    @property
    def hole(self) -> Bools:
        """(H, W) True where no depth is known."""
        return np.asarray(self.mask == HOLE)

    @property
    def occluded(self) -> Bools:
        """(H, W) True where something nearer hides the point from the colour camera."""
        return np.asarray(self.mask == OCCLUDED)

    @property
    def outside(self) -> Bools:
        """(H, W) True where the point lies beyond the colour picture."""
        return np.asarray(self.mask == OUTSIDE)

    @property
    def shares(self) -> dict[str, float]:
        """Share of the pixels of each code."""
        names = {"valid": VALID, "hole": HOLE, "occluded": OCCLUDED, "outside": OUTSIDE}
        return {name: float(np.mean(self.mask == code)) for name, code in names.items()}


def register_view(
    depth: NDArray[Any],
    thermal: Camera,
    colour: Camera,
    T_colour_thermal: ArrayLike,
    *,
    valid: Bools | None = None,
    tolerance: float = 0.02,
    inverse_error: float = 0.0,
) -> Registration:
    """Where the pixels of a thermal view with depth lie in a colour picture.

    Args:
        depth: (H, W) of the thermal camera's size, m along its optical axis; infinite = so far that
            only the direction counts (the sky). Not known: nan, 0 or less.
        thermal: The thermal camera of the depth, any model; most often the rectified left one.
        colour: The colour camera, any model and size.
        T_colour_thermal: (4, 4) pose taking thermal to colour camera coordinates, m.
        valid: (H, W) which depths are known; None = all.
        tolerance: A point hides another one only if it is nearer by more than this share of the
            distance, and by more than the surface's own slope within a pixel.
        inverse_error: Error of the inverse depth, 1/m; depth that is nearer by less hides nothing.
            Of stereo: the error of the disparity in px / (focal length in px * baseline in m).

    Raises:
        ShapeError: `depth` or `valid` is not of the camera's size, or the pose not (4, 4).
        CalibrationError: The pose is no rigid motion.
        ConfigError: `tolerance` is not positive, or `inverse_error` negative.

    Source: Catmull, A subdivision algorithm for computer display of curved surfaces, 1974 (the
    z-buffer).
    """
    check_positive(tolerance, name="tolerance")
    check_in_range(inverse_error, 0.0, math.inf, name="inverse_error")
    pose = check_pose(T_colour_thermal, name="T_colour_thermal")
    metres, known = _checked(depth, thermal, valid)
    surface = _Surface(metres, known, thermal, colour, pose)
    here = surface.seen_at(0.0, 0.0)
    colour_map = PixelMap.of(here.places, colour)
    inside = here.placed & colour_map.valid
    limit = (here.nearness + surface.change) / (1.0 - tolerance) + inverse_error
    hidden = inside & (_nearest(surface, here, inside) > limit)
    mask = np.full(metres.shape, HOLE, np.uint8)
    mask[known] = OUTSIDE
    mask[inside] = VALID
    mask[hidden] = OCCLUDED
    return Registration(colour_map, mask)


def warp_to_thermal(image: NDArray[Element], found: Registration) -> NDArray[Element]:
    """The colour picture in the grid of the thermal camera.

    Args:
        image: (H, W) or (H, W, C) of the colour camera's size; uint8, uint16 or floating.
        found: From `register_view`.

    Returns:
        The picture, of the type of `image`, 0 where not `found.valid`.

    Raises:
        ShapeError: `image` has another size than the colour camera.
        UnitError: An element type that has no bilinear value.
    """
    warped, _ = remap(image, found.colour_map)
    warped[~found.valid] = 0
    return warped


def _checked(depth: Any, thermal: Camera, valid: Bools | None) -> tuple[Floats, Bools]:
    metres = np.asarray(depth, np.float64)
    size = (thermal.height, thermal.width)
    for name, plane in (("depth", metres), ("valid", metres if valid is None else valid)):
        if plane.shape != size:
            raise ShapeError(
                f"{name} must be {size} as the thermal camera, got {plane.shape}. "
                "Use camera.scaled for another resolution.",
                actual_shape=plane.shape,
                expected_shape="H W",
            )
    known = metres > 0
    return metres, known if valid is None else known & np.asarray(valid, bool)


@dataclass(frozen=True)
class _Seen:
    """Points of the surface as the colour camera sees them.

    Attributes:
        places: (H, W, 2) px of the colour picture, nan where not placed.
        nearness: (H, W) 1 / distance along the camera's axis, 1/m; 0 infinitely far.
        placed: (H, W) True before the camera, where it sees one to one.
    """

    places: Floats
    nearness: Floats
    placed: Bools


class _Surface:
    """What the thermal view shows, as far as its depth is known."""

    def __init__(
        self, metres: Floats, known: Bools, thermal: Camera, colour: Camera, pose: Floats
    ) -> None:
        self._known, self._thermal, self._colour, self._pose = known, thermal, colour, pose
        self._inverse = np.zeros(metres.shape)
        self._inverse[known] = 1.0 / metres[known]  # flat surfaces are linear in it; 0 = the sky
        self._slope_x = _slope(self._inverse, known, axis=1)
        self._slope_y = _slope(self._inverse, known, axis=0)

    def seen_at(self, dx: float, dy: float) -> _Seen:
        """The points of all pixels, moved by a part of a pixel on their surface."""
        inverse = np.maximum(self._inverse + dx * self._slope_x + dy * self._slope_y, 0.0)
        rays, seen = self._thermal.unproject(self._thermal.pixel_grid() + np.array([dx, dy]))
        forward = rays[..., 2]
        usable = self._known & seen & (forward > 0)
        at_unit_depth = rays / np.where(usable, forward, 1.0)[..., None]
        # Divided by the depth, points at infinity are directions and stay finite.
        turned = at_unit_depth @ self._pose[:3, :3].T + inverse[..., None] * self._pose[:3, 3]
        pixels, in_front = self._colour.project(turned)
        placed = usable & in_front & (turned[..., 2] > 0)
        places = np.where(placed[..., None], pixels, np.nan)
        return _Seen(places, inverse / np.where(placed, turned[..., 2], 1.0), placed)

    @property
    def buffer_size(self) -> tuple[int, int, float]:
        """Columns and rows of the z-buffer, and its cells in a pixel of the colour picture."""
        colour = self._colour
        scale = CELLS_PER_PX * self._thermal.fx / colour.fx
        return math.ceil(colour.width * scale), math.ceil(colour.height * scale), scale

    @property
    def change(self) -> Floats:
        """(H, W) by how much the inverse depth changes within a pixel of one surface, 1/m."""
        return np.asarray(np.abs(self._slope_x) + np.abs(self._slope_y))


def _slope(values: Floats, known: Bools, axis: int) -> Floats:
    """Change to the next pixel where both sides agree on its sign: 0 at edges and thin things."""
    length = known.shape[axis]
    pairs = known.take(range(1, length), axis) & known.take(range(length - 1), axis)
    step = np.where(pairs, np.diff(values, axis=axis), 0.0)
    before = np.pad(step, [(int(axis == i), 0) for i in (0, 1)])
    after = np.pad(step, [(0, int(axis == i)) for i in (0, 1)])
    smaller = np.where(np.abs(before) < np.abs(after), before, after)
    return np.where(before * after > 0, smaller, 0.0)


def _nearest(surface: _Surface, here: _Seen, inside: Bools) -> Floats:
    """(H, W) nearness of the nearest thing at each pixel's place in the colour picture, 1/m."""
    east, south = surface.seen_at(STEP, 0.0), surface.seen_at(0.0, STEP)
    placed = here.placed & east.placed & south.placed
    width, height, scale = surface.buffer_size
    buffer = np.zeros(width * height)
    for dx, dy in itertools.product(OFFSETS, repeat=2):
        # Within a pixel, places and nearness are as good as linear.
        places, nearness = (
            at + (right - at) * (dx / STEP) + (below - at) * (dy / STEP)
            for at, right, below in (
                (here.places, east.places, south.places),
                (here.nearness, east.nearness, south.nearness),
            )
        )
        cells, within = _cells(places, placed, width, height, scale)
        np.maximum.at(buffer, cells[within], nearness[within])
    cells, _ = _cells(here.places, inside, width, height, scale)
    return np.asarray(buffer[cells])


def _cells(
    places: Floats, placed: Bools, width: int, height: int, scale: float
) -> tuple[NDArray[np.intp], Bools]:
    """(H, W) cell of the z-buffer of each place, 0 where none; and which have one."""
    at = np.floor((np.where(placed[..., None], places, -1.0) + 0.5) * scale).astype(np.intp)
    columns, rows = at[..., 0], at[..., 1]
    within = placed & (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    return np.where(within, rows * width + columns, 0), within
