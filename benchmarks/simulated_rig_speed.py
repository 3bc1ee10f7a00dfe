"""CPU time of a simulated frame, driver included, and whether four cameras keep their pace.

    python -m benchmarks.simulated_rig_speed --seconds 20

The result goes to benchmarks/results/simulated_rig_speed.json.
"""

from __future__ import annotations

import argparse
import json
import os
import threading
import time
from pathlib import Path

from benchmarks.io_tone import commit, hardware

from thermoscope.rig.simulated_rig import SimulatedRig

RESULT = Path("benchmarks/results/simulated_rig_speed.json")


def cpu_ms(name: str, seconds: float) -> float:
    """CPU milliseconds of one frame of the camera called `name`."""
    with SimulatedRig(pace="fast", duration_s=seconds) as rig:
        started, count = time.process_time(), 0
        for _ in rig.camera(name).frames():
            count += 1
        return 1e3 * (time.process_time() - started) / count


def real_time(seconds: float) -> dict[str, dict[str, int]]:
    """Frames and losses of each of four cameras at once, at the real pace."""
    result: dict[str, dict[str, int]] = {}
    with SimulatedRig(duration_s=seconds) as rig:

        def drain(name: str) -> None:
            frames = sum(1 for _ in rig.camera(name).frames())
            result[name] = {"frames": frames, "overruns": rig.device(name).overruns}

        threads = [threading.Thread(target=drain, args=(name,)) for name in rig.names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return result


def main() -> None:
    """Measure, print, and keep the result."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--seconds", type=float, default=20.0)
    words.add_argument(
        "--out", type=Path, default=Path("benchmarks/results/simulated_rig_speed.json")
    )
    options = words.parse_args()
    result = {
        "hardware": hardware(),
        "commit": commit(),
        "load": os.getloadavg()[0],
        "seconds": options.seconds,
        "thermal_640x512_cpu_ms": round(cpu_ms("thermal_left", options.seconds), 3),
        "rgb_960x600_cpu_ms": round(cpu_ms("rgb_left", options.seconds), 3),
    }
    started = time.process_time()
    result["real_time"] = real_time(options.seconds)
    result["real_time_cpu_s"] = round(time.process_time() - started, 2)
    options.out.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
