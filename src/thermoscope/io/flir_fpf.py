"""FLIR Public Format (``.fpf``): a fixed header, then temperatures as float or double, in kelvin.

What is NOT supported: temperature differences and object signals, which have no absolute scale.
Source: ExifTool's public table of FPF tags; FLIR's published description of the public format.
"""

from __future__ import annotations

import calendar
import math

import numpy as np
from numpy.typing import NDArray

from thermoscope.io.file_bytes import FileBytes
from thermoscope.io.flir_pixels import LEAST_SHARE
from thermoscope.io.thermal_image import CaptureInfo, Source, ThermalImage
from thermoscope.sensor.quality import Quality

__all__ = ["FPF_MAGIC", "read_fpf"]

FPF_MAGIC = b"FPF Public Image Format"
_CONTENT = {0: "temperature", 1: "temperature difference", 2: "object signal", 3: "signal change"}
_DTYPES = {2: "f4", 3: "f8"}
_TEXTS = {
    "model": 0x78,
    "part_number": 0x98,
    "serial": 0xB8,
    "lens": 0xE0,
    "lens_part_number": 0x100,
    "lens_serial": 0x120,
}
_NUMBERS = {
    "range_min_k": 0xD8,
    "range_max_k": 0xDC,
    "emissivity": 0x1E0,
    "distance_m": 0x1E4,
    "reflected_k": 0x1E8,
    "air_k": 0x1EC,
    "relative_humidity": 0x1F0,
    "computed_transmission": 0x1F4,
    "window_k": 0x200,
    "window_transmission": 0x204,
}


def read_fpf(block: FileBytes, *, max_pixels: int) -> ThermalImage:
    """The temperatures of an FPF file.

    Args:
        block: The whole file.
        max_pixels: Largest accepted width x height.

    Raises:
        ReadError: Cut short, no temperatures, or an unknown number format.
        ImageTooLargeError: Over `max_pixels`.
    """
    (version,) = block.unpack("<I", 0x20, what="the FPF header")
    order = "<" if version < 0x10000 else ">"
    at, content, coding, width, height = block.unpack(f"{order}IHHHH", 0x24, what="the FPF header")
    block.check_pixels(width, height, max_pixels // (4 if coding == 3 else 2), at=0x2C)
    if content != 0:
        raise block.error(
            f"FPF of {_CONTENT.get(content, f'unknown content {content}')}, expected temperature",
            at=0x28,
            hint="Export temperatures, or the radiometric JPEG.",
        )
    if coding not in _DTYPES:
        raise block.error(f"FPF pixel format {coding}, expected 2 (float) or 3 (double)", at=0x2A)
    kelvin, cut = _temperatures(block, at, f"{order}{_DTYPES[coding]}", (height, width))
    return ThermalImage(
        stored_kelvin=kelvin,
        quality=frozenset({Quality.TRUNCATED} if cut else ()),
        capture=_capture(block, order),
        source=Source(block.path, "flir-fpf", 0, 1, 64 if coding == 3 else 32),
    )


def _temperatures(
    block: FileBytes, at: int, dtype: str, shape: tuple[int, int]
) -> tuple[NDArray[np.float32], bool]:
    """(H, W) float32, nan where the file was cut, and whether it was."""
    size = np.dtype(dtype).itemsize
    need, there = shape[0] * shape[1], max(len(block) - at, 0) // size
    if at < 0x28 or there < LEAST_SHARE * need:
        raise block.error(
            f"FPF of {shape[1]}x{shape[0]} needs {need * size} bytes of temperatures from byte "
            f"{at} on, {there * size} there",
            at=min(at, len(block)),
        )
    stored = np.frombuffer(block.data, dtype, count=min(need, there), offset=at)
    kelvin = np.full(need, np.nan, np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        kelvin[: len(stored)] = stored
    kelvin[~np.isfinite(kelvin)] = np.nan
    return kelvin.reshape(shape), there < need


def _capture(block: FileBytes, order: str) -> CaptureInfo:
    texts = {name: _text(block, at) for name, at in _TEXTS.items()}
    extra: dict[str, object] = {
        name: texts[name] for name in ("part_number", "lens_part_number", "lens_serial")
    }
    for name, at in _NUMBERS.items():
        if at + 4 <= len(block):
            (value,) = block.unpack(f"{order}f", at, what="the FPF header")
            extra[name] = value if math.isfinite(value) else None
    return CaptureInfo(
        make="FLIR",
        model=texts["model"],
        serial=texts["serial"],
        lens=texts["lens"],
        t_ns=(t_ns := _moment_ns(block, order)),
        t_zone=None if t_ns is None else "local",
        extra={name: value for name, value in extra.items() if value is not None},
    )


def _text(block: FileBytes, at: int) -> str | None:
    raw = bytes(block.data[at : at + 32]).split(b"\0")[0].decode("latin-1")
    return "".join(c for c in raw if c.isprintable()).strip() or None


def _moment_ns(block: FileBytes, order: str) -> int | None:
    """Camera time from seven numbers: year, month, day, hour, minute, second, millisecond."""
    if len(block) < 0x248 + 28:
        return None
    *moment, milliseconds = block.unpack(f"{order}7I", 0x248, what="the FPF date")
    year, month, day, hour, minute, second = moment
    plausible = 1970 < year < 2200 and 1 <= month <= 12 and 1 <= day <= 31
    if not (plausible and hour < 24 and minute < 60 and second < 61 and milliseconds < 1000):
        return None
    seconds = calendar.timegm((year, month, day, hour, minute, second))
    return int(seconds * 1000 + milliseconds) * 1_000_000
