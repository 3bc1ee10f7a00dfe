"""Everything whole in a segment, found in any state: closed, cut off, or with flipped bits.

The library's readers stop at the first fault; this walk checks every chunk's CRC, skips what is
damaged by its length, and looks for the next chunk where a length itself is wrong. What is NOT
here: what to do about it (`thermoscope.rig.verify` tells, `.recover` rewrites).
"""

from __future__ import annotations

import json
import mmap
import struct
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any

from thermoscope.core.errors import MissingDependencyError, ReadError

__all__ = [
    "DATA_CRC",
    "MAGIC",
    "Damage",
    "MessageRecord",
    "SegmentScan",
    "WholeChunk",
    "chunk_messages",
    "mapped",
    "metadata_checksum",
    "only_cut_off",
    "scan_segment",
]

MAGIC = b"\x89MCAP0\r\n"
HEADER, FOOTER, SCHEMA, CHANNEL, MESSAGE, CHUNK, MESSAGE_INDEX = 1, 2, 3, 4, 5, 6, 7
ATTACHMENT, METADATA, DATA_END = 9, 12, 15
KNOWN = frozenset(range(1, 16))
PREFIX = 9  # opcode and length
CHUNK_FIXED = struct.Struct("<QQQII")  # start, end, raw size, CRC, length of the codec's name
LARGEST_CHUNK = 1 << 28
DATA_CRC = "the data have a wrong CRC"  # of all of them: it does not say where


@dataclass(frozen=True)
class MessageRecord:
    """One message of a chunk.

    Attributes:
        channel: Number of its channel in this file.
        sequence: Of the publisher.
        log_ns: Time of recording, ns.
        offset: Of the record in the raw chunk.
        data: The message.
    """

    channel: int
    sequence: int
    log_ns: int
    offset: int
    data: bytes


@dataclass(frozen=True)
class WholeChunk:
    """A chunk whose CRC is right, and the message index behind it.

    Attributes:
        offset: In the file.
        end: End of the chunk record.
        index_end: End of the message index records behind it; `end` if they are not right.
        start_ns: Earliest message.
        stop_ns: Latest message.
        codec: zstd, lz4 or empty.
        packed_bytes: As stored.
        raw_bytes: Unpacked.
        index: Channel to (log_ns, offset) of its messages.
    """

    offset: int
    end: int
    index_end: int
    start_ns: int
    stop_ns: int
    codec: str
    packed_bytes: int
    raw_bytes: int
    index: dict[int, list[tuple[int, int]]]


@dataclass(frozen=True)
class Damage:
    """Bytes that are not right.

    Attributes:
        offset: First byte.
        end: First byte after it.
        reason: What is wrong.
    """

    offset: int
    end: int
    reason: str


@dataclass
class SegmentScan:
    """What is in a segment file.

    Attributes:
        size: Bytes of the file.
        header: (offset, end) of the header record, if whole.
        chunks: Whole ones, in order.
        metadata: (offset, end, name) of whole metadata records.
        attachments: (offset, end, record) of whole attachments.
        schemas: By number.
        channels: By number.
        data_end: Offset of the data-end record; None if the file was never closed.
        closed: The summary and the magic at the end are there and right.
        damages: In order; empty for a segment that is only cut off at a whole record.
    """

    size: int
    header: tuple[int, int] | None = None
    chunks: list[WholeChunk] = field(default_factory=list)
    metadata: list[tuple[int, int, str]] = field(default_factory=list)
    attachments: list[tuple[int, int, Any]] = field(default_factory=list)
    schemas: dict[int, Any] = field(default_factory=dict)
    channels: dict[int, Any] = field(default_factory=dict)
    data_end: int | None = None
    closed: bool = False
    damages: list[Damage] = field(default_factory=list)

    @property
    def counts(self) -> Counter[int]:
        """Whole messages by channel."""
        total: Counter[int] = Counter()
        for chunk in self.chunks:
            total.update({channel: len(entries) for channel, entries in chunk.index.items()})
        return total


@contextmanager
def mapped(path: Path) -> Iterator[Any]:
    """The bytes of a file, without reading them all at once.

    Raises:
        ReadError: It cannot be opened.
    """
    try:
        with path.open("rb") as stream:
            if not path.stat().st_size:
                yield b""
                return
            with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as view:
                yield view
    except OSError as err:
        raise ReadError(f"cannot read {path}: {err.strerror or err}.", path=path) from err


def scan_segment(path: str | Path) -> SegmentScan:
    """All that is whole in a segment, and all that is not.

    Raises:
        ReadError: The file cannot be opened.
        MissingDependencyError: ``mcap`` is not installed.
    """
    try:
        import mcap.records  # noqa: F401
    except ImportError as err:
        raise MissingDependencyError("mcap", extra="rig", purpose="reading recordings") from err
    with mapped(Path(path)) as data:
        scan = SegmentScan(len(data))
        if data[:8] != MAGIC:
            scan.damages.append(Damage(0, min(8, len(data)), "the file does not begin like MCAP"))
        _Walk(data, scan).run()
    return scan


class _Walk:
    """One pass over the records of a file."""

    def __init__(self, data: Any, scan: SegmentScan) -> None:
        self._data, self._scan, self._at = data, scan, 8

    def run(self) -> None:
        while self._at < self._scan.size and self._scan.data_end is None:
            opcode, end = self._prefix()
            if opcode is None:
                self._skip_to_chunk("no record begins here, or the file was cut off")
                continue
            self._record(opcode, end)
        if self._scan.data_end is not None:
            self._close()

    def _prefix(self) -> tuple[int | None, int]:
        """Opcode and end of the record here; None where there cannot be one."""
        prefix = self._data[self._at : self._at + PREFIX]
        if len(prefix) < PREFIX or prefix[0] not in KNOWN:
            return None, 0
        end = self._at + PREFIX + int.from_bytes(prefix[1:], "little")
        return (prefix[0], end) if end <= self._scan.size else (None, 0)

    def _skip_to_chunk(self, reason: str) -> None:
        start = self._at
        self._at = _next_chunk(self._data, start + 1)
        self._scan.damages.append(Damage(start, self._at, reason))

    def _record(self, opcode: int, end: int) -> None:
        body = self._at + PREFIX
        try:
            whole = self._take(opcode, body, end)
        except Exception as err:
            whole = f"{type(err).__name__}: {err}"
        if whole is True:
            return
        reason = whole if isinstance(whole, str) else f"record {opcode} is not expected here"
        if _plausible_next(self._data, end):
            self._scan.damages.append(Damage(self._at, end, reason))
            self._at = end
        else:
            self._skip_to_chunk(reason)

    def _take(self, opcode: int, body: int, end: int) -> bool | str:
        """Note a whole record and step over it; False or the fault if it is not whole."""
        if opcode == CHUNK:
            return self._take_chunk(body, end)
        if opcode in (MESSAGE_INDEX, MESSAGE):
            return "a message index belongs to no whole chunk"
        if opcode == DATA_END:
            if end - body != 4 or _next_chunk(self._data, end) < self._scan.size:
                return "an end of the data stands before more of them"
            self._scan.data_end = self._at
            return True
        if not self._take_small(opcode, self._data[body:end], end):
            return False
        self._at = end
        return True

    def _take_small(self, opcode: int, body: bytes, end: int) -> bool:
        from mcap.data_stream import ReadDataStream
        from mcap.records import Attachment, Channel, Metadata, Schema

        stream, scan = ReadDataStream(BytesIO(body)), self._scan
        if opcode == HEADER:
            scan.header = (self._at, end)
        elif opcode == SCHEMA:
            schema = Schema.read(stream)
            scan.schemas[schema.id] = schema
        elif opcode == CHANNEL:
            channel = Channel.read(stream)
            scan.channels[channel.id] = channel
        elif opcode == METADATA:
            metadata = Metadata.read(stream)
            told = metadata.metadata.get("crc32")
            if told is not None and told != metadata_checksum(metadata.metadata):
                raise ReadError("metadata has a wrong checksum")
            scan.metadata.append((self._at, end, metadata.name))
        elif opcode == ATTACHMENT:
            if zlib.crc32(body[:-4]) != int.from_bytes(body[-4:], "little"):
                raise ReadError("attachment has a wrong CRC")
            scan.attachments.append((self._at, end, Attachment.read(stream)))
        else:
            return False
        return True

    def _take_chunk(self, body: int, end: int) -> bool | str:
        head = _chunk_head(self._data, body, end)
        if head is None:
            return "chunk header is damaged"
        start_ns, stop_ns, raw_bytes, crc, codec, at = head
        packed = self._data[at:end]
        raw = _unpacked(packed, codec, raw_bytes)
        if raw is None or zlib.crc32(raw) != crc:
            return "chunk has a wrong CRC"
        index: dict[int, list[tuple[int, int]]] = {}
        for record in _chunk_records(raw):
            if isinstance(record, MessageRecord):
                index.setdefault(record.channel, []).append((record.log_ns, record.offset))
            elif hasattr(record, "topic"):
                self._scan.channels[record.id] = record
            else:
                self._scan.schemas[record.id] = record
        times = [entry[0] for entries in index.values() for entry in entries]
        if times and (min(times), max(times)) != (start_ns, stop_ns):
            return "chunk header tells other times than its messages"
        index_end = self._index_end(end, index)
        self._scan.chunks.append(
            WholeChunk(
                self._at, end, index_end, start_ns, stop_ns, codec, len(packed), raw_bytes, index
            )
        )
        self._at = index_end
        return True

    def _index_end(self, at: int, index: dict[int, list[tuple[int, int]]]) -> int:
        """End of the index records behind a chunk, if they are the right ones."""
        from mcap.data_stream import ReadDataStream
        from mcap.records import MessageIndex

        start = at
        found: dict[int, list[tuple[int, int]]] = {}
        while len(found) < len(index):
            prefix = self._data[at : at + PREFIX]
            end = at + PREFIX + int.from_bytes(prefix[1:], "little")
            if len(prefix) < PREFIX or prefix[0] != MESSAGE_INDEX or end > self._scan.size:
                return start
            try:
                record = MessageIndex.read(ReadDataStream(BytesIO(self._data[at + PREFIX : end])))
            except Exception:
                return start
            found[record.channel_id] = record.records
            at = end
        if found != index:
            return start
        for channel in found:  # in the order of the file, in which offsets are counted
            index[channel] = index.pop(channel)
        return at

    def _close(self) -> None:
        """Check what stands behind the data: its CRC, the summary and the end."""
        data, scan, at = self._data, self._scan, self._at
        try:
            (told,) = struct.unpack_from("<I", data, at + PREFIX)
            footer = scan.size - len(MAGIC) - PREFIX - 20
            summary, _, summary_crc = struct.unpack_from("<QQI", data, footer + PREFIX)
            plain = data[footer] == FOOTER and data[footer + 1 : footer + PREFIX] == _U64_20
            right = plain and data[-8:] == MAGIC and summary == at + PREFIX + 4
            right = right and zlib.crc32(data[summary : footer + PREFIX + 16]) == summary_crc
            right = right and data[at : at + PREFIX] == b"\x0f" + (4).to_bytes(8, "little")
        except (struct.error, IndexError):
            right, told, summary, footer = False, 0, 0, 0
        if not right:
            scan.damages.append(Damage(at, scan.size, "the summary at the end is damaged or cut"))
        elif told and zlib.crc32(memoryview(data)[:at]) != told:
            scan.damages.append(Damage(0, at, DATA_CRC))
        scan.closed = right
        if right:
            self._take_tables(summary, footer)

    def _take_tables(self, at: int, stop: int) -> None:
        """Schemas and channels again, in case the chunk that had them is damaged."""
        while at < stop:
            end = at + PREFIX + int.from_bytes(self._data[at + 1 : at + PREFIX], "little")
            if self._data[at] in (SCHEMA, CHANNEL):
                self._take_small(self._data[at], self._data[at + PREFIX : end], end)
            at = end


_U64_20 = (20).to_bytes(8, "little")


def _chunk_head(data: Any, body: int, end: int) -> tuple[int, int, int, int, str, int] | None:
    """Start, stop, raw size, CRC, codec and place of the packed bytes; None if impossible."""
    if end - body < CHUNK_FIXED.size + 8:
        return None
    start_ns, stop_ns, raw_bytes, crc, name_size = CHUNK_FIXED.unpack_from(data, body)
    at = body + CHUNK_FIXED.size + name_size + 8
    if name_size > 4 or raw_bytes > LARGEST_CHUNK or at > end:
        return None
    codec = bytes(data[at - 8 - name_size : at - 8])
    if codec not in (b"", b"lz4", b"zstd"):
        return None
    if int.from_bytes(data[at - 8 : at], "little") != end - at:
        return None
    return start_ns, stop_ns, raw_bytes, crc, codec.decode(), at


def _unpacked(packed: bytes, codec: str, size: int) -> bytes | None:
    """The raw chunk; None if it cannot be unpacked."""
    try:
        if codec == "zstd":
            import zstandard

            return zstandard.ZstdDecompressor().decompress(packed, size)
        if codec == "lz4":
            return bytes(import_module("lz4.frame").decompress(packed))
    except Exception:
        return None
    return packed


def _chunk_records(raw: bytes) -> Iterator[Any]:
    """Schemas, channels and messages of a raw chunk whose CRC is right."""
    from mcap.data_stream import ReadDataStream
    from mcap.records import Channel, Schema

    at = 0
    while at < len(raw):
        opcode, length = struct.unpack_from("<BQ", raw, at)
        body, end = at + PREFIX, at + PREFIX + length
        if opcode == MESSAGE:
            channel, sequence, log_ns = struct.unpack_from("<HIQ", raw, body)
            yield MessageRecord(channel, sequence, log_ns, at, raw[body + 22 : end])
        elif opcode in (SCHEMA, CHANNEL):
            kind = Schema if opcode == SCHEMA else Channel
            yield kind.read(ReadDataStream(BytesIO(raw[body:end])))
        at = end


def only_cut_off(data: Any, at: int) -> bool:
    """Whether only message indexes, which can be made again, and a part of a record follow.

    That is what a recorder leaves that was stopped hard.
    """
    while len(data) - at >= PREFIX:
        end = at + PREFIX + int.from_bytes(data[at + 1 : at + PREFIX], "little")
        if end > len(data):
            return data[at] in KNOWN and data[-8:] != MAGIC
        if data[at] != MESSAGE_INDEX:
            return False
        at = end
    return True


def chunk_messages(data: Any, chunk: WholeChunk) -> list[MessageRecord]:
    """The messages of a whole chunk, in the order of the file."""
    raw = _unpacked(data[chunk.end - chunk.packed_bytes : chunk.end], chunk.codec, chunk.raw_bytes)
    return [r for r in _chunk_records(raw or b"") if isinstance(r, MessageRecord)]


def metadata_checksum(metadata: dict[str, str]) -> str:
    """CRC-32 of a metadata map, without its own entry ``crc32``."""
    rest = {k: v for k, v in sorted(metadata.items()) if k != "crc32"}
    return f"{zlib.crc32(json.dumps(rest).encode()):08x}"


def _plausible_next(data: Any, at: int) -> bool:
    """Whether a record can begin at `at`, or the file ends there."""
    if at == len(data):
        return True
    prefix = data[at : at + PREFIX]
    length = int.from_bytes(prefix[1:], "little")
    return len(prefix) == PREFIX and prefix[0] in KNOWN and at + PREFIX + length <= len(data)


def _next_chunk(data: Any, start: int) -> int:
    """Offset of the next chunk record whose lengths agree; the end of the file if there is none."""
    at = data.find(bytes([CHUNK]), start)
    while at != -1:
        prefix = data[at : at + PREFIX]
        end = at + PREFIX + int.from_bytes(prefix[1:], "little")
        if len(prefix) == PREFIX and end <= len(data) and _chunk_head(data, at + PREFIX, end):
            return int(at)
        at = data.find(bytes([CHUNK]), at + 1)
    return len(data)
