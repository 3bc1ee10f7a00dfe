"""Do browsers cost the recorder a frame? The simulated rig, recorded without and with clients.

    python -m benchmarks.rig_console --clients 50 --seconds 20 --size 0.5

Each client reads the live stream of all cameras as fast as it comes, from another process of the
same machine: what browsers elsewhere would not cost is counted too.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import platform
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from thermoscope.cli.rig_cameras import camera_sources
from thermoscope.rig.recorder import RecordOptions
from thermoscope.rig.serve import Console, ConsoleOptions
from thermoscope.rig.verify import verify_recording

REQUEST = b"GET /api/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


async def watch(port: int, until_s: float) -> tuple[int, int]:
    """Bytes and pictures that one client got."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(REQUEST)
    size = pictures = 0
    while time.monotonic() < until_s:
        try:
            piece = await asyncio.wait_for(reader.read(1 << 18), 1.0)
        except asyncio.TimeoutError:
            continue
        size += len(piece)
        pictures += piece.count(b"event: camera")
    writer.close()
    return size, pictures


def watch_all(port: int, clients: int, until_s: float, results: Any) -> None:
    """All clients, in a process of their own."""

    async def together() -> list[tuple[int, int]]:
        if not clients:
            await asyncio.sleep(until_s - time.monotonic())
        return await asyncio.gather(*(watch(port, until_s) for _ in range(clients)))

    results.put(asyncio.run(together()))


def wait_for(console: Console, state: str) -> None:
    """Until the rig is in a state, and every camera is seen."""
    views = [console.live.view(name) for name in console.worker.taps]
    while console.worker.report().state != state or any(v and v.glance is None for v in views):
        time.sleep(0.05)


def recorded(console: Console, clients: int, seconds: float) -> dict[str, Any]:
    """One recording, watched by so many."""
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    wait_for(console, "watching")
    name = console.start(f"clients{clients}")
    wait_for(console, "recording")
    words = (console.port, clients, time.monotonic() + seconds, results)
    process = context.Process(target=watch_all, args=words)
    process.start()
    seen: list[tuple[int, int]] = results.get()
    process.join()
    console.worker.stop()
    wait_for(console, "watching")
    report = verify_recording(console.folder / name, decode=False)
    pictures = sorted(count for _, count in seen) or [0]
    return {
        "clients": clients,
        "seconds": seconds,
        "frames": dict(report.frames),
        "lost_by_us": sum(report.queue_drops.values()),
        "lost_by_cameras": sum(report.camera_drops.values()),
        "problems": [str(problem) for problem in report.problems],
        "slowest_client_pictures_per_s": round(pictures[0] / seconds, 1),
        "sent_mb_per_s": round(sum(size for size, _ in seen) / 1e6 / seconds, 1),
    }


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--size", type=float, default=0.5)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/rig_console.json"))
    words = parser.parse_args()
    load = os.getloadavg()[0]
    sources = camera_sources((), simulate=True, size=words.size)
    with tempfile.TemporaryDirectory() as folder:
        record = RecordOptions(reserve_bytes=100_000_000)
        options = ConsoleOptions(folder=Path(folder), port=0, record=record)
        with Console(sources, options) as console:
            server = threading.Thread(target=console.run)
            server.start()
            runs = [recorded(console, clients, words.seconds) for clients in (0, words.clients)]
            console.stop()
            server.join()
    result = {
        "hardware": f"{platform.machine()}, {os.cpu_count()} cores, load {load:.1f} before",
        "size": words.size,
        "runs": runs,
    }
    words.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
