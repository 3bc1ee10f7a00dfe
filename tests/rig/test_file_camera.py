"""Files as a camera."""

from __future__ import annotations

import time
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from thermoscope.core.errors import CameraError, ConfigError
from thermoscope.io.write import write_image
from thermoscope.rig.camera import CameraSettings, open_camera


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for index in range(3):
        write_image(tmp_path / f"f{index}.png", np.full((6, 8), 1000 + index, np.uint16))
    return tmp_path


def settings(**extra: str) -> CameraSettings:
    return CameraSettings(rate_hz=50, extra=extra)


def test_frames_of_a_folder(folder: Path) -> None:
    with open_camera(f"file:{folder}", name="disk", settings=settings(pace="fast")) as camera:
        frames = list(camera.frames())

    assert (camera.settings.width_px, camera.settings.height_px) == (8, 6)
    assert (camera.settings.pixel, camera.settings.rate_hz) == ("y16", 50)
    assert [int(f.image[0, 0]) for f in frames] == [1000, 1001, 1002]
    assert [f.counter for f in frames] == [0, 1, 2]
    assert np.diff([f.host_ns for f in frames]).tolist() == [20_000_000, 20_000_000]


def test_real_pace_and_repeat(folder: Path) -> None:
    started = time.monotonic()
    with open_camera(f"file:{folder}", settings=settings(repeat="yes")) as camera:
        frames = list(islice(camera.frames(), 7))

    assert time.monotonic() - started > 0.12
    assert [int(f.image[0, 0]) - 1000 for f in frames] == [0, 1, 2, 0, 1, 2, 0]
    assert [f.counter for f in frames] == list(range(7))


def test_files_that_are_none(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(CameraError, match="disk: "):
        open_camera(f"file:{tmp_path / 'none'}", name="disk")
    (folder / "f1.png").write_bytes(b"\x89PNG damaged")
    with open_camera(f"file:{folder}", name="disk", settings=settings(pace="fast")) as camera:
        frames = camera.frames()
        next(frames)
        with pytest.raises(CameraError, match="disk: .*f1.png"):
            next(frames)
    np.savetxt(tmp_path / "kelvin.csv", np.full((6, 8), 300.5), delimiter=",")
    with pytest.raises(CameraError, match="disk: .*kelvin.csv holds temperatures only"):
        open_camera(f"file:{tmp_path / 'kelvin.csv'}", name="disk")


def test_wrong_words(folder: Path) -> None:
    with pytest.raises(ConfigError, match="pace must be real or fast, got 'slow'"):
        open_camera(f"file:{folder}", settings=settings(pace="slow"))
    with pytest.raises(ConfigError, match="file needs a folder"):
        open_camera("file:")
