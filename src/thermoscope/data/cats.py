"""CATS: scenes of a stereo colour and a stereo thermal pair with signed disparity.

Source: Treible et al., CATS: A Color and Thermal Stereo Benchmark, CVPR 2017; the layout as public
readers of it have it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.errors import DatasetCorruptError, DatasetNotFoundError, UnknownNameError
from thermoscope.core.sample import Sample
from thermoscope.data.base import Item, read_thermal

__all__ = ["CATS"]

LAYOUT = (
    "CATS_Release/{INDOOR,OUTDOOR}/<CATEGORY>/sceneN/rectified/thermal/left_thermal_default.png."
)
SOURCE = "bigdatavision.org/CATS"
VIEWS = ("left", "right")
TRUTHS = {"raw": "gt_disparity.txt", "filtered": "gt_disparity_interp.txt"}


@dataclass(frozen=True)
class CATS:
    """Thermal pairs of CATS, 640x480, 16 bit, rectified.

    *Features*: about 180 scenes in 10 indoor and 8 outdoor categories, handheld rig, lidar.
    *Format*: pictures as PNG, disparity as comma-separated text, NaN = none.
    *Units and invalid values*: disparity in px, SIGNED (the plane of disparity 0 is not at
    infinity); `valid` alone says that it is known. The range of a scene is `disparity_range`.
    *Splits*: none is official; ``"val"`` is every tenth scene in the order of names, as one public
    list has it, ``"train"`` the others, ``"all"`` both.
    *Licence*: not stated.

    Attributes:
        root: Folder that holds ``CATS_Release``, or that folder itself.
        split: ``"train"``, ``"val"`` or ``"all"``.
        truth: ``"raw"`` or ``"filtered"`` = interpolated by the authors.

    Raises:
        UnknownNameError: No such split or truth.
        DatasetNotFoundError: No scene under `root`, or fewer than ten for ``"val"``.
    """

    root: Path | str
    split: str = "val"
    truth: Literal["raw", "filtered"] = "filtered"
    name = "cats"

    def __post_init__(self) -> None:
        if self.split not in ("train", "val", "all"):
            raise UnknownNameError("split of cats", self.split, ("train", "val", "all"))
        if self.truth not in TRUTHS:
            raise UnknownNameError("truth of cats", self.truth, TRUTHS)
        object.__setattr__(self, "_scenes", self._found())

    def _found(self) -> list[Path]:
        given = Path(self.root)
        release = given / "CATS_Release" if (given / "CATS_Release").is_dir() else given
        pictures = release.glob("*/*/scene*/rectified/thermal/left_thermal_default.png")
        scenes = sorted((p.parents[2] for p in pictures), key=_natural)
        if not scenes:
            raise DatasetNotFoundError(
                f"no scene under {release}. Expected: {LAYOUT} The data: {SOURCE}."
            )
        held = [i % 10 == 9 for i in range(len(scenes))]
        if self.split == "all":
            return scenes
        chosen = [
            s for s, is_val in zip(scenes, held, strict=True) if is_val == (self.split == "val")
        ]
        if not chosen:
            raise DatasetNotFoundError(
                f"split {self.split!r} of cats is empty: it takes every tenth scene, and {release} "
                f"has {len(scenes)}. Ask for 'train' or 'all'."
            )
        return chosen

    @property
    def scenes(self) -> list[Path]:
        """Folder of each scene, in order."""
        found: list[Path] = self.__dict__["_scenes"]
        return found

    def __len__(self) -> int:
        return len(self.scenes)

    def item(self, index: int) -> Item:
        """Entry `index`, nothing decoded."""
        scene = self.scenes[index]
        category, where = scene.parent.name, scene.parent.parent.name
        thermal = scene / "rectified" / "thermal"
        keys = ("counts", "counts_right")
        paths = {k: thermal / f"{v}_thermal_default.png" for k, v in zip(keys, VIEWS, strict=True)}
        paths["disparity"] = scene / "gt_disparity" / "thermal" / TRUTHS[self.truth]
        name = f"{where}_{category}_{scene.name}".lower()
        return Item(name, paths, index=index, environment=where.lower())

    def disparity_range(self, index: int) -> tuple[float, float]:
        """Least and greatest disparity of a scene, px, as its own file states them.

        Raises:
            DatasetCorruptError: The file is absent or does not hold two numbers.
        """
        path = self.item(index).paths["disparity"].parent / "disp_range.txt"
        try:
            numbers = [float(word) for word in path.read_text().replace(",", " ").split()]
        except (OSError, ValueError) as err:
            raise DatasetCorruptError(f"{path} does not give two numbers: {err}.") from err
        if len(numbers) != 2 or numbers[0] > numbers[1]:
            raise DatasetCorruptError(
                f"{path} gives {numbers}, expected the least and the greatest disparity."
            )
        return numbers[0], numbers[1]

    def __getitem__(self, index: int) -> Sample:
        """Sample `index`: counts, counts_right, disparity, valid.

        Raises:
            DatasetCorruptError: A file is absent, damaged, or of another size than the others.
        """
        item = self.item(index)
        left, right = (_counts(item.paths[key]) for key in ("counts", "counts_right"))
        disparity = _disparity(item.paths["disparity"])
        if left.shape != right.shape or left.shape != disparity.shape:
            raise DatasetCorruptError(
                f"{item.name}: left {left.shape}, right {right.shape} and disparity "
                f"{disparity.shape} differ in size."
            )
        valid = np.isfinite(disparity) & _mask(item.paths["counts"].parent, left.shape)
        return {
            "name": item.name,
            "counts": left[None],
            "counts_right": right[None],
            "disparity": np.where(valid, disparity, 0).astype(np.float32)[None],
            "valid": valid[None],
        }


def _counts(path: Path) -> NDArray[np.uint16]:
    sample = read_thermal(path)
    if "counts" not in sample:
        raise DatasetCorruptError(f"{path} is not a 16-bit picture of one channel.")
    return np.asarray(sample["counts"][0], np.uint16)


def _disparity(path: Path) -> NDArray[np.float32]:
    try:
        found = np.loadtxt(path, delimiter=",", dtype=np.float32, ndmin=2)
    except (OSError, ValueError) as err:
        raise DatasetCorruptError(f"{path} is no table of disparities: {err}.") from err
    return np.asarray(found, np.float32)


def _mask(folder: Path, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """The thermal validity mask where the release has one."""
    import cv2

    path = folder / "mask.png"
    if not path.is_file():
        return np.ones(shape, bool)
    mask = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if mask is None or mask.shape != shape:
        raise DatasetCorruptError(f"{path} is no mask of {shape}.")
    return np.asarray(mask > 0)


def _natural(path: Path) -> list[tuple[int, str]]:
    parts = re.split(r"(\d+)", "/".join(path.parts[-3:]).casefold())
    return [(int(p), "") if p.isdecimal() else (-1, p) for p in parts]
