"""The verb from end to end: check, record, verify, damage, recover, replay."""

import json
import re

import pytest
from tests.rig.made_recordings import CAMERAS, OFFSET_NS, fill, write_recording

from thermoscope.cli.main import main
from thermoscope.rig.segment import SegmentWriter


@pytest.fixture
def recording(tmp_path):
    return write_recording(tmp_path / "run", segments=2, frames=10)


def test_record_verify_replay_read_back(tmp_path, capsys):
    out = tmp_path / "run"
    words = ["rig", "record", "--simulate", "--size", "0.23", "--seconds", "1.2", "--threads"]
    assert main([*words, "--out", str(out), "--reserve-gb", "0.01"]) in (0, 1)  # 1: frames lost
    captured = capsys.readouterr()
    assert "stopped: duration" in captured.out
    frames = {c: int(n) for c, n in re.findall(r"(\w+_(?:left|right)) (\d+)", captured.out)}
    assert len(frames) == 4
    assert all(3 < count < 300 for count in frames.values())  # some thirty on an idle machine
    assert " Hz " in captured.err
    assert main(["rig", "verify", str(out)]) == 0
    assert capsys.readouterr().out.rstrip().endswith("whole")
    assert main(["rig", "replay", str(out), "--fast"]) == 0
    assert f"rgb_right {frames['rgb_right']}" in capsys.readouterr().out
    assert main(["rig", "info", str(out)]) == 0
    assert "1 segments" in capsys.readouterr().out
    assert main(["info", str(out / "000000.mcap"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["format"].startswith("mcap")


def test_check_says_what_it_looked_at(tmp_path, capsys):
    words = ["rig", "check", "--simulate", "--size", "0.23", "--seconds", "0.5", "--json"]
    assert main([*words, "--out", str(tmp_path), "--reserve-gb", "1000000"]) == 1
    checks = {check["name"]: check for check in json.loads(capsys.readouterr().out)}
    assert checks["space"]["level"] == "problem"
    assert "thermal_left rate" in checks


def test_damage_is_found_and_recovered(recording, capsys):
    fill(recording / "000002.mcap", 20, 10).abandon()
    assert main(["rig", "verify", str(recording), "--json"]) == 1
    assert len(json.loads(capsys.readouterr().out)["problems"]) == 2
    assert main(["rig", "recover", str(recording)]) == 0
    assert "closed in place" in capsys.readouterr().out
    assert main(["rig", "verify", str(recording), "--fast"]) == 0


def test_verify_of_a_recording_that_runs(recording, capsys):
    pytest.importorskip("fcntl")
    writer = fill(recording / "000002.mcap", 20, 10)
    assert main(["rig", "verify", str(recording)]) == 1
    assert "BEING RECORDED: stop the recorder, then verify again" in capsys.readouterr().out
    assert main(["rig", "recover", str(recording)]) == 2
    assert "000002.mcap is being recorded" in capsys.readouterr().err
    writer.abandon()


def test_recover_tells_what_is_gone(recording, capsys):
    (recording / "000001.mcap").unlink()
    for _ in range(2):
        assert main(["rig", "recover", str(recording)]) == 1
        text = capsys.readouterr().out
        assert "PROBLEM  000001.mcap: is in the manifest and not in the folder" in text


def test_info_leaves_segments_without_messages_out_of_the_length(recording, capsys):
    SegmentWriter(recording / "000002.mcap", CAMERAS, offset_ns=OFFSET_NS).abandon()
    assert main(["rig", "recover", str(recording)]) == 0
    capsys.readouterr()
    assert main(["rig", "info", str(recording), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["seconds"] == pytest.approx(19 / 30, abs=0.001)
    assert len(told["segments"]) == 3


def test_verify_for_people(recording, capsys):
    (recording / "000001.mcap").unlink()
    assert main(["rig", "verify", str(recording)]) == 1
    text = capsys.readouterr().out
    assert "PROBLEM  000001.mcap: is in the manifest and not in the folder" in text
    assert "NOT WHOLE" in text


def test_info_as_json(recording, capsys):
    assert main(["rig", "info", str(recording), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["frames"] == {"thermal": 20, "rgb": 20}
    assert told["seconds"] == pytest.approx(19 / 30, abs=0.001)


def test_live_renews_a_picture(tmp_path, capsys):
    import cv2

    path = tmp_path / "live.png"
    words = ["rig", "live", "simulated:thermal_left", "--picture", str(path)]
    assert main([*words, "--every", "0.2", "--seconds", "0.7"]) == 0
    assert cv2.imread(str(path)).shape == (512, 640, 3)
    assert "ffc none  31.9 °C" in capsys.readouterr().out


def test_wrong_words(tmp_path, capsys):
    for words, message in (
        (["dance"], "unknown rig command 'dance'"),
        (["record", "--out", str(tmp_path / "r")], "name cameras or pass --simulate"),
        (["record", "boson", "--out", str(tmp_path / "r")], "does not start: camera address must"),
        (["check", "--simulate", "--size", "7"], "--size must lie in [0.1, 1], got 7"),
        (["record", "=boson:1", "--out", str(tmp_path / "r")], "may not be empty or have a /"),
        (["check", "a/b=boson:1"], "may not be empty or have a /, got 'a/b'"),
        (["check", "--simulate", "--reserve-gb", "nan"], "--reserve-gb must be a finite number"),
        (["check", "--simulate", "--reserve-gb", "-1"], "--reserve-gb must lie in [0, "),
        (["check", "--simulate", "--seconds", "0"], "seconds must be positive, got 0"),
        (["check", "--simulate", "--seconds", "-1"], "seconds must be positive, got -1"),
        (
            ["record", "--simulate", "--out", str(tmp_path / "r"), "--reserve-gb", "inf"],
            "--reserve-gb must be a finite number",
        ),
        (["live", "simulated:thermal_left", "--every", "0"], "--every must be positive"),
        (["verify", str(tmp_path / "none")], "is no recording"),
    ):
        assert main(["rig", *words]) == 2, words
        assert message in capsys.readouterr().err


def test_list_says_what_to_do_without_a_camera(capsys):
    status = main(["rig", "list"])
    assert ("--simulate" in capsys.readouterr().out) == (status == 1)
    assert main(["rig", "list", "--json"]) == 0
    assert isinstance(json.loads(capsys.readouterr().out), list)
