"""Pictures of classes and depth: their pixels say what they should."""

import numpy as np
import pytest

from thermoscope.core.errors import ShapeError
from thermoscope.engine.dense_pictures import class_colours, depth_picture, segmentation_picture
from thermoscope.models.dense_heads import DepthMap, Segmentation
from thermoscope.sensor.palette import palette_table
from thermoscope.synthetic.labels import TAXONOMIES


def test_colours_of_a_taxonomy_differ():
    for taxonomy in ("fmb", "mfnet", "cart", "pst900"):
        colours = class_colours(TAXONOMIES[taxonomy].classes).astype(int)
        apart = np.abs(colours[:, None] - colours[None]).sum(axis=2)
        assert apart[~np.eye(len(colours), dtype=bool)].min() > 20, taxonomy


def test_classes_tint_the_frame():
    labels = np.zeros((240, 480), np.uint8)
    labels[:, 240:] = 1
    found = Segmentation(labels, np.ones(labels.shape, np.float32), ("sky", "car"))
    picture = segmentation_picture(np.full(labels.shape, 100, np.uint8), found)
    sky, car = class_colours(found.classes).astype(float)
    assert picture[5, 5] == pytest.approx(0.45 * 100 + 0.55 * sky, abs=1)
    assert picture[5, 475] == pytest.approx(0.45 * 100 + 0.55 * car, abs=1)
    assert picture.shape[1] > 480  # the legend
    legend = picture[:, 480:].reshape(-1, 3).tolist()
    assert sky.tolist() in legend
    assert car.tolist() in legend


def test_a_class_that_is_not_there_is_not_in_the_legend():
    labels = np.zeros((48, 64), np.uint8)
    found = Segmentation(labels, np.ones(labels.shape, np.float32), ("sky", "car"))
    picture = segmentation_picture(labels, found)
    assert picture.shape[0] == 48 * 8  # enlarged
    colours = picture[:, 64 * 8 :].reshape(-1, 3).tolist()
    assert class_colours(found.classes)[1].tolist() not in colours


@pytest.mark.parametrize("metric", [True, False])
def test_near_is_bright_and_far_is_dark(metric):
    depth = np.linspace(1, 50, 480, dtype=np.float32)[None].repeat(20, axis=0)
    picture = depth_picture(DepthMap(depth, metric))
    table = palette_table("magma")
    assert picture[10, 0].tolist() == table[255].tolist()
    assert picture[10, 479].tolist() == table[0].tolist()
    assert picture.shape[1] > 480


def test_equal_ratios_are_equal_steps_of_metric_depth():
    depth = np.geomspace(1, 100, 480, dtype=np.float32)[None].repeat(20, axis=0)
    table = palette_table("magma").astype(int).tolist()
    levels = [
        table.index(pixel) for pixel in depth_picture(DepthMap(depth, True))[10, :480].tolist()
    ]
    assert np.abs(np.diff(levels)).max() <= 1


def test_flat_depth_has_a_picture():
    assert depth_picture(DepthMap(np.full((30, 40), 7, np.float32), True)).dtype == np.uint8


def test_sizes_that_differ_are_refused():
    found = Segmentation(np.zeros((2, 2), np.uint8), np.ones((2, 2), np.float32), ("a",))
    with pytest.raises(ShapeError, match="does not fit labels"):
        segmentation_picture(np.zeros((3, 3), np.uint8), found)
