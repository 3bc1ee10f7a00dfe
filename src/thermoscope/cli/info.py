"""``thermoscope info``: what a file is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from thermoscope.cli.arguments import parse, print_json, print_table, warn
from thermoscope.cli.inputs import Failure, ObjectParameters, read_each
from thermoscope.engine.facts import extra_rows, fact_rows
from thermoscope.engine.measure import describe

__all__ = ["Arguments", "main"]


@dataclass(frozen=True)
class Arguments:
    """What a thermal file is: size, unit, temperatures with positions, camera, what is wrong."""

    files: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.MISSING]
    """Thermal files."""
    json: bool = False
    """Print JSON: a list with one entry a file."""
    frame: int = 0
    """Which frame of a multi-frame file."""
    size: str | None = None
    """WIDTHxHEIGHT of headerless raw files."""
    parameters: Annotated[ObjectParameters, tyro.conf.arg(name="")] = ObjectParameters()


def main(words: Sequence[str]) -> int:
    """Run the verb; 2 if a file could not be read."""
    arguments = parse(Arguments, words, verb="info")
    status = 0
    entries: list[dict[str, Any]] = []
    for result in read_each(
        arguments.files,
        parameters=arguments.parameters,
        size=arguments.size,
        frame=arguments.frame,
    ):
        if isinstance(result, Failure):
            status = 2
            entries.append({"file": str(result.path), "error": str(result.error)})
            warn(str(result.error))
            continue
        entries.append(describe(result))
        if not arguments.json:
            rows = [*fact_rows(entries[-1]), *extra_rows(entries[-1])]
            print_table(("", ""), rows, title=entries[-1]["file"])
    if arguments.json:
        print_json(entries)
    return status
