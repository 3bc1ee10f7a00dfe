"""Endurance of the stereo path: constant memory, steady latency, bad frames skipped.

Run, on an idle machine:

    python benchmarks/stereo_soak.py [--minutes 10] [--model thermostereort_fast] \
        [--weights FOLDER] [--runtime openvino] [--size 640x256] [--json PATH]

A folder of pairs is matched again and again through the code of `thermoscope stereo`, from reading
the files on. Among twelve pairs one each is black, saturated, frozen, NaN, and of another size on
the right. Without weights of that name the network has random ones, and the output says so. Exit
status 1 if the memory grows by more than 5 % after the first pass, if the median of the last minute
is more than 1.5 times that of the first, or if not exactly the bad pairs are skipped.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import tifffile

from thermoscope.core.weights import list_weights
from thermoscope.engine.stereo_batch import MatchedPair, PairMatcher, match_pairs, pair_sources
from thermoscope.engine.stereo_runtime import CompiledStereo, in_runtime
from thermoscope.models.load import load_model
from thermoscope.models.thermostereort import SIZES, ThermoStereoRT

PAIRS = 12
BAD = {2: "black", 4: "saturated", 6: "frozen", 8: "nan", 10: "other size"}
MOST_GROWTH, MOST_SLOWDOWN = 0.05, 1.5
ENDLESS = sys.maxsize


@dataclass
class Minute:
    """One minute of the run (or the length asked for)."""

    matched: int = 0
    skipped: int = 0
    median_ms: float = 0.0
    p99_ms: float = 0.0
    rss_mb: float = 0.0


@dataclass
class Soak:
    """The run.

    Attributes:
        minutes: Of `length_s` each.
        first_pass_mb: Memory after the first pass over the folder.
        end_mb: Memory at the end.
        skipped: Reason to number of pairs, without the values in it.
        passes: Whole passes over the folder.
    """

    length_s: float
    minutes: list[Minute] = field(default_factory=list)
    first_pass_mb: float = 0.0
    end_mb: float = 0.0
    skipped: dict[str, int] = field(default_factory=dict)
    passes: int = 0

    def problems(self) -> list[str]:
        """What speaks against the path, in words."""
        found = []
        growth = self.end_mb / self.first_pass_mb - 1
        if growth > MOST_GROWTH:
            found.append(f"memory grew by {growth:.1%} after the first pass")
        first, last = self.minutes[0].median_ms, self.minutes[-1].median_ms
        if last > MOST_SLOWDOWN * first:
            found.append(f"the median went from {first:.1f} to {last:.1f} ms")
        counts = {self.skipped.get(name, 0) / max(self.passes, 1) for name in BAD.values()}
        if counts != {1} or set(self.skipped) != set(BAD.values()):
            found.append(f"skipped in {self.passes} passes: {self.skipped}")
        return found


def rss_mb() -> float:
    """Memory of this process now."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def write_pairs(folder: Path, size_px: tuple[int, int], *, shift_px: int = 6) -> tuple[Path, Path]:
    """Twelve pairs of textured frames, five of them bad; the folders of left and right."""
    folders = folder / "left", folder / "right"
    for each in folders:
        each.mkdir(parents=True)
    before: list[np.ndarray] = []
    for index in range(PAIRS):
        rng = np.random.default_rng(index)
        coarse = rng.normal(0, 300, (size_px[0] // 4 + 1, size_px[1] // 4 + 1))
        scene = 8000 + np.kron(coarse, np.ones((4, 4)))[: size_px[0], : size_px[1]]
        views = [np.roll(scene, -shift, axis=1).astype(np.uint16) for shift in (0, shift_px)]
        views = spoilt(views, BAD.get(index), before)
        before = views
        for each, view in zip(folders, views, strict=True):
            tifffile.imwrite(each / f"{index:02d}.tiff", view)
    return folders


def spoilt(views: list[np.ndarray], how: str | None, before: list[np.ndarray]) -> list[np.ndarray]:
    """The pair with the fault called `how`."""
    left, right = views
    if how == "black":
        return [np.zeros_like(left), right]
    if how == "saturated":
        return [left, np.where(np.arange(left.shape[1]) % 4 > 0, 16383, right).astype(np.uint16)]
    if how == "frozen":
        return [before[0], before[1]]
    if how == "nan":
        return [np.full(left.shape, np.nan, np.float32), right.astype(np.float32)]
    return [left, right[: left.shape[0] // 2]] if how == "other size" else views


def reason_kind(text: str) -> str:
    """Which of the faults a reason tells of; the reason itself if none."""
    words = {
        "black or blank": "black",
        "is saturated": "saturated",
        "frozen": "frozen",
        "NaN": "nan",
        "not finite": "nan",
        " right ": "other size",
    }
    return next((kind for word, kind in words.items() if word in text), text)


def soak(
    matcher: PairMatcher, left: Path, right: Path, *, seconds: float, length_s: float = 60.0
) -> Soak:
    """Match the folders again and again for this time, at least two passes."""
    result, times, minute = Soak(length_s), [], Minute()
    start = edge = time.monotonic()
    first, second = pair_sources(left, right)
    with first, second:
        for done in match_pairs(matcher, first, second, loops=ENDLESS):
            if isinstance(done, MatchedPair):
                minute.matched += 1
                times.append(1e3 * done.seconds)
            else:
                minute.skipped += 1
                kind = reason_kind(done.reason)
                result.skipped[kind] = result.skipped.get(kind, 0) + 1
            now = time.monotonic()
            last_of_pass = done.index == PAIRS - 1
            if last_of_pass:
                result.passes += 1
                result.first_pass_mb = result.first_pass_mb or rss_mb()
            over = last_of_pass and result.passes > 1 and now - start >= seconds
            if times and (over or now - edge >= length_s):
                result.minutes.append(closed(minute, times))
                minute, times, edge = Minute(), [], now
            if over:
                break
    result.end_mb = rss_mb()
    return result


def closed(minute: Minute, times: Sequence[float]) -> Minute:
    """The minute with its figures."""
    minute.median_ms, minute.p99_ms = (float(np.percentile(times, p)) for p in (50, 99))
    minute.rss_mb = rss_mb()
    return minute


def network(name: str, weights: Path | None) -> tuple[ThermoStereoRT, bool]:
    """The network, and whether its weights are trained."""
    if name in list_weights(weights):
        return load_model(name, folder=weights), True
    return SIZES[name.removeprefix("thermostereort_")]().eval(), False


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--model", default="thermostereort_fast")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--runtime", default="openvino", choices=["auto", "torch", "openvino"])
    parser.add_argument("--size", default="640x256")
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    width, height = (int(n) for n in chosen.size.split("x"))
    model, trained = network(chosen.model, chosen.weights)
    matcher = in_runtime(model, chosen.runtime)
    if isinstance(matcher, CompiledStereo):
        matcher.compile_for(height, width)
    with tempfile.TemporaryDirectory() as folder:
        left, right = write_pairs(Path(folder), (height, width))
        found = soak(matcher, left, right, seconds=60 * chosen.minutes)
    problems = found.problems()
    about = {"model": chosen.model, "trained": trained, "runtime": chosen.runtime}
    about |= {"size": chosen.size, "cores": os.cpu_count(), "load": os.getloadavg()[0]}
    print(json.dumps(about))
    for number, minute in enumerate(found.minutes, 1):
        print(
            f"minute {number:3d}  {minute.matched:6d} matched {minute.skipped:5d} skipped  "
            f"median {minute.median_ms:6.1f} ms, 99 %: {minute.p99_ms:6.1f}  "
            f"{minute.rss_mb:6.0f} MB"
        )
    print(
        f"memory {found.first_pass_mb:.0f} MB after the first pass, {found.end_mb:.0f} at the end"
    )
    print("; ".join(problems) or "steady")
    if chosen.json:
        content = about | asdict(found) | {"problems": problems}
        chosen.json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
