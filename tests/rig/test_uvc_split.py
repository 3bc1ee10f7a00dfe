"""Cores that send video and 16-bit values as one tall frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.fakes.v4l2_kernel import install

from thermoscope.core.errors import ConfigError
from thermoscope.rig.camera import CameraSettings, open_camera


@pytest.mark.parametrize(("half", "first"), [("lower", 300 * 64), ("upper", 0x8010)])
def test_only_one_half_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, half: str, first: int
) -> None:
    kernel = install(tmp_path, monkeypatch)
    video = bytes((0x10, 0x80)) * 12
    values = np.full((3, 4), 300 * 64, "<u2")  # 300 K
    kernel.pictures += [(b"short", 0, 1, 0), (video + values.tobytes(), 1, 1, 0)]
    settings = CameraSettings(4, 3, 25.0, "y16", extra={"half": half})
    with open_camera(f"uvc:{kernel.path}", settings=settings) as camera:
        frame = next(camera.frames())

    assert (frame.image.shape, frame.image[0, 0], frame.counter) == ((3, 4), first, 1)
    assert camera.bad_pictures == 1  # type: ignore[attr-defined]


def test_wrong_words() -> None:
    with pytest.raises(ConfigError, match="half=lower or upper, got 'y16' and 'left'"):
        open_camera("uvc:/dev/video0", settings=CameraSettings(4, 3, extra={"half": "left"}))
    with pytest.raises(ConfigError, match="uvc needs a device"):
        open_camera("uvc:")
