"""Rendered samples a second with two workers, and where the time goes.

Run:

    python benchmarks/scenes_speed.py [--json PATH] [--scenes 2] [--environments urban,indoor]

A sample is what ``Scenes(colour="left")`` gives: thermal stereo, a colour picture, depth, disparity
of both views, occlusion, labels, kelvin, inertial readings; a row without a wanted rate takes the
second colour picture too. Building worlds is counted in. Times are those
of the processor, so that other work on the machine does not count; `per_second` is what two free
cores give, `wall_per_second` what came out. Exit status 1 below 6 samples/s at 320x256 or 2/s at
640x512 on free cores, or above 1.5 GB in a worker.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import resource
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2

from thermoscope.synthetic.dataset import Scenes
from thermoscope.synthetic.observe import Observation
from thermoscope.synthetic.scenes import ENVIRONMENTS
from thermoscope.synthetic.world import World

WORKERS = 2
WANTED = {("small", "left"): 6.0, ("tartanrgbt", "left"): 2.0}
CASES = [*WANTED, ("small", "stereo"), ("tartanrgbt", "stereo")]
MEMORY_GB = 1.5


def wants_right(seen: Observation) -> bool:
    """Whether the sample holds the right colour picture."""
    return seen.settings.colour == "stereo"


STEPS: dict[str, Callable[[Observation], object]] = {
    "ray-cast thermal": lambda o: (o.left, o.right),
    "ray-cast colour": lambda o: (o.colour_left, wants_right(o) and o.colour_right),
    "shade thermal": lambda o: (o.counts, o.counts_right),
    "shade colour": lambda o: (o.rgb, wants_right(o) and o.rgb_right),
    "occlusion and truth": lambda o: (o.truth, o.labels),
    "inertial": lambda o: o.imu,
}


@dataclass(frozen=True)
class Row:
    """One rig: samples a second of all workers, time of one sample, memory of the worst."""

    preset: str
    colour: str
    samples: int
    per_second: float
    wall_per_second: float
    wanted: float | None
    milliseconds: dict[str, float]
    peak_gb: float


def work(data: Scenes, start: int, stop: int) -> tuple[dict[str, float], float, float, float]:
    """Render a range; seconds of each step, first and last instant, peak memory in GB."""
    cv2.setNumThreads(1)
    spent: dict[str, float] = defaultdict(float)
    began = time.time()
    for index in range(start, stop):
        tick = time.process_time()
        seen = data.observe(index)
        spent["build worlds"] += time.process_time() - tick
        for name, step in STEPS.items():
            tick = time.process_time()
            step(seen)
            spent[name] += time.process_time() - tick
        tick = time.process_time()
        seen.sample()
        spent["the rest"] += time.process_time() - tick
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return dict(spent), began, time.time(), peak


def measure(preset: str, colour: str, *, scenes: int, environments: tuple[str, ...]) -> Row:
    """Two workers, each with `scenes` worlds of every environment."""
    data = Scenes(preset=preset, environment=environments, seed=11, count=10_000, colour=colour)
    each = scenes * len(environments) * data.frames_per_scene
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(WORKERS, mp_context=spawn) as pool:
        list(pool.map(warm, [environments[0]] * WORKERS * 2))
        parts = list(
            pool.map(
                work,
                [data] * WORKERS,
                [i * each for i in range(WORKERS)],
                [(i + 1) * each for i in range(WORKERS)],
            )
        )
    samples = each * WORKERS
    wall = max(p[2] for p in parts) - min(p[1] for p in parts)
    names = list(parts[0][0])
    split = {n: 1000 * sum(p[0][n] for p in parts) / samples for n in names}
    free = WORKERS * 1000 / sum(split.values())
    peak = max(p[3] for p in parts)
    wanted = WANTED.get((preset, colour))
    return Row(preset, colour, samples, free, samples / wall, wanted, split, peak)


def warm(environment: str) -> None:
    """Import everything and start the libraries before the clock runs."""
    time.sleep(0.5)
    World.build(Scenes(preset="tiny", environment=environment).moment(0).place, lasting_s=1.0)


def machine() -> dict[str, str]:
    """Where and of what this was measured."""
    model = platform.processor() or platform.machine()
    cpu = Path("/proc/cpuinfo")
    if cpu.exists():
        lines = [s for s in cpu.read_text().splitlines() if s.startswith("model name")]
        model = lines[0].split(":")[1].strip() if lines else model
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    cores = str(os.cpu_count())
    return {"cpu": model, "cores": cores, "python": platform.python_version(), "commit": commit}


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--scenes", type=int, default=1)
    parser.add_argument("--environments", default=",".join(ENVIRONMENTS))
    parser.add_argument("--judged", action="store_true", help="only the two rows that are judged")
    arguments = parser.parse_args()
    print(" ".join(f"{k}={v}" for k, v in machine().items()), f"load={os.getloadavg()[0]:.2f}")
    rows = []
    for preset, colour in WANTED if arguments.judged else CASES:
        environments = tuple(arguments.environments.split(","))
        row = measure(preset, colour, scenes=arguments.scenes, environments=environments)
        rows.append(row)
        print(
            f"{preset:<11} {colour:<6} {row.per_second:5.2f} samples/s (wanted {row.wanted}), "
            f"{row.wall_per_second:.2f}/s by the clock, {row.samples} samples, "
            f"{row.peak_gb:.2f} GB in the larger worker"
        )
        total = sum(row.milliseconds.values())
        for name, value in row.milliseconds.items():
            print(f"  {name:<20} {value:7.1f} ms  {value / total:4.0%}")
    if arguments.json:
        report = {**machine(), "rows": [asdict(row) for row in rows]}
        arguments.json.write_text(json.dumps(report, indent=2) + "\n")
    good = all(r.per_second >= (r.wanted or 0) and r.peak_gb <= MEMORY_GB for r in rows)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
