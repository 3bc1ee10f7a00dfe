"""JPEG files: radiometric ones go to their vendor's reader, the others are 8-bit pictures.

A picture whose end is missing is given with what there is and flagged `TRUNCATED`. What is NOT
here: the vendors' payloads (`thermoscope.io.flir`, `.dji`).
"""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from thermoscope.io.exif import ExifFacts, facts_of
from thermoscope.io.file_bytes import FileBytes
from thermoscope.io.frame_metadata import FrameMetadata
from thermoscope.io.guarded import guarded
from thermoscope.io.image import memory_weight, origin_of
from thermoscope.io.jpeg_segments import has_flir_segment, jpeg_segments
from thermoscope.io.planes import image_from_array
from thermoscope.io.request import Request
from thermoscope.io.thermal_image import Source, ThermalImage
from thermoscope.sensor.quality import Quality

__all__ = ["JpegPicture", "decoded_jpeg", "read_jpeg"]

END_OF_JPEG = b"\xff\xd9"
START_OF_SCAN = b"\xff\xda"
MOST_SCANS = 200  # of a progressive JPEG: each costs a pass over the picture


class JpegPicture:
    """A decoded JPEG.

    Attributes:
        pixels: (H, W) or (H, W, 3) uint8.
        facts: Of its Exif directory.
        cut: Whether its end is missing; the decoder filled the rest.
    """

    def __init__(self, pixels: NDArray[np.uint8], facts: ExifFacts, *, cut: bool) -> None:
        self.pixels, self.facts, self.cut = pixels, facts, cut

    @property
    def flags(self) -> frozenset[Quality]:
        """What the file says is special."""
        turned = {Quality.ROTATED} if self.facts.orientation != 1 else set()
        return frozenset(turned | ({Quality.TRUNCATED} if self.cut else set()))


def read_jpeg(request: Request) -> ThermalImage:
    """The image of a JPEG file: radiometric if its maker put the numbers in.

    Raises:
        ReadError: Damaged.
        ImageTooLargeError: Over the limit.
        UnitError: A linear scale for a colour picture.
    """
    file = request.load()
    if has_flir_segment(file.data):
        from thermoscope.io.flir import read_flir

        image = read_flir(file.data, path=request.path, max_pixels=request.max_pixels)
        return image if request.scale is None else image.with_radiometry(request.scale)
    from thermoscope.io.dji import looks_like_dji, read_dji

    if looks_like_dji(file):
        return read_dji(request, file)
    picture = decoded_jpeg(request, file)
    source = Source(request.path, "jpeg", bit_depth=8)
    origin = origin_of(source, picture.facts, FrameMetadata())
    origin = replace(origin, flags=origin.flags | picture.flags)
    return image_from_array(picture.pixels, origin, scale=request.scale)


def decoded_jpeg(request: Request, file: FileBytes) -> JpegPicture:
    """The picture of a JPEG that is in memory; one channel if it is grey.

    Raises:
        ReadError: Damaged.
        ImageTooLargeError: Over the limit.
    """
    from PIL import Image

    data = bytes(file.data)
    if data.count(START_OF_SCAN) > MOST_SCANS:
        raise file.error(f"more than {MOST_SCANS} scans: no camera writes such a JPEG", at=0)
    cut = _is_cut(data)
    with guarded(request.path, "JPEG"):
        stream = io.BytesIO(data + END_OF_JPEG if cut else data)
        picture = Image.open(stream, formats=("JPEG",))
    request.check_pixels(*picture.size, weight=memory_weight(picture))
    with guarded(request.path, "JPEG"), picture:
        facts = facts_of(picture.getexif())
        pixels = np.array(picture if picture.mode in ("L", "RGB") else picture.convert("RGB"))
    return JpegPicture(pixels, facts, cut=cut)


def _is_cut(data: bytes) -> bool:
    """Whether the end marker is missing; whatever follows it is no fault."""
    header_ends = max((segment.stop for segment in jpeg_segments(data)), default=0)
    return data.find(END_OF_JPEG, header_ends) < 0
