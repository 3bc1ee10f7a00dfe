"""A place is seldom seen alone: similarities of neighbouring frames support each other.

What is NOT here: single-picture search (`thermoscope.engine.place_index`).

Source: Milford and Wyeth, SeqSLAM, ICRA 2012. Differs in: straight lines are averaged over those
frames that exist, so that the first frames of a drive are not lost; a line that leaves the map
meets the mean similarity there, so that edges win nothing; similarities instead of differences; no
local contrast enhancement, since descriptors are learned.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thermoscope.core.checks import check_positive, check_shape
from thermoscope.core.errors import ConfigError, ShapeError

__all__ = ["rerank_sequence"]

SPEEDS = (0.5, 0.8, 1.0, 1.25, 2.0)


def rerank_sequence(
    similarity: ArrayLike,
    *,
    length: int = 5,
    speeds: Sequence[float] = SPEEDS,
    query_recordings: Sequence[Hashable] | None = None,
    gallery_recordings: Sequence[Hashable] | None = None,
    causal: bool = False,
) -> NDArray[np.float64]:
    """Similarity of a query and a place with the frames before and after, at the best speed.

    Args:
        similarity: (Q, G); rows and columns in the order of recording.
        length: Frames of the query recording that are looked at together, at least 1.
        speeds: Gallery frames for one query frame; negative for a drive the other way.
        query_recordings: (Q) ids; frames of another recording are no neighbours. One if None.
        gallery_recordings: (G) ids.
        causal: Look at earlier frames only, as a robot must.

    Returns:
        (Q, G) mean similarity along the best line, over the query frames that exist.

    Raises:
        ShapeError: Not a matrix, or ids of another number.
        ConfigError: `length` or `speeds` out of range.
    """
    scores = np.asarray(similarity, dtype=float)
    rows, columns = check_shape(scores, "Q G", name="similarity").values()
    check_positive(length, name="length")
    if not speeds or 0 in speeds:
        raise ConfigError("speeds must hold at least one number, and not 0.")
    queries = _numbered(query_recordings, rows, "query_recordings")
    gallery = _numbered(gallery_recordings, columns, "gallery_recordings")
    before = length - 1 if causal else length // 2
    offsets = range(-before, length - before)
    best = np.full(scores.shape, -np.inf)
    for speed in speeds:
        total, count = np.zeros_like(scores), np.zeros((rows, 1))
        for offset in offsets:
            shift = offset, round(speed * offset)
            found, exists = _neighbours(scores, shift, (queries, gallery))
            total, count = total + found, count + exists
        best = np.maximum(best, total / count)
    return best


def _numbered(recordings: Sequence[Hashable] | None, count: int, name: str) -> NDArray[np.int64]:
    if recordings is None:
        return np.zeros(count, np.int64)
    if len(recordings) != count:
        raise ShapeError(f"{name} must name {count} recordings, got {len(recordings)}.")
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(r, len(numbers)) for r in recordings], np.int64)


def _neighbours(
    scores: NDArray[np.float64],
    shift: tuple[int, int],
    recordings: tuple[NDArray[np.int64], NDArray[np.int64]],
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """(Q, G) similarity of the shifted query and place, and (Q, 1) whether that query exists.

    Where the shifted place does not exist, the mean similarity of the shifted query stands in.
    """
    queries, gallery = recordings
    rows, from_rows = _overlap(len(scores), shift[0])
    columns, from_columns = _overlap(scores.shape[1], shift[1])
    exists = np.zeros((len(scores), 1), dtype=bool)
    exists[rows, 0] = queries[rows] == queries[from_rows]
    found = np.zeros_like(scores)
    found[rows] = scores[from_rows].mean(axis=1, keepdims=True)
    same = gallery[columns] == gallery[from_columns]
    found[rows, columns] = np.where(same, scores[from_rows, from_columns], found[rows, columns])
    return np.where(exists, found, 0.0), exists


def _overlap(length: int, shift: int) -> tuple[slice, slice]:
    """Where places and shifted places both exist: two slices of one length, 0 if nowhere."""
    size = max(0, length - abs(shift))
    start, moved = (max(0, -shift), max(0, shift)) if size else (0, 0)
    return slice(start, start + size), slice(moved, moved + size)
