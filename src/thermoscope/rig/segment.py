"""One segment of a recording, written so that a crash costs at most the last second.

Chunks are closed and synced twice a second, the hash of the file grows with it, and after the first
write error nothing more reaches the file. What is NOT here: frames from cameras and when to begin
the next segment (`thermoscope.rig.recorder`).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.errors import MissingDependencyError, RigError, WriteError
from thermoscope.core.version import VERSION
from thermoscope.geometry.camera import Camera as CameraModel
from thermoscope.io.delta_codec import FORMAT, DeltaCoder
from thermoscope.io.ros_messages import (
    DEFINITIONS,
    FrameStamp,
    LogEntry,
    camera_info,
    compressed_image,
    image,
    time_reference,
)
from thermoscope.rig.recording_format import (
    CLOCK_TOPIC,
    EVENTS_TOPIC,
    CameraRecord,
    SegmentRecord,
    channel_table,
)
from thermoscope.rig.segment_lock import lock_segment
from thermoscope.rig.segment_scan import metadata_checksum

__all__ = ["JPEG_QUALITY", "PictureCoder", "SegmentWriter"]

JPEG_QUALITY = 95
CHUNK_BYTES = 1 << 20
NEVER = 1 << 40  # the library is not to close chunks by itself
ROS_DISTORTION = {"pinhole": "plumb_bob", "radtan": "plumb_bob", "fisheye": "equidistant"}


class PictureCoder:
    """The message of a picture, by the codec of its camera; one object a thread.

    Raises:
        MissingDependencyError: The codec's package is not installed.
    """

    def __init__(self, camera: CameraRecord) -> None:
        self._camera = camera
        self._delta = DeltaCoder() if camera.codec == "delta" else None

    def encode(self, pixels: NDArray[Any], t_ns: int) -> bytes:
        """A ``sensor_msgs`` message.

        Args:
            pixels: (H, W) uint8 or uint16, or (H, W, 3) uint8 RGB.
            t_ns: Stamp, ns.

        Raises:
            RigError: The codec cannot hold these pixels.
        """
        name = self._camera.name
        if self._delta is not None:
            return compressed_image(t_ns, name, self._delta.encode(pixels), FORMAT)
        if self._camera.codec == "jpeg":
            return compressed_image(t_ns, name, _jpeg(pixels, name), "jpeg")
        return image(t_ns, name, pixels)


def _jpeg(pixels: NDArray[Any], name: str) -> bytes:
    import cv2

    if pixels.dtype != np.uint8:
        raise RigError(f"{name}: JPEG holds 8 bits, got {pixels.dtype}. Record it as mono16.")
    bgr = pixels[..., ::-1] if pixels.ndim == 3 else pixels
    done, data = cv2.imencode(".jpg", bgr, (cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY))
    if not done:
        raise RigError(f"{name}: JPEG of {pixels.shape} failed.")
    return bytes(data)


class _Stream:
    """A file that hashes what it writes and goes dumb after the first error."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("xb", buffering=0)
        lock_segment(self._file)
        self._hash = hashlib.sha256()
        self._at = 0
        self.error: OSError | None = None

    def write(self, data: bytes) -> int:
        rest = memoryview(data)
        while rest and self.error is None:
            try:
                written = self._file.write(rest) or 0
            except OSError as err:
                self.error = err
                raise
            self._hash.update(rest[:written])
            self._at += written
            rest = rest[written:]
        return len(data)

    def tell(self) -> int:
        return self._at

    def flush(self) -> None:
        """Nothing is buffered here."""

    def sync(self) -> None:
        os.fdatasync(self._file.fileno())

    def sha256(self) -> str:
        return self._hash.hexdigest()

    def close(self) -> None:
        self._file.close()


class SegmentWriter:
    """A segment that is being written.

    Args:
        path: The file; it must not exist.
        cameras: What will be recorded.
        offset_ns: Recording's time minus the host's monotonic clock, ns.
        calibration: Camera to model, for those that are calibrated.
        calibration_file: Kept in the segment as it is.

    Raises:
        WriteError: The file exists or cannot be made.
        MissingDependencyError: ``mcap`` is not installed.
    """

    def __init__(
        self,
        path: Path,
        cameras: Sequence[CameraRecord],
        *,
        offset_ns: int,
        calibration: Mapping[str, CameraModel] | None = None,
        calibration_file: Path | None = None,
    ) -> None:
        try:
            from mcap.writer import CompressionType, Writer
        except ImportError as err:
            raise MissingDependencyError("mcap", extra="rig", purpose="recording") from err
        self.path, self._cameras, self._offset_ns = path, tuple(cameras), offset_ns
        self._frames: Counter[str] = Counter()
        self._start_ns, self._stop_ns, self._pending = 0, 0, 0
        try:
            self._stream = _Stream(path)
        except OSError as err:
            raise WriteError(f"cannot make {path}: {err.strerror or err}. Check the disk.") from err
        packed = any(camera.codec in ("mono16", "raw") for camera in cameras)
        self._writer: Any = Writer(
            self._stream,  # type: ignore[arg-type]  # it takes any object with write, tell, flush
            chunk_size=NEVER,
            compression=CompressionType.ZSTD if packed else CompressionType.NONE,
            enable_data_crcs=True,
        )
        try:
            self._guarded(lambda: self._begin(calibration or {}, calibration_file))
        except WriteError:
            self._stream.close()
            path.unlink(missing_ok=True)  # there is no message in it
            raise

    @property
    def size_bytes(self) -> int:
        """Written so far."""
        return self._stream.tell()

    def add_frame(self, camera: str, picture: bytes, stamp: FrameStamp) -> None:
        """A picture message and its clocks.

        Raises:
            WriteError: The disk is full or gone.
        """
        for part, data in (("image", picture), ("frame", stamp.message())):
            self._add(f"{camera}/{part}", stamp.t_ns, data, stamp.sequence)
        self._frames[camera] += 1
        self._pending += len(picture)
        if self._pending >= CHUNK_BYTES:  # between frames: a picture never loses its clocks
            self._pending = 0
            self._guarded(self._writer.flush)

    def add_event(self, entry: LogEntry) -> None:
        """Something that happened.

        Raises:
            WriteError: The disk is full or gone.
        """
        self._add(EVENTS_TOPIC, entry.t_ns, entry.message())

    def add_clock(self, t_ns: int, utc_ns: int) -> None:
        """The system clock beside the recording's time.

        Raises:
            WriteError: The disk is full or gone.
        """
        self._add(CLOCK_TOPIC, t_ns, time_reference(t_ns, utc_ns))

    def sync(self) -> None:
        """Close the chunk and bring it to the disk: all frames until now survive a power cut.

        Raises:
            WriteError: The disk is full or gone.
        """
        self._guarded(self._sync)

    def close(self) -> SegmentRecord:
        """Write the summary and close the file.

        Raises:
            WriteError: The disk is full or gone.
        """
        try:
            self._guarded(self._finish)
        finally:
            self._stream.close()
        return SegmentRecord(
            name=self.path.name,
            size_bytes=self.size_bytes,
            sha256=self._stream.sha256(),
            start_ns=self._start_ns,
            stop_ns=self._stop_ns,
            frames=dict(self._frames),
        )

    def abandon(self) -> None:
        """Close the file as it is, after an error; `thermoscope.rig.recover` makes it whole."""
        self._stream.close()

    def _begin(self, models: Mapping[str, CameraModel], file: Path | None) -> None:
        self._writer.start(profile="ros2", library=f"thermoscope {VERSION}")
        kinds, channels = channel_table(self._cameras)
        for kind in kinds:
            self._writer.register_schema(kind, "ros2msg", DEFINITIONS[kind].encode())
        self._channels = {
            key: self._writer.register_channel(topic, "cdr", schema)
            for key, topic, schema in channels
        }
        for camera in self._cameras:
            told = {"camera": json.dumps(asdict(camera)), "offset_ns": str(self._offset_ns)}
            told["crc32"] = metadata_checksum(told)
            self._writer.add_metadata(f"thermoscope/{camera.name}", told)
        if file is not None:
            self._writer.add_attachment(0, 0, file.name, "application/json", file.read_bytes())
        self._models = models

    def _add(self, key: str, t_ns: int, data: bytes, sequence: int = 0) -> None:
        if not self._start_ns:
            self._start_ns = t_ns
            self._add_models(t_ns)
        self._stop_ns = max(self._stop_ns, t_ns)
        self._guarded(
            lambda: self._writer.add_message(
                self._channels[key], t_ns, data, t_ns, sequence % (1 << 32)
            )
        )

    def _add_models(self, t_ns: int) -> None:
        for name, model in self._models.items():
            message = camera_info(
                t_ns,
                name,
                size=(model.width, model.height),
                K=model.K,
                model=ROS_DISTORTION[model.model],
                distortion=model.distortion,
            )
            if f"{name}/camera_info" in self._channels:
                self._add(f"{name}/camera_info", t_ns, message)

    def _sync(self) -> None:
        self._pending = 0
        self._writer.flush()
        self._stream.sync()

    def _finish(self) -> None:
        self._writer.finish()
        self._stream.sync()

    def _guarded(self, step: Any) -> None:
        try:
            step()
        except OSError as err:
            raise WriteError(
                f"cannot write {self.path}: {err.strerror or err}. "
                "What was written is safe: free space and run thermoscope rig recover."
            ) from err
