"""A stereo rig that saw a board, by exact projection: the truth that a calibration must find."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from thermoscope.geometry.camera import Camera
from thermoscope.geometry.pose import from_rotation, invert, rotation_about, transform
from thermoscope.rig.board_frames import board_poses
from thermoscope.rig.calibration_target import parse_target
from thermoscope.rig.target_detectors import Detection

WIDE = Camera.from_fov(640, 512, 95.0, model="fisheye", distortion=(-0.09, 0.012, -0.004, 0.0005))
COLOUR = Camera(700, 702, 478, 268, 960, 540, "radtan", (-0.05, 0.02, 0.001, -0.0005, 0.0))
NAMES = ("thermal_left", "thermal_right", "rgb_left", "rgb_right")
PLACES = {  # T_thermal_left_camera
    "thermal_left": np.eye(4),
    "thermal_right": from_rotation(rotation_about("y", 1.5)[:3, :3], (0.12, 0.002, -0.003)),
    "rgb_left": from_rotation(rotation_about("x", -0.8)[:3, :3], (0.0, 0.05, 0.01)),
    "rgb_right": from_rotation(rotation_about("z", 0.4)[:3, :3], (0.12, 0.05, 0.01)),
}
CAMERAS = dict(zip(NAMES, (WIDE, WIDE, COLOUR, COLOUR), strict=True))


@dataclass(frozen=True)
class Seen:
    target: object
    views: dict
    sizes: dict


def seen_by(names, *, noise_px=0.1, count=16, text="aprilgrid:4x6:0.05:0.3", seed=0):
    """Partial views are kept where the board says which points it shows."""
    target, rng = parse_target(text), np.random.default_rng(seed)
    poses = board_poses(target, WIDE, count, rng=rng, fill=(0.5, 1.2))
    views = {name: {} for name in names}
    for number, pose in enumerate(poses):
        for name in names:
            camera = CAMERAS[name]
            pixels, shown = camera.project(transform(invert(PLACES[name]) @ pose, target.points))
            kept = np.flatnonzero(shown & camera.contains(pixels))
            if len(kept) < 12:
                continue
            noisy = pixels[kept] + rng.normal(0, noise_px, (len(kept), 2))
            views[name][f"{number:03d}"] = Detection(noisy, kept, "normal", "tags")
    sizes = {name: (CAMERAS[name].width, CAMERAS[name].height) for name in names}
    return Seen(target, views, sizes)
