"""The skew of simulated cameras from their pictures: error, and how often the interval is right.

python -m benchmarks.rig_skew --runs 100 --out benchmarks/results/rig_skew.json
"""

from __future__ import annotations

import argparse
import json
import platform
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from thermoscope.rig.pairing import pulse_numbers
from thermoscope.rig.simulated_plan import RigPlan, SimulatedCamera, default_cameras
from thermoscope.rig.simulated_rig import SimulatedOpener, Truth
from thermoscope.rig.skew import SkewReport, estimate_skew, image_motion_px

PERIOD_NS = 1e9 / 30


def one_run(seed: int, seconds: float) -> tuple[SkewReport, float]:
    """Report and truth of one simulated recording of a thermal and a colour camera."""
    cameras = default_cameras(1, 1, thermal_size=(320, 64), rgb_size=(320, 64))
    plan = RigPlan(cameras, seed=seed, duration_s=seconds, pace="fast")
    series = [part for camera in cameras for part in motion_over_pulses(plan, camera)]
    report = estimate_skew(*series, max_skew_ms=50, seed=seed)
    return report, Truth(plan).skew_ms(cameras[0].name, cameras[1].name)


def motion_over_pulses(
    plan: RigPlan, camera: SimulatedCamera
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Time of the pulse of each frame, ns, and the motion of its picture."""
    with SimulatedOpener(plan, camera.name)() as opened:
        frames = list(opened.frames())
    pulse = pulse_numbers(
        np.array([frame.counter for frame in frames]),
        np.array([frame.host_ns for frame in frames]),
        period_ns=PERIOD_NS,
        zero_ns=plan.start_ns,
        latency_ns=camera.output_delay_ms * 1e6,
    )
    return pulse * PERIOD_NS, image_motion_px(frame.image for frame in frames)


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=24.0)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/rig_skew.json"))
    words = parser.parse_args()
    rows = [one_run(seed, words.seconds) for seed in range(words.runs)]
    errors = np.array([report.skew_ms - truth for report, truth in rows])
    right = sum(report.low_ms <= truth <= report.high_ms for report, truth in rows)
    result = {
        "hardware": platform.processor() or platform.machine(),
        "runs": words.runs,
        "seconds_a_run": words.seconds,
        "injected_ms": rows[0][1],
        "mean_error_ms": round(float(errors.mean()), 4),
        "sd_error_ms": round(float(errors.std()), 4),
        "worst_error_ms": round(float(np.abs(errors).max()), 4),
        "interval_holds_the_truth": right,
        "mean_half_interval_ms": round(
            float(np.mean([(r.high_ms - r.low_ms) / 2 for r, _ in rows])), 4
        ),
    }
    words.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
