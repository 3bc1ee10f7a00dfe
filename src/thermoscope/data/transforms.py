"""Cropping and resizing of whole samples: pictures, truth and intrinsics change together.

A transform takes a sample and returns another; arrays that do not change are shared. What is NOT
here: augmentation (that belongs to the recipes) and tone mapping (`thermoscope.sensor.tone`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.errors import ConfigError, ShapeError
from thermoscope.core.sample import FIELDS, Sample

__all__ = ["Band", "Margins", "crop", "resize"]

Band = Literal["thermal", "rgb"]
_PLANES: dict[str, tuple[str, ...]] = {
    "thermal": tuple(key for key, field in FIELDS.items() if field.shape == "1 H W"),
    "rgb": tuple(key for key, field in FIELDS.items() if field.shape == "3 H W"),
}
_CAMERA = {"thermal": "K", "rgb": "K_rgb"}
_NEAREST = frozenset({"depth", "valid", "occluded", "labels", "disparity", "disparity_right"})


@dataclass(frozen=True)
class Margins:
    """Pixels cut off at each side.

    Raises:
        ConfigError: One is negative.
    """

    top: int = 0
    bottom: int = 0
    left: int = 0
    right: int = 0

    def __post_init__(self) -> None:
        if min(self.top, self.bottom, self.left, self.right) < 0:
            raise ConfigError(f"margins must not be negative, got {self}.")


def crop(sample: Sample, margins: Margins, *, band: Band) -> Sample:
    """The sample with the margins of one band cut off.

    Both views of a stereo pair are cut alike, so disparities stay.

    Args:
        sample: Of the contract.
        margins: What to cut.
        band: Thermal pictures with their truth, or colour pictures.

    Raises:
        ShapeError: Nothing would be left.
    """
    result = dict(sample)
    for key in _PLANES[band]:
        if key not in sample:
            continue
        plane = result[key]
        height, width = plane.shape[-2:]  # type: ignore[attr-defined]
        bottom, right = height - margins.bottom, width - margins.right
        if margins.top >= bottom or margins.left >= right:
            raise ShapeError(f"{key} of {height} x {width} px has no pixel left within {margins}.")
        result[key] = plane[:, margins.top : bottom, margins.left : right]  # type: ignore[index]
    camera = _CAMERA[band]
    if camera in sample:
        shifted = np.array(result[camera], np.float64)
        shifted[:2, 2] -= (margins.left, margins.top)
        result[camera] = shifted
    return cast(Sample, result)


def resize(sample: Sample, size_px: tuple[int, int], *, band: Band) -> Sample:
    """The sample with one band at another size.

    Pictures are averaged when they shrink and interpolated when they grow; truth takes the nearest
    pixel. Disparity is scaled with the width, the row offset with the height, intrinsics with both
    (pixel centres are whole numbers).

    Args:
        sample: Of the contract.
        size_px: (H, W).
        band: Thermal pictures with their truth, or colour pictures.

    Raises:
        ConfigError: `size_px` is not positive.
    """
    if min(size_px) < 1:
        raise ConfigError(f"size_px must be at least 1 x 1, got {size_px}.")
    result = dict(sample)
    scale = (1.0, 1.0)
    for key in _PLANES[band]:
        if key in sample:
            plane = cast("NDArray[Any]", result[key])
            scale = (size_px[0] / plane.shape[1], size_px[1] / plane.shape[2])
            result[key] = _resized(plane, size_px, nearest=key in _NEAREST)
    for key in ("disparity", "disparity_right"):
        if key in sample and band == "thermal":
            result[key] = cast("NDArray[Any]", result[key]) * np.float32(scale[1])
    if "row_offset_px" in sample and band == "thermal":
        result["row_offset_px"] = sample["row_offset_px"] * scale[0]
    camera = _CAMERA[band]
    if camera in sample:
        result[camera] = _scaled(cast("NDArray[Any]", result[camera]), scale)
    return cast(Sample, result)


def _scaled(K: NDArray[Any], scale: tuple[float, float]) -> NDArray[np.float64]:
    by_row = np.array([scale[1], scale[0], 1.0])
    scaled: NDArray[np.float64] = np.asarray(K, np.float64) * by_row[:, None]
    scaled[:2, 2] += (by_row[:2] - 1) / 2
    return scaled


def _resized(plane: NDArray[Any], size_px: tuple[int, int], *, nearest: bool) -> NDArray[Any]:
    import cv2

    height, width = plane.shape[-2:]
    if (height, width) == size_px:
        return plane
    if nearest:
        rows = ((np.arange(size_px[0]) + 0.5) * height / size_px[0]).astype(int)
        columns = ((np.arange(size_px[1]) + 0.5) * width / size_px[1]).astype(int)
        return np.ascontiguousarray(plane[:, rows[:, None], columns])
    shrinks = size_px[0] <= height and size_px[1] <= width
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    layers = [cv2.resize(p, (size_px[1], size_px[0]), interpolation=how) for p in plane]
    return np.stack(layers)
