"""One instant of the rig in a world: every picture, truth and reading of it, made when asked for.

Each property is computed once, so whoever needs the left thermal picture alone pays for that alone.
What is NOT here: the world (`.world`), and which worlds and times a data set has (`.dataset`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.errors import ConfigError
from thermoscope.core.sample import Sample
from thermoscope.geometry.camera import Camera
from thermoscope.geometry.pose import invert
from thermoscope.synthetic.camera import THERMAL_CAMERAS, FfcSchedule, ThermalCameraModel
from thermoscope.synthetic.families import Moment, start_ns
from thermoscope.synthetic.imu import ImuNoise, imu_samples
from thermoscope.synthetic.labels import labels_of
from thermoscope.synthetic.rgb import RgbView
from thermoscope.synthetic.rgb_camera import RGB_CAMERAS
from thermoscope.synthetic.rig import StereoPair, VirtualRig
from thermoscope.synthetic.scene import Conditions, GBuffer
from thermoscope.synthetic.thermal import ThermalView
from thermoscope.synthetic.truth import StereoTruth, depth_of, occlusion, stereo_truth
from thermoscope.synthetic.world import World

__all__ = ["ColourViews", "Lens", "Observation", "Settings"]

Floats = NDArray[np.float64]
Plane = NDArray[Any]
Lens = Literal["rectified", "distorted"]
ColourViews = Literal["stereo", "left", "none"]
FFC_PERIOD_S = (120.0, 240.0)
FFC_FREEZE_S = 0.5


@dataclass(frozen=True)
class Settings:
    """How instants are rendered.

    Attributes:
        rig: The cameras.
        taxonomy: Of the labels.
        lens: Through the real lenses, or rectified.
        noise: False drops the sensor and what depends on the view (mirrors, haze), nothing else.
        colour: Colour pictures of a sample.
        rate_hz: Frames a second: inertial samples cover the time since the last one.
        visit_s: Length of a visit, s.
    """

    rig: VirtualRig
    taxonomy: str
    lens: Lens
    noise: bool
    colour: ColourViews
    rate_hz: float
    visit_s: float


class Observation:
    """The rig in a world at one instant.

    Planes are (1, H, W) and colour (3, H, W), as in a Sample. Disparity and occlusion between
    rectified views only exist with ``lens="rectified"``.

    Args:
        world: Where.
        moment: When.
        settings: How.
    """

    def __init__(self, world: World, moment: Moment, settings: Settings) -> None:
        self._world, self.moment, self.settings = world, moment, settings
        self.rig = settings.rig

    # -- where and when --------------------------------------------------------------------------

    @property
    def conditions(self) -> Conditions:
        """Weather and hour."""
        return self._world.scene.conditions

    @cached_property
    def _start_s(self) -> float:
        return self._world.start_s(self.settings.visit_s)

    @property
    def _path_s(self) -> float:
        return self._start_s + self.moment.time_s

    @cached_property
    def _pose(self) -> Floats:
        """Rectified left thermal camera in the world's own frame."""
        return self._world.path.pose(self._path_s)

    @property
    def T_world_camera(self) -> Floats:
        """(4, 4) pose of the rectified left thermal camera, in the frame that worlds share."""
        pose: Floats = self._pose.copy()
        pose[:3, 3] += self.moment.origin_m
        return pose

    @property
    def t_ns(self) -> int:
        """Sensor clock."""
        return self._clock_start_ns + round(self.moment.time_s * 1e9)

    @property
    def _clock_start_ns(self) -> int:
        place = self.moment.place
        return start_ns(self.moment.number, hour=place.hour, visit=place.visit)

    @cached_property
    def imu(self) -> Floats:
        """(N, 7) readings since the last frame; times on the sensor clock, s."""
        seed = self.moment.place.seed
        samples = imu_samples(
            self._world.path,
            self._path_s - 1.0 / self.settings.rate_hz,
            self._path_s,
            rate_hz=self.rig.imu_rate_hz,
            noise=ImuNoise() if self.settings.noise else None,
            seed=seed + self.moment.place.visit,
        )
        samples[:, 0] += self._clock_start_ns * 1e-9 - self._start_s
        return samples

    # -- views -----------------------------------------------------------------------------------

    @cached_property
    def left(self) -> GBuffer:
        """What the left thermal camera's rays hit."""
        return self._cast(*self._thermal_view("left", self._pose))

    @cached_property
    def right(self) -> GBuffer:
        """What the right thermal camera's rays hit."""
        return self._cast(*self._thermal_view("right", self._pose))

    @cached_property
    def colour_left(self) -> GBuffer:
        """What the left colour camera's rays hit."""
        if self.rig.rgb is None:
            return self.left
        return self._cast(self.colour_pair.rectified, self._pose @ self.rig.T_thermal_rgb)

    @cached_property
    def colour_right(self) -> GBuffer:
        """What the right colour camera's rays hit.

        Raises:
            ConfigError: The rig has no colour pair.
        """
        return self._cast(self.colour_pair.rectified_right, self._colour_right_pose)

    @property
    def colour_pair(self) -> StereoPair:
        """The rig's colour pair.

        Raises:
            ConfigError: It has none.
        """
        if self.rig.rgb is None:
            raise ConfigError(
                f"rig {self.rig.name!r} has no colour pair: its colour is seen through the thermal "
                "camera. Choose a preset with one, for example 'tartanrgbt'."
            )
        return self.rig.rgb

    @property
    def _colour_right_pose(self) -> Floats:
        return self._pose @ self.rig.T_thermal_rgb @ self.colour_pair.T_rectified

    def _cast(self, camera: Camera, pose: Floats) -> GBuffer:
        return self._world.caster.cast(camera, pose)

    def _thermal_view(self, side: Literal["left", "right"], pose: Floats) -> tuple[Camera, Floats]:
        """Camera and pose of one thermal view of the rig at `pose`."""
        pair = self.rig.thermal
        place = pose if side == "left" else pose @ pair.T_rectified
        if self.settings.lens == "rectified":
            return (pair.rectified if side == "left" else pair.rectified_right), place
        turn = pair.turns()[0 if side == "left" else 1]
        return (pair.left if side == "left" else pair.right), place @ invert(turn)

    # -- thermal pictures ------------------------------------------------------------------------

    @cached_property
    def _left_heat(self) -> ThermalView:
        return self._world.thermal.shade(self.left, view_dependent=self.settings.noise)

    @property
    def kelvin(self) -> Plane:
        """True surface temperature, K; nan at the sky."""
        return self._left_heat.kelvin[None]

    @cached_property
    def counts(self) -> Plane:
        """Left thermal picture, uint16."""
        return self._counts("left")

    @cached_property
    def counts_right(self) -> Plane:
        """Right thermal picture, uint16."""
        return self._counts("right")

    @property
    def ffc(self) -> bool:
        """Whether either thermal camera repeats a frame because its shutter is closed."""
        return self.settings.noise and any(
            self._schedule(side).frozen(self.moment.time_s) for side in ("left", "right")
        )

    def thermal_camera(self, side: str) -> ThermalCameraModel:
        """The sensor model of one side: units of one pair differ, as real ones do."""
        kind = THERMAL_CAMERAS.get(self.rig.sensor)
        if not self.settings.noise:
            return kind.without_sensor()
        return kind.pair(self.moment.place.seed % (1 << 31))[0 if side == "left" else 1]

    def _schedule(self, side: str) -> FfcSchedule:
        """Each camera closes its shutter by its own clock."""
        place = self.moment.place
        rng = np.random.default_rng([place.seed, place.visit, 0x6666, int(side == "left")])
        period = float(rng.uniform(*FFC_PERIOD_S))
        return FfcSchedule(period, FFC_FREEZE_S, float(rng.uniform(0.0, period)))

    def _counts(self, side: Literal["left", "right"]) -> Plane:
        camera, schedule = self.thermal_camera(side), self._schedule(side)
        time_s = self.moment.time_s
        frozen = self.settings.noise and schedule.frozen(time_s)
        shown_s = schedule.shown_s(time_s) if frozen else time_s
        if frozen and shown_s != time_s:
            pose = self._world.path.pose(self._start_s + shown_s)
            heat = self._world.thermal.shade(self._cast(*self._thermal_view(side, pose)))
        elif side == "left":
            heat = self._left_heat
        else:
            heat = self._world.thermal.shade(self.right, view_dependent=self.settings.noise)
        counts = camera.expose(
            heat.radiance,
            frame_seed=round(shown_s * 1000) % (1 << 31),  # a frozen frame may precede time 0
            since_ffc_s=schedule.since_s(time_s),
        )
        return counts[None]

    # -- colour pictures -------------------------------------------------------------------------

    @cached_property
    def _left_light(self) -> RgbView:
        return self._light(self.colour_left)

    @cached_property
    def rgb(self) -> Plane:
        """Left colour picture, float32 in [0, 1]."""
        return self._colour(self._left_light, 0)

    @cached_property
    def rgb_right(self) -> Plane:
        """Right colour picture, exposed as the left one."""
        return self._colour(self._light(self.colour_right), 1)

    @cached_property
    def rgb_in_thermal(self) -> Plane:
        """Colour picture as the left thermal camera would take it: aligned with `counts`."""
        return self._colour(self._light(self.left), 2)

    def _light(self, view: GBuffer) -> RgbView:
        return self._world.colour.shade(view, view_dependent=self.settings.noise)

    def _colour(self, light: RgbView, camera: int) -> Plane:
        model = RGB_CAMERAS.get("typical" if self.settings.noise else "ideal")
        picture = model.expose(
            light.linear,
            exposure=self._left_light.exposure,
            frame_seed=round(self._path_s * 1000) * 3 + camera,
        )
        return np.ascontiguousarray(picture.transpose(2, 0, 1))

    # -- truth -----------------------------------------------------------------------------------

    @cached_property
    def labels(self) -> Plane:
        """int64 classes of the left thermal view."""
        return labels_of(self._world.scene, self.left, self.settings.taxonomy)[None]

    @cached_property
    def truth(self) -> StereoTruth:
        """Depth, disparity and occlusion of the thermal pair.

        Raises:
            ConfigError: Through distorted lenses there is no disparity along rows.
        """
        if self.settings.lens != "rectified":
            raise ConfigError(
                "disparity needs rectified views. Render with lens='rectified', or use depth."
            )
        return self._pair_truth(self.left, self.right, self.rig.thermal, self._pose)

    @cached_property
    def colour_truth(self) -> StereoTruth:
        """Depth, disparity and occlusion of the colour pair.

        Raises:
            ConfigError: The rig has no colour pair.
        """
        pose = self._pose @ self.rig.T_thermal_rgb
        return self._pair_truth(self.colour_left, self.colour_right, self.colour_pair, pose)

    def _pair_truth(
        self, left: GBuffer, right: GBuffer, pair: StereoPair, pose: Floats
    ) -> StereoTruth:
        return stereo_truth(
            self._world.caster,
            left,
            right,
            right_camera=pair.rectified_right,
            T_world_right=pose @ pair.T_rectified,
            baseline_m=pair.baseline_m,
            infinity_px=pair.infinity_px,
        )

    # -- all of it -------------------------------------------------------------------------------

    def sample(self) -> Sample:
        """Every key of the Sample contract that a rendered instant has.

        Rigs without a colour pair have no `rgb_right`; distorted views have no disparity; the
        settings may leave out colour.
        """
        pair = self.rig.thermal
        rectified = self.settings.lens == "rectified"
        sample: Sample = {
            "name": self.moment.name,
            "counts": self.counts,
            "counts_right": self.counts_right,
            "kelvin": self.kelvin,
            "depth": depth_of(self.left)[None],
            "valid": np.ones((1, *self.left.shape), bool),
            "labels": self.labels,
            "taxonomy": self.settings.taxonomy,
            "K": (pair.rectified if rectified else pair.left).K,
            "K_rgb": (self.rig.rgb.rectified if self.rig.rgb else pair.rectified).K,
            "T_left_right": pair.T_rectified if rectified else pair.T_left_right,
            "T_thermal_rgb": self.rig.T_thermal_rgb,
            "T_world_camera": self.T_world_camera,
            "baseline_m": pair.baseline_m,
            "position_m": self.T_world_camera[:3, 3].copy(),
            "t_ns": self.t_ns,
            "imu": self.imu,
            "ffc": self.ffc,
        }
        if self.settings.colour != "none":
            sample["rgb"] = self.rgb
        if self.settings.colour == "stereo" and self.rig.rgb is not None:
            sample["rgb_right"] = self.rgb_right
        if rectified:
            sample["disparity"] = self.truth.disparity[None]
            sample["disparity_right"] = self.truth.disparity_right[None]
            sample["occluded"] = self.truth.occluded[None]
        else:
            right, place = self._thermal_view("right", self._pose)
            sample["occluded"] = occlusion(self._world.caster, self.left, right, place)[None]
            turn = invert(pair.turns()[0])
            sample["T_world_camera"] = self.T_world_camera @ turn
            sample["T_thermal_rgb"] = invert(turn) @ self.rig.T_thermal_rgb
        return sample
