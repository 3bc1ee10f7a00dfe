"""PST900: train and test folders of RGB, thermal in 8 and 16 bit, depth and five classes.

``{train,test}/{rgb,thermal,thermal_raw,depth,labels}/NNNNNN.png`` at 1280x720. ``thermal`` is
8-bit after gain control, ``thermal_raw`` holds counts, ``depth`` is 16 bit with 2560 levels a
metre (0 = none; so 25.6 m at most), ``labels`` ids 0-4: background, fire extinguisher, backpack,
hand drill, survivor.

The original thermal picture is warped onto the colour one and has holes of value 0; here both are
seen by one camera and there are none.

Source: Shivakumar et al., PST900, ICRA 2020, and its public toolkit.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from thermoscope.synthetic.layouts.files import agc, rgb_bytes, write_png
from thermoscope.synthetic.layouts.layout import LAYOUTS, Block, Entry, Facts, of_split
from thermoscope.synthetic.observe import Observation

__all__ = ["PST900"]

LEVELS_PER_M = 2560.0


class PST900:
    """See the module; there is no validation split."""

    name = "pst900"
    preset = "pst900"
    taxonomy = "pst900"
    aligned = True
    rate_hz = 0.5
    sequence = False
    infinity_share = 0.0

    def blocks(self, count: int, split: str) -> Sequence[Block]:
        """597 to 288 as counted in the archive."""
        parts = of_split(count, split, {"train": 597, "test": 288})
        return [Block(name, i, name, n) for i, (name, n) in enumerate(parts.items())]

    def write(self, root: Path, entry: Entry, seen: Observation) -> Facts:
        """The five pictures of a frame."""
        pictures = {
            "rgb": rgb_bytes(seen.rgb),
            "thermal": agc(seen.counts),
            "thermal_raw": seen.counts[0],
            "depth": depth_levels(seen.truth.depth),
            "labels": seen.labels[0].astype(np.uint8),
        }
        files = []
        for folder, picture in pictures.items():
            path = Path(entry.block.split) / folder / f"{entry.number:06d}.png"
            write_png(root / path, picture)
            files.append(str(path))
        return {"files": files}

    def finish(self, root: Path, frames: Sequence[tuple[Entry, Facts]]) -> None:
        """Nothing: the folders are the lists."""


def depth_levels(depth: NDArray[np.float32]) -> NDArray[np.uint16]:
    """(H, W) uint16 levels of a depth in m; 0 where beyond what 16 bit hold."""
    levels = np.rint(np.where(np.isfinite(depth), depth, 0.0) * LEVELS_PER_M)
    return np.where(levels <= 65535, levels, 0).astype(np.uint16)


LAYOUTS.add("pst900", PST900())
