"""Labels made of boxes: discs, crowds, cold objects, real masks, real boxes."""

import json

import cv2
import numpy as np
import pytest

from thermoscope.core.errors import DatasetCorruptError, DatasetNotFoundError, ShapeError
from thermoscope.data.base import Item, Listed
from thermoscope.data.box_outlines import labels_from_boxes, with_outlines
from thermoscope.data.boxes import Box, read_boxes
from thermoscope.data.labelled_folder import labelled_folder
from thermoscope.data.real_pairs import hituav

IDS = {"Person": 1, "Car": 2}


def scene(*discs, ground=20_000, noise=20):
    """Counts with discs (x, y, radius, level) on noise, and the mask of each."""
    rng = np.random.default_rng(3)
    counts = rng.normal(ground, noise, (96, 128))
    y, x = np.mgrid[:96, :128]
    masks = [(x - cx) ** 2 + (y - cy) ** 2 <= radius**2 for cx, cy, radius, _ in discs]
    for mask, (_, _, _, level) in zip(masks, discs, strict=True):
        counts[mask] += level
    return counts.astype(np.uint16), masks


def around(mask, name, grow=1):
    rows, columns = (np.flatnonzero(mask.any(axis)).tolist() for axis in (1, 0))
    return Box(
        name,
        columns[0] - grow,
        rows[0] - grow,
        columns[-1] - columns[0] + 1 + 2 * grow,
        rows[-1] - rows[0] + 1 + 2 * grow,
    )


def iou(found, mask):
    return (found & mask).sum() / (found | mask).sum()


@pytest.mark.parametrize("level", [400, -400])
@pytest.mark.parametrize("radius", [4, 9, 25])
def test_warm_and_cold_things_of_any_size_are_cut_out(radius, level):
    frame, (mask,) = scene((60, 48, radius, level))
    labels = labels_from_boxes(frame, [around(mask, "Person")], IDS)
    assert iou(labels == 1, mask) > 0.85
    box = around(mask, "Person")
    inside = np.zeros(frame.shape, bool)
    inside[int(box.top) : int(box.top + box.height), int(box.left) : int(box.left + box.width)] = 1
    assert set(np.unique(labels[inside])) == {1, 255}  # nothing in a box is called background
    assert (labels[~inside] == 0).all()


def test_neighbours_do_not_count_as_surroundings():
    frame, masks = scene((40, 48, 8, 400), (58, 48, 8, 400), (22, 48, 8, 400))
    labels = labels_from_boxes(frame, [around(mask, "Person") for mask in masks], IDS)
    assert iou(labels == 1, np.any(masks, axis=0)) > 0.85


def test_the_smaller_box_lies_over_the_larger():
    frame, (car, person) = scene((60, 48, 30, 300), (60, 48, 6, 900))
    boxes = [around(person, "Person"), around(car, "Car")]
    for order in (boxes, boxes[::-1]):
        labels = labels_from_boxes(frame, order, IDS)
        assert iou(labels == 1, person) > 0.8
        assert iou(labels == 2, car & ~person) > 0.8


def test_where_nothing_is_seen_an_ellipse_is_taken():
    flat = np.full((40, 60), 21_000, np.uint16)
    labels = labels_from_boxes(flat, [Box("Car", 10, 10, 20, 10)], IDS)
    assert labels[15, 20] == 2
    assert labels[10, 10] == 255
    assert (labels == 2).sum() == pytest.approx(np.pi * 8 * 4, rel=0.1)


def test_boxes_that_say_nothing_or_lie_outside():
    frame, _ = scene()
    frame = frame.astype(np.float32)
    frame[0, 0] = np.nan
    boxes = [
        Box("DontCare", 100, 80, 90, 90),
        Box("Person", 500, 500, 10, 10),
        Box("Person", 5, 5, 0, 0),
        Box("Person", -10, -10, 5, 5),
    ]
    labels = labels_from_boxes(frame, boxes, IDS)
    assert (labels[80:, 100:] == 255).all()
    assert (labels[:80] == 0).all()
    whole = labels_from_boxes(frame, [Box("Car", -5, -5, 500, 500)], IDS)
    assert set(np.unique(whole)) == {2, 255}  # there is nothing around it to compare with
    with pytest.raises(ShapeError, match="frame"):
        labels_from_boxes(frame[None], boxes, IDS)


@pytest.mark.parametrize("sides", [(1, 90), (120, 1), (1, 1), (128, 96), (0.3, 0.3)])
def test_boxes_of_any_form_give_labels(sides):
    frame, _ = scene((60, 48, 9, 400))
    labels = labels_from_boxes(frame, [Box("Person", 2, 2, *sides)], IDS)
    assert set(np.unique(labels)) <= {0, 1, 255}


def test_a_frame_without_one_value_is_no_error():
    labels = labels_from_boxes(np.full((20, 30), np.nan), [Box("Car", 5, 5, 9, 9)], IDS)
    assert labels[9, 9] == 2  # the middle of an ellipse


def coco(*images, names=("Person", "DontCare", "BigCar"), **boxes):
    rows = [
        {"image_id": images.index(stem), "category_id": k, "bbox": box}
        for stem, found in boxes.items()
        for k, box in found
    ]
    return {
        "categories": [{"id": i, "name": name} for i, name in enumerate(names)],
        "images": [{"id": i, "file_name": f"x/{stem}.png"} for i, stem in enumerate(images)],
        "annotations": rows,
    }


@pytest.fixture
def folder(tmp_path):
    """Five frames, four of them listed, one of these without boxes."""
    (tmp_path / "thermal").mkdir()
    frame, masks = scene((40, 48, 8, 400), (90, 48, 12, -400))
    for i in range(5):
        cv2.imwrite(str(tmp_path / f"thermal/f{i}.png"), frame)
    person, car = (around(mask, "") for mask in masks)
    sides = [[b.left, b.top, b.width, b.height] for b in (person, car)]
    found = [(0, sides[0]), (2, sides[1]), (1, [0, 0, 5, 5])]
    content = coco("f0", "f1", "f2", "f3", f0=found, f1=found, f3=found)
    (tmp_path / "boxes.json").write_text(json.dumps(content))
    return tmp_path, masks


def test_a_folder_with_boxes_is_a_folder_with_labels(folder):
    root, (person, car) = folder
    data = labelled_folder(root, split="all", truth="labels")
    assert data.classes == ("background", "person", "big car")
    assert [item.name for item in data.items] == ["f0", "f1", "f2", "f3"]
    assert data.findings == (f"{root / 'boxes.json'} does not list f4.",)
    labels = data[0]["labels"][0]
    assert iou(labels == 1, person) > 0.85
    assert iou(labels == 2, car) > 0.85
    assert (labels[:5, :5] == 255).all()
    assert (data[2]["labels"] == 0).all()
    assert len(labelled_folder(root, split="val", truth="labels")) == 1
    with pytest.raises(DatasetNotFoundError, match="no folder depth"):
        labelled_folder(root, truth="depth")
    named = labelled_folder(root, split="all", classes=("nothing", "a", "b"))
    assert named.classes == ("nothing", "a", "b")


def test_texts_of_yolo_give_the_labels_of_coco(folder):
    root, _ = folder
    coco_labels = labelled_folder(root, split="all", truth="labels")[1]["labels"]
    boxes = read_boxes(root / "boxes.json")
    names = ["Person", "DontCare", "BigCar"]
    (root / "classes.txt").write_text("\n".join(names))
    (root / "boxes").mkdir()
    for stem, found in boxes.items():
        lines = [
            f"{names.index(b.name)} {(b.left + b.width / 2) / 128} {(b.top + b.height / 2) / 96} "
            f"{b.width / 128} {b.height / 96}"
            for b in found
        ]
        (root / f"boxes/{stem}.txt").write_text("\n".join(lines))
    (root / "boxes.json").unlink()
    data = labelled_folder(root, split="all", truth="labels")
    assert data.classes == ("background", "person", "big car")
    assert (data[1]["labels"] == coco_labels).all()
    assert (data[2]["labels"] == 0).all()  # an empty text: nothing there


def test_masks_come_before_boxes(folder):
    root, _ = folder
    (root / "labels").mkdir()
    cv2.imwrite(str(root / "labels/f4.png"), np.ones((96, 128), np.uint8))
    data = labelled_folder(root, split="all", truth="labels")
    assert [item.name for item in data.items] == ["f4"]


def test_frames_that_no_file_lists_and_files_that_differ(tmp_path):
    frames = Listed("a", "train", (Item("f0"), Item("f9")), lambda item: {})
    one, two = tmp_path / "1.json", tmp_path / "2.json"
    one.write_text(json.dumps(coco("f0")))
    with pytest.raises(DatasetCorruptError, match="not listed: f9"):
        with_outlines(frames, [one])
    two.write_text(json.dumps(coco("f9", names=("Other",))))
    with pytest.raises(DatasetCorruptError, match="other categories"):
        with_outlines(frames, [one, two])


@pytest.mark.real
def test_real_people_and_cars_have_outlines(real_data):
    data = hituav(real_data, split="val", labels=True)
    assert data.classes == ("background", "person", "car", "bicycle", "other vehicle")
    boxes = read_boxes(real_data / "detection/hituav/annotations_val.json")
    name, found = next((n, b) for n, b in boxes.items() if any(x.name == "Person" for x in b))
    index = [item.name for item in data.items].index(name)
    labels = data[index]["labels"][0]
    for box in (b for b in found if b.name == "Person"):
        inside = labels[int(box.top) : int(box.top + box.height) + 1]
        inside = inside[:, int(box.left) : int(box.left + box.width) + 1]
        assert (inside == 1).mean() > 0.2
    assert len(hituav(real_data, split="all", labels=True)) == 280
    assert "labels" not in hituav(real_data, split="val")[0]
