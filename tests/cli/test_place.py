"""A map of four pictures, made, extended, asked; with weights of a few kilobytes."""

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from thermoscope.cli.main import main
from thermoscope.core.weights import (
    UNWRITTEN,
    InputSpec,
    TrainingSource,
    WeightsCard,
    write_weights,
)
from thermoscope.engine.place_index import PlaceIndex
from thermoscope.models.place import build

ARGUMENTS = {
    "backbone": "tiny",
    "clusters": 4,
    "dims": 4,
    "global_dims": 4,
    "hidden": 8,
    "size_px": [42, 56],
}
PAGE = (Path(__file__).parents[2] / "docs" / "place.md").read_text("utf-8")


@pytest.fixture(scope="session")
def weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(1)
    for name, changes in (("tiny.place", {}), ("tiny.other", {"size_px": [28, 28]})):
        arguments = {**ARGUMENTS, **changes}
        card = WeightsCard(
            name=name,
            model="anythermal_place",
            text="",
            licence="Apache-2.0",
            sha256=UNWRITTEN,
            input_spec=InputSpec("agc", {"method": "percentile"}, (0.5,) * 3, (0.2,) * 3, 14),
            sources=(TrainingSource("none", "CC0-1.0", "nothing"),),
            command="",
            seed=0,
            scores={},
            protocol="",
            arguments=arguments,
        )
        write_weights(build(**arguments), card, folder)
    return folder


@pytest.fixture
def places(tmp_path):
    """Four grey pictures p0 to p3, and the same ones, slightly brighter, as q0 to q3."""
    rng = np.random.default_rng(3)
    for kind in ("map", "drive"):
        (tmp_path / kind).mkdir()
    for number in range(4):
        levels = np.kron(rng.integers(20, 200, (6, 8)), np.ones((10, 10))).astype(np.uint8)
        Image.fromarray(levels).save(tmp_path / "map" / f"p{number}.png")
        Image.fromarray(levels + 9).save(tmp_path / "drive" / f"q{number}.png")
    return tmp_path


def index(places, weights, *more):
    words = ["--out", str(places / "map.npz"), "--model", "tiny.place", "--weights", str(weights)]
    return main(["place", "index", str(places / "map"), *words, *more])


def query(places, weights, *more):
    words = [str(places / "map.npz"), str(places / "drive"), "--weights", str(weights)]
    return main(["place", "query", *words, *more])


def test_every_query_finds_its_place_with_distance_and_position(places, weights, capsys):
    track = places / "track.csv"
    track.write_text("name,x_m,y_m\np0.png,0,1\np1,10,1\np9,5,5\n")
    assert index(places, weights, "--positions", str(track)) == 0
    said = capsys.readouterr()
    assert "4 pictures added, 0 were there, 0 failed; 4 places" in said.out
    assert "1 of 3 positions are of pictures that are not in the index" in said.err
    assert query(places, weights, "--k", "2", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["search_ms"] < 1000
    assert [len(q["matches"]) for q in found["queries"]] == [2] * 4
    first = [q["matches"][0] for q in found["queries"]]
    assert [Path(m["name"]).name for m in first] == ["p0.png", "p1.png", "p2.png", "p3.png"]
    assert [m["position_m"] for m in first] == [[0, 1, 0], [10, 1, 0], None, None]
    assert all(m["similarity"] > 0.99 and m["distance"] < 0.2 for m in first)


def test_the_table_names_each_query_once(places, weights, capsys):
    index(places, weights)
    capsys.readouterr()
    assert query(places, weights, "--k", "3", "--sequence", "3") == 0
    out = capsys.readouterr().out
    assert len(re.findall(r"q\d\.png", out)) == 4
    assert len(re.findall(r"p\d\.png", out)) == 12
    assert re.search(r"search: \d+\.\d\d ms a query", out)


def test_the_picture_shows_queries_beside_their_matches(places, weights):
    index(places, weights)
    Path(places / "map" / "p2.png").unlink()  # its tile says so
    assert query(places, weights, "--k", "2", "--picture", str(places / "sheet.png")) == 0
    with Image.open(places / "sheet.png") as sheet:
        width, height = sheet.size
    assert width == 3 * (480 + 12)
    assert height > 4 * 360


def test_an_index_grows_and_keeps_what_it_has(places, weights, capsys):
    index(places, weights)
    assert index(places, weights) == 2
    assert "exists. Pass --extend to add to it" in capsys.readouterr().err
    Image.fromarray(np.full((60, 80), 77, np.uint8)).save(places / "map" / "p4.png")
    assert index(places, weights, "--extend") == 0
    assert "1 pictures added, 4 were there, 0 failed; 5 places" in capsys.readouterr().out
    assert len(PlaceIndex.load(places / "map.npz")) == 5
    assert index(places, weights, "--extend", "--modality", "rgb") == 2
    assert "holds thermal pictures, these are rgb" in capsys.readouterr().err
    assert index(places, weights, "--extend", "--model", "tiny.other") == 2
    assert "Use that model, or make the index again" in capsys.readouterr().err


def test_a_bad_picture_is_named_and_the_others_are_done(places, weights, capsys):
    (places / "map" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nthis is not one")
    assert index(places, weights) == 2
    said = capsys.readouterr()
    assert "broken.png" in said.err
    assert "4 pictures added, 0 were there, 1 failed" in said.out
    (places / "drive" / "broken.png").write_bytes(b"nothing")
    assert query(places, weights, "--json") == 2
    said = capsys.readouterr()
    assert "broken.png" in said.err
    assert len(json.loads(said.out)["queries"]) == 4


def test_frames_of_a_longer_file_are_places_of_their_own(places, weights, capsys):
    pages = [Image.open(places / "map" / f"p{i}.png") for i in (2, 0)]
    pages[0].save(places / "flight.tiff", save_all=True, append_images=pages[1:])
    for page in pages:
        page.close()
    words = ["--out", str(places / "map.npz"), "--model", "tiny.place", "--weights", str(weights)]
    assert main(["place", "index", str(places / "flight.tiff"), *words]) == 0
    capsys.readouterr()
    picture = ["--k", "1", "--picture", str(places / "sheet.png")]
    assert query(places, weights, "--json", *picture) == 0
    found = json.loads(capsys.readouterr().out)["queries"]
    assert found[0]["matches"][0]["name"].endswith("flight.tiff#1")
    assert found[2]["matches"][0]["name"].endswith("flight.tiff#0")
    with Image.open(places / "sheet.png") as sheet:
        pixels = np.asarray(sheet, dtype=float)
    first, second = pixels[40:380, 20:460], pixels[40:380, 512:952]  # query 0 and its match
    assert np.corrcoef(first.ravel(), second.ravel())[0, 1] > 0.9


def test_eval_is_the_verb_eval(weights, capsys):
    with pytest.raises(SystemExit):
        main(["place", "eval", "--help"])
    assert "--protocol" in capsys.readouterr().out


def test_mistakes_are_told(places, weights, capsys):
    assert main(["place", "indx"]) == 2
    assert "unknown place command 'indx'. Did you mean 'index'" in capsys.readouterr().err
    assert query(places, weights) == 2
    assert "no index at" in capsys.readouterr().err
    (places / "track.csv").write_text("file,x\np0,1\n")
    assert index(places, weights, "--positions", str(places / "track.csv")) == 2
    assert "must be CSV with the columns name, x_m, y_m" in capsys.readouterr().err
    empty = places / "none"
    empty.mkdir()
    assert main(["place", "index", str(empty), "--out", "x.npz"]) == 2


def test_every_flag_on_the_page_exists(capsys):
    lines = [
        shlex.split(line.split(" #")[0])
        for line in re.findall(r"^\$ thermoscope place (.+)$", PAGE, re.MULTILINE)
    ]
    assert {words[0] for words in lines} == {"index", "query", "eval"}
    for command in ("index", "query", "eval"):
        with pytest.raises(SystemExit):
            main(["place", command, "--help"])
        known = set(re.findall(r"--[a-z][a-z0-9.-]*", capsys.readouterr().out))
        used = {w for words in lines if words[0] == command for w in words if w.startswith("--")}
        assert used <= known, command
    with pytest.raises(SystemExit, match="0"):
        main(["place", "--help"])
    assert "--positions" in capsys.readouterr().out


def test_files_are_kept_and_flags_do_not_cancel_out(places, weights, capsys):
    assert index(places, weights) == 0
    assert index(places, weights, "--extend", "--overwrite") == 2
    assert "give one of them" in capsys.readouterr().err
    picture = places / "sheet.png"
    picture.write_bytes(b"mine")
    assert query(places, weights, "--picture", str(picture)) == 2
    assert picture.read_bytes() == b"mine"
    assert query(places, weights, "--picture", str(picture), "--overwrite") == 0
    assert picture.read_bytes() != b"mine"


def test_no_result_replaces_an_input(places, weights, capsys):
    asked, words = places / "drive" / "q1.png", ["--weights", str(weights)]
    assert index(places, weights) == 0
    before = asked.read_bytes()
    assert query(places, weights, "--picture", str(asked), "--overwrite") == 2
    assert "q1.png is an input: it is kept" in capsys.readouterr().err
    more = ["--model", "tiny.place", "--overwrite", *words]
    assert main(["place", "index", str(places / "drive"), "--out", str(asked), *more]) == 2
    assert "q1.png is an input: it is kept" in capsys.readouterr().err
    assert asked.read_bytes() == before


def test_positions_without_height_and_unknown_ones(places, weights, capsys):
    track = places / "track.csv"
    track.write_text("name,x_m,y_m,z_m\np0,1,2,nan\np1,3,4,\np2,5,6,7\n")
    assert index(places, weights, "--positions", str(track)) == 0
    assert PlaceIndex.load(places / "map.npz").positions_m[:3].tolist() == [
        [1, 2, 0], [3, 4, 0], [5, 6, 7],
    ]  # fmt: skip
    for row in ("p0,nan,2,0", "p0,1,inf,0", "p0,1,2,inf"):
        track.write_text(f"name,x_m,y_m,z_m\n{row}\n")
        assert index(places, weights, "--positions", str(track), "--overwrite") == 2
        assert "the position of 'p0' is (" in capsys.readouterr().err


def test_a_position_that_is_no_number_is_not_known(places, weights, capsys):
    assert index(places, weights) == 0
    made = PlaceIndex.load(places / "map.npz")
    made.positions_m[:] = [[0, 0, np.nan], [np.inf, 0, 0], [0, np.nan, 0], [1, 2, 3]]
    made.save(places / "map.npz")
    capsys.readouterr()
    assert query(places, weights, "--json", "--k", "1") == 0
    found = json.loads(capsys.readouterr().out)["queries"]
    assert [q["matches"][0]["position_m"] for q in found] == [None, None, None, [1, 2, 3]]


def test_an_index_that_grows_takes_positions_of_what_is_there(places, weights, capsys):
    track = places / "track.csv"
    track.write_text("name,x_m,y_m\np0,1,2\n")
    assert index(places, weights, "--positions", str(track)) == 0
    track.write_text("name,x_m,y_m\np0,8,8\np1.png,3,4\np2,5,6\n")
    capsys.readouterr()
    assert index(places, weights, "--extend", "--positions", str(track)) == 0
    said = capsys.readouterr().out
    assert "0 pictures added, 4 were there (2 of them got their position), 0 failed" in said
    found = PlaceIndex.load(places / "map.npz").positions_m
    assert found[:3].tolist() == [[1, 2, 0], [3, 4, 0], [5, 6, 0]]  # what was there is kept
    assert np.isnan(found[3]).all()


def test_an_index_without_the_name_of_its_model_is_told(places, weights, capsys):
    nameless = PlaceIndex(2)
    nameless.add([[1, 0]], ["a"])
    nameless.save(places / "map.npz")
    assert query(places, weights) == 2
    assert "map.npz does not name its model" in capsys.readouterr().err
    assert 'PlaceIndex(model.dims, model="anythermal_small.place"' in PAGE


def test_what_cannot_be_written_or_asked_is_told_before_the_work(
    places, weights, capsys, monkeypatch
):
    def never(*_, **__):
        pytest.fail("the model was loaded")

    assert index(places, weights) == 0
    monkeypatch.setattr("thermoscope.cli.place._model", never)
    monkeypatch.setattr("thermoscope.cli.place._model_name", never)
    words = ["place", "index", str(places / "map"), "--weights", str(weights), "--overwrite"]
    assert main([*words, "--out", str(places)]) == 2
    assert "is a folder. Give a file: " in capsys.readouterr().err
    assert main([*words, "--out", str(places / "map" / "p0.png" / "m.npz")]) == 2
    assert "that is a file" in capsys.readouterr().err
    for more, text in (
        (["--k", "0"], "--k must be at least 1, got 0"),
        (["--sequence", "0"], "--sequence must be at least 1, got 0"),
        (["--picture", "found.jpg"], "--picture must end in .png"),
        (["--picture", str(places / "map.npz" / "a.png")], "that is a file"),
    ):
        assert query(places, weights, *more) == 2
        assert text in capsys.readouterr().err
    assert main(["place", "query", str(places / "drive" / "q0.png"), str(places / "map.npz")]) == 2
    said = capsys.readouterr().err
    assert "q0.png is not a place index, or a damaged one" in said
    assert "pickle" not in said


def test_a_thermal_picture_is_not_taken_as_colour(places, weights, capsys):
    counts = np.arange(4800, dtype=np.uint16).reshape(60, 80)
    Image.fromarray(counts).save(places / "map" / "p0.png")
    assert index(places, weights, "--modality", "rgb") == 2
    said = capsys.readouterr().err
    assert said.startswith(f"thermoscope: {places / 'map' / 'p0.png'}: the frame holds no 8-bit")
    assert "--modality thermal" in said
