"""What the recipes of segmentation and depth share: a task on a frozen backbone, and its weights.

What is NOT here: losses and settings (`thermoscope.recipes.segmentation`,
`thermoscope.recipes.depth`) and the loop (`thermoscope.engine.loop`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from thermoscope.core.errors import UnknownNameError
from thermoscope.core.weights import UNWRITTEN, TrainingSource, WeightsCard
from thermoscope.data.catalogue import dataset_info
from thermoscope.engine.labelled_frames import FrameChoice, LabelledFrames
from thermoscope.engine.loop import Batch, Gather, LoopConfig
from thermoscope.models.dense_heads import DenseModel
from thermoscope.models.teachers import list_teachers, teacher_licence
from thermoscope.recipes.dense_frames import DenseFrames

__all__ = [
    "DenseTask",
    "head_card",
    "head_output",
    "longest_side",
    "scored_on",
    "seeded",
    "sources_of",
]


class DenseTask(ABC):
    """Batches and parameters of training a head; the losses are the subclass's.

    Args:
        model: Its head is trained.
        frames: Where batches come from.
        loop: Batch size.
    """

    def __init__(self, model: DenseModel, frames: DenseFrames, loop: LoopConfig) -> None:
        self.module: torch.nn.Module = model
        self.model, self.frames, self.loop = model, frames, loop

    def parameter_groups(self) -> list[dict[str, Any]]:
        """The head, at one rate."""
        return [{"params": list(self.model.parameters()), "lr_scale": 1.0}]

    def batch(self, step: int, rank: int, world_size: int) -> Batch:
        """See `DenseFrames.batch`."""
        return self.frames.batch(step, rank, world_size, batch_size=self.loop.batch_size)

    @abstractmethod
    def losses(self, batch: Batch, gather: Gather) -> dict[str, Tensor]:
        """Scalars by name with ``"loss"``, over the batch of all processes."""

    def scores(self) -> dict[str, float]:
        """On the validation frames; none here."""
        return {}


def head_output(model: DenseModel, batch: Batch, truth: str) -> Tensor:
    """(B, C, H, W) of the head at the resolution of the truth, from images or kept features."""
    size = (batch[truth].shape[-2], batch[truth].shape[-1])
    if "images" in batch:
        grids = model.features(batch["images"])
    else:
        grids = [batch[f"features_{i}"] for i in range(model.head.grids)]
    found: Tensor = model.head(grids, size)
    return found


def sources_of(choices: Sequence[FrameChoice], use: str) -> tuple[TrainingSource, ...]:
    """Each data set once, with its licence; folders of the user's own are ``unstated``."""
    found = {}
    for choice in choices:
        try:
            licence = dataset_info(choice.data).licence
        except UnknownNameError:
            licence = "unstated"
        found[choice.data] = TrainingSource(choice.data, licence, use)
    return tuple(found.values())


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Weights that are drawn inside depend on `seed` alone; the generator outside is untouched."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


def longest_side(size_px: tuple[int, int] | None) -> dict[str, int]:
    """The builder's ``longest_px`` for a head trained at this size; its default for None."""
    return {} if size_px is None else {"longest_px": max(size_px)}


def scored_on(frames: LabelledFrames | None, protocol: str) -> str:
    """What a card says of its scores."""
    if frames is None:
        return "not scored"
    choice = frames.choice
    which = f", taxonomy {choice.taxonomy}, seed {choice.seed}" if choice.data == "scenes" else ""
    return f"{choice.data} {choice.split}{which}, {len(frames)} frames, protocol {protocol!r}"


def head_card(
    model: DenseModel,
    *,
    name: str,
    entry: str,
    text: str,
    recipe: str,
    seed: int,
    scores: dict[str, float],
    protocol: str,
    arguments: dict[str, Any],
    sources: tuple[TrainingSource, ...],
) -> WeightsCard:
    """The card of a trained head; sources of its backbone are sources of the head.

    Args:
        model: Trained.
        name: Of the weights, ``<backbone>.<tag>``.
        entry: Of the builder in `thermoscope.models.load`.
        text: What it does, in a sentence.
        recipe: That made it.
        seed: Of the run.
        scores: Metric to value.
        protocol: Data, split and rules behind `scores`.
        arguments: Of the builder.
        sources: Data that the head learned from.
    """
    below = model.backbone.card
    backbone = str(arguments["backbone"])
    if backbone in list_teachers():
        sources = (*sources, TrainingSource(backbone, teacher_licence(backbone), "backbone"))
    fixed = {} if below is None else {"backbone_sha256": below.sha256}
    return WeightsCard(
        name=name,
        model=entry,
        text=text,
        licence="Apache-2.0",
        sha256=UNWRITTEN,
        input_spec=model.input_spec,
        sources=(*sources, *(below.sources if below else ())),
        command=f"thermoscope train {recipe} --config config.yaml --out runs/{name}",
        seed=seed,
        scores={key: round(value, 4) for key, value in scores.items()},
        protocol=protocol,
        arguments={**arguments, **fixed},
    )
