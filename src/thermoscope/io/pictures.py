"""Pixels of the picture messages in a recording: plain, JPEG, PNG, or our delta coding.

What is NOT here: the messages (`thermoscope.io.ros_messages`) and the file around them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.errors import ReadError
from thermoscope.io.delta_codec import FORMAT, decode_delta
from thermoscope.io.ros_messages import Picture, parse_picture

__all__ = ["decoded_picture", "pixels_of"]


def decoded_picture(data: bytes, *, compressed: bool) -> tuple[Picture, NDArray[Any]]:
    """A picture message and its pixels.

    Args:
        data: The message.
        compressed: It is a ``CompressedImage``.

    Returns:
        The message, and (H, W) uint8 or uint16, or (H, W, 3) uint8 RGB.

    Raises:
        ReadError: Damaged, or coded in a way that is not read.
        MissingDependencyError: The delta coding needs ``zstandard``.
    """
    picture = parse_picture(data, compressed=compressed)
    return picture, pixels_of(picture)


def pixels_of(picture: Picture) -> NDArray[Any]:
    """The pixels of a parsed message.

    Raises:
        ReadError: Damaged, or coded in a way that is not read.
        MissingDependencyError: The delta coding needs ``zstandard``.
    """
    if picture.pixels is not None:
        return picture.pixels
    if picture.format == FORMAT:
        return decode_delta(picture.compressed)
    import cv2

    pixels = cv2.imdecode(np.frombuffer(picture.compressed, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise ReadError(
            f"picture of {picture.camera} in format {picture.format!r} cannot be decoded. "
            "Known: jpeg, png, and the recorder's delta coding."
        )
    if pixels.ndim == 3:
        pixels = cv2.cvtColor(pixels[..., :3], cv2.COLOR_BGR2RGB)
    return np.asarray(pixels)
