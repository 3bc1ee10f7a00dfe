import numpy as np
import pytest
import torch

from thermoscope.core.errors import ConfigError, ShapeError, UnitError
from thermoscope.core.weights import InputSpec
from thermoscope.io.thermal_image import ThermalImage
from thermoscope.models.prepare import Prepared, network_input

SPEC = InputSpec("counts", mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25), size_multiple_px=14)


def ramp(height=28, width=42, dtype=np.uint16):
    return np.tile(np.arange(width, dtype=dtype) * 5, (height, 1))


def test_counts_are_stretched_then_normalised():
    prepared = network_input(ramp(), SPEC)
    assert prepared.images.shape == (1, 3, 28, 42)
    assert prepared.images.min() == pytest.approx(-2.0)
    assert prepared.images.max() == pytest.approx(2.0)
    assert torch.equal(prepared.images[:, 0], prepared.images[:, 2])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_a_gain_and_offset_of_the_camera_do_not_matter(dtype):
    plain = network_input(ramp(dtype=dtype), SPEC).images
    other = network_input((ramp().astype(np.float64) * 3 + 700).astype(np.uint16), SPEC).images
    torch.testing.assert_close(plain, other, atol=0.02, rtol=0)


def test_frame_as_read_and_array_agree():
    counts = ramp()
    direct = network_input(counts, SPEC).images
    assert torch.equal(network_input(ThermalImage(counts=counts), SPEC).images, direct)
    assert torch.equal(network_input(counts[None], SPEC).images, direct)


def test_rgb_bytes_and_floats_agree():
    rgb = np.random.default_rng(0).integers(0, 256, (28, 28, 3), dtype=np.uint8)
    floats = (rgb.transpose(2, 0, 1) / 255).astype(np.float32)
    a = network_input(rgb, SPEC, modality="rgb").images
    b = network_input(floats, SPEC, modality="rgb").images
    torch.testing.assert_close(a, b)
    assert a[0, 1, 2, 3] == pytest.approx((rgb[2, 3, 1] / 255 - 0.5) / 0.25, abs=1e-5)


def test_floor_and_pad():
    frame = ramp(30, 45)
    floor = network_input(frame, SPEC, fit="floor")
    pad = network_input(frame, SPEC, fit="pad")
    assert floor.images.shape[2:] == (28, 42)
    assert pad.images.shape[2:] == (42, 56)
    assert torch.equal(pad.images[..., 30, :45], pad.images[..., 28, :45])  # reflected at row 29


def test_restore_brings_back_the_place():
    frame = np.zeros((30, 45), np.uint16)
    frame[20:, 30:] = 1000
    for fit in ("floor", "pad"):
        prepared = network_input(frame, SPEC, fit=fit)
        back = prepared.restore(prepared.images[:, :1])
        assert back.shape == (1, 1, 30, 45)
        hot = back[0, 0] > 0
        share = (hot == torch.from_numpy(frame > 0)).float().mean()
        assert share > 0.95


@pytest.mark.parametrize("size", [(1, 1), (60, 45), (211, 307), (750, 41), (1000, 1333)])
def test_strips_of_rows_are_the_whole(size):
    scaled = (max(1, round(size[0] * 96 / max(size))), max(1, round(size[1] * 96 / max(size))))
    padded = torch.zeros(1, 3, scaled[0] + 5, scaled[1] + 9)
    prepared = Prepared(padded, size, scaled)
    logits = 4 * torch.randn(1, 7, 25, 27, generator=torch.Generator().manual_seed(0))
    whole = prepared.restore(logits)
    for values in (1, 7 * size[1] * 64 + 3, 10**8):
        strips = list(prepared.strips(logits, values=values))
        assert max(strip.numel() for strip in strips) <= max(values, 7 * size[1])
        found = torch.cat(strips, dim=2)
        torch.testing.assert_close(found, whole, atol=5e-6, rtol=0)
        torch.testing.assert_close(found.softmax(1), whole.softmax(1), atol=1e-6, rtol=0)


def test_one_pixel_is_padded_and_not_floored():
    assert network_input(np.full((1, 1), 7, np.uint16), SPEC, fit="pad").images.shape == (
        1,
        3,
        14,
        14,
    )
    with pytest.raises(ShapeError, match="smaller than the 14 px"):
        network_input(np.full((1, 1), 7, np.uint16), SPEC)


def test_flat_frame_is_finite():
    assert torch.isfinite(network_input(np.full((28, 28), 9, np.uint16), SPEC).images).all()


def test_wrong_shapes_and_settings():
    with pytest.raises(ShapeError, match=r"\(H, W\)"):
        network_input(np.zeros((4, 4, 4), np.uint16), SPEC)
    with pytest.raises(ShapeError, match="colour picture"):
        network_input(np.zeros((4, 4), np.float32), SPEC, modality="rgb")
    with pytest.raises(UnitError, match="not finite"):
        network_input(np.full((3, 28, 28), np.nan, np.float32), SPEC, modality="rgb")
    with pytest.raises(UnitError, match="no pixel with a value"):
        network_input(np.full((28, 28), np.nan, np.float32), SPEC)
    with pytest.raises(ConfigError, match="'floor' or 'pad'"):
        network_input(ramp(), SPEC, fit="crop")


def test_a_thermal_frame_has_no_colours():
    counts = np.arange(1200, dtype=np.uint16).reshape(30, 40)
    with pytest.raises(UnitError, match="no 8-bit picture.*--modality thermal"):
        network_input(ThermalImage(counts=counts), SPEC, modality="rgb")
