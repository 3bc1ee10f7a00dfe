"""Moments to learn places from: both modalities, where it was, and who is near whom.

What is NOT here: where pictures come from (`thermoscope.engine.place_views`), crops and photometric
changes (`thermoscope.recipes.pair_views`), the loss.

Source of the radii of named data sets: Maheshwari et al., AnyThermal, arXiv 2602.06203.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from thermoscope.core.errors import ConfigError
from thermoscope.engine.place_views import PlaceChoice, PlaceView, PlaceViews, open_places
from thermoscope.losses.triplet import PlaceRadii, Relation, relation_by_distance, relation_by_pair
from thermoscope.recipes.pair_views import Pair, as_pair

__all__ = ["Moments", "PlaceSource", "load_moments"]

_KEYS = {"uint8": "agc", "uint16": "counts", "float32": "kelvin"}


@dataclass(frozen=True)
class PlaceSource:
    """Pictures and the rule that says which show the same place.

    Attributes:
        places: Which pictures; of rendered scenes both visits are used.
        rule: ``"metres"`` between positions, ``"frames"`` along a recording, or ``"pair"``.
        hard: Same place up to here, m or frames.
        soft: Neither the same nor another place up to here.
        ring: Other places are drawn up to here, 0 = everywhere.
    """

    places: PlaceChoice
    rule: Literal["metres", "frames", "pair"] = "pair"
    hard: float = 0.0
    soft: float = 0.0
    ring: float = 0.0

    def radii(self) -> PlaceRadii:
        """The radii.

        Raises:
            ConfigError: They do not rise.
        """
        return PlaceRadii(self.hard, self.soft, self.ring or None)


@dataclass(frozen=True, eq=False)
class Moments:
    """All moments of one source, in memory.

    Attributes:
        source: What they are.
        pairs: Both pictures of each.
        places: (N, 2 or 3) m, or (N, 1) frame or pair number.
        worlds: (N) number of the frame of reference: recordings for frames, 0 otherwise.
        partners: For each, the others at the same place.
    """

    source: PlaceSource
    pairs: list[Pair]
    places: Tensor
    worlds: Tensor
    partners: list[NDArray[np.int64]] = field(init=False)

    def __post_init__(self) -> None:
        numbers = torch.arange(len(self.pairs))
        positive = self.relation(numbers).positive.numpy()
        object.__setattr__(self, "partners", [np.flatnonzero(row) for row in positive])

    def __len__(self) -> int:
        return len(self.pairs)

    def relation(self, moments: Tensor) -> Relation:
        """Who shows the same place.

        Args:
            moments: (M) numbers of moments; one may occur twice, for its two pictures.
        """
        if self.source.rule == "pair":
            return relation_by_pair(moments)
        cpu = moments.cpu()
        found = relation_by_distance(self.places[cpu], self.source.radii(), world=self.worlds[cpu])
        device = moments.device
        return Relation(found.positive.to(device), found.negative.to(device))

    def draw(self, count: int, rng: np.random.Generator, *, revisit: bool) -> list[int]:
        """Numbers of `count` moments for a batch, different ones where there are enough.

        Args:
            count: How many.
            rng: Decides.
            revisit: Whether every second one is at the place of the one before, where there is
                another moment at that place.
        """
        chosen: list[int] = []
        for number in rng.permutation(len(self)).tolist():
            if number in chosen:
                continue
            chosen.append(number)
            others = [n for n in self.partners[number].tolist() if n not in chosen]
            if revisit and others:
                chosen.append(others[int(rng.integers(len(others)))])
            if len(chosen) >= count:
                return chosen[:count]
        repeats: list[int] = rng.integers(len(self), size=count - len(chosen)).tolist()
        return chosen + repeats


def load_moments(source: PlaceSource) -> Moments:
    """Read or render all moments of a source; pictures are kept at 480 px.

    Raises:
        ConfigError: Radii that do not rise, or positions are needed and not known.
        DatasetNotFoundError: The data is not where it should be.
        DatasetCorruptError: A picture is absent or damaged.
    """
    source.radii()
    places = open_places(source.places)
    lists = [places.gallery]
    if places.queries is not places.gallery:
        lists.append(places.queries)
    pairs: list[Pair] = []
    views: list[PlaceView] = []
    for one in lists:
        for number in range(len(one)):
            pair, view = _moment(one, number)
            pairs.append(pair)
            views.append(view)
    recordings = sorted({view.recording for view in views})
    worlds = [recordings.index(v.recording) if source.rule == "frames" else 0 for v in views]
    return Moments(source, pairs, _places(source, views), torch.tensor(worlds))


def _moment(views: PlaceViews, number: int) -> tuple[Pair, PlaceView]:
    rgb, thermal = views.view(number, "rgb"), views.view(number, "thermal")
    sample: Any = {
        "name": thermal.name,
        "rgb": _unit_planes(rgb.picture),
        _KEYS[thermal.picture.dtype.name]: thermal.picture[None],
    }
    return as_pair(sample, source=thermal.source, index=thermal.index), thermal


def _unit_planes(picture: NDArray[Any]) -> NDArray[np.float32]:
    if picture.dtype == np.uint8:
        return np.asarray(picture.transpose(2, 0, 1) / 255, dtype=np.float32)
    return np.asarray(picture, dtype=np.float32)


def _places(source: PlaceSource, views: Sequence[PlaceView]) -> Tensor:
    if source.rule == "pair":
        return torch.arange(len(views), dtype=torch.float64)[:, None]
    if source.rule == "frames":
        return torch.tensor([[float(view.index)] for view in views], dtype=torch.float64)
    for view in views:
        if np.isnan(view.position_m).any():
            raise ConfigError(
                f"{view.name} has no position. Choose rule 'frames' or 'pair' for "
                f"{source.places.data!r}."
            )
    axes = 3 if source.places.data == "scenes" else 2  # heights of receivers are not to be trusted
    return torch.from_numpy(np.stack([view.position_m[:axes] for view in views]))
