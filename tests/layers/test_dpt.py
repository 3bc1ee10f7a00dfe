"""The dense decoder: sizes, a part worked out by hand, and what it refuses."""

import pytest
import torch

from thermoscope.core.errors import ConfigError, ShapeError
from thermoscope.layers.dpt import DPT, LIGHT_WIDTHS, Fusion, ResidualUnit


def zeroed(module):
    for parameter in module.parameters():
        torch.nn.init.zeros_(parameter)
    return module


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (4, 6)])
def test_the_map_has_eight_times_the_grid(size):
    decoder = DPT(8, widths=(2, 4, 6, 6), fusion=5)
    assert decoder([torch.randn(2, 8, *size)] * 4).shape == (2, 5, 8 * size[0], 8 * size[1])


def test_every_layer_and_every_parameter_matters():
    torch.manual_seed(0)
    decoder = DPT(8, widths=(2, 4, 6, 6), fusion=5)
    grids = [torch.randn(1, 8, 4, 4, requires_grad=True) for _ in range(4)]
    decoder(grids).square().sum().backward()
    assert all(grid.grad.abs().sum() > 0 for grid in grids)
    silent = [n for n, p in decoder.named_parameters() if p.grad is None or not p.grad.any()]
    assert silent == []


def test_a_residual_unit_without_weights_is_the_identity():
    features = torch.randn(1, 3, 4, 4)
    assert torch.equal(zeroed(ResidualUnit(3))(features), features)


def test_fusion_adds_the_level_and_enlarges_between_pixel_centres():
    fusion = zeroed(Fusion(1, joins=True))
    torch.nn.init.ones_(fusion.mix.weight)
    path, level = torch.tensor([[[[0.0, 4.0]]]]), torch.ones(1, 1, 1, 2)
    assert fusion(path, level, size=(1, 4))[0, 0, 0].tolist() == [1, 2, 4, 5]


def test_mixing_before_enlarging_is_mixing_after_it():
    torch.manual_seed(0)
    fusion = Fusion(3, joins=False)
    path = torch.randn(1, 3, 4, 5)
    slow = fusion.mix(
        torch.nn.functional.interpolate(
            fusion.refine(path), size=(8, 10), mode="bilinear", align_corners=False
        )
    )
    assert torch.allclose(fusion(path, None, size=(8, 10)), slow, atol=1e-6)


def test_the_light_decoder_fits_its_budget():
    parameters = sum(p.numel() for p in DPT(384, widths=LIGHT_WIDTHS, fusion=64).parameters())
    assert parameters * 2 < 3.5e6  # bytes in half precision; 0.5 MB are left for the read-out


def test_what_does_not_fit_is_refused():
    with pytest.raises(ConfigError, match="four positive widths"):
        DPT(8, widths=(1, 2, 3))
    with pytest.raises(ConfigError, match="four positive widths"):
        DPT(8, widths=(1, 2, 3, 0))
    decoder = DPT(8, widths=(2, 2, 2, 2), fusion=2)
    grid = torch.zeros(1, 8, 2, 2)
    for wrong in ([grid] * 3, [torch.zeros(1, 4, 2, 2)] * 4, [*[grid] * 3, grid[..., :1]], []):
        with pytest.raises(ShapeError, match="four grids"):
            decoder(wrong)
