import json
from dataclasses import replace

import numpy as np
import pytest
import yaml
from tests.rig.board_views import COLOUR, PLACES, WIDE, seen_by

from thermoscope.core.errors import CalibrationError, ReadError
from thermoscope.geometry.camera import Camera
from thermoscope.geometry.pose import invert
from thermoscope.rig.calibrate import calibrate
from thermoscope.rig.calibration_files import (
    RigCameras,
    read_calibration,
    read_camchain,
    read_camera_info,
    write_calibration,
    write_camchain,
    write_camera_info,
)
from thermoscope.rig.calibration_report import advice, report_page, write_report

FOUR = Camera(700, 702, 478, 268, 960, 540, "radtan", (-0.05, 0.02, 0.001, -0.0005))
RIG = RigCameras(
    {"thermal_left": WIDE, "thermal_right": WIDE, "rgb_left": FOUR},
    {name: invert(PLACES[name]) for name in ("thermal_left", "thermal_right", "rgb_left")},
)


@pytest.fixture(scope="module")
def stereo():
    seen = seen_by(("thermal_left", "thermal_right"), count=8)
    return seen, calibrate(seen.views, seen.target, seen.sizes)


def test_our_file_reads_back(stereo, tmp_path):
    _, calibration = stereo
    write_calibration(tmp_path / "c.json", calibration)
    rig = read_calibration(tmp_path / "c.json")
    assert list(rig.cameras) == ["thermal_left", "thermal_right"]
    for name, result in calibration.cameras.items():
        assert rig.cameras[name] == result.camera
        assert rig.T_camera_rig[name] == pytest.approx(result.T_camera_rig)
    content = json.loads((tmp_path / "c.json").read_text())
    assert content["target"] == "aprilgrid:4x6:0.05:0.3"
    assert content["cameras"]["thermal_left"]["views"] == len(
        calibration.cameras["thermal_left"].found
    )


def test_camchain_reads_back(tmp_path):
    write_camchain(tmp_path / "chain.yaml", RIG)
    rig = read_camchain(tmp_path / "chain.yaml")
    assert list(rig.cameras) == list(RIG.cameras)
    for name, camera in RIG.cameras.items():
        assert rig.cameras[name] == camera
        assert rig.T_camera_rig[name] == pytest.approx(RIG.T_camera_rig[name])


def test_camchain_is_what_kalibr_writes(tmp_path):
    write_camchain(tmp_path / "chain.yaml", RIG, topics={"rgb_left": "/zed/left"})
    content = yaml.safe_load((tmp_path / "chain.yaml").read_text())
    assert content["cam0"]["distortion_model"] == "equidistant"
    assert content["cam2"]["distortion_model"] == "radtan"
    assert content["cam2"]["rostopic"] == "/zed/left"
    assert "T_cn_cnm1" not in content["cam0"]
    step = RIG.T_camera_rig["rgb_left"] @ invert(RIG.T_camera_rig["thermal_right"])
    assert np.array(content["cam2"]["T_cn_cnm1"]) == pytest.approx(step)


@pytest.mark.parametrize("camera", [WIDE, COLOUR, FOUR, Camera(400, 400, 319.5, 255.5, 640, 512)])
def test_camera_info_reads_back(camera, tmp_path):
    write_camera_info(tmp_path / "i.yaml", camera, name="thermal_left")
    name, found = read_camera_info(tmp_path / "i.yaml")
    assert name == "thermal_left"
    assert found.K == pytest.approx(camera.K)
    points = np.array([[0.1, 0.2, 1.0], [-0.3, 0.1, 1.0]])
    assert found.project(points)[0] == pytest.approx(camera.project(points)[0])


def test_files_of_others_are_named(tmp_path):
    path = tmp_path / "x.yaml"
    with pytest.raises(ReadError, match=r"cannot read .*x\.yaml"):
        read_camchain(path)
    path.write_text("cam0: [")
    with pytest.raises(ReadError, match="Expected a calibration file"):
        read_camera_info(path)
    path.write_text("- 1\n")
    with pytest.raises(ReadError, match="holds no calibration"):
        read_camera_info(path)
    path.write_text("a: 1\n")
    with pytest.raises(CalibrationError, match="has no cam0"):
        read_camchain(path)
    with pytest.raises(CalibrationError, match="lacks 'distortion_model'"):
        read_camera_info(path)
    path.write_text("distortion_model: fov\n")
    with pytest.raises(CalibrationError, match="distortion model 'fov'"):
        read_camera_info(path)
    path.write_text("cam0: {camera_model: omni, distortion_model: none}\n")
    with pytest.raises(CalibrationError, match="cam0 is omni-none"):
        read_camchain(path)
    path.write_text('{"schema": "other"}')
    with pytest.raises(CalibrationError, match="schema 'other', expected 'thermoscope"):
        read_calibration(path)


def test_kalibr_knows_no_third_radial_coefficient(tmp_path):
    bent = Camera(700, 700, 480, 270, 960, 540, "radtan", (-0.05, 0.02, 0.0, 0.0, 0.01))
    with pytest.raises(CalibrationError, match="c: radtan with k3 cannot be a Kalibr camera"):
        write_camchain(tmp_path / "c.yaml", RigCameras({"c": bent}, {"c": np.eye(4)}))


def test_the_report_shows_numbers_and_pictures(stereo, tmp_path):
    seen, calibration = stereo
    frame = np.random.default_rng(0).integers(22000, 22200, (512, 640)).astype(np.uint16)
    frames = {name: dict.fromkeys(views, frame) for name, views in seen.views.items()}
    write_report(tmp_path / "r.html", calibration, seen.views, frames)
    page = (tmp_path / "r.html").read_text()
    assert page.count("data:image/png;base64,") == 2 * 4
    assert "baseline mm" in page
    rms = calibration.cameras["thermal_left"].rms_px
    assert f"{rms:.3f}" in page
    assert page.count("<h2>thermal_") == 2
    assert len(report_page(calibration, seen.views, {})) < len(page)  # no frame: one picture less


def test_advice_names_what_is_missing(stereo):
    _, calibration = stereo
    remarks = "\n".join(advice(calibration, gate_px=0.01))
    assert "thermal_left: 0.14 px rms is above 0.01" in remarks
    assert "focal length" not in remarks
    left = calibration.cameras["thermal_left"]
    unsure = replace(left, deviation=(8.0, *left.deviation[1:]), coverage=0.5)
    remarks = "\n".join(advice(replace(calibration, cameras={"c": unsure})))
    assert "c: the focal length is known to 2.0% only. Tilt the board" in remarks
    assert "c: points cover 50% of the picture" in remarks
