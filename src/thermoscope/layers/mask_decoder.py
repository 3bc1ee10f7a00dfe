"""SAM2's mask decoder with one token a class: masks of classes instead of masks of clicks.

The two-way transformer is SAM2's own, from `transformers`. Each class has a token; it talks with
the other tokens and with the picture, and a small network of its own turns it into weights of the
enlarged map. What is NOT here: prompts (`thermoscope.models.sam2_prompt`).

Differs from SARTM's decoder in: any number of classes and any size of picture; exactly one token a
class, none that is computed and thrown away; SAM2's object score does not gate the answer, which in
a scene with classes everywhere could only silence a whole picture.

Sources: Ravi et al., SAM 2, arXiv 2408.00714; Xing et al., SARTM, arXiv 2505.01950.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import Sam2MaskDecoderConfig
from transformers.models.sam2.modeling_sam2 import Sam2LayerNorm, Sam2TwoWayTransformer

from thermoscope.core.checks import check_positive
from thermoscope.core.errors import ConfigError, ShapeError

if TYPE_CHECKING:
    from transformers import Sam2Model

__all__ = ["ClassTokenDecoder", "start_from_sam2"]

CONTEXT_TOKENS = 3  # SAM2's tokens of object score, of mask quality and of "no point"


class ClassTokenDecoder(nn.Module):
    """A pyramid at strides 4, 8 and 16 to a score for each class at stride 4.

    Args:
        widths: Channels at strides 4, 8 and 16.
        classes: Number of classes.
        heads: Of the attention; divides half of the last width.
        mlp: Hidden width of the transformer's networks.
        blocks: Of the transformer.

    Raises:
        ConfigError: Not three widths, or numbers that do not fit.

    Example:
        >>> decoder = ClassTokenDecoder((4, 8, 16), classes=5, heads=2, mlp=8)
        >>> levels = [torch.zeros(2, c, 48 // s, 64 // s) for c, s in ((4, 4), (8, 8), (16, 16))]
        >>> decoder(levels).shape
        torch.Size([2, 5, 12, 16])
    """

    directions: Tensor

    def __init__(
        self,
        widths: Sequence[int],
        *,
        classes: int,
        heads: int = 8,
        mlp: int = 2048,
        blocks: int = 2,
    ) -> None:
        super().__init__()
        check_positive(classes, name="classes")
        if len(widths) != 3 or min(*widths, heads) < 1 or widths[-1] % (4 * heads):
            raise ConfigError(
                "a class-token decoder needs three widths, the last a multiple of 4 x heads, "
                f"got {tuple(widths)} and {heads} heads."
            )
        fine, middle, width = widths
        config = Sam2MaskDecoderConfig(
            hidden_size=width, mlp_dim=mlp, num_attention_heads=heads, num_hidden_layers=blocks
        )
        config._attn_implementation = "sdpa"
        self.widths = tuple(widths)
        self.transformer = Sam2TwoWayTransformer(config)
        self.class_tokens = nn.Parameter(torch.randn(classes, width) / math.sqrt(width))
        self.context_tokens = nn.Parameter(torch.randn(CONTEXT_TOKENS, width) / math.sqrt(width))
        self.no_mask = nn.Parameter(torch.zeros(width))
        self.register_buffer("directions", torch.randn(2, width // 2))
        self.upscale_conv1 = nn.ConvTranspose2d(width, middle, 2, stride=2)
        self.upscale_layer_norm = Sam2LayerNorm(  # type: ignore[no-untyped-call]
            middle, data_format="channels_first"
        )
        self.upscale_conv2 = nn.ConvTranspose2d(middle, fine, 2, stride=2)
        self.weigh = _ClassNetworks(classes, (width, width, width, fine))

    def forward(self, pyramid: Sequence[Tensor]) -> Tensor:
        """(B, K, H / 4, W / 4) logits.

        Args:
            pyramid: (B, `widths[i]`, H / stride, W / stride) at strides 4, 8 and 16.

        Raises:
            ShapeError: Levels that are not of these strides or widths.
        """
        self._check(pyramid)
        fine, middle, coarse = pyramid
        batch, size = coarse.shape[0], (coarse.shape[2], coarse.shape[3])
        tokens = torch.cat((self.context_tokens, self.class_tokens))
        asking, places = self.transformer(
            point_embeddings=tokens.expand(batch, 1, -1, -1),
            image_embeddings=coarse + self.no_mask[:, None, None],
            image_positional_embeddings=self.positions(size).expand(batch, -1, -1, -1),
            attention_similarity=None,
        )
        grid = places[:, 0].transpose(1, 2).reshape(batch, -1, *size)
        grid = functional.gelu(self.upscale_layer_norm(self.upscale_conv1(grid) + middle))
        grid = functional.gelu(self.upscale_conv2(grid) + fine)
        weights = self.weigh(asking[:, 0, CONTEXT_TOKENS:])
        return torch.einsum("bkc,bchw->bkhw", weights, grid)

    def positions(self, size: tuple[int, int]) -> Tensor:
        """(1, C, *size) random Fourier features of the places of a grid."""
        y, x = (
            (torch.arange(n, device=self.directions.device, dtype=torch.float32) + 0.5) / n
            for n in size
        )
        places = torch.stack(torch.meshgrid(y, x, indexing="ij")[::-1], dim=-1)  # x before y
        angles = 2 * math.pi * ((2 * places - 1).to(self.directions.dtype) @ self.directions)
        return torch.cat((angles.sin(), angles.cos()), dim=-1).permute(2, 0, 1)[None]

    def _check(self, pyramid: Sequence[Tensor]) -> None:
        shapes = [tuple(level.shape) for level in pyramid]
        height, width = shapes[-1][2:] if shapes and len(shapes[-1]) == 4 else (0, 0)
        expected = [
            (shapes[-1][0], channels, height * factor, width * factor)
            for channels, factor in zip(self.widths, (4, 2, 1), strict=True)
        ]
        if shapes != expected:
            raise ShapeError(
                f"a class-token decoder takes levels of strides 4, 8 and 16 with {self.widths} "
                f"channels, got {shapes}. Use the encoder it was made for."
            )


class _ClassNetworks(nn.Module):
    """A small network for each class, all at once."""

    def __init__(self, classes: int, widths: Sequence[int]) -> None:
        super().__init__()
        pairs = list(pairwise(widths))
        self.weights = nn.ParameterList(torch.empty(classes, one, other) for one, other in pairs)
        self.biases = nn.ParameterList(torch.zeros(classes, 1, other) for _, other in pairs)
        for weight in self.weights:
            bound = 1 / math.sqrt(weight.shape[1])
            nn.init.uniform_(weight, -bound, bound)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, K, C) to (B, K, C'), token k through network k."""
        found = tokens.transpose(0, 1)
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            found = torch.baddbmm(bias, found.relu() if layer else found, weight)
        return found.transpose(0, 1)


def start_from_sam2(decoder: ClassTokenDecoder, sam2: Sam2Model) -> None:
    """Fill everything but the class tokens and their networks with SAM2's weights.

    Raises:
        ConfigError: SAM2 has another width or depth.
    """
    theirs = sam2.mask_decoder
    parts = ("transformer", "upscale_conv1", "upscale_layer_norm", "upscale_conv2")
    if _shape_of(theirs, parts) != _shape_of(decoder, parts):
        raise ConfigError(
            f"this SAM2's decoder has {theirs.hidden_size} channels, ours {decoder.widths[2]}; or "
            "heads, mlp or blocks differ. Make the decoder with SAM2's."
        )
    for part in parts:
        getattr(decoder, part).load_state_dict(getattr(theirs, part).state_dict())
    prompts = sam2.prompt_encoder
    context = (theirs.obj_score_token, theirs.iou_token, prompts.not_a_point_embed)
    with torch.no_grad():
        decoder.context_tokens.copy_(torch.cat([token.weight for token in context]))
        decoder.no_mask.copy_(prompts.no_mask_embed.weight[0])
        decoder.directions.copy_(sam2.shared_image_embedding.positional_embedding)


def _shape_of(network: nn.Module, parts: Sequence[str]) -> list[object]:
    """What must agree for weights to mean the same."""
    shapes: list[object] = [
        (name, value.shape)
        for part in parts
        for name, value in getattr(network, part).state_dict().items()
    ]
    return [*shapes, network.transformer.layers[0].self_attn.num_attention_heads]  # type: ignore[union-attr, index]
