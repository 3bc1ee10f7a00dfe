"""The rig behind the console: cameras that are watched, and recorded when somebody says so.

    with Worker(sources, RecordOptions()) as worker:
        worker.start(Path("runs/first")); ...; worker.stop()
        worker.report()

It runs in a process of its own, so that no browser ever takes time from the recorder. While nobody
records, each camera is watched alone: one that is missing is tried again and again, and the others
go on. A recording opens all cameras afresh. What is NOT here: HTTP (`thermoscope.rig.serve`).
"""

from __future__ import annotations

import multiprocessing
import queue
import secrets
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from thermoscope.core.errors import ConfigError, RigError, ThermoscopeError
from thermoscope.rig.capture import Captures, CaptureSource, Ended, orphaned
from thermoscope.rig.recorder import RecorderStatus, RecordOptions, record
from thermoscope.rig.serve_tap import Tap, tapped

__all__ = ["DEAD", "Report", "State", "Worker"]

State = Literal["watching", "starting", "recording", "stopping"]
RETRY_S = 5.0
ORDER_S = 0.05
WATCH_FRAMES = 8  # nobody needs them: they are only taken from the queue
WORDS = {"stop": "asked", "quit": "the console ended"}
DEAD = "the rig's process has ended. Start the console again."
END_S = 30.0  # the last segment is closed and hashed in this time


@dataclass(frozen=True)
class Report:
    """What the rig is doing."""

    state: State = "watching"
    recording: str = ""
    """Name of the folder of this recording, or of the last one."""
    status: RecorderStatus | None = None
    """Of the recorder; None before its first second."""
    ended: str = ""
    """Why the last recording ended, or did not begin."""


@dataclass(frozen=True)
class _Start:
    folder: Path


_Order = _Start | Literal["stop", "quit"]


@dataclass
class _RigSide:
    """What the rig's process needs; can be sent to it."""

    sources: Sequence[CaptureSource]
    taps: Sequence[Tap]
    options: RecordOptions
    orders: Any
    reports: Any
    folder: Path
    """Of the taps."""

    def next_order(self, timeout_s: float) -> _Order | None:
        """What the console wants; "quit" if it is dead."""
        if orphaned():
            return "quit"
        try:
            order: _Order = self.orders.get(timeout_s > 0, timeout_s)
        except queue.Empty:
            return None
        return order

    def run(self) -> None:
        """Watch and record until told to quit."""
        order: _Order = "stop"
        while order != "quit":
            order = self._record(order.folder) if isinstance(order, _Start) else self._watch()

    def _watch(self) -> _Order:
        pairs = zip(self.sources, self.taps, strict=True)
        watched = [
            _Watched(tapped(source, tap, only_glances=True), self.options) for source, tap in pairs
        ]
        try:
            while True:
                for camera in watched:
                    camera.keep()
                order = self.next_order(ORDER_S)
                if order is not None and order != "stop":
                    return order
        finally:
            for camera in watched:
                camera.stop()
            for camera in watched:
                camera.close()

    def _record(self, folder: Path) -> _Order:
        wanted: list[Literal["stop", "quit"]] = []

        def stop() -> str:
            order = self.next_order(0)
            if order is not None and not isinstance(order, _Start):
                wanted.append(order)
                self.reports.put(Report("stopping", folder.name))
            return WORDS[wanted[-1]] if wanted else ""

        def tell(status: RecorderStatus) -> None:
            self.reports.put(Report("recording", folder.name, status))

        self.reports.put(Report("starting", folder.name))
        pairs = zip(self.sources, self.taps, strict=True)
        sources = [tapped(source, tap) for source, tap in pairs]
        try:
            ended = record(folder, sources, self.options, stop=stop, on_status=tell).stopped
        except (ThermoscopeError, OSError) as err:
            ended = stop() or f"error: {err}"
            with suppress(OSError):
                folder.rmdir()  # only if nothing was written
        self.reports.put(Report("watching", folder.name, ended=ended))
        return wanted[-1] if wanted else "stop"


class _Watched:
    """One camera that nobody records; opened again a while after it ends."""

    def __init__(self, source: CaptureSource, options: RecordOptions) -> None:
        self._source, self._isolation = source, options.isolation
        self._captures: Captures | None = None
        self._next_try_s = 0.0

    def keep(self) -> None:
        """Open it if it is time, and take what it gave."""
        if self._captures is None:
            if time.monotonic() < self._next_try_s:
                return
            self._captures = Captures(
                [self._source], offset_ns=0, isolation=self._isolation, queue_frames=WATCH_FRAMES
            )
        item = self._captures.get(0)
        while item is not None and not isinstance(item, Ended):
            item = self._captures.get(0)
        if item is not None:
            self.close()
            self._next_try_s = time.monotonic() + RETRY_S

    def stop(self) -> None:
        """Ask it to end."""
        if self._captures is not None:
            self._captures.stop()

    def close(self) -> None:
        """Wait until it has ended."""
        if self._captures is not None:
            self._captures.close()
            self._captures = None


def _rig_process(side: _RigSide) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):  # sent to all at once: Ctrl-C, a service manager
        signal.signal(number, signal.SIG_IGN)  # the console stops us, in order
    side.reports.cancel_join_thread()
    try:
        side.run()
    finally:
        if orphaned():  # nobody else is left to do it
            shutil.rmtree(side.folder, ignore_errors=True)


def _memory() -> Path:
    """Where small files never touch a disk, if the system has such a place."""
    memory = Path("/dev/shm")  # noqa: S108  # a private folder is made in it
    return memory if memory.is_dir() else Path(tempfile.gettempdir())


class Worker:
    """The rig, from the console's side.

    Args:
        sources: The cameras.
        options: How to record; ``isolation`` "thread" keeps everything in this process.

    Raises:
        ConfigError: No camera, or two of one name.

    Attributes:
        taps: Camera to its tap.
    """

    def __init__(self, sources: Sequence[CaptureSource], options: RecordOptions) -> None:
        names = [source.name for source in sources]
        if not names or len(set(names)) < len(names):
            raise ConfigError(f"cameras need different names, got {names}.")
        make: Any
        orders: Any
        reports: Any
        run: Callable[[_RigSide], None]
        self._folder = _memory() / f"thermoscope_{secrets.token_hex(8)}"
        taps = [Tap(self._folder / str(i)) for i in range(len(sources))]
        if options.isolation == "process":
            context = multiprocessing.get_context("spawn")
            orders, reports = context.Queue(), context.Queue()
            make, run = context.Process, _rig_process
        else:
            orders, reports = queue.Queue(), queue.Queue()
            make, run = threading.Thread, _RigSide.run
        side = _RigSide(sources, taps, options, orders, reports, self._folder)
        self.taps = {source.name: tap for source, tap in zip(sources, taps, strict=True)}
        self._side, self._report, self._lock = side, Report(), threading.Lock()
        self._runner: Any = make(target=run, args=(side,), name="rig")

    def __enter__(self) -> Worker:
        self._folder.mkdir(mode=0o700)
        self._runner.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._side.orders.put("quit")
        self._runner.join(END_S)
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def alive(self) -> bool:
        """Whether the rig's process runs."""
        return bool(self._runner.is_alive())

    def report(self) -> Report:
        """The newest report of the rig."""
        alive = self.alive
        with self._lock:
            with suppress(queue.Empty):
                while True:
                    self._report = self._side.reports.get_nowait()
            if not alive and self._report.state != "watching":
                self._report = Report("watching", self._report.recording, ended=f"error: {DEAD}")
        return self._report

    def start(self, folder: Path) -> None:
        """Begin a recording.

        Raises:
            RigError: One is being made, or the rig's process has ended.
        """
        if not self.alive:
            raise RigError(DEAD)
        if self.report().state != "watching":
            raise RigError(f"{self._report.recording} is being recorded. Stop it first.")
        with self._lock:
            self._report = Report("starting", folder.name)
        self._side.orders.put(_Start(folder))

    def stop(self) -> None:
        """End the recording, if there is one."""
        self._side.orders.put("stop")

    def close_shutters(self, cameras: Iterable[str]) -> None:
        """Ask these cameras for a flat-field correction, all at once.

        Raises:
            RigError: No such camera.
        """
        names = list(cameras)
        for name in names:
            if name not in self.taps:
                raise RigError(f"no camera {name!r}. Cameras: {', '.join(self.taps)}.")
        for name in names:
            self.taps[name].ask_for_ffc()
