"""The recipes of segmentation and depth learn, go on after a stop, and write usable weights."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from thermoscope.cli.main import main
from thermoscope.cli.train import parsed
from thermoscope.core.config import read_config
from thermoscope.core.errors import ConfigError
from thermoscope.core.weights import find_weights
from thermoscope.engine.labelled_frames import FrameChoice, open_frames
from thermoscope.engine.loop import LoopConfig
from thermoscope.models.dense_heads import build_depth, build_segmentation
from thermoscope.models.load import load_model
from thermoscope.recipes import depth, segmentation
from thermoscope.recipes.catalogue import load_recipe
from thermoscope.recipes.dense_frames import Augmentation, DenseFrames

RECIPES = pytest.mark.parametrize("recipe", [segmentation, depth], ids=["segmentation", "depth"])
PLAIN = Augmentation(flip=0.5, brightness=0, contrast=0, gamma=0)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """Rendered frames are shared by the tests here."""
    return tmp_path_factory.mktemp("scenes")


def tiny(recipe, cache, **changes):
    config = recipe.PRESETS["tiny"]
    train, val = replace(config.train, root=cache), replace(config.val, root=cache)
    return replace(config, train=train, val=val, **changes)


def stop_after(config, steps):
    """The same run, checkpointed at `steps`."""
    return replace(config, loop=replace(config.loop, checkpoint_every=steps))


@RECIPES
def test_a_few_steps_lower_the_loss(recipe, cache, tmp_path):
    result = recipe.run(tiny(recipe, cache), tmp_path / "run")
    losses = [row["loss"] for row in result.history]
    assert len(losses) == 10
    assert np.mean(losses[-3:]) < 0.9 * np.mean(losses[:2])
    assert all(np.isfinite(value) for value in result.scores.values())


@RECIPES
def test_weights_load_by_name_and_answer_as_trained(recipe, cache, tmp_path):
    config = tiny(recipe, cache, score=False)
    result = recipe.run(config, tmp_path)
    name = f"tiny.{config.tag}"
    card, _ = find_weights(name, folder=tmp_path)
    model = load_model(name, folder=tmp_path)
    assert result.scores == {}
    assert card.protocol == "not scored"
    assert card.command == (
        f"thermoscope train {config.tag} --preset tiny --no-score --out runs/{name}"
    )
    assert [source.name for source in card.sources] == ["scenes"]
    assert model.card == card
    assert model.longest_px == max(config.size_px)
    frame = open_frames(config.train, truth="depth")[0]["counts"][0]
    found = model.predict(frame)
    dense = found.depth if recipe is depth else found.confidence
    assert dense.shape == frame.shape
    assert np.isfinite(dense).all()


@RECIPES
def test_a_run_that_stopped_goes_on_exactly(recipe, cache, tmp_path):
    config = tiny(recipe, cache, score=False)
    config = stop_after(config, 4)
    recipe.run(config, tmp_path / "whole")

    class PowerCutError(Exception):
        """In the middle of a step."""

    def interrupted(self, step, rank, world_size):
        if step == 6:
            raise PowerCutError
        return original(self, step, rank, world_size)

    task = recipe.SegmentationTask if recipe is segmentation else recipe.DepthTask
    original = task.batch
    task.batch = interrupted
    try:
        with pytest.raises(PowerCutError):
            recipe.run(config, tmp_path / "stopped")
    finally:
        del task.batch
    resumed = recipe.run(config, tmp_path / "stopped")
    assert resumed.history[0]["step"] == 5  # steps 5 and 6 were made, and lost
    name = f"tiny.{config.tag}.safetensors"
    whole, again = (load_file(tmp_path / folder / name) for folder in ("whole", "stopped"))
    assert all(torch.equal(whole[key], again[key]) for key in whole)


@RECIPES
def test_the_config_beside_the_weights_is_the_one_that_ran(recipe, cache, tmp_path):
    config = tiny(recipe, cache, score=False)
    recipe.run(replace(config, loop=replace(config.loop, steps=1)), tmp_path)
    found = read_config(type(config), tmp_path / "config.yaml")
    assert found == replace(config, loop=replace(config.loop, steps=1))


@RECIPES
def test_kept_features_train_as_well(recipe, cache, tmp_path):
    config = tiny(recipe, cache, score=False, keep="features", augmentation=PLAIN)
    losses = [row["loss"] for row in recipe.run(config, tmp_path).history]
    assert np.mean(losses[-3:]) < 0.9 * np.mean(losses[:2])


def folder_of_your_own(root, count=5):
    """Frames with a warm bar and its labels."""
    rng = np.random.default_rng(0)
    for name in ("thermal", "labels"):
        (root / name).mkdir(parents=True)
    for i in range(count):
        counts = rng.integers(20_000, 20_100, (28, 42)).astype(np.uint16)
        labels = np.zeros((28, 42), np.uint8)
        labels[:, 14:28], counts[:, 14:28] = 1, 22_000
        cv2.imwrite(str(root / "thermal" / f"{i}.png"), counts)
        cv2.imwrite(str(root / "labels" / f"{i}.png"), labels)
    (root / "classes.txt").write_text("cold\nwarm\n")
    return root


def test_a_folder_of_your_own_is_enough(tmp_path):
    root = folder_of_your_own(tmp_path / "mine")
    config = replace(
        segmentation.PRESETS["tiny"],
        train=FrameChoice("folder", root),
        val=FrameChoice("folder", root, split="val"),
        terms=("cross_entropy",),
        size_px=None,
        loop=LoopConfig(steps=30, batch_size=4, learning_rate=0.03, warmup_steps=2),
    )
    assert segmentation.run(config, tmp_path / "run").scores["miou"] > 0.9
    model = load_model("tiny.segmentation", folder=tmp_path / "run")
    assert model.classes == ("cold", "warm")
    assert model.card.sources[0].licence == "unstated"


@pytest.mark.parametrize("recipe", ["segmentation", "depth", "sartm"])
def test_every_frame_of_a_folder_is_taken_unless_a_count_is_given(recipe, tmp_path):
    root = folder_of_your_own(tmp_path / "mine", count=1)
    names = [f"{i:03d}" for i in range(1009)]
    for name in names:
        (root / "thermal" / f"{name}.png").hardlink_to(root / "thermal" / "0.png")
        (root / "labels" / f"{name}.png").hardlink_to(root / "labels" / "0.png")
        (root / "depth").mkdir(exist_ok=True)
        (root / "depth" / f"{name}.npy").touch()
    (root / "train.txt").write_text("\n".join(names[:850]))
    (root / "val.txt").write_text("\n".join(names[850:]))
    truth = "depth" if recipe == "depth" else "labels"
    own = ["--train.data", "folder", "--train.root", str(root), "--val.data", "folder"]
    words = [*own, "--val.root", str(root), "--out", str(tmp_path)]
    for preset, counts in (("small", (850, 159)), ("tiny", (850, 159))):
        _, config = parsed(load_recipe(recipe), [*words, "--preset", preset])
        found = [len(open_frames(choice, truth=truth)) for choice in (config.train, config.val)]
        assert tuple(found) == counts
    _, config = parsed(load_recipe(recipe), [*words, "--train.count", "600"])
    assert len(open_frames(config.train, truth=truth)) == 600


@pytest.mark.filterwarnings("default::thermoscope.core.errors.ThermoscopeWarning")
def test_a_count_that_cuts_is_said_in_one_line(tmp_path, capsys):
    root = folder_of_your_own(tmp_path / "mine", count=10)
    own = ["--train.data", "folder", "--train.root", str(root), "--train.count", "3"]
    words = ["--preset", "tiny", "--no-score", "--loop.steps", "1", *own]
    assert main(["train", "segmentation", *words, "--out", str(tmp_path / "run")]) == 0
    lines = capsys.readouterr().err.splitlines()
    said = [line for line in lines if "frames of" in line]
    assert said == [
        "thermoscope: taking 3 of 8 frames of folder, split 'train', as count says; "
        "count 0 takes all."
    ]


def test_a_config_of_before_keeps_its_count(tmp_path):
    own = "train: {data: folder, root: mine, count: 600}\nval: {count: 100, split: val}\n"
    (tmp_path / "config.yaml").write_text(own)
    config = load_recipe("segmentation").config(file=tmp_path / "config.yaml")
    assert (config.train.count, config.val.count) == (600, 100)


@pytest.mark.real
@pytest.mark.filterwarnings("ignore:taking")
def test_a_linear_head_learns_real_udders_from_eight_frames(real_data, tmp_path):
    pytest.importorskip("onnx")
    config = replace(
        segmentation.PRESETS["tiny"],
        backbone="dinov2_small_offline",
        kind="linear",
        layers=(9,),  # the last is dominated by saliency
        keep="features",
        augmentation=replace(PLAIN, flip=0),
        size_px=(112, 140),
        train=FrameChoice("buffalo_udder", real_data, every=5, count=8),
        val=FrameChoice("buffalo_udder", real_data, split="val", every=2, count=4),
        loop=LoopConfig(steps=60, batch_size=8, learning_rate=1e-2, warmup_steps=5),
    )
    found = segmentation.run(config, tmp_path).scores
    assert found["miou"] > 0.65  # background everywhere has 0.48


def test_relative_depth_trains_with_the_invariant_losses(cache, tmp_path):
    for loss in ("least_squares", "median"):
        config = tiny(depth, cache, score=False, metric=False, loss=loss, max_depth_m=80.0)
        losses = [row["loss"] for row in depth.run(config, tmp_path / loss).history]
        assert np.mean(losses[-3:]) < np.mean(losses[:2])
    assert not load_model("tiny.depth", folder=tmp_path / "median").metric


def test_presets_describe_the_papers(cache):
    paper = segmentation.PRESETS["paper"]
    assert (paper.kind, paper.hidden, paper.terms, paper.dropout) == ("conv", 64, ("dice",), 0.05)
    assert (paper.loop.learning_rate, paper.loop.batch_size) == (2e-3, 128)
    assert (paper.loop.weight_decay, paper.loop.schedule, paper.loop.seed) == (0, "constant", 85)
    paper = depth.PRESETS["paper"]
    assert (paper.size_px, paper.fusion, paper.metric) == ((224, 672), 256, False)
    assert paper.widths == (96, 192, 384, 768)
    assert paper.loss == "least_squares"
    assert next(iter(depth.PRESETS)) == next(iter(segmentation.PRESETS)) == "small"


def small_task(recipe, cache, **changes):
    config = tiny(recipe, cache, **changes)
    data = open_frames(config.train, truth="depth")
    if recipe is segmentation:
        model = build_segmentation(backbone="tiny", classes=data.classes, kind="linear")
        frames = DenseFrames(model, data, "labels", size_px=(28, 42))
        return segmentation.SegmentationTask(config, model, frames)
    model = build_depth(backbone="tiny", widths=(2, 2, 2, 2), fusion=2)
    return depth.DepthTask(config, model, DenseFrames(model, data, "depth", size_px=(28, 42)))


@RECIPES
def test_processes_that_gather_have_the_loss_of_one(recipe, cache):
    task = small_task(recipe, cache)
    whole = task.batch(0, 0, 1)
    rows = len(next(iter(whole.values()))) // 2
    parts = [{k: v[i * rows : (i + 1) * rows] for k, v in whole.items()} for i in (0, 1)]
    task.model.eval()
    joined = []  # what the first process gathers, in the order in which it asks
    task.losses(parts[1], lambda value: joined.append(value) or value)
    waiting = iter(joined)
    found = task.losses(parts[0], lambda value: torch.cat([value, next(waiting)]))
    expected = task.losses(whole, lambda value: value)
    assert found["loss"].item() == pytest.approx(expected["loss"].item(), rel=1e-5)


def test_weighted_cross_entropy_takes_weights_from_the_frames(cache):
    task = small_task(segmentation, cache, terms=("weighted_cross_entropy",))
    pixels = task.frames.pixels_per_class(len(task.model.classes))
    weights = task.class_weights
    assert weights.argmin() == int(np.argmax(pixels))
    assert torch.isfinite(task.losses(task.batch(0, 0, 1), lambda value: value)["loss"])


def test_settings_that_cannot_be_are_refused():
    with pytest.raises(ConfigError, match="'silog' is for metric depth"):
        depth.DepthConfig(metric=False)
    assert isinstance(segmentation.PRESETS["small"].loop, LoopConfig)
