"""The few Exif facts of a JPEG that matter beside a thermal payload: orientation, maker, place.

Pillow parses the directory; whatever it raises on damage means that nothing is known. What is NOT
here: camera settings of the visible picture.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any

from thermoscope.io.file_bytes import FileBytes
from thermoscope.io.jpeg_segments import APP1, jpeg_segments

__all__ = ["ExifFacts", "exif_facts"]

EXIF_NAME = b"Exif\0\0"
_MAKE, _ORIENTATION, _GPS = 0x010F, 0x0112, 0x8825  # Exif 2.32, table of tags


@dataclass(frozen=True)
class ExifFacts:
    """What the Exif segment says; None where it says nothing usable.

    Attributes:
        make: Maker of the camera.
        orientation: 1 upright, 2 to 8 mirrored or turned.
        latitude_deg: North is positive.
        longitude_deg: East is positive.
    """

    make: str | None = None
    orientation: int = 1
    latitude_deg: float | None = None
    longitude_deg: float | None = None


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
            make, orientation = exif.get(_MAKE), exif.get(_ORIENTATION, 1)
            place = _place(exif.get_ifd(_GPS))
    except Exception:  # damage: Pillow raises struct, value, type, OS and syntax errors
        return ExifFacts()
    latitude, longitude = place if place is not None else (None, None)
    return ExifFacts(
        make=make.strip("\0 ") or None if isinstance(make, str) else None,
        orientation=orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1,
        latitude_deg=latitude,
        longitude_deg=longitude,
    )


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
