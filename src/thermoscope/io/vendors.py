"""Files that kept permissive packages read: InfiRay .irg and Telops .hcc (extra ``formats``).

Sizes are checked against the header before a package sees the file, and whatever it raises becomes
a `ReadError`. Both are untested here for want of a real file. What is NOT here: Hikvision, whose
only package (hiktemp) talks to a camera and reads no file.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from thermoscope.io.guarded import guarded, optional_package
from thermoscope.io.planes import Origin, image_from_array
from thermoscope.io.request import Request
from thermoscope.io.thermal_image import CaptureInfo, Source, ThermalImage
from thermoscope.sensor.planck import LinearScale

__all__ = ["HccFrames", "looks_like_hcc", "looks_like_irg", "read_irg"]

IRG_MAGICS = (b"\xca\xac", b"\xba\xab", b"\x04\xa0")
IRG_HEADER = (78, 1024)  # shortest and longest header
_IRG_SIZES = struct.Struct("<IHH")  # pixels of the first plane, rows, columns; at byte 4
HCC_MAGIC = b"TC"
HCC_TEMPERATURE = 2  # calibration mode in which a frame holds kelvin
HCC_LEAST_HEADER, HCC_MOST_VERSION = 48, 20


def looks_like_irg(head: bytes) -> bool:
    """Whether a file has InfiRay's header: magic, length, and a size that fits itself."""
    if len(head) < IRG_HEADER[0] or head[:2] not in IRG_MAGICS:
        return False
    length = int.from_bytes(head[2:4], "little")
    pixels, rows, columns = _IRG_SIZES.unpack_from(head, 4)
    return IRG_HEADER[0] <= length <= IRG_HEADER[1] and pixels == rows * columns > 0


def read_irg(request: Request) -> ThermalImage:
    """An InfiRay .irg file: temperatures and the 8-bit picture beside them.

    Raises:
        MissingDependencyError: The package ``infiray-irg`` is not installed.
        ReadError: Damaged.
        ImageTooLargeError: Over the limit.
    """
    _, rows, columns = _IRG_SIZES.unpack_from(request.head, 4)
    request.check_pixels(columns, rows)
    package = optional_package(
        "infiray_irg", package="infiray-irg", purpose="reading InfiRay .irg files"
    )
    data = bytes(request.load().data)
    with guarded(request.path, "InfiRay .irg"):
        coarse, celsius, _ = package.load(data)
        agc = np.ascontiguousarray(coarse, np.uint8)
        values = np.asarray(celsius, np.float32)
    origin = Origin(Source(request.path, "infiray-irg"), CaptureInfo("InfiRay"), unit="celsius")
    image = image_from_array(values, origin)
    return ThermalImage(
        stored_kelvin=image.stored_kelvin,
        agc=agc,
        quality=image.quality,
        capture=image.capture,
        source=image.source,
    )


def looks_like_hcc(head: bytes, size: int) -> bool:
    """Whether a file has Telops' frame header and is as long as one frame of it."""
    if len(head) < HCC_LEAST_HEADER or not head.startswith(HCC_MAGIC):
        return False
    width, height = struct.unpack_from("<HH", head, 32)
    stride = 2 * width * (height + 2)
    return 1 <= head[3] <= HCC_MOST_VERSION and width * height > 0 and size >= stride


class HccFrames:
    """The frames of a Telops .hcc recording: temperatures where it was calibrated so.

    Args:
        request: The file.

    Raises:
        MissingDependencyError: The package ``fasthcc`` is not installed.
        ReadError: Damaged.
        ImageTooLargeError: Over the limit.
    """

    def __init__(self, request: Request) -> None:
        width, height = struct.unpack_from("<HH", request.head, 32)
        request.check_pixels(width, height)
        package = optional_package(
            "fasthcc", package="fasthcc", purpose="reading Telops .hcc files"
        )
        self._request = request
        with guarded(request.path, "Telops .hcc"):
            self._reader: Any = package.HCCReader(request.path)
            self.count: int | None = int(self._reader.n_frames)

    def length(self) -> int:
        """Number of frames."""
        return self.count or 0

    def frame(self, index: int) -> ThermalImage:
        """Frame `index`.

        Raises:
            IndexError: There is no such frame.
            ReadError: It is damaged.
        """
        if index >= self.length():
            raise IndexError(index)
        with guarded(self._request.path, "Telops .hcc"):
            values = np.asarray(self._reader.read_frames(index, index + 1)[0])
            header = self._reader.read_metadata(index, index + 1)[0]
        source = Source(self._request.path, "telops-hcc", index, self.count)
        capture = CaptureInfo("Telops", t_ns=_moment(header), t_zone="utc")
        if header.get("CalibrationMode") != HCC_TEMPERATURE:
            origin = Origin(source, capture)
            return image_from_array(values, origin, scale=self._request.scale)
        scale = LinearScale(2.0 ** header["DataExp"], header["DataOffset"])
        return image_from_array(values, Origin(source, capture, radiometry=scale))

    def close(self) -> None:
        """Close the file."""
        self._reader.close()


def _moment(header: dict[str, Any]) -> int | None:
    """Ns since 1970 from whole seconds and the rest in units of 0.1 us."""
    seconds = header.get("POSIXTime")
    if not seconds:
        return None
    return int(seconds) * 1_000_000_000 + int(header.get("SubSecondTime") or 0) * 100
