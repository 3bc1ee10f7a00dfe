"""The Boson driver on a simulated device: real protocol, real telemetry."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest

from thermoscope.core.errors import CameraError, ConfigError, MissingDependencyError
from thermoscope.rig.boson import BosonCamera, BosonDevice, open_serial_port, plugged_in
from thermoscope.rig.camera import CameraSettings, FfcState, Frame
from thermoscope.rig.simulated_device import SimulatedDevice, SimulatedVideo
from thermoscope.rig.simulated_picture import PanningPicture, texture_canvas
from thermoscope.rig.simulated_plan import Faults, Outage, RigPlan, default_cameras
from thermoscope.rig.simulated_rig import camera_on

SIZE = (160, 120)
FREE = CameraSettings(*SIZE, 30.0)


def device_of(plan: RigPlan) -> SimulatedDevice:
    camera = plan.cameras[0]
    return SimulatedDevice(plan, camera, PanningPicture(camera, texture_canvas(camera, 0), 0))


def plan_of(**changes: object) -> RigPlan:
    cameras = default_cameras(1, 0, thermal_size=SIZE)
    return RigPlan(cameras=cameras, pace="fast", duration_s=2, **changes)  # type: ignore[arg-type]


def driver(
    device: SimulatedDevice, settings: CameraSettings = FREE, **other: object
) -> BosonCamera:
    return BosonCamera(
        "93588",
        "left",
        settings,
        **{
            "devices": device.plugged_in,
            "open_stream": lambda _, wire: SimulatedVideo(device, wire),
            **other,
        },  # type: ignore[arg-type]
    )


@pytest.fixture
def device() -> Iterator[SimulatedDevice]:
    device = device_of(plan_of())
    yield device
    device.unplug()


def test_frames_tell_all_that_telemetry_has(device: SimulatedDevice) -> None:
    with driver(device) as camera:
        frames = list(camera.frames())

    assert [f.counter for f in frames] == list(range(126, 186))
    assert {f.image.shape for f in frames} == {(120, 160)}
    assert frames[0].image.dtype == np.uint16
    assert np.diff([f.device_ns for f in frames]) == pytest.approx(33.33e6, abs=1e6)
    assert (frames[0].ffc, frames[0].temperature_k) == (FfcState.NONE, 305.0)
    assert len(frames[0].telemetry or b"") == 320
    assert (frames[0].sequence, frames[-1].sequence) == (0, 59)


def test_settings_are_told_back(device: SimulatedDevice) -> None:
    extra = {"pulses": "running", "ir16": "tlinear", "ffc": "manual"}
    camera = driver(device, replace(FREE, sync="slave", extra=extra))
    with camera:
        assert camera.settings.sync == "slave"
        assert camera.settings.extra["part_number"] == "20640A095-9PARX"
        assert camera.settings.extra["radiometric"] == "yes"
        assert camera.sensor_temperature_k() == pytest.approx(305.0, abs=0.06)
        assert device.firmware is not None
        assert device.firmware.settings[0x00050013] == 0
        assert device.firmware.harmful_calls == 0


def test_slave_needs_the_word_that_pulses_run(device: SimulatedDevice) -> None:
    camera = driver(device, replace(FREE, sync="slave"))

    with pytest.raises(CameraError, match="sync=slave without pulses makes the core fault"):
        camera.open()
    assert device.firmware is not None
    assert device.firmware.settings[0x00050099] == 0


def test_slave_without_pulses_loses_the_camera() -> None:
    device = device_of(plan_of(faults=Faults(no_pulses=(Outage(0, 1),))))
    camera = driver(device, replace(FREE, sync="slave", extra={"pulses": "running"}))

    with pytest.raises(CameraError, match=r"command port is gone|no reply to command"):
        camera.open()
    assert device.plugged_in() == []


def test_ffc_on_command(device: SimulatedDevice) -> None:
    with driver(device) as camera:
        frames = list(islice(camera.frames(), 10))
        camera.do_ffc()
        frames += islice(camera.frames(), 20)
    states = [f.ffc for f in frames]

    assert states.count(FfcState.RUNNING) == 12
    assert states[-1] is FfcState.COMPLETE
    closed = [f for f in frames if f.ffc is FfcState.RUNNING]
    assert all((f.image == closed[0].image).all() for f in closed)


def test_found_by_the_number_it_tells(device: SimulatedDevice) -> None:
    other = device_of(replace(plan_of(), cameras=(replace(plan_of().cameras[0], serial="5"),)))

    def both() -> list[BosonDevice]:
        return [*other.plugged_in(), *device.plugged_in()]

    try:
        with driver(device, devices=both) as camera:
            assert camera.serial == "93588"
        either = driver(device, devices=both)
        either.serial = ""
        with pytest.raises(CameraError, match="no exactly one Boson .* seen: 5 at .*; 93588 at"):
            either.open()
    finally:
        other.unplug()


def test_no_camera(device: SimulatedDevice) -> None:
    with pytest.raises(CameraError, match="left: no Boson 93588 is plugged in; seen: none"):
        driver(device, devices=list).open()
    gone = [BosonDevice("/dev/video99", "/dev/ttyACM99")]
    with pytest.raises(CameraError, match="seen: /dev/ttyACM99 .*cannot be opened"):
        driver(device, devices=lambda: gone).open()
    with pytest.raises(CameraError, match="group 'dialout'"):
        open_serial_port("/dev/ttyACM99")


def test_without_pyserial(monkeypatch: pytest.MonkeyPatch, device: SimulatedDevice) -> None:
    monkeypatch.setitem(sys.modules, "serial", None)
    with pytest.raises(MissingDependencyError, match=r"command port needs .*thermoscope\[rig\]"):
        driver(device).open()


def test_bad_pictures_are_counted(device: SimulatedDevice) -> None:
    class Short(SimulatedVideo):
        def _data(self, planned) -> bytes:
            whole = super()._data(planned)
            return whole[:-2] if planned.pulse % 10 == 5 else whole

    camera = driver(device, open_stream=lambda _, wire: Short(device, wire))
    with camera:
        frames = list(camera.frames())

    assert (len(frames), camera.bad_pictures) == (54, 6)
    assert frames[5].counter == 126 + 6  # the counter shows the hole


def test_first_frames_of_another_camera_are_left_out(device: SimulatedDevice) -> None:
    class Late(SimulatedVideo):
        def _data(self, planned) -> bytes:
            whole = super()._data(planned)
            return bytes(len(whole)) if planned.pulse < 2 or planned.pulse == 9 else whole

    with driver(device, open_stream=lambda _, wire: Late(device, wire)) as camera:
        frames: list[Frame] = list(islice(camera.frames(), 10))

    assert [f.counter for f in frames] == [*range(128, 135), None, 136, 137]
    assert frames[7].telemetry is None


def test_unplugged_while_streaming() -> None:
    device = device_of(plan_of(faults=Faults(unplugged=(Outage(1, 0.5, "thermal"),))))
    camera = camera_on(device)
    camera.open()
    with pytest.raises(CameraError, match="stream broke off"):
        list(camera.frames())
    camera.close()
    with camera as again:
        counters = [f.counter for f in again.frames()]
    device.unplug()

    assert counters == list(range(15))


def test_wrong_words() -> None:
    with pytest.raises(ConfigError, match="a Boson gives pixel y16, asked for 'rgb8'"):
        BosonCamera("1", "left", CameraSettings(pixel="rgb8"))
    with pytest.raises(ConfigError, match="ir16 must be one of counts, tlinear, got 'kelvin'"):
        BosonCamera("1", "left", CameraSettings(extra={"ir16": "kelvin"}))
    with pytest.raises(CameraError, match="left: the camera is not open"):
        next(BosonCamera("1", "left").frames())
    with pytest.raises(CameraError, match="left: the camera is not open"):
        BosonCamera("1", "left").do_ffc()
    assert plugged_in() == []


def test_tlinear_needs_a_radiometric_core(device: SimulatedDevice) -> None:
    assert device.firmware is not None
    device.firmware._part_number = "20640A095-9PAAX"
    with pytest.raises(CameraError, match="not radiometric and cannot give ir16=tlinear"):
        driver(device, replace(FREE, extra={"ir16": "tlinear"})).open()


def test_opening_twice_and_closing_twice(device: SimulatedDevice) -> None:
    camera = driver(device)
    with camera:
        camera.open()
        assert next(camera.frames()).counter == 126
    camera.close()
    with pytest.raises(CameraError, match="left: the camera is not open"):
        camera.sensor_temperature_k()


def test_opening_through_a_bad_line() -> None:
    faults = Faults(serial_corrupt_rate=0.1, serial_split_rate=0.3, serial_duplicate_rate=0.3)
    device = device_of(plan_of(faults=faults, seed=5))
    with driver(device, timeout_s=0.3) as camera:
        assert camera.settings.extra["part_number"] == "20640A095-9PARX"
        assert next(camera.frames()).ffc is FfcState.NONE
    device.unplug()
