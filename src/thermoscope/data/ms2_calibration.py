"""MS2's ``calib.npy``: a pickled dict, read without running what a pickle may ask for.

A pickle can call any function. This reader rebuilds arrays, numbers, text, lists, tuples and dicts,
and refuses everything else before it is imported.
"""

from __future__ import annotations

import io
import pickle  # nosec: only the restricted reader below is used
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.errors import CalibrationError, DatasetCorruptError
from thermoscope.geometry.pose import from_rotation, invert

__all__ = ["MS2Calibration", "load_plain_object", "read_calibration"]

Floats = NDArray[np.float64]
MAX_BYTES = 1_000_000  # the original has a few kilobytes
MM_PER_M = 1000.0
_ALLOWED = frozenset(
    {
        ("numpy", "ndarray"),
        ("numpy", "dtype"),
        *(
            (f"numpy.{core}.{module}", name)
            for core in ("core", "_core")
            for module, name in (
                ("multiarray", "_reconstruct"),
                ("multiarray", "scalar"),
                ("numeric", "_frombuffer"),
            )
        ),
        ("_codecs", "encode"),  # bytes, as older protocols write them
    }
)


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """The few names that arrays need."""
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return super().find_class(module, name)


def load_plain_object(path: str | Path) -> Any:
    """The object in an ``.npy`` file that holds one pickled object of arrays, numbers and text.

    Raises:
        DatasetCorruptError: Absent, over 1 MB, no such file, or a pickle that asks for anything
            but arrays; nothing of it has run then.
    """
    file = Path(path)
    try:
        if file.stat().st_size > MAX_BYTES:
            raise DatasetCorruptError(f"{file} has more than {MAX_BYTES} bytes; expected a few kB.")
        stream = io.BytesIO(file.read_bytes())
        version = np.lib.format.read_magic(stream)
        header = (
            np.lib.format.read_array_header_1_0
            if version == (1, 0)
            else np.lib.format.read_array_header_2_0
        )
        shape, _, dtype = header(stream)
        if dtype != np.dtype(object):
            raise DatasetCorruptError(f"{file} holds {dtype} numbers; expected a pickled dict.")
        found = _PlainUnpickler(stream, encoding="latin1").load()
    except DatasetCorruptError:
        raise
    except Exception as err:  # a damaged pickle raises nearly anything
        raise DatasetCorruptError(
            f"{file} is refused: {err}. Expected a pickled dict of arrays and numbers, as MS2 "
            "ships it; do not open this file with numpy.load(allow_pickle=True)."
        ) from err
    whole = isinstance(found, np.ndarray) and found.dtype == object and found.size == 1
    return found.item() if whole and shape == () else found


@dataclass(frozen=True)
class MS2Calibration:
    """Rectified cameras of a sequence.

    Attributes:
        K: Intrinsics by band: "thr", "rgb", "nir"; left views.
        baseline_m: Of the thermal pair, m.
        T_left_right: Right to left thermal camera, m.
        T_thermal_colour: Left "rgb" and "nir" camera to left thermal camera, m.
    """

    K: Mapping[str, Floats]
    baseline_m: float
    T_left_right: Floats
    T_thermal_colour: Mapping[str, Floats]

    @property
    def focal_px(self) -> float:
        """Horizontal focal length of the thermal pair."""
        return float(self.K["thr"][0, 0])


def read_calibration(path: str | Path) -> MS2Calibration:
    """Calibration of a sequence: millimetres become metres, OpenCV's stereo convention poses.

    Raises:
        DatasetCorruptError: See `load_plain_object`; or keys are missing, or hold no matrices.
        CalibrationError: A rotation that is none, or a baseline of zero.
    """
    stored = load_plain_object(path)
    if not isinstance(stored, dict):
        raise DatasetCorruptError(f"{path} holds {type(stored).__name__}; expected a dict.")
    try:
        K = {band: _matrix(stored, f"K_{band}L", (3, 3)) for band in ("thr", "rgb", "nir")}
        T_right_left = _pose(stored, "thrR")
        T_thermal_nir, T_rgb_nir = _pose(stored, "nir2thr"), _pose(stored, "nir2rgb")
    except KeyError as err:
        raise DatasetCorruptError(
            f"{path} lacks {err}. Expected K_thrL, K_rgbL, K_nirL and R_, T_ of thrR, nir2thr "
            "and nir2rgb."
        ) from err
    except (TypeError, ValueError) as err:
        if isinstance(err, CalibrationError):
            raise
        raise DatasetCorruptError(f"{path}: {err}. Expected matrices of numbers.") from err
    baseline_m = abs(float(T_right_left[0, 3]))
    if not baseline_m > 0:
        raise CalibrationError(f"{path} states a thermal baseline of 0; it must be positive.")
    colour = {"nir": T_thermal_nir, "rgb": T_thermal_nir @ invert(T_rgb_nir)}
    return MS2Calibration(K, baseline_m, invert(T_right_left), colour)


def _matrix(stored: Mapping[str, Any], key: str, shape: tuple[int, ...]) -> Floats:
    values: Floats = np.asarray(stored[key], np.float64)
    if values.size != np.prod(shape) or not np.isfinite(values).all():
        raise ValueError(f"{key} is {values.shape}, not {shape} finite numbers")
    return values.reshape(shape)


def _pose(stored: Mapping[str, Any], name: str) -> Floats:
    """Pose taking the first camera of the name to the second, m."""
    rotation = _matrix(stored, f"R_{name}", (3, 3))
    return from_rotation(rotation, _matrix(stored, f"T_{name}", (3,)) / MM_PER_M)
