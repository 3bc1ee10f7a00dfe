"""Recordings that were cut off or damaged, made whole: all that is right is kept, nothing else.

A segment that only lacks its end gets one, in place. A segment with damage inside is written anew
from its whole chunks; the damaged file stays beside it as ``NAME.mcap.damaged``, or under the next
free name (``.damaged2`` …). What is NOT here: guessing: a chunk whose CRC is wrong is not used.
"""

from __future__ import annotations

import errno
import json
import os
import zlib
from contextlib import suppress
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

from thermoscope.core.errors import ReadError, RigError, WriteError
from thermoscope.core.files import atomic_write, sha256_of
from thermoscope.core.version import VERSION
from thermoscope.io.ros_messages import DEFINITIONS
from thermoscope.rig.recording_format import (
    BALLAST,
    CameraRecord,
    Manifest,
    SegmentRecord,
    channel_table,
    find_recording,
    read_manifest,
    segment_files,
    write_manifest,
)
from thermoscope.rig.segment_lock import is_being_recorded
from thermoscope.rig.segment_scan import (
    DATA_CRC,
    MAGIC,
    Damage,
    SegmentScan,
    WholeChunk,
    mapped,
    only_cut_off,
    scan_segment,
)

__all__ = ["RecoveredSegment", "recover_recording", "recover_segment", "segment_record"]

How = Literal["whole", "closed in place", "written anew", "gone"]
NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True)
class RecoveredSegment:
    """What became of one segment.

    Attributes:
        path: The file, which is whole now, unless it is gone.
        how: What was done; "gone" if the manifest lists it and there is no such file.
        messages: Kept.
        lost: Parts that could not be used.
    """

    path: Path
    how: How
    messages: int
    lost: tuple[Damage, ...]

    @property
    def lost_bytes(self) -> int:
        """Bytes that could not be used."""
        return sum(damage.end - damage.offset for damage in self.lost if damage.reason != DATA_CRC)


def recover_recording(path: str | Path) -> list[RecoveredSegment]:
    """Make every segment of a recording whole, and its manifest true.

    Args:
        path: The folder, or a file in it.

    Returns:
        One entry a segment, in order.

    Raises:
        ReadError: No recording there.
        RigError: It is being recorded.
        WriteError: The disk is full, or nothing can be written there.
    """
    folder = find_recording(path)
    for file in segment_files(folder):
        _check_not_running(file)
    with suppress(OSError):
        (folder / BALLAST).unlink(missing_ok=True)
    done, records = [], []
    known = _known_manifest(folder)
    listed = {s.name: s for s in known.segments} if known else {}
    for file in segment_files(folder):
        result = recover_segment(file)
        done.append(result)
        old = listed.get(file.name)
        if result.how == "whole" and old is not None and old.sha256 == sha256_of(file):
            records.append(old)
        else:
            records.append(segment_record(file))
    for old in listed.values():
        if not (folder / old.name).exists():
            gone = Damage(0, old.size_bytes, "the file is gone")
            done.append(RecoveredSegment(folder / old.name, "gone", 0, (gone,)))
            records.append(old)
    done.sort(key=lambda result: result.path.name)
    records.sort(key=lambda record: record.name)
    manifest = known or _manifest_from(folder)
    if manifest is not None:
        stopped = manifest.stopped or "killed; recovered"
        write_manifest(folder, replace(manifest, segments=tuple(records), stopped=stopped))
    return done


def recover_segment(path: str | Path) -> RecoveredSegment:
    """Make one segment whole.

    Raises:
        ReadError: The file cannot be opened.
        RigError: It is being recorded.
        WriteError: The disk is full, or nothing can be written there.
        MissingDependencyError: ``mcap`` is not installed.
    """
    file = Path(path)
    _check_not_running(file)
    scan = scan_segment(file)
    if scan.closed and not scan.damages:
        return RecoveredSegment(file, "whole", sum(scan.counts.values()), ())
    _complete_tables(file, scan)
    messages = sum(scan.counts.values())
    tail = _clean_end(file, scan)
    try:
        if tail is None:
            _write_anew(file, scan)
            return RecoveredSegment(file, "written anew", messages, tuple(scan.damages))
        return _close_in_place(file, scan, tail)
    except OSError as err:
        if isinstance(err, WriteError):
            raise
        raise WriteError(f"cannot recover {file}: {err.strerror or err}. {_advice(err)}") from err


def _advice(err: OSError) -> str:
    if err.errno in NO_SPACE:
        return "Free some space."
    if err.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return "Make it writable, or recover a copy."
    return "Recover a copy on another disk."


def _check_not_running(file: Path) -> None:
    if is_being_recorded(file):
        raise RigError(f"{file} is being recorded. Stop the recorder first.")


def _clean_end(file: Path, scan: SegmentScan) -> int | None:
    """Where the whole records end, if all behind them can be made again; else None."""
    if scan.header is None or not scan.chunks:
        return None
    if any(chunk.index_end == chunk.end for chunk in scan.chunks[:-1] if chunk.index):
        return None
    ends = [scan.header[1], *(chunk.index_end for chunk in scan.chunks)]
    ends += [end for _, end, _ in (*scan.metadata, *scan.attachments)]
    last = max(ends)
    if any(damage.offset < last for damage in scan.damages):
        return None
    with mapped(file) as data:
        return last if scan.data_end == last or only_cut_off(data, last) else None


def _close_in_place(file: Path, scan: SegmentScan, end: int) -> RecoveredSegment:
    """Cut the file at `end` and write a summary; on a full disk give up chunk after chunk."""
    chunks = list(scan.chunks)
    while True:
        try:
            with file.open("r+b") as stream:
                stream.truncate(end)
                with mapped(file) as data:
                    crc = zlib.crc32(data)
                stream.seek(end)
                _Closer(stream, scan, at=end, crc=crc).finish(chunks)
                stream.flush()
                os.fsync(stream.fileno())
            break
        except OSError as err:
            if len(chunks) < 2 or err.errno not in NO_SPACE:
                raise
            end = chunks.pop().offset
    messages = sum(len(entries) for chunk in chunks for entries in chunk.index.values())
    lost = tuple(scan.damages)
    if len(chunks) < len(scan.chunks):
        gone = Damage(end, scan.chunks[-1].end, "no space was left for the end of the file")
        lost = (*lost, gone)
    return RecoveredSegment(file, "closed in place", messages, lost)


def _write_anew(file: Path, scan: SegmentScan) -> None:
    kept = file.with_name(file.name + ".damaged")
    number = 2
    while kept.exists():
        kept = file.with_name(f"{file.name}.damaged{number}")
        number += 1
    with mapped(file) as data, atomic_write(file.with_name(file.name + ".whole")) as stream:
        closer = _Closer(stream, scan, at=0, crc=0)
        closer.copy(data)
    file.replace(kept)
    file.with_name(file.name + ".whole").replace(file)


class _Closer:
    """Writes what stands behind the data of a segment; or a whole segment from whole parts."""

    def __init__(self, stream: Any, scan: SegmentScan, *, at: int, crc: int) -> None:
        from mcap.data_stream import RecordBuilder

        self._stream, self._scan, self._at, self._crc = stream, scan, at, crc
        self._builder: Any = RecordBuilder()

    def copy(self, data: Any) -> None:
        """Write the whole parts of `data` and close."""
        from mcap.records import Header

        self._put(MAGIC)
        self._record(Header(profile="ros2", library=f"thermoscope {VERSION}"))
        for table in (self._scan.schemas, self._scan.channels):
            for record in table.values():
                self._record(record)
        metadata, attachments = [], []
        for offset, end, name in self._scan.metadata:
            metadata.append((self._at, self._at + end - offset, name))
            self._put(data[offset:end])
        for offset, end, record in self._scan.attachments:
            attachments.append((self._at, self._at + end - offset, record))
            self._put(data[offset:end])
        self._scan.metadata, self._scan.attachments = metadata, attachments
        moved = []
        for chunk in self._scan.chunks:
            at = self._at
            self._put(data[chunk.offset : chunk.end])
            moved.append(replace(chunk, offset=at, end=self._at, index_end=self._at))
            moved[-1] = self._with_index(moved[-1])
        self._end(moved)

    def finish(self, chunks: list[WholeChunk]) -> None:
        """Write the index of the last chunk if it is missing, and the summary."""
        if chunks and chunks[-1].index and chunks[-1].index_end == chunks[-1].end:
            chunks = [*chunks[:-1], self._with_index(chunks[-1])]
        self._end(chunks)

    def _with_index(self, chunk: WholeChunk) -> WholeChunk:
        from mcap.records import MessageIndex

        for channel, entries in chunk.index.items():
            self._record(MessageIndex(channel, entries))
        return replace(chunk, index_end=self._at)

    def _end(self, chunks: list[WholeChunk]) -> None:
        from mcap.records import DataEnd, Footer

        self._record(DataEnd(self._crc))
        start = self._at
        summary = b"".join(self._packed(record) for record in self._summary(chunks))
        footer = self._packed(Footer(summary_start=start, summary_offset_start=0, summary_crc=0))
        crc = zlib.crc32(summary + footer[:-4])
        self._put(summary + footer[:-4] + crc.to_bytes(4, "little") + MAGIC)

    def _summary(self, chunks: list[WholeChunk]) -> list[Any]:
        from mcap.records import AttachmentIndex, MetadataIndex

        scan = self._scan
        rows: list[Any] = [*scan.schemas.values(), *scan.channels.values()]
        rows.append(_statistics(scan, chunks))
        rows += [_chunk_index(chunk) for chunk in chunks]
        rows += [MetadataIndex(o, end - o, name) for o, end, name in scan.metadata]
        rows += [
            AttachmentIndex(
                o, end - o, r.log_time, r.create_time, len(r.data), r.name, r.media_type
            )
            for o, end, r in scan.attachments
        ]
        return rows

    def _packed(self, record: Any) -> bytes:
        record.write(self._builder)
        return bytes(self._builder.end())

    def _record(self, record: Any) -> None:
        self._put(self._packed(record))

    def _put(self, data: bytes) -> None:
        self._stream.write(data)
        self._crc = zlib.crc32(data, self._crc)
        self._at += len(data)


def _statistics(scan: SegmentScan, chunks: list[WholeChunk]) -> Any:
    from mcap.records import Statistics

    counts: dict[int, int] = {}
    for chunk in chunks:
        for channel, entries in chunk.index.items():
            counts[channel] = counts.get(channel, 0) + len(entries)
    filled = [chunk for chunk in chunks if chunk.index]
    return Statistics(
        attachment_count=len(scan.attachments),
        channel_count=len(scan.channels),
        channel_message_counts=counts,
        chunk_count=len(chunks),
        message_count=sum(counts.values()),
        message_end_time=max((chunk.stop_ns for chunk in filled), default=0),
        message_start_time=min((chunk.start_ns for chunk in filled), default=0),
        metadata_count=len(scan.metadata),
        schema_count=len(scan.schemas),
    )


def _chunk_index(chunk: WholeChunk) -> Any:
    from mcap.records import ChunkIndex

    offsets, at = {}, chunk.end
    for channel, entries in chunk.index.items():
        offsets[channel] = at
        at += 9 + 2 + 4 + 16 * len(entries)  # a message index record
    return ChunkIndex(
        chunk_length=chunk.end - chunk.offset,
        chunk_start_offset=chunk.offset,
        compression=chunk.codec,
        compressed_size=chunk.packed_bytes,
        message_end_time=chunk.stop_ns,
        message_index_length=chunk.index_end - chunk.end,
        message_index_offsets=offsets,
        message_start_time=chunk.start_ns,
        uncompressed_size=chunk.raw_bytes,
    )


# -- the manifest ----------------------------------------------------------------------------------


def _known_manifest(folder: Path) -> Manifest | None:
    try:
        return read_manifest(folder)
    except ReadError:
        return None


def _complete_tables(file: Path, scan: SegmentScan) -> None:
    """Channels that messages need and no whole chunk told; what stays unknown is given up."""
    from mcap.records import Channel, Schema

    if not set(scan.counts) <= set(scan.channels):
        kinds, channels = channel_table(_cameras_of(file, scan)[0])
        for number, kind in enumerate(kinds, 1):
            text = DEFINITIONS[kind].encode()
            schema = Schema(id=number, data=text, encoding="ros2msg", name=kind)
            scan.schemas.setdefault(number, schema)
        for number, (_, topic, kind_number) in enumerate(channels, 1):
            channel = Channel(number, topic, "cdr", {}, kind_number)
            scan.channels.setdefault(number, channel)
    for chunk in [c for c in scan.chunks if not set(c.index) <= set(scan.channels)]:
        scan.chunks.remove(chunk)
        scan.damages.append(Damage(chunk.offset, chunk.end, "what is in it is not told anywhere"))


def _cameras_of(file: Path, scan: SegmentScan) -> tuple[tuple[CameraRecord, ...], int]:
    """Cameras and clock offset as the metadata of a segment tell them; none if they are lost."""
    from mcap.data_stream import ReadDataStream
    from mcap.records import Metadata

    cameras, offset_ns = [], 0
    with mapped(file) as data:
        for offset, end, name in scan.metadata:
            if name.startswith("thermoscope/"):
                record = Metadata.read(ReadDataStream(BytesIO(data[offset + 9 : end])))
                cameras.append(CameraRecord(**json.loads(record.metadata["camera"])))
                offset_ns = int(record.metadata["offset_ns"])
    return tuple(cameras), offset_ns


def _manifest_from(folder: Path) -> Manifest | None:
    """A manifest from the metadata of a segment, where the file itself is lost."""
    for file in segment_files(folder):
        scan = scan_segment(file)
        cameras, offset_ns = _cameras_of(file, scan)
        if cameras:
            start_ns = min((c.start_ns for c in scan.chunks if c.index), default=0)
            return Manifest(cameras, started_utc_ns=start_ns, offset_ns=offset_ns)
    return None


def segment_record(file: Path) -> SegmentRecord:
    """The manifest's entry for a segment that the recorder did not close.

    Raises:
        ReadError: The file cannot be opened.
    """
    scan = scan_segment(file)
    topics = {channel.topic: number for number, channel in scan.channels.items()}
    counts, filled = scan.counts, [chunk for chunk in scan.chunks if chunk.index]
    names = {topic.split("/")[1] for topic in topics if topic.endswith("/frame")}
    return SegmentRecord(
        name=file.name,
        size_bytes=file.stat().st_size,
        sha256=sha256_of(file),
        start_ns=min((chunk.start_ns for chunk in filled), default=0),
        stop_ns=max((chunk.stop_ns for chunk in filled), default=0),
        frames={name: counts[topics[f"/{name}/frame"]] for name in sorted(names)},
        recovered=True,
    )
