"""MCAP files of other programs: ROS messages without ROS 2's profile, beside other encodings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.fakes.bag_files import NS, Messages, write_foreign_mcap

from thermoscope.core.errors import DatasetCorruptError
from thermoscope.data.bags import Bag
from thermoscope.data.foreign_mcap import is_foreign

T0 = 1_600_000_000 * NS + 5
COUNTS = np.array([[0, 1, 300], [16383, 40000, 65535]], np.uint16)


@pytest.mark.parametrize("kind", ["ros1", "ros2"])
def test_ros_messages_of_either_version(kind: str, tmp_path: Path) -> None:
    make = Messages(kind)
    messages = [
        ("/thermal", T0 + 7, make.image(T0, COUNTS, "mono16")),
        ("/thermal", T0 + 8, b"\x00\x01"),
        ("/gps", T0, make.fix(T0, 36.5, 127.5)),
        ("/lidar", T0 + 9, {"range": 3}),
    ]
    path = write_foreign_mcap(tmp_path / "run.mcap", kind, messages)
    assert is_foreign(path)
    with Bag(path) as bag:
        assert bag.topics == {
            "/thermal": ("sensor_msgs/msg/Image", 2),
            "/gps": ("sensor_msgs/msg/NavSatFix", 1),
            "/lidar": ("Reading in json", 1),
        }
        (frame,) = bag.images("/thermal")
        assert frame.t_ns == T0
        assert np.array_equal(frame.picture, COUNTS)
        assert bag.fixes("/gps").latitude_deg.tolist() == [36.5]
        (reason,) = bag.odd
        assert reason.startswith("/thermal: unreadable message")


def test_a_cut_file_is_named(tmp_path: Path) -> None:
    make = Messages("ros2")
    messages = [("/t", T0 + i, make.image(T0 + i, COUNTS, "mono16")) for i in range(20)]
    path = write_foreign_mcap(tmp_path / "run.mcap", "ros2", messages)
    path.write_bytes(path.read_bytes()[:600])
    with pytest.raises(DatasetCorruptError, match="run.mcap is no readable recording"), Bag(path):
        pass


def test_a_file_that_is_no_mcap_is_not_foreign(tmp_path: Path) -> None:
    path = tmp_path / "run.mcap"
    path.write_bytes(b"")
    assert not is_foreign(path)
