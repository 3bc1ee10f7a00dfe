"""TartanRGBT: handheld runs with rectified thermal stereo and colour in the thermal grid.

``<root>/dayN/<run>/`` holds

===============================================  ===================================================
``thermal_left_rect_8/NNNNNNNN.png``             8 bit, 10 frames a second
``thermal_right_rect_8/``, ``thermal_left_rect``  right view; 16 bit, where they were kept
``rgb_in_thermal/NNNNNNNN_rgb_in_thermal.png``   colour once a second, in the loader's naming
``RGB_aligned_with_thermal/NNNNNNNN.png``        the same folder as the download names it
``thermal_left_ffc/data.txt``                    0 or 1 a frame: 1 = shutter closed
``odometry/poses.npy``                           float64 rows: ns, x y z, qx qy qz qw
``target_timestamps.txt``                        ns, a row a frame
===============================================  ===================================================

Rows belong to the stored frames in order, or, where frames were thinned and rows were not, to the
frame numbers. Poses come from stereo odometry of one run: they tell nothing about another run, so
places are compared by frame index.

Source: the public loader and release of TartanRGBT (AnyThermal, arXiv 2602.06203).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.errors import (
    CalibrationError,
    ConfigError,
    DatasetCorruptError,
    DatasetNotFoundError,
    UnknownNameError,
)
from thermoscope.core.sample import Sample
from thermoscope.data.base import Item, Listed, read_rgb, read_thermal, require
from thermoscope.data.catalogue import dataset_info
from thermoscope.data.files_by_stem import by_stem, joined, lines_of, some
from thermoscope.geometry.pose import from_quaternion

__all__ = ["tartanrgbt"]

COLOUR_FOLDERS = ("rgb_in_thermal", "RGB_aligned_with_thermal")
COLOUR_SUFFIX = "_rgb_in_thermal"
BETWEEN = 1000  # index numbers between runs
POSE_GAP_NS = 50_000_000  # half a frame of the 10 Hz streams
LAYOUT = "dayN/<run>/ with thermal_left_rect_8/ and rgb_in_thermal/ or RGB_aligned_with_thermal/."
_PLACES = {
    "urban": ("campus", "residential", "road", "street", "cut", "cfa", "urban"),
    "park": ("park", "trail"),
    "offroad": ("turnpike", "offroad", "off_road", "off-road"),
    "indoor": ("indoor", "building", "gates", "mill19", "nsh"),
}


@dataclass(frozen=True)
class _Rows:
    """What a run's tables say; rows are those of the stored frames."""

    closed: NDArray[np.bool_]
    t_ns: NDArray[np.int64]
    poses: NDArray[np.float64]


def tartanrgbt(
    root: str | Path,
    *,
    split: str = "train",
    runs: Sequence[str] | None = None,
    keep_ffc: bool = False,
    stereo: bool = True,
) -> Listed:
    """Every colour frame with its thermal pair, run by run.

    Args:
        root: Folder of the days.
        split: ``"all"``, or ``"train"``, ``"val"`` ...: the runs listed in ``<split>_runs.txt`` at
            the root (``dayN/<run>`` or ``<run>`` a line). The release has no such files.
        runs: These runs instead, named in the same way.
        keep_ffc: Keep frames that were taken with the shutter closed.
        stereo: Also decode the right view, where it is stored.

    Returns:
        Samples with ``rgb`` and ``agc``; with ``counts`` where 16 bit were kept; with ``thermal``
        and ``thermal_right`` (8 bit over 255, the only form that both views have) if `stereo`;
        with ``ffc``, ``t_ns`` and ``T_world_camera`` where the tables are there.

    Raises:
        DatasetNotFoundError: The folder, the list of runs, a run of it, or every run is absent.
        DatasetCorruptError: A table has another number of rows than there are frames, or cannot be
            read without unpickling, or holds a zero quaternion; no frame; when decoded, a damaged
            picture, or views of different sizes.
        UnknownNameError: No such split.
    """
    if runs is None and split not in ("all", "train", "val", "test", "train_full"):
        raise UnknownNameError("split", split, ("all", "train", "val", "test", "train_full"))
    source = dataset_info("tartanrgbt").source
    folder = require(root, layout=LAYOUT, source=source)
    there = _runs_of(folder)
    if not there:
        require(folder, "dayN/<run>/thermal_left_rect_8", layout=LAYOUT, source=source)
    chosen, findings = _chosen(folder, there, split, runs)
    items: list[Item] = []
    facts: dict[str, Sample] = {}
    for run in chosen:
        first = items[-1].index + BETWEEN if items else 0
        kept, notes = _frames(run, there[run], first, keep_ffc, facts)
        items += kept
        findings += notes
    decode = partial(_decode, facts=facts, stereo=stereo)
    return Listed("tartanrgbt", split, tuple(items), decode, findings=tuple(findings))


def _runs_of(folder: Path) -> dict[str, Path]:
    """Runs by ``dayN/<run>``, or by ``<run>`` if the root is one day."""
    found = [*folder.glob("*/*/thermal_left_rect_8"), *folder.glob("*/thermal_left_rect_8")]
    runs = sorted(path.parent for path in found)
    return {run.relative_to(folder).as_posix(): run for run in runs}


def _chosen(
    folder: Path, there: dict[str, Path], split: str, runs: Sequence[str] | None
) -> tuple[list[str], list[str]]:
    """Names of the runs without repeats, and what was repeated."""
    if runs is None and split == "all":
        return list(there), []
    listed = folder / f"{split}_runs.txt"
    if runs is None and not listed.is_file():
        raise DatasetNotFoundError(
            f"{listed} is not there: the release does not say which runs are for {split}. Write "
            f"it, one run a line, or state runs=, or split='all'. Runs here: {some(there)}."
        )
    wanted = lines_of(listed) if runs is None else list(runs)
    short = {name.rpartition("/")[2]: name for name in there}
    names = [name if name in there else short.get(name, "") for name in wanted]
    absent = [run for run, name in zip(wanted, names, strict=True) if not name]
    if absent:
        raise DatasetNotFoundError(f"{folder} has no run {some(absent)}. Runs here: {some(there)}.")
    once = list(dict.fromkeys(names))
    if not once:
        raise ConfigError("runs names no run. Leave it out, or name at least one.")
    twice = sorted({name for name in names if names.count(name) > 1})
    return once, [f"listed twice, read once: {some(twice)}"] if twice else []


def _frames(
    name: str, run: Path, first: int, keep_ffc: bool, facts: dict[str, Sample]
) -> tuple[list[Item], list[str]]:
    colour = next((run / c for c in COLOUR_FOLDERS if (run / c).is_dir()), None)
    if colour is None:
        return [], [f"{name} has no folder {' or '.join(COLOUR_FOLDERS)} and is left out"]
    thermal = by_stem(run / "thermal_left_rect_8")
    rgb = {stem.removesuffix(COLOUR_SUFFIX): path for stem, path in by_stem(colour).items()}
    files = {"thermal": thermal, "rgb": rgb}
    for kind, sub in (("right", "thermal_right_rect_8"), ("counts", "thermal_left_rect")):
        if (run / sub).is_dir():
            files[kind] = by_stem(run / sub)
    found = joined(files, optional=["right", "counts"], where=name)
    numbers = _frame_numbers(run, list(thermal))
    rows = _tables(run, numbers)
    row_of = dict(zip(thermal, range(len(thermal)), strict=True))
    closed = [stem for stem in found.rows if len(rows.closed) and rows.closed[row_of[stem]]]
    dropped = set() if keep_ffc else set(closed)
    items: list[Item] = []
    for stem, paths in found.rows.items():
        if stem in dropped:
            continue
        item = Item(
            name=f"{name}/{stem}",
            paths=paths,
            index=first + len(items),
            sequence=name,
            environment=_environment(name),
        )
        try:
            facts[item.name] = _facts(rows, row_of[stem])
        except CalibrationError as err:
            raise DatasetCorruptError(
                f"{run / 'odometry' / 'poses.npy'}, frame {stem}: {err} Write nan where there is "
                "no pose."
            ) from err
        items.append(item)
    notes = [n for n in found.findings if not n.startswith(f"{name} thermal:")]
    if dropped:
        notes.append(f"{name}: {len(dropped)} frames with the shutter closed are left out")
    return items, notes


def _environment(run: str) -> str:
    """Guessed from the words in a run's name; "" if none is known."""
    words = run.lower()
    for environment, signs in _PLACES.items():
        if any(sign in words for sign in signs):
            return environment
    return ""


def _frame_numbers(run: Path, stems: Sequence[str]) -> list[int]:
    odd = [stem for stem in stems if not stem.isdecimal()]
    if odd:
        raise DatasetCorruptError(
            f"{run / 'thermal_left_rect_8'} holds {some(odd)}; expected frame numbers as names."
        )
    return [int(stem) for stem in stems]


def _tables(run: Path, numbers: Sequence[int]) -> _Rows:
    flags = _numbers(run / "thermal_left_ffc" / "data.txt", np.int64)
    times = _numbers(run / "target_timestamps.txt", np.int64)
    t_ns = _of_frames(run / "target_timestamps.txt", times, numbers)
    closed = _of_frames(run / "thermal_left_ffc" / "data.txt", flags, numbers)
    return _Rows(closed != 0, t_ns, _poses(run / "odometry" / "poses.npy", numbers, t_ns))


def _numbers(path: Path, kind: type[np.int64]) -> NDArray[np.int64]:
    if not path.is_file():
        return np.zeros(0, kind)
    try:
        return np.array([int(line.split()[0]) for line in lines_of(path)], kind)
    except (ValueError, OverflowError) as err:
        raise DatasetCorruptError(f"{path} must hold a whole number a line: {err}.") from err


def _of_frames(path: Path, rows: NDArray[np.int64], numbers: Sequence[int]) -> NDArray[np.int64]:
    """The rows of the stored frames; all rows count frames, or stored frames."""
    if len(rows) in (0, len(numbers)):
        return rows
    if numbers and len(rows) > max(numbers):
        return np.asarray(rows[np.asarray(numbers)])
    raise DatasetCorruptError(
        f"{path} has {len(rows)} rows for {len(numbers)} frames numbered up to "
        f"{max(numbers, default=0)}. Expected a row a stored frame, or a row a frame number."
    )


def _poses(path: Path, numbers: Sequence[int], t_ns: NDArray[np.int64]) -> NDArray[np.float64]:
    """(frames, 7) position and quaternion of each stored frame, nan where none is near in time."""
    none: NDArray[np.float64] = np.full((len(numbers), 7), np.nan)
    if not path.is_file():
        return none
    try:
        table = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as err:
        raise DatasetCorruptError(f"{path} is no plain array of numbers: {err}.") from err
    if table.ndim != 2 or table.shape[1] != 8 or table.dtype.kind != "f":
        raise DatasetCorruptError(
            f"{path} is {table.shape} {table.dtype}; expected rows of 8 floats: ns, x y z, "
            "qx qy qz qw."
        )
    if len(table) == len(numbers):
        return np.asarray(table[:, 1:], np.float64)
    if not len(t_ns) or not len(table):
        return none
    order = np.argsort(table[:, 0])
    table = table[order]
    after = np.clip(np.searchsorted(table[:, 0], t_ns), 1, max(len(table) - 1, 1))
    pick = np.minimum(after, len(table) - 1)
    before = after - 1
    nearer = np.abs(table[before, 0] - t_ns) <= np.abs(table[pick, 0] - t_ns)
    pick = np.where(nearer, before, pick)
    near = np.abs(table[pick, 0] - t_ns) <= POSE_GAP_NS
    return np.where(near[:, None], table[pick, 1:], np.nan)


def _facts(rows: _Rows, row: int) -> Sample:
    facts: Sample = {}
    if len(rows.closed):
        facts["ffc"] = bool(rows.closed[row])
    if len(rows.t_ns):
        facts["t_ns"] = int(rows.t_ns[row])
    pose = rows.poses[row]
    if np.isfinite(pose).all():
        facts["T_world_camera"] = from_quaternion(pose[3:], pose[:3])
    return facts


def _decode(item: Item, *, facts: dict[str, Sample], stereo: bool) -> Sample:
    sample: Sample = {**read_thermal(item.paths["thermal"]), **facts[item.name]}
    sample["rgb"] = read_rgb(item.paths["rgb"])
    if "counts" in item.paths:
        sample["counts"] = read_thermal(item.paths["counts"])["counts"]
    if stereo and "right" in item.paths:
        right = read_thermal(item.paths["right"])["agc"]
        sample["thermal"] = sample["agc"].astype(np.float32) / np.float32(255)
        sample["thermal_right"] = right.astype(np.float32) / np.float32(255)
    left = sample["agc"] if "agc" in sample else sample["counts"]
    sizes = {"left": left.shape[1:], "colour": sample["rgb"].shape[1:]}
    if "counts" in sample:
        sizes["left of 16 bit"] = sample["counts"].shape[1:]
    if "thermal_right" in sample:
        sizes["right"] = sample["thermal_right"].shape[1:]
    if len(set(sizes.values())) > 1:
        told = ", ".join(f"{kind} {height} x {width}" for kind, (height, width) in sizes.items())
        raise DatasetCorruptError(
            f"{item.name}: views differ in size ({told} px). All lie in the thermal camera's grid."
        )
    return sample
