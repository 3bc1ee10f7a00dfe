"""A short recording of one rendered scene by a rig whose cameras are known exactly."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import numpy as np

from thermoscope.core.files import sha256_of
from thermoscope.geometry.pose import invert
from thermoscope.io.ros_messages import FrameStamp
from thermoscope.rig.calibration_files import RigCameras, write_calibration
from thermoscope.rig.recording_format import CameraRecord, Manifest, write_manifest
from thermoscope.rig.segment import PictureCoder, SegmentWriter
from thermoscope.synthetic.dataset import Scenes

NAMES = ("thermal_left", "thermal_right", "rgb_left", "rgb_right")
OFFSET_NS = 1_700_000_000_000_000_000
START_NS = 5_000_000_000
PERIOD_NS = 100_000_000
RGB_LATE_NS = 12_000_000


@cache
def scene(preset: str) -> Scenes:
    """One street, seen through the lenses of the rig."""
    return Scenes(
        environment="urban", preset=preset, count=1, seed=3, noise=False, hour="day",
        lens="distorted",
    )  # fmt: skip


@cache
def pictures(preset: str) -> dict[str, np.ndarray]:
    """What each camera sees through its own lens."""
    sample = scene(preset)[0]
    return {
        "thermal_left": sample["counts"][0],
        "thermal_right": sample["counts_right"][0],
        "rgb_left": _bytes(sample["rgb"]),
        "rgb_right": _bytes(sample["rgb_right"]),
    }


def colour_in_thermal(preset: str) -> np.ndarray:
    """(H, W, 3) uint8 colour as the left thermal camera itself would see it, through its lens."""
    return _bytes(scene(preset).observe(0).rgb_in_thermal)


def _bytes(rgb: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(np.rint(rgb * 255).astype(np.uint8).transpose(1, 2, 0))


@cache
def rig_cameras(preset: str) -> RigCameras:
    """The cameras as a perfect calibration would tell them."""
    rig, T_left_rgb = scene(preset).rig, scene(preset)[0]["T_thermal_rgb"]
    cameras = (rig.thermal.left, rig.thermal.right, rig.rgb.left, rig.rgb.right)
    places = (
        np.eye(4),
        invert(rig.thermal.T_left_right),
        invert(T_left_rgb),
        invert(T_left_rgb @ rig.rgb.T_left_right),
    )
    return RigCameras(dict(zip(NAMES, cameras, strict=True)), dict(zip(NAMES, places, strict=True)))


def write_rig(path: Path, *, preset: str = "tiny") -> Path:
    """``calibration.json`` of the rig."""
    write_calibration(path, rig_cameras(preset))
    return path


@dataclass(frozen=True)
class Faults:
    """What goes wrong, by camera and number of the frame."""

    shutter: dict[str, set[int]] = field(default_factory=dict)
    frozen: dict[str, set[int]] = field(default_factory=dict)
    duplicate: dict[str, set[int]] = field(default_factory=dict)


def write_rendered_recording(
    folder: Path,
    *,
    preset: str = "tiny",
    frames: int = 30,
    names: tuple[str, ...] = NAMES,
    faults: Faults | None = None,
    calibration: Path | None = None,
) -> Path:
    """Ten frames a second of a scene that stands still; only the noise changes.

    A calibration is kept in the recording under its own name.
    """
    folder.mkdir(parents=True)
    seen, faults = pictures(preset), faults or Faults()
    records = tuple(_record(name, seen[name]) for name in names)
    writer = SegmentWriter(folder / "000000.mcap", records, offset_ns=OFFSET_NS)
    coders = {record.name: PictureCoder(record) for record in records}
    last: dict[str, np.ndarray] = {}
    for index in range(frames):
        for name in names:
            picture = noisy(seen[name], index)
            if index in faults.frozen.get(name, ()) or index in faults.shutter.get(name, ()):
                picture = last[name]
            last[name] = picture
            stamp = _stamp(name, index, faults)
            writer.add_frame(name, coders[name].encode(picture, stamp.t_ns), stamp)
    segment = writer.close()
    lost = dict.fromkeys(names, 0)
    manifest = Manifest(records, OFFSET_NS, OFFSET_NS, (segment,), lost, "asked")
    if calibration is not None:
        shutil.copyfile(calibration, folder / calibration.name)
        sha256 = sha256_of(calibration)
        manifest = replace(manifest, calibration=calibration.name, calibration_sha256=sha256)
    write_manifest(folder, manifest)
    return folder


def noisy(picture: np.ndarray, index: int) -> np.ndarray:
    """Frame `index` of a camera: the scene and up to two levels of noise."""
    rng = np.random.default_rng(index)
    noise = rng.integers(0, 3, picture.shape[:2]).astype(picture.dtype)
    noise = noise if picture.ndim == 2 else noise[..., None]
    return np.minimum(picture, np.iinfo(picture.dtype).max - 2) + noise


def _record(name: str, picture: np.ndarray) -> CameraRecord:
    thermal = name.startswith("thermal")
    height, width = picture.shape[:2]
    kind, codec = ("thermal", "mono16") if thermal else ("rgb", "raw")
    return CameraRecord(name, f"serial-{name}", kind, codec, width, height, 10.0)


def _stamp(name: str, index: int, faults: Faults) -> FrameStamp:
    host_ns = START_NS + index * PERIOD_NS + (RGB_LATE_NS if name.startswith("rgb") else 0)
    counter = 100 + index - int(index in faults.duplicate.get(name, ()))
    ffc = "running" if index in faults.shutter.get(name, ()) else "complete"
    return FrameStamp(
        OFFSET_NS + host_ns, index, counter, None, host_ns,
        ffc=ffc if name.startswith("thermal") else "",
    )  # fmt: skip
