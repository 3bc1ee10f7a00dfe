"""Depth losses against numbers worked out by hand, and their gradients."""

import math

import pytest
import torch
from torch.autograd import gradcheck

from thermoscope.core.errors import ConfigError, ShapeError, UnitError
from thermoscope.losses.depth import (
    gradient_matching_loss,
    least_squares_alignment,
    scale_shift_invariant_loss,
    silog_loss,
)

LOSSES = {
    "least_squares": scale_shift_invariant_loss,
    "median": lambda *a: scale_shift_invariant_loss(*a, alignment="median"),
    "trimmed": lambda *a: scale_shift_invariant_loss(*a, alignment="median", trim=0.2),
    "silog": silog_loss,
    "gradient": gradient_matching_loss,
}


def row(*values):
    """(1, 1, 1, N)."""
    return torch.tensor(values, dtype=torch.float64).view(1, 1, 1, -1)


def everywhere(image):
    return torch.ones_like(image, dtype=torch.bool)


def random_depth(seed, shape=(2, 1, 3, 4)):
    generator = torch.Generator().manual_seed(seed)
    return 1 + 9 * torch.rand(shape, generator=generator, dtype=torch.float64)


def test_scale_and_shift_are_found_exactly():
    prediction = row(0, 1, 2, 5)
    scale, shift = least_squares_alignment(prediction, 3 * prediction + 2, everywhere(prediction))
    assert (scale.item(), shift.item()) == pytest.approx((3, 2))


def test_a_flat_prediction_becomes_the_mean():
    flat = row(4, 4, 4)
    scale, shift = least_squares_alignment(flat, row(1, 2, 6), everywhere(flat))
    assert (scale.item(), shift.item()) == (0, 3)


def test_least_squares_loss_is_half_the_residual_of_a_line():
    prediction, target = row(0, 1, 2), row(0, 3, 0)
    # best line is constant 1: residuals 1, -2, 1
    found = scale_shift_invariant_loss(prediction, target, everywhere(target))
    assert found.item() == pytest.approx((1 + 4 + 1) / 3 / 2)


def test_median_loss_by_hand():
    prediction, target = row(0, 1, 2), row(0, 1, 5)
    # medians 1; deviations 2/3 and 5/3: (-1.5, 0, 1.5) and (-0.6, 0, 2.4)
    found = scale_shift_invariant_loss(prediction, target, everywhere(target), alignment="median")
    assert found.item() == pytest.approx((0.9 + 0.9) / 3 / 2)


def test_trimming_drops_the_largest_differences():
    prediction, target = row(0, 1, 2, 3, 4), row(0, 1, 2, 3, 40)
    full = scale_shift_invariant_loss(prediction, target, everywhere(target), trim=0.0)
    fit = (row(0, 8.2, 16.4, 24.6, 32.8) - 7.2 - target).abs()  # slope 82 / 10, mean 9.2
    assert full.item() == pytest.approx((fit.square().mean() / 2).item())
    kept = fit.flatten().sort().values[:3]
    trimmed = scale_shift_invariant_loss(prediction, target, everywhere(target), trim=0.4)
    assert trimmed.item() == pytest.approx((kept.square().mean() / 2).item())


def test_only_least_squares_accepts_a_falling_prediction():
    target = row(1, 2, 4)
    assert scale_shift_invariant_loss(-target, target, everywhere(target)).item() < 1e-12
    upside_down = scale_shift_invariant_loss(
        -target, target, everywhere(target), alignment="median"
    )
    assert upside_down.item() > 0.5


def test_silog_by_hand():
    prediction, target = row(math.e, math.e**3), row(1.0, 1.0)
    # logs 1 and 3: mean square 5, mean 2
    for focus in (0.0, 0.85, 1.0):
        found = silog_loss(prediction, target, everywhere(target), variance_focus=focus)
        assert found.item() == pytest.approx(math.sqrt(5 - focus * 4), abs=1e-6)


def test_gradient_matching_by_hand():
    prediction, target = row(0, 1, 3, 0), row(0, 0, 0, 0)
    # steps 1, 2, 3 over 4 pixels; at half resolution pixels 0 and 2: step 3 over 2 pixels
    one = gradient_matching_loss(prediction, target, everywhere(target), scales=1)
    two = gradient_matching_loss(prediction, target, everywhere(target), scales=2)
    assert one.item() == pytest.approx(6 / 4)
    assert two.item() == pytest.approx(6 / 4 + 3 / 2)


def test_a_step_needs_both_pixels():
    prediction, target = row(0, 100, 1), row(0, 0, 0)
    valid = torch.tensor([True, False, True]).view(1, 1, 1, 3)
    assert gradient_matching_loss(prediction, target, valid, scales=1).item() == 0


@pytest.mark.parametrize("name", LOSSES)
def test_invalid_pixels_and_empty_images_do_not_matter(name):
    loss = LOSSES[name]
    prediction, target = random_depth(0), random_depth(1)
    valid = torch.rand(2, 1, 3, 4, generator=torch.Generator().manual_seed(2)) > 0.3
    expected = loss(prediction, target, valid).item()
    spoilt = torch.where(valid, target, torch.nan)
    empty = torch.zeros(1, 1, 3, 4, dtype=torch.bool)
    more = loss(
        torch.cat([prediction, random_depth(3, (1, 1, 3, 4))]).requires_grad_(),
        torch.cat([spoilt, random_depth(4, (1, 1, 3, 4))]),
        torch.cat([valid, empty]),
    )
    assert more.item() == pytest.approx(expected)


@pytest.mark.parametrize("name", LOSSES)
def test_nan_in_invalid_targets_never_reaches_the_gradient(name):
    prediction = random_depth(0).requires_grad_()
    target = random_depth(1)
    valid = torch.ones_like(target, dtype=torch.bool)
    valid[0, 0, 0, 0] = False
    target[0, 0, 0, 0] = torch.nan
    LOSSES[name](prediction, target, valid).backward()
    assert torch.isfinite(prediction.grad).all()
    assert prediction.grad.abs().sum() > 0


@pytest.mark.parametrize("name", LOSSES)
def test_nothing_valid_costs_nothing_and_has_a_gradient_of_zero(name):
    prediction = random_depth(0).requires_grad_()
    target = torch.full_like(prediction, torch.nan)
    found = LOSSES[name](prediction, target, torch.zeros_like(target, dtype=torch.bool))
    found.backward()
    assert found.item() == 0
    assert torch.equal(prediction.grad, torch.zeros_like(prediction))


@pytest.mark.parametrize("name", ["least_squares", "median", "gradient"])
def test_no_loss_where_prediction_and_target_differ_as_allowed(name):
    target = random_depth(0)
    prediction = target + 3 if name == "gradient" else 2 * target + 3
    assert LOSSES[name](prediction, target, everywhere(target)).item() < 1e-12


@pytest.mark.parametrize("name", LOSSES)
def test_gradients(name):
    prediction, target = random_depth(0).requires_grad_(), random_depth(1)
    valid = torch.rand(2, 1, 3, 4, generator=torch.Generator().manual_seed(2)) > 0.3
    assert gradcheck(lambda x: LOSSES[name](x, target, valid), prediction)


def test_what_does_not_fit_is_refused():
    image = random_depth(0)
    valid = everywhere(image)
    with pytest.raises(ShapeError, match=r"target of \(2, 1, 3\) does not fit"):
        silog_loss(image, image[..., 0], valid)
    with pytest.raises(UnitError, match="valid must be bool"):
        gradient_matching_loss(image, image, valid.float())
    with pytest.raises(UnitError, match="depths above 0"):
        silog_loss(image - 20, image, valid)
    with pytest.raises(ConfigError, match="variance_focus"):
        silog_loss(image, image, valid, variance_focus=2)
    with pytest.raises(ConfigError, match=r"trim must lie in \[0, 1\)"):
        scale_shift_invariant_loss(image, image, valid, trim=1.0)
    with pytest.raises(ConfigError, match="'least_squares' or 'median', got 'mean'"):
        scale_shift_invariant_loss(image, image, valid, alignment="mean")
    with pytest.raises(ConfigError, match="scales must be at least 1"):
        gradient_matching_loss(image, image, valid, scales=0)
