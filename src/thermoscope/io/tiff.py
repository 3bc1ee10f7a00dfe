"""TIFF pages: any depth, one frame a page.

The directories are checked first (`thermoscope.io.tiff_directory`); tifffile then decodes plain
and deflated pages, Pillow's libtiff the other compressions and colour models. A float page is a
temperature: its unit comes from the file or, said in `temperature_note`, from its values. What is
NOT supported: volumes, more than four channels, compressions that Pillow's libtiff lacks.
"""

from __future__ import annotations

import re
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.errors import ImageTooLargeError, ReadError
from thermoscope.io.exif import moment_ns
from thermoscope.io.float_units import FloatUnit, unit_from_text
from thermoscope.io.frame_metadata import parsed_metadata
from thermoscope.io.guarded import guarded, tifffile_quiet
from thermoscope.io.planes import Origin, image_from_array
from thermoscope.io.request import Request
from thermoscope.io.thermal_image import CaptureInfo, Source, ThermalImage
from thermoscope.io.tiff_directory import Page, TiffDirectory
from thermoscope.sensor.quality import Quality

__all__ = ["TiffFrames"]

PLAIN, DEFLATE = (1,), (8, 32946)
GREY_OR_RGB = (0, 1, 2)
DEFLATE_MOST = 1032  # times that deflate can shrink
SAFE_BYTES = 256 << 20
CHUNK = 1 << 20
COUNTED_PAGES = 4096  # a longer file is counted when somebody asks
_UNIT = re.compile(r"\b(?:units?|unit_of_measure)\W{1,4}([^\W\d_]+|°[CFK])", re.IGNORECASE)


class TiffFrames:
    """The pages of a TIFF file; it stays open, and one page is in memory at a time.

    Args:
        request: The file.

    Raises:
        ReadError: No page, or directories in a circle.
    """

    def __init__(self, request: Request) -> None:
        self._request = request
        try:
            self._stream = request.path.open("rb")
        except OSError as err:
            raise request.error(f"cannot be opened ({err.strerror})", "Check the file.") from err
        self._tiff: Any = None
        try:
            self._pages = TiffDirectory(request, self._stream)
            self.count = self._pages.count(COUNTED_PAGES)
            if self.count == 0:
                raise request.error("the TIFF file has no page")
        except ReadError:
            self._stream.close()
            raise

    def length(self) -> int:
        """Number of pages."""
        if self.count is None:
            self.count = self._pages.count()
        return self.count or 0

    def frame(self, index: int) -> ThermalImage:
        """Page `index`.

        Raises:
            IndexError: There is no such page.
            ReadError: It is damaged or of a kind that is not supported.
            ImageTooLargeError: Over the limit.
        """
        page = self._pages.page(index)
        values = self._decoded(page, index)
        source = Source(
            self._request.path, "tiff", index, self.count, bit_depth=min(max(page.bits, 1), 64)
        )
        image = image_from_array(values, _origin(page, source), scale=self._request.scale)
        shallow = page.bits > 8 and values.dtype == np.uint8
        return image.with_quality(Quality.QUANTISED) if shallow else image

    def _decoded(self, page: Page, index: int) -> NDArray[Any]:
        if page.compression in (*PLAIN, *DEFLATE) and page.photometric in GREY_OR_RGB:
            return self._by_tifffile(page, index)
        from PIL import Image

        with guarded(self._request.path, f"TIFF (compression {page.compression})"):
            self._stream.seek(0)
            with Image.open(self._stream, formats=("TIFF",)) as picture:
                picture.seek(index)
                if picture.size != (page.width, page.height):
                    raise self._request.error(f"page {index} is {picture.size} for the decoder")
                values = np.array(picture.convert("RGB") if _foreign(picture.mode) else picture)
        if values.dtype == np.int32 and page.sample_format == 1:
            return values.view(np.uint32)
        return values

    def _by_tifffile(self, page: Page, index: int) -> NDArray[Any]:
        self._check_deflated(page)
        with guarded(self._request.path, "TIFF"):
            if self._tiff is None:
                self._stream.seek(0)  # tifffile takes the present position for the start
                self._tiff = tifffile_quiet().TiffFile(self._stream)
            values = np.asarray(self._tiff.pages[index].asarray(maxworkers=1))
        if values.ndim == 3 and values.shape[0] == page.samples != values.shape[2]:
            values = np.moveaxis(values, 0, 2)
        if values.shape[:2] != (page.height, page.width):
            raise self._request.error(
                f"page {index} decodes to {values.shape}, expected {page.height}x{page.width}"
            )
        if page.photometric == 0 and values.dtype == np.uint8:
            return 255 - values
        return values

    def _check_deflated(self, page: Page) -> None:
        """Refuse a page that would inflate far beyond what it declares."""
        stored = sum(length for _, length in page.pieces)
        if page.compression in PLAIN or DEFLATE_MOST * stored < SAFE_BYTES:
            return
        declared = page.width * page.height * page.samples * max(page.bits // 8, 1)
        left = 2 * declared + (1 << 20)  # tiles reach over the edge
        for place, length in page.pieces:
            self._stream.seek(place)
            left -= _inflated_bytes(self._stream.read(length), most=left)
            if left <= 0:
                raise ImageTooLargeError(
                    f"{self._request.path.name}: a page of {page.width}x{page.height} inflates to "
                    f"more than twice its declared {declared} bytes. Nothing was decoded.",
                    path=self._request.path,
                )

    def close(self) -> None:
        """Close the file."""
        if self._tiff is not None:
            self._tiff.close()
        self._stream.close()


def _inflated_bytes(data: bytes, *, most: int) -> int:
    """Length of deflated data, counted up to `most`; damage counts as the end."""
    inflater = zlib.decompressobj()
    total = 0
    try:
        while data and total < most:
            total += len(inflater.decompress(data, CHUNK))
            data = inflater.unconsumed_tail
    except zlib.error:
        return total
    return total


def _foreign(mode: str) -> bool:
    """Modes of Pillow that are neither grey nor RGB of a plain depth."""
    return mode in ("P", "PA", "CMYK", "YCbCr", "LAB")


def _origin(page: Page, source: Source) -> Origin:
    """What the page says: thermoscope's own entry first, then the common tags."""
    description = page.texts.get("description", "")
    own = parsed_metadata(description)
    flags = set() if page.orientation in (0, 1) else {Quality.ROTATED}
    if own is not None and own.unit is not None:
        flags |= own.flags
        return Origin(source, own.capture, own.unit, own.radiometry, frozenset(flags), own.note)
    t_ns, t_zone = moment_ns(page.texts.get("time", ""))
    extra: dict[str, Any] = {"orientation": page.orientation} if flags else {}
    if description and own is None:
        extra["description"] = " ".join(description.split())[:200]
    capture = CaptureInfo(
        make=page.texts.get("make") or None,
        model=page.texts.get("model") or None,
        firmware=page.texts.get("software") or None,
        t_ns=t_ns,
        t_zone=t_zone,
        extra=extra,
    )
    note = own.note if own is not None else ""
    return Origin(source, capture, _stated_unit(description), None, frozenset(flags), note)


def _stated_unit(description: str) -> FloatUnit | None:
    """The unit that a description names as ``unit: K``, ``"units": "celsius"`` or the like."""
    found = _UNIT.search(description)
    return unit_from_text(found[1]) if found else None
