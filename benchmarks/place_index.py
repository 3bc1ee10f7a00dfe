"""Searching many places: building, memory and time of a query, exact and through faiss.

    python benchmarks/place_index.py [--count 1000000] [--dims 384] [--queries 64] [--out FILE]

Descriptors are drawn around 2,000 centres, which is closer to real ones than noise without
structure; queries are places of the map, changed. faiss is measured if it is installed, its effort
raised until it finds 99 % of what exact search finds.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from thermoscope.core.errors import MissingDependencyError
from thermoscope.engine.place_index import PlaceIndex
from thermoscope.engine.place_search import FaissSearch

CENTRES = 2000
WANTED = 0.99


def descriptors(count: int, dims: int, rng: np.random.Generator) -> np.ndarray:
    """(count, dims) float32 of unit length around common centres."""
    centres = rng.standard_normal((CENTRES, dims), dtype=np.float32)
    rows = np.empty((count, dims), np.float32)
    for start in range(0, count, 50_000):
        part = rows[start : start + 50_000]
        part[:] = rng.standard_normal(part.shape, dtype=np.float32)
        part += centres[rng.integers(CENTRES, size=len(part))]
        part /= np.linalg.norm(part, axis=1, keepdims=True)
    return rows


def resident_mb() -> float:
    """Memory of this process now, MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def changed(rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Rows as another visit would describe them: cosine to the first about 0.9."""
    noisy = rows + 0.5 / np.sqrt(rows.shape[1]) * rng.standard_normal(rows.shape, dtype=np.float32)
    return noisy / np.linalg.norm(noisy, axis=1, keepdims=True)


@dataclass(frozen=True)
class Times:
    """What a query costs, ms: by the clock, and of the processor (other work does not count)."""

    single: float
    single_processor: float
    batch: float
    batch_processor: float

    def __str__(self) -> str:
        return (
            f"{self.single:.1f} | {self.single_processor:.1f} | "
            f"{self.batch:.2f} | {self.batch_processor:.2f}"
        )


def measure(index: PlaceIndex, queries: np.ndarray) -> tuple[Times, np.ndarray]:
    """Median of single queries, mean of all in one batch, and the rows found first."""
    index.rank(queries[:1], 5)
    times = []
    for query in queries[:7]:
        start = time.perf_counter(), time.process_time()
        index.rank(query[None], 5)
        times.append((time.perf_counter() - start[0], time.process_time() - start[1]))
    single = np.median(times, axis=0) * 1e3
    start = time.perf_counter(), time.process_time()
    rows, _ = index.rank(queries, 5)
    batch = time.perf_counter() - start[0], time.process_time() - start[1]
    each = np.array(batch) * 1e3 / len(queries)
    found = Times(float(single[0]), float(single[1]), float(each[0]), float(each[1]))
    return found, rows[:, 0]


def built(backend: str, rows: np.ndarray) -> tuple[PlaceIndex, float, float]:
    """An index, seconds of the processor to build it, and MB it takes."""
    names = [str(i) for i in range(len(rows))]
    before, start = resident_mb(), time.process_time()
    index = PlaceIndex(rows.shape[1], backend=backend)  # type: ignore[arg-type]
    index.add(rows, names)
    return index, time.process_time() - start, resident_mb() - before


def approximate(rows: np.ndarray, queries: np.ndarray, exact: np.ndarray) -> str:
    """The line of faiss, at the least effort that finds enough."""
    try:
        index, seconds, megabytes = built("faiss", rows)
    except MissingDependencyError:
        return "| faiss (HNSW) | not installed: pip install 'thermoscope[index]' | | | | | | |"
    searcher = index.searcher
    times, recall = Times(*(float("nan"),) * 4), float("nan")
    for effort in (32, 64, 128, 256, 512, 1024):
        if isinstance(searcher, FaissSearch):
            searcher.index.hnsw.efSearch = effort
        times, found = measure(index, queries)
        recall = float((found == exact).mean())
        if recall >= WANTED:
            break
    return (
        f"| faiss (HNSW, effort {effort}) | {seconds:.1f} | {megabytes:.0f} | {times} | "
        f"{recall:.4f} |"
    )


def machine() -> str:
    """What this ran on."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    load = os.getloadavg()[0]
    return (
        f"{platform.machine()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads, "
        f"load {load:.1f}, torch {torch.__version__}, commit {commit}"
    )


def main() -> None:
    """Measure and print Markdown."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--dims", type=int, default=384)
    parser.add_argument("--queries", type=int, default=64)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    rows = descriptors(arguments.count, arguments.dims, rng)
    queries = changed(rows[rng.integers(len(rows), size=arguments.queries)], rng)
    index, seconds, megabytes = built("exact", rows)
    times, found = measure(index, queries)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "map.npz"
        start = time.process_time()
        index.save(path)
        saved = time.process_time() - start
        start = time.process_time()
        PlaceIndex.load(path)
        loaded = time.process_time() - start
        size = path.stat().st_size / 1e6
    del index
    lines = [
        f"# Index of {arguments.count:,} descriptors of {arguments.dims} numbers",
        "",
        f"`python benchmarks/place_index.py --count {arguments.count} --dims {arguments.dims}`: "
        f"{machine()}.",
        "",
        "| search | build, s | memory, MB | one query, ms | processor | in a batch, ms each | "
        "processor | recall |",
        "|---|---|---|---|---|---|---|---|",
        f"| exact | {seconds:.1f} | {megabytes:.0f} | {times} | 1 |",
        approximate(rows, queries, found),
        "",
        f"File {size:.0f} MB; written in {saved:.1f} s, read in {loaded:.1f} s of the processor.",
        "",
    ]
    print("\n".join(lines))
    if arguments.out:
        arguments.out.write_text("\n".join(lines))


if __name__ == "__main__":
    main()
