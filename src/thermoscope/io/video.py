"""Video files: 8-bit ones through OpenCV, 16-bit grey ones (FFV1) through PyAV.

OpenCV decodes every depth to 8 bit, so a video whose pixels are deeper goes to the package ``av``
(extra ``formats``) or is refused: counts must not be cut to pictures in silence. What is NOT
supported: sound, several streams, cameras.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.errors import ThermoscopeError
from thermoscope.io.guarded import guarded, optional_package
from thermoscope.io.planes import Origin, image_from_array
from thermoscope.io.request import Request
from thermoscope.io.thermal_image import CaptureInfo, Source, ThermalImage

__all__ = ["VideoFrames", "looks_like_video"]

EBML, RIFF = b"\x1aE\xdf\xa3", b"RIFF"
MPEG_STARTS = (b"\x00\x00\x01\xba", b"\x00\x00\x01\xb3")
DEEP_GREY = b"Y1"  # FFmpeg's tag of grey pixels: Y1, 0, bits

Picture = tuple[NDArray[Any], int | None]
"""Pixels and ns since the start of the video."""


def looks_like_video(head: bytes) -> bool:
    """Whether a file begins like AVI, MP4/MOV, Matroska/WebM or MPEG."""
    if head.startswith(RIFF):
        return head[8:12] == b"AVI "
    return head[4:8] == b"ftyp" or head.startswith((EBML, *MPEG_STARTS))


class _Decoder(Protocol):
    """A video that gives one picture after the other."""

    def next(self) -> Picture | None: ...

    def skip(self) -> bool: ...

    def close(self) -> None: ...


class VideoFrames:
    """The frames of a video, decoded forward; going back starts anew.

    Times are relative to the start of the video: `CaptureInfo.extra` has ``video_time_ns``.

    Args:
        request: The file.

    Raises:
        ReadError: No video in it.
        ImageTooLargeError: Over the limit.
        MissingDependencyError: Its pixels are deeper than 8 bit, and ``av`` is not installed.
    """

    def __init__(self, request: Request) -> None:
        self._request = request
        self.count: int | None = None
        self._decoder = self._opened()
        self._next = 0

    def _opened(self) -> _Decoder:
        shallow = _OpenCv(self._request)
        try:
            self._request.check_pixels(*shallow.size)
        except ThermoscopeError:
            shallow.close()
            raise
        if not shallow.deep:
            return shallow
        shallow.close()
        return _PyAv(self._request)

    def length(self) -> int:
        """Number of frames, found by going through the video."""
        if self.count is None:
            decoder = self._opened()
            frames = 0
            with guarded(self._request.path, "video"):
                while decoder.skip():
                    frames += 1
            decoder.close()
            self.count = frames
        return self.count

    def frame(self, index: int) -> ThermalImage:
        """Frame `index`; frames before it are skipped on the way.

        Raises:
            IndexError: There is no such frame.
            ReadError: Damaged.
        """
        if index < self._next:
            self._decoder.close()
            self._decoder, self._next = self._opened(), 0
        with guarded(self._request.path, "video"):
            while self._next < index and self._decoder.skip():
                self._next += 1
            found = self._decoder.next() if self._next == index else None
        if found is None:
            raise IndexError(index)
        self._next += 1
        values, t_ns = found
        source = Source(
            self._request.path, "video", index, self.count, bit_depth=8 * values.dtype.itemsize
        )
        extra = {} if t_ns is None else {"video_time_ns": t_ns}
        origin = Origin(source, CaptureInfo(extra=extra))
        return image_from_array(values, origin, scale=self._request.scale)

    def close(self) -> None:
        """Close the file."""
        self._decoder.close()


class _OpenCv:
    """8-bit pictures."""

    def __init__(self, request: Request) -> None:
        import cv2

        self._cv2 = cv2
        with guarded(request.path, "video"):
            self._capture = cv2.VideoCapture(str(request.path), cv2.CAP_FFMPEG)
            opened = self._capture.isOpened()
        if not opened:
            raise request.error("no video stream that can be decoded")
        self.size = tuple(
            int(self._capture.get(k)) for k in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
        )
        tag = int(self._capture.get(cv2.CAP_PROP_CODEC_PIXEL_FORMAT)) & 0xFFFFFFFF
        pixels = tag.to_bytes(4, "little")
        self.deep = pixels.startswith(DEEP_GREY) and pixels[3] > 8

    def next(self) -> Picture | None:
        t_ms = self._capture.get(self._cv2.CAP_PROP_POS_MSEC)
        good, picture = self._capture.read()
        if not good:
            return None
        t_ms = max(t_ms, self._capture.get(self._cv2.CAP_PROP_POS_MSEC))
        return np.ascontiguousarray(picture[..., ::-1]), round(t_ms * 1e6)

    def skip(self) -> bool:
        return bool(self._capture.grab())

    def close(self) -> None:
        self._capture.release()


class _PyAv:
    """Grey pictures of more than 8 bit."""

    def __init__(self, request: Request) -> None:
        av = optional_package("av", package="av", purpose="decoding 16-bit video")
        with guarded(request.path, "video"):
            self._container = av.open(str(request.path))
            self._frames = self._container.decode(video=0)

    def next(self) -> Picture | None:
        frame = next(self._frames, None)
        if frame is None:
            return None
        t_ns = None if frame.time is None else round(frame.time * 1e9)
        return frame.to_ndarray(), t_ns

    def skip(self) -> bool:
        return next(self._frames, None) is not None

    def close(self) -> None:
        self._container.close()
