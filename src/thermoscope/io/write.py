"""Thermal images to files that read back identical: 16-bit and float TIFF, 16-bit PNG.

Unit, radiometry, camera and moment travel in the file (see `thermoscope.io.frame_metadata`), so a
radiometric frame reads back with its temperatures. What is NOT here: pictures for people
(`thermoscope.engine.render`) and sequences.
"""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.errors import UnitError, WriteError
from thermoscope.core.files import atomic_write
from thermoscope.io.frame_metadata import KEYWORD, metadata_text
from thermoscope.io.guarded import tifffile_quiet
from thermoscope.io.thermal_image import Kind, ThermalImage
from thermoscope.sensor.planck import LinearScale

__all__ = ["write_image"]

TIFF_SUFFIXES = (".tif", ".tiff")
LOSSY_SUFFIXES = (".jpg", ".jpeg", ".webp")
EXACT = "Use .tiff or .png"

Plane = Literal["auto", "counts", "kelvin", "agc"]


def write_image(
    path: str | Path,
    image: ThermalImage | NDArray[Any],
    *,
    plane: Plane = "auto",
    scale: LinearScale | None = None,
    compress: bool = True,
) -> None:
    """Write one plane of an image so that `read` gives it back identical, atomically.

    ======  =====================  ==========================================
    plane   .tif, .tiff            .png
    ======  =====================  ==========================================
    counts  uint16                 uint16
    kelvin  float32                not possible; with `scale` uint16 (rounded)
    agc     uint8, one or three    uint8, one or three
    ======  =====================  ==========================================

    Args:
        path: Target; its suffix chooses the format. Lossy formats are refused.
        image: A frame, or an array: uint16 counts (H, W), float32 kelvin (H, W), or uint8 (H, W)
            or (H, W, 3).
        plane: Which one; ``"auto"`` is the counts, or the temperatures if the file held those, or
            the 8-bit picture.
        scale: Write temperatures as counts on this linear scale (rounded to `kelvin_per_count`).
        compress: Deflate (lossless) in TIFF; PNG always is.

    Raises:
        WriteError: The format would lose data, is not known, or the file cannot be written.
        UnitError: The frame has no such plane, a temperature is not finite under `scale`, or the
            array is of another element type.
        ShapeError: The array is no picture.
    """
    target = Path(path)
    frame = image if isinstance(image, ThermalImage) else _as_image(image)
    chosen: Kind = _automatic(frame) if plane == "auto" else plane
    if scale is not None:
        if chosen == "agc" or not frame.radiometric:
            raise UnitError("scale= turns temperatures into counts, and this frame has none.")
        counts = scale.counts_from_kelvin(frame.kelvin)
        frame = replace(frame, counts=counts, radiometry=scale, stored_kelvin=None)
        chosen = "counts"
    values = _plane(frame, chosen)
    data = _encoded(target, values, frame, chosen, compress=compress)
    with atomic_write(target) as stream:
        stream.write(data)


def _as_image(array: NDArray[Any]) -> ThermalImage:
    values = np.ascontiguousarray(array)
    values = values.astype(values.dtype.newbyteorder("="), copy=False)
    if values.dtype == np.uint16:
        return ThermalImage(counts=values)
    if values.dtype == np.float32:
        return ThermalImage(stored_kelvin=values)
    if values.dtype == np.uint8:
        return ThermalImage(agc=values)
    raise UnitError(
        f"an array to write must be uint16 counts, float32 kelvin or uint8, got {values.dtype}. "
        "Convert it, and thereby say what it is."
    )


def _automatic(image: ThermalImage) -> Kind:
    if image.counts is not None and (image.radiometry is not None or image.stored_kelvin is None):
        return "counts"
    return "kelvin" if image.stored_kelvin is not None else "agc"


def _plane(image: ThermalImage, plane: Kind) -> NDArray[Any]:
    if plane == "kelvin":
        return image.kelvin
    values = image.counts if plane == "counts" else image.agc
    if values is None:
        raise UnitError(f"this frame has no {plane}, only {image.kind}. Choose another plane.")
    return values


def _encoded(
    target: Path, values: NDArray[Any], image: ThermalImage, plane: Kind, *, compress: bool
) -> bytes:
    suffix = target.suffix.lower()
    radiometry = image.radiometry if plane == "counts" else None
    text = metadata_text(image, plane=plane, radiometry=radiometry)
    if suffix in TIFF_SUFFIXES:
        return _tiff(values, text, compress=compress)
    if suffix != ".png":
        raise _wrong_suffix(target, suffix, plane)
    if plane == "kelvin":
        raise WriteError(
            f"{target.name}: PNG holds whole numbers only, and these are temperatures. "
            "Use .tiff, or pass scale=LinearScale(0.01) to round to 0.01 K."
        )
    return _png(values, text)


def _wrong_suffix(target: Path, suffix: str, plane: Kind) -> WriteError:
    if suffix in LOSSY_SUFFIXES:
        what = "a picture" if plane == "agc" else plane
        return WriteError(
            f"{target.name}: {suffix} cannot hold {what} without loss. {EXACT}; for a picture to "
            "look at: thermoscope convert."
        )
    return WriteError(f"{target.name}: no writer for {suffix or 'a file without suffix'}. {EXACT}.")


def _tiff(values: NDArray[Any], text: str, *, compress: bool) -> bytes:
    tifffile = tifffile_quiet()
    stream = io.BytesIO()
    tifffile.imwrite(
        stream,
        values,
        photometric="rgb" if values.ndim == 3 else "minisblack",
        compression="zlib" if compress else None,
        predictor=compress and values.dtype.kind == "u",
        description=text,
        software="thermoscope",
        metadata=None,
    )
    return stream.getvalue()


def _png(values: NDArray[Any], text: str) -> bytes:
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text(KEYWORD, text)
    stream = io.BytesIO()
    Image.fromarray(values).save(stream, "PNG", pnginfo=info)
    return stream.getvalue()
