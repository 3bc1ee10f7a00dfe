"""Which files a verb works on, and with which object parameters: shared by the reading verbs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from thermoscope.core.errors import ConfigError, ReadError, ThermoscopeError, UnitError
from thermoscope.io.read import read
from thermoscope.io.thermal_image import ZERO_CELSIUS_K, ThermalImage
from thermoscope.sensor.planck import LinearScale, Planck

__all__ = ["Failure", "ObjectParameters", "linear_scale", "read_each", "size_from_text"]


@dataclass(frozen=True)
class ObjectParameters:
    """What the object is, if not what the camera was told; applies to radiometric counts.

    Attributes:
        emissivity: Of the object, (0, 1].
        reflected_c: Temperature of what it mirrors, degrees Celsius.
        distance_m: Of the object.
        air_c: Air temperature, degrees Celsius.
        humidity: Relative, 0 to 1.
    """

    emissivity: float | None = None
    """Emissivity of the object, 0 to 1, instead of the file's."""
    reflected_c: float | None = None
    """Reflected temperature in degrees Celsius, instead of the file's."""
    distance_m: float | None = None
    """Distance of the object in metres, instead of the file's."""
    air_c: float | None = None
    """Air temperature in degrees Celsius, instead of the file's."""
    humidity: float | None = None
    """Relative humidity, 0 to 1, instead of the file's."""

    def changes(self) -> dict[str, float]:
        """The parameters given, under the names of `Planck`."""
        found = {
            "emissivity": self.emissivity,
            "reflected_k": _kelvin(self.reflected_c),
            "distance_m": self.distance_m,
            "air_k": _kelvin(self.air_c),
            "relative_humidity": self.humidity,
        }
        return {name: value for name, value in found.items() if value is not None}

    def applied_to(self, image: ThermalImage) -> ThermalImage:
        """`image` under these parameters; itself if none is given.

        Raises:
            UnitError: The frame has no Planck radiometry that could take them.
        """
        changes = self.changes()
        if not changes:
            return image
        if image.counts is None or not isinstance(image.radiometry, Planck):
            raise UnitError(
                f"{', '.join(changes)} cannot be applied: this frame has no Planck radiometry. "
                "Only files with counts and the camera's constants can be re-evaluated."
            )
        return image.with_radiometry(image.radiometry.replace(**changes))


def _kelvin(celsius: float | None) -> float | None:
    return None if celsius is None else celsius + ZERO_CELSIUS_K


@dataclass(frozen=True)
class Failure:
    """A file that could not be read, with the reason: the others go on.

    Attributes:
        path: The file.
        error: What went wrong.
    """

    path: Path
    error: ThermoscopeError


def size_from_text(text: str | None) -> tuple[int, int] | None:
    """(H, W) from ``"640x512"`` (width x height), None from None.

    Raises:
        ReadError: Not of that form.
    """
    if text is None:
        return None
    width, _, height = text.lower().partition("x")
    if not (width.isdigit() and height.isdigit() and int(width) and int(height)):
        raise ReadError(f"--size must be WIDTHxHEIGHT in px, for example 640x512, got {text!r}.")
    return int(height), int(width)


def linear_scale(kelvin_per_count: float | None, offset_k: float) -> LinearScale | None:
    """The scale of --kelvin-per-count and --offset-k; None without the first.

    Raises:
        ConfigError: --offset-k alone.
    """
    if kelvin_per_count is not None:
        return LinearScale(kelvin_per_count, offset_k)
    if offset_k:
        raise ConfigError("--offset-k is part of a linear scale. Give --kelvin-per-count as well.")
    return None


def read_each(
    files: Sequence[Path],
    *,
    parameters: ObjectParameters,
    size: str | None = None,
    frame: int = 0,
    kelvin_per_count: float | None = None,
    offset_k: float = 0.0,
) -> Iterator[ThermalImage | Failure]:
    """Each file as an image or a failure, in order, one in memory at a time.

    Args:
        files: Their paths.
        parameters: Applied to each image.
        size: Of headerless raw files, ``"640x512"``.
        frame: Of multi-frame files.
        kelvin_per_count: Linear scale for counts of unknown radiometry.
        offset_k: Temperature of count 0 on that scale, K.

    Raises:
        ConfigError: `offset_k` without a scale.
    """
    shape = size_from_text(size)
    scale = linear_scale(kelvin_per_count, offset_k)
    for path in files:
        try:
            image = read(path, shape=shape, frame=frame)
            if scale is not None:
                image = image.with_radiometry(scale)
            yield parameters.applied_to(image)
        except ThermoscopeError as err:
            yield Failure(path, err)
