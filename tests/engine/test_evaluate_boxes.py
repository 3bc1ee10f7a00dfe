"""A segmenter whose answers are known against boxes."""

import numpy as np
import pytest
from tests.fakes.colour_segmenter import HotOrRed

from thermoscope.core.errors import ConfigError
from thermoscope.data.base import Item, Listed
from thermoscope.data.boxes import Box
from thermoscope.data.real_pairs import hituav
from thermoscope.engine.evaluate_boxes import evaluate_boxes, groups_of


def frames(*names):
    agc = np.zeros((1, 10, 10), np.uint8)
    agc[0, 2:6, 2:4] = 200  # "person" to the model
    items = tuple(Item(name) for name in names)
    return Listed("hituav", "val", items, lambda item: {"agc": agc})


def test_people_are_found_and_a_frame_without_boxes_is_reported():
    boxes = {"a": (Box("Person", 2, 2, 2, 4), Box("Car", 6, 6, 4, 4))}
    seen = []
    report = evaluate_boxes(HotOrRed(), frames("a", "b"), boxes, progress=seen.append)
    assert seen == ["a", "b"]
    assert report.frames == 1
    assert report.failed[0][0] == "b"
    assert "there are no boxes for b" in report.failed[0][1]
    assert set(report.scores) == {"person", "vehicle"}  # the model has no bicycle
    person, vehicle = report.scores["person"], report.scores["vehicle"]
    assert (person.hit, person.inside, person.floor) == (1, 1, pytest.approx(0.08))
    assert (vehicle.boxes, vehicle.hit, vehicle.pixels) == (1, 0, 0)
    assert report.to_dict()["scores"]["person"]["boxes"] == 1


def test_a_model_without_any_right_class():
    class Sky(HotOrRed):
        classes = ("sky",)

    boxes = {"a": (Box("Person", 2, 2, 2, 4), Box("Dog", 2, 2, 2, 4))}
    with pytest.raises(ConfigError, match="no class for person, dog; it knows sky"):
        evaluate_boxes(Sky(), frames("a"), boxes)
    with pytest.raises(ConfigError, match="there is not one box"):
        evaluate_boxes(HotOrRed(), frames("a"), {"a": (Box("DontCare", 2, 2, 2, 4),)})


def test_names_of_any_data_set_find_their_group():
    names = ["BigDog", "Bicycle", "Car", "DontCare", "OtherVehicle", "person", "van"]
    assert groups_of(names) == {
        "person": ("person",),
        "vehicle": ("Car", "OtherVehicle", "van"),
        "bicycle": ("Bicycle",),
        "big dog": ("BigDog",),
    }

    class Dogs(HotOrRed):
        classes = ("ground", "red", "big_dog")

    scores = evaluate_boxes(Dogs(), frames("a"), {"a": (Box("BigDog", 2, 2, 2, 4),)}).scores
    assert scores["big dog"].hit == 1


@pytest.mark.real
def test_heat_finds_real_people_better_than_chance(real_data):
    from thermoscope.data.boxes import read_boxes

    whole = hituav(real_data, split="val")
    few = Listed("hituav", "val", whole.items[:8], whole.decode)
    boxes = read_boxes(real_data / "detection/hituav/annotations_val.json")
    scores = evaluate_boxes(HotOrRed(), few, boxes).scores["person"]
    assert scores.boxes == 13
    assert scores.hit > 0.9  # more than half of these pictures is above the middle level
    assert scores.inside > 1.2 * scores.floor
