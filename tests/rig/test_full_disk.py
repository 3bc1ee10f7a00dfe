"""A disk that fills while cameras record: a clean stop at the reserve, a valid file without one."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from thermoscope.core.errors import WriteError
from thermoscope.rig.capture import CaptureSource
from thermoscope.rig.recorder import RecordOptions, record
from thermoscope.rig.recording_format import read_manifest
from thermoscope.rig.simulated_plan import Faults, RigPlan, default_cameras
from thermoscope.rig.simulated_rig import SimulatedOpener
from thermoscope.rig.verify import verify_recording

DISK_BYTES = 24_000_000


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """A file system of its own that holds 24 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount command")
    if done.returncode:
        pytest.skip(f"a tmpfs cannot be mounted here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def cameras(seconds: float) -> list[CaptureSource]:
    """Four cameras in real time that write about 2 MB a second."""
    plan = RigPlan(
        default_cameras(2, 2, thermal_size=(160, 128), rgb_size=(80, 50)),
        Faults(),
        seed=3,
        duration_s=seconds,
        pace="real",
        start_ns=time.monotonic_ns(),
    )
    return [CaptureSource(c.name, SimulatedOpener(plan, c.name)) for c in plan.cameras]


def test_recording_stops_cleanly_when_the_reserve_is_reached(small_disk):
    reserve = 6_000_000
    told = []
    options = RecordOptions(isolation="thread", reserve_bytes=reserve, seconds=30)
    manifest = record(small_disk / "run", cameras(30), options, on_status=told.append)
    assert manifest.stopped == "disk: the reserve is reached"
    assert manifest == read_manifest(small_disk / "run")
    report = verify_recording(small_disk / "run")
    assert report.problems == ()
    assert report.frames == manifest.frames
    assert min(manifest.frames.values()) > 10
    assert told[0].free_bytes > reserve >= told[-1].free_bytes
    assert told[0].seconds_left < 100  # it said so beforehand
    assert shutil.disk_usage(small_disk).free > reserve / 2  # and left most of it


def test_a_disk_that_is_suddenly_full_leaves_a_valid_recording(small_disk):
    """Somebody else fills the disk: no reserve helps, and nothing that was written is lost."""

    def fill(status) -> None:
        spare = status.free_bytes - 300_000
        (small_disk / "somebody_elses").write_bytes(bytes(max(spare, 0)))

    options = RecordOptions(isolation="thread", reserve_bytes=0, seconds=20)
    manifest = record(small_disk / "run", cameras(20), options, on_status=fill)
    assert manifest.stopped.startswith("disk: ")
    report = verify_recording(small_disk / "run")
    assert report.problems == ()
    assert report.frames == manifest.frames
    assert min(manifest.frames.values()) > 10


def test_a_disk_below_the_reserve_is_refused_before_anything_is_written(small_disk):
    options = RecordOptions(isolation="thread", reserve_bytes=2 * DISK_BYTES, seconds=1)
    with pytest.raises(WriteError, match=r"less space than the reserve of 0\.0 GB.*reserve-gb"):
        record(small_disk / "run", cameras(1), options)
    assert not list(small_disk.rglob("*.mcap"))
