import json

import numpy as np
import pytest
from tests.fakes.tiny_weights import write_tiny_backbone

from thermoscope.cli.main import main
from thermoscope.io.write import write_image


@pytest.fixture
def folder(tmp_path):
    write_tiny_backbone(tmp_path / "weights")
    frames = tmp_path / "frames"
    frames.mkdir()
    for i in range(3):
        counts = np.random.default_rng(i).integers(0, 4000, (40, 60)).astype(np.uint16)
        write_image(frames / f"f{i}.png", counts)
    return tmp_path


def run(folder, *words, out="out.npz"):
    plain = ["--weights", str(folder / "weights"), "--model", "anythermal_tiny"]
    plain += ["--side-px", "56", "--out", str(folder / out)]
    return main(["features", *map(str, words), *plain])


def test_folder_to_arrays_and_pictures(folder, capsys):
    assert run(folder, folder / "frames", "--grid", "--pictures", folder / "pca") == 0
    with np.load(folder / "out.npz", allow_pickle=False) as stored:
        assert stored["names"].tolist() == ["f0", "f1", "f2"]
        assert stored["descriptor"].shape == (3, 64)
        np.testing.assert_allclose(np.linalg.norm(stored["descriptor"], axis=1), 1, atol=1e-5)
        assert stored["grid/f1"].shape == (32, 4, 4)
    assert len(list((folder / "pca").glob("*.png"))) == 3
    assert "3 frames, 0 failed" in capsys.readouterr().out


def test_a_bad_frame_is_reported_and_the_others_are_kept(folder, capsys):
    (folder / "frames" / "f1.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    assert run(folder, folder / "frames") == 2
    with np.load(folder / "out.npz", allow_pickle=False) as stored:
        assert stored["names"].tolist() == ["f0", "f2"]
    assert "f1.png" in capsys.readouterr().err


def test_results_are_not_overwritten_unasked(folder, capsys):
    assert run(folder, folder / "frames" / "f0.png") == 0
    assert run(folder, folder / "frames" / "f0.png") == 2
    assert "out.npz" in capsys.readouterr().err
    assert run(folder, folder / "frames" / "f0.png", "--overwrite") == 0


def test_pictures_replace_nothing_unasked_and_no_input(folder, capsys):
    frames, pictures = folder / "frames", folder / "pca"
    before = (frames / "f0.png").read_bytes()
    assert run(folder, frames, "--pictures", frames, "--overwrite") == 2
    assert "f0.png is an input: it is kept" in capsys.readouterr().err
    assert (frames / "f0.png").read_bytes() == before
    assert run(folder, frames, "--pictures", pictures) == 0
    assert run(folder, frames, "--pictures", pictures, out="b.npz") == 2
    assert "f0.png exists. Pass --overwrite" in capsys.readouterr().err
    assert run(folder, frames, "--pictures", pictures, "--overwrite") == 0


def test_other_suffix(folder, capsys):
    assert run(folder, folder / "frames", out="out.csv") == 2
    assert ".npz or .parquet" in capsys.readouterr().err


def test_models_lists_and_shows_cards(folder, capsys):
    weights = str(folder / "weights")
    assert main(["models", "--weights", weights, "--json"]) == 0
    assert [row["name"] for row in json.loads(capsys.readouterr().out)] == ["anythermal_tiny"]
    assert main(["models", "--weights", weights]) == 0
    assert "anythermal_base" in capsys.readouterr().out
    assert main(["models", "anythermal_tiny", "--weights", weights, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["arguments"] == {"size": "tiny"}
    assert main(["models", "anythermal_tiny", "--weights", weights]) == 0
    assert "Random numbers." in capsys.readouterr().out


def test_train_help_and_wrong_names(capsys):
    assert main(["train", "--help"]) == 0
    assert "distill_anythermal" in capsys.readouterr().out
    assert main(["train", "distil_anythermal", "--out", "x"]) == 2
    assert "Did you mean 'distill_anythermal'" in capsys.readouterr().err
    assert main(["train", "distill_anythermal", "--preset", "papers", "--out", "x"]) == 2
    assert "Did you mean 'paper'" in capsys.readouterr().err
    with pytest.raises(SystemExit) as stop:
        main(["train", "distill_anythermal", "--help"])
    assert stop.value.code == 0
    assert "--loop.steps" in capsys.readouterr().out
