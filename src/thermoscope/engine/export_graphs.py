"""Networks at one size, tensors in and tensors out, as `torch.export` follows them.

Everything that depends on the size alone (position embeddings of a transformer) becomes a constant,
updates of low rank become part of the weights, and what an answer does not need is left out. What
is NOT here: names, sizes and facts of each graph (`thermoscope.engine.export_plans`).
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from thermoscope.layers.lora import merge_lora, select_lora
from thermoscope.models.anythermal import PATCH_PX, AnyThermal, Features
from thermoscope.models.dense_heads import ThermalDepth, ThermalSegmenter
from thermoscope.models.place import PlaceRecognizer
from thermoscope.models.prepare import Modality
from thermoscope.models.sartm import FUSED, Sartm
from thermoscope.models.sartm_encoders import (
    MODALITIES,
    STRIDES,
    SceneEncoder,
    VitEncoder,
)

if TYPE_CHECKING:
    from transformers import Sam2VisionModel

__all__ = [
    "BackboneGraph",
    "DenseGraph",
    "FixedBackbone",
    "FixedHiera",
    "PlaceGraph",
    "SceneAnswer",
    "SceneGraph",
]


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


class BackboneGraph(nn.Module):
    """Class token and grid of the last block.

    Args:
        network: Is copied, as in all graphs below.
        size_px: Height and width.
    """

    def __init__(self, network: AnyThermal, size_px: tuple[int, int]) -> None:
        super().__init__()
        self.backbone = FixedBackbone(network, size_px, (network.layers - 1,))

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """(B, C) and (B, C, H / 14, W / 14) of (B, 3, H, W)."""
        (last,) = self.backbone(image)
        return last.cls, last.grid


class DenseGraph(nn.Module):
    """Depth, or a score for each class, at the size of the picture.

    Args:
        network: With its head.
        size_px: Height and width.
    """

    def __init__(self, network: ThermalDepth | ThermalSegmenter, size_px: tuple[int, int]) -> None:
        super().__init__()
        self.backbone = FixedBackbone(network.backbone, size_px, network.layers)
        self.head, self.size_px = network.head, size_px

    def forward(self, image: Tensor) -> Tensor:
        """(B, channels, H, W) of (B, 3, H, W)."""
        answer: Tensor = self.head([f.grid for f in self.backbone(image)], self.size_px)
        return answer


class PlaceGraph(nn.Module):
    """Descriptor of a place.

    Args:
        network: With its pooling.
        size_px: Height and width.
    """

    def __init__(self, network: PlaceRecognizer, size_px: tuple[int, int]) -> None:
        super().__init__()
        self.backbone = FixedBackbone(network.backbone, size_px, (network.layer,))
        self.pooling = network.pooling

    def forward(self, image: Tensor) -> Tensor:
        """(B, D) of (B, 3, H, W)."""
        (last,) = self.backbone(image)
        descriptor: Tensor = self.pooling(last.cls, last.grid)
        return descriptor


# -- SARTM ----------------------------------------------------------------------------------------


class FixedHiera(nn.Module):
    """SAM2's image encoder at one size.

    Args:
        vision: Is copied.
        size_px: Height and width, multiples of 32.
    """

    positions: Tensor

    def __init__(self, vision: Sam2VisionModel, size_px: tuple[int, int]) -> None:
        super().__init__()
        inner: Any = copy.deepcopy(vision)
        hiera = inner.eval().backbone
        rows = (size_px[0] // STRIDES[0], size_px[1] // STRIDES[0])
        with torch.no_grad():
            self.register_buffer("positions", hiera._get_pos_embed(rows).clone())
        self.patches: nn.Module = hiera.patch_embed
        self.blocks: nn.ModuleList = hiera.blocks
        self.stage_ends = tuple(int(index) for index in hiera.stage_ends)
        self.neck: nn.Module = inner.neck

    def forward(self, images: Tensor) -> list[Tensor]:
        """Maps at strides 4, 8 and 16 of (B, 3, H, W)."""
        tokens = self.patches(images) + self.positions
        stages = []
        for index, block in enumerate(self.blocks):
            tokens = block(tokens)
            if index in self.stage_ends:
                stages.append(tokens)
        maps, _ = self.neck(tuple(stages))
        return list(maps[-len(STRIDES) :][::-1])


class _ScaledBackbone(nn.Module):
    """AnyThermal on pictures whose sides are multiples of 16, as `VitEncoder` uses it."""

    def __init__(
        self, backbone: AnyThermal, size_px: tuple[int, int], layers: Sequence[int]
    ) -> None:
        super().__init__()
        height, width = (side // STRIDES[2] * PATCH_PX for side in size_px)
        self.size_px = (height, width)
        self.backbone = FixedBackbone(backbone, self.size_px, layers)

    def forward(self, images: Tensor) -> list[Tensor]:
        scaled = functional.interpolate(
            images, size=self.size_px, mode="bilinear", align_corners=False
        )
        return [found.grid for found in self.backbone(scaled)]


def _fixed_trunk(encoder: SceneEncoder, size_px: tuple[int, int], modality: Modality) -> nn.Module:
    """The frozen trunk with this modality's updates folded in."""
    trunk = copy.deepcopy(encoder.trunk)
    select_lora(trunk, MODALITIES.index(modality))
    merge_lora(trunk)
    if isinstance(encoder, VitEncoder):
        return _ScaledBackbone(trunk, size_px, encoder.layers)  # type: ignore[arg-type]
    return FixedHiera(trunk, size_px)  # type: ignore[arg-type]


class SceneGraph(nn.Module):
    """Logits of a `Sartm` for a pair or for one picture: its ``fused`` answer and nothing else.

    Args:
        network: Is copied.
        size_px: Height and width, multiples of the encoder's.
        modalities: Of the inputs, in order.
    """

    def __init__(
        self, network: Sartm, size_px: tuple[int, int], modalities: Sequence[Modality]
    ) -> None:
        super().__init__()
        self.modalities, self.size_px = tuple(modalities), size_px
        first = self.modalities[0]
        self.trunks = nn.ModuleDict({first: _fixed_trunk(network.encoder, size_px, first)})
        for other in self.modalities[1:]:  # one trunk, unless each modality has its own updates
            self.trunks[other] = (
                self.trunks[first]
                if network.encoder.shared
                else _fixed_trunk(network.encoder, size_px, other)
            )
        self.network = copy.deepcopy(network).eval()

    def forward(self, first: Tensor, second: Tensor | None = None) -> Tensor:
        """(B, K, H, W) of one picture or two, (B, 3, H, W) each."""
        maps, _ = self.maps(first, second)
        return functional.interpolate(maps, size=self.size_px, mode="bilinear", align_corners=False)

    def maps(self, first: Tensor, second: Tensor | None) -> tuple[Tensor, Tensor]:
        """(B, K, H / 4, W / 4) logits and (B, D, H / 4, W / 4) dense features."""
        given = (first,) if second is None else (first, second)
        images = dict(zip(self.modalities, given, strict=True))
        tokens = {name: self.trunks[name](image) for name, image in images.items()}
        pyramids = self.network.pyramids(images, tokens)
        network = self.network
        if network.answer == "mean" and len(pyramids) == 2:
            found = network.read(pyramids, head=network.head)
            logits = [found[name].logits(network.head) for name in ("rgb", "thermal")]
            return (logits[0] + logits[1]) / 2, found[FUSED].dense
        fused = network.read(pyramids, head=network.head, only=FUSED)[FUSED]
        return fused.logits(network.head), fused.dense


class SceneAnswer(SceneGraph):
    """What `Sartm.predict` starts from: logits, and dense features for words; as `SceneGraph`."""

    def forward(  # type: ignore[override]  # two answers in place of one
        self, first: Tensor, second: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """(B, K, H / 4, W / 4) and (B, D, H / 4, W / 4)."""
        return self.maps(first, second)
