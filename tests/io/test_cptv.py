import gzip

import numpy as np
import pytest
from tests.fakes import image_files as fake

from thermoscope.core.errors import ReadError
from thermoscope.io.read import read
from thermoscope.io.sequence import open_sequence

FRAMES = [fake.scene(24, 32, seed=k) for k in range(5)]


@pytest.fixture
def written(tmp_path):
    def write(data: bytes):
        path = tmp_path / "a.cptv"
        path.write_bytes(data)
        return path

    return write


@pytest.mark.parametrize("bits", [7, 8, 11, 12, 16, 24])
def test_every_width_of_differences(written, bits):
    frames = FRAMES if bits > 8 else [np.full((24, 32), 3000 + 5 * k, np.uint16) for k in range(3)]
    with open_sequence(written(fake.cptv(frames, bits=bits))) as sequence:
        decoded = [image.counts for image in sequence]
    np.testing.assert_array_equal(decoded, frames)


def test_any_order_of_frames(written):
    with open_sequence(written(fake.cptv(FRAMES))) as sequence:
        for index in (4, 0, 2, 2, 3, -1):
            np.testing.assert_array_equal(sequence[index].counts, FRAMES[index])
        assert len(sequence) == 5
        with pytest.raises(IndexError):
            sequence[5]


def test_camera_moment_and_shutter(written):
    image = read(written(fake.cptv(FRAMES)), frame=2)
    assert image.capture.model == "lepton3"
    assert image.capture.t_ns == 1_500_000_000_222_000_000
    assert image.capture.t_zone == "utc"
    assert image.capture.extra["ms_since_ffc"] == 59_222
    assert image.capture.extra["device_name"] == "tester"
    assert not image.radiometric


def test_the_cptv_package_reads_the_same(written):
    cptv = pytest.importorskip("cptv", reason="reference reader")
    path = written(fake.cptv(FRAMES))
    with path.open("rb") as stream:
        theirs = [frame.pix for frame in cptv.CPTVReader(stream)]
    with open_sequence(path) as sequence:
        np.testing.assert_array_equal([image.counts for image in sequence], theirs)


@pytest.mark.real
def test_the_cptv_package_reads_the_same_of_a_real_recording(real_data):
    cptv = pytest.importorskip("cptv", reason="reference reader")
    path = real_data / "raw" / "cptv_lepton" / "v2.cptv"
    with path.open("rb") as stream, open_sequence(path) as sequence:
        frames = 0
        for theirs, ours in zip(cptv.CPTVReader(stream), sequence, strict=True):
            frames += 1
            np.testing.assert_array_equal(ours.counts, theirs.pix)
            extra = ours.capture.extra
            since = (theirs.time_on - theirs.last_ffc_time).total_seconds()
            assert extra["ms_since_ffc"] == pytest.approx(1000 * since)
    assert frames == 100


def test_a_recording_that_was_cut(written):
    data = fake.cptv(FRAMES)
    path = written(data[: len(data) * 3 // 4])
    with pytest.raises(ReadError, match="damaged inside|ends inside"):
        list(open_sequence(path))
    with open_sequence(path, on_error="skip") as sequence:
        frames = list(sequence)
        np.testing.assert_array_equal(frames[0].counts, FRAMES[0])
        assert 1 <= len(frames) == len(sequence) < 5
        assert len(sequence.skipped) == 1


def tampered(old: bytes, new: bytes) -> bytes:
    body = gzip.decompress(fake.cptv(FRAMES))
    assert old in body
    return gzip.compress(body.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        (b"CPTV\x02", b"CPTV\x07", "expected CPTV version 1 or 2"),
        (b"\x01C\x01", b"\x01C\x09", "another compression"),
        (b"\x01w\x0c", b"\x01w\xff", "1 to 24 bits"),
        (b"\x01w\x0c", b"\x01w\x10", r"a frame of \d+ bytes, 1538 are due"),
        (b"\x04X\x20\0\0\0", b"\x04X\0\0\0\0", "no pixel"),
        (b"\x04Y\x18\0\0\0", b"\x04Y\xff\xff\xff\x0f", "over the limit"),
    ],
)
def test_damage_is_named(written, old, new, match):
    with pytest.raises(ReadError, match=match):
        read(written(tampered(old, new)))


def test_a_frame_of_gigabytes_is_refused_unread(written):
    body = gzip.decompress(fake.cptv(FRAMES))
    at = body.index(b"\x04f") + 2
    huge = body[:at] + b"\xff\xff\xff\x7f" + body[at + 4 :]
    with pytest.raises(ReadError, match="a frame of 2147483647 bytes"):
        read(written(gzip.compress(huge)))
