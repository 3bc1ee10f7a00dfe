"""Small recordings in the true formats, written with rosbags itself."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from rosbags.rosbag1 import Writer as Writer1
from rosbags.rosbag2 import StoragePlugin
from rosbags.rosbag2 import Writer as Writer2
from rosbags.typesys import Stores, get_typestore

NS = 1_000_000_000
FORMATS = ("ros1", "ros2", "mcap")
Message = tuple[str, int, Any]  # topic, moment of recording, message (or bytes to be odd)


@lru_cache
def _store(version: str) -> Any:
    return get_typestore(Stores.ROS1_NOETIC if version == "ros1" else Stores.ROS2_HUMBLE)


class Messages:
    """Makes messages of one version of ROS."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.store = _store("ros1" if kind == "ros1" else "ros2")

    def make(self, name: str, *fields: Any) -> Any:
        return self.store.types[name](*fields)

    def header(self, t_ns: int) -> Any:
        stamp = self.make("builtin_interfaces/msg/Time", t_ns // NS, t_ns % NS)
        first = (0,) if self.kind == "ros1" else ()
        return self.make("std_msgs/msg/Header", *first, stamp, "camera")

    def image(self, t_ns: int, plane: np.ndarray, encoding: str, *, padding: int = 0) -> Any:
        rows = np.ascontiguousarray(plane).view(np.uint8).reshape(plane.shape[0], -1)
        rows = np.pad(rows, ((0, 0), (0, padding)), constant_values=7)
        return self.make(
            "sensor_msgs/msg/Image", self.header(t_ns), *plane.shape[:2], encoding,
            int(plane.dtype.byteorder == ">"), rows.shape[1], rows.reshape(-1),
        )  # fmt: skip

    def compressed(self, t_ns: int, data: bytes, kind: str = "png") -> Any:
        values = np.frombuffer(data, np.uint8)
        return self.make("sensor_msgs/msg/CompressedImage", self.header(t_ns), kind, values)

    def fix(self, t_ns: int, latitude: float, longitude: float, *, status: int = 0) -> Any:
        state = self.make("sensor_msgs/msg/NavSatStatus", status, 1)
        return self.make(
            "sensor_msgs/msg/NavSatFix", self.header(t_ns), state, latitude, longitude, 50.0,
            np.zeros(9), 0,
        )  # fmt: skip

    def pose(self, position: tuple[float, float, float]) -> Any:
        point = self.make("geometry_msgs/msg/Point", *position)
        return self.make(
            "geometry_msgs/msg/Pose", point, self.make("geometry_msgs/msg/Quaternion", 0, 0, 0, 1)
        )

    def odometry(self, t_ns: int, position: tuple[float, float, float]) -> Any:
        speed = self.make("geometry_msgs/msg/Vector3", 1.0, 0.0, 0.0)
        turn = self.make("geometry_msgs/msg/Vector3", 0.0, 0.0, 0.25)
        twist = self.make("geometry_msgs/msg/Twist", speed, turn)
        covariance = np.zeros(36)
        return self.make(
            "nav_msgs/msg/Odometry", self.header(t_ns), "body",
            self.make("geometry_msgs/msg/PoseWithCovariance", self.pose(position), covariance),
            self.make("geometry_msgs/msg/TwistWithCovariance", twist, covariance),
        )  # fmt: skip

    def pose_stamped(self, t_ns: int, position: tuple[float, float, float]) -> Any:
        name = "geometry_msgs/msg/PoseStamped"
        return self.make(name, self.header(t_ns), self.pose(position))

    def flag(self, value: bool) -> Any:
        return self.make("std_msgs/msg/Bool", value)


def write_bag(path: Path, kind: str, messages: Iterable[Message]) -> Path:
    """A recording at `path` plus suffix; bytes instead of a message are written as they are.

    Odd bytes take the type of the topic's first message.
    """
    made = Messages(kind)
    store = made.store
    target = path.with_suffix(".bag") if kind == "ros1" else path
    writer: Any
    if kind == "ros1":
        writer = Writer1(target)
        serialize = store.serialize_ros1
    else:
        plugin = StoragePlugin.MCAP if kind == "mcap" else StoragePlugin.SQLITE3
        writer = Writer2(target, version=9, storage_plugin=plugin)
        serialize = store.serialize_cdr
    connections: dict[str, Any] = {}
    with writer:
        for topic, t_ns, message in messages:
            if topic not in connections:
                name = message.__msgtype__
                connections[topic] = writer.add_connection(topic, name, typestore=store)
            odd = isinstance(message, bytes)
            raw = message if odd else serialize(message, message.__msgtype__)
            writer.write(connections[topic], t_ns, raw)
    return next(target.glob("*.mcap")) if kind == "mcap" else target
