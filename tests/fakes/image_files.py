"""Small files of the formats that carry thermal pictures, built from their public descriptions."""

from __future__ import annotations

import gzip
import io
import json
import struct
import zipfile

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Counts = NDArray[np.uint16]

XMP_NAME = b"http://ns.adobe.com/xap/1.0/\0"


def slope(height: int = 24, width: int = 32, low: int = 17_000, step: int = 40) -> Counts:
    """Counts that grow to the right and downwards: every pixel differs from its neighbours."""
    return (low + step * np.mgrid[:height, :width].sum(0)).astype(np.uint16)


def scene(height: int = 48, width: int = 64, low: int = 3000, seed: int = 0) -> Counts:
    """Counts of a slope with noise: a frame without findings."""
    noise = np.random.default_rng(seed).normal(0, 4, (height, width))
    return np.rint(low + 3 * np.mgrid[:height, :width].sum(0) + noise).astype(np.uint16)


def encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    """A picture in a format of Pillow's."""
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def tiff(values: NDArray, **options: object) -> bytes:
    """A TIFF as tifffile writes it."""
    import tifffile

    stream = io.BytesIO()
    tifffile.imwrite(stream, values, **options)
    return stream.getvalue()


def exif(
    make: str = "ACME",
    model: str = "T1000",
    *,
    orientation: int = 1,
    taken: str = "2023:01:18 15:59:16",
    zone: str | None = None,
    fraction: str | None = None,
) -> Image.Exif:
    """An Exif directory with camera and moment."""
    directory = Image.Exif()
    directory[0x010F], directory[0x0110], directory[0x0112] = make, model, orientation
    camera = directory.get_ifd(0x8769)
    camera[0x9003] = taken
    if zone:
        camera[0x9011] = zone
    if fraction:
        camera[0x9291] = fraction
    return directory


# -- DJI ------------------------------------------------------------------------------------------


def segment(marker: int, content: bytes) -> bytes:
    """A JPEG segment."""
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def dji_rjpeg(
    counts: Counts,
    picture: NDArray[np.uint8],
    *,
    marker: int = 0xE3,
    make: str = "DJI",
    xmp: str = 'drone-dji:GimbalPitchDegree="-18.20" drone-dji:GpsStatus="Invalid" '
    'drone-dji:GpsLatitude="-0.0" drone-dji:GpsLongitude="-0.0"',
    piece: int = 700,
) -> bytes:
    """A JPEG with the 16-bit plane in pieces behind its Exif part."""
    jpeg = encoded(Image.fromarray(picture), "JPEG", exif=exif(make, "ZH20T"), quality=95)
    plane = counts.astype("<u2").tobytes()
    extra = segment(0xE1, XMP_NAME + f"<rdf:Description {xmp}/>".encode())
    extra += b"".join(segment(marker, plane[k : k + piece]) for k in range(0, len(plane), piece))
    at = jpeg.index(b"\xff\xdb")  # before the quantisation tables
    return jpeg[:at] + extra + jpeg[at:]


# -- CPTV -----------------------------------------------------------------------------------------


def _field(name: bytes, value: bytes) -> bytes:
    return struct.pack("<Bc", len(value), name) + value


def _section(kind: bytes, fields: dict[bytes, bytes]) -> bytes:
    return kind + bytes([len(fields)]) + b"".join(_field(k, v) for k, v in fields.items())


def cptv_frame(current: Counts, previous: Counts, bits: int, time_ms: int) -> bytes:
    """One frame section: differences in snake order, `bits` each."""
    change = current.astype(np.int64) - previous.astype(np.int64)
    change[1::2] = change[1::2, ::-1].copy()
    deltas = np.diff(change.ravel(), prepend=0)
    limit = 1 << (bits - 1)
    if not (-limit <= deltas[1:].min() and deltas[1:].max() < limit):
        raise ValueError(f"differences do not fit in {bits} bits")
    digits = (deltas[1:, None] >> np.arange(bits - 1, -1, -1)) & 1
    packed = struct.pack("<i", deltas[0]) + np.packbits(digits.astype(np.uint8).ravel()).tobytes()
    fields = {
        b"t": struct.pack("<I", time_ms),
        b"c": struct.pack("<I", 1000),
        b"w": bytes([bits]),
        b"f": struct.pack("<I", len(packed)),
    }
    return _section(b"F", fields) + packed


def cptv(frames: list[Counts], *, bits: int = 12, started_us: int = 1_500_000_000_000_000) -> bytes:
    """A CPTV recording at 9 frames a second."""
    height, width = frames[0].shape
    header = {
        b"T": struct.pack("<Q", started_us),
        b"C": b"\x01",
        b"X": struct.pack("<I", width),
        b"Y": struct.pack("<I", height),
        b"D": b"tester",
        b"E": b"lepton3",
    }
    body = b"CPTV\x02" + _section(b"H", header)
    before = np.zeros_like(frames[0])
    for k, frame in enumerate(frames):
        body += cptv_frame(frame, before, bits, 60_000 + 111 * k)
        before = frame
    return gzip.compress(body, mtime=0)


# -- tables, raw, vendors -------------------------------------------------------------------------


def fluke_csv(celsius: NDArray, *, unit: str = "°C", encoding: str = "utf-8-sig") -> bytes:
    """A table as Fluke's software exports it: text above, numbered columns and rows."""
    width = celsius.shape[1]
    lines = [f"All temperatures in {unit}.", "", r"C:\images\IR001.IS2", ""]
    lines.append("," + ",".join(str(k + 1) for k in range(width)) + ",")
    lines += [
        f"{k + 1}," + ",".join(f"{v:.1f}" for v in row) + "," for k, row in enumerate(celsius)
    ]
    return "\r\n".join(lines).encode(encoding)


def fpa_raw(counts: Counts, *, reading: float = 12377.0) -> bytes:
    """A raw frame behind the 24-byte header with the focal-plane reading."""
    height, width = counts.shape
    head = struct.pack("<fiiiQ", reading, width, height, 3, 2 * counts.size)
    return head + counts.astype("<u2").tobytes()


def irg(kelvin: NDArray, *, pixels: int | None = None) -> bytes:
    """An InfiRay file of the C200 series: 1/16 K a count, no visible picture."""
    height, width = kelvin.shape
    head = bytearray(128)
    struct.pack_into("<HHIHH", head, 0, 0xACCA, 128, pixels or kelvin.size, height, width)
    struct.pack_into("<II", head, 34, 0x10000, 0x10000)
    head[-2:] = b"\xac\xca"
    coarse = np.linspace(0, 255, kelvin.size).astype(np.uint8).tobytes()
    return bytes(head) + coarse + np.rint(kelvin * 16).astype("<u2").tobytes()


def is2(counts: Counts, *, slope_c: float = 100.0, curves: int = 1) -> bytes:
    """A Fluke archive whose curve is ``counts = slope_c * celsius`` (a tiny square term)."""
    height, width = counts.shape
    curve = bytearray(24)
    struct.pack_into("<f", curve, 0, 0.0)
    struct.pack_into("<f", curve, 5, 100.0)
    struct.pack_into("<f", curve, 15, slope_c)
    struct.pack_into("<f", curve, 20, 1e-6)
    calibration = bytes(64) + (bytes((74, 25, 13)) + bytes(curve)) * curves + bytes(8)
    info = bytearray(64)
    for at, value in ((33, 1.0), (38, 20.0), (43, 1.0)):
        struct.pack_into("<f", info, at, value)
    properties = {
        "IRPROP_THERMAL_IMAGER_MAKE": "Fluke",
        "IRPROP_THERMAL_IMAGER_MODEL": "Ti300",
        "IRPROP_IR_SENSOR_WIDTH": width,
        "IRPROP_IR_SENSOR_HEIGHT": height,
        "IRPROP_THERMAL_IMAGE_EMISSIVITY": 1.0,
        "IRPROP_THERMAL_IMAGE_TRANSMISSIVITY": 1.0,
        "IRPROP_THERMAL_IMAGE_BG_TEMP_C": 20.0,
    }
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("CalibrationData.gpbenc", calibration)
        archive.writestr("ImageProperties.json", json.dumps(properties))
        archive.writestr("Images/Main/IRImageInfo.gpbenc", bytes(info))
        archive.writestr("Images/Main/IR.data", bytes(2 * width) + counts.astype("<u2").tobytes())
    return stream.getvalue()


def hcc(frames: Counts, *, mode: int = 2, offset: float = 273.15, exponent: int = -8) -> bytes:
    """A Telops recording of header version 12.7: two header lines, then the pixels."""
    _, height, width = frames.shape
    pieces = []
    for k, frame in enumerate(frames):
        head = bytearray(4 * width)
        prefix = (b"TC", 7, 12, 256, k, offset, exponent, 11016, mode, 0, 0, 0, width, height)
        struct.pack_into("<2sBBH2xIfb7xIBBBBHH", head, 0, *prefix)
        struct.pack_into("<II", head, 100, 1_600_000_000, 5_000_000 + k)
        pieces.append(bytes(head) + frame.astype("<u2").tobytes())
    return b"".join(pieces)


# -- for the fuzzer -------------------------------------------------------------------------------


def fuzz_seeds() -> list[tuple]:
    """(family, name, suffix, data[, shape]) of each format here."""
    counts = slope(72, 80)
    grey = (counts % 251).astype(np.uint8)
    celsius = 20 + 0.1 * np.mgrid[:24, :32].sum(0)
    p2 = b"P2\n# text\n8 9\n4095\n" + b" ".join(str(k * 7).encode() for k in range(72)) + b"\n"
    ppm = b"P6 32 24 255\n" + grey[:24, :32].repeat(3).tobytes()
    layers = tiff(slope(), compression="zlib", predictor=True)
    return [
        ("dji", "APP3", ".jpg", dji_rjpeg(counts, grey)),
        (
            "dji",
            "APP4, colour",
            ".jpg",
            dji_rjpeg(counts, grey[..., None].repeat(3, 2), marker=0xE4),
        ),
        ("cptv", "12 bit", ".cptv", cptv([slope(), slope(step=41), slope(low=17_100)])),
        ("csv", "Fluke", ".csv", fluke_csv(celsius)),
        ("fpa-raw", "24-byte header", ".raw", fpa_raw(slope())),
        ("pgm", "text", ".pgm", p2),
        ("ppm", "colour", ".ppm", ppm),
        ("tiff", "deflate, predictor", ".tif", layers),
        ("tiff", "LZW", ".tif", encoded(Image.fromarray(slope()), "TIFF", compression="tiff_lzw")),
        ("y16", "three frames", ".y16", slope().tobytes() * 3, (24, 32)),
        ("infiray-irg", "C200", ".irg", irg(290 + celsius)),
        ("fluke-is2", "Ti300", ".is2", is2(slope(low=1000, step=10))),
        ("telops-hcc", "two frames", ".hcc", hcc(np.stack([slope(), slope(step=41)]))),
    ]
