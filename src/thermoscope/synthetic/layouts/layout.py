"""What a data-set layout is: which frames it wants, and which files each becomes.

A layout splits the frames asked for into blocks (a split, an hour, a sequence), writes each frame,
and at the end writes what needs all frames: lists, calibration, pose tables. What is NOT here:
rendering, resuming and workers (`.run`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from thermoscope.core.registry import Registry
from thermoscope.synthetic.families import SPLITS, Hour
from thermoscope.synthetic.observe import Observation

__all__ = ["LAYOUTS", "Block", "Entry", "Facts", "Layout", "day_and_night", "of_split", "portions"]

Facts = dict[str, Any]
"""What `Layout.finish` must know of a frame: JSON values. ``"files"`` lists what it wrote."""


@dataclass(frozen=True)
class Block:
    """Frames that share split, hour and folder.

    Attributes:
        name: Of a sequence folder, or a word for messages.
        number: Position among the blocks of the layout: each renders worlds of its own.
        split: Family of worlds, "train", "val" or "test".
        count: Frames.
        hour: As `Scenes` takes it.
        weather: As `Scenes` takes it.
    """

    name: str
    number: int
    split: str
    count: int
    hour: Hour = None
    weather: str | None = None


@dataclass(frozen=True)
class Entry:
    """One frame of a layout.

    Attributes:
        number: In the whole data set, from 0.
        index: In its block, from 0.
        block: Where it belongs.
    """

    number: int
    index: int
    block: Block


class Layout(Protocol):
    """How one data set lies on disk."""

    name: str
    preset: str
    """Rig that has the sizes of the data set."""
    taxonomy: str
    aligned: bool
    """Colour is seen by the left thermal camera itself."""
    rate_hz: float
    """Frames a second of a visit."""
    sequence: bool
    """A block is one visit of one place; otherwise a few frames of each of many places."""
    infinity_share: float
    """Disparity of an infinitely far point over the width of the picture; 0 if not signed."""

    def blocks(self, count: int, split: str) -> Sequence[Block]:
        """The blocks of `count` frames; `split` "all" takes the shares of the data set."""
        ...

    def write(self, root: Path, entry: Entry, seen: Observation) -> Facts:
        """Write the files of one frame, each atomically."""
        ...

    def finish(self, root: Path, frames: Sequence[tuple[Entry, Facts]]) -> None:
        """Write what needs all frames."""
        ...


LAYOUTS: Registry[Layout] = Registry("layout")


def portions(count: int, shares: Mapping[str, float]) -> dict[str, int]:
    """`count` split by `shares`, each at least one as long as there are enough.

    Example:
        >>> portions(10, {"train": 0.5, "val": 0.25, "test": 0.25})
        {'train': 4, 'val': 3, 'test': 3}
        >>> portions(1, {"train": 0.5, "test": 0.5})
        {'train': 1, 'test': 0}
    """
    total = sum(shares.values())
    least = 1 if count >= len(shares) else 0
    spare = max(count - least * len(shares), 0)
    ideal = {name: spare * share / total for name, share in shares.items()}
    parts = {name: least + int(wanted) for name, wanted in ideal.items()}
    order = sorted(shares, key=lambda name: int(ideal[name]) - ideal[name])
    for name in order[: count - sum(parts.values())]:
        parts[name] += 1
    return parts


def of_split(count: int, split: str, shares: Mapping[str, float]) -> dict[str, int]:
    """Frames of each split: by `shares` for "all", otherwise all in one.

    Raises:
        UnknownNameError: Neither "all" nor a split.
    """
    from thermoscope.core.errors import UnknownNameError

    if split == "all":
        return portions(count, shares)
    if split not in SPLITS:
        raise UnknownNameError("split", split, (*SPLITS, "all"))
    return {split: count}


def day_and_night(parts: Mapping[str, int]) -> list[Block]:
    """Two blocks a split, day and night; the odd frame is by day.

    Example:
        >>> [(b.name, b.count) for b in day_and_night({"train": 3})]
        [('train day', 2), ('train night', 1)]
    """
    made: list[Block] = []
    for name, part in parts.items():
        halves: tuple[tuple[Hour, int], ...] = (("day", (part + 1) // 2), ("night", part // 2))
        for hour, number in halves:
            made.append(Block(f"{name} {hour}", len(made), name, number, hour))
    return made
