"""Pixels without a description: Y16 dumps and streams, and one header that explains itself.

The caller states the layout (`RawLayout`); frames that are written one after the other are a
sequence. A size that does not fit is an error that lists the sizes which would. The 24-byte
``FpaImage`` header (focal-plane temperature, columns, rows, type, length) is recognised by its
numbers. What is NOT supported: packed 10- or 12-bit pixels.
"""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

import numpy as np

from thermoscope.io.frames import placed
from thermoscope.io.planes import Origin, image_from_array
from thermoscope.io.request import RawLayout, Request
from thermoscope.io.thermal_image import CaptureInfo, Source, ThermalImage
from thermoscope.sensor.quality import Quality

__all__ = ["RAW_SUFFIXES", "FpaFrame", "RawFrames", "fitting_sizes", "looks_like_fpa"]

RAW_SUFFIXES = (".raw", ".y16", ".bin", ".dat", ".gray16", ".gray16le", ".yuv")
LEAST_SHARE = 0.5  # of its pixels that a cut last frame must have
# Width x height of the cameras people own; the list is for suggestions only.
_KNOWN_SIZES = (
    (640, 512), (640, 480), (384, 288), (382, 288), (320, 256), (320, 240), (336, 256),
    (256, 192), (256, 384), (240, 180), (206, 156), (160, 120), (160, 122), (80, 60), (80, 62),
    (80, 64), (1024, 768), (1280, 1024), (1280, 720), (640, 514), (640, 516), (640, 513),
    (388, 284), (120, 90), (32, 24), (32, 32), (2048, 1536),
)  # fmt: skip
_KNOWN_HEADERS = (0, 24, 32, 64, 128, 256, 512, 1024, 2048, 4096)

FPA_HEAD = struct.Struct("<fiiiQ")  # temperature reading, columns, rows, OpenCV type, bytes
_FPA_TYPES = (2, 3)  # OpenCV's 16 bit, unsigned and signed; the values are unsigned


class RawFrames:
    """Frames of a file without a description, found by the layout that the caller states.

    Args:
        request: The file, with its layout.

    Raises:
        ReadError: No layout, or one that does not fit the length of the file.
        ImageTooLargeError: Over the limit.
    """

    def __init__(self, request: Request) -> None:
        if request.layout is None:
            raise request.error("no picture format is recognised in it", _shape_hint(request.size))
        self._request, self._layout = request, request.layout
        height, width = self._layout.shape
        request.check_pixels(width, height + abs(self._layout.telemetry_rows))
        self._start = self._layout.header_bytes or 0
        frames, rest = divmod(max(request.size - self._start, 0), self._layout.frame_bytes)
        self._cut_bytes = self._accepted_rest(frames, rest)
        self.count: int | None = frames + bool(self._cut_bytes)

    def _accepted_rest(self, frames: int, rest: int) -> int:
        """Bytes of a cut last frame that is to be read; 0 without one."""
        need = self._layout.frame_bytes
        stated = self._layout.header_bytes is not None
        if rest == 0 and frames:
            return 0
        if stated and rest >= LEAST_SHARE * need:
            return rest
        if stated and frames:
            return 0  # less than half of a frame: left out
        height, width = self._layout.shape
        text = f"{width}x{height} {self._layout.dtype}"
        if frames and not stated:
            raise self._request.error(
                f"{self._request.size} bytes are {frames} frame(s) of {text} and {rest} bytes more",
                f"Pass RawLayout(..., header_bytes={rest}) if they come first, header_bytes=0 if "
                f"the last frame is cut. {_shape_hint(self._request.size)}",
            )
        raise self._request.error(
            f"a frame of {text} needs {need} bytes after {self._start}, "
            f"{max(self._request.size - self._start, 0)} are there",
            _shape_hint(self._request.size),
        )

    def length(self) -> int:
        """Number of frames."""
        return self.count or 0

    def frame(self, index: int) -> ThermalImage:
        """Frame `index`; a cut one is filled with 0 and flagged `TRUNCATED`.

        Raises:
            IndexError: There is no such frame.
            ReadError: The file changed under us.
        """
        if index >= self.length():
            raise IndexError(index)
        layout, need = self._layout, self._layout.frame_bytes
        data = _bytes_at(self._request, self._start + index * need, need)
        cut = bool(self._cut_bytes) and index == self.length() - 1
        if len(data) < need and not cut:
            raise self._request.error(f"the file ends inside frame {index}")
        rows = np.frombuffer(data.ljust(need, b"\0"), layout.element)
        rows = rows.reshape(layout.stored_rows, layout.shape[1])
        height = layout.shape[0]
        picture = rows[:height] if layout.telemetry_rows >= 0 else rows[-height:]
        source = Source(
            self._request.path, "y16", index, self.count, bit_depth=8 * layout.element.itemsize
        )
        flags = frozenset({Quality.TRUNCATED} if cut else ())
        return image_from_array(picture, Origin(source, flags=flags), scale=self._request.scale)

    def close(self) -> None:
        """Nothing is held open."""


def _bytes_at(request: Request, at: int, length: int) -> bytes:
    try:
        with request.path.open("rb") as stream:
            stream.seek(at)
            return stream.read(length)
    except OSError as err:
        raise request.error(f"cannot be read ({err.strerror or err})", "Check the file.") from err


def fitting_sizes(size: int, *, pixel_bytes: int = 2) -> list[tuple[int, int, int, int]]:
    """(width, height, header bytes, frames) of known cameras that fill a file of `size` exactly.

    Fewest frames first, then the smallest header; at most six.
    """
    found = []
    for header in _KNOWN_HEADERS:
        for width, height in _KNOWN_SIZES:
            frames, rest = divmod(size - header, width * height * pixel_bytes)
            if frames >= 1 and rest == 0:
                found.append((frames, header, width, height))
    return [(width, height, header, frames) for frames, header, width, height in sorted(found)[:6]]


def _shape_hint(size: int) -> str:
    fits = fitting_sizes(size)
    if not fits:
        return (
            f"If it is headerless raw, pass shape=(height, width) or --size WIDTHxHEIGHT; "
            f"no known camera size fills its {size} bytes at 16 bit."
        )
    texts = []
    for width, height, header, frames in fits:
        after = f" after {header} bytes" if header else ""
        texts.append(f"{width}x{height}{after}" + (f", {frames} frames" if frames > 1 else ""))
    return (
        f"If it is headerless raw, pass shape=(height, width) or --size WIDTHxHEIGHT. "
        f"At 16 bit its {size} bytes fit: {'; '.join(texts)}."
    )


def looks_like_fpa(head: bytes, size: int) -> bool:
    """Whether a file is one frame behind the 24-byte ``FpaImage`` header, by its numbers."""
    if len(head) < FPA_HEAD.size:
        return False
    _, width, height, kind, length = FPA_HEAD.unpack_from(head)
    fits = kind in _FPA_TYPES and 0 < width <= 1 << 16 and 0 < height <= 1 << 16
    return bool(fits and length == 2 * width * height and size == FPA_HEAD.size + length)


class FpaFrame:
    """A raw frame of an uncooled sensor with its focal-plane temperature.

    The temperature in degrees comes from the text file beside it (``name = value`` lines, key
    ``fpaTemperatureC``), if there is one; the header holds the converter's reading.

    Args:
        request: The file.

    Raises:
        ImageTooLargeError: Over the limit.
    """

    count = 1

    def __init__(self, request: Request) -> None:
        reading, width, height, _, _ = FPA_HEAD.unpack_from(request.head)
        request.check_pixels(width, height)
        layout = RawLayout((height, width), header_bytes=FPA_HEAD.size)
        self._request, self._reading = request, reading
        self._frames = RawFrames(replace(request, layout=layout))

    def length(self) -> int:
        """One."""
        return 1

    def frame(self, index: int) -> ThermalImage:
        """The frame.

        Raises:
            IndexError: `index` is not 0.
            ReadError: The file changed under us.
        """
        image = placed(self._frames.frame(index), path=self._request.path)
        extra = {"fpa_temperature_adc": self._reading, **_sidecar(self._request.path)}
        return replace(
            image,
            source=replace(image.source, format="fpa-raw"),
            capture=CaptureInfo(serial=_serial(extra), extra=extra),
        )

    def close(self) -> None:
        """Nothing is held open."""


def _serial(extra: dict[str, object]) -> str | None:
    serial = extra.get("fpaSerial")
    return str(serial) if serial is not None else None


def _sidecar(path: Path) -> dict[str, object]:
    """Entries of the text file beside the frame, ``fpa_temperature_c`` under its own name."""
    beside = path.with_suffix(".txt")
    try:
        with beside.open("rb") as stream:
            text = stream.read(65536).decode("utf-8", "replace")
    except OSError:
        return {}
    found: dict[str, object] = {}
    for line in text.splitlines():
        name, equals, value = (part.strip() for part in line.partition("="))
        if equals and name:
            found[name] = _number(value)
    if isinstance(found.get("fpaTemperatureC"), (int, float)):
        found["fpa_temperature_c"] = found.pop("fpaTemperatureC")
    return found


def _number(text: str) -> object:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
