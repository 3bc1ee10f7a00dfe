"""Layouts on disk: trees, formats and values, and rendering that goes on where it stopped."""

import json
import resource
from dataclasses import replace

import cv2
import numpy as np
import pytest
from tests.synthetic.box_world import box_world

from thermoscope.core.errors import ConfigError, UnknownNameError, WriteError
from thermoscope.geometry.pose import check_pose, from_quaternion
from thermoscope.synthetic.cache import load_sample
from thermoscope.synthetic.families import Moment, Place
from thermoscope.synthetic.labels import TAXONOMIES
from thermoscope.synthetic.layouts import LAYOUTS, RenderPlan, render_layout
from thermoscope.synthetic.layouts.cats import comma_rows
from thermoscope.synthetic.layouts.layout import Block, Entry, portions
from thermoscope.synthetic.layouts.ms2 import lidar_beams
from thermoscope.synthetic.observe import Observation, Settings
from thermoscope.synthetic.world import World


def read(path):
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert picture is not None, path
    return picture


@pytest.fixture(scope="module")
def world():
    return World(box_world(), Place("urban", 5, "train", 12.0, None, 0), lasting_s=3.0)


@pytest.fixture
def written(world, tmp_path):
    """Frames of a layout in the box world: (folder, entries, observations)."""

    def write(name, hours=("day", "day")):
        plan = RenderPlan(layout=name, preset="tiny", count=len(hours))
        layout = LAYOUTS.get(name)
        settings = Settings(
            plan.rig, layout.taxonomy, "rectified", True, "stereo", layout.rate_hz, 3.0
        )
        entries, seen, facts = [], [], []
        for i, hour in enumerate(hours):
            block = Block(f"run_{hour}", 0 if hour == "day" else 1, "train", len(hours), hour)
            entries.append(Entry(i, i, block))
            seen.append(Observation(world, Moment(world.place, 0, i, float(i)), settings))
            facts.append(layout.write(tmp_path, entries[-1], seen[-1]))
        layout.finish(tmp_path, list(zip(entries, facts, strict=True)))
        for row in facts:
            assert all((tmp_path / name).is_file() for name in row["files"])
            json.dumps(row)
        return tmp_path, seen

    return write


# -- one layout after the other ------------------------------------------------------------------


def test_npz_holds_every_key(written):
    root, seen = written("npz")
    sample = load_sample(root / "train" / "000001.npz")
    whole = seen[1].sample()
    assert sample.keys() == whole.keys()
    np.testing.assert_array_equal(sample["disparity"], whole["disparity"])
    with np.load(root / "train" / "000000.npz", allow_pickle=False) as plain:
        assert plain["counts"].dtype == np.uint16
    rows = (root / "samples.csv").read_text().splitlines()
    assert rows[0] == "file,name,environment,hour,weather"
    assert rows[1] == "train/000000.npz,urban_00000_v0_000000,urban,12.0000,clear"


def test_mfnet_has_four_channels_index_labels_and_five_lists(written):
    root, seen = written("mfnet", hours=("day", "night", "day"))
    image, labels = read(root / "images/00001N.png"), read(root / "labels/00001N.png")
    assert image.shape == (64, 80, 4)
    assert image.dtype == labels.dtype == np.uint8
    np.testing.assert_array_equal(labels, seen[1].labels[0])
    assert set(np.unique(labels)) <= set(range(9))
    red = np.rint(seen[1].rgb[0] * 255)
    np.testing.assert_array_equal(image[..., 2], red)  # OpenCV reads blue first
    hot = seen[1].counts[0] >= np.quantile(seen[1].counts, 0.99)
    assert image[..., 3][hot].min() > 200  # the fourth channel is the thermal picture
    assert (root / "train.txt").read_text() == "00000D\n00001N\n00002D\n"
    assert (root / "test_night.txt").read_text() == ""
    car = labels == 1
    np.testing.assert_array_equal(read(root / "visual/00001N.png")[car][0], [128, 0, 64])


def test_pst900_depth_has_2560_levels_a_metre(written):
    root, seen = written("pst900")
    folder = root / "train"
    names = {p.name for p in folder.iterdir()}
    assert names == {"rgb", "thermal", "thermal_raw", "depth", "labels"}
    depth = read(folder / "depth/000000.png")
    assert depth.dtype == np.uint16
    true = seen[0].truth.depth
    near = true < 25.5
    np.testing.assert_allclose(depth[near] / 2560.0, true[near], atol=0.5 / 2560 + 1e-6)
    assert not depth[true > 25.6].any()
    np.testing.assert_array_equal(read(folder / "thermal_raw/000000.png"), seen[0].counts[0])
    assert read(folder / "thermal/000000.png").dtype == np.uint8
    assert read(folder / "labels/000000.png").max() <= 4


def test_fmb_has_index_and_painted_labels(written):
    root, seen = written("fmb")
    label = read(root / "train/Label/00000.png")
    np.testing.assert_array_equal(label, seen[0].labels[0])
    assert label.max() <= 14
    colour = read(root / "train/color/00000.png")[..., ::-1]
    np.testing.assert_array_equal(colour[label == 1][0], [179, 228, 228])  # road
    np.testing.assert_array_equal(colour[label == 9][0], [66, 121, 253])  # car
    assert TAXONOMIES["fmb"].classes[9] == "car"
    assert read(root / "train/Infrared/00000.png").shape == (64, 80)


def test_cats_disparity_is_signed_text(written):
    root, seen = written("cats")
    scene = root / "CATS_Release/OUTDOOR/CARS/scene1"
    text = (scene / "gt_disparity/thermal/gt_disparity.txt").read_text().splitlines()
    disparity = np.array([[float(v) for v in row.split(",")] for row in text])
    assert disparity.shape == (64, 80)
    truth = seen[0].truth
    hidden = truth.occluded | np.isinf(truth.depth)
    np.testing.assert_array_equal(np.isnan(disparity), hidden)
    np.testing.assert_allclose(disparity[~hidden], truth.disparity[~hidden], atol=6e-5)
    assert truth.disparity.min() == pytest.approx(-80 / 16)  # the sky
    assert disparity[~hidden].min() < 0 < disparity[~hidden].max()
    low, high = map(float, (scene / "gt_disparity/thermal/disp_range.txt").read_text().split())
    assert (low, high) == pytest.approx((np.nanmin(disparity), np.nanmax(disparity)), abs=1e-3)
    filled = (scene / "gt_disparity/color/gt_disparity_interp.txt").read_text()
    assert "NaN" not in filled
    assert read(scene / "rectified/thermal/left_thermal_default.png").dtype == np.uint16
    assert read(scene / "rectified/color/right_color_default.png").shape == (50, 80, 3)
    assert (root / "CATS_Release/OUTDOOR/COURTYARD/scene1").is_dir()


def test_comma_rows():
    assert comma_rows(np.array([[1.5, np.nan], [-2.0, 0.25]])) == "1.5000,NaN\n-2.0000,0.2500\n"


def test_ms2_tree_units_and_conventions(written):
    root, seen = written("ms2")
    sync, depth, odom = (root / top / "run_day" for top in ("sync_data", "proj_depth", "odom"))
    thermal = read(sync / "thr/img_left/000000.png")
    assert thermal.dtype == np.uint16
    np.testing.assert_array_equal(thermal, seen[0].counts[0])
    assert read(sync / "rgb/img_right/000001.png").shape == (50, 80, 3)
    levels, true = read(depth / "thr/depth_filtered/000000.png"), seen[0].truth.depth
    known = np.isfinite(true)
    np.testing.assert_allclose(levels[known] / 256.0, true[known], atol=0.5 / 256 + 1e-5)
    assert not levels[~known].any()
    sparse = read(depth / "thr/depth/000000.png")
    assert 0 < (sparse > 0).mean() < 0.5 * (levels > 0).mean()
    np.testing.assert_array_equal(sparse[sparse > 0], levels[sparse > 0])
    calibration = np.load(sync / "calib.npy", allow_pickle=True).item()
    pair = seen[0].rig.thermal
    assert calibration["T_thrR"].ravel() == pytest.approx([-1000 * pair.baseline_m, 0, 0])
    np.testing.assert_allclose(calibration["K_thrL"], pair.rectified.K)
    # Near-infrared stands where colour does: thermal to colour through it is the rig's own pose.
    T = np.eye(4)
    T[:3, :3], T[:3, 3] = calibration["R_nir2thr"], calibration["T_nir2thr"].ravel() / 1000
    np.testing.assert_allclose(T, seen[0].rig.T_thermal_rgb, atol=1e-12)
    pose = np.loadtxt(odom / "thr/000001.txt")
    np.testing.assert_array_equal(check_pose(pose), seen[1].T_world_camera)
    assert len(np.loadtxt(sync / "gps_imu/data/000000.txt")) == 3
    stamps = (sync / "thr/img_left_timestamp.txt").read_text().splitlines()
    assert float(stamps[1]) - float(stamps[0]) == pytest.approx(1.0)


def test_ms2_lidar_beams_are_rows_of_equal_elevation():
    K = np.array([[400.0, 0, 320], [0, 400.0, 128], [0, 0, 1]])
    beams = lidar_beams(K, (256, 640))
    assert 0.1 < beams.mean() < 0.4
    rows = np.flatnonzero(beams[:, 320])
    degrees = np.degrees(np.arctan((rows - 128) / 400.0))
    nearest = np.arange(-24.8, 2.01, 0.42)
    assert np.abs(-degrees[:, None] - nearest).min(axis=1).max() < 0.05


def test_tartanrgbt_loader_naming(written):
    root, seen = written("tartanrgbt", hours=("day",) * 11)
    run = root / "run_day"
    assert len(list((run / "thermal_left_rect_8").iterdir())) == 11
    colour = sorted(p.name for p in (run / "rgb_in_thermal").iterdir())
    assert colour == ["00000000_rgb_in_thermal.png", "00000010_rgb_in_thermal.png"]
    assert read(run / "rgb_in_thermal" / colour[0]).shape == (64, 80, 3)
    assert read(run / "thermal_left_rect_8/00000003.png").dtype == np.uint8
    flags = (run / "thermal_left_ffc/data.txt").read_text().split()
    assert flags == [str(int(s.ffc)) for s in seen]
    poses = np.load(run / "odometry/poses.npy", allow_pickle=False)
    assert poses.shape == (11, 8)
    pose = from_quaternion(poses[4, 4:], poses[4, 1:4])
    np.testing.assert_allclose(pose, seen[4].T_world_camera, atol=1e-9)
    stamps = (run / "target_timestamps.txt").read_text().split()
    assert [int(s) for s in stamps] == [s.t_ns for s in seen]


def test_tartanrgbt_download_naming(written):
    root, _ = written("tartanrgbt_download", hours=("day", "day"))
    run = root / "run_day"
    names = [p.name for p in sorted((run / "RGB_aligned_with_thermal").iterdir())]
    assert names == ["00000000.png", "00000010.png"]
    assert len(list((run / "thermal_left_rect_8").iterdir())) == 2


# -- plans ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", list(LAYOUTS))
@pytest.mark.parametrize("count", [1, 7, 200])
def test_plans_have_as_many_frames_as_asked_for(layout, count):
    entries = RenderPlan(layout=layout, count=count, preset="tiny").entries()
    per_frame = 10 if layout == "tartanrgbt" else 1
    assert len(entries) == count * per_frame
    assert [e.number for e in entries] == list(range(len(entries)))
    for block in {e.block for e in entries}:
        indices = [e.index for e in entries if e.block == block]
        assert indices == list(range(block.count))


def test_plans_follow_the_shares_of_the_data_set():
    blocks = [e.block for e in RenderPlan(layout="mfnet", count=80).entries()]
    assert [sum(b.split == s for b in blocks) for s in ("train", "val", "test")] == [40, 20, 20]
    assert sum(b.hour == "night" for b in blocks) == 40
    rainy = [e.block for e in RenderPlan(layout="ms2", count=10).entries() if e.block.weather]
    assert {b.weather for b in rainy} == {"rain"}
    assert {b.split for b in rainy} == {"test"}
    only = RenderPlan(layout="fmb", count=5, split="val").entries()
    assert {e.block.split for e in only} == {"val"}
    assert portions(3, {"a": 1, "b": 1, "c": 98}) == {"a": 1, "b": 1, "c": 1}


def test_aligned_layouts_drop_the_colour_pair():
    assert RenderPlan(layout="mfnet", preset="small").rig.rgb is None
    assert RenderPlan(layout="ms2", preset="small").rig.rgb is not None
    assert RenderPlan(layout="cats").rig.thermal.infinity_px == -40


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"layout": "msw2"}, UnknownNameError, "unknown layout 'msw2'. Did you mean 'ms2'"),
        ({"taxonomy": "mfent"}, UnknownNameError, "unknown taxonomy 'mfent'. Did you mean"),
        ({"environment": "urban,indor"}, UnknownNameError, "Did you mean 'indoor'"),
        ({"preset": "ms"}, UnknownNameError, "Did you mean 'ms2'"),
        ({"split": "tran"}, UnknownNameError, "Did you mean 'train'"),
        ({"count": 0}, ConfigError, "count must be positive"),
        ({"seed": -3}, ConfigError, "seed must be a whole number"),
    ],
)
def test_wrong_plans_fail_before_anything_is_rendered(change, error, text):
    with pytest.raises(error, match=text):
        replace(RenderPlan(layout="mfnet"), **change)


# -- rendering, stopping, going on ---------------------------------------------------------------

PLAN = RenderPlan(layout="npz", environment="indoor", count=4, preset="tiny")


def files_of(folder):
    return {
        str(p.relative_to(folder)): p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_file() and p.name != ".scenes_done.jsonl"
    }


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rendered")
    told = []
    assert render_layout(folder, PLAN, progress=lambda *step: told.append(step)) == 4
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    return folder


def test_a_second_run_renders_nothing(rendered):
    before = {p: p.stat().st_mtime_ns for p in rendered.rglob("*.npz")}
    assert render_layout(rendered, PLAN) == 0
    assert before == {p: p.stat().st_mtime_ns for p in rendered.rglob("*.npz")}


def test_a_full_disk_stops_with_a_clear_error_and_the_same_call_goes_on(rendered, tmp_path):
    def fill_up(done, total):
        if done == 2:  # from now on no file may grow beyond 20 kB, as on a full disk
            resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        with pytest.raises(WriteError, match=r"Stopped with 2 of 4 frames complete: make room"):
            render_layout(tmp_path, PLAN, progress=fill_up)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert len(list(tmp_path.rglob("*.npz"))) == 2
    assert not list(tmp_path.rglob(".0*"))  # no half-written file is left
    assert render_layout(tmp_path, PLAN) == 2
    assert files_of(tmp_path) == files_of(rendered)


def test_torn_journal_and_deleted_files_are_rendered_again(rendered, tmp_path):
    for name, content in files_of(rendered).items():
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_bytes(content)
    journal = (rendered / ".scenes_done.jsonl").read_text().splitlines()
    (tmp_path / ".scenes_done.jsonl").write_text("\n".join([*journal[:3], journal[3][:30]]))
    (tmp_path / "train/000001.npz").unlink()
    assert render_layout(tmp_path, PLAN) == 2
    assert files_of(tmp_path) == files_of(rendered)


def test_other_settings_do_not_mix_into_a_folder(rendered):
    with pytest.raises(ConfigError, match="render with other settings: seed 0 instead of 1"):
        render_layout(rendered, replace(PLAN, seed=1))
    with pytest.raises(ConfigError, match="noise True instead of False"):
        render_layout(rendered, replace(PLAN, noise=False))


def test_folders_that_cannot_be_used(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(WriteError, match="cannot write"):
        render_layout(tmp_path / "file" / "inside", PLAN)
    (tmp_path / "scenes.json").write_text("[1]")
    with pytest.raises(ConfigError, match="no manifest of a render"):
        render_layout(tmp_path, PLAN)
    with pytest.raises(ConfigError, match="workers must be positive"):
        render_layout(tmp_path, PLAN, workers=0)


@pytest.mark.slow
def test_workers_write_the_same_files(tmp_path):
    plan = replace(PLAN, layout="ms2", count=10)
    assert render_layout(tmp_path / "one", plan) == 10
    assert render_layout(tmp_path / "two", plan, workers=2) == 10
    assert files_of(tmp_path / "one") == files_of(tmp_path / "two")
