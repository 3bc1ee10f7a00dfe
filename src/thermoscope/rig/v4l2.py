"""Any Linux video device: 16-bit, grey, RGB, YUYV or JPEG, side-by-side stereo whole or by view.

    open_camera("v4l2:/dev/video2", settings=CameraSettings(1280, 720, 30, "yuyv"))

The frame counter is the kernel's: it also counts frames for which no buffer was free. Settings in
`extra`: ``view`` = "whole", "left" or "right" of a side-by-side picture (`width_px` is then the
width of both). A picture with missing bytes is counted in `bad_pictures` and left out: the counter
shows the gap. NEVER run on hardware here. What is NOT here: cameras with telemetry.
"""

from __future__ import annotations

import errno
import select
import threading
import time
from abc import abstractmethod
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from thermoscope.core.errors import CameraError, ConfigError, MissingDependencyError
from thermoscope.rig.camera import CameraSettings, FoundCamera, Frame, OpenableCamera
from thermoscope.rig.usb_devices import usb_devices
from thermoscope.rig.video_stream import FOURCC, RawPicture, VideoStream, decode_picture

if TYPE_CHECKING:
    from linuxpy.video.device import Device

__all__ = [
    "V4l2Camera",
    "V4l2Stream",
    "VideoCamera",
    "build",
    "found",
    "open_device",
    "pictures",
]

BUFFERS = 8  # a quarter of a second at 30 Hz: a stall of the process loses no frame
SILENCE_S = 5.0  # this long without a picture, and the camera is lost
POLL_S = 0.25  # how soon `close` from another thread is seen
VIEWS = ("whole", "left", "right")
DEFAULT = CameraSettings(640, 480, 30.0, "yuyv")
MONOTONIC_STAMP = 0x2000  # flag of a buffer: its time is of the monotonic clock
STAMP_MASK = 0xE000


def open_device(path: str) -> Device:
    """The V4L2 device at `path`, open.

    Raises:
        CameraError: It is absent or may not be opened.
        MissingDependencyError: linuxpy is not installed.
    """
    try:
        from linuxpy.video.device import Device
    except ImportError as err:
        raise MissingDependencyError("linuxpy", extra="rig", purpose="video capture") from err
    try:
        device = Device(path)
        device.open()
    except OSError as err:
        raise CameraError(
            f"{path}: cannot be opened ({err.strerror or err}). Check that the camera is plugged "
            "in and that you are in the group 'video' (docs/rig/hardware.md has the udev rules).",
            camera=path,
        ) from err
    return device


class V4l2Stream:
    """Memory-mapped capture from one V4L2 device.

    Args:
        path: The device.
        settings: Size on the wire, with any telemetry rows, and layout.
        set_rate: False for a camera whose rate V4L2 cannot set.
        opener: Gives the open device.
    """

    ended = False

    def __init__(
        self,
        path: str,
        settings: CameraSettings,
        *,
        set_rate: bool = True,
        opener: Callable[[str], Device] = open_device,
    ) -> None:
        self.path, self.settings = path, settings
        self._set_rate, self._opener = set_rate, opener
        self._lock = threading.Lock()
        self._device: Device | None = None
        self._capture: Any = None

    def open(self) -> None:
        """Agree on size, layout and rate, and start; see `VideoStream.open`."""
        self._device = self._opener(self.path)
        from linuxpy.video.device import VideoCapture  # it is there: the opener needs it

        self._capture = VideoCapture(self._device, size=BUFFERS)
        try:
            self._agree()
            self._capture.open()
        except OSError as err:
            self.close()
            raise CameraError(self._why(err), camera=self.path) from err
        except CameraError:
            self.close()
            raise

    def read(self, timeout_s: float) -> RawPicture | None:
        """The next picture; see `VideoStream.read`."""
        with self._lock:
            return self._read(timeout_s)

    def _read(self, timeout_s: float) -> RawPicture | None:
        device = self._device
        if device is None:
            raise CameraError(f"{self.path}: the stream is not open.", camera=self.path)
        try:
            if not select.select([device], [], [], timeout_s)[0]:
                return None
            raw = self._capture.buffer.raw_read()
        except BlockingIOError:
            return None
        except OSError as err:
            raise CameraError(
                f"{self.path}: the stream broke off ({err}). Unplugged, or a bus error: "
                "see the kernel log.",
                camera=self.path,
            ) from err
        host_ns, buffer = time.monotonic_ns(), raw.buff
        monotonic = buffer.flags & STAMP_MASK == MONOTONIC_STAMP
        stamp_ns = buffer.timestamp.secs * 1_000_000_000 + buffer.timestamp.usecs * 1000
        return RawPicture(
            bytes(raw.data), host_ns, stamp_ns if monotonic else None, buffer.sequence
        )

    def close(self) -> None:
        """Stop, and let the device go; a device that is gone is no error."""
        with self._lock:  # a read in another thread is over within its timeout
            parts, self._capture, self._device = (self._capture, self._device), None, None
            for part in parts:
                try:
                    if part is not None:
                        part.close()
                except OSError:
                    continue  # unplugged: there is nothing left to stop

    def _agree(self) -> None:
        wanted = self.settings
        self._capture.set_format(wanted.width_px, wanted.height_px, FOURCC[wanted.pixel])
        got = self._capture.get_format()
        layout = int(got.pixel_format).to_bytes(4, "little").decode("ascii", "replace")
        if (got.width, got.height, layout) != (
            wanted.width_px,
            wanted.height_px,
            FOURCC[wanted.pixel],
        ):
            raise CameraError(
                f"{self.path}: gives {got.width}x{got.height} {layout!r}, asked for "
                f"{wanted.width_px}x{wanted.height_px} {FOURCC[wanted.pixel]!r}. "
                "See what it can do: v4l2-ctl --list-formats-ext.",
                camera=self.path,
            )
        if self._set_rate:
            self._capture.set_fps(wanted.rate_hz)

    def _why(self, err: OSError) -> str:
        if err.errno == errno.ENOSPC:
            return (
                f"{self.path}: not enough USB bandwidth for this stream (the system calls it 'no "
                "space left on device'; no disk is full). Plug the cameras into different root "
                "hubs, or lower the rate."
            )
        if err.errno == errno.EBUSY:
            return f"{self.path}: another program streams from it. Stop that program."
        return f"{self.path}: the stream does not start ({err})."


def pictures(
    stream: VideoStream, is_open: Callable[[], bool], *, name: str, silence_s: float = SILENCE_S
) -> Iterator[RawPicture]:
    """Pictures of `stream` until it ends or `is_open` says no.

    Raises:
        CameraError: None came for `silence_s`, or the device is gone.
    """
    last = time.monotonic()
    while is_open() and not stream.ended:
        try:
            picture = stream.read(POLL_S)
        except CameraError:
            if is_open():
                raise
            return  # closed by another thread while we waited
        if picture is not None:
            yield picture
            last = time.monotonic()
        elif not stream.ended and time.monotonic() - last > silence_s:
            raise CameraError(
                f"{name}: no picture for {silence_s:g} s. A camera that waits for pulses gets "
                "none, or the stream hangs: it is opened again.",
                camera=name,
            )


class VideoCamera(OpenableCamera):
    """A video device without telemetry: its picture is all that it tells.

    A picture that is no whole one is counted in `bad_pictures` and left out.

    Args:
        stream: The device.
        name: What the rig calls it.
        serial: Its serial number, if known.
        settings: What to ask for.
    """

    def __init__(
        self, stream: VideoStream, name: str, *, serial: str = "", settings: CameraSettings
    ) -> None:
        super().__init__(name, serial, settings)
        self.bad_pictures = 0
        self._stream = stream

    @abstractmethod
    def image_of(self, data: bytes) -> np.ndarray:
        """The pixels that are kept of one buffer.

        Raises:
            CameraError: It is not a whole picture.
        """

    def open(self) -> None:
        """Start the stream."""
        if not self._is_open:
            self._stream.open()
            self._is_open = True

    def frames(self) -> Iterator[Frame]:
        """Frames with the kernel's count as the device counter; see `Camera.frames`."""
        self._must_be_open()
        count = 0
        for picture in pictures(self._stream, lambda: self._is_open, name=self.name):
            try:
                image = self.image_of(picture.data)
            except CameraError:
                self.bad_pictures += 1
                continue
            yield Frame(
                camera=self.name,
                image=image,
                counter=picture.sequence,
                device_ns=None,
                host_ns=picture.host_ns,
                sequence=count,
                kernel_ns=picture.kernel_ns,
            )
            count += 1

    def close(self) -> None:
        """End `frames` and let the device go."""
        if self._is_open:
            super().close()
            self._stream.close()


class V4l2Camera(VideoCamera):
    """Any video device; see the module for the settings in `extra`.

    Args:
        stream: The device.
        name: What the rig calls it.
        serial: Its serial number, if known.
        settings: Size and layout on the wire.

    Raises:
        ConfigError: ``view`` is unknown.
    """

    def __init__(
        self, stream: VideoStream, name: str, *, serial: str = "", settings: CameraSettings
    ) -> None:
        super().__init__(stream, name, serial=serial, settings=settings)
        self._view = settings.extra.get("view", "whole")
        if self._view not in VIEWS:
            raise ConfigError(f"view must be one of {', '.join(VIEWS)}, got {self._view!r}.")

    def image_of(self, data: bytes) -> np.ndarray:
        """The view asked for."""
        middle = self.settings.width_px // 2
        columns = {
            "whole": slice(None),
            "left": slice(0, middle),
            "right": slice(middle, 2 * middle),
        }[self._view]
        return decode_picture(data, self.settings, name=self.name)[:, columns]


def build(where: str, name: str, settings: CameraSettings | None) -> V4l2Camera:
    """The camera of ``v4l2:/dev/videoN``.

    Raises:
        ConfigError: No device is named.
    """
    if not where:
        raise ConfigError("v4l2 needs a device, for example v4l2:/dev/video0.")
    settings = settings or DEFAULT
    return V4l2Camera(V4l2Stream(where, settings), name, settings=settings)


def found() -> list[FoundCamera]:
    """USB devices with a video node."""
    return [
        FoundCamera(f"v4l2:{device.video[0]}", device.model, device.serial, device.video[0])
        for device in usb_devices()
        if device.video
    ]
