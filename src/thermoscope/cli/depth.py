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
from thermoscope.cli.each_frame import NamedFrame, check_new, each_frame, input_files
from thermoscope.cli.progress import progress_bar
from thermoscope.core.checks import check_positive
from thermoscope.core.errors import ConfigError, ReadError, ThermoscopeError, WriteError
from thermoscope.core.files import atomic_write, check_folder

if TYPE_CHECKING:
    from thermoscope.models.dense_heads import ThermalDepth

__all__ = ["Arguments", "main"]

LISTING = "depth.json"


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
    if arguments.longest_px is not None:
        check_positive(arguments.longest_px, name="longest_px")
    check_folder(arguments.out)  # before seconds of work
    from thermoscope.models.dense_heads import ThermalDepth
    from thermoscope.models.load import load_model

    model = load_model(arguments.model, folder=arguments.weights)
    if not isinstance(model, ThermalDepth):
        raise ConfigError(f"{arguments.model!r} does not give depth. Choose another --model.")
    if arguments.runtime != "torch":
        from thermoscope.engine.dense_runtime import run_in

        run_in(model, arguments.runtime)
    unit = "m" if model.metric else "relative"
    listing = {"model": arguments.model, "unit": unit}
    before = _listed(arguments.out / LISTING, listing, overwrite=arguments.overwrite)
    inputs = input_files(arguments.files)
    written: set[Path] = set()
    rows: list[dict[str, Any]] = []
    failed = 0
    try:
        with progress_bar("depth") as steps:
            for job in each_frame(arguments.files, size=arguments.size, steps=steps):
                try:
                    rows.append(_measure(job, model, arguments, written, inputs))
                except ThermoscopeError as err:
                    failed += 1
                    warn(job.complaint(err))
                steps.done(job.stem)
    finally:  # somebody may have stopped it
        if rows:
            every = {row["file"]: row for row in (*before, *rows)}
            with atomic_write(arguments.out / LISTING) as stream:
                text = json.dumps({**listing, "frames": list(every.values())}, indent=1)
                stream.write(f"{text}\n".encode())
    said = "depth in metres" if model.metric else "relative depth, no unit"
    print(f"{len(rows)} frames ({said}), {failed} failed")
    return 2 if failed or not rows else 0


def _listed(path: Path, listing: dict[str, str], *, overwrite: bool) -> list[dict[str, Any]]:
    """Frames of an earlier call that the folder still holds.

    Raises:
        ReadError: The listing cannot be read.
        WriteError: They are of another model or unit.
    """
    try:
        found = json.loads(path.read_text("utf-8"))
        frames = [row for row in found["frames"] if (path.parent / row["file"]).is_file()]
    except FileNotFoundError:
        return []
    except OSError as err:
        raise ReadError(f"cannot read {path}: {err.strerror}. Choose another folder.") from err
    except (ValueError, TypeError, KeyError):
        found, frames = {}, []
    if any(found.get(key) != value for key, value in listing.items()):
        if overwrite:
            return []
        raise WriteError(
            f"{path} is not of {listing['model']} in {listing['unit']}. Choose another folder, or "
            "pass --overwrite."
        )
    return frames


def _measure(
    job: NamedFrame,
    model: ThermalDepth,
    arguments: Arguments,
    written: set[Path],
    inputs: frozenset[Path],
) -> dict[str, Any]:
    from thermoscope.engine.convert import write_picture
    from thermoscope.engine.dense_pictures import depth_picture

    image = job.image()
    numbers, picture = (arguments.out / f"{job.stem}{suffix}" for suffix in (".npy", ".png"))
    paths = [numbers] if arguments.plain else [numbers, picture]
    check_new(paths, written, overwrite=arguments.overwrite, inputs=inputs)
    found = model.predict(image, longest_px=arguments.longest_px)
    with atomic_write(numbers) as stream:
        np.save(stream, found.depth, allow_pickle=False)
    if not arguments.plain:
        write_picture(picture, depth_picture(found))
    written.update(paths)
    low, middle, high = np.percentile(found.depth, (2, 50, 98)).round(3).tolist()
    return {"file": numbers.name, "p2": low, "median": middle, "p98": high}
