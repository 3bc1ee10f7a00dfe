"""One simulated camera as a device: it is plugged in or not, it streams, it has a command port.

The real drivers run on it: it gives what the system would give them, buffers and a serial port. It
outlives their opening and closing, so time goes on while nobody looks. What is NOT here: the
drivers (`rig.boson`, `rig.v4l2`), the plan of what happens (`simulated_timeline`).
"""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator

import numpy as np

from thermoscope.core.errors import CameraError
from thermoscope.rig.boson import BosonDevice
from thermoscope.rig.camera import CameraSettings, FfcState
from thermoscope.rig.simulated_firmware import FFC_NUMBERS, BosonFirmware, FirmwareLinks
from thermoscope.rig.simulated_picture import PanningPicture
from thermoscope.rig.simulated_plan import RigPlan, SimulatedCamera
from thermoscope.rig.simulated_port import SimulatedPort
from thermoscope.rig.simulated_timeline import OVERHEATED_K, Planned, timeline
from thermoscope.rig.video_stream import RawPicture

__all__ = ["SimulatedDevice", "SimulatedVideo", "encode_telemetry"]

QUEUE = 8  # buffers of the kernel: a reader that is later than this loses frames
FAULT_REBOOT_NS = 2_000_000_000


class SimulatedDevice:
    """One camera of a plan.

    Args:
        plan: The rig.
        camera: Which of its cameras.
        picture: What it sees.

    Attributes:
        overruns: Frames so far that were lost because the reader was too slow ("real" pace only).
    """

    def __init__(self, plan: RigPlan, camera: SimulatedCamera, picture: PanningPicture) -> None:
        self.plan, self.camera = plan, camera
        self.overruns = 0
        self._picture = picture
        self._ffc_commanded = False
        self._future: Iterator[Planned] = timeline(plan, camera, ffc_asked=self._take_ffc)
        self._next: Planned | None = next(self._future, None)
        self._last: Planned | None = None
        self._gone_until_ns = 0  # after a fault of the core
        self._port: SimulatedPort | None = None
        links = FirmwareLinks(
            run_ffc=self.ask_ffc,
            ffc=lambda: self._last.ffc if self._last else FfcState.NONE,
            temperature_k=lambda: self._last.temperature_k if self._last else 305.0,
            counter=lambda: self._last.counter if self._last else 0,
            has_pulses=self._has_pulses,
            fault=self._fault,
        )
        self.firmware = (
            BosonFirmware(camera.serial, links=links) if camera.kind == "thermal" else None
        )

    def ask_ffc(self) -> None:
        """Close the shutter at the next pulse."""
        self._ffc_commanded = True

    def plugged_in(self) -> list[BosonDevice]:
        """What a scan of the bus finds: this camera with its command port, or nothing."""
        self._pass_missed()
        if self._absent() or self.firmware is None:
            return []
        if self._port is None:
            self._port = SimulatedPort(self.firmware, self.plan.faults, self.plan.seed)
        return [BosonDevice(video=self.camera.name, port=self._port.path)]

    def start(self) -> None:
        """Begin to stream.

        Raises:
            CameraError: The camera is not there.
        """
        self._pass_missed()
        if self._absent():
            raise CameraError(
                f"{self.camera.name}: no such device. It is unplugged, or reboots.",
                camera=self.camera.name,
            )

    @property
    def ended(self) -> bool:
        """Whether the plan is over."""
        return self._next is None

    def take(self, timeout_s: float) -> tuple[Planned, int] | None:
        """The next frame and the instant it is taken, ns; None if none comes in time.

        Raises:
            CameraError: The camera goes away.
        """
        deadline_ns = time.monotonic_ns() + int(timeout_s * 1e9)
        while (planned := self._next) is not None:
            if self._absent():
                self._unplug()
            if not self._wait(planned, deadline_ns):
                return None
            self._advance()
            if planned.fate == "frame":
                now_ns = time.monotonic_ns()
                self._drop_overrun(now_ns)
                return planned, planned.arrival_ns if self._fast else now_ns
        return None

    def pixels(self, planned: Planned) -> np.ndarray:
        """What the frame shows."""
        shown_s = (
            planned.picture / self.camera.settings.rate_hz + self.camera.sampling_delay_ms / 1e3
        )
        return self._picture.at(shown_s, planned.picture, planned.offset_counts)

    def unplug(self) -> None:
        """Take power and command port away: what was set is forgotten."""
        if self.firmware is not None:
            self.firmware.power_on()
        self.release()

    def release(self) -> None:
        """Take the command port away; the next scan of the bus finds another."""
        port, self._port = self._port, None
        if port is not None:
            port.close()

    @property
    def _fast(self) -> bool:
        return self.plan.pace == "fast"

    def _take_ffc(self) -> bool:
        asked, self._ffc_commanded = self._ffc_commanded, False
        return asked

    def _advance(self) -> None:
        self._last, self._next = self._next, next(self._future, None)

    def _wait(self, planned: Planned, deadline_ns: int) -> bool:
        if self._fast:
            return True
        due_ns = min(planned.arrival_ns, deadline_ns)
        time.sleep(max(0, due_ns - time.monotonic_ns()) / 1e9)
        return planned.arrival_ns <= deadline_ns

    def _drop_overrun(self, now_ns: int) -> None:
        """Forget what the kernel had no buffer for."""
        backlog_ns = int(QUEUE / self.camera.settings.rate_hz * 1e9)
        while (
            not self._fast
            and self._next is not None
            and self._next.fate == "frame"
            and self._next.arrival_ns < now_ns - backlog_ns
        ):
            self.overruns += 1
            self._advance()

    def _pass_missed(self) -> None:
        """Go on to now: what came while nobody was there is nobody's loss.

        At the fast pace nothing is missed; a camera that is away is back at the next look.
        """
        if self._fast:
            while self._absent() and self._next is not None and not self._gone_until_ns:
                self._advance()
            return
        while self._next is not None and self._next.arrival_ns < time.monotonic_ns():
            self._advance()

    def _absent(self) -> bool:
        if self._gone_until_ns > time.monotonic_ns():
            return True
        self._gone_until_ns = 0
        return self._next is not None and self._next.fate == "absent"

    def _has_pulses(self) -> bool:
        return self._next is None or self._next.fate != "silent"

    def _fault(self) -> None:
        self._gone_until_ns = time.monotonic_ns() + FAULT_REBOOT_NS
        self.unplug()

    def _unplug(self) -> None:
        self.unplug()
        raise CameraError(
            f"{self.camera.name}: the stream broke off (no such device). Unplugged, or rebooted.",
            camera=self.camera.name,
        )


class SimulatedVideo:
    """The video stream of a simulated device: `VideoStream` as the drivers expect it.

    Args:
        device: Whose stream.
        wire: Size on the wire, with telemetry rows, and layout.
    """

    def __init__(self, device: SimulatedDevice, wire: CameraSettings) -> None:
        self._device, self._wire = device, wire
        self._again: RawPicture | None = None

    @property
    def ended(self) -> bool:
        """Whether the plan is over."""
        return self._device.ended and self._again is None

    def open(self) -> None:
        """Begin to stream; see `VideoStream.open`."""
        self._device.start()

    def read(self, timeout_s: float) -> RawPicture | None:
        """The next buffer; see `VideoStream.read`."""
        if self._again is not None:
            again, self._again = self._again, None
            return again
        taken = self._device.take(timeout_s)
        if taken is None:
            return None
        planned, host_ns = taken
        picture = RawPicture(self._data(planned), host_ns, planned.kernel_ns, planned.counter)
        if planned.copies > 1:
            self._again = RawPicture(picture.data, host_ns + 1, planned.kernel_ns, planned.counter)
        return picture

    def close(self) -> None:
        """Stop; the device stays where it is, its command port goes."""
        self._again = None
        self._device.release()

    def _data(self, planned: Planned) -> bytes:
        pixels, firmware = self._device.pixels(planned), self._device.firmware
        if firmware is None or not firmware.telemetry:
            return pixels.tobytes()
        row = encode_telemetry(planned, int(self._device.camera.serial), self._wire.width_px)
        rows = row + bytes(len(row))  # the second row is empty
        parts = (
            (rows, pixels.tobytes()) if firmware.telemetry_at_the_top else (pixels.tobytes(), rows)
        )
        return b"".join(parts)


def encode_telemetry(planned: Planned, serial: int, width_px: int) -> bytes:
    """The first telemetry row of one frame, as a Boson writes it.

    Args:
        planned: The frame.
        serial: Of the camera.
        width_px: Length of a row.
    """
    row = bytearray(2 * width_px)
    _put(row, 0, "H", 2)  # revision
    _put_u32(row, 2, serial)
    _put_u32(row, 6, serial + 1_000_000)  # of the sensor
    row[10:30] = b"20640A095-9PARX".ljust(20, b"\0")
    hot = planned.temperature_k > OVERHEATED_K
    _put(row, 76, "H", FFC_NUMBERS[planned.ffc] | hot << 8)
    _put_u32(row, 84, planned.counter)
    _put_u32(row, 88, planned.last_ffc)
    _put(row, 94, "H", round(planned.temperature_k * 10))
    _put(row, 96, "H", 3050)
    _put_u32(row, 280, planned.clock_ms)
    return bytes(row)


def _put(row: bytearray, place: int, kind: str, value: int) -> None:
    struct.pack_into("<" + kind, row, place, value)


def _put_u32(row: bytearray, place: int, value: int) -> None:
    struct.pack_into("<HH", row, place, value >> 16 & 0xFFFF, value & 0xFFFF)
