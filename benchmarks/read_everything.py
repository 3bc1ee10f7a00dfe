"""Every image file under the real data through `thermoscope.read`: a table a folder, and failures.

Run:
    python benchmarks/read_everything.py                   # THERMOSCOPE_DATA or ../shared/data
    python benchmarks/read_everything.py --every-frame     # multi-frame files to their end

The exit status is 1 if a file could not be read.
"""

from __future__ import annotations

import argparse
import platform
import subprocess
import time
from collections import Counter
from pathlib import Path

import numpy as np

from thermoscope.core.errors import ThermoscopeError
from thermoscope.core.files import data_folder
from thermoscope.io.read import read
from thermoscope.io.sequence import open_sequence

NO_IMAGE = {".md", ".json", ".yaml", ".txt"}


class Row:
    """What was met in one folder."""

    def __init__(self) -> None:
        self.files = self.frames = 0
        self.seconds = 0.0
        self.kinds: Counter[str] = Counter()
        self.sizes: Counter[str] = Counter()
        self.flags: Counter[str] = Counter()
        self.values: list[tuple[float, float, float]] = []

    def add(self, path: Path, *, every_frame: bool) -> None:
        """Read one file."""
        begun = time.perf_counter()
        image = read(path)
        values = np.asarray(image.values, np.float64)
        self.seconds += time.perf_counter() - begun
        self.files += 1
        self.frames += 1
        self.kinds[f"{image.source.format}:{image.kind}"] += 1
        self.sizes[f"{image.width}x{image.height}"] += 1
        self.flags.update(flag.value for flag in image.quality)
        low, middle, high = np.nanpercentile(values, [0, 50, 100])
        self.values.append((float(low), float(middle), float(high)))
        if every_frame and image.source.frame_count != 1:
            with open_sequence(path) as frames:
                self.frames += sum(1 for _ in frames) - 1

    def text(self) -> str:
        """One line of the table."""
        low, middle, high = np.array(self.values).T
        kinds = ", ".join(f"{name} {n}" for name, n in self.kinds.items())
        sizes = ", ".join(name for name, _ in self.sizes.most_common(2))
        more = " ..." if len(self.sizes) > 2 else ""
        flags = ", ".join(f"{name} {n}" for name, n in self.flags.most_common())
        return (
            f"{self.files:5d} {self.frames:6d} {1000 * self.seconds / self.files:7.1f} ms | {kinds}"
            f" | {sizes}{more} | {low.min():.6g} .. {np.median(middle):.6g} .. {high.max():.6g}"
            f" | {flags}"
        )


def commit() -> str:
    """The commit of the working tree, "?" outside a repository."""
    found = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    return found.stdout.strip() or "?"


def main() -> int:
    """Read everything and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=data_folder())
    parser.add_argument("--every-frame", action="store_true")
    arguments = parser.parse_args()
    if arguments.data is None:
        print("no real data: set THERMOSCOPE_DATA")
        return 2
    rows: dict[str, Row] = {}
    failures = []
    for path in sorted(p for p in arguments.data.rglob("*") if p.is_file()):
        if path.suffix.lower() in NO_IMAGE or path.name == "splits.csv":
            continue
        folder = str(path.parent.relative_to(arguments.data))
        try:
            rows.setdefault(folder, Row()).add(path, every_frame=arguments.every_frame)
        except ThermoscopeError as err:
            failures.append(f"{path}: {type(err).__name__}: {err}")
    print(f"commit {commit()}, {platform.machine()} {platform.python_version()}")
    for folder, row in rows.items():
        if row.files:
            print(f"{folder:38s} {row.text()}")
    files, seconds = (sum(getattr(r, k) for r in rows.values()) for k in ("files", "seconds"))
    print(f"{files} files read in {seconds:.1f} s, {len(failures)} could not be read")
    for failure in failures:
        print(failure)
    return 1 if failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
