"""The few ROS 2 messages of a recording as CDR bytes, written and read without ROS.

Any ROS 2 tool opens them by their definitions, which travel in the file. All are little-endian
XCDR1: four bytes of encapsulation, then each number at a multiple of its size. What is NOT here:
the file around them (`thermoscope.io.mcap_sequence` reads, `thermoscope.rig.segment` writes).
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.errors import ReadError

__all__ = [
    "DEFINITIONS",
    "Cdr",
    "CdrReader",
    "FrameStamp",
    "LogEntry",
    "Picture",
    "camera_info",
    "compressed_image",
    "image",
    "parse_frame_stamp",
    "parse_log",
    "parse_picture",
    "time_reference",
]

NS = 1_000_000_000
LITTLE_ENDIAN = b"\x00\x01\x00\x00"
Encoding = Literal["mono16", "mono8", "rgb8"]
PIXELS: dict[str, tuple[type[np.generic], int]] = {
    "mono16": (np.uint16, 1),
    "16UC1": (np.uint16, 1),
    "mono8": (np.uint8, 1),
    "rgb8": (np.uint8, 3),
}
LARGEST_SIDE_PX = 1 << 15

_HEADER = """std_msgs/Header header
"""
_HEADER_PARTS = """================================================================================
MSG: std_msgs/Header
builtin_interfaces/Time stamp
string frame_id
"""
_TIME_PART = """================================================================================
MSG: builtin_interfaces/Time
int32 sec
uint32 nanosec
"""
DEFINITIONS: dict[str, str] = {
    "sensor_msgs/msg/Image": _HEADER
    + """uint32 height
uint32 width
string encoding
uint8 is_bigendian
uint32 step
uint8[] data
"""
    + _HEADER_PARTS
    + _TIME_PART,
    "sensor_msgs/msg/CompressedImage": _HEADER
    + """string format
uint8[] data
"""
    + _HEADER_PARTS
    + _TIME_PART,
    "sensor_msgs/msg/CameraInfo": _HEADER
    + """uint32 height
uint32 width
string distortion_model
float64[] d
float64[9] k
float64[9] r
float64[12] p
uint32 binning_x
uint32 binning_y
sensor_msgs/RegionOfInterest roi
"""
    + _HEADER_PARTS
    + _TIME_PART
    + """================================================================================
MSG: sensor_msgs/RegionOfInterest
uint32 x_offset
uint32 y_offset
uint32 height
uint32 width
bool do_rectify
""",
    "sensor_msgs/msg/TimeReference": _HEADER
    + """builtin_interfaces/Time time_ref
string source
"""
    + _HEADER_PARTS
    + _TIME_PART,
    "rcl_interfaces/msg/Log": """byte DEBUG=10
byte INFO=20
byte WARN=30
byte ERROR=40
byte FATAL=50
builtin_interfaces/Time stamp
uint8 level
string name
string msg
string file
string function
uint32 line
"""
    + _TIME_PART,
    "thermoscope_msgs/msg/FrameStamp": """# all clocks as they were read; -1: unknown
builtin_interfaces/Time stamp
uint64 sequence
int64 counter
int64 device_ns
int64 host_ns
int64 kernel_ns
float64 temperature_k
string ffc
uint8[] telemetry
"""
    + _TIME_PART,
}


class Cdr:
    """Bytes of one message, field after field.

    Example:
        >>> Cdr().number("B", 7).number("I", 1).message().hex()
        '000100000700000001000000'
    """

    def __init__(self) -> None:
        self._parts: list[bytes] = [LITTLE_ENDIAN]
        self._size = 0

    def number(self, kind: str, value: float) -> Cdr:
        """One number; `kind` as in `struct`: B, i, I, q, Q, d."""
        return self.numbers(kind, (value,))

    def numbers(self, kind: str, values: tuple[float, ...]) -> Cdr:
        """An array of fixed length."""
        if values:
            self._pad(struct.calcsize("<" + kind))
            self._add(struct.pack(f"<{len(values)}{kind}", *values))
        return self

    def text(self, value: str) -> Cdr:
        """A string."""
        encoded = value.encode("utf-8") + b"\0"
        self.number("I", len(encoded))
        self._add(encoded)
        return self

    def blob(self, value: bytes) -> Cdr:
        """An array of bytes of any length."""
        self.number("I", len(value))
        self._add(value)
        return self

    def time(self, t_ns: int) -> Cdr:
        """Seconds and nanoseconds."""
        return self.number("i", t_ns // NS).number("I", t_ns % NS)

    def header(self, t_ns: int, frame_id: str) -> Cdr:
        """Stamp and name of the coordinate frame."""
        return self.time(t_ns).text(frame_id)

    def message(self) -> bytes:
        """The message."""
        return b"".join(self._parts)

    def _pad(self, size: int) -> None:
        self._add(bytes(-self._size % size))

    def _add(self, data: bytes) -> None:
        self._parts.append(data)
        self._size += len(data)


class CdrReader:
    """Fields of one message, in their order.

    Raises:
        ReadError: From each method where the bytes end too early, and here for another encoding.
    """

    def __init__(self, data: bytes) -> None:
        if data[:4] != LITTLE_ENDIAN:
            raise ReadError(
                f"message begins with {data[:4].hex()}, expected little-endian CDR "
                f"{LITTLE_ENDIAN.hex()}. Convert the recording with its own tools."
            )
        self._data, self._at = data, 4

    def number(self, kind: str) -> int:
        """One whole number."""
        return int(self._numbers(kind)[0])

    def real(self) -> float:
        """One float64."""
        return float(self._numbers("d")[0])

    def text(self) -> str:
        """A string."""
        return self._take(self.number("I")).rstrip(b"\0").decode("utf-8", "replace")

    def blob(self) -> bytes:
        """An array of bytes."""
        return self._take(self.number("I"))

    def time_ns(self) -> int:
        """A stamp, ns."""
        return self.number("i") * NS + self.number("I")

    def _numbers(self, kind: str) -> tuple[float, ...]:
        size = struct.calcsize("<" + kind)
        self._at += -(self._at - 4) % size
        return struct.unpack("<" + kind, self._take(size))

    def _take(self, size: int) -> bytes:
        part = self._data[self._at : self._at + size]
        if len(part) < size:
            raise ReadError(
                f"message ends after {len(self._data)} bytes, expected {self._at + size}. "
                "The recording is damaged: run thermoscope rig verify."
            )
        self._at += size
        return part


# -- pictures --------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Picture:
    """One picture message.

    Attributes:
        t_ns: Stamp of its header, ns.
        camera: Its frame_id.
        pixels: (H, W) uint8 or uint16, or (H, W, 3) uint8 RGB; None while it is compressed.
        compressed: Bytes of a compressed picture, else empty.
        format: Of the compressed bytes.
    """

    t_ns: int
    camera: str
    pixels: NDArray[np.generic] | None
    compressed: bytes = b""
    format: str = ""


def image(t_ns: int, camera: str, pixels: NDArray[np.generic]) -> bytes:
    """``sensor_msgs/msg/Image``: mono16, mono8 or rgb8, by type and shape of the pixels."""
    colour = pixels.ndim == 3
    encoding = "rgb8" if colour else ("mono16" if pixels.dtype == np.uint16 else "mono8")
    height, width = pixels.shape[:2]
    step = width * pixels.dtype.itemsize * (3 if colour else 1)
    start = Cdr().header(t_ns, camera).number("I", height).number("I", width).text(encoding)
    return start.number("B", 0).number("I", step).blob(pixels.tobytes()).message()


def compressed_image(t_ns: int, camera: str, data: bytes, format_name: str) -> bytes:
    """``sensor_msgs/msg/CompressedImage``."""
    return Cdr().header(t_ns, camera).text(format_name).blob(data).message()


def parse_picture(data: bytes, *, compressed: bool) -> Picture:
    """A picture message of either kind.

    Raises:
        ReadError: It is cut, or its encoding is none of mono16, 16UC1, mono8, rgb8.
    """
    reader = CdrReader(data)
    t_ns, camera = reader.time_ns(), reader.text()
    if compressed:
        kind = reader.text()
        return Picture(t_ns, camera, None, reader.blob(), kind)
    height, width, encoding = reader.number("I"), reader.number("I"), reader.text()
    big_endian, _, body = reader.number("B"), reader.number("I"), reader.blob()
    if encoding not in PIXELS or big_endian or not 0 < max(height, width) <= LARGEST_SIDE_PX:
        raise ReadError(
            f"picture of {width}x{height} in {encoding!r} is not read. "
            f"Known: little-endian {', '.join(PIXELS)}."
        )
    kind_of, channels = PIXELS[encoding]
    shape = (height, width, 3) if channels == 3 else (height, width)
    if len(body) != int(np.prod(shape)) * np.dtype(kind_of).itemsize:
        raise ReadError(f"picture of {width}x{height} in {encoding!r} has {len(body)} bytes.")
    return Picture(t_ns, camera, np.frombuffer(body, kind_of).reshape(shape))


# -- what goes beside them -------------------------------------------------------------------------


@dataclass(frozen=True)
class FrameStamp:
    """Every clock of one frame, and its telemetry row as it came; None = the device does not tell.

    Attributes:
        t_ns: The recording's own time, ns since 1970: `host_ns` plus a constant.
        sequence: The host's count of the frames of this camera.
        counter: The device's count.
        device_ns: The device's clock, ns.
        host_ns: Monotonic clock of the host at the driver's queue, ns.
        kernel_ns: The same in the kernel's buffer, ns.
        temperature_k: Of the sensor, K.
        ffc: Word for the state of the shutter; empty if unknown.
        telemetry: The raw row.
    """

    t_ns: int
    sequence: int
    counter: int | None
    device_ns: int | None
    host_ns: int
    kernel_ns: int | None = None
    temperature_k: float | None = None
    ffc: str = ""
    telemetry: bytes = b""

    def message(self) -> bytes:
        """``thermoscope_msgs/msg/FrameStamp``."""
        cdr = Cdr().time(self.t_ns).number("Q", self.sequence)
        for value in (self.counter, self.device_ns, self.host_ns, self.kernel_ns):
            cdr.number("q", -1 if value is None else value)
        kelvin = float("nan") if self.temperature_k is None else self.temperature_k
        return cdr.number("d", kelvin).text(self.ffc).blob(self.telemetry).message()


def parse_frame_stamp(data: bytes) -> FrameStamp:
    """A ``thermoscope_msgs/msg/FrameStamp``.

    Raises:
        ReadError: It is cut.
    """
    reader = CdrReader(data)
    t_ns, sequence = reader.time_ns(), reader.number("Q")
    counter, device_ns, host_ns, kernel_ns = (reader.number("q") for _ in range(4))
    kelvin = reader.real()
    return FrameStamp(
        t_ns=t_ns,
        sequence=sequence,
        counter=None if counter < 0 else counter,
        device_ns=None if device_ns < 0 else device_ns,
        host_ns=host_ns,
        kernel_ns=None if kernel_ns < 0 else kernel_ns,
        temperature_k=None if math.isnan(kelvin) else kelvin,
        ffc=reader.text(),
        telemetry=reader.blob(),
    )


@dataclass(frozen=True)
class LogEntry:
    """One event of a recording, as ``rcl_interfaces/msg/Log``, which log viewers show.

    Attributes:
        t_ns: When, ns.
        camera: Whose; "rig" for the recorder itself.
        kind: One word: drop, duplicate, freeze, ffc, restart, lost, queue, clock, stop.
        text: For people.
        count: How many frames.
        level: 20 information, 30 warning, 40 error.
    """

    t_ns: int
    camera: str
    kind: str
    text: str
    count: int = 0
    level: int = 30

    def message(self) -> bytes:
        """The message: the kind is in `function`, the count in `line`."""
        cdr = Cdr().time(self.t_ns).number("B", self.level).text(self.camera).text(self.text)
        return cdr.text("").text(self.kind).number("I", self.count).message()


def parse_log(data: bytes) -> LogEntry:
    """A ``rcl_interfaces/msg/Log`` of a recording.

    Raises:
        ReadError: It is cut.
    """
    reader = CdrReader(data)
    t_ns, level, camera, text = (
        reader.time_ns(), reader.number("B"), reader.text(), reader.text(),
    )  # fmt: skip
    reader.text()
    return LogEntry(t_ns, camera, reader.text(), text, reader.number("I"), level)


def time_reference(t_ns: int, utc_ns: int) -> bytes:
    """``sensor_msgs/msg/TimeReference``: the recording's time beside the system's UTC."""
    return Cdr().header(t_ns, "rig").time(utc_ns).text("system clock").message()


def camera_info(
    t_ns: int,
    camera: str,
    *,
    size: tuple[int, int],
    K: NDArray[np.float64],
    model: str,
    distortion: tuple[float, ...],
) -> bytes:
    """``sensor_msgs/msg/CameraInfo`` of an unrectified camera.

    Args:
        t_ns: Stamp, ns.
        camera: Name of its frame.
        size: Width and height, px.
        K: (3, 3) px.
        model: ROS's name of the distortion: plumb_bob, rational_polynomial, equidistant.
        distortion: Its coefficients.
    """
    flat = tuple(float(v) for v in np.asarray(K).ravel())
    cdr = Cdr().header(t_ns, camera).number("I", size[1]).number("I", size[0]).text(model)
    cdr.number("I", len(distortion)).numbers("d", distortion).numbers("d", flat)
    cdr.numbers("d", (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0))
    cdr.numbers("d", (*flat[:3], 0.0, *flat[3:6], 0.0, *flat[6:], 0.0))
    cdr.number("I", 0).number("I", 0)
    for _ in range(4):
        cdr.number("I", 0)
    return cdr.number("B", 0).message()
