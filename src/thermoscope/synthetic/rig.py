"""The virtual camera rig: two thermal cameras, two colour cameras, how they sit and what they see.

A pair has real lenses (radtan, each a little different, slightly turned against each other) and
the rectified pinhole view that both are resampled to. Rendering happens through either. What is
NOT here: sensors (`thermoscope.synthetic.camera`) and where the rig goes (`.trajectory`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.errors import CalibrationError, ConfigError
from thermoscope.core.registry import Registry
from thermoscope.geometry.camera import Camera
from thermoscope.geometry.pose import from_rotation, rotation_about, transform
from thermoscope.geometry.rectify import RectifiedPair, rectify
from thermoscope.synthetic.camera import THERMAL_CAMERAS

__all__ = ["RIGS", "StereoPair", "VirtualRig", "rig_preset"]

Floats = NDArray[np.float64]
Vector = tuple[float, float, float]


@dataclass(frozen=True)
class StereoPair:
    """Two cameras side by side.

    Attributes:
        left: Lens of the left camera, any model.
        right: Lens of the right camera.
        rectified: Pinhole camera of the rectified left view; the right one differs by
            `infinity_px` only.
        baseline_m: Distance of the two centres, m, > 0.
        right_turn_deg: Turn of the right camera against the left one about x, y and z, degrees.
        infinity_px: Rectified disparity of an infinitely far point, px: 0 for parallel views,
            negative where the right picture is shifted so that a near plane has disparity 0.

    Raises:
        CalibrationError: No baseline, a rectified view that is not pinhole, a pair that cannot be
            rectified, or a lens that does not reach the corners of the rectified view.
    """

    left: Camera
    right: Camera
    rectified: Camera
    baseline_m: float
    right_turn_deg: Vector = (0.0, 0.0, 0.0)
    infinity_px: float = 0.0

    def __post_init__(self) -> None:
        if not (np.isfinite(self.baseline_m) and self.baseline_m > 0):
            raise CalibrationError(
                f"baseline_m must be a positive length, got {self.baseline_m!r}. "
                "Without a baseline there is no disparity."
            )
        if self.rectified.model != "pinhole":
            raise CalibrationError(
                f"the rectified view must be pinhole, got {self.rectified.model!r}. "
                "Put the lens into left and right."
            )
        maps = rectify(self.left, self.right, self.T_left_right, camera=_corners(self.rectified))
        sides = (
            ("left", self.left, maps.T_left_rectified),
            ("right", self.right, maps.T_right_rectified),
        )
        for side, lens, turn in sides:
            _check_reach(side, lens, self.rectified, turn)

    @classmethod
    def ideal(cls, camera: Camera, baseline_m: float, *, infinity_px: float = 0.0) -> StereoPair:
        """A pair without distortion or turn: lens and rectified view are one."""
        right = replace(camera, cx=camera.cx - infinity_px)
        return cls(camera, right, camera, baseline_m, infinity_px=infinity_px)

    @property
    def rectified_right(self) -> Camera:
        """Pinhole camera of the rectified right view."""
        return replace(self.rectified, cx=self.rectified.cx - self.infinity_px)

    @property
    def T_left_right(self) -> Floats:
        """(4, 4) pose taking right to left lens coordinates."""
        x_deg, y_deg, z_deg = self.right_turn_deg
        pose = rotation_about("z", z_deg) @ rotation_about("y", y_deg) @ rotation_about("x", x_deg)
        pose[:3, 3] = (self.baseline_m, 0.0, 0.0)
        return pose

    @property
    def T_rectified(self) -> Floats:
        """(4, 4) pose taking rectified right to rectified left coordinates."""
        return from_rotation(np.eye(3), (self.baseline_m, 0.0, 0.0))

    def rectification(self) -> RectifiedPair:
        """Maps from the rectified views to the lenses; only where `infinity_px` is 0.

        Raises:
            ConfigError: The right picture is shifted: one camera does not describe both views.
        """
        if self.infinity_px != 0:
            raise ConfigError(
                f"a pair with infinity_px = {self.infinity_px:g} has two rectified cameras. "
                "Rectify with infinity_px 0 and shift the right picture."
            )
        return rectify(self.left, self.right, self.T_left_right, camera=self.rectified)

    def turns(self) -> tuple[Floats, Floats]:
        """(4, 4) poses taking rectified to lens coordinates, left and right."""
        small = _corners(self.rectified)
        maps = rectify(self.left, self.right, self.T_left_right, camera=small)
        return maps.T_left_rectified, maps.T_right_rectified

    def scaled(self, width: int, height: int) -> StereoPair:
        """The pair at another resolution: same lenses, same edges of the views.

        Raises:
            CalibrationError: A side below one pixel.
        """
        share = width / self.rectified.width
        return replace(
            self,
            left=self.left.scaled(width, height),
            right=self.right.scaled(width, height),
            rectified=self.rectified.scaled(width, height),
            infinity_px=self.infinity_px * share,
        )


@dataclass(frozen=True)
class VirtualRig:
    """A thermal pair and a colour pair on one body.

    Attributes:
        name: Of the preset, or a word of yours.
        thermal: The thermal pair; its rectified left view is the origin of the rig.
        rgb: The colour pair; None = colour is seen through the left thermal camera itself, pixel
            by pixel, as data sets of aligned pairs have it.
        rgb_position_m: Rectified left colour camera in rectified left thermal coordinates, m.
        rgb_turn_deg: Its turn about x, y and z, degrees.
        sensor: Thermal cameras, a name of `thermoscope.synthetic.camera.THERMAL_CAMERAS`.
        imu_rate_hz: Samples of the inertial sensor a second, > 0; it sits in the origin.

    Raises:
        ConfigError: `imu_rate_hz` is not positive.
        UnknownNameError: No such sensor.
    """

    name: str
    thermal: StereoPair
    rgb: StereoPair | None = None
    rgb_position_m: Vector = (0.0, 0.0, 0.0)
    rgb_turn_deg: Vector = (0.0, 0.0, 0.0)
    sensor: str = "boson"
    imu_rate_hz: float = 200.0

    def __post_init__(self) -> None:
        if not (np.isfinite(self.imu_rate_hz) and self.imu_rate_hz > 0):
            raise ConfigError(f"imu_rate_hz must be positive, got {self.imu_rate_hz!r}.")
        if self.sensor not in THERMAL_CAMERAS:
            THERMAL_CAMERAS.get(self.sensor)  # its error names the closest

    @property
    def T_thermal_rgb(self) -> Floats:
        """(4, 4) pose taking rectified left colour to rectified left thermal coordinates."""
        if self.rgb is None:
            return np.eye(4)
        x_deg, y_deg, z_deg = self.rgb_turn_deg
        pose = rotation_about("z", z_deg) @ rotation_about("y", y_deg) @ rotation_about("x", x_deg)
        pose[:3, 3] = self.rgb_position_m
        return pose

    def scaled(self, width: int, *, rgb_width: int | None = None) -> VirtualRig:
        """The rig with smaller or larger pictures of the same views.

        Args:
            width: Of the thermal pictures, px; heights follow.
            rgb_width: Of the colour pictures, px; by the same factor if not given.
        """
        camera = self.thermal.rectified
        height = max(1, round(camera.height * width / camera.width))
        rgb = self.rgb
        if rgb is not None:
            size = rgb.rectified
            wanted = rgb_width or max(1, round(size.width * width / camera.width))
            rgb = rgb.scaled(wanted, max(1, round(size.height * wanted / size.width)))
        return replace(self, thermal=self.thermal.scaled(width, height), rgb=rgb)


def _corners(camera: Camera) -> Camera:
    """A tiny camera of the same view: enough for rotations, cheap for maps."""
    return camera.scaled(2, 2)


def _check_reach(side: str, lens: Camera, rectified: Camera, turn: Floats) -> None:
    right, bottom = rectified.width - 1, rectified.height - 1
    corners = np.array([[0, 0], [right, 0], [0, bottom], [right, bottom]], np.float64)
    rays, _ = rectified.unproject(corners)
    pixels, reached = lens.project(transform(turn, rays))
    if not (reached & np.isfinite(pixels).all(axis=-1)).all():
        raise CalibrationError(
            f"the {side} lens ({lens.model}, distortion {lens.distortion}) does not reach the "
            "corners of the rectified view. Use a narrower rectified view or another lens."
        )


def _tartanrgbt() -> VirtualRig:
    """Two Bosons (640x512, 12 um pitch, 4.9 mm, 95 degrees) around a ZED X (960x600).

    Lens values are those of a Kalibr calibration of a pair of these cameras; the rectified view
    is the widest that both fill. The colour lens: 2.2 mm over 3 um pixels, at half resolution.
    """
    left = Camera(412.4, 412.6, 313.4, 249.4, 640, 512, "radtan", (-0.368, 0.121, 0.0005, -0.0004))
    right = Camera(411.5, 412.3, 311.1, 250.1, 640, 512, "radtan", (-0.365, 0.116, -0.0006, 0.0003))
    rectified = Camera(347.0, 347.0, 306.0, 247.0, 640, 512)
    thermal = StereoPair(left, right, rectified, 0.335, (0.33, 0.46, 0.20))
    colour = Camera(366.7, 366.7, 479.5, 299.5, 960, 600)
    return VirtualRig(
        "tartanrgbt",
        thermal,
        StereoPair.ideal(colour, 0.12),
        rgb_position_m=(0.107, -0.045, 0.012),
        rgb_turn_deg=(0.4, -0.3, 0.1),
    )


def _ms2() -> VirtualRig:
    """Sizes of MS2 (thermal 640x256, colour 1224x384, both rectified).

    MS2 keeps focal length and baseline in its calibration file; here they are chosen so that
    street scenes have its measured disparities (median 7-9 px, 99 % under 36 px).
    """
    thermal = StereoPair.ideal(Camera(428.0, 428.0, 319.5, 127.5, 640, 256), 0.30)
    colour = StereoPair.ideal(Camera(764.0, 764.0, 611.5, 191.5, 1224, 384), 0.30)
    return VirtualRig("ms2", thermal, colour, rgb_position_m=(0.0, -0.10, 0.0), sensor="ms2")


def _cats() -> VirtualRig:
    """Thermal 640x480 beside colour 1280x960; the plane of disparity 0 is not at infinity."""
    thermal = StereoPair.ideal(Camera(700.0, 700.0, 319.5, 239.5, 640, 480), 0.16, infinity_px=-40)
    colour = StereoPair.ideal(
        Camera(1500.0, 1500.0, 639.5, 479.5, 1280, 960), 0.16, infinity_px=-80
    )
    return VirtualRig("cats", thermal, colour, rgb_position_m=(0.0, -0.06, 0.0))


def _aligned(name: str, width: int, height: int, horizontal_fov_deg: float) -> VirtualRig:
    camera = Camera.from_fov(width, height, horizontal_fov_deg)
    return VirtualRig(name, StereoPair.ideal(camera, 0.30))


RIGS: Registry[VirtualRig] = Registry("rig preset")
RIGS.add("tartanrgbt", _tartanrgbt())
RIGS.add("small", replace(_tartanrgbt().scaled(320, rgb_width=320), name="small"))
RIGS.add("tiny", replace(_tartanrgbt().scaled(80, rgb_width=80), name="tiny"))
RIGS.add("ms2", _ms2())
RIGS.add("cats", _cats())
RIGS.add("mfnet", _aligned("mfnet", 640, 480, 55.0))
RIGS.add("pst900", _aligned("pst900", 1280, 720, 70.0))
RIGS.add("fmb", _aligned("fmb", 800, 600, 55.0))
RIGS.add("semanticrt", _aligned("semanticrt", 1280, 1024, 40.0))
RIGS.add("kp", _aligned("kp", 640, 512, 50.0))


def rig_preset(rig: str | VirtualRig) -> VirtualRig:
    """The rig of that name, or the given one itself.

    Raises:
        UnknownNameError: No such preset; the message names the closest.

    Example:
        >>> rig_preset("small").thermal.rectified.width
        320
        >>> from thermoscope.geometry.pose import invert
        >>> float(np.round(invert(rig_preset("ms2").T_thermal_rgb)[1, 3], 3))
        0.1
    """
    return rig if isinstance(rig, VirtualRig) else RIGS.get(rig)
