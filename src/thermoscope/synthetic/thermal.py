"""Radiance of a scene in the thermal band, as it arrives at the camera.

    L = t * [e * B(T) + (1 - e) * (mirror share * L(mirrored ray) + rest * L(around))]
        + (1 - t) * B(air)

with B the in-band radiance of a black body, e the emissivity (falling towards grazing angles),
t the transmission of the air. What is NOT here: temperatures (`heat`), the sensor (`camera`),
more than one bounce, polarisation, wavelength within the band.
"""

from __future__ import annotations

from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from thermoscope.synthetic.atmosphere import sky_radiance, thermal_extinction_per_m, transmission
from thermoscope.synthetic.band import kelvin_of_radiance, radiance_of_kelvin
from thermoscope.synthetic.heat import heat_of
from thermoscope.synthetic.mirror import HORIZON, bounce
from thermoscope.synthetic.raycast import SceneCaster
from thermoscope.synthetic.scene import GBuffer, Scene
from thermoscope.synthetic.shelter import shelter_of
from thermoscope.synthetic.surface import XYZ, Surface, faded, sky_of, surfaces_of, take
from thermoscope.synthetic.texture import smooth_noise

__all__ = ["ThermalShader", "ThermalView", "shade_thermal"]

Floats = NDArray[np.float32]

MIRROR_FROM = 0.05  # mirrored share of the radiance below which it counts as diffuse
ROUGH_FRESNEL = 0.3  # of Schlick's rise towards grazing, on rough surfaces
WET_SPECULAR = 0.35
MIRRORED_ANGLE = 0.01  # panes are never flat: what they show is soft
SURROUNDINGS_SWING_K = 2.5  # untraced mirrors: things about are not all equally warm


class ThermalView(NamedTuple):
    """A view in the thermal band, noise-free.

    Attributes:
        kelvin: (H, W) float32 true surface temperature, K; nan for sky.
        radiance: (H, W) float32 in-band radiance at the camera, W m^-2 sr^-1.
    """

    kelvin: Floats
    radiance: Floats

    @property
    def apparent_kelvin(self) -> Floats:
        """(H, W) float32 temperature of the black body that looks as bright, K."""
        return kelvin_of_radiance(self.radiance)


class ThermalShader:
    """Thermal shading of one scene: build once, shade many views.

    Args:
        scene: The world.
        caster: Traces what mirrors show; without it they show a typical surrounding.
    """

    def __init__(self, scene: Scene, *, caster: SceneCaster | None = None) -> None:
        materials = [scene.materials[part.material] for part in scene.parts]
        wet = WET_SPECULAR * scene.conditions.rain
        self._conditions, self._indoor = scene.conditions, scene.indoor
        self._emissivity = np.array([m.emissivity for m in materials], np.float32)
        self._specular = np.array([max(m.specular, wet) for m in materials], np.float32)
        self._caster = caster
        self._heat, self._shelter = heat_of(scene), shelter_of(scene)
        self._horizon = HORIZON[scene.environment]
        self._seed = scene.seed % 2**31
        around = scene.conditions.air_k if scene.indoor else self._heat.ground_k()
        # walls and trees are nearer to the air than the ground is
        self._around_k = (around + scene.conditions.air_k) / 2
        self._around = _one_radiance(self._around_k)
        self._air = _one_radiance(scene.conditions.air_k)
        self._sky = self._around if scene.indoor else _mean_sky(scene)
        self._extinction = 0.0 if scene.indoor else thermal_extinction_per_m(scene.conditions)

    def shade(self, gbuffer: GBuffer, *, view_dependent: bool = True) -> ThermalView:
        """Temperature and radiance of a view.

        Args:
            gbuffer: What the rays hit, of the shader's scene.
            view_dependent: False leaves out what differs between two views of one point: mirrors,
                the fall of emissivity towards grazing angles, and the haze of distance.
        """
        kelvin = np.full(len(gbuffer.hit), np.nan, np.float32)
        radiance = np.empty(len(gbuffer.hit), np.float32)
        for surface in surfaces_of(gbuffer):
            hidden = self._shelter.hidden(surface.position)
            true = self._heat.at(surface, hidden=hidden)
            kelvin[surface.pixel] = true
            light = self._leaving(surface, true, hidden, mirrors=view_dependent)
            if view_dependent and self._extinction > 0:
                share = transmission(surface.distance_m, self._extinction)
                light = faded(light, self._air, share)
            radiance[surface.pixel] = light
        self._fill_sky(gbuffer, radiance)
        return ThermalView(kelvin.reshape(gbuffer.shape), radiance.reshape(gbuffer.shape))

    def _leaving(
        self, surface: Surface, kelvin: Floats, hidden: Floats, *, mirrors: bool
    ) -> Floats:
        """Radiance (M,) that leaves the surfaces towards the camera."""
        part = surface.part
        reflected = 1 - self._emissivity.take(part)
        specular = self._specular.take(part)
        if mirrors:
            grazing = 1 - surface.cosine
            grazing *= np.square(np.square(grazing))
            grazing *= (1 - reflected) * (ROUGH_FRESNEL + (1 - ROUGH_FRESNEL) * specular)
            reflected += grazing
        open_sky = surface.normal[2] + np.float32(1)
        open_sky *= 1 - hidden
        around = self._around + np.float32((self._sky - self._around) * 0.5) * open_sky
        if mirrors:
            chosen = np.flatnonzero(reflected * specular > MIRROR_FROM)
            if len(chosen):
                share = specular.take(chosen)
                seen = self._mirrored(surface, chosen)
                around[chosen] += share * (seen - around.take(chosen))
        out = radiance_of_kelvin(kelvin)
        around -= out
        around *= reflected
        out += around
        return out

    def _mirrored(self, surface: Surface, chosen: NDArray[np.intp]) -> Floats:
        """Radiance (K,) along the mirrored rays."""
        ray, seen = bounce(surface, chosen, self._caster)
        light = np.full(len(chosen), self._around, np.float32)
        if seen is None:
            return light if self._indoor else self._surroundings(ray)
        if not self._indoor:
            sky = np.setdiff1d(np.arange(len(chosen)), seen.pixel, assume_unique=True)
            light[sky] = sky_radiance(take(ray, sky), self._conditions, pixel_angle=MIRRORED_ANGLE)
        if len(seen.pixel):
            hidden = self._shelter.hidden(seen.position)
            kelvin = self._heat.at(seen, hidden=hidden)
            light[seen.pixel] = self._leaving(seen, kelvin, hidden, mirrors=False)
        return light

    def _surroundings(self, ray: XYZ) -> Floats:
        """What untraced mirrored rays show: ground, then things about, then sky."""
        sky = sky_radiance(ray, self._conditions, pixel_angle=MIRRORED_ANGLE)
        noise = smooth_noise(ray, 0.35, self._seed)
        noise *= np.float32(SURROUNDINGS_SWING_K)
        things = radiance_of_kelvin(noise + np.float32(self._around_k))
        share = (ray[2] + 0.06 * noise) * np.float32(1 / self._horizon)
        np.clip(share, 0, 1, out=share)
        share *= share * (3 - 2 * share)
        return np.asarray(things + share * (sky - things), np.float32)

    def _fill_sky(self, gbuffer: GBuffer, radiance: Floats) -> None:
        for pixel, ray in sky_of(gbuffer):
            radiance[pixel] = self._around if self._indoor else sky_radiance(ray, self._conditions)


_SHADERS: WeakKeyDictionary[Scene, ThermalShader] = WeakKeyDictionary()


def shade_thermal(scene: Scene, gbuffer: GBuffer, *, view_dependent: bool = True) -> ThermalView:
    """`ThermalShader.shade` without traced mirrors; the shader lives as long as the scene."""
    found = _SHADERS.get(scene)
    if found is None:
        found = _SHADERS[scene] = ThermalShader(scene)
    return found.shade(gbuffer, view_dependent=view_dependent)


def _one_radiance(kelvin: float) -> float:
    return float(radiance_of_kelvin(np.array([kelvin], np.float32))[0])


def _mean_sky(scene: Scene) -> float:
    """Radiance of the whole sky on a level surface over pi, by a spiral of directions."""
    count = 400
    # equal steps of sin^2: each direction carries the same share of the light on a level surface
    up = np.sqrt((np.arange(count) + 0.5) / count)
    turn = np.arange(count) * 2.399963
    level = np.sqrt(1 - up**2)
    lines = [line.astype(np.float32) for line in (level * np.cos(turn), level * np.sin(turn), up)]
    sky = sky_radiance((lines[0], lines[1], lines[2]), scene.conditions, pixel_angle=0.1)
    return float(np.median(sky) if not scene.conditions.night else sky.mean())
