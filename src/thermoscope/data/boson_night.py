"""Boson night-time: thermal from the air at night, matched to satellite pictures.

====================================================  ============================================
``satellite_0_thermalmapping_135_train/``             ``{train,val,test,extended}_queries.h5`` and
                                                      ``..._database.h5``
``maps/satellite/20201117_BingSatellite.png``         one large colour map
====================================================  ============================================

Each HDF5 file holds ``image_name`` (UTF-8, ``@row@column``: the centre in pixels of the map, about
1 m each) and, for queries, ``image_data`` (N, H, W) or (N, H, W, 3) uint8. Colour is a 512x512
window of the map around that centre, thermal the central 512x512 of the picture; both become
224x224. An item is a query with the database entry at the same place: pairs are made by place, and
entries that have no partner are reported.

Source: Xiao et al., STHN / STGL; pairing, windows and radii as in the public code of AnyThermal
(arXiv 2602.06203).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.errors import (
    ConfigError,
    DatasetCorruptError,
    MissingDependencyError,
    UnknownNameError,
)
from thermoscope.core.sample import Sample
from thermoscope.data.base import Item, Listed, require
from thermoscope.data.catalogue import dataset_info
from thermoscope.data.files_by_stem import some
from thermoscope.data.transforms import resize

__all__ = ["RADII_M", "SPLITS", "boson_night"]

RADII_M = (35.0, 50.0, 100.0)
"""Same place up to the first; another place from the second on; negatives up to the third."""
SPLITS = ("train", "val", "test", "extended")
PICTURES = "satellite_0_thermalmapping_135_train"
MAP = "maps/satellite/20201117_BingSatellite.png"
WINDOW_PX = 512
SIZE_PX = 224
LAYOUT = f"{PICTURES}/<split>_queries.h5 and <split>_database.h5, and {MAP}."


def boson_night(root: str | Path, *, split: str = "train", size_px: int | None = SIZE_PX) -> Listed:
    """Every query of one split with the satellite picture of its place.

    Args:
        root: Folder as in the module.
        split: One of `SPLITS`.
        size_px: Side of both pictures; None keeps 512.

    Returns:
        Samples with ``rgb``, ``agc`` and ``position_m`` (column, -row: east and north, m).

    Raises:
        UnknownNameError: No such split.
        ConfigError: `size_px` below 1.
        MissingDependencyError: ``h5py`` is not installed.
        DatasetNotFoundError: The folder or one of the files is absent.
        DatasetCorruptError: A file is no HDF5, lacks a table, a name has no coordinates, no query
            has a partner; when decoded, a damaged map or a window beyond its edge.
    """
    if split not in SPLITS:
        raise UnknownNameError("split", split, SPLITS)
    if size_px is not None and size_px < 1:
        raise ConfigError(f"size_px must be 1 or more, got {size_px}.")
    names = [f"{PICTURES}/{split}_{kind}.h5" for kind in ("queries", "database")]
    source = dataset_info("boson_night").source
    folder = require(root, *names, MAP, layout=LAYOUT, source=source)
    queries, database = (_places(folder / name) for name in names)
    rows, findings = _joined(queries, database)
    items = [
        _item(folder, folder / names[0], split, number, (place, row))
        for number, (place, row) in enumerate(rows)
    ]
    decode = partial(_decode, size_px=size_px)
    return Listed("boson_night", split, tuple(items), decode, findings=tuple(findings))


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        import h5py
    except ImportError as err:
        raise MissingDependencyError("h5py", extra="datasets", purpose="reading HDF5") from err
    try:
        with h5py.File(path, "r") as file:
            yield file
    except DatasetCorruptError:
        raise
    except (OSError, KeyError) as err:
        raise DatasetCorruptError(f"{path} cannot be read as HDF5: {err}. Fetch it again.") from err


def _places(path: Path) -> list[tuple[float, float]]:
    """(row, column) of each picture, in the order of the file."""
    with _opened(path) as file:
        names = [_text(name) for name in file["image_name"][()]]
    return [_centre(name, path) for name in names]


def _text(name: Any) -> str:
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)


def _centre(name: str, path: Path) -> tuple[float, float]:
    fields = name.split("@")
    try:
        row, column = float(fields[1]), float(fields[2])
    except (IndexError, ValueError) as err:
        raise DatasetCorruptError(
            f"{path} names a picture {name!r}; expected '@row@column'."
        ) from err
    return row, column


def _joined(
    queries: list[tuple[float, float]], database: list[tuple[float, float]]
) -> tuple[list[tuple[tuple[float, float], int]], list[str]]:
    """Place and query row of each pair, by place; a place seen twice needs two entries."""
    free: dict[tuple[float, float], int] = defaultdict(int)
    for place in database:
        free[place] += 1
    pairs: list[tuple[tuple[float, float], int]] = []
    alone: list[str] = []
    for row in sorted(range(len(queries)), key=lambda r: (queries[r], r)):
        place = queries[row]
        if free[place]:
            free[place] -= 1
            pairs.append((place, row))
        else:
            alone.append(f"{place[0]:g} {place[1]:g}")
    findings = []
    if alone:
        findings.append(
            f"{len(alone)} queries have no database entry at their place ({some(alone)})"
        )
    left = sum(free.values())
    if left:
        findings.append(f"{left} of {len(database)} database entries have no query")
    return pairs, findings


def _item(
    root: Path, queries: Path, split: str, number: int, pair: tuple[tuple[float, float], int]
) -> Item:
    (row, column), query = pair
    return Item(
        name=f"{split}/{query:06d}@{row!r}@{column!r}",
        paths={"rgb": root / MAP, "thermal": queries},
        index=number,
        sequence=split,
        environment="aerial",
        time_of_day="night",
        position_m=(column, -row),
    )


def _decode(item: Item, *, size_px: int | None) -> Sample:
    query, row, column = (float(field) for field in item.name.split("/")[1].split("@"))
    picture = _map(item.paths["rgb"], _version(item.paths["rgb"]))
    window = _window(picture, round(row), round(column), item.paths["rgb"])
    planes = np.ascontiguousarray(window[..., ::-1].transpose(2, 0, 1))
    sample: Sample = {
        "rgb": planes.astype(np.float32) / np.float32(255),
        "agc": _thermal(item.paths["thermal"], int(query)),
    }
    if size_px is None:
        return sample
    size = (size_px, size_px)
    return resize(resize(sample, size, band="rgb"), size, band="thermal")


def _version(path: Path) -> tuple[int, int]:
    """Changes when the file does."""
    try:
        facts = path.stat()
    except OSError as err:
        raise DatasetCorruptError(f"{path} cannot be read: {err}. Fetch it again.") from err
    return facts.st_mtime_ns, facts.st_size


@lru_cache(maxsize=1)
def _map(path: Path, version: tuple[int, int]) -> NDArray[np.uint8]:  # of the cache
    import cv2

    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise DatasetCorruptError(f"{path} is no colour picture. Fetch it again.")
    return np.asarray(picture, dtype=np.uint8)


def _window(picture: NDArray[np.uint8], row: int, column: int, path: Path) -> NDArray[np.uint8]:
    top, left = row - WINDOW_PX // 2, column - WINDOW_PX // 2
    height, width = picture.shape[:2]
    if top < 0 or left < 0 or top + WINDOW_PX > height or left + WINDOW_PX > width:
        raise DatasetCorruptError(
            f"{path} is {width}x{height}; the {WINDOW_PX} px window around row {row}, column "
            f"{column} reaches beyond its edge. Check that map and queries belong together."
        )
    return picture[top : top + WINDOW_PX, left : left + WINDOW_PX]


def _thermal(path: Path, row: int) -> NDArray[np.uint8]:
    with _opened(path) as file:
        picture = np.asarray(file["image_data"][row])
    if picture.dtype != np.uint8 or picture.ndim not in (2, 3):
        raise DatasetCorruptError(
            f"{path} row {row} is {picture.shape} {picture.dtype}; expected 8-bit grey or colour."
        )
    plane = picture if picture.ndim == 2 else picture[..., 0]
    height, width = plane.shape
    if min(height, width) < WINDOW_PX:
        raise DatasetCorruptError(
            f"{path} row {row} is {width}x{height}; expected at least {WINDOW_PX} px each way."
        )
    top, left = (height - WINDOW_PX) // 2, (width - WINDOW_PX) // 2
    return np.ascontiguousarray(plane[None, top : top + WINDOW_PX, left : left + WINDOW_PX])
