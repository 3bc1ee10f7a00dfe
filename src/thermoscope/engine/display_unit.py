"""Units for people: Celsius, Fahrenheit, kelvin, counts and 8-bit levels, as shown and as typed.

Inside the package temperatures are kelvin; here is the only way out and in.
"""

from __future__ import annotations

import math
from typing import Literal

from thermoscope.core.errors import UnitError
from thermoscope.io.thermal_image import ZERO_CELSIUS_K

__all__ = ["DisplayUnit", "displayed", "from_displayed", "unit_label", "value_text"]

DisplayUnit = Literal["C", "K", "F", "counts", "agc"]
_LABELS: dict[str, str] = {"C": "°C", "K": "K", "F": "°F", "counts": "counts", "agc": "level"}


def unit_label(unit: DisplayUnit) -> str:
    """``"°C"``, ``"K"``, ``"°F"``, ``"counts"`` or ``"level"``.

    Raises:
        UnitError: No such unit.
    """
    if unit not in _LABELS:
        raise UnitError(f"unknown unit {unit!r}. Expected one of: {', '.join(_LABELS)}.")
    return _LABELS[unit]


def displayed(value: float, unit: DisplayUnit) -> float:
    """`value` (kelvin, or counts, or levels) as the number shown in `unit`.

    Raises:
        UnitError: No such unit.

    Example:
        >>> round(displayed(310.15, "C"), 6), round(displayed(310.15, "F"), 6)
        (37.0, 98.6)
    """
    unit_label(unit)
    if unit == "C":
        return value - ZERO_CELSIUS_K
    return (value - ZERO_CELSIUS_K) * 9 / 5 + 32 if unit == "F" else value


def from_displayed(value: float, unit: DisplayUnit) -> float:
    """What the user typed in `unit`, as kelvin (or counts, or levels): inverse of `displayed`.

    Raises:
        UnitError: No such unit.
    """
    unit_label(unit)
    if unit == "C":
        return value + ZERO_CELSIUS_K
    return (value - 32) * 5 / 9 + ZERO_CELSIUS_K if unit == "F" else value


def value_text(value: float, unit: DisplayUnit, *, decimals: int | None = None) -> str:
    """`value` (kelvin, counts or levels) with its unit: ``"37.0 °C"``; nan is ``"no value"``.

    Args:
        value: In the inner unit.
        unit: What to show.
        decimals: Digits after the point; None = 1 for temperatures, 0 otherwise.

    Raises:
        UnitError: No such unit.
    """
    label, number = unit_label(unit), displayed(value, unit)
    if math.isnan(number):
        return "no value"
    digits = (1 if unit in ("C", "K", "F") else 0) if decimals is None else decimals
    rounded = round(number, digits) + 0.0  # no minus sign on zero
    return f"{rounded:.{digits}f} {label}"
