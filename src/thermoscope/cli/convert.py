"""``thermoscope convert``: pictures, 16-bit files or temperature tables from thermal files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from thermoscope.cli.arguments import parse, warn
from thermoscope.cli.each_frame import complaint, input_files
from thermoscope.cli.inputs import ObjectParameters, linear_scale, size_from_text
from thermoscope.cli.progress import Steps, progress_bar
from thermoscope.core.errors import ConfigError, ThermoscopeError, WriteError
from thermoscope.core.files import answer
from thermoscope.engine.convert import SUFFIXES, Converter, Target
from thermoscope.engine.display_unit import DisplayUnit, from_displayed
from thermoscope.engine.render import Isotherm, RenderStyle
from thermoscope.io.sequence import open_sequence
from thermoscope.io.thermal_image import ThermalImage
from thermoscope.sensor.palette import palette_table
from thermoscope.sensor.tone_spec import ToneSpec

__all__ = ["Arguments", "main"]


@dataclass(frozen=True)
class Arguments:
    """Thermal files to pictures, 16-bit files, temperatures or tables.

    The last path is the target: a file for one frame, a folder for several. Folders, globs,
    sequences and videos are inputs like any other; each frame becomes a file.
    """

    paths: Annotated[
        tuple[str, ...],
        tyro.conf.Positional,
        tyro.conf.arg(metavar="IN [IN ...] OUT"),
        tyro.MISSING,
    ]
    """Inputs, then the target file or folder."""
    to: Target = "picture"
    """picture, counts (16 bit), kelvin (TIFF, npy), celsius_csv, agc (8 bit with a way back)."""
    suffix: str | None = None
    """Of the files in a target folder; the target's first if not given."""
    tone: str = "percentile"
    """Of pictures: percentile, clahe, clahe_bilateral, local_field; fixed is --scale."""
    palette: str = "inferno"
    """inferno, ironbow, white_hot, black_hot ..."""
    unit: Literal["auto", "C", "K", "F", "counts", "agc"] = "auto"
    """Unit of the colour bar and of --scale, --above and --below."""
    scale: tuple[float, float] | None = None
    """Fixed ends of the colour scale in --unit: the same colours in every picture."""
    above: float | None = None
    """Isotherm: paint pixels at or above this, in --unit."""
    below: float | None = None
    """Isotherm: paint pixels at or below this, in --unit; with --above: what lies between."""
    plain: bool = False
    """The pixels only: no colour bar, no markers, no title."""
    spots: bool = False
    """Mark the hottest and the coldest pixel."""
    overwrite: bool = False
    """Replace files that exist; they are kept otherwise, and the exit status is 2."""
    size: str | None = None
    """WIDTHxHEIGHT of headerless raw files."""
    kelvin_per_count: float | None = None
    """Linear scale of counts that are a temperature already (0.01 for TLinear)."""
    offset_k: float = 0.0
    """Kelvin at count 0 on that scale: 0 for TLinear, 273.15 for hundredths of a degree Celsius."""
    parameters: Annotated[ObjectParameters, tyro.conf.arg(name="")] = ObjectParameters()


@dataclass(frozen=True)
class _Job:
    """One frame to write, or the reason why there is none."""

    source: str
    path: Path
    frame: ThermalImage | ThermoscopeError
    new_sequence: bool = False  # no picture of it has to match the one before


def main(words: Sequence[str]) -> int:
    """Run the verb; 2 if a frame could not be read or written, the others are still converted."""
    arguments = parse(Arguments, words, verb="convert")
    if len(arguments.paths) < 2:
        raise ConfigError("convert needs inputs and a target: thermoscope convert IN... OUT.")
    style = style_of(arguments, "C")  # wrong settings fail before the first frame
    linear_scale(arguments.kelvin_per_count, arguments.offset_k)
    converter = Converter(arguments.to, style)
    inputs = input_files(arguments.paths[:-1])
    written: set[Path] = set()
    failed = 0
    said: Counter[str] = Counter()
    with progress_bar("convert") as steps:
        for job in _jobs(arguments, steps):
            if job.new_sequence:
                converter = Converter(arguments.to, style)
            try:
                _check_target(job, written, inputs, overwrite=arguments.overwrite)
                image = _prepared(job.frame, arguments)
                converter.style = style_of(arguments, _unit_of(image, arguments))
                converter.write(image, job.path)
                written.add(job.path)
            except ThermoscopeError as err:
                failed += 1
                said[str(err)] += 1
                if said[str(err)] == 1:
                    warn(complaint(err, job.frame, job.source))
            steps.done(job.path.name)
    for text, times in said.items():
        if times > 1:
            warn(f"the same for {times - 1} more: {text}")
    print(f"{len(written)} converted, {failed} failed")
    return 2 if failed or not written else 0


def _jobs(arguments: Arguments, steps: Steps) -> Iterator[_Job]:
    """Each frame of all inputs in order. Single-frame files in a row are one sequence."""
    *inputs, last = arguments.paths
    target = Path(last)
    suffix = arguments.suffix or SUFFIXES[arguments.to][0]
    shape = size_from_text(arguments.size)
    single = False
    for source in inputs:
        try:
            with open_sequence(source, shape=shape, on_error="skip") as sequence:
                count = sequence.frame_count
                steps.expect(count)
                several = len(inputs) + (count or 2) > 2
                into_folder = several or not target.suffix or answer(target.is_dir)
                new, single = not (single and count == 1), count == 1
                for image in sequence:
                    name = _stem(image, source) + suffix
                    path = target / name if into_folder else target
                    yield _Job(source, path, image, new_sequence=new)
                    new = False
                for skipped in sequence.skipped:
                    yield _Job(source, target, skipped.error)
        except ThermoscopeError as err:
            yield _Job(source, target, err)


def _stem(image: ThermalImage, source: str) -> str:
    origin = image.source.path or Path(source)
    if image.source.frame_count == 1:
        return origin.stem
    return f"{origin.stem}_{image.source.frame_index:06d}"


def style_of(arguments: Arguments, unit: DisplayUnit) -> RenderStyle:
    """The look of pictures; values typed in `unit` become kelvin (or counts, or levels) here.

    Raises:
        ConfigError: Settings that exclude each other, are in the wrong order or do not exist.
    """
    low, high = arguments.scale or (0.0, 1.0)
    if not low < high:
        raise ConfigError(f"--scale must rise, got {low:g} {high:g}.")
    if arguments.scale is not None and arguments.tone not in ("percentile", "fixed"):
        raise ConfigError("--scale is a tone mapping of its own, fixed: leave --tone out.")
    if arguments.scale is None and arguments.tone == "fixed":
        raise ConfigError("--tone fixed needs --scale LOW HIGH.")
    palette_table(arguments.palette)  # an unknown name fails here
    above, below = arguments.above, arguments.below
    if above is not None and below is not None and above > below:
        raise ConfigError(f"--above {above:g} exceeds --below {below:g}: nothing lies between.")

    def inner(value: float | None) -> float | None:
        return None if value is None else from_displayed(value, unit)

    linear = arguments.tone in ("percentile", "fixed")  # the default, and what --scale makes
    open_ended = above is None and below is None
    return RenderStyle(
        palette=arguments.palette,
        tone=None if linear else ToneSpec.of(arguments.tone),
        unit=unit,
        scale=(from_displayed(low, unit), from_displayed(high, unit)) if arguments.scale else None,
        colour_bar=not arguments.plain,
        isotherms=() if open_ended else (Isotherm(above=inner(above), below=inner(below)),),
        extremes=arguments.spots and not arguments.plain,
    )


def _unit_of(frame: ThermalImage, arguments: Arguments) -> DisplayUnit:
    if arguments.unit != "auto":
        return arguments.unit
    return "C" if frame.radiometric else "counts" if frame.counts is not None else "agc"


def _check_target(
    job: _Job, written: set[Path], inputs: frozenset[Path], *, overwrite: bool
) -> None:
    if isinstance(job.frame, ThermoscopeError):
        return
    if job.path in written:
        raise WriteError(
            f"{job.path} was written from another input just now: two inputs have one name. "
            "Convert them into folders of their own."
        )
    if job.path.resolve() in inputs:
        raise WriteError(f"{job.path} is an input: it is kept. Choose another target.")
    if answer(job.path.exists) and not overwrite:
        raise WriteError(f"{job.path} exists. Pass --overwrite to replace it.")


def _prepared(frame: ThermalImage | ThermoscopeError, arguments: Arguments) -> ThermalImage:
    """The frame under the radiometry that the user states."""
    if isinstance(frame, ThermoscopeError):
        raise frame
    scale = linear_scale(arguments.kelvin_per_count, arguments.offset_k)
    if scale is not None:
        frame = frame.with_radiometry(scale)
    return arguments.parameters.applied_to(frame)
