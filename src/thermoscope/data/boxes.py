"""Boxes of a data set by picture: one file in COCO's form, or a folder of texts as YOLO has them.

HIT-UAV writes ``annotation`` and ``filename`` where COCO has ``annotations`` and ``file_name``;
both are read. A text of YOLO's has a line a box: class, middle and sides in shares of the picture.
What is NOT here: the pictures (`thermoscope.data.real_pairs`), and labels made of
boxes (`thermoscope.data.box_outlines`).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thermoscope.core.errors import DatasetCorruptError, DatasetNotFoundError
from thermoscope.data.files_by_stem import by_stem, lines_of, some

__all__ = [
    "Box",
    "BoxFile",
    "class_list",
    "class_name",
    "is_ignored",
    "open_boxes",
    "read_box_file",
    "read_boxes",
    "read_yolo_folder",
]

CLASSES = "classes.txt"
UNSURE = "ignore"
LARGEST_SHARE = 1.001  # of the picture, with what rounding adds
IGNORED = frozenset({UNSURE, "ignored", "dont care", "dontcare", "don't care", "ignored regions"})


@dataclass(frozen=True)
class Box:
    """An upright box.

    Attributes:
        name: Of its category.
        left: Column of its left edge, px.
        top: Row of its upper edge, px.
        width: px.
        height: px.
        relative: Whether all four are shares of the picture's sides instead.
    """

    name: str
    left: float
    top: float
    width: float
    height: float
    relative: bool = False

    def in_pixels(self, shape: Sequence[int]) -> Box:
        """The box in a picture of `shape`, (H, W)."""
        if not self.relative:
            return self
        height, width = shape
        return Box(
            self.name,
            self.left * width,
            self.top * height,
            self.width * width,
            self.height * height,
        )


@dataclass(frozen=True)
class BoxFile:
    """What a file of boxes holds.

    Attributes:
        names: Of its categories, in the order of their ids.
        boxes: By the stem of the picture's name; a picture without any has an empty tuple.
    """

    names: tuple[str, ...]
    boxes: dict[str, tuple[Box, ...]]

    @property
    def classes(self) -> tuple[str, ...]:
        """Background, and what is not to be ignored, as classes are called."""
        found = [class_name(name) for name in self.names if not is_ignored(name)]
        return tuple(dict.fromkeys(["background", *found]))

    @property
    def ids(self) -> dict[str, int]:
        """Name of a box to the index of its class; what is to be ignored is not in it."""
        names = [name for name in self.names if not is_ignored(name)]
        return {name: self.classes.index(class_name(name)) for name in names}


def open_boxes(path: str | Path, names: Sequence[str] = ()) -> BoxFile:
    """Boxes of a file in COCO's form, or of a folder of texts, see `read_yolo_folder`."""
    return read_yolo_folder(path, names) if Path(path).is_dir() else read_box_file(path)


def class_list(path: Path) -> tuple[str, ...]:
    """Names of classes, one a line; the first is id 0.

    Raises:
        DatasetNotFoundError: There is no such file.
        DatasetCorruptError: It is no text, or names a class twice.
    """
    names = lines_of(path)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DatasetCorruptError(
            f"{path} names {some(map(repr, twice))} twice. The line is the id: name each class "
            "once."
        )
    return tuple(names)


def class_name(name: str) -> str:
    """A category's name as classes are called: ``OtherVehicle`` is ``other vehicle``."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return re.sub(r"[\s_-]+", " ", apart).strip().lower()


def is_ignored(name: str) -> bool:
    """Whether boxes of this name mark what nobody could tell."""
    return class_name(name) in IGNORED


def read_boxes(path: str | Path) -> dict[str, tuple[Box, ...]]:
    """The boxes of `read_box_file`."""
    return read_box_file(path).boxes


def read_box_file(path: str | Path) -> BoxFile:
    """Boxes with their categories; a crowd's box (``iscrowd``) is called ``ignore``.

    Raises:
        DatasetNotFoundError: There is no such file.
        DatasetCorruptError: No JSON, not of the form, a box of an unknown picture or category, or
            one without a size.
    """
    file = Path(path)
    if not file.is_file():
        raise DatasetNotFoundError(f"{file} is not there. It holds the boxes.")
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        names = {int(row["id"]): str(row["name"]) for row in content["categories"]}
        stems = {int(row["id"]): _stem(row) for row in content["images"]}
        if len(set(stems.values())) < len(content["images"]):
            raise ValueError("two pictures of one name or id")
        found: dict[str, list[Box]] = {stem: [] for stem in stems.values()}
        for row in content["annotations" if "annotations" in content else "annotation"]:
            found[stems[int(row["image_id"])]].append(_box(row, names))
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError, ValueError) as err:
        raise DatasetCorruptError(
            f"{file} holds no boxes in COCO's form ({type(err).__name__}: {err}). Expected "
            "categories, images, and annotations with bbox = left, top, width, height."
        ) from err
    ordered = tuple(names[key] for key in sorted(names))
    return BoxFile(ordered, {stem: tuple(boxes) for stem, boxes in found.items()})


def read_yolo_folder(folder: str | Path, names: Sequence[str] = ()) -> BoxFile:
    """Boxes of ``STEM.txt`` files with lines ``class x y width height``, in shares of the picture.

    Args:
        folder: Where.
        names: Of the classes; lines of ``classes.txt`` in the folder or beside it if empty.

    Raises:
        DatasetNotFoundError: No text, or nobody says what the classes are.
        DatasetCorruptError: Another line, a class without a name, a class named twice, a box
            without a size, or one in pixels.
    """
    place = Path(folder)
    lists = [path for path in (place / CLASSES, place.parent / CLASSES) if path.is_file()]
    texts = {stem: path for stem, path in _texts(place).items() if path not in lists}
    if not texts:
        raise DatasetNotFoundError(f"{place} holds no text of boxes. Expected STEM.txt a picture.")
    known = tuple(names) or (class_list(lists[0]) if lists else ())
    if not known:
        raise DatasetNotFoundError(
            f"{place}: nobody says what the classes are. Write {CLASSES}, a name a line, into it."
        )
    return BoxFile(known, {stem: _lines(path, known) for stem, path in texts.items()})


def _texts(folder: Path) -> dict[str, Path]:
    return by_stem(folder, kinds=frozenset({".txt"}))


def _lines(path: Path, names: Sequence[str]) -> tuple[Box, ...]:
    found = []
    for number, line in enumerate(lines_of(path), start=1):
        try:
            found.append(_yolo_box(line.split(), names))
        except ValueError as err:
            raise DatasetCorruptError(
                f"{path}, line {number}: {line[:60]!r} is no box of one of {len(names)} classes "
                f"({err}). Expected: class x y width height, in shares of the picture."
            ) from err
    return tuple(found)


def _yolo_box(words: Sequence[str], names: Sequence[str]) -> Box:
    if len(words) != 5:
        raise ValueError(f"{len(words)} words, not 5")
    index, (x, y, width, height) = int(words[0]), map(float, words[1:])
    if not 0 <= index < len(names):
        raise ValueError(f"class {index}, the ids are 0 to {len(names) - 1}")
    sides = (x, y, width, height)
    if not all(map(math.isfinite, sides)) or min(sides) < 0:
        raise ValueError("a number out of range")
    if max(sides) > LARGEST_SHARE:
        raise ValueError(f"{max(sides):g} is more than the whole picture, which is 1: pixels?")
    return Box(names[index], x - width / 2, y - height / 2, width, height, relative=True)


def _box(row: dict[str, Any], names: dict[int, str]) -> Box:
    left, top, width, height = map(float, row["bbox"])
    if not all(map(math.isfinite, (left, top, width, height))) or width < 0 or height < 0:
        raise ValueError(f"bbox {row['bbox']}")
    name = names[int(row["category_id"])]
    return Box(UNSURE if row.get("iscrowd") else name, left, top, width, height)


def _stem(row: dict[str, Any]) -> str:
    return Path(str(row["file_name"] if "file_name" in row else row["filename"])).stem
