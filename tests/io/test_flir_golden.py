"""Temperatures of real FLIR files against an independent reader and against the camera."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

from thermoscope.core.errors import ReadError
from thermoscope.io.flir import open_flir_seq, read_flir, read_flir_visible

pytestmark = pytest.mark.real

FLIR_JPEGS = [
    "raw/flir_rjpeg/FLIR_AX8.jpg",
    "raw/flir_rjpeg/FLIR_B60.jpg",
    "raw/flir_rjpeg/FLIR_E40.jpg",
    "raw/flir_rjpeg/IR_2412.jpg",
    "calib/airlab_rjpeg_circles/20180525_195506.jpg",
    "calib/airlab_rjpeg_circles/20180525_195535.jpg",
    "calib/airlab_rjpeg_circles/20180525_195605.jpg",
    "calib/airlab_rjpeg_circles/20180525_195635.jpg",
    "calib/airlab_rjpeg_grid/201.jpg",
    "calib/airlab_rjpeg_grid/204.jpg",
    "calib/airlab_rjpeg_grid/20180524_161904.jpg",
    "calib/airlab_rjpeg_grid/20180524_161933.jpg",
]


def test_the_list_is_complete(real_data: Path):
    folders = ("raw/flir_rjpeg", "calib/airlab_rjpeg_circles", "calib/airlab_rjpeg_grid")
    found = {str(p.relative_to(real_data)) for f in folders for p in (real_data / f).iterdir()}
    assert found == set(FLIR_JPEGS)


@pytest.mark.parametrize("name", FLIR_JPEGS)
def test_kelvin_agrees_with_flyr_over_the_whole_frame(real_data: Path, name: str):
    flyr = pytest.importorskip("flyr", reason="golden temperatures need flyr")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own, not ours
        golden = flyr.unpack(str(real_data / name)).kelvin
    kelvin = read_flir((real_data / name).read_bytes()).kelvin
    assert np.abs(kelvin - golden).max() < 0.01  # asked for: 0.1 K


@pytest.mark.parametrize(
    ("name", "model", "raw_median"),
    [
        ("FLIR_AX8", "FLIR AX8", 16804),
        ("FLIR_E40", "FLIR E40", 17622),
        ("IR_2412", "FLIR SC660", 0),
    ],
)
def test_counts_agree_with_the_median_that_the_camera_wrote(
    real_data: Path, name: str, model: str, raw_median: int
):
    image = read_flir((real_data / f"raw/flir_rjpeg/{name}.jpg").read_bytes())
    assert image.capture.model == model
    if raw_median:  # of the picture's span, so not exactly the frame's median
        assert np.median(image.counts) == pytest.approx(raw_median, abs=150)


def test_the_cameras_own_air_transmission_is_reproduced(real_data: Path):
    """ResearchIR stored 0.993943 for 1 m, 20 degrees Celsius, 50 %: the air in one piece."""
    image = open_flir_seq(real_data / "raw/flir_seq/SampleSEQ.seq")[0]
    radiometry = image.radiometry
    tau = radiometry.atmosphere.transmission(
        distance_m=radiometry.distance_m,
        air_kelvin=radiometry.air_k,
        relative_humidity=radiometry.relative_humidity,
    )
    assert tau == pytest.approx(image.capture.extra["estimated_transmission"], abs=1e-6)


def test_sequence_of_a_hummingbird(real_data: Path):
    frames = open_flir_seq(real_data / "raw/flir_seq/SampleSEQ.seq")
    assert len(frames) == 2
    assert frames.skipped_bytes == 0
    hottest = frames[1].hottest()
    assert 308 < hottest.value < 315  # the head of a living bird
    assert (np.abs(frames[1].kelvin - frames[0].kelvin) > 1).mean() < 0.2  # one scene


def test_fff_of_a_duo_pro_in_the_air_over_liverpool(real_data: Path):
    path = real_data / "raw/flir_fff/frame_000000.fff"
    image = read_flir(path.read_bytes(), path=path)
    assert image.shape == (512, 640)
    assert image.capture.model == "Duo Pro R"
    assert 275 < np.median(image.kelvin) < 290  # November
    assert image.capture.extra["latitude_deg"] == pytest.approx(53.4489, abs=1e-3)
    assert image.capture.extra["longitude_deg"] == pytest.approx(-2.8150, abs=1e-3)


def test_fpf_without_pixels_says_so(real_data: Path):
    with pytest.raises(ReadError, match="160x120 needs 76800 bytes of temperatures"):
        read_flir((real_data / "raw/flir_fpf/FLIR.fpf").read_bytes())


def test_visible_pictures_beside_the_thermal_ones(real_data: Path):
    for name, shape in (("FLIR_AX8", (480, 640, 3)), ("FLIR_B60", (480, 480, 3))):
        picture = read_flir_visible((real_data / f"raw/flir_rjpeg/{name}.jpg").read_bytes())
        assert picture.shape == shape
    assert picture[40, 30].tolist() == pytest.approx([150, 180, 230], abs=60)  # blue sky
