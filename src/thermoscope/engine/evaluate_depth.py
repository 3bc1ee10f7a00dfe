"""Depth scores of a model on a data set, under a stated protocol.

What is NOT here: the scores themselves (`thermoscope.metrics.depth`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.errors import (
    ConfigError,
    ShapeError,
    ThermoscopeError,
    UnitError,
    UnknownNameError,
)
from thermoscope.core.sample import Sample
from thermoscope.engine.labelled_frames import LabelledFrames, thermal_frame
from thermoscope.metrics.depth import Alignment, DepthScores, depth_scores, mean_depth_scores
from thermoscope.models.dense_heads import DepthMap

__all__ = [
    "DEPTH_PROTOCOLS",
    "ConstantDepth",
    "DepthModel",
    "DepthProtocol",
    "DepthReport",
    "evaluate_depth",
    "rank_correlation",
]


class DepthModel(Protocol):
    """What can be scored: `ThermalDepth`, or a baseline."""

    @property
    def metric(self) -> bool:
        """Whether depth is in metres."""
        ...

    def predict(self, image: NDArray[Any], /, *, longest_px: int | None = None) -> DepthMap:
        """Depth of a (H, W) frame."""
        ...


@dataclass(frozen=True)
class ConstantDepth:
    """The baseline that does not look: one depth everywhere.

    Attributes:
        depth_m: m.
    """

    depth_m: float

    @classmethod
    def median_of(cls, frames: LabelledFrames | Sequence[Sample]) -> ConstantDepth:
        """The median of all known depths, of what a model learned from.

        Raises:
            UnitError: No frame has a known depth.
        """
        known = []
        for index in range(len(frames)):
            sample = frames[index]
            kept = sample["valid"] & np.isfinite(sample["depth"])
            known.append(sample["depth"][kept])
        if not any(len(values) for values in known):
            raise UnitError("no frame has a known depth. Give frames with depth and valid.")
        return cls(float(np.median(np.concatenate(known))))

    @property
    def metric(self) -> bool:
        """It is in metres."""
        return True

    def predict(self, image: NDArray[Any], /, *, longest_px: int | None = None) -> DepthMap:
        """`depth_m` everywhere."""
        del longest_px
        return DepthMap(np.full(image.shape[:2], self.depth_m, np.float32), metric=True)


@dataclass(frozen=True)
class DepthProtocol:
    """What is allowed, and which pixels count.

    Attributes:
        alignment: Fitted to the truth of each image before scoring.
        min_depth_m: Pixels nearer are left out, m.
        max_depth_m: Pixels farther are left out, m.
        text: In a sentence.
    """

    alignment: Alignment
    min_depth_m: float
    max_depth_m: float
    text: str


DEPTH_PROTOCOLS: dict[str, DepthProtocol] = {
    "metric": DepthProtocol("none", 1e-3, 80.0, "no alignment: metres as predicted, up to 80 m"),
    "median": DepthProtocol("median", 1e-3, 80.0, "medians of each image made equal, up to 80 m"),
    "scale_shift": DepthProtocol(
        "scale_shift", 1e-3, 80.0, "least-squares scale and shift of each image, up to 80 m"
    ),
    "anythermal": DepthProtocol(
        "scale_shift",
        1e-3,
        80.0,
        "as AnyThermal on MS2: least-squares scale and shift of each image in depth space, "
        "1 mm to 80 m, plain mean over images",
    ),
}


@dataclass(frozen=True)
class DepthReport:
    """Scores with what they were made from.

    Attributes:
        protocol: Name in `DEPTH_PROTOCOLS`.
        scores: Mean over images.
        failed: Name and reason of each frame that could not be scored.
    """

    protocol: str
    scores: DepthScores
    failed: list[tuple[str, str]] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        rules = DEPTH_PROTOCOLS[self.protocol]
        return {
            "task": "depth",
            "protocol": self.protocol,
            "averaged": rules.text,
            "min_depth_m": rules.min_depth_m,
            "max_depth_m": rules.max_depth_m,
            "failed": [{"frame": name, "reason": reason} for name, reason in self.failed],
            **asdict(self.scores),
        }


def evaluate_depth(
    model: DepthModel,
    frames: LabelledFrames | Sequence[Sample],
    *,
    protocol: str = "scale_shift",
    longest_px: int | None = None,
    progress: Callable[[str], None] | None = None,
) -> DepthReport:
    """Score a model at the resolution of the truth; a frame that fails is reported.

    Args:
        model: Any depth model; one without a unit needs a protocol that aligns.
        frames: Samples with `depth` and `valid`.
        protocol: Name in `DEPTH_PROTOCOLS`.
        longest_px: See `ThermalDepth.predict`.
        progress: Called with the name of each frame.

    Raises:
        UnknownNameError: No such protocol.
        ConfigError: Relative depth under a protocol that does not align, or no frame at all.
    """
    if protocol not in DEPTH_PROTOCOLS:
        raise UnknownNameError("depth protocol", protocol, DEPTH_PROTOCOLS)
    rules = DEPTH_PROTOCOLS[protocol]
    if rules.alignment == "none" and not model.metric:
        raise ConfigError(
            f"protocol {protocol!r} judges metres and this model gives relative depth. "
            "Choose scale_shift."
        )
    if not len(frames):
        raise ConfigError("there is no frame to score.")
    scores, failed = [], []
    for index in range(len(frames)):
        name = f"frame {index}"
        try:
            sample = frames[index]
            name = sample.get("name", name)
            scores.append(_score(model, sample, rules, longest_px))
        except ThermoscopeError as err:
            failed.append((name, str(err)))
        if progress is not None:
            progress(name)
    mean = mean_depth_scores(scores) if scores else DepthScores.empty(rules.alignment)
    return DepthReport(protocol, mean, failed)


def _score(
    model: DepthModel, sample: Sample, rules: DepthProtocol, longest_px: int | None
) -> DepthScores:
    if "depth" not in sample or "valid" not in sample:
        raise UnitError(f"{sample.get('name', 'a frame')} has no depth: nothing to score against.")
    found = model.predict(thermal_frame(sample), longest_px=longest_px).depth
    return depth_scores(
        found,
        sample["depth"][0],
        sample["valid"][0],
        alignment=rules.alignment,
        min_depth_m=rules.min_depth_m,
        max_depth_m=rules.max_depth_m,
    )


def rank_correlation(
    first: NDArray[Any], second: NDArray[Any], valid: NDArray[np.bool_] | None = None
) -> float:
    """Spearman's correlation: whether two maps order pixels alike, whatever their units.

    Args:
        first: (H, W), finite where `valid`.
        second: (H, W), finite where `valid`.
        valid: (H, W) bool; all pixels if None.

    Returns:
        -1 to 1; nan for fewer than two pixels or for a map that is the same everywhere.

    Raises:
        ShapeError: Shapes differ.
    """
    mask = np.ones(first.shape, bool) if valid is None else valid
    if first.shape != second.shape or mask.shape != first.shape:
        raise ShapeError(
            f"maps to compare must have one shape, got {first.shape}, {second.shape} and "
            f"{mask.shape}.",
            actual_shape=second.shape,
        )
    one, other = (_ranks(plane[mask]) for plane in (first, second))
    spread = math.sqrt(one @ one) * math.sqrt(other @ other)
    return float(one @ other) / spread if spread > 0 else math.nan


def _ranks(values: NDArray[Any]) -> NDArray[np.float64]:
    """Place of each value in their order, from the middle; equal ones share their mean place."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    middle = np.cumsum(count) - (count + len(values)) / 2
    return np.asarray(middle[place], np.float64)
