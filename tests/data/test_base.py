"""What all readers share: names, lists, single files, folders joined by stem."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from thermoscope.core.errors import DatasetCorruptError, DatasetNotFoundError, UnknownNameError
from thermoscope.data.base import (
    READERS,
    Dataset,
    Item,
    Listed,
    read_labels,
    read_rgb,
    read_thermal,
    require,
)
from thermoscope.data.files_by_stem import by_stem, joined, lines_of, some


def test_every_registered_reader_can_be_imported():
    assert all(callable(READERS.get(name)) for name in READERS)
    assert {"mfnet", "ms2", "pairs", "scenes", "tartanrgbt", "freiburg", "msrs"} <= set(READERS)


def test_unknown_reader_suggests_a_name():
    with pytest.raises(UnknownNameError, match="unknown data set 'mfnett'. Did you mean 'mfnet'"):
        READERS.get("mfnett")


def listed(*names, findings=()):
    items = tuple(Item(name, position_m=(1.0, 2.0)) for name in names)
    return Listed("own", "train", items, lambda item: {"t_ns": 5}, findings=findings)


def test_a_list_is_a_data_set_and_decodes_when_asked():
    data = listed("a", "b")
    assert isinstance(data, Dataset)
    assert (len(data), data.item(1).name, data[1]["name"]) == (2, "b", "own/b")
    assert [sample["t_ns"] for sample in data] == [5, 5]
    np.testing.assert_array_equal(data[0]["position_m"], [1.0, 2.0, np.nan])
    with pytest.raises(IndexError):
        data[2]


def test_an_entry_twice_is_refused():
    with pytest.raises(DatasetCorruptError, match="own train lists 'a' twice. Remove one"):
        listed("a", "b", "a")


def test_an_empty_list_says_why():
    with pytest.raises(DatasetCorruptError, match="own train has no frame. rgb: 3 files alone"):
        listed(findings=("rgb: 3 files alone",))


def test_require_names_what_is_absent_and_where_to_get_it(tmp_path):
    (tmp_path / "images").mkdir()
    assert require(tmp_path, "images", layout="images/.", source="x.org") == tmp_path
    with pytest.raises(
        DatasetNotFoundError, match=r"labels is not there. Expected: images/ and labels/. .*x.org"
    ):
        require(tmp_path, "images", "labels", layout="images/ and labels/.", source="x.org")
    with pytest.raises(DatasetNotFoundError, match=r"nowhere/? is not there"):
        require(tmp_path / "nowhere", layout="-", source="-")


def test_colour_comes_as_red_green_blue(tmp_path, save):
    path = save(tmp_path / "a.png", np.array([[[0, 51, 255]]], np.uint8))  # blue, green, red
    np.testing.assert_allclose(read_rgb(path)[:, 0, 0], [1.0, 0.2, 0.0])


def test_thermal_files_keep_their_kind(tmp_path, save):
    deep = read_thermal(save(tmp_path / "a.png", value=30000, dtype="uint16"))
    flat = read_thermal(save(tmp_path / "b.png", value=9))
    assert (deep["counts"].dtype, deep["counts"].shape) == (np.uint16, (1, 4, 6))
    assert int(deep["counts"][0, 0, 0]) == 30000
    assert (list(flat), int(flat["agc"].max())) == (["agc"], 9)


def test_damaged_files_are_named(tmp_path, save):
    whole = save(tmp_path / "a.png", np.arange(4096, dtype=np.uint16).reshape(64, 64))
    torn = tmp_path / "torn.png"
    torn.write_bytes(whole.read_bytes()[:60])
    with pytest.raises(DatasetCorruptError, match=r"torn.png"):
        read_thermal(torn)
    with pytest.raises(DatasetCorruptError, match=r"b.png is absent or no colour picture"):
        read_rgb(tmp_path / "b.png")
    with pytest.raises(DatasetCorruptError, match=r"b.png is absent or no picture"):
        read_labels(tmp_path / "b.png")


def test_labels_are_ids_of_one_channel(tmp_path, save):
    labels = read_labels(save(tmp_path / "a.png", value=255), shape=(4, 6))
    assert (labels.shape, labels.dtype, int(labels.max())) == ((1, 4, 6), np.int64, 255)
    with pytest.raises(DatasetCorruptError, match=r"shape \(4, 6\); expected 5 x 6 and one"):
        read_labels(tmp_path / "a.png", shape=(5, 6))
    with pytest.raises(DatasetCorruptError, match=r"shape \(4, 6, 3\); expected H x W"):
        read_labels(save(tmp_path / "b.png", shape=(4, 6, 3)))


def test_stems_ignore_strays(tmp_path, save):
    for name in ("fl_rgb_2.png", "fl_rgb_1.JPG", "other_1.png", ".fl_rgb_3.png"):
        save(tmp_path / name)
    (tmp_path / "fl_rgb_4.txt").write_text("no picture")
    (tmp_path / "fl_rgb_5.png").mkdir()
    assert list(by_stem(tmp_path, prefix="fl_rgb_")) == ["1", "2"]


def test_two_files_of_one_stem_are_refused(tmp_path, save):
    save(tmp_path / "1.png")
    save(tmp_path / "1.jpg")
    with pytest.raises(DatasetCorruptError, match=r"1.jpg and 1.png .* have the same stem"):
        by_stem(tmp_path)
    with pytest.raises(DatasetNotFoundError, match="b is no folder"):
        by_stem(tmp_path / "b")


def test_joining_goes_by_stem_and_reports_the_rest():
    a, b = {s: Path(f"a/{s}") for s in "123"}, {s: Path(f"b/{s}") for s in "234"}
    found = joined({"rgb": a, "thermal": b, "label": {"3": Path("c/3")}}, optional=["label"])
    assert list(found.rows) == ["2", "3"]
    assert list(found.rows["2"]) == ["rgb", "thermal"]
    assert found.rows["3"]["label"] == Path("c/3")
    assert found.findings == (
        "rgb: 1 of 3 files have no partner (1)",
        "thermal: 1 of 3 files have no partner (4)",
    )


def test_lists_of_names(tmp_path):
    path = tmp_path / "list.txt"
    path.write_bytes(b"\xef\xbb\xbfa\r\n\n# note\n b \nlast")  # a mark, blanks, no last newline
    assert lines_of(path) == ["a", "b", "last"]
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DatasetCorruptError, match=r"list.txt is no UTF-8 text"):
        lines_of(path)
    with pytest.raises(DatasetNotFoundError, match=r"none.txt is not there"):
        lines_of(tmp_path / "none.txt")
    assert some("abcde") == "a, b, c and 2 more"


def test_labels_with_a_palette_are_its_indices(tmp_path):
    ids = np.array([[0, 1, 2], [2, 255, 0]], np.uint8)
    picture = Image.fromarray(ids).convert("P")
    picture.putpalette([*range(255, -1, -1)] * 3)
    picture.save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_labels(tmp_path / "a.png", shape=(2, 3))[0], ids)
    with pytest.raises(DatasetCorruptError, match=r"shape \(2, 3\); expected 5 x 6"):
        read_labels(tmp_path / "a.png", shape=(5, 6))
    whole = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(whole[: whole.index(b"IDAT") + 8])
    with pytest.raises(DatasetCorruptError, match=r"a\.png: .* cannot be decoded"):
        read_labels(tmp_path / "a.png")
