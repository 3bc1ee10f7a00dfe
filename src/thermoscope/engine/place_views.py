"""Pictures of places and what is known of them, from rendered loops or any data set with a reader.

A map (gallery) and what is looked for in it (queries) are two lists of views: the same frames in
another modality for pairs, another visit at another hour for rendered loops. What is NOT here:
describing and scoring them (`thermoscope.engine.evaluate_retrieval`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.checks import check_positive
from thermoscope.core.errors import ConfigError, DatasetCorruptError, DatasetNotFoundError
from thermoscope.core.files import data_folder
from thermoscope.data.base import READERS, Dataset
from thermoscope.data.real_pairs import SOURCES
from thermoscope.engine.labelled_frames import thermal_frame
from thermoscope.models.place import PlaceRecognizer
from thermoscope.models.prepare import Modality
from thermoscope.synthetic.dataset import Scenes
from thermoscope.synthetic.scenes import ENVIRONMENTS

__all__ = [
    "Described",
    "PlaceChoice",
    "PlacePair",
    "PlaceView",
    "PlaceViews",
    "describe_views",
    "open_places",
    "reader_options",
]

Hour = Literal["day", "night"]
NEAR_BLACK = 20 / 255  # mean of a colour picture in [0, 1]: little but lamps can be seen


@dataclass(frozen=True, eq=False)
class PlaceView:
    """One picture.

    Attributes:
        name: Id of the moment it was taken at: both modalities of a pair bear the same.
        source: Data set.
        recording: Drive or visit it is of.
        index: Position along the recording.
        position_m: (3) nan where not known.
        picture: As `network_input` takes it.
    """

    name: str
    source: str
    recording: str
    index: int
    position_m: NDArray[np.float64]
    picture: NDArray[Any]


class PlaceViews(Protocol):
    """Views in the order of recording."""

    def __len__(self) -> int:
        """Number of views."""
        ...

    def view(self, number: int, modality: Modality) -> PlaceView:
        """View `number` (0-based) in one modality."""
        ...


@dataclass(frozen=True)
class PlacePair:
    """A map, and what is looked for in it.

    Attributes:
        gallery: The map.
        queries: May be the same object.
    """

    gallery: PlaceViews
    queries: PlaceViews


@dataclass(frozen=True)
class PlaceChoice:
    """Which pictures.

    Attributes:
        data: ``"scenes"`` (rendered loops), or names of data sets, joined by commas: each is a
            source with a gallery of its own, and all together make the merged one.
        root: Folder of the data sets; for the collection of real pairs, the one in
            `THERMOSCOPE_DATA` if None; for scenes, unused.
        split: ``"train"``, ``"val"``, ``"test"``, or a split that the data set has besides.
        every: Takes each so many-th frame of a data set, from the first on.
        count: Largest number of frames of a data set, 0 = all; for scenes frames of all loops
            together.
        environments: Of scenes, in turns; empty = all four.
        preset: Rig of scenes.
        frames_per_scene: Scenes: frames of one loop.
        rate_hz: Scenes: frames a second.
        map_hour: Scenes: when the map was made.
        query_hour: Scenes: when the queries were taken, on another visit.
        seed: Of scenes.

    Raises:
        ConfigError: A number out of range, or data sets without a folder.
    """

    data: str = "scenes"
    root: Path | None = None
    split: str = "val"
    every: int = 1
    count: int = 0
    environments: tuple[str, ...] = ()
    preset: str = "small"
    frames_per_scene: int = 12
    rate_hz: float = 1.0
    map_hour: Hour = "day"
    query_hour: Hour = "night"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.every < 1 or self.count < 0:
            raise ConfigError(
                f"every must be at least 1 and count at least 0, got {self.every} and {self.count}."
            )
        check_positive(self.frames_per_scene, name="frames_per_scene")
        if self.data == "scenes" and self.count == 0:
            raise ConfigError("scenes never end: state a count of at least 1.")
        needs_root = self.data != "scenes" and not set(self.names) <= set(SOURCES)
        if self.root is None and needs_root:
            raise ConfigError(f"{self.data!r} needs the folder it lies in. State root.")
        for hour in (self.map_hour, self.query_hour):
            if hour not in get_args(Hour):
                raise ConfigError(f"hours of scenes are 'day' or 'night', got {hour!r}.")

    @property
    def names(self) -> list[str]:
        """The data sets."""
        return [name.strip() for name in self.data.split(",") if name.strip()]


def open_places(choice: PlaceChoice) -> PlacePair:
    """Map and queries of a choice; nothing is decoded or rendered yet.

    Raises:
        UnknownNameError: No such data set, split, environment or rig.
        ConfigError: A setting out of range.
        DatasetNotFoundError: The folder does not hold the data set.
        DatasetCorruptError: There is not one frame.
    """
    if choice.data == "scenes":
        return PlacePair(
            _SceneViews(_scenes(choice, choice.map_hour), 0, choice.count),
            _SceneViews(_scenes(choice, choice.query_hour), 1, choice.count),
        )
    views = _Joined([_dataset_views(name, choice) for name in choice.names])
    if not len(views):
        raise DatasetCorruptError(
            f"{choice.data}: split {choice.split!r} under {choice.root} has not one frame."
        )
    return PlacePair(views, views)


def _scenes(choice: PlaceChoice, hour: Hour) -> Scenes:
    loops = -(-choice.count // choice.frames_per_scene)
    return Scenes(
        split=choice.split,
        environment=choice.environments or ENVIRONMENTS,
        seed=choice.seed,
        preset=choice.preset,
        count=2 * loops * choice.frames_per_scene,
        frames_per_scene=choice.frames_per_scene,
        visits=2,
        rate_hz=choice.rate_hz,
        hour=hour,
        colour="left",
    )


class _SceneViews:
    """One visit to each place of rendered scenes with two visits."""

    def __init__(self, scenes: Scenes, visit: int, count: int) -> None:
        self.scenes, self.visit, self.count = scenes, visit, count

    def __len__(self) -> int:
        return self.count

    def view(self, number: int, modality: Modality) -> PlaceView:
        """See `PlaceViews`."""
        place, frame = divmod(number, self.scenes.frames_per_scene)
        index = (2 * place + self.visit) * self.scenes.frames_per_scene + frame
        observation = self.scenes.observe(index)
        moment = observation.moment
        environment = moment.place.environment
        return PlaceView(
            name=moment.name,
            source=f"scenes {environment}",
            recording=f"{environment}_{moment.number:05d}",
            index=frame,
            position_m=np.asarray(observation.T_world_camera[:3, 3], dtype=float),
            picture=observation.rgb if modality == "rgb" else observation.counts[0],
        )


class _DatasetViews:
    """Frames of a reader."""

    def __init__(self, dataset: Dataset, numbers: Sequence[int]) -> None:
        self.dataset, self.numbers = dataset, numbers

    def __len__(self) -> int:
        return len(self.numbers)

    def view(self, number: int, modality: Modality) -> PlaceView:
        """See `PlaceViews`.

        Raises:
            DatasetCorruptError: The frame has no picture of that modality, or is damaged.
        """
        item = self.dataset.item(self.numbers[number])
        sample = self.dataset[self.numbers[number]]
        if modality == "rgb" and "rgb" not in sample:
            raise DatasetCorruptError(
                f"{self.dataset.name}: {item.name} has no colour picture, only {', '.join(sample)}."
            )
        position = np.full(3, np.nan)
        if item.position_m is not None:
            known = np.asarray(item.position_m, dtype=float)[:3]
            position[:] = 0.0
            position[: len(known)] = known
        return PlaceView(
            name=f"{self.dataset.name}/{item.name}",
            source=self.dataset.name,
            recording=f"{self.dataset.name}/{item.sequence}",
            index=item.index,
            position_m=position,
            picture=sample["rgb"] if modality == "rgb" else thermal_frame(sample),
        )


def reader_options(name: str, split: str) -> dict[str, Any]:
    """What a reader must be told to give colour, thermal and position, and nothing that costs time.

    Args:
        name: Data set.
        split: ``"val"`` of MS2 is the published list for retrieval, with its crops.
    """
    if name != "ms2":
        return {}
    if split == "val":
        return {"protocol": "retrieval"}
    return {"stereo": False, "depth": "none", "positions": True}


def _dataset_views(name: str, choice: PlaceChoice) -> _DatasetViews:
    root = choice.root or data_folder()
    if root is None:
        raise DatasetNotFoundError(
            f"{name} is of the collection of real frames. Set THERMOSCOPE_DATA to its folder, or "
            "state root."
        )
    options = reader_options(name, choice.split)
    dataset: Dataset = READERS.get(name)(root, split=choice.split, **options)
    numbers = range(0, len(dataset), choice.every)
    return _DatasetViews(dataset, numbers[: choice.count] if choice.count else numbers)


class _Joined:
    """Several lists as one."""

    def __init__(self, parts: Sequence[PlaceViews]) -> None:
        self.places = [(part, number) for part in parts for number in range(len(part))]

    def __len__(self) -> int:
        return len(self.places)

    def view(self, number: int, modality: Modality) -> PlaceView:
        """See `PlaceViews`."""
        part, inner = self.places[number]
        return part.view(inner, modality)


@dataclass(frozen=True, eq=False)
class Described:
    """Views that a model has described; all lists are of one length.

    Attributes:
        descriptors: (N, D) of unit length.
        views: Without their pictures.
        positions_m: (N, 3), nan where not known.
        near_black: (N) whether a colour picture shows next to nothing.
    """

    descriptors: NDArray[np.float32]
    views: tuple[PlaceView, ...]
    positions_m: NDArray[np.float64]
    near_black: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.views)

    def of(self, rows: NDArray[np.bool_]) -> Described:
        """Those of the views."""
        kept = tuple(v for v, keep in zip(self.views, rows, strict=True) if keep)
        return Described(
            self.descriptors[rows], kept, self.positions_m[rows], self.near_black[rows]
        )


_EMPTY = np.zeros((0, 0), np.uint8)


def describe_views(
    model: PlaceRecognizer,
    views: PlaceViews,
    modality: Modality,
    *,
    batch_size: int = 16,
    progress: Callable[[str], None] | None = None,
) -> Described:
    """Describe every view in one modality; one batch of pictures is in memory at a time.

    Args:
        model: Describes.
        views: Of what.
        modality: Which picture of each view.
        batch_size: Pictures at a time.
        progress: Called with the name of each view.

    Raises:
        DatasetCorruptError: A view has no such picture.
        ConfigError: No view, or `batch_size` is not positive.
    """
    if not len(views):
        raise ConfigError("there is no picture to describe.")
    kept: list[PlaceView] = []
    dark: list[bool] = []

    def pictures() -> Iterator[NDArray[Any]]:
        for number in range(len(views)):
            view = views.view(number, modality)
            kept.append(replace(view, picture=_EMPTY))
            dark.append(modality == "rgb" and _is_near_black(view.picture))
            yield view.picture
            if progress is not None:
                progress(view.name)

    found = model.describe(pictures(), modality=modality, batch_size=batch_size)
    positions = np.stack([view.position_m for view in kept])
    return Described(found, tuple(kept), positions, np.array(dark))


def _is_near_black(picture: NDArray[Any]) -> bool:
    largest = 255.0 if picture.dtype == np.uint8 else 1.0
    return float(picture.mean()) / largest < NEAR_BLACK
