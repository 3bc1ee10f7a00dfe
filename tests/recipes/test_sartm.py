"""SARTM learns, goes on after a stop, adapts to pairs without labels, and writes usable weights."""

import json
import shutil
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from thermoscope.core.config import read_config
from thermoscope.core.errors import ConfigError, ShapeError, UnitError, UnknownNameError
from thermoscope.engine.labelled_frames import FrameChoice, open_frames
from thermoscope.losses.language import relations
from thermoscope.models.load import load_model
from thermoscope.models.sartm import SIZES, build_sartm
from thermoscope.recipes import sartm
from thermoscope.recipes.catalogue import load_recipe
from thermoscope.recipes.pair_sources import PairSource
from thermoscope.recipes.sartm_adapt import AdaptConfig, AdaptTask
from thermoscope.recipes.sartm_frames import LabelledPair, PairAugmentation, PairFrames, random_view
from thermoscope.recipes.sartm_task import LossWeights, SartmTask

CLASSES = ("ground", "warm", "red")
NETWORK = {**sartm._TINY_NETWORK, "classes": CLASSES, "longest_px": 64}
STILL = PairAugmentation(
    flip=0.5,
    scale=(1.0, 1.0),
    colour=0,
    blur=0,
    dark=0,
    thermal=replace(sartm.Augmentation(), brightness=0, contrast=0, gamma=0),
)


def world(root, count=6):
    """Pairs with a warm square that colour does not show and a red one that thermal does not."""
    rng = np.random.default_rng(4)
    for name in ("rgb", "thermal", "labels"):
        (root / name).mkdir(parents=True)
    for i in range(count):
        counts = rng.integers(20_000, 20_050, (48, 64)).astype(np.uint16)
        rgb, labels = np.full((48, 64, 3), 90, np.uint8), np.zeros((48, 64), np.uint8)
        y, x = rng.integers(0, 24), rng.integers(0, 16)
        counts[y : y + 20, x : x + 16], labels[y : y + 20, x : x + 16] = 23_000, 1
        x += 32
        rgb[y : y + 20, x : x + 16], labels[y : y + 20, x : x + 16] = (0, 0, 250), 2  # BGR
        for name, picture in (("rgb", rgb), ("thermal", counts), ("labels", labels)):
            cv2.imwrite(str(root / name / f"{i}.png"), picture)
    return root


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    return world(tmp_path_factory.mktemp("world") / "pairs")


def config_of(root, *, steps=8, **changes):
    base = sartm.PRESETS["tiny"]
    choice = FrameChoice("pairs", root, split="train", classes=CLASSES)
    loop = replace(base.loop, steps=steps, batch_size=2, learning_rate=5e-3)
    return replace(
        base, **{"train": choice, "val": replace(choice, split="val"), "size_px": (48, 64),
                 "crop_px": (48, 64), "loop": loop, "augmentation": STILL, **changes}
    )  # fmt: skip


def task_of(*, text=None, batch_size=2, **weights):
    torch.manual_seed(0)
    model = build_sartm(**NETWORK, text_width=0 if text is None else text.shape[1])
    found = [
        LabelledPair(np.zeros((48, 64, 3), np.uint8), np.zeros((48, 64), np.float16), labels)
        for labels in (np.arange(48 * 64).reshape(48, 64) // 1024 % 3).astype(np.uint8)[None]
    ]
    frames = PairFrames(model, found, (48, 64), STILL)
    return SartmTask(
        model,
        frames,
        batch_size=batch_size,
        weights=LossWeights(**weights),
        terms=("cross_entropy",),
        loss_stride=2,
        text=text,
    )


def test_training_lowers_the_loss_and_scores_every_input(pairs, tmp_path):
    result = sartm.run(config_of(pairs, steps=10), tmp_path)
    losses = [row["loss"] for row in result.history]
    assert np.mean(losses[-3:]) < 0.8 * np.mean(losses[:2])
    assert set(result.scores) == {
        "miou", "miou_strict", "miou_foreground", "macc", "pixel_accuracy",
        "miou_rgb", "miou_thermal",
    }  # fmt: skip
    assert all(0 <= value <= 1 for value in result.scores.values())
    assert {"classes_fused", "classes_rgb", "classes_thermal", "prototype", "cross_scores"} <= set(
        result.history[0]
    )


def test_weights_load_by_name_and_know_their_words(pairs, tmp_path):
    text = np.eye(3, 5, dtype=np.float32)
    config = config_of(pairs, steps=2, score=False, tag="own")
    sartm.run(config, tmp_path, text=text)
    model = load_model("tiny.own", folder=tmp_path)
    sample = open_frames(config.train, truth="labels")[0]
    found = model.predict(sample["rgb"], sample["counts"][0])
    assert found.classes == CLASSES
    assert found.labels.shape == (48, 64)
    assert model.text.text_width == 5
    assert model.prototypes.seen.all()
    card = model.card
    assert card.protocol == "not scored"
    assert [source.name for source in card.sources] == ["pairs"]
    assert read_config(sartm.SartmConfig, tmp_path / "config.yaml") == config


def test_a_run_that_stopped_goes_on_exactly(pairs, tmp_path):
    config = config_of(pairs, steps=4, score=False)
    config = replace(config, loop=replace(config.loop, checkpoint_every=2))
    sartm.run(config, tmp_path / "whole")

    class PowerCutError(Exception):
        """In the middle of a step."""

    def interrupted(self, step, rank, world_size):
        if step == 3:
            raise PowerCutError
        return original(self, step, rank, world_size)

    original = SartmTask.batch
    SartmTask.batch = interrupted
    try:
        with pytest.raises(PowerCutError):
            sartm.run(config, tmp_path / "stopped")
    finally:
        SartmTask.batch = original
    sartm.run(config, tmp_path / "stopped")
    whole, again = (load_file(tmp_path / d / "tiny.safetensors") for d in ("whole", "stopped"))
    assert "prototypes.means" in whole
    assert all(torch.equal(whole[key], again[key]) for key in whole)


def test_kept_features_give_the_losses_of_the_trunk_itself():
    torch.manual_seed(0)
    model = build_sartm(**{**NETWORK, "lora_rank": 0}).eval()
    stored = [pair_of(seed) for seed in range(3)]
    frames = [PairFrames(model, stored, (48, 64), STILL, keep_features=keep) for keep in (0, 1)]
    tasks = [
        SartmTask(model, f, batch_size=2, weights=LossWeights(), terms=("dice",)) for f in frames
    ]
    plain, kept = (task.losses(task.batch(3, 0, 1), lambda rows: rows) for task in tasks)
    assert "rgb_0" in frames[1].batch(3, 0, 1, batch_size=2)
    for name in plain:
        torch.testing.assert_close(plain[name], kept[name], atol=2e-3, rtol=2e-2)  # kept in half


def test_kept_features_serve_other_runs_of_the_same_pictures(monkeypatch):
    model = build_sartm(**{**NETWORK, "lora_rank": 0}).eval()
    kept = {}
    first = PairFrames(model, [pair_of(0)], (48, 64), STILL, keep_features=True, kept=kept)
    before = [first.batch(step, 0, 1, batch_size=1) for step in range(6)]  # mirrored and not
    assert len(kept) == 4
    monkeypatch.setattr(model.encoder, "tokens", lambda *_: pytest.fail("looked again"))
    again = PairFrames(model, [pair_of(0)], (48, 64), STILL, keep_features=True, kept=kept)
    for step, batch in enumerate(before):
        found = again.batch(step, 0, 1, batch_size=1)
        assert all(torch.equal(found[key], batch[key]) for key in batch)
    other = PairFrames(model, [pair_of(1)], (48, 64), STILL, keep_features=True, kept=kept)
    with pytest.raises(pytest.fail.Exception, match="looked again"):
        other.batch(0, 0, 1, batch_size=1)


def test_features_of_other_layers_are_kept_apart():
    kept, batches = {}, []
    for layers in ([0, 1, 2], [1, 2, 3]):
        model = build_sartm(**{**NETWORK, "lora_rank": 0, "layers": layers}).eval()
        frames = PairFrames(model, [pair_of(0)], (48, 64), STILL, keep_features=True, kept=kept)
        batches.append(frames.batch(0, 0, 1, batch_size=1))
    assert len(kept) == 4  # of either: colour and thermal
    assert not torch.equal(batches[0]["thermal_0"], batches[1]["thermal_0"])


def test_unseen_classes_count_for_nothing_and_are_answered_by_name(pairs, tmp_path):
    text = np.eye(2, 4, dtype=np.float32)
    config = config_of(pairs, steps=2, unseen=("warm",), tag="fewer")
    result = sartm.run(config, tmp_path, text=text)
    assert result.scores == {}  # heads without "warm" cannot be scored on data that has it
    model = load_model("tiny.fewer", folder=tmp_path)
    assert model.classes == ("ground", "red")
    assert "--unseen warm" in model.card.command
    data = open_frames(config.train, truth="labels")
    truth = np.asarray(data[0]["labels"][0])
    learned = next(sartm._pairs(config, model, data)).labels
    np.testing.assert_array_equal(learned, np.choose(truth, [0, 255, 1]))
    found = model.predict(data[0]["rgb"], data[0]["counts"][0], classes=CLASSES, text=np.eye(3, 4))
    assert found.classes == CLASSES
    with pytest.raises(UnknownNameError, match="'worm'"):
        sartm.run(replace(config, unseen=("worm",)), tmp_path / "b", text=text)


def pair_of(seed, shape=(48, 64)):
    rng = np.random.default_rng(seed)
    return LabelledPair(
        rng.integers(0, 255, (*shape, 3)).astype(np.uint8),
        rng.random(shape).astype(np.float16),
        rng.integers(0, 3, shape).astype(np.uint8),
    )


def test_processes_share_a_batch_and_a_view_depends_on_its_step_alone():
    model = build_sartm(**NETWORK)
    frames = PairFrames(model, [pair_of(seed) for seed in range(5)], (32, 48))
    whole = frames.batch(7, 0, 1, batch_size=4)
    halves = [frames.batch(7, rank, 2, batch_size=4) for rank in (0, 1)]
    for name, rows in whole.items():
        assert torch.equal(rows, torch.cat([half[name] for half in halves]))
    assert whole["rgb"].shape == (4, 3, 32, 48)
    assert not torch.equal(frames.batch(8, 0, 1, batch_size=4)["rgb"], whole["rgb"])


def test_a_view_of_everything_is_the_pair_and_flips_all_three_alike():
    model = build_sartm(**NETWORK)
    plain = replace(STILL, flip=0.0, rgb_missing=0, thermal_missing=0)
    stored = pair_of(0)
    row = PairFrames(model, [stored], (48, 64), plain).batch(0, 0, 1, batch_size=1)
    mirrored = PairFrames(model, [stored], (48, 64), replace(plain, flip=1.0)).batch(
        0, 0, 1, batch_size=1
    )
    assert (row["labels"][0].numpy() == stored.labels).all()
    spec = model.input_spec
    grey = row["thermal"][0, 0] * spec.std[0] + spec.mean[0]
    np.testing.assert_allclose(grey, stored.thermal.astype(np.float32), atol=1e-6)
    for name in ("rgb", "thermal", "labels"):
        assert torch.equal(mirrored[name], row[name].flip(-1))
    assert row["rgb_seen"].all()
    assert row["thermal_seen"].all()


@pytest.mark.parametrize("rotation_deg", [0.0, 180.0])
def test_enlarged_and_turned_views_keep_pictures_and_labels_together(rotation_deg):
    """Labels are the picture's own red: they must still be after any window."""
    model = build_sartm(**NETWORK)
    labels = np.kron(np.arange(12).reshape(3, 4) % 3, np.ones((16, 16))).astype(np.uint8)
    stored = LabelledPair(
        np.repeat(labels[:, :, None] * 100, 3, axis=2),
        (labels / 2).astype(np.float16),
        labels,
    )
    augmentation = replace(STILL, scale=(0.6, 2.5), rotation_deg=rotation_deg)
    batch = PairFrames(model, [stored], (48, 64), augmentation).batch(2, 0, 1, batch_size=6)
    spec = model.input_spec
    red = batch["rgb"][:, 0] * spec.std[0] + spec.mean[0]
    inside = batch["labels"] != 255
    assert not inside.all()  # some windows reach beyond the picture
    same = (red * 2.55).round().long() == batch["labels"]
    assert same[inside].float().mean() > 0.85  # borders are mixed
    assert (red[~inside].abs() < 1e-5).float().mean() > 0.8


def test_a_view_turns_about_its_middle():
    labels = np.zeros((49, 65), np.uint8)
    labels[:, 28:37] = 1  # an upright bar through the middle
    pair = LabelledPair(None, labels.astype(np.float16), labels)
    turns = replace(STILL, rotation_deg=180.0)
    views = [
        random_view(pair, (49, 65), turns, np.random.default_rng(seed), flipped=False)["labels"]
        for seed in range(8)
    ]
    assert all(view[24, 32] == 1 for view in views)
    still = torch.from_numpy(labels)
    assert sum(not torch.equal(view[20:29], still[20:29]) for view in views) >= 6
    with pytest.raises(ConfigError, match="rotation_deg"):
        replace(STILL, rotation_deg=200.0)
    assert not turns.only_flips


def test_boxes_are_enough_to_learn_from(tmp_path):
    """Warm squares with boxes around them and no masks."""
    root = world(tmp_path / "pairs", count=10)
    boxes, images = [], []
    for i in range(10):
        at = np.argwhere(cv2.imread(str(root / f"labels/{i}.png"), cv2.IMREAD_UNCHANGED) == 1)
        (top, left), (bottom, right) = at.min(axis=0).tolist(), at.max(axis=0).tolist()
        side = [left - 1, top - 1, right - left + 3, bottom - top + 3]
        boxes.append({"image_id": i, "category_id": 0, "bbox": side})
        images.append({"id": i, "file_name": f"{i}.png"})
    shutil.rmtree(root / "labels")
    content = {"categories": [{"id": 0, "name": "Warm"}], "images": images, "annotations": boxes}
    (root / "boxes.json").write_text(json.dumps(content))
    choice = FrameChoice("folder", root)
    config = config_of(
        root, steps=60, inputs="thermal", train=choice, val=replace(choice, split="val")
    )
    result = sartm.run(config, tmp_path / "run")
    assert result.scores["miou_foreground"] > 0.5
    assert load_model("tiny", folder=tmp_path / "run").classes == ("background", "warm")


def test_one_picture_of_a_pair_may_be_missing_but_never_both():
    model = build_sartm(**NETWORK)
    augmentation = replace(STILL, rgb_missing=0.4, thermal_missing=0.4)
    frames = PairFrames(model, [pair_of(0)], (48, 64), augmentation)
    batch = frames.batch(0, 0, 1, batch_size=64)
    rgb, thermal = batch["rgb_seen"], batch["thermal_seen"]
    assert (rgb | thermal).all()
    assert 10 < (~rgb).sum() < 40
    assert 10 < (~thermal).sum() < 40


def test_words_and_branches_count_only_if_weighed():
    text = torch.eye(3, 4)
    everything = task_of(text=text)
    nothing = task_of(relation=0, prototype=0, cross_scores=0, cross_features=0)
    full, bare = (
        set(task.losses(task.batch(0, 0, 1), lambda rows: rows)) for task in (everything, nothing)
    )
    assert bare == {"classes_fused", "classes_rgb", "classes_thermal", "loss"}
    assert full - bare == {"prototype", "relation", "text", "cross_scores", "cross_features"}


def test_the_memory_of_classes_moves_in_training_only():
    task = task_of(text=torch.eye(3, 4))
    task.model.eval()
    task.losses(task.batch(0, 0, 1), lambda rows: rows)
    assert not task.model.prototypes.seen.any()
    task.model.train()
    task.losses(task.batch(0, 0, 1), lambda rows: rows)
    assert task.model.prototypes.seen.all()
    assert relations(task.model.prototypes.means).shape == (3, 3)


# -- second stage ---------------------------------------------------------------------------------


def adapt_config(root=None, **changes):
    source = PairSource("pairs", root, split="all")
    return AdaptConfig(steps=2, pairs=(source,), confidence=0.0, augmentation=STILL, **changes)


def test_the_teacher_follows_slowly_and_is_what_is_written(pairs, tmp_path, monkeypatch):
    monkeypatch.setenv("THERMOSCOPE_DATA", str(pairs))
    config = config_of(pairs, steps=2, score=True, adapt=adapt_config(memory=0.5))
    result = sartm.run(config, tmp_path)
    assert (tmp_path / "adapt" / "log.jsonl").is_file()
    assert {"new_classes", "new_sure"} <= set(result.history[-1])
    assert "miou" in result.scores
    state = torch.load(tmp_path / "adapt" / "checkpoint.pt", weights_only=True)["weights"]
    written = load_file(tmp_path / "tiny.safetensors")
    name = "fpn.classify.weight"
    teacher, student = state[f"teacher.{name}"], state[f"student.{name}"]
    torch.testing.assert_close(written[name].float(), teacher, atol=1e-3, rtol=1e-2)
    assert not torch.equal(teacher, student)
    uses = [source.use for source in load_model("tiny", folder=tmp_path).card.sources]
    assert uses == ["segmentation", "adaptation without labels"]


def test_no_gradient_reaches_the_teacher_and_only_sure_places_count(pairs):
    task = AdaptTask(adapt_config(pairs), task_of())
    losses = task.losses(task.batch(0, 0, 1), lambda rows: rows)
    assert losses["new_sure"].item() == 1
    losses["loss"].backward()
    assert all(p.grad is None for p in task.teacher.parameters())
    assert task.student.fpn.classify.weight.grad.abs().sum() > 0
    doubtful = AdaptTask(replace(task.config, confidence=1.0), task_of())
    found = doubtful.losses(doubtful.batch(0, 0, 1), lambda rows: rows)
    assert found["new_sure"].item() == 0
    assert found["new_classes"].item() == 0


def test_teacher_and_student_see_one_window(pairs):
    task = AdaptTask(
        replace(adapt_config(pairs), augmentation=replace(STILL, scale=(0.7, 1.6))),
        task_of(batch_size=4),
    )
    batch = task.batch(1, 0, 1)
    assert batch["plain_rgb"].shape == batch["new_rgb"].shape == (2, 3, 48, 64)
    assert batch["rgb"].shape[0] == 2  # the labelled half
    torch.testing.assert_close(batch["plain_rgb"], batch["new_rgb"])
    torch.testing.assert_close(batch["plain_thermal"], batch["new_thermal"])


# -- thermal alone, and starting from weights -----------------------------------------------------


def test_thermal_alone_starts_from_pairs_and_takes_nothing_else(pairs, tmp_path, monkeypatch):
    monkeypatch.setenv("THERMOSCOPE_WEIGHTS", str(tmp_path / "first"))
    first = config_of(pairs, steps=1, score=False, tag="pairs")
    sartm.run(first, tmp_path / "first")
    config = config_of(pairs, steps=6, tag="warm", inputs="thermal", start="tiny.pairs", draw=3)
    config = replace(
        config,
        train=replace(config.train, classes=("cold", "warm", "rest")),
        val=replace(config.val, classes=("cold", "warm", "rest")),
    )
    result = sartm.run(config, tmp_path / "second")
    assert set(result.history[0]) >= {"classes_fused", "loss"}
    assert "classes_rgb" not in result.history[0]
    assert "miou_rgb" not in result.scores
    model = load_model("tiny.warm", folder=tmp_path / "second")
    assert model.inputs == ("thermal",)
    assert model.predict(thermal=np.zeros((48, 64), np.uint16)).labels.shape == (48, 64)
    with pytest.raises(ConfigError, match="was not trained on rgb; it takes thermal"):
        model.predict(rgb=np.zeros((48, 64, 3), np.uint8))


def test_what_depends_on_the_classes_is_left_where_they_differ(pairs, tmp_path, monkeypatch):
    monkeypatch.setenv("THERMOSCOPE_WEIGHTS", str(tmp_path))
    sartm.run(config_of(pairs, steps=1, score=False), tmp_path)
    stored = load_file(tmp_path / "tiny.safetensors")
    for classes, same in ((CLASSES, True), (("a", "b", "c"), False)):
        model = build_sartm(**{**NETWORK, "classes": classes})
        fresh = model.fpn.classify.weight.clone()
        sartm.start_from(model, "tiny")
        torch.testing.assert_close(
            model.fpn.lateral[0].weight, stored["fpn.lateral.0.weight"].float()
        )
        assert torch.equal(model.fpn.classify.weight, fresh) is not same
    with pytest.raises(ConfigError, match="it is no SARTM on the same trunk"):
        sartm.start_from(model, "anythermal_small")


def test_a_few_pairs_are_drawn_by_the_seed(pairs):
    config = config_of(pairs, draw=2)
    model = build_sartm(**NETWORK)
    data = open_frames(config.train, truth="labels")
    drawn = []
    for seed in (0, 0, 1, 2, 3):
        chosen = replace(config, loop=replace(config.loop, seed=seed))
        drawn.append([p.labels.tobytes() for p in sartm._pairs(chosen, model, data)])
    assert all(len(found) == 2 for found in drawn)
    assert drawn[0] == drawn[1]
    assert len({tuple(found) for found in drawn}) > 1


# -- settings -------------------------------------------------------------------------------------


def test_the_papers_preset_is_the_papers():
    paper = load_recipe("sartm").config("paper")
    assert SIZES[paper.size] == {
        "encoder": "sam2",
        "backbone": "base_plus",
        "lora_rank": 16,
        "hidden": 256,
        "decoder_heads": 8,
        "decoder_mlp": 2048,
        "head": "decoder",
        "longest_px": 1024,
    }
    assert (paper.loop.learning_rate, paper.loop.batch_size, paper.loop.seed) == (1e-4, 8, 3407)
    weights = paper.weights
    assert (weights.fused, weights.relation, weights.prototype) == (1, 1, 1)
    assert paper.loop.steps == 597 // 8 * 500


def test_errors(pairs, tmp_path):
    config = config_of(pairs)
    with pytest.raises(ConfigError, match="size must be 'tiny' or one of sartm_small"):
        replace(config, size="huge")
    with pytest.raises(ConfigError, match="leave --adapt.steps at 0 for thermal alone"):
        replace(config, inputs="thermal", adapt=adapt_config(pairs))
    with pytest.raises(ConfigError, match="nobody says what the classes are"):
        sartm.run(replace(config, train=replace(config.train, classes=())), tmp_path)
    with pytest.raises(ShapeError, match=r"text must be \(3, D\), a vector a class"):
        sartm.run(config, tmp_path, text=np.zeros((2, 4), np.float32))
    with pytest.raises(ConfigError, match="crop_px must be multiples of 16"):
        sartm.run(replace(config, crop_px=(40, 64)), tmp_path)
    with pytest.raises(ConfigError, match="features can be kept only of a trunk without LoRA"):
        sartm.run(replace(config, keep_features=True), tmp_path)
    with pytest.raises(ConfigError, match="steps of 0 or more and pairs to adapt to"):
        AdaptConfig(steps=5)
    with pytest.raises(ConfigError, match="a pair that is not registered"):
        AdaptConfig(pairs=(PairSource("pairs", aligned=False),))
    with pytest.raises(ConfigError, match="scale must rise and be positive"):
        PairAugmentation(scale=(2.0, 1.0))
    with pytest.raises(ConfigError, match=r"missing shares must lie in \[0, 1\]"):
        PairAugmentation(rgb_missing=0.6, thermal_missing=0.6)
    model = build_sartm(**NETWORK)
    with pytest.raises(ConfigError, match="there is no pair to learn from"):
        PairFrames(model, [], (48, 64))
    with pytest.raises(UnitError, match="has no rgb: nothing to learn from"):
        sartm.labelled_pair({"labels": np.zeros((1, 4, 4), np.int64)}, model, None)
