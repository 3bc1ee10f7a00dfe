"""The Boson's side of the command port: a request in, the reply out.

It is pure: state and answers, no port. What is NOT here: the pseudo-terminal that it answers on
(`simulated_port`), and the video, whose state comes in through `FirmwareLinks`.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from dataclasses import dataclass

from thermoscope.rig.camera import FfcState
from thermoscope.rig.fslp import Packet

__all__ = ["BosonFirmware", "FirmwareLinks"]

NO_SUCH_FUNCTION, TOO_FEW_BYTES, TOO_MANY_BYTES = 0x161, 0x17D, 0x17E
FFC_NUMBERS = {
    FfcState.NONE: 0,
    FfcState.IMMINENT: 1,
    FfcState.RUNNING: 2,
    FfcState.COMPLETE: 3,
}
SETTINGS = {  # set function -> (get function, value at power-on); all are i32 enums
    0x00050012: (0x00050013, 1),  # FFC mode: automatic
    0x00050014: (0x00050015, 0),  # gain: high
    0x00050098: (0x00050099, 0),  # external sync: off
    0x0006000D: (0x0006000E, 0),  # display: continuous
    0x000E000D: (0x000E000E, 0),  # 16-bit pixels: counts
    0x003E0001: (0x003E0002, 0),  # TLinear: off
    0x00040001: (0x00040002, 0),  # telemetry: off
    0x00040003: (0x00040004, 1),  # telemetry: at the bottom
}
SLAVE = 2
HARMFUL = {0x00050018, 0x0005001B, 0x0000000B}  # save defaults, factory reset, averager


@dataclass(frozen=True)
class FirmwareLinks:
    """What the firmware knows of the rest of the camera."""

    run_ffc: Callable[[], None] = lambda: None
    """Close the shutter at the next frame."""
    ffc: Callable[[], FfcState] = lambda: FfcState.NONE
    """State of the shutter."""
    temperature_k: Callable[[], float] = lambda: 305.0
    """Of the sensor, K."""
    counter: Callable[[], int] = lambda: 0
    """Frames since power-on."""
    has_pulses: Callable[[], bool] = lambda: True
    """Whether the trigger runs."""
    fault: Callable[[], None] = lambda: None
    """The core faults and reboots."""


class BosonFirmware:
    """State of one camera's command side.

    Args:
        serial: Serial number, decimal.
        part_number: 15 characters; the 14th is R for a radiometric core.
        links: The rest of the camera.

    Attributes:
        harmful_calls: Commands so far that could have cost the camera.
    """

    def __init__(
        self,
        serial: str,
        *,
        part_number: str = "20640A095-9PARX",
        links: FirmwareLinks | None = None,
    ) -> None:
        self.harmful_calls = 0
        self._serial, self._part_number = int(serial), part_number
        self._links = links or FirmwareLinks()
        self._started = time.monotonic()
        self.settings = dict(SETTINGS.values())

    def power_on(self) -> None:
        """Forget every setting."""
        self._started = time.monotonic()
        self.settings = dict(SETTINGS.values())

    @property
    def telemetry(self) -> bool:
        """Whether the video is to have telemetry rows."""
        return bool(self.settings[0x00040002])

    @property
    def telemetry_at_the_top(self) -> bool:
        """Where the rows are to be."""
        return self.settings[0x00040004] == 0

    def answer(self, request: Packet) -> Packet:
        """The reply to `request`."""
        status, data = self._do(request.function, request.data)
        return Packet(request.sequence, request.function, status, data, request.channel)

    def _do(self, function: int, data: bytes) -> tuple[int, bytes]:
        if function in HARMFUL:
            self.harmful_calls += 1
            return 0, b""
        if function in SETTINGS:
            return self._set(function, data)
        if function == 0x00050007:
            self._links.run_ffc()
            return 0, b""
        reading = self._reading(function)
        if reading is None:
            return NO_SUCH_FUNCTION, b""
        return (TOO_MANY_BYTES, b"") if data else (0, reading)

    def _set(self, function: int, data: bytes) -> tuple[int, bytes]:
        if len(data) != 4:
            return (TOO_FEW_BYTES if len(data) < 4 else TOO_MANY_BYTES), b""
        value = struct.unpack(">i", data)[0]
        self.settings[SETTINGS[function][0]] = value
        if function == 0x00050098 and value == SLAVE and not self._links.has_pulses():
            self._links.fault()
        return 0, b""

    def _reading(self, function: int) -> bytes | None:
        if function in self.settings:
            return struct.pack(">i", self.settings[function])
        celsius_tenths = round((self._links.temperature_k() - 273.15) * 10)
        ffc = self._links.ffc()
        readings: dict[int, bytes] = {
            0x00050002: struct.pack(">I", self._serial),
            0x00050006: struct.pack(">I", self._serial + 1_000_000),
            0x00050004: self._part_number.encode("ascii").ljust(20, b"\0"),
            0x00050022: struct.pack(">III", 3, 0, 25_714),
            0x00050054: struct.pack(">i", FFC_NUMBERS[ffc]),
            0x0005000C: struct.pack(">h", int(ffc is FfcState.RUNNING)),
            0x00050030: struct.pack(">h", celsius_tenths),
            0x00050031: struct.pack(">H", celsius_tenths + 2732),
            0x000500AC: struct.pack(">I", self._links.counter()),
            0x000E0007: struct.pack(">I", 60),
            0x000E0008: struct.pack(">I", int(time.monotonic() - self._started)),
            0x0042007D: struct.pack(">i", int(self._part_number[13:14] == "R")),
        }
        return readings.get(function)
