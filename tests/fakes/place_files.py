"""Small data sets of the place readers in their true layouts, from plain arrays."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import cv2
import h5py
import numpy as np

NS = 1_000_000_000


def png(path: Path, plane: np.ndarray) -> Path:
    """A picture; colour is given as RGB."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_encoded(plane.tobytes(), plane.shape, plane.dtype.str))
    return path


@lru_cache(maxsize=64)
def _encoded(data: bytes, shape: tuple[int, ...], dtype: str) -> bytes:
    plane = np.frombuffer(data, dtype).reshape(shape)
    encoded, found = cv2.imencode(".png", plane if plane.ndim == 2 else plane[..., ::-1])
    assert encoded
    return found.tobytes()


def lines(path: Path, rows: Sequence[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{row}\n" for row in rows))
    return path


def counts(height: int, width: int, *, base: int = 7000) -> np.ndarray:
    """Counts whose value tells row and column: base + 20 row + column."""
    return (base + 20 * np.arange(height)[:, None] + np.arange(width)[None]).astype(np.uint16)


def marked(size: tuple[int, int], at: tuple[slice, slice]) -> np.ndarray:
    """Black RGB with a red rectangle."""
    picture = np.zeros((*size, 3), np.uint8)
    picture[at[0], at[1], 0] = 255
    return picture


def vivid_sequence(
    folder: Path, *, rgb_s: Sequence[str], thermal_s: Sequence[str], track: Sequence[str] = ()
) -> Path:
    """``<group>/<sequence>`` with a red window of interest and counts."""
    window = marked((1024, 1280), (slice(122, 902), slice(145, 1172)))
    for stamp in rgb_s:
        png(folder / "img" / "color" / f"{stamp}.png", window)
    for stamp in thermal_s:
        png(folder / "img" / "thermal_raw" / f"{stamp}.png", counts(512, 640))
    if track:
        lines(folder / "gpslist.txt", track)
    return folder


def sthereo_sequence(
    folder: Path, *, rgb_ns: Sequence[int], thermal_ns: Sequence[int], poses: Sequence[str]
) -> Path:
    for t_ns in rgb_ns:
        png(folder / "image" / "stereo_left" / f"{t_ns}.png", np.zeros((56, 128, 3), np.uint8))
    for t_ns in thermal_ns:
        png(folder / "image" / "stereo_thermal_14_left" / f"{t_ns}.png", counts(512, 640))
    lines(folder / "pose" / "global_pose.csv", poses)
    return folder


def boson_split(
    root: Path, split: str, queries: Sequence[str], database: Sequence[str], planes: np.ndarray
) -> None:
    folder = root / "satellite_0_thermalmapping_135_train"
    folder.mkdir(parents=True, exist_ok=True)
    text = h5py.string_dtype("utf-8")
    for kind, names in (("queries", queries), ("database", database)):
        with h5py.File(folder / f"{split}_{kind}.h5", "w") as file:
            file.create_dataset("image_name", data=list(names), dtype=text)
            if kind == "queries":
                file.create_dataset("image_data", data=planes)


def cart_flight(
    root: Path, name: str, numbers: Sequence[int], places: np.ndarray | None, *, t_s: object = None
) -> Path:
    """A flight of small pictures: red above, thermal 200 above and 10 below."""
    folder = root / "bag_files" / name
    pictures = folder / "stereo_rectified" / "thermal_color"
    thermal = np.full((12, 16), 10, np.uint8)
    thermal[:6] = 200
    for number in numbers:
        top = marked((12, 16), (slice(0, 6), slice(0, 16)))
        png(pictures / "eo" / f"pair-{number:05d}.png", top)
        png(pictures / "thermal8" / f"pair-{number:05d}.png", thermal)
    if places is not None:
        (folder / "csv").mkdir(exist_ok=True)
        np.save(folder / "csv" / "thermal_utm_coords.npy", places)
    if places is not None and t_s is not None:
        rows = [f"{t},{p[0]},{p[1]}" for t, p in zip(np.asarray(t_s), places, strict=True)]
        lines(folder / "csv" / "thermal_utm_coords.csv", ["Time,easting,northing", *rows])
    return folder


def obv_recording(folder: Path, rows: Sequence[tuple[int, int, float]]) -> Path:
    """Rows of colour stamp, thermal stamp (ns) and x (m)."""
    table = ["rgb_filename,thermal_filename,pos_x,pos_y,pos_z,orient_w"]
    for number, (rgb_ns, thermal_ns, x) in enumerate(rows):
        rgb, thermal = f"seq_{number:04d}_{rgb_ns}.png", f"seq_{number:04d}_{thermal_ns}.png"
        png(folder / "rgb" / rgb, np.full((6, 8, 3), 51, np.uint8))
        png(folder / "thermal" / thermal, counts(6, 8))
        table.append(f"{rgb},{thermal},{x},0.5,1.0,1.0")
    lines(folder / "synchronized_data.csv", table)
    return folder
