import pytest
import torch

from thermoscope.core.errors import ConfigError, ShapeError
from thermoscope.layers.prototypes import PrototypeMemory, class_prototypes


def test_a_prototype_is_the_mean_of_its_pixels_divided_once():
    """Dividing by the number of pixels twice made the released prototypes vanish."""
    features = torch.zeros(2, 2, 4, 4)
    features[:, 0], features[:, 1] = 6.0, -2.0
    labels = torch.zeros(2, 8, 8, dtype=torch.long)
    labels[:, :4] = 1
    means, present = class_prototypes(features, labels, 4)
    assert means[:2].tolist() == [[6.0, -2.0]] * 2
    assert present.tolist() == [True, True, False, False]
    assert means[2:].abs().sum() == 0


def test_unlabelled_pixels_belong_to_no_class():
    labels = torch.tensor([[[0, 255]]])
    means, present = class_prototypes(torch.tensor([[[[1.0, 9.0]]]]), labels, 2)
    assert means.flatten().tolist() == [1.0, 0.0]
    assert present.tolist() == [True, False]
    _, nobody = class_prototypes(torch.ones(1, 1, 1, 2), torch.full((1, 1, 2), 255), 2)
    assert not nobody.any()


def test_gradients_reach_the_features():
    features = torch.ones(1, 1, 1, 4, requires_grad=True)
    means, _ = class_prototypes(features, torch.tensor([[[0, 0, 0, 1]]]), 2)
    means[0].sum().backward()
    assert features.grad.flatten().tolist() == pytest.approx([1 / 3, 1 / 3, 1 / 3, 0])


def test_the_average_is_in_the_state_and_keeps_classes_that_are_absent():
    memory = PrototypeMemory(3, 1, momentum=0.9)
    assert set(memory.state_dict()) == {"means", "seen"}
    assert list(memory.parameters()) == []
    here = torch.tensor([True, False, False])
    memory.update(torch.tensor([[10.0], [0.0], [0.0]]), here)
    memory.update(torch.tensor([[20.0], [5.0], [0.0]]), torch.tensor([True, True, False]))
    memory.update(torch.tensor([[0.0], [0.0], [7.0]]), ~here & torch.tensor([True, False, True]))
    assert memory.means.flatten().tolist() == pytest.approx([11.0, 5.0, 7.0])
    assert memory.seen.tolist() == [True, True, True]
    again = PrototypeMemory(3, 1)
    again.load_state_dict(memory.state_dict())
    assert torch.equal(again.means, memory.means)


def test_errors():
    with pytest.raises(ConfigError, match=r"momentum must lie in \[0, 1\]"):
        PrototypeMemory(2, 2, momentum=1.5)
    with pytest.raises(ConfigError, match="width must be positive"):
        PrototypeMemory(2, 0)
    with pytest.raises(ShapeError, match="features must be"):
        class_prototypes(torch.zeros(1, 2, 2), torch.zeros(1, 2, 2, dtype=torch.long), 2)
    with pytest.raises(ShapeError, match="2 label maps do not fit 1 feature maps"):
        class_prototypes(torch.zeros(1, 1, 2, 2), torch.zeros(2, 2, 2, dtype=torch.long), 2)
