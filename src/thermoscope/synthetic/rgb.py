"""The scene in the visible band: albedo, sun, sky, lamps, gloss and haze, then a colour camera.

Light is in units of a white surface under the noon sun, linear RGB, until `RgbCameraModel` turns
it into a picture. What is NOT here: shadows of lamps, more than one bounce, lens flare.
"""

from __future__ import annotations

from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from thermoscope.synthetic.atmosphere import transmission, visible_extinction_per_m
from thermoscope.synthetic.daylight import Colour, Daylight, daylight, sky_colour
from thermoscope.synthetic.lamps import LampLight
from thermoscope.synthetic.mirror import bounce
from thermoscope.synthetic.raycast import SceneCaster
from thermoscope.synthetic.rgb_camera import RGB_CAMERAS, RgbCameraModel
from thermoscope.synthetic.scene import GBuffer, Scene
from thermoscope.synthetic.shelter import shelter_of
from thermoscope.synthetic.surface import XYZ, Surface, dot, faded, sky_of, surfaces_of, take
from thermoscope.synthetic.texture import TextureSet, smooth_noise

__all__ = ["RgbShader", "RgbView", "shade_rgb"]

Floats = NDArray[np.float32]
Indices = NDArray[np.intp]

GLOSS_FROM = 0.03  # mirrored share below which gloss is left out
FACING_GLOSS = 0.12  # of the gloss seen straight on; grazing shows all of it
CONTRAST = 2.1  # a tile uses half of its range most of the time
FOG_DEPTH_M = 300.0  # of the air that hides the sky
PATCH_M = {"urban": 3.0, "indoor": 1.0, "offroad": 4.0, "aerial": 9.0}  # stains and repairs
PATCHY = 2.5  # how sharply they are bounded
PATCH_SHARE = {"urban": 0.45, "indoor": 0.12, "offroad": 0.45, "aerial": 0.45}  # of the contrast
SWEPT = {"concrete": 0.4, "plaster": 0.4, "linoleum": 0.5, "carpet": 0.4, "wallpaper": 0.7}
"""Of the contrast indoors, where no weather is."""
GROUND_ALBEDO = 0.16
INDOOR_LIGHT = 2e-4  # of scattered light in a room, over the light of its lamps


class RgbView(NamedTuple):
    """A view in the visible band, noise-free.

    Attributes:
        linear: (H, W, 3) float32 light, linear RGB; 1 = white under the noon sun.
        exposure: What a light meter proposes to multiply it with.
    """

    linear: Floats
    exposure: float


class RgbShader:
    """Visible shading of one scene: build once, shade many views.

    Args:
        scene: The world.
        caster: Traces what gloss shows; without it gloss shows the sky.

    Raises:
        UnknownNameError: A material names an unknown texture.
    """

    def __init__(self, scene: Scene, *, caster: SceneCaster | None = None) -> None:
        parts = scene.parts
        materials = [scene.materials[part.material] for part in parts]
        albedo = np.array([m.albedo for m in materials]) * np.array([p.tint for p in parts])
        glow = np.array([p.tint for p in parts]) * np.array([[p.glow] for p in parts])
        self._albedo = [np.ascontiguousarray(c, np.float32) for c in albedo.T]
        self._glow = [np.ascontiguousarray(c, np.float32) for c in glow.T]
        self._glows = bool(glow.any())
        even = [SWEPT.get(m.name, 1.0) if scene.indoor else 1.0 for m in materials]
        contrast = np.array([m.texture_contrast for m in materials]) * even
        self._contrast = contrast.astype(np.float32)
        self._gloss = np.array([m.gloss for m in materials], np.float32)
        self._texture = TextureSet(
            [m.texture for m in materials],
            [m.texture_scale_m for m in materials],
            [part.seed for part in parts],
        )
        self._conditions, self._lamps, self._indoor = scene.conditions, scene.lamps, scene.indoor
        self._seed, self._patch_m = scene.seed % 2**31, PATCH_M[scene.environment]
        self._patch_share = np.float32(PATCH_SHARE[scene.environment])
        self._caster, self._shelter = caster, shelter_of(scene)
        self._light = DARK if scene.indoor else daylight(scene.conditions, scene.environment)
        self._extinction = 0.0 if scene.indoor else visible_extinction_per_m(scene.conditions)

    def shade(self, gbuffer: GBuffer, *, view_dependent: bool = True) -> RgbView:
        """Light of a view.

        Args:
            gbuffer: What the rays hit, of the shader's scene.
            view_dependent: False leaves out gloss and haze.
        """
        lamps = LampLight(self._lamps, gbuffer.position_m[gbuffer.hit])
        picture = np.empty((len(gbuffer.hit), 3), np.float32)
        haze = self._haze()
        for surface in surfaces_of(gbuffer):
            colours = self._leaving(surface, lamps, gloss=view_dependent)
            share = None
            if view_dependent and self._extinction > 0:
                share = transmission(surface.distance_m, self._extinction)
            for channel, line in enumerate(colours):
                seen = line if share is None else faded(line, haze[channel], share)
                picture[surface.pixel, channel] = seen
        self._fill_sky(gbuffer, picture)
        height, width = gbuffer.shape
        return RgbView(picture.reshape(height, width, 3), self._exposure(lamps.mean))

    def _leaving(self, surface: Surface, lamps: LampLight, *, gloss: bool) -> list[Floats]:
        """Three lines (M,) of light that leaves the surfaces towards the camera."""
        hidden = self._shelter.hidden(surface.position)
        light = self._arriving(surface, hidden, lamps)
        part = surface.part
        shade = self._texture.sample(part, surface.position, surface.normal, surface.footprint_m)
        patches = smooth_noise(surface.position, self._patch_m, self._seed + 1)
        patches *= np.float32(PATCHY)
        shade += np.tanh(patches, out=patches) * self._patch_share
        shade *= self._contrast.take(part)
        shade *= np.float32(CONTRAST)
        shade += 1
        np.maximum(shade, np.float32(0.15), out=shade)
        shade *= np.float32(1 - 0.35 * self._conditions.rain)
        out = []
        for channel, arriving in enumerate(light):
            colour = self._albedo[channel].take(part)
            colour *= arriving
            colour *= shade
            if self._glows:
                colour += self._glow[channel].take(part)
            out.append(colour)
        if gloss:
            self._add_gloss(out, surface, lamps)
        return out

    def _arriving(
        self, surface: Surface, hidden: Floats, lamps: LampLight
    ) -> tuple[Floats, Floats, Floats]:
        """Light on the surfaces: sun, sky, thrown back by the ground, lamps."""
        sun = dot(surface.normal, self._conditions.sun_direction)
        np.maximum(sun, 0, out=sun)
        sun *= surface.sunlit
        open_sky = 0.5 + 0.5 * surface.normal[2]
        below = 1 - open_sky
        below *= 1 - 0.6 * hidden
        open_sky *= 1 - hidden
        light = self._light
        height = max(self._conditions.sun_direction[2], 0.0)
        lines = []
        for channel in range(3):
            ground = GROUND_ALBEDO * (light.sky[channel] + height * light.sun[channel])
            line = sun * np.float32(light.sun[channel])
            line += open_sky * np.float32(light.sky[channel])
            line += below * np.float32(ground)
            lines.append(line)
        lamps.add((lines[0], lines[1], lines[2]), surface)
        scattered = (0.18 if self._indoor else 0.03) * lamps.mean
        around = np.float32(scattered) * (1 - 0.8 * hidden)
        return lines[0] + around, lines[1] + around, lines[2] + around

    def _add_gloss(self, colours: list[Floats], surface: Surface, lamps: LampLight) -> None:
        share = self._gloss.take(surface.part)
        if self._conditions.rain > 0:
            level = np.clip(surface.normal[2] * 4 - 3, 0, 1)
            share = np.maximum(share, np.float32(0.35 * self._conditions.rain) * level)
        grazing = 1 - surface.cosine
        grazing *= np.square(np.square(grazing))
        share *= np.float32(FACING_GLOSS) + np.float32(1 - FACING_GLOSS) * grazing
        chosen = np.flatnonzero(share > GLOSS_FROM)
        if not len(chosen):
            return
        seen = self._mirrored(surface, chosen, lamps)
        amount = share.take(chosen)
        for line, mirrored in zip(colours, seen, strict=True):
            line[chosen] += amount * (mirrored - line.take(chosen))

    def _mirrored(self, surface: Surface, chosen: Indices, lamps: LampLight) -> list[Floats]:
        ray, seen = bounce(surface, chosen, self._caster)
        things = [0.3 * lamps.mean + 0.25 * share for share in self._haze()]
        light = [np.full(len(chosen), share, np.float32) for share in things]
        if not self._indoor:
            open_sky = ray[2] > 0
            if seen is not None:
                open_sky[seen.pixel] = False
            sky = np.flatnonzero(open_sky)
            for line, colour in zip(light, self._sky(take(ray, sky), angle=0.01), strict=True):
                line[sky] = colour
        if seen is not None and len(seen.pixel):
            for line, colour in zip(light, self._leaving(seen, lamps, gloss=False), strict=True):
                line[seen.pixel] = colour
        return light

    def _sky(self, ray: XYZ, *, angle: float = 0.002) -> tuple[Floats, Floats, Floats]:
        return sky_colour(ray, self._conditions, self._light, pixel_angle=angle)

    def _haze(self) -> Colour:
        """Colour of thick air: the horizon's."""
        sky, sun = self._light.sky, self._light.sun
        red, green, blue = (1.1 * sky[i] + 0.06 * sun[i] for i in range(3))
        return red, green, blue

    def _fill_sky(self, gbuffer: GBuffer, picture: Floats) -> None:
        haze, thick = self._haze(), 1 - float(np.exp(-FOG_DEPTH_M * self._extinction))
        for pixel, ray in sky_of(gbuffer):
            colours = self._sky(ray)
            for channel, line in enumerate(colours):
                seen = line + np.float32(thick) * (np.float32(haze[channel]) - line)
                picture[pixel, channel] = 0 if self._indoor else seen

    def _exposure(self, lamp_light: float) -> float:
        height = max(self._conditions.sun_direction[2], 0.0)
        level = np.mean(self._light.sky) + height * np.mean(self._light.sun)
        wanted = 1.1 if self._indoor else 2.3  # walls are brighter than streets
        return float(wanted / (level + 0.7 * lamp_light + 1e-4))


DARK = Daylight((0.0, 0.0, 0.0), (0.0, 0.0, 0.0), 1.0)

_SHADERS: WeakKeyDictionary[Scene, RgbShader] = WeakKeyDictionary()


def shade_rgb(
    scene: Scene,
    gbuffer: GBuffer,
    *,
    camera: RgbCameraModel | None = None,
    frame_seed: int = 0,
    exposure: float | None = None,
    view_dependent: bool = True,
) -> Floats:
    """The picture of a colour camera.

    Args:
        scene: The world.
        gbuffer: What the rays hit.
        camera: Its faults; a typical one if not given.
        frame_seed: Numbers the frame: the same number has the same noise.
        exposure: Of the other view of a pair; metered if not given.
        view_dependent: False leaves out gloss and haze.

    Returns:
        (H, W, 3) float32 RGB in [0, 1], gamma-coded.
    """
    shader = _SHADERS.get(scene)
    if shader is None:
        shader = _SHADERS[scene] = RgbShader(scene)
    view = shader.shade(gbuffer, view_dependent=view_dependent)
    model = RGB_CAMERAS.get("typical") if camera is None else camera
    chosen = view.exposure if exposure is None else exposure
    return model.expose(view.linear, exposure=chosen, frame_seed=frame_seed)
