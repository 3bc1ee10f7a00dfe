"""What every environment draws before it builds: its place, what moves there, and the weather.

Each has a stream of random numbers of its own, so that another visit changes cars, people and
weather and leaves the place as it is. What is NOT here: what is built of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from thermoscope.core.checks import check_in_range
from thermoscope.synthetic.conditions import Family, check_family, sample_conditions
from thermoscope.synthetic.objects.kit import rng_of
from thermoscope.synthetic.scene import Conditions, Environment

__all__ = ["Draws", "draws_of"]


@dataclass(frozen=True)
class Draws:
    """Streams of random numbers of one visit to one place, and its conditions.

    Attributes:
        family: Checked.
        place: What stays from visit to visit.
        moving: What does not.
        conditions: Hour, season and weather outside.
    """

    family: Family
    place: np.random.Generator
    moving: np.random.Generator
    conditions: Conditions


def draws_of(
    environment: Environment,
    seed: int,
    *,
    family: str,
    hour: float | None,
    weather: str | None,
    visit: int,
) -> Draws:
    """The draws of an environment; arguments and errors as in `thermoscope.synthetic.scenes.build`.

    Example:
        >>> first, again = (
        ...     draws_of("urban", 3, family="train", hour=9.0, weather=None, visit=visit)
        ...     for visit in (0, 1)
        ... )
        >>> first.place.uniform() == again.place.uniform()
        True
        >>> first.moving.uniform() == again.moving.uniform()
        False
    """
    chosen = check_family(family)
    check_in_range(seed, 0, 2**63, name="seed")
    check_in_range(visit, 0, 2**31, name="visit")
    sky = rng_of(environment, chosen, seed, "weather", visit)
    return Draws(
        chosen,
        rng_of(environment, chosen, seed, "place"),
        rng_of(environment, chosen, seed, "visit", visit),
        sample_conditions(sky, family=chosen, hour=hour, weather=weather),
    )
