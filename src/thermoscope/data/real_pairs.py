"""The collection of real frames in `THERMOSCOPE_DATA`: six public sources and fixed splits.

``splits.csv`` in that folder names every frame, its source, its split and its environment. The
collection serves tests and our own trainings; it is not part of the package. Choices inside
``train`` are made by cross-validation over blocks of frames (`folds`), because neighbours of one
drive, flight or day look alike.

========================  ==========================================================================
source                    one block is
========================  ==========================================================================
msrs, roadscene, llvip,   frames whose numbers follow each other with gaps of at most 40, in one
wisard                    recording
hituav                    one hour, altitude, angle and weather: the first four numbers of the name
buffalo_udder             one day of capture (frames named ``Snap``: as above)
========================  ==========================================================================
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

from thermoscope.core.errors import ConfigError, DatasetCorruptError, UnknownNameError
from thermoscope.core.sample import Sample
from thermoscope.data.base import (
    Dataset,
    Item,
    Listed,
    read_labels,
    read_rgb,
    read_thermal,
    require,
)
from thermoscope.data.box_outlines import with_outlines
from thermoscope.data.files_by_stem import some

__all__ = [
    "BOXES",
    "SOURCES",
    "buffalo_udder",
    "folds",
    "hituav",
    "llvip",
    "msrs",
    "real_frames",
    "roadscene",
    "wisard",
]

SOURCES = ("msrs", "roadscene", "llvip", "wisard", "hituav", "buffalo_udder")
SPLITS = ("train", "val")
COLUMNS = {"split", "source", "rgb", "thermal", "label", "environment"}
GAP = 40  # frame numbers further apart are taken for different places
UDDER_CLASSES = ("background", "udder")
BOXES: dict[str, tuple[str, tuple[str, ...]]] = {
    "hituav": ("detection/hituav/annotations_{split}.json", ()),
    "wisard": ("pairs_unaligned/wisard/labels_yolo", ("person",)),
}
"""Where a source has its boxes, by split, and names of their classes, see `open_boxes`."""
HITUAV_TIMES = {"0": "day", "1": "night"}


@dataclass(frozen=True)
class _Position:
    """Recording and number of a frame, as its name says; `is_block`: never to be divided."""

    recording: str
    number: int
    is_block: bool = False
    time_of_day: str = ""


def real_frames(root: str | Path, source: str, *, split: str = "train") -> Listed:
    """One source of the collection, in the order of recordings and frame numbers.

    Args:
        root: The collection's folder.
        source: One of `SOURCES`.
        split: ``"train"``, ``"val"``, or ``"all"``.

    Returns:
        Samples with ``agc``, and ``rgb`` or ``labels`` where the source has them. An item's
        `sequence` is its block (see the module).

    Raises:
        UnknownNameError: No such source or split.
        DatasetNotFoundError: The folder, its list or a listed file is absent.
        DatasetCorruptError: The list has other columns, no row of this source, or a frame twice.
    """
    if source not in SOURCES:
        raise UnknownNameError("source", source, SOURCES)
    if split not in (*SPLITS, "all"):
        raise UnknownNameError("split", split, (*SPLITS, "all"))
    folder = require(
        root,
        "splits.csv",
        layout="a folder with splits.csv, which lists split, source, rgb, thermal, label and "
        "environment of every frame.",
        source="the folder that THERMOSCOPE_DATA names",
    )
    wanted = SPLITS if split == "all" else (split,)
    items = _in_blocks(source, [_item(folder, r) for r in _rows(folder, source, wanted)])
    if items:
        every = [str(path.relative_to(folder)) for i in items for path in i.paths.values()]
        require(folder, *every, layout="every file of splits.csv.", source=str(folder))
    return Listed(
        source,
        split,
        tuple(items),
        _decode,
        classes=UDDER_CLASSES if source == "buffalo_udder" else (),
        aligned=source != "wisard",
        findings=() if items else (f"{folder / 'splits.csv'} lists no such frame.",),
    )


def folds(data: Dataset, count: int) -> list[list[int]]:
    """Indices in `count` parts of similar size for cross-validation; no block is divided.

    Blocks are the items' `sequence`; the largest go first, each to the smallest fold so far.

    Raises:
        ConfigError: Fewer than two folds, or more folds than blocks.
    """
    blocks = Counter(data.item(i).sequence for i in range(len(data)))
    if not 2 <= count <= len(blocks):
        raise ConfigError(
            f"{data.name} {data.split} has {len(blocks)} blocks of frames that belong together; "
            f"folds must lie between 2 and that, got {count}."
        )
    sizes = [0] * count
    fold_of: dict[str, int] = {}
    for block, frames in sorted(blocks.items(), key=lambda b: (-b[1], b[0])):
        smallest = sizes.index(min(sizes))
        fold_of[block] = smallest
        sizes[smallest] += frames
    numbers = range(len(data))
    return [[i for i in numbers if fold_of[data.item(i).sequence] == f] for f in range(count)]


def _rows(folder: Path, source: str, splits: Sequence[str]) -> list[dict[str, str]]:
    path = folder / "splits.csv"
    with path.open(encoding="utf-8", newline="") as stream:
        reader = csv.DictReader(stream)
        missing = COLUMNS - set(reader.fieldnames or ())
        if missing:
            raise DatasetCorruptError(
                f"{path} lacks the columns {some(sorted(missing), shown=6)}. "
                f"Expected: {', '.join(sorted(COLUMNS))}."
            )
        return [r for r in reader if r["source"] == source and r["split"] in splits]


def _item(folder: Path, row: dict[str, str]) -> Item:
    keys = ("rgb", "thermal", "label")
    pictures = {k: folder / row[k] for k in keys if Path(row[k]).suffix}  # "yolo" is no file
    outside = [path for path in pictures.values() if not path.is_relative_to(folder)]
    if outside:
        raise DatasetCorruptError(
            f"{folder / 'splits.csv'} names {outside[0]}, which is not below its folder. Give "
            "paths relative to it."
        )
    stem = Path(row["thermal"]).stem
    place = _position(row["source"], stem)
    times = [word for word in ("day", "night") if word in row["environment"].split()]
    return Item(
        name=stem,
        paths={"labels" if key == "label" else key: path for key, path in pictures.items()},
        index=place.number,
        sequence=place.recording,
        environment=row["environment"],
        time_of_day=place.time_of_day or (times[0] if len(times) == 1 else ""),
    )


def _position(source: str, stem: str) -> _Position:
    numbers = re.findall(r"\d+", stem)
    number = int(numbers[-1]) if numbers else 0
    if source == "hituav":
        parts = stem.split("_")
        return _Position("_".join(parts[:4]), number, True, HITUAV_TIMES.get(parts[0], ""))
    taken = re.search(r"(\d{8})_(\d{6})", stem) if source == "buffalo_udder" else None
    if taken:
        moment = datetime.strptime("".join(taken.groups()), "%Y%m%d%H%M%S")
        return _Position(taken[1], int(moment.replace(tzinfo=timezone.utc).timestamp()), True)
    label = stem[: stem.rindex(numbers[-1])] if numbers else stem
    if source == "buffalo_udder":
        label = "Snap"
    return _Position(label.strip("_-") or source, number)


def _in_blocks(source: str, items: list[Item]) -> list[Item]:
    """The items sorted, with the block of each as its sequence."""
    found: list[Item] = []
    last: Item | None = None
    block = ""
    for item in sorted(items, key=lambda item: (item.sequence, item.index, item.name)):
        follows = last is not None and last.sequence == item.sequence
        if _position(source, item.name).is_block:
            block = item.sequence
        elif last is None or not follows or item.index - last.index > GAP:
            block = f"{item.sequence}_{item.index:05d}"
        found.append(replace(item, sequence=block))
        last = item
    return found


def _decode(item: Item) -> Sample:
    sample = read_thermal(item.paths["thermal"])
    if "rgb" in item.paths:
        sample["rgb"] = read_rgb(item.paths["rgb"])
    if "labels" in item.paths:
        height, width = sample["agc"].shape[1:]
        sample["labels"] = read_labels(item.paths["labels"], shape=(height, width))
        sample["taxonomy"] = "buffalo_udder"
    return sample


def hituav(root: str | Path, *, split: str = "train", labels: bool = False) -> Listed:
    """Frames of HIT-UAV; see `real_frames`.

    Args:
        root: The collection's folder.
        split: ``"train"``, ``"val"`` or ``"all"``.
        labels: With ``labels`` made of the boxes, see `labels_from_boxes`, and their classes.

    Raises:
        DatasetNotFoundError: See `real_frames`; or there are no boxes.
        DatasetCorruptError: See `real_frames`; or damaged boxes, or a frame that has none listed.
    """
    frames = real_frames(root, "hituav", split=split)
    if not labels:
        return frames
    parts = SPLITS if split == "all" else (split,)
    return with_outlines(frames, [Path(root) / BOXES["hituav"][0].format(split=p) for p in parts])


def _reader(source: str) -> Callable[..., Listed]:
    def build(root: str | Path, *, split: str = "train") -> Listed:
        return real_frames(root, source, split=split)

    build.__doc__ = f"Frames of {source}; see `real_frames`."
    return build


msrs = _reader("msrs")
roadscene = _reader("roadscene")
llvip = _reader("llvip")
wisard = _reader("wisard")
buffalo_udder = _reader("buffalo_udder")
