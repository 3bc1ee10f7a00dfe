"""Scales that would make temperatures of 16-bit numbers: suggestions, never applied in silence.

A 16-bit PNG may hold raw counts, centikelvin or centidegrees, and nothing in it says which. Here
the usual scales are tried, and those that give an everyday scene are listed with what they would
mean. The caller chooses: ``read(path, scale=...)``. What is NOT here: Planck radiometry.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from thermoscope.io.thermal_image import ZERO_CELSIUS_K
from thermoscope.sensor.planck import LinearScale

__all__ = ["ScaleGuess", "likely_scales"]

_SCALES = (
    (LinearScale(0.01), "0.01 K a count (TLinear of Boson and Lepton)"),
    (LinearScale(0.1), "0.1 K a count (Lepton, low gain)"),
    (LinearScale(0.04), "0.04 K a count (TLinear of Tau 2 and XT, high resolution)"),
    (LinearScale(0.4), "0.4 K a count (TLinear of Tau 2 and XT, low resolution)"),
    (LinearScale(1 / 64), "1/64 K a count (InfiRay cores)"),
    (LinearScale(0.01, ZERO_CELSIUS_K), "0.01 degrees Celsius a count"),
    (LinearScale(0.1, ZERO_CELSIUS_K - 100), "0.1 degrees above -100 degrees Celsius (Optris)"),
)
MIDDLE_C = (-30.0, 60.0)  # median of an everyday scene
ENDS_C = (-60.0, 300.0)  # and where 98 % of its pixels lie
SPREAD_K = (0.3, 200.0)
ROOM_C = 22.0


@dataclass(frozen=True)
class ScaleGuess:
    """A scale, and what it would make of the frame.

    Attributes:
        scale: The linear scale.
        name: Who writes it.
        median_c: The median it would give, degrees Celsius.
    """

    scale: LinearScale
    name: str
    median_c: float


def likely_scales(counts: NDArray[np.uint16]) -> list[ScaleGuess]:
    """The usual scales under which `counts` would be an everyday scene, nearest to a room first.

    Raw counts of a camera may fit one by chance: a guess is a question to the user.

    Example:
        >>> [g.name for g in likely_scales(np.arange(29315, 30315, dtype=np.uint16))]
        ['0.01 K a count (TLinear of Boson and Lepton)']
    """
    low, middle, high = (float(v) for v in np.percentile(counts, (1, 50, 99)))
    found = []
    for scale, name in _SCALES:
        start, median, end = (
            scale.kelvin_per_count * v + scale.offset_k - ZERO_CELSIUS_K
            for v in (low, middle, high)
        )
        inside = MIDDLE_C[0] <= median <= MIDDLE_C[1] and ENDS_C[0] <= start <= end <= ENDS_C[1]
        if inside and SPREAD_K[0] <= end - start <= SPREAD_K[1]:
            found.append(ScaleGuess(scale, name, median))
    return sorted(found, key=lambda guess: abs(guess.median_c - ROOM_C))
