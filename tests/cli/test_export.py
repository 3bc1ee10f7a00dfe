"""``thermoscope export`` and ``stereo --runtime`` with a random network of a few kilobytes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.fakes.tiny_weights import write_tiny_backbone, write_tiny_stereo

from thermoscope.cli.main import main
from thermoscope.engine.export import read_facts
from thermoscope.io.write import write_image


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weights")
    write_tiny_stereo(folder)
    write_tiny_backbone(folder)
    return folder


def run(weights: Path, out: Path, *more: str, model: str = "thermostereort_tiny") -> int:
    return main(["export", model, "--weights", str(weights), "--out", str(out), *more])


def test_onnx_as_json(weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "a.onnx"
    assert run(weights, out, "--size", "48x32", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["files"] == [str(out)]
    assert report["passed"]
    assert (report["size"], report["opset"], report["tensorrt_refuses"]) == ("48x32", 18, [])
    assert {d["batch"] for d in report["differences"]} == {1, 2}
    assert read_facts(out)["model"] == "thermostereort_tiny"
    assert len(read_facts(out)["weights_sha256"]) == 64


def test_openvino_for_people(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "b.xml"
    assert run(weights, out, "--to", "openvino", "--size", "42x28", model="anythermal_tiny") == 0
    said = capsys.readouterr().out
    assert "42x28 px, any batch, ONNX opset 18" in said
    assert "image -> cls, grid" in said
    assert "TensorRT's parser refuses: nothing" in said
    assert {p.name for p in tmp_path.iterdir()} == {"b.xml", "b.bin"}
    assert json.loads(read_facts(out)["input_spec"])["size_multiple_px"] == 14
    assert run(weights, out, "--to", "openvino", model="anythermal_tiny") == 2
    assert "exists. Pass --overwrite" in capsys.readouterr().err


def test_too_different_is_not_written(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "c.onnx"
    words = ["--size", "42x28", "--tolerance", "1e-12"]
    assert run(weights, out, *words, model="anythermal_tiny") == 1
    assert "nothing was written: " in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize(
    ("more", "text"),
    [
        (["--size", "650x250"], "nearest that fits is 656x256"),
        (["--size", "big"], "--size must be WIDTHxHEIGHT"),
        (["--half"], "half precision is for openvino"),
        (["--inputs", "thermal"], "not for this ThermoStereoRT: it has no choice"),
        (["--to", "openvino"], "must end in .xml for openvino"),
    ],
)
def test_wrong_words(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], text: str
) -> None:
    assert run(weights, tmp_path / "d.onnx", *more) == 2
    assert text in capsys.readouterr().err


def test_a_place_that_cannot_be_written_is_told_before_the_work(
    weights: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("thermoscope.engine.export.onnx_graph", lambda _: pytest.fail("traced"))
    (tmp_path / "file").touch()
    (tmp_path / "d.onnx").mkdir()
    assert run(weights, tmp_path / "file" / "d.onnx") == 2
    assert "that is a file" in capsys.readouterr().err
    assert run(weights, tmp_path / "d.onnx", "--overwrite") == 2
    assert "d.onnx is a folder. Give a file in it" in capsys.readouterr().err


def test_missing_extra_is_named(
    weights: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    assert run(weights, tmp_path / "e.onnx") == 2
    assert "pip install 'thermoscope[export]'" in capsys.readouterr().err


def test_stereo_in_openvino(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    view = np.random.default_rng(0).integers(3000, 4000, (32, 48)).astype(np.uint16)
    left, right = tmp_path / "left.png", tmp_path / "right.png"
    write_image(left, view)
    write_image(right, np.roll(view, -4, axis=1))
    answers = {}
    for runtime in ("torch", "openvino"):
        words = ["stereo", str(left), str(right), "--out", str(tmp_path / runtime), "--plain"]
        words += ["--model", "thermostereort_tiny", "--weights", str(weights), "--json"]
        assert main([*words, "--runtime", runtime]) == 0
        assert json.loads(capsys.readouterr().out)["runtime"] == runtime
        answers[runtime] = np.load(tmp_path / runtime / "left_disparity.npy")
    gap = np.abs(answers["torch"] - answers["openvino"])
    assert gap.mean() < 0.1  # px; bf16 where the processor has it
    assert answers["openvino"].shape == (32, 48)
