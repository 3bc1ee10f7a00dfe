"""Pictures that Pillow decodes: PNG, BMP, GIF, WebP; animated ones frame by frame.

Only the named format is tried, and the declared size is compared with the limit before a pixel is
decoded. 16-bit grey PNG gives counts; all else is a picture for eyes. What is NOT here: JPEG
(`thermoscope.io.jpeg`), TIFF (`.tiff`), PGM (`.pnm`).
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from thermoscope.io.exif import ExifFacts, facts_of
from thermoscope.io.file_bytes import FileBytes
from thermoscope.io.frame_metadata import KEYWORD, FrameMetadata, parsed_metadata
from thermoscope.io.guarded import guarded
from thermoscope.io.planes import Origin, image_from_array
from thermoscope.io.request import Request
from thermoscope.io.thermal_image import CaptureInfo, Source, ThermalImage
from thermoscope.io.write import write_image
from thermoscope.sensor.quality import Quality

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["PillowFrames", "capture_of", "memory_weight", "origin_of", "write_image"]

_PNG_DEPTH_AT, _PNG_COLOUR_AT = 24, 25


class PillowFrames:
    """The frames of a file that Pillow decodes.

    Args:
        request: The file.
        kind: Pillow's name of the format; nothing else is tried.

    Raises:
        ReadError: Damaged, or of another format.
        ImageTooLargeError: Over the limit.
    """

    def __init__(self, request: Request, kind: str) -> None:
        from PIL import Image

        self._request, self._kind = request, kind
        self._file = request.load()
        with guarded(request.path, kind):
            self._picture = Image.open(io.BytesIO(self._file.data), formats=(kind,))
        request.check_pixels(*self._picture.size, weight=memory_weight(self._picture))
        with guarded(request.path, kind):
            self.count: int | None = int(getattr(self._picture, "n_frames", 1))

    def length(self) -> int:
        """Number of frames."""
        return self.count or 1

    def frame(self, index: int) -> ThermalImage:
        """Frame `index`.

        Raises:
            IndexError: There is no such frame.
            ReadError: It is damaged.
        """
        if index >= self.length():
            raise IndexError(index)
        with guarded(self._request.path, self._kind):
            if self.length() > 1:
                self._picture.seek(index)
            values = self._values()
            facts = facts_of(self._picture.getexif())
            text = self._picture.info.get(KEYWORD)
        own = parsed_metadata(text)
        source = Source(
            self._request.path,
            self._kind.lower(),
            frame_index=index,
            frame_count=self.count,
            bit_depth=8 * values.dtype.itemsize,
        )
        origin = origin_of(source, facts, own or FrameMetadata())
        image = image_from_array(values, origin, scale=self._request.scale)
        if self._picture.mode == "P" and image.agc is not None and image.agc.ndim == 3:
            image = image.with_quality(Quality.FALSE_COLOUR)
        return image

    def _values(self) -> NDArray[Any]:
        """Pixels of the current frame, in the depth of the file."""
        if self._kind == "PNG" and self.length() == 1 and self._deep_channels():
            return _deep_png(self._file, self._request)
        picture = self._picture
        if picture.mode in ("P", "PA", "CMYK", "YCbCr", "LAB", "HSV"):
            alpha = picture.mode == "PA" or "transparency" in picture.info
            return np.array(picture.convert("RGBA" if alpha else "RGB"))
        return np.array(picture)

    def _deep_channels(self) -> bool:
        """Whether this is a PNG of 16 bit in several channels, which Pillow would make 8 bit."""
        data = self._file.data
        return data[_PNG_DEPTH_AT] == 16 and data[_PNG_COLOUR_AT] in (2, 4, 6)

    def close(self) -> None:
        """Let go of the picture."""
        self._picture.close()


def memory_weight(picture: Image.Image) -> float:
    """How much memory decoding with Pillow takes, beside a picture of 16-bit grey (measured)."""
    if picture.format in ("WEBP", "BMP"):
        return {"WEBP": 2.6, "BMP": 1.7}[picture.format]
    weights = {"1": 1.0, "L": 1.0, "I;16": 1.0, "I;16B": 1.0, "RGB": 1.3}
    return weights.get(picture.mode, 1.7)


def origin_of(source: Source, facts: ExifFacts, own: FrameMetadata) -> Origin:
    """What the file says, thermoscope's own entry before Exif."""
    flags = set(own.flags)
    if facts.orientation != 1:
        flags.add(Quality.ROTATED)
    capture = own.capture if own.unit is not None else capture_of(facts)
    return Origin(source, capture, own.unit, own.radiometry, frozenset(flags), own.note)


def capture_of(facts: ExifFacts, extra: dict[str, Any] | None = None) -> CaptureInfo:
    """Camera and moment as Exif tells them; `extra` is added to what has no field of its own."""
    found: dict[str, Any] = {}
    if facts.orientation != 1:
        found["orientation"] = facts.orientation
    if facts.latitude_deg is not None:
        found |= {"latitude_deg": facts.latitude_deg, "longitude_deg": facts.longitude_deg}
    return CaptureInfo(
        make=facts.make,
        model=facts.model,
        serial=facts.serial,
        lens=facts.lens,
        firmware=facts.software,
        t_ns=facts.t_ns,
        t_zone=facts.t_zone,
        extra=found | (extra or {}),
    )


def _deep_png(file: FileBytes, request: Request) -> NDArray[Any]:
    """16-bit grey with alpha, or colour, in its own depth; channels in the order of the file."""
    import cv2

    with guarded(request.path, "PNG"):
        data = np.frombuffer(file.data, np.uint8)
        values = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    if values is None:
        raise request.error("the PNG cannot be decoded")
    order = [2, 1, 0, 3][: values.shape[2]] if values.ndim == 3 and values.shape[2] > 2 else None
    return np.asarray(values if order is None else values[..., order])
