"""SARTM: a class for each pixel of an RGB-thermal pair, or of either picture alone.

Read top-down: `Sartm` encodes both pictures with one encoder (`thermoscope.models.sartm_encoders`),
fuses the two pyramids at every stride, and reads classes from the fused pyramid and from each
modality's own, with the same two heads: SAM2's mask decoder with a token a class, and a semantic
feature pyramid. A third head projects dense features into the space of words, where any list of
names can be scored. Every branch and head is trained, so any subset works by itself.

What is NOT here: the losses (`thermoscope.losses.language`, `thermoscope.losses.cross_modal`) and
training (`thermoscope.recipes.sartm`).

Differs from the released SARTM in: the fused features are RGB and thermal, not RGB twice, and reach
the answer; the pyramid head is registered and trained; one modality may be missing; pictures of any
size, 16-bit thermal frames and any number of classes; thermal pictures are tone-mapped and
normalised as the encoder expects; words are of use at inference.

Source: Xing et al., Segment Any RGB-Thermal Model with Language-aided Distillation, arXiv
2505.01950.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from thermoscope.core.checks import check_positive
from thermoscope.core.errors import ConfigError, ShapeError, UnitError, WeightsMismatchError
from thermoscope.core.weights import InputSpec, WeightsCard
from thermoscope.io.thermal_image import ThermalImage
from thermoscope.layers.cross_modal_fusion import PyramidFusion
from thermoscope.layers.mask_decoder import ClassTokenDecoder, start_from_sam2
from thermoscope.layers.prototypes import PrototypeMemory
from thermoscope.layers.semantic_fpn import SemanticFpn
from thermoscope.losses.language import pixel_text_logits
from thermoscope.models.class_words import read_names
from thermoscope.models.dense_heads import named_backbone
from thermoscope.models.prepare import Modality, Prepared, network_input, plane_of
from thermoscope.models.sartm_encoders import (
    VIT_WIDTHS,
    Sam2Encoder,
    SceneEncoder,
    VitEncoder,
    read_sam2_vision,
)
from thermoscope.models.text_encoders import load_text_table

__all__ = [
    "ALL_INPUTS",
    "SIZES",
    "Answer",
    "BranchMaps",
    "EncoderKind",
    "Head",
    "Inputs",
    "Sartm",
    "SceneSegmentation",
    "build_sartm",
]

Head = Literal["decoder", "fpn", "mean"]
Answer = Literal["fused", "mean"]
Inputs = Literal["rgb_thermal", "rgb", "thermal"]
EncoderKind = Literal["vit", "sam2"]
FUSED = "fused"
ALL_INPUTS: tuple[Inputs, ...] = ("rgb_thermal", "rgb", "thermal")
ASPECT_TOLERANCE = 0.02  # of an RGB-thermal pair: a rounding of sides, not another view
Frame = ThermalImage | NDArray[Any]


@dataclass(frozen=True)
class BranchMaps:
    """What one branch gives, at stride 4 unless stated.

    Attributes:
        coarse: (B, C, H / 16, W / 16) the branch's deepest features.
        dense: (B, D, H / 4, W / 4) features of the pyramid head.
        fpn: (B, K, H / 4, W / 4) logits of the pyramid head.
        decoder: (B, K, H / 4, W / 4) logits of the mask decoder; None where only the pyramid head
            was asked for.
    """

    coarse: Tensor
    dense: Tensor
    fpn: Tensor
    decoder: Tensor | None

    def logits(self, head: Head) -> Tensor:
        """(B, K, H / 4, W / 4) of a head, or the mean of both."""
        if self.decoder is None or head == "fpn":
            return self.fpn
        return self.decoder if head == "decoder" else (self.decoder + self.fpn) / 2


@dataclass(frozen=True)
class SceneSegmentation:
    """Classes of a view.

    Attributes:
        labels: (H, W) uint8 class ids.
        confidence: (H, W) float32 probability of the class chosen.
        classes: Names; the index is the id.
        shares: Gives `probabilities`.
    """

    labels: NDArray[np.uint8]
    confidence: NDArray[np.float32]
    classes: tuple[str, ...]
    shares: Callable[[], NDArray[np.float32]]

    @cached_property
    def probabilities(self) -> NDArray[np.float32]:
        """(K, H, W) float32, as the network puts them; they sum to 1.

        They are brought to the size of the frame when first asked for: 45 classes of 12 megapixels
        take 2 GB.
        """
        return self.shares()


class TextProjection(nn.Module):
    """Dense features into the space of words.

    Args:
        width: Channels of the features.
        text_width: Axes of the space.
    """

    def __init__(self, width: int, text_width: int) -> None:
        super().__init__()
        self.text_width = text_width
        self.layers = nn.Sequential(
            nn.Conv2d(width, 2 * width, 1), nn.GELU(), nn.Conv2d(2 * width, text_width, 1)
        )

    def forward(self, dense: Tensor) -> Tensor:
        """(B, width, h, w) to (B, text_width, h, w)."""
        found: Tensor = self.layers(dense)
        return found


class Sartm(nn.Module):
    """The network. Its state holds what was trained, not the encoder's frozen trunk.

    Inputs and outputs of `forward`:

    =============  ===========================================================================
    rgb            (B, 3, H, W) normalised, or None
    thermal        (B, 3, H, W) normalised, the same view, or None; not both None
    out["rgb"]     (B, K, H, W) logits of colour alone, if given
    out["thermal"] (B, K, H, W) logits of thermal alone, if given
    out["fused"]   (B, K, H, W) logits to use; with one picture only, that branch's own
    =============  ===========================================================================

    Args:
        encoder: Of both modalities.
        classes: Names; the index is the id.
        hidden: Channels of the pyramid head.
        decoder_heads: Of the mask decoder's attention.
        decoder_mlp: Hidden width of its transformer.
        fusion_heads: Of the attention at strides 4, 8 and 16.
        dropout: Of the pyramid head.
        text_width: Axes of the space of words; 0 = no text head.
        text_encoder: Whose space that is, see `load_text_table`.
        momentum: Of the class prototypes.
        head: Which head answers.
        answer: ``"fused"``: the fused branch; ``"mean"``: the mean of the logits of both
            modalities, as the paper's code answers.
        longest_px: A frame with a longer side is scaled down to this for the network.
        inputs: What it was trained to be shown, the fullest first.

    Attributes:
        classes: Names.
        prototypes: Slow average of class features, part of the state.
        card: Where the weights came from, None for fresh ones.
        runner: Gives `predict` logits and dense features in place of the layers here; None = the
            layers do.

    Raises:
        ConfigError: No class, a name twice, or a setting out of range.
    """

    def __init__(
        self,
        encoder: SceneEncoder,
        classes: Sequence[str],
        *,
        hidden: int = 64,
        decoder_heads: int = 4,
        decoder_mlp: int = 256,
        fusion_heads: Sequence[int] = (1, 2, 4),
        dropout: float = 0.0,
        text_width: int = 0,
        text_encoder: str = "minilm",
        momentum: float = 0.9,
        head: Head = "mean",
        answer: Answer = "fused",
        longest_px: int = 512,
        inputs: Sequence[Inputs] = ALL_INPUTS,
    ) -> None:
        super().__init__()
        if not classes or len(set(classes)) != len(classes):
            raise ConfigError(f"classes must be different names, at least one, got {classes!r}.")
        if head not in get_args(Head) or answer not in get_args(Answer):
            raise ConfigError(
                "head is 'decoder', 'fpn' or 'mean' and answer 'fused' or 'mean', got "
                f"{head!r} and {answer!r}."
            )
        check_positive(longest_px, name="longest_px")
        if not inputs or not set(inputs) <= set(ALL_INPUTS):
            raise ConfigError(f"inputs are some of {', '.join(ALL_INPUTS)}, got {list(inputs)}.")
        self.inputs = tuple(inputs)
        self.classes = tuple(classes)
        self.head, self.answer, self.longest_px = head, answer, longest_px
        self.text_encoder = text_encoder
        self.card: WeightsCard | None = None
        self.runner: Callable[[Mapping[Modality, Tensor]], tuple[Tensor, Tensor]] | None = None
        widths, count = encoder.widths, len(self.classes)
        self.encoder = encoder
        self.fusion = PyramidFusion(widths, heads=fusion_heads)
        self.decoder = ClassTokenDecoder(
            widths, classes=count, heads=decoder_heads, mlp=decoder_mlp
        )
        self.fpn = SemanticFpn(widths, classes=count, hidden=hidden, dropout=dropout)
        self.text = TextProjection(hidden, text_width) if text_width else None
        self.prototypes = PrototypeMemory(count, widths[2], momentum=momentum)

    # -- tensors ----------------------------------------------------------------------------------

    def forward(
        self, rgb: Tensor | None = None, thermal: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Logits of each branch at the size of the pictures, which may be any.

        Raises:
            ConfigError: No picture.
            ShapeError: Pictures of different shapes, or not (B, 3, H, W).
        """
        images = self.given(rgb, thermal)
        size = next(iter(images.values())).shape[2:]
        padded = {name: _padded(x, self.encoder.multiple_px) for name, x in images.items()}
        whole = next(iter(padded.values())).shape[2:]
        found = self.read(self.pyramids(padded), head=self.head)
        full = {
            name: functional.interpolate(
                maps.logits(self.head), size=whole, mode="bilinear", align_corners=False
            )[:, :, : size[0], : size[1]]
            for name, maps in found.items()
        }
        if self.answer == "mean" and len(images) == 2:
            full[FUSED] = (full["rgb"] + full["thermal"]) / 2
        return full

    def given(self, rgb: Tensor | None, thermal: Tensor | None) -> dict[Modality, Tensor]:
        """The pictures that there are, by modality.

        Raises:
            ConfigError: None.
            ShapeError: Pictures of different shapes, or not (B, 3, H, W).
        """
        images: dict[Modality, Tensor] = {}
        if rgb is not None:
            images["rgb"] = rgb
        if thermal is not None:
            images["thermal"] = thermal
        if not images:
            raise ConfigError("there is no picture. Give rgb, thermal or both.")
        shapes = [tuple(x.shape) for x in images.values()]
        if len(set(shapes)) > 1 or len(shapes[0]) != 4 or shapes[0][1] != 3 or 0 in shapes[0]:
            raise ShapeError(
                f"pictures must be (B, 3, H, W) of one shape, got {' and '.join(map(str, shapes))}."
                " Register them, and scale both to one size.",
                actual_shape=shapes[-1],
                expected_shape="B 3 H W",
            )
        return images

    def pyramids(
        self,
        images: Mapping[Modality, Tensor],
        tokens: Mapping[Modality, Sequence[Tensor]] | None = None,
    ) -> dict[str, list[Tensor]]:
        """Dense maps at strides 4, 8 and 16 of each modality given.

        Args:
            images: (B, 3, H, W), sides multiples of the encoder's.
            tokens: What the frozen trunk says of `images`, if it is known already.
        """
        found: dict[str, list[Tensor]] = {}
        for name, image in images.items():
            known = self.encoder.tokens(image, name) if tokens is None else tokens[name]
            found[name] = self.encoder.pyramid(known, image, name)
        return found

    def fuse(
        self, pyramids: Mapping[str, list[Tensor]], seen: Mapping[str, Tensor] | None = None
    ) -> list[Tensor]:
        """One pyramid of those given.

        Args:
            pyramids: Of one modality or two.
            seen: (B,) bool by modality: where one is False, that picture's fusion is the other's
                own pyramid, exactly as if it had not been given.
        """
        if len(pyramids) == 1:
            return next(iter(pyramids.values()))
        rgb, thermal = pyramids["rgb"], pyramids["thermal"]
        fused: list[Tensor] = self.fusion(rgb, thermal)
        if seen is None:
            return fused
        masks = [seen[name][:, None, None, None] for name in ("rgb", "thermal")]
        return [
            torch.where(masks[0] & masks[1], joined, torch.where(masks[0], one, other))
            for joined, one, other in zip(fused, rgb, thermal, strict=True)
        ]

    def read(
        self,
        pyramids: Mapping[str, list[Tensor]],
        *,
        head: Head = "mean",
        seen: Mapping[str, Tensor] | None = None,
        only: str = "",
    ) -> dict[str, BranchMaps]:
        """What the heads make of each modality's pyramid and of the fused one.

        Args:
            pyramids: Of one modality or two.
            head: ``"fpn"`` leaves the mask decoder out.
            seen: See `fuse`.
            only: One branch to read; all if empty.
        """
        branches = {**pyramids, FUSED: self.fuse(pyramids, seen)}
        found: dict[str, BranchMaps] = {}
        for name, pyramid in branches.items():
            if name == FUSED and len(pyramids) == 1 and found:
                found[FUSED] = next(iter(found.values()))
            elif only in ("", name):
                dense = self.fpn.features(pyramid)
                decoder = None if head == "fpn" else self.decoder(pyramid)
                found[name] = BranchMaps(pyramid[2], dense, self.fpn.scores(dense), decoder)
        return found

    def _require_words(self, names: Sequence[str] = ()) -> None:
        if self.text is None:
            strange = read_names(names, self.classes).never_learned
            asked = f", and no class {strange[0]!r}" if strange else ""
            raise ConfigError(
                f"this model has no text head{asked}; it knows {', '.join(self.classes)}. Train "
                "one with text_width set."
            )

    def text_logits(self, dense: Tensor, text: Tensor) -> Tensor:
        """(B, N, h, w) scores of any N names.

        Args:
            dense: Of `BranchMaps`.
            text: (N, D) embeddings of the names, of the text encoder trained with.

        Raises:
            ConfigError: The model has no text head.
            ShapeError: Embeddings of another width.
        """
        self._require_words()
        projected: Tensor = self.text(dense)  # type: ignore[misc]  # checked in the line above
        return pixel_text_logits(projected, text)

    # -- frames -----------------------------------------------------------------------------------

    @property
    def input_spec(self) -> InputSpec:
        """Preprocessing: the weights' card, else the encoder's."""
        return self.encoder.input_spec if self.card is None else self.card.input_spec

    def prepare(
        self, rgb: Frame | None, thermal: Frame | None, *, longest_px: int | None = None
    ) -> dict[Modality, Prepared]:
        """Network inputs of the frames given, both at one size.

        Frames of one view may differ in resolution, not in shape. Both take the thermal frame's.

        Raises:
            ConfigError: No frame, frames that the network was not trained on, or `longest_px` is
                not positive.
            ShapeError: Not a frame, or frames of different aspect: not one view.
            UnitError: Not one pixel has a value.
        """
        frames: dict[Modality, Frame] = {}
        if thermal is not None:
            frames["thermal"] = thermal
        if rgb is not None:
            frames["rgb"] = rgb
        if not frames:
            raise ConfigError("there is no frame. Give rgb, thermal or both.")
        asked = "rgb_thermal" if len(frames) == 2 else next(iter(frames))
        if asked not in self.inputs:
            raise ConfigError(
                f"this network was not trained on {asked}; it takes {', '.join(self.inputs)}."
            )
        sizes = {name: _size(frame, name) for name, frame in frames.items()}
        _check_aspects(sizes)
        height, width = next(iter(sizes.values()))
        longest = self.longest_px if longest_px is None else longest_px
        factor = min(1.0, check_positive(longest, name="longest_px") / max(height, width))
        scaled = (max(1, round(height * factor)), max(1, round(width * factor)))
        return {
            name: network_input(frame, self.input_spec, modality=name, size_px=scaled, fit="pad")
            for name, frame in frames.items()
        }

    def predict(
        self,
        rgb: Frame | None = None,
        thermal: Frame | None = None,
        *,
        classes: Sequence[str] | None = None,
        text: NDArray[np.float32] | None = None,
        longest_px: int | None = None,
    ) -> SceneSegmentation:
        """Classes at the resolution of the thermal frame, or of the colour picture if it is alone.

        Args:
            rgb: (H, W, 3) uint8 or (3, H, W) float32 in [0, 1].
            thermal: A frame as `thermoscope.read` gives it, or (H, W) uint16 counts, float32
                kelvin or uint8 grey levels; registered to `rgb`.
            classes: Names to choose from; the model's own if None. Names of the model, in any
                case and with blank, _ or -, are scored by its heads; a list with any other name
                through the space of words (less sure by far), see `read_names`.
            text: (N, D) embeddings of `classes`; if None and the model does not have these names,
                the text encoder's that it was trained with.
            longest_px: A frame with a longer side is scaled down to this for the network; None =
                the model's own.

        Raises:
            ConfigError: No frame, one name twice, or names that a model without a text head does
                not have.
            MissingDependencyError: Names outside the shipped table, without the text encoder.
            ShapeError: Frames that are none, or of different aspect, or embeddings that do not fit.
            UnitError: Not one pixel has a value, or an element type that is no frame's.
        """
        prepared = self.prepare(rgb, thermal, longest_px=longest_px)
        names = self.classes if classes is None else tuple(classes)
        learned = self._learned(names, text)
        table = self._table(names, text) if learned is None else None
        maps = self._answer(prepared, table)
        if learned is not None:
            maps = maps[:, learned]
        way_back = next(iter(prepared.values()))
        return SceneSegmentation(*way_back.choose(maps), names, partial(_shares, way_back, maps))

    def _learned(self, names: Sequence[str], text: NDArray[np.float32] | None) -> list[int] | None:
        """Ids of the model's classes that the names are, or None where words must do."""
        if not names or len(set(names)) != len(names) or len(names) > 255:
            raise ConfigError(
                f"classes must be 1 to 255 different names, got {len(names)} "
                f"({len(set(names))} different)."
            )
        if text is not None:
            return None
        found = [
            self.classes.index(name)
            for name in read_names(names, self.classes).learned
            if name is not None
        ]
        return found if len(found) == len(names) else None

    def _table(self, names: Sequence[str], text: NDArray[np.float32] | None) -> Tensor:
        """(N, D) embeddings to score by."""
        if text is None:
            self._require_words(names)
            text = load_text_table(names, encoder=self.text_encoder)
        if len(text) != len(names):
            raise ShapeError(f"{len(names)} names need as many embeddings, got {len(text)}.")
        return torch.as_tensor(np.asarray(text, np.float32))

    def _answer(self, prepared: Mapping[Modality, Prepared], table: Tensor | None) -> Tensor:
        """(1, K, h, w) logits on the CPU."""
        device = next(self.fpn.parameters()).device
        images = {name: one.images.to(device) for name, one in prepared.items()}
        was_training = self.training
        self.eval()
        try:
            with torch.inference_mode():
                found: Tensor
                if self.runner is not None:
                    found, dense = self.runner(images)
                    found = found if table is None else self.text_logits(dense, table)
                elif table is None and self.answer == "mean":
                    found = self(**images)[FUSED]
                elif table is None:
                    maps = self.read(self.pyramids(images), head=self.head, only=FUSED)[FUSED]
                    found = maps.logits(self.head)
                else:
                    maps = self.read(self.pyramids(images), head="fpn", only=FUSED)[FUSED]
                    found = self.text_logits(maps.dense, table.to(device))
            return found.float().cpu()
        finally:
            self.train(was_training)


def _shares(way_back: Prepared, maps: Tensor) -> NDArray[np.float32]:
    """(K, H, W) probabilities of logits of any resolution."""
    height, width = way_back.size_px
    shares = np.empty((maps.shape[1], height, width), np.float32)
    top = 0
    for strip in way_back.strips(maps):
        bottom = top + strip.shape[2]
        shares[:, top:bottom] = strip.softmax(dim=1)[0].numpy()
        top = bottom
    return shares


def _padded(images: Tensor, multiple: int) -> Tensor:
    bottom, right = -images.shape[2] % multiple, -images.shape[3] % multiple
    if not bottom and not right:
        return images
    return functional.pad(images, (0, right, 0, bottom), mode="replicate")


def _size(frame: Frame, modality: Modality) -> tuple[int, int]:
    """Height and width of a frame, whatever its layout."""
    values = plane_of(frame) if isinstance(frame, ThermalImage) else np.asarray(frame)
    if values.dtype.kind == "f" and values.size and not np.isfinite(values).any():
        raise UnitError(f"the {modality} frame has no pixel with a value: nothing can be seen.")
    channels_first = values.ndim == 3 and values.shape[0] in (1, 3)
    size = values.shape[1:] if channels_first else values.shape[:2]
    if values.ndim not in (2, 3) or 0 in values.shape:
        raise ShapeError(
            f"a {modality} frame must be (H, W), (H, W, 3) or (3, H, W), got {values.shape}.",
            actual_shape=values.shape,
        )
    return int(size[0]), int(size[1])


def _check_aspects(sizes: Mapping[Modality, tuple[int, int]]) -> None:
    ratios = [width / height for height, width in sizes.values()]
    if max(ratios) > min(ratios) * (1 + ASPECT_TOLERANCE):
        texts = " and ".join(f"{name} {h} x {w} px" for name, (h, w) in sizes.items())
        raise ShapeError(
            f"{texts} do not show one view: their shapes differ. Register the pair first, or crop "
            "both to the view they share."
        )


# -- by name, for `thermoscope.models.load` -------------------------------------------------------

_SAM2 = {
    "encoder": "sam2",
    "lora_rank": 16,
    "hidden": 256,
    "decoder_heads": 8,
    "decoder_mlp": 2048,
    "head": "decoder",
    "longest_px": 1024,
}
SIZES: dict[str, dict[str, Any]] = {  # model -> arguments of `build_sartm`
    "sartm_small": {"encoder": "vit", "backbone": "anythermal_small"},
    "sartm_sam2_tiny": {**_SAM2, "backbone": "tiny"},
    "sartm_sam2_small": {**_SAM2, "backbone": "small"},
    "sartm_sam2_base_plus": {**_SAM2, "backbone": "base_plus"},
    "sartm_sam2_large": {**_SAM2, "backbone": "large"},
}


def build_sartm(
    *,
    classes: Sequence[str],
    encoder: EncoderKind = "vit",
    backbone: str = "anythermal_small",
    backbone_sha256: str = "",
    source: str | None = None,
    widths: Sequence[int] = VIT_WIDTHS,
    layers: Sequence[int] | None = None,
    lora_rank: int = 0,
    lora_alpha: float | None = None,
    lora_shared: bool = True,
    hidden: int = 64,
    decoder_heads: int = 4,
    decoder_mlp: int = 256,
    dropout: float = 0.05,
    text_width: int = 0,
    text_encoder: str = "minilm",
    momentum: float = 0.9,
    head: Head = "mean",
    answer: Answer = "fused",
    longest_px: int = 512,
    inputs: Sequence[Inputs] = ALL_INPUTS,
) -> Sartm:
    """A network with fresh heads on a trunk by name.

    Args:
        classes: Names; the index is the id.
        encoder: ``"vit"``: AnyThermal; ``"sam2"``.
        backbone: See `named_backbone` for ``"vit"``, `read_sam2_vision` for ``"sam2"``.
        backbone_sha256: Of the trunk that the weights were trained on; not checked if empty.
        source: See `named_backbone`.
        widths: See `VitEncoder`, as `layers`; SAM2 has its own.
        layers: Three blocks.
        lora_rank: See `SceneEncoder`, as the next two.
        lora_alpha: Strength.
        lora_shared: One update for both modalities.
        hidden: See `Sartm`, as all below.
        decoder_heads: Of attention.
        decoder_mlp: Width.
        dropout: Share of channels.
        text_width: Axes.
        text_encoder: By name.
        momentum: Of prototypes.
        head: That answers.
        answer: Branch that answers.
        longest_px: px.
        inputs: Pictures.

    Raises:
        UnknownNameError: No such backbone.
        ConfigError: A setting out of range.
        ReadError: SAM2 is neither in the folder, in the cache nor within reach.
        WeightsMismatchError: Another trunk than the one trained on.
    """
    if encoder not in get_args(EncoderKind) or len(widths) != 3:
        raise ConfigError(
            f"an encoder is 'vit' or 'sam2' and has three widths, got {encoder!r} and "
            f"{list(widths)}."
        )
    below: VitEncoder | Sam2Encoder
    sam2 = None
    if encoder == "vit":
        trunk = named_backbone(backbone, source=source, sha256=backbone_sha256)
        below = VitEncoder(
            trunk,
            widths=(widths[0], widths[1], widths[2]),
            layers=layers,
            lora_rank=lora_rank,
            lora_alpha=lora_alpha,
            shared=lora_shared,
        )
    else:
        vision, sam2 = read_sam2_vision(backbone)
        below = Sam2Encoder(vision, lora_rank=lora_rank, lora_alpha=lora_alpha, shared=lora_shared)
        _check_trunk(below, backbone, backbone_sha256)
    model = Sartm(
        below,
        classes,
        hidden=hidden,
        decoder_heads=decoder_heads,
        decoder_mlp=decoder_mlp,
        dropout=dropout,
        text_width=text_width,
        text_encoder=text_encoder,
        momentum=momentum,
        head=head,
        answer=answer,
        longest_px=longest_px,
        inputs=inputs,
    )
    if sam2 is not None and isinstance(below, Sam2Encoder):
        below.start_from(sam2)
        start_from_sam2(model.decoder, sam2)
    return model


def _check_trunk(encoder: SceneEncoder, name: str, sha256: str) -> None:
    if sha256 and encoder.trunk_sha256 != sha256:
        raise WeightsMismatchError(
            f"these weights were trained on {name!r} with SHA-256 {sha256[:12]}..., the one at "
            f"hand has {encoder.trunk_sha256[:12]}.... Fetch the same SAM2, or train again."
        )
