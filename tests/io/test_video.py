import numpy as np
import pytest
from tests.fakes import image_files as fake

from thermoscope.core.errors import ImageTooLargeError, ReadError
from thermoscope.io.read import read
from thermoscope.io.sequence import open_sequence
from thermoscope.io.thermal_image import ThermalImage

LEVELS = (20, 60, 100, 140, 180)


@pytest.fixture
def eight_bit(tmp_path):
    import cv2

    path = tmp_path / "a.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10, (64, 48), True)
    for level in LEVELS:
        writer.write(np.full((48, 64, 3), level, np.uint8))
    writer.release()
    return path


@pytest.fixture
def sixteen_bit(tmp_path):
    import cv2

    path = tmp_path / "a.mkv"
    deep = [cv2.VIDEOWRITER_PROP_IS_COLOR, 0, cv2.VIDEOWRITER_PROP_DEPTH, cv2.CV_16U]
    code = cv2.VideoWriter_fourcc(*"FFV1")
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, code, 10, (64, 48), deep)
    for k in range(4):
        writer.write(fake.scene(seed=k))
    writer.release()
    return path


def level(image: ThermalImage) -> int:
    return int(np.median(image.luma))


def test_8_bit_video(eight_bit):
    with open_sequence(eight_bit) as sequence:
        assert sequence.frame_count is None
        images = list(sequence)
        assert [level(image) for image in images] == pytest.approx(LEVELS, abs=3)
        assert [image.capture.extra["video_time_ns"] for image in images] == [
            k * 100_000_000 for k in range(5)
        ]
        assert len(sequence) == 5
        assert level(sequence[1]) == pytest.approx(60, abs=3)  # going back
        assert level(sequence[-1]) == pytest.approx(180, abs=3)
        with pytest.raises(IndexError):
            sequence[5]


def test_read_takes_one_frame(eight_bit):
    image = read(eight_bit, frame=3)
    assert level(image) == pytest.approx(140, abs=3)
    assert image.source.format == "video"
    with pytest.raises(ReadError, match="frame 9 asked for, and there are 5"):
        read(eight_bit, frame=9)


def test_16_bit_video_keeps_its_counts(sixteen_bit):
    with open_sequence(sixteen_bit) as sequence:
        for index, image in enumerate(sequence):
            np.testing.assert_array_equal(image.counts, fake.scene(seed=index))
            assert image.capture.extra["video_time_ns"] == index * 100_000_000
        assert len(sequence) == 4
        np.testing.assert_array_equal(sequence[1].counts, fake.scene(seed=1))


def test_going_back_in_16_bit_video_does_not_make_it_8_bit(sixteen_bit, capfd):
    with open_sequence(sixteen_bit) as sequence:
        assert [sequence[k].kind for k in (2, 0, 3)] == ["counts"] * 3
    assert capfd.readouterr().err == ""  # OpenCV would warn


def test_the_limit_holds(eight_bit):
    with pytest.raises(ImageTooLargeError, match="64x48"):
        read(eight_bit, max_pixels=1000)


def test_what_only_begins_like_a_video(tmp_path):
    path = tmp_path / "a.mp4"
    path.write_bytes(b"\0\0\0\x18ftypisom" + bytes(200))
    with pytest.raises(ReadError, match="no video stream"):
        read(path)
