"""A recording as cameras again: in real time, or as fast as it can be read.

    with RecordedCamera("run1", "thermal_left", pace="fast") as camera:
        for frame in camera.frames(): ...

Frames come with every clock as it was recorded. `replay_all` gives the frames of all cameras in the
order in which they came. What is NOT here: repair (`thermoscope.rig.recover`).
"""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Container, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from thermoscope.core.errors import CameraError, MissingDependencyError, ReadError, UnknownNameError
from thermoscope.io.pictures import decoded_picture
from thermoscope.io.ros_messages import FrameStamp, parse_frame_stamp
from thermoscope.rig.camera import CameraSettings, FfcState, Frame, OpenableCamera, Pixel
from thermoscope.rig.recording_format import (
    CameraRecord,
    Manifest,
    camera_topics,
    find_recording,
    read_manifest,
    segment_files,
)
from thermoscope.rig.segment_lock import is_being_recorded

__all__ = ["RecordedCamera", "replay_all"]

Pace = Literal["real", "fast"]
PIXELS: dict[str, Pixel] = {"thermal": "y16", "rgb": "rgb8"}


class RecordedCamera(OpenableCamera):
    """One camera of a recording.

    Args:
        recording: The folder, or a file in it.
        name: Of the camera.
        pace: "real" gives each frame when it is due, "fast" at once.
        speed: How many times as fast as it was, for "real".

    Raises:
        ReadError: No recording there, or its manifest is damaged.
        UnknownNameError: No such camera in it.
    """

    def __init__(
        self, recording: str | Path, name: str, *, pace: Pace = "real", speed: float = 1.0
    ) -> None:
        self._folder = find_recording(recording)
        self._manifest = read_manifest(self._folder)
        self.record = _record(self._manifest, name)
        settings = CameraSettings(
            self.record.width_px,
            self.record.height_px,
            self.record.rate_hz or 30.0,
            PIXELS.get(self.record.kind, "rgb8"),
        )
        super().__init__(name, self.record.serial, settings)
        self._pace, self._speed = pace, speed
        self._closed = threading.Event()

    def open(self) -> None:
        """Nothing to find: the recording was read when the camera was made."""
        self._closed.clear()
        self._is_open = True

    def close(self) -> None:
        """End `frames`, also while it waits."""
        self._closed.set()
        super().close()

    def frames(self, only: Container[int] | None = None) -> Iterator[Frame]:
        """Frames as they came.

        Args:
            only: Values of `Frame.sequence`; pictures of other frames are not even decoded.

        Raises:
            CameraError: The camera is not open.
            ReadError: The recording is damaged, or was never closed.
        """
        self._must_be_open()
        wait = _Pacer(self._speed, self._closed) if self._pace == "real" else None
        for frame in _frames(self._folder, self.record, only):
            if wait is not None:
                wait.until(frame.host_ns)
            if self._closed.is_set():
                return
            yield frame


class _Pacer:
    """Waits until a frame is due."""

    def __init__(self, speed: float, closed: threading.Event) -> None:
        if not speed > 0:
            raise CameraError(f"speed must be positive, got {speed!r}.")
        self._speed, self._closed = speed, closed
        self._start: tuple[int, int] | None = None

    def until(self, host_ns: int) -> None:
        self._start = self._start or (host_ns, time.monotonic_ns())
        due_ns = self._start[1] + (host_ns - self._start[0]) / self._speed
        self._closed.wait(max(due_ns - time.monotonic_ns(), 0) / 1e9)


def _record(manifest: Manifest, name: str) -> CameraRecord:
    for camera in manifest.cameras:
        if camera.name == name:
            return camera
    raise UnknownNameError("camera of the recording", name, [c.name for c in manifest.cameras])


def _frames(
    folder: Path, camera: CameraRecord, only: Container[int] | None = None
) -> Iterator[Frame]:
    topics = camera_topics(camera)
    picture_topic, stamp_topic = topics["image"][0], topics["frame"][0]
    for file in segment_files(folder):
        picture = b""
        for topic, data in _messages(file, [picture_topic, stamp_topic]):
            if topic == picture_topic:
                picture = data
                continue
            stamp = parse_frame_stamp(data)
            if only is not None and stamp.sequence not in only:
                continue
            pixels = decoded_picture(picture, compressed=picture_topic.endswith("/compressed"))[1]
            yield _frame(camera.name, pixels, stamp)


def _messages(file: Path, topics: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    try:
        from mcap.exceptions import McapError
        from mcap.reader import make_reader
    except ImportError as err:
        raise MissingDependencyError("mcap", extra="rig", purpose="replaying") from err
    with file.open("rb") as stream:
        try:
            reader: Any = make_reader(stream, validate_crcs=True)
            if reader.get_summary() is None:
                raise ValueError("it has no end")
            for _, channel, message in reader.iter_messages(topics=list(topics)):
                yield channel.topic, message.data
        except (McapError, ValueError, KeyError, EOFError) as err:
            if isinstance(err, ReadError):
                raise
            if is_being_recorded(file):
                text = f"{file} is being recorded. Stop the recorder first."
            else:
                text = f"{file} is damaged or was not closed: {err}. Run thermoscope rig recover."
            raise ReadError(text, path=file) from err


def _frame(name: str, pixels: Any, stamp: FrameStamp) -> Frame:
    return Frame(
        camera=name,
        image=pixels,
        counter=stamp.counter,
        device_ns=stamp.device_ns,
        host_ns=stamp.host_ns,
        telemetry=stamp.telemetry or None,
        ffc=FfcState(stamp.ffc) if stamp.ffc else None,
        temperature_k=stamp.temperature_k,
        sequence=stamp.sequence,
        kernel_ns=stamp.kernel_ns,
    )


def replay_all(
    recording: str | Path, *, pace: Pace = "fast", speed: float = 1.0
) -> Iterator[Frame]:
    """Frames of all cameras, in the order in which they came.

    Args:
        recording: The folder, or a file in it.
        pace: "real" gives each frame when it is due, "fast" at once.
        speed: How many times as fast as it was, for "real".

    Raises:
        ReadError: No recording, damaged, or never closed.
        CameraError: `speed` is not positive.
    """
    folder = find_recording(recording)
    cameras = read_manifest(folder).cameras
    wait = _Pacer(speed, threading.Event()) if pace == "real" else None
    streams = [_frames(folder, camera) for camera in cameras]
    for frame in heapq.merge(*streams, key=lambda frame: frame.host_ns):
        if wait is not None:
            wait.until(frame.host_ns)
        yield frame
