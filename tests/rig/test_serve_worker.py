"""The rig behind the console: watched, recorded, watched again; and what goes wrong."""

import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from tests.rig.rigs_to_serve import RECORD, rig_sources, wait_until

from thermoscope.core.errors import ConfigError, RigError
from thermoscope.rig.camera import open_camera
from thermoscope.rig.capture import CaptureSource
from thermoscope.rig.serve_tap import Glance, Gone
from thermoscope.rig.serve_worker import Worker
from thermoscope.rig.verify import verify_recording


def test_watch_record_watch(tmp_path):
    with Worker(rig_sources(), RECORD) as worker:
        tap = worker.taps["thermal"]
        assert isinstance(wait_until(tap.take), Glance)
        assert worker.report().state == "watching"
        worker.start(tmp_path / "run")
        with pytest.raises(RigError, match=r"run is being recorded\. Stop it first"):
            worker.start(tmp_path / "again")
        status = wait_until(lambda: worker.report().status)
        assert worker.report().state == "recording"
        assert status.frames["thermal"] > 20
        assert isinstance(wait_until(tap.take), Glance)
        worker.stop()
        wait_until(lambda: worker.report().ended)
        assert (worker.report().state, worker.report().ended) == ("watching", "asked")
        wait_until(tap.take)
        assert isinstance(wait_until(tap.take), Glance)  # the cameras are back
    report = verify_recording(tmp_path / "run")
    assert report.problems == ()
    assert min(report.frames.values()) > 20
    assert sum(report.queue_drops.values()) == 0


def test_a_start_can_be_taken_back(tmp_path):
    with Worker(rig_sources(), RECORD) as worker:
        worker.start(tmp_path / "run")
        worker.stop()
        wait_until(lambda: worker.report().ended)
        assert worker.report().ended == "asked"
    assert not (tmp_path / "run").exists()


def test_leaving_ends_a_recording_in_order(tmp_path):
    with Worker(rig_sources(), RECORD) as worker:
        worker.start(tmp_path / "run")
        wait_until(lambda: worker.report().status)
    assert worker.report().ended == "the console ended"
    assert verify_recording(tmp_path / "run").problems == ()


def test_a_missing_camera_is_told_and_the_others_go_on(tmp_path):
    missing = CaptureSource("door", partial(open_camera, f"file:{tmp_path}/none.png", name="door"))
    with Worker([*rig_sources(), missing], RECORD) as worker:
        gone = wait_until(worker.taps["door"].take)
        assert isinstance(gone, Gone)
        assert "none.png" in gone.reason
        assert isinstance(wait_until(worker.taps["thermal"].take), Glance)
        worker.start(tmp_path / "run")
        ended = wait_until(lambda: worker.report().ended)
        assert ended.startswith("error: door does not start")
        assert not (tmp_path / "run").exists()


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with Worker(rig_sources(), RECORD) as worker:
        worker.start(tmp_path / "file" / "run")
        assert wait_until(lambda: worker.report().ended).startswith("error: cannot make")


def test_a_rig_whose_process_died_is_told(tmp_path):
    with Worker(rig_sources(), replace(RECORD, isolation="process")) as worker:
        worker.start(tmp_path / "run")
        wait_until(lambda: worker.report().status)
        (rig,) = [p for p in multiprocessing.active_children() if p.name == "rig"]
        os.kill(rig.pid, signal.SIGKILL)
        ended = wait_until(lambda: worker.report().ended)
        assert ended == "error: the rig's process has ended. Start the console again."
        assert worker.report().state == "watching"
        with pytest.raises(RigError, match="the rig's process has ended"):
            worker.start(tmp_path / "again")


ORPHANED = """
import sys, time
sys.path.insert(0, {root!r})
from pathlib import Path
from tests.rig.rigs_to_serve import RECORD, rig_sources
from dataclasses import replace
from thermoscope.rig.serve_worker import Worker
if __name__ == "__main__":
    there = set(Path("/dev/shm").glob("thermoscope_*"))
    with Worker(rig_sources(), replace(RECORD, isolation="process")) as worker:
        print(*(set(Path("/dev/shm").glob("thermoscope_*")) - there), flush=True)
        time.sleep(600)
"""


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="the folder lies elsewhere")
def test_a_console_that_was_killed_leaves_nothing_in_memory(tmp_path, request):
    script = tmp_path / "script.py"
    script.write_text(ORPHANED.format(root=str(request.config.rootpath)))
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as run:
        folders = run.stdout.readline().split()
        wait_until(lambda: any(list(Path(folder).iterdir()) for folder in folders))
        run.kill()
    assert folders
    wait_until(lambda: not any(Path(folder).exists() for folder in folders))


def test_a_disk_that_is_pulled_is_told(tmp_path):
    with Worker(rig_sources(), RECORD) as worker:
        worker.start(tmp_path / "run")
        wait_until(lambda: worker.report().status)
        shutil.rmtree(tmp_path / "run")
        assert "cannot be reached" in wait_until(lambda: worker.report().ended)
        assert worker.report().state == "watching"
        assert isinstance(wait_until(worker.taps["thermal"].take), Glance)


def test_the_shutter_closes():
    with Worker(rig_sources(), RECORD) as worker:
        tap = worker.taps["thermal"]
        assert wait_until(tap.take).ffc == "none"
        worker.close_shutters(["thermal"])
        wait_until(lambda: (glance := tap.take()) and glance.ffc in ("running", "complete"))
        with pytest.raises(RigError, match="no camera 'door'. Cameras: thermal, rgb"):
            worker.close_shutters(["thermal", "door"])


def test_two_cameras_of_one_name_fail_at_once():
    with pytest.raises(ConfigError, match="different names"):
        Worker([*rig_sources(), *rig_sources()], RECORD)
