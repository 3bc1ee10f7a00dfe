"""What of each network family becomes a graph: inputs, outputs, size, facts, an example.

A plan turns a network into a module of tensors in, tensors out, at one size with a free batch. What
is NOT here: those modules (`thermoscope.engine.export_graphs`), writing graphs
(`thermoscope.engine.export`) and checking them (`thermoscope.engine.export_check`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from thermoscope.core.checks import check_positive
from thermoscope.core.errors import ConfigError, ShapeError
from thermoscope.core.version import VERSION
from thermoscope.engine.export_graphs import BackboneGraph, DenseGraph, PlaceGraph, SceneGraph
from thermoscope.models.anythermal import AnyThermal
from thermoscope.models.dense_heads import ThermalDepth, ThermalSegmenter
from thermoscope.models.place import PlaceRecognizer
from thermoscope.models.prepare import Modality
from thermoscope.models.sartm import FUSED, Inputs, Sartm
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
        reference: Takes the same tensors; what the graph must answer as.
        inputs: Names of the inputs in order.
        outputs: Names of the outputs in order.
        channels: Of each input.
        size_px: Height and width.
        facts: What a user of the file must know, text by text; goes into the file.
        example: Batch size and seed to one array for each input, (B, channels, H, W) float32.
    """

    graph: nn.Module
    reference: Callable[..., Any]
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
    plan: Callable[..., ExportPlan]  # of a network, a size and, where there is a choice, inputs
    choices: Callable[[Any], tuple[str, ...]] = lambda network: ()


def plan_for(
    network: nn.Module, size_px: tuple[int, int] | None = None, *, inputs: str | None = None
) -> ExportPlan:
    """How `network` is exported at this size.

    Args:
        network: As `load_model` gives it.
        size_px: Height and width; the family's default if None.
        inputs: What a `Sartm` is shown: ``"rgb_thermal"``, ``"rgb"`` or ``"thermal"``; the fullest
            that it was trained on if None. Other networks have no choice.

    Raises:
        ConfigError: A network that has no plan, or inputs that it does not take.
        ShapeError: A size that the network does not take; the message names the nearest that fits.
    """
    for kind, family in PLANS.items():
        if isinstance(network, kind):
            wanted = size_px or family.default_px(network)
            check_size(wanted, family.multiple_px(network))
            chosen = _chosen_inputs(network, family.choices(network), inputs)
            return family.plan(network.eval(), wanted, *chosen)
    known = ", ".join(f"{kind.__name__} ({family.text})" for kind, family in PLANS.items())
    raise ConfigError(f"{type(network).__name__} cannot be exported. These can: {known}.")


def _chosen_inputs(
    network: nn.Module, choices: Sequence[str], wanted: str | None
) -> tuple[str, ...]:
    if wanted is not None and wanted not in choices:
        known = f"takes {', '.join(choices)}" if choices else "has no choice. Leave it away"
        raise ConfigError(
            f"inputs {wanted!r} are not for this {type(network).__name__}: it {known}."
        )
    return (wanted or choices[0],) if choices else ()


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


# -- examples -------------------------------------------------------------------------------------


def _stereo_example(size_px: tuple[int, int]) -> Callable[[int, int], list[NDArray[np.float32]]]:
    def example(batch: int, seed: int) -> list[NDArray[np.float32]]:
        rng = np.random.default_rng(seed)
        left = EXAMPLE_COUNTS + EXAMPLE_SPREAD * rng.standard_normal((batch, 1, *size_px))
        right = np.roll(left, -EXAMPLE_SHIFT_PX, axis=3)
        return [np.ascontiguousarray(v, dtype=np.float32) for v in (left, right)]

    return example


def _image_example(
    size_px: tuple[int, int], count: int = 1
) -> Callable[[int, int], list[NDArray[np.float32]]]:
    def example(batch: int, seed: int) -> list[NDArray[np.float32]]:
        rng = np.random.default_rng(seed)
        shape = (batch, 3, *size_px)
        return [rng.standard_normal(shape).astype(np.float32) for _ in range(count)]

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
    return ExportPlan(network, network, *names, 1, size_px, facts, _stereo_example(size_px))


def _image_plan(
    network: Any, graph: nn.Module, size_px: tuple[int, int], units: dict[str, str]
) -> ExportPlan:
    facts = _facts(network, size_px, output_units=json.dumps(units))
    example = _image_example(size_px)
    return ExportPlan(graph.eval(), network, ("image",), tuple(units), 3, size_px, facts, example)


def _backbone_plan(network: AnyThermal, size_px: tuple[int, int]) -> ExportPlan:
    units = {"cls": "token, not normalised", "grid": "tokens, not normalised"}
    return _image_plan(network, BackboneGraph(network, size_px), size_px, units)


def _depth_plan(network: ThermalDepth, size_px: tuple[int, int]) -> ExportPlan:
    units = {"depth": "m" if network.metric else "relative"}
    return _image_plan(network, DenseGraph(network, size_px), size_px, units)


def _segmentation_plan(network: ThermalSegmenter, size_px: tuple[int, int]) -> ExportPlan:
    plan = _image_plan(
        network, DenseGraph(network, size_px), size_px, {"logits": "softmax over axis 1"}
    )
    plan.facts["classes"] = json.dumps(list(network.classes))
    return plan


def _place_plan(network: PlaceRecognizer, size_px: tuple[int, int]) -> ExportPlan:
    units = {"descriptor": "unit length"}
    return _image_plan(network, PlaceGraph(network, size_px), size_px, units)


def _scene_plan(network: Sartm, size_px: tuple[int, int], inputs: Inputs) -> ExportPlan:
    names: tuple[Modality, ...] = ("rgb", "thermal") if inputs == "rgb_thermal" else (inputs,)
    units = {"logits": "softmax over axis 1"}
    facts = _facts(
        network,
        size_px,
        inputs=inputs,
        classes=json.dumps(list(network.classes)),
        output_units=json.dumps(units),
    )

    def reference(*images: Tensor) -> Tensor:
        found: Tensor = network(**dict(zip(names, images, strict=True)))[FUSED]
        return found

    graph, example = SceneGraph(network, size_px, names).eval(), _image_example(size_px, len(names))
    return ExportPlan(graph, reference, names, tuple(units), 3, size_px, facts, example)


def _scene_size(network: Sartm) -> tuple[int, int]:
    """A 4:3 picture whose longer side is the longest that the network is shown."""
    multiple = network.encoder.multiple_px
    sides = (network.longest_px * 3 // 4, network.longest_px)
    height, width = (max(1, side // multiple) * multiple for side in sides)
    return height, width


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
    Sartm: _Family(
        "class scores of a pair",
        lambda network: int(network.encoder.multiple_px),
        _scene_size,
        _scene_plan,
        lambda network: tuple(network.inputs),
    ),
}
