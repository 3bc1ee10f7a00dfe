"""What SARTM learns from a batch: classes in every branch, words, and what branches teach others.

What is NOT here: settings (`thermoscope.recipes.sartm`), training pairs
(`thermoscope.recipes.sartm_frames`) and the losses themselves (`thermoscope.losses`).

Source: Xing et al., SARTM, arXiv 2505.01950.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from thermoscope.engine.evaluate_segmentation import evaluate_segmentation
from thermoscope.engine.labelled_frames import LabelledFrames
from thermoscope.engine.loop import Batch, Gather
from thermoscope.layers.prototypes import class_prototypes
from thermoscope.losses.cross_modal import Branch, cross_modal_losses
from thermoscope.losses.language import prototype_loss, relation_loss
from thermoscope.losses.segmentation import (
    SegmentationTerm,
    rare_class_weights,
    segmentation_losses,
)
from thermoscope.models.prepare import Modality
from thermoscope.models.sartm import BranchMaps, Sartm
from thermoscope.recipes.dense_task import check_all_scored
from thermoscope.recipes.sartm_frames import BANDS, PairFrames

__all__ = ["BRANCHES", "LossWeights", "SartmTask", "as_branches", "score_branches"]

BRANCHES = ("fused", "rgb", "thermal")


@dataclass(frozen=True)
class LossWeights:
    """What each term counts; 0 leaves it out.

    Attributes:
        fused: Classes of the fused branch.
        single: Classes of colour alone and of thermal alone.
        relation: Relations of words, see `relation_loss`.
        prototype: See `prototype_loss`.
        text: Classes by their names: every pixel in the space of words.
        cross_scores: Branches that teach each other, by scores.
        cross_features: The same, by features.
    """

    fused: float = 1.0
    single: float = 0.5
    relation: float = 0.1
    prototype: float = 0.1
    text: float = 0.3
    cross_scores: float = 0.5
    cross_features: float = 0.2

    @property
    def words(self) -> bool:
        """Whether names of classes are of use."""
        return self.relation > 0 or self.text > 0


class SartmTask:
    """Losses and scores of SARTM.

    Args:
        model: All of it that takes a gradient is trained.
        frames: Training pairs.
        batch_size: Pairs a step, over all processes.
        weights: Of the losses.
        terms: Losses of classes.
        temperature: Of relations and prototypes.
        loss_stride: Classes are compared at each so many-th pixel.
        text: (K, D) embeddings of the class names; None = no words.
        val: Pairs to score at the end.
    """

    def __init__(
        self,
        model: Sartm,
        frames: PairFrames,
        *,
        batch_size: int,
        weights: LossWeights,
        terms: Sequence[SegmentationTerm],
        temperature: float = 0.1,
        loss_stride: int = 1,
        text: Tensor | None = None,
        val: LabelledFrames | None = None,
    ) -> None:
        self.module: nn.Module = model
        self.model, self.frames, self.val, self.text = model, frames, val, text
        self.batch_size, self.weights, self.terms = batch_size, weights, tuple(terms)
        self.temperature, self.loss_stride = temperature, loss_stride
        weighted = "weighted_cross_entropy" in self.terms
        pixels = frames.pixels_per_class(len(model.classes)) if weighted else []
        self.class_weights = rare_class_weights(pixels) if weighted else None

    def parameter_groups(self) -> list[dict[str, Any]]:
        """All at one rate."""
        return [{"params": list(self.model.parameters()), "lr_scale": 1.0}]

    def batch(self, step: int, rank: int, world_size: int) -> Batch:
        """See `PairFrames.batch`."""
        return self.frames.batch(step, rank, world_size, batch_size=self.batch_size)

    def losses(self, batch: Batch, gather: Gather) -> dict[str, Tensor]:
        """Each term by name, and under ``"loss"`` their weighted sum."""
        found = read_batch(self.model, batch)
        if len(found) < len(BRANCHES):  # one modality is all there is: it is the fused branch
            found = {"fused": found["fused"]}
        labels = gather(batch["labels"])
        joined = {name: _gathered(maps, gather) for name, maps in found.items()}
        terms: dict[str, tuple[float, Tensor]] = {}
        for name, maps in joined.items():
            weight = self.weights.fused if name == "fused" else self.weights.single
            terms[f"classes_{name}"] = (weight, self._classes(maps, labels))
        terms |= self._words(joined["fused"], labels)
        terms |= self._across(joined, labels)
        total = torch.stack([weight * value for weight, value in terms.values() if weight]).sum()
        return {**{name: value for name, (_, value) in terms.items()}, "loss": total}

    def _classes(self, maps: BranchMaps, labels: Tensor) -> Tensor:
        """Mean over both heads, each trained on its own scores."""
        heads = [logits for logits in (maps.fpn, maps.decoder) if logits is not None]
        return torch.stack([self._class_loss(logits, labels) for logits in heads]).mean()

    def _class_loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        stride = self.loss_stride
        kept = labels[:, stride // 2 :: stride, stride // 2 :: stride]
        size = (kept.shape[1], kept.shape[2])
        scaled = functional.interpolate(
            logits.float(), size=size, mode="bilinear", align_corners=False
        )
        return segmentation_losses(
            scaled, kept, terms=self.terms, class_weights=self.class_weights
        )["loss"]

    def _words(self, fused: BranchMaps, labels: Tensor) -> dict[str, tuple[float, Tensor]]:
        weights, warmth = self.weights, self.temperature
        terms: dict[str, tuple[float, Tensor]] = {}
        if weights.prototype or (weights.relation and self.text is not None):
            means, present = class_prototypes(fused.coarse, labels, len(self.model.classes))
            memory = self.model.prototypes
            if self.model.training:
                memory.update(means, present)
            if weights.prototype:
                loss = prototype_loss(means, present, memory.means, temperature=warmth)
                terms["prototype"] = (weights.prototype, loss)
            if weights.relation and self.text is not None:
                text = self.text.to(means)
                loss = relation_loss(means, present, text, temperature=warmth)
                terms["relation"] = (weights.relation, loss)
        if self.model.text is not None and self.text is not None:
            logits = self.model.text_logits(fused.dense, self.text.to(fused.dense))
            terms["text"] = (weights.text, self._class_loss(logits, labels))
        return terms

    def _across(
        self, found: Mapping[str, BranchMaps], labels: Tensor
    ) -> dict[str, tuple[float, Tensor]]:
        weights = self.weights
        if not (weights.cross_scores or weights.cross_features) or len(found) < len(BRANCHES):
            return {}
        losses = cross_modal_losses(as_branches(found), at_stride_4(labels))
        return {name: (getattr(weights, name), loss) for name, loss in losses.items()}

    def scores(self) -> dict[str, float]:
        """Of each branch on the validation pairs, see `score_branches`."""
        return self.score(self.model)

    def score(self, model: Sartm) -> dict[str, float]:
        """The same of another network; nothing where no validation pairs are at hand."""
        return {} if self.val is None else score_branches(model, self.val)


def _gathered(maps: BranchMaps, gather: Gather) -> BranchMaps:
    decoder = None if maps.decoder is None else gather(maps.decoder)
    return BranchMaps(gather(maps.coarse), gather(maps.dense), gather(maps.fpn), decoder)


def read_batch(model: Sartm, batch: Batch) -> dict[str, BranchMaps]:
    """Both heads on every branch, for a batch of `PairFrames`."""
    images: dict[Modality, Tensor] = {name: batch[name] for name in BANDS if name in batch}
    kept: dict[Modality, list[Tensor]] = {
        name: [batch[f"{name}_{i}"] for i in range(3)] for name in images if f"{name}_0" in batch
    }
    seen: dict[str, Tensor] = {name: batch[f"{name}_seen"] for name in BANDS}
    return model.read(model.pyramids(images, kept or None), head="mean", seen=seen)


def as_branches(found: Mapping[str, BranchMaps]) -> dict[str, Branch]:
    """What `cross_modal_losses` takes."""
    return {name: Branch(maps.logits("mean"), maps.coarse) for name, maps in found.items()}


def at_stride_4(labels: Tensor) -> Tensor:
    """(B, H, W) to (B, H / 4, W / 4): the pixel right of and below each cell's middle."""
    return labels[:, 2::4, 2::4]


def score_branches(model: Sartm, frames: LabelledFrames) -> dict[str, float]:
    """Scores with all pictures that the model takes, and with either alone.

    Returns:
        ``miou``, ``miou_strict``, ``miou_foreground``, ``macc`` and ``pixel_accuracy`` with all
        pictures; ``miou_rgb`` and ``miou_thermal`` where both are taken.

    Raises:
        ConfigError: A pair that cannot be scored.
    """
    report = evaluate_segmentation(model, frames)
    check_all_scored(report.failed, len(frames))
    rows = {row.inputs: row for row in report.rows if row.time == "all"}
    whole = rows[model.inputs[0]]
    alone = {f"miou_{name}": rows[name].miou["present"] for name in model.inputs[1:]}
    return {
        "miou": whole.miou["present"],
        "miou_strict": whole.miou["strict"],
        "miou_foreground": whole.miou["foreground"],
        "macc": whole.macc["present"],
        "pixel_accuracy": whole.pixel_accuracy,
        **alone,
    }
