"""Names, registry and supervision of cameras."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Iterator
from itertools import islice

import numpy as np
import pytest

from thermoscope.core.errors import CameraError, ConfigError, UnknownNameError
from thermoscope.rig.camera import (
    DRIVERS,
    Camera,
    CameraSettings,
    Frame,
    Lost,
    OpenableCamera,
    list_cameras,
    open_camera,
    supervised,
)
from thermoscope.rig.simulated_plan import Faults, Outage, default_cameras
from thermoscope.rig.simulated_rig import SimulatedRig

SMALL = default_cameras(1, 0, thermal_size=(160, 120))


def test_settings_refuse_nonsense_and_travel() -> None:
    settings = CameraSettings(320, 256, extra={"ir16": "counts"})

    assert pickle.loads(pickle.dumps(settings)) == settings
    with pytest.raises(ConfigError, match="rate_hz must be positive, got 0"):
        CameraSettings(rate_hz=0)
    with pytest.raises(ConfigError, match="pixel must be one of y16, .* got 'y14'"):
        CameraSettings(pixel="y14")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="sync must be one of free, master, slave, got 'ptp'"):
        CameraSettings(sync="ptp")  # type: ignore[arg-type]


def test_addresses() -> None:
    with pytest.raises(ConfigError, match="address must be driver:where, got 'boson'"):
        open_camera("boson")
    with pytest.raises(UnknownNameError, match="unknown camera driver 'bosom'.*'boson'"):
        open_camera("bosom:1")
    with pytest.raises(CameraError, match="no Boson 7 is plugged in"):
        open_camera("boson:7", name="left")


@pytest.mark.parametrize(
    "address",
    [
        "boson:7",
        "lepton:7",
        "v4l2:/dev/video99",
        "uvc:/dev/video99",
        "opencv:none",
        "zedx:7",
        "file:none",
    ],
)
def test_every_driver_says_what_is_missing(address: str) -> None:
    with pytest.raises(CameraError, match=r"7|/dev/video99|none|SDK"):
        open_camera(address)


def test_every_driver_has_an_address_to_try() -> None:
    tried = {"boson", "lepton", "v4l2", "uvc", "opencv", "zedx", "file", "simulated"}

    assert set(DRIVERS) >= tried


def test_nothing_is_plugged_in_here() -> None:
    assert list_cameras() == []


class Steps(OpenableCamera):
    """A camera that does what it is told: frames by their counter, or an error."""

    def __init__(self, *steps: int | None) -> None:
        super().__init__("left", "1", CameraSettings())
        self.steps = steps

    def open(self) -> None:
        if self.steps[:1] == (None,):
            raise CameraError("left: absent")
        self._is_open = True

    def frames(self) -> Iterator[Frame]:
        self._must_be_open()
        for place, counter in enumerate(self.steps):
            if counter is None:
                raise CameraError("left: unplugged")
            yield Frame("left", np.zeros((2, 2), np.uint16), counter, None, place * 10**9)


def test_supervision_reopens_and_counts_on() -> None:
    cameras = iter([Steps(5, 6, None), Steps(None), Steps(None), Steps(0, 1)])

    got = list(supervised(lambda: next(cameras), retry_s=0.001))

    assert [x.counter if isinstance(x, Frame) else x.reason for x in got] == [
        5, 6, "left: unplugged", 0, 1,
    ]  # fmt: skip
    assert [x.sequence for x in got if isinstance(x, Frame)] == [0, 1, 2, 3]
    assert isinstance(got[2], Lost)
    assert got[2].camera == "left"


def test_a_wrong_setup_is_not_retried() -> None:
    with pytest.raises(CameraError, match="left: absent"):
        next(supervised(lambda: Steps(None)))


def test_a_counter_that_stands_still_is_a_loss() -> None:
    cameras = iter([Steps(4, 5, 5, 5, 5, 5), Steps(9)])

    got = list(supervised(lambda: next(cameras), retry_s=0.001, stall_s=2.5))

    assert [x.counter for x in got if isinstance(x, Frame)] == [4, 5, 5, 5, 9]
    assert "device counter stands at 5 for 3.0 s" in got[4].reason  # type: ignore[union-attr]


def test_stop_ends_it_between_tries() -> None:
    stop, cameras = threading.Event(), iter([Steps(1, None), Steps(None)])
    frames = supervised(lambda: next(cameras), retry_s=30, stop=stop)

    assert len(list(islice(frames, 2))) == 2
    stop.set()
    assert list(frames) == []


def test_a_closed_camera_says_so() -> None:
    with pytest.raises(CameraError, match="left: the camera is not open"):
        next(Steps(1).frames())
    with pytest.raises(TypeError, match="abstract"):
        OpenableCamera("left", "1", CameraSettings())  # type: ignore[abstract]


def test_unplugged_and_rebooted_cameras_come_back() -> None:
    faults = Faults(unplugged=(Outage(1, 1, "thermal"),), no_pulses=(Outage(4, 1),))
    rig = SimulatedRig(SMALL, faults=faults, duration_s=10, pace="fast")
    got = list(supervised(rig.opener("thermal"), retry_s=0.001))
    lost = [i for i, x in enumerate(got) if isinstance(x, Lost)]
    frames = [x for x in got if isinstance(x, Frame)]

    assert len(lost) == 2
    assert frames[lost[0]].counter == 0  # booted again
    assert len(frames) == 30 + 60 + 60  # without pulses: 1 s, and 3 s of reboot
    assert [f.sequence for f in frames] == list(range(150))
    assert isinstance(rig.camera("thermal"), Camera)


def test_simulated_cameras_have_an_address() -> None:
    extra = {"pace": "fast", "duration_s": "1", "seed": "3"}
    settings = CameraSettings(160, 120, 30, "y16", "free", extra)
    with open_camera("simulated:thermal_right", name="right", settings=settings) as camera:
        frames = list(camera.frames())

    assert (camera.name, camera.serial, len(frames)) == ("right", "93589", 30)
    with pytest.raises(ConfigError, match="no camera 'thermal_up'. It has thermal_left"):
        open_camera("simulated:thermal_up")
    with pytest.raises(ConfigError, match="seed must be a number, got 'x'"):
        open_camera("simulated:rgb_left", settings=CameraSettings(extra={"seed": "x"}))
