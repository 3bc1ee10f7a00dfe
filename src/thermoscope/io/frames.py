"""What every container looks like from inside: frames by index, opened once, closed once.

`read` takes one frame out, `open_sequence` all of them; both go through this one contract. What is
NOT here: the containers themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from thermoscope.io.request import Request
from thermoscope.io.thermal_image import ThermalImage

__all__ = ["Frames", "SingleFrame", "placed"]


class Frames(Protocol):
    """An open container of one or more frames."""

    @property
    def count(self) -> int | None:
        """Number of frames; None where only a walk through the file would tell."""
        ...

    def length(self) -> int:
        """Number of frames, found by a walk through the file if need be."""
        ...

    def frame(self, index: int) -> ThermalImage:
        """Frame `index`, 0 or more; going forward one by one is the fast way.

        Raises:
            IndexError: There is no such frame.
            ReadError: It is damaged.
        """
        ...

    def close(self) -> None:
        """Let go of the file."""
        ...


class SingleFrame:
    """A file that holds one frame.

    Args:
        request: The file.
        decode: A function request -> image.
    """

    count = 1

    def __init__(self, request: Request, decode: Callable[[Request], ThermalImage]) -> None:
        self._request, self._decode = request, decode

    def length(self) -> int:
        """One."""
        return 1

    def frame(self, index: int) -> ThermalImage:
        """The frame.

        Raises:
            IndexError: `index` is not 0.
            ReadError: It is damaged.
        """
        if index != 0:
            raise IndexError(index)
        return self._decode(self._request)

    def close(self) -> None:
        """Nothing is held open."""


def placed(
    image: ThermalImage, *, path: Path, index: int = 0, count: int | None = 1
) -> ThermalImage:
    """The image with its place in its file."""
    source = replace(image.source, path=path, frame_index=index, frame_count=count)
    return replace(image, source=source)
