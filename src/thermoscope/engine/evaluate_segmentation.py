"""Segmentation scores of a model on a data set, under a stated protocol.

What is NOT here: the scores themselves (`thermoscope.metrics.segmentation`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.errors import ConfigError, ThermoscopeError, UnitError, UnknownNameError
from thermoscope.core.sample import IGNORE_INDEX, Sample
from thermoscope.engine.labelled_frames import LabelledFrames, thermal_frame
from thermoscope.metrics.segmentation import ConfusionMatrix, Convention, SegmentationScores
from thermoscope.models.dense_heads import ThermalSegmenter

__all__ = [
    "SEGMENTATION_PROTOCOLS",
    "SegmentationProtocol",
    "SegmentationReport",
    "class_table",
    "evaluate_segmentation",
]

REST = ("unlabelled", "background")  # what a model's further classes are to a data set


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
class SegmentationReport:
    """Scores with what they were made from.

    Attributes:
        protocol: Name in `SEGMENTATION_PROTOCOLS`.
        scores: Over all frames at once.
        frames: Frames scored.
        failed: Name and reason of each frame that could not be scored.
    """

    protocol: str
    scores: SegmentationScores
    frames: int
    failed: list[tuple[str, str]] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "task": "segmentation",
            "protocol": self.protocol,
            "averaged": SEGMENTATION_PROTOCOLS[self.protocol].text,
            "frames": self.frames,
            "failed": [{"frame": name, "reason": reason} for name, reason in self.failed],
            **asdict(self.scores),
        }


def evaluate_segmentation(
    model: ThermalSegmenter,
    frames: LabelledFrames | Sequence[Sample],
    *,
    protocol: str = "present",
    classes: Sequence[str] = (),
    longest_px: int | None = None,
    progress: Callable[[str], None] | None = None,
) -> SegmentationReport:
    """Score a model at the resolution of the labels; a frame that fails is reported.

    Args:
        model: Any segmenter.
        frames: Samples with `labels`.
        protocol: Name in `SEGMENTATION_PROTOCOLS`.
        classes: Of the data set; those of `frames`, else the model's, if empty.
        longest_px: See `ThermalSegmenter.predict`.
        progress: Called with the name of each frame.

    Raises:
        UnknownNameError: No such protocol.
        ConfigError: The model does not have the classes of the data set.
    """
    if protocol not in SEGMENTATION_PROTOCOLS:
        raise UnknownNameError("segmentation protocol", protocol, SEGMENTATION_PROTOCOLS)
    names = tuple(classes) or tuple(getattr(frames, "classes", ())) or model.classes
    table = class_table(model.classes, names)
    matrix = ConfusionMatrix(names)
    scored, failed = 0, []
    for index in range(len(frames)):
        name = f"frame {index}"
        try:
            sample = frames[index]
            name = sample.get("name", name)
            if "labels" not in sample:
                raise UnitError(f"{name} has no labels: nothing to score against.")
            found = model.predict(thermal_frame(sample), longest_px=longest_px)
            matrix.update(table[found.labels], sample["labels"].reshape(found.labels.shape))
            scored += 1
        except ThermoscopeError as err:
            failed.append((name, str(err)))
        if progress is not None:
            progress(name)
    scores = matrix.scores(SEGMENTATION_PROTOCOLS[protocol].convention)
    return SegmentationReport(protocol, scores, scored, failed)


def class_table(model: Sequence[str], data: Sequence[str]) -> NDArray[np.uint8]:
    """(256,) id in `data` of each id of `model`, matched by name.

    A class that the model alone has becomes the data set's unlabelled or background class, or no
    answer (255) where it has none.

    Raises:
        ConfigError: The model lacks a class of the data set.
    """
    lacking = [name for name in data if name not in model and name not in REST]
    if lacking:
        raise ConfigError(
            f"the model has no class {', '.join(map(repr, lacking[:5]))}; it knows "
            f"{', '.join(model)}. Evaluate on data with its classes, or train a head for these."
        )
    rest = next((i for i, name in enumerate(data) if name in REST), IGNORE_INDEX)
    table = np.full(256, IGNORE_INDEX, np.uint8)
    table[: len(model)] = [data.index(name) if name in data else rest for name in model]
    return table
