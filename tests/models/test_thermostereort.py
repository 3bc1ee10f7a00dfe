"""The stereo network: shapes, ranges, invariances, gradients, any size."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from thermoscope.core.errors import CalibrationError, ConfigError, ShapeError, UnitError
from thermoscope.geometry.camera import Camera
from thermoscope.geometry.disparity_refinement import refine_disparity
from thermoscope.models.stereo_result import (
    StereoCalibration,
    view_values,
)
from thermoscope.models.thermostereort import (
    ThermoStereoRT,
    normalised_view,
    thermostereort_base,
    thermostereort_fast,
    thermostereort_tiny,
)


@pytest.fixture(scope="module")
def tiny() -> ThermoStereoRT:
    return thermostereort_tiny().eval()


@pytest.fixture
def pair(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    view = rng.integers(3000, 4000, (37, 58)).astype(np.uint16)
    return view, np.roll(view, -6, axis=1)


def test_shapes_and_range(tiny: ThermoStereoRT) -> None:
    torch.manual_seed(0)
    left, right = 3000 + 100 * torch.randn(2, 2, 1, 32, 48)
    disparity, confidence = tiny(left, right)
    assert disparity.shape == confidence.shape == (2, 1, 32, 48)
    assert 0 <= disparity.min() <= disparity.max() <= 32
    assert 0 <= confidence.min() <= confidence.max() <= 1


def test_any_size_is_answered_at_its_own_resolution(tiny: ThermoStereoRT, pair: tuple) -> None:
    found = tiny.predict(*pair)
    assert found.disparity.shape == (37, 58)
    assert found.disparity.dtype == np.float32
    assert found.depth is None
    again = tiny.predict(*pair)
    assert np.array_equal(found.disparity, again.disparity)


def test_offset_and_gain_of_a_view_do_not_matter(tiny: ThermoStereoRT, pair: tuple) -> None:
    left, right = pair
    plain = tiny.predict(left, right).disparity
    moved = tiny.predict(left, right + np.uint16(100)).disparity
    scaled = tiny.predict(left, 2.0 * right.astype(np.float64) - 500).disparity
    assert np.abs(moved - plain).max() < 1e-2
    assert np.abs(scaled - plain).max() < 1e-2


def test_untrained_matching_finds_a_plain_shift(pair: tuple) -> None:
    """The bare correlation is believed from the start: random features already compare."""
    left = np.kron(pair[0][::4, ::4].astype(np.float32), np.ones((4, 4), np.float32))[:32, :48]
    network = thermostereort_tiny().eval()
    with torch.no_grad():
        network.score.weight.zero_()
        network.score.bias.zero_()
        network.trust.fill_(60.0)
        right = np.roll(left, -8, axis=1)
        views = [torch.from_numpy(v.copy())[None, None] for v in (left, right)]
        bins = network.compute(*views).logits.argmax(dim=1)
    inner = bins[0, 1:-1, 4:-3]
    assert (inner == 2).float().mean() > 0.7  # 8 px are 2 bins of 4


def test_negative_disparities(pair: tuple) -> None:
    network = thermostereort_tiny(min_disparity_px=-16, max_disparity_px=16).eval()
    disparity = network.predict(*pair).disparity
    assert -16 <= disparity.min() <= disparity.max() <= 16
    assert network.first_bin == -4
    assert network.bins == 8


def test_every_parameter_gets_a_gradient() -> None:
    network = thermostereort_tiny(iterations=2).train()
    for leave in (network.refinement.leave, network.tail.leave):  # they start at zero
        torch.nn.init.normal_(leave.weight)
    torch.manual_seed(0)
    found = network.compute(torch.randn(2, 1, 32, 48), torch.randn(2, 1, 32, 48))
    assert [e.shape for e in found.earlier] == [(2, 1, 32, 48)] * 3
    (found.disparity + sum(found.earlier)).square().mean().backward()
    without = [n for n, p in network.named_parameters() if p.grad is None]
    assert without == []


def test_refinement_without_attention_has_fewer_parameters() -> None:
    names = dict(thermostereort_tiny(attention=False).named_parameters())
    assert not [n for n in names if "refinement.gate" in n]
    assert [n for n, _ in thermostereort_tiny().named_parameters() if "refinement.gate" in n]


def test_arguments_build_the_same_network(tiny: ThermoStereoRT) -> None:
    again = ThermoStereoRT(**tiny.arguments)
    again.load_state_dict(tiny.state_dict(), strict=True)


def test_sizes() -> None:
    millions = {
        f.__name__: sum(p.numel() for p in f().parameters()) / 1e6
        for f in (thermostereort_fast, thermostereort_base)
    }
    assert millions["thermostereort_fast"] < 1.5
    assert millions["thermostereort_base"] < 2.5


def test_depth_and_points(tiny: ThermoStereoRT, pair: tuple) -> None:
    camera = Camera(100.0, 100.0, 28.5, 18.0, 58, 37)
    found = tiny.predict(*pair, StereoCalibration(camera, baseline_m=0.2))
    assert found.depth is not None
    assert found.points is not None
    seen = found.depth > 0
    assert np.allclose(found.depth[seen], 100 * 0.2 / found.disparity[seen], rtol=1e-5)
    assert np.allclose(found.points[seen][:, 2], found.depth[seen], rtol=1e-5)
    assert not seen[~found.valid].any()


def test_left_right_check_only_removes(tiny: ThermoStereoRT, pair: tuple) -> None:
    plain, checked = tiny.predict(*pair), tiny.predict(*pair, check_left_right=True)
    assert np.array_equal(plain.disparity, checked.disparity)
    assert not (checked.valid & ~plain.valid).any()


def test_pixels_without_a_value_are_not_valid(tiny: ThermoStereoRT, pair: tuple) -> None:
    left = pair[0].astype(np.float32)
    left[3:6, 40:45] = np.nan
    found = tiny.predict(left, pair[1].astype(np.float32))
    assert np.isfinite(found.disparity).all()
    assert not found.valid[3:6, 40:45].any()


def test_predict_refines_its_answer_unless_told_not_to(tiny: ThermoStereoRT, pair: tuple) -> None:
    bare = copy.copy(tiny)
    bare.refine = False
    own = bare.predict(*pair).disparity
    refined = tiny.predict(*pair).disparity
    assert 0 < np.abs(refined - own).max() <= 3  # three rounds of at most 1 px
    assert refined.min() >= tiny.min_disparity_px
    assert refined.max() <= tiny.max_disparity_px
    left, right = (np.asarray(view, np.float32) for view in pair)
    for asked in (False, True):
        alone = copy.copy(tiny)
        alone.second_opinion = asked
        expected = refine_disparity(left, right, own, second_opinion=asked)
        limited = np.clip(expected, tiny.min_disparity_px, tiny.max_disparity_px)
        np.testing.assert_allclose(alone.predict(*pair).disparity, limited, atol=1e-4)
        assert np.array_equal(alone.predict(*pair).disparity, refined) != asked


def test_a_hot_spot_keeps_the_contrast_of_the_rest(rng: np.random.Generator) -> None:
    view = torch.from_numpy(rng.normal(3000, 10, (1, 1, 32, 32)))
    plain = normalised_view(view)
    view[..., 4:7, 4:7] = 9000
    hot = normalised_view(view)
    assert hot.abs().max() <= 3.0
    assert hot[..., 16:, :].std() > 0.1 * plain[..., 16:, :].std()


def test_bad_input(tiny: ThermoStereoRT, pair: tuple) -> None:
    left, right = pair
    with pytest.raises(ShapeError, match=r"left is \(37, 58\) and right \(37, 57\) px"):
        tiny.predict(left, right[:, 1:])
    with pytest.raises(ShapeError, match=r"a view must be \(H, W\), got \(2, 37, 58\)"):
        tiny.predict(np.stack([left, left]), right)
    with pytest.raises(UnitError, match="a view has no finite value"):
        tiny.predict(np.full((37, 58), np.nan), right)
    with pytest.raises(UnitError, match="a view must hold numbers"):
        view_values(np.full((4, 4), "a"))
    with pytest.raises(ConfigError, match="tolerance_px must be positive"):
        tiny.predict(left, right, tolerance_px=0)
    camera = Camera(100.0, 100.0, 28.5, 18.0, 58, 37)
    with pytest.raises(CalibrationError, match="baseline_m must be a positive number"):
        tiny.predict(left, right, StereoCalibration(camera, baseline_m=-1))


@pytest.mark.parametrize(("low", "high"), [(0, 30), (8, 8), (0, 4), (-6, 32)])
def test_impossible_ranges(low: int, high: int) -> None:
    with pytest.raises(ConfigError, match=rf"disparities from {low} to {high} px"):
        thermostereort_tiny(min_disparity_px=low, max_disparity_px=high)


def test_groups_must_split_the_channels() -> None:
    with pytest.raises(ConfigError, match="match_width 32 cannot be split into 3 groups"):
        ThermoStereoRT(groups=3)
