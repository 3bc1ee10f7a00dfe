"""What each part of SARTM's training is worth: a table of arms, in one command.

    python -m benchmarks.sartm_ablation --out FOLDER [--cache FOLDER] [--arms NAME ...]
        [--seeds 0 1 2] [--every-seed] [--steps 400] [--preset cached]
    THERMOSCOPE_DATA=FOLDER python -m benchmarks.sartm_ablation --out FOLDER --preset udder
        --steps 150

Every arm trains the heads and the fusion of `sartm_small` on what the frozen trunk says of the same
rendered pairs, which is kept, so that a step is cheap; the last arm also changes the trunk, and
computes it anew in each step. Scores are mean IoU, %, over the classes
present, on rendered pairs of other worlds: both pictures, colour alone, thermal alone. The first
arm runs with every seed, the others with the first, or all with --every-seed. Finished arms are
lines of OUT/arms.jsonl and not repeated.

A preset for thermal frames alone has the arms that concern them, and IoU without the first class
for its score: `udder` learns real masks and is scored on frames of other days.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks.anythermal import machine
from benchmarks.rows import kept_rows, seeds_table

from thermoscope.core.files import data_folder
from thermoscope.recipes.sartm import PRESETS, SartmConfig, run
from thermoscope.recipes.sartm_frames import KeptFeatures

WHOLE = "all parts"
SCORES = {"miou": "both", "miou_rgb": "colour alone", "miou_thermal": "thermal alone"}
THERMAL_SCORES = {"miou_foreground": "IoU of the objects"}


def arms(base: SartmConfig) -> dict[str, SartmConfig]:
    """Name to config; each leaves one part out of the first, or adds one."""
    whole = replace(base, text_encoder=base.text_encoder or "minilm")
    weights = whole.weights
    wordless = replace(weights, relation=0.0, prototype=0.0, text=0.0)
    return {
        WHOLE: whole,
        "without words and prototypes": replace(whole, weights=wordless, text_encoder=""),
        **(_arms_of_pairs(whole) if base.inputs == "rgb_thermal" else {}),
        "without the mask decoder's answer": replace(whole, head="fpn"),
        "without the pyramid head's answer": replace(whole, head="decoder"),
        "with LoRA of rank 8 in the trunk": replace(whole, lora_rank=8, keep_features=False),
    }


def _arms_of_pairs(whole: SartmConfig) -> dict[str, SartmConfig]:
    weights, views = whole.weights, whole.augmentation
    apart = replace(weights, cross_scores=0.0, cross_features=0.0)
    return {
        "without branches that teach each other": replace(whole, weights=apart),
        "without missing pictures": replace(
            whole, augmentation=replace(views, rgb_missing=0.0, thermal_missing=0.0)
        ),
        "without fusion: mean of two answers": replace(
            whole, weights=replace(weights, fused=0.0), answer="mean"
        ),
    }


def finished(path: Path) -> dict[tuple[str, int], dict[str, float]]:
    """Scores of the arms that are done, by name and seed."""
    return {(row["arm"], row["seed"]): row["scores"] for row in kept_rows(path)}


def table(
    done: dict[tuple[str, int], dict[str, float]],
    names: Sequence[str],
    columns: Mapping[str, str] = SCORES,
) -> str:
    """Markdown: mean and range over the seeds."""
    rows = {
        name: [scores for (arm, _), scores in sorted(done.items()) if arm == name] for name in names
    }
    return seeds_table(rows, columns, of="arm", factor=100)


def main(words: Sequence[str] | None = None) -> int:
    """Run the arms that are missing, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of rows and of a run")
    parser.add_argument("--cache", type=Path, help="folder for rendered frames")
    parser.add_argument("--arms", nargs="*", help="names of rows; all if not given")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--every-seed", action="store_true", help="for all arms")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--preset", default="cached")
    given = parser.parse_args(words)
    base = PRESETS[given.preset]
    root = given.cache if base.train.data == "scenes" else data_folder()
    if base.train.data != "scenes" and root is None:
        parser.error("the frames are under THERMOSCOPE_DATA, which is not set")
    base = replace(
        base,
        train=replace(base.train, root=root),
        val=replace(base.val, root=root),
        loop=replace(base.loop, steps=given.steps, warmup_steps=given.steps // 10),
    )
    every = arms(base)
    unknown = set(given.arms or ()) - set(every)
    if unknown:
        parser.error(f"no such arm: {sorted(unknown)}; known: {list(every)}")
    given.out.mkdir(parents=True, exist_ok=True)
    log = given.out / "arms.jsonl"
    kept: KeptFeatures = {}  # the trunk looks at a picture once for all arms
    for name in given.arms or every:
        for seed in given.seeds if name == WHOLE or given.every_seed else given.seeds[:1]:
            if (name, seed) in finished(log):
                continue
            folder = given.out / f"{list(every).index(name)}_{seed}"
            config = replace(every[name], loop=replace(base.loop, seed=seed))
            result = run(config, folder, kept=kept)
            row = {"arm": name, "seed": seed, "scores": result.scores}
            row |= {"steps": given.steps, "seconds": round(result.seconds), **machine()}
            with log.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(row) + "\n")
            shutil.rmtree(folder)
            print(f"{name}, seed {seed}: {result.scores}", flush=True)
    columns = SCORES if base.inputs == "rgb_thermal" else THERMAL_SCORES
    print(f"\n{given.steps} steps of {base.loop.batch_size} views; {machine()}\n")
    print(table(finished(log), list(every), columns))
    return 0


if __name__ == "__main__":
    sys.exit(main())
