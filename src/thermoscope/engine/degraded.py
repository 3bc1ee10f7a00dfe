"""Pairs as bad cameras and bad mounts would deliver them: what a robust segmenter must stand.

Each degradation changes the pictures and never the labels, is deterministic in the frame's number,
and says which band it touches. Thermal frames keep their element type and scale.

=====================  ===========================================================================
misaligned_{4,8,16}    the colour picture lies so many px further right; its edge is repeated
noise                  normal noise on both: 0.1 of colour's range, 5 % of the thermal range
under_exposed          colour four stops darker in linear light, with read noise, in 8 bit
over_exposed           colour three stops brighter, clipped
hot_saturated          thermal values above the 75th percentile of the frame all read the same
missing_rgb            no colour picture
missing_thermal        no thermal picture
=====================  ===========================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.errors import ConfigError, UnknownNameError
from thermoscope.engine.segmenters import Pair
from thermoscope.io.thermal_image import ThermalImage

__all__ = ["DEGRADATIONS", "Degradation", "chosen_degradations", "degraded"]

GAMMA = 2.2
UNDER_STOPS, OVER_STOPS = 4, 3
READ_NOISE = 0.0008  # of full scale, linear: a few levels of a lifted 8-bit shadow
RGB_NOISE, THERMAL_NOISE = 0.1, 0.05
SATURATED_PERCENTILE = 75
Change = Callable[[Pair, np.random.Generator], Pair]


@dataclass(frozen=True)
class Degradation:
    """One way to spoil a pair.

    Attributes:
        touches: Bands that it changes or takes away.
        change: From pair to pair.
    """

    touches: tuple[str, ...]
    change: Change


def _misaligned(pair: Pair, rng: np.random.Generator, *, shift_px: int) -> Pair:
    del rng
    rgb = pair.rgb
    if rgb is None or shift_px >= rgb.shape[2]:
        raise ConfigError(f"a colour picture of more than {shift_px} columns is needed.")
    moved = np.pad(rgb, ((0, 0), (0, 0), (shift_px, 0)), mode="edge")[:, :, : rgb.shape[2]]
    return Pair(moved, pair.thermal)


def _noisy(pair: Pair, rng: np.random.Generator) -> Pair:
    rgb, thermal = pair.rgb, pair.thermal
    if rgb is not None:
        drawn = rng.normal(0, RGB_NOISE, rgb.shape).astype(np.float32)
        rgb = np.clip(rgb + drawn, 0, 1)
    if thermal is not None:
        plane = _plane(thermal)
        low, high = np.nanpercentile(plane, (1, 99))
        spread = max(float(high - low), 1e-6) * THERMAL_NOISE
        thermal = _like(plane, plane + rng.normal(0, spread, plane.shape))
    return Pair(rgb, thermal)


def _under_exposed(pair: Pair, rng: np.random.Generator) -> Pair:
    rgb = _colour(pair)
    linear = rgb**GAMMA / 2**UNDER_STOPS + rng.normal(0, READ_NOISE, rgb.shape)
    levels = np.rint(255 * np.clip(linear, 0, 1) ** (1 / GAMMA))
    return Pair((levels / 255).astype(np.float32), pair.thermal)


def _over_exposed(pair: Pair, rng: np.random.Generator) -> Pair:
    del rng
    bright = np.clip(_colour(pair) ** GAMMA * 2**OVER_STOPS, 0, 1) ** (1 / GAMMA)
    return Pair(bright.astype(np.float32), pair.thermal)


def _hot_saturated(pair: Pair, rng: np.random.Generator) -> Pair:
    del rng
    if pair.thermal is None:
        raise ConfigError("a thermal frame is needed.")
    plane = _plane(pair.thermal)
    limit = np.nanpercentile(plane, SATURATED_PERCENTILE)
    return Pair(pair.rgb, _like(plane, np.minimum(plane, limit)))


def _colour(pair: Pair) -> NDArray[np.float64]:
    if pair.rgb is None:
        raise ConfigError("a colour picture is needed.")
    return pair.rgb.astype(np.float64)


def _plane(thermal: ThermalImage | NDArray[Any]) -> NDArray[Any]:
    return thermal.values if isinstance(thermal, ThermalImage) else thermal


def _like(plane: NDArray[Any], values: NDArray[Any]) -> NDArray[Any]:
    """`values` in the element type of `plane`, clipped to what it holds."""
    if plane.dtype.kind == "f":
        return np.asarray(values, plane.dtype)
    limits = np.iinfo(plane.dtype)
    return np.asarray(np.clip(np.rint(values), limits.min, limits.max), plane.dtype)


DEGRADATIONS: dict[str, Degradation] = {
    **{
        f"misaligned_{px}": Degradation(("rgb",), partial(_misaligned, shift_px=px))
        for px in (4, 8, 16)
    },
    "noise": Degradation(("rgb", "thermal"), _noisy),
    "under_exposed": Degradation(("rgb",), _under_exposed),
    "over_exposed": Degradation(("rgb",), _over_exposed),
    "hot_saturated": Degradation(("thermal",), _hot_saturated),
    "missing_rgb": Degradation(("rgb",), lambda pair, _: Pair(None, pair.thermal)),
    "missing_thermal": Degradation(("thermal",), lambda pair, _: Pair(pair.rgb, None)),
}


def chosen_degradations(names: Sequence[str]) -> tuple[str, ...]:
    """The names, ``"all"`` spelled out, each once.

    Raises:
        UnknownNameError: One that is none.

    Example:
        >>> chosen_degradations(["noise", "noise"])
        ('noise',)
    """
    spelled = [n for name in names for n in (DEGRADATIONS if name == "all" else [name])]
    for name in spelled:
        if name not in DEGRADATIONS:
            raise UnknownNameError("degradation", name, [*DEGRADATIONS, "all"])
    return tuple(dict.fromkeys(spelled))


def degraded(pair: Pair, name: str, *, frame: int = 0) -> Pair:
    """The pair under one degradation.

    Args:
        pair: Good pictures.
        name: In `DEGRADATIONS`.
        frame: Its number: the same noise each time.

    Raises:
        UnknownNameError: No such degradation.
        ConfigError: The band that it changes is absent, or too narrow to shift.
    """
    if name not in DEGRADATIONS:
        raise UnknownNameError("degradation", name, DEGRADATIONS)
    return DEGRADATIONS[name].change(pair, np.random.default_rng([frame, len(name)]))
