"""MFNet: RGB and thermal in one four-channel PNG, nine classes, day and night by file name.

``images/NNNNND.png`` (640x480, 8 bit, thermal as the fourth channel; D = day, N = night),
``labels/NNNNND.png`` (ids 0-8), ``train.txt val.txt test.txt test_day.txt test_night.txt`` (names
without suffix), ``visual/`` (painted labels). Half of the frames are taken at night.

Source: Ha et al., MFNet, IROS 2017, and its public code.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from thermoscope.synthetic.layouts.files import agc, painted, rgb_bytes, write_png
from thermoscope.synthetic.layouts.layout import (
    LAYOUTS,
    Block,
    Entry,
    Facts,
    day_and_night,
    of_split,
)
from thermoscope.synthetic.layouts.split_lists import write_split_lists
from thermoscope.synthetic.observe import Observation

__all__ = ["MFNet"]

PALETTE = (
    (0, 0, 0),
    (64, 0, 128),
    (64, 64, 0),
    (0, 128, 192),
    (0, 0, 192),
    (128, 128, 0),
    (64, 64, 128),
    (192, 128, 128),
    (192, 64, 0),
)


class MFNet:
    """See the module; flipped copies, ``black_list.txt`` and polygons are not written."""

    name = "mfnet"
    preset = "mfnet"
    taxonomy = "mfnet"
    aligned = True
    rate_hz = 0.5
    sequence = False
    infinity_share = 0.0

    def blocks(self, count: int, split: str) -> Sequence[Block]:
        """2:1:1 as published; each split half day, half night."""
        return day_and_night(of_split(count, split, {"train": 2, "val": 1, "test": 1}))

    def write(self, root: Path, entry: Entry, seen: Observation) -> Facts:
        """One image and its labels."""
        stem = f"{entry.number:05d}{'N' if entry.block.hour == 'night' else 'D'}"
        image = np.dstack([rgb_bytes(seen.rgb), agc(seen.counts)])
        labels = seen.labels[0].astype(np.uint8)
        write_png(root / "images" / f"{stem}.png", image)
        write_png(root / "labels" / f"{stem}.png", labels)
        write_png(root / "visual" / f"{stem}.png", painted(labels, PALETTE))
        return {"files": [f"{folder}/{stem}.png" for folder in ("images", "labels", "visual")]}

    def finish(self, root: Path, frames: Sequence[tuple[Entry, Facts]]) -> None:
        """The five lists; a split without frames has an empty one."""
        write_split_lists(root, {e: Path(f["files"][0]).stem for e, f in frames})


LAYOUTS.add("mfnet", MFNet())
