"""The Lepton driver on buffers written from byte offsets."""

from __future__ import annotations

import struct
from dataclasses import replace

import numpy as np
import pytest

from thermoscope.core.errors import CameraError, ConfigError
from thermoscope.rig.camera import CameraSettings, FfcState
from thermoscope.rig.lepton import DEFAULT, LeptonCamera, build, decode_footer
from thermoscope.rig.usb_devices import UsbDevice
from thermoscope.rig.video_stream import RawPicture

BOARD = UsbDevice(0x1E4E, 0x0100, "8003", "PureThermal", 1, "1-1", 480.0, ("/dev/video0",), ())


def footer(uptime_ms: int, state: int) -> bytes:
    row = bytearray(320)
    struct.pack_into("<I", row, 2, uptime_ms)
    struct.pack_into("<I", row, 6, state << 4)
    struct.pack_into("<I", row, 40, 70_000)
    struct.pack_into("<H", row, 48, 30_115)
    return bytes(row)


class Buffers:
    """A stream of given buffers."""

    def __init__(self, *data: bytes) -> None:
        self.data = list(data)
        self.taken = 0

    @property
    def ended(self) -> bool:
        return self.taken == len(self.data)

    def open(self) -> None: ...
    def close(self) -> None: ...
    def read(self, timeout_s: float) -> RawPicture | None:
        self.taken += 1
        return RawPicture(self.data[self.taken - 1], 5, 4, self.taken)


def camera(stream: Buffers, settings: CameraSettings = DEFAULT, boards=(BOARD,)) -> LeptonCamera:
    return LeptonCamera(
        "", "lepton", settings, devices=lambda: boards, open_stream=lambda _, wire: stream
    )


def test_frames_with_footer() -> None:
    pixels = np.arange(160 * 120, dtype="<u2").reshape(120, 160)
    whole = pixels.tobytes() + footer(100_000, 2) + bytes(320)
    with camera(Buffers(whole, whole[:-1], whole)) as lepton:
        frames = list(lepton.frames())

    assert lepton.serial == "8003"
    np.testing.assert_array_equal(frames[0].image, pixels)
    assert (frames[0].device_ns, frames[0].ffc) == (100_000_000_000, FfcState.RUNNING)
    assert frames[0].temperature_k == 301.15
    assert frames[0].telemetry == footer(100_000, 2)
    assert ([f.counter for f in frames], lepton.bad_pictures) == ([1, 3], 1)


def test_counter_of_the_footer() -> None:
    assert decode_footer(np.frombuffer(footer(1, 0), "<u2")).counter == 70_000
    with pytest.raises(CameraError, match="more than 24 words, got 24"):
        decode_footer(np.zeros(24, np.uint16))


def test_without_footer() -> None:
    settings = replace(DEFAULT, extra={"telemetry": "none"})
    with camera(Buffers(bytes(2 * 160 * 120)), settings) as lepton:
        frame = next(lepton.frames())

    assert (frame.telemetry, frame.ffc, frame.device_ns) == (None, None, None)


def test_which_board() -> None:
    with pytest.raises(
        CameraError, match="expected exactly one PureThermal board plugged in, found 2"
    ):
        camera(Buffers(), boards=(BOARD, BOARD)).open()
    with pytest.raises(CameraError, match="board with serial 9, found 0"):
        build("9", "lepton", None).open()
    with pytest.raises(ConfigError, match="telemetry=footer or none, got 'y16' and 'top'"):
        camera(Buffers(), replace(DEFAULT, extra={"telemetry": "top"}))
