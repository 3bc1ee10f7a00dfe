"""info, spot and stats: numbers for people and machines."""

import csv
import json

import pytest

from thermoscope.cli.main import main

SCALE = ["--kelvin-per-count", "0.01"]


def as_json(*words, capsys, status=0):
    assert main([*map(str, words), "--json"]) == status
    text = capsys.readouterr().out
    assert "NaN" not in text
    return json.loads(text)


def test_info_as_json(frame, capsys):
    (entry,) = as_json("info", frame, capsys=capsys)
    assert entry["file"] == str(frame)
    assert (entry["width"], entry["height"], entry["bit_depth"]) == (64, 48, 16)
    assert entry["unit"] == "counts"
    assert entry["counts"]["max"] == 32075
    assert entry["temperature"] is None
    assert "unknown radiometry" in entry["temperature_note"]


def test_info_as_text_has_a_title_and_no_empty_row(frame, capsys):
    assert main(["info", str(frame)]) == 0
    text = capsys.readouterr().out
    assert str(frame) in text
    assert "64 x 48 px" in text
    assert "None" not in text


def test_info_goes_on_after_a_broken_file(frame, broken, capsys):
    entries = as_json("info", broken, frame, capsys=capsys, status=2)
    assert "broken.png" in entries[0]["error"]
    assert entries[1]["unit"] == "counts"


def test_spot_of_points_and_rectangles(frame, capsys):
    words = ["spot", frame, "--at", "23,14", "--roi", "20,12,8,6", "--at", "0,0", *SCALE]
    hot, cold, region = as_json(*words, capsys=capsys)
    assert hot["max"]["celsius"] == pytest.approx(320.75 - 273.15)
    assert cold["max"]["celsius"] == pytest.approx(20, abs=0.2)
    assert (region["max"]["x"], region["max"]["y"]) == (23, 14)
    assert region["min"]["celsius"] >= 47.0


def test_spot_in_counts_where_there_is_no_scale(frame, capsys):
    assert main(["spot", str(frame), "--at", "23,14"]) == 0
    assert "32075 counts at (23, 14)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "nothing to measure"),
        (["--at", "64,0"], "region (64, 0) lies outside the image of 64x48 px"),
        (["--roi", "1,2,3"], "neither a point x,y nor a rectangle"),
        (["--at", "1,1", "--emissivity", "0.9"], "no Planck radiometry"),
        (["--at", "1,1", "--kelvin-per-count", "0"], "kelvin_per_count must be positive"),
        (["--at", "1,1", "--frame", "3"], "frame.png"),
    ],
)
def test_misuse_of_spot(words, message, frame, capsys):
    assert main(["spot", str(frame), *words]) == 2
    assert message in capsys.readouterr().err


def test_stats_in_three_forms(folder, capsys):
    files = [str(p) for p in sorted(folder.iterdir())]
    entries = as_json("stats", *files, capsys=capsys)
    assert [entry["max"] for entry in entries] == [32075] * 3
    assert main(["stats", *files, "--format", "csv"]) == 0
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert [float(row["max"]) for row in rows] == [32075] * 3
    assert [row["file"] for row in rows] == files
    assert main(["stats", *files]) == 0
    assert capsys.readouterr().out.count("32075") == 3


def test_stats_skip_a_broken_file(frame, broken, capsys):
    (entry,) = as_json("stats", broken, frame, capsys=capsys, status=2)
    assert entry["file"] == str(frame)


@pytest.mark.real
def test_real_flir_file(real_data, capsys):
    file = real_data / "raw" / "flir_rjpeg" / "IR_2412.jpg"
    (entry,) = as_json("info", file, capsys=capsys)
    assert entry["camera"]["model"] == "FLIR SC660"
    hottest = entry["temperature"]["max"]
    words = ["spot", file, "--at", f"{hottest['x']},{hottest['y']}"]
    (spot,) = as_json(*words, capsys=capsys)
    assert spot["max"]["celsius"] == hottest["celsius"]
    # what shines less than it is taken for must be hotter
    (shiny,) = as_json(*words, "--emissivity", "0.8", capsys=capsys)
    assert shiny["max"]["celsius"] > hottest["celsius"] + 1


@pytest.mark.real
def test_real_dji_file_has_no_temperature_and_says_why(real_data, capsys):
    file = sorted((real_data / "raw" / "dji_rjpeg").glob("*.jpg"))[0]
    (entry,) = as_json("info", file, capsys=capsys)
    assert entry["temperature"] is None
    assert "DJI" in entry["temperature_note"]


def test_brackets_in_names_are_no_markup(frame, tmp_path, capsys):
    odd = tmp_path / "run[" / "b]cam[left].png"
    odd.parent.mkdir()
    odd.write_bytes(frame.read_bytes())
    for verb in ("info", "stats"):
        assert main([verb, str(odd)]) == 0
        assert "run[/b]cam[left].png" in capsys.readouterr().out


def test_two_forms_of_the_answer_are_refused(frame, capsys):
    assert main(["stats", str(frame), "--json", "--format", "csv"]) == 2
    assert "give one of them" in capsys.readouterr().err


def test_an_offset_without_its_scale_is_refused(frame, tmp_path, capsys):
    assert main(["spot", str(frame), "--at", "1,1", "--offset-k", "273.15"]) == 2
    assert main(["convert", str(frame), str(tmp_path / "o"), "--offset-k", "273.15"]) == 2
    assert capsys.readouterr().err.count("Give --kelvin-per-count as well") == 2
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize("verb", ["info", "stats"])
def test_a_folder_is_for_doctor(verb, folder, capsys):
    assert main([verb, str(folder)]) == 2
    assert f"Look at its frames with thermoscope doctor {folder}" in capsys.readouterr().err
