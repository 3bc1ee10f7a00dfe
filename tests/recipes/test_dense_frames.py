"""Training frames of dense tasks: what a batch holds, and on what it depends."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from thermoscope.core.errors import ConfigError, ThermoscopeWarning, UnitError
from thermoscope.engine.labelled_frames import FrameChoice
from thermoscope.models.dense_heads import build_depth, build_segmentation
from thermoscope.recipes import segmentation
from thermoscope.recipes.dense_frames import Augmentation, DenseFrames

PLAIN = Augmentation(flip=0, brightness=0, contrast=0, gamma=0)
SEGMENTER = build_segmentation(backbone="tiny", classes=("a", "b"), kind="linear")
DEPTH = build_depth(backbone="tiny", widths=(2, 2, 2, 2), fusion=2)


def sample(number, height=28, width=40):
    """Left half class 0 and near, right half class 1 and far; one pixel is unknown."""
    right = np.arange(width)[None].repeat(height, 0) >= width // 2
    labels = right.astype(np.int64)
    valid = np.ones((1, height, width), bool)
    labels[0, 0], valid[0, 0, 0] = 255, False
    depth = np.where(right, 20, 5 + number).astype(np.float32)
    counts = (20_000 + number + 1000 * right + np.arange(width)).astype(np.uint16)
    return {
        "name": f"f{number}",
        "counts": counts[None],
        "labels": labels[None],
        "taxonomy": "own",
        "depth": depth[None],
        "valid": valid,
    }


FRAMES = [sample(i) for i in range(6)]


def labelled(**settings):
    return DenseFrames(SEGMENTER, FRAMES, "labels", **{"augmentation": PLAIN, **settings})


def test_frames_are_padded_to_whole_patches_and_their_truth_with_them():
    batch = labelled().batch(0, 0, 1, batch_size=2)
    assert batch["images"].shape == (2, 3, 28, 42)
    assert (batch["labels"][:, :, 40:] == 255).all()
    assert (batch["labels"][:, 0, 0] == 255).all()
    assert (batch["labels"][:, 1:, :20] == 0).all()
    assert (batch["labels"][:, :, 20:40] == 1).all()


def test_depth_comes_with_what_is_valid():
    frames = DenseFrames(DEPTH, FRAMES, "depth", augmentation=PLAIN)
    batch = frames.batch(0, 0, 1, batch_size=6)
    assert batch["depth"].shape == batch["valid"].shape == (6, 1, 28, 42)
    assert not batch["valid"][..., 40:].any()
    assert not batch["valid"][:, 0, 0, 0].any()
    assert batch["valid"].sum() == 6 * (28 * 40 - 1)
    assert sorted(batch["depth"][:, 0, 1, 0].tolist()) == [5, 6, 7, 8, 9, 10]


def test_the_sky_is_infinitely_far_and_valid():
    frame = sample(0)
    frame["depth"][0, 3, 3] = np.inf
    batch = DenseFrames(DEPTH, [frame], "depth", augmentation=PLAIN).batch(0, 0, 1, batch_size=1)
    assert batch["valid"][0, 0, 3, 3]
    assert batch["depth"][0, 0, 3, 3] == torch.inf


def test_scaling_mixes_no_classes():
    batch = labelled(size_px=(56, 70)).batch(0, 0, 1, batch_size=1)
    assert batch["images"].shape == (1, 3, 56, 70)
    assert set(batch["labels"].unique().tolist()) == {0, 1, 255}


def test_images_are_what_the_model_sees_when_it_predicts():
    frames = DenseFrames(SEGMENTER, FRAMES[:1], "labels", augmentation=PLAIN)
    image = frames.batch(0, 0, 1, batch_size=1)["images"]
    seen = SEGMENTER.prepare(FRAMES[0]["counts"][0]).images
    assert torch.allclose(image, seen, atol=5e-3)  # kept in half precision


def test_flips_turn_image_and_truth_together():
    mirrored = labelled(augmentation=replace(PLAIN, flip=1)).batch(0, 0, 1, batch_size=6)
    plain = labelled().batch(0, 0, 1, batch_size=6)
    assert torch.equal(mirrored["images"], plain["images"].flip(-1))
    assert torch.equal(mirrored["labels"], plain["labels"].flip(-1))


def test_an_epoch_sees_every_frame_once():
    frames = DenseFrames(DEPTH, FRAMES, "depth", augmentation=PLAIN)
    for epoch in (0, 1):
        near = [
            int(depth)
            for step in (3 * epoch, 3 * epoch + 1, 3 * epoch + 2)
            for depth in frames.batch(step, 0, 1, batch_size=2)["depth"][:, 0, 1, 20].tolist()
        ]
        assert len(near) == 6
    first, second = (frames.batch(s, 0, 1, batch_size=6)["depth"][:, 0, 1, 0] for s in (0, 1))
    assert sorted(first.tolist()) == sorted(second.tolist())
    assert first.tolist() != second.tolist()


@pytest.mark.parametrize("keep", ["frames", "features", "nothing"])
def test_processes_share_what_one_would_see(keep):
    augmentation = replace(PLAIN, flip=0.5) if keep == "features" else Augmentation()
    settings = {"keep": keep, "augmentation": augmentation}
    whole = labelled(**settings).batch(5, 0, 1, batch_size=4)
    halves = [labelled(**settings).batch(5, rank, 2, batch_size=4) for rank in (0, 1)]
    for name, value in whole.items():
        assert torch.equal(value, torch.cat([half[name] for half in halves])), name


def test_another_step_or_seed_is_another_batch():
    def images(step, seed):
        return labelled(seed=seed, augmentation=Augmentation()).batch(step, 0, 1, batch_size=4)

    first = images(0, 0)["images"]
    assert torch.equal(first, images(0, 0)["images"])
    assert not torch.equal(first, images(6, 0)["images"])
    assert not torch.equal(first, images(0, 1)["images"])


def test_kept_features_are_those_of_the_backbone():
    frames = labelled(keep="features", augmentation=replace(PLAIN, flip=1.0))
    batch = frames.batch(0, 0, 1, batch_size=2)
    images = labelled(augmentation=replace(PLAIN, flip=1.0)).batch(0, 0, 1, batch_size=2)["images"]
    expected = SEGMENTER.features(images)[0]
    assert torch.allclose(batch["features_0"], expected, atol=1e-2)
    assert "images" not in batch


def test_pixels_are_counted_by_class():
    assert labelled().pixels_per_class(2) == [6 * (28 * 20 - 1), 6 * 28 * 20]


def test_levels_change_as_asked():
    grey = torch.linspace(0, 1, 11)[None, None]
    rng = np.random.default_rng(0)
    assert torch.equal(replace(PLAIN, inversion=1).applied(grey, rng), 1 - grey)
    changed = Augmentation().applied(grey, rng)
    assert 0 <= changed.min() <= changed.max() <= 1
    assert not torch.equal(changed, grey)
    assert not PLAIN.photometric


def test_what_cannot_be_learned_from_is_refused():
    with pytest.raises(ConfigError, match="no frame to learn from"):
        DenseFrames(SEGMENTER, [], "labels")
    with pytest.raises(ConfigError, match="kept features cannot change"):
        DenseFrames(SEGMENTER, FRAMES, "labels", keep="features")
    with pytest.raises(ConfigError, match="'frames', 'features' or 'nothing', got 'all'"):
        labelled(keep="all")
    mixed = DenseFrames(SEGMENTER, [sample(0), sample(1, height=56)], "labels")
    with pytest.raises(ConfigError, match="differ in size"):
        mixed.batch(0, 0, 1, batch_size=2)
    blind = DenseFrames(DEPTH, [{n: FRAMES[0][n] for n in ("name", "counts")}], "depth")
    with pytest.raises(UnitError, match="'f0' has no depth"):
        blind.load()
    with pytest.raises(ConfigError, match="flip must lie"):
        Augmentation(flip=2)


def test_what_a_reader_has_to_say_is_told_before_training(tmp_path):
    """Masks of 0 and 255 hold no object: nothing would be learned, without a word."""
    (tmp_path / "classes.txt").write_text("background\nudder\n")
    for i in range(3):
        for place, plane in (("thermal", np.uint16(20_000)), ("labels", np.uint8(255))):
            (tmp_path / place).mkdir(exist_ok=True)
            cv2.imwrite(str(tmp_path / place / f"{i}.png"), np.full((28, 42), plane))
    config = segmentation.PRESETS["tiny"]
    config = replace(
        config,
        train=FrameChoice("folder", tmp_path),
        score=False,
        loop=replace(config.loop, steps=1, warmup_steps=0),
    )
    with pytest.warns(ThermoscopeWarning, match=r"'udder' \(id 1\) occurs nowhere"):
        segmentation.run(config, tmp_path / "run")
