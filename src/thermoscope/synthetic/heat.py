"""The temperature of every surface: sun, sky, air, ground, and what runs or lives.

    T = rest + (sun of past hours) + (sun now, where it shines) + (open sky: light in, heat out)
        + roles + warm spots + variation over metres + texture

All of it is a function of the place in the world, so two cameras see one temperature. What is NOT
here: emission and what the camera sees (`thermal`); heat flow along surfaces; wind shadows.
"""

from __future__ import annotations

from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from thermoscope.synthetic.heat_roles import RoleHeat
from thermoscope.synthetic.heat_table import heat_table
from thermoscope.synthetic.past_shadow import BINS, PastShadow
from thermoscope.synthetic.scene import GBuffer, HeatSource, Scene
from thermoscope.synthetic.shelter import shelter_of
from thermoscope.synthetic.sunshine import EDGES_H, past_sunshine, sun_strength
from thermoscope.synthetic.surface import Surface, dot, surfaces_of
from thermoscope.synthetic.texture import smooth_noise

__all__ = ["SurfaceHeat", "heat_of", "surface_kelvin"]

Floats = NDArray[np.float32]
Indices = NDArray[np.intp]

KELVIN_LIMITS = (180.0, 1200.0)
PATCH_M = {"urban": 5.0, "indoor": 1.6, "offroad": 6.0, "aerial": 13.0}
"""Size of what varies over metres."""
PATCHY = 2.2  # how sharply the variation falls into patches
STRATIFICATION_K_PER_M = 0.7  # warm air under a ceiling
SHARP_SHARE = 0.4  # of the last 0.3 h's warming is of its last 3 minutes: it grows with their root
RECENT_H = 2.0  # so long ago the shadows were about where they are now
SHADOW_MEMORY = 0.4  # of that light left to a point that is in shadow now
REACH = 3.5  # standard deviations of a warm spot
BLOCKED_SUN = 0.8  # of past sun taken from a point that sees no sky


class SurfaceHeat:
    """The heat of one scene: build once, ask for many views.

    Args:
        scene: The world.

    Raises:
        UnknownNameError: A material names an unknown texture.
    """

    def __init__(self, scene: Scene) -> None:
        # not the scene itself: a cache keyed by scenes must not keep them alive
        self._indoor, self._sources = scene.indoor, scene.heat
        self._patch_m = PATCH_M[scene.environment]
        self._noise_seed = scene.seed % 2**31
        self._sunshine = past_sunshine(scene.conditions)
        self._table = heat_table(scene, self._sunshine)
        self._roles = RoleHeat(scene)
        self._shelter = shelter_of(scene)
        self._shadows = PastShadow(self._shelter, self._sunshine)
        self._bins = [
            j for j in range(len(EDGES_H) - 1) if self._sunshine.direct[j] > 1 and not scene.indoor
        ]
        self._low_sun = min(sun_strength(scene.conditions) / 0.3, 1.0)
        owners = {source.object_id for source in scene.heat}
        self._heated = np.isin(self._table.object_id, sorted(owners))
        self._is_ground = (self._table.object_id == 0).astype(np.float32)
        ground = scene.ground_z
        self._ground_z = float(np.median(ground)) if len(ground) else 0.0

    def kelvin(self, gbuffer: GBuffer) -> Floats:
        """(N,) float32 surface temperature, K; nan where the ray hits nothing."""
        out = np.full(len(gbuffer.hit), np.nan, np.float32)
        for surface in surfaces_of(gbuffer):
            out[surface.pixel] = self.at(surface)
        return out

    def at(self, surface: Surface, *, hidden: Floats | None = None) -> Floats:
        """(M,) float32 temperature, K, of a block of surfaces.

        Args:
            surface: The surfaces.
            hidden: (M,) share of the sky that they do not see, if known already.
        """
        table, part = self._table, surface.part
        kelvin = table.rest_k.take(part)
        noise = smooth_noise(surface.position, self._patch_m, self._noise_seed)
        noise *= np.float32(PATCHY)
        np.tanh(noise, out=noise)
        if self._indoor:
            height = surface.position[2] - np.float32(self._ground_z + 1.2)
            kelvin += np.float32(STRATIFICATION_K_PER_M) * height
        else:
            if hidden is None:
                hidden = self._shelter.hidden(surface.position)
            self._add_sun_and_sky(kelvin, surface, hidden)
        self._roles.add(kelvin, part, surface.position)
        noise *= table.metres_k.take(part)
        kelvin += noise
        grain = table.texture.sample(part, surface.position, surface.normal, surface.footprint_m)
        grain *= table.texture_k.take(part)
        kelvin += grain
        self._add_sources(kelvin, surface)
        return np.clip(kelvin, *map(np.float32, KELVIN_LIMITS), out=kelvin)

    def _add_sun_and_sky(self, kelvin: Floats, surface: Surface, hidden: Floats) -> None:
        table, part = self._table, surface.part
        kelvin += self._sun(surface, hidden)
        open_sky = surface.normal[2] + np.float32(1)
        open_sky *= 1 - hidden
        open_sky *= 0.5
        open_sky *= (table.diffuse_k - table.cooling_k).take(part)
        kelvin += open_sky

    def _sun(self, surface: Surface, hidden: Floats) -> Floats:
        """Warming (M,), K, by the direct sun of now and before."""
        part, direct = surface.part, self._table.direct_k
        now, ground = np.zeros(len(part), np.float32), np.zeros(len(part), np.float32)
        before = np.zeros(len(part), np.float32)
        light, weight = self._shadows.light(surface.position)
        np.maximum(weight, self._is_ground.take(part), out=weight)
        for j in self._bins:
            facing = dot(surface.normal, tuple(self._sunshine.direction[j].tolist()))
            np.maximum(facing, 0, out=facing)
            facing *= direct[:, j].take(part)
            if j == 0:  # the edge of a shadow on the ground has moved since
                soft = light[:, BINS.index(0)] - surface.sunlit
                soft *= weight
                soft *= np.float32(1 - SHARP_SHARE)
                soft += surface.sunlit
                now = facing * soft
            elif j in BINS:
                ground += facing * light[:, BINS.index(j)]
                if EDGES_H[j + 1] <= RECENT_H:
                    facing *= 1 - np.float32(self._low_sun * (1 - SHADOW_MEMORY)) * (
                        1 - surface.sunlit
                    )
                before += facing
            else:
                before += facing
                ground += facing
        before *= 1 - np.float32(BLOCKED_SUN) * hidden
        before += weight * (ground - before)
        now += before
        return now

    def ground_k(self) -> float:
        """Mean temperature, K, of open level ground: what walls and car doors mirror."""
        table = self._table
        rows = np.flatnonzero(table.object_id == 0)
        if not len(rows):
            rows = np.arange(len(table.object_id))
        up = np.maximum(self._sunshine.direction[:, 2], 0)
        level = table.rest_k + table.diffuse_k - table.cooling_k
        return float((level + 0.7 * (table.direct_k @ up))[rows].mean())

    def _add_sources(self, kelvin: Floats, surface: Surface) -> None:
        box = [(float(line.min()), float(line.max())) for line in surface.position]
        near = [s for s in self._sources if _reaches(s, box)]
        if not near:
            return
        own = np.flatnonzero(self._heated.take(surface.part))
        owner = self._table.object_id.take(surface.part.take(own))
        own = own[np.argsort(owner, kind="stable")]
        owner.sort(kind="stable")
        everything = np.arange(len(kelvin)) if any(s.object_id < 0 for s in near) else own
        for source in near:
            first, last = np.searchsorted(owner, (source.object_id, source.object_id + 1))
            at = everything if source.object_id < 0 else own[first:last]
            if len(at):
                _warm(kelvin, surface, at, source)


def _reaches(source: HeatSource, box: list[tuple[float, float]]) -> bool:
    """Whether a warm spot touches a box of (low, high) an axis."""
    reach = REACH * source.radius_m
    return all(
        low - reach < centre < high + reach
        for (low, high), centre in zip(box, source.centre_m, strict=True)
    )


def _warm(kelvin: Floats, surface: Surface, at: Indices, source: HeatSource) -> None:
    squared = np.zeros(len(at), np.float32)
    for line, centre in zip(surface.position, source.centre_m, strict=True):
        step = line.take(at) - np.float32(centre)
        step *= step
        squared += step
    near = np.flatnonzero(squared < (REACH * source.radius_m) ** 2)
    bump = np.exp(squared[near] * np.float32(-0.5 / source.radius_m**2))
    kelvin[at[near]] += np.float32(source.delta_k) * bump


_HEATS: WeakKeyDictionary[Scene, SurfaceHeat] = WeakKeyDictionary()


def heat_of(scene: Scene) -> SurfaceHeat:
    """The scene's heat, made once and kept for as long as the scene lives."""
    found = _HEATS.get(scene)
    if found is None:
        found = _HEATS[scene] = SurfaceHeat(scene)
    return found


def surface_kelvin(scene: Scene, gbuffer: GBuffer) -> Floats:
    """(N,) float32 true surface temperature of each pixel, K; nan for sky."""
    return heat_of(scene).kelvin(gbuffer)
