"""Pictures of a simulated camera that turns to and fro: cheap, never twice the same, any instant.

A wide canvas (a rendered scene, or a texture) is looked at through a window that moves with the
rig. All cameras of a rig turn together, so that their motion can be correlated. The window moves in
eighths of a pixel; noise differs from frame to frame. What is NOT here: faults, time stamps.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from thermoscope.core.errors import ShapeError
from thermoscope.rig.simulated_plan import SimulatedCamera

if TYPE_CHECKING:
    from thermoscope.core.sample import Sample

__all__ = ["PanningPicture", "canvas_size", "scene_canvas", "texture_canvas", "yaw_rad"]

FOCAL_PER_WIDTH = 0.64  # 412 px of 640, as the calibrated lens of the original rig has it
SHAKE_HZ = (0.43, 0.97, 1.71, 2.63)
SHAKE_RAD = (0.05, 0.025, 0.015, 0.008)
LARGEST_YAW_RAD = sum(SHAKE_RAD)
PHASES = 8  # steps of a pixel in which the window moves
NOISE_BANK = 64  # shifts of the noise in each axis
COUNTS_LOW, COUNTS_HIGH = 20_000.0, 23_000.0  # of a room, 16-bit flux
TLINEAR_LOW, TLINEAR_HIGH = 28_900.0, 31_100.0  # of a room with people, hundredths of a kelvin
NOISE_COUNTS = 4.0


def yaw_rad(at_s: float, seed: int) -> float:
    """Where the rig looks, rad, |yaw| <= `LARGEST_YAW_RAD`: four sinusoids with drawn phases.

    Args:
        at_s: Since the start of the rig, s.
        seed: Of the plan.
    """
    phases = np.random.default_rng([seed, 1]).uniform(0, 2 * np.pi, len(SHAKE_HZ))
    turns = 2 * np.pi * np.array(SHAKE_HZ) * at_s + phases
    return float(np.dot(SHAKE_RAD, np.sin(turns)))


def canvas_size(camera: SimulatedCamera) -> tuple[int, int]:
    """Height and width of the canvas that `camera` needs, px."""
    margin = int(np.ceil(LARGEST_YAW_RAD * FOCAL_PER_WIDTH * camera.settings.width_px)) + 1
    return camera.settings.height_px, camera.settings.width_px + 2 * margin


def texture_canvas(camera: SimulatedCamera, seed: int) -> np.ndarray:
    """A canvas of smooth patches at several scales.

    Returns:
        (H, W) float32 counts for a thermal camera, (H, W, 3) float32 in [8, 240] for colour.
    """
    import cv2

    rng = np.random.default_rng([seed, zlib.crc32(camera.name.encode())])
    height, width = canvas_size(camera)
    channels = 1 if camera.kind == "thermal" else 3
    total = np.zeros((height, width, channels), np.float32)
    for cells in (4, 12, 40):
        coarse = rng.random((cells, cells * 2, channels), np.float32) / np.sqrt(cells)
        fine = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        total += fine.reshape(total.shape)
    canvas = _stretched(total[..., 0] if channels == 1 else total)
    if camera.settings.extra.get("ir16") == "tlinear":
        share = (canvas - COUNTS_LOW) / (COUNTS_HIGH - COUNTS_LOW)
        canvas = (TLINEAR_LOW + share * (TLINEAR_HIGH - TLINEAR_LOW)).astype(np.float32)
    return canvas


def _stretched(values: np.ndarray) -> np.ndarray:
    low, high = (COUNTS_LOW, COUNTS_HIGH) if values.ndim == 2 else (8.0, 240.0)
    span = float(values.max() - values.min()) or 1.0
    stretched: np.ndarray = (values - values.min()) * ((high - low) / span) + low
    return stretched.astype(np.float32)


def scene_canvas(camera: SimulatedCamera, sample: Sample) -> np.ndarray:
    """One rendered scene, wide enough for `camera`; the right view for a camera called ``*right``.

    Args:
        camera: Whose canvas.
        sample: With ``counts`` and ``rgb``; without a right view, the left one stands in.

    Returns:
        As `texture_canvas`.
    """
    import cv2

    pictures = cast(dict[str, Any], sample)
    field = "counts" if camera.kind == "thermal" else "rgb"
    right = f"{field}_right" if camera.name.endswith("right") else field
    rendered = np.asarray(pictures.get(right, pictures[field]))
    picture = rendered[0] if camera.kind == "thermal" else rendered.transpose(1, 2, 0)
    height, width = canvas_size(camera)
    wide = cv2.resize(picture.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    return wide.astype(np.float32) if camera.kind == "thermal" else _stretched(wide)


class PanningPicture:
    """What `camera` sees at any instant.

    Args:
        camera: Size and kind.
        canvas: (H, W) or (H, W, 3) float32 of `canvas_size`.
        seed: Of the plan.

    Raises:
        ShapeError: `canvas` has another size.
    """

    def __init__(self, camera: SimulatedCamera, canvas: np.ndarray, seed: int) -> None:
        if canvas.shape[:2] != canvas_size(camera):
            raise ShapeError(
                f"canvas of {camera.name} must be {canvas_size(camera)}, got {canvas.shape[:2]}. "
                "See canvas_size.",
                actual_shape=canvas.shape,
            )
        self._height, self._width = camera.settings.height_px, camera.settings.width_px
        self._focal_px = FOCAL_PER_WIDTH * self._width
        self._middle_px = (canvas.shape[1] - self._width) / 2
        self._seed = seed
        self._kind: np.dtype[np.unsignedinteger] = np.dtype(
            np.uint16 if canvas.ndim == 2 else np.uint8
        )
        self._phases = [self._shifted(canvas, p / PHASES) for p in range(PHASES)]
        rng = np.random.default_rng([seed, 2])
        bank = (self._height + NOISE_BANK, self._width + NOISE_BANK, *canvas.shape[2:])
        noise = rng.normal(4 * NOISE_COUNTS, NOISE_COUNTS, bank) if canvas.ndim == 2 else None
        self._noise = (
            rng.integers(0, 6, bank, np.uint8)
            if noise is None
            else noise.clip(0, None).astype(np.uint16)
        )

    def at(self, at_s: float, index: int, offset_counts: int = 0) -> np.ndarray:
        """The picture of one instant.

        Args:
            at_s: Since the start of the rig, s.
            index: Number of the frame: neighbours never have the same noise.
            offset_counts: Added to every pixel of a thermal picture.

        Returns:
            (H, W) uint16 or (H, W, 3) uint8, C-contiguous, its own memory.
        """
        left = self._middle_px + self._focal_px * yaw_rad(at_s, self._seed)
        step = round(left * PHASES)
        canvas, column = self._phases[step % PHASES], step // PHASES
        row, shift = (index // NOISE_BANK) % NOISE_BANK, (index * 37) % NOISE_BANK
        noise = self._noise[row : row + self._height, shift : shift + self._width]
        picture: np.ndarray = canvas[:, column : column + self._width] + noise
        if offset_counts:
            picture += self._kind.type(offset_counts)
        return picture

    def _shifted(self, canvas: np.ndarray, part: float) -> np.ndarray:
        """`canvas` moved left by `part` of a pixel."""
        following = np.concatenate((canvas[:, 1:], canvas[:, -1:]), axis=1)
        return np.round(canvas * (1 - part) + following * part).astype(self._kind)
