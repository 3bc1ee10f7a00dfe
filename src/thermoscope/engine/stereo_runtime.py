"""A stereo network that OpenVINO runs: the same `predict`, several times as fast on a processor.

The network is compiled once for each size of frame, which takes seconds, and kept. What is NOT
here: files for other machines (`thermoscope.engine.export`).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from thermoscope.core.errors import ConfigError, MissingDependencyError
from thermoscope.engine.export import quiet_tracing
from thermoscope.engine.export_packages import openvino_package
from thermoscope.models.thermostereort import SIZE_MULTIPLE_PX, ThermoStereoRT

__all__ = ["CompiledStereo", "Precision", "Runtime", "compiled_pair", "in_runtime"]

Runtime = Literal["auto", "torch", "openvino"]
Precision = Literal["auto", "f32", "bf16"]
KEPT_SIZES = 4  # compiled networks; a folder of many sizes must not fill the memory
PURPOSE = "running a network in OpenVINO"

PairCall = Callable[[NDArray[np.float32], NDArray[np.float32]], list[NDArray[np.float32]]]


def best_precision() -> str:
    """``"bf16"`` where the processor has it, else ``"f32"``.

    Raises:
        MissingDependencyError: openvino is not installed.
    """
    openvino = openvino_package(purpose=PURPOSE)
    abilities = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return "bf16" if "BF16" in abilities else "f32"


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
    if precision not in get_args(Precision):
        raise ConfigError(f"precision is {', '.join(get_args(Precision))}, got {precision!r}.")
    openvino = openvino_package(purpose=PURPOSE)
    hint = best_precision() if precision == "auto" else precision
    views = (torch.zeros(1, 1, height, width), torch.zeros(1, 1, height, width))
    with quiet_tracing(), torch.inference_mode(mode=False), torch.no_grad():
        graph = openvino.convert_model(torch.export.export(network, views))
    graph.reshape({graph.input(index): list(view.shape) for index, view in enumerate(views)})
    settings = {"INFERENCE_PRECISION_HINT": hint, "PERFORMANCE_HINT": "LATENCY"}
    request = openvino.Core().compile_model(graph, "CPU", settings).create_infer_request()

    def call(left: NDArray[np.float32], right: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        answers = request.infer([left, right])
        return [np.array(answers[index], dtype=np.float32) for index in range(2)]

    return call


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
        self.refine = network.refine
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
    if runtime not in get_args(Runtime):
        raise ConfigError(f"runtime is {', '.join(get_args(Runtime))}, got {runtime!r}.")
    if runtime == "torch":
        return network
    try:
        return CompiledStereo(network)
    except MissingDependencyError:
        if runtime == "openvino":
            raise
        return network
