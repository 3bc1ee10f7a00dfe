"""Own pairs: two folders and tables, with everything that can be wrong with them."""

import numpy as np
import pytest

from thermoscope.core.errors import (
    ConfigError,
    DatasetCorruptError,
    DatasetNotFoundError,
    UnknownNameError,
)
from thermoscope.core.sample import check_sample
from thermoscope.data.pairs import pairs


@pytest.fixture
def folder(tmp_path, save):
    """Ten pairs; the thermal value is the number in the name."""
    for number in range(10):
        save(tmp_path / f"rgb/{number:03d}.png", shape=(8, 12, 3), value=number)
        save(tmp_path / f"thermal/{number:03d}.png", value=number, dtype="uint16")
    return tmp_path


def test_partners_share_a_stem_not_a_place(folder):
    (folder / "rgb/004.png").unlink()  # shifts all later files by one
    (folder / "thermal/notes.txt").write_text("stray")
    data = pairs(folder, split="all")
    assert len(data) == 9
    for sample in data:
        check_sample(sample)
        assert int(sample["counts"][0, 0, 0]) == round(float(sample["rgb"][0, 0, 0]) * 255)
    assert data.findings == ("thermal: 1 of 10 files have no partner (004)",)
    assert [data.item(i).index for i in range(9)] == [0, 1, 2, 3, 5, 6, 7, 8, 9]


def test_without_splits_the_end_is_for_validation(folder):
    train, val = (pairs(folder, split=s) for s in ("train", "val"))
    assert [len(train), len(val)] == [8, 2]
    assert [val.item(i).name for i in range(2)] == ["008", "009"]
    assert len(pairs(folder, split="val", val_share=0.5)) == 5
    with pytest.raises(ConfigError, match="have no split 'test'. Put them into test/rgb"):
        pairs(folder, split="test")
    with pytest.raises(UnknownNameError, match="unknown split 'training'"):
        pairs(folder, split="training")
    with pytest.raises(ConfigError, match=r"val_share must lie in \[0, 1\]"):
        pairs(folder, val_share=1.5)


def test_own_split_folders_affixes_and_labels(tmp_path, save):
    save(tmp_path / "val/colour/x1_rgb.jpg", shape=(4, 6, 3))
    save(tmp_path / "val/ir/T_x1.tiff", dtype="uint16")
    save(tmp_path / "val/labels/x1.png", value=2)
    data = pairs(
        tmp_path,
        split="val",
        rgb="colour",
        thermal="ir",
        rgb_affixes=("", "_rgb"),
        thermal_affixes=("T_", ""),
        classes=("a", "b", "c"),
    )
    check_sample(data[0])
    assert data[0]["name"] == "pairs/x1"
    assert (int(data[0]["labels"].max()), data.classes) == (2, ("a", "b", "c"))


def test_no_common_stem_tells_both_kinds_of_names(tmp_path, save):
    save(tmp_path / "rgb/a_1.png", shape=(4, 6, 3))
    save(tmp_path / "thermal/b_1.png")
    with pytest.raises(DatasetCorruptError, match=r"no frame.*rgb: a_1; thermal: b_1.*rgb_affixes"):
        pairs(tmp_path, split="all")


def test_a_missing_folder_is_named(tmp_path, save):
    save(tmp_path / "rgb/1.png", shape=(4, 6, 3))
    with pytest.raises(DatasetNotFoundError, match=r"thermal is not there. Expected: rgb/ and the"):
        pairs(tmp_path)


HEAD = "rgb,thermal,label,x_m,y_m,environment,split\n"


def table(folder, text, head=HEAD):
    (folder / "pairs.csv").write_text(head + text)
    return folder


def test_a_table_states_positions_environments_and_splits(folder):
    table(
        folder,
        "rgb/000.png,thermal/000.png,,10.5,-3,indoor,train\n"
        "rgb/001.png,thermal/001.png,,,,park,val\n"
        f"{folder}/rgb/002.png,thermal/002.png,,1,2,park,val\n"
        "rgb/003.png,thermal/003.png,,1,2,park,later",
    )
    train, val = (pairs(folder, split=s) for s in ("train", "val"))
    assert train.item(0).position_m == (10.5, -3.0)
    np.testing.assert_array_equal(train[0]["position_m"], [10.5, -3.0, np.nan])
    assert [val.item(i).environment for i in range(2)] == ["park", "park"]
    assert (val.item(0).position_m, "position_m" in val[0]) == (None, False)
    assert len(pairs(folder / "pairs.csv", split="all")) == 3
    assert "rows of the splits later are left out" in train.findings[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rgb/0.png,thermal/000.png,,,,,\n", r"rgb/0.png is not there"),
        (",thermal/000.png,,,,,\n", "line 2: rgb is empty. Name a file"),
        ("rgb/000.png,thermal/000.png,,east,1,,\n", r"line 2: x_m, y_m are \['east', '1'\]"),
        ("rgb/000.png,thermal/000.png,,1,,,\n", r"x_m, y_m are \['1', ''\]; expected two numbers"),
        ("rgb/000.png,thermal/000.png,,nan,1,,\n", "expected two numbers in metres"),
        (
            "rgb/000.png,thermal/000.png,,,,,\nrgb/001.png,rgb/../thermal/000.png,,,,,\n",
            "line 3: 000.png is already in line 2. Name every file once",
        ),
    ],
)
def test_wrong_rows(folder, text, message):
    with pytest.raises((DatasetCorruptError, DatasetNotFoundError), match=message):
        pairs(table(folder, text), split="all")


def test_a_table_without_its_columns(folder):
    with pytest.raises(DatasetCorruptError, match="lacks the columns thermal; it has rgb, ir"):
        pairs(table(folder, "", head="rgb,ir\n"))
    (folder / "pairs.csv").write_bytes(b"rgb,thermal\n\xff\xfe,1\n")
    with pytest.raises(DatasetCorruptError, match=r"pairs.csv is no table"):
        pairs(folder)


def test_a_truncated_picture_is_named_when_decoded(folder):
    path = folder / "thermal/003.png"
    path.write_bytes(path.read_bytes()[:40])
    data = pairs(folder, split="all")
    with pytest.raises(DatasetCorruptError, match=r"thermal/003.png"):
        data[3]
    assert int(data[2]["counts"].max()) == 2
