"""What RGB and thermal pictures have in common: where edges are and how they run, not their sign.

A wall may be brighter than the sky and colder; its outline is there in both. Each pixel becomes a
short vector: how strong the gradient is along each of eight directions, sign dropped, smeared over
a few pixels and divided by its length.

Source: Ye, Bruzzone, Shan, Bovolo and Zhu, Fast and robust matching for multimodal remote sensing
image registration (channel features of orientated gradients), TGRS 2019.
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["DIRECTIONS", "grey_of", "structure"]

Floats = NDArray[np.float32]

DIRECTIONS = 8
SMEAR_PX = 1.5
FLAT_SHARE = 0.35  # of the mean strength: what is weaker fades instead of being blown up to noise


def grey_of(picture: NDArray[Any]) -> Floats:
    """(H, W) float32 in [0, 1] of a (H, W) or (H, W, 3) uint8 picture."""
    values: NDArray[Any] = np.asarray(picture)
    if values.ndim == 3:
        values = cv2.cvtColor(np.ascontiguousarray(values[..., :3]), cv2.COLOR_RGB2GRAY)
    return np.asarray(values.astype(np.float32) / 255, np.float32)


def structure(grey: Floats, *, smear_px: float = SMEAR_PX) -> Floats:
    """(H, W, 8) float32: strength of the gradient along each direction, length at most 1.

    Local contrast is evened out first, so that a dark corner counts as much as a lit one. A flat
    picture gives zero.

    Args:
        grey: (H, W) in [0, 1].
        smear_px: Standard deviation of the smearing, px.
    """
    smooth = cv2.GaussianBlur(grey, (0, 0), 0.8)
    across, down = cv2.Scharr(smooth, cv2.CV_32F, 1, 0), cv2.Scharr(smooth, cv2.CV_32F, 0, 1)
    strength = cv2.magnitude(across, down)
    around = cv2.GaussianBlur(strength, (0, 0), max(grey.shape) / 12)
    gain = 1 / (around + 0.15 * float(strength.mean()) + 1e-6)
    angles = np.arange(DIRECTIONS) * (math.pi / DIRECTIONS)
    channels = [np.abs(across * math.cos(a) + down * math.sin(a)) * gain for a in angles]
    smeared = [cv2.GaussianBlur(channel, (0, 0), smear_px) for channel in channels]
    stack = np.stack(smeared, axis=-1)
    length = np.linalg.norm(stack, axis=-1, keepdims=True)
    return np.asarray(stack / (length + FLAT_SHARE * float(length.mean()) + 1e-6), np.float32)
