"""PST900: RGB-thermal pairs from tunnels, 1280x720, four kinds of artefact and background.

====================================  ============================================================
``{train,test}/rgb/``                 ``NNNNNN.png``, colour, 8 bit
``{train,test}/thermal/``             the same stem, 8 bit after gain control
``{train,test}/thermal_raw/``         16-bit counts
``{train,test}/depth/``               16 bit, 2560 levels a metre; not read
``{train,test}/labels/``              class ids 0-4
====================================  ============================================================

The flat form ``rgb/ thermal/ labels/`` with ``train.txt`` and ``test.txt`` is read as well. There
is no validation split: take part of ``train``. Thermal pictures are warped onto the colour ones
and hold 0 where nothing was seen. Ids are the data set's own; code that derives from it has 1 and
3 exchanged. Papers print 597 and 297 frames, the archive holds 597 and 288.

Source: Shivakumar et al., PST900, ICRA 2020, and its public toolkit.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from thermoscope.core.errors import ConfigError, DatasetCorruptError, UnknownNameError
from thermoscope.core.sample import Sample
from thermoscope.data.base import Item, Listed, read_thermal
from thermoscope.data.catalogue import dataset_info
from thermoscope.data.labelled_pairs import count_findings, decode_pair, split_items

__all__ = ["CLASSES", "PALETTE", "PUBLISHED", "pst900"]

CLASSES = ("background", "fire_extinguisher", "backpack", "hand_drill", "survivor")
PALETTE = ((0, 0, 0), (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255))
"""RGB; the toolkit lists them as blue, green, red."""
PUBLISHED = {"train": 597, "test": 288}
LAYOUT = "{train,test}/{rgb,thermal,labels}/NNNNNN.png."


def pst900(
    root: str | Path,
    *,
    split: str = "train",
    thermal: Literal["thermal", "thermal_raw"] = "thermal",
    fill_holes: bool = False,
) -> Listed:
    """The frames of one split.

    Args:
        root: Folder as in the module.
        split: ``"train"`` or ``"test"``.
        thermal: ``"thermal"`` gives ``agc``, ``"thermal_raw"`` gives ``counts``.
        fill_holes: Paint the holes of value 0 from their border, as the toolkit offers; for
            ``"thermal"`` only.

    Returns:
        Samples with ``rgb``, ``agc`` or ``counts``, and ``labels`` (taxonomy ``"pst900"``).

    Raises:
        UnknownNameError: No such split.
        ConfigError: Another `thermal`, or `fill_holes` with counts.
        DatasetNotFoundError: A folder, or a file that a list names, is absent.
        DatasetCorruptError: No frame; when decoded, damaged files, sizes that differ, other ids.
    """
    if split not in PUBLISHED:
        raise UnknownNameError("split", split, PUBLISHED)
    if thermal not in ("thermal", "thermal_raw"):
        raise ConfigError(f"thermal must be 'thermal' or 'thermal_raw', got {thermal!r}.")
    if fill_holes and thermal == "thermal_raw":
        raise ConfigError("fill_holes paints 8-bit levels; counts keep their holes.")
    source = dataset_info("pst900").source
    folders = {"rgb": "rgb", "thermal": "thermal", "labels": "labels"}
    if thermal == "thermal_raw":
        folders["raw"] = "thermal_raw"
    items, findings = split_items(root, split, folders, layout=LAYOUT, source=source)
    notes = (*findings, *count_findings("pst900", split, len(items), PUBLISHED))
    decode = partial(_decode, fill_holes=fill_holes)
    return Listed("pst900", split, tuple(items), decode, CLASSES, findings=notes)


def _decode(item: Item, *, fill_holes: bool) -> Sample:
    sample = decode_pair(item, taxonomy="pst900", classes=len(CLASSES))
    if "raw" in item.paths:
        counts = read_thermal(item.paths["raw"]).get("counts")
        if counts is None or counts.shape != sample["agc"].shape:
            raise DatasetCorruptError(
                f"{item.paths['raw']} is not 16 bit of {sample['agc'].shape[1:]} px."
            )
        del sample["agc"]
        sample["counts"] = counts
    elif fill_holes:
        sample["agc"] = _filled(sample["agc"])
    return sample


def _filled(agc: np.ndarray) -> np.ndarray:
    import cv2

    holes = (agc[0] == 0).astype(np.uint8)
    return np.asarray(cv2.inpaint(agc[0], holes, 3, cv2.INPAINT_NS)[None])
