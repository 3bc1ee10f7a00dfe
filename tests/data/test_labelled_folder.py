"""Frames of one's own with labels or depth."""

import cv2
import numpy as np
import pytest

from thermoscope.core.errors import DatasetCorruptError, DatasetNotFoundError, UnknownNameError
from thermoscope.core.sample import check_sample
from thermoscope.data.labelled_folder import labelled_folder


@pytest.fixture
def root(tmp_path):
    """Ten frames of 4 x 6 px; all but the last labelled, the first two with depth."""
    for name in ("thermal", "labels", "depth"):
        (tmp_path / name).mkdir()
    for i in range(10):
        counts = np.full((4, 6), 20_000 + i, np.uint16)
        cv2.imwrite(str(tmp_path / "thermal" / f"f{i}.tiff"), counts)
        if i < 9:
            labels = np.full((4, 6), i % 2, np.uint8)
            labels[0, 0] = 255
            cv2.imwrite(str(tmp_path / "labels" / f"f{i}.png"), labels)
    depth = np.full((4, 6), 2.5, np.float32)
    depth[0, 0] = np.nan
    np.save(tmp_path / "depth" / "f0.npy", depth)
    cv2.imwrite(str(tmp_path / "depth" / "f1.png"), np.full((4, 6), 640, np.uint16))
    (tmp_path / "classes.txt").write_text("healthy\nsick\n")
    return tmp_path


def test_samples_keep_the_contract(root):
    data = labelled_folder(root, split="all")
    assert len(data) == 9
    assert data.classes == ("healthy", "sick")
    first, second, third = (data[i] for i in range(3))
    for sample in (first, second, third):
        check_sample(sample)
    assert first["counts"][0, 0, 0] == 20_000
    assert (first["labels"][0, 0, 0], first["labels"][0, 1, 1]) == (255, 0)
    assert not first["valid"][0, 0, 0]
    assert first["depth"][0, 1, 1] == second["depth"][0, 1, 1] == 2.5
    assert "depth" not in third


def test_only_frames_with_the_truth_asked_for(root):
    assert [i.name for i in labelled_folder(root, split="all", truth="depth").items] == ["f0", "f1"]
    assert len(labelled_folder(root, split="all", truth="labels")) == 9


def test_the_last_share_of_the_names_is_val(root):
    names = {
        split: [item.name for item in labelled_folder(root, split=split).items]
        for split in ("train", "val")
    }
    assert names["val"] == ["f7", "f8"]
    assert names["train"] == [f"f{i}" for i in range(7)]


def test_lists_decide_where_there_are_some(root):
    (root / "train.txt").write_text("f3\nf1.tiff\n")
    assert [item.name for item in labelled_folder(root).items] == ["f3", "f1"]
    with pytest.raises(DatasetNotFoundError, match=r"test\.txt is not there"):
        labelled_folder(root, split="test")
    (root / "val.txt").write_text("f2\nf77\n")
    with pytest.raises(DatasetNotFoundError, match="without a thermal file or a truth: f77"):
        labelled_folder(root, split="val")


def test_stems_with_dots_are_listed_as_they_are(root):
    """Stamps such as 1600000000.25 are usual names."""
    for stem in ("f0.1", "f0.25"):
        for kind, ending in (("thermal", "tiff"), ("labels", "png")):
            plane = np.zeros((4, 6), np.uint16 if kind == "thermal" else np.uint8)
            cv2.imwrite(str(root / kind / f"{stem}.{ending}"), plane)
    (root / "train.txt").write_text("f0.1\nf0\n")
    (root / "val.txt").write_text("f0.25\nthermal/f0.1.tiff\n")
    assert [item.name for item in labelled_folder(root).items] == ["f0.1", "f0"]
    assert [item.name for item in labelled_folder(root, split="val").items] == ["f0.25", "f0.1"]


def test_what_stays_alone_is_named(root):
    cv2.imwrite(str(root / "labels" / "g.png"), np.zeros((4, 6), np.uint8))
    assert "labels: 1 of 10 files have no partner (g)" in labelled_folder(root).findings[0]


def test_masks_of_0_and_255_are_named(root):
    """255 is ignored, so the object would be in no loss and no score."""
    for path in sorted((root / "labels").iterdir()):
        labels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        cv2.imwrite(str(path), np.where(labels == 1, 255, labels))
    assert labelled_folder(root).findings[-1] == (
        "labels hold only 0 and 255, and 255 means 'ignore': 'sick' (id 1) occurs nowhere. Write "
        "the object as 1."
    )
    assert "'ignore': 'b' (id 1)" in labelled_folder(root, classes=["a", "b"]).findings[-1]
    (root / "labels" / "f3.png").write_bytes(b"damaged")  # is named when it is decoded
    (root / "classes.txt").unlink()
    assert "'ignore': id 1 occurs nowhere" in labelled_folder(root).findings[-1]
    one = np.full((4, 6), 255, np.uint8)
    one[0, 0] = 1
    cv2.imwrite(str(root / "labels" / "f5.png"), one)
    assert "ignore" not in " ".join(labelled_folder(root).findings)


def test_a_class_named_twice(root):
    (root / "classes.txt").write_text("sick\nsick\n")
    with pytest.raises(DatasetCorruptError, match=r"classes\.txt names 'sick' twice"):
        labelled_folder(root)


def test_arrays_are_no_frames(root):
    np.save(root / "thermal" / "f9.npy", np.zeros((4, 6), np.uint16))
    assert len(labelled_folder(root, split="all")) == 9


def test_what_is_absent_is_said(root, tmp_path):
    with pytest.raises(DatasetNotFoundError, match=r"Expected: thermal/STEM\.tiff"):
        labelled_folder(tmp_path / "nowhere")
    with pytest.raises(DatasetNotFoundError, match=r"no test\.txt"):
        labelled_folder(root, split="test")
    with pytest.raises(UnknownNameError, match="unknown split 'trian'"):
        labelled_folder(root, split="trian")
    bare = tmp_path / "bare"
    (bare / "thermal").mkdir(parents=True)
    with pytest.raises(DatasetNotFoundError, match="no folder labels or depth"):
        labelled_folder(bare)


def test_damaged_truth_is_named(root):
    (root / "depth" / "f0.npy").write_bytes(b"no array")
    with pytest.raises(DatasetCorruptError, match=r"f0\.npy is no array"):
        labelled_folder(root)[0]
    cv2.imwrite(str(root / "depth" / "f1.png"), np.zeros((4, 6), np.uint8))
    with pytest.raises(DatasetCorruptError, match="no 16-bit depth picture"):
        labelled_folder(root)[1]
    np.save(root / "depth" / "f2.npy", np.zeros((2, 2), np.float32))
    with pytest.raises(DatasetCorruptError, match=r"depth of \(2, 2\) float32"):
        labelled_folder(root)[2]
    cv2.imwrite(str(root / "labels" / "f3.png"), np.zeros((9, 9), np.uint8))
    with pytest.raises(DatasetCorruptError, match="expected 4 x 6"):
        labelled_folder(root)[3]
    cv2.imwrite(str(root / "labels" / "f5.png"), np.full((4, 6), 7, np.uint8))
    with pytest.raises(
        DatasetCorruptError, match=r"f5\.png holds the id 7\. Ids are 0 to 1, 255 ="
    ):
        labelled_folder(root)[5]
    cv2.imwrite(str(root / "labels" / "f4.png"), np.full((4, 6), 300, np.uint16))
    with pytest.raises(DatasetCorruptError, match="holds the id 300"):
        labelled_folder(root)[4]
    (root / "classes.txt").unlink()
    with pytest.raises(DatasetCorruptError, match="holds the id 300. Ids are 0 to 254"):
        labelled_folder(root)[4]
    assert labelled_folder(root)[5]["labels"].max() == 7
