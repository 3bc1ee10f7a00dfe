"""End to end on simulated cameras: recorded, verified, replayed, read back; killed and starved."""

import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from mcap.reader import make_reader

from thermoscope import open_sequence
from thermoscope.core.errors import CalibrationError, ConfigError, RigError, WriteError
from thermoscope.geometry.camera import Camera as CameraModel
from thermoscope.io.ros_messages import parse_log
from thermoscope.rig.camera import OpenableCamera
from thermoscope.rig.capture import CaptureSource
from thermoscope.rig.recorder import RecordOptions, record
from thermoscope.rig.recording_format import read_manifest
from thermoscope.rig.recover import recover_recording
from thermoscope.rig.replay import RecordedCamera, replay_all
from thermoscope.rig.simulated_plan import Faults, RigPlan, default_cameras
from thermoscope.rig.simulated_rig import SimulatedOpener, Truth
from thermoscope.rig.verify import verify_recording

CAMERAS = default_cameras(2, 2, thermal_size=(144, 48), rgb_size=(80, 50))
SMALL = RecordOptions(isolation="thread", reserve_bytes=1_000_000, seconds=30)


def plan_of(seconds=2.0, *, cameras=CAMERAS, faults=None, pace="fast", wait_s=0.0):
    start_ns = time.monotonic_ns() + int(wait_s * 1e9)
    return RigPlan(
        cameras, faults or Faults(), seed=2, duration_s=seconds, pace=pace, start_ns=start_ns
    )


def sources_of(plan, **codecs):
    return [CaptureSource(c.name, SimulatedOpener(plan, c.name), **codecs) for c in plan.cameras]


def events_of(folder):
    with (folder / "000000.mcap").open("rb") as stream:
        return [
            parse_log(message.data)
            for _, _, message in make_reader(stream).iter_messages(topics=["/rig/events"])
        ]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """Two seconds of two thermal and two colour cameras in real time, with faults.

    The plan outlasts any delay of a busy machine, and has faults enough for a short piece of it.
    """
    folder = tmp_path_factory.mktemp("recorded") / "run"
    plan = plan_of(60.0, faults=Faults(drop_rate=0.2, duplicate_rate=0.2), pace="real")
    told = []
    options = replace(SMALL, seconds=2.2, segment_s=1.0)
    manifest = record(folder, sources_of(plan), options, on_status=told.append)
    return folder, plan, manifest, told


def test_the_recording_is_whole_and_in_segments(recorded):
    folder, _, manifest, told = recorded
    assert manifest == read_manifest(folder)
    assert manifest.stopped == "duration"
    assert len(manifest.segments) >= 2  # three, if the machine is not held up
    report = verify_recording(folder)
    assert report.problems == ()
    assert report.frames == manifest.frames
    assert {c.codec for c in manifest.cameras} == {"mono16", "jpeg"}
    assert [c.serial for c in manifest.cameras] == ["93588", "93589", "rgb-0", "rgb-1"]
    assert told[-1].frames.keys() == manifest.frames.keys()
    assert told[-1].written_bytes > 0
    assert not (folder / ".ballast").exists()


def test_every_injected_drop_and_duplicate_is_an_event(recorded):
    folder, plan, _, _ = recorded
    counters = {}
    for frame in replay_all(folder):
        counters.setdefault(frame.camera, []).append(frame.counter)
    report = verify_recording(folder)
    for name in ("thermal_left", "thermal_right"):
        seen = counters[name]
        lost = {
            fault.counter for fault in Truth(plan).of(name, "drop")
            if seen[0] < fault.counter < seen[-1]
        }  # fmt: skip
        assert lost
        assert set(range(seen[0], seen[-1])) - set(seen) >= lost
        assert report.camera_drops[name] >= len(lost)
    assert report.events["duplicate"] > 0


def test_replay_gives_the_frames_as_they_came(recorded):
    folder, _, manifest, _ = recorded
    with RecordedCamera(folder, "thermal_left", pace="fast") as camera:
        frames = list(camera.frames())
        assert (camera.serial, camera.settings.width_px) == ("93588", 144)
    assert len(frames) == manifest.frames["thermal_left"]
    assert all(b.host_ns > a.host_ns for a, b in pairwise(frames))
    assert frames[0].image.dtype == np.uint16
    assert len(frames[0].telemetry) > 100
    assert frames[0].device_ns is not None
    read_back = [image for file in sorted(folder.glob("*.mcap")) for image in open_sequence(file)]
    assert len(read_back) == len(frames)
    for frame, image in zip(frames, read_back, strict=True):
        np.testing.assert_array_equal(frame.image, image.counts)
    everything = list(replay_all(folder))
    assert len(everything) == sum(manifest.frames.values())
    assert {f.camera for f in everything} == set(manifest.frames)


def test_replay_in_real_time_takes_its_time(recorded):
    folder, _, _, _ = recorded
    begun = time.monotonic()
    with RecordedCamera(folder, "rgb_left", speed=10.0) as camera:
        frames = list(camera.frames())
    span_s = (frames[-1].host_ns - frames[0].host_ns) / 1e9
    assert time.monotonic() - begun >= span_s / 10


@pytest.mark.parametrize("codec", ["mono16", "delta"])
def test_thermal_frames_are_stored_bit_by_bit(tmp_path, codec):
    plan = plan_of(1.0, cameras=CAMERAS[:1])
    with SimulatedOpener(plan, "thermal_left")() as camera:
        truth = {frame.counter: frame.image for frame in camera.frames()}
    again = replace(plan, start_ns=plan.start_ns + 1)  # another device
    record(tmp_path / "r", sources_of(again, thermal_codec=codec), SMALL)
    with RecordedCamera(tmp_path / "r", "thermal_left", pace="fast") as camera:
        frames = list(camera.frames())
    assert len(frames) > 20
    for frame in frames:
        np.testing.assert_array_equal(frame.image, truth[frame.counter])


class Stubborn(OpenableCamera):
    """A camera whose frames come faster than any disk."""

    def open(self):
        self._is_open = True

    def frames(self):
        from thermoscope.rig.camera import Frame

        image = np.random.default_rng(0).integers(0, 65_535, (512, 640)).astype(np.uint16)
        for i in range(400):
            if not self._is_open:
                return
            image[0, 0] = i
            yield Frame(self.name, image.copy(), i, None, time.monotonic_ns(), sequence=i)


def stubborn():
    from thermoscope.rig.camera import CameraSettings

    return Stubborn("fast", "1", CameraSettings())


def test_a_full_queue_is_counted_and_told(tmp_path):
    options = replace(SMALL, queue_frames=2)
    manifest = record(tmp_path / "r", [CaptureSource("fast", stubborn)], options)
    assert manifest.queue_drops["fast"] > 0
    report = verify_recording(tmp_path / "r")
    assert report.problems == ()
    assert report.queue_drops["fast"] == manifest.queue_drops["fast"]
    assert report.camera_drops.get("fast", 0) == 0


def test_the_reserve_ends_the_recording_cleanly(tmp_path):
    plan = plan_of(30.0, cameras=CAMERAS[:1], pace="real")
    free = shutil.disk_usage(tmp_path).free
    with pytest.raises(WriteError, match="has less space than the reserve of"):
        record(tmp_path / "r", sources_of(plan), replace(SMALL, reserve_bytes=2 * free))


@pytest.mark.parametrize(("segment_s", "found"), [(0.2, "cannot make"), (60, "cannot be reached")])
def test_a_folder_that_goes_away_ends_the_recording_with_one_error(tmp_path, segment_s, found):
    plan = plan_of(60, cameras=CAMERAS[:1], pace="real")
    with pytest.raises(WriteError, match=rf"ended \(disk: .*{found}.*\), and .* written down"):
        record(
            tmp_path / "r", sources_of(plan), replace(SMALL, segment_s=segment_s),
            on_status=lambda status: shutil.rmtree(tmp_path / "r"),
        )  # fmt: skip
    assert not (tmp_path / "r").exists()


CAPPED = """
import resource, sys
sys.path.insert(0, {root!r})
from tests.rig.test_recorder import SMALL, CaptureSource, record, stubborn
from pathlib import Path
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
if __name__ == "__main__":
    manifest = record(Path({folder!r}), [CaptureSource("fast", stubborn)], SMALL)
    print(manifest.stopped, manifest.frames)
"""


def capped(request, folder, limit):
    script = CAPPED.format(root=str(request.config.rootpath), folder=str(folder), limit=limit)
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("limit", [500_000, 1_500])  # too little for the ballast, for a segment
def test_a_recording_that_cannot_begin_leaves_nothing(tmp_path, request, limit):
    run = capped(request, tmp_path / "r", limit)
    assert "WriteError: cannot" in run.stderr.splitlines()[-1]
    assert list((tmp_path / "r").iterdir()) == []


def test_a_write_error_ends_in_a_whole_file(tmp_path, request):
    """No file may grow beyond 3 MB: what a full disk does, without filling one."""
    run = capped(request, tmp_path / "r", 3_000_000)
    assert run.stdout.startswith("disk: cannot write"), run.stderr
    report = verify_recording(tmp_path / "r")
    assert report.problems == ()
    assert report.frames["fast"] >= 3


def test_calibrations_must_fit(tmp_path):
    import json

    model = CameraModel(90, 90, 71.5, 23.5, 144, 48)
    entry = {k: getattr(model, k) for k in ("model", "width", "height", "fx", "fy", "cx", "cy")}
    entry |= {"distortion": [], "T_camera_rig": np.eye(4).tolist()}
    path = tmp_path / "calibration.json"
    content = {"schema": "thermoscope.calibration.v1", "cameras": {"thermal_left": entry}}
    path.write_text(json.dumps(content))
    plan = plan_of(0.5, cameras=CAMERAS[:1])
    manifest = record(tmp_path / "a", sources_of(plan), replace(SMALL, calibration=path))
    assert (tmp_path / "a" / manifest.calibration).read_text() == path.read_text()
    (tmp_path / "a" / manifest.calibration).write_text("{}")
    texts = [str(p) for p in verify_recording(tmp_path / "a").problems]
    assert texts == ["calibration.json: is not the calibration that was recorded"]
    entry["width"] = 32
    path.write_text(json.dumps(content))
    plan = plan_of(0.5, cameras=CAMERAS[:1], wait_s=0.1)
    with pytest.raises(CalibrationError, match="is for 32x48, the camera gives 144x48"):
        record(tmp_path / "b", sources_of(plan), replace(SMALL, calibration=path))


@pytest.mark.parametrize("name", ["recording.json", "000000.mcap"])
def test_a_calibration_takes_no_name_of_the_recording(tmp_path, name):
    (tmp_path / name).write_text("{}")
    with pytest.raises(ConfigError, match=f"has a file {name} of its own"):
        record(tmp_path / "r", [], replace(SMALL, calibration=tmp_path / name))


def test_wrong_setup_fails_before_the_first_frame(tmp_path):
    def absent():
        from thermoscope.rig.camera import open_camera

        return open_camera("v4l2:/dev/video99", name="thermal")

    with pytest.raises(RigError, match="thermal does not start"):
        record(tmp_path / "r", [CaptureSource("thermal", absent)], SMALL)
    plan = plan_of(5.0, cameras=CAMERAS[:1], pace="real", wait_s=0.5)
    with pytest.raises(RigError, match=r"stopped \(SIGINT\) before all cameras gave a frame"):
        record(tmp_path / "r", sources_of(plan), SMALL, stop=lambda: "SIGINT")
    with pytest.raises(ConfigError, match="cameras need different names, got \\[\\]"):
        record(tmp_path / "r", [], SMALL)
    (tmp_path / "r" / "000000.mcap").write_bytes(b"")
    with pytest.raises(ConfigError, match="holds a recording"):
        record(tmp_path / "r", [], SMALL)
    with pytest.raises(ConfigError, match="segment_s must be positive"):
        RecordOptions(segment_s=0)
    with pytest.raises(ConfigError, match="reserve_bytes must not be negative"):
        RecordOptions(reserve_bytes=-1)


KILLED = """
import sys, time
sys.path.insert(0, {root!r})
from pathlib import Path
from tests.rig.test_recorder import SMALL, plan_of, record, sources_of, CAMERAS
if __name__ == "__main__":
    plan = plan_of(60, cameras=CAMERAS[::2], pace="real")
    print("up", flush=True)
    record(Path({folder!r}), sources_of(plan), SMALL)
"""


def slept(seconds):
    """Sleep, and tell by how much a busy machine held up the longest hundredth of it, s."""
    longest, end = 0.0, time.monotonic() + seconds
    while (begun := time.monotonic()) < end:
        time.sleep(0.01)
        longest = max(longest, time.monotonic() - begun - 0.01)
    return longest


def test_kill_9_costs_at_most_a_second(tmp_path, request):
    """Twice here; benchmarks/rig_crash.py does it 500 times."""
    for i, after_s in enumerate((1.3, 2.1)):
        folder = tmp_path / f"r{i}"
        script = KILLED.format(root=str(request.config.rootpath), folder=str(folder))
        with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as run:
            run.stdout.readline()
            while run.poll() is None and not (folder / "000000.mcap").exists():
                time.sleep(0.01)
            held_up_s = slept(after_s)
            killed_ns = time.monotonic_ns()
            os.kill(run.pid, signal.SIGKILL)
        recover_recording(folder)
        report = verify_recording(folder)
        assert report.problems == ()
        last_ns = max(frame.host_ns for frame in replay_all(folder))
        assert (killed_ns - last_ns) / 1e9 < 1.0 + held_up_s


PROCESSES = """
import sys
sys.path.insert(0, {root!r})
from dataclasses import replace
from pathlib import Path
from tests.rig.test_recorder import SMALL, plan_of, record, sources_of, CAMERAS
if __name__ == "__main__":
    plan = plan_of(60, cameras=CAMERAS[:1], pace="real")
    record(Path({folder!r}), sources_of(plan), replace(SMALL, isolation="process"))
"""


def test_capture_processes_end_with_a_recorder_that_was_killed(tmp_path, request):
    script, folder = tmp_path / "script.py", tmp_path / "r"
    script.write_text(PROCESSES.format(root=str(request.config.rootpath), folder=str(folder)))
    with subprocess.Popen([sys.executable, str(script)]) as run:
        while run.poll() is None and not (folder / "000000.mcap").exists():
            time.sleep(0.01)
        children = Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text().split()
        time.sleep(0.5)
        os.kill(run.pid, signal.SIGKILL)
    assert children
    until = time.monotonic() + 60
    while any(Path(f"/proc/{child}").exists() for child in children):
        assert time.monotonic() < until, "a capture process outlived the recorder"
        time.sleep(0.05)


def test_cameras_in_processes(tmp_path):
    plan = plan_of(60, cameras=CAMERAS[:1], pace="real", wait_s=0.5)
    options = replace(SMALL, isolation="process", seconds=None)
    told = []
    manifest = record(
        tmp_path / "r", sources_of(plan), options, on_status=told.append,
        stop=lambda: "enough" if told and told[-1].frames.get("thermal_left", 0) > 5 else "",
    )  # fmt: skip
    assert manifest.stopped == "enough"
    assert manifest.frames["thermal_left"] > 5
    assert verify_recording(tmp_path / "r").problems == ()


def test_a_capture_that_is_killed_is_a_lost_camera_and_the_others_go_on(tmp_path):
    plan = plan_of(60, cameras=CAMERAS[::2], pace="real", wait_s=0.5)
    told, left = [], []

    def kill_one(status):
        told.append(status.frames)
        if not left and min(status.frames.values(), default=0) > 0:
            (victim,) = [p for p in multiprocessing.active_children() if p.name == "thermal_left"]
            os.kill(victim.pid, signal.SIGKILL)
            left.append(status.frames["rgb_left"])

    manifest = record(
        tmp_path / "r", sources_of(plan), replace(SMALL, isolation="process", seconds=None),
        on_status=kill_one,
        stop=lambda: "enough" if left and told[-1]["rgb_left"] > left[0] + 5 else "",
    )  # fmt: skip
    assert manifest.stopped == (
        "error: the capture of thermal_left died (exit status -9). What it sent is written; "
        "what it printed may tell why. (The others: enough.)"
    )
    lost = [entry for entry in events_of(tmp_path / "r") if entry.kind == "lost"]
    assert [entry.camera for entry in lost] == ["thermal_left"]
    assert verify_recording(tmp_path / "r").problems == ()


def test_a_capture_that_dies_before_it_is_ready_is_an_error(tmp_path):
    source = CaptureSource("thermal", partial(os._exit, 3))
    with pytest.raises(RigError, match=r"thermal does not start.*died \(exit status 3\)"):
        record(tmp_path / "r", [source], replace(SMALL, isolation="process"))


def test_an_unplugged_camera_is_told_and_comes_back(tmp_path):
    from thermoscope.rig.simulated_plan import Outage

    faults = Faults(unplugged=(Outage(4.0, 0.5, "thermal_left"),))
    plan = plan_of(60.0, cameras=CAMERAS[::2], faults=faults, pace="real")
    told = []

    def back():
        """Frames came after the outage, however long the machine held us up."""
        after = [count for at_ns, count in told if at_ns - plan.start_ns > 4.5e9]
        return "back" if after and after[-1] > after[0] else ""

    manifest = record(
        tmp_path / "r", sources_of(plan), replace(SMALL, seconds=None), stop=back,
        on_status=lambda s: told.append((time.monotonic_ns(), s.frames.get("thermal_left", 0))),
    )  # fmt: skip
    words = [(entry.camera, entry.kind) for entry in events_of(tmp_path / "r")]
    assert ("thermal_left", "lost") in words
    seen_ns = [f.host_ns for f in replay_all(tmp_path / "r") if f.camera == "thermal_left"]
    seen_s = (np.array(seen_ns) - plan.start_ns) / 1e9
    assert seen_s[0] < 4.0
    assert seen_s[-1] > 4.5
    assert np.diff(seen_s).max() > 0.4
    assert manifest.frames["thermal_left"] == len(seen_ns)
    assert verify_recording(tmp_path / "r").problems == ()
