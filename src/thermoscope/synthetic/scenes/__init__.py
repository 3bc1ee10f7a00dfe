"""Generators of worlds: `build(seed, family=..., hour=..., weather=...)` gives a `Scene`."""

from __future__ import annotations

from thermoscope.core.errors import UnknownNameError
from thermoscope.synthetic.scene import Scene

__all__ = ["ENVIRONMENTS", "build"]

ENVIRONMENTS = ("aerial", "indoor", "offroad", "urban")


def build(
    environment: str,
    seed: int,
    *,
    family: str = "train",
    hour: float | None = None,
    weather: str | None = None,
    visit: int = 0,
) -> Scene:
    """The scene of an environment and a seed.

    Place (ground, buildings, trees, furniture) depends on `environment`, `seed` and `family` only;
    the hour, the weather and whatever moves (vehicles, people) also on `visit`.

    Args:
        environment: "urban", "indoor", "offroad" or "aerial".
        seed: 0 and up.
        family: "train", "val" or "test": disjoint object types, textures and weather regimes.
        hour: Local solar time, [0, 24); drawn if None.
        weather: "clear", "cloudy", "rain" or "fog"; drawn if None.
        visit: Another number comes back to the same place at another time.

    Raises:
        ConfigError: A negative seed or visit, or an hour outside [0, 24].
        UnknownNameError: Unknown environment, family or weather.
    """
    from importlib import import_module

    if environment not in ENVIRONMENTS:
        raise UnknownNameError("environment", environment, ENVIRONMENTS)
    generator = import_module(f"{__name__}.{environment}")
    scene: Scene = generator.build(seed, family=family, hour=hour, weather=weather, visit=visit)
    return scene
