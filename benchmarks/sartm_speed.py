"""Time of SARTM: torch and OpenVINO, float32 and bf16, a pair and thermal alone, share of the peak.

    python benchmarks/sartm_speed.py [--model sartm_small] [--weights FOLDER] [--runs 30] \
        [--sizes 640x480 512x512] [--inputs rgb_thermal thermal] [--out FILE]

Needs the extra ``export``. Where the weights are not at hand the heads are fresh, which costs the
same time, and the first line says so. Batch 1, random pictures, the graph that ``thermoscope
export`` writes, median after warm-up, all cores; the machine must be idle. Sizes are WIDTHxHEIGHT
of the network's input, rounded down to multiples that it takes. FLOPs count convolutions and
products of matrices (two for each multiplication with addition); the share is theirs over the time
of OpenVINO bf16, against what a product of 2048 x 2048 bf16 matrices reaches in torch here. A
second table has whole answers: `predict` on a 640x480 frame, from counts to classes, at the length
that the network was trained at.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks.anythermal_speed import median_ms, peak_gflops
from benchmarks.flops import gflop_of

from thermoscope.cli.inputs import size_from_text
from thermoscope.core.weights import list_weights
from thermoscope.engine.dense_runtime import run_in
from thermoscope.engine.export import quiet_tracing
from thermoscope.engine.export_packages import openvino_package
from thermoscope.engine.export_plans import plan_for
from thermoscope.models.load import load_model
from thermoscope.models.sartm import SIZES, Inputs, Sartm, build_sartm
from thermoscope.synthetic.labels import TAXONOMIES

COMPARED: tuple[Inputs, ...] = ("rgb_thermal", "thermal")


def network_of(name: str, weights: Path | None) -> tuple[Sartm, bool]:
    """The network, and whether its weights are trained."""
    if name in list_weights(weights):
        return load_model(name, folder=weights), True
    torch.manual_seed(0)
    return build_sartm(**SIZES[name], classes=TAXONOMIES["mfnet"].classes).eval(), False


def openvino_call(graph: nn.Module, images: Sequence[Tensor], precision: str) -> Callable[[], Any]:
    """The graph compiled for pictures of this shape."""
    openvino = openvino_package(purpose="measuring it")
    with quiet_tracing(), torch.inference_mode(mode=False), torch.no_grad():
        converted = openvino.convert_model(torch.export.export(graph, tuple(images)))
    options = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY"}
    request = openvino.Core().compile_model(converted, "CPU", options).create_infer_request()
    arrays = [image.numpy() for image in images]
    return lambda: request.infer(arrays)


def row_of(
    network: Sartm, inputs: Inputs, size_px: tuple[int, int], runs: int, peak: float
) -> dict[str, Any]:
    """All runtimes at one size."""
    plan = plan_for(network, size_px, inputs=inputs)
    graph, images = plan.graph, [torch.from_numpy(array) for array in plan.example(1, 0)]
    gflop = gflop_of(graph, images)
    row: dict[str, Any] = {"inputs": inputs, "size": plan.facts["size"]}
    row["GFLOP"] = round(gflop, 1)
    with torch.inference_mode():
        row["torch f32"] = round(median_ms(lambda: graph(*images), runs), 1)
        with torch.autocast("cpu", torch.bfloat16):
            row["torch bf16"] = round(median_ms(lambda: graph(*images), runs), 1)
    for precision in ("f32", "bf16"):
        call = openvino_call(graph, images, precision)
        row[f"openvino {precision}"] = round(median_ms(call, runs), 1)
    row["share of peak %"] = round(100 * gflop / (row["openvino bf16"] / 1000) / peak)
    return row


def whole_answers(network: Sartm, inputs: Inputs, runs: int) -> dict[str, Any]:
    """`predict` in torch and in OpenVINO."""
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 255, (480, 640, 3)).astype(np.uint8) if "rgb" in inputs else None
    thermal = rng.integers(7000, 9000, (480, 640)).astype(np.uint16)
    row: dict[str, Any] = {"inputs": inputs, "longest px": network.longest_px}
    for runtime in ("torch", "openvino"):
        run_in(network, runtime)
        row[runtime] = round(median_ms(lambda: network.predict(rgb, thermal), runs), 1)
    run_in(network, "torch")
    return row


def rounded(size: tuple[int, int], multiple_px: int) -> tuple[int, int]:
    """Height and width that the network takes, not larger than asked for unless too small."""
    height, width = (max(1, side // multiple_px) * multiple_px for side in size)
    return height, width


def print_row(row: dict[str, Any], *, first: bool) -> None:
    """A line of a Markdown table, below its head if it is the first."""
    if first:
        print("| " + " | ".join(row) + " |\n|" + "---|" * len(row))
    print("| " + " | ".join(map(str, row.values())) + " |", flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="sartm_small")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--sizes", nargs="+", default=["640x480", "512x512"])
    parser.add_argument("--inputs", nargs="+", choices=get_args(Inputs))
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    network, trained = network_of(chosen.model, chosen.weights)
    wanted = chosen.inputs or [name for name in COMPARED if name in network.inputs]
    peak = peak_gflops(chosen.runs)
    about = f"{chosen.model} {'as trained' if trained else 'with fresh heads (no weights at hand)'}"
    print(
        f"{about}; {os.cpu_count()} cores {platform.machine()}, load {os.getloadavg()[0]:.1f}, "
        f"{torch.get_num_threads()} threads, bf16 peak {peak:.0f} GFLOP/s, times in ms"
    )
    sizes = [rounded(size_from_text(text), network.encoder.multiple_px) for text in chosen.sizes]
    rows: list[dict[str, Any]] = []
    for name, size in itertools.product(wanted, sizes):
        row = row_of(network, name, size, chosen.runs, peak)
        print_row(row, first=not rows)
        rows.append(row)
    answers: list[dict[str, Any]] = []
    print("\npredict, a frame of 640x480:\n")
    for name in wanted:
        row = whole_answers(network, name, chosen.runs)
        print_row(row, first=not answers)
        answers.append(row)
    if chosen.out:
        found = {"model": chosen.model, "trained": trained, "peak_gflops": peak, "rows": rows}
        found["predict"] = answers
        chosen.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
