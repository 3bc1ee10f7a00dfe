"""Stereo augmentation keeps matches where the disparity says, or moves both."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from thermoscope.core.errors import ConfigError, ShapeError
from thermoscope.data.stereo_augment import (
    NO_CHANGE,
    StereoAugmentation,
    StereoPairViews,
    augment,
    crop,
    flip_stereo,
    shift_rows,
)

HEIGHT, WIDTH = 24, 40


@pytest.fixture
def pair(rng: np.random.Generator) -> StereoPairViews:
    """Disparity 3 in the upper half, 7 in the lower; both views known."""
    wide = rng.normal(3500, 100, (HEIGHT, WIDTH + 8)).astype(np.float32)
    disparity = np.full((HEIGHT, WIDTH), 3, np.float32)
    disparity[HEIGHT // 2 :] = 7
    left = wide[:, :WIDTH]
    right = np.where(disparity == 3, wide[:, 3 : WIDTH + 3], wide[:, 7 : WIDTH + 7])
    known = np.ones((HEIGHT, WIDTH), bool)
    return StereoPairViews(left, right, disparity, known, disparity.copy(), known.copy())


def misfit(pair: StereoPairViews) -> float:
    """Mean difference between a left pixel and its match, where it is in the picture."""
    columns = np.arange(pair.left.shape[1])[None] - pair.disparity.astype(int)
    inside = (columns >= 0) & (columns < pair.left.shape[1])
    matched = np.take_along_axis(pair.right, np.clip(columns, 0, pair.left.shape[1] - 1), axis=1)
    return float(np.abs(matched - pair.left)[inside].mean())


def test_a_flip_swaps_views_and_keeps_matches(pair: StereoPairViews) -> None:
    assert misfit(pair) == 0
    flipped = flip_stereo(pair)
    assert misfit(flipped) == 0
    assert np.array_equal(flipped.left, pair.right[:, ::-1])
    again = flip_stereo(flipped)
    assert np.array_equal(again.left, pair.left)
    assert np.array_equal(again.disparity, pair.disparity)


def test_the_defective_flip_breaks_matches(pair: StereoPairViews, rng: np.random.Generator) -> None:
    broken = augment(pair, rng, replace(NO_CHANGE, flip="defective", flip_rate=1.0))
    assert misfit(broken) > 50


def test_a_teacher_is_flipped_too(pair: StereoPairViews) -> None:
    known = pair.valid.copy()
    known[:, :5] = False
    taught = replace(
        pair,
        teacher=pair.disparity + 1,
        taught=known,
        teacher_right=pair.disparity + 2,
        taught_right=~known,
    )
    flipped = flip_stereo(taught)
    assert flipped.teacher is not None
    assert flipped.taught is not None
    assert np.array_equal(flipped.teacher, (pair.disparity + 2)[:, ::-1])
    assert np.array_equal(flipped.taught, ~known[:, ::-1])


def test_a_crop_keeps_matches(pair: StereoPairViews) -> None:
    cut = crop(pair, top=4, left=10, height=16, width=24)
    assert cut.left.shape == cut.disparity.shape == (16, 24)
    assert misfit(cut) == 0
    with pytest.raises(ShapeError, match="window of 25 x 24 px at row 0, column 0 leaves"):
        crop(pair, top=0, left=0, height=25, width=24)


def test_nothing_asked_nothing_changed(pair: StereoPairViews, rng: np.random.Generator) -> None:
    same = augment(pair, rng, NO_CHANGE)
    assert np.array_equal(same.left, pair.left)
    assert np.array_equal(same.right, pair.right)


def test_the_same_generator_gives_the_same_change(pair: StereoPairViews) -> None:
    settings = StereoAugmentation(patch_px=12)
    one, two, other = (augment(pair, np.random.default_rng(seed), settings) for seed in (5, 5, 6))
    assert np.array_equal(one.right, two.right)
    assert not np.array_equal(one.right, other.right)


def test_views_get_different_sensors_and_keep_their_truth(
    pair: StereoPairViews, rng: np.random.Generator
) -> None:
    settings = replace(NO_CHANGE, offset=1.0, gain=0.5)
    changed = augment(pair, rng, settings)
    assert np.array_equal(changed.disparity, pair.disparity)
    shift = [
        float((a - b).mean()) for a, b in ((changed.left, pair.left), (changed.right, pair.right))
    ]
    assert shift[0] != pytest.approx(shift[1], abs=1)
    # Gain and offset only: the views still correlate perfectly.
    assert np.corrcoef(changed.left.ravel(), pair.left.ravel())[0, 1] == pytest.approx(1, abs=1e-5)


def test_each_disturbance_changes_what_it_says(
    pair: StereoPairViews, rng: np.random.Generator
) -> None:
    striped = augment(pair, rng, replace(NO_CHANGE, stripes=0.5))
    change = striped.left - pair.left
    assert np.abs(change - change[:1]).max() < 1e-2  # the same in every row
    assert change[0].std() > 0
    patched = augment(pair, rng, replace(NO_CHANGE, patch_rate=1.0, patch_px=10))
    covered = patched.right != pair.right
    assert 64 <= covered.sum() <= 100
    assert np.array_equal(patched.left, pair.left)
    noisy = augment(pair, rng, replace(NO_CHANGE, noise=0.5))
    assert (noisy.left != pair.left).mean() > 0.99


def test_rows_move_by_a_fraction() -> None:
    plane = np.arange(5, dtype=np.float32)[:, None].repeat(2, axis=1)
    assert shift_rows(plane, 0.5)[:, 0].tolist() == [0, 0.5, 1.5, 2.5, 3.5]
    assert shift_rows(plane, -1)[:, 0].tolist() == [1, 2, 3, 4, 4]


def test_bad_arguments(pair: StereoPairViews) -> None:
    alone = StereoPairViews(pair.left, pair.right, pair.disparity, pair.valid)
    with pytest.raises(ConfigError, match="a stereo flip needs disparity_right"):
        flip_stereo(alone)
    with pytest.raises(ConfigError, match="needs teacher_right beside teacher"):
        flip_stereo(replace(pair, teacher=pair.disparity))
    with pytest.raises(ConfigError, match="flip must be 'correct', 'defective' or 'none'"):
        StereoAugmentation(flip="both")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="patch_rate must lie in"):
        StereoAugmentation(patch_rate=2)
    with pytest.raises(ShapeError, match=r"right must be \(24, 40\) as left, got \(24, 39\)"):
        StereoPairViews(pair.left, pair.right[:, 1:], pair.disparity, pair.valid)
