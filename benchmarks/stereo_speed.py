"""Time of a pair: the stereo networks in several runtimes, and SGBM, in one run.

Run, on an idle machine:

    python benchmarks/stereo_speed.py [--models fast base] [--repeats 200] [--size 640x256] \
        [--weights FOLDER] [--json PATH] [--compile]

The weights called thermostereort_MODEL are used where they are at hand, else random ones; the first
line says which. Batch 1, the pair of a rendered street through the sensor of MS2, median after 10
warm-up runs; then, for trained weights, how far OpenVINO is from torch. FLOPs count convolutions
and products of matrices (two for each multiplication with addition); the share of the peak is
theirs over the time, against the best product of two bf16 matrices here. "refined" is what
`predict` adds to any of them. Exit status 1 if OpenVINO bf16 needs more than 33 ms (fast) or 50 ms
(base) at 640x256. A runtime that is not installed is named and left out.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks.flops import gflop_of
from benchmarks.stereo_quality import real_pair

from thermoscope.core.errors import MissingDependencyError
from thermoscope.core.weights import list_weights
from thermoscope.engine.export import onnx_graph
from thermoscope.engine.export_packages import optional_package
from thermoscope.engine.export_plans import plan_for
from thermoscope.engine.stereo_baselines import Sgbm
from thermoscope.engine.stereo_runtime import compiled_pair
from thermoscope.geometry.disparity_refinement import refine_disparity
from thermoscope.models.load import load_model
from thermoscope.models.thermostereort import SIZES, ThermoStereoRT
from thermoscope.synthetic.dataset import Scenes

WARM_UP = 10
WANTED_MS = {"fast": 33.0, "base": 50.0}


@dataclass(frozen=True)
class Row:
    """One runtime of one model."""

    model: str
    runtime: str
    median_ms: float
    p90_ms: float
    gflops: float
    peak_share: float
    peak_memory_mb: float


def timed(run: Callable[[], object], repeats: int) -> tuple[float, float]:
    """Median and 90th percentile, ms."""
    for _ in range(WARM_UP):
        run()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(1e3 * (time.perf_counter() - start))
    return float(np.median(times)), float(np.percentile(times, 90))


def peak_gflops() -> float:
    """Best product of two bf16 matrices, 1e9 operations a second."""
    side = 2048
    a, b = torch.randn(2, side, side).bfloat16()
    best, _ = timed(lambda: a @ b, 10)
    return 2 * side**3 / (best * 1e6)


def pair(size: tuple[int, int]) -> tuple[torch.Tensor, torch.Tensor]:
    """A rendered street at this size, (1, 1, H, W) each, around 0."""
    sample = Scenes(split="val", environment="urban", preset="ms2", count=1, colour="none")[0]
    views = []
    for key in ("counts", "counts_right"):
        plane = torch.from_numpy(sample[key].astype(np.float32))[None]
        plane = torch.nn.functional.interpolate(plane, size=size, mode="bilinear")
        views.append(plane - plane.median())
    return views[0], views[1]


def runtimes(
    network: ThermoStereoRT, views: tuple[torch.Tensor, torch.Tensor], *, compiled: bool
) -> dict[str, Callable[[], object]]:
    """Name to a call that matches the pair once."""
    found: dict[str, Callable[[], object]] = {"torch fp32": lambda: network(*views)}

    def in_bf16() -> object:
        with torch.autocast("cpu", torch.bfloat16):
            return network(*views)

    found["torch bf16"] = in_bf16
    if compiled:
        fast: Any = torch.compile(network)

        def compiled_bf16() -> object:
            with torch.autocast("cpu", torch.bfloat16):
                return fast(*views)

        found["torch.compile bf16"] = compiled_bf16
    for add in (_openvino_calls, _onnx_calls):
        try:
            found |= add(network, views)
        except MissingDependencyError as err:
            print(f"left out: {err}")
    return found


def _openvino_calls(
    network: ThermoStereoRT, views: tuple[torch.Tensor, torch.Tensor]
) -> dict[str, Callable[[], object]]:
    height, width = views[0].shape[2:]
    left, right = (v.numpy() for v in views)
    single = compiled_pair(network, height, width, precision="f32")
    half = compiled_pair(network, height, width, precision="bf16")
    return {
        "OpenVINO fp32": lambda: single(left, right),
        "OpenVINO bf16": lambda: half(left, right),
    }


def _onnx_calls(
    network: ThermoStereoRT, views: tuple[torch.Tensor, torch.Tensor]
) -> dict[str, Callable[[], object]]:
    runtime = optional_package("onnxruntime", purpose="ONNX Runtime")
    height, width = views[0].shape[2:]
    plan = plan_for(network, (height, width))
    content = onnx_graph(plan).SerializeToString()
    session = runtime.InferenceSession(content, providers=["CPUExecutionProvider"])
    feed = dict(zip(plan.inputs, (v.numpy() for v in views), strict=True))
    return {"ONNX Runtime fp32": lambda: session.run(None, feed)}


def network_of(preset: str, weights: Path | None) -> tuple[ThermoStereoRT, bool]:
    """The network of a size, and whether its weights are trained."""
    name = f"thermostereort_{preset}"
    if name in list_weights(weights):
        return load_model(name, folder=weights), True
    return SIZES[preset]().eval(), False


def measure(
    name: str,
    network: ThermoStereoRT,
    size: tuple[int, int],
    repeats: int,
    peak: float,
    *,
    compiled: bool,
) -> list[Row]:
    """All runtimes of one model."""
    views = pair(size)
    rows = []
    with torch.inference_mode(False), torch.no_grad():
        gflops = gflop_of(network, views)
        for runtime, run in runtimes(network, views, compiled=compiled).items():
            median, p90 = timed(run, repeats)
            share = gflops / (median / 1e3) / peak
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            rows.append(Row(name, runtime, median, p90, gflops, share, memory))
    return rows


def differences(network: ThermoStereoRT, size: tuple[int, int]) -> list[str]:
    """Lines: how far OpenVINO is from torch in fp32, px, bare and refined, on real views if any."""
    found = [("rendered street", *(v.numpy() for v in pair(size)))]
    views = real_pair()
    if views is not None and views[0].shape == size:
        found.append(("real pair", *((v - np.median(v))[None, None] for v in views)))
    lines = []
    for name, left, right in found:
        with torch.no_grad():
            truth = network(torch.from_numpy(left), torch.from_numpy(right))[0].numpy()[0, 0]
        refined = refine_disparity(left[0, 0], right[0, 0], truth)
        for precision in ("f32", "bf16"):
            answer = compiled_pair(network, *size, precision=precision)(left, right)[0][0, 0]
            bare = np.abs(answer - truth)
            after = np.abs(refine_disparity(left[0, 0], right[0, 0], answer) - refined)
            texts = [
                f"{what} mean {d.mean():.4f}, 99 % {np.percentile(d, 99):.3f}, most {d.max():.3f}"
                for what, d in (("bare", bare), ("refined", after))
            ]
            lines.append(f"{name}, OpenVINO {precision} against torch fp32, px: {'; '.join(texts)}")
    return lines


def measure_sgbm(size: tuple[int, int], repeats: int) -> Row:
    """The baseline, hole filling included."""
    left, right = (v[0, 0].numpy() for v in pair(size))
    matcher = Sgbm()
    median, p90 = timed(lambda: matcher.predict(left, right), max(10, repeats // 4))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Row("sgbm", "OpenCV", median, p90, 0.0, 0.0, memory)


def measure_refinement(size: tuple[int, int], repeats: int, *, asked: bool) -> Row:
    """What `predict` adds to a network, with or without a second opinion."""
    left, right = (v[0, 0].numpy() for v in pair(size))
    disparity = Sgbm().predict(left, right).disparity
    median, p90 = timed(
        lambda: refine_disparity(left, right, disparity, second_opinion=asked),
        max(10, repeats // 4),
    )
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    name = "refined, second opinion" if asked else "refined"
    return Row(name, "OpenCV", median, p90, 0.0, 0.0, memory)


def machine() -> dict[str, object]:
    """What the numbers hold for."""
    words = ["git", "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip()
    return {
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "commit": commit,
    }


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=["fast", "base"], choices=sorted(SIZES))
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--size", default="640x256")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    width, height = (int(n) for n in chosen.size.split("x"))
    networks = {name: network_of(name, chosen.weights) for name in chosen.models}
    about, peak = machine(), peak_gflops()
    about["trained"] = {name: trained for name, (_, trained) in networks.items()}
    print(json.dumps(about), f"peak bf16 {peak:.0f} GFLOP/s, {width}x{height}, batch 1")
    rows = []
    for name, (network, trained) in networks.items():
        size = (height, width)
        rows += measure(name, network, size, chosen.repeats, peak, compiled=chosen.compile)
        if trained:
            print("\n".join(f"{name}: {line}" for line in differences(network, size)))
    rows.append(measure_sgbm((height, width), chosen.repeats))
    rows += [measure_refinement((height, width), chosen.repeats, asked=a) for a in (False, True)]
    for row in rows:
        print(
            f"{row.model:<9} {row.runtime:<20} {row.median_ms:7.1f} ms (90 %: {row.p90_ms:7.1f})  "
            f"{row.gflops:6.2f} GFLOP  {row.peak_share:4.0%} of peak  {row.peak_memory_mb:6.0f} MB"
        )
    if chosen.json:
        found = {"machine": about, "peak_gflops": peak, "rows": [asdict(r) for r in rows]}
        chosen.json.write_text(json.dumps(found, indent=1) + "\n")
    slow = [
        r
        for r in rows
        if r.runtime == "OpenVINO bf16"
        and (width, height) == (640, 256)
        and r.median_ms > WANTED_MS.get(r.model, float("inf"))
    ]
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
