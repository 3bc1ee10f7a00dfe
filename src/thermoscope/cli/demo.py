"""``thermoscope demo``: run the main job on a sample and write a report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from thermoscope.cli.arguments import parse, warn
from thermoscope.cli.progress import progress_bar
from thermoscope.engine.demo import run_demo

__all__ = ["Arguments", "main"]


@dataclass(frozen=True)
class Arguments:
    """Look at a bundled frame, and at your files, from every side: report.html, self-contained."""

    files: Annotated[tuple[Path, ...], tyro.conf.Positional] = ()
    """Thermal files of your own, shown after the bundled frame."""
    out: Path = Path("demo_report")
    """Folder of the report."""


def main(words: Sequence[str]) -> int:
    """Run the verb; 2 if a file could not be read, which the report then says."""
    arguments = parse(Arguments, words, verb="demo")
    with progress_bar("demo") as steps:
        result = run_demo(arguments.files, arguments.out, progress=steps.done)
    for frame in result.frames:
        if frame.error:
            warn(frame.error)
    print(f"report: {result.report.resolve()}")
    return 2 if any(frame.error for frame in result.frames) else 0
