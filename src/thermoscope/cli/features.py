"""``thermoscope features``: what a backbone sees, as arrays and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import tyro

from thermoscope.cli.arguments import parse, warn
from thermoscope.cli.each_frame import check_new, each_frame, input_files
from thermoscope.cli.progress import progress_bar
from thermoscope.core.errors import ConfigError, ThermoscopeError
from thermoscope.core.files import check_folder

__all__ = ["Arguments", "main"]

SUFFIXES = (".npz", ".parquet")


@dataclass(frozen=True)
class Arguments:
    """Descriptors of thermal or colour pictures: equal places have near descriptors in both bands.

    The .npz file holds names (N) and descriptor (N, D) float32 of unit length; with --grid also
    the dense features of each frame under grid/NAME, (C, h, w). A .parquet file holds one row a
    frame.
    """

    files: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.MISSING]
    """Files, folders, globs, sequences or videos."""
    out: Path
    """File to write: .npz or .parquet."""
    model: str = "anythermal_small"
    """Name of the weights."""
    source: str | None = None
    """For anythermal_base: checkpoint, folder or hub name."""
    weights: Path | None = None
    """Folder with weights of your own; the bundled ones if not given."""
    modality: Literal["thermal", "rgb"] = "thermal"
    """What the files show."""
    pooling: Literal["cls", "mean", "cls_mean"] = "cls_mean"
    """How tokens become one vector."""
    side_px: int = 224
    """Height and width that frames are scaled to."""
    grid: bool = False
    """Keep the dense features too."""
    pictures: Path | None = None
    """Folder for pictures of the dense features: their three principal components as colours."""
    size: str | None = None
    """WIDTHxHEIGHT of headerless raw files."""
    overwrite: bool = False
    """Replace files that exist."""


def main(words: Sequence[str]) -> int:
    """Run the verb; 2 if a frame could not be read, the others are still done."""
    arguments = parse(Arguments, words, verb="features")
    if arguments.out.suffix not in SUFFIXES:
        raise ConfigError(f"--out must end in {' or '.join(SUFFIXES)}, got {arguments.out.name!r}.")
    inputs = input_files(arguments.files)
    check_new([arguments.out], set(), overwrite=arguments.overwrite, inputs=inputs)
    for folder in (arguments.out.parent, arguments.pictures):
        if folder is not None:
            check_folder(folder)  # before seconds of work
    from thermoscope.engine.features import FeatureReader, write_features
    from thermoscope.models.load import load_model

    network = load_model(arguments.model, source=arguments.source, folder=arguments.weights)
    reader = FeatureReader(
        network, modality=arguments.modality, pooling=arguments.pooling, side_px=arguments.side_px
    )
    names, descriptors, grids = [], [], []
    drawn: set[Path] = set()
    failed = 0
    with progress_bar("features") as steps:
        for job in each_frame(arguments.files, size=arguments.size, steps=steps):
            try:
                if arguments.pictures is not None:
                    picture = arguments.pictures / f"{job.stem}.png"
                    check_new([picture], drawn, overwrite=arguments.overwrite, inputs=inputs)
                    drawn.add(picture)
                descriptor, grid = reader.read(job.image())
            except ThermoscopeError as err:
                failed += 1
                warn(job.complaint(err))
            else:
                names.append(job.stem)
                descriptors.append(descriptor)
                grids.append(grid)
            steps.done(job.stem)
    if names:
        kept = grids if arguments.grid else []
        write_features(arguments.out, names, np.stack(descriptors), kept)
        if arguments.pictures is not None:
            _write_pictures(arguments.pictures, names, grids)
    print(f"{len(names)} frames, {failed} failed")
    return 2 if failed or not names else 0


def _write_pictures(folder: Path, names: list[str], grids: list[np.ndarray]) -> None:
    from thermoscope.engine.convert import write_picture
    from thermoscope.engine.features import component_pictures

    folder.mkdir(parents=True, exist_ok=True)
    for name, picture in zip(names, component_pictures(grids), strict=True):
        write_picture(folder / f"{name}.png", picture)
