"""ROS 1 bags, ROS 2 bags and MCAP files as streams of pictures, GPS fixes and poses; no ROS.

A message that cannot be read is counted in `Bag.odd` with its reason, and the stream goes on.
Stamps are those of the message header, ns; where a header has none (0) the moment of recording
stands in and is counted too. What is NOT here: choosing and writing frames (`bag_extract`).
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.errors import (
    ConfigError,
    DatasetCorruptError,
    DatasetNotFoundError,
    MissingDependencyError,
    UnknownNameError,
)
from thermoscope.data.foreign_mcap import ForeignMcap, is_foreign
from thermoscope.data.ros_image import Picture, picture_of

__all__ = ["FIXES", "IMAGES", "Bag", "Fixes", "Flags", "Frame", "Poses", "is_recording"]

IMAGES = ("sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage")
FIXES = ("sensor_msgs/msg/NavSatFix",)
POSES = (
    "nav_msgs/msg/Odometry",
    "geometry_msgs/msg/PoseStamped",
    "geometry_msgs/msg/PoseWithCovarianceStamped",
    "geometry_msgs/msg/TransformStamped",
)
FLAGS = ("std_msgs/msg/Bool",)
NO_FIX = -1  # NavSatStatus.STATUS_NO_FIX
NS = 1_000_000_000


@dataclass(frozen=True)
class Frame:
    """One picture.

    Attributes:
        t_ns: Stamp, ns.
        picture: (H, W) uint8 or uint16, or (H, W, 3) uint8 RGB.
    """

    t_ns: int
    picture: Picture


@dataclass(frozen=True)
class Fixes:
    """GPS fixes in the order of time.

    Attributes:
        t_ns: (N,) stamps.
        latitude_deg: (N,).
        longitude_deg: (N,).
        altitude_m: (N,) above the ellipsoid; nan if unknown.
    """

    t_ns: NDArray[np.int64]
    latitude_deg: NDArray[np.float64]
    longitude_deg: NDArray[np.float64]
    altitude_m: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.t_ns)


@dataclass(frozen=True)
class Poses:
    """Poses in the order of time.

    Attributes:
        t_ns: (N,) stamps.
        position_m: (N, 3).
        quaternion: (N, 4) x y z w.
        velocity: (N, 6) m/s (3) and rad/s (3) in the moving frame; nan if the message has none.
    """

    t_ns: NDArray[np.int64]
    position_m: NDArray[np.float64]
    quaternion: NDArray[np.float64]
    velocity: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.t_ns)


@dataclass(frozen=True)
class Flags:
    """Boolean messages, which carry no header, at the moment of their recording.

    Attributes:
        t_ns: (N,) moments.
        values: (N,) bool.
    """

    t_ns: NDArray[np.int64]
    values: NDArray[np.bool_]


def is_recording(path: str | Path) -> bool:
    """Whether it is a ``.bag`` or ``.mcap`` file, or a ROS 2 folder: by its name alone."""
    place = Path(path)
    return place.suffix in (".bag", ".mcap") or (place / "metadata.yaml").is_file()


class Bag:
    """One recording: a ``.bag``, several that follow each other, a ROS 2 folder, or an ``.mcap``.

    Use it as a context: ``with Bag(path) as bag: ...``.

    Args:
        *paths: The parts.

    Attributes:
        odd: Reason to number of messages that were left out or read with a substitute; each counts
            once, however often the topic is read.

    Raises:
        ConfigError: No path, or several that are not all ``.bag``.
        DatasetNotFoundError: A path is absent.
        MissingDependencyError: ``rosbags`` is not installed.
    """

    def __init__(self, *paths: str | Path) -> None:
        self.paths = tuple(Path(path) for path in paths)
        if not self.paths or (len(paths) > 1 and any(p.suffix != ".bag" for p in self.paths)):
            raise ConfigError(
                f"a recording is one path, or several .bag files, got "
                f"{[str(p) for p in self.paths]}. Open the others one by one."
            )
        for path in self.paths:
            if not path.exists() or (path.is_dir() and not (path / "metadata.yaml").exists()):
                raise DatasetNotFoundError(
                    f"{path} is no recording: expected a .bag or .mcap file, or a ROS 2 folder "
                    "with metadata.yaml. Check the path."
                )
        self.odd: Counter[str] = Counter()
        self._reader = self._made()

    def _made(self) -> Any:
        try:
            from rosbags.highlevel import AnyReader, AnyReaderError
            from rosbags.typesys import Stores, get_typestore
        except ImportError as err:
            raise MissingDependencyError(
                "rosbags", extra="datasets", purpose="reading ROS bags and MCAP"
            ) from err
        self._errors: tuple[type[Exception], ...] = (
            AnyReaderError,
            struct.error,
            ValueError,
            IndexError,
            KeyError,
            AssertionError,
        )
        self._file_errors: tuple[type[Exception], ...] = (*self._errors, OSError, EOFError)
        if self.paths[0].suffix == ".mcap" and is_foreign(self.paths[0]):
            return ForeignMcap(self.paths[0])
        try:
            return AnyReader(list(self.paths), default_typestore=get_typestore(Stores.ROS2_HUMBLE))
        except self._errors as err:
            raise self._broken(err) from err

    def _broken(self, err: Exception) -> DatasetCorruptError:
        return DatasetCorruptError(
            f"{self.paths[0]} is no readable recording: {err or type(err).__name__}. "
            "If recording was cut off, `rosbag reindex` or `mcap recover` may save it."
        )

    def __enter__(self) -> Bag:
        """Raises `DatasetCorruptError` if a file is damaged."""
        try:
            self._reader.open()
        except self._file_errors as err:
            raise self._broken(err) from err
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.close()

    @property
    def topics(self) -> dict[str, tuple[str, int]]:
        """Topic to message type and number of messages."""
        found: dict[str, tuple[str, int]] = {}
        for connection in self._reader.connections:
            kind, count = found.get(connection.topic, (connection.msgtype, 0))
            found[connection.topic] = (kind, count + connection.msgcount)
        return found

    def pick(self, candidates: Collection[str], *, what: str) -> str:
        """The first of the candidate topics that the recording has, as such or compressed.

        Raises:
            UnknownNameError: It has none of them.
        """
        names = self.topics
        for candidate in candidates:
            for name in (candidate, f"{candidate}/compressed"):
                if name in names:
                    return name
        raise UnknownNameError(f"{what} topic", " or ".join(candidates), names)

    def stamps(self, topic: str) -> NDArray[np.int64]:
        """(N,) stamps of the readable messages of a topic, ns, in the order of recording.

        Raises:
            UnknownNameError: No such topic.
            DatasetCorruptError: The file breaks off.
        """
        return np.asarray([t for t, _ in self._messages(topic)], dtype=np.int64)

    def images(self, topic: str, *, only: Collection[int] | None = None) -> Iterator[Frame]:
        """Pictures of a topic; those that do not decode are counted in `odd`.

        Args:
            topic: Its name.
            only: Stamps wanted, ns; a repeated stamp gives its first readable picture. None: all.

        Raises:
            UnknownNameError: No such topic.
            ConfigError: The topic holds no pictures.
            DatasetCorruptError: The file breaks off.
        """
        self._check_kind(topic, IMAGES)
        wanted = None if only is None else set(only)
        odd: Counter[str] = Counter()
        for t_ns, message in self._messages(topic):
            if wanted is not None and t_ns not in wanted:
                continue
            try:
                picture = picture_of(message)
            except DatasetCorruptError as err:
                odd[f"{topic}: {err}"] += 1
                self.odd |= odd
                continue
            if wanted is not None:
                wanted.discard(t_ns)
            yield Frame(t_ns, picture)

    def fixes(self, topic: str) -> Fixes:
        """GPS fixes of a topic; messages without a fix are counted in `odd` and left out.

        Raises:
            UnknownNameError: No such topic.
            ConfigError: The topic holds no fixes.
            DatasetCorruptError: The file breaks off.
        """
        self._check_kind(topic, FIXES)
        rows: list[tuple[int, float, float, float]] = []
        odd: Counter[str] = Counter()
        for t_ns, m in self._messages(topic):
            if m.status.status == NO_FIX or not np.isfinite([m.latitude, m.longitude]).all():
                odd[f"{topic}: no fix"] += 1
                continue
            rows.append((t_ns, m.latitude, m.longitude, m.altitude))
        self.odd |= odd
        rows.sort(key=lambda row: row[0])
        values = np.asarray([row[1:] for row in rows], dtype=np.float64).reshape(-1, 3)
        stamps = np.asarray([row[0] for row in rows], dtype=np.int64)
        return Fixes(stamps, values[:, 0], values[:, 1], values[:, 2])

    def poses(self, topic: str) -> Poses:
        """Poses of a topic; those with values that are not finite are counted and left out.

        Raises:
            UnknownNameError: No such topic.
            ConfigError: The topic holds no poses.
            DatasetCorruptError: The file breaks off.
        """
        self._check_kind(topic, POSES)
        rows: list[tuple[int, list[float]]] = []
        odd: Counter[str] = Counter()
        for t_ns, message in self._messages(topic):
            row = _pose_row(message)
            if not np.isfinite(row[:7]).all():
                odd[f"{topic}: pose that is not finite"] += 1
                continue
            rows.append((t_ns, row))
        self.odd |= odd
        rows.sort(key=lambda row: row[0])
        values = np.asarray([row for _, row in rows], dtype=np.float64).reshape(-1, 13)
        stamps = np.asarray([t for t, _ in rows], dtype=np.int64)
        return Poses(stamps, values[:, :3], values[:, 3:7], values[:, 7:])

    def flags(self, topic: str) -> Flags:
        """Boolean messages of a topic.

        Raises:
            UnknownNameError: No such topic.
            ConfigError: The topic holds no booleans.
            DatasetCorruptError: The file breaks off.
        """
        self._check_kind(topic, FLAGS)
        rows = [(t_ns, bool(message.data)) for t_ns, message in self._messages(topic)]
        stamps = np.asarray([t for t, _ in rows], dtype=np.int64)
        return Flags(stamps, np.asarray([value for _, value in rows], dtype=bool))

    def messages(self, topics: Collection[str]) -> Iterator[tuple[str, int, Any]]:
        """Topic, stamp in ns and message of several topics, in the order of recording.

        Messages that cannot be read are counted in `odd`; a second pass over a topic counts none
        again.

        Raises:
            UnknownNameError: No such topic.
            DatasetCorruptError: The file breaks off.
        """
        known = self.topics
        for topic in topics:
            if topic not in known:
                raise UnknownNameError("topic", topic, known)
        connections = [c for c in self._reader.connections if c.topic in topics]
        stream = self._reader.messages(connections=connections)
        odd: Counter[str] = Counter()
        while True:
            self.odd |= odd
            try:
                connection, recorded_ns, raw = next(stream)
            except StopIteration:
                return
            except Exception as err:  # each decompressor raises its own kind
                raise self._broken(err) from err
            topic = connection.topic
            try:
                message = self._reader.deserialize(raw, connection.msgtype)
            except self._errors as err:
                odd[f"{topic}: unreadable message ({type(err).__name__})"] += 1
                continue
            yield topic, self._stamp(topic, message, int(recorded_ns), odd), message

    def _check_kind(self, topic: str, kinds: tuple[str, ...]) -> None:
        if topic not in self.topics:
            raise UnknownNameError("topic", topic, self.topics)
        kind = self.topics[topic][0]
        if kind not in kinds:
            raise ConfigError(f"topic {topic} holds {kind}, expected {' or '.join(kinds)}.")

    def _messages(self, topic: str) -> Iterator[tuple[int, Any]]:
        """Stamp and message of one topic."""
        for _, t_ns, message in self.messages([topic]):
            yield t_ns, message

    def _stamp(self, topic: str, message: Any, recorded_ns: int, odd: Counter[str]) -> int:
        header = getattr(message, "header", None)
        if header is None:
            return recorded_ns
        t_ns = int(header.stamp.sec) * NS + int(header.stamp.nanosec)
        if t_ns:
            return t_ns
        odd[f"{topic}: header without a stamp, moment of recording used"] += 1
        return recorded_ns


def _pose_row(message: Any) -> list[float]:
    """Position (3), quaternion x y z w (4), velocity (6)."""
    if hasattr(message, "transform"):
        position, turn = message.transform.translation, message.transform.rotation
    else:
        pose = message.pose.pose if hasattr(message.pose, "pose") else message.pose
        position, turn = pose.position, pose.orientation
    row = [position.x, position.y, position.z, turn.x, turn.y, turn.z, turn.w]
    if not hasattr(message, "twist"):
        return row + [float("nan")] * 6
    linear, angular = message.twist.twist.linear, message.twist.twist.angular
    return [*row, linear.x, linear.y, linear.z, angular.x, angular.y, angular.z]
