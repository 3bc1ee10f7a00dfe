"""A thermal camera: from radiance to counts, with the faults of an uncooled core.

    counts = offset + gain * (radiance, blurred, vignetted about the shutter's) + drift + noise

rounded and clipped to the converter's range. The fixed pattern, dead pixels, gain and offset
belong to a camera (its `seed`), drift to the time since the last shutter event, noise to a frame.
What is NOT here: the bolometer's lag and rolling readout, saturation recovery, tone mapping.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from thermoscope.core.checks import check_finite_number, check_positive, check_shape
from thermoscope.core.errors import ConfigError, UnitError
from thermoscope.core.registry import Registry
from thermoscope.sensor.noise import NoiseModel, NoiseSimulator, simulate_noise
from thermoscope.sensor.planck import PlanckCurve
from thermoscope.synthetic.band import band_radiance, kelvin_of_radiance, radiance_of_kelvin

__all__ = ["THERMAL_CAMERAS", "FfcSchedule", "ThermalCameraModel"]

Floats = NDArray[np.float32]
Counts = NDArray[np.uint16]

# R / (exp(B / T) - F) that follows the in-band radiance within 0.15 K from 240 to 400 K.
BAND_R, BAND_B, BAND_F = 5473.66, 1385.64, 2.883
SHUTTER_K = 305.0  # the shutter has the housing's temperature
NOISE_AT_K = 300.0  # the temperature at which noise is stated
LEAST_BLUR_PX = 0.05  # less changes nothing
PATTERN_STREAM, DEFECT_STREAM, DRIFT_STREAM, UNIT_STREAM, FRAME_STREAM = range(5)
NOT_NEGATIVE = (
    "blur_px", "vignetting", "netd_mk", "row_jitter_mk", "column_jitter_mk", "pixel_fpn_mk",
    "row_fpn_mk", "column_fpn_mk", "drift_mk", "dead_share", "hot_share",
)  # fmt: skip


@dataclass(frozen=True)
class ThermalCameraModel:
    """One camera. Noise is stated in mK at a scene of 300 K.

    Attributes:
        gain: Counts per W m^-2 sr^-1 in 7.5-13.5 um, > 0 (0.89 of them are 1 K at 300 K).
        offset_counts: Counts at no radiance.
        bit_depth: Of the converter, 8 to 16.
        blur_px: Standard deviation of lens and pixel together, px.
        vignetting: Share of contrast lost in the corners, [0, 1).
        netd_mk: Random noise of a pixel in a frame.
        row_jitter_mk: Random noise of a row in a frame.
        column_jitter_mk: Random noise of a column in a frame.
        pixel_fpn_mk: Fixed pattern of pixels.
        row_fpn_mk: Fixed pattern of rows.
        column_fpn_mk: Fixed pattern of columns.
        drift_mk: Slow shading, grown over the first minute after a shutter event; it grows on
            with the root of time.
        dead_share: Share of pixels that always read the same.
        hot_share: Share of pixels that read too much.
        seed: Serial number: the same number has the same pattern and defects.

    Raises:
        ConfigError: A value is out of its range.
    """

    gain: float = 40.0
    offset_counts: float = 1500.0
    bit_depth: int = 14
    blur_px: float = 0.0
    vignetting: float = 0.0
    netd_mk: float = 0.0
    row_jitter_mk: float = 0.0
    column_jitter_mk: float = 0.0
    pixel_fpn_mk: float = 0.0
    row_fpn_mk: float = 0.0
    column_fpn_mk: float = 0.0
    drift_mk: float = 0.0
    dead_share: float = 0.0
    hot_share: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        check_positive(self.gain, name="gain")
        check_finite_number(self.offset_counts, name="offset_counts")
        if not 8 <= self.bit_depth <= 16:
            raise ConfigError(f"bit_depth must lie in [8, 16], got {self.bit_depth!r}.")
        for name in NOT_NEGATIVE:
            if check_finite_number(getattr(self, name), name=name) < 0:
                raise ConfigError(f"{name} must not be negative, got {getattr(self, name)!r}.")
        for name in ("vignetting", "dead_share", "hot_share"):
            if getattr(self, name) >= 1:
                raise ConfigError(f"{name} is a share below 1, got {getattr(self, name)!r}.")

    # -- the curve -------------------------------------------------------------------------------

    @property
    def counts_per_kelvin(self) -> float:
        """Slope at a black body of 300 K."""
        below, above = band_radiance([NOISE_AT_K - 0.5, NOISE_AT_K + 0.5])
        return self.gain * float(above - below)

    @property
    def curve(self) -> PlanckCurve:
        """The camera's response as an R-B-F-O curve: within 0.15 K from 240 to 400 K."""
        return PlanckCurve(R=self.gain * BAND_R, B=BAND_B, F=BAND_F, O=self.offset_counts)

    def kelvin_from_counts(self, counts: ArrayLike) -> Floats:
        """Apparent temperature, K, float32: exact but for noise and rounding; nan below 150 K."""
        radiance = (np.asarray(counts, np.float64) - self.offset_counts) / self.gain
        kelvin = kelvin_of_radiance(radiance.astype(np.float32))
        return np.where(radiance > 0.35, kelvin, np.float32(np.nan))

    def counts_from_kelvin(self, kelvin: ArrayLike) -> Counts:
        """Counts of a black body, without faults, rounded and clipped to the converter.

        Raises:
            UnitError: A temperature is not finite.
        """
        values = np.asarray(kelvin, np.float32)
        if not np.isfinite(values).all():
            raise UnitError("kelvin must be finite to become counts. Mask nan and infinity first.")
        return self._converted(
            radiance_of_kelvin(values) * np.float32(self.gain) + np.float32(self.offset_counts)
        )

    # -- variants --------------------------------------------------------------------------------

    def without_sensor(self) -> ThermalCameraModel:
        """The same gain, offset and converter, and nothing else of a camera."""
        return ThermalCameraModel(
            gain=self.gain,
            offset_counts=self.offset_counts,
            bit_depth=self.bit_depth,
            seed=self.seed,
        )

    def pair(self, seed: int) -> tuple[ThermalCameraModel, ThermalCameraModel]:
        """Two units of this type: 70 to 150 counts apart, gains up to 1.5 % apart.

        Args:
            seed: Of the pair; it numbers both cameras.
        """
        rng = np.random.default_rng([UNIT_STREAM, seed, self.seed])
        apart = rng.uniform(70, 150) * rng.choice([-1, 1])
        gain_apart = 1 + rng.uniform(-0.015, 0.015)
        left, right = (int(number) for number in rng.integers(1, 2**31, 2))
        return (
            replace(self, seed=left, offset_counts=self.offset_counts + apart / 2),
            replace(
                self,
                seed=right,
                # the same scene at the shutter's temperature: only the offset differs there
                offset_counts=self.offset_counts - apart / 2 + self._at_shutter * (1 - gain_apart),
                gain=self.gain * gain_apart,
            ),
        )

    # -- a frame ---------------------------------------------------------------------------------

    def expose(self, radiance: Floats, *, frame_seed: int, since_ffc_s: float = 30.0) -> Counts:
        """The frame that this camera gives.

        Args:
            radiance: (H, W) float32 at the lens, W m^-2 sr^-1.
            frame_seed: Numbers the frame: the same number has the same noise.
            since_ffc_s: Time since the last shutter event, s: drift grows with it.

        Returns:
            (H, W) uint16 counts.

        Raises:
            ShapeError: Not (H, W).
        """
        check_shape(radiance, "H W", name="radiance")
        signal = self._blurred(np.asarray(radiance, np.float32))
        signal = signal * np.float32(self.gain) + np.float32(self.offset_counts)
        height, width = signal.shape
        if self.vignetting > 0:
            middle = np.float32(self.offset_counts + self._at_shutter)
            signal = middle + (signal - middle) * _vignette(self.vignetting, height, width)
        if self.drift_mk > 0:
            signal += self._drift(height, width, since_ffc_s)
        pattern = self._pattern
        if pattern.fpn > 0:
            signal += _fixed_pattern(pattern, self.seed, height, width)
        if self._temporal.temporal > 0:
            rng = np.random.default_rng([FRAME_STREAM, self.seed, frame_seed])
            signal = simulate_noise(signal, self._temporal, rng)
        if self.dead_share + self.hot_share > 0:
            self._spoil(signal)
        return self._converted(signal)

    def _blurred(self, radiance: Floats) -> Floats:
        if self.blur_px <= LEAST_BLUR_PX:
            return radiance
        out = cv2.GaussianBlur(radiance, (0, 0), self.blur_px, borderType=cv2.BORDER_REFLECT)
        return np.asarray(out, np.float32)

    @property
    def _at_shutter(self) -> float:
        return self.gain * float(band_radiance(SHUTTER_K))

    @property
    def _temporal(self) -> NoiseModel:
        per_mk = self.counts_per_kelvin / 1000
        return NoiseModel(
            sigma_tvh=self.netd_mk * per_mk,
            sigma_tv=self.row_jitter_mk * per_mk,
            sigma_th=self.column_jitter_mk * per_mk,
        )

    @property
    def _pattern(self) -> NoiseModel:
        per_mk = self.counts_per_kelvin / 1000
        return NoiseModel(
            sigma_vh=self.pixel_fpn_mk * per_mk,
            sigma_v=self.row_fpn_mk * per_mk,
            sigma_h=self.column_fpn_mk * per_mk,
        )

    def _drift(self, height: int, width: int, since_ffc_s: float) -> Floats:
        """Smooth shading, counts: one shape a camera."""
        size = self.drift_mk / 1000 * self.counts_per_kelvin * math.sqrt(max(since_ffc_s, 0) / 60)
        return np.asarray(np.float32(size) * _shading(self.seed, height, width))

    def _spoil(self, signal: Floats) -> None:
        rng = np.random.default_rng([DEFECT_STREAM, self.seed])
        flat = signal.reshape(-1)
        dead, hot = (
            rng.integers(0, flat.size, rng.poisson(share * flat.size))
            for share in (self.dead_share, self.hot_share)
        )
        flat[dead] = rng.uniform(0, 2**self.bit_depth, len(dead))
        flat[hot] += rng.uniform(3, 25, len(hot)) * self.counts_per_kelvin

    def _converted(self, signal: Floats) -> Counts:
        top = np.float32(2**self.bit_depth - 1)
        return np.clip(np.rint(signal), np.float32(0), top).astype(np.uint16)


@dataclass(frozen=True)
class FfcSchedule:
    """When the shutter falls, and what the camera shows meanwhile.

    During a flat-field correction the last frame before it is repeated.

    Attributes:
        period_s: From one event to the next, s, > 0.
        freeze_s: Length of the freeze, s, >= 0, below the period.
        first_s: Start of the first event.

    Raises:
        ConfigError: A length is not positive, or the freeze is as long as the period.

    Example:
        >>> schedule = FfcSchedule(period_s=180.0, freeze_s=0.5, first_s=10.0)
        >>> schedule.frozen(10.2), schedule.shown_s(10.2), round(schedule.since_s(12.0), 3)
        (True, 10.0, 1.5)
    """

    period_s: float = 180.0
    freeze_s: float = 0.5
    first_s: float = 90.0

    def __post_init__(self) -> None:
        check_positive(self.period_s, name="period_s")
        check_finite_number(self.first_s, name="first_s")
        if not 0 <= check_finite_number(self.freeze_s, name="freeze_s") < self.period_s:
            raise ConfigError(
                f"freeze_s must lie in [0, period_s), got {self.freeze_s!r} of {self.period_s!r}."
            )

    def frozen(self, t_s: float) -> bool:
        """Whether the camera repeats a frame at time `t_s`."""
        return (t_s - self.first_s) % self.period_s < self.freeze_s

    def shown_s(self, t_s: float) -> float:
        """Time of the frame that is shown: `t_s` itself, or the start of the freeze."""
        return t_s - (t_s - self.first_s) % self.period_s if self.frozen(t_s) else t_s

    def since_s(self, t_s: float) -> float:
        """Time since the last correction ended, s."""
        return (self.shown_s(t_s) - self.first_s - self.freeze_s) % self.period_s


# -- fields of a camera --------------------------------------------------------------------------


@lru_cache(maxsize=16)
def _vignette(loss: float, height: int, width: int) -> Floats:
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    return np.asarray(1 - loss * ((x * x + y * y) / 2) ** 1.5, np.float32)


@lru_cache(maxsize=16)
def _fixed_pattern(model: NoiseModel, seed: int, height: int, width: int) -> Floats:
    rng = np.random.default_rng([PATTERN_STREAM, seed])
    return NoiseSimulator(model, height=height, width=width, rng=rng).pattern


@lru_cache(maxsize=32)
def _shading(seed: int, height: int, width: int) -> Floats:
    """Smooth field of unit deviation: a few low cosines, brighter or darker towards the edges."""
    rng = np.random.default_rng([DRIFT_STREAM, seed])
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    field = rng.normal() * ((2 * x - 1) ** 2 + (2 * y - 1) ** 2)
    for k in range(4):
        for m in range(3):
            weight = rng.normal() / (1 + k * k + m * m)
            field += weight * np.cos(np.pi * (k * x + m * y + rng.random()))
    field -= field.mean()
    return np.asarray(field / max(float(field.std()), 1e-9), np.float32)


THERMAL_CAMERAS: Registry[ThermalCameraModel] = Registry("thermal camera")
THERMAL_CAMERAS.add("ideal", ThermalCameraModel())
THERMAL_CAMERAS.add(
    "boson",
    ThermalCameraModel(
        blur_px=1.0, vignetting=0.05, netd_mk=20.0, row_jitter_mk=4.0, column_jitter_mk=4.0,
        pixel_fpn_mk=16.0, row_fpn_mk=7.0, column_fpn_mk=10.0, drift_mk=60.0, dead_share=6e-6,
        hot_share=6e-6,
    ),
)  # fmt: skip
THERMAL_CAMERAS.add(
    "ms2",
    ThermalCameraModel(
        gain=59.5, offset_counts=-100.0, blur_px=1.0, vignetting=0.05, netd_mk=28.0,
        row_jitter_mk=5.0, column_jitter_mk=6.0, pixel_fpn_mk=16.0, row_fpn_mk=6.0,
        column_fpn_mk=12.0, drift_mk=80.0,
    ),
)  # fmt: skip
