"""A stereo network that OpenVINO runs: the same `predict`, several times as fast on a processor.

The network is compiled once for each size of frame, which takes seconds, and kept. What is NOT
here: files for other machines (`thermoscope.engine.export`).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from thermoscope.engine.export_packages import openvino_package
from thermoscope.engine.openvino_runtime import (
    KEPT_SIZES,
    PURPOSE,
    Precision,
    Runtime,
    chosen,
    compiled,
)
from thermoscope.models.thermostereort import SIZE_MULTIPLE_PX, ThermoStereoRT

__all__ = ["CompiledStereo", "compiled_pair", "in_runtime"]

PairCall = Callable[[NDArray[np.float32], NDArray[np.float32]], list[NDArray[np.float32]]]


def compiled_pair(
    network: ThermoStereoRT, height: int, width: int, *, precision: Precision = "auto"
) -> PairCall:
    """`network` compiled for one pair of this size.

    Args:
        network: In eval mode.
        height: px, a multiple of 16.
        width: px, a multiple of 16.
        precision: What the processor calculates in.

    Returns:
        (1, 1, H, W) left and right to (1, 1, H, W) disparity and confidence; the two arrays are
        copies of their own.

    Raises:
        MissingDependencyError: openvino is not installed.
        ConfigError: Unknown precision.
    """
    views = (torch.zeros(1, 1, height, width), torch.zeros(1, 1, height, width))
    call = compiled(network, views, precision=precision)
    return lambda left, right: call((left, right))


class CompiledStereo(ThermoStereoRT):
    """A `ThermoStereoRT` whose forward pass runs in OpenVINO on the processor.

    `predict` and everything around the network are those of `ThermoStereoRT`. It is for answers:
    it has no gradient, and later changes of its parameters change nothing.

    Args:
        network: What to compile; in eval mode, on the CPU.
        precision: ``"auto"`` is bf16 where the processor has it, else float32.

    Raises:
        MissingDependencyError: openvino is not installed.
    """

    def __init__(self, network: ThermoStereoRT, *, precision: Precision = "auto") -> None:
        super().__init__(**network.arguments)
        self.load_state_dict(network.state_dict())
        self.eval().card = network.card
        self.refine, self.second_opinion = network.refine, network.second_opinion
        self.precision: Precision = precision
        self._network = (network,)  # in a tuple: not a part of this module's own state
        self._kept: OrderedDict[tuple[int, int], PairCall] = OrderedDict()
        openvino_package(purpose=PURPOSE)

    @property
    def sizes_px(self) -> list[tuple[int, int]]:
        """Height and width of the networks that are compiled, the one used last at the end."""
        return list(self._kept)

    def compile_for(self, height: int, width: int) -> None:
        """Compile for frames of this size, before time matters.

        Args:
            height: Of the frames, px, any.
            width: Of the frames, px, any.
        """
        self._call(height + -height % SIZE_MULTIPLE_PX, width + -width % SIZE_MULTIPLE_PX)

    def _call(self, height: int, width: int) -> PairCall:
        size = (height, width)
        if size not in self._kept:
            self._kept[size] = compiled_pair(
                self._network[0], height, width, precision=self.precision
            )
            while len(self._kept) > KEPT_SIZES:
                self._kept.popitem(last=False)
        self._kept.move_to_end(size)
        return self._kept[size]

    def forward(self, left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
        """Disparity and confidence; see `ThermoStereoRT.forward`. Pairs of a batch in turn."""
        call = self._call(left.shape[2], left.shape[3])
        pairs: list[list[Any]] = [
            [torch.from_numpy(plane) for plane in call(here[None].numpy(), there[None].numpy())]
            for here, there in zip(left.float().cpu(), right.float().cpu(), strict=True)
        ]
        disparity, confidence = (torch.cat(planes) for planes in zip(*pairs, strict=True))
        return disparity, confidence


def in_runtime(network: ThermoStereoRT, runtime: Runtime) -> ThermoStereoRT:
    """`network` as this runtime runs it.

    Args:
        network: In eval mode.
        runtime: ``"auto"`` is OpenVINO where it is installed, else torch.

    Raises:
        MissingDependencyError: ``"openvino"`` is asked for and not installed.
        ConfigError: Unknown runtime.
    """
    return chosen(runtime, network, lambda: CompiledStereo(network))
