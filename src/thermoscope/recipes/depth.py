"""Train a depth head on the frozen backbone.

    thermoscope train depth --preset small --out runs/depth

Presets: ``paper`` is the recipe of AnyThermal's depth experiment on MS2 (DPT decoder at full width,
relative depth, least-squares loss invariant to scale and shift); ``small`` is ours, which made the
shipped head (light decoder, metres, scale-invariant logarithm and edges); ``tiny`` runs in seconds.
What is NOT here: the head (`thermoscope.models.dense_heads`), frames
(`thermoscope.recipes.dense_frames`).

Differs from the source in: one cosine instead of warm restarts, gradient matching as in MiDaS.
Source: Maheshwari et al., AnyThermal, arXiv 2602.06203; Ranftl et al., MiDaS, TPAMI 2022.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from thermoscope.core.errors import ConfigError
from thermoscope.engine.evaluate_depth import evaluate_depth
from thermoscope.engine.labelled_frames import FrameChoice, open_frames
from thermoscope.engine.loop import Batch, FitResult, Gather, LoopConfig
from thermoscope.layers.dpt import LIGHT_WIDTHS, PAPER_WIDTHS
from thermoscope.losses.depth import (
    gradient_matching_loss,
    least_squares_alignment,
    scale_shift_invariant_loss,
    silog_loss,
)
from thermoscope.models.dense_heads import LIGHT_FUSION, ThermalDepth, build_depth
from thermoscope.recipes.dense_frames import Augmentation, Keep
from thermoscope.recipes.dense_task import (
    DenseTask,
    check_all_scored,
    head_output,
    train_head,
)

__all__ = ["PRESETS", "DepthConfig", "DepthTask", "run"]


@dataclass(frozen=True)
class DepthConfig:
    """What is trained on what.

    Attributes:
        backbone: See `named_backbone`: a name for `load_model`, or a teacher to compare with.
        source: Where ``anythermal_base`` lies, see `load_model`.
        layers: Blocks that the head takes, see `DenseModel`.
        tag: The weights are called ``<backbone>.<tag>``.
        widths: Of the decoder.
        fusion: Channels of the decoder's map.
        metric: Whether the head gives metres.
        min_depth_m: Nearest depth the head gives and learns from, m.
        max_depth_m: Farthest, m. A metric head learns it for all that is farther, sky included;
            a relative one leaves that out.
        loss: ``"silog"`` (metric heads), ``"least_squares"`` or ``"median"`` (invariant to scale
            and shift).
        trim: Share of the largest differences left out of the invariant losses.
        edge_weight: Of the gradient matching loss; on log depth with ``"silog"``, else on aligned
            depth.
        train: Frames to learn from.
        val: Frames to score at the end.
        score: Whether that is done.
        protocol: Of that score.
        size_px: Height and width that training frames are scaled to; None = as they are.
        augmentation: Random changes.
        keep: What is kept in memory, see `DenseFrames`.
        loop: Steps, optimiser, devices.

    Raises:
        ConfigError: ``"silog"`` with a head that does not give metres.
    """

    backbone: str = "anythermal_small"
    source: str | None = None
    layers: tuple[int, ...] | None = None
    tag: str = "depth"
    widths: tuple[int, ...] = LIGHT_WIDTHS
    fusion: int = LIGHT_FUSION
    metric: bool = True
    min_depth_m: float = 0.5
    max_depth_m: float = 200.0
    loss: Literal["silog", "least_squares", "median"] = "silog"
    trim: float = 0.0
    edge_weight: float = 0.5
    train: FrameChoice = field(default_factory=lambda: FrameChoice(rendered=600))
    val: FrameChoice = field(default_factory=lambda: FrameChoice(split="val", rendered=100))
    score: bool = True
    protocol: str = "metric"
    size_px: tuple[int, int] | None = (224, 280)
    augmentation: Augmentation = field(default_factory=Augmentation)
    keep: Keep = "frames"
    loop: LoopConfig = field(default_factory=LoopConfig)

    def __post_init__(self) -> None:
        if self.loss == "silog" and not self.metric:
            raise ConfigError("loss 'silog' is for metric depth. Set metric, or choose 'median'.")


PRESETS: dict[str, DepthConfig] = {
    "small": DepthConfig(
        loop=LoopConfig(
            steps=300,
            batch_size=16,
            learning_rate=1e-3,
            weight_decay=0.01,
            warmup_steps=50,
            precision="bf16-mixed",
        ),
    ),
    "paper": DepthConfig(
        widths=PAPER_WIDTHS,
        fusion=256,
        metric=False,
        loss="least_squares",
        max_depth_m=80.0,
        train=FrameChoice(data="ms2", root=Path("data/ms2")),
        val=FrameChoice(data="ms2", root=Path("data/ms2"), split="test_day", every=10),
        protocol="anythermal",
        size_px=(224, 672),
        keep="nothing",
        loop=LoopConfig(
            steps=150_000,  # 30 epochs of at most 5,000 batches
            batch_size=2,
            learning_rate=1e-4,
            weight_decay=0.01,
            warmup_steps=0,
            gradient_clip=0.0,
            checkpoint_every=5000,
            log_every=100,
            workers=4,
        ),
    ),
    "tiny": DepthConfig(
        backbone="tiny",
        widths=(4, 4, 8, 8),
        fusion=8,
        train=FrameChoice(rendered=4, preset="tiny", environments=("indoor",)),
        val=FrameChoice(split="val", rendered=2, preset="tiny", environments=("indoor",)),
        size_px=(56, 70),
        loop=LoopConfig(steps=10, batch_size=4, learning_rate=1e-2, warmup_steps=2, log_every=1),
    ),
}


class DepthTask(DenseTask):
    """Losses and scores of depth, see `DenseTask`."""

    recipe, truth, entry = "depth", "depth", "anythermal_depth"
    config: DepthConfig
    model: ThermalDepth

    def losses(self, batch: Batch, gather: Gather) -> dict[str, Tensor]:
        """``"fit"``, ``"edges"`` and their sum."""
        config = self.config
        found = gather(head_output(self.model, batch, "depth").float())
        truth = gather(torch.nan_to_num(batch["depth"]))  # infinite: the largest number
        if config.metric:  # the sky, too, has an answer that a bounded head can give
            truth = truth.clamp(max=config.max_depth_m)
        within = (truth >= config.min_depth_m) & (truth <= config.max_depth_m)
        valid = gather(batch["valid"].to(torch.uint8)).bool() & within
        if config.loss == "silog":
            fit_loss = silog_loss(found, truth, valid)
            edges = gradient_matching_loss(found.log(), torch.where(valid, truth, 1.0).log(), valid)
        else:
            fit_loss = scale_shift_invariant_loss(
                found, truth, valid, alignment=config.loss, trim=config.trim
            )
            scale, shift = least_squares_alignment(found, truth, valid)
            edges = gradient_matching_loss(scale * found + shift, truth, valid)
        edges = config.edge_weight * edges
        return {"loss": fit_loss + edges, "fit": fit_loss, "edges": edges}

    def scores(self) -> dict[str, float]:
        """abs_rel, rmse_m and delta_1 on the validation frames."""
        if self.val is None:
            return {}
        found = evaluate_depth(self.model, self.val, protocol=self.config.protocol)
        check_all_scored(found.failed, len(self.val))
        return {name: getattr(found.scores, name) for name in ("abs_rel", "rmse_m", "delta_1")}


def run(config: DepthConfig, out: Path) -> FitResult:
    """Train, score, and write weights with their card into `out`.

    Raises:
        ConfigError: Settings that do not fit.
        UnknownNameError: No such backbone, data set or protocol.
        DatasetNotFoundError: The data is not where the config says.
        WriteError: `out` cannot be written.
    """
    return train_head(
        DepthTask,
        config,
        out,
        build=build_depth,
        presets=PRESETS,
        data=open_frames(config.train, truth="depth"),
        text=f"{'Metric' if config.metric else 'Relative'} depth of one thermal frame.",
        arguments={
            "widths": list(config.widths),
            "fusion": config.fusion,
            "metric": config.metric,
            "min_depth_m": config.min_depth_m,
            "max_depth_m": config.max_depth_m,
        },
    )
