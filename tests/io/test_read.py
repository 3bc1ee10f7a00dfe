import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from tests.fakes import flir_files
from tests.fakes import image_files as fake

from thermoscope.core.errors import ReadError, UnitError
from thermoscope.io.formats import FORMATS, image_suffixes
from thermoscope.io.read import RawLayout, read
from thermoscope.sensor.planck import LinearScale
from thermoscope.sensor.quality import Quality


@pytest.fixture
def written(tmp_path):
    def write(data: bytes, name: str):
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return write


# -- which reader --------------------------------------------------------------------------------


def examples() -> dict[str, bytes]:
    counts = fake.slope()
    grey = Image.fromarray((counts % 251).astype(np.uint8))
    return {
        "png": fake.encoded(Image.fromarray(counts), "PNG"),
        "jpeg": fake.encoded(grey, "JPEG"),
        "tiff": fake.tiff(counts),
        "flir-rjpeg": flir_files.rjpeg(flir_files.fff()),
        "flir-fff": flir_files.fff(),
        "flir-seq": flir_files.seq(2),
        "flir-fpf": flir_files.fpf(np.full((24, 32), 300.0)),
        "pgm": b"P5 4 3 65535\n" + bytes(24),
        "bmp": fake.encoded(grey, "BMP"),
        "gif": fake.encoded(grey, "GIF"),
        "webp": fake.encoded(grey, "WEBP"),
        "cptv": fake.cptv([counts]),
        "fpa-raw": fake.fpa_raw(counts),
        "dji-rjpeg": fake.dji_rjpeg(
            counts[:24, :32].repeat(4, 0).repeat(4, 1), np.zeros((96, 128), "u1")
        ),
    }


@pytest.mark.parametrize("name", ["a.xyz", "a", "wrong.png", "wrong.tif", "wrong.csv"])
@pytest.mark.parametrize("kind", examples())
def test_the_content_decides_not_the_name(written, kind, name):
    assert read(written(examples()[kind], name)).source.format == kind


def test_every_suffix_belongs_to_one_format():
    suffixes = [s for f in FORMATS for s in f.suffixes]
    assert len(suffixes) == len(set(suffixes))
    assert {".png", ".tiff", ".seq", ".csv", ".raw", ".cptv"} <= image_suffixes()


# -- refusals ------------------------------------------------------------------------------------


def test_absent(tmp_path):
    with pytest.raises(ReadError, match=r"absent\.png: No such file.*Check the path") as caught:
        read(tmp_path / "absent.png")
    assert caught.value.path == tmp_path / "absent.png"


def test_a_folder(tmp_path):
    with pytest.raises(ReadError, match="is a folder.*open_sequence"):
        read(tmp_path)


def test_empty(written):
    with pytest.raises(ReadError, match=r"a\.png: the file is empty"):
        read(written(b"", "a.png"))


def test_a_nul_byte_in_the_name():
    with pytest.raises(ReadError, match="null"):
        read("a\0b.png")


def test_unknown_content_lists_what_is_known(written):
    with pytest.raises(ReadError, match=r"begins with b'hello'\).*Known: PNG, TIFF.*shape="):
        read(written(b"hello", "a.xyz"))


def test_arrays_say_what_to_save_instead(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((4, 6), np.uint16))
    with pytest.raises(ReadError, match="numpy arrays are not read.*counts as 16-bit PNG or TIFF"):
        read(tmp_path / "a.npy")


def test_a_name_that_promises_too_much(written):
    with pytest.raises(ReadError, match=r"named \.png, and does not begin like one"):
        read(written(b"hello", "a.png"))


def test_a_frame_that_is_not_there(written):
    path = written(examples()["png"], "a.png")
    assert read(path, frame=-1).source.frame_index == 0
    with pytest.raises(ReadError, match="frame 1 asked for, and there is one. Ask for 0 to 0"):
        read(path, frame=1)
    with pytest.raises(ReadError, match="frame 2 asked for, and there are 2"):
        read(written(examples()["flir-seq"], "a.seq"), frame=2)


def test_a_file_that_is_shorter_than_any_header(written):
    for size in (1, 2, 3, 4, 8):
        for magic in (
            b"\x89PNG\r\n\x1a\n",
            b"II*\0\x08\0\0\0",
            b"\xff\xd8\xff\xe0abcd",
            b"FFF\0abcd",
        ):
            with pytest.raises(ReadError):
                read(written(magic[:size], "a.bin2"))


# -- what comes with the image -------------------------------------------------------------------


def test_quality_is_assessed(written):
    flat = written(
        fake.encoded(Image.fromarray(np.full((48, 64), 3000, np.uint16)), "PNG"), "a.png"
    )
    assert Quality.CONSTANT in read(flat).quality
    assert (
        read(written(fake.encoded(Image.fromarray(fake.scene()), "PNG"), "b.png")).quality == set()
    )


def test_quality_of_the_pixels_can_be_left_out(written):
    constant = Image.fromarray(np.full((48, 64), 3000, np.uint16))
    path = written(fake.encoded(constant, "PNG"), "a.png")
    plain, judged = read(path, quality=False), read(path)
    assert plain.quality == set()
    assert judged.quality == {Quality.CONSTANT}
    np.testing.assert_array_equal(plain.counts, judged.counts)
    assert plain.source == judged.source


def test_what_the_file_says_of_its_quality_stays(tmp_path):
    path = tmp_path / "cut.bin"
    path.write_bytes(np.full((8, 12), 3000, np.uint16).tobytes()[:150])
    layout = RawLayout((8, 12), header_bytes=0)
    assert Quality.TRUNCATED in read(path, raw=layout).quality
    assert read(path, raw=layout, quality=False).quality == {Quality.TRUNCATED}


def test_temperatures_of_counts_are_assessed_too(written):
    path = written(fake.encoded(Image.fromarray(fake.scene()), "PNG"), "a.png")
    hot = read(path, scale=LinearScale(1.0, 1000.0))
    assert Quality.IMPLAUSIBLE in hot.quality


@pytest.mark.parametrize(("low_k", "high_k"), [(320, 400), (250, 280), (250, 309)])
def test_temperatures_beyond_the_range_that_the_file_states(written, low_k, high_k):
    """The scene is 290.4 to 310.6 K: 309 K is within what cameras are exact to."""
    narrow = flir_files.fff(camera={"range_min_k": low_k, "range_max_k": high_k})
    flagged = Quality.OUT_OF_RANGE in read(written(narrow, "a.fff")).quality
    assert flagged == (high_k != 309)
    assert Quality.OUT_OF_RANGE not in read(written(flir_files.fff(), "b.fff")).quality
    unknown = flir_files.fff(camera={"range_min_k": 0, "range_max_k": 0})
    assert Quality.OUT_OF_RANGE not in read(written(unknown, "c.fff")).quality


@pytest.mark.parametrize(("high_k", "flagged"), [(290, True), (390, False)])
def test_stored_temperatures_beyond_the_range(written, high_k, flagged):
    kelvin = np.linspace(285, 305, 24 * 32).reshape(24, 32)
    path = written(flir_files.fpf(kelvin, range_k=(250, high_k)), "a.fpf")
    assert (Quality.OUT_OF_RANGE in read(path).quality) == flagged


@pytest.mark.parametrize("kind", ["flir-fff", "flir-rjpeg", "cptv", "fpa-raw", "tiff", "png"])
def test_a_scale_replaces_the_files_own(written, kind):
    image = read(written(examples()[kind], "a"), scale=LinearScale(0.01, 100.0))
    np.testing.assert_allclose(image.kelvin, 0.01 * image.counts.astype(float) + 100, atol=1e-3)


def test_a_scale_for_a_file_without_counts(written):
    with pytest.raises(UnitError, match="radiometry applies to counts"):
        read(written(examples()["flir-fpf"], "a.fpf"), scale=LinearScale(0.01))


def test_reading_does_not_load_torch():
    code = (
        "import sys, thermoscope.io.read, thermoscope.io.sequence, thermoscope.io.diagnose;"
        "sys.exit('torch' in sys.modules or 'cv2' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
