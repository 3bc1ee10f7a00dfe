"""What class names say to class prototypes: relations, memory, and pixels in the space of words.

Names that lie close in the space of words should have prototypes that lie close. Only relations are
compared, so that both spaces may have any number of axes. What is NOT here: prototypes themselves
(`thermoscope.layers.prototypes`) and text encoders.

Differs from the released SARTM in: cosines are divided by a temperature before the softmax, without
which the words say next to nothing; only classes that the batch holds take part.

Source: Xing et al., SARTM, arXiv 2505.01950.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from thermoscope.core.checks import check_positive, check_shape
from thermoscope.core.errors import ShapeError

__all__ = ["pixel_text_logits", "prototype_loss", "relation_loss", "relations"]

TEMPERATURE = 0.1
TEXT_TEMPERATURE = 0.07  # CLIP's first one


def relations(vectors: Tensor) -> Tensor:
    """(K, K) cosines of (K, D) vectors; 0 for a vector of zeros."""
    unit = functional.normalize(vectors.float(), dim=1)
    return unit @ unit.T


def relation_loss(
    prototypes: Tensor, present: Tensor, text: Tensor, *, temperature: float = TEMPERATURE
) -> Tensor:
    """Divergence of the relations of prototypes from those of the words.

    Row by row, the cosines to all classes present become a distribution; the loss is the mean over
    rows of KL(words || prototypes).

    Args:
        prototypes: (K, C).
        present: (K,) bool: the others take no part.
        text: (K, D) embeddings of the class names; no gradient reaches them.
        temperature: > 0, divides the cosines.

    Returns:
        Scalar >= 0; 0 where fewer than two classes are present.

    Raises:
        ShapeError: Shapes that do not fit.
        ConfigError: `temperature` is not positive.

    Example:
        >>> names = torch.eye(3)
        >>> relation_loss(torch.eye(3, 5), torch.ones(3, dtype=torch.bool), names).item()
        0.0
    """
    check_positive(temperature, name="temperature")
    _check(prototypes, present, text)
    if int(present.sum()) < 2:
        return prototypes.float().sum() * 0
    teacher = (relations(text.detach()[present]) / temperature).log_softmax(dim=1)
    student = (relations(prototypes[present]) / temperature).log_softmax(dim=1)
    return functional.kl_div(student, teacher, reduction="batchmean", log_target=True)


def _check(prototypes: Tensor, present: Tensor, text: Tensor) -> None:
    count = check_shape(prototypes, "K C", name="prototypes")["K"]
    check_shape(present, "K", name="present")
    check_shape(text, "K D", name="text")
    if len(present) != count or len(text) != count:
        raise ShapeError(
            f"{count} prototypes need as many names and flags, got {len(text)} and {len(present)}."
        )


def prototype_loss(
    prototypes: Tensor, present: Tensor, memory: Tensor, *, temperature: float = TEMPERATURE
) -> Tensor:
    """Divergence of the batch's prototypes from their slow average, over channels.

    Both are brought to unit length first, so that the temperature means the same for every network.

    Args:
        prototypes: (K, C).
        present: (K,) bool: the others take no part.
        memory: (K, C) slow average; no gradient reaches it.
        temperature: > 0, divides the channels.

    Returns:
        Scalar >= 0; 0 where no class is present.

    Raises:
        ShapeError: Shapes that do not fit.
        ConfigError: `temperature` is not positive.
    """
    check_positive(temperature, name="temperature")
    _check(prototypes, present, memory)
    if not bool(present.any()):
        return prototypes.float().sum() * 0
    kept, slow = prototypes[present].float(), memory.detach()[present].float()
    teacher = (functional.normalize(slow, dim=1) / temperature).log_softmax(dim=1)
    student = (functional.normalize(kept, dim=1) / temperature).log_softmax(dim=1)
    return functional.kl_div(student, teacher, reduction="batchmean", log_target=True)


def pixel_text_logits(
    projected: Tensor, text: Tensor, *, temperature: float = TEXT_TEMPERATURE
) -> Tensor:
    """Cosine of every pixel with every name, divided by a temperature.

    Args:
        projected: (B, D, H, W) features in the space of words, any length.
        text: (K, D) embeddings of names, any length.
        temperature: > 0.

    Returns:
        (B, K, H, W) logits.

    Raises:
        ShapeError: Shapes that do not fit.
        ConfigError: `temperature` is not positive.

    Example:
        >>> pixels = torch.tensor([3.0, 4.0]).view(1, 2, 1, 1)
        >>> pixel_text_logits(pixels, torch.eye(2), temperature=1.0).flatten().tolist()
        [0.6000000238418579, 0.800000011920929]
    """
    check_positive(temperature, name="temperature")
    width = check_shape(projected, "B D H W", name="projected")["D"]
    if check_shape(text, "K D", name="text")["D"] != width:
        raise ShapeError(
            f"pixels lie in a space of {width} axes, names in one of {text.shape[1]}. "
            "Embed the names with the text encoder that the model was trained with."
        )
    unit = functional.normalize(projected, dim=1)
    names = functional.normalize(text.to(unit), dim=1)
    return torch.einsum("bdhw,kd->bkhw", unit, names) / temperature
