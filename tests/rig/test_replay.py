"""A recording as cameras: order, pace, and what is said about one that is not whole."""

import time

import numpy as np
import pytest
from tests.rig.made_recordings import fill, stamp, thermal_frame, write_recording

from thermoscope.core.errors import CameraError, ReadError, UnknownNameError
from thermoscope.rig.replay import RecordedCamera, replay_all


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    return write_recording(tmp_path_factory.mktemp("replay") / "r", segments=2, frames=15)


def test_a_camera_gives_all_segments_in_order(recording):
    with RecordedCamera(recording, "thermal", pace="fast") as camera:
        frames = list(camera.frames())
    assert [frame.sequence for frame in frames] == list(range(30))
    assert frames[17].host_ns == stamp(17).host_ns
    assert frames[17].telemetry == bytes([17] * 8)
    np.testing.assert_array_equal(frames[17].image, thermal_frame(17))


def test_only_wanted_frames_are_decoded(recording):
    with RecordedCamera(recording, "thermal", pace="fast") as camera:
        frames = list(camera.frames(only={3, 17, 99}))
    assert [frame.sequence for frame in frames] == [3, 17]
    np.testing.assert_array_equal(frames[1].image, thermal_frame(17))


def test_all_cameras_together(recording):
    frames = list(replay_all(recording))
    assert len(frames) == 60
    assert [f.host_ns for f in frames] == sorted(f.host_ns for f in frames)


def test_real_time_and_faster(recording):
    span_s = 29 / 30
    begun = time.monotonic()
    assert len(list(replay_all(recording, pace="real", speed=4.0))) == 60
    assert span_s / 4 <= time.monotonic() - begun


def test_close_ends_a_replay_that_waits(recording):
    camera = RecordedCamera(recording, "rgb", speed=0.01)
    with camera:
        frames = camera.frames()
        next(frames)
        camera.close()
        assert next(frames, None) is None
    with pytest.raises(CameraError, match="the camera is not open"):
        next(camera.frames())


def test_bad_input(recording, tmp_path):
    with pytest.raises(UnknownNameError, match="unknown camera of the recording 'left'"):
        RecordedCamera(recording, "left")
    with pytest.raises(CameraError, match="speed must be positive, got 0"):
        list(replay_all(recording, pace="real", speed=0))
    folder = write_recording(tmp_path / "r", segments=1, frames=10)
    fill(folder / "000001.mcap", 10, 10).abandon()
    with pytest.raises(ReadError, match="is damaged or was not closed"):
        list(replay_all(folder))
