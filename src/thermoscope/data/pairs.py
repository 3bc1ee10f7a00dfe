"""Anybody's own RGB-thermal pairs: two folders, a table, or a recording.

Folders are joined by the stems of their files, never by position; whatever stays alone is reported
in `Listed.findings`. A table has the columns ``rgb, thermal`` and, as far as known, ``label, x_m,
y_m, environment, time_of_day, sequence, split``; its paths are relative to itself. A recording (ROS
1 or 2, MCAP) is written out once as such a table, with the gap between the stamps of each pair.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from thermoscope.core.checks import check_in_range
from thermoscope.core.errors import ConfigError, DatasetCorruptError, UnknownNameError
from thermoscope.core.sample import Sample
from thermoscope.data.bags import is_recording
from thermoscope.data.base import (
    Item,
    Listed,
    mask_findings,
    read_labels,
    read_rgb,
    read_thermal,
    require,
)
from thermoscope.data.files_by_stem import PICTURES, by_stem, joined, some
from thermoscope.data.framelist import RULES

__all__ = ["COLUMNS", "TABLE", "pairs"]

TABLE = "pairs.csv"
COLUMNS = (
    "rgb", "thermal", "label", "x_m", "y_m", "environment", "time_of_day", "sequence", "split",
    "t_ns", "dt_s",
)  # fmt: skip
SPLITS = ("train", "val", "test", "all")
THERMAL_FILES = PICTURES | {".fff", ".csv"}
LAYOUT = (
    "rgb/ and thermal/ with files of the same stem (other names: options rgb and thermal), "
    f"or {TABLE} with the columns rgb and thermal, or a recording (.bag, .mcap, ROS 2 folder)."
)


def pairs(
    root: str | Path,
    *,
    split: str = "train",
    rgb: str = "rgb",
    thermal: str = "thermal",
    labels: str = "labels",
    rgb_affixes: tuple[str, str] = ("", ""),
    thermal_affixes: tuple[str, str] = ("", ""),
    label_affixes: tuple[str, str] = ("", ""),
    val_share: float = 0.2,
    environment: str = "",
    aligned: bool = True,
    classes: Sequence[str] = (),
    max_gap_s: float = RULES["pairs"].max_gap_s,
) -> Listed:
    """The pairs in a folder, a table or a recording.

    Without splits of its own, the data are divided in the order of their names: the last
    `val_share` is ``"val"`` and the rest ``"train"``, so neighbours of a recording meet at one
    point only. Own splits are the column ``split``, or folders such as ``train/rgb``.

    The pictures of a recording ``x.mcap`` are written to the folder ``x.pairs`` beside it when it
    is first opened, which takes as long as reading it; ``thermoscope datasets extract --layout
    pairs`` does the same where you want it.

    Args:
        root: Folder with the two folders or with ``pairs.csv``; or a table; or a recording.
        split: ``"train"``, ``"val"``, ``"test"`` or ``"all"``.
        rgb: Folder of colour pictures, below `root` (or below the split's folder); of a recording
            their topic.
        thermal: Folder of thermal files: any format that `thermoscope.read` knows; of a recording
            their topic.
        labels: Folder of index pictures; it may be absent.
        rgb_affixes: Beginning and end of every colour stem that thermal stems lack.
        thermal_affixes: The same for thermal stems.
        label_affixes: The same for label stems.
        val_share: Share of ``"val"`` where the data have no splits.
        environment: Of all pairs; a table may say it pair by pair.
        aligned: Whether the pixels of the two bands correspond.
        classes: Names of the classes, for reports.
        max_gap_s: Of a recording: largest time between the pictures of a pair, s; each colour
            picture is joined with the thermal one nearest in time.

    Raises:
        DatasetNotFoundError: A folder, the table, the recording or a listed file is absent.
        DatasetCorruptError: No pair, a pair twice, a table without its columns or with a number
            that is none, or later, when decoded, a damaged file.
        ConfigError: `val_share` or `max_gap_s` out of range, a split that the data do not have, or
            a recording that was opened with other settings.
        UnknownNameError: No such split or topic.
        MissingDependencyError: A recording, and ``rosbags`` is not installed.
        WriteError: The pictures of a recording cannot be written beside it.

    Example:
        >>> import tempfile, numpy as np, cv2
        >>> root = Path(tempfile.mkdtemp())
        >>> for folder, shape in (("rgb", (4, 4, 3)), ("thermal", (4, 4))):
        ...     (root / folder).mkdir()
        ...     _ = cv2.imwrite(str(root / folder / "7.png"), np.zeros(shape, np.uint8))
        >>> data = pairs(root, split="all")
        >>> len(data), data[0]["rgb"].shape, data[0]["agc"].shape
        (1, (3, 4, 4), (1, 4, 4))
    """
    check_in_range(val_share, 0.0, 1.0, name="val_share")
    if split not in SPLITS:
        raise UnknownNameError("split", split, SPLITS)
    folder = require(root, layout=LAYOUT, source="yours")
    if is_recording(folder):
        folder = _extracted(folder, rgb, thermal, max_gap_s)
    table = folder if folder.is_file() else folder / TABLE
    if table.is_file():
        items, findings = _of_table(table, split, val_share, environment)
    else:
        base = folder / split if (folder / split / rgb).is_dir() else folder
        require(base, rgb, thermal, layout=LAYOUT, source="yours")
        files = {
            "rgb": by_stem(base / rgb, prefix=rgb_affixes[0], suffix=rgb_affixes[1]),
            "thermal": by_stem(
                base / thermal,
                prefix=thermal_affixes[0],
                suffix=thermal_affixes[1],
                kinds=THERMAL_FILES,
            ),
        }
        if (base / labels).is_dir():
            files["labels"] = by_stem(
                base / labels, prefix=label_affixes[0], suffix=label_affixes[1]
            )
        items, findings = _of_folders(files, environment)
        if base == folder:
            items = _share(items, split, val_share)
    labelled = (item.paths["labels"] for item in items if "labels" in item.paths)
    findings += mask_findings(labelled, classes)
    return Listed(
        "pairs", split, tuple(items), _decode, tuple(classes), aligned, findings=tuple(findings)
    )


def _extracted(recording: Path, rgb: str, thermal: str, max_gap_s: float) -> Path:
    """The folder beside the recording with its pairs, written if it is not there."""
    from thermoscope.data.bag_extract import Topics, extract

    return extract(
        [recording],
        recording.parent,
        layout="pairs",
        name=f"{recording.stem}.pairs",
        topics=Topics((rgb,), (thermal,)),
        rule=replace(RULES["pairs"], max_gap_s=max_gap_s),
    ).folder


def _of_folders(
    files: Mapping[str, Mapping[str, Path]], environment: str
) -> tuple[list[Item], list[str]]:
    found = joined(files, optional=["labels"])
    items = [
        Item(stem, paths, _number(stem, place), environment=environment)
        for place, (stem, paths) in enumerate(found.rows.items())
    ]
    findings = list(found.findings)
    if not items:
        names = "; ".join(f"{kind}: {some(stems) or 'none'}" for kind, stems in files.items())
        findings.append(
            f"No two files share a stem ({names}). State what the names begin and end with "
            "(rgb_affixes, thermal_affixes)."
        )
    return items, findings


def _number(stem: str, place: int) -> int:
    """The last number in a name: frames that follow each other have near numbers."""
    numbers = re.findall(r"\d+", stem)
    return int(numbers[-1]) if numbers else place


def _share(items: list[Item], split: str, val_share: float) -> list[Item]:
    if split == "test":
        raise ConfigError(
            "these pairs have no split 'test'. Put them into test/rgb and test/thermal, add a "
            "column split to the table, or ask for 'train', 'val' or 'all'."
        )
    cut = len(items) - math.floor(len(items) * val_share + 0.5)
    parts = {"train": items[:cut], "val": items[cut:], "all": items}
    return parts[split]


def _of_table(
    table: Path, split: str, val_share: float, environment: str
) -> tuple[list[Item], list[str]]:
    rows = _rows(table)
    items = [_row(table, number, row, environment) for number, row in enumerate(rows)]
    named = [row[kind] for row in rows for kind in ("rgb", "thermal", "label") if row.get(kind)]
    require(table.parent, *named, layout=f"every file that {table.name} names.", source="yours")
    _reject_repeats(table, items)
    if not any(row.get("split") for row in rows):
        return _share(items, split, val_share), []
    unknown = sorted({row["split"] for row in rows} - set(SPLITS[:3]))
    findings = [f"{table}: rows of the splits {some(unknown)} are left out."] if unknown else []
    chosen = SPLITS[:3] if split == "all" else (split,)
    kept = [i for i, row in zip(items, rows, strict=True) if row["split"] in chosen]
    return kept, findings


def _rows(table: Path) -> list[dict[str, str]]:
    try:
        with table.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            columns = list(reader.fieldnames or ())
            rows = [{k: (v or "").strip() for k, v in row.items() if k} for row in reader]
    except (UnicodeDecodeError, csv.Error) as err:
        raise DatasetCorruptError(f"{table} is no table: {err}. Write it as UTF-8 CSV.") from err
    missing = [name for name in COLUMNS[:2] if name not in columns]
    if missing:
        raise DatasetCorruptError(
            f"{table} lacks the columns {', '.join(missing)}; it has {some(columns, shown=9)}. "
            f"Known columns: {', '.join(COLUMNS)}."
        )
    return rows


def _row(table: Path, number: int, row: Mapping[str, str], environment: str) -> Item:
    empty = [kind for kind in COLUMNS[:2] if not row[kind]]
    if empty:
        raise DatasetCorruptError(f"{table}, line {number + 2}: {empty[0]} is empty. Name a file.")
    paths = {kind: table.parent / row[kind] for kind in COLUMNS[:2]}
    if row.get("label"):
        paths["labels"] = table.parent / row["label"]
    return Item(
        name=str(Path(row["thermal"]).with_suffix("")),
        paths=paths,
        index=number,
        sequence=row.get("sequence", ""),
        environment=row.get("environment") or environment,
        time_of_day=row.get("time_of_day", ""),
        position_m=_position(table, number, row),
    )


def _position(table: Path, number: int, row: Mapping[str, str]) -> tuple[float, ...] | None:
    texts = [row.get("x_m", ""), row.get("y_m", "")]
    if not any(texts):
        return None
    try:
        values = tuple(float(text) for text in texts)
    except ValueError:
        values = (math.nan,)
    if not all(map(math.isfinite, values)):
        raise DatasetCorruptError(
            f"{table}, line {number + 2}: x_m, y_m are {texts}; expected two numbers in metres, "
            "or both empty."
        )
    return values


def _reject_repeats(table: Path, items: Sequence[Item]) -> None:
    seen: dict[Path, int] = {}
    for number, item in enumerate(items):
        for kind in ("rgb", "thermal"):
            path = item.paths[kind].resolve()
            if path in seen:
                raise DatasetCorruptError(
                    f"{table}, line {number + 2}: {item.paths[kind].name} is already in line "
                    f"{seen[path] + 2}. Name every file once."
                )
            seen[path] = number


def _decode(item: Item) -> Sample:
    sample = read_thermal(item.paths["thermal"])
    sample["rgb"] = read_rgb(item.paths["rgb"])
    if "labels" in item.paths:
        sample["labels"] = read_labels(item.paths["labels"])
        sample["taxonomy"] = "own"
    return sample
