"""ViViD++: splits, lists read and made, window, positions; each fault named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.fakes.place_files import lines, png, vivid_sequence

from thermoscope.core.errors import (
    ConfigError,
    DatasetCorruptError,
    DatasetNotFoundError,
    UnknownNameError,
)
from thermoscope.core.sample import check_sample
from thermoscope.data.vivid import RADII_M, vivid

RGB = ("1600000000.000000", "1600000001.000000", "1600000003.000000")
THERMAL = ("1600000000.050000", "1600000001.100000", "1600000003.500000")
TRACK = (
    "350000.0 4020000.0 1600000000.000000",
    "350010.0 4020000.0 1600000001.000000",
    "350030.0 4020000.0 1600000003.000000",
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("driving_full/campus_night", "driving_full/urban_evening_road"):
        vivid_sequence(tmp_path / name, rgb_s=RGB[:1], thermal_s=THERMAL[:1], track=TRACK[:1])
    vivid_sequence(tmp_path / "driving_vision/city_day1", rgb_s=RGB, thermal_s=THERMAL, track=TRACK)
    return tmp_path


def test_lists_are_made_with_bounded_gaps(root: Path) -> None:
    found = vivid(root, split="train")
    assert [item.name for item in found.items] == [
        "driving_vision/city_day1/1600000000.050000",
        "driving_vision/city_day1/1600000001.100000",
    ]
    assert [item.position_m for item in found.items] == [(350000, 4020000), (350010, 4020000)]
    assert [item.index for item in found.items] == [0, 1]
    assert found.items[0].time_of_day == "day"
    assert found.items[0].environment == "urban"
    text = " ".join(found.findings)
    assert "2 of 4 kept" in text
    assert "1 slots with no pair within 0.2 s" in text
    assert "100% 100.0 ms" in text


def test_the_window_of_the_colour_picture(root: Path) -> None:
    """The red rectangle is exactly what is left: 780 x 1027, resized to 512 x 640."""
    sample = vivid(root, split="train")[0]
    check_sample(sample)
    assert sample["rgb"].shape == (3, 512, 640)
    assert np.allclose(sample["rgb"][0], 1)
    assert sample["counts"].shape == (1, 512, 640)
    assert sample["counts"][0, 2, 3] == 7043
    assert sample["position_m"][:2].tolist() == [350000, 4020000]
    whole = vivid(root, split="train", view="whole")[0]
    assert whole["rgb"].shape == (3, 1024, 1280)


def test_splits(root: Path) -> None:
    assert {i.sequence for i in vivid(root, split="val").items} == {"driving_full/campus_night"}
    both = vivid(root, split="all")
    assert [i.sequence.split("/")[1] for i in both.items] == ["campus_night"] + ["city_day1"] * 2
    assert both.items[0].time_of_day == "night"
    assert both.items[1].index - both.items[0].index >= 1000
    assert "urban_evening_road is left out" in both.findings
    assert RADII_M == (15.0, 25.0, 40.0)


def test_existing_lists_are_followed(root: Path) -> None:
    """As the public extractor writes them: paths from the root, another thermal folder, no fix."""
    part = root / "driving_vision/city_day1"
    lines(part / "rgb_framelist.txt", [f"driving_vision/city_day1/img/color/{RGB[2]}.png"])
    thermal = f"driving_vision/city_day1/img/thermal_fieldscale_clahe/{THERMAL[2]}.png"
    lines(part / "thermal_framelist.txt", [thermal])
    lines(part / "rgb_gps_framelist.txt", ["None None None"])
    found = vivid(root, split="train")
    assert [i.name for i in found.items] == [f"driving_vision/city_day1/{THERMAL[2]}"]
    assert found.items[0].position_m is None
    assert found.findings[-1] == "driving_vision/city_day1: 1 of 1 pairs have no position"
    assert "position_m" not in found[0]


def test_a_separate_folder_of_lists_and_extracted_data(root: Path, tmp_path: Path) -> None:
    outer = tmp_path / "outer"
    outer.mkdir()
    (root / "driving_vision").rename(outer / "moved")
    data = outer / "extracted_data"
    data.mkdir()
    (outer / "moved").rename(data / "driving_vision")
    lists = tmp_path / "lists" / "driving_vision" / "city_day1"
    lines(lists / "rgb_framelist.txt", [f"{RGB[0]}.png"])
    lines(lists / "thermal_framelist.txt", [f"{THERMAL[0]}.png"])
    lines(lists / "rgb_gps_framelist.txt", ["1.0 2.0 1600000000.0"])
    found = vivid(outer, split="train", frame_lists=tmp_path / "lists")
    assert [i.position_m for i in found.items] == [(1.0, 2.0)]


def test_commas_in_the_gps_file_are_understood(root: Path) -> None:
    part = root / "driving_vision/city_day1"
    lines(part / "gpslist.txt", [row.replace(" ", ",") for row in TRACK])
    assert vivid(root, split="train").items[1].position_m == (350010, 4020000)


def test_without_gps_there_are_no_positions(root: Path) -> None:
    (root / "driving_vision/city_day1/gpslist.txt").unlink()
    found = vivid(root, split="train")
    assert [i.position_m for i in found.items] == [None, None]
    assert "2 of 2 pairs have no position" in found.findings[-1]


def test_an_eight_bit_folder(root: Path) -> None:
    folder = root / "driving_vision/city_day1/img/thermal_clahe"
    for stamp in THERMAL:
        png(folder / f"{stamp}.png", np.full((512, 640), 77, np.uint8))
    sample = vivid(root, split="train", thermal="thermal_clahe")[0]
    assert sample["agc"][0, 0, 0] == 77


def test_refusals(root: Path, tmp_path: Path) -> None:
    part = root / "driving_vision/city_day1"
    with pytest.raises(UnknownNameError, match="unknown split 'test'"):
        vivid(root, split="test")
    with pytest.raises(ConfigError, match="view must be 'window' or 'whole', got 'crop'"):
        vivid(root, view="crop")  # type: ignore[arg-type]
    with pytest.raises(DatasetNotFoundError, match=r"absent is not there. Expected: <group>"):
        vivid(tmp_path / "absent")
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(DatasetNotFoundError, match=r"img is not there. Expected: <group>"):
        vivid(empty)
    with pytest.raises(DatasetNotFoundError, match=r"city_day1 has thermal_raw. Choose one"):
        vivid(root, thermal="thermal_fieldscale_clahe")
    lines(part / "gpslist.txt", ["1 2"])
    with pytest.raises(DatasetCorruptError, match=r"2 cells: '1 2'; expected east, north and sec"):
        vivid(root)
    lines(part / "gpslist.txt", ["a b 1"])
    with pytest.raises(DatasetCorruptError, match="holds 'a'; expected a number"):
        vivid(root)
    png(part / "img/color/first.png", np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(DatasetCorruptError, match="stamp 'first'; expected s as a number"):
        vivid(root)


def test_lists_that_do_not_fit_are_refused(root: Path) -> None:
    part = root / "driving_vision/city_day1"
    lines(part / "rgb_framelist.txt", [f"{RGB[0]}.png", "9.png"])
    lines(part / "thermal_framelist.txt", [f"{THERMAL[0]}.png"])
    lines(part / "rgb_gps_framelist.txt", ["1 2 3", "1 2 3"])
    with pytest.raises(DatasetCorruptError, match="2 colour, 1 thermal and 2 GPS rows"):
        vivid(root)
    lines(part / "thermal_framelist.txt", [f"{THERMAL[0]}.png"] * 2)
    with pytest.raises(DatasetNotFoundError, match=r"1 rgb pictures .* are not there \(9\)"):
        vivid(root)


def test_another_size_is_refused_when_decoded(root: Path) -> None:
    path = root / "driving_vision/city_day1/img/color" / f"{RGB[0]}.png"
    png(path, np.zeros((512, 640, 3), np.uint8))
    with pytest.raises(DatasetCorruptError, match="is 640x512; the window is stated for 1280x1024"):
        vivid(root)[0]
