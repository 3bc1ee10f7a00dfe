"""The three baselines on toys whose answer is known."""

import numpy as np
import pytest
import torch

from thermoscope.core.errors import ConfigError, ShapeError
from thermoscope.engine.segmentation_baselines import (
    LinearProbe,
    SmallUNet,
    Threshold,
    TrainingPlan,
    backbone_features,
    otsu_level,
)
from thermoscope.models.anythermal import AnyThermal


def warm_squares(count, seed=0, channels=1):
    """A warm square of level 0.6 to 0.8 on ground of 0.1 to 0.4."""
    rng = np.random.default_rng(seed)
    images, labels = [], []
    for _ in range(count):
        image = rng.uniform(0.1, 0.4, (channels, 28, 28)).astype(np.float32)
        truth = np.zeros((28, 28), np.uint8)
        y, x = rng.integers(0, 16, 2)
        truth[y : y + 12, x : x + 12] = 1
        image[:, truth == 1] = rng.uniform(0.6, 0.8, (channels, 144))
        images.append(image)
        labels.append(truth)
    return images, labels


def iou(found, truth, index=1):
    return ((found == index) & (truth == index)).sum() / ((found == index) | (truth == index)).sum()


def test_otsu_parts_two_heaps():
    levels = np.concatenate([np.full(90, 0.2), np.full(10, 0.7)])
    assert 0.2 < otsu_level(levels) <= 0.7
    with pytest.raises(ShapeError, match="no pixel"):
        otsu_level(np.array([]))


@pytest.mark.parametrize("method", ["train", "otsu"])
def test_a_threshold_finds_what_is_warm(method):
    images, labels = warm_squares(4)
    threshold = Threshold(method).fit(images, labels)
    assert 0.4 <= threshold.level <= 0.6
    image, truth = (part[0] for part in warm_squares(1, seed=9))
    np.testing.assert_array_equal(threshold.predict(image), truth)


def test_the_learnt_level_is_the_best_of_all():
    # Warm pixels 0.5 and 0.9, cold ones 0.1, 0.1 and 0.6: IoU 2/3 from 0.5 on, 1/2 from 0.9 on.
    image = np.array([[[0.5, 0.9, 0.1, 0.1, 0.6]]], np.float32)
    threshold = Threshold().fit([image], [np.array([[1, 1, 0, 0, 0]])])
    assert threshold.predict(image).tolist() == [[1, 1, 0, 0, 1]]
    assert 0.1 < threshold.level <= 0.5


def test_ignored_pixels_do_not_move_the_level():
    image = np.array([[[0.5, 0.9, 0.1, 0.1, 0.6]]], np.float32)
    truth = np.array([[255, 1, 0, 0, 0]])
    found = Threshold().fit([image], [truth]).predict(image)
    assert found.tolist() == [[0, 1, 0, 0, 0]]


@pytest.mark.parametrize(
    ("half", "terms"), [(False, ("cross_entropy",)), (True, ("dice", "cross_entropy"))]
)
def test_a_small_unet_learns_shape_from_noise(half, terms):
    # Class 1 is where neighbours alternate: no threshold can tell.
    def striped(seed):
        rng = np.random.default_rng(seed)
        image = np.full((1, 28, 28), 0.5, np.float32)
        truth = np.zeros((28, 28), np.uint8)
        x = int(rng.integers(2, 14))
        truth[:, x : x + 12] = 1
        image[0, ::2, x : x + 12], image[0, 1::2, x : x + 12] = 0.0, 1.0
        return image, truth

    images, labels = zip(*map(striped, range(4)), strict=True)
    plan = TrainingPlan(steps=40, batch_size=4, learning_rate=1e-2, half=half, terms=terms)
    unet = SmallUNet(2, width=4, plan=plan).fit(images, labels)
    image, truth = striped(99)
    assert iou(unet.predict(image), truth) > 0.9
    assert iou(Threshold().fit(images, labels).predict(image), truth) < 0.6


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_probe_reads_frozen_features(channels):
    backbone = AnyThermal.tiny(seed=0)
    before = {name: value.clone() for name, value in backbone.state_dict().items()}
    images = [np.full((channels, 30, 42), level, np.float32) for level in (0.1, 0.9)]
    labels = [np.full((30, 42), index) for index in (0, 1)]
    plan = TrainingPlan(steps=30, batch_size=2, learning_rate=5e-2)
    probe = LinearProbe(2, backbone_features(backbone), plan).fit(images, labels)
    for image, truth in zip(images, labels, strict=True):
        np.testing.assert_array_equal(probe.predict(image), truth)
    assert all(torch.equal(value, before[name]) for name, value in backbone.state_dict().items())
    assert probe.network[0].num_features == (64 if channels == 4 else 32)


def test_the_same_seed_gives_the_same_network():
    images, labels = warm_squares(3)
    plans = [TrainingPlan(steps=2, seed=seed) for seed in (1, 1, 2)]
    nets = [SmallUNet(2, width=2, plan=plan).fit(images, labels).network for plan in plans]
    first, same, other = ([p.detach() for p in net.parameters()] for net in nets)
    assert all(torch.equal(a, b) for a, b in zip(first, same, strict=True))
    assert not torch.equal(first[0], other[0])


def test_training_does_not_touch_the_global_generator():
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    images, labels = warm_squares(2)
    SmallUNet(2, width=2, plan=TrainingPlan(steps=1)).fit(images, labels)
    assert torch.equal(torch.rand(2), expected)


def test_wrong_requests():
    images, labels = warm_squares(2)
    with pytest.raises(ConfigError, match="method must be 'train' or 'otsu', got 'best'"):
        Threshold("best")
    with pytest.raises(ConfigError, match="has learnt nothing. Call fit"):
        Threshold().predict(images[0])
    with pytest.raises(ConfigError, match="has learnt nothing. Call fit"):
        SmallUNet(2).predict(images[0])
    with pytest.raises(ConfigError, match="classes 0 and 1 only"):
        Threshold().fit(images[:1], [labels[0] + 1])
    with pytest.raises(ConfigError, match="2 pictures and 1 labels"):
        SmallUNet(2).fit(images, labels[:1])
    with pytest.raises(ShapeError, match=r"labels of \(28, 27\) do not fit"):
        SmallUNet(2).fit(images[:1], [labels[0][:, 1:]])
    with pytest.raises(ShapeError, match="several sizes"):
        SmallUNet(2).fit([images[0], images[1][:, 1:]], [labels[0], labels[1][1:]])
    with pytest.raises(ConfigError, match="steps must be positive, got 0"):
        TrainingPlan(steps=0)
    images, labels = warm_squares(2)
    with pytest.raises(ConfigError, match="needs a term"):
        SmallUNet(2, width=2, plan=TrainingPlan(steps=1, terms=())).fit(images, labels)
