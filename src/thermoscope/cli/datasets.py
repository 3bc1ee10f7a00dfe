"""``thermoscope datasets``: the data sets known by name."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import tyro

from thermoscope.cli.arguments import parse, print_json, print_table
from thermoscope.data.catalogue import dataset_info, list_datasets

__all__ = ["Arguments", "main"]


@dataclass(frozen=True)
class Arguments:
    """Data sets known by name, with content and licence."""

    names: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """Which ones; all if none is given."""
    json: bool = False
    """Print JSON."""


def main(words: Sequence[str]) -> int:
    """Run the verb."""
    arguments = parse(Arguments, words, verb="datasets")
    infos = [dataset_info(name) for name in arguments.names or list_datasets()]
    if arguments.json:
        print_json([dataclasses.asdict(info) for info in infos])
    else:
        rows = [(i.name, i.content, i.tasks, i.licence) for i in infos]
        print_table(("name", "content", "for", "licence"), rows)
    return 0
