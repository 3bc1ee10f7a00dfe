"""FLIR's files behind the contract of `thermoscope.io.frames`.

What is NOT here: the containers (`thermoscope.io.flir`, `.flir_sequence`).
"""

from __future__ import annotations

from dataclasses import replace

from thermoscope.io.flir import open_flir_seq, read_flir
from thermoscope.io.request import Request
from thermoscope.io.thermal_image import ThermalImage

__all__ = ["FlirFrames", "read_fpf_file"]


class FlirFrames:
    """The frames of a SEQ, CSQ or FFF file.

    Args:
        request: The file.

    Raises:
        ReadError: No readable frame.
        ImageTooLargeError: Over the limit.
    """

    def __init__(self, request: Request) -> None:
        self._request = request
        self._sequence = open_flir_seq(request.path, max_pixels=request.max_pixels)

    @property
    def count(self) -> int | None:
        """Number of frames, None before the end of the file was seen."""
        return self._sequence.frame_count

    def length(self) -> int:
        """Number of frames, found by reading the headers."""
        return len(self._sequence)

    def frame(self, index: int) -> ThermalImage:
        """Frame `index`.

        Raises:
            IndexError: There is no such frame.
            ReadError: It is damaged.
        """
        image = self._sequence[index]
        image = replace(image, source=replace(image.source, path=self._request.path))
        return image if self._request.scale is None else image.with_radiometry(self._request.scale)

    def close(self) -> None:
        """Nothing is held open."""


def read_fpf_file(request: Request) -> ThermalImage:
    """The temperatures of an FPF file.

    Raises:
        ReadError: Damaged.
        UnitError: A linear scale: the file has temperatures, no counts.
    """
    image = read_flir(request.load().data, path=request.path, max_pixels=request.max_pixels)
    return image if request.scale is None else image.with_radiometry(request.scale)
