"""Thermal frames of your own with labels, boxes or depth: three folders, joined by stem.

What to prepare to adapt a head: no colour pictures, no table, no code. What is NOT here: pairs of
colour and thermal pictures (`thermoscope.data.pairs`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.checks import check_in_range
from thermoscope.core.errors import DatasetCorruptError, DatasetNotFoundError, UnknownNameError
from thermoscope.core.sample import IGNORE_INDEX, Sample
from thermoscope.data.base import (
    Item,
    Listed,
    mask_findings,
    read_labels,
    read_thermal,
    require,
)
from thermoscope.data.box_outlines import with_outlines
from thermoscope.data.boxes import class_list, open_boxes
from thermoscope.data.files_by_stem import (
    PICTURES,
    by_stem,
    joined,
    listed_stems,
    some,
)

__all__ = ["boxes_in", "labelled_folder"]

LAYOUT = (
    "thermal/STEM.tiff (any thermal format), and labels/STEM.png (class ids, 255 = ignore) or "
    "depth/STEM.npy (float32 metres) or depth/STEM.png (16 bit, 256 a metre), or boxes.json "
    "(COCO) or boxes/STEM.txt (YOLO) in place of labels, and if you like "
    "classes.txt, train.txt, val.txt, test.txt."
)
THERMAL_FILES = PICTURES | {".fff", ".raw"}
SPLITS = ("train", "val", "test", "all")
PNG_STEPS_PER_M = 256.0  # as KITTI and MS2 store depth; 0 = unknown
TRUTHS = ("labels", "depth")
TAXONOMY = "own"


def labelled_folder(
    root: str | Path,
    *,
    split: str = "train",
    truth: str = "",
    val_share: float = 0.2,
    classes: Sequence[str] = (),
) -> Listed:
    """The frames in a folder that have labels, depth or both.

    Splits are ``train.txt``, ``val.txt`` and ``test.txt`` with a stem a line. Without these lists
    the frames are divided in the order of their names: the last `val_share` is ``"val"``.

    Dataset format:
        ``thermal/STEM.*``, ``labels/STEM.png``, ``depth/STEM.npy`` or ``.png``. Where there are
        boxes instead of labels: ``boxes.json`` in COCO's form, or ``boxes/STEM.txt`` in YOLO's with
        ``classes.txt``, whose first line is then class 0 of the boxes; see `labels_from_boxes`.
    Units and invalid values:
        Labels are class ids, 255 = ignore. Depth is in metres along the optical axis (PNG: 256 a
        metre), 0, nan or infinite = unknown.
    Licence: yours.

    Args:
        root: Folder.
        split: ``"train"``, ``"val"``, ``"test"`` or ``"all"``.
        truth: ``"labels"`` or ``"depth"``: only frames that have it; either will do if empty.
        val_share: Share of ``"val"`` where there are no lists.
        classes: Names; those in ``classes.txt``, one a line, if empty.

    Raises:
        DatasetNotFoundError: The folder, or a frame that a list names, is absent.
        DatasetCorruptError: No frame has a truth, ``classes.txt`` names a class twice, or later,
            when decoded, a damaged file or an id without a class.
        UnknownNameError: No such split.
        ConfigError: `val_share` out of range.
    """
    check_in_range(val_share, 0.0, 1.0, name="val_share")
    if split not in SPLITS:
        raise UnknownNameError("split", split, SPLITS)
    folder = require(root, "thermal", layout=LAYOUT, source="yours")
    wanted = (truth,) if truth else TRUTHS
    truths = [name for name in wanted if (folder / name).is_dir()]
    boxes = boxes_in(folder)
    if not truths and "labels" in wanted and boxes is not None:
        return _boxed(folder, boxes, split, val_share, classes)
    if not truths:
        raise DatasetNotFoundError(
            f"{folder} has no folder {' or '.join(wanted)}. Expected: {LAYOUT}"
        )
    files = {"thermal": by_stem(folder / "thermal", kinds=THERMAL_FILES)}
    files |= {name: by_stem(folder / name, kinds=frozenset({".png", ".npy"})) for name in truths}
    found = joined(files, optional=truths if len(truths) > 1 else (), where=str(folder))
    rows = {stem: paths for stem, paths in found.rows.items() if len(paths) > 1}
    stems = _chosen(folder, list(rows), split, val_share)
    items = tuple(Item(stem, rows[stem], index) for index, stem in enumerate(stems))
    names = tuple(classes) or _classes(folder)
    labels = (item.paths["labels"] for item in items if "labels" in item.paths)
    findings = (*found.findings, *mask_findings(labels, names))
    decode = partial(_decode, classes=len(names))
    return Listed("folder", split, items, decode, names, findings=findings)


def boxes_in(folder: Path) -> Path | None:
    """``boxes.json`` in COCO's form, else the folder ``boxes`` of YOLO's texts, else None."""
    file, texts = folder / "boxes.json", folder / "boxes"
    return file if file.is_file() else texts if texts.is_dir() else None


def _boxed(
    folder: Path, file: Path, split: str, val_share: float, classes: Sequence[str]
) -> Listed:
    thermal = by_stem(folder / "thermal", kinds=THERMAL_FILES)
    listed = open_boxes(file).boxes
    rows = {stem: path for stem, path in thermal.items() if stem in listed}
    lost = sorted(set(thermal) - set(rows))
    alone = (f"{file} does not list {some(lost)}.",) if lost else ()
    stems = _chosen(folder, list(rows), split, val_share)
    items = tuple(Item(s, {"thermal": rows[s]}, index) for index, s in enumerate(stems))
    decode = partial(_decode, classes=0)
    frames = with_outlines(Listed("folder", split, items, decode, findings=alone), [file])
    return replace(frames, classes=tuple(classes)) if classes else frames


def _chosen(folder: Path, stems: list[str], split: str, val_share: float) -> list[str]:
    lists = {name: folder / f"{name}.txt" for name in SPLITS[:3]}
    if split == "all":
        return stems
    if any(path.is_file() for path in lists.values()):
        known = set(stems)
        named = listed_stems(lists[split], known)
        absent = [stem for stem in named if stem not in known]
        if absent:
            raise DatasetNotFoundError(
                f"{lists[split]} names frames without a thermal file or a truth: {some(absent)}."
            )
        return named
    if split == "test":
        raise DatasetNotFoundError(f"{folder} has no test.txt. Ask for 'train', 'val' or 'all'.")
    cut = len(stems) - math.floor(len(stems) * val_share + 0.5)
    return stems[:cut] if split == "train" else stems[cut:]


def _classes(folder: Path) -> tuple[str, ...]:
    path = folder / "classes.txt"
    return class_list(path) if path.is_file() else ()


def _decode(item: Item, *, classes: int) -> Sample:
    """The frame with its truth; ids end with those of `classes`, where these are known."""
    sample = read_thermal(item.paths["thermal"])
    shape = next(value for value in sample.values() if isinstance(value, np.ndarray)).shape
    size = (int(shape[-2]), int(shape[-1]))
    if "labels" in item.paths:
        sample["labels"] = read_labels(item.paths["labels"], shape=size)
        sample["taxonomy"] = TAXONOMY
        known = classes or IGNORE_INDEX
        strange = sample["labels"][(sample["labels"] >= known) & (sample["labels"] != IGNORE_INDEX)]
        if strange.size:
            raise DatasetCorruptError(
                f"{item.paths['labels']} holds the id {int(strange.max())}. Ids are 0 to "
                f"{known - 1}, {IGNORE_INDEX} = ignore: save them as 8 bit, and name every class."
            )
    if "depth" in item.paths:
        depth = _depth(item.paths["depth"], size)
        sample["valid"] = np.isfinite(depth) & (depth > 0)
        sample["depth"] = depth
    return sample


def _depth(path: Path, size: tuple[int, int]) -> NDArray[np.float32]:
    """(1, H, W) float32 m."""
    import cv2

    if path.suffix.lower() == ".npy":
        try:
            depth = np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError) as err:
            raise DatasetCorruptError(f"{path} is no array of numbers: {err}.") from err
    else:
        stored = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        if stored is None or stored.dtype != np.uint16:
            raise DatasetCorruptError(f"{path} is no 16-bit depth picture. Write 256 a metre.")
        depth = stored / np.float32(PNG_STEPS_PER_M)
    if depth.shape != size or depth.dtype.kind != "f":
        raise DatasetCorruptError(
            f"{path} holds depth of {depth.shape} {depth.dtype}; the frame needs {size} float."
        )
    return np.asarray(depth[None], np.float32)
