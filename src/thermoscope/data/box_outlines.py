"""From boxes to labels: the outline of what each box holds.

Boxes are drawn in seconds and masks in minutes, so that most thermal recordings with labels have
boxes. Inside a box the object is divided from what surrounds it by GrabCut, from the thermal frame
alone. What remains unsure is ignored, not called background. What is NOT here: reading boxes
(`thermoscope.data.boxes`) and training (`thermoscope.recipes.sartm`).

Source: Rother, Kolmogorov, Blake, GrabCut, SIGGRAPH 2004, as OpenCV has it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from thermoscope.core.checks import check_shape
from thermoscope.core.errors import DatasetCorruptError
from thermoscope.core.sample import IGNORE_INDEX, Sample
from thermoscope.data.base import Item, Listed
from thermoscope.data.boxes import Box, open_boxes
from thermoscope.data.files_by_stem import some
from thermoscope.metrics.boxes import pixels_inside

__all__ = ["TAXONOMY", "labels_from_boxes", "with_outlines"]

TAXONOMY = "boxes"

MARGIN = 0.4  # of the box's sides, around it: what the background looks like
LEAST_MARGIN_PX = 4
WORKING_PX = (48, 200)  # windows are scaled to a shorter side of the one, a longer of the other
LARGEST_SCALE = 6.0
ROUNDS = 4
PLAUSIBLE = (0.2, 0.95)  # shares of a box that an object may fill
ELLIPSE = 0.8  # axes of what is taken for the object where GrabCut finds nothing plausible


def labels_from_boxes(
    frame: NDArray[Any],
    boxes: Sequence[Box],
    ids: Mapping[str, int],
) -> NDArray[np.int64]:
    """Labels of a frame: 0 outside all boxes, an object's id on it, 255 elsewhere in its box.

    Smaller boxes lie over larger ones. Where GrabCut gives less than a fifth or nearly all of a
    box, an ellipse in it is taken for the object.

    Args:
        frame: (H, W) thermal plane in any unit; what is not finite counts as the lowest value.
        boxes: Of the frame, px; what lies outside it is cut off.
        ids: Id of each box name; boxes of other names become 255 as a whole.

    Returns:
        (H, W) int64.

    Raises:
        ShapeError: Not (H, W).
    """
    check_shape(frame, "H W", name="frame")
    labels, covered = np.zeros(frame.shape, np.int64), np.zeros(frame.shape, bool)
    known = np.isfinite(frame)
    lowest = frame[known].min() if known.any() else 0
    plane = np.where(known, frame, lowest).astype(np.float32)
    spans = [(box.name, *pixels_inside(box, frame.shape)) for box in boxes]
    spans = [span for span in spans if labels[span[1:]].size]
    for _, rows, columns in spans:
        covered[rows, columns] = True
    for name, rows, columns in sorted(spans, key=lambda span: -labels[span[1:]].size):
        inside = labels[rows, columns]
        if name not in ids:
            inside[...] = IGNORE_INDEX
            continue
        inside[inside == 0] = IGNORE_INDEX
        inside[_object_in(plane, covered, rows, columns)] = ids[name]
    return labels


def with_outlines(frames: Listed, files: Sequence[Path], names: Sequence[str] = ()) -> Listed:
    """Thermal frames with ``labels`` made of boxes, and the classes of the boxes.

    Args:
        frames: Their item names are the stems that the boxes are listed by.
        files: Boxes, see `open_boxes`, with the same categories.
        names: Of categories, where the boxes have numbers only.

    Raises:
        DatasetNotFoundError: No such file or names.
        DatasetCorruptError: Damaged boxes, other categories, or a frame that no file lists.
    """
    found = [open_boxes(file, names) for file in files]
    first = found[0]
    boxes = {stem: rows for file in found for stem, rows in file.boxes.items()}
    if any(file.names != first.names for file in found):
        raise DatasetCorruptError(
            f"{' and '.join(map(str, files))} have other categories. Give one list to both."
        )
    absent = [item.name for item in frames.items if item.name not in boxes]
    if absent:
        raise DatasetCorruptError(
            f"{' and '.join(map(str, files))}: frames that are not listed: {some(absent)}. List a "
            "frame without boxes among the images as well."
        )
    classes, ids = first.classes, first.ids

    def decode(item: Item) -> Sample:
        sample = frames.decode(item)
        plane = next(sample[key] for key in ("counts", "kelvin", "agc") if key in sample)
        own = [box.in_pixels(plane[0].shape) for box in boxes[item.name]]
        sample["labels"] = labels_from_boxes(plane[0], own, ids)[None]
        sample["taxonomy"] = TAXONOMY
        return sample

    return replace(frames, decode=decode, classes=classes)


def _object_in(
    plane: NDArray[np.float32], covered: NDArray[np.bool_], rows: slice, columns: slice
) -> NDArray[np.bool_]:
    """Pixels of the box that are its object."""
    height, width = rows.stop - rows.start, columns.stop - columns.start
    down, along = (max(round(MARGIN * side), LEAST_MARGIN_PX) for side in (height, width))
    top, left = max(rows.start - down, 0), max(columns.start - along, 0)
    window = slice(top, rows.stop + down), slice(left, columns.stop + along)
    box = (
        slice(rows.start - top, rows.stop - top),
        slice(columns.start - left, columns.stop - left),
    )
    hint = np.where(covered[window], cv2.GC_PR_BGD, cv2.GC_BGD).astype(np.uint8)
    hint[box] = cv2.GC_PR_FGD
    found = _grabcut(plane[window], hint)[box]
    low, high = PLAUSIBLE
    return found if low <= found.mean() <= high else _ellipse(height, width)


def _grabcut(window: NDArray[np.float32], hint: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Foreground of a window, cut out at a scale at which small boxes have pixels enough."""
    least, most = WORKING_PX
    enlarged = min(max(1.0, least / min(window.shape)), LARGEST_SCALE)
    scale = min(enlarged, most / max(window.shape))
    size = [max(round(side * scale), 1) for side in window.shape[::-1]]
    low, high = np.percentile(window, [1, 99])
    grey = np.clip((window - low) / max(float(high - low), 1e-6), 0, 1) * 255
    how = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
    picture = cv2.resize(grey.astype(np.uint8), size, interpolation=how)
    mask = cv2.resize(hint, size, interpolation=cv2.INTER_NEAREST)
    if not {cv2.GC_BGD, cv2.GC_PR_FGD} <= set(np.unique(mask).tolist()):
        return np.zeros(window.shape, bool)  # nothing around it, or too thin to be seen
    cv2.setRNGSeed(0)
    cv2.grabCut(
        cv2.merge([picture] * 3),
        mask,
        (0, 0, 0, 0),  # not looked at: the mask says where
        np.zeros((1, 65)),
        np.zeros((1, 65)),
        ROUNDS,
        cv2.GC_INIT_WITH_MASK,
    )
    front = np.isin(mask, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.float32)
    shape = window.shape[::-1]
    how = cv2.INTER_AREA if scale > 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(front, shape, interpolation=how) > 0.5)


def _ellipse(height: int, width: int) -> NDArray[np.bool_]:
    rows, columns = np.mgrid[:height, :width]
    down = (rows + 0.5 - height / 2) / (ELLIPSE * height / 2)
    along = (columns + 0.5 - width / 2) / (ELLIPSE * width / 2)
    return np.asarray(down**2 + along**2 <= 1)
