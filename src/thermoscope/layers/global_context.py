"""Every place of a coarse map looks at every other: what small windows cannot know.

A wall without texture is as far away as its edges say, and a pixel whose match lies outside the
other view is where the surface around it would be. What is NOT here: windows and strips
(`thermoscope.layers.strip_attention`).

Source: Vaswani et al., NeurIPS 2017 (attention); Xiong et al., ICML 2020 (norm before); Chu et
al., ICLR 2023 (positions from a convolution, so that any size is fine).
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from thermoscope.core.checks import check_positive
from thermoscope.core.errors import ConfigError

__all__ = ["GlobalContext"]


class GlobalContext(nn.Module):
    """A transformer block over the places of a map; a fresh one changes nothing.

    Memory grows with the square of the number of places where the runtime does not fuse attention:
    meant for a sixteenth of the resolution.

    Args:
        channels: Of the map.
        heads: Each with ``channels / heads`` channels.
        expansion: Of the hidden layer.

    Raises:
        ConfigError: A number that is not positive, or channels that cannot be split.
    """

    def __init__(self, channels: int, *, heads: int = 4, expansion: int = 2) -> None:
        super().__init__()
        for name, value in (("channels", channels), ("heads", heads), ("expansion", expansion)):
            check_positive(value, name=name)
        if channels % heads:
            raise ConfigError(f"{channels} channels cannot be split into {heads} heads.")
        self.heads = heads
        self.position = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.before = nn.LayerNorm(channels)
        self.ask = nn.Linear(channels, 3 * channels)
        self.told = nn.Linear(channels, channels)
        self.after = nn.LayerNorm(channels)
        self.widen = nn.Linear(channels, expansion * channels)
        self.narrow = nn.Linear(expansion * channels, channels)
        for layer in (self.position, self.told, self.narrow):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, H, W), the same shape."""
        batch, channels, height, width = x.shape
        rows = (x + self.position(x)).flatten(2).transpose(1, 2)
        asked: Tensor = self.ask(self.before(rows))
        split = asked.reshape(batch, height * width, 3, self.heads, channels // self.heads)
        query, key, value = split.permute(2, 0, 3, 1, 4)
        seen = functional.scaled_dot_product_attention(query, key, value)
        rows = rows + self.told(seen.transpose(1, 2).reshape(batch, height * width, channels))
        rows = rows + self.narrow(functional.gelu(self.widen(self.after(rows))))
        found: Tensor = rows.transpose(1, 2).reshape(x.shape)
        return found
