"""Place retrieval scores: recall at K, weighted recall, precision and recall, intervals.

Everything takes a similarity matrix (queries x gallery, larger = more alike) and boolean matrices
of the same shape: `positives` (shows the same place) and `excluded` (is not searched, such as the
query's own picture). An item that ties with a positive counts as ranked before it, so descriptors
that are all equal score 0. What is NOT here: search in large galleries
(`thermoscope.engine.place_index`).
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thermoscope.core.checks import check_in_range, check_positive, check_shape
from thermoscope.core.errors import ConfigError, ShapeError, UnitError

__all__ = [
    "PrecisionRecall",
    "Recall",
    "bootstrap_interval",
    "merged",
    "precision_recall",
    "recall_at_k",
    "same_item",
    "weighted_recall",
    "within_frames",
    "within_radius",
]

Matrix = NDArray[np.bool_]


# -- who shows the same place ---------------------------------------------------------------------


def same_item(queries: Sequence[Hashable], gallery: Sequence[Hashable]) -> Matrix:
    """(Q, G) whether query and gallery item bear the same id.

    For pair identity as the rule, and to exclude the query's own picture: ids say what is the same,
    never the order of two lists.
    """
    numbers: dict[Hashable, int] = {}
    rows = np.array([numbers.setdefault(item, len(numbers)) for item in queries], dtype=np.int64)
    columns = np.array([numbers.setdefault(item, len(numbers)) for item in gallery], dtype=np.int64)
    same: Matrix = rows[:, None] == columns[None]
    return same


def within_radius(queries_m: ArrayLike, gallery_m: ArrayLike, radius_m: float) -> Matrix:
    """(Q, G) whether two positions are at most `radius_m` apart.

    Args:
        queries_m: (Q, D) m. A position with nan is near nothing.
        gallery_m: (G, D) m, in the same frame of reference.
        radius_m: > 0.

    Raises:
        ShapeError: Other shapes, or two numbers of coordinates.
        ConfigError: The radius is not positive.
    """
    check_positive(radius_m, name="radius_m")
    rows, columns = np.asarray(queries_m, dtype=float), np.asarray(gallery_m, dtype=float)
    dims = check_shape(rows, "Q D", name="queries_m")["D"]
    if check_shape(columns, "G D", name="gallery_m")["D"] != dims:
        raise ShapeError(
            f"queries have {dims} coordinates and the gallery {columns.shape[1]}. Give both 2 or 3."
        )
    squares = np.zeros((len(rows), len(columns)))
    for axis in range(dims):
        squares += (rows[:, None, axis] - columns[None, :, axis]) ** 2
    return squares <= radius_m**2


def within_frames(
    queries: ArrayLike,
    gallery: ArrayLike,
    frames: int,
    *,
    query_recordings: Sequence[Hashable] | None = None,
    gallery_recordings: Sequence[Hashable] | None = None,
) -> Matrix:
    """(Q, G) whether two frames of one recording are at most `frames` apart.

    Args:
        queries: (Q) frame numbers.
        gallery: (G) frame numbers.
        frames: 0 or more.
        query_recordings: (Q) ids; all of one recording if None.
        gallery_recordings: (G) ids; given where `query_recordings` is.

    Raises:
        ConfigError: `frames` is negative, or only one of the two lists of recordings is given.
        ShapeError: Frame numbers are not one list.
    """
    rows, columns = np.asarray(queries), np.asarray(gallery)
    check_shape(rows, "Q", name="queries")
    check_shape(columns, "G", name="gallery")
    if frames < 0:
        raise ConfigError(f"frames must be 0 or more, got {frames}.")
    near: Matrix = np.abs(rows[:, None].astype(np.int64) - columns[None]) <= frames
    if query_recordings is None and gallery_recordings is None:
        return near
    if query_recordings is None or gallery_recordings is None:
        raise ConfigError("give the recordings of both queries and gallery, or of neither.")
    return near & same_item(query_recordings, gallery_recordings)


def merged(matrices: Sequence[Matrix]) -> Matrix:
    """Galleries joined to one: (sum of Q, sum of G), False between different sources.

    Raises:
        ShapeError: One is no matrix.
    """
    sizes = [check_shape(m, "Q G", name="matrix") for m in matrices]
    joined = np.zeros((sum(s["Q"] for s in sizes), sum(s["G"] for s in sizes)), dtype=bool)
    row = column = 0
    for matrix, size in zip(matrices, sizes, strict=True):
        joined[row : row + size["Q"], column : column + size["G"]] = matrix
        row, column = row + size["Q"], column + size["G"]
    return joined


# -- recall ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Recall:
    """How often the right place is among the first K.

    Attributes:
        at: K to the share of counted queries with a positive among the first K, [0, 1]; nan if no
            query counts.
        ranks: (counted) rank of the best positive, from 1.
        queries: (counted) row of each counted query.
        left_out: Queries without any positive that is searched: in no denominator.
    """

    at: Mapping[int, float]
    ranks: NDArray[np.int64]
    queries: NDArray[np.int64]
    left_out: int

    @property
    def counted(self) -> int:
        """Queries in the denominator."""
        return len(self.ranks)


def recall_at_k(
    similarity: ArrayLike,
    positives: Matrix,
    *,
    ks: Sequence[int] = (1, 5, 10),
    excluded: Matrix | None = None,
) -> Recall:
    """Recall at each K.

    Args:
        similarity: (Q, G), larger = more alike; for distances give their negative.
        positives: (Q, G), see `within_radius`, `within_frames` and `same_item`.
        ks: Numbers of items looked at, each > 0.
        excluded: (Q, G) items that a query does not search; none if None.

    Raises:
        ShapeError: The three matrices differ in shape.
        UnitError: A similarity that is searched is nan.
        ConfigError: A K below 1.

    Source: Arandjelovic et al., NetVLAD, CVPR 2016. Leaving out queries without a positive is
    AnyThermal's rule (arXiv 2602.06203).
    """
    scores, right, searched = _checked(similarity, positives, excluded)
    for k in ks:
        check_positive(k, name="k")
    counted = np.flatnonzero(right.any(axis=1))
    ranks = np.empty(len(counted), dtype=np.int64)
    for place, query in enumerate(counted):
        best = scores[query, right[query]].max()
        wrong = searched[query] & ~right[query]
        ranks[place] = 1 + np.count_nonzero(scores[query, wrong] >= best)
    at = {int(k): float((ranks <= k).mean()) if len(ranks) else float("nan") for k in ks}
    return Recall(at, ranks, counted, len(scores) - len(counted))


def _checked(
    similarity: ArrayLike, positives: Matrix, excluded: Matrix | None
) -> tuple[NDArray[np.float64], Matrix, Matrix]:
    scores = np.asarray(similarity)
    check_shape(scores, "Q G", name="similarity")
    for name, matrix in (("positives", positives), ("excluded", excluded)):
        if matrix is not None and (matrix.shape != scores.shape or matrix.dtype != bool):
            raise ShapeError(
                f"{name} must be bool {scores.shape} like similarity, got {matrix.dtype} "
                f"{matrix.shape}.",
                actual_shape=matrix.shape,
            )
    searched = np.ones(scores.shape, dtype=bool) if excluded is None else ~excluded
    if np.isnan(scores[searched]).any():
        raise UnitError("similarity holds nan: a descriptor is not finite. Find the frame first.")
    return scores, positives & searched, searched


def weighted_recall(recalls: Sequence[Recall], k: int) -> float:
    """Mean of the recalls at `k` of several sequences, weighted with their counted queries.

    Returns:
        nan if no query counts.

    Raises:
        ConfigError: A recall was not made at `k`.
    """
    if any(k not in recall.at for recall in recalls):
        raise ConfigError(f"recall at {k} was not computed for every sequence. Add it to ks.")
    weights = np.array([recall.counted for recall in recalls])
    if not weights.sum():
        return float("nan")
    values = np.array([recall.at[k] if recall.counted else 0.0 for recall in recalls])
    return float(values @ weights / weights.sum())


def bootstrap_interval(
    hits: ArrayLike, *, level: float = 0.95, draws: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """Percentile bootstrap interval of a mean over queries.

    Args:
        hits: (N) value of each query: whether it was a hit.
        level: Share of draws inside the interval.
        draws: Resamples.
        seed: Of the draws.

    Returns:
        Lower and upper end; (nan, nan) without queries.

    Raises:
        ConfigError: `level` or `draws` out of range.

    Source: Efron, Bootstrap Methods, 1979. Queries are drawn independently: neighbours of one
    recording are not independent, and the true interval is wider.
    """
    values = np.asarray(hits, dtype=float).ravel()
    check_in_range(level, 0, 1, name="level")
    check_positive(draws, name="draws")
    if not len(values):
        return float("nan"), float("nan")
    rng = np.random.default_rng(seed)
    means = [values[rng.integers(len(values), size=len(values))].mean() for _ in range(draws)]
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


# -- precision ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PrecisionRecall:
    """What a threshold on the similarity of the first match buys.

    Attributes:
        precision: (T) share of accepted first matches that are right.
        recall: (T) share of queries with a positive whose first match is accepted and right.
        threshold: (T) falling; a match at or above it is accepted.
        average_precision: Sum of precision times the step in recall; nan without any query that
            has a positive.
        recall_at_full_precision: Largest recall at precision 1.
    """

    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    threshold: NDArray[np.float64]
    average_precision: float
    recall_at_full_precision: float


def precision_recall(
    similarity: ArrayLike, positives: Matrix, *, excluded: Matrix | None = None
) -> PrecisionRecall:
    """Precision and recall of the first match over all thresholds.

    Queries without a positive take part: accepting any match for them is a mistake. A first match
    that ties with a wrong item is wrong.

    Args:
        similarity: (Q, G).
        positives: (Q, G).
        excluded: (Q, G).

    Raises:
        ShapeError: The three matrices differ in shape, or the gallery is empty.
        UnitError: A similarity that is searched is nan.

    Source: Lowry et al., Visual Place Recognition: A Survey, T-RO 2016.
    """
    scores, right, searched = _checked(similarity, positives, excluded)
    if not scores.shape[1]:
        raise ShapeError("the gallery is empty: there is no first match.")
    masked = np.where(searched, scores, -np.inf)
    first = masked.max(axis=1)
    wrong_first = np.where(searched & ~right, scores, -np.inf).max(axis=1)
    found = np.isfinite(first)
    correct = (first > wrong_first)[found]
    possible = int(right.any(axis=1).sum())
    order = np.argsort(-first[found], kind="stable")
    threshold, correct = first[found][order], correct[order]
    last = np.flatnonzero(np.diff(threshold, append=-np.inf) < 0)  # equal scores enter together
    true = np.cumsum(correct)[last]
    precision = true / (last + 1)
    recall = true / possible if possible else np.full(len(last), np.nan)
    steps = np.diff(recall, prepend=0.0)
    average = float((precision * steps).sum()) if possible else float("nan")
    full = recall[precision == 1]
    at_full = float(full.max()) if len(full) else 0.0
    return PrecisionRecall(precision, recall, threshold[last], average, at_full)
