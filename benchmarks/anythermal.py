"""What distillation changes: retrieval across bands, within a band, dense transfer, places.

    python benchmarks/anythermal.py --models teacher anythermal_small [--weights DIR] [--out FILE]

Prints the tables of ``docs/papers/anythermal.md``. Needs the real pairs (THERMOSCOPE_DATA) and the
extra ``teachers``. A model is ``teacher`` (frozen, all 12 blocks, class token), ``teacher:9:mean``
(block and pooling) or the name of weights, with ``@SEED`` for one of several folders ``DIR_SEED``.

Retrieval: thermal query, RGB gallery, the aligned partner is right; intervals are 95 % bootstrap
intervals over queries. Nearly black RGB: mean level under 20 of 255.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("KMP_BLOCKTIME", "0")

import numpy as np
import torch
from torch.nn import functional

from thermoscope.core.files import data_folder
from thermoscope.layers.pooling import make_pooling
from thermoscope.metrics.retrieval import bootstrap_interval, recall_at_k
from thermoscope.models.anythermal import AnyThermal, Features
from thermoscope.models.load import load_model
from thermoscope.models.place import PlaceRecognizer
from thermoscope.models.prepare import IMAGENET_MEAN, IMAGENET_STD
from thermoscope.models.teachers import load_teacher
from thermoscope.recipes.pair_sources import PairSource, load_pairs, scenes_of
from thermoscope.recipes.pair_views import Pair, ViewConfig, as_pair, random_view, whole_view
from thermoscope.synthetic.labels import TAXONOMIES

SIDE = 224
SOURCES = ("msrs", "roadscene", "llvip")
BLACK_LEVEL = 20
TEACHER = "dinov2_small_offline"
PROBE_SIZE = (224, 294)  # 4:3 in patches: 16 x 21


@dataclass(frozen=True)
class Encoder:
    """A backbone, one of its blocks, and how its tokens become one vector."""

    name: str
    network: AnyThermal
    block: int
    pooling: Any

    @torch.inference_mode()
    def layers(self, images: np.ndarray, blocks: Sequence[int]) -> list[Features]:
        """Of (N, 3, H, W) pictures in [0, 1], after each of the blocks."""
        mean = torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1)
        std = torch.tensor(IMAGENET_STD).view(1, 3, 1, 1)
        with torch.autocast("cpu", torch.bfloat16):
            return self.network.intermediate((torch.from_numpy(images) - mean) / std, blocks)

    @torch.inference_mode()
    def features(self, images: np.ndarray) -> Features:
        """Of (N, 3, H, W) pictures in [0, 1], sixteen at a time."""
        starts = range(0, len(images), 16)
        parts = [self.layers(images[start : start + 16], [self.block])[0] for start in starts]
        return Features(
            torch.cat([p.cls.float() for p in parts]), torch.cat([p.grid.float() for p in parts])
        )

    def descriptors(self, images: np.ndarray) -> torch.Tensor:
        """(N, D) of unit length."""
        found = self.features(images)
        pool = self.pooling
        if isinstance(pool, str):
            pool = make_pooling(pool, self.network.width)
        with torch.inference_mode():
            return pool(found.cls, found.grid)


def encoder(name: str, weights: Path | None) -> Encoder:
    """The encoder that `name` describes."""
    parts = name.split(":")
    if parts[0] == "teacher":
        network = load_teacher(TEACHER).network
        block = int(parts[1]) if len(parts) > 1 else network.layers - 1
        return Encoder(name, network, block, parts[2] if len(parts) > 2 else "cls")
    folder = weights
    plain, _, seed = name.partition("@")
    if seed and weights is not None:
        folder = weights.with_name(f"{weights.name}_{seed}")
    network = load_model(plain, folder=folder)
    if isinstance(network, PlaceRecognizer):
        block = network.layer % network.backbone.layers
        return Encoder(name, network.backbone, block, network.pooling.eval())
    return Encoder(name, network, network.layers - 1, "cls_mean")


def views(pairs: Sequence[Pair], size: tuple[int, int] = (SIDE, SIDE)) -> tuple[Any, Any]:
    """(N, 3, H, W) colour and thermal."""
    both = [whole_view(pair, size) for pair in pairs]
    return np.stack([b[0] for b in both]), np.stack([b[1] for b in both])


# -- retrieval ------------------------------------------------------------------------------------


def recalls(similarity: torch.Tensor, positives: np.ndarray | None = None) -> dict[str, Any]:
    """R@1, 5, 10 in percent, with the interval of R@1; row i belongs to column i by default."""
    right = np.eye(*similarity.shape, dtype=bool) if positives is None else positives
    found = recall_at_k(similarity.numpy(), right)
    if not found.counted:
        return {"n": 0}
    low, high = bootstrap_interval(found.ranks <= 1, seed=0)
    row = {f"r{k}": round(100 * share, 1) for k, share in found.at.items()}
    interval = [round(100 * low, 1), round(100 * high, 1)]
    return {"n": found.counted, **row, "r1_95": interval}


def across(model: Encoder, pairs: list[Pair], distractors: list[Pair]) -> dict[str, Any]:
    """Thermal query, RGB gallery: pooled, by source, nearly black apart, in a larger gallery."""
    rgb, thermal = views(pairs)
    queries, gallery = model.descriptors(thermal), model.descriptors(rgb)
    scores = queries @ gallery.T
    dark = np.array([p.rgb.mean() < BLACK_LEVEL for p in pairs])
    own = np.eye(len(pairs), dtype=bool)
    rows = {"pooled": recalls(scores)}
    rows["pooled, RGB not black"] = recalls(scores[~dark], own[~dark])
    rows["pooled, RGB nearly black"] = recalls(scores[dark], own[dark])
    for source in SOURCES:
        kept = torch.tensor([p.source == source for p in pairs])
        if kept.any():
            rows[f"{source} alone"] = recalls(scores[kept][:, kept])
    more = model.descriptors(views(distractors)[0])
    rows["with all training RGB as distractors"] = recalls(torch.cat((scores, queries @ more.T), 1))
    return rows


def within(model: Encoder, pairs: list[Pair]) -> dict[str, Any]:
    """A 70 % crop with photometric changes must find its original, in the same band."""
    config = ViewConfig(
        size_px=(SIDE, SIDE), scale=(0.7, 0.7), aspect=1.0, flip=0, polarity=0, darkness=0
    )
    made = [random_view(p, config, np.random.default_rng([5, i])) for i, p in enumerate(pairs)]
    rgb, thermal = views(pairs)
    crops = {"RGB": np.stack([v.rgb for v in made]), "thermal": np.stack([v.thermal for v in made])}
    whole = {"RGB": rgb, "thermal": thermal}
    return {
        f"{band} to {band}": recalls(
            model.descriptors(crops[band]) @ model.descriptors(whole[band]).T
        )
        for band in crops
    }


def patches(model: Encoder, goal: Encoder, pairs: list[Pair], shift: int = 0) -> dict[str, Any]:
    """Share of thermal patches that find their place among the teacher's RGB patches.

    With `shift` the RGB window lies that many patches to the right, so that a patch which knows
    where in the window it lies, and not what it shows, finds nothing.
    """
    side = SIDE // 14
    rgb, thermal = views(pairs, (SIDE, SIDE + 14 * shift))
    windows = thermal[..., :SIDE], rgb[..., 14 * shift :]
    mine = functional.normalize(model.features(np.ascontiguousarray(windows[0])).grid, dim=1)
    theirs = functional.normalize(goal.features(np.ascontiguousarray(windows[1])).grid, dim=1)
    rows = torch.arange(side * side) // side
    columns = torch.arange(side * side) % side
    shown = columns >= shift
    exact, near = [], []
    for a, b in zip(mine.flatten(2), theirs.flatten(2), strict=True):
        best = (a.T @ b).argmax(dim=1)
        gap = torch.maximum((rows[best] - rows).abs(), (columns[best] - columns + shift).abs())
        exact.append(float((gap[shown] == 0).float().mean()))
        near.append(float((gap[shown] <= 1).float().mean()))
    return {
        "right patch %": round(100 * float(np.mean(exact)), 1),
        "within one patch %": round(100 * float(np.mean(near)), 1),
    }


# -- linear probes --------------------------------------------------------------------------------


def fit_probe(rows: torch.Tensor, labels: torch.Tensor, classes: int, seed: int) -> Any:
    """A linear layer on standardised features, by LBFGS with weight decay."""
    torch.manual_seed(seed)
    mean, std = rows.mean(dim=0), rows.std(dim=0) + 1e-6
    layer = torch.nn.Linear(rows.shape[1], classes)
    torch.nn.init.zeros_(layer.weight)
    optimizer = torch.optim.LBFGS(layer.parameters(), max_iter=60, line_search_fn="strong_wolfe")
    x = (rows - mean) / std

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = functional.cross_entropy(layer(x), labels) + 1e-3 * layer.weight.square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    return lambda y: layer((y - mean) / std)


def probe_miou(
    apply: Callable[[torch.Tensor], torch.Tensor],
    grids: torch.Tensor,
    labels: np.ndarray,
    classes: int,
) -> float:
    """Mean IoU over present classes, per pixel, logits scaled up bilinearly."""
    table = np.zeros((classes, classes), np.int64)
    with torch.no_grad():
        for grid, truth in zip(grids, labels, strict=True):
            logits = apply(grid.flatten(1).T).T.unflatten(1, grid.shape[1:])[None]
            full = functional.interpolate(logits, truth.shape, mode="bilinear")[0].argmax(dim=0)
            known = truth != 255
            pairs = truth[known] * classes + full.numpy()[known]
            table += np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)
    union = table.sum(0) + table.sum(1) - table.diagonal()
    iou = np.where(table.sum(1) > 0, table.diagonal() / np.maximum(union, 1), np.nan)
    return float(np.nanmean(iou))


def patch_labels(labels: np.ndarray, grid: tuple[int, int]) -> np.ndarray:
    """Label at the centre of each patch, (N, h, w)."""
    rows = ((np.arange(grid[0]) + 0.5) * labels.shape[1] / grid[0]).astype(int)
    columns = ((np.arange(grid[1]) + 0.5) * labels.shape[2] / grid[1]).astype(int)
    return labels[:, rows][:, :, columns]


def scene_set(split: str, count: int, cache: Path | None) -> dict[str, Any]:
    """Pictures, labels and hours of rendered scenes."""
    scenes = scenes_of(PairSource("scenes", cache, split, count))
    pairs, labels, night = [], [], []
    for i in range(count):
        sample = scenes[i]
        pairs.append(as_pair(sample, source="scenes", index=i))
        labels.append(sample["labels"][0])
        hour = scenes.moment(i).place.hour
        night.append(not 7 <= hour < 18)
    rgb, thermal = views(pairs, PROBE_SIZE)
    return {"rgb": rgb, "thermal": thermal, "labels": np.stack(labels), "night": np.array(night)}


def scene_probe(model: Encoder, band: str, train: dict[str, Any], val: dict[str, Any]) -> Any:
    """Linear probe on rendered scenes: mean IoU on held-out worlds, all, by day, by night."""
    classes = len(TAXONOMIES["fmb"].classes)
    grids = model.features(train[band]).grid
    small = torch.from_numpy(patch_labels(train["labels"], tuple(grids.shape[2:])))
    rows, labels = grids.permute(0, 2, 3, 1).flatten(0, 2), small.flatten()
    known = labels != 255
    apply = fit_probe(rows[known], labels[known], classes, 0)
    tested = model.features(val[band]).grid
    night = val["night"]
    return {
        name: round(100 * probe_miou(apply, tested[kept], val["labels"][kept], classes), 1)
        for name, kept in (("all", night | ~night), ("day", ~night), ("night", night))
    }


def mask_probe(model: Encoder, folder: Path) -> dict[str, Any]:
    """Linear probe on real thermal masks: IoU of the object with 5, 20 and all labels."""
    import csv

    import cv2

    sets: dict[str, Any] = {}
    with (folder / "splits.csv").open(encoding="utf-8") as stream:
        rows = [r for r in csv.DictReader(stream) if r["source"] == "buffalo_udder"]
    for split in ("train", "val"):
        images, labels = [], []
        for row in (r for r in rows if r["split"] == split):
            thermal = cv2.imread(str(folder / row["thermal"]), cv2.IMREAD_GRAYSCALE)
            truth = cv2.imread(str(folder / row["label"]), cv2.IMREAD_GRAYSCALE)
            size = (PROBE_SIZE[1], PROBE_SIZE[0])
            view = cv2.resize(thermal, size, interpolation=cv2.INTER_AREA)
            images.append(np.repeat(view[None].astype(np.float32) / 255, 3, axis=0))
            labels.append(cv2.resize(truth, (320, 240), interpolation=cv2.INTER_NEAREST))
        sets[split] = (model.features(np.stack(images)).grid, np.stack(labels).astype(np.int64))
    grids, labels = sets["train"]
    small = torch.from_numpy(patch_labels(labels, tuple(grids.shape[2:])))
    result = {}
    for shown in (5, 20, len(grids)):
        draws = []
        for draw in range(5 if shown < len(grids) else 1):
            chosen = np.random.default_rng(draw).permutation(len(grids))[:shown]
            x = grids[chosen].permute(0, 2, 3, 1).flatten(0, 2)
            apply = fit_probe(x, small[chosen].flatten(), 2, draw)
            draws.append(object_iou(apply, *sets["val"]))
        spread = f" +- {np.std(draws):.1f}" if len(draws) > 1 else ""
        result[f"{shown} labels"] = f"{np.mean(draws):.1f}{spread}"
    return result


def object_iou(apply: Any, grids: torch.Tensor, labels: np.ndarray) -> float:
    """IoU of class 1 over all pixels, percent."""
    both = either = 0
    with torch.no_grad():
        for grid, truth in zip(grids, labels, strict=True):
            logits = apply(grid.flatten(1).T).T.unflatten(1, grid.shape[1:])[None]
            full = functional.interpolate(logits, truth.shape, mode="bilinear")[0]
            said = full.argmax(dim=0).numpy() == 1
            both += int((said & (truth == 1)).sum())
            either += int((said | (truth == 1)).sum())
    return 100 * both / max(either, 1)


# -- places ---------------------------------------------------------------------------------------


def loop_places(model: Encoder, count: int, cache: Path | None, radius_m: float) -> dict[str, Any]:
    """RGB of the first pass is the map, thermal of the pass half a day later the query."""
    scenes = scenes_of(PairSource("scenes", cache, "val", count, visits=2, seed=7))
    passes: dict[int, list[Any]] = {0: [], 1: []}
    for i in range(count):
        sample, moment = scenes[i], scenes.moment(i)
        pair = as_pair(sample, source="scenes", index=i)
        passes[moment.place.visit].append((moment, pair, sample["position_m"]))
    day = [p for p in passes[0] if 7 <= p[0].place.hour < 18]
    night = [p for p in passes[1] if not 7 <= p[0].place.hour < 18]
    gallery = model.descriptors(views([p[1] for p in day])[0])
    queries = model.descriptors(views([p[1] for p in night])[1])
    right = np.array(
        [
            [
                m.number == moment.number and np.linalg.norm(where - position) <= radius_m
                for m, _, where in day
            ]
            for moment, _, position in night
        ]
    )
    return {f"{len(day)} in the map": recalls(queries @ gallery.T, right)}


# -- report ---------------------------------------------------------------------------------------


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=["teacher", "teacher:9:mean"])
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--cache", type=Path, help="folder for rendered scenes")
    parser.add_argument("--scenes", type=int, default=400, help="training scenes of the probe")
    parser.add_argument("--loops", type=int, default=160)
    parser.add_argument("--only", nargs="*", default=[], help="first words of tables")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    torch.manual_seed(0)
    tables: dict[str, Any] = {"machine": machine(), "models": {}}
    tests = prepared(arguments)
    for name in arguments.models:
        model, start = encoder(name, arguments.weights), time.perf_counter()
        found = {title: test(model) for title, test in tests.items()}
        tables["models"][name] = found
        print(f"\n## {name} ({time.perf_counter() - start:.0f} s)")
        for title, rows in found.items():
            print(title)
            for key, value in rows.items():
                print(f"  {key:<38} {value}", flush=True)
    if arguments.out:
        arguments.out.write_text(json.dumps(tables, indent=1) + "\n", encoding="utf-8")


def prepared(arguments: argparse.Namespace) -> dict[str, Callable[[Encoder], dict[str, Any]]]:
    """The tests wanted, their data loaded once."""
    folder = data_folder()
    if folder is None:
        raise SystemExit("set THERMOSCOPE_DATA to the folder of real pairs")
    pairs = [p for s in SOURCES for p in load_pairs(PairSource(s, split="val"))]
    spare = [p for s in SOURCES for p in load_pairs(PairSource(s, split="train"))]
    aligned = [p for p in pairs if p.source != "llvip"]
    goal = encoder("teacher:9", None)
    cache = arguments.cache
    tests: dict[str, Callable[[Encoder], dict[str, Any]]] = {
        "thermal to RGB": lambda m: across(m, pairs, spare),
        "within a band": lambda m: within(m, pairs),
        "patches": lambda m: patches(m, goal, aligned),
        "patches, displaced by 4": lambda m: patches(m, goal, aligned, shift=4),
        "mask probe": lambda m: mask_probe(m, folder),
        "places, 5 m": lambda m: loop_places(m, arguments.loops, cache and cache / "visits", 5.0),
    }
    if not arguments.only or "scenes" in arguments.only:
        sets = [scene_set("train", arguments.scenes, cache and cache / "pairs")]
        sets.append(scene_set("val", 200, cache and cache / "pairs"))
        for band in ("thermal", "rgb"):
            tests[f"scenes probe, {band}"] = lambda m, b=band: scene_probe(m, b, *sets)
    if not arguments.only:
        return tests
    return {t: f for t, f in tests.items() if any(t.startswith(o) for o in arguments.only)}


def machine() -> dict[str, str]:
    """Commit and hardware."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    return {"commit": commit, "cpu": f"{os.cpu_count()} x {platform.machine()}"}


if __name__ == "__main__":
    main()
