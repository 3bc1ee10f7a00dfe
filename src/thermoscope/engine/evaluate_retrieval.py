"""Place retrieval scores of a model, under a protocol that states every choice.

What is NOT here: the scores themselves (`thermoscope.metrics.retrieval`), where pictures come from
(`thermoscope.engine.place_views`).

Source of the protocols of MS2, CART and OdomBeyondVision: Maheshwari et al., AnyThermal, arXiv
2602.06203.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.errors import ConfigError, UnknownNameError
from thermoscope.engine.place_sequence import rerank_sequence
from thermoscope.engine.place_views import (
    NEAR_BLACK,
    Described,
    PlaceChoice,
    PlacePair,
    describe_views,
    open_places,
)
from thermoscope.metrics.retrieval import (
    bootstrap_interval,
    precision_recall,
    recall_at_k,
    same_item,
    within_frames,
    within_radius,
)
from thermoscope.models.place import PlaceRecognizer
from thermoscope.models.prepare import Modality

__all__ = [
    "RETRIEVAL_PROTOCOLS",
    "RetrievalProtocol",
    "RetrievalReport",
    "RetrievalRow",
    "evaluate_retrieval",
    "protocol_for",
    "score_retrieval",
]

KS = (1, 5, 10)
Matrix = NDArray[np.bool_]


@dataclass(frozen=True)
class RetrievalProtocol:
    """Every choice that a recall depends on.

    Attributes:
        rule: What makes a place the right one: the same ``"pair"``, ``"metres"`` or ``"frames"``.
        reach: Largest distance of the right place: m, or frames; unused for pairs.
        exclude_own: Whether the picture taken with the query is taken out of the map.
        per_recording: Whether each recording is searched alone. The recall over all queries is then
            the mean of the recordings' recalls, weighted with their counted queries.
        text: In a sentence.
        axes: Coordinates that a distance in metres is taken over: 2 = x and y.
    """

    rule: Literal["pair", "metres", "frames"]
    reach: float
    exclude_own: bool
    per_recording: bool
    text: str
    axes: Literal[2, 3] = 2


RETRIEVAL_PROTOCOLS: dict[str, RetrievalProtocol] = {
    "pairs": RetrievalProtocol(
        "pair", 0, False, False, "the right place is the picture taken with the query"
    ),
    "loops": RetrievalProtocol(
        "metres", 5.0, False, False, "within 5 m, the map is of another visit", 3
    ),
    "ms2": RetrievalProtocol(
        "metres", 15.0, True, False, "as AnyThermal on MS2: within 15 m, all sequences in one map"
    ),
    "cart": RetrievalProtocol(
        "metres", 15.0, True, False, "as AnyThermal on CART: within 15 m, all flights in one map"
    ),
    "odombeyondvision": RetrievalProtocol(
        "metres",
        3.0,
        True,
        True,
        "as AnyThermal on OdomBeyondVision: within 3 m, each sequence against itself, recalls "
        "weighted with the number of counted queries",
    ),
    "frames": RetrievalProtocol(
        "frames", 1, True, False, "at most one frame apart in one recording"
    ),
}


def protocol_for(data: str) -> str:
    """Name of the protocol that a data set is scored under unless another is asked for."""
    if data == "scenes":
        return "loops"
    return data if data in RETRIEVAL_PROTOCOLS else "pairs"


@dataclass(frozen=True)
class RetrievalRow:
    """Scores of one gallery.

    Attributes:
        name: Which.
        gallery: Pictures searched.
        counted: Queries in the denominator.
        left_out: Queries without a right place in the gallery.
        recall: K to recall, [0, 1].
        interval_1: 95 % bootstrap interval of the recall at 1.
        average_precision: Of a threshold on the similarity of the first match.
    """

    name: str
    gallery: int
    counted: int
    left_out: int
    recall: dict[int, float]
    interval_1: tuple[float, float]
    average_precision: float


@dataclass(frozen=True)
class RetrievalReport:
    """Scores with what they were made from.

    Attributes:
        protocol: Name in `RETRIEVAL_PROTOCOLS`.
        choices: Every other choice, in words.
        rows: The first is the whole; then each source, and near-black colour pictures apart.
    """

    protocol: str
    choices: dict[str, str]
    rows: list[RetrievalRow] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "task": "retrieval",
            "protocol": self.protocol,
            "choices": self.choices,
            "rows": [
                {
                    "name": row.name,
                    "gallery": row.gallery,
                    "counted": row.counted,
                    "left_out": row.left_out,
                    **{f"recall_at_{k}": value for k, value in row.recall.items()},
                    "recall_at_1_low": row.interval_1[0],
                    "recall_at_1_high": row.interval_1[1],
                    "average_precision": row.average_precision,
                }
                for row in self.rows
            ],
        }

    def table(self) -> tuple[list[str], list[list[str]]]:
        """Column names and rows of text, recalls in percent."""
        names = ["gallery of", "pictures", "queries", "left out"]
        names += [*(f"R@{k}" for k in KS), "R@1 95 %", "AP"]
        rows = []
        for row in self.rows:
            low, high = (_percent(end) for end in row.interval_1)
            recalls = [_percent(row.recall[k]) for k in KS]
            counts = [str(row.gallery), str(row.counted), str(row.left_out)]
            ends = [f"{low}-{high}", _percent(row.average_precision)]
            rows.append([row.name, *counts, *recalls, *ends])
        return names, rows


def _percent(value: float) -> str:
    return "-" if np.isnan(value) else f"{100 * value:.1f}"


def evaluate_retrieval(
    model: PlaceRecognizer,
    places: PlacePair | PlaceChoice,
    *,
    protocol: str | None = None,
    database: Modality = "rgb",
    query: Modality = "thermal",
    sequence_length: int = 1,
    progress: Callable[[str], None] | None = None,
) -> RetrievalReport:
    """Describe map and queries, search, score.

    Args:
        model: Describes both modalities.
        places: Map and queries, or where to find them.
        protocol: Name in `RETRIEVAL_PROTOCOLS`; that of the data set if None.
        database: Modality of the map.
        query: Modality of the queries.
        sequence_length: Frames that are matched together, see `rerank_sequence`; 1 = each alone.
        progress: Called with the name of each picture.

    Raises:
        UnknownNameError: No such protocol, or data set.
        ConfigError: No picture, positions are needed and not known, or the map holds the very
            picture that is looked for.
        DatasetNotFoundError: The data is not where it should be.
        DatasetCorruptError: A picture is absent or damaged.
    """
    data = places.data if isinstance(places, PlaceChoice) else ""
    name = protocol or protocol_for(data)
    if name not in RETRIEVAL_PROTOCOLS:
        raise UnknownNameError("retrieval protocol", name, RETRIEVAL_PROTOCOLS)
    pair = open_places(places) if isinstance(places, PlaceChoice) else places
    itself = database == query and pair.gallery is pair.queries
    if itself and not RETRIEVAL_PROTOCOLS[name].exclude_own:
        others = ", ".join(n for n, p in RETRIEVAL_PROTOCOLS.items() if p.exclude_own)
        raise ConfigError(
            f"the map holds the very {query} pictures that are looked for. Choose another modality "
            f"for one side, or a protocol that takes the own picture out: {others}."
        )
    gallery = describe_views(model, pair.gallery, database, progress=progress)
    queries = describe_views(model, pair.queries, query, progress=progress)
    report = score_retrieval(queries, gallery, protocol=name, sequence_length=sequence_length)
    made_by = {
        "database": database,
        "query": query,
        "model": model.card.name if model.card is not None else model.identity,
        "descriptor": f"{model.dims} numbers, cosine; pictures at "
        f"{model.size_px[0]} x {model.size_px[1]} px",
    }
    return RetrievalReport(name, {**made_by, **report.choices}, report.rows)


def score_retrieval(
    queries: Described, gallery: Described, *, protocol: str, sequence_length: int = 1
) -> RetrievalReport:
    """Scores of descriptors.

    Args:
        queries: Looked for.
        gallery: The map.
        protocol: Name in `RETRIEVAL_PROTOCOLS`.
        sequence_length: See `evaluate_retrieval`.

    Raises:
        UnknownNameError: No such protocol.
        ConfigError: Positions are needed and not known.
    """
    if protocol not in RETRIEVAL_PROTOCOLS:
        raise UnknownNameError("retrieval protocol", protocol, RETRIEVAL_PROTOCOLS)
    rules = RETRIEVAL_PROTOCOLS[protocol]
    search = _Search(queries, gallery, rules, sequence_length)
    everyone = np.ones(len(queries), dtype=bool), np.ones(len(gallery), dtype=bool)
    parts = [search.row("all", *everyone)]
    sources = sorted({view.source for view in gallery.views})
    if len(sources) > 1:
        for source in sources:
            rows, columns = (_of_source(side, source) for side in (queries, gallery))
            parts.append(search.row(source, rows, columns))
    parts += search.by_darkness()
    return RetrievalReport(protocol, _choices(rules, sequence_length), parts)


def _choices(rules: RetrievalProtocol, sequence_length: int) -> dict[str, str]:
    metres = " m in x and y" if rules.axes == 2 else " m"
    unit = {"pair": "", "metres": metres, "frames": " frames"}[rules.rule]
    return {
        "rule": rules.text,
        "right place": rules.rule if rules.rule == "pair" else f"within {rules.reach:g}{unit}",
        "own picture": "taken out of the map, by its id" if rules.exclude_own else "stays",
        "map": "each recording alone" if rules.per_recording else "all in one",
        "left out": "queries without a right place in the map count nowhere",
        "ties": "count against the right place",
        "sequence": f"{sequence_length} frames together"
        if sequence_length > 1
        else "single frames",
        "near-black": f"mean of the colour picture below {NEAR_BLACK:.3f} of full scale",
        "interval": "95 %, bootstrap over queries, 2000 draws",
    }


def _of_source(side: Described, source: str) -> Matrix:
    return np.array([view.source == source for view in side.views])


class _Search:
    """Similarities and truth of all queries against the whole map, from which rows are cut."""

    def __init__(
        self, queries: Described, gallery: Described, rules: RetrievalProtocol, length: int
    ) -> None:
        self.queries, self.gallery, self.rules = queries, gallery, rules
        self.similarity = queries.descriptors @ gallery.descriptors.T
        recordings = [[v.recording for v in side.views] for side in (queries, gallery)]
        if length > 1:
            self.similarity = rerank_sequence(
                self.similarity,
                length=length,
                query_recordings=recordings[0],
                gallery_recordings=recordings[1],
            ).astype(np.float32)
        self.positives = self._positives(recordings)
        self.excluded = np.zeros_like(self.positives)
        if rules.exclude_own:
            self.excluded |= same_item(*([v.name for v in s.views] for s in (queries, gallery)))
        if rules.per_recording:
            self.excluded |= ~same_item(*recordings)

    def _positives(self, recordings: Sequence[Sequence[str]]) -> Matrix:
        queries, gallery = self.queries, self.gallery
        if self.rules.rule == "pair":
            return same_item([v.name for v in queries.views], [v.name for v in gallery.views])
        if self.rules.rule == "frames":
            return within_frames(
                [v.index for v in queries.views],
                [v.index for v in gallery.views],
                int(self.rules.reach),
                query_recordings=recordings[0],
                gallery_recordings=recordings[1],
            )
        for side in (queries, gallery):
            unknown = np.isnan(side.positions_m).any(axis=1)
            if unknown.any():
                raise ConfigError(
                    f"{side.views[int(np.argmax(unknown))].name} has no position, which the rule "
                    f"{self.rules.text!r} needs. Choose the protocol 'pairs' or 'frames'."
                )
        axes = slice(self.rules.axes)
        return within_radius(
            queries.positions_m[:, axes], gallery.positions_m[:, axes], self.rules.reach
        )

    def row(self, name: str, rows: Matrix, columns: Matrix) -> RetrievalRow:
        """Scores of some queries against a part of the map."""
        cut = np.ix_(rows, columns)
        similarity, positives = self.similarity[cut], self.positives[cut]
        excluded = self.excluded[cut]
        found = recall_at_k(similarity, positives, ks=KS, excluded=excluded)
        curve = precision_recall(similarity, positives, excluded=excluded)
        return RetrievalRow(
            name=name,
            gallery=int(columns.sum()),
            counted=found.counted,
            left_out=found.left_out,
            recall=dict(found.at),
            interval_1=bootstrap_interval(found.ranks <= 1),
            average_precision=curve.average_precision,
        )

    def by_darkness(self) -> list[RetrievalRow]:
        """Queries whose right places are all near-black colour pictures, and the others."""
        dark = self.gallery.near_black if self.gallery.near_black.any() else self.queries.near_black
        if not dark.any():
            return []
        if dark is self.queries.near_black:
            hidden = dark
        else:
            right = self.positives & ~self.excluded
            seen = (right & ~dark[None]).any(axis=1)
            hidden = np.asarray(right.any(axis=1) & ~seen, dtype=bool)
        everything = np.ones(len(self.gallery), dtype=bool)
        return [
            self.row("all, colour picture near-black", hidden, everything),
            self.row("all, the others", ~hidden, everything),
        ]
