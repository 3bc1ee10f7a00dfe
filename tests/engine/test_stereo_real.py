"""Judging without truth."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import pytest

from thermoscope.core.errors import ConfigError
from thermoscope.engine.stereo_baselines import Sgbm
from thermoscope.engine.stereo_real import judge_pair, photometric_error
from thermoscope.models.stereo_checks import check_pair, matching_side
from thermoscope.models.stereo_result import StereoResult


class Constant:
    """Answers one number."""

    def __init__(self, value: float) -> None:
        self.value = value

    def predict(self, left: np.ndarray, right: np.ndarray, /) -> StereoResult:
        answer = np.full(left.shape, self.value, np.float32)
        return StereoResult(answer, np.ones_like(answer), np.ones(left.shape, bool))


@pytest.fixture
def pair(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Disparity 6, and another offset and gain of the right camera."""
    scene = cv2.GaussianBlur(rng.normal(0, 1, (64, 160)).astype(np.float32), (0, 0), 1.2)
    wide = 3500 + 300 * scene
    return wide[:, 10:138], 0.8 * wide[:, 16:144] + 900


def test_the_right_disparity_fits_best_whatever_the_cameras_gain(pair: tuple) -> None:
    valid = np.ones(pair[0].shape, bool)
    errors = {
        d: photometric_error(*pair, np.full(pair[0].shape, d, np.float32), valid)
        for d in (0, 5, 6, 7)
    }
    assert min(errors, key=errors.__getitem__) == 6
    assert errors[6] < 0.05 < 0.3 < errors[5]
    assert math.isnan(photometric_error(*pair, np.zeros(pair[0].shape, np.float32), ~valid))


def test_methods_beside_a_baseline(pair: tuple) -> None:
    methods = {"sgbm": Sgbm(max_disparity_px=32), "six": Constant(6), "nine": Constant(9)}
    found = {j.method: j for j in judge_pair(methods, *pair, baseline="sgbm")}
    assert found["six"].photometric <= found["sgbm"].photometric + 0.05
    assert found["nine"].photometric > 5 * found["six"].photometric
    assert found["six"].consistent == pytest.approx(122 / 128)  # the first six lead outside
    assert found["six"].median_difference_px < 0.2
    assert found["nine"].median_difference_px == pytest.approx(3, abs=0.2)
    assert found["sgbm"].median_difference_px == 0
    with pytest.raises(ConfigError, match="baseline 'bm' is not among sgbm"):
        judge_pair({"sgbm": Sgbm()}, *pair, baseline="bm")


@pytest.mark.real
def test_a_real_pair_passes_the_checks_and_its_swap_does_not(real_data: Path) -> None:
    folder = real_data / "stereo" / "ms2"
    left, right = (
        cv2.imread(str(next((folder / side).glob("*_thr.png"))), cv2.IMREAD_UNCHANGED)
        for side in ("left", "right")
    )
    assert check_pair(left, right, max_disparity_px=64) == []
    assert matching_side(left, right, max_disparity_px=64) > 0.5
    swapped = check_pair(right, left, max_disparity_px=64)
    assert "swapped" in [f.topic for f in swapped]
