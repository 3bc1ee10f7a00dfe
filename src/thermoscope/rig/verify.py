"""Is a recording what the recorder wrote? Hashes, chunk CRCs, frame counts, every picture decoded.

Any flipped bit of a closed segment changes its SHA-256; of one that was never closed, a chunk's CRC
or a checksum finds it. What is NOT here: repair (`thermoscope.rig.recover`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from thermoscope.core.errors import ReadError
from thermoscope.core.files import sha256_of
from thermoscope.io.pictures import decoded_picture
from thermoscope.io.ros_messages import parse_frame_stamp, parse_log
from thermoscope.rig.recording_format import (
    EVENTS_TOPIC,
    MANIFEST,
    Manifest,
    SegmentRecord,
    find_recording,
    read_manifest,
    segment_files,
)
from thermoscope.rig.segment_lock import is_being_recorded
from thermoscope.rig.segment_scan import SegmentScan, chunk_messages, mapped, scan_segment

__all__ = ["Problem", "VerifyReport", "verify_recording"]


@dataclass(frozen=True)
class Problem:
    """Something that is not as it was written.

    Attributes:
        file: Its name.
        text: What is wrong.
    """

    file: str
    text: str

    def __str__(self) -> str:
        return f"{self.file}: {self.text}"


@dataclass(frozen=True)
class VerifyReport:
    """What `verify_recording` found.

    Attributes:
        problems: None of them: the recording is whole.
        frames: Camera to frames that are there.
        camera_drops: Camera to frames that its counter proves missing: lost before they reached us.
        queue_drops: Camera to frames that the recorder could not keep up with, and told.
        events: Word to number of events.
        running: It is being recorded: what is not closed yet is no damage.
    """

    problems: tuple[Problem, ...]
    frames: Mapping[str, int]
    camera_drops: Mapping[str, int]
    queue_drops: Mapping[str, int]
    events: Mapping[str, int]
    running: bool = False

    @property
    def whole(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


@dataclass
class _Told:
    """What the messages of a recording tell, in order."""

    frames: Counter[str] = field(default_factory=Counter)
    pictures: Counter[str] = field(default_factory=Counter)
    camera_drops: Counter[str] = field(default_factory=Counter)
    queue_drops: Counter[str] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)
    missing: Counter[str] = field(default_factory=Counter)
    last: dict[str, tuple[int, int | None]] = field(default_factory=dict)


def verify_recording(path: str | Path, *, decode: bool = True) -> VerifyReport:
    """Check all of a recording.

    Args:
        path: The folder, or a file in it.
        decode: Also decode every picture; slower.

    Raises:
        ReadError: No recording there.
        MissingDependencyError: ``mcap`` is not installed.
    """
    folder = find_recording(path)
    problems: list[Problem] = []
    files = segment_files(folder)
    running = {file for file in files if is_being_recorded(file)}
    manifest = _manifest(folder, problems, running=bool(running))
    listed = {segment.name: segment for segment in manifest.segments} if manifest else {}
    problems += [
        Problem(name, "is in the manifest and not in the folder")
        for name in listed
        if not (folder / name).exists()
    ]
    told = _Told()
    for file in files:
        if file in running:
            problems.append(Problem(file.name, "is being recorded. Stop the recorder first."))
            continue
        found = _file_problems(file, listed.get(file.name), manifest)
        scan = scan_segment(file)
        found += [f"bytes {d.offset} to {d.end}: {d.reason}" for d in scan.damages]
        if not scan.closed and not scan.damages:
            found.append("has no end: the recorder was stopped hard")
        found += _messages(file, scan, told, decode=decode)
        problems += [Problem(file.name, text) for text in dict.fromkeys(found)]
    problems += _count_problems(manifest, told)
    return VerifyReport(
        tuple(problems), dict(told.frames), dict(told.camera_drops), dict(told.queue_drops),
        dict(told.events), bool(running),
    )  # fmt: skip


def _manifest(folder: Path, problems: list[Problem], *, running: bool) -> Manifest | None:
    try:
        manifest = read_manifest(folder)
    except ReadError as err:
        problems.append(Problem(MANIFEST, str(err)))
        return None
    if not manifest.stopped and not running:
        problems.append(Problem(MANIFEST, "the recording never ended: it runs, or was killed"))
    if manifest.calibration:
        file = folder / manifest.calibration
        if not file.exists() or sha256_of(file) != manifest.calibration_sha256:
            problems.append(Problem(file.name, "is not the calibration that was recorded"))
    return manifest


def _file_problems(
    file: Path, record: SegmentRecord | None, manifest: Manifest | None
) -> list[str]:
    if record is None:
        return ["is not in the manifest: it was never closed"] if manifest else []
    size = file.stat().st_size
    if size != record.size_bytes:
        return [f"has {size} bytes, {record.size_bytes} were written"]
    return [] if sha256_of(file) == record.sha256 else ["its SHA-256 is not the one recorded"]


def _messages(file: Path, scan: SegmentScan, told: _Told, *, decode: bool) -> list[str]:
    found: list[str] = []
    topics = {number: channel.topic for number, channel in scan.channels.items()}
    with mapped(file) as data:
        for chunk in scan.chunks:
            for message in chunk_messages(data, chunk):
                topic = topics.get(message.channel, "")
                try:
                    _one(topic, message.data, told, decode=decode)
                except ReadError as err:
                    found.append(f"message of {topic} at {message.log_ns} ns: {err}")
    return found


def _one(topic: str, data: bytes, told: _Told, *, decode: bool) -> None:
    camera, _, part = topic.strip("/").partition("/")
    if topic == EVENTS_TOPIC:
        entry = parse_log(data)
        told.events[entry.kind] += 1
        if entry.kind == "queue":
            told.queue_drops[entry.camera] += entry.count
    elif part == "frame":
        _stamp(camera, parse_frame_stamp(data), told)
    elif part.startswith("image"):
        told.pictures[camera] += 1
        if decode:
            decoded_picture(data, compressed=part.endswith("compressed"))


def _stamp(camera: str, stamp: Any, told: _Told) -> None:
    told.frames[camera] += 1
    if camera in told.last:
        sequence, counter = told.last[camera]
        told.missing[camera] += max(stamp.sequence - sequence - 1, 0)
        if counter is not None and stamp.counter is not None and stamp.counter > counter + 1:
            lost_here = max(stamp.sequence - sequence - 1, 0)
            told.camera_drops[camera] += max(stamp.counter - counter - 1 - lost_here, 0)
    told.last[camera] = (stamp.sequence, stamp.counter)


def _count_problems(manifest: Manifest | None, told: _Told) -> list[Problem]:
    found = []
    for camera, frames in told.frames.items():
        if told.pictures[camera] != frames:
            text = f"{camera} has {told.pictures[camera]} pictures and {frames} stamps"
            found.append(Problem(MANIFEST, text))
        untold = told.missing[camera] - told.queue_drops[camera]
        if untold > 0:
            found.append(
                Problem(MANIFEST, f"{camera} lacks {untold} frames that no event accounts for")
            )
    for camera, frames in (manifest.frames if manifest else {}).items():
        if told.frames[camera] < frames:
            text = f"{camera} has {told.frames[camera]} frames, {frames} were written"
            found.append(Problem(MANIFEST, text))
    return found
