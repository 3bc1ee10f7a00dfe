import json

import numpy as np
import pytest
from PIL import Image

from thermoscope.cli.rig_calibrate import main
from thermoscope.core.errors import CalibrationError, ConfigError, ReadError
from thermoscope.geometry.camera import Camera
from thermoscope.geometry.pose import from_rotation, invert, rotation_about, transform
from thermoscope.rig.board_frames import BoardFrames, BoardLook
from thermoscope.rig.calibration_files import read_calibration, read_camchain, read_camera_info
from thermoscope.rig.calibration_target import parse_target

TARGET = "acircles:7x4:0.025:0.02"
CAMERA = Camera.from_fov(448, 416, 80.0, model="fisheye", distortion=(-0.05, 0.01, 0.0, 0.0))
VIEWS = ((0, 0, 0, 0), (25, 0, -0.03, 0), (-25, 5, 0.03, 0), (0, -25, 0, -0.03), (10, 25, 0, 0.03))


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """Two cameras 50 mm apart; 16-bit frames, the hot side is the pattern."""
    folder = tmp_path_factory.mktemp("recording")
    target, rng = parse_target(TARGET), np.random.default_rng(0)
    board, look = BoardFrames(target), BoardLook(dark_counts=22400)
    T_right_left = invert(from_rotation(np.eye(3), (0.05, 0, 0)))
    middle = target.points.mean(axis=0)
    for name in ("left", "right"):
        (folder / name).mkdir()
    for number, (y, x, dx, dy) in enumerate(VIEWS):
        R = (rotation_about("y", y) @ rotation_about("x", x))[:3, :3]
        pose = from_rotation(R, np.array([0.025 + dx, dy, 0.26]) - R @ middle)
        for name, place in (("left", pose), ("right", T_right_left @ pose)):
            assert CAMERA.project(transform(place, target.points))[1].all()
            counts = board.counts(CAMERA, place, look, rng=rng)
            Image.fromarray(counts).save(folder / name / f"{number}.png")
    return folder


def test_folders_become_a_calibration(recording, tmp_path, capsys):
    words = [f"left={recording / 'left'}", f"right={recording / 'right'}"]
    assert main([*words, "--target", TARGET, "--out", str(tmp_path / "out"), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    rows = {row["camera"]: row for row in report["cameras"]}
    assert rows["left"]["found"] == 5
    assert rows["right"]["baseline_mm"] == pytest.approx(50, abs=1)
    assert rows["left"]["rms_px"] < 0.15
    rig = read_calibration(tmp_path / "out" / "calibration.json")
    assert rig.cameras["left"].fx == pytest.approx(CAMERA.fx, rel=0.02)
    assert read_camchain(tmp_path / "out" / "camchain.yaml").cameras == rig.cameras
    assert read_camera_info(tmp_path / "out" / "left.camera_info.yaml")[1] == rig.cameras["left"]
    assert "report" not in report
    assert (tmp_path / "out" / "report.html").stat().st_size > 20_000


def test_a_board_alone(tmp_path):
    assert main(["--target", TARGET, "--pdf", str(tmp_path / "board.pdf")]) == 0
    assert (tmp_path / "board.pdf").read_bytes().startswith(b"%PDF")


def test_wrong_words_are_named(recording, tmp_path):
    left, out = f"left={recording / 'left'}", ["--target", TARGET, "--out", str(tmp_path)]
    with pytest.raises(ConfigError, match="give cameras as NAME=FOLDER with --out"):
        main(["--target", TARGET])
    with pytest.raises(ConfigError, match="cameras: expected NAME=VALUE, got 'left'"):
        main(["left", *out])
    with pytest.raises(ConfigError, match="cameras: a name comes twice"):
        main([left, left, *out])
    with pytest.raises(ReadError, match="no folder .*nowhere"):
        main([f"left={tmp_path / 'nowhere'}", *out])
    with pytest.raises(ConfigError, match="--models left=mirror: expected one of"):
        main([left, *out, "--models", "left=mirror"])


def test_frames_of_two_sizes_are_named(tmp_path):
    for number, side in enumerate((64, 80)):
        Image.fromarray(np.full((side, 64), 900 + side, np.uint16)).save(tmp_path / f"{number}.png")
    with pytest.raises(CalibrationError, match="holds frames of several sizes"):
        main([f"a={tmp_path}", "--target", TARGET, "--out", str(tmp_path / "out")])
