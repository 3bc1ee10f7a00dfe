"""CATS: scenes of a stereo colour and a stereo thermal pair with signed disparity in text files.

``CATS_Release/{INDOOR,OUTDOOR}/<CATEGORY>/sceneN/`` with ``rawImages/``,
``rectified/{thermal,color}/{left,right}_{thermal,color}_default.png`` (thermal 16 bit; colour also
``mask.png``) and ``gt_disparity/{thermal,color}/`` holding ``gt_disparity.txt`` (comma-separated
rows, NaN = none: what is hidden from the right view, and the sky), ``gt_disparity_interp.txt``
(every pixel) and ``disp_range.txt`` (least and greatest). The plane of disparity 0 is not at
infinity: near things are positive, far ones negative.

Not written: ``cross/`` and the lighting variants (lowLight, dark, lowFog, highFog) of a scene.

Source: Treible et al., CATS, CVPR 2017; layout as public readers of it have it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from thermoscope.synthetic.layouts.files import rgb_bytes, write_png, write_text
from thermoscope.synthetic.layouts.layout import LAYOUTS, Block, Entry, Facts, of_split
from thermoscope.synthetic.observe import Observation
from thermoscope.synthetic.truth import StereoTruth

__all__ = ["CATS"]

CATEGORIES = {
    "INDOOR": (
        "BOOKS", "ELECTRONICS", "HALLOWEEN", "MATERIALS", "MISC", "PLANTS", "STATUES",
        "STORAGE_ROOM", "TOOLS", "TOYS",
    ),
    "OUTDOOR": ("CARS", "COURTYARD", "CREEK", "GARDEN", "HOUSE", "ISE", "PATIO", "SHED"),
}  # fmt: skip


class CATS:
    """See the module; the data set has no official split."""

    name = "cats"
    preset = "cats"
    taxonomy = "fine"
    aligned = False
    rate_hz = 0.5
    sequence = False
    infinity_share = -1 / 16

    def blocks(self, count: int, split: str) -> Sequence[Block]:
        """All frames in one."""
        parts = of_split(count, split, {"train": 1.0})
        return [Block(name, i, name, n) for i, (name, n) in enumerate(parts.items())]

    def write(self, root: Path, entry: Entry, seen: Observation) -> Facts:
        """One scene folder."""
        where = "INDOOR" if seen.moment.place.environment == "indoor" else "OUTDOOR"
        names = CATEGORIES[where]
        category = names[entry.number % len(names)]
        scene = Path("CATS_Release") / where / category / f"scene{entry.number // len(names) + 1}"
        pictures = {
            "thermal/left_thermal_default": seen.counts[0],
            "thermal/right_thermal_default": seen.counts_right[0],
            "color/left_color_default": rgb_bytes(seen.rgb),
            "color/right_color_default": rgb_bytes(seen.rgb_right),
            "color/mask": np.full(seen.rgb.shape[1:], 255, np.uint8),
        }
        files = [str(scene / "rectified" / f"{name}.png") for name in pictures]
        for path, picture in zip(files, pictures.values(), strict=True):
            write_png(root / path, picture)
        for name in ("thermal/left_thermal_default", "thermal/right_thermal_default"):
            raw = scene / "rawImages" / f"{Path(name).name}.png"
            write_png(root / raw, pictures[name])
            files.append(str(raw))
        for band, truth in (("thermal", seen.truth), ("color", seen.colour_truth)):
            files += _write_disparity(root, scene / "gt_disparity" / band, truth)
        return {"files": files}

    def finish(self, root: Path, frames: Sequence[tuple[Entry, Facts]]) -> None:
        """Nothing: scenes stand alone."""


def _write_disparity(root: Path, folder: Path, truth: StereoTruth) -> list[str]:
    known = np.isfinite(truth.depth) & ~truth.occluded
    seen = np.where(known, truth.disparity, np.nan)
    # A view of nothing but sky has no range of its own: it gets that of its sky.
    shown = truth.disparity[known] if known.any() else truth.disparity
    texts = {
        "gt_disparity.txt": comma_rows(seen),
        "gt_disparity_interp.txt": comma_rows(truth.disparity),
        "disp_range.txt": f"{shown.min():.4f} {shown.max():.4f}\n",
    }
    for name, text in texts.items():
        write_text(root / folder / name, text)
    return [str(folder / name) for name in texts]


def comma_rows(values: NDArray[np.floating]) -> str:
    """Rows of comma-separated numbers with four decimals, NaN for none."""
    rows = (",".join(f"{v:.4f}" for v in row) for row in values.tolist())
    return "".join(f"{row}\n" for row in rows).replace("nan", "NaN")


LAYOUTS.add("cats", CATS())
