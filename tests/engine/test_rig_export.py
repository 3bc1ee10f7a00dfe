"""A recording becomes a data set that the readers read, also after a kill."""

import json
import resource
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from tests.fakes.rendered_recording import (
    OFFSET_NS,
    RGB_LATE_NS,
    START_NS,
    Faults,
    colour_in_thermal,
    noisy,
    pictures,
    rig_cameras,
    write_rendered_recording,
    write_rig,
)

from thermoscope.core.errors import (
    CalibrationError,
    ConfigError,
    DatasetCorruptError,
    ReadError,
    RigError,
    ThermoscopeError,
    UnknownNameError,
    WriteError,
)
from thermoscope.core.files import sha256_of
from thermoscope.data.ms2 import ms2
from thermoscope.data.pairs import pairs
from thermoscope.data.tartanrgbt import tartanrgbt
from thermoscope.engine.rig_export import ExportConfig, export_recording
from thermoscope.engine.rig_export_views import ExportGeometry
from thermoscope.geometry.rectify import remap
from thermoscope.geometry.registration import HOLE, VALID
from thermoscope.rig.calibration_files import RigCameras, write_calibration

ROLES = {"thermal": "thermal_left", "thermal_right": "thermal_right", "rgb": "rgb_left"}
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    return write_rendered_recording(tmp_path_factory.mktemp("recorded") / "street")


@pytest.fixture(scope="module")
def calibration(tmp_path_factory):
    return write_rig(tmp_path_factory.mktemp("rig") / "calibration.json")


@pytest.fixture(scope="module")
def config(calibration):
    def make(**settings):
        return ExportConfig(**{"calibration": calibration, "model": "sgbm", **settings})

    return make


def geometry(preset="tiny", **more):
    return ExportGeometry.of(rig_cameras(preset), {**ROLES, **more})


def tree(folder):
    """Every file of a folder, hidden ones too."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.mark.parametrize("layout", ["tartanrgbt", "tartanrgbt_download"])
def test_the_tartanrgbt_reader_reads_both_namings(recording, config, tmp_path, layout):
    report = export_recording(recording, tmp_path, config(layout=layout))
    data = tartanrgbt(tmp_path, split="train")
    assert len(data) == report.pairs == report.written == 3
    assert data.findings == ()
    rectified, _ = remap(noisy(pictures("tiny")["thermal_left"], 10), geometry().thermal.left_map)
    np.testing.assert_array_equal(data[1]["counts"][0], rectified)
    assert data[1]["rgb"].shape == (3, 64, 80)
    assert data[1]["thermal_right"].shape == (1, 64, 80)
    assert data[1]["t_ns"] == OFFSET_NS + START_NS + 1_000_000_000
    assert data[1]["ffc"] is False
    assert report.folder == tmp_path / "day1" / "street"


def test_the_ms2_reader_reads_cameras_and_all_four_views(recording, config, tmp_path):
    export_recording(recording, tmp_path, config(layout="ms2", rate_hz=2.0))
    data = ms2(tmp_path, split="train", depth="none")
    sample, known = data[0], geometry(rgb_right="rgb_right")
    assert len(data) == 6
    rectified, _ = remap(noisy(pictures("tiny")["thermal_right"], 0), known.thermal.right_map)
    np.testing.assert_array_equal(sample["counts_right"][0], rectified)
    assert sample["rgb"].shape == sample["rgb_right"].shape == (3, 50, 80)
    np.testing.assert_allclose(sample["K"], known.thermal.camera.K)
    np.testing.assert_allclose(sample["K_rgb"], known.colour_pair.camera.K)
    assert sample["baseline_m"] == pytest.approx(0.335)
    np.testing.assert_allclose(sample["T_thermal_rgb"], known.T_thermal_colour_view, atol=1e-9)
    assert sample["t_ns"] == OFFSET_NS + START_NS
    stamps = tmp_path / "sync_data" / "street" / "rgb" / "img_left_timestamp.txt"
    first_ns = OFFSET_NS + START_NS + RGB_LATE_NS
    assert stamps.read_text().split()[0] == f"{first_ns // 10**9}.{first_ns % 10**9:09d}"


def test_without_calibration_pairs_are_as_the_cameras_saw_them(recording, tmp_path):
    report = export_recording(recording, tmp_path, ExportConfig(layout="pairs"))
    data = pairs(report.folder, split="train", aligned=False)
    np.testing.assert_array_equal(data[2]["counts"][0], noisy(pictures("tiny")["thermal_left"], 20))
    seen = noisy(pictures("tiny")["rgb_left"], 20)
    np.testing.assert_array_equal(np.rint(data[2]["rgb"] * 255), seen.transpose(2, 0, 1))
    assert not report.registered
    assert not (report.folder / "mask").exists()
    table = (report.folder / "pairs.csv").read_text().splitlines()
    assert table[1].split(",")[2:] == ["street", "train", str(OFFSET_NS + START_NS), "-0.012000"]


def test_colour_lies_where_the_thermal_camera_sees_it(tmp_path):
    recording = write_rendered_recording(tmp_path / "street", preset="small", frames=2)
    calibration = write_rig(tmp_path / "calibration.json", preset="small")
    options = ExportConfig(layout="pairs", calibration=calibration, model="sgbm")
    report = export_recording(recording, tmp_path / "out", options)
    folder = report.folder
    rgb = cv2.imread(str(next(folder.glob("rgb/*.png"))))[..., ::-1].astype(float)
    mask = cv2.imread(str(next(folder.glob("mask/*.png"))), cv2.IMREAD_UNCHANGED)
    truth, _ = remap(colour_in_thermal("small"), geometry("small").thermal.left_map)
    unregistered, _ = remap(pictures("small")["rgb_left"], geometry("small").colour_map)
    valid = mask == VALID
    error = np.abs(rgb - truth)[valid].mean()
    scaled = cv2.resize(unregistered, (320, 256)).astype(float)
    assert error < 0.4 * np.abs(scaled - truth)[valid].mean()
    assert valid.mean() == pytest.approx(report.valid_share, abs=1e-6)
    assert valid.mean() > 0.85
    assert not rgb[mask == HOLE].any()


def test_shutter_frozen_and_duplicate_frames_are_left_out(tmp_path, config):
    faults = Faults(
        shutter={"thermal_left": {3, 4}}, frozen={"thermal_right": {8}}, duplicate={"rgb_left": {6}}
    )
    recording = write_rendered_recording(tmp_path / "r", frames=12, faults=faults)
    options = config(rate_hz=10.0, settle_s=0.15)
    report = export_recording(recording, tmp_path / "out", options)
    told = json.loads(report.manifest.read_text())
    used = [pair["frames"]["thermal"]["sequence"] for pair in told["plan"]["pairs"]]
    # 3 and 4 show the shutter, 5 is within 0.15 s of it; 6 has no colour of its own; 8 is frozen
    assert used == [0, 1, 2, 7, 9, 10, 11]
    assert report.left_out == {"shutter": 3, "without a partner": 1, "frozen": 1}


def test_the_manifest_tells_everything(recording, calibration, config, tmp_path):
    report = export_recording(recording, tmp_path, config())
    told = json.loads(report.manifest.read_text())
    head, first = told["head"], told["pairs"][0]
    assert head["recording"]["name"] == "street"
    assert head["recording"]["sha256"] == sha256_of(recording / "recording.json")
    assert head["calibration"]["sha256"] == sha256_of(calibration)
    assert head["settings"]["rate_hz"] == 1.0
    assert head["model"] == {"name": "sgbm", "licence": "OpenCV, Apache-2.0", "trained_on": []}
    assert first["t_ns"] == OFFSET_NS + START_NS
    assert first["dt_ns"] == {"thermal_right": 0, "rgb_left": RGB_LATE_NS}
    assert sum(first["mask_share"].values()) == pytest.approx(1.0, abs=1e-5)
    assert "the cameras saw" in told["plan"]["skew"]["rgb_left"]["unknown"]
    hashes = {
        **told["tables"],
        **{k: v for pair in told["pairs"] for k, v in pair["files"].items()},
    }
    shared = {"street.export.json", "train_runs.txt"}
    assert set(hashes) == set(tree(tmp_path)) - shared
    assert all(sha256_of(tmp_path / name) == sha256 for name, sha256 in hashes.items())


def test_weights_are_named_with_what_they_were_trained_on(recording, config, tmp_path):
    options = config(rate_hz=0.1, layout="pairs", model="thermostereort_fast")
    report = export_recording(recording, tmp_path, options)
    model = json.loads(report.manifest.read_text())["head"]["model"]
    assert model["licence"] == "Apache-2.0"
    assert len(model["sha256"]) == 64
    assert {"name": "msrs", "licence": "unstated"} in model["trained_on"]
    assert "thermostereort_fast was trained on msrs, licence: unstated" in report.notes


class Stop(Exception):  # noqa: N818
    """The user's hand on the keyboard."""


def stop_after(pairs_done):
    def on_pair(done, total):
        if done == pairs_done:
            raise Stop

    return on_pair


@pytest.mark.parametrize("layout", ["tartanrgbt", "ms2", "pairs"])
def test_an_interrupted_export_ends_with_the_same_bytes(recording, config, tmp_path, layout):
    options = config(layout=layout, rate_hz=2.0)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    export_recording(recording, whole, options)
    for done in (2, 4):
        with pytest.raises(Stop):
            export_recording(recording, parts, options, on_pair=stop_after(done))
        assert not (parts / "street.export.json").exists()
    report = export_recording(recording, parts, options)
    assert (report.pairs, report.written) == (6, 2)
    assert tree(parts) == tree(whole)
    assert export_recording(recording, parts, options).written == 0


def test_a_killed_export_ends_with_the_same_bytes(recording, calibration, config, tmp_path):
    options = config(rate_hz=2.0)
    export_recording(recording, tmp_path / "whole", options)
    program = f"""
import os, signal
from pathlib import Path
from thermoscope.engine.rig_export import ExportConfig, export_recording

def kill(done, total):
    if done == 2:
        os.kill(os.getpid(), signal.SIGKILL)

options = ExportConfig(calibration=Path({str(calibration)!r}), model="sgbm", rate_hz=2.0)
export_recording(Path({str(recording)!r}), Path("parts"), options, on_pair=kill)
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=False)
    assert done.returncode == -signal.SIGKILL
    # What a kill in the middle of a write leaves: half a line, and half a picture.
    with (tmp_path / "parts" / ".street.done.jsonl").open("ab") as stream:
        stream.write(b'{"number": 2, "ent')
    run = tmp_path / "parts" / "day1" / "street"
    (run / "thermal_left_rect" / ".00000020.png.abcd1234").write_bytes(b"half")
    assert export_recording(recording, tmp_path / "parts", options).written == 4
    assert tree(tmp_path / "parts") == tree(tmp_path / "whole")


def test_what_was_deleted_or_damaged_later_is_written_again(recording, config, tmp_path):
    report = export_recording(recording, tmp_path, config(layout="pairs"))
    before = tree(tmp_path)
    first, second, _ = sorted(report.folder.glob("thermal/*.png"))
    first.unlink()
    second.write_bytes(b"damaged")
    assert export_recording(recording, tmp_path, config(layout="pairs")).written == 2
    assert tree(tmp_path) == before
    (report.folder / "pairs.csv").unlink()
    assert export_recording(recording, tmp_path, config(layout="pairs")).written == 0
    assert tree(tmp_path) == before


def test_two_recordings_share_a_folder(recording, config, tmp_path):
    for name in ("b", "a"):
        export_recording(recording, tmp_path, config(name=name, group="day2"))
    assert (tmp_path / "train_runs.txt").read_text() == "day2/a\nday2/b\n"
    assert len(tartanrgbt(tmp_path, split="train")) == 6


def test_an_export_without_a_group_stays_in_its_folder(recording, config, tmp_path):
    report = export_recording(recording, tmp_path / "day1", config(group=""))
    assert report.folder == tmp_path / "day1" / "street"
    assert (tmp_path / "day1" / "train_runs.txt").read_text() == "street\n"
    assert len(tartanrgbt(tmp_path / "day1", split="train")) == 3


def test_names_are_read_back_or_refused(tmp_path):
    recording = write_rendered_recording(tmp_path / "a, b", frames=2)
    report = export_recording(recording, tmp_path, ExportConfig(layout="pairs"))
    assert pairs(report.folder, split="train").item(0).sequence == "a, b"
    with pytest.raises(ConfigError, match=r"got 'a, b'\. Pass --name"):
        export_recording(recording, tmp_path, ExportConfig(layout="ms2", name=""))
    odd = recording.rename(tmp_path / "a\nb")
    with pytest.raises(ConfigError, match=r"control characters, .*: pass --name"):
        export_recording(odd, tmp_path, ExportConfig(layout="pairs"))


def test_a_full_disk_stops_it_and_it_goes_on(recording, config, tmp_path):
    out, options = tmp_path / "out", config(layout="pairs", rate_hz=2.0)
    with pytest.raises(Stop):
        export_recording(recording, out, options, on_pair=stop_after(2))
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4000, hard))
        with pytest.raises(WriteError, match="2 pairs are complete: make room and give the same"):
            export_recording(recording, out, options)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    export_recording(recording, out, options)
    export_recording(recording, tmp_path / "whole", options)
    assert tree(out) == tree(tmp_path / "whole")


def test_a_segment_that_vanished_is_named(config, tmp_path):
    recording = write_rendered_recording(tmp_path / "r", frames=12)
    options = config(rate_hz=5.0, layout="pairs")
    with pytest.raises(Stop):
        export_recording(recording, tmp_path / "out", options, on_pair=stop_after(1))
    (recording / "000000.mcap").unlink()
    with pytest.raises(ReadError, match="no frame of thermal_left, .* for pair 1 any more"):
        export_recording(recording, tmp_path / "out", options)


def test_other_settings_in_the_same_place_are_refused(recording, config, tmp_path):
    export_recording(recording, tmp_path, config())
    with pytest.raises(ConfigError, match=r"another settings\.rate_hz\. Give the same words"):
        export_recording(recording, tmp_path, config(rate_hz=2.0))
    (tmp_path / "street.export.json").write_text("{")
    with pytest.raises(DatasetCorruptError, match="is no plan of an export"):
        export_recording(recording, tmp_path, config())


def test_a_calibration_that_does_not_fit_is_named(recording, tmp_path):
    with pytest.raises(CalibrationError, match="layout ms2 needs rectified thermal views"):
        export_recording(recording, tmp_path, ExportConfig(layout="ms2"))
    rig, path = rig_cameras("tiny"), tmp_path / "calibration.json"
    one = {"thermal_left": rig.cameras["thermal_left"]}
    write_calibration(path, RigCameras(one, rig.T_camera_rig))
    with pytest.raises(CalibrationError, match="no camera 'thermal_right' for thermal_right"):
        export_recording(recording, tmp_path, ExportConfig(calibration=path))
    write_calibration(path, rig_cameras("small"))
    with pytest.raises(CalibrationError, match="calibrated at 320x256 and recorded at 80x64"):
        export_recording(recording, tmp_path, ExportConfig(calibration=path))
    with pytest.raises(ReadError, match="cannot read"):
        export_recording(recording, tmp_path, ExportConfig(calibration=tmp_path / "none.json"))


def test_the_calibration_kept_in_the_recording_is_used(calibration, tmp_path):
    recording = write_rendered_recording(tmp_path / "r", frames=2, calibration=calibration)
    report = export_recording(recording, tmp_path / "out", ExportConfig(model="sgbm"))
    told = json.loads(report.manifest.read_text())["head"]["calibration"]
    assert told == {"file": "calibration.json", "sha256": sha256_of(calibration)}
    (recording / "calibration.json").write_text("{}")
    with pytest.raises(ReadError, match="is not the calibration that was recorded"):
        export_recording(recording, tmp_path / "out", ExportConfig())


def test_a_kept_calibration_of_two_cameras_leaves_pairs_as_they_are(tmp_path):
    names, rig = ("thermal_left", "rgb_left"), rig_cameras("tiny")
    path = tmp_path / "calibration.json"
    write_calibration(path, RigCameras({n: rig.cameras[n] for n in names}, rig.T_camera_rig))
    recording = write_rendered_recording(tmp_path / "r", frames=2, names=names, calibration=path)
    report = export_recording(recording, tmp_path / "out", ExportConfig(layout="pairs"))
    assert (report.pairs, report.registered) == (1, False)
    with pytest.raises(CalibrationError, match="the calibration is not enough for thermal_right"):
        export_recording(
            recording, tmp_path / "out", ExportConfig(layout="pairs", calibration=path)
        )


def test_wrong_recordings_are_named(recording, config, tmp_path):
    with pytest.raises(ReadError, match="is no recording"):
        export_recording(tmp_path, tmp_path / "out", config())
    thermal = write_rendered_recording(tmp_path / "t", frames=2, names=("thermal_left",))
    with pytest.raises(ConfigError, match="no rgb camera but thermal_left"):
        export_recording(thermal, tmp_path / "out", config())
    shut = {"thermal_left": set(range(1, 12))}
    closed = write_rendered_recording(tmp_path / "c", frames=12, faults=Faults(shutter=shut))
    with pytest.raises(RigError, match=r"no clean pair: of 12 thermal frames .*11 shutter"):
        export_recording(closed, tmp_path / "out", config(max_gap_ms=1.0))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"layout": "kitti"}, "unknown layout 'kitti'"),
        ({"split": "all"}, "unknown split 'all'"),
        ({"rate_hz": 0.0}, "rate_hz must be"),
        ({"settle_s": -1.0}, "settle_s must lie in"),
        ({"max_gap_ms": 0.0}, "max_gap_ms must be"),
        ({"name": "a/b"}, "name must be the name of one folder, got 'a/b'"),
        ({"name": "a\nb"}, r"name must be the name of one folder, got 'a\\nb'"),
        ({"name": " a"}, "blanks at its ends"),
        ({"name": "a b", "layout": "ms2"}, r"without white space .* got 'a b'\. Pass --name"),
        ({"group": ".."}, "group must be the name of one folder"),
        ({"group": "#1"}, "group must be the name of one folder"),
    ],
)
def test_wrong_settings_are_named(settings, message):
    with pytest.raises(ThermoscopeError, match=message):
        ExportConfig(**settings)


def test_wrong_models_are_named(recording, config, tmp_path):
    with pytest.raises(UnknownNameError, match="unknown weights 'nothing'"):
        export_recording(recording, tmp_path, config(model="nothing"))
    with pytest.raises(ConfigError, match="'anythermal_small' does not match stereo pairs"):
        export_recording(recording, tmp_path, config(model="anythermal_small"))
