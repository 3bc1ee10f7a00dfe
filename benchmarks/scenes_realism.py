"""How far rendered frames are from real ones, beside how far real sources are from each other.

    python benchmarks/scenes_realism.py [--scenes 24] [--out docs/scenes_realism.json]

Needs the folder of real frames (THERMOSCOPE_DATA). Prints the Markdown tables of
``docs/scenes.md``. A statistic is one number a frame (the gradient histogram: 400 numbers); the
distance of two sets of frames is the Wasserstein distance of the numbers over the standard
deviation of all frames of the row. Exit status 1 if rendered frames are more than twice as far
from real ones as real sources are from each other, if the bands' edges correlate outside the
interquartile range of real aligned pairs, or if temperature names the class (mIoU of the best
look-up 0.30 or more).

Real pairs are aligned to about 2 px (median, 90 % within 4 px, at 640 px width: measured on MSRS),
rendered ones exactly; before their edges are correlated the rendered ones are moved by as much.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2
import numpy as np

from thermoscope.core.files import data_folder
from thermoscope.io.read import read
from thermoscope.sensor.tone import tone_map
from thermoscope.synthetic.dataset import Scenes
from thermoscope.synthetic.labels import TAXONOMIES
from thermoscope.synthetic.observe import Observation

SIZE = (320, 240)  # all pictures are compared at this size
STREET = ("msrs day", "msrs night", "roadscene", "llvip")
AIR = ("hituav", "wisard")
SAME_SENSOR = ("ms2", "airlab")
PAIRS = {"day": ("msrs day", "roadscene"), "night": ("msrs night", "llvip")}
LARGEST_RATIO = 2.0
LARGEST_LOOKUP_MIOU = 0.30
PER_SOURCE = 60
MISALIGNED_PX = 1.7  # Rayleigh: median 2.0, 90 % within 3.6
# 1, 50 and 99 % quantiles, counts, left and right, of the MS2 sample pair that is not in the folder
SECOND_MS2_PAIR = ((3429, 3599, 3898), (3318, 3533, 3861))
Sets = dict[str, list[float]]


# -- statistics of one frame ---------------------------------------------------------------------


def prepared(frame: np.ndarray) -> np.ndarray:
    """(240, 320) float32: the frame through its 1-99 % stretch, 8 bit, reduced."""
    stretched = tone_map(frame)
    return cv2.resize(stretched, SIZE, interpolation=cv2.INTER_AREA).astype(np.float32)


def gradient(picture: np.ndarray) -> np.ndarray:
    """Gradient magnitude, grey levels a pixel."""
    dx = cv2.Sobel(picture, cv2.CV_32F, 1, 0, ksize=3) / 8
    dy = cv2.Sobel(picture, cv2.CV_32F, 0, 1, ksize=3) / 8
    return cv2.magnitude(dx, dy)


def gradient_histogram(picture: np.ndarray) -> list[float]:
    """Natural logarithms of 400 gradients, evenly drawn from all."""
    values = np.sort(gradient(picture), axis=None)
    drawn = values[np.linspace(0, values.size - 1, 400).astype(int)]
    return np.log(drawn + 0.1).tolist()


def gradient_level(picture: np.ndarray) -> float:
    """Natural logarithm of the mean gradient."""
    return float(np.log(gradient(picture).mean() + 1e-3))


def gradient_tail(picture: np.ndarray) -> float:
    """Logarithm of the 98 % gradient over the median one: few strong edges, much calm surface."""
    low, high = np.quantile(gradient(picture), (0.5, 0.98))
    return float(np.log((high + 0.1) / (low + 0.1)))


def spectrum_slope(picture: np.ndarray) -> float:
    """Exponent of the power spectrum over spatial frequency, 0.02 to 0.25 cycles a pixel."""
    window = np.outer(np.hanning(picture.shape[0]), np.hanning(picture.shape[1]))
    power = np.abs(np.fft.fft2((picture - picture.mean()) * window)) ** 2
    fy, fx = np.meshgrid(*(np.fft.fftfreq(n) for n in picture.shape), indexing="ij")
    frequency = np.hypot(fx, fy)
    edges = np.geomspace(0.02, 0.25, 13)
    place = np.digitize(frequency.ravel(), edges)
    mean = [power.ravel()[place == i].mean() for i in range(1, len(edges))]
    middle = np.sqrt(edges[1:] * edges[:-1])
    return float(np.polyfit(np.log(middle), np.log(np.array(mean) + 1e-9), 1)[0])


def used_range(counts: np.ndarray) -> float:
    """Natural logarithm of the counts between the 1 % and the 99 % quantile."""
    low, high = np.quantile(counts, (0.01, 0.99))
    return float(np.log(high - low + 1))


def left_right_offset(left: np.ndarray, right: np.ndarray) -> float:
    """Difference of the medians, absolute, over the used range of the left frame."""
    low, high = np.quantile(left, (0.01, 0.99))
    return float(abs(np.median(right.astype(float)) - np.median(left)) / (high - low + 1))


def misaligned(rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The picture moved by what real aligned pairs are left with."""
    length, angle = rng.rayleigh(MISALIGNED_PX), rng.uniform(0, 2 * np.pi)
    shift = np.float32([[1, 0, length * np.cos(angle)], [0, 1, length * np.sin(angle)]])
    size = (rgb.shape[1], rgb.shape[0])
    return cv2.warpAffine(rgb, shift, size, borderMode=cv2.BORDER_REPLICATE)


def edge_correlation(rgb: np.ndarray, thermal: np.ndarray) -> float:
    """Correlation of the gradient magnitudes of two aligned pictures, each slightly blurred."""
    grey = rgb if rgb.ndim == 2 else cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    planes = [gradient(cv2.GaussianBlur(prepared(p), (0, 0), 1.5)).ravel() for p in (grey, thermal)]
    return float(np.corrcoef(planes[0], planes[1])[0, 1])


PICTURE_STATISTICS: dict[str, Callable[[np.ndarray], float | list[float]]] = {
    "gradient histogram": gradient_histogram,
    "gradient level": gradient_level,
    "gradient tail": gradient_tail,
    "spectrum slope": spectrum_slope,
}
PER_FRAME = {"gradient histogram": 400}


def numbers(
    statistic: Callable[[np.ndarray], float | list[float]], pictures: list[np.ndarray]
) -> list[float]:
    """The statistic of all pictures, in one line."""
    return np.concatenate([np.atleast_1d(statistic(p)) for p in pictures]).tolist()


# -- distances -----------------------------------------------------------------------------------


def distance(one: Iterable[float], other: Iterable[float]) -> float:
    """Wasserstein distance of two sets of numbers, in their unit."""
    a, b = np.fromiter(one, float), np.fromiter(other, float)
    share = (np.arange(200) + 0.5) / 200
    return float(np.abs(np.quantile(a, share) - np.quantile(b, share)).mean())


@dataclass(frozen=True)
class Row:
    """One line of the table: distances are means over pairs of sources."""

    statistic: str
    real_sources: str
    n_real: int
    n_rendered: int
    real_to_real: float
    rendered_to_real: float

    @property
    def ratio(self) -> float:
        """Rendered-real over real-real."""
        return self.rendered_to_real / self.real_to_real


def compare(statistic: str, real: Sets, rendered: list[float]) -> Row:
    """Distances between the real sources, and from the rendered frames to each."""
    spread = float(np.std(np.concatenate([rendered, *real.values()])))
    between = [distance(real[a], real[b]) / spread for a, b in itertools.combinations(real, 2)]
    towards = [distance(rendered, values) / spread for values in real.values()]
    each = PER_FRAME.get(statistic.split(",", maxsplit=1)[0], 1)
    counts = {k: len(v) // each for k, v in real.items()}
    return Row(
        statistic,
        ", ".join(f"{k} {n}" for k, n in counts.items()),
        sum(counts.values()),
        len(rendered) // each,
        float(np.mean(between)),
        float(np.mean(towards)),
    )


# -- real frames ---------------------------------------------------------------------------------


def picture(path: Path, *, colour: bool = False) -> np.ndarray:
    """An 8- or 16-bit picture, grey or RGB."""
    flag = cv2.IMREAD_COLOR if colour else cv2.IMREAD_ANYDEPTH
    frame = cv2.imread(str(path), flag)
    return frame[..., ::-1] if colour else frame


def real_rows(data: Path, per_source: int) -> dict[str, list[tuple[Path, Path | None]]]:
    """Evenly spread (thermal, aligned RGB or None) files of each source."""
    with (data / "splits.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    found: dict[str, list[tuple[Path, Path | None]]] = {}
    for row in rows:
        name = row["source"]
        if name == "msrs":
            name = f"msrs {row['environment'].split()[-1]}"
        rgb = data / row["rgb"] if row["rgb"] else None
        found.setdefault(name, []).append((data / row["thermal"], rgb))
    return {k: v[:: max(1, len(v) // per_source)][:per_source] for k, v in found.items()}


def counts_sources(data: Path) -> dict[str, list[np.ndarray]]:
    """Frames of cameras that give linear counts."""
    ms2 = [picture(p) for p in sorted((data / "stereo" / "ms2").rglob("*_thr.png"))]
    folders = ("airlab_rjpeg_grid", "airlab_rjpeg_circles")
    files = [p for f in folders for p in sorted((data / "calib" / f).glob("*.jpg"))]
    return {"ms2": ms2, "airlab": [read(p).counts for p in files]}


def stereo_offsets(data: Path) -> Sets:
    """Offsets of the real pairs: MS2, and a bench pair of two cameras."""
    ms2 = data / "stereo" / "ms2"
    (low, middle, high), (_, right_middle, _) = SECOND_MS2_PAIR
    sets: Sets = {"ms2": [abs(right_middle - middle) / (high - low + 1)], "vims": []}
    for left in sorted((ms2 / "left").glob("*_thr.png")):
        sets["ms2"].append(left_right_offset(picture(left), picture(ms2 / "right" / left.name)))
    bench = data / "calib" / "vims_stereo_rgbt"
    for left in sorted((bench / "thermal_5003").glob("*.png")):
        right = bench / "thermal_5270" / left.name
        if right.exists():
            sets["vims"].append(left_right_offset(picture(left), picture(right)))
    return sets


# -- rendered frames -----------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Frame:
    """What is kept of a rendered frame: worlds are large, so they go at once."""

    picture: np.ndarray
    used_range: float
    offset: float
    edges: float
    kelvin: np.ndarray
    labels: np.ndarray


def rendered(environment: str, preset: str, *, scenes: int, hour: str | None) -> list[Frame]:
    """Two frames of each of `scenes` places, far apart on its route."""
    data = Scenes(
        split="train",
        environment=environment,
        preset=preset,
        seed=77,
        count=2 * scenes,
        frames_per_scene=2,
        rate_hz=0.1,
        hour=hour,  # type: ignore[arg-type]
        taxonomy="fine",
    )
    rng = np.random.default_rng(5)
    return [frame_of(data.observe(i), rng) for i in range(len(data))]


def frame_of(seen: Observation, rng: np.random.Generator) -> Frame:
    """The statistics of one frame, temperature and classes thinned out."""
    counts = seen.counts[0]
    return Frame(
        prepared(counts),
        used_range(counts),
        left_right_offset(seen.counts, seen.counts_right),
        edge_correlation(misaligned(colour_of(seen), rng), counts),
        seen.thermal_camera("left").kelvin_from_counts(counts)[::4, ::4],
        seen.labels[0][::4, ::4].copy(),
    )


def colour_of(seen: Observation) -> np.ndarray:
    """(H, W, 3) uint8 aligned with the thermal frame."""
    return np.rint(seen.rgb_in_thermal * 255).astype(np.uint8).transpose(1, 2, 0)


def lookup_miou(frames: list[Frame], taxonomy: str) -> float:
    """The mIoU of the best table from temperature (0.5 K) to class; absent classes left out."""
    ids = TAXONOMIES["fine"].classes
    chosen = TAXONOMIES[taxonomy]
    of_fine = np.array([chosen.ids.get(c, chosen.otherwise) for c in ids])
    bins = np.arange(200.0, 420.0, 0.5)
    count = len(chosen.classes)
    table = np.zeros((len(bins) + 1, count), np.int64)
    for frame in frames:
        temperature, fine = frame.kelvin, frame.labels
        known = fine < len(ids)
        label = of_fine[np.where(known, fine, 0)]
        use = known & (label < count) & np.isfinite(temperature)
        place = np.digitize(temperature[use], bins)
        np.add.at(table, (place, label[use]), 1)
    best = table.argmax(axis=1)
    confusion = np.zeros((count, count), np.int64)
    for row, guess in zip(table, best, strict=True):
        confusion[:, guess] += row
    union = confusion.sum(0) + confusion.sum(1) - np.diag(confusion)
    present = confusion.sum(1) > 0
    return float((np.diag(confusion)[present] / union[present]).mean())


# -- the report ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Edges:
    """Edge correlation of the two bands, by day or by night."""

    hour: str
    n_real: int
    lower: float
    middle: float
    upper: float
    n_rendered: int
    rendered: float


@dataclass(frozen=True)
class Report:
    """All that was measured."""

    rows: list[Row]
    edges: list[Edges]
    lookup: dict[str, float]

    def failures(self) -> list[str]:
        """What is outside its limit."""
        found = [f"{r.statistic}: {r.ratio:.2f}" for r in self.rows if r.ratio > LARGEST_RATIO]
        found += [
            f"edges by {e.hour}: {e.rendered:.2f} outside {e.lower:.2f} to {e.upper:.2f}"
            for e in self.edges
            if not e.lower <= e.rendered <= e.upper
        ]
        found += [
            f"look-up {k}: {v:.2f}" for k, v in self.lookup.items() if v >= LARGEST_LOOKUP_MIOU
        ]
        return found


def measure(data: Path, *, scenes: int, per_source: int = PER_SOURCE) -> Report:
    """Real against rendered, street and air.

    Args:
        data: Folder of real frames.
        scenes: Places: half as many of each of street day, street night, air and stereo.
        per_source: Most frames of each real source.
    """
    real = real_rows(data, per_source)
    by_hour = {hour: rendered("urban", "mfnet", scenes=scenes // 2, hour=hour) for hour in PAIRS}
    edges = [
        compare_edges(hour, [p for s in PAIRS[hour] for p in real[s]], frames)
        for hour, frames in by_hour.items()
    ]
    street = [f for frames in by_hour.values() for f in frames]
    air = rendered("aerial", "mfnet", scenes=scenes // 2, hour=None)
    rows: list[Row] = []
    for where, sources, frames in (("street", STREET, street), ("air", AIR, air)):
        thermal = {s: [prepared(picture(t)) for t, _ in real[s]] for s in sources}
        for name, statistic in PICTURE_STATISTICS.items():
            sets = {s: numbers(statistic, pictures) for s, pictures in thermal.items()}
            made = numbers(statistic, [f.picture for f in frames])
            rows.append(compare(f"{name}, {where}", sets, made))
    stereo = rendered("urban", "ms2", scenes=scenes // 2, hour=None)
    ranges = {k: [used_range(f) for f in v] for k, v in counts_sources(data).items()}
    ranges["ms2"] += [float(np.log(q[2] - q[0] + 1)) for q in SECOND_MS2_PAIR]
    rows.append(compare("used range", ranges, [f.used_range for f in stereo]))
    rows.append(compare("left-right offset", stereo_offsets(data), [f.offset for f in stereo]))
    everything = street + air
    for environment in ("indoor", "offroad"):
        everything += rendered(environment, "small", scenes=scenes // 4, hour=None)
    lookup = {t: lookup_miou(everything, t) for t in ("mfnet", "cart", "fmb")}
    return Report(rows, edges, lookup)


def compare_edges(hour: str, pairs: list[tuple[Path, Path | None]], frames: list[Frame]) -> Edges:
    """Edge correlation of real aligned pairs and of rendered ones."""
    real = [
        edge_correlation(picture(rgb, colour=True), picture(thermal))
        for thermal, rgb in pairs
        if rgb is not None
    ]
    made = [frame.edges for frame in frames]
    lower, middle, upper = np.quantile(real, (0.25, 0.5, 0.75)).tolist()
    return Edges(hour, len(real), lower, middle, upper, len(made), float(np.median(made)))


def markdown(report: Report) -> str:
    """The tables of the documentation."""
    lines = [
        "| statistic of a frame | real sources, frames | rendered | real-real | rendered-real "
        "| ratio |",
        "|---|---|---|---|---|---|",
        *(
            f"| {r.statistic} | {r.real_sources} | {r.n_rendered} | {r.real_to_real:.2f} "
            f"| {r.rendered_to_real:.2f} | {r.ratio:.2f} |"
            for r in report.rows
        ),
        "",
        "| edges of the two bands | real pairs | 25 % | median | 75 % | rendered | its median |",
        "|---|---|---|---|---|---|---|",
        *(
            f"| by {e.hour} | {e.n_real} | {e.lower:.2f} | {e.middle:.2f} | {e.upper:.2f} "
            f"| {e.n_rendered} | {e.rendered:.2f} |"
            for e in report.edges
        ),
        "",
        "| best look-up from temperature to class | mIoU |",
        "|---|---|",
        *(f"| {name} | {value:.2f} |" for name, value in report.lookup.items()),
    ]
    return "\n".join(lines)


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenes", type=int, default=24)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    data = data_folder()
    if data is None:
        print("no real frames: set THERMOSCOPE_DATA to their folder", file=sys.stderr)
        return 2
    report = measure(data, scenes=arguments.scenes)
    print(markdown(report))
    if arguments.out:
        arguments.out.write_text(json.dumps(asdict(report), indent=1) + "\n")
    for line in report.failures():
        print("outside:", line, file=sys.stderr)
    return 1 if report.failures() else 0


if __name__ == "__main__":
    sys.exit(main())
