"""The four-camera rig for minutes: frames, drops, MB/s and processor time, then verify.

    python -m benchmarks.rig_endurance --minutes 10 --out benchmarks/results/rig_endurance.json

The cameras are simulated in the capture processes, so processor time includes making their
pictures. Thermal frames are stored bit by bit.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from thermoscope.rig.capture import CaptureSource
from thermoscope.rig.recorder import RecorderStatus, RecordOptions, record
from thermoscope.rig.recording_format import Codec, Manifest
from thermoscope.rig.simulated_plan import RigPlan, default_cameras
from thermoscope.rig.simulated_rig import SimulatedOpener
from thermoscope.rig.verify import verify_recording


def sources(plan: RigPlan, codec: Codec) -> list[CaptureSource]:
    """All cameras of the plan."""
    return [
        CaptureSource(camera.name, SimulatedOpener(plan, camera.name), thermal_codec=codec)
        for camera in plan.cameras
    ]


def processor_s() -> float:
    """Processor time of this process and of those it has waited for, s."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(u.ru_utime + u.ru_stime for u in used)


def summary(
    manifest: Manifest, folder: Path, seconds: float, used_s: float, paces: list[float]
) -> dict[str, Any]:
    """The result."""
    report = verify_recording(folder, decode=False)
    size = sum(segment.size_bytes for segment in manifest.segments)
    raw = sum(
        manifest.frames[c.name] * c.width_px * c.height_px * (2 if c.kind == "thermal" else 3)
        for c in manifest.cameras
    )
    return {
        "hardware": f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}",
        "seconds": round(seconds, 1),
        "frames": manifest.frames,
        "stopped": manifest.stopped,
        "queue_drops": sum(manifest.queue_drops.values()),
        "camera_drops": sum(report.camera_drops.values()),
        "problems": [str(problem) for problem in report.problems],
        "events": dict(report.events),
        "raw_mb_per_s": round(raw / 1e6 / seconds, 1),
        "written_mb_per_s": round(size / 1e6 / seconds, 1),
        "written_mb_per_s_p95": round(float(np.percentile(paces, 95)) / 1e6, 1),
        "ratio": round(raw / size, 2),
        "processor_share_of_one_core": round(used_s / seconds, 2),
        "codecs": {c.name: c.codec for c in manifest.cameras},
    }


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--codec", choices=("mono16", "delta"), default="mono16")
    parser.add_argument("--folder", type=Path, default=None)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/rig_endurance.json"))
    words = parser.parse_args()
    folder = Path(tempfile.mkdtemp(dir=words.folder)) / "recording"
    plan = RigPlan(
        default_cameras(), duration_s=86_400, start_ns=time.monotonic_ns() + 3_000_000_000
    )
    paces: list[float] = []

    def told(status: RecorderStatus) -> None:
        paces.append(status.bytes_per_s)

    begun_s = processor_s()
    options = RecordOptions(seconds=60 * words.minutes)
    manifest = record(folder, sources(plan, words.codec), options, on_status=told)
    used_s = processor_s() - begun_s
    result = summary(manifest, folder, 60 * words.minutes, used_s, paces)
    shutil.rmtree(folder.parent)
    words.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
