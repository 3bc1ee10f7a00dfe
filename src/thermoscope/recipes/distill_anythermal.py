"""Distil AnyThermal: a thermal encoder that says what a colour encoder says of the same place.

    thermoscope train distill_anythermal --preset small --out runs/anythermal_small

Presets: ``paper`` is the published recipe (one-way InfoNCE from the teacher's class token to the
student's, temperature 0.07, batches of one data set, SGD 1e-3); ``small`` is ours, which made the
shipped weights; ``tiny`` runs in seconds. What is NOT here: reading data (`thermoscope.data`) and
the loop (`thermoscope.engine.loop`).

Source: Maheshwari et al., AnyThermal, arXiv 2602.06203.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from thermoscope.core.config import write_config
from thermoscope.core.errors import ConfigError
from thermoscope.core.files import make_folder
from thermoscope.core.weights import (
    UNWRITTEN,
    InputSpec,
    TrainingSource,
    WeightsCard,
    write_weights,
)
from thermoscope.data.catalogue import dataset_info
from thermoscope.engine.loop import Batch, FitResult, Gather, LoopConfig, first_process, fit
from thermoscope.layers.lora import add_lora, merge_lora
from thermoscope.layers.pooling import make_pooling
from thermoscope.losses.distill import (
    collapse_statistics,
    info_nce,
    patch_cosine,
    patch_info_nce,
    resampled,
)
from thermoscope.metrics.retrieval import recall_at_k
from thermoscope.models.anythermal import AnyThermal, Features
from thermoscope.models.prepare import IMAGENET_MEAN, IMAGENET_STD
from thermoscope.models.teachers import Teacher, load_teacher, teacher_licence
from thermoscope.recipes.distill_memory import NegativeQueue, PositionMean
from thermoscope.recipes.pair_sources import PairSource, load_pairs
from thermoscope.recipes.pair_views import Pair, ViewConfig, random_view, whole_view
from thermoscope.recipes.train_command import train_command

__all__ = ["PRESETS", "DistillConfig", "DistillTask", "run"]

Tokens = Literal["cls", "mean"]
SCORED_PX = (224, 224)


@dataclass(frozen=True)
class DistillConfig:
    """What is matched with what, and how strongly.

    Attributes:
        teacher: Name for `load_teacher`; the student starts as a copy of it.
        blocks: Blocks of the student, 0 for all. A teacher whose last blocks were tuned for
            another task is better cut short.
        tokens: Which descriptors the contrastive loss compares.
        partner: Whose view of the colour picture a thermal descriptor must find: the
            ``"teacher"``'s, or the ``"student"``'s own, which then learns as well.
        symmetric: Whether colour descriptors look for thermal ones too.
        temperature: Of the contrastive loss.
        contrast_weight: Of the contrastive loss.
        patch_weight: Of 1 - cosine between thermal patches and the teacher's colour patches.
        patch_nce_weight: Of the loss by which a thermal patch must find its colour patch.
        anchor_weight: Of 1 - cosine between the student's and the teacher's colour patches, which
            keeps what the teacher knew about colour.
        patch_block: Teacher's block whose patches are the goal; the student's last if -1.
        without_position: Whether the teacher's patches lose the part that depends on nothing but
            their place in the window, see `PositionMean`.
        queue: Negatives kept from earlier steps, 0 for none.
        ignore_within: Frames of one source at most this far apart are no negatives; -1 for none.
        one_source: Whether a batch comes from one data set, all data sets equally often.
        trainable: ``"blocks"`` (and the final norm), ``"all"``, or ``"lora"``.
        lora_rank: Rank of the updates.
        layer_decay: Learning rate of each block relative to the next one.
        views: Crops and photometric changes; ignored for the teacher's colours.
        sources: Pairs to learn from.
        val: Pairs to score on at the end: thermal pictures look for their colour partner.
        fold: For choosing settings: of so many (second) parts of the train lists the one with this
            number (first) is left out and scored instead of `val`, which is not read. Parts are
            made of whole blocks of a recording; rendered pairs are in no part.
        name: Of the weights.
        loop: Steps, optimiser, devices.
    """

    teacher: str = "dinov2_small_offline"
    blocks: int = 10
    tokens: tuple[Tokens, ...] = ("cls", "mean")
    partner: Literal["teacher", "student"] = "student"
    symmetric: bool = True
    temperature: float = 0.07
    contrast_weight: float = 1.0
    patch_weight: float = 1.0
    patch_nce_weight: float = 0.0
    anchor_weight: float = 1.0
    patch_block: int = -1
    without_position: bool = False
    queue: int = 0
    ignore_within: int = 2
    one_source: bool = False
    trainable: Literal["blocks", "all", "lora"] = "all"
    lora_rank: int = 16
    layer_decay: float = 0.9
    views: ViewConfig = field(default_factory=ViewConfig)
    sources: tuple[PairSource, ...] = (PairSource("msrs"), PairSource("roadscene"))
    val: tuple[PairSource, ...] = (
        PairSource("msrs", split="val"),
        PairSource("roadscene", split="val"),
    )
    fold: tuple[int, int] | None = None
    name: str = "anythermal_small"
    loop: LoopConfig = field(default_factory=LoopConfig)


_UNCHANGED = ViewConfig(
    scale=(0.47, 0.47),  # 308 x 504 of 512 x 640 px
    aspect=1.0,
    flip=0.0,
    polarity=0.0,
    tone=0.0,
    blur=0.0,
    noise=0.0,
    darkness=0.0,
)
PRESETS: dict[str, DistillConfig] = {
    "small": DistillConfig(
        patch_weight=0.5,
        patch_nce_weight=0.3,
        without_position=True,
        views=ViewConfig(size_px=(168, 168), scale=(0.15, 1.0), misalign=0.5),
        sources=(
            PairSource("msrs"),
            PairSource("roadscene"),
            PairSource("scenes", count=800),
            PairSource("scenes", count=240, visits=2, seed=7),
        ),
        loop=LoopConfig(
            steps=240, batch_size=32, learning_rate=1e-4, warmup_steps=40, precision="bf16-mixed"
        ),
    ),
    "paper": DistillConfig(
        teacher="dinov2_base",
        blocks=0,
        tokens=("cls",),
        partner="teacher",
        symmetric=False,
        patch_weight=0.0,
        anchor_weight=0.0,
        ignore_within=-1,
        one_source=True,
        trainable="blocks",
        layer_decay=1.0,
        views=replace(_UNCHANGED, size_px=(308, 504)),
        loop=LoopConfig(
            steps=10_000,
            batch_size=64,
            optimizer="sgd",
            learning_rate=1e-3,
            weight_decay=1e-3,
            schedule="constant",
            warmup_steps=0,
            gradient_clip=0.0,
            seed=42,
        ),
    ),
    "tiny": DistillConfig(
        blocks=0,
        views=ViewConfig(size_px=(28, 28)),
        val=(),
        loop=LoopConfig(steps=4, batch_size=4, warmup_steps=1, log_every=1),
    ),
}


class DistillTask:
    """Batches and losses of the distillation.

    Args:
        config: What is matched with what.
        student: Trained; made by `AnyThermal.shortened` from the teacher.
        teacher: Frozen.
        pairs: Training pairs.
        val: Pairs to score on.

    Raises:
        ConfigError: No pairs, an unknown token, or a loss without weight.
    """

    module: nn.Module

    def __init__(
        self,
        config: DistillConfig,
        student: AnyThermal,
        teacher: Teacher,
        pairs: Sequence[Pair],
        val: Sequence[Pair] = (),
    ) -> None:
        if not pairs:
            raise ConfigError("there is no pair to learn from. Name a data set that has some.")
        if not set(config.tokens) <= {"cls", "mean"} or not config.tokens:
            raise ConfigError(f"tokens must be of 'cls' and 'mean', got {config.tokens}.")
        if config.contrast_weight + config.patch_weight + config.patch_nce_weight <= 0:
            raise ConfigError("all losses have weight 0. Give one of them a positive weight.")
        self.config, self.teacher, self.pairs = config, teacher, list(pairs)
        self.val = list(val)
        self.student = student.train()
        self._choose_trainable()
        self.queue = NegativeQueue(config.queue, student.width * len(config.tokens))
        parts: dict[str, nn.Module] = {"student": self.student, "queue": self.queue}
        self.position: PositionMean | None = None
        if config.without_position:
            rows, columns = (side // student.patch_px for side in config.views.size_px)
            parts["position"] = self.position = PositionMean(student.width, (rows, columns))
        self.module = nn.ModuleDict(parts)
        names = sorted({pair.source for pair in pairs})
        self.by_source = {n: [i for i, p in enumerate(pairs) if p.source == n] for n in names}
        self.source_ids = {name: number for number, name in enumerate(names)}

    def _choose_trainable(self) -> None:
        if self.config.trainable == "lora":
            add_lora(self.student, ("q_proj", "v_proj"), rank=self.config.lora_rank)
        elif self.config.trainable == "blocks":
            for parameter in self.student.groups()["embedding"]:
                parameter.requires_grad_(False)
        mask_token = self.student.backbone.embeddings.mask_token
        if mask_token is not None:
            mask_token.requires_grad_(False)

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Earlier blocks learn more slowly: each ``layer_decay`` times the next."""
        groups = self.student.groups()
        count = len(groups)
        return [
            {"params": parameters, "lr_scale": self.config.layer_decay ** (count - 1 - depth)}
            for depth, parameters in enumerate(groups.values())
        ]

    # -- batches ---------------------------------------------------------------------------------

    def batch(self, step: int, rank: int, world_size: int) -> Batch:
        """Views of this process's share of the pairs of `step`."""
        chosen = self._indices(step)
        share = len(chosen) // world_size
        places = range(rank * share, (rank + 1) * share)
        rows = [self._row(step, place, chosen[place]) for place in places]
        stacked = {
            name: torch.from_numpy(np.stack([row[name] for row in rows])) for name in rows[0]
        }
        return {"step": torch.tensor(step), **stacked}

    def _indices(self, step: int) -> list[int]:
        """Pairs of a step: every source equally often, without repeats where there are enough."""
        config = self.config
        rng = np.random.default_rng([config.loop.seed, step, 1])
        sources = list(self.by_source.values())
        size = config.loop.batch_size
        if config.one_source:
            sources = [sources[int(rng.integers(len(sources)))]]
        order = rng.permutation(len(sources))
        chosen: list[int] = []
        for number, place in enumerate(order):
            share = size // len(sources) + (number < size % len(sources))
            pool = sources[place]
            chosen += rng.choice(pool, share, replace=share > len(pool)).tolist()
        return chosen

    def _row(self, step: int, place: int, index: int) -> dict[str, np.ndarray]:
        pair = self.pairs[index]
        rng = np.random.default_rng([self.config.loop.seed, step, 2, place])
        views = random_view(pair, self.config.views, rng)
        return {
            "clean_rgb": views.clean_rgb,
            "warp": views.warp,
            "rgb": views.rgb,
            "thermal": views.thermal,
            "aligned": np.float32(pair.aligned),
            "source": np.int64(self.source_ids[pair.source]),
            "index": np.int64(pair.index),
        }

    # -- losses ----------------------------------------------------------------------------------

    def losses(self, batch: Batch, gather: Gather) -> dict[str, Tensor]:
        """Weighted sum and every part of it, with signs of collapse."""
        config = self.config
        target = self._target(batch["clean_rgb"], gather)
        normal = self._normalised
        own_rgb = config.partner == "student" or config.anchor_weight > 0
        thermal = self.student(normal(batch["thermal"]))
        rgb = self.student(normal(batch["rgb"])) if own_rgb else target
        partner = rgb if config.partner == "student" else target
        parts = {
            "contrast": config.contrast_weight * self._contrast(thermal, partner, batch, gather)
        }
        parts.update(self._dense(thermal.grid, target.grid, batch))
        if config.anchor_weight and own_rgb:
            parts["anchor"] = config.anchor_weight * patch_cosine(rgb.grid, target.grid)
        signs = collapse_statistics(thermal.cls) if len(thermal.cls) > 1 else {}
        monitors = {f"thermal_{k}": torch.tensor(v) for k, v in signs.items()}
        return {"loss": torch.stack(list(parts.values())).sum(), **parts, **monitors}

    def _normalised(self, planes: Tensor) -> Tensor:
        return (planes - self.teacher.mean) / self.teacher.std

    @torch.no_grad()
    def _target(self, clean: Tensor, gather: Gather) -> Features:
        """The teacher's colour features; its patches may come from an earlier block."""
        self.teacher.to(clean.device)
        last = self.student.layers - 1
        block = last if self.config.patch_block < 0 else self.config.patch_block
        final = self.teacher.layers - 1 if self.config.blocks == 0 else last
        whole, dense = self.teacher(clean, (final, block))
        grid = dense.grid
        if self.position is not None:
            self.position.add(gather(grid))
            grid = self.position.removed(grid)
        return Features(cls=whole.cls, grid=grid)

    def _contrast(
        self, thermal: Features, partner: Features, batch: Batch, gather: Gather
    ) -> Tensor:
        config = self.config
        ignored = self._ignored(gather(batch["source"]), gather(batch["index"]))
        total = torch.zeros((), device=thermal.cls.device)
        queued: list[Tensor] = []
        for number, token in enumerate(config.tokens):
            query = gather(getattr(thermal, token).float())
            key = gather(getattr(partner, token).float())
            total = total + info_nce(
                query,
                key,
                temperature=config.temperature,
                symmetric=config.symmetric,
                ignored=ignored,
                queue=self._queued(number),
            )
            queued.append(key.detach())
        if config.queue:
            self.queue.push(torch.cat(queued, dim=1))
        return total / len(config.tokens)

    def _ignored(self, source: Tensor, index: Tensor) -> Tensor | None:
        if self.config.ignore_within < 0:
            return None
        near = (index[:, None] - index[None]).abs() <= self.config.ignore_within
        return near & (source[:, None] == source[None])

    def _queued(self, number: int) -> Tensor | None:
        if not self.config.queue:
            return None
        start = number * self.student.width
        return self.queue.filled()[:, start : start + self.student.width]

    def _dense(self, thermal: Tensor, target: Tensor, batch: Batch) -> dict[str, Tensor]:
        """Each thermal patch against the teacher's patch of the same place in the colour window.

        That window is displaced (`ViewConfig.misalign`): were it not, a patch that knows only where
        in the picture it lies would do.
        """
        config = self.config
        height, width = thermal.shape[2:]
        goal, inside = resampled(target.float(), batch["warp"], (height, width))
        weight = inside * batch["aligned"][:, None, None]
        parts = {}
        if config.patch_weight:
            parts["patch"] = config.patch_weight * patch_cosine(thermal, goal, weight=weight)
        if config.patch_nce_weight:
            nce = patch_info_nce(thermal.float(), goal, weight=weight)
            parts["patch_nce"] = config.patch_nce_weight * nce
        return parts

    def scores(self) -> dict[str, float]:
        """Recall of the colour partner of each thermal picture in `val`, one gallery for all."""
        if not self.val:
            return {}
        was_training = self.student.training
        self.student.eval()
        found = {
            band: torch.cat([self._described(pair, band) for pair in self.val]) for band in (0, 1)
        }
        self.student.train(was_training)
        similarity = (found[1] @ found[0].T).numpy()
        recall = recall_at_k(similarity, np.eye(len(self.val), dtype=bool))
        return {f"recall_at_{k}": share for k, share in recall.at.items()}

    @torch.no_grad()
    def _described(self, pair: Pair, band: int) -> Tensor:
        """(1, D) of the colour (0) or thermal (1) picture."""
        view = torch.from_numpy(whole_view(pair, SCORED_PX)[band])[None]
        device = self.student.backbone.embeddings.cls_token.device
        mean, std = self.teacher.mean.cpu(), self.teacher.std.cpu()
        features = self.student(((view - mean) / std).to(device))
        kind = "cls_mean" if len(self.config.tokens) > 1 else self.config.tokens[0]
        pooling = make_pooling(kind, self.student.width)
        found: Tensor = pooling(features.cls.float(), features.grid.float())
        return found.cpu()

    def finished(self) -> AnyThermal:
        """The student alone, low-rank updates merged, in eval mode."""
        merge_lora(self.student)
        return self.student.requires_grad_(True).eval()


def run(config: DistillConfig, out: Path) -> FitResult:
    """Distil, and write weights with their card into `out`.

    Raises:
        UnknownNameError: No such teacher or data set.
        MissingDependencyError: The teacher's package is not installed.
        DatasetNotFoundError: A data set is not where the config says.
        ConfigError: Settings that do not fit.
        WriteError: `out` cannot be written.
    """
    teacher = load_teacher(config.teacher)
    if not isinstance(teacher.network, AnyThermal):
        raise ConfigError(
            f"{config.teacher!r} is no vision transformer, and the student is a copy of its "
            "teacher. Choose a DINOv2."
        )
    cache, fold = out / "scenes", config.fold
    pairs = [p for source in config.sources for p in load_pairs(source, cache=cache, fold=fold)]
    scored = config.val if fold is None else config.sources
    held_out = fold is not None
    val = [
        pair
        for source in scored
        for pair in load_pairs(source, cache=cache, fold=fold, held_out=held_out)
    ]
    task = DistillTask(config, teacher.network.shortened(config.blocks), teacher, pairs, val)
    make_folder(out)
    write_config(config, out / "config.yaml")
    result = fit(task, config.loop, out)
    if first_process():
        write_weights(task.finished(), _card(config, task, result), out)
    return result


def _card(config: DistillConfig, task: DistillTask, result: FitResult) -> WeightsCard:
    counts = {name: len(indices) for name, indices in task.by_source.items()}
    listed = ", ".join(f"{count} of {name}" for name, count in counts.items())
    sources = [
        TrainingSource(source.data, _licence_of(source.data), "distillation")
        for source in config.sources
    ]
    return WeightsCard(
        name=config.name,
        model="anythermal",
        text="Encoder of thermal and colour pictures, for places, classes, depth and features.",
        licence="Apache-2.0",
        sha256=UNWRITTEN,
        input_spec=InputSpec(
            "counts",
            tone={"method": "percentile", "low_percent": 1.0, "high_percent": 99.0},
            mean=IMAGENET_MEAN,
            std=IMAGENET_STD,
            size_multiple_px=task.student.patch_px,
        ),
        sources=(
            TrainingSource(config.teacher, teacher_licence(config.teacher), "teacher"),
            *dict.fromkeys(sources),
        ),
        command=train_command("distill_anythermal", config, PRESETS, name=config.name),
        seed=config.loop.seed,
        scores={name: round(value, 4) for name, value in result.scores.items()},
        protocol=f"Trained on {listed} pairs. Scored on {len(task.val)} pairs of "
        f"{', '.join(sorted({p.source for p in task.val})) or 'nothing'} (val): thermal query, one "
        "gallery of their colour pictures, the partner is right. More: docs/papers/anythermal.md.",
        arguments={"size": task.student.size, "blocks": task.student.layers},
    )


def _licence_of(data: str) -> str:
    return "Apache-2.0" if data == "scenes" else dataset_info(data).licence
