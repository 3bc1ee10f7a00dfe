"""The serial protocol, byte by byte."""

from __future__ import annotations

import random

import pytest
from benchmarks.fslp_fuzz import fuzz
from hypothesis import given, settings
from hypothesis import strategies as st

from thermoscope.core.errors import CameraError, ConfigError
from thermoscope.rig.fslp import CommandPort, Packet, PacketParser, encode

CAPTURED = [  # from a real camera, published by others; checksums verified
    ("8E 00 00000001 00050002 FFFFFFFF 010B AE", Packet(1, 0x00050002)),
    (
        "8E 00 00000001 00050002 00000000 00016D94 3010 AE",
        Packet(1, 0x00050002, 0, (93_588).to_bytes(4, "big")),
    ),
    ("8E 00 00000001 00050030 FFFFFFFF 4966 AE", Packet(1, 0x00050030)),
    (
        "8E 00 00000001 00050030 00000000 017C BDCE AE",
        Packet(1, 0x00050030, 0, (380).to_bytes(2, "big")),
    ),
    ("8E 00 00000001 00050007 FFFFFFFF 225C AE", Packet(1, 0x00050007)),
    ("8E 00 00000001 00050007 00000000 BB93 AE", Packet(1, 0x00050007, 0)),
    (
        "8E 00 000000C2 000E000D FFFFFFFF 00000002 C4F2 AE",
        Packet(0xC2, 0x000E000D, data=bytes((0, 0, 0, 2))),
    ),
]
COMPUTED = [  # by the same rule, for what was not captured
    ("8E 00 00000002 00050012 FFFFFFFF 00000000 1A1E AE", Packet(2, 0x00050012, data=bytes(4))),
    (
        "8E 00 00000004 00050098 FFFFFFFF 00000002 E51D AE",
        Packet(4, 0x00050098, data=bytes((0, 0, 0, 2))),
    ),
    ("8E 00 00000006 00050099 FFFFFFFF 7AD5 AE", Packet(6, 0x00050099)),
    ("8E 00 00000009 0005000C FFFFFFFF E75C AE", Packet(9, 0x0005000C)),
    ("8E 00 000000 9E81 00050002 FFFFFFFF 26ED AE", Packet(0x8E, 0x00050002)),
]
packets = st.builds(
    Packet,
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**32 - 1),
    st.binary(max_size=300) | st.lists(st.sampled_from([0x8E, 0x9E, 0xAE]), max_size=40).map(bytes),
    st.integers(0, 255),
)


@pytest.mark.parametrize(("text", "packet"), CAPTURED + COMPUTED)
def test_known_frames_byte_exact(text: str, packet: Packet) -> None:
    frame = bytes.fromhex(text)

    assert encode(packet) == frame
    assert PacketParser().feed(frame) == [packet]


@settings(max_examples=40)
@given(packets, st.integers(1, 7))
def test_round_trip_in_pieces(packet: Packet, piece: int) -> None:
    frame, parser = encode(packet), PacketParser()

    got = [p for i in range(0, len(frame), piece) for p in parser.feed(frame[i : i + piece])]

    assert got == [packet]
    assert (parser.bad_frames, parser.noise_bytes) == (0, 0)
    assert not set(frame[1:-1]) & {0x8E, 0xAE}


@settings(max_examples=40)
@given(packets, st.integers(0, 10_000), st.integers(1, 255))
def test_one_wrong_byte_is_never_another_packet(packet: Packet, place: int, flip: int) -> None:
    frame = bytearray(encode(packet))
    frame[place % len(frame)] ^= flip

    assert PacketParser().feed(bytes(frame)) in ([], [packet])


@settings(max_examples=40)
@given(st.lists(packets, max_size=5), st.binary(max_size=40))
def test_noise_between_frames_costs_no_frame(sent: list[Packet], noise: bytes) -> None:
    between = noise.replace(b"\x8e", b"")  # a begin byte in the noise would swallow what follows

    got = PacketParser().feed(between.join([b"", *(encode(p) for p in sent)]))

    assert got == sent


def test_a_cut_frame_gives_way_to_the_next() -> None:
    first, second = encode(Packet(1, 7)), encode(Packet(2, 7))
    parser = PacketParser()

    assert parser.feed(first[:9] + second) == [Packet(2, 7)]
    assert parser.noise_bytes == 9


def test_random_streams_neither_hang_nor_raise() -> None:
    result = fuzz(streams=300, seed=1)

    assert result["streams"] == 300
    assert result["whole_frames_found"] == result["whole_frames_sent"]
    assert result["longest_pending_bytes"] <= 4096


def test_a_frame_without_end_is_forgotten() -> None:
    parser = PacketParser()
    for _ in range(100):
        parser.feed(b"\x8e" + bytes(1000))
        parser.feed(bytes(4000))

    assert parser.bad_frames == 100
    assert parser.feed(encode(Packet(5, 6))) == [Packet(5, 6)]


def test_numbers_must_fit() -> None:
    with pytest.raises(ConfigError, match="cannot be sent: .* Numbers must fit u32"):
        encode(Packet(2**32, 1))
    with pytest.raises(ConfigError, match="data must be at most 2033 bytes, got 2034"):
        encode(Packet(1, 1, data=bytes(2034)))


class ScriptedPort:
    """A serial port whose replies to each request are made by a function."""

    def __init__(self, answer) -> None:
        self.answer, self.parser, self.queue, self.requests = answer, PacketParser(), [], []

    def write(self, data: bytes, /) -> int:
        for request in self.parser.feed(data):
            self.requests.append(request)
            self.queue += self.answer(request)
        return len(data)

    def read(self, size: int, /) -> bytes:
        return self.queue.pop(0) if self.queue else b""

    def close(self) -> None:
        self.queue.clear()


def reply(request: Packet, data: bytes = b"", *, status: int = 0, back: int = 0) -> bytes:
    return encode(Packet(request.sequence - back, request.function, status, data))


def test_a_late_reply_is_not_taken_for_the_next() -> None:
    port = ScriptedPort(lambda r: [reply(r, b"old", back=1), reply(r, b"new")])
    commands = CommandPort(port, sequence=10)

    assert [commands.call(5), commands.call(5)] == [b"new", b"new"]
    assert commands.stray_replies == 2


def test_split_and_repeated_replies() -> None:
    def answer(request: Packet) -> list[bytes]:
        whole = reply(request, b"\x8e\x9e\xae")
        return [bytes((b,)) for b in whole] + [whole]

    commands = CommandPort(ScriptedPort(answer), sequence=0x8E)

    assert [commands.call(5) for _ in range(3)] == [b"\x8e\x9e\xae"] * 3


def test_a_corrupt_reply_is_asked_for_again() -> None:
    spoilt = iter([True, False])

    def answer(request: Packet) -> list[bytes]:
        whole = reply(request, b"\x01\x02")
        return [whole[:14] + b"\x77" + whole[15:]] if next(spoilt) else [whole]

    port = ScriptedPort(answer)
    commands = CommandPort(port, timeout_s=0.02, sequence=2**32 - 1)

    assert commands.call(5, attempts=2) == b"\x01\x02"
    assert commands.bad_frames == 1
    assert [r.sequence for r in port.requests] == [2**32 - 1, 0]


def test_silence_and_refusal() -> None:
    silent = CommandPort(ScriptedPort(lambda r: []), name="left", timeout_s=0.01)
    with pytest.raises(
        CameraError, match=r"left: no reply to command 0x00000005 within 0.01 s, asked 2"
    ):
        silent.call(5, attempts=2)

    refusing = CommandPort(ScriptedPort(lambda r: [reply(r, status=0x202)]), name="left")
    with pytest.raises(CameraError, match="refuses command 0x00000005: 0x202, not ready") as caught:
        refusing.call(5)
    assert caught.value.code == 0x202


def test_a_port_that_went_away() -> None:
    class GonePort(ScriptedPort):
        def read(self, size: int, /) -> bytes:
            raise OSError(5, "Input/output error")

    with pytest.raises(CameraError, match="left: the command port is gone"):
        CommandPort(GonePort(lambda r: []), name="left").call(5)


def test_first_number_differs_between_ports() -> None:
    random.seed(4)
    ports = [ScriptedPort(lambda r: [reply(r)]) for _ in range(2)]
    for port in ports:
        CommandPort(port).call(5)

    assert ports[0].requests[0].sequence != ports[1].requests[0].sequence
