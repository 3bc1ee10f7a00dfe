import json

import pytest

from thermoscope import __version__
from thermoscope.cli.main import VERBS, main
from thermoscope.core.errors import UnknownNameError


def test_help_names_every_verb(capsys):
    for words in ([], ["-h"], ["--help"]):
        assert main(words) == 0
        text = capsys.readouterr().out
        assert all(f"  {verb} " in text for verb in VERBS)


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"thermoscope {__version__}\n"


def test_unknown_verb_suggests_and_exits_2(capsys):
    assert main(["inof"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "unknown command 'inof'. Did you mean 'info'" in captured.err


def test_debug_shows_the_traceback():
    with pytest.raises(UnknownNameError):
        main(["inof", "--debug"])


COMMANDS = {verb: [verb] for verb in VERBS} | {
    "scenes": ["scenes", "render"],
    "place": ["place", "query"],
    "rig": ["rig", "verify"],
    "train": ["train", "distill_anythermal"],
    "eval": ["eval", "depth"],
    "stereo": ["stereo", "left.png"],
    "align": ["align", "rgb.png"],
}


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_every_verb_explains_itself(verb, capsys):
    with pytest.raises(SystemExit) as done:
        main([*COMMANDS[verb], "--help"])
    assert done.value.code == 0
    text = capsys.readouterr().out
    assert f"usage: thermoscope {verb}" in text
    assert len(text.split()) > 25


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_every_verb_refuses_an_unknown_flag(verb, capsys):
    with pytest.raises(SystemExit) as done:
        main([*COMMANDS[verb], "x", "--surely-not-a-flag"])
    assert done.value.code == 2
    assert "surely-not-a-flag" in capsys.readouterr().err


def test_datasets_as_json(capsys):
    assert main(["datasets", "ms2", "--json"]) == 0
    (entry,) = json.loads(capsys.readouterr().out)
    assert entry["name"] == "ms2"
    assert entry["licence"] == "CC-BY-NC-SA-4.0"


def test_datasets_table_lists_all(capsys):
    assert main(["datasets"]) == 0
    text = capsys.readouterr().out
    assert "tartanrgbt" in text
    assert "BSD-3-Clause-Clear" in text


def test_licences_gate(capsys):
    assert main(["licences", "ms2"]) == 2
    assert "--allow nc" in capsys.readouterr().err
    assert main(["licences", "ms2", "--allow", "nc"]) == 0
    assert main(["licences", "msrs"]) == 0
    assert "unstated" in capsys.readouterr().out


def test_licences_of_a_command_and_of_everything(capsys):
    assert main(["licences", "convert", "--json"]) == 0
    assert {e["kind"] for e in json.loads(capsys.readouterr().out)} == {"plug-in"}
    assert main(["licences", "--json"]) == 0
    names = {e["name"] for e in json.loads(capsys.readouterr().out)}
    assert {"scenes", "ms2", "fasthcc"} <= names


def test_licences_of_an_unknown_name(capsys):
    assert main(["licences", "ms3"]) == 2
    assert "unknown item 'ms3'. Did you mean 'ms2'" in capsys.readouterr().err


def test_a_folder_without_weights_is_said(tmp_path, capsys):
    assert main(["models", "--weights", str(tmp_path)]) == 2
    assert "there are no weights in" in capsys.readouterr().err


def test_a_run_that_cannot_be_written_stops_before_it_works(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        assert main(["train", "sartm", "--preset", "tiny", "--out", str(out)]) == 2
        assert "that is a file. Choose another one" in capsys.readouterr().err


def test_a_folder_is_counted_only_by_stats(tmp_path, capsys):
    assert main(["datasets", "mfnet", "--root", str(tmp_path)]) == 2
    assert "are for counting: thermoscope datasets stats NAME" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["depth", "segment"])
def test_a_length_of_nothing_is_refused_at_once(verb, tmp_path, capsys):
    assert main([verb, "a.png", "--out", str(tmp_path / "o"), "--longest-px", "0"]) == 2
    assert "longest_px must be positive" in capsys.readouterr().err
