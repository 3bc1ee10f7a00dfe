"""Frames with their truth, by name: rendered scenes, or any data set that has a reader.

One door for training and scoring of dense tasks, so that a model is scored on what it says it
was. What is NOT here: the readers (`thermoscope.data`) and the renderer (`thermoscope.synthetic`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.errors import ConfigError, DatasetCorruptError
from thermoscope.core.sample import Sample

__all__ = ["FrameChoice", "LabelledFrames", "Truth", "open_frames", "thermal_frame"]

Truth = Literal["labels", "depth"]

OPTIONS: dict[tuple[str, Truth], dict[str, Any]] = {  # where a data set has several faces
    ("cart", "labels"): {"task": "segmentation"},
    ("hituav", "labels"): {"labels": True},  # outlines of its boxes
    ("ms2", "depth"): {"stereo": False},  # frames without a right view count as well
}


@dataclass(frozen=True)
class FrameChoice:
    """Which frames.

    Attributes:
        data: ``"scenes"`` (rendered), ``"folder"`` (thermal frames of your own with labels or
            depth), or the name of a data set, such as ``"mfnet"`` or ``"pairs"``.
        root: Folder of the data set; for scenes, where finished frames are kept (None = nowhere).
        split: ``"train"``, ``"val"``, ``"test"``, or a split that the data set has besides.
        every: Takes each so many-th frame, from the first on.
        count: Largest number of frames, 0 = all; of scenes, 0 = `rendered`.
        classes: Names of the classes, where the data set does not say; the index is the id.
        taxonomy: Of the labels of scenes: ``"fmb"``, ``"mfnet"``, ``"cart"``, ``"pst900"``,
            ``"semanticrt"``, ``"kp"``, ``"fine"``.
        environments: Of scenes, in turns; empty = all four.
        preset: Rig of scenes.
        frames_per_scene: Scenes: frames of one place.
        seed: Of scenes.
        rendered: Scenes: how many where `count` is 0. It cuts no data set.
        colour: Scenes: with ``rgb``, aligned with the thermal picture (data sets give what they
            have).

    Raises:
        ConfigError: A number out of range, or a data set without a folder.
    """

    data: str = "scenes"
    root: Path | None = None
    split: str = "train"
    every: int = 1
    count: int = 0
    classes: tuple[str, ...] = ()
    taxonomy: str = "fmb"
    environments: tuple[str, ...] = ()
    preset: str = "small"
    frames_per_scene: int = 4
    seed: int = 0
    rendered: int = 0
    colour: bool = False

    def __post_init__(self) -> None:
        if self.every < 1 or min(self.count, self.rendered) < 0:
            raise ConfigError(
                "every must be at least 1, count and rendered at least 0, got "
                f"{self.every}, {self.count} and {self.rendered}."
            )
        if self.data == "scenes" and not (self.count or self.rendered):
            raise ConfigError("scenes never end: state a count of at least 1.")
        if self.data != "scenes" and self.root is None:
            raise ConfigError(f"{self.data!r} needs the folder it lies in. State root.")


class _Frames(Protocol):
    """Rendered scenes or a reader."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Sample: ...


@dataclass(frozen=True)
class LabelledFrames:
    """The frames chosen.

    Attributes:
        choice: Which.
        inner: All frames of the data set.
        classes: Names of the classes; empty where nobody says.
    """

    choice: FrameChoice
    inner: _Frames
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return min(self.available, self.choice.count) if self.choice.count else self.available

    @property
    def available(self) -> int:
        """How many there would be without a count."""
        return -(-len(self.inner) // self.choice.every)

    def __getitem__(self, index: int) -> Sample:
        """Frame `index` of those chosen.

        Raises:
            IndexError: Outside.
            DatasetCorruptError: A damaged file.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"frame {index} of {len(self)}")
        return self.inner[index * self.choice.every]

    def __iter__(self) -> Iterator[Sample]:
        return (self[i] for i in range(len(self)))

    def time_of_day(self, index: int) -> str:
        """``"day"``, ``"night"``, or "" where frame `index` does not say; decodes nothing."""
        inner: Any = self.inner
        if hasattr(inner, "item"):
            return str(inner.item(index * self.choice.every).time_of_day)
        if hasattr(inner, "moment"):
            from thermoscope.data.scenes_reader import time_of_day

            return time_of_day(inner.moment(index * self.choice.every).place.hour)
        return ""


def open_frames(choice: FrameChoice, *, truth: Truth) -> LabelledFrames:
    """The frames of a choice; nothing is decoded yet.

    Args:
        choice: Which.
        truth: What they are needed for: frames of your own folder that lack it are left out.

    Raises:
        UnknownNameError: No such data set, split, environment, rig or taxonomy.
        ConfigError: A setting out of range.
        DatasetNotFoundError: The folder does not hold the data set.
        DatasetCorruptError: There is not one frame.
    """
    if choice.data == "scenes":
        return _scenes(choice)
    inner = _reader(choice, truth)
    classes = choice.classes or tuple(getattr(inner, "classes", ()))
    frames = LabelledFrames(choice, inner, classes)
    if not len(frames):
        raise DatasetCorruptError(
            f"{choice.data}: split {choice.split!r} under {choice.root} has not one frame."
        )
    return frames


def _reader(choice: FrameChoice, truth: Truth) -> Any:
    if choice.data == "folder":
        from thermoscope.data.labelled_folder import labelled_folder

        root, names = choice.root or Path(), choice.classes
        return labelled_folder(root, split=choice.split, truth=truth, classes=names)
    from thermoscope.data.base import READERS

    options = OPTIONS.get((choice.data, truth), {})
    return READERS.get(choice.data)(choice.root, split=choice.split, **options)


def _scenes(choice: FrameChoice) -> LabelledFrames:
    from thermoscope.synthetic.dataset import Scenes
    from thermoscope.synthetic.labels import TAXONOMIES
    from thermoscope.synthetic.rig import rig_preset
    from thermoscope.synthetic.scenes import ENVIRONMENTS

    rig = rig_preset(choice.preset)
    inner = Scenes(
        split=choice.split,
        environment=choice.environments or ENVIRONMENTS,
        seed=choice.seed,
        preset=replace(rig, rgb=None) if choice.colour else rig,  # one camera sees both bands
        count=(choice.count or choice.rendered) * choice.every,
        frames_per_scene=choice.frames_per_scene,
        taxonomy=choice.taxonomy,
        colour="left" if choice.colour else "none",
        cache=choice.root,
    )
    return LabelledFrames(choice, inner, choice.classes or TAXONOMIES[choice.taxonomy].classes)


def thermal_frame(sample: Sample) -> NDArray[Any]:
    """(H, W) thermal plane of a sample: counts, else kelvin, else 8-bit levels, else `thermal`.

    Raises:
        DatasetCorruptError: The sample has none of these.
    """
    for key in ("counts", "kelvin", "agc", "thermal"):
        if key in sample:
            plane: NDArray[Any] = sample[key]
            return np.asarray(plane[0])
    raise DatasetCorruptError(
        f"sample {sample.get('name', '')!r} has no thermal plane, only {', '.join(sample)}."
    )
