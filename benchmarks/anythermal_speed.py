"""Time of the backbone and each head: torch and OpenVINO, fp32 and bf16, share of the peak.

    python benchmarks/anythermal_speed.py [--runs 30] [--out FILE]

Needs the extra ``export``. Batch 1, median after warm-up, all cores; the machine must be idle. The
peak is what a product of 2048 x 2048 bf16 matrices reaches in torch on this machine.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks.flops import gflop_of

from thermoscope.core.weights import list_weights
from thermoscope.models.load import load_model
from thermoscope.models.place import place_model

SIDES = (224, 448)


class Plain(nn.Module):
    """A network that gives tensors only, as exporters want it."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Any:
        """The output, or class token and grid of `Features`."""
        found = self.network(images)
        return (found.cls, found.grid) if hasattr(found, "grid") else found


def median_ms(call: Callable[[], Any], runs: int) -> float:
    """Median time, ms."""
    for _ in range(3):
        call()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1000


def peak_gflops(runs: int) -> float:
    """bf16 product of two large matrices, GFLOP/s."""
    a = torch.randn(2048, 2048, dtype=torch.bfloat16)
    return 2 * 2048**3 / median_ms(lambda: a @ a, runs) / 1e6


def openvino_calls(network: nn.Module, images: Tensor) -> dict[str, Callable[[], Any]]:
    """Compiled networks by precision."""
    import openvino

    converted = openvino.convert_model(torch.export.export(network, (images,)))
    calls = {}
    for precision in ("f32", "bf16"):
        options = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY"}
        compiled = openvino.Core().compile_model(converted, "CPU", options)
        request = compiled.create_infer_request()
        calls[f"openvino {precision}"] = lambda r=request: r.infer([images.numpy()])
    return calls


def rows_of(name: str, network: nn.Module, runs: int, peak: float) -> list[dict[str, Any]]:
    """One row a size."""
    rows = []
    plain = Plain(network).eval()
    for side in SIDES:
        images = torch.randn(1, 3, side, side)
        with torch.inference_mode():
            gflops = gflop_of(plain, [images])
            row: dict[str, Any] = {"network": name, "side_px": side, "GFLOP": round(gflops, 1)}
            row["torch f32"] = round(median_ms(lambda x=images: plain(x), runs), 1)
            with torch.autocast("cpu", torch.bfloat16):
                row["torch bf16"] = round(median_ms(lambda x=images: plain(x), runs), 1)
        for label, call in openvino_calls(plain, images).items():
            row[label] = round(median_ms(call, runs), 1)
        row["share of peak %"] = round(100 * gflops / (row["openvino bf16"] / 1000) / peak)
        rows.append(row)
    return rows


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    peak = peak_gflops(arguments.runs)
    print(f"{os.cpu_count()} cores {platform.machine()}, bf16 peak {peak:.0f} GFLOP/s, ms")
    rows = rows_of("anythermal_small", load_model("anythermal_small"), arguments.runs, peak)
    for head in ("depth", "segmentation", "place"):
        name = f"anythermal_small.{head}"
        if name in list_weights():
            network = place_model(name) if head == "place" else load_model(name)
            rows += rows_of(name, network, arguments.runs, peak)
    names = list(rows[0])
    print("| " + " | ".join(names) + " |\n|" + "---|" * len(names))
    for row in rows:
        print("| " + " | ".join(str(row[name]) for name in names) + " |")
    if arguments.out:
        arguments.out.write_text(json.dumps({"peak_gflops": peak, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
