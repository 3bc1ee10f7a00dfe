"""Truncations, flipped bits, kill -9: everything whole is kept, nothing wrong ever comes back."""

import errno
import shutil
from dataclasses import replace

import numpy as np
import pytest
from mcap.reader import make_reader
from tests.rig.made_recordings import (
    CAMERAS,
    fill,
    rgb_frame,
    thermal_frame,
    write_recording,
    write_segment,
)

from thermoscope.core.errors import ReadError, RigError, WriteError
from thermoscope.io.pictures import decoded_picture
from thermoscope.io.ros_messages import parse_frame_stamp
from thermoscope.rig.recording_format import read_manifest, write_manifest
from thermoscope.rig.recover import recover_recording, recover_segment
from thermoscope.rig.replay import replay_all
from thermoscope.rig.segment_scan import scan_segment
from thermoscope.rig.verify import verify_recording


@pytest.fixture(scope="module")
def closed(tmp_path_factory):
    path = tmp_path_factory.mktemp("closed") / "000000.mcap"
    write_segment(path, 0, 40)
    return path.read_bytes()


def thermal_indices(path):
    """Numbers of the thermal frames in a file; each is compared with the frame it must be."""
    found = []
    with path.open("rb") as stream:
        reader = make_reader(stream, validate_crcs=True)
        for _, channel, message in reader.iter_messages(
            topics=["/thermal/image", "/thermal/frame"]
        ):
            if channel.topic == "/thermal/frame":
                assert parse_frame_stamp(message.data).sequence == found[-1]
                continue
            _, pixels = decoded_picture(message.data, compressed=False)
            np.testing.assert_array_equal(pixels, thermal_frame(message.sequence))
            found.append(message.sequence)
    return found


def test_50_truncations(closed, tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / "000000.mcap"
    for cut in sorted(rng.integers(0, len(closed), 50)):
        path.write_bytes(closed[:cut])
        whole_frames = sum(len(chunk.index.get(1, ())) for chunk in scan_segment(path).chunks)
        recover_segment(path)
        scan = scan_segment(path)
        assert scan.closed
        assert not scan.damages
        assert thermal_indices(path) == list(range(whole_frames))
    assert whole_frames >= 30


def test_50_flipped_bits_are_seen_and_cost_one_chunk_at_most(closed, tmp_path):
    rng = np.random.default_rng(1)
    path = tmp_path / "000000.mcap"
    for _ in range(50):
        data = bytearray(closed)
        data[rng.integers(len(data))] ^= 1 << rng.integers(8)
        path.write_bytes(data)
        assert scan_segment(path).damages
        recover_segment(path)
        assert not scan_segment(path).damages
        assert len(thermal_indices(path)) >= 30  # of 40, ten a chunk
        (tmp_path / "000000.mcap.damaged").unlink(missing_ok=True)


def test_a_length_that_is_wrong_does_not_hide_what_follows(closed, tmp_path):
    path = tmp_path / "000000.mcap"
    path.write_bytes(closed)
    second = scan_segment(path).chunks[1].offset
    data = bytearray(closed)
    data[second + 5] ^= 0x40  # its length is now beyond the file
    path.write_bytes(data)
    result = recover_segment(path)
    assert result.how == "written anew"
    assert thermal_indices(path) == [*range(10), *range(20, 40)]
    assert (tmp_path / "000000.mcap.damaged").read_bytes() == data


def test_a_bit_that_makes_an_end_of_the_data_does_not_cut_off_what_follows(closed, tmp_path):
    path = tmp_path / "000000.mcap"
    for damaged in (closed, closed[:-200]):  # with its end, and without
        path.write_bytes(closed)
        data = bytearray(damaged)
        data[scan_segment(path).chunks[1].end] ^= 8  # a message index becomes the end of the data
        path.write_bytes(data)
        result = recover_segment(path)
        assert result.how == "written anew"
        assert thermal_indices(path) == list(range(40))
        (tmp_path / "000000.mcap.damaged").unlink()


@pytest.mark.parametrize("end", [True, False])
def test_what_is_cut_away_and_no_whole_record_is_kept_beside_it(closed, tmp_path, end):
    path = tmp_path / "000000.mcap"
    path.write_bytes(closed)
    last = scan_segment(path).chunks[-1]
    data = bytearray(closed if end else closed[: last.index_end])
    data[last.offset + 100] ^= 1
    path.write_bytes(data)
    assert recover_segment(path).how == "written anew"
    assert (tmp_path / "000000.mcap.damaged").read_bytes() == data


def test_a_second_recovery_leaves_what_the_first_put_aside(closed, tmp_path):
    path = tmp_path / "000000.mcap"
    path.write_bytes(closed)
    offset = scan_segment(path).chunks[1].offset
    kept = []
    for _ in range(3):
        data = bytearray(path.read_bytes())
        data[offset + 100] ^= 1
        path.write_bytes(data)
        kept.append(bytes(data))
        recover_segment(path)
        offset = scan_segment(path).chunks[1].offset
    for suffix, content in zip(("", "2", "3"), kept, strict=True):
        assert (tmp_path / f"000000.mcap.damaged{suffix}").read_bytes() == content


def test_bytes_lost_are_those_that_are_not_right(closed, tmp_path):
    path = tmp_path / "000000.mcap"
    path.write_bytes(closed)
    second = scan_segment(path).chunks[1]
    data = bytearray(closed)
    data[second.offset + 100] ^= 1
    path.write_bytes(data)
    result = recover_segment(path)
    assert {damage.reason for damage in result.lost} >= {"the data have a wrong CRC"}
    assert result.lost_bytes == second.index_end - second.offset


def test_the_first_chunk_may_be_lost_in_a_file_without_an_end(closed, tmp_path):
    """It holds the channels; the cameras' metadata tell them too."""
    path = tmp_path / "000000.mcap"
    path.write_bytes(closed)
    chunks = scan_segment(path).chunks
    data = bytearray(closed[: chunks[3].index_end])
    data[chunks[0].offset + 100] ^= 1
    path.write_bytes(data)
    recover_segment(path)
    assert thermal_indices(path) == list(range(10, 40))


def test_without_channels_and_metadata_nothing_is_made_up(closed, tmp_path):
    path = tmp_path / "000000.mcap"
    path.write_bytes(closed)
    scan = scan_segment(path)
    data = bytearray(closed[: scan.chunks[3].index_end])
    data[scan.chunks[0].offset + 100] ^= 1
    for offset, _, _ in scan.metadata:
        data[offset + 40] ^= 1
    path.write_bytes(data)
    result = recover_segment(path)
    assert any(damage.reason == "what is in it is not told anywhere" for damage in result.lost)
    assert thermal_indices(path) == []


def test_a_whole_segment_is_left_alone(closed, tmp_path):
    path = tmp_path / "000000.mcap"
    path.write_bytes(closed)
    assert recover_segment(path).how == "whole"
    assert path.read_bytes() == closed


def test_recovered_pictures_of_other_codecs(tmp_path):
    cameras = (replace(CAMERAS[0], codec="delta"), CAMERAS[1])
    writer = fill(tmp_path / "000000.mcap", 0, 20, cameras=cameras)
    writer.abandon()
    assert recover_segment(tmp_path / "000000.mcap").how == "closed in place"
    with (tmp_path / "000000.mcap").open("rb") as stream:
        for _, channel, message in make_reader(stream).iter_messages():
            if channel.topic == "/thermal/image/compressed":
                _, pixels = decoded_picture(message.data, compressed=True)
                np.testing.assert_array_equal(pixels, thermal_frame(message.sequence))
            elif channel.topic == "/rgb/image/compressed":
                _, pixels = decoded_picture(message.data, compressed=True)
                assert np.abs(pixels.astype(int) - rgb_frame(message.sequence)).mean() < 2


def test_a_recording_that_was_killed(tmp_path):
    folder = write_recording(tmp_path / "r", segments=1, frames=30)
    fill(folder / "000001.mcap", 30, 25).abandon()
    texts = [str(p) for p in verify_recording(folder).problems]
    assert "000001.mcap: is not in the manifest: it was never closed" in texts
    assert "000001.mcap: has no end: the recorder was stopped hard" in texts
    first, second = recover_recording(folder)
    assert (first.how, second.how) == ("whole", "closed in place")
    report = verify_recording(folder)
    assert report.whole, report.problems
    assert report.frames == {"thermal": 50, "rgb": 50}
    assert [s.recovered for s in read_manifest(folder).segments] == [False, True]


def test_a_recording_that_runs_is_left_alone(tmp_path):
    pytest.importorskip("fcntl")
    folder = write_recording(tmp_path / "r", segments=1, frames=10)
    write_manifest(folder, replace(read_manifest(folder), stopped=""))
    writer = fill(folder / "000001.mcap", 10, 10)
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    for recover in (recover_recording, recover_segment):
        with pytest.raises(RigError, match=r"000001\.mcap is being recorded\. Stop the recorder"):
            recover(folder if recover is recover_recording else folder / "000001.mcap")
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
    report = verify_recording(folder)
    assert report.running
    assert list(map(str, report.problems)) == [
        "000001.mcap: is being recorded. Stop the recorder first."
    ]
    with pytest.raises(ReadError, match=r"is being recorded\. Stop the recorder first"):
        list(replay_all(folder))
    writer.abandon()
    recover_recording(folder)
    assert verify_recording(folder).whole


@pytest.mark.parametrize("name", ["000000.mcap", "000001.mcap"])
def test_a_segment_that_is_gone_stays_listed(tmp_path, name):
    folder = write_recording(tmp_path / "r", segments=2, frames=10)
    listed = read_manifest(folder).segments
    (folder / name).unlink()
    done = recover_recording(folder)
    assert [result.path.name for result in done] == ["000000.mcap", "000001.mcap"]
    (gone,) = [result for result in done if result.how == "gone"]
    assert (gone.path.name, gone.messages) == (name, 0)
    assert gone.lost_bytes == {s.name: s.size_bytes for s in listed}[name]
    assert read_manifest(folder).segments == listed
    assert not verify_recording(folder).whole


@pytest.mark.parametrize(
    ("number", "advice", "tries"),
    [
        (errno.EROFS, "Make it writable, or recover a copy", 1),
        (errno.EIO, "Recover a copy on another disk", 1),
        (errno.ENOSPC, "Free some space", 4),
    ],
)
def test_chunks_are_given_up_for_space_only(tmp_path, monkeypatch, number, advice, tries):
    fill(tmp_path / "000000.mcap", 0, 40).abandon()
    tried = []

    def fail(descriptor):
        tried.append(descriptor)
        raise OSError(number, "no")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(WriteError, match=f"cannot recover .*: no. {advice}"):
        recover_segment(tmp_path / "000000.mcap")
    assert len(tried) == tries


def test_what_a_killed_recorder_kept_for_a_full_disk_is_given_back(tmp_path):
    folder = write_recording(tmp_path / "r", segments=1, frames=10)
    (folder / ".ballast").write_bytes(bytes(100))
    recover_recording(folder)
    assert not (folder / ".ballast").exists()


def test_a_lost_manifest_is_made_again_from_the_segments(tmp_path):
    folder = write_recording(tmp_path / "r", segments=2, frames=10)
    before = read_manifest(folder)
    (folder / "recording.json").write_text("nonsense")
    assert not verify_recording(folder).whole
    recover_recording(folder)
    after = read_manifest(folder)
    assert after.cameras == before.cameras
    assert after.offset_ns == before.offset_ns
    assert [s.sha256 for s in after.segments] == [s.sha256 for s in before.segments]
    assert verify_recording(folder).whole


def test_nothing_there(tmp_path):
    with pytest.raises(ReadError, match="cannot read .*No such file"):
        recover_segment(tmp_path / "x.mcap")
    (tmp_path / "empty.mcap").write_bytes(b"")
    assert recover_segment(tmp_path / "empty.mcap").messages == 0
    assert scan_segment(tmp_path / "empty.mcap").closed


def test_verify_sees_each_of_50_flipped_bits_of_a_recording(tmp_path):
    folder = write_recording(tmp_path / "r", segments=1, frames=20)
    assert verify_recording(folder).whole
    rng = np.random.default_rng(3)
    files = [folder / "000000.mcap", folder / "recording.json"]
    for i in range(50):
        file = files[i % 10 == 0]
        kept = file.read_bytes()
        data = bytearray(kept)
        data[rng.integers(len(data) - 1)] ^= 1 << rng.integers(7)
        file.write_bytes(data)
        assert not verify_recording(folder, decode=False).whole
        file.write_bytes(kept)


def test_verify_tells_what_is_missing(tmp_path):
    folder = write_recording(tmp_path / "r", segments=2, frames=10)
    (folder / "000000.mcap").unlink()
    texts = [str(p) for p in verify_recording(folder).problems]
    assert "000000.mcap: is in the manifest and not in the folder" in texts
    assert "recording.json: thermal has 10 frames, 20 were written" in texts


def test_verify_does_not_accept_frames_that_nobody_accounts_for(tmp_path):
    folder = write_recording(tmp_path / "r", segments=1, frames=10)
    shutil.copy(folder / "000000.mcap", tmp_path / "keep")
    write_segment(folder / "000001.mcap", 13, 5)
    texts = [str(p) for p in verify_recording(folder).problems]
    assert "recording.json: thermal lacks 3 frames that no event accounts for" in texts
