"""ViViD++: driving with thermal, colour and GPS, by day, evening and night.

The data come as ROS bags; extracted, they lie in ``<group>/<sequence>/``, group = driving_full or
driving_vision:

====================================  ============================================================
``img/color/<s>.png``                 1280x1024; <s> = unix seconds with 6 decimals
``img/thermal_raw/<s>.png``           640x512, 16 bit; other folders ``img/thermal_*`` hold 8 bit
``gpslist.txt``                       east, north (m, UTM zone 52), seconds a row
``{rgb,thermal}_framelist.txt``       a file a row, the two lists side by side
``rgb_gps_framelist.txt``             east, north, seconds of each of its rows
====================================  ============================================================

Where the lists are absent, `vivid` makes them by `RULES`: one pair a second, gap at most 0.2 s.
Colour is cut to what the thermal camera sees and resized to its size; pixels match roughly.

Source: Lee et al., ViViD++, RA-L 2022; lists, crop and split as in the public code of AnyThermal
(arXiv 2602.06203).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from thermoscope.core.errors import (
    ConfigError,
    DatasetCorruptError,
    DatasetNotFoundError,
    UnknownNameError,
)
from thermoscope.core.sample import Sample
from thermoscope.data.base import Item, Listed, read_rgb, read_thermal, require
from thermoscope.data.catalogue import dataset_info
from thermoscope.data.files_by_stem import by_stem, lines_of, some
from thermoscope.data.framelist import RULES, FrameRule, frame_list
from thermoscope.data.tables import ns_of, number_of, rows_of
from thermoscope.data.transforms import Margins, crop, resize

__all__ = ["DROPPED", "RADII_M", "RGB_MARGINS", "SIZE_PX", "vivid"]

RADII_M = (15.0, 25.0, 40.0)
"""Same place up to the first; another place from the second on; negatives up to the third."""
RGB_SIZE_PX = (1024, 1280)
RGB_MARGINS = Margins(top=122, bottom=122, left=145, right=108)
SIZE_PX = (512, 640)
DROPPED = ("urban_evening_road",)
BETWEEN = 1000  # index numbers between sequences
View = Literal["window", "whole"]
LAYOUT = "<group>/<sequence>/img/color/<seconds>.png and img/thermal_raw/<seconds>.png."


@dataclass(frozen=True)
class _Pair:
    rgb: str
    thermal: str
    position_m: tuple[float, ...] | None


def vivid(
    root: str | Path,
    *,
    split: str = "train",
    thermal: str = "thermal_raw",
    view: View = "window",
    frame_lists: str | Path | None = None,
    rule: FrameRule = RULES["vivid"],
) -> Listed:
    """The paired frames of one split, sequence by sequence.

    Args:
        root: Folder of the groups, or the one that holds it as ``extracted_data``.
        split: ``"val"`` = sequences with "campus" in their name, ``"train"`` = the others, or
            ``"all"``; without `DROPPED`.
        thermal: Folder of thermal pictures: ``thermal_raw`` gives counts, the others 8 bit.
        view: ``"window"`` = colour without `RGB_MARGINS`, resized to 512 x 640 px; ``"whole"`` =
            as it is.
        frame_lists: Folder with ``<group>/<sequence>/rgb_framelist.txt`` and so on; None looks in
            the sequence, and makes the lists where there are none.
        rule: How they are made.

    Returns:
        Samples with ``rgb``, ``counts`` (or ``agc``) and ``position_m``.

    Raises:
        UnknownNameError: No such split.
        ConfigError: No such view.
        DatasetNotFoundError: The folder, all sequences, or a file that a list names is absent.
        DatasetCorruptError: A list, stamp or GPS file is damaged, no pair; when decoded, a damaged
            picture, or colour of another size than 1280x1024 in view "window".
    """
    if split not in ("train", "val", "all"):
        raise UnknownNameError("split", split, ("train", "val", "all"))
    if view not in ("window", "whole"):
        raise ConfigError(f"view must be 'window' or 'whole', got {view!r}.")
    folder = require(root, layout=LAYOUT, source=dataset_info("vivid").source)
    inner = folder / "extracted_data"
    folder = inner if inner.is_dir() else folder
    parts = sorted(p.parent for p in folder.glob("*/*/img") if p.is_dir())
    if not parts:
        require(
            folder, "<group>/<sequence>/img", layout=LAYOUT, source=dataset_info("vivid").source
        )
    chosen = [p for p in parts if p.name not in DROPPED and _is_of(p.name, split)]
    items: list[Item] = []
    findings = [f"{p.name} is left out" for p in parts if p.name in DROPPED]
    for part in chosen:
        first = items[-1].index + BETWEEN if items else 0
        lists = part if frame_lists is None else Path(frame_lists) / part.parent.name / part.name
        kept, notes = _items(part, lists, thermal, rule, first)
        items += kept
        findings += notes
    decode = partial(_decode, view=view)
    return Listed("vivid", split, tuple(items), decode, aligned=False, findings=tuple(findings))


def _is_of(sequence: str, split: str) -> bool:
    return split == "all" or ("campus" in sequence) == (split == "val")


def _items(
    part: Path, lists: Path, thermal: str, rule: FrameRule, first: int
) -> tuple[list[Item], list[str]]:
    name = f"{part.parent.name}/{part.name}"
    if not (part / "img" / thermal).is_dir():
        other = some(sorted(p.name for p in (part / "img").glob("thermal*")), shown=9)
        raise DatasetNotFoundError(
            f"{part / 'img' / thermal} is not there; {name} has {other or 'no thermal folder'}. "
            "Choose one of these, or extract the recording again."
        )
    files = {"rgb": by_stem(part / "img" / "color"), "thermal": by_stem(part / "img" / thermal)}
    findings: list[str] = []
    if lists != part or (lists / "rgb_framelist.txt").is_file():
        pairs = _listed(lists)
    else:
        pairs, findings = _made(part, files["rgb"], files["thermal"], rule, name)
    for side, there in files.items():
        lost = [getattr(p, side) for p in pairs if getattr(p, side) not in there]
        if lost:
            raise DatasetNotFoundError(
                f"{name}: {len(lost)} {side} pictures of the frame list are not there "
                f"({some(lost)}). Extract the recording again, or make the lists again."
            )
    without = sum(pair.position_m is None for pair in pairs)
    if without:
        findings.append(f"{name}: {without} of {len(pairs)} pairs have no position")
    items = [
        Item(
            name=f"{name}/{pair.thermal}",
            paths={"rgb": files["rgb"][pair.rgb], "thermal": files["thermal"][pair.thermal]},
            index=first + number,
            sequence=name,
            environment="campus" if "campus" in part.name else "urban",
            time_of_day=_time_of_day(part.name),
            position_m=pair.position_m,
        )
        for number, pair in enumerate(pairs)
    ]
    return items, findings


def _time_of_day(sequence: str) -> str:
    if "night" in sequence:
        return "night"
    return "day" if "day" in sequence or "morning" in sequence else ""


def _listed(lists: Path) -> list[_Pair]:
    """Pairs of existing frame lists, whose rows belong together."""
    rgb = [Path(line).stem for line in lines_of(lists / "rgb_framelist.txt")]
    thermal = [Path(line).stem for line in lines_of(lists / "thermal_framelist.txt")]
    gps = lists / "rgb_gps_framelist.txt"
    rows = rows_of(gps, (3,), content="east, north and seconds")
    if not len(rgb) == len(thermal) == len(rows):
        raise DatasetCorruptError(
            f"{lists}: the lists have {len(rgb)} colour, {len(thermal)} thermal and {len(rows)} "
            "GPS rows; expected as many of each. Make them again."
        )
    places = [_position(row[:2], gps) for row in rows]
    return [_Pair(*row) for row in zip(rgb, thermal, places, strict=True)]


def _position(cells: Sequence[str], path: Path) -> tuple[float, ...] | None:
    place = tuple(number_of(cell, path=path) for cell in cells)
    return place if np.isfinite(place).all() else None


def _made(
    part: Path, rgb: dict[str, Path], thermal: dict[str, Path], rule: FrameRule, name: str
) -> tuple[list[_Pair], list[str]]:
    """Pairs by `rule` from the stamps in the file names."""
    stems = {"rgb": list(rgb), "thermal": list(thermal)}
    stamps = {
        side: [ns_of(stem, path=part / "img" / stem, unit="s") for stem in names]
        for side, names in stems.items()
    }
    track = part / "gpslist.txt"
    rows = rows_of(track, (3,), content="east, north and seconds") if track.is_file() else None
    pose_ns = None if rows is None else [ns_of(row[2], path=track, unit="s") for row in rows]
    track_m = [_position(row[:2], track) for row in rows or ()]
    found = frame_list(rule, stamps["rgb"], stamps["thermal"], pose_ns=pose_ns)
    places = [None] * len(found) if rows is None else [track_m[i] for i in found.pose]
    pairs = [
        _Pair(stems["rgb"][i], stems["thermal"][j], place)
        for i, j, place in zip(found.rgb, found.thermal, places, strict=True)
    ]
    return pairs, [f"{name}: {found.report}"]


def _decode(item: Item, *, view: View) -> Sample:
    sample = read_thermal(item.paths["thermal"])
    sample["rgb"] = read_rgb(item.paths["rgb"])
    if view == "whole":
        return sample
    size = sample["rgb"].shape[1:]
    if size != RGB_SIZE_PX:
        raise DatasetCorruptError(
            f"{item.paths['rgb']} is {size[1]}x{size[0]}; the window is stated for 1280x1024. "
            "Choose view='whole'."
        )
    return resize(crop(sample, RGB_MARGINS, band="rgb"), SIZE_PX, band="rgb")
