"""The stereo network in OpenVINO answers as in torch, for every size of frame."""

from __future__ import annotations

import copy
import sys
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from thermoscope.core.errors import ConfigError, MissingDependencyError, ShapeError
from thermoscope.engine.openvino_runtime import KEPT_SIZES, best_precision
from thermoscope.engine.stereo_runtime import CompiledStereo, compiled_pair, in_runtime
from thermoscope.models.thermostereort import ThermoStereoRT, thermostereort_tiny


@pytest.fixture(scope="module")
def network() -> ThermoStereoRT:
    """Random, with a refinement that does something."""
    made = thermostereort_tiny(max_disparity_px=16).eval()
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(1)
        made.refinement.leave.weight.normal_(std=0.1)
    return made


@pytest.fixture(scope="module")
def compiled(network: ThermoStereoRT) -> CompiledStereo:
    return CompiledStereo(network, precision="f32")


def pair(height: int, width: int, seed: int = 0) -> tuple[NDArray[Any], NDArray[Any]]:
    left = np.random.default_rng(seed).integers(7000, 9000, (height, width)).astype(np.uint16)
    return left, np.roll(left, -4, axis=1)


def test_answers_of_torch_and_openvino_agree(
    network: ThermoStereoRT, compiled: CompiledStereo
) -> None:
    views = pair(30, 45)  # padded to 32 x 48
    ours, theirs = network.predict(*views), compiled.predict(*views)
    assert ours.disparity.std() > 0.1
    assert np.abs(ours.disparity - theirs.disparity).max() < 1e-3
    assert np.abs(ours.confidence - theirs.confidence).max() < 1e-3
    assert theirs.disparity.shape == (30, 45)
    assert compiled.sizes_px == [(32, 48)]


def test_both_views_checked_and_errors_as_in_torch(
    network: ThermoStereoRT, compiled: CompiledStereo
) -> None:
    views = pair(32, 48, seed=3)
    ours = network.predict(*views, check_left_right=True)
    theirs = compiled.predict(*views, check_left_right=True)
    assert np.array_equal(ours.valid, theirs.valid)
    with pytest.raises(ShapeError, match=r"left is \(32, 48\) and right \(16, 48\)"):
        compiled.predict(views[0], views[1][:16])


@pytest.mark.parametrize(("refine", "asked"), [(True, False), (False, True)])
def test_how_answers_are_refined_is_taken_over(
    network: ThermoStereoRT, refine: bool, asked: bool
) -> None:
    chosen = copy.copy(network)
    chosen.refine, chosen.second_opinion = refine, asked
    compiled = CompiledStereo(chosen)
    assert (compiled.refine, compiled.second_opinion) == (refine, asked)


def test_an_answer_stays_when_the_next_one_is_made(compiled: CompiledStereo) -> None:
    first = compiled.predict(*pair(32, 48, seed=1)).disparity
    kept = first.copy()
    compiled.predict(*pair(32, 48, seed=2))
    assert np.array_equal(first, kept)


def test_a_batch_is_its_pairs_in_turn(network: ThermoStereoRT, compiled: CompiledStereo) -> None:
    views = [
        torch.from_numpy(np.stack(v)[:, None].astype(np.float32))
        for v in zip(pair(32, 48, seed=5), pair(32, 48, seed=6), strict=True)
    ]
    with torch.no_grad():
        ours, theirs = network(*views), compiled(*views)
    assert theirs[0].shape == (2, 1, 32, 48)
    assert torch.allclose(ours[0], theirs[0], atol=1e-3)


def test_few_sizes_are_kept(compiled: CompiledStereo, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled.compile_for(30, 45)
    assert compiled.sizes_px == [(32, 48)]  # nothing was compiled again
    sizes = [(16 * n, 32) for n in range(1, KEPT_SIZES + 2)]
    made: list[tuple[int, int]] = []

    def noted(network: Any, height: int, width: int, **more: Any) -> Any:
        made.append((height, width))
        return lambda left, right: [left, right]

    monkeypatch.setattr("thermoscope.engine.stereo_runtime.compiled_pair", noted)
    for size in sizes:
        compiled.compile_for(*size)
    assert made == sizes
    assert compiled.sizes_px == sizes[1:]


def test_auto_uses_what_the_processor_has(network: ThermoStereoRT) -> None:
    import openvino

    abilities = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    assert best_precision() == ("bf16" if "BF16" in abilities else "f32")
    with pytest.raises(ConfigError, match="precision is auto, f32, bf16, got 'int8'"):
        compiled_pair(network, 32, 48, precision="int8")  # type: ignore[arg-type]


def test_without_openvino(network: ThermoStereoRT, monkeypatch: pytest.MonkeyPatch) -> None:
    assert in_runtime(network, "torch") is network
    assert isinstance(in_runtime(network, "auto"), CompiledStereo)
    monkeypatch.setitem(sys.modules, "openvino", None)
    assert in_runtime(network, "auto") is network
    with pytest.raises(MissingDependencyError, match=r"thermoscope\[export\]"):
        in_runtime(network, "openvino")
    with pytest.raises(ConfigError, match="runtime is auto, torch, openvino, got 'tpu'"):
        in_runtime(network, "tpu")  # type: ignore[arg-type]
