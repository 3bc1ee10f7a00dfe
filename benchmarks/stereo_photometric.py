"""Does a smaller photometric error mean a better disparity? The exact one beside those found.

    python -m benchmarks.stereo_photometric [--models thermostereort_fast ...] [--count 2]
        [--seed 5] [--cache FOLDER]

Rendered `train` pairs of a seed that the weights did not learn from, rig of MS2, COUNT pairs each
of four environments by day, night, rain and fog. Photometric error as `judge_pair` has it: mean
difference of local contrast after warping, where SGBM answers; once of all these pixels and once of
those that both views see. EPE of the same pixels beside it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks.stereo_quality import MODELS

from thermoscope.core.sample import Sample
from thermoscope.engine.evaluate_stereo import Matcher
from thermoscope.engine.stereo_baselines import Sgbm
from thermoscope.engine.stereo_frames import scene_groups
from thermoscope.engine.stereo_real import photometric_error
from thermoscope.models.load import load_model
from thermoscope.recipes.stereo_store import pair_of
from thermoscope.synthetic.scenes import ENVIRONMENTS

TRUTH, SGBM = "the exact disparity", "SGBM"
COLUMNS = ("photometric", "of seen pixels", "EPE px", "of seen pixels")
LARGEST_PX = 96


def scores(sample: Sample, methods: dict[str, Matcher]) -> dict[str, NDArray[np.float64]]:
    """`COLUMNS` of the exact disparity, of SGBM and of each method on one pair."""
    pair = pair_of(sample)
    answers = {name: method.predict(pair.left, pair.right) for name, method in methods.items()}
    truth = pair.disparity
    known = answers[SGBM].valid & pair.valid & (truth >= 0) & (truth <= LARGEST_PX)
    seen = known & ~np.asarray(sample["occluded"][0], bool)
    found = {TRUTH: truth, **{name: answer.disparity for name, answer in answers.items()}}
    return {
        name: np.array(
            [photometric_error(pair.left, pair.right, plane, where) for where in (known, seen)]
            + [np.abs(plane - truth)[where].mean() for where in (known, seen)]
        )
        for name, plane in found.items()
    }


def table(rows: dict[str, dict[str, list[Any]]]) -> str:
    """Markdown: a line for each method in each environment, and the mean over these."""
    lines = [f"| pairs | disparity | {' | '.join(COLUMNS)} |", "|---" * (2 + len(COLUMNS)) + "|"]
    means = {
        place: {name: np.mean(found, axis=0) for name, found in by_name.items()}
        for place, by_name in rows.items()
    }
    names = list(next(iter(means.values())))
    means["mean"] = {n: np.mean([by_name[n] for by_name in means.values()], axis=0) for n in names}
    for place, by_name in means.items():
        for name, values in by_name.items():
            lines.append(f"| {place} | {name} | {' | '.join(f'{v:.3f}' for v in values)} |")
    return "\n".join(lines)


def main(words: Sequence[str] | None = None) -> int:
    """Score, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=list(MODELS))
    parser.add_argument("--count", type=int, default=2, help="pairs of a place and a condition")
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--cache", type=Path)
    given = parser.parse_args(words)
    methods: dict[str, Matcher] = {SGBM: Sgbm(), **{n: load_model(n) for n in given.models}}
    rows: dict[str, dict[str, list[Any]]] = {place: {} for place in ENVIRONMENTS}
    groups = scene_groups(split="train", count=given.count, seed=given.seed, cache=given.cache)
    for group in groups:
        of_place = rows[group.name.split("/")[0]]
        for index in range(len(group.frames)):
            for name, values in scores(group.frames[index], methods).items():
                of_place.setdefault(name, []).append(values)
    print(table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
