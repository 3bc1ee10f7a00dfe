import pytest
import torch

from thermoscope.core.errors import ConfigError, ShapeError
from thermoscope.layers.mask_decoder import ClassTokenDecoder, start_from_sam2
from thermoscope.models.sartm_encoders import read_sam2

WIDTHS = (4, 8, 16)


def levels(height=32, width=48, batch=2, widths=WIDTHS):
    generator = torch.Generator().manual_seed(1)
    return [
        torch.randn(batch, c, height // s, width // s, generator=generator)
        for c, s in zip(widths, (4, 8, 16), strict=True)
    ]


@pytest.mark.parametrize("classes", [1, 9, 15])
@pytest.mark.parametrize("size", [(32, 48), (16, 112)])
def test_any_number_of_classes_and_any_size(classes, size):
    decoder = ClassTokenDecoder(WIDTHS, classes=classes, heads=2, mlp=8)
    logits = decoder(levels(*size))
    assert logits.shape == (2, classes, size[0] // 4, size[1] // 4)
    logits.square().mean().backward()
    assert all(p.grad is not None for p in decoder.parameters())


def test_classes_are_told_apart_by_their_tokens_and_networks_alone():
    decoder = ClassTokenDecoder(WIDTHS, classes=3, heads=2, mlp=8).eval()
    before = decoder(levels())
    order = [2, 0, 1]
    with torch.no_grad():
        for parameter in (decoder.class_tokens, *decoder.weigh.parameters()):
            parameter.copy_(parameter[order].clone())
    torch.testing.assert_close(decoder(levels()), before[:, order])


def test_places_are_known_by_their_share_of_the_picture():
    """The middle of a grid of one place and of three places is the middle."""
    decoder = ClassTokenDecoder(WIDTHS, classes=1, heads=2, mlp=8)
    one, three = decoder.positions((1, 1)), decoder.positions((3, 3))
    assert three.shape == (1, 16, 3, 3)
    torch.testing.assert_close(one[..., 0, 0], three[..., 1, 1])
    torch.testing.assert_close(one[0, :8, 0, 0], torch.zeros(8), atol=1e-5, rtol=0)


def test_started_from_sam2_it_computes_what_sam2_computes():
    """With SAM2's four mask tokens as classes, and no click, the masks are SAM2's, ungated."""
    sam2 = read_sam2("random")
    theirs = sam2.mask_decoder
    with torch.no_grad():
        sam2.prompt_encoder.no_mask_embed.weight.normal_()
    decoder = ClassTokenDecoder((2, 4, 16), classes=4, heads=2, mlp=32).eval()
    start_from_sam2(decoder, sam2)
    with torch.no_grad():
        decoder.class_tokens.copy_(theirs.mask_tokens.weight)
        for k, network in enumerate(theirs.output_hypernetworks_mlps):
            linears = (network.proj_in, network.layers[0], network.proj_out)
            for layer, linear in enumerate(linears):
                decoder.weigh.weights[layer][k] = linear.weight.T
                decoder.weigh.biases[layer][k, 0] = linear.bias
        pyramid = levels(64, 64, widths=(2, 4, 16))
        points = torch.zeros(2, 1, 1, 2), -torch.ones(2, 1, 1, dtype=torch.int32)
        sparse, dense = sam2.prompt_encoder(*points, None, None)
        masks = theirs(
            image_embeddings=pyramid[2],
            image_positional_embeddings=sam2.get_image_wide_positional_embeddings(),
            sparse_prompt_embeddings=sparse[:, :, :1],
            dense_prompt_embeddings=dense,
            multimask_output=True,
            high_resolution_features=pyramid[:2],
        )[0]
        torch.testing.assert_close(decoder(pyramid)[:, 1:], masks[:, 0], atol=1e-5, rtol=1e-4)


def test_errors():
    with pytest.raises(ConfigError, match="the last a multiple of 4 x heads"):
        ClassTokenDecoder((4, 8, 12), classes=2, heads=2)
    with pytest.raises(ConfigError, match="classes must be positive"):
        ClassTokenDecoder(WIDTHS, classes=0, heads=2)
    decoder = ClassTokenDecoder(WIDTHS, classes=2, heads=2, mlp=8)
    with pytest.raises(ShapeError, match="levels of strides 4, 8 and 16"):
        decoder(levels()[::-1])
    with pytest.raises(ConfigError, match="decoder has 16 channels, ours 32"):
        start_from_sam2(ClassTokenDecoder((4, 8, 32), classes=2, heads=2), read_sam2("random"))
