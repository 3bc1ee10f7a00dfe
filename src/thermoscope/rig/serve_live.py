"""One encoder for everybody who looks: the newest event of each camera, ready to send.

A picture is encoded once, however many look, and not at all if nobody does. A client gets the
newest when it is ready for it, so a slow one sees fewer pictures and costs nobody anything.
"""

from __future__ import annotations

import asyncio
import json
import math
import shutil
import threading
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from thermoscope.rig.preflight import expected_bytes_per_s
from thermoscope.rig.recording_format import CameraRecord
from thermoscope.rig.serve_tap import Glance
from thermoscope.rig.serve_view import CameraView
from thermoscope.rig.serve_worker import DEAD, Report, Worker

__all__ = ["Live"]

LOOK_S = 0.03
SEND_S = 0.08
STATE_S = 0.5
LITTLE_TIME_S = 600.0
STATE = ""  # the key of the rig's own event, beside the names of the cameras


class Live:
    """What the rig shows now.

    Args:
        worker: The rig.
        folder: Of the recordings.
        reserve_bytes: Space that recording leaves free.
        palette: For thermal pictures.

    Raises:
        UnknownNameError: No such palette.
    """

    def __init__(self, worker: Worker, folder: Path, reserve_bytes: int, palette: str) -> None:
        self._worker, self._folder, self._reserve_bytes = worker, folder, reserve_bytes
        self._views = {name: CameraView(name, palette) for name in worker.taps}
        self._events: dict[str, bytes] = {}
        self._watchers = 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._keep_looking, name="encoder", daemon=True)

    def __enter__(self) -> Live:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._end.set()
        self._thread.join()

    def view(self, camera: str) -> CameraView | None:
        """What is shown of a camera; None if there is no such camera."""
        return self._views.get(camera)

    @property
    def shutters(self) -> list[str]:
        """Cameras whose shutter the console can close."""
        return [v.name for v in self._views.values() if v.glance and v.glance.has_shutter]

    async def stream(self, ended: Callable[[], bool]) -> AsyncIterator[bytes]:
        """Server-sent events, the newest of each camera and of the rig, until `ended` says so."""
        sent: dict[str, bytes] = {}
        self._watchers += 1
        try:
            while not ended():
                for key, event in list(self._events.items()):
                    if sent.get(key) is not event:
                        sent[key] = event
                        yield event
                await asyncio.sleep(SEND_S)
        finally:
            self._watchers -= 1

    def _keep_looking(self) -> None:
        told_s = 0.0
        while not self._end.wait(LOOK_S):
            for name, tap in self._worker.taps.items():
                item = tap.take()
                if item is not None:
                    self._views[name].take(item)
                    if self._watchers:
                        self._show(name)
            if time.monotonic() - told_s >= STATE_S:
                told_s = time.monotonic()
                self._tell()

    def _show(self, name: str) -> None:
        reference = next(iter(self._views.values()))
        self._events[name] = self._views[name].event(reference)

    def _tell(self) -> None:
        """The rig's own event; and what is left of cameras that are silent."""
        state = self.state()
        self._events[STATE] = f"event: rig\ndata: {json.dumps(state)}\n\n".encode()
        for name, view in self._views.items():
            if view.lost and self._watchers:
                self._show(name)

    def state(self) -> dict[str, Any]:
        """What the rig is doing, as plain values."""
        report = self._worker.report()
        if report.state in ("starting", "stopping"):
            for view in self._views.values():
                view.forgive()
        free = self._free_bytes()
        status = None if report.status is None else asdict(report.status)
        seconds_left = self._seconds_left(report, free)
        if status is not None:
            del status["seconds_left"]  # infinity is no JSON
        return {
            "state": report.state,
            "recording": report.recording,
            "ended": report.ended,
            "status": status,
            "free_bytes": free,
            "seconds_left": seconds_left,
            "watchers": self._watchers,
            "cameras": list(self._views),
            "shutters": self.shutters,
            "problems": self._problems(report, seconds_left),
        }

    def _free_bytes(self) -> int:
        """0 if the folder cannot be reached: its disk was pulled."""
        try:
            return shutil.disk_usage(self._folder).free
        except OSError:
            return 0

    def _seconds_left(self, report: Report, free: int) -> float | None:
        """Until the reserve: at the recorder's pace, or at the cameras' expected one."""
        if report.status is not None and math.isfinite(report.status.seconds_left):
            return report.status.seconds_left
        glances = [view.glance for view in self._views.values() if view.glance is not None]
        expected = sum(expected_bytes_per_s(_record_of(glance)) for glance in glances)
        return max(free - self._reserve_bytes, 0) / expected if expected else None

    def _problems(self, report: Report, seconds_left: float | None) -> list[str]:
        found = [text for view in self._views.values() for text in view.warnings]
        if not self._folder.is_dir():
            found.append(f"{self._folder} cannot be reached: is its disk there?")
        if not self._worker.alive:
            found.append(DEAD)
        if report.ended.startswith(("error", "disk")):
            found.append(f"{report.recording}: {report.ended}")
        if seconds_left is not None and seconds_left < LITTLE_TIME_S:
            found.append(f"space for {seconds_left / 60:.0f} minutes")
        if report.status is not None and any(report.status.queue_drops.values()):
            lost = sum(report.status.queue_drops.values())
            found.append(f"{lost} frames lost: disk or processor is too slow")
        return found


def _record_of(glance: Glance) -> CameraRecord:
    thermal = glance.image.dtype.itemsize == 2
    kind, codec = ("thermal", "mono16") if thermal else ("rgb", "jpeg")
    return CameraRecord(glance.camera, "", kind, codec, *glance.size_px, glance.rate_hz)  # type: ignore[arg-type]
