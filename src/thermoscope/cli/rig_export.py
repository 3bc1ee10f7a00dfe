"""``thermoscope rig export``: a recording becomes a data set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from thermoscope.cli.arguments import parse, print_json, print_table, warn
from thermoscope.cli.progress import progress_bar

if TYPE_CHECKING:
    from thermoscope.engine.rig_export import ExportReport

__all__ = ["Arguments", "main"]


@dataclass(frozen=True)
class Arguments:
    """Pairs of a recording as a data set: clean, rectified, colour in the thermal camera's grid.

    Frames with the shutter closed, frozen and repeated ones are left out. Colour is registered
    through the depth of the thermal pair; a mask beside each picture says where it is right.
    OUT/NAME.export.json tells stamps, gaps, skew, masks and the SHA-256 of every file. Stopped, the
    same command goes on.
    """

    recording: Annotated[Path, tyro.conf.Positional]
    """Folder of the recording."""
    out: Annotated[Path, tyro.conf.Positional]
    """Folder of the data set; several recordings may share it."""
    rate: float = 1.0
    """Pairs a second."""
    layout: Literal["tartanrgbt", "tartanrgbt_download", "ms2", "pairs"] = "tartanrgbt"
    """As TartanRGBT's loader or its download names files, as MS2, or plain pairs with a table."""
    calibration: Path | None = None
    """calibration.json of rig calibrate; the one kept in the recording if not given."""
    model: str = "thermostereort_fast"
    """Weights that find the depth, or sgbm."""
    weights: Path | None = None
    """Folder with weights of your own; the bundled ones if not given."""
    left_right_check: bool = False
    """Pixels on which both thermal views disagree become holes. Twice the time."""
    name: str = ""
    """Of the run; that of the recording if not given."""
    group: str = "day1"
    """Folder above a run of TartanRGBT."""
    split: Literal["train", "val", "test"] = "train"
    """Whose list the run goes to."""
    max_gap_ms: float | None = None
    """Largest time between frames of a pair; half a period if not given."""
    settle_s: float = 1.0
    """Leave frames out for so long after the shutter opened."""
    json: bool = False
    """Print the report as JSON."""


def main(command: str, words: Sequence[str]) -> int:
    """Run the verb; 0 if the data set is complete."""
    arguments = parse(Arguments, words, verb=f"rig {command}")
    from thermoscope.engine.rig_export import ExportConfig, export_recording

    options = ExportConfig(
        layout=arguments.layout,
        rate_hz=arguments.rate,
        calibration=arguments.calibration,
        model=arguments.model,
        weights=arguments.weights,
        check_left_right=arguments.left_right_check,
        name=arguments.name,
        group=arguments.group,
        split=arguments.split,
        max_gap_ms=arguments.max_gap_ms,
        settle_s=arguments.settle_s,
    )
    with progress_bar("export") as steps:

        def on_pair(done: int, total: int) -> None:
            steps.expect(total - steps.expected)
            steps.done(f"{done} of {total}")

        report = export_recording(arguments.recording, arguments.out, options, on_pair=on_pair)
    _tell(report, json=arguments.json)
    return 0


def _tell(report: ExportReport, *, json: bool) -> None:
    if json:
        print_json({**vars(report), "folder": str(report.folder), "manifest": str(report.manifest)})
        return
    for note in report.notes:
        warn(note)
    if report.left_out:
        print_table(("thermal frames left out", "frames"), sorted(report.left_out.items()))
    colour = f"colour on {report.valid_share:.1%} of the pixels" if report.registered else "as seen"
    print(f"{report.pairs} pairs ({report.written} written now), {colour}: {report.folder}")
    print(f"manifest: {report.manifest}")
