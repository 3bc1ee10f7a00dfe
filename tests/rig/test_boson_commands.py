"""Commands of a Boson, over a pseudo-terminal that answers as the camera does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from thermoscope.core.errors import CameraError
from thermoscope.rig.boson import open_serial_port
from thermoscope.rig.boson_commands import COMMANDS, BosonCommands, FfcMode, Ir16
from thermoscope.rig.camera import FfcState
from thermoscope.rig.fslp import CommandPort, Packet, PacketParser, encode
from thermoscope.rig.simulated_firmware import BosonFirmware, FirmwareLinks
from thermoscope.rig.simulated_port import SimulatedPort

SAVE_DEFAULTS, FACTORY_RESET, AVERAGER, REBOOT = 0x00050018, 0x0005001B, 0x0000000B, 0x00050010


class Shutter:
    state, calls, kelvin = FfcState.NONE, 0, 263.45

    def run(self) -> None:
        self.calls += 1
        self.state = FfcState.RUNNING


@pytest.fixture
def shutter() -> Shutter:
    return Shutter()


@pytest.fixture
def firmware(shutter: Shutter) -> BosonFirmware:
    links = FirmwareLinks(
        run_ffc=shutter.run, ffc=lambda: shutter.state, temperature_k=lambda: shutter.kelvin
    )
    return BosonFirmware("93588", links=links)


@pytest.fixture
def commands(firmware: BosonFirmware) -> Iterator[BosonCommands]:
    port = SimulatedPort(firmware)
    commands = BosonCommands(CommandPort(open_serial_port(port.path), name="left"), name="left")
    yield commands
    commands.close()
    port.close()


def test_identity(commands: BosonCommands) -> None:
    assert commands.serial_number() == "93588"
    assert commands.part_number() == "20640A095-9PARX"
    assert commands.firmware() == "3.0.25714"
    assert commands.radiometric() is True


def test_temperature_below_freezing_is_signed(commands: BosonCommands) -> None:
    assert commands.sensor_temperature_k() == pytest.approx(263.45)  # -9.7 degC, not 6543.9


def test_shutter(commands: BosonCommands, shutter: Shutter) -> None:
    assert commands.ffc_state() is FfcState.NONE
    commands.run_ffc()
    assert (commands.ffc_state(), shutter.calls) == (FfcState.RUNNING, 1)
    assert COMMANDS["run_ffc"].attempts == 1  # asking twice would close it twice


def test_settings_are_read_back(commands: BosonCommands, firmware: BosonFirmware) -> None:
    assert (commands.ffc_mode(), commands.sync(), commands.gain()) == (1, "free", 0)
    commands.set_ffc_mode(FfcMode.MANUAL)
    commands.set_sync("slave")
    commands.set_ir16(Ir16.TLINEAR)
    commands.telemetry_at_the_top()

    assert (commands.ffc_mode(), commands.sync(), commands.ir16()) == (0, "slave", 2)
    assert firmware.settings[0x0006000E] == 1  # one-shot, which a slave needs
    assert (firmware.telemetry, firmware.telemetry_at_the_top) == (True, True)
    commands.set_sync("master")
    assert firmware.settings[0x0006000E] == 0


def test_no_command_that_outlives_the_session() -> None:
    functions = {command.function for command in COMMANDS.values()}

    assert not functions & {SAVE_DEFAULTS, FACTORY_RESET, AVERAGER, REBOOT}
    assert len(functions) == len(COMMANDS)


class Replies:
    """A port that gives one reply to everything."""

    def __init__(self, data: bytes = b"", code: int | None = None) -> None:
        self.data, self.code = data, code

    def call(self, function: int, data: bytes = b"", *, attempts: int = 1) -> bytes:
        if self.code is not None and function != COMMANDS["part_number"].function:
            raise CameraError("refused", code=self.code)
        return self.data


@pytest.mark.parametrize(
    ("part", "answer"), [("20640A095-9PARX", True), ("20640A095-9PAAX", False)]
)
def test_radiometric_by_part_number_where_the_question_is_unknown(part: str, answer: bool) -> None:
    old = BosonCommands(Replies(part.encode().ljust(20, b"\0"), code=0x161))

    assert old.radiometric() is answer


def test_replies_that_mean_nothing() -> None:
    with pytest.raises(CameraError, match="left: serial_number replied 2 bytes, expected 4"):
        BosonCommands(Replies(b"ab"), name="left").serial_number()
    with pytest.raises(CameraError, match="unknown flat-field state 9"):
        BosonCommands(Replies(bytes((0, 0, 0, 9)))).ffc_state()
    with pytest.raises(CameraError, match="unknown sync mode 7"):
        BosonCommands(Replies(bytes((0, 0, 0, 7)))).sync()


def test_firmware_refuses_like_a_camera() -> None:
    firmware = BosonFirmware("1")

    assert firmware.answer(Packet(7, 0x00990099)) == Packet(7, 0x00990099, 0x161)
    assert firmware.answer(Packet(8, 0x00050012, data=b"\0")).status == 0x17D
    assert firmware.answer(Packet(8, 0x00050012, data=bytes(5))).status == 0x17E
    assert firmware.answer(Packet(8, 0x00050002, data=b"\0")).status == 0x17E
    assert firmware.answer(Packet(8, SAVE_DEFAULTS)).status == 0
    assert firmware.harmful_calls == 1


def test_firmware_forgets_at_power_on() -> None:
    firmware = BosonFirmware("1")
    firmware.answer(Packet(1, 0x00040001, data=bytes((0, 0, 0, 1))))
    assert firmware.telemetry
    firmware.power_on()
    assert not firmware.telemetry


def test_slave_without_pulses_faults() -> None:
    faults = []
    links = FirmwareLinks(has_pulses=lambda: False, fault=lambda: faults.append("reboot"))
    firmware = BosonFirmware("1", links=links)

    firmware.answer(Packet(1, 0x00050098, data=bytes((0, 0, 0, 1))))
    assert faults == []
    firmware.answer(Packet(2, 0x00050098, data=bytes((0, 0, 0, 2))))
    assert faults == ["reboot"]


@pytest.mark.parametrize(
    ("request_text", "reply_text"),
    [
        (
            "8E 00 00000001 00050002 FFFFFFFF 010B AE",
            "8E 00 00000001 00050002 00000000 00016D94 3010 AE",
        ),
        (
            "8E 00 00000001 00050030 FFFFFFFF 4966 AE",
            "8E 00 00000001 00050030 00000000 017C BDCE AE",
        ),
        ("8E 00 00000001 00050007 FFFFFFFF 225C AE", "8E 00 00000001 00050007 00000000 BB93 AE"),
    ],
)
def test_firmware_gives_the_captured_replies(
    firmware: BosonFirmware, shutter: Shutter, request_text: str, reply_text: str
) -> None:
    shutter.kelvin = 311.15  # 38.0 degC, as on the day
    (request,) = PacketParser().feed(bytes.fromhex(request_text))

    assert encode(firmware.answer(request)) == bytes.fromhex(reply_text)
