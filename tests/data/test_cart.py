"""CART: flights and labels, rotation on reading, speed, masks minus 2; each fault named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.fakes.place_files import cart_flight, counts, lines, png

from thermoscope.core.errors import (
    ConfigError,
    DatasetCorruptError,
    DatasetNotFoundError,
    UnknownNameError,
)
from thermoscope.core.sample import check_sample
from thermoscope.data.cart import CLASSES, RADII_M, UNLIT, VAL_FLIGHTS, cart

FLIGHT = VAL_FLIGHTS[0]
OTHER = "2022-05-15-06-14-42"
# 1 m/s, then at rest, then 2 m/s; a frame a second
EAST = np.array([0.0, 1, 2, 2, 2, 2, 4, 6])
PLACES = np.column_stack([EAST + 400000, np.full(8, 4000000.0), np.full(8, 30.0)])


@pytest.fixture
def root(tmp_path: Path) -> Path:
    cart_flight(tmp_path, FLIGHT, range(8), PLACES, t_s=np.arange(8) + 1.6e9)
    cart_flight(tmp_path, OTHER, [2, 5, 9], PLACES[:6])
    cart_flight(tmp_path, UNLIT[0], [0], PLACES[:1])
    cart_flight(tmp_path, "2021-01-01-00-00-00", [0], None)
    return tmp_path


def test_frames_at_rest_are_left_out(root: Path) -> None:
    """Central differences: 1 1 0.5 0 0 1 2 2 m/s, so frames 3 and 4 stand still."""
    found = cart(root, split="val")
    assert [int(i.name[-5:]) for i in found.items] == [0, 1, 2, 5, 6, 7]
    assert found.items[3].position_m == (400002, 4000000, 30)
    assert found.items[3].index == 5
    assert found.findings == (f"{FLIGHT}: 2 frames slower than 0.5 m/s",)
    assert len(cart(root, split="val", min_speed_mps=0)) == 8
    assert RADII_M == (15.0, 25.0, 40.0)


def test_splits_and_what_is_left_out(root: Path) -> None:
    found = cart(root, split="train")
    assert [i.name for i in found.items] == [f"{OTHER}/pair-00002", f"{OTHER}/pair-00005"]
    text = "\n".join(found.findings)
    assert f"{UNLIT[0]} is left out: nothing is visible in colour" in text
    assert "2021-01-01-00-00-00 is left out: no positions" in text
    assert f"{OTHER}: no times (thermal_utm_coords.csv), frames at rest are kept" in text
    assert f"{OTHER}: 1 frames without a position (pair-00009)" in text
    both = cart(root, split="all")
    assert len(both) == 8
    assert both.items[2].index - both.items[1].index >= 995


def test_pictures_become_300_by_480(root: Path) -> None:
    sample = cart(root)[0]
    check_sample(sample)
    assert sample["rgb"].shape == (3, 300, 480)
    assert sample["agc"].shape == (1, 300, 480)


def test_rotation_is_on_reading_and_leaves_the_files(root: Path) -> None:
    lines(root / "rotations.yaml", [f'"{FLIGHT}": true', f'"{OTHER}": false'])
    before = {p: p.read_bytes() for p in root.rglob("*.png")}
    for _ in range(2):
        sample = cart(root, size_px=None)[0]
        assert sample["agc"][0, :, 0].tolist() == [10] * 6 + [200] * 6
        assert sample["rgb"][0, :, 0].tolist() == [0] * 6 + [1] * 6
    assert {p: p.read_bytes() for p in root.rglob("*.png")} == before
    upright = cart(root, split="train", size_px=None)[0]
    assert upright["agc"][0, :, 0].tolist() == [200] * 6 + [10] * 6
    assert cart(root, rotated=(), size_px=None)[0]["agc"][0, 0, 0] == 200


def test_unpaired_pictures_are_reported(root: Path) -> None:
    folder = root / "bag_files" / FLIGHT / "stereo_rectified/thermal_color"
    (folder / "eo" / "pair-00000.png").unlink()
    found = cart(root)
    assert len(found) == 5
    assert f"{FLIGHT} thermal: 1 of 8 files have no partner (pair-00000)" in found.findings


def labelled(root: Path, mask: np.ndarray, name: str = "a.png") -> Path:
    folder = root / "labeled_thermal_singles"
    png(folder / "thermal8" / name, np.full((512, 640), 33, np.uint8))
    png(folder / "masks" / name, mask)
    return lines(folder / "train.txt", [f"thermal8/{name},masks/{name}"])


def test_masks_are_class_plus_two(tmp_path: Path) -> None:
    mask = np.zeros((512, 640), np.uint8)
    mask[0, :4] = [1, 2, 8, 11]
    labelled(tmp_path, mask)
    found = cart(tmp_path, task="segmentation", split="train")
    sample = found[0]
    check_sample(sample)
    assert sample["labels"][0, 0, :5].tolist() == [255, 0, 6, 9, 255]
    assert (CLASSES[0], CLASSES[6], CLASSES[9]) == ("bare_ground", "sky", "person")
    assert found.classes == CLASSES
    assert sample["name"] == "cart/labeled_thermal_singles/thermal8/a"


def test_paths_of_another_machine_are_found(tmp_path: Path) -> None:
    path = labelled(tmp_path, np.full((512, 640), 2, np.uint8))
    start = "/ocean/projects/labeled_thermal_singles"
    lines(path, [f"{start}/thermal8/a.png, {start}/masks/a.png"])
    assert len(cart(tmp_path, task="segmentation", split="train")) == 1


def test_refusals_of_labels(tmp_path: Path) -> None:
    path = labelled(tmp_path, np.full((512, 640), 12, np.uint8))
    with pytest.raises(DatasetCorruptError, match=r"holds the value 12; expected at most 11"):
        cart(tmp_path, task="segmentation", split="train")[0]
    png(tmp_path / "labeled_thermal_singles/thermal8/a.png", np.zeros((4, 4), np.uint8))
    with pytest.raises(DatasetCorruptError, match=r"is not 8 bit of 640x512 pixels"):
        cart(tmp_path, task="segmentation", split="train")[0]
    lines(path, ["thermal8/a.png,masks/b.png"])
    with pytest.raises(DatasetNotFoundError, match=r"1 files that are not there \(masks/b.png\)"):
        cart(tmp_path, task="segmentation", split="train")
    lines(path, ["thermal8/a.png"])
    with pytest.raises(DatasetCorruptError, match="expected 'thermal file,mask file'"):
        cart(tmp_path, task="segmentation", split="train")
    with pytest.raises(DatasetNotFoundError, match=r"test.txt is not there. Expected: labeled_th"):
        cart(tmp_path, task="segmentation", split="test")
    with pytest.raises(UnknownNameError, match="unknown split 'all'"):
        cart(tmp_path, task="segmentation", split="all")


def test_refusals_of_places(root: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="task must be 'place' or 'segmentation', got 'depth'"):
        cart(root, task="depth")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="min_speed_mps must be 0 or more, got -1"):
        cart(root, min_speed_mps=-1)
    with pytest.raises(UnknownNameError, match="unknown split 'test'"):
        cart(root, split="test")
    with pytest.raises(DatasetNotFoundError, match="bag_files is not there"):
        cart(tmp_path / "bag_files")
    empty = tmp_path / "empty"
    (empty / "bag_files").mkdir(parents=True)
    with pytest.raises(DatasetNotFoundError, match=r"<flight>/stereo_rectified is not there"):
        cart(empty)
    table = root / "bag_files" / FLIGHT / "csv/thermal_utm_coords.csv"
    lines(table, ["Time,easting,northing", "1,2,3"])
    with pytest.raises(DatasetCorruptError, match="has 1 rows for 8 positions"):
        cart(root)
    lines(table, ["time,easting,northing", "1,2,3"])
    with pytest.raises(DatasetCorruptError, match="has no column Time; expected Time, easting"):
        cart(root)
    np.save(table.with_suffix(".npy"), counts(3, 3))
    with pytest.raises(DatasetCorruptError, match=r"\(3, 3\) uint16; expected rows of east"):
        cart(root)
    np.save(table.with_suffix(".npy"), np.array([{}]), allow_pickle=True)
    with pytest.raises(DatasetCorruptError, match="is no plain array of numbers"):
        cart(root)
    lines(root / "rotations.yaml", ["- a"])
    with pytest.raises(DatasetCorruptError, match="must hold '<flight>: true' or 'false' a line"):
        cart(root)
    lines(root / "rotations.yaml", ["a: ["])
    with pytest.raises(DatasetCorruptError, match="is no YAML"):
        cart(root)


def test_a_name_without_a_number(root: Path) -> None:
    folder = root / "bag_files" / FLIGHT / "stereo_rectified/thermal_color"
    for kind in ("eo", "thermal8"):
        (folder / kind / "pair-00000.png").rename(folder / kind / "pair.png")
    with pytest.raises(DatasetCorruptError, match="has a picture 'pair'; expected 'pair-NNNNN'"):
        cart(root)
