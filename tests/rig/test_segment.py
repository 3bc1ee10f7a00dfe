"""A segment opens in independent readers, and its codecs keep what they promise."""

import hashlib
import resource
import subprocess
import sys

import numpy as np
import pytest
from mcap.reader import make_reader
from rosbags.highlevel import AnyReader
from tests.rig.made_recordings import (
    CAMERAS,
    OFFSET_NS,
    fill,
    rgb_frame,
    stamp,
    thermal_frame,
    write_recording,
    write_segment,
)

from thermoscope.core.errors import ReadError, RigError, WriteError
from thermoscope.geometry.camera import Camera
from thermoscope.io.pictures import decoded_picture
from thermoscope.io.ros_messages import parse_frame_stamp
from thermoscope.rig.recording_format import (
    CameraRecord,
    channel_table,
    find_recording,
    read_manifest,
)
from thermoscope.rig.segment import PictureCoder, SegmentWriter


@pytest.fixture
def segment(tmp_path):
    path = tmp_path / "000000.mcap"
    return path, write_segment(path, 0, 30)


def test_the_record_tells_what_was_written(segment):
    path, record = segment
    assert record.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert record.size_bytes == path.stat().st_size
    assert record.frames == {"thermal": 30, "rgb": 30}
    assert (record.start_ns, record.stop_ns) == (stamp(0).t_ns, stamp(29).t_ns)


def test_the_mcap_library_reads_it(segment):
    path, _ = segment
    with path.open("rb") as stream:
        reader = make_reader(stream, validate_crcs=True)
        assert reader.get_header().profile == "ros2"
        counters = []
        for schema, channel, message in reader.iter_messages(topics=["/thermal/frame"]):
            assert schema.name == "thermoscope_msgs/msg/FrameStamp"
            assert channel.message_encoding == "cdr"
            counters.append(parse_frame_stamp(message.data).counter)
    assert counters == list(range(126, 156))


def test_the_rosbags_library_reads_it_bit_by_bit(segment):
    path, _ = segment
    with AnyReader([path]) as reader:
        thermal = [c for c in reader.connections if c.topic == "/thermal/image"]
        for index, (connection, t_ns, data) in enumerate(reader.messages(thermal)):
            message = reader.deserialize(data, connection.msgtype)
            pixels = message.data.view(np.uint16).reshape(message.height, message.width)
            np.testing.assert_array_equal(pixels, thermal_frame(index))
            assert t_ns == stamp(index).t_ns
        clocks = [c for c in reader.connections if c.topic == "/thermal/frame"]
        connection, _, data = next(reader.messages(clocks))
        assert reader.deserialize(data, connection.msgtype).counter == 126
    assert index == 29


def test_colour_is_jpeg_of_quality_95_and_close(segment):
    path, _ = segment
    with path.open("rb") as stream:
        _, _, message = next(make_reader(stream).iter_messages(topics=["/rgb/image/compressed"]))
    picture, pixels = decoded_picture(message.data, compressed=True)
    assert (picture.format, picture.camera) == ("jpeg", "rgb")
    assert np.abs(pixels.astype(int) - rgb_frame(0)).mean() < 2


@pytest.mark.parametrize("codec", ["mono16", "delta"])
def test_thermal_codecs_lose_nothing(codec):
    camera = CameraRecord("t", "1", "thermal", codec, 32, 24, 30.0)
    data = PictureCoder(camera).encode(thermal_frame(3), 5)
    _, pixels = decoded_picture(data, compressed=codec == "delta")
    np.testing.assert_array_equal(pixels, thermal_frame(3))


def test_jpeg_refuses_counts():
    with pytest.raises(RigError, match="rgb: JPEG holds 8 bits, got uint16"):
        PictureCoder(CAMERAS[1]).encode(thermal_frame(0), 0)


def test_calibrations_travel_along(tmp_path):
    file = tmp_path / "calibration.json"
    file.write_text("{}")
    model = Camera(412, 412, 16, 12, 32, 24, "fisheye", (0.1, 0.0, 0.0, 0.0))
    writer = SegmentWriter(
        tmp_path / "000000.mcap", CAMERAS, offset_ns=OFFSET_NS,
        calibration={"thermal": model}, calibration_file=file,
    )  # fmt: skip
    writer.add_clock(5, 5)
    writer.close()
    with (tmp_path / "000000.mcap").open("rb") as stream:
        reader = make_reader(stream)
        assert [a.data for a in reader.iter_attachments()] == [b"{}"]
        topics = [channel.topic for _, channel, _ in reader.iter_messages()]
        metadata = {m.name: m.metadata for m in reader.iter_metadata()}
    assert topics == ["/thermal/camera_info", "/rig/clock"]
    assert '"serial": "93588"' in metadata["thermoscope/thermal"]["camera"]


def test_channels_are_numbered_as_the_file_has_them(segment):
    path, _ = segment
    with path.open("rb") as stream:
        channels = make_reader(stream).get_summary().channels
    _, table = channel_table(CAMERAS)
    assert {n: c.topic for n, c in channels.items()} == {
        n: topic for n, (_, topic, _) in enumerate(table, 1)
    }


def test_a_file_that_exists_is_not_touched(segment):
    path, _ = segment
    before = path.read_bytes()
    with pytest.raises(WriteError, match="cannot make .*File exists"):
        SegmentWriter(path, CAMERAS, offset_ns=0)
    assert path.read_bytes() == before


FULL_DISK = """
import resource, sys
from pathlib import Path
sys.path.insert(0, {root!r})
from tests.rig.made_recordings import fill
from thermoscope.core.errors import WriteError
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
try:
    fill(Path({path!r}), 0, 100)
except WriteError as err:
    print(err)
"""


def test_after_a_write_error_the_file_can_be_made_whole(tmp_path, request):
    """The size limit of a process stands in for a full disk: each write beyond it fails."""
    from thermoscope.rig.recover import recover_segment
    from thermoscope.rig.segment_scan import scan_segment

    path, root = tmp_path / "000000.mcap", str(request.config.rootpath)
    script = FULL_DISK.format(root=root, path=str(path), limit=60_000)
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert "What was written is safe: free space" in run.stdout, run.stderr
    assert path.stat().st_size == 60_000
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, hard))
    try:
        result = recover_segment(path)  # the disk is still full
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.stat().st_size <= 60_000
    assert scan_segment(path).closed
    assert result.messages >= 60


def test_manifests(tmp_path):
    folder = write_recording(tmp_path / "r", segments=2, frames=10)
    manifest = read_manifest(folder)
    assert manifest.frames == {"thermal": 20, "rgb": 20}
    assert manifest.cameras == CAMERAS
    assert find_recording(folder / "000001.mcap") == folder
    text = (folder / "recording.json").read_text()
    (folder / "recording.json").write_text(text.replace('"93588"', '"93589"'))
    with pytest.raises(ReadError, match="is damaged: its checksum or schema is wrong"):
        read_manifest(folder)
    (folder / "recording.json").write_text("{")
    with pytest.raises(ReadError, match="is damaged"):
        read_manifest(folder)
    with pytest.raises(ReadError, match=r"is no recording: recording\.json cannot be read"):
        read_manifest(tmp_path)
    with pytest.raises(ReadError, match=r"expected a folder with recording\.json"):
        find_recording(tmp_path / "nothing")


def test_an_open_segment_is_readable_up_to_its_last_sync(tmp_path):
    from thermoscope.rig.segment_scan import scan_segment

    writer = fill(tmp_path / "000000.mcap", 0, 25, sync_every=10)
    scan = scan_segment(tmp_path / "000000.mcap")
    assert not scan.closed
    assert not scan.damages
    assert sum(scan.counts.values()) == 2 * 2 * 20 + 2
    writer.abandon()
