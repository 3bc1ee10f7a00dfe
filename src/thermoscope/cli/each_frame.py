"""Frames of files, folders, globs, sequences and videos, each under the name of its result."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from thermoscope.cli.inputs import size_from_text
from thermoscope.cli.progress import Steps
from thermoscope.core.errors import ThermoscopeError, WriteError
from thermoscope.io.sequence import open_sequence
from thermoscope.io.thermal_image import ThermalImage

__all__ = ["NamedFrame", "check_new", "each_frame"]


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
        return str(err) if Path(self.source).name in str(err) else f"{self.source}: {err}"


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


def check_new(
    paths: Sequence[Path],
    written: set[Path],
    *,
    overwrite: bool,
    inputs: Sequence[ThermalImage | None] = (),
) -> None:
    """Nothing that is to be written was written just now, or is there unless it may be replaced.

    Args:
        paths: To be written.
        written: So far.
        overwrite: Whether files may be replaced; those that `inputs` come from never may.
        inputs: What the answer is of.

    Raises:
        WriteError: A file that must not be replaced.
    """
    sources = {i.source.path.resolve() for i in inputs if i is not None and i.source.path}
    for path in paths:
        if path.resolve() in sources:
            raise WriteError(f"{path} is the input itself. Choose another folder to write into.")
        if path in written:
            raise WriteError(
                f"{path} was written from another input just now: two inputs have one name. "
                "Give them folders of their own."
            )
        if path.exists() and not overwrite:
            raise WriteError(f"{path} exists. Pass --overwrite to replace it.")
