"""Stereo networks against a tuned SGBM: rendered pairs with truth, and a real pair without.

    python -m benchmarks.stereo_quality [--models thermostereort_fast ...] [--weights FOLDER ...]
        [--count 16] [--tune 32] [--cache FOLDER] [--json PATH] [--pictures FOLDER]

Rendered: `val` scenes, rig of MS2, sensor noise on, four environments by day, night, rain and fog,
COUNT pairs each, two of a world (few worlds mislead: one bare wall decides); truth of 0 to 96 px,
hidden pixels included. SGBM has its best settings on `train` pairs, those of least EPE and those of
least bad-3, holes filled from the left; a network is compared with the better of the two. Real: the
pair of MS2 under THERMOSCOPE_DATA, without truth.
Exit status 1 if a network misses one of the gates that are printed.
"""

from __future__ import annotations

import argparse
import copy
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np

from thermoscope import load_model, read
from thermoscope.core.files import data_folder
from thermoscope.engine.evaluate_stereo import Matcher, StereoReport, evaluate_stereo
from thermoscope.engine.stereo_baselines import Sgbm, tune_sgbm
from thermoscope.engine.stereo_frames import scene_groups
from thermoscope.engine.stereo_pictures import disparity_picture, disparity_range_px
from thermoscope.engine.stereo_real import judge_pair
from thermoscope.recipes.stereo_store import pair_of
from thermoscope.synthetic.dataset import Scenes
from thermoscope.synthetic.scenes import ENVIRONMENTS

MODELS = ("thermostereort_fast", "thermostereort_base")
EPE_GATE, BAD_3_GATE, AGREEMENT_GATE_PX = 0.5, 0.7, 0.5
SGBM: dict[str, Literal["epe_px", "bad_3"]] = {"sgbm": "epe_px", "sgbm for bad-3": "bad_3"}
PARTS = ("mean", *ENVIRONMENTS, "day", "night", "rain", "fog")
MS2_PAIR = ("stereo/ms2/left/000011_thr.png", "stereo/ms2/right/000011_thr.png")


def without_refinement(network: Any) -> Any:
    """The network's own answer, see `ThermoStereoRT.refine`."""
    bare = copy.copy(network)
    bare.refine = False
    return bare


def with_second_opinion(network: Any) -> Any:
    """A semi-global matcher asked as well, see `ThermoStereoRT.second_opinion`."""
    asked = copy.copy(network)
    asked.second_opinion = True
    return asked


def tuned(count: int, cache: Path | None) -> dict[str, Sgbm]:
    """SGBM with its best settings on training pairs: of least EPE, and of least bad-3.

    Without pairs, the settings that the package has, which were found so on 32 pairs for EPE.
    """
    if not count:
        return dict.fromkeys(SGBM, Sgbm())
    scenes = Scenes(
        split="train",
        environment=ENVIRONMENTS,
        preset="ms2",
        count=count,
        frames_per_scene=1,
        colour="none",
        cache=cache,
    )
    pairs = [pair_of(scenes[i]) for i in range(count)]
    found = {}
    for name, by in SGBM.items():
        found[name], error = tune_sgbm(pairs, by=by)
        print(f"{name}, {by} {error:.3f} on {count} train pairs: {found[name]}", flush=True)
    return found


def table(report: StereoReport, methods: Sequence[str]) -> str:
    """Markdown: EPE and bad-3 of every method in every part."""
    head = "| frames | " + " | ".join(f"{m} EPE px, bad-3 %" for m in methods) + " |"
    lines = [head, "|---" * (len(methods) + 1) + "|"]
    for part in PARTS:
        scores = [report.row(m, group=part).scores for m in methods]
        cells = " | ".join(f"{s.epe_px:.3f}, {100 * s.bad[3]:.2f}" for s in scores)
        lines.append(f"| {part} | {cells} |")
    return "\n".join(lines)


def ratios(report: StereoReport, model: str) -> dict[str, tuple[float, float]]:
    """EPE and bad-3 over the best of SGBM, by part."""
    found = {}
    for part in PARTS:
        ours = report.row(model, group=part).scores
        theirs = [report.row(name, group=part).scores for name in SGBM]
        found[part] = (
            _over(ours.epe_px, min(s.epe_px for s in theirs)),
            _over(ours.bad[3], min(s.bad[3] for s in theirs)),
        )
    return found


def _over(ours: float, theirs: float) -> float:
    """A ratio; two zeros are equal."""
    if theirs > 0:
        return ours / theirs
    return 1.0 if ours == 0 else float("inf")


def real_pair() -> tuple[np.ndarray, np.ndarray] | None:
    """Views of the real pair, or None where the data is not at hand."""
    root = data_folder()
    if root is None:
        return None
    files = [root / name for name in MS2_PAIR]
    if not all(file.is_file() for file in files):
        return None
    left, right = (np.asarray(read(file).values, np.float32) for file in files)
    return left, right


def save_pictures(methods: dict[str, Matcher], pair: tuple[np.ndarray, ...], folder: Path) -> None:
    """One disparity picture of each method, in the same colours; the views are not kept."""
    folder.mkdir(parents=True, exist_ok=True)
    answers = {name: method.predict(*pair) for name, method in methods.items()}
    shared = disparity_range_px(answers["sgbm"].disparity, answers["sgbm"].valid)
    for name, answer in answers.items():
        holes = answer.valid if getattr(methods[name], "leaves_holes", False) else None
        picture = disparity_picture(answer.disparity, valid=holes, range_px=shared)
        path = folder / f"stereo_ms2_{name}.png"
        cv2.imwrite(str(path), picture[..., ::-1])


def judged(model: str, report: StereoReport, real: dict[str, dict[str, Any]]) -> list[str]:
    """Gates that the model misses."""
    missed = []
    for part, (epe, bad) in ratios(report, model).items():
        print(f"{model} / sgbm, {part}: EPE {epe:.2f}, bad-3 {bad:.2f}")
        if part == "mean":
            missed += [f"EPE {epe:.2f} of SGBM's"] * (epe > EPE_GATE)
            missed += [f"bad-3 {bad:.2f} of SGBM's"] * (bad > BAD_3_GATE)
    if real:
        ours, theirs = real[model], real["sgbm"]
        missed += ["photometric error above SGBM's"] * (ours["photometric"] > theirs["photometric"])
        missed += ["less consistent than SGBM"] * (ours["consistent"] <= theirs["consistent"])
        far = ours["median_difference_px"] >= AGREEMENT_GATE_PX
        missed += ["differs from confident SGBM"] * far
    return missed


def main(words: Sequence[str] | None = None) -> int:
    """Score, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", default=list(MODELS))
    parser.add_argument("--weights", type=Path, nargs="*", default=None, help="one for each model")
    parser.add_argument("--count", type=int, default=16)
    parser.add_argument("--tune", type=int, default=32, help="training pairs for SGBM, 0 = none")
    parser.add_argument("--cache", type=Path, default=None)
    parser.add_argument("--json", type=Path, default=None)
    parser.add_argument("--pictures", type=Path, default=None)
    given = parser.parse_args(words)
    folders = given.weights or [None] * len(given.models)
    networks = {
        name: load_model(name, folder=folder)
        for name, folder in zip(given.models, folders, strict=True)
    }
    bare = {f"{name}, not refined": without_refinement(n) for name, n in networks.items()}
    asked = {f"{name}, second opinion": with_second_opinion(n) for name, n in networks.items()}
    methods: dict[str, Matcher] = {**networks, **bare, **asked, **tuned(given.tune, given.cache)}
    groups = scene_groups(split="val", count=given.count, cache=given.cache)
    report = evaluate_stereo(methods, groups)
    print("\n".join(report.protocol), table(report, list(methods)), sep="\n\n")
    pair = real_pair()
    real: dict[str, dict[str, Any]] = {}
    if pair is None:
        print("no real pair: THERMOSCOPE_DATA is not set or holds none")
    else:
        real = {j.method: asdict(j) for j in judge_pair(methods, *pair, baseline="sgbm")}
        for name, row in real.items():
            print(f"MS2 pair, {name}: {row}")
        if given.pictures is not None:
            save_pictures({n: methods[n] for n in (*networks, "sgbm")}, pair, given.pictures)
    missed = {name: judged(name, report, real) for name in networks}
    if given.json is not None:
        rows = {"report": report.to_dict(), "real": real, "missed": missed}
        given.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    for name, gates in missed.items():
        print(f"{name}: {'; '.join(gates) or 'every gate is met'}")
    return int(any(missed.values()))


if __name__ == "__main__":
    sys.exit(main())
