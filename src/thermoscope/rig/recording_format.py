"""What a recording is on disk: a folder with one manifest and segments that stand alone.

    DIR/recording.json     cameras, segments with sha256, what was lost, why it ended
    DIR/000000.mcap …      one minute each

Topics of camera NAME: ``/NAME/image`` (thermal, lossless) or ``/NAME/image/compressed`` (colour,
JPEG; or thermal in our delta coding), ``/NAME/frame`` (every clock, telemetry),
``/NAME/camera_info``; of the rig: ``/rig/events``, ``/rig/clock``.
What is NOT here: writing (`thermoscope.rig.segment`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from thermoscope.core.errors import ReadError
from thermoscope.core.files import atomic_write

__all__ = [
    "BALLAST",
    "CLOCK_TOPIC",
    "EVENTS_TOPIC",
    "MANIFEST",
    "CameraRecord",
    "Manifest",
    "SegmentRecord",
    "camera_topics",
    "channel_table",
    "find_recording",
    "read_manifest",
    "segment_files",
    "write_manifest",
]

MANIFEST = "recording.json"
BALLAST = ".ballast"  # while it runs: room for the ends of the files when the disk is full
SCHEMA = "thermoscope.recording.v1"
EVENTS_TOPIC, CLOCK_TOPIC = "/rig/events", "/rig/clock"
Codec = Literal["mono16", "delta", "jpeg", "raw"]


@dataclass(frozen=True)
class CameraRecord:
    """One camera of a recording.

    Attributes:
        name: In the rig.
        serial: Serial number.
        kind: thermal or rgb.
        codec: How its pictures are stored: "mono16", "delta" and "raw" lose nothing, "jpeg" does.
        width_px: Columns.
        height_px: Rows.
        rate_hz: Asked for.
        settings: Everything else the camera was told, as text.
    """

    name: str
    serial: str
    kind: str
    codec: Codec
    width_px: int
    height_px: int
    rate_hz: float
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SegmentRecord:
    """One closed segment.

    Attributes:
        name: File name.
        size_bytes: Of the file.
        sha256: Of the file.
        start_ns: Recording's time of the first message, ns since 1970.
        stop_ns: Of the last.
        frames: Camera to frames.
        recovered: It was not closed by the recorder.
    """

    name: str
    size_bytes: int
    sha256: str
    start_ns: int
    stop_ns: int
    frames: Mapping[str, int]
    recovered: bool = False


@dataclass(frozen=True)
class Manifest:
    """What a recording says about itself.

    Attributes:
        cameras: In order.
        started_utc_ns: System clock at the start, ns since 1970.
        offset_ns: Recording's time minus the host's monotonic clock, ns; constant.
        segments: Closed ones, in order.
        queue_drops: Camera to frames that the recorder could not keep up with.
        stopped: Why it ended: asked, duration, disk, error …; empty while it runs or was killed.
        calibration: File name of the calibration in the folder; empty if none.
        calibration_sha256: Of that file.
    """

    cameras: tuple[CameraRecord, ...]
    started_utc_ns: int
    offset_ns: int
    segments: tuple[SegmentRecord, ...] = ()
    queue_drops: Mapping[str, int] = field(default_factory=dict)
    stopped: str = ""
    calibration: str = ""
    calibration_sha256: str = ""

    @property
    def frames(self) -> dict[str, int]:
        """Camera to frames of all closed segments."""
        return {
            camera.name: sum(segment.frames.get(camera.name, 0) for segment in self.segments)
            for camera in self.cameras
        }


def camera_topics(camera: CameraRecord) -> dict[str, tuple[str, str]]:
    """What (image, frame, camera_info) to topic and ROS message type."""
    compressed = camera.codec in ("jpeg", "delta")
    picture = (
        (f"/{camera.name}/image/compressed", "sensor_msgs/msg/CompressedImage")
        if compressed
        else (f"/{camera.name}/image", "sensor_msgs/msg/Image")
    )
    return {
        "image": picture,
        "frame": (f"/{camera.name}/frame", "thermoscope_msgs/msg/FrameStamp"),
        "camera_info": (f"/{camera.name}/camera_info", "sensor_msgs/msg/CameraInfo"),
    }


def channel_table(cameras: Sequence[CameraRecord]) -> tuple[list[str], list[tuple[str, str, int]]]:
    """The channels of a segment in the order of their numbers, which count from 1.

    Returns:
        Message types in the order of their numbers, and (key, topic, number of the type) of each
        channel; a key is ``NAME/image``, ``NAME/frame`` … or the topic itself.
    """
    wanted = [
        (f"{camera.name}/{part}", topic, kind)
        for camera in cameras
        for part, (topic, kind) in camera_topics(camera).items()
    ]
    wanted.append((EVENTS_TOPIC, EVENTS_TOPIC, "rcl_interfaces/msg/Log"))
    wanted.append((CLOCK_TOPIC, CLOCK_TOPIC, "sensor_msgs/msg/TimeReference"))
    kinds = list(dict.fromkeys(kind for _, _, kind in wanted))
    return kinds, [(key, topic, kinds.index(kind) + 1) for key, topic, kind in wanted]


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest with a checksum of itself.

    Raises:
        WriteError: The disk is full, or the folder is not writable.
    """
    content: dict[str, Any] = {"schema": SCHEMA, **asdict(manifest)}
    content["sha256"] = _digest(content)
    with atomic_write(folder / MANIFEST) as stream:
        stream.write((json.dumps(content, indent=1) + "\n").encode())


def read_manifest(folder: str | Path) -> Manifest:
    """The manifest of a recording folder.

    Raises:
        ReadError: It is absent, no JSON, of another schema, or its checksum is wrong.
    """
    path = Path(folder) / MANIFEST
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        told = content.pop("sha256")
        if content["schema"] != SCHEMA or told != _digest(content):
            raise ValueError("its checksum or schema is wrong")
        del content["schema"]
        content["cameras"] = tuple(CameraRecord(**entry) for entry in content["cameras"])
        content["segments"] = tuple(SegmentRecord(**entry) for entry in content["segments"])
        return Manifest(**{f.name: content[f.name] for f in fields(Manifest)})
    except OSError as err:
        raise ReadError(
            f"{folder} is no recording: {path.name} cannot be read ({err.strerror}). "
            "Name the folder that thermoscope rig record wrote.",
            path=path,
        ) from err
    except (ValueError, KeyError, TypeError, AttributeError) as err:
        raise ReadError(
            f"{path} is damaged: {err}. Run thermoscope rig recover {folder}.", path=path
        ) from err


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def segment_files(folder: Path) -> list[Path]:
    """Segments in order, closed or not."""
    return sorted(folder.glob("[0-9]*.mcap"))


def find_recording(path: str | Path) -> Path:
    """The folder of a recording, given it or a file in it.

    Raises:
        ReadError: There is none.
    """
    given = Path(path)
    folder = given if given.is_dir() else given.parent
    if not given.exists() or not ((folder / MANIFEST).exists() or segment_files(folder)):
        raise ReadError(
            f"{given} is no recording: expected a folder with {MANIFEST} and *.mcap. "
            "Check the path.",
            path=given,
        )
    return folder
