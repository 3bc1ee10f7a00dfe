"""``thermoscope scenes render`` as a user types it."""

import json

import numpy as np
import pytest

from thermoscope.cli.main import main

RENDER = ["scenes", "render"]
TINY = ["--preset", "tiny", "--environment", "indoor", "--count", "2"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("cli") / "data"
    assert main([*RENDER, str(out), *TINY, "--noise", "off", "--taxonomy", "mfnet"]) == 0
    return out


def test_renders_samples_that_plain_numpy_reads(folder):
    with np.load(folder / "train" / "000001.npz", allow_pickle=False) as sample:
        assert sample["counts"].shape == (1, 64, 80)
        assert str(sample["taxonomy"]) == "mfnet"
    manifest = json.loads((folder / "scenes.json").read_text())
    assert manifest["noise"] is False
    assert "no picture in this folder is a real one" in manifest["note"]


def test_the_same_command_again_finds_all_there(folder, capsys):
    assert main([*RENDER, str(folder), *TINY, "--noise", "off", "--taxonomy", "mfnet"]) == 0
    said = capsys.readouterr()
    assert said.out == f"2 frames in {folder}: 0 rendered now, 2 were there\n"
    assert said.err == ""


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--layout", "mfnett"], "unknown layout 'mfnett'. Did you mean 'mfnet'"),
        (["--environment", "desert"], "unknown environment 'desert'"),
        (["--taxonomy", "carts"], "unknown taxonomy 'carts'. Did you mean 'cart'"),
        (["--preset", "tinny"], "unknown rig preset 'tinny'. Did you mean 'tiny'"),
        (["--count", "0"], "count must be positive"),
        (["--workers", "0"], "workers must be positive"),
        (["--seed", "-1"], "seed must be a whole number of 0 or more"),
    ],
)
def test_wrong_words_exit_with_two_and_say_what_is_wrong(tmp_path, capsys, words, text):
    assert main([*RENDER, str(tmp_path / "out"), *words]) == 2
    assert text in capsys.readouterr().err
    assert not (tmp_path / "out").exists() or words[0] == "--workers"


def test_other_settings_in_the_same_folder_are_refused(folder, capsys):
    assert main([*RENDER, str(folder), *TINY]) == 2
    assert "holds a render with other settings" in capsys.readouterr().err


def test_unwritable_folder(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main([*RENDER, str(tmp_path / "file" / "in"), *TINY]) == 2
    assert "cannot write" in capsys.readouterr().err


def test_usage(capsys):
    assert main(["scenes"]) == 0
    assert "scenes render OUT" in capsys.readouterr().out
    assert main(["scenes", "--help"]) == 0
    assert main(["scenes", "rendre"]) == 2
    assert "Did you mean 'render'" in capsys.readouterr().err
    with pytest.raises(SystemExit) as stop:
        main([*RENDER, "--help"])
    assert stop.value.code == 0
    assert "--layout" in capsys.readouterr().out
    with pytest.raises(SystemExit) as stop:
        main([*RENDER, "out", "--layuot", "ms2"])
    assert stop.value.code == 2
