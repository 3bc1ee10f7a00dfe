"""The tap: what it copies, what it lets through, and that nobody can hold it up."""

import itertools
import os

import numpy as np
import pytest

from thermoscope.core.errors import CameraError
from thermoscope.rig.camera import CameraSettings, FfcState, Frame, OpenableCamera
from thermoscope.rig.capture import CaptureSource
from thermoscope.rig.serve_tap import Glance, Gone, Tap, kelvin_scale, tapped


class Still(OpenableCamera):
    """Frames of one picture, as fast as they are asked for."""

    def __init__(self, image, settings=None, *, frames=200, error=""):
        super().__init__("thermal", "1", settings or CameraSettings(rate_hz=30))
        self._image, self._frames, self._error = image, frames, error
        self.corrections = 0

    def open(self):
        if self._error == "open":
            raise CameraError("it is not plugged in")
        self._is_open = True

    def frames(self):
        for i in range(self._frames):
            yield Frame(
                "thermal", self._image, i, None, i * 10_000_000, None, FfcState.NONE, 305.0, i
            )
        if self._error == "frames":
            raise CameraError("the cable is out")

    def do_ffc(self):
        self.corrections += 1


@pytest.fixture
def tap(tmp_path):
    return Tap(tmp_path / "0")


@pytest.fixture
def image():
    counts = np.full((512, 640), 30_000, np.uint16)
    counts[100, 101], counts[511, 0] = 31_500, 29_000  # the first lies between the copied pixels
    return counts


def opened(camera, tap, **words):
    return tapped(CaptureSource("left", lambda: camera, "delta"), tap, **words)


def test_a_glance_is_small_and_its_extremes_are_of_the_whole_frame(tap, image):
    source = opened(Still(image), tap)
    with source.open_camera() as camera:
        next(camera.frames())
    glance = tap.take()

    assert source.thermal_codec == "delta"
    assert isinstance(glance, Glance)
    assert (glance.camera, glance.image.shape, glance.size_px) == ("left", (256, 320), (640, 512))
    assert (glance.hottest.value, glance.coldest.value) == (31_500, 29_000)
    np.testing.assert_array_equal(glance.image, image[::2, ::2])
    assert glance.hottest.x == 101.5 / 640
    assert glance.hottest.y == 100.5 / 512
    assert (glance.ffc, glance.temperature_k, glance.has_shutter) == ("none", 305.0, True)
    assert glance.kelvin_per_count == 0.0
    assert tap.take() is None  # it was taken


def test_all_frames_pass_and_few_are_copied(tap, image):
    with opened(Still(image), tap).open_camera() as camera:
        frames = list(camera.frames())
        told = (camera.name, camera.serial, camera.settings.rate_hz)

    assert len(frames) == 200
    assert frames[0].image is image
    assert told == ("left", "1", 30)
    assert tap.take().stamps_ns == (0,)  # 200 frames came within a sixth of a second


def test_while_nobody_records_only_glances_pass(tap, image):
    with opened(Still(image), tap, only_glances=True).open_camera() as camera:
        assert 1 <= len(list(camera.frames())) < 20


def test_the_shutter_closes_once_for_each_request(tap, image):
    still = Still(image, frames=20_000)
    with opened(still, tap).open_camera() as camera:
        frames = camera.frames()
        next(frames)
        tap.ask_for_ffc()
        for _ in itertools.takewhile(lambda _: not still.corrections, frames):
            pass
        list(itertools.islice(frames, 20))

    assert still.corrections == 1


def test_losses_are_told_and_still_raised(tap, image):
    with pytest.raises(CameraError, match="cable is out"):
        list(opened(Still(image, frames=0, error="frames"), tap).open_camera().frames())
    assert tap.take() == Gone("left", "the cable is out")
    with (
        pytest.raises(CameraError, match="not plugged in"),
        opened(Still(image, error="open"), tap).open_camera(),
    ):
        pass
    assert tap.take() == Gone("left", "it is not plugged in")

    def absent():
        raise CameraError("no such camera")

    with pytest.raises(CameraError, match="no such camera"):
        tapped(CaptureSource("left", absent), tap).open_camera()
    assert tap.take() == Gone("left", "no such camera")


def test_a_console_that_is_gone_costs_no_frame(tmp_path, image):
    folder = tmp_path / "away"
    folder.mkdir()
    tap = Tap(folder / "0")
    os.rmdir(folder)
    with opened(Still(image), tap).open_camera() as camera:
        assert len(list(camera.frames())) == 200
    assert tap.take() is None


def test_colour_has_no_extremes(tap):
    rgb = np.zeros((600, 960, 3), np.uint8)
    with opened(Still(rgb), tap).open_camera() as camera:
        next(camera.frames())
    glance = tap.take()

    assert glance.image.shape == (300, 480, 3)
    assert (glance.hottest, glance.kelvin_per_count) == (None, 0.0)


def test_only_cameras_that_tell_temperatures_have_a_scale():
    assert kelvin_scale(CameraSettings(extra={"ir16": "tlinear"})) == 0.01
    assert kelvin_scale(CameraSettings(extra={"ir16": "counts"})) == 0.0
    assert kelvin_scale(CameraSettings()) == 0.0
