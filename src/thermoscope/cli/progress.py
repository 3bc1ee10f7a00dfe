"""A progress bar on standard error, on a terminal only: pipes and logs stay clean."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

__all__ = ["Steps", "progress_bar"]


@dataclass
class Steps:
    """Steps done and expected; the bar follows them."""

    bar: Progress
    task: TaskID
    expected: int = 0

    def expect(self, steps: int | None) -> None:
        """Announce further steps; None = nobody knows how many, and the bar only moves."""
        if steps is not None:
            self.expected += steps
            self.bar.update(self.task, total=self.expected)

    def done(self, name: str) -> None:
        """One more step is done, called `name`."""
        self.bar.update(self.task, advance=1, step=name)


@contextmanager
def progress_bar(title: str) -> Iterator[Steps]:
    """A bar that vanishes at the end. Without a terminal nothing is written.

    Args:
        title: Left of the bar.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[step]}", style="dim"),
    )
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        yield Steps(bar, bar.add_task(title, total=None, step=""))
