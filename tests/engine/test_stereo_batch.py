"""Pairs in a row: bad ones are skipped with a reason, memory does not grow."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from thermoscope.core.errors import ConfigError, ReadError
from thermoscope.engine.stereo_batch import (
    BatchSummary,
    MatchedPair,
    PairGuard,
    SkippedPair,
    match_pairs,
    pair_sources,
    same_source,
)
from thermoscope.geometry.camera import Camera
from thermoscope.io.write import write_image
from thermoscope.models.stereo_result import StereoCalibration
from thermoscope.models.thermostereort import thermostereort_tiny


def frame(seed: int, shape: tuple[int, int] = (32, 48)) -> np.ndarray:
    return np.random.default_rng(seed).integers(3000, 4000, shape).astype(np.uint16)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Pairs: good, black, saturated, good, frozen, other size, good."""
    good = [frame(i) for i in range(8)]
    black, white = np.zeros((32, 48), np.uint16), np.full((32, 48), 16383, np.uint16)
    white[0, :5] = 4000
    left = [good[0], black, good[2], good[3], good[3], good[5], good[6]]
    right = [good[1], good[1], white, good[4], good[4], frame(9, (32, 40)), good[7]]
    paths = tmp_path / "left", tmp_path / "right"
    for folder, views in zip(paths, (left, right), strict=True):
        folder.mkdir()
        for number, view in enumerate(views):
            write_image(folder / f"{number:03d}.png", view)
    return paths


def test_bad_pairs_are_skipped_with_their_reason(folders: tuple[Path, Path]) -> None:
    done = list(match_pairs(thermostereort_tiny().eval(), *pair_sources(*folders), check_every=0))
    assert [type(d) for d in done] == [
        MatchedPair, SkippedPair, SkippedPair, MatchedPair, SkippedPair, SkippedPair, MatchedPair,
    ]  # fmt: skip
    reasons = {d.index: d.reason for d in done if isinstance(d, SkippedPair)}
    assert reasons[1] == "left is black or blank: every pixel is 0"
    assert reasons[2] == "right is saturated: 100% of its pixels are 16383"
    assert reasons[4].startswith("left and right frozen: the frame before is repeated")
    assert reasons[5] == "left is 48x32, right 40x32 px"
    assert [d.stem for d in done if isinstance(d, MatchedPair)] == ["000", "003", "006"]


def test_a_file_that_cannot_be_read_is_skipped(folders: tuple[Path, Path]) -> None:
    (folders[1] / "000.png").write_bytes(b"not a picture")
    done = list(match_pairs(thermostereort_tiny().eval(), *pair_sources(*folders), check_every=0))
    assert isinstance(done[0], SkippedPair)
    assert "000.png" in done[0].reason
    assert done[0].unreadable
    assert [d.unreadable for d in done[1:3]] == [False, False]
    assert isinstance(done[3], MatchedPair)


@pytest.mark.parametrize("shape", [(4, 4), (5, 40), (40, 3), (1, 1), (9, 1)])
def test_a_frame_of_a_few_pixels_does_not_end_the_run(
    folders: tuple[Path, Path], shape: tuple[int, int]
) -> None:
    for number, folder in enumerate(folders):
        write_image(folder / "000.png", frame(number, shape))
    done = match_pairs(
        thermostereort_tiny().eval(), *pair_sources(*folders), check_every=1, check_left_right=True
    )
    found = list(done)
    assert len(found) == 7
    assert isinstance(found[3], MatchedPair)


def test_a_marker_for_no_value_does_not_end_the_run(folders: tuple[Path, Path]) -> None:
    for number, folder in enumerate(folders):
        view = frame(number).astype(np.float32)
        view[3, 4] = -3.4e38
        write_image(folder / "000.tiff", view)
        (folder / "000.png").unlink()
    done = list(match_pairs(thermostereort_tiny().eval(), *pair_sources(*folders)))
    assert isinstance(done[0], SkippedPair)
    assert "a marker for no value? Make it NaN" in done[0].reason
    assert isinstance(done[3], MatchedPair)


def test_a_calibrated_run_names_both_sizes(folders: tuple[Path, Path]) -> None:
    for number, folder in enumerate(folders):
        write_image(folder / "003.png", frame(number, (16, 24)))
    calibration = StereoCalibration(Camera(50.0, 50.0, 23.5, 15.5, 48, 32), baseline_m=0.2)
    done = list(
        match_pairs(thermostereort_tiny().eval(), *pair_sources(*folders), calibration=calibration)
    )
    assert isinstance(done[3], SkippedPair)
    assert done[3].reason == (
        "the pair is 24x16 px, and the calibration is for 48x32, the size of the first pair"
    )


def test_loops_repeat_the_sequence(folders: tuple[Path, Path]) -> None:
    summary = BatchSummary()
    matcher = thermostereort_tiny().eval()
    for done in match_pairs(matcher, *pair_sources(*folders), check_every=0, loops=3):
        summary.add(done)
    assert (summary.matched, summary.skipped) == (9, 12)
    assert summary.fps > 0
    assert summary.median_ms > 0


def test_times_kept_do_not_grow() -> None:
    summary = BatchSummary()
    empty = MatchedPair(0, "a", None, None, 0.5, [])  # type: ignore[arg-type]
    for _ in range(200):
        summary.add(empty)
    assert len(summary.recent_s) == 64
    assert (summary.matched, summary.fps, summary.median_ms) == (200, 2.0, 500.0)


def test_nan_frames() -> None:
    guard, view = PairGuard(), frame(0).astype(np.float32)
    holed = np.where(np.arange(48) < 40, np.nan, view)
    assert guard.reason(view, holed) == "right has values in 17% of its pixels only (NaN)"
    assert guard.reason(view, frame(1).astype(np.float32)) is None


def test_one_frozen_camera_is_named() -> None:
    guard = PairGuard()
    assert guard.reason(frame(0), frame(1)) is None
    assert str(guard.reason(frame(2), frame(1))).startswith("right frozen")


def test_partners_must_agree_in_number(folders: tuple[Path, Path]) -> None:
    (folders[1] / "006.png").unlink()
    with pytest.raises(ConfigError, match="has 7 frames and .* has 6: frames are paired by"):
        pair_sources(*folders)
    with pytest.raises(ReadError, match="given as left and as right view"):
        same_source("a.png", "a.png")


def test_one_folder_spelled_differently_is_refused(folders: tuple[Path, Path]) -> None:
    left, right = folders
    link = left.with_name("link")
    link.symlink_to(left)
    for same in (f"{left}/../left/", link):
        with pytest.raises(ReadError, match="given as left and as right view"):
            same_source(left, same)
    same_source(left, right)


def test_copies_of_one_picture_are_no_pair() -> None:
    reason = PairGuard().reason(frame(0), frame(0).copy())
    assert reason == "left and right are the same picture: name the other camera's file"


def test_videos_of_other_lengths_are_refused(tmp_path: Path) -> None:
    for name, count in (("left.avi", 4), ("right.avi", 3)):
        writer = cv2.VideoWriter(
            str(tmp_path / name), cv2.VideoWriter.fourcc(*"MJPG"), 10, (48, 32)
        )
        for number in range(count):
            writer.write(np.full((32, 48, 3), 40 * number, np.uint8))
        writer.release()
    with pytest.raises(ConfigError, match="has 4 frames and .* has 3: frames are paired by"):
        pair_sources(tmp_path / "left.avi", tmp_path / "right.avi")
