"""KP: frames of day and night videos, colour and thermal as JPEG, labels in one folder.

``images/setNN/VNNN/{visible,lwir}/INNNNN.jpg`` (640x512; ``lwir`` with three equal channels),
``labels/setNN_VNNN_INNNNN.png`` (ids 0-18, 19 = void), ``{train,val,test}[_{day,night}].txt``
(label file names). Set numbers say day or night, as in the videos.

Source: Hwang et al., CVPR 2015; Kim et al., MS-UDA, RA-L 2021; lists as in the public code of CRM.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from thermoscope.synthetic.labels import IGNORE_INDEX
from thermoscope.synthetic.layouts.files import agc, rgb_bytes, write_jpeg, write_png
from thermoscope.synthetic.layouts.layout import (
    LAYOUTS,
    Block,
    Entry,
    Facts,
    day_and_night,
    of_split,
)
from thermoscope.synthetic.layouts.split_lists import SPLITS, write_split_lists
from thermoscope.synthetic.observe import Observation

__all__ = ["KP"]

VOID = 19
SETS = {
    ("train", "day"): 0, ("train", "night"): 3, ("val", "day"): 6, ("val", "night"): 10,
    ("test", "day"): 7, ("test", "night"): 9,
}  # fmt: skip


class KP:
    """See the module; one video a split and time of day."""

    name = "kp"
    preset = "kp"
    taxonomy = "kp"
    aligned = True
    rate_hz = 0.5
    sequence = False
    infinity_share = 0.0

    def blocks(self, count: int, split: str) -> Sequence[Block]:
        """499 to 140 to 311 as published; each split half day, half night."""
        return day_and_night(of_split(count, split, {"train": 499, "val": 140, "test": 311}))

    def write(self, root: Path, entry: Entry, seen: Observation) -> Facts:
        """The three pictures of a frame."""
        number = SETS[entry.block.split, str(entry.block.hour)]
        views = Path("images") / f"set{number:02d}" / "V000"
        frame = f"I{entry.number:05d}.jpg"
        grey = agc(seen.counts)
        labels = seen.labels[0].astype(np.uint8)
        label = f"labels/set{number:02d}_V000_I{entry.number:05d}.png"
        write_png(root / label, np.where(labels == IGNORE_INDEX, VOID, labels).astype(np.uint8))
        write_jpeg(root / views / "visible" / frame, rgb_bytes(seen.rgb))
        write_jpeg(root / views / "lwir" / frame, np.dstack([grey, grey, grey]))
        return {"files": [label, str(views / "visible" / frame), str(views / "lwir" / frame)]}

    def finish(self, root: Path, frames: Sequence[tuple[Entry, Facts]]) -> None:
        """The nine lists; a split without frames has empty ones."""
        names = {e: Path(f["files"][0]).name for e, f in frames}
        write_split_lists(root, names, by_hour=SPLITS)


LAYOUTS.add("kp", KP())
