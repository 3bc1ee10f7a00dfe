"""What each part of the training of stereo is worth: a table of arms, in one command.

    python benchmarks/stereo_ablation.py --cache FOLDER --out FOLDER [--arms NAME ...]
        [--teacher thermostereort_base] [--teacher-folder FOLDER] [--seeds 0 1 2] [--steps 500]

Every arm trains the network `fast` from scratch on the same rendered pairs, in small windows, and
is scored on rendered pairs of other worlds (EPE and shares of bad pixels, all known pixels, hidden
ones included). "sparse" knows the truth of 4 % of the pixels, along scan lines in the lower 60 % of
the rows, as of a lidar whose highest beam lies low; "sparse + teacher" also has the dense answers
of the network in --teacher where they are believed; "dense" knows all.
Finished arms are kept as lines of OUT/arms.jsonl and not repeated.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks.rows import kept_rows, mean_and_range

from thermoscope.data.stereo_augment import StereoAugmentation
from thermoscope.engine.loop import LoopConfig
from thermoscope.recipes.thermostereort import StereoConfig, StereoData, run

SCORES = ("epe_px", "bad_1", "bad_3")
SPARSE, TAUGHT, DENSE = "sparse", "sparse + teacher", "dense"


@dataclass(frozen=True)
class Arm:
    """One way to train.

    Attributes:
        config: Its settings; seed and folders are filled in.
        taught: Whether a teacher answers.
        repeated: Whether it is run with every seed; with the first only if not.
    """

    config: StereoConfig
    taught: bool = False
    repeated: bool = False


def arms(steps: int, pairs: int, val: int) -> dict[str, Arm]:
    """Name to arm."""
    loop = LoopConfig(
        steps=steps,
        batch_size=4,
        learning_rate=3e-3,
        weight_decay=0.01,
        warmup_steps=min(50, steps),
        precision="bf16-mixed",
        log_every=50,
    )
    dense = StereoConfig(
        crop_px=(160, 256),
        teacher_ramp=min(100, steps),
        data=StereoData(scenes=pairs, retextured=0, val=val, seed=1),
        loop=loop,
    )
    sparse = replace(dense, truth="sparse", sparse_rows=0.6)
    defective = replace(dense, augmentation=StereoAugmentation(flip="defective"))
    return {
        SPARSE: Arm(sparse, repeated=True),
        TAUGHT: Arm(sparse, taught=True, repeated=True),
        DENSE: Arm(dense, repeated=True),
        "sparse, beams in all rows": Arm(replace(sparse, sparse_rows=1.0)),
        "dense, refinement without attention": Arm(replace(dense, attention=False)),
        "dense, flip mirrors without swapping the views": Arm(defective),
        "dense, no flip": Arm(replace(dense, augmentation=StereoAugmentation(flip="none"))),
    }


def finished(path: Path) -> dict[tuple[str, int], dict[str, float]]:
    """Scores of the arms that are done, by name and seed."""
    return {(row["arm"], row["seed"]): row["scores"] for row in kept_rows(path)}


def table(done: dict[tuple[str, int], dict[str, float]], names: Sequence[str]) -> str:
    """Markdown: mean and range over the seeds, and how much of the gap the teacher closes."""
    lines = ["| training | seeds | EPE px | bad-1 % | bad-3 % |", "|---|---|---|---|---|"]
    means: dict[str, float] = {}
    for name in names:
        found = [scores for (arm, _), scores in sorted(done.items()) if arm == name]
        if not found:
            continue
        means[name] = float(np.mean([s["epe_px"] for s in found]))
        scales = [1 if key == "epe_px" else 100 for key in SCORES]
        cells = [
            mean_and_range([scale * scores[key] for scores in found], 2)
            for key, scale in zip(SCORES, scales, strict=True)
        ]
        lines.append(f"| {name} | {len(found)} | {' | '.join(cells)} |")
    if {SPARSE, TAUGHT, DENSE} <= means.keys() and means[SPARSE] != means[DENSE]:
        share = (means[SPARSE] - means[TAUGHT]) / (means[SPARSE] - means[DENSE])
        lines += ["", f"Of the gap in EPE between sparse and dense the teacher closes {share:.0%}."]
    return "\n".join(lines)


def main(words: Sequence[str] | None = None) -> int:
    """Run the arms that are missing, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--teacher", default="thermostereort_base", help="weights, by name")
    parser.add_argument(
        "--teacher-folder", type=Path, help="of a finished run; bundled if not given"
    )
    parser.add_argument("--cache", type=Path, required=True, help="folder for rendered pairs")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--arms", nargs="*", default=None)
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--pairs", type=int, default=300)
    parser.add_argument("--val", type=int, default=64)
    given = parser.parse_args(words)
    every = arms(given.steps, given.pairs, given.val)
    unknown = set(given.arms or ()) - set(every)
    if unknown or not given.seeds:
        parser.error(f"no such arm: {sorted(unknown)}; known: {sorted(every)}")
    log = given.out / "arms.jsonl"
    for name in given.arms or every:
        arm = every[name]
        for seed in given.seeds if arm.repeated else given.seeds[:1]:
            if (name, seed) in finished(log):
                continue
            config = replace(
                arm.config,
                teacher=given.teacher if arm.taught else "",
                teacher_folder=given.teacher_folder,
                data=replace(arm.config.data, cache=given.cache),
                loop=replace(arm.config.loop, seed=seed),
            )
            folder = given.out / f"{list(every).index(name)}_{seed}"
            result = run(config, folder)
            row = {"arm": name, "seed": seed, "scores": result.scores, "seconds": result.seconds}
            with log.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(row) + "\n")
    print(f"{given.steps} steps of 4 windows, {given.pairs} pairs, {platform.processor()}")
    print(table(finished(log), list(every)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
