"""Own pairs: two folders and tables, with everything that can be wrong with them."""

import csv

import numpy as np
import pytest
from tests.fakes.bag_files import FORMATS, NS, Messages, write_bag

from thermoscope.cli.datasets_extract import main as extract_main
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


def test_masks_of_0_and_255_are_named(tmp_path, save):
    for place in ("rgb", "thermal", "labels"):
        save(tmp_path / place / "1.png", shape=(4, 6, 3) if place == "rgb" else (4, 6), value=255)
    found = pairs(tmp_path, split="all", classes=("a", "b")).findings
    assert found[0].startswith("labels hold only 0 and 255, and 255 means 'ignore': 'b' (id 1)")


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


RGB, THERMAL = "/cam/image_raw", "/boson/image_raw"
T0, MS = 1_600_000_000 * NS, 1_000_000


def recording(folder, kind):
    """1 s at 10 Hz; thermal late by 4 ms more each frame: 0, 4, ... 36 ms. Counts say which."""
    make = Messages(kind)
    rows = []
    for number in range(10):
        t = T0 + number * 100 * MS
        colour = np.full((4, 6, 3), number, np.uint8)
        rows.append((RGB, t, make.image(t, colour, "rgb8")))
        late = t + 4 * number * MS
        counts = np.full((4, 6), 3000 + number, np.uint16)
        rows.append((THERMAL, late, make.image(late, counts, "mono16")))
    return write_bag(folder / "walk", kind, rows)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_recording_is_paired_by_its_stamps(kind, tmp_path):
    path = recording(tmp_path, kind)
    data = pairs(path, split="all", rgb=RGB, thermal=THERMAL, max_gap_s=0.025)
    assert len(data) == 7  # 28 ms and more are too far apart
    for number, sample in enumerate(data):
        check_sample(sample)
        assert int(sample["counts"][0, 0, 0]) == 3000 + number
        assert round(float(sample["rgb"][0, 0, 0]) * 255) == number
    with (path.parent / f"{path.stem}.pairs" / "pairs.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [float(row["dt_s"]) for row in rows] == pytest.approx([0.004 * n for n in range(7)])
    assert int(rows[2]["t_ns"]) == T0 + 208 * MS


def test_a_recording_is_written_out_once(tmp_path):
    path = recording(tmp_path, "ros1")
    topics = {"rgb": RGB, "thermal": THERMAL}
    assert len(pairs(path, **topics)) == 8
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "walk.pairs").rglob("*.png")}
    assert len(pairs(path, split="val", **topics)) == 2
    assert {p: p.stat().st_mtime_ns for p in before} == before
    with pytest.raises(ConfigError, match="an extraction with another rule"):
        pairs(path, max_gap_s=0.01, **topics)


def test_topics_of_a_recording_must_be_named(tmp_path, capsys):
    path = recording(tmp_path, "ros1")
    with pytest.raises(UnknownNameError, match=r"unknown rgb topic 'rgb'.*Known: /boson/image_raw"):
        pairs(path)
    words = [str(path), "--out", str(tmp_path / "out"), "--layout", "pairs"]
    with pytest.raises(ConfigError, match="which topic is rgb and which is thermal.*/cam/image"):
        extract_main(words)
    assert extract_main([*words, "--rgb", RGB, "--thermal", THERMAL]) == 0
    assert "20 pictures written" in capsys.readouterr().out
    assert len(pairs(tmp_path / "out" / "walk", split="all")) == 10


@pytest.mark.parametrize("kind", ["odometry", "fix"])
def test_places_of_a_recording(kind, tmp_path):
    make = Messages("ros1")
    rows = []
    for number in range(4):
        t = T0 + number * NS
        rows.append((RGB, t, make.image(t, np.zeros((4, 6, 3), np.uint8), "rgb8")))
        rows.append((THERMAL, t, make.image(t, np.full((4, 6), 3000, np.uint16), "mono16")))
        if number < 3:  # nobody knows where the last pair was taken
            metres, degrees = (2.5 * number, 1.0, 0.0), (36.0 + 1e-4 * number, 129.0)
            made = make.odometry(t, metres) if kind == "odometry" else make.fix(t, *degrees)
            rows.append(("/place", t, made))
    path = write_bag(tmp_path / "walk", "ros1", rows)
    words = [str(path), "--out", str(tmp_path), "--layout", "pairs"]
    assert extract_main([*words, "--rgb", RGB, "--thermal", THERMAL, "--pose", "/place"]) == 0
    data = pairs(tmp_path / "walk", split="all")
    places = np.array([data.item(i).position_m for i in range(len(data))])
    expected = [[0, 0], [2.5, 0], [5, 0]] if kind == "odometry" else [[0, 0], [0, 11.1], [0, 22.2]]
    np.testing.assert_allclose(places - places[0], expected, atol=0.05)
