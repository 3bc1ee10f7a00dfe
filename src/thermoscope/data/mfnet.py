"""MFNet: RGB and thermal in one four-channel picture, nine classes, street scenes by day and night.

======================================  ==========================================================
``images/NNNNND.png``                   640x480, 8 bit: R, G, B, thermal. D = day, N = night
``labels/NNNNND.png``                   class ids 0-8
``{train,val,test}.txt``                names without suffix, 784, 392 and 393 of them
``test_{day,night}.txt``                the two parts of the test list
======================================  ==========================================================

The authors' script adds mirrored copies (``NNNNND_flip``) to the folders and to the training list;
augmentation is not a reader's work, so `mfnet` leaves them out unless told otherwise.

Source: Ha et al., MFNet, IROS 2017, and its public code.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from thermoscope.core.errors import DatasetCorruptError, UnknownNameError
from thermoscope.core.sample import Sample
from thermoscope.data.base import Item, Listed, read_labels, require
from thermoscope.data.catalogue import dataset_info
from thermoscope.data.files_by_stem import by_stem, joined, lines_of, some

__all__ = ["CLASSES", "SPLITS", "mfnet"]

CLASSES = (
    "unlabelled", "car", "person", "bike", "curve", "car_stop", "guardrail", "color_cone", "bump",
)  # fmt: skip
SPLITS = ("train", "val", "test", "test_day", "test_night")
LAYOUT = "images/, labels/ and train.txt, val.txt, test.txt, test_day.txt, test_night.txt."
_NAME = re.compile(r"^(\d+)([DN])(_flip)?$")
_TIMES = {"D": "day", "N": "night"}


def mfnet(root: str | Path, *, split: str = "train", mirrored: bool = False) -> Listed:
    """The frames of one official list, in its order.

    Args:
        root: Folder as in the module.
        split: One of `SPLITS`.
        mirrored: Keep the mirrored copies that the authors' script makes.

    Returns:
        Samples with ``rgb``, ``agc`` and ``labels`` (taxonomy ``"mfnet"``).

    Raises:
        UnknownNameError: No such split.
        DatasetNotFoundError: A folder, the list, or a file that it names is absent.
        DatasetCorruptError: The list is empty or names a frame twice; when decoded, a picture that
            is damaged or has not four channels.
    """
    if split not in SPLITS:
        raise UnknownNameError("split", split, SPLITS)
    source = dataset_info("mfnet").source
    folder = require(root, "images", "labels", f"{split}.txt", layout=LAYOUT, source=source)
    names = lines_of(folder / f"{split}.txt")
    flipped = [name for name in names if name.endswith("_flip")]
    names = names if mirrored else [name for name in names if not name.endswith("_flip")]
    kinds = {kind: by_stem(folder / kind) for kind in ("images", "labels")}
    lost = [f"{kind}/{n}.png" for n in names for kind in kinds if n not in kinds[kind]]
    if lost:
        layout = f"every frame of {split}.txt ({len(lost)} files lack)."
        require(folder, *lost, layout=layout, source=source)
    findings = list(joined(kinds).findings)
    if flipped and not mirrored:
        findings.append(f"{len(flipped)} mirrored copies are left out ({some(flipped)})")
    items = tuple(_item(name, {kind: kinds[kind][name] for kind in kinds}) for name in names)
    return Listed("mfnet", split, items, _decode, CLASSES, findings=tuple(findings))


def _item(name: str, paths: dict[str, Path]) -> Item:
    parts = _NAME.match(name)
    return Item(
        name=name,
        paths=paths,
        index=int(parts[1]) if parts else 0,
        environment="urban",
        time_of_day=_TIMES[parts[2]] if parts else "",
    )


def _decode(item: Item) -> Sample:
    import cv2

    path = item.paths["images"]
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if picture is None:
        raise DatasetCorruptError(f"{path} is absent or damaged. Fetch it again.")
    if picture.ndim != 3 or picture.shape[2] != 4 or picture.dtype != np.uint8:
        raise DatasetCorruptError(
            f"{path} is {picture.shape} {picture.dtype}; expected (H, W, 4) uint8: red, green, "
            "blue, thermal."
        )
    planes = np.ascontiguousarray(picture.transpose(2, 0, 1))
    return {
        "rgb": planes[2::-1].astype(np.float32) / np.float32(255),
        "agc": planes[3:],
        "labels": read_labels(item.paths["labels"], shape=picture.shape[:2]),
        "taxonomy": "mfnet",
    }
