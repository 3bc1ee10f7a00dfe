"""Scores of semantic segmentation from one confusion matrix over a whole data set.

A class that neither truth nor prediction holds has no IoU: it is nan, named in `absent`, and what
the mean does with it is the convention, which is part of the result. What is NOT here: losses
(`thermoscope.losses.segmentation`), reading data (`thermoscope.engine.evaluate_segmentation`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.errors import ConfigError, ShapeError, UnitError
from thermoscope.core.sample import IGNORE_INDEX

__all__ = ["ConfusionMatrix", "Convention", "SegmentationScores"]

Convention = Literal["present", "strict", "foreground"]


@dataclass(frozen=True)
class SegmentationScores:
    """Shares in [0, 1]; nan where there is nothing to score.

    Attributes:
        convention: Which classes `miou` and `macc` average: ``"present"`` those that truth or
            prediction hold; ``"strict"`` all, an absent one as 0; ``"foreground"`` as present,
            without class 0.
        miou: Mean intersection over union.
        macc: Mean over classes of the share of their pixels that was found.
        pixel_accuracy: Share of all labelled pixels that was found.
        fwiou: IoU averaged by share of labelled pixels.
        iou_per_class: Class name to IoU, nan = absent.
        accuracy_per_class: Class name to the share of its pixels that was found, nan = no pixel.
        absent: Names of classes without a pixel in truth and prediction.
        pixels: Labelled pixels.
    """

    convention: Convention
    miou: float
    macc: float
    pixel_accuracy: float
    fwiou: float
    iou_per_class: dict[str, float]
    accuracy_per_class: dict[str, float]
    absent: tuple[str, ...]
    pixels: int


class ConfusionMatrix:
    """Counts of pixels by true and predicted class, added up frame by frame.

    Args:
        classes: Names; the index is the id. All different, at most 255.

    Attributes:
        matrix: (K, K) int64, row = truth, column = prediction.

    Raises:
        ConfigError: No class, too many, or a name twice.

    Example:
        >>> found = ConfusionMatrix(("road", "car", "sky"))
        >>> found.update(np.array([[0, 1, 1]]), np.array([[0, 0, 1]]))
        >>> found.scores().iou_per_class
        {'road': 0.5, 'car': 0.5, 'sky': nan}
    """

    def __init__(self, classes: Sequence[str]) -> None:
        if not 0 < len(classes) <= IGNORE_INDEX or len(set(classes)) != len(classes):
            raise ConfigError(
                f"a confusion matrix needs 1 to {IGNORE_INDEX} different class names, "
                f"got {len(classes)} ({len(set(classes))} different)."
            )
        self.classes = tuple(classes)
        self.matrix: NDArray[np.int64] = np.zeros((len(classes),) * 2, np.int64)
        self._unanswered: NDArray[np.int64] = np.zeros(len(classes), np.int64)

    def update(self, prediction: NDArray[Any], labels: NDArray[Any]) -> None:
        """Add one frame or a batch.

        Args:
            prediction: Class ids, any shape; 255 = no answer, which counts as wrong.
            labels: Class ids of the same shape; 255 = ignore.

        Raises:
            ShapeError: Shapes that differ.
            UnitError: Not integers, or an id that is no class.
        """
        if prediction.shape != labels.shape:
            raise ShapeError(
                f"prediction of {prediction.shape} does not fit labels of {labels.shape}. "
                "Predict at the resolution of the labels.",
                actual_shape=prediction.shape,
            )
        count = len(self.classes)
        truth, found = self._ids(labels, "labels"), self._ids(prediction, "prediction")
        valid = truth != IGNORE_INDEX
        truth, found = truth[valid], found[valid]
        answered = found != IGNORE_INDEX
        pairs = truth[answered] * count + found[answered]
        self.matrix += np.bincount(pairs, minlength=count**2).reshape(count, count)
        self._unanswered += np.bincount(truth[~answered], minlength=count)

    def _ids(self, values: NDArray[Any], name: str) -> NDArray[np.int64]:
        if not np.issubdtype(values.dtype, np.integer):
            raise UnitError(f"{name} must be integer class ids, got {values.dtype}.")
        ids = values.astype(np.int64).ravel()
        known = (ids >= 0) & (ids < len(self.classes)) | (ids == IGNORE_INDEX)
        if not known.all():
            raise UnitError(
                f"{name} hold the id {int(ids[~known][0])}, there are {len(self.classes)} classes "
                f"({', '.join(self.classes[:3])} ...). Map them first, or mark pixels as "
                f"{IGNORE_INDEX}."
            )
        return ids

    def merge(self, other: ConfusionMatrix) -> None:
        """Add the counts of `other`, made elsewhere over other frames.

        Raises:
            ConfigError: Other classes.
        """
        if other.classes != self.classes:
            raise ConfigError(
                f"cannot add a matrix over {', '.join(other.classes)} to one over "
                f"{', '.join(self.classes)}."
            )
        self.matrix += other.matrix
        self._unanswered += other._unanswered

    def scores(self, convention: Convention = "present") -> SegmentationScores:
        """Scores so far.

        Raises:
            ConfigError: Unknown convention, or ``"foreground"`` with a single class.
        """
        labelled = self.matrix.sum(axis=1) + self._unanswered
        hit = np.diagonal(self.matrix)
        union = labelled + self.matrix.sum(axis=0) - hit
        iou, accuracy = _share(hit, union), _share(hit, labelled)
        total = int(labelled.sum())
        weighted = np.nansum(iou * labelled)
        return SegmentationScores(
            convention=convention,
            miou=_mean(iou, convention),
            macc=_mean(accuracy, convention),
            pixel_accuracy=float(hit.sum() / total) if total else float("nan"),
            fwiou=float(weighted / total) if total else float("nan"),
            iou_per_class=dict(zip(self.classes, iou.tolist(), strict=True)),
            accuracy_per_class=dict(zip(self.classes, accuracy.tolist(), strict=True)),
            absent=tuple(c for c, u in zip(self.classes, union, strict=True) if u == 0),
            pixels=total,
        )


def _share(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.where(whole > 0, part / np.maximum(whole, 1), np.nan)


def _mean(values: NDArray[np.float64], convention: Convention) -> float:
    """Mean over the classes of the convention; nan where it leaves none that was scored."""
    if convention not in ("present", "strict", "foreground"):
        raise ConfigError(
            f"convention must be 'present', 'strict' or 'foreground', got {convention!r}."
        )
    kept = values[1:] if convention == "foreground" else values
    if not len(kept):
        raise ConfigError("the convention 'foreground' needs a class besides class 0.")
    if np.isnan(kept).all():
        return float("nan")
    return float(np.nan_to_num(kept).mean() if convention == "strict" else np.nanmean(kept))
