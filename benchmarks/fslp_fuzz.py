"""Random byte streams into the Boson parser: no hang, no exception, no whole frame lost.

    python -m benchmarks.fslp_fuzz --streams 100000

A stream is random bytes, bytes that are mostly delimiters, damaged frames, or a mix, fed in random
pieces; a reset follows each, then one whole frame, which must be found.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from pathlib import Path

from benchmarks.io_tone import commit, hardware

from thermoscope.rig.fslp import Packet, PacketParser, encode

DELIMITERS = (0x8E, 0x9E, 0xAE, 0x81, 0x91, 0xA1)


def fuzz(streams: int, seed: int) -> dict[str, float]:
    """Counts of what `streams` random streams led to."""
    rng = random.Random(seed)
    started, slowest_s, pending, found = time.perf_counter(), 0.0, 0, 0
    parser = PacketParser()
    packets_in_noise = 0
    for _ in range(streams):
        stream_started = time.perf_counter()
        stream = _random_stream(rng)
        position = 0
        while position < len(stream):
            step = rng.choice((1, 3, 17, 200, len(stream)))
            packets_in_noise += len(parser.feed(stream[position : position + step]))
            position += step
            pending = max(pending, len(parser._pending))
        parser.reset()
        wanted = _random_packet(rng)
        found += parser.feed(encode(wanted)) == [wanted]
        slowest_s = max(slowest_s, time.perf_counter() - stream_started)
    return {
        "streams": streams,
        "seed": seed,
        "whole_frames_sent": streams,
        "whole_frames_found": found,
        "packets_in_noise": packets_in_noise,
        "bad_frames": parser.bad_frames,
        "noise_bytes": parser.noise_bytes,
        "longest_pending_bytes": pending,
        "slowest_stream_ms": round(1e3 * slowest_s, 2),
        "seconds": round(time.perf_counter() - started, 1),
    }


def _random_packet(rng: random.Random) -> Packet:
    numbers = [rng.getrandbits(32) for _ in range(3)]
    return Packet(*numbers, data=rng.randbytes(rng.randrange(60)))


def _random_stream(rng: random.Random) -> bytes:
    kind = rng.randrange(4)
    if kind == 0:
        return rng.randbytes(rng.randrange(600))
    if kind == 1:
        return bytes(rng.choices(DELIMITERS, k=rng.randrange(200)))
    frames = bytearray(b"".join(encode(_random_packet(rng)) for _ in range(rng.randrange(1, 5))))
    for _ in range(rng.randrange(1, 6)):
        frames[rng.randrange(len(frames))] = rng.getrandbits(8)
    if kind == 2:
        return bytes(frames)
    cut = rng.randrange(len(frames))
    endless = rng.randbytes(5000) if rng.random() < 0.02 else b""
    return rng.randbytes(rng.randrange(50)) + bytes(frames[:cut]) + endless.replace(b"\xae", b"")


def main() -> None:
    """Print the counts, and write them beside the other results."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--streams", type=int, default=100_000)
    words.add_argument("--seed", type=int, default=0)
    words.add_argument("--out", type=Path, default=Path("benchmarks/results/fslp_fuzz.json"))
    options = words.parse_args()
    result = {"hardware": hardware(), "commit": commit()} | fuzz(options.streams, options.seed)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
