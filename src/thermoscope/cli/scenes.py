"""``thermoscope scenes render``: rendered data sets on disk, in the layouts of public ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from thermoscope.cli.arguments import parse
from thermoscope.cli.progress import progress_bar
from thermoscope.core.errors import UnknownNameError

__all__ = ["Arguments", "main"]

COMMANDS = ("render",)
HELP = """usage: thermoscope scenes render OUT [options]

Rendered thermal and colour stereo with exact ground truth, in the layouts of public data sets.

  render   write a data set; the same command again goes on where it stopped

thermoscope scenes render --help lists the options."""


@dataclass(frozen=True)
class Arguments:
    """A rendered data set: thermal and colour stereo with exact ground truth.

    The same command again goes on where it stopped.
    """

    out: Annotated[Path, tyro.conf.Positional]
    """Folder to write into."""
    layout: str = "npz"
    """npz (one file a sample), ms2, mfnet, pst900, fmb, semanticrt, kp, cats, tartanrgbt,
    tartanrgbt_download."""
    environment: str = "urban"
    """urban, indoor, offroad, aerial, or several, comma-separated."""
    count: int = 10
    """Frames (tartanrgbt: colour frames)."""
    seed: int = 0
    """Another seed is another data set."""
    preset: str | None = None
    """Rig: tartanrgbt, small, tiny, ms2, mfnet ...; the layout's own if not given."""
    split: str = "all"
    """train, val or test; all = the shares of the data set."""
    taxonomy: str | None = None
    """Labels: fine, mfnet, cart, fmb, pst900, semanticrt, kp; the layout's own if not given."""
    noise: Literal["on", "off"] = "on"
    """off drops the sensor, mirrors and haze, and nothing else."""
    workers: int = 1
    """Processes."""


def main(words: Sequence[str]) -> int:
    """Run the verb."""
    if not words or words[0] in ("-h", "--help"):
        print(HELP)
        return 0
    if words[0] not in COMMANDS:
        raise UnknownNameError("scenes command", words[0], COMMANDS)
    return _render(parse(Arguments, words[1:], verb="scenes render"))


def _render(arguments: Arguments) -> int:
    from thermoscope.synthetic.layouts import RenderPlan, render_layout

    plan = RenderPlan(
        layout=arguments.layout,
        count=arguments.count,
        environment=arguments.environment,
        seed=arguments.seed,
        preset=arguments.preset,
        split=arguments.split,
        taxonomy=arguments.taxonomy,
        noise=arguments.noise == "on",
    )
    with progress_bar("render") as steps:

        def progress(done: int, total: int) -> None:
            steps.expected = total
            steps.bar.update(steps.task, total=total, completed=done)

        new = render_layout(arguments.out, plan, workers=arguments.workers, progress=progress)
    frames = len(plan.entries())
    print(f"{frames} frames in {arguments.out}: {new} rendered now, {frames - new} were there")
    return 0
