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
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from thermoscope.rig.camera import Frame
from thermoscope.rig.capture import CaptureSource
from thermoscope.rig.recorder import RecordOptions, record
from thermoscope.rig.recording_format import segment_files
from thermoscope.rig.recover import recover_recording, recover_segment
from thermoscope.rig.replay import replay_all
from thermoscope.rig.segment import JPEG_QUALITY
from thermoscope.rig.segment_scan import chunk_messages, mapped, scan_segment
from thermoscope.rig.simulated_plan import RigPlan, default_cameras
from thermoscope.rig.simulated_rig import SimulatedOpener, SimulatedRig
from thermoscope.rig.simulated_timeline import timeline
from thermoscope.rig.verify import verify_recording

CAMERAS = default_cameras(1, 1, thermal_size=(160, 128), rgb_size=(160, 100))
OPTIONS = RecordOptions(isolation="thread", reserve_bytes=1_000_000)


def run_recorder(folder: Path, seconds: float | None = None) -> None:
    """Record a thermal and a colour camera, until killed if `seconds` is None."""
    plan = RigPlan(CAMERAS, duration_s=600, start_ns=time.monotonic_ns())
    sources = [CaptureSource(c.name, SimulatedOpener(plan, c.name)) for c in CAMERAS]
    record(folder, sources, RecordOptions(**{**vars(OPTIONS), "seconds": seconds}))


class Sent:
    """What the cameras sent, by camera and counter: it does not depend on when they began."""

    def __init__(self) -> None:
        rig = SimulatedRig(CAMERAS, duration_s=600, pace="fast", start_ns=0)
        self._devices = {c.name: rig.device(c.name) for c in CAMERAS}
        self._planned = {
            c.name: {p.counter: p for p in islice(timeline(rig.plan, c), 600)} for c in CAMERAS
        }

    def is_wrong(self, frame: Frame) -> bool:
        """Whether the frame is not the one that its camera sent under this number.

        Bit for bit; of colour, the sent picture is stored as JPEG and read back first.
        """
        planned = self._planned[frame.camera].get(frame.counter)
        if planned is None:
            return True
        sent = self._devices[frame.camera].pixels(planned)
        if sent.dtype == np.uint8:
            _, jpeg = cv2.imencode(
                ".jpg", sent[..., ::-1], (cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY)
            )
            sent = cv2.imdecode(jpeg, cv2.IMREAD_COLOR)[..., ::-1]
        return not np.array_equal(frame.image, sent)


def one_kill(folder: Path, after_s: float, sent: Sent) -> dict[str, Any]:
    """Kill a recorder; what `recover` left is compared with what the cameras sent."""
    command = [sys.executable, "-m", "benchmarks.rig_crash", "--record", str(folder)]
    with subprocess.Popen(command) as run:
        while run.poll() is None and not (folder / "000000.mcap").exists():
            time.sleep(0.005)
        time.sleep(after_s)
        killed_ns = time.monotonic_ns()
        os.kill(run.pid, signal.SIGKILL)
    recover_recording(folder)
    problems = [str(p) for p in verify_recording(folder).problems]
    last: dict[str, int] = {}
    frames = wrong = 0
    for frame in replay_all(folder):
        last[frame.camera] = frame.host_ns
        frames, wrong = frames + 1, wrong + sent.is_wrong(frame)
    lost_s = (killed_ns - min(last.values())) / 1e9 if len(last) == len(CAMERAS) else after_s
    if not problems and not wrong:
        shutil.rmtree(folder)
    return {"lost_s": lost_s, "frames": frames, "wrong": wrong, "problems": problems}


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
    sent = Sent()
    kills = [one_kill(root / f"kill{i}", rng.uniform(0.3, 2.5), sent) for i in range(words.kills)]
    lost_s = [kill["lost_s"] for kill in kills]
    run_recorder(root / "whole", seconds=4.0)
    (root / "cut").mkdir()
    result = {
        "hardware": f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}",
        "kills": {
            "count": words.kills,
            "not_whole_after_recover": sum(bool(kill["problems"]) for kill in kills),
            "frames_read": sum(kill["frames"] for kill in kills),
            "frames_wrong": sum(kill["wrong"] for kill in kills),
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
