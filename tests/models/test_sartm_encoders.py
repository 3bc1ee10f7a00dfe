import copy
import json

import pytest
import torch
from tests.reference import sam2_plain
from transformers import AutoConfig, AutoModel, Sam2VideoConfig, Sam2VideoModel, Sam2VisionModel

from thermoscope.core.errors import ConfigError, ReadError, ShapeError, WeightsMismatchError
from thermoscope.layers.lora import FusedLora, add_fused_lora
from thermoscope.models.anythermal import AnyThermal
from thermoscope.models.sartm_encoders import (
    Sam2Encoder,
    VitEncoder,
    read_sam2,
    read_sam2_vision,
    tiny_sam2_config,
)

WIDTHS = (4, 8, 16)


def images(height=64, width=96, batch=1):
    generator = torch.Generator().manual_seed(5)
    return torch.randn(batch, 3, height, width, generator=generator)


def sam2(**options):
    return Sam2Encoder(read_sam2("random").vision_encoder, **{"lora_rank": 2, **options})


def vit(**options):
    return VitEncoder(AnyThermal.tiny(), widths=WIDTHS, **{"lora_rank": 2, **options})


def stir(encoder):
    with torch.no_grad():
        for name, parameter in encoder.updates.named_parameters():
            if name.endswith("up"):
                parameter.normal_(std=0.3)
    return encoder


BOTH = pytest.mark.parametrize("make", [sam2, vit])


def test_sam2s_pyramid_is_that_of_an_independent_slow_one():
    vision = read_sam2("random").vision_encoder
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in vision.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.1)
        picture = images()
        found = Sam2Encoder(vision, lora_rank=0).tokens(picture, "rgb")
        expected = sam2_plain.encode(vision.state_dict(), picture[0], vision.config.backbone_config)
    assert [tuple(x.shape[1:]) for x in found] == [(16, 16, 24), (16, 8, 12), (16, 4, 6)]
    for ours, plain in zip(found, expected, strict=True):
        torch.testing.assert_close(ours[0], plain, atol=2e-5, rtol=1e-4)


@BOTH
@pytest.mark.parametrize("size", [(64, 96), (32, 160)])
def test_maps_lie_at_strides_4_8_and_16(make, size):
    encoder = make()
    maps = encoder(images(*size, batch=2), "thermal")
    expected = [
        (2, w, size[0] // s, size[1] // s) for w, s in zip(encoder.widths, (4, 8, 16), strict=True)
    ]
    assert [tuple(x.shape) for x in maps] == expected


@BOTH
def test_an_update_of_zero_changes_nothing_and_merging_changes_nothing(make):
    plain, adapted = make(lora_rank=0), make()
    adapted.load_state_dict({**adapted.state_dict(), **plain.state_dict()})
    with torch.no_grad():
        before = plain(images(), "rgb")
        for one, other in zip(before, adapted(images(), "rgb"), strict=True):
            assert torch.equal(one, other)
        moved = stir(adapted)(images(), "rgb")
        assert not torch.allclose(moved[2], before[2], atol=1e-3)
        adapted.merge()
        assert list(adapted.state_dict()) == list(plain.state_dict())
        for one, other in zip(moved, adapted(images(), "rgb"), strict=True):
            torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-3)


def test_updates_have_the_full_width_of_queries_and_values_where_stages_change():
    """The released updates were as wide as the block's input: half of q and v stayed as it was."""
    encoder = sam2()
    wide = [
        block.attn
        for block in encoder.trunk.backbone.blocks
        if block.dim_out == 2 * block.dim  # stages 2, 3 and 4 begin
    ]
    assert len(wide) == 3
    stir(encoder)
    for attention in wide:
        layer = attention.qkv
        assert isinstance(layer, FusedLora)
        changed = layer.change().abs().amax(dim=1) > 0
        width = attention.dim_out
        assert changed[:width].all()
        assert not changed[width : 2 * width].any()
        assert changed[2 * width :].all()


def test_base_plus_has_the_number_of_updates_that_its_widths_say():
    """Queries and values of rank 16: 2 x 16 x (inputs + width) in each block, 663 040 in all."""
    base_plus = {
        "model_type": "sam2_hiera_det_model",
        "hidden_size": 112,
        "blocks_per_stage": [2, 3, 16, 3],
        "embed_dim_per_stage": [112, 224, 448, 896],
        "num_attention_heads_per_stage": [2, 4, 8, 16],
        "global_attention_blocks": [12, 16, 20],
    }
    with torch.device("meta"):
        hiera = AutoModel.from_config(AutoConfig.for_model(**base_plus))
        assert add_fused_lora(hiera, "qkv", rank=16) == 24
    assert sum(p.numel() for p in hiera.parameters() if p.requires_grad) == 663_040


@BOTH
def test_only_updates_and_the_layers_above_train_and_are_saved(make):
    encoder = make()
    trunk = {k: v.clone() for k, v in encoder.trunk.state_dict().items()}
    assert all(p.requires_grad for p in encoder.parameters())
    assert not any(name.startswith(("trunk", "_trunk")) for name in encoder.state_dict())
    assert {n.split(".")[0] for n in encoder.state_dict()} >= {"updates"}
    optimizer = torch.optim.SGD(encoder.parameters(), lr=0.1)
    for _ in range(2):  # the first step moves B only, A has no gradient while B is zero
        optimizer.zero_grad()
        sum(level.square().mean() for level in encoder(images(), "rgb")).backward()
        optimizer.step()
    used = [p for n, p in encoder.named_parameters() if not n.startswith("details.thermal")]
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in used[:4])
    changed = [
        name for name, value in encoder.trunk.state_dict().items() if not value.equal(trunk[name])
    ]
    assert changed
    assert all(".updates." in n or ".queries." in n or ".values." in n for n in changed)
    assert not encoder.train().trunk.training


@BOTH
def test_modalities_may_have_updates_of_their_own(make):
    shared, own = stir(make()), stir(make(shared=False))
    assert len(own.updates) == 2 * len(shared.updates)
    with torch.no_grad():
        for encoder, same in ((shared, True), (own, False)):
            rgb, thermal = (encoder.tokens(images(), name) for name in ("rgb", "thermal"))
            assert torch.allclose(rgb[2], thermal[2], atol=1e-4) is same
    with pytest.raises(ConfigError, match="two modalities cannot be folded into one trunk"):
        own.merge()


@BOTH
def test_a_frozen_trunk_gives_no_gradient_and_a_copy_is_a_copy(make):
    encoder = make(lora_rank=0)
    assert not any(x.requires_grad for x in encoder.tokens(images(), "rgb"))
    adapted = make()
    twin = copy.deepcopy(adapted)
    stir(twin)
    with torch.no_grad():
        one, other = (e.tokens(images(), "rgb")[2] for e in (adapted, twin))
    assert not torch.allclose(one, other, atol=1e-4)
    assert next(adapted.half().trunk.parameters()).dtype == torch.float16


def test_patches_of_the_transformer_are_stride_16_of_the_picture_exactly():
    encoder = vit()
    assert encoder.layers == (0, 1, 3)
    tokens = encoder.tokens(images(48, 80), "rgb")
    assert [tuple(x.shape) for x in tokens] == [(1, 32, 3, 5)] * 3
    before = encoder(images(48, 80), "thermal")
    assert not torch.allclose(encoder(images(48, 80), "rgb")[0], before[0])  # details differ
    torch.testing.assert_close(encoder(images(48, 80), "rgb")[2], before[2])


def test_a_folder_made_by_save_pretrained_loads_without_network(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    whole = read_sam2("random")
    whole.save_pretrained(tmp_path / "whole")
    whole.vision_encoder.save_pretrained(tmp_path / "vision")
    expected = Sam2Encoder(whole.vision_encoder, lora_rank=0)
    for folder, has_decoder in (("whole", True), ("vision", False)):
        vision, found = read_sam2_vision(tmp_path / folder)
        assert isinstance(vision, Sam2VisionModel)
        assert (found is not None) is has_decoder
        encoder = Sam2Encoder(vision, lora_rank=0)
        assert encoder.trunk_sha256 == expected.trunk_sha256
        for one, other in zip(
            encoder.tokens(images(), "rgb"), expected.tokens(images(), "rgb"), strict=True
        ):
            assert torch.equal(one, other)


def test_a_checkpoint_as_published_with_the_parts_for_video_loads_as_well(tmp_path):
    plain = tiny_sam2_config().to_dict()
    config = Sam2VideoConfig(
        **{k: plain[k] for k in ("vision_config", "prompt_encoder_config", "mask_decoder_config")},
        memory_attention_hidden_size=16,
        memory_attention_feed_forward_hidden_size=16,
        memory_encoder_hidden_size=16,
        memory_encoder_output_channels=8,
        image_size=64,
    )
    whole = Sam2VideoModel(config)
    whole.save_pretrained(tmp_path)
    vision, found = read_sam2_vision(tmp_path)
    assert found is not None
    expected = whole.vision_encoder.state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in vision.state_dict().items())


def test_checkpoints_that_are_none(tmp_path):
    with pytest.raises(ReadError, match="cannot read SAM2 from"):
        read_sam2(tmp_path)
    (tmp_path / "config.json").write_text("[1]")
    with pytest.raises(ReadError, match="is not a model's config"):
        read_sam2_vision(tmp_path)
    vision = read_sam2("random").vision_encoder
    vision.save_pretrained(tmp_path / "vision")
    file = tmp_path / "vision" / "config.json"
    config = json.loads(file.read_text())
    config["backbone_config"]["blocks_per_stage"] = [1, 1, 3, 1]
    file.write_text(json.dumps(config))
    with pytest.raises((WeightsMismatchError, ReadError), match="lacks|cannot read"):
        read_sam2_vision(tmp_path / "vision")


def test_errors():
    with pytest.raises(ShapeError, match="multiples of 32, got"):
        sam2()(images(64, 80), "rgb")
    with pytest.raises(ShapeError, match="multiples of 16, got"):
        vit()(images(64, 90), "rgb")
    with pytest.raises(ShapeError, match="images must be"):
        vit()(torch.zeros(1, 1, 32, 32), "rgb")
    with pytest.raises(ConfigError, match="lora_rank must be 0"):
        vit(lora_rank=-1)
    with pytest.raises(ConfigError, match="rank 9 exceeds the layer"):
        sam2(lora_rank=9)
    with pytest.raises(ConfigError, match="takes three layers, got"):
        vit(layers=(0, 1))
    with pytest.raises(ConfigError, match="stride 16 of this SAM2 has 16 channels, widths say 8"):
        sam2(widths=(2, 4, 8))
