"""Files to damage, and the ways of damaging them: the material of `fuzz_readers.py`.

A mutant is a pure function of (seed list, random seed, index), so any one of them can be made
again alone: ``python benchmarks/fuzz_readers.py --only INDEX``.
"""

from __future__ import annotations

import gzip
import importlib
import importlib.util
import io
import struct
import sys
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import Generator
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:  # run as a script: tests/fakes is not installed
    sys.path.insert(0, str(ROOT))

LARGEST_SEED = 1_300_000
SMALLEST_SEED = 32  # below that there is nothing to damage
GZIP_MAGIC = b"\x1f\x8b"
HEAD = 512  # most structure sits here: half of the edits go there


@dataclass(frozen=True)
class Seed:
    """A valid (or validly odd) file.

    Attributes:
        family: Container, for the table: ``"flir-rjpeg"``, ``"tiff"`` ...
        name: What it is.
        suffix: File suffix under which it is offered.
        data: Its bytes.
        shape: (H, W) to pass for raw Y16, or None.
        packing: What happens to the bytes after the damage, so that it reaches the inside of a
            container that checks itself: ``gzip``, ``png`` (checksums set right), ``rjpeg``.
    """

    family: str
    name: str
    suffix: str
    data: bytes
    shape: tuple[int, int] | None = None
    packing: str = ""


@dataclass(frozen=True)
class Mutant:
    """A damaged file and how it came about."""

    seed: Seed
    how: str
    data: bytes


# -- seeds ----------------------------------------------------------------------------------------


def _flir() -> list[Seed]:
    from tests.fakes import flir_files as fake

    records = [(0x0E, 5, fake.visible_jpeg()), (0x2B, 1, fake.gps(48.1, 11.6, 520.0))]
    records += [(0x22, 1, fake.palette()), (0x2A, 1, fake.picture_in_picture(1.2, 3, 4))]
    seeds = []
    for order in "<>":
        for coding in ("little", "big", "png", "png-straight"):
            payload = fake.fff(order=order, coding=coding, extra=records)
            jpeg = fake.rjpeg(payload, piece_bytes=900, before=fake.exif(1, latitude=48.0))
            seeds.append(Seed("flir-rjpeg", f"{coding}{order}", ".jpg", jpeg))
            seeds.append(Seed("flir-fff", f"{coding}{order}", ".fff", payload))
    seeds += [
        Seed("flir-seq", "4 frames", ".seq", fake.seq(4)),
        Seed("flir-seq", "gaps, png", ".seq", fake.seq(3, coding="png", gap=64)),
        Seed("flir-fpf", "float", ".fpf", fake.fpf(_kelvin().astype(np.float32))),
        Seed("flir-fpf", "double", ".fpf", fake.fpf(_kelvin(), coding=3, order=">")),
    ]
    if importlib.util.find_spec("imagecodecs"):
        seeds.append(Seed("flir-csq", "JPEG-LS", ".csq", fake.seq(3, coding="jpegls")))
    return seeds


def _kelvin(height: int = 24, width: int = 32) -> np.ndarray[Any, np.dtype[np.float64]]:
    y, x = np.mgrid[:height, :width]
    return 285.0 + 0.3 * x + 0.2 * y


def _encoded(picture: Image.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def _pictures() -> list[Seed]:
    counts = (17_000 + 40 * np.mgrid[:24, :32].sum(0)).astype(np.uint16)
    grey8 = (counts % 251).astype(np.uint8)
    grey, grey16 = Image.fromarray(grey8), Image.fromarray(counts)
    rgb = Image.merge("RGB", (grey, grey.rotate(90, expand=False), grey.rotate(180)))
    rgba = rgb.copy()
    rgba.putalpha(128)
    frames = [grey.rotate(90 * k) for k in range(1, 4)]
    animated = {"save_all": True, "append_images": frames, "duration": 40, "loop": 0}
    pgm = b"P5\n32 24\n65535\n" + counts.astype(">u2").tobytes()
    return [
        Seed("png", "16 bit", ".png", _encoded(grey16, "PNG")),
        Seed(
            "png",
            "16 bit, bytes swapped",
            ".png",
            _encoded(Image.fromarray(counts.byteswap()), "PNG"),
        ),
        Seed("png", "8 bit", ".png", _encoded(grey, "PNG")),
        Seed("png", "RGB", ".png", _encoded(rgb, "PNG")),
        Seed("png", "RGBA", ".png", _encoded(rgba, "PNG")),
        Seed("png", "palette", ".png", _encoded(rgb.quantize(32), "PNG")),
        Seed("png", "1 bit", ".png", _encoded(grey.convert("1"), "PNG")),
        Seed("png", "animated", ".png", _encoded(grey, "PNG", **animated)),
        Seed("gif", "animated", ".gif", _encoded(grey, "GIF", **animated)),
        Seed("bmp", "8 bit", ".bmp", _encoded(grey, "BMP")),
        Seed("bmp", "RGB", ".bmp", _encoded(rgb, "BMP")),
        Seed("jpeg", "grey", ".jpg", _encoded(grey, "JPEG")),
        Seed("jpeg", "RGB", ".jpg", _encoded(rgb, "JPEG")),
        Seed("jpeg", "CMYK", ".jpg", _encoded(rgb.convert("CMYK"), "JPEG")),
        Seed("webp", "RGB", ".webp", _encoded(rgb, "WEBP")),
        Seed("pgm", "16 bit", ".pgm", pgm),
        Seed("pgm", "8 bit", ".pgm", b"P5\n32 24\n255\n" + grey8.tobytes()),
        Seed("y16", "shape given", ".y16", counts.tobytes(), (24, 32)),
    ]


def _tiffs() -> list[Seed]:
    import tifffile

    def tiff(array: np.ndarray[Any, Any], **options: Any) -> bytes:
        stream = io.BytesIO()
        tifffile.imwrite(stream, array, **options)
        return stream.getvalue()

    counts = (17_000 + 40 * np.mgrid[:24, :32].sum(0)).astype(np.uint16)
    kelvin = _kelvin().astype(np.float32)
    holes = kelvin.copy()
    holes[3:9, 4:20] = np.nan
    holes[10, 10] = np.inf
    four = np.repeat((counts % 251).astype(np.uint8)[..., None], 4, axis=2)
    return [
        Seed("tiff", "16 bit", ".tif", tiff(counts)),
        Seed("tiff", "16 bit, big endian", ".tif", tiff(counts, byteorder=">")),
        Seed("tiff", "deflate, tiled", ".tif", tiff(counts, compression="zlib", tile=(16, 16))),
        Seed("tiff", "5 pages", ".tif", tiff(np.stack([counts + k for k in range(5)]))),
        Seed("tiff", "BigTIFF", ".tif", tiff(counts, bigtiff=True)),
        Seed("tiff", "float kelvin", ".tif", tiff(kelvin)),
        Seed("tiff", "float with nan", ".tif", tiff(holes)),
        Seed("tiff", "half float", ".tif", tiff(kelvin.astype(np.float16))),
        Seed("tiff", "double", ".tif", tiff(kelvin.astype(np.float64))),
        Seed("tiff", "32 bit", ".tif", tiff(counts.astype(np.uint32))),
        Seed("tiff", "8 bit", ".tif", tiff((counts % 251).astype(np.uint8))),
        Seed(
            "tiff", "4 channels", ".tif", tiff(four, photometric="rgb", extrasamples=["unassalpha"])
        ),
    ]


def _fakes_of_others() -> list[Seed]:
    """(family, name, suffix, data) tuples of every `fuzz_seeds` function in tests.fakes."""
    seeds = []
    for file in sorted((ROOT / "tests" / "fakes").glob("*.py")):
        module = importlib.import_module(f"tests.fakes.{file.stem}")
        for entry in getattr(module, "fuzz_seeds", list)():
            seeds.append(Seed(*entry))
    return seeds


def _odd() -> list[Seed]:
    """Files that are none: empty, one byte, bare magics, text."""
    bare = {
        ".png": b"\x89PNG\r\n\x1a\n",
        ".tif": b"II*\0",
        ".jpg": b"\xff\xd8\xff",
        ".gif": b"GIF89a",
    }
    seeds = [Seed("odd", f"bare magic {s}", s, magic) for s, magic in bare.items()]
    seeds += [
        Seed("odd", "empty", s, b"") for s in (".png", ".tif", ".jpg", ".seq", ".y16", ".csv")
    ]
    text = Seed("odd", "text", ".csv", b"the quick; brown; fox\njumps; over\n")
    raw = np.arange(17_000, 17_768, dtype="<u2").tobytes()
    return [*seeds, text, Seed("odd", "raw without a shape", ".raw", raw)]


def _tables() -> list[Seed]:
    rows = [";".join(f"{value - 273.15:.2f}" for value in row) for row in _kelvin(6, 8)]
    table = "\n".join(["Temperatures in \N{DEGREE SIGN}C", *rows]).encode()
    return [Seed("csv", "celsius", ".csv", table)]


def _real(data: Path | None, each: int) -> list[Seed]:
    """Up to `each` files of every folder and suffix of the real data, small ones only."""
    if data is None:
        return []
    groups: dict[tuple[str, str], list[Path]] = {}
    for path in sorted(p for p in data.rglob("*") if p.is_file()):
        if path.suffix.lower() in (".md", ".json", ".yaml", ".txt"):
            continue
        if path.stat().st_size <= LARGEST_SEED:
            groups.setdefault((str(path.parent), path.suffix.lower()), []).append(path)
    seeds = []
    for paths in groups.values():
        for path in paths[:each]:
            name = str(path.relative_to(data))
            family = "real " + "/".join(Path(name).parts[:2])
            seeds.append(Seed(family, name, path.suffix.lower(), path.read_bytes()))
    return seeds


def make_seeds(data: Path | None, *, each: int = 1) -> list[Seed]:
    """All seeds: generated ones, and real files if there is a folder of them."""
    made = _flir() + _pictures() + _tiffs() + _tables() + _fakes_of_others() + _odd()
    made += _real(data, each)
    return made + _inner(made)


# -- packing --------------------------------------------------------------------------------------


def with_right_checksums(data: bytes) -> bytes:
    """A PNG whose chunks' checksums fit their (damaged) content."""
    body, at = bytearray(data), 8
    while at + 12 <= len(body):
        length = int.from_bytes(body[at : at + 4], "big")
        end = at + 8 + length
        if end + 4 > len(body):
            break
        body[end : end + 4] = zlib.crc32(body[at + 4 : end]).to_bytes(4, "big")
        at = end + 4
    return bytes(body)


def packed(data: bytes, packing: str) -> bytes:
    """The file around damaged content."""
    if packing == "gzip":
        return gzip.compress(data, 1)
    if packing == "png":
        return with_right_checksums(data)
    if packing == "rjpeg" and data:
        from tests.fakes import flir_files as fake

        return fake.rjpeg(data)
    return data


def _inner(seeds: Sequence[Seed]) -> list[Seed]:
    """Seeds that are damaged inside their container."""
    inner = []
    for seed in seeds:
        if seed.family == "png":
            inner.append(replace(seed, family="png inside", packing="png"))
        elif seed.family == "flir-fff":
            inner.append(replace(seed, family="flir-rjpeg inside", suffix=".jpg", packing="rjpeg"))
        elif seed.suffix == ".cptv" and seed.data.startswith(GZIP_MAGIC):
            with gzip.open(io.BytesIO(seed.data)) as stream:
                content = stream.read(LARGEST_SEED // 4)
            inner.append(replace(seed, family="cptv inside", data=content, packing="gzip"))
    return inner


# -- mutators -------------------------------------------------------------------------------------


def _where(rng: Generator, size: int) -> int:
    """A position, in the head of the file every other time."""
    return int(rng.integers(0, min(size, HEAD) if rng.random() < 0.5 else size))


def truncate(data: bytearray, rng: Generator) -> bytearray:
    """Cut at a random place."""
    return data[: int(rng.integers(0, len(data)))]


def flip_bytes(data: bytearray, rng: Generator) -> bytearray:
    """1 to 32 bytes set to random values."""
    for _ in range(int(rng.integers(1, 33))):
        data[_where(rng, len(data))] = int(rng.integers(0, 256))
    return data


def flip_bits(data: bytearray, rng: Generator) -> bytearray:
    """1 to 8 single bits."""
    for _ in range(int(rng.integers(1, 9))):
        data[_where(rng, len(data))] ^= 1 << int(rng.integers(0, 8))
    return data


def wrong_magic(data: bytearray, rng: Generator) -> bytearray:
    """The start of another format."""
    magics = (
        b"FFF\0",
        b"\x89PNG\r\n\x1a\n",
        b"II*\0",
        b"MM\0*",
        b"II+\0",
        b"\xff\xd8\xff\xe0",
        b"P5\n",
    )
    magics += (
        b"BM",
        b"GIF89a",
        b"FPF Public Image Format",
        b"\x89HDF\r\n\x1a\n",
        b"CPTV",
        b"AFF\0",
    )
    magic = magics[int(rng.integers(0, len(magics)))]
    data[: len(magic)] = magic
    return data


def huge_number(data: bytearray, rng: Generator) -> bytearray:
    """1 to 3 places hold the numbers that sizes and offsets overflow with."""
    numbers = (0xFFFFFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFF, 0x10000, 0xFFFFFFFE, 0x00010001)
    for _ in range(int(rng.integers(1, 4))):
        at = _where(rng, len(data))
        layout = "<>"[int(rng.integers(0, 2))] + "HI"[int(rng.integers(0, 2))]
        number = numbers[int(rng.integers(0, len(numbers)))]
        packed = struct.pack(layout, number & (0xFFFF if layout[1] == "H" else 0xFFFFFFFF))
        data[at : at + len(packed)] = packed
    return data


def zero_run(data: bytearray, rng: Generator) -> bytearray:
    """A run of zeros."""
    at, length = _where(rng, len(data)), int(rng.integers(1, 65))
    data[at : at + length] = bytes(len(data[at : at + length]))
    return data


def drop_piece(data: bytearray, rng: Generator) -> bytearray:
    """A piece is missing from the middle."""
    at = _where(rng, len(data))
    del data[at : at + int(rng.integers(1, max(len(data) // 4, 2)))]
    return data


def repeat_piece(data: bytearray, rng: Generator) -> bytearray:
    """A piece comes twice."""
    at, length = _where(rng, len(data)), int(rng.integers(1, max(len(data) // 4, 2)))
    return data[: at + length] + data[at:]


def swap_bytes(data: bytearray, rng: Generator) -> bytearray:
    """Pairs of bytes exchanged from a random place on."""
    at = _where(rng, len(data))
    tail = data[at : at + (len(data) - at) // 2 * 2]
    data[at : at + len(tail)] = np.frombuffer(bytes(tail), "<u2").byteswap().tobytes()
    return data


def noise(data: bytearray, rng: Generator) -> bytearray:
    """Everything after a random place is random."""
    at = _where(rng, len(data))
    return data[:at] + bytearray(rng.bytes(len(data) - at))


MUTATORS: tuple[Callable[[bytearray, Generator], bytearray], ...] = (
    truncate,
    flip_bytes,
    flip_bits,
    wrong_magic,
    huge_number,
    zero_run,
    drop_piece,
    repeat_piece,
    swap_bytes,
    noise,
)


def mutant(seeds: Sequence[Seed], random_seed: int, index: int) -> Mutant:
    """Mutant `index`: seeds in turn, undamaged in the first round, then with 1 or 2 faults."""
    if index < len(seeds):
        seed = seeds[index]
        return Mutant(seed, "undamaged", packed(seed.data, seed.packing))
    large = [seed for seed in seeds if len(seed.data) >= SMALLEST_SEED]
    seed = large[index % len(large)]
    rng = np.random.default_rng([random_seed, index])
    data, how = bytearray(seed.data), []
    for _ in range(1 + int(rng.random() < 0.3)):
        change = MUTATORS[int(rng.integers(0, len(MUTATORS)))]
        if data:
            data = change(data, rng)
            how.append(change.__name__)
    return Mutant(seed, "+".join(how), packed(bytes(data), seed.packing))
