"""MFNet on hand-made files."""

import numpy as np
import pytest

from thermoscope.core.errors import DatasetCorruptError, DatasetNotFoundError, UnknownNameError
from thermoscope.core.sample import check_sample
from thermoscope.data.mfnet import CLASSES, mfnet
from thermoscope.synthetic.labels import TAXONOMIES


@pytest.fixture
def folder(tmp_path, save):
    blue_green_red_thermal = np.tile(np.array([0, 51, 255, 77], np.uint8), (4, 6, 1))
    for name in ("00001D", "00002N", "00009D", "00001D_flip"):
        save(tmp_path / f"images/{name}.png", blue_green_red_thermal)
        save(tmp_path / f"labels/{name}.png", value=8)
    (tmp_path / "train.txt").write_text("00001D\n00001D_flip\n00002N")  # no last newline
    return tmp_path


def test_four_channels_become_rgb_and_thermal(folder):
    data = mfnet(folder)
    sample = data[0]
    check_sample(sample)
    np.testing.assert_allclose(sample["rgb"][:, 0, 0], [1.0, 0.2, 0.0])
    assert np.unique(sample["agc"]).tolist() == [77]
    assert (sample["taxonomy"], int(sample["labels"].max())) == ("mfnet", 8)
    assert CLASSES == TAXONOMIES["mfnet"].classes


def test_the_list_decides_and_mirrored_copies_stay_out(folder):
    data = mfnet(folder)
    assert [data.item(i).name for i in range(len(data))] == ["00001D", "00002N"]
    assert [data.item(i).time_of_day for i in range(2)] == ["day", "night"]
    assert data.item(1).index == 2
    assert "1 mirrored copies are left out (00001D_flip)" in data.findings[0]
    assert len(mfnet(folder, mirrored=True)) == 3


def test_wrong_lists(folder):
    with pytest.raises(UnknownNameError, match="unknown split 'testday'. Did you mean 'test_day'"):
        mfnet(folder, split="testday")
    with pytest.raises(DatasetNotFoundError, match=r"val.txt is not there. Expected: images/, lab"):
        mfnet(folder, split="val")
    (folder / "val.txt").write_text("")
    with pytest.raises(DatasetCorruptError, match="mfnet val has no frame"):
        mfnet(folder, split="val")
    (folder / "val.txt").write_text("00009D\n00404D\n")
    with pytest.raises(DatasetNotFoundError, match=r"00404D.png is not .*val.txt \(2 files lack"):
        mfnet(folder, split="val")
    (folder / "val.txt").write_text("00009D\n00009D\n")
    with pytest.raises(DatasetCorruptError, match="lists '00009D' twice"):
        mfnet(folder, split="val")


def test_wrong_pictures(folder, save):
    data = mfnet(folder)
    save(folder / "images/00001D.png", shape=(4, 6, 3))
    with pytest.raises(DatasetCorruptError, match=r"\(4, 6, 3\) uint8; expected \(H, W, 4\)"):
        data[0]
    path = folder / "images/00002N.png"
    path.write_bytes(path.read_bytes()[:30])
    with pytest.raises(DatasetCorruptError, match=r"00002N.png is absent or damaged"):
        data[1]
    save(folder / "images/00001D.png", shape=(4, 6, 4))
    save(folder / "labels/00001D.png", shape=(4, 5))
    with pytest.raises(DatasetCorruptError, match="expected 4 x 6"):
        data[0]


def test_an_image_without_labels_is_reported(folder):
    (folder / "labels/00009D.png").unlink()
    assert "images: 1 of 4 files have no partner (00009D)" in mfnet(folder).findings
