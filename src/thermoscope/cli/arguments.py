"""Words to a frozen dataclass, and text or JSON to standard output: what every verb shares."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

__all__ = ["parse", "print_json", "print_table", "warn"]

A = TypeVar("A")


def parse(kind: type[A], words: Sequence[str], *, verb: str) -> A:
    """An instance of dataclass `kind` from command-line words; wrong words exit with status 2."""
    import tyro

    plain_flags = (tyro.conf.FlagCreatePairsOff,)
    return tyro.cli(kind, args=list(words), prog=f"thermoscope {verb}", config=plain_flags)


def print_json(value: object) -> None:
    """Strict JSON (no NaN) on standard output."""
    sys.stdout.write(json.dumps(value, indent=2, allow_nan=False, default=str) + "\n")


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str | None = None
) -> None:
    """A table for people; as wide as the terminal, or unwrapped when piped."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    heading = None if title is None else Text(title)
    table = Table(*columns, title=heading, title_justify="left", header_style="bold", box=None)
    for row in rows:  # as text: names of files may hold brackets, which are markup otherwise
        table.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
    console = Console()
    if not console.is_terminal:
        console = Console(width=200)
    console.print(table)


def warn(text: str) -> None:
    """One line on standard error: a problem that does not stop the verb."""
    sys.stderr.write(f"thermoscope: {text}\n")
