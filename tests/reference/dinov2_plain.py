"""DINOv2 written again from its paper, in the naming of its own repository: what ours must equal.

No line is shared with the package; queries, keys and values are one matrix here, attention is
written out, and LayerScale is a product.
"""

import torch
from torch.nn import functional


def random_state(width: int, blocks: int, positions: int, seed: int) -> dict[str, torch.Tensor]:
    g = torch.Generator().manual_seed(seed)

    def draw(*shape, scale=0.2):
        return torch.randn(*shape, generator=g) * scale

    state = {
        "cls_token": draw(1, 1, width),
        "mask_token": draw(1, width),
        "pos_embed": draw(1, positions + 1, width),
        "patch_embed.proj.weight": draw(width, 3, 14, 14, scale=0.05),
        "patch_embed.proj.bias": draw(width),
        "norm.weight": 1 + draw(width),
        "norm.bias": draw(width),
    }
    for i in range(blocks):
        state |= {
            f"blocks.{i}.norm1.weight": 1 + draw(width),
            f"blocks.{i}.norm1.bias": draw(width),
            f"blocks.{i}.norm2.weight": 1 + draw(width),
            f"blocks.{i}.norm2.bias": draw(width),
            f"blocks.{i}.attn.qkv.weight": draw(3 * width, width),
            f"blocks.{i}.attn.qkv.bias": draw(3 * width),
            f"blocks.{i}.attn.proj.weight": draw(width, width),
            f"blocks.{i}.attn.proj.bias": draw(width),
            f"blocks.{i}.ls1.gamma": 1 + draw(width),
            f"blocks.{i}.ls2.gamma": 1 + draw(width),
            f"blocks.{i}.mlp.fc1.weight": draw(4 * width, width),
            f"blocks.{i}.mlp.fc1.bias": draw(4 * width),
            f"blocks.{i}.mlp.fc2.weight": draw(width, 4 * width),
            f"blocks.{i}.mlp.fc2.bias": draw(width),
        }
    return state


def forward(state: dict[str, torch.Tensor], images: torch.Tensor, heads: int) -> torch.Tensor:
    """(B, 1 + N, width) tokens after the final norm, at the size of the position embedding."""
    s = state
    width = s["cls_token"].shape[-1]
    patches = functional.conv2d(
        images, s["patch_embed.proj.weight"], s["patch_embed.proj.bias"], stride=14
    )
    x = patches.flatten(2).transpose(1, 2)
    x = torch.cat((s["cls_token"].expand(len(x), 1, width), x), dim=1) + s["pos_embed"]
    blocks = 1 + max(int(k.split(".")[1]) for k in s if k.startswith("blocks."))
    for i in range(blocks):
        p = f"blocks.{i}."

        def norm(y, name, p=p):
            return functional.layer_norm(
                y, (width,), s[f"{p}{name}.weight"], s[f"{p}{name}.bias"], eps=1e-6
            )

        y = norm(x, "norm1")
        qkv = y @ s[p + "attn.qkv.weight"].T + s[p + "attn.qkv.bias"]
        b, n, _ = y.shape
        q, k, v = qkv.reshape(b, n, 3, heads, width // heads).permute(2, 0, 3, 1, 4)
        weights = (q @ k.transpose(-1, -2) / (width // heads) ** 0.5).softmax(dim=-1)
        y = (weights @ v).transpose(1, 2).reshape(b, n, width)
        y = y @ s[p + "attn.proj.weight"].T + s[p + "attn.proj.bias"]
        x = x + y * s[p + "ls1.gamma"]
        y = norm(x, "norm2") @ s[p + "mlp.fc1.weight"].T + s[p + "mlp.fc1.bias"]
        y = functional.gelu(y) @ s[p + "mlp.fc2.weight"].T + s[p + "mlp.fc2.bias"]
        x = x + y * s[p + "ls2.gamma"]
    return functional.layer_norm(x, (width,), s["norm.weight"], s["norm.bias"], eps=1e-6)
