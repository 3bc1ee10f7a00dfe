"""One way to ask any segmenter: thermal alone, colour alone, or both.

Models differ in what they take; evaluation and the command line do not want to know. What is NOT
here: the models.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.errors import ConfigError, ShapeError, UnknownNameError
from thermoscope.io.thermal_image import ThermalImage
from thermoscope.models.class_words import NamesRead, read_names
from thermoscope.models.dense_heads import ThermalSegmenter

__all__ = ["INPUTS", "Inputs", "Pair", "RgbtSegmenter", "Segmenter", "inputs_of", "segmenter_of"]

Inputs = Literal["rgb_thermal", "rgb", "thermal"]
INPUTS: tuple[Inputs, ...] = ("rgb_thermal", "rgb", "thermal")


class _Result(Protocol):
    """What a prediction holds."""

    @property
    def labels(self) -> NDArray[Any]: ...


@runtime_checkable
class RgbtSegmenter(Protocol):
    """A segmenter of colour and thermal pictures, either of which may be absent."""

    classes: tuple[str, ...]

    def predict(self, rgb: Any, thermal: Any, /, **options: Any) -> _Result:
        """Classes of (3, H, W) colour in [0, 1] or None, and of a thermal frame or None.

        Options that a caller may ask for: ``classes`` (other names to choose from) and
        ``longest_px``.
        """
        ...


@dataclass(frozen=True)
class Pair:
    """What a segmenter is shown.

    Attributes:
        rgb: (3, H, W) float32 in [0, 1]; None = absent.
        thermal: Frame, or (H, W) counts, kelvin or 8-bit levels; None = absent.
    """

    rgb: NDArray[np.float32] | None
    thermal: ThermalImage | NDArray[Any] | None

    def only(self, inputs: Inputs) -> Pair:
        """The part of it that `inputs` names.

        Raises:
            ConfigError: That part is absent.
            UnknownNameError: No such inputs.
        """
        if inputs not in INPUTS:
            raise UnknownNameError("inputs", inputs, INPUTS)
        lacking = [
            n for n in inputs.split("_") if (self.rgb if n == "rgb" else self.thermal) is None
        ]
        if lacking:
            raise ConfigError(
                f"there is no {' and no '.join(lacking)} picture, which {inputs!r} needs. "
                "Score on data that has it, or choose other inputs."
            )
        return Pair(
            None if inputs == "thermal" else self.rgb, None if inputs == "rgb" else self.thermal
        )


@dataclass(frozen=True)
class Segmenter:
    """A model behind one door.

    Attributes:
        model: `ThermalSegmenter` or any `RgbtSegmenter`.
        longest_px: A longer frame is scaled down to this for the network; None = the model's own.
        names: Classes to choose from instead of the model's; empty = the model's.
    """

    model: Any
    longest_px: int | None = None
    names: tuple[str, ...] = ()

    @property
    def classes(self) -> tuple[str, ...]:
        """Names; the index is the id."""
        return self.names or tuple(self.model.classes)

    @property
    def reading(self) -> NamesRead | None:
        """Which of `names` the model has learned; None where none are asked for.

        Raises:
            ConfigError: Two of them are one.
        """
        return read_names(self.names, self.model.classes) if self.names else None

    def labels(self, pair: Pair) -> NDArray[np.int64]:
        """(H, W) int64 class ids at the resolution of the pictures.

        Raises:
            ConfigError: Nothing to look at, or only colour for a model of thermal frames.
            ShapeError: The model answers with another number of axes.
        """
        if pair.rgb is None and pair.thermal is None:
            raise ConfigError("there is neither a colour nor a thermal picture to segment.")
        if isinstance(self.model, ThermalSegmenter):
            if pair.thermal is None:
                raise ConfigError("this model takes thermal frames; there is only a colour one.")
            found = self.model.predict(pair.thermal, longest_px=self.longest_px).labels
        else:
            asked = {"classes": self.names or None, "longest_px": self.longest_px}
            options = {key: value for key, value in asked.items() if value is not None}
            found = self.model.predict(pair.rgb, pair.thermal, **options).labels
        if found.ndim != 2:
            raise ShapeError(f"labels must be (H, W), got {found.shape}.")
        return np.asarray(found, np.int64)


def segmenter_of(
    model: Any,
    *,
    longest_px: int | None = None,
    names: tuple[str, ...] = (),
    name: str = "",
) -> Segmenter:
    """`model` behind the one door.

    Args:
        model: A segmenter.
        longest_px: See `Segmenter`, as `names`.
        names: Classes to choose from; empty = the model's.
        name: Of the model, for messages.

    Raises:
        ConfigError: It is no segmenter, or has classes of its own only and is asked for others.
    """
    takes_pairs = isinstance(model, RgbtSegmenter) and not isinstance(model, ThermalSegmenter)
    if not isinstance(model, ThermalSegmenter) and not takes_pairs:
        raise ConfigError(
            f"{name or 'this model'!r} does not segment: it is a {type(model).__name__}. "
            "Choose another --model."
        )
    if names and not takes_pairs:
        raise ConfigError(
            f"{name or 'this model'} knows its own classes only ({', '.join(model.classes)}). "
            "Leave --classes out, or choose a model that reads class names."
        )
    return Segmenter(model, longest_px, names)


def inputs_of(model: Any) -> tuple[Inputs, ...]:
    """What the model can be shown, the fullest first; its attribute ``inputs`` decides, if any.

    Example:
        >>> class Sees:
        ...     inputs = ("rgb",)
        >>> inputs_of(Sees())
        ('rgb',)
    """
    if isinstance(model, ThermalSegmenter):
        return ("thermal",)
    return tuple(getattr(model, "inputs", INPUTS))
