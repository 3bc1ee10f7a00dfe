"""``thermoscope segment``: a class for every pixel of thermal frames."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from thermoscope.cli.arguments import parse, warn
from thermoscope.cli.each_frame import NamedFrame, check_new, each_frame
from thermoscope.cli.progress import progress_bar
from thermoscope.core.errors import ConfigError, ThermoscopeError
from thermoscope.core.files import atomic_write

if TYPE_CHECKING:
    from thermoscope.models.dense_heads import Segmentation, ThermalSegmenter

__all__ = ["Arguments", "main"]


@dataclass(frozen=True)
class Arguments:
    """A class for every pixel of thermal frames.

    Into the folder go, for each frame, STEM.labels.png (8 bit, the level is the class id, coloured
    for viewers) and STEM.png (a picture with a legend); and classes.json once.
    """

    files: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.MISSING]
    """Thermal files, folders, globs, sequences or videos."""
    out: Path
    """Folder to write into."""
    model: str = "anythermal_small.segmentation"
    """Name of the weights."""
    weights: Path | None = None
    """Folder with weights of your own; the bundled ones if not given."""
    longest_px: int | None = None
    """Scale longer frames down to this for the network; the model's own length if not given."""
    size: str | None = None
    """WIDTHxHEIGHT of headerless raw files."""
    plain: bool = False
    """Only the labels, no pictures."""
    overwrite: bool = False
    """Replace files that exist; they are kept otherwise, and the exit status is 2."""


def main(words: Sequence[str]) -> int:
    """Run the verb; 2 if a frame could not be read or written, the others are still done."""
    arguments = parse(Arguments, words, verb="segment")
    from thermoscope.models.dense_heads import ThermalSegmenter
    from thermoscope.models.load import load_model

    model = load_model(arguments.model, folder=arguments.weights)
    if not isinstance(model, ThermalSegmenter):
        raise ConfigError(f"{arguments.model!r} does not segment. Choose another --model.")
    written: set[Path] = set()
    done = failed = 0
    with progress_bar("segment") as steps:
        for job in each_frame(arguments.files, size=arguments.size, steps=steps):
            try:
                _segment(job, model, arguments, written)
                done += 1
            except ThermoscopeError as err:
                failed += 1
                warn(job.complaint(err))
            steps.done(job.stem)
    if done:
        _write_classes(arguments.out / "classes.json", model.classes)
    print(f"{done} segmented, {failed} failed")
    return 2 if failed or not done else 0


def _segment(
    job: NamedFrame, model: ThermalSegmenter, arguments: Arguments, written: set[Path]
) -> None:
    from thermoscope.engine.convert import write_picture
    from thermoscope.engine.dense_pictures import segmentation_picture
    from thermoscope.sensor.tone import tone_map

    image = job.image()
    labels = arguments.out / f"{job.stem}.labels.png"
    picture = arguments.out / f"{job.stem}.png"
    paths = [labels] if arguments.plain else [labels, picture]
    check_new(paths, written, overwrite=arguments.overwrite)
    found = model.predict(image, longest_px=arguments.longest_px)
    _write_labels(labels, found)
    if not arguments.plain:
        grey = tone_map(image.values, "percentile")
        write_picture(picture, segmentation_picture(grey, found))
    written.update(paths)


def _write_labels(path: Path, found: Segmentation) -> None:
    """8-bit PNG whose levels are class ids, with the class colours as its palette."""
    from PIL import Image

    from thermoscope.engine.dense_pictures import class_colours

    indexed = Image.fromarray(found.labels).convert("P")
    indexed.putpalette(class_colours(found.classes).ravel().tolist())
    buffer = io.BytesIO()
    indexed.save(buffer, "PNG", bits=8)
    with atomic_write(path) as stream:
        stream.write(buffer.getvalue())


def _write_classes(path: Path, classes: Sequence[str]) -> None:
    from thermoscope.engine.dense_pictures import class_colours

    rows = [
        {"id": index, "name": name, "rgb": colour}
        for index, (name, colour) in enumerate(
            zip(classes, class_colours(classes).tolist(), strict=True)
        )
    ]
    with atomic_write(path) as stream:
        stream.write((json.dumps(rows, indent=1) + "\n").encode())
