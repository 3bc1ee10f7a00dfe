"""SARTM on rendered scenes it has not seen, beside a linear probe and a small U-Net.

    python -m benchmarks.sartm_scenes --cache FOLDER [--model sartm_small] [--weights FOLDER ...]
        [--degrade all] [--probe-steps 1000] [--unet-steps 1200] [--baselines-see rgb_thermal ...]
        [--json FILE]

MFNet's nine classes on 100 frames of `val` worlds, day and night; mean IoU, %, under three
conventions. Each folder in --weights holds a run of another seed: rows then show the mean and the
range. The probe reads the last grid of the frozen `anythermal_small` (of both pictures side by
side) and learns with cross-entropy; the U-Net reads pixels and learns with cross-entropy and Dice,
as SARTM does. Both learn MFNet's classes from the 800 frames that SARTM learned from, mirrored,
once for each kind of input.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks.anythermal import machine
from benchmarks.rows import mean_and_range

from thermoscope.core.sample import Sample
from thermoscope.core.weights import InputSpec
from thermoscope.engine.evaluate_segmentation import SegmentationRow, evaluate_segmentation, pair_of
from thermoscope.engine.labelled_frames import LabelledFrames, open_frames
from thermoscope.engine.segmentation_baselines import (
    Baseline,
    LinearProbe,
    SmallUNet,
    TrainingPlan,
    backbone_features,
)
from thermoscope.engine.segmenters import INPUTS, Inputs
from thermoscope.losses.segmentation import SegmentationTerm
from thermoscope.models.load import load_model
from thermoscope.models.prepare import Modality, network_input
from thermoscope.models.sartm import SceneSegmentation
from thermoscope.recipes.sartm import PRESETS

BACKBONE = "anythermal_small"
SIZE_PX = (256, 320)  # of the preset's frames
UNET_TERMS: tuple[SegmentationTerm, ...] = ("dice", "cross_entropy")
CONVENTIONS = ("present", "foreground", "strict")


def planes(
    frame: Any, modality: Modality, spec: InputSpec, size: tuple[int, int]
) -> NDArray[np.float32]:
    """(C, *size) in [0, 1] as SARTM is shown it, one channel of thermal, three of colour."""
    image = network_input(frame, spec, modality=modality, size_px=size, fit="pad").images[0]
    mean, std = (torch.tensor(values).view(-1, 1, 1) for values in (spec.mean, spec.std))
    shown = (image * std + mean).clamp(0, 1)[:, : size[0], : size[1]]
    return np.asarray(shown[:1] if modality == "thermal" else shown, np.float32)


class BaselineSegmenter:
    """A baseline behind the interface that evaluation asks.

    Args:
        classes: Names; the index is the id.
        inputs: What it is shown.
        baseline: Answers on pictures of `size_px`.
        spec: Preprocessing.
        size_px: Height and width.
    """

    def __init__(
        self,
        classes: Sequence[str],
        inputs: Inputs,
        baseline: Baseline,
        spec: InputSpec,
        size_px: tuple[int, int] = SIZE_PX,
    ) -> None:
        self.classes, self.inputs = tuple(classes), (inputs,)
        self.baseline, self.spec, self.size_px = baseline, spec, size_px

    def picture(self, rgb: Any, thermal: Any) -> NDArray[np.float32]:
        """(1, 3 or 4, H, W) channels of what is given: colour first, thermal last."""
        found = [] if rgb is None else [planes(rgb, "rgb", self.spec, self.size_px)]
        found += [] if thermal is None else [planes(thermal, "thermal", self.spec, self.size_px)]
        return np.concatenate(found)

    def fit(self, samples: Sequence[Sample]) -> BaselineSegmenter:
        """Learn from samples with labels."""
        pictures, labels = [], []
        for sample in samples:
            shown = pair_of(sample).only(self.inputs[0])
            pictures.append(self.picture(shown.rgb, shown.thermal))
            labels.append(_resized(np.asarray(sample["labels"][0], np.uint8), self.size_px))
        self.baseline.fit(pictures, labels)
        return self

    def predict(self, rgb: Any, thermal: Any, /, **options: Any) -> SceneSegmentation:
        """Classes at the size of the frames."""
        del options
        frame = rgb[0] if thermal is None else np.asarray(getattr(thermal, "data", thermal))
        found = self.baseline.predict(self.picture(rgb, thermal)).astype(np.uint8)
        labels = _resized(found, frame.shape[-2:])
        sure = np.eye(len(self.classes), dtype=np.float32)[labels].transpose(2, 0, 1)
        return SceneSegmentation(labels, sure.max(axis=0), self.classes, lambda: sure)


def _resized(labels: NDArray[np.uint8], size: tuple[int, ...]) -> NDArray[np.uint8]:
    scaled = cv2.resize(labels, size[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
    return np.asarray(scaled, np.uint8)


def baselines(
    classes: Sequence[str], spec: InputSpec, given: argparse.Namespace
) -> Iterator[tuple[str, BaselineSegmenter]]:
    """Name and untrained baseline, for each kind of input."""
    features = backbone_features(load_model(BACKBONE))
    count = len(classes)
    for inputs in given.baselines_see:
        if given.probe_steps:
            plan = TrainingPlan(given.probe_steps, learning_rate=5e-3)
            probe: Baseline = LinearProbe(count, features, plan)
            yield "linear probe", BaselineSegmenter(classes, inputs, probe, spec)
        if given.unet_steps:
            plan = TrainingPlan(given.unet_steps, learning_rate=3e-3, half=True, terms=UNET_TERMS)
            unet = SmallUNet(count, plan=plan)
            yield "small U-Net", BaselineSegmenter(classes, inputs, unet, spec)


Table = dict[tuple[str, str, str, str], list[dict[str, float]]]
"""Scores, one a seed, by name, inputs, degradation and time of day."""


def add_rows(table: Table, name: str, rows: Sequence[SegmentationRow]) -> None:
    """Put a report's rows under their keys."""
    for row in rows:
        scores = {**{f"mIoU {kind}": row.miou[kind] for kind in CONVENTIONS}}
        scores |= {"mAcc": row.macc["present"], "pixels right": row.pixel_accuracy}
        key = (name, row.inputs, row.degraded, row.time)
        table.setdefault(key, []).append({k: 100 * float(v) for k, v in scores.items()})


def markdown(table: Table) -> str:
    """Rows with the mean over seeds, and the range where there are several."""
    columns = list(next(iter(table.values()))[0])
    lines = [f"| model | shown | spoilt | time | seeds | {' | '.join(columns)} |"]
    lines.append("|---" * (5 + len(columns)) + "|")
    for key, found in table.items():
        cells = [mean_and_range([scores[column] for scores in found]) for column in columns]
        lines.append(f"| {' | '.join(key)} | {len(found)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def frames(cache: Path | None) -> tuple[LabelledFrames, LabelledFrames]:
    """What the preset `small` of SARTM learns from and is scored on, both with MFNet's names."""
    config = PRESETS["small"]
    train, val = (
        open_frames(replace(choice, root=cache, taxonomy=config.val.taxonomy), truth="labels")
        for choice in (config.train, config.val)
    )
    return train, val


def main(words: Sequence[str] | None = None) -> int:
    """Train the baselines, score all, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="sartm_small")
    parser.add_argument(
        "--weights", type=Path, nargs="*", default=[], help="a folder for each seed"
    )
    parser.add_argument("--cache", type=Path, help="folder for rendered frames")
    parser.add_argument("--degrade", nargs="*", default=[], help="names of degradations, or all")
    parser.add_argument("--probe-steps", type=int, default=1000, help="0 = leave it out")
    parser.add_argument("--unet-steps", type=int, default=1200, help="0 = leave it out")
    parser.add_argument("--baselines-see", nargs="+", default=INPUTS, choices=INPUTS)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args(words)
    train, val = frames(given.cache)
    held_out = list(val)
    times = [val.time_of_day(i) for i in range(len(val))]
    table: Table = {}
    models = [load_model(given.model, folder=folder) for folder in given.weights or [None]]
    for model in models:
        report = evaluate_segmentation(
            model, _Timed(held_out, times, val.classes), degradations=given.degrade
        )
        add_rows(table, given.model, report.rows)
    seen = list(train) if given.probe_steps or given.unet_steps else []
    for name, baseline in baselines(val.classes, models[0].input_spec, given):
        start = time.perf_counter()
        report = evaluate_segmentation(baseline.fit(seen), _Timed(held_out, times, val.classes))
        add_rows(table, name, report.rows)
        spent = time.perf_counter() - start
        print(f"{name}, {baseline.inputs[0]}: {spent:.0f} s", file=sys.stderr, flush=True)
    print(f"{len(val)} frames of held-out worlds; {machine()}\n\n{markdown(table)}")
    if given.json:
        rows = [{"row": key, "scores": scores} for key, scores in table.items()]
        given.json.write_text(json.dumps({"rows": rows, **machine()}, indent=1) + "\n", "utf-8")
    return 0


class _Timed(list[Sample]):
    """Samples in memory that know their time of day and classes."""

    def __init__(self, samples: Sequence[Sample], times: list[str], classes: Sequence[str]) -> None:
        super().__init__(samples)
        self.times, self.classes = times, tuple(classes)

    def time_of_day(self, index: int) -> str:
        """``"day"`` or ``"night"``."""
        return self.times[index]


if __name__ == "__main__":
    sys.exit(main())
