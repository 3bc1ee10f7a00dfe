"""The table of a segmenter of both bands: rows by inputs, degradation and time of day."""

import math

import numpy as np
import pytest
from tests.fakes.colour_segmenter import HotOrRed

from thermoscope.core.errors import ConfigError, ShapeError, UnknownNameError
from thermoscope.data.base import Item, Listed
from thermoscope.engine.evaluate_segmentation import evaluate_segmentation, pair_of
from thermoscope.engine.labelled_frames import FrameChoice, open_frames
from thermoscope.engine.segmenters import Pair, Segmenter, inputs_of, segmenter_of


def frame(red=0.0, hot=0, label=0, shape=(4, 32)):
    """One class everywhere; the left half is red, the right half is hot."""
    rgb = np.zeros((3, *shape), np.float32)
    rgb[0, :, : shape[1] // 2] = red
    agc = np.zeros((1, *shape), np.uint8)
    agc[:, :, shape[1] // 2 :] = hot
    labels = np.zeros((1, *shape), np.int64)
    labels[..., : shape[1] // 2] = 1 if red else 0
    labels[..., shape[1] // 2 :] = 2 if hot else 0
    if label == 255:
        labels[:] = 255
    return {"rgb": rgb, "agc": agc, "labels": labels, "taxonomy": "toy"}


def data(*pairs):
    """(time of day, sample) pairs as a data set."""
    items = tuple(Item(str(i), index=i, time_of_day=time) for i, (time, _) in enumerate(pairs))
    return Listed("toy", "test", items, lambda item: dict(pairs[item.index][1]), HotOrRed.classes)


def rows_of(report):
    return {(r.inputs, r.degraded, r.time): r for r in report.rows}


def test_both_bands_and_either_alone_have_rows():
    found = rows_of(evaluate_segmentation(HotOrRed(), data(("", frame(red=1.0, hot=200)))))
    assert list(found) == [
        ("rgb_thermal", "none", "all"),
        ("rgb", "none", "all"),
        ("thermal", "none", "all"),
    ]
    assert found["rgb_thermal", "none", "all"].miou["strict"] == pytest.approx(2 / 3)
    assert found["rgb_thermal", "none", "all"].miou["present"] == 1
    # Colour alone calls the hot half background: car is right, person is lost.
    rgb = found["rgb", "none", "all"]
    assert dict(rgb.iou_per_class) == {"background": 0.0, "car": 1.0, "person": 0.0}
    assert rgb.miou["present"] == pytest.approx(1 / 3)
    assert rgb.miou["foreground"] == pytest.approx(1 / 2)
    assert rgb.pixel_accuracy == pytest.approx(0.5)


def test_strict_and_present_differ_as_computed_by_hand():
    # Truth: half background, half person, no car; the model finds the person and half of the
    # background, and calls the other half of the background person.
    sample = frame(hot=200)
    sample["agc"][:, :, 8:16] = 200
    report = evaluate_segmentation(HotOrRed(), data(("", sample)), inputs=("thermal",))
    (row,) = report.rows
    background, person = 8 / 16, 16 / 24
    assert row.iou_per_class["background"] == pytest.approx(background)
    assert row.iou_per_class["person"] == pytest.approx(person)
    assert math.isnan(row.iou_per_class["car"])
    assert row.miou["strict"] == pytest.approx((background + person) / 3)
    assert row.miou["present"] == pytest.approx((background + person) / 2)
    assert row.miou["foreground"] == pytest.approx(person)
    assert row.miou["strict"] == pytest.approx(row.miou["present"] * 2 / 3)
    assert row.macc["present"] == pytest.approx((0.5 + 1) / 2)
    assert row.classes_present == 2
    assert report.confusion == ((32, 0, 32), (0, 0, 0), (0, 0, 64))


def test_day_and_night_have_matrices_of_their_own():
    day, night = frame(red=1.0, hot=200), frame(red=0.0, hot=200)
    night["labels"][..., :16] = 1  # a car that is dark and cold
    report = evaluate_segmentation(
        HotOrRed(), data(("day", day), ("night", night), ("", day)), inputs=("rgb_thermal",)
    )
    found = {r.time: r for r in report.rows}
    assert {time: row.frames for time, row in found.items()} == {"all": 3, "day": 1, "night": 1}
    assert found["day"].iou_per_class["car"] == 1
    assert found["night"].iou_per_class["car"] == 0
    assert found["all"].iou_per_class["car"] == pytest.approx(2 / 3)
    # Not the mean of the two: background is absent by day, and wrong at night.
    assert found["day"].miou["present"] == 1
    assert found["night"].miou["present"] == pytest.approx(1 / 3)


def test_degraded_rows():
    sample = frame(red=1.0, hot=200)
    report = evaluate_segmentation(HotOrRed(), data(("", sample)), degradations=["all"])
    found = {r.degraded: r for r in report.rows if r.inputs == "rgb_thermal"}
    assert found["missing_rgb"].iou_per_class["car"] == 0
    assert found["missing_thermal"].iou_per_class["person"] == 0
    assert found["under_exposed"].iou_per_class["car"] == 0  # red falls to 0.28
    assert found["over_exposed"].miou["present"] == 1
    # Shifted to the right by 4 px the red half covers 4 hot columns, and heat wins there.
    assert found["misaligned_4"].miou["present"] == 1
    assert report.notes == ()


def test_a_degradation_of_what_is_not_shown_has_no_row():
    report = evaluate_segmentation(
        HotOrRed(),
        data(("", frame(hot=200))),
        inputs=("thermal",),
        degradations=("under_exposed", "noise", "missing_thermal"),
    )
    assert [r.degraded for r in report.rows] == ["none", "noise"]
    assert report.notes == (
        "under_exposed: the model is shown thermal only",
        "missing_thermal: the model is shown thermal only",
    )


def test_a_frame_without_a_band_is_reported_and_scored_nowhere():
    lone = frame(hot=200)
    del lone["rgb"]
    report = evaluate_segmentation(HotOrRed(), data(("", lone), ("", frame(red=1.0))))
    assert report.frames == 1
    assert [name for name, _ in report.failed] == ["toy/0"]
    assert "there is no rgb picture, which 'rgb_thermal' needs" in report.failed[0][1]
    assert {row.frames for row in report.rows} == {1}


def test_an_answer_of_another_size_is_reported():
    odd = frame(red=1.0)
    odd["labels"] = odd["labels"][:, :3]
    report = evaluate_segmentation(HotOrRed(), data(("", odd), ("", frame(red=1.0))))
    assert report.frames == 1
    assert r"answer for toy/0 must be (3, 32), got (4, 32)" in report.failed[0][1]


def test_an_unknown_label_is_reported_and_counts_nowhere():
    odd = frame(red=1.0)
    odd["labels"][0, 0, 0] = 9
    report = evaluate_segmentation(HotOrRed(), data(("", odd), ("", frame(red=1.0))))
    assert report.frames == 1
    assert report.scores.pixels == 4 * 32
    assert "hold the id 9" in report.failed[0][1]


def test_ignored_pixels_have_no_say():
    report = evaluate_segmentation(HotOrRed(), data(("", frame(red=1.0, label=255))))
    assert math.isnan(report.scores.miou)
    assert report.scores.pixels == 0


def test_wrong_requests():
    frames = data(("", frame()))
    with pytest.raises(UnknownNameError, match="unknown degradation 'nois'. Did you mean 'noise'"):
        evaluate_segmentation(HotOrRed(), frames, degradations=("nois",))
    with pytest.raises(ConfigError, match="cannot be shown 'depth'; it takes rgb_thermal, rgb"):
        evaluate_segmentation(HotOrRed(), frames, inputs=("depth",))
    with pytest.raises(ConfigError, match="'x' does not segment: it is a dict"):
        segmenter_of({}, name="x")


def test_other_names_reach_the_model():
    model = HotOrRed()
    segmenter = segmenter_of(model, names=("cat", "dog"), longest_px=99)
    segmenter.labels(Pair(None, np.zeros((2, 2), np.uint8)))
    assert segmenter.classes == ("cat", "dog")
    assert model.asked == (("cat", "dog"), 99)


def test_what_a_segmenter_refuses():
    with pytest.raises(ConfigError, match="neither a colour nor a thermal picture"):
        segmenter_of(HotOrRed()).labels(Pair(None, None))
    with pytest.raises(UnknownNameError, match="unknown inputs 'rbg'"):
        Pair(None, np.zeros((2, 2), np.uint8)).only("rbg")

    class Flat(HotOrRed):
        inputs = ("thermal",)

        def predict(self, rgb, thermal):
            found = super().predict(rgb, thermal)
            found.labels = found.labels.ravel()
            return found

    assert inputs_of(Flat()) == ("thermal",)
    with pytest.raises(ShapeError, match=r"labels must be \(H, W\), got \(4,\)"):
        Segmenter(Flat()).labels(Pair(None, np.zeros((2, 2), np.uint8)))


def test_scenes_can_have_aligned_colour():
    choice = {"count": 1, "environments": ("indoor",), "preset": "tiny"}
    frames = open_frames(FrameChoice(colour=True, **choice), truth="labels")
    sample = frames[0]
    assert sample["rgb"].shape[1:] == sample["counts"].shape[1:] == sample["labels"].shape[1:]
    assert frames.time_of_day(0) in ("day", "night", "")
    assert "rgb" not in open_frames(FrameChoice(**choice), truth="labels")[0]


def test_pairs_of_samples():
    assert pair_of({"rgb": np.zeros((3, 2, 2), np.float32)}).thermal is None
    assert pair_of({"counts": np.zeros((1, 2, 2), np.uint16)}).rgb is None
