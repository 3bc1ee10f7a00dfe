"""Triplets of places: an anchor must lie nearer to a picture of its place than to any other.

Who shows the same place is a boolean matrix, made from positions in metres, from places along a
recording, or from the pair a picture is of. What is NOT here: the recipe that uses this
(`thermoscope.recipes.place_recognition`).

Source: Maheshwari et al., AnyThermal, arXiv 2602.06203 (radii, ten triplets a positive pair, the
hardest and a draw from the semi-hard band); Schroff et al., FaceNet, CVPR 2015 (semi-hard);
Kool et al., Stochastic Beams and Where to Find Them, ICML 2019 (Gumbel top-k).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from thermoscope.core.checks import check_in_range, check_positive, check_shape
from thermoscope.core.errors import ConfigError, ShapeError

__all__ = [
    "PlaceRadii",
    "Relation",
    "TripletLoss",
    "mine_triplets",
    "relation_by_distance",
    "relation_by_pair",
    "triplet_margin_loss",
]


@dataclass(frozen=True)
class PlaceRadii:
    """How far apart two pictures of one place may be; metres, or frames of one recording.

    Attributes:
        hard: Up to here it is the same place.
        soft: Up to here it is neither the same nor another one.
        ring: Other places are drawn up to here; None = from everywhere.

    Raises:
        ConfigError: Not 0 <= hard <= soft < ring.
    """

    hard: float
    soft: float
    ring: float | None = None

    def __post_init__(self) -> None:
        outer = float("inf") if self.ring is None else self.ring
        if not 0 <= self.hard <= self.soft < outer:
            raise ConfigError(
                "radii must rise from 0: 0 <= hard <= soft < ring, got "
                f"{self.hard:g}, {self.soft:g} and {self.ring}."
            )


@dataclass(frozen=True)
class Relation:
    """Who shows the same place as whom.

    Attributes:
        positive: (N, N) bool, same place; False on the diagonal.
        negative: (N, N) bool, another place; a pair that is neither takes no part.
    """

    positive: Tensor
    negative: Tensor

    def __post_init__(self) -> None:
        check_shape(self.positive, "N N", name="positive")
        check_shape(self.negative, "N N", name="negative")
        both = (self.positive & self.negative).any() or self.positive.diagonal().any()
        if both or self.negative.diagonal().any():
            raise ConfigError(
                "a picture is neither its own positive nor its own negative, and no pair is both. "
                "Clear the diagonals."
            )


def relation_by_distance(
    positions: Tensor, radii: PlaceRadii, *, world: Tensor | None = None
) -> Relation:
    """Same place by distance.

    Args:
        positions: (N, D) m, or (N) frame numbers.
        radii: In the unit of `positions`.
        world: (N) which frame of reference a position is in (the recording, for frame numbers).
            Pictures of two worlds show two places. One world if None.

    Raises:
        ShapeError: `positions` is neither, or `world` has another length.
    """
    places = positions[:, None] if positions.ndim == 1 else positions
    count = check_shape(places, "N D", name="positions")["N"]
    if world is not None and tuple(world.shape) != (count,):
        raise ShapeError(f"world must be ({count},), got {tuple(world.shape)}.")
    apart = (places[:, None] - places[None]).double().norm(dim=2)
    same_world = torch.ones_like(apart, dtype=torch.bool)
    if world is not None:
        same_world = world[:, None] == world[None]
    itself = torch.eye(count, dtype=torch.bool, device=apart.device)
    positive = same_world & (apart <= radii.hard) & ~itself
    far = apart > radii.soft
    if radii.ring is not None:
        return Relation(positive, same_world & far & (apart <= radii.ring))
    return Relation(positive, ~same_world | far)


def relation_by_pair(pair: Tensor) -> Relation:
    """Same place if of one pair, another place if not.

    Args:
        pair: (N) id of the pair that each picture is of.
    """
    same = pair[:, None] == pair[None]
    itself = torch.eye(len(pair), dtype=torch.bool, device=pair.device)
    return Relation(same & ~itself, ~same)


def mine_triplets(
    distances: Tensor,
    relation: Relation,
    *,
    margin: float,
    per_pair: int = 10,
    hard_share: float = 0.85,
    temperature: float = 10.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """The triplets worth learning from: for each anchor and positive, at most `per_pair` negatives.

    Of these, the share `hard_share` (rounded) are the nearest negatives. The others are drawn
    without repeats from the semi-hard band, which are negatives that are farther than the positive
    by less than the margin; the chance of one rises with its loss.

    Args:
        distances: (N, N).
        relation: Who shows the same place.
        margin: Of the loss.
        per_pair: Negatives of a pair.
        hard_share: 0 to 1.
        temperature: Factor on the loss of a triplet in its logarithmic chance: 0 draws all of the
            band alike. (The source gives the number 10 and not its place; this reading prefers
            larger losses.)
        generator: Of the draw; torch's own if None.

    Returns:
        (T, 3) anchor, positive, negative; T may be 0.

    Raises:
        ConfigError: A number out of range.
        ShapeError: `distances` and `relation` differ in size.
    """
    check_positive(per_pair, name="per_pair")
    check_in_range(hard_share, 0, 1, name="hard_share")
    if distances.shape != relation.positive.shape:
        raise ShapeError(
            f"distances {tuple(distances.shape)} and relation {tuple(relation.positive.shape)} "
            "must be of one batch."
        )
    found = distances.detach().float()
    anchors, positives = relation.positive.nonzero(as_tuple=True)
    allowed = relation.negative[anchors]
    to_negative = found[anchors]
    gap = to_negative - found[anchors, positives][:, None]
    hard = min(round(per_pair * hard_share), found.shape[1])
    nearest = torch.where(allowed, -to_negative, -torch.inf)
    chosen = _top(nearest, hard)
    band = allowed & ~chosen & (gap > 0) & (gap < margin)
    uniform = torch.rand(gap.shape, generator=generator, device="cpu").to(gap.device)
    gumbel = -torch.log(-torch.log(uniform.clamp(1e-9, 1 - 1e-7)))
    drawn = torch.where(band, temperature * (margin - gap) + gumbel, -torch.inf)
    chosen = chosen | _top(drawn, min(per_pair - hard, found.shape[1]))
    rows, negatives = chosen.nonzero(as_tuple=True)
    return torch.stack((anchors[rows], positives[rows], negatives), dim=1)


def _top(scores: Tensor, count: int) -> Tensor:
    """Bool: the `count` largest finite values of each row."""
    chosen = torch.zeros_like(scores, dtype=torch.bool)
    if count == 0 or not scores.numel():
        return chosen
    chosen.scatter_(1, scores.topk(count, dim=1).indices, value=True)
    return chosen & torch.isfinite(scores)


@dataclass(frozen=True)
class TripletLoss:
    """What a batch gave.

    Attributes:
        loss: Mean over the active triplets; 0 with a gradient of 0 if there is none.
        mined: Number of triplets looked at.
        active: Number of those that the margin is not kept in.
    """

    loss: Tensor
    mined: int
    active: int


def triplet_margin_loss(
    descriptors: Tensor,
    relation: Relation,
    *,
    margin: float = 0.15,
    per_pair: int = 10,
    hard_share: float = 0.85,
    temperature: float = 10.0,
    generator: torch.Generator | None = None,
) -> TripletLoss:
    """Distance to the positive less distance to the negative plus margin, where above 0.

    Args:
        descriptors: (N, D) of unit length; distances are Euclidean.
        relation: (N, N) who shows the same place.
        margin: > 0; the largest distance is 2.
        per_pair: See `mine_triplets`, as the rest.
        hard_share: 0 to 1.
        temperature: Of the draw.
        generator: Of the draw.

    Raises:
        ConfigError: A number out of range.
        ShapeError: Other shapes.
    """
    check_positive(margin, name="margin")
    check_shape(descriptors, "N D", name="descriptors")
    rows = descriptors.float()
    cosine = rows @ rows.T
    distances = (2 - 2 * cosine).clamp(min=1e-9).sqrt()
    triplets = mine_triplets(
        distances,
        relation,
        margin=margin,
        per_pair=per_pair,
        hard_share=hard_share,
        temperature=temperature,
        generator=generator,
    )
    anchor, positive, negative = triplets.unbind(dim=1)
    losses = (distances[anchor, positive] - distances[anchor, negative] + margin).clamp(min=0)
    active = int((losses > 0).sum())
    return TripletLoss(losses.sum() / max(active, 1), len(triplets), active)
