"""Arrays of any element type to the planes of a `ThermalImage`: the one way in for pixels.

Every decoder hands over what the file stores; here it becomes uint16 counts, float32 kelvin or a
uint8 picture, and what was changed is said by a flag (`CONVERTED`: every value kept, `QUANTISED`:
precision lost) and by an entry in `CaptureInfo.extra`. 16-bit numbers are counts, never silently
temperatures. What is NOT here: the judgement of the content (`thermoscope.sensor.quality.assess`).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.errors import ReadError, ShapeError, UnitError
from thermoscope.io.float_units import FloatUnit, guessed_unit
from thermoscope.io.thermal_image import ZERO_CELSIUS_K, CaptureInfo, Source, ThermalImage
from thermoscope.sensor.planck import LinearScale, Radiometry
from thermoscope.sensor.quality import Quality

__all__ = ["Origin", "image_from_array"]

FAHRENHEIT_ZERO_K = 459.67
COUNTS_MAX = 65535


@dataclass(frozen=True)
class Origin:
    """What the file says about an array.

    Attributes:
        source: File and container.
        capture: Camera and moment.
        unit: Unit of the values, None if the file does not say.
        radiometry: How counts become kelvin, None if the file does not say.
        flags: What the file says is special.
        note: Why there is no temperature, or how far it can be trusted.
    """

    source: Source = field(default_factory=Source)
    capture: CaptureInfo = field(default_factory=CaptureInfo)
    unit: FloatUnit | None = None
    radiometry: Radiometry | None = None
    flags: frozenset[Quality] = frozenset()
    note: str = ""


@dataclass
class _Planes:
    """Planes in the making."""

    counts: NDArray[np.uint16] | None = None
    kelvin: NDArray[np.float32] | None = None
    agc: NDArray[np.uint8] | None = None
    radiometry: Radiometry | None = None
    note: str = ""  # about the temperature
    flags: set[Quality] = field(default_factory=set)
    remarks: dict[str, str] = field(default_factory=dict)  # about the rest


def image_from_array(
    values: NDArray[Any], origin: Origin | None = None, *, scale: LinearScale | None = None
) -> ThermalImage:
    """A thermal image of an array as a file stores it.

    ====================  ===========================================================
    stored                becomes
    ====================  ===========================================================
    uint16                counts, unchanged
    uint8, bool           picture (agc)
    other whole numbers   counts; shifted or divided where they do not fit, and said
    float                 kelvin, from the stated unit or by the rules of `float_units`
    three equal channels  one channel
    other colour          picture of three channels
    alpha                 left out, and said unless it is one value
    ====================  ===========================================================

    Args:
        values: (H, W) or (H, W, 1 to 4), any byte order and layout.
        origin: What the file says about them.
        scale: Linear scale of the stored values, K; makes counts or floats temperatures.

    Raises:
        ShapeError: Not a picture, or one without pixels.
        UnitError: Not real numbers, or `scale` for a colour picture.
        ReadError: Floats that are neither temperatures nor counts nor a picture.
    """
    origin = origin or Origin()
    made = _Planes(radiometry=origin.radiometry, note=origin.note)
    array = _without_alpha(_checked(values), made)
    array = _one_channel_if_grey(array)
    with np.errstate(
        over="ignore", invalid="ignore"
    ):  # infinity and nan are flagged, not warned of
        _put(array, origin, made, scale)
    return ThermalImage(
        counts=made.counts,
        stored_kelvin=made.kelvin,
        agc=made.agc,
        radiometry=made.radiometry if made.counts is not None else None,
        quality=origin.flags | made.flags,
        temperature_note=made.note,
        capture=replace(origin.capture, extra={**origin.capture.extra, **made.remarks}),
        source=origin.source,
    )


def _put(array: NDArray[Any], origin: Origin, made: _Planes, scale: LinearScale | None) -> None:
    """Fill the plane that the element type calls for."""
    if array.ndim == 3:
        _put_colour(array, made, scale)
    elif scale is not None and array.dtype.kind == "f":
        kelvin = array.astype(np.float64) * scale.kelvin_per_count + scale.offset_k
        made.kelvin, made.note = kelvin.astype(np.float32), ""
    elif array.dtype.kind == "f":
        _put_floats(array, origin, made)
    elif array.dtype == np.uint16 or scale is not None or array.dtype.itemsize > 1:
        _put_integers(array, origin, made, scale)
    else:
        _put_picture(array, made)


def _checked(values: NDArray[Any]) -> NDArray[Any]:
    array = np.asarray(values)
    if array.dtype.kind not in "buif":
        raise UnitError(
            f"pixels must be real numbers, got {array.dtype}. Store one number a pixel."
        )
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    channels = array.shape[2] if array.ndim == 3 else 1
    if array.ndim not in (2, 3) or channels > 4 or array.size == 0:
        raise ShapeError(
            f"a picture must be (H, W) or (H, W, 2 to 4) with at least one pixel, "
            f"got {array.shape}.",
            actual_shape=array.shape,
            expected_shape="H W",
        )
    if array.dtype.kind == "f" and array.dtype.itemsize > 8:
        array = array.astype(np.float64)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _without_alpha(array: NDArray[Any], made: _Planes) -> NDArray[Any]:
    if array.ndim == 2 or array.shape[2] == 3:
        return array
    alpha = array[..., -1]
    if alpha.min() != alpha.max():
        share = float((alpha == alpha.min()).mean())
        made.remarks["alpha_left_out"] = f"lowest value in {share:.1%} of the pixels"
    return array[..., 0] if array.shape[2] == 2 else array[..., :3]


def _one_channel_if_grey(array: NDArray[Any]) -> NDArray[Any]:
    if array.ndim == 2:
        return array
    red = array[..., 0]
    same = all(
        np.array_equal(red, array[..., k], equal_nan=array.dtype.kind == "f") for k in (1, 2)
    )
    return np.ascontiguousarray(red) if same else array


def _put_colour(array: NDArray[Any], made: _Planes, scale: LinearScale | None) -> None:
    if scale is not None:
        raise UnitError("a linear scale needs one number a pixel, and this is a colour picture.")
    if array.dtype != np.uint8:
        array = _as_levels(array)
        made.flags.add(Quality.QUANTISED)
    made.agc = np.ascontiguousarray(array)


def _as_levels(array: NDArray[Any]) -> NDArray[np.uint8]:
    """Colour of another depth as 8 bit, full scale to 255."""
    if array.dtype == np.uint16:
        return (array >> 8).astype(np.uint8)
    if array.dtype.kind == "f" and np.nanmin(array) >= 0 and np.nanmax(array) <= 1:
        return np.rint(np.nan_to_num(array.astype(np.float32)) * 255).astype(np.uint8)
    raise UnitError(
        f"a colour picture of {array.dtype} is not understood. Store 8 or 16 bit a channel."
    )


def _put_picture(array: NDArray[Any], made: _Planes) -> None:
    """One byte or bit a pixel."""
    if array.dtype == np.uint8:
        made.agc = np.ascontiguousarray(array)
        return
    made.flags.add(Quality.CONVERTED)
    if array.dtype == np.bool_:
        made.agc = array.astype(np.uint8) * np.uint8(255)
    else:  # int8
        made.agc = (array.astype(np.int16) + 128).astype(np.uint8)
        made.remarks["stored_values"] = "signed 8 bit, grey level - 128"


def _put_integers(
    array: NDArray[Any], origin: Origin, made: _Planes, scale: LinearScale | None
) -> None:
    """Whole numbers as counts, with the linear scale that belongs to what is stored."""
    counts, step, offset = _fitted(array)
    made.counts = counts
    if array.dtype != np.uint16:
        made.flags.add(Quality.QUANTISED if step != 1 else Quality.CONVERTED)
    if step != 1 or offset != 0:
        made.remarks["stored_values"] = f"{step} * counts {offset:+d}"
        made.radiometry = None
    if scale is not None:
        made.radiometry = LinearScale(
            scale.kelvin_per_count * step, scale.offset_k + scale.kelvin_per_count * offset
        )
        made.note = ""


def _fitted(array: NDArray[Any]) -> tuple[NDArray[np.uint16], int, int]:
    """(counts, step, offset) with stored = step * counts + offset, rounded to the step."""
    if array.dtype == np.uint16:
        return np.ascontiguousarray(array), 1, 0
    low, high = int(array.min()), int(array.max())
    if 0 <= low and high <= COUNTS_MAX:
        return array.astype(np.uint16), 1, 0
    offset = -32768 if -32768 <= low and high <= 32767 else min(low, 0)
    step = 1 << max((high - offset).bit_length() - 16, 0)
    bits = array.astype(np.int64).view(np.uint64)  # modulo 2^64: no overflow can matter
    shifted = bits - np.array(offset % 2**64, np.uint64)
    return (shifted // np.uint64(step)).astype(np.uint16), step, offset


def _put_floats(array: NDArray[Any], origin: Origin, made: _Planes) -> None:
    unit, seen = (origin.unit, "") if origin.unit is not None else guessed_unit(array)
    if unit is None:
        raise ReadError(
            f"the float pixels are neither temperatures nor counts ({seen}). "
            "Pass scale=LinearScale(kelvin_per_unit, offset_k) if you know what they are.",
            path=origin.source.path,
        )
    if unit in ("kelvin", "celsius", "fahrenheit"):
        made.kelvin = _kelvin(array, unit)
        if array.dtype != np.float32:
            exact = array.dtype.itemsize > 2
            made.flags.add(Quality.CONVERTED if exact else Quality.QUANTISED)
        if seen:
            made.note = f"the file names no unit: taken as {unit} ({seen})."
        return
    _put_float_levels(array, unit, seen, made)


def _kelvin(array: NDArray[Any], unit: FloatUnit) -> NDArray[np.float32]:
    if unit == "kelvin":
        return np.ascontiguousarray(array, np.float32)
    wide = array.astype(np.float64)
    if unit == "celsius":
        return (wide + ZERO_CELSIUS_K).astype(np.float32)
    return ((wide + FAHRENHEIT_ZERO_K) * (5 / 9)).astype(np.float32)


def _put_float_levels(array: NDArray[Any], unit: FloatUnit, seen: str, made: _Planes) -> None:
    """Floats that are no temperatures: counts, grey levels, or a share of full scale."""
    finite = np.isfinite(array)
    if not finite.all():
        made.flags.add(Quality.NON_FINITE)
    known = np.where(finite, array, 0).astype(np.float64)
    factor, top = (
        (255.0, 255) if unit == "share" else (1.0, COUNTS_MAX if unit == "counts" else 255)
    )
    levels = np.clip(np.rint(known * factor), 0, top)
    exact = unit != "share" and bool((levels == known).all())
    made.flags.add(Quality.CONVERTED if exact else Quality.QUANTISED)
    if unit == "counts":
        made.counts = levels.astype(np.uint16)
    else:
        made.agc = levels.astype(np.uint8)
    if seen:
        taken = {"counts": "counts", "agc": "grey levels", "share": "a picture of full scale 1"}
        made.remarks["float_values"] = f"taken as {taken[unit]} ({seen})"
