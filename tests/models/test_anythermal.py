import numpy as np
import pytest
import torch
from tests.reference.dinov2_plain import forward, random_state

from thermoscope.core.errors import ConfigError, ReadError, ShapeError, WeightsMismatchError
from thermoscope.models.anythermal import (
    AnyThermal,
    read_dinov2,
    read_released_checkpoint,
    state_from_hub_names,
)

TINY = {"width": 32, "blocks": 4, "positions": 16}


@pytest.fixture(scope="module")
def state():
    return random_state(**TINY, seed=3)


def images(height=56, width=56, batch=2, seed=0):
    return torch.randn(batch, 3, height, width, generator=torch.Generator().manual_seed(seed))


class TestReleasedCheckpoint:
    def save(self, path, content):
        torch.save(content, path)
        return path

    def test_computes_what_an_independent_dinov2_computes(self, state, tmp_path):
        nested = {
            "epoch": 20,
            "student_model_type": "dinov2_vitb14",
            "student_model_state_dict": {"backbone_model_state_dict": state},
        }
        model = read_released_checkpoint(self.save(tmp_path / "model20.pth", nested))
        expected = forward(state, images(), heads=2)
        with torch.no_grad():
            found = model(images())
        torch.testing.assert_close(found.cls, expected[:, 0], atol=2e-4, rtol=1e-4)
        tokens = found.grid.flatten(2).transpose(1, 2)
        torch.testing.assert_close(tokens, expected[:, 1:], atol=2e-4, rtol=1e-4)

    def test_takes_a_flat_state_and_the_prefix_of_data_parallel_training(self, state, tmp_path):
        flat = {f"module.{k}": v for k, v in state.items()}
        model = read_released_checkpoint(self.save(tmp_path / "a.pth", flat))
        torch.testing.assert_close(model.backbone.embeddings.cls_token.detach(), state["cls_token"])

    def test_fused_qkv_is_split_in_the_order_query_key_value(self, state):
        renamed = state_from_hub_names(state)
        fused = state["blocks.2.attn.qkv.weight"]
        place = "backbone.encoder.layer.2.attention.{}_proj.weight"
        assert torch.equal(renamed[place.format("q")], fused[:32])
        assert torch.equal(renamed[place.format("v")], fused[64:])

    def test_a_missing_tensor_is_named(self, state, tmp_path):
        cut = {k: v for k, v in state.items() if k != "blocks.1.ls2.gamma"}
        with pytest.raises(WeightsMismatchError, match=r"missing: .*layer\.1\.layer_scale2"):
            read_released_checkpoint(self.save(tmp_path / "a.pth", cut))

    def test_registers_are_refused(self, state):
        with pytest.raises(WeightsMismatchError, match="'register_tokens'"):
            state_from_hub_names({**state, "register_tokens": torch.zeros(1, 4, 32)})

    def test_unknown_width(self, tmp_path):
        path = self.save(tmp_path / "a.pth", {"cls_token": torch.zeros(1, 1, 48)})
        with pytest.raises(WeightsMismatchError, match="known width"):
            read_released_checkpoint(path)

    def test_code_in_a_checkpoint_never_runs(self, tmp_path):
        marker = tmp_path / "ran"

        class Hostile:
            def __reduce__(self):
                return marker.touch, ()

        path = self.save(tmp_path / "evil.pth", {"x": Hostile()})
        with pytest.raises(ReadError, match="without running code"):
            read_released_checkpoint(path)
        assert not marker.exists()

    def test_absent_and_truncated_files(self, state, tmp_path):
        with pytest.raises(ReadError, match="Fetch it from"):
            read_released_checkpoint(tmp_path / "no.pth")
        path = self.save(tmp_path / "a.pth", state)
        path.write_bytes(path.read_bytes()[:2000])
        with pytest.raises(ReadError, match="not a checkpoint"):
            read_released_checkpoint(path)


class TestPublishedDinov2:
    def test_folder_with_the_names_of_transformers_4(self, state, tmp_path):
        from safetensors.torch import save_file

        old = (("q_proj", "attention.query"), ("k_proj", "attention.key"))
        old += (("v_proj", "attention.value"), ("o_proj", "output.dense"))
        named = {}
        for name, value in state_from_hub_names(state).items():
            renamed = name
            for ours, theirs in old:
                renamed = renamed.replace(f"attention.{ours}", f"attention.{theirs}")
            named[renamed.removeprefix("backbone.")] = value.contiguous()
        save_file(named, tmp_path / "model.safetensors")
        model = read_dinov2(tmp_path)
        expected = forward(state, images(), heads=2)
        with torch.no_grad():
            torch.testing.assert_close(model(images()).cls, expected[:, 0], atol=2e-4, rtol=1e-4)

    def test_offline_hub_name_says_what_to_do(self, monkeypatch):
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        with pytest.raises(ReadError, match="put its model.safetensors"):
            read_dinov2("facebook/dinov2-of-nobody")


class TestForward:
    def test_any_multiple_of_14(self):
        found = AnyThermal.tiny()(images(28, 70))
        assert found.cls.shape == (2, 32)
        assert found.grid.shape == (2, 32, 2, 5)

    def test_grid_rows_are_image_rows(self):
        model = AnyThermal.tiny()
        picture = torch.zeros(1, 3, 56, 56)
        changed = picture.clone()
        changed[:, :, 42:, :14] = 3.0  # bottom left
        with torch.no_grad():
            layer0 = [model.intermediate(x, [0])[0].grid for x in (picture, changed)]
        moved = (layer0[0] - layer0[1]).norm(dim=1)[0]
        assert divmod(int(moved.argmax()), 4) == (3, 0)

    def test_intermediate_last_is_forward(self):
        model = AnyThermal.tiny()
        with torch.no_grad():
            several = model.intermediate(images(), [0, -1])
            assert torch.equal(several[1].cls, model(images()).cls)
        assert not torch.allclose(several[0].cls, several[1].cls)

    def test_shortened_equals_the_block_it_ends_with(self):
        model = AnyThermal.tiny()
        short = model.shortened(2)
        assert short.layers == 2
        with torch.no_grad():
            expected = model.intermediate(images(), [1])[0].grid
            torch.testing.assert_close(short(images()).grid, expected)
        with pytest.raises(ConfigError, match="at most 4"):
            model.shortened(5)

    def test_mean_is_over_patches(self):
        found = AnyThermal.tiny()(images())
        torch.testing.assert_close(found.mean, found.grid.flatten(2).mean(2))

    @pytest.mark.parametrize("shape", [(1, 3, 30, 28), (1, 1, 28, 28), (3, 28, 28), (0, 3, 28, 28)])
    def test_other_shapes(self, shape):
        with pytest.raises(ShapeError, match="network_input"):
            AnyThermal.tiny()(torch.zeros(shape))

    def test_unknown_size_and_block(self):
        with pytest.raises(ConfigError, match="small"):
            AnyThermal("huge")
        with pytest.raises(ConfigError, match="between 0"):
            AnyThermal("tiny", blocks=9)
        with pytest.raises(ConfigError, match="blocks 0 to 3"):
            AnyThermal.tiny().intermediate(images(), [4])

    def test_every_parameter_is_in_one_group(self):
        model = AnyThermal.tiny()
        listed = [id(p) for group in model.groups().values() for p in group]
        assert sorted(listed) == sorted(id(p) for p in model.parameters())

    def test_tiny_is_reproducible_and_leaves_the_generator_alone(self):
        before = torch.get_rng_state()
        a, b = AnyThermal.tiny(1), AnyThermal.tiny(1)
        assert torch.equal(torch.get_rng_state(), before)
        x = images(28, 28)
        assert np.array_equal(a(x).cls.detach().numpy(), b(x).cls.detach().numpy())
