"""Counts of a data set, and the verb that prints them."""

import json

import pytest

from thermoscope.cli.main import main
from thermoscope.core.errors import ConfigError
from thermoscope.data.base import Item, Listed
from thermoscope.data.statistics import balance


def part(split, *environments, findings=()):
    items = tuple(
        Item(f"{split}{i}", {"rgb": None}, environment=e, position_m=(0.0, 0.0) if e else None)
        for i, e in enumerate(environments)
    )
    return Listed("own", split, items, lambda item: {}, findings=findings)


def test_shares_and_evenness():
    found = balance([part("train", "park", "park", "road"), part("val", "", findings=("one",))])
    assert [(g.name, g.frames) for g in found.of("split")] == [("train", 3), ("val", 1)]
    names = [(g.name, g.frames, g.share) for g in found.of("environment")]
    assert names == [("park", 2, 0.5), ("(not stated)", 1, 0.25), ("road", 1, 0.25)]
    assert found.evenness("environment") == pytest.approx(0.9464, abs=1e-4)  # 1.5 bit of log2(3)
    assert found.evenness("time_of_day") == 0.0  # one group
    assert (found.frames, found.positioned, found.files) == (4, 3, {"rgb": 4})
    assert found.findings == ("one",)
    with pytest.raises(ConfigError, match="kind must be one of split, environment"):
        found.of("weather")
    with pytest.raises(ConfigError, match="balance needs at least one data set"):
        balance([])


@pytest.fixture
def folder(tmp_path, save):
    for number in range(5):
        save(tmp_path / f"rgb/{number}.png", shape=(2, 2, 3))
        save(tmp_path / f"thermal/{number}.png", shape=(2, 2))
    save(tmp_path / "thermal/9.png", shape=(2, 2))
    return tmp_path


def test_stats_prints_the_balance(folder, capsys):
    assert main(["datasets", "stats", "pairs", "--root", str(folder)]) == 0
    printed = capsys.readouterr()
    assert "pairs: 5 frames, 0 with a position; rgb 5, thermal 5" in printed.out
    assert "80.0 %" in printed.out  # four of five are for training
    assert printed.out.count("thermal: 1 of 6 files have no partner (9)") == 1
    assert "no split 'test'" in printed.err


def test_stats_as_json(folder, capsys):
    words = ["datasets", "stats", "pairs", "--root", str(folder), "--split", "all", "--json"]
    assert main(words) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["frames"], found["evenness"]["environment"]) == (5, 0.0)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["stats"], "stats takes one name, got 0"),
        (["stats", "mfnett", "--root", "."], "Did you mean 'mfnet'"),
        (["stats", "mfnet", "--root", "nowhere"], "nowhere is not there. Expected: images/"),
    ],
)
def test_wrong_words(words, message, capsys):
    assert main(["datasets", *words]) == 2
    assert message in capsys.readouterr().err


def test_a_folder_must_be_stated(capsys):
    assert main(["datasets", "stats", "mfnet"]) == 2
    assert "stats needs the folder of the data set: --root DIR" in capsys.readouterr().err
