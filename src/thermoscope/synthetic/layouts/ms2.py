"""MS2: driving sequences of rectified colour and thermal stereo with projected depth and poses.

=====================================================  =============================================
``sync_data/<seq>/{rgb,thr}/img_{left,right}/``         ``NNNNNN.png``; thermal 16 bit 640x256
``sync_data/<seq>/{rgb,thr}/img_left_timestamp.txt``    seconds, a line a frame
``sync_data/<seq>/gps_imu/data/NNNNNN.txt``             longitude latitude altitude
``sync_data/<seq>/calib.npy``                           pickled dict, lengths in millimetres
``proj_depth/<seq>/{rgb,thr}/{depth,depth_filtered}/``  ``NNNNNN.png`` uint16 / 256 = m, 0 = none
``odom/<seq>/{rgb,thr,odom}/NNNNNN.txt``                4x4 pose, camera to world
``{train,val,test_day,test_night,test_rainy}_list.txt`` sequence names, a line each
=====================================================  =============================================

``depth_filtered`` is dense here; ``depth`` has the beams of a spinning lidar only. Sequences bear
the names of the original ones, so that lists kept in readers fit; a rendered folder is told by its
``scenes.json``. Not written: near-infrared pictures, lidar files, intensity. ``calib.npy`` is a
pickle because the original is: load it with a reader that admits arrays and numbers only.

Source: Shin, Park and Kweon, Deep depth estimation from thermal image, CVPR 2023, and its loader.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.files import atomic_write
from thermoscope.geometry.pose import invert
from thermoscope.synthetic.families import Hour
from thermoscope.synthetic.layouts.files import (
    matrix_text,
    rgb_bytes,
    write_lines,
    write_png,
    write_text,
)
from thermoscope.synthetic.layouts.layout import LAYOUTS, Block, Entry, Facts, of_split, portions
from thermoscope.synthetic.observe import Observation
from thermoscope.synthetic.rig import VirtualRig

__all__ = ["MS2", "depth_levels", "lidar_beams"]

LEVELS_PER_M = 256.0
BEAMS_DEG = np.arange(-24.8, 2.01, 0.42)  # elevations of a 64-beam lidar
BEAM_TOLERANCE_DEG = 0.05
ORIGIN = (127.3604, 36.3721)  # longitude, latitude of the campus where MS2 starts
METRES_PER_DEGREE = 111_320.0

# list: hour, weather, split, sequences of the original in its order
_LISTS: dict[str, tuple[Hour, str | None, str, tuple[str, ...]]] = {
    "train": (None, None, "train", (
        "_2021-08-06-10-59-33", "_2021-08-06-11-37-46", "_2021-08-06-17-21-04",
        "_2021-08-06-17-44-55", "_2021-08-13-16-50-57", "_2021-08-13-17-06-04",
        "_2021-08-13-21-36-10", "_2021-08-13-22-36-41",
    )),
    "val": (None, None, "val", (
        "_2021-08-13-16-08-46", "_2021-08-13-16-14-48", "_2021-08-13-21-58-13",
    )),
    "test_day": ("day", None, "test", (
        "_2021-08-06-11-23-45", "_2021-08-13-15-46-56", "_2021-08-13-16-31-10",
    )),
    "test_night": ("night", None, "test", (
        "_2021-08-13-21-18-04", "_2021-08-13-22-03-03", "_2021-08-13-22-16-02",
    )),
    "test_rainy": ("day", "rain", "test", (
        "_2021-08-06-16-19-00", "_2021-08-06-16-45-28", "_2021-08-06-16-59-13",
    )),
}  # fmt: skip
_NIGHT_FROM, _NIGHT_TO = 20, 5


class MS2:
    """See the module."""

    name = "ms2"
    preset = "ms2"
    taxonomy = "fine"
    aligned = False
    rate_hz = 10.0
    sequence = True
    infinity_share = 0.0

    def blocks(self, count: int, split: str) -> Sequence[Block]:
        """Frames over the five lists, then over as many of a list's sequences as get 50 each."""
        shares = {"train": 0.5, "val": 0.1, "test_day": 0.2, "test_night": 0.1, "test_rainy": 0.1}
        if split != "all":
            whole = of_split(count, split, {"train": 1.0})
            shares = {k: v for k, v in shares.items() if _LISTS[k][2] in whole}
        made: list[Block] = []
        for listed, part in portions(count, shares).items():
            hour, weather, family, sequences = _LISTS[listed]
            used = sequences[: max(1, min(len(sequences), part // 50))]
            for name, number in portions(part, dict.fromkeys(used, 1.0)).items():
                named = hour if listed not in ("train", "val") else _hour_of(name)
                made.append(Block(name, len(made), family, number, named, weather))
        return made

    def write(self, root: Path, entry: Entry, seen: Observation) -> Facts:
        """Pictures, depth, position and poses of one instant."""
        stem = f"{entry.index:06d}"
        sync, depth, odom = (
            Path(top) / entry.block.name for top in ("sync_data", "proj_depth", "odom")
        )
        thermal, colour = seen.rig.thermal.rectified, seen.colour_pair.rectified
        far, near = seen.truth.depth, seen.colour_truth.depth
        pictures = {
            sync / "thr/img_left": seen.counts[0],
            sync / "thr/img_right": seen.counts_right[0],
            sync / "rgb/img_left": rgb_bytes(seen.rgb),
            sync / "rgb/img_right": rgb_bytes(seen.rgb_right),
            depth / "thr/depth_filtered": depth_levels(far),
            depth / "thr/depth": depth_levels(np.where(lidar_beams(thermal.K, far.shape), far, 0)),
            depth / "rgb/depth_filtered": depth_levels(near),
            depth / "rgb/depth": depth_levels(np.where(lidar_beams(colour.K, near.shape), near, 0)),
        }
        files = [str(folder / f"{stem}.png") for folder in pictures]
        for path, picture in zip(files, pictures.values(), strict=True):
            write_png(root / path, picture)
        x, y, z = seen.T_world_camera[:3, 3]
        longitude = ORIGIN[0] + x / (METRES_PER_DEGREE * math.cos(math.radians(ORIGIN[1])))
        latitude = ORIGIN[1] + y / METRES_PER_DEGREE
        texts = {
            sync / "gps_imu/data": f"{longitude:.9f} {latitude:.9f} {z:.4f}\n",
            odom / "thr": matrix_text(seen.T_world_camera),
            odom / "odom": matrix_text(seen.T_world_camera),
            odom / "rgb": matrix_text(seen.T_world_camera @ seen.rig.T_thermal_rgb),
        }
        for folder, text in texts.items():
            write_text(root / folder / f"{stem}.txt", text)
            files.append(str(folder / f"{stem}.txt"))
        _write_calibration(root / sync / "calib.npy", seen.rig)
        return {"files": files, "t_ns": seen.t_ns}

    def finish(self, root: Path, frames: Sequence[tuple[Entry, Facts]]) -> None:
        """Time stamps of each sequence and the five lists."""
        times: dict[str, list[str]] = {}
        for entry, facts in frames:
            times.setdefault(entry.block.name, []).append(f"{facts['t_ns'] / 1e9:.6f}")
        for name, lines in times.items():
            for band in ("rgb", "thr"):
                write_lines(root / "sync_data" / name / band / "img_left_timestamp.txt", lines)
        for listed, (*_, sequences) in _LISTS.items():
            write_lines(root / f"{listed}_list.txt", [s for s in sequences if s in times])


def depth_levels(depth: NDArray[np.floating]) -> NDArray[np.uint16]:
    """(H, W) uint16, 256 levels a metre; 0 where none, infinite or beyond 16 bit."""
    levels = np.rint(np.where(np.isfinite(depth), depth, 0.0) * LEVELS_PER_M)
    return np.where(levels <= 65535, levels, 0).astype(np.uint16)


def lidar_beams(K: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """(H, W) True where a beam of a level 64-beam lidar beside the camera falls."""
    x = (np.arange(shape[1])[None] - K[0, 2]) / K[0, 0]
    y = (np.arange(shape[0])[:, None] - K[1, 2]) / K[1, 1]
    elevation = -np.degrees(np.arctan2(y, np.sqrt(1.0 + x**2)))
    off = np.abs(elevation[..., None] - BEAMS_DEG).min(axis=-1)
    return np.asarray(off < BEAM_TOLERANCE_DEG)


def _hour_of(sequence: str) -> Hour:
    clock = int(sequence.split("-")[3])
    return "night" if clock >= _NIGHT_FROM or clock <= _NIGHT_TO else "day"


def _write_calibration(path: Path, rig: VirtualRig) -> None:
    """The pickled dict of the original: OpenCV's stereo convention, millimetres."""
    if path.exists() or rig.rgb is None:
        return
    thermal, colour = rig.thermal, rig.rgb
    T_rgb_thermal = invert(rig.T_thermal_rgb)
    still = np.eye(3)

    def shift(metres: NDArray[np.float64] | tuple[float, float, float]) -> NDArray[np.float64]:
        return np.asarray(metres, np.float64).reshape(3, 1) * 1000.0

    calibration = {
        "K_rgbL": colour.rectified.K,
        "K_rgbR": colour.rectified_right.K,
        "K_nirL": colour.rectified.K,
        "K_nirR": colour.rectified_right.K,
        "K_thrL": thermal.rectified.K,
        "K_thrR": thermal.rectified_right.K,
        "R_rgbR": still,
        "T_rgbR": shift((-colour.baseline_m, 0.0, 0.0)),
        "R_nirR": still,
        "T_nirR": shift((-colour.baseline_m, 0.0, 0.0)),
        "R_thrR": still,
        "T_thrR": shift((-thermal.baseline_m, 0.0, 0.0)),
        # The near-infrared pair is not rendered; it is said to stand where the colour pair does.
        "R_nir2thr": rig.T_thermal_rgb[:3, :3],
        "T_nir2thr": shift(rig.T_thermal_rgb[:3, 3]),
        "R_nir2rgb": still,
        "T_nir2rgb": shift((0.0, 0.0, 0.0)),
        "R_thr2rgb": T_rgb_thermal[:3, :3],
        "T_thr2rgb": shift(T_rgb_thermal[:3, 3]),
    }
    with atomic_write(path) as stream:
        np.save(stream, np.array(calibration, dtype=object), allow_pickle=True)


LAYOUTS.add("ms2", MS2())
