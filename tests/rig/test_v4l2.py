"""V4L2 through the real linuxpy, with the kernel's half played by a file."""

from __future__ import annotations

import errno
import sys
import threading
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from tests.fakes.v4l2_kernel import MONOTONIC, V4l2Kernel, install

from thermoscope.core.errors import CameraError, ConfigError, MissingDependencyError
from thermoscope.rig.camera import CameraSettings, open_camera
from thermoscope.rig.v4l2 import V4l2Camera, V4l2Stream, build, open_device, pictures
from thermoscope.rig.video_stream import RawPicture

COUNTS = CameraSettings(4, 3, 30.0, "y16")


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> V4l2Kernel:
    return install(tmp_path, monkeypatch)


def counts(start: int) -> np.ndarray:
    return np.arange(start, start + 12, dtype="<u2").reshape(3, 4)


def test_frames_with_counter_and_kernel_stamp(kernel: V4l2Kernel) -> None:
    for sequence in (0, 1, 4):
        kernel.pictures.append((counts(sequence * 100).tobytes(), sequence, 7.25, MONOTONIC))
    with open_camera(f"v4l2:{kernel.path}", name="left", settings=COUNTS) as camera:
        assert kernel.streaming
        frames = list(islice(camera.frames(), 3))

    assert [f.counter for f in frames] == [0, 1, 4]
    np.testing.assert_array_equal(frames[2].image, counts(400))
    assert {f.kernel_ns for f in frames} == {7_250_000_000}
    assert kernel.rate == 30.0
    assert not kernel.streaming


def test_stamps_of_another_clock_are_not_taken(kernel: V4l2Kernel) -> None:
    kernel.pictures.append((bytes(24), 0, 7.25, 0))
    with build(str(kernel.path), "left", COUNTS) as camera:
        assert next(camera.frames()).kernel_ns is None


def test_short_pictures_are_counted(kernel: V4l2Kernel) -> None:
    kernel.pictures += [(bytes(24), 0, 1, 0), (bytes(20), 1, 1, 0), (bytes(24), 2, 1, 0)]
    with build(str(kernel.path), "left", COUNTS) as camera:
        frames = list(islice(camera.frames(), 2))

    assert ([f.counter for f in frames], camera.bad_pictures) == ([0, 2], 1)


@pytest.mark.parametrize(("view", "columns"), [("left", [0, 1]), ("right", [2, 3])])
def test_views_of_a_side_by_side_picture(kernel: V4l2Kernel, view: str, columns: list[int]) -> None:
    kernel.pictures.append((counts(0).tobytes(), 0, 1, 0))
    settings = CameraSettings(4, 3, 30.0, "y16", extra={"view": view})
    with build(str(kernel.path), "left", settings) as camera:
        image = next(camera.frames()).image

    assert image[0].tolist() == columns


def test_device_that_gives_something_else(kernel: V4l2Kernel) -> None:
    kernel.gives = (8, 6, "YUYV")
    with pytest.raises(CameraError, match="gives 8x6 'YUYV', asked for 4x3 'Y16 '"):
        build(str(kernel.path), "left", COUNTS).open()


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.ENOSPC, "not enough USB bandwidth .* no disk is full"),
        (errno.EBUSY, "another program streams from it"),
        (errno.EIO, "the stream does not start"),
    ],
)
def test_stream_that_does_not_start(kernel: V4l2Kernel, number: int, message: str) -> None:
    kernel.refuses["STREAMON"] = number
    with pytest.raises(CameraError, match=message):
        build(str(kernel.path), "left", COUNTS).open()


def test_unplugged(kernel: V4l2Kernel) -> None:
    kernel.pictures += [(bytes(24), 0, 1, 0), errno.ENODEV]
    camera = build(str(kernel.path), "left", COUNTS)
    camera.open()
    kernel.refuses["STREAMOFF"] = errno.ENODEV
    with pytest.raises(CameraError, match=r"the stream broke off \(\[Errno 19\] gone\)"):
        list(camera.frames())
    camera.close()
    with pytest.raises(CameraError, match="the stream is not open"):
        V4l2Stream(str(kernel.path), COUNTS).read(0.1)


def test_close_from_another_thread_ends_the_frames(kernel: V4l2Kernel) -> None:
    kernel.pictures.append((bytes(24), 0, 1, 0))
    camera = build(str(kernel.path), "left", COUNTS)
    camera.open()
    closing = threading.Timer(0.1, camera.close)
    closing.start()

    assert len(list(camera.frames())) == 1
    closing.join()
    assert not kernel.streaming


def test_absent_device() -> None:
    with pytest.raises(CameraError, match="/dev/video99: cannot be opened .*group 'video'"):
        open_device("/dev/video99")
    with pytest.raises(ConfigError, match="v4l2 needs a device"):
        build("", "left", None)


def test_without_linuxpy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "linuxpy.video.device", None)
    with pytest.raises(MissingDependencyError, match=r"video capture needs .*thermoscope\[rig\]"):
        open_camera("v4l2:/dev/video0")


class Silent:
    """A stream that gives nothing, or ends."""

    ended = False

    def open(self) -> None: ...
    def close(self) -> None: ...
    def read(self, timeout_s: float) -> RawPicture | None:
        return None


def test_silence_is_a_loss_and_an_end_is_not() -> None:
    with pytest.raises(CameraError, match=r"left: no picture for 0\.02 s"):
        list(pictures(Silent(), lambda: True, name="left", silence_s=0.02))
    ending = Silent()
    ending.ended = True
    assert list(pictures(ending, lambda: True, name="left")) == []
    with pytest.raises(ConfigError, match="view must be one of whole, left, right, got 'up'"):
        V4l2Camera(Silent(), "left", settings=CameraSettings(extra={"view": "up"}))
