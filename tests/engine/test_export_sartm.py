"""SARTM as one file: the fused answer of a pair or of one picture, as torch gives it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from thermoscope.core.errors import ConfigError, ShapeError
from thermoscope.engine.export import export_model, read_facts
from thermoscope.engine.export_graphs import SceneGraph
from thermoscope.engine.export_plans import plan_for
from thermoscope.models.sartm import Sartm, build_sartm

VIT: dict[str, Any] = {"backbone": "tiny", "widths": (8, 16, 32), "text_width": 6}
SAM2: dict[str, Any] = {"encoder": "sam2", "backbone": "random", "decoder_heads": 2}
SIZE_PX = (32, 64)
SHALLOW = {**VIT, "layers": (0, 0, 0)}  # what is traced in full takes seconds


def scene_network(changes: dict[str, Any]) -> Sartm:
    """Updates inside the trunk are not zero, as they are at the start."""
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        network = build_sartm(
            classes=("road", "car", "person"), hidden=16, decoder_mlp=32, lora_rank=2, **changes
        )
        for name, value in network.encoder.updates.named_parameters():
            if name.endswith("up"):
                value.normal_(std=0.3)
    return network.eval()


@pytest.fixture(scope="module")
def network() -> Sartm:
    return scene_network({**SHALLOW, "head": "fpn"})


def test_a_pair_as_onnx_with_any_batch(network: Sartm, tmp_path: Path) -> None:
    import onnx
    import onnxruntime

    path = tmp_path / "pair.onnx"
    report = export_model(network, path, size_px=SIZE_PX)
    assert report.passed
    assert (report.inputs, report.outputs) == (("rgb", "thermal"), ("logits",))
    assert [d.batch for d in report.differences] == [1, 2]
    assert max(d.max_abs for d in report.differences) < 1e-4
    assert report.tensorrt_refuses == []
    rgb, thermal = torch.randn(2, 3, 3, *SIZE_PX, generator=torch.Generator().manual_seed(2))
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"rgb": rgb.numpy(), "thermal": thermal.numpy()})
    with torch.no_grad():
        wanted = network(rgb, thermal)["fused"].numpy()
        alone = network(rgb)["fused"].numpy()
    assert found.shape == (3, 3, *SIZE_PX)
    assert np.abs(found - wanted).max() < 1e-4
    assert np.abs(found - alone).max() > 1e-2  # the second picture counts
    weights = [t.name for t in onnx.load(path).graph.initializer]
    assert not [n for n in weights if "updates" in n or "text" in n or "prototypes" in n]


def test_thermal_alone_in_openvino(tmp_path: Path) -> None:
    path, network = tmp_path / "thermal.xml", scene_network({**SHALLOW, "head": "decoder"})
    report = export_model(network, path, to="openvino", size_px=SIZE_PX, inputs="thermal")
    assert report.passed
    assert report.inputs == ("thermal",)
    facts = read_facts(path)
    assert facts == report.facts
    assert json.loads(facts["classes"]) == ["road", "car", "person"]
    assert (facts["inputs"], facts["size"]) == ("thermal", "64x32")
    spec = json.loads(facts["input_spec"])
    assert spec["size_multiple_px"] == 16
    assert spec["tone"]["method"] == "percentile"


@pytest.mark.parametrize(
    "changes",
    [
        VIT,
        {**VIT, "lora_shared": False},
        {**VIT, "answer": "mean", "head": "fpn"},
        {**SAM2, "head": "decoder"},
        {**SAM2, "lora_shared": False},
    ],
    ids=["vit", "vit-updates-apart", "vit-mean-of-both", "sam2", "sam2-updates-apart"],
)
def test_graphs_answer_as_the_network_does(changes: dict[str, Any]) -> None:
    network = scene_network(changes)
    images = torch.randn(2, 2, 3, *SIZE_PX, generator=torch.Generator().manual_seed(3))
    before = {k: v.clone() for k, v in network.encoder.trunk.state_dict().items()}
    for inputs in ("rgb_thermal", "rgb", "thermal"):
        plan = plan_for(network, SIZE_PX, inputs=inputs)
        given = images[: len(plan.inputs)]
        with torch.no_grad():
            found, wanted = plan.graph(*given), plan.reference(*given)
        torch.testing.assert_close(found, wanted, atol=1e-4, rtol=1e-4)
    after = network.encoder.trunk.state_dict()
    assert all(torch.equal(after[k], v) for k, v in before.items())  # a copy was changed


def test_one_trunk_serves_both_pictures_unless_updates_are_apart(network: Sartm) -> None:
    apart = scene_network({**VIT, "lora_shared": False})
    for made, trunks in ((network, 1), (apart, 2)):
        graph = SceneGraph(made, SIZE_PX, ("rgb", "thermal"))
        assert len({id(trunk) for trunk in graph.trunks.values()}) == trunks


def test_the_fullest_input_and_the_longest_side_unless_told(network: Sartm) -> None:
    plan = plan_for(network)
    assert plan.inputs == ("rgb", "thermal")
    assert plan.size_px == (384, 512)
    thermal = plan_for(scene_network({**VIT, "inputs": ["thermal"], "longest_px": 100}))
    assert (thermal.inputs, thermal.size_px) == (("thermal",), (64, 96))
    first, second = plan.example(1, 0)
    assert not np.array_equal(first, second)


def test_inputs_that_a_network_does_not_take(network: Sartm) -> None:
    thermal = scene_network({**VIT, "inputs": ["thermal"]})
    with pytest.raises(ConfigError, match=r"inputs 'rgb' are not for this Sartm: it takes thermal"):
        plan_for(thermal, SIZE_PX, inputs="rgb")
    with pytest.raises(ConfigError, match="not for this AnyThermal: it has no choice"):
        plan_for(network.encoder.trunk, (28, 28), inputs="rgb")
    with pytest.raises(ShapeError, match="multiples of 16 px. The nearest that fits is 64x48"):
        plan_for(network, (50, 60))
