"""Graphs that OpenVINO runs on the processor, compiled for one size.

What is NOT here: which networks use this (`thermoscope.engine.stereo_runtime`,
`thermoscope.engine.dense_runtime`) and files for other machines (`thermoscope.engine.export`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, TypeVar, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from thermoscope.core.errors import ConfigError, MissingDependencyError
from thermoscope.engine.export import quiet_tracing
from thermoscope.engine.export_packages import openvino_package

__all__ = ["KEPT_SIZES", "Call", "Precision", "Runtime", "best_precision", "chosen", "compiled"]

Runtime = Literal["auto", "torch", "openvino"]
Precision = Literal["auto", "f32", "bf16"]
KEPT_SIZES = 4  # compiled networks; a folder of many sizes must not fill the memory
PURPOSE = "running a network in OpenVINO"

Call = Callable[[Sequence[NDArray[np.float32]]], list[NDArray[np.float32]]]
T = TypeVar("T")


def best_precision() -> str:
    """``"bf16"`` where the processor has it, else ``"f32"``.

    Raises:
        MissingDependencyError: openvino is not installed.
    """
    openvino = openvino_package(purpose=PURPOSE)
    abilities = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return "bf16" if "BF16" in abilities else "f32"


def compiled(
    graph: nn.Module, examples: Sequence[Tensor], *, precision: Precision = "auto"
) -> Call:
    """`graph` compiled for inputs of these shapes.

    Args:
        graph: In eval mode, on the CPU; tensors in, one tensor or a tuple of them out.
        examples: An input each; their values do not matter.
        precision: What the processor calculates in.

    Returns:
        Inputs to outputs, in order; the outputs are copies of their own.

    Raises:
        MissingDependencyError: openvino is not installed.
        ConfigError: Unknown precision.
    """
    if precision not in get_args(Precision):
        raise ConfigError(f"precision is {', '.join(get_args(Precision))}, got {precision!r}.")
    openvino = openvino_package(purpose=PURPOSE)
    hint = best_precision() if precision == "auto" else precision
    with quiet_tracing(), torch.inference_mode(mode=False), torch.no_grad():
        found = openvino.convert_model(torch.export.export(graph, tuple(examples)))
    found.reshape({found.input(index): list(one.shape) for index, one in enumerate(examples)})
    settings = {"INFERENCE_PRECISION_HINT": hint, "PERFORMANCE_HINT": "LATENCY"}
    request = openvino.Core().compile_model(found, "CPU", settings).create_infer_request()
    outputs = len(found.outputs)

    def call(inputs: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        answers = request.infer(list(inputs))
        return [np.array(answers[index], dtype=np.float32) for index in range(outputs)]

    return call


def chosen(runtime: Runtime, plain: T, make: Callable[[], T]) -> T:
    """`plain` for torch, what `make` makes for OpenVINO.

    Args:
        runtime: ``"auto"`` is OpenVINO where it is installed, else torch.
        plain: The network as it is.
        make: Gives it in OpenVINO.

    Raises:
        MissingDependencyError: ``"openvino"`` is asked for and not installed.
        ConfigError: Unknown runtime.
    """
    if runtime not in get_args(Runtime):
        raise ConfigError(f"runtime is {', '.join(get_args(Runtime))}, got {runtime!r}.")
    if runtime == "torch":
        return plain
    try:
        return make()
    except MissingDependencyError:
        if runtime == "openvino":
            raise
        return plain
