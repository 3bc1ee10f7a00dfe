"""Colour and thermal frames side by side: by stem, or in order, or either alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from thermoscope.cli.inputs import size_from_text
from thermoscope.cli.progress import Steps
from thermoscope.core.errors import ConfigError, ReadError, ThermoscopeError, UnitError
from thermoscope.io.paired_files import matched
from thermoscope.io.sequence import ImageSequence, files_of, open_sequence
from thermoscope.io.thermal_image import ThermalImage

__all__ = ["NamedPair", "colour_planes", "each_pair"]


@dataclass(frozen=True)
class NamedPair:
    """One view, or the reason why it cannot be had.

    Attributes:
        stem: Of the result's files: the thermal file's, or the colour one's where it is alone.
        rgb: Colour frame; None = not asked for.
        thermal: Thermal frame; None = not asked for.
        error: What went wrong.
    """

    stem: str
    rgb: ThermalImage | None = None
    thermal: ThermalImage | None = None
    error: ThermoscopeError | None = None


def each_pair(
    rgb: str | None,
    thermal: str | None,
    *,
    size: str | None,
    steps: Steps,
    choose: Callable[[Sequence[Path]], list[Path]] = list,
) -> Iterator[NamedPair]:
    """Every view of two inputs, one in memory at a time; a bad frame does not stop it.

    Args:
        rgb: File, folder, glob, sequence or video in colour; None = thermal alone.
        thermal: The same in thermal; None = colour alone.
        size: Of headerless raw files, ``"640x512"``.
        steps: Is told how many views to expect.
        choose: Of the files of an input, those to take.

    Raises:
        ConfigError: Neither is given.
        ReadError: An input is not there, or the two do not have the same number of frames.
    """
    if rgb is None and thermal is None:
        raise ConfigError("give --rgb, --thermal or both.")
    shape = size_from_text(size)
    files = {
        band: choose(files_of(source))
        for band, source in (("rgb", rgb), ("thermal", thermal))
        if source
    }
    if len(files) == 2 and all(len(paths) > 1 for paths in files.values()):
        files["rgb"], files["thermal"] = matched(
            files["rgb"], files["thermal"], names=("--rgb", "--thermal")
        )
    lead = files["thermal" if thermal else "rgb"]
    with ExitStack() as opened:
        sequences = {
            band: opened.enter_context(open_sequence(paths, shape=shape))
            for band, paths in files.items()
        }
        count = _common_length(sequences)
        steps.expect(count)
        for index in range(count):
            one_a_file = count == len(lead)
            stem = lead[index].stem if one_a_file else f"{lead[0].stem}_{index:06d}"
            yield _pair(sequences, index, stem)


def _common_length(sequences: dict[str, ImageSequence]) -> int:
    lengths = {band: len(sequence) for band, sequence in sequences.items()}
    if len(set(lengths.values())) > 1:
        raise ReadError(
            f"--rgb has {lengths['rgb']} frames and --thermal {lengths['thermal']}: they cannot be "
            "paired. Give both the same frames, or files of the same names."
        )
    return next(iter(lengths.values()))


def _pair(sequences: dict[str, ImageSequence], index: int, stem: str) -> NamedPair:
    found: dict[str, ThermalImage] = {}
    for band, sequence in sequences.items():
        try:
            found[band] = sequence[index]
        except ThermoscopeError as err:
            return NamedPair(stem, error=err)
    return NamedPair(stem, found.get("rgb"), found.get("thermal"))


def colour_planes(image: ThermalImage) -> NDArray[np.float32]:
    """(3, H, W) float32 in [0, 1] of an 8-bit frame, grey or in colour.

    Raises:
        UnitError: Not 8 bit: a thermal frame.
    """
    levels = image.agc
    if levels is None or levels.dtype != np.uint8:
        raise UnitError("--rgb holds no 8-bit picture. Give thermal frames as --thermal.")
    planes = levels if levels.ndim == 3 else np.repeat(levels[:, :, None], 3, axis=2)
    scaled = planes[..., :3].transpose(2, 0, 1) / np.float32(255)
    return np.ascontiguousarray(scaled, np.float32)
