"""Frames of real cameras through the recorder, the import and the export: not a count changes."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from tests.fakes.bag_files import NS, Messages, write_bag

from thermoscope.data.pairs import pairs
from thermoscope.engine.rig_export import ExportConfig, export_recording
from thermoscope.engine.rig_import import import_recording
from thermoscope.rig.camera import CameraSettings, open_camera
from thermoscope.rig.capture import CaptureSource
from thermoscope.rig.recorder import RecordOptions, record
from thermoscope.rig.replay import replay_all
from thermoscope.rig.verify import verify_recording

pytestmark = pytest.mark.real
T0, RATE_HZ, COUNT = 1_600_000_000 * NS, 20.0, 12


def thermal_files(root: Path) -> list[Path]:
    """16-bit frames of an Optris camera, in time."""
    return sorted((root / "sequence" / "optris16").glob("*.png"))[:COUNT]


def colour_files(root: Path) -> list[Path]:
    return sorted((root / "pairs" / "msrs" / "rgb").glob("*.jpg"))[:COUNT]


def as_sent(files: list[Path]) -> list[NDArray[np.uint16]]:
    return [np.asarray(cv2.imread(str(file), cv2.IMREAD_UNCHANGED)) for file in files]


def linked(files: list[Path], folder: Path) -> str:
    """The files alone, as a camera."""
    folder.mkdir()
    for file in files:
        (folder / file.name).symlink_to(file)
    return f"file:{folder}"


@pytest.mark.parametrize("codec", ["mono16", "delta"])
def test_recorded_verified_and_exported(codec: str, real_data: Path, tmp_path: Path) -> None:
    thermal, settings = as_sent(thermal_files(real_data)), CameraSettings(rate_hz=RATE_HZ)
    sources = [
        CaptureSource(
            name,
            partial(open_camera, linked(files, tmp_path / name), name=name, settings=settings),
            thermal_codec=codec,
        )
        for name, files in (
            ("thermal", thermal_files(real_data)),
            ("rgb", colour_files(real_data)),
        )
    ]
    folder = tmp_path / "walk"

    record(folder, sources, RecordOptions(isolation="thread", reserve_bytes=1))

    assert verify_recording(folder).whole
    back = [frame for frame in replay_all(folder) if frame.camera == "thermal"]
    assert len(back) > COUNT // 2  # it begins when the last camera has given its first frame
    assert all(np.array_equal(f.image, thermal[f.counter]) for f in back)

    config = ExportConfig(layout="pairs", rate_hz=RATE_HZ, max_gap_ms=500 / RATE_HZ)
    report = export_recording(folder, tmp_path / "out", config)

    data = pairs(report.folder, split="train", aligned=False)
    sent = {frame.tobytes() for frame in thermal}
    assert len(data) > COUNT // 2  # no more than one in a twentieth of a second
    assert all(data[i]["counts"][0].tobytes() in sent for i in range(len(data)))
    assert data[0]["rgb"].std() > 0.02


def test_a_bag_of_real_frames(real_data: Path, tmp_path: Path) -> None:
    thermal, make = as_sent(thermal_files(real_data)), Messages("ros2")
    step = int(NS / RATE_HZ)
    messages = [
        ("/optris/image_raw", T0 + i * step, make.image(T0 + i * step, counts, "mono16"))
        for i, counts in enumerate(thermal)
    ]
    source = write_bag(tmp_path / "bag", "ros2", messages)

    import_recording(source, tmp_path / "walk")

    assert verify_recording(tmp_path / "walk").whole
    back = list(replay_all(tmp_path / "walk"))
    assert [f.host_ns - T0 for f in back] == [i * step for i in range(COUNT)]
    assert all(np.array_equal(f.image, t) for f, t in zip(back, thermal, strict=True))
