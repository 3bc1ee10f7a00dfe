"""The stereo recipe: learns, resumes exactly, shares a batch, distils."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from thermoscope.core.errors import ConfigError, UnknownNameError
from thermoscope.engine.loop import FitResult, LoopConfig, fit
from thermoscope.models.load import load_model
from thermoscope.models.stereo_teacher import StereoTeacher
from thermoscope.models.thermostereort import thermostereort_tiny
from thermoscope.recipes.stereo_store import StereoStore
from thermoscope.recipes.thermostereort import (
    PRESETS,
    StereoConfig,
    StereoData,
    StereoTask,
    _network,
    _sources,
    _stores,
    _write_weights,
    run,
)

TINY = PRESETS["tiny"]


class Shifted:
    """Random texture, one disparity a pair: 4, 8, 12, 16 px."""

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> Any:
        shift = 4 * (index + 1)
        rng = np.random.default_rng(index)
        scene = np.kron(rng.normal(size=(24, 40)), np.ones((2, 2)))
        scene = np.asarray(3500 + 100 * scene).astype(np.uint16)
        disparity = np.full((1, 48, 64), shift, np.float32)
        return {
            "name": str(index),
            "counts": scene[None, :, :64],
            "counts_right": np.roll(scene, -shift, axis=1)[None, :, :64],
            "disparity": disparity,
            "disparity_right": disparity,
            "valid": np.ones((1, 48, 64), bool),
        }


def task(folder: Path, config: StereoConfig = TINY, **teacher: Any) -> StereoTask:
    store = StereoStore(folder, Shifted(), **teacher)
    return StereoTask(config, thermostereort_tiny(), [store], store)


def test_a_batch_depends_on_the_step_alone_and_processes_share_it(tmp_path: Path) -> None:
    whole = task(tmp_path).batch(3, 0, 1)
    again = task(tmp_path).batch(3, 0, 1)
    parts = [task(tmp_path).batch(3, rank, 2) for rank in range(2)]
    assert whole["left"].shape == (2, 1, 48, 64)
    for key in ("left", "right", "disparity", "valid"):
        assert torch.equal(whole[key], again[key])
        assert torch.equal(whole[key], torch.cat([p[key] for p in parts]))


def test_each_pair_is_seen_once_before_any_again(tmp_path: Path) -> None:
    single = replace(TINY, loop=replace(TINY.loop, batch_size=1))
    seen = [float(task(tmp_path, single).batch(n, 0, 1)["disparity"][0, 0, 0, 0]) for n in range(4)]
    assert sorted(seen) == [4, 8, 12, 16]


def test_truth_outside_the_range_is_not_learned(tmp_path: Path) -> None:
    config = replace(
        TINY, max_disparity_px=12, augmentation=replace(TINY.augmentation, flip="none")
    )
    batches = [task(tmp_path, config).batch(step, 0, 1) for step in range(4)]
    for batch in batches:
        inside = batch["disparity"] < 12
        assert torch.equal(batch["valid"], inside)
    assert not all(bool(b["valid"].all()) for b in batches)


@pytest.mark.parametrize("kind", ["dense", "sparse"])
def test_a_few_steps_lower_the_loss(tmp_path: Path, kind: Any) -> None:
    config = replace(TINY, truth=kind, sparse_share=0.05, loop=replace(TINY.loop, steps=16))
    made = task(tmp_path / "pairs", config)
    history = fit(made, config.loop, tmp_path / "run").history
    first, last = (np.mean([row["truth"] for row in part]) for part in (history[:4], history[-4:]))
    assert last < 0.9 * first


def test_a_stopped_run_goes_on_bit_equal(tmp_path: Path) -> None:
    loop = LoopConfig(steps=4, batch_size=2, warmup_steps=1, log_every=1, checkpoint_every=2)
    config = replace(TINY, loop=loop)
    straight = task(tmp_path / "pairs", config)
    fit(straight, loop, tmp_path / "straight")

    class Stops(StereoTask):
        def batch(self, step: int, rank: int, world_size: int) -> Any:
            if step == 3:
                raise KeyboardInterrupt
            return super().batch(step, rank, world_size)

    store = StereoStore(tmp_path / "pairs", Shifted())
    with pytest.raises(KeyboardInterrupt):
        fit(Stops(config, thermostereort_tiny(), [store]), loop, tmp_path / "stopped")
    resumed = task(tmp_path / "pairs", config)
    fit(resumed, loop, tmp_path / "stopped")
    ours, theirs = straight.module.state_dict(), resumed.module.state_dict()
    assert all(torch.equal(ours[k], theirs[k]) for k in ours)


def test_a_teacher_adds_its_part_where_no_truth_is(tmp_path: Path) -> None:
    teacher = StereoTeacher(
        thermostereort_tiny(seed=1), scales=(1.0,), flip=False, tolerance_px=30, jump_px=90
    )
    config = replace(TINY, truth="sparse", sparse_share=0.03, teacher_ramp=4)
    made = task(tmp_path, config, teacher=teacher)
    batch = made.batch(0, 0, 1)
    assert float(batch["teacher_weight"]) == pytest.approx(0.5 / 4)
    found = made.losses(batch, lambda rows: rows)
    losses = {name: float(value.detach()) for name, value in found.items()}
    assert losses["teacher"] > 0
    assert losses["bins"] > 0
    expected = losses["truth"] + 0.125 * losses["teacher"] + 0.3 * losses["earlier"]
    expected += losses["bins"] + 0.5 * losses["alike"]
    assert losses["loss"] == pytest.approx(expected, rel=1e-5)
    alone = {k: v for k, v in batch.items() if k not in ("teacher", "taught")}
    silent = {**batch, "teacher_weight": torch.tensor(0.0)}
    bins = [float(made.losses(b, lambda rows: rows)["bins"].detach()) for b in (alone, silent)]
    assert bins[0] == pytest.approx(bins[1], rel=1e-4)  # the teacher dilutes no truth
    assert losses["bins"] > bins[0]


def test_a_run_goes_on_from_the_preset_that_is_trained_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = replace(PRESETS["tiny"], loop=replace(TINY.loop, steps=2))
    few = replace(few, data=replace(few.data, scenes=1, val=0))
    monkeypatch.setitem(PRESETS, "few", few)
    still = replace(few.loop, steps=1, learning_rate=1e-12, seed=5)
    run(replace(few, first="few", loop=still), tmp_path / "both")
    run(replace(few, loop=replace(few.loop, seed=5)), tmp_path / "alone")
    both, alone = (
        load_model("thermostereort_tiny", folder=tmp_path / name) for name in ("both", "alone")
    )
    assert "--first few" in both.card.command
    assert (tmp_path / "both" / "first" / "checkpoint.pt").is_file()
    for one, other in zip(both.parameters(), alone.parameters(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-5)
    with pytest.raises(ConfigError, match="trains another network"):
        run(replace(few, first="few", max_disparity_px=16), tmp_path / "other")
    with pytest.raises(UnknownNameError, match="'fow'"):
        run(replace(few, first="fow"), tmp_path / "other")
    with pytest.raises(ConfigError, match="are two starts: choose one"):
        replace(few, first="few", start="thermostereort_fast")


def test_a_teacher_of_a_larger_range_is_not_believed_beyond_that_of_the_network(
    tmp_path: Path,
) -> None:
    far = thermostereort_tiny(max_disparity_px=64, seed=1)
    teacher = StereoTeacher(far, scales=(1.0,), flip=False, tolerance_px=90, jump_px=90)
    narrow = replace(TINY, max_disparity_px=16, truth="sparse", sparse_share=0.03)
    batch = task(tmp_path, narrow, teacher=teacher).batch(0, 0, 1)
    beyond = batch["teacher"] >= 16
    assert beyond.any()
    assert not batch["taught"][beyond].any()
    assert batch["taught"].any()


def test_the_base_network_starts_as_the_shipped_fast_one() -> None:
    views = torch.rand(2, 1, 1, 48, 112)
    network = _network(PRESETS["base"])
    assert network.training
    with torch.inference_mode():
        found = network.eval()(*views)[0]
        assert torch.allclose(found, load_model("thermostereort_fast")(*views)[0], atol=1e-4)
    with pytest.raises(ConfigError, match="does not fit"):
        _network(replace(TINY, start="thermostereort_fast"))


def test_a_start_may_be_weights_of_a_run(tmp_path: Path) -> None:
    start = thermostereort_tiny()
    with torch.no_grad():
        start.trust.fill_(7.0)
    trained = replace(TINY, data=replace(TINY.data, scenes=2, val=0))
    _write_weights(replace(trained, tag="before"), start, FitResult(1), tmp_path)
    went_on = replace(TINY, start="thermostereort_tiny.before", start_folder=tmp_path)
    assert _network(went_on).trust.item() == 7.0
    assert [source.name for source in _sources(went_on)] == ["scenes"]
    with pytest.raises(UnknownNameError, match=r"thermostereort_tiny\.before"):
        _network(replace(went_on, start_folder=None))


def test_an_environment_named_twice_is_learned_twice_as_often_and_scored_once(
    tmp_path: Path,
) -> None:
    data = StereoData(scenes=6, retextured=0, val=4, environments=("indoor", "urban", "indoor"))
    (train,), val = _stores(replace(TINY, data=replace(data, frames_per_scene=2)), tmp_path)
    names = [train.samples.moment(i).place.environment for i in range(6)]
    assert names == ["indoor", "indoor", "urban", "urban", "indoor", "indoor"]
    assert val is not None
    assert [val.samples.moment(i).place.environment for i in (0, 2)] == ["indoor", "urban"]


def test_pairs_of_other_textures_are_kept_elsewhere(tmp_path: Path) -> None:
    data = StereoData(scenes=0, retextured=3, val=0, cache=tmp_path / "cache")
    folders = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "splits.csv").write_text("split,source,rgb,thermal,label,environment\n")
        config = replace(TINY, data=replace(data, textures=tmp_path / name))
        ((store,), _) = _stores(config, tmp_path)
        folders.append(store.folder)
    assert folders[0] != folders[1]


def test_a_card_names_what_the_start_and_the_first_preset_and_the_teacher_saw() -> None:
    names = [source.name for source in _sources(PRESETS["own"])]
    assert {"scenes", "thermostereort_base", "msrs", "hituav", "buffalo_udder"} <= set(names)
    plain = replace(PRESETS["fast"], data=replace(PRESETS["fast"].data, retextured=0))
    assert [source.name for source in _sources(plain)] == [
        "scenes"
    ]  # the first preset has none too
    grown = [source.name for source in _sources(PRESETS["base"])]
    assert grown.count("msrs") == 1
    assert "scenes" in grown
    recorded = replace(
        TINY, data=StereoData(scenes=0, retextured=3), start="thermostereort_fast", first=""
    )
    assert "textures of pairs" in {source.use for source in _sources(recorded)}


@pytest.mark.filterwarnings("ignore:this CPU has no instructions for bfloat16")
def test_a_run_leaves_weights_that_load(tmp_path: Path) -> None:
    data = StereoData(
        scenes=1, retextured=0, val=1, preset="tiny", environments=("indoor",), frames_per_scene=1
    )
    config = replace(TINY, data=data, loop=replace(TINY.loop, steps=2, precision="bf16-mixed"))
    result = run(config, tmp_path / "out")
    assert result.steps == 2
    assert np.isfinite(result.history[-1]["loss"])
    network = load_model("thermostereort_tiny", folder=tmp_path / "out")
    assert network.max_disparity_px == 32
    assert network.card.model == "thermostereort"
    assert set(network.card.scores) == {"epe_px", "bad_1", "bad_3"}
    assert "scenes val, rig tiny" in network.card.protocol
    assert (tmp_path / "out" / "config.yaml").is_file()


def test_bad_settings() -> None:
    with pytest.raises(ConfigError, match=r"crop_px \(50, 64\) must be multiples of 16"):
        replace(TINY, crop_px=(50, 64))
    with pytest.raises(ConfigError, match="there must be a pair to learn from"):
        StereoData(scenes=0, retextured=0)
    with pytest.raises(ConfigError, match="sparse_share must lie in"):
        replace(TINY, sparse_share=0)


def test_a_window_larger_than_the_pairs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"smaller than the window \(64, 64\)"):
        task(tmp_path, replace(TINY, crop_px=(64, 64))).batch(0, 0, 1)
