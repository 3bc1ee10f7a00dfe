"""DJI's radiometric JPEGs: the picture, the 16-bit plane and what the drone wrote; no temperature.

The plane lies in the APP3 segments (APP4 in the XT S), 2 bytes a pixel, low byte first, in the
size of the picture; it follows the picture (rank correlation 0.9 to 0.99 in files of nine
cameras). How its counts become temperatures DJI keeps to its own library, so there is no
radiometry here and `temperature_note` says so. What is NOT supported: APP5 and later segments.
"""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from thermoscope.io.exif import EXIF_NAME
from thermoscope.io.file_bytes import FileBytes
from thermoscope.io.image import capture_of
from thermoscope.io.jpeg import decoded_jpeg
from thermoscope.io.jpeg_segments import APP1, jpeg_segments
from thermoscope.io.planes import Origin, image_from_array
from thermoscope.io.request import Request
from thermoscope.io.thermal_image import Source, ThermalImage

__all__ = ["NOTE", "looks_like_dji", "read_dji"]

NOTE = (
    "DJI does not publish how its counts become degrees; the values need DJI's Thermal SDK, or a "
    "tool around it, installed separately. Its float TIFF export is read with temperatures."
)
PLANE_MARKERS = (0xE3, 0xE4)  # APP3; APP4 in the XT S
XMP_NAME = b"http://ns.adobe.com/xap/1.0/\0"
LEAST_PLANE = 2 * 80 * 60  # smaller payloads are no picture
_ATTRIBUTE = re.compile(rb"drone-dji:(\w{1,40})\s*(?:=\s*\"([^\"]{0,80})\"|>([^<]{0,80})<)")
_WANTED = {
    "GimbalYawDegree": "gimbal_yaw_deg",
    "GimbalPitchDegree": "gimbal_pitch_deg",
    "GimbalRollDegree": "gimbal_roll_deg",
    "FlightYawDegree": "flight_yaw_deg",
    "FlightPitchDegree": "flight_pitch_deg",
    "FlightRollDegree": "flight_roll_deg",
    "AbsoluteAltitude": "absolute_altitude_m",
    "RelativeAltitude": "relative_altitude_m",
}


def looks_like_dji(jpeg: FileBytes) -> bool:
    """Whether a JPEG names DJI as its maker and holds a payload as long as a picture."""
    named = False
    for segment in jpeg_segments(jpeg.data):
        content = bytes(jpeg.data[segment.start : segment.stop])
        if segment.marker == APP1 and content.startswith((EXIF_NAME, XMP_NAME)):
            named = named or b"DJI" in content or b"drone-dji" in content
    return named and any(len(_payload(jpeg, marker)) >= LEAST_PLANE for marker in PLANE_MARKERS)


def read_dji(request: Request, file: FileBytes) -> ThermalImage:
    """Counts (where the payload has the size of the picture) and picture of a DJI R-JPEG.

    With ``request.scale`` the counts become temperatures on that scale.

    Raises:
        ReadError: The picture is damaged.
        ImageTooLargeError: Over the limit.
        UnitError: A linear scale, and the file has no counts.
    """
    picture = decoded_jpeg(request, file)
    counts = _plane(file, picture.pixels.shape[0], picture.pixels.shape[1])
    capture = capture_of(picture.facts, _flight(file))
    capture = replace(capture, make=capture.make or "DJI")
    source = Source(request.path, "dji-rjpeg", bit_depth=8 if counts is None else 16)
    origin = Origin(source, capture, flags=picture.flags, note=NOTE)
    if counts is None:
        return image_from_array(picture.pixels, origin, scale=request.scale)
    image = image_from_array(counts, origin, scale=request.scale)
    same = counts.shape == picture.pixels.shape[:2]
    return replace(image, agc=_grey(picture.pixels) if same else None)


def _payload(jpeg: FileBytes, marker: int) -> bytes:
    return b"".join(
        jpeg.data[s.start : s.stop] for s in jpeg_segments(jpeg.data) if s.marker == marker
    )


def _plane(file: FileBytes, height: int, width: int) -> NDArray[np.uint16] | None:
    """The 16-bit plane in the size of the picture, or in half of it; None if there is none."""
    for marker in PLANE_MARKERS:
        payload = _payload(file, marker)
        for divisor in (1, 2):  # super-resolution pictures have twice the sensor's sides
            h, w = height // divisor, width // divisor
            if len(payload) == 2 * h * w:
                return np.frombuffer(payload, "<u2").reshape(h, w).astype(np.uint16)
    return None


def _grey(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """One channel where the three are equal."""
    if pixels.ndim == 3 and (pixels == pixels[..., :1]).all():
        return np.ascontiguousarray(pixels[..., 0])
    return pixels


def _flight(file: FileBytes) -> dict[str, object]:
    """Attitude, altitude and place from DJI's XMP entries."""
    found: dict[str, str] = {}
    for segment in jpeg_segments(file.data):
        content = bytes(file.data[segment.start : segment.stop])
        if segment.marker == APP1 and content.startswith(XMP_NAME):
            for name, quoted, inner in _ATTRIBUTE.findall(content):
                found.setdefault(name.decode(), (quoted or inner).decode("ascii", "replace"))
    extra: dict[str, object] = {}
    for name, ours in _WANTED.items():
        value = _number(found.get(name, ""))
        if value is not None:
            extra[ours] = value
    place = [_number(found.get(name, "")) for name in ("GpsLatitude", "GpsLongitude")]
    if found.get("GpsStatus") != "Invalid" and all(place):
        extra["latitude_deg"], extra["longitude_deg"] = place
    return extra


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
