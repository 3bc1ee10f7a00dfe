"""Training pairs of SARTM: colour, thermal and labels in memory, and random views of them.

A view depends on seed, step and place alone. Besides the usual changes one picture may be missing
(the network must answer from the other) or the colour one may be dark (night).
What is NOT here: losses (`thermoscope.recipes.sartm`).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from thermoscope.core.checks import check_in_range
from thermoscope.core.errors import ConfigError, UnitError
from thermoscope.core.sample import IGNORE_INDEX, Sample
from thermoscope.engine.labelled_frames import thermal_frame
from thermoscope.engine.loop import Batch
from thermoscope.models.prepare import Modality, network_input
from thermoscope.models.sartm import Sartm
from thermoscope.recipes.dense_frames import Augmentation

__all__ = [
    "BANDS",
    "KeptFeatures",
    "LabelledPair",
    "PairAugmentation",
    "PairFrames",
    "labelled_pair",
    "normalised",
    "random_view",
]

BANDS: tuple[Modality, Modality] = ("rgb", "thermal")
KeptFeatures = dict[tuple[str, bool, str], list[Tensor]]
"""What a frozen trunk says: by picture and trunk, whether it is mirrored, and band."""
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


@dataclass(frozen=True)
class LabelledPair:
    """One view in both bands, or in the thermal one alone.

    Attributes:
        rgb: (H, W, 3) uint8; None = there is none.
        thermal: (H, W) float16, tone-mapped to [0, 1].
        labels: (H, W) uint8 class ids, 255 = ignore.
    """

    rgb: NDArray[np.uint8] | None
    thermal: NDArray[np.float16]
    labels: NDArray[np.uint8]


@dataclass(frozen=True)
class PairAugmentation:
    """Random changes of a view.

    Attributes:
        flip: Share mirrored left to right.
        scale: Smallest and largest enlargement.
        rotation_deg: Views are turned by up to so much to either side: 180 for a camera that looks
            down.
        colour: Brightness, contrast and saturation of colour are changed by factors from 1 - this
            to 1 + this.
        colour_share: Share of colour pictures so changed.
        blur: Share of colour pictures that are blurred.
        dark: Share of colour pictures dimmed to night, with noise.
        thermal: Levels of the thermal picture; its `flip` is not used.
        rgb_missing: Share of pairs that are fused without colour.
        thermal_missing: Share that are fused without thermal.

    Raises:
        ConfigError: A number out of range.
    """

    flip: float = 0.5
    scale: tuple[float, float] = (0.75, 1.75)
    rotation_deg: float = 0.0
    colour: float = 0.4
    colour_share: float = 0.5
    blur: float = 0.1
    dark: float = 0.15
    thermal: Augmentation = field(default_factory=Augmentation)
    rgb_missing: float = 0.15
    thermal_missing: float = 0.15

    def __post_init__(self) -> None:
        for name in ("flip", "colour_share", "blur", "dark", "rgb_missing", "thermal_missing"):
            check_in_range(getattr(self, name), 0, 1, name=name)
        check_in_range(self.colour, 0, 0.9, name="colour")
        check_in_range(self.rotation_deg, 0, 180, name="rotation_deg")
        check_in_range(self.rgb_missing + self.thermal_missing, 0, 1, name="missing shares")
        if not 0 < self.scale[0] <= self.scale[1]:
            raise ConfigError(f"scale must rise and be positive, got {self.scale}.")

    @property
    def only_flips(self) -> bool:
        """Whether pictures are at most mirrored, so that features can be kept."""
        changes = (self.colour * self.colour_share, self.blur, self.dark, self.rotation_deg)
        return self.scale == (1.0, 1.0) and not any(changes) and not self.thermal.photometric


def labelled_pair(
    sample: Sample, model: Sartm, size_px: tuple[int, int] | None, *, colour: bool = True
) -> LabelledPair:
    """A sample as the network will see it.

    Args:
        sample: With a thermal plane, labels and, unless `colour` is off, rgb, registered.
        model: Its preprocessing is used.
        size_px: Height and width to scale to; the thermal frame's own if None.
        colour: Whether the colour picture is taken.

    Raises:
        UnitError: The sample has no colour picture or no labels.
    """
    lacking = [key for key in (("rgb", "labels") if colour else ("labels",)) if key not in sample]
    if lacking:
        raise UnitError(
            f"sample {sample.get('name', '')!r} has no {lacking[0]}: nothing to learn from. "
            "Scenes need colour; data without colour pictures inputs='thermal'."
        )
    frame = thermal_frame(sample)
    size = size_px or (frame.shape[0], frame.shape[1])
    thermal = _scaled(frame, model, "thermal", size)
    rgb = None
    if colour:
        planes = _scaled(np.asarray(sample["rgb"]), model, "rgb", size)
        rgb = np.rint(planes.transpose(1, 2, 0) * 255).astype(np.uint8)
    labels = np.asarray(sample["labels"])
    labels = labels.reshape(labels.shape[-2:]).astype(np.uint8)
    scaled = cv2.resize(labels, size[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
    return LabelledPair(rgb, thermal[0].astype(np.float16), scaled.astype(np.uint8))


def _scaled(
    frame: NDArray[Any], model: Sartm, modality: Modality, size: tuple[int, int]
) -> NDArray[np.float32]:
    """(3, *size) in [0, 1], through the network's own preprocessing."""
    spec = model.input_spec
    images = network_input(frame, spec, modality=modality, size_px=size, fit="pad").images[0]
    mean, std = (torch.tensor(values).view(-1, 1, 1) for values in (spec.mean, spec.std))
    planes = (images * std + mean).clamp(0, 1)[:, : size[0], : size[1]]
    return np.asarray(planes.numpy(), np.float32)


def normalised(planes: Tensor, model: Sartm) -> Tensor:
    """(..., 3, H, W) in [0, 1] as the network takes it."""
    spec = model.input_spec
    mean, std = (torch.tensor(values).view(-1, 1, 1) for values in (spec.mean, spec.std))
    return (planes - mean.to(planes)) / std.to(planes)


@dataclass
class PairFrames:
    """Batches by step number; processes share a batch in equal parts.

    Args:
        model: Prepares pictures; its trunk makes the features to keep.
        pairs: In memory.
        crop_px: Height and width of a view, multiples of the encoder's.
        augmentation: Random changes.
        keep_features: What the frozen trunk says is kept, for a step as cheap as the heads; only
            flips are augmented, and views are whole pictures. In memory: a pair of 240 x 320 px
            takes 1.4 MB with the small backbone, and as much again for its mirror image.
        seed: Of order and augmentation.
        kept: Where they are kept; several runs may share it, also with other pairs or trunks.

    Raises:
        ConfigError: No pair, a view that does not fit, or features to keep of changing pictures.
    """

    model: Sartm
    pairs: list[LabelledPair]
    crop_px: tuple[int, int]
    augmentation: PairAugmentation = field(default_factory=PairAugmentation)
    keep_features: bool = False
    seed: int = 0
    kept: KeptFeatures = field(default_factory=dict, repr=False)
    _marks: list[str] = field(default_factory=list, init=False, repr=False)

    def __post_init__(self) -> None:
        if not self.pairs:
            raise ConfigError("there is no pair to learn from. Name data that has some.")
        multiple = self.model.encoder.multiple_px
        if any(side < multiple or side % multiple for side in self.crop_px):
            raise ConfigError(
                f"crop_px must be multiples of {multiple}, as the encoder wants, got "
                f"{self.crop_px}."
            )
        if not self.keep_features:
            return
        if not self.augmentation.only_flips or len(self.model.encoder.updates):
            raise ConfigError(
                "features can be kept only of a trunk without LoRA and of pictures that are at "
                "most mirrored: scale (1, 1), and no change of levels, blur or darkness."
            )
        if any(pair.labels.shape != self.crop_px for pair in self.pairs):
            raise ConfigError(f"kept features are of whole pictures: all must be {self.crop_px}.")
        trunk = _trunk_mark(self.model)
        self._marks = [_mark(trunk, pair) for pair in self.pairs]

    def batch(self, step: int, rank: int, world_size: int, *, batch_size: int) -> Batch:
        """This process's share of the batch of `step`.

        Returns:
            ``rgb`` (where pairs have it) and ``thermal`` (B, 3, H, W); ``labels`` (B, H, W) int64;
            ``rgb_seen`` and ``thermal_seen`` (B,) bool; and with kept features ``rgb_0`` ...
            ``thermal_2``.
        """
        share = batch_size // world_size
        rows = [self._row(step, step * batch_size + rank * share + i) for i in range(share)]
        return {name: torch.stack([row[name] for row in rows]) for name in rows[0]}

    def _row(self, step: int, place: int) -> Batch:
        epoch, at = divmod(place, len(self.pairs))
        order = np.random.default_rng([self.seed, 1, epoch]).permutation(len(self.pairs))
        index = int(order[at])
        rng = np.random.default_rng([self.seed, 2, step, place])
        flipped = bool(rng.random() < self.augmentation.flip)
        view = random_view(self.pairs[index], self.crop_px, self.augmentation, rng, flipped)
        pictures: Batch = {n: normalised(view[n], self.model) for n in BANDS if n in view}
        draw = rng.random()
        missing = self.augmentation
        row: Batch = {
            **pictures,
            "labels": view["labels"].long(),
            "rgb_seen": torch.tensor(draw >= missing.rgb_missing),
            "thermal_seen": torch.tensor(draw < 1 - missing.thermal_missing),
        }
        return {**row, **self._kept(index, pictures, flipped)} if self.keep_features else row

    def _kept(self, index: int, pictures: Batch, flipped: bool) -> Batch:
        """What the trunk says, made once for each picture and its mirror image."""
        row: Batch = {}
        device = next(self.model.parameters()).device
        for name in (band for band in BANDS if band in pictures):
            key = (self._marks[index], flipped, name)
            if key not in self.kept:
                found = self.model.encoder.tokens(pictures[name][None].to(device), name)
                self.kept[key] = [level[0].half().cpu() for level in found]
            row.update({f"{name}_{i}": x.float() for i, x in enumerate(self.kept[key])})
        return row

    def pixels_per_class(self, classes: int) -> list[int]:
        """Labelled pixels of each class over all pairs."""
        counts = sum(np.bincount(p.labels.ravel(), minlength=256) for p in self.pairs)
        return [int(n) for n in np.asarray(counts)[:classes]]


def _trunk_mark(model: Sartm) -> bytes:
    """Names the trunk, what is taken of it, and what it is shown.

    By its weights' hash, which a random one has not yet.
    """
    spec = model.input_spec
    taken = repr((getattr(model.encoder, "layers", ()), spec.mean, spec.std))
    found = hashlib.sha256(taken.encode())
    if model.encoder.trunk_sha256:
        found.update(model.encoder.trunk_sha256.encode())
        return found.digest()
    for value in model.encoder.trunk.state_dict().values():
        found.update(value.cpu().contiguous().numpy().tobytes())
    return found.digest()


def _mark(trunk: bytes, pair: LabelledPair) -> str:
    """Names what the trunk says of a pair."""
    found = hashlib.sha256(trunk)
    for picture in (pair.rgb, pair.thermal):
        found.update(b"-" if picture is None else np.ascontiguousarray(picture).tobytes())
    return found.hexdigest()


def random_view(
    pair: LabelledPair,
    size_px: tuple[int, int],
    augmentation: PairAugmentation,
    rng: np.random.Generator,
    flipped: bool,
) -> Batch:
    """A window of the pair, scaled and changed.

    Returns:
        ``thermal`` and, if there is one, ``rgb`` (3, H, W) in [0, 1]; ``labels`` (H, W) uint8;
        beyond the picture black and 255.
    """
    window = _window(pair.labels.shape, size_px, augmentation, rng, flipped)
    thermal = _warped(pair.thermal.astype(np.float32), window, size_px, cv2.INTER_LINEAR, 0)
    labels = _warped(pair.labels, window, size_px, cv2.INTER_NEAREST, IGNORE_INDEX)
    grey = torch.from_numpy(thermal)[None]
    if augmentation.thermal.photometric:
        grey = augmentation.thermal.applied(grey, rng)
    view = {"thermal": grey.expand(3, -1, -1), "labels": torch.from_numpy(labels)}
    if pair.rgb is not None:
        rgb = _warped(pair.rgb, window, size_px, cv2.INTER_LINEAR, 0)
        colour = torch.from_numpy(rgb).permute(2, 0, 1).float() / 255
        view["rgb"] = _recoloured(colour, augmentation, rng)
    return view


def _window(
    shape: tuple[int, ...],
    size: tuple[int, int],
    augmentation: PairAugmentation,
    rng: np.random.Generator,
    flipped: bool,
) -> NDArray[np.float64]:
    """(2, 3) from pixels of the view to pixels of the picture."""
    factor = float(np.exp(rng.uniform(*np.log(augmentation.scale))))
    spans = [n / factor for n in size]
    top, left = (
        rng.uniform(min(0, n - s), max(0, n - s)) for n, s in zip(shape, spans, strict=True)
    )
    matrix = np.array([[1 / factor, 0, left], [0, 1 / factor, top]])
    matrix[:, 2] += 0.5 / factor - 0.5  # pixel centres
    if flipped:
        matrix[0, 2] += matrix[0, 0] * (size[1] - 1)
        matrix[0, 0] *= -1
    return _turned(matrix, size, rng, augmentation.rotation_deg)


def _turned(
    matrix: NDArray[np.float64],
    size: tuple[int, int],
    rng: np.random.Generator,
    reach_deg: float,
) -> NDArray[np.float64]:
    """`matrix` after turning the view about its centre; draws nothing where it may not turn."""
    if not reach_deg:
        return matrix
    middle = ((size[1] - 1) / 2, (size[0] - 1) / 2)
    turn = cv2.getRotationMatrix2D(middle, rng.uniform(-reach_deg, reach_deg), 1.0)
    return np.asarray(matrix @ np.vstack([turn, [0, 0, 1]]))


def _warped(
    plane: NDArray[Any], window: NDArray[np.float64], size: tuple[int, int], how: int, beyond: int
) -> NDArray[Any]:
    return cv2.warpAffine(
        plane,
        window,
        size[::-1],
        flags=how | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(beyond,) * 4,
    )


def _recoloured(rgb: Tensor, changes: PairAugmentation, rng: np.random.Generator) -> Tensor:
    """(3, H, W) with changed light."""
    if rng.random() < changes.colour_share and changes.colour:
        low, high = 1 - changes.colour, 1 + changes.colour
        brightness, contrast, saturation = rng.uniform(low, high, 3).tolist()
        rgb = rgb * brightness
        mean = rgb.mean()
        rgb = mean + contrast * (rgb - mean)
        grey = (rgb * torch.tensor(LUMA).view(3, 1, 1)).sum(dim=0, keepdim=True)
        rgb = (grey + saturation * (rgb - grey)).clamp(0, 1)
    if rng.random() < changes.blur:
        rgb = functional.avg_pool2d(rgb[None], 3, stride=1, padding=1, count_include_pad=False)[0]
    if rng.random() < changes.dark:
        noise = torch.from_numpy(rng.normal(0, 0.02, tuple(rgb.shape)).astype(np.float32))
        rgb = (rgb * float(rng.uniform(0.03, 0.4)) + noise).clamp(0, 1)
    return rgb
