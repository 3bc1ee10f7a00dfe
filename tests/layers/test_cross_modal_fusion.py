import pytest
import torch

from thermoscope.core.errors import ConfigError, ShapeError
from thermoscope.layers.cross_modal_fusion import (
    CrossModalFusion,
    Fusion,
    PyramidFusion,
    Rectification,
)


def pair(*shape):
    generator = torch.Generator().manual_seed(3)
    return [torch.randn(*shape, generator=generator) for _ in range(2)]


def test_the_result_changes_with_either_modality():
    level = CrossModalFusion(8, heads=2)
    rgb, thermal = pair(2, 8, 5, 7)
    fused = level(rgb, thermal)
    assert fused.shape == (2, 8, 5, 7)
    assert (level(rgb, thermal + 1) - fused).abs().mean() > 0.1
    assert (level(rgb + 1, thermal) - fused).abs().mean() > 0.1
    assert not torch.allclose(level(thermal, rgb), fused, atol=1e-3)  # it knows which is which


def test_without_weights_each_map_gets_half_of_the_other():
    """All scores zero is a sigmoid of 1/2, for channels and for places, each counted half."""
    module = Rectification(4)
    for parameter in module.parameters():
        torch.nn.init.zeros_(parameter)
    rgb, thermal = pair(1, 4, 3, 3)
    first, second = module(rgb, thermal)
    torch.testing.assert_close(first, rgb + thermal / 2)
    torch.testing.assert_close(second, thermal + rgb / 2)


def test_without_its_last_norm_the_fusion_is_the_mean():
    module = Fusion(4, heads=2)
    torch.nn.init.zeros_(module.norm.weight)
    rgb, thermal = pair(1, 4, 3, 3)
    torch.testing.assert_close(module(rgb, thermal), (rgb + thermal) / 2)


def test_context_does_not_grow_with_the_picture():
    """Tiling a picture changes no mean over places, hence no context."""
    stream = Fusion(8, heads=2).rgb
    asking = torch.rand(1, 12, 8)
    torch.testing.assert_close(stream.context(asking), stream.context(asking.repeat(1, 4, 1)))


def test_a_picture_is_fused_alone_whatever_the_batch_holds():
    level = CrossModalFusion(8, heads=1).train()
    rgb, thermal = pair(3, 8, 4, 4)
    alone = level(rgb[:1], thermal[:1])
    torch.testing.assert_close(level(rgb, thermal)[:1], alone, atol=1e-5, rtol=1e-4)


def test_a_pyramid_is_fused_level_by_level():
    fusion = PyramidFusion((4, 8), heads=(1, 2))
    shapes = [(1, 4, 8, 8), (1, 8, 4, 4)]
    fused = fusion([torch.ones(s) for s in shapes], [torch.zeros(s) for s in shapes])
    assert [tuple(level.shape) for level in fused] == shapes
    sum(level.sum() for level in fused).backward()
    assert all(p.grad is not None for p in fusion.parameters())


def test_errors():
    with pytest.raises(ConfigError, match="6 channels cannot have 4 heads"):
        Fusion(6, heads=4)
    with pytest.raises(ConfigError, match="2 levels need as many heads"):
        PyramidFusion((4, 8), heads=(1,))
    level = CrossModalFusion(4, heads=1)
    with pytest.raises(ShapeError, match="cannot be fused. Give both pictures at one size"):
        level(torch.zeros(1, 4, 2, 2), torch.zeros(1, 4, 2, 3))
    with pytest.raises(ShapeError, match="rgb must be"):
        level(torch.zeros(4, 2, 2), torch.zeros(4, 2, 2))
