"""Every kind of real file reads, as what it is; all files of the large folders are read by
benchmarks/read_everything.py, here a few of each."""

from pathlib import Path

import numpy as np
import pytest

from thermoscope.core.errors import ReadError
from thermoscope.io.diagnose import diagnose
from thermoscope.io.read import read
from thermoscope.io.sequence import image_files, open_sequence
from thermoscope.sensor.planck import LinearScale
from thermoscope.sensor.quality import Quality

pytestmark = pytest.mark.real

# folder: (suffix, format, kind, (width, height) or None where sizes vary)
EXPECTED = {
    "calib/airlab_rjpeg_circles": (".jpg", "flir-rjpeg", "kelvin", (640, 512)),
    "calib/airlab_rjpeg_grid": (".jpg", "flir-rjpeg", "kelvin", (640, 512)),
    "calib/discocal_tir_circles": (".png", "png", "agc", (640, 512)),
    "calib/mi3nts_lrt/left": (".jpg", "jpeg", "agc", (640, 480)),
    "calib/mi3nts_lrt/right": (".jpg", "jpeg", "agc", (640, 480)),
    "calib/mi3nts_lrt/thermal": (".jpg", "jpeg", "agc", (640, 480)),
    "calib/thermalvis_mask": (".png", "png", "agc", (640, 480)),
    "calib/vims_stereo_rgbt/rgb_13020556": (".jpg", "jpeg", "agc", (1280, 960)),
    "calib/vims_stereo_rgbt/rgb_13232653": (".jpg", "jpeg", "agc", (1280, 960)),
    "calib/vims_stereo_rgbt/thermal_5003": (".png", "png", "counts", (640, 480)),
    "calib/vims_stereo_rgbt/thermal_5270": (".png", "png", "counts", (640, 480)),
    "detection/hituav/thermal": (".jpg", "jpeg", "agc", (640, 512)),
    "masks/buffalo_udder/labels": (".png", "png", "agc", (640, 480)),
    "masks/buffalo_udder/thermal": (".png", "png", "agc", (640, 480)),
    "pairs/llvip/rgb": (".jpg", "jpeg", "agc", (1280, 1024)),
    "pairs/llvip/thermal": (".jpg", "jpeg", "agc", (1280, 1024)),
    "pairs/msrs/rgb": (".jpg", "jpeg", "agc", (640, 480)),
    "pairs/msrs/thermal": (".png", "png", "agc", (640, 480)),
    "pairs/roadscene/rgb": (".jpg", "jpeg", "agc", None),
    "pairs/roadscene/thermal": (".jpg", "jpeg", "agc", None),
    "pairs_unaligned/wisard/rgb": (".jpg", "jpeg", "agc", (960, 540)),
    "pairs_unaligned/wisard/thermal": (".jpeg", "jpeg", "agc", (640, 512)),
    "raw/cptv_lepton": (".cptv", "cptv", "counts", (160, 120)),
    "raw/dji_rjpeg": (".jpg", "dji-rjpeg", "counts", (640, 512)),
    "raw/flir_fff": (".fff", "flir-fff", "kelvin", (640, 512)),
    "raw/flir_rjpeg": (".jpg", "flir-rjpeg", "kelvin", None),
    "raw/flir_seq": (".seq", "flir-seq", "kelvin", (640, 480)),
    "raw/fluke_ti400_csv": (".csv", "csv", "kelvin", (320, 240)),
    "raw/uncooled_fpa_temp": (".raw", "fpa-raw", "counts", (640, 480)),
    "sequence/optris16": (".png", "png", "counts", (382, 288)),
}
MIXED = {"sequence/avitan_h20t", "stereo/ms2/left", "stereo/ms2/right", "raw/flir_fpf"}
FEW = 8


def some(folder: Path, suffix: str) -> list[Path]:
    """All files of a small folder, `FEW` evenly spread ones of a large one."""
    files = [p for p in image_files(folder) if p.suffix.lower() == suffix]
    return files[:: max(len(files) // FEW, 1)]


def test_the_table_knows_every_folder(real_data):
    folders = {
        str(p.parent.relative_to(real_data))
        for p in real_data.rglob("*")
        if p.is_file() and p.suffix.lower() not in {".md", ".json", ".yaml", ".txt"}
    }
    assert folders - {"."} == EXPECTED.keys() | MIXED


@pytest.mark.parametrize("folder", EXPECTED)
def test_every_folder_reads_as_what_it_is(real_data, folder):
    suffix, container, kind, size = EXPECTED[folder]
    files = some(real_data / folder, suffix)
    assert files
    for path in files:
        image = read(path)
        assert (image.source.format, image.kind) == (container, kind), path
        assert size in (None, (image.width, image.height)), path
        values = np.asarray(image.values)
        assert values.shape == image.shape
        assert np.isfinite(values.astype(float)).mean() > 0.99
        assert not image.quality & {Quality.BYTE_SWAPPED, Quality.IMPLAUSIBLE, Quality.CONSTANT}


def test_a_cold_sky_is_beyond_the_range_of_its_camera(real_data):
    cold = {
        path.stem
        for path in (real_data / "raw" / "flir_rjpeg").glob("*.jpg")
        if Quality.OUT_OF_RANGE in read(path).quality
    }
    assert cold == {"FLIR_B60"}


# -- figures that the data's README states -------------------------------------------------------


def test_ms2(real_data):
    frames = [read(real_data / "stereo" / "ms2" / s / "000011_thr.png") for s in ("left", "right")]
    for image in frames:
        assert (image.width, image.height, image.kind) == (640, 256, "counts")
        assert image.source.bit_depth == 16
        assert image.quality == frozenset()
    assert min(int(image.counts.min()) for image in frames) == 3052
    assert max(int(image.counts.max()) for image in frames) == 5939
    for side in ("left", "right"):
        rgb = read(real_data / "stereo" / "ms2" / side / "000011_rgb.png")
        assert (rgb.width, rgb.height, rgb.kind) == (1224, 384, "agc")
        nir = read(real_data / "stereo" / "ms2" / side / "000011_nir.png")
        assert (nir.width, nir.height) == (1280, 352)


def test_optris(real_data):
    with open_sequence(real_data / "sequence" / "optris16") as frames:
        assert len(frames) == 30
        medians = [float(np.median(image.counts)) for image in frames]
    assert np.median(medians) == pytest.approx(2660, abs=15)
    folder = diagnose(real_data / "sequence" / "optris16")
    assert folder.exit_code == 0
    first = folder.facts["likely_scales"][0]
    assert first["kelvin_per_count"] == 0.01
    assert first["median_c"] == pytest.approx(26.6, abs=0.2)
    path = image_files(real_data / "sequence" / "optris16")[0]
    celsius = read(path, scale=LinearScale(0.01, 273.15)).celsius
    assert float(np.median(celsius)) == pytest.approx(26.6, abs=0.3)


def test_uncooled_sensor_against_its_temperature(real_data):
    files = image_files(real_data / "raw" / "uncooled_fpa_temp")
    assert len(files) == 8
    means = {}
    for path in files:
        image = read(path)
        _, celsius, reading = path.stem.split("_")
        assert image.capture.extra["fpa_temperature_c"] == pytest.approx(float(celsius), abs=0.005)
        assert image.capture.extra["fpa_temperature_adc"] == int(reading)
        assert image.capture.serial == "546515111"
        means[float(celsius)] = float(np.median(image.counts))
    ordered = [means[t] for t in sorted(means)]
    assert ordered == sorted(ordered, reverse=True)  # the README: a monotone mean


@pytest.mark.parametrize("place", ["raw/dji_rjpeg", "sequence/avitan_h20t"])
def test_dji_gives_picture_counts_and_the_reason(real_data, place):
    files = [p for p in image_files(real_data / place) if "_S" not in p.stem]
    assert len(files) in (4, 5)
    for path in files:
        image = read(path)
        assert (image.width, image.height, image.kind) == (640, 512, "counts")
        assert image.capture.make == "DJI"
        assert "Thermal SDK" in image.temperature_note
        luma = image.luma[::8, ::8].ravel().argsort().argsort()
        rank = image.counts[::8, ::8].ravel().argsort().argsort()
        assert abs(np.corrcoef(luma, rank)[0, 1]) > 0.8  # the plane is the picture


def test_dji_gimbal_and_moment(real_data):
    folder = real_data / "sequence" / "avitan_h20t"
    image = read(folder / "DJI_20230118155916_0047_T.JPG")
    assert image.capture.extra["gimbal_pitch_deg"] == -18.2
    assert "latitude_deg" not in image.capture.extra  # the README: place invalid
    assert image.capture.t_ns == 1_674_057_556_000_000_000
    assert read(folder / "DJI_20230118155916_0047_S.jpg").source.format == "jpeg"


def test_a_jpeg_without_its_end(real_data):
    image = read(real_data / "raw" / "dji_rjpeg" / "XTS_DJI_0001_R.jpg")
    assert Quality.TRUNCATED in image.quality


def test_fluke_table(real_data):
    image = read(real_data / "raw" / "fluke_ti400_csv" / "sample1.csv")
    assert image.celsius[0, :5] == pytest.approx([25.2, 25.5, 25.5, 25.5, 25.4], abs=1e-3)
    assert image.temperature_note == ""


def test_cptv_recording(real_data):
    with open_sequence(real_data / "raw" / "cptv_lepton" / "v2.cptv") as frames:
        times = [image.capture.t_ns for image in frames]
        assert len(times) == len(frames) == 100
    periods = np.diff(times) / 1e9
    assert np.median(periods) == pytest.approx(1 / 9, abs=0.01)


def test_flir_sequence(real_data):
    with open_sequence(real_data / "raw" / "flir_seq" / "SampleSEQ.seq") as frames:
        assert [image.source.frame_index for image in frames] == [0, 1]


def test_an_fpf_header_without_its_temperatures_is_refused_with_the_reason(real_data):
    with pytest.raises(ReadError, match="160x120 needs 76800 bytes of temperatures"):
        read(real_data / "raw" / "flir_fpf" / "FLIR.fpf")


@pytest.mark.parametrize("folder", ["raw/flir_rjpeg", "raw/dji_rjpeg", "stereo/ms2/left"])
def test_doctor_has_an_answer(real_data, folder):
    diagnosis = diagnose(real_data / folder)
    assert diagnosis.readable
    assert diagnosis.next_commands
