"""What each part of the distillation is worth: a table of losses and data, in one command.

    python benchmarks/anythermal_ablation.py --out FOLDER --cache FOLDER
        [--arms NAME ...] [--seeds 0 1 2] [--steps 120] [--folds 5]

Choices are made here, so the lists `val` are not read: an arm with seed s learns without part
s modulo --folds of the training lists (whole blocks of a recording) and is scored on that part.
The first columns are thermal queries in one gallery of all colour pictures of the part, by class
token and mean of patches together (the teacher's rows name theirs). The others are thermal patches
that look for their place in the teacher's colour picture: with both windows at one place, and with
the colour window four patches further right, where a patch that knows its place in the window and
not what it shows finds nothing. The rows of the frozen teacher are scored on the same parts; its
best block is chosen on the pairs that the arms learn from. Finished rows are kept as lines of
OUT/arms.jsonl and not repeated; weights of finished arms are deleted.
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
import torch
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks.anythermal import Encoder, encoder, machine, patches, recalls, views
from benchmarks.rows import kept_rows, seeds_table

from thermoscope.models.teachers import load_teacher
from thermoscope.recipes.distill_anythermal import PRESETS, DistillConfig, run
from thermoscope.recipes.pair_sources import PairSource, load_pairs
from thermoscope.recipes.pair_views import Pair

REAL = (PairSource("msrs"), PairSource("roadscene"))
CLS, BEST = "teacher, class token", "teacher, best block"
OURS = "ours, real pairs"
SHIFT = 4  # patches
COLUMNS = ("R@1", "R@5", "R@10", "same place", "displaced", "displaced, within one")


def arms(base: DistillConfig, cache: Path | None = None) -> dict[str, DistillConfig]:
    """Name to config: the paper's recipe, what is added to it, what is left out of ours.

    Args:
        base: Ours, with real and rendered pairs.
        cache: Where rendered pairs are kept.
    """
    rendered = tuple(replace(s, root=cache) for s in base.sources if s.data == "scenes")
    ours = replace(base, sources=REAL, val=())
    plain = replace(
        ours,
        partner="teacher",
        tokens=("cls",),
        symmetric=False,
        patch_weight=0.0,
        patch_nce_weight=0.0,
        anchor_weight=0.0,
    )
    patched = replace(plain, patch_weight=base.patch_weight, patch_nce_weight=base.patch_nce_weight)
    large = replace(base.views, scale=(0.35, 1.0), misalign=0.25)
    small = replace(base.views, scale=(0.15, 0.5))
    return {
        "paper": _paper(base),
        "paper's loss, AdamW, random views": plain,
        "+ patch losses": patched,
        "+ both directions": replace(patched, symmetric=True),
        OURS: ours,
        "ours without patch losses": replace(ours, patch_weight=0.0, patch_nce_weight=0.0),
        "ours without displaced windows": replace(ours, views=replace(base.views, misalign=0.0)),
        "ours without polarity inversion": replace(ours, views=replace(base.views, polarity=0.0)),
        "ours, large windows, targets with their place": replace(
            ours, views=large, without_position=False
        ),
        "ours, small windows, targets with their place": replace(
            ours, views=small, without_position=False
        ),
        "ours, small windows": replace(ours, views=small),
        "ours, targets with their place": replace(ours, without_position=False),
        "ours, rendered pairs": replace(ours, sources=rendered),
        "ours, real and rendered pairs": replace(ours, sources=(*REAL, *rendered)),
    }


def _paper(base: DistillConfig) -> DistillConfig:
    """The published recipe with the network, the size of views and the steps of ours."""
    paper = PRESETS["paper"]
    same = ("steps", "batch_size", "precision", "checkpoint_every", "log_every")
    loop = replace(paper.loop, **{name: getattr(base.loop, name) for name in same})
    return replace(
        paper,
        teacher=base.teacher,
        blocks=base.blocks,
        views=replace(paper.views, size_px=base.views.size_px),
        sources=REAL,
        val=(),
        name=base.name,
        loop=loop,
    )


# -- scores ---------------------------------------------------------------------------------------


def scores(model: Encoder, goal: Encoder, pairs: list[Pair]) -> dict[str, float]:
    """The columns of the table, %."""
    rgb, thermal = views(pairs)
    found = recalls(model.descriptors(thermal) @ model.descriptors(rgb).T)
    same, displaced = (patches(model, goal, pairs, shift) for shift in (0, SHIFT))
    values = (
        *(found[key] for key in ("r1", "r5", "r10")),
        same["right patch %"],
        displaced["right patch %"],
        displaced["within one patch %"],
    )
    return dict(zip(COLUMNS, map(float, values), strict=True))


def best_block(teacher: Encoder, pairs: list[Pair]) -> Encoder:
    """The teacher's block and pooling with the highest R@1 on the pairs given."""
    blocks = range(teacher.network.layers)
    bands = [_every_block(teacher, plane) for plane in views(pairs)]
    found: dict[tuple[int, str], float] = {}
    for block in blocks:
        for pooling in ("cls", "mean"):
            rgb, thermal = (band[block, pooling] for band in bands)
            found[block, pooling] = recalls(thermal @ rgb.T)["r1"]
    block, pooling = max(found, key=lambda key: found[key])
    return replace(teacher, name=f"block {block}, {pooling}", block=block, pooling=pooling)


@torch.inference_mode()
def _every_block(teacher: Encoder, images: np.ndarray) -> dict[tuple[int, str], torch.Tensor]:
    """(N, C) of unit length by block and pooling, the network run once."""
    blocks = list(range(teacher.network.layers))
    parts: dict[tuple[int, str], list[torch.Tensor]] = {}
    for start in range(0, len(images), 16):
        layers = teacher.layers(images[start : start + 16], blocks)
        for block, features in zip(blocks, layers, strict=True):
            for pooling in ("cls", "mean"):
                rows = functional.normalize(getattr(features, pooling).float(), dim=1)
                parts.setdefault((block, pooling), []).append(rows)
    return {key: torch.cat(rows) for key, rows in parts.items()}


# -- rows -----------------------------------------------------------------------------------------


def finished(path: Path) -> dict[tuple[str, int], dict[str, Any]]:
    """Rows that are done, by name and seed."""
    return {(row["arm"], row["seed"]): row for row in kept_rows(path)}


def table(done: dict[tuple[str, int], dict[str, Any]], names: Sequence[str]) -> str:
    """Markdown: mean over the seeds, and the range where there are several."""
    rows = {
        name: [row["scores"] for (arm, _), row in sorted(done.items()) if arm == name]
        for name in names
    }
    return seeds_table(rows, {column: column for column in COLUMNS}, of="arm")


def seeded(config: DistillConfig, seed: int, folds: int) -> DistillConfig:
    """The config with this seed, without this seed's part of the training lists."""
    return replace(config, fold=(seed % folds, folds), loop=replace(config.loop, seed=seed))


def measured(
    name: str, config: DistillConfig | None, base: DistillConfig, folder: Path
) -> dict[str, Any]:
    """One row: the frozen teacher for the two names of it, else a training from its beginning."""
    start = time.perf_counter()
    held_out, shown = (
        [p for s in REAL for p in load_pairs(s, fold=base.fold, held_out=left)]
        for left in (True, False)
    )
    network = load_teacher(base.teacher).network
    teacher = Encoder(CLS, network, network.layers - 1, "cls")
    goal = replace(teacher, block=min(9, network.layers - 1))
    chosen = ""
    if config is None:
        model = best_block(teacher, shown) if name == BEST else teacher
        chosen = model.name
    else:
        run(config, folder)
        model = encoder(config.name, folder)
    row = {"scores": scores(model, goal, held_out), "n": len(held_out), "chosen": chosen}
    return {**row, "seconds": round(time.perf_counter() - start)}


def main(words: Sequence[str] | None = None) -> int:
    """Measure what is missing, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of rows and of a run")
    parser.add_argument("--cache", type=Path, help="folder for rendered pairs; OUT/scenes if none")
    parser.add_argument("--arms", nargs="*", help="names of rows; all if not given")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--preset", default="small", help="what ours is")
    parser.add_argument("--teacher", help="instead of the preset's")
    given = parser.parse_args(words)
    base = PRESETS[given.preset]
    loop = replace(base.loop, steps=given.steps)
    base = replace(base, teacher=given.teacher or base.teacher, loop=loop)
    every: dict[str, DistillConfig | None] = {CLS: None, BEST: None}
    every |= arms(base, given.cache or given.out / "scenes")
    unknown = set(given.arms or ()) - set(every)
    if unknown:
        parser.error(f"no such arm: {sorted(unknown)}; known: {list(every)}")
    given.out.mkdir(parents=True, exist_ok=True)
    log = given.out / "arms.jsonl"
    about = {"steps": given.steps, "folds": given.folds, "preset": given.preset}
    if any(row[key] != value for row in finished(log).values() for key, value in about.items()):
        parser.error(
            f"{log} holds rows made with other settings than {about}: choose another --out"
        )
    for seed in given.seeds:
        for name in given.arms or every:
            if (name, seed) in finished(log):
                continue
            config = every[name] and seeded(every[name], seed, given.folds)
            folder = given.out / f"{list(every).index(name)}_{seed}"
            row = measured(name, config, seeded(base, seed, given.folds), folder)
            with log.open("a", encoding="utf-8") as stream:
                stream.write(
                    json.dumps({"arm": name, "seed": seed, **about, **row, **machine()}) + "\n"
                )
            shutil.rmtree(folder, ignore_errors=True)
            print(f"{name}, seed {seed}: {row['scores']}", flush=True)
    print(f"\n{given.steps} steps of {base.loop.batch_size} pairs; {machine()}\n")
    print(table(finished(log), list(every)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
