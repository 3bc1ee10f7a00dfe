"""The few Exif facts that matter for a thermal picture: orientation, camera, moment, place.

Pillow parses the directory; whatever it raises on damage means that nothing is known. What is NOT
here: camera settings of the visible picture.
"""

from __future__ import annotations

import datetime
import math
import re
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from thermoscope.io.file_bytes import FileBytes
from thermoscope.io.jpeg_segments import APP1, jpeg_segments

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["ExifFacts", "exif_facts", "facts_of", "moment_ns"]

EXIF_NAME = b"Exif\0\0"
_MAKE, _MODEL, _ORIENTATION, _GPS = 0x010F, 0x0110, 0x0112, 0x8825  # Exif 2.32, table of tags
_SOFTWARE, _TIME, _CAMERA = 0x0131, 0x0132, 0x8769
_TAKEN, _ZONE, _SUBSECOND, _SERIAL, _LENS = 0x9003, 0x9011, 0x9291, 0xA431, 0xA434
_MOMENT = re.compile(r"(\d{4})\D(\d\d)\D(\d\d)\D(\d\d)\D(\d\d)\D(\d\d)")
_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)")


@dataclass(frozen=True)
class ExifFacts:
    """What the Exif segment says; None where it says nothing usable.

    Attributes:
        make: Maker of the camera.
        orientation: 1 upright, 2 to 8 mirrored or turned.
        latitude_deg: North is positive.
        longitude_deg: East is positive.
        model: Camera model.
        serial: Serial number of the camera.
        lens: Lens model.
        software: Program or firmware that wrote the file.
        t_ns: Moment of capture, ns since 1970-01-01, in UTC if `t_zone` says so.
        t_zone: ``"utc"`` where the file states the zone, ``"local"`` where not.
    """

    make: str | None = None
    orientation: int = 1
    latitude_deg: float | None = None
    longitude_deg: float | None = None
    model: str | None = None
    serial: str | None = None
    lens: str | None = None
    software: str | None = None
    t_ns: int | None = None
    t_zone: Literal["utc", "local"] | None = None


def exif_facts(jpeg: FileBytes) -> ExifFacts:
    """Facts of the first Exif segment; the default ones if there is none or it is damaged."""
    for segment in jpeg_segments(jpeg.data):
        content = bytes(jpeg.data[segment.start : segment.stop])
        if segment.marker == APP1 and content.startswith(EXIF_NAME):
            return _parsed(content)
    return ExifFacts()


def _parsed(content: bytes) -> ExifFacts:
    from PIL import Image

    exif = Image.Exif()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of each odd entry
            exif.load(content)
    except Exception:  # damage: Pillow raises struct, value, type, OS and syntax errors
        return ExifFacts()
    return facts_of(exif)


def facts_of(exif: Image.Exif) -> ExifFacts:
    """Facts of a directory that Pillow opened; the default ones if it is damaged."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            camera = dict(exif.get_ifd(_CAMERA))
            orientation = exif.get(_ORIENTATION, 1)
            latitude, longitude = _place(exif.get_ifd(_GPS)) or (None, None)
            texts = {tag: _text(exif.get(tag)) for tag in (_MAKE, _MODEL, _SOFTWARE, _TIME)}
    except Exception:  # damage: Pillow raises struct, value, type, OS and syntax errors
        return ExifFacts()
    t_ns, t_zone = moment_ns(
        _text(camera.get(_TAKEN)) or texts[_TIME] or "",
        zone=_text(camera.get(_ZONE)) or "",
        fraction=_text(camera.get(_SUBSECOND)) or "",
    )
    return ExifFacts(
        make=texts[_MAKE],
        orientation=orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1,
        latitude_deg=latitude,
        longitude_deg=longitude,
        model=texts[_MODEL],
        serial=_text(camera.get(_SERIAL)),
        lens=_text(camera.get(_LENS)),
        software=texts[_SOFTWARE],
        t_ns=t_ns,
        t_zone=t_zone,
    )


def _text(value: object) -> str | None:
    return value.strip("\0 ") or None if isinstance(value, str) else None


def moment_ns(
    text: str, *, zone: str = "", fraction: str = ""
) -> tuple[int | None, Literal["utc", "local"] | None]:
    """(ns since 1970, "utc" or "local") of a date and time as cameras write it.

    Args:
        text: ``"2023:01:18 15:59:16"``, also with other separators.
        zone: ``"+02:00"``; without it the time is the camera's local one.
        fraction: Digits after the second.

    Returns:
        (None, None) for text that is no moment.

    Example:
        >>> moment_ns("1970:01:02 01:00:00", zone="+01:00", fraction="5")
        (86400500000000, 'utc')
    """
    found = _MOMENT.match(text)
    if found is None:
        return None, None
    year, month, day, hour, minute, second = (int(part) for part in found.groups())
    try:
        moment = datetime.datetime(
            year, month, day, hour, minute, second, tzinfo=datetime.timezone.utc
        )
    except ValueError:
        return None, None
    t_ns = round(moment.timestamp()) * 1_000_000_000
    if fraction.isascii() and fraction.isdigit():
        t_ns += int(fraction[:9].ljust(9, "0"))
    offset = _OFFSET.fullmatch(zone)
    if offset is None:
        return t_ns, "local"
    minutes = int(offset[2]) * 60 + int(offset[3])
    return t_ns - (minutes if offset[1] == "+" else -minutes) * 60_000_000_000, "utc"


def _place(gps: dict[int, Any]) -> tuple[float, float] | None:
    """(latitude, longitude), degrees; None if absent, impossible or the zero of no fix."""
    latitude, longitude = (_degrees(gps.get(k)) for k in (2, 4))
    if latitude is None or longitude is None or (latitude == 0 and longitude == 0):
        return None
    if latitude > 90 or longitude > 180:
        return None
    south, west = gps.get(1) == "S", gps.get(3) == "W"
    return -latitude if south else latitude, -longitude if west else longitude


def _degrees(parts: Any) -> float | None:
    """Degrees, minutes, seconds as one number."""
    if not isinstance(parts, tuple) or len(parts) != 3:
        return None
    degrees = sum(float(part) / 60**k for k, part in enumerate(parts))
    return degrees if math.isfinite(degrees) and degrees >= 0 else None
