"""What every camera of the rig is: a name, a serial number, settings and an iterator of frames.

    with open_camera("boson:93588", name="thermal_left") as camera:
        for frame in camera.frames(): ...

A driver is a module that is imported when its name is first used, so that a missing package of one
camera never stops another. What is NOT here: the drivers (`DRIVERS` lists them), clocks, pairs.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from importlib import import_module
from types import MappingProxyType
from typing import Literal, Protocol, TypeVar, runtime_checkable

import numpy as np

from thermoscope.core.errors import (
    CameraError,
    ConfigError,
    MissingDependencyError,
    UnknownNameError,
)

__all__ = [
    "DRIVERS",
    "Camera",
    "CameraSettings",
    "FfcState",
    "FoundCamera",
    "Frame",
    "Lost",
    "OpenableCamera",
    "Pixel",
    "Sync",
    "list_cameras",
    "open_camera",
    "supervised",
]

Pixel = Literal["y16", "mono8", "rgb8", "yuyv", "jpeg"]
Sync = Literal["free", "master", "slave"]
PIXELS: tuple[Pixel, ...] = ("y16", "mono8", "rgb8", "yuyv", "jpeg")
SYNCS: tuple[Sync, ...] = ("free", "master", "slave")

DRIVERS: dict[str, str] = {  # name in an address -> module with build() and found()
    "boson": "thermoscope.rig.boson",
    "lepton": "thermoscope.rig.lepton",
    "v4l2": "thermoscope.rig.v4l2",
    "uvc": "thermoscope.rig.uvc_split",
    "opencv": "thermoscope.rig.opencv_capture",
    "zedx": "thermoscope.rig.zedx",
    "file": "thermoscope.rig.file_camera",
    "simulated": "thermoscope.rig.simulated_camera",
}


class FfcState(Enum):
    """Flat-field correction as the camera tells it: the shutter closes, the picture freezes."""

    NONE = "none"
    """None since the camera started."""
    IMMINENT = "imminent"
    """The camera will close its shutter soon."""
    RUNNING = "running"
    """The shutter is closed: the frame does not show the scene."""
    COMPLETE = "complete"
    """At least one is over and none is running."""


@dataclass(frozen=True)
class CameraSettings:
    """What a camera is asked for when it opens, and what it does once it is open.

    Raises:
        ConfigError: A size or rate that is not positive, an unknown pixel format or sync mode.
    """

    width_px: int = 640
    """Columns of a frame, without anything a driver splits off."""
    height_px: int = 512
    """Rows of a frame, without the telemetry row."""
    rate_hz: float = 30.0
    """Frames a second."""
    pixel: Pixel = "y16"
    """Layout on the wire: "y16" counts, "mono8", "rgb8", "yuyv" or "jpeg"."""
    sync: Sync = "free"
    """"free" runs on its own clock, "master" gives the pulse, "slave" waits for it."""
    extra: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """What only one driver knows; its page lists the names."""

    def __post_init__(self) -> None:
        for name in ("width_px", "height_px", "rate_hz"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name} must be positive, got {getattr(self, name)!r}.")
        for name, known in (("pixel", PIXELS), ("sync", SYNCS)):
            if getattr(self, name) not in known:
                raise ConfigError(
                    f"{name} must be one of {', '.join(known)}, got {getattr(self, name)!r}."
                )

    def __reduce__(self) -> tuple[object, ...]:
        plain = (self.width_px, self.height_px, self.rate_hz, self.pixel, self.sync)
        return type(self), (*plain, dict(self.extra))  # a mapping proxy cannot be pickled


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture, with every clock that was read and nothing corrected."""

    camera: str
    """Name of the camera in the rig."""
    image: np.ndarray
    """(H, W) uint16 counts, (H, W) uint8 or (H, W, 3) uint8 RGB; telemetry is split off."""
    counter: int | None
    """The device's own count of frames; None where the device does not tell."""
    device_ns: int | None
    """The device's own clock, ns since an instant of its choice; None where it does not tell."""
    host_ns: int
    """Monotonic clock of the host when the frame was taken from the driver's queue, ns."""
    telemetry: bytes | None = None
    """The telemetry row as it came, so that a wrong decoding can be repaired later."""
    ffc: FfcState | None = None
    """State of the flat-field correction; None where the device does not tell."""
    temperature_k: float | None = None
    """Of the sensor, K; None where the device does not tell."""
    sequence: int = 0
    """The host's own count of the frames of this camera, from 0."""
    kernel_ns: int | None = None
    """Monotonic clock of the host in the kernel's buffer, ns; None without such a buffer."""


@dataclass(frozen=True)
class Lost:
    """A camera stopped giving frames: unplugged, rebooted, or its picture stands still."""

    reason: str
    """What the driver said."""
    host_ns: int
    """Monotonic clock of the host when it was noticed, ns."""
    camera: str = ""
    """Name of the camera in the rig."""


@runtime_checkable
class Camera(Protocol):
    """One camera. Opening an open camera and closing a closed one do nothing.

    A driver whose camera has a shutter also has ``do_ffc() -> None``, which closes it once.
    """

    @property
    def name(self) -> str:
        """What the rig calls it, for example ``thermal_left``."""
        ...

    @property
    def serial(self) -> str:
        """Serial number; empty until open where the driver must ask for it."""
        ...

    @property
    def settings(self) -> CameraSettings:
        """As asked for; once open, as the camera does it."""
        ...

    def open(self) -> None:
        """Find the camera and apply the settings.

        Raises:
            CameraError: It is absent, busy, or refuses a setting.
            MissingDependencyError: The driver's package is not installed.
        """
        ...

    def frames(self) -> Iterator[Frame]:
        """Frames as they come, until `close`.

        Raises:
            CameraError: The camera is not open, is gone, or gives no frame for too long.
        """
        ...

    def close(self) -> None:
        """Stop the stream and let the device go; safe from another thread."""
        ...

    def __enter__(self) -> Camera: ...

    def __exit__(self, *exception: object) -> None: ...


C = TypeVar("C", bound="OpenableCamera")


class OpenableCamera(ABC):
    """The part that all drivers share: a name, settings, `with`, and the open flag.

    `open` sets `_is_open`, `frames` goes on as long as it is set, `close` clears it.
    """

    def __init__(self, name: str, serial: str, settings: CameraSettings) -> None:
        self.name, self.serial, self.settings = name, serial, settings
        self._is_open = False

    @abstractmethod
    def open(self) -> None:
        """Apply the settings; see `Camera.open`."""

    @abstractmethod
    def frames(self) -> Iterator[Frame]:
        """Frames as they come; see `Camera.frames`."""

    def close(self) -> None:
        """End `frames`; see `Camera.close`."""
        self._is_open = False

    def __enter__(self: C) -> C:
        self.open()
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _closed_meanwhile(self) -> bool:
        return not self._is_open  # by another thread

    def _must_be_open(self) -> None:
        if not self._is_open:
            raise CameraError(
                f"{self.name}: the camera is not open. Call open() first, or use it in a with.",
                camera=self.name,
            )


@dataclass(frozen=True)
class FoundCamera:
    """A camera that is plugged in."""

    address: str
    """What `open_camera` takes."""
    model: str
    """What it calls itself."""
    serial: str
    """Serial number; empty if it cannot be read without opening it."""
    device: str
    """Where the system put it, for example ``/dev/video0``."""


def open_camera(address: str, *, name: str = "", settings: CameraSettings | None = None) -> Camera:
    """The camera at `address`, open.

    Args:
        address: ``driver:where``: ``boson:93588`` and ``lepton:SERIAL`` (a serial number, or
            nothing = the only one), ``v4l2:/dev/video2``, ``opencv:0``, ``zedx:SERIAL``,
            ``file:flight/*.tiff``, ``simulated:thermal_left``.
        name: What the rig calls it; the address if empty.
        settings: What to ask for; the driver's own default if None.

    Raises:
        ConfigError: `address` is not ``driver:where``, or a setting the driver does not have.
        UnknownNameError: No such driver.
        CameraError: The camera is absent, busy, or refuses a setting.
        MissingDependencyError: The driver's package is not installed.
    """
    driver, colon, where = address.partition(":")
    if not colon:
        raise ConfigError(
            f"camera address must be driver:where, got {address!r}. "
            f"For example boson:93588; drivers: {', '.join(DRIVERS)}."
        )
    if driver not in DRIVERS:
        raise UnknownNameError("camera driver", driver, DRIVERS)
    camera: Camera = import_module(DRIVERS[driver]).build(where, name or address, settings)
    camera.open()
    return camera


def list_cameras() -> list[FoundCamera]:
    """Cameras that are plugged in, of every driver whose package is installed.

    A device that two drivers could open is listed under the one that knows it best: `DRIVERS` has
    the particular ones first.
    """
    found: dict[str, FoundCamera] = {}
    for module in DRIVERS.values():
        try:
            for camera in import_module(module).found():
                found.setdefault(camera.device, camera)
        except MissingDependencyError:
            continue
    return list(found.values())


def supervised(
    open_camera: Callable[[], Camera],
    *,
    retry_s: float = 1.0,
    stall_s: float = 5.0,
    stop: threading.Event | None = None,
) -> Iterator[Frame | Lost]:
    """Frames of a camera that is opened again whenever it is lost; one `Lost` for each outage.

    `Frame.sequence` goes on counting over outages. A camera whose frames come while its own counter
    stands still for `stall_s` is lost too. The first opening may fail: that is a wrong setup.

    Args:
        open_camera: Gives the camera, open or not; called again after each loss.
        retry_s: Between two tries, s.
        stall_s: Longest stand of the device counter, s.
        stop: Set it to end the iterator, also between tries.

    Raises:
        CameraError: The camera does not open the first time.
        ConfigError: As `open_camera` raises it, at any time.
    """
    stop = stop or threading.Event()
    count, opened = 0, False
    while not stop.is_set():
        name, watch = "", _CounterWatch(stall_s)
        try:
            with open_camera() as camera:
                name, opened = camera.name, True
                for frame in camera.frames():
                    watch.check(frame)
                    yield replace(frame, sequence=count)
                    count += 1
                    if stop.is_set():
                        return
            return  # closed by its owner
        except CameraError as err:
            if not opened:
                raise
            if name:  # not a vain try within the same outage
                yield Lost(str(err), time.monotonic_ns(), name)
        stop.wait(retry_s)


class _CounterWatch:
    """Raises when the device counter does not move while frames come."""

    def __init__(self, stall_s: float) -> None:
        self._stall_ns = int(stall_s * 1e9)
        self._counter: int | None = None
        self._since_ns = 0

    def check(self, frame: Frame) -> None:
        if frame.counter is None or frame.counter != self._counter:
            self._counter, self._since_ns = frame.counter, frame.host_ns
        elif frame.host_ns - self._since_ns > self._stall_ns:
            raise CameraError(
                f"{frame.camera}: the device counter stands at {frame.counter} for "
                f"{(frame.host_ns - self._since_ns) / 1e9:.1f} s while frames come. "
                "The stream is opened again; if it stays so, replug the camera.",
                camera=frame.camera,
            )
