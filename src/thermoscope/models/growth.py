"""A trained network inside a larger one that answers the same, to be trained on from there.

Blocks that the small network lacks start as nothing: residual blocks and global attention whose
last layer is zero. What is NOT here: wider layers; only deeper networks can be grown.

Source: Chen et al., Net2Net, ICLR 2016 (deeper networks of the same function).
"""

from __future__ import annotations

from torch import nn

from thermoscope.core.errors import ConfigError

__all__ = ["grow_into"]


def grow_into(large: nn.Module, small: nn.Module) -> None:
    """Copies the weights of `small` into `large` and silences the blocks of `large` that are new.

    A block is new if none of its weights has a counterpart in `small`; it must have a method
    ``silence`` or be fresh and of a kind that starts as nothing.

    Args:
        large: Fresh; changed in place.
        small: Trained; every weight of it must have its place in `large`.

    Raises:
        ConfigError: A weight of `small` that `large` lacks or has in another shape.
    """
    state, there = small.state_dict(), large.state_dict()
    for name, tensor in state.items():
        if name not in there or there[name].shape != tensor.shape:
            expected = tuple(there[name].shape) if name in there else "nothing"
            raise ConfigError(
                f"weight {name!r} of {tuple(tensor.shape)} does not fit: the larger network has "
                f"{expected} there. Start from a network of the same widths and range that is "
                "nowhere deeper."
            )
    large.load_state_dict(state, strict=False)
    for name, block in large.named_modules():
        known = any(key.startswith(f"{name}.") for key in state)
        if not known and callable(getattr(block, "silence", None)):
            block.silence()
