"""Local contrast by two smooth fields: how cold and how hot the surroundings of each pixel are.

A window for the whole frame gives most of its levels to the gap between a hot and a cold region.
Here every pixel has its own window: a coarse grid holds the coldest and hottest value of each
cell, neighbours exchange limits until they differ by no more than a step, and the grid is enlarged
smoothly. So what spans cells keeps its own detail, and no seam shows where one cell holds a hot
object and the next does not. What is NOT here: levels, masks.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from thermoscope.sensor.tone_spec import LocalField

__all__ = ["local_contrast"]

Field = NDArray[np.float32]
SAMPLES = 4  # a cell's extremes are those of its 4x4 area means: single hot pixels do not count
ORDER = 0.6  # how much of the order between flat regions is kept: 0 all mid grey, 1 as in the frame
SMOOTH_FACTOR = 8  # cubic to eight nodes a cell, then linear: as smooth as cubic, ten times faster


def local_contrast(part: Field, params: LocalField) -> Field:
    """(H, W) float32 in [0, 1]: 0 at the local coldest, 1 at the local hottest, clipped between.

    Args:
        part: (H, W) in [0, 1], the frame within its own robust range; no nan.
        params: Grid, step, rounds, least span and gamma.

    Source: in the spirit of Fieldscale (Gil, Jeon, Kim, IEEE RA-L 2024): extremes on a coarse
    grid, message passing, upsampling. The limiting rule and the units are our own.
    """
    import cv2

    lowest, highest = _cell_extremes(part, params.cells)
    highest = _agreed(highest, params.max_step, params.iterations)
    lowest = -_agreed(-lowest, params.max_step, params.iterations)
    lowest, highest = _widened(lowest, highest, params.min_span)
    result = _enlarged(lowest, part.shape)
    span = _enlarged(highest - lowest, part.shape, least=params.min_span / 2)
    cv2.divide(cv2.subtract(part, result, dst=result), span, dst=result)  # in place: memory is time
    np.clip(result, 0, 1, out=result)
    if params.gamma != 1:
        cv2.pow(result, params.gamma, dst=result)
    return result


def _cell_extremes(part: Field, cells: int) -> tuple[Field, Field]:
    """(rows, columns) coldest and hottest value of each cell; cells are about square."""
    import cv2

    height, width = part.shape
    shorter = min(height, width)
    rows, columns = (max(1, min(n // 2, round(cells * n / shorter))) for n in part.shape)
    means = cv2.resize(part, (columns * SAMPLES, rows * SAMPLES), interpolation=cv2.INTER_AREA)
    blocks = means.reshape(rows, SAMPLES, columns, SAMPLES)
    return blocks.min(axis=(1, 3)), blocks.max(axis=(1, 3))


def _agreed(field: Field, step: float, rounds: int) -> Field:
    """Upper limits that neighbouring cells agree on, no steeper than `step` a cell.

    A single cell comes down to its highest neighbour plus a step: one small hot object does not
    take the scale. Then each round a cell rises to its highest neighbour less a step: what spans
    cells is covered whole, and its surroundings follow gently.
    """
    import cv2

    ring = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]], np.uint8)
    around = np.asarray(cv2.dilate(field, ring)).reshape(field.shape)
    agreed = np.minimum(field, around + step) if field.size > 1 else field
    for _ in range(rounds):
        highest = cv2.dilate(agreed, np.ones((3, 3), np.uint8))
        agreed = np.maximum(agreed, np.asarray(highest).reshape(field.shape) - step)
    smooth = cv2.GaussianBlur(agreed, (3, 3), 0, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(smooth, np.float32).reshape(field.shape)


def _widened(lowest: Field, highest: Field, least: float) -> tuple[Field, Field]:
    """Fields at least `least` apart: a flat cold region stays dark, a flat hot one bright."""
    missing = np.maximum(least - (highest - lowest), 0)
    middle = np.clip((lowest + highest) / 2, 0, 1)
    grey = (1 - ORDER) / 2 + ORDER * middle
    return lowest - missing * grey, highest + missing * (1 - grey)


def _enlarged(field: Field, shape: tuple[int, ...], *, least: float = -1.0) -> Field:
    """(H, W) smooth surface through the cells' centres; overshoot below `least` is cut."""
    import cv2

    rows, columns = (n * SMOOTH_FACTOR for n in field.shape)
    nodes = np.maximum(cv2.resize(field, (columns, rows), interpolation=cv2.INTER_CUBIC), least)
    whole = cv2.resize(nodes, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR)
    return np.asarray(whole, np.float32).reshape(shape)
