"""Thermal frame to 8-bit picture or network input: one function, five methods, one spec.

======================= ================================================== ==========
method                  what it does                                       monotone
======================= ================================================== ==========
``fixed``               a stated window, the same for every frame          yes
``percentile``          the frame's own 1-99 % range                       yes
``clahe``               that, then adaptive histogram equalisation         locally
``clahe_bilateral``     that, then a bilateral filter                      no
``local_field``         each pixel within the range of its surroundings    locally
======================= ================================================== ==========

For video use `TemporalToneMapper`: a percentile window that does not flicker and maps back.
What is NOT here: colours (`thermoscope.sensor.palette`) and counts to kelvin.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.errors import UnitError
from thermoscope.sensor.local_field import local_contrast
from thermoscope.sensor.temporal_tone import Stability, TemporalToneMapper, flicker_score
from thermoscope.sensor.tone_sidecar import FrameWindow, ToneSidecar
from thermoscope.sensor.tone_spec import (
    Clahe,
    ClaheBilateral,
    FixedWindow,
    LocalField,
    ToneSpec,
    list_tones,
)
from thermoscope.sensor.window import (
    MID_GREY,
    Window,
    checked_plane,
    percentiles,
    unit_of,
    valid_pixels,
)

__all__ = [
    "FrameWindow",
    "Stability",
    "TemporalToneMapper",
    "ToneSidecar",
    "ToneSpec",
    "Window",
    "flicker_score",
    "list_tones",
    "to_network_input",
    "tone_map",
    "tone_window",
]

Plane = NDArray[Any]
Mask = NDArray[np.bool_]


def tone_map(
    values: Plane, spec: ToneSpec | str = "percentile", *, valid: Mask | None = None
) -> NDArray[np.uint8]:
    """(H, W) uint8 picture of a frame: black is coldest.

    A constant frame is mid grey (128) under every method but ``fixed``. Pixels that are not
    finite, or not `valid`, take no part in the statistics and become 0; so does a frame without
    any valid pixel.

    Args:
        values: (H, W) uint16 counts, float kelvin or uint8 AGC picture.
        spec: The method with its parameters, or its name for the default ones.
        valid: (H, W) bool, True = use the pixel.

    Raises:
        ShapeError: `values` is not (H, W), or `valid` has another size.
        UnitError: Another element type, or a ``fixed`` window in another unit.
        ConfigError: No such method.

    Example:
        >>> frame = np.linspace(3000, 4000, 256 * 4).astype(np.uint16).reshape(32, 32)
        >>> picture = tone_map(frame)
        >>> picture.dtype, int(picture.min()), int(picture.max())
        (dtype('uint8'), 0, 255)
    """
    plane, tone = checked_plane(values), _as_spec(spec)
    kept = valid_pixels(plane, valid)
    window = _window(plane, tone, kept)
    if window is None:
        return np.zeros(plane.shape, np.uint8)
    if isinstance(tone.params, LocalField) and not window.flat:
        levels = Window(0, 1).levels(_local(plane, tone.params, window, kept))
    else:
        levels = window.levels(plane)
        if isinstance(tone.params, Clahe) and not window.flat:
            levels = _equalised(levels, tone.params, kept)
    if kept is not None:
        levels[~kept] = 0
    return levels


def tone_window(
    values: Plane, spec: ToneSpec | str = "percentile", *, valid: Mask | None = None
) -> Window | None:
    """The values that `tone_map` shows as black and white.

    Returns:
        The window in the unit of `values`; None where grey has no single scale (``clahe``,
        ``clahe_bilateral``, ``local_field``) and where no pixel is valid.

    Raises:
        ShapeError: As `tone_map`.
        UnitError: As `tone_map`.
        ConfigError: No such method.
    """
    plane, tone = checked_plane(values), _as_spec(spec)
    return _window(plane, tone, valid_pixels(plane, valid)) if tone.linear else None


def to_network_input(
    values: Plane, spec: ToneSpec | str = "percentile", *, valid: Mask | None = None
) -> NDArray[np.float32]:
    """(1, H, W) float32 in [0, 1]: the picture of `tone_map` as a network takes it.

    ``fixed``, ``percentile`` and ``local_field`` are not rounded to 8 bits on the way, so they
    differ from ``tone_map / 255`` by at most half a level. Invalid pixels are 0.

    Args:
        values: As `tone_map`.
        spec: As `tone_map`.
        valid: As `tone_map`.

    Raises:
        ShapeError: As `tone_map`.
        UnitError: As `tone_map`.
        ConfigError: No such method.
    """
    tone = _as_spec(spec)
    if isinstance(tone.params, Clahe):
        return np.multiply(tone_map(values, tone, valid=valid)[None], 1 / 255, dtype=np.float32)
    plane = checked_plane(values)
    kept = valid_pixels(plane, valid)
    window = _window(plane, tone, kept)
    if window is None:
        return np.zeros((1, *plane.shape), np.float32)
    if isinstance(tone.params, LocalField) and not window.flat:
        part = _local(plane, tone.params, window, kept)
    else:
        part = window.fraction(plane)
    if kept is not None:
        part[~kept] = 0
    return part[None]


def _as_spec(spec: ToneSpec | str) -> ToneSpec:
    return ToneSpec.of(spec) if isinstance(spec, str) else spec


def _window(plane: Plane, tone: ToneSpec, valid: Mask | None) -> Window | None:
    params = tone.params
    if isinstance(params, FixedWindow):
        if unit_of(plane) != params.unit:
            raise UnitError(
                f"the fixed window is in {params.unit}, the frame in {unit_of(plane)}. "
                "Convert the frame, or state a window in its unit."
            )
        return Window(params.low, params.high)
    limits = percentiles(plane, (params.low_percent, params.high_percent), valid=valid)
    return None if limits is None else Window(*limits)


def _local(
    plane: Plane, params: LocalField, window: Window, valid: Mask | None
) -> NDArray[np.float32]:
    part = window.fraction(plane)
    if valid is not None:
        part[~valid] = np.median(part[valid])  # neither the coldest nor the hottest of its cell
    return local_contrast(part, params)


def _equalised(levels: NDArray[np.uint8], params: Clahe, valid: Mask | None) -> NDArray[np.uint8]:
    import cv2

    if valid is not None:
        levels[~valid] = MID_GREY
    clahe = cv2.createCLAHE(clipLimit=params.clip_limit, tileGridSize=(params.tiles, params.tiles))
    result = clahe.apply(levels)
    if isinstance(params, ClaheBilateral):
        result = cv2.bilateralFilter(
            result, params.diameter_px, params.sigma_levels, params.sigma_px
        )
    return np.asarray(result, np.uint8).reshape(levels.shape)
