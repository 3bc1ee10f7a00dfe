"""The verb from words to a data set."""

import json

import pytest
from tests.fakes.rendered_recording import Faults, write_rendered_recording, write_rig

from thermoscope.cli.main import main
from thermoscope.data.tartanrgbt import tartanrgbt


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    faults = Faults(shutter={"thermal_left": {5}})
    return write_rendered_recording(tmp_path_factory.mktemp("r") / "run", frames=15, faults=faults)


def test_a_recording_becomes_a_data_set(recording, tmp_path, capsys):
    calibration, out = write_rig(tmp_path / "calibration.json"), tmp_path / "data"
    words = ["rig", "export", str(recording), str(out), "--calibration", str(calibration)]
    words += ["--model", "sgbm", "--rate", "5", "--settle-s", "0.1", "--layout", "tartanrgbt"]
    assert main(words) == 0
    captured = capsys.readouterr()
    assert "7 pairs (7 written now), colour on " in captured.out
    assert "shutter                  2" in captured.out
    assert "the skew of rgb_left is not known" in captured.err
    assert len(tartanrgbt(out, split="train")) == 7
    assert main([*words, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["pairs"], report["written"], report["registered"]) == (7, 0, True)
    assert report["manifest"] == str(out / "run.export.json")


def test_plain_pairs_need_no_calibration(recording, tmp_path, capsys):
    words = ["rig", "export", str(recording), str(tmp_path), "--layout", "pairs", "--name", "walk"]
    assert main([*words, "--split", "val"]) == 0
    assert f"1 pairs (1 written now), as seen: {tmp_path / 'walk'}" in capsys.readouterr().out
    assert ",walk,val," in (tmp_path / "walk" / "pairs.csv").read_text()


def test_what_is_missing_ends_with_a_sentence_and_status_2(recording, tmp_path, capsys):
    assert main(["rig", "export", str(recording), str(tmp_path)]) == 2
    assert "layout tartanrgbt needs rectified thermal views" in capsys.readouterr().err
