"""What the rig asks of a Boson: a table of commands, and one method for each use.

The table has no command that writes to the camera's memory (power-on defaults, factory reset),
none that reboots it, and not the averager: a wrong call of those outlives the power switch, and
cameras were lost to it. A setting made here is gone at the next power-on. What is NOT here: bytes
(`rig.fslp`).

Source: function numbers as interface facts, cross-checked between two public drivers.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import Enum

from thermoscope.core.errors import CameraError
from thermoscope.rig.camera import FfcState, Sync
from thermoscope.rig.fslp import CommandPort

__all__ = ["COMMANDS", "FFC_STATES", "SYNC_MODES", "BosonCommands", "Command", "FfcMode", "Ir16"]

ZERO_CELSIUS_K = 273.15
FFC_STATES = (FfcState.NONE, FfcState.IMMINENT, FfcState.RUNNING, FfcState.COMPLETE)
SYNC_MODES: tuple[Sync, ...] = ("free", "master", "slave")


class FfcMode(Enum):
    """Who closes the shutter."""

    MANUAL = 0
    AUTO = 1


class Ir16(Enum):
    """What a 16-bit pixel means."""

    COUNTS = 0
    """Linear in flux, before tone mapping; steps at each flat-field correction."""
    COUNTS_14 = 1
    """The same in 14 bits."""
    TLINEAR = 2
    """Hundredths of a kelvin, on a radiometric core."""


@dataclass(frozen=True)
class Command:
    """One function of the camera."""

    function: int
    """Its number."""
    sends: str = ""
    """Layout of the arguments, as `struct` writes it, big-endian; an enum is an i."""
    returns: str = ""
    """Layout of the result."""
    attempts: int = 2
    """How often to ask when no reply comes; 1 where asking twice does something twice."""


COMMANDS: dict[str, Command] = {
    "serial_number": Command(0x00050002, returns="I"),
    "part_number": Command(0x00050004, returns="20s"),
    "firmware": Command(0x00050022, returns="III"),
    "run_ffc": Command(0x00050007, attempts=1),
    "set_ffc_mode": Command(0x00050012, sends="i"),
    "ffc_mode": Command(0x00050013, returns="i"),
    "ffc_status": Command(0x00050054, returns="i"),
    "ffc_in_progress": Command(0x0005000C, returns="h"),
    "sensor_temperature": Command(0x00050030, returns="h"),  # tenths of a degree Celsius, signed
    "gain": Command(0x00050015, returns="i"),
    "set_sync": Command(0x00050098, sends="i"),
    "sync": Command(0x00050099, returns="i"),
    "set_display_mode": Command(0x0006000D, sends="i"),
    "set_ir16": Command(0x000E000D, sends="i"),
    "ir16": Command(0x000E000E, returns="i"),
    "set_tlinear": Command(0x003E0001, sends="i"),
    "radiometric": Command(0x0042007D, returns="i"),
    "set_telemetry": Command(0x00040001, sends="i"),
    "set_telemetry_location": Command(0x00040003, sends="i"),
    "frame_rate": Command(0x000E0007, returns="I"),
    "uptime_s": Command(0x000E0008, returns="I"),
}


class BosonCommands:
    """Commands of one camera by name.

    Every method raises `CameraError` if no reply comes, the camera refuses, or the reply has
    another layout than the function's.
    """

    def __init__(self, port: CommandPort, *, name: str = "") -> None:
        self._port, self._name = port, name

    def ask(self, command: str, *arguments: int) -> tuple[int | bytes, ...]:
        """What the function called `command` in `COMMANDS` returns."""
        entry = COMMANDS[command]
        data = struct.pack(">" + entry.sends, *arguments)
        reply = self._port.call(entry.function, data, attempts=entry.attempts)
        layout = struct.Struct(">" + entry.returns)
        if len(reply) != layout.size:
            raise CameraError(
                f"{self._name}: {command} replied {len(reply)} bytes, expected {layout.size}. "
                "The firmware is another than this driver knows.",
                camera=self._name,
            )
        return layout.unpack(reply)

    def _number(self, command: str) -> int:
        return int(self.ask(command)[0])

    def close(self) -> None:
        """Let the port go."""
        self._port.close()

    def serial_number(self) -> str:
        """Of the camera, decimal."""
        return str(self._number("serial_number"))

    def part_number(self) -> str:
        """Of the camera, without padding."""
        padded = bytes(self.ask("part_number")[0])
        return padded.split(b"\0")[0].decode("ascii", "replace")

    def firmware(self) -> str:
        """Version, ``major.minor.patch``."""
        return ".".join(str(part) for part in self.ask("firmware"))

    def sensor_temperature_k(self) -> float:
        """Of the sensor, K; below the freezing point too."""
        return self._number("sensor_temperature") / 10 + ZERO_CELSIUS_K

    def run_ffc(self) -> None:
        """Close the shutter once, now."""
        self.ask("run_ffc")

    def ffc_state(self) -> FfcState:
        """Of the flat-field correction."""
        state = self._number("ffc_status")
        if not 0 <= state < len(FFC_STATES):
            raise CameraError(
                f"{self._name}: unknown flat-field state {state}. Known are 0 to 3.",
                camera=self._name,
            )
        return FFC_STATES[state]

    def set_ffc_mode(self, mode: FfcMode) -> None:
        """Let the camera close its shutter by itself, or only on command."""
        self.ask("set_ffc_mode", mode.value)

    def ffc_mode(self) -> int:
        """0 manual, 1 automatic, 2 external, 3 shutter test."""
        return self._number("ffc_mode")

    def set_sync(self, sync: Sync) -> None:
        """Run freely, give the pulse, or wait for it.

        A slave must already see pulses: without them the core faults and reboots. The camera is put
        in one-shot mode for it, in continuous mode otherwise.
        """
        self.ask("set_display_mode", 1 if sync == "slave" else 0)
        self.ask("set_sync", SYNC_MODES.index(sync))

    def sync(self) -> Sync:
        """As the camera has it."""
        mode = self._number("sync")
        if not 0 <= mode < len(SYNC_MODES):
            raise CameraError(
                f"{self._name}: unknown sync mode {mode}. Known are 0 to 2.", camera=self._name
            )
        return SYNC_MODES[mode]

    def radiometric(self) -> bool:
        """Whether the core can give temperatures.

        Cores that do not know the question answer by their part number: the 14th of its 15
        characters is R.
        """
        try:
            return bool(self._number("radiometric"))
        except CameraError as err:
            if err.code is None:
                raise
            part = self.part_number()
            return len(part) >= 14 and part[13] == "R"

    def set_ir16(self, meaning: Ir16) -> None:
        """What a 16-bit pixel is to mean."""
        self.ask("set_tlinear", int(meaning is Ir16.TLINEAR))
        self.ask("set_ir16", meaning.value)

    def ir16(self) -> int:
        """What a 16-bit pixel means: a value of `Ir16`."""
        return self._number("ir16")

    def gain(self) -> int:
        """0 high, 1 low, 2 automatic, 3 dual, 4 manual."""
        return self._number("gain")

    def telemetry_at_the_top(self) -> None:
        """Put the telemetry rows above the picture."""
        self.ask("set_telemetry_location", 0)
        self.ask("set_telemetry", 1)
