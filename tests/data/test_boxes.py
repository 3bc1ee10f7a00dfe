"""Boxes in the form of HIT-UAV and of COCO."""

import json

import pytest

from thermoscope.core.errors import DatasetCorruptError, DatasetNotFoundError
from thermoscope.data.boxes import Box, read_boxes
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


@pytest.mark.parametrize(
    "changes",
    [
        {"annotation": [{"image_id": 9, "category_id": 0, "bbox": [1, 2, 3, 4]}]},
        {"annotation": [{"image_id": 4, "category_id": 7, "bbox": [1, 2, 3, 4]}]},
        {"annotation": [{"image_id": 4, "category_id": 0, "bbox": [1, 2, 3]}]},
        {"images": [{"id": 4}]},
        {"categories": None},
    ],
)
def test_damaged_files(tmp_path, changes):
    with pytest.raises(DatasetCorruptError, match="holds no boxes in COCO's form"):
        read_boxes(write(tmp_path / "a.json", **changes))


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
