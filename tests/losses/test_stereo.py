"""Stereo losses by hand: truth wins, a teacher's errors are clamped, empty is zero."""

from __future__ import annotations

import math

import pytest
import torch

from thermoscope.core.errors import ConfigError, ShapeError, UnitError
from thermoscope.losses.stereo import (
    bin_cross_entropy,
    bin_targets,
    distillation_masks,
    smooth_l1_px,
    stereo_losses,
)


def row(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float32).view(1, 1, 1, -1)


def test_smooth_l1_is_quadratic_below_a_pixel() -> None:
    all_valid = torch.ones(1, 1, 1, 2, dtype=torch.bool)
    # 0.5 * 0.5^2 = 0.125 and 3 - 0.5 = 2.5
    assert smooth_l1_px(row(0.5, 3), row(0, 0), all_valid).item() == pytest.approx(1.3125)


def test_mean_is_per_image_and_empty_images_have_no_say() -> None:
    prediction = torch.full((3, 1, 1, 4), 2.0)
    target = torch.zeros(3, 1, 1, 4)
    target[0] = float("nan")
    valid = torch.zeros(3, 1, 1, 4, dtype=torch.bool)
    valid[1, ..., 0] = True
    valid[2] = True
    target[2] = 1.0  # errors 2 and 1: 1.5 and 0.5
    assert smooth_l1_px(prediction, target, valid).item() == pytest.approx(1.0)


def test_without_a_valid_pixel_loss_and_gradient_are_zero() -> None:
    prediction = row(1.0, 2.0).requires_grad_()
    loss = smooth_l1_px(prediction, row(float("nan"), 5), torch.zeros(1, 1, 1, 2).bool())
    loss.backward()
    assert loss.item() == 0
    assert prediction.grad is not None
    assert prediction.grad.abs().sum() == 0


def test_clamped_errors_pull_no_more() -> None:
    prediction = row(0.0, 0.0).requires_grad_()
    loss = smooth_l1_px(prediction, row(40, 5), torch.ones(1, 1, 1, 2).bool(), clamp_px=10)
    loss.backward()
    assert loss.item() == pytest.approx((9.5 + 4.5) / 2)
    assert prediction.grad is not None
    assert prediction.grad.flatten().tolist() == [0.0, -0.5]


def test_truth_silences_the_teacher_around_it() -> None:
    valid = torch.tensor([0, 0, 0, 1, 0, 0]).bool().view(1, 1, 1, 6)
    taught = torch.tensor([1, 1, 1, 1, 1, 0]).bool().view(1, 1, 1, 6)
    known, rest = distillation_masks(valid, taught)
    assert known.flatten().tolist() == [False, False, False, True, False, False]
    assert rest.flatten().tolist() == [True, True, False, False, False, False]
    assert distillation_masks(valid, taught, reach_px=0)[1].sum() == 4


def test_parts_add_up() -> None:
    valid = torch.tensor([1, 0, 0]).bool().view(1, 1, 1, 3)
    taught = torch.ones(1, 1, 1, 3).bool()
    found = stereo_losses(
        row(2, 0, 4),
        [row(1, 0, 1)],
        truth=row(0, 0, 0),
        valid=valid,
        teacher=row(9, 9, 1),
        taught=taught,
        teacher_weight=0.5,
        earlier_weight=0.3,
    )
    assert found.truth.item() == pytest.approx(1.5)
    assert found.teacher.item() == pytest.approx(2.5)  # the third pixel: 3 - 0.5
    assert found.earlier.item() == pytest.approx(0.5)  # 1 - 0.5, and the teacher agrees
    assert found.total.item() == pytest.approx(1.5 + 0.5 * 2.5 + 0.3 * 0.5)


def test_bad_arguments() -> None:
    valid = torch.ones(1, 1, 1, 2).bool()
    with pytest.raises(ShapeError, match=r"target must be \(1, 1, 1, 2\), got \(1, 1, 1, 3\)"):
        smooth_l1_px(row(1, 2), row(1, 2, 3), valid)
    with pytest.raises(UnitError, match="valid must be bool, got torch.float32"):
        smooth_l1_px(row(1, 2), row(1, 2), valid.float())
    with pytest.raises(ShapeError, match="teacher without taught"):
        stereo_losses(row(1, 2), [], truth=row(1, 2), valid=valid, teacher=row(1, 2))
    with pytest.raises(ConfigError, match="decay must lie in"):
        stereo_losses(row(1, 2), [], truth=row(1, 2), valid=valid, decay=2)


def test_a_disparity_is_shared_by_the_two_bins_next_to_it() -> None:
    disparity = torch.tensor([[5.0, 5.0], [float("nan"), 5.0]]).view(1, 1, 2, 2)
    targets, known = bin_targets(disparity, torch.isfinite(disparity), bins=4, stride=2)
    # 5 px are 2.5 bins of 2 px
    assert targets.flatten().tolist() == pytest.approx([0, 0, 0.5, 0.5])
    assert known.all()


def test_an_edge_has_two_peaks_and_bins_may_begin_below_zero() -> None:
    disparity = torch.tensor([[-4.0, 4.0], [-4.0, -4.0]]).view(1, 1, 2, 2)
    valid = torch.ones(1, 1, 2, 2, dtype=torch.bool)
    targets, _ = bin_targets(disparity, valid, bins=5, stride=2, first_bin=-2)
    assert targets.flatten().tolist() == pytest.approx([0.75, 0, 0, 0, 0.25])
    sparse, _ = bin_targets(disparity, valid, bins=5, stride=2, first_bin=-2, every_px=2)
    assert sparse.flatten().tolist() == [1, 0, 0, 0, 0]  # the first pixel alone


def test_unknown_pixels_have_no_bin_and_no_say() -> None:
    disparity, valid = torch.zeros(1, 1, 2, 4), torch.zeros(1, 1, 2, 4, dtype=torch.bool)
    valid[..., 2:] = True
    targets, known = bin_targets(disparity, valid, bins=3, stride=2)
    assert known.flatten().tolist() == [False, True]
    assert targets[..., 0].sum() == 0
    logits = torch.zeros(1, 3, 1, 2)
    logits[:, 2, :, 0] = 50.0  # wrong, but nobody knows
    assert bin_cross_entropy(logits, targets, known).item() == pytest.approx(math.log(3))


def test_cross_entropy_sees_what_the_mean_does_not() -> None:
    targets, known = bin_targets(
        torch.full((1, 1, 2, 2), 2.0), torch.ones(1, 1, 2, 2, dtype=torch.bool), bins=3, stride=2
    )
    sharp = torch.tensor([-20.0, 20.0, -20.0]).view(1, 3, 1, 1)
    split = torch.tensor([20.0, -20.0, 20.0]).view(1, 3, 1, 1)  # the same mean: bin 1
    assert bin_cross_entropy(sharp, targets, known) < 1e-6
    assert bin_cross_entropy(split, targets, known) > 30


def test_bad_bins() -> None:
    plane, valid = torch.zeros(1, 1, 4, 4), torch.ones(1, 1, 4, 4, dtype=torch.bool)
    with pytest.raises(ConfigError, match="every_px 3 must divide the stride 4"):
        bin_targets(plane, valid, bins=2, stride=4, every_px=3)
    with pytest.raises(ConfigError, match="bins must be positive"):
        bin_targets(plane, valid, bins=0, stride=4)
    with pytest.raises(ShapeError, match="targets must be"):
        bin_cross_entropy(torch.zeros(1, 2, 4, 4), plane, valid)
