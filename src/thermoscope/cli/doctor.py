"""``thermoscope doctor``: is this file or folder healthy, and what to type next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from thermoscope.cli.arguments import parse, print_json, print_table
from thermoscope.io.diagnose import Diagnosis, diagnose

__all__ = ["Arguments", "main"]


@dataclass(frozen=True)
class Arguments:
    """What a file or folder is, whether it is sound, and what to type next.

    Exit status for scripts: 0 sound, 1 something was found, 2 it could not be read.
    """

    paths: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.MISSING]
    """Thermal files or folders."""
    json: bool = False
    """Print JSON: a list with one entry a path."""


def main(words: Sequence[str]) -> int:
    """Run the verb; the worst exit status of all paths."""
    arguments = parse(Arguments, words, verb="doctor")
    entries = []
    for path in arguments.paths:
        diagnosis = diagnose(path)
        entries.append(_entry(path, diagnosis))
        if not arguments.json:
            _show(path, diagnosis)
    if arguments.json:
        print_json(entries)
    return max(int(entry["exit_code"]) for entry in entries)


def _entry(path: Path, diagnosis: Diagnosis) -> dict[str, Any]:
    return {
        "path": str(path),
        "what": diagnosis.what,
        "findings": [
            {"severity": severity, "name": str(name), "text": text}
            for severity, name, text in diagnosis.findings
        ],
        "next_commands": list(diagnosis.next_commands),
        "exit_code": diagnosis.exit_code,
    }


def _show(path: Path, diagnosis: Diagnosis) -> None:
    print(f"{path}: {diagnosis.what}")
    if diagnosis.findings:
        print_table(("severity", "finding", "what it means"), diagnosis.findings)
    else:
        print("nothing wrong was found")
    for command in diagnosis.next_commands:
        print(f"  $ {command}")
