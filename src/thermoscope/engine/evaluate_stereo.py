"""Stereo scores of methods on a data set, under a stated protocol, in one table.

Every method is scored on the same pixels: those whose truth is known and lies in one common range.
A method with holes is scored three times: filled, with holes counted as wrong, and all methods on
the pixels that it answered. What is NOT here: frames (`thermoscope.engine.stereo_frames`), the
baseline (`thermoscope.engine.stereo_baselines`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.checks import check_positive
from thermoscope.core.errors import ConfigError, ThermoscopeError, UnitError, UnknownNameError
from thermoscope.core.sample import Sample
from thermoscope.engine.labelled_frames import thermal_frame
from thermoscope.engine.stereo_frames import STEREO_PROTOCOLS, StereoGroup
from thermoscope.metrics.depth import DepthScores, depth_scores, mean_depth_scores
from thermoscope.metrics.stereo import (
    LIMITS_PX,
    StereoScores,
    mean_stereo_scores,
    stereo_scores,
)
from thermoscope.models.stereo_result import StereoResult

__all__ = [
    "Matcher",
    "StereoReport",
    "StereoRow",
    "evaluate_stereo",
]

MAX_DEPTH_M = 80.0


class Matcher(Protocol):
    """The network, the baseline, or anything like them.

    One with an attribute ``leaves_holes`` that is true marks in `StereoResult.valid` what it
    answered itself, and fills the rest.
    """

    def predict(self, left: Any, right: Any, /) -> StereoResult:
        """Dense disparity of the left view."""
        ...


@dataclass(frozen=True)
class StereoRow:
    """A line of the table.

    Attributes:
        method: Name.
        pixels: ``"all"``, ``"holes wrong"``, or ``"answered by <method>"``.
        group: Frames averaged; ``"mean"`` is the mean over groups, as MS2 reports it.
        scores: Of disparity.
        depth: Of metric depth without alignment, up to 80 m; None without calibration.
        milliseconds: Median time of a pair, matching only.
    """

    method: str
    pixels: str
    group: str
    scores: StereoScores
    depth: DepthScores | None = None
    milliseconds: float = float("nan")


@dataclass(frozen=True)
class StereoReport:
    """Scores with what they were made from.

    Attributes:
        protocol: Every choice behind the scores, a line each.
        rows: Of the table.
        failed: Name and reason of each frame that could not be scored.
    """

    protocol: tuple[str, ...]
    rows: list[StereoRow]
    failed: list[tuple[str, str]] = field(default_factory=list)

    def row(self, method: str, *, pixels: str = "all", group: str = "mean") -> StereoRow:
        """The line of these three.

        Raises:
            UnknownNameError: There is none.
        """
        for row in self.rows:
            if (row.method, row.pixels, row.group) == (method, pixels, group):
                return row
        known = [f"{r.method}, {r.pixels}, {r.group}" for r in self.rows]
        raise UnknownNameError("row", f"{method}, {pixels}, {group}", known)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "task": "stereo",
            "protocol": list(self.protocol),
            "rows": [asdict(row) for row in self.rows],
            "failed": [{"frame": name, "reason": reason} for name, reason in self.failed],
        }


@dataclass
class _Tally:
    """Scores of one method on one kind of pixels, frame by frame."""

    scores: list[StereoScores] = field(default_factory=list)
    depth: list[DepthScores] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


def evaluate_stereo(
    methods: dict[str, Matcher],
    groups: Sequence[StereoGroup],
    *,
    protocol: str = "filtered",
    min_disparity_px: float = 0.0,
    max_disparity_px: float = 96.0,
    limits_px: Sequence[float] = LIMITS_PX,
    progress: Callable[[str], None] | None = None,
) -> StereoReport:
    """Score methods on the same pixels; a frame that fails is reported and left out for all.

    Args:
        methods: By name; those that leave holes get extra rows.
        groups: Frames.
        protocol: Name in `STEREO_PROTOCOLS`; the truth itself is chosen by
            `thermoscope.engine.stereo_frames.stereo_groups`.
        min_disparity_px: Truth below is left out, px.
        max_disparity_px: Truth from here on is left out, px.
        limits_px: Of the shares of bad pixels.
        progress: Called with the name of each frame.

    Raises:
        UnknownNameError: No such protocol.
        ConfigError: No method, no frame, or an empty range.
    """
    if protocol not in STEREO_PROTOCOLS:
        raise UnknownNameError("stereo protocol", protocol, STEREO_PROTOCOLS)
    if not methods or not any(len(g.frames) for g in groups):
        raise ConfigError("there is no method or no frame to score. Give at least one of each.")
    check_positive(max_disparity_px - min_disparity_px, name="max - min disparity_px")
    tallies: dict[tuple[str, str, str], _Tally] = {}
    failed: list[tuple[str, str]] = []
    rules = _Rules(protocol, min_disparity_px, max_disparity_px, tuple(limits_px))
    for group in groups:
        for index in range(len(group.frames)):
            name = f"{group.name} frame {index}"
            try:
                sample = group.frames[index]
                name = str(sample.get("name", name))
                found = _score_frame(methods, sample, rules, _low_end(group.frames, index))
            except ThermoscopeError as err:
                failed.append((name, str(err)))
                continue
            finally:
                if progress is not None:
                    progress(name)
            for (method, pixels), one in found.items():
                for part in _parts(group.name):
                    tally = tallies.setdefault((method, pixels, part), _Tally())
                    tally.scores += one.scores
                    tally.depth += one.depth
                    tally.seconds += one.seconds
    return StereoReport(_choices(rules), _rows(tallies, [g.name for g in groups]), failed)


@dataclass(frozen=True)
class _Rules:
    protocol: str
    low: float
    high: float
    limits_px: tuple[float, ...]


def _choices(rules: _Rules) -> tuple[str, ...]:
    return (
        f"protocol {rules.protocol}: {STEREO_PROTOCOLS[rules.protocol].text}",
        f"truth from {rules.low:g} px to below {rules.high:g} px, the same pixels for all methods",
        "per image first, then the plain mean over images; 'mean' is the mean over groups",
        "bad-n: error strictly above n px; D1: above 3 px and above 5 % of the truth",
        f"depth: focal * baseline / disparity, clipped to 1 mm and {MAX_DEPTH_M:g} m, not aligned",
        "holes are filled from the nearest answered pixel to the left, except in 'holes wrong'",
    )


def _parts(name: str) -> list[str]:
    """``urban/day`` counts for itself, for urban and for day."""
    parts = name.split("/")
    return [name, *parts] if len(parts) > 1 else [name]


def _low_end(frames: Any, index: int) -> float | None:
    """Smallest disparity of a frame, where the data set states it (CATS)."""
    stated = getattr(frames, "disparity_range", None)
    return None if stated is None else float(stated(index)[0])


def _score_frame(
    methods: dict[str, Matcher], sample: Sample, rules: _Rules, low_end: float | None
) -> dict[tuple[str, str], _Tally]:
    left, right, truth, valid = _views(sample, rules)
    answers, seconds = {}, {}
    for name, method in methods.items():
        start = time.perf_counter()
        answers[name] = _shifted(method, left, right, low_end)
        seconds[name] = time.perf_counter() - start
    found: dict[tuple[str, str], _Tally] = {}
    holed = [n for n, m in methods.items() if getattr(m, "leaves_holes", False)]
    for name, answer in answers.items():
        tally = found.setdefault((name, "all"), _Tally())
        tally.scores.append(
            stereo_scores(answer.disparity, truth, valid, limits_px=rules.limits_px)
        )
        tally.seconds.append(seconds[name])
        tally.depth += _depth(sample, answer.disparity, valid)
        if name in holed:
            tally = found.setdefault((name, "holes wrong"), _Tally())
            tally.scores.append(
                stereo_scores(
                    answer.disparity,
                    truth,
                    valid,
                    answered=answer.valid,
                    limits_px=rules.limits_px,
                )
            )
        for other in holed:
            tally = found.setdefault((name, f"answered by {other}"), _Tally())
            tally.scores.append(
                stereo_scores(
                    answer.disparity, truth, valid & answers[other].valid, limits_px=rules.limits_px
                )
            )
    return found


def _views(
    sample: Sample, rules: _Rules
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[np.bool_]]:
    if "disparity" not in sample or "valid" not in sample:
        raise UnitError(f"{sample.get('name', 'a frame')} has no disparity to score against.")
    left = thermal_frame(sample)
    for key in ("counts_right", "thermal_right"):
        if key in sample:
            right = np.asarray(sample[key][0])
            break
    else:
        raise UnitError(f"{sample.get('name', 'a frame')} has no right thermal view.")
    truth = sample["disparity"][0]
    valid = sample["valid"][0] & np.isfinite(truth) & (truth >= rules.low) & (truth < rules.high)
    if rules.protocol == "raw" and "occluded" in sample:
        valid &= ~sample["occluded"][0]
    return left, right, truth, valid


def _shifted(
    method: Matcher, left: NDArray[Any], right: NDArray[Any], low_end: float | None
) -> StereoResult:
    """The answer where disparities start at `low_end`: the right view is moved by whole pixels."""
    network_low = float(getattr(method, "min_disparity_px", 0))
    shift = 0 if low_end is None else int(np.floor(low_end - network_low))
    if not shift:
        return method.predict(left, right)
    columns = np.clip(np.arange(right.shape[1]) - shift, 0, right.shape[1] - 1)
    found = method.predict(left, np.ascontiguousarray(right[:, columns]))
    return StereoResult(found.disparity + np.float32(shift), found.confidence, found.valid)


def _depth(
    sample: Sample, disparity: NDArray[np.float32], valid: NDArray[np.bool_]
) -> list[DepthScores]:
    if not {"depth", "K", "baseline_m"} <= sample.keys():
        return []
    reach = float(sample["K"][0, 0]) * float(sample["baseline_m"])
    found = np.clip(reach / np.maximum(disparity, 1e-6), 1e-3, MAX_DEPTH_M)
    known = valid & np.isfinite(sample["depth"][0]) & (sample["depth"][0] > 0)
    truth = np.where(known, sample["depth"][0], 1.0)
    return [
        depth_scores(
            found.astype(np.float32),
            truth.astype(np.float32),
            known,
            alignment="none",
            min_depth_m=1e-3,
            max_depth_m=MAX_DEPTH_M,
        )
    ]


def _rows(tallies: dict[tuple[str, str, str], _Tally], names: list[str]) -> list[StereoRow]:
    rows = []
    for (method, pixels, group), tally in tallies.items():
        rows.append(
            StereoRow(
                method,
                pixels,
                group,
                mean_stereo_scores(tally.scores),
                mean_depth_scores(tally.depth) if tally.depth else None,
                1e3 * float(np.median(tally.seconds)) if tally.seconds else float("nan"),
            )
        )
    return [*_means(rows, names), *rows]


def _mean_of_groups(depths: list[DepthScores], parts: list[StereoRow]) -> DepthScores:
    """Each group counts once; images are all of theirs."""
    empty = sum(r.depth.images_empty for r in parts if r.depth is not None)
    images = sum(scores.images for scores in depths)
    return replace(mean_depth_scores(depths), images=images, images_empty=empty)


def _means(rows: list[StereoRow], names: list[str]) -> Iterator[StereoRow]:
    """Mean over whole groups: each counts once, however many frames it has."""
    kinds = dict.fromkeys((r.method, r.pixels) for r in rows)
    for method, pixels in kinds:
        parts = [
            r for r in rows if (r.method, r.pixels) == (method, pixels) and r.group in set(names)
        ]
        scored = [r.scores for r in parts if r.scores.images]
        if not scored:
            continue
        limits = scored[0].bad
        mean = StereoScores(
            float(np.nanmean([s.epe_px for s in scored])),
            float(np.mean([s.d1_all for s in scored])),
            {n: float(np.mean([s.bad[n] for s in scored])) for n in limits},
            float(np.mean([s.answered for s in scored])),
            sum(s.pixels for s in scored),
            sum(s.images for s in scored),
            sum(r.scores.images_empty for r in parts),
        )
        depths = [r.depth for r in parts if r.depth is not None and r.depth.images]
        yield StereoRow(
            method,
            pixels,
            "mean",
            mean,
            _mean_of_groups(depths, parts) if depths else None,
            float(np.median([r.milliseconds for r in parts])),
        )
