"""Pictures by which a person judges a registration, and its numbers as a file."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from thermoscope.core.errors import ShapeError
from thermoscope.engine.align import Alignment
from thermoscope.sensor.palette import apply_palette

__all__ = ["alignment_facts", "checkerboard_picture", "overlay_picture", "swipe_picture"]

Picture = NDArray[np.uint8]
Bools = NDArray[np.bool_]

SCHEMA = "thermoscope.alignment.v1"
CELLS = 8  # fields of the checkerboard along the width


def alignment_facts(alignment: Alignment) -> dict[str, Any]:
    """Plain values of an alignment for JSON."""
    return {
        "schema": SCHEMA,
        "rgb_from_thermal": alignment.matrix.tolist(),
        "thermal_size_px": list(alignment.thermal_size),
        "residual_px_at_640": round(alignment.residual_px, 3),
        "confidence": round(alignment.confidence, 3),
        "blocks": alignment.blocks,
        "inlier_share": round(alignment.inlier_share, 3),
        "bend": alignment.bend,
    }


def overlay_picture(rgb: Picture, thermal: Picture, *, palette: str = "inferno") -> Picture:
    """(H, W, 3): half RGB, half thermal in false colour.

    Args:
        rgb: (H, W, 3) in the thermal frame.
        thermal: (H, W) uint8.
        palette: Of the thermal picture.

    Raises:
        ShapeError: Two sizes.
        UnknownNameError: No such palette.
    """
    _check_sizes(rgb, thermal)
    colours = apply_palette(thermal, palette)
    return np.asarray(cv2.addWeighted(rgb, 0.5, np.ascontiguousarray(colours), 0.5, 0), np.uint8)


def swipe_picture(rgb: Picture, thermal: Picture, *, share: float = 0.5) -> Picture:
    """(H, W, 3): RGB left of a line, thermal right of it.

    Args:
        rgb: (H, W, 3) in the thermal frame.
        thermal: (H, W) uint8.
        share: Of the width that is RGB.

    Raises:
        ShapeError: Two sizes.
    """
    _check_sizes(rgb, thermal)
    picture = np.repeat(thermal[..., None], 3, axis=2)
    line = round(float(np.clip(share, 0, 1)) * thermal.shape[1])
    picture[:, :line] = rgb[:, :line]
    picture[:, max(line - 1, 0) : line + 1] = 255
    return np.asarray(picture, np.uint8)


def checkerboard_picture(rgb: Picture, thermal: Picture) -> Picture:
    """(H, W, 3): fields of RGB and thermal in turn; edges must run on across the borders.

    Raises:
        ShapeError: Two sizes.
    """
    _check_sizes(rgb, thermal)
    height, width = thermal.shape
    side = max(1, round(width / CELLS))
    rows, columns = np.indices((height, width)) // side
    fields = ((rows + columns) % 2 == 0)[..., None]
    return np.asarray(np.where(fields, rgb, thermal[..., None]), np.uint8)


def _check_sizes(rgb: Picture, thermal: Picture) -> None:
    if rgb.shape != (*thermal.shape, 3):
        raise ShapeError(
            f"rgb must be {(*thermal.shape, 3)} like thermal, got {rgb.shape}. Warp it first.",
            actual_shape=rgb.shape,
        )
