"""``thermoscope rig check`` and ``record``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from thermoscope.cli.arguments import parse, print_json
from thermoscope.cli.rig_cameras import camera_sources
from thermoscope.core.checks import check_in_range

if TYPE_CHECKING:
    from thermoscope.rig.capture import CaptureSource
    from thermoscope.rig.recorder import RecorderStatus, RecordOptions

__all__ = ["CheckArguments", "RecordArguments", "RecordingArguments", "main"]

GB, MB = 1_000_000_000, 1_000_000
MOST_GB = 1e9
LITTLE_TIME_S = 600


@dataclass(frozen=True)
class CheckArguments:
    """Is everything ready to record? Status 1 if a line says PROBLEM."""

    cameras: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """NAME=driver:where, or driver:where."""
    simulate: bool = False
    """A simulated rig instead of cameras."""
    size: float = 1.0
    """Of the simulated pictures, 0.1 to 1."""
    out: Path = Path()
    """Folder on the disk that will be recorded to."""
    seconds: float = 3.0
    """How long to watch the cameras."""
    reserve_gb: float = 2.0
    """Space that recording leaves free."""
    calibration: Path | None = None
    """calibration.json that is to go with the recording."""
    json: bool = False
    """Print JSON."""


@dataclass(frozen=True)
class RecordingArguments:
    """What is recorded, and how; for every command that records."""

    cameras: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """NAME=driver:where, or driver:where."""
    simulate: bool = False
    """A simulated rig instead of cameras."""
    size: float = 1.0
    """Of the simulated pictures, 0.1 to 1."""
    segment_s: float = 60.0
    """Length of a segment, s."""
    reserve_gb: float = 2.0
    """Stop cleanly when so little space is left."""
    thermal: Literal["mono16", "delta"] = "mono16"
    """mono16 opens in every ROS 2 tool; delta is smaller and takes less time. Both lose nothing."""
    colour: Literal["jpeg", "raw"] = "jpeg"
    """jpeg (quality 95) loses a little; raw loses nothing and is five times as much."""
    calibration: Path | None = None
    """calibration.json to keep along."""
    threads: bool = False
    """Threads instead of processes: starts sooner, and keeps up with less."""

    def sources(self) -> list[CaptureSource]:
        """The cameras, or the simulated ones."""
        return camera_sources(
            self.cameras,
            simulate=self.simulate,
            size=self.size,
            thermal=self.thermal,
            colour=self.colour,
        )

    def options(self, *, seconds: float | None = None) -> RecordOptions:
        """How the recorder is to work, for so long."""
        from thermoscope.rig.recorder import RecordOptions

        return RecordOptions(
            seconds=seconds,
            segment_s=self.segment_s,
            reserve_bytes=_reserve_bytes(self.reserve_gb),
            isolation="thread" if self.threads else "process",
            calibration=self.calibration,
        )


@dataclass(frozen=True)
class RecordArguments(RecordingArguments):
    """Record cameras into a folder.

    Thermal pictures are stored without loss, colour as JPEG of quality 95 unless --colour raw.
    Ctrl-C or SIGTERM stop cleanly. Status 1 if a frame was lost in our own queue, or on an error.
    """

    out: Path = tyro.MISSING
    """Folder to make."""
    seconds: float | None = None
    """Stop after so many."""
    wait: bool = False
    """Begin at SIGUSR1, or at "start" on the socket."""
    socket: Path | None = None
    """Unix socket that takes start, stop and status."""
    stop_file: Path | None = None
    """Stop when this file appears."""
    quiet: bool = False
    """No line a second."""


def _reserve_bytes(reserve_gb: float) -> int:
    return int(check_in_range(reserve_gb, 0, MOST_GB, name="--reserve-gb") * GB)


def main(command: str, words: Sequence[str]) -> int:
    """Run one of the commands."""
    if command == "check":
        return _check(parse(CheckArguments, words, verb="rig check"))
    return _record(parse(RecordArguments, words, verb="rig record"))


def _check(arguments: CheckArguments) -> int:
    from thermoscope.rig.preflight import preflight

    checks = preflight(
        camera_sources(arguments.cameras, simulate=arguments.simulate, size=arguments.size),
        arguments.out,
        seconds=arguments.seconds,
        reserve_bytes=_reserve_bytes(arguments.reserve_gb),
        calibration=arguments.calibration,
    )
    if arguments.json:
        print_json([vars(check) for check in checks])
    else:
        for check in checks:
            print(check)
    return int(any(check.level == "problem" for check in checks))


def _record(arguments: RecordArguments) -> int:
    from thermoscope.rig.control import Control
    from thermoscope.rig.recorder import record

    sources, options = arguments.sources(), arguments.options(seconds=arguments.seconds)
    with Control(signals=True, stop_file=arguments.stop_file, socket=arguments.socket) as control:

        def tell(status: RecorderStatus) -> None:
            control.tell(status)
            if not arguments.quiet:
                sys.stderr.write(status_line(status) + "\n")

        if arguments.wait and not control.wait_for_start():
            print("stopped before it began")
            return 0
        manifest = record(arguments.out, sources, options, stop=control.stop_reason, on_status=tell)
    frames = ", ".join(f"{name} {count}" for name, count in manifest.frames.items())
    lost = sum(manifest.queue_drops.values())
    size = sum(segment.size_bytes for segment in manifest.segments)
    print(f"{arguments.out}: {frames} frames, {size / MB:.1f} MB, stopped: {manifest.stopped}")
    if lost:
        print(f"{lost} frames were lost because the disk or the processor was too slow")
    return int(lost > 0 or manifest.stopped.startswith(("error", "disk")))


def status_line(status: RecorderStatus) -> str:
    """One line for people."""
    rates = "  ".join(f"{name} {rate:.1f} Hz" for name, rate in status.rate_hz.items())
    line = f"{status.seconds:6.0f} s  {rates}  {status.bytes_per_s / MB:.1f} MB/s"
    if status.seconds_left < LITTLE_TIME_S:
        line += f"  SPACE FOR {status.seconds_left / 60:.1f} MINUTES"
    for word, drops in (("camera", status.camera_drops), ("queue", status.queue_drops)):
        if any(drops.values()):
            line += f"  {sum(drops.values())} lost ({word})"
    return line
