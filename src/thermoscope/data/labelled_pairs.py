"""Aligned RGB-thermal pairs with class labels: what the readers of such data sets share.

A pair is a colour picture, an 8-bit thermal one and an index picture of one size. Here are the two
ways such data sets lie on disk (a folder a split, or flat with lists), decoding with its checks,
and the comparison of what is there with what was published. What is NOT here: any data set, and
pairs of your own (`thermoscope.data.pairs`, whose labels need no code).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.errors import DatasetCorruptError
from thermoscope.core.sample import IGNORE_INDEX, Sample
from thermoscope.data.base import Item, read_labels, read_rgb, require
from thermoscope.data.files_by_stem import by_stem, joined, listed_stems

__all__ = ["count_findings", "decode_pair", "pair_decoder", "read_grey", "split_items"]

KEYS = ("rgb", "thermal", "labels")
GREY_TOLERANCE = 24  # levels by which the channels of a grey JPEG may differ


def split_items(
    root: str | Path,
    split: str,
    folders: Mapping[str, str],
    *,
    layout: str,
    source: str,
    optional: Sequence[str] = (),
) -> tuple[list[Item], tuple[str, ...]]:
    """The frames of a split, and what was left out.

    Two layouts are known: ``{split}/{folder}/STEM.png`` as data sets are published, and
    ``{folder}/STEM.png`` with ``{split}.txt`` (a stem or file name a line) as training code
    likes to have them.

    Args:
        root: Folder of the data set.
        split: Name of the folder or list.
        folders: Sample key to the folder's name; ``rgb``, ``thermal`` and ``labels`` at least.
        layout: For messages.
        source: For messages.
        optional: Keys whose files a frame may lack.

    Raises:
        DatasetNotFoundError: A folder or list is absent, or a file that the list names.
    """
    folder = require(root, layout=layout, source=source)
    flat = not (folder / split).is_dir() and (folder / f"{split}.txt").is_file()
    base = folder if flat else folder / split
    needed = [key for key in folders if key not in optional]
    require(base, *(folders[key] for key in needed), layout=layout, source=source)
    kinds = {k: by_stem(base / n) for k, n in folders.items() if (base / n).is_dir()}
    found = joined(kinds, optional=[key for key in optional if key in kinds])
    stems = list(found.rows)
    if flat:
        listed = listed_stems(folder / f"{split}.txt", found.rows)
        lost = [
            f"{folders[k]}/{stem}.png" for stem in listed for k in needed if stem not in kinds[k]
        ]
        if lost:
            every = f"every frame of {split}.txt ({len(lost)} files lack)."
            require(folder, *lost, layout=every, source=source)
        stems = listed
    items = [Item(s, found.rows[s], _number(s, place)) for place, s in enumerate(stems)]
    return items, () if flat else found.findings


def _number(stem: str, place: int) -> int:
    digits = "".join(c for c in stem if c.isdigit())
    return int(digits) if digits else place


def count_findings(name: str, split: str, found: int, published: Mapping[str, int]) -> list[str]:
    """A line that says so where a split has another number of frames than was published.

    Example:
        >>> count_findings("fmb", "test", 279, {"train": 1220, "test": 280})
        ['fmb test has 279 frames; 280 were published']
    """
    expected = published.get(split)
    if expected is None or found == expected:
        return []
    return [f"{name} {split} has {found} frames; {expected} were published"]


def decode_pair(item: Item, *, taxonomy: str, classes: int, void: int | None = None) -> Sample:
    """``rgb``, ``agc`` and ``labels`` of an item with the paths ``rgb, thermal, labels``.

    Args:
        item: The entry.
        taxonomy: Of the labels.
        classes: Number of classes: greater ids are an error; 255 = ignore is none.
        void: Further id to ignore; it becomes 255.

    Raises:
        DatasetCorruptError: A file is absent or damaged, sizes differ, the thermal picture is in
            false colours, or an id that is no class.
    """
    rgb, agc = read_rgb(item.paths["rgb"]), read_grey(item.paths["thermal"])
    size = (int(rgb.shape[1]), int(rgb.shape[2]))
    if agc.shape[1:] != size:
        raise DatasetCorruptError(
            f"{item.paths['thermal']} has {agc.shape[1:]} px, its colour picture {size}. "
            "Expected pairs of one size."
        )
    labels = read_labels(item.paths["labels"], shape=size)
    if void is not None:
        labels = np.where(labels == void, IGNORE_INDEX, labels)
    unknown = labels[(labels >= classes) & (labels != IGNORE_INDEX)]
    if unknown.size:
        raise DatasetCorruptError(
            f"{item.paths['labels']} holds the id {int(unknown[0])}; {taxonomy} has the ids 0 to "
            f"{classes - 1}. Give index pictures, not painted ones."
        )
    return {"rgb": rgb, "agc": agc, "labels": labels, "taxonomy": taxonomy}


def pair_decoder(taxonomy: str, classes: int, *, void: int | None = None) -> partial[Sample]:
    """`decode_pair` of one data set, which can be sent to another process."""
    return partial(decode_pair, taxonomy=taxonomy, classes=classes, void=void)


def read_grey(path: Path) -> NDArray[np.uint8]:
    """(1, H, W) uint8 thermal picture after gain control, stored with one channel or three equal.

    Raises:
        DatasetCorruptError: Absent, damaged, not 8 bit, or coloured by a palette.
    """
    import cv2

    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if picture is None:
        raise DatasetCorruptError(f"{path} is absent or no picture. Fetch it again.")
    if picture.dtype != np.uint8:
        raise DatasetCorruptError(f"{path} is {picture.dtype}; expected 8-bit levels.")
    if picture.ndim == 2:
        return np.asarray(picture[None])
    channels = picture[..., :3].astype(np.int16)
    if int(np.ptp(channels, axis=2).max()) > GREY_TOLERANCE:
        raise DatasetCorruptError(
            f"{path} is in false colours. Expected a grey thermal picture: palettes lose levels."
        )
    return np.asarray(np.rint(channels.mean(axis=2)).astype(np.uint8)[None])
