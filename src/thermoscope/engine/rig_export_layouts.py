"""What an export writes: files of a pair and tables of a run, as the readers read them.

==================== =======================================================================
layout               files below the output folder
==================== =======================================================================
tartanrgbt           ``<group>/<name>/``: ``thermal_left_rect``, ``thermal_left_rect_8``,
                     ``thermal_right_rect_8``, ``rgb_in_thermal/########_rgb_in_thermal.png``,
                     ``rgb_in_thermal_mask``, shutter flags, ``target_timestamps.txt``
tartanrgbt_download  the same with ``RGB_aligned_with_thermal/########.png``
ms2                  ``sync_data/<name>/{thr,rgb}/img_{left,right}/######.png``, times,
                     ``calib.npy``, ``<split>_list.txt``
pairs                ``<name>/{rgb,thermal,thermal_right,mask}/<ns>.png``, ``pairs.csv``
==================== =======================================================================

Everything is bytes in memory, so that whoever writes can hash, check and repeat. Frame numbers of
TartanRGBT step by ten, as in its release. Not written: odometry, lidar depth, positions.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from thermoscope.core.errors import WriteError
from thermoscope.engine.rig_export_plan import PlannedPair
from thermoscope.engine.rig_export_views import ExportGeometry, PairViews
from thermoscope.geometry.pose import invert
from thermoscope.sensor.tone import ToneSpec, tone_map

__all__ = ["LAYOUTS", "Layout", "Run", "list_lines", "pair_files", "table_files"]

Layout = Literal["tartanrgbt", "tartanrgbt_download", "ms2", "pairs"]
LAYOUTS: tuple[Layout, ...] = get_args(Layout)
STEP = 10  # of the frame numbers in TartanRGBT's release
MM_PER_M = 1000.0
NS = 1_000_000_000


@dataclass(frozen=True)
class Run:
    """What a recording is called in a data set.

    Attributes:
        layout: One of `LAYOUTS`.
        name: Of the run.
        group: Folder above a run of TartanRGBT.
        split: Whose list the run goes to.
    """

    layout: Layout
    name: str
    group: str
    split: str

    @property
    def folder(self) -> str:
        """Of the run, below the output folder."""
        if self.layout == "ms2":
            return f"sync_data/{self.name}"
        above = self.group if self.layout != "pairs" else ""
        return f"{above}/{self.name}" if above else self.name


def pair_files(run: Run, number: int, pair: PlannedPair, views: PairViews) -> dict[str, bytes]:
    """Path below the output folder to content, of the pair with this number.

    Raises:
        WriteError: A picture that PNG cannot hold.
    """
    if run.layout == "ms2":
        named = _ms2_pictures(number, views)
    elif run.layout == "pairs":
        named = _own_pictures(pair, views)
    else:
        named = _tartanrgbt_pictures(run.layout, number, views)
    return {f"{run.folder}/{name}": _png(name, picture) for name, picture in named.items()}


def _tartanrgbt_pictures(
    layout: Layout, number: int, views: PairViews
) -> dict[str, NDArray[np.generic]]:
    stem = f"{number * STEP:08d}"
    colour = f"rgb_in_thermal/{stem}_rgb_in_thermal.png"
    if layout == "tartanrgbt_download":
        colour = f"RGB_aligned_with_thermal/{stem}.png"
    named: dict[str, NDArray[np.generic]] = {
        f"thermal_left_rect_8/{stem}.png": _eight_bits(views.thermal),
        colour: views.rgb,
    }
    if views.thermal.dtype == np.uint16:
        named[f"thermal_left_rect/{stem}.png"] = views.thermal
    if views.thermal_right is not None:
        named[f"thermal_right_rect_8/{stem}.png"] = _eight_bits(views.thermal_right)
    if views.registration is not None:
        named[f"rgb_in_thermal_mask/{stem}.png"] = views.registration.mask
    return named


def _ms2_pictures(number: int, views: PairViews) -> dict[str, NDArray[np.generic]]:
    stem = f"{number:06d}.png"
    sides = {
        "thr/img_left": views.thermal,
        "thr/img_right": views.thermal_right,
        "rgb/img_left": views.rgb,
        "rgb/img_right": views.rgb_right,
    }
    return {f"{side}/{stem}": picture for side, picture in sides.items() if picture is not None}


def _own_pictures(pair: PlannedPair, views: PairViews) -> dict[str, NDArray[np.generic]]:
    stem = f"{pair.t_ns}.png"
    named: dict[str, NDArray[np.generic]] = {
        f"thermal/{stem}": views.thermal,
        f"rgb/{stem}": views.rgb,
    }
    if views.thermal_right is not None:
        named[f"thermal_right/{stem}"] = views.thermal_right
    if views.registration is not None:
        named[f"mask/{stem}"] = views.registration.mask
    return named


def _eight_bits(picture: NDArray[Any]) -> NDArray[np.uint8]:
    return (
        picture if picture.dtype == np.uint8 else tone_map(picture, ToneSpec.of("clahe_bilateral"))
    )


def _png(name: str, picture: NDArray[np.generic]) -> bytes:
    order = picture if picture.ndim == 2 else picture[..., ::-1]  # OpenCV's order is BGR
    encoded, data = cv2.imencode(".png", np.ascontiguousarray(order))
    if not encoded:
        raise WriteError(f"cannot encode {name}: {picture.shape} {picture.dtype}.")
    return data.tobytes()


def table_files(
    run: Run, pairs: Sequence[PlannedPair], geometry: ExportGeometry | None
) -> dict[str, bytes]:
    """Path below the output folder to content, of the tables of a whole run."""
    if run.layout == "ms2":
        tables = _ms2_tables(pairs, geometry)
    elif run.layout == "pairs":
        tables = {"pairs.csv": _own_table(run, pairs)}
    else:
        tables = {
            "thermal_left_ffc/data.txt": _lines(["0"] * len(pairs)),
            "target_timestamps.txt": _lines([str(pair.t_ns) for pair in pairs]),
        }
    return {f"{run.folder}/{name}": data for name, data in tables.items()}


def list_lines(run: Run) -> dict[str, str]:
    """Lists that runs share: path below the output folder to the line that names this run."""
    if run.layout == "ms2":
        return {f"{run.split}_list.txt": run.name}
    if run.layout == "pairs":
        return {}
    return {f"{run.split}_runs.txt": run.folder}


def _own_table(run: Run, pairs: Sequence[PlannedPair]) -> bytes:
    stream = io.StringIO()
    table = csv.writer(stream, lineterminator="\n")  # quotes a name with a comma
    table.writerow(("rgb", "thermal", "sequence", "split", "t_ns", "dt_s"))
    for pair in pairs:
        name, dt_s = f"{pair.t_ns}.png", -pair.frames["rgb"].dt_ns / NS  # thermal minus rgb
        paths = (f"rgb/{name}", f"thermal/{name}")
        table.writerow((*paths, run.name, run.split, pair.t_ns, f"{dt_s:.6f}"))
    return stream.getvalue().encode()


def _ms2_tables(pairs: Sequence[PlannedPair], geometry: ExportGeometry | None) -> dict[str, bytes]:
    stamps = {
        band: [pair.frames[role].t_ns for pair in pairs]
        for band, role in (("thr", "thermal"), ("rgb", "rgb"))
    }
    tables = {
        f"{band}/img_left_timestamp.txt": _lines([f"{t // NS}.{t % NS:09d}" for t in times])
        for band, times in stamps.items()
    }
    if geometry is not None:
        tables["calib.npy"] = _ms2_calibration(geometry)
    return tables


def _ms2_calibration(geometry: ExportGeometry) -> bytes:
    """The pickled dict of the original: OpenCV's stereo convention, millimetres."""
    thermal, colour = geometry.thermal, geometry.colour_view
    T_thermal_rgb, still = geometry.T_thermal_colour_view, np.eye(3)
    T_rgb_thermal = invert(T_thermal_rgb)
    pair = geometry.colour_pair
    apart_m = (-pair.baseline_m, 0.0, 0.0) if pair is not None else (0.0, 0.0, 0.0)
    known: dict[str, Any] = {"R_thrR": still, "T_thrR": _mm((-thermal.baseline_m, 0.0, 0.0))}
    known |= {f"K_thr{side}": thermal.camera.K for side in "LR"}
    # There is no near-infrared pair: it is said to stand where the colour pair does.
    for band in ("rgb", "nir"):
        known |= {f"K_{band}{side}": colour.K for side in "LR"}
        known |= {f"R_{band}R": still, f"T_{band}R": _mm(apart_m)}
    known |= {"R_nir2thr": T_thermal_rgb[:3, :3], "T_nir2thr": _mm(T_thermal_rgb[:3, 3])}
    known |= {"R_nir2rgb": still, "T_nir2rgb": _mm((0.0, 0.0, 0.0))}
    known |= {"R_thr2rgb": T_rgb_thermal[:3, :3], "T_thr2rgb": _mm(T_rgb_thermal[:3, 3])}
    stream = io.BytesIO()
    np.save(stream, np.array(known, dtype=object), allow_pickle=True)
    return stream.getvalue()


def _mm(metres: Any) -> NDArray[np.float64]:
    return np.asarray(metres, np.float64).reshape(3, 1) * MM_PER_M


def _lines(lines: Sequence[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()
