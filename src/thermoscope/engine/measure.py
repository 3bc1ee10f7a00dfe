"""Facts about a thermal image as plain values: the content of ``info``, ``spot`` and ``stats``.

Temperatures are in kelvin here, and in degrees Celsius under keys that end in ``_c``, for people.
Values that do not exist are None, never nan: the result is strict JSON.
"""

from __future__ import annotations

import datetime
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.errors import ConfigError, ShapeError
from thermoscope.io.thermal_image import ZERO_CELSIUS_K, Kind, Spot, ThermalImage
from thermoscope.sensor.planck import LinearScale, Planck, Radiometry

__all__ = ["Region", "describe", "measure_region", "number", "region_from_text", "statistics"]

DECIMALS: dict[Kind, int] = {"kelvin": 2, "counts": 0, "agc": 0}


@dataclass(frozen=True)
class Region:
    """A rectangle of pixels; a point is 1x1.

    Attributes:
        x: Left column, px.
        y: Top row, px.
        width: Columns, px.
        height: Rows, px.
    """

    x: int
    y: int
    width: int = 1
    height: int = 1

    def __str__(self) -> str:
        point = f"({self.x}, {self.y})"
        return point if self.width == self.height == 1 else f"{self.width}x{self.height} at {point}"


def region_from_text(text: str) -> Region:
    """A point ``"x,y"`` or a rectangle ``"x,y,width,height"``.

    Raises:
        ConfigError: Not two or four whole numbers.

    Example:
        >>> region_from_text("10,20")
        Region(x=10, y=20, width=1, height=1)
    """
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in (2, 4):
        raise ConfigError(f"{text!r} is neither a point x,y nor a rectangle x,y,width,height.")
    return Region(*numbers)


def number(value: float, digits: int) -> float | None:
    """`value` rounded for output; None if it is not finite."""
    if not math.isfinite(value):
        return None
    return round(float(value), digits) if digits else float(round(value))


def _reading(value: float, kind: Kind) -> dict[str, Any]:
    if kind != "kelvin":
        return {kind: number(value, 0)}
    return {"kelvin": number(value, 2), "celsius": number(value - ZERO_CELSIUS_K, 2)}


def _placed(spot: Spot, kind: Kind) -> dict[str, Any]:
    return {**_reading(spot.value, kind), "x": spot.x, "y": spot.y}


def statistics(image: ThermalImage) -> dict[str, Any]:
    """Minimum, median, mean, maximum, spread and used range in the unit of the image.

    Returns:
        Keys ``unit``, ``min``, ``p1``, ``median``, ``mean``, ``p99``, ``max``, ``std``,
        ``finite_share``; all numbers None if no pixel is finite.
    """
    kind = image.kind
    values = np.asarray(image.values)
    finite = values[np.isfinite(values)].astype(np.float64)
    result: dict[str, Any] = {"unit": kind, "finite_share": number(finite.size / values.size, 4)}
    names = ("min", "p1", "median", "p99", "max")
    if finite.size == 0:
        return result | dict.fromkeys((*names, "mean", "std"))
    shares = np.percentile(finite, [0, 1, 50, 99, 100])
    digits = max(DECIMALS[kind], 0 if kind == "kelvin" else 1)
    result |= {n: number(v, digits) for n, v in zip(names, shares, strict=True)}
    return result | {"mean": number(finite.mean(), 2), "std": number(finite.std(), 3)}


def measure_region(image: ThermalImage, region: Region) -> dict[str, Any]:
    """Readings of a region: min, median, mean and max with positions in the whole image.

    Raises:
        ShapeError: The region is empty or leaves the image.
    """
    try:
        part = image.crop(x=region.x, y=region.y, width=region.width, height=region.height)
    except ShapeError as err:
        raise ShapeError(
            f"region {region} lies outside the image of {image.width}x{image.height} px. "
            f"x runs from 0 to {image.width - 1}, y from 0 to {image.height - 1}."
        ) from err
    kind = image.kind
    values = np.asarray(part.values, np.float64)
    found: dict[str, Any] = {
        "x": region.x,
        "y": region.y,
        "width": region.width,
        "height": region.height,
        "unit": kind,
    }
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return found | dict.fromkeys(("min", "median", "mean", "max"))
    for name, spot in (("min", part.coldest()), ("max", part.hottest())):
        found[name] = _placed(Spot(spot.x + region.x, spot.y + region.y, spot.value), kind)
    found["median"] = _reading(float(np.median(finite)), kind)
    found["mean"] = _reading(float(finite.mean()), kind)
    return found


def describe(image: ThermalImage) -> dict[str, Any]:
    """Everything ``info`` prints about one frame, as strict-JSON values.

    Key ``temperature`` is None where there is none, and ``temperature_note`` says why.
    """
    source, capture = image.source, image.capture
    return {
        "file": str(source.path) if source.path is not None else None,
        "format": source.format,
        "width": image.width,
        "height": image.height,
        "bit_depth": source.bit_depth,
        "frame": source.frame_index,
        "frames": source.frame_count,
        "unit": image.kind,
        "temperature": _extremes(image) if image.radiometric else None,
        "temperature_note": _note(image),
        "counts": _extremes_of(image.counts) if image.counts is not None else None,
        "radiometry": _radiometry(image.radiometry),
        "camera": {
            "make": capture.make,
            "model": capture.model,
            "serial": capture.serial,
            "lens": capture.lens,
            "firmware": capture.firmware,
            "horizontal_fov_deg": capture.horizontal_fov_deg,
        },
        "time": _time(capture.t_ns, capture.t_zone),
        "ffc": capture.ffc,
        "quality": sorted(flag.value for flag in image.quality),
        "extra": {key: _plain(value) for key, value in capture.extra.items()},
    }


def _note(image: ThermalImage) -> str:
    if image.temperature_note or image.radiometric:
        return image.temperature_note
    if image.counts is None:
        return "8-bit AGC picture: the radiometric scale is lost"
    return "counts of unknown radiometry: the file does not say how they become temperature"


def _extremes(image: ThermalImage) -> dict[str, Any] | None:
    kelvin = image.kelvin
    finite = kelvin[np.isfinite(kelvin)]
    if finite.size == 0:
        return None
    return {
        "min": _placed(image.coldest(), "kelvin"),
        "median": _reading(float(np.median(finite)), "kelvin"),
        "max": _placed(image.hottest(), "kelvin"),
    }


def _extremes_of(counts: NDArray[np.uint16]) -> dict[str, float]:
    return {
        "min": float(counts.min()),
        "median": float(np.median(counts)),
        "max": float(counts.max()),
    }


def _radiometry(radiometry: Radiometry | None) -> dict[str, Any] | None:
    if isinstance(radiometry, Planck):
        return {
            "type": "planck",
            "emissivity": radiometry.emissivity,
            "reflected_c": number(radiometry.reflected_k - ZERO_CELSIUS_K, 2),
            "distance_m": radiometry.distance_m,
            "air_c": number(radiometry.air_k - ZERO_CELSIUS_K, 2),
            "relative_humidity": radiometry.relative_humidity,
            "window_transmission": radiometry.window_transmission,
            "planck": {k: getattr(radiometry.curve, k) for k in "RBFO"},
        }
    if isinstance(radiometry, LinearScale):
        return {
            "type": "linear",
            "kelvin_per_count": radiometry.kelvin_per_count,
            "offset_k": radiometry.offset_k,
        }
    return None


def _time(t_ns: int | None, zone: str | None) -> str | None:
    if t_ns is None:
        return None
    moment = datetime.datetime.fromtimestamp(t_ns / 1e9, datetime.timezone.utc)
    text = moment.isoformat(timespec="milliseconds").removesuffix("+00:00")
    return f"{text}Z" if zone == "utc" else text


def _plain(value: object) -> object:
    if isinstance(value, (np.floating, float)):
        return number(float(value), 6)
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return value if isinstance(value, (str, int, bool, type(None))) else str(value)
