"""Exported files: answers, facts, refusals; what does not answer as torch does is not written."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from thermoscope.core.errors import (
    ConfigError,
    MissingDependencyError,
    ReadError,
    ShapeError,
    WriteError,
)
from thermoscope.engine.export import ExportReport, export_model, quiet_tracing, read_facts
from thermoscope.engine.export_check import (
    TENSORRT_OPERATORS,
    operator_counts,
    refused_by_tensorrt,
    worst_differences,
)
from thermoscope.engine.export_graphs import FixedBackbone
from thermoscope.engine.export_plans import PLANS, check_size, plan_for
from thermoscope.layers.pooling import make_pooling
from thermoscope.models.anythermal import AnyThermal
from thermoscope.models.dense_heads import (
    DepthHead,
    SegmentationHead,
    ThermalDepth,
    ThermalSegmenter,
)
from thermoscope.models.place import PlaceRecognizer
from thermoscope.models.thermostereort import ThermoStereoRT, thermostereort_tiny

AWKWARD = {"GridSample", "ScatterND", "GatherND", "NonZero", "ScatterElements", "Loop", "If"}


@pytest.fixture(scope="module")
def stereo() -> ThermoStereoRT:
    made = thermostereort_tiny(min_disparity_px=-8, max_disparity_px=16).eval()
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(1)
        made.refinement.leave.weight.normal_(std=0.1)
    return made


@pytest.fixture(scope="module")
def exported(
    stereo: ThermoStereoRT, tmp_path_factory: pytest.TempPathFactory
) -> tuple[ExportReport, Path]:
    path = tmp_path_factory.mktemp("export") / "stereo.onnx"
    return export_model(stereo, path, size_px=(32, 48)), path


def test_report_of_a_stereo_network(exported: tuple[ExportReport, Path]) -> None:
    report, path = exported
    assert report.passed
    assert report.files == (path,)
    assert [(d.output, d.batch) for d in report.differences] == [
        ("disparity", 1),
        ("confidence", 1),
        ("disparity", 2),
        ("confidence", 2),
    ]
    assert max(d.max_abs for d in report.differences) < 1e-3
    assert report.tensorrt_refuses == []
    assert not AWKWARD & set(report.operators)
    assert report.operators["MatMul"] == 1  # the cost volume
    assert set(report.operators) <= TENSORRT_OPERATORS


def test_the_file_takes_any_batch_and_says_what_it_is(
    stereo: ThermoStereoRT, exported: tuple[ExportReport, Path]
) -> None:
    import onnxruntime

    path = exported[1]
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    left, right = (
        np.roll(np.random.default_rng(0).normal(8000, 300, (3, 1, 32, 48)), s, 3).astype(np.float32)
        for s in (0, 4)
    )
    disparity, _ = session.run(["disparity", "confidence"], {"left": left, "right": right})
    with torch.no_grad():
        wanted = stereo(torch.from_numpy(left), torch.from_numpy(right))[0].numpy()
    assert np.abs(disparity - wanted).max() < 1e-3
    facts = read_facts(path)
    assert (facts["min_disparity_px"], facts["max_disparity_px"]) == ("-8", "16")
    assert (facts["size"], facts["opset"]) == ("48x32", "18")
    assert json.loads(facts["input_spec"])["kind"] == "counts"


def test_openvino_file_in_half_precision(stereo: ThermoStereoRT, tmp_path: Path) -> None:
    path = tmp_path / "stereo.xml"
    report = export_model(stereo, path, to="openvino", size_px=(32, 48), half=True)
    assert report.passed
    assert report.files == (path.with_suffix(".bin"), path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["stereo.bin", "stereo.xml"]
    parameters = sum(p.numel() for p in stereo.parameters())
    assert path.with_suffix(".bin").stat().st_size < 3 * parameters  # two bytes each, and tables
    assert read_facts(path) == report.facts
    assert report.facts["half"] == "true"


def test_nothing_is_written_that_differs(stereo: ThermoStereoRT, tmp_path: Path) -> None:
    path = tmp_path / "stereo.onnx"
    report = export_model(stereo, path, size_px=(32, 48), tolerance=1e-12)
    assert not report.passed
    assert report.files == ()
    assert list(tmp_path.iterdir()) == []


# -- other families -------------------------------------------------------------------------------


def image_networks() -> dict[str, nn.Module]:
    backbone = AnyThermal.tiny()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return {
            "cls grid": backbone,
            "depth": ThermalDepth(backbone, DepthHead(32, widths=(8, 8, 8, 8), fusion=8)).eval(),
            "logits": ThermalSegmenter(
                backbone, SegmentationHead("conv", 32, 2), ("sky", "road")
            ).eval(),
            "descriptor": PlaceRecognizer(
                backbone, make_pooling("gem", 32), size_px=(28, 42)
            ).eval(),
        }


@pytest.mark.parametrize("outputs", ["cls grid", "depth", "logits", "descriptor"])
def test_image_networks_answer_as_torch_does(outputs: str, tmp_path: Path) -> None:
    report = export_model(image_networks()[outputs], tmp_path / "a.onnx", size_px=(28, 42))
    assert report.passed
    assert report.outputs == tuple(outputs.split())
    assert report.tensorrt_refuses == []


def test_facts_of_image_networks() -> None:
    found = {name: plan_for(network, (28, 42)).facts for name, network in image_networks().items()}
    assert json.loads(found["logits"]["classes"]) == ["sky", "road"]
    assert json.loads(found["depth"]["output_units"]) == {"depth": "m"}
    assert json.loads(found["descriptor"]["input_spec"])["size_multiple_px"] == 14
    assert found["cls grid"]["weights_sha256"] == ""


def test_positions_of_another_size_are_a_constant() -> None:
    backbone = AnyThermal.tiny()
    images = torch.randn(2, 3, 42, 70)
    with torch.no_grad():
        wanted = backbone.intermediate(images, (1, -1))
        found = FixedBackbone(backbone, (42, 70), (1, -1))(images)
    for ours, theirs in zip(found, wanted, strict=True):
        assert torch.allclose(ours.cls, theirs.cls, atol=1e-5)
        assert torch.allclose(ours.grid, theirs.grid, atol=1e-5)


# -- checks ---------------------------------------------------------------------------------------


def test_sizes() -> None:
    check_size((256, 640), 16)
    with pytest.raises(ShapeError, match=r"size 650x260 does not fit.* nearest .* is 656x256"):
        check_size((260, 650), 16)
    with pytest.raises(ShapeError, match="is 14x14"):
        check_size((1, 3), 14)
    with pytest.raises(ConfigError, match="width"):
        check_size((14, 0), 14)


def test_networks_without_a_plan() -> None:
    with pytest.raises(ConfigError, match=r"Linear cannot be exported. .*ThermoStereoRT"):
        plan_for(nn.Linear(1, 1))
    assert plan_for(thermostereort_tiny()).size_px == (256, 640)
    assert plan_for(AnyThermal.tiny()).size_px == (224, 224)
    assert len(PLANS) == 6


def test_operators_that_tensorrt_refuses() -> None:
    make = onnx.helper.make_node
    nodes = [
        make("Relu", ["a"], ["b"]),
        make("Col2Im", ["b"], ["c"]),
        make("Resize", ["c"], ["d"], mode="cubic", antialias=1),
        make("Fancy", ["d"], ["e"], domain="com.example"),
    ]
    inner = onnx.helper.make_graph([make("Unique", ["x"], ["y"])], "inner", [], [])
    nodes.append(make("If", ["e"], ["f"], then_branch=inner, else_branch=inner))
    graph = onnx.helper.make_graph(nodes, "g", [], [])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 25)])
    assert refused_by_tensorrt(model) == [
        "Col2Im: not in the parser's table",
        "Resize: antialias",
        "Resize: mode cubic",
        "Unique: not in the parser's table",
        "com.example::Fancy: not in the parser's table",
        "opset 25: TensorRT reads 9 to 24",
    ]
    assert operator_counts(model)["Unique"] == 2


def test_differences_by_hand() -> None:
    plan = plan_for(thermostereort_tiny(), (16, 16))
    ours = [np.array([4.0, 2.0]), np.array([1.0, 1.0])]

    def wrong(arrays: list[np.ndarray]) -> list[np.ndarray]:
        return [np.array([4.0, 2.5]), np.array([1.0, np.nan])]

    first, second = worst_differences(plan, lambda t: ours, wrong, tolerance=0.1, batches=(1,))
    assert (first.max_abs, first.mean_abs, first.allowed) == (0.5, 0.25, 0.4)
    assert not first.passed
    assert second.max_abs == float("inf")
    lost = [np.full(2, np.nan), np.ones(3)]
    found = worst_differences(plan, lambda t: ours, lambda a: lost, tolerance=1.0, batches=(1,))
    assert [d.max_abs for d in found] == [float("inf")] * 2


# -- wrong calls ----------------------------------------------------------------------------------


def test_wrong_targets(stereo: ThermoStereoRT, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"must end in .xml for openvino"):
        export_model(stereo, tmp_path / "a.onnx", to="openvino")
    with pytest.raises(ConfigError, match="unknown format 'tflite'"):
        export_model(stereo, tmp_path / "a.onnx", to="tflite")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="half precision is for openvino"):
        export_model(stereo, tmp_path / "a.onnx", half=True)
    with pytest.raises(ConfigError, match="tolerance must be positive, got 0"):
        export_model(stereo, tmp_path / "a.onnx", tolerance=0)
    (tmp_path / "a.bin").write_bytes(b"mine")
    with pytest.raises(WriteError, match=r"a.bin exists. Pass --overwrite"):
        export_model(stereo, tmp_path / "a.xml", to="openvino")
    assert (tmp_path / "a.bin").read_bytes() == b"mine"


@pytest.mark.parametrize("package", ["onnx", "onnxscript", "onnxruntime"])
def test_missing_packages(
    package: str, stereo: ThermoStereoRT, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingDependencyError, match=rf"'{package}'.*thermoscope\[export\]"):
        export_model(stereo, tmp_path / "a.onnx", size_px=(16, 32))
    assert list(tmp_path.iterdir()) == []


def test_files_that_say_nothing(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="no exported network"):
        read_facts(tmp_path / "a.onnx")
    for name, text in (
        ("a.onnx", "is not an ONNX file"),
        ("a.xml", "is not an OpenVINO network"),
        ("a.bin", "must end in .onnx or .xml"),
    ):
        (tmp_path / name).write_bytes(b"no network")
        with pytest.raises(ReadError, match=text):
            read_facts(tmp_path / name)


def test_loggers_are_left_as_they_were() -> None:
    import logging

    trace, chatty = logging.getLogger("torch.__trace"), logging.getLogger("torch.onnx")
    handler = logging.NullHandler()
    trace.addHandler(handler)
    before = [*trace.handlers], chatty.level
    with quiet_tracing():
        assert trace.handlers == []
        assert chatty.level == logging.ERROR
    assert ([*trace.handlers], chatty.level) == before
    trace.removeHandler(handler)
