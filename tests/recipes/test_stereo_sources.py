"""Recordings without truth and data sets with a little of it, as pairs to learn stereo from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.fakes.tiny_weights import write_tiny_stereo

from thermoscope.cli.main import main
from thermoscope.core.errors import ConfigError, ReadError, UnknownNameError
from thermoscope.io.write import write_image
from thermoscope.models.load import load_model
from thermoscope.models.thermostereort import thermostereort_tiny
from thermoscope.recipes.stereo_sources import RealPairs, own_pairs, samples_of
from thermoscope.recipes.stereo_store import StereoStore, pair_of
from thermoscope.recipes.thermostereort import (
    PRESETS,
    StereoData,
    StereoTask,
    _stores,
    agreement,
    run,
)

TINY = PRESETS["tiny"]
A, B = Path("a"), Path("b")


def only(real: RealPairs) -> StereoData:
    """Nothing rendered."""
    return StereoData(scenes=0, retextured=0, val=0, real=real)


def record(folder: Path, count: int, *, black: int = -1, frozen: int = -1) -> RealPairs:
    """Pairs of 12-bit texture, disparity 4; one frame may be black, one a repetition."""
    for side in ("left", "right"):
        for number in range(count):
            rng = np.random.default_rng(number - (number == frozen))
            view = np.kron(rng.integers(3000, 4000, (24, 40)), np.ones((2, 2))).astype(np.uint16)
            view = np.zeros_like(view) if (number, side) == (black, "right") else view
            (folder / side).mkdir(parents=True, exist_ok=True)
            write_image(folder / side / f"{number}.png", np.roll(view, -4 * (side == "right"), 1))
    return RealPairs(left=folder / "left", right=folder / "right")


def test_bad_pairs_are_left_out_and_a_fifth_is_held_out(tmp_path: Path) -> None:
    chosen = record(tmp_path, 12, black=3, frozen=7)
    learned, skipped = own_pairs(chosen)
    held_out, _ = own_pairs(chosen, held_out=True)
    assert learned.places == (0, 1, 2, 4, 6, 8, 9, 10)
    assert held_out.places == (5, 11)
    assert [(s.index, s.reason[:14]) for s in skipped] == [
        (3, "right is black"),
        (7, "left and right"),
    ]
    assert own_pairs(replace(chosen, every=4))[0].places == (0, 4, 8)
    assert own_pairs(replace(chosen, count=3))[0].places == (0, 1, 2)


def test_a_first_pair_that_is_bad_does_not_end_the_search(tmp_path: Path) -> None:
    assert own_pairs(record(tmp_path, 4, black=0))[0].places == (1, 2, 3)


def test_a_recorded_pair_keeps_its_contrast_and_has_no_truth(tmp_path: Path) -> None:
    chosen = record(tmp_path, 2)
    sample = samples_of(chosen)[1]
    pair = pair_of(sample)
    assert pair.left.shape == (48, 80)
    assert not pair.valid.any()
    assert pair.valid_right is not None
    assert not pair.valid_right.any()
    assert np.array_equal(np.roll(pair.left, -4, axis=1), pair.right)  # one scale for both views
    stored = np.asarray(np.unique(pair.left)).astype(float)
    assert (stored[0], stored[-1]) == (0, 65535)
    assert len(stored) > 400  # 12-bit levels are not squeezed into 8


def test_pixels_without_a_value_get_the_middle(tmp_path: Path) -> None:
    for side in ("left", "right"):
        view = np.random.default_rng(0).normal(300, 5, (48, 80)).astype(np.float32)
        view[:5] = np.nan if side == "left" else view[:5]
        (tmp_path / side).mkdir()
        write_image(tmp_path / side / "0.tiff", view)
    chosen = RealPairs(left=tmp_path / "left", right=tmp_path / "right")
    left = pair_of(samples_of(chosen)[0]).left
    assert len(np.unique(left[:5])) == 1
    assert 20_000 < left[0, 0] < 45_000


def test_truth_of_the_left_view_alone_is_moved_to_the_right_one() -> None:
    disparity = np.zeros((1, 1, 8), np.float32)
    valid = np.zeros((1, 1, 8), bool)
    for x, px in ((3, 2.0), (6, 5.0), (1, 3.0)):  # two meet at 1, the nearer wins; one leaves
        disparity[0, 0, x], valid[0, 0, x] = px, True
    view = np.arange(8, dtype=np.uint16)[None, None]
    pair = pair_of({"counts": view, "counts_right": view, "disparity": disparity, "valid": valid})
    assert pair.valid_right is not None
    assert pair.disparity_right is not None
    assert np.flatnonzero(pair.valid_right).tolist() == [1]
    assert pair.disparity_right[0, 1] == 5.0


@pytest.mark.parametrize(
    ("share", "real", "rendered", "times"),
    [(0.5, 20, 400, 20), (0.5, 500, 400, 1), (0.2, 10, 400, 10), (0.9, 3, 0, 1), (0, 5, 100, 1)],
)
def test_pairs_are_repeated_to_their_share(
    share: float, real: int, rendered: int, times: int
) -> None:
    assert RealPairs(left=A, right=B, share=share).repeats(real, rendered) == times


def test_wrong_choices_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="a pair has two views"):
        RealPairs(left=A)
    with pytest.raises(ConfigError, match="are two sources: choose one"):
        RealPairs(left=A, right=B, data="ms2")
    with pytest.raises(ConfigError, match="scenes are rendered"):
        RealPairs(data="scenes")
    with pytest.raises(ConfigError, match="share must lie in"):
        RealPairs(share=1.0)
    with pytest.raises(ConfigError, match="--teacher thermostereort_base"):
        replace(TINY, data=only(RealPairs(left=A, right=B)))
    with pytest.raises(ConfigError, match="there must be a pair to learn from"):
        StereoData(scenes=0, retextured=0)
    with pytest.raises(ConfigError, match="leaves the teacher nothing to say"):
        run(replace(TINY, teacher="thermostereort_fast"), tmp_path / "out")
    with pytest.raises(UnknownNameError, match="'ms3'"):
        samples_of(RealPairs(data="ms3", root=tmp_path))
    with pytest.raises(ConfigError, match="needs the folder"):
        samples_of(RealPairs(data="ms2"))
    with pytest.raises(ConfigError, match="no recording is named"):
        own_pairs(RealPairs())
    with pytest.raises(ReadError, match="given as left and as right"):
        own_pairs(RealPairs(left=A, right=A))
    with pytest.raises(ReadError, match="hold no pair to learn from: right is black"):
        own_pairs(record(tmp_path / "dark", 1, black=0))


def test_a_recording_is_learned_from_what_a_teacher_says(tmp_path: Path) -> None:
    write_tiny_stereo(tmp_path / "teacher")
    real = replace(record(tmp_path / "rec", 6), share=0.5)
    config = replace(
        TINY,
        tag="own",
        teacher="thermostereort_tiny",
        teacher_folder=tmp_path / "teacher",
        data=replace(TINY.data, scenes=4, val=0, real=real),
        loop=replace(TINY.loop, steps=2),
    )
    stores, _ = _stores(config, tmp_path / "out")
    assert [len(store) for store in stores] == [4, 5]
    assert [store.teacher is not None for store in stores] == [False, True]
    result = run(config, tmp_path / "out")
    assert set(result.scores) == {"own_agree_before", "own_agree"}
    assert all(0 <= share <= 1 for share in result.scores.values())
    card = load_model("thermostereort_tiny.own", folder=tmp_path / "out").card
    assert {source.name for source in card.sources} == {"scenes", "own", "thermostereort_tiny"}
    assert "--data.real.left left" in card.command


def test_truth_of_a_data_set_is_not_made_sparser(tmp_path: Path) -> None:
    dense = {key: np.ones((1, 48, 64), np.float32) for key in ("disparity", "disparity_right")}
    view = np.arange(48 * 64, dtype=np.uint16).reshape(1, 48, 64)
    sample = {"counts": view, "counts_right": view, "valid": np.ones((1, 48, 64), bool), **dense}
    config = replace(TINY, truth="sparse", sparse_share=0.05)
    shares = [
        float(
            StereoTask(
                config,
                thermostereort_tiny(),
                [StereoStore(tmp_path / str(rendered), [sample] * 2, rendered=rendered)],
            )
            .batch(0, 0, 1)["valid"]
            .float()
            .mean()
        )
        for rendered in (True, False)
    ]
    assert shares[0] < 0.1
    assert shares[1] == 1


def test_agreement_is_whole_where_views_are_equal_and_leaves_the_mode_alone() -> None:
    network = load_model("thermostereort_fast")
    view = np.random.default_rng(0).normal(3500, 50, (1, 48, 112))
    view = np.kron(view[:, :24, :56], np.ones((1, 2, 2)))
    network.train()
    same, other = (
        agreement(network, [{"counts": view, "counts_right": right}])
        for right in (view, view[:, ::-1, ::-1])
    )
    assert network.training
    assert same > other


def test_a_data_set_with_truth_needs_no_teacher(tmp_path: Path) -> None:
    words = ["--layout", "ms2", "--environment", "urban", "--count", "2", "--preset", "tiny"]
    assert main(["scenes", "render", str(tmp_path / "ms2"), *words]) == 0
    real = RealPairs(data="ms2", root=tmp_path / "ms2")
    config = replace(TINY, data=only(real))
    (store,), val = _stores(config, tmp_path / "out")
    assert val is None
    pair = store[0]
    assert pair.valid.any()
    assert pair.valid_right is not None
    assert pair.valid_right.any()
    assert run(replace(config, loop=replace(TINY.loop, steps=2)), tmp_path / "out").steps == 2


@pytest.mark.real
def test_a_teacher_answers_for_most_of_a_real_pair(real_data: Path, tmp_path: Path) -> None:
    real = RealPairs(
        left=real_data / "stereo" / "ms2" / "left" / "000011_thr.png",
        right=real_data / "stereo" / "ms2" / "right" / "000011_thr.png",
    )
    config = replace(
        PRESETS["own"],
        teacher="thermostereort_fast",
        data=only(real),
    )
    (store,), _ = _stores(config, tmp_path)
    pair = store[0]
    assert pair.taught is not None
    assert pair.teacher is not None
    assert pair.taught.mean() > 0.5
    road = pair.teacher[200:, 200:400]
    assert road[-20:].mean() > road[:20].mean() > 0  # nearer below
    assert torch.isfinite(torch.from_numpy(pair.left)).all()
