"""Place recognition: one descriptor of unit length a picture, thermal and colour alike.

A frozen backbone and a pooling on it; two pictures of one place have a large dot product. The
backbone is not part of the weights: the card of a pooling names it. What is NOT here: the poolings
(`thermoscope.layers.pooling`), search (`thermoscope.engine.place_index`), training
(`thermoscope.recipes.place_recognition`).

Source: Maheshwari et al., AnyThermal, arXiv 2602.06203.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from thermoscope.core.checks import check_positive
from thermoscope.core.errors import ConfigError
from thermoscope.core.weights import InputSpec, WeightsCard
from thermoscope.io.thermal_image import ThermalImage
from thermoscope.layers.pooling import Pooling, PoolingKind, make_pooling
from thermoscope.models.anythermal import AnyThermal
from thermoscope.models.dense_heads import named_backbone
from thermoscope.models.load import load_model
from thermoscope.models.prepare import IMAGENET_MEAN, IMAGENET_STD, Modality, network_input

__all__ = ["PlaceRecognizer", "build", "place_model"]

Frame = ThermalImage | NDArray[Any]
SIZE_PX = (224, 224)
CARDLESS_TONE = {"method": "percentile", "low_percent": 1.0, "high_percent": 99.0}


class PlaceRecognizer(nn.Module):
    """A pooling on a frozen backbone. The state of the model is that of its pooling.

    The backbone stays in eval mode and without gradient; it moves with the model from device to
    device, and is in neither `parameters` nor `state_dict`.

    Args:
        backbone: Is frozen here.
        pooling: Made for tokens of the backbone's width.
        layer: Block whose tokens are pooled, negative from the end.
        size_px: Height and width that every picture is scaled to, so that descriptors of cameras
            with different sensors can be compared.

    Attributes:
        dims: Numbers in a descriptor.
        card: Where the weights of the pooling came from, None for a fresh one.

    Raises:
        ConfigError: No such layer, or a size below one patch.

    Example:
        >>> model = PlaceRecognizer(AnyThermal.tiny(), make_pooling("cls", 32), size_px=(28, 28))
        >>> model.describe([np.zeros((40, 50), np.uint16)]).shape
        (1, 32)
    """

    def __init__(
        self,
        backbone: AnyThermal,
        pooling: Pooling,
        *,
        layer: int = -1,
        size_px: Sequence[int] = SIZE_PX,
    ) -> None:
        super().__init__()
        if not -backbone.layers <= layer < backbone.layers:
            raise ConfigError(f"layer {layer} does not exist: there are {backbone.layers} blocks.")
        if len(size_px) != 2 or min(size_px) < backbone.patch_px:
            raise ConfigError(
                f"size_px must be height and width of at least {backbone.patch_px} px, got "
                f"{list(size_px)}."
            )
        self.pooling, self.layer = pooling, layer
        self.dims = pooling.dims
        self.size_px = (int(size_px[0]), int(size_px[1]))
        self.card: WeightsCard | None = None
        self._frozen = (backbone.eval().requires_grad_(requires_grad=False),)

    @property
    def backbone(self) -> AnyThermal:
        """The frozen backbone."""
        return self._frozen[0]

    @property
    def input_spec(self) -> InputSpec:
        """Preprocessing: the pooling's card, else the backbone's, else percentile tone mapping."""
        for card in (self.card, self.backbone.card):
            if card is not None:
                return card.input_spec
        patch = self.backbone.patch_px
        return InputSpec("counts", CARDLESS_TONE, IMAGENET_MEAN, IMAGENET_STD, patch)

    @property
    def identity(self) -> str:
        """Names the weights and settings that a descriptor depends on: equal for equal models."""
        cards = [card.sha256[:16] for card in (self.card, self.backbone.card) if card is not None]
        settings = f"{type(self.pooling).__name__}-{self.dims}-{self.layer}-{self.size_px}"
        return "-".join([*cards, settings.replace(" ", "")])

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> PlaceRecognizer:
        self.backbone._apply(fn, recurse)  # type: ignore[no-untyped-call]
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return self

    def tokens(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Class token (B, C) and grid (B, C, H / 14, W / 14) of the layer, without gradient."""
        with torch.no_grad():
            found = self.backbone.intermediate(images, (self.layer,))[0]
        return found.cls, found.grid

    def forward(self, images: Tensor) -> Tensor:
        """(B, dims) descriptors of unit length of (B, 3, H, W) prepared images."""
        descriptors: Tensor = self.pooling(*self.tokens(images))
        return descriptors

    def prepare(self, frame: Frame, *, modality: Modality) -> Tensor:
        """(3, H, W) network input of a frame.

        Raises:
            ShapeError: Not a frame.
            UnitError: An element type that is no frame's.
        """
        return network_input(
            frame, self.input_spec, modality=modality, size_px=self.size_px
        ).images[0]

    def describe(
        self, frames: Iterable[Frame], *, modality: Modality = "thermal", batch_size: int = 16
    ) -> NDArray[np.float32]:
        """(N, dims) descriptors of unit length, in the order of the frames.

        Args:
            frames: As `network_input` takes them; read one batch at a time.
            modality: What all of them are.
            batch_size: Frames in memory at a time.

        Raises:
            ShapeError: Not a frame.
            UnitError: An element type that is no frame's.
            ConfigError: `batch_size` is not positive.
        """
        check_positive(batch_size, name="batch_size")
        was_training = self.training
        self.eval()
        found = [np.zeros((0, self.dims), np.float32)]
        rest = iter(frames)
        try:
            while batch := [self.prepare(f, modality=modality) for f in islice(rest, batch_size)]:
                found.append(self._answer(torch.stack(batch)))
        finally:
            self.train(was_training)
        return np.concatenate(found)

    def _answer(self, images: Tensor) -> NDArray[np.float32]:
        device = self.backbone.backbone.embeddings.cls_token.device
        with torch.inference_mode():
            answer: Tensor = self(images.to(device))
        return answer.float().cpu().numpy()


def build(
    *,
    backbone: str = "anythermal_small",
    pooling: PoolingKind = "salad",
    clusters: int = 64,
    dims: int = 128,
    global_dims: int = 256,
    hidden: int = 512,
    layer: int = -1,
    size_px: Sequence[int] = SIZE_PX,
    backbone_sha256: str = "",
    source: str | None = None,
) -> PlaceRecognizer:
    """A recogniser with a fresh pooling.

    Args:
        backbone: Name for `load_model`; ``"tiny"`` is a random network for tests.
        pooling: ``"cls"``, ``"mean"``, ``"cls_mean"``, ``"gem"`` or ``"salad"``.
        clusters: Of SALAD, as the next three.
        dims: Numbers of a cluster.
        global_dims: Numbers of the class token.
        hidden: Width of the networks inside.
        layer: See `PlaceRecognizer`.
        size_px: See `PlaceRecognizer`.
        backbone_sha256: Of the backbone's weights; not checked if empty.
        source: Of ``anythermal_base``, see `load_model`.

    Raises:
        UnknownNameError: No such backbone.
        ConfigError: A setting out of range.
        WeightsMismatchError: Another backbone than the one named.
    """
    below = named_backbone(backbone, source=source, sha256=backbone_sha256)
    made = make_pooling(
        pooling,
        below.width,
        clusters=clusters,
        dims=dims,
        global_dims=global_dims,
        hidden=hidden,
    )
    return PlaceRecognizer(below, made, layer=layer, size_px=size_px)


def place_model(
    name: str,
    *,
    pooling: PoolingKind = "cls",
    layer: int = -1,
    size_px: Sequence[int] = SIZE_PX,
    source: str | Path | None = None,
    folder: str | Path | None = None,
) -> PlaceRecognizer:
    """A recogniser by the name of its weights, or a backbone by name with a pooling on it.

    Args:
        name: As in `load_model`; ``"tiny"`` is a random backbone for tests.
        pooling: Where `name` is a backbone: one without weights of its own (not ``"salad"``).
        layer: Where `name` is a backbone: see `PlaceRecognizer`.
        size_px: Where `name` is a backbone: see `PlaceRecognizer`.
        source: See `load_model`.
        folder: See `load_model`.

    Raises:
        UnknownNameError: No such model.
        ConfigError: The model does something else, or ``"salad"`` on a backbone: it must be
            trained.
        ReadError: A weights file is absent or damaged.
        WeightsMismatchError: Weights that do not fit.
    """
    found = AnyThermal.tiny() if name == "tiny" else load_model(name, source=source, folder=folder)
    if isinstance(found, PlaceRecognizer):
        return found.eval()
    if not isinstance(found, AnyThermal):
        raise ConfigError(f"{name!r} is a {type(found).__name__}: it does not recognise places.")
    if pooling == "salad":
        raise ConfigError(
            f"{name!r} is a backbone, SALAD on it has no weights. Choose cls, mean, cls_mean or "
            "gem, or train one: thermoscope train place_recognition."
        )
    made = make_pooling(pooling, found.width)
    return PlaceRecognizer(found, made, layer=layer, size_px=size_px).eval()
