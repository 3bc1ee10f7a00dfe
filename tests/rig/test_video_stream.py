"""Pixels of raw buffers."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from thermoscope.core.errors import CameraError
from thermoscope.rig.camera import CameraSettings, Pixel
from thermoscope.rig.video_stream import decode_picture


def settings(pixel: Pixel, width: int = 4, height: int = 2) -> CameraSettings:
    return CameraSettings(width, height, 30, pixel)


def test_counts_are_little_endian() -> None:
    image = decode_picture(bytes((0x34, 0x12)) * 8, settings("y16"), name="left")

    assert (image.shape, image.dtype, image[0, 0]) == ((2, 4), np.uint16, 0x1234)


def test_grey_and_rgb_are_as_they_come() -> None:
    assert decode_picture(bytes(range(8)), settings("mono8"), name="a")[1].tolist() == [4, 5, 6, 7]
    assert decode_picture(bytes(range(24)), settings("rgb8"), name="a")[0, 1].tolist() == [3, 4, 5]


def test_yuyv_red() -> None:
    red = decode_picture(bytes((81, 90, 81, 240)) * 4, settings("yuyv"), name="a")  # BT.601

    assert np.abs(red.astype(int) - (255, 0, 0)).max() <= 2


def test_jpeg_is_rgb() -> None:
    blue_bgr = np.full((16, 16, 3), (250, 10, 10), np.uint8)
    data = cv2.imencode(".jpg", blue_bgr)[1].tobytes()
    image = decode_picture(data, settings("jpeg", 16, 16), name="a")

    assert np.abs(image.astype(int) - (10, 10, 250)).max() <= 6
    with pytest.raises(CameraError, match="holds 16x16, expected 4x2"):
        decode_picture(data, settings("jpeg"), name="a")
    for broken in (b"", b"no jpeg"):
        with pytest.raises(CameraError, match=r"left: the JPEG of \d bytes holds nothing readable"):
            decode_picture(broken, settings("jpeg"), name="left")


def test_missing_bytes() -> None:
    with pytest.raises(CameraError, match="left: the picture has 15 bytes, expected 16 for 4x2"):
        decode_picture(bytes(15), settings("y16"), name="left")
