"""Freiburg Thermal (HeatNet): driving, day and night, thermal already aligned to the colour view.

``<root>/train/seq_NN_{day,night}/MM/{fl_rgb,fl_ir_aligned,fl_rgb_labels}/fl_<kind>_<s>_<ns>.png``,
thermal 16 bit, labels by day only. A frame is what shares seconds and nanoseconds.

The warp leaves a black margin around the thermal picture: one window holds the part that every
frame has. It is stated for pictures of 960 x 320 px: all rows, columns 148 to 858.

Source: Vertens, Zürn and Burgard, HeatNet, IROS 2020; split, gap and window as in the public code
of AnyThermal (arXiv 2602.06203).
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from thermoscope.core.checks import check_finite_number
from thermoscope.core.errors import ConfigError, UnknownNameError
from thermoscope.core.sample import IGNORE_INDEX, Sample
from thermoscope.data.base import Item, Listed, read_labels, read_rgb, read_thermal, require
from thermoscope.data.catalogue import dataset_info
from thermoscope.data.files_by_stem import by_stem, joined, some
from thermoscope.data.transforms import Margins, crop, resize

__all__ = ["CLASSES", "VAL_SEQUENCES", "View", "freiburg"]

CLASSES = (
    "road", "sidewalk", "building", "curb", "fence", "pole", "vegetation", "terrain", "sky",
    "person", "car", "bicycle",
)  # fmt: skip
"""After the list in the HeatNet paper; ids from 12 on are ignored."""
VAL_SEQUENCES = ("seq_01_night", "seq_02_day")
SUB_SEQUENCES = 49  # of the whole data set; 11 of them are for validation
SIZE_PX = (320, 960)
COLUMNS = (148, 858)
BETWEEN = 1000  # index numbers between sub-sequences
View = Literal["window", "whole"]
LAYOUT = "train/seq_NN_{day,night}/MM/{fl_rgb,fl_ir_aligned,fl_rgb_labels}/fl_<kind>_<s>_<ns>.png."
_KINDS = {"rgb": "fl_rgb", "thermal": "fl_ir_aligned", "labels": "fl_rgb_labels"}


def freiburg(
    root: str | Path, *, split: str = "train", min_gap_s: float = 1.0, view: View = "window"
) -> Listed:
    """The sub-sequences of one split, thinned in time.

    Args:
        root: Folder that holds ``train``.
        split: ``"train"``, ``"val"`` (`VAL_SEQUENCES`) or ``"all"``.
        min_gap_s: A frame is kept if the last kept one of its sub-sequence is at least this much
            older, s; 0 keeps all.
        view: ``"window"`` = 960 x 320 px, then the columns that every thermal frame covers;
            ``"whole"`` = the files as they are.

    Returns:
        Samples with ``rgb``, ``counts`` and, by day, ``labels`` (taxonomy ``"freiburg"``). Indices
        count the kept frames of a sub-sequence.

    Raises:
        UnknownNameError: No such split.
        ConfigError: `min_gap_s` is negative, or no such view.
        DatasetNotFoundError: The folder is absent.
        DatasetCorruptError: No frame, or later a damaged file.
    """
    if split not in ("train", "val", "all"):
        raise UnknownNameError("split", split, ("train", "val", "all"))
    if check_finite_number(min_gap_s, name="min_gap_s") < 0:
        raise ConfigError(f"min_gap_s must not be negative, got {min_gap_s:g}.")
    if view not in ("window", "whole"):
        raise ConfigError(f"view must be 'window' or 'whole', got {view!r}.")
    source = dataset_info("freiburg").source
    folder = require(root, "train", layout=LAYOUT, source=source)
    parts = sorted(p for p in (folder / "train").glob("seq_*/*") if p.is_dir())
    chosen = [p for p in parts if split in ("all", _split_of(p))]
    items: list[Item] = []
    findings: list[str] = []
    if len(parts) != SUB_SEQUENCES:
        findings.append(f"{len(parts)} of {SUB_SEQUENCES} sub-sequences are there")
    for part in chosen:
        first = items[-1].index + BETWEEN if items else 0
        kept, notes = _frames(part, first, round(min_gap_s * 1e9))
        items += kept
        findings += notes
    decode = partial(_decode, view=view)
    return Listed("freiburg", split, tuple(items), decode, CLASSES, findings=tuple(findings))


def _split_of(part: Path) -> str:
    return "val" if part.parent.name in VAL_SEQUENCES else "train"


def _frames(part: Path, first: int, gap_ns: int) -> tuple[list[Item], list[str]]:
    sequence = f"{part.parent.name}/{part.name}"
    missing = [name for name in ("fl_rgb", "fl_ir_aligned") if not (part / name).is_dir()]
    if missing:
        return [], [f"{sequence} has no folder {' and no '.join(missing)} and is left out"]
    files = {
        kind: by_stem(part / name, prefix=f"{name}_")
        for kind, name in _KINDS.items()
        if (part / name).is_dir()
    }
    found = joined(files, optional=["labels"], where=sequence)
    times = {stem: _time_ns(stem) for stem in found.rows}
    odd = [stem for stem, t_ns in times.items() if t_ns is None]
    findings = list(found.findings)
    if odd:
        findings.append(f"{sequence}: names without seconds and nanoseconds ({some(odd)})")
    items: list[Item] = []
    last_ns: int | None = None
    timed = sorted((t_ns, stem) for stem, t_ns in times.items() if t_ns is not None)
    for t_ns, stem in timed:
        if last_ns is not None and t_ns - last_ns < gap_ns:
            continue
        last_ns = t_ns
        items.append(
            Item(
                name=f"{sequence}/{stem}",
                paths=found.rows[stem],
                index=first + len(items),
                sequence=sequence,
                environment="urban",
                time_of_day=part.parent.name.rpartition("_")[2],
            )
        )
    return items, findings


def _time_ns(stem: str) -> int | None:
    parts = re.fullmatch(r"(\d+)_(\d+)", stem)
    return int(parts[1]) * 1_000_000_000 + int(parts[2]) if parts else None


def _decode(item: Item, *, view: View) -> Sample:
    sample = read_thermal(item.paths["thermal"])
    sample["rgb"] = read_rgb(item.paths["rgb"])
    if "labels" in item.paths:
        labels = read_labels(item.paths["labels"])
        sample["labels"] = np.where(labels < len(CLASSES), labels, IGNORE_INDEX)
        sample["taxonomy"] = "freiburg"
    if view == "whole":
        return sample
    margins = Margins(left=COLUMNS[0], right=SIZE_PX[1] - COLUMNS[1])
    for band in ("thermal", "rgb"):
        sample = crop(resize(sample, SIZE_PX, band=band), margins, band=band)
    return sample
