"""``thermoscope datasets``: the data sets known by name, and what a folder of one holds."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from thermoscope.cli.arguments import parse, print_json, print_table, warn
from thermoscope.core.errors import (
    ConfigError,
    DatasetCorruptError,
    DatasetNotFoundError,
    ThermoscopeError,
    UnknownNameError,
)
from thermoscope.core.files import data_folder
from thermoscope.data.catalogue import dataset_info, list_datasets

if TYPE_CHECKING:
    from thermoscope.data.base import Dataset
    from thermoscope.data.statistics import Balance

__all__ = ["Arguments", "main"]

STATS = "stats"
SPLITS = ("train", "val", "test")
SHOWN = 20  # groups of a kind in the table; JSON has all


@dataclass(frozen=True)
class Arguments:
    """Data sets known by name, with content and licence.

    ``thermoscope datasets stats NAME --root DIR`` counts what a folder holds by split, environment,
    time of day and sequence, and says what is left out.
    """

    names: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """Which ones; all if none is given. The word stats before a name counts a folder."""
    root: Path | None = None
    """With stats: folder of the data set; $THERMOSCOPE_DATA for the frames collected there."""
    split: str = ""
    """With stats: one split; train, val and test, as far as they are there, if not given."""
    json: bool = False
    """Print JSON."""


def main(words: Sequence[str]) -> int:
    """Run the verb."""
    if words[:1] == ["extract"]:
        from thermoscope.cli import datasets_extract

        return datasets_extract.main(words[1:])
    arguments = parse(Arguments, words, verb="datasets")
    if arguments.names[:1] == (STATS,):
        return _stats(arguments)
    if arguments.root is not None or arguments.split:
        raise ConfigError("--root and --split are for counting: thermoscope datasets stats NAME.")
    infos = [dataset_info(name) for name in arguments.names or list_datasets()]
    if arguments.json:
        print_json([dataclasses.asdict(info) for info in infos])
    else:
        rows = [(i.name, i.content, i.tasks, i.licence, _yes(i.readable)) for i in infos]
        print_table(("name", "content", "for", "licence", "reader"), rows)
    return 0


def _yes(readable: bool) -> str:
    return "yes" if readable else "-"


def _stats(arguments: Arguments) -> int:
    from thermoscope.data.base import READERS
    from thermoscope.data.real_pairs import SOURCES
    from thermoscope.data.statistics import balance

    if len(arguments.names) != 2:
        raise ConfigError(
            f"stats takes one name, got {len(arguments.names) - 1}. Example: thermoscope datasets "
            "stats mfnet --root DIR. Names: thermoscope datasets."
        )
    reader = READERS.get(arguments.names[1])
    root = arguments.root or (data_folder() if arguments.names[1] in SOURCES else None)
    if root is None and arguments.names[1] != "scenes":
        raise ConfigError("stats needs the folder of the data set: --root DIR.")
    parts: list[Dataset] = []
    absent: list[ThermoscopeError] = []
    for split in (arguments.split,) if arguments.split else SPLITS:
        try:
            parts.append(reader(root, split=split))
        except (DatasetCorruptError, DatasetNotFoundError, UnknownNameError, ConfigError) as err:
            absent.append(err)  # a data set without this split, or a folder without this part
    if not parts:
        raise absent[0]
    for error in absent:
        if not isinstance(error, UnknownNameError):
            warn(str(error))
    found = balance(parts)
    if arguments.json:
        print_json(_plain(found))
    else:
        _show(found)
    return 0


def _plain(found: Balance) -> dict[str, Any]:
    kinds = {group.kind: round(found.evenness(group.kind), 4) for group in found.groups}
    return {**dataclasses.asdict(found), "evenness": kinds}


def _show(found: Balance) -> None:
    files = ", ".join(f"{kind} {count}" for kind, count in found.files.items()) or "rendered"
    print(f"{found.name}: {found.frames} frames, {found.positioned} with a position; {files}")
    rows: list[tuple[str, str, str, str]] = []
    for kind in dict.fromkeys(group.kind for group in found.groups):
        groups = found.of(kind)
        rows += [(kind, g.name, str(g.frames), f"{100 * g.share:.1f} %") for g in groups[:SHOWN]]
        if len(groups) > SHOWN:
            rows.append((kind, f"... {len(groups) - SHOWN} more", "", ""))
        if len(groups) > 1 and kind != "split":
            rows.append((kind, "evenness (1 = equal)", f"{found.evenness(kind):.2f}", ""))
    print_table(("by", "value", "frames", "share"), rows)
    if found.findings:
        print_table(("left out, or to know",), [(text,) for text in found.findings])
