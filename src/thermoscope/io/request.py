"""What a caller asks of a reader, and the first questions to any file: is it there, how large.

Every reader gets one `Request`. What is NOT here: which reader it goes to (see
`thermoscope.io.formats`) and any decoding.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from thermoscope.core.errors import ConfigError, ImageTooLargeError, ReadError, ShapeError
from thermoscope.core.files import answer
from thermoscope.io.file_bytes import FileBytes
from thermoscope.sensor.planck import LinearScale

__all__ = ["MAX_PIXELS", "RawLayout", "Request", "request_for"]

MAX_PIXELS = 64_000_000
HEAD_BYTES = 4096
BYTES_PER_PIXEL = 4  # of a compressed still picture: above that the file is no picture
OTHER_BYTES = 64 << 20  # metadata, previews, sound


@dataclass(frozen=True)
class RawLayout:
    """How the pixels of a file without a description lie.

    Attributes:
        shape: (H, W) of the picture, px, without telemetry rows.
        dtype: Element type as numpy writes it; ``"<u2"`` is what cameras call Y16.
        header_bytes: Bytes before the first frame. None: there is none, and the file must hold
            whole frames. A number (0 too): a last frame may be cut short.
        telemetry_rows: Rows that the camera appends to each frame (negative: puts before it). They
            are left out of the picture.

    Raises:
        ShapeError: `shape` is not two positive whole numbers.
        ConfigError: Another value is impossible.
    """

    shape: tuple[int, int]
    dtype: str = "<u2"
    header_bytes: int | None = None
    telemetry_rows: int = 0

    def __post_init__(self) -> None:
        sides = tuple(self.shape)
        if len(sides) != 2 or any(isinstance(n, bool) or int(n) != n or n < 1 for n in sides):
            raise ShapeError(
                f"shape must be (height, width) in px, got {self.shape!r}. Example: (512, 640).",
                expected_shape="H W",
            )
        if self.header_bytes is not None and self.header_bytes < 0:
            raise ConfigError(f"header_bytes must be 0 or more, got {self.header_bytes}.")
        if self.element.kind not in "uif" or self.element.itemsize > 8:
            raise ConfigError(
                f"dtype must be a whole or real number type, got {self.dtype!r}. Example: '<u2'."
            )

    @property
    def element(self) -> np.dtype[Any]:
        """Element type."""
        try:
            return np.dtype(self.dtype)
        except TypeError as err:
            raise ConfigError(
                f"dtype {self.dtype!r} is no element type. Example: '<u2' (16 bit, low byte first)."
            ) from err

    @property
    def stored_rows(self) -> int:
        """Rows of a frame in the file, telemetry included."""
        return self.shape[0] + abs(self.telemetry_rows)

    @property
    def frame_bytes(self) -> int:
        """Bytes of a frame in the file."""
        return self.stored_rows * self.shape[1] * self.element.itemsize


@dataclass(frozen=True)
class Request:
    """A file and what is wanted of it.

    Attributes:
        path: The file.
        size: Its length, bytes.
        head: Its first bytes.
        frame: Which frame; negative counts from the end.
        layout: Of a file without a description.
        scale: Linear scale to apply to the stored values, K.
        max_pixels: Largest accepted width x height.
    """

    path: Path
    size: int
    head: bytes
    frame: int = 0
    layout: RawLayout | None = None
    scale: LinearScale | None = None
    max_pixels: int = MAX_PIXELS

    def error(self, problem: str, hint: str = "") -> ReadError:
        """A `ReadError` about the file as a whole."""
        text = hint or "The file is damaged or cut short: copy it again from the camera."
        return ReadError(f"{self.path.name}: {problem}. {text}", path=self.path)

    def check_pixels(self, width: int, height: int, *, weight: float = 1.0) -> None:
        """Refuse an impossible or oversized declared picture before anything is allocated.

        `weight` says how much memory decoding takes, 1 for 16-bit grey: the limit in pixels is
        lower by it, so that 64 million stand for less than 500 MB whatever the file holds.

        Raises:
            ReadError: A side is zero or negative.
            ImageTooLargeError: More than `max_pixels` pixels are declared.
        """
        limit = max(int(self.max_pixels / weight), 1)
        FileBytes.of(b"", path=self.path).check_pixels(width, height, limit, at=0)

    def load(self) -> FileBytes:
        """The whole file, if it is no longer than a still picture of `max_pixels` can be.

        Raises:
            ImageTooLargeError: It is longer.
            ReadError: It cannot be read.
        """
        limit = BYTES_PER_PIXEL * self.max_pixels + OTHER_BYTES
        if self.size > limit:
            raise ImageTooLargeError(
                f"{self.path.name}: {self.size} bytes, over the limit of {limit} for a picture of "
                f"{self.max_pixels} pixels. Pass max_pixels= if it is genuine.",
                path=self.path,
            )
        try:
            return FileBytes.of(self.path.read_bytes(), path=self.path)
        except OSError as err:
            raise _unreadable(self.path, err) from err

    def frame_index(self, count: int | None) -> int:
        """`frame` as an index from the start.

        Raises:
            ReadError: There is no such frame.
        """
        if count is None:
            return self.frame
        wanted = self.frame if self.frame >= 0 else self.frame + count
        if not 0 <= wanted < count:
            raise self.no_such_frame(count)
        return wanted

    def no_such_frame(self, count: int) -> ReadError:
        """The error for a frame past the end."""
        there = "there is one" if count == 1 else f"there are {count}"
        return self.error(
            f"frame {self.frame} asked for, and {there}", f"Ask for 0 to {max(count - 1, 0)}."
        )

    def for_frame(self, index: int) -> Request:
        """The same request for another frame."""
        return replace(self, frame=index)


def request_for(
    path: str | Path,
    *,
    frame: int = 0,
    layout: RawLayout | None = None,
    scale: LinearScale | None = None,
    max_pixels: int = MAX_PIXELS,
) -> Request:
    """A request for a file that exists and is not empty.

    Args:
        path: The file.
        frame: Which frame of a multi-frame file.
        layout: Of a file without a description.
        scale: Linear scale to apply.
        max_pixels: Largest accepted frame.

    Raises:
        ReadError: Absent, a folder, empty or not readable.
        ConfigError: `frame` or `max_pixels` is no whole number, or `max_pixels` not positive.
    """
    for name, value in (("frame", frame), ("max_pixels", max_pixels)):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
            raise ConfigError(f"{name} must be a whole number, got {value!r}.")
    if max_pixels < 1:
        raise ConfigError(f"max_pixels must be 1 or more, got {max_pixels}.")
    file = Path(path)
    if answer(file.is_dir):
        raise ReadError(
            f"{file} is a folder. Look at its frames with thermoscope doctor {file}, or in Python: "
            f"open_sequence({str(path)!r}).",
            path=file,
        )
    try:
        with file.open("rb") as stream:
            head = stream.read(HEAD_BYTES)
            size = stream.seek(0, 2)
    except (OSError, ValueError) as err:  # ValueError: a NUL byte in the name
        raise _unreadable(file, err) from err
    if size == 0:
        raise ReadError(
            f"{file.name}: the file is empty. Copy it again from the camera.", path=file
        )
    return Request(file, size, head, int(frame), layout, scale, int(max_pixels))


def _unreadable(path: Path, err: Exception) -> ReadError:
    reason = getattr(err, "strerror", None) or str(err)
    return ReadError(f"{path}: {reason}. Check the path and the permissions.", path=path, offset=0)
