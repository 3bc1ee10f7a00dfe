"""One picture stream of an MCAP recording as frames: ours, or of any ROS 2 recorder.

The first stream of 16-bit pictures is taken, else the first of any; `McapFrames` takes another by
its topic. A folder of segments is a sequence over all of them. What is NOT here: damaged files
(`thermoscope rig recover` makes them whole) and everything beside the pictures.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.errors import (
    MissingDependencyError,
    ReadError,
    ThermoscopeError,
    UnknownNameError,
)
from thermoscope.io.pictures import decoded_picture
from thermoscope.io.planes import Origin, image_from_array
from thermoscope.io.request import Request
from thermoscope.io.ros_messages import FrameStamp, parse_frame_stamp
from thermoscope.io.thermal_image import CaptureInfo, Source, ThermalImage

__all__ = ["McapFrames"]

IMAGES = ("sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage")


def _topics(reader: Any, request: Request) -> dict[str, int]:
    """Topics of pictures to number of frames.

    Raises:
        ReadError: The file has no end, or no pictures.
    """
    with _told(request):
        summary = reader.get_summary()
    if summary is None or summary.statistics is None:
        raise _cut(request, "it has no summary")
    counts = summary.statistics.channel_message_counts
    found = {
        channel.topic: counts.get(number, 0)
        for number, channel in sorted(summary.channels.items())
        if channel.schema_id in summary.schemas
        and summary.schemas[channel.schema_id].name in IMAGES
        and channel.message_encoding == "cdr"
        and counts.get(number, 0)
    }
    if not found:
        raise request.error(
            "no pictures of ROS 2 in this MCAP file", f"Read are the messages {', '.join(IMAGES)}."
        )
    return found


@contextmanager
def _told(request: Request) -> Iterator[None]:
    """Whatever the library says about damaged bytes becomes a `ReadError`."""
    try:
        yield
    except ThermoscopeError:
        raise
    except Exception as err:
        raise _cut(request, f"{type(err).__name__}: {err}") from err


def _cut(request: Request, reason: str) -> ReadError:
    return request.error(
        f"the recording was not closed, or is damaged ({reason})",
        "Run thermoscope rig recover on its folder.",
    )


class McapFrames:
    """Frames of one topic; going forward is the fast way.

    Args:
        request: The file.
        topic: Which stream; the first of 16 bits, else the first, if None.

    Raises:
        ReadError: Not closed, damaged, or without pictures.
        UnknownNameError: No such topic.
        MissingDependencyError: ``mcap`` is not installed.
    """

    def __init__(self, request: Request, topic: str | None = None) -> None:
        self._closing = ExitStack()
        try:
            from mcap.reader import make_reader
        except ImportError as err:
            raise MissingDependencyError(
                "mcap", extra="rig", purpose=f"reading {request.path.name}"
            ) from err
        self._request = request
        stream = self._closing.enter_context(request.path.open("rb"))
        try:
            self._reader: Any = make_reader(stream, validate_crcs=True)
            topics = _topics(self._reader, request)
            if topic is not None and topic not in topics:
                raise UnknownNameError("topic", topic, topics)
            self.topic = topic or self._deepest(topics)
        except BaseException:
            self._closing.close()
            raise
        self.count = topics[self.topic]
        self._capture = self._camera()
        self._next, self._messages = 0, self._from_the_start()

    def length(self) -> int:
        """Number of frames."""
        return self.count

    def frame(self, index: int) -> ThermalImage:
        """Frame `index`.

        Raises:
            IndexError: There is no such frame.
            ReadError: It is damaged.
        """
        if not 0 <= index < self.count:
            raise IndexError(index)
        if index < self._next:
            self._next, self._messages = 0, self._from_the_start()
        while True:
            pixels, t_ns, stamp = self._following()
            self._next += 1
            if self._next > index:
                return self._image(pixels, t_ns, stamp, index)

    def close(self) -> None:
        """Let go of the file."""
        self._closing.close()

    def __del__(self) -> None:
        self._closing.close()

    def _deepest(self, topics: dict[str, int]) -> str:
        with _told(self._request):
            for topic in topics:
                _, _, message = next(self._reader.iter_messages(topics=[topic]))
                if self._pixels(topic, message.data)[0].dtype == np.uint16:
                    return topic
        return next(iter(topics))

    def _pixels(self, topic: str, data: bytes) -> tuple[NDArray[Any], int]:
        picture, pixels = decoded_picture(data, compressed=topic.endswith("/compressed"))
        return pixels, picture.t_ns

    def _from_the_start(self) -> Iterator[tuple[str, bytes]]:
        stamps = f"/{self.topic.strip('/').split('/')[0]}/frame"
        for _, channel, message in self._reader.iter_messages(topics=[self.topic, stamps]):
            yield channel.topic, message.data

    def _following(self) -> tuple[NDArray[Any], int, FrameStamp | None]:
        """The next picture, and the clocks that were written behind it."""
        with _told(self._request):
            for topic, data in self._messages:
                if topic == self.topic:
                    pixels, t_ns = self._pixels(topic, data)
                    return pixels, t_ns, self._clocks(t_ns)
        raise _cut(self._request, f"{self.count} frames were told and fewer are there")

    def _clocks(self, t_ns: int) -> FrameStamp | None:
        topic, data = next(self._messages, ("", b""))
        if topic.endswith("/frame"):
            stamp = parse_frame_stamp(data)
            return stamp if stamp.t_ns == t_ns else None
        if topic:  # another recorder's file: this is the next picture
            rest = self._messages

            def again() -> Iterator[tuple[str, bytes]]:
                yield topic, data
                yield from rest

            self._messages = again()
        return None

    def _camera(self) -> CaptureInfo:
        """What the recorder noted about the camera."""
        name = self.topic.strip("/").split("/")[0]
        for record in self._reader.iter_metadata():
            if record.name == f"thermoscope/{name}":
                told = json.loads(record.metadata.get("camera", "{}"))
                return CaptureInfo(serial=told.get("serial"))
        return CaptureInfo()

    def _image(
        self, pixels: NDArray[Any], t_ns: int, stamp: FrameStamp | None, index: int
    ) -> ThermalImage:
        extra: dict[str, Any] = {"topic": self.topic}
        ffc = None
        if stamp is not None:
            ffc = stamp.ffc == "running" if stamp.ffc else None
            extra |= {"counter": stamp.counter, "device_ns": stamp.device_ns}
            extra |= {"host_ns": stamp.host_ns, "sequence": stamp.sequence}
        capture = CaptureInfo(
            serial=self._capture.serial,
            t_ns=t_ns or None,
            t_zone="utc" if t_ns else None,
            ffc=ffc,
            extra=extra,
        )
        source = Source(
            path=self._request.path,
            format="mcap",
            frame_index=index,
            frame_count=self.count,
            bit_depth=8 * pixels.dtype.itemsize,
        )
        return image_from_array(pixels, Origin(source, capture), scale=self._request.scale)
