"""`read`: any thermal image file to a `ThermalImage` that knows its unit.

    image = read("FLIR0123.jpg")
    image.kind, image.celsius.max()

The content of the file decides, not its name. What is NOT here: sequences
(`thermoscope.io.sequence`), and guesses at the scale of 16-bit files (`thermoscope.io.diagnose`
suggests one, the caller states it).
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np

from thermoscope.core.errors import ConfigError
from thermoscope.io.formats import opened
from thermoscope.io.request import MAX_PIXELS, RawLayout, Request, request_for
from thermoscope.io.thermal_image import ThermalImage
from thermoscope.sensor.planck import LinearScale
from thermoscope.sensor.quality import Quality, assess

__all__ = ["RawLayout", "finished", "layout_of", "read"]

_MEASURED = frozenset({Quality.NON_FINITE, Quality.IMPLAUSIBLE})
RANGE_SLACK_K, RANGE_SHARE = 2.0, 1e-3  # an honest camera is no more exact; more than a speck


def read(
    path: str | Path,
    *,
    frame: int = 0,
    shape: tuple[int, int] | None = None,
    dtype: str | None = None,
    raw: RawLayout | None = None,
    scale: LinearScale | None = None,
    max_pixels: int = MAX_PIXELS,
    quality: bool = True,
) -> ThermalImage:
    """The image in a file, with its unit, quality, camera and radiometric parameters.

    ``docs/formats.md`` lists the formats. 16-bit files without a stated scale give counts;
    float files give kelvin (`temperature_note` says if the unit was guessed); 8-bit files give
    a picture (`agc`).

    Args:
        path: The file.
        frame: Which frame of a multi-frame file; negative counts from the end.
        shape: (H, W) of headerless raw pixels; ignored for files that know their size.
        dtype: Their element type, ``"<u2"`` (Y16) if not given.
        raw: Whole layout of raw pixels (header, telemetry rows); the file is then taken as raw
            whatever it looks like. `shape` and `dtype` are not to be given beside it.
        scale: Linear scale of the stored numbers: ``LinearScale(0.01)`` for centikelvin.
        max_pixels: Largest accepted width x height, checked before decoding.
        quality: Judge the pixels: 2 to 4 ms at 640x512. False leaves `ThermalImage.quality` with
            what the file itself says (FFC, truncated, rotated ...).

    Returns:
        The frame; `ThermalImage.quality` says what is wrong or special about it.

    Raises:
        ReadError: Absent, of an unknown format, damaged, or no such frame.
        ImageTooLargeError: Over `max_pixels`; nothing was decoded.
        MissingDependencyError: The format needs a package of the extra ``formats``.
        UnitError: `scale` for a file that has no counts.
        ConfigError: An argument is impossible.

    Example:
        >>> import tempfile, numpy as np
        >>> from thermoscope.io.write import write_image
        >>> file = tempfile.mkdtemp() + "/frame.png"
        >>> write_image(file, np.full((8, 8), 30015, np.uint16))
        >>> read(file).kind
        'counts'
        >>> round(float(read(file, scale=LinearScale(0.01)).celsius[0, 0]), 2)
        27.0
    """
    layout = layout_of(shape, dtype, raw)
    request = request_for(path, frame=frame, layout=layout, scale=scale, max_pixels=max_pixels)
    with closing(opened(request, raw=raw is not None)) as frames:
        negative = request.frame < 0
        count = frames.length() if negative else frames.count
        index = request.frame_index(count)
        try:
            image = frames.frame(index)
        except IndexError as err:
            raise request.no_such_frame(frames.length()) from err
    return finished(image, request, quality=quality)


def layout_of(
    shape: tuple[int, int] | None, dtype: str | None, raw: RawLayout | None
) -> RawLayout | None:
    """The layout that the three arguments state together; None if they state none.

    Raises:
        ShapeError: `shape` is no size.
        ConfigError: `dtype` is no element type, or arguments contradict each other.
    """
    if raw is not None:
        if shape is not None or dtype is not None:
            raise ConfigError("pass either raw= or shape= and dtype=, not both: raw has them too.")
        return raw
    if shape is None:
        return None
    height, width = shape
    return RawLayout((height, width)) if dtype is None else RawLayout((height, width), dtype)


def finished(image: ThermalImage, request: Request, *, quality: bool = True) -> ThermalImage:
    """The image with its path and, with `quality`, what its pixels say about its quality."""
    flags = image.quality | _pixel_flags(image) if quality else image.quality
    return replace(image, quality=flags, source=replace(image.source, path=request.path))


def _pixel_flags(image: ThermalImage) -> frozenset[Quality]:
    if image.counts is not None:
        depth = min(max(image.source.bit_depth, 1), 16)
        flags = assess(image.counts, kind="counts", bit_depth=depth)
        if image.radiometric:
            flags |= assess(image.kelvin, kind="kelvin") & _MEASURED
            flags |= _beyond_range(image)
        return flags
    if image.stored_kelvin is not None:
        return assess(image.stored_kelvin, kind="kelvin") | _beyond_range(image)
    return assess(np.asarray(image.agc), kind="agc")


def _beyond_range(image: ThermalImage) -> frozenset[Quality]:
    """OUT_OF_RANGE where the file states the camera's range and pixels lie outside it."""
    low, high = (image.capture.extra.get(f"range_{end}_k") for end in ("min", "max"))
    if low is None or high is None or not low < high:
        return frozenset()
    kelvin = image.kelvin
    outside = (kelvin < low - RANGE_SLACK_K) | (kelvin > high + RANGE_SLACK_K)
    return frozenset({Quality.OUT_OF_RANGE}) if outside.mean() > RANGE_SHARE else frozenset()
