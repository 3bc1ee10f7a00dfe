"""Class prototypes: the mean feature of each class in a batch, and its slow average over training.

What is NOT here: what is learned from them (`thermoscope.losses.language`).

Differs from the released SARTM in: sums are divided by the number of pixels once; classes that a
batch lacks are left out, not averaged in as zeros; the slow average is part of the state.

Source: Xing et al., SARTM, arXiv 2505.01950.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from thermoscope.core.checks import check_in_range, check_positive, check_shape
from thermoscope.core.errors import ShapeError
from thermoscope.core.sample import IGNORE_INDEX

__all__ = ["PrototypeMemory", "class_prototypes"]


def class_prototypes(features: Tensor, labels: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    """Mean feature of each class over a batch.

    Args:
        features: (B, C, h, w).
        labels: (B, H, W) int64, 255 = ignore; read at the places of the features, nearest.
        classes: Number of classes.

    Returns:
        (K, C) means, zero where a class is absent; (K,) bool, which are present.

    Raises:
        ShapeError: Shapes that do not fit.

    Example:
        >>> features = torch.tensor([[[[1.0, 3.0, 8.0]]]])
        >>> means, present = class_prototypes(features, torch.tensor([[[0, 0, 2]]]), 3)
        >>> means.flatten().tolist(), present.tolist()
        ([2.0, 0.0, 8.0], [True, False, True])
    """
    size = check_shape(features, "B C H W", name="features")
    check_shape(labels, "B H W", name="labels")
    if len(labels) != size["B"]:
        raise ShapeError(f"{len(labels)} label maps do not fit {size['B']} feature maps.")
    places = functional.interpolate(
        labels[:, None].float(), size=features.shape[2:], mode="nearest-exact"
    )[:, 0].long()
    known = (places >= 0) & (places < classes) & (places != IGNORE_INDEX)
    kept = features.permute(0, 2, 3, 1)[known].float()
    of_class = functional.one_hot(places[known], classes).to(kept.dtype)
    pixels = of_class.sum(dim=0)
    means = of_class.T @ kept / pixels.clamp(min=1)[:, None]
    return means, pixels > 0


class PrototypeMemory(nn.Module):
    """Slow average of class prototypes, kept with the weights.

    Args:
        classes: Number of classes.
        width: Channels of the features.
        momentum: Share of the old average that an update keeps.

    Attributes:
        means: (K, C), zero before a class was seen.
        seen: (K,) bool.

    Raises:
        ConfigError: A number out of range.
    """

    means: Tensor
    seen: Tensor

    def __init__(self, classes: int, width: int, *, momentum: float = 0.9) -> None:
        super().__init__()
        check_positive(classes, name="classes")
        check_positive(width, name="width")
        check_in_range(momentum, 0, 1, name="momentum")
        self.momentum = momentum
        self.register_buffer("means", torch.zeros(classes, width))
        self.register_buffer("seen", torch.zeros(classes, dtype=torch.bool))

    @torch.no_grad()
    def update(self, means: Tensor, present: Tensor) -> None:
        """Move the classes of `present` towards `means`; a first sight is taken as it is.

        Args:
            means: (K, C).
            present: (K,) bool.
        """
        found = means.detach().to(self.means)
        mixed = torch.lerp(found, self.means, self.momentum)
        new = torch.where(self.seen[:, None], mixed, found)
        self.means.copy_(torch.where(present[:, None], new, self.means))
        self.seen.logical_or_(present)
