import numpy as np
import pytest
from tests.fakes import image_files as fake

from thermoscope.core.errors import ConfigError, ImageTooLargeError, ReadError, ShapeError
from thermoscope.io.raw import fitting_sizes
from thermoscope.io.read import RawLayout, read
from thermoscope.sensor.planck import LinearScale
from thermoscope.sensor.quality import Quality

COUNTS = fake.slope(24, 32)


@pytest.fixture
def written(tmp_path):
    def write(data: bytes, name: str = "a.raw"):
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return write


def test_y16_with_its_shape(written):
    image = read(written(COUNTS.tobytes()), shape=(24, 32))
    np.testing.assert_array_equal(image.counts, COUNTS)
    assert (image.source.format, image.source.bit_depth) == ("y16", 16)


def test_frames_one_after_the_other(written):
    path = written(np.stack([COUNTS, COUNTS + 1, COUNTS + 2]).tobytes())
    image = read(path, shape=(24, 32), frame=-1)
    np.testing.assert_array_equal(image.counts, COUNTS + 2)
    assert (image.source.frame_index, image.source.frame_count) == (2, 3)
    with pytest.raises(ReadError, match="frame 3 asked for, and there are 3"):
        read(path, shape=(24, 32), frame=3)


@pytest.mark.parametrize("dtype", [">u2", "<u2", "u1", "<u4", "<f4"])
def test_element_types(written, dtype):
    values = (COUNTS % 200).astype(dtype) if dtype == "u1" else COUNTS.astype(dtype)
    image = read(written(values.tobytes()), shape=(24, 32), dtype=dtype)
    np.testing.assert_array_equal(image.values, COUNTS % 200 if dtype == "u1" else COUNTS)


@pytest.mark.parametrize("rows", [2, -2])
def test_telemetry_rows_are_left_out(written, rows):
    telemetry = np.full((2, 32), 65535, np.uint16)
    frame = np.concatenate([COUNTS, telemetry] if rows > 0 else [telemetry, COUNTS])
    layout = RawLayout((24, 32), telemetry_rows=rows)
    image = read(written(np.concatenate([frame, frame]).tobytes()), raw=layout, frame=1)
    np.testing.assert_array_equal(image.counts, COUNTS)
    assert image.source.frame_count == 2


def test_a_stated_header_is_skipped(written):
    path = written(bytes(24) + COUNTS.tobytes())
    np.testing.assert_array_equal(
        read(path, raw=RawLayout((24, 32), header_bytes=24)).counts, COUNTS
    )


def test_an_unstated_header_is_an_error_and_not_a_shifted_picture(written):
    path = written(bytes(24) + COUNTS.tobytes())
    with pytest.raises(ReadError, match=r"1 frame\(s\) of 32x24 <u2 and 24 bytes more"):
        read(path, shape=(24, 32))


def test_a_cut_last_frame(written):
    data = np.stack([COUNTS, COUNTS + 1]).tobytes()
    path = written(data[:-400])
    whole = read(path, raw=RawLayout((24, 32), header_bytes=0))
    assert Quality.TRUNCATED not in whole.quality
    cut = read(path, raw=RawLayout((24, 32), header_bytes=0), frame=1)
    assert Quality.TRUNCATED in cut.quality
    np.testing.assert_array_equal(cut.counts[:17], COUNTS[:17] + 1)
    assert cut.counts[-1, -1] == 0
    short = written(data[:-1000])
    assert read(short, raw=RawLayout((24, 32), header_bytes=0)).source.frame_count == 1


def test_the_error_lists_sizes_that_fit(written):
    path = written(bytes(2 * 640 * 512))
    with pytest.raises(ReadError, match=r"no picture format.* 655360 bytes fit: 640x512"):
        read(path)
    with pytest.raises(ReadError, match=r"needs 2621440 bytes after 0, 655360 are there"):
        read(path, shape=(1024, 1280))


def test_sizes_that_fit():
    assert fitting_sizes(2 * 640 * 480 + 24)[0] == (640, 480, 24, 1)
    assert (160, 120, 0, 7) in fitting_sizes(2 * 160 * 120 * 7)
    assert fitting_sizes(7) == []


def test_a_scale_makes_temperatures(written):
    image = read(written(COUNTS.tobytes()), shape=(24, 32), scale=LinearScale(0.01, 100))
    assert image.kelvin[0, 0] == pytest.approx(270)


def test_a_file_that_knows_its_size_ignores_the_shape(written):
    from PIL import Image

    path = written(fake.encoded(Image.fromarray(COUNTS), "PNG"), "a.png")
    assert read(path, shape=(7, 7)).shape == (24, 32)


def test_a_stated_layout_takes_the_file_as_raw_whatever_it_looks_like(written):
    data = bytearray(COUNTS.tobytes())
    data[:4] = b"II*\0"
    image = read(written(bytes(data)), raw=RawLayout((24, 32)))
    assert image.counts[0, :2].tolist() == [0x4949, 0x002A]


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"shape": (0, 5)}, ShapeError, r"shape must be \(height, width\)"),
        ({"shape": (5, True)}, ShapeError, "shape must be"),
        ({"shape": (5, 5), "dtype": "pixels"}, ConfigError, "'pixels' is no element type"),
        ({"shape": (5, 5), "dtype": "c8"}, ConfigError, "whole or real number"),
        ({"shape": (5, 5), "raw": RawLayout((5, 5))}, ConfigError, "either raw= or shape="),
        ({"shape": (10**5, 10**5)}, ImageTooLargeError, "over the limit"),
        ({"frame": 1.5}, ConfigError, "frame must be a whole number"),
        ({"max_pixels": 0}, ConfigError, "max_pixels must be 1 or more"),
    ],
)
def test_impossible_arguments(written, arguments, error, match):
    with pytest.raises(error, match=match):
        read(written(COUNTS.tobytes()), **arguments)


def test_a_negative_header():
    with pytest.raises(ConfigError, match="header_bytes must be 0 or more, got -1"):
        RawLayout((5, 5), header_bytes=-1)


# -- the header that explains itself -------------------------------------------------------------


def test_the_focal_plane_header_is_recognised(written, tmp_path):
    path = written(fake.fpa_raw(COUNTS))
    (tmp_path / "a.txt").write_text("fpaSerial\t = 546\nfpaTemperatureC\t = -16.9184\nmode = x\n")
    image = read(path)
    np.testing.assert_array_equal(image.counts, COUNTS)
    assert image.source.format == "fpa-raw"
    assert image.capture.serial == "546"
    assert image.capture.extra["fpa_temperature_c"] == -16.9184
    assert image.capture.extra["fpa_temperature_adc"] == 12377.0


def test_without_the_text_file_the_reading_remains(written):
    extra = read(written(fake.fpa_raw(COUNTS))).capture.extra
    assert extra == {"fpa_temperature_adc": 12377.0}


def test_a_header_that_contradicts_itself_is_not_recognised(written):
    with pytest.raises(ReadError, match="no picture format is recognised"):
        read(written(fake.fpa_raw(COUNTS) + b"\0"))
