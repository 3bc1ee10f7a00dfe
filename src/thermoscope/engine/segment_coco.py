"""Segments as COCO annotations: masks in run lengths, readable by pycocotools and without it.

A segment is a connected piece of one class (eight neighbours). Run lengths go down the columns and
begin with zeros, each is written as the difference to the one before the last, in digits of five
bits from ``0`` (48) on with the sixth bit for "more follows". What is NOT here: pictures.

Source: the COCO data format (Lin et al., ECCV 2014) and its public mask code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.checks import check_shape
from thermoscope.core.errors import ConfigError, ReadError
from thermoscope.engine.segment_report import temperatures

__all__ = ["coco_document", "mask_from_rle", "rle_from_mask"]

MIN_PIXELS = 16
"""Smaller segments are left out of the list; the index map has them."""
Rle = dict[str, Any]


def rle_from_mask(mask: NDArray[np.bool_]) -> Rle:
    """``{"size": [H, W], "counts": text}`` of a (H, W) bool mask.

    Raises:
        ShapeError: Not (H, W).

    Example:
        >>> rle_from_mask(np.array([[False, True], [True, True]]))
        {'size': [2, 2], 'counts': '13'}
    """
    check_shape(mask, "H W", name="mask")
    return _rle(np.flatnonzero(mask.T), (int(mask.shape[0]), int(mask.shape[1])))


def mask_from_rle(rle: Mapping[str, Any]) -> NDArray[np.bool_]:
    """(H, W) bool mask of run lengths as `rle_from_mask` writes them.

    Raises:
        ReadError: Characters that are none of the format's, or lengths that do not fill the mask.
    """
    height, width = rle["size"]
    runs = _runs(str(rle["counts"]))
    if any(run < 0 for run in runs) or sum(runs) != height * width:
        raise ReadError(f"run lengths of {sum(runs)} pixels do not fill {height} x {width}.")
    values = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    return np.ascontiguousarray(values.reshape(width, height).T)


def _rle(indices: NDArray[np.int64], size: tuple[int, int]) -> Rle:
    """Run lengths of sorted positions, counted down the columns."""
    total = size[0] * size[1]
    steps = np.diff(indices, prepend=-2, append=total + 1) != 1
    starts, ends = indices[steps[:-1]], indices[steps[1:]] + 1
    edges = np.column_stack([starts, ends]).ravel()
    runs = np.diff(np.concatenate([[0], edges, [total]])).tolist()
    if runs[-1] == 0:
        runs.pop()
    return {"size": list(size), "counts": "".join(map(_digits, _differences(runs)))}


def _differences(runs: Sequence[int]) -> list[int]:
    return [run - runs[i - 2] if i > 2 else run for i, run in enumerate(runs)]


def _digits(value: int) -> str:
    text = ""
    while True:
        digit = value & 31
        value >>= 5
        more = value != (-1 if digit & 16 else 0)
        text += chr(48 + (digit | 32 if more else digit))
        if not more:
            return text


def _runs(text: str) -> list[int]:
    runs: list[int] = []
    value = shift = 0
    for character in text:
        digit = ord(character) - 48
        if not 0 <= digit < 64:
            raise ReadError(f"run lengths hold {character!r}, which is none of their digits.")
        value |= (digit & 31) << shift
        shift += 5
        if digit & 32:
            continue
        if digit & 16:
            value -= 1 << shift
        runs.append(value + runs[-2] if len(runs) > 2 else value)
        value = shift = 0
    return runs


def coco_document(
    labels: NDArray[np.integer],
    classes: Sequence[str],
    *,
    file_name: str,
    kelvin: NDArray[np.float32] | None = None,
    min_pixels: int = MIN_PIXELS,
    info: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The segments of one frame, the largest first, as a COCO document.

    Besides COCO's own keys an annotation has ``min_k``, ``median_k`` and ``max_k`` where there are
    temperatures. Category ids are the class ids.

    Args:
        labels: (H, W) class ids.
        classes: Names; the index is the id.
        file_name: Of the picture.
        kelvin: (H, W) temperatures, nan = unknown; None = there are none.
        min_pixels: Smaller segments are left out.
        info: What else to say.

    Raises:
        ShapeError: Sizes that differ, or not (H, W).
        ConfigError: `min_pixels` below 1.
    """
    if min_pixels < 1:
        raise ConfigError(f"min_pixels must be at least 1, got {min_pixels}.")
    height, width = check_shape(labels, "H W", name="labels").values()
    if kelvin is not None:
        check_shape(kelvin, f"{height} {width}", name="kelvin")
    found = [
        _annotation(index, segment, (height, width), kelvin)
        for index in np.unique(labels).tolist()
        for segment in _segments(labels == index, min_pixels)
    ]
    found.sort(key=lambda annotation: -annotation["area"])
    return {
        "info": dict(info or {}),
        "images": [{"id": 1, "file_name": file_name, "width": width, "height": height}],
        "categories": [{"id": index, "name": name} for index, name in enumerate(classes)],
        "annotations": [{"id": number, **row} for number, row in enumerate(found, 1)],
    }


def _segments(mask: NDArray[np.bool_], min_pixels: int) -> list[NDArray[np.int64]]:
    """Positions, counted down the columns, of each connected piece."""
    import cv2

    _, pieces = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    flat = pieces.T.ravel()
    order = np.argsort(flat, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(flat[order])) + 1)
    return [p for p in parts if flat[p[0]] > 0 and len(p) >= min_pixels]


def _annotation(
    index: int,
    segment: NDArray[np.int64],
    size: tuple[int, int],
    kelvin: NDArray[np.float32] | None,
) -> dict[str, Any]:
    columns, rows = np.divmod(segment, size[0])
    left, top = int(columns.min()), int(rows.min())
    box = [left, top, int(columns.max()) + 1 - left, int(rows.max()) + 1 - top]
    row = {
        "image_id": 1,
        "category_id": int(index),
        "area": len(segment),
        "bbox": box,
        "iscrowd": 0,
        "segmentation": _rle(segment, size),
    }
    return row if kelvin is None else {**row, **temperatures(kelvin[rows, columns])}
