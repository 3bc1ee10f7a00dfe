"""Boards in real frames: what is found, in which polarity, and what is known not to be found."""

from pathlib import Path

import numpy as np
import pytest

from thermoscope.io.read import read
from thermoscope.rig.calibrate import calibrate
from thermoscope.rig.calibration_target import parse_target
from thermoscope.rig.target_detectors import detect

pytestmark = pytest.mark.real

DISKS = "circles:3x4:0.09:0.06"


def frames(real_data: Path, folder: str, stems=()) -> dict[str, np.ndarray]:
    """Stem to frame of a set, all or some."""
    paths = [p for p in (real_data / "calib" / folder).iterdir() if p.suffix in (".png", ".jpg")]
    chosen = [p for p in sorted(paths) if not stems or p.stem in stems]
    return {p.stem: np.asarray(read(p).values) for p in chosen}


@pytest.fixture(scope="module")
def disks(request) -> dict:
    """Detections in the 18 frames of warm disks."""
    from thermoscope.core.files import data_folder

    folder = data_folder()
    if folder is None:
        pytest.skip("no real frames: set THERMOSCOPE_DATA to their folder")
    target = parse_target(DISKS)
    return {s: detect(f, target) for s, f in frames(folder, "discocal_tir_circles").items()}


def test_disks_are_found_in_17_of_18_frames(disks):
    assert [stem for stem, found in disks.items() if found is None] == ["circle_8bit_001"]
    assert {found.polarity for found in disks.values() if found} == {"normal"}
    assert {found.method for found in disks.values() if found} == {"lattice"}


def test_blobs_alone_find_disks_in_4_frames(real_data):
    target = parse_target(DISKS)
    every = frames(real_data, "discocal_tir_circles").values()
    plain = {"methods": ("blob",), "tones": ("percentile",)}
    assert sum(detect(f, target, **plain) is not None for f in every) == 4


def test_the_lens_of_the_disk_set_is_that_of_its_authors(disks):
    views = {"c": {stem: found for stem, found in disks.items() if found}}
    result = calibrate(views, parse_target(DISKS), {"c": (640, 512)}, models={"c": "fisheye"})
    camera = result.cameras["c"]
    assert camera.rms_px < 0.16
    assert camera.hold_out_px < 0.18
    assert camera.camera.fx == pytest.approx(440.7, abs=3)  # the authors' value
    assert camera.camera.cx == pytest.approx(308.7, abs=2)
    assert camera.camera.cy == pytest.approx(247.2, abs=2)


@pytest.mark.parametrize(
    ("folder", "target", "polarity", "count"),
    [
        ("thermalvis_mask", "squares:4x6:0.04:0.02", "inverted", 7),
        ("airlab_rjpeg_circles", "acircles:11x4:0.04:0.04", "normal", 4),
    ],
)
def test_holes_and_circles_are_found_in_every_frame(folder, target, polarity, count, real_data):
    board = parse_target(target)
    found = [detect(f, board) for f in frames(real_data, folder).values()]
    assert [d.polarity for d in found if d] == [polarity] * count
    assert all(len(d.ids) == len(board.points) for d in found)


def test_a_weak_chessboard_needs_the_local_stretch(real_data):
    target = parse_target("checkerboard:6x7:0.1")
    stems = ("050_11_05_17_58_21", "170_11_05_18_04_34")
    easy, weak = frames(real_data, "mi3nts_lrt/thermal", stems).values()
    assert detect(easy, target, tones=("percentile",)).method == "sector"
    assert detect(weak, target, tones=("percentile",)) is None
    assert detect(weak, target).tone == "local_field"


@pytest.mark.parametrize(
    ("folder", "target", "stems"),
    [
        ("airlab_rjpeg_grid", "squares:8x8:0.05:0.04", ()),
        ("vims_stereo_rgbt/thermal_5003", "checkerboard:6x9:0.03", ("000000047",)),
        ("vims_stereo_rgbt/thermal_5270", "checkerboard:6x9:0.03", ("000000068",)),
    ],
)
def test_the_hard_sets_are_not_found(folder, target, stems, real_data):
    board, chosen = parse_target(target), frames(real_data, folder, stems)
    assert len(chosen) == (len(stems) or 4)
    assert [detect(f, board) for f in chosen.values()] == [None] * len(chosen)


def test_the_print_that_no_thermal_frame_shows_is_plain_in_colour(real_data):
    (frame,) = frames(real_data, "vims_stereo_rgbt/rgb_13020556", ("000000047",)).values()
    assert len(detect(frame, parse_target("checkerboard:6x9:0.03")).ids) == 54
