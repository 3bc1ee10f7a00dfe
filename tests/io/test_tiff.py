import struct

import numpy as np
import pytest
from PIL import Image
from tests.fakes import bombs
from tests.fakes import image_files as fake

from thermoscope.core.errors import ImageTooLargeError, ReadError
from thermoscope.io.read import read
from thermoscope.sensor.planck import LinearScale
from thermoscope.sensor.quality import Quality

COUNTS = fake.slope(72, 80)
KELVIN = (285 + 0.1 * np.mgrid[:72, :80].sum(0)).astype(np.float32)


@pytest.fixture
def written(tmp_path):
    def write(data: bytes):
        path = tmp_path / "a.tiff"
        path.write_bytes(data)
        return path

    return write


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"byteorder": ">"},
        {"bigtiff": True},
        {"compression": "zlib"},
        {"compression": "zlib", "predictor": True},
        {"tile": (16, 32)},
        {"tile": (32, 16), "compression": "zlib"},
        {"rowsperstrip": 5},
    ],
    ids=str,
)
def test_16_bit_in_every_layout(written, options):
    image = read(written(fake.tiff(COUNTS, **options)))
    np.testing.assert_array_equal(image.counts, COUNTS)
    assert (image.source.format, image.source.frame_count) == ("tiff", 1)


@pytest.mark.parametrize("compression", ["tiff_lzw", "packbits", "tiff_deflate"])
def test_compressions_of_libtiff(written, compression):
    image = read(written(fake.encoded(Image.fromarray(COUNTS), "TIFF", compression=compression)))
    np.testing.assert_array_equal(image.counts, COUNTS)


def test_pages_are_frames(written):
    path = written(fake.tiff(np.stack([COUNTS + k for k in range(5)])))
    for index in (3, 0, -1):
        image = read(path, frame=index)
        np.testing.assert_array_equal(image.counts, COUNTS + index % 5)
        assert (image.source.frame_index, image.source.frame_count) == (index % 5, 5)
    with pytest.raises(ReadError, match="frame 5 asked for, and there are 5. Ask for 0 to 4"):
        read(path, frame=5)
    with pytest.raises(ReadError, match="frame -6 asked for"):
        read(path, frame=-6)


def test_pages_of_different_size(written, tmp_path):
    import tifffile

    path = tmp_path / "b.tiff"
    with tifffile.TiffWriter(path) as writer:
        writer.write(COUNTS)
        writer.write(KELVIN[:30])
    assert read(path).shape == (72, 80)
    assert read(path, frame=1).kind == "kelvin"


@pytest.mark.parametrize(
    ("description", "low"),
    [("unit: K", 285.0), ('{"units": "celsius"}', 558.15), ("Unit=degF", 413.7)],
)
def test_a_description_that_names_the_unit(written, description, low):
    image = read(written(fake.tiff(KELVIN, description=description, metadata=None)))
    assert float(image.kelvin.min()) == pytest.approx(low, abs=0.1)
    assert image.temperature_note == ""


def test_float_celsius_without_a_unit_is_guessed_and_said(written):
    image = read(written(fake.tiff(KELVIN - np.float32(273.15))))
    np.testing.assert_allclose(image.kelvin, KELVIN, atol=1e-3)
    assert "taken as celsius" in image.temperature_note


def test_a_double_with_holes(written):
    holes = KELVIN.astype(np.float64)
    holes[10:20, 5:9], holes[40, 40] = np.nan, np.inf
    image = read(written(fake.tiff(holes)))
    assert {Quality.CONVERTED, Quality.NON_FINITE} <= image.quality
    assert np.isnan(image.kelvin[12, 6])


@pytest.mark.parametrize(
    ("kind", "flag"), [(np.uint32, Quality.CONVERTED), (np.float16, Quality.QUANTISED)]
)
def test_other_element_types_are_flagged(written, kind, flag):
    stored = KELVIN if kind is np.float16 else COUNTS
    assert flag in read(written(fake.tiff(stored.astype(kind)))).quality


def test_a_scale_is_applied(written):
    image = read(written(fake.tiff(COUNTS)), scale=LinearScale(0.01, 100))
    assert image.kelvin[0, 0] == pytest.approx(270)


def test_four_channels(written):
    four = np.repeat((COUNTS % 251).astype(np.uint8)[..., None], 4, axis=2)
    data = fake.tiff(four, photometric="rgb", extrasamples=["unassalpha"])
    image = read(written(data))
    np.testing.assert_array_equal(image.agc, four[..., 0])
    assert "alpha_left_out" in image.capture.extra


def test_channels_in_planes(written):
    colour = np.stack([COUNTS % 251, COUNTS % 241, COUNTS % 239]).astype(np.uint8)
    image = read(written(fake.tiff(colour, photometric="rgb", planarconfig="separate")))
    np.testing.assert_array_equal(image.agc, np.moveaxis(colour, 0, 2))


def test_white_is_zero(written):
    grey = (COUNTS % 251).astype(np.uint8)
    np.testing.assert_array_equal(
        read(written(fake.tiff(grey, photometric="miniswhite"))).agc, 255 - grey
    )


def test_camera_time_and_orientation_from_tags(written):
    tags = [(271, 2, 0, "ACME", True), (272, 2, 0, "T1", True), (274, 3, 1, 3, True)]
    image = read(written(fake.tiff(COUNTS, extratags=tags, datetime="2023:01:18 15:59:16")))
    assert (image.capture.make, image.capture.model) == ("ACME", "T1")
    assert image.capture.t_ns == 1_674_057_556_000_000_000
    assert Quality.ROTATED in image.quality


# -- hostile and damaged -------------------------------------------------------------------------


def ring(pages: int) -> bytes:
    """Pages of which the last one points back to the first."""
    chain = bytearray(bombs.ifd_chain(pages))
    chain[-4:] = struct.pack("<I", 8)
    return bytes(chain)


@pytest.mark.parametrize("pages", [1, 2, 1000])
def test_a_ring_of_pages_is_refused(written, pages):
    with pytest.raises(ReadError, match="form a circle"):
        read(written(ring(pages)))


def test_a_deflate_bomb_is_refused_before_it_inflates(written):
    import zlib

    stored = zlib.compress(bytes(80 << 20), 1)
    entries = [(256, 4, 1, 80), (257, 4, 1, 72), (258, 3, 1, 16), (259, 3, 1, 8), (262, 3, 1, 1)]
    entries += [(273, 4, 1, 200), (277, 3, 1, 1), (278, 4, 1, 72), (279, 4, 1, len(stored))]
    body = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    head = b"II*\0" + struct.pack("<IH", 8, len(entries)) + body + bytes(4)
    with pytest.raises(ImageTooLargeError, match="inflates to more than twice"):
        read(written(head.ljust(200, b"\0") + stored))


def test_pixels_outside_the_file(written):
    data = fake.tiff(COUNTS)
    with pytest.raises(ReadError, match=r"pixels up to byte \d+, and the file has \d+") as caught:
        read(written(data[: len(data) // 2]))
    assert caught.value.offset == 8


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"II*\0\x08", "TIFF header is cut"),
        (b"II*\0" + struct.pack("<I", 10**6) + bytes(20), "outside the file"),
        (b"II*\0\0\0\0\0", "no page"),
        (b"II*\0\x08\0\0\0" + struct.pack("<H", 60000) + bytes(20), "60000 entries"),
        (bombs.tiff(60_000, 60_000), "3600000000 pixels, over the limit"),
        (bombs.tiff(64, 64, tile=2**30), "lie|pixels up to byte|tiles of"),
    ],
)
def test_damaged_directories(written, data, match):
    with pytest.raises(ReadError, match=match):
        read(written(data))


def test_an_unknown_compression(written):
    data = bytearray(fake.tiff(COUNTS))
    at = data.index(struct.pack("<HHI", 259, 3, 1))
    struct.pack_into("<H", data, at + 8, 4242)
    with pytest.raises(ReadError, match="compression 4242"):
        read(written(bytes(data)))
