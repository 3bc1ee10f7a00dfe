from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from tests.fakes import image_files as fake

from thermoscope.core.errors import ImageTooLargeError, ReadError
from thermoscope.io.read import read
from thermoscope.sensor.quality import Quality

GREY = (fake.slope(40, 50, 0, 3) % 256).astype(np.uint8)
COLOUR = np.stack([GREY, GREY[::-1], 255 - GREY], axis=2)


def saved(folder: Path, name: str, picture: Image.Image, **options: object) -> Path:
    path = folder / name
    picture.save(path, **options)
    return path


def test_16_bit_png(tmp_path):
    counts = fake.slope()
    image = read(saved(tmp_path, "a.png", Image.fromarray(counts)))
    np.testing.assert_array_equal(image.counts, counts)
    assert (image.source.format, image.source.bit_depth) == ("png", 16)
    assert image.source.path == tmp_path / "a.png"
    assert not image.radiometric


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".gif", ".webp"])
def test_8_bit_pictures(tmp_path, suffix):
    options = {"lossless": True} if suffix == ".webp" else {}
    image = read(saved(tmp_path, f"a{suffix}", Image.fromarray(GREY), **options))
    assert image.kind == "agc"
    np.testing.assert_array_equal(image.luma, GREY)
    assert Quality.AGC in image.quality


def test_colour_keeps_its_channels_and_is_flagged(tmp_path):
    image = read(saved(tmp_path, "a.png", Image.fromarray(COLOUR)))
    np.testing.assert_array_equal(image.agc, COLOUR)
    assert Quality.FALSE_COLOUR in image.quality


def test_a_palette_png_is_false_colour(tmp_path):
    indexed = Image.fromarray(GREY // 16)
    indexed.putpalette([v for k in range(16) for v in (k * 16, 255 - k * 16, k)])
    image = read(saved(tmp_path, "a.png", indexed))
    assert Quality.FALSE_COLOUR in image.quality
    assert image.agc[0, 0].tolist() == [0, 255, 0]


def test_a_grey_palette_is_grey(tmp_path):
    indexed = Image.fromarray(GREY // 16)
    indexed.putpalette([v for k in range(16) for v in (k * 16,) * 3])
    image = read(saved(tmp_path, "a.png", indexed))
    np.testing.assert_array_equal(image.agc, GREY // 16 * 16)
    assert Quality.FALSE_COLOUR not in image.quality


def test_one_bit(tmp_path):
    image = read(saved(tmp_path, "a.png", Image.fromarray(GREY).point(lambda v: v > 9, "1")))
    assert set(np.unique(image.agc)) == {0, 255}
    assert Quality.CONVERTED in image.quality


def test_16_bit_colour_png_with_equal_channels_keeps_its_depth(tmp_path):
    import cv2

    counts = fake.slope()
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), np.repeat(counts[..., None], 3, axis=2))
    image = read(path)
    np.testing.assert_array_equal(image.counts, counts)


def test_16_bit_colour_png_keeps_the_order_of_its_channels(tmp_path):
    import cv2

    blue_green_red = np.zeros((20, 20, 3), np.uint16)
    blue_green_red[..., 2] = 0xFF00
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), blue_green_red)
    image = read(path)
    assert image.agc[0, 0].tolist() == [255, 0, 0]
    assert {Quality.QUANTISED, Quality.FALSE_COLOUR} <= image.quality


@pytest.mark.parametrize("suffix", [".png", ".gif"])
def test_animated_pictures_frame_by_frame(tmp_path, suffix):
    pictures = [Image.fromarray(np.full((20, 30), v, np.uint8)) for v in (10, 120, 250)]
    path = saved(tmp_path, f"a{suffix}", pictures[0], save_all=True, append_images=pictures[1:])
    assert read(path).source.frame_count == 3
    for index in (2, 0, 1, -1):
        image = read(path, frame=index)
        assert int(image.luma[5, 5]) == (10, 120, 250)[index]
        assert image.source.frame_index == index % 3
    with pytest.raises(ReadError, match="frame 3 asked for, and there are 3"):
        read(path, frame=3)


# -- JPEG ----------------------------------------------------------------------------------------


def test_a_grey_jpeg_saved_in_colour_is_one_channel(tmp_path):
    picture = Image.fromarray(GREY).convert("RGB")
    image = read(saved(tmp_path, "a.jpg", picture, quality=95))
    assert image.agc.ndim == 2
    assert image.source.format == "jpeg"


def test_exif_camera_moment_and_rotation(tmp_path):
    exif = fake.exif("ACME", "T1000", orientation=6, zone="+01:00", fraction="25")
    image = read(saved(tmp_path, "a.jpg", Image.fromarray(GREY), exif=exif))
    assert (image.capture.make, image.capture.model) == ("ACME", "T1000")
    assert image.capture.t_ns == 1_674_053_956_250_000_000  # 14:59:16.25 UTC
    assert image.capture.t_zone == "utc"
    assert Quality.ROTATED in image.quality
    assert image.capture.extra["orientation"] == 6
    assert image.shape == GREY.shape  # as stored


def test_a_time_without_zone_is_local(tmp_path):
    image = read(saved(tmp_path, "a.png", Image.fromarray(GREY), exif=fake.exif()))
    assert image.capture.t_ns == 1_674_057_556_000_000_000
    assert image.capture.t_zone == "local"


def test_a_jpeg_without_its_end_is_flagged(tmp_path):
    path = tmp_path / "a.jpg"
    whole = fake.encoded(Image.fromarray(GREY), "JPEG")
    path.write_bytes(whole[: len(whole) * 3 // 4])
    image = read(path)
    assert Quality.TRUNCATED in image.quality
    np.testing.assert_allclose(image.agc[:8].astype(int), GREY[:8], atol=12)


def test_bytes_after_the_end_of_a_jpeg_are_no_fault(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(fake.encoded(Image.fromarray(GREY), "JPEG") + bytes(5000))
    assert Quality.TRUNCATED not in read(path).quality


def test_a_jpeg_of_a_thousand_scans_is_refused(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(fake.encoded(Image.fromarray(GREY), "JPEG") + b"\xff\xda" * 1000)
    with pytest.raises(ReadError, match="more than 200 scans"):
        read(path)


# -- damage --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["PNG", "BMP", "GIF", "WEBP", "JPEG"])
def test_a_cut_header_is_a_read_error_with_the_path(tmp_path, kind):
    path = tmp_path / "cut"
    path.write_bytes(fake.encoded(Image.fromarray(COLOUR), kind)[:25])
    with pytest.raises(ReadError, match="cut") as caught:
        read(path)
    assert caught.value.path == path


def test_a_cut_png_is_not_given_in_part(tmp_path):
    path = tmp_path / "a.png"
    data = fake.encoded(Image.fromarray(fake.scene()), "PNG")
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(ReadError, match="the PNG cannot be decoded"):
        read(path)


def test_the_limit_holds_before_decoding(tmp_path):
    path = saved(tmp_path, "a.png", Image.fromarray(GREY))
    with pytest.raises(ImageTooLargeError, match="declares 50x40 = 2000 pixels, over the limit"):
        read(path, max_pixels=1999)


def test_pillows_own_limit_is_reported_as_ours(tmp_path):
    from tests.fakes import bombs

    path = tmp_path / "a.png"
    path.write_bytes(bombs.png(50_000, 50_000, 16, 0))
    with pytest.raises(ImageTooLargeError, match="Nothing was decoded"):
        read(path, max_pixels=10**10)


def test_a_damaged_entry_of_our_own_is_said_and_harmless(tmp_path):
    info = PngInfo()
    info.add_text("thermoscope", '{"thermoscope": 99}')
    path = saved(tmp_path, "a.png", Image.fromarray(fake.slope()), pnginfo=info)
    image = read(path)
    assert image.kind == "counts"
    assert "entry in the file is damaged (its version is 99" in image.temperature_note


# -- PGM and PPM ---------------------------------------------------------------------------------


def test_a_14_bit_pgm_gives_the_stored_counts(tmp_path):
    counts = fake.slope(low=3000, step=100)
    path = tmp_path / "a.pgm"
    path.write_bytes(b"P5\n# by a rig\n32 24\n16383\n" + counts.astype(">u2").tobytes())
    image = read(path)
    np.testing.assert_array_equal(image.counts, counts)
    assert image.source.bit_depth == 14


def test_an_8_bit_pgm_is_a_picture(tmp_path):
    path = tmp_path / "a.pgm"
    path.write_bytes(b"P5 50 40 255\n" + GREY.tobytes())
    np.testing.assert_array_equal(read(path).agc, GREY)


def test_a_pgm_as_text(tmp_path):
    path = tmp_path / "a.pgm"
    path.write_bytes(b"P2\n3 2\n4095\n0 1 2\n1000 2000 4095\n")
    assert read(path).counts.tolist() == [[0, 1, 2], [1000, 2000, 4095]]


def test_a_ppm(tmp_path):
    path = tmp_path / "a.ppm"
    path.write_bytes(b"P6 50 40 255\n" + COLOUR.tobytes())
    np.testing.assert_array_equal(read(path).agc, COLOUR)


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"P5 50 40 255\n" + bytes(10), "2000 bytes of pixels needed, 10 there"),
        (b"P5 50 40 99999\n" + bytes(4000), "maximum of 99999"),
        (b"P2\n3 2\n255\n1 2 three 4 5 6\n", "no number"),
        (b"P2\n3 2\n255\n1 2 3\n", "3 of 6 pixels"),
        (b"P2\n3 2\n255\n1 2 3 4 5 70000\n", "fit the header"),
        (b"P5 0 40 255\n", "no pixel"),
    ],
)
def test_damaged_pgm(tmp_path, data, match):
    path = tmp_path / "a.pgm"
    path.write_bytes(data)
    with pytest.raises(ReadError, match=match):
        read(path)


def test_pillow_is_not_asked_about_other_formats(tmp_path):
    """A file that only claims to be PNG must not reach another of Pillow's decoders."""
    path = tmp_path / "a.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + fake.encoded(Image.fromarray(GREY), "BMP"))
    with pytest.raises(ReadError, match="PNG cannot be decoded"):
        read(path)
