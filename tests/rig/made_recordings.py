"""Small recordings without a camera: known frames, known counters, written in milliseconds."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from thermoscope.io.ros_messages import FrameStamp, LogEntry
from thermoscope.rig.recording_format import CameraRecord, Manifest, write_manifest
from thermoscope.rig.segment import PictureCoder, SegmentWriter

OFFSET_NS = 1_700_000_000_000_000_000
PERIOD_NS = 33_333_333
CAMERAS = (
    CameraRecord("thermal", "93588", "thermal", "mono16", 32, 24, 30.0, {"pixel": "y16"}),
    CameraRecord("rgb", "rgb-0", "rgb", "jpeg", 40, 30, 30.0),
)


def thermal_frame(index: int) -> np.ndarray:
    """Counts that only frame `index` has."""
    return np.random.default_rng(index).integers(20_000, 21_000, (24, 32)).astype(np.uint16)


def rgb_frame(index: int) -> np.ndarray:
    """A smooth colour picture that depends on `index`."""
    ramp = np.linspace(0, 200, 40, dtype=np.float32)
    return np.stack([np.tile(ramp, (30, 1)) + c * 10 + index % 16 for c in range(3)], 2).astype(
        np.uint8
    )


def stamp(index: int) -> FrameStamp:
    """Clocks of frame `index`."""
    host_ns = 5_000_000_000 + index * PERIOD_NS
    device_ns = index * PERIOD_NS // 1_000_000 * 1_000_000
    telemetry = bytes([index % 256] * 8)
    return FrameStamp(
        OFFSET_NS + host_ns, index, 126 + index, device_ns, host_ns, telemetry=telemetry
    )


def write_segment(path: Path, start: int, count: int, *, cameras=CAMERAS, sync_every=10) -> object:
    """One closed segment with `count` frames of each camera."""
    writer = fill(path, start, count, cameras=cameras, sync_every=sync_every)
    return writer.close()


def fill(path: Path, start: int, count: int, *, cameras=CAMERAS, sync_every=10) -> SegmentWriter:
    """A segment that is still open."""
    writer = SegmentWriter(path, cameras, offset_ns=OFFSET_NS)
    coders = {camera.name: PictureCoder(camera) for camera in cameras}
    for index in range(start, start + count):
        clocks = stamp(index)
        for camera in cameras:
            pixels = thermal_frame(index) if camera.kind == "thermal" else rgb_frame(index)
            writer.add_frame(camera.name, coders[camera.name].encode(pixels, clocks.t_ns), clocks)
        if index % sync_every == sync_every - 1:
            writer.add_clock(clocks.t_ns, clocks.t_ns + 5)
            writer.sync()
    writer.add_event(LogEntry(clocks.t_ns, "rig", "stop", "asked", level=20))
    return writer


def write_recording(folder: Path, *, segments=2, frames=30, cameras=CAMERAS) -> Path:
    """A closed recording."""
    folder.mkdir(parents=True, exist_ok=True)
    records = [
        write_segment(folder / f"{i:06d}.mcap", i * frames, frames, cameras=cameras)
        for i in range(segments)
    ]
    manifest = Manifest(
        cameras, OFFSET_NS, OFFSET_NS, tuple(records), {c.name: 0 for c in cameras}, "asked"
    )
    write_manifest(folder, manifest)
    return folder
