"""A segmenter against boxes, such as HIT-UAV's people and vehicles, seen from a drone.

What is NOT here: the scores (`thermoscope.metrics.boxes`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from thermoscope.core.errors import ConfigError, ThermoscopeError
from thermoscope.data.base import Listed
from thermoscope.data.boxes import Box, class_name, is_ignored
from thermoscope.engine.evaluate_segmentation import pair_of
from thermoscope.engine.segmenters import segmenter_of
from thermoscope.metrics.boxes import HIT_SHARE, BoxCount, BoxScores

__all__ = ["RIGHT_CLASSES", "BoxReport", "evaluate_boxes", "groups_of"]

RIGHT_CLASSES: dict[str, tuple[str, ...]] = {
    "person": ("person", "pedestrian", "rider", "bicyclist", "motorcyclist", "survivor"),
    "vehicle": ("car", "truck", "bus", "vehicles", "vehicle", "other vehicle", "van"),
    "bicycle": ("bike", "bicycle", "motorcycle", "bicyclist", "motorcyclist", "rider"),
}
"""Names of classes that are right for a group, in any data set; a box of any other name is a group
of its own, for which the class of the same name is right."""


@dataclass(frozen=True)
class BoxReport:
    """Scores with what they were made from.

    Attributes:
        scores: By group; groups for which the model has no class are left out.
        frames: Frames scored.
        failed: Name and reason of each frame that could not be scored.
    """

    scores: Mapping[str, BoxScores]
    frames: int
    failed: list[tuple[str, str]] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "task": "boxes",
            "hit_share": HIT_SHARE,
            "frames": self.frames,
            "failed": [{"frame": name, "reason": reason} for name, reason in self.failed],
            "scores": {group: asdict(scores) for group, scores in self.scores.items()},
        }


def evaluate_boxes(
    model: Any,
    frames: Listed,
    boxes: Mapping[str, Sequence[Box]],
    *,
    longest_px: int | None = None,
    progress: Callable[[str], None] | None = None,
) -> BoxReport:
    """Score a model against the boxes of each frame; a frame that fails is reported.

    Boxes are of the thermal frame: a colour picture that is not aligned with it is not shown.

    Args:
        model: Any segmenter, see `thermoscope.engine.segmenters`.
        frames: Such as ``hituav(root, split="val")``.
        boxes: By the frame's item name, see `thermoscope.data.boxes.read_boxes`.
        longest_px: See `Segmenter`.
        progress: Called with the name of each frame.

    Raises:
        ConfigError: No segmenter, no box, or the model has a class for none of them.
    """
    segmenter = segmenter_of(model, longest_px=longest_px)
    names = {box.name for found in boxes.values() for box in found}
    groups = groups_of(sorted(names))
    if not groups:
        raise ConfigError("there is not one box to score against. Give annotations that have some.")
    classes = [class_name(name) for name in segmenter.classes]
    ids = {
        group: [i for i, name in enumerate(classes) if name in RIGHT_CLASSES.get(group, (group,))]
        for group in groups
    }
    known = {group: members for group, members in groups.items() if ids[group]}
    if not known:
        raise ConfigError(
            f"the model has no class for {', '.join(groups)}; it knows "
            f"{', '.join(segmenter.classes)}."
        )
    ignored = [name for name in names if is_ignored(name)]
    count = BoxCount(known, {group: ids[group] for group in known}, ignored=ignored)
    scored, failed = 0, []
    for index, item in enumerate(frames.items):
        try:
            if item.name not in boxes:
                raise ConfigError(f"there are no boxes for {item.name}. Give its annotations.")
            shown = pair_of(frames[index])
            labels = segmenter.labels(shown if frames.aligned else shown.only("thermal"))
            count.update(labels, [box.in_pixels(labels.shape) for box in boxes[item.name]])
            scored += 1
        except ThermoscopeError as err:
            failed.append((item.name, str(err)))
        if progress is not None:
            progress(item.name)
    return BoxReport(count.scores(), scored, failed)


def groups_of(names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Group name to the box names in it, see `RIGHT_CLASSES`; what is to be ignored is left out."""
    found: dict[str, list[str]] = {}
    for name in names:
        if not is_ignored(name):
            called = class_name(name)
            group = next((g for g, right in RIGHT_CLASSES.items() if called in right), called)
            found.setdefault(group, []).append(name)
    order = [*RIGHT_CLASSES, *found]
    return {g: tuple(found[g]) for g in sorted(found, key=order.index)}
