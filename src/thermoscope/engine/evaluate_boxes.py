"""A segmenter against boxes: HIT-UAV's people and vehicles, seen from a drone.

What is NOT here: the scores (`thermoscope.metrics.boxes`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from thermoscope.core.errors import ConfigError, ThermoscopeError
from thermoscope.data.base import Listed
from thermoscope.data.boxes import Box
from thermoscope.engine.evaluate_segmentation import pair_of
from thermoscope.engine.segmenters import segmenter_of
from thermoscope.metrics.boxes import HIT_SHARE, BoxCount, BoxScores

__all__ = ["HITUAV_GROUPS", "RIGHT_CLASSES", "BoxReport", "evaluate_boxes"]

HITUAV_GROUPS: dict[str, tuple[str, ...]] = {
    "person": ("Person",),
    "vehicle": ("Car", "OtherVehicle"),
    "bicycle": ("Bicycle",),
}
IGNORED = ("DontCare",)
RIGHT_CLASSES: dict[str, tuple[str, ...]] = {
    "person": ("person", "pedestrian", "rider", "bicyclist", "motorcyclist", "survivor"),
    "vehicle": ("car", "truck", "bus", "vehicles", "vehicle", "van"),
    "bicycle": ("bike", "bicycle", "motorcycle", "bicyclist", "motorcyclist", "rider"),
}
"""Names of classes that are right for a group, in any data set."""


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
    groups: Mapping[str, Sequence[str]] = HITUAV_GROUPS,
    longest_px: int | None = None,
    progress: Callable[[str], None] | None = None,
) -> BoxReport:
    """Score a model against the boxes of each frame; a frame that fails is reported.

    Args:
        model: Any segmenter, see `thermoscope.engine.segmenters`.
        frames: Such as ``hituav(root, split="val")``.
        boxes: By the frame's item name, see `thermoscope.data.boxes.read_boxes`.
        groups: Group name to box names; its right classes are those of `RIGHT_CLASSES`.
        longest_px: See `Segmenter`.
        progress: Called with the name of each frame.

    Raises:
        ConfigError: No segmenter, or it has a class for no group.
    """
    segmenter = segmenter_of(model, longest_px=longest_px)
    ids = {
        group: [i for i, name in enumerate(segmenter.classes) if name in RIGHT_CLASSES[group]]
        for group in groups
    }
    known = {group: members for group, members in groups.items() if ids[group]}
    if not known:
        raise ConfigError(
            f"the model has no class for {', '.join(groups)}; it knows "
            f"{', '.join(segmenter.classes)}."
        )
    count = BoxCount(known, {group: ids[group] for group in known}, ignored=IGNORED)
    scored, failed = 0, []
    for index, item in enumerate(frames.items):
        try:
            if item.name not in boxes:
                raise ConfigError(f"there are no boxes for {item.name}. Give its annotations.")
            count.update(segmenter.labels(pair_of(frames[index])), boxes[item.name])
            scored += 1
        except ThermoscopeError as err:
            failed.append((item.name, str(err)))
        if progress is not None:
            progress(item.name)
    return BoxReport(count.scores(), scored, failed)
