"""Train a segmentation head on the frozen backbone.

    thermoscope train segmentation --preset small --out runs/segmentation

Presets: ``paper`` is AnyThermal's recipe for MFNet (two-layer head on the last layer, Dice, AdamW
2e-3 at a constant rate, batches of 128); ``small`` is ours, which made the shipped head (decoder on
four layers, Dice and cross-entropy, cosine); ``tiny`` runs in seconds. What is NOT here: the head
(`thermoscope.models.dense_heads`), frames (`thermoscope.recipes.dense_frames`).

Source: Maheshwari et al., AnyThermal, arXiv 2602.06203.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor

from thermoscope.core.errors import ConfigError
from thermoscope.engine.evaluate_segmentation import evaluate_segmentation
from thermoscope.engine.labelled_frames import FrameChoice, LabelledFrames, open_frames
from thermoscope.engine.loop import Batch, FitResult, Gather, LoopConfig
from thermoscope.layers.dpt import LIGHT_WIDTHS
from thermoscope.losses.segmentation import (
    SegmentationTerm,
    rare_class_weights,
    segmentation_losses,
)
from thermoscope.models.dense_heads import HeadKind, ThermalSegmenter, build_segmentation
from thermoscope.recipes.dense_frames import Augmentation, DenseFrames, Keep, warn_of_findings
from thermoscope.recipes.dense_task import (
    DenseTask,
    check_all_scored,
    head_output,
    train_head,
)

__all__ = ["PRESETS", "SegmentationConfig", "SegmentationTask", "run"]


@dataclass(frozen=True)
class SegmentationConfig:
    """What is trained on what.

    Attributes:
        backbone: See `named_backbone`: a name for `load_model`, or a teacher to compare with.
        source: Where ``anythermal_base`` lies, see `load_model`.
        layers: Blocks that the head takes, see `DenseModel`.
        tag: The weights are called ``<backbone>.<tag>``.
        kind: Head, see `SegmentationHead`.
        hidden: Channels of the head.
        widths: Of the decoder.
        dropout: Share of channels dropped.
        terms: Losses that are summed.
        train: Frames to learn from.
        val: Frames to score at the end.
        score: Whether that is done.
        protocol: Of that score.
        size_px: Height and width that training frames are scaled to; None = as they are.
        augmentation: Random changes.
        keep: What is kept in memory, see `DenseFrames`.
        loop: Steps, optimiser, devices.
    """

    backbone: str = "anythermal_small"
    source: str | None = None
    layers: tuple[int, ...] | None = None
    tag: str = "segmentation"
    kind: HeadKind = "dpt"
    hidden: int = 64
    widths: tuple[int, ...] = LIGHT_WIDTHS
    dropout: float = 0.05
    terms: tuple[SegmentationTerm, ...] = ("dice", "cross_entropy")
    train: FrameChoice = field(default_factory=lambda: FrameChoice(rendered=600))
    val: FrameChoice = field(default_factory=lambda: FrameChoice(split="val", rendered=100))
    score: bool = True
    protocol: str = "present"
    size_px: tuple[int, int] | None = (224, 280)
    augmentation: Augmentation = field(default_factory=Augmentation)
    keep: Keep = "frames"
    loop: LoopConfig = field(default_factory=LoopConfig)


PRESETS: dict[str, SegmentationConfig] = {
    "small": SegmentationConfig(
        loop=LoopConfig(
            steps=300,
            batch_size=16,
            learning_rate=1e-3,
            weight_decay=0.01,
            warmup_steps=50,
            precision="bf16-mixed",
        ),
    ),
    "paper": SegmentationConfig(
        kind="conv",
        terms=("dice",),
        train=FrameChoice(data="mfnet", root=Path("data/mfnet")),
        val=FrameChoice(data="mfnet", root=Path("data/mfnet"), split="test"),
        protocol="anythermal",
        size_px=None,
        augmentation=Augmentation(flip=0.0),
        loop=LoopConfig(
            steps=175,  # 25 epochs of MFNet's 784 frames, the last batch of each included
            batch_size=128,
            learning_rate=2e-3,
            weight_decay=0.0,
            schedule="constant",
            warmup_steps=0,
            gradient_clip=0.0,
            seed=85,
        ),
    ),
    "tiny": SegmentationConfig(
        backbone="tiny",
        kind="conv",
        hidden=8,
        train=FrameChoice(rendered=4, preset="tiny", environments=("indoor",), taxonomy="fine"),
        val=FrameChoice(
            split="val", rendered=2, preset="tiny", environments=("indoor",), taxonomy="fine"
        ),
        size_px=(56, 70),
        loop=LoopConfig(steps=10, batch_size=4, learning_rate=1e-2, warmup_steps=2, log_every=1),
    ),
}


class SegmentationTask(DenseTask):
    """Losses and scores of segmentation, see `DenseTask`."""

    recipe, truth, entry = "segmentation", "labels", "anythermal_segmentation"
    config: SegmentationConfig
    model: ThermalSegmenter

    def __init__(
        self,
        config: SegmentationConfig,
        model: ThermalSegmenter,
        frames: DenseFrames,
        val: LabelledFrames | None = None,
    ) -> None:
        super().__init__(config, model, frames, val)
        weighted = "weighted_cross_entropy" in config.terms
        pixels = frames.pixels_per_class(len(model.classes)) if weighted else []
        self.class_weights = rare_class_weights(pixels) if weighted else None

    def losses(self, batch: Batch, gather: Gather) -> dict[str, Tensor]:
        """The terms of the config and their sum."""
        logits = gather(head_output(self.model, batch, "labels").float())
        return segmentation_losses(
            logits,
            gather(batch["labels"]),
            terms=self.config.terms,
            class_weights=self.class_weights,
        )

    def scores(self) -> dict[str, float]:
        """miou, macc, pixel_accuracy and fwiou on the validation frames."""
        if self.val is None:
            return {}
        found = evaluate_segmentation(self.model, self.val, protocol=self.config.protocol)
        check_all_scored(found.failed, len(self.val))
        names = ("miou", "macc", "pixel_accuracy", "fwiou")
        return {name: getattr(found.scores, name) for name in names}


def run(config: SegmentationConfig, out: Path) -> FitResult:
    """Train, score, and write weights with their card into `out`.

    Raises:
        ConfigError: Data without class names, or settings that do not fit.
        UnknownNameError: No such backbone, data set or protocol.
        DatasetNotFoundError: The data is not where the config says.
        WriteError: `out` cannot be written.
    """
    data = open_frames(config.train, truth="labels")
    warn_of_findings(data)
    if not data.classes:
        raise ConfigError(
            f"{config.train.data}: nobody says what the classes are. State --train.classes."
        )
    return train_head(
        SegmentationTask,
        config,
        out,
        build=build_segmentation,
        presets=PRESETS,
        data=data,
        text=f"Segmentation of thermal frames into {len(data.classes)} classes.",
        arguments={
            "classes": list(data.classes),
            "kind": config.kind,
            "hidden": config.hidden,
            "widths": list(config.widths),
            "dropout": config.dropout,
        },
    )
