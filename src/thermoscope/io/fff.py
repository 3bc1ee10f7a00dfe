"""The FFF container of FLIR: a header, a directory of records, the records.

The same container fills a ``.fff`` file, the APP1 segments of a radiometric JPEG, and each frame
of a ``.seq`` / ``.csq`` file. What is NOT here: what a record means (`flir_pixels`,
`flir_metadata`). No record is followed into another, so no offset can form a loop.

Source: ExifTool's public description of FLIR files; ``fff.h`` of FLIR's published sample code.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Literal, NamedTuple

from thermoscope.io.file_bytes import FileBytes

__all__ = [
    "CAMERA_INFO",
    "EMBEDDED_IMAGE",
    "FFF_MAGIC",
    "GPS_INFO",
    "HEADER_BYTES",
    "PALETTE_INFO",
    "PICTURE_IN_PICTURE",
    "RAW_DATA",
    "Entry",
    "FffFile",
    "FffHeader",
    "Record",
    "declared_length",
    "directory_entries",
    "parse_fff",
    "parse_header",
    "record_byte_order",
]

ByteOrder = Literal["<", ">"]

FFF_MAGIC = b"FFF\0"
AFF_MAGIC = b"AFF\0"
HEADER_BYTES = 64
ENTRY_BYTES = 32
MOST_RECORDS = 1024  # cameras write 14 slots; FLIR's tools a few dozen

RAW_DATA = 0x01
EMBEDDED_IMAGE = 0x0E
CAMERA_INFO = 0x20
PALETTE_INFO = 0x22
PICTURE_IN_PICTURE = 0x2A
GPS_INFO = 0x2B


@dataclass(frozen=True)
class FffHeader:
    """The first 64 bytes.

    Attributes:
        order: Byte order of the header and the directory (not of the records).
        creator: Software that wrote the file, "" if it does not say.
        directory_at: Position of the directory.
        slots: Entries of the directory, empty ones included.
    """

    order: ByteOrder
    creator: str
    directory_at: int
    slots: int


class Entry(NamedTuple):
    """One used line of the directory: what lies where, as declared."""

    kind: int
    subtype: int
    start: int
    size: int


@dataclass(frozen=True)
class Record:
    """One record of the container.

    Attributes:
        kind: What it holds: `RAW_DATA`, `CAMERA_INFO`, ...
        subtype: For raw data 1 big endian, 2 little endian, 3 PNG; else of no interest.
        body: Its bytes, cut where the data ends.
    """

    kind: int
    subtype: int
    body: FileBytes


@dataclass(frozen=True)
class FffFile:
    """A parsed container.

    Attributes:
        header: Byte order, creator, directory.
        records: The used records in directory order.
        length: Bytes from the header to the end of the last record, as declared.
    """

    header: FffHeader
    records: tuple[Record, ...]
    length: int

    def first(self, kind: int) -> Record | None:
        """The first record of a kind with at least one byte, or None."""
        return next((r for r in self.records if r.kind == kind and len(r.body)), None)


def parse_header(block: FileBytes) -> FffHeader:
    """The container's header.

    The version (100 to 199) tells the byte order: it has another value read the other way round.

    Raises:
        ReadError: Cut short, another magic, an unknown version, or an absurd directory.
    """
    magic = bytes(block.data[:4])
    if magic == AFF_MAGIC:
        raise block.error(
            "an AFF container (cooled cameras, ThermaCAM), which is not supported",
            at=0,
            hint="Export it as FFF, SEQ or 16-bit TIFF from the maker's software.",
        )
    if magic != FFF_MAGIC:
        raise block.error(f"no FFF container here: it begins with {magic!r}", at=0)
    creator = bytes(block.data[4:20]).split(b"\0")[0].decode("latin-1").strip()
    for order in ("<", ">"):
        version, directory_at, slots = block.unpack(f"{order}III", 20, what="the FFF header")
        if 100 <= version < 200:
            break
    else:
        raise block.error("no FFF version from 100 to 199, in either byte order", at=20)
    if not 1 <= slots <= MOST_RECORDS:
        raise block.error(f"{slots} records declared, expected 1 to {MOST_RECORDS}", at=28)
    if directory_at < HEADER_BYTES // 2:
        raise block.error(f"the record directory at {directory_at} lies in the header", at=24)
    return FffHeader("<" if order == "<" else ">", creator, directory_at, slots)


def directory_entries(block: FileBytes, header: FffHeader) -> list[Entry]:
    """The used entries of the directory.

    Raises:
        ReadError: The directory does not lie in the data, or no entry is used.
    """
    stop = header.directory_at + header.slots * ENTRY_BYTES
    if stop > len(block):
        raise block.error("the data ends inside the record directory", at=len(block))
    table = block.data[header.directory_at : stop]
    layout = struct.Struct(f"{header.order}HHIIII12x")
    entries = [
        Entry(kind, subtype, start, size)
        for kind, subtype, _, _, start, size in layout.iter_unpack(table)
        if kind and size
    ]
    if not entries:
        raise block.error("the record directory has no used entry", at=header.directory_at)
    return entries


def declared_length(header: FffHeader, entries: list[Entry]) -> int:
    """Bytes from the header to the end of the last record."""
    directory = header.directory_at + header.slots * ENTRY_BYTES
    return max(directory, *(entry.start + entry.size for entry in entries))


def parse_fff(block: FileBytes) -> FffFile:
    """Header and records of a container that begins at the start of `block`.

    Records past the end of the data are cut to what is there (to nothing, if need be) and kept:
    the caller decides which of them it can do without.

    Raises:
        ReadError: The header is bad or the directory does not lie in the data.
    """
    header = parse_header(block)
    entries = directory_entries(block, header)
    records = tuple(
        Record(e.kind, e.subtype, block.part(e.start, e.start + e.size)) for e in entries
    )
    return FffFile(header, records, declared_length(header, entries))


def record_byte_order(record: Record) -> ByteOrder:
    """Byte order of a record that begins with a small uint16 (its pixel size in bytes).

    Raises:
        ReadError: The record has less than two bytes.
    """
    (little,) = record.body.unpack("<H", 0, what="a record's byte order mark")
    return "<" if little < 0x100 else ">"
