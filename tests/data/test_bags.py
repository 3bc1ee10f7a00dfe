"""Recordings of three formats: every encoding, stamps, fixes, poses; odd messages counted."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from tests.fakes.bag_files import FORMATS, NS, Messages, write_bag

from thermoscope.core.errors import (
    ConfigError,
    DatasetCorruptError,
    DatasetNotFoundError,
    MissingDependencyError,
    UnknownNameError,
)
from thermoscope.data.bags import Bag
from thermoscope.data.ros_image import image_of

T0 = 1_600_000_000 * NS + 5
COUNTS = np.array([[0, 1, 300], [16383, 40000, 65535]], np.uint16)
RED = np.zeros((2, 3, 3), np.uint8)
RED[..., 0] = 200  # RGB


@pytest.mark.parametrize("kind", FORMATS)
def test_pictures_fixes_and_poses(kind: str, tmp_path: Path) -> None:
    make = Messages(kind)
    path = write_bag(
        tmp_path / "run",
        kind,
        [
            ("/thermal", T0, make.image(T0, COUNTS, "mono16")),
            ("/rgb", T0, make.image(T0 + 1, RED[..., ::-1], "bgr8", padding=3)),
            ("/gps", T0, make.fix(T0, 36.5, 127.5)),
            ("/gps", T0, make.fix(T0 + 9, 0.0, 0.0, status=-1)),
            ("/odom", T0, make.odometry(T0 + 7, (1.0, 2.0, 3.0))),
            ("/gt", T0, make.pose_stamped(T0 + 8, (4.0, 5.0, 6.0))),
        ],
    )
    with Bag(path) as bag:
        assert bag.topics["/gps"] == ("sensor_msgs/msg/NavSatFix", 2)
        thermal = list(bag.images("/thermal"))
        assert [f.t_ns for f in thermal] == [T0]
        assert np.array_equal(thermal[0].picture, COUNTS)
        assert thermal[0].picture.dtype == np.uint16
        assert np.array_equal(next(bag.images("/rgb")).picture, RED)
        fixes, poses, truth = bag.fixes("/gps"), bag.poses("/odom"), bag.poses("/gt")
        assert (len(fixes), fixes.latitude_deg[0], fixes.longitude_deg[0]) == (1, 36.5, 127.5)
        assert bag.odd == {"/gps: no fix": 1}
        assert poses.position_m.tolist() == [[1, 2, 3]]
        assert poses.quaternion.tolist() == [[0, 0, 0, 1]]
        assert poses.velocity.tolist() == [[1, 0, 0, 0, 0, 0.25]]
        assert truth.position_m.tolist() == [[4, 5, 6]]
        assert np.isnan(truth.velocity).all()


def test_only_wanted_stamps(tmp_path: Path) -> None:
    make = Messages("ros1")
    stamps = [T0, T0 + 5, T0 + 5, T0 + 9]
    path = write_bag(
        tmp_path / "run",
        "ros1",
        [("/t", T0 + i, make.image(t, COUNTS + i, "16UC1")) for i, t in enumerate(stamps)],
    )
    with Bag(path) as bag:
        assert bag.stamps("/t").tolist() == stamps
        found = list(bag.images("/t", only={T0 + 5}))
        assert [int(f.picture[0, 0]) for f in found] == [1]


@pytest.mark.parametrize("kind", FORMATS)
def test_odd_messages_are_counted_and_passed_over(kind: str, tmp_path: Path) -> None:
    make = Messages(kind)
    short = make.image(T0 + 2, COUNTS, "mono16")
    short.height = 100
    path = write_bag(
        tmp_path / "run",
        kind,
        [
            ("/t", T0, make.image(T0, COUNTS, "mono16")),
            ("/t", T0 + 1, make.image(T0 + 1, COUNTS, "yuv422")),
            ("/t", T0 + 2, short),
            ("/t", T0 + 3, b"\x00\x01\x00\x00\x02"),
            ("/t", T0 + 4, make.image(0, COUNTS, "mono16")),
        ],
    )
    with Bag(path) as bag:
        assert len(bag.stamps("/t")) == 4
        assert [f.t_ns for f in bag.images("/t")] == [T0, T0 + 4]
        text = "\n".join(bag.odd)
        assert sum(bag.odd.values()) == 4
    assert re.search("image encoding 'yuv422' is not known. Known: mono8", text)
    assert re.search("image of 100 x 3 pixels with 2 bytes each and 6 bytes a row does not", text)
    assert "unreadable message" in text
    assert "header without a stamp, moment of recording used" in text


def test_compressed_pictures_keep_16_bits(tmp_path: Path) -> None:
    make = Messages("ros2")
    grey = cv2.imencode(".png", COUNTS)[1].tobytes()
    colour = cv2.imencode(".png", RED[..., ::-1])[1].tobytes()
    path = write_bag(
        tmp_path / "run",
        "ros2",
        [
            ("/t/compressed", T0, make.compressed(T0, grey, "16UC1; png compressed")),
            ("/t/compressed", T0 + 1, make.compressed(T0 + 1, colour)),
            ("/t/compressed", T0 + 2, make.compressed(T0 + 2, b"no picture")),
            ("/t/compressed", T0 + 3, make.compressed(T0 + 3, grey, "16UC1; compressedDepth")),
        ],
    )
    with Bag(path) as bag:
        topic = bag.pick(["/other", "/t"], what="thermal")
        found = [f.picture for f in bag.images(topic)]
        assert np.array_equal(found[0], COUNTS)
        assert np.array_equal(found[1], RED)
        assert len(found) == 2
        assert sorted(bag.odd.values()) == [1, 1]


@pytest.mark.parametrize(
    ("encoding", "at"), [("rggb8", (0, 0)), ("bggr8", (1, 1)), ("gbrg8", (1, 0)), ("grbg8", (0, 1))]
)
def test_mosaics(encoding: str, at: tuple[int, int]) -> None:
    """Only the red pixels of a mosaic are lit: the picture is red."""
    mosaic = np.zeros((8, 8), np.uint8)
    mosaic[at[0] :: 2, at[1] :: 2] = 100
    rgb = image_of(mosaic.reshape(-1), (8, 8), encoding=f"bayer_{encoding}", step=8)
    assert rgb[2:6, 2:6].reshape(-1, 3).tolist() == [[100, 0, 0]] * 16


def test_byte_order_and_alpha() -> None:
    raw = COUNTS.astype(">u2").view(np.uint8).reshape(-1)
    found = image_of(raw, (2, 3), encoding="mono16", step=6, big_endian=True)
    assert np.array_equal(found, COUNTS)
    bgra = np.dstack([RED[..., ::-1], np.full((2, 3), 9, np.uint8)]).reshape(-1)
    assert np.array_equal(image_of(bgra, (2, 3), encoding="bgra8", step=0), RED)


def test_flags_have_the_moment_of_recording(tmp_path: Path) -> None:
    make = Messages("mcap")
    path = write_bag(tmp_path / "run", "mcap", [("/ffc", T0, make.flag(True))])
    with Bag(path) as bag:
        found = bag.flags("/ffc")
        assert (found.t_ns.tolist(), found.values.tolist()) == ([T0], [True])


def test_refusals(tmp_path: Path) -> None:
    make = Messages("ros1")
    path = write_bag(tmp_path / "run", "ros1", [("/gps", T0, make.fix(T0, 1.0, 2.0))])
    with Bag(path) as bag:
        with pytest.raises(UnknownNameError, match="unknown topic '/gsp'. Did you mean '/gps'"):
            bag.stamps("/gsp")
        with pytest.raises(ConfigError, match="/gps holds sensor_msgs/msg/NavSatFix, expected"):
            next(bag.images("/gps"))
        with pytest.raises(UnknownNameError, match="unknown thermal topic '/a or /b'"):
            bag.pick(["/a", "/b"], what="thermal")
    with pytest.raises(DatasetNotFoundError, match="is no recording: expected a .bag or .mcap"):
        Bag(tmp_path / "absent.bag")
    with pytest.raises(ConfigError, match="one path, or several .bag files"):
        Bag(path, tmp_path / "run.mcap")


@pytest.mark.parametrize("kind", ["ros1", "mcap"])
def test_a_damaged_recording_is_named(kind: str, tmp_path: Path) -> None:
    make = Messages(kind)
    path = write_bag(tmp_path / "run", kind, [("/t", T0, make.image(T0, COUNTS, "mono16"))])
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(DatasetCorruptError, match=r"run.* is no readable recording"), Bag(path):
        pass


def test_without_rosbags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "run.bag").touch()
    monkeypatch.setitem(sys.modules, "rosbags.highlevel", None)
    with pytest.raises(MissingDependencyError, match=r"thermoscope\[datasets\]"):
        Bag(tmp_path / "run.bag")
