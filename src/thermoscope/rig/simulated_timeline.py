"""When each frame of a simulated camera is exposed, stamped and delivered, and what befalls it.

`timeline` is a pure function of plan and camera: the simulated device walks it, and so does the
ground truth, which therefore needs no recording of what happened. What is NOT here: pixels.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from thermoscope.rig.camera import FfcState
from thermoscope.rig.simulated_plan import Outage, RigPlan, SimulatedCamera

__all__ = ["InjectedFault", "Planned", "injected_faults", "timeline"]

Fate = Literal["frame", "dropped", "silent", "absent"]
FaultKind = Literal["drop", "duplicate", "freeze", "ffc", "unplugged", "reboot"]
IMMINENT_FRAMES = 15  # half a second of warning at 30 Hz
BASE_K, OVERHEATED_K, LARGEST_RISE_K = 305.0, 343.15, 60.0  # 343.15 K: critical on the original rig
SILENT_S = 0.5  # a slave without pulses faults after this
REBOOT_S = 3.0  # and is back this long after they return
BUS_JITTER_MS = 0.2  # mean, before the kernel stamps
BURST_MS = 20.0
OFFSET_STEP_COUNTS = 7


@dataclass(frozen=True)
class Planned:
    """One pulse as one camera lives it."""

    pulse: int
    """Number of the trigger pulse, from 0."""
    fate: Fate
    """"frame" arrives, "dropped" gets lost, "silent" is never made, "absent" has no camera."""
    counter: int
    """The device's count of frames since it booted."""
    clock_ms: int
    """The device's clock since it booted, ms."""
    exposure_ns: int
    """Monotonic clock of the host at the instant that the picture shows, ns."""
    kernel_ns: int
    """The same when the buffer was filled, ns."""
    arrival_ns: int
    """The same when the host takes it, ns."""
    picture: int
    """Number of the pulse whose pixels it shows: an earlier one where the picture stands still."""
    copies: int
    """How often it arrives."""
    ffc: FfcState
    last_ffc: int
    """`counter` at the last flat-field correction."""
    offset_counts: int
    """By how much corrections have moved all pixels so far, counts."""
    temperature_k: float


@dataclass(frozen=True)
class InjectedFault:
    """Something that went wrong on purpose."""

    kind: FaultKind
    camera: str
    pulse: int
    """First pulse of it."""
    counter: int
    """The device's count at that pulse."""
    frames: int
    """How many pulses it lasted."""
    host_ns: int
    """Monotonic clock of the host at its first pulse, ns."""


class _Ffc:
    """The shutter of one camera."""

    def __init__(self, first: int | None, every: int, frames: int) -> None:
        self._next, self._every, self._frames = first, every, frames
        self._running_until = -1
        self.state = FfcState.NONE
        self.last = 0
        self.done = 0

    def at(self, pulse: int, counter: int, *, commanded: bool) -> FfcState:
        due = self._next is not None and pulse >= self._next
        if pulse >= self._running_until and (due or commanded):
            self._running_until = pulse + self._frames
            self.last = counter
            self.done += 1
            if self._next is not None:
                self._next = max(self._next, pulse) + self._every
        if pulse < self._running_until:
            self.state = FfcState.RUNNING
        elif self._next is not None and pulse >= self._next - IMMINENT_FRAMES:
            self.state = FfcState.IMMINENT
        else:
            self.state = FfcState.COMPLETE if self.done else FfcState.NONE
        return self.state


def _seed(plan: RigPlan, camera: SimulatedCamera, purpose: str) -> list[int]:
    return [plan.seed, zlib.crc32(f"{camera.name}/{purpose}".encode())]


def _ffc_of(plan: RigPlan, camera: SimulatedCamera) -> _Ffc:
    faults, rate_hz = plan.faults, camera.settings.rate_hz
    if faults.ffc_every_s is None or camera.kind != "thermal":
        return _Ffc(None, 0, faults.ffc_frames)
    every = max(round(faults.ffc_every_s * rate_hz), faults.ffc_frames + IMMINENT_FRAMES + 1)
    own = np.random.default_rng(_seed(plan, camera, "shutter")).integers(every // 2, every)
    return _Ffc(every // 2 if faults.ffc_together else int(own), every, faults.ffc_frames)


def timeline(
    plan: RigPlan, camera: SimulatedCamera, *, ffc_asked: Callable[[], bool] = lambda: False
) -> Iterator[Planned]:
    """What happens to `camera`, pulse by pulse, until the plan ends.

    Args:
        plan: The rig.
        camera: One of its cameras.
        ffc_asked: Whether a flat-field correction was commanded since the last pulse.
    """
    faults, period_ns = plan.faults, 1e9 / camera.settings.rate_hz
    rng = np.random.default_rng(_seed(plan, camera, "frames"))
    ffc, boot_ns, boot_pulse = _ffc_of(plan, camera), plan.start_ns - 4.2e9, -126
    frozen_until, shown, offset, arrival_ns, stretch = -1, 0, 0, 0.0, _own_stretch(camera)
    for pulse in range(round(plan.duration_s * camera.settings.rate_hz)):
        draw_drop, draw_double, draw_freeze, draw_burst = rng.random(4)
        bus_ms, wait_ms = rng.gamma(2.0, (BUS_JITTER_MS / 2, camera.jitter_ms / 2))
        length = int(rng.integers(faults.freeze_frames[0], faults.freeze_frames[1] + 1))
        burst_ms = rng.exponential(BURST_MS)
        pulse_ns = plan.start_ns + pulse * period_ns * stretch
        fate = _fate(plan, camera, pulse / camera.settings.rate_hz)
        if fate == "absent":
            boot_ns, boot_pulse = pulse_ns, pulse + 1
        counter = max(0, pulse - boot_pulse)
        state = ffc.at(pulse, counter, commanded=ffc_asked())
        closed = state is FfcState.RUNNING
        if closed:
            frozen_until = min(frozen_until, pulse)
        elif draw_freeze < faults.freeze_rate and pulse >= frozen_until + 2 and pulse > 0:
            frozen_until = pulse + length
        still = pulse < frozen_until or (closed and pulse > 0)
        if fate == "frame" and not still and draw_drop < faults.drop_rate:
            fate = "dropped"
        elif fate == "frame" and not still:
            shown, offset = pulse, OFFSET_STEP_COUNTS * (ffc.done % 5)
        kernel_ns = pulse_ns + (camera.output_delay_ms + bus_ms) * 1e6
        held_ms = wait_ms + (burst_ms if draw_burst < camera.burst_rate else 0.0)
        arrival_ns = max(arrival_ns + 1, kernel_ns + held_ms * 1e6)  # a queue keeps its order
        device_ns = max(0.0, pulse_ns + camera.output_delay_ms * 1e6 - boot_ns)
        yield Planned(
            pulse=pulse,
            fate=fate,
            counter=counter,
            clock_ms=int(device_ns * (1 + camera.drift_ppm * 1e-6) // 1_000_000),
            exposure_ns=int(pulse_ns + camera.sampling_delay_ms * 1e6),
            kernel_ns=int(kernel_ns),
            arrival_ns=int(arrival_ns),
            picture=shown,
            copies=1 + (not still and draw_double < faults.duplicate_rate),
            ffc=state,
            last_ffc=ffc.last,
            offset_counts=offset,
            temperature_k=_temperature_k(plan, camera, pulse / camera.settings.rate_hz),
        )


def _own_stretch(camera: SimulatedCamera) -> float:
    """Of the period of a camera that runs freely, on its own clock."""
    return 1.0 / (1.0 + camera.drift_ppm * 1e-6) if camera.settings.sync == "free" else 1.0


def _temperature_k(plan: RigPlan, camera: SimulatedCamera, at_s: float) -> float:
    start_s = plan.faults.overheat_at_s
    if start_s is None or camera.kind != "thermal":
        return BASE_K
    return BASE_K + min(max(at_s - start_s, 0.0), LARGEST_RISE_K)


def _fate(plan: RigPlan, camera: SimulatedCamera, at_s: float) -> Fate:
    if any(o.camera == camera.name and _within(o, at_s) for o in plan.faults.unplugged):
        return "absent"
    if camera.settings.sync != "slave" or camera.kind != "thermal":
        return "frame"
    for outage in plan.faults.no_pulses:
        if outage.at_s <= at_s < min(outage.at_s + SILENT_S, outage.at_s + outage.for_s):
            return "silent"
        if outage.for_s > SILENT_S and _within(outage, at_s, after_s=REBOOT_S):
            return "absent"
    return "frame"


def _within(outage: Outage, at_s: float, *, after_s: float = 0.0) -> bool:
    return outage.at_s <= at_s < outage.at_s + outage.for_s + after_s


def injected_faults(plan: RigPlan, camera: SimulatedCamera) -> list[InjectedFault]:
    """Every fault that the plan holds for `camera`, by pulse.

    A run of pulses of one kind is one fault. Corrections that are commanded while the rig runs are
    not in the plan.
    """
    faults: list[InjectedFault] = []
    open_kind, previous = "", None
    for planned in timeline(plan, camera):
        kind = _kind(planned, previous, camera.name, plan)
        if kind and kind == open_kind and kind not in ("drop", "duplicate"):
            last = faults.pop()
            faults.append(_longer(last))
        elif kind:
            faults.append(
                InjectedFault(
                    kind, camera.name, planned.pulse, planned.counter, 1, planned.arrival_ns
                )
            )
        open_kind, previous = kind or "", planned
    return faults


def _longer(fault: InjectedFault) -> InjectedFault:
    return InjectedFault(
        fault.kind, fault.camera, fault.pulse, fault.counter, fault.frames + 1, fault.host_ns
    )


def _kind(
    planned: Planned, previous: Planned | None, camera: str, plan: RigPlan
) -> FaultKind | None:
    if planned.fate == "absent":
        at_s = planned.pulse / plan.camera(camera).settings.rate_hz
        pulled = any(o.camera == camera and _within(o, at_s) for o in plan.faults.unplugged)
        return "unplugged" if pulled else "reboot"
    if planned.fate in ("dropped", "silent"):
        return "drop" if planned.fate == "dropped" else "reboot"
    if planned.ffc is FfcState.RUNNING:
        return "ffc"
    if previous is not None and planned.picture == previous.picture:
        return "freeze"
    return "duplicate" if planned.copies > 1 else None
