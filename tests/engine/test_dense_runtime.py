"""Segmentation and depth in OpenVINO answer as in torch, whatever is shown and asked for."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
import torch

from thermoscope.core.errors import ConfigError, MissingDependencyError
from thermoscope.engine.dense_runtime import run_in
from thermoscope.models.dense_heads import build_depth, build_segmentation
from thermoscope.models.sartm import Sartm, build_sartm
from thermoscope.models.thermostereort import thermostereort_tiny
from thermoscope.recipes.sartm import _TINY_NETWORK

CLASSES = ("ground", "warm", "red")
THERMAL = np.random.default_rng(0).integers(20_000, 21_000, (40, 52)).astype(np.uint16)
RGB = np.random.default_rng(1).integers(0, 255, (40, 52, 3)).astype(np.uint8)
SHOWN = {"both": (RGB, THERMAL), "colour": (RGB, None), "thermal": (None, THERMAL)}


def network(**changes: Any) -> Sartm:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = build_sartm(**{**_TINY_NETWORK, "classes": CLASSES, "text_width": 4, **changes})
    return made.eval()


@pytest.mark.parametrize("shown", ["both", "colour"])
def test_classes_of_pairs_and_of_either_picture_agree(shown: str) -> None:
    model = network()
    ours = model.predict(*SHOWN[shown])
    theirs = run_in(model, "openvino", precision="f32").predict(*SHOWN[shown])
    assert np.ptp(ours.probabilities) > 0.05
    np.testing.assert_allclose(theirs.probabilities, ours.probabilities, atol=2e-4)


def test_names_are_read_from_the_same_features() -> None:
    model = network(answer="mean")
    asked = {"classes": ("a", "b"), "text": np.eye(2, 4, dtype=np.float32)}
    ours, plain = model.predict(RGB, THERMAL, **asked), model.predict(RGB, THERMAL)
    run_in(model, "openvino", precision="f32")
    theirs = model.predict(RGB, THERMAL, **asked)
    assert theirs.classes == ("a", "b")
    np.testing.assert_allclose(theirs.probabilities, ours.probabilities, atol=2e-4)
    again = model.predict(RGB, THERMAL)
    np.testing.assert_allclose(again.probabilities, plain.probabilities, atol=2e-4)


def test_heads_on_the_backbone_agree_at_any_size_of_frame() -> None:
    depth = build_depth(backbone="tiny").eval()
    classes = build_segmentation(backbone="tiny", classes=CLASSES, kind="linear").eval()
    metres, found = depth.predict(THERMAL).depth, classes.predict(THERMAL[:30, :33])
    for model in (depth, classes):
        run_in(model, "openvino", precision="f32")
    theirs = classes.predict(THERMAL[:30, :33])
    np.testing.assert_allclose(depth.predict(THERMAL).depth, metres, rtol=1e-3)
    np.testing.assert_allclose(theirs.confidence, found.confidence, atol=1e-4)


def test_a_size_is_compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from thermoscope.engine import dense_runtime

    made = []
    real = dense_runtime.compiled
    monkeypatch.setattr(
        dense_runtime, "compiled", lambda *given, **more: made.append(1) or real(*given, **more)
    )
    model = run_in(network(), "auto")
    for shown in ("both", "both", "thermal", "both"):
        model.predict(*SHOWN[shown])
    assert len(made) == 2


def test_torch_is_taken_where_openvino_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    model = network()
    monkeypatch.setitem(sys.modules, "openvino", None)
    assert run_in(model, "auto").runner is None
    with pytest.raises(MissingDependencyError, match=r"thermoscope\[export\]"):
        run_in(model, "openvino")
    with pytest.raises(ConfigError, match="runtime is auto, torch, openvino, got 'tpu'"):
        run_in(model, "tpu")  # type: ignore[arg-type]
    stereo = thermostereort_tiny()
    assert run_in(stereo, "torch") is stereo
    with pytest.raises(ConfigError, match="a ThermoStereoRT runs in torch only"):
        run_in(stereo, "openvino")
