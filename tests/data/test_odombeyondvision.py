"""OdomBeyondVision: long recordings, bounded gaps, positions of their own odometry."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.fakes.place_files import lines, obv_recording

from thermoscope.core.errors import (
    ConfigError,
    DatasetCorruptError,
    DatasetNotFoundError,
    UnknownNameError,
)
from thermoscope.core.sample import check_sample
from thermoscope.data.odombeyondvision import RADIUS_M, odombeyondvision

T0 = 1_600_000_000_000_000_000
MS = 1_000_000
ROWS = [
    (T0, T0 + 20 * MS, 0.0),
    (T0 + 1000 * MS, T0 + 1350 * MS, 60.0),
    (T0 + 2000 * MS, T0 + 2000 * MS, 110.0),
]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "ExtractedData"
    obv_recording(folder / "sequence_01_a", ROWS)
    obv_recording(folder / "sequence_02_b", [(T0, T0, 0.0), (T0 + 1, T0 + 1, 99.0)])
    obv_recording(folder / "sequence_03_vicon", ROWS)
    obv_recording(folder / "sequence_04_c", ROWS[::2])
    return tmp_path


def test_long_recordings_with_bounded_gaps(root: Path) -> None:
    found = odombeyondvision(root)
    assert [i.sequence for i in found.items] == ["sequence_01_a"] * 2 + ["sequence_04_c"] * 2
    assert [i.position_m for i in found.items[:2]] == [(0.0, 0.5, 1.0), (110.0, 0.5, 1.0)]
    assert [i.index for i in found.items] == [0, 2, 1002, 1003]
    assert found.findings == (
        "sequence_01_a: 1 of 3 pairs more than 0.1 s apart (up to 0.350 s)",
        "sequence_02_b is left out: 99.0 m long, under 100 m",
        "sequence_03_vicon is left out by name",
    )
    assert RADIUS_M == 3.0


def test_options(root: Path) -> None:
    found = odombeyondvision(root, max_gap_s=0.35, min_length_m=0, exclude=["sequence_04_c"])
    assert [i.sequence for i in found.items] == ["sequence_01_a"] * 3 + ["sequence_02_b"] * 2
    inner = odombeyondvision(root / "ExtractedData")
    assert len(inner) == 4


def test_a_sample(root: Path) -> None:
    sample = odombeyondvision(root)[1]
    check_sample(sample)
    assert sample["counts"][0, 2, 3] == 7043
    assert sample["rgb"].shape == (3, 6, 8)
    assert sample["rgb"][0, 0, 0] == pytest.approx(0.2)
    assert sample["position_m"].tolist() == [110.0, 0.5, 1.0]


def test_refusals(root: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="unknown split 'train'"):
        odombeyondvision(root, split="train")
    with pytest.raises(ConfigError, match="max_gap_s"):
        odombeyondvision(root, max_gap_s=0)
    with pytest.raises(ConfigError, match="min_length_m must be 0 or more, got -1"):
        odombeyondvision(root, min_length_m=-1)
    with pytest.raises(UnknownNameError, match="unknown recording 'sequence_1'"):
        odombeyondvision(root, exclude=["sequence_1"])
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(DatasetNotFoundError, match=r"sequence_NN_<stamp> is not there. Expected"):
        odombeyondvision(empty)
    with pytest.raises(DatasetCorruptError, match="has no frame. .*under 1000 m"):
        odombeyondvision(root, min_length_m=1000)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["rgb_filename,thermal_filename,pos_x"], "has no column pos_y, pos_z; expected rgb_file"),
        (["a_1.png,b_1.png,1,2"], "has a row that breaks off"),
        (["a_1.png,b_1.png,1,2,x"], "holds 'x'; expected a number"),
        (["a_1.png,b_1.png,1,2,nan"], "has a position that is not finite"),
        (["a.png,b_1.png,1,2,3"], "names 'a.png'; expected 'seq_NNNN_<ns>.png'"),
    ],
)
def test_faults_of_a_table(root: Path, rows: list[str], message: str) -> None:
    head = [] if "filename" in rows[0] else ["rgb_filename,thermal_filename,pos_x,pos_y,pos_z"]
    lines(root / "ExtractedData/sequence_01_a/synchronized_data.csv", [*head, *rows])
    with pytest.raises(DatasetCorruptError, match=message):
        odombeyondvision(root)


def test_a_picture_that_is_not_there(root: Path) -> None:
    path = root / "ExtractedData/sequence_01_a/thermal" / f"seq_0000_{T0 + 20 * MS}.png"
    path.unlink()
    with pytest.raises(DatasetNotFoundError, match=r"thermal/seq_0000_\d+.png is not there"):
        odombeyondvision(root)
