"""Rendered samples by index: deterministic, random-access, the same in every process.

`Scenes` turns an index into a world, an hour and an instant (`.families`), builds the world if this
process has not just built it, and renders (`.observe`). What is NOT here: what worlds look like.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, get_args

import numpy as np

from thermoscope.core.checks import check_positive
from thermoscope.core.errors import ConfigError, UnknownNameError
from thermoscope.core.sample import Sample
from thermoscope.synthetic.cache import Recent, fingerprint, load_sample, save_sample
from thermoscope.synthetic.families import SPLITS, Hour, Moment, Place, hour_of, place_seed
from thermoscope.synthetic.labels import TAXONOMIES
from thermoscope.synthetic.observe import ColourViews, Lens, Observation, Settings
from thermoscope.synthetic.rig import VirtualRig, rig_preset
from thermoscope.synthetic.scenes import ENVIRONMENTS
from thermoscope.synthetic.world import World

__all__ = ["RENDERER", "Scenes"]

RENDERER = 2
"""Goes up when the same settings render other pictures: old caches and folders are not reused."""
WEATHERS = (None, "clear", "cloudy", "rain", "fog")
WORLDS_KEPT = 2  # a process: built worlds are tens of megabytes each


@dataclass(frozen=True)
class Scenes:
    """Rendered thermal and colour stereo with exact ground truth.

    ``Scenes(split="train", environment="urban", seed=0)[i]`` is a Sample. Consecutive indices share
    a world (`frames_per_scene` of them), which makes reading in order fast; `shuffled` gives an
    order that is random and still fast.

    Attributes:
        split: "train", "val" or "test": they share no world and no family of objects, textures
            or weather.
        environment: "urban", "indoor", "offroad", "aerial"; several take turns, scene by scene.
        seed: Another number is another data set.
        preset: Rig, by name or as an object.
        count: Number of samples.
        frames_per_scene: Samples of one visit to one place.
        visits: Passes over each place, at another hour each, with other cars and people.
        rate_hz: Frames a second of a visit.
        hour: Local solar time [0, 24), "day", "night", or None = all hours.
        weather: "clear", "cloudy", "rain", "fog", or None = all.
        taxonomy: Of the labels: "fine", "mfnet", "cart", "fmb", "pst900", "semanticrt", "kp".
        lens: "rectified", or "distorted" = through the lenses of the rig, without disparity.
        noise: False drops the sensor and what depends on the view (mirrors, haze), nothing else.
        colour: "stereo", "left" or "none": colour pictures cost about half of the time.
        cache: Folder that keeps finished samples; None = render each time.

    Raises:
        ConfigError: A number, hour or lens out of range.
        UnknownNameError: Unknown split, environment, preset, weather or taxonomy.

    Example:
        >>> tiny = Scenes(environment="urban", preset="tiny", count=20, visits=2)
        >>> tiny.moment(17).name, tiny.moment(17).place.visit
        ('urban_00000_v1_000001', 1)
    """

    split: str = "train"
    environment: str | tuple[str, ...] = ENVIRONMENTS
    seed: int = 0
    preset: str | VirtualRig = "small"
    count: int = 1000
    frames_per_scene: int = 16
    visits: int = 1
    rate_hz: float = 1.0
    hour: Hour = None
    weather: str | None = None
    taxonomy: str = "fmb"
    lens: Lens = "rectified"
    noise: bool = True
    colour: ColourViews = "stereo"
    cache: str | Path | None = None

    def __post_init__(self) -> None:
        for name in ("count", "frames_per_scene", "visits", "rate_hz"):
            check_positive(getattr(self, name), name=name)
        if not isinstance(self.seed, int) or self.seed < 0:
            raise ConfigError(f"seed must be a whole number of 0 or more, got {self.seed!r}.")
        if self.lens not in ("rectified", "distorted"):
            raise ConfigError(f"lens must be 'rectified' or 'distorted', got {self.lens!r}.")
        if self.colour not in get_args(ColourViews):
            raise ConfigError(f"colour must be 'stereo', 'left' or 'none', got {self.colour!r}.")
        if not self.environments:
            raise ConfigError(f"environment is empty. Choose from {', '.join(ENVIRONMENTS)}.")
        for environment in self.environments:
            if environment not in ENVIRONMENTS:
                raise UnknownNameError("environment", environment, ENVIRONMENTS)
        if self.split not in SPLITS:
            raise UnknownNameError("split", self.split, SPLITS)
        if self.taxonomy not in TAXONOMIES:
            raise UnknownNameError("taxonomy", self.taxonomy, TAXONOMIES)
        if self.weather not in WEATHERS:
            raise UnknownNameError("weather", str(self.weather), [w for w in WEATHERS if w])
        hour_of(self.hour, seed=0, visit=0)
        rig_preset(self.preset)

    @property
    def environments(self) -> tuple[str, ...]:
        """The environments that take turns."""
        return (self.environment,) if isinstance(self.environment, str) else self.environment

    @property
    def rig(self) -> VirtualRig:
        """The rig."""
        return rig_preset(self.preset)

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Sample]:
        return (self[i] for i in range(self.count))

    def __getitem__(self, index: int) -> Sample:
        """Sample `index`.

        Raises:
            IndexError: Outside the data set.
            WriteError: The cache folder cannot be written.
            DatasetCorruptError: A damaged file in the cache.
        """
        if self.cache is None:
            return self.observe(index).sample()
        moment = self.moment(index)  # its range check comes first
        path = Path(self.cache) / self.fingerprint / f"{moment.name}.npz"
        if path.is_file():
            return load_sample(path)
        sample = self.observe(index).sample()
        save_sample(path, sample)
        return sample

    def observe(self, index: int) -> Observation:
        """Instant `index`, of which single pictures can be asked.

        Raises:
            IndexError: Outside the data set.
        """
        moment = self.moment(index)
        world = _WORLDS((moment.place, self._visit_s))
        return Observation(world, moment, self._settings)

    def moment(self, index: int) -> Moment:
        """World, hour and time of instant `index`; builds nothing.

        Raises:
            IndexError: Outside the data set.
        """
        if not -self.count <= index < self.count:
            raise IndexError(f"sample {index} of {self.count}")
        scene, frame = divmod(index % self.count, self.frames_per_scene)
        number, visit = divmod(scene, self.visits)
        environment = self.environments[number % len(self.environments)]
        seed = place_seed(self.split, environment, self.seed, number)
        hour = hour_of(self.hour, seed=seed, visit=visit)
        place = Place(environment, seed, self.split, hour, self.weather, visit)
        return Moment(place, number, frame, frame / self.rate_hz)

    def shuffled(self, epoch: int) -> list[int]:
        """All indices in random order, the frames of one scene together: each is built once."""
        rng = np.random.default_rng([self.seed, epoch, 0x7368])
        starts = np.arange(0, self.count, self.frames_per_scene)
        order: list[int] = []
        for start in rng.permutation(starts).tolist():
            frames = np.arange(start, min(start + self.frames_per_scene, self.count))
            order += rng.permutation(frames).tolist()
        return order

    @property
    def fingerprint(self) -> str:
        """16 hex digits that name these settings; `count` and `cache` do not change a sample."""
        skipped = ("count", "cache", "preset")
        settings: dict[str, Any] = {
            f.name: getattr(self, f.name) for f in fields(self) if f.name not in skipped
        }
        return fingerprint({**settings, "rig": asdict(self.rig), "renderer": RENDERER})

    @property
    def _visit_s(self) -> float:
        return (self.frames_per_scene - 1) / self.rate_hz

    @property
    def _settings(self) -> Settings:
        return Settings(
            rig=self.rig,
            taxonomy=self.taxonomy,
            lens=self.lens,
            noise=self.noise,
            colour=self.colour,
            rate_hz=self.rate_hz,
            visit_s=self._visit_s,
        )


def _built(key: tuple[Place, float]) -> World:
    place, visit_s = key
    return World.build(place, lasting_s=visit_s)


_WORLDS: Recent[tuple[Place, float], World] = Recent(_built, WORLDS_KEPT)
