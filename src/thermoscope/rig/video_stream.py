"""Raw pictures from a video device, and what their bytes mean.

`VideoStream` is the one thing a driver needs of the system: the simulator gives another, and the
driver does not see the difference. What is NOT here: V4L2 (`rig.v4l2`), telemetry rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from thermoscope.core.errors import CameraError
from thermoscope.rig.camera import CameraSettings, Pixel

__all__ = ["BYTES_PER_PIXEL", "FOURCC", "RawPicture", "VideoStream", "decode_picture"]

FOURCC: dict[Pixel, str] = {  # as V4L2 names them; "Y16 " ends in a blank
    "y16": "Y16 ",
    "mono8": "GREY",
    "rgb8": "RGB3",
    "yuyv": "YUYV",
    "jpeg": "MJPG",
}
BYTES_PER_PIXEL: dict[Pixel, int] = {"y16": 2, "mono8": 1, "rgb8": 3, "yuyv": 2}  # not jpeg


@dataclass(frozen=True, eq=False)
class RawPicture:
    """One buffer as the device filled it."""

    data: bytes
    """The picture, in the layout that was agreed on."""
    host_ns: int
    """Monotonic clock of the host when the buffer was taken, ns."""
    kernel_ns: int | None
    """Monotonic clock of the host that the kernel wrote into the buffer, ns; None if another."""
    sequence: int
    """The kernel's count of frames, with those it had no buffer for."""


class VideoStream(Protocol):
    """A device that streams; it is made closed."""

    @property
    def ended(self) -> bool:
        """Whether no picture will ever come again, without anything being wrong."""
        ...

    def open(self) -> None:
        """Agree on the layout and start.

        Raises:
            CameraError: The device is absent, busy, or cannot do what is asked.
        """
        ...

    def read(self, timeout_s: float) -> RawPicture | None:
        """The next picture; None if none came in time.

        Raises:
            CameraError: The device is gone.
        """
        ...

    def close(self) -> None:
        """Stop, and let the device go."""
        ...


def decode_picture(data: bytes, settings: CameraSettings, *, name: str) -> np.ndarray:
    """Pixels of one buffer.

    Args:
        data: What the device sent.
        settings: Size and layout that were agreed on.
        name: Of the camera, for messages.

    Returns:
        (H, W) uint16 or uint8, or (H, W, 3) uint8 RGB; it owns no memory of `data` where it was
        converted, and is a read-only view of it where not.

    Raises:
        CameraError: Too few or too many bytes, or a broken JPEG.
    """
    shape = (settings.height_px, settings.width_px)
    if settings.pixel == "jpeg":
        return _decode_jpeg(data, shape, name)
    expected = shape[0] * shape[1] * BYTES_PER_PIXEL[settings.pixel]
    if len(data) != expected:
        raise CameraError(
            f"{name}: the picture has {len(data)} bytes, expected {expected} for "
            f"{shape[1]}x{shape[0]} {settings.pixel}. A short one is lost USB data.",
            camera=name,
        )
    if settings.pixel == "y16":
        return np.frombuffer(data, "<u2").reshape(shape)
    flat = np.frombuffer(data, np.uint8)
    if settings.pixel == "mono8":
        return flat.reshape(shape)
    if settings.pixel == "rgb8":
        return flat.reshape(*shape, 3)
    import cv2

    rgb: np.ndarray = cv2.cvtColor(flat.reshape(*shape, 2), cv2.COLOR_YUV2RGB_YUYV)
    return rgb


def _decode_jpeg(data: bytes, shape: tuple[int, int], name: str) -> np.ndarray:
    import cv2

    bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    if bgr is None or bgr.shape[:2] != shape:
        got = "nothing readable" if bgr is None else f"{bgr.shape[1]}x{bgr.shape[0]}"
        raise CameraError(
            f"{name}: the JPEG of {len(data)} bytes holds {got}, expected {shape[1]}x{shape[0]}.",
            camera=name,
        )
    rgb: np.ndarray = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
    return rgb
