"""Heads and models on a frozen backbone."""

import numpy as np
import pytest
import torch

from thermoscope.core.errors import ConfigError, ShapeError, UnitError
from thermoscope.io.thermal_image import ThermalImage
from thermoscope.models.anythermal import AnyThermal
from thermoscope.models.dense_heads import (
    DepthHead,
    SegmentationHead,
    ThermalDepth,
    ThermalSegmenter,
    build_depth,
    build_segmentation,
    four_layers,
    named_backbone,
)

WIDTHS = (4, 4, 4, 4)
KINDS = ["linear", "conv", "dpt"]


def segmenter(kind="conv", classes=("road", "car", "sky")):
    torch.manual_seed(0)
    return build_segmentation(
        backbone="tiny", classes=classes, kind=kind, hidden=6, widths=WIDTHS
    ).eval()


def depth_model(**settings):
    torch.manual_seed(0)
    return build_depth(backbone="tiny", widths=WIDTHS, fusion=6, **settings).eval()


def counts(height=30, width=44):
    rng = np.random.default_rng(0)
    return rng.integers(20_000, 24_000, (height, width)).astype(np.uint16)


@pytest.mark.parametrize("kind", KINDS)
def test_logits_have_the_size_of_the_input(kind):
    assert segmenter(kind)(torch.zeros(2, 3, 28, 42)).shape == (2, 3, 28, 42)


@pytest.mark.parametrize("metric", [True, False])
def test_depth_has_the_size_of_the_input_and_its_range(metric):
    model = depth_model(metric=metric, min_depth_m=1, max_depth_m=9)
    for parameter in model.head.measure.parameters():
        parameter.data *= 1e3  # drive the output to both ends
    depth = model(torch.randn(2, 3, 28, 42))
    assert depth.shape == (2, 1, 28, 42)
    assert depth.min() >= (1 if metric else 0)
    assert not metric or depth.max() <= 9


def test_metric_depth_is_even_in_the_logarithm():
    head = DepthHead(32, widths=WIDTHS, fusion=6, min_depth_m=2, max_depth_m=200)
    for parameter in head.measure.parameters():
        torch.nn.init.zeros_(parameter)
    depth = head([torch.randn(1, 32, 2, 2)] * 4, (28, 28))
    assert torch.allclose(depth, torch.full_like(depth, 20.0))  # halfway from 2 to 200


@pytest.mark.parametrize("kind", KINDS)
def test_the_head_learns_and_the_backbone_does_not(kind):
    model = segmenter(kind).train()
    model(torch.randn(1, 3, 28, 28)).square().sum().backward()
    assert all(p.grad is not None for p in model.parameters())
    assert all(p.grad is None for p in model.backbone.parameters())
    assert not model.backbone.training
    assert not any(p.requires_grad for p in model.backbone.parameters())


def test_the_state_is_that_of_the_head_alone():
    model, other = segmenter(), segmenter()
    assert all(name.startswith("head.") for name in model.state_dict())
    torch.nn.init.ones_(other.head.classify[0].weight)
    other.load_state_dict(model.state_dict(), strict=True)
    images = torch.randn(1, 3, 28, 28)
    assert torch.equal(model(images), other(images))


def test_the_backbone_moves_with_the_model():
    model = depth_model().double()
    assert next(model.backbone.parameters()).dtype == torch.float64


@pytest.mark.parametrize(
    "frame",
    [
        counts(),
        counts().astype(np.float32),
        (counts() >> 8).astype(np.uint8),
        ThermalImage(counts=counts()),
    ],
    ids=["counts", "kelvin", "agc", "image"],
)
def test_answers_come_at_the_resolution_of_the_frame(frame):
    found = segmenter().predict(frame)
    assert found.labels.shape == found.confidence.shape == (30, 44)
    assert found.labels.dtype == np.uint8
    assert found.labels.max() < 3
    assert found.classes == ("road", "car", "sky")
    assert 1 / 3 <= found.confidence.min() <= found.confidence.max() <= 1
    depth = depth_model().predict(frame)
    assert depth.depth.shape == (30, 44)
    assert depth.depth.dtype == np.float32
    assert depth.metric


def test_padding_leaves_no_trace_at_the_border():
    model = segmenter("linear")
    frame = counts(28, 40)  # two columns are padded
    prepared = model.prepare(frame, modality="thermal", longest_px=644)
    assert prepared.images.shape == (1, 3, 28, 42)
    full = model(prepared.images).argmax(1)[0, :, :40].numpy()
    assert np.array_equal(model.predict(frame).labels, full)


def test_a_colour_frame_of_either_layout():
    planes = np.random.default_rng(0).random((3, 28, 42), dtype=np.float32)
    for picture in (planes, (planes * 255).astype(np.uint8).transpose(1, 2, 0)):
        assert segmenter().predict(picture, modality="rgb").labels.shape == (28, 42)


def test_a_huge_frame_is_scaled_down_for_the_network_only():
    frame = np.zeros((300, 3000), np.uint16)
    model = depth_model()
    assert model.prepare(frame, modality="thermal", longest_px=280).scaled_px == (28, 280)
    assert model.predict(frame, longest_px=280).depth.shape == (300, 3000)


def test_prediction_is_repeatable_and_leaves_the_mode_alone():
    model = segmenter().train()  # dropout is off all the same
    first, second = model.predict(counts()), model.predict(counts())
    assert np.array_equal(first.confidence, second.confidence)
    assert model.training


def test_a_few_pixels_without_a_value_are_no_hindrance():
    frame = counts().astype(np.float32)
    frame[3, 4] = np.nan
    assert np.isfinite(depth_model().predict(frame).depth).all()


@pytest.mark.parametrize("model", [segmenter(), depth_model()], ids=["segmentation", "depth"])
def test_frames_that_cannot_be_seen_are_refused(model):
    with pytest.raises(ShapeError, match="1 x 1 px has a side of less than one patch of 14 px"):
        model.predict(np.zeros((1, 1), np.uint16))
    with pytest.raises(ShapeError, match="less than one patch of 14 px at 644 px"):
        model.predict(np.zeros((20, 4000), np.uint16))
    with pytest.raises(ShapeError, match="less than one patch"):
        model.predict(np.zeros((0, 40), np.uint16))
    with pytest.raises(ShapeError, match=r"must be \(H, W\)"):
        model.predict(np.zeros((20, 40, 2), np.uint16))
    with pytest.raises(UnitError, match="no pixel with a value"):
        model.predict(np.full((28, 28), np.nan, np.float32))


def test_layers_are_the_last_of_each_quarter():
    assert four_layers(12) == (2, 5, 8, 11)
    assert four_layers(4) == (0, 1, 2, 3)
    assert segmenter("dpt").layers == (0, 1, 2, 3)
    assert segmenter("conv").layers == (3,)
    with pytest.raises(ConfigError, match="at least 4 blocks, got 3"):
        four_layers(3)


def test_settings_that_cannot_be_are_refused():
    with pytest.raises(ConfigError, match="'linear', 'conv' or 'dpt', got 'unet'"):
        SegmentationHead("unet", 32, 3)
    with pytest.raises(ConfigError, match="classes must be positive"):
        SegmentationHead("conv", 32, 0)
    with pytest.raises(ConfigError, match="dropout"):
        SegmentationHead("conv", 32, 3, dropout=2)
    with pytest.raises(ConfigError, match="max_depth_m above min_depth_m"):
        DepthHead(32, min_depth_m=5, max_depth_m=5)
    head = SegmentationHead("conv", 32, 1)
    with pytest.raises(ConfigError, match=r"takes 1 layers, got \[0, 1\]"):
        ThermalSegmenter(AnyThermal.tiny(), head, ("a",), layers=(0, 1))
    with pytest.raises(ConfigError, match="names of its classes"):
        ThermalSegmenter(AnyThermal.tiny(), head, ())
    with pytest.raises(ConfigError, match="takes 4 layers"):
        ThermalDepth(AnyThermal.tiny(), DepthHead(32), layers=(1, 2))


def test_a_teacher_can_stand_in_for_the_backbone():
    pytest.importorskip("onnx")
    backbone = named_backbone("dinov2_small_offline")
    assert (backbone.width, backbone.layers, backbone.card) == (384, 12, None)
    with pytest.raises(ConfigError, match="'efficientnet_lite0_offline' is a EfficientNetLite0"):
        named_backbone("efficientnet_lite0_offline")
