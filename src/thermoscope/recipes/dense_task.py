"""What the recipes of segmentation and depth share: a task on a frozen backbone, and its run.

What is NOT here: losses and settings (`thermoscope.recipes.segmentation`,
`thermoscope.recipes.depth`) and the loop (`thermoscope.engine.loop`).
"""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from thermoscope.core.config import write_config
from thermoscope.core.errors import ConfigError, ThermoscopeWarning, UnknownNameError
from thermoscope.core.files import make_folder
from thermoscope.core.weights import UNWRITTEN, TrainingSource, WeightsCard, write_weights
from thermoscope.data.catalogue import dataset_info
from thermoscope.engine.labelled_frames import FrameChoice, LabelledFrames, Truth, open_frames
from thermoscope.engine.loop import Batch, FitResult, Gather, first_process, fit
from thermoscope.models.dense_heads import DenseModel
from thermoscope.models.teachers import list_teachers, teacher_licence
from thermoscope.recipes.dense_frames import DenseFrames
from thermoscope.recipes.train_command import train_command

__all__ = [
    "DenseTask",
    "check_all_scored",
    "head_output",
    "scored_on",
    "seeded",
    "sources_of",
    "train_head",
    "warn_of_cuts",
]


class DenseTask(ABC):
    """Batches and parameters of training a head; the losses are the subclass's.

    Args:
        config: Of the recipe.
        model: Its head is trained.
        frames: Where batches come from.
        val: Frames to score at the end.

    Attributes:
        recipe: Name in ``thermoscope train``.
        truth: What frames must have.
        entry: Of the model's builder in `thermoscope.models.load`.
    """

    recipe: ClassVar[str]
    truth: ClassVar[Truth]
    entry: ClassVar[str]

    def __init__(
        self,
        config: Any,
        model: DenseModel,
        frames: DenseFrames,
        val: LabelledFrames | None = None,
    ) -> None:
        self.module: torch.nn.Module = model
        self.config, self.model, self.frames, self.val = config, model, frames, val

    def parameter_groups(self) -> list[dict[str, Any]]:
        """The head, at one rate."""
        return [{"params": list(self.model.parameters()), "lr_scale": 1.0}]

    def batch(self, step: int, rank: int, world_size: int) -> Batch:
        """See `DenseFrames.batch`."""
        return self.frames.batch(step, rank, world_size, batch_size=self.config.loop.batch_size)

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


def check_all_scored(failed: Sequence[tuple[str, str]], count: int) -> None:
    """A score of a part of the frames would not be the one that the card claims.

    Raises:
        ConfigError: A frame failed.
    """
    if failed:
        name, reason = failed[0]
        raise ConfigError(
            f"{len(failed)} of {count} validation frames failed, the first is {name}: {reason}"
        )


# -- a run ----------------------------------------------------------------------------------------


def train_head(
    kind: type[DenseTask],
    config: Any,
    out: Path,
    *,
    build: Callable[..., DenseModel],
    presets: Mapping[str, Any],
    data: LabelledFrames,
    text: str,
    arguments: Mapping[str, Any],
) -> FitResult:
    """Train, score, and write weights with their card into `out`.

    Args:
        kind: Of the task.
        config: Of the recipe; what both recipes call alike is read here.
        out: Folder.
        build: The builder that `kind` names.
        presets: Of the recipe.
        data: Training frames.
        text: What the head does, in a sentence.
        arguments: Of the builder, besides backbone, source, layers and longest_px.

    Raises:
        ConfigError: Settings that do not fit.
        UnknownNameError: No such backbone, data set or protocol.
        DatasetNotFoundError: The data is not where the config says.
        WriteError: `out` cannot be written.
    """
    known = {
        **({} if config.size_px is None else {"longest_px": max(config.size_px)}),
        "backbone": config.backbone,
        "layers": None if config.layers is None else list(config.layers),
        **arguments,
        **({"source": config.source} if config.source else {}),
    }
    with seeded(config.loop.seed):
        model = build(**known)
    frames = DenseFrames(
        model,
        data,
        kind.truth,
        size_px=config.size_px,
        augmentation=config.augmentation,
        keep=config.keep,
        seed=config.loop.seed,
    )
    val = open_frames(config.val, truth=kind.truth) if config.score else None
    warn_of_cuts(data, val)
    frames.load()
    task = kind(config, model, frames, val)
    make_folder(out)
    write_config(config, out / "config.yaml")
    result = fit(task, config.loop, out)
    if first_process():
        name = f"{config.backbone}.{config.tag}"
        command = train_command(kind.recipe, config, presets, name=name)
        card = _head_card(task, result, name=name, command=command, text=text, arguments=known)
        write_weights(model, card, out)
    return result


def _head_card(
    task: DenseTask,
    result: FitResult,
    *,
    name: str,
    command: str,
    text: str,
    arguments: dict[str, Any],
) -> WeightsCard:
    """The card of a trained head; sources of its backbone are sources of the head."""
    config, below = task.config, task.model.backbone.card
    sources = [*sources_of([config.train], f"{task.recipe} head")]
    if config.backbone in list_teachers():
        licence = teacher_licence(config.backbone)
        sources.append(TrainingSource(config.backbone, licence, "backbone"))
    fixed = {} if below is None else {"backbone_sha256": below.sha256}
    return WeightsCard(
        name=name,
        model=task.entry,
        text=text,
        licence="Apache-2.0",
        sha256=UNWRITTEN,
        input_spec=task.model.input_spec,
        sources=(*sources, *(below.sources if below else ())),
        command=command,
        seed=config.loop.seed,
        scores={key: round(value, 4) for key, value in result.scores.items()},
        protocol=scored_on(task.val, config.protocol),
        arguments={**arguments, **fixed},
    )


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


def warn_of_cuts(*chosen: LabelledFrames | None) -> None:
    """A `ThermoscopeWarning` for each choice whose count leaves frames out."""
    for frames in chosen:
        if frames is not None and len(frames) < frames.available:
            choice = frames.choice
            warnings.warn(
                f"taking {len(frames)} of {frames.available} frames of {choice.data}, split "
                f"{choice.split!r}, as count says; count 0 takes all.",
                ThermoscopeWarning,
                stacklevel=3,
            )


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Weights that are drawn inside depend on `seed` alone; the generator outside is untouched."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


def scored_on(frames: LabelledFrames | None, protocol: str) -> str:
    """What a card says of its scores."""
    if frames is None:
        return "not scored"
    choice = frames.choice
    which = f", taxonomy {choice.taxonomy}, seed {choice.seed}" if choice.data == "scenes" else ""
    return f"{choice.data} {choice.split}{which}, {len(frames)} frames, protocol {protocol!r}"
