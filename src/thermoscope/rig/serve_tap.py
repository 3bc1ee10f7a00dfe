"""A small copy of what a camera gives, a few times a second, that never makes the camera wait.

    record(folder, [tapped(source, tap)])       # in another thread or process
    tap.take()                                  # a Glance, Gone, or None

The copy is made in the capture process: every n-th pixel into a small file that replaces the one
before. There is no queue and no lock, so nobody can hold the camera up: not a slow console, nor one
that was killed. What is NOT here: colour and JPEG (`thermoscope.rig.serve_live`).
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.errors import ThermoscopeError
from thermoscope.rig.camera import Camera, CameraSettings, Frame
from thermoscope.rig.capture import CaptureSource

__all__ = ["Extreme", "Glance", "Gone", "Tap", "kelvin_scale", "tapped"]

GLANCES_PER_S = 6.0
WIDEST_PX = 480
STAMPS = 90  # three seconds at 30 Hz
NS = 1_000_000_000


@dataclass(frozen=True)
class Extreme:
    """The coldest or hottest pixel of a whole frame."""

    value: int
    """Counts."""
    x: float
    """From the left, 0 to 1."""
    y: float
    """From the top, 0 to 1."""


@dataclass(frozen=True, eq=False)
class Glance:
    """What a camera showed, and how it has been in the last seconds."""

    camera: str
    image: NDArray[Any]
    """(H, W) uint16 counts, (H, W) uint8 or (H, W, 3) uint8 RGB: every `step`-th pixel."""
    size_px: tuple[int, int]
    """Width and height of the camera's frame."""
    stamps_ns: tuple[int, ...]
    """Monotonic clock of the last frames: the kernel's, else of their arrival."""
    rate_hz: float
    """That the camera was set to."""
    coldest: Extreme | None = None
    """Of a thermal frame."""
    hottest: Extreme | None = None
    ffc: str = ""
    """The word for its shutter; empty where the camera does not tell."""
    temperature_k: float | None = None
    """Of the sensor, K."""
    has_shutter: bool = False
    """Whether the console can ask for a correction."""
    kelvin_per_count: float = 0.0
    """Of a radiometric camera; 0 where counts are no temperature."""


@dataclass(frozen=True)
class Gone:
    """The camera does not open, or stopped giving frames."""

    camera: str
    reason: str


class Tap:
    """The way between one camera and the console; can be sent to another process.

    Args:
        path: Where the newest glance lies, best in memory; nobody else may write there.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._ffc = path, path.with_suffix(".ffc")
        self._seen: tuple[int, int] | None = None

    def give(self, item: Glance | Gone) -> None:
        """Leave it for the console; it takes the place of the one before."""
        fresh = self._path.with_suffix(".new")
        with suppress(OSError):  # no memory left, or the console has gone: the camera goes on
            fresh.write_bytes(_packed(item))
            fresh.replace(self._path)

    def take(self) -> Glance | Gone | None:
        """The newest one; None if it was taken already."""
        try:
            with self._path.open("rb") as stream:
                about = os.fstat(stream.fileno())
                seen = (about.st_ino, about.st_mtime_ns)
                if seen == self._seen:
                    return None
                self._seen = seen
                return _unpacked(stream.read())
        except FileNotFoundError:
            return None

    def ask_for_ffc(self) -> None:
        """The camera is to close its shutter once."""
        self._ffc.touch()

    def ffc_is_asked_for(self) -> bool:
        """Whether somebody asked since the last time."""
        try:
            self._ffc.unlink()
        except OSError:
            return False
        return True


def _packed(item: Glance | Gone) -> bytes:
    """A line of JSON, then the pixels."""
    told = {f.name: getattr(item, f.name) for f in fields(item) if f.name != "image"}
    if isinstance(item, Gone):
        return json.dumps(told).encode()
    told["pixels"] = (item.image.dtype.str, item.image.shape)
    return json.dumps(told, default=vars).encode() + b"\n" + item.image.tobytes()


def _unpacked(data: bytes) -> Glance | Gone:
    line, _, pixels = data.partition(b"\n")
    told = json.loads(line)
    if "reason" in told:
        return Gone(**told)
    dtype, shape = told.pop("pixels")
    for name in ("size_px", "stamps_ns"):
        told[name] = tuple(told[name])
    for name in ("coldest", "hottest"):
        told[name] = Extreme(**told[name]) if told[name] else None
    return Glance(image=np.frombuffer(pixels, dtype).reshape(shape), **told)


def kelvin_scale(settings: CameraSettings) -> float:
    """Kelvin per count of a camera that is set to tell temperatures; 0 for any other.

    Source: the Boson's TLinear output is in hundredths of a kelvin.
    """
    return 0.01 if settings.extra.get("ir16") == "tlinear" else 0.0


def tapped(source: CaptureSource, tap: Tap, *, only_glances: bool = False) -> CaptureSource:
    """The same camera with a tap on it; as fit for another process as `source` was.

    Args:
        source: The camera.
        tap: Where the copies go.
        only_glances: Let only the frames through that were copied: nobody records.
    """
    opener = _TapOpener(source.name, source.open_camera, tap, only_glances)
    return replace(source, open_camera=opener)


@dataclass
class _TapOpener:
    """Opens a camera with a tap on it."""

    name: str
    open_camera: Callable[[], Camera]
    tap: Tap
    only_glances: bool

    def __call__(self) -> Camera:
        try:
            return _TappedCamera(self.name, self.open_camera(), self.tap, self.only_glances)
        except ThermoscopeError as err:
            self.tap.give(Gone(self.name, str(err)))
            raise


class _TappedCamera:
    """A camera whose frames are looked at as they pass."""

    def __init__(self, name: str, camera: Camera, tap: Tap, only_glances: bool) -> None:
        self.name = name
        self._camera, self._tap, self._only_glances = camera, tap, only_glances

    @property
    def serial(self) -> str:
        return self._camera.serial

    @property
    def settings(self) -> CameraSettings:
        return self._camera.settings

    def open(self) -> None:
        try:
            self._camera.open()
        except ThermoscopeError as err:
            self._tap.give(Gone(self.name, str(err)))
            raise

    def frames(self) -> Iterator[Frame]:
        looks = _Looks(self.name, self._camera, self._tap)
        try:
            for frame in self._camera.frames():
                if self._tap.ffc_is_asked_for():
                    self._close_shutter()
                if looks.at(frame) or not self._only_glances:
                    yield frame
        except ThermoscopeError as err:
            self._tap.give(Gone(self.name, str(err)))
            raise

    def close(self) -> None:
        self._camera.close()

    def __enter__(self) -> Camera:
        self.open()
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _close_shutter(self) -> None:
        """In a thread: a reply on the command port may take longer than a frame."""
        do_ffc = getattr(self._camera, "do_ffc", None)
        if do_ffc is None:
            return

        def ask() -> None:
            with suppress(ThermoscopeError):  # unplugged: `frames` will tell
                do_ffc()

        threading.Thread(target=ask, name="ffc", daemon=True).start()


class _Looks:
    """Gives a glance when it is time."""

    def __init__(self, name: str, camera: Camera, tap: Tap) -> None:
        self._name, self._camera, self._tap = name, camera, tap
        self._next_ns = 0
        self._stamps_ns: deque[int] = deque(maxlen=STAMPS)

    def at(self, frame: Frame) -> bool:
        """Whether it was time."""
        self._stamps_ns.append(frame.host_ns if frame.kernel_ns is None else frame.kernel_ns)
        now_ns = time.monotonic_ns()
        if now_ns < self._next_ns:
            return False
        self._next_ns = now_ns + int(NS / GLANCES_PER_S)
        self._tap.give(self._glance(frame))
        return True

    def _glance(self, frame: Frame) -> Glance:
        height, width = frame.image.shape[:2]
        step = -(-width // WIDEST_PX)
        thermal = frame.image.dtype == np.uint16
        settings = self._camera.settings
        return Glance(
            camera=self._name,
            image=np.ascontiguousarray(frame.image[::step, ::step]),
            size_px=(width, height),
            stamps_ns=tuple(self._stamps_ns),
            rate_hz=settings.rate_hz,
            coldest=_extreme(frame.image, int(frame.image.argmin())) if thermal else None,
            hottest=_extreme(frame.image, int(frame.image.argmax())) if thermal else None,
            ffc=frame.ffc.value if frame.ffc else "",
            temperature_k=frame.temperature_k,
            has_shutter=hasattr(self._camera, "do_ffc"),
            kelvin_per_count=kelvin_scale(settings) if thermal else 0.0,
        )


def _extreme(image: NDArray[Any], index: int) -> Extreme:
    height, width = image.shape
    row, column = divmod(index, width)
    return Extreme(int(image[row, column]), (column + 0.5) / width, (row + 0.5) / height)
