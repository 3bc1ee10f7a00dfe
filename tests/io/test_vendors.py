import sys

import numpy as np
import pytest
from tests.fakes import image_files as fake

from thermoscope.core.errors import (
    ImageTooLargeError,
    MissingDependencyError,
    ReadError,
    UnitError,
)
from thermoscope.io.read import read
from thermoscope.io.sequence import open_sequence
from thermoscope.sensor.planck import LinearScale
from thermoscope.sensor.quality import Quality

COUNTS = fake.scene(72, 80, low=17_000)
GREY = ((COUNTS - COUNTS.min()) // 4).astype(np.uint8)
KELVIN = 290 + 0.0625 * np.mgrid[:24, :32].sum(0)


@pytest.fixture
def written(tmp_path):
    def write(data: bytes, suffix: str):
        path = tmp_path / f"a{suffix}"
        path.write_bytes(data)
        return path

    return write


@pytest.fixture
def without(monkeypatch):
    """A package that is not installed."""

    def hide(*modules: str):
        for module in modules:
            monkeypatch.setitem(sys.modules, module, None)

    return hide


# -- DJI -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("marker", [0xE3, 0xE4])
def test_dji_gives_counts_picture_and_a_reason(written, marker):
    image = read(written(fake.dji_rjpeg(COUNTS, GREY, marker=marker), ".jpg"))
    assert image.source.format == "dji-rjpeg"
    np.testing.assert_array_equal(image.counts, COUNTS)
    np.testing.assert_allclose(image.agc.astype(int), GREY, atol=20)  # JPEG
    assert image.kind == "counts"
    with pytest.raises(UnitError, match="DJI's Thermal SDK"):
        _ = image.kelvin


def test_dji_flight_data(written):
    xmp = (
        'drone-dji:GimbalPitchDegree="-18.20" drone-dji:RelativeAltitude="+30.5" '
        'drone-dji:GpsLatitude="48.1" drone-dji:GpsLongitude="11.6"'
    )
    capture = read(written(fake.dji_rjpeg(COUNTS, GREY, xmp=xmp), ".jpg")).capture
    assert (capture.make, capture.model) == ("DJI", "ZH20T")
    assert capture.extra["gimbal_pitch_deg"] == -18.2
    assert capture.extra["relative_altitude_m"] == 30.5
    assert capture.extra["latitude_deg"] == 48.1


def test_dji_without_a_fix_has_no_place(written):
    extra = read(written(fake.dji_rjpeg(COUNTS, GREY), ".jpg")).capture.extra
    assert "latitude_deg" not in extra


def test_dji_super_resolution_keeps_the_counts_and_drops_the_picture(written):
    picture = GREY.repeat(2, axis=0).repeat(2, axis=1)
    image = read(written(fake.dji_rjpeg(COUNTS, picture), ".jpg"))
    np.testing.assert_array_equal(image.counts, COUNTS)
    assert image.agc is None


def test_dji_with_a_payload_of_another_size_is_a_picture(written):
    image = read(written(fake.dji_rjpeg(COUNTS[:70], GREY), ".jpg"))
    assert image.kind == "agc"
    assert "DJI" in image.temperature_note


def test_the_same_payload_of_another_maker_is_a_plain_jpeg(written):
    data = fake.dji_rjpeg(COUNTS, GREY, make="ACME", xmp="")
    assert read(written(data, ".jpg")).source.format == "jpeg"


def test_dji_counts_take_a_scale_that_the_user_knows(written):
    image = read(written(fake.dji_rjpeg(COUNTS, GREY), ".jpg"), scale=LinearScale(1 / 64))
    assert image.kelvin[0, 0] == pytest.approx(COUNTS[0, 0] / 64, abs=1e-3)
    assert image.temperature_note == ""


# -- InfiRay -------------------------------------------------------------------------------------


def test_irg(written):
    pytest.importorskip("infiray_irg")
    image = read(written(fake.irg(KELVIN), ".irg"))
    np.testing.assert_allclose(image.kelvin, KELVIN, atol=1e-3)
    assert image.agc.shape == KELVIN.shape
    assert image.source.format == "infiray-irg"


def test_irg_is_recognised_without_its_suffix(written):
    pytest.importorskip("infiray_irg")
    assert read(written(fake.irg(KELVIN), ".dat")).kind == "kelvin"


def test_irg_cut(written):
    pytest.importorskip("infiray_irg")
    with pytest.raises(ReadError, match="InfiRay .irg cannot be decoded .*truncated"):
        read(written(fake.irg(KELVIN)[:-100], ".irg"))


def test_irg_too_large(written):
    with pytest.raises(ImageTooLargeError, match="32x24"):
        read(written(fake.irg(KELVIN), ".irg"), max_pixels=700)


# -- Fluke ---------------------------------------------------------------------------------------


def test_is2(written, tmp_path, monkeypatch):
    pytest.importorskip("fluke_thermal_reader")
    monkeypatch.chdir(tmp_path)
    keep = tmp_path / "temp_fluke_reader"  # the package's own working folder
    keep.mkdir()
    (keep / "mine.txt").write_text("mine")
    counts = fake.slope(low=1000, step=10)
    image = read(written(fake.is2(counts), ".is2"))
    np.testing.assert_allclose(image.celsius, counts / 100, atol=0.02)
    assert (image.capture.make, image.capture.model) == ("Fluke", "Ti300")
    assert (keep / "mine.txt").read_text() == "mine"


def test_is2_that_would_take_minutes(written):
    with pytest.raises(ReadError, match="500 calibration curves, expected at most 48"):
        read(written(fake.is2(fake.slope(), curves=500), ".is2"))


def test_a_zip_that_is_no_is2(written):
    import io
    import zipfile

    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a.txt", "a")
    with pytest.raises(ReadError, match="named .is2, and does not begin like one"):
        read(written(stream.getvalue(), ".is2"))


# -- Telops --------------------------------------------------------------------------------------


def test_hcc_in_kelvin(written):
    pytest.importorskip("fasthcc")
    stored = np.stack([fake.slope(), fake.slope(step=41)])
    path = written(fake.hcc(stored), ".hcc")
    with open_sequence(path) as sequence:
        assert len(sequence) == 2
        for index, image in enumerate(sequence):
            np.testing.assert_allclose(image.kelvin, stored[index] / 256 + 273.15, atol=1e-3)
            assert image.capture.t_ns == 1_600_000_000_500_000_000 + 100 * index


def test_hcc_uncalibrated_is_counts(written):
    pytest.importorskip("fasthcc")
    image = read(written(fake.hcc(fake.slope()[None], mode=1), ".hcc"))
    np.testing.assert_array_equal(image.counts, fake.slope())
    assert not image.radiometric


# -- packages that are not there -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "suffix", "module", "package"),
    [
        (fake.irg(KELVIN), ".irg", "infiray_irg", "infiray-irg"),
        (fake.is2(fake.slope()), ".is2", "fluke_thermal_reader.parsers", "fluke-thermal-reader"),
        (fake.hcc(fake.slope()[None]), ".hcc", "fasthcc", "fasthcc"),
    ],
)
def test_a_missing_package_gives_the_pip_line(written, without, data, suffix, module, package):
    without(module.split(".")[0], module)
    with pytest.raises(MissingDependencyError, match=r"pip install 'thermoscope\[formats\]'") as e:
        read(written(data, suffix))
    assert e.value.package == package


# -- tables --------------------------------------------------------------------------------------

CELSIUS = np.round(20 + 0.1 * np.mgrid[:12, :16].sum(0), 1)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "latin-1"])
def test_a_fluke_table(written, encoding):
    image = read(written(fake.fluke_csv(CELSIUS, encoding=encoding), ".csv"))
    np.testing.assert_allclose(image.celsius, CELSIUS, atol=1e-3)
    assert image.source.format == "csv"
    assert image.temperature_note == ""


def test_a_table_in_fahrenheit(written):
    image = read(written(fake.fluke_csv(CELSIUS, unit="°F"), ".csv"))
    assert image.celsius[0, 0] == pytest.approx((20 - 32) / 1.8, abs=1e-3)


@pytest.mark.parametrize("separator", [";", "\t"])
def test_decimal_commas(written, separator):
    rows = [separator.join(f"{v:.1f}".replace(".", ",") for v in row) for row in CELSIUS]
    image = read(written("\n".join(rows).encode(), ".csv"))
    np.testing.assert_allclose(image.celsius, CELSIUS, atol=1e-3)
    assert "taken as celsius" in image.temperature_note


def test_empty_cells_are_nan(written):
    image = read(written(b"20.5,21.5,22.5\n20.5,,22.5\n20.5,21.5,23.5\n", ".csv"))
    assert np.isnan(image.kelvin[1, 1])
    assert Quality.NON_FINITE in image.quality


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"name,age\nx,y\n", "no table of numbers"),
        (b"1.5,2.5\n", "no table of numbers"),
        (b"1.5,2.5\n3.5,4.5,5.5\n", "row 2 has 3 cells or text, expected 2 numbers"),
        (b"1.5,2.5\n3.5,warm\n", "row 2"),
        (b"\xff\xfe\x00", "no table of numbers"),
        (b"1.5,2.5\n" * 20_000, "20000 rows of numbers: no picture"),
    ],
)
def test_what_is_no_table(written, data, match):
    with pytest.raises(ReadError, match=match):
        read(written(data, ".csv"))
