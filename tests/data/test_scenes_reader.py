"""The rendered world by name, and public readers on folders that the renderer wrote."""

import numpy as np
import pytest

from thermoscope.core.errors import DatasetCorruptError, DatasetNotFoundError, UnknownNameError
from thermoscope.core.sample import check_sample
from thermoscope.data.mfnet import mfnet
from thermoscope.data.ms2 import ms2
from thermoscope.data.scenes_reader import scenes, time_of_day
from thermoscope.data.tartanrgbt import tartanrgbt
from thermoscope.synthetic.cache import save_sample
from thermoscope.synthetic.layouts import RenderPlan, render_layout


def test_rendered_entries_are_known_without_rendering():
    data = scenes(
        environment=("urban", "indoor"), frames_per_scene=2, visits=2, count=8, hour="night"
    )
    items = [data.item(i) for i in range(8)]
    assert [i.environment for i in items] == ["urban"] * 4 + ["indoor"] * 4
    assert [i.index for i in items] == [0, 1, 0, 1, 1000, 1001, 1000, 1001]  # visits: one place
    assert [i.sequence for i in items[:3:2]] == ["urban_00000_v0", "urban_00000_v1"]
    assert len({i.name for i in items}) == 8
    assert (len(data.classes), data.split) == (15, "train")


def test_hours():
    hours = {6.0: "", 7.0: "day", 17.0: "day", 18.5: "", 20.0: "night", 23.9: "night", 4.0: "night"}
    assert {hour: time_of_day(hour) for hour in hours} == hours


def test_wrong_settings_of_scenes(tmp_path):
    with pytest.raises(UnknownNameError, match="unknown environment 'urbam'. Did you mean 'urban'"):
        scenes(environment="urbam")
    table = tmp_path / "samples.csv"
    table.write_text("file,name\n")
    with pytest.raises(DatasetCorruptError, match="lacks the columns environment, hour"):
        scenes(tmp_path)
    head = "file,name,environment,hour,weather\n"
    table.write_text(head + "train/000000.npz,urban_00000_v0_000000,urban,noon,clear\n")
    with pytest.raises(DatasetNotFoundError, match=r"000000.npz is not there"):
        scenes(tmp_path)
    (tmp_path / "train").mkdir()
    (tmp_path / "train/000000.npz").write_bytes(b"PK")
    with pytest.raises(DatasetCorruptError, match="line 2: hour is 'noon'; expected a number"):
        scenes(tmp_path)
    with pytest.raises(DatasetCorruptError, match="scenes val has no frame"):
        scenes(tmp_path, split="val")
    with pytest.raises(UnknownNameError, match="unknown split 'dev'"):
        scenes(tmp_path, split="dev")


@pytest.fixture(scope="module")
def render(tmp_path_factory):
    def rendered(layout, split, count):
        root = tmp_path_factory.mktemp(layout)
        plan = RenderPlan(layout=layout, count=count, split=split, preset="tiny", taxonomy=None)
        render_layout(root, plan)
        return root

    return rendered


def test_npz_folder(tmp_path):
    rows = ["file,name,environment,hour,weather"]
    for number, hour in ((4, 12.0), (5, 23.0)):
        name = f"urban_00002_v0_{number:06d}"
        stored = {"name": name, "counts": np.full((1, 2, 3), number, np.uint16)}
        save_sample(tmp_path / f"val/{number:06d}.npz", stored)
        rows.append(f"val/{number:06d}.npz,{name},urban,{hour},clear")
    (tmp_path / "samples.csv").write_text("\n".join(rows))
    data = scenes(tmp_path, split="val", taxonomy="fine")
    assert [int(sample["counts"].max()) for sample in data] == [4, 5]
    assert [data.item(i).time_of_day for i in range(2)] == ["day", "night"]
    assert [data.item(i).index for i in range(2)] == [2004, 2005]  # place 2
    assert data.item(0).sequence == data.item(1).sequence == "urban_00002_v0"
    check_sample(data[0])


def test_labels_of_another_taxonomy_are_not_given_its_names(tmp_path):
    labels = np.ones((1, 2, 3), np.int64)
    stored = {"name": "urban_00002_v0_000001", "labels": labels, "taxonomy": "mfnet"}
    save_sample(tmp_path / "val/000001.npz", stored)
    row = "val/000001.npz,urban_00002_v0_000001,urban,12.0,clear"
    (tmp_path / "samples.csv").write_text(f"file,name,environment,hour,weather\n{row}\n")
    assert scenes(tmp_path, split="val", taxonomy="mfnet")[0]["labels"].max() == 1
    with pytest.raises(DatasetCorruptError, match="labels of 'mfnet', and 'fmb' was asked for"):
        scenes(tmp_path, split="val")[0]


def test_mfnet_folder(render):
    data = mfnet(render("mfnet", "val", 1), split="val")
    check_sample(data[0])
    assert (data.item(0).time_of_day, int(data[0]["labels"].max()) <= 8) == ("day", True)
    assert data.findings == ()


def test_tartanrgbt_folder(render):
    data = tartanrgbt(render("tartanrgbt_download", "val", 2), split="val")
    first, second = data
    check_sample(first)
    assert first["counts"].shape == first["agc"].shape == first["thermal_right"].shape
    assert second["t_ns"] - first["t_ns"] == 1_000_000_000
    moved = second["T_world_camera"][:3, 3] - first["T_world_camera"][:3, 3]
    assert np.linalg.norm(moved) > 0


def test_ms2_folder(render):
    root = render("ms2", "val", 1)
    sample = ms2(root, split="val", positions=True)[0]
    check_sample(sample)
    valid = sample["valid"] & (sample["disparity"] > 0)
    product = (sample["depth"] * sample["disparity"])[valid]
    np.testing.assert_allclose(product, sample["K"][0, 0] * sample["baseline_m"], rtol=1e-4)
    assert valid.mean() > 0.2
    assert np.isfinite(sample["position_m"][:2]).all()
