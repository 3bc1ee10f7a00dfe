"""Files as a camera: a folder, a pattern or a multi-frame file, frame by frame.

    open_camera("file:flight/*.tiff", settings=CameraSettings(rate_hz=10))

Size and layout are those of the files; the rate is what is asked for. ``pace`` = "real" or "fast"
and ``repeat`` = "yes" or "no" in `extra`. Counts are given where a file has them, else its picture
for eyes; temperatures alone are not a camera's output. What is NOT here: MCAP recordings.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import count

import numpy as np

from thermoscope.core.errors import CameraError, ConfigError, ReadError
from thermoscope.io.sequence import ImageSequence, open_sequence
from thermoscope.io.thermal_image import ThermalImage
from thermoscope.rig.camera import (
    CameraSettings,
    FfcState,
    FoundCamera,
    Frame,
    OpenableCamera,
    Pixel,
)

__all__ = ["FileCamera", "build", "found"]

DEFAULT = CameraSettings(rate_hz=30.0)


class FileCamera(OpenableCamera):
    """A sequence of files; see the module for the settings in `extra`.

    Args:
        where: Folder, pattern or file.
        name: What the rig calls it.
        settings: Only the rate and `extra` are used.

    Raises:
        ConfigError: An unknown word in `extra`.
    """

    def __init__(self, where: str, name: str, settings: CameraSettings = DEFAULT) -> None:
        super().__init__(name, "", settings)
        self._where = where
        self._fast = _chosen(settings, "pace", "real", "fast") == "fast"
        self._repeat = _chosen(settings, "repeat", "no", "yes") == "yes"
        self._sequence: ImageSequence | None = None

    def open(self) -> None:
        """Open the sequence; the settings become those of its first frame.

        Raises:
            CameraError: Nothing there, no image, or no pixels that a camera could give.
        """
        if self._is_open:
            return
        try:
            self._sequence = open_sequence(self._where, quality=False)
            first = self._pixels(self._sequence[0])
        except (ReadError, IndexError) as err:
            raise CameraError(f"{self.name}: {err}", camera=self.name) from err
        height, width = first.shape[:2]
        eyes: Pixel = "mono8" if first.ndim == 2 else "rgb8"
        pixel: Pixel = "y16" if first.dtype == np.uint16 else eyes
        self.settings = replace(self.settings, width_px=width, height_px=height, pixel=pixel)
        self._is_open = True

    def frames(self) -> Iterator[Frame]:
        """Frames of the files; the counter is their number. See `Camera.frames`."""
        self._must_be_open()
        started_ns, position = time.monotonic_ns(), 0
        for _ in count() if self._repeat else range(1):
            for image in self._images():
                due_ns = started_ns + int(position / self.settings.rate_hz * 1e9)
                if not self._fast:
                    time.sleep(max(0, due_ns - time.monotonic_ns()) / 1e9)
                if not self._is_open:
                    return
                yield Frame(
                    camera=self.name,
                    image=self._pixels(image),
                    counter=position,
                    device_ns=image.capture.t_ns,
                    host_ns=due_ns if self._fast else time.monotonic_ns(),
                    ffc=FfcState.RUNNING if image.capture.ffc else None,
                    sequence=position,
                )
                position += 1

    def close(self) -> None:
        """End `frames` and close the files."""
        if self._is_open and self._sequence is not None:
            super().close()
            self._sequence.close()

    def _images(self) -> Iterator[ThermalImage]:
        if self._sequence is None:
            return
        try:
            yield from self._sequence
        except ReadError as err:
            raise CameraError(f"{self.name}: {err}", camera=self.name) from err

    def _pixels(self, image: ThermalImage) -> np.ndarray:
        pixels = image.counts if image.counts is not None else image.agc
        if pixels is None:
            raise CameraError(
                f"{self.name}: {image.source.path} holds temperatures only, no counts and no "
                "picture. Convert it first: thermoscope convert.",
                camera=self.name,
            )
        return pixels


def _chosen(settings: CameraSettings, key: str, *words: str) -> str:
    word = settings.extra.get(key, words[0])
    if word not in words:
        raise ConfigError(f"{key} must be {' or '.join(words)}, got {word!r}.")
    return word


def build(where: str, name: str, settings: CameraSettings | None) -> FileCamera:
    """The camera of ``file:PATH``.

    Raises:
        ConfigError: No path.
    """
    if not where:
        raise ConfigError("file needs a folder, a pattern or a file, for example file:flight.")
    return FileCamera(where, name, settings or DEFAULT)


def found() -> list[FoundCamera]:
    """None: files are not plugged in."""
    return []
