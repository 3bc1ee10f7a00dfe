"""The page directories of a TIFF file: sizes and places of pixels, checked before any decoding.

Decoders trust these numbers: a circle of directories or a page of 2^31 x 2^31 pixels makes them
eat the machine. Here every number is compared with the file and with the limit first. Source: TIFF
6.0, sections 2, 8 and 15 (tiles), and the BigTIFF layout. What is NOT here: pixels.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

from thermoscope.core.errors import ReadError
from thermoscope.io.request import Request

__all__ = ["Page", "TiffDirectory"]

MOST_ENTRIES = 4096
MOST_PAGES = 1_000_000
MOST_PIECES = 1 << 20  # strips or tiles of a page
LARGEST_TILE = 1 << 16
LONGEST_TEXT = 1 << 20
_FORMATS = {1: "B", 2: "s", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q"}
_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_BYTES |= {16: 8, 17: 8, 18: 8}
_PAGE_TAGS = (256, 257, 258, 259, 262, 274, 277, 284, 317, 322, 323, 339, 32997)
_TEXT_TAGS = {270: "description", 271: "make", 272: "model", 305: "software", 306: "time"}
STRIPS, STRIP_BYTES, TILES, TILE_BYTES = 273, 279, 324, 325


@dataclass(frozen=True)
class Page:
    """What one directory declares.

    Attributes:
        width: Columns, px.
        height: Rows, px.
        samples: Channels.
        bits: Bits per channel.
        compression: Code of the TIFF standard, 1 = none, 8 = deflate.
        photometric: 0 white is zero, 1 black is zero, 2 RGB, 3 palette ...
        orientation: 1 upright, 2 to 8 mirrored or turned.
        sample_format: 1 unsigned, 2 signed, 3 float.
        pieces: (position, length) of each strip or tile in the file, bytes.
        texts: Description, make, model, software, time; those that are there.
    """

    width: int
    height: int
    samples: int
    bits: int
    compression: int
    photometric: int
    orientation: int
    sample_format: int
    pieces: tuple[tuple[int, int], ...]
    texts: dict[str, str]


@dataclass(frozen=True)
class _Entry:
    kind: int
    count: int
    value_at: int


class TiffDirectory:
    """The chain of directories of an open file.

    Args:
        request: The file.
        stream: Its bytes.

    Raises:
        ReadError: No TIFF header.
    """

    def __init__(self, request: Request, stream: BinaryIO) -> None:
        self._request, self._stream = request, stream
        head = request.head[:16]
        self._order = "<" if head[:2] == b"II" else ">"
        self._big = len(head) >= 4 and struct.unpack(self._order + "H", head[2:4])[0] == 43
        if len(head) < (16 if self._big else 8):
            raise request.error("the TIFF header is cut")
        layout, at = (self._order + "Q", 8) if self._big else (self._order + "I", 4)
        self._next: int = struct.unpack_from(layout, head, at)[0]
        self._starts: list[int] = []
        self._seen: set[int] = set()

    def has(self, index: int) -> bool:
        """Whether page `index` exists; looks no further than it.

        Raises:
            ReadError: The chain before it is circular or leaves the file.
        """
        while len(self._starts) <= index and self._next:
            self._step()
        return index < len(self._starts)

    def count(self, most: int = MOST_PAGES) -> int | None:
        """Number of pages; None if there are more than `most`.

        Raises:
            ReadError: The chain is circular, leaves the file, or has over a million pages.
        """
        while self._next and len(self._starts) <= most:
            self._step()
        return None if self._next else len(self._starts)

    def _step(self) -> None:
        start = self._next
        if start in self._seen:
            raise self._error("the page directories form a circle", start)
        if len(self._starts) >= MOST_PAGES:
            raise self._error(f"more than {MOST_PAGES} pages", start)
        entries, first = self._entry_count(start)
        self._seen.add(start)
        self._starts.append(start)
        at = first + entries * (20 if self._big else 12)
        there = self._bytes_at(at, 8 if self._big else 4)
        full = len(there) == (8 if self._big else 4)
        self._next = (
            struct.unpack(self._order + ("Q" if self._big else "I"), there)[0] if full else 0
        )

    def _entry_count(self, start: int) -> tuple[int, int]:
        """(number of entries, position of the first one) of the directory at `start`."""
        size, layout = (8, "Q") if self._big else (2, "H")
        found = self._bytes_at(start, size)
        if start < 8 or len(found) < size:
            raise self._error("a page directory lies outside the file", start)
        entries = struct.unpack(self._order + layout, found)[0]
        if not 1 <= entries <= MOST_ENTRIES:
            raise self._error(f"a page directory of {entries} entries", start)
        return entries, start + size

    def page(self, index: int) -> Page:
        """Page `index`, its size and the place of its pixels checked.

        Raises:
            IndexError: There is no such page.
            ReadError: The directory is damaged, or pixels lie outside the file.
            ImageTooLargeError: Over the limit.
        """
        if not self.has(index):
            raise IndexError(index)
        start = self._starts[index]
        entries = self._entries(start)
        found = {tag: self._numbers(entries, tag) for tag in _PAGE_TAGS}

        def first(tag: int, default: int) -> int:
            return int(found[tag][0]) if found[tag] else default

        width, height = first(256, 0), first(257, 0)
        stored = first(277, 1) * first(258, 1) / 16  # beside 16-bit grey
        self._request.check_pixels(width, height, weight=max(stored, 1.0))
        page = Page(
            width=width,
            height=height,
            samples=first(277, 1),
            bits=first(258, 1),
            compression=first(259, 1),
            photometric=first(262, 1),
            orientation=first(274, 1),
            sample_format=first(339, 1),
            pieces=self._pieces(entries, start),
            texts={name: self._text(entries, tag) for tag, name in _TEXT_TAGS.items()},
        )
        tile = (first(322, 1), first(323, 1), first(32997, 1))
        if not all(1 <= side <= LARGEST_TILE for side in tile[:2]) or tile[2] != 1:
            raise self._error(f"tiles of {tile[0]}x{tile[1]}x{tile[2]}", start)
        if not 1 <= page.samples <= 4 or page.bits > 64 or len(set(found[258])) > 1:
            raise self._error(f"{page.samples} channels of {found[258]} bits", start)
        return page

    def _pieces(self, entries: dict[int, _Entry], start: int) -> tuple[tuple[int, int], ...]:
        """(position, length) of each strip or tile, every one of them inside the file."""
        tiled = TILES in entries
        places = self._numbers(entries, TILES if tiled else STRIPS)
        lengths = self._numbers(entries, TILE_BYTES if tiled else STRIP_BYTES)
        if not places or len(places) != len(lengths):
            raise self._error(f"{len(places)} places for {len(lengths)} pieces of pixels", start)
        for place, length in zip(places, lengths, strict=True):
            if place + length > self._request.size:
                raise self._error(
                    f"pixels up to byte {place + length}, and the file has {self._request.size}",
                    start,
                )
        return tuple(zip(places, lengths, strict=True))

    def _entries(self, start: int) -> dict[int, _Entry]:
        count, at = self._entry_count(start)
        size, inline, layout = (20, 8, "HHQ") if self._big else (12, 4, "HHI")
        body = self._bytes_at(at, count * size)
        if len(body) < count * size:
            raise self._error("the file ends inside a page directory", start)
        entries: dict[int, _Entry] = {}
        for k in range(count):
            tag, kind, number = struct.unpack_from(self._order + layout, body, k * size)
            held = size - inline
            value_at = at + k * size + held
            if _BYTES.get(kind, 0) * number > inline:
                offset = struct.unpack_from(
                    self._order + ("Q" if self._big else "I"), body, k * size + held
                )[0]
                value_at = int(offset)
            entries.setdefault(tag, _Entry(kind, number, value_at))
        return entries

    def _numbers(self, entries: dict[int, _Entry], tag: int) -> Sequence[int]:
        entry = entries.get(tag)
        if entry is None:
            return ()
        layout = _FORMATS.get(entry.kind)
        if layout is None or layout == "s" or entry.count > MOST_PIECES:
            raise self._error(
                f"entry {tag} of kind {entry.kind}, {entry.count} times", entry.value_at
            )
        length = entry.count * _BYTES[entry.kind]
        body = self._bytes_at(entry.value_at, length)
        if len(body) < length:
            raise self._error(f"the file ends inside entry {tag}", entry.value_at)
        return struct.unpack(f"{self._order}{entry.count}{layout}", body)

    def _text(self, entries: dict[int, _Entry], tag: int) -> str:
        entry = entries.get(tag)
        if entry is None or entry.kind != 2 or entry.count > LONGEST_TEXT:
            return ""
        body = self._bytes_at(entry.value_at, entry.count)
        return body.decode("latin-1").rstrip("\0 ")

    def _bytes_at(self, at: int, length: int) -> bytes:
        if at >= self._request.size:
            return b""
        self._stream.seek(at)
        return self._stream.read(min(length, self._request.size - at))

    def _error(self, problem: str, at: int) -> ReadError:
        return ReadError(
            f"{self._request.path.name}: {problem} (byte {at}). "
            "The file is damaged or cut short: copy it again from the camera.",
            path=self._request.path,
            offset=at,
        )
