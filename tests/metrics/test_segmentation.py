"""Segmentation scores worked out by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thermoscope.core.errors import ConfigError, ShapeError, UnitError
from thermoscope.metrics.segmentation import ConfusionMatrix

NAMES = ("background", "car", "person", "bike")


def scored(prediction, labels, convention="present", names=NAMES):
    matrix = ConfusionMatrix(names)
    matrix.update(np.array(prediction), np.array(labels))
    return matrix.scores(convention)


# truth 0 0 0 1 1 2, prediction 0 0 1 1 2 2: IoU 2/3, 1/3, 1/2; bike is absent
PREDICTION, LABELS = [0, 0, 1, 1, 2, 2, 3], [0, 0, 0, 1, 1, 2, 255]


def test_scores_by_hand():
    found = scored(PREDICTION, LABELS)
    assert found.iou_per_class["background"] == pytest.approx(2 / 3)
    assert found.iou_per_class["car"] == pytest.approx(1 / 3)
    assert found.iou_per_class["person"] == pytest.approx(1 / 2)
    assert found.miou == pytest.approx((2 / 3 + 1 / 3 + 1 / 2) / 3)
    assert found.macc == pytest.approx((2 / 3 + 1 / 2 + 1) / 3)
    assert found.pixel_accuracy == pytest.approx(4 / 6)
    assert found.fwiou == pytest.approx((3 * 2 / 3 + 2 * 1 / 3 + 1 * 1 / 2) / 6)
    assert found.pixels == 6


def test_an_absent_class_is_nan_and_named():
    found = scored(PREDICTION, LABELS)
    assert math.isnan(found.iou_per_class["bike"])
    assert found.absent == ("bike",)


def test_conventions_differ_as_stated():
    present, strict, foreground = (
        scored(PREDICTION, LABELS, c).miou for c in ("present", "strict", "foreground")
    )
    assert strict == pytest.approx(present * 3 / 4)
    assert foreground == pytest.approx((1 / 3 + 1 / 2) / 2)


def test_a_class_only_in_the_prediction_is_wrong_not_absent():
    found = scored([3, 0], [0, 0])
    assert found.iou_per_class["bike"] == 0
    assert found.miou == pytest.approx((1 / 2 + 0) / 2)
    assert math.isnan(found.accuracy_per_class["bike"])


def test_no_answer_counts_as_wrong():
    found = scored([0, 255], [0, 0])
    assert found.iou_per_class["background"] == 0.5
    assert found.pixel_accuracy == 0.5


@pytest.mark.parametrize("convention", ["present", "strict", "foreground"])
def test_nothing_labelled_has_no_score(convention):
    found = scored([0, 1], [255, 255], convention)
    assert math.isnan(found.miou)
    assert math.isnan(found.macc)
    assert math.isnan(found.pixel_accuracy)
    assert math.isnan(found.fwiou)
    assert found.absent == NAMES


frames = st.lists(
    st.tuples(st.sampled_from([0, 1, 2, 3, 255]), st.sampled_from([0, 1, 2, 3, 255])),
    min_size=2,
    max_size=30,
)


@given(frames, st.integers(1, 20))
def test_halves_merged_are_the_whole(pairs, cut):
    prediction, labels = np.array(pairs).T
    whole, first, second = (ConfusionMatrix(NAMES) for _ in range(3))
    whole.update(prediction, labels)
    first.update(prediction[:cut], labels[:cut])
    second.update(prediction[cut:], labels[cut:])
    first.merge(second)
    assert str(first.scores()) == str(whole.scores())  # as text: nan is equal to nan


@given(frames)
def test_renaming_classes_in_both_changes_no_mean(pairs):
    prediction, labels = np.array(pairs).T
    other = np.array([2, 0, 3, 1])
    renamed = [np.where(x < 255, other[x % 255 % 4], 255) for x in (prediction, labels)]
    assert scored(*renamed).miou == pytest.approx(scored(prediction, labels).miou, nan_ok=True)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ShapeError, match="resolution of the labels"):
        scored([0, 1], [0])
    with pytest.raises(UnitError, match="prediction must be integer class ids, got float64"):
        scored([0.5], [0])
    with pytest.raises(UnitError, match="labels hold the id 4, there are 4 classes"):
        scored([0], [4])
    with pytest.raises(ConfigError, match="different class names"):
        ConfusionMatrix(("car", "car"))
    with pytest.raises(ConfigError, match="'present', 'strict' or 'foreground', got 'mean'"):
        scored([0], [0], "mean")
    with pytest.raises(ConfigError, match="besides class 0"):
        scored([0], [0], "foreground", ("udder",))
    with pytest.raises(ConfigError, match="cannot add a matrix over a"):
        ConfusionMatrix(("b",)).merge(ConfusionMatrix(("a",)))
