"""Clicks: points and boxes to a mask, with SAM2's own prompt encoder and mask decoder.

Words first (`thermoscope.models.sartm`), then clicks to put right what words missed. The network is
SAM2 as published, through `transformers`; training SARTM does not change it, because SARTM's
decoder is another one. What is NOT here: classes, and video.

Source: Ravi et al., SAM 2: Segment Anything in Images and Videos, arXiv 2408.00714.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from thermoscope.core.errors import ConfigError, ShapeError
from thermoscope.core.weights import InputSpec
from thermoscope.io.thermal_image import ThermalImage
from thermoscope.models.prepare import IMAGENET_MEAN, IMAGENET_STD, Modality, network_input
from thermoscope.models.sartm_encoders import read_sam2

if TYPE_CHECKING:
    from transformers import Sam2Model

__all__ = ["PromptedMask", "Sam2Promptable"]

OBJECT, BACKGROUND = 1, 0


@dataclass(frozen=True)
class PromptedMask:
    """What was clicked at.

    Attributes:
        mask: (H, W) bool.
        logits: (H, W) float32; the mask is where they are above 0.
        quality: IoU with the true mask, as SAM2 guesses it.
    """

    mask: NDArray[np.bool_]
    logits: NDArray[np.float32]
    quality: float


class Sam2Promptable:
    """One picture, many clicks: the picture is encoded once.

    Args:
        source: See `read_sam2`.

    Raises:
        ReadError: SAM2 is neither in the folder, in the cache nor within reach.
        WeightsMismatchError: Weights that lack a part of SAM2.

    Example:
        >>> clicks = Sam2Promptable("random")
        >>> clicks.look_at(np.zeros((30, 40, 3), np.uint8), modality="rgb")
        >>> clicks.mask(points=[(20, 10)]).mask.shape
        (30, 40)
    """

    def __init__(self, source: str | Path) -> None:
        self.network: Sam2Model = read_sam2(source).requires_grad_(requires_grad=False)
        self._maps: list[Tensor] = []
        self._size_px = (0, 0)

    @property
    def side_px(self) -> int:
        """SAM2 takes squares of this side."""
        side = self.network.config.prompt_encoder_config.image_size  # type: ignore[union-attr]
        return int(side)

    @property
    def input_spec(self) -> InputSpec:
        """Colour as SAM2 takes it; thermal between its percentiles, normalised alike."""
        tone = {"method": "percentile", "low_percent": 1.0, "high_percent": 99.0}
        return InputSpec("counts", tone, IMAGENET_MEAN, IMAGENET_STD, 1)

    @torch.inference_mode()
    def look_at(
        self, image: ThermalImage | NDArray[Any], *, modality: Modality = "thermal"
    ) -> None:
        """Encode a picture; the clicks that follow are in it.

        Args:
            image: As `network_input` takes it. It is stretched to SAM2's square, as SAM2's own
                preprocessing does.
            modality: What it is.

        Raises:
            ShapeError: Not a frame.
            UnitError: An element type that is no frame's.
        """
        square = (self.side_px, self.side_px)
        prepared = network_input(image, self.input_spec, modality=modality, size_px=square)
        device = next(self.network.parameters()).device
        self._maps = list(self.network.get_image_embeddings(prepared.images.to(device)))
        self._size_px = prepared.size_px

    @torch.inference_mode()
    def mask(
        self,
        *,
        points: Sequence[tuple[float, float]] = (),
        background: Sequence[tuple[float, float]] = (),
        box: tuple[float, float, float, float] | None = None,
    ) -> PromptedMask:
        """The mask of one object, at the resolution of the picture.

        Args:
            points: (x, y) px on the object.
            background: (x, y) px beside it.
            box: (left, top, right, bottom) px around it.

        Raises:
            ConfigError: No picture was looked at, or neither point nor box.
            ShapeError: A point outside the picture, or a box without area.
        """
        if not self._maps:
            raise ConfigError("there is no picture to click at. Call look_at first.")
        clicks = [*points, *background]
        if not clicks and box is None:
            raise ConfigError("a mask needs a click: give points or a box.")
        self._check([*clicks, *([box[:2], box[2:]] if box else [])], box)
        kinds = [OBJECT] * len(points) + [BACKGROUND] * len(background)
        several = box is None and len(clicks) == 1  # one click may mean a part or the whole
        found = self.network(
            image_embeddings=self._maps,
            input_points=self._scaled(clicks)[None, None] if clicks else None,
            input_labels=torch.tensor([[kinds]]) if clicks else None,
            input_boxes=self._scaled([box[:2], box[2:]]).reshape(1, 1, 4) if box else None,
            multimask_output=several,
        )
        best = int(found.iou_scores[0, 0].argmax())
        whole = functional.interpolate(
            found.pred_masks[:, 0, best : best + 1].float(),
            size=self._size_px,
            mode="bilinear",
            align_corners=False,
        )
        logits = whole[0, 0].cpu().numpy()
        return PromptedMask(logits > 0, logits, float(found.iou_scores[0, 0, best]))

    def _scaled(self, points: Sequence[tuple[float, ...]]) -> Tensor:
        """(N, 2) in pixels of SAM2's square."""
        height, width = self._size_px
        factors = torch.tensor([self.side_px / width, self.side_px / height])
        return torch.tensor([list(p) for p in points], dtype=torch.float32) * factors

    def _check(
        self, points: Sequence[tuple[float, ...]], box: tuple[float, float, float, float] | None
    ) -> None:
        height, width = self._size_px
        outside = [p for p in points if not (0 <= p[0] <= width and 0 <= p[1] <= height)]
        if outside:
            raise ShapeError(
                f"the point {outside[0]} lies outside the picture of {width} x {height} px. Give x "
                "and y in its pixels."
            )
        if box is not None and not (box[0] < box[2] and box[1] < box[3]):
            raise ShapeError(f"a box is (left, top, right, bottom) with an area, got {box}.")
