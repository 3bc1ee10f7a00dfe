"""The collection of real frames, and the rules of its reader on a small copy of its form."""

from collections import Counter

import pytest

from thermoscope.core.errors import (
    ConfigError,
    DatasetCorruptError,
    DatasetNotFoundError,
    UnknownNameError,
)
from thermoscope.core.sample import check_sample
from thermoscope.data.base import READERS
from thermoscope.data.real_pairs import SOURCES, folds, real_frames

HEAD = "split,source,rgb,thermal,label,environment\n"


@pytest.fixture
def collection(tmp_path, save):
    """MSRS frames 4 to 24 by 4, then 100 and 140: gaps of 40 and less stay in one block."""
    rows = []
    for number in (4, 8, 12, 16, 20, 24, 100, 140, 300):
        name = f"{number:05d}{'N' if number < 50 else 'D'}"
        save(tmp_path / f"rgb/{name}.jpg", shape=(8, 8, 3))
        save(tmp_path / f"thermal/{name}.png", shape=(8, 8))
        when = "night" if number < 50 else "day"
        rows.append(f"train,msrs,rgb/{name}.jpg,thermal/{name}.png,,urban {when}")
    for name in ("0_60_30_0_00007", "1_60_30_0_00003", "0_60_30_0_00900"):
        save(tmp_path / f"{name}.jpg", shape=(8, 8))
        rows.append(f"val,hituav,,{name}.jpg,boxes json,aerial")
    for name in ("a-0_img_20230310_172035_959", "b-0_img_20230310_235959_000", "c-Snap-000091"):
        save(tmp_path / f"{name}.png", shape=(8, 8))
        save(tmp_path / f"labels/{name}.png", shape=(8, 8), value=1)
        rows.append(f"train,buffalo_udder,,{name}.png,labels/{name}.png,animal close range")
    (tmp_path / "splits.csv").write_text(HEAD + "\n".join(rows))
    return tmp_path


def blocks(data):
    return Counter(data.item(i).sequence for i in range(len(data)))


def test_blocks_follow_the_names(collection):
    msrs = real_frames(collection, "msrs")
    assert blocks(msrs) == {"msrs_00004": 6, "msrs_00100": 2, "msrs_00300": 1}
    assert [msrs.item(i).time_of_day for i in (0, 8)] == ["night", "day"]
    hituav = real_frames(collection, "hituav", split="val")
    assert blocks(hituav) == {"0_60_30_0": 2, "1_60_30_0": 1}
    assert [hituav.item(i).time_of_day for i in (0, 2)] == ["day", "night"]
    assert set(hituav[0]) == {"agc", "name"}  # its label entry is no picture
    udder = real_frames(collection, "buffalo_udder")
    assert blocks(udder) == {"20230310": 2, "Snap_00091": 1}
    assert udder.item(1).index - udder.item(0).index == 23964  # seconds: 17:20:35 to 23:59:59
    check_sample(udder[0])


def test_a_list_that_points_elsewhere_is_refused(collection):
    row = "train,msrs,,/etc/passwd.png,,urban day"
    (collection / "splits.csv").write_text(HEAD + row)
    with pytest.raises(DatasetCorruptError, match="not below its folder"):
        real_frames(collection, "msrs")


def test_folds_divide_no_block(collection):
    msrs = real_frames(collection, "msrs")
    assert folds(msrs, 2) == [[0, 1, 2, 3, 4, 5], [6, 7, 8]]
    assert [len(f) for f in folds(msrs, 3)] == [6, 2, 1]
    for count in (1, 4):
        with pytest.raises(ConfigError, match=f"has 3 blocks .* between 2 and that, got {count}"):
            folds(msrs, count)


def test_wrong_collections(collection):
    with pytest.raises(UnknownNameError, match="unknown source 'msr'"):
        real_frames(collection, "msr")
    with pytest.raises(UnknownNameError, match="unknown split 'test'"):
        real_frames(collection, "msrs", split="test")
    with pytest.raises(DatasetCorruptError, match="msrs val has no frame. .*lists no such frame"):
        real_frames(collection, "msrs", split="val")
    (collection / "thermal/00008N.png").unlink()
    with pytest.raises(DatasetNotFoundError, match=r"thermal/00008N.png is not there"):
        real_frames(collection, "msrs")
    (collection / "splits.csv").write_text("split,source,rgb\n")
    with pytest.raises(DatasetCorruptError, match="lacks the columns environment, label, thermal"):
        real_frames(collection, "msrs")
    (collection / "splits.csv").unlink()
    with pytest.raises(DatasetNotFoundError, match=r"splits.csv is not there. Expected: a folder"):
        real_frames(collection, "msrs")


@pytest.mark.real
def test_real_collection(real_data):
    """Counts as the collection's own page states them."""
    counts = {
        "msrs": (209, 46),
        "roadscene": (150, 26),
        "llvip": (26, 6),
        "hituav": (220, 60),
        "buffalo_udder": (174, 66),
    }
    for source in SOURCES:
        train = READERS.get(source)(real_data, split="train")
        check_sample(train[0])
        assert len(train) == counts.get(source, (12,))[0]
        if source in counts:
            val = READERS.get(source)(real_data, split="val")
            assert len(val) == counts[source][1]
            assert not {train.item(i).name for i in range(len(train))} & {
                val.item(i).name for i in range(len(val))
            }


@pytest.mark.real
def test_real_blocks_are_on_one_side(real_data):
    for source in ("msrs", "hituav"):
        train, val = (blocks(READERS.get(source)(real_data, split=s)) for s in ("train", "val"))
        assert not set(train) & set(val)
    assert len(blocks(READERS.get("roadscene")(real_data))) == 50
