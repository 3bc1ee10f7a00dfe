"""Which world, hour and instant a sample index stands for, and which worlds a split may show.

An index names a scene (a place, a visit) and a frame on its path. Splits never meet: their seeds
differ, and each builds from its own family of objects, textures and weather (`conditions`,
`scenes`). What is NOT here: building or rendering anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from thermoscope.core.checks import check_in_range
from thermoscope.core.errors import ConfigError, UnknownNameError

__all__ = ["SPLITS", "Hour", "Moment", "Place", "carrier_of", "hour_of", "start_ns"]

SPLITS = ("train", "val", "test")
Hour = float | Literal["day", "night"] | None
DAY_HOURS = (9.5, 14.5)  # the sun is up in every season between 30 and 55 degrees north
NIGHT_HOURS = (22.0, 28.0)
EPOCH_NS = 1_755_820_800_000_000_000  # 2025-08-22 00:00 UTC: the first day of the sensor clock
DAY_NS = 86_400_000_000_000
APART_M = 1000.0  # worlds are this far apart in the common frame

_CARRIERS: dict[str, tuple[tuple[str, float], ...]] = {
    "urban": (("vehicle", 0.7), ("handheld", 0.3)),
    "indoor": (("handheld", 0.6), ("robot", 0.4)),
    "offroad": (("handheld", 0.6), ("robot", 0.4)),
    "aerial": (("drone", 1.0),),
}


@dataclass(frozen=True)
class Place:
    """A world at an hour: everything that building it takes.

    Attributes:
        environment: "urban" ...
        seed: Of the generator.
        family: Split whose objects, textures and weather it uses.
        hour: Local solar time, [0, 24).
        weather: Kind of weather, None = drawn.
        visit: Pass over the same place; 0 is the first.
    """

    environment: str
    seed: int
    family: str
    hour: float
    weather: str | None
    visit: int


@dataclass(frozen=True)
class Moment:
    """One frame: where in the data set, and when on the path.

    Attributes:
        place: The world.
        number: Of the place in the data set: visits share it.
        frame: Of the visit, from 0.
        time_s: Since the start of the visit.
    """

    place: Place
    number: int
    frame: int
    time_s: float

    @property
    def name(self) -> str:
        """Unique in the data set: ``urban_00012_v0_000003``."""
        world = self.place
        return f"{world.environment}_{self.number:05d}_v{world.visit}_{self.frame:06d}"

    @property
    def origin_m(self) -> tuple[float, float, float]:
        """Where the world's origin lies in the frame that all worlds share, m."""
        return (APART_M * self.number, 0.0, 0.0)


def place_seed(split: str, environment: str, seed: int, number: int) -> int:
    """Seed of one place, different for every argument.

    Raises:
        UnknownNameError: No such split.
    """
    if split not in SPLITS:
        raise UnknownNameError("split", split, SPLITS)
    letters = [ord(letter) for letter in environment]
    sequence = np.random.SeedSequence([SPLITS.index(split), seed, number, *letters])
    return int(sequence.generate_state(1)[0])


def hour_of(wanted: Hour, *, seed: int, visit: int) -> float:
    """Hour of a visit, [0, 24): visits of one place are spread over the day.

    Args:
        wanted: An hour, "day", "night", or None for any hour.
        seed: Of the place.
        visit: 0 is the first; even and odd ones are about twelve hours apart if any hour will do.

    Raises:
        ConfigError: An hour outside [0, 24), or another word.
    """
    share = float(np.random.default_rng([seed, visit, 0x686F]).uniform())
    if wanted is None:
        first = 24.0 * float(np.random.default_rng([seed, 0x686F]).uniform())
        return first if visit == 0 else (first + 12.0 * visit + 6.0 * (share - 0.5)) % 24.0
    if isinstance(wanted, str):
        if wanted not in ("day", "night"):
            raise ConfigError(f"hour must be a number, 'day', 'night' or None, got {wanted!r}.")
        low, high = DAY_HOURS if wanted == "day" else NIGHT_HOURS
        return (low + (high - low) * share) % 24.0
    return check_in_range(float(wanted), 0.0, 24.0, name="hour") % 24.0


def carrier_of(environment: str, *, seed: int) -> str:
    """Who carries the rig through a place: vehicle, person, robot or drone.

    Raises:
        UnknownNameError: Unknown environment.
    """
    if environment not in _CARRIERS:
        raise UnknownNameError("environment", environment, _CARRIERS)
    names, shares = zip(*_CARRIERS[environment], strict=True)
    return str(np.random.default_rng([seed, 0x6361]).choice(names, p=shares))


def start_ns(number: int, *, hour: float, visit: int) -> int:
    """Sensor clock at the start of a visit: a day of its own for each visit, ns since 1970."""
    day = number * 16 + visit
    return EPOCH_NS + day * DAY_NS + round(hour * 3600) * 1_000_000_000
