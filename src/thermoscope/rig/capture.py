"""From a camera to the recorder's queue: each camera in its own process (or thread), never waiting.

A full queue costs frames of that camera, and every one is counted and told with the next frame
that fits. What is NOT here: writing (`thermoscope.rig.recorder`).
"""

from __future__ import annotations

import multiprocessing
import os
import queue
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from thermoscope.core.errors import ConfigError, RigError, ThermoscopeError
from thermoscope.io.ros_messages import FrameStamp
from thermoscope.rig.camera import Camera, Frame, Lost, supervised
from thermoscope.rig.faults import Fault, FaultDetector
from thermoscope.rig.recording_format import CameraRecord, Codec
from thermoscope.rig.segment import PictureCoder

__all__ = ["CaptureSource", "Captured", "Captures", "Ended", "Isolation", "Ready"]

Isolation = Literal["process", "thread"]
READY_S = 60.0
WATCH_S = 0.05


@dataclass(frozen=True)
class CaptureSource:
    """A camera that is to be recorded.

    Attributes:
        name: In the rig.
        open_camera: Gives the camera, open or not; for processes it must be picklable.
        thermal_codec: Of 16-bit pictures: "mono16" opens everywhere, "delta" is smaller and faster.
        colour_codec: Of 8-bit pictures: "jpeg" (quality 95, not lossless) or "raw".
    """

    name: str
    open_camera: Callable[[], Camera]
    thermal_codec: Codec = "mono16"
    colour_codec: Codec = "jpeg"


@dataclass(frozen=True)
class Ready:
    """The camera is open and its first frame has come."""

    record: CameraRecord


@dataclass(frozen=True, eq=False)
class Captured:
    """One frame, coded.

    Attributes:
        camera: Name.
        stamp: Its clocks.
        picture: The message.
        faults: What this frame showed.
        dropped: Frames before it that found the queue full.
    """

    camera: str
    stamp: FrameStamp
    picture: bytes
    faults: tuple[Fault, ...] = ()
    dropped: int = 0


@dataclass(frozen=True)
class Ended:
    """A camera gives no more frames.

    Attributes:
        camera: Name.
        reason: Why; empty if it was asked to stop or came to its end.
        dropped: Frames at the end that found the queue full.
        faults: What was still open.
    """

    camera: str
    reason: str = ""
    dropped: int = 0
    faults: tuple[Fault, ...] = ()


class _Queue(Protocol):
    def put(self, item: object, block: bool = ..., timeout: float | None = ...) -> None: ...

    def put_nowait(self, item: object) -> None: ...

    def get(self, block: bool = ..., timeout: float | None = ...) -> Any: ...


class _Event(Protocol):
    def is_set(self) -> bool: ...

    def set(self) -> None: ...


def capture(source: CaptureSource, out: _Queue, stop: _Event, offset_ns: int) -> None:
    """Frames of one camera into the queue until `stop`, the end, or the recorder's death."""
    dropped, detector, coder = 0, FaultDetector(), None
    reason, opened = "its driver crashed: this is a bug", _Opened(source.open_camera)
    try:
        for item in supervised(opened, stop=_local(stop)):
            if stop.is_set():
                break
            if isinstance(item, Lost):
                out.put(item)
                continue
            if coder is None:
                record = _record_of(source, item, opened.camera)
                coder = PictureCoder(record)
                out.put(Ready(record))
            captured = Captured(
                source.name,
                _stamp(item, offset_ns),
                coder.encode(item.image, item.host_ns + offset_ns),
                tuple(detector.update(item)),
                dropped,
            )
            try:
                out.put_nowait(captured)
                dropped = 0
            except queue.Full:
                dropped += 1
        reason = ""
    except ThermoscopeError as err:
        reason = str(err)
    finally:
        out.put(Ended(source.name, reason, dropped, tuple(detector.close())))


class _Opened:
    """Remembers the camera that it opened: serial number and settings are known only then."""

    def __init__(self, open_camera: Callable[[], Camera]) -> None:
        self._open_camera = open_camera
        self.camera: Camera | None = None

    def __call__(self) -> Camera:
        self.camera = self._open_camera()
        return self.camera


def _local(stop: _Event) -> threading.Event:
    """An event of this process that follows `stop`; the recorder's death ends the process."""
    local = threading.Event()

    def watch() -> None:
        while not stop.is_set():
            if _orphaned():
                os._exit(1)  # nobody reads the queue any more: a normal exit would wait for that
            time.sleep(WATCH_S)
        local.set()

    threading.Thread(target=watch, name="stop", daemon=True).start()
    return local


def _orphaned() -> bool:
    parent = multiprocessing.parent_process()
    return parent is not None and not parent.is_alive()


def _stamp(frame: Frame, offset_ns: int) -> FrameStamp:
    return FrameStamp(
        t_ns=frame.host_ns + offset_ns,
        sequence=frame.sequence,
        counter=frame.counter,
        device_ns=frame.device_ns,
        host_ns=frame.host_ns,
        kernel_ns=frame.kernel_ns,
        temperature_k=frame.temperature_k,
        ffc=frame.ffc.value if frame.ffc else "",
        telemetry=frame.telemetry or b"",
    )


def _record_of(source: CaptureSource, frame: Frame, camera: Camera | None) -> CameraRecord:
    """What is known once the first frame is there."""
    thermal = frame.image.dtype.itemsize == 2
    height, width = frame.image.shape[:2]
    told: dict[str, str] = {}
    if camera is not None:
        told = {"pixel": camera.settings.pixel, "sync": camera.settings.sync}
        told |= {str(key): str(value) for key, value in camera.settings.extra.items()}
    return CameraRecord(
        name=source.name,
        serial=camera.serial if camera is not None else "",
        kind="thermal" if thermal else "rgb",
        codec=source.thermal_codec if thermal else source.colour_codec,
        width_px=width,
        height_px=height,
        rate_hz=camera.settings.rate_hz if camera is not None else 0.0,
        settings=told,
    )


def _capture_process(source: CaptureSource, out: Any, stop: Any, offset_ns: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the recorder stops us, in order
    capture(source, out, stop, offset_ns)


class Captures:
    """All cameras of a rig, capturing.

    Args:
        sources: The cameras.
        offset_ns: Recording's time minus the host's monotonic clock, ns.
        isolation: A process or a thread for each camera.
        queue_frames: Frames of all cameras that may wait to be written.

    Raises:
        ConfigError: No camera, or two of one name.
    """

    def __init__(
        self,
        sources: Sequence[CaptureSource],
        *,
        offset_ns: int,
        isolation: Isolation = "process",
        queue_frames: int = 120,
    ) -> None:
        names = [source.name for source in sources]
        if not names or len(set(names)) < len(names):
            raise ConfigError(f"cameras need different names, got {names}.")
        self._sources, self._running = tuple(sources), set(names)
        self._stop: _Event
        self._queue: _Queue
        make: Any
        if isolation == "process":
            context = multiprocessing.get_context("spawn")
            self._stop, self._queue = context.Event(), context.Queue(queue_frames)
            make, run = context.Process, _capture_process
        else:
            self._stop, self._queue = threading.Event(), queue.Queue(queue_frames)
            make, run = threading.Thread, capture
        self._workers: list[Any] = [
            make(target=run, args=(source, self._queue, self._stop, offset_ns), daemon=True)
            for source in sources
        ]
        for worker in self._workers:
            worker.start()

    @property
    def running(self) -> bool:
        """Whether a camera may still give something."""
        return bool(self._running)

    def get(self, timeout_s: float) -> Ready | Captured | Lost | Ended | None:
        """The next thing from any camera; None if nothing came in time.

        Raises:
            RigError: A capture process died.
        """
        try:
            item: Ready | Captured | Lost | Ended = self._queue.get(True, timeout_s)
        except queue.Empty:
            self._check_alive()
            return None
        if isinstance(item, Ended):
            self._running.discard(item.camera)
        return item

    def wait_until_ready(
        self, timeout_s: float = READY_S, *, stop: Callable[[], str] = lambda: ""
    ) -> list[CameraRecord]:
        """Every camera, once each has given a frame; frames until then are let go.

        Raises:
            RigError: A camera does not open or gives no frame in time, or `stop` gave a reason.
        """
        ready: dict[str, CameraRecord] = {}
        until = time.monotonic() + timeout_s
        while len(ready) < len(self._sources):
            reason = stop()
            if reason:
                raise RigError(f"stopped ({reason}) before all cameras gave a frame.")
            item = self.get(0.1)
            if isinstance(item, Ready):
                ready[item.record.name] = item.record
            elif isinstance(item, Ended):
                raise RigError(f"{item.camera} does not start: {item.reason or 'it has no frame'}")
            elif time.monotonic() > until:
                missing = ", ".join(s.name for s in self._sources if s.name not in ready)
                raise RigError(
                    f"no frame from {missing} within {timeout_s:g} s. Check cable, trigger and "
                    "power; thermoscope rig check tells more."
                )
        return [ready[source.name] for source in self._sources]

    def stop(self) -> None:
        """Ask all cameras to end; what is in the queue can still be taken."""
        self._stop.set()

    def close(self, timeout_s: float = 5.0) -> None:
        """End all workers; one that does not answer is killed."""
        self._stop.set()
        until = time.monotonic() + timeout_s
        while self._running and time.monotonic() < until:
            try:
                self.get(0.05)
            except RigError:
                break
        for worker in self._workers:
            worker.join(max(until - time.monotonic(), 0.1))
            if worker.is_alive() and hasattr(worker, "kill"):
                worker.kill()

    def _check_alive(self) -> None:
        for source, worker in zip(self._sources, self._workers, strict=True):
            if source.name in self._running and not worker.is_alive():
                code = getattr(worker, "exitcode", None)
                raise RigError(
                    f"the capture of {source.name} died (exit status {code}). "
                    "What was written is whole; see the messages above."
                )
