"""Writer of small files in FLIR's true formats: FFF, radiometric JPEG, SEQ, CSQ and FPF.

The real readers run on them, so no real recording is needed. Every layout decision is made here
independently of the readers, from the public tag tables.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# An SC660's constants, as such a camera writes them
CAMERA: dict[str, Any] = {
    "emissivity": 0.95,
    "distance_m": 1.0,
    "reflected_k": 293.15,
    "air_k": 293.15,
    "window_k": 293.15,
    "window_transmission": 1.0,
    "relative_humidity": 0.5,
    "R1": 21106.77,
    "B": 1501.0,
    "F": 1.0,
    "O": -7340,
    "R2": 0.012545258,
    "air": (0.006569, 0.01262, -0.002276, -0.00667, 1.9),
    "model": "FAKE SC660",
    "part_number": "40402-3502",
    "serial": "404003980",
    "firmware": "15.0.14",
    "lens": "FOL38",
    "field_of_view_deg": 23.75,
    "raw_median": 18604,
    "range_max_k": 393.15,
    "range_min_k": 253.15,
    "seconds": 1368152543,
    "milliseconds": 335,
    "minutes_west": 360,
    "frame_rate_hz": 30,
}
_FLOATS = {
    "emissivity": 0x20,
    "distance_m": 0x24,
    "reflected_k": 0x28,
    "air_k": 0x2C,
    "window_k": 0x30,
    "window_transmission": 0x34,
    "relative_humidity": 0x3C,
    "R1": 0x58,
    "B": 0x5C,
    "F": 0x60,
    "range_max_k": 0x90,
    "range_min_k": 0x94,
    "field_of_view_deg": 0x1B4,
    "R2": 0x30C,
}
_TEXTS = {
    "model": (0xD4, 32),
    "part_number": (0xF4, 16),
    "serial": (0x104, 16),
    "firmware": (0x114, 16),
    "lens": (0x170, 32),
}


def counts_scene(height: int = 24, width: int = 32) -> NDArray[np.uint16]:
    """A smooth ramp with a warm disc, about 15 to 40 degrees Celsius under `CAMERA`."""
    y, x = np.mgrid[:height, :width]
    scene = 17000 + 40 * x + 25 * y
    scene[(y - height / 2) ** 2 + (x - width / 2) ** 2 < (height / 5) ** 2] += 2500
    return scene.astype(np.uint16)


def camera_info(order: str = "<", **changes: Any) -> bytes:
    """A CameraInfo record; `changes` replace entries of `CAMERA`."""
    values = {**CAMERA, **changes}
    body = bytearray(2476)
    struct.pack_into(f"{order}H", body, 0, 2)
    for name, at in _FLOATS.items():
        struct.pack_into(f"{order}f", body, at, values[name])
    struct.pack_into(f"{order}5f", body, 0x70, *values["air"])
    for name, (at, length) in _TEXTS.items():
        text = values[name].encode()[: length - 1]
        body[at : at + len(text)] = text
    struct.pack_into(f"{order}i", body, 0x308, values["O"])
    struct.pack_into(f"{order}H", body, 0x338, values["raw_median"])
    moment = (values["seconds"], values["milliseconds"], values["minutes_west"])
    struct.pack_into(f"{order}IIh", body, 0x384, *moment)
    struct.pack_into(f"{order}H", body, 0x464, values["frame_rate_hz"])
    return bytes(body)


def picture_head(order: str, pixel_bytes: int, width: int, height: int) -> bytes:
    """The 32-byte geometry head of raw and visible images."""
    return struct.pack(
        f"{order}9H14x", pixel_bytes, width, height, 0, 0, 0, width - 1, 0, height - 1
    )


def png16(counts: NDArray[np.uint16]) -> bytes:
    """16-bit grey PNG."""
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(counts, np.uint16)).save(stream, "PNG")
    return stream.getvalue()


def raw_data(
    counts: NDArray[np.uint16], *, coding: str = "little", order: str = "<"
) -> tuple[int, bytes]:
    """(subtype, record) with pixels as ``little``, ``big``, ``png`` (bytes swapped, as most
    cameras write it), ``png-straight`` or ``jpegls`` (needs imagecodecs).
    """
    height, width = counts.shape
    if coding in ("little", "big"):
        pixels = counts.astype("<u2" if coding == "little" else ">u2").tobytes()
    elif coding == "png":
        pixels = png16(counts.byteswap())
    elif coding == "png-straight":
        pixels = png16(counts)
    else:
        import imagecodecs

        pixels = imagecodecs.jpegls_encode(counts)
    subtype = {"big": 1, "little": 2}.get(coding, 3)
    return subtype, picture_head(order, 2, width, height) + pixels


def visible_jpeg(order: str = "<", width: int = 40, height: int = 30) -> bytes:
    """An EmbeddedImage record with a JPEG picture, left half red, right half blue."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[:, : width // 2, 0] = picture[:, width // 2 :, 2] = 255
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "JPEG", quality=95)
    return picture_head(order, 3, width, height) + stream.getvalue()


def visible_png(order: str = "<", width: int = 40, height: int = 30) -> bytes:
    """The same picture as a PNG of Y, Cb, Cr."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[:, : width // 2, 0] = picture[:, width // 2 :, 2] = 255
    ycc = np.asarray(Image.fromarray(picture).convert("YCbCr"))
    stream = io.BytesIO()
    Image.fromarray(ycc).save(stream, "PNG")
    return picture_head(order, 3, width, height) + stream.getvalue()


def gps(latitude: float, longitude: float, altitude: float, *, valid: int = 1) -> bytes:
    """A GPSInfo record; the signs are carried by the letters."""
    body = bytearray(184)
    struct.pack_into("<I", body, 0, valid)
    body[8:9] = b"N" if latitude >= 0 else b"S"
    body[10:11] = b"E" if longitude >= 0 else b"W"
    struct.pack_into("<ddf", body, 0x10, abs(latitude), abs(longitude), altitude)
    return bytes(body)


def palette(name: str = "Iron", colours: int = 224) -> bytes:
    """A PaletteInfo record."""
    body = bytearray(112 + 3 * colours)
    body[0] = colours
    body[80 : 80 + len(name)] = name.encode()
    return bytes(body)


def picture_in_picture(scale: float, dx: int, dy: int) -> bytes:
    """A PiP record: the visible picture is `scale` times finer, shifted by (dx, dy)."""
    return struct.pack("<f6h", scale, dx, dy, 0, 32, 0, 24).ljust(64, b"\0")


def container(
    records: Sequence[tuple[int, int, bytes]], *, order: str = "<", slots: int = 14
) -> bytes:
    """An FFF container of (kind, subtype, body) records."""
    at = 64 + 32 * slots
    directory, bodies = bytearray(32 * slots), bytearray()
    for k, (kind, subtype, body) in enumerate(records):
        struct.pack_into(
            f"{order}HHIIII", directory, 32 * k, kind, subtype, 100, k + 1, at, len(body)
        )
        bodies += body
        at += len(body)
    header = b"FFF\0" + b"fake".ljust(16, b"\0") + struct.pack(f"{order}IIII", 101, 64, slots, 2)
    return header.ljust(64, b"\0") + bytes(directory) + bytes(bodies)


def fff(
    counts: NDArray[np.uint16] | None = None,
    *,
    order: str = "<",
    coding: str = "little",
    extra: Sequence[tuple[int, int, bytes]] = (),
    camera: Mapping[str, Any] | None = None,
) -> bytes:
    """A whole FFF file: CameraInfo, raw data, then `extra` records.

    Args:
        counts: (H, W) uint16; `counts_scene()` if None.
        order: Byte order of header, directory and record heads.
        coding: Of the pixels, see `raw_data`.
        extra: Further (kind, subtype, body) records.
        camera: Changes to `CAMERA`.
    """
    scene = counts_scene() if counts is None else counts
    subtype, pixels = raw_data(scene, coding=coding, order=order)
    info = camera_info(order, **(camera or {}))
    return container([(0x20, 1, info), (1, subtype, pixels), *extra], order=order)


def segment(marker: int, content: bytes) -> bytes:
    """One JPEG marker segment."""
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def flir_pieces(payload: bytes, piece_bytes: int = 65_000) -> list[bytes]:
    """The APP1 contents that carry `payload`, numbered."""
    parts = [payload[i : i + piece_bytes] for i in range(0, len(payload), piece_bytes)]
    return [b"FLIR\0\x01" + bytes([k, len(parts) - 1]) + part for k, part in enumerate(parts)]


def picture_jpeg(width: int = 48, height: int = 32) -> bytes:
    """A plain grey JPEG."""
    stream = io.BytesIO()
    Image.fromarray(np.full((height, width), 90, np.uint8)).save(stream, "JPEG")
    return stream.getvalue()


def jpeg_with(contents: Sequence[bytes], *, before: bytes = b"") -> bytes:
    """A JPEG with the given APP1 contents after the `before` segments."""
    plain = picture_jpeg()
    return plain[:2] + before + b"".join(segment(0xE1, c) for c in contents) + plain[2:]


def rjpeg(payload: bytes | None = None, *, piece_bytes: int = 65_000, before: bytes = b"") -> bytes:
    """A radiometric JPEG around an FFF payload (`fff()` if None)."""
    return jpeg_with(flir_pieces(fff() if payload is None else payload, piece_bytes), before=before)


def exif(orientation: int = 1, *, latitude: float | None = None) -> bytes:
    """An Exif APP1 segment with an orientation and, if given, a position."""
    facts = Image.Exif()
    facts[0x010F], facts[0x0112] = "FLIR Systems AB", orientation
    if latitude is not None:
        facts[0x8825] = {1: "S", 2: (abs(latitude), 30.0, 0.0), 3: "E", 4: (11.0, 0.0, 36.0)}
    return segment(0xE1, facts.tobytes())


def seq(frames: int = 4, *, coding: str = "little", order: str = "<", gap: int = 0) -> bytes:
    """A SEQ file (CSQ with coding ``jpegls``): frame k is `counts_scene` + 10 k."""
    scene = counts_scene()
    parts = [fff(scene + np.uint16(10 * k), coding=coding, order=order) for k in range(frames)]
    return (b"\0" * gap).join(parts)


def fpf(
    kelvin: NDArray[np.floating[Any]],
    *,
    order: str = "<",
    content: int = 0,
    coding: int = 2,
    range_k: tuple[float, float] = (0.0, 0.0),
) -> bytes:
    """An FPF file; `coding` 2 writes float, 3 double; `range_k` is what the camera was set to."""
    height, width = kelvin.shape
    head = bytearray(892)
    head[:23] = b"FPF Public Image Format"
    struct.pack_into(f"{order}IIHHHH", head, 0x20, 2, 892, content, coding, width, height)
    head[0x78:0x80] = b"FAKE E40"
    struct.pack_into(f"{order}2f", head, 0xD8, *range_k)
    struct.pack_into(f"{order}f", head, 0x1E0, 0.95)
    struct.pack_into(f"{order}7I", head, 0x248, 2013, 2, 22, 11, 19, 20, 891)
    return bytes(head) + kelvin.astype(f"{order}{'f4' if coding == 2 else 'f8'}").tobytes()
