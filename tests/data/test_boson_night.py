"""Boson night-time: pairs by place, windows of the map and the thermal picture."""

from __future__ import annotations

import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from tests.fakes.place_files import boson_split, png

from thermoscope.core.errors import (
    ConfigError,
    DatasetCorruptError,
    DatasetNotFoundError,
    MissingDependencyError,
    UnknownNameError,
)
from thermoscope.core.sample import check_sample
from thermoscope.data.boson_night import RADII_M, boson_night

HEIGHT, WIDTH = 700, 900


@pytest.fixture
def root(tmp_path: Path) -> Path:
    ground = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    ground[..., 0] = (np.arange(HEIGHT) // 3)[:, None]
    ground[..., 1] = (np.arange(WIDTH) // 4)[None]
    png(tmp_path / "maps/satellite/20201117_BingSatellite.png", ground)
    planes = np.zeros((3, 600, 620), np.uint8)
    planes[1, 44:556, 54:566] = 90
    planes[2] = 7
    boson_split(
        tmp_path,
        "train",
        ["@300@500", "@260@270", "@400@600"],
        ["@260@270", "@400@601", "@300@500"],
        planes,
    )
    return tmp_path


def test_pairs_are_made_by_place(root: Path) -> None:
    found = boson_night(root)
    assert [i.name for i in found.items] == ["train/000001@260.0@270.0", "train/000000@300.0@500.0"]
    assert [i.position_m for i in found.items] == [(270, -260), (500, -300)]
    assert found.findings == (
        "1 queries have no database entry at their place (400 600)",
        "1 of 3 database entries have no query",
    )
    assert RADII_M == (35.0, 50.0, 100.0)


def test_windows(root: Path) -> None:
    """Centre (260, 270): rows 4-515 and columns 14-525 of the map; the middle of the thermal."""
    sample = boson_night(root, size_px=None)[0]
    check_sample(sample)
    assert sample["rgb"].shape == (3, 512, 512)
    assert np.rint(sample["rgb"][:, 0, 0] * 255).tolist() == [4 // 3, 14 // 4, 0]
    assert np.rint(sample["rgb"][:, -1, -1] * 255).tolist() == [515 // 3, 525 // 4, 0]
    assert sample["agc"].shape == (1, 512, 512)
    assert np.unique(sample["agc"]).tolist() == [90]


def test_both_pictures_become_224(root: Path) -> None:
    sample = boson_night(root)[0]
    assert sample["rgb"].shape == (3, 224, 224)
    assert sample["agc"].shape == (1, 224, 224)
    assert sample["agc"][0, 100, 100] == 90


def test_a_place_seen_twice_needs_two_entries(root: Path) -> None:
    planes = np.arange(3, dtype=np.uint8)[:, None, None, None] * np.ones((1, 512, 512, 3), np.uint8)
    boson_split(root, "val", ["@300@400"] * 3, ["@300@400"] * 2, planes)
    found = boson_night(root, split="val")
    assert len(found) == 2
    assert [int(s["agc"][0, 0, 0]) for s in found] == [0, 1]
    assert found.findings == ("1 queries have no database entry at their place (300 400)",)


def test_refusals(root: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="unknown split 'all'"):
        boson_night(root, split="all")
    with pytest.raises(ConfigError, match="size_px must be 1 or more, got 0"):
        boson_night(root, size_px=0)
    with pytest.raises(DatasetNotFoundError, match=r"test_queries.h5 is not there. Expected: sat"):
        boson_night(root, split="test")
    folder = root / "satellite_0_thermalmapping_135_train"
    (folder / "train_queries.h5").write_bytes(b"no HDF5")
    with pytest.raises(DatasetCorruptError, match=r"train_queries.h5 cannot be read as HDF5"):
        boson_night(root)
    with h5py.File(folder / "train_queries.h5", "w") as file:
        file["other"] = [1]
    with pytest.raises(DatasetCorruptError, match=r"train_queries.h5 cannot be read as HDF5.*name"):
        boson_night(root)
    boson_split(root, "train", ["300_400"], ["@1@2"], np.zeros((1, 512, 512), np.uint8))
    with pytest.raises(DatasetCorruptError, match="names a picture '300_400'; expected '@row@col"):
        boson_night(root)
    boson_split(root, "train", ["@3@4"], ["@1@2"], np.zeros((1, 512, 512), np.uint8))
    with pytest.raises(DatasetCorruptError, match="boson_night train has no frame. 1 queries have"):
        boson_night(root)


def test_faults_of_one_picture(root: Path) -> None:
    boson_split(root, "train", ["@3@4"], ["@3@4"], np.zeros((1, 512, 512), np.uint8))
    with pytest.raises(DatasetCorruptError, match="row 3, column 4 reaches beyond its edge"):
        boson_night(root)[0]
    boson_split(root, "train", ["@300@400"], ["@300@400"], np.zeros((1, 500, 600), np.uint8))
    with pytest.raises(DatasetCorruptError, match="row 0 is 600x500; expected at least 512 px"):
        boson_night(root)[0]
    boson_split(root, "train", ["@300@400"], ["@300@400"], np.zeros((1, 512, 512), np.uint16))
    with pytest.raises(DatasetCorruptError, match="uint16; expected 8-bit grey or colour"):
        boson_night(root)[0]
    (root / "maps/satellite/20201117_BingSatellite.png").write_bytes(b"")
    with pytest.raises(DatasetCorruptError, match="is no colour picture. Fetch it again"):
        boson_night(root)[0]


def test_without_h5py(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(MissingDependencyError, match=r"thermoscope\[datasets\]"):
        boson_night(root)
