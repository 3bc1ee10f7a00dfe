"""``thermoscope export``: a network as a file for another runtime, checked against torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from thermoscope.cli.arguments import parse, print_json, print_table, warn
from thermoscope.cli.inputs import size_from_text

if TYPE_CHECKING:
    from thermoscope.engine.export import ExportReport

__all__ = ["Arguments", "main"]

OTHER = 1  # done, and something was found


@dataclass(frozen=True)
class Arguments:
    """One file with the whole network: any number of frames at once, at one size.

    The file says of itself which weights it holds, what goes in and what comes out. Before it is
    written its answers are compared with those of torch, for one frame and for two; where they
    differ by more than the tolerance nothing is written and the exit status is 1. Operators that
    the ONNX parser of TensorRT does not take are listed.
    """

    model: Annotated[str, tyro.conf.Positional]
    """Name of the weights; see: thermoscope models."""
    out: Path
    """File to write: .onnx, or .xml for openvino (a .bin goes beside it)."""
    to: Literal["onnx", "openvino"] = "onnx"
    """Format."""
    size: str | None = None
    """WIDTHxHEIGHT in px; 640x256 for stereo, else the size that the model was trained at."""
    inputs: Literal["rgb_thermal", "rgb", "thermal"] | None = None
    """For sartm: pictures that the file takes; the most that the model was trained on."""
    half: bool = False
    """Store the weights in half precision (openvino)."""
    tolerance: float | None = None
    """Share of an output's largest value that may differ; 0.001, or 0.03 with --half."""
    weights: Path | None = None
    """Folder with weights of your own; the bundled ones if not given."""
    source: str | None = None
    """For anythermal_base: checkpoint, folder or hub name."""
    overwrite: bool = False
    """Replace files that exist."""
    json: bool = False
    """Print the report as JSON."""


def main(words: Sequence[str]) -> int:
    """Run the verb; 1 if the graph differs from torch by more than the tolerance."""
    arguments = parse(Arguments, words, verb="export")
    size_px = size_from_text(arguments.size)
    from thermoscope.engine.export import export_model
    from thermoscope.models.load import load_model

    network = load_model(arguments.model, source=arguments.source, folder=arguments.weights)
    report = export_model(
        network,
        arguments.out,
        to=arguments.to,
        size_px=size_px,
        inputs=arguments.inputs,
        half=arguments.half,
        tolerance=arguments.tolerance,
        overwrite=arguments.overwrite,
    )
    if arguments.json:
        print_json(_as_json(report))
    else:
        _show(report)
    if not report.passed:
        worst = max(report.differences, key=lambda d: d.max_abs / max(d.allowed, 1e-30))
        warn(
            f"nothing was written: {worst.output} differs from torch by {worst.max_abs:.3g}, "
            f"allowed are {worst.allowed:.3g}. Give --tolerance if that is good enough."
        )
    return 0 if report.passed else OTHER


def _as_json(report: ExportReport) -> dict[str, Any]:
    from thermoscope.engine.export_check import TENSORRT_SOURCE

    rows = []
    for difference in report.differences:
        row = asdict(difference) | {"passed": difference.passed}
        rows.append({k: None if v == float("inf") else v for k, v in row.items()})
    return {
        "files": [str(f) for f in report.files],
        "passed": report.passed,
        "to": report.to,
        "opset": report.opset,
        "size": report.facts["size"],
        "inputs": list(report.inputs),
        "outputs": list(report.outputs),
        "half": report.half,
        "tolerance": report.tolerance,
        "differences": rows,
        "operators": report.operators,
        "tensorrt_refuses": report.tensorrt_refuses,
        "tensorrt_table": TENSORRT_SOURCE,
        "facts": report.facts,
        "seconds": round(report.seconds, 2),
    }


def _show(report: ExportReport) -> None:
    for file in report.files:
        print(f"{file}  {file.stat().st_size / 1e6:.1f} MB")
    print(f"{report.facts['size']} px, any batch, ONNX opset {report.opset}")
    print(f"{', '.join(report.inputs)} -> {', '.join(report.outputs)}")
    print_table(
        ("output", "batch", "max difference", "mean difference", "allowed"),
        (
            (d.output, d.batch, f"{d.max_abs:.2e}", f"{d.mean_abs:.2e}", f"{d.allowed:.2e}")
            for d in report.differences
        ),
    )
    counts = ", ".join(f"{name} {count}" for name, count in report.operators.items())
    print(f"operators: {counts}")
    refused = "; ".join(report.tensorrt_refuses)
    print(f"TensorRT's parser refuses: {refused or 'nothing'}")
