import re

import cv2
import numpy as np
import pytest

from thermoscope.core.errors import ConfigError
from thermoscope.rig.board_drawing import board_pdf, board_picture, bounds
from thermoscope.rig.calibration_target import (
    AprilGrid,
    Checkerboard,
    CircleGrid,
    parse_target,
)

TEXTS = (
    "checkerboard:6x9:0.03",
    "circles:4x5:0.06:0.03",
    "acircles:11x4:0.02:0.012",
    "squares:4x6:0.04:0.02",
    "aprilgrid:6x6:0.055:0.3",
    "aprilgrid:2x3:0.08:0.25:2",
)


@pytest.mark.parametrize("text", TEXTS)
def test_the_text_of_a_target_reads_back(text):
    target = parse_target(text)
    assert target.text == text
    assert parse_target(target.text) == target


def test_corners_of_a_checkerboard():
    board = Checkerboard(3, 4, 0.1)
    assert board.points.shape == (12, 3)
    assert board.points[0].tolist() == [0, 0, 0]
    assert board.points[5] == pytest.approx([0.1, 0.1, 0])
    assert bounds(board) == pytest.approx((-0.1, -0.1, 0.4, 0.3))
    assert len(board.shapes) == 10  # of 4 x 5 squares


def test_asymmetric_rows_are_shifted_by_half_a_step():
    board = CircleGrid(3, 3, 0.02, asymmetric=True)
    assert board.points[:6, 0] == pytest.approx([0, 0.04, 0.08, 0.02, 0.06, 0.1])
    assert board.points[3, 1] == pytest.approx(0.02)
    steps = board.cells[3] - board.cells[0]
    assert steps.tolist() == [1, 0]  # a diagonal neighbour is one cell away


def test_tags_are_numbered_as_kalibr_does():
    board = AprilGrid(2, 3, 0.1, 0.5)
    assert board.points[0] == pytest.approx([0, 0.15, 0])  # tag 0 is at the bottom left
    assert board.points[3 * 4] == pytest.approx([0, 0, 0])  # tag 3 above it
    assert board.points[1 * 4 + 1] == pytest.approx([0.25, 0.15, 0])


def test_half_of_a_checkerboard_is_dark():
    picture = board_picture(Checkerboard(3, 3, 0.02), px_per_m=1000, margin_m=0)
    assert picture.shape == (80, 80)
    assert picture.mean() == pytest.approx(0.5)
    assert picture[0, 0] == 1
    assert picture[0, 20] == 0


def test_the_area_of_a_disk():
    picture = board_picture(CircleGrid(3, 3, 0.1, 0.08), px_per_m=500, margin_m=0.01)
    assert picture.sum() == pytest.approx(9 * np.pi * 20**2, rel=1e-3)


def test_opencv_reads_the_tags_of_the_picture():
    board = AprilGrid(2, 2, 0.08)
    picture = (255 - 255 * board_picture(board, px_per_m=1500)).astype(np.uint8)
    family = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_APRILTAG_36h11)
    corners, ids, _ = cv2.aruco.ArucoDetector(family).detectMarkers(picture)
    assert sorted(ids.ravel().tolist()) == [0, 1, 2, 3]
    left, top, _, _ = bounds(board)
    for tag, found in zip(ids.ravel(), corners, strict=True):
        true = (board.tag_corners[tag] - (left - 0.012, top - 0.012)) * 1500 - 0.5
        assert np.abs(found[0] - true).max() < 2.0  # corners to a pixel, without refinement


def test_the_pdf_is_whole_and_at_true_size():
    data = board_pdf(Checkerboard(3, 4, 0.05), title="a (bracket)")
    assert data.startswith(b"%PDF-1.4")
    assert data.endswith(b"%%EOF\n")
    width, height = map(float, re.search(rb"MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", data).groups())
    assert width / 72 * 25.4 == pytest.approx(5 * 50 + 24, abs=0.01)  # mm, with the margins
    assert height / 72 * 25.4 == pytest.approx(4 * 50 + 48, abs=0.01)
    assert data.count(b" re f") == 10 + 1  # squares and the ruler
    assert rb"a \(bracket\)" in data
    for number, place in enumerate(re.findall(rb"(\d{10}) 00000 n", data), start=1):
        assert data[int(place) :].startswith(b"%d 0 obj" % number)
    start = int(re.search(rb"startxref\n(\d+)", data)[1])
    assert data[start : start + 4] == b"xref"


def test_disks_of_the_pdf_are_curves():
    assert board_pdf(CircleGrid(3, 3, 0.05)).count(b" c\n") == 9 * 4


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Checkerboard(2, 5, 0.1), "rows must be a whole number >= 3, got 2"),
        (lambda: Checkerboard(5, 3.0, 0.1), "columns must be a whole number"),
        (lambda: Checkerboard(5, 5, 0), "square_m must be positive"),
        (lambda: CircleGrid(3, 3, -1), "spacing_m must be positive"),
        (lambda: CircleGrid(3, 3, 0.02, 0.03), r"size_m must lie in \[0, 0.02\)"),
        (lambda: AprilGrid(30, 30, 0.1), "rows x columns must be at most 587"),
        (lambda: AprilGrid(3, 3, 0.1, border_bits=0), "border_bits must be at least 1"),
        (lambda: AprilGrid(3, 3, 0.1, gap=0), "gap must be positive"),
        (lambda: parse_target("board:3x3:0.1"), "target 'board:3x3:0.1' is not of a known form"),
        (lambda: parse_target("checkerboard:3:0.1"), "is not of a known form"),
        (lambda: board_picture(Checkerboard(3, 3, 1), px_per_m=9e3), "is outside 1 to 8192"),
        (lambda: board_picture(Checkerboard(3, 3, 1), px_per_m=0), "px_per_m must be positive"),
    ],
)
def test_boards_that_cannot_be(make, message):
    with pytest.raises(ConfigError, match=message):
        make()
