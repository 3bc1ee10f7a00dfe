"""The simulated rig: what comes out is what was put in, exactly."""

from __future__ import annotations

import pickle
import threading
import time
from itertools import islice, pairwise

import numpy as np
import pytest

from thermoscope.core.errors import ConfigError, ShapeError
from thermoscope.rig.camera import FfcState, Frame
from thermoscope.rig.simulated_picture import (
    LARGEST_YAW_RAD,
    PanningPicture,
    canvas_size,
    scene_canvas,
    texture_canvas,
    yaw_rad,
)
from thermoscope.rig.simulated_plan import Faults, Outage, RigPlan, default_cameras
from thermoscope.rig.simulated_rig import SimulatedRig
from thermoscope.rig.simulated_timeline import injected_faults, timeline
from thermoscope.synthetic.dataset import Scenes

SMALL = default_cameras(2, 2, thermal_size=(160, 120), rgb_size=(96, 60))
EVERYTHING = Faults(drop_rate=0.03, duplicate_rate=0.03, freeze_rate=0.01, ffc_every_s=4)


def frames_of(rig: SimulatedRig, name: str) -> list[Frame]:
    with rig.camera(name) as camera:
        return list(camera.frames())


def test_every_injected_fault_is_in_the_frames_and_nothing_else() -> None:
    with SimulatedRig(SMALL, faults=EVERYTHING, seed=4, duration_s=10, pace="fast") as rig:
        for name in rig.names:
            frames = frames_of(rig, name)
            counters = [f.counter or 0 for f in frames]
            gaps = [c for a, b in pairwise(counters) for c in range(a + 1, b)]
            still = [
                b.counter
                for a, b in pairwise(frames)
                if a.counter != b.counter and np.array_equal(a.image, b.image)
            ]
            true_still = sorted(
                fault.counter + i
                for kind in ("freeze", "ffc")
                for fault in rig.truth.of(name, kind)  # type: ignore[arg-type]
                for i in range(fault.frames)
            )

            assert gaps == [fault.counter for fault in rig.truth.of(name, "drop")]
            assert [b for a, b in pairwise(counters) if a == b] == [
                fault.counter for fault in rig.truth.of(name, "duplicate")
            ]
            assert still == true_still
    kinds = [fault.kind for fault in rig.truth.faults]
    assert {kind: kinds.count(kind) for kind in sorted(set(kinds))}.keys() == {
        "drop", "duplicate", "ffc", "freeze",
    }  # fmt: skip


def test_ffc_is_told_by_telemetry() -> None:
    rig = SimulatedRig(SMALL, faults=Faults(ffc_every_s=4), seed=1, duration_s=10, pace="fast")
    frames = frames_of(rig, "thermal_left")
    running = [f.counter for f in frames if f.ffc is FfcState.RUNNING]
    true = [f.counter + i for f in rig.truth.of("thermal_left", "ffc") for i in range(f.frames)]
    rig.close()

    assert running == true
    assert len(running) == 12 * len(rig.truth.of("thermal_left", "ffc")) >= 24
    first = next(i for i, f in enumerate(frames) if f.ffc is FfcState.RUNNING)
    assert {f.ffc for f in frames[first - 15 : first]} == {FfcState.IMMINENT}


@pytest.mark.parametrize("together", [True, False])
def test_shutters_close_together_or_not(together: bool) -> None:
    plan = RigPlan(SMALL, Faults(ffc_every_s=4, ffc_together=together), seed=2, duration_s=20)
    pulses = [
        [f.pulse for f in injected_faults(plan, camera) if f.kind == "ffc"]
        for camera in plan.cameras[:2]
    ]

    assert (pulses[0] == pulses[1]) is together
    assert len(pulses[0]) >= 4


def test_clean_rig_has_no_fault_and_no_two_equal_frames() -> None:
    rig = SimulatedRig(SMALL[:1], duration_s=100, pace="fast")
    previous, count = None, 0
    with rig.camera("thermal_left") as camera:
        for frame in camera.frames():
            assert previous is None or not np.array_equal(frame.image, previous)
            previous, count = frame.image, count + 1
    rig.close()

    assert (count, rig.truth.faults) == (3000, [])


def test_same_seed_same_frames_in_any_process() -> None:
    first, second = (
        SimulatedRig(SMALL, seed=9, duration_s=1, pace="fast", start_ns=10**9) for _ in range(2)
    )
    opener = pickle.loads(pickle.dumps(second.opener("thermal_left")))
    with opener() as camera:
        again = list(camera.frames())
    frames = frames_of(first, "thermal_left")
    first.close()

    assert [f.host_ns for f in frames] == [f.host_ns for f in again]
    assert all(np.array_equal(a.image, b.image) for a, b in zip(frames, again, strict=True))
    with pytest.raises(ConfigError, match="no camera 'nobody'"):
        second.opener("nobody")


def test_clock_drifts_as_planned_and_jitter_is_one_sided() -> None:
    plan = RigPlan(default_cameras(1, 0), duration_s=200)
    planned = list(timeline(plan, plan.cameras[0]))
    clock_ms = np.array([p.clock_ms for p in planned])
    arrival_ms = np.array([p.arrival_ns for p in planned]) / 1e6
    pulse_ms = np.arange(len(planned)) * 1000 / 30

    slope = np.polyfit(pulse_ms, clock_ms, 1)[0]
    late_ms = arrival_ms - pulse_ms - 35.0
    assert (slope - 1) * 1e6 == pytest.approx(35, abs=2)
    assert late_ms.min() > 0
    assert np.median(late_ms) == pytest.approx(1.2, abs=0.2)
    assert 40 < late_ms.max() < 400
    assert np.all(np.diff(arrival_ms) > 0)


def test_truth_of_the_skew() -> None:
    rig = SimulatedRig(SMALL, duration_s=1, pace="fast")

    assert rig.truth.skew_ms("rgb_left", "thermal_left") == 4.5
    planned = rig.truth.frames("thermal_left")[3]
    assert planned.exposure_ns - rig.plan.start_ns == 100_000_000 + 8_500_000


def test_free_cameras_keep_their_own_time() -> None:
    free = RigPlan(default_cameras(1, 0), duration_s=100).cameras[0]
    plan = RigPlan(default_cameras(1, 0), duration_s=100)
    settings = type(free.settings)(640, 512, 30.0, "y16", "free")
    own = RigPlan((type(free)("own", "thermal", "1", settings, drift_ppm=100),), duration_s=100)
    last = [list(timeline(p, p.cameras[0]))[-1].exposure_ns for p in (plan, own)]

    assert last[1] - (last[0] - 8_500_000) == pytest.approx(-1e-4 * 99.97e9, abs=2e5)


def test_real_pace_is_real_and_a_slow_reader_loses_frames() -> None:
    with SimulatedRig(SMALL[:1], duration_s=3) as rig:
        camera, device = rig.camera("thermal_left"), rig.device("thermal_left")
        frames = list(islice(camera.frames(), 20))
        late_ns = [f.host_ns - (f.kernel_ns or 0) for f in frames]
        time.sleep(0.8)
        frames += islice(camera.frames(), 3)
    counters = [f.counter or 0 for f in frames]

    assert min(late_ns) > 0
    assert device.overruns > 10  # 24 frames came, 8 had a buffer
    assert counters[-1] - counters[0] - 22 == device.overruns


@pytest.mark.parametrize("name", ["thermal_left", "rgb_right"])
def test_close_from_another_thread_ends_the_frames(name: str) -> None:
    with SimulatedRig(SMALL) as rig:
        camera = rig.camera(name)
        threading.Timer(0.2, camera.close).start()
        frames = list(camera.frames())

    assert 0 < len(frames) < 60


def test_overheating() -> None:
    plan = RigPlan(SMALL, Faults(overheat_at_s=10), duration_s=120)
    kelvin = [p.temperature_k for p in timeline(plan, plan.cameras[0])]

    assert (kelvin[0], kelvin[30 * 30], kelvin[-1]) == (305.0, 325.0, 365.0)
    assert next(iter(timeline(plan, plan.cameras[2]))).temperature_k == 305.0


def test_motion_is_shared_and_seen() -> None:
    camera = default_cameras(1, 0)[0]
    canvas = np.broadcast_to(
        np.arange(canvas_size(camera)[1], dtype=np.float32) * 16 + 1000, canvas_size(camera)
    )
    picture = PanningPicture(camera, canvas, seed=5)
    # on a ramp of 16 counts a pixel, the mean grey value tells where the window is
    times = np.linspace(0, 10, 40)
    seen_px = [picture.at(t, i).mean() / 16 for i, t in enumerate(times)]
    true_px = [yaw_rad(t, 5) * 0.64 * 640 for t in times]

    shift = np.array(seen_px) - np.array(true_px)
    assert np.ptp(shift) < 1 / 8 + 0.02
    assert max(abs(yaw_rad(t, 5)) for t in times) <= LARGEST_YAW_RAD


def test_offset_moves_all_pixels() -> None:
    camera = SMALL[0]
    picture = PanningPicture(camera, texture_canvas(camera, 0), 0)

    np.testing.assert_array_equal(picture.at(1, 5, 7), picture.at(1, 5) + 7)
    with pytest.raises(ShapeError, match=r"canvas of thermal_left must be \(120, .*got \(4, 4\)"):
        PanningPicture(camera, np.zeros((4, 4), np.float32), 0)


def test_scenes_fill_the_view() -> None:
    ramp = np.linspace(20_000, 24_000, 64, dtype=np.uint16)
    sample = {
        "counts": np.tile(ramp, (1, 48, 1)),
        "counts_right": np.tile(ramp[::-1], (1, 48, 1)),
        "rgb": np.tile(np.linspace(0, 1, 64, dtype=np.float32), (3, 48, 1)),
    }
    left, right, colour = (scene_canvas(c, sample) for c in (*SMALL[:2], SMALL[3]))  # type: ignore[arg-type]

    assert (left.shape, colour.shape) == (canvas_size(SMALL[0]), (*canvas_size(SMALL[3]), 3))
    assert (left[0, 0], left[0, -1]) == (20_000, 24_000)
    np.testing.assert_allclose(right, left[:, ::-1], atol=2)
    assert (colour.min(), colour.max()) == (8, 240)  # there is no right colour view: the left one


@pytest.mark.slow
def test_rendered_scenes() -> None:
    scenes = Scenes(split="val", environment="urban", count=1, preset="tiny", colour="left")
    with SimulatedRig(SMALL[1:3], scenes=scenes, duration_s=0.1, pace="fast") as rig:
        thermal, colour = (next(rig.camera(name).frames()).image for name in rig.names)

    counts = scenes[0]["counts_right"]
    assert thermal.mean() == pytest.approx(counts.mean(), rel=0.05)
    assert np.ptp(colour) > 100


def test_impossible_plans() -> None:
    with pytest.raises(ConfigError, match="a rig needs cameras, got 0 thermal and 0 rgb"):
        default_cameras(0, 0)
    with pytest.raises(ConfigError, match="cameras need different names"):
        RigPlan((SMALL[0], SMALL[0]))
    with pytest.raises(ConfigError, match="pace must be real or fast, got 'slow'"):
        SimulatedRig(SMALL, pace="slow")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="duration_s must be positive"):
        RigPlan(SMALL, duration_s=0)
    with pytest.raises(ConfigError, match="camera 'up' cannot be unplugged"):
        RigPlan(SMALL, Faults(unplugged=(Outage(1, 1, "up"),)))
    with pytest.raises(ConfigError, match=r"drop_rate must lie in \[0, 1\], got 2"):
        Faults(drop_rate=2)
    with pytest.raises(ConfigError, match="sum of the serial rates"):
        Faults(serial_lost_rate=0.7, serial_late_rate=0.7)


def test_names_of_cameras() -> None:
    assert [c.name for c in default_cameras(1, 0)] == ["thermal"]
    assert [c.name for c in default_cameras(3, 1)] == ["thermal_0", "thermal_1", "thermal_2", "rgb"]
