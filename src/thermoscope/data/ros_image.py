"""Pictures in ROS image messages as arrays: colour in RGB order, counts with all their bits.

Encodings after the public page of ``sensor_msgs/image_encodings``. What is NOT here: reading bags.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.errors import DatasetCorruptError

__all__ = ["image_of", "picture_of"]

Picture = NDArray[np.uint8] | NDArray[np.uint16]

# Encoding to channels, bytes a channel, and the order of the first three channels as RGB.
PLAIN: dict[str, tuple[int, int, tuple[int, ...]]] = {
    "mono8": (1, 1, ()),
    "8uc1": (1, 1, ()),
    "mono16": (1, 2, ()),
    "16uc1": (1, 2, ()),
    "rgb8": (3, 1, (0, 1, 2)),
    "bgr8": (3, 1, (2, 1, 0)),
    "8uc3": (3, 1, (2, 1, 0)),  # OpenCV's order, as cv_bridge takes it
    "rgba8": (4, 1, (0, 1, 2)),
    "bgra8": (4, 1, (2, 1, 0)),
    "8uc4": (4, 1, (2, 1, 0)),
}
# OpenCV names a mosaic by the second row's second and third pixel, ROS by the first two rows.
BAYER = {"rggb8": "BG", "bggr8": "RG", "gbrg8": "GR", "grbg8": "GB"}


def picture_of(message: Any) -> Picture:
    """(H, W) uint8 or uint16, or (H, W, 3) uint8 RGB, of an image message of either kind.

    Args:
        message: ``sensor_msgs/Image`` or ``sensor_msgs/CompressedImage``.

    Raises:
        DatasetCorruptError: An unknown encoding, or fewer bytes than the size promises.
    """
    if hasattr(message, "encoding"):
        return image_of(
            message.data,
            (int(message.height), int(message.width)),
            encoding=str(message.encoding),
            step=int(message.step),
            big_endian=bool(message.is_bigendian),
        )
    return _decompressed(message.data, str(message.format))


def image_of(
    data: NDArray[np.uint8],
    size_px: tuple[int, int],
    *,
    encoding: str,
    step: int,
    big_endian: bool = False,
) -> Picture:
    """(H, W) uint8 or uint16, or (H, W, 3) uint8 RGB, of raw bytes.

    Args:
        data: Rows of `step` bytes; what follows the pixels of a row is padding.
        size_px: Height and width.
        encoding: As in the message: ``mono16``, ``bgr8``, ``bayer_rggb8``, ...
        step: Bytes a row; 0 means no padding.
        big_endian: Order of the bytes of 16-bit pixels.

    Raises:
        DatasetCorruptError: An unknown encoding, or fewer bytes than the size promises.
    """
    name = encoding.lower()
    mosaic = BAYER.get(name.removeprefix("bayer_")) if name.startswith("bayer_") else None
    if mosaic is None and name not in PLAIN:
        known = ", ".join([*PLAIN, *(f"bayer_{kind}" for kind in BAYER)])
        raise DatasetCorruptError(f"image encoding {encoding!r} is not known. Known: {known}.")
    channels, depth, order = (1, 1, ()) if mosaic else PLAIN[name]
    plane = _rows(np.asarray(data), size_px, channels * depth, step)
    if mosaic:
        import cv2

        code = getattr(cv2, f"COLOR_Bayer{mosaic}2RGB")
        return np.asarray(cv2.cvtColor(plane, code), dtype=np.uint8)
    if depth == 2:
        return plane.view(">u2" if big_endian else "<u2").astype(np.uint16)
    if channels == 1:
        return plane
    colours = plane.reshape(*size_px, channels)[..., list(order)]
    return np.ascontiguousarray(colours)


def _rows(
    data: NDArray[np.uint8], size_px: tuple[int, int], pixel_bytes: int, step: int
) -> NDArray[np.uint8]:
    height, width = size_px
    used = width * pixel_bytes
    row = step or used
    if height < 1 or width < 1 or row < used or data.size < row * (height - 1) + used:
        raise DatasetCorruptError(
            f"image of {height} x {width} pixels with {pixel_bytes} bytes each and {step} bytes a "
            f"row does not fit {data.size} bytes."
        )
    if data.size < row * height:
        data = np.concatenate([data, np.zeros(row * height - data.size, np.uint8)])
    return np.ascontiguousarray(data[: row * height].reshape(height, row)[:, :used])


def _decompressed(data: NDArray[np.uint8], kind: str) -> Picture:
    import cv2

    if "compresseddepth" in kind.lower():
        raise DatasetCorruptError(
            f"compressed image of format {kind!r} is a depth map with its own header, no picture."
        )
    picture = cv2.imdecode(np.asarray(data), cv2.IMREAD_UNCHANGED) if len(data) else None
    if picture is None:
        raise DatasetCorruptError(f"compressed image of format {kind!r} does not decode.")
    if picture.ndim == 2 and picture.dtype in (np.uint8, np.uint16):
        return picture  # type: ignore[return-value]  # either of the two, as checked
    if picture.dtype != np.uint8:
        raise DatasetCorruptError(
            f"compressed image of format {kind!r} holds {picture.dtype}, {picture.ndim} axes; "
            "expected 8-bit colour or 8- or 16-bit grey."
        )
    return np.ascontiguousarray(picture[:, :, [2, 1, 0]]).astype(np.uint8)
