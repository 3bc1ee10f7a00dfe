"""``thermoscope stats``: one line of statistics a file."""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from thermoscope.cli.arguments import parse, print_json, print_table, warn
from thermoscope.cli.inputs import Failure, ObjectParameters, read_each
from thermoscope.core.errors import ConfigError
from thermoscope.engine.measure import statistics
from thermoscope.io.thermal_image import ZERO_CELSIUS_K

__all__ = ["Arguments", "main"]

Format = Literal["table", "json", "csv"]
COLUMNS = ("min", "p1", "median", "mean", "p99", "max")


@dataclass(frozen=True)
class Arguments:
    """One line of statistics a file, in degrees Celsius where the file is radiometric."""

    files: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.MISSING]
    """Thermal files."""
    format: Format = "table"
    """How to print."""
    json: bool = False
    """The same as --format json."""
    frame: int = 0
    """Which frame of multi-frame files."""
    size: str | None = None
    """WIDTHxHEIGHT of headerless raw files."""
    parameters: Annotated[ObjectParameters, tyro.conf.arg(name="")] = ObjectParameters()


def main(words: Sequence[str]) -> int:
    """Run the verb; 2 if a file could not be read."""
    arguments = parse(Arguments, words, verb="stats")
    if arguments.json and arguments.format == "csv":
        raise ConfigError("--json and --format csv are two forms of the answer: give one of them.")
    style: Format = "json" if arguments.json else arguments.format
    rows: list[dict[str, Any]] = []
    status = 0
    for result in read_each(
        arguments.files,
        parameters=arguments.parameters,
        size=arguments.size,
        frame=arguments.frame,
    ):
        if isinstance(result, Failure):
            warn(str(result.error))
            status = 2
            continue
        flags = " ".join(sorted(flag.value for flag in result.quality))
        rows.append(
            {"file": str(result.source.path), **_for_people(statistics(result)), "quality": flags}
        )
    show(rows, style)
    return status


def _for_people(found: dict[str, Any]) -> dict[str, Any]:
    if found["unit"] != "kelvin":
        return found
    shifted = {
        k: None if found[k] is None else round(found[k] - ZERO_CELSIUS_K, 2) for k in COLUMNS
    }
    return {**found, **shifted, "unit": "celsius"}


def show(rows: list[dict[str, Any]], style: Format) -> None:
    """Print the rows in one of three forms."""
    names = ("file", "unit", *COLUMNS, "std", "finite_share", "quality")
    if style == "json":
        print_json(rows)
    elif style == "csv":
        writer = csv.DictWriter(sys.stdout, fieldnames=names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    else:
        print_table(names, ([row[name] for name in names] for row in rows))
