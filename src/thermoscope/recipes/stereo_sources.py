"""Stereo pairs to learn from that are not rendered: recordings of your own, and data sets.

A recording has no truth: a teacher answers for it. A data set may have truth at a few points. What
is NOT here: pairs on disk (`thermoscope.recipes.stereo_store`), rendered ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.checks import check_in_range, check_positive
from thermoscope.core.errors import ConfigError, ReadError, ThermoscopeError
from thermoscope.core.sample import Sample
from thermoscope.engine.stereo_batch import PairGuard, SkippedPair, pair_sources, same_source
from thermoscope.engine.stereo_frames import stereo_groups
from thermoscope.models.stereo_result import view_values

__all__ = ["OwnPairs", "RealPairs", "own_pairs", "samples_of"]

HELD_OUT = 5  # each so many-th pair of a recording is not learned from


@dataclass(frozen=True)
class RealPairs:
    """Which pairs that are not rendered; none by default.

    Attributes:
        left: Recording of your own, rectified: file, folder, glob, multi-frame file or video of the
            left camera; None = none.
        right: The same of the right camera, in the same order.
        data: Or a data set with a reader: ``"ms2"``, ``"cats"``, ``"firestereo"``; empty = none.
        root: Its folder.
        split: Of the data set.
        every: Each so many-th pair is taken.
        count: Largest number of them, 0 = all.
        share: Of the windows that are learned from, in [0, 1); pairs are repeated to reach it.

    Raises:
        ConfigError: One view without the other, two sources, or a number out of range.
    """

    left: Path | None = None
    right: Path | None = None
    data: str = ""
    root: Path | None = None
    split: str = "train"
    every: int = 1
    count: int = 0
    share: float = 0.5

    def __post_init__(self) -> None:
        if (self.left is None) != (self.right is None):
            raise ConfigError("a pair has two views: give left and right, or neither.")
        if self.left is not None and self.data:
            raise ConfigError(
                f"left {self.left} and data {self.data!r} are two sources: choose one."
            )
        if self.data == "scenes":
            raise ConfigError("scenes are rendered: their number is data.scenes, not data.real.")
        check_positive(self.every, name="every")
        check_in_range(self.count, 0, 10**9, name="count")
        check_in_range(self.share, 0, 0.99, name="share")

    def __bool__(self) -> bool:
        return self.left is not None or bool(self.data)

    @property
    def has_truth(self) -> bool:
        """Whether some of it is known."""
        return bool(self.data)

    def repeats(self, real: int, rendered: int) -> int:
        """How often `real` pairs come in a pass over `rendered` ones, for their share."""
        if not rendered:
            return 1
        return max(1, round(self.share / (1 - self.share) * rendered / real))


@dataclass(frozen=True)
class OwnPairs(Sequence[Sample]):
    """Pairs of a recording as samples without truth.

    Attributes:
        left: As in `RealPairs`.
        right: As in `RealPairs`.
        places: Of the pairs in the recording.
    """

    left: Path
    right: Path
    places: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: int) -> Sample:  # type: ignore[override]
        place = self.places[index]
        left, right = pair_sources(self.left, self.right)
        with left, right:  # a pair is read once: it is kept on disk afterwards
            views = view_values(left[place]), view_values(right[place])
        nothing = np.zeros((1, *views[0].shape), np.float32)
        return {
            "name": f"pair {place}",
            **dict(zip(("counts", "counts_right"), _levels(*views), strict=True)),  # type: ignore[typeddict-item]
            "disparity": nothing,
            "disparity_right": np.full_like(nothing, np.inf),
            "valid": np.zeros(nothing.shape, np.bool_),
        }


def own_pairs(chosen: RealPairs, *, held_out: bool = False) -> tuple[OwnPairs, list[SkippedPair]]:
    """The sound pairs of a recording to learn from, or those held out, and the bad ones.

    Black, saturated, frozen and unreadable frames, and views of two sizes, are bad.

    Args:
        chosen: With `left` and `right`.
        held_out: Each fifth sound pair instead of the others; none of fewer than five.

    Raises:
        ReadError: Nothing there, one file as both views, or no sound pair.
        ConfigError: Another number of frames left and right, or no recording.
    """
    if chosen.left is None or chosen.right is None:
        raise ConfigError("no recording is named. Give left and right.")
    same_source(chosen.left, chosen.right)
    first, second = pair_sources(chosen.left, chosen.right)
    guard = PairGuard()
    places: list[int] = []
    skipped: list[SkippedPair] = []
    with first, second:
        for place in range(0, min(len(first), len(second)), chosen.every):
            try:
                reason = guard.reason(view_values(first[place]), view_values(second[place]))
            except IndexError:
                break
            except ThermoscopeError as err:
                reason = str(err)
            if reason is None:
                places.append(place)
            else:
                skipped.append(SkippedPair(place, f"pair {place}", reason))
            if chosen.count and len(places) == chosen.count:
                break
    if not places:
        why = f": {skipped[0].reason}" if skipped else ""
        raise ReadError(f"{chosen.left} and {chosen.right} hold no pair to learn from{why}.")
    kept = [p for i, p in enumerate(places) if (i % HELD_OUT == HELD_OUT - 1) == held_out]
    return OwnPairs(chosen.left, chosen.right, tuple(kept)), skipped


def samples_of(chosen: RealPairs) -> Sequence[Sample]:
    """The pairs to learn from.

    Raises:
        UnknownNameError: No such data set.
        DatasetNotFoundError: The folder does not hold it.
        ReadError: A recording without a sound pair.
        ConfigError: A data set without a folder, or without a pair.
    """
    if chosen.left is not None:
        return own_pairs(chosen)[0]
    groups = stereo_groups(
        chosen.data, chosen.root, split=chosen.split, count=chosen.count, every=chosen.every
    )
    joined = _Joined(tuple(group.frames for group in groups))
    if not joined:
        raise ConfigError(f"{chosen.data}, split {chosen.split!r}, has no pair to learn from.")
    return joined


@dataclass(frozen=True)
class _Joined(Sequence[Sample]):
    """One after the other."""

    parts: tuple[Sequence[Sample], ...]

    def __len__(self) -> int:
        return sum(len(part) for part in self.parts)

    def __getitem__(self, index: int) -> Sample:  # type: ignore[override]
        for part in self.parts:
            if index < len(part):
                return part[index]
            index -= len(part)
        raise IndexError(index)


def _levels(left: NDArray[Any], right: NDArray[Any]) -> tuple[NDArray[np.uint16], ...]:
    """(1, H, W) 16-bit levels of both views on one scale; pixels without a value get the middle."""
    views = [np.asarray(view, np.float64) for view in (left, right)]
    known = np.concatenate([view[np.isfinite(view)] for view in views])
    low, middle, high = known.min(), np.median(known), known.max()
    levels = [(np.where(np.isfinite(v), v, middle) - low) / (high - low) for v in views]
    return tuple(np.rint(65535 * v).astype(np.uint16)[None] for v in levels)
