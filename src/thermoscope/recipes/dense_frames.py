"""Training frames of dense tasks: scaled, padded and augmented network inputs with their truth.

Frames are decoded once and kept small (half a byte to five bytes a pixel and value), or their
backbone features are kept instead, which makes a step of training a head as cheap as the head.
What is NOT here: losses (`thermoscope.recipes.segmentation`, `thermoscope.recipes.depth`).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from thermoscope.core.checks import check_in_range
from thermoscope.core.errors import ConfigError, ThermoscopeWarning, UnitError
from thermoscope.core.sample import IGNORE_INDEX, Sample
from thermoscope.engine.labelled_frames import LabelledFrames, Truth, thermal_frame
from thermoscope.engine.loop import Batch
from thermoscope.models.dense_heads import DenseModel
from thermoscope.models.prepare import network_input

__all__ = ["Augmentation", "DenseFrames", "Keep", "warn_of_findings"]

Keep = Literal["frames", "features", "nothing"]


@dataclass(frozen=True)
class Augmentation:
    """Random changes of a training frame.

    Attributes:
        flip: Share of frames mirrored left to right.
        brightness: Factor on the tone-mapped frame, drawn from 1 - this to 1 + this.
        contrast: The same, of the distance to the frame's mean.
        gamma: Exponent, drawn from 1 - this to 1 + this.
        inversion: Share of frames with cold and warm exchanged.

    Raises:
        ConfigError: A number out of range.
    """

    flip: float = 0.5
    brightness: float = 0.2
    contrast: float = 0.2
    gamma: float = 0.1
    inversion: float = 0.0

    def __post_init__(self) -> None:
        for name in ("flip", "inversion"):
            check_in_range(getattr(self, name), 0, 1, name=name)
        for name in ("brightness", "contrast", "gamma"):
            check_in_range(getattr(self, name), 0, 0.9, name=name)

    @property
    def photometric(self) -> bool:
        """Whether grey levels change."""
        return any((self.brightness, self.contrast, self.gamma, self.inversion))

    def applied(self, grey: Tensor, rng: np.random.Generator) -> Tensor:
        """(1, H, W) in [0, 1] with changed levels."""
        brightness, contrast, gamma = (
            float(rng.uniform(1 - reach, 1 + reach))
            for reach in (self.brightness, self.contrast, self.gamma)
        )
        if rng.random() < self.inversion:
            grey = 1 - grey
        mean = grey.mean()
        changed = (mean + contrast * (grey - mean)) * brightness
        return changed.clamp(0, 1) ** gamma


@dataclass(frozen=True)
class _Item:
    """One frame as the network sees it: (1, H, W) grey levels and the truth of one kind."""

    grey: NDArray[np.float16]
    labels: NDArray[np.uint8] | None = None
    depth: NDArray[np.float32] | None = None  # nan = not valid


@dataclass
class DenseFrames:
    """Batches by step number from frames with truth.

    A batch depends on seed and step alone, and processes share it in equal parts.

    Args:
        model: Prepares frames; its backbone makes the features to keep.
        frames: Samples with truth.
        truth: ``"labels"`` or ``"depth"``.
        size_px: Height and width that frames are scaled to; their own size if None, and then all
            frames must have one size. Padded to whole patches.
        augmentation: Random changes.
        keep: ``"frames"`` in memory, ``"features"`` in memory (only flips are augmented), or
            ``"nothing"``: each frame is read anew.
        seed: Of order and augmentation.

    Raises:
        ConfigError: No frames, or photometric augmentation of kept features.
    """

    model: DenseModel
    frames: LabelledFrames | Sequence[Sample]
    truth: Truth
    size_px: tuple[int, int] | None = None
    augmentation: Augmentation = field(default_factory=Augmentation)
    keep: Keep = "frames"
    seed: int = 0
    _items: dict[int, _Item] = field(default_factory=dict, repr=False)
    _features: dict[tuple[int, bool], list[Tensor]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if not len(self.frames):
            raise ConfigError("there is no frame to learn from. Name data that has some.")
        if self.keep not in ("frames", "features", "nothing"):
            raise ConfigError(f"keep must be 'frames', 'features' or 'nothing', got {self.keep!r}.")
        if self.keep == "features" and self.augmentation.photometric:
            raise ConfigError(
                "kept features cannot change with the grey levels. Set brightness, contrast, gamma "
                "and inversion to 0, or keep='frames'."
            )

    def load(self) -> None:
        """Decode every frame now, in order: rendered worlds are then built once each."""
        if self.keep == "nothing":
            return
        for index in range(len(self.frames)):
            self._item(index)

    def pixels_per_class(self, classes: int) -> list[int]:
        """Labelled pixels of each class over all frames."""
        counts = np.zeros(256, np.int64)
        for index in range(len(self.frames)):
            labels = self._item(index).labels
            if labels is not None:
                counts += np.bincount(labels.ravel(), minlength=256)
        return [int(n) for n in counts[:classes]]

    def batch(self, step: int, rank: int, world_size: int, *, batch_size: int) -> Batch:
        """This process's share of the batch of `step`.

        Returns:
            ``images`` (B, 3, H, W), or ``features_0`` ... and ``size_px``; and ``labels``
            (B, H, W) int64, or ``depth`` (B, 1, H, W) with ``valid``.

        Raises:
            ConfigError: Frames of different sizes without `size_px`.
            UnitError: A frame without the truth.
        """
        share = batch_size // world_size
        rows = [self._row(step, step * batch_size + rank * share + i) for i in range(share)]
        shapes = {tuple(row["truth_size"].tolist()) for row in rows}
        if len(shapes) > 1:
            raise ConfigError(
                f"frames of one batch differ in size: {sorted(shapes)}. State size_px."
            )
        stacked = {name: torch.stack([row[name] for row in rows]) for name in rows[0]}
        stacked.pop("truth_size")
        return stacked

    def _row(self, step: int, place: int) -> Batch:
        epoch, at = divmod(place, len(self.frames))
        order = np.random.default_rng([self.seed, 1, epoch]).permutation(len(self.frames))
        index = int(order[at])
        rng = np.random.default_rng([self.seed, 2, step, place])
        flipped = bool(rng.random() < self.augmentation.flip)
        item = self._item(index)
        row = _truth(item, flipped)
        row["truth_size"] = torch.tensor(item.grey.shape[1:])
        if self.keep == "features":
            grids = self._grids(index, item, flipped)
            return {**row, **{f"features_{i}": grid.float() for i, grid in enumerate(grids)}}
        grey = _mirrored(torch.from_numpy(item.grey.astype(np.float32)), flipped)
        if self.augmentation.photometric:
            grey = self.augmentation.applied(grey, rng)
        return {**row, "images": self._normalised(grey)}

    def _normalised(self, grey: Tensor) -> Tensor:
        spec = self.model.input_spec
        mean, std = (torch.tensor(values).view(-1, 1, 1) for values in (spec.mean, spec.std))
        return (grey - mean) / std

    def _grids(self, index: int, item: _Item, flipped: bool) -> list[Tensor]:
        if (index, flipped) not in self._features:
            grey = _mirrored(torch.from_numpy(item.grey.astype(np.float32)), flipped)
            device = next(self.model.parameters()).device
            images = self._normalised(grey)[None].to(device)
            grids = [g[0].half().cpu() for g in self.model.features(images)]
            self._features[index, flipped] = grids
        return self._features[index, flipped]

    def _item(self, index: int) -> _Item:
        if index in self._items:
            return self._items[index]
        item = self._prepared(self.frames[index])
        if self.keep != "nothing":
            self._items[index] = item
        return item

    def _prepared(self, sample: Sample) -> _Item:
        if self.truth not in sample:
            raise UnitError(
                f"sample {sample.get('name', '')!r} has no {self.truth}: nothing to learn from."
            )
        spec = self.model.input_spec
        prepared = network_input(thermal_frame(sample), spec, size_px=self.size_px, fit="pad")
        grey = prepared.images[0, :1] * spec.std[0] + spec.mean[0]
        kept = grey.clamp(0, 1).numpy().astype(np.float16)
        size, inner = kept.shape[1:], prepared.scaled_px
        if self.truth == "labels":
            return _Item(kept, labels=_scaled_labels(sample, inner, size))
        return _Item(kept, depth=_scaled_depth(sample, inner, size))


def warn_of_findings(frames: LabelledFrames) -> None:
    """A `ThermoscopeWarning` for each thing that the reader of the frames has to say."""
    for finding in getattr(frames.inner, "findings", ()):
        warnings.warn(finding, ThermoscopeWarning, stacklevel=3)


def _mirrored(planes: Tensor, flipped: bool) -> Tensor:
    return planes.flip(-1) if flipped else planes


def _truth(item: _Item, flipped: bool) -> Batch:
    if item.labels is not None:
        labels = torch.from_numpy(item.labels.astype(np.int64))
        return {"labels": _mirrored(labels, flipped)}
    depth = _mirrored(torch.from_numpy(np.asarray(item.depth)), flipped)
    return {"depth": depth, "valid": ~depth.isnan()}


def _scaled_labels(sample: Sample, inner: tuple[int, int], size: tuple[int, ...]) -> Any:
    """(H, W) uint8 at the scaled size, 255 where padded."""
    labels = np.asarray(sample["labels"])
    labels = labels.reshape(labels.shape[-2:]).astype(np.uint8)
    padded = np.full(size, IGNORE_INDEX, np.uint8)
    padded[: inner[0], : inner[1]] = _nearest(labels, inner)
    return padded


def _scaled_depth(sample: Sample, inner: tuple[int, int], size: tuple[int, ...]) -> Any:
    """(1, H, W) float32 at the scaled size, nan where not valid or padded; infinite is sky."""
    depth, valid = np.asarray(sample["depth"][0]), np.asarray(sample["valid"][0])
    known = valid & (depth > 0)  # nan compares as False
    padded = np.full(size, np.nan, np.float32)
    padded[: inner[0], : inner[1]] = _nearest(np.where(known, depth, np.nan), inner)
    return padded[None]


def _nearest(plane: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """Values of the nearest pixels: neither classes nor depths are ever mixed."""
    values = torch.from_numpy(plane.astype(np.float32))[None, None]
    scaled = functional.interpolate(values, size=size, mode="nearest-exact")
    return scaled[0, 0].numpy().astype(plane.dtype)
