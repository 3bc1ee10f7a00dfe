"""What a pair of frames becomes: rectified thermal views, and colour in the left one's grid.

Thermal pictures keep their 16 bits on the way. Colour comes through the depth that a matcher finds
in the thermal pair; which matcher is the caller's choice. What is NOT here: which frames
(`.rig_export_plan`) and files (`.rig_export_layouts`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from thermoscope.core.errors import CalibrationError
from thermoscope.geometry.camera import Camera
from thermoscope.geometry.pose import invert
from thermoscope.geometry.registration import Registration, register_view, warp_to_thermal
from thermoscope.geometry.stereo import (
    PixelMap,
    RectifiedPair,
    depth_from_disparity,
    rectify,
    remap,
)
from thermoscope.models.stereo_result import StereoResult
from thermoscope.rig.calibration_files import RigCameras
from thermoscope.rig.recording_format import CameraRecord

__all__ = [
    "ExportGeometry",
    "Match",
    "PairViews",
    "as_coarse_as",
    "as_colour",
    "can_register",
    "check_sizes",
    "depth_of_pair",
    "raw_views",
    "rectified_views",
    "registered_views",
]

NEEDED = ("thermal", "thermal_right", "rgb")  # roles without which nothing is registered
FINER = 1.5  # a colour picture finer by more is averaged before it is warped
DISPARITY_ERROR_PX = 1.0  # of a matcher on one surface: smaller steps hide nothing
Floats = NDArray[np.float64]
Match = Callable[[NDArray[Any], NDArray[Any]], StereoResult]
"""Left and right rectified thermal views (H, W) to their disparity."""


@dataclass(frozen=True)
class PairViews:
    """Pictures of one instant as they are written.

    Attributes:
        thermal: (H, W) uint16 counts, or uint8 where the camera gives no more.
        rgb: (H, W, 3) uint8.
        thermal_right: As `thermal`.
        rgb_right: As `rgb`.
        registration: Of `rgb` in the grid of `thermal`; None where each band has its own grid.
    """

    thermal: NDArray[Any]
    rgb: NDArray[np.uint8]
    thermal_right: NDArray[Any] | None = None
    rgb_right: NDArray[np.uint8] | None = None
    registration: Registration | None = None


@dataclass(frozen=True)
class ExportGeometry:
    """Cameras of a rig as an export needs them.

    Attributes:
        thermal: Rectification of the thermal pair.
        colour: The left colour camera.
        T_colour_thermal: (4, 4) pose taking the rectified left thermal to colour camera
            coordinates, m.
        colour_pair: Rectification of the colour pair; None with one colour camera.
    """

    thermal: RectifiedPair
    colour: Camera
    T_colour_thermal: Floats
    colour_pair: RectifiedPair | None = None

    @classmethod
    def of(cls, rig: RigCameras, roles: Mapping[str, str]) -> ExportGeometry:
        """Geometry of the cameras in the roles thermal, thermal_right, rgb and rgb_right.

        Raises:
            CalibrationError: A role is not filled, its camera is not in the calibration, or the
                pair cannot be rectified.
        """
        for role in NEEDED:
            if roles.get(role) not in rig.cameras:
                missing = f"has no camera {roles[role]!r}" if role in roles else "is not enough"
                raise CalibrationError(
                    f"the calibration {missing} for {role}: it has "
                    f"{', '.join(rig.cameras) or 'none'}; recorded: {', '.join(roles.values())}. "
                    "Registration needs two thermal cameras and a colour camera, calibrated under "
                    "the names they were recorded with."
                )
        place = {
            role: rig.T_camera_rig[name] for role, name in roles.items() if name in rig.cameras
        }
        camera = {role: rig.cameras[roles[role]] for role in place}

        def rectified(band: str) -> RectifiedPair:
            pose = place[band] @ invert(place[f"{band}_right"])
            return rectify(camera[band], camera[f"{band}_right"], pose)

        thermal = rectified("thermal")
        T_colour_left = place["rgb"] @ invert(place["thermal"])
        return cls(
            thermal,
            camera["rgb"],
            T_colour_left @ thermal.T_left_rectified,
            rectified("rgb") if "rgb_right" in place else None,
        )

    @property
    def colour_view(self) -> Camera:
        """Pinhole camera of the rectified left colour view."""
        if self.colour_pair is not None:
            return self.colour_pair.camera
        c = self.colour
        return Camera(c.fx, c.fy, c.cx, c.cy, c.width, c.height)

    @property
    def colour_map(self) -> PixelMap:
        """From the rectified left colour view to the colour picture."""
        if self.colour_pair is not None:
            return self.colour_pair.left_map
        rays, _ = self.colour_view.unproject(self.colour_view.pixel_grid())
        pixels, _ = self.colour.project(rays)
        return PixelMap.of(pixels, self.colour)

    @property
    def T_thermal_colour_view(self) -> Floats:
        """(4, 4) pose taking the rectified left colour to rectified left thermal coordinates."""
        turn = np.eye(4) if self.colour_pair is None else self.colour_pair.T_left_rectified
        return np.asarray(invert(self.T_colour_thermal) @ turn)


def can_register(rig: RigCameras, roles: Mapping[str, str]) -> bool:
    """Whether the calibration has a thermal pair and a colour camera in these roles."""
    return all(roles.get(role) in rig.cameras for role in NEEDED)


def check_sizes(rig: RigCameras, cameras: tuple[CameraRecord, ...]) -> None:
    """Compare the calibrated cameras with the recorded ones of the same name.

    Raises:
        CalibrationError: A camera was calibrated at another size than it recorded.
    """
    for record in cameras:
        known = rig.cameras.get(record.name)
        if known and (known.width, known.height) != (record.width_px, record.height_px):
            raise CalibrationError(
                f"{record.name} was calibrated at {known.width}x{known.height} and recorded at "
                f"{record.width_px}x{record.height_px}. Pass the calibration of this recording."
            )


def raw_views(frames: Mapping[str, NDArray[Any]]) -> PairViews:
    """Frames by role as their cameras saw them."""
    return PairViews(
        frames["thermal"],
        as_colour(frames["rgb"]),
        frames.get("thermal_right"),
        as_colour(frames["rgb_right"]) if "rgb_right" in frames else None,
    )


def rectified_views(frames: Mapping[str, NDArray[Any]], geometry: ExportGeometry) -> PairViews:
    """Frames by role, each band rectified in its own grid."""
    left, _ = remap(frames["thermal"], geometry.thermal.left_map)
    right, _ = remap(frames["thermal_right"], geometry.thermal.right_map)
    rgb, _ = remap(as_colour(frames["rgb"]), geometry.colour_map)
    pair = geometry.colour_pair
    other = None
    if pair is not None:
        other, _ = remap(as_colour(frames["rgb_right"]), pair.right_map)
    return PairViews(left, rgb, right, other)


def registered_views(
    frames: Mapping[str, NDArray[Any]], geometry: ExportGeometry, match: Match
) -> PairViews:
    """Thermal frames rectified, the left colour frame in the grid of the left one."""
    pair = geometry.thermal
    left, seen = remap(frames["thermal"], pair.left_map)
    right, _ = remap(frames["thermal_right"], pair.right_map)
    depth, known = depth_of_pair(match(left, right), pair)
    rgb, colour = as_coarse_as(pair.camera, as_colour(frames["rgb"]), geometry.colour)
    found = register_view(
        depth, pair.camera, colour, geometry.T_colour_thermal,
        valid=known & seen,
        inverse_error=DISPARITY_ERROR_PX / (pair.camera.fx * pair.baseline_m),
    )  # fmt: skip
    return PairViews(left, warp_to_thermal(rgb, found), right, registration=found)


def as_coarse_as(
    thermal: Camera, rgb: NDArray[np.uint8], colour: Camera
) -> tuple[NDArray[np.uint8], Camera]:
    """The colour picture and camera, averaged down if much finer than the thermal one.

    Else a warped picture would show every second pixel, or third, and flicker.
    """
    share = thermal.fx / colour.fx
    if share * FINER > 1.0:
        return rgb, colour
    camera = colour.scaled(round(colour.width * share), round(colour.height * share))
    size = (camera.width, camera.height)
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8), camera


def depth_of_pair(
    result: StereoResult, pair: RectifiedPair
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Depth of a matched pair; a valid disparity of 0 or less is infinitely far.

    Returns:
        (H, W) m, inf where infinitely far; (H, W) valid.
    """
    disparity = result.disparity.astype(np.float64)
    depth, finite = depth_from_disparity(
        disparity, focal_px=pair.camera.fx, baseline_m=pair.baseline_m, valid=result.valid
    )
    far = result.valid & np.isfinite(disparity) & ~finite
    return np.where(far, np.inf, np.asarray(depth, np.float64)), np.asarray(finite | far)


def as_colour(picture: NDArray[Any]) -> NDArray[np.uint8]:
    """(H, W, 3) uint8; a grey picture three times."""
    if picture.ndim == 2:
        picture = np.repeat(picture[..., None], 3, axis=2)
    return np.asarray(picture, np.uint8)
