"""CDR bytes: ours read by an independent library, and read back by us."""

import numpy as np
import pytest
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from thermoscope.core.errors import ReadError
from thermoscope.io.ros_messages import (
    DEFINITIONS,
    Cdr,
    CdrReader,
    FrameStamp,
    LogEntry,
    camera_info,
    compressed_image,
    image,
    parse_frame_stamp,
    parse_log,
    parse_picture,
    time_reference,
)

T_NS = 1_700_000_000_123_456_789
STAMP = FrameStamp(
    T_NS, 5, 131, 4_200_000_000, 77_000_000_001, 76_999_999_999, 305.25, "running", b"\1\2\3"
)


@pytest.fixture(scope="module")
def ros():
    """The library's types, with ours added by the definition that a recording carries."""
    store = get_typestore(Stores.ROS2_HUMBLE)
    name = "thermoscope_msgs/msg/FrameStamp"
    store.register(get_types_from_msg(DEFINITIONS[name], name))
    return store


@pytest.mark.parametrize("name", [n for n in DEFINITIONS if not n.startswith("thermoscope")])
def test_definitions_are_those_of_ros(ros, name):
    ours = get_types_from_msg(DEFINITIONS[name], name)
    fields = {n: f for n, (_, f) in ours.items()}
    for part, definition in fields.items():
        names = [field for field, _ in definition]
        assert names == [field for field, _ in ros.fielddefs[part][1]], part


@pytest.mark.parametrize(
    ("pixels", "encoding"),
    [
        (np.arange(15, dtype=np.uint16).reshape(3, 5) + 20_000, "mono16"),
        (np.arange(15, dtype=np.uint8).reshape(3, 5), "mono8"),
        (np.arange(45, dtype=np.uint8).reshape(3, 5, 3), "rgb8"),
    ],
)
def test_images(ros, pixels, encoding):
    data = image(T_NS, "thermal_left", pixels)
    told = ros.deserialize_cdr(data, "sensor_msgs/msg/Image")
    assert (told.height, told.width, told.encoding) == (3, 5, encoding)
    assert told.step == pixels.strides[0]
    assert bytes(told.data) == pixels.tobytes()
    assert told.header.stamp.sec * 10**9 + told.header.stamp.nanosec == T_NS
    back = parse_picture(data, compressed=False)
    assert (back.t_ns, back.camera) == (T_NS, "thermal_left")
    np.testing.assert_array_equal(back.pixels, pixels)
    assert ros.serialize_cdr(told, "sensor_msgs/msg/Image") == data


def test_compressed_images(ros):
    data = compressed_image(T_NS, "rgb", b"\xff\xd8\xff", "jpeg")
    told = ros.deserialize_cdr(data, "sensor_msgs/msg/CompressedImage")
    assert (told.format, bytes(told.data)) == ("jpeg", b"\xff\xd8\xff")
    back = parse_picture(data, compressed=True)
    assert (back.compressed, back.format, back.pixels) == (b"\xff\xd8\xff", "jpeg", None)


def test_frame_stamps(ros):
    told = ros.deserialize_cdr(STAMP.message(), "thermoscope_msgs/msg/FrameStamp")
    assert (told.counter, told.device_ns, told.ffc) == (131, 4_200_000_000, "running")
    assert (told.temperature_k, bytes(told.telemetry)) == (305.25, b"\1\2\3")
    assert parse_frame_stamp(STAMP.message()) == STAMP
    bare = FrameStamp(T_NS, 0, None, None, 7)
    assert parse_frame_stamp(bare.message()) == bare


def test_events(ros):
    entry = LogEntry(T_NS, "thermal_left", "drop", "3 frames are missing", 3)
    told = ros.deserialize_cdr(entry.message(), "rcl_interfaces/msg/Log")
    assert (told.name, told.function, told.line, told.level) == ("thermal_left", "drop", 3, 30)
    assert parse_log(entry.message()) == entry


def test_clocks_and_calibrations(ros):
    told = ros.deserialize_cdr(time_reference(5, 7), "sensor_msgs/msg/TimeReference")
    assert (told.header.stamp.nanosec, told.time_ref.nanosec) == (5, 7)
    K = np.array([[412.4, 0, 313.4], [0, 412.6, 249.4], [0, 0, 1]])
    data = camera_info(
        1, "left", size=(640, 512), K=K, model="equidistant", distortion=(0.1, 0.2, 0.3, 0.4)
    )
    told = ros.deserialize_cdr(data, "sensor_msgs/msg/CameraInfo")
    np.testing.assert_array_equal(told.k.reshape(3, 3), K)
    np.testing.assert_array_equal(told.p.reshape(3, 4)[:, :3], K)
    assert (told.height, told.width, told.d.tolist()) == (512, 640, [0.1, 0.2, 0.3, 0.4])


def test_numbers_stand_at_multiples_of_their_size():
    assert Cdr().text("ab").number("d", 1.0).message()[4:].hex() == (
        "0300000061620000000000000000f03f"
    )
    assert Cdr().numbers("d", ()).message() == b"\0\1\0\0"


def test_damage_is_told():
    data = image(T_NS, "t", np.zeros((2, 2), np.uint16))
    with pytest.raises(ReadError, match=r"ends after \d+ bytes, expected \d+"):
        parse_picture(data[:-1], compressed=False)
    with pytest.raises(ReadError, match="begins with 00000000, expected little-endian CDR"):
        CdrReader(bytes(8))
    with pytest.raises(ReadError, match="in 'mono12' is not read"):
        parse_picture(data.replace(b"mono16", b"mono12"), compressed=False)
    wrong = image(T_NS, "t", np.zeros((2, 2), np.uint8)).replace(
        b"\4\0\0\0\0\0\0\0", b"\x08\0\0\0\0\0\0\0\0\0\0\0"
    )
    with pytest.raises(ReadError, match="in 'mono8' has 8 bytes"):
        parse_picture(wrong, compressed=False)
