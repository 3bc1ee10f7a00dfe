"""The ZED X driver against a stand-in of the parts of `pyzed.sl` that it uses."""

from __future__ import annotations

import sys
from enum import Enum
from itertools import islice
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from thermoscope.core.errors import CameraError, ConfigError
from thermoscope.rig.camera import CameraSettings, open_camera
from thermoscope.rig.zedx import found


class Code(Enum):
    SUCCESS = 0
    CAMERA_NOT_DETECTED = 1
    CAMERA_REBOOTING = 2


class Mat:
    data: np.ndarray

    def get_data(self) -> np.ndarray:
        return self.data


class Parameters(SimpleNamespace):
    serial = None

    def set_from_serial_number(self, number: int) -> None:
        self.serial = number


class Zed:
    """A camera that drops its third frame and reboots at its fifth."""

    asked: Parameters
    closed = 0

    def open(self, parameters: Parameters) -> Code:
        Zed.asked, self.grabbed = parameters, 0
        return Code.CAMERA_NOT_DETECTED if parameters.serial == 404 else Code.SUCCESS

    def grab(self) -> Code:
        self.grabbed += 1
        return Code.CAMERA_REBOOTING if self.grabbed == 5 else Code.SUCCESS

    def get_frame_dropped_count(self) -> int:
        return int(self.grabbed >= 3)

    def get_timestamp(self, reference: str) -> SimpleNamespace:
        return SimpleNamespace(get_nanoseconds=lambda: self.grabbed * 33_333_333)

    def retrieve_image(self, mat: Mat, view: str) -> None:
        red = 200 if view.startswith("LEFT") else 100
        mat.data = np.broadcast_to(np.array((1, 2, red, 255), np.uint8), (600, 960, 4))
        Zed.view = view

    def get_camera_information(self) -> SimpleNamespace:
        return SimpleNamespace(serial_number=49_123_456)

    def close(self) -> None:
        Zed.closed += 1

    @staticmethod
    def get_device_list() -> list[SimpleNamespace]:
        return [SimpleNamespace(serial_number=49_123_456, camera_model="ZED X", path="/dev/i2c-9")]


@pytest.fixture
def pyzed(monkeypatch: pytest.MonkeyPatch) -> None:
    sl = ModuleType("pyzed.sl")
    names = ("LEFT", "RIGHT", "LEFT_UNRECTIFIED", "RIGHT_UNRECTIFIED")
    sl.__dict__.update(
        Camera=Zed,
        InitParameters=Parameters,
        Mat=Mat,
        ERROR_CODE=Code,
        RESOLUTION=SimpleNamespace(SVGA="SVGA", HD1200="HD1200", HD1080="HD1080"),
        DEPTH_MODE=SimpleNamespace(NONE="NONE"),
        VIEW=SimpleNamespace(**{name: name for name in names}),
        TIME_REFERENCE=SimpleNamespace(IMAGE="IMAGE"),
    )
    package = ModuleType("pyzed")
    package.sl = sl  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pyzed", package)
    monkeypatch.setitem(sys.modules, "pyzed.sl", sl)


@pytest.mark.usefixtures("pyzed")
def test_both_views_side_by_side() -> None:
    with open_camera("zedx:49123456", name="zed") as camera:
        frames = list(islice(camera.frames(), 4))

    assert camera.serial == "49123456"
    assert (Zed.asked.camera_resolution, Zed.asked.camera_fps) == ("SVGA", 30)
    assert (Zed.asked.depth_mode, Zed.asked.serial) == ("NONE", 49_123_456)
    assert frames[0].image.shape == (600, 1920, 3)
    assert frames[0].image[0, 0].tolist() == [200, 2, 1]
    assert frames[0].image[0, 960].tolist() == [100, 2, 1]
    assert [f.counter for f in frames] == [0, 1, 3, 4]  # one was dropped
    assert frames[1].device_ns == 66_666_666
    assert Zed.view == "RIGHT_UNRECTIFIED"


@pytest.mark.usefixtures("pyzed")
def test_one_rectified_view() -> None:
    extra = {"view": "left", "rectified": "yes"}
    settings = CameraSettings(960, 600, 30, "rgb8", "master", extra)
    with open_camera("zedx:", settings=settings) as camera:
        frame = next(camera.frames())

    assert (frame.image.shape, Zed.view, Zed.asked.serial) == ((600, 960, 3), "LEFT", None)


@pytest.mark.usefixtures("pyzed")
def test_what_the_sdk_refuses() -> None:
    with pytest.raises(CameraError, match=r"zed: the ZED SDK cannot open .*NOT_DETECTED"):
        open_camera("zedx:404", name="zed")
    camera = open_camera("zedx:", name="zed")
    with pytest.raises(CameraError, match=r"zed: the ZED SDK gives no frame .*REBOOTING"):
        list(camera.frames())
    closed = Zed.closed
    camera.close()
    assert Zed.closed == closed + 1
    assert [c.address for c in found()] == ["zedx:49123456"]


def test_without_the_sdk() -> None:
    with pytest.raises(
        CameraError, match=r"run its get_python_api.py; 'pyzed' of the package index"
    ):
        open_camera("zedx:1")
    assert found() == []


def test_wrong_words() -> None:
    with pytest.raises(ConfigError, match="a ZED X gives rgb8 at 1920x1200, .* asked for 640x512"):
        open_camera("zedx:1", settings=CameraSettings())
    settings = CameraSettings(960, 600, 30, "rgb8", extra={"view": "up"})
    with pytest.raises(ConfigError, match="view must be left, right or both"):
        open_camera("zedx:1", settings=settings)
    with pytest.raises(ConfigError, match="zedx needs a serial number, .* got 'left'"):
        open_camera("zedx:left")
