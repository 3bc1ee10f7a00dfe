"""Is the rig ready? Rates, clocks, trigger, temperature, space, write speed, USB, calibration.

    for check in preflight(sources, Path("run1")): print(check)

It replaces waiting for three minutes and hoping: each line says what was measured against what is
needed. What is NOT here: starting (`thermoscope.rig.recorder`).
"""

from __future__ import annotations

import os
import shutil
import statistics
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from thermoscope.core.checks import check_positive
from thermoscope.core.errors import RigError, ThermoscopeError
from thermoscope.io.ros_messages import FrameStamp
from thermoscope.rig.capture import Captured, Captures, CaptureSource, Ended, Isolation
from thermoscope.rig.clock import fit_clock
from thermoscope.rig.recording_format import CameraRecord

__all__ = ["HOT_K", "WARM_K", "Check", "expected_bytes_per_s", "preflight"]

Level = Literal["ok", "warning", "problem"]
MB, GB = 1_000_000, 1_000_000_000
WRITE_BYTES = 64 * MB
HEADROOM = 2.0  # the disk must be so much faster than the recording
RATE_TOLERANCE = 0.02
DRIFT_PPM = 200.0  # a crystal has 50; more is another clock
WARM_K, HOT_K = 333.15, 343.15  # 60 and 70 degrees Celsius, as the original rig warns
USB2_BITS_PER_S = 320e6  # what isochronous video gets of 480
JPEG_RATIO, ZSTD_RATIO = 5.0, 1.5  # cautious, for the forecast


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes:
        level: problem: do not record.
        name: What.
        text: What was found, against what is needed.
    """

    level: Level
    name: str
    text: str

    def __str__(self) -> str:
        mark = {"ok": "ok     ", "warning": "WARNING", "problem": "PROBLEM"}[self.level]
        return f"{mark}  {self.name:<26} {self.text}"


def preflight(
    sources: Sequence[CaptureSource],
    folder: Path,
    *,
    seconds: float = 3.0,
    reserve_bytes: int = 2 * GB,
    calibration: Path | None = None,
    isolation: Isolation = "process",
    write_bytes: int = WRITE_BYTES,
) -> list[Check]:
    """Look at every camera for a while, and at the disk.

    Args:
        sources: The cameras.
        folder: Where the recording will go; it need not exist.
        seconds: How long to watch the cameras, s.
        reserve_bytes: Space that recording leaves free.
        calibration: calibration.json that is to go with the recording.
        isolation: A process for each camera, or a thread.
        write_bytes: Size of the write test.

    Returns:
        Checks, cameras first; a camera that does not start is a problem, not an error.

    Raises:
        ConfigError: `seconds` is not positive, no camera, or two of one name.
    """
    check_positive(seconds, name="seconds")
    try:
        cameras, seen = _watch(sources, seconds, isolation)
    except RigError as err:
        return [Check("problem", "cameras", str(err))]
    checks: list[Check] = []
    for camera in cameras:
        stamps = seen[camera.name]
        checks.append(_rate(camera, stamps, seconds))
        checks += _clock(camera, stamps)
        checks += _heat(camera, stamps)
    need = sum(expected_bytes_per_s(camera) for camera in cameras)
    checks.append(_usb(cameras))
    checks += _disk(folder, need, reserve_bytes, write_bytes)
    checks += _calibration(calibration, cameras)
    return checks


def _watch(
    sources: Sequence[CaptureSource], seconds: float, isolation: Isolation
) -> tuple[list[CameraRecord], dict[str, list[FrameStamp]]]:
    captures = Captures(sources, offset_ns=0, isolation=isolation)
    seen: dict[str, list[FrameStamp]] = defaultdict(list)
    try:
        cameras = captures.wait_until_ready()
        until = time.monotonic() + seconds
        while time.monotonic() < until and captures.running:
            item = captures.get(0.05)
            if isinstance(item, Captured):
                seen[item.camera].append(item.stamp)
            elif isinstance(item, Ended) and item.reason:
                raise RigError(item.reason)
    finally:
        captures.close()
    return cameras, seen


def _rate(camera: CameraRecord, stamps: list[FrameStamp], seconds: float) -> Check:
    name = f"{camera.name} rate"
    if len(stamps) < 3:
        return Check("problem", name, f"{len(stamps)} frames in {seconds:g} s. Check the trigger.")
    clock = [s.device_ns for s in stamps if s.device_ns is not None]
    times = clock if len(clock) == len(stamps) else [s.host_ns for s in stamps]
    steps = [s.counter for s in stamps if s.counter is not None]
    made = steps[-1] - steps[0] if len(steps) == len(stamps) else len(stamps) - 1
    rate_hz = made * 1e9 / max(times[-1] - times[0], 1)
    lost = max(made - (len(stamps) - 1), 0)
    text = f"{rate_hz:.2f} Hz of {camera.rate_hz:g} Hz, {lost} frames lost in {seconds:g} s"
    wrong = camera.rate_hz and abs(rate_hz / camera.rate_hz - 1) > RATE_TOLERANCE
    return Check("problem" if wrong else ("warning" if lost else "ok"), name, text)


def _clock(camera: CameraRecord, stamps: list[FrameStamp]) -> list[Check]:
    name = f"{camera.name} clock"
    pairs = [(s.device_ns, s.host_ns) for s in stamps if s.device_ns is not None]
    if not pairs and all(s.kernel_ns is not None for s in stamps):
        return [Check("ok", name, "none in the camera: the kernel stamps its buffers")]
    if not pairs:
        return [Check("warning", name, "the camera tells no clock: stamps are those of arrival")]
    try:
        fit = fit_clock([d for d, _ in pairs], [h for _, h in pairs])
    except ThermoscopeError as err:
        return [Check("problem", name, str(err))]
    span_s = (pairs[-1][0] - pairs[0][0]) / 1e9
    doubt_ppm = (fit.tick_ns + 1e6) / max(span_s, 1e-3) / 1e3  # a tick and a millisecond of jitter
    late_ms = fit.late_ns[0] / 1e6
    text = f"drift {fit.drift_ppm:+.0f} ppm (to {doubt_ppm:.0f}), frames {late_ms:.1f} ms late"
    strange = abs(fit.drift_ppm) > DRIFT_PPM + doubt_ppm
    return [Check("warning" if strange else "ok", name, text)]


def _heat(camera: CameraRecord, stamps: list[FrameStamp]) -> list[Check]:
    kelvin = [s.temperature_k for s in stamps if s.temperature_k is not None]
    if not kelvin:
        return []
    now_k = statistics.median(kelvin)
    level: Level = "problem" if now_k >= HOT_K else ("warning" if now_k >= WARM_K else "ok")
    limits = f"warm from {WARM_K - 273.15:.0f}, hot from {HOT_K - 273.15:.0f}"
    return [Check(level, f"{camera.name} temperature", f"{now_k - 273.15:.1f} °C; {limits}")]


def expected_bytes_per_s(camera: CameraRecord) -> float:
    """What will be written for `camera`, at cautious ratios."""
    return _raw_bytes_per_s(camera) / (ZSTD_RATIO if camera.kind == "thermal" else JPEG_RATIO)


def _raw_bytes_per_s(camera: CameraRecord) -> float:
    each = 2 if camera.kind == "thermal" else 3
    return camera.width_px * camera.height_px * each * (camera.rate_hz or 30.0)


def _usb(cameras: Sequence[CameraRecord]) -> Check:
    """The stream that USB cameras put on the bus, if all were on one controller."""
    on_usb = [c for c in cameras if c.settings.get("pixel") in ("y16", "yuyv")]
    bits = sum(8 * 2 * c.width_px * c.height_px * (c.rate_hz or 30.0) for c in on_usb)
    text = (
        f"{bits / 1e6:.0f} Mbit/s of uncompressed video; USB 2 carries {USB2_BITS_PER_S / 1e6:.0f}"
    )
    if bits <= USB2_BITS_PER_S:
        return Check("ok", "USB bandwidth", text)
    return Check(
        "warning", "USB bandwidth", f"{text}. Put the cameras on different controllers, or USB 3."
    )


def _disk(folder: Path, need: float, reserve_bytes: int, write_bytes: int) -> list[Check]:
    there = folder
    while not there.exists():
        there = there.parent
    free = shutil.disk_usage(there).free
    minutes = max(free - reserve_bytes, 0) / need / 60
    text = f"{free / GB:.1f} GB free, {need / MB:.0f} MB/s expected: {minutes:.0f} minutes"
    level: Level = "problem" if minutes < 1 else ("warning" if minutes < 10 else "ok")
    checks = [Check(level, "space", text)]
    try:
        speed = _write_speed(there, min(write_bytes, free // 4))
    except OSError as err:
        return [
            *checks,
            Check("problem", "write speed", f"cannot write in {there}: {err.strerror}"),
        ]
    text = f"{speed / MB:.0f} MB/s, {HEADROOM * need / MB:.0f} needed (twice the expected)"
    checks.append(Check("ok" if speed >= HEADROOM * need else "problem", "write speed", text))
    return checks


def _write_speed(folder: Path, size: int) -> float:
    """Bytes a second that reach the disk."""
    path, piece = folder / f".write_test_{os.getpid()}", os.urandom(MB)
    begun = time.monotonic()
    try:
        with path.open("wb", buffering=0) as stream:
            for _ in range(max(size // MB, 1)):
                stream.write(piece)
            os.fsync(stream.fileno())
    finally:
        path.unlink(missing_ok=True)
    return max(size, MB) / max(time.monotonic() - begun, 1e-6)


def _calibration(path: Path | None, cameras: Sequence[CameraRecord]) -> list[Check]:
    if path is None:
        return [Check("warning", "calibration", "none given: pass --calibration to keep it along")]
    from thermoscope.rig.calibration_files import read_calibration

    try:
        models = read_calibration(path).cameras
    except ThermoscopeError as err:
        return [Check("problem", "calibration", str(err))]
    checks = []
    for camera in cameras:
        name, model = f"{camera.name} calibration", models.get(camera.name)
        if model is None:
            checks.append(Check("warning", name, f"{path.name} does not have this camera"))
            continue
        size = f"{model.width}x{model.height}"
        fits = (model.width, model.height) == (camera.width_px, camera.height_px)
        text = f"for {size}, the camera gives {camera.width_px}x{camera.height_px}"
        checks.append(Check("ok" if fits else "problem", name, text))
    return checks
