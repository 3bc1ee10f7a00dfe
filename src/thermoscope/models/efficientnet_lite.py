"""EfficientNet-Lite0: a small convolutional network that saw ImageNet, as a second kind of teacher.

It shares nothing with a vision transformer but the task, so what both teachers say of a picture
is likely to be in the picture. The tensors of the published PyTorch port load by position.

Sources: Tan and Le, EfficientNet, ICML 2019; the Lite variants drop squeeze-and-excitation and use
ReLU6 (TensorFlow TPU models repository).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from torch import Tensor, nn

from thermoscope.core.errors import ConfigError, ShapeError, WeightsMismatchError
from thermoscope.models.anythermal import Features

__all__ = ["EfficientNetLite0"]

STAGES = (  # blocks, kernel, stride, expansion, channels
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
STEM = 32
HEAD = 1280
MULTIPLE_PX = 32


def _convolution(inputs: int, outputs: int, kernel: int, stride: int, groups: int) -> nn.Conv2d:
    return nn.Conv2d(
        inputs, outputs, kernel, stride, padding=kernel // 2, groups=groups, bias=False
    )


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


class _Block(nn.Module):
    """Inverted residual: widen, filter each channel, narrow."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = inputs * expansion
        layers: list[nn.Module] = []
        if expansion != 1:
            layers += [
                _convolution(inputs, wide, 1, 1, 1),
                _norm(wide),
                nn.ReLU6(),
            ]
        layers += [_convolution(wide, wide, kernel, stride, wide), _norm(wide)]
        layers += [
            nn.ReLU6(),
            _convolution(wide, outputs, 1, 1, 1),
            _norm(outputs),
        ]
        self.layers = nn.Sequential(*layers)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x)
        return x + y if self.residual else y


class EfficientNetLite0(nn.Module):
    """The network without its classifier; 3.4 M parameters.

    Attributes:
        width: Channels of the last layer, 1280.
        layers: Seven stages and the head.
    """

    def __init__(self) -> None:
        super().__init__()
        self.width, self.layers = HEAD, len(STAGES) + 1
        self.stem = nn.Sequential(_convolution(3, STEM, 3, 2, 1), _norm(STEM), nn.ReLU6())
        widths = [STEM, *(stage[4] for stage in STAGES)]
        self.stages = nn.ModuleList()
        for (inputs, outputs), (blocks, kernel, stride, expansion, _) in zip(
            pairwise(widths), STAGES, strict=True
        ):
            first = _Block(inputs, outputs, kernel, stride, expansion)
            rest = [_Block(outputs, outputs, kernel, 1, expansion) for _ in range(blocks - 1)]
            self.stages.append(nn.Sequential(first, *rest))
        self.head = nn.Sequential(_convolution(widths[-1], HEAD, 1, 1, 1), _norm(HEAD), nn.ReLU6())

    def intermediate(self, images: Tensor, layers: Sequence[int]) -> list[Features]:
        """Features of several stages; the mean over the picture stands for the class token.

        Args:
            images: (B, 3, H, W), ImageNet-normalised, H and W multiples of 32.
            layers: 0 to 6 are the stages, 7 the head; negative ones count from the end.

        Raises:
            ShapeError: Another shape.
            ConfigError: No such layer.
        """
        shape = tuple(images.shape)
        if len(shape) != 4 or shape[1] != 3 or shape[2] % MULTIPLE_PX or shape[3] % MULTIPLE_PX:
            raise ShapeError(
                f"images must be (B, 3, H, W) with sides that are multiples of {MULTIPLE_PX}, "
                f"got {shape}.",
                actual_shape=shape,
            )
        for layer in layers:
            if not -self.layers <= layer < self.layers:
                raise ConfigError(f"layer {layer} does not exist: 0 to {self.layers - 1} do.")
        states, x = [], self.stem(images)
        for stage in [*self.stages, self.head]:
            x = stage(x)
            states.append(x)
        found = [states[layer] for layer in layers]
        return [Features(cls=grid.mean(dim=(2, 3)), grid=grid) for grid in found]

    def load_published(self, state: Mapping[str, Tensor]) -> None:
        """Fill the network with the tensors of the published port, whose order is ours.

        Raises:
            WeightsMismatchError: Another number of tensors, or another shape.
        """
        theirs = [t for n, t in state.items() if not n.startswith("_fc.")]
        ours = self.state_dict()
        shapes = [tuple(t.shape) for t in ours.values()]
        if shapes != [tuple(t.shape) for t in theirs]:
            raise WeightsMismatchError("the file is not EfficientNet-Lite0 of the published port.")
        self.load_state_dict(dict(zip(ours, theirs, strict=True)))
        self.eval()
