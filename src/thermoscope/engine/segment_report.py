"""What a segmentation says in numbers, and its files: area and temperature of each class.

What is NOT here: the segments one by one (`thermoscope.engine.segment_coco`).
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.checks import check_shape
from thermoscope.core.errors import ConfigError
from thermoscope.core.files import atomic_write
from thermoscope.engine.dense_pictures import class_colours
from thermoscope.io.thermal_image import ZERO_CELSIUS_K

__all__ = [
    "CLASSES",
    "ClassShare",
    "class_shares",
    "temperatures",
    "without_results",
    "write_classes",
    "write_index_map",
]

CLASSES = "classes.json"
RESULTS = ("_labels.png", "_overlay.png", ".labels.png")
MOST_CLASSES = 256  # ids of an 8-bit picture


@dataclass(frozen=True)
class ClassShare:
    """One class of a frame.

    Attributes:
        id: Of the class.
        name: Of the class.
        pixels: That it has.
        share: Of the frame, 0 to 1.
        min_k: Lowest temperature in it, K; None where there are no temperatures.
        median_k: Median, K.
        max_k: Highest, K.
    """

    id: int
    name: str
    pixels: int
    share: float
    min_k: float | None = None
    median_k: float | None = None
    max_k: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; temperatures in kelvin and degrees Celsius."""
        plain: dict[str, Any] = {
            "id": self.id,
            "name": self.name,
            "pixels": self.pixels,
            "share": round(self.share, 6),
        }
        for key in ("min", "median", "max"):
            value = getattr(self, f"{key}_k")
            if value is not None:
                plain[f"{key}_k"] = value
                plain[f"{key}_c"] = round(value - ZERO_CELSIUS_K, 3)
        return plain


def class_shares(
    labels: NDArray[np.integer],
    classes: Sequence[str],
    *,
    kelvin: NDArray[np.float32] | None = None,
) -> list[ClassShare]:
    """The classes in a frame, the largest first.

    Args:
        labels: (H, W) class ids.
        classes: Names; the index is the id.
        kelvin: (H, W) temperatures, nan = unknown; None = there are none.

    Raises:
        ShapeError: Sizes that differ, or not (H, W).
    """
    check_shape(labels, "H W", name="labels")
    if kelvin is not None:
        check_shape(kelvin, f"{labels.shape[0]} {labels.shape[1]}", name="kelvin")
    found = []
    for index, pixels in zip(*np.unique(labels, return_counts=True), strict=True):
        measured = {} if kelvin is None else temperatures(kelvin[labels == index])
        found.append(
            ClassShare(
                int(index),
                classes[int(index)],
                int(pixels),
                float(pixels / labels.size),
                **measured,
            )
        )
    return sorted(found, key=lambda share: -share.pixels)


def temperatures(kelvin: NDArray[np.float32]) -> dict[str, float]:
    """``min_k``, ``median_k`` and ``max_k``, rounded to a millikelvin; empty if none is known.

    Example:
        >>> temperatures(np.array([300.0, np.nan, 302.0], np.float32))
        {'min_k': 300.0, 'median_k': 301.0, 'max_k': 302.0}
    """
    known = kelvin[np.isfinite(kelvin)]
    if not known.size:
        return {}
    values = (known.min(), np.median(known), known.max())
    return {
        f"{key}_k": round(float(value), 3)
        for key, value in zip(("min", "median", "max"), values, strict=True)
    }


def write_index_map(path: Path, labels: NDArray[np.integer], classes: Sequence[str]) -> None:
    """8-bit PNG whose levels are class ids, with the class colours as its palette.

    Raises:
        ConfigError: More classes than 8 bit can number.
        WriteError: No space or no permission.
    """
    from PIL import Image

    if len(classes) > MOST_CLASSES:
        raise ConfigError(f"{len(classes)} classes do not fit an 8-bit picture.")
    indexed = Image.fromarray(labels.astype(np.uint8)).convert("P")
    indexed.putpalette(class_colours(classes).ravel().tolist())
    buffer = io.BytesIO()
    indexed.save(buffer, "PNG", bits=8)
    with atomic_write(path) as stream:
        stream.write(buffer.getvalue())


def write_classes(path: Path, classes: Sequence[str]) -> None:
    """``classes.json``: id, name and colour of each class.

    Raises:
        WriteError: No space or no permission.
    """
    colours = class_colours(classes).tolist()
    rows = [
        {"id": index, "name": name, "rgb": colour}
        for index, (name, colour) in enumerate(zip(classes, colours, strict=True))
    ]
    with atomic_write(path) as stream:
        stream.write((json.dumps(rows, indent=1) + "\n").encode())


def without_results(paths: Sequence[Path]) -> list[Path]:
    """Those of `paths` that are no pictures of a segmentation: frames to segment.

    Such a picture has the name of one, and ``classes.json`` or the segments of its frame beside it.
    Where all of them are, somebody means them, and all are given back.
    """
    kept = [path for path in paths if not _is_result(path)]
    return kept or list(paths)


def _is_result(path: Path) -> bool:
    for ending in RESULTS:
        if path.name.endswith(ending):
            segments = path.with_name(f"{path.name.removesuffix(ending)}_segments.json")
            return path.with_name(CLASSES).is_file() or segments.is_file()
    return False
