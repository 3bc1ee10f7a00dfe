"""Pairs made of real texture: the forward warp, the fields, the lifting, what may be read."""

import csv

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thermoscope.core.errors import (
    ConfigError,
    DatasetCorruptError,
    DatasetNotFoundError,
    ShapeError,
)
from thermoscope.core.sample import check_sample
from thermoscope.geometry.stereo import warp_right_to_left
from thermoscope.recipes.stereo_store import pair_of
from thermoscope.synthetic.disparity_field import random_disparity
from thermoscope.synthetic.forward_warp import forward_warp, sample_rows
from thermoscope.synthetic.retexture import RealTextures, Retextured, lift_to_counts

# -- forward warp --------------------------------------------------------------------------------


def test_a_whole_pixel_shift_moves_columns():
    view = forward_warp(np.full((2, 6), 2.0))
    np.testing.assert_array_equal(view.source[0, :4], [2, 3, 4, 5])
    np.testing.assert_array_equal(view.hole[0], [False] * 4 + [True] * 2)
    np.testing.assert_array_equal(view.occluded[0], [True] * 2 + [False] * 4)
    np.testing.assert_array_equal(view.disparity_right[0], [2, 2, 2, 2, 0, 0])


def test_the_nearer_surface_wins_and_hides_what_lies_behind():
    # A post of disparity 3 in columns 5-6 before a wall of disparity 0.
    disparity = np.zeros((1, 10))
    disparity[0, 5:7] = 3.0
    view = forward_warp(disparity)
    np.testing.assert_array_equal(view.source[0, 2:4], [5, 6])  # the post, three further left
    np.testing.assert_array_equal(np.flatnonzero(view.occluded[0]), [2, 3])  # wall behind it
    np.testing.assert_array_equal(np.flatnonzero(view.hole[0]), [5, 6])  # wall it hid at left
    np.testing.assert_array_equal(view.disparity_right[0, [1, 2, 3, 4]], [0, 3, 3, 0])


def test_slanted_surfaces_have_no_cracks():
    x = np.arange(60.0)
    view = forward_warp(np.stack([0.3 * x, 20 - 0.3 * x]))
    covered = ~view.hole
    for row in covered:
        inside = np.flatnonzero(row)
        assert row[inside[0] : inside[-1] + 1].all()
    # x_right = x - 0.3 x: pixel 7 of the first row shows left column 10, disparity 3.
    assert view.source[0, 7] == pytest.approx(10.0)
    assert view.disparity_right[0, 7] == pytest.approx(3.0)


def test_a_surface_seen_from_behind_shows_nothing():
    disparity = np.array([[0.0, 0.0, 2.0, 4.0, 6.0, 6.0, 6.0, 6.0, 6.0, 6.0]])
    one_piece = np.zeros((1, 10), np.int32)
    view = forward_warp(disparity, surface=one_piece)
    steep = view.source[(view.source > 1.01) & (view.source < 3.99)]
    assert steep.size == 0


@given(seed=st.integers(0, 10_000), most=st.floats(2.0, 20.0))
def test_source_and_disparities_agree(seed, most):
    field = random_disparity(64, 24, np.random.default_rng(seed), max_disparity_px=most)
    view = forward_warp(field.disparity, surface=field.surface)
    columns = np.broadcast_to(np.arange(64.0), field.disparity.shape)
    shown = ~view.hole
    # A right pixel is where its source went; half pixels at ends of surfaces keep their column.
    landed = view.source[shown] - view.disparity_right[shown]
    assert np.abs(landed - columns[shown]).max() <= 0.5 + 1e-9
    assert field.disparity.min() >= 0
    assert field.disparity.max() <= most + 1e-9
    # What both views show has one disparity: the nearest right pixel is not nearer.
    rows, x = np.nonzero(~view.occluded)
    at = np.clip(np.rint(x - field.disparity[rows, x]).astype(int), 0, 63)
    nearest = view.disparity_right[rows, at]
    known = ~view.hole[rows, at]
    assert np.mean(np.abs(nearest - field.disparity[rows, x])[known] < 0.6) > 0.9


def test_warping_right_by_disparity_reproduces_left_outside_occlusions():
    rng = np.random.default_rng(3)
    texture = 3000 + 300 * cv2.GaussianBlur(rng.normal(size=(128, 160)), (0, 0), 4)
    for _ in range(4):
        field = random_disparity(160, 128, rng, max_disparity_px=24)
        view = forward_warp(field.disparity, surface=field.surface)
        right = sample_rows(texture, view.source)
        right[view.hole] = np.nan
        back, inside = warp_right_to_left(right, field.disparity)
        seen = inside & ~view.occluded & np.isfinite(back)
        assert seen.mean() > 0.6
        assert np.abs(back - texture)[seen].mean() < 0.5  # counts


def test_sampling_rows_is_exact_on_parabolas():
    x = np.arange(10.0)
    places = np.array([[2.25, 4.5, 7.75, np.nan]])
    got = sample_rows((x**2)[None], places)
    np.testing.assert_allclose(got, [[2.25**2, 4.5**2, 7.75**2, 0.0]])


def test_wrong_warps_and_fields():
    with pytest.raises(ShapeError, match=r"disparity must be \(H, W\) with W >= 2"):
        forward_warp(np.zeros(5))
    with pytest.raises(ConfigError, match="disparities must be finite and span"):
        forward_warp(np.array([[0.0, np.nan]]))
    rng = np.random.default_rng(0)
    with pytest.raises(ConfigError, match="cannot hold 40 px of disparity"):
        random_disparity(64, 64, rng, max_disparity_px=40)
    with pytest.raises(ConfigError, match="max_disparity_px must be positive"):
        random_disparity(64, 64, rng, max_disparity_px=0)


# -- lifting -------------------------------------------------------------------------------------


def test_lifted_levels_keep_their_order_and_fill_a_camera_like_range():
    ramp = np.tile(np.arange(256, dtype=np.uint8), (64, 1))
    for seed in range(5):
        counts = lift_to_counts(ramp, np.random.default_rng(seed))
        assert (np.diff(counts[32]) > 0).all()
        low, high = np.quantile(counts, (0.01, 0.99))
        assert 250 < high - low < 1700
        assert 2000 < low < 6000


def test_lifting_fills_the_gaps_between_levels():
    step = np.repeat(np.array([100, 101], np.uint8), 40)[None].repeat(40, 0)
    counts = lift_to_counts(step, np.random.default_rng(1))
    assert len(np.unique(np.round(counts[20], 6))) > 6  # a ramp in place of one step


def test_counts_of_16_bit_frames_stay():
    frame = np.array([[3000, 4000]], np.uint16)
    np.testing.assert_array_equal(lift_to_counts(frame, np.random.default_rng(0)), frame)


# -- the folder of real frames -------------------------------------------------------------------


def folder(tmp_path, rows):
    with (tmp_path / "splits.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["split", "source", "rgb", "thermal", "label", "environment"])
        writer.writerows(rows)
    rng = np.random.default_rng(0)
    for _, _, _, name, *_ in rows:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True, parents=True)
        noise = cv2.GaussianBlur(rng.normal(128, 400, (120, 160)), (0, 0), 5)
        cv2.imwrite(str(path), np.clip(noise, 0, 255).astype(np.uint8))
    return tmp_path


ROWS = [
    ("train", "street", "", "pairs/a.png", "", ""),
    ("train", "farm", "", "masks/b.png", "", ""),
    ("val", "street", "", "pairs/c.png", "", ""),
]


def test_only_training_rows_are_textures(tmp_path):
    data = folder(tmp_path, ROWS)
    assert RealTextures(data).paths == ("pairs/a.png", "masks/b.png")
    assert RealTextures(data, sources=("farm",)).paths == ("masks/b.png",)


def test_folders_that_cannot_give_textures(tmp_path):
    with pytest.raises(DatasetNotFoundError, match="no .*splits.csv"):
        RealTextures(tmp_path)
    data = folder(tmp_path, ROWS)
    with pytest.raises(DatasetNotFoundError, match="no training row of sea.*farm, street"):
        RealTextures(data, sources=("sea",))
    folder(tmp_path, [*ROWS, ("train", "street", "", "stereo/x.png", "", "")])
    with pytest.raises(ConfigError, match="stereo/x.png is test material"):
        RealTextures(tmp_path)
    (tmp_path / "pairs/a.png").write_bytes(b"no picture")
    with pytest.raises(DatasetCorruptError, match="no 8- or 16-bit picture"):
        RealTextures(folder_without_stereo(tmp_path), sources=("street",)).frame(0)
    (tmp_path / "pairs/a.png").unlink()
    with pytest.raises(DatasetCorruptError, match="cannot read"):
        RealTextures(tmp_path, sources=("street",)).frame(0)


def folder_without_stereo(path):
    text = (path / "splits.csv").read_text().splitlines()
    (path / "splits.csv").write_text("\n".join(t for t in text if "stereo" not in t) + "\n")
    return path


def test_samples_are_deterministic_and_keep_the_contract(tmp_path):
    data = Retextured(folder(tmp_path, ROWS), width=96, height=64, max_disparity_px=20, count=5)
    again = Retextured(data.data, width=96, height=64, max_disparity_px=20, count=5)
    for i in (3, 0, -1):
        sample = data[i]
        check_sample(sample)
        for key, value in again[i].items():
            np.testing.assert_array_equal(sample[key], value)
    assert (data[0]["counts"] != data[1]["counts"]).any()
    with pytest.raises(IndexError, match="sample 5 of 5"):
        data[5]


def steepness(picture):
    """Larger of the steps to the pixels at either side."""
    step = np.abs(np.diff(picture, axis=1))
    return np.maximum(np.pad(step, ((0, 0), (1, 0))), np.pad(step, ((0, 0), (0, 1))))


def test_what_the_left_view_does_not_see_of_the_right_one_is_unknown(tmp_path):
    data = Retextured(folder(tmp_path, ROWS), width=96, height=64, max_disparity_px=20, count=3)
    for sample in data:
        pair = pair_of(sample)
        landed = np.zeros(pair.left.shape, bool)
        rows, columns = np.mgrid[: landed.shape[0], : landed.shape[1]]
        seen = columns - pair.disparity
        for near in (np.floor(seen), np.ceil(seen)):
            inside = (near >= 0) & (near < landed.shape[1])
            landed[rows[inside], near[inside].astype(int)] = True
        assert not (pair.valid_right & ~landed).any()
        assert 0.5 < pair.valid_right.mean() < 1


def test_clean_pairs_are_exact_and_noisy_ones_differ_as_cameras_do(tmp_path):
    root = folder(tmp_path, ROWS)
    clean = Retextured(root, width=160, height=120, max_disparity_px=30, noise=False)
    noisy = Retextured(root, width=160, height=120, max_disparity_px=30)
    offsets, rows = [], []
    for i in range(6):
        sample = clean[i]
        left, right = (sample[k][0].astype(np.float64) for k in ("counts", "counts_right"))
        back, inside = warp_right_to_left(right, sample["disparity"][0])
        steep, _ = warp_right_to_left(steepness(right), sample["disparity"][0])
        smooth = inside & ~sample["occluded"][0] & (steepness(left) < 8) & (steep < 8)
        assert smooth.sum() > 500
        assert np.abs(back - left)[smooth].mean() < 1.0
        assert sample["row_offset_px"] == 0.0
        one = noisy[i]
        offsets.append(float(np.median(one["counts_right"])) - float(np.median(one["counts"])))
        rows.append(one["row_offset_px"])
    assert np.std(offsets) > 30
    assert 0 < max(map(abs, rows)) <= 1


def test_row_offset_says_where_the_right_view_lies(tmp_path):
    data = Retextured(folder(tmp_path, ROWS), width=160, height=120, max_disparity_px=8, seed=2)
    sample = max((data[i] for i in range(6)), key=lambda s: abs(s["row_offset_px"]))
    left, right = (sample[k][0].astype(np.float64) for k in ("counts", "counts_right"))
    back, inside = warp_right_to_left(right, sample["disparity"][0])
    use = inside & ~sample["occluded"][0]
    use = ~cv2.dilate((~use).astype(np.uint8), np.ones((7, 1), np.uint8)).astype(bool)
    use[:4], use[-4:] = False, False
    scores = {}
    for shift in np.arange(-1.5, 1.6, 0.25):
        rows = np.arange(120.0) + shift
        moved = np.stack([np.interp(rows, np.arange(120.0), column) for column in back.T], 1)
        residual = (moved - left)[use]
        scores[shift] = np.std(residual - np.median(residual))
    assert min(scores, key=scores.get) == pytest.approx(sample["row_offset_px"], abs=0.3)


def test_fields_of_rendered_scenes_carry_the_texture(tmp_path):
    class Steps:
        def __len__(self):
            return 2

        def __getitem__(self, i):
            field = np.full((1, 64, 96), 3.0 + i, np.float32)
            field[:, 20:40, 30:60] = 9.0
            return {"disparity": field}

    data = Retextured(folder(tmp_path, ROWS), width=96, height=64, fields=Steps(), noise=False)
    np.testing.assert_array_equal(data[1]["disparity"], Steps()[1]["disparity"])
    # The plate of 9 px hides six columns of the wall of 3 px at its left.
    hidden = np.flatnonzero(data[0]["occluded"][0, 30])
    np.testing.assert_array_equal(hidden[hidden > 10], np.arange(24, 30))
    wrong = Retextured(data.data, width=64, height=64, fields=Steps())
    with pytest.raises(ConfigError, match="fields give 96x64 px, expected 64x64"):
        wrong[0]


@pytest.mark.real
def test_real_textures_make_pairs(real_data):
    data = Retextured(real_data, count=4)
    sample = data[2]
    check_sample(sample)
    low, high = np.quantile(sample["counts"], (0.01, 0.99))
    assert 100 < high - low < 4000
    assert not any("stereo" in path for path in data.textures.paths)
