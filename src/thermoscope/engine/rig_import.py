"""ROS 1 bags, ROS 2 bags and MCAP files of others as recordings of ours.

    report = import_recording("their_run.bag", "run1")

Nothing is lost on the way: 16-bit pictures stay as they are, JPEG bytes are taken over, other
colours are stored raw. Stamps are those of the message headers. What was left out is counted in
the report and in the recording's events. OUT appears when it is whole, or not at all.
What is NOT here: choosing topics (`rig_import_topics`), lenses and places
(`rig_import_calibration`).
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.errors import ConfigError, DatasetCorruptError, WriteError
from thermoscope.core.files import sha256_of
from thermoscope.data.bags import Bag
from thermoscope.data.ros_image import picture_of
from thermoscope.engine.rig_import_calibration import lenses_of, places_of
from thermoscope.engine.rig_import_topics import CameraTopic, Skipped, choose_topics
from thermoscope.geometry.camera import Camera
from thermoscope.io.ros_messages import FrameStamp, LogEntry, compressed_image
from thermoscope.rig.calibration_files import RigCameras, write_calibration, write_camera_info
from thermoscope.rig.recording_format import CameraRecord, Manifest, SegmentRecord, write_manifest
from thermoscope.rig.segment import PictureCoder, SegmentWriter

__all__ = ["ImportReport", "import_recording"]

NS = 1_000_000_000
INFORMATION = 20
CALIBRATION = "calibration.json"
OURS = "thermoscope_msgs/msg/FrameStamp"


@dataclass(frozen=True)
class ImportReport:
    """What became of somebody's recording.

    Attributes:
        manifest: Of the new recording.
        topics: Camera to the topic that it was.
        skipped: What was left out, by topic and reason.
        calibration: File with lenses and places; empty if the recording does not tell both.
        lenses: Cameras whose lens is known.
    """

    manifest: Manifest
    topics: Mapping[str, str]
    skipped: tuple[Skipped, ...]
    calibration: str
    lenses: tuple[str, ...]


def import_recording(
    source: str | Path,
    out: str | Path,
    *,
    topics: Mapping[str, str] | None = None,
    segment_s: float = 60.0,
) -> ImportReport:
    """Make a recording of a bag or an MCAP file.

    Args:
        source: A ``.bag``, a ROS 2 folder or an ``.mcap``.
        out: Folder to be made; it must not exist.
        topics: Camera name to topic; chosen by what they hold if None.
        segment_s: Length of a segment, s.

    Raises:
        ConfigError: `out` exists, the source is a recording of ours, or a topic holds no pictures.
        DatasetCorruptError: The source is damaged, empty, or holds no picture to import.
        DatasetNotFoundError: No such source.
        MissingDependencyError: ``rosbags`` or ``mcap`` is not installed.
        UnknownNameError: No such topic.
        WriteError: The disk is full, or `out` cannot be made.
    """
    with Bag(source) as bag, _whole_or_nothing(Path(out)) as folder:
        if any(kind == OURS for kind, _ in bag.topics.values()):
            raise ConfigError(
                f"{source} is a recording of thermoscope already. Use it as it is, or copy it."
            )
        chosen, skipped = choose_topics(bag, topics)
        lenses, unused = lenses_of(bag, chosen)
        calibration = _keep_calibration(bag, folder, chosen, lenses)
        writer = _Writer(folder, [topic.record for topic in chosen], lenses, calibration, segment_s)
        left_out = _write_frames(bag, chosen, writer)
        skipped = [row for row in skipped if not _is_used(row.topic, chosen, lenses)]
        skipped = [replace(row, reason=unused.get(row.topic, row.reason)) for row in skipped]
        skipped += [Skipped(topic, reason, n) for (topic, reason), n in sorted(left_out.items())]
        manifest = writer.close(skipped, name=Path(source).name)
    names = {topic.record.name: topic.topic for topic in chosen}
    return ImportReport(manifest, names, tuple(skipped), calibration, tuple(lenses))


@contextmanager
def _whole_or_nothing(out: Path) -> Iterator[Path]:
    """A folder that becomes `out` if the block ends well, and vanishes if not."""
    if out.exists():
        raise ConfigError(f"{out} exists. Choose another folder, or delete it.")
    folder = out.with_name(f".{out.name}.import")
    try:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        yield folder
        folder.rename(out)
    except OSError as err:
        if isinstance(err, WriteError | DatasetCorruptError):
            raise
        raise WriteError(f"cannot write {out}: {err.strerror or err}. Check the disk.") from err
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _keep_calibration(
    bag: Bag, folder: Path, chosen: list[CameraTopic], lenses: Mapping[str, Camera]
) -> str:
    """Write what is known; the name of the calibration if lenses and places of all are."""
    for name, camera in lenses.items():
        write_camera_info(folder / f"{name}.yaml", camera, name=name)
    if len(lenses) < len(chosen):
        return ""
    places = places_of(bag, {topic.record.name: topic.frame_id for topic in chosen})
    if places is None:
        return ""
    write_calibration(folder / CALIBRATION, RigCameras(lenses, places))
    return CALIBRATION


def _is_used(topic: str, chosen: list[CameraTopic], lenses: Mapping[str, Camera]) -> bool:
    return any(topic == c.camera_info and c.record.name in lenses for c in chosen)


def _write_frames(bag: Bag, chosen: list[CameraTopic], writer: _Writer) -> Counter[tuple[str, str]]:
    """Write all pictures; topic and reason to number of those that were left out."""
    by_topic = {topic.topic: topic for topic in chosen}
    last = dict.fromkeys(by_topic, -1)
    left_out: Counter[tuple[str, str]] = Counter()
    for topic, t_ns, message in bag.messages(list(by_topic)):
        record = by_topic[topic].record
        try:
            picture = _picture(message, record)
        except DatasetCorruptError as err:
            left_out[topic, str(err)] += 1
            continue
        if t_ns <= last[topic]:
            left_out[topic, "is not later than the picture before it"] += 1
            continue
        last[topic] = t_ns
        writer.add(record.name, picture, t_ns, message)
    left_out.update(_odd(bag, by_topic))
    return left_out


def _picture(message: Any, record: CameraRecord) -> NDArray[Any]:
    """Pixels as the camera's others are: of one size and kind.

    Raises:
        DatasetCorruptError: They are not.
    """
    picture: NDArray[Any] = picture_of(message)
    if record.kind == "rgb" and picture.ndim == 2 and picture.dtype == np.uint8:
        picture = np.repeat(picture[..., None], 3, axis=2)
    size = (record.height_px, record.width_px)
    kind = (record.codec == "mono16", record.kind == "rgb")
    if picture.shape[:2] != size or kind != (picture.dtype == np.uint16, picture.ndim == 3):
        raise DatasetCorruptError(
            f"is {picture.shape[1]}x{picture.shape[0]} {picture.dtype}, unlike the first picture"
        )
    return picture


def _odd(bag: Bag, topics: Mapping[str, Any]) -> Counter[tuple[str, str]]:
    """What the reader found odd about the imported topics."""
    rows: Counter[tuple[str, str]] = Counter()
    for text, count in bag.odd.items():
        topic, _, reason = text.partition(": ")
        if topic in topics:
            rows[topic, reason] += count
    return rows


class _Writer:
    """The recording while it is made."""

    def __init__(
        self,
        folder: Path,
        cameras: list[CameraRecord],
        lenses: Mapping[str, Camera],
        calibration: str,
        segment_s: float,
    ) -> None:
        self._folder, self._cameras, self._lenses = folder, cameras, lenses
        self._calibration, self._segment_ns = calibration, round(segment_s * NS)
        self._coders = {camera.name: PictureCoder(camera) for camera in cameras}
        self._codecs = {camera.name: camera.codec for camera in cameras}
        self._frames: Counter[str] = Counter()
        self._closed: list[SegmentRecord] = []
        self._segment: SegmentWriter | None = None
        self._start_ns = self._last_ns = 0

    def add(self, camera: str, picture: NDArray[Any], t_ns: int, message: Any) -> None:
        """Write one frame; a JPEG is taken over as it is."""
        if self._codecs[camera] == "jpeg":
            data = compressed_image(t_ns, camera, bytes(message.data), str(message.format))
        else:
            data = self._coders[camera].encode(picture, t_ns)
        stamp = FrameStamp(t_ns, self._frames[camera], counter=None, device_ns=None, host_ns=t_ns)
        self._frames[camera] += 1
        self._last_ns = max(self._last_ns, t_ns)
        self._segment_at(t_ns).add_frame(camera, data, stamp)

    def close(self, skipped: list[Skipped], *, name: str) -> Manifest:
        """Tell what was left out, and write the manifest.

        Raises:
            WriteError: The disk is full.
        """
        segment = self._segment_at(self._last_ns)
        for row in skipped:
            text = f"{row.topic} {row.reason}"
            segment.add_event(
                LogEntry(self._last_ns, "rig", "import", text, row.messages, INFORMATION)
            )
        self._closed.append(segment.close())
        digest = sha256_of(self._folder / self._calibration) if self._calibration else ""
        manifest = Manifest(
            cameras=tuple(self._cameras),
            started_utc_ns=self._closed[0].start_ns,
            offset_ns=0,
            segments=tuple(self._closed),
            queue_drops={camera.name: 0 for camera in self._cameras},
            stopped=f"imported from {name}",
            calibration=self._calibration,
            calibration_sha256=digest,
        )
        write_manifest(self._folder, manifest)
        return manifest

    def _segment_at(self, t_ns: int) -> SegmentWriter:
        """The segment that is being written; a new one when it is time."""
        if self._segment is not None and t_ns - self._start_ns >= self._segment_ns:
            self._closed.append(self._segment.close())
            self._segment = None
        if self._segment is None:
            self._start_ns = t_ns
            self._segment = SegmentWriter(
                self._folder / f"{len(self._closed):06d}.mcap",
                self._cameras,
                offset_ns=0,
                calibration=self._lenses,
                calibration_file=self._folder / self._calibration if self._calibration else None,
            )
        return self._segment
