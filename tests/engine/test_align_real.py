"""Registration of real RGB-thermal pairs after a known warp, and of pairs that nobody aligned."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from thermoscope.data.real_pairs import real_frames
from thermoscope.engine.align import AlignmentRefusedError, align

pytestmark = pytest.mark.real


def pair(data, name):
    """(H, W, 3) RGB and (H, W) thermal, both uint8, of the item called `name`."""
    index = next(i for i in range(len(data)) if data.item(i).name == name)
    sample = data[index]
    rgb = np.moveaxis(np.asarray(sample["rgb"]), 0, -1)
    return (rgb * 255).round().astype(np.uint8), np.asarray(sample["agc"])[0].astype(np.uint8)


def warp_of(shape):
    """A turn of 6 degrees, 8 % larger, moved by 4 % and -3 % of the width."""
    height, width = shape
    turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), 6.0, 1.08)
    turn[:, 2] += (0.04 * width, -0.03 * width)
    return np.vstack([turn, [0, 0, 1]])


def error_px(found, shape):
    """Mean distance from the warp over a grid of the picture, px at a width of 640."""
    height, width = shape
    xs, ys = np.meshgrid(np.linspace(0, width - 1, 9), np.linspace(0, height - 1, 7))
    points = np.stack([xs, ys], axis=-1).reshape(-1, 1, 2)
    true = cv2.perspectiveTransform(points, warp_of(shape))[:, 0]
    return float(np.linalg.norm(found.rgb_points(points[:, 0]) - true, axis=1).mean()) * 640 / width


@pytest.mark.parametrize("name", ["FLIR_01415", "FLIR_04285"])
def test_roads_by_day_and_night_are_registered_within_3_px(name, real_data):
    rgb, thermal = pair(real_frames(real_data, "roadscene", split="val"), name)
    moved = cv2.warpPerspective(rgb, warp_of(thermal.shape), thermal.shape[::-1])
    found = align(moved, thermal)
    assert error_px(found, thermal.shape) < 3
    assert found.confidence > 0.9
    assert found.residual_px < 3


def test_a_pair_that_is_itself_off_is_refused_or_found_as_well_as_it_is_known(real_data):
    """MSRS pairs are off by 3 to 5 px as they are, differently in each third of the picture."""
    rgb, thermal = pair(real_frames(real_data, "msrs", split="val"), "00218D")
    moved = cv2.warpPerspective(rgb, warp_of(thermal.shape), thermal.shape[::-1])
    try:
        found = align(moved, thermal)
    except AlignmentRefusedError:
        return
    assert error_px(found, thermal.shape) < 8


@pytest.mark.parametrize("index", [0, 1])
def test_aerial_pairs_that_nobody_aligned_get_an_answer_or_a_refusal(index, real_data):
    sample = real_frames(real_data, "wisard", split="all")[index]
    rgb = (np.moveaxis(np.asarray(sample["rgb"]), 0, -1) * 255).round().astype(np.uint8)
    thermal = np.asarray(sample["agc"])[0].astype(np.uint8)
    try:
        confidence, least = align(rgb, thermal).confidence, 0.5
    except AlignmentRefusedError as err:
        confidence, least = err.confidence, 0.0
    assert least <= confidence < 1
