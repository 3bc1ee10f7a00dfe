"""Freiburg Thermal on hand-made files."""

import numpy as np
import pytest

from thermoscope.core.errors import ConfigError, DatasetCorruptError, DatasetNotFoundError
from thermoscope.core.sample import check_sample
from thermoscope.data.freiburg import freiburg

TIMES = ("100_000000000", "100_500000000", "101_000000000", "102_900000000")


@pytest.fixture
def folder(tmp_path, save):
    ramp = np.tile(np.arange(1920, dtype=np.uint16), (650, 1))
    for part in ("seq_00_day/00", "seq_01_night/03", "seq_02_day/01"):
        for time in TIMES:
            base = tmp_path / "train" / part
            save(base / f"fl_rgb/fl_rgb_{time}.png", shape=(65, 192, 3), value=51)
            save(base / f"fl_ir_aligned/fl_ir_aligned_{time}.png", shape=(2, 4), dtype="uint16")
    day = tmp_path / "train/seq_00_day/00"
    save(day / "fl_ir_aligned/fl_ir_aligned_100_000000000.png", ramp)
    save(day / "fl_rgb_labels/fl_rgb_labels_100_000000000.png", shape=(650, 1920), value=12)
    return tmp_path


def names(data):
    return [data.item(i).name for i in range(len(data))]


def test_a_frame_a_second_and_the_split_by_sequence(folder):
    train, val = freiburg(folder), freiburg(folder, split="val")
    assert names(train) == [f"seq_00_day/00/{TIMES[i]}" for i in (0, 2, 3)]
    assert [val.item(i).sequence for i in (0, 3)] == ["seq_01_night/03", "seq_02_day/01"]
    assert [val.item(i).time_of_day for i in (0, 3)] == ["night", "day"]
    assert val.item(3).index - val.item(2).index == 1000  # no neighbours over a cut
    assert len(freiburg(folder, split="all", min_gap_s=0)) == 12
    assert train.findings == ("3 of 49 sub-sequences are there",)


def test_the_window_that_every_thermal_frame_covers(folder):
    sample = freiburg(folder)[0]
    check_sample(sample)
    assert sample["rgb"].shape == (3, 320, 710)
    assert sample["counts"].shape == sample["labels"].shape == (1, 320, 710)
    # columns 148 to 858 of 960 are columns 296 to 1716 of 1920, averaged in pairs
    first, last = (int(sample["counts"][0, 0, c]) for c in (0, -1))
    assert first in (296, 297)
    assert last in (1714, 1715)
    assert np.unique(sample["labels"]).tolist() == [255]  # 12 and above are ignored
    whole = freiburg(folder, view="whole")[0]
    assert (whole["counts"].shape, whole["rgb"].shape) == ((1, 650, 1920), (3, 65, 192))
    assert "labels" not in freiburg(folder)[1]


def test_odd_folders_are_reported(folder, save):
    part = folder / "train/seq_00_day/00"
    (part / "fl_rgb/fl_rgb_102_900000000.png").unlink()
    for kind in ("fl_rgb", "fl_ir_aligned"):
        save(part / f"{kind}/{kind}_latest.png", shape=(2, 2, 3))
    (folder / "train/seq_05_day/00").mkdir(parents=True)
    data = freiburg(folder)
    text = "\n".join(data.findings)
    assert "seq_00_day/00 thermal: 1 of 5 files have no partner (102_900000000)" in text
    assert "seq_00_day/00: names without seconds and nanoseconds (latest)" in text
    assert "seq_05_day/00 has no folder fl_rgb and no fl_ir_aligned and is left out" in text
    assert len(data) == 2


def test_wrong_settings(folder, tmp_path):
    with pytest.raises(ConfigError, match="min_gap_s must not be negative, got -1"):
        freiburg(folder, min_gap_s=-1)
    with pytest.raises(ConfigError, match="view must be 'window' or 'whole', got 'cut'"):
        freiburg(folder, view="cut")
    with pytest.raises(KeyError, match="unknown split 'test'"):
        freiburg(folder, split="test")
    with pytest.raises(DatasetNotFoundError, match=r"train/train is not there.*uni-freiburg"):
        freiburg(folder / "train")
    (tmp_path / "empty/train").mkdir(parents=True)
    with pytest.raises(DatasetCorruptError, match="no frame. 0 of 49 sub-sequences"):
        freiburg(tmp_path / "empty")
