"""Do colour and thermal see the same things? For aligned pairs whose truth nobody knows.

The model answers each view twice, from colour alone and from thermal alone. What the two share
beyond chance says how well one band stands in for the other; it says nothing about being right,
since two answers can agree in error. What is NOT here: kappa (`thermoscope.metrics.agreement`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from thermoscope.core.checks import check_shape
from thermoscope.core.errors import ConfigError, ThermoscopeError
from thermoscope.core.sample import Sample
from thermoscope.engine.evaluate_segmentation import REST, pair_of, time_of_frame
from thermoscope.engine.labelled_frames import LabelledFrames
from thermoscope.engine.segmenters import inputs_of, segmenter_of
from thermoscope.metrics.agreement import cohens_kappa
from thermoscope.metrics.segmentation import ConfusionMatrix

__all__ = ["AgreementReport", "AgreementRow", "evaluate_agreement"]


@dataclass(frozen=True)
class AgreementRow:
    """A time of day.

    Attributes:
        time: ``"all"``, ``"day"`` or ``"night"``.
        frames: Frames compared.
        kappa: Over all pixels.
        kappa_foreground: Without the pixels that both call background; nan where the model has no
            such class. Independent answers come out below 0.
        same: Share of pixels with one and the same class.
        colour_foreground: Share of pixels that colour calls something.
        thermal_foreground: Share of pixels that thermal calls something.
    """

    time: str
    frames: int
    kappa: float
    kappa_foreground: float
    same: float
    colour_foreground: float
    thermal_foreground: float


@dataclass(frozen=True)
class AgreementReport:
    """Rows with what they were made from.

    Attributes:
        rows: All frames, and day and night where the frames say which.
        failed: Name and reason of each frame that could not be compared.
    """

    rows: tuple[AgreementRow, ...]
    failed: list[tuple[str, str]] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "task": "segmentation",
            "protocol": "agreement",
            "averaged": "Cohen's kappa of the answers from colour alone and from thermal alone",
            "failed": [{"frame": name, "reason": reason} for name, reason in self.failed],
            "rows": [asdict(row) for row in self.rows],
        }


def evaluate_agreement(
    model: Any,
    frames: LabelledFrames | Sequence[Sample],
    *,
    longest_px: int | None = None,
    progress: Callable[[str], None] | None = None,
) -> AgreementReport:
    """Compare what a model sees in colour and in thermal; a frame that fails is reported.

    Args:
        model: A segmenter of both bands, see `thermoscope.engine.segmenters`.
        frames: Samples with ``rgb`` and a thermal plane that are aligned; labels are not read.
        longest_px: See `Segmenter`.
        progress: Called with the name of each frame.

    Raises:
        ConfigError: No segmenter, or one that does not take either band alone.
    """
    segmenter = segmenter_of(model, longest_px=longest_px)
    if not {"rgb", "thermal"} <= set(inputs_of(model)):
        raise ConfigError(
            f"this model takes {', '.join(inputs_of(model))}; agreement needs one that answers "
            "from colour alone and from thermal alone."
        )
    matrices = {time: ConfusionMatrix(segmenter.classes) for time in ("all", "day", "night")}
    counts, failed = dict.fromkeys(matrices, 0), []
    for index in range(len(frames)):
        name = f"frame {index}"
        try:
            sample = frames[index]
            name = sample.get("name", name)
            pair = pair_of(sample)
            colour, thermal = (segmenter.labels(pair.only(band)) for band in ("rgb", "thermal"))
            check_shape(thermal, f"{colour.shape[0]} {colour.shape[1]}", name="thermal answer")
            for time in {"all", time_of_frame(frames, index)} & set(matrices):
                matrices[time].update(thermal, colour)
                counts[time] += 1
        except ThermoscopeError as err:
            failed.append((name, str(err)))
        if progress is not None:
            progress(name)
    rows = [_row(t, counts[t], matrices[t]) for t in matrices if counts[t] or t == "all"]
    return AgreementReport(tuple(rows), failed)


def _row(time: str, frames: int, found: ConfusionMatrix) -> AgreementRow:
    matrix = found.matrix
    total = int(matrix.sum())
    ground = next((i for i, name in enumerate(found.classes) if name in REST), None)
    colour, thermal = matrix.sum(axis=1), matrix.sum(axis=0)
    things = [
        float(1 - sums[ground] / total) if ground is not None and total else np.nan
        for sums in (colour, thermal)
    ]
    return AgreementRow(
        time,
        frames,
        cohens_kappa(matrix),
        np.nan if ground is None else cohens_kappa(matrix, background=ground),
        float(np.trace(matrix) / total) if total else np.nan,
        *things,
    )
