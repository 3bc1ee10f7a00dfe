"""``thermoscope stereo`` on small folders, with a random network of a few kilobytes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tests.fakes.tiny_weights import write_tiny_stereo

from thermoscope.cli.main import main
from thermoscope.geometry.ply import read_ply
from thermoscope.io.write import write_image


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weights")
    write_tiny_stereo(folder)
    return folder


@pytest.fixture
def pairs(tmp_path: Path) -> tuple[str, str]:
    """Two good pairs, the third black on the left."""
    folders = tmp_path / "left", tmp_path / "right"
    for folder in folders:
        folder.mkdir()
        for number in range(3):
            rng = np.random.default_rng(number)
            view = rng.integers(3000, 4000, (32, 48)).astype(np.uint16)
            if number == 2 and folder.name == "left":
                view[:] = 0
            write_image(folder / f"{number}.png", np.roll(view, -4 * (folder.name == "right"), 1))
    return str(folders[0]), str(folders[1])


def run(pairs: tuple[str, str], out: Path, weights: Path, *more: str) -> int:
    words = ["stereo", *pairs, "--out", str(out), "--model", "thermostereort_tiny"]
    return main([*words, "--weights", str(weights), *more])


def test_files_of_each_pair_and_a_summary(
    pairs: tuple[str, str], tmp_path: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run(pairs, out, weights, "--json") == 0
    said = capsys.readouterr()
    summary = json.loads(said.out)
    assert (summary["matched"], summary["skipped_count"]) == (2, 1)
    assert summary["skipped"][0]["reason"] == "left is black or blank: every pixel is 0"
    assert summary["fps"] > 0
    assert "2 skipped: left is black" in said.err
    names = {p.name for p in out.iterdir()}
    assert names == {
        f"{n}_{k}" for n in (0, 1) for k in ("disparity.npy", "confidence.npy", "disparity.png")
    }
    disparity = np.load(out / "0_disparity.npy")
    assert disparity.shape == (32, 48)
    assert disparity.dtype == np.float32


def test_refinement_and_the_second_opinion_are_chosen(
    pairs: tuple[str, str], tmp_path: Path, weights: Path
) -> None:
    found = {}
    for words in (("--second-opinion",), (), ("--no-refine",)):
        out = tmp_path / f"out{len(found)}"
        assert run(pairs, out, weights, *words, "--plain", "--runtime", "torch") == 0
        found[words] = np.load(out / "0_disparity.npy")
    full, quick, bare = found.values()
    assert np.abs(full - bare).max() > 0.5  # a random network, and views that tell the shift
    assert np.abs(full - quick).max() > 0.5
    assert np.abs(quick - bare).max() > 0.01


def test_depth_and_points_where_calibrated(
    pairs: tuple[str, str], tmp_path: Path, weights: Path
) -> None:
    out = tmp_path / "out"
    assert run(pairs, out, weights, "--focal-px", "100", "--baseline-m", "0.2") == 0
    depth, disparity = np.load(out / "0_depth.npy"), np.load(out / "0_disparity.npy")
    seen = depth > 0
    assert np.allclose(depth[seen], 20 / disparity[seen], rtol=1e-4)
    points, colours = read_ply(out / "0_points.ply")
    assert len(points) == seen.sum()
    assert colours is not None


def test_no_result_replaces_another_input(
    pairs: tuple[str, str], tmp_path: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in map(Path, pairs):
        (folder / "0.png").rename(folder / "1_disparity.png")
    before = (Path(pairs[0]) / "1_disparity.png").read_bytes()
    assert run(pairs, Path(pairs[0]), weights, "--overwrite") == 2
    assert "1_disparity.png is an input: it is kept" in capsys.readouterr().err
    assert (Path(pairs[0]) / "1_disparity.png").read_bytes() == before


def test_a_file_that_cannot_be_read_is_told_by_the_status(
    pairs: tuple[str, str], tmp_path: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cut = Path(pairs[1]) / "1.png"
    cut.write_bytes(cut.read_bytes()[:60])
    assert run(pairs, tmp_path / "out", weights, "--json") == 2
    summary = json.loads(capsys.readouterr().out)
    assert (summary["matched"], summary["skipped_count"], summary["unreadable"]) == (1, 2, 1)


def test_the_left_right_check_is_written(
    pairs: tuple[str, str], tmp_path: Path, weights: Path
) -> None:
    out = tmp_path / "out"
    assert run(pairs, out, weights, "--plain") == 0
    assert not (out / "0_valid.npy").exists()
    assert run(pairs, out, weights, "--plain", "--left-right-check", "--overwrite") == 0
    valid = np.load(out / "0_valid.npy")
    assert (valid.shape, valid.dtype) == ((32, 48), np.bool_)
    assert not valid.all()


def test_existing_files_are_kept(
    pairs: tuple[str, str], tmp_path: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run(pairs, out, weights, "--plain") == 0
    assert sorted(p.suffix for p in out.iterdir()) == [".npy"] * 4
    assert run(pairs, out, weights, "--plain") == 2
    assert "exists. Pass --overwrite" in capsys.readouterr().err
    assert run(pairs, out, weights, "--plain", "--overwrite", "--loops", "2") == 0
    assert "4 pairs matched, 2 skipped" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "text"),
    [
        (["--focal-px", "100"], "depth needs both --focal-px and --baseline-m"),
        (["--focal-px", "100", "--baseline-m", "300"], "it seems to be in millimetres. Give 0.3"),
        (["--second-opinion", "--no-refine"], "Give one of them"),
        (["--loops", "0"], "--loops must be at least 1"),
        (["--model", "thermostereort_fast"], "thermoscope train thermostereort --preset fast"),
        (["--model", "unet"], "unknown model 'unet'"),
    ],
)
def test_wrong_words(
    pairs: tuple[str, str],
    tmp_path: Path,
    weights: Path,
    capsys: pytest.CaptureFixture[str],
    more: list[str],
    text: str,
) -> None:
    assert run(pairs, tmp_path / "out", weights, *more) == 2
    assert text in capsys.readouterr().err


def test_one_file_twice_is_refused(
    pairs: tuple[str, str], tmp_path: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run((pairs[0], pairs[0]), tmp_path / "out", weights) == 2
    assert "given as left and as right view" in capsys.readouterr().err


def test_views_are_paired_by_name_not_by_place(
    pairs: tuple[str, str], tmp_path: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (Path(pairs[0]) / "0.png").unlink()
    (Path(pairs[1]) / "2.png").unlink()
    assert run(pairs, tmp_path / "out", weights) == 2
    assert "2 have no partner of the same stem (2.png, 0.png)" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    for path in Path(pairs[1]).iterdir():
        path.rename(path.with_name(f"right_{path.name}"))
    assert run(pairs, tmp_path / "out", weights, "--plain") in (0, 2)  # no stem agrees: by place
    assert (tmp_path / "out" / "1_disparity.npy").is_file()


def test_settings_of_depth_are_not_ignored(
    pairs: tuple[str, str], tmp_path: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(pairs, tmp_path / "out", weights, "--infinity-px", "3") == 2
    assert "are for depth. Give --focal-px and --baseline-m" in capsys.readouterr().err


def test_what_is_odd_about_words_is_told(
    pairs: tuple[str, str],
    tmp_path: Path,
    weights: Path,
    capsys: pytest.CaptureFixture[str],
    recwarn: pytest.WarningsRecorder,
) -> None:
    out = tmp_path / "out"
    assert run(pairs, out, weights, "--focal-px", "100", "--baseline-m", "0.001") == 0
    assert "thermoscope: baseline_m is 1 mm: depth will be coarse" in capsys.readouterr().err
    assert len(recwarn) == 0
    assert run(pairs, out, tmp_path / "nowhere") == 2
    assert "nowhere: there is no such folder" in capsys.readouterr().err
    assert run(pairs, Path(pairs[0]) / "0.png", weights) == 2
    assert "0.png cannot be written into: " in capsys.readouterr().err
