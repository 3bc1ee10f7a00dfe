"""TartanRGBT on hand-made runs in both namings."""

import numpy as np
import pytest

from thermoscope.core.errors import (
    ConfigError,
    DatasetCorruptError,
    DatasetNotFoundError,
    UnknownNameError,
)
from thermoscope.core.sample import check_sample
from thermoscope.data.tartanrgbt import tartanrgbt

FRAMES = 31
START_NS = 1_755_820_800_000_000_000
STEP_NS = 100_000_000


def poses(numbers):
    rows = [[START_NS + n * STEP_NS, n, 0, 0, 0, 0, 0, 1] for n in numbers]
    return np.array(rows, np.float64)


def write_run(run, save, *, download=False, tables_of_all=False, closed=(10,)):
    """Frames 0 to 30, colour every tenth; the download keeps every tenth of all."""
    stored = range(0, FRAMES, 10) if download else range(FRAMES)
    rows = range(FRAMES) if tables_of_all else stored
    for number in stored:
        save(run / f"thermal_left_rect_8/{number:08d}.png", value=number)
    for number in range(0, FRAMES, 10):
        colour = ("RGB_aligned_with_thermal", "") if download else ("rgb_in_thermal",) * 2
        name = f"{number:08d}{'_' + colour[1] if colour[1] else ''}.png"
        save(run / colour[0] / name, shape=(4, 6, 3), value=number)
        save(run / f"thermal_right_rect_8/{number:08d}.png", value=number + 1)
    for table, lines in (
        ("thermal_left_ffc/data.txt", [int(n in closed) for n in rows]),
        ("target_timestamps.txt", [START_NS + n * STEP_NS for n in rows]),
    ):
        (run / table).parent.mkdir(parents=True, exist_ok=True)
        (run / table).write_text("\n".join(map(str, lines)))  # no last newline
    (run / "odometry").mkdir()
    np.save(run / "odometry/poses.npy", poses(rows))
    return run


@pytest.fixture
def root(tmp_path, save):
    write_run(tmp_path / "day1/frick_park_1", save)
    write_run(tmp_path / "day2/campus_2", save, download=True)
    write_run(tmp_path / "day2/odd_3", save, download=True, tables_of_all=True, closed=(30,))
    return tmp_path


def names(data):
    return [data.item(i).name for i in range(len(data))]


def test_both_namings_give_the_same_pairs_without_closed_shutter(root):
    data = tartanrgbt(root, split="all")
    stems = {}
    for name in names(data):
        run, _, stem = name.rpartition("/")
        stems.setdefault(run, []).append(int(stem))
    assert stems == {
        "day1/frick_park_1": [0, 20, 30],
        "day2/campus_2": [0, 20, 30],
        "day2/odd_3": [0, 10, 20],  # its tables count all frames: row 30 is the closed one
    }
    for item, sample in zip(map(data.item, range(9)), data, strict=True):
        check_sample(sample)
        number = int(item.name[-8:])
        assert int(sample["agc"].max()) == number == round(float(sample["rgb"].max()) * 255)
        assert float(sample["thermal_right"].max()) == pytest.approx((number + 1) / 255)
        assert sample["T_world_camera"][0, 3] == number
        assert sample["t_ns"] == START_NS + number * STEP_NS
        assert not sample["ffc"]
    assert [data.item(i).environment for i in (0, 3, 6)] == ["park", "urban", ""]
    assert data.item(3).index - data.item(2).index == 1000


def test_what_is_left_out_is_said(root):
    data = tartanrgbt(root, split="all")
    assert "day1/frick_park_1: 1 frames with the shutter closed are left out" in data.findings
    kept = tartanrgbt(root, split="all", keep_ffc=True, stereo=False)
    assert (len(kept), kept[1]["ffc"]) == (12, True)
    assert "thermal_right" not in kept[0]


def test_runs_come_from_a_list_once_each(root):
    (root / "val_runs.txt").write_text("campus_2\nday2/campus_2\nday1/frick_park_1")
    data = tartanrgbt(root, split="val")
    assert [data.item(i).sequence for i in (0, 3)] == ["day2/campus_2", "day1/frick_park_1"]
    assert (len(data), data.findings[0]) == (6, "listed twice, read once: day2/campus_2")
    assert len(tartanrgbt(root / "day2", runs=["odd_3"])) == 3  # one day as the root


def test_runs_that_are_not_there(root):
    with pytest.raises(DatasetNotFoundError, match="the release does not say which runs are for"):
        tartanrgbt(root)
    with pytest.raises(DatasetNotFoundError, match=r"has no run mill19. Runs here: day1/frick"):
        tartanrgbt(root, runs=["mill19"])
    with pytest.raises(ConfigError, match="runs names no run"):
        tartanrgbt(root, runs=[])
    with pytest.raises(UnknownNameError, match="unknown split 'valid'"):
        tartanrgbt(root, split="valid")
    with pytest.raises(DatasetNotFoundError, match=r"thermal_left_rect_8 is not there.*rgb_in_th"):
        tartanrgbt(root / "day1/frick_park_1/odometry", split="all")


def test_poses_are_found_by_time_where_rows_are_missing(root):
    table = root / "day1/frick_park_1/odometry/poses.npy"
    np.save(table, poses(range(0, 25))[::-1])
    data = tartanrgbt(root, runs=["frick_park_1"])
    assert data[1]["T_world_camera"][0, 3] == 20
    assert "T_world_camera" not in data[2]  # frame 30 is 0.6 s after the last pose
    table.unlink()
    assert "T_world_camera" not in tartanrgbt(root, runs=["frick_park_1"])[1]


def test_damaged_tables(root):
    run = root / "day1/frick_park_1"
    (run / "thermal_left_ffc/data.txt").write_text("0\n1\n")
    with pytest.raises(DatasetCorruptError, match=r"data.txt has 2 rows for 31 frames numbered up"):
        tartanrgbt(root, split="all")
    (run / "thermal_left_ffc/data.txt").write_text("closed\n")
    with pytest.raises(DatasetCorruptError, match="must hold a whole number a line"):
        tartanrgbt(root, split="all")
    (run / "thermal_left_ffc/data.txt").unlink()
    np.save(run / "odometry/poses.npy", np.zeros((31, 7)))
    with pytest.raises(DatasetCorruptError, match=r"\(31, 7\) float64; expected rows of 8 floats"):
        tartanrgbt(root, split="all")
    np.save(run / "odometry/poses.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(DatasetCorruptError, match=r"poses.npy is no plain array of numbers"):
        tartanrgbt(root, split="all")


def test_a_pose_that_is_none_is_named_with_its_file(root):
    table = root / "day1/frick_park_1/odometry/poses.npy"
    rows = poses(range(FRAMES))
    rows[20, 4:] = 0
    np.save(table, rows)
    with pytest.raises(DatasetCorruptError, match=r"poses\.npy, frame 00000020: quaternion must"):
        tartanrgbt(root, split="all")
    rows[20, 4:] = np.nan
    np.save(table, rows)
    assert "T_world_camera" not in tartanrgbt(root, split="all")[1]


@pytest.mark.parametrize(
    ("view", "shape"),
    [
        ("thermal_right_rect_8/00000020.png", (4, 5)),
        ("rgb_in_thermal/00000020_rgb_in_thermal.png", (2, 3, 3)),
    ],
)
def test_views_of_another_size_are_named(root, save, view, shape):
    save(root / "day1/frick_park_1" / view, shape=shape)
    data = tartanrgbt(root, split="all")
    with pytest.raises(DatasetCorruptError, match=r"frick_park_1/00000020: views differ .* 4 x 6"):
        data[1]


def test_odd_files(root, save):
    run = root / "day1/frick_park_1"
    (run / "rgb_in_thermal/00000020_rgb_in_thermal.png").unlink()
    save(run / "rgb_in_thermal/00000099_rgb_in_thermal.png", shape=(4, 6, 3))
    data = tartanrgbt(root, runs=["frick_park_1"])
    assert names(data)[-1].endswith("00000030")
    assert len(data) == 2
    assert any("rgb: 1 of 4 files have no partner (00000099)" in f for f in data.findings)
    path = run / "thermal_left_rect_8/00000030.png"
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(DatasetCorruptError, match=r"00000030.png"):
        data[1]
    save(run / "thermal_left_rect_8/preview.png")
    with pytest.raises(DatasetCorruptError, match="holds preview; expected frame numbers"):
        tartanrgbt(root, runs=["frick_park_1"])
