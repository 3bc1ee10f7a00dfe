"""One table for all methods on the same pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from thermoscope.core.errors import ConfigError, UnknownNameError
from thermoscope.core.sample import Sample
from thermoscope.engine.evaluate_stereo import evaluate_stereo
from thermoscope.engine.stereo_baselines import Sgbm
from thermoscope.engine.stereo_frames import StereoGroup
from thermoscope.models.stereo_result import StereoResult
from thermoscope.models.thermostereort import thermostereort_tiny


@dataclass
class Constant:
    """Answers one number; every second column is a hole if asked."""

    value: float
    leaves_holes: bool = False
    min_disparity_px: int = 0
    seen_right: Any = None

    def predict(self, left: np.ndarray, right: np.ndarray, /) -> StereoResult:
        self.seen_right = right
        answer = np.full(left.shape, self.value, np.float32)
        valid = np.ones(left.shape, bool)
        if self.leaves_holes:
            valid[:, ::2] = False
        return StereoResult(answer, np.ones_like(answer), valid)


def sample(truth: float, *, name: str = "a") -> Sample:
    view = np.arange(8 * 16, dtype=np.uint16).reshape(1, 8, 16)
    disparity = np.full((1, 8, 16), truth, np.float32)
    return {
        "name": name,
        "counts": view,
        "counts_right": view + np.uint16(1),
        "disparity": disparity,
        "valid": np.ones((1, 8, 16), bool),
        "depth": (100 * 0.3 / disparity).astype(np.float32),
        "K": np.array([[100.0, 0, 7.5], [0, 100, 3.5], [0, 0, 1]]),
        "baseline_m": 0.3,
    }


def test_mean_is_over_groups_and_parts_are_averaged_too() -> None:
    groups = [
        StereoGroup("urban/day", [sample(10), sample(10), sample(10)]),
        StereoGroup("urban/night", [sample(14)]),
        StereoGroup("indoor/day", [sample(12)]),
    ]
    report = evaluate_stereo({"twelve": Constant(12)}, groups)
    assert report.row("twelve").scores.epe_px == pytest.approx((2 + 2 + 0) / 3)
    assert report.row("twelve", group="urban").scores.epe_px == 2
    assert report.row("twelve", group="day").scores.epe_px == pytest.approx(1.5)
    assert report.row("twelve").scores.bad_1 == pytest.approx(2 / 3)
    depth = report.row("twelve", group="urban/day").depth
    assert depth is not None
    assert depth.abs_rel == pytest.approx(1 - 10 / 12, abs=1e-4)


def test_holes_are_scored_three_ways_on_the_same_pixels() -> None:
    methods = {"net": Constant(11), "holed": Constant(10, leaves_holes=True)}
    report = evaluate_stereo(methods, [StereoGroup("g", [sample(10)])])
    assert report.row("holed").scores.bad_1 == 0
    assert report.row("holed", pixels="holes wrong").scores.bad_1 == 0.5
    own = report.row("net", pixels="answered by holed").scores
    assert own.pixels == 64
    assert own.epe_px == 1
    with pytest.raises(UnknownNameError, match="unknown row 'net, holes wrong, mean'"):
        report.row("net", pixels="holes wrong")


def test_truth_outside_the_common_range_is_left_out() -> None:
    mixed = sample(10)
    mixed["disparity"][..., :4] = 200
    report = evaluate_stereo({"ten": Constant(10)}, [StereoGroup("g", [mixed])])
    assert report.row("ten").scores.pixels == 8 * 12
    assert report.row("ten").scores.epe_px == 0


def test_raw_leaves_hidden_pixels_out() -> None:
    hidden = sample(10)
    hidden["occluded"] = np.zeros((1, 8, 16), bool)
    hidden["occluded"][..., :8] = True
    groups = [StereoGroup("g", [hidden])]
    raw = evaluate_stereo({"m": Constant(1)}, groups, protocol="raw")
    assert raw.row("m").scores.pixels == 64
    assert evaluate_stereo({"m": Constant(1)}, groups).row("m").scores.pixels == 128
    assert any("raw" in line for line in raw.protocol)


def test_a_stated_range_moves_the_right_view() -> None:
    class Signed(list[Sample]):
        def disparity_range(self, index: int) -> tuple[float, float]:
            return -5.5, 20.0

    method = Constant(2)
    report = evaluate_stereo(
        {"m": method}, [StereoGroup("g", Signed([sample(-4)]))], min_disparity_px=-96
    )
    assert report.row("m").scores.epe_px == 0  # 2 - 6
    # d' = d + 6: what was at x is now at x - 6
    right = sample(-4)["counts_right"][0]
    assert np.array_equal(method.seen_right[:, :10], right[:, 6:])


def test_a_frame_without_truth_is_reported_and_the_others_scored() -> None:
    broken = {k: v for k, v in sample(10, name="broken").items() if k != "disparity"}
    frames: Sequence[Any] = [broken, sample(10)]
    report = evaluate_stereo({"m": Constant(10)}, [StereoGroup("g", frames)])
    assert report.failed == [("broken", "broken has no disparity to score against.")]
    assert report.row("m").scores.images == 1
    assert report.to_dict()["failed"][0]["frame"] == "broken"


def test_the_mean_of_groups_counts_the_frames_of_depth_as_well() -> None:
    def with_depth() -> Sample:
        return {**sample(10), "baseline_m": 0.3, "K": np.diag([400.0, 400.0, 1.0])}

    groups = [StereoGroup(f"g{n}", [with_depth() for _ in range(n)]) for n in (3, 1)]
    mean = evaluate_stereo({"m": Constant(12)}, groups).row("m", group="mean")
    assert mean.depth is not None
    assert mean.scores.images == mean.depth.images == 4


def test_network_and_baseline_on_one_pair(rng: np.random.Generator) -> None:
    scene = np.kron(rng.normal(3500, 100, (24, 64)), np.ones((2, 2))).astype(np.uint16)
    made: Sample = {
        "name": "shifted",
        "counts": scene[None, :, 16:112],
        "counts_right": scene[None, :, 24:120],
        "disparity": np.full((1, 48, 96), 8, np.float32),
        "valid": np.ones((1, 48, 96), bool),
    }
    groups = [StereoGroup("g", [made])]
    report = evaluate_stereo(
        {"net": thermostereort_tiny().eval(), "sgbm": Sgbm(max_disparity_px=32)},
        groups,
        max_disparity_px=32,
    )
    assert report.failed == []
    net, sgbm = report.row("net").scores, report.row("sgbm").scores
    assert net.pixels == sgbm.pixels == 48 * 96
    assert sgbm.epe_px < 1
    assert report.row("net").milliseconds > 0


def test_bad_arguments() -> None:
    with pytest.raises(UnknownNameError, match="unknown stereo protocol 'filterd'"):
        evaluate_stereo({"m": Constant(1)}, [], protocol="filterd")
    with pytest.raises(ConfigError, match="there is no method or no frame"):
        evaluate_stereo({"m": Constant(1)}, [])
