"""How a segmentation meets boxes: for data that have boxes and no masks.

A box holds more than its object, so there is no IoU here, but two shares: of the boxes that
contain enough pixels of a right class, and of the predicted pixels that lie in a right box. A
prediction of one class everywhere hits every box; the second share then equals the part of the
picture that is box, which is given as the floor. What is NOT here: reading boxes
(`thermoscope.data.boxes`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from thermoscope.core.checks import check_in_range, check_shape
from thermoscope.core.errors import ConfigError

__all__ = ["HIT_SHARE", "LEAST_SEGMENT_PX", "BoxCount", "BoxScores", "pixels_inside"]

HIT_SHARE = 0.2
"""A box is hit if this share of its pixels carries a right class: a person fills about half."""
LEAST_SEGMENT_PX = 16


class _Box(Protocol):
    """An upright box in pixels."""

    @property
    def name(self) -> str: ...
    @property
    def left(self) -> float: ...
    @property
    def top(self) -> float: ...
    @property
    def width(self) -> float: ...
    @property
    def height(self) -> float: ...


@dataclass(frozen=True)
class BoxScores:
    """Shares in [0, 1] of one group; nan where there is nothing to score.

    Attributes:
        boxes: Of the group.
        hit: Share of the boxes in which at least `HIT_SHARE` of the pixels carry a right class.
        pixels: Predicted as one of the group's classes.
        inside: Share of these that lie in a box of the group.
        floor: Share of the pixels that count which is a box of the group: `inside` of blind
            guessing.
        false_alarms: Connected segments of at least `LEAST_SEGMENT_PX` pixels predicted as the
            group that touch no box of it.
    """

    boxes: int
    hit: float
    pixels: int
    inside: float
    floor: float
    false_alarms: int


class BoxCount:
    """Boxes hit and pixels inside, added up frame by frame.

    Args:
        groups: Group name to names of boxes in it, such as ``{"vehicle": ["Car"]}``.
        ids: Group name to the class ids that are right for it.
        ignored: Names of boxes whose pixels say nothing.
        hit_share: See `HIT_SHARE`.

    Raises:
        ConfigError: `ids` are of other groups, a box name in two groups, or a share out of range.
    """

    def __init__(
        self,
        groups: Mapping[str, Collection[str]],
        ids: Mapping[str, Collection[int]],
        *,
        ignored: Collection[str] = (),
        hit_share: float = HIT_SHARE,
    ) -> None:
        names = [name for members in groups.values() for name in members]
        if set(groups) != set(ids) or len(set(names)) != len(names):
            raise ConfigError(
                f"groups ({', '.join(groups)}) and ids ({', '.join(ids)}) must have the same "
                "names, and a box name one group."
            )
        check_in_range(hit_share, 0, 1, name="hit_share")
        self._groups = {group: frozenset(members) for group, members in groups.items()}
        self._ids = {group: sorted(ids[group]) for group in groups}
        self._ignored, self._hit_share = frozenset(ignored), hit_share
        self._found = {group: np.zeros(5, np.int64) for group in groups}  # see `update`
        self._seen, self._pixels = dict.fromkeys(groups, 0), dict.fromkeys(groups, 0)

    def update(self, labels: NDArray[np.integer], boxes: Sequence[_Box]) -> None:
        """Add one frame.

        Args:
            labels: (H, W) class ids.
            boxes: Of the frame, px; what lies outside the picture is cut off.

        Raises:
            ShapeError: Not (H, W).
        """
        check_shape(labels, "H W", name="labels")
        counts = np.ones(labels.shape, bool)
        for box in boxes:
            if box.name in self._ignored:
                counts[pixels_inside(box, labels.shape)] = False
        for group, members in self._groups.items():
            right = np.isin(labels, self._ids[group])
            own = [box for box in boxes if box.name in members]
            covered = np.zeros(labels.shape, bool)
            hits = sum(self._hit(right[pixels_inside(box, labels.shape)]) for box in own)
            for box in own:
                covered[pixels_inside(box, labels.shape)] = True
            predicted = right & (counts | covered)
            inside = int((predicted & covered).sum())
            alarms = _segments_outside(predicted, covered)
            self._found[group] += [len(own), hits, int(predicted.sum()), inside, alarms]
            self._seen[group] += int(covered.sum())
            self._pixels[group] += int((counts | covered).sum())

    def _hit(self, right: NDArray[np.bool_]) -> bool:
        return bool(right.size and right.any() and right.mean() >= self._hit_share)

    def scores(self) -> dict[str, BoxScores]:
        """Scores so far, by group."""
        found = {}
        for group, (boxes, hits, predicted, inside, alarms) in self._found.items():
            found[group] = BoxScores(
                boxes=int(boxes),
                hit=_share(hits, boxes),
                pixels=int(predicted),
                inside=_share(inside, predicted),
                floor=_share(self._seen[group], self._pixels[group]),
                false_alarms=int(alarms),
            )
        return found


def pixels_inside(box: _Box, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Rows and columns of a picture of `shape`, (H, W), whose centres lie in the box; px."""
    starts, sides = (box.top, box.left), (box.height, box.width)
    spans = []
    for start, side, limit in zip(starts, sides, shape, strict=True):
        first = min(max(round(start), 0), limit)
        spans.append(slice(first, min(max(round(start + side), first), limit)))
    return spans[0], spans[1]


def _segments_outside(predicted: NDArray[np.bool_], covered: NDArray[np.bool_]) -> int:
    """Segments of `predicted`, 8-connected, that are large enough and touch nothing `covered`."""
    _, segments, stats, _ = cv2.connectedComponentsWithStats(predicted.astype(np.uint8))
    large = stats[:, cv2.CC_STAT_AREA] >= LEAST_SEGMENT_PX
    large[0] = False
    large[np.unique(segments[covered])] = False
    return int(large.sum())


def _share(part: int | np.int64, whole: int | np.int64) -> float:
    return float(part) / float(whole) if whole else float("nan")
