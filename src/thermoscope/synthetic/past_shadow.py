"""Where the sun shone on the ground in the hours before: shadows that moved on and left a trace.

The scene's height map is lit from where the sun stood; each map is blurred by the way that the
shadows went meanwhile. Warmth of a shadow's past edge is soft in the thermal band, where the
visible band shows the edge of this minute. What is NOT here: shadows on walls and roofs, and the
edges of this minute (those are ray-cast).
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from thermoscope.synthetic.shelter import Shelter
from thermoscope.synthetic.sunshine import EDGES_H, Sunshine
from thermoscope.synthetic.surface import XYZ
from thermoscope.synthetic.texture import remap_line

__all__ = ["BINS", "PastShadow"]

Floats = NDArray[np.float32]

BINS = (0, 1, 2, 3, 4)  # of `sunshine.EDGES_H`: up to 5.5 hours ago
MOST_CELLS = 360  # a side
LEAST_SINE = 0.06  # a lower sun casts its shadows too far to matter
STEPS = 52
FARTHEST_M = 45.0
THROUGH = 0.15  # of the light passes trees and railings
GROUND_M = 1.2  # points up to this height count as ground, the more the lower
METRES_AN_HOUR = 1.2  # that the edge of a typical shadow moves


class PastShadow:
    """Maps of past light on the ground of a scene.

    Args:
        shelter: Its height map.
        sunshine: Where the sun stood.
    """

    def __init__(self, shelter: Shelter, sunshine: Sunshine) -> None:
        heights = shelter.heights
        self._shelter = shelter
        self._step = max(-(-max(heights.shape[:2]) // MOST_CELLS), 1)
        low = cv2.erode(heights[..., 0], np.ones((self._step, self._step), np.uint8))
        high = cv2.dilate(heights[..., 1], np.ones((self._step, self._step), np.uint8))
        low, high = (np.asarray(m[:: self._step, :: self._step], np.float32) for m in (low, high))
        cell = shelter.cell_m * self._step
        self._maps = np.ones((*low.shape, len(BINS)), np.float32)
        for layer, j in enumerate(BINS):
            if sunshine.direct[j] < 1 or sunshine.direction[j, 2] < LEAST_SINE:
                continue
            shade = _shade(low, high, sunshine.direction[j], cell)
            way = METRES_AN_HOUR * (EDGES_H[j + 1] - EDGES_H[j]) / 2
            blurred = cv2.GaussianBlur(shade, (0, 0), max(way / cell, 0.6))
            self._maps[..., layer] = 1 - (1 - THROUGH) * blurred

    def light(self, position: XYZ) -> tuple[Floats, Floats]:
        """Past light at points (three lines, m), and how far they count as ground.

        Returns:
            (M, len(BINS)) float32 share of the sun that reached the ground there in each bin, and
            (M,) float32 weight: 1 on the ground, 0 from `GROUND_M` up.
        """
        column, row = (line / np.float32(self._step) for line in self._shelter.cells(position))
        share = np.asarray(remap_line(self._maps, column, row), np.float32)
        weight = 1 - self._shelter.over_ground(position) * np.float32(1 / GROUND_M)
        return share, np.clip(weight, 0, 1, out=weight)


def _shade(low: Floats, high: Floats, sun: NDArray[np.float64], cell: float) -> Floats:
    """1 where something stands between the ground and the sun, else 0."""
    level = float(np.hypot(sun[0], sun[1]))
    rise = float(sun[2]) / max(level, 1e-6)
    top = float(high.max())
    reach = min(top / max(rise, 1e-6), FARTHEST_M)
    out = np.zeros(low.shape, np.bool_)
    for way in np.linspace(0, 1, STEPS) ** 1.4 * reach:
        across, along = (round(float(way * sun[i] / max(level, 1e-6) / cell)) for i in (0, 1))
        here, there = _overlap(low.shape, along, across)
        height = np.float32(way * rise + 0.05)
        out[here] |= (low[there] <= height + np.float32(0.5)) & (high[there] > height)
    return out.astype(np.float32)


def _overlap(
    shape: tuple[int, ...], along: int, across: int
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Cells of a map, and the cells `along` rows and `across` columns further."""
    pairs = []
    for size, wanted in zip(shape, (along, across), strict=True):
        shift = max(min(wanted, size), -size)
        pairs.append(
            (
                slice(max(-shift, 0), size - max(shift, 0)),
                slice(max(shift, 0), size + min(shift, 0)),
            )
        )
    return (pairs[0][0], pairs[1][0]), (pairs[0][1], pairs[1][1])
