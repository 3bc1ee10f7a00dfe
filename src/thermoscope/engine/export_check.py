"""Is an exported graph sound? Its operators, what TensorRT refuses, and its answers beside torch's.

What is NOT here: TensorRT itself. The table says what its parser knows by name, and the few limits
that can be read off a node; `trtexec --onnx=FILE` has the last word.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from thermoscope.engine.export_plans import ExportPlan

__all__ = [
    "TENSORRT_OPERATORS",
    "TENSORRT_SOURCE",
    "Difference",
    "operator_counts",
    "refused_by_tensorrt",
    "worst_differences",
]

TENSORRT_SOURCE = "onnx-tensorrt, docs/operators.md, TensorRT 10.15, opset 9 to 24"
TENSORRT_OPSETS = range(9, 25)
_NAMES = """
Abs Acos Acosh Add And ArgMax ArgMin Asin Asinh Atan Atanh Attention AveragePool
BatchNormalization BlackmanWindow Cast CastLike Ceil Celu Clip Concat Constant ConstantOfShape
Conv ConvTranspose Cos Cosh CumSum DeformConv DepthToSpace DequantizeLinear Div Dropout Einsum
Elu Equal Erf Exp Expand EyeLike Flatten Floor GRU Gather GatherElements GatherND Gelu Gemm
GlobalAveragePool GlobalLpPool GlobalMaxPool Greater GreaterOrEqual GridSample
GroupNormalization HammingWindow HannWindow HardSigmoid HardSwish Hardmax Identity If
ImageScaler InstanceNormalization IsInf IsNaN LRN LSTM LayerNormalization LeakyRelu Less
LessOrEqual Log LogSoftmax Loop LpNormalization LpPool MatMul Max MaxPool Mean
MeanVarianceNormalization Min Mish Mod Mul Neg NonMaxSuppression NonZero Not OneHot Or PRelu
Pad ParametricSoftplus Pow QuantizeLinear RMSNormalization RNN RandomNormal RandomNormalLike
RandomUniform RandomUniformLike Range Reciprocal ReduceL1 ReduceL2 ReduceLogSum
ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu
Reshape Resize ReverseSequence RoiAlign RotaryEmbedding Round STFT ScaledTanh Scan Scatter
ScatterElements ScatterND Selu Shape Shrink Sigmoid Sign Sin Sinh Size Slice Softmax Softplus
Softsign SpaceToDepth Split Sqrt Squeeze Sub Sum Tan Tanh TensorScatter ThresholdedRelu Tile
TopK Transpose Trilu Unsqueeze Upsample Where Xor
"""
TENSORRT_OPERATORS = frozenset(_NAMES.split())
RESIZE_MODES = ("nearest", "linear")


@dataclass(frozen=True)
class Difference:
    """How far one output of the file is from torch's.

    Attributes:
        output: Its name.
        batch: Size of the batch.
        max_abs: Largest absolute difference; infinity if the shapes differ, if a value is not
            finite in one alone, or if none is in both.
        mean_abs: Mean absolute difference.
        allowed: Largest `max_abs` that passes.
    """

    output: str
    batch: int
    max_abs: float
    mean_abs: float
    allowed: float

    @property
    def passed(self) -> bool:
        """Whether the file answers as torch does."""
        return self.max_abs <= self.allowed


# -- operators ------------------------------------------------------------------------------------


def _nodes(graph: Any) -> Iterator[Any]:
    """All nodes, those of inner graphs too."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            inner = [attribute.g] if attribute.HasField("g") else list(attribute.graphs)
            for each in inner:
                yield from _nodes(each)


def operator_counts(model: Any) -> dict[str, int]:
    """How often each operator occurs, the most frequent first; others' domains are named.

    Args:
        model: An ``onnx.ModelProto``.
    """
    names = [_name(node) for graph in (model.graph, *model.functions) for node in _nodes(graph)]
    return dict(Counter(names).most_common())


def _name(node: Any) -> str:
    domain = "" if node.domain in ("", "ai.onnx") else f"{node.domain}::"
    return f"{domain}{node.op_type}"


def refused_by_tensorrt(model: Any) -> list[str]:
    """What TensorRT's parser would not take, each in words; empty if it should take all.

    Args:
        model: An ``onnx.ModelProto``.

    Source: onnx-tensorrt, docs/operators.md (the names, and the limits of Resize).
    """
    known = {f.name for f in model.functions}
    found = [
        f"opset {entry.version}: TensorRT reads {TENSORRT_OPSETS[0]} to {TENSORRT_OPSETS[-1]}"
        for entry in model.opset_import
        if entry.domain in ("", "ai.onnx") and entry.version not in TENSORRT_OPSETS
    ]
    for graph in (model.graph, *model.functions):
        for node in _nodes(graph):
            if node.op_type in known:
                continue
            name = _name(node)
            if name not in TENSORRT_OPERATORS:
                found.append(f"{name}: not in the parser's table")
            elif node.op_type == "Resize":
                found += _resize_limits(node)
    return sorted(set(found))


def _resize_limits(node: Any) -> list[str]:
    values = {a.name: a for a in node.attribute}
    mode = values["mode"].s.decode() if "mode" in values else "nearest"
    limits = [] if mode in RESIZE_MODES else [f"Resize: mode {mode}"]
    if "antialias" in values and values["antialias"].i:
        limits.append("Resize: antialias")
    return limits


# -- answers --------------------------------------------------------------------------------------


def worst_differences(
    plan: ExportPlan,
    reference: Callable[[Sequence[torch.Tensor]], Sequence[NDArray[Any]]],
    run: Callable[[list[NDArray[np.float32]]], Sequence[NDArray[Any]]],
    *,
    tolerance: float,
    batches: Sequence[int] = (1, 2),
    seed: int = 0,
) -> list[Difference]:
    """Each output of the file beside torch's, on seeded examples.

    Args:
        plan: Names and examples.
        reference: The network in torch.
        run: The file in its runtime.
        tolerance: Of the largest absolute value that torch gives for an output.
        batches: Sizes of the batch.
        seed: Of the examples.
    """
    found = []
    for batch in batches:
        arrays = plan.example(batch, seed)
        wanted = reference([torch.from_numpy(a) for a in arrays])
        for name, ours, theirs in zip(plan.outputs, wanted, run(arrays), strict=True):
            found.append(_difference(name, batch, ours, theirs, tolerance))
    return found


def _difference(
    name: str, batch: int, ours: NDArray[Any], theirs: NDArray[Any], tolerance: float
) -> Difference:
    scale = float(np.abs(ours[np.isfinite(ours)]).max(initial=0.0))
    if ours.shape != theirs.shape:
        return Difference(name, batch, float("inf"), float("inf"), tolerance * scale)
    both = np.isfinite(ours) & np.isfinite(theirs)
    gap = np.abs(ours[both].astype(np.float64) - theirs[both])
    agree = bool(both.any() and (np.isfinite(ours) == np.isfinite(theirs)).all())
    largest = float(gap.max(initial=0.0)) if agree else float("inf")
    mean = float(gap.mean()) if gap.size else 0.0
    return Difference(name, batch, largest, mean, tolerance * scale)
