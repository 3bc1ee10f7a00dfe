"""Frames per second of reading, kelvin and tone mapping, and flicker of video; one core.

Each row stands beside the plain OpenCV or numpy way of doing the same, timed in turn with ours, so
a busy machine slows both: the ratio is the number to trust. Run:

    python benchmarks/io_tone.py [--json PATH] [--seconds 1.0]

Exit status 1 if percentile tone mapping is below 300 frames/s at 640x512, or a row is slower than
the plain way; reading with quality flags does more than the plain way and is shown, not judged.
Real files are read where the data folder is found (THERMOSCOPE_DATA).
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2
import numpy as np

from thermoscope.core.files import data_folder
from thermoscope.sensor.planck import Planck, PlanckCurve
from thermoscope.sensor.tone import (
    TemporalToneMapper,
    ToneSpec,
    flicker_score,
    to_network_input,
    tone_map,
)

HEIGHT, WIDTH = 512, 640
PERCENTILE_FPS = 300
SLOWEST_RATIO = 0.95  # below 1 by what two runs of the same code differ
FLAGS = ", with quality flags"
Work = Callable[[], object]


@dataclass(frozen=True)
class Row:
    """One line of the table: `ratio` is ours over plain, median of interleaved pairs."""

    name: str
    ours_fps: float
    plain_fps: float | None
    ratio: float | None
    plain: str


def road_scene(seed: int = 0) -> np.ndarray:
    """A frame like those of a driving camera: 14 bits, about 1200 counts used, noise of 8."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    smooth = 3700 + 350 * np.sin(x / 90) + 250 * np.cos(y / 70)
    smooth[200:260, 300:380] += 900
    return np.clip(smooth + rng.normal(0, 8, smooth.shape), 0, 16383).astype(np.uint16)


# -- the plain ways ------------------------------------------------------------------------------


def plain_stretch(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Clip, scale, convert: what every script does."""
    part = np.clip((values.astype(np.float32) - low) / (high - low), 0, 1)
    return (part * 255).astype(np.uint8)


def plain_percentile(values: np.ndarray) -> np.ndarray:
    """The stretch between numpy's percentiles."""
    low, high = np.percentile(values, (1, 99))
    return plain_stretch(values, low, high)


def plain_input(values: np.ndarray) -> np.ndarray:
    """(1, H, W) float32 between numpy's percentiles."""
    low, high = np.percentile(values, (1, 99))
    return np.clip((values.astype(np.float32) - low) / (high - low), 0, 1)[None]


def plain_clahe(values: np.ndarray) -> np.ndarray:
    """Stretch, then OpenCV."""
    return cv2.createCLAHE(2.0, (8, 8)).apply(plain_percentile(values))


def plain_clahe_bilateral(values: np.ndarray) -> np.ndarray:
    """Stretch, then OpenCV twice."""
    return cv2.bilateralFilter(plain_clahe(values), 5, 20, 15)


def plain_local_field(values: np.ndarray, *, step: float = 0.2, least: float = 0.35) -> np.ndarray:
    """The same idea in numpy: cell extremes, limited by the neighbours', enlarged."""
    low, high = np.percentile(values, (0.5, 99.5))
    part = np.clip((values.astype(np.float32) - low) / (high - low), 0, 1)
    cells = part.reshape(8, HEIGHT // 8, 10, WIDTH // 10)
    fields = []
    for sign, field in ((-1, cells.min(axis=(1, 3))), (1, cells.max(axis=(1, 3)))):
        limit = sign * field
        for _ in range(7):
            padded = np.pad(limit, 1, mode="edge")
            around = [padded[r : r + 8, c : c + 10] for r in range(3) for c in range(3)]
            limit = np.maximum(limit, np.max(around, axis=0) - step)
        whole = (sign * limit).astype(np.float32)
        fields.append(cv2.resize(whole, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC))
    local = np.clip((part - fields[0]) / np.maximum(fields[1] - fields[0], least), 0, 1)
    return (local * 255).astype(np.uint8)


class PlainSmoothing:
    """Exponential smoothing of numpy's percentiles: the usual remedy against flicker."""

    def __init__(self) -> None:
        self.low: float | None = None
        self.high = 0.0

    def map(self, values: np.ndarray) -> np.ndarray:
        """The next frame."""
        low, high = np.percentile(values, (1, 99))
        self.low = low if self.low is None else 0.9 * self.low + 0.1 * low
        self.high = high if self.high == 0 else 0.9 * self.high + 0.1 * high
        return plain_stretch(values, self.low, self.high)


def plain_kelvin(counts: np.ndarray, curve: PlanckCurve) -> np.ndarray:
    """The formula over the frame."""
    return (curve.B / np.log(curve.R / (counts - curve.O) + curve.F)).astype(np.float32)


# -- what is timed -------------------------------------------------------------------------------


def tone_cases() -> Iterator[tuple[str, Work, Work | None, str]]:
    """(name, ours, plain, what plain is) of each tone mapping and of kelvin."""
    counts = road_scene()
    kelvin = (counts * 0.01 + 260).astype(np.float32)
    curve = PlanckCurve(R=380747, B=1428, F=1, O=-88.539)
    yield (
        "kelvin (Planck)",
        lambda: Planck(curve).kelvin_from_counts(counts),
        lambda: plain_kelvin(counts, curve),
        "numpy formula",
    )
    fixed = ToneSpec.of("fixed", low=3000, high=4500, unit="counts")
    yield (
        "fixed",
        lambda: tone_map(counts, fixed),
        lambda: plain_stretch(counts, 3000, 4500),
        "numpy",
    )
    methods: list[tuple[str, Callable[[np.ndarray], np.ndarray], str]] = [
        ("percentile", plain_percentile, "numpy"),
        ("clahe", plain_clahe, "numpy + OpenCV"),
        ("clahe_bilateral", plain_clahe_bilateral, "numpy + OpenCV"),
        ("local_field", plain_local_field, "numpy + cv2.resize"),
    ]
    for name, plain, what in methods:
        yield name, lambda n=name: tone_map(counts, n), lambda p=plain: p(counts), what
        yield (
            f"{name}, float32 kelvin",
            lambda n=name: tone_map(kelvin, n),
            lambda p=plain: p(kelvin),
            what,
        )
    mapper, smoothing = TemporalToneMapper(), PlainSmoothing()
    yield "temporal", lambda: mapper.map(counts), lambda: smoothing.map(counts), "numpy, smoothed"
    yield (
        "network input (percentile)",
        lambda: to_network_input(counts),
        lambda: plain_input(counts),
        "numpy",
    )


def read_cases(folder: Path) -> Iterator[tuple[str, Work, Work | None, str]]:
    """Reading, where the package's reader is present."""
    if importlib.util.find_spec("thermoscope.io.read") is None:
        return
    read = importlib.import_module("thermoscope.io.read").read
    counts = road_scene()
    png, tiff = folder / "frame.png", folder / "frame.tiff"
    cv2.imwrite(str(png), counts)
    tifffile = importlib.import_module("tifffile")
    tifffile.imwrite(tiff, counts)
    unchanged = cv2.IMREAD_UNCHANGED
    ways: list[tuple[str, Path, Work, str]] = [
        ("16-bit PNG", png, lambda: cv2.imread(str(png), unchanged), "cv2.imread"),
        ("16-bit TIFF", tiff, lambda: tifffile.imread(tiff), "tifffile.imread"),
    ]
    for name, path, plain, what in ways:
        yield f"read {name}{FLAGS}", lambda p=path: read(p), plain, what
        yield (
            f"read {name}, quality=False",
            lambda p=path: read(p, quality=False),
            plain,
            what,
        )
    data = data_folder()
    jpegs = sorted((data / "raw" / "flir_rjpeg").glob("*.[jJ][pP]*")) if data else []
    if jpegs:
        path = jpegs[0]
        plain: Work | None = None
        if importlib.util.find_spec("flyr") is not None:
            flyr = importlib.import_module("flyr")
            plain = lambda: flyr.unpack(str(path)).kelvin  # noqa: E731
        yield f"read + kelvin {path.name}", lambda: read(path).kelvin, plain, "flyr"


def timed(name: str, ours: Work, plain: Work | None, what: str, *, seconds: float) -> Row:
    """Median frames/s of both, called in turn for about `seconds`."""
    ours()
    if plain is not None:
        plain()
    mine: list[float] = []
    other: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(mine) < 5:
        mine.append(_clock(ours))
        if plain is not None:
            other.append(_clock(plain))
    fps = 1 / statistics.median(mine)
    if not other:
        return Row(name, fps, None, None, what)
    ratio = statistics.median(p / m for m, p in zip(mine, other, strict=True))
    return Row(name, fps, 1 / statistics.median(other), ratio, what)


def _clock(work: Work) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


# -- flicker -------------------------------------------------------------------------------------


def hot_object(frames: int = 120, *, share: float = 0.06) -> list[np.ndarray]:
    """Still background of noise 8; an object of `share` of the frame crosses from 30 to 79."""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[:128, :160]
    base = np.rint(3300 + 200 * np.sin(x / 25) + 150 * np.cos(y / 20))
    base += np.rint(rng.normal(0, 8, base.shape))  # fixed, so that still pixels are still
    side = round((share * base.size) ** 0.5)
    video = []
    for i in range(frames):
        frame = base.copy()
        if 30 <= i < 80:
            left = min((i - 30) * 4, 160 - side)
            frame[20 : 20 + side, left : left + side] += 2500
        video.append(frame.astype(np.uint16))
    return video


def flicker_rows() -> list[dict[str, Any]]:
    """Flicker of three mappers over synthetic videos, and a real one where it is found."""
    videos = {
        "synthetic, hot object 6 %": hot_object(),
        "synthetic, hot object 20 %": hot_object(share=0.2),
    }
    data = data_folder()
    if data is not None:
        paths = sorted((data / "sequence" / "optris16").glob("*.png"))
        frames = [cv2.imread(str(p), cv2.IMREAD_UNCHANGED) for p in paths]
        if frames:
            videos[f"real, {len(frames)} frames 382x288"] = frames
    rows = []
    for name, video in videos.items():
        smoothing, mapper = PlainSmoothing(), TemporalToneMapper()
        mapped = {
            "per-frame percentile": [tone_map(f) for f in video],
            "smoothed percentile": [smoothing.map(f) for f in video],
            "TemporalToneMapper": [mapper.map(f)[0] for f in video],
        }
        for kind, agc in mapped.items():
            beyond = float(np.mean([np.isin(picture, (0, 255)).mean() for picture in agc]))
            score = asdict(flicker_score(agc, video))
            rows.append({"video": name, "mapper": kind, "black_or_white": beyond, **score})
    return rows


# -- report --------------------------------------------------------------------------------------


def hardware() -> str:
    """Processor, cores and the versions that matter."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    processor = names[0] if names else platform.processor() or platform.machine()
    return (
        f"{processor}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"numpy {np.__version__}, OpenCV {cv2.__version__}"
    )


def commit() -> str:
    """Short hash of the checkout, with ``+`` if files differ from it."""
    here = Path(__file__).resolve().parent

    def git(*words: str) -> str:
        done = subprocess.run(
            ["git", *words], cwd=here, capture_output=True, text=True, check=False
        )
        return done.stdout.strip()

    return (git("rev-parse", "--short", "HEAD") or "unknown") + ("+" if git("status", "-s") else "")


def show(rows: list[Row], flicker: list[dict[str, Any]]) -> None:
    """Both tables, as Markdown."""
    print("| 640x512, one core | ours, frames/s | plain, frames/s | ours : plain | plain way |")
    print("|---|---|---|---|---|")
    for r in rows:
        plain = "-" if r.plain_fps is None else f"{r.plain_fps:.0f}"
        ratio = "-" if r.ratio is None else f"{r.ratio:.2f}"
        print(f"| {r.name} | {r.ours_fps:.0f} | {plain} | {ratio} | {r.plain} |")
    print("\n| flicker of still pixels, 8-bit levels | mapper | mean | worst frame | at 0 or 255 |")
    print("|---|---|---|---|---|")
    for f in flicker:
        numbers = f"{f['mean_levels']:.3f} | {f['worst_levels']:.2f} | {f['black_or_white']:.1%}"
        print(f"| {f['video']} | {f['mapper']} | {numbers} |")


def main() -> int:
    """Measure, print, and judge."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--json", type=Path, help="write the numbers here")
    parser.add_argument("--seconds", type=float, default=1.0, help="time for each row")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    print(f"{hardware()}; commit {commit()}\n")
    with tempfile.TemporaryDirectory() as folder:
        cases = [*read_cases(Path(folder)), *tone_cases()]
        rows = [timed(*case, seconds=options.seconds) for case in cases]
    flicker = flicker_rows()
    show(rows, flicker)
    if options.json:
        content = {"hardware": hardware(), "commit": commit(), "rows": [asdict(r) for r in rows]}
        options.json.write_text(json.dumps({**content, "flicker": flicker}, indent=1))
    judged = [r for r in rows if r.ratio is not None and not r.name.endswith(FLAGS)]
    slow = [r.name for r in judged if (r.ratio or 0.0) < SLOWEST_RATIO]
    percentile = next(r.ours_fps for r in rows if r.name == "percentile")
    if percentile < PERCENTILE_FPS:
        slow.append(f"percentile at {percentile:.0f} frames/s, wanted {PERCENTILE_FPS}")
    print("\nslower than wanted: " + (", ".join(slow) or "nothing"))
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
