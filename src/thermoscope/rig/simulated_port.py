"""A simulated Boson's command port: a pseudo-terminal that answers byte for byte.

A serial driver cannot tell it from the camera. Replies are lost, late, corrupt, split or doubled as
the plan says. What is NOT here: what the answers are (`simulated_firmware`).
"""

from __future__ import annotations

import heapq
import os
import select
import threading
import time
import tty
from collections import Counter
from contextlib import suppress

import numpy as np

from thermoscope.core.errors import RigError
from thermoscope.rig.fslp import PacketParser, encode
from thermoscope.rig.simulated_firmware import BosonFirmware
from thermoscope.rig.simulated_plan import Faults

__all__ = ["SimulatedPort"]

READ_BYTES = 4096


class SimulatedPort:
    """A firmware behind a pseudo-terminal; a thread answers until `close`.

    Args:
        firmware: Who answers.
        faults: How replies are spoilt.
        seed: Which replies.

    Attributes:
        path: What a serial driver opens, for example ``/dev/pts/3``.
        spoilt: How many replies were lost, late, corrupt, split, duplicated, by that word.

    Raises:
        RigError: The system has no pseudo-terminal left.
    """

    def __init__(
        self, firmware: BosonFirmware, faults: Faults | None = None, seed: int = 0
    ) -> None:
        self.spoilt: Counter[str] = Counter()
        self._firmware, self._faults = firmware, faults or Faults()
        self._rng = np.random.default_rng([seed, 3])
        try:
            self._master, self._slave = os.openpty()
        except OSError as err:
            raise RigError(f"no pseudo-terminal for the simulated port ({err}).") from err
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.path = os.ttyname(self._slave)
        self._wake_read, self._wake_write = os.pipe()
        self._waiting: list[tuple[float, int, bytes]] = []
        self._sent = 0
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._serve, name=self.path, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Pull the cable: whoever has the port open sees it go."""
        if self._closed.is_set():
            return
        self._closed.set()
        os.write(self._wake_write, b"x")
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _serve(self) -> None:
        parser = PacketParser()
        try:
            while not self._closed.is_set():
                ready = select.select([self._master, self._wake_read], [], [], self._pause_s())[0]
                if self._master in ready:
                    for request in parser.feed(os.read(self._master, READ_BYTES)):
                        self._schedule(encode(self._firmware.answer(request)))
                self._send_due()
        finally:
            for descriptor in (self._master, self._slave, self._wake_read, self._wake_write):
                os.close(descriptor)

    def _pause_s(self) -> float | None:
        return max(0.0, self._waiting[0][0] - time.monotonic()) if self._waiting else None

    def _schedule(self, reply: bytes) -> None:
        names = ("lost", "late", "corrupt", "split", "duplicate")
        rates = self._faults.serial_rates()
        fault = self._rng.choice((*names, ""), p=(*rates, 1 - sum(rates)))
        now = time.monotonic()
        if fault:
            self.spoilt[str(fault)] += 1
        if fault == "lost":
            return
        if fault == "late":
            self._at(now + self._faults.serial_late_s, reply)
        elif fault == "corrupt":
            spoilt = bytearray(reply)
            spoilt[int(self._rng.integers(1, len(reply) - 1))] ^= 1
            self._at(now, bytes(spoilt))
        elif fault == "split":
            for place, byte in enumerate(reply):
                self._at(now + place * 0.0005, bytes((byte,)))
        else:
            for _ in range(2 if fault == "duplicate" else 1):
                self._at(now, reply)

    def _at(self, when: float, piece: bytes) -> None:
        self._sent += 1  # equal instants keep their order
        heapq.heappush(self._waiting, (when, self._sent, piece))

    def _send_due(self) -> None:
        while self._waiting and self._waiting[0][0] <= time.monotonic():
            piece = heapq.heappop(self._waiting)[2]
            with suppress(BlockingIOError):  # nobody reads: a full line loses bytes
                os.write(self._master, piece)
