"""AnyThermal: a vision transformer that encodes thermal and colour pictures alike.

The network is DINOv2's, taken from `transformers`; what makes it AnyThermal is its weights,
distilled on RGB-thermal pairs so that a thermal picture is described as DINOv2 describes the colour
picture of the same place. One tower serves both modalities; a thermal picture fills three equal
channels.

Read on in `thermoscope.models.prepare` (from a frame to the input), `thermoscope.models.teachers`
(what it learned from) and `thermoscope.recipes.distill_anythermal` (how).

Sources: Maheshwari et al., AnyThermal: Towards Learning Universal Representations for Thermal
Perception, arXiv 2602.06203; Oquab et al., DINOv2, arXiv 2304.07193.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import Dinov2Config, Dinov2Model

from thermoscope.core.errors import ConfigError, ReadError, ShapeError, WeightsMismatchError
from thermoscope.core.weights import WeightsCard, check_state, load_state

__all__ = [
    "SIZES",
    "AnyThermal",
    "Features",
    "modern_names",
    "read_dinov2",
    "read_released_checkpoint",
    "state_from_hub_names",
]

PATCH_PX = 14
SIZES: dict[str, tuple[int, int, int]] = {  # width, blocks, heads
    "tiny": (32, 4, 2),
    "small": (384, 12, 6),
    "base": (768, 12, 12),
    "large": (1024, 24, 16),
}
POSITIONS_PX = 518  # side of the picture that DINOv2's position embedding was trained for
POSITIONS_PX_TINY = 56
ANYTHERMAL_URL = "https://huggingface.co/theairlabcmu/AnyThermal"


@dataclass(frozen=True)
class Features:
    """What one layer of the backbone says about a batch of pictures.

    Attributes:
        cls: (B, C) class token, not normalised to unit length.
        grid: (B, C, H / 14, W / 14) patch tokens, row by row.
    """

    cls: Tensor
    grid: Tensor

    @property
    def mean(self) -> Tensor:
        """(B, C) mean of the patch tokens."""
        return self.grid.mean(dim=(2, 3))


class AnyThermal(nn.Module):
    """The backbone.

    Args:
        size: ``"small"`` (22 M parameters), ``"base"`` (86 M), ``"large"`` (300 M), or ``"tiny"``,
            which is for tests.
        blocks: Transformer blocks, counted from the input; all of the size if 0.

    Attributes:
        width: Numbers in a token.
        layers: Transformer blocks.
        patch_px: Side of a patch, px.
        card: Where the weights came from; None for random weights.

    Raises:
        ConfigError: Unknown size, or more blocks than it has.

    Example:
        >>> backbone = AnyThermal.tiny(seed=0)
        >>> backbone(torch.zeros(1, 3, 28, 42)).grid.shape
        torch.Size([1, 32, 2, 3])
    """

    def __init__(self, size: str = "small", *, blocks: int = 0) -> None:
        super().__init__()
        if size not in SIZES:
            raise ConfigError(f"size {size!r} is unknown. Choose from {', '.join(SIZES)}.")
        self.size = size
        self.width, most, heads = SIZES[size]
        if not 0 <= blocks <= most:
            raise ConfigError(f"blocks must lie between 0 (all) and {most}, got {blocks}.")
        self.layers = blocks or most
        self.patch_px = PATCH_PX
        self.card: WeightsCard | None = None
        self.backbone = Dinov2Model(
            Dinov2Config(
                hidden_size=self.width,
                num_hidden_layers=self.layers,
                num_attention_heads=heads,
                image_size=POSITIONS_PX_TINY if size == "tiny" else POSITIONS_PX,
                patch_size=PATCH_PX,
            )
        )

    @classmethod
    def tiny(cls, seed: int = 0) -> AnyThermal:
        """A network of 0.07 M random parameters, the same for the same seed, in eval mode."""
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            return cls("tiny").eval()

    def shortened(self, blocks: int) -> AnyThermal:
        """A copy of the first `blocks` blocks, with the final norm; all if 0.

        Raises:
            ConfigError: More blocks than there are.
        """
        if blocks > self.layers:
            raise ConfigError(f"blocks must be at most {self.layers}, got {blocks}.")
        copy = AnyThermal(self.size, blocks=blocks or self.layers)
        state = self.state_dict()
        copy.load_state_dict({name: state[name].clone() for name in copy.state_dict()})
        return copy.train(self.training)

    def forward(self, images: Tensor) -> Features:
        """Features of the last layer, after the final norm.

        Args:
            images: (B, 3, H, W), prepared by `network_input`; H and W multiples of 14.

        Raises:
            ShapeError: Another shape.
        """
        return self.intermediate(images, (self.layers - 1,))[0]

    def intermediate(
        self, images: Tensor, layers: Sequence[int], *, norm: bool = True
    ) -> list[Features]:
        """Features of several blocks in one pass.

        Args:
            images: (B, 3, H, W), H and W multiples of 14.
            layers: Blocks, 0 to `layers` - 1; negative ones count from the end.
            norm: Whether the final norm is applied to each.

        Raises:
            ShapeError: Another shape.
            ConfigError: No such block.
        """
        height, width = self._check(images)
        wanted = [self._block(layer) for layer in layers]
        states = self.backbone(images, output_hidden_states=True).hidden_states
        found = []
        for block in wanted:
            tokens = states[block + 1]
            tokens = self.backbone.layernorm(tokens) if norm else tokens
            grid = tokens[:, 1:].transpose(1, 2).unflatten(2, (height, width))
            found.append(Features(cls=tokens[:, 0], grid=grid))
        return found

    def _check(self, images: Tensor) -> tuple[int, int]:
        shape = tuple(images.shape)
        if len(shape) != 4 or shape[1] != 3 or 0 in shape:
            raise ShapeError(
                f"images must be (B, 3, H, W), got {shape}. Use network_input to make them.",
                actual_shape=shape,
                expected_shape="B 3 H W",
            )
        if shape[2] % PATCH_PX or shape[3] % PATCH_PX:
            raise ShapeError(
                f"height and width must be multiples of {PATCH_PX}, got {shape[2]} and {shape[3]}. "
                "Use network_input with fit='floor' or fit='pad'.",
                actual_shape=shape,
                expected_shape="B 3 14n 14m",
            )
        return shape[2] // PATCH_PX, shape[3] // PATCH_PX

    def _block(self, layer: int) -> int:
        if not -self.layers <= layer < self.layers:
            raise ConfigError(
                f"layer {layer} does not exist: this backbone has blocks 0 to {self.layers - 1}."
            )
        return layer % self.layers

    def groups(self) -> dict[str, list[nn.Parameter]]:
        """Parameters by role: ``embedding``, ``block_00`` and so on, ``norm``."""
        inner = self.backbone
        named = {"embedding": list(inner.embeddings.parameters())}
        for index, block in enumerate(inner.encoder.layer):
            named[f"block_{index:02d}"] = list(block.parameters())
        named["norm"] = list(inner.layernorm.parameters())
        return named


# -- weights of others ----------------------------------------------------------------------------

_HUB_PLACES = {
    "cls_token": "embeddings.cls_token",
    "mask_token": "embeddings.mask_token",
    "pos_embed": "embeddings.position_embeddings",
    "patch_embed.proj.weight": "embeddings.patch_embeddings.projection.weight",
    "patch_embed.proj.bias": "embeddings.patch_embeddings.projection.bias",
    "norm.weight": "layernorm.weight",
    "norm.bias": "layernorm.bias",
}
_HUB_BLOCK_PLACES = {
    "norm1": "norm1",
    "norm2": "norm2",
    "attn.proj": "attention.o_proj",
    "ls1.gamma": "layer_scale1.lambda1",
    "ls2.gamma": "layer_scale2.lambda1",
    "mlp.fc1": "mlp.fc1",
    "mlp.fc2": "mlp.fc2",
}


def state_from_hub_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Names of DINOv2's own repository turned into those of `AnyThermal`.

    Query, key and value, which are one matrix there, become three. A leading ``module.`` (from
    data-parallel training) is dropped.

    Args:
        state: Tensors named ``blocks.0.attn.qkv.weight``, ``patch_embed.proj.weight`` ...

    Raises:
        WeightsMismatchError: A name that DINOv2 does not have.
    """
    renamed: dict[str, Tensor] = {}
    unknown = []
    for name, value in state.items():
        places = _places_of(name.removeprefix("module."), value)
        unknown += [] if places else [name]
        renamed.update({f"backbone.{place}": tensor for place, tensor in places.items()})
    if unknown:
        raise WeightsMismatchError(
            f"{len(unknown)} tensors are not DINOv2's, such as {unknown[0]!r}. "
            "Give a DINOv2 backbone without registers, in the naming of its own repository.",
            unexpected=unknown,
        )
    return renamed


def _places_of(name: str, value: Tensor) -> dict[str, Tensor]:
    if name in _HUB_PLACES:
        return {_HUB_PLACES[name]: value}
    parts = name.split(".")
    if parts[0] != "blocks" or len(parts) < 4 or not parts[1].isdigit():
        return {}
    prefix, rest = f"encoder.layer.{parts[1]}", ".".join(parts[2:])
    if rest.startswith("attn.qkv.") and value.shape[0] % 3 == 0:
        kind = parts[-1]
        pieces = zip("qkv", value.chunk(3), strict=True)
        return {f"{prefix}.attention.{k}_proj.{kind}": p.contiguous() for k, p in pieces}
    for theirs, ours in _HUB_BLOCK_PLACES.items():
        if rest == theirs or rest in (f"{theirs}.weight", f"{theirs}.bias"):
            return {f"{prefix}.{ours}{rest[len(theirs) :]}": value}
    return {}


def read_released_checkpoint(path: str | Path) -> AnyThermal:
    """The backbone that the authors of AnyThermal released, or one trained with their code.

    Args:
        path: A ``.pth`` file: the dict with ``student_model_state_dict`` (and in it
            ``backbone_model_state_dict``), or a plain DINOv2 state. Read without running its
            pickled code.

    Raises:
        ReadError: No such file, not a checkpoint, or one that needs code to be run.
        WeightsMismatchError: Tensors that do not fit a DINOv2 of any known size.
    """
    content = _load_checkpoint(Path(path))
    for key in ("student_model_state_dict", "backbone_model_state_dict"):
        content = content.get(key, content)
    state = {k: v for k, v in content.items() if isinstance(v, Tensor)}
    width = next((v.shape[-1] for k, v in state.items() if k.endswith("cls_token")), 0)
    size = next((name for name, sizes in SIZES.items() if sizes[0] == width), None)
    if size is None:
        raise WeightsMismatchError(
            f"{path} holds no DINOv2 backbone: no class token of a known width (found {width}). "
            f"Fetch the backbone checkpoint from {ANYTHERMAL_URL}."
        )
    return _filled(size, state_from_hub_names(state), name=str(path))


def _load_checkpoint(path: Path) -> Mapping[str, Any]:
    if not path.is_file():
        raise ReadError(f"no checkpoint at {path}. Fetch it from {ANYTHERMAL_URL}.", path=path)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as err:  # torch raises half a dozen kinds for a bad file
        raise ReadError(
            f"{path} is not a checkpoint that can be read without running code from it: "
            f"{str(err).splitlines()[0]}",
            path=path,
        ) from err
    if not isinstance(content, Mapping):
        raise ReadError(f"{path} holds {type(content).__name__}, not a dict of tensors.", path=path)
    return content


def _filled(size: str, state: dict[str, Tensor], *, name: str) -> AnyThermal:
    model = AnyThermal(size)
    key = "backbone.embeddings.mask_token"  # unused after pre-training, absent from some exports
    state.setdefault(key, torch.zeros(1, model.width))
    check_state(model, state, name=name)
    model.load_state_dict(state, strict=True)
    return model.eval()


def read_dinov2(source: str | Path) -> AnyThermal:
    """DINOv2 as published, from a local folder or the hub.

    Args:
        source: A folder with ``config.json`` and ``model.safetensors``, or a name on the hub such
            as ``facebook/dinov2-base``.

    Raises:
        ReadError: Not found, or neither network nor cache is at hand.
        WeightsMismatchError: Not a DINOv2 of a known size.
    """
    folder = Path(source)
    file = folder / "model.safetensors" if folder.is_dir() else _fetch(str(source))
    state = {f"backbone.{k}": v.clone() for k, v in modern_names(load_state(file)).items()}
    width = state["backbone.layernorm.weight"].shape[0] if state else 0
    size = next((name for name, sizes in SIZES.items() if sizes[0] == width), None)
    if size is None:
        raise WeightsMismatchError(f"{source} is no DINOv2 of a known width (found {width}).")
    return _filled(size, state, name=str(source))


def modern_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Names of transformers 4, which published files carry, turned into those of transformers 5."""
    pairs = (
        ("attention.attention.query", "attention.q_proj"),
        ("attention.attention.key", "attention.k_proj"),
        ("attention.attention.value", "attention.v_proj"),
        ("attention.output.dense", "attention.o_proj"),
    )
    renamed = {}
    for name, value in state.items():
        new = name.removeprefix("dinov2.")
        for old, modern in pairs:
            new = new.replace(old, modern)
        renamed[new] = value
    return renamed


def _fetch(name: str) -> Path:
    from huggingface_hub import hf_hub_download

    try:
        return Path(hf_hub_download(name, "model.safetensors"))
    except Exception as err:  # the hub's client raises its own, requests' and OS errors
        reason = str(err).strip().splitlines()[0] if str(err).strip() else type(err).__name__
        raise ReadError(
            f"cannot fetch {name!r} from the hub ({reason}). With no network, put its "
            "model.safetensors and config.json into a folder and give that folder."
        ) from err
