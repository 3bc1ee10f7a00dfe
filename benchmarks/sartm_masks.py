"""SARTM on real thermal masks, from few labels to all, beside three baselines.

    THERMOSCOPE_DATA=FOLDER python -m benchmarks.sartm_masks --out FOLDER [--weights FOLDER]
        [--labels 5 20 0] [--draws 5] [--steps 150]

The masks of `buffalo_udder`: IoU of the object over all frames of `val`. SARTM starts from the
weights `sartm_small` and learns from the thermal frames alone, its trunk frozen; the threshold is
the best level of the labelled frames; the probe reads the last grid of the frozen
`anythermal_small`; the U-Net starts from nothing. All see the same draws. Finished rows are kept as
lines of OUT/masks.jsonl and not repeated; 0 labels are all, drawn once, with other seeds.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks.anythermal import machine
from benchmarks.rows import kept_rows
from benchmarks.sartm_scenes import BACKBONE, BaselineSegmenter

from thermoscope.core.files import data_folder
from thermoscope.core.sample import Sample
from thermoscope.core.weights import InputSpec
from thermoscope.engine.evaluate_segmentation import evaluate_segmentation
from thermoscope.engine.labelled_frames import FrameChoice, LabelledFrames, open_frames
from thermoscope.engine.segmentation_baselines import (
    Baseline,
    LinearProbe,
    SmallUNet,
    Threshold,
    TrainingPlan,
    backbone_features,
)
from thermoscope.models.load import load_model
from thermoscope.recipes.sartm import PRESETS, SartmConfig, drawn_frames, run
from thermoscope.recipes.sartm_frames import KeptFeatures

DATA = "buffalo_udder"
SIZE_PX = (240, 320)
METHODS = ("threshold", "linear probe", "small U-Net", "SARTM, fresh", "SARTM from sartm_small")


def sartm_config(count: int, seed: int, steps: int, start: str, root: Path) -> SartmConfig:
    """The preset of these masks, with some of the labels."""
    base = PRESETS["udder"]
    return replace(
        base,
        start=start,
        train=replace(base.train, root=root),
        val=replace(base.val, root=root),
        draw=count,
        score=False,
        loop=replace(base.loop, steps=steps, seed=seed, warmup_steps=steps // 10),
    )


def baseline(method: str, classes: Sequence[str], spec: InputSpec, seed: int) -> BaselineSegmenter:
    """Untrained."""
    found: Baseline
    if method == "threshold":
        found = Threshold()
    elif method == "linear probe":
        plan = TrainingPlan(300, learning_rate=5e-3, seed=seed)
        found = LinearProbe(len(classes), backbone_features(load_model(BACKBONE)), plan)
    else:
        found = SmallUNet(len(classes), plan=TrainingPlan(300, seed=seed, half=True))
    return BaselineSegmenter(classes, "thermal", found, spec, SIZE_PX)


def object_iou(model: Any, val: LabelledFrames) -> float:
    """%, over all frames at once."""
    return 100 * evaluate_segmentation(model, val, protocol="foreground").scores.miou


def finished(path: Path) -> dict[tuple[str, int, int], float]:
    """IoU by method, labels and draw."""
    return {(row["method"], row["labels"], row["draw"]): row["iou"] for row in kept_rows(path)}


def table(done: dict[tuple[str, int, int], float], counts: Sequence[int]) -> str:
    """Markdown: mean and standard deviation over the draws."""
    lines = [f"| labels | {' | '.join(METHODS)} |", "|---" * (1 + len(METHODS)) + "|"]
    for count in counts:
        cells = []
        for method in METHODS:
            found = [v for (m, n, _), v in done.items() if (m, n) == (method, count)]
            mean = f"{np.mean(found):.1f}" if found else "-"
            cells.append(f"{mean} +- {np.std(found):.1f}" if len(found) > 1 else mean)
        lines.append(f"| {count or 'all'} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main(words: Sequence[str] | None = None) -> int:
    """Measure what is missing, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of rows and of a run")
    parser.add_argument("--labels", type=int, nargs="+", default=[5, 20, 0], help="0 = all")
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--steps", type=int, default=150, help="of SARTM")
    parser.add_argument("--start", default="sartm_small", help="weights it begins with")
    parser.add_argument("--methods", nargs="*", default=list(METHODS))
    given = parser.parse_args(words)
    root = data_folder()
    if root is None:
        parser.error("the masks are under THERMOSCOPE_DATA, which is not set")
    train, val = (
        open_frames(FrameChoice(data=DATA, root=root, split=split), truth="labels")
        for split in ("train", "val")
    )
    spec = load_model(BACKBONE).card.input_spec
    given.out.mkdir(parents=True, exist_ok=True)
    log = given.out / "masks.jsonl"
    kept: KeptFeatures = {}
    for count in given.labels:
        for draw in range(given.draws):
            for method in given.methods:
                if (method, count, draw) in finished(log):
                    continue
                began = time.perf_counter()
                if method.startswith("SARTM"):
                    start = "" if method.endswith("fresh") else given.start
                    config = sartm_config(count, draw, given.steps, start, root)
                    folder = given.out / "run"
                    run(config, folder, kept=kept)
                    model: Any = load_model(config.name, folder=folder)
                    shutil.rmtree(folder)
                else:
                    frames: list[Sample] = [train[i] for i in drawn_frames(len(train), count, draw)]
                    model = baseline(method, train.classes, spec, draw).fit(frames)
                row = {"method": method, "labels": count, "draw": draw}
                row |= {"iou": round(object_iou(model, val), 2)}
                row |= {"seconds": round(time.perf_counter() - began), **machine()}
                with log.open("a", encoding="utf-8") as stream:
                    stream.write(json.dumps(row) + "\n")
                print(f"{method}, {count or 'all'} labels, draw {draw}: {row['iou']}", flush=True)
    print(f"\n{len(val)} frames of other days; {machine()}\n\n{table(finished(log), given.labels)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
