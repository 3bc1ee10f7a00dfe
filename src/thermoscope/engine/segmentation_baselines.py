"""What any segmenter must beat: a threshold, a linear probe, and a plain small U-Net.

All three are trained on arrays and predict on arrays: pictures are (C, H, W) float32 in [0, 1], one
channel for tone-mapped thermal, three for colour, four for colour and thermal; labels are (H, W)
class ids, 255 = ignore. Training is deterministic in `seed`. What is NOT here: reading data.

Source: Otsu, A threshold selection method from gray-level histograms, 1979; Ronneberger et al.,
U-Net, MICCAI 2015 (here with three levels, batch norm and padding).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from thermoscope.core.checks import check_positive, check_shape
from thermoscope.core.errors import ConfigError, ShapeError
from thermoscope.core.sample import IGNORE_INDEX
from thermoscope.engine.processor import emulates_bfloat16
from thermoscope.losses.segmentation import SegmentationTerm, segmentation_losses
from thermoscope.models.anythermal import AnyThermal
from thermoscope.models.prepare import IMAGENET_MEAN, IMAGENET_STD

__all__ = [
    "Baseline",
    "LinearProbe",
    "SmallUNet",
    "Threshold",
    "TrainingPlan",
    "backbone_features",
    "otsu_level",
]

Image = NDArray[np.float32]
Labels = NDArray[np.integer]
LEVELS = 256


class Baseline(Protocol):
    """Anything that learns from arrays and answers on arrays."""

    def fit(self, images: Sequence[Image], labels: Sequence[Labels]) -> Any:
        """Learn."""
        ...

    def predict(self, image: Image) -> NDArray[np.int64]:
        """(H, W) class ids."""
        ...


def _check_data(images: Sequence[Image], labels: Sequence[Labels]) -> None:
    if not images or len(images) != len(labels):
        raise ConfigError(f"{len(images)} pictures and {len(labels)} labels: give pairs of them.")
    for image, truth in zip(images, labels, strict=True):
        check_shape(image, f"{images[0].shape[0]} H W", name="image")
        if truth.shape != image.shape[1:]:
            raise ShapeError(f"labels of {truth.shape} do not fit a picture of {image.shape[1:]}.")


def otsu_level(image: NDArray[np.floating]) -> float:
    """Level in [0, 1] that parts the histogram into two classes of least variance.

    Raises:
        ShapeError: No pixel.

    Example:
        >>> bool(0.2 < otsu_level(np.array([0.1, 0.2, 0.8, 0.9])) <= 0.8)
        True
    """
    if not image.size:
        raise ShapeError("there is no pixel to part.")
    counts, edges = np.histogram(image, bins=LEVELS, range=(0, 1))
    centres = (edges[:-1] + edges[1:]) / 2
    below, mass = np.cumsum(counts), np.cumsum(counts * centres)
    above = below[-1] - below
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = mass / below - (mass[-1] - mass) / above
        between = np.nan_to_num(below * above * gap**2)
    best = np.flatnonzero(between == between.max())  # a valley has many: take its middle
    return float(edges[int(best.mean()) + 1])


class Threshold:
    """Warm is class 1: for binary masks of thermal frames.

    Args:
        method: ``"train"``: the level of best IoU over all training pixels; ``"otsu"``: of each
            frame its own, nothing is learnt.

    Attributes:
        level: Learnt, in [0, 1]; None before.

    Raises:
        ConfigError: No such method.
    """

    def __init__(self, method: str = "train") -> None:
        if method not in ("train", "otsu"):
            raise ConfigError(f"method must be 'train' or 'otsu', got {method!r}.")
        self.method, self.level = method, None if method == "train" else 0.5

    def fit(self, images: Sequence[Image], labels: Sequence[Labels]) -> Threshold:
        """Find the level, of `LEVELS` many.

        Raises:
            ConfigError: No pairs, or classes besides 0 and 1.
            ShapeError: Labels that do not fit.
        """
        _check_data(images, labels)
        counts = np.zeros((2, LEVELS))
        for image, truth in zip(images, labels, strict=True):
            if not np.isin(truth, (0, 1, IGNORE_INDEX)).all():
                raise ConfigError("a threshold has the classes 0 and 1 only.")
            for index in (0, 1):
                warm = image[0][truth == index]
                counts[index] += np.histogram(warm, bins=LEVELS, range=(0, 1))[0]
        above = counts[:, ::-1].cumsum(axis=1)[:, ::-1]  # at least so warm
        iou = above[1] / np.maximum(counts[1].sum() + above[0], 1)
        self.level = float(np.argmax(iou) / LEVELS)
        return self

    def predict(self, image: Image) -> NDArray[np.int64]:
        """(H, W) 0 or 1.

        Raises:
            ConfigError: Nothing was learnt yet.
            ShapeError: Not (C, H, W).
        """
        check_shape(image, "C H W", name="image")
        level = otsu_level(image[0]) if self.method == "otsu" else self.level
        if level is None:
            raise ConfigError("this threshold has learnt nothing. Call fit first.")
        return np.asarray(image[0] >= level, np.int64)


@dataclass(frozen=True)
class TrainingPlan:
    """How the two networks learn.

    Attributes:
        steps: Updates.
        batch_size: Pictures each.
        learning_rate: Of AdamW, falling to 0 along a cosine.
        seed: Of weights and order.
        mirrored: Mirror half of the pictures left to right.
        half: Products in bfloat16, where the processor has them.
        terms: Losses, summed.

    Raises:
        ConfigError: A number that is not positive.
    """

    steps: int = 300
    batch_size: int = 8
    learning_rate: float = 1e-3
    seed: int = 0
    mirrored: bool = True
    half: bool = False
    terms: tuple[SegmentationTerm, ...] = ("cross_entropy",)

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "learning_rate"):
            check_positive(getattr(self, name), name=name)


class _Network(ABC):
    """A network that learns by gradients."""

    def __init__(self, classes: int, plan: TrainingPlan) -> None:
        check_positive(classes, name="classes")
        self.classes, self.plan = classes, plan
        self.network: nn.Module | None = None

    @abstractmethod
    def _build(self, channels: int) -> nn.Module:
        """The part that is trained."""

    def _inputs(self, image: Image) -> Tensor:
        """(C', H', W') what the trained part sees of a picture; computed once a picture."""
        return torch.from_numpy(np.ascontiguousarray(image))

    def fit(self, images: Sequence[Image], labels: Sequence[Labels]) -> Any:
        """Learn from pictures of one size.

        Raises:
            ConfigError: No pairs.
            ShapeError: Labels that do not fit, or several sizes.
        """
        _check_data(images, labels)
        if len({image.shape for image in images}) > 1:
            raise ShapeError("the pictures have several sizes. Bring them to one.")
        seen = torch.stack([self._inputs(image) for image in images])
        truth = torch.from_numpy(np.stack([np.asarray(t, np.int64) for t in labels]))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.plan.seed)
            self.network = self._build(seen.shape[1])
            self._train(self.network, seen, truth)
        return self

    def _train(self, network: nn.Module, seen: Tensor, truth: Tensor) -> None:
        plan = self.plan
        half = plan.half and not emulates_bfloat16()
        optimizer = torch.optim.AdamW(network.parameters(), plan.learning_rate)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, plan.steps)
        network.train()
        for chosen in _batches(len(seen), plan):
            images, labels = seen[chosen], truth[chosen]
            if plan.mirrored and torch.rand(()) < 0.5:
                images, labels = images.flip(-1), labels.flip(-1)
            with torch.autocast("cpu", torch.bfloat16, enabled=half):
                logits = network(images.contiguous(memory_format=torch.channels_last))
            scaled = self._scaled(logits.float(), labels.shape[1:])
            loss = segmentation_losses(scaled, labels, terms=plan.terms)["loss"]
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
        network.eval()

    @staticmethod
    def _scaled(logits: Tensor, size: Sequence[int]) -> Tensor:
        if tuple(logits.shape[2:]) == tuple(size):
            return logits
        return functional.interpolate(
            logits, size=tuple(size), mode="bilinear", align_corners=False
        )

    @torch.no_grad()
    def predict(self, image: Image) -> NDArray[np.int64]:
        """(H, W) class ids.

        Raises:
            ConfigError: Nothing was learnt yet.
            ShapeError: Not (C, H, W).
        """
        check_shape(image, "C H W", name="image")
        if self.network is None:
            raise ConfigError("this baseline has learnt nothing. Call fit first.")
        logits = self.network(self._inputs(image)[None])
        return np.asarray(self._scaled(logits, image.shape[1:])[0].argmax(dim=0).numpy(), np.int64)


def _batches(count: int, plan: TrainingPlan) -> Iterator[Tensor]:
    """Indices of each step: every picture once before any is seen again."""
    order = torch.empty(0, dtype=torch.int64)
    for _ in range(plan.steps):
        while len(order) < min(plan.batch_size, count):
            order = torch.cat([order, torch.randperm(count)])
        chosen, order = order[: plan.batch_size], order[plan.batch_size :]
        yield chosen


class LinearProbe(_Network):
    """One 1x1 convolution on a frozen encoder: what the features alone already tell.

    Args:
        classes: Number.
        features: (1, C, H, W) pictures to (1, D, h, w) features; `backbone_features` makes one.
        plan: How it learns; `mirrored` mirrors the features.

    Raises:
        ConfigError: No class.
    """

    def __init__(
        self,
        classes: int,
        features: Callable[[Tensor], Tensor],
        plan: TrainingPlan | None = None,
    ) -> None:
        super().__init__(classes, plan or TrainingPlan(learning_rate=5e-3))
        self._features = features

    def _build(self, channels: int) -> nn.Module:
        return nn.Sequential(nn.BatchNorm2d(channels), nn.Conv2d(channels, self.classes, 1))

    @torch.no_grad()
    def _inputs(self, image: Image) -> Tensor:
        return self._features(torch.from_numpy(np.ascontiguousarray(image))[None])[0]


def backbone_features(backbone: AnyThermal, *, layer: int = -1) -> Callable[[Tensor], Tensor]:
    """Frozen features of a backbone, as `LinearProbe` takes them.

    A single channel is repeated; of four channels the first three and the last are two pictures,
    whose features are put side by side. Sides are scaled to whole patches.
    """
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (IMAGENET_MEAN, IMAGENET_STD))
    backbone = backbone.eval()

    def features(images: Tensor) -> Tensor:
        parts = [images[:, :3], images[:, 3:]] if images.shape[1] == 4 else [images]
        grids = []
        for part in parts:
            sides = tuple(max(side // 14, 1) * 14 for side in part.shape[2:])
            scaled = functional.interpolate(
                part.expand(-1, 3, -1, -1), size=sides, mode="bilinear", align_corners=False
            )
            grids.append(backbone.intermediate((scaled - mean) / std, [layer])[0].grid)
        return torch.cat(grids, dim=1)

    return features


class SmallUNet(_Network):
    """A plain encoder and decoder with three levels, from scratch.

    Args:
        classes: Number.
        width: Channels of the first level; twice as many a level.
        plan: How it learns.

    Raises:
        ConfigError: No class.
    """

    def __init__(self, classes: int, *, width: int = 16, plan: TrainingPlan | None = None) -> None:
        super().__init__(classes, plan or TrainingPlan())
        self.width = width

    def _build(self, channels: int) -> nn.Module:
        return _UNet(channels, self.classes, self.width)


class _UNet(nn.Module):
    def __init__(self, channels: int, classes: int, width: int) -> None:
        super().__init__()
        w = [width, 2 * width, 4 * width]
        self.down = nn.ModuleList([_twice(channels, w[0]), _twice(w[0], w[1]), _twice(w[1], w[2])])
        self.up = nn.ModuleList([_twice(w[2] + w[1], w[1]), _twice(w[1] + w[0], w[0])])
        self.classify = nn.Conv2d(w[0], classes, 1)

    def forward(self, images: Tensor) -> Tensor:
        """(B, K, H, W) logits."""
        fine = self.down[0](images)
        middle = self.down[1](functional.max_pool2d(fine, 2))
        found = self.down[2](functional.max_pool2d(middle, 2))
        for block, beside in zip(self.up, (middle, fine), strict=True):
            larger = functional.interpolate(found, size=beside.shape[2:], mode="nearest")
            found = block(torch.cat([larger, beside], dim=1))
        logits: Tensor = self.classify(found)
        return logits


def _twice(before: int, after: int) -> nn.Module:
    layers: list[nn.Module] = []
    for channels in (before, after):
        layers += [nn.Conv2d(channels, after, 3, padding=1, bias=False), nn.BatchNorm2d(after)]
        layers += [nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)
