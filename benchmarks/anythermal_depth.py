"""Depth heads: ours, the same head on the frozen teacher, and a constant; and one real frame.

    python benchmarks/anythermal_depth.py --out FOLDER --cache FOLDER [--heads BACKBONE ...]

Rendered: AbsRel, RMSE and delta_1 on `val` worlds, without alignment and with scale and shift. The
head of each backbone in --heads is trained by the recipe `depth` in OUT if it is not there; the
teacher's takes the blocks that the head of `anythermal_small` takes. The constant is the median
depth of the training frames. Real: the left frame of MS2 under THERMOSCOPE_DATA, where OpenCV's
SGBM answers: rank correlation of depth with minus its disparity, and that of minus the row of a
pixel, which looks at nothing. One picture is no score.
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
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks.anythermal import machine
from benchmarks.stereo_quality import real_pair

from thermoscope.engine.evaluate_depth import (
    ConstantDepth,
    DepthModel,
    evaluate_depth,
    rank_correlation,
)
from thermoscope.engine.labelled_frames import LabelledFrames, open_frames
from thermoscope.engine.stereo_baselines import Sgbm
from thermoscope.models.dense_heads import four_layers
from thermoscope.models.load import load_model
from thermoscope.models.teachers import list_teachers
from thermoscope.recipes.depth import PRESETS, DepthConfig, run

SHIPPED = "anythermal_small.depth"
TEACHER = "dinov2_small_offline"
BLOCKS = 10  # of anythermal_small
PROTOCOLS = ("metric", "scale_shift")


def head_config(base: DepthConfig, backbone: str, cache: Path | None) -> DepthConfig:
    """The recipe for the head of a backbone; a teacher's takes the same blocks as ours."""
    return replace(
        base,
        backbone=backbone,
        layers=four_layers(BLOCKS) if backbone in list_teachers() else base.layers,
        train=replace(base.train, root=cache),
        val=replace(base.val, root=cache),
    )


def trained(config: DepthConfig, out: Path) -> DepthModel:
    """The model with the head in OUT/BACKBONE, trained if it is not there."""
    name, folder = f"{config.backbone}.{config.tag}", out / config.backbone
    if not (folder / f"{name}.safetensors").is_file():
        run(config, folder)
    model: DepthModel = load_model(name, folder=folder)
    return model


def rendered_scores(model: DepthModel, frames: LabelledFrames) -> dict[str, float]:
    """AbsRel, RMSE and delta_1 under each protocol."""
    row = {}
    for protocol in PROTOCOLS:
        found = evaluate_depth(model, frames, protocol=protocol).scores
        for key in ("abs_rel", "rmse_m", "delta_1"):
            row[f"{protocol} {key}"] = round(getattr(found, key), 3)
    return row


def real_correlations(
    models: Mapping[str, DepthModel], left: NDArray[Any], right: NDArray[Any]
) -> dict[str, float]:
    """Rank correlation with minus SGBM's disparity, of each model and of the row of a pixel."""
    stereo = Sgbm().predict(left, right)
    farness = -stereo.disparity
    answers = {name: model.predict(left).depth for name, model in models.items()}
    rows = np.repeat(np.arange(left.shape[0])[:, None], left.shape[1], axis=1)
    answers["row of the pixel"] = -rows
    found = {n: rank_correlation(d, farness, stereo.valid) for n, d in answers.items()}
    return {name: round(value, 3) for name, value in found.items()}


def table(rows: Mapping[str, Mapping[str, float]]) -> str:
    """Markdown."""
    columns = list(next(iter(rows.values())))
    lines = [f"| | {' | '.join(columns)} |", "|---" * (1 + len(columns)) + "|"]
    for name, row in rows.items():
        lines.append(f"| {name} | {' | '.join(f'{row[column]:.3f}' for column in columns)} |")
    return "\n".join(lines)


def main(words: Sequence[str] | None = None) -> int:
    """Train what is missing, score, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of the heads and of rows")
    parser.add_argument("--cache", type=Path, help="folder for rendered frames")
    parser.add_argument("--heads", nargs="*", default=["anythermal_small", TEACHER])
    parser.add_argument("--shipped", nargs="*", default=[SHIPPED], help="weights scored as well")
    parser.add_argument("--preset", default="small", help="of the recipe depth")
    given = parser.parse_args(words)
    base = PRESETS[given.preset]
    configs = {name: head_config(base, name, given.cache) for name in given.heads}
    first = head_config(base, "", given.cache)
    models: dict[str, DepthModel] = {name: load_model(name) for name in given.shipped}
    for name, config in configs.items():
        models[f"{name}, trained here"] = trained(config, given.out)
    constant = ConstantDepth.median_of(open_frames(first.train, truth="depth"))
    scored = {**models, f"constant {constant.depth_m:.1f} m": constant}
    frames = open_frames(first.val, truth="depth")
    rows = {name: rendered_scores(model, frames) for name, model in scored.items()}
    print(f"{len(frames)} rendered frames of held-out worlds; {machine()}\n\n{table(rows)}\n")
    pair = real_pair()
    real = {} if pair is None else real_correlations(models, *pair)
    for name, value in real.items():
        print(f"rank correlation with SGBM on MS2's frame: {value:.3f} {name}")
    given.out.mkdir(parents=True, exist_ok=True)
    result = {"rendered": rows, "real": real, **machine()}
    (given.out / "depth.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
