"""What of each network family becomes a graph: inputs, outputs, size, facts, an example.

A plan turns a network into a module of tensors in, tensors out, at one size with a free batch.
Everything that depends on the size alone (position embeddings of a transformer) becomes a constant.
What is NOT here: writing graphs (`thermoscope.engine.export`) and checking them
(`thermoscope.engine.export_check`).
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from thermoscope.core.checks import check_positive
from thermoscope.core.errors import ConfigError, ShapeError
from thermoscope.core.version import VERSION
from thermoscope.models.anythermal import AnyThermal, Features
from thermoscope.models.dense_heads import ThermalDepth, ThermalSegmenter
from thermoscope.models.place import PlaceRecognizer
from thermoscope.models.thermostereort import ThermoStereoRT

__all__ = ["PLANS", "ExportPlan", "check_size", "plan_for"]

BACKBONE_PX = 224  # side that DINOv2 is usually fed with
EXAMPLE_SHIFT_PX = 8
EXAMPLE_COUNTS, EXAMPLE_SPREAD = 8000.0, 300.0  # what an uncooled camera shows of a street


@dataclass(frozen=True)
class ExportPlan:
    """How one network becomes a graph.

    Attributes:
        graph: Takes and returns tensors only, in eval mode.
        inputs: Names of the inputs in order.
        outputs: Names of the outputs in order.
        channels: Of each input.
        size_px: Height and width.
        facts: What a user of the file must know, text by text; goes into the file.
        example: Batch size and seed to one array for each input, (B, channels, H, W) float32.
    """

    graph: nn.Module
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    channels: int
    size_px: tuple[int, int]
    facts: dict[str, str]
    example: Callable[[int, int], list[NDArray[np.float32]]]


@dataclass(frozen=True)
class _Family:
    """What all networks of a class share."""

    text: str
    multiple_px: Callable[[Any], int]
    default_px: Callable[[Any], tuple[int, int]]
    plan: Callable[[Any, tuple[int, int]], ExportPlan]


def plan_for(network: nn.Module, size_px: tuple[int, int] | None = None) -> ExportPlan:
    """How `network` is exported at this size.

    Args:
        network: As `load_model` gives it.
        size_px: Height and width; the family's default if None.

    Raises:
        ConfigError: A network that has no plan.
        ShapeError: A size that the network does not take; the message names the nearest that fits.
    """
    for kind, family in PLANS.items():
        if isinstance(network, kind):
            wanted = size_px or family.default_px(network)
            check_size(wanted, family.multiple_px(network))
            return family.plan(network.eval(), wanted)
    known = ", ".join(f"{kind.__name__} ({family.text})" for kind, family in PLANS.items())
    raise ConfigError(f"{type(network).__name__} cannot be exported. These can: {known}.")


def check_size(size_px: Sequence[int], multiple_px: int) -> None:
    """Both sides must be positive multiples.

    Args:
        size_px: Height and width.
        multiple_px: Of what.

    Raises:
        ConfigError: A side that is not positive.
        ShapeError: Other sides; the message names the nearest size that fits.
    """
    for side, name in zip(size_px, ("height", "width"), strict=True):
        check_positive(side, name=name)
    height, width = size_px
    if height % multiple_px or width % multiple_px:
        near = [max(1, round(side / multiple_px)) * multiple_px for side in (width, height)]
        raise ShapeError(
            f"size {width}x{height} does not fit: both sides must be multiples of {multiple_px} "
            f"px. The nearest that fits is {near[0]}x{near[1]}.",
            actual_shape=(height, width),
        )


# -- graphs ---------------------------------------------------------------------------------------


class FixedBackbone(nn.Module):
    """An `AnyThermal` at one size: its position embeddings are a constant of that size.

    Args:
        backbone: Is copied.
        size_px: Height and width, multiples of 14.
        layers: Blocks whose features come out, each through the final norm.
    """

    positions: Tensor
    first: Tensor

    def __init__(
        self, backbone: AnyThermal, size_px: tuple[int, int], layers: Sequence[int]
    ) -> None:
        super().__init__()
        inner = copy.deepcopy(backbone).eval().backbone
        self.rows = tuple(side // backbone.patch_px for side in size_px)
        self.layers = tuple(layer % backbone.layers for layer in layers)
        tokens = torch.zeros(1, self.rows[0] * self.rows[1] + 1, backbone.width)
        embeddings = inner.embeddings
        with torch.no_grad():
            positions = embeddings.interpolate_pos_encoding(tokens, *size_px)
        self.patches: nn.Module = embeddings.patch_embeddings
        self.norm: nn.Module = inner.layernorm
        self.blocks = nn.ModuleList(list(inner.encoder.layer)[: max(self.layers) + 1])
        self.register_buffer("positions", positions[:, 1:].detach().clone())
        self.register_buffer("first", (embeddings.cls_token + positions[:, :1]).detach().clone())

    def forward(self, images: Tensor) -> list[Features]:
        """Features of each layer for (B, 3, H, W)."""
        patches = self.patches(images) + self.positions
        tokens = torch.cat([self.first.expand(patches.shape[0], -1, -1), patches], dim=1)
        found: dict[int, Features] = {}
        for index, block in enumerate(self.blocks):
            tokens = block(tokens)
            if index in self.layers:
                normed = self.norm(tokens)
                grid = normed[:, 1:].transpose(1, 2).unflatten(2, self.rows)
                found[index] = Features(cls=normed[:, 0], grid=grid)
        return [found[layer] for layer in self.layers]


class _BackboneGraph(nn.Module):
    def __init__(self, network: AnyThermal, size_px: tuple[int, int]) -> None:
        super().__init__()
        self.backbone = FixedBackbone(network, size_px, (network.layers - 1,))

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        (last,) = self.backbone(image)
        return last.cls, last.grid


class _DenseGraph(nn.Module):
    def __init__(self, network: ThermalDepth | ThermalSegmenter, size_px: tuple[int, int]) -> None:
        super().__init__()
        self.backbone = FixedBackbone(network.backbone, size_px, network.layers)
        self.head, self.size_px = network.head, size_px

    def forward(self, image: Tensor) -> Tensor:
        answer: Tensor = self.head([f.grid for f in self.backbone(image)], self.size_px)
        return answer


class _PlaceGraph(nn.Module):
    def __init__(self, network: PlaceRecognizer, size_px: tuple[int, int]) -> None:
        super().__init__()
        self.backbone = FixedBackbone(network.backbone, size_px, (network.layer,))
        self.pooling = network.pooling

    def forward(self, image: Tensor) -> Tensor:
        (last,) = self.backbone(image)
        descriptor: Tensor = self.pooling(last.cls, last.grid)
        return descriptor


# -- examples -------------------------------------------------------------------------------------


def _stereo_example(size_px: tuple[int, int]) -> Callable[[int, int], list[NDArray[np.float32]]]:
    def example(batch: int, seed: int) -> list[NDArray[np.float32]]:
        rng = np.random.default_rng(seed)
        left = EXAMPLE_COUNTS + EXAMPLE_SPREAD * rng.standard_normal((batch, 1, *size_px))
        right = np.roll(left, -EXAMPLE_SHIFT_PX, axis=3)
        return [np.ascontiguousarray(v, dtype=np.float32) for v in (left, right)]

    return example


def _image_example(size_px: tuple[int, int]) -> Callable[[int, int], list[NDArray[np.float32]]]:
    def example(batch: int, seed: int) -> list[NDArray[np.float32]]:
        rng = np.random.default_rng(seed)
        return [rng.standard_normal((batch, 3, *size_px)).astype(np.float32)]

    return example


# -- plans ----------------------------------------------------------------------------------------


def _facts(network: Any, size_px: tuple[int, int], **more: object) -> dict[str, str]:
    card = network.card
    spec = network.input_spec if hasattr(network, "input_spec") else card and card.input_spec
    facts = {
        "model": card.name if card else type(network).__name__,
        "weights_sha256": card.sha256 if card else "",
        "licence": card.licence if card else "",
        "input_spec": json.dumps(asdict(spec), sort_keys=True) if spec else "",
        "size": f"{size_px[1]}x{size_px[0]}",
        "thermoscope_version": VERSION,
    }
    return facts | {name: str(value) for name, value in more.items()}


def _stereo_plan(network: ThermoStereoRT, size_px: tuple[int, int]) -> ExportPlan:
    facts = _facts(
        network,
        size_px,
        min_disparity_px=network.min_disparity_px,
        max_disparity_px=network.max_disparity_px,
        output_units=json.dumps({"disparity": "px", "confidence": "0 to 1"}),
    )
    names = ("left", "right"), ("disparity", "confidence")
    return ExportPlan(network, *names, 1, size_px, facts, _stereo_example(size_px))


def _image_plan(
    network: Any, graph: nn.Module, size_px: tuple[int, int], units: dict[str, str]
) -> ExportPlan:
    facts = _facts(network, size_px, output_units=json.dumps(units))
    example = _image_example(size_px)
    return ExportPlan(graph.eval(), ("image",), tuple(units), 3, size_px, facts, example)


def _backbone_plan(network: AnyThermal, size_px: tuple[int, int]) -> ExportPlan:
    units = {"cls": "token, not normalised", "grid": "tokens, not normalised"}
    return _image_plan(network, _BackboneGraph(network, size_px), size_px, units)


def _depth_plan(network: ThermalDepth, size_px: tuple[int, int]) -> ExportPlan:
    units = {"depth": "m" if network.metric else "relative"}
    return _image_plan(network, _DenseGraph(network, size_px), size_px, units)


def _segmentation_plan(network: ThermalSegmenter, size_px: tuple[int, int]) -> ExportPlan:
    plan = _image_plan(
        network, _DenseGraph(network, size_px), size_px, {"logits": "softmax over axis 1"}
    )
    plan.facts["classes"] = json.dumps(list(network.classes))
    return plan


def _place_plan(network: PlaceRecognizer, size_px: tuple[int, int]) -> ExportPlan:
    units = {"descriptor": "unit length"}
    return _image_plan(network, _PlaceGraph(network, size_px), size_px, units)


def _patch(network: Any) -> int:
    backbone = network if isinstance(network, AnyThermal) else network.backbone
    return int(backbone.patch_px)


def _square(network: Any) -> tuple[int, int]:
    side = int(getattr(network, "longest_px", BACKBONE_PX)) // _patch(network) * _patch(network)
    return side, side


def _place_size(network: PlaceRecognizer) -> tuple[int, int]:
    height, width = (side // _patch(network) * _patch(network) for side in network.size_px)
    return height, width


PLANS: dict[type[nn.Module], _Family] = {
    ThermoStereoRT: _Family(
        "disparity of a pair",
        lambda network: int(network.input_spec.size_multiple_px),
        lambda network: (256, 640),  # a frame of MS2
        _stereo_plan,
    ),
    AnyThermal: _Family("class token and grid", _patch, _square, _backbone_plan),
    ThermalDepth: _Family("depth", _patch, _square, _depth_plan),
    ThermalSegmenter: _Family("class scores", _patch, _square, _segmentation_plan),
    PlaceRecognizer: _Family("place descriptor", _patch, _place_size, _place_plan),
}
