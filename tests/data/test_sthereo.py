"""STheReO: pairs read and made, every tenth, both namings, window, poses of both kinds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.fakes.place_files import lines, png, sthereo_sequence

from thermoscope.core.errors import (
    ConfigError,
    DatasetCorruptError,
    DatasetNotFoundError,
    UnknownNameError,
)
from thermoscope.core.sample import check_sample
from thermoscope.data.sthereo import RADII_M, sthereo

T0 = 1_630_733_313_282_105_385
MS = 1_000_000
RGB = [T0, T0 + 1000 * MS, T0 + 2000 * MS]
THERMAL = [T0 + 40 * MS, T0 + 990 * MS, T0 + 2200 * MS]
POSES = [f"{T0 + 100 * MS},1.5,2.5,3.5", f"{T0 + 1000 * MS},4.5,5.5,6.5"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("snu_morning", "kaist_evening"):
        sthereo_sequence(tmp_path / name, rgb_ns=RGB, thermal_ns=THERMAL, poses=POSES)
    return tmp_path


def test_pairs_are_made_from_stamps_and_poses(root: Path) -> None:
    found = sthereo(root, every=1)
    assert [i.name for i in found.items] == [f"snu_morning/{t}" for t in THERMAL[:2]]
    assert [i.position_m for i in found.items] == [(1.5, 2.5, 3.5), (4.5, 5.5, 6.5)]
    assert found.items[0].time_of_day == "day"
    text = " ".join(found.findings)
    assert "2 of 3 kept; 1 with no thermal frame free within 0.1 s" in text
    assert "not there: snu_afternoon, snu_evening, valley_morning" in text
    assert RADII_M == (15.0, 25.0, 50.0)


def test_the_window_of_the_thermal_picture(root: Path) -> None:
    sample = sthereo(root)[0]
    check_sample(sample)
    assert sample["counts"].shape == (1, 284, 558)
    assert sample["counts"][0, 0, 0] == 7000 + 20 * 121 + 52
    assert sample["counts"][0, -1, -1] == 7000 + 20 * (511 - 107) + 639 - 30
    assert sample["rgb"].shape == (3, 284, 558)
    assert sample["position_m"].tolist() == [1.5, 2.5, 3.5]
    assert sthereo(root, view="whole")[0]["counts"].shape == (1, 512, 640)


def test_pairs_are_read_and_every_tenth_is_kept(root: Path) -> None:
    row = f"{RGB[0]}.png {THERMAL[0]}.png 1 2 3"
    rows = [row] * 10 + [f"{RGB[2]}.png {THERMAL[2]}.png 7 8 9"] + [row] * 9
    lines(root / "SNU_Morning_frame_pairs.txt", rows)
    found = sthereo(root)
    assert [i.position_m for i in found.items] == [(1, 2, 3), (7, 8, 9)]
    assert [i.index for i in found.items] == [0, 1]


def test_splits_and_the_nested_naming(tmp_path: Path) -> None:
    sthereo_sequence(tmp_path / "KAIST/Morning", rgb_ns=RGB, thermal_ns=THERMAL, poses=POSES)
    sthereo_sequence(tmp_path / "Valley/Evening", rgb_ns=RGB, thermal_ns=THERMAL, poses=POSES)
    assert {i.sequence for i in sthereo(tmp_path, split="val").items} == {"kaist_morning"}
    both = sthereo(tmp_path, split="all")
    assert [i.sequence for i in both.items] == ["kaist_morning", "valley_evening"]
    assert both.items[1].index >= 1000


def test_poses_as_matrices_with_a_heading(root: Path) -> None:
    cells = "1,0,0,10.5,0,1,0,20.5,0,0,1,30.5"
    rows = ["t,r,r,r,x,r,r,r,y,r,r,r,z", f"{T0},{cells}"]
    lines(root / "snu_morning/pose/global_pose.csv", rows)
    assert sthereo(root).items[0].position_m == (10.5, 20.5, 30.5)


def test_refusals(root: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="unknown split 'test'"):
        sthereo(root, split="test")
    with pytest.raises(ConfigError, match="every must be 1 or more, got 0"):
        sthereo(root, every=0)
    with pytest.raises(ConfigError, match="view must be"):
        sthereo(root, view="crop")  # type: ignore[arg-type]
    with pytest.raises(DatasetNotFoundError, match=r"snu_morning_frame_pairs.txt is not there"):
        sthereo(root, frame_lists=tmp_path)
    pose = root / "snu_morning/pose/global_pose.csv"
    lines(pose, ["1,2,3,4", "1,2"])
    with pytest.raises(DatasetCorruptError, match="a row of 2 cells: '1 2'; expected ns, x, y, z"):
        sthereo(root)
    pose.write_text("")
    with pytest.raises(DatasetCorruptError, match="holds no row; expected ns, x, y, z"):
        sthereo(root)
    pose.unlink()
    with pytest.raises(DatasetNotFoundError, match=r"global_pose.csv is not there"):
        sthereo(root)
    lines(root / "snu_morning/snu_morning_frame_pairs.txt", [f"{RGB[0]}.png 5.png 1 2 3"])
    with pytest.raises(DatasetNotFoundError, match=r"1 thermal pictures .* are not there \(5\)"):
        sthereo(root)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(DatasetNotFoundError, match=r"kaist_morning is not there. Expected: {kaist"):
        sthereo(empty, split="val")


def test_another_size_is_refused_when_decoded(root: Path) -> None:
    path = root / "snu_morning/image/stereo_thermal_14_left" / f"{THERMAL[0]}.png"
    png(path, np.zeros((4, 4), np.uint16))
    with pytest.raises(DatasetCorruptError, match="is not 640x512, for which the window is stated"):
        sthereo(root)[0]
