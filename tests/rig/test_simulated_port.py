"""The command port with spoilt replies: the driver gets the right answer, or an error of ours."""

from __future__ import annotations

import os

import pytest

from thermoscope.core.errors import CameraError, RigError
from thermoscope.rig.boson import open_serial_port
from thermoscope.rig.boson_commands import BosonCommands
from thermoscope.rig.camera import FfcState
from thermoscope.rig.fslp import CommandPort, Packet, PacketParser, encode
from thermoscope.rig.simulated_firmware import BosonFirmware, FirmwareLinks
from thermoscope.rig.simulated_plan import Faults
from thermoscope.rig.simulated_port import SimulatedPort

LINKS = FirmwareLinks(ffc=lambda: FfcState.COMPLETE, counter=lambda: 7)


def asked_in_turn(faults: Faults, rounds: int) -> tuple[list[object], CommandPort, SimulatedPort]:
    """Answers to serial number and shutter state by turns; None where no answer came."""
    port = SimulatedPort(BosonFirmware("93588", links=LINKS), faults, seed=2)
    line = CommandPort(open_serial_port(port.path), timeout_s=0.15)
    commands, answers = BosonCommands(line), []
    for index in range(rounds):
        try:
            answers.append(commands.ffc_state() if index % 2 else commands.serial_number())
        except CameraError:
            answers.append(None)
    line.close()
    port.close()
    return answers, line, port


@pytest.mark.parametrize(
    ("fault", "rate"), [("split", 1.0), ("duplicate", 1.0), ("late", 0.3), ("corrupt", 0.3)]
)
def test_no_answer_is_taken_for_another(fault: str, rate: float) -> None:
    faults = Faults(**{f"serial_{fault}_rate": rate}, serial_late_s=0.2)  # type: ignore[arg-type]
    answers, line, port = asked_in_turn(faults, 14)

    assert port.spoilt[fault] > 0
    for index, answer in enumerate(answers):
        assert answer in (None, FfcState.COMPLETE if index % 2 else "93588")
    assert answers.count(None) <= 2  # both tries spoilt
    if fault == "corrupt":
        assert line.bad_frames > 0
    if fault in ("duplicate", "late"):
        assert line.stray_replies > 0


def test_bytes_on_the_wire_are_those_that_were_captured() -> None:
    port = SimulatedPort(BosonFirmware("93588"))
    descriptor = os.open(port.path, os.O_RDWR | os.O_NOCTTY)
    request = bytes.fromhex("8E 00 00000001 00050002 FFFFFFFF 010B AE")
    reply = bytes.fromhex("8E 00 00000001 00050002 00000000 00016D94 3010 AE")
    os.write(descriptor, request)
    got = b""
    while len(got) < len(reply):
        got += os.read(descriptor, 100)
    os.close(descriptor)
    port.close()
    port.close()  # twice does nothing

    assert got == reply


def test_garbage_on_the_wire_is_ignored() -> None:
    port = SimulatedPort(BosonFirmware("5"))
    line = open_serial_port(port.path)
    line.write(b"\x00\x8e\x11\xae hello " + encode(Packet(3, 0x00050002)))
    parser, packets = PacketParser(), []
    while not packets:
        packets = parser.feed(line.read(100))
    line.close()
    port.close()

    assert packets == [Packet(3, 0x00050002, 0, bytes((0, 0, 0, 5)))]


def test_the_line_goes_when_the_cable_does() -> None:
    port = SimulatedPort(BosonFirmware("5"))
    commands = BosonCommands(CommandPort(open_serial_port(port.path), name="left", timeout_s=0.2))
    assert commands.serial_number() == "5"
    port.close()

    with pytest.raises(CameraError, match=r"left: (the command port is gone|no reply)"):
        commands.serial_number()


def test_nobody_reads() -> None:
    port = SimulatedPort(BosonFirmware("5"))
    line = open_serial_port(port.path)
    for number in range(1000):  # more replies than the terminal holds
        line.write(encode(Packet(number, 0x00050002)))
    port.close()
    line.close()

    assert not port._thread.is_alive()


def test_one_program_at_a_time() -> None:
    port = SimulatedPort(BosonFirmware("5"))
    line = open_serial_port(port.path)
    with pytest.raises(CameraError, match="no other program has it"):
        open_serial_port(port.path)
    line.close()
    port.close()


def test_no_terminal_left(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left() -> tuple[int, int]:
        raise OSError(28, "out of pty devices")

    monkeypatch.setattr(os, "openpty", none_left)
    with pytest.raises(RigError, match="no pseudo-terminal for the simulated port"):
        SimulatedPort(BosonFirmware("5"))
