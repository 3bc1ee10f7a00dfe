"""STheReO: driving with thermal stereo, colour stereo and global poses, three times a day.

``<root>/<sequence>/``, sequence = {kaist,snu,valley}_{morning,afternoon,evening}, or
``<root>/KAIST/Morning/`` and so on:

===================================  =============================================================
``image/stereo_left/<ns>.png``       colour
``image/stereo_thermal_14_left/``    ``<ns>.png``, 640x512, 14 bit in 16
``pose/global_pose.csv``             ns, then x y z, or the 12 numbers of a 3x4 pose row by row
``<sequence>_frame_pairs.txt``       colour file, thermal file, x y z a row (at the root, in the
                                     sequence, or in a folder of lists)
===================================  =============================================================

Where a list of pairs is absent, `sthereo` makes it by `RULES`: thermal within 0.1 s of each colour
frame, pose within 0.5 s. Thermal is cut to what the colour camera sees, colour resized to it whole.

Source: Yun et al., STheReO, IROS 2022; pairs, crop and split as in the public code of AnyThermal
(arXiv 2602.06203).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from thermoscope.core.errors import (
    ConfigError,
    DatasetCorruptError,
    DatasetNotFoundError,
    UnknownNameError,
)
from thermoscope.core.sample import Sample
from thermoscope.data.base import Item, Listed, read_rgb, read_thermal, require
from thermoscope.data.catalogue import dataset_info
from thermoscope.data.files_by_stem import by_stem, some
from thermoscope.data.framelist import RULES, FrameRule, frame_list
from thermoscope.data.tables import ns_of, number_of, rows_of
from thermoscope.data.transforms import Margins, crop, resize

__all__ = ["RADII_M", "SPLITS", "THERMAL_MARGINS", "sthereo"]

RADII_M = (15.0, 25.0, 50.0)
"""Same place up to the first; another place from the second on; negatives up to the third."""
THERMAL_SIZE_PX = (512, 640)
THERMAL_MARGINS = Margins(top=121, bottom=107, left=52, right=30)
SIZE_PX = (284, 558)
SPLITS = {"train": ("snu", "valley"), "val": ("kaist",), "all": ("kaist", "snu", "valley")}
TIMES = ("morning", "afternoon", "evening")
STEP = 10
BETWEEN = 1000  # index numbers between sequences
View = Literal["window", "whole"]
LAYOUT = (
    "{kaist,snu,valley}_{morning,afternoon,evening}/ with image/stereo_left/<ns>.png, "
    "image/stereo_thermal_14_left/<ns>.png and pose/global_pose.csv."
)


@dataclass(frozen=True)
class _Pair:
    rgb: str
    thermal: str
    position_m: tuple[float, ...]


def sthereo(
    root: str | Path,
    *,
    split: str = "train",
    thermal: str = "stereo_thermal_14_left",
    view: View = "window",
    every: int = STEP,
    frame_lists: str | Path | None = None,
    rule: FrameRule = RULES["sthereo"],
) -> Listed:
    """Every tenth pair of the sequences of one split.

    Args:
        root: Folder as in the module.
        split: ``"train"`` = snu and valley, ``"val"`` = kaist, or ``"all"``.
        thermal: Folder of thermal pictures below ``image``.
        view: ``"window"`` = thermal without `THERMAL_MARGINS` (284 x 558 px), colour resized to
            that; ``"whole"`` = the files as they are.
        every: The first of each so many pairs is kept.
        frame_lists: Folder with ``<sequence>_frame_pairs.txt``; None looks at the root and in the
            sequence, and makes the pairs where there is none.
        rule: How they are made.

    Returns:
        Samples with ``rgb``, ``counts`` and ``position_m``.

    Raises:
        UnknownNameError: No such split.
        ConfigError: No such view, or `every` below 1.
        DatasetNotFoundError: The folder, all sequences of the split, a list in `frame_lists`, the
            poses, or a picture that a list names is absent.
        DatasetCorruptError: A list, stamp or pose is damaged, no pair; when decoded, a damaged
            picture, or thermal of another size than 640x512 in view "window".
    """
    if split not in SPLITS:
        raise UnknownNameError("split", split, SPLITS)
    if view not in ("window", "whole"):
        raise ConfigError(f"view must be 'window' or 'whole', got {view!r}.")
    if every < 1:
        raise ConfigError(f"every must be 1 or more, got {every}.")
    source = dataset_info("sthereo").source
    folder = require(root, layout=LAYOUT, source=source)
    wanted = [f"{place}_{time}" for place in SPLITS[split] for time in TIMES]
    found = {name: part for name, part in _sequences(folder).items() if name in wanted}
    if not found:
        require(folder, wanted[0], layout=LAYOUT, source=source)
    absent = [name for name in wanted if name not in found]
    findings = [f"sequences that are not there: {', '.join(absent)}"] if absent else []
    items: list[Item] = []
    for name, part in found.items():
        first = items[-1].index + BETWEEN if items else 0
        lists = None if frame_lists is None else Path(frame_lists)
        path = _list_of(name, part, folder, lists)
        pairs, notes = _listed(path) if path else _made(name, part, thermal, rule)
        findings += notes
        items += _items(name, part, thermal, pairs[::every], first)
    decode = partial(_decode, view=view)
    return Listed("sthereo", split, tuple(items), decode, aligned=False, findings=tuple(findings))


def _sequences(folder: Path) -> dict[str, Path]:
    """Sequence name to folder, in both namings."""
    flat = [p for p in folder.iterdir() if p.is_dir() and p.name.lower().endswith(TIMES)]
    nested = [p for p in folder.glob("*/*") if p.is_dir() and p.name.lower() in TIMES]
    named = {p.name.lower(): p for p in flat}
    return dict(sorted((named | {f"{p.parent.name}_{p.name}".lower(): p for p in nested}).items()))


def _list_of(name: str, part: Path, root: Path, lists: Path | None) -> Path | None:
    wanted = f"{name}_frame_pairs.txt"
    places = (lists,) if lists is not None else (root, part)
    for place in places:
        for path in sorted(place.glob("*_frame_pairs.txt")):
            if path.name.lower() == wanted:
                return path
    if lists is not None:
        raise DatasetNotFoundError(f"{lists / wanted} is not there. It lists the pairs of {name}.")
    return None


def _listed(path: Path) -> tuple[list[_Pair], list[str]]:
    rows = rows_of(path, (5,), content="colour file, thermal file, x, y and z")
    pairs = []
    for rgb, thermal, *place in rows:
        x, y, z = (number_of(cell, path=path) for cell in place)
        pairs.append(_Pair(Path(rgb).stem, Path(thermal).stem, (x, y, z)))
    return pairs, []


def _made(name: str, part: Path, thermal: str, rule: FrameRule) -> tuple[list[_Pair], list[str]]:
    """Pairs by `rule` from the stamps in the file names and the poses."""
    files = {"rgb": "stereo_left", "thermal": thermal}
    stems = {side: list(by_stem(part / "image" / folder)) for side, folder in files.items()}
    stamps = {
        side: [ns_of(stem, path=part / "image" / stem, unit="ns") for stem in names]
        for side, names in stems.items()
    }
    pose_ns, places = _poses(part / "pose" / "global_pose.csv")
    found = frame_list(rule, stamps["rgb"], stamps["thermal"], pose_ns=pose_ns)
    rows = zip(found.rgb, found.thermal, found.pose, strict=True)
    pairs = [_Pair(stems["rgb"][i], stems["thermal"][j], places[k]) for i, j, k in rows]
    return pairs, [f"{name}: {found.report}"]


def _poses(path: Path) -> tuple[list[int], list[tuple[float, ...]]]:
    rows = rows_of(path, (4, 8, 13), content="ns, x, y, z or ns and the 12 numbers of a pose")
    at = (4, 8, 12) if len(rows[0]) == 13 else (1, 2, 3)  # last column of the 3x4 matrix
    places = [tuple(number_of(row[column], path=path) for column in at) for row in rows]
    return [ns_of(row[0], path=path, unit="ns") for row in rows], places


def _items(name: str, part: Path, thermal: str, pairs: list[_Pair], first: int) -> list[Item]:
    files = {
        "rgb": by_stem(part / "image" / "stereo_left"),
        "thermal": by_stem(part / "image" / thermal),
    }
    for side, there in files.items():
        lost = [getattr(p, side) for p in pairs if getattr(p, side) not in there]
        if lost:
            raise DatasetNotFoundError(
                f"{name}: {len(lost)} {side} pictures of the list of pairs are not there "
                f"({some(lost)}). Fetch the sequence again."
            )
    return [
        Item(
            name=f"{name}/{pair.thermal}",
            paths={"rgb": files["rgb"][pair.rgb], "thermal": files["thermal"][pair.thermal]},
            index=first + number,
            sequence=name,
            environment="urban",
            time_of_day="" if name.endswith("evening") else "day",
            position_m=pair.position_m,
        )
        for number, pair in enumerate(pairs)
    ]


def _decode(item: Item, *, view: View) -> Sample:
    sample = read_thermal(item.paths["thermal"])
    sample["rgb"] = read_rgb(item.paths["rgb"])
    if view == "whole":
        return sample
    plane = sample.get("counts", sample.get("agc"))
    if plane is None or plane.shape[1:] != THERMAL_SIZE_PX:
        raise DatasetCorruptError(
            f"{item.paths['thermal']} is not 640x512, for which the window is stated. "
            "Choose view='whole'."
        )
    return resize(crop(sample, THERMAL_MARGINS, band="thermal"), SIZE_PX, band="rgb")
