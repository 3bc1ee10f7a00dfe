"""``thermoscope depth``: the depth of every pixel of single thermal frames."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import tyro

from thermoscope.cli.arguments import parse, warn
from thermoscope.cli.each_frame import NamedFrame, check_new, each_frame
from thermoscope.cli.progress import progress_bar
from thermoscope.core.errors import ConfigError, ThermoscopeError
from thermoscope.core.files import atomic_write

if TYPE_CHECKING:
    from thermoscope.models.dense_heads import ThermalDepth

__all__ = ["Arguments", "main"]


@dataclass(frozen=True)
class Arguments:
    """Depth of every pixel from single thermal frames.

    Into the folder go, for each frame, STEM.npy (float32 along the optical axis, at the resolution
    of the frame) and STEM.png (a picture with a scale); and depth.json, which states the unit:
    metres, or relative where the model does not know the scale.
    """

    files: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.MISSING]
    """Thermal files, folders, globs, sequences or videos."""
    out: Path
    """Folder to write into."""
    model: str = "anythermal_small.depth"
    """Name of the weights."""
    weights: Path | None = None
    """Folder with weights of your own; the bundled ones if not given."""
    longest_px: int | None = None
    """Scale longer frames down to this for the network; the model's own length if not given."""
    runtime: Literal["auto", "torch", "openvino"] = "torch"
    """openvino takes seconds to start, again for each new size of frame (the last four are kept),
    and then answers faster; auto: where it is installed."""
    size: str | None = None
    """WIDTHxHEIGHT of headerless raw files."""
    plain: bool = False
    """Only the numbers, no pictures."""
    overwrite: bool = False
    """Replace files that exist; they are kept otherwise, and the exit status is 2."""


def main(words: Sequence[str]) -> int:
    """Run the verb; 2 if a frame could not be read or written, the others are still done."""
    arguments = parse(Arguments, words, verb="depth")
    from thermoscope.models.dense_heads import ThermalDepth
    from thermoscope.models.load import load_model

    model = load_model(arguments.model, folder=arguments.weights)
    if not isinstance(model, ThermalDepth):
        raise ConfigError(f"{arguments.model!r} does not give depth. Choose another --model.")
    if arguments.runtime != "torch":
        from thermoscope.engine.dense_runtime import run_in

        run_in(model, arguments.runtime)
    unit = "m" if model.metric else "relative"
    written: set[Path] = set()
    rows: list[dict[str, Any]] = []
    failed = 0
    with progress_bar("depth") as steps:
        for job in each_frame(arguments.files, size=arguments.size, steps=steps):
            try:
                rows.append(_measure(job, model, arguments, written))
            except ThermoscopeError as err:
                failed += 1
                warn(job.complaint(err))
            steps.done(job.stem)
    if rows:
        listing = {"model": arguments.model, "unit": unit, "frames": rows}
        with atomic_write(arguments.out / "depth.json") as stream:
            stream.write((json.dumps(listing, indent=1) + "\n").encode())
    said = "depth in metres" if model.metric else "relative depth, no unit"
    print(f"{len(rows)} frames ({said}), {failed} failed")
    return 2 if failed or not rows else 0


def _measure(
    job: NamedFrame, model: ThermalDepth, arguments: Arguments, written: set[Path]
) -> dict[str, Any]:
    from thermoscope.engine.convert import write_picture
    from thermoscope.engine.dense_pictures import depth_picture

    image = job.image()
    numbers, picture = (arguments.out / f"{job.stem}{suffix}" for suffix in (".npy", ".png"))
    paths = [numbers] if arguments.plain else [numbers, picture]
    check_new(paths, written, overwrite=arguments.overwrite)
    found = model.predict(image, longest_px=arguments.longest_px)
    with atomic_write(numbers) as stream:
        np.save(stream, found.depth, allow_pickle=False)
    if not arguments.plain:
        write_picture(picture, depth_picture(found))
    written.update(paths)
    low, middle, high = np.percentile(found.depth, (2, 50, 98)).round(3).tolist()
    return {"file": numbers.name, "p2": low, "median": middle, "p98": high}
