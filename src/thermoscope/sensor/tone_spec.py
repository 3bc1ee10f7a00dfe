"""`ToneSpec`: how a thermal frame becomes a picture, as data that is stored with weights.

A method is a name and a frozen set of parameters. Names, parameters and plain dicts are checked
strictly: a spec that a newer version wrote, or a typo, fails instead of meaning something else.
What is NOT here: doing it (`thermoscope.sensor.tone`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from thermoscope.core.checks import check_finite_number, check_in_range
from thermoscope.core.config import config_from_dict, config_to_dict
from thermoscope.core.errors import ConfigError, UnknownNameError
from thermoscope.core.registry import Registry
from thermoscope.sensor.window import Unit, Window

__all__ = [
    "Clahe",
    "ClaheBilateral",
    "FixedWindow",
    "LocalField",
    "Percentile",
    "ToneParams",
    "ToneSpec",
    "list_tones",
]


@dataclass(frozen=True)
class FixedWindow:
    """The same window for every frame: levels are comparable between frames and cameras.

    Attributes:
        low: Value of black.
        high: Value of white, > `low`.
        unit: What the two are: ``"kelvin"``, ``"counts"`` or ``"agc"``. Other input is refused.

    Raises:
        ConfigError: A limit is not finite, or `high` is not above `low`.
    """

    low: float
    high: float
    unit: Unit = "kelvin"

    def __post_init__(self) -> None:
        if Window(self.low, self.high).span <= 0:
            raise ConfigError(f"high must exceed low, got {self.low:g} and {self.high:g}.")


@dataclass(frozen=True)
class Percentile:
    """Each frame's own range, without its extreme pixels, stretched to black and white.

    Attributes:
        low_percent: Share of pixels at or below black, %.
        high_percent: Share of pixels at or below white, %, > `low_percent`.

    Raises:
        ConfigError: A percent outside [0, 100], or in the wrong order.
    """

    low_percent: float = 1.0
    high_percent: float = 99.0

    def __post_init__(self) -> None:
        check_in_range(self.low_percent, 0, 100, name="low_percent")
        check_in_range(self.high_percent, 0, 100, name="high_percent")
        if self.high_percent <= self.low_percent:
            raise ConfigError(
                "high_percent must exceed low_percent, "
                f"got {self.low_percent:g} and {self.high_percent:g}."
            )


@dataclass(frozen=True)
class Clahe(Percentile):
    """`Percentile`, then contrast-limited adaptive histogram equalisation of the 8-bit picture.

    Attributes:
        clip_limit: Steepest local curve, as a multiple of a flat histogram, > 0.
        tiles: Tiles along each side, 1 to 64.

    Raises:
        ConfigError: As `Percentile`, or `clip_limit` or `tiles` out of range.

    Source: Zuiderveld, Contrast limited adaptive histogram equalization, Graphics Gems IV, 1994.
    """

    clip_limit: float = 2.0
    tiles: int = 8

    def __post_init__(self) -> None:
        super().__post_init__()
        check_in_range(self.clip_limit, 1e-3, 1e3, name="clip_limit")
        check_in_range(self.tiles, 1, 64, name="tiles")


@dataclass(frozen=True)
class ClaheBilateral(Clahe):
    """`Clahe`, then a bilateral filter against the noise that it amplified.

    The 8-bit recipe that AnyThermal applies to MS2 and OdomBeyondVision, and FIReStereo to its
    own frames; the defaults are theirs.

    Attributes:
        diameter_px: Of the filter's neighbourhood, px, 1 to 15.
        sigma_levels: How different a neighbour may be to count, 8-bit levels, > 0.
        sigma_px: How far away a neighbour may be to count, px, > 0.

    Raises:
        ConfigError: As `Clahe`, or a filter parameter out of range.

    Source: Tomasi and Manduchi, Bilateral filtering for gray and color images, ICCV 1998.
    """

    diameter_px: int = 5
    sigma_levels: float = 20.0
    sigma_px: float = 15.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_in_range(self.diameter_px, 1, 15, name="diameter_px")
        check_in_range(self.sigma_levels, 1e-3, 1e3, name="sigma_levels")
        check_in_range(self.sigma_px, 1e-3, 1e3, name="sigma_px")


@dataclass(frozen=True)
class LocalField(Percentile):
    """Each pixel between the smooth fields of its surroundings' coldest and hottest values.

    Shares are of the frame's range from `low_percent` to `high_percent`, so one setting serves
    counts and kelvin.

    Attributes:
        cells: Cells along the shorter side of the frame, 2 to 64.
        max_step: Steepest change of a limit from a cell to the next, in [0, 1]: small follows
            the scene less and shows no blotches, large brings out more.
        iterations: Rounds of passing limits between neighbouring cells, 0 to 100.
        min_span: Least distance of the two fields: less amplifies noise. In (0, 1].
        gamma: Exponent of the result: below 1 brightens, > 0.

    Raises:
        ConfigError: As `Percentile`, or a parameter out of range.

    Source: in the spirit of Fieldscale (Gil, Jeon, Kim, IEEE RA-L 2024); own formulation.
    """

    low_percent: float = 0.5
    high_percent: float = 99.5
    cells: int = 8
    max_step: float = 0.2
    iterations: int = 7
    min_span: float = 0.35
    gamma: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_in_range(self.cells, 2, 64, name="cells")
        check_in_range(self.max_step, 0, 1, name="max_step")
        check_in_range(self.iterations, 0, 100, name="iterations")
        check_in_range(self.min_span, 1e-3, 1, name="min_span")
        check_in_range(check_finite_number(self.gamma, name="gamma"), 0.05, 20, name="gamma")


ToneParams = FixedWindow | Percentile
_METHODS: Registry[type[FixedWindow] | type[Percentile]] = Registry("tone method")
_METHODS.add("fixed", FixedWindow)
_METHODS.add("percentile", Percentile)
_METHODS.add("clahe", Clahe)
_METHODS.add("clahe_bilateral", ClaheBilateral)
_METHODS.add("local_field", LocalField)


def list_tones() -> list[str]:
    """Names of all tone mapping methods, sorted."""
    return _METHODS.names()


@dataclass(frozen=True)
class ToneSpec:
    """A tone mapping method with all its parameters.

    Attributes:
        params: Parameters; their class is the method.

    Example:
        >>> ToneSpec.of("percentile", low_percent=2).to_dict()
        {'method': 'percentile', 'low_percent': 2.0, 'high_percent': 99.0}
        >>> ToneSpec.from_dict({"method": "clahee"})
        Traceback (most recent call last):
            ...
        thermoscope.core.errors.ConfigError: unknown tone method 'clahee'. Did you mean 'clahe' \
or 'clahe_bilateral'? Known: clahe, clahe_bilateral, fixed, local_field, percentile.
    """

    params: ToneParams = Percentile()

    @property
    def method(self) -> str:
        """Name of the method."""
        return next(name for name in _METHODS if _METHODS.get(name) is type(self.params))

    @property
    def linear(self) -> bool:
        """Whether a grey level means one value all over the frame, so that a scale is honest."""
        return type(self.params) in (FixedWindow, Percentile)

    @classmethod
    def of(cls, method: str, **params: Any) -> ToneSpec:
        """The spec of `method`, with its defaults where `params` says nothing.

        Raises:
            ConfigError: Unknown method or parameter, a value out of range or of a wrong type, or
                a missing one (``"fixed"`` needs low and high).
        """
        return cls.from_dict({"method": method, **params})

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ToneSpec:
        """The spec that `to_dict` wrote.

        Raises:
            ConfigError: As `of`, or no key ``method``.
        """
        if not isinstance(values, Mapping) or not isinstance(values.get("method"), str):
            raise ConfigError(
                f"a tone spec needs the key 'method', got {values!r}. "
                f"Known methods: {', '.join(list_tones())}."
            )
        method = values["method"]
        try:
            kind = _METHODS.get(method)
        except UnknownNameError as err:
            raise ConfigError(str(err)) from err
        params = {key: value for key, value in values.items() if key != "method"}
        return cls(config_from_dict(kind, params, where=f"tone {method!r}"))

    def to_dict(self) -> dict[str, Any]:
        """Plain values: the method's name and every parameter."""
        return {"method": self.method, **config_to_dict(self.params)}
