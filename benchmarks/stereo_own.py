"""Does learning from a recording without truth help on that camera? A rig the network never saw.

    python -m benchmarks.stereo_own --out FOLDER [--cache FOLDER] [--rig tartanrgbt] [--steps 400]
        [--pairs 96] [--val 32] [--teacher thermostereort_base] [--start thermostereort_fast]

A "recording" is rendered with another rig than the weights were trained on: other lenses, size,
baseline and sensor; its truth is not used. `thermoscope train thermostereort --preset own` learns
from it, and once more with the rendered pairs of the old rig alone, to tell the recording from the
steps. Scored on other worlds of the new rig, where the truth is known: EPE, bad-3, and the share of
pixels at which left and right agree (which is all a user would see). SGBM, holes filled, is beside
them, and so is the teacher.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks.anythermal import machine

from thermoscope.core.sample import Sample
from thermoscope.engine.stereo_baselines import Sgbm
from thermoscope.io.write import write_image
from thermoscope.metrics.stereo import mean_stereo_scores, stereo_scores
from thermoscope.models.load import load_model
from thermoscope.models.thermostereort import ThermoStereoRT
from thermoscope.recipes.stereo_sources import RealPairs
from thermoscope.recipes.stereo_store import pair_of
from thermoscope.recipes.thermostereort import PRESETS, agreement, run
from thermoscope.synthetic.dataset import Scenes

SCORES = ("EPE px", "bad-3 %", "left and right agree %")


def frames(split: str, rig: str, count: int, cache: Path | None) -> Scenes:
    """Rendered pairs, four of a place."""
    return Scenes(
        split=split, preset=rig, count=count, frames_per_scene=4, colour="none", cache=cache
    )


def record(scenes: Sequence[Sample], folder: Path) -> RealPairs:
    """The views of the frames as pictures, without truth."""
    for number, sample in enumerate(scenes):
        for side, key in (("left", "counts"), ("right", "counts_right")):
            path = folder / side / f"{number:04d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.is_file():
                write_image(path, np.asarray(sample[key][0]))
    return RealPairs(left=folder / "left", right=folder / "right")


def scored(network: Any, val: Sequence[Sample]) -> dict[str, float]:
    """Means over the frames, all known pixels up to 96 px."""
    found = []
    for sample in val:
        pair = pair_of(sample)
        known = pair.valid & (pair.disparity < 96)
        found.append(
            stereo_scores(network.predict(pair.left, pair.right).disparity, pair.disparity, known)
        )
    mean = mean_stereo_scores(found)
    agree = agreement(network, val) if isinstance(network, ThermoStereoRT) else float("nan")
    return dict(zip(SCORES, (mean.epe_px, 100 * mean.bad[3], 100 * agree), strict=True))


def main(words: Sequence[str] | None = None) -> int:
    """Record, train twice, score, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cache", type=Path, help="folder of rendered pairs")
    parser.add_argument("--rig", default="tartanrgbt")
    parser.add_argument("--preset", default="own")
    parser.add_argument("--start", default="thermostereort_fast")
    parser.add_argument("--teacher", default="thermostereort_base")
    parser.add_argument("--teacher-folder", type=Path)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--pairs", type=int, default=96)
    parser.add_argument("--val", type=int, default=32)
    given = parser.parse_args(words)
    cached = given.cache or given.out / "frames"
    real = record(frames("train", given.rig, given.pairs, cached), given.out / "recording")
    val = list(frames("val", given.rig, given.val, cached))
    base = PRESETS[given.preset]
    base = replace(
        base,
        start=given.start,
        data=replace(base.data, cache=given.cache, val=0),
        loop=replace(base.loop, steps=given.steps, warmup_steps=given.steps // 10),
    )
    arms = {
        "trained on, old rig alone": replace(base, teacher=""),
        "trained on, with the recording": replace(
            base,
            teacher=given.teacher,
            teacher_folder=given.teacher_folder,
            data=replace(base.data, real=real),
        ),
    }
    rows = {
        "SGBM, holes filled": scored(Sgbm(), val),
        f"`{given.start}`": scored(load_model(given.start), val),
    }
    for number, (name, config) in enumerate(arms.items()):
        folder = given.out / f"run{number}"
        run(config, folder)
        rows[name] = scored(load_model(config.name, folder=folder), val)
        print(name, rows[name], flush=True)
    teacher = load_model(given.teacher, folder=given.teacher_folder)
    rows[f"the teacher, `{given.teacher}`"] = scored(teacher, val)
    print(f"{given.val} frames of rig {given.rig}; {given.steps} steps; {machine()}\n")
    print(f"| network | {' | '.join(SCORES)} |\n|{'---|' * (1 + len(SCORES))}")
    for name, found in rows.items():
        cells = [f"{found[key]:.2f}" if np.isfinite(found[key]) else "-" for key in SCORES]
        print(f"| {name} | {' | '.join(cells)} |")
    (given.out / "rows.json").write_text(json.dumps({**machine(), "rows": rows}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
