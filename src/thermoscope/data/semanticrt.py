"""SemanticRT: 11,371 labelled RGB-thermal pairs of streets, thirteen classes, many at night.

==============================================  ==================================================
``rgb/NAME.jpg``                                colour, 8 bit
``thermal/NAME.jpg``                            grey, 8 bit
``labels/NAME.png``                             class ids 0-12
``{train,val,test}.txt``                        names without suffix
``test_{day,night,mc,mo,hard}.txt``             parts of the test list
==============================================  ==================================================

A name may hold folders. Most frames are LLVIP's: what has trained on that is contaminated here.
Of the sizes only the sum of the three lists was published.

Source: Ji et al., SemanticRT, ACM MM 2023, and its public code. Non-commercial research only.
"""

from __future__ import annotations

from pathlib import Path

from thermoscope.core.errors import UnknownNameError
from thermoscope.data.base import Item, Listed, require
from thermoscope.data.catalogue import dataset_info
from thermoscope.data.files_by_stem import lines_of
from thermoscope.data.labelled_pairs import pair_decoder

__all__ = ["CLASSES", "PALETTE", "PUBLISHED_FRAMES", "SPLITS", "semanticrt"]

CLASSES = (
    "background", "car_stop", "bike", "bicyclist", "motorcycle", "motorcyclist", "car", "tricycle",
    "traffic_light", "box", "pole", "curve", "person",
)  # fmt: skip
PALETTE = (
    (0, 0, 0), (72, 61, 39), (0, 0, 255), (148, 0, 211), (128, 128, 0), (64, 64, 128),
    (0, 139, 139), (131, 139, 139), (192, 64, 0), (126, 192, 238), (244, 164, 96),
    (211, 211, 211), (205, 155, 155),
)  # fmt: skip
"""RGB as its authors paint it."""
SPLITS = (
    "train", "val", "test", "test_day", "test_night", "test_mc", "test_mo", "test_hard",
)  # fmt: skip
PUBLISHED_FRAMES = 11371
ENDINGS = {"rgb": (".jpg", ".png"), "thermal": (".jpg", ".png"), "labels": (".png",)}
LAYOUT = "rgb/, thermal/, labels/ and train.txt, val.txt, test.txt, test_day.txt, test_night.txt."


def semanticrt(root: str | Path, *, split: str = "train") -> Listed:
    """The frames of one list, in its order.

    Args:
        root: Folder as in the module.
        split: One of `SPLITS`.

    Returns:
        Samples with ``rgb``, ``agc`` and ``labels`` (taxonomy ``"semanticrt"``). Items of the test
        list say day or night where ``test_day.txt`` or ``test_night.txt`` name them.

    Raises:
        UnknownNameError: No such split.
        DatasetNotFoundError: A folder, the list, or a file that it names is absent.
        DatasetCorruptError: No frame, or one twice; when decoded, damaged files, sizes that
            differ, other ids.
    """
    if split not in SPLITS:
        raise UnknownNameError("split", split, SPLITS)
    source = dataset_info("semanticrt").source
    folder = require(root, *ENDINGS, f"{split}.txt", layout=LAYOUT, source=source)
    names = lines_of(folder / f"{split}.txt")
    files = {(kind, name): _file(folder, kind, name) for name in names for kind in ENDINGS}
    lost = [f"{k}/{n}{ENDINGS[k][0]}" for (k, n), path in files.items() if not path.is_file()]
    if lost:
        layout = f"every frame of {split}.txt ({len(lost)} files lack)."
        require(folder, *lost, layout=layout, source=source)
    times = _times(folder)
    items = tuple(
        Item(name, {k: files[k, name] for k in ENDINGS}, place, "", "urban", times.get(name, ""))
        for place, name in enumerate(names)
    )
    decode = pair_decoder("semanticrt", len(CLASSES))
    return Listed("semanticrt", split, items, decode, CLASSES, findings=_findings(folder))


def _file(folder: Path, kind: str, name: str) -> Path:
    known = [folder / kind / f"{name}{ending}" for ending in ENDINGS[kind]]
    return next((path for path in known if path.is_file()), known[0])


def _times(folder: Path) -> dict[str, str]:
    """Name to day or night, as the two lists say."""
    found: dict[str, str] = {}
    for time in ("day", "night"):
        path = folder / f"test_{time}.txt"
        found |= dict.fromkeys(lines_of(path) if path.is_file() else (), time)
    return found


def _findings(folder: Path) -> tuple[str, ...]:
    lists = [folder / f"{name}.txt" for name in SPLITS[:3]]
    if not all(path.is_file() for path in lists):
        return ()
    found = sum(len(lines_of(path)) for path in lists)
    if found == PUBLISHED_FRAMES:
        return ()
    return (f"the three lists name {found} frames; {PUBLISHED_FRAMES} were published",)
