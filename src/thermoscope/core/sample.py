"""The Sample contract: what a reader returns, a transform changes and a model takes.

A sample is a plain dict. Every key that may be in it is a row of `FIELDS`, with element type,
shape, unit and the value that means "unknown"; `check_sample` enforces the table. Readers make
numpy arrays without a batch axis; loaders stack them into tensors with a leading B.
``docs/sample.md`` is generated from this file (``python -m thermoscope.core.sample``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np

from thermoscope.core.checks import check_shape
from thermoscope.core.errors import ShapeError, UnitError, UnknownNameError

__all__ = ["FIELDS", "IGNORE_INDEX", "Field", "Sample", "check_sample", "sample_table"]

IGNORE_INDEX = 255


@dataclass(frozen=True)
class Field:
    """One key of the contract.

    Attributes:
        dtype: Element type, or the Python type for scalars.
        shape: Axes without the batch axis; "" for a scalar or text.
        unit: Unit, or what the number means.
        invalid: How "unknown" is written, "" if every value is known.
        text: What it is, in one line.
    """

    dtype: str
    shape: str
    unit: str
    invalid: str
    text: str


class Sample(TypedDict, total=False):
    """One observation; see `FIELDS` for shape, unit and invalid value of each key."""

    name: str
    counts: np.ndarray
    counts_right: np.ndarray
    agc: np.ndarray
    kelvin: np.ndarray
    thermal: np.ndarray
    thermal_right: np.ndarray
    rgb: np.ndarray
    rgb_right: np.ndarray
    disparity: np.ndarray
    disparity_right: np.ndarray
    depth: np.ndarray
    valid: np.ndarray
    occluded: np.ndarray
    row_offset_px: float
    labels: np.ndarray
    taxonomy: str
    K: np.ndarray
    K_rgb: np.ndarray
    T_left_right: np.ndarray
    T_thermal_rgb: np.ndarray
    T_world_camera: np.ndarray
    baseline_m: float
    position_m: np.ndarray
    t_ns: int
    imu: np.ndarray
    ffc: bool


_IMAGE_NOTE = "left camera unless the key says right"
FIELDS: dict[str, Field] = {
    "name": Field("str", "", "text", "", "Identifier, unique in its data set"),
    "counts": Field(
        "uint16", "1 H W", "sensor counts, linear in radiance", "", f"Thermal, {_IMAGE_NOTE}"
    ),
    "counts_right": Field("uint16", "1 H W", "as counts", "", "Thermal, right view"),
    "agc": Field(
        "uint8", "1 H W", "8 bit after AGC, no physical scale", "", "Thermal picture, not counts"
    ),
    "kelvin": Field("float32", "1 H W", "K", "nan", "Surface temperature"),
    "thermal": Field(
        "float32", "1 H W", "tone-mapped network input", "", "By the weights' input spec"
    ),
    "thermal_right": Field("float32", "1 H W", "as thermal", "", "Right view"),
    "rgb": Field("float32", "3 H W", "[0, 1]", "", "Colour image; its own H and W"),
    "rgb_right": Field("float32", "3 H W", "[0, 1]", "", "Right colour image"),
    "disparity": Field(
        "float32", "1 H W", "px, x_left - x_right, any sign", "see valid", "Of the left view"
    ),
    "disparity_right": Field(
        "float32",
        "1 H W",
        "px, x_left - x_right, any sign",
        "inf where unknown",
        "Of the right view",
    ),
    "depth": Field("float32", "1 H W", "m along z", "see valid", "Depth of the left thermal view"),
    "valid": Field(
        "bool", "1 H W", "True = known", "", "The only mark of known depth and disparity"
    ),
    "occluded": Field("bool", "1 H W", "True = not seen in the right view", "", "Of the left view"),
    "row_offset_px": Field(
        "float", "", "px, down", "", "Right view lies lower than the left by this, if not rectified"
    ),
    "labels": Field("int64", "1 H W", "class id", "255", "Classes in `taxonomy`"),
    "taxonomy": Field("str", "", "name of the label set", "", "Which ids `labels` holds"),
    "K": Field("float64", "3 3", "px", "", "Intrinsics of the left thermal view"),
    "K_rgb": Field("float64", "3 3", "px", "", "Intrinsics of the left colour view"),
    "T_left_right": Field("float64", "4 4", "m", "", "Pose taking right to left thermal"),
    "T_thermal_rgb": Field("float64", "4 4", "m", "", "Pose taking left RGB to left thermal"),
    "T_world_camera": Field("float64", "4 4", "m", "", "Pose taking left thermal to world"),
    "baseline_m": Field("float", "", "m, > 0", "", "Distance of the thermal cameras"),
    "position_m": Field("float64", "3", "m", "nan", "Camera position in the world"),
    "t_ns": Field("int", "", "ns, sensor clock", "", "Moment of capture"),
    "imu": Field(
        "float64", "N 7", "s, m/s^2 (3), rad/s (3)", "", "Samples since the last frame, time first"
    ),
    "ffc": Field("bool", "", "True = shutter closed", "", "Frame is frozen or flat"),
}


def check_sample(sample: Mapping[str, Any]) -> None:
    """Enforce the contract on one sample (without a batch axis).

    Raises:
        UnknownNameError: A key is not in `FIELDS`.
        UnitError: A value has another element type, or `labels` come without `taxonomy`.
        ShapeError: A value has another shape, or thermal planes differ in size.
    """
    for key, value in sample.items():
        if key not in FIELDS:
            raise UnknownNameError("sample key", key, FIELDS, listing="docs/sample.md")
        _check_field(key, value, FIELDS[key])
    if "labels" in sample and "taxonomy" not in sample:
        raise UnitError("sample has labels and no taxonomy. Add taxonomy: the ids mean nothing.")
    planes = [k for k, f in FIELDS.items() if f.shape == "1 H W" and k in sample]
    sizes = {sample[k].shape[-2:] for k in planes}
    if len(sizes) > 1:
        raise ShapeError(f"thermal planes of one sample differ in size: {sorted(sizes)}.")


def _check_field(key: str, value: Any, field: Field) -> None:
    plain = {"str": str, "int": (int, np.integer), "float": (float, np.floating)}
    if not field.shape:
        wanted = plain.get(field.dtype, (bool, np.bool_))
        if not isinstance(value, wanted):  # type: ignore[arg-type]
            raise UnitError(f"sample[{key!r}] must be {field.dtype}, got {type(value).__name__}.")
        return
    if str(value.dtype).removeprefix("torch.") != field.dtype:
        raise UnitError(f"sample[{key!r}] must be {field.dtype}, got {value.dtype}.")
    check_shape(value, field.shape, name=f"sample[{key!r}]")


def sample_table() -> str:
    """The contract as Markdown: the content of ``docs/sample.md``."""
    lines = [
        "# The Sample contract",
        "",
        "Generated from `thermoscope.core.sample`; do not edit by hand:",
        "`python -m thermoscope.core.sample > docs/sample.md`.",
        "",
        "A sample is a plain dict of numpy arrays without a batch axis. Loaders stack samples into",
        "tensors with a leading B. `valid` alone says that a depth or disparity is known: sky has",
        "the true disparity 0.",
        "",
        "| key | type | shape | unit | unknown | what |",
        "|---|---|---|---|---|---|",
    ]
    for key, f in FIELDS.items():
        shape = f"({', '.join(f.shape.split())})" if f.shape else "-"
        lines.append(
            f"| `{key}` | {f.dtype} | {shape} | {f.unit} | {f.invalid or '-'} | {f.text} |"
        )
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    import sys

    sys.stdout.write(sample_table())
