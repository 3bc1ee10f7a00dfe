"""Weather, season and hour: where the sun stands, how cold the sky is, what each family may show.

Air follows season, latitude and a daily wave; the clear sky in the long-wave window is far colder
than the air, clouds and fog close that window. What is NOT here: surface temperatures.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from thermoscope.core.checks import check_in_range
from thermoscope.core.errors import UnknownNameError
from thermoscope.synthetic.scene import Conditions

__all__ = [
    "REGIMES",
    "Family",
    "Regime",
    "Season",
    "Weather",
    "check_family",
    "sample_conditions",
    "sky_kelvin",
    "sun_direction",
]

Family = Literal["train", "val", "test"]
Weather = Literal["clear", "cloudy", "rain", "fog"]
Season = Literal["spring", "summer", "autumn", "winter"]
Range = tuple[float, float]

DAY_OF_YEAR = {"spring": 105, "summer": 196, "autumn": 288, "winter": 15}
SEASON_MEAN_K = {"spring": 283.0, "summer": 293.0, "autumn": 284.0, "winter": 274.0}
DEEP_GROUND_K = {"spring": 281.0, "summer": 289.0, "autumn": 287.0, "winter": 279.0}


@dataclass(frozen=True)
class Regime:
    """The ranges that one kind of weather of one family is drawn from.

    Attributes:
        name: "steady_rain", "haze" ...
        weather: What it counts as.
        cloud: Cover.
        rain: Rate.
        fog: Density.
        wind: Strength.
        humidity: Relative.
        air_offset_k: Against the mean of the season, K.
        seasons: Those it happens in.
    """

    name: str
    weather: Weather
    cloud: Range
    rain: Range = (0.0, 0.0)
    fog: Range = (0.0, 0.0)
    wind: Range = (0.05, 0.4)
    humidity: Range = (0.35, 0.65)
    air_offset_k: Range = (-5.0, 5.0)
    seasons: tuple[Season, ...] = ("spring", "summer", "autumn", "winter")


REGIMES: dict[Family, tuple[Regime, ...]] = {
    "train": (
        Regime("fair", "clear", (0.0, 0.15)),
        Regime("thin_cloud", "cloudy", (0.4, 0.7)),
        Regime(
            "steady_rain", "rain", (0.85, 0.95), rain=(0.3, 0.55), fog=(0.0, 0.08),
            humidity=(0.8, 0.9), air_offset_k=(-5.0, 1.0), seasons=("spring", "summer", "autumn"),
        ),
        Regime(
            "morning_fog", "fog", (0.5, 0.8), fog=(0.2, 0.4), wind=(0.0, 0.1),
            humidity=(0.92, 0.97), air_offset_k=(-5.0, 0.0), seasons=("spring", "autumn", "winter"),
        ),
    ),
    "val": (
        Regime(
            "crisp", "clear", (0.0, 0.1), wind=(0.4, 0.6), humidity=(0.2, 0.35),
            air_offset_k=(-9.0, -5.0),
        ),
        Regime("broken_cloud", "cloudy", (0.7, 0.8), wind=(0.4, 0.6), humidity=(0.65, 0.75)),
        Regime(
            "drizzle", "rain", (0.95, 1.0), rain=(0.1, 0.28), fog=(0.08, 0.14),
            humidity=(0.9, 0.95), air_offset_k=(-6.0, 0.0), seasons=("spring", "autumn", "winter"),
        ),
        Regime(
            "haze", "fog", (0.2, 0.5), fog=(0.1, 0.18), wind=(0.1, 0.2),
            humidity=(0.75, 0.9), air_offset_k=(0.0, 5.0), seasons=("spring", "summer"),
        ),
    ),
    "test": (
        Regime(
            "heat", "clear", (0.15, 0.3), wind=(0.0, 0.1), humidity=(0.3, 0.5),
            air_offset_k=(5.0, 11.0), seasons=("spring", "summer"),
        ),
        Regime("overcast", "cloudy", (0.85, 1.0), wind=(0.1, 0.5), humidity=(0.7, 0.85)),
        Regime(
            "storm", "rain", (0.95, 1.0), rain=(0.6, 0.95), fog=(0.14, 0.2), wind=(0.6, 0.9),
            humidity=(0.9, 0.98), air_offset_k=(-4.0, 3.0), seasons=("summer", "autumn"),
        ),
        Regime(
            "freezing_fog", "fog", (0.8, 1.0), fog=(0.45, 0.7), wind=(0.0, 0.15),
            humidity=(0.95, 1.0), air_offset_k=(-8.0, -2.0), seasons=("winter",),
        ),
    ),
}  # fmt: skip
"""Weather of each family: no two families share a regime; every family has all four weathers."""


def check_family(family: str) -> Family:
    """`family` itself.

    Raises:
        UnknownNameError: It is not "train", "val" or "test".
    """
    for known in get_args(Family):
        if family == known:
            return known  # type: ignore[no-any-return]
    raise UnknownNameError("family", family, get_args(Family))


def sun_direction(
    hour: float, *, day_of_year: int, latitude_deg: float
) -> tuple[float, float, float]:
    """Unit vector towards the sun: x east, y north, z up.

    Args:
        hour: Local solar time, [0, 24).
        day_of_year: 1 to 366.
        latitude_deg: North positive.

    Example:
        >>> x, y, z = sun_direction(12.0, day_of_year=81, latitude_deg=45.0)
        >>> round(abs(x), 3), round(y, 3), round(z, 3)
        (0.0, -0.707, 0.707)

    Source: Cooper, The absorption of solar radiation in solar stills, 1969 (declination).
    """
    declination = np.radians(23.45) * np.sin(2 * np.pi * (284 + day_of_year) / 365)
    latitude, turn = np.radians(latitude_deg), np.radians(15.0 * (hour - 12.0))
    east = -np.cos(declination) * np.sin(turn)
    level = np.cos(declination) * np.cos(turn)
    north = np.cos(latitude) * np.sin(declination) - np.sin(latitude) * level
    up = np.sin(latitude) * np.sin(declination) + np.cos(latitude) * level
    return float(east), float(north), float(up)


def sky_kelvin(air_k: float, *, cloud: float, fog: float, humidity: float) -> float:
    """Effective temperature of the zenith in 8-14 um, K.

    Clear and dry it lies 60 K under the air, clear and moist 30 K; low cloud radiates almost like
    the air, and fog more so.

    Source: the spread of clear values as in Martin and Berdahl, Characteristics of infrared sky
    radiation in the United States, 1984; cloud closes the window in proportion to its cover.
    """
    deficit = 60.0 - 30.0 * humidity
    gap = deficit * (1.0 - 0.92 * cloud**0.8) * (1.0 - 0.95 * min(1.0, 2.5 * fog)) + 1.0
    return float(air_k - gap)


def sample_conditions(
    rng: np.random.Generator,
    *,
    family: str,
    hour: float | None = None,
    weather: str | None = None,
    indoor: bool = False,
) -> Conditions:
    """Weather, season and hour of one visit.

    Args:
        rng: Source of all draws; the same draws are made whatever is fixed.
        family: "train", "val" or "test": chooses the regimes.
        hour: Local solar time, [0, 24); drawn if None.
        weather: "clear", "cloudy", "rain" or "fog"; drawn if None.
        indoor: Air is room air, and there is no weather inside.

    Raises:
        ConfigError: `hour` is not in [0, 24].
        UnknownNameError: Unknown family or weather.
    """
    regimes = REGIMES[check_family(family)]
    if weather is not None and weather not in get_args(Weather):
        raise UnknownNameError("weather", weather, get_args(Weather))
    if hour is not None:
        hour = check_in_range(hour, 0.0, 24.0, name="hour") % 24.0
    u = rng.uniform(size=12)
    open_to = [r for r in regimes if weather in (None, r.weather)]
    shares = np.array([3.0 if r.weather in ("clear", "cloudy") else 1.0 for r in open_to])
    regime = open_to[int(np.searchsorted(np.cumsum(shares) / shares.sum(), u[0]))]
    season = regime.seasons[int(u[1] * len(regime.seasons))]
    clock = 24.0 * u[2] if hour is None else hour
    cloud, rain, fog = (_at(r, v) for r, v in zip(
        (regime.cloud, regime.rain, regime.fog), u[3:6], strict=True
    ))  # fmt: skip
    humidity = _at(regime.humidity, u[6])
    swing = 6.5 * (1.0 - 0.75 * max(cloud, fog))
    wave = np.cos(2 * np.pi * (clock - 15.0) / 24.0)
    air = SEASON_MEAN_K[season] + _at(regime.air_offset_k, u[7]) + swing * wave
    if indoor:
        air = 291.0 + 6.0 * u[7]
    sun = sun_direction(
        clock, day_of_year=DAY_OF_YEAR[season], latitude_deg=30.0 + 25.0 * float(u[8])
    )
    return Conditions(
        hour=float(clock),
        sun_direction=sun,
        air_k=float(air),
        sky_k=float(sky_kelvin(air, cloud=cloud, fog=fog, humidity=humidity)),
        ground_k=DEEP_GROUND_K[season] + 4.0 * float(u[9] - 0.5),
        cloud=cloud,
        rain=0.0 if indoor else rain,
        fog=0.0 if indoor else fog,
        wind=0.0 if indoor else _at(regime.wind, u[10]),
        humidity=humidity,
        season=season,
        weather=regime.weather,
        regime=regime.name,
    )


def _at(limits: Range, share: float) -> float:
    return float(limits[0] + (limits[1] - limits[0]) * share)
