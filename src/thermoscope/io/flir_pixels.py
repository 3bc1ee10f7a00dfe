"""Counts of a FLIR raw-data record: plain 16 bit, PNG or JPEG-LS, size-checked before decoding.

Source: ExifTool's public description of the RawData record (a 32-byte geometry head, then the
pixels; most cameras that use PNG write its 16-bit values in the wrong byte order); ITU-T T.87 for
the JPEG-LS frame header.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.errors import MissingDependencyError
from thermoscope.io.fff import Record, record_byte_order
from thermoscope.io.file_bytes import FileBytes

__all__ = ["png_size", "raw_counts", "raw_size"]

HEAD_BYTES = 32
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
JPEG_MAGIC = b"\xff\xd8\xff"
LEAST_SHARE = 0.5  # of the pixels that must be there for a cut frame to count as a frame
BIG_ENDIAN_SUBTYPE = 1
END_OF_JPEG = b"\xff\xd9"
_JPEGLS_SOF = 0xF7


def raw_size(record: Record) -> tuple[int, int]:
    """(width, height) that the record's head declares, px.

    Raises:
        ReadError: The head is cut, or a pixel does not have two bytes.
    """
    order = record_byte_order(record)
    pixel_bytes, width, height = record.body.unpack(f"{order}HHH", 0, what="the raw image head")
    if pixel_bytes != 2:
        raise record.body.error(f"raw image of {pixel_bytes} bytes per pixel, expected 2", at=0)
    return int(width), int(height)


def raw_counts(record: Record, *, max_pixels: int) -> tuple[NDArray[np.uint16], bool]:
    """Counts of a raw-data record, and whether its end is missing.

    The size in the head (and in a PNG or JPEG-LS stream) is compared with `max_pixels` before
    anything is allocated. Of an uncompressed image at least half of the pixels must be there; the
    rest is filled with 0 counts. A PNG whose size differs from the head is taken at its own.

    Args:
        record: The record.
        max_pixels: Largest accepted width x height.

    Returns:
        (H, W) uint16, and True if pixels were filled in.

    Raises:
        ReadError: Damaged, of another depth, or cut too short.
        ImageTooLargeError: Over `max_pixels`.
        MissingDependencyError: JPEG-LS, and no decoder is installed.
    """
    body = record.body
    width, height = raw_size(record)
    body.check_pixels(width, height, max_pixels, at=2)
    payload = body.part(HEAD_BYTES, len(body))
    start = bytes(payload.data[: len(PNG_MAGIC)])
    if start == PNG_MAGIC:
        return _unswapped(_decoded_png(payload, max_pixels)), False
    if start.startswith(JPEG_MAGIC):
        return _decoded_jpegls(payload, max_pixels), False
    dtype = np.dtype(">u2" if record.subtype == BIG_ENDIAN_SUBTYPE else "<u2")
    return _plain(payload, width, height, dtype)


def _plain(
    payload: FileBytes, width: int, height: int, dtype: np.dtype[np.uint16]
) -> tuple[NDArray[np.uint16], bool]:
    need, there = width * height, len(payload) // 2
    if there < need * LEAST_SHARE:
        raise payload.error(
            f"raw image of {width}x{height} needs {2 * need} bytes, {len(payload)} there", at=0
        )
    values = np.frombuffer(payload.data, dtype, count=min(need, there)).astype(np.uint16)
    if there < need:
        values = np.concatenate([values, np.zeros(need - there, np.uint16)])
    return values.reshape(height, width), there < need


def png_size(png: FileBytes) -> tuple[int, int, int, int]:
    """(width, height, bit depth, colour type) of a PNG from its IHDR chunk.

    Raises:
        ReadError: No IHDR chunk where it must be.
    """
    length, name, width, height, depth, colour = png.unpack(">I4sIIBB", 8, what="the PNG header")
    if name != b"IHDR" or length != 13:
        raise png.error(f"PNG begins with chunk {name!r}, expected IHDR", at=8)
    return int(width), int(height), int(depth), int(colour)


def _decoded_png(png: FileBytes, max_pixels: int) -> NDArray[np.uint16]:
    width, height, depth, colour = png_size(png)
    png.check_pixels(width, height, max_pixels, at=16)
    if depth != 16 or colour != 0:
        raise png.error(f"PNG of {depth} bit, colour type {colour}; expected 16-bit grey", at=24)
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's own size warning: checked above
            with Image.open(io.BytesIO(png.data), formats=("PNG",)) as picture:
                counts = np.asarray(picture)
    except Exception as err:  # Pillow raises a dozen types on damage, SyntaxError among them
        raise png.error(f"PNG cannot be decoded ({err})", at=0) from err
    if counts.shape != (height, width):
        raise png.error(f"PNG decodes to {counts.shape}, expected {(height, width)}", at=16)
    return counts.astype(np.uint16, copy=False)


def _unswapped(counts: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Counts in the byte order in which neighbours differ less; swapped if there is no telling."""
    swapped = counts.byteswap()
    return counts if 2 * _roughness(counts) < _roughness(swapped) else swapped


def _roughness(counts: NDArray[np.uint16]) -> float:
    rows = counts[:: max(counts.shape[0] // 256, 1)].astype(np.int32)
    return float(np.abs(np.diff(rows, axis=1)).mean()) if rows.shape[1] > 1 else 0.0


def _jpegls_size(stream: FileBytes) -> tuple[int, int, int, int]:
    """(width, height, bit depth, components) from the SOF55 segment of a JPEG-LS stream."""
    at = 2
    for _ in range(64):
        mark, marker, length = stream.unpack(">BBH", at, what="the JPEG-LS header")
        if mark != 0xFF or length < 2:
            break
        if marker == _JPEGLS_SOF:
            depth, height, width, parts = stream.unpack(">BHHB", at + 4, what="the JPEG-LS frame")
            return int(width), int(height), int(depth), int(parts)
        if 0xC0 <= marker <= 0xCF or marker == 0xDA:
            break
        at += 2 + length
    raise stream.error("a JPEG stream that is not JPEG-LS (no SOF55 marker)", at=at)


def _decoded_jpegls(stream: FileBytes, max_pixels: int) -> NDArray[np.uint16]:
    width, height, depth, parts = _jpegls_size(stream)
    stream.check_pixels(width, height, max_pixels, at=0)
    if parts != 1 or not 8 < depth <= 16:
        raise stream.error(f"JPEG-LS of {parts} x {depth} bit, expected 1 x 9 to 16", at=0)
    end = bytes(stream.data).find(END_OF_JPEG, 2)  # cannot occur in coded data (T.87 stuffs bits)
    if end < 0:  # the decoder would search for it for seconds
        raise stream.error("the JPEG-LS stream has no end marker", at=len(stream))
    decode = _jpegls_decoder()
    try:
        counts = decode(stream.data[: end + 2])
    except Exception as err:  # the codecs raise their own types
        raise stream.error(f"JPEG-LS cannot be decoded ({err})", at=0) from err
    if counts.shape != (height, width):
        raise stream.error(f"JPEG-LS decodes to {counts.shape}, expected {(height, width)}", at=0)
    return counts.astype(np.uint16, copy=False)


def _jpegls_decoder() -> Callable[[memoryview], NDArray[Any]]:
    try:
        import imagecodecs
    except ImportError as err:
        raise MissingDependencyError(
            "imagecodecs", extra="formats", purpose="decoding JPEG-LS frames (.csq)"
        ) from err
    return lambda data: np.asarray(imagecodecs.jpegls_decode(bytes(data)))
