"""PGM and PPM pictures: the plain portable formats that calibration rigs like to write.

Read here and not by Pillow, which rescales every depth but 8 and 16 bit: a 14-bit PGM (maximum
16383) must give the counts that are in the file. Source: the netpbm format pages. What is NOT
supported: bitmaps (P1, P4), colour as text (P3), PAM, and more than one picture a file.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thermoscope.io.file_bytes import FileBytes
from thermoscope.io.planes import Origin, image_from_array
from thermoscope.io.request import Request
from thermoscope.io.thermal_image import Source, ThermalImage

__all__ = ["looks_like_pnm", "read_pnm"]

_HEADER = re.compile(
    rb"P([256])(?:\s+|#[^\n\r]*[\n\r])+(\d{1,10})(?:\s+|#[^\n\r]*[\n\r])+(\d{1,10})"
    rb"(?:\s+|#[^\n\r]*[\n\r])+(\d{1,10})(?:\s)"
)


def looks_like_pnm(head: bytes) -> bool:
    """Whether a file begins with a whole PGM or PPM header."""
    return _HEADER.match(head) is not None


def read_pnm(request: Request) -> ThermalImage:
    """The picture of a PGM (P2, P5) or PPM (P6) file.

    Raises:
        ReadError: The header is damaged, the maximum is not 1 to 65535, or pixels are missing.
        ImageTooLargeError: Over the limit.
    """
    found = _HEADER.match(request.head)
    if found is None:
        raise request.error("the PGM header is damaged")
    kind, (width, height, top) = found[1], (int(found[k]) for k in (2, 3, 4))
    request.check_pixels(width, height)
    if not 1 <= top <= 65535:
        raise request.error(f"the PGM header states a maximum of {top}, expected 1 to 65535")
    file = request.load()
    shape = (height, width, 3) if kind == b"6" else (height, width)
    element = np.dtype(">u2" if top > 255 else "u1")
    if kind == b"2":
        values = _as_text(file, found.end(), shape, element)
    else:
        values = _as_bytes(file, found.end(), shape, element)
    depth = max(top.bit_length(), 8)
    source = Source(request.path, "ppm" if kind == b"6" else "pgm", bit_depth=depth)
    return image_from_array(values, Origin(source), scale=request.scale)


def _as_bytes(
    file: FileBytes, at: int, shape: tuple[int, ...], element: np.dtype[Any]
) -> NDArray[Any]:
    need = int(np.prod(shape)) * element.itemsize
    if len(file) - at < need:
        raise file.error(f"{need} bytes of pixels needed, {len(file) - at} there", at=at)
    return np.frombuffer(file.data, element, count=int(np.prod(shape)), offset=at).reshape(shape)


def _as_text(
    file: FileBytes, at: int, shape: tuple[int, ...], element: np.dtype[Any]
) -> NDArray[Any]:
    words = bytes(file.data[at:]).split(None, int(np.prod(shape)))[: int(np.prod(shape))]
    try:
        values = np.array(words, dtype="S6").astype(np.int64)
    except ValueError as err:
        raise file.error("the pixels hold something that is no number", at=at) from err
    limit = np.iinfo(element.newbyteorder("=")).max
    if values.size < np.prod(shape) or values.min() < 0 or values.max() > limit:
        raise file.error(f"{values.size} of {np.prod(shape)} pixels fit the header", at=at)
    return values.reshape(shape).astype(element)
