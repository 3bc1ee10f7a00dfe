"""Boxes hit and pixels inside, on pictures of ten by ten."""

import math

import numpy as np
import pytest

from thermoscope.core.errors import ConfigError, ShapeError
from thermoscope.data.boxes import Box
from thermoscope.metrics.boxes import BoxCount

GROUPS = {"person": ["Person"], "vehicle": ["Car", "Van"]}
IDS = {"person": [2], "vehicle": [1, 3]}


def count():
    return BoxCount(GROUPS, IDS, ignored=["DontCare"])


def test_hits_and_shares_by_hand():
    labels = np.zeros((10, 10), np.int64)
    labels[0:2, 0:2] = 2  # 4 px of person in a box of 16: a quarter
    labels[5:9, 5:9] = 1  # 16 px of car
    boxes = [
        Box("Person", 0, 0, 4, 4),
        Box("Person", 6, 0, 4, 4),  # missed
        Box("Van", 5, 5, 2, 4),  # holds 8 of the 16 px
    ]
    found = count()
    found.update(labels, boxes)
    scores = found.scores()
    assert (scores["person"].boxes, scores["person"].hit) == (2, 0.5)
    assert (scores["person"].pixels, scores["person"].inside) == (4, 1.0)
    assert scores["person"].floor == pytest.approx(0.32)
    assert (scores["vehicle"].hit, scores["vehicle"].inside) == (1.0, 0.5)


def test_segments_away_from_every_box_are_false_alarms():
    labels = np.zeros((20, 20), np.int64)
    labels[0:4, 0:4] = 2  # touches its box by a corner
    labels[0:4, 10:14] = 2  # 16 px, alone
    labels[10:13, 10:13] = 2  # 9 px: too small to be called one
    labels[14:20, 0:6] = 2  # where nobody could tell
    found = count()
    found.update(labels, [Box("Person", 3, 3, 4, 4), Box("DontCare", 0, 14, 6, 6)])
    found.update(labels, [Box("Car", 10, 0, 4, 4)])  # a car there: a person all the same
    assert found.scores()["person"].false_alarms == 1 + 3
    assert found.scores()["vehicle"].false_alarms == 0


def test_too_few_pixels_are_no_hit():
    labels = np.zeros((10, 10), np.int64)
    labels[0, 0:3] = 2  # 3 of 16
    found = count()
    found.update(labels, [Box("Person", 0, 0, 4, 4)])
    assert found.scores()["person"].hit == 0


def test_one_class_everywhere_hits_all_and_is_no_better_than_the_floor():
    found = count()
    found.update(np.full((10, 10), 2), [Box("Person", 1, 1, 3, 3), Box("Person", 5, 5, 5, 2)])
    scores = found.scores()["person"]
    assert scores.hit == 1
    assert scores.inside == pytest.approx(0.19) == scores.floor


def test_ignored_boxes_take_their_pixels_out():
    labels = np.zeros((10, 10), np.int64)
    labels[:, :2] = 2
    found = count()
    found.update(labels, [Box("DontCare", 0, 0, 2, 5), Box("Person", 0, 4, 2, 2)])
    scores = found.scores()["person"]
    # Rows 0-4 are ignored but for row 4, which is in a box of its own; rows 5-9 count.
    assert (scores.pixels, scores.inside) == (12, pytest.approx(4 / 12))


def test_guessing_is_no_better_than_the_floor_where_boxes_are_ignored():
    found = count()
    ignored, own = Box("DontCare", 0, 0, 10, 5), Box("Person", 0, 6, 10, 1)
    found.update(np.full((10, 10), 2), [ignored, own])
    scores = found.scores()["person"]
    assert scores.inside == scores.floor == pytest.approx(10 / 50)


def test_frames_add_up_and_boxes_are_cut_at_the_border():
    found = count()
    found.update(np.full((4, 4), 1), [Box("Car", -2, -2, 4, 4)])
    found.update(np.zeros((4, 4), np.int64), [Box("Car", 3, 3, 9, 9), Box("Car", 40, 40, 2, 2)])
    scores = found.scores()["vehicle"]
    assert (scores.boxes, scores.hit) == (3, pytest.approx(1 / 3))
    assert scores.inside == pytest.approx(4 / 16)
    assert scores.floor == pytest.approx(5 / 32)


def test_nothing_to_score():
    scores = count().scores()["person"]
    assert math.isnan(scores.hit)
    assert math.isnan(scores.inside)
    assert math.isnan(scores.floor)


def test_wrong_requests():
    with pytest.raises(ConfigError, match="must have the same names, and"):
        BoxCount({"a": ["x"]}, {"b": [1]})
    with pytest.raises(ConfigError, match="a box name one group"):
        BoxCount({"a": ["x"], "b": ["x"]}, {"a": [1], "b": [2]})
    with pytest.raises(ConfigError, match="hit_share must lie in"):
        BoxCount({"a": ["x"]}, {"a": [1]}, hit_share=2)
    with pytest.raises(ShapeError, match=r"labels must be \(H, W\)"):
        count().update(np.zeros((1, 2, 2), np.int64), [])
