"""Small recordings in the true formats, written with rosbags itself."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from mcap.writer import Writer
from rosbags.rosbag1 import Writer as Writer1
from rosbags.rosbag2 import StoragePlugin
from rosbags.rosbag2 import Writer as Writer2
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

NS = 1_000_000_000
FORMATS = ("ros1", "ros2", "mcap")
Message = tuple[str, int, Any]  # topic, moment of recording, message (or bytes to be odd)


@lru_cache
def _store(version: str) -> Any:
    if version == "ros2":
        return get_typestore(Stores.ROS2_HUMBLE)
    store = get_typestore(Stores.ROS1_NOETIC)
    text = "geometry_msgs/TransformStamped[] transforms"  # the one type that rosbags lacks
    store.register(get_types_from_msg(text, "tf2_msgs/msg/TFMessage"))
    return store


class Messages:
    """Makes messages of one version of ROS."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.store = _store("ros1" if kind == "ros1" else "ros2")

    def make(self, name: str, *fields: Any) -> Any:
        return self.store.types[name](*fields)

    def header(self, t_ns: int, frame_id: str = "camera") -> Any:
        stamp = self.make("builtin_interfaces/msg/Time", t_ns // NS, t_ns % NS)
        first = (0,) if self.kind == "ros1" else ()
        return self.make("std_msgs/msg/Header", *first, stamp, frame_id)

    def image(
        self,
        t_ns: int,
        plane: np.ndarray,
        encoding: str,
        *,
        padding: int = 0,
        frame: str = "camera",
    ) -> Any:
        rows = np.ascontiguousarray(plane).view(np.uint8).reshape(plane.shape[0], -1)
        rows = np.pad(rows, ((0, 0), (0, padding)), constant_values=7)
        return self.make(
            "sensor_msgs/msg/Image", self.header(t_ns, frame), *plane.shape[:2], encoding,
            int(plane.dtype.byteorder == ">"), rows.shape[1], rows.reshape(-1),
        )  # fmt: skip

    def compressed(self, t_ns: int, data: bytes, kind: str = "png") -> Any:
        values = np.frombuffer(data, np.uint8)
        return self.make("sensor_msgs/msg/CompressedImage", self.header(t_ns), kind, values)

    def camera_info(
        self, size: tuple[int, int], k: list[float], d: list[float], model: str = "plumb_bob"
    ) -> Any:
        """Of a camera (width, height) whose P is K with fx + 1."""
        p = [k[0] + 1, 0, k[2], 0, 0, k[4], k[5], 0, 0, 0, 1, 0]
        roi = self.make("sensor_msgs/msg/RegionOfInterest", 0, 0, 0, 0, False)
        return self.make(
            "sensor_msgs/msg/CameraInfo", self.header(1), size[1], size[0], model, np.array(d),
            np.array(k), np.eye(3).ravel(), np.array(p), 0, 0, roi,
        )  # fmt: skip

    def transform(
        self, parent: str, child: str, move: tuple[float, ...], turn: tuple[float, ...]
    ) -> Any:
        """A message of ``/tf_static``."""
        pose = self.make(
            "geometry_msgs/msg/Transform",
            self.make("geometry_msgs/msg/Vector3", *move),
            self.make("geometry_msgs/msg/Quaternion", *turn),
        )
        name = "geometry_msgs/msg/TransformStamped"
        stamped = self.make(name, self.header(1, parent), child, pose)
        return self.make("tf2_msgs/msg/TFMessage", [stamped])

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


def write_foreign_mcap(path: Path, kind: str, messages: Iterable[Message]) -> Path:
    """An MCAP file without a profile, by the mcap library; a dict is a message in JSON.

    Bytes instead of a message are written as they are, under the type of the topic before them.
    """
    store = Messages(kind).store
    with path.open("wb") as stream:
        writer = Writer(stream)
        writer.start(profile="", library="another program")
        channels: dict[str, int] = {}
        for topic, t_ns, message in messages:
            if topic not in channels:
                channels[topic] = _channel(writer, store, kind, topic, message)
            data = message if isinstance(message, bytes) else _encoded(store, kind, message)
            writer.add_message(channels[topic], t_ns, data, t_ns)
        writer.finish()
    return path


def _channel(writer: Writer, store: Any, kind: str, topic: str, message: Any) -> int:
    if isinstance(message, dict):
        schema = writer.register_schema("Reading", "jsonschema", b'{"type": "object"}')
        return writer.register_channel(topic, "json", schema)
    version = 1 if kind == "ros1" else 2
    name = message.__msgtype__
    text = store.generate_msgdef(name, ros_version=version)[0].encode()
    if kind == "ros1":
        name = name.replace("/msg/", "/")
    schema = writer.register_schema(name, f"ros{version}msg", text)
    return writer.register_channel(topic, "ros1" if kind == "ros1" else "cdr", schema)


def _encoded(store: Any, kind: str, message: Any) -> bytes:
    if isinstance(message, dict):
        return json.dumps(message).encode()
    serialize = store.serialize_ros1 if kind == "ros1" else store.serialize_cdr
    return bytes(serialize(message, message.__msgtype__))
