import numpy as np
import pytest
import torch

from thermoscope.core.errors import ConfigError, ShapeError
from thermoscope.io.thermal_image import ThermalImage
from thermoscope.models.sam2_prompt import Sam2Promptable
from thermoscope.models.sartm_encoders import read_sam2


@pytest.fixture(scope="module")
def clicks():
    """A random network sees something: its embeddings are not near zero."""
    found = Sam2Promptable("random")
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in found.network.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.2)
    rng = np.random.default_rng(0)
    found.look_at(ThermalImage(counts=rng.integers(20_000, 21_000, (48, 80)).astype(np.uint16)))
    return found


def test_points_and_boxes_give_a_mask_at_the_pictures_resolution(clicks):
    answers = [
        clicks.mask(points=[(10, 20)]),
        clicks.mask(points=[(10, 20), (60, 8)]),
        clicks.mask(points=[(10, 20)], background=[(60, 8)]),
        clicks.mask(box=(5, 5, 60, 40)),
        clicks.mask(points=[(30, 20)], box=(5, 5, 60, 40)),
    ]
    for found in answers:
        assert found.mask.shape == found.logits.shape == (48, 80)
        assert (found.mask == (found.logits > 0)).all()
        assert 0 <= found.quality <= 1
    first, *others = (found.logits for found in answers)
    assert all(np.abs(first - other).max() > 1e-4 for other in others)


def test_it_is_sam2s_own_answer():
    """At SAM2's own size nothing is scaled: logits are the network's, enlarged by four."""
    found = Sam2Promptable("random")
    picture = np.random.default_rng(1).integers(0, 255, (64, 64, 3)).astype(np.uint8)
    found.look_at(picture, modality="rgb")
    images = torch.from_numpy(picture).permute(2, 0, 1)[None] / 255
    mean, std = (
        torch.tensor(v).view(1, 3, 1, 1) for v in (found.input_spec.mean, found.input_spec.std)
    )
    with torch.no_grad():
        theirs = read_sam2("random")(
            pixel_values=(images - mean) / std,
            input_boxes=torch.tensor([[[4.0, 8.0, 40.0, 30.0]]]),
            multimask_output=False,
        )
        full = torch.nn.functional.interpolate(theirs.pred_masks[0], size=(64, 64), mode="bilinear")
    ours = found.mask(box=(4, 8, 40, 30))
    np.testing.assert_allclose(ours.logits, full[0, 0].numpy(), atol=1e-5)
    assert ours.quality == pytest.approx(theirs.iou_scores.item(), abs=1e-5)


def test_errors(clicks):
    with pytest.raises(ConfigError, match="Call look_at first"):
        Sam2Promptable("random").mask(points=[(1, 1)])
    with pytest.raises(ConfigError, match="a mask needs a click"):
        clicks.mask()
    with pytest.raises(ShapeError, match=r"\(90, 5\) lies outside the picture of 80 x 48 px"):
        clicks.mask(points=[(90, 5)])
    with pytest.raises(ShapeError, match="with an area, got"):
        clicks.mask(box=(10, 10, 10, 20))
