"""Segmentation scores of a model on a data set, under a stated protocol.

One pass over the frames fills a confusion matrix for every row of the table: what the model is
shown (both bands, either alone), under which degradation, at which time of day. What is NOT here:
the scores themselves (`thermoscope.metrics.segmentation`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.checks import check_shape
from thermoscope.core.errors import ConfigError, ThermoscopeError, UnitError, UnknownNameError
from thermoscope.core.sample import IGNORE_INDEX, Sample
from thermoscope.engine.degraded import DEGRADATIONS, chosen_degradations, degraded
from thermoscope.engine.labelled_frames import LabelledFrames, thermal_frame
from thermoscope.engine.segmenters import Inputs, Pair, Segmenter, inputs_of, segmenter_of
from thermoscope.metrics.segmentation import ConfusionMatrix, Convention, SegmentationScores
from thermoscope.synthetic.labels import TAXONOMIES

__all__ = [
    "SEGMENTATION_PROTOCOLS",
    "SegmentationProtocol",
    "SegmentationReport",
    "SegmentationRow",
    "class_table",
    "evaluate_segmentation",
    "pair_of",
    "time_of_frame",
]

REST = ("unlabelled", "background")  # what a model's further classes are to a data set
CONVENTIONS: tuple[Convention, ...] = get_args(Convention)


@dataclass(frozen=True)
class SegmentationProtocol:
    """What is averaged.

    Attributes:
        convention: See `SegmentationScores`.
        text: In a sentence.
    """

    convention: Convention
    text: str


SEGMENTATION_PROTOCOLS: dict[str, SegmentationProtocol] = {
    "present": SegmentationProtocol(
        "present", "mean over the classes that truth or prediction hold, class 0 included"
    ),
    "foreground": SegmentationProtocol(
        "foreground", "as present, without class 0 (unlabelled or background)"
    ),
    "strict": SegmentationProtocol("strict", "mean over all classes, an absent one as 0"),
    "anythermal": SegmentationProtocol(
        "strict", "as AnyThermal's script: all classes, an absent one as 0, unlabelled included"
    ),
}


@dataclass(frozen=True)
class SegmentationRow:
    """A line of the table.

    Attributes:
        inputs: What the model was shown.
        degraded: A name in `DEGRADATIONS`, or ``"none"``.
        time: ``"all"``, ``"day"`` or ``"night"``: each has a confusion matrix of its own.
        frames: Frames scored.
        miou: Under each convention.
        macc: Under each convention.
        pixel_accuracy: Share of labelled pixels that was found.
        classes_present: Classes that truth or prediction hold.
        iou_per_class: nan = absent.
    """

    inputs: str
    degraded: str
    time: str
    frames: int
    miou: Mapping[str, float]
    macc: Mapping[str, float]
    pixel_accuracy: float
    classes_present: int
    iou_per_class: Mapping[str, float]


@dataclass(frozen=True)
class SegmentationReport:
    """Scores with what they were made from.

    Attributes:
        protocol: Name in `SEGMENTATION_PROTOCOLS`.
        scores: Of the first row: all that the model takes, nothing degraded, all frames at once.
        frames: Frames scored.
        failed: Name and reason of each frame that could not be scored.
        rows: The table.
        confusion: Of the first row, row = truth, column = prediction.
        notes: What was left out of the table and why; how many classes are words to the model.
    """

    protocol: str
    scores: SegmentationScores
    frames: int
    failed: list[tuple[str, str]] = field(default_factory=list)
    rows: tuple[SegmentationRow, ...] = ()
    confusion: tuple[tuple[int, ...], ...] = ()
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "task": "segmentation",
            "protocol": self.protocol,
            "averaged": SEGMENTATION_PROTOCOLS[self.protocol].text,
            "frames": self.frames,
            "failed": [{"frame": name, "reason": reason} for name, reason in self.failed],
            **asdict(self.scores),
            "notes": self.notes,
            "confusion": self.confusion,
            "rows": [asdict(row) for row in self.rows],
        }


View = tuple[Inputs, str]
"""What is shown, and its degradation."""


def evaluate_segmentation(
    model: Any,
    frames: LabelledFrames | Sequence[Sample],
    *,
    protocol: str = "present",
    classes: Sequence[str] = (),
    longest_px: int | None = None,
    inputs: Sequence[Inputs] = (),
    degradations: Sequence[str] = (),
    words: bool = False,
    progress: Callable[[str], None] | None = None,
) -> SegmentationReport:
    """Score a model at the resolution of the labels; a frame that fails is reported.

    Degradations are scored with all that the model takes; one that touches only a band which the
    model does not take gives no row. Rows of day and night appear where the frames say which.

    Args:
        model: Any segmenter, see `thermoscope.engine.segmenters`.
        frames: Samples with `labels`.
        protocol: Name in `SEGMENTATION_PROTOCOLS`.
        classes: Of the data set; those of `frames`, else the model's, if empty.
        longest_px: See `ThermalSegmenter.predict`.
        inputs: What to show; all that the model takes, in turn, if empty.
        degradations: Names in `DEGRADATIONS`, or ``"all"``.
        words: The model chooses from the names of the data set, also from those that it never
            learned; it must read class names.
        progress: Called with the name of each frame.

    Raises:
        UnknownNameError: No such protocol or degradation.
        ConfigError: No segmenter, inputs that it does not take, or it does not have the classes of
            the data set or, with `words`, reads no names.
    """
    if protocol not in SEGMENTATION_PROTOCOLS:
        raise UnknownNameError("segmentation protocol", protocol, SEGMENTATION_PROTOCOLS)
    segmenter = segmenter_of(model, longest_px=longest_px)
    names = tuple(classes) or tuple(getattr(frames, "classes", ())) or segmenter.classes
    views, notes = _views(model, inputs, degradations)
    if words:
        strange = [name for name in names if name not in segmenter.classes]
        segmenter = segmenter_of(model, longest_px=longest_px, names=names)
        notes += (f"chosen by name; {len(strange)} of {len(names)} classes were not learned",)
    table = _Table(names, class_table(segmenter.classes, names), segmenter, views)
    failed = []
    for index in range(len(frames)):
        name = f"frame {index}"
        try:
            sample = frames[index]
            name = sample.get("name", name)
            table.score(sample, name, time_of_frame(frames, index), index)
        except ThermoscopeError as err:
            failed.append((name, str(err)))
        if progress is not None:
            progress(name)
    first = table.matrix(views[0], "all")
    return SegmentationReport(
        protocol,
        first.scores(SEGMENTATION_PROTOCOLS[protocol].convention),
        table.frames["all"],
        failed,
        tuple(table.rows()),
        tuple(map(tuple, first.matrix.tolist())),
        notes,
    )


def _views(
    model: Any, inputs: Sequence[Inputs], degradations: Sequence[str]
) -> tuple[list[View], tuple[str, ...]]:
    """What is shown, and the degradations that make no sense for this model."""
    known = inputs_of(model)
    unknown = [name for name in inputs if name not in known]
    if unknown:
        raise ConfigError(
            f"this model cannot be shown {', '.join(map(repr, unknown))}; it takes "
            f"{', '.join(known)}."
        )
    wanted = tuple(inputs) or known
    bands = set(wanted[0].split("_"))
    views: list[View] = [(name, "none") for name in wanted]
    notes = []
    for name in chosen_degradations(degradations):
        touched = bands & set(DEGRADATIONS[name].touches)
        if not touched or (name.startswith("missing") and bands == touched):
            notes.append(f"{name}: the model is shown {wanted[0]} only")
        else:
            views.append((wanted[0], name))
    return views, tuple(notes)


class _Table:
    """A confusion matrix for each view and time of day."""

    def __init__(
        self,
        classes: tuple[str, ...],
        ids: NDArray[np.uint8],
        segmenter: Segmenter,
        views: Sequence[View],
    ) -> None:
        self.ids, self.segmenter, self.views = ids, segmenter, views
        times = ("all", "day", "night")
        self._matrices = {(view, t): ConfusionMatrix(classes) for view in views for t in times}
        self.frames = dict.fromkeys(times, 0)

    def matrix(self, view: View, time: str) -> ConfusionMatrix:
        """Of one row."""
        return self._matrices[view, time]

    def score(self, sample: Sample, name: str, time: str, index: int) -> None:
        """All views of one frame, or none of them."""
        if "labels" not in sample:
            raise UnitError(f"{name} has no labels: nothing to score against.")
        whole = pair_of(sample)
        answers = [self._answer(whole, view, index) for view in self.views]
        truth = sample["labels"][0]
        for answer in answers:
            check_shape(answer, f"{truth.shape[0]} {truth.shape[1]}", name=f"answer for {name}")
        for time_of_day in {"all", time} & set(self.frames):
            for view, answer in zip(self.views, answers, strict=True):
                self.matrix(view, time_of_day).update(self.ids[answer], truth)
            self.frames[time_of_day] += 1

    def _answer(self, whole: Pair, view: View, index: int) -> NDArray[np.int64]:
        inputs, spoilt = view
        pair = whole.only(inputs)
        shown = pair if spoilt == "none" else degraded(pair, spoilt, frame=index)
        return self.segmenter.labels(shown)

    def rows(self) -> Iterator[SegmentationRow]:
        """Views in order, each with its times of day; a time without a frame has no row."""
        for view in self.views:
            for time, frames in self.frames.items():
                if frames or time == "all":
                    yield _row(view, time, frames, self.matrix(view, time))


def _row(view: View, time: str, frames: int, matrix: ConfusionMatrix) -> SegmentationRow:
    kinds = CONVENTIONS if len(matrix.classes) > 1 else CONVENTIONS[:2]  # foreground needs two
    found = {kind: matrix.scores(kind) for kind in kinds}
    present = found["present"]
    return SegmentationRow(
        *view,
        time,
        frames,
        {kind: scores.miou for kind, scores in found.items()},
        {kind: scores.macc for kind, scores in found.items()},
        present.pixel_accuracy,
        len(matrix.classes) - len(present.absent),
        present.iou_per_class,
    )


def time_of_frame(frames: Any, index: int) -> str:
    """``"day"``, ``"night"``, or "" where nobody says; decodes nothing."""
    if hasattr(frames, "time_of_day"):
        return str(frames.time_of_day(index))
    return str(frames.item(index).time_of_day) if hasattr(frames, "item") else ""


def pair_of(sample: Sample) -> Pair:
    """The pictures of a sample: its colour, if it has one, and its thermal plane, if it has one."""
    has_thermal = any(key in sample for key in ("counts", "kelvin", "agc", "thermal"))
    return Pair(sample.get("rgb"), thermal_frame(sample) if has_thermal else None)


def class_table(model: Sequence[str], data: Sequence[str]) -> NDArray[np.uint8]:
    """(256,) id in `data` of each id of `model`, matched by name.

    Where `data` has the classes of a taxonomy of `thermoscope.synthetic.labels`, fine classes also
    match what they are called there: a "bicycle" is a "bike" to MFNet. A class that the model alone
    has becomes the data set's unlabelled or background class, or no answer (255) where it has none.

    Raises:
        ConfigError: The model lacks a class of the data set.
    """
    rest = next((i for i, name in enumerate(data) if name in REST), IGNORE_INDEX)
    taxonomy = next((t for t in TAXONOMIES.values() if t.classes == tuple(data)), None)
    called = taxonomy.ids if taxonomy else {}
    ids = [data.index(name) if name in data else called.get(name, rest) for name in model]
    nowhere = {i for i in range(len(data)) if taxonomy and i not in called.values()}
    known = nowhere.union(ids)
    lacking = [name for i, name in enumerate(data) if i not in known and name not in REST]
    if lacking:
        raise ConfigError(
            f"the model has no class {', '.join(map(repr, lacking[:5]))}; it knows "
            f"{', '.join(model)}. Evaluate on data with its classes, or train a head for these."
        )
    table = np.full(256, IGNORE_INDEX, np.uint8)
    table[: len(model)] = ids
    return table
