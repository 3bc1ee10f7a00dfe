"""``thermoscope rig calibrate``: intrinsics and places of cameras from frames of a board."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import tyro
from numpy.typing import NDArray

from thermoscope.cli.arguments import parse, print_json, print_table, warn
from thermoscope.cli.progress import progress_bar
from thermoscope.core.errors import CalibrationError, ConfigError, ReadError, ThermoscopeError
from thermoscope.core.files import atomic_write

if TYPE_CHECKING:
    from thermoscope.rig.calibrate import RigCalibration
    from thermoscope.rig.calibration_target import Target
    from thermoscope.rig.target_detectors import Detection

__all__ = ["Arguments", "main"]


@dataclass(frozen=True)
class Arguments:
    """Intrinsics of cameras, and where they stand, from frames of a flat board.

    Each camera is a folder of frames; files of the same name are the same instant. Into the folder
    go calibration.json, camchain.yaml (Kalibr), NAME.camera_info.yaml (ROS) and report.html. With
    --pdf and no camera, only the board is written, at true size.
    """

    cameras: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """NAME=FOLDER each; the first camera is the origin of the rig."""
    target: str = tyro.MISSING
    """The board: checkerboard:6x9:0.03 (inner corners, metres), circles:4x5:0.06,
    acircles:11x4:0.02, squares:4x6:0.04:0.02 or aprilgrid:6x6:0.055:0.3."""
    out: Path | None = None
    """Folder to write into."""
    model: Literal["fisheye", "radtan", "pinhole"] = "fisheye"
    """Lens: fisheye is Kannala-Brandt, right for wide lenses; radtan for narrow ones."""
    models: tuple[str, ...] = ()
    """NAME=MODEL of cameras that differ."""
    pdf: Path | None = None
    """Write the board as PDF to print or cut."""
    json: bool = False
    """Print the result as JSON."""


def main(words: Sequence[str]) -> int:
    """Run the verb; 0 if a calibration, or a board, was written."""
    arguments = parse(Arguments, words, verb="rig calibrate")
    from thermoscope.rig.board_drawing import board_pdf
    from thermoscope.rig.calibration_target import parse_target

    target = parse_target(arguments.target)
    if arguments.pdf is not None:
        with atomic_write(arguments.pdf) as stream:
            stream.write(board_pdf(target))
        if not arguments.cameras:
            return 0
    if not arguments.cameras or arguments.out is None:
        raise ConfigError(
            "give cameras as NAME=FOLDER with --out FOLDER, or --pdf FILE for the board alone."
        )
    frames = {name: _frames(Path(folder)) for name, folder in _pairs(arguments.cameras, "cameras")}
    models = _models(arguments, list(frames))
    views = _detections(frames, target)
    from thermoscope.rig.calibrate import calibrate

    sizes = {}
    for name, found in frames.items():
        height, width = next(iter(found.values())).shape
        sizes[name] = (width, height)
    calibration = calibrate(views, target, sizes, models=models)
    _write(arguments.out, calibration, views, frames)
    _report(arguments, calibration, views, frames)
    return 0


def _pairs(words: Sequence[str], flag: str) -> list[tuple[str, str]]:
    parts = [word.partition("=") for word in words]
    for word, (name, _, value) in zip(words, parts, strict=True):
        if not name or not value:
            raise ConfigError(f"{flag}: expected NAME=VALUE, got {word!r}.")
    names = [name for name, _, _ in parts]
    if len(set(names)) != len(names):
        raise ConfigError(f"{flag}: a name comes twice in {', '.join(names)}.")
    return [(name, value) for name, _, value in parts]


def _models(arguments: Arguments, names: Sequence[str]) -> dict[str, Any]:
    chosen = dict(_pairs(arguments.models, "--models"))
    for name, model in chosen.items():
        if name not in names or model not in ("fisheye", "radtan", "pinhole"):
            raise ConfigError(
                f"--models {name}={model}: expected one of the cameras {', '.join(names)} and "
                "fisheye, radtan or pinhole."
            )
    return {name: chosen.get(name, arguments.model) for name in names}


def _frames(folder: Path) -> dict[str, NDArray[Any]]:
    """Stem to (H, W) counts or grey, of every picture of a folder."""
    from thermoscope.io.read import read
    from thermoscope.io.sequence import image_files

    if not folder.is_dir():
        raise ReadError(f"no folder {folder}. Expected a folder of frames of one camera.")
    found: dict[str, NDArray[Any]] = {}
    for path in image_files(folder):
        try:
            found[path.stem] = np.asarray(read(path).values)
        except ThermoscopeError as err:
            warn(str(err))
    if not found:
        raise ReadError(f"{folder} holds no readable picture. Expected frames of one camera.")
    sizes = {values.shape for values in found.values()}
    if len(sizes) > 1:
        raise CalibrationError(f"{folder} holds frames of several sizes: {sorted(sizes)}.")
    return found


def _detections(
    frames: dict[str, dict[str, NDArray[Any]]], target: Target
) -> dict[str, dict[str, Detection]]:
    """The board in every frame; what worked for a camera is tried first on its next frame."""
    from thermoscope.rig.target_detectors import POLARITIES, detect

    views: dict[str, dict[str, Detection]] = {}
    with progress_bar("board") as steps:
        steps.expect(sum(len(found) for found in frames.values()))
        for name, found in frames.items():
            views[name] = {}
            order = list(POLARITIES)
            for stem, values in found.items():
                detection = detect(values, target, polarities=order)
                if detection is not None:
                    views[name][stem] = detection
                    order.sort(key=lambda p, seen=detection.polarity: p != seen)  # type: ignore[misc]
                steps.done(name)
    return views


def _write(
    out: Path,
    calibration: RigCalibration,
    views: dict[str, dict[str, Detection]],
    frames: dict[str, dict[str, NDArray[Any]]],
) -> None:
    from thermoscope.rig.calibration_files import (
        write_calibration,
        write_camchain,
        write_camera_info,
    )
    from thermoscope.rig.calibration_report import write_report

    write_calibration(out / "calibration.json", calibration)
    for name, result in calibration.cameras.items():
        write_camera_info(out / f"{name}.camera_info.yaml", result.camera, name=name)
    write_report(out / "report.html", calibration, views, frames)
    try:
        write_camchain(out / "camchain.yaml", calibration)
    except CalibrationError as err:
        warn(f"no camchain.yaml: {err}")


def _report(
    arguments: Arguments,
    calibration: RigCalibration,
    views: dict[str, dict[str, Detection]],
    frames: dict[str, dict[str, NDArray[Any]]],
) -> None:
    from thermoscope.rig.calibration_report import advice

    rows = [
        {
            "camera": name,
            "found": len(views[name]),
            "frames": len(frames[name]),
            "rms_px": round(r.rms_px, 3),
            "hold_out_px": round(r.hold_out_px, 3) if r.hold_out_px == r.hold_out_px else None,
            "coverage": round(r.coverage, 2),
            "baseline_mm": round(1000 * float(np.linalg.norm(r.T_camera_rig[:3, 3])), 2),
        }
        for name, r in calibration.cameras.items()
    ]
    remarks = advice(calibration)
    if arguments.json:
        print_json({"cameras": rows, "advice": remarks, "rejected": list(calibration.rejected)})
        return
    print_table(list(rows[0]), [list(row.values()) for row in rows])
    for remark in remarks:
        warn(remark)
