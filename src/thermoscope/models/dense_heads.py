"""Segmentation and depth on the frozen AnyThermal backbone: heads, and models that use them.

The backbone is not part of a head's weights: a file of a few megabytes holds the head, its card
names the backbone it was trained on, and `build_segmentation` and `build_depth` put both together.
What is NOT here: the decoder of the larger heads (`thermoscope.layers.dpt`), training
(`thermoscope.recipes.segmentation`, `thermoscope.recipes.depth`).

Differs from AnyThermal's own heads in: intermediate layers pass the backbone's final norm; depth
may be metric (bounded, even in the logarithm), where theirs is relative only.

Source: Maheshwari et al., AnyThermal, arXiv 2602.06203.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from thermoscope.core.checks import check_in_range, check_positive
from thermoscope.core.errors import ConfigError, ShapeError, UnitError, WeightsMismatchError
from thermoscope.core.weights import InputSpec, WeightsCard
from thermoscope.io.thermal_image import ThermalImage
from thermoscope.layers.dpt import DPT, LIGHT_WIDTHS
from thermoscope.models.anythermal import AnyThermal
from thermoscope.models.prepare import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    Modality,
    Prepared,
    network_input,
    plane_of,
)

__all__ = [
    "DenseModel",
    "DepthHead",
    "DepthMap",
    "HeadKind",
    "Segmentation",
    "SegmentationHead",
    "ThermalDepth",
    "ThermalSegmenter",
    "build_depth",
    "build_segmentation",
    "four_layers",
    "named_backbone",
]

HeadKind = Literal["linear", "conv", "dpt"]
LONGEST_PX = 644  # 46 patches; a larger frame is scaled down, attention grows with its square
LIGHT_FUSION = 64


def four_layers(blocks: int) -> tuple[int, int, int, int]:
    """The last block of each quarter of a backbone: 2, 5, 8, 11 of twelve.

    Raises:
        ConfigError: Fewer than four blocks.
    """
    if blocks < 4:
        raise ConfigError(f"four layers need a backbone of at least 4 blocks, got {blocks}.")
    first, second, third, last = (blocks * quarter // 4 - 1 for quarter in (1, 2, 3, 4))
    return first, second, third, last


# -- heads ----------------------------------------------------------------------------------------


class SegmentationHead(nn.Module):
    """Token grids to a score for each class and pixel.

    Args:
        kind: ``"linear"``: one 1x1 convolution of the last grid; ``"conv"``: AnyThermal's, 3x3
            to 64 channels, ReLU, dropout, 1x1; ``"dpt"``: the decoder on four layers.
        width: Channels of a grid.
        classes: Number of classes.
        hidden: Channels before the last convolution (``"conv"``, ``"dpt"``).
        widths: Of the decoder (``"dpt"``).
        dropout: Share of channels dropped while training (``"conv"``, ``"dpt"``).

    Raises:
        ConfigError: Unknown `kind`, or a number out of range.
    """

    def __init__(
        self,
        kind: HeadKind,
        width: int,
        classes: int,
        *,
        hidden: int = 64,
        widths: Sequence[int] = LIGHT_WIDTHS,
        dropout: float = 0.05,
    ) -> None:
        super().__init__()
        check_positive(classes, name="classes")
        check_positive(hidden, name="hidden")
        check_in_range(dropout, 0, 1, name="dropout")
        if kind not in ("linear", "conv", "dpt"):
            raise ConfigError(f"a head is 'linear', 'conv' or 'dpt', got {kind!r}.")
        self.kind: HeadKind = kind
        self.grids = 4 if kind == "dpt" else 1
        self.decoder = DPT(width, widths=widths, fusion=hidden) if kind == "dpt" else None
        if kind == "linear":
            self.classify: nn.Module = nn.Conv2d(width, classes, 1)
            return
        self.classify = nn.Sequential(
            nn.Conv2d(hidden if kind == "dpt" else width, hidden, 3, padding=1),
            nn.ReLU(),
            nn.Dropout2d(dropout),
            nn.Conv2d(hidden, classes, 1),
        )

    def forward(self, grids: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
        """(B, K, *size) logits.

        Args:
            grids: One or four (`grids`) of (B, width, h, w), shallow to deep.
            size: Height and width of the network's input.
        """
        features = grids[-1] if self.decoder is None else self.decoder(grids)
        return functional.interpolate(
            self.classify(features), size=size, mode="bilinear", align_corners=False
        )


class DepthHead(nn.Module):
    """Token grids to depth: the decoder, and a small network at full resolution.

    Args:
        width: Channels of a grid.
        widths: Of the decoder.
        fusion: Channels of the decoder's map, at least 2.
        metric: True: metres between the two limits, a sigmoid in the logarithm. False: relative,
            0 or more, without a unit: scale and shift of a frame are unknown.
        min_depth_m: > 0; for metric output.
        max_depth_m: > `min_depth_m`; for metric output.

    Raises:
        ConfigError: A number out of range.
    """

    grids = 4

    def __init__(
        self,
        width: int,
        *,
        widths: Sequence[int] = LIGHT_WIDTHS,
        fusion: int = LIGHT_FUSION,
        metric: bool = True,
        min_depth_m: float = 0.5,
        max_depth_m: float = 200.0,
    ) -> None:
        super().__init__()
        check_positive(min_depth_m, name="min_depth_m")
        if not max_depth_m > min_depth_m or fusion < 2:
            raise ConfigError(
                "a depth head needs max_depth_m above min_depth_m and a fusion width of at least "
                f"2, got {max_depth_m:g}, {min_depth_m:g} and {fusion}."
            )
        self.metric, self.low_m = metric, min_depth_m
        self.octaves = math.log(max_depth_m / min_depth_m)
        self.decoder = DPT(width, widths=widths, fusion=fusion)
        self.narrow = nn.Conv2d(fusion, fusion // 2, 3, padding=1)
        self.refine = nn.Conv2d(fusion // 2, min(32, fusion // 2), 3, padding=1)
        self.measure = nn.Conv2d(min(32, fusion // 2), 1, 1)
        if not metric:  # a last ReLU that starts below 0 everywhere would never learn
            nn.init.ones_(self.measure.bias)  # type: ignore[arg-type]

    def forward(self, grids: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
        """(B, 1, *size) depth: m, or relative and 0 or more.

        Args:
            grids: Four of (B, width, h, w), shallow to deep.
            size: Height and width of the network's input.
        """
        coarse = self.narrow(self.decoder(grids))
        fine = functional.interpolate(coarse, size=size, mode="bilinear", align_corners=False)
        raw = self.measure(functional.relu(self.refine(fine))).float()
        if not self.metric:
            return functional.relu(raw)
        return self.low_m * torch.exp(self.octaves * torch.sigmoid(raw))


# -- models ---------------------------------------------------------------------------------------


class DenseModel(nn.Module):
    """A head on a frozen backbone. The state of the model is that of its head.

    The backbone stays in eval mode and without gradient whatever is asked of the model; it moves
    with the model from device to device, and is in neither `parameters` nor `state_dict`.

    Args:
        backbone: Is frozen here.
        head: Takes ``grids`` (its attribute) layers of it.
        layers: Blocks to take, shallow to deep; None = the last of each quarter, or the last.
        longest_px: A frame with a longer side is scaled down to this for the network, unless
            another length is asked for: the length that the head was trained at.

    Attributes:
        card: Where the head's weights came from, None for a fresh head.
        runner: Answers `predict` in place of the layers here; None = the layers do.

    Raises:
        ConfigError: A number of layers that the head does not take.
    """

    def __init__(
        self,
        backbone: AnyThermal,
        head: SegmentationHead | DepthHead,
        *,
        layers: Sequence[int] | None = None,
        longest_px: int = LONGEST_PX,
    ) -> None:
        super().__init__()
        check_positive(longest_px, name="longest_px")
        self.longest_px = longest_px
        taken = four_layers(backbone.layers) if head.grids == 4 else (backbone.layers - 1,)
        self.layers = taken if layers is None else tuple(layers)
        if len(self.layers) != head.grids:
            raise ConfigError(f"this head takes {head.grids} layers, got {list(self.layers)}.")
        self.head = head
        self.card: WeightsCard | None = None
        self.runner: Callable[[Tensor], Tensor] | None = None
        self._frozen = (backbone.eval().requires_grad_(requires_grad=False),)

    @property
    def backbone(self) -> AnyThermal:
        """The frozen backbone."""
        return self._frozen[0]

    @property
    def input_spec(self) -> InputSpec:
        """Preprocessing: the head's card, else the backbone's, else percentile tone mapping."""
        for card in (self.card, self.backbone.card):
            if card is not None:
                return card.input_spec
        tone = {"method": "percentile", "low_percent": 1.0, "high_percent": 99.0}
        return InputSpec("counts", tone, IMAGENET_MEAN, IMAGENET_STD, self.backbone.patch_px)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> DenseModel:
        self.backbone._apply(fn, recurse)  # type: ignore[no-untyped-call]
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return self

    def features(self, images: Tensor) -> list[Tensor]:
        """What the head takes: (B, C, H / 14, W / 14) of each layer, without gradient."""
        with torch.no_grad():
            return [f.grid for f in self.backbone.intermediate(images, self.layers)]

    def forward(self, images: Tensor) -> Tensor:
        """(B, K or 1, H, W) output of the head for (B, 3, H, W) prepared images."""
        size = (images.shape[2], images.shape[3])
        found: Tensor = self.head(self.features(images), size)
        return found

    def prepare(
        self,
        image: ThermalImage | NDArray[Any],
        *,
        modality: Modality = "thermal",
        longest_px: int | None = None,
    ) -> Prepared:
        """Network input of a frame, scaled down to `longest_px`, padded to whole patches.

        Raises:
            ShapeError: Not a frame, or a side shorter than one patch (after scaling).
            UnitError: Not one pixel has a value.
            ConfigError: `longest_px` is not positive.
        """
        values = plane_of(image)
        size = values.shape[-2:] if modality == "rgb" and values.shape[0] == 3 else values.shape[:2]
        if values.dtype.kind == "f" and values.size and not np.isfinite(values).any():
            raise UnitError("the frame has no pixel with a value: nothing can be seen in it.")
        patch = self.backbone.patch_px
        height, width = (*size, 0, 0)[:2]
        longest = self.longest_px if longest_px is None else longest_px
        check_positive(longest, name="longest_px")
        factor = min(1.0, longest / max(height, width, 1))
        scaled = (round(height * factor), round(width * factor))
        if min(scaled) < patch:
            raise ShapeError(
                f"a frame of {height} x {width} px has a side of less than one patch of "
                f"{patch} px" + (f" at {longest} px" if factor < 1 else "") + ". "
                "Give a larger or less narrow frame.",
                actual_shape=tuple(values.shape),
            )
        return network_input(image, self.input_spec, modality=modality, size_px=scaled, fit="pad")

    def _answer(
        self, image: ThermalImage | NDArray[Any], modality: Modality, longest_px: int | None
    ) -> tuple[Prepared, Tensor]:
        """What the network saw, and (1, K or 1, h, w) output of the head."""
        prepared = self.prepare(image, modality=modality, longest_px=longest_px)
        device = next(self.head.parameters()).device
        was_training = self.training
        self.eval()
        try:
            with torch.inference_mode():
                answer: Tensor = (self.runner or self)(prepared.images.to(device))
                return prepared, answer.float().cpu()
        finally:
            self.train(was_training)


@dataclass(frozen=True)
class Segmentation:
    """Classes of a frame.

    Attributes:
        labels: (H, W) uint8 class ids.
        confidence: (H, W) float32 probability of that class, as the network puts it.
        classes: Names; the index is the id.
    """

    labels: NDArray[np.uint8]
    confidence: NDArray[np.float32]
    classes: tuple[str, ...]


@dataclass(frozen=True)
class DepthMap:
    """Depth of a frame.

    Attributes:
        depth: (H, W) float32 along the optical axis; m, or without a unit.
        metric: True = metres. False = relative: larger is farther, scale and shift are unknown.
    """

    depth: NDArray[np.float32]
    metric: bool


class ThermalSegmenter(DenseModel):
    """A class for each pixel of a thermal frame.

    Args:
        backbone: Is frozen here.
        head: As many classes as `classes`.
        classes: Names; the index is the id.
        layers: See `DenseModel`, as `longest_px`.
        longest_px: px.

    Raises:
        ConfigError: A number of layers that the head does not take, or no class.
    """

    def __init__(
        self,
        backbone: AnyThermal,
        head: SegmentationHead,
        classes: Sequence[str],
        *,
        layers: Sequence[int] | None = None,
        longest_px: int = LONGEST_PX,
    ) -> None:
        super().__init__(backbone, head, layers=layers, longest_px=longest_px)
        if not classes:
            raise ConfigError("a segmentation model needs the names of its classes.")
        self.classes = tuple(classes)

    def predict(
        self,
        image: ThermalImage | NDArray[Any],
        *,
        modality: Modality = "thermal",
        longest_px: int | None = None,
    ) -> Segmentation:
        """Classes at the resolution of the frame.

        Args:
            image: A frame as `network_input` takes it.
            modality: What it is.
            longest_px: A frame with a longer side is scaled down to this for the network; None =
                the model's own.

        Raises:
            ShapeError: Not a frame, or a side shorter than one patch.
            UnitError: Not one pixel has a value, or an element type that is no frame's.
        """
        prepared, logits = self._answer(image, modality, longest_px)
        return Segmentation(*prepared.choose(logits), self.classes)


class ThermalDepth(DenseModel):
    """Depth of each pixel of one thermal frame.

    Args:
        backbone: Is frozen here.
        head: Metric or relative.
        layers: See `DenseModel`, as `longest_px`.
        longest_px: px.

    Raises:
        ConfigError: A number of layers that the head does not take.
    """

    head: DepthHead

    @property
    def metric(self) -> bool:
        """Whether depth is in metres."""
        return self.head.metric

    def predict(
        self,
        image: ThermalImage | NDArray[Any],
        *,
        modality: Modality = "thermal",
        longest_px: int | None = None,
    ) -> DepthMap:
        """Depth at the resolution of the frame.

        Args:
            image: A frame as `network_input` takes it.
            modality: What it is.
            longest_px: A frame with a longer side is scaled down to this for the network; None =
                the model's own.

        Raises:
            ShapeError: Not a frame, or a side shorter than one patch.
            UnitError: Not one pixel has a value, or an element type that is no frame's.
        """
        prepared, depth = self._answer(image, modality, longest_px)
        return DepthMap(prepared.restore(depth)[0, 0].numpy(), self.metric)


# -- builders: the entries of `thermoscope.models.load` -------------------------------------------


def named_backbone(name: str, *, source: str | None = None, sha256: str = "") -> AnyThermal:
    """The backbone under a head.

    Args:
        name: As in `load_model`; or a DINOv2 of `load_teacher`, which is what to compare with; or
            ``"tiny"``, a random network for tests.
        source: See `load_model`.
        sha256: Of the weights that the head was trained on; not checked if empty.

    Raises:
        UnknownNameError: No such model.
        ConfigError: The model is no backbone, or `source` is missing.
        MissingDependencyError: A teacher whose package is not installed.
        WeightsMismatchError: The weights at hand are not those that the head was trained on.
    """
    if name == "tiny":
        return AnyThermal.tiny(seed=0)
    from thermoscope.models.load import load_model
    from thermoscope.models.teachers import list_teachers, load_teacher

    teacher = name in list_teachers()
    backbone = load_teacher(name).network if teacher else load_model(name, source=source)
    if not isinstance(backbone, AnyThermal):
        raise ConfigError(f"{name!r} is a {type(backbone).__name__}, a head needs a backbone.")
    actual = backbone.card.sha256 if backbone.card else ""
    if sha256 and actual != sha256:
        raise WeightsMismatchError(
            f"this head was trained on {name!r} with SHA-256 {sha256[:12]}..., the one at hand has "
            f"{actual[:12] or 'none'}.... Take both from one version, or train the head again."
        )
    return backbone


def build_segmentation(
    *,
    classes: Sequence[str],
    backbone: str = "anythermal_small",
    backbone_sha256: str = "",
    source: str | None = None,
    kind: HeadKind = "dpt",
    layers: Sequence[int] | None = None,
    longest_px: int = LONGEST_PX,
    hidden: int = 64,
    widths: Sequence[int] = LIGHT_WIDTHS,
    dropout: float = 0.05,
) -> ThermalSegmenter:
    """A segmentation model with a fresh head.

    Args:
        classes: Names; the index is the id.
        backbone: See `named_backbone`, as `backbone_sha256` and `source`.
        backbone_sha256: See `named_backbone`.
        source: See `named_backbone`.
        kind: See `SegmentationHead`, as all below but `layers` and `longest_px`.
        layers: See `DenseModel`.
        longest_px: See `DenseModel`.
        hidden: Channels.
        widths: Of the decoder.
        dropout: Share of channels.

    Raises:
        UnknownNameError: No such backbone.
        ConfigError: A setting out of range.
        WeightsMismatchError: Another backbone than the one named.
    """
    below = named_backbone(backbone, source=source, sha256=backbone_sha256)
    head = SegmentationHead(
        kind, below.width, len(classes), hidden=hidden, widths=widths, dropout=dropout
    )
    return ThermalSegmenter(below, head, classes, layers=layers, longest_px=longest_px)


def build_depth(
    *,
    backbone: str = "anythermal_small",
    backbone_sha256: str = "",
    source: str | None = None,
    layers: Sequence[int] | None = None,
    longest_px: int = LONGEST_PX,
    widths: Sequence[int] = LIGHT_WIDTHS,
    fusion: int = LIGHT_FUSION,
    metric: bool = True,
    min_depth_m: float = 0.5,
    max_depth_m: float = 200.0,
) -> ThermalDepth:
    """A depth model with a fresh head.

    Args:
        backbone: See `named_backbone`, as `backbone_sha256` and `source`.
        backbone_sha256: See `named_backbone`.
        source: See `named_backbone`.
        layers: See `DenseModel`.
        longest_px: See `DenseModel`.
        widths: See `DepthHead`, as all below.
        fusion: Channels.
        metric: Metres, or relative.
        min_depth_m: m.
        max_depth_m: m.

    Raises:
        UnknownNameError: No such backbone.
        ConfigError: A setting out of range.
        WeightsMismatchError: Another backbone than the one named.
    """
    below = named_backbone(backbone, source=source, sha256=backbone_sha256)
    head = DepthHead(
        below.width,
        widths=widths,
        fusion=fusion,
        metric=metric,
        min_depth_m=min_depth_m,
        max_depth_m=max_depth_m,
    )
    return ThermalDepth(below, head, layers=layers, longest_px=longest_px)
