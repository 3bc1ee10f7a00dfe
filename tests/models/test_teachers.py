import numpy as np
import pytest
import torch

from thermoscope.core.errors import (
    ConfigError,
    MissingDependencyError,
    ShapeError,
    UnknownNameError,
    WeightsMismatchError,
)
from thermoscope.models import teachers
from thermoscope.models.anythermal import AnyThermal
from thermoscope.models.efficientnet_lite import EfficientNetLite0
from thermoscope.models.teachers import Teacher, list_teachers, load_teacher, teacher_licence


def onnx_answer(path, picture):
    """Tokens of the exported graph itself, run by another program."""
    onnx = pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    model = onnx.load(path)
    names = [n.output[0] for n in model.graph.node if n.name.startswith("/backbone/layernorm")]
    model.graph.output.append(onnx.helper.make_empty_tensor_value_info(names[-1]))
    session = runtime.InferenceSession(model.SerializeToString())
    return session.run([names[-1]], {"input_image": picture.numpy()})[0]


def test_offline_dinov2_equals_the_graph_it_came_from():
    teacher = load_teacher("dinov2_small_offline")
    rgb = torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    found = teacher(rgb)[0]
    path = teachers.packaged_file(teachers.DINO_PACKAGE, "vit_s_focus.onnx")
    expected = onnx_answer(path, (rgb - teacher.mean) / teacher.std)
    np.testing.assert_allclose(found.cls.numpy(), expected[:, 0], atol=2e-4)
    tokens = found.grid.flatten(2).transpose(1, 2).numpy()
    np.testing.assert_allclose(tokens, expected[:, 1:], atol=2e-4)


def test_offline_efficientnet_sees_more_in_a_picture_than_in_grey():
    teacher = load_teacher("efficientnet_lite0_offline")
    rgb = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    stage, head = teacher(rgb, (3, -1))
    assert stage.grid.shape == (2, 80, 4, 4)
    assert head.cls.shape == (2, 1280)
    flat = teacher(torch.full((1, 3, 64, 64), 0.45), (-1,))[0]
    assert (head.grid > 0).float().mean() > (flat.grid > 0).float().mean()


def test_a_teacher_never_trains():
    teacher = Teacher(AnyThermal.tiny(), name="x").train()
    assert not teacher.training
    assert not any(p.requires_grad for p in teacher.parameters())
    assert not teacher(torch.rand(1, 3, 28, 28))[0].cls.requires_grad


def test_layers_by_number():
    teacher = Teacher(AnyThermal.tiny(), name="x")
    last, third = teacher(torch.rand(1, 3, 28, 28), (-1, 2))
    assert not torch.equal(last.cls, third.cls)
    with pytest.raises(ConfigError, match="layer 4"):
        teacher(torch.rand(1, 3, 28, 28), (4,))


def test_names_and_licences():
    assert "dinov2_base" in list_teachers()
    with pytest.raises(UnknownNameError, match="dinov2_small"):
        load_teacher("dinov2_smal")
    assert teacher_licence("dinov2_base") == "Apache-2.0"
    assert teacher_licence("efficientnet_lite0_offline") == "unstated"


def test_package_that_is_not_installed(monkeypatch):
    monkeypatch.setattr(teachers, "DINO_PACKAGE", "no-such-package")
    with pytest.raises(MissingDependencyError, match=r"thermoscope\[teachers\]"):
        load_teacher("dinov2_small_offline")


def test_efficientnet_checks_its_input():
    network = EfficientNetLite0()
    with pytest.raises(ShapeError, match="multiples of 32"):
        network.intermediate(torch.zeros(1, 3, 30, 32), (0,))
    with pytest.raises(ConfigError, match="0 to 7"):
        network.intermediate(torch.zeros(1, 3, 32, 32), (8,))
    with pytest.raises(WeightsMismatchError, match="EfficientNet-Lite0"):
        network.load_published({"a": torch.zeros(3)})
