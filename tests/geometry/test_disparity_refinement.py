"""Sub-pixel refinement: exact on textured planes, still where nothing is seen."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from thermoscope.core.errors import ConfigError, ShapeError
from thermoscope.geometry.disparity_refinement import refine_disparity

SIZE = (96, 160)
INSIDE = (slice(12, -12), slice(40, -12))


def texture(seed=0):
    """Smooth structure at the scale of a few pixels."""
    noise = np.random.default_rng(seed).normal(size=SIZE).astype(np.float32)
    view = cv2.GaussianBlur(noise, (0, 0), 1.5)
    return 22_000 + 400 * view / view.std()


def pair(truth, seed=0):
    """A right view, and the left one that has disparity `truth` at its own pixels."""
    right = texture(seed)
    columns, rows = np.meshgrid(*(np.arange(n, dtype=np.float32) for n in SIZE[::-1]))
    left = cv2.remap(right, columns - truth, rows, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    return left, right


def slanted():
    return np.tile(np.linspace(8, 20, SIZE[1], dtype=np.float32), (SIZE[0], 1))


@pytest.mark.parametrize("wrong_px", [-0.9, -0.5, 0.3, 0.8])
def test_a_slanted_plane_is_found_to_a_tenth_of_a_pixel(wrong_px):
    truth = slanted()
    left, right = pair(truth)
    error = np.abs(refine_disparity(left, right, truth + np.float32(wrong_px)) - truth)[INSIDE]
    assert np.median(error) < 0.12
    assert np.percentile(error, 95) < 0.25


def test_noise_of_the_answer_is_taken_away():
    truth = slanted()
    left, right = pair(truth)
    blobs = cv2.GaussianBlur(np.random.default_rng(1).normal(size=SIZE), (0, 0), 6)
    wrong = truth + (0.8 * blobs / blobs.std()).astype(np.float32)
    before = np.abs(wrong - truth)[INSIDE].mean()
    after = np.abs(refine_disparity(left, right, wrong) - truth)[INSIDE].mean()
    assert after < before / 4


def test_gain_offset_and_a_slow_gradient_do_not_matter():
    truth = slanted()
    left, right = pair(truth)
    ramp = np.linspace(0, 900, SIZE[1], dtype=np.float32)
    other = 0.7 * right - 5_000 + ramp
    error = np.abs(refine_disparity(left, other, truth + 0.8) - truth)[INSIDE]
    assert np.median(error) < 0.08


def test_a_step_in_depth_stays_where_it_is():
    truth = np.full(SIZE, 6, np.float32)
    truth[:, 90:] = 14
    left, right = pair(truth)
    refined = refine_disparity(left, right, truth + 0.5)
    assert np.abs(refined[12:-12, 100:-12] - 14).max() < 0.3
    assert np.abs(refined[12:-12, 40:78] - 6).max() < 0.3


def test_where_nothing_is_seen_nothing_moves():
    flat = np.full(SIZE, 21_000, np.uint16)
    given = slanted() + 0.4
    moved = np.abs(refine_disparity(flat, flat, given) - given)
    assert moved[INSIDE].max() < 1e-3
    assert moved.max() < 0.3  # a smooth surface ends level at the frame


def test_a_bare_surface_loses_the_bumps_of_its_answer():
    """Where the views say nothing the surface is smooth; a plane stays where it is."""
    bare = 21_000 + np.random.default_rng(3).normal(size=SIZE).astype(np.float32)
    bumps = cv2.GaussianBlur(np.random.default_rng(4).normal(size=SIZE), (0, 0), 1.5)
    wrong = slanted() + (0.3 * bumps / bumps.std()).astype(np.float32)
    left = np.full(SIZE, 21_000, np.uint16)
    for view in (left, bare):
        error = np.abs(refine_disparity(view, left, wrong) - slanted())[INSIDE]
        assert error.mean() < 0.6 * np.abs(wrong - slanted())[INSIDE].mean()


def test_pixels_that_lead_out_of_the_right_view_do_not_move():
    left, right = texture(0), texture(1)
    given = np.full(SIZE, 30, np.float32)
    refined = refine_disparity(left, right, given, rounds=1)
    np.testing.assert_array_equal(refined[:, :20], given[:, :20])


def test_no_rounds_is_a_copy():
    given = slanted()
    refined = refine_disparity(texture(), texture(1), given, rounds=0)
    np.testing.assert_array_equal(refined, given)
    assert refined is not given
    assert refined.dtype == np.float32


def test_wrong_planes_are_named():
    view = texture()
    with pytest.raises(ShapeError, match="right"):
        refine_disparity(view, view[1:], slanted())
    with pytest.raises(ShapeError, match="disparity"):
        refine_disparity(view, view, slanted()[:, 1:])
    with pytest.raises(ShapeError, match="left"):
        refine_disparity(view[None], view, slanted())
    with pytest.raises(ConfigError, match="rounds must be 0 or more, got -1"):
        refine_disparity(view, view, slanted(), rounds=-1)
    for wrong in (-1.0, float("nan")):
        with pytest.raises(ConfigError, match="smoothness must be 0 or more"):
            refine_disparity(view, view, slanted(), smoothness=wrong)


def test_smoothness_takes_bumps_out_of_a_noisy_surface():
    truth = slanted()
    noise = np.random.default_rng(2).normal(size=(2, *SIZE)).astype(np.float32) * 150
    left, right = (view + n for view, n in zip(pair(truth), noise, strict=True))
    bumps = []
    for smoothness in (0, 5, 25, 100):
        error = refine_disparity(left, right, truth, smoothness=smoothness) - truth
        bumps.append(float(np.abs(np.diff(error[INSIDE], axis=1)).mean()))
    assert bumps[1] > bumps[2] > bumps[3]
    assert bumps[0] != bumps[1]  # 0 leaves the pass out, which is no case of little smoothness


def test_views_that_show_different_things_move_nothing_far():
    """Noise against noise: without belief in the best of bad windows the answer stays."""
    noise = [np.random.default_rng(seed).normal(size=SIZE).astype(np.float32) for seed in (0, 1)]
    moved = np.abs(refine_disparity(*noise, slanted()) - slanted())[INSIDE]
    assert moved.mean() < 0.25  # 0.8 px if every window were believed


def poles():
    """A plane 6 px away with poles 12 px away, and the same of a network that saw no pole."""
    truth = np.full(SIZE, 6, np.float32)
    truth[:, 60:72] = truth[:, 100:112] = 12
    return truth, np.full(SIZE, 6, np.float32)


def test_a_second_opinion_finds_what_lies_several_pixels_off():
    truth, given = poles()
    left, right = pair(truth, seed=5)
    error = {
        asked: np.abs(refine_disparity(left, right, given, second_opinion=asked) - truth)
        for asked in (False, True)
    }
    on_poles = (slice(12, -12), slice(63, 69))
    assert np.median(error[False][on_poles]) > 2
    assert np.median(error[True][on_poles]) < 0.3
    assert np.median(error[True][12:-12, 20:50]) < 0.1


def test_a_second_opinion_does_not_mind_gain_and_offset():
    truth, given = poles()
    left, right = pair(truth, seed=5)
    error = np.abs(refine_disparity(left, 0.4 * right + 900, given, second_opinion=True) - truth)
    assert np.median(error[12:-12, 63:69]) < 0.3


def test_a_second_opinion_too_far_off_is_none():
    """A network that is 10 px off is not mended: the matcher, not the network, would answer."""
    truth = np.full(SIZE, 20, np.float32)
    left, right = pair(truth)
    refined = refine_disparity(left, right, truth - 10, second_opinion=True)
    assert np.abs(refined - truth)[INSIDE].mean() > 5


@pytest.mark.parametrize("given_px", [0.0, -1e6, 1e6])
@pytest.mark.parametrize("size", [(1, 1), (2, 40), (33, 3), (16, 16)])
def test_any_size_and_any_answer(size, given_px):
    view = np.random.default_rng(0).normal(size=size)
    refined = refine_disparity(view, view, np.full(size, given_px), second_opinion=True)
    assert refined.shape == size
    assert np.isfinite(refined).all()
