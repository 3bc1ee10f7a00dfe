"""MCAP files that no ROS 2 recorder wrote: ROS messages under another profile, beside other things.

Converters write ROS 1 messages (``mcap convert run.bag``), and own programs write ROS 2 messages
without a profile. Both are read; channels in protobuf, JSON … are listed by their type and
encoding, and never decoded. The interface, errors included, is the part of rosbags' ``AnyReader``
that `bags` uses. What is NOT here: damaged files (``mcap recover`` makes them whole).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thermoscope.core.errors import MissingDependencyError

__all__ = ["ForeignChannel", "ForeignMcap", "is_foreign"]

DECODERS = {"cdr": "deserialize_cdr", "ros1": "deserialize_ros1"}  # by message encoding
DEFINITIONS = ("ros2msg", "ros1msg")
MAGIC = b"\x89MCAP0\r\n\x01"  # and the number of the header's record
PROFILE_AT = len(MAGIC) + 8 + 4  # after the lengths of the record and of the text
LONGEST_HEADER = 256


@dataclass(frozen=True)
class ForeignChannel:
    """One channel.

    Attributes:
        number: In the file.
        topic: Its name.
        msgtype: ROS 2's name of the type, or type and encoding of what is not decoded.
        msgcount: Messages.
    """

    number: int
    topic: str
    msgtype: str
    msgcount: int


def is_foreign(path: Path) -> bool:
    """Whether it is an MCAP file whose profile, by its first bytes, is not ``ros2``."""
    with path.open("rb") as stream:
        start = stream.read(LONGEST_HEADER)
    size = int.from_bytes(start[PROFILE_AT - 4 : PROFILE_AT], "little")
    return start.startswith(MAGIC) and start[PROFILE_AT : PROFILE_AT + size] != b"ros2"


class ForeignMcap:
    """The messages of one file; each method raises rosbags' error where the file is damaged.

    Args:
        path: The file.

    Raises:
        MissingDependencyError: ``mcap`` is not installed.
    """

    def __init__(self, path: Path) -> None:
        try:
            from mcap.reader import make_reader
        except ImportError as err:
            raise MissingDependencyError("mcap", extra="rig", purpose="reading MCAP") from err
        self._make_reader: Any = make_reader
        self._path = path
        self._decoders: dict[str, Any] = {}
        self.connections: list[ForeignChannel] = []

    def open(self) -> None:
        """Read the list of channels."""
        from rosbags.highlevel import AnyReaderError

        with _as_rosbags_error(), self._path.open("rb") as stream:
            summary = self._make_reader(stream).get_summary()
            if summary is None or summary.statistics is None:
                raise AnyReaderError("it was not closed")
            counts = summary.statistics.channel_message_counts
            for number, channel in sorted(summary.channels.items()):
                schema = summary.schemas.get(channel.schema_id)
                name = self._type_of(channel.message_encoding, schema)
                found = ForeignChannel(number, channel.topic, name, counts.get(number, 0))
                self.connections.append(found)

    def close(self) -> None:
        """Nothing stays open between the calls."""

    def messages(
        self, *, connections: Collection[ForeignChannel]
    ) -> Iterator[tuple[ForeignChannel, int, bytes]]:
        """Channel, moment of recording in ns and bytes, in the order of recording."""
        wanted = {channel.number: channel for channel in connections}
        topics = list({channel.topic for channel in connections})
        with _as_rosbags_error(), self._path.open("rb") as stream:
            reader = self._make_reader(stream)
            for _, channel, message in reader.iter_messages(topics=topics):
                if channel.id in wanted:
                    yield wanted[channel.id], message.log_time, message.data

    def deserialize(self, raw: bytes, msgtype: str) -> Any:
        """The message as an object of rosbags."""
        with _as_rosbags_error():
            return self._decoders[msgtype](raw, msgtype)

    def _type_of(self, encoding: str, schema: Any) -> str:
        """ROS 2's name of the type, whose definition is learnt; or type and encoding."""
        from rosbags.typesys import Stores, get_types_from_msg, get_typestore

        if encoding not in DECODERS or schema is None or schema.encoding not in DEFINITIONS:
            return f"{schema.name if schema else 'messages'} in {encoding or 'no encoding'}"
        package, _, kind = schema.name.rpartition("/")
        name = f"{package.removesuffix('/msg')}/msg/{kind}"
        store = get_typestore(Stores.EMPTY)
        store.register(get_types_from_msg(schema.data.decode("utf-8"), name))
        self._decoders[name] = getattr(store, DECODERS[encoding])
        return name


@contextmanager
def _as_rosbags_error() -> Iterator[None]:
    from mcap.exceptions import McapError
    from rosbags.highlevel import AnyReaderError
    from rosbags.serde import SerdeError
    from rosbags.typesys import TypesysError

    try:
        yield
    except (McapError, SerdeError, TypesysError, UnicodeDecodeError) as err:
        raise AnyReaderError(str(err)) from err
