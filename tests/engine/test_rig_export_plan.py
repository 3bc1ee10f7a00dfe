"""Pairs by hand: which frames belong together, what is left out, and what motion tells."""

import numpy as np
import pytest
from tests.fakes.rendered_recording import OFFSET_NS, Faults, write_rendered_recording

from thermoscope.core.errors import ConfigError, RigError, UnknownNameError
from thermoscope.engine.rig_export_plan import camera_roles, plan_export
from thermoscope.io.ros_messages import FrameStamp
from thermoscope.rig.recording_format import (
    CameraRecord,
    Manifest,
    read_manifest,
    write_manifest,
)
from thermoscope.rig.segment import PictureCoder, SegmentWriter
from thermoscope.rig.simulated_picture import PanningPicture, texture_canvas
from thermoscope.rig.simulated_plan import default_cameras

ROLES = {"thermal": "thermal", "rgb": "rgb"}
PERIOD_NS = 33_333_333
THERMAL_SEES_MS, RGB_SEES_MS = 26.5, 18.0  # before the stamp


def plan_of(folder, roles=ROLES, **settings):
    settings = {"rate_hz": 1.0, "settle_s": 1.0, "max_gap_ms": None, **settings}
    return plan_export(folder, read_manifest(folder), roles, **settings)


def used(plan, role="thermal"):
    return [pair.frames[role].sequence for pair in plan.pairs]


@pytest.fixture(scope="module")
def panning(tmp_path_factory):
    """14 s of two cameras that turn together; stamps of colour are 13 ms before those of thermal.

    The device clock of the thermal camera counts whole milliseconds; its arrivals are late by up
    to 3 ms.
    """
    folder = tmp_path_factory.mktemp("panning")
    cameras = default_cameras(1, 1, thermal_size=(144, 48), rgb_size=(120, 40))
    records = (
        CameraRecord("thermal", "a", "thermal", "mono16", 144, 48, 30.0),
        CameraRecord("rgb", "b", "rgb", "raw", 120, 40, 30.0),
    )
    views = [PanningPicture(camera, texture_canvas(camera, 0), 0) for camera in cameras]
    writer = SegmentWriter(folder / "000000.mcap", records, offset_ns=OFFSET_NS)
    coders = [PictureCoder(record) for record in records]
    rng = np.random.default_rng(0)
    for index in range(14 * 30):
        pulse_ns = 10_000_000_000 + index * PERIOD_NS
        for camera, delay_ms, sees_ms in ((0, 35.0, THERMAL_SEES_MS), (1, 22.0, RGB_SEES_MS)):
            sent_ns = pulse_ns + round(delay_ms * 1e6)
            picture = views[camera].at((sent_ns - sees_ms * 1e6) / 1e9, index)
            late_ns = int(rng.integers(0, 3_000_000)) if camera == 0 and index % 5 else 0
            device_ns = (index * PERIOD_NS) // 1_000_000 * 1_000_000 if camera == 0 else None
            host_ns = sent_ns + late_ns
            stamp = FrameStamp(OFFSET_NS + host_ns, index, index, device_ns, host_ns)
            coded = coders[camera].encode(picture, stamp.t_ns)
            writer.add_frame(records[camera].name, coded, stamp)
    manifest = Manifest(records, OFFSET_NS, OFFSET_NS, (writer.close(),), {}, "asked")
    write_manifest(folder, manifest)
    return folder


def test_skew_is_measured_and_pairs_are_of_one_pulse(panning):
    plan = plan_of(panning)
    skew = plan.skew["rgb"]
    assert skew["skew_ms"] == pytest.approx(THERMAL_SEES_MS - RGB_SEES_MS, abs=1.0)
    assert skew["low_ms"] < skew["skew_ms"] < skew["high_ms"]
    assert used(plan) == used(plan, "rgb") == list(range(0, 14 * 30, 30))
    assert plan.left_out == {"between samples": 14 * 30 - 14}


@pytest.mark.parametrize("rate_hz", [4.0, 7.0, 12.0, 20.0, 25.0])
def test_the_rate_is_pairs_a_second(panning, rate_hz):
    pairs = plan_of(panning, rate_hz=rate_hz).pairs
    gaps_s = np.diff([pair.t_ns for pair in pairs]) / 1e9
    assert 1 / gaps_s.mean() == pytest.approx(rate_hz, rel=0.01)
    assert np.abs(gaps_s - 1 / rate_hz).max() < 1.1 / 30


def test_the_fitted_clock_takes_the_lateness_of_arrivals_off(panning):
    plan = plan_of(panning, rate_hz=30.0)
    dt_ms = np.array([pair.frames["rgb"].dt_ns for pair in plan.pairs]) / 1e6
    assert len(dt_ms) == 14 * 30
    assert np.abs(dt_ms + 13.0).max() < 1.1  # the tick of the device clock
    assert dt_ms.std() < 0.5
    t_ns = [pair.t_ns for pair in plan.pairs]
    assert t_ns[0] == pytest.approx(OFFSET_NS + 10_035_000_000, abs=1_000_000)
    assert plan.pairs[0].frames["rgb"].t_ns == t_ns[0] + plan.pairs[0].frames["rgb"].dt_ns


def test_a_limit_in_time_keeps_frames_apart(panning):
    with pytest.raises(RigError, match=r"420 without a partner\. Limits in time: rgb 2\.0 ms"):
        plan_of(panning, max_gap_ms=2.0)


def test_the_shutter_of_either_camera_counts_with_its_settling(tmp_path):
    faults = Faults(shutter={"thermal_left": {5}, "thermal_right": {20, 21}})
    folder = write_rendered_recording(tmp_path / "r", frames=40, faults=faults)
    roles = {"thermal": "thermal_left", "thermal_right": "thermal_right", "rgb": "rgb_left"}
    plan = plan_of(folder, roles, rate_hz=10.0)
    # 1 s after 5 ends with 15, 1 s after 21 with 31
    assert used(plan) == [*range(5), *range(16, 20), *range(32, 40)]
    assert plan.left_out == {"shutter": 11 + 12}
    assert used(plan_of(folder, roles, rate_hz=10.0, settle_s=0.0)) == [
        i for i in range(40) if i not in (5, 20, 21)
    ]


def test_sampling_keeps_the_beat_over_what_is_left_out(tmp_path):
    faults = Faults(frozen={"thermal_left": set(range(8, 13))})
    folder = write_rendered_recording(tmp_path / "r", frames=40, faults=faults)
    plan = plan_of(folder, {"thermal": "thermal_left", "rgb": "rgb_left"}, rate_hz=1.0)
    assert used(plan) == [0, 13, 23, 33]
    assert plan.left_out == {"frozen": 5, "between samples": 31}


def record(name, kind):
    return CameraRecord(name, "", kind, "raw", 8, 8, 30.0)


def test_roles_follow_kind_and_name():
    assert camera_roles([record("zed", "rgb"), record("boson", "thermal")]) == {
        "thermal": "boson", "rgb": "zed",
    }  # fmt: skip
    with pytest.raises(ConfigError, match=r"no thermal camera but zed \(rgb\)"):
        camera_roles([record("zed", "rgb")])
    with pytest.raises(ConfigError, match="no rgb camera but boson .*, rgb_right"):
        camera_roles([record("boson", "thermal"), record("rgb_right", "rgb")])


def test_a_role_of_no_camera_is_named(panning):
    with pytest.raises(UnknownNameError, match="unknown camera of the recording 'left'"):
        plan_of(panning, {"thermal": "left", "rgb": "rgb"})
