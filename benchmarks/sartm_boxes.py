"""People and vehicles seen from a drone: segmenters against real boxes.

    THERMOSCOPE_DATA=FOLDER python -m benchmarks.sartm_boxes [--models sartm_small ...]
        [--weights FOLDER ...] [--probe-steps 300] [--unet-steps 0] [--json FILE]
    THERMOSCOPE_DATA=FOLDER python -m benchmarks.sartm_boxes --outlines

All `val` frames of HIT-UAV, which are of other flights than those of `train`, and the twelve of
WiSARD: another camera, people on a rock in a forest, nothing learned from. Columns by group: the
share of boxes in which at least a fifth of the pixels carry a right class, the share of predicted
pixels that lie in a right box, and segments a frame that touch no right box. Baselines learn from
the outlines of the boxes of all `train` frames, as `sartm_small.aerial` does: the level of best IoU
for people (warm ones, all there is to a threshold), a linear probe on the last grid of the frozen
`anythermal_small`, and a small U-Net. --weights takes runs of `train sartm --preset aerial`.

--outlines says how near the outlines come to drawn masks: the real udders of `buffalo_udder` are
boxed and cut out again; mean IoU over its `train` frames, of the outlines and of the boxes.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks.anythermal import machine
from benchmarks.sartm_scenes import BACKBONE, UNET_TERMS, BaselineSegmenter

from thermoscope.core.files import data_folder
from thermoscope.core.sample import IGNORE_INDEX, Sample
from thermoscope.data.base import Listed
from thermoscope.data.box_outlines import labels_from_boxes
from thermoscope.data.boxes import Box, open_boxes
from thermoscope.data.real_pairs import BOXES, buffalo_udder, hituav, wisard
from thermoscope.engine.evaluate_boxes import BoxReport, evaluate_boxes
from thermoscope.engine.segmentation_baselines import (
    Baseline,
    LinearProbe,
    SmallUNet,
    Threshold,
    TrainingPlan,
    backbone_features,
)
from thermoscope.models.load import load_model

SIZE_PX = (512, 640)
AERIAL = "sartm_small.aerial"
GROUPS = {"person": "people", "vehicle": "vehicles", "bicycle": "bicycles"}
COLUMNS = [f"{g} {what}" for g in GROUPS.values() for what in ("hit", "inside", "false a frame")]
HEAD = f"| model | {' | '.join(COLUMNS)} |\n{'|---' * (1 + len(COLUMNS))}|"
PERSON = 1


def people_alone(samples: Sequence[Sample]) -> list[Sample]:
    """Labels of 0 and `PERSON`; other things are ignored."""
    found = []
    for sample in samples:
        labels = np.asarray(sample["labels"])
        others = (labels > PERSON) & (labels != IGNORE_INDEX)
        found.append({**sample, "labels": np.where(others, IGNORE_INDEX, labels)})
    return found


def baselines(train: Listed, given: argparse.Namespace) -> dict[str, BaselineSegmenter]:
    """Trained baselines by name."""
    spec = load_model(BACKBONE).card.input_spec
    samples, classes = list(train), train.classes
    warm = BaselineSegmenter(classes[: PERSON + 1], "thermal", Threshold(), spec, SIZE_PX)
    found = {"threshold for people": warm.fit(people_alone(samples))}
    networks: dict[str, Baseline] = {}
    if given.probe_steps:
        plan = TrainingPlan(given.probe_steps, batch_size=4, learning_rate=5e-3)
        features = backbone_features(load_model(BACKBONE))
        networks["linear probe"] = LinearProbe(len(classes), features, plan)
    if given.unet_steps:
        plan = TrainingPlan(given.unet_steps, 4, learning_rate=3e-3, half=True, terms=UNET_TERMS)
        networks["small U-Net"] = SmallUNet(len(classes), plan=plan)
    for name, network in networks.items():
        segmenter = BaselineSegmenter(classes, "thermal", network, spec, SIZE_PX)
        found[name] = segmenter.fit(samples)
    return found


def outline_quality(root: Path, *, every: int = 1) -> tuple[float, float]:
    """Mean IoU, %, of outlines and of whole boxes with the masks that the boxes are of."""
    shares = []
    frames = buffalo_udder(root, split="train")
    for sample in (frames[index] for index in range(0, len(frames), every)):
        mask = np.asarray(sample["labels"][0]) == 1
        boxes = boxes_of(mask)
        if boxes:
            found = labels_from_boxes(np.asarray(sample["agc"][0]), boxes, {"udder": 1})
            shares.append([iou(found == 1, mask), iou(found > 0, mask)])
    outlines, whole = 100 * np.mean(shares, axis=0)
    return float(outlines), float(whole)


def boxes_of(mask: NDArray[np.bool_]) -> list[Box]:
    """The upright boxes of the connected parts of a mask that have at least 50 px."""
    stats = cv2.connectedComponentsWithStats(mask.astype(np.uint8))[2][1:]
    large = stats[stats[:, cv2.CC_STAT_AREA] >= 50]
    return [Box("udder", *map(float, part[: cv2.CC_STAT_AREA])) for part in large]


def iou(found: NDArray[np.bool_], mask: NDArray[np.bool_]) -> float:
    """Of two masks."""
    return float((found & mask).sum() / (found | mask).sum())


def held_out(root: Path) -> dict[str, tuple[Listed, dict[str, tuple[Box, ...]]]]:
    """Frames and boxes by data set."""
    found = {}
    for data, reader, split in (("hituav", hituav, "val"), ("wisard", wisard, "all")):
        place, names = BOXES[data]
        boxes = open_boxes(root / place.format(split=split), names).boxes
        found[data] = (reader(root, split=split), boxes)
    return found


def described(report: BoxReport) -> str:
    """How many boxes, and the share of the pictures that they are."""
    parts = [f"{s.boxes} of {g} ({100 * s.floor:.1f} %)" for g, s in report.scores.items()]
    return f"{report.frames} frames; boxes and their share of the pixels: {', '.join(parts)}"


def row(name: str, report: BoxReport) -> str:
    """A line of the table."""
    cells = []
    for group in GROUPS:
        scores = report.scores.get(group)
        if scores is None:
            cells += ["-"] * 3
            continue
        cells.append(f"{100 * scores.hit:.1f}")
        cells.append(f"{100 * scores.inside:.1f}" if scores.pixels else "-")
        cells.append(f"{scores.false_alarms / report.frames:.2f}")
    return f"| {name} | {' | '.join(cells)} |"


def main(words: Sequence[str] | None = None) -> int:
    """Score the models, train the baselines, score them, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="*", default=["sartm_small", "sartm_small.fine", AERIAL])
    parser.add_argument("--weights", type=Path, nargs="*", default=[], help="runs of `aerial`")
    parser.add_argument("--probe-steps", type=int, default=300, help="0 = leave it out")
    parser.add_argument("--unet-steps", type=int, default=0, help="0 = leave it out")
    parser.add_argument("--no-baselines", action="store_true")
    parser.add_argument("--outlines", action="store_true", help="only compare with drawn masks")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args(words)
    root = data_folder()
    if root is None:
        parser.error("the frames are under THERMOSCOPE_DATA, which is not set")
    if given.outlines:
        print(
            "IoU with drawn masks, %: outlines {:.1f}, boxes {:.1f}".format(*outline_quality(root))
        )
        return 0
    models: dict[str, Any] = {name: load_model(name) for name in given.models}
    models |= {str(folder): load_model(AERIAL, folder=folder) for folder in given.weights}
    if not given.no_baselines:
        models |= baselines(hituav(root, split="train", labels=True), given)
    found: dict[str, dict[str, BoxReport]] = {}
    for data, (frames, boxes) in held_out(root).items():
        found[data] = {n: evaluate_boxes(model, frames, boxes) for n, model in models.items()}
        print(f"\n{data}: {described(next(iter(found[data].values())))}\n")
        print("\n".join([HEAD, *(row(name, report) for name, report in found[data].items())]))
    print(f"\n{machine()}")
    if given.json:
        rows = {
            data: {name: {g: asdict(s) for g, s in r.scores.items()} for name, r in reports.items()}
            for data, reports in found.items()
        }
        given.json.write_text(json.dumps({"rows": rows, **machine()}, indent=1) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
