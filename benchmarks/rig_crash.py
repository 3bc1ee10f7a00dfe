"""kill -9, truncations and flipped bits: what is lost, and whether anything wrong comes back.

    python -m benchmarks.rig_crash --kills 500 --truncations 1000 --flips 200

A recorder with two simulated cameras is killed at a random instant between 0.3 and 2.5 s; then the
recording is recovered, verified and read. Truncations and flips are of a recording's own segment.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from thermoscope.rig.capture import CaptureSource
from thermoscope.rig.recorder import RecordOptions, record
from thermoscope.rig.recording_format import segment_files
from thermoscope.rig.recover import recover_recording, recover_segment
from thermoscope.rig.replay import replay_all
from thermoscope.rig.segment_scan import chunk_messages, mapped, scan_segment
from thermoscope.rig.simulated_plan import RigPlan, default_cameras
from thermoscope.rig.simulated_rig import SimulatedOpener
from thermoscope.rig.verify import verify_recording

CAMERAS = default_cameras(1, 1, thermal_size=(160, 128), rgb_size=(160, 100))
OPTIONS = RecordOptions(isolation="thread", reserve_bytes=1_000_000)


def run_recorder(folder: Path, seconds: float | None = None) -> None:
    """Record a thermal and a colour camera, until killed if `seconds` is None."""
    plan = RigPlan(CAMERAS, duration_s=600, start_ns=time.monotonic_ns())
    sources = [CaptureSource(c.name, SimulatedOpener(plan, c.name)) for c in CAMERAS]
    record(folder, sources, RecordOptions(**{**vars(OPTIONS), "seconds": seconds}))


def one_kill(folder: Path, after_s: float) -> float:
    """Seconds of frames that a kill cost.

    Raises:
        SystemExit: What was left is not whole.
    """
    command = [sys.executable, "-m", "benchmarks.rig_crash", "--record", str(folder)]
    with subprocess.Popen(command) as run:
        while run.poll() is None and not (folder / "000000.mcap").exists():
            time.sleep(0.005)
        time.sleep(after_s)
        killed_ns = time.monotonic_ns()
        os.kill(run.pid, signal.SIGKILL)
    recover_recording(folder)
    report = verify_recording(folder)
    if not report.whole:
        raise SystemExit(f"{folder}: {[str(p) for p in report.problems]}")
    last: dict[str, int] = {}
    for frame in replay_all(folder):
        last[frame.camera] = frame.host_ns
    begun_s = after_s if not last else (killed_ns - min(last.values())) / 1e9
    shutil.rmtree(folder)
    return begun_s


def messages(path: Path) -> set[tuple[int, int, bytes]]:
    """Every whole message of a segment."""
    scan = scan_segment(path)
    with mapped(path) as data:
        return {(m.channel, m.log_ns, m.data) for c in scan.chunks for m in chunk_messages(data, c)}


def truncations(source: Path, count: int, folder: Path) -> dict[str, Any]:
    """Cut a segment anywhere; what comes back must be a part of what was there."""
    whole, every, rng = source.read_bytes(), messages(source), random.Random(0)
    wrong, unreadable, lost_bytes = 0, 0, []
    path = folder / "000000.mcap"
    for _ in range(count):
        cut = rng.randrange(len(whole))
        path.write_bytes(whole[:cut])
        result = recover_segment(path)
        wrong += not messages(path) <= every
        unreadable += bool(scan_segment(path).damages)
        lost_bytes.append(result.lost_bytes)
        path.with_name(path.name + ".damaged").unlink(missing_ok=True)
    return {
        "count": count,
        "wrong": wrong,
        "unreadable": unreadable,
        "lost_kb_mean": round(float(np.mean(lost_bytes)) / 1e3, 1),
        "lost_kb_most": round(max(lost_bytes, default=0) / 1e3, 1),
    }


def flips(folder: Path, count: int) -> dict[str, Any]:
    """Flip one bit anywhere in a segment: verify must see it, with and without its hash."""
    (path,) = segment_files(folder)
    whole, rng = path.read_bytes(), random.Random(1)
    by_hash = by_scan = 0
    for _ in range(count):
        data = bytearray(whole)
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        path.write_bytes(data)
        by_hash += not verify_recording(folder, decode=False).whole
        by_scan += bool(scan_segment(path).damages)
    path.write_bytes(whole)
    return {"count": count, "seen_by_verify": by_hash, "seen_without_the_hash": by_scan}


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--truncations", type=int, default=1000)
    parser.add_argument("--flips", type=int, default=200)
    parser.add_argument("--record", type=Path, default=None, help="be the one that is killed")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/rig_crash.json"))
    words = parser.parse_args()
    if words.record is not None:
        run_recorder(words.record)
        return
    rng, root = random.Random(2), Path(tempfile.mkdtemp())
    lost_s = [one_kill(root / f"kill{i}", rng.uniform(0.3, 2.5)) for i in range(words.kills)]
    run_recorder(root / "whole", seconds=4.0)
    (root / "cut").mkdir()
    result = {
        "hardware": f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}",
        "kills": {
            "count": words.kills,
            "not_whole_after_recover": 0,  # else the run ends with the reason
            "lost_s_mean": round(float(np.mean(lost_s)), 3) if lost_s else None,
            "lost_s_most": round(max(lost_s), 3) if lost_s else None,
        },
        "truncations": truncations(root / "whole/000000.mcap", words.truncations, root / "cut"),
        "flips": flips(root / "whole", words.flips),
    }
    shutil.rmtree(root)
    words.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
