"""Which detector finds which board in real thermal frames, and what a calibration from them says.

    python benchmarks/calibration_targets.py [--tables intrinsics simulated detection] [--out FILE]

Three tables. Detection: share of frames of each set of ``calib/`` (`THERMOSCOPE_DATA`) in which a
method finds the whole board, as the frame is and inverted, beside OpenCV's plain call on the frame
stretched to 8 bits. Intrinsics, where a set has enough views; for the disk set, beside the file of
its authors. Simulated: a 95 degree stereo rig seen through rendered boards, against
the truth. Sets that no method handles are in the table with their zeros.
"""

from __future__ import annotations

import argparse
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml

from thermoscope.core.errors import CalibrationError
from thermoscope.core.files import data_folder
from thermoscope.geometry.camera import Camera
from thermoscope.geometry.pose import from_rotation, invert, rotation_about, transform
from thermoscope.io.read import read
from thermoscope.rig.board_frames import BoardFrames, BoardLook, board_poses
from thermoscope.rig.calibrate import RigCalibration, calibrate, vertical_disparity
from thermoscope.rig.calibration_target import Checkerboard, CircleGrid, Target, parse_target
from thermoscope.rig.target_detectors import POLARITIES, Detection, detect, methods_of, prepared


@dataclass(frozen=True)
class Set:
    """A folder of frames and the board in them; `known` where its sizes are documented."""

    folder: str
    target: str
    model: str = "fisheye"
    calibrate: bool = False


SETS = (
    Set("discocal_tir_circles", "circles:3x4:0.09:0.06", calibrate=True),
    Set("mi3nts_lrt/thermal", "checkerboard:6x7:0.1", "radtan", calibrate=True),
    Set("thermalvis_mask", "squares:4x6:0.04:0.02", "radtan", calibrate=True),
    Set("airlab_rjpeg_circles", "acircles:11x4:0.04:0.04", "radtan"),
    Set("airlab_rjpeg_grid", "squares:8x8:0.05:0.04"),
    Set("vims_stereo_rgbt/rgb_13020556", "checkerboard:6x9:0.03"),
    Set("vims_stereo_rgbt/thermal_5003", "checkerboard:6x9:0.03"),
    Set("vims_stereo_rgbt/thermal_5270", "checkerboard:6x9:0.03"),
)


def frames_of(folder: Path) -> dict[str, np.ndarray]:
    """Stem to (H, W) frame."""
    paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in (".png", ".jpg"))
    return {path.stem: np.asarray(read(path).values) for path in paths}


def plain_opencv(frame: np.ndarray, target: Target) -> bool:
    """OpenCV's own call with its defaults on the stretched frame."""
    picture = prepared(frame)
    if isinstance(target, Checkerboard):
        return bool(cv2.findChessboardCorners(picture, (target.columns, target.rows))[0])
    if isinstance(target, CircleGrid):
        kind = cv2.CALIB_CB_ASYMMETRIC_GRID if target.asymmetric else cv2.CALIB_CB_SYMMETRIC_GRID
        return bool(cv2.findCirclesGrid(picture, (target.columns, target.rows), flags=kind)[0])
    return False


def detection_rows(root: Path) -> Iterator[str]:
    """The first table."""
    yield "| set | frames | OpenCV | method | as it is | inverted | local stretch, either |"
    yield "|---|---|---|---|---|---|---|"
    for each in SETS:
        frames, target = frames_of(root / each.folder), parse_target(each.target)
        plain = sum(plain_opencv(f, target) for f in frames.values())
        for method in methods_of(target):
            counts = [
                sum(
                    detect(f, target, methods=(method,), polarities=p, tones=(t,)) is not None
                    for f in frames.values()
                )
                for p, t in (
                    (POLARITIES[:1], "percentile"),
                    (POLARITIES[1:], "percentile"),
                    (POLARITIES, "local_field"),
                )
            ]
            cells = " | ".join(map(str, counts))
            yield f"| {each.folder} | {len(frames)} | {plain} | {method} | {cells} |"


def found_in(frames: dict[str, np.ndarray], target: Target) -> dict[str, Detection]:
    """The frames in which the board is found."""
    every = {stem: detect(frame, target) for stem, frame in frames.items()}
    return {stem: d for stem, d in every.items() if d is not None}


def intrinsics_rows(root: Path) -> Iterator[str]:
    """The second table."""
    yield "| set | views | model | fx | fy | cx | cy | rms px | held out px | corner spread px |"
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for each in (s for s in SETS if s.calibrate):
        frames, target = frames_of(root / each.folder), parse_target(each.target)
        height, width = next(iter(frames.values())).shape
        try:
            found = found_in(frames, target)
            models: Any = {"c": each.model}
            result = calibrate({"c": found}, target, {"c": (width, height)}, models=models)
        except CalibrationError as err:
            yield f"| {each.folder} | {err} |"
            continue
        r = result.cameras["c"]
        c = r.camera
        yield (
            f"| {each.folder} | {len(r.found)} of {len(frames)} | {c.model} | {c.fx:.1f} | "
            f"{c.fy:.1f} | {c.cx:.1f} | {c.cy:.1f} | {r.rms_px:.3f} | {r.hold_out_px:.3f} | "
            f"{r.corner_spread_px:.2f} |"
        )
        path = root / each.folder / "calibration_result.yaml"
        if path.exists():
            yield authors_row(path, c)


def authors_row(path: Path, ours: Camera) -> str:
    """The authors' values, and how far their pixels and ours are apart for the same ray."""
    a = yaml.safe_load(path.read_text("utf-8"))
    # Their polynomial: even powers of the radius on the undistorted plane, no tangential part.
    k = (a["d1"], a["d2"], 0.0, 0.0, a["d3"])
    theirs = Camera(a["fx"], a["fy"], a["cx"], a["cy"], ours.width, ours.height, "radtan", k)
    grid = np.stack(np.meshgrid(np.linspace(40, 600, 15), np.linspace(40, 472, 13)), -1)
    rays, seen = ours.unproject(grid)
    pixels, shown = theirs.project(rays)
    apart = np.linalg.norm(pixels - grid, axis=-1)[seen & shown]
    return (
        f"| its authors | - | radial 3 | {a['fx']:.1f} | {a['fy']:.1f} | {a['cx']:.1f} | "
        f"{a['cy']:.1f} | {a['reprojection_error']:.3f} | same ray, median "
        f"{np.median(apart):.2f} px, 95 % {np.percentile(apart, 95):.2f} px from ours | - |"
    )


@dataclass(frozen=True)
class Simulation:
    """A stereo rig behind wide lenses, and what it saw."""

    camera: Camera
    T_left_right: np.ndarray
    views: dict[str, dict[str, Detection]]
    frames: dict[str, dict[str, np.ndarray]]
    target: Target


def simulated(
    text: str = "aprilgrid:5x7:0.055:0.3", *, count: int = 30, seed: int = 0
) -> Simulation:
    """Frames of a board before two 95 degree thermal cameras, 120 mm apart, and what is found."""
    camera = Camera.from_fov(
        640, 512, 95.0, model="fisheye", distortion=(-0.09, 0.012, -0.004, 0.0005)
    )
    turn = (rotation_about("y", 1.5) @ rotation_about("x", -0.7))[:3, :3]
    T_left_right = from_rotation(turn, (0.12, 0.002, -0.003))
    target, rng = parse_target(text), np.random.default_rng(seed)
    board, look = BoardFrames(target), BoardLook(light_counts=22000, dark_counts=22200)
    poses = board_poses(target, camera, count, rng=rng, fill=(0.45, 1.3))
    views: dict[str, dict[str, Detection]] = {"thermal_left": {}, "thermal_right": {}}
    frames: dict[str, dict[str, np.ndarray]] = {"thermal_left": {}, "thermal_right": {}}
    for number, pose in enumerate(poses):
        for name, place in (("thermal_left", pose), ("thermal_right", invert(T_left_right) @ pose)):
            frame = board.counts(camera, place, look, rng=rng)
            found = detect(frame, target, tones=("percentile",))
            if found is not None:
                views[name][f"{number:03d}"] = found
                frames[name][f"{number:03d}"] = frame
    return Simulation(camera, T_left_right, views, frames, target)


def simulated_rows(sim: Simulation, found: RigCalibration) -> Iterator[str]:
    """The third table: what was found against what is true."""
    yield "| camera | rms px | held out px | ray error, 95 % px | at the corners px | fx error |"
    yield "|---|---|---|---|---|---|"
    grid = sim.camera.pixel_grid()[::16, ::16]
    corners = np.array([[0, 0], [639, 0], [0, 511], [639, 511]], np.float64)
    for name, r in found.cameras.items():
        errors = []
        for pixels in (grid, corners):
            rays, seen = sim.camera.unproject(pixels)
            errors.append(np.linalg.norm(r.camera.project(rays[seen])[0] - pixels[seen], axis=-1))
        yield (
            f"| {name} | {r.rms_px:.3f} | {r.hold_out_px:.3f} | {np.percentile(errors[0], 95):.3f}"
            f" | {errors[1].max():.3f} | {100 * (r.camera.fx / sim.camera.fx - 1):+.3f} % |"
        )
    left, right = found.cameras
    pose = found.T(left, right)
    true = float(np.linalg.norm(sim.T_left_right[:3, 3]))
    turn = np.linalg.norm(cv2.Rodrigues(pose[:3, :3].T @ sim.T_left_right[:3, :3])[0])
    median, p95 = vertical_disparity(found, sim.views, left, right)
    yield ""
    yield (
        f"baseline {1000 * found.baseline_m(left, right):.3f} mm (true {1000 * true:.3f}), turn "
        f"off by {np.degrees(turn):.4f} degrees, translation by "
        f"{1000 * np.linalg.norm(pose[:3, 3] - sim.T_left_right[:3, 3]):.3f} mm, rows apart "
        f"{median:.3f} px median, {p95:.3f} px 95 %"
    )
    points = [
        np.linalg.norm(d.points - truth_of(sim, name, view, found)[d.ids], axis=1)
        for name, seen in sim.views.items()
        for view, d in seen.items()
    ]
    yield f"corners found {np.sqrt(np.mean(np.concatenate(points) ** 2)):.3f} px rms from the fit"


def truth_of(sim: Simulation, name: str, view: str, found: RigCalibration) -> np.ndarray:
    """Where the fit says that the board's points are."""
    r = found.cameras[name]
    pose = r.T_camera_rig @ found.T_rig_board[view]
    return r.camera.project(transform(pose, sim.target.points))[0]


def simulation_table() -> Iterator[str]:
    """The third table, from rendered frames to errors."""
    sim = simulated()
    sizes = dict.fromkeys(sim.views, (640, 512))
    yield from simulated_rows(sim, calibrate(sim.views, sim.target, sizes))


def main() -> None:
    """Print the tables, row by row."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    names = ("intrinsics", "simulated", "detection")
    parser.add_argument("--tables", nargs="*", choices=names, default=list(names))
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    git = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    lines = [f"commit {git.stdout.strip()}, OpenCV {cv2.__version__}"]
    root = data_folder()
    tables = {"simulated": simulation_table}
    if root is not None:
        tables["intrinsics"] = lambda: intrinsics_rows(root / "calib")
        tables["detection"] = lambda: detection_rows(root / "calib")
    for name in arguments.tables:
        lines.append("")
        for row in tables[name]() if name in tables else ():
            print(row, flush=True)
            lines.append(row)
    if arguments.out:
        arguments.out.write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main()
