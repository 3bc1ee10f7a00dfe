"""Files as data sets keep them, each written whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from thermoscope.core.errors import WriteError
from thermoscope.core.files import atomic_write
from thermoscope.sensor.tone import ToneSpec, tone_map

__all__ = [
    "agc",
    "matrix_text",
    "painted",
    "rgb_bytes",
    "write_jpeg",
    "write_lines",
    "write_png",
    "write_text",
]


def write_png(path: Path, picture: NDArray[Any]) -> None:
    """A PNG of (H, W) uint8 or uint16, (H, W, 3) RGB or (H, W, 4) RGB and a fourth channel.

    Raises:
        WriteError: No space or no permission.
    """
    if picture.ndim == 3:
        order = [2, 1, 0, 3][: picture.shape[2]]  # OpenCV's order is BGR
        picture = picture[..., order]
    encoded, data = cv2.imencode(".png", np.ascontiguousarray(picture))
    if not encoded:
        raise WriteError(f"cannot encode {path}: {picture.shape} {picture.dtype}.")
    with atomic_write(path) as stream:
        stream.write(data.tobytes())


def write_jpeg(path: Path, picture: NDArray[np.uint8]) -> None:
    """A JPEG of (H, W, 3) RGB, quality 95.

    Raises:
        WriteError: No space or no permission.
    """
    encoded, data = cv2.imencode(
        ".jpg", np.ascontiguousarray(picture[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, 95]
    )
    if not encoded:
        raise WriteError(f"cannot encode {path}: {picture.shape} {picture.dtype}.")
    with atomic_write(path) as stream:
        stream.write(data.tobytes())


def write_text(path: Path, text: str) -> None:
    """A UTF-8 text file.

    Raises:
        WriteError: No space or no permission.
    """
    with atomic_write(path) as stream:
        stream.write(text.encode())


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """A text file in which every line, the last too, ends with a newline."""
    write_text(path, "".join(f"{line}\n" for line in lines))


def matrix_text(matrix: NDArray[np.floating]) -> str:
    """Rows of blank-separated numbers that read back to the same float64."""
    return "".join(" ".join(repr(float(v)) for v in row) + "\n" for row in matrix)


def rgb_bytes(rgb: NDArray[np.floating]) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 of a (3, H, W) picture in [0, 1]."""
    return np.asarray(np.rint(np.clip(rgb, 0, 1) * 255).astype(np.uint8).transpose(1, 2, 0))


def agc(counts: NDArray[np.uint16], tone: ToneSpec | str = "percentile") -> NDArray[np.uint8]:
    """(H, W) uint8 of (1, H, W) counts, as the camera's own gain control would show them."""
    return tone_map(counts[0], tone)


def painted(
    labels: NDArray[np.integer], palette: tuple[tuple[int, int, int], ...]
) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB of (H, W) ids; ids beyond the palette are black."""
    table = np.zeros((256, 3), np.uint8)
    table[: len(palette)] = palette
    return np.asarray(table[np.clip(labels, 0, 255)])
