"""Cheap USB thermal cores that send a picture for eyes and one of temperatures as one tall frame.

    open_camera("uvc:/dev/video2", settings=CameraSettings(256, 192, 25, "y16"))

The device says YUYV, twice as tall as the sensor: one half is video, the other 16-bit values,
usually in 1/64 K (P2 Pro, TC001 and their kin). Only the 16-bit half is kept, as it came; ``half``
= "lower" or "upper" in `extra`. NEVER run on hardware here. What is NOT here: emissivity, shutter.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from thermoscope.core.errors import ConfigError
from thermoscope.rig.camera import CameraSettings, FoundCamera
from thermoscope.rig.v4l2 import V4l2Stream, VideoCamera
from thermoscope.rig.video_stream import VideoStream, decode_picture

__all__ = ["UvcSplitCamera", "build", "found"]

DEFAULT = CameraSettings(256, 192, 25.0, "y16")


class UvcSplitCamera(VideoCamera):
    """A core whose frame is half video, half 16-bit values.

    Args:
        stream: The device, agreed on YUYV and twice the height.
        name: What the rig calls it.
        settings: Size of the sensor.

    Raises:
        ConfigError: A pixel format other than y16, or an unknown ``half``.
    """

    def __init__(self, stream: VideoStream, name: str, settings: CameraSettings) -> None:
        super().__init__(stream, name, settings=settings)
        self._half = settings.extra.get("half", "lower")
        if settings.pixel != "y16" or self._half not in ("lower", "upper"):
            raise ConfigError(
                f"{name}: a split core needs pixel=y16 and half=lower or upper, "
                f"got {settings.pixel!r} and {self._half!r}."
            )

    def image_of(self, data: bytes) -> np.ndarray:
        """The 16-bit half."""
        height = self.settings.height_px
        rows = slice(0, height) if self._half == "upper" else slice(height, 2 * height)
        tall = replace(self.settings, height_px=2 * height)
        return decode_picture(data, tall, name=self.name)[rows]


def build(where: str, name: str, settings: CameraSettings | None) -> UvcSplitCamera:
    """The camera of ``uvc:/dev/videoN``.

    Raises:
        ConfigError: No device is named.
    """
    if not where:
        raise ConfigError("uvc needs a device, for example uvc:/dev/video0.")
    settings = settings or DEFAULT
    wire = replace(settings, height_px=2 * settings.height_px, pixel="yuyv")
    return UvcSplitCamera(V4l2Stream(where, wire), name, settings)


def found() -> list[FoundCamera]:
    """None: nothing on the bus says that a frame is split; `rig list` shows it under v4l2."""
    return []
