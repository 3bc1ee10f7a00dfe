"""Encoders of SARTM: one picture of either modality to dense maps at strides 4, 8 and 16.

`Sam2Encoder` is SAM2's Hiera with its feature pyramid, as in the paper; `VitEncoder` makes the same
of AnyThermal, for machines without SAM2's weights. Below lies a frozen trunk, which is in neither
`parameters` nor `state_dict`: a weights file names it and holds only what was trained, the
low-rank updates inside the trunk and the layers above it. What is NOT here: fusion and heads.

Differs from the released SARTM in: one update of a chosen rank and strength where that has three
which are summed; updates have the true width of queries and values where a stage changes; they may
be separate for the two modalities, as the paper's notation has it.

Sources: Xing et al., SARTM, arXiv 2505.01950; Ravi et al., SAM 2, arXiv 2408.00714; Ryali et al.,
Hiera, arXiv 2306.00989.
"""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from thermoscope.core.errors import ConfigError, ReadError, ShapeError, WeightsMismatchError
from thermoscope.core.weights import InputSpec
from thermoscope.layers.lora import add_fused_lora, add_lora, lora_updates, merge_lora, select_lora
from thermoscope.models.anythermal import PATCH_PX, AnyThermal
from thermoscope.models.prepare import IMAGENET_MEAN, IMAGENET_STD, Modality

if TYPE_CHECKING:
    from transformers import Sam2Config, Sam2Model, Sam2VisionModel

__all__ = [
    "MODALITIES",
    "SAM2_ON_HUB",
    "STRIDES",
    "Sam2Encoder",
    "SceneEncoder",
    "VitEncoder",
    "read_sam2",
    "read_sam2_vision",
    "state_sha256",
    "tiny_sam2_config",
]

MODALITIES: tuple[Modality, Modality] = ("rgb", "thermal")
STRIDES = (4, 8, 16)
VIT_WIDTHS = (32, 64, 128)
SAM2_WIDTHS = (32, 64, 256)  # of SAM2's mask decoder
SAM2_MULTIPLE_PX = 32  # windows of 8 of the first stage, and three halvings after stride 4
SAM2_ON_HUB = {
    "tiny": "facebook/sam2.1-hiera-tiny",
    "small": "facebook/sam2.1-hiera-small",
    "base_plus": "facebook/sam2.1-hiera-base-plus",
    "large": "facebook/sam2.1-hiera-large",
}


class SceneEncoder(nn.Module, ABC):
    """A frozen trunk, updates of low rank inside it, and trained layers above it.

    Args:
        trunk: Frozen here, and kept in eval mode.
        lora_rank: Of the updates; 0 = none.
        lora_alpha: Their strength; the rank if None.
        shared: Whether both modalities have the same updates.

    Attributes:
        widths: Channels at strides 4, 8 and 16.
        multiple_px: Height and width of pictures must be multiples of this.
        updates: The updates of low rank.
        shared: As given.
        trunk_sha256: Of the trunk's weights; empty if a random one.

    Raises:
        ConfigError: A rank that does not fit the trunk.
    """

    widths: tuple[int, int, int]
    multiple_px: int

    def __init__(
        self, trunk: nn.Module, *, lora_rank: int, lora_alpha: float | None, shared: bool
    ) -> None:
        super().__init__()
        if lora_rank < 0:
            raise ConfigError(f"lora_rank must be 0 (none) or positive, got {lora_rank}.")
        trunk.eval().requires_grad_(requires_grad=False)
        self.trunk_sha256 = self._sha256(trunk)
        if lora_rank:
            sets = 1 if shared else len(MODALITIES)
            self._adapt(trunk, rank=lora_rank, alpha=lora_alpha, sets=sets)
        self.shared = shared
        self.updates = nn.ModuleList(lora_updates(trunk))
        self._trunk = (trunk,)

    @property
    def trunk(self) -> nn.Module:
        """The frozen network."""
        return self._trunk[0]

    @property
    @abstractmethod
    def input_spec(self) -> InputSpec:
        """Preprocessing of pictures."""

    @abstractmethod
    def _sha256(self, trunk: nn.Module) -> str:
        """Which trunk this is."""

    @abstractmethod
    def _adapt(self, trunk: nn.Module, *, rank: int, alpha: float | None, sets: int) -> None:
        """Put updates on queries and values."""

    @abstractmethod
    def _tokens(self, images: Tensor) -> list[Tensor]:
        """What the trunk says."""

    @abstractmethod
    def pyramid(self, tokens: Sequence[Tensor], images: Tensor, modality: Modality) -> list[Tensor]:
        """Maps at strides 4, 8 and 16 from `tokens` of the same pictures."""

    def tokens(self, images: Tensor, modality: Modality) -> list[Tensor]:
        """What the trunk says of pictures; with gradient only if it has updates.

        Raises:
            ShapeError: Not (B, 3, H, W), or sides that are no multiples of `multiple_px`.
        """
        self._check(images)
        select_lora(self.trunk, MODALITIES.index(modality))
        with torch.set_grad_enabled(torch.is_grad_enabled() and len(self.updates) > 0):
            return self._tokens(images)

    def forward(self, images: Tensor, modality: Modality) -> list[Tensor]:
        """Dense maps at strides 4, 8 and 16.

        Args:
            images: (B, 3, H, W), normalised; thermal pictures fill three equal channels.
            modality: Of all of them.

        Returns:
            (B, `widths[i]`, H / stride, W / stride) each.

        Raises:
            ShapeError: Not (B, 3, H, W), or sides that are no multiples of `multiple_px`.
        """
        return self.pyramid(self.tokens(images, modality), images, modality)

    def merge(self) -> None:
        """Fold the updates into the trunk for good: faster, and no longer trainable.

        Raises:
            ConfigError: The modalities have updates of their own, the trunk is one.
        """
        if not self.shared and len(self.updates):
            raise ConfigError(
                "updates of two modalities cannot be folded into one trunk. Keep them, or train "
                "with shared updates."
            )
        merge_lora(self.trunk)
        self.updates = nn.ModuleList()

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> SceneEncoder:
        self.trunk._apply(fn, recurse)  # type: ignore[no-untyped-call]
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return self

    def _check(self, images: Tensor) -> None:
        shape = tuple(images.shape)
        right = len(shape) == 4 and shape[1] == 3 and 0 not in shape
        if right and not shape[2] % self.multiple_px and not shape[3] % self.multiple_px:
            return
        raise ShapeError(
            f"images must be (B, 3, H, W) with sides that are multiples of {self.multiple_px}, got "
            f"{shape}. Use network_input with fit='pad' to make them.",
            actual_shape=shape,
            expected_shape=f"B 3 {self.multiple_px}n {self.multiple_px}m",
        )


# -- SAM2's Hiera ---------------------------------------------------------------------------------


class Sam2Encoder(SceneEncoder):
    """SAM2's image encoder: Hiera and the feature pyramid, both frozen.

    The two 1x1 convolutions that narrow strides 4 and 8 belong to SAM2's mask decoder; they train.

    Args:
        vision: Any size of `Sam2VisionModel`.
        widths: Channels at strides 4, 8 and 16; the last must be the pyramid's own.
        lora_rank: See `SceneEncoder`, as the rest.
        lora_alpha: Strength.
        shared: One update for both modalities.

    Raises:
        ConfigError: A rank or width that does not fit.
    """

    multiple_px = SAM2_MULTIPLE_PX

    def __init__(
        self,
        vision: Sam2VisionModel,
        *,
        widths: tuple[int, int, int] | None = None,
        lora_rank: int = 16,
        lora_alpha: float | None = None,
        shared: bool = True,
    ) -> None:
        super().__init__(vision, lora_rank=lora_rank, lora_alpha=lora_alpha, shared=shared)
        pyramid = vision.config.fpn_hidden_size
        self.widths = widths or (pyramid // 8, pyramid // 4, pyramid)
        if self.widths[2] != pyramid:
            raise ConfigError(
                f"stride 16 of this SAM2 has {pyramid} channels, widths say {self.widths[2]}."
            )
        self.narrow = nn.ModuleList(nn.Conv2d(pyramid, width, 1) for width in self.widths[:2])

    @property
    def input_spec(self) -> InputSpec:
        """Colour as SAM2 takes it; thermal between its percentiles, normalised alike."""
        tone = {"method": "percentile", "low_percent": 1.0, "high_percent": 99.0}
        return InputSpec("counts", tone, IMAGENET_MEAN, IMAGENET_STD, self.multiple_px)

    def start_from(self, sam2: Sam2Model) -> None:
        """Begin with the two narrowing convolutions of SAM2's mask decoder."""
        for ours, part in zip(self.narrow, ("conv_s0", "conv_s1"), strict=True):
            ours.load_state_dict(getattr(sam2.mask_decoder, part).state_dict())

    def _sha256(self, trunk: nn.Module) -> str:
        return state_sha256(trunk)

    def _adapt(self, trunk: nn.Module, *, rank: int, alpha: float | None, sets: int) -> None:
        add_fused_lora(trunk, "qkv", rank=rank, alpha=alpha, sets=sets)

    def _tokens(self, images: Tensor) -> list[Tensor]:
        return list(self.trunk(images).fpn_hidden_states)

    def pyramid(self, tokens: Sequence[Tensor], images: Tensor, modality: Modality) -> list[Tensor]:
        """Strides 4 and 8 narrowed, stride 16 as it is."""
        del images, modality
        fine, middle, coarse = tokens
        return [self.narrow[0](fine), self.narrow[1](middle), coarse]


def tiny_sam2_config() -> Sam2Config:
    """SAM2 of 0.1 M parameters for 64 px pictures, with every kind of block: for tests."""
    from transformers import Sam2Config

    hiera = {
        "hidden_size": 8,
        "image_size": [64, 64],
        "blocks_per_stage": [1, 1, 2, 1],
        "embed_dim_per_stage": [8, 16, 32, 64],
        "num_attention_heads_per_stage": [1, 2, 4, 8],
        "window_size_per_stage": [8, 4, 4, 2],
        "global_attention_blocks": [3],
        "window_positional_embedding_background_size": [3, 3],
    }
    vision = {
        "backbone_config": {"model_type": "sam2_hiera_det_model", **hiera},
        "backbone_channel_list": [64, 32, 16, 8],
        "backbone_feature_sizes": [[16, 16], [8, 8], [4, 4]],
        "fpn_hidden_size": 16,
        "model_type": "sam2_vision_model",
    }
    decoder = {"hidden_size": 16, "mlp_dim": 32, "num_attention_heads": 2}
    return Sam2Config(
        vision_config=vision,
        prompt_encoder_config={"hidden_size": 16, "image_size": 64},
        mask_decoder_config={**decoder, "iou_head_hidden_dim": 16},
    )


def read_sam2(source: str | Path) -> Sam2Model:
    """SAM2 with prompt encoder and mask decoder, in eval mode.

    Args:
        source: A folder made by ``save_pretrained``, a size of `SAM2_ON_HUB`, a name on the hub, or
            ``"random"``: a tiny network of random weights, the same each time, for tests.

    Raises:
        ReadError: Not found, or neither network nor cache is at hand.
        WeightsMismatchError: Weights that lack a part of SAM2.
    """
    from transformers import Sam2Model

    if source == "random":
        with torch.random.fork_rng():
            torch.manual_seed(0)
            random: Sam2Model = Sam2Model(tiny_sam2_config()).eval()  # type: ignore[no-untyped-call]
        return random
    return _pretrained(Sam2Model, source)  # type: ignore[no-any-return]


def read_sam2_vision(source: str | Path) -> tuple[Sam2VisionModel, Sam2Model | None]:
    """SAM2's image encoder in eval mode, and the whole it is of.

    Args:
        source: See `read_sam2`; the folder may hold a `Sam2VisionModel` alone.

    Returns:
        The encoder; the whole SAM2, or None where there is only the encoder.

    Raises:
        ReadError: See `read_sam2`.
        WeightsMismatchError: See `read_sam2`.
    """
    from transformers import Sam2VisionModel

    if _model_type(Path(source)) == "sam2_vision_model":
        return _pretrained(Sam2VisionModel, source), None
    whole = read_sam2(source)
    return whole.vision_encoder, whole


def _model_type(folder: Path) -> str:
    file = folder / "config.json"
    if not file.is_file():
        return ""
    try:
        return str(json.loads(file.read_text(encoding="utf-8")).get("model_type", ""))
    except (ValueError, AttributeError) as err:
        raise ReadError(f"{file} is not a model's config: {err}.", path=file) from err


def _pretrained(kind: Any, source: str | Path) -> Any:
    folder = Path(source).is_dir()
    name = str(source) if folder else SAM2_ON_HUB.get(str(source), str(source))
    try:
        model, found = kind.from_pretrained(name, local_files_only=folder, output_loading_info=True)
    except (OSError, ValueError, RuntimeError) as err:
        lines = str(err).strip().splitlines() or [type(err).__name__]
        raise ReadError(
            f"cannot read SAM2 from {name!r} ({lines[0]}). With no network, put its config.json "
            "and model.safetensors into a folder and give that folder; sizes on the hub: "
            f"{', '.join(SAM2_ON_HUB)}."
        ) from err
    missing = sorted(found["missing_keys"])
    if missing:
        raise WeightsMismatchError(
            f"{name} lacks {len(missing)} tensors of SAM2, such as {missing[0]!r}. "
            "Give a whole SAM2 or SAM2.1 checkpoint.",
            missing=missing,
        )
    return model.eval()


# -- AnyThermal -----------------------------------------------------------------------------------


class VitEncoder(SceneEncoder):
    """A pyramid on AnyThermal: the vision transformer has one stride, trained layers make three.

    Pictures are scaled by 14 / 16 for the trunk, so that its patches are stride 16 of the picture
    exactly. Strides 8 and 4 are made from earlier blocks by transposed convolutions; what patches
    lose is given back by a few plain convolutions of the picture itself, one set a modality.

    Args:
        trunk: Any size.
        widths: Channels at strides 4, 8 and 16.
        layers: Three blocks, shallow to deep; None = the last of each third.
        lora_rank: See `SceneEncoder`, as the rest.
        lora_alpha: Strength.
        shared: One update for both modalities.

    Raises:
        ConfigError: Not three layers, no such block, or a rank that does not fit.
    """

    multiple_px = STRIDES[2]

    def __init__(
        self,
        trunk: AnyThermal,
        *,
        widths: tuple[int, int, int] = VIT_WIDTHS,
        layers: Sequence[int] | None = None,
        lora_rank: int = 0,
        lora_alpha: float | None = None,
        shared: bool = True,
    ) -> None:
        super().__init__(trunk, lora_rank=lora_rank, lora_alpha=lora_alpha, shared=shared)
        thirds = [trunk.layers * third // 3 - 1 for third in (1, 2, 3)]
        self.layers = tuple(thirds if layers is None else layers)
        if len(self.layers) != len(STRIDES):
            raise ConfigError(f"a pyramid of three takes three layers, got {list(self.layers)}.")
        self._card = trunk.card
        self.widths = widths
        fine, middle, coarse = widths
        self.project = nn.ModuleList(nn.Conv2d(trunk.width, coarse, 1) for _ in STRIDES)
        self.rescale = nn.ModuleList(
            [
                nn.ConvTranspose2d(coarse, fine, 4, stride=4),
                nn.ConvTranspose2d(coarse, middle, 2, stride=2),
                nn.Conv2d(coarse, coarse, 3, padding=1),
            ]
        )
        self.details = nn.ModuleDict({name: _Details(fine, middle) for name in MODALITIES})
        self.norms = nn.ModuleList(nn.GroupNorm(1, width) for width in widths)

    @property
    def input_spec(self) -> InputSpec:
        """The backbone's own, for pictures of whole strides."""
        tone = {"method": "percentile", "low_percent": 1.0, "high_percent": 99.0}
        kind, mean, std = "counts", IMAGENET_MEAN, IMAGENET_STD
        if self._card is not None:
            spec = self._card.input_spec
            return InputSpec(spec.kind, spec.tone, spec.mean, spec.std, self.multiple_px)
        return InputSpec(kind, tone, mean, std, self.multiple_px)  # type: ignore[arg-type]

    def _sha256(self, trunk: nn.Module) -> str:
        card = getattr(trunk, "card", None)
        return card.sha256 if card is not None else ""

    def _adapt(self, trunk: nn.Module, *, rank: int, alpha: float | None, sets: int) -> None:
        add_lora(trunk, ("q_proj", "v_proj"), rank=rank, alpha=alpha, sets=sets)

    def _tokens(self, images: Tensor) -> list[Tensor]:
        size = [side // STRIDES[2] * PATCH_PX for side in images.shape[2:]]
        scaled = functional.interpolate(images, size=size, mode="bilinear", align_corners=False)
        trunk: AnyThermal = self.trunk  # type: ignore[assignment]
        return [found.grid for found in trunk.intermediate(scaled, self.layers)]

    def pyramid(self, tokens: Sequence[Tensor], images: Tensor, modality: Modality) -> list[Tensor]:
        """Tokens of three blocks at three strides, with the details of the picture."""
        parts = zip(tokens, self.project, self.rescale, strict=True)
        levels = [rescale(project(grid)) for grid, project, rescale in parts]
        fine, middle = self.details[modality](images)
        whole = (levels[0] + fine, levels[1] + middle, levels[2])
        return [norm(level) for norm, level in zip(self.norms, whole, strict=True)]


class _Details(nn.Module):
    """Edges of the picture at strides 4 and 8."""

    def __init__(self, fine: int, middle: int) -> None:
        super().__init__()
        first = max(1, fine // 2)
        self.fine = nn.Sequential(
            nn.Conv2d(3, first, 3, stride=2, padding=1),
            nn.GroupNorm(1, first),
            nn.GELU(),
            nn.Conv2d(first, fine, 3, stride=2, padding=1),
            nn.GroupNorm(1, fine),
            nn.GELU(),
        )
        self.middle = nn.Conv2d(fine, middle, 3, stride=2, padding=1)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(B, fine, H / 4, W / 4) and (B, middle, H / 8, W / 8)."""
        found = self.fine(images)
        return found, self.middle(found)


def state_sha256(module: nn.Module) -> str:
    """64 hex digits of all tensors of a network with their names: which trunk was trained on."""
    digest = hashlib.sha256()
    for name, value in sorted(module.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().float().numpy().tobytes())
    return digest.hexdigest()
