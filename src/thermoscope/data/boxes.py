"""Boxes of a data set in COCO's form, by picture: HIT-UAV's ``annotations_{train,val}.json``.

HIT-UAV writes ``annotation`` and ``filename`` where COCO has ``annotations`` and ``file_name``;
both are read. What is NOT here: the pictures (`thermoscope.data.real_pairs`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thermoscope.core.errors import DatasetCorruptError, DatasetNotFoundError

__all__ = ["Box", "read_boxes"]


@dataclass(frozen=True)
class Box:
    """An upright box.

    Attributes:
        name: Of its category.
        left: Column of its left edge, px.
        top: Row of its upper edge, px.
        width: px.
        height: px.
    """

    name: str
    left: float
    top: float
    width: float
    height: float


def read_boxes(path: str | Path) -> dict[str, tuple[Box, ...]]:
    """Boxes by the stem of the picture's name; a picture without any has an empty tuple.

    Raises:
        DatasetNotFoundError: There is no such file.
        DatasetCorruptError: No JSON, not of the form, or a box of an unknown picture or category.
    """
    file = Path(path)
    if not file.is_file():
        raise DatasetNotFoundError(f"{file} is not there. It holds the boxes.")
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        names = {int(row["id"]): str(row["name"]) for row in content["categories"]}
        stems = {int(row["id"]): _stem(row) for row in content["images"]}
        found: dict[str, list[Box]] = {stem: [] for stem in stems.values()}
        for row in content["annotations" if "annotations" in content else "annotation"]:
            left, top, width, height = map(float, row["bbox"])
            name = names[int(row["category_id"])]
            found[stems[int(row["image_id"])]].append(Box(name, left, top, width, height))
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError, ValueError) as err:
        raise DatasetCorruptError(
            f"{file} holds no boxes in COCO's form ({type(err).__name__}: {err}). Expected "
            "categories, images, and annotations with bbox = left, top, width, height."
        ) from err
    return {stem: tuple(boxes) for stem, boxes in found.items()}


def _stem(row: dict[str, Any]) -> str:
    return Path(str(row["file_name"] if "file_name" in row else row["filename"])).stem
