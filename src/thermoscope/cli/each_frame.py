"""Frames of files, folders, globs, sequences and videos, each under the name of its result."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from thermoscope.cli.inputs import size_from_text
from thermoscope.cli.progress import Steps
from thermoscope.core.errors import ThermoscopeError, WriteError
from thermoscope.core.files import answer
from thermoscope.io.sequence import files_of, open_sequence
from thermoscope.io.thermal_image import ThermalImage

__all__ = ["NamedFrame", "check_new", "complaint", "each_frame", "input_files"]


@dataclass(frozen=True)
class NamedFrame:
    """One frame, or the reason why there is none.

    Attributes:
        source: What the user typed.
        stem: Of the result's files: the file's, with the number of the frame where it has several.
        frame: The frame, or the error.
    """

    source: str
    stem: str
    frame: ThermalImage | ThermoscopeError

    def image(self) -> ThermalImage:
        """The frame.

        Raises:
            ThermoscopeError: There is none.
        """
        if isinstance(self.frame, ThermoscopeError):
            raise self.frame
        return self.frame

    def complaint(self, err: ThermoscopeError) -> str:
        """The text of `err`, which names the file."""
        return complaint(err, self.frame, self.source)


def complaint(err: ThermoscopeError, frame: ThermalImage | ThermoscopeError, source: str) -> str:
    """The text of `err`, which names the file: a folder's own file, not the folder.

    Args:
        err: What went wrong; one that carries a path names it already.
        frame: What it is of, or why there is none.
        source: What the user typed.
    """
    if getattr(err, "path", None) is not None:
        return str(err)
    path = None if isinstance(frame, ThermoscopeError) else frame.source.path
    return f"{path or source}: {err}"


def each_frame(inputs: Sequence[str], *, size: str | None, steps: Steps) -> Iterator[NamedFrame]:
    """Every frame of all inputs in order, one in memory at a time; a bad one does not stop it.

    Args:
        inputs: Files, folders, globs, sequences or videos.
        size: Of headerless raw files, ``"640x512"``.
        steps: Is told how many frames to expect.
    """
    shape = size_from_text(size)
    for source in inputs:
        try:
            with open_sequence(source, shape=shape, on_error="skip") as sequence:
                steps.expect(sequence.frame_count)
                for image in sequence:
                    yield NamedFrame(source, _stem(image, source), image)
                for skipped in sequence.skipped:
                    yield NamedFrame(source, Path(source).stem, skipped.error)
        except ThermoscopeError as err:
            yield NamedFrame(source, Path(source).stem, err)


def _stem(image: ThermalImage, source: str) -> str:
    origin = image.source.path or Path(source)
    if image.source.frame_count == 1:
        return origin.stem
    return f"{origin.stem}_{image.source.frame_index:06d}"


def input_files(sources: Iterable[str | Path]) -> frozenset[Path]:
    """The files of all inputs, resolved: none of them may be written over.

    Args:
        sources: Files, folders, globs; what is not there is passed over: opening it says so.
    """
    found: set[Path] = set()
    for source in sources:
        try:
            found.update(path.resolve() for path in files_of(source))
        except ThermoscopeError:
            continue
    return frozenset(found)


def check_new(
    paths: Sequence[Path],
    written: set[Path],
    *,
    overwrite: bool,
    inputs: Collection[Path],
) -> None:
    """Nothing that is to be written was written just now, or is there unless it may be replaced.

    Args:
        paths: To be written.
        written: So far.
        overwrite: Whether files may be replaced; those of `inputs` never may.
        inputs: From `input_files`: all that the call reads, not only what this answer is of.

    Raises:
        WriteError: A file that must not be replaced.
    """
    for path in paths:
        if path.resolve() in inputs:
            raise WriteError(f"{path} is an input: it is kept. Choose another place to write to.")
        if path in written:
            raise WriteError(
                f"{path} was written from another input just now: two inputs have one name. "
                "Give them folders of their own."
            )
        if answer(path.exists) and not overwrite:
            raise WriteError(f"{path} exists. Pass --overwrite to replace it.")
