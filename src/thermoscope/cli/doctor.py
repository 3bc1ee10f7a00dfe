"""``thermoscope doctor``: is this file or folder healthy, and what to type next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from thermoscope.cli.arguments import parse, print_json, print_table
from thermoscope.cli.inputs import size_from_text
from thermoscope.io.diagnose import Diagnosis, diagnose

__all__ = ["Arguments", "main"]


@dataclass(frozen=True)
class Arguments:
    """What a file or folder is, whether it is sound, and what to type next.

    Exit status for scripts: 0 sound or usable with care, 1 an error was found, 2 not readable.
    """

    paths: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.MISSING]
    """Thermal files or folders."""
    size: str | None = None
    """WIDTHxHEIGHT of headerless raw files."""
    json: bool = False
    """Print JSON: a list with one entry a path."""


def main(words: Sequence[str]) -> int:
    """Run the verb; the worst exit status of all paths."""
    arguments = parse(Arguments, words, verb="doctor")
    shape = size_from_text(arguments.size)
    found = []
    for path in arguments.paths:
        found.append(diagnose(path, shape=shape))
        if not arguments.json:
            show(found[-1])
    if arguments.json:
        print_json([diagnosis.as_dict() for diagnosis in found])
    return max(diagnosis.exit_code for diagnosis in found)


def show(diagnosis: Diagnosis) -> None:
    """Print one diagnosis for people."""
    print(f"{diagnosis.path}: {diagnosis.what}")
    if diagnosis.findings:
        print_table(("severity", "finding", "what it means"), diagnosis.findings)
    else:
        print("nothing wrong was found")
    if diagnosis.next_commands:
        print("next:")
    for command in diagnosis.next_commands:
        print(f"  $ {command}")
