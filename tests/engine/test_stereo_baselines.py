"""The SGBM baseline: 16-bit aware, holes filled from the left, tuned on what it is given."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from thermoscope.core.errors import ConfigError, ShapeError
from thermoscope.data.stereo_augment import StereoPairViews
from thermoscope.engine.stereo_baselines import Sgbm, fill_from_left, tune_sgbm


@pytest.fixture
def pair(rng: np.random.Generator) -> StereoPairViews:
    scene = cv2.GaussianBlur(rng.normal(0, 1, (48, 160)).astype(np.float32), (0, 0), 1.0)
    wide = 3600 + 200 * scene
    left, right = wide[:, 20:116], wide[:, 25:121]
    known = np.ones(left.shape, bool)
    return StereoPairViews(left, right, np.full(left.shape, 5, np.float32), known)


def test_a_shift_with_an_offset_between_cameras_is_found(pair: StereoPairViews) -> None:
    left = pair.left.astype(np.uint16)
    right = (pair.right + 150).astype(np.uint16)
    found = Sgbm(max_disparity_px=32).predict(left, right)
    assert found.disparity.shape == left.shape
    assert np.median(np.abs(found.disparity - 5)) < 0.2
    assert found.valid.mean() > 0.7
    assert np.isfinite(found.disparity).all()


def test_holes_take_the_left_neighbour() -> None:
    disparity = np.array([[-1, 4, -1, 6, -1], [-1, -1, -1, -1, -1]], np.float32)
    filled = fill_from_left(disparity, disparity >= 0)
    assert filled.tolist() == [[4, 4, 4, 6, 6], [5, 5, 5, 5, 5]]
    assert fill_from_left(disparity, np.zeros((2, 5), bool)).tolist() == [[0] * 5] * 2
    with pytest.raises(ShapeError, match=r"answered must be \(2, 5\), got \(5,\)"):
        fill_from_left(disparity, np.ones(5, bool))


def test_tuning_takes_what_is_better_and_nothing_else(
    pair: StereoPairViews, rng: np.random.Generator
) -> None:
    noise = rng.normal(0, 60, pair.right.shape).astype(np.float32)
    noisy = replace(pair, right=pair.right + noise)
    start = Sgbm(max_disparity_px=32, block_px=1)
    kept, untuned = tune_sgbm([noisy], start=start, choices={"block_px": (1,)})
    assert kept == start
    best, error = tune_sgbm([noisy], start=start, choices={"block_px": (1, 7)})
    assert error < untuned
    assert best == replace(start, block_px=7)
    fewest, share = tune_sgbm([noisy], start=start, choices={"block_px": (1, 7)}, by="bad_3")
    answer = fewest.predict(noisy.left, noisy.right).disparity
    off = np.abs(answer - noisy.disparity)[noisy.valid] > 3
    assert share == pytest.approx(off.mean())
    with pytest.raises(ConfigError, match="no pair to tune on"):
        tune_sgbm([])


def test_bad_settings() -> None:
    with pytest.raises(ConfigError, match="block_px must be odd and positive, got 4"):
        Sgbm(block_px=4)
    with pytest.raises(ConfigError, match="disparities from 0 to 0 px"):
        Sgbm(max_disparity_px=0)
    with pytest.raises(ConfigError, match="jump 8 must exceed smooth 8"):
        Sgbm(smooth=8, jump=8)
