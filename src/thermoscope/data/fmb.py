"""FMB: registered visible-infrared pairs of streets, 800x600, fourteen classes and unlabelled.

==============================  ==================================================================
``{train,test}/Visible/``       ``NNNNN.png``, colour, 8 bit
``{train,test}/Infrared/``      the same stem, grey, 8 bit
``{train,test}/Label/``         class ids 0-14
``{train,test}/color/``         the same labels painted; not read
==============================  ==================================================================

The flat form ``Visible/ Infrared/ Label/`` with ``train.txt`` and ``test.txt`` is read as well.
There is no validation split: take part of ``train``. Bicycle (13) does not occur in the published
test labels, so the mean over all 15 ids cannot exceed 14/15 there.

Source: Liu et al., SegMiF (FMB), ICCV 2023, and its public code; palette as its authors posted it.
"""

from __future__ import annotations

from pathlib import Path

from thermoscope.core.errors import UnknownNameError
from thermoscope.data.base import Listed
from thermoscope.data.catalogue import dataset_info
from thermoscope.data.labelled_pairs import count_findings, pair_decoder, split_items

__all__ = ["CLASSES", "PALETTE", "PUBLISHED", "fmb"]

CLASSES = (
    "unlabelled", "road", "sidewalk", "building", "traffic_lamp", "traffic_sign", "vegetation",
    "sky", "person", "car", "truck", "bus", "motorcycle", "bicycle", "pole",
)  # fmt: skip
PALETTE = (
    (0, 0, 0), (179, 228, 228), (181, 57, 133), (67, 162, 177), (200, 178, 50), (132, 45, 199),
    (66, 172, 84), (179, 73, 79), (76, 99, 166), (66, 121, 253), (137, 165, 91), (155, 97, 152),
    (105, 153, 140), (222, 215, 158), (135, 113, 90),
)  # fmt: skip
"""RGB of each class in ``color/``."""
PUBLISHED = {"train": 1220, "test": 280}
FOLDERS = {"rgb": "Visible", "thermal": "Infrared", "labels": "Label"}
LAYOUT = "{train,test}/{Visible,Infrared,Label}/NNNNN.png."


def fmb(root: str | Path, *, split: str = "train") -> Listed:
    """The frames of one split.

    Args:
        root: Folder as in the module.
        split: ``"train"`` or ``"test"``.

    Returns:
        Samples with ``rgb``, ``agc`` and ``labels`` (taxonomy ``"fmb"``).

    Raises:
        UnknownNameError: No such split.
        DatasetNotFoundError: A folder, or a file that a list names, is absent.
        DatasetCorruptError: No frame; when decoded, damaged files, sizes that differ, other ids.
    """
    if split not in PUBLISHED:
        raise UnknownNameError("split", split, PUBLISHED)
    source = dataset_info("fmb").source
    items, findings = split_items(root, split, FOLDERS, layout=LAYOUT, source=source)
    notes = (*findings, *count_findings("fmb", split, len(items), PUBLISHED))
    decode = pair_decoder("fmb", len(CLASSES))
    return Listed("fmb", split, tuple(items), decode, CLASSES, findings=notes)
