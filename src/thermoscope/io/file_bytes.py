"""A run of bytes that knows where in its file it came from.

Every reader of a container works on one of these, so that each fault is reported with the path
and the byte position in the FILE, also where the run was put together from several pieces (the
APP1 segments of a radiometric JPEG). What is NOT here: the meaning of any byte.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thermoscope.core.errors import ImageTooLargeError, ReadError

__all__ = ["FileBytes"]


@dataclass(frozen=True)
class FileBytes:
    """Read-only bytes with their position in the file.

    Attributes:
        data: The bytes.
        path: The file, or None for bytes made in memory.
        pieces: (position here, position in the file) of each contiguous piece, ascending.
    """

    data: memoryview
    path: Path | None = None
    pieces: tuple[tuple[int, int], ...] = ((0, 0),)

    @classmethod
    def of(cls, data: bytes | memoryview, *, path: Path | None = None, at: int = 0) -> FileBytes:
        """Contiguous bytes that begin at byte `at` of the file."""
        return cls(memoryview(data), path, ((0, at),))

    def __len__(self) -> int:
        return len(self.data)

    @property
    def name(self) -> str:
        """File name for messages."""
        return self.path.name if self.path is not None else "bytes in memory"

    def offset_in_file(self, at: int) -> int:
        """Byte position in the file of position `at` here; positions past the end count on."""
        piece = self.pieces[max(bisect_right(self.pieces, at, key=lambda p: p[0]) - 1, 0)]
        return piece[1] + at - piece[0]

    def part(self, start: int, stop: int) -> FileBytes:
        """The bytes from `start` to before `stop`, cut to what exists; keeps file positions."""
        start = min(max(start, 0), len(self))
        stop = min(max(stop, start), len(self))
        first = max(bisect_right(self.pieces, start, key=lambda p: p[0]) - 1, 0)
        pieces = tuple(
            (max(here - start, 0), there + max(start - here, 0))
            for here, there in self.pieces[first:]
            if here < stop or here <= start
        )
        return FileBytes(self.data[start:stop], self.path, pieces)

    def unpack(self, layout: str, at: int, *, what: str) -> tuple[Any, ...]:
        """Values of a `struct` layout at position `at`.

        Raises:
            ReadError: The bytes end before; the message names `what`.
        """
        need = struct.calcsize(layout)
        if at < 0 or at + need > len(self):
            raise self.error(
                f"the data ends inside {what}: {need} bytes needed, "
                f"{max(len(self) - max(at, 0), 0)} there",
                at=at,
            )
        return struct.unpack_from(layout, self.data, at)

    def error(self, problem: str, *, at: int, hint: str = "") -> ReadError:
        """The `ReadError` for a fault at position `at`, with file name, position and a hint."""
        offset = self.offset_in_file(max(at, 0))
        text = hint or "The file is damaged or cut short: copy it again from the camera."
        return ReadError(
            f"{self.name}: {problem} (byte {offset}). {text}", path=self.path, offset=offset
        )

    def check_pixels(self, width: int, height: int, max_pixels: int, *, at: int) -> None:
        """Refuse an impossible or oversized declared image before anything is allocated.

        Raises:
            ReadError: A side is zero.
            ImageTooLargeError: More than `max_pixels` pixels are declared.
        """
        if width < 1 or height < 1:
            raise self.error(f"the declared size {width}x{height} has no pixel", at=at)
        if width * height > max_pixels:
            raise ImageTooLargeError(
                f"{self.name}: declares {width}x{height} = {width * height} pixels, over the "
                f"limit of {max_pixels}. Nothing was decoded. Pass max_pixels= if it is genuine.",
                path=self.path,
                offset=self.offset_in_file(at),
            )
