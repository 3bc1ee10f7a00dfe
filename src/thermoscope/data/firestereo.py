"""FIReStereo: thermal stereo in forest, smoke, rain and at night, with lidar depth.

Source: Dhrafani et al., FIReStereo, RA-L 2025, arXiv 2409.07715, and the calibration published with
its viewer.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.errors import DatasetCorruptError, DatasetNotFoundError, UnknownNameError
from thermoscope.core.sample import Sample
from thermoscope.data.base import Item, read_thermal
from thermoscope.data.files_by_stem import by_stem, joined
from thermoscope.geometry.stereo import disparity_from_depth

__all__ = ["FIReStereo"]

LAYOUT = "<sequence>/{img_left,img_right,depth}/*.png, such as hawkins_1_1/img_left/000001.png."
SOURCE = "firestereo.github.io"
FOCAL_PX = (406.33233091474426, 406.9536696029995)
CENTRE_PX = (311.51174613074784, 241.75862889759748)
BASELINE_M = 0.24584925266278748
LEVELS_PER_M = 256.0
FAMILIES = {  # first word of a sequence's name -> environment and time of day, as its page says
    "hawkins": ("forest and urban", "day"),
    "frick": ("trees and urban, rain", "night"),
    "gascola": ("wilderness, smoke", "night"),
    "firesgl": ("prescribed fire", ""),
}
SPLITS = {
    "train": ("hawkins",),
    "test": ("frick",),
    "smoke": ("gascola",),
    "all": tuple(FAMILIES),
}


@dataclass(frozen=True)
class FIReStereo:
    """Thermal pairs of FIReStereo, 640x512, 16 bit.

    *Features*: two cameras 0.2458 m apart, focal length 406 px; sequences hawkins (day), frick
    (night, rain), gascola (smoke, night; no depth), firesgl (8 bit; not read here).
    *Format*: 16-bit PNG; depth as 16-bit PNG, 1/256 m, 0 = none.
    *Units and invalid values*: disparity in px from depth, `valid` where the lidar hit.
    *Splits*: none is official. Ours: ``"train"`` = hawkins, ``"test"`` = frick, ``"smoke"`` =
    gascola (without truth), ``"all"``.
    *Licence*: not stated.

    Pairs are taken as rectified, with the published left calibration for both views; check_pair
    tells if they are not. The name of the depth folder is not published: `depth_folder`.

    Attributes:
        root: Folder with one folder for each sequence.
        split: See above.
        depth_folder: Below a sequence.

    Raises:
        UnknownNameError: No such split.
        DatasetNotFoundError: No pair of the split under `root`.
    """

    root: Path | str
    split: str = "test"
    depth_folder: str = "depth"
    name = "firestereo"

    def __post_init__(self) -> None:
        if self.split not in SPLITS:
            raise UnknownNameError("split of firestereo", self.split, SPLITS)
        pairs, findings = self._found()
        object.__setattr__(self, "_pairs", pairs)
        object.__setattr__(self, "_findings", findings)

    def _found(self) -> tuple[list[dict[str, Path]], list[str]]:
        """Files of each pair by kind, and what stayed alone."""
        folders = sorted(p.parent for p in Path(self.root).glob("**/img_left") if p.is_dir())
        kinds = {"counts": "img_left", "counts_right": "img_right", "depth": self.depth_folder}
        rows: list[dict[str, Path]] = []
        findings: list[str] = []
        for folder in folders:
            if _family(folder) in SPLITS[self.split]:
                files = {kind: _pictures(folder / name) for kind, name in kinds.items()}
                found = joined(files, optional=["depth"], where=folder.name)
                rows += found.rows.values()
                findings += found.findings
        if not rows:
            families, alone = ", ".join(SPLITS[self.split]), "".join(f"{f}. " for f in findings)
            raise DatasetNotFoundError(
                f"no sequence of {families} under {self.root}. {alone}Expected: {LAYOUT} "
                f"The data: {SOURCE}."
            )
        return rows, findings

    @property
    def frames(self) -> list[Path]:
        """Left picture of each pair, in order."""
        return [row["counts"] for row in self._rows]

    @property
    def findings(self) -> tuple[str, ...]:
        """What was left out and why, a line each."""
        return tuple(self.__dict__["_findings"])

    @property
    def _rows(self) -> list[dict[str, Path]]:
        found: list[dict[str, Path]] = self.__dict__["_pairs"]
        return found

    def __len__(self) -> int:
        return len(self._rows)

    def item(self, index: int) -> Item:
        """Entry `index`, nothing decoded."""
        paths = self._rows[index]
        left = paths["counts"]
        folder = left.parent.parent
        environment, time_of_day = FAMILIES[_family(folder)]
        return Item(
            f"{folder.name}_{left.stem}",
            paths,
            index=index,
            sequence=folder.name,
            environment=environment,
            time_of_day=time_of_day,
        )

    def __getitem__(self, index: int) -> Sample:
        """Sample `index`: counts, counts_right, K, baseline_m; with truth depth, disparity, valid.

        Raises:
            DatasetCorruptError: A file is absent, damaged, or of another size than the others.
        """
        item = self.item(index)
        left, right = (_plane(item.paths[key]) for key in ("counts", "counts_right"))
        if left.shape != right.shape:
            raise DatasetCorruptError(
                f"{item.name}: left is {left.shape} and right {right.shape} px."
            )
        sample: Sample = {
            "name": item.name,
            "counts": left[None],
            "counts_right": right[None],
            "K": np.array(
                [[FOCAL_PX[0], 0, CENTRE_PX[0]], [0, FOCAL_PX[1], CENTRE_PX[1]], [0, 0, 1]]
            ),
            "baseline_m": BASELINE_M,
        }
        if "depth" in item.paths:
            levels = _plane(item.paths["depth"])
            if levels.shape != left.shape:
                raise DatasetCorruptError(f"{item.name}: depth is {levels.shape} px.")
            depth = (levels / np.float32(LEVELS_PER_M)).astype(np.float32)
            disparity, valid = disparity_from_depth(
                depth, focal_px=FOCAL_PX[0], baseline_m=BASELINE_M
            )
            sample |= {
                "depth": depth[None],
                "disparity": disparity.astype(np.float32)[None],
                "valid": valid[None],
            }
        return sample


def _family(folder: Path) -> str:
    return folder.name.split("_")[0]


def _pictures(folder: Path) -> dict[str, Path]:
    """Pictures by stem of a folder that may be absent."""
    return by_stem(folder, kinds=frozenset({".png"})) if folder.is_dir() else {}


def _plane(path: Path) -> NDArray[np.uint16]:
    sample = read_thermal(path)
    if "counts" not in sample:
        raise DatasetCorruptError(f"{path} is not a 16-bit picture of one channel.")
    return np.asarray(sample["counts"][0], np.uint16)
