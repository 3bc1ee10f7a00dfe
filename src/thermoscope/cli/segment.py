"""``thermoscope segment``: a class for every pixel of thermal frames, or of RGB-thermal pairs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import tyro

from thermoscope.cli.arguments import parse, print_json, warn
from thermoscope.cli.each_frame import NamedFrame, check_new, each_frame, input_files
from thermoscope.cli.progress import progress_bar
from thermoscope.core.checks import check_positive
from thermoscope.core.errors import (
    ConfigError,
    ReadError,
    ShapeError,
    ThermoscopeError,
    WriteError,
)
from thermoscope.core.files import atomic_write, check_folder

if TYPE_CHECKING:
    from thermoscope.cli.each_pair import NamedPair
    from thermoscope.engine.segmenters import Segmenter
    from thermoscope.io.thermal_image import ThermalImage

__all__ = ["Arguments", "main"]

THERMAL_MODEL, PAIR_MODEL = "anythermal_small.segmentation", "sartm_small.fine"


@dataclass(frozen=True)
class Arguments:
    """A class for every pixel of thermal frames, or of RGB-thermal pairs.

    Of thermal files go into the folder, for each frame, STEM.labels.png (8 bit, the level is the
    class id, coloured for viewers) and STEM.png (a picture with a legend). With --rgb or --thermal:
    STEM_labels.png, STEM_overlay.png and STEM_segments.json (COCO, with area and temperatures of
    each segment and class). And classes.json once.
    """

    files: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """Thermal files, folders, globs, sequences or videos."""
    rgb: str | None = None
    """Colour file, folder, glob or video, registered to the thermal one; it may be left out."""
    thermal: str | None = None
    """Thermal file, folder, glob, sequence or video; it may be left out."""
    out: Path = tyro.MISSING
    """Folder to write into."""
    model: str | None = None
    """Name of the weights; anythermal_small.segmentation for thermal files, and sartm_small.fine
    for --rgb and --thermal, if not given."""
    classes: str | None = None
    """Class names to choose from, comma-separated, for models that read names."""
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
    """Only the labels (and segments), no pictures."""
    overwrite: bool = False
    """Replace files that exist; they are kept otherwise, and the exit status is 2."""
    json: bool = False
    """Print a summary as JSON: area and temperatures of each class of each frame."""

    @property
    def pairs(self) -> bool:
        """Whether --rgb or --thermal is given."""
        return self.rgb is not None or self.thermal is not None


def main(words: Sequence[str]) -> int:
    """Run the verb; 2 if a frame could not be read or written, the others are still done."""
    arguments = parse(Arguments, words, verb="segment")
    if arguments.longest_px is not None:
        check_positive(arguments.longest_px, name="longest_px")
    if bool(arguments.files) == arguments.pairs:
        raise ConfigError(
            "give thermal files, or --rgb and --thermal (either may be left out), not both."
        )
    check_folder(arguments.out)  # before seconds of work
    segmenter = _segmenter(arguments)
    _check_classes(arguments, segmenter)
    if segmenter.reading is not None:
        warn(f"--classes: {segmenter.reading.text}")
    from thermoscope.engine.segment_report import CLASSES, without_results, write_classes

    views = [view for view in (arguments.rgb, arguments.thermal) if view is not None]
    inputs = frozenset(without_results(sorted(input_files([*arguments.files, *views]))))
    written: set[Path] = set()
    summary: list[dict[str, Any]] = []
    failed = 0
    with progress_bar("segment") as steps:
        if arguments.pairs:
            from thermoscope.cli.each_pair import each_pair

            jobs: Any = each_pair(
                arguments.rgb,
                arguments.thermal,
                size=arguments.size,
                steps=steps,
                choose=_frames_of,
            )
        else:
            files = [file for source in arguments.files for file in _files(source)]
            jobs = each_frame(files, size=arguments.size, steps=steps)
        for job in jobs:
            work = _pair if arguments.pairs else _frame
            try:
                summary.append(work(job, segmenter, arguments, written, inputs))
                if len(summary) == 1:  # now, so that labels have names even if somebody stops it
                    write_classes(arguments.out / CLASSES, segmenter.classes)
            except ThermoscopeError as err:
                failed += 1
                warn(_complaint(job, err))
            steps.done(job.stem)
    if arguments.json:
        print_json({"segmented": len(summary), "failed": failed, "frames": summary})
    else:
        print(f"{len(summary)} segmented, {failed} failed")
    return 2 if failed or not summary else 0


def _frames_of(paths: Sequence[Path]) -> list[Path]:
    """Those that are no results of an earlier call."""
    from thermoscope.engine.segment_report import without_results

    kept = without_results(paths)
    if len(kept) < len(paths):
        first = next(path for path in paths if path not in kept)
        warn(
            f"left out {len(paths) - len(kept)} pictures of an earlier segmentation, the first is "
            f"{first}."
        )
    return kept


def _files(source: str) -> list[str]:
    """The source itself, or where results of an earlier call lie in it, its other files."""
    from thermoscope.io.sequence import files_of

    try:
        paths = files_of(source)
    except ThermoscopeError:  # said when it is opened
        return [source]
    kept = _frames_of(paths)
    return [source] if len(kept) == len(paths) else [str(path) for path in kept]


def _check_classes(arguments: Arguments, segmenter: Segmenter) -> None:
    """Label files that are there keep the names of their ids.

    Raises:
        ReadError: ``classes.json`` in the folder cannot be read.
        WriteError: It has other names.
    """
    from thermoscope.engine.segment_report import CLASSES

    path = arguments.out / CLASSES
    if arguments.overwrite or not path.is_file():
        return
    try:
        names = [row["name"] for row in json.loads(path.read_text("utf-8"))]
    except OSError as err:
        raise ReadError(f"cannot read {path}: {err.strerror}. Choose another folder.") from err
    except (ValueError, TypeError, KeyError):
        names = []
    if names != list(segmenter.classes):
        raise WriteError(
            f"{path} names other classes than this model's, for label files that are there. "
            "Choose another folder, or pass --overwrite."
        )


def _complaint(job: NamedFrame | NamedPair, err: ThermoscopeError) -> str:
    if isinstance(job, NamedFrame):
        return job.complaint(err)
    return str(err) if getattr(err, "path", None) is not None else f"{job.stem}: {err}"


def _segmenter(arguments: Arguments) -> Segmenter:
    from thermoscope.core.weights import list_weights
    from thermoscope.engine.segmenters import segmenter_of
    from thermoscope.models.load import load_model

    name = arguments.model or (PAIR_MODEL if arguments.pairs else THERMAL_MODEL)
    if name == PAIR_MODEL and name not in list_weights(arguments.weights):
        raise ConfigError(
            f"{name} has no weights here. Train them (thermoscope train sartm --preset fine "
            "--out runs/sartm) and give --weights runs/sartm, or segment the thermal files alone: "
            "thermoscope segment FILE --out DIR."
        )
    names = [word.strip() for word in (arguments.classes or "").split(",") if word.strip()]
    if arguments.classes is not None and not names:
        raise ConfigError(f"--classes {arguments.classes!r} names no class. Give person,car,...")
    if len(set(names)) != len(names):
        raise ConfigError(f"--classes names a class twice: {arguments.classes}.")
    model = load_model(name, folder=arguments.weights)
    if arguments.runtime != "torch":
        from thermoscope.engine.dense_runtime import run_in

        run_in(model, arguments.runtime)
    return segmenter_of(
        model,
        longest_px=arguments.longest_px,
        names=tuple(names),
        name=name,
    )


def _frame(
    job: NamedFrame,
    segmenter: Segmenter,
    arguments: Arguments,
    written: set[Path],
    inputs: frozenset[Path],
) -> dict[str, Any]:
    from thermoscope.engine.convert import write_picture
    from thermoscope.engine.dense_pictures import class_overlay
    from thermoscope.engine.segment_report import class_shares, write_index_map
    from thermoscope.engine.segmenters import Pair

    image = job.image()
    index_map = arguments.out / f"{job.stem}.labels.png"
    picture = arguments.out / f"{job.stem}.png"
    paths = [index_map] if arguments.plain else [index_map, picture]
    check_new(paths, written, overwrite=arguments.overwrite, inputs=inputs)
    labels = segmenter.labels(Pair(None, image))
    write_index_map(index_map, labels, segmenter.classes)
    if not arguments.plain:
        write_picture(picture, class_overlay([_shown(image)], labels, segmenter.classes))
    written.update(paths)
    shares = class_shares(labels, segmenter.classes, kelvin=_kelvin(image))
    return {"frame": job.stem, "classes": [share.to_dict() for share in shares]}


def _pair(
    job: NamedPair,
    segmenter: Segmenter,
    arguments: Arguments,
    written: set[Path],
    inputs: frozenset[Path],
) -> dict[str, Any]:
    from thermoscope.cli.each_pair import colour_planes
    from thermoscope.engine.convert import write_picture
    from thermoscope.engine.dense_pictures import class_overlay
    from thermoscope.engine.segment_coco import coco_document
    from thermoscope.engine.segment_report import class_shares, write_index_map
    from thermoscope.engine.segmenters import Pair

    if job.error is not None:
        raise job.error
    kinds = ["labels.png", "segments.json"] + ([] if arguments.plain else ["overlay.png"])
    paths = {kind: arguments.out / f"{job.stem}_{kind}" for kind in kinds}
    check_new(list(paths.values()), written, overwrite=arguments.overwrite, inputs=inputs)
    rgb = None if job.rgb is None else colour_planes(job.rgb)
    labels = segmenter.labels(Pair(rgb, job.thermal))
    kelvin = None if job.thermal is None else _kelvin(job.thermal)
    shares = class_shares(labels, segmenter.classes, kelvin=kelvin)
    given = [name for name in ("rgb", "thermal") if getattr(job, name) is not None]
    told = {"inputs": given, "classes": [share.to_dict() for share in shares]}
    if segmenter.reading is not None:
        told["asked"] = segmenter.reading.to_dict()
    document = coco_document(
        labels, segmenter.classes, file_name=f"{job.stem}_labels.png", kelvin=kelvin, info=told
    )
    write_index_map(paths["labels.png"], labels, segmenter.classes)
    with atomic_write(paths["segments.json"]) as stream:
        stream.write((json.dumps(document) + "\n").encode())
    if not arguments.plain:
        frames = [_shown(getattr(job, name), colour=name == "rgb") for name in given]
        fitted = [_fitted(frame, labels.shape) for frame in frames]
        write_picture(paths["overlay.png"], class_overlay(fitted, labels, segmenter.classes))
    written.update(paths.values())
    return {"frame": job.stem, "segments": len(document["annotations"]), **told}


def _kelvin(image: ThermalImage) -> Any:
    """(H, W) temperatures, or None where the frame has none."""
    return image.kelvin if image.radiometric else None


def _shown(image: ThermalImage, *, colour: bool = False) -> Any:
    """(H, W, 3) uint8 of a frame: colours as they are, thermal values in white hot."""
    from thermoscope.sensor.palette import apply_palette
    from thermoscope.sensor.tone import tone_map

    if colour and image.agc is not None and image.agc.ndim == 3:
        return image.agc[..., :3]
    return apply_palette(tone_map(image.values, "percentile"), "white_hot")


def _fitted(picture: Any, shape: tuple[int, ...]) -> Any:
    """The picture at the size of the labels."""
    import cv2

    if picture.shape[:2] == shape:
        return picture
    if abs(picture.shape[0] * shape[1] - picture.shape[1] * shape[0]) > picture.size // 100:
        raise ShapeError(f"a picture of {picture.shape[:2]} px does not fit labels of {shape}.")
    return np.asarray(cv2.resize(picture, (shape[1], shape[0]), interpolation=cv2.INTER_AREA))
