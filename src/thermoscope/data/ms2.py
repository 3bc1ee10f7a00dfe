"""MS2: driving with rectified thermal, near-infrared and colour stereo, lidar depth and poses.

=============================================  =====================================================
``sync_data/<seq>/<band>/img_{left,right}/``   ``NNNNNN.png``; band = thr (16 bit), rgb, nir
``sync_data/<seq>/gps_imu/data/NNNNNN.txt``    longitude latitude altitude, in either order
``sync_data/<seq>/calib.npy``                  pickled dict, see `thermoscope.data.ms2_calibration`
``proj_depth/<seq>/thr/<kind>/NNNNNN.png``     uint16 / 256 = m, 0 = none; kind = depth (one scan),
                                               depth_multi (many), depth_filtered (cleaned)
``odom/<seq>/thr/NNNNNN.txt``                  4x4 pose, camera to world
``<list>_list.txt``                            train, val, test_day, test_night, test_rainy
=============================================  =====================================================

Scores on ``depth`` and on ``depth_filtered`` cannot be compared: the first are those of the paper
of 2023, the second those of the benchmark of 2025.

Source: Shin, Park and Kweon, CVPR 2023; protocols ``benchmark`` after the public training code of
its authors, ``retrieval`` after that of AnyThermal (arXiv 2602.06203).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import lru_cache, partial
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.errors import ConfigError, DatasetCorruptError, UnknownNameError
from thermoscope.core.sample import Sample
from thermoscope.data.base import Item, Listed, read_rgb, read_thermal, require
from thermoscope.data.catalogue import dataset_info
from thermoscope.data.files_by_stem import by_stem, joined, lines_of, some
from thermoscope.data.ms2_calibration import read_calibration
from thermoscope.data.transforms import Margins, crop, resize
from thermoscope.data.utm import utm_from_degrees
from thermoscope.geometry.stereo import disparity_from_depth

__all__ = ["LISTS", "RETRIEVAL_SEQUENCES", "ms2"]

Colour = Literal["rgb", "nir", "none"]
Depth = Literal["filtered", "raw", "multi", "none"]
Protocol = Literal["benchmark", "retrieval", "none"]

LISTS: dict[str, tuple[str, ...]] = {
    "train": (
        "_2021-08-06-10-59-33", "_2021-08-06-11-37-46", "_2021-08-06-17-21-04",
        "_2021-08-06-17-44-55", "_2021-08-13-16-50-57", "_2021-08-13-17-06-04",
        "_2021-08-13-21-36-10", "_2021-08-13-22-36-41",
    ),
    "val": ("_2021-08-13-16-08-46", "_2021-08-13-16-14-48", "_2021-08-13-21-58-13"),
    "test_day": ("_2021-08-06-11-23-45", "_2021-08-13-15-46-56", "_2021-08-13-16-31-10"),
    "test_night": ("_2021-08-13-21-18-04", "_2021-08-13-22-03-03", "_2021-08-13-22-16-02"),
    "test_rainy": ("_2021-08-06-16-19-00", "_2021-08-06-16-45-28", "_2021-08-06-16-59-13"),
}  # fmt: skip
"""Sequences of the official lists, used where a list file is absent."""
TESTS = ("test_day", "test_night", "test_rainy")
RETRIEVAL_SEQUENCES = (
    "_2021-08-06-11-23-45", "_2021-08-06-16-45-28", "_2021-08-13-16-14-48", "_2021-08-13-22-03-03",
)  # fmt: skip
"""The residential drives, searched as one database."""
RETRIEVAL_MARGINS = Margins(top=9, bottom=35, left=28, right=34)
RETRIEVAL_SIZE_PX = (212, 578)
BENCHMARK_STEPS = {"train": 1, "val": 3}
TEST_STEP = 10
LEVELS_PER_M = 256.0
LEAST_DEPTH_M = 1e-3
BETWEEN = 1000  # index numbers between sequences
UTM_ZONE = 52
NIGHT_FROM_H, NIGHT_TO_H = 20, 5
_DEPTHS = {"filtered": "depth_filtered", "raw": "depth", "multi": "depth_multi"}
LAYOUT = "sync_data/<seq>/..., proj_depth/<seq>/... and train_list.txt, val_list.txt ..."


@dataclass(frozen=True)
class _Choice:
    root: Path
    colour: Colour
    depth: Depth
    stereo: bool
    positions: bool
    retrieval: bool


def ms2(
    root: str | Path,
    *,
    split: str = "train",
    protocol: Protocol = "none",
    every: int | None = None,
    depth: Depth = "filtered",
    colour: Colour = "rgb",
    stereo: bool = True,
    positions: bool | None = None,
) -> Listed:
    """The frames of a list, sequence by sequence.

    Args:
        root: Folder as in the module.
        split: ``"train"``, ``"val"``, ``"test_day"``, ``"test_night"``, ``"test_rainy"``, or
            ``"test"`` for the last three.
        protocol: ``"benchmark"`` = every frame in training, every third in validation and every
            tenth in tests, of the concatenated list; ``"retrieval"`` = every tenth frame of each
            of `RETRIEVAL_SEQUENCES` (``"val"`` alone), thermal cropped to 212 x 578 px and colour
            resized to that, positions, neither depth nor right views; ``"none"`` = all frames.
        every: Step instead of the protocol's.
        depth: Which depth pictures; ``"none"`` also keeps frames without.
        colour: Picture under ``rgb``; near infrared comes as three equal channels.
        stereo: With right views; keeps frames that have them.
        positions: Read east and north of each frame from its GPS file, m in UTM zone 52; by
            default only for retrieval, because the files are many.

    Returns:
        Samples with ``counts``, ``counts_right``, ``rgb``, ``rgb_right``, ``depth``, ``disparity``
        (from depth, focal length and baseline), ``valid``, ``K``, ``K_rgb``, ``baseline_m``,
        ``T_left_right``, ``T_thermal_rgb``, ``T_world_camera``, ``t_ns``, as far as asked for and
        on disk. Only depth and right views decide whether a frame is in the list.

    Raises:
        UnknownNameError: No such split, protocol, depth or colour.
        ConfigError: `every` below 1, or another split than ``"val"`` for retrieval.
        DatasetNotFoundError: The folder, or a listed sequence, is absent.
        DatasetCorruptError: No frame; a GPS file or table of times is damaged; when decoded, a
            damaged picture, pose or ``calib.npy``.
    """
    _check(split, protocol, depth, colour, every)
    retrieval = protocol == "retrieval"
    source = dataset_info("ms2").source
    folder = require(root, "sync_data", layout=LAYOUT, source=source)
    choice = _Choice(
        folder,
        colour,
        "none" if retrieval else depth,
        stereo and not retrieval,
        retrieval if positions is None else positions,
        retrieval,
    )
    names, findings = _sequences(folder, split, retrieval)
    pictures = [f"sync_data/{name}/thr/img_left" for name in names]
    require(folder, *pictures, layout=LAYOUT, source=source)
    items: list[Item] = []
    facts: dict[str, Sample] = {}
    step = every or _step(split, protocol)
    for name in names:
        first = items[-1].index + BETWEEN if items else 0
        kept, notes = _frames(choice, name, first, step if retrieval else 1, facts)
        items += kept
        findings += notes
    chosen = items if retrieval else items[::step]
    return Listed(
        "ms2",
        split,
        tuple(chosen),
        partial(_decode, choice=choice, facts=facts),
        aligned=False,
        findings=tuple(findings),
    )


def _check(split: str, protocol: str, depth: str, colour: str, every: int | None) -> None:
    for kind, name, known in (
        ("split", split, (*LISTS, "test")),
        ("protocol", protocol, ("benchmark", "retrieval", "none")),
        ("depth", depth, (*_DEPTHS, "none")),
        ("colour", colour, ("rgb", "nir", "none")),
    ):
        if name not in known:
            raise UnknownNameError(kind, name, known)
    if every is not None and every < 1:
        raise ConfigError(f"every must be at least 1, got {every}.")
    if protocol == "retrieval" and split != "val":
        raise ConfigError(
            f"the retrieval protocol of MS2 has the split 'val' alone, got {split!r}. Leave the "
            "protocol out to train on other drives."
        )


def _step(split: str, protocol: str) -> int:
    if protocol == "none":
        return 1
    return TEST_STEP if protocol == "retrieval" else BENCHMARK_STEPS.get(split, TEST_STEP)


def _sequences(folder: Path, split: str, retrieval: bool) -> tuple[list[str], list[str]]:
    """Sequences of a split as the list files, or else our own lists, name them."""
    if retrieval:
        return list(RETRIEVAL_SEQUENCES), []
    names: list[str] = []
    findings = []
    for listed in TESTS if split == "test" else (split,):
        path = folder / f"{listed}_list.txt"
        if path.is_file():
            names += [line.split()[0] for line in lines_of(path)]
        else:
            names += LISTS[listed]
            findings.append(f"{path.name} is not there; the official sequences are taken")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        findings.append(f"listed twice, read once: {some(twice)}")
    return list(dict.fromkeys(names)), findings


def _frames(
    choice: _Choice, name: str, first: int, step: int, facts: dict[str, Sample]
) -> tuple[list[Item], list[str]]:
    sync = choice.root / "sync_data" / name
    files = {"thermal": by_stem(sync / "thr/img_left")}
    if choice.stereo:
        files["right"] = by_stem(sync / "thr/img_right")
    if choice.depth != "none":
        files["depth"] = by_stem(choice.root / "proj_depth" / name / "thr" / _DEPTHS[choice.depth])
    optional = {"pose": _by_stem_or_none(choice.root / "odom" / name / "thr", ".txt")}
    if choice.colour != "none":
        views = {"rgb": "left", "rgb_right": "right"} if choice.stereo else {"rgb": "left"}
        for key, side in views.items():
            optional[key] = _by_stem_or_none(sync / choice.colour / f"img_{side}", ".png")
    if choice.positions:
        files["gps"] = by_stem(sync / "gps_imu/data", kinds=frozenset({".txt"}))
    optional = {kind: found for kind, found in optional.items() if found}
    found = joined({**files, **optional}, optional=optional, where=name)
    times = _times_ns(sync / "thr/img_left_timestamp.txt", files["thermal"])
    place_of = {stem: place for place, stem in enumerate(files["thermal"])}
    findings = list(found.findings)
    if not (sync / "calib.npy").is_file():
        findings.append(f"{name} has no calib.npy: neither disparity nor cameras are known")
    items = []
    for stem in list(found.rows)[::step]:
        paths = {**found.rows[stem], "calibration": sync / "calib.npy"}
        gps = paths.pop("gps", None)
        item = Item(
            name=f"{name}/{stem}",
            paths=paths,
            index=first + place_of[stem],
            sequence=name,
            environment="urban rain" if name in LISTS["test_rainy"] else "urban",
            time_of_day=_time_of_day(name),
            position_m=_position_m(gps) if gps else None,
        )
        if stem in times:
            facts[item.name] = {"t_ns": times[stem]}
        items.append(item)
    return items, findings


def _by_stem_or_none(folder: Path, kind: str) -> dict[str, Path]:
    """`by_stem` of a folder that may be absent."""
    return by_stem(folder, kinds=frozenset({kind})) if folder.is_dir() else {}


def _time_of_day(sequence: str) -> str:
    parts = sequence.split("-")
    if len(parts) < 4 or not parts[3].isdecimal():
        return ""
    night = int(parts[3]) >= NIGHT_FROM_H or int(parts[3]) <= NIGHT_TO_H
    return "night" if night else "day"


def _times_ns(path: Path, stems: Sequence[str] | dict[str, Path]) -> dict[str, int]:
    """Time of each stored frame; nothing if the table is absent."""
    if not path.is_file():
        return {}
    lines = lines_of(path)
    if len(lines) != len(stems):
        raise DatasetCorruptError(
            f"{path} has {len(lines)} rows for {len(stems)} frames; expected a row a frame."
        )
    try:
        times = [int(Decimal(line.split()[-1]) * 1_000_000_000) for line in lines]
    except (InvalidOperation, ValueError, OverflowError) as err:
        raise DatasetCorruptError(f"{path} must hold seconds, a row a frame: {err!r}.") from err
    return dict(zip(stems, times, strict=True))


def _position_m(path: Path) -> tuple[float, float]:
    """East and north; Korea's longitude is above 90, so either order can be told."""
    try:
        text = path.read_text(encoding="utf-8").replace(",", " ").split()
        first, second = float(text[0]), float(text[1])
        longitude, latitude = (first, second) if abs(first) > abs(second) else (second, first)
        east, north = utm_from_degrees(latitude, longitude, zone=UTM_ZONE).reshape(2)
    except (OSError, ValueError, IndexError) as err:
        raise DatasetCorruptError(
            f"{path} must begin with longitude and latitude in degrees: {err}."
        ) from err
    return float(east), float(north)


_calibration = lru_cache(maxsize=32)(read_calibration)


def _decode(item: Item, *, choice: _Choice, facts: dict[str, Sample]) -> Sample:
    paths = item.paths
    sample: Sample = {**read_thermal(paths["thermal"]), **facts.get(item.name, {})}
    if "right" in paths:
        sample["counts_right"] = read_thermal(paths["right"])["counts"]
    if "rgb" in paths:
        sample["rgb"] = read_rgb(paths["rgb"])
    if "rgb_right" in paths:
        sample["rgb_right"] = read_rgb(paths["rgb_right"])
    if "depth" in paths:
        sample["depth"] = _depth_m(paths["depth"])
        sample["valid"] = sample["depth"] > LEAST_DEPTH_M
    if "pose" in paths:
        sample["T_world_camera"] = _pose(paths["pose"])
    if paths["calibration"].is_file():
        _add_cameras(sample, paths["calibration"], choice.colour)
    if not choice.retrieval:
        return sample
    sample = crop(sample, RETRIEVAL_MARGINS, band="thermal")
    return resize(sample, RETRIEVAL_SIZE_PX, band="rgb")


def _add_cameras(sample: Sample, path: Path, colour: Colour) -> None:
    cameras = _calibration(path)
    sample["K"] = cameras.K["thr"].copy()
    sample["baseline_m"] = cameras.baseline_m
    sample["T_left_right"] = cameras.T_left_right.copy()
    if colour != "none":
        sample["K_rgb"] = cameras.K[colour].copy()
        sample["T_thermal_rgb"] = cameras.T_thermal_colour[colour].copy()
    if "depth" in sample:
        sample["disparity"], _ = disparity_from_depth(
            sample["depth"],
            focal_px=cameras.focal_px,
            baseline_m=cameras.baseline_m,
            valid=sample["valid"],
        )


def _depth_m(path: Path) -> NDArray[np.float32]:
    import cv2

    levels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if levels is None:
        raise DatasetCorruptError(f"{path} is absent or damaged. Fetch it again.")
    if levels.ndim != 2 or levels.dtype != np.uint16:
        raise DatasetCorruptError(
            f"{path} is {levels.shape} {levels.dtype}; expected (H, W) uint16, 256 levels a metre."
        )
    return np.asarray(levels[None] / LEVELS_PER_M, np.float32)


def _pose(path: Path) -> NDArray[np.float64]:
    try:
        pose = np.loadtxt(path, dtype=np.float64, ndmin=2)
    except (OSError, ValueError) as err:
        raise DatasetCorruptError(f"{path} must hold a 4x4 pose: {err}.") from err
    if pose.shape != (4, 4):
        raise DatasetCorruptError(f"{path} holds {pose.shape} numbers; expected a 4x4 pose.")
    return pose
