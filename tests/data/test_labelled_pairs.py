"""FMB, PST900, SemanticRT and KP on layouts rendered to disk and on hand-made files."""

import numpy as np
import pytest
from tests.fakes.box_layouts import write_box_layout

from thermoscope.core.errors import (
    ConfigError,
    DatasetCorruptError,
    DatasetNotFoundError,
    UnknownNameError,
)
from thermoscope.core.sample import check_sample
from thermoscope.data import fmb as fmb_module
from thermoscope.data import kp as kp_module
from thermoscope.data import pst900 as pst900_module
from thermoscope.data import semanticrt as semanticrt_module
from thermoscope.data.base import READERS
from thermoscope.data.fmb import fmb
from thermoscope.data.kp import kp
from thermoscope.data.labelled_pairs import count_findings, read_grey
from thermoscope.data.mfnet import mfnet
from thermoscope.data.pst900 import pst900
from thermoscope.data.semanticrt import semanticrt
from thermoscope.synthetic.labels import TAXONOMIES
from thermoscope.synthetic.layouts.fmb import PALETTE as FMB_PAINT

RENDERED = ("mfnet", "fmb", "pst900", "semanticrt", "kp")


@pytest.fixture(scope="module")
def layouts(tmp_path_factory):
    """Every layout with eight frames, 80 px wide."""
    top = tmp_path_factory.mktemp("layouts")
    for name in RENDERED:
        write_box_layout(top / name, name)
    return top


@pytest.mark.parametrize("name", RENDERED)
def test_rendered_layouts_read_back(layouts, name):
    data = READERS.get(name)(layouts / name, split="test")
    assert data.classes == TAXONOMIES[name].classes
    assert data.aligned
    for sample in data:
        check_sample(sample)
        assert sample["rgb"].shape[1:] == sample["agc"].shape[1:] == sample["labels"].shape[1:]
        assert sample["taxonomy"] == name
        assert len(np.unique(sample["agc"])) > 20


def test_day_and_night_are_known(layouts):
    assert [i.time_of_day for i in semanticrt(layouts / "semanticrt", split="test").items] == [
        "day",
        "night",
    ]
    assert {i.time_of_day for i in kp(layouts / "kp", split="test").items} == {"day", "night"}
    night = kp(layouts / "kp", split="test_night")
    assert {item.sequence for item in night.items} == {"set09_V000"}
    assert {i.time_of_day for i in mfnet(layouts / "mfnet", split="test").items} == {
        "day",
        "night",
    }


def test_other_counts_than_published_are_reported(layouts):
    assert fmb(layouts / "fmb").findings == ("fmb train has 6 frames; 1220 were published",)
    assert "288 were published" in pst900(layouts / "pst900", split="test").findings[0]
    assert semanticrt(layouts / "semanticrt").findings == (
        "the three lists name 8 frames; 11371 were published",
    )
    assert "499 were published" in kp(layouts / "kp").findings[0]
    assert count_findings("kp", "val", 140, kp_module.PUBLISHED) == []


def test_a_palette_has_a_colour_for_every_class():
    for module in (fmb_module, kp_module, pst900_module, semanticrt_module):
        assert len(module.PALETTE) == len(module.CLASSES) == len(set(module.PALETTE))
    assert fmb_module.PALETTE == FMB_PAINT


def test_pst900_ids_are_those_of_the_data_set():
    assert pst900_module.CLASSES[1:] == (
        "fire_extinguisher",
        "backpack",
        "hand_drill",
        "survivor",
    )


def test_pst900_counts(layouts):
    sample = pst900(layouts / "pst900", split="test", thermal="thermal_raw")[0]
    check_sample(sample)
    assert "agc" not in sample
    assert sample["counts"].dtype == np.uint16
    assert sample["counts"].max() > 255
    with pytest.raises(ConfigError, match="counts keep their holes"):
        pst900(layouts / "pst900", thermal="thermal_raw", fill_holes=True)
    with pytest.raises(ConfigError, match="must be 'thermal' or 'thermal_raw', got 'raw'"):
        pst900(layouts / "pst900", thermal="raw")


@pytest.fixture
def triple(tmp_path, save):
    """A frame of PST900: red, thermal 100 with a hole, all survivor."""

    def write(split="train", stem="000001", **labels):
        base = tmp_path / split
        save(base / f"rgb/{stem}.png", np.full((4, 6, 3), (0, 0, 255), np.uint8))
        thermal = np.full((4, 6), 100, np.uint8)
        thermal[1, 1] = 0
        save(base / f"thermal/{stem}.png", thermal)
        save(base / f"labels/{stem}.png", **{"value": 4, **labels})
        return tmp_path

    return write


def test_holes_stay_unless_they_are_to_be_filled(triple):
    root = triple()
    assert pst900(root)[0]["agc"][0, 1, 1] == 0
    filled = pst900(root, fill_holes=True)[0]["agc"]
    assert np.unique(filled).tolist() == [100]


def test_flat_folders_go_by_their_list(triple):
    root = triple(split="")
    (root / "train.txt").write_text("000001.png\n")
    data = pst900(root)
    assert (len(data), data.item(0).name, data.item(0).index) == (1, "000001", 1)
    assert data[0]["rgb"][:, 0, 0].tolist() == [1.0, 0.0, 0.0]
    (root / "train.txt").write_text("000001\n000002\n")
    with pytest.raises(DatasetNotFoundError, match=r"rgb/000002.png is not .* \(3 files lack\)"):
        pst900(root)


def test_a_flat_folder_may_have_dots_in_its_stems(triple):
    root = triple(split="", stem="17.25")
    (root / "train.txt").write_text("17.25\n")
    assert pst900(root).item(0).name == "17.25"


def test_a_file_without_partner_is_reported(triple, save):
    root = triple()
    save(root / "train/rgb/000009.png", shape=(4, 6, 3))
    assert "rgb: 1 of 2 files have no partner (000009)" in pst900(root).findings


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ({"value": 5}, "holds the id 5; pst900 has the ids 0 to 4. Give index pictures"),
        ({"shape": (4, 5)}, "expected 4 x 6"),
        ({"shape": (4, 6, 3)}, "one channel"),
    ],
)
def test_wrong_labels(triple, labels, said):
    data = pst900(triple(**labels))
    with pytest.raises(DatasetCorruptError, match=said):
        data[0]


def test_wrong_thermal_pictures(triple, save, tmp_path):
    data = pst900(triple())
    path = save(tmp_path / "train/thermal/000001.png", shape=(4, 5))
    with pytest.raises(DatasetCorruptError, match="Expected pairs of one size"):
        data[0]
    save(path, shape=(4, 6), dtype="uint16")
    with pytest.raises(DatasetCorruptError, match="is uint16; expected 8-bit"):
        data[0]
    save(path, np.full((4, 6, 3), (0, 90, 255), np.uint8))
    with pytest.raises(DatasetCorruptError, match="false colours"):
        data[0]
    path.write_bytes(b"no picture")
    with pytest.raises(DatasetCorruptError, match="absent or no picture"):
        data[0]
    save(path, np.full((4, 6, 3), (70, 71, 72), np.uint8))
    assert read_grey(path).shape == (1, 4, 6)
    assert int(read_grey(path)[0, 0, 0]) == 71


@pytest.mark.parametrize("name", ["fmb", "pst900", "semanticrt", "kp"])
def test_wrong_splits_and_folders(name, tmp_path):
    with pytest.raises(UnknownNameError, match="unknown split 'tset'. Did you mean 'test'"):
        READERS.get(name)(tmp_path, split="tset")
    with pytest.raises(DatasetNotFoundError, match=r"is not there. Expected: .* The data: github"):
        READERS.get(name)(tmp_path / "none")


def test_semanticrt_names_may_hold_folders(tmp_path, save):
    save(tmp_path / "rgb/a/1.png", shape=(4, 6, 3))
    save(tmp_path / "thermal/a/1.jpg")
    save(tmp_path / "labels/a/1.png", value=12)
    (tmp_path / "val.txt").write_text("a/1")
    data = semanticrt(tmp_path, split="val")
    assert data[0]["name"] == "semanticrt/a/1"
    assert int(data[0]["labels"].max()) == 12
    (tmp_path / "val.txt").write_text("a/1\na/2\n")
    with pytest.raises(DatasetNotFoundError, match=r"rgb/a/2.jpg is not .* \(3 files lack\)"):
        semanticrt(tmp_path, split="val")


def test_kp_ignores_void_and_joins_day_and_night(tmp_path, save):
    for stem, ids in (("set06_V000_I00050", 19), ("set10_V001_I00370", 18)):
        views = tmp_path / "images" / stem[:5] / stem[6:10]
        save(views / f"visible/{stem[11:]}.jpg", shape=(4, 6, 3))
        save(views / f"lwir/{stem[11:]}.jpg", shape=(4, 6, 3), value=60)
        save(tmp_path / f"labels/{stem}.png", value=ids)
    (tmp_path / "val_day.txt").write_text("set06_V000_I00050.png\n")
    (tmp_path / "val_night.txt").write_text("set10_V001_I00370.png\n")
    data = kp(tmp_path, split="val")
    assert [np.unique(sample["labels"]).tolist() for sample in data] == [[255], [18]]
    assert [item.time_of_day for item in data.items] == ["day", "night"]
    assert data.item(1).index == 1_001 * 100_000 + 370
    (tmp_path / "val.txt").write_text("I00050.png\n")
    with pytest.raises(DatasetCorruptError, match=r"lists 'I00050.png'; expected 'setNN_VNNN_I"):
        kp(tmp_path, split="val")
    (tmp_path / "val.txt").write_text("set06_V000_I00051.png\n")
    with pytest.raises(DatasetNotFoundError, match=r"I00051.jpg is not .*\(3 files lack\)"):
        kp(tmp_path, split="val")
