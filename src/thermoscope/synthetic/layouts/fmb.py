"""FMB: train and test folders of visible, infrared, index labels and painted labels.

``{train,test}/{Visible,Infrared,Label,color}/NNNNN.png`` at 800x600; ``Label`` ids 0-14.

Source: Liu et al., SegMiF (FMB), ICCV 2023, and its public code; palette as its authors posted it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from thermoscope.synthetic.layouts.files import agc, painted, rgb_bytes, write_png
from thermoscope.synthetic.layouts.layout import LAYOUTS, Block, Entry, Facts, of_split
from thermoscope.synthetic.observe import Observation

__all__ = ["FMB"]

PALETTE = (
    (0, 0, 0),
    (179, 228, 228),
    (181, 57, 133),
    (67, 162, 177),
    (200, 178, 50),
    (132, 45, 199),
    (66, 172, 84),
    (179, 73, 79),
    (76, 99, 166),
    (66, 121, 253),
    (137, 165, 91),
    (155, 97, 152),
    (105, 153, 140),
    (222, 215, 158),
    (135, 113, 90),
)


class FMB:
    """See the module; there is no validation split."""

    name = "fmb"
    preset = "fmb"
    taxonomy = "fmb"
    aligned = True
    rate_hz = 0.5
    sequence = False
    infinity_share = 0.0

    def blocks(self, count: int, split: str) -> Sequence[Block]:
        """1220 to 280 as published."""
        parts = of_split(count, split, {"train": 1220, "test": 280})
        return [Block(name, i, name, n) for i, (name, n) in enumerate(parts.items())]

    def write(self, root: Path, entry: Entry, seen: Observation) -> Facts:
        """The four pictures of a frame."""
        labels = seen.labels[0].astype(np.uint8)
        pictures = {
            "Visible": rgb_bytes(seen.rgb),
            "Infrared": agc(seen.counts),
            "Label": labels,
            "color": painted(labels, PALETTE),
        }
        files = []
        for folder, picture in pictures.items():
            path = Path(entry.block.split) / folder / f"{entry.number:05d}.png"
            write_png(root / path, picture)
            files.append(str(path))
        return {"files": files}

    def finish(self, root: Path, frames: Sequence[tuple[Entry, Facts]]) -> None:
        """Nothing: the folders are the lists."""


LAYOUTS.add("fmb", FMB())
