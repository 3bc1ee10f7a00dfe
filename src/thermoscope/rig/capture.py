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
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import connection
from typing import Any, Literal, Protocol

from thermoscope.core.errors import ConfigError, RigError, ThermoscopeError
from thermoscope.io.ros_messages import FrameStamp
from thermoscope.rig.camera import Camera, Frame, Lost, supervised
from thermoscope.rig.faults import Fault, FaultDetector
from thermoscope.rig.recording_format import CameraRecord, Codec
from thermoscope.rig.segment import PictureCoder

__all__ = ["CaptureSource", "Captured", "Captures", "Ended", "Isolation", "Ready", "orphaned"]

Isolation = Literal["process", "thread"]
READY_S = 60.0
WATCH_S = 0.05


@dataclass(frozen=True)
class CaptureSource:
    """A camera that is to be recorded.

    Raises:
        ConfigError: A name that is empty or has a ``/``: it is a part of the topics.

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

    def __post_init__(self) -> None:
        if not self.name or "/" in self.name:
            raise ConfigError(
                f"the name of a camera may not be empty or have a /, got {self.name!r}. "
                "Write NAME=driver:where."
            )


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


class _Event(Protocol):
    def is_set(self) -> bool: ...

    def set(self) -> None: ...


def capture(source: CaptureSource, out: _Queue, stop: _Event, offset_ns: int) -> None:
    """Frames of one camera into the queue until `stop`, the end, or the recorder's death."""
    dropped, detector, coder = 0, FaultDetector(), None
    reason = f"the driver of {source.name} crashed: this is a bug."
    opened = _Opened(source.open_camera)
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
            if orphaned():
                os._exit(1)  # nobody reads the queue any more: a normal exit would wait for that
            time.sleep(WATCH_S)
        local.set()

    threading.Thread(target=watch, name="stop", daemon=True).start()
    return local


def orphaned() -> bool:
    """Whether the process that started this one is dead; False for the first of them."""
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


def _capture_process(
    source: CaptureSource, sender: Any, stop: Any, offset_ns: int, queue_frames: int
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the recorder stops us, in order
    out: queue.Queue[object] = queue.Queue(queue_frames)
    sending = threading.Thread(target=_send, args=(out, sender), name="send", daemon=True)
    sending.start()
    try:
        capture(source, out, stop, offset_ns)
    finally:
        sending.join()


def _send(out: queue.Queue[object], sender: Any) -> None:
    """All of the queue until the camera's last word; into nothing where nobody reads any more."""
    item: object = None
    while not isinstance(item, Ended):
        item = out.get()
        with suppress(OSError):
            sender.send(item)


class Captures:
    """All cameras of a rig, capturing.

    Each process has a pipe of its own: one that dies is seen by the end of that, at once, and
    leaves no lock behind that another would wait for.

    Args:
        sources: The cameras.
        offset_ns: Recording's time minus the host's monotonic clock, ns.
        isolation: A process or a thread for each camera.
        queue_frames: Frames that may wait to be written: of each process, or of all threads.

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
        self._queue: queue.Queue[Any] = queue.Queue(queue_frames)  # of threads
        self._pipes: dict[Any, str] = {}  # of processes: receiver to camera
        self._waiting: list[Any] = []  # receivers that have something
        self._workers: dict[str, Any] = {}
        if isolation == "thread":
            self._stop = threading.Event()
            for source in sources:
                self._start(threading.Thread, capture, (source, self._queue, self._stop, offset_ns))
            return
        context = multiprocessing.get_context("spawn")
        self._stop = context.Event()
        for source in sources:
            receiver, sender = context.Pipe(duplex=False)
            self._pipes[receiver] = source.name
            words = (source, sender, self._stop, offset_ns, queue_frames)
            self._start(context.Process, _capture_process, words)
            sender.close()

    def _start(self, make: Any, run: Callable[..., None], words: tuple[Any, ...]) -> None:
        name = words[0].name
        self._workers[name] = make(target=run, args=words, name=name, daemon=True)
        self._workers[name].start()

    @property
    def running(self) -> bool:
        """Whether a camera may still give something."""
        return bool(self._running)

    def get(self, timeout_s: float) -> Ready | Captured | Lost | Ended | None:
        """The next thing from any camera; None if nothing came in time.

        A capture process that died has `Ended`, with that as the reason.
        """
        item: Ready | Captured | Lost | Ended | None
        if self._pipes:
            item = self._received(timeout_s)
        else:
            try:
                item = self._queue.get(timeout_s > 0, timeout_s)
            except queue.Empty:
                return None
        if isinstance(item, Ended):
            self._running.discard(item.camera)
        return item

    def _received(self, timeout_s: float) -> Ready | Captured | Lost | Ended | None:
        """What a process sent; its end, if it died without a last word."""
        if not self._waiting:
            self._waiting = connection.wait(list(self._pipes), timeout_s)
        if not self._waiting:
            return None
        receiver: Any = self._waiting.pop()
        try:
            item: Ready | Captured | Lost | Ended = receiver.recv()
        except (EOFError, OSError):
            receiver.close()
            return self._end_of(self._pipes.pop(receiver))
        return item

    def _end_of(self, camera: str) -> Ended | None:
        if camera not in self._running:
            return None
        worker = self._workers[camera]
        worker.join(1.0)  # it has closed its pipe: the exit status is about to be there
        reason = f"the capture of {camera} died (exit status {worker.exitcode})."
        return Ended(camera, f"{reason} What it sent is written; what it printed may tell why.")

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
            self.get(0.05)
        for receiver in self._pipes:
            receiver.close()
        self._pipes.clear()
        for worker in self._workers.values():
            worker.join(max(until - time.monotonic(), 0.1))
            if worker.is_alive() and hasattr(worker, "kill"):
                worker.kill()
