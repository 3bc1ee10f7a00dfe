import copy
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tests.fakes.tiny_weights import card_of

from thermoscope.core.errors import ConfigError, ShapeError, UnitError, WeightsMismatchError
from thermoscope.core.weights import write_weights
from thermoscope.io.thermal_image import ThermalImage
from thermoscope.models.load import load_model
from thermoscope.models.sartm import build_sartm
from thermoscope.models.sartm_encoders import read_sam2

CLASSES = ("road", "car", "person")
TINY = {
    "classes": CLASSES,
    "backbone": "tiny",
    "widths": (8, 16, 32),
    "hidden": 16,
    "decoder_mlp": 32,
    "text_width": 6,
    "longest_px": 96,
    "lora_rank": 2,
}
TINY_SAM2 = {
    "classes": CLASSES,
    "encoder": "sam2",
    "backbone": "random",
    "hidden": 16,
    "decoder_heads": 2,
    "decoder_mlp": 32,
    "lora_rank": 2,
}


@pytest.fixture(scope="module", params=[TINY, TINY_SAM2], ids=["vit", "sam2"])
def model(request):
    torch.manual_seed(0)
    return build_sartm(**request.param).eval()


@pytest.fixture(scope="module")
def vit():
    torch.manual_seed(0)
    return build_sartm(**TINY).eval()


def pair(height=64, width=64, batch=1):
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(batch, 3, height, width, generator=generator) for _ in range(2)]


def frames(height=48, width=64):
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 255, (height, width, 3)).astype(np.uint8)
    return rgb, rng.integers(20_000, 21_000, (height, width)).astype(np.uint16)


def test_fused_classes_change_when_thermal_changes(model):
    """The released code fused RGB with RGB, and what was fused never reached the answer."""
    rgb, thermal = pair()
    with torch.no_grad():
        before, after = model(rgb, thermal), model(rgb, thermal.flip(3))
        third = model(rgb.flip(3), thermal)
    assert (after["fused"] - before["fused"]).abs().max() > 1e-3
    assert (third["fused"] - before["fused"]).abs().max() > 1e-3
    assert torch.equal(after["rgb"], before["rgb"])
    assert torch.equal(third["thermal"], before["thermal"])


def test_one_picture_gives_that_branchs_own_classes(model):
    rgb, thermal = pair()
    with torch.no_grad():
        both = model(rgb, thermal)
        for name, alone in (("rgb", model(rgb)), ("thermal", model(thermal=thermal))):
            assert set(alone) == {name, "fused"}
            assert torch.equal(alone["fused"], alone[name])
            torch.testing.assert_close(alone[name], both[name], atol=1e-5, rtol=1e-4)


def test_a_picture_marked_as_missing_counts_as_not_given(vit):
    rgb, thermal = pair(batch=3)
    seen = {"rgb": torch.tensor([True, True, False]), "thermal": torch.tensor([True, False, True])}
    with torch.no_grad():
        pyramids = vit.pyramids({"rgb": rgb, "thermal": thermal})
        fused, every = vit.fuse(pyramids, seen), vit.fuse(pyramids)
    for level in range(3):
        torch.testing.assert_close(fused[level][0], every[level][0])
        assert torch.equal(fused[level][1], pyramids["rgb"][level][1])
        assert torch.equal(fused[level][2], pyramids["thermal"][level][2])


@pytest.mark.parametrize("size", [(64, 64), (50, 77), (33, 96)])
def test_logits_have_the_size_of_the_pictures(model, size):
    rgb, thermal = pair(*size)
    with torch.no_grad():
        found = model(rgb, thermal)
    assert {tuple(x.shape) for x in found.values()} == {(1, 3, *size)}


def test_all_that_trains_gets_a_gradient_and_the_trunk_none(model):
    student = copy.deepcopy(model).train()
    with torch.no_grad():
        for name, value in student.encoder.updates.named_parameters():
            value.normal_() if name.endswith("up") else None
    rgb, thermal = pair(batch=2)
    maps = student.read(student.pyramids({"rgb": rgb, "thermal": thermal}))
    loss = sum(m.fpn.square().mean() + m.decoder.square().mean() for m in maps.values())
    if student.text is not None:
        loss = loss + student.text(maps["fused"].dense).square().mean()
    loss.backward()
    without = [n for n, p in student.named_parameters() if p.grad is None]
    assert without == []
    assert all(
        p.grad is None
        for n, p in student.encoder.trunk.named_parameters()
        if not n.endswith((".down", ".up"))
    )


def test_both_heads_train_and_either_answers(vit):
    """The released pyramid head was drawn anew in every call."""
    student = copy.deepcopy(vit).train()
    rgb, thermal = pair(batch=2)
    before = {n: v.clone() for n, v in student.state_dict().items()}
    optimizer = torch.optim.SGD(student.parameters(), lr=0.1)
    maps = student.read(student.pyramids({"rgb": rgb, "thermal": thermal}))["fused"]
    torch.testing.assert_close(maps.logits("mean"), (maps.fpn + maps.decoder) / 2)
    assert maps.logits("fpn") is maps.fpn
    assert maps.logits("decoder") is maps.decoder
    (maps.fpn.square().mean() + maps.decoder.square().mean()).backward()
    optimizer.step()
    after = student.state_dict()
    changed = {name.split(".")[0] for name in after if not after[name].equal(before[name])}
    assert {"fpn", "decoder", "fusion", "encoder"} <= changed


def test_the_answer_may_be_the_mean_of_both_modalities_as_in_the_papers_code():
    torch.manual_seed(0)
    model = build_sartm(**{**TINY, "answer": "mean"}).eval()
    with torch.no_grad():
        found = model(*pair())
    torch.testing.assert_close(found["fused"], (found["rgb"] + found["thermal"]) / 2)
    rgb, counts = frames()
    assert model.predict(rgb, counts).labels.shape == (48, 64)


def test_the_average_of_class_features_is_in_the_state(vit):
    assert {"prototypes.means", "prototypes.seen"} <= set(vit.state_dict())
    twin = copy.deepcopy(vit)
    twin.prototypes.update(torch.ones(3, 32), torch.tensor([True, False, True]))
    vit_again = copy.deepcopy(vit)
    vit_again.load_state_dict(twin.state_dict())
    assert vit_again.prototypes.seen.tolist() == [True, False, True]
    assert vit_again.prototypes.means.sum() == 64


# -- frames ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "thermal",
    [
        lambda counts: counts,
        lambda counts: ThermalImage(counts=counts),
        lambda counts: counts[None],
        lambda counts: (counts / 100).astype(np.float32),
        lambda counts: (counts // 128).astype(np.uint8),
    ],
    ids=["counts", "image", "leading axis", "kelvin", "agc"],
)
def test_frames_are_answered_at_their_own_resolution(vit, thermal):
    rgb, counts = frames(100, 150)
    found = vit.predict(rgb, thermal(counts))
    assert found.labels.shape == (100, 150)
    assert found.labels.dtype == np.uint8
    assert found.probabilities.shape == (3, 100, 150)
    np.testing.assert_allclose(found.probabilities.sum(axis=0), 1, atol=1e-5)
    assert (found.probabilities.argmax(axis=0) == found.labels).all()
    assert (found.confidence == found.probabilities.max(axis=0)).all()
    assert found.classes == CLASSES


def test_a_large_frame_takes_memory_for_one_strip_at_a_time(vit):
    rgb, _ = frames(48, 64)
    found = vit.predict(rgb=cv2.resize(rgb, (2600, 2100)))  # 16.4 million values of 3 classes
    assert "probabilities" not in vars(found)  # brought to full size when asked for
    assert (found.probabilities.argmax(axis=0) == found.labels).all()
    assert (found.confidence == found.probabilities.max(axis=0)).all()
    assert found.probabilities is found.probabilities


def test_either_frame_alone_and_pairs_of_two_resolutions(vit):
    rgb, counts = frames(48, 64)
    assert vit.predict(rgb=rgb).labels.shape == (48, 64)
    assert vit.predict(thermal=counts).labels.shape == (48, 64)
    fine = np.repeat(np.repeat(rgb, 2, axis=0), 2, axis=1)
    assert vit.predict(fine, counts).labels.shape == (48, 64)
    as_sample = rgb.transpose(2, 0, 1).astype(np.float32) / 255
    assert (vit.predict(as_sample, counts).labels == vit.predict(rgb, counts).labels).all()


def test_answers_do_not_depend_on_the_mode_and_leave_it(vit):
    rgb, counts = frames()
    twin = copy.deepcopy(vit).train()
    assert (twin.predict(rgb, counts).labels == vit.predict(rgb, counts).labels).all()
    assert twin.training
    with torch.no_grad():
        prepared = vit.prepare(rgb, counts)
        logits = vit(**{name: one.images for name, one in prepared.items()})["fused"]
        shares = prepared["rgb"].restore(logits).softmax(dim=1)[0].numpy()
    assert (shares.argmax(axis=0) == vit.predict(rgb, counts).labels).mean() > 0.98


def test_some_of_its_own_classes_are_chosen_from_by_its_heads(vit):
    rgb, counts = frames()
    found = vit.predict(rgb, counts, classes=("person", "road"))
    whole = vit.predict(rgb, counts).probabilities
    assert found.classes == ("person", "road")
    assert (found.labels == whole[[2, 0]].argmax(axis=0)).all()


def test_case_and_blanks_do_not_change_who_answers(vit):
    rgb, counts = frames()
    plain = vit.predict(rgb, counts, classes=("person", "road"))
    found = vit.predict(rgb, counts, classes=("Person", " ROAD"))
    assert found.classes == ("Person", " ROAD")
    assert (found.probabilities == plain.probabilities).all()
    with pytest.raises(ConfigError, match="'person' and 'Person' are one class"):
        vit.predict(rgb, counts, classes=("person", "Person"))


def test_any_names_are_scored_in_the_space_of_words(vit):
    rgb, counts = frames()
    text = np.eye(6, dtype=np.float32)[:4]
    names = ("sky", "dog", "tree", "car")
    found = vit.predict(rgb, counts, classes=names, text=text)
    assert found.probabilities.shape == (4, 48, 64)
    order = [3, 1, 0, 2]
    again = vit.predict(rgb, counts, classes=[names[i] for i in order], text=text[order])
    np.testing.assert_allclose(again.probabilities, found.probabilities[order], atol=1e-5)


def test_names_in_words_need_no_embeddings_of_the_user():
    torch.manual_seed(0)
    model = build_sartm(**{**TINY, "text_width": 384}).eval()
    rgb, counts = frames()
    assert model.predict(rgb, counts, classes=("sky", "tree")).classes == ("sky", "tree")


def test_weights_hold_no_trunk_and_load_by_name(tmp_path, vit):
    arguments = {**TINY, "classes": list(CLASSES), "widths": list(TINY["widths"])}
    card = card_of("sartm_test", "sartm", vit.input_spec, arguments)
    write_weights(vit, card, tmp_path)
    names = load_file(tmp_path / "sartm_test.safetensors")
    assert not any("layernorm" in name or "backbone" in name for name in names)
    assert any(name.startswith("encoder.updates") for name in names)
    again = load_model("sartm_test", folder=tmp_path)
    rgb, counts = frames()
    same = again.predict(rgb, counts).labels == vit.predict(rgb, counts).labels
    assert same.mean() > 0.98  # the file is in half precision
    assert again.card.name == "sartm_test"


def test_sam2s_decoder_is_where_training_starts():
    sam2 = read_sam2("random")
    model = build_sartm(**TINY_SAM2)
    theirs = sam2.mask_decoder
    assert torch.equal(model.decoder.upscale_conv1.weight, theirs.upscale_conv1.weight)
    assert torch.equal(model.encoder.narrow[0].weight, theirs.conv_s0.weight)
    digest = model.encoder.trunk_sha256
    build_sartm(**TINY_SAM2, backbone_sha256=digest)
    with pytest.raises(WeightsMismatchError, match="trained on 'random' with SHA-256 00000"):
        build_sartm(**TINY_SAM2, backbone_sha256="0" * 64)


def test_input_spec_is_the_cards_where_there_is_one(vit):
    assert vit.input_spec.size_multiple_px == 16
    twin = copy.deepcopy(vit)
    spec = replace(vit.input_spec, mean=(0.0, 0.0, 0.0))
    twin.card = card_of("a", "sartm", spec, {})
    assert twin.input_spec == spec


def test_errors(vit):
    rgb, counts = frames()
    with pytest.raises(ConfigError, match="there is no picture. Give rgb, thermal or both"):
        vit()
    with pytest.raises(ConfigError, match="there is no frame. Give rgb, thermal or both"):
        vit.predict()
    with pytest.raises(ShapeError, match="pictures must be .* of one shape, got .* and "):
        vit(torch.zeros(1, 3, 32, 32), torch.zeros(1, 3, 32, 48))
    with pytest.raises(ShapeError, match="do not show one view: their shapes differ"):
        vit.predict(rgb, counts[:, :40])
    with pytest.raises(ShapeError, match=r"a thermal frame must be \(H, W\)"):
        vit.predict(thermal=counts[0])
    with pytest.raises(UnitError, match="no pixel with a value"):
        vit.predict(thermal=np.full((32, 32), np.nan, np.float32))
    dead = ThermalImage(stored_kelvin=np.full((32, 32), np.nan, np.float32))
    with pytest.raises(UnitError, match="no pixel with a value"):
        vit.predict(thermal=dead)
    with pytest.raises(ConfigError, match="longest_px must be positive"):
        vit.predict(rgb, longest_px=0)
    with pytest.raises(ConfigError, match="1 to 255 different names, got 2"):
        vit.predict(rgb, classes=("car", "car"))
    with pytest.raises(ShapeError, match="1 names need as many embeddings, got 2"):
        vit.predict(rgb, classes=("sky",), text=np.eye(6, dtype=np.float32)[:2])
    with pytest.raises(ShapeError, match="a space of 6 axes, names in one of 5"):
        vit.predict(rgb, classes=("sky",), text=np.ones((1, 5), np.float32))


def test_errors_of_building():
    model = build_sartm(**{**TINY, "text_width": 0})
    with pytest.raises(ConfigError, match="no text head, and no class 'sky'"):
        model.predict(frames()[0], classes=("sky",))
    with pytest.raises(ConfigError, match="classes must be different names"):
        build_sartm(**{**TINY, "classes": ("car", "car")})
    with pytest.raises(ConfigError, match="head is 'decoder', 'fpn' or 'mean'"):
        build_sartm(**{**TINY, "head": "both"})
    with pytest.raises(ConfigError, match="inputs are some of rgb_thermal, rgb, thermal, got"):
        build_sartm(**{**TINY, "inputs": ("depth",)})
    with pytest.raises(ConfigError, match="an encoder is 'vit' or 'sam2'"):
        build_sartm(**{**TINY, "encoder": "resnet"})
