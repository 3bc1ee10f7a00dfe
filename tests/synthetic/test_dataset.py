"""Rendered samples by index: the contract, exactness, determinism, splits, cache."""

import gc
import itertools
import multiprocessing
import weakref
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from thermoscope.core.errors import (
    ConfigError,
    DatasetCorruptError,
    DatasetNotFoundError,
    UnknownNameError,
    WriteError,
)
from thermoscope.core.sample import FIELDS, check_sample
from thermoscope.geometry.camera import Camera
from thermoscope.geometry.pose import check_pose
from thermoscope.geometry.stereo import (
    depth_from_disparity,
    points_from_depth,
)
from thermoscope.synthetic.cache import Recent, load_sample, save_sample
from thermoscope.synthetic.dataset import WORLDS_KEPT, Scenes
from thermoscope.synthetic.families import hour_of, place_seed
from thermoscope.synthetic.rig import rig_preset

TINY = Scenes(environment="urban", preset="tiny", count=24, frames_per_scene=4)
CLEAN = replace(TINY, noise=False)
ROOMS = replace(TINY, environment="indoor")  # built in a fraction of the time


def same(a, b):
    assert a.keys() == b.keys()
    for key in a:
        np.testing.assert_array_equal(a[key], b[key], err_msg=key)


# -- the contract --------------------------------------------------------------------------------


def test_a_sample_has_every_key_that_a_rendered_instant_can_have():
    sample = TINY[0]
    check_sample(sample)
    absent = {"agc", "thermal", "thermal_right", "row_offset_px"}  # made by others
    assert set(FIELDS) - set(sample) == absent
    assert sample["counts"].shape == (1, 64, 80)
    assert sample["rgb"].shape == (3, 50, 80)
    assert 0 <= sample["rgb"].min() <= sample["rgb"].max() <= 1


@pytest.mark.parametrize("index", [0, 5])
def test_identities_of_depth_disparity_and_pose(index):
    sample = TINY[index]
    depth, sky = sample["depth"], np.isinf(sample["depth"])
    assert sample["valid"].all()
    np.testing.assert_array_equal(sample["disparity"][sky], 0.0)
    again, known = depth_from_disparity(
        sample["disparity"], focal_px=sample["K"][0, 0], baseline_m=sample["baseline_m"]
    )
    np.testing.assert_array_equal(known, ~sky)
    np.testing.assert_allclose(again[known], depth[known], rtol=3e-7)
    np.testing.assert_array_equal(np.isnan(sample["kelvin"]), sky)
    for key in ("T_left_right", "T_thermal_rgb", "T_world_camera"):
        check_pose(sample[key])
    np.testing.assert_array_equal(sample["T_world_camera"][:3, 3], sample["position_m"])
    np.testing.assert_allclose(sample["T_left_right"][:3, 3], [sample["baseline_m"], 0, 0])


def test_labels_depth_and_kelvin_share_their_edges():
    sample = replace(TINY, taxonomy="fine")[2]
    sky = np.isinf(sample["depth"])
    np.testing.assert_array_equal(sample["labels"] == 0, sky)  # 0 is the sky of "fine"
    np.testing.assert_array_equal(np.isnan(sample["kelvin"]), sky)


# -- lenses and noise ------------------------------------------------------------------------------


def test_distorted_samples_state_the_pose_of_the_lens_and_no_disparity():
    sample = replace(CLEAN, lens="distorted")[0]
    check_sample(sample)
    assert "disparity" not in sample
    pair = CLEAN.rig.thermal
    np.testing.assert_array_equal(sample["K"], pair.left.K)
    np.testing.assert_allclose(sample["T_left_right"], pair.T_left_right)
    rays, _ = pair.left.unproject(pair.left.pixel_grid())
    hits = replace(CLEAN, lens="distorted").observe(0).left
    where = hits.hit.reshape(hits.shape)
    points = (rays / rays[..., 2:])[where] * sample["depth"][0][where][:, None]
    world = points @ sample["T_world_camera"][:3, :3].T + sample["T_world_camera"][:3, 3]
    np.testing.assert_allclose(world, hits.position_m.reshape(*hits.shape, 3)[where], atol=1e-3)
    with pytest.raises(ConfigError, match="disparity needs rectified views"):
        _ = replace(CLEAN, lens="distorted").observe(0).truth


def test_noise_off_drops_the_sensor_and_nothing_of_the_truth():
    noisy, clean = TINY[3], CLEAN[3]
    for key in noisy:
        if key not in {"counts", "counts_right", "rgb", "rgb_right", "imu"}:
            np.testing.assert_array_equal(noisy[key], clean[key], err_msg=key)
    assert (noisy["counts"] != clean["counts"]).mean() > 0.9
    assert np.abs(noisy["imu"] - clean["imu"])[:, 1:].max() > 0
    # Without the sensor both views have one scale: their medians agree where both see the scene.
    offset = np.median(clean["counts_right"]) - np.median(clean["counts"])
    assert abs(offset) < 40 < abs(np.median(noisy["counts_right"]) - np.median(noisy["counts"]))


def test_clean_counts_of_black_surfaces_are_their_kelvin():
    seen = CLEAN.observe(0)
    apparent = seen.thermal_camera("left").kelvin_from_counts(seen.counts)
    gap = (apparent - seen.kelvin)[np.isfinite(seen.kelvin)]
    assert np.median(np.abs(gap)) < 3.0  # K: emissivity below 1 under a cold sky


# -- determinism ---------------------------------------------------------------------------------


def test_order_of_access_does_not_matter():
    forward = [TINY[i]["counts"] for i in (0, 1, 6, 7)]
    backward = [TINY[i]["counts"] for i in (7, 6, 1, 0)][::-1]
    for one, other in zip(forward, backward, strict=True):
        np.testing.assert_array_equal(one, other)
    same(TINY[-20], TINY[4])


@pytest.mark.parametrize("method", ["spawn", "fork"])
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_worker_processes_render_the_same(method):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no {method} here")
    here = ROOMS[6]
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context(method)) as pool:
        same(pool.submit(ROOMS.__getitem__, 6).result(), here)


def test_a_process_keeps_the_last_worlds_only():
    """Worlds are tens of megabytes each: thousands must not pile up."""
    alive = []
    for index in range(0, 24, 4):
        seen = ROOMS.observe(index)
        seen.sample()
        alive.append(weakref.ref(seen._world.scene))
        del seen
    gc.collect()
    assert [ref() is not None for ref in alive] == [False] * 4 + [True] * WORLDS_KEPT


def test_shuffled_order_visits_all_and_keeps_scenes_together():
    order = TINY.shuffled(epoch=1)
    assert sorted(order) == list(range(24))
    assert order != TINY.shuffled(epoch=2)
    blocks = [i // 4 for i in order]
    assert sum(a != b for a, b in itertools.pairwise(blocks)) == 5  # 6 scenes


# -- which worlds --------------------------------------------------------------------------------


def test_splits_and_seeds_share_no_world():
    seeds = [
        replace(ROOMS, split=split, seed=seed).moment(i).place.seed
        for split in ("train", "val", "test")
        for seed in (0, 1)
        for i in range(0, 24, 4)
    ]
    assert len(set(seeds)) == len(seeds)
    assert place_seed("train", "urban", 0, 0) != place_seed("train", "aerial", 0, 0)
    regimes = {
        split: {replace(ROOMS, split=split).observe(i).conditions.regime for i in range(0, 8, 4)}
        for split in ("train", "val", "test")
    }
    assert not regimes["train"] & regimes["val"]
    assert not regimes["train"] & regimes["test"]


def test_visits_come_back_at_another_hour():
    data = replace(ROOMS, visits=2, count=48)
    first, again, elsewhere = data.observe(0), data.observe(4), data.observe(8)
    assert (first.moment.number, again.moment.number) == (0, 0)
    assert first.moment.place.seed == again.moment.place.seed
    apart = abs(first.moment.place.hour - again.moment.place.hour)
    assert 6 < min(apart, 24 - apart)
    gap = np.linalg.norm(first.T_world_camera[:3, 3] - again.T_world_camera[:3, 3])
    assert gap < 2.0
    far = np.linalg.norm(first.T_world_camera[:3, 3] - elsewhere.T_world_camera[:3, 3])
    assert far > 500.0
    assert again.t_ns - first.t_ns > 6 * 3600 * 1e9


def test_environments_take_turns_and_hours_obey():
    data = Scenes(environment=("urban", "indoor"), preset="tiny", frames_per_scene=2, hour="night")
    names = [data.moment(i).place.environment for i in range(6)]
    assert names == ["urban", "urban", "indoor", "indoor", "urban", "urban"]
    assert all(h >= 22 or h < 4 for h in (data.moment(i).place.hour for i in range(0, 40, 2)))
    assert hour_of(13.5, seed=1, visit=0) == 13.5
    assert {round(hour_of(None, seed=s, visit=0) // 6) for s in range(40)} == {0, 1, 2, 3}


def test_frames_of_a_visit_follow_the_clock_and_the_path():
    first, second = TINY.observe(0), TINY.observe(1)
    assert second.t_ns - first.t_ns == 1_000_000_000
    gap = np.linalg.norm(second.T_world_camera[:3, 3] - first.T_world_camera[:3, 3])
    assert 0.3 < gap < 12.0  # a pedestrian or a car, in one second
    imu = second.imu
    assert imu.shape == (200, 7)
    assert imu[-1, 0] * 1e9 == pytest.approx(second.t_ns, abs=5e6 + 1e3)


def test_a_closed_shutter_repeats_the_frame_and_says_so():
    data = replace(ROOMS, count=3000, frames_per_scene=3000, rate_hz=10.0)
    closed = [i for i in range(3000) if data.observe(i).ffc]
    assert 5 <= len(closed) <= 60  # half a second every two to four minutes, on each side
    run = [data.observe(closed[0] + k) for k in range(3)]
    repeated = [
        key
        for key in ("counts", "counts_right")
        if all(np.array_equal(getattr(run[0], key), getattr(other, key)) for other in run[1:])
    ]
    assert len(repeated) == 1  # each camera has a clock of its own
    after = getattr(data.observe(closed[0] + 8), repeated[0])
    assert (after != getattr(run[0], repeated[0])).mean() > 0.5
    assert not replace(data, noise=False).observe(closed[0]).ffc


# -- rigs ----------------------------------------------------------------------------------------


def test_aligned_rigs_see_colour_through_the_thermal_camera():
    rig = replace(rig_preset("tiny"), rgb=None)
    sample = replace(TINY, preset=rig)[0]
    assert sample["rgb"].shape[1:] == sample["counts"].shape[1:]
    assert "rgb_right" not in sample
    np.testing.assert_array_equal(sample["K"], sample["K_rgb"])
    with pytest.raises(ConfigError, match="has no colour pair"):
        _ = replace(TINY, preset=rig).observe(0).colour_truth


def test_colour_can_be_left_out():
    assert "rgb_right" not in replace(TINY, colour="left")[0]
    thermal_only = replace(TINY, colour="none")[0]
    assert not {"rgb", "rgb_right"} & set(thermal_only)
    np.testing.assert_array_equal(thermal_only["counts"], TINY[0]["counts"])


def test_a_shifted_pair_has_signed_disparity_with_the_sky_at_its_least():
    pair = TINY.rig.thermal
    shifted = replace(TINY.rig, thermal=replace(pair, infinity_px=-6.0))
    plain, signed = TINY[0], replace(TINY, preset=shifted)[0]
    np.testing.assert_allclose(signed["disparity"], plain["disparity"] - 6.0, atol=1e-5)
    assert signed["disparity"].min() < 0


# -- cache ---------------------------------------------------------------------------------------


def test_cache_gives_back_the_same_sample(tmp_path):
    data = replace(TINY, cache=tmp_path)
    made, kept = data[5], data[5]
    same(made, kept)
    same(made, TINY[5])
    assert type(kept["t_ns"]) is int
    assert type(kept["ffc"]) is bool
    (path,) = tmp_path.rglob("*.npz")
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DatasetCorruptError, match="is no sample.*Delete it"):
        data[5]


def test_cache_of_other_settings_is_not_used(tmp_path):
    prints = {
        replace(TINY, **change).fingerprint
        for change in ({}, {"seed": 1}, {"noise": False}, {"preset": "small"}, {"visits": 2})
    }
    assert len(prints) == 5
    assert replace(TINY, count=5, cache=tmp_path).fingerprint == TINY.fingerprint
    assert replace(TINY, preset=TINY.rig).fingerprint == TINY.fingerprint


def test_cache_errors(tmp_path):
    with pytest.raises(DatasetNotFoundError, match="no sample .*Render it again"):
        load_sample(tmp_path / "absent.npz")
    (tmp_path / "file").write_text("")
    with pytest.raises(WriteError, match="cannot write"):
        replace(TINY, cache=tmp_path / "file")[0]
    with pytest.raises(UnknownNameError, match="unknown sample key 'depht'"):
        save_sample(tmp_path / "a.npz", {"depht": np.zeros((1, 2, 2), np.float32)})


def test_recent_keeps_the_last_used():
    made = []
    recent = Recent(lambda key: made.append(key) or key * 10, 2)
    assert [recent(k) for k in (1, 2, 1, 3, 1, 2)] == [10, 20, 10, 30, 10, 20]
    assert made == [1, 2, 3, 2]
    assert len(recent) == 2
    with pytest.raises(ConfigError, match="capacity must be positive"):
        Recent(str, 0)


# -- wrong settings ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"split": "tset"}, UnknownNameError, "unknown split 'tset'. Did you mean 'test'"),
        ({"environment": "uban"}, UnknownNameError, "Did you mean 'urban'"),
        ({"environment": ()}, ConfigError, "environment is empty"),
        ({"taxonomy": "mfnt"}, UnknownNameError, "Did you mean 'mfnet'"),
        ({"weather": "foggy"}, UnknownNameError, "Did you mean 'fog'"),
        ({"preset": "smal"}, UnknownNameError, "Did you mean 'small'"),
        ({"hour": 25.0}, ConfigError, r"hour must lie in \[0, 24\], got 25"),
        ({"hour": "noon"}, ConfigError, "hour must be a number, 'day', 'night' or None"),
        ({"count": 0}, ConfigError, "count must be positive"),
        ({"seed": -1}, ConfigError, "seed must be a whole number of 0 or more"),
        ({"colour": "mono"}, ConfigError, "colour must be 'stereo', 'left' or 'none'"),
        ({"lens": "fisheye"}, ConfigError, "lens must be 'rectified' or 'distorted'"),
    ],
)
def test_wrong_settings_are_refused_at_once(change, error, text):
    with pytest.raises(error, match=text):
        replace(TINY, **change)


def test_indices_outside_are_index_errors():
    with pytest.raises(IndexError, match="sample 24 of 24"):
        TINY[24]
    with pytest.raises(IndexError, match="sample -25 of 24"):
        TINY.moment(-25)
    assert len(TINY) == 24
    assert len(list(iter(replace(TINY, count=2)))) == 2


def test_rgb_camera_is_where_the_rig_says():
    seen = CLEAN.observe(0)
    colour = Camera.from_matrix(seen.sample()["K_rgb"], width=80, height=50)
    points, known = points_from_depth(seen.colour_truth.depth, colour)
    T_world_rgb = seen.T_world_camera @ seen.rig.T_thermal_rgb
    world = points[known] @ T_world_rgb[:3, :3].T + T_world_rgb[:3, 3]
    hits = seen.colour_left.position_m.reshape(*seen.colour_left.shape, 3)[known]
    np.testing.assert_allclose(world, hits, atol=1e-3)
