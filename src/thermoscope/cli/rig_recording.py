"""``thermoscope rig replay``, ``verify``, ``recover`` and ``info``: what was recorded."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from thermoscope.cli.arguments import parse, print_json, print_table

__all__ = ["InfoArguments", "RecoverArguments", "ReplayArguments", "VerifyArguments", "main"]


@dataclass(frozen=True)
class ReplayArguments:
    """The frames of a recording again, in the order in which they came."""

    recording: Annotated[Path, tyro.conf.Positional]
    """Folder of the recording."""
    fast: bool = False
    """As fast as possible instead of in real time."""
    speed: float = 1.0
    """How many times as fast as it was."""


@dataclass(frozen=True)
class VerifyArguments:
    """Is every byte as it was written? Status 1 if not."""

    recording: Annotated[Path, tyro.conf.Positional]
    """Folder of the recording."""
    fast: bool = False
    """Do not decode every picture."""
    json: bool = False
    """Print JSON."""


@dataclass(frozen=True)
class RecoverArguments:
    """Make a recording whole that was cut off or damaged; what is right is kept, nothing else.

    Status 1 if a segment is gone: the manifest goes on listing it.
    """

    recording: Annotated[Path, tyro.conf.Positional]
    """Folder of the recording."""


@dataclass(frozen=True)
class InfoArguments:
    """Cameras, length, losses and clocks of a recording."""

    recording: Annotated[Path, tyro.conf.Positional]
    """Folder of the recording."""
    json: bool = False
    """Print JSON."""


def main(command: str, words: Sequence[str]) -> int:
    """Run one of the commands."""
    if command == "replay":
        return _replay(parse(ReplayArguments, words, verb="rig replay"))
    if command == "verify":
        return _verify(parse(VerifyArguments, words, verb="rig verify"))
    if command == "recover":
        return _recover(parse(RecoverArguments, words, verb="rig recover"))
    return _info(parse(InfoArguments, words, verb="rig info"))


def _replay(arguments: ReplayArguments) -> int:
    from thermoscope.rig.replay import replay_all

    begun, frames = time.monotonic(), Counter[str]()
    stream = replay_all(
        arguments.recording, pace="fast" if arguments.fast else "real", speed=arguments.speed
    )
    for frame in stream:
        frames[frame.camera] += 1
    seconds = time.monotonic() - begun
    told = ", ".join(f"{name} {count}" for name, count in sorted(frames.items()))
    print(f"{told} frames in {seconds:.1f} s, {sum(frames.values()) / seconds:.0f} a second")
    return 0


def _verify(arguments: VerifyArguments) -> int:
    from thermoscope.rig.verify import verify_recording

    report = verify_recording(arguments.recording, decode=not arguments.fast)
    if arguments.json:
        print_json({**vars(report), "problems": [str(p) for p in report.problems]})
        return int(not report.whole)
    rows = [
        (name, count, report.camera_drops.get(name, 0), report.queue_drops.get(name, 0))
        for name, count in report.frames.items()
    ]
    print_table(("camera", "frames", "lost by the camera", "lost by us"), rows)
    for problem in report.problems:
        print(f"PROBLEM  {problem}")
    if report.running:
        print("BEING RECORDED: stop the recorder, then verify again")
    else:
        print("whole" if report.whole else "NOT WHOLE: thermoscope rig recover keeps what is right")
    return int(not report.whole)


def _recover(arguments: RecoverArguments) -> int:
    from thermoscope.rig.recover import recover_recording

    segments = recover_recording(arguments.recording)
    rows = [(done.path.name, done.how, done.messages, done.lost_bytes) for done in segments]
    print_table(("segment", "what was done", "messages kept", "bytes lost"), rows)
    gone = [done.path.name for done in segments if done.how == "gone"]
    for name in gone:
        print(f"PROBLEM  {name}: is in the manifest and not in the folder")
    return int(bool(gone))


def _info(arguments: InfoArguments) -> int:
    from dataclasses import asdict

    from thermoscope.rig.recording_format import find_recording, read_manifest

    manifest = read_manifest(find_recording(arguments.recording))
    plain: dict[str, Any] = asdict(manifest)
    filled = [segment for segment in manifest.segments if segment.stop_ns]
    if filled:
        plain["seconds"] = (filled[-1].stop_ns - filled[0].start_ns) / 1e9
    plain["frames"] = manifest.frames
    if arguments.json:
        print_json(plain)
        return 0
    rows = [
        (c.name, c.serial, f"{c.width_px}x{c.height_px}", f"{c.rate_hz:g}", c.codec,
         manifest.frames[c.name], manifest.queue_drops.get(c.name, 0))
        for c in manifest.cameras
    ]  # fmt: skip
    print_table(("camera", "serial", "size", "Hz", "codec", "frames", "lost by us"), rows)
    size = sum(segment.size_bytes for segment in manifest.segments)
    started = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(manifest.started_utc_ns // 10**9))
    print(
        f"{plain.get('seconds', 0):.1f} s in {len(manifest.segments)} segments, "
        f"{size / 1e6:.1f} MB, started {started}, stopped: {manifest.stopped or 'not closed'}"
    )
    return 0
