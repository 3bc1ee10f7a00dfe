"""MS2 on hand-made sequences of small pictures, and of true size where a crop needs it."""

import numpy as np
import pytest

from thermoscope.core.errors import (
    ConfigError,
    DatasetCorruptError,
    DatasetNotFoundError,
    UnknownNameError,
)
from thermoscope.core.sample import check_sample
from thermoscope.data.ms2 import LISTS, RETRIEVAL_SEQUENCES, ms2

DAY, NIGHT = LISTS["test_day"][0], LISTS["test_night"][1]
FOCAL_PX, BASELINE_M = 400.0, 0.3


def write_sequence(root, save, name, frames, *, shape=(4, 6)):
    sync, depth = root / "sync_data" / name, root / "proj_depth" / name / "thr"
    for number in range(frames):
        for side in ("left", "right"):
            save(
                sync / f"thr/img_{side}/{number:06d}.png", shape=shape, value=number, dtype="uint16"
            )
            for band in ("rgb", "nir"):
                value = 100 if band == "nir" else number
                save(sync / band / f"img_{side}/{number:06d}.png", shape=(8, 16, 3), value=value)
        levels = np.zeros(shape, np.uint16)
        levels[0] = 10 * 256  # 10 m in the first row, nothing below
        save(depth / f"depth_filtered/{number:06d}.png", levels)
        save(depth / f"depth/{number:06d}.png", levels // 2)
        pose = f"1 0 0 {number}\n0 1 0 0\n0 0 1 0\n0 0 0 1"
        texts = {
            sync / f"gps_imu/data/{number:06d}.txt": f"127.36 {36.37 + number * 1e-5} 70.0",
            root / f"odom/{name}/thr/{number:06d}.txt": pose,
        }
        for path, text in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    times = "\n".join(f"{1628216623 + number * 0.1:.6f}" for number in range(frames))
    (sync / "thr/img_left_timestamp.txt").write_text(times)
    K, still = np.array([[FOCAL_PX, 0, 3], [0, FOCAL_PX, 2], [0, 0, 1]]), np.eye(3)
    stored = {f"K_{band}L": K for band in ("thr", "rgb", "nir")}
    for pair in ("thrR", "nir2thr", "nir2rgb"):
        stored |= {f"R_{pair}": still, f"T_{pair}": np.array([-1000 * BASELINE_M, 0, 0])}
    np.save(sync / "calib.npy", np.array(stored, dtype=object), allow_pickle=True)


@pytest.fixture
def root(tmp_path, save):
    write_sequence(tmp_path, save, DAY, 12)
    write_sequence(tmp_path, save, NIGHT, 9)
    (tmp_path / "test_day_list.txt").write_text(DAY)  # no newline at the end
    (tmp_path / "test_night_list.txt").write_text(f"{NIGHT}\n\n")
    (tmp_path / "test_rainy_list.txt").write_text("")
    return tmp_path


def test_a_sample_has_metric_stereo(root):
    sample = ms2(root, split="test_day")[3]
    check_sample(sample)
    assert {int(sample[k].max()) for k in ("counts", "counts_right")} == {3}
    assert float(sample["rgb"].max()) == float(sample["rgb_right"].max()) == np.float32(3 / 255)
    np.testing.assert_array_equal(np.unique(sample["depth"]), [0, 10])
    # 400 px x 0.3 m / 10 m
    np.testing.assert_array_equal(np.unique(sample["disparity"]), [0, 12])
    np.testing.assert_array_equal(sample["valid"], sample["depth"] > 0)
    assert (sample["K"][0, 0], sample["baseline_m"]) == (FOCAL_PX, BASELINE_M)
    assert sample["T_world_camera"][0, 3] == 3
    assert sample["t_ns"] == 1_628_216_623_300_000_000
    assert "position_m" not in sample


def test_no_list_loses_its_last_line_and_no_step_its_last_frame(root):
    data = ms2(root, split="test")
    assert len(data) == 21
    assert data.item(20).name == f"{NIGHT}/000008"
    assert [data.item(i).time_of_day for i in (0, 20)] == ["day", "night"]
    tenth = ms2(root, split="test", protocol="benchmark")
    # every tenth of the 21 joined frames: 0, 10, 20
    wanted = [f"{DAY}/000000", f"{DAY}/000010", f"{NIGHT}/000008"]
    assert [tenth.item(i).name for i in range(3)] == wanted
    assert len(tenth) == 3
    assert len(ms2(root, split="test_night", every=4)) == 3
    (root / "val_list.txt").write_text(NIGHT)
    assert len(ms2(root, split="val", protocol="benchmark")) == 3  # every third of 9


def test_depth_and_colour_are_chosen_by_name(root):
    raw = ms2(root, split="test_day", depth="raw", colour="nir")[0]
    assert float(raw["depth"].max()) == 5.0
    assert np.unique(raw["rgb"]).tolist() == [np.float32(100 / 255)]
    np.testing.assert_allclose(raw["T_thermal_rgb"][0, 3], -BASELINE_M)
    bare = ms2(root, split="test_day", depth="none", colour="none", stereo=False)[0]
    assert not {"depth", "disparity", "valid", "rgb", "counts_right"} & set(bare)
    with pytest.raises(DatasetNotFoundError, match="depth_multi is no folder"):
        ms2(root, split="test_day", depth="multi")


def test_retrieval_protocol(tmp_path, save):
    for name in RETRIEVAL_SEQUENCES:
        write_sequence(tmp_path, save, name, 11, shape=(256, 640))
    data = ms2(tmp_path, split="val", protocol="retrieval")
    assert [data.item(i).name[-6:] for i in range(8)] == ["000000", "000010"] * 4
    sample = data[1]
    check_sample(sample)
    assert (sample["counts"].shape, sample["rgb"].shape) == ((1, 212, 578), (3, 212, 578))
    assert "depth" not in sample
    assert sample["K"][:2, 2].tolist() == [3 - 28, 2 - 9]
    # ten steps of 1e-5 degrees along a meridian of 111 km a degree, both drives from one place
    first, second, other = (np.array(data.item(i).position_m) for i in (0, 1, 2))
    assert np.linalg.norm(second - first) == pytest.approx(11.1, abs=0.05)
    assert np.linalg.norm(other - first) == 0
    assert data.item(2).index - data.item(1).index == 1000
    with pytest.raises(ConfigError, match="retrieval protocol of MS2 has the split 'val' alone"):
        ms2(tmp_path, split="train", protocol="retrieval")


def test_the_two_orders_of_coordinates(root):
    either = ms2(root, split="test_day", positions=True).item(0).position_m
    (root / f"sync_data/{DAY}/gps_imu/data/000000.txt").write_text("36.37, 127.36, 70.0")
    assert ms2(root, split="test_day", positions=True).item(0).position_m == either
    (root / f"sync_data/{DAY}/gps_imu/data/000000.txt").write_text("no fix")
    with pytest.raises(DatasetCorruptError, match="must begin with longitude and latitude"):
        ms2(root, split="test_day", positions=True)


def test_frames_without_partner_are_reported(root):
    (root / f"sync_data/{DAY}/thr/img_right/000005.png").unlink()
    (root / f"sync_data/{DAY}/calib.npy").unlink()
    (root / f"odom/{DAY}/thr/000000.txt").unlink()
    data = ms2(root, split="test_day")
    assert len(data) == 11
    text = "\n".join(data.findings)
    assert "thermal: 1 of 12 files have no partner (000005)" in text
    assert "has no calib.npy: neither disparity nor cameras are known" in text
    assert not {"disparity", "K", "T_world_camera"} & set(data[0])


def test_lists_and_settings_that_are_wrong(root):
    (root / "test_rainy_list.txt").unlink()
    with pytest.raises(DatasetNotFoundError, match=r"16-19-00/thr/img_left is not there"):
        ms2(root, split="test_rainy")  # the official names are known without the file
    with pytest.raises(UnknownNameError, match="unknown split 'testday'. Did you mean 'test_day'"):
        ms2(root, split="testday")
    with pytest.raises(UnknownNameError, match="unknown depth 'clean'"):
        ms2(root, depth="clean")
    with pytest.raises(UnknownNameError, match="unknown protocol 'bench'. Did you mean 'bench"):
        ms2(root, protocol="bench")
    with pytest.raises(ConfigError, match="every must be at least 1, got 0"):
        ms2(root, every=0)
    with pytest.raises(DatasetNotFoundError, match=r"sync_data/sync_data is not .*MS2-Multi"):
        ms2(root / "sync_data")


def test_damaged_files(root, save):
    data = ms2(root, split="test_day")
    save(root / f"proj_depth/{DAY}/thr/depth_filtered/000000.png", shape=(4, 6))
    with pytest.raises(DatasetCorruptError, match=r"\(4, 6\) uint8; expected \(H, W\) uint16"):
        data[0]
    path = root / f"sync_data/{DAY}/thr/img_left/000001.png"
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(DatasetCorruptError, match=r"img_left/000001.png"):
        data[1]
    (root / f"odom/{DAY}/thr/000002.txt").write_text("1 0 0 0")
    with pytest.raises(DatasetCorruptError, match=r"holds \(1, 4\) numbers; expected a 4x4 pose"):
        data[2]
    times = root / f"sync_data/{DAY}/thr/img_left_timestamp.txt"
    times.write_text("soon\n" * 12)
    with pytest.raises(DatasetCorruptError, match="must hold seconds, a row a frame"):
        ms2(root, split="test_day")
    times.write_text("1.0\n")
    with pytest.raises(DatasetCorruptError, match="has 1 rows for 12 frames"):
        ms2(root, split="test_day")
