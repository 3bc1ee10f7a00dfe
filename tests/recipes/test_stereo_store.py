"""Pairs on disk, and truth made sparse."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from thermoscope.core.errors import ConfigError, DatasetCorruptError
from thermoscope.core.sample import Sample
from thermoscope.models.stereo_teacher import StereoTeacher
from thermoscope.models.thermostereort import thermostereort_tiny
from thermoscope.recipes.stereo_store import StereoStore, pair_of, sparse_truth

SHAPE = (1, 32, 48)


@dataclass
class Made:
    """Pairs of disparity 5; counts how often one was made."""

    made: int = 0

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> Sample:
        self.made += 1
        view = np.random.default_rng(index).integers(3000, 4000, SHAPE).astype(np.uint16)
        disparity = np.full(SHAPE, 5.004, np.float32)
        return {
            "name": str(index),
            "counts": view,
            "counts_right": np.roll(view, -5, axis=2),
            "disparity": disparity,
            "disparity_right": disparity,
            "valid": np.ones(SHAPE, bool),
        }


def test_a_pair_is_made_once_and_read_back(tmp_path: Path) -> None:
    source = Made()
    store = StereoStore(tmp_path, source)
    store.fill()
    assert source.made == 2
    pair = store[1]
    assert source.made == 2
    assert np.array_equal(pair.left, source[1]["counts"][0])
    assert np.abs(pair.disparity - 5.004).max() <= 1 / 256  # half a step of 1/128 px
    assert pair.disparity_right is not None
    assert pair.teacher is None


def test_other_processes_make_the_same_files(tmp_path: Path) -> None:
    StereoStore(tmp_path / "alone", Made()).fill()
    source = Made()
    StereoStore(tmp_path / "shared", source).fill(workers=1)
    assert source.made == 0
    alone, shared = (sorted((tmp_path / n).glob("*.npz")) for n in ("alone", "shared"))
    assert [p.read_bytes() for p in alone] == [p.read_bytes() for p in shared]


def test_a_teacher_answers_once(tmp_path: Path) -> None:
    teacher = StereoTeacher(thermostereort_tiny(), scales=(1.0,), flip=False, tolerance_px=8)
    taught = StereoStore(tmp_path, Made(), teacher, tmp_path / "by_tiny")
    first = taught[0]
    assert first.teacher is not None
    assert (tmp_path / "by_tiny" / "000000.npz").is_file()
    again = taught[0]
    assert again.teacher is not None
    assert np.abs(again.teacher - first.teacher).max() <= 1 / 256
    assert StereoStore(tmp_path, Made())[0].teacher is None


def test_a_damaged_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "000000.npz").write_bytes(b"broken")
    with pytest.raises(DatasetCorruptError, match=r"000000\.npz is damaged.*it is made again"):
        StereoStore(tmp_path, Made())[0]


def test_a_sample_without_a_right_view_is_refused() -> None:
    sample = {k: v for k, v in Made()[0].items() if k != "counts_right"}
    with pytest.raises(DatasetCorruptError, match="sample '0' has no counts_right"):
        pair_of(sample)  # type: ignore[arg-type]


def test_sparse_truth_keeps_the_same_points_in_both_views() -> None:
    pair = pair_of(Made()[0])
    sparse = sparse_truth(pair, 0.04, seed=3)
    assert 0.02 < sparse.valid.mean() < 0.06
    assert np.array_equal(sparse.valid, sparse_truth(pair, 0.04, seed=3).valid)
    assert not np.array_equal(sparse.valid, sparse_truth(pair, 0.04, seed=4).valid)
    rows = sparse.valid.any(axis=1).mean()
    assert rows < 0.5  # scan lines
    assert sparse.valid_right is not None
    assert np.array_equal(sparse.valid_right[:, :-5], sparse.valid[:, 5:])  # 5 px to the left
    with pytest.raises(ConfigError, match="share must lie in"):
        sparse_truth(pair, 0, seed=0)


def test_beams_that_lie_low_leave_the_upper_rows_without_truth() -> None:
    pair = pair_of(Made()[0])
    everywhere, low = (sparse_truth(pair, 0.2, seed=3, rows=rows) for rows in (1.0, 0.5))
    half = len(pair.valid) // 2
    assert everywhere.valid[:half].any()
    assert not low.valid[:half].any()
    assert low.valid_right is not None
    assert not low.valid_right[:half].any()
    assert np.array_equal(low.valid[half:], everywhere.valid[half:])
    with pytest.raises(ConfigError, match="rows must lie in"):
        sparse_truth(pair, 0.2, seed=0, rows=0)
