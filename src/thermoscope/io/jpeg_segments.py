"""Segments of a JPEG file, and the FLIR payload that is spread over its APP1 segments.

Only the marker structure is walked; no picture is decoded.
Source: ITU-T T.81 annex B (markers); ExifTool's public notes on the FLIR APP1 segment: the name
``FLIR`` and a zero, a byte 1, the index of the piece, and the index of the last piece.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from thermoscope.io.file_bytes import FileBytes

__all__ = ["FlirPayload", "Segment", "flir_payload", "has_flir_segment", "jpeg_segments"]

APP1 = 0xE1
FLIR_NAME = b"FLIR\0"
FLIR_HEAD = 8  # the name, a version byte, index, last index
MOST_SEGMENTS = 4096  # a FLIR payload has at most 256; a file with more segments is hostile
_STANDALONE = frozenset({0x01, *range(0xD0, 0xD9)})  # TEM, RST0-7, SOI: no length follows
_END = frozenset({0xD9, 0xDA})  # EOI, and SOS: entropy-coded data follows


@dataclass(frozen=True)
class Segment:
    """One marker segment.

    Attributes:
        marker: Second marker byte, 0xE1 for APP1.
        start: Position of its first content byte.
        stop: Position after its last content byte; may lie past the end of a cut file.
    """

    marker: int
    start: int
    stop: int


@dataclass(frozen=True)
class FlirPayload:
    """The bytes of an FFF container found in a JPEG.

    Attributes:
        block: The pieces in order.
        missing: Number of pieces at the end that the file promises and does not hold.
    """

    block: FileBytes
    missing: int


def jpeg_segments(data: bytes | memoryview) -> Iterator[Segment]:
    """Segments from the start of a JPEG up to its entropy-coded data.

    Ends without a word at the first byte that is no marker, or at the end of the data: the caller
    knows what it misses.
    """
    if bytes(data[:2]) != b"\xff\xd8":
        return
    at, size = 2, len(data)
    for _ in range(MOST_SEGMENTS):
        while at + 1 < size and data[at] == 0xFF and data[at + 1] == 0xFF:
            at += 1  # fill bytes
        if at + 3 >= size or data[at] != 0xFF or data[at + 1] in _END:
            return
        marker = data[at + 1]
        if marker in _STANDALONE:
            at += 2
            continue
        length = data[at + 2] << 8 | data[at + 3]
        if length < 2:
            return
        yield Segment(marker, at + 4, at + 2 + length)
        at += 2 + length


def has_flir_segment(data: bytes | memoryview) -> bool:
    """Whether a JPEG holds (the first bytes of) a FLIR payload."""
    return any(_is_flir(data, s) for s in jpeg_segments(data))


def _is_flir(data: bytes | memoryview, segment: Segment) -> bool:
    name = bytes(data[segment.start : segment.start + len(FLIR_NAME)])
    return segment.marker == APP1 and name == FLIR_NAME


@dataclass(frozen=True)
class _Piece:
    index: int
    last: int
    start: int
    stop: int


def flir_payload(jpeg: FileBytes) -> FlirPayload:
    """The FFF container of a radiometric JPEG, put together from its APP1 segments.

    Pieces may come in any order and twice (if equal). Pieces absent at the END are reported, not
    refused: the raw image may still be whole enough. A gap in the middle cannot be bridged.

    Args:
        jpeg: The whole JPEG file.

    Raises:
        ReadError: No FLIR segment, a gap, an index past the last, or two different pieces of one
            index.
    """
    data = jpeg.data
    found = [
        _Piece(data[s.start + 6], data[s.start + 7], s.start + FLIR_HEAD, min(s.stop, len(data)))
        for s in jpeg_segments(data)
        if _is_flir(data, s) and min(s.stop, len(data)) > s.start + FLIR_HEAD
    ]
    if not found:
        raise jpeg.error(
            "no APP1 segment 'FLIR' with content",
            at=0,
            hint="The JPEG is a plain picture: export the radiometric one from the camera.",
        )
    ordered = _in_order(jpeg, found)
    last = max(piece.last for piece in found)
    first = ordered[0].index
    position, pieces = 0, []
    for piece in ordered:
        pieces.append((position, piece.start))
        position += piece.stop - piece.start
    joined = b"".join(data[p.start : p.stop] for p in ordered)
    missing = max(last - (ordered[-1].index - first), 0)
    return FlirPayload(FileBytes(memoryview(joined), jpeg.path, tuple(pieces)), missing)


def _in_order(jpeg: FileBytes, found: list[_Piece]) -> list[_Piece]:
    """Pieces by index, equal duplicates dropped."""
    data = jpeg.data
    starts = [bytes(data[p.start : p.start + 4]) == b"FFF\0" for p in found]
    if len({p.index for p in found}) == 1 and starts[0] and not any(starts[1:]):
        return found  # a writer that does not number its pieces: file order
    by_index: dict[int, _Piece] = {}
    for piece in found:
        other = by_index.setdefault(piece.index, piece)
        if data[other.start : other.stop] != data[piece.start : piece.stop]:
            raise jpeg.error(f"two different FLIR pieces of index {piece.index}", at=piece.start)
    ordered = [by_index[i] for i in sorted(by_index)]
    first = ordered[0].index
    if first > 1:
        raise jpeg.error(f"the first {first} FLIR pieces are missing", at=ordered[0].start)
    for expected, piece in enumerate(ordered, start=first):
        if piece.index != expected:
            raise jpeg.error(
                f"FLIR piece {expected} is missing between {expected - 1} and {piece.index}",
                at=piece.start,
            )
    return ordered
