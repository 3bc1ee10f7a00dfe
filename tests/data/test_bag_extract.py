"""Recordings become folders that the readers read; again without work, and never half."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from tests.fakes.bag_files import NS, Message, Messages, write_bag

from thermoscope.cli.datasets_extract import main
from thermoscope.core.errors import ConfigError, DatasetCorruptError, UnknownNameError
from thermoscope.core.sample import check_sample
from thermoscope.data.bag_extract import TOPICS, Topics, extract
from thermoscope.data.framelist import RULES, FrameRule
from thermoscope.data.odombeyondvision import odombeyondvision
from thermoscope.data.tartanrgbt import tartanrgbt
from thermoscope.data.vivid import vivid

T0 = 1_600_000_000 * NS
MS = 1_000_000
COUNTS = (8000 + np.arange(512 * 640, dtype=np.uint16).reshape(512, 640) % 97).astype(np.uint16)
SMALL = (3000 + np.arange(24, dtype=np.uint16)).reshape(4, 6)
COLOUR = np.zeros((4, 6, 3), np.uint8)
COLOUR[..., 2] = 255  # blue in RGB


def drive(make: Messages) -> list[Message]:
    """2.4 s at 10 Hz, thermal 30 ms late, a fix a second, one odd thermal frame."""
    rows: list[Message] = []
    for i in range(25):
        t = T0 + i * 100 * MS
        rows.append(("/camera/image_color", t, make.image(t, COLOUR[..., ::-1], "bgr8")))
        thermal = make.image(t + 30 * MS, SMALL + i, "mono16")
        rows.append(("/thermal/image_raw", t + 30 * MS, thermal))
    rows.append(("/thermal/image_raw", T0 + 5 * NS, b"\x01"))
    for i in range(3):
        rows.append(("/gps", T0 + i * NS, make.fix(T0 + i * NS, 36.0 + i * 1e-4, 127.0)))
    return rows


def walk(make: Messages) -> list[Message]:
    """Odometry at 10 Hz over 4 s, 40 m a second; pictures 10 and 20 ms late."""
    rows: list[Message] = []
    for i in range(41):
        t = T0 + i * 100 * MS
        rows.append(("/aft_mapped_to_init", t, make.odometry(t, (4.0 * i, 0.5, 1.0))))
        rgb = make.image(t + 10 * MS, COLOUR, "rgb8")
        rows.append(("/camera/color/image_raw", t, rgb))
        rows.append(("/flir_boson/image_raw", t, make.image(t + 20 * MS, SMALL + i, "16UC1")))
    return rows


def rig(make: Messages, *, frames: int = 21, colour: NDArray[np.uint8] = COLOUR) -> list[Message]:
    """A trigger at 10 Hz; the shutter closes at frame 10."""
    rows: list[Message] = []
    for i in range(frames):
        t = T0 + i * 100 * MS
        rows.append(("/thermal_left/image_rect", t, make.image(t, COUNTS + i, "mono16")))
        rows.append(("/thermal_left/ffc_status", t, make.flag(i == 10)))
        rows.append(("/zed/zed_node/left/image_rect_color", t, make.image(t, colour, "rgb8")))
        rows.append(("/zed/zed_node/odom", t, make.odometry(t, (0.1 * i, 0.0, 0.0))))
    return rows


def recording(folder: Path, kind: str, content: Callable[[Messages], list[Message]]) -> Path:
    return write_bag(folder / "run", kind, content(Messages(kind)))


def files(folder: Path) -> dict[str, tuple[int, bytes]]:
    found = (p for p in sorted(folder.rglob("*")) if p.is_file())
    return {str(p.relative_to(folder)): (p.stat().st_mtime_ns, p.read_bytes()) for p in found}


@pytest.mark.parametrize("kind", ["ros1", "mcap"])
def test_vivid(kind: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    report = extract(
        [recording(tmp_path, kind, drive)], out, layout="vivid", name="city_a", group="g"
    )
    assert (report.written, report.present) == (6, 0)
    assert report.odd.keys() == {next(iter(report.odd))}
    assert "unreadable message" in str(report)
    assert report.pairs.gap_s[1.0] == pytest.approx(0.030)
    found = vivid(out, view="whole")
    assert len(found) == 3
    gaps = [float(i.paths["thermal"].stem) - float(i.paths["rgb"].stem) for i in found.items]
    assert np.allclose(gaps, 0.030, atol=1e-5)
    sample = found[0]
    check_sample(sample)
    t = round(float(found.items[0].paths["rgb"].stem) * 10) - T0 // (100 * MS)
    assert np.array_equal(sample["counts"][0], SMALL + t)
    assert sample["rgb"][:, 0, 0].tolist() == [0, 0, 1]
    steps = np.diff([i.position_m[1] for i in found.items if i.position_m])
    assert np.all((np.abs(steps) < 0.01) | (np.abs(steps - 11.09) < 0.02))  # 1e-4 degrees north


def test_lists_and_rule_agree(tmp_path: Path) -> None:
    """Without its lists the reader finds the same pairs from the written files."""
    out = tmp_path / "out"
    extract([recording(tmp_path, "ros1", drive)], out, layout="vivid", name="city_a", group="g")
    listed = [(i.name, i.position_m) for i in vivid(out).items]
    for path in out.rglob("*_framelist.txt"):
        path.unlink()
    assert [i.name for i in vivid(out).items] == [name for name, _ in listed]


def test_odombeyondvision(tmp_path: Path) -> None:
    out = tmp_path / "ExtractedData"
    report = extract(
        [recording(tmp_path, "ros2", walk)], out, layout="odombeyondvision", name="01_x"
    )
    assert report.written == 10
    found = odombeyondvision(tmp_path)
    assert [i.position_m for i in found.items] == [(40.0 * i, 0.5, 1.0) for i in range(5)]
    assert np.array_equal(found[1]["counts"][0], SMALL + 10)
    table = (out / "sequence_01_x" / "synchronized_data.csv").read_text().splitlines()
    assert table[1].split(",")[1] == f"seq_0000_{T0 + 10 * MS}.png"
    numbers = [float(cell) for cell in table[1].split(",")[6:]]
    assert numbers == [0, 0, 0, 1, 1, 0, 0, 0, 0, 0.25]  # quaternion, velocity


def test_tartanrgbt(tmp_path: Path) -> None:
    out = tmp_path / "out"
    topics = Topics(**{**vars(TOPICS["tartanrgbt"]), "registered": True})
    registered = np.broadcast_to(COLOUR[0, 0], (512, 640, 3))
    path = recording(tmp_path, "mcap", lambda make: rig(make, colour=registered))
    report = extract([path], out, layout="tartanrgbt", name="run_a", group="day1", topics=topics)
    assert report.pairs.kept == 3
    found = tartanrgbt(out, split="all")
    assert len(found) == 2  # one of three was taken with the shutter closed
    sample = found[1]
    check_sample(sample)
    assert np.array_equal(sample["counts"][0], COUNTS + 20)
    assert sample["agc"].dtype == np.uint8
    assert sample["t_ns"] == T0 + 2 * NS
    assert sample["T_world_camera"][:3, 3].tolist() == [2.0, 0.0, 0.0]
    assert sample["rgb"][:, 0, 0].tolist() == [0, 0, 1]


def test_unregistered_colour_stays_apart(tmp_path: Path) -> None:
    rule = FrameRule("nearest", max_gap_s=0.01)
    path = recording(tmp_path, "ros2", lambda make: rig(make, frames=2))
    extract([path], tmp_path / "out", layout="tartanrgbt", rule=rule)
    names = set(files(tmp_path / "out"))
    assert "run/rgb_left/00000001.png" in names
    assert not [n for n in names if "rgb_in_thermal" in n]


def test_a_second_run_writes_what_is_missing(tmp_path: Path) -> None:
    out = tmp_path / "out"
    path = recording(tmp_path, "ros1", drive)
    extract([path], out, layout="vivid")
    first = files(out)
    victim = sorted((out / "run/img/thermal_raw").iterdir())[1]
    victim.unlink()
    report = extract([path], out, layout="vivid")
    assert (report.written, report.present) == (1, 5)
    second = files(out)
    assert {n: data for n, (_, data) in second.items()} == {
        n: data for n, (_, data) in first.items()
    }
    pictures = [n for n in first if n.endswith(".png") and Path(n).name != victim.name]
    assert [second[n][0] for n in pictures] == [first[n][0] for n in pictures]


def test_sixteen_bits_survive(tmp_path: Path) -> None:
    extract([recording(tmp_path, "ros1", drive)], tmp_path / "out", layout="vivid")
    path = sorted((tmp_path / "out/run/img/thermal_raw").iterdir())[0]
    assert re.fullmatch(r"160000000\d\.\d{6}\.png", path.name)
    assert cv2.imread(str(path), cv2.IMREAD_UNCHANGED).dtype == np.uint16


def test_refusals(tmp_path: Path) -> None:
    path = recording(tmp_path, "ros1", drive)
    with pytest.raises(UnknownNameError, match="unknown layout 'vivd'. Did you mean 'vivid'"):
        extract([path], tmp_path / "out", layout="vivd")
    with pytest.raises(UnknownNameError, match="unknown rgb topic '/camera/color/image_raw'"):
        extract([path], tmp_path / "out", layout="odombeyondvision")
    extract([path], tmp_path / "out", layout="vivid")
    rule = FrameRule("slots", max_gap_s=0.1)
    with pytest.raises(ConfigError, match="holds an extraction with another rule. Choose"):
        extract([path], tmp_path / "out", layout="vivid", rule=rule)
    settings = tmp_path / "out/run/extract.json"
    assert json.loads(settings.read_text())["topics"]["thermal"] == "/thermal/image_raw"
    settings.write_text("{")
    with pytest.raises(DatasetCorruptError, match=r"extract.json is no JSON"):
        extract([path], tmp_path / "out", layout="vivid")
    rule = FrameRule("slots", max_gap_s=0.001)
    with pytest.raises(DatasetCorruptError, match="no pair of frames: 0 of .* Check the topics"):
        extract([path], tmp_path / "out", layout="vivid", name="b", rule=rule)


def test_tartan_frames_may_not_lack(tmp_path: Path) -> None:
    def content(make: Messages) -> list[Message]:
        rows = rig(make, frames=2)
        rows[0][2].encoding = "yuv422"
        return rows

    path = recording(tmp_path, "ros2", content)
    with pytest.raises(DatasetCorruptError, match="2 listed pictures do not decode.*yuv422"):
        extract([path], tmp_path / "out", layout="tartanrgbt", rule=FrameRule("nearest"))


def test_the_verb(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = recording(tmp_path, "ros1", drive)
    words = ["--out", str(tmp_path / "out"), "--layout", "vivid", "--every", "2", "--group", "g"]
    assert main([str(path), *words, "--thermal", "/thermal/image_raw"]) == 0
    text = capsys.readouterr().out
    assert "4 pictures written, 0 were there" in text
    assert "1 between every 2. pair" in text
    assert len(vivid(tmp_path / "out")) == 2
    assert RULES["vivid"].every == 1
    with pytest.raises(ConfigError, match="no recording is given. Name .bag or .mcap files"):
        main(words)
