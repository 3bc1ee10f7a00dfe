"""Video files through OpenCV: 8-bit pictures, and 16-bit grey (FFV1) as counts.

OpenCV makes 8 bit of everything unless told otherwise, so a video whose pixels are deeper is opened
without conversion, or refused: counts must not be cut to pictures in silence. What is NOT
supported: grey of 10 to 14 bit, sound, several streams, cameras.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.errors import ReadError
from thermoscope.io.guarded import guarded
from thermoscope.io.planes import Origin, image_from_array
from thermoscope.io.request import Request
from thermoscope.io.thermal_image import CaptureInfo, Source, ThermalImage

__all__ = ["VideoFrames", "looks_like_video"]

EBML, RIFF = b"\x1aE\xdf\xa3", b"RIFF"
MPEG_STARTS = (b"\x00\x00\x01\xba", b"\x00\x00\x01\xb3")
DEEP_GREY = b"Y1"  # FFmpeg's tag of grey pixels: Y1, 0, bits


def looks_like_video(head: bytes) -> bool:
    """Whether a file begins like AVI, MP4/MOV, Matroska/WebM or MPEG."""
    if head.startswith(RIFF):
        return head[8:12] == b"AVI "
    return head[4:8] == b"ftyp" or head.startswith((EBML, *MPEG_STARTS))


class VideoFrames:
    """The frames of a video, decoded forward; going back starts anew.

    Times are relative to the start of the video: `CaptureInfo.extra` has ``video_time_ns``.

    Args:
        request: The file.

    Raises:
        ReadError: No video in it.
        ImageTooLargeError: Over the limit.
    """

    def __init__(self, request: Request) -> None:
        self._request = request
        self.count: int | None = None
        self._decoder = _Decoder(request)
        self._next = 0

    def length(self) -> int:
        """Number of frames, found by going through the video."""
        if self.count is None:
            decoder = _Decoder(self._request)
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
            self._decoder, self._next = _Decoder(self._request), 0
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
        origin = Origin(source, CaptureInfo(extra={"video_time_ns": t_ns}))
        return image_from_array(values, origin, scale=self._request.scale)

    def close(self) -> None:
        """Close the file."""
        self._decoder.close()


class _Decoder:
    """A video that gives one picture after the other, in the depth of the file."""

    def __init__(self, request: Request) -> None:
        import cv2

        self._cv2, self._request = cv2, request
        self._capture, self._deep = self._opened(), False
        size = [
            int(self._capture.get(k)) for k in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
        ]
        tag = int(self._capture.get(cv2.CAP_PROP_CODEC_PIXEL_FORMAT)) & 0xFFFFFFFF
        pixels = tag.to_bytes(4, "little")
        try:
            request.check_pixels(size[0], size[1])
            self._deep = pixels.startswith(DEEP_GREY) and pixels[3] > 8
            if self._deep:
                if pixels[3] != 16:
                    raise request.error(
                        f"grey video of {pixels[3]} bit", "Store 16 bit (gray16le)."
                    )
                self._capture.release()
                self._capture = self._opened(cv2.CAP_PROP_CONVERT_RGB, 0)
        except ReadError:
            self._capture.release()
            raise

    def _opened(self, *options: int) -> Any:
        logging = self._cv2.utils.logging
        level = logging.getLogLevel()
        logging.setLogLevel(logging.LOG_LEVEL_SILENT)  # it prints to standard error
        try:
            with guarded(self._request.path, "video"):
                capture = self._cv2.VideoCapture(
                    str(self._request.path), self._cv2.CAP_FFMPEG, list(options)
                )
        finally:
            logging.setLogLevel(level)
        if not capture.isOpened():
            raise self._request.error("no video stream that can be decoded")
        return capture

    def next(self) -> tuple[NDArray[Any], int] | None:
        """Pixels and ns since the start of the video; None at its end."""
        good, picture = self._capture.read()
        if not good:
            return None
        t_ms = self._capture.get(self._cv2.CAP_PROP_POS_MSEC)
        if self._deep:
            if picture.dtype != np.uint16:
                raise self._request.error("16-bit grey was announced and other pixels came")
            return picture, round(t_ms * 1e6)
        return np.ascontiguousarray(picture[..., ::-1]), round(t_ms * 1e6)

    def skip(self) -> bool:
        """Leave one picture out; False at the end."""
        return bool(self._capture.grab())

    def close(self) -> None:
        """Close the file."""
        self._capture.release()
