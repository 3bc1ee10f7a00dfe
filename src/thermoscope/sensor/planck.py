"""Counts to kelvin and back: the camera's Planck curve, the path to the object, linear scales.

The camera sees ``counts = tau * (eps * S(T_object) + (1 - eps) * S(T_reflected))
+ (1 - tau) * S(T_air)`` (and the same once more for a window), where
``S(T) = R / (exp(B / T) - F) + O`` is its response to a black body. What is NOT here: in-band
radiance from first principles (see `thermoscope.synthetic.thermal`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thermoscope.core.checks import check_finite_number, check_in_range, check_positive
from thermoscope.core.errors import ConfigError, UnitError

__all__ = ["Atmosphere", "LinearScale", "Planck", "PlanckCurve", "Radiometry"]

COUNTS_MAX = 65535
ZERO_CELSIUS_K = 273.15
BLOCK_PIXELS = 1 << 20
TABLE_PIXELS = 4096  # from here on a table over the counts that occur is the faster way

# The maker's own limits of the air model: beyond them its polynomial means nothing.
AIR_RANGE_C = (-30.0, 90.0)
ROOT_WATER_MAX = 6.2365
TRANSMISSION_RANGE = (0.4, 1.0)


class Radiometry(Protocol):
    """How the counts of a frame become kelvin."""

    def kelvin_from_counts(self, counts: NDArray[np.uint16]) -> NDArray[np.float32]:
        """Temperature, K, of the same shape; nan where there is no solution."""
        ...

    def counts_from_kelvin(self, kelvin: ArrayLike) -> NDArray[np.uint16]:
        """Counts that such a temperature would give, rounded and saturated to [0, 65535]."""
        ...


@dataclass(frozen=True)
class LinearScale:
    """Counts that are a temperature already: ``kelvin = kelvin_per_count * counts + offset_k``.

    Boson TLinear and Lepton radiometric modes use 0.01 K per count (high gain: 0.01, low: 0.1);
    centi-degree Celsius exports use 0.01 with an offset of 273.15.

    Attributes:
        kelvin_per_count: K per count, > 0.
        offset_k: Temperature of count 0, K.

    Raises:
        ConfigError: `kelvin_per_count` is not positive, or `offset_k` not finite.

    Example:
        >>> LinearScale(0.01).kelvin_from_counts(np.array([[30015]], np.uint16)).item()
        300.1499938964844
    """

    kelvin_per_count: float
    offset_k: float = 0.0

    def __post_init__(self) -> None:
        check_positive(self.kelvin_per_count, name="kelvin_per_count")
        check_finite_number(self.offset_k, name="offset_k")

    def kelvin_from_counts(self, counts: NDArray[np.uint16]) -> NDArray[np.float32]:
        """Temperature, K, float32 of the same shape; nan stays nan."""
        kelvin = np.asarray(counts, np.float64) * self.kelvin_per_count + self.offset_k
        return kelvin.astype(np.float32)

    def counts_from_kelvin(self, kelvin: ArrayLike) -> NDArray[np.uint16]:
        """Counts, rounded and saturated to [0, 65535].

        Raises:
            UnitError: A temperature is not finite.
        """
        return _as_counts((_finite(kelvin) - self.offset_k) / self.kelvin_per_count)


@dataclass(frozen=True)
class PlanckCurve:
    """Response of a camera to a black body: ``counts = R / (exp(B / T) - F) + O``.

    FLIR files state R1, R2, B, F and an O of the other sign: pass ``R = R1 / R2``, ``O = -O``.

    Attributes:
        R: Gain, counts, > 0.
        B: Planck exponent, K, > 0.
        F: Close to 1, > 0.
        O: Offset, counts.

    Raises:
        ConfigError: A constant is not finite, or R, B or F is not positive.

    Source: Teledyne FLIR, Boson radiometry application note; the R-B-F-O curve of LWIR cameras.
    """

    R: float
    B: float
    F: float = 1.0
    O: float = 0.0  # noqa: E741  the maker's name for it

    def __post_init__(self) -> None:
        for name in ("R", "B", "F"):
            check_positive(getattr(self, name), name=name)
        check_finite_number(self.O, name="O")

    def signal(self, kelvin: ArrayLike) -> NDArray[np.float64]:
        """Counts (not rounded) of a black body at `kelvin`, K.

        0 K and below give O, nan stays nan; at and above ``B / ln(F)`` (F > 1), where the curve
        has a pole, the signal is infinite.
        """
        temperature = np.asarray(kelvin, np.float64)
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            excess = np.exp(self.B / temperature) - self.F
            signal = np.where(excess <= 0, np.inf, self.R / excess + self.O)
        return np.where(temperature <= 0, self.O, signal)

    def kelvin(self, signal: ArrayLike) -> NDArray[np.float64]:
        """Temperature, K, of a black body that gives `signal` counts; nan where none does."""
        excess = np.asarray(signal, np.float64) - self.O
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            kelvin = self.B / np.log(self.R / excess + self.F)
        return np.where((excess > 0) & (kelvin > 0) & np.isfinite(kelvin), kelvin, np.nan)


@dataclass(frozen=True)
class Atmosphere:
    """Transmission of air by distance, temperature and humidity (FLIR's five-constant form).

    FLIR's own software takes the air in one piece. Thermimage, flyr and the readers drawn from
    them put the external window in the middle and take two pieces of half the distance, which
    absorb more (root of the distance): 0.02 K apart at 1 m, above 1 K at 50 m. `segments` states
    which of the two is meant.

    Attributes:
        alpha_1: Attenuation of the first term without water, 1/sqrt(m).
        alpha_2: Attenuation of the second term without water, 1/sqrt(m).
        beta_1: Attenuation of the first term per sqrt of water content.
        beta_2: Attenuation of the second term per sqrt of water content.
        x: Weight of the first term.
        segments: 1 = the air in one piece; 2 = half of it on either side of the window.

    Raises:
        ConfigError: A constant is not finite, or `segments` is neither 1 nor 2.

    Source: five constants as FLIR cameras write them; water content in g/m3 from the polynomial
    that FLIR publishes for relative humidity and air temperature; limits from its sample code.
    """

    alpha_1: float = 0.006569
    alpha_2: float = 0.01262
    beta_1: float = -0.002276
    beta_2: float = -0.00667
    x: float = 1.9
    segments: int = 1

    def __post_init__(self) -> None:
        for name in ("alpha_1", "alpha_2", "beta_1", "beta_2", "x"):
            check_finite_number(getattr(self, name), name=name)
        if self.segments not in (1, 2):
            raise ConfigError(
                f"segments must be 1 (air in one piece) or 2 (halves around the window), "
                f"got {self.segments!r}."
            )

    def transmission(
        self, *, distance_m: float, air_kelvin: float, relative_humidity: float
    ) -> float:
        """Share of radiation that passes `distance_m` metres of air, in [0.4, 1].

        Air outside -30 to 90 degrees Celsius counts as the nearer limit. 0 m give exactly 1.
        """
        air_c = min(max(air_kelvin - ZERO_CELSIUS_K, AIR_RANGE_C[0]), AIR_RANGE_C[1])
        water = relative_humidity * math.exp(
            1.5587 + 0.06939 * air_c - 0.00027816 * air_c**2 + 0.00000068455 * air_c**3
        )
        root = min(math.sqrt(max(water, 0.0)), ROOT_WATER_MAX)
        path = math.sqrt(max(distance_m, 0.0))
        first = self.x * _attenuation(path * (self.alpha_1 + self.beta_1 * root))
        second = (1 - self.x) * _attenuation(path * (self.alpha_2 + self.beta_2 * root))
        return min(max(first + second, TRANSMISSION_RANGE[0]), TRANSMISSION_RANGE[1])


def _attenuation(depth: float) -> float:
    return math.exp(min(max(-depth, -50.0), 50.0))  # absurd constants must not overflow


@dataclass(frozen=True)
class Planck:
    """Full radiometry of a frame: the camera's curve and the path to the object.

    Attributes:
        curve: Response to a black body.
        emissivity: Of the object, (0, 1].
        reflected_k: Temperature of what the object mirrors, K.
        distance_m: Air between object and camera, m, >= 0.
        air_k: Air temperature, K.
        relative_humidity: 0 to 1.
        window_transmission: Of an external window, (0, 1]; 1 = none.
        window_k: Temperature of that window, K.
        atmosphere: Constants of the air's transmission.

    Raises:
        ConfigError: A value is out of its range.

    Source: the measurement formula of radiometric LWIR cameras as documented by Teledyne FLIR.
    """

    curve: PlanckCurve
    emissivity: float = 1.0
    reflected_k: float = 293.15
    distance_m: float = 0.0
    air_k: float = 293.15
    relative_humidity: float = 0.5
    window_transmission: float = 1.0
    window_k: float = 293.15
    atmosphere: Atmosphere = Atmosphere()

    def __post_init__(self) -> None:
        check_in_range(self.emissivity, 1e-3, 1.0, name="emissivity")
        check_in_range(self.window_transmission, 1e-3, 1.0, name="window_transmission")
        check_in_range(self.relative_humidity, 0.0, 1.0, name="relative_humidity")
        check_in_range(self.distance_m, 0.0, 1e5, name="distance_m")
        for name in ("reflected_k", "air_k", "window_k"):
            check_in_range(getattr(self, name), 1.0, 5000.0, name=name)

    def replace(self, **changes: float) -> Planck:
        """The same radiometry with other object parameters (``emissivity=0.95`` ...)."""
        return replace(self, **changes)  # type: ignore[arg-type]

    def _path(self) -> tuple[float, float]:
        """(gain, offset): camera signal = gain * S(T_object) + offset."""
        segments = self.atmosphere.segments
        tau = self.atmosphere.transmission(
            distance_m=self.distance_m / segments,
            air_kelvin=self.air_k,
            relative_humidity=self.relative_humidity,
        )
        air = (1 - tau) * float(self.curve.signal(self.air_k))
        reflected = (1 - self.emissivity) * float(self.curve.signal(self.reflected_k))
        window = (1 - self.window_transmission) * float(self.curve.signal(self.window_k))
        gain = self.window_transmission * tau
        offset = self.window_transmission * (tau * reflected + air) + window
        if segments == 2:  # the second half of the air, between window and camera
            gain, offset = gain * tau, offset * tau + air
        return gain * self.emissivity, offset

    def kelvin_from_counts(self, counts: NDArray[np.uint16]) -> NDArray[np.float32]:
        """Object temperature, K, float32 of the same shape; nan where there is no solution.

        A table over the counts that occur: exact, and as fast as an index.
        """
        counts = np.asarray(counts)
        gain, offset = self._path()
        if counts.dtype.kind != "u" or counts.dtype.itemsize != 2 or counts.size < TABLE_PIXELS:
            return self.curve.kelvin((counts.astype(np.float64) - offset) / gain).astype(np.float32)
        counts = counts.astype(np.uint16, copy=False)  # native byte order
        low, high = int(counts.min()), int(counts.max())
        table = self.curve.kelvin((np.arange(low, high + 1) - offset) / gain).astype(np.float32)
        kelvin = np.empty(counts.size, np.float32)
        flat = counts.reshape(-1)
        for start in range(0, counts.size, BLOCK_PIXELS):  # indexing takes 8 bytes a pixel
            block = slice(start, start + BLOCK_PIXELS)
            kelvin[block] = table[flat[block] - np.uint16(low)]
        return kelvin.reshape(counts.shape)

    def counts_from_kelvin(self, kelvin: ArrayLike) -> NDArray[np.uint16]:
        """Counts of an object at `kelvin`, rounded and saturated to [0, 65535].

        Raises:
            UnitError: A temperature is not finite.
        """
        gain, offset = self._path()
        return _as_counts(gain * self.curve.signal(_finite(kelvin)) + offset)


def _finite(kelvin: ArrayLike) -> NDArray[np.float64]:
    values = np.asarray(kelvin, np.float64)
    if not np.isfinite(values).all():
        raise UnitError("kelvin must be finite to become counts. Mask nan and infinity first.")
    return values


def _as_counts(signal: NDArray[np.float64]) -> NDArray[np.uint16]:
    return np.clip(np.rint(signal), 0, COUNTS_MAX).astype(np.uint16)
