"""What a FLIR file says about camera, moment, place and measurement.

Read from the records CameraInfo, GPSInfo, PaletteInfo, PiP and EmbeddedImage of an FFF container.
A field that a short record does not hold is unknown; a value that no camera can mean is not used,
and the note beside the radiometry says so. Nothing here raises on odd VALUES.

Source: ExifTool's public tables of FLIR tags (names and positions of the fields).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from thermoscope.core.errors import ConfigError
from thermoscope.io.fff import (
    CAMERA_INFO,
    EMBEDDED_IMAGE,
    GPS_INFO,
    PALETTE_INFO,
    PICTURE_IN_PICTURE,
    FffFile,
    Record,
    record_byte_order,
)
from thermoscope.io.thermal_image import CaptureInfo
from thermoscope.sensor.planck import Atmosphere, Planck, PlanckCurve

__all__ = ["Measurement", "capture_info", "measurement", "planck_from_values"]

# CameraInfo: name -> (position, struct code)
_NUMBERS = {
    "emissivity": (0x20, "f"),
    "distance_m": (0x24, "f"),
    "reflected_k": (0x28, "f"),
    "air_k": (0x2C, "f"),
    "window_k": (0x30, "f"),
    "window_transmission": (0x34, "f"),
    "estimated_transmission": (0x38, "f"),
    "relative_humidity": (0x3C, "f"),
    "R1": (0x58, "f"),
    "B": (0x5C, "f"),
    "F": (0x60, "f"),
    "alpha_1": (0x70, "f"),
    "alpha_2": (0x74, "f"),
    "beta_1": (0x78, "f"),
    "beta_2": (0x7C, "f"),
    "x": (0x80, "f"),
    "range_max_k": (0x90, "f"),
    "range_min_k": (0x94, "f"),
    "field_of_view_deg": (0x1B4, "f"),
    "O": (0x308, "i"),
    "R2": (0x30C, "f"),
    "raw_range_min": (0x310, "H"),
    "raw_range_max": (0x312, "H"),
    "raw_median": (0x338, "H"),
    "raw_span": (0x33C, "H"),
    "seconds": (0x384, "I"),
    "milliseconds": (0x388, "I"),
    "minutes_west": (0x38C, "h"),
    "focus_distance_m": (0x45C, "f"),
    "frame_rate_hz": (0x464, "H"),
}
# CameraInfo: name -> (position, bytes)
_TEXTS = {
    "model": (0xD4, 32),
    "part_number": (0xF4, 16),
    "serial": (0x104, 16),
    "firmware": (0x114, 16),
    "lens": (0x170, 32),
    "lens_part_number": (0x190, 16),
    "lens_serial": (0x1A0, 16),
    "filter": (0x1EC, 16),
}
_SHOWN = (
    "part_number",
    "lens_part_number",
    "lens_serial",
    "filter",
    "range_min_k",
    "range_max_k",
    "raw_range_min",
    "raw_range_max",
    "raw_median",
    "raw_span",
    "estimated_transmission",
    "focus_distance_m",
    "frame_rate_hz",
)
# what a path parameter may be, and what is used in place of another value
_PATH = {
    "emissivity": (0.01, 1.0, 1.0),
    "distance_m": (0.0, 1e5, 0.0),
    "reflected_k": (100.0, 3500.0, 293.15),
    "air_k": (150.0, 400.0, 293.15),
    "window_k": (100.0, 3500.0, 293.15),
    "window_transmission": (0.01, 1.0, 1.0),
    "relative_humidity": (0.0, 1.0, 0.5),
}
# Open readers (Thermimage, flyr) take half of the air on either side of the window; FLIR's own
# software takes it in one piece, `Atmosphere(segments=1)`. 0.02 K at 1 m, above 1 K at 50 m.
AIR_SEGMENTS = 2
_AIR = ("alpha_1", "alpha_2", "beta_1", "beta_2", "x")
_UNCALIBRATED = ("Vue Pro ", "Vue ")  # sold without temperature; the 'R' models have it


@dataclass(frozen=True)
class Measurement:
    """How the counts become kelvin, as far as the file says it.

    Attributes:
        radiometry: The camera's curve and path; None if the file holds no usable curve.
        note: What is missing or was replaced; "" if nothing.
    """

    radiometry: Planck | None
    note: str


def camera_values(record: Record) -> dict[str, Any]:
    """Fields of a CameraInfo record by name; fields past its end and nan are left out."""
    order, body = record_byte_order(record), record.body.data
    values: dict[str, Any] = {}
    for name, (at, code) in _NUMBERS.items():
        if at + struct.calcsize(code) <= len(body):
            (value,) = struct.unpack_from(order + code, body, at)
            if math.isfinite(value):
                values[name] = value
    for name, (at, length) in _TEXTS.items():
        if text := _text(body, at, length):
            values[name] = text
    humidity = values.get("relative_humidity")
    if humidity is not None and 2 < humidity <= 100:
        values["relative_humidity"] = humidity / 100  # some cameras write percent
    return values


def _text(body: memoryview, at: int, length: int) -> str:
    """Text up to its first zero byte, unprintable characters dropped."""
    raw = bytes(body[at : at + length]).split(b"\0")[0]
    return "".join(c for c in raw.decode("latin-1") if c.isprintable()).strip()


def measurement(fff: FffFile) -> Measurement:
    """Radiometry of the container's CameraInfo record."""
    record = fff.first(CAMERA_INFO)
    if record is None or len(record.body) < 2:
        return Measurement(None, "the file holds no CameraInfo record with Planck constants.")
    return planck_from_values(camera_values(record))


def planck_from_values(values: Mapping[str, Any]) -> Measurement:
    """Radiometry from FLIR's fields ``R1 R2 B F O``, the object parameters and the air constants.

    A path parameter out of its range is replaced (emissivity 1, no distance, 20 degrees Celsius,
    no window, 50 % humidity) and named in the note. Without a usable curve there is no radiometry.

    Args:
        values: Fields by the names of `camera_values`.
    """
    curve = _curve(values)
    if curve is None:
        stated = ", ".join(f"{k}={values[k]:g}" for k in ("R1", "R2", "B", "F", "O") if k in values)
        return Measurement(
            None, f"the file's Planck constants are not usable ({stated or 'none there'})."
        )
    notes, path = [], {}
    for name, (low, high, instead) in _PATH.items():
        value = values.get(name)
        if value is not None and low <= value <= high:
            path[name] = float(value)
            continue
        path[name] = instead
        said = "not stated" if value is None else f"{value:g}, which is impossible"
        notes.append(f"{name} is {said}: {instead:g} was used.")
    atmosphere = _atmosphere(values)
    if atmosphere is None:
        atmosphere = Atmosphere(segments=AIR_SEGMENTS)
        notes.append("the air constants are not usable: the usual ones were taken.")
    if _is_uncalibrated(str(values.get("model", ""))):
        notes.append(
            f"{values['model']} is sold without temperature calibration: differences, not values."
        )
    return Measurement(Planck(curve, atmosphere=atmosphere, **path), " ".join(notes))


def _is_uncalibrated(model: str) -> bool:
    return model.startswith(_UNCALIBRATED) and not model.startswith("Vue Pro R")


def _curve(values: Mapping[str, Any]) -> PlanckCurve | None:
    """The curve, if its constants are those of a camera between 1 and 20 micrometres."""
    try:
        R1, R2, B, F, O = (float(values[k]) for k in ("R1", "R2", "B", "F", "O"))  # noqa: E741
        usable = 1 < R1 < 1e12 and 1e-9 < R2 < 1e9 and 500 < B < 20000 and 1e-3 < F < 1e4
        return PlanckCurve(R=R1 / R2, B=B, F=F, O=-O) if usable else None
    except (KeyError, ConfigError):
        return None


def _atmosphere(values: Mapping[str, Any]) -> Atmosphere | None:
    """The air constants; None if one is absent or impossible.

    The air is taken in two halves, as the open readers of these files do.
    """
    a1, a2, b1, b2, x = (float(values.get(name, math.nan)) for name in _AIR)
    if not (all(abs(c) < 1 for c in (a1, a2, b1, b2)) and 0 < abs(x) < 10):
        return None
    return Atmosphere(a1, a2, b1, b2, x, segments=AIR_SEGMENTS)


def capture_info(fff: FffFile) -> CaptureInfo:
    """Camera, moment and everything else worth showing.

    `extra` holds, where the file says them, part numbers, measuring range, raw median, focus,
    GPS position, palette, and how a visible picture lies to the thermal one.
    """
    record = fff.first(CAMERA_INFO)
    values = camera_values(record) if record is not None and len(record.body) >= 2 else {}
    fov = values.get("field_of_view_deg", 0.0)
    extra = {name: values[name] for name in _SHOWN if name in values}
    extra |= {"creator": fff.header.creator} if fff.header.creator else {}
    if _moment_ns(values) is not None and abs(values.get("minutes_west", 9999)) <= 24 * 60:
        extra["utc_offset_min"] = -values["minutes_west"]
    for kind, read in (
        (GPS_INFO, _gps),
        (PALETTE_INFO, _palette),
        (PICTURE_IN_PICTURE, _picture_in_picture),
        (EMBEDDED_IMAGE, _visible),
    ):
        found = fff.first(kind)
        if found is not None:
            extra |= read(found)
    return CaptureInfo(
        make="FLIR",
        model=values.get("model"),
        serial=values.get("serial"),
        lens=values.get("lens"),
        firmware=values.get("firmware"),
        t_ns=_moment_ns(values),
        t_zone="utc" if _moment_ns(values) is not None else None,
        horizontal_fov_deg=fov if 0 < fov < 180 else None,
        extra=extra,
    )


def _moment_ns(values: Mapping[str, Any]) -> int | None:
    """Ns since 1970 UTC; None if the clock was never set."""
    seconds = values.get("seconds", 0)
    if not seconds:
        return None
    return (int(seconds) * 1000 + int(values.get("milliseconds", 0)) % 1000) * 1_000_000


def _gps(record: Record) -> dict[str, Any]:
    """Position, if the record says that it is valid and it lies on the Earth."""
    body = record.body.data
    if len(body) < 0x24:
        return {}
    order = "<" if body[0] or not body[3] else ">"
    (valid,) = struct.unpack_from(f"{order}I", body, 0)
    latitude, longitude, altitude = struct.unpack_from(f"{order}ddf", body, 0x10)
    on_earth = abs(latitude) <= 90 and abs(longitude) <= 180 and (latitude or longitude)
    if valid != 1 or not on_earth:
        return {}
    south, west = bytes(body[8:9]) == b"S", bytes(body[10:11]) == b"W"
    place = {
        "latitude_deg": -abs(latitude) if south else latitude,
        "longitude_deg": -abs(longitude) if west else longitude,
    }
    return place | ({"altitude_m": altitude} if abs(altitude) < 1e5 else {})


def _palette(record: Record) -> dict[str, Any]:
    body = record.body.data
    name = _text(body, 80, 32) or _text(body, 48, 32)
    return {"palette": name or "unnamed", "palette_colours": int(body[0])}


def _picture_in_picture(record: Record) -> dict[str, Any]:
    """Where the thermal image lies in the visible one: scale and offset from its centre."""
    body = record.body.data
    if len(body) < 16:
        return {}
    for order in ("<", ">"):
        scale, dx, dy, x1, x2, y1, y2 = struct.unpack_from(f"{order}f6h", body, 0)
        if 0.01 < scale < 100:  # read the other way round it is about 1e-40 or 1e30
            return {
                "visible_scale": round(scale, 6),
                "visible_offset_px": [dx, dy],
                "thermal_box_px": [x1, y1, x2, y2],
            }
    return {}


def _visible(record: Record) -> dict[str, Any]:
    body = record.body.data
    if len(body) < 40:
        return {}
    order = record_byte_order(record)
    _, width, height = struct.unpack_from(f"{order}HHH", body, 0)
    magic = bytes(body[32:36])
    coding = "PNG" if magic == b"\x89PNG" else "JPEG" if magic[:3] == b"\xff\xd8\xff" else "raw"
    return {"visible_image": f"{width}x{height} {coding}"}
