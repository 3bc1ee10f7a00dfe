"""Agreement of two segmentations when nobody knows the truth: Cohen's kappa.

Source: Cohen, A coefficient of agreement for nominal scales, 1960.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.checks import check_shape
from thermoscope.core.errors import ConfigError

__all__ = ["cohens_kappa"]


def cohens_kappa(matrix: NDArray[np.int64], *, background: int | None = None) -> float:
    """Agreement beyond chance: 1 = always, 0 = as by chance, less than 0 = worse.

    Most pixels are background for both, and agreeing there is easy. With `background` the pixels
    that both call so are left out: what is asked is whether the two see the same things. Two
    answers that are independent of each other then come out below 0, not at 0.

    Args:
        matrix: (K, K) pixels by first and second answer, as `ConfusionMatrix.matrix`.
        background: Class id; None = all pixels count.

    Returns:
        Kappa; nan if no pixel counts, or both always give one and the same class.

    Raises:
        ShapeError: Not square.
        ConfigError: A negative number of pixels, or no such class.

    Example:
        >>> round(cohens_kappa(np.array([[20, 5], [10, 15]])), 6)
        0.4
    """
    check_shape(matrix, "K K", name="matrix")
    if (matrix < 0).any():
        raise ConfigError("matrix holds a negative number of pixels. Give counts.")
    counts = matrix.astype(np.float64)
    if background is not None:
        if not 0 <= background < len(counts):
            raise ConfigError(f"background must be 0 to {len(counts) - 1}, got {background}.")
        counts[background, background] = 0
    total = counts.sum()
    if not total:
        return float("nan")
    agreed = np.trace(counts) / total
    chance = float(counts.sum(axis=0) @ counts.sum(axis=1)) / total**2
    return float("nan") if chance >= 1 else float((agreed - chance) / (1 - chance))
