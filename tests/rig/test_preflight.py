"""Each check says what it measured, and a bad rig is refused with a reason."""

import json
import time
from dataclasses import replace

import numpy as np

from thermoscope.core.errors import ConfigError
from thermoscope.rig.camera import Frame, OpenableCamera
from thermoscope.rig.capture import CaptureSource
from thermoscope.rig.preflight import preflight
from thermoscope.rig.simulated_plan import Faults, RigPlan, default_cameras
from thermoscope.rig.simulated_rig import SimulatedOpener

CAMERAS = default_cameras(1, 1, thermal_size=(144, 48), rgb_size=(80, 50))


def look(tmp_path, *, cameras=CAMERAS, faults=None, seconds=1.0, **more):
    plan = RigPlan(cameras, faults or Faults(), duration_s=30, start_ns=time.monotonic_ns())
    sources = [CaptureSource(c.name, SimulatedOpener(plan, c.name)) for c in plan.cameras]
    checks = preflight(
        sources, tmp_path / "run", seconds=seconds, isolation="thread", write_bytes=1_000_000,
        reserve_bytes=1_000_000, **more,
    )  # fmt: skip
    return {check.name: check for check in checks}


def test_a_good_rig(tmp_path):
    checks = look(tmp_path)
    levels = {name: check.level for name, check in checks.items()}
    assert levels["thermal rate"] in ("ok", "warning")  # a busy machine may lose a frame
    assert " Hz of 30 Hz" in checks["thermal rate"].text
    assert "drift" in checks["thermal clock"].text
    assert checks["rgb clock"].text == "none in the camera: the kernel stamps its buffers"
    assert checks["thermal temperature"].text.startswith("31.9 °C")
    assert levels["space"] == "ok"
    assert "Mbit/s of uncompressed video" in checks["USB bandwidth"].text
    assert levels["calibration"] == "warning"
    assert str(checks["space"]).startswith("ok  ")
    assert list(tmp_path.iterdir()) == []


def test_a_hot_camera_on_a_full_disk(tmp_path):
    checks = look(tmp_path, cameras=CAMERAS[:1], faults=Faults(overheat_at_s=-50), seconds=0.5)
    assert checks["thermal temperature"].level == "problem"
    plan = RigPlan(CAMERAS[:1], duration_s=30, start_ns=time.monotonic_ns())
    checks = preflight(
        [CaptureSource("thermal", SimulatedOpener(plan, "thermal"))], tmp_path, seconds=0.3,
        isolation="thread", write_bytes=1_000_000, reserve_bytes=10**18,
    )  # fmt: skip
    (space,) = [check for check in checks if check.name == "space"]
    assert space.level == "problem"
    assert "0 minutes" in space.text


class Slow(OpenableCamera):
    """A camera at 10 Hz that was asked for 30."""

    def open(self):
        self._is_open = True

    def frames(self):
        for i in range(100):
            if not self._is_open:
                return
            time.sleep(0.1)
            image = np.full((4, 4), i, np.uint16)
            yield Frame(self.name, image, i, None, time.monotonic_ns(), sequence=i)


def test_a_wrong_rate_and_no_clock(tmp_path):
    settings = replace(CAMERAS[0].settings, width_px=4000, height_px=3000)
    source = CaptureSource("slow", lambda: Slow("slow", "1", settings))
    checks = preflight([source], tmp_path, seconds=1.0, isolation="thread", write_bytes=1_000_000)
    found = {check.name: check for check in checks}
    assert found["slow rate"].level == "problem"
    assert "of 30 Hz" in found["slow rate"].text
    assert "tells no clock" in found["slow clock"].text


def test_a_camera_that_is_not_there(tmp_path):
    def absent():
        from thermoscope.rig.camera import open_camera

        return open_camera("v4l2:/dev/video99", name="thermal")

    (check,) = preflight([CaptureSource("thermal", absent)], tmp_path, isolation="thread")
    assert check.level == "problem"
    assert "thermal does not start" in check.text


class Ending(Slow):
    """A camera that gives one frame and then cannot go on."""

    def frames(self):
        yield next(super().frames())
        raise ConfigError("ending: its firmware is too old.")


def test_a_camera_that_ends_while_it_is_watched(tmp_path):
    source = CaptureSource("ending", lambda: Ending("ending", "1", CAMERAS[0].settings))
    (check,) = preflight([source], tmp_path, seconds=30.0, isolation="thread")
    assert (check.level, check.text) == ("problem", "ending: its firmware is too old.")


def test_calibrations(tmp_path):
    entry = {"model": "pinhole", "width": 144, "height": 48, "fx": 90, "fy": 90, "cx": 7, "cy": 7}
    entry |= {"distortion": [], "T_camera_rig": np.eye(4).tolist()}
    path = tmp_path / "calibration.json"
    content = {"schema": "thermoscope.calibration.v1", "cameras": {"thermal": entry}}
    path.write_text(json.dumps(content))
    checks = look(tmp_path, seconds=0.3, calibration=path)
    assert checks["thermal calibration"].level == "ok"
    assert checks["rgb calibration"].level == "warning"
    entry["width"] = 99
    path.write_text(json.dumps(content))
    checks = look(tmp_path, seconds=0.3, calibration=path)
    assert "for 99x48, the camera gives 144x48" in checks["thermal calibration"].text
    assert checks["thermal calibration"].level == "problem"
    path.write_text("{")
    assert look(tmp_path, seconds=0.3, calibration=path)["calibration"].level == "problem"
