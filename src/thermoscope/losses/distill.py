"""Objectives that teach a thermal encoder to say what a colour encoder says.

Descriptors are compared by cosine throughout. What is NOT here: who is teacher and who is student;
every function takes two sets of features and lets gradients flow into both unless detached.

Sources: van den Oord et al., CPC, arXiv 1807.03748 (InfoNCE); Radford et al., CLIP, arXiv
2103.00020 (the symmetric form).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from thermoscope.core.errors import ConfigError, ShapeError

__all__ = ["collapse_statistics", "info_nce", "patch_cosine", "patch_info_nce", "resampled"]

ACTIVE_STD = 1e-3


def info_nce(
    queries: Tensor,
    keys: Tensor,
    *,
    temperature: float = 0.07,
    symmetric: bool = True,
    ignored: Tensor | None = None,
    queue: Tensor | None = None,
) -> Tensor:
    """Contrastive loss in which row i of `queries` and row i of `keys` belong together.

    Args:
        queries: (B, C), any length.
        keys: (B, C), any length.
        temperature: Divides cosines, > 0.
        symmetric: Whether keys also look for their queries; else queries for keys only.
        ignored: (B, B) bool, True where a pair shows the same place and is no negative. The
            diagonal is never ignored.
        queue: (Q, C) more negatives for both directions, or None.

    Returns:
        Scalar. 0 for a batch of one without a queue: there is nothing to tell apart.

    Raises:
        ShapeError: Shapes that do not fit.
        ConfigError: `temperature` is not positive.
    """
    if queries.shape != keys.shape or queries.ndim != 2:
        raise ShapeError(
            f"queries and keys must both be (B, C), got {tuple(queries.shape)} and "
            f"{tuple(keys.shape)}."
        )
    if temperature <= 0:
        raise ConfigError(f"temperature must be positive, got {temperature}.")
    q, k = functional.normalize(queries, dim=1), functional.normalize(keys, dim=1)
    logits = q @ k.T / temperature
    if ignored is not None:
        own = torch.eye(len(q), dtype=torch.bool, device=q.device)
        logits = logits.masked_fill(ignored & ~own, -torch.inf)
    loss = _matched(logits, q, queue, temperature)
    if symmetric:
        loss = (loss + _matched(logits.T, k, queue, temperature)) / 2
    return loss


def _matched(logits: Tensor, rows: Tensor, queue: Tensor | None, temperature: float) -> Tensor:
    if queue is not None and len(queue):
        more = rows @ functional.normalize(queue, dim=1).T / temperature
        logits = torch.cat((logits, more), dim=1)
    return functional.cross_entropy(logits, torch.arange(len(rows), device=rows.device))


def patch_cosine(student: Tensor, teacher: Tensor, *, weight: Tensor | None = None) -> Tensor:
    """Mean of 1 - cosine between patches at the same place.

    Args:
        student: (B, C, h, w).
        teacher: (B, C, h, w).
        weight: (B, h, w) or (B, 1, 1) share of each patch, such as 0 for pairs that are not
            aligned; all 1 if None.

    Returns:
        Scalar in [0, 2]; 0 if all weights are 0.

    Raises:
        ShapeError: Shapes differ.
    """
    _check_grids(student, teacher)
    return _weighted(1 - functional.cosine_similarity(student, teacher, dim=1), weight)


def patch_info_nce(
    student: Tensor,
    teacher: Tensor,
    *,
    temperature: float = 0.1,
    neighbourhood: int = 1,
    weight: Tensor | None = None,
) -> Tensor:
    """Each patch must find its own place among all patches of the other picture.

    Args:
        student: (B, C, h, w).
        teacher: (B, C, h, w) of the same scenes, pixel-aligned.
        temperature: Divides cosines, > 0.
        neighbourhood: Patches this near to the right one are neither right nor wrong.
        weight: (B, h, w) or (B, 1, 1) share of each patch, all 1 if None. A patch of weight 0 is
            neither asked nor a wrong answer.

    Returns:
        Scalar; 0 if all weights are 0.

    Raises:
        ShapeError: Shapes differ.
        ConfigError: `temperature` is not positive.
    """
    _check_grids(student, teacher)
    if temperature <= 0:
        raise ConfigError(f"temperature must be positive, got {temperature}.")
    height, width = student.shape[2:]
    s = functional.normalize(student.flatten(2), dim=1)
    t = functional.normalize(teacher.flatten(2), dim=1)
    logits = torch.einsum("bcn,bcm->bnm", s, t) / temperature
    near = _near(height, width, neighbourhood).to(logits.device)
    logits = logits.masked_fill(near, -torch.inf)
    if weight is not None:
        unseen = (weight.expand(len(s), height, width) == 0).flatten(1)
        own = torch.eye(height * width, dtype=torch.bool, device=logits.device)
        logits = logits.masked_fill(unseen[:, None, :] & ~own, -torch.inf)
    target = torch.arange(height * width, device=logits.device).expand(len(s), -1)
    loss = functional.cross_entropy(logits.transpose(1, 2), target, reduction="none")
    return _weighted(loss.reshape(len(s), height, width), weight)


def resampled(grid: Tensor, warp: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Features of one window where another window's patches lie.

    Args:
        grid: (B, C, h, w) of the one window.
        warp: (B, 2, 2), scale and offset by which x (first row) and y of the other
            window, from -1 to 1 across it, become those of this one.
        size: Rows and columns of the other window's grid.

    Returns:
        (B, C, *size) features, and (B, *size) 1.0 where the place lies inside the one window.
    """
    rows, columns = ((2 * torch.arange(n, device=grid.device) + 1) / n - 1 for n in size)
    x = columns[None, None] * warp[:, 0, 0, None, None] + warp[:, 0, 1, None, None]
    y = rows[None, :, None] * warp[:, 1, 0, None, None] + warp[:, 1, 1, None, None]
    places = torch.stack((x.expand(-1, *size), y.expand(-1, *size)), dim=3)
    inside = (places.abs() <= 1).all(dim=3).float()
    found = functional.grid_sample(grid, places, padding_mode="border", align_corners=False)
    return found, inside


def _near(height: int, width: int, neighbourhood: int) -> Tensor:
    rows = torch.arange(height).repeat_interleave(width)
    columns = torch.arange(width).repeat(height)
    row_gap = (rows[:, None] - rows[None]).abs()
    column_gap = (columns[:, None] - columns[None]).abs()
    gap = torch.maximum(row_gap, column_gap)
    return (gap > 0) & (gap <= neighbourhood)


def _check_grids(student: Tensor, teacher: Tensor) -> None:
    if student.shape != teacher.shape or student.ndim != 4:
        raise ShapeError(
            f"both grids must be (B, C, h, w), got {tuple(student.shape)} and "
            f"{tuple(teacher.shape)}."
        )


def _weighted(values: Tensor, weight: Tensor | None) -> Tensor:
    if weight is None:
        return values.mean()
    share = weight.expand(values.shape)
    return (values * share).sum() / share.sum().clamp(min=1)


@torch.no_grad()
def collapse_statistics(descriptors: Tensor) -> dict[str, float]:
    """Signs that all pictures get the same descriptor.

    Args:
        descriptors: (B, C), B at least 2.

    Returns:
        ``std`` (mean deviation of a component over the batch, of unit-length rows), ``active``
        (share of components that vary), ``cosine`` (mean between different rows: 1 is a collapse)
        and ``collapsed`` (1.0 or 0.0).

    Raises:
        ShapeError: Fewer than two rows.
    """
    if descriptors.ndim != 2 or len(descriptors) < 2:
        raise ShapeError(f"descriptors must be (B >= 2, C), got {tuple(descriptors.shape)}.")
    rows = functional.normalize(descriptors.float(), dim=1)
    std = rows.std(dim=0)
    count = len(rows)
    cosine = (float((rows @ rows.T).sum()) - count) / (count * (count - 1))
    active = float((std > ACTIVE_STD).float().mean())
    collapsed = float(std.mean()) < ACTIVE_STD or active < 0.1 or cosine > 0.99
    return {
        "std": float(std.mean()),
        "active": active,
        "cosine": cosine,
        "collapsed": float(collapsed),
    }
