import json

import cv2
import numpy as np
import pytest
from PIL import Image

from thermoscope.cli.main import main
from thermoscope.core.errors import ConfigError, ShapeError
from thermoscope.engine.align import AlignmentRefusedError, align
from thermoscope.engine.align_pictures import (
    alignment_facts,
    checkerboard_picture,
    overlay_picture,
    swipe_picture,
)
from thermoscope.engine.align_search import coarse_guesses, mapped, match_blocks
from thermoscope.engine.align_structure import grey_of, structure
from thermoscope.engine.thin_plate import ThinPlate

WIDTH, HEIGHT = 320, 256


def scene(seed=0, *, width=WIDTH, height=HEIGHT):
    """Boxes and disks of many sizes: (thermal, rgb) with unlike and partly inverted brightness."""
    rng = np.random.default_rng(seed)
    thermal = np.full((height, width), 90, np.uint8)
    rgb = np.full((height, width, 3), 120, np.uint8)
    for _ in range(90):
        x, y = rng.integers(0, width), rng.integers(0, height)
        w, h = rng.integers(8, 60, 2)
        warm, colour = int(rng.integers(30, 255)), rng.integers(0, 255, 3).tolist()
        if rng.random() < 0.5:
            cv2.rectangle(thermal, (x, y), (x + w, y + h), warm, -1)
            cv2.rectangle(rgb, (x, y), (x + w, y + h), colour, -1)
        else:
            cv2.circle(thermal, (int(x), int(y)), int(w) // 2, warm, -1)
            cv2.circle(rgb, (int(x), int(y)), int(w) // 2, colour, -1)
    noise = rng.normal(0, 3, thermal.shape)
    return np.clip(thermal + noise, 0, 255).astype(np.uint8), rgb


def similarity(turn_deg, size, shift):
    turn = cv2.getRotationMatrix2D(((WIDTH - 1) / 2, (HEIGHT - 1) / 2), turn_deg, size)
    turn[:, 2] += shift
    return np.vstack([turn, [0, 0, 1]])


@pytest.fixture(scope="module")
def registered():
    thermal, rgb = scene()
    true = similarity(8.0, 1.1, (14, -9))
    moved = cv2.warpPerspective(rgb, true, (WIDTH, HEIGHT))
    return thermal, rgb, moved, true, align(moved, thermal)


GRID = np.stack(np.meshgrid(np.linspace(20, 300, 5), np.linspace(20, 236, 5)), -1).reshape(-1, 2)


def test_a_turned_resized_and_shifted_picture_is_found(registered):
    *_, true, found = registered
    error = np.linalg.norm(found.rgb_points(GRID) - mapped(true, GRID), axis=1)
    assert error.mean() < 1.0
    assert found.confidence > 0.9
    assert found.residual_px < 1.5
    assert found.inlier_share > 0.7


def test_the_warped_picture_lies_on_the_thermal_one(registered):
    _, rgb, moved, _, found = registered
    back = found.warp(moved)
    seen = found.covered(moved.shape)
    assert back.shape == rgb.shape
    assert 0.6 < seen.mean() <= 1
    inner = cv2.erode(seen.astype(np.uint8), np.ones((9, 9))) > 0
    apart = np.abs(back.astype(float) - rgb).mean(axis=2)[inner]
    assert np.median(apart) < 6


def test_another_size_of_picture(registered):
    thermal, _, moved, true, _ = registered
    large = cv2.resize(moved, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    found = align(large, thermal)
    half = (found.rgb_points(GRID) + 0.5) / 2 - 0.5
    assert np.linalg.norm(half - mapped(true, GRID), axis=1).mean() < 1.2


def test_a_finer_picture_does_not_shift_the_answer():
    """Pixel centres, not corners, stay where they are when a picture is scaled."""
    thermal, rgb = scene()
    fine = cv2.resize(rgb, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    off = align(fine, thermal).rgb_points(GRID) - ((GRID + 0.5) * 4 - 0.5)
    assert np.abs(off.mean(axis=0)).max() < 0.6  # corners would give 1.5


def test_pictures_of_two_scenes_are_refused():
    thermal, _ = scene(1)
    _, rgb = scene(2)
    with pytest.raises(AlignmentRefusedError, match="could not be registered: confidence") as error:
        align(rgb, thermal)
    assert error.value.confidence < 0.5


def test_a_flat_picture_is_refused_at_any_threshold():
    thermal, rgb = scene()
    with pytest.raises(AlignmentRefusedError, match=r"confidence 0\.00"):
        align(rgb, np.full_like(thermal, 90), least_confidence=0.0)


def test_a_thin_plate_follows_a_bend(registered):
    thermal, rgb, *_ = registered
    columns, rows = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    bow = 5 * np.sin(columns / WIDTH * np.pi)
    bent = cv2.remap(
        rgb, columns.astype(np.float32), (rows - bow).astype(np.float32), cv2.INTER_LINEAR
    )
    flat, plate = align(bent, thermal), align(bent, thermal, bend="thin_plate")
    true = GRID + np.stack([np.zeros(len(GRID)), 5 * np.sin(GRID[:, 0] / WIDTH * np.pi)], 1)
    errors = [np.linalg.norm(a.rgb_points(GRID) - true, axis=1).mean() for a in (flat, plate)]
    assert errors[1] < 0.7 * errors[0]
    assert errors[1] < 1.2


def test_structure_forgets_the_sign_of_an_edge():
    thermal, _ = scene()
    there, negative = structure(grey_of(thermal)), structure(grey_of(255 - thermal))
    assert there == pytest.approx(negative, abs=1e-4)
    assert there.shape == (HEIGHT, WIDTH, 8)
    assert np.linalg.norm(there, axis=2).max() <= 1


def test_an_upright_edge_fills_the_channel_of_its_direction():
    picture = np.zeros((64, 64), np.float32)
    picture[:, 32:] = 1
    at_edge = structure(picture)[32, 32]
    assert np.argmax(at_edge) == 0  # gradient along x
    assert at_edge[4] < 0.05  # along y


def test_the_first_guess_is_near():
    thermal, rgb = scene()
    true = similarity(-11.0, 0.85, (20, 10))
    moved = cv2.warpPerspective(rgb, true, (WIDTH, HEIGHT))
    guesses = coarse_guesses(grey_of(thermal), grey_of(moved))
    errors = [
        np.linalg.norm(mapped(g.matrix, GRID) - mapped(true, GRID), axis=1).mean() for g in guesses
    ]
    assert min(errors) < 16
    assert guesses[0].score == max(g.score for g in guesses)


def test_blocks_find_a_shift_to_a_fraction_of_a_pixel():
    grey = grey_of(scene()[0])
    shift = np.array([[1, 0, 2.4], [0, 1, -1.3]])
    moved = cv2.warpAffine(grey, shift, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE)
    found = match_blocks(grey, moved, np.eye(3), block_px=48, reach_px=8, step_px=24)
    assert len(found.thermal) > 20
    steps = np.median(found.rgb - found.thermal, axis=0)
    assert steps == pytest.approx([2.4, -1.3], abs=0.15)


def test_a_plate_through_a_plane_is_the_plane():
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 100, (12, 2))
    target = points @ np.array([[1.1, 0.2], [-0.1, 0.9]]) + (5, 7)
    plate = ThinPlate.fit(points, target)
    elsewhere = np.array([[50.0, -20.0], [130.0, 70.0]])
    assert plate(elsewhere) == pytest.approx(
        elsewhere @ np.array([[1.1, 0.2], [-0.1, 0.9]]) + (5, 7), abs=1e-6
    )
    assert plate(np.empty((0, 2))).shape == (0, 2)
    with pytest.raises(ShapeError, match="a thin plate needs 3 points, got 2"):
        ThinPlate.fit(points[:2], target[:2])
    with pytest.raises(ShapeError, match=r"source and target must be \(K, 2\)"):
        ThinPlate.fit(points, target[:3])


def test_pictures_show_both():
    thermal = np.full((64, 64), 200, np.uint8)
    rgb = np.zeros((64, 64, 3), np.uint8)
    swipe = swipe_picture(rgb, thermal)
    assert swipe[30, 5].tolist() == [0, 0, 0]
    assert swipe[30, 60].tolist() == [200, 200, 200]
    board = checkerboard_picture(rgb, thermal)
    assert board[0, 0].tolist() == [0, 0, 0]
    assert board[0, 8].tolist() == [200, 200, 200]
    assert board.mean() == pytest.approx(100)
    overlay = overlay_picture(rgb, thermal)
    assert 0 < overlay.mean() < 128
    with pytest.raises(ShapeError, match=r"rgb must be \(64, 64, 3\) like thermal"):
        swipe_picture(rgb[:10], thermal)


def test_facts_are_plain_values(registered):
    facts = alignment_facts(registered[-1])
    assert json.loads(json.dumps(facts)) == facts
    assert facts["thermal_size_px"] == [WIDTH, HEIGHT]


@pytest.mark.parametrize(
    ("rgb", "thermal", "message"),
    [
        (np.zeros((64, 64, 3)), np.zeros((64, 64), np.uint8), r"rgb must be \(H, W\) or"),
        (np.zeros((64, 64, 3), np.uint8), np.zeros((64, 64), np.uint16), "thermal must be"),
        (np.zeros((64, 40, 3), np.uint8), np.zeros((64, 64), np.uint8), "rgb is 40x64, expected"),
    ],
)
def test_pictures_of_another_kind_are_named(rgb, thermal, message):
    with pytest.raises(ShapeError, match=message):
        align(rgb, thermal)


def test_bad_settings_are_named():
    thermal, rgb = scene()
    with pytest.raises(ConfigError, match=r"least_confidence must lie in \[0, 1\]"):
        align(rgb, thermal, least_confidence=2)


def test_the_verb_writes_what_it_promises(registered, tmp_path, capsys):
    thermal, _, moved, true, _ = registered
    Image.fromarray(moved).save(tmp_path / "colour.png")
    Image.fromarray(thermal).save(tmp_path / "warm.png")
    words = ["align", str(tmp_path / "colour.png"), str(tmp_path / "warm.png"), "--out"]
    assert main([*words, str(tmp_path / "out"), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    matrix = np.array(facts["rgb_from_thermal"])
    assert np.linalg.norm(mapped(matrix, GRID) - mapped(true, GRID), axis=1).mean() < 1.0
    names = sorted(p.name for p in (tmp_path / "out").iterdir())
    assert names == [
        "warm_alignment.json",
        "warm_checkerboard.png",
        "warm_overlay.png",
        "warm_rgb.png",
        "warm_swipe.png",
    ]
    assert main([*words, str(tmp_path / "out")]) == 2
    assert "exists. Pass --overwrite" in capsys.readouterr().err


def test_the_verb_refuses_and_writes_nothing(tmp_path, capsys):
    Image.fromarray(scene(2)[1]).save(tmp_path / "colour.png")
    Image.fromarray(scene(1)[0]).save(tmp_path / "warm.png")
    words = ["align", str(tmp_path / "colour.png"), str(tmp_path / "warm.png")]
    assert main([*words, "--out", str(tmp_path / "out")]) == 2
    assert "could not be registered" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_verb_replaces_no_input(tmp_path, capsys):
    thermal, rgb = scene()
    Image.fromarray(rgb).save(tmp_path / "warm_rgb.png")
    Image.fromarray(thermal).save(tmp_path / "warm.png")
    before = (tmp_path / "warm_rgb.png").read_bytes()
    words = ["align", str(tmp_path / "warm_rgb.png"), str(tmp_path / "warm.png"), "--overwrite"]
    assert main([*words, "--out", str(tmp_path)]) == 2
    assert "warm_rgb.png is an input: it is kept" in capsys.readouterr().err
    assert (tmp_path / "warm_rgb.png").read_bytes() == before
