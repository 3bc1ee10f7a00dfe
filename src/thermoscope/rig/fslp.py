"""The Boson's serial protocol: frames on a byte stream, and one command port over it.

A frame is ``8E``, then channel, packet and checksum with three bytes escaped, then ``AE``. The
packet is big-endian: sequence, function and status as u32, then data. `PacketParser` is pure: bytes
in, packets out. `CommandPort` matches a reply to its request by sequence number, so a late reply is
never taken for the next one. What is NOT here: which functions exist (`rig.boson_commands`).

Source: interface facts, checked against seven frames captured from a camera (tests/rig/test_fslp).
"""

from __future__ import annotations

import binascii
import random
import struct
import threading
import time
from dataclasses import dataclass
from typing import Protocol

from thermoscope.core.errors import CameraError, ConfigError

__all__ = [
    "REQUEST_STATUS",
    "CommandPort",
    "Packet",
    "PacketParser",
    "Transport",
    "encode",
]

BEGIN, ESCAPE, END = 0x8E, 0x9E, 0xAE
ESCAPE_OFFSET = 0x0D  # an escaped byte is sent this much lower
CRC_INIT = 0x1D0F  # CRC-16, polynomial 0x1021, not reflected, no final xor
HEADER = struct.Struct(">BIII")  # channel, sequence, function, status
CRC_BYTES = 2
LARGEST_PACKET = 2048  # bytes, unescaped; the camera's own buffer
REQUEST_STATUS = 0xFFFFFFFF
COMMAND_CHANNEL = 0

_ESCAPES = {byte: bytes((ESCAPE, byte - ESCAPE_OFFSET)) for byte in (BEGIN, ESCAPE, END)}
_UNESCAPES = {byte - ESCAPE_OFFSET: byte for byte in (BEGIN, ESCAPE, END)}


@dataclass(frozen=True)
class Packet:
    """A request or a reply."""

    sequence: int
    """Number of the request; its reply repeats it."""
    function: int
    """What is asked for; the reply repeats it."""
    status: int = REQUEST_STATUS
    """`REQUEST_STATUS` in a request; in a reply 0 = done, else why not."""
    data: bytes = b""
    """Arguments or results, big-endian."""
    channel: int = COMMAND_CHANNEL
    """0 = commands."""


def encode(packet: Packet) -> bytes:
    """`packet` as it goes over the wire.

    Raises:
        ConfigError: A number does not fit its field, or the data is longer than the buffer.

    Example:
        >>> encode(Packet(sequence=1, function=0x00050007)).hex(" ")
        '8e 00 00 00 00 01 00 05 00 07 ff ff ff ff 22 5c ae'
    """
    try:
        body = HEADER.pack(packet.channel, packet.sequence, packet.function, packet.status)
    except struct.error as err:
        raise ConfigError(f"{packet} cannot be sent: {err}. Numbers must fit u32.") from err
    body += packet.data
    if len(body) + CRC_BYTES > LARGEST_PACKET:
        raise ConfigError(
            f"data must be at most {LARGEST_PACKET - HEADER.size - CRC_BYTES} bytes, "
            f"got {len(packet.data)}."
        )
    body += _checksum(body)
    return bytes((BEGIN,)) + b"".join(_ESCAPES.get(b, bytes((b,))) for b in body) + bytes((END,))


def _checksum(body: bytes) -> bytes:
    return binascii.crc_hqx(body, CRC_INIT).to_bytes(CRC_BYTES, "big")


class PacketParser:
    """Packets out of a stream of bytes that may be split, noisy, cut or corrupt.

    A frame that starts inside another ends it: the begin byte never occurs in a whole frame.

    Attributes:
        bad_frames: Frames dropped so far: wrong checksum, bad escape, too short or too long.
        noise_bytes: Bytes so far that lay outside any frame.
    """

    def __init__(self) -> None:
        self.bad_frames = 0
        self.noise_bytes = 0
        self._pending = bytearray()

    def feed(self, chunk: bytes) -> list[Packet]:
        """Packets that `chunk` completes, in order; never raises on content."""
        self._pending += chunk
        packets = []
        while (end := self._pending.find(END)) >= 0:
            packet = self._frame(bytes(self._pending[:end]))
            del self._pending[: end + 1]
            if packet is not None:
                packets.append(packet)
        self._drop_hopeless()
        return packets

    def reset(self) -> None:
        """Forget an unfinished frame."""
        self._pending.clear()

    def _frame(self, before_end: bytes) -> Packet | None:
        begin = before_end.rfind(BEGIN)
        if begin < 0:
            self.noise_bytes += len(before_end) + 1
            return None
        self.noise_bytes += begin
        packet = _decode(before_end[begin + 1 :])
        self.bad_frames += packet is None
        return packet

    def _drop_hopeless(self) -> None:
        """Keep only from the last begin byte on, and nothing that is longer than any frame."""
        begin = self._pending.rfind(BEGIN)
        hopeless = len(self._pending) if begin < 0 else begin
        self.noise_bytes += hopeless
        del self._pending[:hopeless]
        if len(self._pending) > 2 * LARGEST_PACKET:
            self.bad_frames += 1
            self._pending.clear()


def _decode(escaped: bytes) -> Packet | None:
    body = _unescape(escaped)
    if body is None or not HEADER.size + CRC_BYTES <= len(body) <= LARGEST_PACKET:
        return None
    content, checksum = body[:-CRC_BYTES], body[-CRC_BYTES:]
    if _checksum(content) != checksum:
        return None
    channel, sequence, function, status = HEADER.unpack_from(content)
    return Packet(sequence, function, status, content[HEADER.size :], channel)


def _unescape(escaped: bytes) -> bytes | None:
    first, *rest = escaped.split(bytes((ESCAPE,)))
    out = bytearray(first)
    for part in rest:
        if not part or part[0] not in _UNESCAPES:
            return None
        out.append(_UNESCAPES[part[0]])
        out += part[1:]
    return bytes(out)


class Transport(Protocol):
    """A serial port, as pyserial has it."""

    def write(self, data: bytes, /) -> int | None:
        """Send all of `data`."""
        ...

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; what came within a short wait, maybe nothing."""
        ...

    def close(self) -> None:
        """Let the port go."""
        ...


class CommandPort:
    """Requests and their replies over a serial port; safe to use from several threads.

    Args:
        transport: An open port whose `read` returns within some tens of milliseconds.
        name: Of the camera, for messages.
        timeout_s: Longest wait for a reply, s.
        sequence: Number of the first request; random if None, so that the late reply to an earlier
            process is not taken for ours.

    Attributes:
        stray_replies: Replies so far that answered no request of the moment.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        name: str = "",
        timeout_s: float = 2.0,
        sequence: int | None = None,
    ) -> None:
        self.stray_replies = 0
        self._transport, self._name, self._timeout_s = transport, name, timeout_s
        self._sequence = random.getrandbits(32) if sequence is None else sequence
        self._parser = PacketParser()
        self._lock = threading.Lock()

    @property
    def bad_frames(self) -> int:
        """Frames so far that came corrupt."""
        return self._parser.bad_frames

    def call(self, function: int, data: bytes = b"", *, attempts: int = 1) -> bytes:
        """Data of the camera's reply to `function`.

        Args:
            function: Its number.
            data: Arguments, big-endian.
            attempts: How often to ask; more than 1 only where asking twice does no harm.

        Raises:
            CameraError: No reply in time, the port is gone, or the camera refuses; `code` is the
                camera's return code.
        """
        with self._lock:
            for _ in range(attempts):
                reply = self._ask(function, data)
                if reply is not None:
                    break
            else:
                raise CameraError(
                    f"{self._name}: no reply to command 0x{function:08X} within "
                    f"{self._timeout_s:g} s, asked {attempts} times ({self.bad_frames} corrupt "
                    "frames so far). Check the cable and that no other program has the port.",
                    camera=self._name,
                )
        if reply.status != 0:
            meaning = RETURN_CODES.get(reply.status, "unknown code")
            raise CameraError(
                f"{self._name}: the camera refuses command 0x{function:08X}: "
                f"0x{reply.status:X}, {meaning}.",
                camera=self._name,
                code=reply.status,
            )
        return reply.data

    def close(self) -> None:
        """Let the port go."""
        self._transport.close()

    def _ask(self, function: int, data: bytes) -> Packet | None:
        sequence, self._sequence = self._sequence, (self._sequence + 1) & 0xFFFFFFFF
        try:
            self._transport.write(encode(Packet(sequence, function, data=data)))
            return self._reply(sequence, function)
        except OSError as err:  # what pyserial raises is one
            raise CameraError(
                f"{self._name}: the command port is gone ({err}). Replug the camera.",
                camera=self._name,
            ) from err

    def _reply(self, sequence: int, function: int) -> Packet | None:
        deadline = time.monotonic() + self._timeout_s
        while time.monotonic() < deadline:
            matching = None
            for packet in self._parser.feed(self._transport.read(LARGEST_PACKET)):
                ours = (packet.sequence, packet.function) == (sequence, function)
                if ours and matching is None:
                    matching = packet
                else:
                    self.stray_replies += 1
            if matching is not None:
                return matching
        self._parser.reset()
        return None


RETURN_CODES = {
    0x161: "no such function",
    0x162: "bad payload",
    0x170: "malformed package",
    0x17D: "too few bytes",
    0x17E: "too many bytes",
    0x17F: "overflow",
    0x181: "invalid input",
    0x1B0: "feature not enabled",
    0x201: "error",
    0x202: "not ready",
    0x203: "out of range",
    0x204: "bad checksum",
    0x206: "wrong size",
    0x207: "undefined function",
    0x20B: "deprecated function",
}
