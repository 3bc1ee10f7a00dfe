"""CART: the Caltech aerial RGB-thermal data: places along flights, and labelled thermal frames.

========================================================  ========================================
``bag_files/<yyyy-mm-dd-hh-mm-ss>/stereo_rectified/``     ``thermal_color/{eo,thermal8,thermal}/``
                                                          ``pair-NNNNN.png``: colour, 8 and 16 bit
``bag_files/<...>/csv/thermal_utm_coords.npy``            (frames, 2 or 3) east, north, altitude m;
                                                          row NNNNN belongs to ``pair-NNNNN``
``bag_files/<...>/csv/thermal_utm_coords.csv``            the same with ``Time``, s
``rotations.yaml``                                        flights to turn by 180 degrees: true
``labeled_thermal_singles/{train,val,test}.txt``          thermal file, mask file a line
========================================================  ========================================

Pictures of flights whose camera hung upside down are turned when they are read: the files stay as
they are, and reading twice gives the same. Masks hold class + 2; what is less than 2 is ignored.

Source: Lee et al., Caltech Aerial RGB-Thermal Dataset in the Wild, ECCV 2024; splits, radii and
sizes as in the public code of AnyThermal (arXiv 2602.06203).
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import yaml
from numpy.typing import NDArray

from thermoscope.core.errors import (
    ConfigError,
    DatasetCorruptError,
    DatasetNotFoundError,
    UnknownNameError,
)
from thermoscope.core.sample import IGNORE_INDEX, Sample
from thermoscope.data.base import Item, Listed, read_labels, read_rgb, read_thermal, require
from thermoscope.data.catalogue import dataset_info
from thermoscope.data.files_by_stem import by_stem, joined, lines_of, some
from thermoscope.data.stamps import speed_mps
from thermoscope.data.tables import named_rows, number_of
from thermoscope.data.transforms import resize

__all__ = ["CLASSES", "RADII_M", "UNLIT", "VAL_FLIGHTS", "cart"]

CLASSES = (
    "bare_ground", "rocky_terrain", "developed_structures", "road", "shrubs", "trees", "sky",
    "water", "vehicles", "person",
)  # fmt: skip
RADII_M = (15.0, 25.0, 40.0)
"""Same place up to the first; another place from the second on; negatives up to the third."""
VAL_FLIGHTS = (
    "2023-03-21-09-59-39", "2023-03-21-14-06-04", "2023-03-22-08-44-31", "2023-03-22-14-31-06",
    "2023-03-22-14-41-46",
)  # fmt: skip
"""Duck, North Carolina."""
UNLIT = ("2023-03-21-18-20-21", "2023-03-21-19-55-11")
"""At night: nothing is visible in colour."""
PLACE_SIZE_PX = (300, 480)
LABEL_SIZE_PX = (512, 640)
LABEL_OFFSET = 2
MIN_SPEED_MPS = 0.5
BETWEEN = 1000  # index numbers between flights
Task = Literal["place", "segmentation"]
PLACE_LAYOUT = "bag_files/<flight>/stereo_rectified/thermal_color/{eo,thermal8}/pair-NNNNN.png."
LABEL_LAYOUT = "labeled_thermal_singles/{train,val,test}.txt, 'thermal file,mask file' a line."


@dataclass(frozen=True)
class _Choice:
    thermal: str
    min_speed_mps: float


def cart(
    root: str | Path,
    *,
    split: str = "val",
    task: Task = "place",
    thermal: str = "thermal8",
    size_px: tuple[int, int] | None = PLACE_SIZE_PX,
    min_speed_mps: float = MIN_SPEED_MPS,
    rotated: Collection[str] | None = None,
) -> Listed:
    """Frames along flights, or labelled thermal frames.

    Args:
        root: Folder as in the module.
        split: For places: ``"val"`` = `VAL_FLIGHTS`, ``"train"`` = the others, ``"all"``; never
            `UNLIT`. For segmentation: ``"train"``, ``"val"``, ``"test"``.
        task: Which of the two.
        thermal: For places: ``thermal8`` or ``thermal``.
        size_px: For places: (H, W) of both pictures; None = as they are.
        min_speed_mps: For places: slower frames are left out, where times are known; 0 keeps all.
        rotated: Flights to turn by 180 degrees; None = those of ``rotations.yaml``, if it is there.

    Returns:
        For places ``rgb``, ``agc`` (or ``counts``) and ``position_m``; for segmentation ``agc`` and
        ``labels`` (taxonomy ``"cart"``).

    Raises:
        UnknownNameError: No such split.
        ConfigError: No such task, or `min_speed_mps` is negative.
        DatasetNotFoundError: The folder, all flights, a list, or a file that a list names is
            absent.
        DatasetCorruptError: A table or list is damaged, no frame; when decoded, a damaged picture,
            another size than 640x512 or a mask value beyond the classes.
    """
    if task not in ("place", "segmentation"):
        raise ConfigError(f"task must be 'place' or 'segmentation', got {task!r}.")
    if task == "segmentation":
        return _segmentation(Path(root), split)
    if split not in ("train", "val", "all"):
        raise UnknownNameError("split", split, ("train", "val", "all"))
    if not 0 <= min_speed_mps < np.inf:
        raise ConfigError(f"min_speed_mps must be 0 or more, got {min_speed_mps}.")
    source = dataset_info("cart").source
    folder = require(root, "bag_files", layout=PLACE_LAYOUT, source=source)
    turned = frozenset(_rotations(folder) if rotated is None else rotated)
    flights = sorted(
        p.parent.parent for p in folder.glob("bag_files/*/stereo_rectified/thermal_color")
    )
    items: list[Item] = []
    findings: list[str] = []
    choice = _Choice(thermal, min_speed_mps)
    for flight in flights:
        if split != "all" and (flight.name in VAL_FLIGHTS) != (split == "val"):
            continue
        first = items[-1].index + BETWEEN if items else 0
        kept, notes = _flight(flight, choice, first)
        items += kept
        findings += notes
    if not flights:
        require(folder, "bag_files/<flight>/stereo_rectified", layout=PLACE_LAYOUT, source=source)
    decode = partial(_decode_place, size_px=size_px, turned=turned)
    return Listed("cart", split, tuple(items), decode, aligned=False, findings=tuple(findings))


def _rotations(folder: Path) -> list[str]:
    path = folder / "rotations.yaml"
    if not path.is_file():
        return []
    try:
        flags = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as err:
        raise DatasetCorruptError(f"{path} is no YAML: {err}.") from err
    if not isinstance(flags, dict) or not all(isinstance(v, bool) for v in flags.values()):
        raise DatasetCorruptError(f"{path} must hold '<flight>: true' or 'false' a line.")
    return [str(name) for name, turned in flags.items() if turned]


def _flight(flight: Path, choice: _Choice, first: int) -> tuple[list[Item], list[str]]:
    name = flight.name
    if name in UNLIT:
        return [], [f"{name} is left out: nothing is visible in colour"]
    table = flight / "csv" / "thermal_utm_coords.npy"
    if not table.is_file():
        return [], [f"{name} is left out: no positions ({table.name})"]
    folder = flight / "stereo_rectified" / "thermal_color"
    files = {"rgb": by_stem(folder / "eo"), "thermal": by_stem(folder / choice.thermal)}
    found = joined(files, where=name)
    places = _places(table)
    speed, notes = _speed(flight, len(places), choice.min_speed_mps)
    items: list[Item] = []
    slow: list[str] = []
    beyond: list[str] = []
    for stem, paths in found.rows.items():
        number = _number(stem, folder)
        if number >= len(places):
            beyond.append(stem)
        elif speed is not None and not speed[number] >= choice.min_speed_mps:
            slow.append(stem)
        else:
            place = tuple(float(v) for v in places[number])
            items.append(Item(f"{name}/{stem}", paths, first + number, name, "aerial", "", place))
    notes += found.findings
    if slow:
        notes.append(f"{name}: {len(slow)} frames slower than {choice.min_speed_mps:g} m/s")
    if beyond:
        notes.append(f"{name}: {len(beyond)} frames without a position ({some(beyond)})")
    return items, notes


def _number(stem: str, folder: Path) -> int:
    parts = re.fullmatch(r"\D*(\d+)", stem)
    if parts is None:
        raise DatasetCorruptError(f"{folder} has a picture {stem!r}; expected 'pair-NNNNN'.")
    return int(parts[1])


def _places(path: Path) -> NDArray[np.float64]:
    try:
        places = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as err:
        raise DatasetCorruptError(f"{path} is no plain array of numbers: {err}.") from err
    if places.ndim != 2 or places.shape[1] not in (2, 3) or places.dtype.kind != "f":
        raise DatasetCorruptError(
            f"{path} is {places.shape} {places.dtype}; expected rows of east, north and altitude."
        )
    return np.asarray(places, np.float64)


def _speed(
    flight: Path, count: int, min_speed_mps: float
) -> tuple[NDArray[np.float64] | None, list[str]]:
    """Speed over ground at each frame, m/s."""
    path = flight / "csv" / "thermal_utm_coords.csv"
    if not min_speed_mps:
        return None, []
    if not path.is_file():
        return None, [f"{flight.name}: no times ({path.name}), frames at rest are kept"]
    rows = named_rows(path, ("Time", "easting", "northing"))
    table = np.array([[number_of(cell, path=path) for cell in row.values()] for row in rows])
    t_s, track = table.reshape(-1, 3)[:, 0], table.reshape(-1, 3)[:, 1:]
    if not np.isfinite(table).all():
        raise DatasetCorruptError(f"{path} has a time or position that is not finite.")
    if len(rows) != count:
        raise DatasetCorruptError(f"{path} has {len(rows)} rows for {count} positions.")
    t_ns = np.rint((t_s - t_s[:1]) * (1 if t_s[:1] > 1e14 else 1e9)).astype(np.int64)
    moments, rows_of_moment = np.unique(t_ns, return_index=True)
    at_moment = speed_mps(track[rows_of_moment], moments)
    return np.interp(t_ns, moments, at_moment), []


def _decode_place(
    item: Item, *, size_px: tuple[int, int] | None, turned: Collection[str]
) -> Sample:
    sample = read_thermal(item.paths["thermal"])
    sample["rgb"] = read_rgb(item.paths["rgb"])
    if item.sequence in turned:
        for key in ("rgb", "agc", "counts"):
            if key in sample:
                sample[key] = np.ascontiguousarray(sample[key][:, ::-1, ::-1])
    if size_px is None:
        return sample
    return resize(resize(sample, size_px, band="thermal"), size_px, band="rgb")


def _segmentation(root: Path, split: str) -> Listed:
    if split not in ("train", "val", "test"):
        raise UnknownNameError("split", split, ("train", "val", "test"))
    wanted = f"labeled_thermal_singles/{split}.txt"
    source = dataset_info("cart").source
    folder = require(root, wanted, layout=LABEL_LAYOUT, source=source)
    items: list[Item] = []
    lost: list[str] = []
    for line in lines_of(folder / wanted):
        cells = [cell.strip() for cell in line.split(",")]
        if len(cells) != 2:
            raise DatasetCorruptError(
                f"{folder / wanted} holds {line!r}; expected 'thermal file,mask file'."
            )
        thermal, mask = (_resolved(folder, cell) for cell in cells)
        lost += [cell for cell, path in zip(cells, (thermal, mask), strict=True) if path is None]
        if thermal is not None and mask is not None:
            name = thermal.relative_to(folder).with_suffix("").as_posix()
            items.append(Item(name, {"thermal": thermal, "labels": mask}, len(items)))
    if lost:
        raise DatasetNotFoundError(
            f"{folder / wanted} names {len(lost)} files that are not there ({some(lost)}). "
            f"Expected them below {folder}."
        )
    return Listed("cart", split, tuple(items), _decode_labelled, CLASSES)


def _resolved(folder: Path, cell: str) -> Path | None:
    """The file: as named, below the labelled folder, or by what follows that folder's name."""
    labelled = folder / "labeled_thermal_singles"
    tail = cell.rpartition("labeled_thermal_singles/")[2]
    below = [labelled / tail, folder / tail.lstrip("/")]
    return next((path for path in below if path.is_file()), None)


def _decode_labelled(item: Item) -> Sample:
    sample = read_thermal(item.paths["thermal"])
    plane = sample.get("agc")
    if plane is None or plane.shape[1:] != LABEL_SIZE_PX:
        raise DatasetCorruptError(f"{item.paths['thermal']} is not 8 bit of 640x512 pixels.")
    classes = read_labels(item.paths["labels"], shape=LABEL_SIZE_PX) - LABEL_OFFSET
    if classes.max() >= len(CLASSES):
        raise DatasetCorruptError(
            f"{item.paths['labels']} holds the value {int(classes.max()) + LABEL_OFFSET}; expected "
            f"at most {len(CLASSES) - 1 + LABEL_OFFSET}: class + 2."
        )
    sample["labels"] = np.where(classes < 0, IGNORE_INDEX, classes)
    sample["taxonomy"] = "cart"
    return sample
