"""A colour camera: from linear light to a picture in [0, 1].

Exposure, lens blur and vignetting, photon and read noise (what makes night pictures grainy),
highlights that roll off, and the sRGB curve. What is NOT here: the colour filter's mosaic, JPEG,
rolling shutter, automatic exposure (`rgb` proposes one).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from thermoscope.core.checks import check_finite_number, check_positive, check_shape
from thermoscope.core.errors import ConfigError
from thermoscope.core.registry import Registry

__all__ = ["RGB_CAMERAS", "RgbCameraModel"]

Floats = NDArray[np.float32]

CURVE_STEPS = 4096
WHITE = 4.0  # exposed light that becomes pure white


@dataclass(frozen=True)
class RgbCameraModel:
    """One colour camera.

    Attributes:
        blur_px: Standard deviation of lens and pixel together, px.
        vignetting: Share of light lost in the corners, [0, 1).
        photon_noise: Standard deviation at full white in daylight, share of white; it grows with
            the root of the gain.
        read_noise: Standard deviation in the dark at exposure 1; it grows with the gain.
        denoising: Blur that the camera applies against noise, px for each factor of 10 in gain.
        gain_limit: Largest exposure: darker scenes stay dark.

    Raises:
        ConfigError: A value is out of its range.
    """

    blur_px: float = 0.0
    vignetting: float = 0.0
    photon_noise: float = 0.0
    read_noise: float = 0.0
    denoising: float = 0.0
    gain_limit: float = 2500.0

    def __post_init__(self) -> None:
        for name in ("blur_px", "vignetting", "photon_noise", "read_noise", "denoising"):
            if check_finite_number(getattr(self, name), name=name) < 0:
                raise ConfigError(f"{name} must not be negative, got {getattr(self, name)!r}.")
        if self.vignetting >= 1:
            raise ConfigError(f"vignetting is a share below 1, got {self.vignetting!r}.")
        check_positive(self.gain_limit, name="gain_limit")

    def expose(self, linear: Floats, *, exposure: float, frame_seed: int = 0) -> Floats:
        """(H, W, 3) float32 picture in [0, 1], gamma-coded.

        Args:
            linear: (H, W, 3) float32 light, linear RGB.
            exposure: Multiplies the light, up to `gain_limit`.
            frame_seed: Numbers the frame: the same number has the same noise.

        Raises:
            ShapeError: Not (H, W, 3).
            ConfigError: `exposure` is not positive.
        """
        check_shape(linear, "H W 3", name="linear")
        gain = min(check_positive(exposure, name="exposure"), self.gain_limit)
        light = linear * np.float32(gain)
        if self.blur_px > 0.05:
            light = cv2.GaussianBlur(light, (0, 0), self.blur_px, borderType=cv2.BORDER_REFLECT)
        if self.vignetting > 0:
            light *= _falloff(self.vignetting, *light.shape[:2])
        if self.photon_noise + self.read_noise > 0:
            light = self._noisy(light, gain, frame_seed)
        return _coded(light)

    def _noisy(self, light: Floats, gain: float, frame_seed: int) -> Floats:
        rng = np.random.default_rng([97, frame_seed])
        noise = rng.standard_normal(light.shape, np.float32)
        variance = light * np.float32(self.photon_noise**2 * min(gain, 60.0))
        variance += np.float32((self.read_noise * min(gain, 60.0)) ** 2)
        noise *= np.sqrt(np.maximum(variance, 0), out=variance)
        noise += light
        if self.denoising > 0 and gain > 1:
            size = self.denoising * math.log10(gain)
            sigma = max(size, 0.1)
            soft = cv2.GaussianBlur(noise, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
            noise = np.asarray(soft, np.float32)
        return np.asarray(noise, np.float32)


def _coded(light: Floats) -> Floats:
    """Highlight roll-off and sRGB curve by table; light of `WHITE` and more is 1."""
    place = np.sqrt(np.clip(light, 0, np.float32(WHITE)) * np.float32(1 / WHITE))
    place *= CURVE_STEPS - 1
    return np.asarray(_curve().take(np.rint(place).astype(np.intp)))


@lru_cache(maxsize=1)
def _curve() -> Floats:
    light = WHITE * np.linspace(0, 1, CURVE_STEPS) ** 2
    rolled = light * (1 + light / WHITE**2) / (1 + light / 1.6)
    rolled = np.clip(rolled / rolled[-1], 0, 1)
    srgb = np.where(rolled < 0.0031308, 12.92 * rolled, 1.055 * rolled ** (1 / 2.4) - 0.055)
    return np.asarray(srgb, np.float32)


@lru_cache(maxsize=8)
def _falloff(loss: float, height: int, width: int) -> Floats:
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    return np.asarray(1 - loss * (x * x + y * y) / 2, np.float32)[..., None]


RGB_CAMERAS: Registry[RgbCameraModel] = Registry("colour camera")
RGB_CAMERAS.add("ideal", RgbCameraModel())
RGB_CAMERAS.add(
    "typical",
    RgbCameraModel(
        blur_px=0.8, vignetting=0.25, photon_noise=0.002, read_noise=0.0001, denoising=0.2
    ),
)
