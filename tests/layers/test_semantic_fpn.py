import pytest
import torch

from thermoscope.core.errors import ConfigError
from thermoscope.layers.semantic_fpn import SemanticFpn


def levels(batch=1):
    return [torch.randn(batch, 4, 8, 12), torch.randn(batch, 8, 4, 6)]


def test_its_weights_are_registered_and_change_after_a_step():
    """The released head was made anew, with random weights, in every forward call."""
    head = SemanticFpn((4, 8), classes=3, hidden=6)
    before = {name: value.clone() for name, value in head.state_dict().items()}
    optimizer = torch.optim.SGD(head.parameters(), lr=0.5)
    pyramid = levels()
    first = head(pyramid)
    assert torch.equal(first, head(pyramid))
    torch.nn.functional.cross_entropy(first, torch.zeros(1, 8, 12, dtype=torch.long)).backward()
    optimizer.step()
    changed = [name for name, value in head.state_dict().items() if not value.equal(before[name])]
    assert {"classify.weight", "lateral.0.weight", "lateral.1.weight"} <= set(changed)
    assert not torch.equal(head(pyramid), first)


def test_every_level_counts():
    head = SemanticFpn((4, 8), classes=3, hidden=6)
    pyramid = levels()
    whole = head(pyramid)
    for level in range(2):
        changed = [x + (i == level) for i, x in enumerate(pyramid)]
        assert not torch.allclose(head(changed), whole)


def test_dropout_is_for_training_only():
    head = SemanticFpn((4, 8), classes=3, hidden=64, dropout=0.5)
    pyramid = levels()
    assert not torch.equal(head(pyramid), head(pyramid))
    head.eval()
    assert torch.equal(head(pyramid), head(pyramid))


def test_errors():
    with pytest.raises(ConfigError, match="a level at least"):
        SemanticFpn((), classes=3)
    with pytest.raises(ConfigError, match="classes must be positive"):
        SemanticFpn((4,), classes=0)
    with pytest.raises(ConfigError, match=r"dropout must lie in \[0, 1\]"):
        SemanticFpn((4,), classes=1, dropout=2.0)
