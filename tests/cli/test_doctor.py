import json

import numpy as np
import pytest
from PIL import Image

from thermoscope.cli.main import main


def doctor(*paths, capsys):
    status = main(["doctor", *map(str, paths), "--json"])
    return status, json.loads(capsys.readouterr().out)


def test_a_sound_file(frame, capsys):
    status, (entry,) = doctor(frame, capsys=capsys)
    assert status == entry["exit_code"] == 0
    assert entry["path"] == str(frame)
    assert "16" in entry["what"]
    assert any(command.startswith("thermoscope ") for command in entry["next_commands"])


def test_a_constant_file_is_found(tmp_path, capsys):
    file = tmp_path / "closed.png"
    Image.fromarray(np.full((48, 64), 3000, np.uint16)).save(file)
    status, (entry,) = doctor(file, capsys=capsys)
    assert status == 1
    assert "constant" in {finding["name"] for finding in entry["findings"]}
    assert all(finding["text"] for finding in entry["findings"])


def test_the_worst_of_several_is_the_exit_status(frame, broken, capsys):
    status, entries = doctor(frame, broken, capsys=capsys)
    assert status == 2
    assert [entry["exit_code"] for entry in entries] == [0, 2]


def test_raw_pixels_with_their_size(tmp_path, capsys):
    rows, columns = np.indices((48, 64))
    noise = np.random.default_rng(0).integers(0, 9, (48, 64))
    file = tmp_path / "dump.y16"
    file.write_bytes((3000 + 5 * (rows + columns) + noise).astype("<u2").tobytes())
    assert main(["doctor", str(file), "--size", "64x48"]) == 0
    text = capsys.readouterr().out
    assert "64x48" in text
    assert f"$ thermoscope info {file} --size 64x48" in text


def test_text_for_people(folder, capsys):
    assert main(["doctor", str(folder)]) in (0, 1)
    text = capsys.readouterr().out
    assert str(folder) in text
    assert "$ thermoscope " in text


def test_an_absent_path(tmp_path, capsys):
    assert main(["doctor", str(tmp_path / "absent")]) == 2
    captured = capsys.readouterr()
    assert "absent" in captured.out + captured.err
    assert "Traceback" not in captured.err


@pytest.mark.parametrize("name", [f"{'y' * 300}.png", f"{'y' * 300}.raw", "absent.raw"])
def test_a_path_where_nothing_can_be(name, capsys):
    assert main(["doctor", name]) == 2
    assert "not readable" in capsys.readouterr().out
