"""Stereo frames by name, in the groups that are averaged, and what a protocol makes of their truth.

What is NOT here: scoring (`thermoscope.engine.evaluate_stereo`) and the readers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thermoscope.core.errors import ConfigError, UnknownNameError
from thermoscope.core.sample import Sample
from thermoscope.metrics.stereo import CATS_LIMITS_PX, LIMITS_PX

__all__ = [
    "STEREO_PROTOCOLS",
    "StereoGroup",
    "StereoProtocol",
    "limits_of",
    "scene_groups",
    "stereo_groups",
]

SCENE_CONDITIONS: dict[str, dict[str, Any]] = {
    "day": {"hour": "day", "weather": "clear"},
    "night": {"hour": "night", "weather": "clear"},
    "rain": {"weather": "rain"},
    "fog": {"weather": "fog"},
}


@dataclass(frozen=True)
class StereoProtocol:
    """Which truth, and which pixels count.

    Attributes:
        truth: What a reader is asked for.
        text: In a sentence.
    """

    truth: str
    text: str


STEREO_PROTOCOLS: dict[str, StereoProtocol] = {
    "filtered": StereoProtocol(
        "filtered",
        "MS2: depth_filtered as disparity; CATS: interpolated truth under its mask; scenes: all "
        "known pixels, occluded ones included",
    ),
    "raw": StereoProtocol(
        "raw",
        "MS2: depth as projected; CATS: raw truth, NaN left out; scenes: pixels that both views "
        "see",
    ),
}


@dataclass(frozen=True)
class StereoGroup:
    """Frames that are averaged together, such as a condition of an environment.

    Attributes:
        name: ``urban/day``; parts between slashes are also averaged on their own.
        frames: Samples with views, disparity and valid.
    """

    name: str
    frames: Sequence[Sample]


def scene_groups(
    *,
    split: str = "val",
    count: int = 8,
    environments: Sequence[str] = ("urban", "indoor", "offroad", "aerial"),
    conditions: Sequence[str] = tuple(SCENE_CONDITIONS),
    preset: str = "ms2",
    seed: int = 0,
    cache: Path | None = None,
) -> list[StereoGroup]:
    """Rendered frames, sensor noise on: `count` of each environment in each condition.

    Raises:
        UnknownNameError: No such split, environment, condition or rig.
        ConfigError: `count` is not positive.
    """
    from thermoscope.synthetic.dataset import Scenes

    groups = []
    for environment in environments:
        for condition in conditions:
            if condition not in SCENE_CONDITIONS:
                raise UnknownNameError("condition", condition, SCENE_CONDITIONS)
            frames: Any = Scenes(
                split=split,
                environment=environment,
                seed=seed,
                preset=preset,
                count=count,
                frames_per_scene=min(2, count),
                colour="none",
                cache=cache,
                **SCENE_CONDITIONS[condition],
            )
            groups.append(StereoGroup(f"{environment}/{condition}", frames))
    return groups


def stereo_groups(
    data: str,
    root: Path | None,
    *,
    protocol: str = "filtered",
    split: str = "test",
    count: int = 0,
    every: int = 1,
) -> list[StereoGroup]:
    """Frames of a data set by name, in the groups that its papers average over.

    Args:
        data: ``"scenes"``, ``"ms2"``, ``"cats"``, ``"firestereo"``, or another with a reader that
            gives two thermal views and disparity.
        root: Folder; for scenes where rendered frames are kept.
        protocol: Name in `STEREO_PROTOCOLS`.
        split: Of the data set; ``"test"`` of MS2 is its three lists of day, night and rain.
        count: Largest number of frames of a group, 0 = all; 8 for scenes if 0.
        every: Takes each so many-th frame.

    Raises:
        UnknownNameError: No such data set or protocol.
        ConfigError: A data set without a folder.
        DatasetNotFoundError: The folder does not hold it.
    """
    if protocol not in STEREO_PROTOCOLS:
        raise UnknownNameError("stereo protocol", protocol, STEREO_PROTOCOLS)
    if data == "scenes":
        return scene_groups(split=split, count=count or 8, cache=root)
    if root is None:
        raise ConfigError(f"{data!r} needs the folder it lies in. Give --root.")
    from thermoscope.data.base import READERS

    splits = {"ms2": ("test_day", "test_night", "test_rainy")}.get(data, (split,))
    truth = STEREO_PROTOCOLS[protocol].truth
    options: dict[str, Any] = {
        "cats": {"truth": truth},
        "ms2": {"depth": truth, "colour": "none", "protocol": "benchmark"},
    }.get(data, {})
    names = splits if split == "test" else (split,)
    return [
        StereoGroup(name, _Every(READERS.get(data)(root, split=name, **options), every, count))
        for name in names
    ]


@dataclass(frozen=True)
class _Every(Sequence[Sample]):
    """Each so many-th frame of a reader, up to a count."""

    inner: Any
    every: int
    most: int

    def __len__(self) -> int:
        found = -(-len(self.inner) // self.every)
        return min(found, self.most) if self.most else found

    def __getitem__(self, index: int) -> Sample:  # type: ignore[override]
        sample: Sample = self.inner[index * self.every]
        return sample

    @property
    def disparity_range(self) -> Callable[[int], tuple[float, float]] | None:
        stated = getattr(self.inner, "disparity_range", None)
        return None if stated is None else lambda index: stated(index * self.every)


def limits_of(data: str) -> tuple[float, ...]:
    """Limits of bad pixels that users of a data set report, px."""
    return CATS_LIMITS_PX if data == "cats" else LIMITS_PX
