"""What each part of SARTM's training is worth: a table of arms, in one command.

    python -m benchmarks.sartm_ablation --out FOLDER [--cache FOLDER] [--arms NAME ...]
        [--seeds 0 1 2] [--steps 400] [--preset cached]

Every arm trains the heads and the fusion of `sartm_small` on what the frozen trunk says of the same
rendered pairs, which is kept, so that a step is cheap; the last arm also changes the trunk, and
computes it anew in each step. Scores are mean IoU, %, over the classes
present, on rendered pairs of other worlds: both pictures, colour alone, thermal alone. The first
arm runs with every seed, the others with the first. Finished arms are lines of OUT/arms.jsonl and
not repeated.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks.anythermal import machine
from benchmarks.rows import kept_rows, seeds_table

from thermoscope.recipes.sartm import PRESETS, SartmConfig, run
from thermoscope.recipes.sartm_frames import KeptFeatures

WHOLE = "all parts"
SCORES = {"miou": "both", "miou_rgb": "colour alone", "miou_thermal": "thermal alone"}


def arms(base: SartmConfig) -> dict[str, SartmConfig]:
    """Name to config; each leaves one part out of `base`."""
    weights, views = base.weights, base.augmentation
    wordless = replace(weights, relation=0.0, prototype=0.0, text=0.0)
    apart = replace(weights, cross_scores=0.0, cross_features=0.0)
    return {
        WHOLE: base,
        "without words and prototypes": replace(base, weights=wordless, text_encoder=""),
        "without branches that teach each other": replace(base, weights=apart),
        "without missing pictures": replace(
            base, augmentation=replace(views, rgb_missing=0.0, thermal_missing=0.0)
        ),
        "without fusion: mean of two answers": replace(
            base, weights=replace(weights, fused=0.0), answer="mean"
        ),
        "without the mask decoder's answer": replace(base, head="fpn"),
        "without the pyramid head's answer": replace(base, head="decoder"),
        "with LoRA of rank 8 in the trunk": replace(base, lora_rank=8, keep_features=False),
    }


def finished(path: Path) -> dict[tuple[str, int], dict[str, float]]:
    """Scores of the arms that are done, by name and seed."""
    return {(row["arm"], row["seed"]): row["scores"] for row in kept_rows(path)}


def table(done: dict[tuple[str, int], dict[str, float]], names: Sequence[str]) -> str:
    """Markdown: mean and range over the seeds."""
    rows = {
        name: [scores for (arm, _), scores in sorted(done.items()) if arm == name] for name in names
    }
    return seeds_table(rows, SCORES, of="arm", factor=100)


def main(words: Sequence[str] | None = None) -> int:
    """Run the arms that are missing, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of rows and of a run")
    parser.add_argument("--cache", type=Path, help="folder for rendered frames")
    parser.add_argument("--arms", nargs="*", help="names of rows; all if not given")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--preset", default="cached")
    given = parser.parse_args(words)
    base = PRESETS[given.preset]
    base = replace(
        base,
        train=replace(base.train, root=given.cache),
        val=replace(base.val, root=given.cache),
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
        for seed in given.seeds if name == WHOLE else given.seeds[:1]:
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
    print(f"\n{given.steps} steps of {base.loop.batch_size} pairs; {machine()}\n")
    print(table(finished(log), list(every)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
