"""Files of a few bytes that claim to be gigabytes: what a reader must refuse before decoding."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
import zlib

import numpy as np
from PIL import Image
from tests.fakes import flir_files as fake


def png(width: int, height: int, depth: int, colour: int) -> bytes:
    """A PNG of a declared size over a tiny data chunk."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    pixels = zlib.compress(bytes(100_000))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


def tiff(
    width: int, height: int, *, compression: int = 1, next_ifd: int = 0, tile: int = 0
) -> bytes:
    """A little-endian TIFF with one directory at byte 8; `next_ifd` = 8 makes it a loop."""
    entries = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 16), (259, 3, 1, compression)]
    entries += [(262, 3, 1, 1), (277, 3, 1, 1)]
    if tile:
        entries += [(322, 4, 1, tile), (323, 4, 1, tile), (324, 4, 1, 8), (325, 4, 1, 64)]
    else:
        entries += [(273, 4, 1, 8), (278, 4, 1, height), (279, 4, 1, 64)]
    entries.sort()
    body = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + body + struct.pack("<I", next_ifd)


def big_tiff(width: int, height: int) -> bytes:
    """A BigTIFF with 64-bit sides."""
    entries = [(256, 16, 1, width), (257, 16, 1, height), (258, 3, 1, 16), (259, 3, 1, 1)]
    entries += [(262, 3, 1, 1), (273, 16, 1, 8), (277, 3, 1, 1), (279, 16, 1, 64)]
    body = b"".join(struct.pack("<HHQQ", *entry) for entry in entries)
    return struct.pack("<2sHHHQQ", b"II", 43, 8, 0, 16, len(entries)) + body + bytes(8)


def ifd_chain(count: int) -> bytes:
    """A TIFF of `count` tiny pages."""
    pages, at = [], 8
    for k in range(count):
        page = tiff(4, 4)[8:-4]
        at += len(page) + 4
        pages.append(page + struct.pack("<I", at if k + 1 < count else 0))
    return b"II*\0\x08\0\0\0" + b"".join(pages)


def jpeg(width: int, height: int) -> bytes:
    """A JPEG whose frame header claims another size."""
    body = bytearray(fake.picture_jpeg())
    at = body.index(b"\xff\xc0")
    struct.pack_into(">HH", body, at + 5, height, width)
    return bytes(body)


def gif(width: int, height: int) -> bytes:
    """A GIF whose screen and frame claim another size."""
    stream = io.BytesIO()
    Image.new("L", (8, 8), 90).save(stream, "GIF")
    body = bytearray(stream.getvalue())
    struct.pack_into("<HH", body, 6, width, height)
    struct.pack_into("<HH", body, body.index(b"\x2c\0\0\0\0") + 5, width, height)
    return bytes(body)


def bmp(width: int, height: int) -> bytes:
    """A BMP header of a declared size over nothing."""
    head = struct.pack("<IIIIiiHH", 54, 0, 54, 40, width, height, 1, 24)
    return b"BM" + head + bytes(24)


def zip_of_zeros(name: str) -> bytes:
    """An archive with a ratio of 1000 to 1."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, bytes(100 << 20))
    return stream.getvalue()


def fff_of(payload: bytes, subtype: int = 3, width: int = 32, height: int = 24) -> bytes:
    """An FFF file whose raw record holds `payload` under a head of the given size."""
    return fake.container([(1, subtype, fake.picture_head("<", 2, width, height) + payload)])


def _seq_of_records(count: int) -> bytes:
    body = bytearray(fake.seq(2))
    struct.pack_into("<I", body, 28, count)
    return bytes(body)


def _loop_of_records() -> bytes:
    body = bytearray(fake.fff())
    for slot in range(14):  # each record is the directory itself
        struct.pack_into("<HHIIII", body, 64 + 32 * slot, 1, 2, 100, slot, 64, 2**31)
    return bytes(body)


def _huge_frame() -> bytes:
    body = bytearray(fake.seq(2))
    struct.pack_into("<HHIIII", body, 64 + 32 * 5, 0x0E, 5, 100, 9, 512, 2**32 - 600)
    struct.pack_into("<HH", body, body.index(fake.picture_head("<", 2, 32, 24)) + 2, 65535, 60000)
    return bytes(body)


def all_bombs() -> dict[str, tuple[str, bytes]]:
    """Name -> (suffix, file). All are to be refused with an error."""
    jpegls = b"\xff\xd8\xff\xf7" + struct.pack(">HBHHB", 11, 16, 60_000, 60_000, 1) + bytes(200)
    bomb_payload = fff_of(png(50_000, 50_000, 16, 0))
    return {
        "png 50k x 50k, 16 bit": (".png", png(50_000, 50_000, 16, 0)),
        "png 50k x 50k, RGB": (".png", png(50_000, 50_000, 8, 2)),
        "png 2^31": (".png", png(2**31 - 1, 2**31 - 1, 16, 0)),
        "tiff 2^31": (".tif", tiff(2**31, 2**31)),
        "tiff 50k x 50k, deflate": (".tif", tiff(50_000, 50_000, compression=8)),
        "tiff tiles of 2^30": (".tif", tiff(60_000, 60_000, tile=2**30)),
        "tiff directory loop": (".tif", tiff(60_000, 60_000, next_ifd=8)),
        "bigtiff 2^40": (".tif", big_tiff(2**40, 2**40)),
        "jpeg 65500 x 65500": (".jpg", jpeg(65_500, 65_500)),
        "gif 65535 x 65535": (".gif", gif(65_535, 65_535)),
        "bmp 2^31": (".bmp", bmp(2**31 - 1, 2**31 - 1)),
        "pgm 10^9 x 10^9": (".pgm", b"P5\n1000000000 1000000000\n65535\n" + bytes(64)),
        "fits, gzipped": (".fits.gz", gzip.compress(b"SIMPLE  = T".ljust(2880) + bytes(50 << 20))),
        "zip 1000:1": (".is2", zip_of_zeros("Images/Main/IR.data")),
        "gzip 1000:1 as CPTV": (".cptv", gzip.compress(b"CPTV\x02" + bytes(50 << 20))),
        "seq of 2^32 records": (".seq", _seq_of_records(2**32 - 1)),
        "seq frame of 4 GB": (".seq", _huge_frame()),
        "seq of false frames": (".seq", fake.container([], slots=1024)[:64] * 20_000),
        "fff records in a loop": (".fff", _loop_of_records()),
        "fff 65535 x 65535": (".fff", fff_of(bytes(500), 2, 65535, 65535)),
        "fff with png 50k x 50k": (".fff", bomb_payload),
        "r-jpeg with png 50k x 50k": (".jpg", fake.rjpeg(bomb_payload)),
        "csq jpeg-ls 60k x 60k": (".csq", fff_of(jpegls)),
        "fpf 65535 x 65535": (".fpf", _fpf_bomb()),
    }


def _fpf_bomb() -> bytes:
    body = bytearray(fake.fpf(np.full((4, 4), 300.0)))
    struct.pack_into("<HH", body, 0x2C, 65535, 65535)
    return bytes(body)
