"""Segmentation and depth networks that OpenVINO runs: the same `predict`, faster.

A network is compiled once for each size of input, which takes seconds, and kept. What is NOT here:
stereo (`thermoscope.engine.stereo_runtime`), files for other machines
(`thermoscope.engine.export`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from thermoscope.core.errors import ConfigError
from thermoscope.engine.export_graphs import DenseGraph, SceneAnswer
from thermoscope.engine.export_packages import openvino_package
from thermoscope.engine.openvino_runtime import (
    KEPT_SIZES,
    PURPOSE,
    Call,
    Precision,
    Runtime,
    chosen,
    compiled,
)
from thermoscope.models.dense_heads import ThermalDepth, ThermalSegmenter
from thermoscope.models.prepare import Modality
from thermoscope.models.sartm import Sartm
from thermoscope.synthetic.cache import Recent

__all__ = ["CompiledDense", "CompiledScenes", "run_in"]

_Size = tuple[int, int]


class CompiledDense:
    """What a `ThermalSegmenter` or `ThermalDepth` calls instead of its layers.

    Args:
        model: In eval mode, on the CPU.
        precision: ``"auto"`` is bf16 where the processor has it, else float32.

    Raises:
        MissingDependencyError: openvino is not installed.
    """

    def __init__(
        self, model: ThermalSegmenter | ThermalDepth, *, precision: Precision = "auto"
    ) -> None:
        openvino_package(purpose=PURPOSE)

        def make(size: _Size) -> Call:
            with torch.inference_mode(mode=False):  # `predict` is in it, and copies would be
                images = (torch.zeros(1, 3, *size),)
                return compiled(DenseGraph(model, size).eval(), images, precision=precision)

        self._calls: Recent[_Size, Call] = Recent(make, KEPT_SIZES)

    def __call__(self, images: Tensor) -> Tensor:
        """(1, channels, H, W) of (1, 3, H, W)."""
        (found,) = self._calls(_size(images))([images.float().numpy()])
        return torch.from_numpy(found)


class CompiledScenes:
    """What a `Sartm` calls instead of its layers: see `CompiledDense`."""

    def __init__(self, model: Sartm, *, precision: Precision = "auto") -> None:
        openvino_package(purpose=PURPOSE)

        def make(key: tuple[_Size, tuple[Modality, ...]]) -> Call:
            size, shown = key
            with torch.inference_mode(mode=False):
                images = tuple(torch.zeros(1, 3, *size) for _ in shown)
                graph = SceneAnswer(model, size, shown).eval()
                return compiled(graph, images, precision=precision)

        self._calls: Recent[tuple[_Size, tuple[Modality, ...]], Call] = Recent(make, KEPT_SIZES)

    def __call__(self, images: Mapping[Modality, Tensor]) -> tuple[Tensor, Tensor]:
        """Logits and dense features, (1, ..., H / 4, W / 4) each, of (1, 3, H, W) pictures."""
        call = self._calls((_size(next(iter(images.values()))), tuple(images)))
        logits, dense = call([image.float().numpy() for image in images.values()])
        return torch.from_numpy(logits), torch.from_numpy(dense)


def _size(images: Tensor) -> _Size:
    return images.shape[2], images.shape[3]


def run_in(model: Any, runtime: Runtime, *, precision: Precision = "auto") -> Any:
    """Let `model` answer in this runtime from now on.

    Args:
        model: `Sartm`, `ThermalSegmenter` or `ThermalDepth`, in eval mode, on the CPU. Later
            changes of its weights do not reach what is compiled.
        runtime: ``"auto"`` is OpenVINO where it is installed, else torch.
        precision: Of OpenVINO, see `CompiledDense`.

    Returns:
        `model`.

    Raises:
        MissingDependencyError: ``"openvino"`` is asked for and not installed.
        ConfigError: Unknown runtime, or a model that is none of these.
    """
    if isinstance(model, Sartm):
        model.runner = chosen(runtime, None, lambda: CompiledScenes(model, precision=precision))
    elif isinstance(model, ThermalSegmenter | ThermalDepth):
        model.runner = chosen(runtime, None, lambda: CompiledDense(model, precision=precision))
    elif runtime != "torch":
        raise ConfigError(f"a {type(model).__name__} runs in torch only. Leave the runtime out.")
    return model
