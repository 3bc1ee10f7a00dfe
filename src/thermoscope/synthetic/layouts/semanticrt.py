"""SemanticRT: RGB, thermal and index labels in three folders, and lists.

``rgb/NAME.jpg``, ``thermal/NAME.jpg`` (three equal channels), ``labels/NAME.png`` (ids 0-12),
``train.txt val.txt test.txt test_day.txt test_night.txt`` (names without suffix). Half of the
frames are taken at night. The lists by difficulty and the binary labels are not written.

Source: Ji et al., SemanticRT, ACM MM 2023, and its public code.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from thermoscope.synthetic.layouts.files import agc, rgb_bytes, write_jpeg, write_png
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

__all__ = ["SemanticRT"]


class SemanticRT:
    """See the module; shares of the splits are not published, 7:1:2 here."""

    name = "semanticrt"
    preset = "semanticrt"
    taxonomy = "semanticrt"
    aligned = True
    rate_hz = 0.5
    sequence = False
    infinity_share = 0.0

    def blocks(self, count: int, split: str) -> Sequence[Block]:
        """7:1:2, each split half day, half night."""
        return day_and_night(of_split(count, split, {"train": 7, "val": 1, "test": 2}))

    def write(self, root: Path, entry: Entry, seen: Observation) -> Facts:
        """The three pictures of a frame."""
        stem = f"{entry.number:06d}"
        grey = agc(seen.counts)
        write_jpeg(root / "rgb" / f"{stem}.jpg", rgb_bytes(seen.rgb))
        write_jpeg(root / "thermal" / f"{stem}.jpg", np.dstack([grey, grey, grey]))
        write_png(root / "labels" / f"{stem}.png", seen.labels[0].astype(np.uint8))
        return {"files": [f"rgb/{stem}.jpg", f"thermal/{stem}.jpg", f"labels/{stem}.png"]}

    def finish(self, root: Path, frames: Sequence[tuple[Entry, Facts]]) -> None:
        """The five lists; a split without frames has an empty one."""
        write_split_lists(root, {e: Path(f["files"][0]).stem for e, f in frames})


LAYOUTS.add("semanticrt", SemanticRT())
