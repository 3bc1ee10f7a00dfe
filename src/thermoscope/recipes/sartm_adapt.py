"""Second stage of SARTM: real registered pairs without labels, next to the labelled ones.

A slow average of the network, the teacher, sees the plain pair and fuses it; where it is sure, its
classes are what the changed pair must be answered with by fusion, by colour alone and by thermal
alone. The branches go on teaching each other. What is NOT here: the labelled losses
(`thermoscope.recipes.sartm`).

Source: Tarvainen and Valpola, Mean teachers are better role models, arXiv 1703.01780; Sohn et al.,
FixMatch, arXiv 2001.07685, for the confident labels.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from thermoscope.core.checks import check_in_range
from thermoscope.core.errors import ConfigError
from thermoscope.core.sample import IGNORE_INDEX
from thermoscope.engine.loop import Batch, Gather, LoopConfig
from thermoscope.losses.cross_modal import cross_modal_losses
from thermoscope.losses.segmentation import cross_entropy_loss
from thermoscope.models.sartm import BranchMaps, Sartm
from thermoscope.recipes.pair_sources import PairSource, load_pairs
from thermoscope.recipes.pair_views import Pair
from thermoscope.recipes.sartm_frames import (
    LabelledPair,
    PairAugmentation,
    normalised,
    random_view,
)
from thermoscope.recipes.sartm_task import BRANCHES, SartmTask, as_branches

__all__ = ["AdaptConfig", "AdaptTask"]


@dataclass(frozen=True)
class AdaptConfig:
    """What is adapted to, and how.

    Attributes:
        steps: Updates; 0 = no second stage.
        pairs: Registered pairs without labels.
        share: Of a batch that is unlabelled; the rest is labelled as in the first stage.
        learning_rate: Highest one.
        confidence: The teacher's smallest probability of a class that counts.
        memory: Share of itself that the teacher keeps at an update.
        weight: Of the unlabelled losses.
        augmentation: Random changes of what the student sees.

    Raises:
        ConfigError: A number out of range, or steps without pairs.
    """

    steps: int = 0
    pairs: tuple[PairSource, ...] = ()
    share: float = 0.5
    learning_rate: float = 2e-4
    confidence: float = 0.8
    memory: float = 0.99
    weight: float = 1.0
    augmentation: PairAugmentation = field(default_factory=PairAugmentation)

    def __post_init__(self) -> None:
        if self.steps < 0 or (self.steps and not self.pairs):
            raise ConfigError(
                f"adapting takes steps of 0 or more and pairs to adapt to, got {self.steps} steps "
                f"and {len(self.pairs)} sources."
            )
        for name in ("confidence", "memory"):
            check_in_range(getattr(self, name), 0, 1, name=name)
        check_in_range(self.share, 0.01, 0.99, name="share")
        if any(not source.aligned for source in self.pairs):
            raise ConfigError("a pair that is not registered has no classes in common. Leave it.")


class _Both(nn.Module):
    """Student and teacher in one state, so that a run that stopped goes on exactly."""

    def __init__(self, student: Sartm, teacher: Sartm) -> None:
        super().__init__()
        self.student, self.teacher = student, teacher


class AdaptTask:
    """Losses of the second stage.

    Args:
        config: How.
        labelled: The first stage's task; its network is the student.

    Attributes:
        teacher: Slow average of the student; the network to keep.
    """

    def __init__(self, config: AdaptConfig, labelled: SartmTask) -> None:
        self.config, self.labelled = config, labelled
        self.student = labelled.model
        self.teacher = copy.deepcopy(self.student).requires_grad_(requires_grad=False).eval()
        self.module: nn.Module = _Both(self.student, self.teacher)
        size = labelled.frames.crop_px
        self.pairs = [
            unlabelled_pair(pair, size) for source in config.pairs for pair in load_pairs(source)
        ]
        if not self.pairs:
            raise ConfigError("there is no pair to adapt to. Name data that has some.")

    def loop(self, first: LoopConfig) -> LoopConfig:
        """The second stage's loop, like the first's but for length and rate."""
        return replace(
            first,
            steps=self.config.steps,
            learning_rate=self.config.learning_rate,
            warmup_steps=min(first.warmup_steps, self.config.steps // 10),
        )

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Of the student."""
        return self.labelled.parameter_groups()

    def batch(self, step: int, rank: int, world_size: int) -> Batch:
        """Labelled pairs, and unlabelled ones plain (``plain_rgb`` ...) and changed (``new_rgb``).

        The window of both is one; ``new_inside`` tells pixels that show the picture.
        """
        whole = self.labelled.batch_size // world_size
        unlabelled = max(1, round(whole * self.config.share))
        frames = self.labelled.frames
        known = max(1, whole - unlabelled) * world_size
        batch = frames.batch(step, rank, world_size, batch_size=known)
        first = (step * world_size + rank) * unlabelled
        rows = [self._row(step, first + i) for i in range(unlabelled)]
        return {**batch, **{name: torch.stack([row[name] for row in rows]) for name in rows[0]}}

    def _row(self, step: int, place: int) -> Batch:
        seed, size = self.labelled.frames.seed, self.labelled.frames.crop_px
        epoch, at = divmod(place, len(self.pairs))
        order = np.random.default_rng([seed, 3, epoch]).permutation(len(self.pairs))
        pair, changes = self.pairs[int(order[at])], self.config.augmentation
        plain = PairAugmentation(
            scale=changes.scale,
            colour=0,
            blur=0,
            dark=0,
            thermal=replace(changes.thermal, **_STILL),
        )
        flipped = bool(np.random.default_rng([seed, 4, step, place]).random() < changes.flip)
        row: Batch = {}
        for name, augmentation in (("plain", plain), ("new", changes)):
            rng = np.random.default_rng([seed, 5, step, place])  # one window for both
            view = random_view(pair, size, augmentation, rng, flipped)
            for band in ("rgb", "thermal"):
                row[f"{name}_{band}"] = normalised(view[band], self.student)
        row["new_inside"] = view["labels"] != IGNORE_INDEX
        draw = np.random.default_rng([seed, 6, step, place]).random()
        row["new_rgb_seen"] = torch.tensor(draw >= changes.rgb_missing)
        row["new_thermal_seen"] = torch.tensor(draw < 1 - changes.thermal_missing)
        return row

    def losses(self, batch: Batch, gather: Gather) -> dict[str, Tensor]:
        """The labelled terms, the unlabelled ones, and their sum."""
        self._remember()
        known = self.labelled.losses(batch, gather)
        wanted, sure = self._teach(batch)
        found = self._read(batch)
        branches = as_branches(found)
        size = (wanted.shape[1], wanted.shape[2])
        classes = torch.stack(
            [_agreement(gather(branches[name].logits), gather(wanted), size) for name in BRANCHES]
        ).mean()
        cross = cross_modal_losses(branches)
        weights = self.labelled.weights
        new = classes + weights.cross_scores * cross["cross_scores"]
        new = new + weights.cross_features * cross["cross_features"]
        return {
            **known,
            "new_classes": classes,
            "new_sure": sure,
            "loss": known["loss"] + self.config.weight * new,
        }

    @torch.no_grad()
    def _remember(self) -> None:
        """The teacher a little nearer to the student."""
        theirs = self.student.state_dict()
        for name, mine in self.teacher.state_dict().items():
            if mine.is_floating_point():
                mine.lerp_(theirs[name].to(mine), 1 - self.config.memory)
            else:
                mine.copy_(theirs[name])

    @torch.no_grad()
    def _teach(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """(B, H / 4, W / 4) classes where the teacher is sure, 255 elsewhere; the sure share."""
        self.teacher.eval()
        pyramids = self.teacher.pyramids(
            {"rgb": batch["plain_rgb"], "thermal": batch["plain_thermal"]}
        )
        logits = self.teacher.read(pyramids, only="fused")["fused"].logits("mean")
        best = logits.float().softmax(dim=1).max(dim=1)
        inside = batch["new_inside"][:, 2::4, 2::4]
        sure = (best.values >= self.config.confidence) & inside
        return best.indices.masked_fill(~sure, IGNORE_INDEX), sure.float().mean()

    def _read(self, batch: Batch) -> dict[str, BranchMaps]:
        seen = {name: batch[f"new_{name}_seen"] for name in ("rgb", "thermal")}
        pyramids = self.student.pyramids({"rgb": batch["new_rgb"], "thermal": batch["new_thermal"]})
        return self.student.read(pyramids, head="mean", seen=seen)

    def scores(self) -> dict[str, float]:
        """Of the teacher, on the first stage's validation pairs."""
        return self.labelled.score(self.teacher)


_STILL: dict[str, Any] = {"brightness": 0.0, "contrast": 0.0, "gamma": 0.0, "inversion": 0.0}


def _agreement(logits: Tensor, wanted: Tensor, size: tuple[int, int]) -> Tensor:
    scaled = functional.interpolate(logits.float(), size=size, mode="bilinear", align_corners=False)
    return cross_entropy_loss(scaled, wanted)


def unlabelled_pair(pair: Pair, size_px: tuple[int, int]) -> LabelledPair:
    """A pair scaled so that a view of `size_px` covers it, every pixel of it unknown but inside."""
    factor = max(want / have for want, have in zip(size_px, pair.thermal.shape, strict=True))
    size = [max(1, round(side * factor)) for side in pair.thermal.shape]
    rgb = torch.from_numpy(pair.rgb).permute(2, 0, 1)[None].float()
    thermal = torch.from_numpy(pair.thermal)[None, None].float()
    small, grey = (
        functional.interpolate(x, size=size, mode="bilinear", align_corners=False, antialias=True)
        for x in (rgb, thermal)
    )
    return LabelledPair(
        small[0].round().clamp(0, 255).permute(1, 2, 0).to(torch.uint8).contiguous().numpy(),
        (grey[0, 0] / 255).clamp(0, 1).half().numpy(),
        np.zeros((size[0], size[1]), np.uint8),
    )
