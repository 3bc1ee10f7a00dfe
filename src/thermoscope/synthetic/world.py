"""A scene made ready for many frames: rays, heat, light and the path of the rig.

What is NOT here: the scene (`thermoscope.synthetic.scenes`), what a frame shows (`.observe`).
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from thermoscope.synthetic import scenes
from thermoscope.synthetic.families import Place, carrier_of
from thermoscope.synthetic.raycast import SceneCaster
from thermoscope.synthetic.rgb import RgbShader
from thermoscope.synthetic.scene import Scene
from thermoscope.synthetic.thermal import ThermalShader
from thermoscope.synthetic.trajectory import Trajectory

__all__ = ["World"]


class World:
    """A scene made ready for many frames.

    Args:
        scene: The scene.
        place: What it was built from.
        lasting_s: Time that a visit takes, s: open routes are taken slowly enough.
    """

    def __init__(self, scene: Scene, place: Place, *, lasting_s: float) -> None:
        self.scene, self.place = scene, place
        self.caster = SceneCaster(scene)
        self.thermal = ThermalShader(scene, caster=self.caster)
        self.path = Trajectory(
            scene.route,
            scene.ground_z,
            carrier_of(place.environment, seed=place.seed),
            seed=place.seed,
            visit=place.visit,
            lasting_s=lasting_s,
        )

    @classmethod
    def build(cls, place: Place, *, lasting_s: float) -> World:
        """The world of a place, made by its generator."""
        scene = scenes.build(
            place.environment,
            place.seed,
            family=place.family,
            hour=place.hour,
            weather=place.weather,
            visit=place.visit,
        )
        return cls(scene, place, lasting_s=lasting_s)

    @cached_property
    def colour(self) -> RgbShader:
        """The shader of the visible band."""
        return RgbShader(self.scene, caster=self.caster)

    def start_s(self, lasting_s: float) -> float:
        """Path time at which a visit of that length begins: the same for every visit."""
        share = float(np.random.default_rng([self.place.seed, 0x7374]).uniform())
        spare = self.path.duration_s - (0.0 if self.path.closed else lasting_s)
        return share * max(spare, 0.0)
