import pytest
import torch

from thermoscope.core.errors import ConfigError
from thermoscope.models.anythermal import Features
from thermoscope.models.descriptors import pooled

FOUND = Features(cls=torch.tensor([[3.0, 4.0]]), grid=torch.tensor([[[[0.0, 2.0]], [[0.0, 0.0]]]]))


def test_by_hand():
    torch.testing.assert_close(pooled(FOUND, "cls"), torch.tensor([[0.6, 0.8]]))
    torch.testing.assert_close(pooled(FOUND, "mean"), torch.tensor([[1.0, 0.0]]))
    torch.testing.assert_close(
        pooled(FOUND), torch.tensor([[0.6, 0.8, 1.0, 0.0]]) / torch.tensor(2.0).sqrt()
    )


def test_unit_length():
    assert pooled(FOUND).norm() == pytest.approx(1)


def test_other_pooling():
    with pytest.raises(ConfigError, match="got 'max'"):
        pooled(FOUND, "max")
