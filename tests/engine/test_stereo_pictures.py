"""Pictures of disparity."""

from __future__ import annotations

import numpy as np
import pytest

from thermoscope.core.errors import ShapeError
from thermoscope.engine.stereo_pictures import cloud_picture, disparity_picture, disparity_range_px


def test_near_is_brighter_and_a_scale_stands_beside() -> None:
    disparity = np.tile(np.linspace(2, 40, 500, dtype=np.float32), (60, 1))
    picture = disparity_picture(disparity)
    assert picture.shape[0] == 60
    assert picture.shape[1] > 500
    brightness = picture[:, :500].astype(int).sum(axis=2)
    assert brightness[:, 450:].min() > brightness[:, :50].max()


def test_doubtful_pixels_are_darker_and_small_pictures_enlarged() -> None:
    disparity = np.full((8, 12), 5, np.float32)
    disparity[0] = 1
    valid = np.ones((8, 12), bool)
    valid[4:] = False
    picture = disparity_picture(disparity, valid=valid, range_px=(0, 6))
    assert picture.shape[0] == 8 * 40
    assert picture[3 * 40 + 1, 1].sum() > 2 * picture[6 * 40, 1].sum()


def test_a_flat_picture_has_a_scale_of_a_pixel() -> None:
    assert disparity_range_px(np.full((4, 4), 3, np.float32)) == (3.0, 4.0)


def test_bad_arguments() -> None:
    with pytest.raises(ShapeError, match=r"valid must be \(2, 2\), got \(2, 3\)"):
        disparity_picture(np.zeros((2, 2), np.float32), valid=np.ones((2, 3), bool))
    with pytest.raises(ShapeError, match=r"disparity must be \(H, W\)"):
        disparity_picture(np.zeros((1, 2, 2), np.float32))


def test_near_points_cover_far_ones_in_a_cloud() -> None:
    ahead = np.array([[0, 0, 10], [0, 0, 5], [-2, 0, 5]], np.float32)
    colours = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255]], np.uint8)
    picture = cloud_picture(ahead, colours, size_px=(100, 200), raised_deg=0.0)
    assert (picture == (0, 255, 0)).all(axis=2).sum() == 4  # 2 x 2 px
    assert not (picture == (255, 0, 0)).all(axis=2).any()  # behind the green one
    blue = np.argwhere((picture == (0, 0, 255)).all(axis=2))
    green = np.argwhere((picture == (0, 255, 0)).all(axis=2))
    assert blue[:, 1].max() < green[:, 1].min()


def test_an_empty_cloud_is_an_empty_picture() -> None:
    empty = cloud_picture(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.uint8))
    assert len(np.unique(empty.reshape(-1, 3), axis=0)) == 1
    with pytest.raises(ShapeError, match=r"colours must be \(2, 3\) as points, got \(1, 3\)"):
        cloud_picture(np.zeros((2, 3), np.float32), np.zeros((1, 3), np.uint8))
