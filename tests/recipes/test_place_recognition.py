"""Training a place descriptor on pictures made here: batches, learning, weights that load."""

import csv
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from thermoscope.core.config import read_config
from thermoscope.core.errors import ConfigError
from thermoscope.engine.evaluate_retrieval import evaluate_retrieval
from thermoscope.engine.loop import LoopConfig
from thermoscope.engine.place_views import PlaceChoice
from thermoscope.models.place import build, place_model
from thermoscope.recipes.pair_views import Pair
from thermoscope.recipes.place_moments import Moments, PlaceSource, load_moments
from thermoscope.recipes.place_recognition import PRESETS, UNCHANGED, PlaceConfig, PlaceTask, run

SMALL = {"clusters": 4, "dims": 4, "global_dims": 4, "hidden": 8, "size_px": (28, 42)}


@pytest.fixture
def collection(tmp_path):
    """Eight pairs in the layout of the collection of real pairs: thermal is blue, inverted."""
    rng = np.random.default_rng(7)
    rows = []
    for number in range(8):
        blocks = rng.integers(0, 255, (4, 6, 3)).astype(np.uint8)
        rgb = np.kron(blocks, np.ones((10, 10, 1), np.uint8))
        Image.fromarray(rgb).save(tmp_path / f"{number:05d}_rgb.png")
        Image.fromarray(255 - rgb[:, :, 2]).save(tmp_path / f"{number:05d}.png")
        for split in ("train", "val"):
            files = [f"{number:05d}_rgb.png", f"{number:05d}.png"]
            rows.append([split, "msrs", *files, "", "urban day"])
    with (tmp_path / "splits.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["split", "source", "rgb", "thermal", "label", "environment"])
        writer.writerows(rows)
    return tmp_path


def config_for(folder, **changes):
    choice = PlaceChoice(data="msrs", root=folder, split="train")
    settings = {
        "backbone": "tiny",
        **SMALL,
        "views": UNCHANGED,
        "variants": 1,
        "train": (PlaceSource(choice),),
        "val": replace(choice, split="val"),
        "loop": LoopConfig(
            steps=3,
            batch_size=4,
            warmup_steps=1,
            log_every=1,
            learning_rate=1e-2,
            precision="32-true",
        ),
    }
    return PlaceConfig(**{**settings, **changes})


def task_for(config):
    torch.manual_seed(0)
    model = build(backbone="tiny", pooling=config.pooling, **{k: getattr(config, k) for k in SMALL})
    return PlaceTask(config, model, [load_moments(source) for source in config.train])


def same(value):
    return value


def road(count=6, rule="metres", **radii):
    picture = np.zeros((20, 30, 3), np.uint8), np.zeros((20, 30), np.uint8)
    pairs = [Pair(*picture, source="road", index=i) for i in range(count)]
    places = torch.tensor([[4.0 * i, 0, 0] for i in range(count)], dtype=torch.float64)
    source = PlaceSource(PlaceChoice(count=1), rule, **radii)
    return Moments(source, pairs, places, torch.zeros(count, dtype=torch.long))


def test_moments_hold_both_pictures_of_a_pair(collection):
    found = load_moments(config_for(collection).train[0])
    assert len(found) == 8
    assert found.pairs[3].name == "msrs/00003"
    assert found.pairs[0].rgb.shape == (40, 60, 3)
    stretched = 255 - found.pairs[0].rgb[:, :, 2].astype(float)
    assert np.corrcoef(stretched.ravel(), found.pairs[0].thermal.ravel())[0, 1] > 0.95
    assert all(len(partners) == 0 for partners in found.partners)


def test_metres_make_partners_and_a_relation_of_pictures():
    found = road(hard=5.0, soft=9.0)
    assert [p.tolist() for p in found.partners] == [[1], [0, 2], [1, 3], [2, 4], [3, 5], [4]]
    relation = found.relation(torch.tensor([0, 0, 1, 2, 3]))  # 0, 0, 4, 8 and 12 m
    assert relation.positive[0].tolist() == [False, True, True, False, False]
    assert relation.negative[0].tolist() == [False, False, False, False, True]


def test_batches_are_filled_with_revisits(rng):
    found = road(count=40, hard=5.0, soft=9.0)
    drawn = found.draw(10, rng, revisit=True)
    assert len(set(drawn)) == 10
    assert all(abs(a - b) == 1 for a, b in zip(drawn[::2], drawn[1::2], strict=True))
    lonely = found.draw(10, np.random.default_rng(1), revisit=False)
    assert sum(abs(a - b) == 1 for a, b in zip(lonely[::2], lonely[1::2], strict=True)) < 4


def test_a_small_source_repeats_to_fill_a_batch(rng):
    drawn = road(count=3).draw(7, rng, revisit=False)
    assert sorted(set(drawn)) == [0, 1, 2]
    assert len(drawn) == 7


@pytest.mark.parametrize("variants", [0, 2])
def test_processes_share_the_batch_of_one(collection, variants):
    task = task_for(config_for(collection, variants=variants))
    whole = task.batch(5, 0, 1)
    halves = [task.batch(5, rank, 2) for rank in (0, 1)]
    for key in {"moments", *(["cls", "grid"] if variants else ["images"])}:
        assert torch.equal(whole[key], torch.cat([half[key] for half in halves])), key
    assert not torch.equal(task.batch(6, 0, 1)["moments"], whole["moments"])
    again = task_for(config_for(collection, variants=variants)).batch(5, 0, 1)
    assert all(torch.equal(whole[key], again[key]) for key in whole)


def test_kept_tokens_are_those_of_the_pictures(collection):
    config = config_for(collection)
    kept, fresh = task_for(config), task_for(replace(config, variants=0))
    kept.module.eval()
    fresh.module.eval()
    first, second = kept.batch(0, 0, 1), fresh.batch(0, 0, 1)
    assert torch.equal(first["moments"], second["moments"])
    losses = kept.losses(first, same)["loss"], fresh.losses(second, same)["loss"]
    torch.testing.assert_close(*losses, atol=2e-3, rtol=0)  # half precision


def test_training_moves_only_the_pooling_and_finds_the_partner(collection):
    task = task_for(config_for(collection))
    frozen = task.model.backbone.state_dict()
    before = {key: value.clone() for key, value in frozen.items()}
    optimizer = torch.optim.Adam(task.model.parameters(), lr=3e-3)
    history = []
    task.module.eval()  # no dropout: the course is steady
    for step in range(60):
        losses = task.losses(task.batch(step, 0, 1), same)
        optimizer.zero_grad()
        losses["loss"].backward()
        optimizer.step()
        history.append(losses["loss"].item())
    assert np.mean(history[-10:]) < 0.8 * np.mean(history[:10])
    assert all(torch.equal(before[key], frozen[key]) for key in before)
    untrained = task_for(config_for(collection)).model.eval()
    choice = task.config.val
    scores = [evaluate_retrieval(m, choice).rows[0].recall[1] for m in (untrained, task.model)]
    assert scores[1] > scores[0]


def test_a_run_leaves_weights_that_load_and_a_card_that_tells(collection, tmp_path):
    config = config_for(collection)
    result = run(config, tmp_path / "run")
    assert [row["step"] for row in result.history] == [1, 2, 3]
    assert set(result.scores) == {"recall_at_1", "recall_at_5", "recall_at_10"}
    model = place_model("tiny.place", folder=tmp_path / "run")
    assert model.dims == 4 * 4 + 4
    assert model.size_px == (28, 42)
    assert model.card.scores["recall_at_10"] == 1
    assert "protocol 'pairs'" in model.card.protocol
    assert {source.name for source in model.card.sources} == {"msrs"}
    assert read_config(PlaceConfig, tmp_path / "run" / "config.yaml") == config
    again = run(config, tmp_path / "again")
    assert again.history[-1]["loss"] == result.history[-1]["loss"]


def test_presets_are_configs_of_the_paper_and_ours():
    paper = PRESETS["paper"]
    assert paper.clusters * paper.dims + paper.global_dims == 8448
    assert (paper.margin, paper.hard_share, paper.per_pair) == (0.15, 0.85, 10)
    assert [s.hard for s in paper.train] == [35, 15, 15, 1, 1]
    assert next(iter(PRESETS)) == "small"


def test_bad_settings(collection):
    with pytest.raises(ConfigError, match="pooling 'cls' has nothing to learn"):
        config_for(collection, pooling="cls")
    with pytest.raises(ConfigError, match="train is empty"):
        PlaceConfig()
    with pytest.raises(ConfigError, match="variants must be 0 or more"):
        config_for(collection, variants=-1)
    with pytest.raises(ConfigError, match="radii must rise"):
        load_moments(PlaceSource(PlaceChoice(data="msrs", root=collection), "metres", 5, 1))
    with pytest.raises(ConfigError, match="has no position. Choose rule 'frames' or 'pair'"):
        load_moments(PlaceSource(PlaceChoice(data="msrs", root=collection), "metres", 5, 9))
    with pytest.raises(ConfigError, match="at least two moments"):
        PlaceTask(config_for(collection), build(backbone="tiny", **SMALL), [road(1)])
