"""OdomBeyondVision: handheld thermal and colour indoors, with odometry.

Extracted (see `bag_extract`), a recording is ``ExtractedData/sequence_NN_<stamp>/``:

=============================================  ===================================================
``{rgb,thermal}/seq_NNNN_<ns>.png``            full frames
``synchronized_data.csv``                      ``rgb_filename``, ``thermal_filename``,
                                               ``pos_x``, ``pos_y``, ``pos_z`` (m), more
=============================================  ===================================================

Positions are those of each recording's own odometry: they compare within a recording only, and
every recording is searched against itself. The same place is up to `RADIUS_M`.

Source: Li et al., OdomBeyondVision, 2022; choice of recordings and radius as in the public code of
AnyThermal (arXiv 2602.06203), which sets no limit to the time between the two pictures; here it is
`max_gap_s`, and what it drops is reported.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from thermoscope.core.checks import check_positive
from thermoscope.core.errors import ConfigError, DatasetCorruptError, UnknownNameError
from thermoscope.core.sample import Sample
from thermoscope.data.base import Item, Listed, read_rgb, read_thermal, require
from thermoscope.data.catalogue import dataset_info
from thermoscope.data.tables import named_rows, number_of

__all__ = ["COLUMNS", "MIN_LENGTH_M", "RADIUS_M", "odombeyondvision"]

RADIUS_M = 3.0
MIN_LENGTH_M = 100.0
COLUMNS = ("rgb_filename", "thermal_filename", "pos_x", "pos_y", "pos_z")
BETWEEN = 1000  # index numbers between recordings
LAYOUT = "ExtractedData/sequence_NN_<stamp>/ with rgb/, thermal/ and synchronized_data.csv."


@dataclass(frozen=True)
class _Row:
    rgb: Path
    thermal: Path
    place: tuple[float, float, float]
    gap_s: float


def odombeyondvision(
    root: str | Path,
    *,
    split: str = "test",
    max_gap_s: float = 0.1,
    min_length_m: float = MIN_LENGTH_M,
    exclude: Collection[str] = (),
) -> Listed:
    """The synchronised frames of every long recording.

    Args:
        root: Folder that holds ``ExtractedData``, or the recordings themselves.
        split: ``"test"``: the data set is for evaluation.
        max_gap_s: Pairs whose file names say that they are further apart in time are dropped.
        min_length_m: Shorter recordings are left out; 0 keeps all.
        exclude: Names of recordings to leave out; those with "vicon" in their name always are.

    Returns:
        Samples with ``rgb``, ``counts`` or ``agc``, and ``position_m``.

    Raises:
        UnknownNameError: Another split, or `exclude` names an unknown recording.
        ConfigError: `max_gap_s` is not positive, or `min_length_m` is negative.
        DatasetNotFoundError: The folder, all recordings, or a listed picture is absent.
        DatasetCorruptError: A table lacks a column, a number or a stamp; no frame; when decoded, a
            damaged picture.
    """
    if split != "test":
        raise UnknownNameError("split", split, ("test",))
    check_positive(max_gap_s, name="max_gap_s")
    if not 0 <= min_length_m < np.inf:
        raise ConfigError(f"min_length_m must be 0 or more, got {min_length_m}.")
    source = dataset_info("odombeyondvision").source
    folder = require(root, layout=LAYOUT, source=source)
    inner = folder / "ExtractedData"
    folder = inner if inner.is_dir() else folder
    parts = sorted(p.parent for p in folder.glob("sequence_*/synchronized_data.csv"))
    if not parts:
        require(folder, "sequence_NN_<stamp>", layout=LAYOUT, source=source)
    for name in exclude:
        if name not in {part.name for part in parts}:
            raise UnknownNameError("recording", name, [part.name for part in parts])
    items: list[Item] = []
    findings: list[str] = []
    for part in parts:
        if part.name in exclude or "vicon" in part.name.lower():
            findings.append(f"{part.name} is left out by name")
            continue
        first = items[-1].index + BETWEEN if items else 0
        kept, notes = _recording(part, first, max_gap_s, min_length_m)
        items += kept
        findings += notes
    return Listed(
        "odombeyondvision", split, tuple(items), _decode, aligned=False, findings=tuple(findings)
    )


def _recording(
    part: Path, first: int, max_gap_s: float, min_length_m: float
) -> tuple[list[Item], list[str]]:
    rows = _rows(part)
    places = np.array([row.place for row in rows]).reshape(-1, 3)
    length_m = float(np.linalg.norm(np.diff(places, axis=0), axis=1).sum())
    if length_m < min_length_m:
        return [], [f"{part.name} is left out: {length_m:.1f} m long, under {min_length_m:g} m"]
    notes = []
    wide = sum(row.gap_s > max_gap_s for row in rows)
    if wide:
        worst = max(row.gap_s for row in rows)
        notes.append(
            f"{part.name}: {wide} of {len(rows)} pairs more than {max_gap_s:g} s apart "
            f"(up to {worst:.3f} s)"
        )
    items = [
        Item(
            name=f"{part.name}/{row.thermal.stem}",
            paths={"rgb": row.rgb, "thermal": row.thermal},
            index=first + number,
            sequence=part.name,
            environment="indoor",
            position_m=row.place,
        )
        for number, row in enumerate(rows)
        if row.gap_s <= max_gap_s
    ]
    return items, notes


def _rows(part: Path) -> list[_Row]:
    path = part / "synchronized_data.csv"
    table = named_rows(path, COLUMNS)
    rows = [_row(part, path, cells) for cells in table]
    names = [
        f"{s}/{p.name}" for row in rows for s, p in (("rgb", row.rgb), ("thermal", row.thermal))
    ]
    source = "extract the recording again"
    require(part, *names, layout=f"every picture that {path.name} names.", source=source)
    return rows


def _row(part: Path, path: Path, cells: dict[str, str]) -> _Row:
    values = [cells[column] for column in COLUMNS]
    x, y, z = (number_of(value, path=path) for value in values[2:])
    if not np.isfinite([x, y, z]).all():
        raise DatasetCorruptError(f"{path} has a position that is not finite: {x}, {y}, {z}.")
    rgb, thermal = part / "rgb" / Path(values[0]).name, part / "thermal" / Path(values[1]).name
    gap_ns = abs(_stamp_ns(rgb, path) - _stamp_ns(thermal, path))
    return _Row(rgb, thermal, (x, y, z), gap_ns / 1e9)


def _stamp_ns(picture: Path, path: Path) -> int:
    parts = re.fullmatch(r".*_(\d+)", picture.stem)
    if parts is None:
        raise DatasetCorruptError(
            f"{path} names {picture.name!r}; expected 'seq_NNNN_<ns>.png', the stamp in its name."
        )
    return int(parts[1])


def _decode(item: Item) -> Sample:
    sample = read_thermal(item.paths["thermal"])
    sample["rgb"] = read_rgb(item.paths["rgb"])
    return sample
