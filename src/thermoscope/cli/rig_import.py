"""``thermoscope rig import``: recordings of others as recordings of ours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from thermoscope.cli.arguments import parse, print_json, print_table
from thermoscope.core.errors import ConfigError

__all__ = ["ImportArguments", "main"]


@dataclass(frozen=True)
class ImportArguments:
    """Make a recording of a ROS 1 bag, a ROS 2 folder or an MCAP file; what is left out is told."""

    source: Annotated[Path, tyro.conf.Positional]
    """.bag, folder with metadata.yaml, or .mcap."""
    out: Annotated[Path, tyro.conf.Positional]
    """Folder to make."""
    topic: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """NAME=/topic of a camera; more than once. Without it, topics are chosen by what they hold."""
    segment_s: float = 60.0
    """Length of a segment, s."""
    json: bool = False
    """Print JSON."""


def main(command: str, words: Sequence[str]) -> int:
    """Run the command."""
    from thermoscope.engine.rig_import import import_recording

    arguments = parse(ImportArguments, words, verb=f"rig {command}")
    report = import_recording(
        arguments.source,
        arguments.out,
        topics=_topics(arguments.topic),
        segment_s=arguments.segment_s,
    )
    if arguments.json:
        print_json(
            {
                "frames": report.manifest.frames,
                "topics": dict(report.topics),
                "skipped": [vars(row) for row in report.skipped],
                "calibration": report.calibration,
                "lenses": list(report.lenses),
            }
        )
        return 0
    rows = [
        (c.name, c.kind, f"{c.width_px}x{c.height_px}", f"{c.rate_hz:g}", c.codec,
         report.manifest.frames[c.name], report.topics[c.name])
        for c in report.manifest.cameras
    ]  # fmt: skip
    print_table(("camera", "kind", "size", "Hz", "codec", "frames", "topic"), rows)
    if report.skipped:
        left_out = [(row.topic, row.messages, row.reason) for row in report.skipped]
        print_table(("left out", "messages", "why"), left_out)
    print(_calibration(report.calibration, report.lenses))
    return 0


def _topics(words: Sequence[str]) -> dict[str, str]:
    """Camera name to topic.

    Raises:
        ConfigError: A word is not NAME=/topic, or two have one name or one topic.
    """
    found: dict[str, str] = {}
    for word in words:
        name, _, topic = word.partition("=")
        if not name.isidentifier() or not topic.startswith("/"):
            raise ConfigError(f"--topic must be NAME=/topic, got {word!r}. Name the camera first.")
        if name in found or topic in found.values():
            raise ConfigError(f"--topic {word} repeats a camera or a topic. Give each one once.")
        found[name] = topic
    return found


def _calibration(file: str, lenses: Sequence[str]) -> str:
    if file:
        return f"lenses and places of the cameras: {file}"
    if lenses:
        known = ", ".join(f"{name}.yaml" for name in lenses)
        return f"lenses: {known}; where the cameras stand is not told: thermoscope rig calibrate"
    return "no calibration: thermoscope rig calibrate"
