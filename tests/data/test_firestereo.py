"""FIReStereo, on a small folder in its layout."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from thermoscope.core.errors import DatasetCorruptError, DatasetNotFoundError, UnknownNameError
from thermoscope.core.sample import check_sample
from thermoscope.data.base import READERS, Dataset
from thermoscope.data.firestereo import BASELINE_M, FOCAL_PX, FIReStereo


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for sequence in ("hawkins_1_1", "frick_1", "gascola"):
        for folder in ("img_left", "img_right", "depth"):
            if (sequence, folder) == ("gascola", "depth"):
                continue
            path = tmp_path / "stereo_thermal_depth" / sequence / folder
            path.mkdir(parents=True)
            for number in range(2):
                plane = np.full((8, 10), 20000 + number, np.uint16)
                if folder == "depth":
                    plane = np.zeros((8, 10), np.uint16)
                    plane[2, 3] = 10 * 256
                cv2.imwrite(str(path / f"{number:06d}.png"), plane)
    return tmp_path


def test_disparity_follows_from_depth(root: Path) -> None:
    data = FIReStereo(root, split="train")
    assert isinstance(data, Dataset)
    sample = data[1]
    check_sample(sample)
    assert sample["name"] == "hawkins_1_1_000001"
    assert sample["counts"][0, 0, 0] == 20001
    assert sample["valid"].sum() == 1
    assert sample["depth"][0, 2, 3] == 10.0
    assert sample["disparity"][0, 2, 3] == pytest.approx(FOCAL_PX[0] * BASELINE_M / 10)
    assert sample["K"][0, 2] == pytest.approx(311.5117, abs=1e-3)


def test_splits_and_items(root: Path) -> None:
    assert [len(FIReStereo(root, split=s)) for s in ("train", "test", "smoke", "all")] == [
        2,
        2,
        2,
        6,
    ]
    item = READERS.get("firestereo")(root, split="test").item(0)
    assert (item.sequence, item.time_of_day) == ("frick_1", "night")
    without = FIReStereo(root, split="smoke")[0]
    check_sample(without)
    assert "disparity" not in without


def test_what_has_no_partner_is_left_out_and_named(root: Path) -> None:
    folder = root / "stereo_thermal_depth" / "frick_1"
    (folder / "img_left" / "._000001.png").write_bytes(b"of a Mac")
    (folder / "img_right" / "000000.png").unlink()
    data = FIReStereo(root)
    assert [path.name for path in data.frames] == ["000001.png"]
    assert data.findings[0] == "frick_1 counts: 1 of 2 files have no partner (000000)"
    (folder / "img_right" / "000001.png").unlink()
    with pytest.raises(DatasetNotFoundError, match="no sequence of frick .* 2 of 2 files have no"):
        FIReStereo(root)


def test_what_is_missing_or_damaged_is_said(root: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="unknown split of firestereo 'val'"):
        FIReStereo(root, split="val")
    with pytest.raises(DatasetNotFoundError, match="no sequence of hawkins under .*img_left"):
        FIReStereo(root / "stereo_thermal_depth" / "gascola", split="train")
    left = root / "stereo_thermal_depth" / "frick_1" / "img_left" / "000000.png"
    cv2.imwrite(str(left), np.zeros((8, 9), np.uint16))
    with pytest.raises(DatasetCorruptError, match=r"left is \(8, 9\) and right \(8, 10\) px"):
        FIReStereo(root)[0]
    cv2.imwrite(str(left), np.zeros((8, 10), np.uint8))
    with pytest.raises(DatasetCorruptError, match="not a 16-bit picture"):
        FIReStereo(root)[0]
