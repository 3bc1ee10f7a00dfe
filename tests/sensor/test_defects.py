"""Dead, hot and flickering pixels: injected ones found, good ones left alone, maps kept."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.sensor import odd_frames as odd

from thermoscope.core.errors import CalibrationError, ReadError, ShapeError, UnitError, WriteError
from thermoscope.sensor.defects import (
    DefectMap,
    find_defects,
    load_defects,
    repair,
    save_defects,
)

H, W, N = odd.HEIGHT, odd.WIDTH, 30
KINDS = ("dead", "hot", "flickering")


def static(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.rint(odd.scene(seed, noise=0) + rng.normal(0, 3, (N, H, W))).astype(np.uint16)


def moving(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    world = odd.scene(seed, noise=0, width=W + 3 * N)
    frames = np.stack([world[:, 3 * t : 3 * t + W] for t in range(N)])
    return np.rint(frames + rng.normal(0, 3, frames.shape)).astype(np.uint16)


def uniform(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    pattern = 3000 + rng.normal(0, 8, (H, W))
    return np.rint(pattern + rng.normal(0, 3, (N, H, W))).astype(np.uint16)


def with_defects(frames: np.ndarray, seed: int, each: int = 20) -> tuple[np.ndarray, DefectMap]:
    """Stuck, cold, hot (by 150 counts and more) and blinking pixels at random places."""
    rng = np.random.default_rng(seed)
    flat = frames.reshape(len(frames), -1).copy()
    places = rng.permutation(H * W)[: 3 * each].reshape(3, each)
    dead, hot, flickering = places
    flat[:, dead[::2]] = rng.choice([0, 1000, 3500], len(dead[::2]))  # stuck, also at mid level
    flat[:, dead[1::2]] -= np.uint16(1500)
    flat[:, hot] += rng.integers(150, 8000, each).astype(np.uint16)
    blinks = rng.random((len(frames), each)) < 0.3
    flat[:, flickering] += (blinks * rng.integers(500, 3000, each)).astype(np.uint16)
    masks = np.zeros((3, H * W), bool)
    for mask, place in zip(masks, places, strict=True):
        mask[place] = True
    return flat.reshape(frames.shape), DefectMap(*masks.reshape(3, H, W))


def recall_and_precision(found: np.ndarray, true: np.ndarray) -> tuple[float, float]:
    hits = float((found & true).sum())
    return hits / max(true.sum(), 1), hits / max(found.sum(), 1)


# -- find ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [static, moving, uniform])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_sequence_shows_injected_defects(make, seed):
    frames, true = with_defects(make(seed), seed)
    found = find_defects(frames)
    recall, precision = recall_and_precision(found.bad, true.bad)
    assert recall >= 0.95
    assert precision >= 0.98
    for kind in KINDS:
        recall, precision = recall_and_precision(getattr(found, kind), getattr(true, kind))
        assert recall >= 0.85, kind
        assert precision >= 0.85, kind


@pytest.mark.parametrize("seed", range(6))
def test_one_frame_shows_the_gross_ones_and_nothing_else(seed):
    frame = static(seed)[0]
    rng = np.random.default_rng(seed)
    places = rng.permutation(H * W)[:20]
    frame.ravel()[places[:10]] = 0
    frame.ravel()[places[10:]] = 16383
    found = find_defects(frame)
    expected = np.zeros(H * W, bool)
    expected[places] = True
    recall, precision = recall_and_precision(found.bad, expected.reshape(H, W))
    assert recall >= 0.95  # one that sits on an edge may hide
    assert precision == 1
    assert abs(int(found.dead.sum()) - int(found.hot.sum())) <= 1
    assert not found.flickering.any()


@pytest.mark.parametrize("make", [static, moving, uniform])
def test_good_sensors_have_no_defects(make):
    for seed in range(4):
        frames = make(seed)
        assert find_defects(frames).count == 0
        assert find_defects(frames[0]).count == 0


def test_touching_pairs_are_found():
    frame = odd.counts()
    frame[40, 60:62] = 0
    found = find_defects(frame)
    assert [tuple(p) for p in np.argwhere(found.dead)] == [(40, 60), (40, 61)]


def test_whole_lines_are_found():
    frames = static(0)
    frames[:, 50] = 0
    frames[:, :, 90] += np.uint16(900)
    found = find_defects(frames)
    assert found.rows == (50,)
    assert found.columns == (90,)
    assert found.dead[50].all()
    assert found.hot[np.arange(H) != 50, 90].all()
    assert found.count == H + W - 1


def test_a_flickering_row_is_found():
    frames = static(1)
    frames[::3, 70] += np.uint16(400)
    assert find_defects(frames).flickering[70].all()


def test_stuck_pixels_in_a_cluster_are_found_by_their_silence():
    frames = static(2)
    frames[:, 60:63, 70:73] = frames[0, 60:63, 70:73]
    found = find_defects(frames)
    assert found.dead[60:63, 70:73].all()
    assert found.count == 9


def test_too_few_frames_do_not_condemn_by_chance():
    rng = np.random.default_rng(0)
    frames = np.rint(rng.normal(3000, 0.6, (5, H, W))).astype(np.uint16)
    assert ((frames == frames[0]).all(axis=0)).sum() > 50  # frozen by chance
    assert find_defects(frames).count == 0


def test_a_saturated_sky_is_not_dead():
    frames = static(3)
    frames[:, :40] = 0
    assert find_defects(frames).count == 0


def test_frames_may_come_one_by_one_and_in_any_layout():
    frames, _ = with_defects(moving(5), 5)
    expected = find_defects(frames).bad
    for same in (iter(frames), list(frames.astype(">u2")), np.asfortranarray(frames)):
        np.testing.assert_array_equal(find_defects(same).bad, expected)


@pytest.mark.parametrize(
    ("frames", "error", "match"),
    [
        (np.zeros((3, 16, 16), np.float32), UnitError, "frame 0 must be uint16, got float32"),
        (np.zeros((16, 16), np.uint8), UnitError, "not an 8-bit picture"),
        (np.zeros((0, 16, 16), np.uint16), ShapeError, "at least one frame"),
        ([], ShapeError, "at least one frame"),
        (np.zeros((2, 7, 16), np.uint16), ShapeError, "at least 8x8 px"),
        ([np.zeros((9, 9), np.uint16), np.zeros((9, 8), np.uint16)], ShapeError, "frame 1 is"),
        (np.zeros((2, 2, 9, 9), np.uint16), ShapeError, "frames must be"),
    ],
)
def test_find_refuses(frames, error, match):
    with pytest.raises(error, match=match):
        find_defects(frames)


# -- repair --------------------------------------------------------------------------------------


@given(st.integers(0, 2**32 - 1), st.floats(0, 0.4))
@settings(deadline=None, max_examples=40)
def test_repair_touches_bad_pixels_only_and_stays_in_range(seed, share):
    rng = np.random.default_rng(seed)
    frame = rng.integers(0, 65536, (24, 32)).astype(np.uint16)
    bad = rng.random(frame.shape) < share
    bad[0, 0] = False
    defects = DefectMap(bad, np.zeros_like(bad), np.zeros_like(bad))
    before = frame.copy()
    repaired = repair(frame, defects)
    np.testing.assert_array_equal(repaired[~bad], frame[~bad])
    np.testing.assert_array_equal(frame, before)
    if bad.any():
        assert frame[~bad].min() <= repaired[bad].min() <= repaired[bad].max() <= frame[~bad].max()


def test_repair_is_the_median_of_good_neighbours():
    frame = np.array([[1, 2, 3], [4, 9999, 6], [7, 8, 60000]], np.uint16)
    defects = DefectMap.empty(3, 3)
    defects.hot[1, 1] = defects.dead[2, 2] = True
    repaired = repair(frame, defects)
    assert repaired[1, 1] == 4  # of 1 2 3 4 6 7 8
    assert repaired[2, 2] == 4  # two good ones touch it (6 8): the wider square holds all seven


def test_repair_brings_the_scene_back():
    clean = static(7)
    frames, true = with_defects(clean, 7)
    repaired = repair(frames, true)
    error = np.abs(repaired[:, true.bad].astype(int) - clean[:, true.bad])
    assert np.median(error) <= 4  # counts, at a noise of 3
    assert find_defects(repaired).count == 0


def test_repair_fills_whole_lines_from_both_sides():
    frame = np.repeat(np.arange(0, 3200, 100, dtype=np.uint16)[:, None], 32, axis=1)
    broken = frame.copy()
    broken[10] = 0
    defects = DefectMap.empty(32, 32)
    defects.dead[10] = True
    np.testing.assert_array_equal(repair(broken, defects), frame)


def test_repair_reaches_across_a_large_hole():
    frame = np.full((40, 40), 3000, np.uint16)
    frame[5:35, 5:35] = 0
    defects = DefectMap.empty(40, 40)
    defects.dead[5:35, 5:35] = True
    assert (repair(frame, defects) == 3000).all()


def test_repair_of_temperatures_ignores_unknown_neighbours():
    kelvin = np.full((9, 9), 300, np.float32)
    kelvin[4, 4], kelvin[3, 3] = 9000, np.nan
    defects = DefectMap.empty(9, 9)
    defects.hot[4, 4] = True
    repaired = repair(kelvin, defects)
    assert repaired.dtype == np.float32
    assert repaired[4, 4] == 300
    assert np.isnan(repaired[3, 3])


def test_repair_takes_every_layout():
    frames, true = with_defects(static(8), 8)
    expected = repair(frames[0], true)
    frozen = frames[0].copy()
    frozen.flags.writeable = False
    for same in (frozen, frames[0].astype(">u2"), np.asfortranarray(frames[0])):
        np.testing.assert_array_equal(repair(same, true), expected)


@pytest.mark.parametrize(
    ("values", "bad", "error", "match"),
    [
        (np.zeros((4, 5), np.uint16), np.zeros((4, 4), bool), ShapeError, "before cropping"),
        (np.zeros((4, 4), np.int32), np.zeros((4, 4), bool), UnitError, "got int32"),
        (np.zeros((4, 4), np.uint16), np.ones((4, 4), bool), CalibrationError, "all 16 pixels"),
    ],
)
def test_repair_refuses(values, bad, error, match):
    with pytest.raises(error, match=match):
        repair(values, DefectMap(bad, np.zeros_like(bad), np.zeros_like(bad)))


# -- maps ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".png", ".npy", ".PNG"])
def test_a_map_comes_back_from_disk(tmp_path, suffix, rng):
    defects = DefectMap(*(rng.random((3, 20, 30)) < 0.2))
    path = tmp_path / f"new/map{suffix}"
    save_defects(path, defects)
    again = load_defects(path)
    for kind in KINDS:
        np.testing.assert_array_equal(getattr(again, kind), getattr(defects, kind))
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_union_keeps_both():
    left, right = DefectMap.empty(8, 9), DefectMap.empty(8, 9)
    left.dead[1, 1] = right.hot[1, 1] = right.flickering[2, 2] = True
    both = left.union(right)
    assert (both.count, bool(both.dead[1, 1]), bool(both.hot[1, 1])) == (2, True, True)
    assert repr(both) == "DefectMap(9x8: 1 dead, 1 hot, 1 flickering)"
    with pytest.raises(ShapeError, match="other must be"):
        left.union(DefectMap.empty(9, 8))


def test_a_map_checks_its_masks():
    good = np.zeros((4, 4), bool)
    with pytest.raises(UnitError, match="hot must be bool, got uint8"):
        DefectMap(good, good.astype(np.uint8), good)
    with pytest.raises(ShapeError, match="flickering must be"):
        DefectMap(good, good, good[:3])
    with pytest.raises(ShapeError, match="dead must be"):
        DefectMap(good[0], good[0], good[0])


def test_other_suffixes_are_refused(tmp_path):
    with pytest.raises(WriteError, match=r"written as .png or .npy, got 'map.jpg'"):
        save_defects(tmp_path / "map.jpg", DefectMap.empty(8, 8))


def test_load_refuses_what_is_no_map(tmp_path):
    with pytest.raises(ReadError, match="no defect map at"):
        load_defects(tmp_path / "absent.png")
    good = tmp_path / "good.png"
    save_defects(good, DefectMap.empty(64, 64))
    cases = {
        "cut.png": good.read_bytes()[:40],
        "empty.npy": b"",
        "text.png": b"no picture",
        "text.npy": b"no array",
    }
    for name, content in cases.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ReadError, match="cannot be read as a defect map"):
            load_defects(tmp_path / name)
    np.save(tmp_path / "float.npy", np.zeros((4, 4)))
    with pytest.raises(ReadError, match=r"expected \(H, W\) uint8"):
        load_defects(tmp_path / "float.npy")
    np.save(tmp_path / "picture.npy", np.full((4, 4), 7, np.uint8))
    with pytest.raises(ReadError, match="sums of 32, 64 and 128"):
        load_defects(tmp_path / "picture.npy")


def test_load_never_unpickles(tmp_path):
    np.save(tmp_path / "objects.npy", np.array([{"a": 1}], object), allow_pickle=True)
    with pytest.raises(ReadError, match="cannot be read as a defect map"):
        load_defects(tmp_path / "objects.npy")


# -- real ----------------------------------------------------------------------------------------


@pytest.mark.real
def test_the_same_pixels_of_a_real_sensor_are_dead_at_every_temperature(real_data):
    paths = sorted(real_data.glob("raw/uncooled_fpa_temp/*.raw"))
    frames = np.stack(
        [np.fromfile(p, "<u2", offset=24, count=640 * 480).reshape(480, 640) for p in paths]
    )
    single = np.stack([find_defects(frame).bad for frame in frames])
    together = find_defects(frames)
    assert single.all(axis=0).sum() >= 10  # in each of eight frames from -32 to 57 degrees
    assert single.any(axis=0).sum() <= 20
    assert 15 <= together.count <= 40
    assert not (single.all(axis=0) & ~together.bad).any()
    assert [find_defects(frame).count for frame in repair(frames, together)] == [0] * 8
