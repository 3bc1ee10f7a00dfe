"""Calibrations as files: our JSON, Kalibr's camchain YAML and ROS CameraInfo YAML; all read back.

====================== ======================================== ================================
file                   what it holds                            what is lost
====================== ======================================== ================================
``calibration.json``   everything but the points                nothing that a user needs
``camchain.yaml``      intrinsics, distortion, T_cn_cnm1        errors; one topic name a camera
``NAME.yaml`` (ROS)    intrinsics, distortion, K and P          where the camera stands
====================== ======================================== ================================
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from thermoscope.core.errors import CalibrationError, ReadError
from thermoscope.core.files import atomic_write
from thermoscope.geometry.camera import Camera, CameraModel
from thermoscope.geometry.pose import check_pose, invert
from thermoscope.rig.calibrate import CameraResult, RigCalibration

__all__ = [
    "RigCameras",
    "read_calibration",
    "read_camchain",
    "read_camera_info",
    "write_calibration",
    "write_camchain",
    "write_camera_info",
]

Floats = NDArray[np.float64]

SCHEMA = "thermoscope.calibration.v1"
KALIBR: dict[str, str] = {"fisheye": "equidistant", "radtan": "radtan", "pinhole": "none"}
ROS: dict[str, str] = {
    "fisheye": "equidistant",
    "radtan": "plumb_bob",
    "pinhole": "plumb_bob",
}


@dataclass(frozen=True)
class RigCameras:
    """What a file says about a rig.

    Attributes:
        cameras: By name; the first is the origin.
        T_camera_rig: (4, 4) of each.
    """

    cameras: Mapping[str, Camera]
    T_camera_rig: Mapping[str, Floats]


def write_calibration(path: str | Path, rig: RigCalibration | RigCameras) -> None:
    """Cameras and places, with the errors if they are known, as JSON; unknown numbers are null.

    Raises:
        WriteError: The file cannot be written.
    """
    known = _as_cameras(rig)
    cameras: dict[str, dict[str, Any]] = {
        name: {
            "model": camera.model,
            "width": camera.width,
            "height": camera.height,
            **{key: getattr(camera, key) for key in ("fx", "fy", "cx", "cy")},
            "distortion": list(camera.distortion),
            "T_camera_rig": np.asarray(known.T_camera_rig[name]).tolist(),
        }
        for name, camera in known.cameras.items()
    }
    content: dict[str, Any] = {"schema": SCHEMA}
    if isinstance(rig, RigCalibration):
        content |= {"target": rig.target, "rms_px": rig.rms_px, "rejected": list(rig.rejected)}
        for name, result in rig.cameras.items():
            cameras[name] |= _errors(result)
    content["cameras"] = cameras
    with atomic_write(path) as stream:
        stream.write((json.dumps(content, indent=2, allow_nan=False) + "\n").encode())


def _errors(result: CameraResult) -> dict[str, Any]:
    return {
        "deviation": list(result.deviation),
        "rms_px": result.rms_px,
        "hold_out_px": _known(result.hold_out_px),
        "coverage": result.coverage,
        "corner_spread_px": _known(result.corner_spread_px),
        "views": len(result.found),
    }


def read_calibration(path: str | Path) -> RigCameras:
    """The cameras of a file that `write_calibration` wrote.

    Raises:
        ReadError: The file is absent or no JSON.
        CalibrationError: Another schema, a missing key, or values that no camera has.
    """
    content = _loaded(path, json.loads)
    if content.get("schema") != SCHEMA:
        raise CalibrationError(
            f"{path}: schema {content.get('schema')!r}, expected {SCHEMA!r}. "
            "Read Kalibr and ROS files with their own readers."
        )
    entries = _entry(content, "cameras", path)
    cameras, places = {}, {}
    for name, entry in entries.items():
        keys = ("fx", "fy", "cx", "cy", "width", "height", "model")
        values = {key: _entry(entry, key, path) for key in keys}
        cameras[name] = Camera(**values, distortion=tuple(_entry(entry, "distortion", path)))
        places[name] = check_pose(_entry(entry, "T_camera_rig", path), name="T_camera_rig")
    return RigCameras(cameras, places)


def write_camchain(
    path: str | Path, rig: RigCameras | RigCalibration, *, topics: Mapping[str, str] | None = None
) -> None:
    """Kalibr's camchain: ``cam0`` is the origin, each later camera relative to the one before.

    Args:
        path: The file.
        rig: The cameras.
        topics: Camera to ROS topic; ``/NAME/image`` if not given.

    Raises:
        CalibrationError: A radtan camera with more than k1 k2 p1 p2: Kalibr's radtan has no k3.
        WriteError: The file cannot be written.
    """
    known = _as_cameras(rig)
    chain: dict[str, Any] = {}
    before: Floats | None = None
    for index, (name, camera) in enumerate(known.cameras.items()):
        place = known.T_camera_rig[name]
        entry: dict[str, Any] = {
            "camera_model": "pinhole",
            "intrinsics": [camera.fx, camera.fy, camera.cx, camera.cy],
            "distortion_model": KALIBR[camera.model],
            "distortion_coeffs": _four(camera, name),
            "resolution": [camera.width, camera.height],
            "rostopic": (topics or {}).get(name, f"/{name}/image"),
        }
        if before is not None:
            entry["T_cn_cnm1"] = (place @ invert(before)).tolist()
        chain[f"cam{index}"], before = entry, place
    _write_yaml(path, chain)


def read_camchain(path: str | Path) -> RigCameras:
    """Cameras of a Kalibr camchain, named by their topics (``/thermal_left/image``).

    Raises:
        ReadError: The file is absent or no YAML.
        CalibrationError: No ``cam0``, a projection or distortion that is not supported, or values
            that no camera has.
    """
    content = _loaded(path, yaml.safe_load)
    if "cam0" not in content:
        raise CalibrationError(f"{path} has no cam0. Expected a camchain file of Kalibr.")
    models: dict[str, CameraModel] = {
        "equidistant": "fisheye",
        "radtan": "radtan",
        "none": "pinhole",
    }
    cameras: dict[str, Camera] = {}
    places: dict[str, Floats] = {}
    place: Floats = np.eye(4)
    for key in sorted((k for k in content if k.startswith("cam")), key=lambda k: int(k[3:])):
        entry = content[key]
        kind, lens = _entry(entry, "camera_model", path), _entry(entry, "distortion_model", path)
        if kind != "pinhole" or lens not in models:
            raise CalibrationError(
                f"{path}: {key} is {kind}-{lens}. Supported: pinhole with "
                f"{', '.join(models)}. Calibrate again with one of these."
            )
        if key != "cam0":
            step = check_pose(_entry(entry, "T_cn_cnm1", path), name=f"{key} T_cn_cnm1")
            place = step @ place
        name = _name_of(entry.get("rostopic", key), key, cameras)
        k = tuple(_entry(entry, "distortion_coeffs", path)) if lens != "none" else ()
        fx, fy, cx, cy = _entry(entry, "intrinsics", path)
        width, height = _entry(entry, "resolution", path)
        cameras[name] = Camera(fx, fy, cx, cy, width, height, models[lens], k)
        places[name] = place
    return RigCameras(cameras, places)


def write_camera_info(path: str | Path, camera: Camera, *, name: str) -> None:
    """ROS ``camera_info`` YAML of one camera; P is that of the unrectified view.

    Raises:
        WriteError: The file cannot be written.
    """
    coefficients = list(camera.distortion)
    model = ROS[camera.model]
    if model == "plumb_bob":
        model = "rational_polynomial" if len(coefficients) == 8 else model
        coefficients += [0.0] * (5 - len(coefficients))
    projection = np.concatenate([camera.K, np.zeros((3, 1))], axis=1)
    _write_yaml(
        path,
        {
            "image_width": camera.width,
            "image_height": camera.height,
            "camera_name": name,
            "camera_matrix": _matrix(camera.K),
            "distortion_model": model,
            "distortion_coefficients": _matrix(np.array([coefficients])),
            "rectification_matrix": _matrix(np.eye(3)),
            "projection_matrix": _matrix(projection),
        },
    )


def read_camera_info(path: str | Path) -> tuple[str, Camera]:
    """Name and camera of a ROS ``camera_info`` YAML.

    Raises:
        ReadError: The file is absent or no YAML.
        CalibrationError: A missing key, a distortion model that is not supported, or values that
            no camera has.
    """
    content = _loaded(path, yaml.safe_load)
    models: dict[str, CameraModel] = {
        "equidistant": "fisheye",
        "plumb_bob": "radtan",
        "rational_polynomial": "radtan",
    }
    model = _entry(content, "distortion_model", path)
    if model not in models:
        raise CalibrationError(
            f"{path}: distortion model {model!r}. Supported: {', '.join(models)}."
        )
    K = np.reshape(_entry(_entry(content, "camera_matrix", path), "data", path), (3, 3))
    k = tuple(_entry(_entry(content, "distortion_coefficients", path), "data", path))
    lens = models[model]
    if lens == "radtan" and not any(k):
        lens, k = "pinhole", ()
    camera = Camera.from_matrix(
        K,
        width=_entry(content, "image_width", path),
        height=_entry(content, "image_height", path),
        model=lens,
        distortion=k,
    )
    return str(content.get("camera_name", Path(path).stem)), camera


def _as_cameras(rig: RigCameras | RigCalibration) -> RigCameras:
    if isinstance(rig, RigCameras):
        return rig
    results = rig.cameras
    return RigCameras(
        {name: r.camera for name, r in results.items()},
        {name: r.T_camera_rig for name, r in results.items()},
    )


def _four(camera: Camera, name: str) -> list[float]:
    """Kalibr has four coefficients for either lens."""
    k = list(camera.distortion)
    if camera.model == "pinhole":
        return []
    if any(k[4:]):
        raise CalibrationError(
            f"{name}: radtan with k3 cannot be a Kalibr camera, which knows k1 k2 p1 p2 only. "
            "Use the fisheye model, or write calibration.json or CameraInfo."
        )
    return k[:4]


def _name_of(topic: str, key: str, taken: Mapping[str, Camera]) -> str:
    parts = [part for part in str(topic).split("/") if part]
    name = parts[0] if parts else key
    return key if name in taken else name


def _matrix(values: Floats) -> dict[str, Any]:
    rows, columns = values.shape
    return {"rows": rows, "cols": columns, "data": [float(v) for v in values.ravel()]}


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _write_yaml(path: str | Path, content: Mapping[str, Any]) -> None:
    text = yaml.safe_dump(dict(content), sort_keys=False, default_flow_style=None, width=120)
    with atomic_write(path) as stream:
        stream.write(text.encode())


def _loaded(path: str | Path, parse: Any) -> dict[str, Any]:
    try:
        content = parse(Path(path).read_text("utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as err:
        raise ReadError(
            f"cannot read {path}: {err}. Expected a calibration file.", path=path
        ) from err
    if not isinstance(content, dict):
        raise ReadError(f"{path} holds no calibration: expected named values.", path=path)
    return content


def _entry(content: Any, key: str, path: str | Path) -> Any:
    if not isinstance(content, dict) or key not in content:
        raise CalibrationError(f"{path} lacks {key!r}. Is it of another program or cut off?")
    return content[key]
