"""The shipped recipe trained with several seeds, each scored by ``anythermal.py``: mean and range.

    python benchmarks/anythermal_seeds.py --out FOLDER --cache FOLDER [--seeds 0 1 2]
        [--arm paper] [--only WORDS ...]

With --arm it is an arm of ``anythermal_ablation.py``, on all of its training pairs, for as many
steps as the shipped recipe, in OUT/ARM.
A run that was stopped goes on from its checkpoint; weights stay in OUT/NAME_SEED, and scores as
lines of OUT/seeds.jsonl, which are not measured again. Numbers are on the `val` lists: report them,
and choose nothing by them (`anythermal_ablation.py` is for that).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks.anythermal import encoder, machine, prepared
from benchmarks.anythermal_ablation import arms
from benchmarks.rows import kept_rows

from thermoscope.recipes.distill_anythermal import PRESETS, DistillConfig, run

Tables = Mapping[str, Mapping[str, Any]]


def trained(config: DistillConfig, out: Path, seed: int, cache: Path | None) -> Path:
    """The folder with the weights of a seed, trained if they are not there."""
    folder = out / f"{config.name}_{seed}"
    if not (folder / f"{config.name}.safetensors").is_file():
        sources = [
            replace(s, root=cache) if s.data == "scenes" and cache else s for s in config.sources
        ]
        loop = replace(config.loop, seed=seed)
        run(replace(config, sources=tuple(sources), loop=loop), folder)
    return folder


def finished(path: Path) -> dict[tuple[int, str], Mapping[str, Any]]:
    """Rows of each table that is done, by seed and title."""
    return {(row["seed"], row["title"]): row["rows"] for row in kept_rows(path)}


def summary(tables: Sequence[Tables]) -> str:
    """Markdown: every number of every table, mean and range over the seeds."""
    lines = [f"| table | row | number | mean of {len(tables)} | range |", "|---|---|---|---|---|"]
    for title, rows in tables[0].items():
        for row, value in rows.items():
            for key in value if isinstance(value, dict) else [""]:
                found = [_number(t[title][row], key) for t in tables]
                if None not in found:
                    low, high = min(found), max(found)
                    mean = float(np.mean(found))
                    lines.append(f"| {title} | {row} | {key} | {mean:.1f} | {low:g} to {high:g} |")
    return "\n".join(lines)


def _number(value: Any, key: str) -> Any:
    """The number, or None where there is none; "47.3 +- 6.5" counts as its mean."""
    inner = value.get(key) if key else value
    if isinstance(inner, str):
        return float(inner.split()[0])
    return inner if isinstance(inner, (int, float)) else None


def main(words: Sequence[str] | None = None) -> int:
    """Train and score what is missing, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cache", type=Path, help="folder for rendered pairs")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--preset", default="small")
    parser.add_argument("--arm", default="", help="of anythermal_ablation.py, instead")
    parser.add_argument("--scenes", type=int, default=400, help="training scenes of the probe")
    parser.add_argument("--loops", type=int, default=160)
    parser.add_argument("--only", nargs="*", default=[], help="first words of tables")
    given = parser.parse_args(words)
    config, out = PRESETS[given.preset], given.out / given.arm
    if given.arm:
        every = arms(config, given.cache)
        if given.arm not in every:
            parser.error(f"no such arm: {given.arm!r}; known: {sorted(every)}")
        config = every[given.arm]
    out.mkdir(parents=True, exist_ok=True)
    log = out / "seeds.jsonl"
    folders = {seed: trained(config, out, seed, given.cache) for seed in given.seeds}
    torch.manual_seed(0)
    tests = prepared(given)
    for seed, folder in folders.items():
        model = encoder(config.name, folder)
        for title, test in tests.items():
            if (seed, title) in finished(log):
                continue
            row = {"seed": seed, "title": title, "rows": test(model), **machine()}
            with log.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(row) + "\n")
            print(f"seed {seed}, {title}: {row['rows']}", flush=True)
    done = finished(log)
    print(summary([{title: done[seed, title] for title in tests} for seed in folders]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
