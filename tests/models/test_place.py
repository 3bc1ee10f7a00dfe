"""The recogniser: unit descriptors, a backbone that stays frozen, weights that come back."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from thermoscope.core.config import write_config
from thermoscope.core.errors import ConfigError, ShapeError, WeightsMismatchError
from thermoscope.core.files import sha256_of
from thermoscope.core.weights import InputSpec, TrainingSource, WeightsCard
from thermoscope.models.place import build, place_model

SALAD = {"backbone": "tiny", "clusters": 4, "dims": 3, "global_dims": 5, "hidden": 8}
SIZE = {"size_px": [42, 56]}


def small():
    torch.manual_seed(3)
    return build(**SALAD, **SIZE).eval()


def write_weights(folder, model, name="tiny_place", arguments=None):
    path = folder / f"{name}.safetensors"
    save_file(model.state_dict(), path)
    card = WeightsCard(
        name=name,
        model="anythermal_place",
        text="for a test",
        licence="Apache-2.0",
        sha256=sha256_of(path),
        input_spec=InputSpec("counts", {}, (0.5,) * 3, (0.2,) * 3, 14),
        sources=(TrainingSource("none", "CC0-1.0", "nothing"),),
        command="none",
        seed=0,
        scores={},
        protocol="none",
        arguments=arguments or {**SALAD, **SIZE},
    )
    write_config(card, folder / f"{name}.yaml")


def test_frames_of_any_kind_become_unit_descriptors(rng):
    model = small()
    frames = [
        rng.integers(28000, 32000, (60, 80)).astype(np.uint16),
        rng.normal(300, 5, (48, 64)).astype(np.float32),
        rng.integers(0, 255, (100, 70)).astype(np.uint8),
    ]
    found = model.describe(frames, batch_size=2)
    assert found.shape == (3, 17)
    assert found.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(model.describe(frames[1:2]), found[1:2], atol=1e-5)
    assert model.describe([]).shape == (0, 17)


def test_grey_colour_and_thermal_of_the_same_levels_are_described_alike(rng):
    grey = rng.integers(0, 256, (42, 56)).astype(np.uint8)
    grey[0, :2] = 0, 255
    model = small()
    rgb = model.describe([np.repeat(grey[:, :, None], 3, axis=2)], modality="rgb")
    thermal = model.describe([grey], modality="thermal")
    assert float((rgb * thermal).sum()) > 0.999


def test_only_the_pooling_trains_and_is_saved():
    model = small().train()
    assert not model.backbone.training
    names = set(model.state_dict())
    assert names == {f"pooling.{k}" for k in model.pooling.state_dict()}
    model(torch.randn(2, 3, 28, 28))[:, 0].sum().backward()
    assert all(p.grad is None for p in model.backbone.parameters())
    assert any(p.grad is not None for p in model.parameters())


def test_describing_leaves_the_mode_and_needs_no_luck():
    model = small().train()  # dropout would make two calls differ
    frame = np.arange(42 * 56, dtype=np.uint16).reshape(42, 56)
    np.testing.assert_array_equal(model.describe([frame]), model.describe([frame]))
    assert model.training


def test_weights_come_back_by_name(tmp_path):
    model = small()
    write_weights(tmp_path, model)
    loaded = place_model("tiny_place", folder=tmp_path)
    assert loaded.card.name == "tiny_place"
    assert loaded.identity.startswith(loaded.card.sha256[:16])
    frame = np.arange(42 * 56, dtype=np.uint16).reshape(42, 56)
    model.card = loaded.card  # the same preprocessing
    np.testing.assert_allclose(loaded.describe([frame]), model.describe([frame]), atol=1e-6)


def test_a_pooling_on_another_backbone_is_refused(tmp_path):
    write_weights(tmp_path, small(), arguments={**SALAD, "clusters": 5})
    with pytest.raises(WeightsMismatchError, match=r"pooling\.assign\.3\.weight"):
        place_model("tiny_place", folder=tmp_path)


@pytest.mark.parametrize(("pooling", "dims"), [("cls", 32), ("mean", 32), ("cls_mean", 64)])
def test_a_backbone_takes_a_pooling_without_weights(pooling, dims):
    model = place_model("tiny", pooling=pooling, layer=1, size_px=(28, 28))
    assert model.dims == dims
    other = place_model("tiny", pooling=pooling, layer=2, size_px=(28, 28))
    assert model.identity != other.identity
    frame = np.arange(28 * 28, dtype=np.uint16).reshape(28, 28)
    assert not np.allclose(model.describe([frame]), other.describe([frame]), atol=1e-3)


def test_bad_settings():
    with pytest.raises(ConfigError, match="SALAD on it has no weights"):
        place_model("tiny", pooling="salad")
    with pytest.raises(ConfigError, match="layer 4 does not exist: there are 4 blocks"):
        place_model("tiny", layer=4)
    with pytest.raises(ConfigError, match="size_px must be height and width of at least 14"):
        place_model("tiny", size_px=(224, 7))
    with pytest.raises(ConfigError, match="batch_size must be positive"):
        small().describe([], batch_size=0)
    with pytest.raises(ShapeError, match="must be"):
        small().describe([np.zeros((3, 4, 5, 6), np.uint16)])
