"""Lists of names: one a split, and of some splits one a time of day.

What is NOT here: which names, and how files lie (the layouts).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from thermoscope.synthetic.layouts.files import write_lines
from thermoscope.synthetic.layouts.layout import Entry

__all__ = ["SPLITS", "write_split_lists"]

SPLITS = ("train", "val", "test")


def write_split_lists(
    root: Path, names: Mapping[Entry, str], *, by_hour: Sequence[str] = ("test",)
) -> None:
    """``SPLIT.txt`` and ``SPLIT_day.txt``, ``SPLIT_night.txt``; without frames they are empty.

    Args:
        root: Folder of the lists.
        names: Of each frame, in the order of the lists.
        by_hour: Splits that also have lists by the time of day.

    Raises:
        WriteError: No space or no permission.
    """
    for split in SPLITS:
        own = {entry: name for entry, name in names.items() if entry.block.split == split}
        write_lines(root / f"{split}.txt", own.values())
        for hour in ("day", "night") if split in by_hour else ():
            chosen = [name for entry, name in own.items() if entry.block.hour == hour]
            write_lines(root / f"{split}_{hour}.txt", chosen)
