"""Whatever OpenCV can open: a webcam's number, a network stream, a video file.

    open_camera("opencv:0", settings=CameraSettings(1280, 720, 30, "rgb8"))

OpenCV tells neither the frame's counter nor when it was taken, so a drop cannot be proven: prefer
another driver where there is one. With pixel "y16" conversion is switched off. NEVER run on a
camera here, only on files. What is NOT here: OpenCV's own list of back ends.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from thermoscope.core.errors import CameraError, ConfigError
from thermoscope.rig.camera import CameraSettings, FoundCamera, Frame, OpenableCamera

__all__ = ["OpencvCamera", "build", "found"]

DEFAULT = CameraSettings(640, 480, 30.0, "rgb8")


class OpencvCamera(OpenableCamera):
    """One OpenCV capture.

    Args:
        where: A number, a path or an address.
        name: What the rig calls it.
        settings: What to ask for; once open, what it gives.
    """

    def __init__(self, where: str, name: str, settings: CameraSettings = DEFAULT) -> None:
        super().__init__(name, "", settings)
        self._where = where
        self._capture: Any = None

    def open(self) -> None:
        """Open it and ask for the settings.

        Raises:
            CameraError: OpenCV cannot open it.
        """
        if self._is_open:
            return
        import cv2

        self._capture = cv2.VideoCapture(int(self._where) if self._is_device else self._where)
        if not self._capture.isOpened():
            raise CameraError(
                f"{self.name}: OpenCV cannot open {self._where!r}. Check that it is there and that "
                "no other program has it.",
                camera=self.name,
            )
        if self._is_device:
            self._configure(cv2)
        self._is_open = True

    @property
    def _is_device(self) -> bool:
        return self._where.isdecimal()

    def _configure(self, cv2: Any) -> None:
        wanted, capture = self.settings, self._capture
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, wanted.width_px)
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, wanted.height_px)
        capture.set(cv2.CAP_PROP_FPS, wanted.rate_hz)
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # else about a second of stale frames
        if wanted.pixel == "y16":
            capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"Y16 "))  # after the size
            capture.set(cv2.CAP_PROP_CONVERT_RGB, 0)

    def frames(self) -> Iterator[Frame]:
        """Frames without counter or device clock; a file's end ends them. See `Camera.frames`."""
        self._must_be_open()
        count = 0
        while self._is_open:
            whole, picture = self._capture.read()
            host_ns = time.monotonic_ns()
            if not whole:
                if self._closed_meanwhile() or not self._is_device:
                    return
                raise CameraError(
                    f"{self.name}: OpenCV gives no more frames from {self._where!r}. Unplugged?",
                    camera=self.name,
                )
            yield Frame(self.name, self._image(picture), None, None, host_ns, sequence=count)
            count += 1

    def close(self) -> None:
        """End `frames` and let it go."""
        if self._is_open:
            super().close()
            self._capture.release()

    def _image(self, picture: np.ndarray) -> np.ndarray:
        if self.settings.pixel == "y16":
            wide = picture if picture.dtype == np.uint16 else picture.reshape(-1).view(np.uint16)
            if wide.size != self.settings.height_px * self.settings.width_px:
                raise CameraError(
                    f"{self.name}: asked for {self.settings.width_px}x{self.settings.height_px} "
                    f"y16, got {picture.shape} {picture.dtype}. Use the v4l2 driver.",
                    camera=self.name,
                )
            return wide.reshape(self.settings.height_px, self.settings.width_px)
        if picture.ndim == 2:
            return picture
        return np.ascontiguousarray(picture[..., ::-1])


def build(where: str, name: str, settings: CameraSettings | None) -> OpencvCamera:
    """The camera of ``opencv:0``.

    Raises:
        ConfigError: Nothing is named.
    """
    if not where:
        raise ConfigError("opencv needs a number, a path or an address, for example opencv:0.")
    return OpencvCamera(where, name, settings or DEFAULT)


def found() -> list[FoundCamera]:
    """None: OpenCV finds cameras only by opening them; `rig list` shows them under v4l2."""
    return []
