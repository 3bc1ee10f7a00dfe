"""``thermoscope stereo``: disparity, and depth where calibrated, of rectified thermal pairs."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import tyro

from thermoscope.cli.arguments import parse, print_json, warn
from thermoscope.cli.each_frame import check_new, input_files
from thermoscope.cli.inputs import size_from_text
from thermoscope.cli.progress import progress_bar
from thermoscope.core.errors import ConfigError, ReadError, ThermoscopeError
from thermoscope.core.files import atomic_write, check_folder

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from thermoscope.engine.stereo_batch import BatchSummary, MatchedPair, SkippedPair
    from thermoscope.io.sequence import ImageSequence
    from thermoscope.models.stereo_result import StereoCalibration
    from thermoscope.models.thermostereort import ThermoStereoRT

__all__ = ["Arguments", "main"]

FAMILY = "thermostereort_"


@dataclass(frozen=True)
class Arguments:
    """Disparity of rectified thermal pairs, and depth where the calibration is given.

    Into the folder go, for each pair, STEM_disparity.npy (float32 px, dense, at the resolution of
    the images), STEM_confidence.npy (0 to 1), STEM_disparity.png; with --focal-px and --baseline-m
    also STEM_depth.npy (metres, 0 = unknown) and STEM_points.ply; with --left-right-check also
    STEM_valid.npy. Bad pairs are reported and skipped: black, saturated, frozen by the shutter,
    NaN, of another size.
    """

    left: Annotated[str, tyro.conf.Positional]
    """Left view: thermal file, folder, glob, sequence or video."""
    right: Annotated[str, tyro.conf.Positional]
    """Right view, with as many frames."""
    out: Path
    """Folder to write into."""
    model: str = "thermostereort_fast"
    """Name of the weights; thermostereort_base is more exact and takes a fifth longer."""
    weights: Path | None = None
    """Folder with weights of your own; the bundled ones if not given."""
    runtime: Literal["auto", "torch", "openvino"] = "torch"
    """openvino takes seconds to start and is twice as fast; auto: where it is installed."""
    focal_px: float | None = None
    """Focal length of the rectified pair in px; gives depth, with --baseline-m."""
    baseline_m: float | None = None
    """Distance between the cameras in metres."""
    cx: float | None = None
    """Column of the optical axis in px; the middle if not given."""
    cy: float | None = None
    """Row of the optical axis in px; the middle if not given."""
    infinity_px: float = 0.0
    """Disparity of an infinitely far point in px."""
    left_right_check: bool = False
    """Also match the right view; where both disagree is not valid, see STEM_valid.npy (bool).
    Twice the time."""
    refine: bool = True
    """Move answers by fractions of a pixel to where the views agree; --no-refine leaves it out."""
    second_opinion: bool = False
    """Ask a semi-global matcher as well: for thin things; otherwise less accurate, and slower."""
    size: str | None = None
    """WIDTHxHEIGHT of headerless raw files."""
    plain: bool = False
    """Only the numbers, no pictures and no point clouds."""
    loops: int = 1
    """Passes over the sequence; those after the first write nothing (to test endurance)."""
    overwrite: bool = False
    """Replace files that exist; they are kept otherwise, and the exit status is 2."""
    json: bool = False
    """Print the summary as JSON."""


def main(words: Sequence[str]) -> int:
    """Run the verb; 2 if nothing was matched, or something could not be read or written."""
    arguments = parse(Arguments, words, verb="stereo")
    from thermoscope.engine.stereo_batch import (
        BatchSummary,
        match_pairs,
        pair_sources,
        same_source,
    )

    _check(arguments)
    check_folder(arguments.out)  # before seconds of work
    same_source(arguments.left, arguments.right)
    model = _model(arguments)
    left, right = pair_sources(
        arguments.left, arguments.right, shape=size_from_text(arguments.size)
    )
    run = _Run(arguments, BatchSummary(), input_files([arguments.left, arguments.right]))
    with left, right, progress_bar("stereo") as steps:
        width, height = _first_size(left)
        calibration = _calibration(arguments, width, height)
        model = _compiled(model, arguments, width, height)
        count = len(left)
        steps.expect(count * arguments.loops)
        for done in match_pairs(
            model,
            left,
            right,
            calibration=calibration,
            check_left_right=arguments.left_right_check,
            loops=arguments.loops,
        ):
            run.take(done, first_pass=run.seen < count)
            steps.done(f"{run.summary.fps:.0f} fps" if run.summary.matched else "")
    run.report()
    return 2 if run.failed or run.unreadable or not run.summary.matched else 0


@dataclass
class _Run:
    """What a call of the verb has done so far."""

    arguments: Arguments
    summary: BatchSummary
    inputs: frozenset[Path]
    skipped: list[dict[str, str]] = field(default_factory=list)
    warned: set[str] = field(default_factory=set)
    written: set[Path] = field(default_factory=set)
    failed: int = 0
    unreadable: int = 0

    @property
    def seen(self) -> int:
        """Pairs, matched or not."""
        return self.summary.matched + self.summary.skipped

    def take(self, done: MatchedPair | SkippedPair, *, first_pass: bool) -> None:
        """Count a pair; write or complain on the first pass."""
        from thermoscope.engine.stereo_batch import SkippedPair

        self.summary.add(done)
        if not first_pass:
            return
        if isinstance(done, SkippedPair):
            self.unreadable += done.unreadable
            self.skipped.append({"pair": done.name, "reason": done.reason})
            warn(f"{done.name} skipped: {done.reason}")
            return
        for finding in done.findings:
            if finding.topic not in self.warned:
                self.warned.add(finding.topic)
                warn(f"{done.stem}: {finding.text}")
        try:
            _write(done, self.arguments, self.written, self.inputs)
        except ThermoscopeError as err:
            self.failed += 1
            warn(str(err))

    def report(self) -> None:
        """The summary, as text or JSON."""
        summary = self.summary
        ms = round(summary.median_ms, 2) if summary.matched else None
        fps = round(summary.fps, 2) if summary.matched else None
        if self.arguments.json:
            print_json(
                {
                    "model": self.arguments.model,
                    "runtime": self.arguments.runtime,
                    "matched": summary.matched,
                    "skipped_count": summary.skipped,
                    "skipped": self.skipped,
                    "unreadable": self.unreadable,
                    "not_written": self.failed,
                    "warnings": sorted(self.warned),
                    "median_ms": ms,
                    "fps": fps,
                }
            )
            return
        speed = f", {ms} ms a pair ({fps} fps)" if summary.matched else ""
        print(f"{summary.matched} pairs matched, {summary.skipped} skipped{speed}")


def _first_size(frames: ImageSequence) -> tuple[int, int]:
    """Width and height of the first frame that can be read."""
    for index in range(len(frames)):
        try:
            image = frames[index]
        except ThermoscopeError:
            continue
        return image.width, image.height
    raise ReadError("not one frame of the left view can be read. See: thermoscope doctor.")


def _check(arguments: Arguments) -> None:
    """Refuse words that contradict each other.

    Raises:
        ConfigError: They do.
    """
    if arguments.loops < 1:
        raise ConfigError(f"--loops must be at least 1, got {arguments.loops}.")
    if arguments.second_opinion and not arguments.refine:
        raise ConfigError(
            "--second-opinion is a part of the refinement that --no-refine leaves out. "
            "Give one of them."
        )


def _model(arguments: Arguments) -> ThermoStereoRT:
    from thermoscope.core.weights import list_weights
    from thermoscope.models.load import load_model
    from thermoscope.models.thermostereort import ThermoStereoRT

    if arguments.weights is not None and not arguments.weights.is_dir():
        raise ConfigError(f"--weights {arguments.weights}: there is no such folder.")
    known = list_weights(arguments.weights)
    name = arguments.model
    if name not in known and name.startswith(FAMILY):
        stereo = [n for n in known if n.startswith(FAMILY)]
        preset = name.removeprefix(FAMILY).split(".")[0]
        raise ConfigError(
            f"there are no weights {name!r}; stereo weights at hand: "
            f"{', '.join(stereo) or 'none'}. Make them with: thermoscope train thermostereort "
            f"--preset {preset} --out runs/{preset}, then pass --weights runs/{preset}."
        )
    model = load_model(name, folder=arguments.weights)
    if not isinstance(model, ThermoStereoRT):
        raise ConfigError(f"{name!r} does not match stereo pairs. Choose another --model.")
    model.refine, model.second_opinion = arguments.refine, arguments.second_opinion
    return model


def _compiled(
    model: ThermoStereoRT, arguments: Arguments, width: int, height: int
) -> ThermoStereoRT:
    """The network in the runtime asked for, compiled before the first pair is timed."""
    if arguments.runtime == "torch":
        return model
    from thermoscope.engine.stereo_runtime import CompiledStereo, in_runtime

    found = in_runtime(model, arguments.runtime)
    if isinstance(found, CompiledStereo):
        found.compile_for(height, width)
    return found


def _calibration(arguments: Arguments, width: int, height: int) -> StereoCalibration | None:
    given = (arguments.focal_px, arguments.baseline_m)
    if given == (None, None):
        if (arguments.cx, arguments.cy, arguments.infinity_px) != (None, None, 0.0):
            raise ConfigError(
                "--cx, --cy and --infinity-px are for depth. Give --focal-px and --baseline-m too."
            )
        return None
    if arguments.focal_px is None or arguments.baseline_m is None:
        raise ConfigError("depth needs both --focal-px and --baseline-m. Give the other one too.")
    from thermoscope.geometry.camera import Camera
    from thermoscope.models.stereo_checks import check_baseline
    from thermoscope.models.stereo_result import StereoCalibration

    cx = arguments.cx if arguments.cx is not None else (width - 1) / 2
    cy = arguments.cy if arguments.cy is not None else (height - 1) / 2
    camera = Camera(arguments.focal_px, arguments.focal_px, cx, cy, width, height)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        baseline_m = check_baseline(arguments.baseline_m)
    for warning in told:
        warn(str(warning.message))
    return StereoCalibration(camera, baseline_m, arguments.infinity_px)


def _write(
    pair: MatchedPair, arguments: Arguments, written: set[Path], inputs: frozenset[Path]
) -> None:
    result = pair.result
    planes: dict[str, NDArray[Any]] = {
        "disparity": result.disparity,
        "confidence": result.confidence,
    }
    if result.depth is not None:
        planes["depth"] = result.depth
    if arguments.left_right_check:
        planes["valid"] = result.valid
    numbers = {arguments.out / f"{pair.stem}_{name}.npy": plane for name, plane in planes.items()}
    picture = arguments.out / f"{pair.stem}_disparity.png"
    cloud = arguments.out / f"{pair.stem}_points.ply"
    extra = [] if arguments.plain else [picture, *([cloud] if result.points is not None else [])]
    check_new([*numbers, *extra], written, overwrite=arguments.overwrite, inputs=inputs)
    for path, plane in numbers.items():
        with atomic_write(path) as stream:
            np.save(stream, plane, allow_pickle=False)
    if not arguments.plain:
        _write_pictures(pair, picture, cloud)
    written.update([*numbers, *extra])


def _write_pictures(pair: MatchedPair, picture: Path, cloud: Path) -> None:
    from thermoscope.engine.convert import write_picture
    from thermoscope.engine.stereo_pictures import disparity_picture
    from thermoscope.geometry.ply import write_ply
    from thermoscope.models.stereo_result import view_values
    from thermoscope.sensor.palette import apply_palette
    from thermoscope.sensor.tone import tone_map

    result = pair.result
    write_picture(picture, disparity_picture(result.disparity, valid=result.valid))
    if result.points is not None and result.depth is not None:
        seen = result.depth > 0
        grey: Any = tone_map(view_values(pair.left))
        write_ply(cloud, result.points[seen], apply_palette(grey)[seen])
