"""Words that SARTM never learned: seen and unseen classes of rendered scenes.

    python -m benchmarks.sartm_words --out FOLDER [--cache FOLDER] [--steps 400] [--seeds 0]
        [--unseen NAME ...] [--preset cached]

Two networks learn the fine classes of the same rendered pairs on kept features: one all of them,
one without the unseen (their pixels count for nothing). Both are then asked by name alone, through
the space of words. Columns, %, on rendered pairs of other worlds: mean IoU of the seen and of the
unseen classes among all names, and the mean share of the unseen classes' pixels that get their own
name when only the unseen names are offered (chance: one in their number). The heads of the first
network say what is lost by going through words. Finished rows are kept in OUT/words.jsonl.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks.anythermal import machine
from benchmarks.rows import kept_rows, seeds_table

from thermoscope.core.sample import Sample
from thermoscope.engine.evaluate_segmentation import evaluate_segmentation, pair_of
from thermoscope.engine.labelled_frames import LabelledFrames, open_frames
from thermoscope.models.load import load_model
from thermoscope.models.sartm import Sartm, SceneSegmentation
from thermoscope.models.text_encoders import load_text_table
from thermoscope.recipes.sartm import PRESETS, SartmConfig, run
from thermoscope.recipes.sartm_frames import KeptFeatures

UNSEEN = ("sidewalk", "wall", "shrub", "bus", "motorcycle", "furniture", "window", "pipe")
ALL, FEWER = "all classes learned", "unseen left out"
COLUMNS = {"seen": "IoU of seen", "unseen": "IoU of unseen", "among": "among unseen names"}


class ByWords:
    """A network that answers through the space of words, also with names that its heads know.

    Args:
        model: With a text head.
        classes: Names to choose from.
    """

    def __init__(self, model: Sartm, classes: Sequence[str]) -> None:
        self.model, self.classes, self.inputs = model, tuple(classes), model.inputs
        self.text = load_text_table(self.classes, encoder=model.text_encoder)

    def predict(self, rgb: Any, thermal: Any, /, **options: Any) -> SceneSegmentation:
        """See `Sartm.predict`."""
        chosen = {"classes": self.classes, "text": self.text, **options}
        return self.model.predict(rgb, thermal, **chosen)


def config_of(given: argparse.Namespace, seed: int, unseen: Sequence[str]) -> SartmConfig:
    """The preset on fine classes, with words."""
    base, cache, steps = PRESETS[given.preset], given.cache, given.steps
    return replace(
        base,
        unseen=tuple(unseen),
        text_encoder="minilm",
        score=False,
        train=replace(base.train, root=cache, taxonomy="fine"),
        val=replace(base.val, root=cache, taxonomy="fine"),
        loop=replace(base.loop, steps=steps, warmup_steps=steps // 10, seed=seed),
    )


def class_means(model: Any, val: Sequence[Sample], classes: Sequence[str], unseen: set[str]) -> Any:
    """Mean IoU, %, of the seen and of the unseen classes that truth or answer hold."""
    frames = _Named(val, classes)
    found = evaluate_segmentation(model, frames, inputs=[model.inputs[0]])
    iou = {k: v for k, v in found.scores.iou_per_class.items() if np.isfinite(v)}
    groups = {
        "seen": [k for k in iou if k not in unseen],
        "unseen": [k for k in iou if k in unseen],
    }
    return {name: 100 * float(np.mean([iou[k] for k in of])) for name, of in groups.items()}


def share_among(model: Sartm, val: Sequence[Sample], classes: Sequence[str], names: Any) -> float:
    """Mean over `names` of the share of their pixels, %, that are called so and not another."""
    asked = ByWords(model, names)
    right, total = np.zeros(len(names)), np.zeros(len(names))
    for sample in val:
        truth = np.asarray(sample["labels"][0])
        pair = pair_of(sample)
        answer = asked.predict(pair.rgb, pair.thermal).labels
        for index, name in enumerate(names):
            here = truth == classes.index(name)
            right[index] += (answer[here] == index).sum()
            total[index] += here.sum()
    shown = total > 0
    return 100 * float(np.mean(right[shown] / total[shown]))


class _Named(list[Sample]):
    """Samples that know their classes."""

    def __init__(self, samples: Sequence[Sample], classes: Sequence[str]) -> None:
        super().__init__(samples)
        self.classes = tuple(classes)


def rows_of(
    model: Sartm, arm: str, val: Sequence[Sample], classes: Sequence[str], unseen: Sequence[str]
) -> dict[str, dict[str, float]]:
    """Row name to scores."""
    words = class_means(ByWords(model, classes), val, classes, set(unseen))
    words["among"] = share_among(model, val, classes, unseen)
    found = {f"{arm}, by words": words}
    if arm == ALL:
        found[f"{arm}, by heads"] = class_means(model, val, classes, set(unseen))
    return found


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Markdown: mean and range over the seeds."""
    names = dict.fromkeys(row["row"] for row in rows)
    found = {name: [row["scores"] for row in rows if row["row"] == name] for name in names}
    return seeds_table(found, COLUMNS, of="network")


def main(words: Sequence[str] | None = None) -> int:
    """Train what is missing, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of rows and of a run")
    parser.add_argument("--cache", type=Path, help="folder for rendered frames")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--preset", default="cached")
    parser.add_argument("--unseen", nargs="+", default=list(UNSEEN))
    given = parser.parse_args(words)
    frames: LabelledFrames = open_frames(config_of(given, 0, ()).val, truth="labels")
    classes, val = frames.classes, list(frames)
    strange = set(given.unseen) - set(classes)
    if strange:
        parser.error(f"no such class: {sorted(strange)}; known: {', '.join(classes)}")
    given.out.mkdir(parents=True, exist_ok=True)
    log = given.out / "words.jsonl"
    kept: KeptFeatures = {}
    for seed in given.seeds:
        for arm, unseen in ((ALL, ()), (FEWER, given.unseen)):
            if any((row["arm"], row["seed"]) == (arm, seed) for row in kept_rows(log)):
                continue
            config = config_of(given, seed, unseen)
            folder = given.out / "run"
            run(config, folder, kept=kept)
            model: Any = load_model(config.name, folder=folder)
            shutil.rmtree(folder)
            for name, scores in rows_of(model, arm, val, classes, given.unseen).items():
                row = {"row": name, "arm": arm, "seed": seed, "scores": scores, **machine()}
                with log.open("a", encoding="utf-8") as stream:
                    stream.write(json.dumps(row) + "\n")
                print(f"{name}, seed {seed}: {scores}", flush=True)
    print(f"\nunseen: {', '.join(given.unseen)}; {len(val)} frames; {machine()}\n")
    print(table(kept_rows(log)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
