"""Frames of a FLIR SEQ or CSQ file: FFF containers one after the other, found lazily.

Nothing but the position of each frame is kept, so memory does not grow with the file. The magic
bytes also occur by chance inside pixels; a frame is therefore found through the extent that its
directory declares, and only after damage by searching for the next plausible header.
What is NOT here: decoding of a frame (see `thermoscope.io.flir`).
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from thermoscope.core.errors import ImageTooLargeError, ReadError
from thermoscope.io.fff import (
    ENTRY_BYTES,
    FFF_MAGIC,
    HEADER_BYTES,
    RAW_DATA,
    declared_length,
    directory_entries,
    parse_header,
)
from thermoscope.io.file_bytes import FileBytes
from thermoscope.io.flir_pixels import HEAD_BYTES, LEAST_SHARE
from thermoscope.io.thermal_image import ThermalImage

__all__ = ["FlirSequence", "FrameIndex"]

SEARCH_BYTES = 1 << 20
OTHER_RECORDS_BYTES = 32 << 20  # visible picture, palette, sound beside the pixels
MOST_FALSE_STARTS = 64  # in a row; what follows is not searched any further
_LEAST_FRAME = HEADER_BYTES + ENTRY_BYTES + HEAD_BYTES

Decode = Callable[[FileBytes, int], ThermalImage]
"""A function (bytes of one frame, max_pixels) -> image."""


@dataclass(frozen=True)
class _Bytes:
    """Random access to a file, opened for each read (so it pickles), or to bytes."""

    path: Path | None
    data: memoryview | None
    size: int

    def read(self, at: int, length: int) -> FileBytes:
        length = max(min(length, self.size - at), 0)
        if self.data is not None:
            return FileBytes.of(self.data[at : at + length], path=self.path, at=at)
        if self.path is None:
            raise ReadError("neither a file nor bytes to read from. Pass one of them.")
        try:
            with self.path.open("rb") as stream:
                stream.seek(at)
                return FileBytes.of(stream.read(length), path=self.path, at=at)
        except OSError as err:
            raise ReadError(
                f"{self.path.name}: cannot be read at byte {at} ({err.strerror or err}). "
                "Check that the file still exists and is readable.",
                path=self.path,
                offset=at,
            ) from err


class FrameIndex:
    """Positions of the frames, extended only as far as somebody asks.

    Attributes:
        complete: Whether the end of the file was reached.
        skipped_bytes: Bytes between or after frames that belong to no readable frame so far; a
            cut last frame of which less than half the pixels are there counts into it.
    """

    def __init__(self, source: _Bytes) -> None:
        self._source = source
        self._starts, self._lengths = array("Q"), array("Q")
        self._next, self._false_starts = 0, 0
        self.complete = False
        self.skipped_bytes = 0

    def known(self) -> int:
        """Number of frames found so far."""
        return len(self._starts)

    def extend_to(self, index: int) -> bool:
        """Whether frame `index` exists; looks no further than it."""
        while not self.complete and len(self._starts) <= index:
            self._find_next()
        return index < len(self._starts)

    def extent(self, index: int) -> tuple[int, int]:
        """(position, declared bytes) of a known frame."""
        return self._starts[index], self._lengths[index]

    def _find_next(self) -> None:
        start = self._next
        if start + _LEAST_FRAME > self._source.size or self._false_starts > MOST_FALSE_STARTS:
            self.skipped_bytes += self._source.size - start
            self.complete = True
            return
        length = self._frame_length(start)
        if length:
            self._starts.append(start)
            self._lengths.append(length)
            self._next = start + length
            self._false_starts = 0
            return
        self._next = self._search(start + 1)
        self._false_starts += 1
        self.skipped_bytes += self._next - start

    def _frame_length(self, start: int) -> int:
        """Declared bytes of a frame at `start`; 0 if no readable frame begins there."""
        head = self._source.read(start, HEADER_BYTES)
        if bytes(head.data[:4]) != FFF_MAGIC:
            return 0
        try:
            header = parse_header(head)
            stop = header.directory_at + header.slots * ENTRY_BYTES
            entries = directory_entries(self._source.read(start, min(stop, SEARCH_BYTES)), header)
        except ReadError:
            return 0
        raw = next((e for e in entries if e.kind == RAW_DATA), None)
        if raw is None or raw.size <= HEAD_BYTES:
            return 0
        there = self._source.size - start - raw.start - HEAD_BYTES
        enough = there >= LEAST_SHARE * (raw.size - HEAD_BYTES)
        return declared_length(header, entries) if enough else 0

    def _search(self, at: int) -> int:
        """Position of the next ``FFF`` and a zero from `at` on, or the end of the file."""
        while at < self._source.size:
            block = bytes(self._source.read(at, SEARCH_BYTES).data)
            found = block.find(FFF_MAGIC)
            if found >= 0:
                return at + found
            at += max(len(block) - len(FFF_MAGIC) + 1, 1)
        return self._source.size


class FlirSequence:
    """The frames of a SEQ, CSQ or FFF file, decoded one at a time.

    Indexing and iterating find frames as they go; `len` walks the whole file once, reading only
    headers. It holds no open file and can be pickled. A last frame that was cut short is given
    with `Quality.TRUNCATED` if at least half of its pixels are there, and left out otherwise;
    bytes that belong to no frame are counted in `skipped_bytes`.

    Args:
        source: The file or its bytes.
        decode: Turns the bytes of one frame into an image.
        max_pixels: Largest accepted frame.

    Raises:
        ReadError: No readable frame at the start of the file.
    """

    def __init__(self, source: _Bytes, decode: Decode, *, max_pixels: int) -> None:
        self._source, self._decode, self._max_pixels = source, decode, max_pixels
        self._index = FrameIndex(source)
        if not self._index.extend_to(0) or self._index.extent(0)[0] > 0:
            block = source.read(0, OTHER_RECORDS_BYTES)
            decode(block, max_pixels)  # says what is wrong with the first frame
            raise block.error("no frame with raw pixels at the start of the file", at=0)

    @classmethod
    def from_path(cls, path: Path, decode: Decode, *, max_pixels: int) -> FlirSequence:
        """Frames of a file.

        Raises:
            ReadError: Absent, unreadable, or without any frame.
        """
        try:
            size = path.stat().st_size
        except OSError as err:
            raise ReadError(
                f"{path}: {err.strerror or err}. Check the path.", path=path, offset=0
            ) from err
        return cls(_Bytes(path, None, size), decode, max_pixels=max_pixels)

    @classmethod
    def from_bytes(
        cls, data: memoryview, decode: Decode, *, path: Path | None, max_pixels: int
    ) -> FlirSequence:
        """Frames of a file that is in memory.

        Raises:
            ReadError: No frame.
        """
        return cls(_Bytes(path, data, len(data)), decode, max_pixels=max_pixels)

    @property
    def skipped_bytes(self) -> int:
        """Bytes that belong to no readable frame, as far as the file was looked at."""
        return self._index.skipped_bytes

    @property
    def frame_count(self) -> int | None:
        """Number of frames, None before the end of the file was seen."""
        return self._index.known() if self._index.complete else None

    def __len__(self) -> int:
        while self._index.extend_to(self._index.known()):
            pass
        return self._index.known()

    def __getitem__(self, index: int) -> ThermalImage:
        wanted = index if index >= 0 else index + len(self)
        if wanted < 0 or not self._index.extend_to(wanted):
            raise IndexError(f"frame {index} of {len(self)}")
        start, length = self._index.extent(wanted)
        limit = 2 * self._max_pixels + OTHER_RECORDS_BYTES
        there = min(length, self._source.size - start)
        if there > limit:
            raise ImageTooLargeError(
                f"frame {wanted} spans {there} bytes, over the limit of {limit} for "
                f"{self._max_pixels} pixels. Pass max_pixels= if it is genuine.",
                path=self._source.path,
                offset=start,
            )
        image = self._decode(self._source.read(start, there), self._max_pixels)
        container = "flir-seq" if self._index.extend_to(1) else image.source.format
        return replace(
            image,
            source=replace(
                image.source,
                format=container,
                frame_index=wanted,
                frame_count=self.frame_count,
            ),
        )

    def __iter__(self) -> Iterator[ThermalImage]:
        index = 0
        while self._index.extend_to(index):
            yield self[index]
            index += 1
