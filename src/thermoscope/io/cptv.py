"""CPTV: the Cacophony Project's recordings of a Lepton camera, gzip-packed 16-bit frames.

Each frame is the difference to the one before, in snake order, with as few bits as it needs; so
frames are decoded from the first one on, and going back starts anew. Written from the public
description of the format and compared with the ``cptv`` package in the tests; that package reads
a frame of any declared length into memory and prints to standard output. Counts are the Lepton's,
of no stated scale. Source: the CPTV format description, versions 1 and 2.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.errors import ReadError
from thermoscope.io.planes import Origin, image_from_array
from thermoscope.io.request import Request
from thermoscope.io.thermal_image import CaptureInfo, Source, ThermalImage

__all__ = ["CPTV_MAGIC", "CptvFrames", "looks_like_cptv"]

GZIP_MAGIC = b"\x1f\x8b\x08"
CPTV_MAGIC = b"CPTV"
VERSIONS = (1, 2)
WIDEST_DELTA = 24
MOST_FRAMES = 1 << 22
_HEADER, _FRAME = b"H", b"F"
_NUMBERS = {b"a": "<f", b"b": "<f", b"L": "<f", b"O": "<f", b"A": "<f", b"U": "<f"}
_TEXTS = {b"D": "device_name", b"M": "motion_config"}
_LAYOUTS = {1: "<B", 2: "<H", 4: "<I", 8: "<Q"}

Fields = dict[bytes, bytes]


def looks_like_cptv(head: bytes) -> bool:
    """Whether a file is gzip-packed and begins, unpacked, with the magic of CPTV."""
    if not head.startswith(GZIP_MAGIC):
        return False
    try:
        start = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(head, len(CPTV_MAGIC))
    except zlib.error:
        return False
    return start == CPTV_MAGIC


@dataclass
class _Walk:
    """A position in the stream: where decoding stands."""

    stream: BinaryIO
    header: Fields
    next_index: int
    previous: NDArray[np.int64]
    first_ms: int | None = None


class CptvFrames:
    """The frames of a CPTV recording.

    Args:
        request: The file.

    Raises:
        ReadError: No CPTV header, or one that is damaged.
        ImageTooLargeError: Over the limit.
    """

    def __init__(self, request: Request) -> None:
        self._request = request
        self._walk = self._start()
        self._shape = _shape_of(self._walk.header)
        self._damage: tuple[int, ReadError] | None = None  # no frame from there on can be had
        self.count: int | None = _number(self._walk.header, b"J")

    def _start(self) -> _Walk:
        """A walk at the first frame, the header read."""
        stream = cast("BinaryIO", gzip.GzipFile(self._request.path, "rb"))
        try:
            start = self._read(stream, 5, "the magic")
            if start[:4] != CPTV_MAGIC or start[4] not in VERSIONS:
                raise self._request.error(f"begins with {start!r}, expected CPTV version 1 or 2")
            kind, header = self._section(stream)
            if kind != _HEADER or _number(header, b"C") != 1:
                raise self._request.error("the CPTV header is missing or of another compression")
            height, width = _shape_of(header)
            self._request.check_pixels(width, height)
        except ReadError:
            stream.close()
            raise
        return _Walk(stream, header, 0, np.zeros(height * width, np.int64))

    def length(self) -> int:
        """Number of whole frames, found by skipping through the file."""
        walk = self._start()
        frames = 0
        try:
            while frames < MOST_FRAMES and self._payload(walk) is not None:
                frames += 1
        except ReadError:
            pass  # the rest cannot be walked through
        finally:
            walk.stream.close()
        self.count = frames
        return frames

    def frame(self, index: int) -> ThermalImage:
        """Frame `index`; frames before it are decoded on the way.

        Raises:
            IndexError: There is no such frame.
            ReadError: It, or one before it, is damaged.
        """
        if self._damage is not None and index >= self._damage[0]:
            raise self._damage[1]
        if index < self._walk.next_index:
            self._walk.stream.close()
            self._walk = self._start()
        while True:
            try:
                found = self._payload(self._walk)
            except ReadError as err:
                self._damage = (self._walk.next_index, err)
                raise
            if found is None:
                raise IndexError(index)
            fields, payload = found
            self._advance(fields, payload)
            if self._walk.next_index > index:
                return self._image(fields, index)

    def close(self) -> None:
        """Close the file."""
        self._walk.stream.close()

    def _payload(self, walk: _Walk) -> tuple[Fields, bytes] | None:
        """The next frame's fields and packed pixels; None at the end of the file."""
        kind, fields = self._section(walk.stream)
        if not kind:
            return None
        bits, size = _number(fields, b"w"), _number(fields, b"f")
        pixels = walk.previous.size
        if kind != _FRAME or bits is None or size is None or not 1 <= bits <= WIDEST_DELTA:
            raise self._request.error(f"section {kind!r} where a frame of 1 to 24 bits is due")
        need = 4 + ((pixels - 1) * bits + 7) // 8
        if not need <= size <= need + 64:
            raise self._request.error(
                f"a frame of {size} bytes, {need} are due for {pixels} pixels of {bits} bits"
            )
        return fields, self._read(walk.stream, size, "a frame")

    def _advance(self, fields: Fields, payload: bytes) -> None:
        bits = _number(fields, b"w") or WIDEST_DELTA
        deltas = np.empty(self._walk.previous.size, np.int64)
        deltas[0] = struct.unpack_from("<i", payload)[0]
        deltas[1:] = _unpacked(payload[4:], bits, deltas.size - 1)
        self._walk.previous = (self._walk.previous + np.cumsum(deltas)) & 0xFFFF
        self._walk.next_index += 1
        if self._walk.first_ms is None:
            self._walk.first_ms = _number(fields, b"t")

    def _image(self, fields: Fields, index: int) -> ThermalImage:
        counts = self._walk.previous.astype(np.uint16).reshape(self._shape)
        counts[1::2] = counts[1::2, ::-1]  # every second row runs backwards
        source = Source(self._request.path, "cptv", index, self.count)
        origin = Origin(source, self._capture(fields))
        return image_from_array(counts, origin, scale=self._request.scale)

    def _capture(self, fields: Fields) -> CaptureInfo:
        header = self._walk.header
        extra: dict[str, Any] = {}
        since_on, ffc = _number(fields, b"t"), _number(fields, b"c")
        if since_on is not None and ffc is not None:
            extra["ms_since_ffc"] = since_on - ffc
        for kind, name in ((b"a", "camera_temperature_c"), (b"b", "camera_temperature_at_ffc_c")):
            if kind in fields:
                extra[name] = _number(fields, kind)
        if (_number(fields, b"g") or 0) > 0:
            extra["background_frame"] = True
        for kind, name in ((b"L", "latitude_deg"), (b"O", "longitude_deg")):
            if kind in header:
                extra[name] = _number(header, kind)
        extra |= {n: _text(header[k]) for k, n in _TEXTS.items() if k in header}
        started = _number(header, b"T")
        t_ns = None if started is None else started * 1000
        if t_ns is not None and since_on is not None:
            t_ns += (since_on - (self._walk.first_ms or 0)) * 1_000_000
        return CaptureInfo(
            make=_text(header.get(b"B", b"")) or None,
            model=_text(header.get(b"E", b"")) or None,
            serial=str(_number(header, b"N")) if b"N" in header else None,
            firmware=_text(header.get(b"V", b"")) or None,
            t_ns=t_ns,
            t_zone="utc" if t_ns is not None else None,
            extra=extra,
        )

    def _section(self, stream: BinaryIO) -> tuple[bytes, Fields]:
        """(type, fields) of the next section; an empty type at the end of the file."""
        kind = self._read(stream, 1, "a section", end=True)
        if not kind:
            return b"", {}
        fields: Fields = {}
        for _ in range(self._read(stream, 1, "a section")[0]):
            length, name = struct.unpack("<Bc", self._read(stream, 2, "a field"))
            fields[name] = self._read(stream, length, "a field")
        return kind, fields

    def _read(self, stream: BinaryIO, length: int, what: str, *, end: bool = False) -> bytes:
        try:
            data = stream.read(length)
        except (OSError, EOFError, zlib.error) as err:
            raise self._request.error(f"the packed data is damaged inside {what} ({err})") from err
        if len(data) < length and not (end and not data):
            raise self._request.error(f"the recording ends inside {what}")
        return data


def _unpacked(packed: bytes, bits: int, count: int) -> NDArray[np.int64]:
    """`count` signed numbers of `bits` bits each, highest bit first."""
    stored = np.frombuffer(packed, np.uint8)
    if bits == 8:
        return stored[:count].view(np.int8).astype(np.int64)
    digits = np.unpackbits(stored, count=count * bits).reshape(count, bits)
    weights = 1 << np.arange(bits - 1, -1, -1, dtype=np.int64)
    weights[0] = -weights[0]
    return digits @ weights


def _shape_of(header: Fields) -> tuple[int, int]:
    return int(_number(header, b"Y") or 0), int(_number(header, b"X") or 0)


def _number(fields: Fields, name: bytes) -> Any:
    """A field as a number; None if it is absent or of a length that no number has."""
    value = fields.get(name)
    if value is None:
        return None
    layout = _NUMBERS.get(name) if len(value) == 4 else None
    layout = layout or _LAYOUTS.get(len(value))
    return None if layout is None else struct.unpack(layout, value)[0]


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace").strip("\0 ")
