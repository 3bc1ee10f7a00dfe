"""KP: 950 frames of KAIST's multispectral pedestrian videos with the nineteen Cityscapes classes.

====================================================  ============================================
``images/setNN/VNNN/{visible,lwir}/INNNNN.jpg``       640x512, colour and grey
``labels/setNN_VNNN_INNNNN.png``                      class ids 0-18, 19 = void
``{train,val,test}.txt``                              label file names, 499, 140 and 311 of them
``{train,val,test}_{day,night}.txt``                  their parts (test 178 and 133)
====================================================  ============================================

Void has no class and is ignored (255) here, as in the published scores. Sets 3-5 and 9-11 were
taken at night. Where ``NAME.txt`` is absent, ``NAME_day.txt`` and ``NAME_night.txt`` make it up.

Source: Hwang et al., CVPR 2015 (pictures); Kim et al., MS-UDA, RA-L 2021 (labels); lists as in the
public code of CRM (Shin et al., ICRA 2024).
"""

from __future__ import annotations

import re
from pathlib import Path

from thermoscope.core.errors import DatasetCorruptError, UnknownNameError
from thermoscope.data.base import Item, Listed, require
from thermoscope.data.catalogue import dataset_info
from thermoscope.data.files_by_stem import lines_of
from thermoscope.data.labelled_pairs import count_findings, pair_decoder

__all__ = ["CLASSES", "PALETTE", "PUBLISHED", "VOID", "kp"]

CLASSES = (
    "road", "sidewalk", "building", "wall", "fence", "pole", "traffic_light", "traffic_sign",
    "vegetation", "terrain", "sky", "person", "rider", "car", "truck", "bus", "train", "motorcycle",
    "bicycle",
)  # fmt: skip
PALETTE = (
    (128, 64, 128), (244, 35, 232), (70, 70, 70), (102, 102, 156), (190, 153, 153),
    (153, 153, 153), (250, 170, 30), (220, 220, 0), (107, 142, 35), (152, 251, 152),
    (70, 130, 180), (220, 20, 60), (255, 0, 0), (0, 0, 142), (0, 0, 70), (0, 60, 100),
    (0, 80, 100), (0, 0, 230), (119, 11, 32),
)  # fmt: skip
"""RGB of Cityscapes."""
VOID = 19
PUBLISHED = {"train": 499, "val": 140, "test": 311, "test_day": 178, "test_night": 133}
SPLITS = tuple(
    f"{part}{time}" for part in ("train", "val", "test") for time in ("", "_day", "_night")
)
NIGHT_SETS = frozenset({3, 4, 5, 9, 10, 11})
BETWEEN = 100_000  # index numbers between videos
LAYOUT = "images/setNN/VNNN/{visible,lwir}/, labels/ and train.txt, val.txt, test.txt."
_NAME = re.compile(r"^(set(\d\d)_V(\d\d\d))_I(\d{5})$")


def kp(root: str | Path, *, split: str = "train") -> Listed:
    """The frames of one list, in its order.

    Args:
        root: Folder as in the module.
        split: ``"train"``, ``"val"`` or ``"test"``, or their ``_day`` and ``_night`` parts.

    Returns:
        Samples with ``rgb``, ``agc`` and ``labels`` (taxonomy ``"kp"``).

    Raises:
        UnknownNameError: No such split.
        DatasetNotFoundError: A folder, the list, or a file that it names is absent.
        DatasetCorruptError: No frame, one twice, or a line that is no frame's name; when decoded,
            damaged files, sizes that differ, other ids.
    """
    if split not in SPLITS:
        raise UnknownNameError("split", split, SPLITS)
    source = dataset_info("kp").source
    folder = require(root, "images", "labels", layout=LAYOUT, source=source)
    items = [_item(folder, line) for line in _lines(folder, split, source)]
    lost = [str(p.relative_to(folder)) for i in items for p in i.paths.values() if not p.is_file()]
    if lost:
        layout = f"every frame of {split} ({len(lost)} files lack)."
        require(folder, *lost, layout=layout, source=source)
    notes = tuple(count_findings("kp", split, len(items), PUBLISHED))
    decode = pair_decoder("kp", len(CLASSES), void=VOID)
    return Listed("kp", split, tuple(items), decode, CLASSES, findings=notes)


def _lines(folder: Path, split: str, source: str) -> list[str]:
    parts = [f"{split}_day.txt", f"{split}_night.txt"]
    whole = folder / f"{split}.txt"
    if whole.is_file() or not all((folder / part).is_file() for part in parts):
        require(folder, whole.name, layout=LAYOUT, source=source)
        return lines_of(whole)
    return sorted(line for part in parts for line in lines_of(folder / part))


def _item(folder: Path, line: str) -> Item:
    stem = Path(line).stem
    parts = _NAME.match(stem)
    if parts is None:
        raise DatasetCorruptError(f"{folder} lists {line!r}; expected 'setNN_VNNN_INNNNN.png'.")
    video, number_of_set, number_of_video, frame = parts.groups()
    views = folder / "images" / f"set{number_of_set}" / f"V{number_of_video}"
    return Item(
        name=stem,
        paths={
            "rgb": views / "visible" / f"I{frame}.jpg",
            "thermal": views / "lwir" / f"I{frame}.jpg",
            "labels": folder / "labels" / f"{stem}.png",
        },
        index=(int(number_of_set) * 100 + int(number_of_video)) * BETWEEN + int(frame),
        sequence=video,
        environment="urban",
        time_of_day="night" if int(number_of_set) in NIGHT_SETS else "day",
    )
