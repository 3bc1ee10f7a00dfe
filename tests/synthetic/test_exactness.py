"""Exactness of rendered truth against the pictures: disparity, occlusion, lenses, labels.

"Smooth" is where neither picture steps by 8 counts of 16384 (0.2 K) from one pixel of a row to the
next: there, reading between two pixels of the other view must give the pixel. It is decided by the
two pictures alone, each for itself.
"""

from dataclasses import replace
from functools import cache

import cv2
import numpy as np
import pytest

from thermoscope.geometry.pose import invert
from thermoscope.geometry.stereo import points_from_depth, remap, warp_right_to_left
from thermoscope.synthetic.dataset import Scenes
from thermoscope.synthetic.labels import FINE_CLASSES, class_ids
from thermoscope.synthetic.scenes import ENVIRONMENTS

SMOOTH_COUNTS = 8.0
DATA = Scenes(preset="small", noise=False, colour="none", taxonomy="fine", count=24)
VIEWS = [(environment, hour) for environment in ENVIRONMENTS for hour in ("day", "night")]


@cache
def observed(environment, hour=None, index=0):
    return replace(DATA, environment=environment, hour=hour).observe(index)


def local_range(picture):
    """Largest minus smallest value among a pixel and its eight neighbours."""
    box = np.ones((3, 3), np.uint8)
    plane = np.asarray(picture, np.float32)
    return (cv2.dilate(plane, box) - cv2.erode(plane, box)).astype(np.float64)


def steepness(picture):
    """Larger of the steps to the pixels at either side."""
    step = np.abs(np.diff(picture, axis=1))
    return np.maximum(np.pad(step, ((0, 0), (1, 0))), np.pad(step, ((0, 0), (0, 1))))


def warp_error(seen, *, shift_px=0.0):
    """Absolute errors of the right view warped to the left one, where both are smooth and seen."""
    left, right = (plane[0].astype(np.float64) for plane in (seen.counts, seen.counts_right))
    disparity = seen.truth.disparity + np.float32(shift_px)
    warped, inside = warp_right_to_left(right, disparity)
    steep, _ = warp_right_to_left(steepness(right), disparity)
    smooth = (steepness(left) < SMOOTH_COUNTS) & (steep < SMOOTH_COUNTS)
    return np.abs(warped - left)[inside & ~seen.truth.occluded & smooth]


@pytest.mark.parametrize(("environment", "hour"), VIEWS)
def test_right_view_warped_by_disparity_is_the_left_view_outside_occlusions(environment, hour):
    error = warp_error(observed(environment, hour))
    assert error.size > 1500  # of 81920
    assert error.mean() < 1.0  # of 16384


def test_a_wrong_disparity_would_be_seen():
    seen = observed("urban", "day")
    right = warp_error(seen).mean()
    assert warp_error(seen, shift_px=1.0).mean() > 2 * right
    assert warp_error(seen, shift_px=-1.0).mean() > 2 * right


def test_points_seen_by_two_frames_of_a_visit_meet_in_the_world():
    first, second = observed("urban", "night"), observed("urban", "night", 1)
    camera = first.rig.thermal.rectified
    points, known = points_from_depth(first.truth.depth, camera)
    world = points[known] @ first.T_world_camera[:3, :3].T + first.T_world_camera[:3, 3]
    to_second = invert(second.T_world_camera)
    pixels, in_front = camera.project(world @ to_second[:3, :3].T + to_second[:3, 3])
    inside = in_front & camera.contains(np.nan_to_num(pixels, nan=-9))
    there = (world[inside] - second.T_world_camera[:3, 3]) @ second.T_world_camera[:3, 2]
    column, row = np.rint(pixels[inside]).astype(int).T
    depth = np.minimum(second.truth.depth, 1e4)
    flat = local_range(depth)[row, column] < 0.05 * depth[row, column]
    seen = depth[row, column][flat]
    # Nothing stands in front of what the second frame sees, and most is what it sees.
    assert flat.sum() > 1500
    assert np.mean(there[flat] < 0.95 * seen) < 0.01
    assert np.mean(np.abs(there[flat] - seen) < 0.05 * seen) > 0.7


@pytest.mark.parametrize("environment", ["urban", "indoor"])
def test_distorted_picture_rectifies_to_the_rectified_picture(environment):
    flat = observed(environment, "night")
    bent = replace(DATA, environment=environment, hour="night", lens="distorted").observe(0)
    maps = flat.rig.thermal.rectification()
    for view, pixel_map in (("counts", maps.left_map), ("counts_right", maps.right_map)):
        straight = getattr(flat, view)[0].astype(np.float64)
        got, valid = remap(getattr(bent, view)[0].astype(np.float64), pixel_map)
        steep, _ = remap(local_range(getattr(bent, view)[0]), pixel_map)
        smooth = valid & (local_range(straight) < SMOOTH_COUNTS) & (steep < SMOOTH_COUNTS)
        assert smooth.sum() > 2000
        assert np.abs(got - straight)[smooth].mean() < 1.0


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_labels_and_depth_are_those_of_one_ray_through_the_centre_of_each_pixel(environment):
    """Pixels at edges are asked again one by one: edges of all truths lie at the same pixel."""
    seen = observed(environment, "night")
    world, camera = seen._world, seen.rig.thermal.rectified
    labels, depth = seen.labels[0], seen.truth.depth
    edge = (np.diff(labels, axis=1, append=labels[:, -1:]) != 0).reshape(-1)
    rays, _ = camera.unproject(camera.pixel_grid().reshape(-1, 2)[edge])
    pose = world.path.pose(world.start_s(seen.settings.visit_s))
    face, distance = world.caster.first_hits(pose[:3, 3], rays @ pose[:3, :3].T)
    assert edge.sum() > 300
    hit = face >= 0
    np.testing.assert_array_equal(hit, np.isfinite(depth.reshape(-1)[edge]))
    again = (distance * rays[:, 2])[hit]
    np.testing.assert_allclose(again, depth.reshape(-1)[edge][hit], rtol=2e-6)
    parts = world.scene.parts
    names = [parts[p].class_name for p in world.scene.face_part[face[hit]]]
    expected = class_ids("fine")[[FINE_CLASSES.index(name) for name in names]]
    np.testing.assert_array_equal(labels.reshape(-1)[edge][hit], expected)
