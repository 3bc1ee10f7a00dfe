"""What the refinement of a stereo answer is worth, part by part, and why it is as smooth as it is.

    [THERMOSCOPE_DATA=FOLDER] python -m benchmarks.stereo_refinement [--model thermostereort_fast]
        [--weights FOLDER] [--count 2] [--seed 5] [--cache FOLDER]

One network's answers, refined in several ways. Rendered: `train` scenes of a seed that the weights
did not learn from, rig of MS2, COUNT pairs each of four environments by day, night, rain and fog;
hidden pixels included. Real: the pair of MS2 under THERMOSCOPE_DATA, without truth: photometric
error on the pixels that SGBM answers, and the share of pixels at which left and right agree. The
last row looks for the disparity anew, with SGBM, within 8 px of the refined answer.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks.anythermal import machine
from benchmarks.stereo_quality import real_pair, without_refinement

from thermoscope.engine.evaluate_stereo import StereoReport, evaluate_stereo
from thermoscope.engine.stereo_baselines import Sgbm
from thermoscope.engine.stereo_frames import scene_groups
from thermoscope.engine.stereo_real import PairJudgement, judge_pair
from thermoscope.geometry.disparity_refinement import refine_disparity
from thermoscope.models.load import load_model
from thermoscope.models.stereo_result import StereoResult
from thermoscope.synthetic.scenes import ENVIRONMENTS

Floats = NDArray[np.float32]
Way = Callable[[Floats, Floats, Floats], Floats]

REACH_PX = 8
HEAD = ("EPE px", *(f"{name} px" for name in ENVIRONMENTS), "bad-3 %", "photometric", "agree %")


def rematched(left: Floats, right: Floats, disparity: Floats) -> Floats:
    """SGBM's answer within `REACH_PX` of `disparity`, which stays where SGBM has none."""
    columns, rows = np.meshgrid(*(np.arange(n, dtype=np.float32) for n in left.shape[::-1]))
    source = columns - disparity
    warped = cv2.remap(right, source, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    found = Sgbm(min_disparity_px=-REACH_PX, max_disparity_px=REACH_PX).predict(left, warped)
    move = found.disparity
    there = cv2.remap(disparity, columns - move, rows, cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE)
    return np.where(found.valid & (source >= 0), move + there, disparity).astype(np.float32)


def unchanged(left: Floats, right: Floats, disparity: Floats) -> Floats:
    """The network's own answer."""
    return disparity


def refined_and_rematched(left: Floats, right: Floats, disparity: Floats) -> Floats:
    """`rematched` around the refined answer."""
    return rematched(left, right, refine_disparity(left, right, disparity))


WAYS: dict[str, Way] = {
    "the network alone": unchanged,
    "comparisons of windows": partial(refine_disparity, smoothness=0),
    "and the last pass, smoothness 25": refine_disparity,
    "smoothness 5": partial(refine_disparity, smoothness=5),
    "smoothness 12": partial(refine_disparity, smoothness=12),
    "smoothness 40": partial(refine_disparity, smoothness=40),
    "smoothness 25, a second opinion before": partial(refine_disparity, second_opinion=True),
    "smoothness 25, then SGBM around it": refined_and_rematched,
}


@dataclass(frozen=True)
class Refined:
    """A network whose answers go one of the `WAYS`."""

    network: Any
    way: Way

    def predict(self, left: NDArray[Any], right: NDArray[Any]) -> StereoResult:
        """See `Matcher`."""
        views = [np.asarray(view, np.float32) for view in (left, right)]
        found = self.network.predict(*views)
        return replace(found, disparity=self.way(*views, found.disparity))


def row(name: str, report: StereoReport, real: dict[str, PairJudgement]) -> str:
    """A line of the table."""
    parts = [report.row(name, group=part).scores for part in ("mean", *ENVIRONMENTS)]
    cells = [f"{scores.epe_px:.3f}" for scores in parts]
    cells.append(f"{100 * parts[0].bad[3]:.2f}")
    if name in real:
        cells += [f"{real[name].photometric:.3f}", f"{100 * real[name].consistent:.1f}"]
    else:
        cells += ["-"] * 2
    return f"| {name} | {' | '.join(cells)} |"


def main(words: Sequence[str] | None = None) -> int:
    """Score every way, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="thermostereort_fast")
    parser.add_argument("--weights", type=Path, help="of a run; the bundled ones if not given")
    parser.add_argument("--count", type=int, default=2, help="pairs of a place and a condition")
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--cache", type=Path)
    given = parser.parse_args(words)
    bare = without_refinement(load_model(given.model, folder=given.weights))
    methods = {name: Refined(bare, way) for name, way in WAYS.items()}
    groups = scene_groups(split="train", count=given.count, seed=given.seed, cache=given.cache)
    report = evaluate_stereo(methods, groups)
    pair = real_pair()
    real = {}
    if pair is not None:
        judged = judge_pair({"sgbm": Sgbm(), **methods}, *pair, baseline="sgbm")
        real = {found.method: found for found in judged}
        print(f"photometric error of SGBM: {real['sgbm'].photometric:.3f}")
    print(f"{given.model}; {'; '.join(report.protocol)}; {machine()}\n")
    print(f"| refinement | {' | '.join(HEAD)} |\n{'|---' * (1 + len(HEAD))}|")
    print("\n".join(row(name, report, real) for name in methods))
    return 0


if __name__ == "__main__":
    sys.exit(main())
