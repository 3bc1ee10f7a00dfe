"""Descriptors and dense features of frames, their files, and pictures of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from thermoscope.core.errors import ConfigError, MissingDependencyError, ShapeError
from thermoscope.core.files import atomic_write
from thermoscope.core.weights import InputSpec
from thermoscope.io.thermal_image import ThermalImage
from thermoscope.layers.pooling import PoolingKind, make_pooling
from thermoscope.models.anythermal import AnyThermal
from thermoscope.models.prepare import IMAGENET_MEAN, IMAGENET_STD, Modality, network_input

__all__ = ["FeatureReader", "component_pictures", "write_features"]

Floats = NDArray[np.float32]
PICTURE_CELL_PX = 14


class FeatureReader:
    """Frames to descriptors and grids, one at a time.

    Args:
        network: The backbone.
        modality: What the frames show.
        pooling: How tokens become one vector.
        side_px: Height and width that frames are scaled to; rounded down to a multiple of 14.

    Raises:
        ConfigError: `side_px` is under one patch, the network is no backbone, or the pooling is
            unknown or must be trained.
    """

    def __init__(
        self,
        network: AnyThermal,
        *,
        modality: Modality = "thermal",
        pooling: PoolingKind = "cls_mean",
        side_px: int = 224,
    ) -> None:
        if not isinstance(network, AnyThermal):
            raise ConfigError(f"{type(network).__name__} is no backbone. Choose anythermal_small.")
        if side_px < network.patch_px:
            raise ConfigError(f"side_px must be at least {network.patch_px}, got {side_px}.")
        if pooling == "salad":
            raise ConfigError("salad must be trained: use the place verb. Choose cls or cls_mean.")
        self.network, self.modality = network, modality
        self.pooling = make_pooling(pooling, network.width)
        self.side_px = side_px
        self.spec = network.card.input_spec if network.card else plain_spec(network)

    @torch.inference_mode()
    def read(self, image: ThermalImage | NDArray[np.uint8]) -> tuple[Floats, Floats]:
        """(D,) descriptor of unit length and (C, h, w) dense features.

        Raises:
            ShapeError: A frame that is too small or of another shape.
            UnitError: A colour picture with values that are not finite.
        """
        prepared = network_input(
            image, self.spec, modality=self.modality, size_px=(self.side_px, self.side_px)
        )
        found = self.network(prepared.images)
        descriptor = self.pooling(found.cls, found.grid)[0].numpy()
        return np.asarray(descriptor), np.asarray(found.grid[0].float().numpy())


def plain_spec(network: AnyThermal) -> InputSpec:
    """Preprocessing of a backbone without a card: DINOv2's, after a percentile stretch."""
    return InputSpec(
        "counts",
        tone={"method": "percentile"},
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        size_multiple_px=network.patch_px,
    )


def write_features(
    path: str | Path, names: Sequence[str], descriptors: Floats, grids: Sequence[Floats] = ()
) -> None:
    """Descriptors and, if any, dense features in one file.

    Args:
        path: ``.npz``: arrays ``names`` (N,), ``descriptor`` (N, D) and ``grid/<name>`` (C, h, w).
            ``.parquet``: columns ``name`` and ``descriptor``, one row a frame.
        names: N, unique.
        descriptors: (N, D).
        grids: N of them, or none.

    Raises:
        ShapeError: Numbers that do not agree.
        ConfigError: Another suffix, or dense features for Parquet.
        MissingDependencyError: Parquet needs pyarrow.
        WriteError: The file cannot be written.
    """
    target = Path(path)
    if len(names) != len(descriptors) or (grids and len(grids) != len(names)):
        raise ShapeError(
            f"{len(names)} names, {len(descriptors)} descriptors and {len(grids)} grids do not "
            "belong together."
        )
    if target.suffix == ".npz":
        arrays = {f"grid/{n}": g.astype(np.float16) for n, g in zip(names, grids, strict=False)}
        with atomic_write(target) as stream:
            np.savez(
                stream, allow_pickle=False, names=np.array(names), descriptor=descriptors, **arrays
            )
        return
    if target.suffix != ".parquet" or grids:
        raise ConfigError(
            f"{target.name}: features are written as .npz, or without dense ones as .parquet."
        )
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as err:
        raise MissingDependencyError("pyarrow", extra="parquet", purpose="writing Parquet") from err
    table = pyarrow.table({"name": list(names), "descriptor": list(descriptors)})
    with atomic_write(target) as stream:
        parquet.write_table(table, stream)


def component_pictures(grids: Sequence[Floats]) -> list[NDArray[np.uint8]]:
    """Dense features as colours: three principal components, shared by all pictures.

    Equal colours mean like features, within and between the pictures of one call.

    Args:
        grids: (C, h, w) each; sizes may differ, C may not.

    Returns:
        (14 h, 14 w, 3) uint8 each.

    Raises:
        ShapeError: No grid, or different C.
    """
    if not grids or len({grid.shape[0] for grid in grids}) != 1:
        raise ShapeError("component pictures need grids of one backbone.")
    rows = [grid.reshape(grid.shape[0], -1).T for grid in grids]
    stacked = np.concatenate(rows).astype(np.float64)
    centred = stacked - stacked.mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    components = centred @ axes[:3].T
    low, high = np.percentile(components, (2, 98), axis=0)
    levels = np.clip((components - low) / np.maximum(high - low, 1e-12), 0, 1)
    pictures, start = [], 0
    for grid in grids:
        count = grid.shape[1] * grid.shape[2]
        part = levels[start : start + count].reshape(*grid.shape[1:], -1)
        start += count
        if part.shape[2] < 3:
            part = np.pad(part, ((0, 0), (0, 0), (0, 3 - part.shape[2])))
        small = np.rint(part * 255).astype(np.uint8)
        size = (grid.shape[2] * PICTURE_CELL_PX, grid.shape[1] * PICTURE_CELL_PX)
        pictures.append(np.asarray(cv2.resize(small, size, interpolation=cv2.INTER_CUBIC)))
    return pictures
