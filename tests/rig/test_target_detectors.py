import numpy as np
import pytest

from thermoscope.core.errors import ConfigError, ShapeError
from thermoscope.geometry.camera import Camera
from thermoscope.geometry.pose import from_rotation, rotation_about, transform
from thermoscope.rig.board_frames import BoardFrames, BoardLook
from thermoscope.rig.board_lattice import match_cells
from thermoscope.rig.calibration_target import parse_target
from thermoscope.rig.target_detectors import average_frames, detect, prepared

CAMERA = Camera.from_fov(448, 416, 95.0, model="fisheye", distortion=(-0.09, 0.012, -0.004, 0.0005))
COLD, HOT = BoardLook(), BoardLook(dark_counts=22400.0)
BOARDS = (
    ("checkerboard:5x7:0.03", "sector", 0.15),
    ("checkerboard:5x7:0.03", "classic", 0.15),
    ("circles:3x4:0.06:0.035", "lattice", 0.25),
    ("acircles:7x4:0.025:0.02", "lattice", 0.25),
    ("acircles:7x4:0.025:0.02", "blob", 0.5),
    ("squares:4x5:0.05:0.03", "lattice", 0.25),
    ("aprilgrid:2x3:0.08:0.3", "tags", 0.3),
)


def pose_of(target, *, turn_deg=15.0):
    middle = (target.points.max(axis=0) + target.points.min(axis=0)) / 2
    R = (rotation_about("y", 12) @ rotation_about("z", turn_deg))[:3, :3]
    return from_rotation(R, np.array([0.02, 0.01, 0.33]) - R @ middle)


def frame_of(text, look):
    target = parse_target(text)
    pose = pose_of(target)
    rng = np.random.default_rng(3)
    counts = BoardFrames(target).counts(CAMERA, pose, look, rng=rng)
    pixels, shown = CAMERA.project(transform(pose, target.points))
    assert shown.all()
    return target, counts, pixels


@pytest.mark.parametrize(("text", "method", "within_px"), BOARDS)
@pytest.mark.parametrize(("look", "polarity"), [(COLD, "normal"), (HOT, "inverted")])
def test_boards_are_found_whichever_side_is_hot(text, method, within_px, look, polarity):
    target, counts, pixels = frame_of(text, look)
    found = detect(counts, target, methods=(method,))
    assert found is not None
    assert found.method == method
    assert len(found.ids) == len(target.points)
    if not text.startswith("checkerboard"):  # its negative is nearly the same board
        assert found.polarity == polarity
    error = np.linalg.norm(found.points - pixels[found.ids], axis=1)
    assert np.sqrt((error**2).mean()) < within_px


def test_a_glowing_middle_needs_the_local_stretch():
    look = BoardLook(light_counts=22010, dark_counts=22000, gradient_counts=900, noise_counts=0.3)
    target, counts, pixels = frame_of("circles:3x4:0.06:0.035", look)
    assert detect(counts, target, tones=("percentile",), methods=("blob",)) is None
    found = detect(counts, target)
    if found is not None:
        error = np.linalg.norm(found.points - pixels[found.ids], axis=1)
        assert np.median(error) < 1.5


def test_a_frame_without_a_board_has_none():
    noise = np.random.default_rng(0).integers(22000, 22100, (160, 200)).astype(np.uint16)
    for text in ("circles:3x4:0.06", "aprilgrid:2x3:0.08"):
        assert detect(noise, parse_target(text), tones=("percentile",)) is None


def test_the_wrong_number_of_corners_is_no_board():
    _, counts, _ = frame_of("checkerboard:5x7:0.03", COLD)
    assert detect(counts, parse_target("checkerboard:6x9:0.03"), tones=("percentile",)) is None


def test_averaging_lowers_noise_by_the_root_of_the_count():
    rng = np.random.default_rng(0)
    frames = [(22000 + rng.normal(0, 8, (64, 64))).round().astype(np.uint16) for _ in range(16)]
    assert average_frames(frames).std() == pytest.approx(2.0, abs=0.2)
    assert average_frames(frames).mean() == pytest.approx(22000, abs=0.2)


def test_inverted_pictures_are_negatives():
    counts = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64)
    assert (prepared(counts) == 255 - prepared(counts, inverted=True)).all()


def test_cells_are_matched_in_any_turn():
    wanted = np.array([[c, r] for r in range(2) for c in range(3)])
    points = wanted * 10.0
    turned = np.array([[-r, c] for r in range(2) for c in range(3)])  # same points, other axes
    found, ids = match_cells(points, turned, wanted)
    assert found == pytest.approx(points)
    assert ids.tolist() == list(range(6))


def test_a_grid_larger_than_the_board_is_open():
    cells = np.array([[c, r] for r in range(3) for c in range(4)])
    assert match_cells(cells * 10.0, cells, cells[cells[:, 0] < 3]) is None


def test_bad_input_is_named():
    with pytest.raises(ShapeError, match=r"frames to average must be \(H, W\) of one size"):
        average_frames([np.zeros((4, 4)), np.zeros((4, 5))])
    with pytest.raises(ShapeError, match="got none"):
        average_frames([])
    with pytest.raises(ConfigError, match="method 'tags' cannot find checkerboard:5x7"):
        detect(
            np.zeros((64, 64), np.uint16), parse_target("checkerboard:5x7:0.03"), methods=("tags",)
        )
