"""Boxes in the form of HIT-UAV and of COCO."""

import json

import pytest

from thermoscope.core.errors import DatasetCorruptError, DatasetNotFoundError
from thermoscope.data.boxes import (
    Box,
    is_ignored,
    open_boxes,
    read_box_file,
    read_boxes,
    read_yolo_folder,
)
from thermoscope.data.real_pairs import hituav


def write(path, **changes):
    content = {
        "categories": [{"id": 0, "name": "Person"}],
        "images": [{"id": 4, "filename": "1_60.jpg"}, {"id": 5, "file_name": "a/b.png"}],
        "annotation": [{"image_id": 4, "category_id": 0, "bbox": [1, 2, 3, 4]}],
    }
    path.write_text(json.dumps({**content, **changes}))
    return path


def test_boxes_by_picture(tmp_path):
    found = read_boxes(write(tmp_path / "a.json"))
    assert found == {"1_60": (Box("Person", 1, 2, 3, 4),), "b": ()}
    coco = write(tmp_path / "c.json", annotations=[])
    assert read_boxes(coco)["1_60"] == ()


def test_names_of_classes_and_what_is_ignored(tmp_path):
    names = ["Person", "OtherVehicle", "DontCare", "traffic_light", "person"]
    categories = [{"id": 9 - i, "name": name} for i, name in enumerate(names)]
    crowd = {"image_id": 4, "category_id": 9, "bbox": [1, 2, 3, 4], "iscrowd": 1}
    found = read_box_file(write(tmp_path / "a.json", categories=categories, annotation=[crowd]))
    assert found.names == ("person", "traffic_light", "DontCare", "OtherVehicle", "Person")
    assert found.classes == ("background", "person", "traffic light", "other vehicle")
    assert found.ids == {"person": 1, "traffic_light": 2, "OtherVehicle": 3, "Person": 1}
    assert [box.name for box in found.boxes["1_60"]] == ["ignore"]
    assert is_ignored("ignore")
    assert not is_ignored("Person")


@pytest.mark.parametrize(
    "changes",
    [
        {"annotation": [{"image_id": 4, "category_id": 0, "bbox": [1, 2, -3, 4]}]},
        {"annotation": [{"image_id": 4, "category_id": 0, "bbox": [1, 2, "nan", 4]}]},
        {"annotation": [{"image_id": 9, "category_id": 0, "bbox": [1, 2, 3, 4]}]},
        {"annotation": [{"image_id": 4, "category_id": 7, "bbox": [1, 2, 3, 4]}]},
        {"annotation": [{"image_id": 4, "category_id": 0, "bbox": [1, 2, 3]}]},
        {"images": [{"id": 4}]},
        {"images": [{"id": 4, "file_name": "a/1.png"}, {"id": 5, "file_name": "b/1.png"}]},
        {"categories": None},
    ],
)
def test_damaged_files(tmp_path, changes):
    with pytest.raises(DatasetCorruptError, match="holds no boxes in COCO's form"):
        read_boxes(write(tmp_path / "a.json", **changes))


def yolo(folder, **texts):
    folder.mkdir(parents=True, exist_ok=True)
    for stem, text in texts.items():
        (folder / f"{stem}.txt").write_text(text)
    return folder


def test_texts_of_yolo_are_shares_of_the_picture(tmp_path):
    folder = yolo(tmp_path / "boxes", a="1 0.5 0.25 0.2 0.5\n\n0 0.1 0.1 0.2 0.2\n", b="")
    found = read_yolo_folder(folder, ["Dog", "Person"])
    assert found.boxes["b"] == ()
    person, dog = (box.in_pixels((40, 100)) for box in found.boxes["a"])
    assert (person.name, dog.name) == ("Person", "Dog")
    sides = person.left, person.top, person.width, person.height
    assert sides == pytest.approx((40, 0, 20, 20))
    assert not person.relative
    assert person.in_pixels((7, 7)) == person
    (tmp_path / "classes.txt").write_text("cat\ndog\n")
    assert open_boxes(folder).classes == ("background", "cat", "dog")
    (folder / "classes.txt").write_text("wolf\nfox\n")  # the one in the folder comes first
    assert open_boxes(folder).names == ("wolf", "fox")
    assert set(open_boxes(folder).boxes) == {"a", "b"}


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("0 1 1 1", "4 words, not 5"),
        ("0 1 1 1 1 0.9", "6 words"),
        ("x 1 1 1 1", "'x'"),
        ("-1 1 1 1 1", "class -1, the ids are 0 to 1"),
        ("2 1 1 1 1", "class 2, the ids are 0 to 1"),
        ("0 nan 1 1 1", "out of range"),
        ("0 -0.1 0.5 0.1 0.1", "out of range"),
        ("0 50 50 10 10", "50 is more than the whole picture, which is 1: pixels"),
        ("0 0.5 0.5 0.5 1.01", "1.01 is more than the whole picture"),
    ],
)
def test_damaged_texts(tmp_path, line, why):
    folder = yolo(tmp_path / "boxes", a=f"0 1 1 1 1.0005\n{line}")
    with pytest.raises(DatasetCorruptError, match=f"a.txt, line 2: .* is no box of .*{why}"):
        read_yolo_folder(folder, ["a", "b"])


def test_a_class_named_twice(tmp_path):
    folder = yolo(tmp_path / "boxes", a="0 1 1 1 1")
    (folder / "classes.txt").write_text("dog\ncat\ndog\n")
    with pytest.raises(DatasetCorruptError, match=r"boxes.classes\.txt names 'dog' twice"):
        read_yolo_folder(folder)


def test_no_text_and_no_names(tmp_path):
    folder = yolo(tmp_path / "boxes")
    with pytest.raises(DatasetNotFoundError, match="no text of boxes"):
        read_yolo_folder(folder, ["a"])
    yolo(folder, a="0 1 1 1 1")
    with pytest.raises(DatasetNotFoundError, match=r"Write classes\.txt"):
        read_yolo_folder(folder)


def test_no_file_and_no_json(tmp_path):
    with pytest.raises(DatasetNotFoundError, match="It holds the boxes"):
        read_boxes(tmp_path / "none.json")
    (tmp_path / "x.json").write_text("{")
    with pytest.raises(DatasetCorruptError, match="JSONDecodeError"):
        read_boxes(tmp_path / "x.json")


@pytest.mark.real
def test_every_real_frame_has_its_boxes(real_data):
    boxes = read_boxes(real_data / "detection/hituav/annotations_val.json")
    frames = hituav(real_data, split="val")
    assert {item.name for item in frames.items} == set(boxes)
    assert sum(map(len, boxes.values())) == 507
