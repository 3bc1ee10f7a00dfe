"""The collection of real frames in `THERMOSCOPE_DATA`: six public sources and fixed splits.

``splits.csv`` in that folder names every frame, its source, its split and its environment. The
collection serves tests and our own trainings; it is not part of the package.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np

from thermoscope.core.errors import ConfigError, DatasetCorruptError, UnknownNameError
from thermoscope.core.sample import Sample
from thermoscope.data.base import Item, read_rgb, read_thermal, require

__all__ = [
    "SOURCES",
    "RealFrames",
    "buffalo_udder",
    "hituav",
    "llvip",
    "msrs",
    "roadscene",
    "wisard",
]

SOURCES = ("msrs", "roadscene", "llvip", "wisard", "hituav", "buffalo_udder")
SPLITS = ("train", "val")
COLUMNS = {"split", "source", "rgb", "thermal", "label", "environment"}
BLOCK = 40  # frames of one block are never divided between folds
UDDER_CLASSES = ("background", "udder")


class RealFrames:
    """One source of the collection.

    Args:
        root: The collection's folder.
        source: One of `SOURCES`.
        split: ``"train"`` or ``"val"``.

    Attributes:
        name: The source.
        split: Which part.
        aligned: Whether colour and thermal pixels correspond.
        classes: Names of the classes, for the source with masks.

    Raises:
        UnknownNameError: No such source or split.
        DatasetNotFoundError: The folder or its list is absent.
        DatasetCorruptError: The list has other columns, or no row of this source.
    """

    def __init__(self, root: str | Path, source: str, *, split: str = "train") -> None:
        if source not in SOURCES:
            raise UnknownNameError("source", source, SOURCES)
        if split not in SPLITS:
            raise UnknownNameError("split", split, SPLITS)
        self.name, self.split = source, split
        self.aligned = source != "wisard"
        self.classes = UDDER_CLASSES if source == "buffalo_udder" else ()
        self.root = require(
            root,
            "splits.csv",
            layout="a folder with splits.csv, which lists split, source, rgb, thermal, label and "
            "environment of every frame.",
            source="the folder that THERMOSCOPE_DATA names",
        )
        self._items = self._listed()

    def _listed(self) -> list[Item]:
        path = self.root / "splits.csv"
        with path.open(encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream)
            if not set(reader.fieldnames or ()) >= COLUMNS:
                raise DatasetCorruptError(
                    f"{path} must have the columns {', '.join(sorted(COLUMNS))}."
                )
            rows = [r for r in reader if r["source"] == self.name and r["split"] == self.split]
        if not rows:
            raise DatasetCorruptError(f"{path} lists no {self.split} frame of {self.name}.")
        return [self._item(row) for row in rows]

    def _item(self, row: dict[str, str]) -> Item:
        paths = {k: self.root / row[k] for k in ("rgb", "thermal", "label") if row[k]}
        numbers = re.findall(r"\d+", Path(row["thermal"]).stem)
        words = row["environment"].split()
        times = [w for w in ("day", "night") if w in words]
        return Item(
            name=Path(row["thermal"]).stem,
            paths=paths,
            index=int(numbers[-1]) if numbers else 0,
            environment=row["environment"],
            time_of_day=times[0] if len(times) == 1 else "",
        )

    def __len__(self) -> int:
        return len(self._items)

    def item(self, index: int) -> Item:
        """Entry `index`.

        Raises:
            IndexError: Outside the data set.
        """
        return self._items[index]

    def __getitem__(self, index: int) -> Sample:
        """Sample `index`: ``agc``, and ``rgb`` or ``labels`` where the source has them.

        Raises:
            IndexError: Outside the data set.
            DatasetCorruptError: A file is absent or damaged.
        """
        item = self._items[index]
        sample = read_thermal(item.paths["thermal"])
        sample["name"] = f"{self.name}/{item.name}"
        if "rgb" in item.paths:
            sample["rgb"] = read_rgb(item.paths["rgb"])
        if "label" in item.paths:
            labels = read_thermal(item.paths["label"])
            sample["labels"] = labels["agc"].astype(np.int64)
            sample["taxonomy"] = self.name
        return sample

    def folds(self, count: int) -> list[list[int]]:
        """Indices in `count` parts for cross-validation: neighbouring frames stay together.

        Raises:
            ConfigError: Fewer than two folds, or more folds than blocks of frames.
        """
        blocks = sorted({item.index // BLOCK for item in self._items})
        if not 2 <= count <= len(blocks):
            raise ConfigError(
                f"{self.name} {self.split} has {len(blocks)} blocks of {BLOCK} frame numbers; "
                f"folds must lie between 2 and that, got {count}."
            )
        fold_of = {block: number % count for number, block in enumerate(blocks)}
        return [
            [i for i, item in enumerate(self._items) if fold_of[item.index // BLOCK] == fold]
            for fold in range(count)
        ]


def _reader(source: str) -> Callable[..., RealFrames]:
    def build(root: str | Path, *, split: str = "train") -> RealFrames:
        return RealFrames(root, source, split=split)

    build.__doc__ = f"Frames of {source}; see `RealFrames`."
    return build


msrs = _reader("msrs")
roadscene = _reader("roadscene")
llvip = _reader("llvip")
wisard = _reader("wisard")
hituav = _reader("hituav")
buffalo_udder = _reader("buffalo_udder")
