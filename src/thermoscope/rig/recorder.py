"""Record a rig: cameras capture, this process writes, and nothing is lost in silence.

    manifest = record(Path("run1"), sources, RecordOptions(seconds=60))

All cameras must have given a frame before the first is written; wrong setup fails here. While it
runs, a bad frame, a lost camera or a full queue is written down as an event and never fatal; a full
disk ends the recording cleanly. What is NOT here: signals and buttons (`thermoscope.rig.control`).
"""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from thermoscope.core.checks import check_positive
from thermoscope.core.errors import CalibrationError, ConfigError, ReadError, WriteError
from thermoscope.core.files import sha256_of
from thermoscope.geometry.camera import Camera as CameraModel
from thermoscope.io.ros_messages import LogEntry
from thermoscope.rig.camera import Lost
from thermoscope.rig.capture import Captured, Captures, CaptureSource, Ended, Isolation, Ready
from thermoscope.rig.faults import Fault
from thermoscope.rig.recording_format import (
    BALLAST,
    MANIFEST,
    CameraRecord,
    Manifest,
    SegmentRecord,
    segment_files,
    write_manifest,
)
from thermoscope.rig.recover import recover_segment, segment_record
from thermoscope.rig.segment import SegmentWriter

__all__ = ["RecordOptions", "RecorderStatus", "record"]

BALLAST_BYTES = 4 << 20
CLOCK_STEP_NS = 5_000_000
TICK_S = 1.0
DRAIN_S = 10.0
INFORMATION, WARNING, ERROR = 20, 30, 40


@dataclass(frozen=True)
class RecordOptions:
    """How to record.

    Raises:
        ConfigError: A number that is not positive, or a negative reserve.
    """

    seconds: float | None = None
    """Stop after this, s; None = until stopped."""
    segment_s: float = 60.0
    """Length of a segment, s."""
    sync_s: float = 0.5
    """What is older than this survives a power cut, s."""
    reserve_bytes: int = 2_000_000_000
    """Stop cleanly when so little space is left."""
    queue_frames: int = 120
    """Frames that may wait to be written: of each camera's process, or of all threads."""
    isolation: Isolation = "process"
    """A process for each camera, or a thread."""
    calibration: Path | None = None
    """calibration.json to keep with the recording."""

    def __post_init__(self) -> None:
        for name in ("segment_s", "sync_s", "queue_frames"):
            check_positive(getattr(self, name), name=name)
        if self.seconds is not None:
            check_positive(self.seconds, name="seconds")
        if self.reserve_bytes < 0:
            raise ConfigError(f"reserve_bytes must not be negative, got {self.reserve_bytes}.")


@dataclass(frozen=True)
class RecorderStatus:
    """What the recorder is doing, once a second."""

    seconds: float
    frames: Mapping[str, int]
    """Camera to frames so far."""
    rate_hz: Mapping[str, float]
    """Camera to frames in the last second."""
    written_bytes: int
    bytes_per_s: float
    free_bytes: int
    seconds_left: float
    """Until the reserve is reached at this pace, s; inf if nothing is written."""
    queue_drops: Mapping[str, int]
    camera_drops: Mapping[str, int]
    ffc: Mapping[str, str]
    """Camera to the word for its shutter."""
    temperature_k: Mapping[str, float]


def record(
    folder: str | Path,
    sources: Sequence[CaptureSource],
    options: RecordOptions | None = None,
    *,
    stop: Callable[[], str] = lambda: "",
    on_status: Callable[[RecorderStatus], None] = lambda status: None,
) -> Manifest:
    """Record until `stop` gives a reason, the time is up, the cameras end or the disk is full.

    Args:
        folder: To be made; it must not hold a recording.
        sources: The cameras.
        options: How; the defaults if None.
        stop: Asked all the time; a word ends the recording and becomes its reason.
        on_status: Told once a second.

    Returns:
        The manifest as it is on disk.

    Raises:
        ConfigError: The folder holds a recording, two cameras have one name, or the calibration has
            that of a file that the recording makes.
        CalibrationError: The calibration does not fit the cameras.
        RigError: A camera does not start, or `stop` came before all did.
        WriteError: The folder cannot be written at all, or not even the end of the recording.
    """
    options, folder = options or RecordOptions(), Path(folder)
    if (folder / MANIFEST).exists() or (folder.is_dir() and segment_files(folder)):
        raise ConfigError(f"{folder} holds a recording. Choose another folder.")
    models = _models(options.calibration)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        raise WriteError(f"cannot make {folder}: {err.strerror}. Check the path.") from err
    if shutil.disk_usage(folder).free <= options.reserve_bytes:
        raise WriteError(
            f"{folder} has less space than the reserve of {options.reserve_bytes / 1e9:.1f} GB. "
            "Free some, or pass a smaller --reserve-gb."
        )
    offset_ns = time.time_ns() - time.monotonic_ns()
    captures = Captures(
        sources,
        offset_ns=offset_ns,
        isolation=options.isolation,
        queue_frames=options.queue_frames,
    )
    try:
        cameras = captures.wait_until_ready(stop=stop)
        _check_models(models, cameras)
        run = _Run(folder, cameras, options, offset_ns, models)
        return run.until(captures, stop, on_status)
    finally:
        captures.close()


def _models(path: Path | None) -> dict[str, CameraModel]:
    if path is None:
        return {}
    if path.name == MANIFEST or path.suffix == ".mcap":
        raise ConfigError(
            f"a recording has a file {path.name} of its own. Give the calibration another name."
        )
    from thermoscope.rig.calibration_files import read_calibration

    return dict(read_calibration(path).cameras)


def _check_models(models: Mapping[str, CameraModel], cameras: Sequence[CameraRecord]) -> None:
    sizes = {camera.name: (camera.width_px, camera.height_px) for camera in cameras}
    for name, model in models.items():
        if name in sizes and (model.width, model.height) != sizes[name]:
            raise CalibrationError(
                f"{name}: the calibration is for {model.width}x{model.height}, the camera gives "
                f"{sizes[name][0]}x{sizes[name][1]}. Pass the calibration of this camera."
            )


@dataclass
class _Counts:
    """What happened so far."""

    frames: Counter[str] = field(default_factory=Counter)
    last_frames: Counter[str] = field(default_factory=Counter)
    queue_drops: Counter[str] = field(default_factory=Counter)
    camera_drops: Counter[str] = field(default_factory=Counter)
    ffc: dict[str, str] = field(default_factory=dict)
    temperature_k: dict[str, float] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    """Why cameras ended that nobody stopped."""
    closed_bytes: int = 0
    last_bytes: int = 0


class _Run:
    """One recording while it is made."""

    def __init__(
        self,
        folder: Path,
        cameras: Sequence[CameraRecord],
        options: RecordOptions,
        offset_ns: int,
        models: Mapping[str, CameraModel],
    ) -> None:
        self._folder, self._options, self._models = folder, options, models
        self._counts = _Counts()
        self._segment: SegmentWriter | None = None
        self._next_number = 0
        self._start_s = self._synced_s = self._tick_s = self._segment_s = time.monotonic()
        self._utc_error_ns: int | None = None
        self._manifest = Manifest(
            cameras=tuple(cameras),
            started_utc_ns=time.time_ns(),
            offset_ns=offset_ns,
            queue_drops={camera.name: 0 for camera in cameras},
        )
        self._ballast = folder / BALLAST
        made = [folder / MANIFEST, self._ballast]
        try:
            if options.calibration is not None:
                self._keep_calibration(options.calibration, made)
            write_manifest(folder, self._manifest)
            self._ballast.write_bytes(bytes(min(BALLAST_BYTES, options.reserve_bytes)))
            self._open_segment()
        except OSError as err:
            for file in made:
                with suppress(OSError):
                    file.unlink(missing_ok=True)
            if isinstance(err, WriteError):
                raise
            raise WriteError(
                f"cannot begin a recording in {folder}: {err.strerror or err}. "
                "Free some space, or choose another folder."
            ) from err

    def until(
        self,
        captures: Captures,
        stop: Callable[[], str],
        on_status: Callable[[RecorderStatus], None],
    ) -> Manifest:
        """Write until there is a reason to end; see `record`."""
        try:
            reason = self._write_while(captures, stop, on_status)
            captures.stop()
            self._drain(captures)
            if self._counts.lost:
                reason = f"error: {' '.join(self._counts.lost)} (The others: {reason}.)"
            self._event("rig", "stop", reason, level=INFORMATION)
            self._close_segment()
        except WriteError as err:
            captures.stop()
            reason = f"disk: {err}"
            with suppress(ReadError, WriteError):  # then `recover` will make it whole
                self._save_segment()
        finally:
            self._remove_ballast()
        try:
            return self._write_manifest(stopped=reason)
        except WriteError as err:
            raise WriteError(
                f"the recording ended ({reason}), and that cannot be written down: {err} "
                f"When the disk is right again, run thermoscope rig recover {self._folder}."
            ) from err

    def _remove_ballast(self) -> None:
        with suppress(OSError):
            self._ballast.unlink(missing_ok=True)

    def _write_while(
        self,
        captures: Captures,
        stop: Callable[[], str],
        on_status: Callable[[RecorderStatus], None],
    ) -> str:
        while True:
            item = captures.get(0.05)
            if item is not None:
                self._take(item)
            if not captures.running:
                return "the cameras ended"
            now_s = time.monotonic()
            self._keep_time(now_s)
            if now_s - self._tick_s >= TICK_S:
                status = self._tick(now_s)
                on_status(status)
                if status.free_bytes <= self._options.reserve_bytes:
                    return "disk: the reserve is reached"
            reason = stop()
            if reason:
                return reason
            if self._options.seconds is not None and now_s - self._start_s >= self._options.seconds:
                return "duration"

    def _keep_time(self, now_s: float) -> None:
        """Sync and begin a new segment when it is time."""
        if self._segment is None:
            return
        if now_s - self._segment_s >= self._options.segment_s:
            self._close_segment()
            self._open_segment()
        elif now_s - self._synced_s >= self._options.sync_s:
            self._segment.sync()
            self._synced_s = now_s

    def _drain(self, captures: Captures) -> None:
        """What the cameras gave before they were stopped."""
        until_s = time.monotonic() + DRAIN_S
        while captures.running and time.monotonic() < until_s:
            item = captures.get(0.05)
            if item is not None:
                self._take(item)

    # -- what comes ----------------------------------------------------------------------------

    def _take(self, item: Ready | Captured | Lost | Ended) -> None:
        if isinstance(item, Captured):
            self._frame(item)
        elif isinstance(item, Lost):
            self._event(item.camera, "lost", item.reason, level=ERROR)
        elif isinstance(item, Ended):
            self._dropped(item.camera, item.dropped)
            for fault in item.faults:
                self._fault(fault)
            if item.reason:
                self._event(item.camera, "lost", item.reason, level=ERROR)
                self._counts.lost.append(item.reason)

    def _frame(self, item: Captured) -> None:
        if self._segment is None:
            return
        counts, stamp = self._counts, item.stamp
        self._segment.add_frame(item.camera, item.picture, stamp)
        counts.frames[item.camera] += 1
        counts.ffc[item.camera] = stamp.ffc
        if stamp.temperature_k is not None:
            counts.temperature_k[item.camera] = stamp.temperature_k
        self._dropped(item.camera, item.dropped)
        for fault in item.faults:
            self._fault(fault)

    def _dropped(self, camera: str, frames: int) -> None:
        if frames:
            self._counts.queue_drops[camera] += frames
            self._event(camera, "queue", "the writer was too slow", count=frames, level=ERROR)

    def _fault(self, fault: Fault) -> None:
        if fault.kind == "drop":
            self._counts.camera_drops[fault.camera] += fault.frames
        where = "" if fault.counter is None else f" from device count {fault.counter}"
        text = f"{fault.frames} frames{where}, host {fault.host_ns} ns, frame {fault.sequence}"
        level = INFORMATION if fault.kind == "ffc" else WARNING
        self._event(fault.camera, fault.kind, text, count=fault.frames, level=level)

    def _event(
        self, camera: str, kind: str, text: str, *, count: int = 0, level: int = WARNING
    ) -> None:
        if self._segment is not None:
            t_ns = time.monotonic_ns() + self._manifest.offset_ns
            self._segment.add_event(LogEntry(t_ns, camera, kind, text, count, level))

    # -- once a second -------------------------------------------------------------------------

    def _tick(self, now_s: float) -> RecorderStatus:
        counts, elapsed = self._counts, now_s - self._tick_s
        written = counts.closed_bytes + (self._segment.size_bytes if self._segment else 0)
        pace = (written - counts.last_bytes) / elapsed
        free = self._free_bytes()
        spare = max(free - self._options.reserve_bytes, 0)
        status = RecorderStatus(
            seconds=now_s - self._start_s,
            frames=dict(counts.frames),
            rate_hz={
                camera.name: (counts.frames[camera.name] - counts.last_frames[camera.name])
                / elapsed
                for camera in self._manifest.cameras
            },
            written_bytes=written,
            bytes_per_s=pace,
            free_bytes=free,
            seconds_left=spare / pace if pace > 0 else float("inf"),
            queue_drops=dict(counts.queue_drops),
            camera_drops=dict(counts.camera_drops),
            ffc=dict(counts.ffc),
            temperature_k=dict(counts.temperature_k),
        )
        counts.last_frames, counts.last_bytes = counts.frames.copy(), written
        self._tick_s = now_s
        self._sample_clock()
        return status

    def _free_bytes(self) -> int:
        try:
            return shutil.disk_usage(self._folder).free
        except OSError as err:
            raise WriteError(
                f"{self._folder} cannot be reached: {err.strerror or err}. Is its disk there?"
            ) from err

    def _sample_clock(self) -> None:
        """The system clock beside ours: a step of it is an event, and never in a stamp."""
        t_ns, utc_ns = time.monotonic_ns() + self._manifest.offset_ns, time.time_ns()
        error_ns, before_ns = utc_ns - t_ns, self._utc_error_ns
        self._utc_error_ns = error_ns
        if self._segment is not None:
            self._segment.add_clock(t_ns, utc_ns)
        if before_ns is not None and abs(error_ns - before_ns) > CLOCK_STEP_NS:
            step_ms = (error_ns - before_ns) / 1e6
            self._event("rig", "clock", f"the system clock stepped by {step_ms:+.1f} ms")

    # -- files ---------------------------------------------------------------------------------

    def _open_segment(self) -> None:
        self._segment = SegmentWriter(
            self._folder / f"{self._next_number:06d}.mcap",
            self._manifest.cameras,
            offset_ns=self._manifest.offset_ns,
            calibration=self._models,
            calibration_file=self._options.calibration,
        )
        self._next_number += 1
        self._segment_s = self._synced_s = time.monotonic()

    def _close_segment(self) -> None:
        if self._segment is not None:
            entry = self._segment.close()
            self._segment = None
            self._listed(entry)

    def _save_segment(self) -> None:
        """After a write error: give the ballast back and make the last segment whole."""
        self._remove_ballast()
        if self._segment is None:
            return
        path = self._segment.path
        self._segment.abandon()
        self._segment = None
        recover_segment(path)
        self._listed(segment_record(path))

    def _listed(self, entry: SegmentRecord) -> None:
        self._counts.closed_bytes += entry.size_bytes
        self._manifest = replace(self._manifest, segments=(*self._manifest.segments, entry))
        with suppress(WriteError):  # the next one, or recover, brings it up to date
            self._write_manifest()

    def _write_manifest(self, *, stopped: str = "") -> Manifest:
        drops = {c.name: self._counts.queue_drops[c.name] for c in self._manifest.cameras}
        self._manifest = replace(self._manifest, queue_drops=drops, stopped=stopped)
        self._free_bytes()  # a folder that is gone is not made again
        write_manifest(self._folder, self._manifest)
        return self._manifest

    def _keep_calibration(self, path: Path, made: list[Path]) -> None:
        """Copy it into the folder if it is not there, and add the copy to `made`."""
        kept = self._folder / path.name
        if kept.resolve() != path.resolve():
            made.append(kept)
            shutil.copyfile(path, kept)
        self._manifest = replace(
            self._manifest, calibration=path.name, calibration_sha256=sha256_of(kept)
        )
