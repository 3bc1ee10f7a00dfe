"""Sequences of thermal frames: folders, globs, lists, multi-frame files and video, one at a time.

    with open_sequence("flight/*.tiff") as frames:
        for image in frames: ...

Only one frame is in memory; nothing but file names and frame positions is kept. What is NOT here:
what a sequence shows about the camera (`thermoscope.sensor.ffc`, `.noise`), and recordings (MCAP).
"""

from __future__ import annotations

import glob
import re
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Literal, overload

from thermoscope.core.errors import ConfigError, ReadError, ThermoscopeError
from thermoscope.core.files import answer
from thermoscope.io.formats import is_image_name, opened
from thermoscope.io.frames import Frames
from thermoscope.io.read import finished, layout_of
from thermoscope.io.request import MAX_PIXELS, RawLayout, Request, request_for
from thermoscope.io.thermal_image import ThermalImage
from thermoscope.sensor.planck import LinearScale

__all__ = ["ImageSequence", "SkippedFrame", "files_of", "image_files", "open_sequence"]

OnError = Literal["raise", "skip"]
GLOB_CHARACTERS = frozenset("*?[")
SINGLE_SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".bmp", ".dib", ".pgm", ".ppm", ".pnm", ".csv", ".fpf"}
    | {".is2", ".irg"}
)


@dataclass(frozen=True)
class SkippedFrame:
    """A frame that could not be read.

    Attributes:
        index: Its place in the sequence.
        error: Why; names the file.
    """

    index: int
    error: ThermoscopeError


@dataclass(frozen=True)
class _Options:
    """How each file is to be read."""

    layout: RawLayout | None
    raw: bool
    scale: LinearScale | None
    max_pixels: int
    quality: bool

    def request(self, path: Path) -> Request:
        return request_for(path, layout=self.layout, scale=self.scale, max_pixels=self.max_pixels)


class _Files:
    """The frames of several files, one file after the other.

    Files whose suffix says that they hold one frame are not opened to be counted. A file that
    cannot be opened counts as one frame, which raises when it is asked for.
    """

    def __init__(self, paths: list[Path], options: _Options) -> None:
        self._paths, self._options = paths, options
        self._starts = array("Q", [0])  # first frame of each file so far counted, and the next one
        self._open: tuple[int, _Container] | None = None

    @property
    def count(self) -> int | None:
        """Number of frames, None before every file that may hold several was looked into."""
        if all(path.suffix.lower() in SINGLE_SUFFIXES for path in self._paths):
            return len(self._paths)
        return int(self._starts[-1]) if len(self._starts) > len(self._paths) else None

    def length(self) -> int:
        """Number of frames."""
        known = self.count
        if known is not None:
            return known
        while len(self._starts) <= len(self._paths):
            self._count_next()
        return int(self._starts[-1])

    def frame(self, index: int) -> ThermalImage:
        """Frame `index` of all.

        Raises:
            IndexError: There is no such frame.
            ReadError: It is damaged.
        """
        while self._starts[-1] <= index and len(self._starts) <= len(self._paths):
            self._count_next()
        if self._starts[-1] <= index:
            raise IndexError(index)
        file = bisect_right(self._starts, index) - 1
        return self._container(file).frame(index - self._starts[file])

    def close(self) -> None:
        """Let go of the file that is open."""
        if self._open is not None:
            self._open[1].close()
        self._open = None

    def _count_next(self) -> None:
        file = len(self._starts) - 1
        held = 1
        if self._paths[file].suffix.lower() not in SINGLE_SUFFIXES:
            with suppress(ThermoscopeError):
                held = self._container(file).length()
        self._starts.append(self._starts[-1] + held)

    def _container(self, file: int) -> _Container:
        """File number `file`, open; the one before is closed."""
        if self._open is None or self._open[0] != file:
            self.close()
            self._open = (file, _Container(self._paths[file], self._options))
        return self._open[1]

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_open": None}


class _Container:
    """The frames of one file."""

    def __init__(self, path: Path, options: _Options) -> None:
        self._request, self._quality = options.request(path), options.quality
        self._frames: Frames = opened(self._request, raw=options.raw)

    @property
    def count(self) -> int | None:
        return self._frames.count

    def length(self) -> int:
        return self._frames.length()

    def frame(self, index: int) -> ThermalImage:
        return finished(self._frames.frame(index), self._request, quality=self._quality)

    def close(self) -> None:
        self._frames.close()


class ImageSequence:
    """Frames in order, decoded as they are asked for.

    Iterating, indexing (negative too) and slicing give `ThermalImage` frames; a slice is a
    sequence over the same source. Going forward is the fast way: CPTV and video start anew when
    asked for an earlier frame. A sequence over files can be pickled, one over an open file not.

    Args:
        frames: The source.
        on_error: What iterating does at a frame that cannot be read: ``"raise"``, or ``"skip"`` it
            and note it in `skipped`. Indexing always raises.
        indices: Which frames of the source; None for all.
    """

    def __init__(
        self, frames: Frames, *, on_error: OnError = "raise", indices: range | None = None
    ) -> None:
        if on_error not in ("raise", "skip"):
            raise ConfigError(f"on_error must be 'raise' or 'skip', got {on_error!r}.")
        self._frames, self._on_error, self._indices = frames, on_error, indices
        self.skipped: list[SkippedFrame] = []

    @property
    def frame_count(self) -> int | None:
        """Number of frames; None where only a walk through the file would tell."""
        return self._frames.count if self._indices is None else len(self._indices)

    def __len__(self) -> int:
        return self._frames.length() if self._indices is None else len(self._indices)

    @overload
    def __getitem__(self, index: int) -> ThermalImage: ...

    @overload
    def __getitem__(self, index: slice) -> ImageSequence: ...

    def __getitem__(self, index: int | slice) -> ThermalImage | ImageSequence:
        if isinstance(index, slice):
            chosen = self._known_indices()[index]
            return ImageSequence(self._frames, on_error=self._on_error, indices=chosen)
        if index >= 0 and self._indices is None:
            return self._frames.frame(index)
        return self._frames.frame(self._known_indices()[index])

    def _known_indices(self) -> range:
        return range(self._frames.length()) if self._indices is None else self._indices

    def __iter__(self) -> Iterator[ThermalImage]:
        self.skipped = []
        stop: int | None = None
        for index in count() if self._indices is None else self._indices:
            if stop is not None and index >= stop:
                return
            try:
                image = self._frames.frame(index)
            except IndexError:
                return
            except ThermoscopeError as err:
                if self._on_error == "raise":
                    raise
                self.skipped.append(SkippedFrame(index, err))
                if self._indices is None and stop is None:
                    stop = self._frames.length()  # a damaged file must not go on for ever
                continue
            yield image

    def close(self) -> None:
        """Let go of the file."""
        self._frames.close()

    def __enter__(self) -> ImageSequence:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def open_sequence(
    source: str | Path | Iterable[str | Path],
    *,
    on_error: OnError = "raise",
    shape: tuple[int, int] | None = None,
    dtype: str | None = None,
    raw: RawLayout | None = None,
    scale: LinearScale | None = None,
    max_pixels: int = MAX_PIXELS,
    quality: bool = True,
) -> ImageSequence:
    """The frames of a folder, a glob, a list of files, or a multi-frame file.

    A folder gives its image files (not those in folders below it) in natural order: ``f2`` before
    ``f10``; so does a glob. A list keeps its order. A file gives its frames: TIFF pages, SEQ, CSQ,
    CPTV, video, animated pictures, raw frames one after the other; several such files give the
    frames of each in turn (of an animated PNG among other files, its first frame).

    Args:
        source: Folder, file, pattern or paths.
        on_error: ``"raise"``, or ``"skip"`` frames that cannot be read and list them in `skipped`.
        shape: (H, W) of headerless raw pixels.
        dtype: Their element type, ``"<u2"`` if not given.
        raw: Their whole layout, instead of `shape` and `dtype`.
        scale: Linear scale of the stored numbers.
        max_pixels: Largest accepted frame.
        quality: Judge the pixels of each frame, as `read` does; False saves 2 to 4 ms a frame.

    Raises:
        ReadError: Nothing there, or a file that is no image.
        ConfigError: An argument is impossible.

    Example:
        >>> import tempfile, numpy as np
        >>> from thermoscope.io.write import write_image
        >>> folder = tempfile.mkdtemp()
        >>> for k in (10, 2):
        ...     write_image(f"{folder}/f{k}.png", np.full((8, 8), k, np.uint16))
        >>> [int(image.counts[0, 0]) for image in open_sequence(folder)]
        [2, 10]
    """
    options = _Options(layout_of(shape, dtype, raw), raw is not None, scale, max_pixels, quality)
    if not isinstance(source, (str, Path)):
        paths = [Path(path) for path in source]
        if not paths:
            raise ReadError("the list of files is empty. Pass at least one path.")
        return ImageSequence(_Files(paths, options), on_error=on_error)
    path = Path(source)
    if answer(path.is_dir) or _is_pattern(source):
        return ImageSequence(_Files(files_of(source), options), on_error=on_error)
    return ImageSequence(_Container(path, options), on_error=on_error)


def files_of(source: str | Path) -> list[Path]:
    """Image files of a folder, files that a glob matches, in natural order; or the one file.

    Raises:
        ReadError: Nothing there.
    """
    path = Path(source)
    if answer(path.is_dir):
        return image_files(path)
    if _is_pattern(source):
        found = sorted(map(Path, glob.glob(str(source), recursive=True)), key=_natural)  # noqa: PTH207
        found = [file for file in found if file.is_file()]
        if not found:
            raise ReadError(f"no file matches {str(source)!r}. Check the pattern.", path=path)
        return found
    if not answer(path.is_file):
        raise ReadError(f"{source} is not there. Give a file, a folder or a pattern.", path=path)
    return [path]


def _is_pattern(source: str | Path) -> bool:
    return bool(GLOB_CHARACTERS & set(str(source))) and not answer(Path(source).exists)


def image_files(folder: Path) -> list[Path]:
    """Image files directly in a folder, in natural order.

    Raises:
        ReadError: There is none, or the folder cannot be listed.
    """
    try:
        names = [path for path in folder.iterdir() if is_image_name(path) and path.is_file()]
    except OSError as err:
        raise ReadError(
            f"{folder}: {err.strerror or err}. Check the permissions.", path=folder
        ) from err
    if not names:
        raise ReadError(
            f"no image file in the folder {folder}. Name the folder that holds the frames itself.",
            path=folder,
        )
    return sorted(names, key=_natural)


def _natural(path: Path) -> list[tuple[int, int, str]]:
    """Sort key in which numbers count as numbers."""
    parts = re.split(r"(\d+)", str(path).casefold())
    return [(0, int(p), "") if p.isdecimal() and len(p) < 100 else (1, 0, p) for p in parts]
