"""SAM2's image encoder written again from its papers, window by window: what ours must equal.

No line is shared with the package. Tensors are named as in transformers' state dict; every window
is cut out, padded with zeros and attended to by itself.
"""

import torch
from torch.nn import functional


def linear(s, name, x):
    return x @ s[f"{name}.weight"].T + s[f"{name}.bias"]


def norm(s, name, x):
    return functional.layer_norm(x, x.shape[-1:], s[f"{name}.weight"], s[f"{name}.bias"], eps=1e-6)


def pooled(x):
    """(H, W, C): the largest of each two by two."""
    h, w, c = x.shape
    return x[: h // 2 * 2, : w // 2 * 2].reshape(h // 2, 2, w // 2, 2, c).amax(dim=(1, 3))


def attention(s, name, window, heads, halved):
    """(h, w, C) of one window to (h, w, C') or half of that."""
    q, k, v = linear(s, f"{name}.qkv", window).chunk(3, dim=-1)
    q = pooled(q) if halved else q
    out_h, out_w, width = q.shape
    q, k, v = (x.reshape(-1, heads, width // heads) for x in (q, k, v))
    out = []
    for head in range(heads):
        scores = q[:, head] @ k[:, head].T / (width // heads) ** 0.5
        weights = scores.exp() / scores.exp().sum(dim=-1, keepdim=True)
        out.append(weights @ v[:, head])
    joined = torch.stack(out, dim=1).reshape(out_h, out_w, width)
    return linear(s, f"{name}.proj", joined)


def block(s, name, x, *, window, heads, changes):
    """One block of one picture, (H, W, C)."""
    normed = norm(s, f"{name}.layer_norm1", x)
    residual = pooled(linear(s, f"{name}.proj", normed)) if changes else x
    h, w, _ = normed.shape
    side = window or max(h, w)
    if not window:
        found = attention(s, f"{name}.attn", normed, heads, changes)
    else:
        step = 2 if changes else 1
        found = torch.zeros(-(-h // side) * side // step, -(-w // side) * side // step,
                            residual.shape[-1])  # fmt: skip
        for top in range(0, h, side):
            for left in range(0, w, side):
                piece = torch.zeros(side, side, normed.shape[-1])
                cut = normed[top : top + side, left : left + side]
                piece[: cut.shape[0], : cut.shape[1]] = cut
                answer = attention(s, f"{name}.attn", piece, heads, changes)
                y, x_ = top // step, left // step
                found[y : y + side // step, x_ : x_ + side // step] = answer
        found = found[: residual.shape[0], : residual.shape[1]]
    x = residual + found
    inner = functional.gelu(linear(s, f"{name}.mlp.proj_in", norm(s, f"{name}.layer_norm2", x)))
    return x + linear(s, f"{name}.mlp.proj_out", inner)


def encode(state, image, hiera):
    """Maps of the pyramid at strides 4, 8 and 16 of one (3, H, W) picture, each (C, h, w)."""
    s = {k: v.detach() for k, v in state.items()}
    x = functional.conv2d(
        image[None],
        s["backbone.patch_embed.projection.weight"],
        s["backbone.patch_embed.projection.bias"],
        stride=4,
        padding=3,
    )[0].permute(1, 2, 0)
    h, w, _ = x.shape
    coarse = functional.interpolate(s["backbone.pos_embed"], size=(h, w), mode="bicubic")[0]
    tile = s["backbone.pos_embed_window"][0]
    for row in range(h):
        for column in range(w):
            fine = tile[:, row % tile.shape[1], column % tile.shape[2]]
            x[row, column] += coarse[:, row, column] + fine
    stages, index = [], 0
    for stage, blocks in enumerate(hiera.blocks_per_stage):
        for i in range(blocks):
            changes = stage > 0 and i == 0
            window = hiera.window_size_per_stage[stage - changes]
            window = 0 if index in hiera.global_attention_blocks else window
            heads = hiera.num_attention_heads_per_stage[stage]
            x = block(s, f"backbone.blocks.{index}", x, window=window, heads=heads, changes=changes)
            index += 1
        stages.append(x)
    laterals = [
        functional.conv2d(
            y.permute(2, 0, 1)[None],
            s[f"neck.convs.{len(stages) - 1 - i}.weight"],
            s[f"neck.convs.{len(stages) - 1 - i}.bias"],
        )[0]
        for i, y in enumerate(stages)
    ]
    above = laterals[3].repeat_interleave(2, dim=1).repeat_interleave(2, dim=2)
    return [laterals[0], laterals[1], laterals[2] + above]
