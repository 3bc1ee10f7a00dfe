"""OpenCV captures, on a video file."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from thermoscope.core.errors import CameraError, ConfigError
from thermoscope.rig.camera import CameraSettings, open_camera
from thermoscope.rig.opencv_capture import OpencvCamera


def test_a_video_ends_its_frames(tmp_path: Path) -> None:
    path = str(tmp_path / "red.avi")
    writer = cv2.VideoWriter(path, cv2.VideoWriter.fourcc(*"MJPG"), 10, (32, 16))
    for _ in range(4):
        writer.write(np.full((16, 32, 3), (0, 0, 250), np.uint8))
    writer.release()

    with open_camera(f"opencv:{path}", name="red") as camera:
        frames = list(camera.frames())

    assert [f.sequence for f in frames] == [0, 1, 2, 3]
    assert np.abs(frames[0].image.astype(int) - (250, 0, 0)).max() < 8  # RGB
    assert (frames[0].counter, frames[0].device_ns) == (None, None)


def test_counts_from_either_form() -> None:
    camera = OpencvCamera("0", "core", CameraSettings(4, 3, 30, "y16"))
    counts = np.arange(12, dtype=np.uint16).reshape(3, 4)

    np.testing.assert_array_equal(camera._image(counts), counts)
    np.testing.assert_array_equal(camera._image(counts.view(np.uint8).reshape(1, -1)), counts)
    with pytest.raises(CameraError, match=r"asked for 4x3 y16, got \(2, 4\) uint16"):
        camera._image(counts[:2])


def test_absent() -> None:
    with pytest.raises(CameraError, match="red: OpenCV cannot open 'none.avi'"):
        open_camera("opencv:none.avi", name="red")
    with pytest.raises(ConfigError, match="opencv needs a number"):
        open_camera("opencv:")
