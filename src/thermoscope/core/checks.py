"""Validation at the public door: shapes, ranges and finiteness, with one message form.

A shape is written as space-separated axes, letters for any length (the same letter means the same
length), numbers for a fixed one: ``check_shape(disparity, "B 1 H W", name="disparity")``.
"""

from __future__ import annotations

import math
from typing import Protocol

from thermoscope.core.errors import ConfigError, ShapeError

__all__ = ["HasShape", "check_finite_number", "check_in_range", "check_positive", "check_shape"]


class HasShape(Protocol):
    """Any numpy array or torch tensor."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Axis lengths."""
        ...

    @property
    def dtype(self) -> object:
        """Element type."""
        ...


def check_shape(array: HasShape, expected: str, *, name: str) -> dict[str, int]:
    """Lengths of the lettered axes of `array`, if it has the `expected` shape.

    Args:
        array: A numpy array or torch tensor.
        expected: Axes, for example ``"B 1 H W"``.
        name: What the array is called in the message.

    Returns:
        Length of each lettered axis, for example ``{"B": 2, "H": 4, "W": 5}``.

    Raises:
        ShapeError: Another number of axes, another fixed length, or one letter with two lengths.

    Example:
        >>> import numpy as np
        >>> check_shape(np.zeros((2, 1, 4, 5)), "B 1 H W", name="disparity")
        {'B': 2, 'H': 4, 'W': 5}
    """
    axes = expected.split()
    shape = tuple(array.shape)
    bound: dict[str, int] = {}
    fits = len(axes) == len(shape)
    for axis, length in zip(axes, shape, strict=False):
        wanted = int(axis) if axis.isdigit() else bound.setdefault(axis, length)
        fits = fits and wanted == length
    if fits:
        return bound
    raise ShapeError(
        f"{name} must be ({', '.join(axes)}), got {shape} {array.dtype}."
        + _axes_hint(name, axes, len(shape)),
        actual_shape=shape,
        expected_shape=expected,
    )


def _axes_hint(name: str, axes: list[str], ndim: int) -> str:
    missing = len(axes) - ndim
    if missing == 1:
        return f" Add the leading axis: {name}[None]."
    if missing == 2:
        return f" Add the two leading axes: {name}[None, None]."
    return ""


def check_finite_number(value: float, *, name: str) -> float:
    """`value` as float.

    Raises:
        ConfigError: `value` is nan, infinite or not a number.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ConfigError(f"{name} must be a finite number, got {value!r}.")
    return float(value)


def check_positive(value: float, *, name: str) -> float:
    """`value` as float, > 0.

    Raises:
        ConfigError: `value` is not a finite number above zero.
    """
    if check_finite_number(value, name=name) <= 0:
        raise ConfigError(f"{name} must be positive, got {value!r}.")
    return float(value)


def check_in_range(value: float, low: float, high: float, *, name: str) -> float:
    """`value` as float, low <= value <= high.

    Raises:
        ConfigError: `value` is not a finite number in the closed range.
    """
    if not low <= check_finite_number(value, name=name) <= high:
        raise ConfigError(f"{name} must lie in [{low:g}, {high:g}], got {value!r}.")
    return float(value)
