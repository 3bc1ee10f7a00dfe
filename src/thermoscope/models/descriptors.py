"""Descriptors of whole pictures from a backbone: how tokens become one vector of unit length.

What is NOT here: trained pooling (`thermoscope.models.place`).
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional

from thermoscope.core.errors import ConfigError
from thermoscope.models.anythermal import Features

__all__ = ["Pooling", "pooled"]

Pooling = Literal["cls", "mean", "cls_mean"]


def pooled(features: Features, pooling: Pooling = "cls_mean") -> Tensor:
    """Unit vectors.

    Args:
        features: Of one layer.
        pooling: ``"cls"`` the class token, ``"mean"`` the mean of the patches, ``"cls_mean"`` both
            side by side, each with the same weight.

    Returns:
        (B, C), or (B, 2 C) for ``"cls_mean"``.

    Raises:
        ConfigError: Another pooling.
    """
    if pooling not in get_args(Pooling):
        raise ConfigError(f"pooling must be of {get_args(Pooling)}, got {pooling!r}.")
    cls = functional.normalize(features.cls.float(), dim=1)
    if pooling == "cls":
        return cls
    mean = functional.normalize(features.mean.float(), dim=1)
    return mean if pooling == "mean" else torch.cat((cls, mean), dim=1) / 2**0.5
