"""A recording is a sequence like any other, in any codec, and so is another recorder's file."""

import numpy as np
import pytest
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore
from tests.rig.made_recordings import (
    CAMERAS,
    fill,
    rgb_frame,
    stamp,
    thermal_frame,
    write_recording,
    write_segment,
)

from thermoscope import open_sequence, read
from thermoscope.core.errors import ReadError, UnknownNameError
from thermoscope.io.mcap_sequence import McapFrames
from thermoscope.io.request import request_for
from thermoscope.rig.recording_format import CameraRecord


def test_a_segment_is_a_sequence_of_counts(tmp_path):
    write_segment(tmp_path / "000000.mcap", 0, 12)
    with open_sequence(tmp_path / "000000.mcap") as frames:
        assert len(frames) == 12
        for index in (0, 1, 5, 3):
            image = frames[index]
            np.testing.assert_array_equal(image.counts, thermal_frame(index))
            assert (image.capture.serial, image.capture.t_ns) == ("93588", stamp(index).t_ns)
            assert image.capture.extra["counter"] == 126 + index
            assert (image.source.format, image.source.frame_index) == ("mcap", index)
    assert read(tmp_path / "000000.mcap").kind == "counts"


def test_a_recording_folder_is_one_sequence(tmp_path):
    folder = write_recording(tmp_path / "r", segments=2, frames=7)
    frames = list(open_sequence(folder / "0*.mcap"))
    assert len(frames) == 14
    np.testing.assert_array_equal(frames[13].counts, thermal_frame(13))
    assert len(open_sequence(folder)) == 14


def test_other_topics_and_codecs(tmp_path):
    cameras = (CAMERAS[1], CameraRecord("thermal", "7", "thermal", "delta", 32, 24, 30.0))
    write_segment(tmp_path / "a.mcap", 0, 4, cameras=cameras)
    request = request_for(tmp_path / "a.mcap")
    frames = McapFrames(request)
    assert frames.topic == "/thermal/image/compressed"
    np.testing.assert_array_equal(frames.frame(3).counts, thermal_frame(3))
    frames.close()
    colour = McapFrames(request, "/rgb/image/compressed")
    assert np.abs(colour.frame(2).agc.astype(int) - rgb_frame(2)).mean() < 2
    colour.close()
    with pytest.raises(UnknownNameError, match="unknown topic '/x'"):
        McapFrames(request, "/x")


def test_a_file_of_another_recorder(tmp_path):
    store = get_typestore(Stores.ROS2_HUMBLE)
    kinds = store.types
    stamp_of, header = kinds["builtin_interfaces/msg/Time"], kinds["std_msgs/msg/Header"]
    with Writer(tmp_path / "bag", version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        name = "sensor_msgs/msg/Image"
        connection = writer.add_connection("/boson/image_raw", name, typestore=store)
        for i in range(5):
            counts = thermal_frame(i)
            message = kinds[name](
                header(stamp_of(100 + i, 7), "boson"), 24, 32, "16UC1", 0, 64,
                counts.view(np.uint8).ravel(),
            )  # fmt: skip
            writer.write(connection, (100 + i) * 10**9, store.serialize_cdr(message, name))
    (path,) = (tmp_path / "bag").glob("*.mcap")
    frames = list(open_sequence(path))
    assert [image.capture.t_ns for image in frames] == [(100 + i) * 10**9 + 7 for i in range(5)]
    np.testing.assert_array_equal(frames[4].counts, thermal_frame(4))


def test_damage_is_told(tmp_path):
    fill(tmp_path / "open.mcap", 0, 10).abandon()
    with pytest.raises(ReadError, match="was not closed, or is damaged.*rig recover"):
        open_sequence(tmp_path / "open.mcap")[0]
    write_segment(tmp_path / "flipped.mcap", 0, 10)
    data = bytearray((tmp_path / "flipped.mcap").read_bytes())
    data[5000] ^= 8
    (tmp_path / "flipped.mcap").write_bytes(data)
    with pytest.raises(ReadError, match="is damaged"):
        list(open_sequence(tmp_path / "flipped.mcap"))
    write_segment(tmp_path / "a.mcap", 0, 2)
    frames = McapFrames(request_for(tmp_path / "a.mcap"))
    with pytest.raises(IndexError):
        frames.frame(2)
