"""Shares and temperatures of classes that can be counted by hand, and their files."""

import json

import numpy as np
import pytest
from PIL import Image

from thermoscope.core.errors import ConfigError, ShapeError
from thermoscope.data.base import read_labels
from thermoscope.engine.dense_pictures import class_colours, class_overlay
from thermoscope.engine.segment_report import (
    class_shares,
    temperatures,
    without_results,
    write_classes,
    write_index_map,
)

LABELS = np.array([[0, 0, 2], [0, 2, 2]], np.uint8)
KELVIN = np.array([[290, 291, 300], [295, np.nan, 310]], np.float32)
NAMES = ("sky", "car", "person")


def test_areas_and_temperatures():
    sky, person = class_shares(LABELS, NAMES, kelvin=KELVIN)
    assert (sky.name, sky.pixels, sky.share) == ("sky", 3, 0.5)
    assert (sky.min_k, sky.median_k, sky.max_k) == (290, 291, 295)
    assert (person.min_k, person.median_k, person.max_k) == (300, 305, 310)
    told = person.to_dict()
    assert (told["min_c"], told["median_c"], told["max_c"]) == (26.85, 31.85, 36.85)


def test_without_temperatures_there_are_none():
    told = class_shares(LABELS, NAMES)[0].to_dict()
    assert told == {"id": 0, "name": "sky", "pixels": 3, "share": 0.5}
    assert temperatures(np.full(3, np.nan, np.float32)) == {}


def test_files(tmp_path):
    write_index_map(tmp_path / "a.png", LABELS, NAMES)
    with Image.open(tmp_path / "a.png") as picture:
        np.testing.assert_array_equal(np.asarray(picture), LABELS)
        colours = np.asarray(picture.convert("RGB"))
    np.testing.assert_array_equal(read_labels(tmp_path / "a.png")[0], LABELS)
    write_classes(tmp_path / "c.json", NAMES)
    rows = json.loads((tmp_path / "c.json").read_text())
    assert [row["id"] for row in rows] == [0, 1, 2]
    assert colours[0, 2].tolist() == rows[2]["rgb"]


def test_pictures_of_a_segmentation_are_told_from_frames(tmp_path):
    names = (
        "a.tiff",
        "a_labels.png",
        "a_overlay.png",
        "b_labels.png",
        "b.labels.png",
        "labels.png",
    )
    paths = [tmp_path / name for name in names]
    assert without_results(paths) == paths  # nothing says that they are
    (tmp_path / "a_segments.json").write_text("{}")
    assert without_results(paths) == [paths[0], *paths[3:]]
    write_classes(tmp_path / "classes.json", NAMES)
    assert without_results(paths) == [paths[0], paths[5]]
    assert without_results(paths[1:2]) == paths[1:2]  # asked for by name


def test_an_overlay_tints_every_view():
    views = [np.zeros((40, 60, 3), np.uint8), np.full((40, 60, 3), 200, np.uint8)]
    labels = np.zeros((40, 60), np.uint8)
    labels[:, 30:] = 2
    picture = class_overlay(views, labels, NAMES)
    factor = 4  # 120 px wide are enlarged to 480
    colours = class_colours(NAMES)
    np.testing.assert_array_equal(picture[0, 0], np.rint(0.55 * colours[0]))
    np.testing.assert_array_equal(picture[0, 31 * factor], np.rint(0.55 * colours[2]))
    bright = np.rint(0.45 * 200 + 0.55 * colours[2])
    np.testing.assert_array_equal(picture[0, (60 + 31) * factor], bright)
    assert picture.shape[1] > 480
    with pytest.raises(ShapeError, match=r"frame must be \(40, 60, 3\)"):
        class_overlay([views[0][1:]], labels, NAMES)


def test_wrong_requests(tmp_path):
    with pytest.raises(ShapeError, match=r"labels must be \(H, W\)"):
        class_shares(LABELS[None], NAMES)
    with pytest.raises(ShapeError, match=r"kelvin must be \(2, 3\)"):
        class_shares(LABELS, NAMES, kelvin=KELVIN[1:])
    with pytest.raises(ConfigError, match="300 classes do not fit an 8-bit picture"):
        write_index_map(tmp_path / "a.png", LABELS, [str(i) for i in range(300)])
